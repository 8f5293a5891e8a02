//! `docs/geoprocessing.md` names a test on each line of its tables, and each of them exists; every data type and
//! every status of a job has its line.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::fs;
use std::path::Path;

#[test]
fn every_line_of_the_tables_names_a_test_that_exists() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(clone.join("docs/geoprocessing.md")).unwrap();
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        gather(&clone.join(folder), &mut sources);
    }
    let rows =
        text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| data type") && !line.starts_with("| status"));
    let mut named = 0;
    for row in rows {
        let test = row.trim_matches('|').rsplit(" | ").next().unwrap().trim().trim_matches('`');
        assert!(sources.contains(&format!("fn {test}(")), "no test is called {test}");
        named += 1;
    }
    assert!(named > 30, "{named}");
}

#[test]
fn every_status_of_a_job_has_its_line() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(clone.join("docs/geoprocessing.md")).unwrap();
    let source = fs::read_to_string(clone.join("src/esri/job.rs")).unwrap();
    let list = source.split("const STATUSES").nth(1).unwrap().split("];").next().unwrap();
    let names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 12);
    for name in names {
        assert!(text.contains(&format!("| `{name}`")), "{name}");
    }
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
