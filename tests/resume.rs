//! Interruptions: killed, stopped and refused exports, what they leave, and how they go on. The program is run as its
//! users run it, against a slow scripted server.

#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/layer.rs"]
mod layer;
#[path = "support/pbf.rs"]
mod pbf;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use layer::Layer;
use serde_json::{Value, json};
use server::{Call, Reply, Server};

const PAGE: u64 = 10;
const ROWS: i64 = 3000;

/// A layer that is changed while the test goes on, behind a delay.
struct Slow {
    server: Server,
    layer: Arc<Mutex<Layer>>,
}

impl Slow {
    fn start(delay: Duration) -> Self {
        let layer = Arc::new(Mutex::new(Layer::of(1..=ROWS)));
        let served = Arc::clone(&layer);
        let server = Server::start(move |call| {
            std::thread::sleep(delay);
            let mut layer = served.lock().unwrap().clone();
            if call.path.ends_with("/FeatureServer") {
                let layers = json!([{"id": 0, "name": "Roads"}, {"id": 1, "name": "Paths"}]);
                return Reply::json(&json!({"currentVersion": 11.3, "layers": layers, "tables": []}));
            }
            if call.path.ends_with("/1") {
                layer.json["name"] = json!("Paths");
            }
            if call.param("orderByFields").ends_with("DESC") {
                layer.ids.reverse();
            }
            let reply = layer.reply(call);
            match call.param("f") {
                "pbf" => {
                    let page: Value = serde_json::from_slice(&reply.body).unwrap();
                    Reply::bytes("application/x-protobuf", pbf::twin(&page, &pbf::GridSpec::default()))
                }
                _ => reply,
            }
        });
        Self { server, layer }
    }

    fn export(&self, output: &Path) -> Command {
        self.export_of("/0", output)
    }

    /// The same of anything in the service.
    fn export_of(&self, path: &str, output: &Path) -> Command {
        let mut geohaul = Command::new(env!("CARGO_BIN_EXE_geohaul"));
        geohaul.args(["export", self.server.url(&format!("/arcgis/rest/services/Roads/FeatureServer{path}")).as_str()]);
        geohaul.arg("-o").arg(output).args(["--crs", "native", "--page-size", &PAGE.to_string()]);
        geohaul.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        geohaul
    }

    /// The offsets of the pages asked for since call number `from`.
    fn offsets(&self, from: usize) -> Vec<u64> {
        let calls = self.server.calls();
        calls[from..].iter().filter(|call| call.param("resultRecordCount") == PAGE.to_string()).map(offset).collect()
    }
}

fn offset(call: &Call) -> u64 {
    call.param("resultOffset").parse().unwrap()
}

fn spool_of(output: &Path) -> PathBuf {
    output.with_file_name(format!(".{}.geohaul", output.file_name().unwrap().to_str().unwrap()))
}

