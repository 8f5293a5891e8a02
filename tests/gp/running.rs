//! Running a task: what is sent, how a job is followed, and how it ends.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geohaul::fetch::Input;
use geohaul::fetch::gp::{Job, Options, Parameters, Polling, Status, Task, Wanted};
use geohaul::fetch::http::{Cancel, Fault, FaultKind, Method, Request, Response, Transport};
use geohaul::fetch::retry::{Retry, RetryPolicy};
use geohaul::fetch::session::Session;
use geohaul::report::{MessageKind, Progress, Silent};
use geohaul::{ErrorKind, SpatialReference};
use serde_json::{Value, json};

use crate::script::*;

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
    let out_sr = SpatialReference::from_json(&json!({"wkid": 102100, "latestWkid": 3857}));
    let options = Options { out_sr, ..Options::default() };
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
    let transport = Arc::new(Hasty(geohaul::fetch::http::HttpTransport::default()));
    let session = Session::with_retry(Retry::new(transport, RetryPolicy::default()).with_clock(Arc::new(Rush::default())));
    let task = Task::open(&session, &format!("{address}{SERVICE}/T").parse().unwrap()).unwrap();
    let error = task.run(&Parameters::default(), &Options::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).err().unwrap();
    assert!(error.to_string().contains("it is not known whether the server ran the task"), "{error}");
    assert!(error.hint_text().unwrap().contains("run twice"), "{error:?}");
    let submissions = seen.lock().unwrap().iter().filter(|line| line.contains("submitJob")).count();
    assert_eq!(submissions, 1);
}

