//! Values of every type, from what people have to what a task receives.

use std::path::{Path, PathBuf};
use std::process::Command;

use geohaul::fetch::gp::{Given, Options, Parameters};
use geohaul::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::script::*;

/// What a task receives for `In=VALUE`, as JSON.
fn received(data_type: &str, value: &str) -> Result<Value, Error> {
    let parameters = [parameter("In", data_type, "Required")];
    let script = Script::default().on("/T", [task("Synchronous", &parameters)]).on("/T/execute", [json!({"results": []})]);
    let inputs = Parameters::parse([format!("In={value}")]).unwrap();
    let (script, _, job) = run_with(script, &inputs, &Options::default());
    job.map(|_| serde_json::from_str(&script.sent("/T/execute", "In").unwrap()).unwrap())
}

fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

const GEOJSON: &str = r#"{"type":"FeatureCollection","features":[
    {"type":"Feature","properties":{"NAME":"Łódź","N":7,"D":1.25},"geometry":{"type":"Polygon","coordinates":
        [[[0,0],[10,0],[10,10],[0,10],[0,0]],[[1,1],[1,2],[2,2],[2,1],[1,1]]]}},
    {"type":"Feature","properties":{"NAME":null,"N":null,"D":null},"geometry":{"type":"MultiPolygon","coordinates":
        [[[[20,0],[30,0],[30,10],[20,0]]],[[[40,0],[50,0],[50,10],[40,0]]]]}}
]}"#;

const RINGS: [&str; 2] = [
    "[[[0.0,0.0],[0.0,10.0],[10.0,10.0],[10.0,0.0],[0.0,0.0]],[[1.0,1.0],[2.0,1.0],[2.0,2.0],[1.0,2.0],[1.0,1.0]]]",
    "[[[20.0,0.0],[30.0,10.0],[30.0,0.0],[20.0,0.0]],[[40.0,0.0],[50.0,10.0],[50.0,0.0],[40.0,0.0]]]",
];

fn ring_text(set: &Value, row: usize) -> String {
    set["features"][row]["geometry"]["rings"].to_string()
}

#[test]
fn a_geojson_file_arrives_as_an_esri_feature_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "areas.geojson", GEOJSON);
    let set = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolygon");
    assert_eq!(set["spatialReference"], json!({"wkid": 4326}));
    let fields: Vec<_> = set["fields"].as_array().unwrap().iter().map(|f| (f["name"].clone(), f["type"].clone())).collect();
    assert_eq!(
        fields,
        [("NAME", "String"), ("N", "Integer"), ("D", "Double")]
            .map(|(name, kind)| (json!(name), json!(format!("esriFieldType{kind}"))))
    );
    assert_eq!([ring_text(&set, 0), ring_text(&set, 1)], RINGS);
    assert_eq!(set["features"][0]["attributes"], json!({"NAME": "Łódź", "N": 7, "D": 1.25}));
    assert_eq!(set["features"][1]["attributes"], json!({"NAME": null, "N": null, "D": null}));
}

/// A Shapefile that GDAL makes of [`GEOJSON`].
fn shapefile(folder: &Path, options: &[&str]) -> PathBuf {
    let source = file(folder, "areas.geojson", GEOJSON);
    let path = folder.join("areas.shp");
    let made = Command::new("ogr2ogr").args(options).arg(&path).arg(&source).status().unwrap();
    assert!(made.success());
    path
}

#[test]
fn a_shapefile_arrives_as_an_esri_feature_set_in_its_own_spatial_reference() {
    let folder = tempfile::tempdir().unwrap();
    let path = shapefile(folder.path(), &["-lco", "ENCODING=UTF-8"]);
    let set = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolygon");
    let expected = if cfg!(feature = "gdal") { json!({"wkid": 4326}) } else { set["spatialReference"].clone() };
    assert_eq!(set["spatialReference"], expected);
    let names: Vec<_> = set["fields"].as_array().unwrap().iter().map(|field| field["name"].clone()).collect();
    assert_eq!(names, ["NAME", "N", "D"]);
    assert_eq!(set["features"][0]["attributes"], json!({"NAME": "Łódź", "N": 7, "D": 1.25}));
    assert_eq!(set["features"][1]["attributes"], json!({"NAME": null, "N": null, "D": null}));
    assert_eq!([ring_text(&set, 0), ring_text(&set, 1)], RINGS);
}

