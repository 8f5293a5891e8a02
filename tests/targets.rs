//! What `geohaul export` and `geohaul ls` take as targets: layers by name, whole services, items of a portal, and
//! services directories.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/layer.rs"]
mod layer;
#[path = "support/server.rs"]
mod server;

use std::process::Command;

use layer::Layer;
use serde_json::{Value, json};
use server::{Call, Reply, Server};
use tempfile::TempDir;

const ROOT: &str = "/arcgis/rest/services";
const ITEM: &str = "0123456789abcdef0123456789abcdef";

/// A server of everything: a service with groups and odd names, a folder that refuses, a portal.
fn reply(call: &Call) -> Reply {
    let path = call.path.trim_end_matches('/');
    if let Some(item) = path.strip_prefix("/portal/sharing/rest/content/items/") {
        return item_reply(item, call);
    }
    let path = path.strip_prefix(ROOT).unwrap_or(path);
    let layer = |name: &str, rows: i64| Layer { json: json!({"name": name}), ..Layer::of(1..=rows) }.reply(call);
    let own = path.trim_end_matches("/query");
    match own {
        "" => Reply::json(&json!({"folders": ["Water", "Secret"], "services": [{"name": "City", "type": "FeatureServer"},
            {"name": "Tools", "type": "GPServer"}, {"name": "Photos", "type": "ImageServer"}]})),
        "/Water" => Reply::json(&json!({"folders": [], "services": [{"name": "Water/Pipes", "type": "MapServer"}]})),
        "/Secret" => Reply::error(499, "Token Required"),
        "/Tools/GPServer" => Reply::json(&json!({"tasks": ["Buffer", "911 Calls"]})),
        "/Water/Pipes/MapServer" => Reply::json(&json!({"layers": [{"id": 5, "name": "Mains", "parentLayerId": -1,
            "subLayerIds": null, "geometryType": "esriGeometryPolyline"}], "tables": []})),
        "/City/FeatureServer" => Reply::json(&json!({"layers": [
            {"id": 0, "name": "Transport", "parentLayerId": -1, "subLayerIds": [1, 7]},
            {"id": 1, "name": "Main Roads", "parentLayerId": 0, "subLayerIds": null, "geometryType": "esriGeometryPoint"},
            {"id": 7, "name": "Side roads", "parentLayerId": 0, "subLayerIds": null, "geometryType": "esriGeometryPoint"},
            {"id": 8, "name": "../Parks", "parentLayerId": -1, "subLayerIds": null},
            {"id": 9, "name": "Parks", "parentLayerId": -1, "subLayerIds": null},
            {"id": 11, "name": "Broken", "parentLayerId": -1, "subLayerIds": null}],
            "tables": [{"id": 500_001, "name": "Owners"}]})),
        "/Mixed/MapServer" => Reply::json(&json!({"layers": [
            {"id": 0, "name": "Roads", "type": "Feature Layer", "geometryType": "esriGeometryPoint"},
            {"id": 1, "name": "Photo", "type": "Raster Layer"},
            {"id": 2, "name": "Labels", "type": "Annotation Layer"},
            {"id": 3, "name": "Names", "type": "Annotation Layer"}],
            "tables": [{"id": 4, "name": "Owners"}]})),
        "/Mixed/MapServer/0" => layer("Roads", 3),
        "/Mixed/MapServer/2" => {
            Reply::json(&json!({"id": 2, "name": "Labels", "type": "Annotation Layer", "geometryType": null}))
        }
        "/Mixed/MapServer/1" => Reply::json(&json!({"id": 1, "name": "Photo", "type": "Raster Layer"})),
        "/Mixed/MapServer/3" => {
            Layer { json: json!({"name": "Names", "type": "Annotation Layer"}), ..Layer::of(1..=2) }.reply(call)
        }
        "/Mixed/MapServer/4" => {
            Layer { json: json!({"name": "Owners", "type": "Table", "geometryType": null}), ..Layer::of(1..=2) }.reply(call)
        }
        "/City/FeatureServer/1" => layer("Main Roads", 3),
        "/City/FeatureServer/7" => layer("Side roads", 4),
        "/City/FeatureServer/8" => layer("../Parks", 5),
        "/City/FeatureServer/9" => layer("Parks", 6),
        "/City/FeatureServer/11" => Reply::error(400, "Layer not found"),
        "/City/FeatureServer/500001" => {
            Layer { json: json!({"name": "Owners", "type": "Table", "geometryType": null}), ..Layer::of(1..=2) }.reply(call)
        }
        _ => Reply::error(404, "nothing here").status(404),
    }
}

