//! Geoprocessing against a scripted service: each status, each shape of a result, each form of an input.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geohaul::fetch::gp::{Given, Options, Parameters, Polling, Results, Task};
use geohaul::fetch::http::{Fault, Method, Request, Response, SharedTransport, Transport};
use geohaul::fetch::retry::{Clock, Retry, RetryPolicy};
use geohaul::fetch::session::Session;
use geohaul::fetch::{Input, Item, Scalar, Source};
use geohaul::model::{Evidence, ReadPlan};
use geohaul::pipe::Permits;
use geohaul::report::{MessageKind, Progress, Silent};
use geohaul::{Error, ErrorKind, SpatialReference};
use serde_json::{Value, json};
use url::Url;

const SERVICE: &str = "/arcgis/rest/services/Tools/GPServer";

/// A service that answers by a script: per path a list of bodies, the last of which stays.
#[derive(Default)]
struct Script {
    answers: Mutex<HashMap<String, VecDeque<String>>>,
    seen: Mutex<Vec<Request>>,
}

impl Script {
    fn on(self, path: &str, bodies: impl IntoIterator<Item = Value>) -> Self {
        let bodies = bodies.into_iter().map(|body| body.to_string()).collect();
        self.answers.lock().unwrap().insert(path.to_owned(), bodies);
        self
    }

