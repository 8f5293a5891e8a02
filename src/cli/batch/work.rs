//! One job: the verb that does it, in the setting of a batch, and the record of what came.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::order::Order;
use crate::batch::{JobRecord, Last, LayerRecord, Outcome, Run, keep_copies};
use crate::cli::args::Verb;
use crate::cli::printer::{self, Manner, say};
use crate::cli::progress::{Json, Repeats};
use crate::cli::setting::{Delivered, Job, Setting};
use crate::cli::status::Status;
use crate::cli::{convert, export, outputs, run};
use crate::error::{Error, ErrorKind, Result};
use crate::export::{Destination, Placed, Receipt, check_files, is_unchanged};
use crate::fetch::Pace;
use crate::fetch::gp::{Phase, Record, Status as JobStatus};
use crate::fetch::layer::Glance;
use crate::report::{Failure, MessageKind, Progress, Silent};
use crate::write::safe_file_stem;

/// What all jobs of a run share.
pub(super) struct Shared<'a> {
    pub(super) pace: &'a Pace,
    pub(super) placed: &'a Placed,
    /// Where raw pages are kept, a folder for each job.
    pub(super) pages: &'a Path,
    /// Where copies are kept, and of how many runs, where a job does not say it.
    pub(super) copies: &'a Path,
    pub(super) keep: Option<usize>,
    pub(super) run: &'a Run,
    pub(super) resumed: bool,
    pub(super) only_changed: bool,
}

/// Says something, unless nothing is to be said.
pub(super) fn tell(text: &str) {
    if !printer::is_quiet() {
        say(text);
    }
}

/// Does a job, whose pages are kept under its mark. What fails is in the record.
pub(super) fn work(order: &Order, mark: &str, last: Option<&Last>, shared: &Shared<'_>) -> JobRecord {
    let began = Instant::now();
    let mut record = blank(order, Outcome::Failed);
    let pages = shared.pages.join(format!("{}-{}", safe_file_stem(&order.name), &mark[..mark.len().min(8)]));
    let last = last.filter(|last| shared.only_changed && last.digest == order.digest());
    let standing = standing(last);
    let stopped = |_| Err(Error::new(ErrorKind::Internal, "the job broke down").hint("please report this with the jobs file"));
    let mut goes_on = pages.is_dir();
    let attempt = || catch_unwind(AssertUnwindSafe(|| deliver(order, &pages, &standing, shared))).unwrap_or_else(stopped);
    let done = match attempt() {
        // What an earlier run kept is of a layer that has changed since.
        Err(error) if error.kind() == ErrorKind::Usage && error.place().file.as_ref().is_some_and(|f| f.starts_with(&pages)) => {
            forget(&pages);
            goes_on = false;
            attempt()
        }
        done => done,
    };
    match done {
        Ok(delivered) => take(&mut record, delivered, &standing),
        Err(error) => {
            record.failures.push(Failure::from(&error));
            record.outcome = if error.kind() == ErrorKind::Cancelled { Outcome::Interrupted } else { Outcome::Failed };
        }
    }
    if let (Outcome::Unchanged, Some(last)) = (record.outcome, last) {
        record.picture = last.picture.clone();
    }
    record.seconds = began.elapsed().as_secs_f64();
    if goes_on {
        record.server_time = as_the_run_began(&record, shared.run).or(record.server_time);
    }
    if record.outcome.is_good() {
        // What stands unchanged is of this run as well.
        shared.placed.add(record.written());
        forget(&pages);
        if let Some(keep) = order.keep.or(shared.keep)
            && record.outcome == Outcome::Done
            && let Err(error) = keep_copies(&record, shared.copies, &shared.run.id, keep)
        {
            record.failures.push(Failure::from(&error));
            record.outcome = Outcome::Partial;
        }
    }
    record
}

/// When the run began, by the server's clock where it shows it: of a job that is gone on with, some pages came then. The time
/// since counts to this moment, which is behind that of the first answer, so that it is rather too early than too late.
fn as_the_run_began(record: &JobRecord, run: &Run) -> Option<String> {
    let moment = |text: &str| text.parse::<Timestamp>().ok();
    let began = moment(record.server_time.as_ref().unwrap_or(&record.started))?;
    let since = Timestamp::now().as_second().saturating_sub(moment(&run.started)?.as_second()).max(0);
    Some(Timestamp::from_second(began.as_second().saturating_sub(since)).ok()?.to_string())
}

/// The record of a job of which nothing came yet.
pub(super) fn blank(order: &Order, outcome: Outcome) -> JobRecord {
    JobRecord::new(&order.name, order.kind.name(), &order.source(), outcome)
}

