//! The tables of the documents whose every line names the tests that show it: each of those tests exists.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn in_clone(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(in_clone(path)).unwrap()
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let (mut names, mut folders) = (BTreeSet::new(), vec![in_clone("src"), in_clone("tests")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let functions = text.split("#[test]").skip(1).filter_map(|rest| rest.split_once("fn "));
                names.extend(functions.filter_map(|(_, rest)| rest.split('(').next().map(str::to_owned)));
            }
        }
    }
    names
}

/// The lines of a document's tables, without their heads.
fn rows(document: &str) -> Vec<String> {
    let text = read(document);
    let lines: Vec<&str> = text.lines().collect();
    let is_head = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("|--") || next.starts_with("| --"));
    let is_row = |at: &usize| lines[*at].starts_with("| ") && !lines[*at].starts_with("| --") && !is_head(*at);
    (0..lines.len()).filter(is_row).map(|at| lines[at].to_owned()).collect()
}

/// Checks that the last cell of each line names tests that exist.
fn every_row_names_its_tests(document: &str, at_least: usize) {
    let (tests, rows) = (tests(), rows(document));
    assert!(rows.len() >= at_least, "{document}: {} lines", rows.len());
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{document} names no test: {row}");
        for name in named {
            assert!(tests.contains(name), "{document}: {name} is no test");
        }
    }
}

#[test]
fn every_behaviour_of_arcgis_names_a_test_that_exists() {
    every_row_names_its_tests("docs/arcgis.md", 50);
}

#[test]
fn every_line_of_geoprocessing_names_a_test_that_exists() {
    every_row_names_its_tests("docs/geoprocessing.md", 30);
}

#[test]
fn every_mistake_of_the_neighbours_names_a_test_that_exists() {
    every_row_names_its_tests("docs/neighbours.md", 20);
}

#[test]
fn every_line_of_what_is_exact_names_a_test_that_exists() {
    every_row_names_its_tests("docs/exact.md", 50);
}

#[test]
fn every_status_of_a_job_has_its_line() {
    let (text, source) = (read("docs/geoprocessing.md"), read("src/esri/job.rs"));
    let list = source.split("const STATUSES").nth(1).unwrap().split("];").next().unwrap();
    let names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 12);
    for name in names {
        assert!(text.contains(&format!("| `{name}`")), "{name}");
    }
}
