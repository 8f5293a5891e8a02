//! Geometries of every kind, and what is odd in them.

use std::sync::Arc;

use bytes::Bytes;
use geohaul::ErrorKind;
use geohaul::convert::PlanOptions;
use geohaul::export::{Destination, ExportOptions, Output, export};
use geohaul::fetch::saved::Saved;
use geohaul::report::{LossKind, Progress, Silent};
use serde_json::{Value, json};

use super::{convert, convert_with, error_of, geometry, options};

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
    assert_eq!(convert_with(json, &strict).unwrap_err().kind(), ErrorKind::Incomplete);
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
        assert_eq!(error.kind(), ErrorKind::Input);
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
