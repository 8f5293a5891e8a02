//! A geoprocessing service that answers by a script, and the way to its results.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geohaul::fetch::clock::Clock;
use geohaul::fetch::gp::{Options, Parameters, Polling, Results, Task};
use geohaul::fetch::http::{Fault, FaultKind, Request, Response, SharedTransport, Transport};
use geohaul::fetch::retry::{Retry, RetryPolicy};
use geohaul::fetch::session::Session;
use geohaul::fetch::{Input, Item, Scalar, Source};
use geohaul::model::{Evidence, ReadPlan};
use geohaul::pipe::Permits;
use geohaul::report::{MessageKind, Progress, Silent};
use geohaul::{Error, ErrorKind};
use serde_json::{Value, json};
use url::Url;

pub(crate) const SERVICE: &str = "/arcgis/rest/services/Tools/GPServer";

/// A service that answers by a script: per path a list of bodies, the last of which stays.
#[derive(Default)]
pub(crate) struct Script {
    answers: Mutex<HashMap<String, VecDeque<Vec<u8>>>>,
    pub(crate) seen: Mutex<Vec<Request>>,
    /// Hosts that nobody can reach.
    hidden: Vec<String>,
}

impl Script {
    pub(crate) fn on(self, path: &str, bodies: impl IntoIterator<Item = Value>) -> Self {
        let bodies = bodies.into_iter().map(|body| body.to_string().into_bytes()).collect();
        self.answers.lock().unwrap().insert(path.to_owned(), bodies);
        self
    }

    /// A file at a path.
    pub(crate) fn file(self, path: &str, body: &[u8]) -> Self {
        self.answers.lock().unwrap().insert(path.to_owned(), VecDeque::from([body.to_vec()]));
        self
    }

    /// A host that can't be reached from here.
    pub(crate) fn hides(mut self, host: &str) -> Self {
        self.hidden.push(host.to_owned());
        self
    }

