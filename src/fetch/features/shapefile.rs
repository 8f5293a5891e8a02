//! Shapefiles to feature sets, read by the `shapefile` crate. Their text must be UTF-8: the crate would replace
//! what it can't read in another code page.

use std::fs;
use std::path::Path;

use ::shapefile::dbase::{FieldType as DbfType, FieldValue, ReaderBuilder, Unicode};
use ::shapefile::{NO_DATA, PointM, PointZ, Shape as Shp, ShapeReader};
use serde_json::{Map, Value, json};

use super::{FeatureSet, Shape, Vertex, bad};
use crate::error::{Error, Result};
use crate::model::{Crs, Field, FieldType, GeometryKind, SpatialReference};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// The greatest integer up to which a double names every one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The features of a Shapefile, in the spatial reference of its `.prj`.
pub(super) fn feature_set(path: &Path) -> Result<FeatureSet> {
    let broken = |why: &dyn std::fmt::Display| bad(format!("the Shapefile can't be read: {why}")).in_file(path);
    let prj = beside(path, "prj").ok_or_else(|| {
        bad("the Shapefile has no .prj, so its spatial reference is unknown")
            .in_file(path)
            .hint("add one, for example: ogrinfo and gdalsrsinfo -o wkt_esri EPSG:4326 > name.prj")
    })?;
    let wkt = fs::read_to_string(&prj).map_err(|why| Error::file("can't read the spatial reference", &prj, &why))?;
    let shapes = ShapeReader::from_path(path).and_then(ShapeReader::read).map_err(|why| broken(&why))?;
    let shapes =
        shapes.into_iter().enumerate().map(|(row, shp)| shape(shp).map_err(|e| e.of_feature(format!("record {}", row + 1))));
    let shapes = shapes.collect::<Result<Vec<_>>>().map_err(|error| error.in_file(path))?;

    let dbf = beside(path, "dbf").ok_or_else(|| broken(&"its .dbf is missing"))?;
    let unread = |why| broken(&why).hint("if it is its text: convert it with ogr2ogr -lco ENCODING=UTF-8");
    let mut reader = ReaderBuilder::new().with_encoding(Unicode).open(&dbf).map_err(unread)?;
    let columns: Vec<(String, DbfType, u8)> =
        reader.fields().iter().map(|info| (info.name().to_owned(), info.field_type(), info.length())).collect();
    let records = reader.read().map_err(unread)?;
    if records.len() != shapes.len() {
        return Err(broken(&format!("{} shapes, but {} records in the .dbf", shapes.len(), records.len())));
    }
    if shapes.is_empty() {
        return Err(broken(&"it holds no features"));
    }
    let mut rows = Vec::with_capacity(shapes.len());
    for (record, shape) in records.iter().zip(shapes) {
        let value = |name: &str| record.get(name).map_or(Ok(Value::Null), value).map_err(|e| e.in_field(name).in_file(path));
        let attributes = columns.iter().map(|(name, ..)| Ok((name.clone(), value(name)?))).collect::<Result<Map<_, _>>>()?;
        rows.push((attributes, shape));
    }
    let fields = columns.iter().map(|(name, kind, length)| field(name, *kind, *length, &rows)).collect();
    Ok(FeatureSet { spatial_reference: Some(wire_reference(wkt.trim())), fields, rows })
}

/// The side file with this ending, in lower or upper case.
fn beside(path: &Path, ending: &str) -> Option<std::path::PathBuf> {
    [ending.to_owned(), ending.to_uppercase()].into_iter().map(|ending| path.with_extension(ending)).find(|path| path.is_file())
}

/// A `.prj` as a server takes it: by code where it is a known system, since not every server reads WKT.
fn wire_reference(wkt: &str) -> Value {
    let sr = SpatialReference { wkt: Some(wkt.to_owned()), ..SpatialReference::default() };
    match Crs::of(&sr) {
        Ok(crs) if crs.authority.is_some() => crs.spatial_reference().to_json(),
        _ => sr.to_json(),
    }
}

/// The field of a column. A numeric column that holds whole numbers only is an integer one.
fn field(name: &str, kind: DbfType, length: u8, rows: &[(Map<String, Value>, Option<Shape>)]) -> Field {
    let values = || rows.iter().filter_map(|(attributes, _)| attributes.get(name));
    let field_type = match kind {
        DbfType::Character | DbfType::Memo => FieldType::String,
        DbfType::Date | DbfType::DateTime => FieldType::Date,
        DbfType::Logical => FieldType::SmallInteger,
        DbfType::Integer => FieldType::Integer,
        DbfType::Numeric if values().all(|v| v.is_null() || v.as_i64().is_some_and(|i| i32::try_from(i).is_ok())) => {
            FieldType::Integer
        }
        DbfType::Numeric | DbfType::Float | DbfType::Double | DbfType::Currency => FieldType::Double,
    };
    let mut field = Field::new(name, field_type);
    field.length = match kind {
        DbfType::Character => Some(u32::from(length)),
        DbfType::Memo => values().filter_map(Value::as_str).map(|text| u32::try_from(text.len()).unwrap_or(u32::MAX)).max(),
        _ => None,
    };
    field
}

