//! `geohaul convert`: files, pages and standard input.

use serde_json::{Value, json};

use super::Desk;

fn page(ids: std::ops::RangeInclusive<i64>, exceeded: bool) -> String {
    let feature = |id: i64| json!({"attributes": {"OBJECTID": id}, "geometry": {"x": id, "y": 0}});
    json!({"exceededTransferLimit": exceeded, "features": ids.map(feature).collect::<Vec<_>>(), "geometryType": "esriGeometryPoint",
        "objectIdFieldName": "OBJECTID", "spatialReference": {"wkid": 4326},
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}]})
    .to_string()
}

fn ids(desk: &Desk, name: &str) -> Vec<i64> {
    desk.json(name)["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_i64().unwrap()).collect()
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let desk = Desk::new();
    let run = desk.run_with(&["convert", "-", "-o", "a.geojson"], &page(1..=3, false));
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(ids(&desk, "a.geojson"), [1, 2, 3]);
    let shown = desk.run_with(&["info", "-"], &page(1..=3, false)).stdout;
    assert!(shown.starts_with("point layer: stdin\nrows: 3\n"), "{shown}");
}

#[test]
fn an_output_does_not_take_the_place_of_its_input() {
    let desk = Desk::new();
    desk.write("a.json", &page(1..=3, false));
    let run = desk.run(&["convert", "./a.json", "-o", "a.json", "--overwrite"]);
    assert!(run.status == 2 && run.stderr.starts_with("error: the output is the input"), "{}", run.stderr);
    assert_eq!(desk.read("a.json"), page(1..=3, false));
}

#[test]
fn several_files_are_the_pages_of_one_query() {
    let desk = Desk::new();
    desk.write("1.json", &page(1..=10, true));
    desk.write("2.json", &page(11..=15, false));
    desk.ok(&["convert", "1.json", "2.json", "-o", "a.geojson", "--report", "r.json"]);
    assert_eq!(ids(&desk, "a.geojson"), (1..=15).collect::<Vec<_>>());
    assert_eq!(desk.json("r.json")["source"], "1.json, 2.json");
    let cut_off = desk.run(&["convert", "1.json", "-o", "b.geojson"]);
    assert_eq!(cut_off.status, 1, "the first page alone is not all");
}

#[test]
fn object_ids_that_several_files_hold_are_told_and_their_rows_kept() {
    let desk = Desk::new();
    desk.write("1.json", &page(1..=30, true));
    desk.write("2.json", &page(29..=40, true));
    desk.write("3.json", &page(1..=1, false));
    let said = desk.ok(&["convert", "1.json", "2.json", "3.json", "-o", "a.geojson", "--report", "r.json"]);
    let told =
        "\"1\": more than one file holds object id 1, 29, 30; all of their rows are kept, so the output may hold rows twice";
    assert!(said.contains(&format!("warning: {told}\n")), "{said}");
    assert_eq!(ids(&desk, "a.geojson").len(), 43);
    assert_eq!(desk.json("r.json")["warnings"], json!([told]));
    assert_eq!(desk.json("r.json")["layers"][0]["evidence"]["repeated"], "object id 1, 29, 30");
    desk.write("joined.json", &page(1..=2, false).replace("\"OBJECTID\":2", "\"OBJECTID\":1"));
    assert!(!desk.ok(&["convert", "joined.json", "-o", "b.geojson"]).contains("warning"), "rows of a join");
}

#[test]
fn a_page_that_seems_to_be_missing_is_told_and_nothing_is_called_complete_that_nobody_counted() {
    let desk = Desk::new();
    for (name, ids, exceeded) in [("1", 1..=20, true), ("2", 21..=40, true), ("3", 41..=45, false), ("5", 43..=45, false)] {
        desk.write(&format!("{name}.json"), &page(ids, exceeded));
    }
    let said = desk.ok(&["convert", "3.json", "1.json", "-o", "a.geojson"]);
    assert!(said.contains("25 point features in EPSG:4326 (WGS 84); all rows of the saved files\n"), "{said}");
    let told = "warning: \"3\": none of the files holds object id 21 to 40, and the one before says that there is more: a page \
        may be missing\n";
    assert!(said.contains(told), "{said}");
    // Rows that were deleted leave smaller gaps.
    let said = desk.ok(&["convert", "1.json", "2.json", "5.json", "-o", "b.geojson"]);
    assert!(!said.contains("warning") && !said.contains("complete"), "{said}");
}

#[test]
fn what_a_document_holds_or_names_beside_the_rows_that_are_taken_is_told() {
    let desk = Desk::new();
    let rows: Value = serde_json::from_str(&page(1..=2, false)).unwrap();
    let says = |document: &Value, to: &str, words: &[&str]| {
        desk.write("a.json", &document.to_string());
        let said = desk.ok(&["convert", "a.json", "-o", to, "--overwrite"]);
        for words in words {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("all rows of the saved file"), "{said}");
    };
    let roads = json!({"layerDefinition": {"name": "Roads"}, "featureSet": rows});
    let elsewhere = json!({"title": "Rails", "url": "https://h.example/FeatureServer/1"});
    says(
        &json!({"operationalLayers": [{"featureCollection": {"layers": [roads]}}, elsewhere],
            "baseMap": {"baseMapLayers": [{"title": "World", "url": "https://h.example/MapServer"}]}}),
        "a.geojson",
        &[
            "all rows of the feature set\n",
            "names more than the rows that were taken: \"Rails\" (https://h.example/FeatureServer/1)\n",
        ],
    );
    says(&json!({"layers": [roads, {"layerDefinition": {"name": "Rails"}}]}), "a.geojson", &["were taken: \"Rails\"\n"]);
    let mut related = rows.clone();
    related["relatedRecordGroups"] =
        json!([{"objectId": 1, "relatedRecords": [{"attributes": {"A": 1}}, {"attributes": {"A": 2}}]}]);
    says(&related, "a.geojson", &["were taken: 2 rows in \"relatedRecordGroups\"\n"]);
    // Of two sets each has all of its own rows.
    let both = json!({"layers": [roads, {"layerDefinition": {"name": "Rails"}, "featureSet": rows}]});
    says(&both, "out/", &["\"Roads\": 2 point features in EPSG:4326 (WGS 84); all rows of the feature set\n"]);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let desk = Desk::new();
    desk.write("1.json", &page(1..=2, true));
    desk.write("2.json", &page(3..=4, false).replace("4326", "3857"));
    desk.refuses(
        &["convert", "1.json", "2.json", "-o", "a.geojson"],
        1,
        "
        error: the files are not pages of one query: the spatial reference differs
        cause: wkid 4326 before, wkid 3857 here
        where: 2.json
        hint: convert them one by one
    ",
    );
}

#[test]
fn a_page_that_carries_the_flag_is_taken_where_the_next_page_follows() {
    let desk = Desk::new();
    desk.write("1.json", &page(1..=2, true));
    desk.write("2.json", &page(3..=4, true));
    desk.write("3.json", &page(5..=5, false));
    desk.ok(&["convert", "1.json", "2.json", "3.json", "-o", "a.geojson"]);
    assert_eq!(ids(&desk, "a.geojson"), [1, 2, 3, 4, 5]);
}

#[test]
fn the_results_of_a_task_go_to_a_directory() {
    let desk = Desk::new();
    let result = |name: &str, kind: &str, value: Value| json!({"paramName": name, "dataType": kind, "value": value});
    let rows: Value = serde_json::from_str(&page(1..=2, false)).unwrap();
    let table = json!({"fields": [{"name": "A", "type": "esriFieldTypeInteger"}], "features": [{"attributes": {"A": 1}}]});
    let results = [
        result("Out", "GPFeatureRecordSetLayer", rows),
        result("Rows", "GPRecordSet", table),
        result("Count", "GPLong", json!(2)),
    ];
    desk.write("answer.json", &json!({"results": results, "messages": []}).to_string());
    desk.ok(&["convert", "answer.json", "-o", "out/", "--format", "geojson", "--format", "kmz"]);
    assert_eq!(desk.names("out"), ["Out.geojson", "Out.kmz", "Rows.geojson", "results.json"]);
    desk.refuses(
        &["convert", "answer.json", "-o", "a.geojson"],
        2,
        r#"
        error: the input holds 2 layers, and the output is one file
        cause: "Out", "Rows"
        where: answer.json
        hint: give a directory, which gets a file for each: -o results/ --format geojson
    "#,
    );
}

#[test]
fn an_object_id_beyond_32_bits_keeps_every_digit() {
    let desk = Desk::new();
    desk.write("big.json", &page(5_000_000_000..=5_000_000_001, false));
    desk.ok(&["convert", "big.json", "-o", "a.geojson", "-o", "a.shp", "-o", "a.csv"]);
    assert_eq!(ids(&desk, "a.geojson"), [5_000_000_000, 5_000_000_001]);
    assert!(desk.read("a.csv").contains(",5000000001"));
    let seen = super::judged_by("ogrinfo", &["-al", &desk.path("a.shp").display().to_string()]);
    assert!(seen.contains("= 5000000001"), "{seen}");
}

#[test]
fn a_latest_wkid_is_the_one_that_counts() {
    let desk = Desk::new();
    desk.write("a.json", &page(1..=1, false).replace("{\"wkid\":4326}", "{\"wkid\":102100,\"latestWkid\":3857}"));
    desk.ok(&["convert", "a.json", "-o", "a.geojson", "--crs", "native"]);
    assert_eq!(desk.json("a.geojson")["crs"]["properties"]["name"], "urn:ogc:def:crs:EPSG::3857");
}

#[test]
fn codes_for_which_others_write_an_empty_prj_get_a_full_one() {
    let desk = Desk::new();
    for (code, name) in [("6318", "NAD83(2011)"), ("7844", "GDA2020"), ("9000", "ITRF2014")] {
        desk.write("a.json", &page(1..=1, false).replace("4326", code));
        desk.ok(&["convert", "a.json", "-o", "a.shp", "--overwrite"]);
        let prj = desk.read("a.prj");
        assert!(prj.starts_with("GEOGCS[") || prj.starts_with("PROJCS["), "{code}: {prj}");
        let seen = super::judged_by("gdalsrsinfo", &["-o", "wkt2", &desk.path("a.prj").display().to_string()]);
        assert!(seen.contains(name), "{code}: {seen}");
    }
    // Too new for some PROJ: then there is no .prj, and the report says why.
    desk.write("a.json", &page(1..=1, false).replace("4326", "10665"));
    let said = desk.ok(&["convert", "a.json", "-o", "b.shp"]);
    match std::fs::read_to_string(desk.path("b.prj")) {
        Ok(prj) => assert!(prj.starts_with("GEOGCS["), "{prj}"),
        Err(_) => assert!(said.contains("wkid 10665, is not known here"), "{said}"),
    }
}

#[test]
fn values_of_a_saved_result_stay_in_the_report() {
    let desk = Desk::new();
    desk.write("number.json", r#"{"paramName":"N","dataType":"GPLong","value":3}"#);
    desk.ok(&["convert", "number.json", "-o", "out/", "--report", "r.json"]);
    assert_eq!(desk.json("out/results.json"), json!({"N": 3}));
    assert_eq!(desk.json("r.json")["values"]["N"], Value::from(3));
}

#[test]
fn a_field_of_an_unknown_type_comes_as_text() {
    let desk = Desk::new();
    desk.ok(&["convert", &super::saved("unknown-field-type.json"), "-o", "a.geojson", "-o", "a.csv"]);
    let rows = desk.json("a.geojson")["features"].clone();
    assert_eq!((&rows[0]["properties"]["new"], &rows[1]["properties"]["new"]), (&json!("as it is"), &Value::Null));
    assert!(desk.read("a.csv").contains(",1,as it is\n"));
}

/// One polygon, converted with these options: the rings of its parts, by their number of vertices.
fn rings(geometry: &Value, options: &[&str]) -> Vec<Vec<usize>> {
    let desk = Desk::new();
    let set =
        json!({"geometryType": "esriGeometryPolygon", "spatialReference": {"wkid": 4326}, "features": [{"geometry": geometry}]});
    desk.write("a.json", &set.to_string());
    desk.ok(&[&["convert", "a.json", "-o", "a.geojson", "--threads", "1"], options].concat());
    let geometry = &desk.json("a.geojson")["features"][0]["geometry"];
    let parts = match geometry["type"].as_str() {
        Some("Polygon") => vec![geometry["coordinates"].clone()],
        _ => geometry["coordinates"].as_array().unwrap().clone(),
    };
    let lengths = |part: &Value| part.as_array().unwrap().iter().map(|ring| ring.as_array().unwrap().len()).collect();
    parts.iter().map(lengths).collect()
}

#[test]
fn a_polygon_across_the_antimeridian_is_cut_unless_it_is_to_be_kept() {
    let across = json!({"rings": [[[170, 0], [170, 10], [190, 10], [190, 0], [170, 0]]]});
    assert_eq!(rings(&across, &[]), [[5], [5]]);
    assert_eq!(rings(&across, &["--antimeridian", "off"]), [[5]]);
}

#[test]
fn a_curve_takes_fewer_vertices_where_the_tolerance_is_coarse() {
    let circle = json!({"curveRings": [[[1, 0], {"a": [[1, 0], [0, 0], 0, 1]}]]});
    let fine = rings(&circle, &["--curve-tolerance", "0.001"])[0][0];
    let coarse = rings(&circle, &["--curve-tolerance", "0.1"])[0][0];
    assert!(fine > 2 * coarse && coarse > 4, "{fine} and {coarse}");
}

#[test]
fn a_figure_of_eight_is_two_polygons_once_it_is_mended() {
    let eight = json!({"rings": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]});
    assert_eq!(rings(&eight, &[]), [[5]]);
    assert_eq!(rings(&eight, &["--make-valid"]), [[4], [4]]);
}
