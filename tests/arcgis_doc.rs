//! `docs/arcgis.md` names a test on each line of its tables, and each of them exists.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::fs;
use std::path::Path;

#[test]
fn every_behaviour_names_a_test_that_exists() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(clone.join("docs/arcgis.md")).unwrap();
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        gather(&clone.join(folder), &mut sources);
    }
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| the server"));
    let mut named = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, _, test] = cells.as_slice() else { panic!("not three cells: {row}") };
        let test = test.trim_matches('`');
        assert!(sources.contains(&format!("fn {test}(")), "no test is called {test}");
        named += 1;
    }
    assert!(named > 50, "{named}");
}

fn gather(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
