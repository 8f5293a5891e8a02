//! `--report` where nothing came of the run: it says why.

use super::Desk;
use super::layer::Layer;
use super::server::{Reply, Server};

#[test]
fn a_run_that_fails_leaves_a_report_with_the_error_in_it() {
    let layer = Layer { withheld: [2].into(), ..Layer::of(1..=3) };
    let server = Server::start(move |call| match call.path.contains("Gone") {
        true => Reply::error(404, "Not Found"),
        false => layer.reply(call),
    });
    let desk = Desk::new();
    let at =
        |service: &str| server.url(&format!("/arcgis/rest/services/{service}/FeatureServer/0?token=secret-word")).to_string();
    for (service, kind) in [("Gone", "server"), ("Holes", "incomplete")] {
        let report = format!("{service}.json");
        let run = desk.run(&["export", &at(service), "-o", "a.geojson", "--report", &report]);
        assert_eq!(run.status, 1, "{}", run.stderr);
        let report = desk.json(&report);
        let failure = &report["failures"][0];
        assert_eq!(failure["kind"], kind, "{report}");
        let what = run.stderr.lines().find_map(|line| line.strip_prefix("error: ")).unwrap().to_owned();
        assert!(failure["message"].as_str().unwrap().starts_with(&what), "{report}");
        assert!(report["finished"].as_str().unwrap() >= report["started"].as_str().unwrap());
        assert!(!report.to_string().contains("secret-word"), "{report}");
    }
    assert_eq!(desk.names("."), ["Gone.json", "Holes.json"]);
}

#[test]
fn it_goes_into_the_directory_that_the_results_would_have_gone_into() {
    let desk = Desk::new();
    let run = desk.run(&["convert", "gone.json", "-o", "out/", "--report", "out/report.json"]);
    assert_eq!(run.status, 1);
    assert_eq!(desk.json("out/report.json")["failures"][0]["kind"], "file");
}

#[test]
fn one_that_tells_of_a_failure_does_not_stand_in_the_way_of_the_next_run() {
    let desk = Desk::new();
    let convert = ["convert", "in.json", "-o", "a.csv", "--report", "report.json"];
    for _ in 0..2 {
        assert!(desk.run(&convert).stderr.contains("can't read the input"));
    }
    desk.write("in.json", r#"{"features":[{"attributes":{"A":1}}]}"#);
    assert_eq!(desk.run(&convert).status, 0);
    assert_eq!(desk.json("report.json")["layers"][0]["outputs"][0]["rows"], 1);
    assert!(desk.run(&convert).stderr.contains("exists already"));
}

#[test]
fn one_that_stands_is_not_replaced_unasked_and_wrong_usage_leaves_none() {
    let desk = Desk::new();
    desk.write("old.json", "mine");
    assert_eq!(desk.run(&["convert", "gone.json", "-o", "a.csv", "--report", "old.json"]).status, 1);
    assert_eq!(desk.read("old.json"), "mine");
    assert_eq!(desk.run(&["convert", "gone.json", "-o", "a.csv", "--report", "old.json", "--overwrite"]).status, 1);
    assert_eq!(desk.json("old.json")["source"], "gone.json");
    assert_eq!(desk.run(&["convert", "gone.json", "-o", "a.nope", "--report", "new.json"]).status, 2);
    assert_eq!(desk.names("."), ["old.json"]);
}
