//! What is shown while work goes on: lines, bars, JSON or nothing; the log of `-v`.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::Desk;
use super::demo::Demo;
use super::layer::Layer;
use super::server::{Manner, Reply, Server};

const PATH: &str = "/arcgis/rest/services/Roads/FeatureServer/0";

/// A layer of 40 rows, whose second page comes only when it is asked for again.
fn serve() -> (Server, Desk, String) {
    let layer = Layer::of(1..=40);
    let refused = std::sync::atomic::AtomicBool::new(false);
    let server = Server::start(move |call| {
        let second = call.param("resultOffset") == "10" && call.path.ends_with("/query");
        match second && !refused.swap(true, std::sync::atomic::Ordering::SeqCst) {
            true => Reply::error(503, "busy").status(503).header("Retry-After", "1"),
            false => layer.reply(call),
        }
    });
    let url = server.url(PATH).to_string();
    let desk = Desk::beside(server.url("").as_str());
    (server, desk, url)
}

fn events(stderr: &str) -> Vec<Value> {
    stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

#[test]
fn a_program_gets_an_object_a_line_and_nothing_else() {
    let (_server, desk, url) = serve();
    let run = desk.run(&["export", &url, "-o", "a.geojson", "--page-size", "10", "--progress", "json", "-v"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let events = events(&run.stderr);
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(named("layer")[0]["count"], 40);
    let rows: Vec<u64> = named("progress").iter().map(|event| event["rows"].as_u64().unwrap()).collect();
    assert!(rows.is_sorted() && rows.last() == Some(&40), "{rows:?}");
    assert!(named("retry")[0]["why"].as_str().unwrap().contains("asking again in 1 s"));
    let end = named("layer-end")[0];
    assert_eq!((&end["rows"], &end["retries"]), (&40.into(), &1.into()), "{end}");
    assert!(end["bytes"].as_u64().unwrap() > 1000 && end["seconds"].as_f64().unwrap() > 0.5, "{end}");
    let log = named("note").iter().map(|event| event["text"].as_str().unwrap()).collect::<String>();
    assert!(log.contains("INFO asking again in 1.0 s, try 2"), "{log}");
    assert_eq!(events.last().unwrap()["report"]["layers"][0]["evidence"]["rows"], 40);

    let run = desk.run(&["export", &url, "-o", "a.geojson", "--progress", "json"]);
    let error = &self::events(&run.stderr)[0];
    assert_eq!((run.status, &error["event"], &error["kind"]), (1, &"error".into(), &"file".into()), "{error}");
}

#[test]
fn a_burst_of_repeated_requests_is_a_line_and_a_number() {
    let layer = Layer::of(1..=40);
    let refused = std::sync::Mutex::new(std::collections::HashSet::new());
    let server = Server::start(move |call| {
        let offset = call.param("resultOffset").to_owned();
        match call.path.ends_with("/query") && offset.len() == 2 && refused.lock().unwrap().insert(offset) {
            true => Reply::error(503, "busy").status(503).header("Retry-After", "1"),
            false => layer.reply(call),
        }
    });
    let desk = Desk::beside(server.url("").as_str());
    let said = desk.ok(&["export", server.url(PATH).as_str(), "-o", "a.geojson", "--page-size", "10"]);
    let again: Vec<&str> = said.lines().filter(|line| line.starts_with("again: ")).collect();
    assert!(again.len() == 2 && again[0].contains("503") && again[1].ends_with("requests: 2 (-v tells each)"), "{said}");
}

#[test]
fn every_event_is_described() {
    let document = std::fs::read_to_string(super::in_clone("docs/progress.md")).unwrap();
    for event in ["layer", "progress", "layer-end", "job", "message", "retry", "note", "report", "error"] {
        assert!(document.contains(&format!("| `{event}` |")), "{event}");
    }
}

#[test]
fn none_shows_no_progress_and_quiet_nothing_but_errors() {
    let (_server, desk, url) = serve();
    let said = desk.ok(&["export", &url, "-o", "a.geojson", "--progress", "none"]);
    assert!(said.starts_with("\"Roads\": 40 "), "{said}");
    assert_eq!(desk.ok(&["export", &url, "-o", "b.geojson", "-q"]), "");
    assert_eq!(desk.ok(&["-q", "info", &url]), "");
    let run = desk.run(&["-q", "export", &url, "-o", "a.geojson"]);
    assert!(run.status == 1 && run.stderr.starts_with("error: "), "{}", run.stderr);
    // One of several layers, where the others are written, is an error all the same.
    let service = Demo::start();
    let atlas = format!("http://{}/arcgis/rest/services/Atlas/FeatureServer", service.host);
    std::fs::create_dir(desk.path("out")).unwrap();
    desk.write("out/Rivers.geojson", "mine");
    let run = desk.run(&["-q", "export", &atlas, "-o", "out/", "--format", "geojson"]);
    assert!(run.status == 3 && run.stderr.starts_with("failed: ") && run.stderr.contains("Rivers"), "{}", run.stderr);
}

#[test]
fn the_environment_sets_what_every_verb_has() {
    let (_server, desk, url) = serve();
    let with = |name: &str, value: &str, out: &str| {
        let output = desk.command(&["export", &url, "-o", out]).env(name, value).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(with("GEOHAUL_QUIET", "1", "a.csv"), "");
    assert!(!with("GEOHAUL_QUIET", "0", "b.csv").is_empty());
    assert!(with("GEOHAUL_PROGRESS", "json", "c.csv").starts_with("{\"event\":\"layer\""));
    assert!(with("GEOHAUL_VERBOSE", "2", "d.csv").contains("DEBUG GET http"));
    // What is typed goes before.
    let mut command = desk.command(&["export", &url, "-o", "e.csv", "--progress", "lines"]);
    let said = command.env("GEOHAUL_PROGRESS", "json").output().unwrap().stderr;
    assert!(said.starts_with(b"reading \"Roads\""), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_log_tells_requests_only_when_it_is_asked_twice() {
    let (_server, desk, url) = serve();
    let once = desk.ok(&["export", &url, "-o", "a.csv", "--page-size", "10", "-v"]);
    assert!(once.contains(" INFO layer \"Roads\"") && once.contains("INFO asking again"), "{once}");
    assert!(!once.contains("DEBUG"), "{once}");
    let twice = desk.ok(&["export", &url, "-o", "b.csv", "-vv"]);
    assert!(twice.contains("DEBUG GET SERVER/arcgis/rest/services/Roads/FeatureServer/0?f=json: 200, "), "{twice}");
}

/// What a terminal of so many columns is sent.
#[cfg(target_os = "linux")]
fn on_a_terminal(desk: &Desk, columns: u32, arguments: &str, variables: &[(&str, &str)]) -> String {
    let geohaul = env!("CARGO_BIN_EXE_geohaul");
    let mut command = Command::new("script");
    command
        .args(["-qec", &format!("stty cols {columns} rows 24; {geohaul} {arguments}"), "/dev/null"])
        .current_dir(desk.path("."));
    command.env("TERM", "xterm").envs(variables.iter().copied());
    let output = command.output().expect("script is part of util-linux");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_a_bar_within_its_width_and_without_colours() {
    let layer = Layer::of(1..=40);
    let server = Server::start(move |call| match call.param("resultOffset") {
        "" | "0" => layer.reply(call),
        _ => layer.reply(call).manner(Manner::Slow(400, Duration::from_millis(30))),
    });
    let desk = Desk::new();
    let url = server.url(PATH).to_string();
    for columns in [60, 100] {
        let export = format!("export {url} -o a{columns}.csv --page-size 5 --connections 1");
        let shown = on_a_terminal(&desk, columns, &export, &[("NO_COLOR", "1")]);
        let drawn: Vec<&str> = shown.split(['\r', '\n']).filter(|line| line.contains("Roads [")).collect();
        assert!(drawn.iter().any(|line| line.contains("of 40 rows, ")), "{shown}");
        for line in drawn {
            let plain = line.replace("\u{1b}[2K", "").replace("\u{1b}[1A", "");
            assert!(plain.chars().count() <= columns as usize, "{columns}: {plain:?}");
            // Erasing a line is no colour.
            assert!(!plain.contains('\u{1b}'), "{plain:?}");
        }
        // What remains on the screen is the report.
        assert!(shown.contains("\u{1b}[2K\"Roads\": 40 "), "{shown:?}");
    }
    let shown = on_a_terminal(&desk, 80, &format!("export {url} -o c.csv"), &[("TERM", "dumb")]);
    assert!(shown.starts_with("reading \"Roads\", 40 rows\r\n"), "{shown:?}");
}
