//! Geoprocessing: run a task or attach to a job, wait for it, and hand out its results as an [`Input`](super::Input).
//!
//! [`Task::open`] reads what the task takes and gives; [`Task::run`] checks the values ([`Parameters`]) and sends them
//! (`execute` or `submitJob`, whichever the task wants, never twice); [`Job::wait`] follows the job to its end, and
//! [`Job::results`] are its outputs in the task's order.
//!
//! ```no_run
//! use geohaul::fetch::gp::{Options, Parameters, Polling, Task};
//! use geohaul::fetch::{Input, Item};
//! use geohaul::report::silent;
//! use geohaul::Session;
//!
//! let url = "https://h.example/arcgis/rest/services/Tools/GPServer/Buffer".parse().unwrap();
//! let task = Task::open(&Session::online(), &url)?;
//! let parameters = Parameters::parse(["Input_Features=@wells.geojson"])?.with("Distance", "2 miles").with("Segments", 36);
//! let mut job = task.run(&parameters, &Options::default(), &silent())?;
//! job.wait(&Polling::default())?;
//! for item in job.results(None)?.items() {
//!     match item? {
//!         Item::Layer(layer) => println!("{}: {:?} rows", layer.header().name, layer.header().count),
//!         Item::Value(scalar) => println!("{} = {}", scalar.name, scalar.value),
//!         Item::File(file) => println!("{}: {}", file.name, file.url),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), geohaul::Error>(())
//! ```

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::http::{FaultKind, Method, Request};
use super::retry::{Cause, Refused};
use super::session::{Answer, Session};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::esri::failure::Shape;
use crate::esri::job::Job as JobStatus;
use crate::esri::task::{Service, Task as TaskInfo};
use crate::model::SpatialReference;
use crate::report::Progress;

mod hosted;
mod image;
mod job;
mod origin;
mod parameters;
mod record;
mod recovery;
mod results;
mod told;
mod units;
mod uploads;
mod values;
mod wait;

pub use hosted::Portal;
pub use job::Job;
use origin::Origin;
pub use parameters::{Given, Parameters};
pub use record::Record;
pub use results::Results;
use values::Encoded;
pub use values::example;
pub use wait::Polling;

pub use crate::esri::job::{Level, Message, Phase, Status};
pub use crate::esri::task::{Direction, Execution, Need, Parameter};

/// How to run a task.
#[derive(Debug, Clone)]
pub struct Options {
    /// The spatial reference to ask the results in; `None` leaves it to the task.
    pub out_sr: Option<SpatialReference>,
    /// Further settings of the environment, such as `processSR`.
    pub environment: Vec<(String, String)>,
    /// Members of the parameter `context`; what the fields above say is added to it.
    pub context: Map<String, Value>,
    /// Ask for curves as they are. Otherwise the server makes straight segments of them.
    pub true_curves: bool,
    /// The name of a feature service to write the results into, in place of sending them; or JSON with its properties.
    pub out_service: Option<String>,
    /// What to ask of each result.
    pub wanted: Wanted,
    /// The longest a synchronous task may take: the server is silent until it is done.
    pub execute_limit: Duration,
}

/// What to ask of each result of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The z of vertices.
    pub z: bool,
    /// The m of vertices.
    pub m: bool,
    /// The KMZ that the server makes of each result with rows, as a file beside it.
    pub server_kmz: bool,
}

impl Wanted {
    fn params(self) -> Vec<(String, String)> {
        let flags = [("returnZ", self.z), ("returnM", self.m)];
        flags.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name.to_owned(), "true".to_owned())).collect()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            out_sr: None,
            environment: Vec::new(),
            context: Map::new(),
            true_curves: false,
            out_service: None,
            wanted: Wanted::default(),
            execute_limit: Duration::from_secs(3600),
        }
    }
}