fn item_reply(item: &str, call: &Call) -> Reply {
    let host = format!("http://{}{ROOT}", call.header("host"));
    let roads = format!("{host}/City/FeatureServer/1");
    let collection = json!({"layers": [{"layerDefinition": {"name": "Notes", "geometryType": "esriGeometryPoint", "fields":
        [{"name": "A", "type": "esriFieldTypeInteger"}]}, "featureSet": {"geometryType": "esriGeometryPoint",
        "features": [{"attributes": {"A": 1}, "geometry": {"x": 1, "y": 2, "spatialReference": {"wkid": 4326}}}]}}]});
    let (id, data) = item.split_once('/').unwrap_or((item, ""));
    match (&id[..1], data) {
        ("0", "") => {
            Reply::json(&json!({"type": "Feature Service", "title": "City", "url": format!("{host}/City/FeatureServer")}))
        }
        ("1", "") => Reply::json(&json!({"type": "Web Map", "title": "Map", "url": null})),
        ("1", _) => Reply::json(&json!({"operationalLayers": [
            {"title": "Group", "layerType": "GroupLayer", "layers": [{"title": "Roads", "url": roads,
                "layerDefinition": {"definitionExpression": "LANES > 2"}}]},
            {"title": "Notes", "featureCollection": collection},
            {"title": "Tiles", "url": "https://h.example/arcgis/rest/services/T/VectorTileServer"}],
            "tables": [{"title": "Owners", "url": format!("{host}/City/FeatureServer/500001")}]})),
        ("2", "") => Reply::json(&json!({"type": "Feature Collection", "title": "My notes"})),
        ("2", _) => Reply::json(&collection),
        ("3", "") => Reply::json(&json!({"type": "CSV", "title": "Some wells", "name": "wells.csv"})),
        ("3", _) => Reply::bytes("text/csv", "a,b\n1,2\n"),
        ("4", "") => Reply::json(&json!({"type": "Dashboard", "title": "Numbers"})),
        ("5", "") => Reply::json(&json!({"type": "Web Mapping Application", "title": "City map",
            "url": "https://www.arcgis.com/apps/webappviewer/index.html?id=x"})),
        _ => Reply::error(400, "Item does not exist or is inaccessible."),
    }
}

fn item(first: char) -> String {
    format!("{first}{}", &ITEM[1..])
}

struct Desk {
    server: Server,
    dir: TempDir,
}

struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        Self { server: Server::start(reply), dir: TempDir::new().unwrap() }
    }

    fn url(&self, tail: &str) -> String {
        self.server.url(&format!("{ROOT}{tail}")).to_string()
    }

    fn run(&self, args: &[&str]) -> Run {
        let done = Command::new(env!("CARGO_BIN_EXE_geohaul")).current_dir(self.dir.path()).args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { status: done.status.code().unwrap(), stdout: text(done.stdout), stderr: text(done.stderr) }
    }

    fn export(&self, target: &str, args: &[&str]) -> Run {
        self.run(&[&["export", target], args].concat())
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join(dir)).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The number of features in a file, by another reader.
    fn rows(&self, name: &str) -> usize {
        let output = Command::new("ogrinfo").current_dir(self.dir.path()).args(["-so", "-al", name]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find_map(|line| line.strip_prefix("Feature Count: ")).expect(&text).parse().unwrap()
    }
}