    /// How often a path below the service was asked.
    fn asked(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    fn requests(&self, path: &str) -> Vec<Request> {
        let path = format!("{SERVICE}{path}");
        self.seen.lock().unwrap().iter().filter(|request| request.url.path() == path).cloned().collect()
    }

    /// A parameter of the only request to a path.
    fn sent(&self, path: &str, name: &str) -> Option<String> {
        let requests = self.requests(path);
        assert_eq!(requests.len(), 1, "{path} is asked once");
        requests[0].params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

impl Transport for Script {
    fn send(&self, request: &Request) -> Result<Response, Fault> {
        self.seen.lock().unwrap().push(request.clone());
        let path = request.url.path().strip_prefix(SERVICE).unwrap_or_default().to_owned();
        let mut answers = self.answers.lock().unwrap();
        let body = match answers.get_mut(&path) {
            Some(bodies) if bodies.len() > 1 => bodies.pop_front().unwrap(),
            Some(bodies) => bodies.front().unwrap().clone(),
            None => json!({"error": {"code": 400, "message": "Invalid URL", "details": []}}).to_string(),
        };
        let content_type = Some("application/json".to_owned());
        Ok(Response {
            status: 200,
            url: request.url.clone(),
            content_type,
            retry_after: None,
            server_time: None,
            body: body.into(),
        })
    }
}

/// Time that passes at once.
struct Rush;

impl Clock for Rush {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn sleep(&self, _: Duration) {}
    fn jitter(&self) -> f64 {
        0.0
    }
}

/// Remembers what was told.
#[derive(Default)]
struct Ear {
    statuses: Mutex<Vec<String>>,
    messages: Mutex<Vec<String>>,
}

impl Progress for Ear {
    fn job_status(&self, status: &str) {
        self.statuses.lock().unwrap().push(status.to_owned());
    }
    fn message(&self, _: MessageKind, text: &str) {
        self.messages.lock().unwrap().push(text.to_owned());
    }
}

fn parameter(name: &str, data_type: &str, role: &str) -> Value {
    let direction = if role == "Derived" { "Output" } else { "Input" };
    json!({
        "name": name, "dataType": data_type, "direction": format!("esriGPParameterDirection{direction}"),
        "parameterType": format!("esriGPParameterType{role}"), "defaultValue": null,
    })
}

fn task(execution: &str, parameters: &[Value]) -> Value {
    json!({"name": "T", "executionType": format!("esriExecutionType{execution}"), "parameters": parameters})
}

fn outputs(list: &[(&str, &str)]) -> Vec<Value> {
    list.iter().map(|(name, data_type)| parameter(name, data_type, "Derived")).collect()
}

fn status(name: &str) -> Value {
    json!({"jobId": "j1", "jobStatus": name})
}

fn said(name: &str, messages: &[&str]) -> Value {
    let message = |text: &&str| json!({"type": "esriJobMessageTypeInformative", "description": text});
    json!({"jobId": "j1", "jobStatus": name, "messages": messages.iter().map(message).collect::<Vec<_>>()})
}

fn succeeded(results: &[&str]) -> Value {
    let result = |name: &&str| ((*name).to_owned(), json!({"paramUrl": format!("results/{name}")}));
    json!({"jobId": "j1", "jobStatus": "esriJobSucceeded", "results": results.iter().map(result).collect::<serde_json::Map<_, _>>()})
}

fn result(name: &str, data_type: &str, value: Value) -> Value {
    json!({"paramName": name, "dataType": data_type, "value": value})
}

fn points(count: usize) -> Value {
    let feature = |id| json!({"attributes": {"OBJECTID": id}, "geometry": {"x": id, "y": 0}});
    json!({
        "geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326}, "exceededTransferLimit": false,
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
        "features": (0..count).map(feature).collect::<Vec<_>>(),
    })
}

fn task_url() -> Url {
    format!("http://h.example{SERVICE}/T").parse().unwrap()
}

fn polling() -> Polling {
    Polling { first: Duration::from_millis(1), longest: Duration::from_millis(1), ..Polling::default() }
}

fn session(script: &Arc<Script>) -> Session {
    Session::with_retry(Retry::new(Arc::clone(script) as SharedTransport, RetryPolicy::default()).with_clock(Arc::new(Rush)))
}

/// Opens and runs the task `T` of a script.
fn run_with(script: Script, parameters: &Parameters, options: &Options) -> (Arc<Script>, Arc<Ear>, Result<Results, Error>) {
    let (script, ear) = (Arc::new(script), Arc::new(Ear::default()));
    let job = Task::open(&session(&script), &task_url())
        .and_then(|task| task.run(parameters, options, &(Arc::clone(&ear) as Arc<dyn Progress>)))
        .and_then(|mut job| {
            job.wait(&polling())?;
            job.results(None)
        });
    (script, ear, job)
}

fn run(script: Script) -> (Arc<Script>, Arc<Ear>, Result<Results, Error>) {
    run_with(script, &Parameters::default(), &Options::default())
}

/// An asynchronous task whose job says `polls` one after the other.
fn job_of(outputs: &[Value], submitted: Value, polls: impl IntoIterator<Item = Value>) -> Script {
    Script::default().on("/T", [task("Asynchronous", outputs)]).on("/T/submitJob", [submitted]).on("/T/jobs/j1", polls)
}

fn items(job: &mut Results) -> Vec<geohaul::Result<Item>> {
    job.items().collect()
}

fn scalar(item: geohaul::Result<Item>) -> Scalar {
    match item.unwrap() {
        Item::Value(scalar) => scalar,
        _ => panic!("a value"),
    }
}

fn layer(item: geohaul::Result<Item>) -> Box<dyn Source> {
    match item.unwrap() {
        Item::Layer(source) => source,
        _ => panic!("a layer"),
    }
}

fn read(source: Box<dyn Source>) -> Evidence {
    let plan = ReadPlan { geometry: true, z: true, m: true, curve_tolerance: 0.01 };
    let mut pages = source.open(&plan, &Permits::new(4, 1 << 20), Arc::new(Silent)).unwrap();
    while let Some(page) = pages.next() {
        page.unwrap();
    }
    pages.finish().unwrap()
}

// Running

#[test]
fn a_synchronous_task_is_executed_once_and_its_results_come_in_the_tasks_order() {
    let results = json!({
        "results": [result("Count", "GPLong", json!(2)), result("Out", "GPFeatureRecordSetLayer", points(2))],
        "messages": [{"type": "esriJobMessageTypeInformative", "description": "done"}],
    });
    let task = task("Synchronous", &outputs(&[("Out", "GPFeatureRecordSetLayer"), ("Count", "GPLong")]));
    let (script, ear, job) = run(Script::default().on("/T", [task]).on("/T/execute", [results]));
    let mut job = job.unwrap();
    let mut found = items(&mut job).into_iter();
    let out = layer(found.next().unwrap());
    assert_eq!(out.header().name, "Out");
    assert_eq!(read(out).rows, 2);
    assert_eq!(scalar(found.next().unwrap()).value, json!(2));
    assert!(found.next().is_none());
    let request = &script.requests("/T/execute")[0];
    assert_eq!((request.method, request.repeatable), (Method::Post, false));
    assert!(request.idle_limit >= Duration::from_secs(600), "a tool is silent while it works");
    assert_eq!(*ear.messages.lock().unwrap(), ["done"]);
    assert_eq!(job.messages(), [(MessageKind::Informative, "done".to_owned())]);
    assert!(job.describe().ends_with("/GPServer/T"));
}

#[test]
fn a_job_is_followed_through_every_running_status_and_each_message_is_told_once() {
    let polls = [
        status("esriJobNew"),
        status("esriJobWaiting"),
        said("esriJobExecuting", &["a"]),
        said("esriJobExecuting", &["a", "b"]),
        said("esriJobExecuting", &["a", "b"]),
        json!({
            "jobId": "j1", "jobStatus": "esriJobSucceeded", "results": {"N": {"paramUrl": "results/N"}},
            "messages": [{"type": "x", "description": "a"}, {"type": "x", "description": "b"}, {"type": "x", "description": "c"}],
        }),
    ];
    let script = job_of(&outputs(&[("N", "GPLong")]), status("esriJobSubmitted"), polls)
        .on("/T/jobs/j1/results/N", [result("N", "GPLong", json!(7))]);
    let (script, ear, job) = run(script);
    let mut job = job.unwrap();
    assert_eq!(scalar(items(&mut job).remove(0)).value, json!(7));
    assert_eq!(*ear.statuses.lock().unwrap(), ["submitted", "new", "waiting", "executing", "succeeded"]);
    assert_eq!(*ear.messages.lock().unwrap(), ["a", "b", "c"]);
    assert_eq!((script.asked("/T/submitJob"), script.asked("/T/jobs/j1")), (1, 6));
    assert!(!script.requests("/T/submitJob")[0].repeatable && script.requests("/T/jobs/j1")[0].repeatable);
    assert!(job.describe().ends_with("/T/jobs/j1"), "the job can be found again: {}", job.describe());
}

#[test]
fn a_job_that_is_done_at_the_first_poll_or_at_once_gives_its_results() {
    let number = [result("N", "GPLong", json!(1))];
    let script = job_of(&outputs(&[("N", "GPLong")]), status("esriJobSubmitted"), [succeeded(&["N"])]);
    let (_, _, job) = run(script.on("/T/jobs/j1/results/N", number.clone()));
    assert_eq!(items(&mut job.unwrap()).len(), 1);

    let script = job_of(&outputs(&[("N", "GPLong")]), succeeded(&["N"]), []);
    let (script, _, job) = run(script.on("/T/jobs/j1/results/N", number));
    assert_eq!((items(&mut job.unwrap()).len(), script.asked("/T/jobs/j1")), (1, 0));
}

#[test]
fn a_list_of_results_that_comes_late_is_waited_for() {
    let polls = [status("esriJobSucceeded"), status("esriJobSucceeded"), succeeded(&["N"])];
    let script = job_of(&outputs(&[("N", "GPLong")]), status("esriJobSucceeded"), polls)
        .on("/T/jobs/j1/results/N", [result("N", "GPLong", json!(1))]);
    let (script, _, job) = run(script);
    assert_eq!((items(&mut job.unwrap()).len(), script.asked("/T/jobs/j1")), (1, 3));
}

#[test]
fn a_list_of_results_that_never_comes_is_an_error_of_the_output_and_no_empty_success() {
    let done = [status("esriJobSucceeded")];
    let (script, _, job) = run(job_of(&outputs(&[("N", "GPLong")]), status("esriJobSubmitted"), done));
    let found = items(&mut job.unwrap());
    assert_eq!((found.len(), script.asked("/T/jobs/j1/results/N")), (1, 1));
    assert!(found[0].is_err());
}

#[test]
fn a_job_without_outputs_is_asked_for_none() {
    let script = job_of(&outputs(&[("Out", "GPLong")]), status("esriJobSubmitted"), [succeeded(&[])]);
    let (script, _, job) = run(script);
    assert!(items(&mut job.unwrap()).is_empty());
    assert!(script.seen.lock().unwrap().iter().all(|request| !request.url.path().contains("/results")));
}

#[test]
fn every_failed_status_ends_with_the_servers_messages() {
    let failed = |name: &str, messages: Value| {
        let poll = json!({"jobId": "j1", "jobStatus": name, "messages": messages});
        let (_, _, job) = run(job_of(&[], status("esriJobSubmitted"), [poll]));
        job.err().expect("the job failed")
    };
    let error = failed(
        "esriJobFailed",
        json!([
            {"type": "esriJobMessageTypeInformative", "description": "Start"},
            {"type": "esriJobMessageTypeError", "description": "ERROR 000840: no points"},
            {"type": "esriJobMessageTypeError", "description": "Failed to execute (T)."},
        ]),
    );
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.what(), "the job of the task T failed");
    assert_eq!(error.why(), Some("ERROR 000840: no points; Failed to execute (T)."));
    assert!(error.place().url.as_deref().unwrap().ends_with("/jobs/j1"));

    assert_eq!(failed("esriJobFailed", json!([])).why(), Some("the server sent no messages"));
    let informative = json!([{"type": "esriJobMessageTypeInformative", "description": "Sad failure"}]);
    assert_eq!(failed("esriJobFailed", informative).why(), Some("Sad failure"));
    let (_, _, job) = run(job_of(
        &[],
        status("esriJobSubmitted"),
        [json!({
            "jobId": "j1", "jobStatus": "expectedFailure", "type": "notebook", "status": "failed",
            "messages": [{"type": "esriJobMessageTypeError", "description": "cell 3"}],
        })],
    ));
    assert_eq!(job.err().unwrap().why(), Some("cell 3"));
    assert_eq!(failed("esriJobTimedOut", json!([])).what(), "the job of the task T timed out");
    assert_eq!(failed("esriJobCancelled", json!([])).what(), "the job of the task T was cancelled");
    assert_eq!(failed("esriJobDeleted", json!([])).what(), "the job of the task T was deleted");
    assert_eq!(failed("expectedFailure", json!([])).what(), "the job of the task T failed");
}

#[test]
fn cancelling_and_deleting_are_waited_out() {
    let polls = [status("esriJobCancelling"), status("esriJobDeleting"), status("esriJobCancelled")];
    let (script, _, job) = run(job_of(&[], status("esriJobSubmitted"), polls));
    assert!(job.err().unwrap().to_string().contains("was cancelled"));
    assert_eq!(script.asked("/T/jobs/j1"), 3);
}

#[test]
fn an_unknown_status_is_waited_out_and_an_endless_one_is_given_up() {
    let polls = [status("esriJobPondering"), json!({"jobId": "j1"}), succeeded(&[])];
    let (_, _, job) = run(job_of(&[], status("esriJobSubmitted"), polls));
    assert!(job.is_ok());

    let (script, _, job) = run(job_of(&[], status("esriJobSubmitted"), [status("esriJobPondering")]));
    let error = job.err().unwrap();
    assert!(error.to_string().contains("esriJobPondering"), "{error}");
    assert_eq!(script.asked("/T/jobs/j1"), 21);
}

#[test]
fn a_job_that_the_server_no_longer_knows_is_an_error() {
    let gone = json!({"error": {"code": 400, "message": "Unable to complete operation.", "details": ["Job j1 does not exist"]}});
    let (_, _, job) = run(job_of(&[], status("esriJobSubmitted"), [gone]));
    assert!(job.err().unwrap().to_string().contains("Job j1 does not exist"));
}

#[test]
fn a_submission_without_a_job_id_is_an_error() {
    let (_, _, job) = run(job_of(&[], json!({"jobStatus": "esriJobSubmitted"}), []));
    assert!(job.err().unwrap().to_string().contains("names no job"));
}

#[test]
fn a_task_that_does_not_say_how_it_runs_asks_its_service() {
    let mut silent = task("", &[]);
    silent.as_object_mut().unwrap().remove("executionType");
    let service = json!({"tasks": ["T"], "executionType": "esriExecutionTypeSynchronous"});
    let script =
        Script::default().on("/T", [silent]).on("", [service]).on("/T/execute", [json!({"results": [], "messages": []})]);
    let (_, _, job) = run(script);
    assert!(items(&mut job.unwrap()).is_empty());
}

#[test]
fn addresses_of_services_operations_and_pasted_pages_are_understood() {
    let script = Arc::new(Script::default().on("/T", [task("Synchronous", &[])]).on("", [json!({"tasks": ["T", "Clip It"]})]));
    for tail in ["/T/", "/T/execute?f=html", "/T/submitJob", "/T?f=pjson#top"] {
        let task = Task::open(&session(&script), &format!("http://h.example{SERVICE}{tail}").parse().unwrap()).unwrap();
        assert_eq!(task.url(), &task_url(), "{tail}");
    }
    let service = format!("http://h.example{SERVICE}").parse().unwrap();
    let error = Task::open(&session(&script), &service).err().unwrap();
    assert!(error.to_string().contains("T, Clip It"), "{error}");
}

#[test]
fn an_error_of_execute_carries_the_servers_words() {
    let refused = json!({"error": {"code": 400, "message": "Unable to complete operation.", "details": ["ERROR 999999"]}});
    let script = Script::default().on("/T", [task("Synchronous", &[])]).on("/T/execute", [refused]);
    let (script, _, job) = run(script);
    assert!(job.err().unwrap().to_string().contains("ERROR 999999"));
    assert_eq!(script.asked("/T/execute"), 1);
}

#[test]
fn the_output_spatial_reference_is_asked_for_in_both_ways() {
    let script = Script::default().on("/T", [task("Synchronous", &[])]).on("/T/execute", [json!({"results": []})]);
    let mut options = Options::default();
    options.out_sr = SpatialReference::from_json(&json!({"wkid": 102100, "latestWkid": 3857}));
    let (script, _, _) = run_with(script, &Parameters::default(), &options);
    assert_eq!(script.sent("/T/execute", "env:outSR").as_deref(), Some("102100"));
    let context: Value = serde_json::from_str(&script.sent("/T/execute", "context").unwrap()).unwrap();
    assert_eq!(context["outSR"], json!({"wkid": 102100, "latestWkid": 3857}));
}

/// A server on loopback that describes a task and then never answers: says how often each path was asked.
fn silent_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let count = stream.read(&mut request).unwrap();
            let line = String::from_utf8_lossy(&request[..count]).lines().next().unwrap_or_default().to_owned();
            heard.lock().unwrap().push(line.clone());
            if line.starts_with("GET") {
                let body = task("Asynchronous", &[]).to_string();
                let length = body.len();
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
            } else {
                held.push(stream);
            }
        }
    });
    (address, seen)
}

