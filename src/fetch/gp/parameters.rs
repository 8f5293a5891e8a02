//! The inputs of a task: what a person gives, checked against the task and brought into the form that it takes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::esri::task::{Direction, Parameter, Task};
use crate::fetch::features;

/// The greatest integer of a `GPLong`.
const GREATEST_LONG: i64 = 4_503_599_627_370_495;

/// The values for a task's inputs, by name, before any task has seen them.
///
/// ```
/// use geohaul::fetch::gp::{Given, Parameters};
///
/// let parameters = Parameters::parse(["Distance={\"distance\":2,\"units\":\"esriMiles\"}", "Points=@wells.geojson"])
///     .unwrap()
///     .with("Segments", Given::Text("36".to_owned()));
/// assert_eq!(parameters.names().collect::<Vec<_>>(), ["Distance", "Points", "Segments"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(Vec<(String, Given)>);

/// One value as it was given.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Given {
    /// Text: a number, a word, or JSON.
    Text(String),
    /// A file: Esri JSON, GeoJSON or a Shapefile for rows, text for everything else.
    File(PathBuf),
    /// JSON that a program made.
    Json(Value),
}

impl Parameters {
    /// From texts of the form `NAME=VALUE`. `@FILE` as the value reads a file, `@@` begins text with an `@`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where there is no `=`, or a name comes twice.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut parameters = Self::default();
        for text in texts {
            let text = text.as_ref();
            let Some((name, value)) = text.split_once('=') else {
                return Err(Error::new(ErrorKind::Usage, format!("'{text}' is no parameter"))
                    .hint("write NAME=VALUE, with NAME=@FILE for the contents of a file"));
            };
            let name = name.trim();
            if parameters.names().any(|before| before == name) {
                return Err(Error::new(ErrorKind::Usage, format!("the parameter {name} is given twice"))
                    .hint("several values in one parameter are a JSON array: NAME=[\"a\",\"b\"]"));
            }
            parameters = parameters.with(name, Given::from_text(value));
        }
        Ok(parameters)
    }

    /// One more value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Given>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// The names in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The request parameters for `task`, in its order.
    pub(super) fn encode(&self, task: &Task) -> Result<Vec<(String, String)>> {
        let mut values = vec![None; task.parameters.len()];
        for (name, given) in &self.0 {
            let at = find(task, name)?;
            if values[at].is_some() {
                return Err(Error::new(ErrorKind::Usage, format!("the parameter {name} is given twice")));
            }
            let parameter = &task.parameters[at];
            let value = encode(parameter, given).map_err(|error| error.in_layer(&parameter.name))?;
            values[at] = Some((parameter.name.clone(), value));
        }
        let missing: Vec<&Parameter> = task
            .parameters
            .iter()
            .zip(&values)
            .filter(|(p, value)| value.is_none() && p.direction == Direction::Input && !p.may_be_left_out())
            .map(|(parameter, _)| parameter)
            .collect();
        if let Some(first) = missing.first() {
            let names: Vec<&str> = missing.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(Error::new(ErrorKind::Usage, format!("the task {} needs a value for {}", task.name, names.join(", ")))
                .hint(format!("for example: -p '{}={}'", first.name, example(&first.data_type))));
        }
        Ok(values.into_iter().flatten().collect())
    }
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Given {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Given {
    fn from(number: i64) -> Self {
        Self::Json(number.into())
    }
}

impl From<f64> for Given {
    fn from(number: f64) -> Self {
        Self::Json(number.into())
    }
}

impl From<bool> for Given {
    fn from(flag: bool) -> Self {
        Self::Json(flag.into())
    }
}

impl From<PathBuf> for Given {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<Value> for Given {
    fn from(json: Value) -> Self {
        Self::Json(json)
    }
}

impl Given {
    fn from_text(text: &str) -> Self {
        match text.strip_prefix('@') {
            Some(rest) if rest.starts_with('@') => Self::Text(rest.to_owned()),
            Some(path) => Self::File(PathBuf::from(path)),
            None => Self::Text(text.to_owned()),
        }
    }
}

/// The task's input of this name, in any case.
fn find(task: &Task, name: &str) -> Result<usize> {
    let by = |same: &dyn Fn(&Parameter) -> bool| task.parameters.iter().position(same);
    let found = by(&|p| p.name == name).or_else(|| by(&|p| p.name.to_lowercase() == name.to_lowercase()));
    match found {
        Some(at) if task.parameters[at].direction == Direction::Input => Ok(at),
        Some(_) => Err(Error::new(ErrorKind::Usage, format!("{name} is an output of the task {}", task.name))
            .hint("leave it out: every output is fetched")),
        None => {
            let mut names: Vec<&str> = task.inputs().map(|parameter| parameter.name.as_str()).collect();
            names.sort_by_key(|known| distance(&known.to_lowercase(), &name.to_lowercase()));
            let error = Error::new(ErrorKind::Usage, format!("the task {} has no parameter {name}", task.name));
            Err(match names.as_slice() {
                [] => error.hint("it takes none"),
                [nearest] => error.hint(format!("it takes {nearest}")),
                [nearest, others @ ..] => error.hint(format!("did you mean {nearest}? It also takes {}", others.join(", "))),
            })
        }
    }
}

/// How many letters must change to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

/// What a value of this type looks like on a command line.
fn example(data_type: &str) -> &'static str {
    match data_type {
        "GPFeatureRecordSetLayer" => "@points.geojson",
        "GPRecordSet" => "@table.json",
        "GPLinearUnit" => r#"{"distance":8.5,"units":"esriMiles"}"#,
        "GPArealUnit" => r#"{"area":50,"units":"esriSquareMiles"}"#,
        "GPTimeUnit" => r#"{"time":3,"units":"esriTimeUnitsYears"}"#,
        "GPBoolean" => "true",
        "GPLong" => "10",
        "GPDouble" => "2.5",
        "GPDate" => "2025-01-31T14:00:00",
        "GPDataFile" | "GPRasterData" | "GPRasterLayer" | "GPRasterDataLayer" => r#"{"url":"https://..."}"#,
        multiple if multiple.starts_with("GPMultiValue") => r#"["a","b"]"#,
        _ => "text",
    }
}

/// The form in which a value goes into the request, by the declared type.
fn encode(parameter: &Parameter, given: &Given) -> Result<String> {
    if parameter.is_rows() {
        return rows(given, parameter.data_type == "GPFeatureRecordSetLayer");
    }
    let text = match given {
        Given::Text(text) => text.clone(),
        Given::File(path) => read_text(path)?.trim_end_matches(['\r', '\n']).to_owned(),
        Given::Json(Value::String(text)) => text.clone(),
        Given::Json(value) => value.to_string(),
    };
    let trimmed = text.trim();
    let wrong = |what: &str| {
        Err(Error::new(ErrorKind::Usage, format!("'{}' is no {what}", shown(trimmed))).hint(format!(
            "for example: -p '{}={}'",
            parameter.name,
            example(&parameter.data_type)
        )))
    };
    match parameter.data_type.as_str() {
        "GPBoolean" => match trimmed.to_ascii_lowercase().as_str() {
            word @ ("true" | "false") => return Ok(word.to_owned()),
            _ => return wrong("boolean (true or false)"),
        },
        "GPLong" => match trimmed.parse::<i64>() {
            Ok(value) if (-GREATEST_LONG..=GREATEST_LONG).contains(&value) => return Ok(trimmed.to_owned()),
            _ => return wrong("whole number (GPLong)"),
        },
        "GPDouble" => match trimmed.parse::<f64>() {
            Ok(value) if value.is_finite() => return Ok(trimmed.to_owned()),
            _ => return wrong("number (GPDouble)"),
        },
        "GPLinearUnit" if !is_json(trimmed, Value::is_object) => return wrong("distance with units (GPLinearUnit)"),
        multiple if multiple.starts_with("GPMultiValue") && !is_json(trimmed, Value::is_array) => return wrong("JSON array"),
        _ => {}
    }
    if !parameter.choices.is_empty() && parameter.data_type == "GPString" && !parameter.choices.contains(&text) {
        return Err(Error::new(ErrorKind::Usage, format!("'{}' is none of the choices", shown(&text)))
            .hint(format!("choose one of: {}", parameter.choices.join(", "))));
    }
    Ok(text)
}

fn is_json(text: &str, shape: fn(&Value) -> bool) -> bool {
    serde_json::from_str(text).is_ok_and(|value| shape(&value))
}

/// Text short enough for a message.
fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Features (or, without geometry, records) as Esri JSON.
fn rows(given: &Given, with_geometry: bool) -> Result<String> {
    let value = match given {
        Given::Json(value) => features::of_json(value.clone(), with_geometry)?,
        Given::Text(text) => {
            let value = serde_json::from_str(text).map_err(|_| {
                Error::new(ErrorKind::Usage, format!("'{}' is neither JSON nor @FILE", shown(text)))
                    .hint("features are given as @points.geojson, @points.shp, @layer.json, or as inline JSON")
            })?;
            features::of_json(value, with_geometry)?
        }
        Given::File(path) => features::of_file(path, with_geometry)?,
    };
    Ok(value.to_string())
}

fn read_text(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).map_err(|why| Error::file("can't read the parameter's file", path, &why))?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task() -> Task {
        let parameter = |name: &str, data_type: &str, need: &str, default: Value| {
            json!({
                "name": name, "dataType": data_type, "direction": "esriGPParameterDirectionInput",
                "parameterType": format!("esriGPParameterType{need}"), "defaultValue": default,
            })
        };
        let mut choice = parameter("Method", "GPString", "Optional", Value::Null);
        choice["choiceList"] = json!(["PLANAR", "GEODESIC"]);
        let output = json!({"name": "Out", "dataType": "GPLong", "direction": "esriGPParameterDirectionOutput"});
        Task::from_json(&json!({"name": "Work", "parameters": [
            parameter("Input_Points", "GPFeatureRecordSetLayer", "Required", json!({"features": []})),
            parameter("Count", "GPLong", "Required", json!(5)),
            parameter("Ratio", "GPDouble", "Optional", Value::Null),
            parameter("Keep", "GPBoolean", "Optional", Value::Null),
            parameter("Distance", "GPLinearUnit", "Optional", Value::Null),
            parameter("Names", "GPMultiValue:GPString", "Optional", Value::Null),
            parameter("Table", "GPRecordSet", "Optional", Value::Null),
            choice, output,
        ]}))
        .unwrap()
    }

    const POINT: &str = r#"Input_Points={"x":1,"y":2,"spatialReference":{"wkid":4326}}"#;

    fn encoded(more: &[&str]) -> Result<Vec<(String, String)>> {
        Parameters::parse([&[POINT], more].concat())?.encode(&task())
    }

    fn refusal(text: &str) -> String {
        format!("{:?}", encoded(&[text]).unwrap_err())
    }

    #[test]
    fn values_go_out_in_the_tasks_order_under_the_tasks_names() {
        let values = encoded(&["keep=TRUE", "Ratio= 1e3 ", "Names=[\"a=b\"]"]).unwrap();
        let names: Vec<_> = values.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Input_Points", "Ratio", "Keep", "Names"]);
        assert_eq!((values[1].1.as_str(), values[2].1.as_str(), values[3].1.as_str()), ("1e3", "true", "[\"a=b\"]"));
    }

    #[test]
    fn a_bare_geometry_becomes_a_feature_set_that_says_what_it_holds() {
        let set: Value = serde_json::from_str(&encoded(&[]).unwrap()[0].1).unwrap();
        assert_eq!(set["geometryType"], "esriGeometryPoint");
        assert_eq!(set["spatialReference"], json!({"wkid": 4326}));
        assert_eq!(set["features"][0]["geometry"]["x"], json!(1));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_ones() {
        let error = refusal("Inputpoints=1");
        assert!(error.contains("did you mean Input_Points?") && error.contains("Distance"), "{error}");
        assert!(refusal("Out=1").contains("is an output"));
    }

    #[test]
    fn what_is_required_and_has_no_default_is_asked_for() {
        let error = Parameters::parse(["Count=1"]).unwrap().encode(&task()).unwrap_err();
        assert_eq!(error.what(), "the task Work needs a value for Input_Points");
        assert!(error.hint_text().unwrap().contains("@points.geojson"));
    }

    #[test]
    fn values_of_the_wrong_type_are_refused_before_anything_is_sent() {
        assert!(refusal("Count=1.5").contains("'1.5' is no whole number"));
        assert!(refusal("Count=4503599627370496").contains("is no whole number"));
        assert!(refusal("Ratio=many").contains("is no number"));
        assert!(refusal("Ratio=NaN").contains("is no number"));
        assert!(refusal("Keep=maybe").contains("true or false"));
        assert!(refusal("Distance=500").contains("esriMiles"));
        assert!(refusal("Names=a,b").contains("JSON array"));
        assert!(refusal("Method=planar").contains("PLANAR, GEODESIC"));
        assert!(refusal("Table=roads").contains("neither JSON nor @FILE"));
        assert!(refusal("no equals sign").contains("NAME=VALUE"));
    }

    #[test]
    fn a_name_given_twice_is_refused_in_any_spelling() {
        assert!(Parameters::parse(["A=1", "A=2"]).is_err());
        assert!(refusal("input_points={}").contains("given twice"));
    }

    #[test]
    fn two_at_signs_are_text_and_one_is_a_file() {
        let parameters = Parameters::parse(["a=@@home", "b=@x.json"]).unwrap();
        assert_eq!(parameters.0[0].1, Given::Text("@home".to_owned()));
        assert_eq!(parameters.0[1].1, Given::File("x.json".into()));
    }
}
