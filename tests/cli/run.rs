//! `geohaul run`: values in, results out.

use serde_json::{Value, json};

use super::demo::Demo;
use super::server::{Call, Reply, Server};
use super::{Desk, judged_by, ogrinfo, tools::in_clone, unindented};

const TASK: &str = "/arcgis/rest/services/G/GPServer/T";
const KILOMETRE: &str = r#"Distance={"distance":1,"units":"esriKilometers"}"#;

fn points(count: i64) -> Value {
    let feature = |id| json!({"attributes": {"OBJECTID": id}, "geometry": {"x": id, "y": 2 * id}});
    json!({"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}], "features": (1..=count).map(feature).collect::<Vec<_>>()})
}

/// A server with the task `T`, whose results these are; anything else is for `files`.
fn tool(
    synchronous: bool,
    results: Vec<(&'static str, &'static str, Value)>,
    files: impl Fn(&Call) -> Reply + Send + Sync + 'static,
) -> (Server, Desk, String) {
    let server = Server::start(move |call| {
        let Some(path) = call.path.strip_prefix(TASK) else { return files(call) };
        let result = |(name, kind, value): &(&str, &str, Value)| json!({"paramName": name, "dataType": kind, "value": value});
        match path {
            "" => {
                let output = |(name, kind, _): &(&str, &str, Value)| json!({"name": name, "dataType": kind, "direction": "esriGPParameterDirectionOutput"});
                let execution = if synchronous { "esriExecutionTypeSynchronous" } else { "esriExecutionTypeAsynchronous" };
                let outputs: Vec<Value> = results.iter().map(output).collect();
                Reply::json(&json!({"name": "T", "executionType": execution, "parameters": outputs}))
            }
            "/execute" => Reply::json(&json!({"results": results.iter().map(result).collect::<Vec<_>>(), "messages": []})),
            "/submitJob" => Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobSubmitted"})),
            "/jobs/j1" => {
                let named = |(name, ..): &(&'static str, &str, Value)| {
                    ((*name).to_owned(), json!({"paramUrl": format!("results/{name}")}))
                };
                let list: serde_json::Map<String, Value> = results.iter().map(named).collect();
                Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobSucceeded", "results": list, "messages": []}))
            }
            _ => match results.iter().find(|(name, ..)| path == format!("/jobs/j1/results/{name}")) {
                Some(found) => Reply::json(&result(found)),
                None => Reply::error(404, "Not Found"),
            },
        }
    });
    let desk = Desk::beside(server.url("").as_str());
    let url = server.url(TASK).to_string();
    (server, desk, url)
}

fn no_files(_: &Call) -> Reply {
    Reply::error(404, "Not Found")
}

#[test]
fn outputs_become_files_named_after_their_parameters() {
    let demo = Demo::start();
    let desk = Desk::new();
    let input = format!("Input_Features=@{}", in_clone("examples/points.geojson").display());
    let task = demo.url("GPServer/Buffer");
    let args = [
        "run",
        &task,
        "-p",
        &input,
        "-p",
        KILOMETRE,
        "-o",
        "out",
        "--format",
        "geojson",
        "--format",
        "shapefile",
        "--format",
        "kmz",
    ];
    desk.ok(&args);
    assert_eq!(
        desk.names("out"),
        [
            "Buffers.cpg",
            "Buffers.dbf",
            "Buffers.geojson",
            "Buffers.kmz",
            "Buffers.prj",
            "Buffers.shp",
            "Buffers.shp.xml",
            "Buffers.shx",
            "Statistics.geojson",
            "job.json",
            "results.json"
        ]
    );
    for name in ["out/Buffers.geojson", "out/Buffers.shp", "out/Buffers.kmz"] {
        assert!(ogrinfo(&desk.path(name)).contains("Feature Count: 3"), "{name}");
    }
    assert_eq!(desk.json("out/results.json"), json!({"Buffer_Count": 3}));
    assert_eq!(desk.json("out/Statistics.geojson")["features"].as_array().unwrap().len(), 3);
}

#[test]
fn a_synchronous_task_is_executed_and_says_what_it_did() {
    let (server, desk, url) =
        tool(true, vec![("Out", "GPFeatureRecordSetLayer", points(2)), ("Area", "GPDouble", json!(2.5))], no_files);
    let said = desk.ok(&["run", &url, "-o", "out"]);
    assert_eq!(
        said,
        unindented(
            r#"
        reading "Out", 2 rows
        "Out": 2 point features in EPSG:4326 (WGS 84); all rows of the answer
          wrote out/Out.geojson: 2 rows, 262 bytes, EPSG:4326 (WGS 84)
        wrote out/results.json
    "#
        )
    );
    assert_eq!(desk.names("out"), ["Out.geojson", "results.json"]);
    assert_eq!(server.calls().iter().filter(|call| call.path.ends_with("/execute")).count(), 1);
}

#[test]
fn a_job_that_is_done_at_the_first_poll_brings_its_results() {
    let (server, desk, url) = tool(false, vec![("Out", "GPFeatureRecordSetLayer", points(2))], no_files);
    let said = desk.ok(&["run", &url, "-o", "out"]);
    assert_eq!(
        said,
        unindented(
            r#"
        job: submitted
        job: succeeded
        reading "Out", 2 rows
        "Out": 2 point features in EPSG:4326 (WGS 84); all rows of the answer
          wrote out/Out.geojson: 2 rows, 262 bytes, EPSG:4326 (WGS 84)
    "#
        )
    );
    let submissions: Vec<_> = server.calls().into_iter().filter(|call| call.path.ends_with("/submitJob")).collect();
    assert!(submissions.len() == 1 && submissions[0].method == "POST");
}

#[test]
fn values_are_text_json_or_files_of_every_kind() {
    let demo = Demo::start();
    let desk = Desk::new();
    let geojson = in_clone("examples/points.geojson").display().to_string();
    judged_by("ogr2ogr", &[&desk.path("p.shp").display().to_string(), &geojson]);
    let features: Vec<Value> = desk_json(&geojson)["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| {
            let place = &feature["geometry"]["coordinates"];
            json!({"attributes": feature["properties"], "geometry": {"x": place[0], "y": place[1]}})
        })
        .collect();
    let esri = json!({"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326}, "features": features,
        "fields": [{"name": "name", "type": "esriFieldTypeString", "length": 20}]});
    desk.write("esri.json", &esri.to_string());
    desk.write("distance.json", r#"{"distance":1,"units":"esriKilometers"}"#);
    let url = demo.url("GPServer/Viewshed");
    let run = |input: &str, name: &str| {
        desk.ok(&["run", &url, "-p", &format!("Input_Observation_Point={input}"), "-p", "Directions=12", "-o", name]);
        assert_eq!(desk.names(name), ["Viewshed_Result.geojson", "results.json"], "{name}");
        let rows = desk.json(&format!("{name}/Viewshed_Result.geojson"))["features"].clone();
        let named = |row: &Value| (row["geometry"].clone(), row["properties"]["name"].clone());
        (rows.as_array().unwrap().iter().map(named).collect::<Vec<_>>(), desk.json(&format!("{name}/results.json")))
    };
    let first = run(&format!("@{geojson}"), "geojson");
    assert_eq!((first.0.len(), &first.0[0].1), (3, &json!("Grand Ballon")));
    assert_eq!(run("@p.shp", "shapefile"), first);
    assert_eq!(run("@esri.json", "esri"), first);
    assert_eq!(run(&esri.to_string(), "inline"), first);
    let buffer = ["run", &demo.url("GPServer/Buffer"), "-p", "Input_Features=@p.shp", "-o", "buffer", "-p"];
    desk.ok(&[&buffer[..], &["Distance=@distance.json"]].concat());
    assert_eq!(desk.json("buffer/results.json"), json!({"Buffer_Count": 3}));
}

fn desk_json(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_results_come_in_the_spatial_reference_that_is_asked_for() {
    let demo = Demo::start();
    let desk = Desk::new();
    let point = r#"Input_Observation_Point={"x":7,"y":47,"spatialReference":{"wkid":4326}}"#;
    let url = demo.url("GPServer/Viewshed");
    desk.ok(&["run", &url, "-p", point, "-o", "out", "--out-sr", "102100", "--format", "shapefile"]);
    assert!(ogrinfo(&desk.path("out/Viewshed_Result.shp")).contains("WGS 84 / Pseudo-Mercator"));
    desk.refuses(
        &["run", &url, "-p", point, "-o", "new", "--out-sr", "EPSG:1"],
        2,
        "
        error: --out-sr: the spatial reference EPSG:1 is not known
        cause: PROJ: proj_create_from_database: crs not found
        hint: write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj
    ",
    );
}

#[test]
fn an_existing_result_is_told_before_the_task_runs() {
    let results =
        || vec![("Out", "GPFeatureRecordSetLayer", points(1)), ("Rows", "GPRecordSet", json!({"fields": [], "features": []}))];
    let (server, desk, url) = tool(false, results(), no_files);
    std::fs::create_dir(desk.path("out")).unwrap();
    desk.write("out/Rows.csv", "mine");
    desk.refuses(
        &["run", &url, "-o", "out"],
        1,
        "
        error: the output exists already
        where: out/Rows.csv
        hint: choose another name, or replace it with --overwrite
    ",
    );
    assert!(server.calls().iter().all(|call| call.path == TASK), "{:?}", server.calls());
    desk.ok(&["run", &url, "-o", "out", "--overwrite"]);
    assert_ne!(desk.read("out/Rows.csv"), "mine");
}

#[test]
fn a_result_goes_into_a_file_where_the_ending_names_a_format() {
    for synchronous in [true, false] {
        let results = || vec![("Out", "GPFeatureRecordSetLayer", points(2)), ("Count", "GPLong", json!(2))];
        let (_server, desk, url) = tool(synchronous, results(), no_files);
        let said = desk.ok(&["run", &url, "-o", "x.geojson", "-o", "x.kmz"]);
        assert!(said.contains("warning: \"Count\" is a value and is in the report only"), "{said}");
        assert_eq!(desk.names("."), ["x.geojson", "x.kmz"]);
        assert_eq!(desk.json("x.geojson")["features"].as_array().unwrap().len(), 2);
        let again = desk.run(&["run", &url, "-o", "x.geojson"]);
        assert!(again.status == 1 && again.stderr.starts_with("error: the output exists already"), "{}", again.stderr);
        std::fs::create_dir(desk.path("y.geojson")).unwrap();
        desk.ok(&["run", &url, "-o", "y.geojson"]);
        assert_eq!(desk.names("y.geojson").len(), if synchronous { 2 } else { 3 }, "a directory stays one");
    }
}

#[test]
fn several_results_fit_into_a_file_that_holds_many_layers_and_else_are_refused_before_the_task_runs() {
    let results = || vec![("One", "GPFeatureRecordSetLayer", points(1)), ("Two", "GPFeatureRecordSetLayer", points(2))];
    let (server, desk, url) = tool(false, results(), no_files);
    desk.refuses(
        &["run", &url, "-o", "x.geojson"],
        2,
        "
        error: the task gives 2 results, and the output is one file
        cause: One, Two
        hint: give a directory, which gets a file for each: -o results/ --format geojson; or a GeoPackage, which holds them all: -o all.gpkg
    ",
    );
    assert!(server.calls().iter().all(|call| call.path == TASK), "{:?}", server.calls());
    desk.ok(&["run", &url, "-o", "all.gpkg"]);
    assert_eq!(desk.names("."), ["all.gpkg"]);
    let layers = ogrinfo(&desk.path("all.gpkg"));
    assert!(layers.contains("Layer name: One") && layers.contains("Layer name: Two"), "{layers}");
}

#[test]
fn the_job_of_a_file_is_remembered_beside_it_until_the_file_stands() {
    let server = Server::start(|call| match call.path.strip_prefix(TASK) {
        Some("") => Reply::json(&json!({"name": "T", "executionType": "esriExecutionTypeAsynchronous", "parameters":
            [{"name": "Out", "dataType": "GPFeatureRecordSetLayer", "direction": "esriGPParameterDirectionOutput"}]})),
        Some("/submitJob" | "/jobs/j1") => Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobExecuting"})),
        _ => Reply::error(404, "Not Found"),
    });
    let desk = Desk::beside(server.url("").as_str());
    let url = server.url(TASK).to_string();
    let run = desk.run(&["run", &url, "-o", "x.geojson", "--timeout", "1s"]);
    assert_eq!((run.status, desk.names(".")), (1, vec![".x.geojson.job".to_owned()]), "{}", run.stderr);
    assert_eq!(desk.run(&["job", "status", ".x.geojson.job"]).status, 0);
    let again = desk.run(&["run", &url, "-o", "x.geojson"]);
    assert!(again.stderr.starts_with("error: the folder belongs to a job that has not been brought home\n"), "{}", again.stderr);
}

#[test]
fn a_cut_off_result_beside_good_ones_ends_with_3_and_alone_with_1() {
    let mut cut = points(0);
    cut["exceededTransferLimit"] = json!(true);
    let (_server, desk, url) = tool(
        true,
        vec![("Cut", "GPFeatureRecordSetLayer", cut.clone()), ("Good", "GPFeatureRecordSetLayer", points(2))],
        no_files,
    );
    let run = desk.run(&["run", &url, "-o", "out", "--report", "r.json"]);
    assert_eq!((run.status, desk.names("out")), (3, vec!["Good.geojson".to_owned()]), "{}", run.stderr);
    assert!(
        run.stderr.contains("\nfailed: the result Cut is cut off: the server hands out 0 rows and says that there are more"),
        "{}",
        run.stderr
    );
    assert_eq!(desk.json("r.json")["failures"][0]["kind"], "incomplete");

    let (_server, desk, url) = tool(true, vec![("Cut", "GPFeatureRecordSetLayer", cut)], no_files);
    let run = desk.run(&["run", &url, "-o", "out"]);
    assert_eq!(run.status, 1);
    assert_eq!(
        run.stderr,
        unindented(
            r#"
        error: the result Cut is cut off
        cause: the server hands out 0 rows and says that there are more
        where: "Cut", SERVER/arcgis/rest/services/G/GPServer/T
        hint: run the task on parts of the input, or ask the publisher for a greater maximumRecords
    "#
        )
    );
    assert!(!desk.path("out").exists() || desk.names("out").is_empty());
}

#[test]
fn the_files_among_the_results_are_downloaded_under_their_parameters_names() {
    let file = |name: &str| json!({"url": format!("/arcgis/rest/directories/jobs/j1/{name}")});
    let results = vec![
        ("Package", "GPDataFile", file("scratch/out.zip")),
        ("Page", "GPDataFile", file("report.html")),
        ("../../Evil", "GPDataFile", file("..%2F..%2Fevil.txt")),
        ("Many", "GPMultiValue:GPDataFile", json!([file("1.csv"), file("2.csv")])),
        ("Plain", "GPDataFile", file("noending")),
    ];
    let (server, desk, url) = tool(true, results, |call| match call.path.rsplit('/').next() {
        Some("out.zip") => Reply::bytes("application/zip", &b"PK\x03\x04\0\xff"[..]),
        Some("report.html") => Reply::html("<html>fine</html>"),
        Some(name) => Reply::bytes("text/plain", name),
        None => Reply::error(404, "Not Found"),
    });
    desk.ok(&["run", &url, "-o", "out", "--report", "r.json"]);
    assert_eq!(desk.names("out"), ["Evil.txt", "Many.csv", "Many_2.csv", "Package.zip", "Page.html", "Plain"]);
    assert_eq!(desk.bytes("out/Package.zip"), b"PK\x03\x04\0\xff");
    assert_eq!((desk.read("out/Many.csv"), desk.read("out/Many_2.csv")), ("1.csv".to_owned(), "2.csv".to_owned()));
    assert_eq!(desk.json("r.json")["files"].as_array().unwrap().len(), 6);
    assert_eq!(desk.names("."), ["out", "r.json"]);
    let fetched: Vec<_> = server.calls().into_iter().filter(|call| call.path.contains("/directories/")).collect();
    assert!(fetched.iter().all(|call| call.method == "GET" && call.params.is_empty()), "{fetched:?}");
}

#[test]
fn an_error_in_place_of_a_file_is_never_saved_as_data() {
    let file = |name: &str| json!({"url": format!("/files/{name}")});
    let results = vec![
        ("Page", "GPDataFile", file("a.zip")),
        ("Error", "GPDataFile", file("b.zip")),
        ("Gone", "GPDataFile", file("c.zip")),
        ("Count", "GPLong", json!(1)),
    ];
    let (_server, desk, url) = tool(true, results, |call| match call.path.as_str() {
        "/files/a.zip" => Reply::html("<html><title>Sign in</title></html>"),
        "/files/b.zip" => Reply::error(498, "Invalid token."),
        _ => Reply::bytes("text/plain", "gone").status(404),
    });
    let run = desk.run(&["run", &url, "-o", "out"]);
    assert_eq!((run.status, desk.names("out")), (3, vec!["results.json".to_owned()]));
    assert_eq!(
        run.stderr,
        unindented(
            r#"
        wrote out/results.json
        failed: the server answered with a web page, not with data: "Sign in" ("Page", SERVER/files/a.zip)
          hint: open the address in a browser to see what it says; a proxy or a sign-in page may stand in between
        failed: the server wants a sign-in: 498 Invalid token. ("Error", SERVER/files/b.zip)
          hint: the token is invalid or has expired; get a new one
        failed: the server answered with an error: 404 ("Gone", SERVER/files/c.zip)
          hint: check the address; `geohaul ls` on the service, its folder or .../rest/services shows what is there
    "#
        )
    );
}

#[test]
fn values_of_every_type_stand_in_results_json_as_the_server_wrote_them() {
    let values = [
        ("Number", "GPDouble", json!(1.25)),
        ("Whole", "GPLong", json!(9_007_199_254_740_993_i64)),
        ("Text", "GPString", json!("Zürich")),
        ("Unit", "GPLinearUnit", json!({"distance": 8.5, "units": "esriMiles"})),
        ("Day", "GPDate", json!(1_700_000_000_000_i64)),
        ("Flag", "GPBoolean", json!(false)),
        ("List", "GPMultiValue:GPString", json!(["a", "b"])),
        ("Nothing", "GPString", Value::Null),
        ("New", "GPNovelty", json!({"a": [1]})),
    ];
    let (_server, desk, url) = tool(true, values.to_vec(), no_files);
    desk.ok(&["run", &url, "-o", "out"]);
    let expected: serde_json::Map<String, Value> = values.into_iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
    assert_eq!(desk.json("out/results.json"), Value::Object(expected));
}

#[test]
fn archives_among_the_results_are_left_alone_unless_they_are_to_be_unpacked() {
    let file = |name: &str| json!({"url": format!("/files/{name}.zip")});
    let results =
        || vec![("Good", "GPDataFile", file("good")), ("Evil", "GPDataFile", file("evil")), ("Count", "GPLong", json!(1))];
    let files = |call: &Call| {
        let name = if call.path.ends_with("good.zip") { "data/roads.txt" } else { "../../evil.txt" };
        Reply::bytes("application/zip", zipped(name))
    };
    let (_server, desk, url) = tool(true, results(), files);
    desk.ok(&["run", &url, "-o", "out"]);
    assert_eq!(desk.names("out"), ["Evil.zip", "Good.zip", "results.json"]);

    let run = desk.run(&["run", &url, "-o", "new", "--unzip"]);
    assert_eq!(
        (run.status, desk.names("new")),
        (3, ["Evil.zip", "Good", "Good.zip", "results.json"].map(str::to_owned).to_vec())
    );
    assert_eq!(desk.read("new/Good/data/roads.txt"), "roads");
    assert!(
        run.stderr.contains("failed: the archive is not unpacked: the name \"../../evil.txt\" leads out of it"),
        "{}",
        run.stderr
    );
    assert!(!desk.path("evil.txt").exists() && !desk.path("../evil.txt").exists());
}

/// An archive with one file, made by Python.
fn zipped(name: &str) -> Vec<u8> {
    let script = "import io, sys, zipfile\nb = io.BytesIO()\nz = zipfile.ZipFile(b, 'w')\nz.writestr(sys.argv[1], 'roads')\nz.close()\nsys.stdout.buffer.write(b.getvalue())";
    std::process::Command::new("python3").args(["-c", script, name]).output().unwrap().stdout
}