#[test]
fn a_submission_that_times_out_is_not_sent_again() {
    /// The real client with less patience.
    struct Hasty(geohaul::fetch::http::HttpTransport);
    impl Transport for Hasty {
        fn send(&self, request: &Request) -> Result<Response, Fault> {
            let limit = Duration::from_millis(300);
            self.0.send(&Request { idle_limit: limit, total_limit: limit, ..request.clone() })
        }
    }
    let (address, seen) = silent_server();
    let transport = Arc::new(Hasty(geohaul::fetch::http::HttpTransport::new().unwrap()));
    let session = Session::with_retry(Retry::new(transport, RetryPolicy::default()).with_clock(Arc::new(Rush)));
    let task = Task::open(&session, &format!("{address}{SERVICE}/T").parse().unwrap()).unwrap();
    let error = task.run(&Parameters::default(), &Options::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).err().unwrap();
    assert!(error.to_string().contains("it is not known whether the server ran the task"), "{error}");
    assert!(error.hint_text().unwrap().contains("run twice"), "{error:?}");
    let submissions = seen.lock().unwrap().iter().filter(|line| line.contains("submitJob")).count();
    assert_eq!(submissions, 1);
}

// Results

/// The items of a job whose only result is `value`.
fn one_result(data_type: &str, value: Value) -> Vec<geohaul::Result<Item>> {
    let script = job_of(&outputs(&[("Out", data_type)]), status("esriJobSubmitted"), [succeeded(&["Out"])])
        .on("/T/jobs/j1/results/Out", [result("Out", data_type, value)]);
    items(&mut run(script).2.unwrap())
}

