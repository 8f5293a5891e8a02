//! `geohaul batch` and `geohaul plan` as their users run them, against the demo server: what is done, what is left out,
//! what an interrupted run goes on with, and what is told at the end.

#![cfg(all(feature = "cli", feature = "geopackage", unix))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

mod check;

#[path = "../support/demo.rs"]
mod demo;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use demo::Demo;
use serde_json::{Value, json};

/// A folder with a jobs file, and a demo server that keeps a log in it.
struct Bench {
    demo: Demo,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(delay: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let demo = Demo::start_with(&["--delay", &delay.to_string(), "--log", log.to_str().unwrap()]);
        Self { demo, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the jobs, with `${demo}` as the address of the server's services.
    fn jobs(&self, text: &str) {
        let text = format!("variables.demo = 'http://{}/arcgis/rest/services'\n{text}", self.demo.host);
        std::fs::write(self.path("jobs.toml"), text).unwrap();
    }

    /// From another folder: paths begin at the file.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut geohaul = Command::new(env!("CARGO_BIN_EXE_geohaul"));
        geohaul.arg("batch").arg(self.path("jobs.toml")).args(arguments).current_dir("/");
        geohaul.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        geohaul
    }

    /// The exit status, and what was said.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        told(&self.command(arguments).output().unwrap())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn log(&self) -> Vec<String> {
        std::fs::read_to_string(self.path("log")).unwrap().lines().map(str::to_owned).collect()
    }

    /// The names of the jobs with how they ended.
    fn outcomes(&self) -> Vec<(String, String)> {
        let report = self.json("jobs.report.json");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        report["jobs"].as_array().unwrap().iter().map(|job| (text(&job["name"]), text(&job["outcome"]))).collect()
    }

    /// Jobs that the journal has a record of.
    fn noted(&self) -> usize {
        let Ok(text) = std::fs::read(self.path("jobs.state.json")) else { return 0 };
        let state: Value = serde_json::from_slice(&text).unwrap();
        state["jobs"].as_object().unwrap().values().filter(|job| job.get("record").is_some()).count()
    }

    /// Pages that are kept of a job.
    fn kept_pages(&self, job: &str, output: &str) -> usize {
        let manifest = |folder: PathBuf| std::fs::read_to_string(folder.join(output).join("manifest.jsonl")).ok();
        self.pages_of(job).and_then(manifest).map_or(0, |text| text.lines().count().saturating_sub(1))
    }

    /// Where the pages of a job are kept, while they are.
    fn pages_of(&self, job: &str) -> Option<PathBuf> {
        let folders = std::fs::read_dir(self.path(".jobs.geohaul/pages")).ok()?;
        let begins = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{job}-"));
        folders.map(|entry| entry.unwrap().path()).find(begins)
    }
}

fn told(output: &Output) -> (i32, String) {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), said)
}