/// The offsets of the pages that the manifest names.
fn done(output: &Path) -> BTreeSet<u64> {
    let manifest = std::fs::read_to_string(spool_of(output).join("manifest.jsonl")).unwrap_or_default();
    let whole = manifest.rfind('\n').map_or("", |end| &manifest[..end]);
    whole
        .lines()
        .skip(1)
        .map(|line| {
            let entry: Value = serde_json::from_str(line).unwrap();
            entry["ask"].as_str().unwrap().strip_prefix("10 from ").unwrap().parse().unwrap()
        })
        .collect()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until `ready`, for at most half a minute.
fn until(what: &str, ready: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !ready() {
        assert!(Instant::now() < end, "{what} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn left_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn finished(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn an_export_that_is_killed_twenty_times_goes_on_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Slow::start(Duration::from_millis(15));
    let (whole, killed) = (folder.path().join("whole.geojson"), folder.path().join("killed.geojson"));
    finished(&slow.export(&whole).output().unwrap());

    let pages = ROWS as u64 / PAGE;
    let mut in_the_middle = 0;
    // No chance in a test: as good as random to the export, and the same in every run.
    let mut random = 20_240_229_u64;
    for kill in 0..20 {
        let before = done(&killed);
        let from = slow.server.calls().len();
        let mut export = slow.export(&killed).arg("--resume").spawn().unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Three to six new pages; the first kills fall before any.
        let new = if kill < 2 { 0 } else { 3 + (random >> 33) % 4 };
        until("a page", || done(&killed).len() as u64 >= before.len() as u64 + new && slow.server.calls().len() > from);
        std::thread::sleep(Duration::from_micros((random >> 40) % 9000));
        export.kill().unwrap();
        export.wait().unwrap();
        assert!(!killed.exists(), "a killed export leaves no output");
        let after = done(&killed);
        if !after.is_empty() && (after.len() as u64) < pages {
            in_the_middle += 1;
        }
        assert!(after.is_superset(&before));
        let again: Vec<u64> = slow.offsets(from).into_iter().filter(|offset| before.contains(offset)).collect();
        assert!(again.is_empty(), "kill {kill}: done pages were asked for again: {again:?}");
    }
    assert!(in_the_middle >= 15, "{in_the_middle} kills between the first and the last page");

    let (before, from) = (done(&killed), slow.server.calls().len());
    finished(&slow.export(&killed).arg("--resume").output().unwrap());
    let last = slow.offsets(from);
    assert!(last.iter().all(|offset| !before.contains(offset)), "{last:?}");
    assert_eq!(last.len() + before.len(), pages as usize);
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&killed).unwrap(), "the bytes differ");
    assert_eq!(left_in(folder.path()), ["killed.geojson", "whole.geojson"], "nothing else stays");
}

/// An export that was killed in the middle, with what it left.
fn interrupted(slow: &Slow, output: &Path) {
    let mut export = slow.export(output).arg("--resume").spawn().unwrap();
    until("a page", || done(output).len() > 3);
    signal(&export, "KILL");
    export.wait().unwrap();
}

#[test]
fn whatever_the_options_a_resumed_export_ends_with_the_same_bytes() {
    let slow = Slow::start(Duration::from_millis(5));
    slow.layer.lock().unwrap().json = json!({"supportedQueryFormats": "JSON, PBF"});
    for options in [&["--wire", "pbf"][..], &["--limit", "1505"], &["--order-by", "OBJECTID DESC"], &["-o", "SECOND"]] {
        let folder = tempfile::tempdir().unwrap();
        let outputs = |name: &str| [format!("{name}.geojson"), format!("{name}.csv")].map(|name| folder.path().join(name));
        let export = |name: &str| {
            let [first, second] = outputs(name);
            let mut export = slow.export(&first);
            export.args(options.iter().map(|option| if *option == "SECOND" { second.as_os_str() } else { option.as_ref() }));
            export
        };
        finished(&export("whole").output().unwrap());
        let [killed, _] = outputs("killed");
        for pages in [5, 40] {
            let mut child = export("killed").arg("--resume").spawn().unwrap();
            until("a page", || done(&killed).len() >= pages);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let (before, from) = (done(&killed), slow.server.calls().len());
        finished(&export("killed").arg("--resume").output().unwrap());
        let again: Vec<u64> = slow.offsets(from).into_iter().filter(|offset| before.contains(offset)).collect();
        assert!(again.is_empty(), "{options:?}: done pages were asked for again: {again:?}");
        for (whole, killed) in outputs("whole").iter().zip(outputs("killed")) {
            let same = std::fs::read(whole).ok() == std::fs::read(killed).ok();
            assert!(same, "{options:?}: the bytes differ");
        }
    }
}

#[test]
fn a_page_that_an_export_failed_over_is_asked_for_again() {
    let odd: [fn(String) -> String; 2] =
        [|page| page.replace("102100", "4326").replace("3857", "4326"), |page| page.replace("\"x\":15,", "\"x\":15 5,")];
    for odd in odd {
        let (layer, broken) = (Layer::of(1..=30), Arc::new(AtomicBool::new(true)));
        let breaks = Arc::clone(&broken);
        let server = Server::start(move |call| {
            let mut reply = layer.reply(call);
            if call.param("resultOffset") == "10" && breaks.load(Ordering::SeqCst) {
                reply.body = odd(String::from_utf8(reply.body).unwrap()).into_bytes();
            }
            reply
        });
        let slow = Slow { server, layer: Arc::new(Mutex::new(Layer::of([]))) };
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.geojson");
        let failed = slow.export(&output).arg("--resume").output().unwrap();
        assert_eq!(failed.status.code(), Some(1), "{}", String::from_utf8_lossy(&failed.stderr));
        broken.store(false, Ordering::SeqCst);
        let from = slow.server.calls().len();
        finished(&slow.export(&output).arg("--resume").output().unwrap());
        assert_eq!(slow.offsets(from).first(), Some(&10), "the others were good");
        assert_eq!(std::fs::read_to_string(&output).unwrap().matches("\"Feature\"").count(), 30);
    }
}

#[test]
fn kept_pages_that_are_no_strict_json_are_as_good_as_fresh_ones() {
    let (layer, broken) = (Layer::of(1..=30), Arc::new(AtomicBool::new(true)));
    let breaks = Arc::clone(&broken);
    let server = Server::start(move |call| {
        let mut reply = layer.reply(call);
        let page = String::from_utf8(reply.body).unwrap().replace("\"x\":15,", "\"x\":NaN,").replace("row 16", "row\u{b}16");
        reply.body = page.into_bytes();
        let last = call.param("resultOffset") == "20" && breaks.load(Ordering::SeqCst);
        if last { Reply::error(499, "Token Required") } else { reply }
    });
    let slow = Slow { server, layer: Arc::new(Mutex::new(Layer::of([]))) };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.geojson");
    assert_ne!(slow.export(&output).arg("--resume").output().unwrap().status.code(), Some(0));
    broken.store(false, Ordering::SeqCst);
    let from = slow.server.calls().len();
    finished(&slow.export(&output).arg("--resume").output().unwrap());
    assert_eq!(slow.offsets(from).first(), Some(&20), "the others were good");
    assert_eq!(std::fs::read_to_string(&output).unwrap().matches("\"Feature\"").count(), 30);
}

#[test]
fn a_resumed_export_of_a_layer_without_edit_dates_is_compared_by_ids() {
    // Between the two runs, in a span whose page is kept, one row is removed and another one added.
    let ids: Vec<i64> = (1..=300).map(|id| 10 * id).collect();
    let now: Vec<i64> = ids.iter().map(|id| if *id == 30 { 45 } else { *id }).collect();
    let layers = [ids, now.clone()].map(|ids| Layer { statistics: true, ..Layer::of(ids) });
    let later = Arc::new(AtomicBool::new(false));
    let second = Arc::clone(&later);
    let server = Server::start(move |call| {
        let second = second.load(Ordering::SeqCst);
        let reply = layers[usize::from(second)].reply(call);
        let last = !second && String::from_utf8_lossy(&reply.body).contains("row 2500");
        if last { Reply::error(499, "Token Required") } else { reply }
    });
    let slow = Slow { server, layer: Arc::new(Mutex::new(Layer::of([]))) };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.geojson");
    assert_ne!(slow.export(&output).arg("--resume").output().unwrap().status.code(), Some(0));
    later.store(true, Ordering::SeqCst);
    let done = slow.export(&output).arg("--resume").output().unwrap();
    finished(&done);
    let text = std::fs::read_to_string(&output).unwrap();
    assert!(now.iter().all(|id| text.contains(&format!("\"OBJECTID\":{id},"))), "{text}");
}

#[test]
fn a_service_that_is_killed_in_its_second_layer_goes_on_there() {
    let slow = Slow::start(Duration::from_millis(5));
    let folder = tempfile::tempdir().unwrap();
    let directory = |name: &str| folder.path().join(format!("{name}/"));
    let export = |name: &str| {
        let mut export = slow.export_of("", &directory(name));
        export.args(["--format", "geojson", "--report"]).arg(folder.path().join(format!("{name}.json")));
        export
    };
    finished(&export("whole").output().unwrap());
    let second = folder.path().join("killed/Paths.geojson");
    let child = export("killed").arg("--resume").spawn().unwrap();
    until("a page of the second layer", || done(&second).len() > 5);
    // The first stands already.
    let first = folder.path().join("killed/Roads.geojson");
    assert!(first.exists());
    signal(&child, "INT");
    let stopped = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(130));
    assert!(said.contains("hint: run the same command again") && !said.contains("not begun"), "{said}");

    let (before, from) = (done(&second), slow.server.calls().len());
    finished(&export("killed").arg("--resume").output().unwrap());
    let calls = slow.server.calls();
    let pages = calls[from..].iter().filter(|call| call.param("resultRecordCount") == PAGE.to_string());
    let again = pages.filter(|call| call.path.contains("/0/") || before.contains(&offset(call))).count();
    assert_eq!(again, 0, "done pages were asked for again");
    for name in ["Roads.geojson", "Paths.geojson"] {
        let bytes = |of: &str| std::fs::read(directory(of).join(name)).unwrap();
        assert!(bytes("whole") == bytes("killed"), "{name}: the bytes differ");
    }
    assert_eq!(left_in(&directory("killed")), ["Paths.geojson", "Roads.geojson"], "nothing else stays");
    let stands = export("killed").arg("--resume").output().unwrap();
    assert!(!stands.status.success(), "a new export replaces nothing");
}

fn refused(slow: &Slow, output: &Path, options: &[&str], words: &str) {
    let pages = done(output);
    let export = slow.export(output).arg("--resume").args(options).output().unwrap();
    let said = String::from_utf8_lossy(&export.stderr).into_owned();
    assert!(!export.status.success() && said.contains(words) && said.contains("hint: start anew"), "{said}");
    assert!(!output.exists());
    assert_eq!(done(output), pages, "what is there stays");
}

#[test]
fn a_layer_that_changed_is_not_resumed_and_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.geojson");
    let slow = Slow::start(Duration::from_millis(5));
    interrupted(&slow, &output);
    slow.layer.lock().unwrap().ids.push(ROWS + 1);
    refused(&slow, &output, &[], "the layer had 3000 rows and has 3001");
    slow.layer.lock().unwrap().ids.pop();
    slow.layer.lock().unwrap().json = json!({"editingInfo": {"lastEditDate": 17}});
    refused(&slow, &output, &[], "the layer was edited since");
    slow.layer.lock().unwrap().json = json!({"fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"},
        {"name": "NAME", "type": "esriFieldTypeString", "length": 60}]});
    refused(&slow, &output, &[], "fields have changed");
    slow.layer.lock().unwrap().json = json!({});
    finished(&slow.export(&output).arg("--resume").output().unwrap());
}

