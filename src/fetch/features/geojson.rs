//! GeoJSON to a feature set.

use ::geojson::{Feature, GeoJson, Geometry, GeometryValue, Position};
use serde_json::{Map, Value, json};

use super::{FeatureSet, Shape, Vertex, attribute, bad, fields_of};
use crate::error::Result;
use crate::model::GeometryKind;
use crate::model::geometry::signed_area2;

/// Whether a JSON document means to be GeoJSON.
pub(super) fn is_geojson(value: &Value) -> bool {
    let geometry = ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"];
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    geometry.contains(&kind) || matches!(kind, "Feature" | "FeatureCollection")
}

/// The features of a GeoJSON document: WGS 84, unless it has the `crs` member of the older GeoJSON.
pub(super) fn feature_set(document: Value) -> Result<FeatureSet> {
    let reference = spatial_reference(document.get("crs"))?;
    let parsed = serde_json::from_value::<GeoJson>(document).map_err(|why| bad(format!("the GeoJSON is broken: {why}")))?;
    let features = match parsed {
        GeoJson::FeatureCollection(collection) => collection.features,
        GeoJson::Feature(feature) => vec![feature],
        GeoJson::Geometry(geometry) => vec![Feature::from(geometry)],
    };
    let fields = fields_of(features.iter().filter_map(|feature| feature.properties.as_ref()));
    let row = |feature: Feature| {
        let properties = feature.properties.unwrap_or_default();
        let value = |name: &str| properties.get(name).unwrap_or(&Value::Null);
        let attributes = fields.iter().map(|field| (field.name.clone(), attribute(value(&field.name), &field.field_type)));
        let attributes: Map<String, Value> = attributes.collect();
        Ok((attributes, feature.geometry.map(shape).transpose()?.flatten()))
    };
    let rows = features.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    if rows.is_empty() {
        return Err(bad("it holds no features"));
    }
    Ok(FeatureSet { spatial_reference: Some(reference), fields, rows })
}

/// The `crs` member of GeoJSON before RFC 7946: `urn:ogc:def:crs:EPSG::3857`, `EPSG:3857`, CRS84, or null.
fn spatial_reference(crs: Option<&Value>) -> Result<Value> {
    let Some(crs) = crs.filter(|crs| !crs.is_null()) else { return Ok(json!({"wkid": 4326})) };
    let name = crs.pointer("/properties/name").and_then(Value::as_str).unwrap_or_default();
    if name.ends_with("CRS84") {
        return Ok(json!({"wkid": 4326}));
    }
    let code = name.rsplit(':').next().and_then(|code| code.parse::<u32>().ok());
    match code {
        Some(code) if name.contains("EPSG") || name.contains("ESRI") => Ok(json!({"wkid": code})),
        _ => Err(bad(format!("its crs member is not understood: {crs}")).hint("convert it to WGS 84: ogr2ogr -t_srs EPSG:4326")),
    }
}

/// `None` is an empty geometry.
fn shape(geometry: Geometry) -> Result<Option<Shape>> {
    let (kind, parts) = match &geometry.value {
        GeometryValue::Point { coordinates } => (GeometryKind::Point, vec![line(std::slice::from_ref(coordinates))?]),
        GeometryValue::MultiPoint { coordinates } => (GeometryKind::Multipoint, vec![line(coordinates)?]),
        GeometryValue::LineString { coordinates } => (GeometryKind::Polyline, vec![line(coordinates)?]),
        GeometryValue::MultiLineString { coordinates } => (GeometryKind::Polyline, lines(coordinates)?),
        GeometryValue::Polygon { coordinates } => (GeometryKind::Polygon, rings(coordinates)?),
        GeometryValue::MultiPolygon { coordinates } => {
            let polygons = coordinates.iter().map(|polygon| rings(polygon)).collect::<Result<Vec<_>>>()?;
            (GeometryKind::Polygon, polygons.concat())
        }
        GeometryValue::GeometryCollection { .. } => {
            return Err(bad("it holds a GeometryCollection, which Esri does not know").hint("split it into single geometries"));
        }
    };
    let parts: Vec<_> = parts.into_iter().filter(|part: &Vec<Vertex>| !part.is_empty()).collect();
    Ok((!parts.is_empty()).then_some(Shape { kind, parts }))
}

fn line(positions: &[Position]) -> Result<Vec<Vertex>> {
    positions.iter().map(vertex).collect()
}

fn lines(lines: &[Vec<Position>]) -> Result<Vec<Vec<Vertex>>> {
    lines.iter().map(|positions| line(positions)).collect()
}

