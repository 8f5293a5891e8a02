//! Each refusal says what, why, where and what next, in these words; nothing is left behind.

use std::io::{BufRead, Write};

use serde_json::json;

use super::demo::Demo;
use super::layer::Layer;
use super::server::{Reply, Server};
use super::{Desk, saved};

const ROOT: &str = "/arcgis/rest/services";

/// A server on which everything goes wrong in its own way.
fn broken_site() -> (Server, Desk) {
    let layer = Layer::of(1..=3);
    let server = Server::start(move |call| {
        let path = call.path.strip_prefix(ROOT).unwrap_or_default();
        match path.trim_end_matches("/query") {
            "/Refused/FeatureServer/0" => Reply::error(400, "Unable to complete operation."),
            "/Gone/FeatureServer/0" => Reply::error(400, "Invalid URL"),
            "/Secret/FeatureServer/0" => Reply::error(499, "Token Required"),
            "/Page/FeatureServer/0" => Reply::html("<html><head><title>Sign in to the city's GIS</title></head></html>"),
            "/Group/MapServer/0" => Reply::json(&json!({"id": 0, "name": "Transport", "type": "Group Layer",
                "subLayers": [{"id": 1, "name": "Roads"}, {"id": 2, "name": "Rails"}]})),
            "/Service/FeatureServer/0" => Reply::json(&json!({"layers": [], "serviceDescription": ""})),
            "/Sphere/FeatureServer/0" => {
                Layer { answers_in: json!({"wkid": 53003}), json: json!({"name": "Sphere"}), ..layer.clone() }.reply(call)
            }
            "/Nowhere/FeatureServer/0" => {
                let json = json!({"name": "Nowhere", "extent": null});
                Layer { answers_in: json!(null), json, ..layer.clone() }.reply(call)
            }
            "/Local/FeatureServer/0" => {
                Layer { answers_in: json!({"wkid": 999_999}), json: json!({"name": "Local"}), ..layer.clone() }.reply(call)
            }
            "/Holes/FeatureServer/0" => Layer { withheld: [2].into(), ..layer.clone() }.reply(call),
            "/Whole/FeatureServer/0" => layer.reply(call),
            _ => Reply::error(404, "Not Found"),
        }
    });
    let desk = Desk::beside(server.url(ROOT).as_str());
    (server, desk)
}

/// The error of an export from the broken site, which leaves nothing.
#[track_caller]
fn export_says(address: &str, more: &[&str], status: i32, stderr: &str) {
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}{address}"));
    desk.refuses(&[&["export", url.as_str(), "-o", "a.geojson"], more].concat(), status, stderr);
}

#[test]
fn an_arcgis_error_in_http_200_gives_the_servers_words() {
    export_says(
        "/Refused/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 400 Unable to complete operation.
        where: SERVER/Refused/FeatureServer/0?f=json
        hint: `geohaul info` on the service shows what is there
    ",
    );
}

#[test]
fn a_layer_that_is_not_there_is_told_with_the_way_to_find_it() {
    export_says(
        "/Gone/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 400 Invalid URL
        where: SERVER/Gone/FeatureServer/0?f=json
        hint: check the address; `geohaul info` on the service shows what is there
    ",
    );
    export_says(
        "/Missing/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 404 Not Found
        where: SERVER/Missing/FeatureServer/0?f=json
        hint: check the address; `geohaul info` on the service shows what is there
    ",
    );
}

#[test]
fn a_service_that_wants_a_sign_in_says_so() {
    export_says(
        "/Secret/FeatureServer/0",
        &[],
        1,
        "
        error: the server wants a sign-in
        cause: 499 Token Required
        where: SERVER/Secret/FeatureServer/0?f=json
        hint: this service is not public; sign in with --user NAME or --token-file FILE
    ",
    );
}

#[test]
fn a_web_page_in_place_of_data_is_named_by_its_title() {
    export_says(
        "/Page/FeatureServer/0",
        &[],
        1,
        r#"
        error: the server answered with a web page, not with data
        cause: "Sign in to the city's GIS"
        where: SERVER/Page/FeatureServer/0?f=json
        hint: open the address in a browser to see what it says; a proxy or a sign-in page may stand in between
    "#,
    );
}