#[test]
fn other_options_are_not_resumed_and_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.geojson");
    let slow = Slow::start(Duration::from_millis(5));
    interrupted(&slow, &output);
    refused(&slow, &output, &["--where", "OBJECTID > 0"], "where was 1=1 and is OBJECTID > 0");
    let resized = |mut export: Command| export.args(["--resume", "--page-size", "20"]).output().unwrap();
    // clap takes an option once, so this one is built by hand.
    let mut other = Command::new(env!("CARGO_BIN_EXE_geohaul"));
    other.args(["export", slow.server.url("/arcgis/rest/services/Roads/FeatureServer/0").as_str()]).arg("-o").arg(&output);
    let said = resized(other);
    assert!(String::from_utf8_lossy(&said.stderr).contains("page size was 10 and is 20"), "{said:?}");
}

#[test]
fn ctrl_c_stops_cleanly_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Slow::start(Duration::from_millis(15));
    for resume in [false, true] {
        let output = folder.path().join(format!("{resume}.geojson"));
        let from = slow.server.calls().len();
        let export = slow.export(&output).args(resume.then_some("--resume")).spawn().unwrap();
        until("a page", || slow.offsets(from).len() > 8);
        signal(&export, "INT");
        let export = export.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&export.stderr).into_owned();
        assert_eq!(export.status.code(), Some(130), "{said}");
        assert!(said.contains("stopping") && said.contains("error: the work was stopped") && said.contains("hint:"), "{said}");
        let left = left_in(folder.path());
        let kept: Vec<String> = resume.then(|| ".true.geojson.geohaul".to_owned()).into_iter().collect();
        assert_eq!(left, kept, "the stage is gone, and only what --resume needs stays");
    }
    let (before, from) = (done(&folder.path().join("true.geojson")), slow.server.calls().len());
    assert!(!before.is_empty());
    let output = folder.path().join("true.geojson");
    finished(&slow.export(&output).arg("--resume").output().unwrap());
    assert!(slow.offsets(from).iter().all(|offset| !before.contains(offset)));
    assert_eq!(left_in(folder.path()), ["true.geojson"]);
}

