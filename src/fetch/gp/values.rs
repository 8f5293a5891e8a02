//! From what a person gives for a parameter to what the parameter's type wants on the wire.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use url::Url;

use super::Given;
use super::units::Quantity;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::esri::task::Parameter;
use crate::fetch::features;
use crate::fetch::selection::parse_moment;
use crate::fetch::target::Target;
use crate::model::{Crs, GeometryKind};

/// The greatest integer of a `GPLong`.
const GREATEST_LONG: i64 = 4_503_599_627_370_495;

/// A value on its way into a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Encoded {
    /// As it goes out.
    Text(String),
    /// Files that must be uploaded first: one, or the members of a multi-value.
    Files { paths: Vec<PathBuf>, multiple: bool },
}

/// The form in which values go into the request, by the declared type. `hosted` tasks take features in parameters of
/// text.
pub(super) fn encode(parameter: &Parameter, given: &[Given], hosted: bool) -> Result<Encoded> {
    let [first, more @ ..] = given else { return Ok(Encoded::Text(String::new())) };
    if parameter.is_multiple() {
        return multiple(parameter, given, hosted);
    }
    if !more.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("the parameter {} is given twice", parameter.name))
            .because(format!("it takes one value ({})", parameter.data_type)));
    }
    if parameter.is_file()
        && let Given::File(path) = first
    {
        check_file(parameter, path)?;
        return Ok(Encoded::Files { paths: vec![path.clone()], multiple: false });
    }
    let value = one(parameter, &parameter.data_type, first, hosted)?;
    Ok(Encoded::Text(match first {
        // The digits as they were given.
        Given::Text(text) if parameter.data_type == "GPDouble" => text.trim().to_owned(),
        _ => plain(&value),
    }))
}

/// JSON as a form field: text is not quoted.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The members of a multi-value: a JSON array, several `-p`, or a text with semicolons.
fn multiple(parameter: &Parameter, given: &[Given], hosted: bool) -> Result<Encoded> {
    let member = parameter.member_type();
    let member = if member == "GPMultiValue" { "GPString" } else { member };
    let is_path = |value: &Given| matches!(value, Given::File(_));
    if parameter.is_file() && given.iter().any(is_path) {
        let path = |value: &Given| match value {
            Given::File(path) => check_file(parameter, path).map(|()| path.clone()),
            _ => Err(wrong(parameter, &shown(&text_of(value)?), "file; give all of them as @FILE, or none")),
        };
        return Ok(Encoded::Files { paths: given.iter().map(path).collect::<Result<_>>()?, multiple: true });
    }
    let mut members = Vec::new();
    for value in given {
        let list = match value {
            Given::Json(Value::Array(list)) => Some(list.clone()),
            Given::Json(_) => None,
            Given::File(_) if is_rows(member) => None,
            Given::Text(_) | Given::File(_) => {
                parsed(text_of(value)?.trim(), Value::is_array).and_then(|json| json.as_array().cloned())
            }
        };
        match (list, value) {
            (Some(list), _) => {
                for entry in list {
                    let entry = if let Value::String(text) = entry { Given::Text(text) } else { Given::Json(entry) };
                    members.push(one(parameter, member, &entry, hosted)?);
                }
            }
            (None, Given::Text(text)) if !text.trim_start().starts_with('{') => {
                if given.len() == 1 && text.contains(',') && !text.contains(';') && !is_url(text) {
                    return Err(wrong(parameter, &shown(text), "list").because("a comma may stand in a value, so it parts none"));
                }
                let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
                for part in parts {
                    members.push(one(parameter, member, &Given::Text(part.to_owned()), hosted)?);
                }
            }
            (None, value) => members.push(one(parameter, member, value, hosted)?),
        }
    }
    Ok(Encoded::Text(Value::Array(members).to_string()))
}

