//! `geohaul run`: a geoprocessing task, from its inputs to its results as files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::args::{EnvironmentArgs, InputArgs, OutputArgs, ResultArgs, RunArgs};
use super::printer::{self, say};
use super::setting::{Delivered, Setting};
use super::status::Status;
use super::{access, complaint, explain, interrupt, outputs};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::export::{Destination, ExportOptions, refuse_existing};
use crate::fetch::MOST_CONNECTIONS;
use crate::fetch::gp::{Job, Options, Parameters, Phase, Polling, Portal, Record, Task, Wanted};
use crate::fetch::session::Session;
use crate::fetch::target::Target;

/// How long a cancelled tool may take to notice.
const CANCEL_PATIENCE: Duration = Duration::from_secs(30);

/// A task, and the portal that hosts it.
struct Opened {
    task: Task,
    portal: Option<Portal>,
    warnings: Vec<String>,
}

pub(super) fn run(args: &RunArgs) -> Result<Status> {
    if args.explain {
        let Opened { task, portal, .. } = open(args)?;
        let portal = portal.and(args.access.portal.as_ref());
        printer::data(&explain::text(&task, portal.map(|url| url.as_str())))?;
        return Ok(Status::Complete);
    }
    if args.dry_run {
        let (parameters, options) = asked(args)?;
        let (url, params) = open(args)?.task.preview(&parameters, &options)?;
        let params: String = params.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        printer::data(&format!("POST {}\n{params}", redact(&url)))?;
        return Ok(Status::Complete);
    }
    Ok(work(args, &Setting::alone())?.tell())
}

/// What the task is given.
pub(super) fn asked(args: &RunArgs) -> Result<(Parameters, Options)> {
    let parameters = parameters(&args.inputs)?;
    let mut options = options(&args.environment, &args.results)?;
    if let Some(limit) = args.timeout {
        options.execute_limit = limit;
    }
    Ok((parameters, options))
}

/// Runs the task, in a setting.
pub(super) fn work(args: &RunArgs, setting: &Setting<'_>) -> Result<Delivered> {
    let (parameters, options) = asked(args)?;
    // Bad outputs fail before the task runs, which may take hours.
    let destination = outputs::results(&args.outputs)?;
    let sketch = setting.job.is_some();
    let way = ExportOptions { unzip: args.results.unzip, sketch, ..outputs::options(&args.outputs)? };
    outputs::check(&destination, &args.outputs, false)?;
    let Opened { task, portal, warnings } = open_in(args, setting)?;
    let home = home(&destination);
    refuse_what_does_not_fit(&task, &destination, &args.outputs)?;
    if !args.outputs.overwrite {
        refuse_another_job(&home)?;
    }
    if let Some(portal) = &portal {
        tell_credits(portal, &task, &parameters, &options)?;
    }
    let mut job = task.run(&parameters, &options, &setting.progress)?;
    let record = Record::of(&job);
    remember(record.as_ref(), &home);
    let polling = Polling { timeout: args.timeout, ..Polling::default() };
    let waited = follow(&mut job, &polling);
    let record = record.map(|record| record.now(&job));
    remember(record.as_ref(), &home);
    if !record.is_some_and(|record| record.may_be_running() || waited.is_ok()) {
        leave(&destination);
    }
    waited?;
    let mut results = job.results(None)?;
    let delivered = outputs::deliver(&mut results, &destination, way, &args.outputs, warnings, setting);
    let again = || format!("the job is done; bring its results: geohaul export {} -o results/", home.display());
    let mut delivered = delivered.map_err(|error| if Record::path(&home).exists() { error.hint(again()) } else { error })?;
    if delivered.status == Status::Complete {
        leave(&destination);
    }
    if let (Some(portal), true, Status::Complete) = (&portal, args.delete_output_item, delivered.status) {
        for id in results.output_items() {
            match portal.delete_item(&id) {
                Ok(()) => delivered.notes.push(format!("deleted the item {id} of the portal")),
                // The results stand all the same.
                Err(error) => (delivered.complaint, delivered.status) = (Some(error), Status::Partial),
            }
        }
    }
    Ok(delivered)
}

