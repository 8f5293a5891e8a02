//! `geohaul batch`: many jobs from one file, as one run that can be gone on with.

mod document;
mod order;
mod orders;
mod schema;
mod variables;
mod work;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::args::{BatchArgs, Verb};
use super::printer::{self, say};
use super::status::Status;
use super::{access, interrupt};
use crate::batch::{JobRecord, Journal, Lock, Outcome, Run, Summary, digest, side_by_side};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::Pace;
use crate::fetch::listing;
use crate::report::Failure;
use crate::write::safe_file_stem;
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
        let orders = orders::read(file, &text, &Run::begin())?;
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

/// Does the jobs of a run, or what is missing of them.
fn go(args: &BatchArgs, places: &Places, journal: &Journal, run: &Run, orders: Vec<Order>) -> Result<Status> {
    let began = Instant::now();
    let connections = usize::try_from(args.connections).unwrap_or(1);
    let (pages, copies) = (places.work("pages"), places.copies());
    let shared = Shared {
        pace: &Pace::new(connections),
        pages: &pages,
        copies: &copies,
        keep: args.keep.and_then(|keep| usize::try_from(keep).ok()),
        run,
        resumed: args.resume,
        only_changed: args.only_changed,
        quiet: args.quiet,
    };
    let cancel = interrupt::cancel();
    let words = format!("stopping; to go on later: geohaul batch {} --resume\n", places.name);
    interrupt::say_instead(Some((words, String::new())));
    let tell = |text: String| if args.quiet { () } else { say(&text) };

    let (mut todo, mut order_of) = (Vec::new(), Vec::new());
    for order in orders {
        for (order, failed) in each_service(order, &shared) {
            // A run that is gone on with knows its jobs whatever they are to fetch since.
            let mark = digest(&order.words());
            order_of.push(order.name.clone());
            todo.push((since(args, run, journal, order), mark, failed));
        }
    }
    let records: Mutex<HashMap<String, JobRecord>> = Mutex::default();
    let any_failed = || {
        let records = records.lock().unwrap_or_else(PoisonError::into_inner);
        records.values().any(|record| !record.outcome.is_good())
    };
    let go_on = || !cancel.is_cancelled() && !(args.fail_fast && any_failed());
    let unwritten: Mutex<Option<Error>> = Mutex::new(None);
    side_by_side(&todo, usize::try_from(args.jobs).unwrap_or(1), go_on, |(order, mark, failed), begin| {
        let before = journal.record(&order.name, mark).filter(|record| record.outcome.is_good());
        let record = match (before, failed) {
            (Some(record), _) => {
                tell(format!("[{}] {} already\n", order.name, record.outcome.describe()));
                record
            }
            (None, _) if !begin => blank(order, Outcome::NotRun),
            (None, failed) => {
                let record = match failed {
                    Some(failure) => JobRecord { failures: vec![failure.clone()], ..blank(order, Outcome::Failed) },
                    None => work(order, mark, journal.last(&order.name).as_ref(), &shared),
                };
                tell(format!("[{}] {}\n", order.name, in_short(&record)));
                if let Err(error) = journal.note(&record, mark, &digest(&order.words())) {
                    unwritten.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
                record
            }
        };
        records.lock().unwrap_or_else(PoisonError::into_inner).insert(order.name.clone(), record);
    });
    interrupt::say_instead(None);

    let mut records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
    let records = order_of.iter().filter_map(|name| records.remove(name)).collect();
    let summary = Summary::of(places.name.clone(), run.clone(), began.elapsed().as_secs_f64(), records);
    let page = summary.write(&places.folder, &places.stem)?;
    if let Some(error) = unwritten.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let counts: Vec<String> =
        summary.totals.words().iter().map(|(count, outcome)| format!("{count} {}", outcome.describe())).collect();
    tell(format!("{} jobs: {}\nreport: {}\n", summary.jobs.len(), counts.join(", "), page.display()));
    let good = summary.jobs.iter().filter(|job| job.outcome.is_good()).count();
    let some = good > 0 || summary.jobs.iter().any(|job| job.outcome == Outcome::Partial);
    if good == summary.jobs.len() {
        // Nothing is left to go on with.
        let _ = std::fs::remove_dir_all(&pages);
    }
    Ok(match (cancel.is_cancelled(), good == summary.jobs.len(), some) {
        (_, true, _) => Status::Complete,
        (true, ..) => Status::Interrupted,
        (_, _, true) => Status::Partial,
        _ => Status::Failed,
    })
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
        Ok(services) => services
            .into_iter()
            .map(|(name, url)| {
                let folder = safe_file_stem(&name.replace('/', "_"));
                let mut job = order.clone().with_outputs(|path| format!("{path}{folder}/"));
                job.name = format!("{}/{name}", order.name);
                job.sources = vec![url.to_string()];
                (job, None)
            })
            .collect(),
    }
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

/// The exports of a file, for `plan`: names with the arguments, and the names of other jobs.
pub(super) fn exports(file: &Path) -> Result<(Vec<(String, Verb)>, Vec<String>)> {
    let text = std::fs::read_to_string(file).map_err(|why| Error::file("can't read the jobs file", file, &why))?;
    Places::enter(file)?;
    let orders = orders::read(file, &text, &Run::begin())?;
    let shared = Shared {
        pace: &Pace::new(crate::fetch::MOST_CONNECTIONS),
        pages: Path::new(""),
        copies: Path::new(""),
        keep: None,
        run: &Run::begin(),
        resumed: false,
        only_changed: false,
        quiet: true,
    };
    let (mut exports, mut others) = (Vec::new(), Vec::new());
    for order in orders {
        for (order, failed) in each_service(order, &shared) {
            match order.verb() {
                Ok(verb @ Verb::Export(_)) if failed.is_none() => exports.push((order.name, verb)),
                _ => others.push(failed.map_or(order.name.clone(), |failure| format!("{}: {}", order.name, failure.message))),
            }
        }
    }
    Ok((exports, others))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_stand_beside_what_they_are_added_to() {
        assert_eq!(increment("out/roads.shp", "R"), "out/roads.R.shp");
        assert_eq!(increment("out/", "R"), "out/R/");
        assert_eq!(increment("out.d/roads", "R"), "out.d/roads/R/");
    }
}