/// One value as JSON of its type.
fn one(parameter: &Parameter, data_type: &str, given: &Given, hosted: bool) -> Result<Value> {
    if is_rows(data_type) {
        return rows(parameter, given, data_type == "GPFeatureRecordSetLayer");
    }
    if hosted
        && data_type == "GPString"
        && let Some(layer) = hosted_layer(given)?
    {
        return Ok(layer);
    }
    if let Given::Json(json @ (Value::Object(_) | Value::Null)) = given {
        return Ok(json.clone());
    }
    if data_type == "GPValueTable" {
        return table(parameter, given);
    }
    let text = text_of(given)?;
    let trimmed = text.trim();
    let no = |what: &str| Err(wrong(parameter, &shown(trimmed), what));
    if let Some(quantity) = Quantity::of(data_type) {
        if let Some(json) = parsed(trimmed, |json| json.get(quantity.key).is_some()) {
            return Ok(json);
        }
        return quantity.parse(trimmed).ok_or_else(|| {
            wrong(parameter, &shown(trimmed), &format!("{} with a unit ({data_type})", quantity.key))
                .because(format!("the units are {}", quantity.list()))
        });
    }
    let value = match data_type {
        "GPBoolean" => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => json!(true),
            "false" | "no" | "0" => json!(false),
            _ => return no("boolean (true or false)"),
        },
        "GPLong" => match trimmed.parse::<i64>() {
            Ok(value) if (-GREATEST_LONG..=GREATEST_LONG).contains(&value) => {
                in_range(parameter, value as f64, trimmed)?;
                json!(value)
            }
            _ => return no("whole number (GPLong)"),
        },
        "GPDouble" => match trimmed.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                in_range(parameter, value, trimmed)?;
                json!(value)
            }
            _ => return no("number (GPDouble)"),
        },
        "GPDate" => match trimmed.starts_with('{') {
            true => return parsed(trimmed, Value::is_object).map_or_else(|| no("date"), Ok),
            // Old servers know milliseconds only.
            false => parse_moment(trimmed)
                .map(|moment| json!(moment))
                .map_err(|_| wrong(parameter, &shown(trimmed), "date (ISO 8601, or milliseconds since 1970)"))?,
        },
        "GPExtent" | "GPEnvelope" => return extent(parameter, trimmed),
        "GPSpatialReference" | "GPCoordinateSystem" => {
            return match parsed(trimmed, Value::is_object) {
                Some(json) => Ok(json),
                None => Ok(Crs::parse(trimmed)?.spatial_reference().to_json()),
            };
        }
        _ if parameter.is_file() => {
            return match parsed(trimmed, Value::is_object) {
                Some(json) => Ok(json),
                None if is_url(trimmed) => Ok(json!({"url": trimmed})),
                None => no("file; give @FILE, an address, or JSON with url or itemID"),
            };
        }
        _ => json!(text),
    };
    if !parameter.choices.is_empty() && data_type == "GPString" && !parameter.choices.contains(&text) {
        let meant = did_you_mean(&text, parameter.choices.iter().map(String::as_str));
        return Err(Error::new(ErrorKind::Usage, format!("'{}' is none of the choices", shown(&text)))
            .hint(format!("{meant}choose one of: {}", parameter.choices.join(", "))));
    }
    Ok(value)
}

fn is_rows(data_type: &str) -> bool {
    matches!(data_type, "GPFeatureRecordSetLayer" | "GPRecordSet")
}

fn is_url(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("http://") || text.starts_with("https://")
}

fn text_of(given: &Given) -> Result<String> {
    Ok(match given {
        Given::Text(text) => text.clone(),
        Given::File(path) => read_text(path)?.trim_end_matches(['\r', '\n']).to_owned(),
        Given::Json(value) => plain(value),
    })
}

fn parsed(text: &str, shape: impl Fn(&Value) -> bool) -> Option<Value> {
    serde_json::from_str(text).ok().filter(shape)
}

fn in_range(parameter: &Parameter, value: f64, text: &str) -> Result<()> {
    match parameter.filter.range {
        Some((least, most)) if !(least..=most).contains(&value) => {
            Err(Error::new(ErrorKind::Usage, format!("{text} is out of range")).hint(format!("from {least} to {most}")))
        }
        _ => Ok(()),
    }
}

fn check_file(parameter: &Parameter, path: &Path) -> Result<()> {
    let endings = &parameter.filter.endings;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    fs::metadata(path).map_err(|why| Error::file("can't read the parameter's file", path, &why))?;
    if ending.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "the file's name has no ending")
            .in_file(path)
            .hint("servers take no such files: rename it"));
    }
    if !endings.is_empty() && !endings.iter().any(|known| known.eq_ignore_ascii_case(ending)) {
        return Err(Error::new(ErrorKind::Usage, format!("the task takes no .{ending} here"))
            .in_file(path)
            .hint(format!("it takes: {}", endings.join(", "))));
    }
    Ok(())
}

