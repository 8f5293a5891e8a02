//! `geohaul job`: a job by its address or by the folder that remembers it; and its export.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{AccessArgs, ExportArgs, JobAction, JobArgs, JobTarget};
use super::printer;
use super::progress::progress;
use super::run::{follow, wanted};
use super::setting::{Delivered, Setting};
use super::status::Status;
use super::{access, interrupt, outputs};
use crate::error::{Error, ErrorKind, Result};
use crate::export::ExportOptions;
use crate::fetch::MOST_CONNECTIONS;
use crate::fetch::gp::{Job, Level, Phase, Polling, Record, Status as JobStatus, Wanted};
use crate::fetch::target::Target;
use crate::report::{Progress, silent};

/// How long `job cancel` waits for the tool to notice.
const CANCEL_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) fn run(args: &JobArgs) -> Result<Status> {
    match &args.action {
        JobAction::Status(target) => {
            let job = attach(target, &silent())?.0;
            printer::data(&format!("{}\n", job.status().describe()))?;
            Ok(status_of(job.status()))
        }
        JobAction::Messages(target) => {
            let job = attach(target, &silent())?.0;
            let line = |level: Level, text: &str| match level {
                Level::Informative => format!("{text}\n"),
                Level::Warning => format!("warning: {text}\n"),
                Level::Error => format!("error: {text}\n"),
            };
            printer::data(&job.messages().iter().map(|message| line(message.level, &message.text)).collect::<String>())?;
            Ok(Status::Complete)
        }
        JobAction::Inputs(target) => {
            let inputs = attach(target, &silent())?.0.inputs()?;
            let inputs: serde_json::Map<_, _> = inputs.into_iter().map(|input| (input.name, input.value)).collect();
            let text = serde_json::to_string_pretty(&inputs)
                .map_err(|why| Error::new(ErrorKind::Internal, "can't write JSON").because(why))?;
            printer::data(&(text + "\n"))?;
            Ok(Status::Complete)
        }
        JobAction::Results(target) => {
            let job = attach(target, &silent())?.0;
            printer::data(&job.result_names().iter().map(|name| format!("{name}\n")).collect::<String>())?;
            Ok(status_of(job.status()))
        }
        JobAction::Cancel(target) => {
            let mut job = attach(&target.job, &silent())?.0;
            let status = job.cancel(target.timeout.unwrap_or(CANCEL_PATIENCE))?.clone();
            remember(&target.job.target, &job);
            if status.phase() == Phase::Succeeded {
                return Err(Error::new(ErrorKind::Server, "the job was not cancelled")
                    .because("it had succeeded before")
                    .hint("geohaul export brings its results"));
            }
            printer::data(&format!("{}\n", status.describe()))?;
            Ok(Status::Complete)
        }
        JobAction::Wait(target) => {
            let mut job = attach(&target.job, &progress())?.0;
            let polling = Polling { timeout: target.timeout, ..Polling::default() };
            let waited = follow(&mut job, &polling);
            remember(&target.job.target, &job);
            waited.map(|()| Status::Complete)
        }
    }
}

/// 0 for a job that may still give something.
fn status_of(status: &JobStatus) -> Status {
    if status.phase() == Phase::Failed { Status::Failed } else { Status::Complete }
}

/// The job behind an address or a folder, and the result that the address names.
fn attach(target: &JobTarget, progress: &Arc<dyn Progress>) -> Result<(Job, Option<String>)> {
    let found = find(&target.target, &target.access)?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "there is no job")
            .because(&target.target)
            .hint("give .../GPServer/TASK/jobs/ID, or the folder of a geohaul run")
    })?;
    let job = Job::attach(&found.session, &found.url, Wanted::default(), progress)?;
    Ok((job, found.result))
}

struct Found {
    session: crate::Session,
    url: url::Url,
    result: Option<String>,
    warnings: Vec<String>,
}

/// `None` where neither an address nor a folder names a job.
fn find(text: &str, args: &AccessArgs) -> Result<Option<Found>> {
    let address = match folder_of(text) {
        Some(folder) => match Record::read(&folder)? {
            Some(record) => record.job.to_string(),
            None => return Ok(None),
        },
        None => text.to_owned(),
    };
    let opened = access::open(args, &address)?;
    let Target::GpJob { url, result, .. } = opened.target else { return Ok(None) };
    let session = opened.session.stopped_by(&interrupt::cancel());
    Ok(Some(Found { session, url, result, warnings: opened.warnings }))
}

/// The folder of a remembered job: it, or the file in it.
fn folder_of(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    match path.is_file() && path.file_name().is_some_and(|name| name == "job.json") {
        true => path.parent().map(Path::to_owned),
        false => path.is_dir().then(|| path.to_owned()),
    }
}

/// Keeps the status of a job in the folder that it was found by.
fn remember(target: &str, job: &Job) {
    let Some(folder) = folder_of(target) else { return };
    if let Ok(Some(record)) = Record::read(&folder) {
        // The job is found without it as well.
        let _ = record.now(job).write(&folder);
    }
}

/// Exports the results of a job where the target is one.
pub(super) fn export(args: &ExportArgs, setting: &Setting<'_>) -> Result<Option<Delivered>> {
    let is_job = folder_of(&args.url).is_some() || args.url.contains("/jobs/");
    let Some(found) = (if is_job { find(&args.url, &args.access)? } else { None }) else { return Ok(None) };
    let destination = outputs::destination(&args.outputs)?;
    outputs::check(&destination, &args.outputs, false)?;
    let session = setting.paced(found.session, MOST_CONNECTIONS);
    let mut job = Job::attach(&session, &found.url, wanted(&args.results), &setting.progress)?;
    if setting.job.is_some() {
        // A batch submitted it, and was interrupted.
        follow(&mut job, &Polling::default())?;
    }
    remember(&args.url, &job);
    let mut results = job.results(found.result.as_deref())?;
    let sketch = setting.job.is_some();
    let options = ExportOptions { unzip: args.results.unzip, sketch, ..outputs::options(&args.outputs)? };
    outputs::deliver(&mut results, &destination, options, &args.outputs, found.warnings, setting).map(Some)
}