#[test]
fn a_group_layer_names_its_members() {
    export_says(
        "/Group/MapServer/0",
        &[],
        1,
        r#"
        error: a Group Layer has no rows of its own
        where: "Transport", SERVER/Group/MapServer/0
        hint: choose one of its layers: 1 (Roads), 2 (Rails)
    "#,
    );
}

#[test]
fn an_address_that_answers_as_a_service_is_no_layer() {
    export_says(
        "/Service/FeatureServer/0",
        &[],
        2,
        r#"
        error: the address names no layer or table
        where: "layer", SERVER/Service/FeatureServer/0
        hint: a layer's address ends in a number, such as FeatureServer/0; `geohaul info` on the service lists them
    "#,
    );
}

#[test]
fn a_task_is_nothing_to_export_and_a_layer_nothing_to_run() {
    export_says(
        "/Tools/GPServer/Buffer",
        &[],
        2,
        "
        error: the address names a geoprocessing task, not a layer
        where: SERVER/Tools/GPServer/Buffer
        hint: run it with geohaul run; geohaul info shows what it takes
    ",
    );
    let (server, desk) = broken_site();
    let layer = server.url(&format!("{ROOT}/Whole/FeatureServer/0"));
    desk.refuses(
        &["run", layer.as_str(), "-o", "out"],
        2,
        "
        error: the address names no geoprocessing task
        where: SERVER/Whole/FeatureServer/0
        hint: a task's address looks like https://HOST/arcgis/rest/services/NAME/GPServer/TASK
    ",
    );
}

#[test]
fn a_file_is_nothing_to_export() {
    let desk = Desk::new();
    desk.refuses(
        &["export", "roads.json", "-o", "a.geojson"],
        2,
        "
        error: export reads layers on servers, not files
        hint: for saved files there is geohaul convert
    ",
    );
}

#[test]
fn an_address_of_something_else_is_no_arcgis_address() {
    let desk = Desk::new();
    desk.refuses(
        &["export", "https://www.example.com/data?token=hush", "-o", "a.geojson"],
        2,
        "
        error: this address names no ArcGIS REST service
        where: https://www.example.com/data
        hint: it should look like https://HOST/arcgis/rest/services/NAME/FeatureServer/0
    ",
    );
}

#[test]
fn an_unknown_host_is_told_at_once() {
    // A label this long is refused by the resolver of this machine, without asking anybody.
    let host = format!("{}.invalid", "x".repeat(64));
    let desk = Desk::beside(&format!("http://{host}"));
    let run = desk.run(&["export", &format!("http://{host}/arcgis/rest/services/A/FeatureServer/0"), "-o", "a.geojson"]);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], format!("error: the host {host} is not known"));
    // The cause is in the resolver's words.
    assert!(lines[1].starts_with("cause: ") && !lines[1].contains("os error"), "{}", run.stderr);
    assert_eq!(lines[2], "where: SERVER/arcgis/rest/services/A/FeatureServer/0?f=json");
    assert_eq!(lines[3], "hint: check the address, and that this machine is online");
    assert_eq!((run.status, lines.len(), desk.names(".").len()), (1, 4, 0));
}

#[test]
fn a_refused_connection_is_told_at_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let desk = Desk::beside(&format!("http://127.0.0.1:{port}"));
    let url = format!("http://127.0.0.1:{port}/arcgis/rest/services/A/FeatureServer/0");
    desk.refuses(
        &["export", &url, "-o", "a.geojson"],
        1,
        "
        error: no connection to 127.0.0.1
        cause: Connection refused
        where: SERVER/arcgis/rest/services/A/FeatureServer/0?f=json
        hint: check the address and the port; the server may be down, or a firewall in between
    ",
    );
}

