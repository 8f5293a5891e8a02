//! The wire shapes of a geoprocessing service and of its tasks (`GPServer?f=json`, `GPServer/<task>?f=json`).
//!
//! Read by shape: a missing or strange member is `None` or empty, and an unknown word is kept by name.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// `GPServer?f=json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// The server's version, such as 11.1.
    pub version: Option<f64>,
    /// The names of the tasks; they may hold spaces.
    pub tasks: Vec<String>,
    /// How the tasks run, unless a task says otherwise.
    pub execution: Option<Execution>,
    /// The map service that shows results; `None` where there is none.
    pub result_map_service: Option<String>,
    /// The most rows of an output; above it the result is cut off.
    pub most_records: Option<u64>,
    /// Files can be uploaded.
    pub uploads: bool,
}

impl Service {
    /// From the answer.
    pub fn from_json(json: &Value) -> Self {
        let tasks = json.get("tasks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self {
            version: json.get("currentVersion").and_then(Value::as_f64),
            tasks: tasks.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            execution: Execution::of(json),
            result_map_service: text(json, "resultMapServerName"),
            most_records: json.get("maximumRecords").and_then(Value::as_u64),
            uploads: text(json, "capabilities").is_some_and(|all| all.split(',').any(|one| one.trim() == "Uploads")),
        }
    }
}

/// How a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Execution {
    /// `execute`: the answer holds the results.
    Synchronous,
    /// `submitJob`: the answer is a job to ask again.
    Asynchronous,
}

impl Execution {
    fn of(json: &Value) -> Option<Self> {
        match json.get("executionType")?.as_str()? {
            "esriExecutionTypeSynchronous" => Some(Self::Synchronous),
            "esriExecutionTypeAsynchronous" => Some(Self::Asynchronous),
            _ => None,
        }
    }
}

/// `GPServer/<task>?f=json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The name in URLs.
    pub name: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// What it does, possibly as HTML.
    pub description: Option<String>,
    /// How it runs; `None` leaves it to the service.
    pub execution: Option<Execution>,
    /// Inputs and outputs, in the task's order.
    pub parameters: Vec<Parameter>,
}

impl Task {
    /// From the answer; `None` where it does not describe a task.
    pub fn from_json(json: &Value) -> Option<Self> {
        let parameters = json.get("parameters")?.as_array()?;
        Some(Self {
            name: text(json, "name").unwrap_or_default(),
            display_name: text(json, "displayName"),
            description: text(json, "description"),
            execution: Execution::of(json),
            parameters: parameters.iter().filter_map(Parameter::from_json).collect(),
        })
    }

    /// A task of which nothing but its name is known.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), display_name: None, description: None, execution: None, parameters: Vec::new() }
    }

    /// The parameters to fill.
    pub fn inputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.direction == Direction::Input)
    }

    /// The parameters to fetch.
    pub fn outputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.direction == Direction::Output)
    }
}

/// Into the task or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// The caller gives it.
    Input,
    /// The task gives it.
    Output,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// Whether an input must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Need {
    /// It must, unless it has a default.
    Required,
    /// It may.
    Optional,
    /// It is computed (outputs only).
    Derived,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Derived => "derived",
        })
    }
}

/// One parameter of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// The key in requests and results, as the server writes it.
    pub name: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The declared type, such as `GPFeatureRecordSetLayer`.
    pub data_type: String,
    /// In or out.
    pub direction: Direction,
    /// Whether it must be given.
    pub need: Need,
    /// The default: for rows an empty feature set, which says what is expected. `None` also where it is `null` or `""`.
    pub default: Option<Value>,
    /// The texts to choose from; empty where any will do.
    pub choices: Vec<String>,
    /// What else a value must be.
    #[serde(skip_serializing_if = "Filter::is_empty")]
    pub filter: Filter,
    /// The columns of a value table: name and data type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<(String, String)>,
}

/// What a value must be, besides of its type.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// The wire names of the geometry types that it takes; empty where it takes all.
    pub geometry_types: Vec<String>,
    /// The least and the greatest number.
    pub range: Option<(f64, f64)>,
    /// The endings of files, without dots.
    pub endings: Vec<String>,
}