#[track_caller]
fn says(run: &Run, status: i32, words: &[&str]) {
    assert_eq!(run.status, status, "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
}

/// Its condition is this one, by itself or with one that no row meets.
fn is_of(call: &Call, condition: &str) -> bool {
    [condition.to_owned(), format!("({condition}) AND 1=0")].contains(&call.param("where").to_owned())
}

#[test]
fn a_layer_is_named_regardless_of_case_with_spaces_and_a_pasted_query() {
    let desk = Desk::new();
    let run = desk.export(&desk.url("/City/FeatureServer/main%20roads/query?where=A%3D1&f=html"), &["-o", "a.geojson"]);
    says(&run, 0, &["the address chooses rows", "where A=1"]);
    assert_eq!(desk.rows("a.geojson"), 3);
    // One question finds out whether the server heeds conditions at all.
    assert!(desk.server.pages().iter().all(|call| call.path.contains("/1/") && is_of(call, "A=1")));
}

#[test]
fn wildcards_and_groups_name_several_layers() {
    let desk = Desk::new();
    says(&desk.export(&desk.url("/City/FeatureServer/*roads"), &["-o", "out/"]), 0, &[]);
    assert_eq!(desk.names("out"), ["Main Roads.geojson", "Side roads.geojson"]);
    says(&desk.export(&desk.url("/City/FeatureServer/transport"), &["-o", "group/"]), 0, &[]);
    assert_eq!(desk.names("group"), ["Main Roads.geojson", "Side roads.geojson"]);
}

#[test]
fn a_name_that_no_layer_has_is_refused_with_the_nearest() {
    let desk = Desk::new();
    let run = desk.export(&desk.url("/City/FeatureServer/Main%20Raods"), &["-o", "a.geojson"]);
    says(&run, 2, &["there is no layer \"Main Raods\"", "did you mean \"Main Roads\"?", "Owners"]);
}

#[test]
fn a_whole_service_becomes_a_file_per_layer_and_table_and_one_that_fails_stops_no_other() {
    let desk = Desk::new();
    let run = desk.export(&desk.url("/City/FeatureServer"), &["-o", "out/", "--format", "shapefile", "--report", "report.json"]);
    says(&run, 3, &["Layer not found", "Broken"]);
    let files: Vec<String> =
        desk.names("out").into_iter().filter(|name| name.ends_with(".shp") || name.ends_with(".csv")).collect();
    assert_eq!(files, ["Main Roads.shp", "Owners.csv", "Parks.shp", "Parks_2.shp", "Side roads.shp"]);
    let counts = ["Main Roads.shp", "Side roads.shp", "Parks.shp", "Parks_2.shp"].map(|name| desk.rows(&format!("out/{name}")));
    assert_eq!(counts, [3, 4, 5, 6]);
    let report: Value = serde_json::from_slice(&std::fs::read(desk.dir.path().join("report.json")).unwrap()).unwrap();
    let failures = report["failures"].as_array().unwrap();
    assert!(failures.len() == 1 && failures[0]["message"].as_str().unwrap().contains("Broken"), "{failures:?}");
    assert_eq!(report["layers"].as_array().unwrap().len(), 5);
    assert_eq!(desk.names("."), ["out", "report.json"], "nothing climbs out of the directory");
}

#[test]
fn layers_of_a_service_are_chosen_by_name_or_number() {
    let desk = Desk::new();
    says(&desk.export(&desk.url("/City/FeatureServer"), &["-o", "out/", "--layers", "own*,7"]), 0, &[]);
    assert_eq!(desk.names("out"), ["Owners.csv", "Side roads.geojson"]);
    says(&desk.export(&desk.url("/City/FeatureServer"), &["-o", "a.geojson", "--layers", "Parks"]), 0, &[]);
    assert_eq!(desk.rows("a.geojson"), 6);
    says(&desk.export(&desk.url("/City/FeatureServer"), &["-o", "b/", "--layers", "Parks,Lakes"]), 2, &["no layer \"Lakes\""]);
    says(&desk.export(&desk.url("/City/FeatureServer/1"), &["-o", "b/", "--layers", "Parks"]), 2, &["--layers"]);
}

#[test]
fn layers_behind_an_exclamation_mark_are_left_out() {
    let desk = Desk::new();
    let (city, mixed) = (desk.url("/City/FeatureServer"), desk.url("/Mixed/MapServer"));
    says(&desk.export(&city, &["-o", "out/", "--layers", "!11,!*parks,!500001"]), 0, &[]);
    assert_eq!(desk.names("out"), ["Main Roads.geojson", "Side roads.geojson"]);
    says(&desk.export(&city, &["-o", "some/", "--layers", "*o*, !Side *", "--layers", "!broken"]), 0, &[]);
    assert_eq!(desk.names("some"), ["Main Roads.geojson", "Owners.csv"]);
    let run = desk.export(&mixed, &["-o", "mixed/", "--layers", "!Photo,!Labels"]);
    says(&run, 0, &[]);
    assert!(!run.stderr.contains("left out"), "what somebody leaves out needs no note: {}", run.stderr);
    says(&desk.export(&city, &["-o", "b/", "--layers", "!Lakes"]), 2, &["no layer \"Lakes\"", "Main Roads"]);
    says(&desk.export(&city, &["-o", "b/", "--layers", "Parks,!9,!8"]), 2, &["no layer is left", "Main Roads"]);
}

#[test]
fn several_layers_do_not_go_into_one_file_and_none_is_asked() {
    let desk = Desk::new();
    let run = desk.export(&desk.url("/City/FeatureServer"), &["-o", "a.geojson"]);
    says(&run, 2, &["there are 6 layers, and the output is one file", "Main Roads", "-o results/"]);
    assert_eq!(desk.server.calls().len(), 1);
}

#[test]
fn what_a_service_says_to_have_no_rows_is_left_out_with_a_note() {
    let desk = Desk::new();
    let photo = "warning: \"Photo\" is left out: layers of the type Raster Layer have no rows of their own";
    says(&desk.export(&desk.url("/Mixed/MapServer"), &["-o", "m.gpkg"]), 0, &[photo, "\"Labels\" is left out"]);
    assert!(
        desk.server.calls().iter().all(|call| !call.path.contains("/MapServer/1") && !call.path.contains("/MapServer/2/query"))
    );
    says(&desk.export(&desk.url("/Mixed/MapServer"), &["-o", "out/"]), 0, &[photo]);
    assert_eq!(desk.names("out"), ["Names.geojson", "Owners.csv", "Roads.geojson"]);
    says(&desk.export(&desk.url("/Mixed/MapServer/*o*"), &["-o", "some/"]), 0, &[photo]);
    assert_eq!(desk.names("some"), ["Owners.csv", "Roads.geojson"]);
    for args in [&["--layers", "Roads,Photo"][..], &["--layers", "0,1"], &[]] {
        let target = if args.is_empty() { "/Mixed/MapServer/Photo" } else { "/Mixed/MapServer" };
        let run = desk.export(&desk.url(target), &[&["-o", "x.gpkg"], args].concat());
        says(&run, 2, &["layers of the type Raster Layer have no rows of their own", "\"Photo\""]);
    }
}

#[test]
fn an_area_leaves_the_tables_of_a_service_out_with_a_note_and_is_refused_for_one_that_is_named() {
    let desk = Desk::new();
    let bbox = ["--bbox", "-180,-90,180,90"];
    let run = desk.export(&desk.url("/Mixed/MapServer"), &[&["-o", "m.gpkg"], &bbox[..]].concat());
    says(&run, 0, &["warning: \"Owners\" is left out: a table has no geometry, so no area can choose its rows"]);
    assert!(desk.server.calls().iter().all(|call| !call.path.contains("/MapServer/4")));
    for (target, layers) in
        [("/Mixed/MapServer", Some("Owners")), ("/Mixed/MapServer/Owners", None), ("/Mixed/MapServer/4", None)]
    {
        let layers = layers.map_or(vec![], |name| vec!["--layers", name]);
        let run = desk.export(&desk.url(target), &[&["-o", "x.gpkg"], &bbox[..], &layers].concat());
        says(&run, 2, &["a table has no geometry, so no area can choose its rows"]);
    }
}

#[test]
fn an_item_of_a_portal_leads_to_its_service() {
    let desk = Desk::new();
    let page = desk.server.url(&format!("/portal/home/item.html?id={ITEM}&sublayer=7#overview")).to_string();
    says(&desk.export(&page, &["-o", "a.geojson"]), 0, &[]);
    assert_eq!(desk.rows("a.geojson"), 4);
    let portal = desk.server.url("/portal/home").to_string();
    says(&desk.export(ITEM, &["--portal", &portal, "-o", "out/", "--layers", "*Parks"]), 0, &[]);
    assert_eq!(desk.names("out"), ["Parks.geojson", "Parks_2.geojson"]);
    says(&desk.export("short", &["--portal", &portal, "-o", "out/"]), 2, &["not files"]);
    says(&desk.export(ITEM, &["-o", "out/"]), 2, &["the portal is not named", "--portal https://www.arcgis.com"]);
    says(&desk.export(&item('5'), &["--portal", &portal, "-o", "b/"]), 2, &["\"City map\" holds no layers", "Web Mapping"]);
    says(&desk.export(&desk.url("/Photos/ImageServer"), &["-o", "b/"]), 2, &["services of the type ImageServer"]);
    says(&desk.run(&["convert", &desk.url("/City/FeatureServer/1"), "-o", "a.csv"]), 2, &["not addresses", "geohaul export"]);
    says(
        &desk.export(&item('9'), &["--portal", &portal, "-o", "b/"]),
        1,
        &["Item does not exist", "hint: check the id", "--user"],
    );
    says(&desk.export(&item('4'), &["--portal", &portal, "-o", "b/"]), 2, &["\"Numbers\" holds no layers", "Dashboard"]);
}

#[test]
fn a_web_map_gives_its_layers_with_their_own_conditions() {
    let desk = Desk::new();
    let page = desk.server.url(&format!("/portal/apps/mapviewer/index.html?webmap={}", item('1'))).to_string();
    let run = desk.export(&page, &["-o", "out/"]);
    says(&run, 3, &["Tiles", "no layers that can be read"]);
    assert_eq!(desk.names("out"), ["Main Roads.geojson", "Notes.geojson", "Owners.csv"]);
    assert!(desk.server.pages().iter().filter(|call| call.path.contains("/1/")).all(|call| is_of(call, "LANES > 2")));
    says(&desk.export(&page, &["-o", "b/", "--layers", "Roads", "--where", "A=1 OR B=2"]), 0, &[]);
    assert_eq!(desk.server.pages().last().unwrap().param("where"), "(LANES > 2) AND (A=1 OR B=2)");
}

#[test]
fn collections_and_files_among_the_items_of_a_portal_are_fetched() {
    let desk = Desk::new();
    let portal = desk.server.url("/portal").to_string();
    says(&desk.export(&item('2'), &["--portal", &portal, "-o", "notes.geojson"]), 0, &[]);
    assert_eq!(desk.rows("notes.geojson"), 1);
    says(&desk.export(&item('2'), &["--portal", &portal, "-o", "resumed/", "--resume"]), 0, &[]);
    assert_eq!(desk.names("resumed"), ["Notes.geojson"]);
    says(&desk.export(&item('2'), &["--portal", &portal, "-o", "b/", "--limit", "1"]), 2, &["nothing can be selected"]);
    says(&desk.export(&item('3'), &["--portal", &portal, "-o", "files/"]), 0, &[]);
    assert_eq!(std::fs::read_to_string(desk.dir.path().join("files/wells.csv")).unwrap(), "a,b\n1,2\n");
}

#[test]
fn ls_lists_a_server_as_a_tree_and_goes_on_after_a_folder_that_refuses() {
    let desk = Desk::new();
    let run = desk.run(&["ls", &desk.url("")]);
    assert_eq!(run.status, 3);
    let refused = run.stdout.lines().find(|line| line.starts_with("Secret/: ")).unwrap();
    assert!(refused.contains("499 Token Required"), "{refused}");
    let others: Vec<&str> = run.stdout.lines().filter(|line| !line.starts_with("Secret/")).collect();
    assert_eq!(
        others,
        [
            "Water/",
            "  Pipes (MapServer)",
            "    5  Mains (polyline layer)",
            "City (FeatureServer)",
            "  0  Transport (group)",
            "    1  Main Roads (point layer)",
            "    7  Side roads (point layer)",
            "  8  ../Parks (layer)",
            "  9  Parks (layer)",
            "  11  Broken (layer)",
            "  500001  Owners (table)",
            "Tools (GPServer)",
            "  Buffer",
            "  911 Calls",
            "Photos (ImageServer)",
        ]
    );
}

#[test]
fn ls_lists_a_folder_and_a_service_and_finds_names() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["ls", &desk.url("/Water")]).stdout, "Pipes (MapServer)\n  5  Mains (polyline layer)\n");
    let run = desk.run(&["ls", &desk.url("/City/FeatureServer"), "--name", "*roads"]);
    assert_eq!(
        (run.status, run.stdout.as_str()),
        (0, "0  Transport (group)\n  1  Main Roads (point layer)\n  7  Side roads (point layer)\n")
    );
    let run = desk.run(&["ls", &desk.url(""), "--name", "buffer", "--json"]);
    let tree: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(tree["children"].as_array().unwrap().len(), 2, "the task's service, and the folder that nobody could look into");
    assert_eq!(tree["children"][1]["children"][0]["kind"], "task");
    assert!(tree["children"][1]["children"][0]["url"].as_str().unwrap().ends_with("/Tools/GPServer/Buffer"));
    assert!(tree["children"][0]["failure"]["message"].as_str().unwrap().contains("499"));
    says(&desk.run(&["ls", &desk.url("/City/FeatureServer/1")]), 2, &["nothing to list"]);
    says(&desk.export(&desk.url(""), &["-o", "out/"]), 2, &["geohaul ls"]);
}

#[test]
fn info_tells_of_layers_by_name_and_of_items() {
    let desk = Desk::new();
    let run = desk.run(&["info", &desk.url("/City/FeatureServer/side*")]);
    assert!(run.status == 0 && run.stdout.contains("point layer: Side roads"), "{}", run.stdout);
}
