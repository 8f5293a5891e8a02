//! `geohaul batch`: many jobs from one file, as one run that can be gone on with.

mod document;
mod order;
mod orders;
mod schema;
mod secrets;
mod variables;
mod work;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;

use super::args::{BatchArgs, Verb};
use super::printer::{self, Manner};
use super::status::Status;
use super::{access, interrupt};
use crate::batch::{JobRecord, Journal, Lock, Outcome, Run, Summary, side_by_side};
use crate::error::{Error, ErrorKind, Result};
use crate::export::Placed;
use crate::fetch::listing;
use crate::fetch::{MOST_CONNECTIONS, Pace};
use crate::report::Failure;
use crate::write::unique_file_stem;
use order::Order;
use work::{Shared, blank, work};

/// The files of a batch, beside its own.
struct Places {
    /// The name of the jobs file.
    name: String,
    stem: String,
    folder: PathBuf,
}

impl Places {
    /// Paths in the file begin at its folder, so the process goes there.
    fn enter(file: &Path) -> Result<Self> {
        let failed = |why: std::io::Error| Error::file("can't read the jobs file", file, &why);
        let path = std::path::absolute(file).map_err(failed)?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        std::env::set_current_dir(&folder).map_err(failed)?;
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name: text(path.file_name()), stem: text(path.file_stem()), folder })
    }

    fn state(&self) -> PathBuf {
        self.folder.join(format!("{}.state.json", self.stem))
    }

    fn copies(&self) -> PathBuf {
        self.folder.join(format!("{}.kept", self.stem))
    }

    /// What is of use while a run goes on.
    fn work(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{}.geohaul", self.stem)).join(name)
    }
}

pub(super) fn run(args: &BatchArgs) -> Result<Status> {
    let Some(file) = args.file.as_deref().filter(|_| !args.schema) else {
        printer::data(&schema::text()?)?;
        return Ok(Status::Complete);
    };
    let text = std::fs::read_to_string(file).map_err(|why| Error::file("can't read the jobs file", file, &why))?;
    let places = Places::enter(file)?;
    if args.check {
        let orders = orders::check_all(file, &text, &Run::begin())?;
        printer::data(&format!("{}: {} jobs, no faults\n", places.name, orders.len()))?;
        return Ok(Status::Complete);
    }
    let since = args.since.as_deref().filter(|since| *since != "last");
    since.map(crate::fetch::selection::parse_moment).transpose()?;
    let _lock = Lock::take(&places.work("lock"))?;
    let run = if args.resume { Journal::resume(&places.state())?.run() } else { Run::begin() };
    let orders = orders::read(file, &text, &run)?;
    let journal = if args.resume {
        Journal::resume(&places.state())?
    } else {
        // What an earlier run kept is not of this one.
        let _ = std::fs::remove_dir_all(places.work("pages"));
        Journal::begin(&places.state(), run.clone())?
    };
    go(args, &places, &journal, &run, orders)
}

/// Does the jobs of a run, or what is missing of them, and tells of it.
fn go(args: &BatchArgs, places: &Places, journal: &Journal, run: &Run, orders: Vec<Order>) -> Result<Status> {
    let began = Instant::now();
    let (pages, copies) = (places.work("pages"), places.copies());
    let shared = Shared {
        pace: &Pace::new(usize::try_from(args.connections).unwrap_or(1)),
        placed: &Placed::default(),
        pages: &pages,
        copies: &copies,
        keep: args.keep.and_then(|keep| usize::try_from(keep).ok()),
        run,
        resumed: args.resume,
        only_changed: args.only_changed,
    };
    let words = format!("stopping; to go on later: geohaul batch {} --resume\n", places.name);
    interrupt::say_instead(Some((words, String::new())));
    let (records, unwritten) = do_jobs(args, journal, &shared, orders);
    interrupt::say_instead(None);

    let summary = Summary::of(places.name.clone(), run.clone(), began.elapsed().as_secs_f64(), records);
    let page = summary.write(&places.folder, &places.stem)?;
    if let Some(error) = unwritten {
        return Err(error);
    }
    if matches!(printer::manner(), Manner::Json) && !printer::is_quiet() {
        printer::event("report", json!({"report": summary}));
    }
    let words = summary.totals.words().into_iter().map(|(count, outcome)| format!("{count} {}", outcome.describe()));
    let words = words.collect::<Vec<_>>().join(", ");
    let jobs = if summary.jobs.len() == 1 { "job" } else { "jobs" };
    work::tell(&format!("{} {jobs}: {words}\nreport: {}\n", summary.jobs.len(), page.display()));
    let all = summary.jobs.iter().all(|job| job.outcome.is_good());
    if all {
        // Nothing is left to go on with.
        let _ = std::fs::remove_dir_all(&pages);
    }
    let some = summary.jobs.iter().any(|job| job.outcome.is_good() || job.outcome == Outcome::Partial);
    Ok(match (all, interrupt::cancel().is_cancelled(), some) {
        (true, ..) => Status::Complete,
        (_, true, _) => Status::Interrupted,
        (_, _, true) => Status::Partial,
        _ => Status::Failed,
    })
}