fn value(value: &FieldValue) -> Result<Value> {
    let number = |number: f64| -> Result<Value> {
        if number.fract() != 0.0 {
            return Ok(json!(number));
        }
        if number.abs() > EXACT {
            return Err(bad(format!("{number} is too large to be read exactly")).hint("use a GeoJSON or Esri JSON file instead"));
        }
        // Whole and below 2^53, so nothing is cut.
        Ok(json!(number as i64))
    };
    Ok(match value {
        FieldValue::Character(text) => json!(text),
        FieldValue::Memo(text) => json!(text),
        FieldValue::Numeric(None) | FieldValue::Float(None) | FieldValue::Logical(None) | FieldValue::Date(None) => Value::Null,
        FieldValue::Numeric(Some(value)) => number(*value)?,
        FieldValue::Float(Some(value)) => json!(value),
        FieldValue::Double(value) | FieldValue::Currency(value) => json!(value),
        FieldValue::Logical(Some(value)) => json!(u8::from(*value)),
        FieldValue::Integer(value) => json!(value),
        FieldValue::Date(Some(date)) => json!(i64::from(date.to_unix_days()) * DAY_MS),
        FieldValue::DateTime(time) => json!(time.to_unix_timestamp().saturating_mul(1000)),
    })
}

/// Rings need no turning: a Shapefile's orientation is Esri's own. `None` is a null shape.
fn shape(shape: Shp) -> Result<Option<Shape>> {
    use GeometryKind::{Multipoint, Point, Polygon, Polyline};
    let (kind, parts) = match shape {
        Shp::NullShape => return Ok(None),
        Shp::Point(point) => (Point, vec![vertices(&[point])]),
        Shp::PointM(point) => (Point, vec![vertices(&[point])]),
        Shp::PointZ(point) => (Point, vec![vertices(&[point])]),
        Shp::Multipoint(points) => (Multipoint, vec![vertices(points.points())]),
        Shp::MultipointM(points) => (Multipoint, vec![vertices(points.points())]),
        Shp::MultipointZ(points) => (Multipoint, vec![vertices(points.points())]),
        Shp::Polyline(line) => (Polyline, line.parts().iter().map(|part| vertices(part)).collect()),
        Shp::PolylineM(line) => (Polyline, line.parts().iter().map(|part| vertices(part)).collect()),
        Shp::PolylineZ(line) => (Polyline, line.parts().iter().map(|part| vertices(part)).collect()),
        Shp::Polygon(polygon) => (Polygon, polygon.rings().iter().map(|ring| vertices(ring.points())).collect()),
        Shp::PolygonM(polygon) => (Polygon, polygon.rings().iter().map(|ring| vertices(ring.points())).collect()),
        Shp::PolygonZ(polygon) => (Polygon, polygon.rings().iter().map(|ring| vertices(ring.points())).collect()),
        Shp::Multipatch(_) => return Err(bad("multipatches can't be given to a task")),
    };
    let finite = |vertex: &Vertex| vertex.x.is_finite() && vertex.y.is_finite() && vertex.z.is_none_or(f64::is_finite);
    if !parts.iter().flatten().all(finite) {
        return Err(bad("a coordinate is not finite"));
    }
    Ok(Some(Shape { kind, parts }))
}

fn vertices<P: Copy + Into<Vertex>>(points: &[P]) -> Vec<Vertex> {
    points.iter().map(|point| (*point).into()).collect()
}

/// Below this a Shapefile means "no value".
fn measure(m: f64) -> Option<f64> {
    (m > NO_DATA).then_some(m)
}

impl From<::shapefile::Point> for Vertex {
    fn from(point: ::shapefile::Point) -> Self {
        Self { x: point.x, y: point.y, z: None, m: None }
    }
}

impl From<PointM> for Vertex {
    fn from(point: PointM) -> Self {
        Self { x: point.x, y: point.y, z: None, m: measure(point.m) }
    }
}

impl From<PointZ> for Vertex {
    fn from(point: PointZ) -> Self {
        Self { x: point.x, y: point.y, z: Some(point.z), m: measure(point.m) }
    }
}