#[test]
fn a_server_without_tls_is_never_asked_without_it() {
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}/Whole/FeatureServer/0")).to_string().replace("http://", "https://");
    let run = desk.run(&["export", &url, "-o", "a.geojson"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.starts_with("error: no secure connection to 127.0.0.1\n"), "{}", run.stderr);
    assert!(run.stderr.contains("\nhint: the certificate may be"), "{}", run.stderr);
    assert!(server.calls().is_empty(), "nothing went out in the clear");
}

/// A TLS server that says what it was asked for, line by line.
const TLS_SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    try:
        print("asked", context.wrap_socket(client, server_side=True).recv(1000), flush=True)
    except OSError as why:
        print("refused", why, flush=True)
"#;

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_nothing_is_sent() {
    let certificate = super::tools::in_clone("testdata/tls/self-signed.pem");
    let mut server = std::process::Command::new("python3")
        .args(["-c", TLS_SERVER])
        .arg(&certificate)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    let desk = Desk::beside(&format!("https://127.0.0.1:{port}"));
    let url = format!("https://127.0.0.1:{port}/arcgis/rest/services/A/FeatureServer/0?token=hush");
    let run = desk.run(&["export", &url, "-o", "a.geojson"]);
    let heard = lines.next().unwrap().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(run.stderr.starts_with("error: no secure connection to 127.0.0.1\n"), "{}", run.stderr);
    assert!(heard.starts_with("refused") && run.status == 1, "{heard}");
}

// Answers that are cut short or empty: `execute` is never repeated, so they are told at once.

#[track_caller]
fn execute_says(body: &'static str, stderr: &str) {
    let server = Server::start(move |call| match call.path.ends_with("/execute") {
        true => Reply::bytes("application/json", body),
        false => Reply::json(&json!({"name": "T", "executionType": "esriExecutionTypeSynchronous", "parameters": []})),
    });
    let desk = Desk::beside(server.url(ROOT).as_str());
    desk.refuses(&["run", server.url(&format!("{ROOT}/G/GPServer/T")).as_str(), "-o", "out"], 1, stderr);
}

#[test]
fn truncated_json_is_no_data() {
    execute_says(
        "{\"results\":[{\"paramName\":",
        "
        error: it is not known whether the server ran the task T
        cause: the server's answer is broken: after 25 bytes, 3 brackets are still open
        where: SERVER/G/GPServer/T/execute
        hint: the request was sent once and is not repeated, since the tool might run twice; run it again if that does no harm
    ",
    );
    let desk = Desk::new();
    desk.write("cut.json", "{\"features\":[{\"attributes\":{\"A\":1}},{\"attr");
    desk.refuses(
        &["convert", "cut.json", "-o", "a.geojson"],
        1,
        "
        error: the JSON ends in the middle
        cause: after 42 bytes, 2 brackets are still open
        where: cut.json
        hint: the file or answer was cut off; fetch it again
    ",
    );
}

#[test]
fn an_empty_body_is_no_data() {
    execute_says(
        "",
        "
        error: it is not known whether the server ran the task T
        cause: the server answered with nothing
        where: SERVER/G/GPServer/T/execute
        hint: the request was sent once and is not repeated, since the tool might run twice; run it again if that does no harm
    ",
    );
    let desk = Desk::new();
    desk.write("empty.json", "");
    desk.refuses(
        &["convert", "empty.json", "-o", "a.geojson"],
        1,
        "
        error: the answer is empty
        where: empty.json
        hint: fetch it again, with f=json
    ",
    );
}

