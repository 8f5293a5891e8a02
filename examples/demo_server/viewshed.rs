//! `Viewshed` (synchronous): the ground that can be seen from each observer, on a made-up terrain.

use serde_json::{Value, json};

use crate::data::field;
use crate::failure::Failure;
use crate::geo::{EARTH_M, LonLat, area_km2, destination, ring_around};
use crate::gp::{Outcome, Output, OutputValue, Points, Task, long, metres, parameter, point_schema};
use crate::http::Request;

const EYE_M: f64 = 1.7;
const STEPS: u32 = 60;
const DEFAULT_DISTANCE_M: f64 = 15_000.0;

pub(crate) const TASK: Task = Task {
    name: "Viewshed",
    synchronous: true,
    description: "The farthest ground that each observer sees in each direction, within a distance.",
    parameters,
    run,
};

fn parameters() -> Value {
    json!([
        parameter("Input_Observation_Point", "GPFeatureRecordSetLayer", "Required", point_schema()),
        parameter(
            "Viewshed_Distance",
            "GPLinearUnit",
            "Optional",
            json!({"distance": DEFAULT_DISTANCE_M, "units": "esriMeters"})
        ),
        parameter("Directions", "GPLong", "Optional", json!(90)),
        parameter("Viewshed_Result", "GPFeatureRecordSetLayer", "Derived", Value::Null),
        parameter("Visible_Area", "GPDouble", "Derived", Value::Null),
    ])
}

fn run(request: &Request) -> Result<Outcome, Failure> {
    let observers = Points::of(request, "Input_Observation_Point")?;
    let distance_m = metres(request, "Viewshed_Distance", Some(DEFAULT_DISTANCE_M))?;
    let directions = long(request, "Directions", 90, 3..=720)?;

    let mut total_km2 = 0.0;
    let mut rows = Vec::new();
    for ((mut attributes, place), id) in observers.rows.into_iter().zip(1..) {
        let azimuth = |direction| f64::from(direction) * 360.0 / f64::from(directions);
        let seen_m: Vec<f64> = (0..directions).map(|direction| sight_m(place, azimuth(direction), distance_m)).collect();
        let seen_km2 = area_km2(&seen_m);
        total_km2 += seen_km2;
        attributes.insert("OBJECTID".to_owned(), json!(id));
        attributes.insert("DISTANCE_M".to_owned(), json!(distance_m));
        attributes.insert("SEEN_KM2".to_owned(), json!(seen_km2));
        rows.push((attributes, ring_around(place, &seen_m)));
    }
    let mut fields = vec![field("OBJECTID", "OID", Value::Null)];
    fields.extend(observers.fields);
    fields.extend(["DISTANCE_M", "SEEN_KM2"].map(|name| field(name, "Double", Value::Null)));
    let messages = vec![
        ("Informative", "Executing Viewshed...".to_owned()),
        ("Informative", format!("{} observers look {distance_m} m far in {directions} directions.", rows.len())),
    ];
    let polygons = OutputValue::Polygons { sr: observers.out_sr, fields, rows };
    let outputs = vec![
        Output { name: "Viewshed_Result", data_type: "GPFeatureRecordSetLayer", value: polygons },
        Output { name: "Visible_Area", data_type: "GPDouble", value: OutputValue::Scalar(json!(total_km2)) },
    ];
    Ok(Outcome { messages, outputs })
}

/// How far away the farthest visible ground is. Ground is visible where its slope, seen from the eye, is the
/// steepest so far.
fn sight_m(from: LonLat, azimuth: f64, distance_m: f64) -> f64 {
    let eye = ground_m(from) + EYE_M;
    let mut steepest = f64::NEG_INFINITY;
    let mut seen = 0.0;
    for step in 1..=STEPS {
        let away = distance_m * f64::from(step) / f64::from(STEPS);
        let drop = away * away / (2.0 * EARTH_M);
        let slope = (ground_m(destination(from, azimuth, away)) - drop - eye) / away;
        if slope >= steepest {
            steepest = slope;
            seen = away;
        }
    }
    seen
}

/// The height of the made-up terrain.
fn ground_m([lon, lat]: LonLat) -> f64 {
    400.0
        + 250.0 * (lon * 9.1).sin() * (lat * 7.3).cos()
        + 80.0 * (lon * 41.0 + lat * 37.0).sin()
        + 30.0 * (lat * 97.0 - lon * 89.0).cos()
}
