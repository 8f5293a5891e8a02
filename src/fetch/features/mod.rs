//! Features that a user gives, as inputs of a task or as areas: GeoJSON, Shapefiles and Esri JSON become Esri
//! feature sets.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Field, FieldType, GeometryKind};

mod csv;
mod geojson;
mod shapefile;

pub(super) use csv::rows as csv_rows;

/// The feature set in a file.
///
/// # Errors
/// Where it can't be read, or holds no features of one kind.
pub(super) fn of_file(path: &Path, with_geometry: bool) -> Result<Value> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("shp")) {
        return shapefile::feature_set(path)?.to_json(with_geometry).map_err(|error| error.in_file(path));
    }
    let text = fs::read_to_string(path).map_err(|why| Error::file("can't read the features", path, &why))?;
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) && !with_geometry {
        return csv::record_set(&text).and_then(|set| set.to_json(false)).map_err(|error| error.in_file(path));
    }
    let value = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text)).map_err(|why| {
        bad(format!("the file is no JSON: {why}"))
            .in_file(path)
            .hint("GeoJSON, Esri JSON and Shapefiles (.shp) are read; ogr2ogr converts others")
    })?;
    of_json(value, with_geometry).map_err(|error| error.in_file(path))
}

/// One vertex.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vertex {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z: Option<f64>,
    pub(super) m: Option<f64>,
}

/// One geometry: a point and a multipoint have one part, a polygon a part per ring, shells clockwise.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub(super) kind: GeometryKind,
    pub(super) parts: Vec<Vec<Vertex>>,
}

/// Rows on their way to a task.
#[derive(Debug, Default)]
pub(super) struct FeatureSet {
    /// As in a feature set; `None` leaves it out.
    pub(super) spatial_reference: Option<Value>,
    pub(super) fields: Vec<Field>,
    pub(super) rows: Vec<(Map<String, Value>, Option<Shape>)>,
}

impl FeatureSet {
    /// As Esri JSON, with geometries or (a record set) without.
    pub(super) fn to_json(&self, with_geometry: bool) -> Result<Value> {
        let fields: Vec<Value> = self.fields.iter().map(field_json).collect();
        if !with_geometry {
            let rows: Vec<Value> = self.rows.iter().map(|(attributes, _)| json!({"attributes": attributes})).collect();
            return Ok(json!({"fields": fields, "features": rows}));
        }
        let kind = self.kind()?;
        let vertices = || self.rows.iter().filter_map(|(_, shape)| shape.as_ref()).flat_map(|s| &s.parts).flatten();
        let has_z = vertices().any(|vertex| vertex.z.is_some());
        let has_m = vertices().any(|vertex| vertex.m.is_some());
        if has_z && vertices().any(|vertex| vertex.z.is_none()) {
            return Err(bad("some vertices have z and others have none").hint("give all of them a z, or none"));
        }
        let feature = |(attributes, shape): &(Map<String, Value>, Option<Shape>)| {
            let mut feature = json!({"attributes": attributes});
            if let Some(shape) = shape {
                feature["geometry"] = geometry_json(shape, kind, has_z, has_m);
            }
            feature
        };
        let mut set = json!({"geometryType": kind.esri_name(), "hasZ": has_z, "hasM": has_m});
        if let Some(reference) = &self.spatial_reference {
            set["spatialReference"] = reference.clone();
        }
        set["fields"] = json!(fields);
        set["features"] = self.rows.iter().map(feature).collect();
        Ok(set)
    }

    /// The one geometry kind of all rows; points become multipoints where both occur.
    fn kind(&self) -> Result<GeometryKind> {
        let mut found = None;
        for shape in self.rows.iter().filter_map(|(_, shape)| shape.as_ref()) {
            use GeometryKind::{Multipoint, Point};
            found = Some(match (found, shape.kind) {
                (None, kind) => kind,
                (Some(before), kind) if before == kind => kind,
                (Some(Point | Multipoint), Point | Multipoint) => Multipoint,
                (Some(before), kind) => {
                    return Err(bad(format!("it holds a {before} and a {kind}"))
                        .hint("a feature set has one geometry kind: split the file"));
                }
            });
        }
        found.ok_or_else(|| bad("it holds no geometry"))
    }
}

/// An input that is no usable feature set.
pub(super) fn bad(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Input, "the features can't be used").because(why)
}

fn field_json(field: &Field) -> Value {
    let mut json = json!({"name": field.name, "type": field.field_type.esri_name(), "alias": field.name});
    if let Some(length) = field.length {
        json["length"] = json!(length);
    }
    json
}

fn geometry_json(shape: &Shape, kind: GeometryKind, has_z: bool, has_m: bool) -> Value {
    if let (GeometryKind::Point, Some(vertex)) = (kind, shape.parts.iter().flatten().next()) {
        let mut point = json!({"x": vertex.x, "y": vertex.y});
        if has_z {
            point["z"] = json!(vertex.z);
        }
        if has_m {
            point["m"] = json!(vertex.m);
        }
        return point;
    }
    let tuple = |vertex: &Vertex| {
        let mut tuple = vec![json!(vertex.x), json!(vertex.y)];
        tuple.extend(has_z.then(|| json!(vertex.z)));
        tuple.extend(has_m.then(|| json!(vertex.m)));
        Value::Array(tuple)
    };
    let parts: Vec<Value> = shape.parts.iter().map(|part| part.iter().map(tuple).collect()).collect();
    let mut geometry = match kind {
        GeometryKind::Polygon => json!({"rings": parts}),
        GeometryKind::Polyline => json!({"paths": parts}),
        _ => json!({"points": parts.into_iter().next().unwrap_or_else(|| json!([]))}),
    };
    if has_z {
        geometry["hasZ"] = json!(true);
    }
    if has_m {
        geometry["hasM"] = json!(true);
    }
    geometry
}

