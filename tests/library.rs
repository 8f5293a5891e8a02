//! The library without network and without the command line: bytes in, bytes out.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use geohaul::report::silent;
use geohaul::write::FORMATS;
use geohaul::{Destination, ErrorKind, ExportOptions, Output, Saved, export, export_to};

const WELLS: &str = r#"{"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
    "fields": [{"name": "FID", "type": "esriFieldTypeOID"}, {"name": "DEPTH", "type": "esriFieldTypeDouble"}],
    "features": [{"attributes": {"FID": 1, "DEPTH": 12.5}, "geometry": {"x": 10, "y": 50}}]}"#;

fn wells() -> Saved {
    Saved::from_bytes("layer", WELLS.into()).unwrap()
}

#[test]
fn every_format_of_one_file_goes_into_anything_that_takes_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let options = ExportOptions::default();
    for &format in FORMATS {
        let name = format.info().name;
        let mut bytes = Vec::new();
        let done = export_to(&mut wells(), format, &mut bytes, &options, &silent());
        if matches!(name, "shapefile" | "filegdb") {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::Usage, "{name}");
            assert!(bytes.is_empty(), "{name}");
            continue;
        }
        assert_eq!(done.unwrap().layers[0].evidence.rows, 1, "{name}");
        let path = folder.path().join(format!("layer.{}", format.info().endings[0]));
        let destination = Destination::Files(vec![Output { path: path.clone(), format }]);
        export(&mut wells(), &destination, &options, &silent()).unwrap();
        let file = std::fs::read(path).unwrap();
        // A GeoPackage says when it was made.
        assert!(bytes == file || (name == "geopackage" && bytes.len() == file.len()), "{name}");
    }
}

#[test]
fn half_a_layer_goes_nowhere_and_a_full_writer_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let geojson = geohaul::export::format_named("geojson").unwrap();
    let error = export_to(&mut wells(), geojson, &mut Full, &ExportOptions::default(), &silent()).unwrap_err();
    assert!(error.kind() == ErrorKind::File && error.to_string().contains("can't write"), "{error}");
    let broken = WELLS.replace("12.5", "12.5.5").replace("50}", "50");
    let mut bytes = Vec::new();
    let input = Saved::from_bytes("broken", broken.into());
    assert!(input.is_err() || export_to(&mut input.unwrap(), geojson, &mut bytes, &ExportOptions::default(), &silent()).is_err());
    assert!(bytes.is_empty());
}