#[test]
fn rows_come_in_every_shape_and_are_named_after_the_parameter() {
    let collection = json!({"layerDefinition": {"name": "Other", "geometryType": "esriGeometryPoint"}, "featureSet": points(3)});
    let record_set = json!({"fields": [{"name": "A", "type": "esriFieldTypeInteger"}], "features": [{"attributes": {"A": 1}}]});
    for (data_type, value, rows) in [
        ("GPFeatureRecordSetLayer", points(2), 2),
        ("GPFeatureRecordSetLayer", collection.clone(), 3),
        ("GPString", collection, 3),
        ("GPRecordSet", record_set, 1),
        ("GPFeatureRecordSetLayer", points(0), 0),
    ] {
        let mut found = one_result(data_type, value);
        let source = layer(found.remove(0));
        assert_eq!(source.header().name, "Out");
        let evidence = read(source);
        assert_eq!((evidence.rows, evidence.missing()), (rows, 0), "{data_type}");
        assert!(found.is_empty());
    }
}

#[test]
fn values_that_are_no_rows_stay_as_the_server_wrote_them() {
    for (data_type, value) in [
        ("GPDouble", json!(2.5)),
        ("GPString", json!("text")),
        ("GPString", Value::Null),
        ("GPLinearUnit", json!({"distance": 8.5, "units": "esriMiles"})),
        ("GPMultiValue:GPString", json!(["a", "b"])),
        ("GPFeatureRecordSetLayer", Value::Null),
        ("GPNovelty", json!({"anything": [1]})),
    ] {
        let found = scalar(one_result(data_type, value.clone()).remove(0));
        assert_eq!(found, Scalar { name: "Out".to_owned(), data_type: data_type.to_owned(), value });
    }
}

