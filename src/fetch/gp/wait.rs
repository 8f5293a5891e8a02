//! Waiting for a job: ask, tell what is new, wait a little longer, ask again.

use std::time::{Duration, Instant};

use url::Url;

use super::origin::{Origin, expired};
use super::post;
use crate::error::{Error, ErrorKind, Result};
use crate::esri::job::{Job as JobStatus, Level, Message, Phase, Progress as ToolProgress};
use crate::esri::task::Task;
use crate::fetch::http::Cancel;
use crate::report::{MessageKind, Progress};

/// How often to ask a job for its status. A wait is half as long again as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// The wait before the first question.
    pub first: Duration,
    /// The longest wait, in the beginning. After [`Polling::patience`] waits get up to three times as long.
    pub longest: Duration,
    /// How long a job may run before it is asked less often.
    pub patience: Duration,
    /// How often a status that nobody knows is taken for "running".
    pub unknown_polls: u32,
    /// How often a job that succeeded is asked for its list of results, which some servers write late.
    pub late_polls: u32,
    /// The longest to wait in all; the job goes on at the server.
    pub timeout: Option<Duration>,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5),
            patience: Duration::from_secs(120),
            unknown_polls: 20,
            late_polls: 5,
            timeout: None,
        }
    }
}

/// So many polls in a row may fail for reasons that pass, each after all its tries.
const MOST_LOST_POLLS: u32 = 5;

/// Follows a job to its end; `job` is what the server said last.
pub(super) fn until_done(origin: &Origin, url: &Url, job: &mut JobStatus, polling: &Polling) -> Result<()> {
    let Origin { session, task, progress, .. } = origin;
    let question = post(session, url, Vec::new());
    let mut waits = Waits { polling, next: polling.first, waited: Duration::ZERO };
    let (mut unknown, mut late, mut lost) = (0, 0, 0);
    let mut heard = Heard::default();
    let start = Instant::now();
    loop {
        heard.tell(job, progress.as_ref());
        match job.status.phase() {
            Phase::Succeeded if job.results.is_some() || task.outputs().next().is_none() || late == polling.late_polls => {
                return Ok(());
            }
            Phase::Succeeded => late += 1,
            Phase::Failed => return Err(failure(task, job, url)),
            Phase::Unknown if unknown == polling.unknown_polls => {
                return Err(Error::new(ErrorKind::Server, format!("nobody knows how the job of {} is", task.name))
                    .because(format!("the server says '{}', again and again", job.status.esri_name()))
                    .at_url(url));
            }
            Phase::Unknown => unknown += 1,
            Phase::Running => unknown = 0,
        }
        let left = polling.timeout.map_or(Duration::MAX, |limit| limit.saturating_sub(start.elapsed()));
        if left.is_zero() {
            return Err(Error::new(ErrorKind::Network, format!("the job of the task {} takes too long", task.name))
                .because(format!("it is {} after {} s", job.status.describe(), start.elapsed().as_secs()))
                .at_url(url)
                .hint(ATTACH));
        }
        pause(waits.next().min(left), &question.cancel)?;
        match session.ask(&question, false) {
            Ok(answer) => {
                lost = 0;
                let id = std::mem::take(&mut job.id);
                *job = JobStatus { id, ..JobStatus::from_json(&answer.skeleton.value) };
            }
            Err(refused) if refused.is_passing_by() && lost < MOST_LOST_POLLS => {
                lost += 1;
                progress.retry(&format!("{}; the job is asked again", refused.error));
            }
            Err(refused) => return Err(expired(refused, url).hint(ATTACH)),
        }
    }
}

/// What to do about a job that nobody waits for any more.
const ATTACH: &str = "the job may be running still; geohaul job wait follows it, and geohaul export brings its results";

struct Waits<'a> {
    polling: &'a Polling,
    next: Duration,
    waited: Duration,
}

impl Waits<'_> {
    fn next(&mut self) -> Duration {
        let Polling { longest, patience, .. } = *self.polling;
        let longest = if self.waited < patience { longest } else { longest.saturating_mul(3) };
        let wait = self.next.min(longest);
        self.next = wait.saturating_mul(3) / 2;
        self.waited = self.waited.saturating_add(wait);
        wait
    }
}

/// Waits, but not for somebody who has given up.
fn pause(wait: Duration, cancel: &Cancel) -> Result<()> {
    let mut left = wait;
    while !left.is_zero() {
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the work was stopped").hint(ATTACH));
        }
        let slice = left.min(Duration::from_millis(100));
        std::thread::sleep(slice);
        left -= slice;
    }
    Ok(())
}

/// What was told already: a server sends all messages each time.
#[derive(Default)]
struct Heard {
    status: Option<String>,
    progress: Option<ToolProgress>,
    messages: usize,
}

impl Heard {
    fn tell(&mut self, job: &JobStatus, progress: &dyn Progress) {
        let status = job.status.describe();
        if self.status.as_deref() != Some(status) {
            progress.job_status(status);
            self.status = Some(status.to_owned());
        }
        if let Some(now) = &job.progress
            && self.progress.as_ref() != Some(now)
        {
            progress.job_progress(now.percent, &now.text);
            self.progress = Some(now.clone());
        }
        tell(progress, job.messages.get(self.messages..).unwrap_or_default());
        self.messages = self.messages.max(job.messages.len());
    }
}

/// Tells messages.
pub(super) fn tell(progress: &dyn Progress, messages: &[Message]) {
    for message in messages {
        progress.message(kind(message.level), &message.text);
    }
}

/// The level of a message, for reports.
pub(super) fn kind(level: Level) -> MessageKind {
    match level {
        Level::Informative => MessageKind::Informative,
        Level::Warning => MessageKind::Warning,
        Level::Error => MessageKind::Error,
    }
}

/// The error of a job that ended without results: its error messages, or the last ones of any kind.
pub(super) fn failure(task: &Task, job: &JobStatus, url: &Url) -> Error {
    let texts = |wanted: &dyn Fn(&Message) -> bool| -> Vec<&str> {
        job.messages.iter().filter(|message| wanted(message)).map(|message| message.text.as_str()).collect()
    };
    let errors = texts(&|message| message.level == Level::Error);
    let last = texts(&|_| true);
    let why = match (errors.as_slice(), last.as_slice()) {
        ([], []) => "the server sent no messages".to_owned(),
        ([], last) => last[last.len().saturating_sub(3)..].join("; "),
        (errors, _) => errors.join("; "),
    };
    Error::new(ErrorKind::Server, format!("the job of the task {} {}", task.name, ended(job)))
        .because(why)
        .at_url(url)
        .hint("mend what the messages name; `geohaul info` on the task shows what it takes")
}

fn ended(job: &JobStatus) -> String {
    match job.status.describe() {
        word @ ("cancelled" | "deleted") => format!("was {word}"),
        word => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_by_half_up_to_a_limit_that_rises_with_patience() {
        let polling = Polling::default();
        let mut waits = Waits { polling: &polling, next: polling.first, waited: Duration::ZERO };
        let first: Vec<_> = (0..6).map(|_| waits.next().as_millis()).collect();
        assert_eq!(first, [1000, 1500, 2250, 3375, 5000, 5000]);
        waits.waited = polling.patience;
        let later: Vec<_> = (0..4).map(|_| waits.next().as_millis()).collect();
        assert_eq!(later, [7500, 11250, 15000, 15000]);
    }
}