impl Filter {
    fn of(json: &Value) -> Self {
        let filter = json.get("filter").unwrap_or(&Value::Null);
        let list = || -> Vec<String> {
            let list = filter.get("list").and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(|text| text.trim_start_matches('.').to_owned()).collect()
        };
        let number = |key: &str| filter.get(key).and_then(Value::as_f64);
        let mut found = Self::default();
        match filter.get("type").and_then(Value::as_str) {
            Some("featureClass") => found.geometry_types = list(),
            Some("file") => found.endings = list(),
            Some("range") => found.range = number("minimum").zip(number("maximum")),
            _ => {}
        }
        if found.geometry_types.is_empty() {
            // The empty feature set that says what is expected.
            let expected = json.pointer("/defaultValue/geometryType").and_then(Value::as_str);
            found.geometry_types = expected.into_iter().map(str::to_owned).collect();
        }
        found.geometry_types.retain(|name| name.starts_with("esriGeometry") && name != "esriGeometryAny");
        found
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Parameter {
    fn from_json(json: &Value) -> Option<Self> {
        let direction = match json.get("direction").and_then(Value::as_str) {
            Some("esriGPParameterDirectionOutput") => Direction::Output,
            _ => Direction::Input,
        };
        let need = match json.get("parameterType").and_then(Value::as_str) {
            Some("esriGPParameterTypeRequired") => Need::Required,
            Some("esriGPParameterTypeDerived") => Need::Derived,
            _ => Need::Optional,
        };
        let columns = json.get("parameterInfos").and_then(Value::as_array).into_iter().flatten();
        let coded = json.get("filter").filter(|filter| filter.get("type").and_then(Value::as_str) == Some("codedValue"));
        let codes = coded.and_then(|filter| filter.get("list")?.as_array()).into_iter().flatten();
        let codes = codes.filter_map(|code| code.get("value")?.as_str()).map(str::to_owned);
        let choices = json.get("choiceList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            name: text(json, "name")?,
            display_name: text(json, "displayName"),
            description: text(json, "description"),
            data_type: text(json, "dataType").unwrap_or_default(),
            direction,
            need,
            default: json.get("defaultValue").filter(|value| !value.is_null() && value.as_str() != Some("")).cloned(),
            choices: choices.iter().filter_map(Value::as_str).map(str::to_owned).chain(codes).collect(),
            filter: Filter::of(json),
            columns: columns.filter_map(|column| Some((text(column, "name")?, text(column, "dataType")?))).collect(),
        })
    }

    /// Its values are rows: features or records.
    pub fn is_rows(&self) -> bool {
        matches!(self.data_type.as_str(), "GPFeatureRecordSetLayer" | "GPRecordSet")
    }

    /// Its values are files, rasters among them, which are uploaded or named by an address.
    pub fn is_file(&self) -> bool {
        self.is_raster() || self.member_type() == "GPDataFile"
    }

    /// The type of its values, or where it takes several, of each of them.
    pub fn member_type(&self) -> &str {
        self.data_type.strip_prefix("GPMultiValue:").unwrap_or(&self.data_type)
    }

    /// It takes several values.
    pub fn is_multiple(&self) -> bool {
        self.data_type.starts_with("GPMultiValue")
    }

    /// Its values are rasters.
    pub fn is_raster(&self) -> bool {
        matches!(self.member_type(), "GPRasterDataLayer" | "GPRasterData" | "GPRasterLayer")
    }

    /// A run may leave it out, because it is optional or the server has a value for it. The default of a
    /// parameter of rows is only a schema as long as it holds no features.
    pub fn may_be_left_out(&self) -> bool {
        let has_default = self.default.as_ref().is_some_and(|default| !self.is_rows() || holds_rows(default));
        self.need != Need::Required || has_default
    }
}

fn holds_rows(default: &Value) -> bool {
    match default.get("features") {
        Some(features) => features.as_array().is_some_and(|rows| !rows.is_empty()),
        None => default.get("url").is_some(),
    }
}

/// A text member; `None` where it is absent, empty or no text.
fn text(json: &Value, key: &str) -> Option<String> {
    json.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_without_an_execution_type_leaves_it_to_the_service() {
        let task = Task::from_json(&json!({"name": "Clip", "parameters": []})).unwrap();
        assert_eq!(task.execution, None);
        let service = Service::from_json(
            &json!({"executionType": "esriExecutionTypeSynchronous", "tasks": ["Clip Parcels"], "resultMapServerName": ""}),
        );
        assert_eq!(service.execution, Some(Execution::Synchronous));
        assert_eq!(service.result_map_service, None);
        assert_eq!(service.tasks, ["Clip Parcels"]);
    }

    #[test]
    fn an_empty_feature_set_as_default_is_a_schema_and_no_value() {
        let parameter = |default: Value| {
            Parameter::from_json(&json!({
                "name": "In", "dataType": "GPFeatureRecordSetLayer", "direction": "esriGPParameterDirectionInput",
                "parameterType": "esriGPParameterTypeRequired", "defaultValue": default,
            }))
            .unwrap()
        };
        assert!(!parameter(json!({"geometryType": "esriGeometryPoint", "features": []})).may_be_left_out());
        assert!(!parameter(Value::Null).may_be_left_out());
        assert!(parameter(json!({"features": [{"attributes": {}}]})).may_be_left_out());
    }

    #[test]
    fn a_layer_answer_is_no_task() {
        assert_eq!(Task::from_json(&json!({"id": 0, "type": "Feature Layer"})), None);
    }
}
