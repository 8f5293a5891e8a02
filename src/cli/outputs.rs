//! From output arguments to a destination and options, and from a report to its places.

use std::path::Path;
use std::sync::Arc;

use super::args::OutputArgs;
use super::complaint;
use super::interrupt;
use super::printer::{self, Lines};
use super::status::Status;
use crate::convert::{CrsChoice, PlanOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::export::{Destination, ExportOptions, Output, export, format_named};
use crate::fetch::Input;
use crate::model::Crs;
use crate::report::{Progress, Report};
use crate::write::{Stage, Target, place_of};

/// Exports an input to a destination and tells of it; `warnings` go into the report.
pub(super) fn deliver(
    input: &mut dyn Input,
    destination: &Destination,
    options: ExportOptions,
    args: &OutputArgs,
    warnings: Vec<String>,
) -> Result<Status> {
    match (destination, &args.report) {
        (Destination::Files(outputs), Some(report)) if outputs.iter().any(|o| place_of(&o.path) == place_of(report)) => {
            return Err(the_same(report));
        }
        // The report may go into it.
        (Destination::Directory { path, .. }, Some(_)) => {
            std::fs::create_dir_all(path).map_err(|why| Error::file("can't make the output directory", path, &why))?;
        }
        _ => {}
    }
    // Opened before anything is fetched, as every output is.
    let report_stage =
        args.report.as_ref().map(|path| Stage::open(Target { path: path.clone(), overwrite: args.overwrite })).transpose()?;
    let mut report = export(input, destination, &options, &progress(args))?;
    report.warnings.extend(warnings);
    let reported = report_stage.map_or(Ok(()), |stage| write_report(&report, stage, args.report.as_deref()));
    if !args.quiet {
        printer::print_report(&report);
    }
    if let Err(error) = reported {
        // The outputs stand all the same.
        complaint::print(&error);
        return Ok(Status::Partial);
    }
    Ok(match Status::of_report(&report) {
        Status::Complete => Status::Complete,
        _ if interrupt::cancel().is_cancelled() => Status::Interrupted,
        status => status,
    })
}

fn the_same(report: &Path) -> Error {
    Error::new(ErrorKind::Usage, "the report and an output are the same file").in_file(report).hint("give --report another name")
}

/// Where news of the work goes.
pub(super) fn progress(args: &OutputArgs) -> Arc<dyn Progress> {
    if args.quiet { Arc::new(crate::report::Silent) } else { Arc::new(Lines) }
}

fn write_report(report: &Report, stage: Stage, path: Option<&Path>) -> Result<()> {
    let mut written = report.layers.iter().flat_map(|layer| &layer.outputs).flat_map(|output| &output.files).chain(&report.files);
    if let Some(path) = path
        && written.any(|file| place_of(file) == place_of(path))
    {
        return Err(the_same(path));
    }
    let text = serde_json::to_string_pretty(report)
        .map_err(|why| Error::new(ErrorKind::Internal, "can't write the report").because(why))?;
    std::fs::write(stage.main_file(), text + "\n").map_err(|why| stage.write_error(&why))?;
    stage.commit().map(drop)
}

/// What the arguments say of spatial references and the rest.
pub(super) fn options(args: &OutputArgs) -> Result<ExportOptions> {
    let choice = match args.crs.as_deref() {
        None => CrsChoice::Default,
        Some(native) if native.eq_ignore_ascii_case("native") => CrsChoice::Native,
        Some(text) => CrsChoice::To(crs("--crs", text)?),
    };
    let plan = PlanOptions {
        crs: choice,
        assume_crs: args.assume_crs.as_deref().map(|text| crs("--assume-crs", text)).transpose()?,
        decimals: args.precision,
        allow_ballpark: args.allow_ballpark,
        antimeridian: args.antimeridian.into(),
        curve_tolerance: args.curve_tolerance,
    };
    Ok(ExportOptions {
        plan,
        clip: None,
        overwrite: args.overwrite,
        allow_partial: args.allow_partial,
        strict: args.strict,
        threads: args.threads,
        unzip: false,
        receipt: args.receipt,
        resume: false,
        cancel: interrupt::cancel(),
    })
}

/// A spatial reference that an option names.
pub(super) fn crs(option: &str, text: &str) -> Result<Crs> {
    Crs::parse(text).map_err(|error| {
        if error.kind() != ErrorKind::SpatialReference {
            return error;
        }
        // Here it is the command that is wrong, and not the data.
        let usage = Error::new(ErrorKind::Usage, format!("{option}: {}", error.what()));
        let usage = error.why().map_or(usage.clone(), |why| usage.because(why));
        error.hint_text().map_or(usage.clone(), |hint| usage.hint(hint))
    })
}

/// Everything about the outputs that can be wrong before the input is known.
pub(super) fn check(destination: &Destination, args: &OutputArgs) -> Result<()> {
    options(args)?;
    // A stage that is dropped leaves nothing behind.
    let open = |path: &Path| Stage::open(Target { path: path.to_owned(), overwrite: args.overwrite }).map(drop);
    match destination {
        Destination::Files(outputs) => outputs.iter().try_for_each(|output| open(&output.path))?,
        Destination::Directory { path, .. } => check_directory(path)?,
    }
    args.report.as_deref().map_or(Ok(()), open)
}

/// A directory that is there or can be made, and takes files.
fn check_directory(path: &Path) -> Result<()> {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(Error::new(ErrorKind::File, "the output's directory is a file")
            .in_file(there)
            .hint("choose another directory"));
    }
    match tempfile::tempfile_in(there) {
        Ok(_) => Ok(()),
        Err(why) => Err(Error::file("can't write to the output's directory", there, &why)),
    }
}

