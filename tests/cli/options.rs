//! Options that are sent to servers, typed on a command line.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::Desk;
use super::layer::Layer;
use super::server::{Reply, Server};

const PATH: &str = "/arcgis/rest/services/Roads/FeatureServer/0";

#[test]
fn connections_bound_the_requests_that_are_under_way_at_once() {
    for most in [1, 3] {
        let (under_way, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (now, highest) = (Arc::clone(&under_way), Arc::clone(&seen));
        let layer = Layer::of(1..=60);
        let server = Server::start(move |call| {
            highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            let reply = layer.reply(call);
            now.fetch_sub(1, Ordering::SeqCst);
            reply
        });
        let desk = Desk::new();
        let url = server.url(PATH).to_string();
        desk.ok(&["export", &url, "-o", "a.csv", "--page-size", "5", "--connections", &most.to_string()]);
        assert_eq!(seen.load(Ordering::SeqCst), most);
    }
    let desk = Desk::new();
    for wrong in ["0", "65", "many"] {
        assert_eq!(desk.run(&["export", "http://h.invalid/FeatureServer/0", "-o", "a.csv", "--connections", wrong]).status, 2);
    }
}

#[test]
fn z_m_and_the_servers_kmz_are_asked_of_the_results_of_a_job() {
    const TASK: &str = "/arcgis/rest/services/G/GPServer/T";
    let server = Server::start(|call| match call.path.strip_prefix(TASK) {
        Some("") => Reply::json(&json!({"name": "T", "executionType": "esriExecutionTypeAsynchronous", "parameters": [
            {"name": "Out", "dataType": "GPFeatureRecordSetLayer", "direction": "esriGPParameterDirectionOutput"}]})),
        Some("/submitJob") => Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobSubmitted"})),
        Some("/jobs/j1") => Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobSucceeded",
            "results": {"Out": {"paramUrl": "results/Out"}}})),
        Some("/jobs/j1/results/Out") if call.param("f") == "kmz" => {
            Reply::bytes("application/vnd.google-earth.kmz", b"PK\x03\x04 made by the server".to_vec())
        }
        Some("/jobs/j1/results/Out") => {
            let point = match (call.param("returnZ"), call.param("returnM")) {
                ("true", "true") => json!({"x": 1, "y": 2, "z": 3, "m": 4}),
                _ => json!({"x": 1, "y": 2}),
            };
            let (z, m) = (call.param("returnZ") == "true", call.param("returnM") == "true");
            Reply::json(&json!({"paramName": "Out", "dataType": "GPFeatureRecordSetLayer", "value": {
                "geometryType": "esriGeometryPoint", "hasZ": z, "hasM": m, "spatialReference": {"wkid": 4326},
                "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
                "features": [{"attributes": {"OBJECTID": 1}, "geometry": point}]}}))
        }
        _ => Reply::error(404, "Not Found"),
    });
    let desk = Desk::new();
    let (task, job) = (server.url(TASK).to_string(), server.url(&format!("{TASK}/jobs/j1")).to_string());
    desk.ok(&["run", &task, "-o", "run", "--format", "esrijson", "--return-z", "--return-m", "--server-kmz"]);
    desk.ok(&["export", &job, "-o", "export/", "--format", "esrijson", "--return-z", "--return-m", "--server-kmz"]);
    desk.ok(&["export", &job, "-o", "plain/", "--format", "esrijson"]);
    for folder in ["run", "export"] {
        let point = &desk.json(&format!("{folder}/Out.esrijson"))["features"][0]["geometry"];
        assert_eq!((&point["z"], &point["m"]), (&json!(3), &json!(4)), "{folder}: {point}");
        assert!(desk.bytes(&format!("{folder}/Out_server.kmz")).ends_with(b"made by the server"), "{folder}");
    }
    assert_eq!(desk.json("plain/Out.esrijson")["features"][0]["geometry"]["z"], json!(null));
    assert!(!desk.path("plain/Out_server.kmz").exists());
}

#[test]
fn an_option_that_no_output_can_use_is_told() {
    let desk = Desk::new();
    let fields = json!([{"name": "D", "type": "esriFieldTypeDate"}]);
    let rows = json!({"fields": fields, "features": [{"attributes": {"D": 0}}]});
    desk.write("a.json", &rows.to_string());
    let said = |output: &str, args: &[&str]| {
        let said = desk.ok(&[&["convert", "a.json", "--overwrite", "-o", output], args].concat());
        said.lines().filter_map(|line| line.trim_start().strip_prefix("warning: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = ["--delimiter", ";", "--bom", "--rs", "--geometry", "wkt", "--lco", "FOO=1", "--time-zone", "Europe/Berlin"];
    let expected = [
        "dates are UTC in GeoPackage; --time-zone does not apply to it",
        "--geometry is for CSV, and no output is such; it was not used",
        "--delimiter is for CSV, and no output is such; it was not used",
        "--bom is for CSV, and no output is such; it was not used",
        "--rs is for GeoJSON text sequences, and no output is such; it was not used",
        "--lco is for drivers of GDAL, and no output is such; it was not used",
    ];
    assert_eq!(said("a.gpkg", &all), expected);
    assert!(said("a.csv", &["--delimiter", ";", "--bom", "--geometry", "wkt", "--time-zone", "Europe/Berlin"]).is_empty());
    assert!(said("a.geojsonl", &["--rs", "-o", "b.csv", "--bom"]).is_empty());
    let unknown = ["OpenFileGDB has no option FOO for layers; it was not used"];
    assert_eq!(said("a.gdb", &["--lco", "FOO=1", "--lco", "layer_alias=x"]), unknown);
}

#[test]
fn a_misspelt_name_is_answered_with_the_nearest_one() {
    let desk = Desk::new();
    let url = "http://127.0.0.1:1/arcgis/rest/services/A/FeatureServer/0";
    let hint = |args: &[&str]| {
        let run = desk.run(&[&["export", url], args].concat());
        assert_eq!(run.status, 2, "{}", run.stderr);
        run.stderr
    };
    for (args, meant) in [
        (&["-o", "a.geojsn"][..], "did you mean \"geojson\"? the formats are: geojson, "),
        (&["-o", "a", "--format", "shapfile"], "did you mean \"shapefile\"? "),
        (&["-o", "a.tab", "--driver", "MapInfo Fiel"], "did you mean \"MapInfo File\"? "),
        (&["-o", "a.csv", "--crs", "EPGS:4326"], "did you mean \"EPSG:4326\"? write EPSG:27700"),
        (&["-o", "a.csv", "--crs", "WGS-84"], "did you mean \"EPSG:4326\"? "),
        (&["-o", "a.csv", "--crs", "natvie"], "did you mean \"native\"? "),
        (&["-o", "a.csv", "--overwrte"], "'--overwrite'"),
        (&["-o", "a.csv", "--wire", "jsn"], "'json'"),
    ] {
        let said = hint(args);
        assert!(said.contains(meant), "{args:?}: {said}");
    }
    let run = desk.run(&["exprot"]);
    assert!(run.status == 2 && run.stderr.contains("'export'"), "{}", run.stderr);
}