/// Where the job of these results is remembered: with them in their directory, or beside a file until that stands.
pub(super) fn home(destination: &Destination) -> PathBuf {
    match destination {
        Destination::Directory { path, .. } => path.clone(),
        Destination::Files(outputs) => {
            let file = outputs.first().map_or(Path::new(""), |output| &output.path);
            file.with_file_name(format!(".{}.job", file.file_name().unwrap_or_default().to_string_lossy()))
        }
    }
}

/// Nobody looks for the job beside a file any more.
pub(super) fn leave(destination: &Destination) {
    if let Destination::Files(_) = destination {
        // What can't be removed is in nobody's way, and what is not of the job stays.
        let home = home(destination);
        let _ = std::fs::remove_file(Record::path(&home)).and_then(|()| std::fs::remove_dir(home));
    }
}

/// Refuses results that the outputs have no room for, by what the task says that it gives: told before it runs for hours.
fn refuse_what_does_not_fit(task: &Task, destination: &Destination, args: &OutputArgs) -> Result<()> {
    let rows: Vec<_> = task.info().outputs().filter(|output| output.is_rows()).collect();
    let names: Vec<&str> = rows.iter().map(|output| output.name.as_str()).collect();
    outputs::refuse_one_name_for_many(args, &names)?;
    match (destination, rows.as_slice()) {
        (Destination::Directory { path, formats }, rows) if !args.overwrite => {
            let rows = rows.iter().map(|output| (output.name.as_str(), output.data_type == "GPRecordSet"));
            refuse_existing(path, formats, rows)
        }
        (Destination::Files(outputs), [_, _, ..]) if !outputs.iter().all(|output| output.format.info().many_layers) => {
            Err(Error::new(ErrorKind::Usage, format!("the task gives {} results, and the output is one file", names.len()))
                .because(names.join(", "))
                .hint("give a directory, which gets a file for each: -o results/ --format geojson; or a GeoPackage, which holds them all: -o all.gpkg"))
        }
        _ => Ok(()),
    }
}

fn open(args: &RunArgs) -> Result<Opened> {
    open_in(args, &Setting::alone())
}

fn open_in(args: &RunArgs, setting: &Setting<'_>) -> Result<Opened> {
    let stoppable = |session: Session| setting.paced(session, MOST_CONNECTIONS).stopped_by(&interrupt::cancel());
    if let (Some(url), false) = (&args.access.portal, args.url.contains("://")) {
        let (session, warnings) = access::portal(&args.access, url)?;
        let portal = Portal::open(&stoppable(session), url)?;
        return Ok(Opened { task: portal.task(&args.url)?, portal: Some(portal), warnings });
    }
    let opened = access::open(&args.access, &args.url)?;
    let url = match opened.target {
        Target::GpTask { url } | Target::GpService { url } => url,
        other => {
            let error = Error::new(ErrorKind::Usage, "the address names no geoprocessing task")
                .hint("a task's address looks like https://HOST/arcgis/rest/services/NAME/GPServer/TASK");
            return Err(match other {
                Target::Layer { url, .. } | Target::Service { url } | Target::Catalog { url } => error.at_url(&url),
                Target::GpJob { url, .. } => Error::new(ErrorKind::Usage, "the address names a job, which runs already")
                    .at_url(&url)
                    .hint("geohaul export brings its results"),
                _ => error,
            });
        }
    };
    Ok(Opened { task: Task::open(&stoppable(opened.session), &url)?, portal: None, warnings: opened.warnings })
}

fn parameters(args: &InputArgs) -> Result<Parameters> {
    let given = Parameters::parse(&args.parameter)?;
    Ok(match &args.params {
        None => given,
        Some(text) => given.or(Parameters::from_json(&json("--params", text)?)?),
    })
}

