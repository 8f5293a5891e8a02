//! `geohaul export`: files, options, the report.

use serde_json::{Value, json};

use super::demo::Demo;
use super::layer::Layer;
use super::server::{Reply, Server};
use super::{Desk, ogrinfo, unindented};

const PATH: &str = "/arcgis/rest/services/Roads/FeatureServer/0";

/// A server with one layer, and a desk beside it.
fn serve(layer: Layer) -> (Server, Desk, String) {
    let server = Server::start(move |call| layer.reply(call));
    let url = server.url(PATH).to_string();
    let desk = Desk::beside(server.url("").as_str());
    (server, desk, url)
}

/// The features of a GeoJSON file.
fn features(desk: &Desk, name: &str) -> Vec<Value> {
    desk.json(name)["features"].as_array().unwrap().clone()
}

fn ids(desk: &Desk, name: &str) -> Vec<i64> {
    features(desk, name).iter().map(|feature| feature["id"].as_i64().unwrap()).collect()
}

/// Every file in the desk, by name.
fn all_bytes(desk: &Desk) -> Vec<(String, Vec<u8>)> {
    desk.names(".").into_iter().map(|name| (name.clone(), desk.bytes(&name))).collect()
}

/// Exports into all outputs at once and into each alone, and compares every file.
fn together_and_alone(url: &str, outputs: &[&str]) {
    let (together, alone) = (Desk::new(), Desk::new());
    let all: Vec<&str> = outputs.iter().flat_map(|output| ["-o", output]).collect();
    together.ok(&[&["export", url], &all[..]].concat());
    for output in outputs {
        alone.ok(&["export", url, "-o", output]);
    }
    let (together, alone) = (all_bytes(&together), all_bytes(&alone));
    assert!(together.len() >= outputs.len());
    for (one, other) in together.iter().zip(&alone) {
        assert!(one == other, "{} is another file than {}", one.0, other.0);
    }
    assert_eq!(together.len(), alone.len());
}

#[test]
fn an_output_more_changes_no_other() {
    let demo = Demo::start();
    together_and_alone(&demo.url("FeatureServer/0"), &["a.geojson", "a.shp", "a.kmz"]);
    together_and_alone(&demo.url("FeatureServer/1"), &["a.geojson", "b.shp", "c.kmz", "d.csv"]);
    let (_server, _desk, url) = serve(Layer::of(1..=25));
    together_and_alone(&url, &["a.geojson", "b.shp", "c.kmz", "d.csv"]);
}

#[test]
fn several_formats_come_of_one_fetch_and_other_readers_find_every_row() {
    let (server, desk, url) = serve(Layer { max_record_count: 10, cap: 10, ..Layer::of(1..=25) });
    desk.ok(&["export", &url, "-o", "a.geojson", "-o", "a.shp", "-o", "a.kmz", "-o", "a.csv"]);
    assert_eq!(server.pages().iter().filter(|call| call.param("resultRecordCount") == "10").count(), 3);
    for name in ["a.geojson", "a.shp", "a.kmz", "a.csv"] {
        assert!(ogrinfo(&desk.path(name)).contains("Feature Count: 25"), "{name}");
    }
    assert_eq!(ids(&desk, "a.geojson"), (1..=25).collect::<Vec<_>>());
}

#[test]
fn a_layer_beyond_the_record_limit_is_exported_whole_and_not_its_last_page_alone() {
    let (_server, desk, url) = serve(Layer { max_record_count: 5, cap: 5, ..Layer::of(1..=25) });
    desk.ok(&["export", &url, "-o", "a.shp", "-o", "a.geojson"]);
    assert!(ogrinfo(&desk.path("a.shp")).contains("Feature Count: 25"));
    assert_eq!(ids(&desk, "a.geojson"), (1..=25).collect::<Vec<_>>());
}

