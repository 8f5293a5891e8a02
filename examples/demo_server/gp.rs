//! The geoprocessing service: its tasks, what they take, and what they give.

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::geo::{LonLat, Sr};
use crate::http::Request;
use crate::jobs::Jobs;
use crate::{buffer, viewshed};

/// The most rows of one output; above it the output is cut off, as on real servers.
const MOST_RECORDS: usize = 1_000;

/// One tool.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) synchronous: bool,
    pub(crate) description: &'static str,
    pub(crate) parameters: fn() -> Value,
    pub(crate) run: fn(&Request) -> Result<Outcome, Failure>,
}

const TASKS: [Task; 2] = [viewshed::TASK, buffer::TASK];

/// Answers below `GPServer`.
pub(crate) fn route(jobs: &Jobs, path: &[&str], request: &Request) -> Result<Value, Failure> {
    let Some((name, operation)) = path.split_first() else {
        return Ok(json!({
            "currentVersion": 11.1, "serviceDescription": "Two tools", "tasks": TASKS.map(|task| task.name),
            "executionType": "esriExecutionTypeAsynchronous", "resultMapServerName": "", "maximumRecords": MOST_RECORDS,
            "capabilities": "",
        }));
    };
    let task = TASKS.into_iter().find(|task| task.name == *name).ok_or_else(Failure::invalid_url)?;
    match operation {
        [] => Ok(task.describe()),
        ["execute"] if task.synchronous => {
            let outcome = (task.run)(request)?;
            let results: Vec<_> = outcome.outputs.iter().map(|output| output.to_json(None)).collect();
            Ok(json!({"results": results, "messages": messages(&outcome.messages)}))
        }
        ["execute"] => Err(Failure::unable("The task is asynchronous; use submitJob.")),
        ["submitJob"] if task.synchronous => Err(Failure::unable("The task is synchronous; use execute.")),
        ["submitJob"] => Ok(jobs.submit(&task, request)),
        ["jobs", id] => jobs.poll(id),
        ["jobs", id, "cancel"] => jobs.cancel(id),
        ["jobs", id, "results", parameter] => {
            let sr = request.filled("outSR").map(Sr::parse).transpose()?;
            jobs.result(id, parameter, sr)
        }
        _ => Err(Failure::invalid_url()),
    }
}

impl Task {
    fn describe(&self) -> Value {
        let kind = if self.synchronous { "esriExecutionTypeSynchronous" } else { "esriExecutionTypeAsynchronous" };
        json!({
            "name": self.name, "displayName": self.name, "description": self.description, "category": "", "helpUrl": "",
            "executionType": kind, "parameters": (self.parameters)(),
        })
    }
}

/// A parameter description.
pub(crate) fn parameter(name: &str, data_type: &str, role: &str, default: Value) -> Value {
    let direction = if role == "Derived" { "Output" } else { "Input" };
    json!({
        "name": name, "dataType": data_type, "displayName": name.replace('_', " "), "description": "",
        "direction": format!("esriGPParameterDirection{direction}"), "parameterType": format!("esriGPParameterType{role}"),
        "defaultValue": default, "category": "",
    })
}

/// The default of a parameter that takes points: an empty feature set, which says what is expected.
pub(crate) fn point_schema() -> Value {
    json!({
        "displayFieldName": "", "geometryType": "esriGeometryPoint", "spatialReference": Sr::Wgs84.to_json(),
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID"}], "features": [],
    })
}

/// What a tool says while it works: level (`Informative`, `Warning`, `Error`) and text.
pub(crate) type Message = (&'static str, String);

/// Messages on the wire.
pub(crate) fn messages(list: &[Message]) -> Vec<Value> {
    let message = |(level, text): &Message| json!({"type": format!("esriJobMessageType{level}"), "description": text});
    list.iter().map(message).collect()
}

/// What a tool gives.
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Message>,
    pub(crate) outputs: Vec<Output>,
}

/// One output.
pub(crate) struct Output {
    pub(crate) name: &'static str,
    pub(crate) data_type: &'static str,
    pub(crate) value: OutputValue,
}

/// The value of an output.
pub(crate) enum OutputValue {
    /// Polygons of one ring each.
    Polygons { sr: Sr, fields: Vec<Value>, rows: Vec<(Map<String, Value>, Vec<LonLat>)> },
    /// Rows without geometry.
    Table { fields: Vec<Value>, rows: Vec<Map<String, Value>> },
    /// A number.
    Scalar(Value),
}

impl Output {
    /// The result resource; `sr` asks for another spatial reference.
    pub(crate) fn to_json(&self, sr: Option<Sr>) -> Value {
        let value = match &self.value {
            OutputValue::Scalar(value) => value.clone(),
            OutputValue::Table { fields, rows } => {
                let features: Vec<_> = rows.iter().map(|row| json!({"attributes": row})).collect();
                limited(json!({"displayFieldName": "", "fields": fields}), features)
            }
            OutputValue::Polygons { sr: own, fields, rows } => {
                let sr = sr.unwrap_or(*own);
                let feature = |(attributes, ring): &(_, Vec<LonLat>)| {
                    let ring: Vec<_> = ring.iter().map(|place| sr.of_lon_lat(*place)).collect();
                    json!({"attributes": attributes, "geometry": {"rings": [ring]}})
                };
                let head = json!({
                    "displayFieldName": "", "geometryType": "esriGeometryPolygon", "spatialReference": sr.to_json(), "fields": fields,
                });
                limited(head, rows.iter().map(feature).collect())
            }
        };
        json!({"paramName": self.name, "dataType": self.data_type, "value": value})
    }
}