fn options(args: &EnvironmentArgs, results: &ResultArgs) -> Result<Options> {
    let out_sr = args.out_sr.as_deref().map(|text| outputs::crs("--out-sr", text)).transpose()?;
    let setting = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("--env: '{text}' is no setting")).hint("write NAME=VALUE, such as outSR=4326")
        })?;
        let name = name.trim().trim_start_matches("env:");
        // A code, or a name that PROJ knows; servers want the code.
        let value = match name {
            "outSR" | "processSR" if !value.trim_start().starts_with('{') => {
                outputs::crs("--env", value)?.spatial_reference().to_wire()
            }
            _ => value.to_owned(),
        };
        Ok((name.to_owned(), value))
    };
    let context = match &args.context {
        None => Map::new(),
        Some(text) => match json("--context", text)? {
            Value::Object(context) => context,
            _ => return Err(Error::new(ErrorKind::Usage, "--context is no JSON object").hint(r#"such as {"extent": {...}}"#)),
        },
    };
    Ok(Options {
        out_sr: out_sr.map(|crs| crs.spatial_reference()),
        environment: args.env.iter().map(setting).collect::<Result<_>>()?,
        context,
        true_curves: args.true_curves,
        out_service: args.out_service.clone(),
        wanted: wanted(results),
        ..Options::default()
    })
}

/// What to ask of each result.
pub(super) fn wanted(args: &ResultArgs) -> Wanted {
    Wanted { z: args.return_z, m: args.return_m, server_kmz: args.server_kmz }
}

/// JSON in line or as @FILE.
fn json(option: &str, text: &str) -> Result<Value> {
    let read = match text.strip_prefix('@') {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|why| Error::file(format!("can't read {option}"), Path::new(path), &why))?
        }
        None => text.to_owned(),
    };
    serde_json::from_str(read.trim_start_matches('\u{feff}'))
        .map_err(|why| Error::new(ErrorKind::Usage, format!("{option} is no JSON")).because(why))
}

/// A folder that remembers a job which may be running is not given to another one.
fn refuse_another_job(folder: &Path) -> Result<()> {
    match Record::read(folder)? {
        Some(record) if record.may_be_running() => {
            Err(Error::new(ErrorKind::File, "the folder belongs to a job that has not been brought home")
                .in_file(&Record::path(folder))
                .at_url(&record.job)
                .hint("bring its results with geohaul export, choose another folder, or forget it with --overwrite"))
        }
        _ => Ok(()),
    }
}

/// Keeps the job in its folder, so that it is found again whatever happens. The run goes on without.
fn remember(record: Option<&Record>, folder: &Path) {
    if let Some(Err(error)) = record.map(|record| record.write(folder)) {
        complaint::print(&error);
    }
}

fn tell_credits(portal: &Portal, task: &Task, parameters: &Parameters, options: &Options) -> Result<()> {
    let estimate = portal.estimate(task, parameters, options)?;
    if printer::is_quiet() {
        return Ok(());
    }
    match (estimate, portal.available_credits) {
        (Some(cost), Some(left)) => say(&format!("credits: about {cost}, of {left} that are left\n")),
        (Some(cost), None) => say(&format!("credits: about {cost}\n")),
        (None, Some(left)) => say(&format!("credits: {left} are left; the portal does not say what this costs\n")),
        (None, None) => {}
    }
    Ok(())
}

/// Waits for a job. Ctrl-C asks the server to cancel it; a second one leaves it running.
pub(super) fn follow(job: &mut Job, polling: &Polling) -> Result<()> {
    let url = redact(job.url());
    let detached = format!("the job may be running still; attach again: geohaul job wait {url}\n");
    interrupt::say_instead(
        job.id().map(|_| ("asking the server to cancel the job; Ctrl-C again leaves it as it is\n".to_owned(), detached)),
    );
    let waited = job.wait(polling);
    let stopped = matches!(&waited, Err(error) if error.kind() == ErrorKind::Cancelled) && interrupt::cancel().is_cancelled();
    let outcome = match (stopped, job.id()) {
        (true, Some(_)) => Err(cancelled(job, &url)),
        _ => waited,
    };
    interrupt::say_instead(None);
    outcome
}

/// Cancels a job at the server, and says how that went.
fn cancelled(job: &mut Job, url: &str) -> Error {
    let error = Error::new(ErrorKind::Cancelled, "the work was stopped").at_url(job.url());
    match job.cancel(CANCEL_PATIENCE) {
        Ok(status) if status.phase() == Phase::Succeeded => error
            .because("the job was done before it could be cancelled")
            .hint(format!("geohaul export {url} brings its results")),
        Ok(status) => error.because(format!("the job is {}", status.describe())),
        Err(refused) => error
            .because(format!("the server did not cancel the job: {}", refused.what()))
            .hint(format!("attach again: geohaul job wait {url}")),
    }
}