fn deliver(order: &Order, pages: &Path, standing: &[(LayerRecord, Receipt)], shared: &Shared<'_>) -> Result<Delivered> {
    let wrong = |fault: super::document::Fault| Error::new(ErrorKind::Usage, fault.what);
    let mut verb = order.verb().map_err(wrong)?;
    make_folders(&verb)?;
    let mut brought_home = None;
    if let (Verb::Run(args), true) = (&verb, shared.resumed) {
        let results = outputs::results(&args.outputs)?;
        let home = run::home(&results);
        if let (Some(folder), Some(job)) = (home.to_str(), Record::read(&home)?)
            && is_of(&job, shared)
        {
            verb = order.bring_home(folder).verb().map_err(wrong)?;
            brought_home = Some(results);
        }
    }
    let is_known = |glance: &Glance| standing.iter().any(|(_, receipt)| is_unchanged(receipt, glance));
    let progress: Arc<dyn Progress> = match printer::manner() {
        _ if printer::is_quiet() => Arc::new(Silent),
        Manner::Silent => Arc::new(Silent),
        Manner::Json => Arc::new(Json::of_job(&order.name)),
        _ => Arc::new(Tagged { name: order.name.clone(), repeats: Repeats::default() }),
    };
    let layer_by_layer = |args| Ok::<_, Error>(matches!(outputs::destination(args)?, Destination::Directory { .. }));
    let job = |layer_by_layer| Job {
        pace: shared.pace,
        placed: shared.placed,
        pages: pages.to_owned(),
        is_unchanged: (!standing.is_empty()).then_some(&is_known),
        layer_by_layer,
    };
    let delivered = match &verb {
        Verb::Export(args) => {
            let job = Some(job(layer_by_layer(&args.outputs)?));
            export::work(args, &Setting { progress, job })
        }
        Verb::Run(args) => run::work(args, &Setting { progress, job: Some(job(false)) }),
        Verb::Convert(args) => convert::work(args, &Setting { progress, job: Some(job(false)) }),
        _ => Err(Error::new(ErrorKind::Internal, "the job is of no kind that a batch knows")),
    }?;
    brought_home.iter().for_each(run::leave);
    Ok(delivered)
}

/// Nobody is there to make the folders of a job that runs at night.
fn make_folders(verb: &Verb) -> Result<()> {
    let outputs = match verb {
        Verb::Export(args) => &args.outputs,
        Verb::Run(args) => &args.outputs,
        Verb::Convert(args) => &args.outputs,
        _ => return Ok(()),
    };
    for folder in outputs.output.iter().filter_map(|path| path.parent()).filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|why| Error::file("can't make the output's directory", folder, &why))?;
    }
    Ok(())
}

/// A job that this run submitted, and that may have something to bring home.
fn is_of(job: &Record, shared: &Shared<'_>) -> bool {
    job.submitted >= shared.run.started && JobStatus::from_esri(&job.status).phase() != Phase::Failed
}

/// The layers of the last run whose files still stand, with their receipts.
fn standing(last: Option<&Last>) -> Vec<(LayerRecord, Receipt)> {
    let whole = |layer: &LayerRecord| {
        let path = layer.receipt.as_ref()?;
        let receipt = Receipt::read(path).ok()?;
        let beside = path.parent().unwrap_or(Path::new(""));
        let stands = check_files(&receipt, beside).iter().all(|check| check.differs.is_none());
        stands.then(|| (LayerRecord { unchanged: true, ..layer.clone() }, receipt))
    };
    last.into_iter().flat_map(|last| &last.layers).filter_map(whole).collect()
}

/// Takes what was delivered into the record.
fn take(record: &mut JobRecord, delivered: Delivered, standing: &[(LayerRecord, Receipt)]) {
    let nothing_new = delivered.report.layers.is_empty() && !delivered.unchanged.is_empty();
    record.outcome = match delivered.status {
        Status::Complete if nothing_new => Outcome::Unchanged,
        Status::Complete => Outcome::Done,
        Status::Partial => Outcome::Partial,
        Status::Interrupted => Outcome::Interrupted,
        Status::Failed | Status::Usage => Outcome::Failed,
    };
    record.take(delivered.report);
    record.failures.extend(delivered.complaint.as_ref().map(Failure::from));
    record.warnings.extend(delivered.notes);
    for glance in delivered.unchanged {
        let known = standing.iter().find(|(_, receipt)| is_unchanged(receipt, &glance));
        record.rows += glance.count.unwrap_or(0);
        record.layers.extend(known.map(|(layer, _)| layer.clone()));
    }
}

fn forget(pages: &Path) {
    // What can't be removed is in nobody's way.
    let _ = std::fs::remove_dir_all(pages);
}

/// News as plain lines, with the name of the job before them.
struct Tagged {
    name: String,
    repeats: Repeats,
}

impl Tagged {
    fn tell(&self, what: &str) {
        say(&format!("[{}] {what}\n", self.name));
    }
}

impl Progress for Tagged {
    fn layer(&self, name: &str, count: Option<u64>) {
        self.tell(&format!("reading \"{name}\"{}", count.map_or(String::new(), |count| format!(", {count} rows"))));
    }

    fn job_status(&self, status: &str) {
        self.tell(&format!("job: {status}"));
    }

    fn message(&self, kind: MessageKind, text: &str) {
        if kind != MessageKind::Informative {
            self.tell(&format!("server: {text}"));
        }
    }

    fn retry(&self, why: &str) {
        self.repeats.one_more(why).iter().for_each(|words| self.tell(words));
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        self.repeats.rest().iter().for_each(|words| self.tell(words));
    }
}
