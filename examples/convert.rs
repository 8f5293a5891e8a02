//! The library without the command line: `cargo run --example convert -- answer.json out/roads.geojson out/roads.shp`.
//!
//! The first argument is a saved answer, or the address of a layer; without arguments it converts a little feature set
//! of its own into the system's temporary folder.

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::PathBuf;

use geohaul::report::silent;
use geohaul::{Destination, ExportOptions, Input, Output, Saved, Session, Target, export, open};

const LITTLE: &str = r#"{
    "geometryType": "esriGeometryPolygon",
    "spatialReference": {"wkid": 4326},
    "fields": [{"name": "FID", "type": "esriFieldTypeOID"}, {"name": "NAME", "type": "esriFieldTypeString", "length": 20}],
    "features": [{
        "attributes": {"FID": 1, "NAME": "Field with a pond"},
        "geometry": {"rings": [[[0, 0], [0, 9], [9, 9], [9, 0], [0, 0]], [[2, 2], [3, 2], [3, 3], [2, 3], [2, 2]]]}
    }]
}"#;

fn main() -> geohaul::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut input, paths): (Box<dyn Input>, Vec<PathBuf>) = match arguments.next() {
        Some(target) => (open(&Session::online(), &Target::parse(&target)?, &silent())?, arguments.map(PathBuf::from).collect()),
        None => {
            let here = std::env::temp_dir();
            (Box::new(Saved::from_bytes("little", LITTLE.into())?), vec![here.join("little.geojson"), here.join("little.kmz")])
        }
    };
    let outputs = paths.into_iter().map(|path| Output::new(path, None)).collect::<geohaul::Result<_>>()?;
    let options = ExportOptions { overwrite: true, ..ExportOptions::default() };
    let report = export(input.as_mut(), &Destination::Files(outputs), &options, &silent())?;
    for layer in &report.layers {
        println!("{}: {} rows, {}", layer.name, layer.evidence.rows, layer.spatial_reference.as_deref().unwrap_or("nowhere"));
        for output in &layer.outputs {
            println!("  {} ({} bytes)", output.path.display(), output.bytes);
            for loss in output.losses.iter() {
                println!("    {} {}: {} times", loss.field.as_deref().unwrap_or("geometry"), loss.kind.describe(), loss.count);
            }
        }
    }
    assert!(report.is_complete(), "what is not complete is an error, unless it was allowed");
    Ok(())
}