/// The feature set that a JSON document stands for: GeoJSON is converted, Esri features and geometries become
/// a feature set that says what it holds, and references (`url`, `itemID`) stay as they are.
pub(super) fn of_json(value: Value, with_geometry: bool) -> Result<Value> {
    let has = |key: &str| value.get(key).is_some();
    if has("paramName") && has("value") {
        // A result of another task.
        return of_json(value["value"].clone(), with_geometry);
    }
    if geojson::is_geojson(&value) {
        return geojson::feature_set(value)?.to_json(with_geometry);
    }
    if has("features") {
        return complete(value, with_geometry);
    }
    if ["featureSet", "layerDefinition", "url", "itemID", "itemId", "layers"].into_iter().any(has) {
        return Ok(value);
    }
    if kind_of(&value).is_some() {
        return complete(json!({"features": [{"attributes": {}, "geometry": value}]}), with_geometry);
    }
    Err(bad("the JSON is no feature set, geometry or GeoJSON"))
}

/// Writes into a feature set what its rows say and it does not: servers read a missing geometry type as point,
/// and a missing spatial reference as unknown.
fn complete(mut set: Value, with_geometry: bool) -> Result<Value> {
    let Some(features) = set.get("features").and_then(Value::as_array) else { return Err(bad("its features are no list")) };
    let missing = |key: &str| set.get(key).is_none_or(Value::is_null);
    let geometries = || features.iter().filter_map(|feature| feature.get("geometry"));
    let mut added = Map::new();
    if with_geometry {
        if missing("geometryType")
            && let Some(kind) = geometries().find_map(kind_of)
        {
            added.insert("geometryType".to_owned(), json!(kind.esri_name()));
        }
        if missing("spatialReference")
            && let Some(reference) = geometries().find_map(|geometry| geometry.get("spatialReference"))
        {
            added.insert("spatialReference".to_owned(), reference.clone());
        }
        for (flag, ordinate) in [("hasZ", "z"), ("hasM", "m")] {
            let says = |geometry: &Value| {
                geometry.get(flag) == Some(&json!(true)) || geometry.get(ordinate).is_some_and(Value::is_number)
            };
            if missing(flag) && geometries().any(says) {
                added.insert(flag.to_owned(), json!(true));
            }
        }
    }
    if missing("fields") {
        let attributes = features.iter().filter_map(|feature| feature.get("attributes")?.as_object());
        let fields: Vec<Value> = fields_of(attributes).iter().map(field_json).collect();
        added.insert("fields".to_owned(), json!(fields));
    }
    if let Some(object) = set.as_object_mut() {
        object.extend(added);
    }
    Ok(set)
}

/// The kind of an Esri geometry, by its keys.
fn kind_of(geometry: &Value) -> Option<GeometryKind> {
    let has = |key: &str| geometry.get(key).is_some();
    Some(match () {
        () if has("x") && has("y") => GeometryKind::Point,
        () if has("points") => GeometryKind::Multipoint,
        () if has("paths") || has("curvePaths") => GeometryKind::Polyline,
        () if has("rings") || has("curveRings") => GeometryKind::Polygon,
        () => return None,
    })
}

/// The fields that hold these attributes, in the order of their first appearance.
pub(super) fn fields_of<'a>(rows: impl Iterator<Item = &'a Map<String, Value>>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut known = Vec::new();
    for (name, value) in rows.flatten() {
        let place = *places.entry(name).or_insert_with(|| {
            fields.push(Field::new(name.clone(), FieldType::String));
            known.push(None);
            fields.len() - 1
        });
        if let Some(found) = type_of(value) {
            known[place] = Some(known[place].take().map_or(found.clone(), |before| wider(before, found)));
        }
        let length = value.as_str().map_or(0, |text| text.chars().count());
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        fields[place].length = fields[place].length.max(Some(length.max(255)));
    }
    for (field, known) in fields.iter_mut().zip(known) {
        field.field_type = known.unwrap_or(FieldType::String);
        if field.field_type != FieldType::String {
            field.length = None;
        }
    }
    fields
}

/// `None` for null. Older servers know no 64-bit integers, so what a double holds exactly is one.
fn type_of(value: &Value) -> Option<FieldType> {
    const EXACT: u64 = 1 << 53;
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => FieldType::SmallInteger,
        Value::Number(number) => match number.as_i64() {
            Some(integer) if i32::try_from(integer).is_ok() => FieldType::Integer,
            Some(integer) if integer.unsigned_abs() > EXACT => FieldType::BigInteger,
            _ => FieldType::Double,
        },
        _ => FieldType::String,
    })
}

fn wider(one: FieldType, other: FieldType) -> FieldType {
    use FieldType::{BigInteger, Double, Integer, SmallInteger};
    match (&one, &other) {
        _ if one == other => one,
        (SmallInteger, Integer) | (Integer, SmallInteger) => Integer,
        (SmallInteger | Integer, Double) | (Double, SmallInteger | Integer) => Double,
        (SmallInteger | Integer, BigInteger) | (BigInteger, SmallInteger | Integer) => BigInteger,
        _ => FieldType::String,
    }
}

/// The attribute as it goes into a feature: no booleans, and text where the field is text.
pub(super) fn attribute(value: &Value, field_type: &FieldType) -> Value {
    match value {
        Value::Bool(flag) if *field_type != FieldType::String => json!(u8::from(*flag)),
        Value::Null | Value::String(_) => value.clone(),
        other if *field_type == FieldType::String => json!(other.to_string()),
        other => other.clone(),
    }
}