#[test]
fn files_that_hold_something_else_say_what_it_is() {
    let desk = Desk::new();
    desk.write("page.json", "\n<html><title>Sign in</title></html>");
    desk.refuses(
        &["convert", "page.json", "-o", "a.geojson"],
        1,
        "
        error: the answer is a web page or XML, not JSON
        where: page.json
        hint: save the answer that the server gives with f=json; a page may be its sign-in or an error
    ",
    );
    desk.write("error.json", r#"{"error":{"code":498,"message":"Invalid token."}}"#);
    desk.refuses(
        &["convert", "error.json", "-o", "a.geojson"],
        1,
        "
        error: the server wants a sign-in
        cause: 498 Invalid token.
        where: error.json
        hint: the token is invalid or has expired; get a new one
    ",
    );
    desk.write("other.json", r#"{"a":1}"#);
    desk.refuses(
        &["convert", "other.json", "-o", "a.geojson"],
        1,
        "
        error: the file holds no features
        where: other.json
        hint: geohaul reads the answers of layer queries and geoprocessing tasks (f=json)
    ",
    );
    desk.write("points.geojson", r#"{"type":"FeatureCollection","features":[]}"#);
    desk.refuses(
        &["convert", "points.geojson", "-o", "a.geojson"],
        1,
        "
        error: the input is GeoJSON, not Esri JSON
        where: points.geojson
        hint: geohaul reads f=json answers; ogr2ogr converts from GeoJSON
    ",
    );
    desk.write("number.json", r#"{"paramName":"N","dataType":"GPLong","value":3}"#);
    desk.refuses(
        &["convert", "number.json", "-o", "a.geojson"],
        1,
        "
        error: there are no features in the input
        cause: it holds values or files only
        where: number.json
        hint: give a directory, which gets them all: -o results/
    ",
    );
}

// Paths

#[test]
fn a_bad_input_path_is_told() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", "nope.json", "-o", "a.geojson"],
        1,
        "
        error: can't read the input
        cause: no such file or directory
        where: nope.json
        hint: check the path
    ",
    );
    std::fs::create_dir(desk.path("folder")).unwrap();
    desk.refuses(
        &["convert", "folder", "-o", "a.geojson"],
        2,
        "
        error: the input is a directory
        where: folder
        hint: name the JSON files in it
    ",
    );
}

/// The refusals of outputs come before anything is asked: the address is one that nobody answers.
#[track_caller]
fn output_says(desk: &Desk, outputs: &[&str], status: i32, stderr: &str) {
    let url = "http://127.0.0.1:1/arcgis/rest/services/A/FeatureServer/0";
    desk.refuses(&[&["export", url], outputs].concat(), status, stderr);
}

#[test]
fn a_missing_output_directory_is_told_before_anything_is_asked() {
    output_says(
        &Desk::new(),
        &["-o", "maps/a.geojson"],
        1,
        "
        error: the output's directory does not exist
        where: maps
        hint: make it first: mkdir -p maps
    ",
    );
}

#[test]
fn an_output_directory_that_is_a_file_is_told_before_anything_is_asked() {
    let desk = Desk::new();
    desk.write("maps", "");
    output_says(
        &desk,
        &["-o", "maps/a.geojson"],
        1,
        "
        error: the output's directory is a file
        where: maps
        hint: choose another directory
    ",
    );
    output_says(
        &desk,
        &["-o", "maps/new/"],
        1,
        "
        error: the output's directory is a file
        where: maps
        hint: choose another directory
    ",
    );
    let task = "http://127.0.0.1:1/arcgis/rest/services/A/GPServer/T";
    desk.refuses(
        &["run", task, "-o", "maps/new"],
        1,
        "
        error: the output's directory is a file
        where: maps
        hint: choose another directory
    ",
    );
    desk.refuses(
        &["run", task, "-o", "maps"],
        2,
        "
        error: the output is a file, and results go into a directory
        where: maps
        hint: give a directory: -o results/
    ",
    );
}

#[test]
fn a_directory_without_permission_is_told_before_anything_is_asked() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    std::fs::create_dir(desk.path("locked")).unwrap();
    std::fs::set_permissions(desk.path("locked"), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(desk.path("locked/probe"), "").is_ok() {
        // Root writes where it likes; only the file in place of a directory above stops it.
        let _ = writeln!(std::io::stderr(), "\nLEFT OUT: a directory without permission, for want of a user who is not root");
        return;
    }
    output_says(
        &desk,
        &["-o", "locked/a.geojson"],
        1,
        "
        error: can't write to the output's directory
        cause: permission denied
        where: locked
        hint: choose a place you may write to, or change its permissions
    ",
    );
}

#[test]
fn an_existing_file_is_refused_before_anything_is_asked() {
    let desk = Desk::new();
    desk.write("a.geojson", "mine");
    desk.write("b.dbf", "mine");
    desk.write("r.json", "mine");
    output_says(
        &desk,
        &["-o", "a.geojson"],
        1,
        "
        error: the output exists already
        where: a.geojson
        hint: choose another name, or replace it with --overwrite
    ",
    );
    output_says(
        &desk,
        &["-o", "b.shp"],
        1,
        "
        error: the output exists already
        where: b.dbf
        hint: choose another name, or replace it with --overwrite
    ",
    );
    output_says(
        &desk,
        &["-o", "c.kmz", "--report", "r.json"],
        1,
        "
        error: the output exists already
        where: r.json
        hint: choose another name, or replace it with --overwrite
    ",
    );
    assert_eq!(desk.read("a.geojson"), "mine");
}

#[test]
fn outputs_that_make_no_sense_are_told() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("folder")).unwrap();
    output_says(
        &desk,
        &["-o", "a.xyz"],
        2,
        r#"
        error: no format is called "xyz"
        where: a.xyz
        hint: formats: FORMATS; see geohaul formats
    "#,
    );
    output_says(
        &desk,
        &["-o", "a"],
        2,
        "
        error: the output's name has no ending to tell the format by
        where: a
        hint: give it one, such as .geojson, or say --format NAME
    ",
    );
    output_says(
        &desk,
        &["-o", "a.shp", "--format", "nonsense"],
        2,
        r#"
        error: no format is called "nonsense"
        hint: formats: FORMATS; see geohaul formats
    "#,
    );
    output_says(
        &desk,
        &["-o", "a.shp", "-o", "b.kmz", "--format", "kmz"],
        2,
        "
        error: --format does not say which output it is for
        hint: give each output an ending that tells its format, or give one directory
    ",
    );
    output_says(
        &desk,
        &["-o", "a.shp", "-o", "folder"],
        2,
        "
        error: a directory is given beside another output
        where: folder
        hint: give one directory, or files only
    ",
    );
}

