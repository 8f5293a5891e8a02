//! Geoprocessing: run a task, wait for its job, and hand out its results as an [`Input`](super::Input).
//!
//! [`Task::open`] reads what the task takes and gives; [`Task::run`] checks the values ([`Inputs`]), sends them
//! (`execute` or `submitJob`, whichever the task wants, never twice), waits, and returns a [`Job`] whose items
//! are the outputs in the task's order.
//!
//! ```no_run
//! use std::sync::Arc;
//! use geohaul::fetch::gp::{Inputs, Options, Task};
//! use geohaul::fetch::{Input, Item, session::Session};
//! use geohaul::report::{Progress, Silent};
//!
//! let url = "https://h.example/arcgis/rest/services/Tools/GPServer/Buffer".parse().unwrap();
//! let task = Task::open(&Session::online()?, &url)?;
//! let inputs = Inputs::parse(["Input_Features=@wells.geojson", "Distance={\"distance\":2,\"units\":\"esriMiles\"}"])?;
//! let progress: Arc<dyn Progress> = Arc::new(Silent);
//! let mut job = task.run(&inputs, &Options::default(), &progress)?;
//! for item in job.items() {
//!     match item? {
//!         Item::Layer(layer) => println!("{}: {:?} rows", layer.header().name, layer.header().count),
//!         Item::Value(scalar) => println!("{} = {}", scalar.name, scalar.value),
//!         Item::File(file) => println!("{}: {}", file.name, file.url),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), geohaul::Error>(())
//! ```

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::http::{FaultKind, Method, Request};
use super::retry::{Cause, Refused};
use super::session::{Answer, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::failure::Shape;
use crate::esri::job::{Job as JobStatus, Message};
use crate::esri::task::{Execution, Service, Task as TaskInfo};
use crate::model::SpatialReference;
use crate::report::Progress;

mod parameters;
mod results;
mod wait;

pub use parameters::{Given, Inputs};
pub use results::Job;
use results::Origin;
pub use wait::Polling;

/// How to run a task.
#[derive(Debug, Clone)]
pub struct Options {
    /// The spatial reference to ask the results in; `None` leaves it to the task.
    pub out_sr: Option<SpatialReference>,
    /// The longest a synchronous task may take: the server is silent until it is done.
    pub execute_limit: Duration,
    /// How to wait for an asynchronous one.
    pub polling: Polling,
}

impl Default for Options {
    fn default() -> Self {
        Self { out_sr: None, execute_limit: Duration::from_secs(3600), polling: Polling::default() }
    }
}

/// A task of a geoprocessing service, with its description.
pub struct Task {
    session: Session,
    url: Url,
    info: Arc<TaskInfo>,
    execution: Execution,
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
        let execution = match info.execution {
            Some(execution) => execution,
            None => service_execution(session, &url)?,
        };
        Ok(Self { session: session.clone(), url, info: Arc::new(info), execution })
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

    /// Runs the task to its end. `progress` hears each status and each message once.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for values that the task can't take, before anything is sent; [`ErrorKind::Server`]
    /// with the server's messages where the job fails; whatever keeps an answer away.
    pub fn run(&self, inputs: &Inputs, options: &Options, progress: &Arc<dyn Progress>) -> Result<Job> {
        let mut params = inputs.encode(&self.info)?;
        if let Some(sr) = &options.out_sr {
            // Old servers know `env:outSR`, new ones ask for `context`; each ignores the other.
            let json = sr.to_json();
            let code = sr.wkid.or(sr.latest_wkid).map_or_else(|| json.to_string(), |code| code.to_string());
            params.push(("env:outSR".to_owned(), code));
            params.push(("context".to_owned(), serde_json::json!({"outSR": json}).to_string()));
        }
        let session = self.session.watched_by(Arc::clone(progress));
        let operation = match self.execution {
            Execution::Synchronous => "execute",
            Execution::Asynchronous => "submitJob",
        };
        let mut request = post(&session, &child(&self.url, &[operation]), params);
        request.repeatable = false;
        if self.execution == Execution::Synchronous {
            request.idle_limit = options.execute_limit;
            request.total_limit = options.execute_limit;
        }
        let answer = session.ask(&request, false).map_err(|refused| self.unanswered(refused, &request))?;
        let job = JobStatus::from_json(&answer.skeleton.value);
        if !job.id.is_empty() {
            let waited = wait::until_done(&session, self, job, &options.polling, progress.as_ref())?;
            return Ok(Job::submitted(Origin { session, task: Arc::clone(&self.info), progress: Arc::clone(progress) }, waited));
        }
        self.executed(session, answer, progress)
    }

    /// The job behind an `execute` answer.
    fn executed(&self, session: Session, answer: Answer, progress: &Arc<dyn Progress>) -> Result<Job> {
        let messages = Message::list(&answer.skeleton.value);
        wait::tell(progress.as_ref(), &messages);
        if answer.skeleton.value.get("results").is_none() {
            let why = match self.execution {
                Execution::Synchronous => "the answer holds no results",
                Execution::Asynchronous => "the answer names no job",
            };
            return Err(Error::new(ErrorKind::Server, format!("the task {} gave nothing", self.info.name))
                .because(why)
                .at_url(&self.url));
        }
        let origin = Origin { session, task: Arc::clone(&self.info), progress: Arc::clone(progress) };
        Ok(Job::executed(origin, self.url.clone(), answer, messages))
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
fn service_execution(session: &Session, task: &Url) -> Result<Execution> {
    let mut url = task.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop();
    }
    let service = Service::from_json(&session.json(&url, &[])?);
    service.execution.ok_or_else(|| {
        Error::new(ErrorKind::Server, "neither the task nor its service says how it runs")
            .because("executionType is missing or unknown")
            .at_url(task)
    })
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
