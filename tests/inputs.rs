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
fn a_key_with_an_escape_is_not_the_key_that_its_bytes_spell() {
    let collection = convert(r#"{"features":[{"attributes":{"\\n":1}},{"attributes":{"\n":2}}]}"#);
    assert_eq!(collection["features"][0]["properties"], json!({"\\n": 1, "\n": null}));
    assert_eq!(collection["features"][1]["properties"], json!({"\\n": null, "\n": 2}));
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
fn an_attribute_that_neither_the_list_nor_the_sampled_pages_name_is_reported() {
    let filler = "x".repeat(10_000);
    let mut features = vec![format!(r#"{{"attributes":{{"A":"{filler}"}}}}"#); 1100];
    // On the second of eleven pages, where nobody looked.
    for row in [150, 151] {
        features[row] = format!(r#"{{"attributes":{{"A":"{filler}","HIDDEN":2}}}}"#);
    }
    let json = format!(
        r#"{{"geometryType":"esriGeometryPoint","fields":[{{"name":"A","type":"esriFieldTypeString"}}],"features":[{}]}}"#,
        features.join(",")
    );
    let (_, report) = convert_with(&json, &options()).unwrap();
    let losses: Vec<_> = report.layers[0].losses.iter().map(|loss| (loss.kind, loss.field.as_deref(), loss.count)).collect();
    assert_eq!(losses, [(LossKind::UnknownAttribute, Some("HIDDEN"), 2)]);
    assert_eq!(report.layers[0].losses.iter().next().unwrap().first.as_deref(), Some("row 150"));
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
        ("<html>", "web page"),
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

/// A feature set with everything in it that a truncation or a mutation could fall into.
const RICH: &str = r#"{"objectIdFieldName":"FID","geometryType":"esriGeometryPolygon","hasZ":true,"spatialReference":{"wkid":102100,"latestWkid":3857},"fields":[{"name":"FID","type":"esriFieldTypeOID"},{"name":"T","type":"esriFieldTypeString","length":20},{"name":"D","type":"esriFieldTypeDate"}],"features":[{"attributes":{"FID":1,"T":"a\"\\\u00e9","D":-1},"geometry":{"rings":[[[0,0,1],[0,9,2],[9,9.5e0,3],[9,0,4],[0,0,1]],[[1,1],[2,1],[2,2],[1,1]]]}},{"geometry":null,"attributes":{"FID":2,"T":null,"D":{"odd":[1,"]"]}}}],"exceededTransferLimit":false}"#;

#[test]
fn a_document_cut_off_at_any_byte_is_an_error() {
    convert(RICH);
    for end in 0..RICH.len() {
        let error = convert_with(&RICH[..end], &options()).err().unwrap_or_else(|| panic!("{}", &RICH[..end]));
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    }
}

#[test]
fn a_document_with_any_byte_changed_is_converted_or_refused_and_never_a_panic() {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let bytes = b"{}[],:\"\\0-+eEnx. \t\x00\xff\xc3NIt";
    let bare = RICH.replace(r#""geometryType":"esriGeometryPolygon","hasZ":true,"#, "").replace(r#""fields":["#, r#""x":["#);
    for round in 0..3000 {
        let mut text = if round % 2 == 0 { RICH } else { &bare }.as_bytes().to_vec();
        for _ in 0..=next() % 3 {
            let at = next() % text.len();
            match next() % 3 {
                0 => text[at] = bytes[next() % bytes.len()],
                1 => drop(text.remove(at)),
                _ => text.insert(at, bytes[next() % bytes.len()]),
            }
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        let done = std::panic::catch_unwind(|| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("out.geojson");
            let mut saved = Saved::from_bytes("layer", Bytes::from(text))?;
            let destination = Destination::Files(vec![Output::new(&path, None)?]);
            let options = ExportOptions { threads: 1, ..options() };
            export(&mut saved, &destination, &options, &(Arc::new(Silent) as Arc<dyn Progress>))?;
            let written: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).expect("what is written is JSON");
            Ok::<_, Error>(written)
        });
        match done {
            Err(_) => panic!("{shown}"),
            Ok(Err(error)) => assert_ne!(error.kind(), ErrorKind::Internal, "{shown}: {error}"),
            Ok(Ok(_)) => {}
        }
    }
}

#[test]
fn nested_values_that_are_no_json_are_kept_as_text() {
    let collection = convert(r#"{"features":[{"attributes":{"A":{"x":[1,NaN]},"B":{"x":[1,null]},"C":["a	b"]}}]}"#);
    assert_eq!(
        collection["features"][0]["properties"],
        json!({"A": "{\"x\":[1,NaN]}", "B": {"x": [1, null]}, "C": "[\"a\tb\"]"})
    );
}

#[test]
fn brackets_that_do_not_match_are_an_error() {
    for attributes in [r#"{"A":[1}]}"#, r#"{"A":{"b":[}]}}"#] {
        let error = error_of(&format!(r#"{{"features":[{{"attributes":{attributes}}}]}}"#));
        assert_eq!(error.kind(), ErrorKind::Input, "{attributes}: {error}");
    }
    let deep = format!(r#"{{"features":[{{"attributes":{{"A":{}1{}}}}}]}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert!(error_of(&deep).to_string().contains("deep"));
}

#[test]
fn a_geometry_that_is_no_list_is_an_error_or_null_and_never_a_panic() {
    assert_eq!(geometry("Polyline", r#"{"paths":null}"#), Value::Null);
    let bare = |geometry: &str| {
        convert_with(&format!(r#"{{"features":[{{"attributes":{{"A":1}},"geometry":{geometry}}}]}}"#), &options())
    };
    assert_eq!(bare(r#"{"paths":null}"#).unwrap().0["features"][0]["geometry"], Value::Null);
    for broken in
        [r#"{"paths":]}"#, r#"{"rings":5}"#, r#"{"rings":[5]}"#, r#"{"rings":[[5]]}"#, r#"{"points":[["a","b"]]}"#, "[]", "5"]
    {
        let done = bare(broken);
        assert!(done.is_err(), "{broken}: {done:?}");
    }
}

#[test]
fn half_a_point_is_counted_and_text_is_no_coordinate() {
    for half in [r#"{"x":1}"#, r#"{"x":1,"y":null}"#, r#"{"x":1e999,"y":1}"#] {
        let json = format!(r#"{{"geometryType":"esriGeometryPoint","features":[{{"geometry":{half}}}]}}"#);
        let (collection, report) = convert_with(&json, &options()).unwrap();
        assert_eq!(collection["features"][0]["geometry"], Value::Null);
        let losses: Vec<_> = report.layers[0].losses.iter().map(|loss| (loss.kind, loss.count)).collect();
        assert_eq!(losses, [(LossKind::VertexDropped, 1)], "{half}");
    }
    assert_eq!(
        error_of(r#"{"geometryType":"esriGeometryPoint","features":[{"geometry":{"x":"1,5","y":2}}]}"#).kind(),
        ErrorKind::Input
    );
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
fn text_in_utf_16_is_refused_by_name() {
    for (bom, encode) in [
        (true, u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (false, u16::to_le_bytes),
        (true, u16::to_be_bytes),
        (false, u16::to_be_bytes),
    ] {
        let mut bytes = if bom { encode(0xFEFF).to_vec() } else { Vec::new() };
        bytes.extend(r#"{"features":[]}"#.encode_utf16().flat_map(encode));
        let error = Saved::from_bytes("x", Bytes::from(bytes)).err().unwrap();
        assert!(error.to_string().contains("UTF-16"), "{bom}: {error}");
    }
}

#[test]
fn windows_line_ends_two_documents_and_long_texts() {
    assert_eq!(
        convert("{\r\n\"features\" : [\r\n{\"attributes\":{\r\n\"A\" : 1\r\n}}\r\n]\r\n}\r\n")["features"][0]["properties"]["A"],
        1
    );
    let two = error_of("{\"features\":[]}\n{\"features\":[]}");
    assert!(two.to_string().contains("more text after the end") && two.hint_text().is_some(), "{two}");
    let long = "x".repeat(10 << 20);
    let collection = convert(&format!(r#"{{"features":[{{"attributes":{{"A":"{long}"}}}},{{"attributes":{{"A":"b"}}}}]}}"#));
    assert_eq!(collection["features"][0]["properties"]["A"].as_str().unwrap().len(), long.len());
}

#[test]
fn attributes_that_the_field_list_leaves_out_are_kept() {
    let json = r#"{"fields":[{"name":"A","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"A":1}},{"attributes":{"A":1,"EXTRA":2.5,"NOTHING":null}}]}"#;
    let (collection, report) = convert_with(json, &options()).unwrap();
    assert_eq!(collection["features"][1]["properties"], json!({"A": 1, "EXTRA": 2.5}));
    assert!(report.layers[0].losses.is_empty());
    assert!(report.warnings.iter().any(|warning| warning.contains("EXTRA")), "{:?}", report.warnings);
}

#[test]
fn fields_of_the_same_name_from_two_tables_are_never_mixed_up() {
    let json = r#"{"fields":[{"name":"T1.NAME","type":"esriFieldTypeString"}],"features":[{"attributes":{"T1.NAME":"right","T2.NAME":"other"}}]}"#;
    assert_eq!(convert(json)["features"][0]["properties"], json!({"T1.NAME": "right", "T2.NAME": "other"}));
    // Two keys of one field: the last stays, as JSON has it, and the other is counted.
    for keys in [r#""NAME":"a","T.NAME":"b""#, r#""NAME":"a","NAME":"b""#] {
        let json =
            format!(r#"{{"fields":[{{"name":"NAME","type":"esriFieldTypeString"}}],"features":[{{"attributes":{{{keys}}}}}]}}"#);
        let (collection, report) = convert_with(&json, &options()).unwrap();
        assert_eq!(collection["features"][0]["properties"], json!({"NAME": "b"}));
        assert_eq!(report.layers[0].losses.iter().map(|loss| loss.count).collect::<Vec<_>>(), [1]);
    }
}

#[test]
fn z_that_comes_with_the_last_row_is_kept() {
    let feature = |tuple: &str| format!(r#"{{"attributes":{{"A":1}},"geometry":{{"paths":[[{tuple},{tuple}]]}}}}"#);
    let mut features = vec![feature("[1.25,2.5]"); 60_000];
    features.push(feature("[1,2,3]"));
    let json = format!(
        r#"{{"geometryType":"esriGeometryPolyline","fields":[{{"name":"A","type":"esriFieldTypeInteger"}}],"features":[{}]}}"#,
        features.join(",")
    );
    let (collection, report) = convert_with(&json, &options()).unwrap();
    assert!(report.layers[0].evidence.pages > 3);
    assert_eq!(collection["features"][60_000]["geometry"]["coordinates"], json!([[1, 2, 3], [1, 2, 3]]));
    assert_eq!(collection["features"][0]["geometry"]["coordinates"][0], json!([1.25, 2.5]));
}

#[test]
fn a_number_behind_the_announced_ordinates_is_counted() {
    let json =
        r#"{"geometryType":"esriGeometryPolyline","hasZ":true,"features":[{"geometry":{"paths":[[[1,2,3,4],[5,6,7,8]]]}}]}"#;
    let (collection, report) = convert_with(json, &options()).unwrap();
    assert_eq!(collection["features"][0]["geometry"]["coordinates"][0], json!([1, 2, 3]));
    assert_eq!(report.layers[0].losses.iter().map(|loss| (loss.kind, loss.count)).collect::<Vec<_>>(), [(LossKind::MDropped, 1)]);
}

#[test]
fn partial_z_and_texts_stay_with_their_vertices_when_rings_move() {
    // The hole comes first and without z, its shell is open, one number has no JSON text, and a ring is left out.
    let json = r#"{"geometryType":"esriGeometryPolygon","hasZ":true,"features":[
        {"geometry":{"rings":[[[2,2],[3,2],[3,3],[2,3],[2,2]],[[7,7],[7,7],[7,7]],[[0,0,1],[0,9,2],[9,9,3],[9,0,4]]]}},
        {"geometry":{"rings":[[[20,20],[20,29],[29,29],[20,20]]]}},
        {"geometry":{"rings":[[[0,0,5],[9,0,6],[9,9,7],[0,0,5]],[[0.50,0,8],[.5,1,9],[1,1,9],[0.50,0,8]]]}}]}"#;
    let collection = convert(json);
    let rings = |row: usize| collection["features"][row]["geometry"]["coordinates"].clone();
    assert_eq!(
        rings(0),
        json!([[[0, 0, 1], [9, 0, 4], [9, 9, 3], [0, 9, 2], [0, 0, 1]], [[2, 2], [2, 3], [3, 3], [3, 2], [2, 2]]])
    );
    assert_eq!(rings(1), json!([[[20, 20], [29, 29], [20, 29], [20, 20]]]));
    assert_eq!(collection["features"].as_array().unwrap().len(), 3);
}

#[test]
fn a_geometry_in_another_spatial_reference_than_its_layer_is_an_error() {
    let json = |sr: &str| {
        format!(
            r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":102100,"latestWkid":3857}},"features":[{{"geometry":{{"x":1,"y":2,"spatialReference":{sr}}}}}]}}"#
        )
    };
    for same in [r#"{"wkid":102100}"#, r#"{"wkid":3857}"#, "null", "{}", r#"{"wkt":"PROJCS[\"x\"]"}"#] {
        convert(&json(same));
    }
    let error = error_of(&json(r#"{"wkid":4326}"#));
    assert!(error.to_string().contains("spatial reference"), "{error}");
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
fn bytes_that_are_no_utf8_are_counted_one_by_one() {
    let mut json = br#"{"features":[{"attributes":{"A":"x?y?"}}]}"#.to_vec();
    json.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xE9);
    let dir = tempfile::tempdir().unwrap();
    let destination = Destination::Files(vec![Output::new(dir.path().join("a.geojson"), None).unwrap()]);
    let mut saved = Saved::from_bytes("x", Bytes::from(json)).unwrap();
    let report = export(&mut saved, &destination, &options(), &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
    assert_eq!(
        report.layers[0].losses.iter().map(|loss| (loss.kind, loss.count)).collect::<Vec<_>>(),
        [(LossKind::CharactersReplaced, 2)]
    );
}

#[test]
fn a_syntax_error_says_the_byte_of_its_feature() {
    let error = error_of(r#"{"features":[{"attributes":{"a":1}},{"attributes":{"a":tru}}]}"#);
    assert!(
        error.to_string().contains("expected a value at byte 19 of the feature") && error.to_string().contains("row 1"),
        "{error}"
    );
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

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// What `serde_json` writes comes out as `serde_json` reads it: any text, any number, in rows of any keys.
    #[test]
    fn attributes_come_out_as_another_parser_reads_them(
        rows in proptest::collection::vec(
            proptest::collection::btree_map("[a-zé\"\\\\\n]{1,4}", (0..5, proptest::prelude::any::<(String, f64, i64)>()), 0..5),
            1..6,
        )
    ) {
        let value = |(kind, (text, real, integer)): &(i32, (String, f64, i64))| match kind {
            0 => Value::Null,
            1 => json!(text),
            2 => json!(real),
            3 => json!(integer),
            _ => json!({"t": text, "n": [real, null]}),
        };
        let rows: Vec<Value> = rows.iter().map(|row| row.iter().map(|(key, cell)| (key.clone(), value(cell))).collect()).collect();
        let features: Vec<Value> = rows.iter().map(|row| json!({"attributes": row})).collect();
        let collection = convert(&json!({"features": features}).to_string());
        for (feature, row) in collection["features"].as_array().unwrap().iter().zip(&rows) {
            let properties = feature["properties"].as_object().unwrap();
            for (key, value) in properties {
                assert_eq!(row.get(key).unwrap_or(&Value::Null), value, "{key}");
            }
            assert!(row.as_object().unwrap().keys().all(|key| properties.contains_key(key)));
        }
    }
}
