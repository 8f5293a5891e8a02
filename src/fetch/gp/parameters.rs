//! The inputs of a task: what a person gives, checked against the task and brought into the form that it takes.

use std::path::PathBuf;

use serde_json::Value;

use super::values::{self, Encoded};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::esri::task::{Direction, Parameter, Task};

/// The values for a task's inputs, by name, before any task has seen them.
///
/// ```
/// use geohaul::fetch::gp::Parameters;
///
/// let parameters = Parameters::parse(["Distance=8.5 miles", "Points=@wells.geojson"]).unwrap().with("Segments", 36);
/// assert_eq!(parameters.names().collect::<Vec<_>>(), ["Distance", "Points", "Segments"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(Vec<(String, Given)>);

/// One value as it was given.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Given {
    /// Text: a number, a word, a distance with its unit, an address, or JSON.
    Text(String),
    /// A file: Esri JSON, GeoJSON or a Shapefile for rows, a file to upload for a parameter of files, text for
    /// everything else.
    File(PathBuf),
    /// JSON that a program made.
    Json(Value),
}

impl Parameters {
    /// From texts of the form `NAME=VALUE`. `@FILE` as the value reads a file, `@@` begins text with an `@`. A name may
    /// come again: then its parameter takes several values.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where there is no `=`.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut parameters = Self::default();
        for text in texts {
            let text = text.as_ref();
            let Some((name, value)) = text.split_once('=') else {
                return Err(Error::new(ErrorKind::Usage, format!("'{text}' is no parameter"))
                    .hint("write NAME=VALUE, with NAME=@FILE for the contents of a file"));
            };
            parameters = parameters.with(name.trim(), Given::from_text(value));
        }
        Ok(parameters)
    }

    /// From a JSON object of names and values. Text in it is read as in [`Parameters::parse`].
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is no object.
    pub fn from_json(json: &Value) -> Result<Self> {
        let members = json.as_object().ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the parameters are no JSON object").hint("write {\"NAME\": VALUE, ...}")
        })?;
        let given = |value: &Value| value.as_str().map_or_else(|| Given::Json(value.clone()), Given::from_text);
        Ok(Self(members.iter().map(|(name, value)| (name.clone(), given(value))).collect()))
    }

    /// One more value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Given>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// These values, and those of `others` for the names that these do not have.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        let mine: Vec<String> = self.names().map(str::to_lowercase).collect();
        self.0.extend(others.0.into_iter().filter(|(name, _)| !mine.contains(&name.to_lowercase())));
        self
    }

    /// The names in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The values for `task`, by the names and in the order of its parameters.
    pub(super) fn encode(&self, task: &Task, hosted: bool) -> Result<Vec<(String, Encoded)>> {
        let mut given: Vec<Vec<Given>> = vec![Vec::new(); task.parameters.len()];
        for (name, value) in &self.0 {
            given[find(task, name)?].push(value.clone());
        }
        let named = task.parameters.iter().zip(&given).filter(|(_, values)| !values.is_empty());
        let encode = |(parameter, values): (&Parameter, &Vec<Given>)| {
            let value = values::encode(parameter, values, hosted).map_err(|error| error.in_layer(&parameter.name))?;
            Ok((parameter.name.clone(), value))
        };
        let encoded = named.map(encode).collect::<Result<Vec<_>>>()?;
        let missing: Vec<&Parameter> = task
            .parameters
            .iter()
            .zip(&given)
            .filter(|(p, values)| values.is_empty() && p.direction == Direction::Input && !p.may_be_left_out())
            .map(|(parameter, _)| parameter)
            .collect();
        if let Some(first) = missing.first() {
            let names: Vec<&str> = missing.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(Error::new(ErrorKind::Usage, format!("the task {} needs a value for {}", task.name, names.join(", ")))
                .hint(format!("for example: -p '{}={}'", first.name, values::example(first))));
        }
        Ok(encoded)
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

/// The task's input of this name or title, in any case.
fn find(task: &Task, name: &str) -> Result<usize> {
    let by = |same: &dyn Fn(&Parameter) -> bool| task.parameters.iter().position(same);
    let lower = name.to_lowercase();
    let found = by(&|p| p.name == name)
        .or_else(|| by(&|p| p.name.to_lowercase() == lower))
        .or_else(|| by(&|p| p.display_name.as_ref().is_some_and(|title| title.to_lowercase() == lower)));
    match found {
        Some(at) if task.parameters[at].direction == Direction::Input => Ok(at),
        Some(_) => Err(Error::new(ErrorKind::Usage, format!("{name} is an output of the task {}", task.name))
            .hint("leave it out: every output is fetched")),
        None => {
            let names: Vec<&str> = task.inputs().map(|parameter| parameter.name.as_str()).collect();
            let meant = did_you_mean(name, names.iter().copied());
            Err(Error::new(ErrorKind::Usage, format!("the task {} has no parameter \"{name}\"", task.name))
                .hint(format!("{meant}the parameters are: {}", names.join(", "))))
        }
    }
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
        let values = Parameters::parse([&[POINT], more].concat())?.encode(&task(), false)?;
        let text = |(name, value)| match value {
            Encoded::Text(text) => (name, text),
            Encoded::Files { .. } => panic!("a file"),
        };
        Ok(values.into_iter().map(text).collect())
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
        assert!(error.contains("did you mean \"Input_Points\"?") && error.contains("Distance"), "{error}");
        assert!(refusal("Out=1").contains("is an output"));
    }

    #[test]
    fn what_is_required_and_has_no_default_is_asked_for() {
        let error = Parameters::parse(["Count=1"]).unwrap().encode(&task(), false).unwrap_err();
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
        assert!(refusal("Names=a,b").contains("is no list"));
        assert!(refusal("Method=planar").contains("PLANAR, GEODESIC"));
        assert!(refusal("Table=roads").contains("neither JSON nor @FILE"));
        assert!(refusal("no equals sign").contains("NAME=VALUE"));
    }

    #[test]
    fn a_name_given_twice_is_refused_in_any_spelling_unless_it_takes_several_values() {
        assert!(refusal("input_points={}").contains("given twice"));
        assert_eq!(encoded(&["Names=a", "names=b;c"]).unwrap()[1].1, r#"["a","b","c"]"#);
    }

    #[test]
    fn two_at_signs_are_text_and_one_is_a_file() {
        let parameters = Parameters::parse(["a=@@home", "b=@x.json"]).unwrap();
        assert_eq!(parameters.0[0].1, Given::Text("@home".to_owned()));
        assert_eq!(parameters.0[1].1, Given::File("x.json".into()));
    }
}
