//! Selections of `geohaul export`: what the server is asked, in every question alike, and what stands in the file.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/layer.rs"]
mod layer;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::process::Command;

use layer::Layer;
use serde_json::{Value, json};
use server::{Call, Reply, Server};
use tempfile::TempDir;

const PATH: &str = "/arcgis/rest/services/Roads/FeatureServer/0";

/// What a layer needs to take every condition.
fn capable() -> Value {
    json!({"timeInfo": {"startTimeField": "T"}, "isDataVersioned": true,
        "advancedQueryCapabilities": {"supportsPagination": true, "supportsOrderBy": true, "supportsQueryWithHistoricMoment": true}})
}

/// A layer, a directory to work in, and how the command ended.
struct Export {
    server: Server,
    dir: TempDir,
    status: i32,
    stderr: String,
}

/// A server whose rows are those of `layer` that `chosen` takes for a call.
fn choosy(layer: Layer, chosen: impl Fn(&Call, i64) -> bool + Send + Sync + 'static) -> Server {
    Server::start(move |call| {
        let mut layer = layer.clone();
        if call.param("objectIds").is_empty() {
            layer.ids.retain(|id| chosen(call, *id));
        }
        layer.reply(call)
    })
}

fn export(server: Server, output: &str, args: &[&str]) -> Export {
    export_with(server, output, args, &[])
}

/// Exports with files beside it.
fn export_with(server: Server, output: &str, args: &[&str], files: &[(&str, &str)]) -> Export {
    export_of(server, "", output, args, files)
}

/// Exports by an address with something behind the layer's.
fn export_pasted(server: Server, tail: &str, args: &[&str]) -> Export {
    export_of(server, tail, "a.geojson", args, &[])
}

