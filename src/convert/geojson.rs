//! Esri JSON text to the `geojson` crate's types, for programs that have the text already.

use bytes::Bytes;
use geojson::{Feature, FeatureCollection, Geometry, GeometryValue, JsonValue, Position, feature::Id};

use super::{PlanOptions, for_output, parse_page, plan};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::Scanner;
use crate::esri::document::{FeatureSet, Found, contents};
use crate::model::plan::{ColumnKind, FormatInfo};
use crate::model::{Batch, Column, Page, PageFacts, Part, Shape, ShapeKind, Value, WritePlan};

/// Converts one feature set to GeoJSON in WGS 84: right-hand rule, null geometry kept, dates in ISO 8601.
///
/// The text is a layer query answer, a feature set, a record set, `{layerDefinition, featureSet}` or a
/// geoprocessing result with one feature set. Numbers beyond 2^53 are kept exactly where they are integers.
///
/// # Errors
/// [`ErrorKind::Input`] for what is no feature set, [`ErrorKind::Incomplete`] for one that the server cut off,
/// [`ErrorKind::SpatialReference`] where it names no spatial reference or one that is not known.
///
/// ```
/// let json = r#"{
///     "features": [{"attributes": {"NAME": "Null Island"}, "geometry": {"x": 0, "y": 0}}],
///     "spatialReference": {"wkid": 102100, "latestWkid": 3857}
/// }"#;
/// let collection = geohaul::convert::to_geojson(json).unwrap();
/// assert_eq!(collection.features[0].property("NAME").unwrap(), "Null Island");
/// assert!(collection.features[0].geometry.is_some());
/// ```
pub fn to_geojson(esri_json: &str) -> Result<FeatureCollection> {
    let bytes = Bytes::copy_from_slice(esri_json.as_bytes());
    let mut scanner = Scanner::new(u64::MAX);
    scanner.push(&bytes)?;
    let skeleton = scanner.finish()?;
    let slice = |offset: u64, len: u64| bytes.slice(offset as usize..(offset + len) as usize);
    let found = contents(&skeleton, "features", &|range| Ok(slice(range.offset, range.len)))?;
    let FeatureSet { header, rows, .. } = only_set(found)?;
    let plan = plan(&header, &[&FormatInfo::GEOJSON], &PlanOptions::default())?;
    let write = &plan.outputs[0].write;
    let mut features = Vec::new();
    for (seq, range) in rows.pages.iter().enumerate() {
        let bytes = slice(range.offset, range.len);
        let facts = PageFacts { rows: range.rows as usize, features: 0..bytes.len(), ..PageFacts::default() };
        let page = Page { seq: seq as u64, bytes, facts, drop_rows: Vec::new(), rows_before: features.len() as u64 };
        let (batch, _) = parse_page(page, &header, &plan.read)?;
        let (geometry, _) = for_output(&batch, write)?;
        features.extend((0..batch.rows()).map(|row| feature(write, &batch, row, geometry.shape(row))));
    }
    Ok(FeatureCollection { bbox: None, features, foreign_members: None })
}

/// The one feature set of a text, whole.
pub(super) fn only_set(found: Vec<Found>) -> Result<FeatureSet> {
    let mut sets = found.into_iter().filter_map(|found| match found {
        Found::Rows(set) => Some(*set),
        Found::Value { .. } => None,
    });
    let (Some(set), None) = (sets.next(), sets.next()) else {
        return Err(Error::new(ErrorKind::Input, "the text does not hold exactly one feature set")
            .hint("geohaul::Saved reads texts that hold none or several"));
    };
    if set.cut_off {
        return Err(Error::new(ErrorKind::Incomplete, "rows are missing")
            .because("the server cut the feature set off (exceededTransferLimit)")
            .hint("fetch the whole layer"));
    }
    Ok(set)
}

fn feature(plan: &WritePlan, batch: &Batch, row: usize, shape: Shape<'_>) -> Feature {
    let id = plan.object_id.and_then(|column| match batch.value(row, column) {
        Value::Text(text) => Some(Id::String(text.into_owned())),
        value => value.as_i64().map(|id| Id::Number(id.into())),
    });
    let property = |column: &Column| (column.name.clone(), json_value(batch.value(row, column.from), column, plan));
    Feature {
        bbox: None,
        geometry: geometry_value(shape).map(Geometry::new),
        id,
        properties: Some(plan.columns.iter().map(property).collect()),
        foreign_members: None,
    }
}

pub(super) fn json_value(value: Value<'_>, column: &Column, plan: &WritePlan) -> JsonValue {
    let date = (column.kind == ColumnKind::DateTime && !matches!(value, Value::Text(_)))
        .then(|| value.as_i64().and_then(|ms| plan.iso(&column.field, ms)))
        .flatten();
    match (date, value) {
        (Some(date), _) => JsonValue::from(date),
        (None, Value::Null) => JsonValue::Null,
        (None, Value::Bool(value)) => JsonValue::from(value),
        (None, Value::Integer(value)) => JsonValue::from(value),
        (None, Value::Real(value)) => JsonValue::from(value),
        (None, Value::Text(text)) => JsonValue::from(text.into_owned()),
        // What is no JSON inside its brackets (a nested NaN) is kept as text.
        (None, Value::Number(text) | Value::Json(text)) => serde_json::from_str(text).unwrap_or_else(|_| JsonValue::from(text)),
    }
}

fn geometry_value(shape: Shape<'_>) -> Option<GeometryValue> {
    let z = !shape.z().is_empty();
    let position = |part: Part<'_>, at: usize| {
        let [x, y] = part.xy[at];
        if z && part.z[at].is_finite() { Position::from(vec![x, y, part.z[at]]) } else { Position::from(vec![x, y]) }
    };
    let line = |part: Part<'_>| (0..part.xy.len()).map(|at| position(part, at)).collect::<Vec<_>>();
    let mut parts = shape.parts();
    Some(match shape.kind {
        ShapeKind::Null => return None,
        ShapeKind::Point => GeometryValue::Point { coordinates: position(parts.next()?, 0) },
        ShapeKind::Multipoint => GeometryValue::MultiPoint { coordinates: parts.flat_map(line).collect() },
        ShapeKind::Polyline if shape.part_count() == 1 => GeometryValue::LineString { coordinates: line(parts.next()?) },
        ShapeKind::Polyline => GeometryValue::MultiLineString { coordinates: parts.map(line).collect() },
        ShapeKind::Polygon => {
            // Canonical rings are Esri's; the right-hand rule is their reverse.
            let ring = |part: Part<'_>| (0..part.xy.len()).rev().map(|at| position(part, at)).collect::<Vec<_>>();
            let mut polygons: Vec<Vec<Vec<Position>>> =
                shape.polygon_sizes().map(|size| parts.by_ref().take(size).map(ring).collect()).collect();
            match (polygons.pop(), polygons.is_empty()) {
                (Some(only), true) => GeometryValue::Polygon { coordinates: only },
                (last, _) => {
                    polygons.extend(last);
                    GeometryValue::MultiPolygon { coordinates: polygons }
                }
            }
        }
    })
}
