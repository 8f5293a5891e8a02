//! What is said of a jobs file before anything is done: its check, the plan, the schema.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Bench, EXPORTS, TEN, told};

#[test]
fn a_check_names_every_fault_with_its_line_and_asks_nobody() {
    let bench = Bench::new(0);
    bench.jobs(
        "[defaults]\nformta = 'csv'\n\n[[job]]\nname = 'a'\nsource = '${demo}/Demo/FeatureServer/0'\noutput = 'a.xyz'\n\n\
         [[job]]\nname = 'a'\nsource = '${dmeo}/Demo'\noutput = 'b.csv'\ntoken = 'secret!'\n\n\
         [[job]]\nname = 'c'\nsource = 'c.json'\noutput = ['c.csv', 'C.CSV']\nprecision = 99\n\n\
         [[job]]\nname = 'd'\nsource = 'd.json'\noutput = 'c.csv'\n",
    );
    let (status, said) = bench.run(&["--check"]);
    assert_eq!(status, 2, "{said}");
    for fault in [
        "jobs.toml:3: there is no key 'formta'; did you mean \"format\"?",
        "jobs.toml:12: there is no variable ${dmeo}; did you mean \"demo\"?",
        "jobs.toml:14: 'token' is a secret",
    ] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
    assert!(!said.contains("secret!") && !said.contains("no source"), "{said}");
    bench.jobs(
        "[[job]]\nname = 'a'\nsource = '${demo}/Demo/FeatureServer/0'\noutput = 'a.xyz'\n[[job]]\nname = 'a'\nsource = 'c.json'\n\
         output = 'c.csv'\nprecision = 99\n[[job]]\nname = 'd'\nsource = 'd.json'\noutput = 'c.csv'\n",
    );
    let (_, said) = bench.run(&["--check"]);
    for fault in ["jobs.toml:5: there is no format \"xyz\"", "jobs.toml:6: the job in line 2 is called \"a\" too"] {
        assert!(said.contains(fault), "{fault}: {said}");
    }
    assert!(said.contains("jobs.toml:10: invalid value '99' for '--precision <N>'"), "{said}");
    assert!(said.contains("jobs.toml:14: \"a\" and \"d\" write the same file, c.csv"), "{said}");
    bench.jobs(TEN);
    ["saved.json", "points.geojson"].iter().for_each(|name| std::fs::write(bench.path(name), "").unwrap());
    assert_eq!(bench.run(&["--check"]), (0, "jobs.toml: 10 jobs, no faults\n".to_owned()));
    bench.jobs(EXPORTS);
    assert_eq!(bench.run(&["--check"]), (0, "jobs.toml: 3 jobs, no faults\n".to_owned()));
    assert!(!bench.path("log").exists() || bench.log().is_empty());
    let left: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.len() <= 4, "{left:?}");
}

#[test]
fn a_check_sees_missing_inputs_wrong_types_and_forms_of_dates_each_once_and_in_its_line() {
    let bench = Bench::new(0);
    bench.jobs(
        "variables.day = '${DATE:%Q}'\n[defaults]\nbbox = '1,2,3'\nformat = 'shapefile'\n\
         [[job]]\nname = 'a'\nsource = '${demo}/Demo/FeatureServer/0'\noutput = 'a.gpkg'\nwhere = 3\n\
         [[job]]\nname = 'b'\nsource = ['out/made.json', 'missing.json']\noutput = 'b-${day}.csv'\n\
         [[job]]\nname = 'c'\nsource = '${demo}/Demo/GPServer/Buffer'\noutput = 'c/'\nparameter = ['Input_Features=@none.json', 'Distance=@@home', 'Segments=x=@y']\n\
         [[job]]\nname = 'd'\nsource = ['out/made.json', 'missing.json']\noutput = 'd.csv'\n\
         [[job]]\nname = 'e'\nsource = '${demo}/Demo/FeatureServer/0'\noutput = 'out/'\n\
         [[job]]\nname = 'f'\nsource = '${demo}/Demo/FeatureServer/0'\noutput = 'f.gpkg'\nclip = 'none.json'\n",
    );
    let (status, said) = bench.run(&["--check"]);
    let faults: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  jobs.toml:")).collect();
    assert_eq!(status, 2, "{said}");
    let expected = [
        "2: '%Q' is no form of a date: strftime has no %Q",
        "4: '1,2,3' is no box",
        "10: 'where' is a text (SQL), and this is a number",
        "19: there is no file none.json",
        "22: there is no file missing.json",
        "32: ",
    ];
    assert_eq!(faults.len(), expected.len(), "{said}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{said}");
    }
}