    /// How often a path below the service was asked.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let path = if path.starts_with("/arcgis") { path.to_owned() } else { format!("{SERVICE}{path}") };
        self.seen.lock().unwrap().iter().filter(|request| request.url.path() == path).cloned().collect()
    }

    /// A parameter of the only request to a path.
    pub(crate) fn sent(&self, path: &str, name: &str) -> Option<String> {
        let requests = self.requests(path);
        assert_eq!(requests.len(), 1, "{path} is asked once");
        requests[0].params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

impl Transport for Script {
    fn send(&self, request: &Request) -> Result<Response, Fault> {
        self.seen.lock().unwrap().push(request.clone());
        if self.hidden.iter().any(|host| request.url.host_str() == Some(host)) {
            return Err(Fault { kind: FaultKind::UnknownHost, error: Error::new(ErrorKind::Network, "the host is not known") });
        }
        let path = request.url.path();
        let path = path.strip_prefix(SERVICE).unwrap_or(path).to_owned();
        let mut answers = self.answers.lock().unwrap();
        let body = match answers.get_mut(&path) {
            Some(bodies) if bodies.len() > 1 => bodies.pop_front().unwrap(),
            Some(bodies) => bodies.front().unwrap().clone(),
            None => json!({"error": {"code": 400, "message": "Invalid URL", "details": []}}).to_string().into_bytes(),
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
#[derive(Default)]
pub(crate) struct Rush(Mutex<Duration>);

impl Clock for Rush {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, wait: Duration) {
        *self.0.lock().unwrap() += wait;
    }
    fn jitter(&self) -> f64 {
        0.0
    }
}

/// Remembers what was told.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) statuses: Mutex<Vec<String>>,
    pub(crate) messages: Mutex<Vec<String>>,
    pub(crate) progress: Mutex<Vec<f64>>,
}

impl Progress for Ear {
    fn job_status(&self, status: &str) {
        self.statuses.lock().unwrap().push(status.to_owned());
    }
    fn job_progress(&self, percent: Option<f64>, _: &str) {
        self.progress.lock().unwrap().extend(percent);
    }
    fn message(&self, _: MessageKind, text: &str) {
        self.messages.lock().unwrap().push(text.to_owned());
    }
}

pub(crate) fn parameter(name: &str, data_type: &str, role: &str) -> Value {
    let direction = if role == "Derived" { "Output" } else { "Input" };
    json!({
        "name": name, "dataType": data_type, "direction": format!("esriGPParameterDirection{direction}"),
        "parameterType": format!("esriGPParameterType{role}"), "defaultValue": null,
    })
}

pub(crate) fn task(execution: &str, parameters: &[Value]) -> Value {
    json!({"name": "T", "executionType": format!("esriExecutionType{execution}"), "parameters": parameters})
}

pub(crate) fn outputs(list: &[(&str, &str)]) -> Vec<Value> {
    list.iter().map(|(name, data_type)| parameter(name, data_type, "Derived")).collect()
}

pub(crate) fn status(name: &str) -> Value {
    json!({"jobId": "j1", "jobStatus": name})
}

pub(crate) fn said(name: &str, messages: &[&str]) -> Value {
    let message = |text: &&str| json!({"type": "esriJobMessageTypeInformative", "description": text});
    json!({"jobId": "j1", "jobStatus": name, "messages": messages.iter().map(message).collect::<Vec<_>>()})
}

pub(crate) fn succeeded(results: &[&str]) -> Value {
    let result = |name: &&str| ((*name).to_owned(), json!({"paramUrl": format!("results/{name}")}));
    json!({"jobId": "j1", "jobStatus": "esriJobSucceeded", "results": results.iter().map(result).collect::<serde_json::Map<_, _>>()})
}

pub(crate) fn result(name: &str, data_type: &str, value: Value) -> Value {
    json!({"paramName": name, "dataType": data_type, "value": value})
}

pub(crate) fn points(count: usize) -> Value {
    let feature = |id| json!({"attributes": {"OBJECTID": id}, "geometry": {"x": id, "y": 0}});
    json!({
        "geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326}, "exceededTransferLimit": false,
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
        "features": (0..count).map(feature).collect::<Vec<_>>(),
    })
}

pub(crate) fn task_url() -> Url {
    format!("http://h.example{SERVICE}/T").parse().unwrap()
}

pub(crate) fn polling() -> Polling {
    Polling { first: Duration::from_millis(1), longest: Duration::from_millis(1), ..Polling::default() }
}

pub(crate) fn session(script: &Arc<Script>) -> Session {
    Session::with_retry(
        Retry::new(Arc::clone(script) as SharedTransport, RetryPolicy::default()).with_clock(Arc::new(Rush::default())),
    )
}

/// Opens and runs the task `T` of a script.
pub(crate) fn run_with(
    script: Script,
    parameters: &Parameters,
    options: &Options,
) -> (Arc<Script>, Arc<Ear>, Result<Results, Error>) {
    let (script, ear) = (Arc::new(script), Arc::new(Ear::default()));
    let job = Task::open(&session(&script), &task_url())
        .and_then(|task| task.run(parameters, options, &(Arc::clone(&ear) as Arc<dyn Progress>)))
        .and_then(|mut job| {
            job.wait(&polling())?;
            job.results(None)
        });
    (script, ear, job)
}

pub(crate) fn run(script: Script) -> (Arc<Script>, Arc<Ear>, Result<Results, Error>) {
    run_with(script, &Parameters::default(), &Options::default())
}

/// An asynchronous task whose job says `polls` one after the other.
pub(crate) fn job_of(outputs: &[Value], submitted: Value, polls: impl IntoIterator<Item = Value>) -> Script {
    Script::default().on("/T", [task("Asynchronous", outputs)]).on("/T/submitJob", [submitted]).on("/T/jobs/j1", polls)
}

pub(crate) fn items(job: &mut Results) -> Vec<geohaul::Result<Item>> {
    job.items().collect()
}

pub(crate) fn scalar(item: geohaul::Result<Item>) -> Scalar {
    match item.unwrap() {
        Item::Value(scalar) => scalar,
        _ => panic!("a value"),
    }
}

pub(crate) fn layer(item: geohaul::Result<Item>) -> Box<dyn Source> {
    match item.unwrap() {
        Item::Layer(source) => source,
        _ => panic!("a layer"),
    }
}

pub(crate) fn read(source: Box<dyn Source>) -> Evidence {
    let plan = ReadPlan { geometry: true, z: true, m: true, curve_tolerance: 0.01, keep_curves: false };
    let mut pages = source.open(&plan, &Permits::new(4, 1 << 20), Arc::new(Silent)).unwrap();
    while let Some(page) = pages.next() {
        page.unwrap();
    }
    pages.finish().unwrap()
}
