//! From output arguments to a destination and options, and from a report to its places.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::OutputArgs;
use super::interrupt;
use super::setting::{Delivered, Setting};
use super::status::Status;
use crate::convert::{CrsChoice, PlanOptions};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::export::{
    Destination, ExportOptions, Output, check_layer_name, export, format_named, one_name_for, refuse_archives, refuse_to_add,
};
use crate::fetch::Input;
use crate::model::plan::FormatInfo;
use crate::model::{Crs, codebook};
use crate::report::{Failure, Report};
use crate::write::csv::{Csv, CsvGeometry};
use crate::write::geojson::GeoJsonSeq;
use crate::write::{AnyFormat, Stage, Target, format_by_name, is_folder_data_set, place_of};

/// Exports an input to a destination; `warnings` go into the report.
pub(super) fn deliver(
    input: &mut dyn Input,
    destination: &Destination,
    options: ExportOptions,
    args: &OutputArgs,
    warnings: Vec<String>,
    setting: &Setting<'_>,
) -> Result<Delivered> {
    if let (Some(report), Some(codebook)) = (&args.report, &args.codebook)
        && place_of(report) == place_of(codebook)
    {
        return Err(the_same("--codebook", codebook));
    }
    for (option, path) in side_files(args) {
        match destination {
            Destination::Files(outputs) if outputs.iter().any(|o| place_of(&o.path) == place_of(path)) => {
                return Err(the_same(option, path));
            }
            // They may go into it.
            Destination::Directory { path, .. } => {
                std::fs::create_dir_all(path).map_err(|why| Error::file("can't make the output directory", path, &why))?;
            }
            Destination::Files(_) => {}
        }
    }
    let options = ExportOptions { placed: setting.job.as_ref().map(|job| job.placed.clone()), ..options };
    // Opened before anything is fetched, as every output is.
    let stage =
        |path: &Option<PathBuf>| path.as_deref().map(|path| side_stage(path, args.overwrite || options.resume)).transpose();
    let (report_stage, codebook_stage) = (stage(&args.report)?, stage(&args.codebook)?);
    let mut report = export(input, destination, &options, &setting.progress)?;
    report.warnings.extend(warnings.into_iter().chain(unused(destination, args)));
    let reported = codebook_stage
        .map_or(Ok(()), |stage| write_side_file(&report, stage, "--codebook", args.codebook.as_deref(), codebook_text(&report)))
        .and_then(|()| match report_stage {
            Some(stage) => write_side_file(&report, stage, "--report", args.report.as_deref(), report_text(&report)?),
            None => Ok(()),
        });
    let complaint = reported.err();
    let status = match Status::of_report(&report) {
        // The outputs stand all the same.
        _ if complaint.is_some() => Status::Partial,
        Status::Complete => Status::Complete,
        _ if interrupt::cancel().is_cancelled() => Status::Interrupted,
        status => status,
    };
    Ok(Delivered { report, status, complaint, unchanged: Vec::new(), notes: Vec::new() })
}

/// What to say of options that are for other formats than those of the outputs.
fn unused(destination: &Destination, args: &OutputArgs) -> Vec<String> {
    let formats: Vec<&FormatInfo> = match destination {
        Destination::Files(outputs) => outputs.iter().map(|output| output.format.info()).collect(),
        Destination::Directory { formats, .. } => formats.iter().map(|format| format.info()).collect(),
    };
    let is_there = |name: &str| formats.iter().any(|format| format.name == name);
    let (csv, sequence, gdal) = (is_there("csv"), is_there("geojsonseq"), args.driver.is_some() || is_there("filegdb"));
    let named = formats.iter().any(|format| !["csv", "geojsonseq", "geoparquet"].contains(&format.name));
    let options = [
        ("--layer-name", args.layer_name.is_some(), "formats that name their layers", named),
        ("--geometry", CsvGeometry::from(args.geometry) != CsvGeometry::Xy, "CSV", csv),
        ("--delimiter", args.delimiter != b',', "CSV", csv),
        ("--bom", args.bom, "CSV", csv),
        ("--rs", args.rs, "GeoJSON text sequences", sequence),
        ("--lco", !args.lco.is_empty(), "drivers of GDAL", gdal),
        ("--dsco", !args.dsco.is_empty(), "drivers of GDAL", gdal),
    ];
    let unused = options.into_iter().filter(|(_, given, _, used)| *given && !used);
    unused.map(|(option, _, of, _)| format!("{option} is for {of}, and no output is such; it was not used")).collect()
}