fn export_of(server: Server, tail: &str, output: &str, args: &[&str], files: &[(&str, &str)]) -> Export {
    let dir = TempDir::new().unwrap();
    for (name, content) in files {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    let url = server.url(&format!("{PATH}{tail}")).to_string();
    let mut geohaul = Command::new(env!("CARGO_BIN_EXE_geohaul"));
    let geohaul = geohaul.current_dir(dir.path()).args(["export", &url, "-o", output, "--report", "report.json"]).args(args);
    let done = geohaul.output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    Export { server, dir, status: done.status.code().unwrap(), stderr }
}

impl Export {
    fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self
    }

    #[track_caller]
    fn fails(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, status, "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word}: {}", self.stderr);
        }
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.path().join(name)).unwrap()).unwrap()
    }

    /// The object ids in `a.geojson`, in its order.
    fn ids(&self) -> Vec<i64> {
        let features = self.json("a.geojson")["features"].as_array().unwrap().clone();
        features.iter().map(|feature| feature["properties"]["OBJECTID"].as_i64().unwrap()).collect()
    }

    /// Rows, the server's count, and missing rows as reported.
    fn evidence(&self) -> Value {
        self.json("report.json")["layers"][0]["evidence"].clone()
    }

    /// What an independent reader prints of an output.
    fn ogr(&self, program: &str, args: &[&str]) -> String {
        let output = Command::new(program).current_dir(self.dir.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn queries(&self) -> Vec<Call> {
        self.server.calls().into_iter().filter(|call| call.path.ends_with("/query")).collect()
    }

    /// The values of a parameter in all questions that choose rows.
    fn asked(&self, name: &str) -> BTreeSet<String> {
        let chooses = |call: &Call| call.param("objectIds").is_empty() && !call.param("where").ends_with(" AND 1=0");
        let calls = self.queries().into_iter().filter(chooses);
        calls.map(|call| call.param(name).to_owned()).collect()
    }

    fn asked_once(&self, name: &str) -> String {
        let values = self.asked(name);
        assert_eq!(values.len(), 1, "{name}: {values:?}");
        values.into_iter().next().unwrap()
    }
}

#[test]
fn an_area_outside_of_the_layer_finds_no_row_and_a_warning_says_where_both_are() {
    let extent = json!({"xmin": 556_597.45, "ymin": 5_621_521.49, "xmax": 1_168_854.65, "ymax": 6_106_854.83,
        "spatialReference": {"wkid": 102_100, "latestWkid": 3857}});
    let find = |found: bool, extent: &Value, args: &[&str]| {
        let layer = Layer { json: json!({"extent": extent}), ..Layer::of(1..=3) };
        export(choosy(layer, move |_, _| found), "a.geojson", args).ok().stderr
    };
    let said = "warning: \"Roads\": no row was found, since the area lies wholly outside the layer";
    let words = find(false, &extent, &["--bbox", "46,7,47,8"]);
    let of_both = "west,south,east,north are 46,7,47,8 of the area and 5,45,10.5,48 of the layer, in EPSG:4326 (WGS 84)";
    assert!(words.contains(&format!("{said}; its x and y seem to be swapped: {of_both}")), "{words}");
    let metres = find(false, &extent, &["--bbox", "0,0,1000,1000.4,EPSG:3857"]);
    let of_both = "0,0,1000,1000 of the area and 556597,5621521,1168855,6106855 of the layer, in EPSG:3857";
    assert!(metres.contains(&format!("{said}: ")) && metres.contains(of_both), "{metres}");
    // What meets the layer's box may find nothing for other reasons, and a box that finds rows is right.
    assert!(!find(false, &extent, &["--bbox", "7,46,8,47"]).contains("outside"));
    assert!(!find(true, &extent, &["--bbox", "46,7,47,8"]).contains("outside"));
    assert!(!find(false, &Value::Null, &["--bbox", "46,7,47,8"]).contains("outside"));
}

#[test]
fn a_table_is_not_said_to_be_generalised() {
    let table = Layer { json: json!({"type": "Table", "geometryType": null}), ..Layer::of(1..=3) };
    for (layer, said) in [(table, false), (Layer::of(1..=3), true)] {
        let words = export(choosy(layer, |_, _| true), "a.csv", &["--max-offset", "5"]).ok().stderr;
        assert_eq!(words.contains("generalised the geometries"), said, "{words}");
    }
}

#[test]
fn a_star_is_all_fields_as_in_a_query() {
    let all = export(choosy(Layer::of(1..=2), |_, _| true), "a.geojson", &[]).ok();
    let star = export(choosy(Layer::of(1..=2), |_, _| true), "a.geojson", &["--fields", "*"]).ok();
    assert_eq!(star.json("a.geojson"), all.json("a.geojson"));
}

#[test]
fn every_question_carries_every_condition_whatever_the_way_of_paging() {
    for paging in [true, false] {
        let mut json = capable();
        json["advancedQueryCapabilities"]["supportsPagination"] = json!(paging);
        let layer = Layer { paging, json, ..Layer::of(1..=30) };
        let server = choosy(layer, |call, id| !call.param("where").contains("KIND") || id % 3 == 0);
        let args = ["--where", "KIND = 3", "--bbox", "-1.5,2,3,4", "--time", "2024-01-01,", "--gdb-version", "SDE.X"];
        let done =
            export(server, "a.geojson", &[&args[..], &["--as-of", "1970-01-01T00:00:01", "--page-size", "4"]].concat()).ok();
        assert_eq!(done.ids(), (1..=10).map(|k| 3 * k).collect::<Vec<_>>());
        assert_eq!(done.evidence()["countAfter"], 10);
        assert_eq!(done.asked_once("where"), "KIND = 3");
        let envelope: Value = serde_json::from_str(&done.asked_once("geometry")).unwrap();
        let expected = json!({"xmin": -1.5, "ymin": 2.0, "xmax": 3.0, "ymax": 4.0, "spatialReference": {"wkid": 4326}});
        assert_eq!(envelope, expected);
        for (name, value) in [
            ("geometryType", "esriGeometryEnvelope"),
            ("inSR", "4326"),
            ("spatialRel", "esriSpatialRelIntersects"),
            ("time", "1704067200000,null"),
        ] {
            assert_eq!(done.asked_once(name), value);
        }
        // The state of the data is asked for with object ids too.
        assert!(done.queries().iter().all(|call| call.param("gdbVersion") == "SDE.X" && call.param("historicMoment") == "1000"));
        assert!(done.asked("returnCountOnly").contains("true"));
        let by_id = done.queries().iter().filter(|call| !call.param("objectIds").is_empty()).count();
        assert_eq!(by_id > 0, !paging);
    }
}

#[test]
fn listed_fields_are_written_in_their_order_and_the_object_id_only_where_it_is_listed() {
    let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.csv", &["--fields", "name"]).ok();
    assert!(done.server.pages().iter().all(|call| call.param("outFields") == "NAME,OBJECTID"));
    assert_eq!(std::fs::read_to_string(done.dir.path().join("a.csv")).unwrap().lines().next(), Some("x,y,NAME"));

    let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--fields", "NAME"]).ok();
    let summary = done.ogr("ogrinfo", &["-so", "-al", "a.geojson"]);
    assert!(summary.contains("NAME: String") && !summary.contains("OBJECTID"), "{summary}");
    assert!(done.json("a.geojson")["features"][0].get("id").is_none());
    assert!(done.json("report.json")["layers"][0]["losses"].as_array().unwrap().is_empty());

    let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.csv", &["--fields", "NAME,OBJECTID", "--no-geometry"]).ok();
    assert_eq!(std::fs::read_to_string(done.dir.path().join("a.csv")).unwrap().lines().nth(1), Some("row 1,1"));
}

#[test]
fn a_field_that_the_layer_has_not_is_refused_with_the_nearest_and_all() {
    let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--fields", "NMAE"]);
    done.fails(2, &["there is no field \"NMAE\"", "did you mean \"NAME\"?", "the fields are: OBJECTID, NAME", "\"Roads\""]);
    assert!(done.queries().is_empty());
}

#[test]
fn a_server_that_refuses_a_list_of_fields_is_asked_for_all_and_the_file_is_the_same() {
    let layer = Layer::of(1..=5);
    let server = Server::start(move |call| match call.param("outFields") {
        "" | "*" => layer.reply(call),
        _ => Reply::error(400, "Failed to execute query."),
    });
    let done = export(server, "a.csv", &["--fields", "NAME", "--no-geometry"]).ok();
    assert_eq!(
        std::fs::read_to_string(done.dir.path().join("a.csv")).unwrap().lines().take(2).collect::<Vec<_>>(),
        ["NAME", "row 1"]
    );
}

#[test]
fn ids_and_ranges_of_them_become_a_condition() {
    let server = choosy(Layer::of(1..=20), |_, id| [1, 2, 5, 6, 7, 8, 9].contains(&id));
    let done = export(server, "a.geojson", &["--ids", "1,2,5-9", "--where", "A=1 OR B=2"]).ok();
    assert_eq!(done.asked_once("where"), "(A=1 OR B=2) AND (OBJECTID BETWEEN 1 AND 2 OR OBJECTID BETWEEN 5 AND 9)");
    assert_eq!(done.ids(), [1, 2, 5, 6, 7, 8, 9]);
    let done = export(choosy(Layer::of(1..=20), |_, id| id <= 2), "a.geojson", &["--ids", "1,2,900"]).ok();
    assert!(done.stderr.contains("warning: not there: object id 900\n"), "{}", done.stderr);
    let done = export(choosy(Layer::of(1..=20), |_, _| true), "a.geojson", &["--ids", "1-40"]).ok();
    assert!(done.stderr.contains("object id 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 and 10 more\n"), "{}", done.stderr);
}

#[test]
fn ids_too_many_for_a_condition_are_compared_with_the_servers_list() {
    let wanted: Vec<i64> = (0..9000).map(|k| 3 * k).collect();
    let text: Vec<String> = wanted.iter().map(i64::to_string).collect();
    let server = choosy(Layer::of(1..=100), |_, _| true);
    let done = export_with(server, "a.geojson", &["--ids", "@ids.txt"], &[("ids.txt", &text.join("\n"))]).ok();
    assert_eq!(done.ids(), (1..=33).map(|k| 3 * k).collect::<Vec<_>>());
    assert_eq!((&done.evidence()["countBefore"], &done.evidence()["countAfter"]), (&json!(33), &json!(33)));
    // A row that is listed and never sent is missed all the same.
    let server = choosy(Layer { withheld: BTreeSet::from([9]), ..Layer::of(1..=100) }, |_, _| true);
    let done = export_with(server, "a.geojson", &["--ids", "@ids.txt"], &[("ids.txt", &text.join(" "))]);
    done.fails(1, &["32 rows came of the 33", "object id 9"]);
}

#[test]
fn a_box_may_name_its_spatial_reference_and_reach_across_the_180th_meridian() {
    let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--bbox", "1,2,3,4,EPSG:25832"]).ok();
    assert_eq!(
        (done.asked_once("inSR"), done.asked_once("geometryType")),
        ("25832".to_owned(), "esriGeometryEnvelope".to_owned())
    );
    let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--bbox", "177,-20,-178,-16"]).ok();
    let area: Value = serde_json::from_str(&done.asked_once("geometry")).unwrap();
    let ring = |west: f64, east: f64| json!([[west, -20.0], [west, -16.0], [east, -16.0], [east, -20.0], [west, -20.0]]);
    assert_eq!(area["rings"], json!([ring(177.0, 180.0), ring(-180.0, -178.0)]));
    assert_eq!(done.asked_once("geometryType"), "esriGeometryPolygon");
    let beyond = export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--bbox", "177,-20,182,-16"]).ok();
    assert_eq!(beyond.asked_once("geometry"), done.asked_once("geometry"));
    let polygon = r#"{"type":"Polygon","coordinates":[[[177,-20],[182,-20],[182,-16],[177,-16],[177,-20]]]}"#;
    for option in ["--intersects", "--clip"] {
        let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &[option, polygon]).ok();
        let area: Value = serde_json::from_str(&done.asked_once("geometry")).unwrap();
        let longitudes: BTreeSet<String> = area["rings"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|ring| ring.as_array().unwrap())
            .map(|at| at[0].to_string())
            .collect();
        assert_eq!(longitudes, ["-178.0", "-180.0", "177.0", "180.0"].map(str::to_owned).into());
    }
    export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--bbox", "-500,-300,1900,800"]).fails(2, &["beyond a pole"]);
    export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--bbox", "5,1,1,2,3857"]).fails(2, &["west lies east"]);
    export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--bbox", "1,2,3,4", "--intersects", "{}"])
        .fails(2, &["--bbox"]);
}

