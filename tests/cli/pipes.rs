//! `-`: standard input and output, and readers that leave early.

use std::process::Command;

use super::layer::Layer;
use super::server::Server;
use super::{Desk, saved};

const PATH: &str = "/arcgis/rest/services/Roads/FeatureServer/0";

fn serve(rows: i64) -> (Server, Desk, String) {
    let layer = Layer::of(1..=rows);
    let server = Server::start(move |call| layer.reply(call));
    let url = server.url(PATH).to_string();
    (server, Desk::new(), url)
}

/// A pipeline of a shell: its standard output, its error output, and the statuses of its parts.
fn pipeline(desk: &Desk, line: &str) -> (String, String, String) {
    let line = line.replace("geohaul ", &format!("{} ", env!("CARGO_BIN_EXE_geohaul")));
    let script = format!("{line}; echo \"${{PIPESTATUS[@]}}\" > statuses");
    let output =
        Command::new("bash").args(["-c", &script]).env("GEOHAUL_NO_CONFIG", "1").current_dir(desk.path(".")).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), desk.read("statuses").trim().to_owned())
}

#[test]
fn an_export_goes_through_a_pipe_into_a_conversion() {
    let (_server, desk, url) = serve(30);
    let line = format!("geohaul -q export {url} -o - --format esrijson | geohaul -q convert - -o x.geojson -o x.csv");
    let (stdout, stderr, statuses) = pipeline(&desk, &line);
    assert_eq!((stdout.as_str(), stderr.as_str(), statuses.as_str()), ("", "", "0 0"));
    assert_eq!(desk.json("x.geojson")["features"].as_array().unwrap().len(), 30);
    let (lines, _, _) = pipeline(&desk, &format!("geohaul -q export {url} -o - --format geojsonl | wc -l"));
    assert_eq!(lines.trim(), "30");
}

#[test]
fn standard_output_has_no_size_and_a_device_is_no_file() {
    let (_server, desk, url) = serve(3);
    let run = desk.run(&["export", &url, "-o", "-", "--format", "csv"]);
    assert!(run.stderr.contains("  wrote standard output: 3 rows, EPSG:"), "{}", run.stderr);
    let run = desk.run(&["export", &url, "-o", "/dev/null", "--format", "csv"]);
    assert_eq!(run.status, 2, "/dev/null.csv is not what was meant");
    assert!(run.stderr.starts_with("error: the output is a device or pipe\n"), "{}", run.stderr);
}

#[test]
fn a_reader_that_has_enough_ends_the_export_without_a_word() {
    let (_server, desk, url) = serve(20_000);
    for format in ["geojsonl", "geojson", "csv", "esrijson"] {
        let line = format!("geohaul -q export {url} -o - --format {format} --page-size 500 | head -c 10");
        let (stdout, stderr, statuses) = pipeline(&desk, &line);
        assert_eq!((stdout.len(), stderr.as_str(), statuses.as_str()), (10, "", "0 0"), "{format}");
    }
    let line = format!("geohaul export {url} -o - --format geojsonl --page-size 500 --report r.json | head -1");
    let (stdout, stderr, statuses) = pipeline(&desk, &line);
    assert_eq!((stdout.lines().count(), statuses.as_str()), (1, "0 0"), "{stderr}");
    assert!(!stderr.contains("error"), "{stderr}");
}

#[test]
fn the_report_goes_to_standard_output_where_that_is_wished_for() {
    let (_server, desk, url) = serve(3);
    let run = desk.run(&["-q", "export", &url, "-o", "a.csv", "--report", "-"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.status, report["layers"][0]["evidence"]["rows"].as_u64()), (0, Some(3)));
    let both = ["export", &url, "-o", "-", "--format", "csv", "--report", "-"];
    desk.refuses(
        &both,
        2,
        "
        error: the report and an output are the same file
        where: -
        hint: give --report another name
        ",
    );
}

#[test]
fn info_reads_standard_input() {
    let desk = Desk::new();
    let text = std::fs::read_to_string(saved("z-points.json")).unwrap();
    let run = desk.run_with(&["info", "-"], &text);
    assert!(run.status == 0 && run.stdout.contains("point layer with z"), "{}{}", run.stdout, run.stderr);
}
