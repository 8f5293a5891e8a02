//! `geohaul export` from a running Koop, a GeoServices server that is not ours: 177 countries through a limit of 10
//! records a page, to the core formats, equal to what Koop was given. `tests/koop/compare.py` is the judge.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

#[path = "support/tools.rs"]
mod tools;

const COUNTRIES: usize = 177;
const PAGE: usize = 10;

#[test]
fn countries_whose_object_ids_are_hashes_in_no_order_arrive_whole() {
    export_and_compare("hashed", "json");
    export_and_compare("hashed", "pbf");
}

#[test]
fn countries_from_a_server_that_keeps_to_its_own_limit_arrive_whole() {
    export_and_compare("numbered", "json");
    export_and_compare("numbered", "pbf");
}

#[test]
fn countries_behind_a_password_arrive_whole() {
    // Koop looks at the token in the body only beside such a header.
    let sign_in = ["--user", "ann", "--header", "Authorization:"];
    let koop = Koop::start_for(Some(r#"[{"username": "ann", "password": "correct horse"}]"#));
    export_and_compare_as("numbered", "json", koop, &sign_in);
}

fn export_and_compare(service: &str, wire: &str) {
    export_and_compare_as(service, wire, Koop::start(), &[]);
}

fn export_and_compare_as(service: &str, wire: &str, koop: Option<Koop>, sign_in: &[&str]) {
    let Some(koop) = koop else { return };
    let folder = koop.folder.path();
    let mut geohaul = Command::new(env!("CARGO_BIN_EXE_geohaul"));
    geohaul.arg("export").arg(format!("{}/earth/rest/services/{service}/FeatureServer/0", koop.url)).args(["--wire", wire]);
    for ending in ["geojson", "shp", "kmz"] {
        geohaul.arg("-o").arg(folder.join(format!("{service}.{ending}")));
    }
    geohaul.args(sign_in).env("GEOHAUL_PASSWORD", "correct horse");
    let export = geohaul.arg("--report").arg(folder.join(format!("{service}.report.json"))).output().unwrap();
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));

    let judge = Command::new("python3")
        .arg(tools::in_clone("tests/koop/compare.py"))
        .args([&koop.source, Path::new(folder), Path::new(service), Path::new(wire)])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert!(judge.status.success(), "{}\n{}", String::from_utf8_lossy(&judge.stdout), String::from_utf8_lossy(&judge.stderr));

    let report = std::fs::read_to_string(folder.join(format!("{service}.report.json"))).unwrap();
    assert!(report.contains(&format!("\"wire\": \"{wire}\"")), "{report}");
    let pages = koop.pages();
    assert!(pages >= COUNTRIES.div_ceil(PAGE), "Koop saw only {pages} pages");
    assert!(pages < 2 * COUNTRIES.div_ceil(PAGE), "three outputs are one fetch, and Koop saw {pages} pages");
}

/// A running Koop; dropping it ends it.
struct Koop {
    server: Child,
    log: Receiver<String>,
    url: String,
    source: PathBuf,
    folder: tempfile::TempDir,
}

impl Koop {
    /// `None` where Koop is not installed, which is said aloud.
    fn start() -> Option<Self> {
        Self::start_for(None)
    }

    /// The same for these users alone.
    fn start_for(users: Option<&str>) -> Option<Self> {
        let home = std::env::var_os("GEOHAUL_KOOP").map(PathBuf::from).unwrap_or_default();
        if !home.join("node_modules/@koopjs").is_dir() || !tools::runs("node", &["--version"]) {
            tools::leave_out("the export from Koop", "Node with Koop (GEOHAUL_KOOP)");
            return None;
        }
        if !tools::runs("python3", &["-c", "import shapefile"]) {
            tools::leave_out("the export from Koop", "python3 with pyshp");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.geojson");
        let mut server = Command::new("node")
            .arg(tools::in_clone("tests/koop/serve.mjs"))
            .args(["--limit", &PAGE.to_string(), "--source"])
            .arg(&source)
            .args(users.map(|users| {
                let file = folder.path().join("users.json");
                std::fs::write(&file, users).unwrap();
                format!("--users={}", file.display())
            }))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(server.stdout.take().unwrap());
        let (sender, log) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut koop = Self { server, log, url: String::new(), source, folder };
        while koop.url.is_empty() {
            let line = koop.log.recv_timeout(Duration::from_secs(60)).expect("Koop says where it listens within a minute");
            if let Some(url) = line.strip_prefix("listening on ") {
                url.clone_into(&mut koop.url);
            }
        }
        Some(koop)
    }

    /// The requests for rows so far: queries that asked for no mere count, ids or extent.
    fn pages(&self) -> usize {
        let only = ["returnCountOnly", "returnIdsOnly", "returnExtentOnly"];
        // Koop logs before it answers, so nothing is on its way; the pipe needs a moment.
        std::iter::from_fn(|| self.log.recv_timeout(Duration::from_millis(300)).ok())
            .filter(|line| line.starts_with("query ") && !only.iter().any(|key| line.contains(&format!("\"{key}\":\"true\""))))
            .count()
    }
}

impl Drop for Koop {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