#[test]
fn polygons_of_every_kind_of_file_are_posted_in_their_own_spatial_reference() {
    let geojson = r#"{"type":"Polygon","coordinates":[[[0,0],[2,0],[2,2],[0,2],[0,0]]]}"#;
    let esri = r#"{"rings":[[[0,0],[0,2],[2,2],[2,0],[0,0]]],"spatialReference":{"wkid":25832}}"#;
    let shp = TempDir::new().unwrap();
    std::fs::write(shp.path().join("in.geojson"), geojson).unwrap();
    let path = shp.path().join("area.shp").display().to_string();
    let source = shp.path().join("in.geojson").display().to_string();
    assert!(Command::new("ogr2ogr").args([&path, &source]).status().unwrap().success());
    for (given, sr) in [(geojson, "4326"), (esri, "25832"), ("area.geojson", "4326"), (path.as_str(), "4326")] {
        let server = choosy(Layer::of(1..=9), |call, id| call.param("geometry").is_empty() || id > 5);
        let done = export_with(server, "a.geojson", &["--intersects", given], &[("area.geojson", geojson)]).ok();
        assert_eq!(done.ids(), [6, 7, 8, 9]);
        assert!(done.asked_once("inSR").contains(sr), "{}", done.asked_once("inSR"));
        let area: Value = serde_json::from_str(&done.asked_once("geometry")).unwrap();
        assert_eq!(area["rings"], json!([[[0.0, 0.0], [0.0, 2.0], [2.0, 2.0], [2.0, 0.0], [0.0, 0.0]]]));
        assert!(done.queries().iter().filter(|call| call.param("objectIds").is_empty()).all(|call| call.method == "POST"));
    }
    let done =
        export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--intersects", r#"{"type":"Point","coordinates":[1,1]}"#]);
    done.fails(1, &["the area can't be used", "no polygon"]);
}

