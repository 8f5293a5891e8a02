//! Saved Esri JSON in every shape that people have: what comes in is in the file. The outputs are read as plain
//! JSON, with the source's coordinates (`--crs native`).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

mod attributes;
mod broken;
mod geometry;

use std::sync::Arc;

use bytes::Bytes;
use geohaul::convert::{CrsChoice, PlanOptions};
use geohaul::export::{Destination, ExportOptions, Output, export};
use geohaul::fetch::saved::Saved;
use geohaul::report::{Progress, Report, Silent};
use geohaul::{Error, ErrorKind, Result};
use serde_json::{Value, json};

fn options() -> ExportOptions {
    ExportOptions { plan: PlanOptions { crs: CrsChoice::Native, ..PlanOptions::default() }, ..ExportOptions::default() }
}

/// Converts one document to GeoJSON in its own coordinates.
fn convert_with(json: &str, options: &ExportOptions) -> Result<(Value, Report)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.geojson");
    let mut saved = Saved::from_bytes("layer", Bytes::copy_from_slice(json.as_bytes()))?;
    let destination = Destination::Files(vec![Output::new(&path, None)?]);
    let report = export(&mut saved, &destination, options, &(Arc::new(Silent) as Arc<dyn Progress>))?;
    Ok((serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(), report))
}

fn convert(json: &str) -> Value {
    convert_with(json, &options()).unwrap().0
}

fn error_of(json: &str) -> Error {
    convert_with(json, &options()).unwrap_err()
}

/// One feature of this geometry in a layer of this kind.
fn geometry(kind: &str, geometry: &str) -> Value {
    let json =
        format!(r#"{{"geometryType":"esriGeometry{kind}","features":[{{"attributes":{{"A":1}},"geometry":{geometry}}}]}}"#);
    convert(&json)["features"][0]["geometry"].clone()
}

#[test]
fn features_may_stand_before_everything_that_explains_them() {
    let collection = convert(
        r#"{"features":[{"geometry":{"y":2,"x":1},"attributes":{"B":"b","A":1}}],"fields":[{"name":"A","type":"esriFieldTypeOID"},{"name":"B","type":"esriFieldTypeString"}],"spatialReference":{"wkid":4326},"geometryType":"esriGeometryPoint"}"#,
    );
    let feature = &collection["features"][0];
    assert_eq!(feature["id"], 1);
    assert_eq!(feature["geometry"], json!({"type": "Point", "coordinates": [1, 2]}));
    assert_eq!(feature["properties"], json!({"A": 1, "B": "b"}));
}

#[test]
fn missing_fields_are_found_in_the_rows_in_their_order() {
    let collection = convert(
        r#"{"features":[{"attributes":{"z":1}},{"attributes":{"z":2.5,"a":null}},{"attributes":{"a":"x","y":9007199254740993}}]}"#,
    );
    let names: Vec<_> = collection["features"][0]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["z", "a", "y"]);
    assert_eq!(collection["features"][2]["properties"], json!({"z": null, "a": "x", "y": 9_007_199_254_740_993_i64}));
}

