//! `geohaul convert` judged by readers that are not ours: `tests/corpus/check.py` compares every feature set with what
//! Python's JSON reader finds in the source.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "support/tools.rs"]
mod tools;

#[test]
fn every_feature_set_of_testdata_is_in_every_output_as_it_was() {
    check("the check of testdata/geometry", &tools::in_clone("testdata/geometry"));
}

#[test]
fn every_feature_set_of_the_corpus_is_in_every_output_as_it_was() {
    let Some(corpus) = corpus("the check of the corpus") else { return };
    check("the check of the corpus", &corpus);
}

#[test]
fn every_kml_is_valid_by_the_schema_and_both_drivers_of_gdal_find_its_rows_and_holes() {
    if !tools::runs("python3", &["-c", "import lxml, pykml"]) {
        return tools::leave_out("the check of KML", "python3 with lxml and pykml");
    }
    let folders = [Some(tools::in_clone("testdata/geometry")), corpus("the KML of the corpus")];
    judge("tests/kml/check.py", &folders.into_iter().flatten().collect::<Vec<_>>());
}

#[test]
fn the_pairs_of_arcgis2geojson_come_out_as_its_own_tests_expect() {
    let Some(corpus) = corpus("the pairs of arcgis2geojson") else { return };
    judge("tests/corpus/pairs.py", &[corpus.join("chris48s-arcgis2geojson/pairs.json")]);
}

#[test]
fn the_files_of_gdals_tests_come_out_as_those_tests_expect() {
    let Some(corpus) = corpus("the files of GDAL's tests") else { return };
    judge("tests/corpus/expected.py", &[corpus.join("OSGeo-gdal-esrijson")]);
}

#[test]
fn the_geometry_literals_of_esris_own_library_are_in_every_output_as_they_were() {
    let Some(corpus) = corpus("the geometry literals") else { return };
    let folder = tempfile::tempdir().unwrap();
    let literals = corpus.join("Esri-geometry-api-java/json-literals/literals.jsonl");
    let made = Command::new("python3").arg(tools::in_clone("tests/corpus/literals.py")).arg(literals).arg(folder.path()).output();
    let made = made.unwrap();
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success() && said.contains("249 geometries in 21 feature sets"), "{said}");
    check("the check of the geometry literals", folder.path());
}

/// The folder of recorded answers; `None` where it is not there, which is said aloud. It is not ours to copy.
fn corpus(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GEOHAUL_CORPUS").map_or_else(|| tools::in_clone("../shared/corpus"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(std::io::stderr(), "\nLEFT OUT: {test}, for want of {}", folder.display());
    None
}

fn check(name: &str, folder: &Path) {
    if !tools::runs("python3", &["-c", "import shapefile"]) {
        return tools::leave_out(name, "python3 with pyshp");
    }
    judge("tests/corpus/check.py", &[folder.to_owned()]);
}

/// Runs a judge over geohaul and what it is given.
fn judge(program: &str, given: &[PathBuf]) {
    let mut judge = Command::new("python3");
    judge.arg(tools::in_clone(program)).arg(env!("CARGO_BIN_EXE_geohaul")).args(given);
    let output = judge.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaint}");
}