/// Waits until `ready`, for at most half a minute.
fn until(what: &str, ready: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !ready() {
        assert!(Instant::now() < end, "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// What an independent program prints.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|why| panic!("{program}: {why}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Ten jobs, of which three can't be done, each for a reason of its own.
const TEN: &str = r#"
[defaults]
page_size = 5

[[job]]
name = "no such layer"
source = "${demo}/Demo/FeatureServer/77"
output = "out/nothing.geojson"

[[job]]
name = "wrong condition"
source = "${demo}/Demo/FeatureServer/0"
where = "NO_SUCH_FIELD = 1"
output = "out/nothing.csv"

[[job]]
name = "no place"
source = "${demo}/Demo/FeatureServer/0"
output = "blocked/communes.geojson"

[[job]]
name = "saved"
source = "saved.json"
output = "out/saved.geojson"

[[job]]
name = "readings"
source = "${demo}/Demo/FeatureServer/2"
output = "out/readings.csv"
page-size = 50

[[job]]
name = "communes"
source = "${demo}/Demo/FeatureServer/0"
output = ["out/communes.geojson", "out/communes.gpkg"]

[[job]]
name = "stations"
source = "${demo}/Demo/FeatureServer/1"
output = "out/stations.geojson"

[[job]]
name = "atlas"
source = "${demo}/Atlas/FeatureServer"
layers = ["communes", "r*"]
output = "out/atlas/"
format = "shapefile"

[[job]]
name = "trees"
source = "${demo}/Atlas/FeatureServer/3"
output = "out/trees.kmz"

[[job]]
name = "buffers"
source = "${demo}/Demo/GPServer/Buffer"
output = "out/buffers/"
params = { Input_Features = "@points.geojson", Distance = "2 Kilometers" }
"#;

const SAVED: &str = r#"{"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
    "fields": [{"name": "FID", "type": "esriFieldTypeOID"}], "features": [{"attributes": {"FID": 1}, "geometry": {"x": 7, "y": 48}}]}"#;

#[test]
fn no_job_replaces_a_file_of_another_job_of_the_same_run() {
    let bench = Bench::new(0);
    let rows = |ids: &[u32]| {
        let features: Vec<_> = ids.iter().map(|id| json!({"attributes": {"ID": id}, "geometry": {"x": id, "y": 0}})).collect();
        json!({
            "layerDefinition": {"name": "Parcels", "fields": [{"name": "ID", "type": "esriFieldTypeInteger"}]},
            "featureSet": {"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326}, "features": features}
        })
    };
    std::fs::write(bench.path("north.json"), rows(&[1]).to_string()).unwrap();
    std::fs::write(bench.path("south.json"), rows(&[1, 2]).to_string()).unwrap();
    bench.jobs(
        "[[job]]\nname='north'\nsource='north.json'\noutput='out/'\n[[job]]\nname='south'\nsource='south.json'\noutput='out/'",
    );
    // What is gone on with is the same run.
    for arguments in [&[][..], &[], &["--resume"], &["--resume", "--jobs", "1"]] {
        let (code, words) = bench.run(arguments);
        assert_eq!(code, 3, "{arguments:?}: {words}");
        assert!(words.contains("the file is another output of this run"), "{words}");
        let report = bench.json("jobs.report.json");
        assert_eq!((&report["totals"]["done"], &report["totals"]["failed"]), (&json!(1), &json!(1)), "{report}");
        let done = report["jobs"].as_array().unwrap().iter().find(|job| job["outcome"] == "done").unwrap();
        let rows = bench.json("out/Parcels.geojson")["features"].as_array().unwrap().len();
        assert_eq!(rows, if done["name"] == "north" { 1 } else { 2 }, "{report}");
    }
}

#[test]
fn no_job_replaces_a_file_that_stands_unchanged_for_another_job() {
    let bench = Bench::new(0);
    let job = |name: &str| format!("[[job]]\nname='{name}'\nsource='${{demo}}/Demo/FeatureServer/1'\noutput='out/'\n");
    bench.jobs(&job("all"));
    assert_eq!(bench.run(&[]).0, 0);
    let before = bench.json("out/Stations.geojson");
    bench.jobs(&format!("{}{}where='OBJECTID < 9'\n", job("all"), job("some")));
    let (status, said) = bench.run(&["--only-changed", "--jobs", "1"]);
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("[all] unchanged") && said.contains("the file is another output of this run"), "{said}");
    assert!(bench.json("out/Stations.geojson") == before);
}

#[test]
fn a_program_is_told_of_each_job_when_it_begins_when_it_ends_and_whose_the_news_are() {
    let bench = Bench::new(0);
    bench.jobs(
        "[[job]]\nname='stations'\nsource='${demo}/Demo/FeatureServer/1'\noutput=['a.shp', 'a.csv']\n\
         [[job]]\nname='nothing'\nsource='${demo}/Demo/FeatureServer/77'\noutput='b.csv'\n\
         [[job]]\nname='view'\nsource='${demo}/Demo/GPServer/Viewshed'\noutput='view/'\nparams = { Input_Observation_Point = '@points.geojson' }\n",
    );
    let points = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/points.geojson");
    std::fs::copy(points, bench.path("points.geojson")).unwrap();
    let events_of = |arguments: &[&str]| -> Vec<Value> {
        let (status, said) = bench.run(&[&["--progress", "json"], arguments].concat());
        assert_eq!(status, 3, "{said}");
        said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
    };
    let events = events_of(&[]);
    let of = |event: &str, job: &str| {
        let mut found = events.iter().filter(|one| one["event"] == event && one["job"] == job);
        (found.next().cloned().unwrap_or_default(), found.count())
    };
    for (job, kind) in [("stations", "export"), ("nothing", "export"), ("view", "run")] {
        let (begin, more) = of("job-begin", job);
        assert_eq!((begin["kind"].as_str(), more, of("job-end", job).1), (Some(kind), 0, 0), "{begin}");
        assert!(begin["source"].as_str().unwrap().contains("/Demo/"), "{begin}");
    }
    let end = of("job-end", "stations").0;
    assert_eq!((&end["outcome"], &end["rows"], &end["failures"]), (&json!("done"), &json!(1234), &json!([])), "{end}");
    assert_eq!(end["outputs"], json!(["a.shp", "a.csv"]));
    assert!(end["seconds"].as_f64().is_some(), "{end}");
    assert_eq!(of("layer-end", "stations").0["rows"], 1234);
    assert!(of("message", "view").0["text"].is_string());
    let end = of("job-end", "nothing").0;
    assert_eq!((&end["outcome"], &end["failures"][0]["kind"], &end["outputs"]), (&json!("failed"), &json!("usage"), &json!([])));
    assert!(end["failures"][0]["message"].as_str().unwrap().contains("there is no layer 77"), "{end}");
    assert!(events.iter().all(|event| event["event"] != "note" || !event["text"].as_str().unwrap().starts_with('[')));

    // A job that was done before only ends, and so does one that is not begun.
    let resumed = events_of(&["--resume", "--fail-fast", "--jobs", "1"]);
    let told = |job: &str| -> Vec<String> {
        let of_job = resumed.iter().filter(|event| event["job"] == job);
        of_job.map(|event| format!("{}{}", event["event"].as_str().unwrap(), event["outcome"])).collect()
    };
    assert_eq!((told("stations"), told("view")), (vec!["job-end\"done\"".to_owned()], vec!["job-end\"done\"".to_owned()]));
    assert_eq!(told("nothing"), ["job-beginnull", "job-end\"failed\""]);
}

#[test]
fn ten_jobs_of_which_three_fail_are_killed_and_stopped_and_gone_on_with_to_the_same_files() {
    let bench = Bench::new(25);
    bench.jobs(TEN);
    std::fs::write(bench.path("saved.json"), SAVED).unwrap();
    std::fs::write(bench.path("blocked"), "a file where a folder should be").unwrap();
    let points = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/points.geojson");
    std::fs::copy(points, bench.path("points.geojson")).unwrap();
    std::fs::create_dir(bench.path("out")).unwrap();
    let slowly = ["--jobs", "2", "--connections", "2"];

    // Killed in the middle of the communes.
    let mut child = bench.command(&slowly).spawn().unwrap();
    until("the first pages of communes", || bench.kept_pages("communes", "communes.geojson") > 10);
    signal(&child, "KILL");
    child.wait().unwrap();
    assert!(!bench.path("out/communes.geojson").exists());
    assert!(bench.noted() >= 4, "{}", bench.noted());
    let kept = bench.kept_pages("communes", "communes.geojson");

    // Gone on with, and stopped in the middle of the stations.
    let child = bench.command(&[&slowly[..], &["--resume"]].concat()).spawn().unwrap();
    let communes_stand = || bench.path("out/communes.gpkg").exists() && bench.pages_of("communes").is_none();
    until("communes, and the first pages of stations", || {
        communes_stand() && bench.kept_pages("stations", "stations.geojson") > 10
    });
    signal(&child, "INT");
    let (status, said) = told(&child.wait_with_output().unwrap());
    assert_eq!(status, 130, "{said}");
    assert!(said.contains(" done already") && said.contains("geohaul batch jobs.toml --resume"), "{said}");
    let outcome = |name: &str| bench.outcomes().into_iter().find(|(job, _)| job == name).unwrap().1;
    assert_eq!([outcome("communes"), outcome("stations"), outcome("trees")], ["done", "interrupted", "not-run"], "{said}");

    // And to the end.
    let (status, said) = bench.run(&["--resume"]);
    assert_eq!(status, 3, "{said}");
    let failed: Vec<String> =
        bench.outcomes().into_iter().filter(|(_, outcome)| outcome == "failed").map(|(name, _)| name).collect();
    assert_eq!(failed, ["no such layer", "wrong condition", "no place"], "{said}");
    assert_eq!(bench.json("jobs.report.json")["totals"]["done"], 7);
    for reason in ["Invalid URL", "NO_SUCH_FIELD", "blocked"] {
        assert!(said.contains(reason), "{reason}: {said}");
    }

    // No page came twice but those that were under way at the two ends.
    let mut asked: HashMap<String, usize> = HashMap::new();
    let pages = |line: &&String| line.contains("Demo/FeatureServer/") && line.contains("resultRecordCount=5&");
    bench.log().iter().filter(pages).for_each(|line| *asked.entry(line.clone()).or_default() += 1);
    let twice = asked.values().map(|times| times - 1).sum::<usize>();
    assert!(kept > 10 && asked.len() >= 433 / 5 + 1234 / 5, "{kept} {}", asked.len());
    assert!(twice <= 6, "{twice} pages were asked for again");

    // The files are those of a run that nobody stopped, by readers of others.
    let rows = |file: &str, layer: &str| {
        let said = output_of("ogrinfo", &["-ro", "-so", bench.path(file).to_str().unwrap(), layer]);
        said.lines().find_map(|line| line.strip_prefix("Feature Count: ")).unwrap().to_owned()
    };
    assert_eq!(rows("out/communes.gpkg", "Communes"), "432");
    assert_eq!(rows("out/stations.geojson", "stations"), "1234");
    assert_eq!(rows("out/atlas/Rivers.shp", "Rivers"), "120");
    assert_eq!(rows("out/buffers/Buffers.geojson", "Buffers"), "3");
    let before = std::fs::read(bench.path("out/stations.geojson")).unwrap();
    let (status, said) = bench.run(&[]);
    assert_eq!(status, 3, "{said}");
    assert!(before == std::fs::read(bench.path("out/stations.geojson")).unwrap());

    check_junit(&bench.path("jobs.junit.xml"));
    check_page(&bench);
}

#[test]
fn edits_since_a_run_that_was_gone_on_with_are_those_since_its_first_part() {
    let bench = Bench::new(25);
    bench.jobs(
        "[[job]]\nname = 'stations'\nsource = '${demo}/Demo/FeatureServer/0'\noutput = 'stations.geojson'\npage-size = 5\n",
    );
    let last = || {
        let state = bench.json("jobs.state.json");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&state["jobs"]["stations"]["last"]["started"]), text(&state["run"]["started"]))
    };
    let mut child = bench.command(&["--connections", "2"]).spawn().unwrap();
    until("the first pages", || bench.kept_pages("stations", "stations.geojson") > 10);
    signal(&child, "KILL");
    child.wait().unwrap();
    // Rows of the kept pages that are edited now must come with the next run.
    std::thread::sleep(Duration::from_millis(2100));
    let (status, said) = bench.run(&["--resume"]);
    assert_eq!(status, 0, "{said}");
    let (began, run) = last();
    assert!(began <= run, "{began} is after the run began, {run}");
    let (status, said) = bench.run(&[]);
    assert_eq!(status, 0, "{said}");
    let (began, run) = last();
    assert!(began >= run, "{began} is before the run began, {run}");
}

