//! `--layer-name`: the name of the one layer that is written, judged by GDAL and by the files' own words.
#![cfg(all(feature = "cli", feature = "geopackage", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/demo.rs"]
mod demo;

use std::path::Path;
use std::process::{Command, Output};

use demo::Demo;

const POINTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/geometry/z-points.json");

fn geohaul(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geohaul")).current_dir(dir).env("GEOHAUL_NO_CONFIG", "1").args(args).output().unwrap()
}

#[track_caller]
fn ends(dir: &Path, args: &[&str], status: i32) -> String {
    let done = geohaul(dir, args);
    let words = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(status), "{args:?}: {words}");
    words
}

/// The layers of a file, as GDAL names them.
fn layers(dir: &Path, file: &str) -> Vec<String> {
    let run = Command::new("ogrinfo").current_dir(dir).args(["-so", "-q", file]).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let name = |line: &str| Some(line.split_once(": ")?.1.split(" (").next()?.to_owned());
    text.lines().filter_map(name).collect()
}

#[test]
fn the_layer_has_the_given_name_in_every_format_that_names_layers() {
    let dir = tempfile::tempdir().unwrap();
    let outputs = ["a.gpkg", "a.gdb", "a.fgb", "a.kmz", "a.geojson"];
    let mut args = vec!["convert", POINTS, "--layer-name", "Gipfel"];
    outputs.iter().for_each(|output| args.extend(["-o", *output]));
    let words = ends(dir.path(), &args, 0);
    for output in outputs {
        assert_eq!(layers(dir.path(), output), ["Gipfel"], "{output}: {words}");
    }
    let words = ends(dir.path(), &["convert", POINTS, "--layer-name", "Gipfel", "-o", "a.csv"], 0);
    assert!(words.contains("--layer-name is for formats that name their layers"), "{words}");
}

#[test]
fn exports_tasks_and_jobs_of_a_batch_take_the_name_too() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    ends(dir.path(), &["export", &demo.url("FeatureServer/1"), "-o", "all.gpkg", "--layer-name", "one"], 0);
    ends(dir.path(), &["export", &demo.url("FeatureServer/1"), "-o", "all.gpkg", "--layer-name", "two", "--append"], 0);
    assert_eq!(layers(dir.path(), "all.gpkg"), ["one", "two"]);
    let observer = format!("Input_Observation_Point=@{POINTS}");
    ends(dir.path(), &["run", &demo.url("GPServer/Viewshed"), "-p", &observer, "-o", "b.gpkg", "--layer-name", "around"], 0);
    assert_eq!(layers(dir.path(), "b.gpkg"), ["around"]);
    let jobs = format!(
        "[[job]]\nname = \"a\"\nsource = \"{}\"\noutput = \"c.gpkg\"\nlayer-name = \"nightly\"\n",
        demo.url("FeatureServer/1")
    );
    std::fs::write(dir.path().join("jobs.toml"), jobs).unwrap();
    ends(dir.path(), &["batch", "jobs.toml"], 0);
    assert_eq!(layers(dir.path(), "c.gpkg"), ["nightly"]);
}

#[test]
fn one_name_for_several_layers_is_refused_before_a_row_is_asked_for() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    let words = ends(dir.path(), &["export", &demo.url("FeatureServer"), "-o", "all.gpkg", "--layer-name", "x"], 2);
    assert!(words.contains("Communes, Stations, Readings") && words.contains("--layers"), "{words}");
    assert!(!words.contains("reading"), "{words}");
    let words = ends(dir.path(), &["export", &demo.url("FeatureServer/1"), "-o", "all/", "--layer-name", "x"], 2);
    assert!(words.contains("directory"), "{words}");
    let buffer = ["run", &demo.url("GPServer/Buffer"), "-p", "Input_Features=6.6,46.5", "-o", "all.gpkg", "--layer-name", "x"];
    assert!(ends(dir.path(), &buffer, 2).contains("Buffers, Statistics"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let of_points = std::fs::read_to_string(POINTS).unwrap();
    let two = format!(r#"{{"layers": [{{"featureSet": {of_points}}}, {{"featureSet": {of_points}}}]}}"#);
    std::fs::write(dir.path().join("two.json"), two).unwrap();
    ends(dir.path(), &["convert", "two.json", "-o", "all.gpkg", "--layer-name", "x"], 2);
    assert!(!dir.path().join("all.gpkg").exists());
    ends(dir.path(), &["export", &demo.url("FeatureServer"), "--layers", "1", "-o", "all.gpkg", "--layer-name", "x"], 0);
    assert_eq!(layers(dir.path(), "all.gpkg"), ["x"]);
}

#[test]
fn a_name_that_would_be_changed_is_refused_with_the_one_that_would_not() {
    let dir = tempfile::tempdir().unwrap();
    for (name, output, nearest) in
        [("my roads", "a.gpkg", "my_roads"), ("gpkg_x", "a.gpkg", "layer_gpkg_x"), ("a-b", "a.gdb", "a_b"), ("", "a.kmz", "")]
    {
        let words = ends(dir.path(), &["convert", POINTS, "-o", output, "--layer-name", name], 2);
        assert!(words.contains(&format!("--layer-name {nearest}")), "{words}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    ends(dir.path(), &["convert", POINTS, "-o", "a.fgb", "--layer-name", "my roads"], 0);
    assert_eq!(layers(dir.path(), "a.fgb"), ["my roads"]);
}