#[test]
fn file_addresses_become_downloads_and_relative_ones_are_resolved() {
    let urls = |value: Value| -> Vec<String> {
        let url = |item: geohaul::Result<Item>| match item.unwrap() {
            Item::File(download) => download.url.to_string(),
            _ => panic!("a file"),
        };
        one_result("GPDataFile", value).into_iter().map(url).collect()
    };
    assert_eq!(urls(json!({"url": "https://files.example/a.zip"})), ["https://files.example/a.zip"]);
    assert_eq!(urls(json!({"url": "/arcgis/x/a.zip"})), ["http://h.example/arcgis/x/a.zip"]);
    assert_eq!(urls(json!([{"url": "http://h/1"}, {"url": "http://h/2"}])), ["http://h/1", "http://h/2"]);
}

#[test]
fn a_cut_off_result_never_looks_whole() {
    let mut cut = points(0);
    cut["exceededTransferLimit"] = json!(true);
    let collection = json!({"layerDefinition": {}, "featureSet": cut.clone()});
    for value in [cut, collection] {
        let evidence = read(layer(one_result("GPFeatureRecordSetLayer", value).remove(0)));
        assert!(evidence.cut_off && evidence.missing() > 0);
    }
    let bare = one_result("GPFeatureRecordSetLayer", json!({"exceededTransferLimit": true})).remove(0);
    assert_eq!(bare.err().unwrap().kind(), ErrorKind::Incomplete);
}