// Spatial references

#[test]
fn an_unknown_spatial_reference_in_an_option_is_wrong_usage() {
    let desk = Desk::new();
    output_says(
        &desk,
        &["-o", "a.geojson", "--crs", "EPSG:1"],
        2,
        "
        error: --crs: the spatial reference EPSG:1 is not known
        cause: PROJ: proj_create_from_database: crs not found
        hint: write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--crs", "moon"],
        2,
        "
        error: --crs: the spatial reference moon is not known
        hint: write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--assume-crs", "999999"],
        2,
        "
        error: --assume-crs: the spatial reference wkid 999999 is not known
        cause: PROJ: proj_create_from_database: crs not found
        hint: write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--crs", "@none.prj"],
        1,
        "
        error: can't read the spatial reference
        cause: no such file or directory
        where: none.prj
        hint: check the path
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--project", "server"],
        2,
        "
        error: --project server does not say into which spatial reference
        hint: name it: --project server --crs EPSG:4326
    ",
    );
}

#[test]
fn a_missing_spatial_reference_is_never_guessed() {
    export_says(
        "/Nowhere/FeatureServer/0",
        &[],
        1,
        r#"
        error: the layer names no spatial reference
        cause: GeoJSON needs it to give WGS 84
        where: "Nowhere"
        hint: say what it is with --assume-crs, such as --assume-crs EPSG:25832, or keep the coordinates as they are with --crs native
    "#,
    );
    export_says(
        "/Nowhere/FeatureServer/0",
        &["-o", "a.kmz"],
        1,
        r#"
        error: the layer names no spatial reference
        cause: GeoJSON needs it to give WGS 84
        where: "Nowhere"
        hint: say what it is with --assume-crs, such as --assume-crs EPSG:25832, or keep the coordinates as they are with --crs native
    "#,
    );
}

#[test]
fn a_spatial_reference_that_nobody_knows_is_never_replaced() {
    export_says(
        "/Local/FeatureServer/0",
        &[],
        1,
        r#"
        error: the layer's spatial reference, wkid 999999, is not known
        cause: GeoJSON needs it to give WGS 84
        where: "Local"
        hint: say what it is with --assume-crs, such as --assume-crs EPSG:25832, or keep the coordinates as they are with --crs native
    "#,
    );
}

