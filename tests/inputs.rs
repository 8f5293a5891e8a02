//! Saved Esri JSON in every shape that people have: what comes in is in the file. The outputs are read as plain
//! JSON, with the source's coordinates (`--crs native`).

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::sync::Arc;

use bytes::Bytes;
use geohaul::convert::{CrsChoice, PlanOptions};
use geohaul::export::{Destination, ExportOptions, Output, export};
use geohaul::fetch::saved::Saved;
use geohaul::report::{LossKind, Progress, Report, Silent};
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
    let destination =
        Destination::Directory { path: path.clone(), formats: vec![geohaul::export::format_named("geojson").unwrap()] };
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
fn a_point_at_zero_is_a_point_and_an_empty_one_is_null() {
    assert_eq!(geometry("Point", r#"{"x":0,"y":0}"#), json!({"type": "Point", "coordinates": [0, 0]}));
    for empty in [
        "null",
        r#"{"x":null}"#,
        r#"{"x":"NaN","y":"NaN"}"#,
        r#"{"x":NaN,"y":NaN}"#,
        r#"{"x":null,"y":null,"spatialReference":{"wkid":4326}}"#,
    ] {
        assert_eq!(geometry("Point", empty), Value::Null, "{empty}");
    }
    for (kind, empty) in [
        ("Polyline", r#"{"paths":[]}"#),
        ("Polygon", r#"{"rings":[[]]}"#),
        ("Multipoint", r#"{"points":[]}"#),
        ("Envelope", r#"{"xmin":"NaN","ymin":0,"xmax":1,"ymax":1}"#),
    ] {
        assert_eq!(geometry(kind, empty), Value::Null, "{empty}");
    }
}

#[test]
fn m_alone_is_never_taken_for_z() {
    let line = |flags: &str, tuple: &str| {
        let json = format!(
            r#"{{"geometryType":"esriGeometryPolyline",{flags}"features":[{{"geometry":{{"paths":[[{tuple},{tuple}]]}}}}]}}"#
        );
        convert(&json)["features"][0]["geometry"]["coordinates"][0].clone()
    };
    assert_eq!(line(r#""hasM":true,"#, "[1,2,9]"), json!([1, 2]));
    assert_eq!(line(r#""hasZ":true,"hasM":true,"#, "[1,2,3,9]"), json!([1, 2, 3]));
    assert_eq!(line(r#""hasZ":true,"#, "[1,2,3]"), json!([1, 2, 3]));
    assert_eq!(line("", "[1,2,3]"), json!([1, 2, 3]), "the third number is z where nobody says what it is");
    let own =
        convert(r#"{"geometryType":"esriGeometryPolyline","features":[{"geometry":{"paths":[[[1,2,9],[3,4,9]]],"hasM":true}}]}"#);
    assert_eq!(own["features"][0]["geometry"]["coordinates"][0], json!([1, 2]));
}

#[test]
fn lost_z_and_m_are_counted() {
    let json = r#"{"geometryType":"esriGeometryPoint","hasM":true,"features":[{"geometry":{"x":1,"y":2,"m":5}},{"geometry":{"x":1,"y":2,"m":null}}]}"#;
    let (_, report) = convert_with(json, &options()).unwrap();
    let losses: Vec<_> = report.layers[0].outputs[0].losses.iter().map(|loss| (loss.kind, loss.count)).collect();
    assert_eq!(losses, [(LossKind::MDropped, 1)]);
    let strict = ExportOptions { strict: true, ..options() };
    assert_eq!(convert_with(json, &strict).unwrap_err().kind(), ErrorKind::Format);
}

#[test]
fn a_hole_before_its_shell_and_a_second_island_come_out_right() {
    let polygon = geometry(
        "Polygon",
        r#"{"rings":[[[2,2],[3,2],[3,3],[2,3],[2,2]],[[0,0],[0,9],[9,9],[9,0],[0,0]],[[20,0],[20,9],[29,9],[29,0],[20,0]]]}"#,
    );
    assert_eq!(polygon["type"], "MultiPolygon");
    let rings: Vec<_> =
        polygon["coordinates"].as_array().unwrap().iter().map(|polygon| polygon.as_array().unwrap().len()).collect();
    assert_eq!(rings, [2, 1]);
    // The right-hand rule: the shell counter-clockwise, the hole clockwise.
    assert_eq!(polygon["coordinates"][0][0][1], json!([9, 0]));
    assert_eq!(polygon["coordinates"][0][1][1], json!([2, 3]));
}

#[test]
fn an_unclosed_ring_is_closed_and_a_ring_without_area_is_counted() {
    let json = r#"{"geometryType":"esriGeometryPolygon","features":[{"geometry":{"rings":[[[0,0],[0,9],[9,9],[9,0]],[[5,5],[6,6],[5,5]]]}}]}"#;
    let (collection, report) = convert_with(json, &options()).unwrap();
    assert_eq!(collection["features"][0]["geometry"]["coordinates"], json!([[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]));
    assert_eq!(
        report.layers[0].losses.iter().map(|loss| (loss.kind, loss.count)).collect::<Vec<_>>(),
        [(LossKind::RingDropped, 1)]
    );
}

#[test]
fn digits_are_copied_and_never_rounded() {
    let json = r#"{"geometryType":"esriGeometryPoint","fields":[{"name":"V","type":"esriFieldTypeDouble"}],"features":[{"attributes":{"V":0.1000000000000000055511151231257827},"geometry":{"x":-118.243683333333333333,"y":34.10}},{"attributes":{"V":9007199254740993},"geometry":{"x":1e-20,"y":1.7e300}}]}"#;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.geojson");
    let mut saved = Saved::from_bytes("x", Bytes::from_static(json.as_bytes())).unwrap();
    export(
        &mut saved,
        &Destination::Files(vec![Output::new(&path, None).unwrap()]),
        &options(),
        &(Arc::new(Silent) as Arc<dyn Progress>),
    )
    .unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    for digits in
        ["0.1000000000000000055511151231257827", "9007199254740993", "[-118.243683333333333333,34.10]", "[1e-20,1.7e300]"]
    {
        assert!(text.contains(digits), "{digits} in {text}");
    }
}

#[test]
fn null_is_not_the_empty_text_and_not_zero() {
    let collection = convert(r#"{"features":[{"attributes":{"a":null,"b":"","c":0,"d":false}}]}"#);
    assert_eq!(collection["features"][0]["properties"], json!({"a": null, "b": "", "c": 0, "d": false}));
}

#[test]
fn text_with_anything_in_it_comes_through() {
    let collection = convert("{\"features\":[{\"attributes\":{\"t\":\"a\\\"b\\\\c\\u00e9\\ud83d\\ude00\u{1}\tß\\q\"}}]}");
    assert_eq!(collection["features"][0]["properties"]["t"], "a\"b\\cé😀\u{1}\tß\\q");
}

#[test]
fn an_attribute_that_no_field_names_is_reported() {
    let json = r#"{"fields":[{"name":"A","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"A":1,"HIDDEN":2}},{"attributes":{"A":1,"HIDDEN":3}}]}"#;
    let (_, report) = convert_with(json, &options()).unwrap();
    let losses: Vec<_> = report.layers[0].losses.iter().map(|loss| (loss.kind, loss.field.as_deref(), loss.count)).collect();
    assert_eq!(losses, [(LossKind::UnknownAttribute, Some("HIDDEN"), 2)]);
}

#[test]
fn keys_find_their_field_whatever_their_case_or_qualifier() {
    let json = r#"{"fields":[{"name":"DB.O.T.NAME","type":"esriFieldTypeString"}],"features":[{"attributes":{"name":"a"}},{"attributes":{"db.o.t.Name":"b"}}]}"#;
    let collection = convert(json);
    assert_eq!(collection["features"][0]["properties"]["DB.O.T.NAME"], "a");
    assert_eq!(collection["features"][1]["properties"]["DB.O.T.NAME"], "b");
}

#[test]
fn dates_are_iso_8601_in_utc_and_wall_clock_where_the_zone_is_unknown() {
    let json = |zone: &str| {
        format!(
            r#"{{"fields":[{{"name":"D","type":"esriFieldTypeDate"}}],{zone}"features":[{{"attributes":{{"D":-86400001}}}},{{"attributes":{{"D":"1/2/2020"}}}},{{"attributes":{{"D":null}}}}]}}"#
        )
    };
    let dates = |zone: &str| {
        convert(&json(zone))["features"].as_array().unwrap().iter().map(|f| f["properties"]["D"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(dates(""), [json!("1969-12-30T23:59:59.999Z"), json!("1/2/2020"), Value::Null]);
    assert_eq!(dates(r#""datesInUnknownTimezone":true,"#)[0], "1969-12-30T23:59:59.999");
}

/// The vertices of the first ring or line of a geometry.
fn positions(geometry: &Value) -> Vec<Vec<f64>> {
    let list = &geometry["coordinates"];
    let list = if list[0][0][0].is_array() {
        &list[0][0]
    } else if list[0][0].is_array() {
        &list[0]
    } else {
        list
    };
    list.as_array().unwrap().iter().map(|p| p.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()).collect()
}

#[test]
fn true_curves_are_densified_with_their_ends_exact_and_z_between_them() {
    let json = r#"{"geometryType":"esriGeometryPolyline","hasZ":true,"features":[{"geometry":{"curvePaths":[[[0,0,10],{"c":[[2,0,20],[1,1]]},[5,0,30],{"b":[[8,0],[6,1],[7,1]]}]]}}]}"#;
    let (collection, report) = convert_with(json, &options()).unwrap();
    let line = positions(&collection["features"][0]["geometry"]);
    assert!(line.len() > 10, "{} vertices", line.len());
    assert_eq!((&line[0], &line[line.len() - 1]), (&vec![0.0, 0.0, 10.0], &vec![8.0, 0.0]), "the last one has no z of its own");
    assert!(line.contains(&vec![2.0, 0.0, 20.0]) && line.contains(&vec![5.0, 0.0, 30.0]));
    let top = line.iter().max_by(|a, b| a[1].total_cmp(&b[1])).unwrap();
    assert!((top[1] - 1.0).abs() < 0.02 && (top[2] - 15.0).abs() < 0.5, "{top:?}");
    assert_eq!(
        report.layers[0].losses.iter().map(|loss| (loss.kind, loss.count)).collect::<Vec<_>>(),
        [(LossKind::Densified, 2)]
    );
}

#[test]
fn a_finer_tolerance_gives_more_vertices() {
    let json =
        r#"{"geometryType":"esriGeometryPolygon","features":[{"geometry":{"curveRings":[[[10,0],{"a":[[10,0],[0,0],0,1]}]]}}]}"#;
    let area = |tolerance: f64| {
        let plan = PlanOptions { curve_tolerance: Some(tolerance), ..options().plan };
        let (collection, _) = convert_with(json, &ExportOptions { plan, ..options() }).unwrap();
        let ring = positions(&collection["features"][0]["geometry"]);
        let doubled: f64 = ring.windows(2).map(|e| e[0][0] * e[1][1] - e[1][0] * e[0][1]).sum();
        (ring.len(), doubled / 2.0)
    };
    let ((coarse, _), (fine, area)) = (area(0.1), area(1e-6));
    assert!(fine > 10 * coarse);
    assert!((area - std::f64::consts::PI * 100.0).abs() < 1e-4, "{area}");
}

#[test]
fn where_curves_and_their_densified_copy_both_come_exactly_one_is_used() {
    let curves = r#""curveRings":[[[10,0],{"a":[[10,0],[0,0],0,1]}]]"#;
    let plain = r#""rings":[[[10,0],[0,-10],[-10,0],[10,0]],[[50,0],[50,5],[55,5],[50,0]]]"#;
    for members in [format!("{curves},{plain}"), format!("{plain},{curves}")] {
        let polygon = geometry("Polygon", &format!("{{{members}}}"));
        assert_eq!(polygon["type"], "Polygon");
        assert!(positions(&polygon).len() > 20);
    }
}

#[test]
fn a_curve_of_an_unknown_kind_is_an_error_that_names_the_feature() {
    for geometry in [r#"{"curveRings":[[[0,0],{"q":[[3,3],[1,4]]},[0,0]]]}"#, r#"{"rings":[[[0,0],{"a":[[3,3]]}]]}"#] {
        let json = format!(
            r#"{{"geometryType":"esriGeometryPolygon","fields":[{{"name":"FID","type":"esriFieldTypeOID"}}],"features":[{{"attributes":{{"FID":1}}}},{{"attributes":{{"FID":17}},"geometry":{geometry}}}]}}"#
        );
        let error = error_of(&json);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.place().feature.as_deref(), Some("object id 17"));
    }
}

#[test]
fn a_multipoint_layer_that_answers_points_stays_a_multipoint_layer() {
    assert_eq!(geometry("Multipoint", r#"{"x":1,"y":2}"#), json!({"type": "MultiPoint", "coordinates": [[1, 2]]}));
}

#[test]
fn an_envelope_becomes_a_polygon() {
    let polygon = geometry("Envelope", r#"{"xmin":0,"ymin":1,"xmax":2,"ymax":3}"#);
    assert_eq!(polygon, json!({"type": "Polygon", "coordinates": [[[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]]}));
}

#[test]
fn what_is_no_feature_set_says_what_it_is() {
    for (json, words) in [
        ("", "empty"),
        ("<html>", "broken"),
        ("{\"features\":[{\"attributes\":{}}", "ends in the middle"),
        (r#"{"type":"FeatureCollection","features":[]}"#, "GeoJSON"),
        (r#"{"count":3}"#, "no features"),
        (r#"{"jobId":"j1","jobStatus":"esriJobSucceeded"}"#, "no features"),
        (r#"{"fields":[],"type":"Feature Layer"}"#, "no features"),
        (r#"{"error":{"code":400,"message":"Invalid query"}}"#, "error"),
        (r#"{"features":[{"attributes":{"a":1},"geometry":{"q":1}}]}"#, "can't be converted"),
        (r#"{"features":[{"attributes":{"a":tru}}]}"#, "can't be read"),
    ] {
        let error = error_of(json);
        assert!(error.to_string().contains(words), "{json}: {error}");
    }
}