/// A task of a geoprocessing service, with its description.
pub struct Task {
    session: Session,
    url: Url,
    info: Arc<TaskInfo>,
    execution: Execution,
    service: Arc<OnceLock<Service>>,
    /// It is one of the tasks of hosted analysis, which take features as text.
    hosted: bool,
}

impl Task {
    /// Reads the description of the task at `url`: `.../GPServer/<task>`, also with `/execute`, `/submitJob` or a
    /// query behind it.
    ///
    /// # Errors
    /// Where the server can't be asked, or there is no task at `url`.
    pub fn open(session: &Session, url: &Url) -> Result<Self> {
        let answer = session.ask(&session.request(&task_url(url), &[]), false)?;
        // A redirect turns POST into GET, so everything else goes straight to where it led.
        let url = task_url(&answer.url);
        let json = &answer.skeleton.value;
        let Some(info) = TaskInfo::from_json(json) else {
            let error = Error::new(ErrorKind::Usage, "there is no geoprocessing task at this address").at_url(&url);
            let tasks = Service::from_json(json).tasks;
            return Err(match tasks.as_slice() {
                [] => error.hint("give the address of a task: https://.../GPServer/<task>"),
                tasks => {
                    error.because(format!("it is a service with the tasks {}", tasks.join(", "))).hint("append the task's name")
                }
            });
        };
        let service = Arc::new(OnceLock::new());
        let execution = match info.execution {
            Some(execution) => execution,
            None => service_execution(session, &url, &service)?,
        };
        Ok(Self { session: session.clone(), url, info: Arc::new(info), execution, service, hosted: false })
    }

    /// What the task takes and gives.
    pub fn info(&self) -> &TaskInfo {
        &self.info
    }

    /// The task's address, without query.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How the task runs: by its own word, else by that of its service.
    pub fn execution(&self) -> Execution {
        self.execution
    }

    /// Starts the task. A synchronous one is done then, and its results are there; the other is a job to wait for.
    /// `progress` hears each status and each message once, here and in what is done with the job.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for values that the task can't take, before anything is sent; whatever keeps an answer away.
    pub fn run(&self, parameters: &Parameters, options: &Options, progress: &Arc<dyn Progress>) -> Result<Job> {
        let session = self.session.watched_by(Arc::clone(progress));
        let values = parameters.encode(&self.info, self.hosted)?;
        let settings = self.settings(options)?;
        let params = filled(values, &mut |path| self.upload(&session, path))?.into_iter().chain(settings).collect();
        let mut request = post(&session, &child(&self.url, &[self.operation()]), params);
        request.repeatable = false;
        if self.execution == Execution::Synchronous {
            request.idle_limit = options.execute_limit;
            request.total_limit = options.execute_limit;
        }
        let answer = session.ask(&request, false).map_err(|refused| self.unanswered(refused, &request))?;
        let origin = Origin {
            session,
            task_url: self.url.clone(),
            task: Arc::clone(&self.info),
            service: Arc::clone(&self.service),
            progress: Arc::clone(progress),
            wanted: options.wanted,
        };
        let status = JobStatus::from_json(&answer.skeleton.value);
        if status.id.is_empty() { self.executed(origin, answer) } else { Ok(Job::submitted(origin, status)) }
    }

    /// The request that [`Task::run`] would send, checked: its address and parameters. Nothing is sent or uploaded; a
    /// file has the place of its item's id, and secrets are hidden.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for values that the task can't take.
    pub fn preview(&self, parameters: &Parameters, options: &Options) -> Result<(Url, Vec<(String, String)>)> {
        let values = parameters.encode(&self.info, self.hosted)?;
        let mut params = filled(values, &mut |path| Ok(format!("(of {}, once it is uploaded)", path.display())))?;
        params.extend(self.settings(options)?);
        params.push(("f".to_owned(), "json".to_owned()));
        let params = params.into_iter().map(|(name, value)| (name, hidden(&value))).collect();
        Ok((child(&self.url, &[self.operation()]), params))
    }

