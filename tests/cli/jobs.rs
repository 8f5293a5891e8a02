//! `geohaul job`, jobs in folders, and what happens to a job when nobody waits for it any more.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Call, Reply, Server};
use super::{Desk, Run};

const TASK: &str = "/arcgis/rest/services/Outils été/GPServer/Zone d'étude";

/// A server with one asynchronous task, whose job has the status that the test sets.
struct Tool {
    server: Server,
    status: Arc<Mutex<&'static str>>,
}

impl Tool {
    fn at(status: &'static str) -> Self {
        let status = Arc::new(Mutex::new(status));
        let now = Arc::clone(&status);
        let server = Server::start(move |call| reply(call, &now));
        Self { server, status }
    }

    fn url(&self, tail: &str) -> String {
        self.server.url(&format!("{TASK}{tail}")).to_string()
    }

    fn turns(&self, status: &'static str) {
        *self.status.lock().unwrap() = status;
    }

    /// How often a path below the task was asked.
    fn asked(&self, tail: &str) -> usize {
        self.server.calls().iter().filter(|call| below(call) == Some(tail.to_owned())).count()
    }
}

fn below(call: &Call) -> Option<String> {
    let path = percent_encoding::percent_decode_str(&call.path).decode_utf8().unwrap().into_owned();
    path.strip_prefix(TASK).map(str::to_owned)
}

fn points() -> Value {
    json!({"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
        "features": [{"attributes": {"OBJECTID": 1}, "geometry": {"x": 7, "y": 47}}]})
}

fn reply(call: &Call, status: &Mutex<&'static str>) -> Reply {
    let job = || {
        let now = *status.lock().unwrap();
        let mut job = json!({"jobId": "j1", "jobStatus": now, "messages": [
            {"type": "esriJobMessageTypeInformative", "description": "Départ"},
            {"type": "esriJobMessageTypeWarning", "description": "WARNING 000117"},
        ], "inputs": {"Seuil": {"paramUrl": "inputs/Seuil"}}});
        if now == "esriJobSucceeded" {
            job["results"] = json!({"Compte": {"paramUrl": "results/Compte"}, "Zone": {"paramUrl": "results/Zone"}});
        }
        Reply::json(&job)
    };
    let parameter = |name: &str, kind: &str, direction: &str| {
        json!({"name": name, "dataType": kind, "direction": format!("esriGPParameterDirection{direction}"),
            "parameterType": "esriGPParameterTypeRequired"})
    };
    match below(call).as_deref() {
        Some("") => Reply::json(&json!({
            "name": "Zone d'étude", "displayName": "Zone d'étude", "executionType": "esriExecutionTypeAsynchronous",
            "parameters": [parameter("Seuil", "GPDouble", "Input"), parameter("Zone", "GPFeatureRecordSetLayer", "Output"),
                parameter("Compte", "GPLong", "Output")],
        })),
        Some("/submitJob") => Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobSubmitted"})),
        Some("/jobs/j1") => job(),
        Some("/jobs/j1/cancel") => {
            let mut status = status.lock().unwrap();
            if *status == "esriJobExecuting" {
                *status = "esriJobCancelled";
            }
            Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobCancelling"}))
        }
        Some("/jobs/j1/inputs/Seuil") => Reply::json(&json!({"paramName": "Seuil", "dataType": "GPDouble", "value": 2.5})),
        Some("/jobs/j1/results/Compte") => Reply::json(&json!({"paramName": "Compte", "dataType": "GPLong", "value": 1})),
        Some("/jobs/j1/results/Zone") => {
            Reply::json(&json!({"paramName": "Zone", "dataType": "GPFeatureRecordSetLayer", "value": points()}))
        }
        Some("/jobs/old") => Reply::error(400, "Job old does not exist or is inaccessible."),
        _ => Reply::error(400, "Invalid URL"),
    }
}

fn desk(tool: &Tool) -> Desk {
    Desk::beside(tool.server.url("").as_str())
}

fn run_args(tool: &Tool) -> [String; 6] {
    ["run", &tool.url(""), "-p", "Seuil=2.5", "-o", "out"].map(str::to_owned)
}