#[test]
fn a_page_that_fails_fails_the_export_and_no_file_stands() {
    let layer = Layer::of(1..=25);
    // Neither by offset nor by id.
    let server = Server::start(move |call| match (call.param("resultOffset").parse().unwrap_or(0), call.param("objectIds")) {
        (0..10, "") => layer.reply(call),
        _ => Reply::error(400, "Cannot perform query."),
    });
    let desk = Desk::beside(server.url("").as_str());
    let run = desk.run(&["export", server.url(PATH).as_str(), "--page-size", "10", "-o", "a.geojson", "-o", "a.shp"]);
    assert_eq!((run.status, desk.names(".").len()), (1, 0), "{}", run.stderr);
    assert!(run.stderr.contains("cause: 400 Cannot perform query."), "{}", run.stderr);
}

#[test]
fn an_existing_data_set_is_replaced_whole_with_overwrite() {
    let (_server, desk, url) = serve(Layer::of(1..=3));
    for name in ["a.shp", "a.dbf", "a.qix", "a.sbn", "a.sbx", "a.shp.xml", "a.names.csv", "a.geojson"] {
        desk.write(name, "stale");
    }
    desk.write("a.txt", "mine");
    desk.write("ab.qix", "mine");
    let refused = desk.run(&["export", &url, "-o", "a.shp", "-o", "a.geojson"]);
    assert_eq!((refused.status, desk.read("a.shp").as_str()), (1, "stale"));
    desk.ok(&["export", &url, "-o", "a.shp", "-o", "a.geojson", "--overwrite"]);
    assert_eq!(desk.names("."), ["a.cpg", "a.dbf", "a.geojson", "a.prj", "a.shp", "a.shp.xml", "a.shx", "a.txt", "ab.qix"]);
    assert!(ogrinfo(&desk.path("a.shp")).contains("Feature Count: 3"));
    assert_eq!((desk.read("a.txt").as_str(), desk.read("ab.qix").as_str()), ("mine", "mine"));
}

#[test]
fn a_failed_export_leaves_the_old_file_as_it_was() {
    let (_server, desk, url) = serve(Layer { withheld: [2].into(), ..Layer::of(1..=3) });
    desk.write("a.geojson", "mine");
    assert_eq!(desk.run(&["export", &url, "-o", "a.geojson", "--overwrite"]).status, 1);
    assert_eq!((desk.read("a.geojson").as_str(), desk.names(".").len()), ("mine", 1));
}

#[test]
fn the_short_report_says_what_was_written_and_how_its_coordinates_came_about() {
    let (_server, desk, url) = serve(Layer::of(1..=3));
    let said = desk.ok(&["export", &url, "-o", "a.geojson", "-o", "a.csv"]);
    assert_eq!(
        said,
        unindented(
            r#"
        reading "Roads", 3 rows
        "Roads": 3 point features in EPSG:3857 (WGS 84 / Pseudo-Mercator); complete, the server counts 3
          wrote a.geojson: 3 rows, 472 bytes, reprojected from EPSG:3857 (WGS 84 / Pseudo-Mercator) to EPSG:4326 (WGS 84) by spherical web mercator, closed formula, accuracy 0 m
          wrote a.csv: 3 rows, 54 bytes, EPSG:3857 (WGS 84 / Pseudo-Mercator)
    "#
        )
    );
}

#[test]
fn where_rows_may_move_unseen_it_is_not_called_complete() {
    // An order that was wished for allows no comparison by ids.
    let (_server, desk, url) = serve(Layer::of(1..=5));
    let ordered = ["--page-size", "2", "--order-by", "NAME"];
    let said = desk.ok(&[&["export", &url, "-o", "a.geojson", "--report", "r.json"], &ordered[..]].concat());
    assert!(
        said.contains("; as many as the server counts, 5; by neither edits nor ids does it tell") && !said.contains("complete"),
        "{said}"
    );
    assert_eq!(desk.json("r.json")["layers"][0]["evidence"]["shiftsUnseen"], true);
    let said = desk.ok(&["export", &url, "-o", "b.geojson", "--page-size", "2"]);
    assert!(said.contains("; complete, the server counts 5\n"), "{said}");
    let (_server, desk, url) = serve(Layer { json: json!({"editingInfo": {"lastEditDate": 1}}), ..Layer::of(1..=5) });
    let said = desk.ok(&[&["export", &url, "-o", "a.geojson"], &ordered[..]].concat());
    assert!(said.contains("; complete, the server counts 5\n"), "{said}");
}