#[test]
fn an_area_chooses_no_rows_of_a_table() {
    let table = Layer { json: json!({"type": "Table", "geometryType": null}), ..Layer::of(1..=3) };
    export(choosy(table, |_, _| true), "a.csv", &["--bbox", "1,2,3,4"]).fails(2, &["a table has no geometry"]);
}

/// Four squares of 10 by 10 metres: inside, across the border, outside but touching, and one around all of the area.
fn squares(call: &Call) -> Reply {
    let square = |id: i64, x: i64, y: i64, side: i64| {
        let z = |x: i64| 10 * x;
        let ring: Vec<[i64; 3]> =
            [[x, y], [x, y + side], [x + side, y + side], [x + side, y], [x, y]].map(|[x, y]| [x, y, z(x)]).to_vec();
        json!({"attributes": {"OBJECTID": id}, "geometry": {"rings": [ring]}})
    };
    let sr = json!({"wkid": 25832});
    let fields = json!([{"name": "OBJECTID", "type": "esriFieldTypeOID"}]);
    if !call.path.ends_with("/query") {
        return Reply::json(
            &json!({"name": "Parcels", "type": "Feature Layer", "geometryType": "esriGeometryPolygon", "hasZ": true,
            "objectIdField": "OBJECTID", "fields": fields, "extent": {"spatialReference": sr},
            "advancedQueryCapabilities": {"supportsPagination": true}}),
        );
    }
    if call.param("returnCountOnly") == "true" {
        return Reply::json(&json!({"count": 4}));
    }
    let all = [square(1, 110, 110, 10), square(2, 95, 110, 10), square(3, 90, 150, 10), square(4, 0, 0, 1000)];
    let limit = call.param("resultRecordCount").parse().unwrap_or(4);
    Reply::json(&json!({"objectIdFieldName": "OBJECTID", "geometryType": "esriGeometryPolygon", "hasZ": true, "fields": fields,
        "spatialReference": sr, "features": all[..limit.min(4)]}))
}

