//! Several layers and tables in one data set: a whole service, judged by SQLite and GDAL.
#![cfg(all(feature = "cli", feature = "geopackage"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/demo.rs"]
mod demo;

use std::path::Path;
use std::process::{Command, Output};

use demo::Demo;
use serde_json::Value;

fn geohaul(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geohaul")).current_dir(dir).args(args).output().unwrap()
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let done = geohaul(dir, args);
    let words = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{args:?}: {words}");
    words
}

fn judge(dir: &Path, program: &str, args: &[&str]) -> String {
    let run = Command::new(program).current_dir(dir).args(args).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&run.stderr));
    text
}

impl Demo {
    /// The service of five layers and two tables.
    fn atlas(&self, path: &str) -> String {
        self.url(&format!("FeatureServer{path}")).replace("/Demo/", "/Atlas/")
    }
}

const ATLAS: [(&str, u64); 7] = [
    ("Communes", 432),
    ("Stations", 1234),
    ("Rivers", 120),
    ("Trees___shrubs", 120),
    ("STATIONS_2", 120),
    ("Readings", 257),
    ("Sources", 120),
];

#[test]
fn a_service_of_five_layers_and_two_tables_is_one_geopackage() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["export", &demo.atlas(""), "-o", "all.gpkg", "--report", "report.json", "--receipt"]);
    for (table, rows) in ATLAS {
        let text = judge(dir.path(), "ogrinfo", &["-so", "all.gpkg", table]);
        assert!(text.contains(&format!("Feature Count: {rows}\n")), "{table}: {text}");
        assert!(text.contains("FID Column = OBJECTID"), "{text}");
    }
    let sql = "SELECT rtreecheck('rtree_Communes_geom'), rtreecheck('rtree_Stations_geom'), rtreecheck('rtree_Rivers_geom'); PRAGMA integrity_check; PRAGMA foreign_key_check;";
    assert_eq!(judge(dir.path(), "sqlite3", &["all.gpkg", sql]), "ok|ok|ok\nok\n");
    let labels = "SELECT description FROM gpkg_data_column_constraints WHERE constraint_name =
                  (SELECT constraint_name FROM gpkg_data_columns WHERE column_name = 'KIND') ORDER BY rowid";
    assert_eq!(judge(dir.path(), "sqlite3", &["all.gpkg", labels]), "Wetter\nPegel\n");

    let report: Value = serde_json::from_slice(&std::fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    let rows: Vec<u64> = report["layers"].as_array().unwrap().iter().map(|l| l["outputs"][0]["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, ATLAS.map(|(_, rows)| rows));
    for name in ["Communes", "STATIONS_2"] {
        ok(dir.path(), &["verify", &format!("all.gpkg.{name}.receipt.json")]);
    }
}

#[cfg(feature = "gdal")]
#[test]
fn a_service_of_five_layers_and_two_tables_is_one_file_geodatabase() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    let export = ["export", &demo.atlas(""), "-o", "all.gdb"];
    ok(dir.path(), &export);
    for (table, rows) in ATLAS {
        let text = judge(dir.path(), "ogrinfo", &["-so", "all.gdb", table]);
        assert!(text.contains(&format!("Feature Count: {rows}\n")), "{table}: {text}");
        assert!(text.contains("FID Column = OBJECTID"), "{text}");
    }
    let domain = judge(dir.path(), "ogrinfo", &["-fielddomain", "Kind", "all.gdb"]);
    assert!(domain.contains("W: Wetter") && domain.contains("P: Pegel"), "{domain}");
    let first = judge(dir.path(), "ogrinfo", &["-q", "all.gdb", "Communes", "-fid", "14"]);
    assert!(first.contains("OGRFeature(Communes):14") && first.contains("MULTIPOLYGON ((("), "{first}");

    // It is a folder, and is replaced or refused as a file is.
    let words = geohaul(dir.path(), &export);
    assert!(String::from_utf8_lossy(&words.stderr).contains("exists already"));
    ok(dir.path(), &["export", &demo.atlas("/6"), "-o", "all.gdb", "--overwrite"]);
    assert_eq!(judge(dir.path(), "ogrinfo", &["-q", "all.gdb"]).lines().count(), 1);
    ok(dir.path(), &["export", &demo.atlas("/2"), "-o", "all.gdb", "--append", "--receipt"]);
    assert_eq!(judge(dir.path(), "ogrinfo", &["-q", "all.gdb"]).lines().count(), 2);
    ok(dir.path(), &["verify", "all.gdb.Rivers.receipt.json"]);
    std::fs::create_dir(dir.path().join("photos.gdb")).unwrap();
    let words = geohaul(dir.path(), &["export", &demo.atlas("/6"), "-o", "photos.gdb", "--overwrite"]);
    assert_eq!(words.status.code(), Some(2), "{words:?}");
}

#[test]
fn a_layer_that_fails_leaves_no_file_unless_a_part_is_allowed() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    let url = demo.atlas("");
    // A field that only one of the layers has.
    let args = ["export", &url, "-o", "all.gpkg", "--where", "POPULATION > 10", "--layers", "Communes,Rivers"];
    assert_eq!(geohaul(dir.path(), &args).status.code(), Some(1));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(geohaul(dir.path(), &[&args[..], &["--allow-partial"]].concat()).status.code(), Some(3));
    assert_eq!(judge(dir.path(), "sqlite3", &["all.gpkg", "SELECT table_name FROM gpkg_contents"]), "Communes\n");
}

#[test]
fn layers_are_added_to_a_file_that_stands_and_a_failure_leaves_it_as_it_was() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["export", &demo.atlas("/2"), "-o", "all.gpkg"]);
    let before = std::fs::read(dir.path().join("all.gpkg")).unwrap();
    assert_eq!(geohaul(dir.path(), &["export", &demo.atlas("/6"), "-o", "all.gpkg"]).status.code(), Some(1));
    assert_eq!(geohaul(dir.path(), &["export", &demo.atlas("/9"), "-o", "all.gpkg", "--append"]).status.code(), Some(1));
    assert_eq!(std::fs::read(dir.path().join("all.gpkg")).unwrap(), before);
    ok(dir.path(), &["export", &demo.atlas("/6"), "-o", "all.gpkg", "--append"]);
    ok(dir.path(), &["export", &demo.atlas("/2"), "-o", "all.gpkg", "--append"]);
    assert_eq!(
        judge(
            dir.path(),
            "sqlite3",
            &["all.gpkg", "SELECT table_name FROM gpkg_contents ORDER BY rowid; PRAGMA integrity_check"]
        ),
        "Rivers\nSources\nRivers_2\nok\n"
    );
    // GDAL's files take them as well.
    judge(dir.path(), "ogr2ogr", &["theirs.gpkg", "all.gpkg", "Rivers"]);
    ok(dir.path(), &["export", &demo.atlas("/6"), "-o", "theirs.gpkg", "--append"]);
    assert_eq!(judge(dir.path(), "ogrinfo", &["-q", "theirs.gpkg"]).lines().count(), 2);
    let words = geohaul(dir.path(), &["export", &demo.atlas("/6"), "-o", "a.csv", "--append"]);
    assert_eq!(words.status.code(), Some(2));
}
