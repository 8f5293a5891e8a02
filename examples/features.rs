//! Rows in memory: `cargo run --example features -- answer.json` streams a file, a page of it in memory at a time; without
//! an argument it reads a little text of its own.

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use geo::Area;
use geohaul::PlanOptions;
use geohaul::convert::{Features, features};

const LITTLE: &str = r#"{
    "geometryType": "esriGeometryPolygon",
    "spatialReference": {"wkid": 25832},
    "fields": [{"name": "FID", "type": "esriFieldTypeOID"}, {"name": "NAME", "type": "esriFieldTypeString"}],
    "features": [{
        "attributes": {"FID": 1, "NAME": "Field with a pond"},
        "geometry": {"rings": [[[0, 0], [0, 90], [90, 90], [90, 0], [0, 0]], [[20, 20], [30, 20], [30, 30], [20, 30], [20, 20]]]}
    }]
}"#;

fn main() -> geohaul::Result<()> {
    let options = PlanOptions::default();
    let rows = match std::env::args().nth(1) {
        Some(path) => {
            let file = std::fs::File::open(&path);
            let file = file.map_err(|why| geohaul::Error::new(geohaul::ErrorKind::File, "can't read the input").because(why))?;
            Features::read(file, &options)?
        }
        None => features(LITTLE, &options)?,
    };
    println!("{} in {}", rows.header().name, rows.crs().map_or("nowhere".to_owned(), ToString::to_string));
    for feature in rows {
        let feature = feature?;
        // The types of the crate `geo`, or bytes for a database.
        let area = feature.geometry.as_ref().and_then(|geometry| geometry.to_geo()).map_or(0.0, |shape| shape.unsigned_area());
        let wkb = feature.geometry.map_or(0, |geometry| geometry.to_wkb().len());
        println!("{}: area {area}, {wkb} bytes of WKB", serde_json::Value::from(feature.properties));
    }
    Ok(())
}