#[test]
fn a_ballpark_transformation_is_refused_unless_it_is_allowed() {
    export_says(
        "/Sphere/FeatureServer/0",
        &[],
        1,
        r#"
        error: no exact way is known from ESRI:53003 (Sphere_Miller_Cylindrical) to EPSG:4326 (WGS 84)
        cause: only a ballpark transformation without datum shift, which may be off by hundreds of metres
        where: "Sphere"
        hint: keep the layer's own with --crs native, or accept it with --allow-ballpark
    "#,
    );
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}/Sphere/FeatureServer/0"));
    let said = desk.ok(&["export", url.as_str(), "-o", "a.geojson", "--allow-ballpark"]);
    assert!(said.contains("ballpark: no datum shift"), "{said}");
}

// Completeness

#[test]
fn missing_rows_fail_and_are_named() {
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}/Holes/FeatureServer/0"));
    desk.refuses(
        &["export", url.as_str(), "-o", "a.geojson"],
        1,
        r#"
        reading "Roads", 3 rows
        error: rows are missing
        cause: 2 rows came of the 3 that the server counts; 1 missing, object id 2
        where: "Roads"
        hint: run the same command again; or write what there is with --allow-partial
    "#,
    );
}

#[test]
fn a_result_that_its_server_cut_off_fails_and_leaves_nothing() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", &saved("cut-off-by-its-server.json"), "-o", "a.geojson"],
        1,
        r#"
        reading "cut-off-by-its-server", 2 rows
        error: rows are missing
        cause: the server cut the result off after 2 rows (exceededTransferLimit), and there is no way to ask for the rest
        where: SAVED/cut-off-by-its-server.json, "cut-off-by-its-server"
        hint: export the layer itself, or run the task on less; --allow-partial writes what there is
    "#,
    );
}

#[test]
fn the_first_loss_under_strict_is_an_error() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", &saved("m-points.json"), "-o", "a.geojson", "--strict"],
        1,
        r#"
        reading "m-points", 4 rows
        error: m not written (2 times)
        cause: --strict allows no loss
        where: SAVED/m-points.json, "m-points"
        hint: choose another format, or leave --strict out
    "#,
    );
}

#[test]
fn a_format_that_cannot_hold_the_layer_says_so() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", &saved("table.json"), "-o", "a.kmz"],
        1,
        r#"
        error: KMZ (zipped KML 2.2) can't hold a table without geometry
        cause: it holds point, multipoint, polyline, polygon, envelope layers
        where: SAVED/table.json, "table"
        hint: write CSV or GeoJSON
    "#,
    );
    desk.refuses(
        &["convert", &saved("web-mercator.json"), "-o", "a.csv"],
        1,
        r#"
        error: CSV can't hold polygon geometry
        cause: it holds point layers and tables
        where: SAVED/web-mercator.json, "web-mercator"
        hint: write GeoJSON, Shapefile or KMZ
    "#,
    );
}

// Tasks

