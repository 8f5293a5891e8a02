//! `geohaul convert` judged by readers that are not ours: `tests/corpus/check.py` compares every feature set with what
//! Python's JSON reader finds in the source.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "support/tools.rs"]
mod tools;

#[test]
fn every_feature_set_of_testdata_is_in_every_output_as_it_was() {
    check("the check of testdata/geometry", &tools::in_clone("testdata/geometry"));
}

#[test]
fn every_kml_is_valid_by_the_schema_and_both_drivers_of_gdal_find_its_rows_and_holes() {
    if !tools::runs("python3", &["-c", "import lxml, pykml"]) {
        return tools::leave_out("the check of KML", "python3 with lxml and pykml");
    }
    let corpus = std::env::var_os("GEOHAUL_CORPUS").map_or_else(|| tools::in_clone("../shared/corpus"), PathBuf::from);
    let folders = [tools::in_clone("testdata/geometry"), corpus];
    let mut judge = Command::new("python3");
    judge.arg(tools::in_clone("tests/kml/check.py")).arg(env!("CARGO_BIN_EXE_geohaul"));
    let output =
        judge.args(folders.iter().filter(|folder| folder.is_dir())).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaint}");
}

#[test]
fn the_pairs_of_arcgis2geojson_come_out_as_its_own_tests_expect() {
    let corpus = std::env::var_os("GEOHAUL_CORPUS").map_or_else(|| tools::in_clone("../shared/corpus"), PathBuf::from);
    let pairs = corpus.join("chris48s-arcgis2geojson/pairs.json");
    if !pairs.is_file() || !tools::runs("python3", &["--version"]) {
        return;
    }
    let judge = [tools::in_clone("tests/corpus/pairs.py"), PathBuf::from(env!("CARGO_BIN_EXE_geohaul")), pairs];
    let output = Command::new("python3").args(judge).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_feature_set_of_the_corpus_is_in_every_output_as_it_was() {
    let corpus = std::env::var_os("GEOHAUL_CORPUS").map_or_else(|| tools::in_clone("../shared/corpus"), PathBuf::from);
    if corpus.is_dir() {
        check("the check of the corpus", &corpus);
    } else {
        // It is not ours to copy, so a machine may well be without it.
        use std::io::Write as _;
        writeln!(std::io::stderr(), "\nLEFT OUT: the check of the corpus, for want of {}", corpus.display()).unwrap();
    }
}

fn check(name: &str, folder: &Path) {
    if !tools::runs("python3", &["-c", "import shapefile"]) {
        return tools::leave_out(name, "python3 with pyshp");
    }
    let output = Command::new("python3")
        .arg(tools::in_clone("tests/corpus/check.py"))
        .arg(env!("CARGO_BIN_EXE_geohaul"))
        .arg(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{table}\n{complaint}");
}