#[test]
fn the_whole_report_says_all_there_is_to_know() {
    let long = json!([{"name": "OBJECTID", "type": "esriFieldTypeOID"},
        {"name": "NAME", "type": "esriFieldTypeString", "length": 50},
        {"name": "POPULATION_2020", "type": "esriFieldTypeDouble"}]);
    let (server, desk, url) = serve(Layer { json: json!({"fields": long, "hasM": true}), ..Layer::of(1..=3) });
    desk.ok(&["export", &url, "-o", "a.shp", "-o", "a.geojson", "--report", "r.json"]);
    let report = desk.json("r.json");
    assert_eq!(report["geohaul"], env!("CARGO_PKG_VERSION"));
    for time in ["started", "finished"] {
        let time = report[time].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    }
    assert_eq!(report["source"], url.as_str());
    assert!(report["warnings"].is_array());
    let layer = &report["layers"][0];
    assert_eq!((&layer["name"], &layer["geometry"]), (&json!("Roads"), &json!("point")));
    assert_eq!(layer["spatialReference"], "EPSG:3857 (WGS 84 / Pseudo-Mercator)");
    let evidence = &layer["evidence"];
    assert_eq!((&evidence["rows"], &evidence["countBefore"], &evidence["countAfter"]), (&json!(3), &json!(3), &json!(3)));
    assert_eq!(evidence["requests"], server.calls().len());
    let [shp, geojson] = layer["outputs"].as_array().unwrap().as_slice() else { panic!("two outputs") };
    assert_eq!((&shp["path"], &shp["format"], &shp["rows"]), (&json!("a.shp"), &json!("shapefile"), &json!(3)));
    assert_eq!(shp["spatialReference"], "EPSG:3857 (WGS 84 / Pseudo-Mercator)");
    assert_eq!(shp["reprojection"], Value::Null);
    assert_eq!(shp["losses"], json!([{"kind": "renamed", "field": "POPULATION_2020", "detail": "POPULATION", "count": 1}]));
    let files: Vec<&str> = shp["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert!(["a.shp", "a.shx", "a.dbf", "a.prj", "a.cpg", "a.names.csv"].iter().all(|name| files.contains(name)), "{files:?}");
    let bytes: u64 = files.iter().map(|file| desk.bytes(file).len() as u64).sum();
    assert_eq!(shp["bytes"], bytes);
    assert_eq!(geojson["spatialReference"], "EPSG:4326 (WGS 84)");
    let way = geojson["reprojection"].as_str().unwrap();
    assert!(way.starts_with("reprojected from EPSG:3857") && way.ends_with("accuracy 0 m"), "{way}");
    assert_eq!(geojson["losses"], json!([]));
}

#[test]
fn no_secret_of_an_address_is_ever_shown() {
    let secrets = ["hushhush", "%68ushhush", "passpass", "keykey"];
    let shown = |desk: &Desk, args: &[&str]| {
        let run = desk.run(args);
        let report = std::fs::read_to_string(desk.path("r.json")).unwrap_or_default();
        let text = format!("{}{}{report}", run.stdout, run.stderr);
        for secret in secrets {
            assert!(!text.contains(secret), "{args:?}: {text}");
        }
    };
    let (_server, desk, url) = serve(Layer::of(1..=3));
    let addresses = |url: &str| {
        [
            format!("{url}?f=html&token=hushhush"),
            url.replace("http://", "http://user:passpass@"),
            format!("{url}/query?TOKEN=hushhush"),
            format!("{url}?ApiKey=keykey&sig=keykey"),
        ]
    };
    for url in addresses(&url) {
        shown(&desk, &["export", &url, "-o", "a.geojson", "--report", "r.json", "--overwrite"]);
        assert_eq!(ids(&desk, "a.geojson"), [1, 2, 3]);
        shown(&desk, &["info", &url]);
        shown(&desk, &["info", &url, "--json"]);
    }
    let run = desk.run(&["export", &format!("{url}?apikey=keykey"), "-o", "c.geojson"]);
    assert!(run.stderr.contains("warning: apikey of the address is not sent"), "{}", run.stderr);
    let run = desk.run(&["info", &url, "--proxy", "u:passpass@@bad url"]);
    assert!(run.status == 2 && !run.stderr.contains("passpass"), "{}", run.stderr);
    let server = Server::start(|_| Reply::error(400, "no"));
    for url in addresses(server.url(PATH).as_str()) {
        shown(&desk, &["export", &url, "-o", "b.geojson", "--report", "r.json"]);
        shown(&desk, &["export", &url.replace("/FeatureServer/0", ""), "-o", "b.geojson"]);
        shown(&desk, &["run", &url, "-o", "out"]);
        shown(&desk, &["run", &url.replace("FeatureServer/0", "GPServer/T"), "-o", "out"]);
    }
    for url in addresses("http://127.0.0.1:1/arcgis/rest/services/A/FeatureServer/0") {
        shown(&desk, &["export", &url, "-o", "b.geojson"]);
    }
    for url in addresses("https://h.example/data") {
        shown(&desk, &["export", &url, "-o", "b.geojson"]);
    }
}

#[test]
fn project_server_lets_the_server_project_and_says_so() {
    let (server, desk, url) = serve(Layer { answers_in: json!({"wkid": 4326}), ..Layer::of(1..=3) });
    let said = desk.ok(&["export", &url, "-o", "a.geojson", "--project", "server", "--crs", "EPSG:4326", "--report", "r.json"]);
    assert!(server.pages().iter().all(|call| call.param("outSR") == "4326"));
    assert_eq!(features(&desk, "a.geojson")[1]["geometry"]["coordinates"], json!([2, 4]));
    let words = "the server brought the coordinates into wkid 4326";
    assert!(said.contains(words) && desk.json("r.json")["warnings"].to_string().contains(words), "{said}");
    assert_eq!(desk.json("r.json")["layers"][0]["outputs"][0]["reprojection"], Value::Null);
}

#[test]
fn a_server_that_does_not_project_as_asked_is_corrected_here() {
    let (server, desk, url) = serve(Layer::of(1..=3));
    let said = desk.ok(&["export", &url, "-o", "a.geojson", "--project", "server", "--crs", "4326"]);
    assert!(server.pages().iter().all(|call| call.param("outSR") == "4326"));
    assert!(said.contains("the server was asked for wkid 4326 and answers in wkid 102100"), "{said}");
    assert!(said.contains("reprojected from EPSG:3857"), "{said}");
    let x = features(&desk, "a.geojson")[0]["geometry"]["coordinates"][0].as_f64().unwrap();
    assert!(x > 0.0 && x < 1e-4, "{x}");
}

#[test]
fn the_spatial_reference_of_the_outputs_is_asked_for_in_every_form() {
    let (_server, desk, url) = serve(Layer { answers_in: json!({"wkid": 4326}), ..Layer::of(1..=3) });
    let prj = geohaul::Crs::parse("EPSG:32631").unwrap().esri_wkt.unwrap();
    desk.write("utm.prj", &prj);
    let (wgs84, utm, mercator) = ("WGS 84", "UTM zone 31N", "Pseudo-Mercator");
    for (crs, name) in
        [("native", wgs84), ("EPSG:32631", utm), ("epsg:32631", utm), ("32631", utm), ("@utm.prj", utm), ("102100", mercator)]
    {
        desk.ok(&["export", &url, "-o", "a.geojson", "-o", "a.shp", "--crs", crs, "--overwrite"]);
        for file in ["a.geojson", "a.shp"] {
            let seen = ogrinfo(&desk.path(file));
            let layer_crs = seen.lines().find(|line| line.contains("CRS[\"")).unwrap_or_default();
            assert!(layer_crs.contains(name), "{crs} {file}: {layer_crs}");
        }
    }
    desk.ok(&["export", &url, "-o", "b.shp", "--crs", "ESRI:54030"]);
    assert!(ogrinfo(&desk.path("b.shp")).contains("Robinson"));
    let said = desk.ok(&["export", &url, "-o", "c.kmz", "--crs", "EPSG:32631"]);
    assert!(said.contains("is always WGS 84; --crs does not apply to it"), "{said}");
    assert_eq!(desk.json("a.geojson")["crs"]["properties"]["name"], "urn:ogc:def:crs:EPSG::3857");
}

#[test]
fn a_layer_without_spatial_reference_takes_the_one_it_is_told() {
    let layer = Layer { answers_in: Value::Null, json: json!({"extent": null}), ..Layer::of(1..=3) };
    let (_server, desk, url) = serve(layer);
    let said = desk.ok(&["export", &url, "-o", "a.geojson", "--assume-crs", "EPSG:32631"]);
    assert!(said.contains("reprojected from EPSG:32631"), "{said}");
    let said = desk.ok(&["export", &url, "-o", "b.geojson", "-o", "b.shp", "--crs", "native"]);
    assert!(said.contains("have no spatial reference"), "{said}");
    assert!(!desk.names(".").contains(&"b.prj".to_owned()));
    let (_server, desk, url) = serve(Layer::of(1..=3));
    let said = desk.ok(&["export", &url, "-o", "a.shp", "--assume-crs", "EPSG:32631"]);
    assert!(said.contains("the layer names its own spatial reference, EPSG:3857"), "{said}");
}

#[test]
fn precision_rounds_and_without_it_digits_are_kept() {
    let mut layer = Layer::of(1..=1).page(&[1], false);
    layer["features"][0]["geometry"] = json!({"x": 1.23456789, "y": 2.0});
    let (plain, desk) = (Layer::of(1..=1), Desk::new());
    let server = Server::start(move |call| match call.param("returnGeometry") {
        "true" => Reply::json(&layer),
        _ => plain.reply(call),
    });
    let url = server.url(PATH).to_string();
    let x = |name: &str, more: &[&str]| {
        desk.ok(&[&["export", &url, "-o", name, "--crs", "native"], more].concat());
        features(&desk, name)[0]["geometry"]["coordinates"][0].to_string()
    };
    assert_eq!(x("a.geojson", &[]), "1.23456789");
    assert_eq!(x("b.geojson", &["--precision", "2"]), "1.23");
    assert_eq!(x("c.geojson", &["--precision", "0"]), "1");
}

#[test]
fn a_condition_is_given_or_pasted_with_its_query() {
    let demo = Demo::start();
    let desk = Desk::new();
    let url = demo.url("FeatureServer/1");
    desk.ok(&["export", &url, "-o", "a.geojson", "--where", "KIND='W' AND OBJECTID <= 50"]);
    let pasted = format!("{url}/query?where=KIND%3D%27W%27+AND+OBJECTID+%3C%3D+50&outFields=*&f=html");
    desk.ok(&["export", &pasted, "-o", "b.geojson"]);
    assert_eq!(desk.bytes("a.geojson"), desk.bytes("b.geojson"));
    let rows = features(&desk, "a.geojson");
    assert!(!rows.is_empty() && rows.len() < 50);
    assert!(rows.iter().all(|row| row["properties"]["KIND"] == "W" && row["id"].as_i64().unwrap() <= 50));
}

#[test]
fn a_wrong_condition_gives_the_servers_words_and_leaves_nothing() {
    let layer = Layer::of(1..=3);
    let server = Server::start(move |call| match call.param("where").contains("NAM ") {
        true => Reply::error(400, "'NAM' is not a field"),
        false => layer.reply(call),
    });
    let desk = Desk::beside(server.url("").as_str());
    let run = desk.run(&["export", server.url(PATH).as_str(), "-o", "a.geojson", "--where", "NAM = 'x'"]);
    assert_eq!((run.status, desk.names(".").len()), (1, 0));
    assert!(
        run.stderr.starts_with("error: the server answered with an error\ncause: 400 'NAM' is not a field\n"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.ends_with("hint: check the condition (where); the fields are: OBJECTID, NAME\n"), "{}", run.stderr);
}

#[test]
fn the_page_size_is_what_is_asked_for_at_once() {
    let (server, desk, url) = serve(Layer::of(1..=25));
    desk.ok(&["export", &url, "-o", "a.geojson", "--page-size", "7"]);
    let windows: Vec<_> = server.pages().iter().map(|call| call.param("resultRecordCount").to_owned()).collect();
    assert!(windows.iter().filter(|size| *size == "7").count() >= 4, "{windows:?}");
    assert_eq!(ids(&desk, "a.geojson").len(), 25);
}

#[test]
fn a_directory_gets_a_file_per_format_named_after_the_layer() {
    let demo = Demo::start();
    let desk = Desk::new();
    desk.ok(&["export", &demo.url("FeatureServer/0"), "-o", "maps/", "--format", "shapefile", "--format", "kmz"]);
    assert_eq!(
        desk.names("maps"),
        ["Communes.cpg", "Communes.dbf", "Communes.kmz", "Communes.prj", "Communes.shp", "Communes.shp.xml", "Communes.shx"]
    );
    desk.ok(&["export", &demo.url("FeatureServer/2"), "-o", "maps"]);
    assert!(desk.read("maps/Readings.csv").starts_with("OBJECTID,NAME,"));
}

#[test]
fn tables_in_a_directory_are_in_the_formats_that_hold_them_and_csv_stands_in_for_the_others() {
    let demo = Demo::start();
    let desk = Desk::new();
    let service = demo.url("FeatureServer");
    let export = |folder: &str, formats: &[&str]| {
        let into = format!("{folder}/");
        let mut all = vec!["export", &service, "-o", &into, "--layers", "Stations,Readings", "--report", "r.json", "--overwrite"];
        all.extend(formats.iter().flat_map(|name| ["--format", *name]));
        desk.ok(&all);
        let endings = desk.names(folder).into_iter().filter_map(|name| name.strip_prefix("Readings.").map(str::to_owned));
        (endings.collect::<Vec<_>>(), desk.json("r.json")["warnings"].to_string())
    };
    for (formats, endings, said) in [
        (&["geojson"][..], &["geojson"][..], ""),
        (&["flatgeobuf"], &["fgb"], ""),
        (&["esrijson", "csv"], &["csv", "esrijson"], ""),
        (&["shapefile"], &["csv"], "\\\"Readings\\\" is a table, which Shapefile can't hold: it is CSV"),
        (&["kmz", "geojson", "kml"], &["geojson"], "which KMZ (zipped KML 2.2), KML 2.2 can't hold: it is GeoJSON"),
        (&[], &["csv"], ""),
    ] {
        let folder = format!("of-{}", formats.join("-"));
        let (found, warnings) = export(&folder, formats);
        assert_eq!(found, endings, "{formats:?}");
        assert!(warnings.contains(said) && warnings.contains("is a table") != said.is_empty(), "{formats:?}: {warnings}");
    }
    assert_eq!(desk.json("of-geojson/Readings.geojson")["features"].as_array().map(Vec::len), Some(257));
}

#[cfg(all(feature = "geopackage", feature = "gdal"))]
#[test]
fn tables_in_a_directory_are_geopackages_where_those_are_asked_for() {
    let demo = Demo::start();
    let desk = Desk::new();
    desk.ok(&["export", &demo.url("FeatureServer/2"), "-o", "all/", "--format", "geopackage", "--format", "filegdb"]);
    assert_eq!(desk.names("all"), ["Readings.gdb", "Readings.gpkg"]);
}

#[test]
fn a_format_by_name_gives_a_file_without_ending_its_own() {
    let (_server, desk, url) = serve(Layer::of(1..=3));
    desk.ok(&["export", &url, "-o", "a", "--format", "kmz"]);
    desk.ok(&["export", &url, "-o", "b.txt", "--format", "csv"]);
    assert_eq!(desk.names("."), ["a.kmz", "b.txt"]);
}

#[test]
fn quiet_says_nothing_but_errors() {
    let (_server, desk, url) = serve(Layer::of(1..=3));
    let run = desk.run(&["export", &url, "-o", "a.geojson", "--quiet"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    let run = desk.run(&["export", &url, "-o", "a.geojson", "-q"]);
    assert!(run.status == 1 && run.stderr.starts_with("error: "), "{}", run.stderr);
}

#[test]
fn a_server_that_does_not_count_is_called_complete_only_by_its_list_of_ids() {
    let uncounted = || Layer { counts: false, cap: 2, ..Layer::of(1..=5) };
    let layer = uncounted();
    let unlisted = Server::start(move |call| match call.param("returnIdsOnly") {
        "true" => Reply::error(400, "Invalid or missing input parameters."),
        _ => layer.reply(call),
    });
    let said = Desk::new().ok(&["export", unlisted.url(PATH).as_str(), "-o", "a.geojson"]);
    assert!(said.contains("; all that the server sent, which does not count them\n") && !said.contains("complete"), "{said}");
    for offsets in [true, false] {
        let (_server, desk, url) = serve(Layer { offsets, ..uncounted() });
        let said = desk.ok(&["export", &url, "-o", "a.geojson"]);
        assert!(said.contains("; complete by the server's list of object ids\n"), "{said}");
    }
}

#[test]
fn an_export_that_may_be_partial_says_what_is_missing_and_ends_with_3() {
    let (_server, desk, url) = serve(Layer { withheld: [2].into(), ..Layer::of(1..=3) });
    let run = desk.run(&["export", &url, "-o", "a.geojson", "--allow-partial", "--report", "r.json"]);
    assert_eq!(run.status, 3);
    assert_eq!(ids(&desk, "a.geojson"), [1, 3]);
    assert!(run.stderr.contains("NOT complete, at least 1 missing"), "{}", run.stderr);
    let report = desk.json("r.json");
    assert_eq!(report["layers"][0]["evidence"]["missingIds"], json!([2]));
    assert_eq!(report["failures"][0]["kind"], "incomplete");
    assert!(!report["failures"][0]["hint"].as_str().unwrap().contains("--allow-partial"), "it was given");
}

#[test]
fn the_receipt_of_an_export_with_rows_missing_is_not_verified_as_complete() {
    let (_server, desk, url) = serve(Layer { withheld: [2].into(), ..Layer::of(1..=3) });
    assert_eq!(desk.run(&["export", &url, "-o", "a.geojson", "--allow-partial", "--receipt"]).status, 3);
    let run = desk.run(&["verify", "a.geojson.receipt.json"]);
    assert!(run.stdout.ends_with("NOT complete: 2 rows came, at least 1 missing\n"), "{}", run.stdout);
    assert_eq!(run.status, 3, "what came is there as it came");
    let run = desk.run(&["verify", "a.geojson.receipt.json", "--against-server"]);
    assert!(run.status == 1 && !run.stdout.contains("removed"), "nothing was: {}", run.stdout);
    assert!(run.stdout.contains("DIFFERS  object ids: they are not those that came"), "{}", run.stdout);
}