#[test]
fn values_are_checked_before_the_task_runs() {
    let demo = Demo::start();
    let desk = Desk::beside(&format!("http://{}", demo.host));
    let url = demo.url("GPServer/Buffer");
    let base = ["run", url.as_str(), "-o", "out"];
    desk.refuses(
        &base,
        2,
        "
        error: the task Buffer needs a value for Input_Features, Distance
        hint: for example: -p 'Input_Features=@points.geojson'
    ",
    );
    desk.refuses(
        &[&base[..], &["-p", "Distnce=1"]].concat(),
        2,
        "
        error: the task Buffer has no parameter Distnce
        hint: did you mean Distance? It also takes Input_Features, Segments
    ",
    );
    desk.refuses(
        &[&base[..], &["-p", "Distance=2 leagues"]].concat(),
        2,
        r#"
        error: '2 leagues' is no distance with a unit (GPLinearUnit)
        cause: the units are esriMeters, esriKilometers, esriMiles, esriFeet, esriYards, esriNauticalMiles, esriInches, esriMillimeters, esriCentimeters, esriDecimeters, esriDecimalDegrees, esriPoints, esriIntInches, esriIntFeet, esriIntYards, esriIntMiles, esriIntNauticalMiles, esriUnknownUnits
        where: "Distance"
        hint: for example: -p 'Distance=8.5 miles'
    "#,
    );
    desk.refuses(
        &[&base[..], &["-p", "Distance"]].concat(),
        2,
        "
        error: 'Distance' is no parameter
        hint: write NAME=VALUE, with NAME=@FILE for the contents of a file
    ",
    );
    desk.refuses(
        &[&base[..], &["-p", "Segments=many"]].concat(),
        2,
        r#"
        error: 'many' is no whole number (GPLong)
        where: "Segments"
        hint: for example: -p 'Segments=10'
    "#,
    );
    desk.refuses(
        &[&base[..], &["-p", "Buffers=1"]].concat(),
        2,
        "
        error: Buffers is an output of the task Buffer
        hint: leave it out: every output is fetched
    ",
    );
    desk.refuses(
        &[&base[..], &["-p", "Input_Features=@none.geojson"]].concat(),
        1,
        r#"
        error: can't read the features
        cause: no such file or directory
        where: none.geojson, "Input_Features"
        hint: check the path
    "#,
    );
    desk.refuses(
        &["run", &demo.url("GPServer"), "-o", "out"],
        2,
        "
        error: there is no geoprocessing task at this address
        cause: it is a service with the tasks Viewshed, Buffer
        where: SERVER/arcgis/rest/services/Demo/GPServer
        hint: append the task's name
    ",
    );
    desk.refuses(
        &["run", &demo.url("GPServer/Erase"), "-o", "out"],
        1,
        "
        error: the server answered with an error
        cause: 400 Invalid URL
        where: SERVER/arcgis/rest/services/Demo/GPServer/Erase?f=json
        hint: check the address; `geohaul info` on the service shows what is there
    ",
    );
}

#[test]
fn a_failed_job_ends_with_the_servers_messages() {
    let demo = Demo::start();
    let desk = Desk::beside(&format!("http://{}", demo.host));
    let points = r#"Input_Features={"x":7,"y":47,"spatialReference":{"wkid":4326}}"#;
    let distance = r#"Distance={"distance":-2,"units":"esriMiles"}"#;
    let run = desk.run(&["run", &demo.url("GPServer/Buffer"), "-o", "out", "-p", points, "-p", distance]);
    let (text, id) = run.stderr.rsplit_once("/jobs/").unwrap();
    let (_, rest) = id.split_once('\n').unwrap();
    assert_eq!(
        format!("{text}/jobs/ID\n{rest}"),
        super::unindented(
            "
        job: submitted
        job: executing
        job: 33 %
        server: Executing (Buffer): Buffer
        job: 66 %
        server error: ERROR 000735: Distance: The distance is out of range
        job: failed
        server error: Failed to execute (Buffer).
        error: the job of the task Buffer failed
        cause: ERROR 000735: Distance: The distance is out of range; Failed to execute (Buffer).
        where: SERVER/arcgis/rest/services/Demo/GPServer/Buffer/jobs/ID
        hint: mend what the messages name; `geohaul info` on the task shows what it takes
    "
        )
    );
    // `geohaul job messages out` shows them again.
    assert_eq!((run.status, desk.names("out")), (1, vec!["job.json".to_owned()]));
}

#[test]
fn a_missing_target_says_what_info_can_show() {
    let desk = Desk::new();
    desk.refuses(
        &["info", "nope.json"],
        1,
        "
        error: can't read the input
        cause: no such file or directory
        where: nope.json
        hint: check the path
    ",
    );
    desk.refuses(
        &["info", "https://h.example/arcgis/rest/services/I/ImageServer"],
        1,
        "
        error: geohaul does not read services of the type ImageServer
        where: https://h.example/arcgis/rest/services/I/ImageServer
        hint: it reads FeatureServer, MapServer and GPServer
    ",
    );
}