/// A feature set; above the limit it is empty and says so.
fn limited(mut set: Value, features: Vec<Value>) -> Value {
    let exceeded = features.len() > MOST_RECORDS;
    set["features"] = if exceeded { json!([]) } else { json!(features) };
    set["exceededTransferLimit"] = json!(exceeded);
    set
}

/// Posted points.
pub(crate) struct Points {
    /// What the output is to be in: what was asked for, else what the points came in.
    pub(crate) out_sr: Sr,
    /// The fields, without the object id.
    pub(crate) fields: Vec<Value>,
    /// The attributes of those fields and the place, in the order of the input.
    pub(crate) rows: Vec<(Map<String, Value>, LonLat)>,
}

impl Points {
    /// Reads a parameter that is a feature set of points or multipoints.
    pub(crate) fn of(request: &Request, name: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::unable(&format!("ERROR 000735: {name}: {why}"));
        let text = request.filled(name).ok_or_else(|| wrong("Value is required"))?;
        let set: Value = serde_json::from_str(text).map_err(|_| wrong("The value is not a feature set"))?;
        let features = set["features"].as_array().ok_or_else(|| wrong("The value has no features"))?;
        let kind = set["geometryType"].as_str().unwrap_or("esriGeometryPoint");
        if !matches!(kind, "esriGeometryPoint" | "esriGeometryMultipoint") {
            return Err(wrong(&format!("The value is {kind}, not points")));
        }
        let sr = Sr::of(&set["spatialReference"]).ok_or_else(|| wrong("The spatial reference is missing or unknown"))?;
        let is_id = |field: &Value| field["type"] == "esriFieldTypeOID";
        let fields: Vec<Value> = set["fields"].as_array().into_iter().flatten().filter(|f| !is_id(f)).cloned().collect();
        let mut rows = Vec::new();
        for feature in features {
            let attribute = |field: &Value| {
                let name = field["name"].as_str()?;
                Some((name.to_owned(), feature["attributes"][name].clone()))
            };
            let attributes: Map<String, Value> = fields.iter().filter_map(attribute).collect();
            let geometry = &feature["geometry"];
            let single = [geometry["x"].as_f64(), geometry["y"].as_f64()];
            let many = geometry["points"].as_array().into_iter().flatten().map(|p| [p[0].as_f64(), p[1].as_f64()]);
            for place in std::iter::once(single).chain(many) {
                if let [Some(x), Some(y)] = place {
                    rows.push((attributes.clone(), sr.to_lon_lat([x, y])));
                }
            }
        }
        Ok(Self { out_sr: out_sr(request)?.unwrap_or(sr), fields, rows })
    }
}

/// The spatial reference that the request wants results in.
fn out_sr(request: &Request) -> Result<Option<Sr>, Failure> {
    if let Some(text) = request.filled("env:outSR") {
        return Sr::parse(text).map(Some);
    }
    let context: Value = request.filled("context").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Ok(Sr::of(&context["outSR"]))
}

/// A linear unit in metres: `{"distance": 8.5, "units": "esriMiles"}`.
pub(crate) fn metres(request: &Request, name: &str, default: Option<f64>) -> Result<f64, Failure> {
    let wrong = |why: &str| Failure::unable(&format!("ERROR 000735: {name}: {why}"));
    let Some(text) = request.filled(name) else { return default.ok_or_else(|| wrong("Value is required")) };
    let value: Value = serde_json::from_str(text).map_err(|_| wrong("The value is not a linear unit"))?;
    let unit = match value["units"].as_str().unwrap_or("esriMeters") {
        "esriMeters" => 1.0,
        "esriKilometers" => 1_000.0,
        "esriFeet" | "esriIntFeet" => 0.3048,
        "esriYards" | "esriIntYards" => 0.9144,
        "esriMiles" | "esriIntMiles" => 1_609.344,
        "esriNauticalMiles" | "esriIntNauticalMiles" => 1_852.0,
        other => return Err(wrong(&format!("Unknown unit {other}"))),
    };
    let metres = value["distance"].as_f64().unwrap_or_default() * unit;
    if metres > 0.0 && metres <= 2_000_000.0 { Ok(metres) } else { Err(wrong("The distance is out of range")) }
}

/// A whole number within a range.
pub(crate) fn long(request: &Request, name: &str, default: u32, range: std::ops::RangeInclusive<u32>) -> Result<u32, Failure> {
    let Some(text) = request.filled(name) else { return Ok(default) };
    let value = text.parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| Failure::unable(&format!("ERROR 000800: {name}: {text} is not within {range:?}")))
}