/// `west,south,east,north` with a spatial reference behind it, as an extent.
fn extent(parameter: &Parameter, text: &str) -> Result<Value> {
    if let Some(json) = parsed(text, Value::is_object) {
        return Ok(json);
    }
    let no = || wrong(parameter, &shown(text), "extent; write xmin,ymin,xmax,ymax,CRS");
    let mut parts = text.splitn(5, [',']).map(str::trim);
    let mut number = || parts.next().and_then(|part| part.parse::<f64>().ok()).filter(|number| number.is_finite()).ok_or_else(no);
    let (xmin, ymin, xmax, ymax) = (number()?, number()?, number()?, number()?);
    let mut extent = json!({"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax});
    if let Some(crs) = parts.next() {
        extent["spatialReference"] = Crs::parse(crs)?.spatial_reference().to_json();
    }
    Ok(extent)
}

/// Features (or, without geometry, records) as Esri JSON, or what names them.
fn rows(parameter: &Parameter, given: &Given, with_geometry: bool) -> Result<Value> {
    let set = match given {
        Given::Json(value) => features::of_json(value.clone(), with_geometry)?,
        Given::Text(text) if is_url(text) => return layer_at(text, "token"),
        Given::Text(text) => {
            let value = serde_json::from_str(text).map_err(|_| {
                Error::new(ErrorKind::Usage, format!("'{}' is neither JSON nor @FILE", shown(text))).hint(
                    "features are given as @points.geojson, @points.shp, @layer.json, the address of a layer, or inline JSON",
                )
            })?;
            features::of_json(value, with_geometry)?
        }
        Given::File(path) => features::of_file(path, with_geometry)?,
    };
    let wanted = &parameter.filter.geometry_types;
    if let Some(kind) = set.get("geometryType").and_then(Value::as_str)
        && with_geometry
        && !wanted.is_empty()
        && !wanted.iter().any(|name| name == kind)
    {
        let words = |name: &str| GeometryKind::from_esri(name).map_or(name.to_owned(), |kind| kind.to_string());
        let wanted: Vec<String> = wanted.iter().map(|name| words(name)).collect();
        return Err(Error::new(ErrorKind::Usage, format!("the features are of the wrong kind: {}", words(kind))).hint(format!(
            "{} takes: {}",
            parameter.name,
            wanted.join(", ")
        )));
    }
    Ok(set)
}

/// A layer, or a file with features, by its address: `?where=` chooses rows, `token=` opens it for the server.
fn layer_at(text: &str, token_key: &str) -> Result<Value> {
    let mut url: Url =
        text.trim().parse().map_err(|why| Error::new(ErrorKind::Usage, "the address of the features is none").because(why))?;
    let find = |names: &[&str]| {
        let named = |(key, _): &(std::borrow::Cow<'_, str>, _)| names.iter().any(|name| key.eq_ignore_ascii_case(name));
        url.query_pairs().find(named).map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let (token, filter) = (find(&["token"]), find(&["filter", "where"]));
    let rest: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(key, _)| !key.eq_ignore_ascii_case("token")).collect();
    url.set_query(None);
    url.query_pairs_mut().extend_pairs(rest);
    if url.query() == Some("") {
        url.set_query(None);
    }
    let mut layer = Map::new();
    match Target::parse(url.as_str()) {
        Ok(Target::Layer { url, .. }) => {
            layer.insert("url".to_owned(), json!(url.as_str()));
            if let Some(filter) = filter.filter(|filter| filter != "1=1") {
                layer.insert("filter".to_owned(), json!(filter));
            }
        }
        _ => {
            layer.insert("url".to_owned(), json!(url.as_str()));
        }
    }
    if let Some(token) = token {
        layer.insert(token_key.to_owned(), json!(token));
    }
    Ok(Value::Object(layer))
}

/// What hosted analysis takes for a layer; `None` where the value names none.
fn hosted_layer(given: &Given) -> Result<Option<Value>> {
    match given {
        Given::Text(text) if is_url(text) => layer_at(text, "serviceToken").map(Some),
        Given::File(path) => {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
            if !["geojson", "shp", "json"].contains(&ending.as_str()) {
                return Ok(None);
            }
            let set = features::of_file(path, true)?;
            if set.get("features").is_none() {
                return Ok(Some(set));
            }
            let mut definition = Map::new();
            for key in ["geometryType", "fields", "hasZ", "hasM", "spatialReference"] {
                definition.extend(set.get(key).map(|value| (key.to_owned(), value.clone())));
            }
            Ok(Some(json!({"layerDefinition": definition, "featureSet": set})))
        }
        _ => Ok(None),
    }
}

/// A value table: JSON rows, or a CSV file with a header, whose cells are read by the types of the columns.
fn table(parameter: &Parameter, given: &Given) -> Result<Value> {
    let text = text_of(given)?;
    let is_csv = matches!(given, Given::File(path) if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")));
    let rows = if is_csv {
        Some(csv_table(parameter, &text)?)
    } else {
        parsed(&text, Value::is_array).and_then(|json| json.as_array().cloned())
    };
    let Some(rows) = rows else {
        return Err(wrong(parameter, &shown(&text), "value table; give rows as [[...], [...]] or @table.csv"));
    };
    let width = parameter.columns.len();
    for (number, row) in rows.iter().enumerate() {
        let names: Vec<&str> = parameter.columns.iter().map(|(name, _)| name.as_str()).collect();
        let bad = |why: String| {
            Error::new(ErrorKind::Usage, format!("row {} of the value table is wrong", number + 1))
                .because(why)
                .hint(format!("the columns are: {}", names.join(", ")))
        };
        match row {
            Value::Array(cells) if width > 0 && cells.len() != width => return Err(bad(format!("{} cells", cells.len()))),
            Value::Object(cells) if width > 0 => {
                if let Some(name) = cells.keys().find(|name| !names.contains(&name.as_str())) {
                    return Err(bad(format!("there is no column {name}")));
                }
            }
            Value::Array(_) | Value::Object(_) => {}
            _ => return Err(bad("it is neither a list of cells nor an object".to_owned())),
        }
    }
    Ok(Value::Array(rows))
}

fn csv_table(parameter: &Parameter, text: &str) -> Result<Vec<Value>> {
    let mut lines = features::csv_rows(text).into_iter();
    let header = lines.next().unwrap_or_default();
    let types: Vec<&str> = header
        .iter()
        .map(|name| {
            parameter.columns.iter().find(|(column, _)| column == name).map_or("GPString", |(_, data_type)| data_type.as_str())
        })
        .collect();
    let cell = |text: &String, data_type: &&str| match *data_type {
        "GPLong" | "GPDouble" if !text.is_empty() => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        "GPBoolean" if !text.is_empty() => json!(text.eq_ignore_ascii_case("true")),
        "GPLong" | "GPDouble" | "GPBoolean" => Value::Null,
        _ => json!(text),
    };
    // By position where the parameter names no columns; the header is a row then only in name.
    let ordered: Option<Vec<usize>> =
        parameter.columns.iter().map(|(column, _)| header.iter().position(|name| name == column)).collect();
    let row = |cells: Vec<String>| -> Value {
        let values: Vec<Value> = cells.iter().zip(&types).map(|(text, data_type)| cell(text, data_type)).collect();
        match &ordered {
            Some(order) if !order.is_empty() => order.iter().map(|at| values.get(*at).cloned().unwrap_or_default()).collect(),
            _ => Value::Array(values),
        }
    };
    if let (None, Some(missing)) = (&ordered, parameter.columns.iter().find(|(column, _)| !header.contains(column))) {
        return Err(Error::new(ErrorKind::Usage, format!("the table has no column {}", missing.0)).hint(format!(
            "its header must be: {}",
            parameter.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",")
        )));
    }
    Ok(lines.map(row).collect())
}

/// What a value of a parameter looks like on a command line.
pub fn example(parameter: &Parameter) -> String {
    if let Some(choice) = parameter.choices.first() {
        return choice.clone();
    }
    let text = match parameter.member_type() {
        "GPFeatureRecordSetLayer" => match parameter.filter.geometry_types.first().map(String::as_str) {
            Some("esriGeometryPolygon") => "@areas.geojson",
            Some("esriGeometryPolyline") => "@lines.geojson",
            _ => "@points.geojson",
        },
        "GPRecordSet" => "@table.csv",
        "GPLinearUnit" => "8.5 miles",
        "GPArealUnit" => "50 hectares",
        "GPTimeUnit" => "3 days",
        "GPBoolean" => "true",
        "GPLong" => "10",
        "GPDouble" => "2.5",
        "GPDate" => "2025-01-31T14:00:00",
        "GPDataFile" => "@data.zip",
        "GPRasterData" | "GPRasterLayer" | "GPRasterDataLayer" => "@raster.tif",
        "GPExtent" | "GPEnvelope" => "5.9,45.8,10.5,47.8,EPSG:4326",
        "GPSpatialReference" | "GPCoordinateSystem" => "EPSG:4326",
        "GPValueTable" => "@table.csv",
        _ if parameter.is_multiple() => "a;b",
        _ => "text",
    };
    text.to_owned()
}

/// A value that its type does not allow.
fn wrong(parameter: &Parameter, value: &str, what: &str) -> Error {
    let example = match parameter.is_multiple() {
        true => r#"["a","b"]"#.to_owned(),
        false => example(parameter),
    };
    Error::new(ErrorKind::Usage, format!("'{value}' is no {what}"))
        .hint(format!("for example: -p '{}={example}'", parameter.name))
}

/// Text short enough for a message.
fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn read_text(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).map_err(|why| Error::file("can't read the parameter's file", path, &why))?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}
