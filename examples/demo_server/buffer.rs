//! `Buffer` (asynchronous): a polygon around each point.

use serde_json::{Map, Value, json};

use crate::data::field;
use crate::failure::Failure;
use crate::geo::{area_km2, ring_around};
use crate::gp::{Outcome, Output, OutputValue, Points, Task, long, metres, parameter, point_schema};
use crate::http::Request;

pub(crate) const TASK: Task = Task {
    name: "Buffer",
    synchronous: false,
    description: "Polygons around points, at a distance on the ground.",
    parameters,
    run,
};

fn parameters() -> Value {
    json!([
        parameter("Input_Features", "GPFeatureRecordSetLayer", "Required", point_schema()),
        parameter("Distance", "GPLinearUnit", "Required", Value::Null),
        parameter("Segments", "GPLong", "Optional", json!(36)),
        parameter("Buffers", "GPFeatureRecordSetLayer", "Derived", Value::Null),
        parameter("Buffer_Count", "GPLong", "Derived", Value::Null),
        parameter("Statistics", "GPRecordSet", "Derived", Value::Null),
    ])
}

fn run(request: &Request) -> Result<Outcome, Failure> {
    let points = Points::of(request, "Input_Features")?;
    let distance_m = metres(request, "Distance", None)?;
    let segments = long(request, "Segments", 36, 3..=720)?;

    let distances_m = vec![distance_m; segments as usize];
    let area = area_km2(&distances_m);
    let (mut rows, mut statistics) = (Vec::new(), Vec::new());
    for ((mut attributes, place), id) in points.rows.into_iter().zip(1..) {
        attributes.insert("OBJECTID".to_owned(), json!(id));
        attributes.insert("BUFF_DIST".to_owned(), json!(distance_m));
        rows.push((attributes, ring_around(place, &distances_m)));
        let row = [("OBJECTID", json!(id)), ("ORIG_ROW", json!(id)), ("AREA_KM2", json!(area))];
        statistics.push(row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>());
    }
    let count = rows.len();
    let mut fields = vec![field("OBJECTID", "OID", Value::Null)];
    fields.extend(points.fields);
    fields.push(field("BUFF_DIST", "Double", Value::Null));
    let statistics_fields = vec![
        field("OBJECTID", "OID", Value::Null),
        field("ORIG_ROW", "Integer", Value::Null),
        field("AREA_KM2", "Double", Value::Null),
    ];
    let mut messages = vec![
        ("Informative", "Executing (Buffer): Buffer".to_owned()),
        ("Informative", format!("Buffering {count} points by {distance_m} m with {segments} segments.")),
    ];
    if count == 0 {
        messages.push(("Warning", "WARNING 000117: Warning empty output generated.".to_owned()));
    }
    messages.push(("Informative", "Succeeded.".to_owned()));
    let polygons = OutputValue::Polygons { sr: points.out_sr, fields, rows };
    let outputs = vec![
        Output { name: "Buffers", data_type: "GPFeatureRecordSetLayer", value: polygons },
        Output { name: "Buffer_Count", data_type: "GPLong", value: OutputValue::Scalar(json!(count)) },
        Output {
            name: "Statistics",
            data_type: "GPRecordSet",
            value: OutputValue::Table { fields: statistics_fields, rows: statistics },
        },
    ];
    Ok(Outcome { messages, outputs })
}
