//! Areas that a user gives: a box, or polygons in GeoJSON, a Shapefile or Esri JSON.

use std::path::Path;

use serde_json::Value;

use super::features;
use crate::error::{Error, ErrorKind, Result};
use crate::model::area::Ring;
use crate::model::{Area, Crs, SpatialReference};

/// A box: `west,south,east,north` in longitude and latitude, or with a spatial reference behind it.
///
/// # Errors
/// [`ErrorKind::Usage`] where it is none, [`ErrorKind::SpatialReference`] where that is not known.
///
/// ```
/// use geohaul::fetch::areas;
///
/// assert_eq!(areas::of_box("5.9,45.8,10.5,47.8").unwrap().spatial_reference.wkid, Some(4326));
/// assert!(areas::of_box("1,2,3").is_err());
/// ```
pub fn of_box(text: &str) -> Result<Area> {
    let parts: Vec<&str> = text.splitn(5, ',').map(str::trim).collect();
    let sides: Option<Vec<f64>> = parts.iter().take(4).map(|side| side.parse().ok()).collect();
    let (Some([west, south, east, north]), Some(crs)) = (sides.as_deref(), (parts.len() >= 4).then_some(parts.get(4))) else {
        return Err(Error::new(ErrorKind::Usage, format!("'{text}' is no box")).hint(
            "give west,south,east,north in degrees, or with a spatial reference: 690000,5330000,700000,5340000,EPSG:25832",
        ));
    };
    let crs = crs.map_or_else(|| Ok(Crs::wgs84()), |crs| Crs::parse(crs))?;
    Area::of_box([*west, *south, *east, *north], &crs)
}

/// Polygons: JSON, or the path of a file.
///
/// # Errors
/// Where it can't be read, holds no polygons, or does not say in which spatial reference they are.
pub fn of_polygons(text: &str) -> Result<Area> {
    let set = if text.trim_start().starts_with('{') {
        let value = serde_json::from_str(text).map_err(|why| unusable(format!("the JSON is broken: {why}")))?;
        features::of_json(value, true)?
    } else {
        features::of_file(Path::new(text.strip_prefix('@').unwrap_or(text)), true)?
    };
    let unnamed = || unusable("it names no spatial reference").hint("add it: \"spatialReference\": {\"wkid\": 25832}");
    let spatial_reference = set.get("spatialReference").and_then(SpatialReference::from_json).ok_or_else(unnamed)?;
    let rows = set.get("features").and_then(Value::as_array).into_iter().flatten();
    let polygons = rows.filter_map(|row| row.get("geometry").filter(|geometry| !geometry.is_null())).map(rings);
    Area::of_polygons(polygons.collect::<Result<_>>()?, spatial_reference)
}

fn unusable(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Input, "the area can't be used").because(why)
}

fn rings(geometry: &Value) -> Result<Vec<Ring>> {
    let rings = geometry.get("rings").and_then(Value::as_array).ok_or_else(|| {
        unusable("it holds something that is no polygon").hint("give polygons; lines and points enclose no area")
    })?;
    let position = |position: &Value| Some([position.get(0)?.as_f64()?, position.get(1)?.as_f64()?]);
    let ring = |ring: &Value| {
        let mut ring: Ring = ring.as_array()?.iter().map(position).collect::<Option<_>>()?;
        let first = *ring.first()?;
        if ring.last() != Some(&first) {
            ring.push(first);
        }
        Some(ring)
    };
    rings.iter().map(ring).collect::<Option<_>>().ok_or_else(|| unusable("a ring is no list of positions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_may_name_its_spatial_reference_and_cross_the_antimeridian() {
        let area = of_box("690000, 5330000, 700000, 5340000, EPSG:3857").unwrap();
        assert_eq!(
            (area.spatial_reference.wkid, area.envelope),
            (Some(3857), Some([690_000.0, 5_330_000.0, 700_000.0, 5_340_000.0]))
        );
        let area = of_box("177,-20,-178,-16").unwrap();
        assert_eq!((area.rings.len(), area.envelope), (2, None));
        for wrong in ["", "1,2,3", "1,2,3,x", "1,2,3,4,EPSG:1", "1,5,3,4"] {
            assert!(of_box(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn polygons_come_from_geojson_and_esri_json() {
        let area = of_polygons(r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#).unwrap();
        assert_eq!(area.rings, [[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]], "clockwise, as Esri has it");
        assert_eq!(area.spatial_reference.wkid, Some(4326));
        let esri = r#"{"rings":[[[0,0],[0,1],[1,1],[0,0]]],"spatialReference":{"wkid":25832}}"#;
        assert_eq!(of_polygons(esri).unwrap().spatial_reference.wkid, Some(25832));
        for (wrong, why) in [
            (r#"{"rings":[[[0,0],[0,1],[1,1],[0,0]]]}"#, "no spatial reference"),
            (r#"{"type":"Point","coordinates":[0,0]}"#, "no polygon"),
            (r#"{"rings":[7],"spatialReference":{"wkid":1}}"#, "no list"),
            ("{", "broken"),
        ] {
            let error = of_polygons(wrong).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        assert_eq!(of_polygons("missing.geojson").unwrap_err().kind(), ErrorKind::File);
    }
}