/// The files beside the outputs, with the options that name them.
pub(super) fn side_files(args: &OutputArgs) -> impl Iterator<Item = (&'static str, &Path)> {
    let named = [("--report", &args.report), ("--codebook", &args.codebook)];
    named.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
}

fn the_same(option: &str, path: &Path) -> Error {
    let what = option.trim_start_matches('-');
    Error::new(ErrorKind::Usage, format!("the {what} and an output are the same file"))
        .in_file(path)
        .hint(format!("give {option} another name"))
}

fn report_text(report: &Report) -> Result<String> {
    let text = serde_json::to_string_pretty(report);
    text.map(|text| text + "\n").map_err(|why| Error::new(ErrorKind::Internal, "can't write the report").because(why))
}

fn codebook_text(report: &Report) -> String {
    codebook::to_csv(report.layers.iter().flat_map(|layer| &layer.codebook))
}

fn write_side_file(report: &Report, stage: Stage, option: &str, path: Option<&Path>, text: String) -> Result<()> {
    let mut written = report.layers.iter().flat_map(|layer| &layer.outputs).flat_map(|output| &output.files).chain(&report.files);
    if let Some(path) = path
        && written.any(|file| place_of(file) == place_of(path))
    {
        return Err(the_same(option, path));
    }
    write_whole(stage, &text)
}

/// The stage of a file beside the outputs; `-` is standard output. The report of a run that wrote nothing may go, so that
/// the same command can be typed again.
fn side_stage(path: &Path, overwrite: bool) -> Result<Stage> {
    let overwrite = overwrite || tells_of_nothing(path);
    if path.as_os_str() == "-" { Stage::stdout() } else { Stage::open(Target { path: path.to_owned(), overwrite }) }
}

/// A report of ours, with failures and no layer.
fn tells_of_nothing(path: &Path) -> bool {
    let report = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let length = |key: &str| report.as_ref().and_then(|report| report.get(key)?.as_array()).map(Vec::len);
    length("failures").is_some_and(|failures| failures > 0) && length("layers") == Some(0) && length("files").is_none()
}

fn write_whole(stage: Stage, text: &str) -> Result<()> {
    let mut file = stage.create(&stage.main_file())?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(|why| stage.write_error(&why))?;
    drop(file);
    stage.commit().map(drop)
}

/// Does the work of a verb. Where nothing came of it, the report that was asked for says why.
pub(super) fn reported(args: &OutputArgs, source: &str, resume: bool, work: impl FnOnce() -> Result<Status>) -> Result<Status> {
    let source = source.parse().map_or_else(|_| source.to_owned(), |url| redact(&url));
    let mut report = Report::begin(source);
    let done = work();
    if let (Err(error), Some(path)) = (&done, &args.report)
        && !matches!(error.kind(), ErrorKind::Usage | ErrorKind::Closed)
    {
        report.finished = crate::model::time::now();
        report.failures.push(Failure::from(error));
        // The error itself is what must be told.
        let _ = write_failure(&report, path, args, resume);
    }
    done
}