/// JUnit's XML, read by xmllint.
fn check_junit(path: &Path) {
    let count = |xpath: &str| output_of("xmllint", &["--xpath", xpath, path.to_str().unwrap()]).trim().to_owned();
    assert_eq!(count("count(//testcase)"), "10");
    assert_eq!(count("count(//testcase/failure)"), "3");
    assert_eq!(count("string(/testsuites/@failures)"), "3");
    assert!(count("string(//testcase[@name='no such layer']/failure/@message)").contains("Invalid URL"));
}

/// The page in a browser: what stands in it, that it is drawn, and that nothing is asked for.
fn check_page(bench: &Bench) {
    let page = format!("file://{}", bench.path("jobs.report.html").display());
    let (shot, profile) = (bench.path("page.png"), bench.path("profile"));
    let (shot_to, profile) = (format!("--screenshot={}", shot.display()), format!("--user-data-dir={}", profile.display()));
    let asked = bench.log().len();
    let common = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,1600", profile.as_str()];
    let dom = output_of("chromium", &[&common[..], &["--dump-dom", page.as_str()]].concat());
    assert_eq!(dom.matches("<tr class=\"job\">").count(), 10);
    assert_eq!(dom.matches("<span class=\"badge failed\">failed</span>").count(), 3);
    assert_eq!(dom.matches("<span class=\"badge done\">done</span>").count(), 7);
    // All but the table, and those that failed.
    assert_eq!(dom.matches("<svg class=").count(), 6);
    for outside in ["src=", "href=", "url(", "@import", "<script", "<iframe"] {
        assert!(!dom.contains(outside), "{outside}");
    }
    output_of("chromium", &[&common[..], &[shot_to.as_str(), page.as_str()]].concat());
    assert_eq!(bench.log().len(), asked, "the page asked the server for something");
    // A drawn page is more than one colour: an empty one of this size takes a tenth of it.
    assert!(std::fs::read(&shot).unwrap().len() > 50_000);
    if let Some(copy) = std::env::var_os("GEOHAUL_KEEP_SCREENSHOT") {
        std::fs::copy(&shot, copy).unwrap();
    }
}