/// Does jobs side by side, and notes each as it ends: what came of them in their order, and why the journal could not
/// be written.
fn do_jobs(args: &BatchArgs, journal: &Journal, shared: &Shared<'_>, orders: Vec<Order>) -> (Vec<JobRecord>, Option<Error>) {
    let todo = orders.into_iter().flat_map(|order| each_service(order, shared)).map(|(order, failed)| {
        // A run that is gone on with knows its jobs whatever they are to fetch since.
        let mark = order.digest();
        (since(args, shared.run, journal, order), mark, failed)
    });
    let todo: Vec<(Order, String, Option<Failure>)> = todo.collect();
    let before = |name: &str, mark: &str| journal.record(name, mark).filter(|record| record.outcome.is_good());
    for (order, mark, _) in &todo {
        shared.placed.add(before(&order.name, mark).iter().flat_map(JobRecord::written));
    }
    let (unwritten, any_failed) = (Mutex::new(None), AtomicBool::new(false));
    let cancel = interrupt::cancel();
    let go_on = || !(cancel.is_cancelled() || args.fail_fast && any_failed.load(Ordering::Relaxed));
    let records = side_by_side(&todo, usize::try_from(args.jobs).unwrap_or(1), go_on, |(order, mark, failed), begin| {
        let record = match (before(&order.name, mark), failed) {
            (Some(record), _) => {
                tell_end(&record, &format!("{} already", record.outcome.describe()));
                record
            }
            (None, _) if !begin => {
                let record = blank(order, Outcome::NotRun);
                tell_end(&record, "");
                record
            }
            (None, failed) => {
                tell_begin(order);
                let record = match failed {
                    Some(failure) => JobRecord { failures: vec![failure.clone()], ..blank(order, Outcome::Failed) },
                    None => work(order, mark, journal.last(&order.name).as_ref(), shared),
                };
                tell_end(&record, &in_short(&record));
                if let Err(error) = journal.note(&record, mark, &order.digest()) {
                    unwritten.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
                record
            }
        };
        any_failed.fetch_or(!record.outcome.is_good(), Ordering::Relaxed);
        record
    });
    (records, unwritten.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Tells a program that a job begins. People see it by its first news.
fn tell_begin(order: &Order) {
    if matches!(printer::manner(), Manner::Json) && !printer::is_quiet() {
        printer::event("job-begin", json!({"job": order.name, "kind": order.kind.name(), "source": order.source()}));
    }
}

/// Tells how a job ended, people in these words. Who wants errors only wants those of jobs that failed.
fn tell_end(record: &JobRecord, words: &str) {
    let outputs = || record.layers.iter().flat_map(|layer| &layer.outputs).map(|output| &output.path).chain(&record.files);
    match printer::manner() {
        _ if printer::is_quiet() && record.outcome.is_good() => {}
        Manner::Json => printer::event(
            "job-end",
            json!({
                "job": record.name,
                "outcome": record.outcome,
                "rows": record.rows,
                "seconds": (record.seconds * 1000.0).round() / 1000.0,
                "outputs": outputs().collect::<Vec<_>>(),
                "failures": record.failures,
            }),
        ),
        _ if words.is_empty() => {}
        _ => printer::say(&format!("[{}] {words}\n", record.name)),
    }
}

/// What came of a job, in a line.
fn in_short(record: &JobRecord) -> String {
    let mut text = format!("{}: {} rows in {:.1} s", record.outcome.describe(), record.rows, record.seconds);
    for failure in &record.failures {
        text.push_str(&format!("\n    {}", failure.message));
        text.push_str(&failure.hint.as_ref().map_or(String::new(), |hint| format!("\n    hint: {hint}")));
    }
    text
}

/// A job for each service that an order names, or the order itself, with why its services are not known.
fn each_service(order: Order, shared: &Shared<'_>) -> Vec<(Order, Option<Failure>)> {
    if order.services.is_empty() {
        return vec![(order, None)];
    }
    match services(&order, shared) {
        Err(error) => vec![(order, Some(Failure::from(&error)))],
        Ok(services) => of_services(&order, services).into_iter().map(|job| (job, None)).collect(),
    }
}

/// A job for each service, with a folder of its own: `_Roads` and `Roads` are one name to a file system that is careful.
fn of_services(order: &Order, services: Vec<(String, url::Url)>) -> Vec<Order> {
    let mut taken = HashSet::new();
    let job = |(name, url): (String, url::Url)| {
        let folder = unique_file_stem(&name, &mut taken);
        let mut job = order.clone().with_outputs(|path| format!("{path}{folder}/"));
        job.name = format!("{}/{name}", order.name);
        job.sources = vec![url.to_string()];
        job
    };
    services.into_iter().map(job).collect()
}

fn services(order: &Order, shared: &Shared<'_>) -> Result<Vec<(String, url::Url)>> {
    let Ok(Verb::Export(args)) = order.verb() else {
        return Err(Error::new(ErrorKind::Internal, "services are exported"));
    };
    let opened = access::open(&args.access, &args.url)?;
    let session = opened.session.at_pace(shared.pace).stopped_by(&interrupt::cancel());
    let directory = opened.target.url().ok_or_else(|| Error::new(ErrorKind::Internal, "a services directory has an address"))?;
    listing::services(&session, directory, &order.services)
}

/// The order for what was edited since a time, beside what is there.
fn since(args: &BatchArgs, run: &Run, journal: &Journal, order: Order) -> Order {
    let moment = match args.since.as_deref() {
        Some("last") => journal.last(&order.name).map(|last| last.started),
        moment => moment.map(str::to_owned),
    };
    match moment {
        Some(moment) if order.kind == order::Kind::Export => {
            order.with_outputs(|path| increment(path, &run.id)).with_option("since", moment)
        }
        _ => order,
    }
}

/// Where the rows since a time go: `roads.shp` is `roads.RUN.shp`, `roads/` is `roads/RUN/`.
fn increment(path: &str, run: &str) -> String {
    match Path::new(path).extension().and_then(|ending| ending.to_str()) {
        Some(ending) if !path.ends_with('/') => format!("{}{run}.{ending}", path.trim_end_matches(ending)),
        _ => format!("{}/{run}/", path.trim_end_matches('/')),
    }
}

/// The jobs of a file, for `plan`.
#[derive(Default)]
pub(super) struct Jobs {
    /// Names of exports, with their arguments.
    pub(super) exports: Vec<(String, Verb)>,
    /// Those of which nothing can be said, with the reason where there is one.
    pub(super) others: Vec<String>,
}

/// Reads a jobs file without doing anything.
pub(super) fn jobs(file: &Path) -> Result<Jobs> {
    let text = std::fs::read_to_string(file).map_err(|why| Error::file("can't read the jobs file", file, &why))?;
    Places::enter(file)?;
    let run = Run::begin();
    let shared = Shared {
        pace: &Pace::new(MOST_CONNECTIONS),
        placed: &Placed::default(),
        pages: Path::new(""),
        copies: Path::new(""),
        keep: None,
        run: &run,
        resumed: false,
        only_changed: false,
    };
    let mut jobs = Jobs::default();
    for (order, failed) in orders::read(file, &text, &run)?.into_iter().flat_map(|order| each_service(order, &shared)) {
        match (order.verb(), failed) {
            (Ok(verb @ Verb::Export(_)), None) => jobs.exports.push((order.name, verb)),
            (_, Some(failure)) => jobs.others.push(format!("{}: {}", order.name, failure.message)),
            _ => jobs.others.push(order.name),
        }
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_services_write_into_one_folder() {
        let text = "[[job]]\nname='a'\nsource='https://h/arcgis/rest/services'\nservices=['*']\noutput='out/'\n";
        let order = orders::read(Path::new("a.toml"), text, &Run::begin()).unwrap().remove(0);
        let services = ["Roads", "_Roads", "F/Roads", "F_Roads"].map(|name| (name.to_owned(), "https://h/x".parse().unwrap()));
        let folders: Vec<PathBuf> = of_services(&order, services.to_vec()).iter().flat_map(Order::outputs).collect();
        let expected = ["out/Roads/", "out/Roads_2/", "out/F_Roads/", "out/F_Roads_2/"].map(PathBuf::from);
        assert_eq!(folders, expected);
    }

    #[test]
    fn increments_stand_beside_what_they_are_added_to() {
        assert_eq!(increment("out/roads.shp", "R"), "out/roads.R.shp");
        assert_eq!(increment("out/", "R"), "out/R/");
        assert_eq!(increment("out.d/roads", "R"), "out.d/roads/R/");
    }
}