#[test]
fn a_plan_guesses_from_one_page_and_says_so() {
    let bench = Bench::new(0);
    bench.jobs(EXPORTS);
    let plan = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_geohaul")).arg("plan").args(arguments).output().unwrap();
        told(&output)
    };
    let layer = bench.demo.url("FeatureServer/1");
    let (status, said) = plan(&[&layer]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("Stations") && said.contains("1234") && said.contains("An estimate"), "{said}");
    assert_eq!(bench.log().iter().filter(|line| line.contains("resultRecordCount=100&")).count(), 1);
    let (status, said) = plan(&[&layer, "--json", "--where", "OBJECTID <= 250"]);
    assert_eq!(status, 0, "{said}");
    let json: Value = serde_json::from_str(&said).unwrap();
    let guess = &json["layers"][0];
    assert_eq!((&guess["rows"], &guess["pageSize"], &guess["sample"]["rows"]), (&json!(250), &json!(100), &json!(100)));
    let bytes = guess["bytes"].as_f64().unwrap() / guess["sample"]["bytes"].as_f64().unwrap();
    assert!((2.4..2.6).contains(&bytes), "{bytes}");
    // It holds: an export sends about as many requests.
    let before = bench.log().len();
    let csv = bench.path("stations.csv");
    let arguments = ["export", layer.as_str(), "--where", "OBJECTID <= 250", "-o", csv.to_str().unwrap()];
    assert!(Command::new(env!("CARGO_BIN_EXE_geohaul")).args(arguments).output().unwrap().status.success());
    let sent = (bench.log().len() - before) as f64;
    let guessed = guess["requests"].as_f64().unwrap();
    assert!((sent - guessed).abs() <= 2.0, "{sent} {guessed}");
    let (status, said) = plan(&[bench.path("jobs.toml").to_str().unwrap()]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("atlas/Atlas") && said.contains("in all"), "{said}");
}

#[test]
fn the_file_in_the_docs_has_no_faults() {
    let bench = Bench::new(0);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let text = std::fs::read_to_string(docs.join("batch.md")).unwrap();
    let file = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write(bench.path("jobs.toml"), file).unwrap();
    assert_eq!(bench.run(&["--check"]).1.matches("there is no file").count(), 3);
    ["wells.geojson", "page1.json", "page2.json"].iter().for_each(|name| std::fs::write(bench.path(name), "").unwrap());
    assert_eq!(bench.run(&["--check"]), (0, "jobs.toml: 5 jobs, no faults\n".to_owned()));
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_options() {
    let output = Command::new(env!("CARGO_BIN_EXE_geohaul")).args(["batch", "--schema"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/batch.schema.json");
    if std::env::var_os("GEOHAUL_DOCS").is_some_and(|word| word == "write") {
        std::fs::write(&path, &said).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(said == written, "docs/batch.schema.json is out of date: GEOHAUL_DOCS=write cargo test --test batch the_schema");
    let schema: Value = serde_json::from_str(&said).unwrap();
    let keys = schema["properties"]["job"]["items"]["properties"].as_object().unwrap();
    for key in ["name", "source", "output", "page-size", "page_size", "where", "params", "unzip", "token-file"] {
        assert!(keys.contains_key(key), "{key}");
    }
    assert!(!keys.contains_key("token") && !keys.contains_key("quiet"));
}