const EXPORTS: &str = r#"
[[job]]
name = "communes"
source = "${demo}/Demo/FeatureServer/0"
output = ["communes.geojson", "all.gpkg"]

[[job]]
name = "atlas"
source = "${demo}"
services = ["atl*"]
output = "services/"

[[job]]
name = "some"
source = "${demo}/Atlas/FeatureServer"
layers = ["communes", "r*"]
output = "some/"
"#;

#[test]
fn a_second_run_for_what_has_changed_asks_for_counts_only_and_fetches_nothing() {
    let bench = Bench::new(0);
    bench.jobs(EXPORTS);
    let (status, said) = bench.run(&["--only-changed"]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(bench.outcomes()[1], ("atlas/Atlas".to_owned(), "done".to_owned()), "{said}");
    let before = bench.log().len();
    let (status, said) = bench.run(&["--only-changed"]);
    assert_eq!(status, 0, "{said}");
    assert!(bench.outcomes().iter().all(|(_, outcome)| outcome == "unchanged"), "{said}");
    let log = bench.log();
    let rows: Vec<&String> =
        log[before..].iter().filter(|line| line.contains("/query") && !line.contains("returnCountOnly=true")).collect();
    assert!(rows.is_empty() && log.len() > before, "{rows:?}");
    let job = &bench.json("jobs.report.json")["jobs"][0];
    assert_eq!((&job["rows"], &job["layers"][0]["unchanged"]), (&json!(432), &json!(true)));
    assert!(job["picture"]["path"].as_str().unwrap().len() > 100);

    // What came since a time stands beside the whole, and does not take its place.
    let (status, said) = bench.run(&["--since", "last"]);
    assert_eq!((status, bench.outcomes()[0].1.as_str()), (0, "done"), "{said}");
    let (status, said) = bench.run(&["--only-changed"]);
    assert!(status == 0 && bench.outcomes().iter().all(|(_, outcome)| outcome == "unchanged"), "{said}");

    // A report that is gone is made again.
    bench.jobs(&EXPORTS.replace("name = \"communes\"", "name = \"communes\"\nreport = \"communes.json\""));
    for outcome in ["done", "unchanged", "done"] {
        let (status, said) = bench.run(&["--only-changed"]);
        assert_eq!((status, bench.outcomes()[0].1.as_str()), (0, outcome), "{said}");
        assert_eq!(bench.json("communes.json")["layers"][0]["evidence"]["rows"], 432);
        if outcome == "unchanged" {
            std::fs::remove_file(bench.path("communes.json")).unwrap();
        }
    }

    // A file that is gone, or another question, is fetched; the other layers of the service are not.
    std::fs::remove_file(bench.path("some/Rivers.geojson")).unwrap();
    bench.jobs(&EXPORTS.replace("name = \"communes\"", "name = \"communes\"\nwhere = \"OBJECTID > 400\""));
    let before = bench.log().len();
    let (status, said) = bench.run(&["--only-changed"]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("[communes] done: 32 rows") && said.contains("reading \"Rivers\""), "{said}");
    let pages =
        |path: &str| bench.log()[before..].iter().filter(|line| line.contains(path) && line.contains("outFields")).count();
    assert_eq!((pages("Atlas/FeatureServer/0/"), pages("Atlas/FeatureServer/5/")), (0, 0));
    assert!(pages("Atlas/FeatureServer/2/") > 0 && bench.path("some/Rivers.geojson").exists());
    let layers = &bench.json("jobs.report.json")["jobs"][2]["layers"];
    let unchanged: Vec<&Value> = layers.as_array().unwrap().iter().map(|layer| &layer["unchanged"]).collect();
    assert_eq!(unchanged, [&json!(false), &json!(true), &json!(true)]);
}

#[test]
fn a_geoprocessing_job_that_was_submitted_is_brought_home_and_not_run_again() {
    let bench = Bench::new(0);
    bench.jobs(TEN.rsplit_once("[[job]]").map(|(_, last)| format!("[[job]]{last}")).unwrap().as_str());
    let points = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/points.geojson");
    std::fs::copy(points, bench.path("points.geojson")).unwrap();
    let mut child = bench.command(&[]).spawn().unwrap();
    until("the job", || bench.path("out/buffers/job.json").exists());
    signal(&child, "KILL");
    child.wait().unwrap();
    let (status, said) = bench.run(&["--resume"]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(bench.log().iter().filter(|line| line.contains("submitJob")).count(), 1, "{said}");
    assert!(bench.path("out/buffers/Buffers.geojson").exists());
}

#[test]
fn two_runs_of_one_file_do_not_meet() {
    let bench = Bench::new(30);
    bench.jobs("[[job]]\nname = 'stations'\nsource = '${demo}/Demo/FeatureServer/1'\noutput = 'stations.csv'\npage-size = 5\n");
    let mut child = bench.command(&["--connections", "1"]).spawn().unwrap();
    until("the first pages", || bench.kept_pages("stations", "stations.csv") > 2);
    let (status, said) = bench.run(&[]);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("another run of this batch is under way") && said.contains(&format!("process {}", child.id())),
        "{said}"
    );
    signal(&child, "KILL");
    child.wait().unwrap();
    // The lock of a process that is gone is no lock. A new run begins anew.
    let (status, said) = bench.run(&["--quiet"]);
    assert_eq!((status, said.as_str()), (0, ""));
    let (status, said) = bench.run(&["--resume"]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("done already"), "{said}");
}

#[test]
fn the_exit_status_tells_none_some_and_all_and_fail_fast_begins_no_more() {
    let bench = Bench::new(0);
    let bad = "[[job]]\nname = 'bad'\nsource = '${demo}/Demo/FeatureServer/9'\noutput = 'bad.csv'\n";
    let good = "[[job]]\nname = 'good'\nsource = '${demo}/Demo/FeatureServer/2'\noutput = 'good.csv'\n";
    for (jobs, arguments, status, outcome) in [
        (good.to_owned(), &[][..], 0, "done"),
        (format!("{bad}{good}"), &[][..], 3, "done"),
        (format!("{bad}{good}"), &["--fail-fast", "--jobs", "1"][..], 1, "not-run"),
        (bad.to_owned(), &[][..], 1, "failed"),
    ] {
        bench.jobs(&jobs);
        let (code, said) = bench.run(arguments);
        assert_eq!(code, status, "{jobs} {said}");
        assert_eq!(bench.outcomes().pop().unwrap().1, outcome, "{said}");
    }
    bench.jobs(good);
    std::fs::remove_file(bench.path("jobs.state.json")).unwrap();
    let (code, said) = bench.run(&["--resume"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("there is no run to go on with"), "{said}");
}

#[test]
fn variables_are_put_in_and_a_token_by_its_name_is_in_no_file() {
    let bench = Bench::new(0);
    let job = "[[job]]\nname = '${place}'\nsource = '${demo}/Demo/FeatureServer/2?token=${env:A_TOKEN}'\noutput = '${place}-${DATE:%Y}.csv'\n";
    let text = format!("{job}where = 'OBJECTID <= 7'\n[variables]\nplace = 'readings'\ndemo = '{}'\n", "${env:DEMO}");
    std::fs::write(bench.path("jobs.toml"), text).unwrap();
    let demo = format!("http://{}/arcgis/rest/services", bench.demo.host);
    let output = bench.command(&[]).env("A_TOKEN", "opensesame").env("DEMO", demo).env("TZ", "UTC").output().unwrap();
    let (status, said) = told(&output);
    assert_eq!(status, 0, "{said}");
    let year = bench.json("jobs.report.json")["run"]["id"].as_str().unwrap()[..4].to_owned();
    assert_eq!(std::fs::read_to_string(bench.path(&format!("readings-{year}.csv"))).unwrap().lines().count(), 8);
    for entry in std::fs::read_dir(bench.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != "log" {
            assert!(!String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains("opensesame"), "{}", path.display());
        }
    }
}

#[test]
fn copies_are_kept_of_the_last_runs_and_increments_stand_beside_the_whole() {
    let bench = Bench::new(0);
    bench.jobs("[[job]]\nname = 'readings'\nsource = '${demo}/Demo/FeatureServer/2'\noutput = 'readings.csv'\nkeep = 2\n");
    for _ in 0..3 {
        let (status, said) = bench.run(&[]);
        assert_eq!(status, 0, "{said}");
        // A run's id is its second.
        std::thread::sleep(Duration::from_millis(1100));
    }
    let kept: Vec<PathBuf> =
        std::fs::read_dir(bench.path("jobs.kept/readings")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|run| run.join("readings.csv").is_file()));
    let (status, said) = bench.run(&["--since", "last"]);
    assert_eq!(status, 0, "{said}");
    let report = bench.json("jobs.report.json");
    // The demo server keeps no dates of edits: then all rows come, and that is said.
    assert!(report["jobs"][0]["warnings"][0].as_str().unwrap().contains("no dates of edits"), "{report:#}");
    assert!(bench.path(&format!("readings.{}.csv", report["run"]["id"].as_str().unwrap())).is_file());
}