    /// The id of a file at the service, to which it is brought.
    fn upload(&self, session: &Session, path: &Path) -> Result<String> {
        let service = origin::service(session, &self.url, &self.service);
        // A service that told nothing of itself may take it.
        if !service.uploads && !service.tasks.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the service takes no uploads")
                .in_file(path)
                .hint("put the file where the server can get it, and give its address: NAME=https://..."));
        }
        uploads::upload(session, &parent(&self.url), path)
    }

    fn operation(&self) -> &'static str {
        match self.execution {
            Execution::Synchronous => "execute",
            Execution::Asynchronous => "submitJob",
        }
    }

    /// The parameters that are no inputs of the tool.
    fn settings(&self, options: &Options) -> Result<Vec<(String, String)>> {
        let mut context = options.context.clone();
        let mut params: Vec<(String, String)> = Vec::new();
        if let Some(sr) = &options.out_sr {
            let json = sr.to_json();
            params.push((
                "env:outSR".to_owned(),
                sr.wkid.or(sr.latest_wkid).map_or_else(|| json.to_string(), |code| code.to_string()),
            ));
            context.insert("outSR".to_owned(), json);
        }
        for (name, value) in &options.environment {
            params.push((format!("env:{name}"), value.clone()));
            // Old servers know `env:`, new ones ask for `context`; each ignores the other.
            if let Some(json) = spatial_reference(name, value) {
                context.insert(name.clone(), json);
            }
        }
        if !context.is_empty() {
            params.push(("context".to_owned(), Value::Object(context).to_string()));
        }
        // The server's default removes vertices.
        params.push(("simplifyFeatures".to_owned(), "false".to_owned()));
        if options.true_curves {
            params.push(("returnTrueCurves".to_owned(), "true".to_owned()));
        }
        match (&options.out_service, self.execution) {
            (None, Execution::Synchronous) if options.wanted.server_kmz => {
                return Err(Error::new(ErrorKind::Usage, format!("there is no KMZ of the task {} to keep", self.info.name))
                    .because("it is synchronous, and would have to run a second time for it")
                    .hint("leave --server-kmz out; --format kmz writes one here"));
            }
            (None, Execution::Synchronous) => params.extend(options.wanted.params()),
            (None, Execution::Asynchronous) => {}
            (Some(_), Execution::Synchronous) => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("the task {} can't write its results into a service", self.info.name),
                )
                .because("it is synchronous")
                .hint("leave --out-service out"));
            }
            (Some(name), Execution::Asynchronous) => {
                let service = origin::service(&self.session, &self.url, &self.service);
                params.push(("esri_out_feature_service_name".to_owned(), out_service(name, service)));
            }
        }
        Ok(params)
    }

    /// The job behind an `execute` answer.
    fn executed(&self, origin: Origin, answer: Answer) -> Result<Job> {
        let messages = Message::list(&answer.skeleton.value);
        wait::tell(origin.progress.as_ref(), &messages);
        if answer.skeleton.value.get("results").is_none() {
            let why = match self.execution {
                Execution::Synchronous => "the answer holds no results",
                Execution::Asynchronous => "the answer names no job",
            };
            return Err(Error::new(ErrorKind::Server, format!("the task {} gave nothing", self.info.name))
                .because(why)
                .at_url(&self.url));
        }
        Ok(Job::executed(origin, answer, messages))
    }

    /// A request that may have reached the server is not sent again: the tool would run twice.
    fn unanswered(&self, refused: Refused, request: &Request) -> Error {
        let uncertain = match &refused.cause {
            Cause::Fault(kind) => matches!(kind, FaultKind::TimedOut | FaultKind::CutOff | FaultKind::Other),
            Cause::Failure(failure) => matches!(failure.shape, Shape::Empty | Shape::Broken),
        };
        if !uncertain {
            return refused.error.hint("mend what the server names; `geohaul info` on the task shows what it takes");
        }
        let what = refused.error.what();
        let why = refused.error.why().map_or(what.to_owned(), |why| format!("{what}: {why}"));
        Error::new(refused.error.kind(), format!("it is not known whether the server ran the task {}", self.info.name))
            .because(why)
            .at_url(&request.url)
            .hint("the request was sent once and is not repeated, since the tool might run twice; run it again if that does no harm")
    }
}