#[test]
fn polygons_are_cut_at_an_area_and_other_readers_measure_what_is_left() {
    // 100 to 200 each way, with a hole of 50 by 50.
    let area = r#"{"rings":[[[100,100],[100,200],[200,200],[200,100],[100,100]],[[140,140],[190,140],[190,190],[140,190],[140,140]]],
        "spatialReference":{"wkid":25832}}"#;
    let done = export_with(Server::start(squares), "a.shp", &["--clip", "area.json"], &[("area.json", area)]).ok();
    let report = done.json("report.json");
    assert_eq!(report["layers"][0]["clipped"], json!({"inside": 1, "cut": 2, "outside": 1}));
    assert_eq!((&report["layers"][0]["evidence"]["rows"], &report["layers"][0]["outputs"][0]["rows"]), (&json!(4), &json!(3)));
    assert!(done.stderr.contains("2 cut, 1 inside as they are, 1 outside and left out"), "{}", done.stderr);
    let sql = "SELECT OBJECTID, ST_Area(geometry) AS area, ST_IsValid(geometry) AS ok FROM a ORDER BY OBJECTID";
    let rows = done.ogr("ogrinfo", &["-dialect", "SQLite", "-sql", sql, "a.shp"]);
    let values = |name: &str| -> Vec<f64> {
        let lines = rows.lines().filter(|line| line.trim_start().starts_with(&format!("{name} (")));
        lines.map(|line| line.rsplit("= ").next().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(values("OBJECTID"), [1.0, 2.0, 4.0], "{rows}");
    assert_eq!(values("ok"), [1.0; 3]);
    for (area, expected) in values("area").into_iter().zip([100.0, 50.0, 10_000.0 - 2500.0]) {
        assert!((area - expected).abs() < 1e-9, "{area} instead of {expected}");
    }
    // z runs on along cut edges: 10 times x.
    let text = done.ogr("ogrinfo", &["-al", "-where", "OBJECTID=2", "a.shp"]);
    assert!(text.contains("100 110 1000") && text.contains("105 120 1050"), "{text}");
}

#[test]
fn a_clip_area_in_longitude_and_latitude_cuts_what_is_in_metres() {
    // Points at (id, 2 id) in web mercator; 0.0001 degrees are 11.13 metres.
    let area = r#"{"type":"Polygon","coordinates":[[[0,0],[0.0001,0],[0.0001,0.0001],[0,0.0001],[0,0]]]}"#;
    let done = export(choosy(Layer::of(1..=20), |_, _| true), "a.geojson", &["--clip", area]).ok();
    assert_eq!(done.ids(), [1, 2, 3, 4, 5]);
    assert_eq!(done.json("report.json")["layers"][0]["clipped"]["outside"], 15);
    export(choosy(Layer::of(1..=2), |_, _| true), "a.csv", &["--clip", area, "--no-geometry"]).fails(2, &["--no-geometry"]);
}

#[test]
fn a_limited_export_is_complete_when_it_has_its_rows() {
    for paging in [true, false] {
        for cap in [3, 1000] {
            for limit in [1, 7, 10, 29, 30, 50] {
                let layer = Layer { paging, cap, ..Layer::of(1..=30) };
                let limit_text = limit.to_string();
                let done = export(choosy(layer, |_, _| true), "a.geojson", &["--limit", &limit_text, "--page-size", "10"]).ok();
                assert_eq!(done.ids(), (1..=limit.min(30)).collect::<Vec<_>>(), "paging {paging}, cap {cap}, limit {limit}");
                assert_eq!((&done.evidence()["countBefore"], &done.evidence()["limit"]), (&json!(30), &json!(limit)));
                assert!(done.json("report.json").get("failures").is_none());
            }
        }
    }
    let withheld = Layer { withheld: BTreeSet::from([2]), ..Layer::of(1..=30) };
    let done = export(choosy(withheld, |_, _| true), "a.geojson", &["--limit", "4", "--page-size", "4"]).ok();
    assert_eq!(done.ids().len(), 4, "another row takes the place of one that the server does not send");
    let withheld = Layer { withheld: BTreeSet::from([2]), ..Layer::of(1..=4) };
    export(choosy(withheld, |_, _| true), "a.geojson", &["--limit", "4"]).fails(1, &["rows are missing"]);
}

#[test]
fn rows_come_in_the_order_that_is_asked_for_or_not_at_all() {
    // It sorts by nothing but the request, as a server does.
    let layer = Layer::of(1..=12);
    let server = Server::start(move |call| {
        let mut layer = layer.clone();
        if call.param("orderByFields") == "NAME DESC,OBJECTID ASC" {
            layer.ids.reverse();
        }
        layer.reply(call)
    });
    let done = export(server, "a.geojson", &["--order-by", "name desc", "--limit", "5", "--page-size", "2"]).ok();
    assert_eq!(done.ids(), [12, 11, 10, 9, 8]);
    let server = choosy(Layer { paging: false, ..Layer::of(1..=3) }, |_, _| true);
    export(server, "a.geojson", &["--order-by", "NAME"]).fails(2, &["can't hand out rows in an order"]);
    export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &["--order-by", "NMAE"]).fails(2, &["did you mean \"NAME\"?"]);
}