/// One directory, whether it exists or not.
pub(super) fn directory(args: &OutputArgs) -> Result<Destination> {
    let [path] = args.output.as_slice() else {
        return Err(
            Error::new(ErrorKind::Usage, "more than one output is given").hint("results go into one directory: -o results/")
        );
    };
    if path.as_os_str() == "-" {
        return Err(Error::new(ErrorKind::Usage, "results go into a directory, and not to standard output")
            .hint("give a directory: -o results/"));
    }
    if path.is_file() {
        return Err(Error::new(ErrorKind::Usage, "the output is a file, and results go into a directory")
            .in_file(path)
            .hint("give a directory: -o results/"));
    }
    let named = args.format.iter().map(|name| format_named(name)).collect::<Result<Vec<_>>>()?;
    let formats = if named.is_empty() { vec![format_named("geojson")?] } else { named };
    Ok(Destination::Directory { path: path.clone(), formats })
}

/// Files, or one directory.
pub(super) fn destination(args: &OutputArgs) -> Result<Destination> {
    if let [path] = args.output.as_slice()
        && is_directory(path)
    {
        return directory(args);
    }
    if let Some(directory) = args.output.iter().find(|path| is_directory(path)) {
        return Err(Error::new(ErrorKind::Usage, "a directory is given beside another output")
            .in_file(directory)
            .hint("give one directory, or files only"));
    }
    let format = match (args.format.as_slice(), args.output.len()) {
        ([], _) => None,
        ([name], 1) => Some(name.as_str()),
        _ => {
            return Err(Error::new(ErrorKind::Usage, "--format does not say which output it is for")
                .hint("give each output an ending that tells its format, or give one directory"));
        }
    };
    Ok(Destination::Files(args.output.iter().map(|path| Output::new(path, format)).collect::<Result<_>>()?))
}

fn is_directory(path: &Path) -> bool {
    let text = path.as_os_str().to_string_lossy();
    text.ends_with('/') || text.ends_with(std::path::MAIN_SEPARATOR) || path.is_dir()
}
