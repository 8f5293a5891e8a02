//! Jobs: computed at once, told step by step, one step a poll, so that a client sees them wait and work.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use crate::data::Random;
use crate::failure::Failure;
use crate::geo::Sr;
use crate::gp::{Message, Outcome, Output, Task, messages};
use crate::http::Request;

/// Older jobs are forgotten, as a server's clean-up does.
const MOST_JOBS: usize = 100;
/// The poll that sees the end.
const LAST_STEP: usize = 3;

/// All jobs.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<State>);

#[derive(Default)]
struct State {
    submitted: u64,
    jobs: VecDeque<Job>,
}

struct Job {
    id: String,
    polls: usize,
    cancelled: bool,
    failed: bool,
    messages: Vec<Message>,
    outputs: Vec<Output>,
}

impl Jobs {
    /// Starts a job; what is wrong with its inputs shows as the failure of the job.
    pub(crate) fn submit(&self, task: &Task, request: &Request) -> Value {
        let outcome = (task.run)(request);
        let failed = outcome.is_err();
        let Outcome { messages, outputs } = outcome.unwrap_or_else(|failure| Outcome {
            messages: vec![
                ("Informative", format!("Executing ({0}): {0}", task.name)),
                ("Error", failure.detail().to_owned()),
                ("Error", format!("Failed to execute ({}).", task.name)),
            ],
            outputs: Vec::new(),
        });
        let mut state = self.lock();
        state.submitted += 1;
        let mut random = Random(state.submitted);
        let id = format!("j{:016x}{:016x}", random.next(), random.next());
        let job = Job { id, polls: 0, cancelled: false, failed, messages, outputs };
        let answer = job.describe();
        state.jobs.push_back(job);
        if state.jobs.len() > MOST_JOBS {
            state.jobs.pop_front();
        }
        answer
    }

    /// The job resource, one step on.
    pub(crate) fn poll(&self, id: &str) -> Result<Value, Failure> {
        self.with(id, |job| {
            job.polls = (job.polls + 1).min(LAST_STEP);
            Ok(job.describe())
        })
    }

    /// Stops a job that has not ended.
    pub(crate) fn cancel(&self, id: &str) -> Result<Value, Failure> {
        self.with(id, |job| {
            if job.polls < LAST_STEP {
                job.cancelled = true;
                job.messages.push(("Error", "Cancelled by the user.".to_owned()));
            }
            Ok(job.describe())
        })
    }

    /// The value of an output.
    pub(crate) fn result(&self, id: &str, parameter: &str, sr: Option<Sr>) -> Result<Value, Failure> {
        self.with(id, |job| {
            let output = job.outputs.iter().find(|output| output.name == parameter && job.is_done());
            let output = output.ok_or_else(|| Failure::unable(&format!("Parameter {parameter} of job {id} has no value.")))?;
            Ok(output.to_json(sr))
        })
    }

    fn with<T>(&self, id: &str, act: impl FnOnce(&mut Job) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut state = self.lock();
        let job = state.jobs.iter_mut().find(|job| job.id == id);
        act(job.ok_or_else(|| Failure::unable(&format!("Job {id} does not exist or is inaccessible.")))?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn is_done(&self) -> bool {
        !self.cancelled && !self.failed && self.polls == LAST_STEP
    }

    fn describe(&self) -> Value {
        let status = match self.polls {
            _ if self.cancelled => "esriJobCancelled",
            0 => "esriJobSubmitted",
            1 | 2 => "esriJobExecuting",
            _ if self.failed => "esriJobFailed",
            _ => "esriJobSucceeded",
        };
        let told =
            if self.cancelled || self.polls == LAST_STEP { self.messages.len() } else { self.polls.min(self.messages.len()) };
        let mut answer = json!({"jobId": self.id, "jobStatus": status, "messages": messages(&self.messages[..told])});
        if status == "esriJobExecuting" {
            answer["progress"] = json!({"type": "step", "message": "", "percent": 100 * self.polls / LAST_STEP});
        }
        if self.is_done() {
            let result = |output: &Output| (output.name.to_owned(), json!({"paramUrl": format!("results/{}", output.name)}));
            answer["results"] = Value::Object(self.outputs.iter().map(result).collect::<Map<_, _>>());
        }
        answer
    }
}