fn write_failure(report: &Report, path: &Path, args: &OutputArgs, resume: bool) -> Result<()> {
    // It may go into the output directory, which was not made any more.
    if let Some(folder) = path.parent().filter(|folder| args.output.iter().any(|output| place_of(output) == place_of(folder))) {
        std::fs::create_dir_all(folder).map_err(|why| Error::file("can't make the output directory", folder, &why))?;
    }
    write_whole(side_stage(path, args.overwrite || resume)?, &report_text(report)?)
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
        keep_curves: args.keep_curves,
        domains: args.domains.into(),
        layer_name: args.layer_name.clone(),
        aliases: args.aliases,
        explode: args.explode,
        make_valid: args.make_valid,
        promote_multi: args.promote_multi,
        transformation: args.transformation.clone(),
        time_zone: args.time_zone.clone(),
    };
    Ok(ExportOptions {
        plan,
        clip: None,
        overwrite: args.overwrite,
        append: args.append,
        allow_partial: args.allow_partial,
        strict: args.strict,
        threads: args.threads,
        unzip: false,
        receipt: args.receipt,
        resume: false,
        pages_in: None,
        placed: None,
        sketch: false,
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

/// Everything about the outputs that can be wrong before the input is known. What stands may be that of the run that is
/// gone on with (`resume`).
pub(super) fn check(destination: &Destination, args: &OutputArgs, resume: bool) -> Result<()> {
    options(args)?;
    check_layer_name(args.layer_name.as_deref(), destination)?;
    // A stage that is dropped leaves nothing behind.
    let overwrite = args.overwrite || args.append || resume;
    let open = |path: &Path| Stage::open(Target { path: path.to_owned(), overwrite }).map(drop);
    match destination {
        Destination::Files(outputs) => {
            if args.append {
                outputs.iter().try_for_each(refuse_to_add)?;
            }
            outputs.iter().try_for_each(|output| refuse_archives(&output.path, output.format))?;
            let files = outputs.iter().filter(|output| output.path.as_os_str() != "-");
            files.map(|output| &output.path).try_for_each(|path| open(path))?;
        }
        Destination::Directory { .. } if args.append => {
            return Err(Error::new(ErrorKind::Usage, "--append adds to a file, and the output is a directory")
                .hint("name the file: -o all.gpkg"));
        }
        Destination::Directory { path, formats } => {
            formats.iter().try_for_each(|format| refuse_archives(&path.join("layer"), *format))?;
            check_directory(path)?;
        }
    }
    side_files(args).filter(|(_, path)| path.as_os_str() != "-").try_for_each(|(_, path)| open(path))
}

/// Refuses one name for several layers, before any of them is read.
pub(super) fn refuse_one_name_for_many(args: &OutputArgs, names: &[&str]) -> Result<()> {
    if args.layer_name.is_some() && names.len() > 1 { Err(one_name_for(names)) } else { Ok(()) }
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
fn directory(args: &OutputArgs) -> Result<Destination> {
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
    let formats = match &args.driver {
        Some(name) => vec![driver(name, args)?],
        None => args.format.iter().map(|name| Ok(with_options(format_named(name)?, args))).collect::<Result<Vec<_>>>()?,
    };
    Ok(Destination::Directory { path: path.clone(), formats })
}

/// Where the results of a task go: into files where an ending names a format, and else into one directory.
pub(super) fn results(args: &OutputArgs) -> Result<Destination> {
    let is_file =
        |path: &PathBuf| says_format(path) || args.driver.is_some() && path.extension().is_some() && !is_directory(path);
    if args.output.iter().any(is_file) { destination(args) } else { directory(args) }
}

/// Whether an output is a file whose ending says its format.
pub(super) fn says_format(output: &Path) -> bool {
    let ending = output.extension().and_then(|ending| ending.to_str());
    !is_directory(output) && ending.is_some_and(|ending| format_by_name(ending).is_some())
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
    let output = |path: &PathBuf| match &args.driver {
        Some(name) => Ok(Output { path: path.clone(), format: driver(name, args)? }),
        None => {
            let output = Output::new(path, format)?;
            Ok(Output { format: with_options(output.format, args), ..output })
        }
    };
    Ok(Destination::Files(args.output.iter().map(output).collect::<Result<_>>()?))
}

/// A driver of GDAL as a format.
#[cfg(feature = "gdal")]
fn driver(name: &str, args: &OutputArgs) -> Result<&'static dyn AnyFormat> {
    crate::write::ogr::OgrFormat::of_driver(name, args.lco.clone(), args.dsco.clone())
}

#[cfg(not(feature = "gdal"))]
fn driver(name: &str, _: &OutputArgs) -> Result<&'static dyn AnyFormat> {
    Err(Error::new(ErrorKind::Usage, format!("there is no driver \"{name}\""))
        .because("this build has no GDAL")
        .hint("use a build with GDAL (feature `gdal`)"))
}

/// A format as the options of formats want it. It lives as long as the program, as the formats of the registry do.
fn with_options(format: &'static dyn AnyFormat, args: &OutputArgs) -> &'static dyn AnyFormat {
    match format.info().name {
        "csv" => Box::leak(Box::new(Csv { geometry: args.geometry.into(), delimiter: args.delimiter, bom: args.bom })),
        "geojsonseq" => Box::leak(Box::new(GeoJsonSeq { record_separators: args.rs })),
        #[cfg(feature = "gdal")]
        "filegdb" if !(args.lco.is_empty() && args.dsco.is_empty()) => driver("OpenFileGDB", args).unwrap_or(format),
        _ => format,
    }
}

fn is_directory(path: &Path) -> bool {
    let text = path.as_os_str().to_string_lossy();
    let directory = text.ends_with('/') || text.ends_with(std::path::MAIN_SEPARATOR) || path.is_dir();
    directory && !is_folder_data_set(path)
}