/// How the tasks of the service above a task run.
fn service_execution(session: &Session, task: &Url, known: &OnceLock<Service>) -> Result<Execution> {
    let service = Service::from_json(&session.json(&parent(task), &[])?);
    let service = known.get_or_init(|| service);
    service.execution.ok_or_else(|| {
        Error::new(ErrorKind::Server, "neither the task nor its service says how it runs")
            .because("executionType is missing or unknown")
            .at_url(task)
    })
}

/// Values with the ids of files in their places.
fn filled(values: Vec<(String, Encoded)>, id_of: &mut dyn FnMut(&Path) -> Result<String>) -> Result<Vec<(String, String)>> {
    let fill = |(name, value): (String, Encoded)| {
        let value = match value {
            Encoded::Text(text) => text,
            Encoded::Files { paths, multiple } => {
                let items = paths.iter().map(|path| Ok(json!({"itemID": id_of(path)?}))).collect::<Result<Vec<_>>>();
                match (items?.as_slice(), multiple) {
                    ([item], false) => item.to_string(),
                    (items, _) => Value::from(items).to_string(),
                }
            }
        };
        Ok((name, value))
    };
    values.into_iter().map(fill).collect()
}

/// A value without the secrets in it: the tokens of layers.
fn hidden(value: &str) -> String {
    fn hide(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    match key.to_lowercase().as_str() {
                        "token" | "servicetoken" | "password" => *value = "[hidden]".into(),
                        _ => hide(value),
                    }
                }
            }
            Value::Array(entries) => entries.iter_mut().for_each(hide),
            Value::String(text) => {
                if let Some(url) = text.contains("://").then(|| text.parse().ok()).flatten() {
                    *text = redact(&url);
                }
            }
            _ => {}
        }
    }
    match serde_json::from_str(value) {
        Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
            hide(&mut json);
            json.to_string()
        }
        _ => match value.parse() {
            Ok(url) if value.contains("://") => redact(&url),
            _ => value.to_owned(),
        },
    }
}

/// A POST of parameters: everything but descriptions goes into a body, where no cache and no length limit is.
fn post(session: &Session, url: &Url, params: Vec<(String, String)>) -> Request {
    let mut request = session.request(url, &[]);
    request.method = Method::Post;
    request.params.splice(0..0, params);
    request
}

/// The address below `url` with these path segments.
fn child(url: &Url, segments: &[&str]) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// The address in `{"url": "..."}`.
fn reference(value: &Value) -> Option<&str> {
    value.get("url")?.as_str().filter(|url| !url.is_empty())
}

/// The address without its last segment.
fn parent(url: &Url) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().pop();
    }
    url
}

/// A setting of the environment as a member of `context`; `None` where it is no spatial reference.
fn spatial_reference(name: &str, value: &str) -> Option<Value> {
    if !matches!(name, "outSR" | "processSR") {
        return None;
    }
    match value.trim().parse::<u32>() {
        Ok(code) => Some(json!({"wkid": code})),
        Err(_) => serde_json::from_str(value).ok().filter(Value::is_object),
    }
}

/// The name of an output service in the form that the server takes: text before version 11, JSON since.
fn out_service(name: &str, service: &Service) -> String {
    if name.trim_start().starts_with('{') || service.version.is_none_or(|version| version < 11.0) {
        return name.to_owned();
    }
    json!({"serviceProperties": {"name": name}}).to_string()
}

/// The address of the task itself.
fn task_url(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let last = url.path_segments().and_then(|path| path.rev().find(|segment| !segment.is_empty()).map(str::to_owned));
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
        if matches!(last.as_deref(), Some("execute" | "submitJob")) {
            path.pop();
        }
    }
    url
}