/// A shell clockwise, its holes counter-clockwise, all closed: Esri tells them apart by that alone.
fn rings(polygon: &[Vec<Position>]) -> Result<Vec<Vec<Vertex>>> {
    let mut rings = lines(polygon)?;
    for (at, ring) in rings.iter_mut().enumerate() {
        if let (Some(first), Some(last)) = (ring.first().copied(), ring.last())
            && (first.x, first.y) != (last.x, last.y)
        {
            ring.push(first);
        }
        let xy: Vec<[f64; 2]> = ring.iter().map(|vertex| [vertex.x, vertex.y]).collect();
        let clockwise = signed_area2(&xy) < 0.0;
        if clockwise != (at == 0) {
            ring.reverse();
        }
    }
    Ok(rings)
}

fn vertex(position: &Position) -> Result<Vertex> {
    match position.as_slice() {
        [x, y, rest @ ..] => Ok(Vertex { x: *x, y: *y, z: rest.first().copied(), m: None }),
        _ => Err(bad("a position has fewer than two numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(document: Value) -> Value {
        feature_set(document).unwrap().to_json(true).unwrap()
    }

    #[test]
    fn rings_are_turned_to_esris_orientation_and_closed() {
        let outer = json!([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]);
        let hole = json!([[1, 1], [1, 2], [2, 2], [2, 1]]);
        let set = converted(json!({"type": "Polygon", "coordinates": [outer, hole]}));
        assert_eq!(set["geometryType"], "esriGeometryPolygon");
        assert_eq!(
            set["features"][0]["geometry"]["rings"],
            json!([
                [[0.0, 0.0], [0.0, 4.0], [4.0, 4.0], [4.0, 0.0], [0.0, 0.0]],
                [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0], [1.0, 1.0]],
            ])
        );
    }

    #[test]
    fn points_and_multipoints_together_are_multipoints() {
        let feature = |kind: &str, coordinates: Value| json!({"type": "Feature", "properties": null, "geometry": {"type": kind, "coordinates": coordinates}});
        let features = [feature("Point", json!([1, 2])), feature("MultiPoint", json!([[3, 4], [5, 6]]))];
        let set = converted(json!({"type": "FeatureCollection", "features": features}));
        assert_eq!(set["geometryType"], "esriGeometryMultipoint");
        assert_eq!(set["features"][0]["geometry"], json!({"points": [[1.0, 2.0]]}));
    }

    #[test]
    fn z_goes_along_and_a_missing_z_is_no_zero() {
        let set = converted(json!({"type": "Point", "coordinates": [0, 0, 7.5]}));
        assert_eq!((&set["hasZ"], &set["features"][0]["geometry"]), (&json!(true), &json!({"x": 0.0, "y": 0.0, "z": 7.5})));
        let mixed = feature_set(json!({"type": "LineString", "coordinates": [[0, 0, 1], [1, 1]]})).unwrap();
        assert!(mixed.to_json(true).unwrap_err().to_string().contains("some vertices have z"));
    }

    #[test]
    fn the_older_crs_member_is_followed_or_refused() {
        let point = |name: &str| {
            let crs = json!({"type": "name", "properties": {"name": name}});
            feature_set(json!({"type": "Point", "coordinates": [0, 0], "crs": crs}))
        };
        assert_eq!(point("urn:ogc:def:crs:EPSG::3857").unwrap().spatial_reference, Some(json!({"wkid": 3857})));
        assert_eq!(point("urn:ogc:def:crs:OGC:1.3:CRS84").unwrap().spatial_reference, Some(json!({"wkid": 4326})));
        assert!(point("http://example.org/local").is_err());
    }

    #[test]
    fn property_types_are_found_and_mixed_ones_become_text() {
        let feature = |properties: Value| json!({"type": "Feature", "properties": properties, "geometry": null});
        let features = [
            feature(json!({"i": 1, "b": true, "mix": 1, "big": 9_007_199_254_740_993_i64, "d": 1, "n": null})),
            feature(json!({"i": -2, "b": null, "mix": "x", "big": 1, "d": 3_000_000_000_u32, "n": null})),
        ];
        let set = feature_set(json!({"type": "FeatureCollection", "features": features})).unwrap();
        let types: Vec<_> = set.fields.iter().map(|field| (field.name.as_str(), field.field_type.esri_name())).collect();
        assert_eq!(
            types,
            [
                ("i", "esriFieldTypeInteger"),
                ("b", "esriFieldTypeSmallInteger"),
                ("mix", "esriFieldTypeString"),
                ("big", "esriFieldTypeBigInteger"),
                ("d", "esriFieldTypeDouble"),
                ("n", "esriFieldTypeString"),
            ]
        );
        assert_eq!(set.rows[0].0["mix"], json!("1"));
        assert_eq!(set.rows[0].0["b"], json!(1));
        assert_eq!(set.rows[0].0["big"], json!(9_007_199_254_740_993_i64));
        assert!(set.to_json(true).is_err(), "no geometry at all");
        assert_eq!(set.to_json(false).unwrap()["features"].as_array().unwrap().len(), 2);
    }
}