#[test]
fn a_picture_of_a_result_is_asked_for_again_as_data() {
    let picture = result("Out", "GPFeatureRecordSetLayer", json!({"mapImage": {"href": "http://h/a.png"}}));
    let script = |answers: Vec<Value>| {
        job_of(&outputs(&[("Out", "GPFeatureRecordSetLayer")]), status("esriJobSubmitted"), [succeeded(&["Out"])])
            .on("/T/jobs/j1/results/Out", answers)
    };
    let data = result("Out", "GPFeatureRecordSetLayer", points(4));
    let (asked, _, job) = run(script(vec![picture.clone(), data]));
    assert_eq!(read(layer(items(&mut job.unwrap()).remove(0))).rows, 4);
    let second = &asked.requests("/T/jobs/j1/results/Out")[1];
    assert!(second.params.contains(&("returnType".to_owned(), "data".to_owned())));

    let (_, _, job) = run(script(vec![picture]));
    assert_eq!(items(&mut job.unwrap()).remove(0).err().unwrap().kind(), ErrorKind::Unsupported);
}

#[test]
fn one_bad_result_does_not_end_the_others() {
    let names = [("A", "GPLong"), ("B", "GPLong"), ("C", "GPLong")];
    let script = job_of(&outputs(&names), status("esriJobSubmitted"), [succeeded(&["C", "B", "A"])])
        .on("/T/jobs/j1/results/A", [result("A", "GPLong", json!(1))])
        .on("/T/jobs/j1/results/C", [result("C", "GPLong", json!(3))]);
    let mut found = items(&mut run(script).2.unwrap());
    assert_eq!(found.len(), 3);
    assert_eq!(scalar(found.remove(0)).name, "A");
    assert_eq!(found.remove(0).err().unwrap().place().layer.as_deref(), Some("B"));
    assert_eq!(scalar(found.remove(0)).name, "C");
}