#[test]
fn geometries_are_left_out_or_treated_by_the_server_on_request() {
    let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.csv", &["--no-geometry"]).ok();
    assert!(done.server.pages().iter().all(|call| call.param("returnGeometry") == "false"));
    assert_eq!(std::fs::read_to_string(done.dir.path().join("a.csv")).unwrap().lines().next(), Some("OBJECTID,NAME"));

    let layer = Layer { answers_in: json!({"wkid": 4326}), ..Layer::of(1..=3) };
    let args = ["--max-offset", "0.5", "--project", "server", "--crs", "EPSG:4326", "--datum-transformation", "1623"];
    let done = export(choosy(layer, |_, _| true), "a.geojson", &args).ok();
    let treated = |call: &Call| call.param("maxAllowableOffset") == "0.5" && call.param("datumTransformation") == "1623";
    assert!(done.server.pages().iter().all(treated));
    let warnings = done.json("report.json")["warnings"].to_string();
    assert!(warnings.contains("generalised") && warnings.contains("asked to use the transformation 1623"), "{warnings}");
    let server = choosy(Layer::of(1..=3), |_, _| true);
    export(server, "a.geojson", &["--datum-transformation", "1623"]).fails(2, &["--project server"]);
}

#[test]
fn what_a_layer_can_not_do_is_said_and_nothing_is_asked() {
    for (args, words) in [(["--time", "2024-01-01"], "knows no time"), (["--as-of", "2024-01-01"], "keeps no history")] {
        let done = export(choosy(Layer::of(1..=3), |_, _| true), "a.geojson", &args);
        assert!(done.status != 0 && done.stderr.contains(words), "{}", done.stderr);
        assert!(done.queries().is_empty() && !done.dir.path().join("a.geojson").exists());
    }
}