fn run(desk: &Desk, tool: &Tool, more: &[&str]) -> Run {
    let args = run_args(tool);
    desk.run(&args.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn a_job_is_remembered_at_once_and_brought_home_later() {
    let tool = Tool::at("esriJobExecuting");
    let desk = desk(&tool);
    let late = run(&desk, &tool, &["--timeout", "2s"]);
    assert_eq!((late.status, desk.names("out")), (1, vec!["job.json".to_owned()]), "{}", late.stderr);
    assert!(late.stderr.contains("error: the job of the task Zone d'étude takes too long\n"), "{}", late.stderr);
    assert!(late.stderr.contains("hint: the job may be running still; geohaul job wait"), "{}", late.stderr);
    assert!(late.stderr.contains("cause: it is executing after 2 s\n"), "the wait is not cut short: {}", late.stderr);
    let record = desk.json("out/job.json");
    assert_eq!((&record["jobId"], &record["status"]), (&json!("j1"), &json!("esriJobExecuting")));
    assert!(record["job"].as_str().unwrap().ends_with("/jobs/j1"));

    // Another run would forget it.
    let again = run(&desk, &tool, &[]);
    assert_eq!((again.status, tool.asked("/submitJob")), (1, 1));
    assert!(again.stderr.contains("the folder belongs to a job that has not been brought home"), "{}", again.stderr);

    let early = desk.run(&["export", "out", "-o", "out/"]);
    assert_eq!(early.status, 1);
    assert!(early.stderr.contains("cause: it is executing\n"), "{}", early.stderr);
    assert_eq!(desk.run(&["job", "status", "out"]).stdout, "executing\n");

    tool.turns("esriJobSucceeded");
    let waited = desk.run(&["job", "wait", "out"]);
    assert_eq!((waited.status, waited.stderr.as_str()), (0, "job: succeeded\nserver: Départ\nserver warning: WARNING 000117\n"));
    desk.ok(&["export", "out", "-o", "out/", "--format", "shapefile"]);
    assert_eq!(
        desk.names("out"),
        ["Zone.cpg", "Zone.dbf", "Zone.prj", "Zone.shp", "Zone.shp.xml", "Zone.shx", "job.json", "results.json"]
    );
    assert_eq!(desk.json("out/job.json")["status"], "esriJobSucceeded");
}

#[test]
fn a_job_of_somebody_else_is_looked_after_by_its_address() {
    let tool = Tool::at("esriJobSucceeded");
    let desk = desk(&tool);
    let url = tool.url("/jobs/j1");
    let said = |action: &str| {
        let run = desk.run(&["job", action, &url]);
        assert_eq!(run.status, 0, "{action}: {}", run.stderr);
        run.stdout
    };
    assert_eq!(said("status"), "succeeded\n");
    assert_eq!(said("messages"), "Départ\nwarning: WARNING 000117\n");
    assert_eq!(said("inputs"), "{\n  \"Seuil\": 2.5\n}\n");
    assert_eq!(said("results"), "Zone\nCompte\n");

    desk.ok(&["export", &url, "-o", "all/"]);
    assert_eq!(desk.names("all"), ["Zone.geojson", "results.json"]);
    desk.ok(&["export", &tool.url("/jobs/j1/results/Zone"), "-o", "zone.geojson"]);
    assert_eq!(desk.json("zone.geojson")["features"].as_array().unwrap().len(), 1);
    desk.ok(&["export", &tool.url("/jobs/j1/results/Compte?f=html"), "-o", "one/"]);
    assert_eq!(desk.names("one"), ["results.json"]);
    let missing = desk.run(&["export", &tool.url("/jobs/j1/results/Zoen"), "-o", "none/"]);
    assert_eq!(missing.status, 2);
    assert!(missing.stderr.contains("hint: its results are: Zone, Compte"), "{}", missing.stderr);
}

#[test]
fn an_expired_job_says_so() {
    let tool = Tool::at("esriJobSucceeded");
    let desk = desk(&tool);
    for args in [["job", "status", &tool.url("/jobs/old"), "--quiet"], ["export", &tool.url("/jobs/old"), "-o", "out/"]] {
        let args = &args[..if args[0] == "job" { 3 } else { 4 }];
        let run = desk.run(args);
        assert_eq!(run.status, 1);
        assert!(run.stderr.starts_with("error: the job has expired, or was never there\n"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: servers remove a job and its results some hours after it ended"), "{}", run.stderr);
    }
    let nothing = desk.run(&["job", "status", "nowhere"]);
    assert_eq!((nothing.status, nothing.stderr.lines().next()), (2, Some("error: there is no job")));
}

#[test]
fn a_job_is_cancelled_by_its_folder_or_address() {
    let tool = Tool::at("esriJobExecuting");
    let desk = desk(&tool);
    run(&desk, &tool, &["--timeout", "1s"]);
    let cancelled = desk.run(&["job", "cancel", "out"]);
    assert_eq!((cancelled.status, cancelled.stdout.as_str()), (0, "cancelled\n"));
    assert_eq!(tool.asked("/jobs/j1/cancel"), 1);
    assert_eq!(desk.json("out/job.json")["status"], "esriJobCancelled");
    tool.turns("esriJobSucceeded");
    let late = desk.run(&["job", "cancel", "out"]);
    assert_eq!((late.status, late.stdout.as_str()), (1, ""));
    assert!(late.stderr.starts_with("error: the job was not cancelled\ncause: it had succeeded before\n"), "{}", late.stderr);
    for deed in ["status", "messages", "inputs", "results"] {
        assert_eq!(desk.run(&["job", deed, "out", "--timeout", "1s"]).status, 2, "{deed} waits for nothing");
    }
    // A job that has ended does not keep others out of its folder.
    tool.turns("esriJobSucceeded");
    assert_eq!(run(&desk, &tool, &[]).status, 0);
}

/// A `run` that waits for a job, and its stderr as it comes.
fn waiting(desk: &Desk, tool: &Tool) -> (std::process::Child, BufReader<std::process::ChildStderr>) {
    let args = run_args(tool);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut child = desk.command(&args).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("executing") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "the run ended early");
    }
    (child, told)
}

fn interrupt(child: &std::process::Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_asks_the_server_to_cancel_the_job() {
    let tool = Tool::at("esriJobExecuting");
    let desk = desk(&tool);
    let (mut child, mut told) = waiting(&desk, &tool);
    interrupt(&child);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains("asking the server to cancel the job"), "{rest}");
    assert!(rest.contains("cause: the job is cancelled"), "{rest}");
    assert_eq!(tool.asked("/jobs/j1/cancel"), 1);
    assert_eq!(desk.json("out/job.json")["status"], "esriJobCancelled");
}

#[test]
fn a_second_ctrl_c_leaves_the_job_and_says_how_to_attach_again() {
    // A tool that does not notice that it was cancelled.
    let tool = Tool::at("esriJobExecuting");
    let status = Arc::clone(&tool.status);
    let server = Server::start(move |call| match below(call).as_deref() {
        Some("/jobs/j1/cancel") => Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobCancelling"})),
        _ => reply(call, &status),
    });
    let tool = Tool { server, ..tool };
    let desk = desk(&tool);
    let (mut child, mut told) = waiting(&desk, &tool);
    interrupt(&child);
    let until = Instant::now() + Duration::from_secs(20);
    while tool.asked("/jobs/j1/cancel") == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    interrupt(&child);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains("the job may be running still; attach again: geohaul job wait http"), "{rest}");
    assert_eq!(desk.json("out/job.json")["jobId"], "j1");
}

#[test]
fn a_task_is_explained_as_a_command_line_that_is_ready_but_for_the_values() {
    let tool = Tool::at("esriJobSucceeded");
    let desk = desk(&tool);
    let run = desk.run(&["run", &tool.url(""), "--explain"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(
        run.stdout,
        super::unindented(
            "
        # Zone d'étude (asynchronous)
        #   Seuil: GPDouble, required
        #   gives Zone: GPFeatureRecordSetLayer
        #   gives Compte: GPLong
        geohaul run 'SERVER/arcgis/rest/services/Outils%20%C3%A9t%C3%A9/GPServer/Zone%20d'\\''%C3%A9tude' \\
          -p Seuil=2.5 \\
          -o results/
    "
        )
    );
    assert_eq!(tool.asked("/submitJob"), 0);
}

#[test]
fn a_dry_run_prints_the_request_without_secrets_and_sends_nothing() {
    let parameter =
        |name: &str, kind: &str| json!({"name": name, "dataType": kind, "direction": "esriGPParameterDirectionInput"});
    let server = Server::start(move |call| match call.path.ends_with("/GPServer/T") {
        true => Reply::json(&json!({"name": "T", "executionType": "esriExecutionTypeAsynchronous",
            "parameters": [parameter("In", "GPFeatureRecordSetLayer"), parameter("Reach", "GPLinearUnit"), parameter("Pack", "GPDataFile")]})),
        false => Reply::error(400, "Invalid URL"),
    });
    let desk = Desk::beside(server.url("").as_str());
    desk.write("pack.zip", "PK");
    desk.write("p.json", r#"{"Reach": "1 mile", "Pack": "@pack.zip", "In": "https://h.example/rest/services/A/FeatureServer/0?where=A%3E5&token=sesame"}"#);
    let url = server.url("/arcgis/rest/services/Tools/GPServer/T").to_string();
    let run = desk.run(&[
        "run",
        &url,
        "--dry-run",
        "--params",
        "@p.json",
        "-p",
        "Reach=8.5 miles",
        "--env",
        "processSR=EPSG:2056",
        "--out-sr",
        "4326",
        "--context",
        r#"{"extent":{"xmin":0}}"#,
        "--true-curves",
        "--out-service",
        "Result",
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(
        run.stdout,
        super::unindented(
            r#"
        POST SERVER/arcgis/rest/services/Tools/GPServer/T/submitJob
        In={"url":"https://h.example/rest/services/A/FeatureServer/0","filter":"A>5","token":"[hidden]"}
        Reach={"distance":8.5,"units":"esriMiles"}
        Pack={"itemID":"(of pack.zip, once it is uploaded)"}
        env:outSR=4326
        env:processSR=2056
        context={"extent":{"xmin":0},"outSR":{"wkid":4326},"processSR":{"wkid":2056}}
        simplifyFeatures=false
        returnTrueCurves=true
        esri_out_feature_service_name=Result
        f=json
    "#
        )
    );
    assert!(server.calls().iter().all(|call| !call.path.contains("submitJob") && !call.path.contains("uploads")));
    assert!(!desk.path("out").exists());
}

#[test]
fn a_file_goes_over_the_wire_as_a_form_with_its_fields() {
    let server = Server::start(move |call| match call.path.rsplit('/').next() {
        Some("GPServer") => Reply::json(&json!({"tasks": ["T"], "capabilities": "Uploads"})),
        Some("T") => Reply::json(&json!({"name": "T", "executionType": "esriExecutionTypeSynchronous", "parameters": [
            {"name": "Pack", "dataType": "GPDataFile", "direction": "esriGPParameterDirectionInput"},
            {"name": "N", "dataType": "GPLong", "direction": "esriGPParameterDirectionOutput"},
        ]})),
        Some("upload") => Reply::json(&json!({"success": true, "item": {"itemID": "i9"}})),
        Some("execute") => {
            Reply::json(&json!({"results": [{"paramName": "N", "dataType": "GPLong", "value": 1}], "messages": []}))
        }
        _ => Reply::error(400, "Invalid URL"),
    });
    let desk = Desk::beside(server.url("").as_str());
    desk.write("pack.zip", "PK binary");
    desk.ok(&["run", server.url("/arcgis/rest/services/Tools/GPServer/T").as_str(), "-p", "Pack=@pack.zip", "-o", "out"]);
    let calls = server.calls();
    let upload = calls.iter().find(|call| call.path.ends_with("/GPServer/uploads/upload")).unwrap();
    assert!(upload.header("content-type").starts_with("multipart/form-data; boundary="));
    let body = String::from_utf8(upload.body.clone()).unwrap();
    assert!(body.contains("name=\"f\"\r\n\r\njson\r\n"), "{body}");
    assert!(body.contains("filename=\"pack.zip\"\r\nContent-Type: application/octet-stream\r\n\r\nPK binary\r\n"), "{body}");
    let execute = calls.iter().find(|call| call.path.ends_with("/execute")).unwrap();
    assert_eq!(execute.param("Pack"), r#"{"itemID":"i9"}"#);
}