// Parameters

/// What a task receives for `In=VALUE`, as JSON.
fn received(data_type: &str, value: &str) -> Result<Value, Error> {
    let parameters = [parameter("In", data_type, "Required")];
    let script = Script::default().on("/T", [task("Synchronous", &parameters)]).on("/T/execute", [json!({"results": []})]);
    let inputs = Parameters::parse([format!("In={value}")]).unwrap();
    let (script, _, job) = run_with(script, &inputs, &Options::default());
    job.map(|_| serde_json::from_str(&script.sent("/T/execute", "In").unwrap()).unwrap())
}

fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

const GEOJSON: &str = r#"{"type":"FeatureCollection","features":[
    {"type":"Feature","properties":{"NAME":"Łódź","N":7,"D":1.25},"geometry":{"type":"Polygon","coordinates":
        [[[0,0],[10,0],[10,10],[0,10],[0,0]],[[1,1],[1,2],[2,2],[2,1],[1,1]]]}},
    {"type":"Feature","properties":{"NAME":null,"N":null,"D":null},"geometry":{"type":"MultiPolygon","coordinates":
        [[[[20,0],[30,0],[30,10],[20,0]]],[[[40,0],[50,0],[50,10],[40,0]]]]}}
]}"#;

const RINGS: [&str; 2] = [
    "[[[0.0,0.0],[0.0,10.0],[10.0,10.0],[10.0,0.0],[0.0,0.0]],[[1.0,1.0],[2.0,1.0],[2.0,2.0],[1.0,2.0],[1.0,1.0]]]",
    "[[[20.0,0.0],[30.0,10.0],[30.0,0.0],[20.0,0.0]],[[40.0,0.0],[50.0,10.0],[50.0,0.0],[40.0,0.0]]]",
];

fn ring_text(set: &Value, row: usize) -> String {
    set["features"][row]["geometry"]["rings"].to_string()
}

#[test]
fn a_geojson_file_arrives_as_an_esri_feature_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "areas.geojson", GEOJSON);
    let set = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolygon");
    assert_eq!(set["spatialReference"], json!({"wkid": 4326}));
    let fields: Vec<_> = set["fields"].as_array().unwrap().iter().map(|f| (f["name"].clone(), f["type"].clone())).collect();
    assert_eq!(
        fields,
        [("NAME", "String"), ("N", "Integer"), ("D", "Double")]
            .map(|(name, kind)| (json!(name), json!(format!("esriFieldType{kind}"))))
    );
    assert_eq!([ring_text(&set, 0), ring_text(&set, 1)], RINGS);
    assert_eq!(set["features"][0]["attributes"], json!({"NAME": "Łódź", "N": 7, "D": 1.25}));
    assert_eq!(set["features"][1]["attributes"], json!({"NAME": null, "N": null, "D": null}));
}

/// A Shapefile that GDAL makes of [`GEOJSON`].
fn shapefile(folder: &Path, options: &[&str]) -> PathBuf {
    let source = file(folder, "areas.geojson", GEOJSON);
    let path = folder.join("areas.shp");
    let made = Command::new("ogr2ogr").args(options).arg(&path).arg(&source).status().unwrap();
    assert!(made.success());
    path
}