#[test]
fn a_pasted_query_is_taken_over_with_all_that_there_is_an_option_for() {
    let layer = Layer { json: capable(), answers_in: json!({"wkid": 25832}), ..Layer::of(1..=20) };
    let chosen = |call: &Call, id: i64| !call.param("where").contains("OBJECTID IN (2,4)") || [2, 4].contains(&id);
    let tail = "/query?where=KIND%3D1&objectIds=4,2&geometry=1,2,3,4&geometryType=esriGeometryEnvelope&inSR=25832\
        &spatialRel=esriSpatialRelIntersects&time=1000,2000&orderByFields=NAME+DESC&outSR=25832&outFields=NAME,OBJECTID\
        &returnGeometry=true&historicMoment=5&gdbVersion=SDE.X&maxAllowableOffset=0.5&resultType=tile&f=pbf&resultRecordCount=";
    let done = export_pasted(choosy(layer.clone(), chosen), tail, &[]).ok();
    assert_eq!(done.ids(), [2, 4]);
    assert!(done.stderr.contains("the address chooses rows, and only those are exported: where KIND=1, objectIds 4,2"));
    assert_eq!(done.asked_once("where"), "(KIND=1) AND (OBJECTID IN (2,4))");
    for (name, value) in [("time", "1000,2000"), ("inSR", "25832"), ("geometryType", "esriGeometryEnvelope")] {
        assert_eq!(done.asked_once(name), value);
    }
    let same = |call: &Call| {
        [("outSR", "25832"), ("maxAllowableOffset", "0.5"), ("historicMoment", "5"), ("orderByFields", "NAME DESC,OBJECTID ASC")]
            .iter()
            .all(|(name, value)| call.param(name) == *value)
    };
    assert!(done.server.pages().iter().all(same));
    let done = export_pasted(choosy(layer, |_, _| true), "/query?returnGeometry=false", &[]).ok();
    assert!(done.server.pages().iter().all(|call| call.param("returnGeometry") == "false"));
}

#[test]
fn what_a_pasted_query_asks_that_is_not_taken_over_is_refused_before_anything_is_asked() {
    let server = || choosy(Layer::of(1..=20), |_, _| true);
    for (query, args, words) in [
        ("resultRecordCount=5", vec![], ["asks for resultRecordCount", "--limit"]),
        ("resultOffset=5", vec![], ["asks for resultOffset", "--limit"]),
        ("returnDistinctValues=true", vec![], ["asks for returnDistinctValues", "leave it out"]),
        ("outStatistics=%5B%5D&groupByFieldsForStatistics=A", vec![], ["asks for outStatistics", "leave it out"]),
        ("returnCountOnly=true", vec![], ["asks for returnCountOnly", "geohaul info"]),
        ("text=x", vec![], ["asks for text", "--where"]),
        ("geometry=1,2&geometryType=esriGeometryPoint", vec![], ["no box and no polygon", "--bbox"]),
        ("where=A%3D1", vec!["--where", "B=2"], ["where stands in the address", "--where"]),
        ("objectIds=1", vec!["--ids", "2"], ["objectIds stands in the address", "--ids"]),
        ("outSR=4326", vec!["--crs", "EPSG:25832"], ["outSR stands in the address", "--crs"]),
        (
            "returnGeometry=false",
            vec!["--clip", r#"{"rings":[[[0,0],[0,2],[2,2],[0,0]]],"spatialReference":{"wkid":4326}}"#],
            ["--clip", "--intersects"],
        ),
    ] {
        let done = export_pasted(server(), &format!("/query?{query}"), &args);
        done.fails(2, &words);
        assert!(done.server.calls().is_empty(), "{query}");
    }
}

#[test]
fn the_address_of_one_row_exports_that_row() {
    let chosen = |call: &Call, id: i64| !call.param("where").contains("OBJECTID IN (7)") || id == 7;
    let done = export_pasted(choosy(Layer::of(1..=20), chosen), "/7?f=html", &[]).ok();
    assert_eq!(done.ids(), [7]);
    assert!(done.stderr.contains("only those are exported: objectIds 7"), "{}", done.stderr);
    let done = export_pasted(choosy(Layer::of(1..=20), chosen), "/7", &["--ids", "8"]);
    done.fails(2, &["objectIds stands in the address, and --ids is given too"]);
}

#[test]
fn a_year_is_that_year_and_a_number_too_small_for_a_time_is_refused() {
    let layer = || Layer { json: capable(), ..Layer::of(1..=3) };
    for (args, name, value) in [
        (["--time", "2021"], "time", "1609459200000,1640995199999"),
        (["--time", "2021,2022"], "time", "1609459200000,1672531199999"),
        (["--time", "1609459200000"], "time", "1609459200000"),
        (["--as-of", "2021"], "historicMoment", "1609459200000"),
    ] {
        assert_eq!(export(choosy(layer(), |_, _| true), "a.geojson", &args).ok().asked_once(name), value, "{args:?}");
    }
    for args in [["--time", "1609459200"], ["--since", "20240501"], ["--as-of", "5"]] {
        let done = export(choosy(layer(), |_, _| true), "a.geojson", &args);
        done.fails(2, &["is no time", "seconds since 1970 end in three zeros more", "such as 2024-05-01"]);
        assert!(done.server.calls().is_empty());
    }
}