#[test]
fn a_shapefile_without_a_spatial_reference_or_in_a_strange_code_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = shapefile(folder.path(), &["-lco", "ENCODING=ISO-8859-2"]);
    let error = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err();
    assert!(error.hint_text().unwrap().contains("ENCODING=UTF-8"), "{error:?}");
    std::fs::remove_file(path.with_extension("prj")).unwrap();
    let error = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err();
    assert!(error.to_string().contains("no .prj"), "{error}");
}

#[test]
fn esri_json_arrives_as_it_is_with_what_it_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let whole = points(2);
    let path = file(folder.path(), "layer.json", &whole.to_string());
    assert_eq!(received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap(), whole);

    let bare = json!({"features": [{"attributes": {"A": 1}, "geometry": {"paths": [[[0, 0], [1, 1]]], "spatialReference": {"wkid": 2056}}}]});
    let set = received("GPFeatureRecordSetLayer", &bare.to_string()).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolyline");
    assert_eq!(set["spatialReference"], json!({"wkid": 2056}));
    assert_eq!(set["fields"][0]["type"], "esriFieldTypeInteger");
    assert_eq!(set["features"], bare["features"]);

    let result = file(folder.path(), "result.json", &result("Out", "GPFeatureRecordSetLayer", points(2)).to_string());
    assert_eq!(received("GPFeatureRecordSetLayer", &format!("@{}", result.display())).unwrap(), whole);
    let reference = json!({"url": "https://h/rest/services/X/FeatureServer/0"});
    assert_eq!(received("GPFeatureRecordSetLayer", &reference.to_string()).unwrap(), reference);
}

#[test]
fn a_record_set_takes_the_attributes_of_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "areas.geojson", GEOJSON);
    let set = received("GPRecordSet", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["features"][0], json!({"attributes": {"NAME": "Łódź", "N": 7, "D": 1.25}}));
    assert_eq!(set.get("geometryType"), None);
}

#[test]
fn a_file_that_is_missing_or_holds_no_features_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, content: &str| {
        let path = file(folder.path(), name, content);
        received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err().to_string()
    };
    assert!(refused("a.json", "{\"features\":").contains("a.json"));
    assert!(refused("b.json", "{\"some\":1}").contains("no feature set"));
    assert!(refused("c.geojson", r#"{"type":"FeatureCollection","features":[]}"#).contains("no features"));
    assert!(refused("d.geojson", r#"{"type":"GeometryCollection","geometries":[]}"#).contains("GeometryCollection"));
    assert!(refused("e.shp", "no shapefile").contains("e.shp"));
    let missing = received("GPFeatureRecordSetLayer", "@/nowhere/x.geojson").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::File);
}

#[test]
fn nothing_is_sent_before_all_values_are_right() {
    let parameters = [parameter("In", "GPLong", "Required"), parameter("Mode", "GPString", "Optional")];
    for (inputs, expected) in [
        (Parameters::parse(["In=x"]).unwrap(), "no whole number"),
        (Parameters::default(), "needs a value for In"),
        (Parameters::parse(["In=1", "Moed=a"]).unwrap(), "has no parameter Moed"),
    ] {
        let script = Script::default().on("/T", [task("Synchronous", &parameters)]);
        let (script, _, job) = run_with(script, &inputs, &Options::default());
        let error = job.err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!((error.kind(), script.asked("/T/execute")), (ErrorKind::Usage, 0));
    }
    let script = Script::default().on("/T", [task("Synchronous", &parameters)]).on("/T/execute", [json!({"results": []})]);
    let (script, _, _) = run_with(script, &Parameters::default().with("In", Given::Json(json!(5))), &Options::default());
    assert_eq!(script.sent("/T/execute", "In").as_deref(), Some("5"));
}