#[test]
fn a_shapefile_arrives_as_an_esri_feature_set_in_its_own_spatial_reference() {
    let folder = tempfile::tempdir().unwrap();
    let path = shapefile(folder.path(), &["-lco", "ENCODING=UTF-8"]);
    let set = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolygon");
    let expected = if cfg!(feature = "gdal") { json!({"wkid": 4326}) } else { set["spatialReference"].clone() };
    assert_eq!(set["spatialReference"], expected);
    let names: Vec<_> = set["fields"].as_array().unwrap().iter().map(|field| field["name"].clone()).collect();
    assert_eq!(names, ["NAME", "N", "D"]);
    assert_eq!(set["features"][0]["attributes"], json!({"NAME": "Łódź", "N": 7, "D": 1.25}));
    assert_eq!(set["features"][1]["attributes"], json!({"NAME": null, "N": null, "D": null}));
    assert_eq!([ring_text(&set, 0), ring_text(&set, 1)], RINGS);
}

#[test]
fn a_shapefile_without_a_spatial_reference_or_in_a_strange_code_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = shapefile(folder.path(), &["-lco", "ENCODING=ISO-8859-2"]);
    let error = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err();
    assert!(error.hint_text().unwrap().contains("ENCODING=UTF-8"), "{error:?}");
    std::fs::remove_file(path.with_extension("prj")).unwrap();
    let error = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err();
    assert!(error.to_string().contains("no .prj"), "{error}");
}

#[test]
fn esri_json_arrives_as_it_is_with_what_it_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let whole = points(2);
    let path = file(folder.path(), "layer.json", &whole.to_string());
    assert_eq!(received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap(), whole);

    let bare = json!({"features": [{"attributes": {"A": 1}, "geometry": {"paths": [[[0, 0], [1, 1]]], "spatialReference": {"wkid": 2056}}}]});
    let set = received("GPFeatureRecordSetLayer", &bare.to_string()).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolyline");
    assert_eq!(set["spatialReference"], json!({"wkid": 2056}));
    assert_eq!(set["fields"][0]["type"], "esriFieldTypeInteger");
    assert_eq!(set["features"], bare["features"]);

    let result = file(folder.path(), "result.json", &result("Out", "GPFeatureRecordSetLayer", points(2)).to_string());
    assert_eq!(received("GPFeatureRecordSetLayer", &format!("@{}", result.display())).unwrap(), whole);
    let reference = json!({"url": "https://h/rest/services/X/FeatureServer/0"});
    assert_eq!(received("GPFeatureRecordSetLayer", &reference.to_string()).unwrap(), reference);
}

#[test]
fn a_record_set_takes_the_attributes_of_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "areas.geojson", GEOJSON);
    let set = received("GPRecordSet", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["features"][0], json!({"attributes": {"NAME": "Łódź", "N": 7, "D": 1.25}}));
    assert_eq!(set.get("geometryType"), None);
}

#[test]
fn a_file_that_is_missing_or_holds_no_features_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, content: &str| {
        let path = file(folder.path(), name, content);
        received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err().to_string()
    };
    assert!(refused("a.json", "{\"features\":").contains("a.json"));
    assert!(refused("b.json", "{\"some\":1}").contains("no feature set"));
    assert!(refused("c.geojson", r#"{"type":"FeatureCollection","features":[]}"#).contains("no features"));
    assert!(refused("d.geojson", r#"{"type":"GeometryCollection","geometries":[]}"#).contains("GeometryCollection"));
    assert!(refused("e.shp", "no shapefile").contains("e.shp"));
    let missing = received("GPFeatureRecordSetLayer", "@/nowhere/x.geojson").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::File);
}

#[test]
fn nothing_is_sent_before_all_values_are_right() {
    let parameters = [parameter("In", "GPLong", "Required"), parameter("Mode", "GPString", "Optional")];
    for (inputs, expected) in [
        (Parameters::parse(["In=x"]).unwrap(), "no whole number"),
        (Parameters::default(), "needs a value for In"),
        (Parameters::parse(["In=1", "Moed=a"]).unwrap(), "has no parameter Moed"),
    ] {
        let script = Script::default().on("/T", [task("Synchronous", &parameters)]);
        let (script, _, job) = run_with(script, &inputs, &Options::default());
        let error = job.err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!((error.kind(), script.asked("/T/execute")), (ErrorKind::Usage, 0));
    }
    let script = Script::default().on("/T", [task("Synchronous", &parameters)]).on("/T/execute", [json!({"results": []})]);
    let (script, _, _) = run_with(script, &Parameters::default().with("In", Given::Json(json!(5))), &Options::default());
    assert_eq!(script.sent("/T/execute", "In").as_deref(), Some("5"));
}