#[test]
fn ctrl_c_names_the_layers_that_were_not_begun() {
    let slow = Slow::start(Duration::from_millis(15));
    let folder = tempfile::tempdir().unwrap();
    let mut outputs = vec!["all/"];
    outputs.extend(cfg!(feature = "geopackage").then_some("all.gpkg"));
    for output in outputs {
        let from = slow.server.calls().len();
        let export = slow.export_of("", &folder.path().join(output)).spawn().unwrap();
        until("a page", || slow.offsets(from).len() > 4);
        signal(&export, "INT");
        let export = export.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&export.stderr).into_owned();
        assert_eq!(export.status.code(), Some(130), "{said}");
        assert!(said.contains("not begun: Paths\n") && said.contains("hint: with --resume"), "{said}");
    }
}

#[test]
fn a_second_ctrl_c_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.geojson");
    let silent = Arc::new(AtomicBool::new(false));
    let (hangs, layer) = (Arc::clone(&silent), Layer::of(1..=ROWS));
    let server = Server::start(move |call| {
        if call.path.ends_with("/query") {
            hangs.store(true, Ordering::SeqCst);
            std::thread::sleep(Duration::from_secs(60));
        }
        layer.reply(call)
    });
    let mut export = Command::new(env!("CARGO_BIN_EXE_geohaul"));
    export.args(["export", server.url("/arcgis/rest/services/Roads/FeatureServer/0").as_str(), "-o"]).arg(&output);
    let mut export = export.stderr(Stdio::null()).spawn().unwrap();
    until("a request", || silent.load(Ordering::SeqCst));
    signal(&export, "INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(export.try_wait().unwrap().is_none(), "the first waits for what is under way");
    signal(&export, "INT");
    let began = Instant::now();
    assert_eq!(export.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(!output.exists());
}

#[test]
fn retry_after_stops_all_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (layer, log) = (Layer::of(1..=ROWS), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&log);
    let server = Server::start(move |call| {
        let arrived = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        let mut log = noted.lock().unwrap();
        let told = log.iter().any(|(_, refused)| *refused);
        let refuse = !told && call.param("resultOffset") == "100" && call.param("resultRecordCount") == "10";
        log.push((arrived, refuse));
        drop(log);
        match refuse {
            true => Reply::error(429, "slow down").status(429).header("Retry-After", "1"),
            false => layer.reply(call),
        }
    });
    let mut export = Command::new(env!("CARGO_BIN_EXE_geohaul"));
    export.args(["export", server.url("/arcgis/rest/services/Roads/FeatureServer/0").as_str()]);
    export.arg("-o").arg(folder.path().join("out.geojson")).args(["--page-size", "10"]);
    finished(&export.output().unwrap());
    let log = log.lock().unwrap();
    let refused = log.iter().find(|(_, refused)| *refused).unwrap().0;
    // What was under way already may still arrive; then there is silence.
    let silence = log.iter().filter(|(arrived, _)| {
        let after = arrived.saturating_duration_since(refused);
        (Duration::from_millis(200)..Duration::from_millis(950)).contains(&after)
    });
    assert_eq!(silence.count(), 0);
    assert!(log.len() > 100);
}

