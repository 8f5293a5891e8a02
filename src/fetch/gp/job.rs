//! A job: one that a task started, or one that somebody else submitted.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use super::origin::{Origin, address_in, expired, place};
use super::results::Results;
use super::wait::{self, Polling};
use super::{Session, Wanted, child, parent, post};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::job::{Job as JobStatus, Message, Phase, Status};
use crate::esri::task::Task as TaskInfo;
use crate::fetch::Scalar;
use crate::fetch::session::Answer;
use crate::report::Progress;

/// A task at work, or done.
pub struct Job {
    origin: Arc<Origin>,
    url: Url,
    state: State,
}

enum State {
    /// All results of `execute`, in one answer.
    Executed(Box<Answer>, Vec<Message>),
    /// The last word of the server on the job.
    Submitted(JobStatus),
}

impl Job {
    /// What `execute` answered.
    pub(super) fn executed(origin: Origin, answer: Answer, messages: Vec<Message>) -> Self {
        Self { url: origin.task_url.clone(), origin: Arc::new(origin), state: State::Executed(Box::new(answer), messages) }
    }

    /// What `submitJob` answered.
    pub(super) fn submitted(origin: Origin, status: JobStatus) -> Self {
        let url = child(&origin.task_url, &["jobs", &status.id]);
        Self { url, origin: Arc::new(origin), state: State::Submitted(status) }
    }

    /// The job at `url` (`.../GPServer/<task>/jobs/<id>`), whoever submitted it.
    ///
    /// # Errors
    /// [`ErrorKind::Server`] where the server does not know the job (any more), or can't be asked.
    pub fn attach(session: &Session, url: &Url, wanted: Wanted, progress: &Arc<dyn Progress>) -> Result<Self> {
        let session = session.watched_by(Arc::clone(progress));
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let status = ask(&session, &url)?;
        let task_url = parent(&parent(&url));
        // A task that was removed meanwhile has jobs all the same, only the order of its outputs is not known.
        let task = session.json(&task_url, &[]).ok().and_then(|json| TaskInfo::from_json(&json)).unwrap_or_else(|| {
            let name = task_url.path_segments().and_then(|mut path| path.next_back().map(crate::fetch::target::decoded));
            TaskInfo::named(&name.unwrap_or_default())
        });
        let origin =
            Origin { session, task_url, task: Arc::new(task), service: Arc::default(), progress: Arc::clone(progress), wanted };
        Ok(Self { origin: Arc::new(origin), url, state: State::Submitted(status) })
    }

    /// The address of the job; of a synchronous task, that of the task.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address of its task.
    pub fn task_url(&self) -> &Url {
        &self.origin.task_url
    }

    /// The job's id; `None` for a synchronous task.
    pub fn id(&self) -> Option<&str> {
        match &self.state {
            State::Executed(..) => None,
            State::Submitted(job) => Some(&job.id),
        }
    }

    /// The last status that the server told; a synchronous task has succeeded.
    pub fn status(&self) -> &Status {
        match &self.state {
            State::Executed(..) => &Status::Succeeded,
            State::Submitted(job) => &job.status,
        }
    }

    /// All messages so far.
    pub fn messages(&self) -> &[Message] {
        match &self.state {
            State::Executed(_, messages) => messages,
            State::Submitted(job) => &job.messages,
        }
    }

