//! A text in memory to a Shapefile, and to GeoJSON into anything that takes bytes: `cargo run --example shapefile`.

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use geohaul::export::format_named;
use geohaul::report::silent;
use geohaul::{Destination, ExportOptions, Output, Saved, export, export_to};

const WELLS: &str = r#"{
    "geometryType": "esriGeometryPoint",
    "spatialReference": {"wkid": 102100, "latestWkid": 3857},
    "fields": [{"name": "FID", "type": "esriFieldTypeOID"}, {"name": "DEPTH", "type": "esriFieldTypeDouble"}],
    "features": [{"attributes": {"FID": 1, "DEPTH": 12.5}, "geometry": {"x": 1113194.9, "y": 6446275.8}}]
}"#;

fn main() -> geohaul::Result<()> {
    let path = std::env::temp_dir().join("wells.shp");
    let options = ExportOptions { overwrite: true, ..ExportOptions::default() };
    let destination = Destination::Files(vec![Output::new(&path, None)?]);
    let report = export(&mut Saved::from_bytes("wells", WELLS.into())?, &destination, &options, &silent())?;
    for file in &report.layers[0].outputs[0].files {
        println!("wrote {}", file.display());
    }

    let mut bytes = Vec::new();
    export_to(&mut Saved::from_bytes("wells", WELLS.into())?, format_named("geojson")?, &mut bytes, &options, &silent())?;
    println!("{}", String::from_utf8_lossy(&bytes));
    Ok(())
}