#[test]
fn every_wrapper_of_a_feature_set_is_seen_through() {
    let set = r#"{"geometryType":"esriGeometryPoint","features":[{"attributes":{"A":7},"geometry":{"x":1,"y":2}}]}"#;
    let definition =
        r#"{"name":"Named","geometryType":"esriGeometryPoint","fields":[{"name":"A","type":"esriFieldTypeInteger"}]}"#;
    for json in [
        set.to_owned(),
        format!(r#"{{"layerDefinition":{definition},"featureSet":{set}}}"#),
        format!(r#"{{"layers":[{{"layerDefinition":{definition},"featureSet":{set}}}]}}"#),
        format!(r#"{{"featureCollection":{{"layers":[{{"featureSet":{set},"layerDefinition":{definition}}}]}}}}"#),
        format!(r#"{{"paramName":"Out","dataType":"GPFeatureRecordSetLayer","value":{set}}}"#),
        format!(r#"{{"paramName":"Out","dataType":"GPString","value":{{"featureSet":{set},"layerDefinition":{definition}}}}}"#),
        format!(
            r#"{{"results":[{{"paramName":"N","dataType":"GPLong","value":5}},{{"paramName":"Out","dataType":"x","value":{set}}}],"messages":[]}}"#
        ),
    ] {
        assert_eq!(convert(&json)["features"][0]["properties"]["A"], 7, "{json}");
    }
}

#[test]
fn several_results_go_to_a_directory_and_scalars_to_results_json() {
    let json = r#"{"results":[
        {"paramName":"Count","dataType":"GPLong","value":5},
        {"paramName":"../../Zones","dataType":"GPFeatureRecordSetLayer","value":{"geometryType":"esriGeometryPoint","features":[{"attributes":{"A":1},"geometry":{"x":1,"y":2}}]}},
        {"paramName":"Rows","dataType":"GPRecordSet","value":{"features":[{"attributes":{"A":"a, b"}}]}}]}"#;
    let refused = error_of(&json.replace(r#""geometryType":"esriGeometryPoint","#, ""));
    assert_eq!(refused.kind(), ErrorKind::Usage, "{refused}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results");
    let destination = Destination::Directory { path: path.clone(), formats: Vec::new() };
    let mut saved = Saved::from_bytes("x", Bytes::from_static(json.as_bytes())).unwrap();
    let report = export(&mut saved, &destination, &options(), &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
    assert!(report.is_complete());
    let mut names: Vec<_> =
        std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["Rows.csv", "Zones.geojson", "results.json"]);
    assert_eq!(std::fs::read_to_string(path.join("Rows.csv")).unwrap(), "A\n\"a, b\"\n");
    let values: Value = serde_json::from_slice(&std::fs::read(path.join("results.json")).unwrap()).unwrap();
    assert_eq!(values, json!({"Count": 5}));
}

#[test]
fn files_that_are_pages_of_one_query_become_one_layer() {
    let dir = tempfile::tempdir().unwrap();
    let page = |name: &str, ids: &[i32], more: bool| {
        let features: Vec<_> =
            ids.iter().map(|id| format!(r#"{{"attributes":{{"FID":{id}}},"geometry":{{"x":{id},"y":0}}}}"#)).collect();
        let path = dir.path().join(name);
        let text = format!(
            r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":4326}},"fields":[{{"name":"FID","type":"esriFieldTypeOID"}}],"features":[{}],"exceededTransferLimit":{more}}}"#,
            features.join(",")
        );
        std::fs::write(&path, text).unwrap();
        path
    };
    let pages = [page("1.json", &[1, 2], true), page("2.json", &[3], false)];
    let out = Destination::Files(vec![Output::new(dir.path().join("out.geojson"), None).unwrap()]);
    let run = |paths: &[std::path::PathBuf]| {
        export(
            &mut Saved::open(paths)?,
            &out,
            &ExportOptions { overwrite: true, ..options() },
            &(Arc::new(Silent) as Arc<dyn Progress>),
        )
    };
    assert_eq!(run(&pages).unwrap().layers[0].evidence.rows, 3);
    let cut_off = run(&pages[..1]).unwrap_err();
    assert_eq!(cut_off.kind(), ErrorKind::Incomplete, "the first page alone is not the layer");
    std::fs::write(&pages[1], r#"{"geometryType":"esriGeometryPolygon","features":[{"attributes":{"FID":1}}]}"#).unwrap();
    assert!(run(&pages).unwrap_err().what().contains("geometry kind"));
}

#[test]
fn a_cut_off_result_fails_and_with_allow_partial_says_that_it_is_partial() {
    for features in ["", r#"{"attributes":{"A":1}}"#] {
        let json = format!(
            r#"{{"paramName":"Out","dataType":"GPRecordSet","value":{{"features":[{features}],"exceededTransferLimit":true}}}}"#
        );
        assert_eq!(error_of(&json).kind(), ErrorKind::Incomplete);
        let (_, report) = convert_with(&json, &ExportOptions { allow_partial: true, ..options() }).unwrap();
        assert!(!report.is_complete() && report.wrote_something());
    }
}

#[test]
fn every_list_of_features_is_read_or_the_file_is_refused() {
    let twice = r#"{"features":[{"attributes":{"A":1}}],"features":[{"attributes":{"A":2}}]}"#;
    assert!(error_of(twice).to_string().contains("features"), "the first list would be lost");
    let web_map = r#"{"operationalLayers":[{"title":"x","featureCollection":{"layers":[{"featureSet":{"features":[{"attributes":{"A":1}}]}}]}}]}"#;
    assert_eq!(convert(web_map)["features"][0]["properties"]["A"], 1);
    assert!(error_of(r#"{"features":null}"#).to_string().contains("no features"));
}

#[test]
fn pages_of_one_query_may_begin_with_an_empty_one_and_their_ids_are_found_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    let paths = [
        file("0.json", r#"{"features":[]}"#),
        file(
            "1.json",
            r#"{"fields":[{"name":"A","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"A":5},"geometry":{"x":1,"y":2}}]}"#,
        ),
        file(
            "2.json",
            r#"{"fields":[{"name":"FID","type":"esriFieldTypeOID"},{"name":"A","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"FID":7,"A":6},"geometry":{"x":1,"y":2}}]}"#,
        ),
    ];
    let out = dir.path().join("out.geojson");
    let run = |paths: &[std::path::PathBuf]| {
        let destination = Destination::Files(vec![Output::new(&out, None).unwrap()]);
        export(
            &mut Saved::open(paths)?,
            &destination,
            &ExportOptions { overwrite: true, ..options() },
            &(Arc::new(Silent) as Arc<dyn Progress>),
        )
    };
    run(&paths).unwrap();
    let collection: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(collection["features"][1]["id"], 7);
    let twice = [paths[1].clone(), paths[2].clone(), dir.path().join("./1.json")];
    assert_eq!(run(&twice).unwrap_err().kind(), ErrorKind::Usage, "rows would come twice");
}

#[test]
fn an_empty_list_beside_another_takes_nothing_away() {
    let ring = "[[[0,0],[0,9],[9,9],[0,0]]]";
    for geometry in [
        format!(r#"{{"rings":{ring},"curveRings":[]}}"#),
        format!(r#"{{"curveRings":null,"rings":{ring}}}"#),
        format!(r#"{{"rings":[ ],"curveRings":{ring}}}"#),
    ] {
        assert_eq!(self::geometry("Polygon", &geometry)["coordinates"], json!([[[0, 0], [9, 9], [0, 9], [0, 0]]]), "{geometry}");
    }
}