#[test]
fn a_receipt_agrees_with_files_and_server_until_one_of_them_changes() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Slow::start(Duration::ZERO);
    let output = folder.path().join("out.geojson");
    let mut export = slow.export(&output);
    export.arg("-o").arg(folder.path().join("out.csv")).arg("--receipt").args(["--where", "OBJECTID > 0"]);
    finished(&export.output().unwrap());
    let path = folder.path().join("out.geojson.receipt.json");
    let receipt: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((&receipt["rows"], &receipt["countBefore"], &receipt["countAfter"]), (&json!(ROWS), &json!(ROWS), &json!(ROWS)));
    assert_eq!((&receipt["pages"], &receipt["retries"], &receipt["layer"]), (&json!(300), &json!(0), &json!("Roads")));
    assert_eq!(receipt["wire"], json!("json"));
    assert_eq!(receipt["source"]["query"], json!([["where", "OBJECTID > 0"]]));
    let ids: String = (1..=ROWS).map(|id| format!("{id}\n")).collect();
    assert_eq!(receipt["objectIdsSha256"], json!(sha256sum(ids.as_bytes(), folder.path())));
    for file in receipt["files"].as_array().unwrap() {
        let bytes = std::fs::read(folder.path().join(file["path"].as_str().unwrap())).unwrap();
        assert_eq!((&file["sha256"], &file["bytes"]), (&json!(sha256sum(&bytes, folder.path())), &json!(bytes.len())));
    }
    assert_eq!(receipt["files"].as_array().unwrap().len(), 2);

    let verify = |against_server: bool| {
        let mut verify = Command::new(env!("CARGO_BIN_EXE_geohaul"));
        let verify = verify.arg("verify").arg(&path).args(against_server.then_some("--against-server")).output().unwrap();
        (verify.status.code(), String::from_utf8(verify.stdout).unwrap())
    };
    let (code, said) = verify(true);
    assert_eq!((code, said.lines().filter(|line| line.starts_with("agrees")).count()), (Some(0), 4), "{said}");
    let mut layer = slow.layer.lock().unwrap();
    layer.ids[0] = ROWS + 1;
    drop(layer);
    let (code, said) = verify(true);
    assert_eq!(code, Some(1));
    assert!(said.contains("agrees   count of rows") && said.contains("DIFFERS  object ids"), "{said}");
    std::fs::write(&output, "changed").unwrap();
    std::fs::remove_file(folder.path().join("out.csv")).unwrap();
    let (code, said) = verify(false);
    assert_eq!(code, Some(1));
    assert!(said.contains("it has 7 bytes and had") && said.contains("it is not there"), "{said}");
}

#[test]
fn a_receipt_is_compared_with_counts_as_they_were_read() {
    let layer = Layer::of(1..=30);
    let server = Server::start(move |call| match call.param("returnCountOnly") {
        "true" => Reply::json(&json!({"count": "30"})),
        _ => layer.reply(call),
    });
    let slow = Slow { server, layer: Arc::new(Mutex::new(Layer::of([]))) };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.geojson");
    finished(&slow.export(&output).arg("--receipt").output().unwrap());
    let mut verify = Command::new(env!("CARGO_BIN_EXE_geohaul"));
    verify.arg("verify").arg(folder.path().join("out.geojson.receipt.json")).arg("--against-server");
    let said = verify.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

fn sha256sum(bytes: &[u8], folder: &Path) -> String {
    let file = folder.join("to-sum");
    std::fs::write(&file, bytes).unwrap();
    let sum = Command::new("sha256sum").arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned()
}