    /// The names of the results that the server lists, in the task's order.
    pub fn result_names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.state {
            State::Submitted(job) => job.results.iter().flatten().map(|(name, _)| name.clone()).collect(),
            State::Executed(..) => self.origin.task.outputs().map(|output| output.name.clone()).collect(),
        };
        names.sort_by_key(|name| place(&self.origin.task, name));
        names
    }

    /// Waits for the end. A job that is done already, or was a synchronous task, is done at once.
    ///
    /// # Errors
    /// [`ErrorKind::Server`] with the server's messages where the job failed; [`ErrorKind::Cancelled`] where the
    /// session was stopped, and [`ErrorKind::Network`] where the time is up: then the job may go on at the server.
    pub fn wait(&mut self, polling: &Polling) -> Result<()> {
        if let State::Submitted(job) = &mut self.state {
            wait::until_done(&self.origin, &self.url, job, polling)?;
        }
        Ok(())
    }

    /// Asks the server to cancel the job, even if the session was stopped, and waits for its end, but no longer than
    /// `patience`: a tool may take a while to notice. Gives the status that was seen last.
    ///
    /// # Errors
    /// Where the server can't be asked; [`ErrorKind::Usage`] for a synchronous task, which can't be cancelled.
    pub fn cancel(&mut self, patience: Duration) -> Result<&Status> {
        let State::Submitted(job) = &mut self.state else {
            return Err(Error::new(ErrorKind::Usage, "a synchronous task can't be cancelled").at_url(&self.url));
        };
        let session = self.origin.session.regardless();
        let answer = session.ask(&post(&session, &child(&self.url, &["cancel"]), Vec::new()), false);
        let told = JobStatus::from_json(&answer.map_err(|refused| expired(refused, &self.url))?.skeleton.value);
        job.status = match told.status {
            Status::Unknown(name) if name.is_empty() => Status::Cancelling,
            status => status,
        };
        let start = Instant::now();
        while job.status.phase() == Phase::Running && start.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(500).min(patience));
            *job = ask(&session, &self.url)?;
        }
        Ok(&job.status)
    }

    /// The inputs as the server received them.
    ///
    /// # Errors
    /// Where one of them can't be asked for.
    pub fn inputs(&self) -> Result<Vec<Scalar>> {
        let State::Submitted(job) = &self.state else { return Ok(Vec::new()) };
        let mut inputs = job.inputs.clone();
        inputs.sort_by_key(|(name, _)| place(&self.origin.task, name));
        let session = &self.origin.session;
        let value = |(name, address): &(String, String)| {
            let answer = session.ask(&post(session, &address_in(&self.url, "inputs", name, address), Vec::new()), false)?;
            let json: Value = serde_json::from_slice(&answer.body)
                .map_err(|why| Error::new(ErrorKind::Server, "the input is no JSON").because(why).at_url(&answer.url))?;
            let data_type = json.get("dataType").and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(Scalar { name: name.clone(), data_type, value: json.get("value").cloned().unwrap_or_default() })
        };
        inputs.iter().map(value).collect()
    }

    /// The outputs, in the order in which the task declares them, each asked for when its turn comes. `only` names
    /// the one that is wanted.
    ///
    /// # Errors
    /// [`ErrorKind::Server`] where the job has not succeeded: with its messages where it failed.
    pub fn results(self, only: Option<&str>) -> Result<Results> {
        let id = self.id().map(str::to_owned);
        let mut results = match self.state {
            State::Executed(answer, messages) => Results::executed(self.origin, *answer, messages),
            State::Submitted(job) => match job.status.phase() {
                Phase::Succeeded => Results::submitted(self.origin, self.url, job),
                // Some failed jobs list what was made before the failure, but nobody knows whether it is whole.
                Phase::Failed => return Err(wait::failure(&self.origin.task, &job, &self.url)),
                Phase::Running | Phase::Unknown => {
                    return Err(Error::new(ErrorKind::Server, "the job has not ended yet")
                        .because(format!("it is {}", job.status.describe()))
                        .at_url(&self.url)
                        .hint("wait for it with geohaul job wait, or stop it with geohaul job cancel"));
                }
            },
        };
        if let Some(name) = only {
            results.keep(name, id.is_some())?;
        }
        Ok(results)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("url", &crate::redact(&self.url)).field("status", self.status()).finish_non_exhaustive()
    }
}

/// Asks how a job is.
fn ask(session: &Session, url: &Url) -> Result<JobStatus> {
    let answer = session.ask(&post(session, url, Vec::new()), false).map_err(|refused| expired(refused, url))?;
    let id = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default().to_owned();
    let status = JobStatus::from_json(&answer.skeleton.value);
    if status.status.esri_name().is_empty() && answer.skeleton.value.get("jobId").is_none() {
        return Err(Error::new(ErrorKind::Server, "the answer is no job").at_url(url).hint("check the address of the job"));
    }
    Ok(JobStatus { id, ..status })
}