#[test]
fn everything_that_is_no_input_is_asked_for_in_the_words_of_old_and_new_servers() {
    let script = Script::default()
        .on("", [json!({"tasks": ["T"], "currentVersion": 11.2})])
        .on("/T", [task("Asynchronous", &[])])
        .on("/T/submitJob", [succeeded(&["N"])])
        .on("/T/jobs/j1/results/N", [result("N", "GPLong", json!(1))]);
    let options = Options {
        out_sr: SpatialReference::from_json(&json!({"wkid": 4326})),
        environment: vec![("processSR".to_owned(), "2056".to_owned()), ("workspace".to_owned(), "w".to_owned())],
        context: json!({"extent": {"xmin": 0}}).as_object().unwrap().clone(),
        true_curves: true,
        out_service: Some("Result".to_owned()),
        wanted: Wanted { z: true, m: true, server_kmz: false },
        ..Options::default()
    };
    let (script, _, job) = run_with(script, &Parameters::default(), &options);
    items(&mut job.unwrap());
    let sent = |name: &str| script.sent("/T/submitJob", name);
    assert_eq!(
        (sent("env:outSR"), sent("env:processSR"), sent("env:workspace")),
        (Some("4326".into()), Some("2056".into()), Some("w".into()))
    );
    let context: Value = serde_json::from_str(&sent("context").unwrap()).unwrap();
    assert_eq!(context, json!({"extent": {"xmin": 0}, "outSR": {"wkid": 4326}, "processSR": {"wkid": 2056}}));
    assert_eq!((sent("returnTrueCurves"), sent("simplifyFeatures")), (Some("true".into()), Some("false".into())));
    assert_eq!(sent("esri_out_feature_service_name").unwrap(), r#"{"serviceProperties":{"name":"Result"}}"#);
    assert_eq!(sent("returnZ"), None, "z and m are asked of the results");
    let of_result = |name: &str| script.sent("/T/jobs/j1/results/N", name);
    assert_eq!((of_result("returnZ"), of_result("returnM")), (Some("true".into()), Some("true".into())));
}

#[test]
fn an_output_service_is_for_jobs_only_and_overwrites_nothing_unasked() {
    let options = Options { out_service: Some("Result".to_owned()), ..Options::default() };
    let script = Script::default().on("/T", [task("Synchronous", &[])]);
    let (script, _, job) = run_with(script, &Parameters::default(), &options);
    assert_eq!((job.err().unwrap().kind(), script.asked("/T/execute")), (ErrorKind::Usage, 0));
    let kmz = Options { wanted: Wanted { server_kmz: true, ..Wanted::default() }, ..Options::default() };
    let (script, _, job) = run_with(Script::default().on("/T", [task("Synchronous", &[])]), &Parameters::default(), &kmz);
    assert_eq!((job.err().unwrap().kind(), script.asked("/T/execute")), (ErrorKind::Usage, 0));

    // A server that does not tell its version is taken for an old one.
    let (script, _, _) = run_with(job_of(&[], succeeded(&[]), []), &Parameters::default(), &options);
    assert_eq!(script.sent("/T/submitJob", "esri_out_feature_service_name").as_deref(), Some("Result"));
}

#[test]
fn a_job_that_takes_longer_than_the_time_out_goes_on_without_us() {
    let script = Arc::new(job_of(&[], status("esriJobSubmitted"), [status("esriJobExecuting")]));
    let task = Task::open(&session(&script), &task_url()).unwrap();
    let mut job = task.run(&Parameters::default(), &Options::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
    let error = job.wait(&Polling { timeout: Some(Duration::from_millis(30)), ..polling() }).unwrap_err();
    assert!(error.to_string().contains("it is executing after"), "{error}");
    assert!(error.hint_text().unwrap().contains("geohaul job wait"));
    assert_eq!((job.id(), job.status()), (Some("j1"), &Status::Executing));
    assert_eq!(script.asked("/T/jobs/j1/cancel"), 0);
}

#[test]
fn polls_survive_faults_of_the_network_and_a_busy_server() {
    /// Fails so many polls in a row, each after all its tries.
    struct Shaky(Arc<Script>, Mutex<u32>);
    impl Transport for Shaky {
        fn send(&self, request: &Request) -> Result<Response, Fault> {
            let mut left = self.1.lock().unwrap();
            if request.url.path().ends_with("/jobs/j1") && *left > 0 {
                *left -= 1;
                let kind = [FaultKind::CutOff, FaultKind::NoConnection, FaultKind::TimedOut][*left as usize % 3];
                return Err(Fault { kind, error: geohaul::Error::new(ErrorKind::Network, "the connection broke") });
            }
            self.0.send(request)
        }
    }
    let outcome = |faults: u32| {
        let script = Arc::new(job_of(&[], status("esriJobSubmitted"), [succeeded(&[])]));
        let transport = Arc::new(Shaky(Arc::clone(&script), Mutex::new(faults)));
        let session = Session::with_retry(Retry::new(transport, RetryPolicy::default()).with_clock(Arc::new(Rush::default())));
        let task = Task::open(&session, &task_url()).unwrap();
        let mut job = task.run(&Parameters::default(), &Options::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
        (job.wait(&polling()), script.asked("/T/submitJob"))
    };
    let (done, submitted) = outcome(30);
    assert_eq!((done.is_ok(), submitted), (true, 1));
    let (done, submitted) = outcome(40);
    assert_eq!((done.unwrap_err().kind(), submitted), (ErrorKind::Network, 1));
}

#[test]
fn progress_is_told_when_it_changes() {
    let working = |percent: u32| json!({"jobId": "j1", "jobStatus": "esriJobExecuting", "progress": {"type": "step", "message": "", "percent": percent}});
    let script = job_of(&[], status("esriJobSubmitted"), [working(10), working(10), working(60), succeeded(&[])]);
    let (_, ear, job) = run(script);
    job.unwrap();
    assert_eq!(*ear.progress.lock().unwrap(), [10.0, 60.0]);
}

#[test]
fn a_web_page_in_place_of_a_job_is_told_by_its_title() {
    let script =
        Script::default().on("/T", [task("Asynchronous", &[])]).file("/T/submitJob", b"<html><title>Sign in</title></html>");
    let (script, _, job) = run(script);
    let error = job.err().unwrap();
    assert!(error.to_string().contains("\"Sign in\""), "{error}");
    assert_eq!(script.asked("/T/submitJob"), 1);
}

#[test]
fn a_job_is_cancelled_even_when_the_session_was_stopped() {
    let script = Arc::new(
        job_of(&[], status("esriJobSubmitted"), [status("esriJobCancelling"), status("esriJobCancelled")])
            .on("/T/jobs/j1/cancel", [status("esriJobCancelling")]),
    );
    let cancel = Cancel::default();
    let session = session(&script).stopped_by(&cancel);
    let task = Task::open(&session, &task_url()).unwrap();
    let mut job = task.run(&Parameters::default(), &Options::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
    cancel.cancel();
    assert_eq!(job.wait(&polling()).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(*job.cancel(Duration::from_secs(5)).unwrap(), Status::Cancelled);
    assert_eq!(script.asked("/T/jobs/j1/cancel"), 1);
}

#[test]
fn a_job_is_attached_to_by_its_address_even_if_its_task_is_gone() {
    let script = Arc::new(
        Script::default().on("/T/jobs/j1", [succeeded(&["N"])]).on("/T/jobs/j1/results/N", [result("N", "GPLong", json!(7))]),
    );
    let url = format!("{}/jobs/j1?f=html", task_url()).parse().unwrap();
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    let job = Job::attach(&session(&script), &url, Wanted::default(), &silent).unwrap();
    assert_eq!((job.id(), job.result_names()), (Some("j1"), vec!["N".to_owned()]));
    assert_eq!(scalar(items(&mut job.results(None).unwrap()).remove(0)).value, json!(7));
    let gone = format!("{}/jobs/j2", task_url()).parse().unwrap();
    let error = Job::attach(&session(&script), &gone, Wanted::default(), &silent).unwrap_err();
    assert_eq!(error.what(), "the job has expired, or was never there");
}
