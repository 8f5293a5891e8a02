//! The whole way from an opened input to finished files: the only place that knows all three stages.
//!
//! Pages go through the pipeline of [`crate::pipe`]: this thread takes them from the source, workers convert and
//! encode them, one writer thread per output puts them into the stage in order. Only when the source has said
//! that nothing is missing are the stages renamed into place.

mod receipt;
mod together;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::convert::{self, OutputPlan, PlanOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::MOST_CONNECTIONS;
use crate::fetch::http::{Cancel, Fault};
use crate::fetch::{Download, Input, Item, Pages, Source};
use crate::model::crs::Vertical;
use crate::model::{Area, Batch, Evidence, Header, Page, ReadPlan, WritePlan, codebook};
use crate::pipe::{Permit, Permits, in_order};
use crate::report::{Clipped, Failure, LayerReport, LossKind, Losses, OutputReport, Progress, Report};
use crate::write::{
    AnyChunk, AnyFormat, Encoded, Event, Rows, Stage, Target, Written, format_by_name, place_of, unique_file_stem, unzip,
};

/// Pages under way at least, so that as many connections as there may be have something to do.
const PAGES_UNDER_WAY: usize = 2 * MOST_CONNECTIONS;

/// Raw pages under way hold at most about this many bytes.
const BYTES_UNDER_WAY: usize = 48 << 20;

/// More workers than that are a slip of the keyboard.
const MOST_THREADS: usize = 256;

/// A file among kept pages that says that outputs which stand are ours.
const PLACED: &str = "placed";

pub use receipt::{Check, Receipt, check_files, check_server};

/// How an export is done.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Spatial references, precision and the like.
    pub plan: PlanOptions,
    /// Cut geometries at this area.
    pub clip: Option<Area>,
    /// Existing outputs may be replaced.
    pub overwrite: bool,
    /// Layers are added to what an existing output holds; every format must hold many.
    pub append: bool,
    /// Write what there is even if rows are missing; the report then holds a failure.
    pub allow_partial: bool,
    /// The first loss is an error.
    pub strict: bool,
    /// Workers; 0 is one per core.
    pub threads: usize,
    /// Keep raw pages beside the first output until it is done, and begin with those that an interrupted run left.
    pub resume: bool,
    /// Unpack the ZIP archives among the files into folders beside them.
    pub unzip: bool,
    /// Write a receipt beside the first output: `roads.geojson.receipt.json`.
    pub receipt: bool,
    /// Stops the work: pages, conversion and writing end soon, and no output appears.
    pub cancel: Cancel,
}

/// One output: a file and its format.
#[derive(Clone)]
pub struct Output {
    /// The main file.
    pub path: PathBuf,
    /// The format.
    pub format: &'static dyn AnyFormat,
}

impl Output {
    /// An output in the format of this name, or by the file's ending where there is no name. A file without ending
    /// gets the format's.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where no format is known by it.
    ///
    /// ```
    /// use geohaul::export::Output;
    ///
    /// assert_eq!(Output::new("roads.shp", None).unwrap().format.info().name, "shapefile");
    /// assert!(Output::new("roads.xyz", None).is_err());
    /// ```
    pub fn new(path: impl Into<PathBuf>, format: Option<&str>) -> Result<Self> {
        let mut path: PathBuf = path.into();
        if path.as_os_str() == "-" {
            let error = |what: String| Err(Error::new(ErrorKind::Usage, what));
            let format = format.map(format_named).transpose()?;
            return match format {
                Some(format) if format.info().streams => Ok(Self { path, format }),
                Some(format) => error(format!("{} can't be written to standard output", format.info().title))
                    .map_err(|error| error.hint("give -o a file name")),
                None => error("standard output has no ending to tell the format by".to_owned())
                    .map_err(|error| error.hint("say --format NAME, such as --format geojsonseq, or give -o a file name")),
            };
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        let format = match (format, ending) {
            (Some(name), None) => {
                let format = format_named(name)?;
                path.set_extension(format.info().endings[0]);
                format
            }
            (Some(name), Some(_)) => format_named(name)?,
            (None, Some(ending)) => format_named(ending).map_err(|error| error.in_file(&path))?,
            (None, None) => {
                return Err(Error::new(ErrorKind::Usage, "the output's name has no ending to tell the format by")
                    .in_file(&path)
                    .hint("give it one, such as .geojson, or say --format NAME"));
            }
        };
        Ok(Self { path, format })
    }
}

/// The format of a name or file ending.
///
/// # Errors
/// [`ErrorKind::Usage`] where there is none, with the list of those that are.
pub fn format_named(name: &str) -> Result<&'static dyn AnyFormat> {
    format_by_name(name).ok_or_else(|| {
        let known = crate::write::FORMATS.iter().map(|format| format.info().name).collect::<Vec<_>>().join(", ");
        Error::new(ErrorKind::Usage, format!("no format is called \"{name}\""))
            .hint(format!("formats: {known}; see geohaul formats"))
    })
}

/// Where the items of an input go.
#[derive(Clone)]
pub enum Destination {
    /// The one layer of the input goes into these files; all of its layers and tables, where every format holds many.
    Files(Vec<Output>),
    /// Every item becomes a file in this directory, named after the item: layers in all of these formats, tables
    /// as CSV, files as they are, scalar values together in `results.json`.
    Directory {
        /// The directory; it is made where it is missing.
        path: PathBuf,
        /// The formats of the layers.
        formats: Vec<&'static dyn AnyFormat>,
    },
}

/// Exports all items of an input.
///
/// # Errors
/// Where nothing at all could be written. What failed beside what was written is in [`Report::failures`].
pub fn export(
    input: &mut dyn Input,
    destination: &Destination,
    options: &ExportOptions,
    progress: &Arc<dyn Progress>,
) -> Result<Report> {
    let mut report = Report::begin(input.describe());
    let mut first_error = None;
    let mut fail = |error: Error, report: &mut Report| {
        report.failures.push(Failure::from(&error));
        first_error.get_or_insert(error);
    };
    match destination {
        Destination::Files(outputs) if together::can_hold_many(outputs) => {
            together::export(input, outputs, options, progress, &mut report)?;
        }
        Destination::Files(outputs) => {
            let layer = only_layer(input, &mut report)?;
            match export_layer(layer, outputs, options, progress) {
                Ok(done) => forget_pages(add_layer(done, &mut report)),
                Err(error) => fail(error, &mut report),
            }
        }
        Destination::Directory { path, formats } => {
            std::fs::create_dir_all(path).map_err(|why| Error::file("can't make the output directory", path, &why))?;
            let (mut taken, mut kept) = (reserved_names(), Vec::new());
            for item in input.items() {
                match item.and_then(|item| export_item(item, path, formats, options, progress, &mut taken, &mut report)) {
                    Ok(pages) => kept.extend(pages),
                    Err(error) => fail(error, &mut report),
                }
                if options.cancel.is_cancelled() {
                    break;
                }
            }
            if let Err(error) = write_values(path, options.overwrite, &mut report) {
                fail(error, &mut report);
            }
            if first_error.is_none() {
                forget_pages(kept);
            }
        }
    }
    report.messages = input.messages();
    report.finished = crate::model::time::now();
    match first_error {
        Some(error) if !report.wrote_something() => Err(error),
        _ => Ok(report),
    }
}

/// Exports the one layer of an input into anything that takes bytes, in a format of one file.
///
/// # Errors
/// As [`export`]; [`ErrorKind::Usage`] for a format of several files, [`ErrorKind::File`] where `out` takes no more. Nothing
/// is written to `out` before the layer is whole.
pub fn export_to(
    input: &mut dyn Input,
    format: &'static dyn AnyFormat,
    out: &mut dyn std::io::Write,
    options: &ExportOptions,
    progress: &Arc<dyn Progress>,
) -> Result<Report> {
    let failed = |why: std::io::Error| Error::new(ErrorKind::File, "can't write the output").because(why);
    let folder = tempfile::tempdir().map_err(failed)?;
    let path = folder.path().join(format!("layer.{}", format.info().endings[0]));
    let output = Output { path: path.clone(), format };
    let report = export(input, &Destination::Files(vec![output]), options, progress)?;
    if report.layers.iter().flat_map(|layer| &layer.outputs).any(|output| output.files.len() > 1) {
        return Err(Error::new(ErrorKind::Usage, format!("{} is several files, and not one stream", format.info().title))
            .hint("write it to a path: geohaul::export"));
    }
    let mut file = std::fs::File::open(&path).map_err(failed)?;
    std::io::copy(&mut file, out).map_err(failed)?;
    Ok(report)
}

/// Adds a layer to the report, and says where its pages are kept.
fn add_layer(done: ExportedLayer, report: &mut Report) -> Option<PathBuf> {
    report.warnings.extend(done.warnings);
    report.failures.extend(done.shortfall.iter().chain(&done.failures).map(Failure::from));
    report.layers.push(done.report);
    done.kept_pages
}

/// All outputs stand, so nothing depends on the pages any more.
fn forget_pages(kept: impl IntoIterator<Item = PathBuf>) {
    for directory in kept {
        let _ = std::fs::remove_dir_all(directory);
    }
}

/// The one layer of an input; values beside it go to the report, and files are named in it.
fn only_layer(input: &mut dyn Input, report: &mut Report) -> Result<Box<dyn Source>> {
    let mut layers = Vec::new();
    for item in input.items() {
        match item? {
            Item::Layer(layer) => layers.push(layer),
            Item::Value(scalar) => {
                report
                    .warnings
                    .push(format!("\"{}\" is a value and is in the report only; a directory takes it too", scalar.name));
                report.values.insert(scalar.name, scalar.value);
            }
            Item::File(download) => report.warnings.push(not_fetched(&download)),
        }
    }
    match layers.len() {
        1 => Ok(layers.remove(0)),
        0 => Err(Error::new(ErrorKind::Input, "there are no features in the input")
            .because("it holds values or files only")
            .hint("give a directory, which gets them all: -o results/")),
        count => {
            let names = layers.iter().map(|layer| format!("\"{}\"", layer.header().name)).collect::<Vec<_>>().join(", ");
            Err(Error::new(ErrorKind::Usage, format!("the input holds {count} layers, and the output is one file"))
                .because(names)
                .hint("give a directory, which gets a file for each: -o results/ --format geojson"))
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "the loop body of `export`, which owns all of these")]
fn export_item(
    item: Item,
    directory: &Path,
    formats: &[&'static dyn AnyFormat],
    options: &ExportOptions,
    progress: &Arc<dyn Progress>,
    taken: &mut HashSet<String>,
    report: &mut Report,
) -> Result<Option<PathBuf>> {
    match item {
        Item::Layer(layer) => {
            let header = layer.header();
            let outputs = outputs_in(directory, &header.name, header.geometry.is_none(), formats, taken)?;
            return Ok(add_layer(export_layer(layer, &outputs, options, progress)?, report));
        }
        Item::Value(scalar) => drop(report.values.insert(scalar.name, scalar.value)),
        Item::File(download) => {
            let name = match download.ending() {
                Some(ending) => format!("{}.{ending}", unique_file_stem(&download.name, taken)),
                None => unique_file_stem(&download.name, taken),
            };
            let stage = Stage::open(Target { path: directory.join(name), overwrite: options.overwrite })?;
            let parameter = download.name.clone();
            let body = download.fetch().map_err(|error| error.in_layer(&parameter))?;
            std::fs::write(stage.main_file(), &body).map_err(|why| stage.write_error(&why))?;
            let written = stage.commit()?;
            let folder = written.first().filter(|file| options.unzip && is_zip(file)).map(|file| file.with_extension(""));
            report.files.extend(written);
            if let Some(folder) = folder {
                report.files.extend(unzip(&body, &folder, options.overwrite).map_err(|error| error.in_layer(&parameter))?);
            }
        }
    }
    Ok(None)
}

fn is_zip(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
}

/// Refuses rows, given by name and whether they are a table, whose files stand in a directory already: told before
/// a job runs for hours to make them.
///
/// # Errors
/// [`ErrorKind::File`] that names the first such file.
pub fn refuse_existing<'a>(
    directory: &Path,
    formats: &[&'static dyn AnyFormat],
    rows: impl IntoIterator<Item = (&'a str, bool)>,
) -> Result<()> {
    if !directory.is_dir() {
        return Ok(());
    }
    let mut taken = reserved_names();
    for (name, is_table) in rows {
        for Output { path, .. } in outputs_in(directory, name, is_table, formats, &mut taken)? {
            Stage::open(Target { path, overwrite: false })?;
        }
    }
    Ok(())
}

/// Taken whatever an item is called.
fn reserved_names() -> HashSet<String> {
    HashSet::from(["results".to_owned()])
}

/// The files of rows in a directory: tables as CSV, features in all formats.
fn outputs_in(
    directory: &Path,
    name: &str,
    is_table: bool,
    formats: &[&'static dyn AnyFormat],
    taken: &mut HashSet<String>,
) -> Result<Vec<Output>> {
    let stem = unique_file_stem(name, taken);
    let formats = if is_table { vec![format_named("csv")?] } else { formats.to_vec() };
    let output =
        |format: &'static dyn AnyFormat| Output { path: directory.join(format!("{stem}.{}", format.info().endings[0])), format };
    Ok(formats.into_iter().map(output).collect())
}

fn not_fetched(download: &Download) -> String {
    format!("\"{}\" is a file and was not fetched, since the output is one file: {}", download.name, crate::redact(&download.url))
}

fn write_values(directory: &Path, overwrite: bool, report: &mut Report) -> Result<()> {
    if report.values.is_empty() {
        return Ok(());
    }
    let stage = Stage::open(Target { path: directory.join("results.json"), overwrite })?;
    let text = serde_json::to_string_pretty(&report.values)
        .map_err(|why| Error::new(ErrorKind::Internal, "can't write JSON").because(why))?;
    std::fs::write(stage.main_file(), text + "\n").map_err(|why| stage.write_error(&why))?;
    report.files.extend(stage.commit()?);
    Ok(())
}

/// A layer whose outputs stand.
pub struct ExportedLayer {
    /// What was read and written.
    pub report: LayerReport,
    /// What the user should know, whatever the output.
    pub warnings: Vec<String>,
    /// Rows that are missing, where that was allowed.
    pub shortfall: Option<Error>,
    /// Outputs that could not be put in place, beside others that stand.
    pub failures: Vec<Error>,
    /// Where its raw pages are still kept: until everything that is exported with it stands, a further run may need them.
    pub kept_pages: Option<PathBuf>,
}

/// Exports one layer into all outputs with one fetch.
///
/// # Errors
/// Whatever went wrong: then no output stands. (Where one stands already and another can't be renamed into place, that is
/// one of [`ExportedLayer::failures`].)
pub fn export_layer(
    source: Box<dyn Source>,
    outputs: &[Output],
    options: &ExportOptions,
    progress: &Arc<dyn Progress>,
) -> Result<ExportedLayer> {
    let first = outputs.first().map(|output| output.path.as_path());
    let kept = first.filter(|_| options.resume).map(kept_pages);
    let (stages, overwrite) = open_stages(outputs, options, kept.as_deref())?;
    let receipt = first.filter(|_| options.receipt).map(|path| Stage::open(receipt::target(path, overwrite))).transpose()?;
    let mut filled = fill(source, outputs, &stages, kept.as_deref(), options, progress)?;
    if let Some(directory) = &kept {
        mark_placed(directory)?;
    }
    let (standing, failures) = commit(stages, filled.report.outputs)?;
    filled.report.outputs = standing;
    if let Some(stage) = receipt {
        receipt::write(&Receipt::of(&filled.report, &filled.warnings, &filled.started)?, stage)?;
    }
    let FilledLayer { report, warnings, shortfall, .. } = filled;
    Ok(ExportedLayer { report, warnings, shortfall, failures, kept_pages: kept })
}

/// A layer that is whole in the stages of its outputs.
struct FilledLayer {
    /// As it will be when the outputs are in place.
    report: LayerReport,
    warnings: Vec<String>,
    shortfall: Option<Error>,
    started: String,
}

/// Brings one layer into the stages of all outputs with one fetch. Pages are kept in the directory, where there is one.
fn fill(
    mut source: Box<dyn Source>,
    outputs: &[Output],
    stages: &[Stage],
    kept: Option<&Path>,
    options: &ExportOptions,
    progress: &Arc<dyn Progress>,
) -> Result<FilledLayer> {
    let (began, started) = (Instant::now(), crate::model::time::now());
    let header = source.header().clone();
    let formats: Vec<_> = outputs.iter().map(|output| output.format.info()).collect();
    let plan = convert::plan(&header, &formats, &options.plan)?;
    let clip = options.clip.as_ref().filter(|_| header.geometry.is_some());
    let clip = clip.map(|area| convert::Clip::new(area, plan.source_crs.as_ref())).transpose();
    let clip = clip.map_err(|error| error.in_layer(&header.name))?;
    if let Some(directory) = kept {
        source.keep_pages_in(directory)?;
    }
    let origin = source.origin();
    progress.layer(&header.name, header.count);

    let mut warnings = source.warnings();
    let remedy = source.remedy();
    warnings.extend(plan.warnings.iter().cloned());
    let threads = if options.threads > 0 { options.threads } else { std::thread::available_parallelism().map_or(2, usize::from) };
    let threads = threads.min(MOST_THREADS);
    let permits = Permits::new((2 * threads).max(PAGES_UNDER_WAY), BYTES_UNDER_WAY);
    let pages = source.open(&plan.read, &permits, Arc::clone(progress))?;
    let lanes =
        outputs.iter().zip(&plan.outputs).zip(stages).map(|((output, plan), stage)| Lane { format: output.format, plan, stage });
    let domains = plan.domains.as_deref();
    let (clip_area, cancel) = (clip.as_ref(), &options.cancel);
    let way = Way {
        header: &header,
        read: &plan.read,
        clip: clip_area,
        domains,
        options: &options.plan,
        lanes: lanes.collect(),
        cancel,
    };
    let hauled = haul(pages, &way, threads, &permits).map_err(|error| error.in_layer(&header.name))?;

    let fallback = hauled.evidence.carriage.fallback.as_ref();
    warnings.extend(fallback.map(|why| format!("PBF was given up, and further rows came as JSON: {why}")));

    let shortfall = shortfall(&header, &hauled.evidence, remedy.as_deref());
    if let Some(error) = &shortfall
        && !options.allow_partial
    {
        return Err(error.clone());
    }
    let mut written = Vec::new();
    for ((output, plan), done) in outputs.iter().zip(&plan.outputs).zip(hauled.written) {
        written.push(output_report(output, plan, done, hauled.evidence.rows - hauled.clipped.outside + hauled.added)?);
    }
    if options.strict {
        refuse_losses(&hauled.losses, &written).map_err(|error| error.in_layer(&header.name))?;
    }
    if hauled.evidence.edited {
        warnings
            .push(format!("\"{}\" was edited while it was exported; what came is what the server lists at the end", header.name));
    }
    if options.cancel.is_cancelled() {
        return Err(Fault::cancelled().error);
    }
    let report = LayerReport {
        codebook: codebook::entries(&header),
        origin,
        seconds: began.elapsed().as_secs_f64(),
        name: header.name,
        geometry: header.geometry,
        vertical_reference: header.spatial_reference.as_ref().and_then(Vertical::of).map(|vertical| vertical.to_string()),
        spatial_reference: plan.source_crs.map(|crs| crs.to_string()).or(header.spatial_reference.map(|sr| sr.to_string())),
        evidence: hauled.evidence,
        losses: hauled.losses,
        clipped: clip.map(|_| hauled.clipped),
        outputs: written,
    };
    Ok(FilledLayer { report, warnings, shortfall, started })
}

/// Puts all outputs in place. The first that can't be is an error; a later one is a failure beside what stands already.
fn commit(stages: Vec<Stage>, written: Vec<OutputReport>) -> Result<(Vec<OutputReport>, Vec<Error>)> {
    let (mut standing, mut failures) = (Vec::new(), Vec::new());
    for (stage, mut report) in stages.into_iter().zip(written) {
        match stage.commit() {
            Ok(files) => {
                report.bytes = bytes_of(&files);
                report.files = files;
                standing.push(report);
            }
            Err(error) if standing.is_empty() => return Err(error),
            Err(error) => failures.push(error),
        }
    }
    Ok((standing, failures))
}

fn bytes_of(files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// Where the raw pages of an export to this file are kept.
fn kept_pages(output: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(output.file_name().unwrap_or_default());
    name.push(".geohaul");
    output.with_file_name(name)
}

/// The stages of outputs, and whether what stands in their places may be replaced: with pages that are kept from a run
/// that put it there, it is made again of them.
fn open_stages(outputs: &[Output], options: &ExportOptions, kept: Option<&Path>) -> Result<(Vec<Stage>, bool)> {
    let mut seen = HashSet::new();
    for output in outputs {
        if !seen.insert(place_of(&output.path)) {
            return Err(Error::new(ErrorKind::Usage, "the same output is given twice")
                .in_file(&output.path)
                .hint("names that differ in case only are the same file on many systems"));
        }
    }
    let overwrite = options.overwrite || kept.is_some_and(|directory| directory.join(PLACED).exists());
    let open = |output: &Output| {
        let path = output.path.clone();
        if output.path.as_os_str() == "-" {
            return Stage::stdout();
        }
        if options.append { Stage::open_to_append(path) } else { Stage::open(Target { path, overwrite }) }
    };
    Ok((outputs.iter().map(open).collect::<Result<_>>()?, overwrite))
}

/// Says among kept pages that outputs which stand are ours.
fn mark_placed(kept: &Path) -> Result<()> {
    let mark = std::fs::create_dir_all(kept).and_then(|()| File::create(kept.join(PLACED))).and_then(|file| file.sync_all());
    mark.map_err(|why| Error::file("can't keep pages for --resume", kept, &why))
}

/// The error that says which rows are missing; `None` where none is.
fn shortfall(header: &Header, evidence: &Evidence, remedy: Option<&str>) -> Option<Error> {
    let missing = evidence.missing();
    if missing == 0 {
        return None;
    }
    let error = Error::new(ErrorKind::Incomplete, "rows are missing").in_layer(&header.name);
    let expected = evidence.count_after.or(evidence.count_before);
    Some(match (evidence.cut_off, expected) {
        (true, _) => error
            .because(format!(
                "the server cut the result off after {} rows (exceededTransferLimit), and there is no way to ask for the rest",
                evidence.rows
            ))
            .hint(remedy.unwrap_or("export the layer itself, or run the task on less; --allow-partial writes what there is")),
        (false, expected) => {
            let ids = evidence.missing_ids.iter().take(20).map(i64::to_string).collect::<Vec<_>>().join(", ");
            let named = if ids.is_empty() { String::new() } else { format!(", object id {ids}") };
            let said = evidence.missing_because.as_ref().map_or(String::new(), |words| format!("; the server: {words}"));
            let counted = expected.map_or(String::new(), |count| format!(" of the {count} that the server counts"));
            error
                .because(format!("{} rows came{counted}; {missing} missing{named}{said}", evidence.rows))
                .hint("run the same command again; or write what there is with --allow-partial")
        }
    })
}

fn refuse_losses(read: &Losses, written: &[OutputReport]) -> Result<()> {
    let all = read.iter().chain(written.iter().flat_map(|output| output.losses.iter()));
    match all.into_iter().find(|loss| loss.kind.is_loss()) {
        None => Ok(()),
        Some(loss) => {
            let field = loss.field.as_ref().map_or(String::new(), |field| format!(" in field {field}"));
            Err(Error::new(ErrorKind::Format, format!("{} ({} times{field})", loss.kind.describe(), loss.count))
                .because("--strict allows no loss")
                .hint("choose another format, or leave --strict out"))
        }
    }
}

fn output_report(output: &Output, plan: &OutputPlan, done: Written, rows: u64) -> Result<OutputReport> {
    if done.rows != rows {
        return Err(Error::new(ErrorKind::Internal, "the written rows are not those that were read")
            .because(format!("{rows} read, {} written", done.rows))
            .in_file(&output.path));
    }
    let mut losses = plan.losses.clone();
    losses.append(done.losses);
    let mut warnings = plan.warnings.clone();
    warnings.extend(done.warnings);
    Ok(OutputReport {
        path: output.path.clone(),
        files: Vec::new(),
        format: output.format.info().name,
        rows: done.rows,
        bytes: 0,
        spatial_reference: plan.write.crs.as_ref().map(ToString::to_string),
        reprojection: plan.write.transform.as_ref().map(|transform| transform.describe()),
        losses,
        warnings,
    })
}

/// One output while the rows flow.
struct Lane<'a> {
    format: &'static dyn AnyFormat,
    plan: &'a OutputPlan,
    stage: &'a Stage,
}

/// What the rows of one layer pass through.
struct Way<'a> {
    header: &'a Header,
    read: &'a ReadPlan,
    clip: Option<&'a convert::Clip>,
    domains: Option<&'a convert::Domains>,
    options: &'a PlanOptions,
    lanes: Vec<Lane<'a>>,
    cancel: &'a Cancel,
}

struct Hauled {
    evidence: Evidence,
    losses: Losses,
    clipped: Clipped,
    /// Rows that came of multipart geometries.
    added: u64,
    written: Vec<Written>,
}

/// What a worker sends to a writer: an encoded page, with the permit that goes back when it is written.
type Packet = (u64, Result<(Encoded<AnyChunk>, Arc<Permit>)>);

/// Runs the pipeline: pages from here to the workers, from them to one writer thread per lane.
fn haul(mut pages: Box<dyn Pages>, way: &Way<'_>, threads: usize, permits: &Permits) -> Result<Hauled> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("geohaul-{index}"))
        .build()
        .map_err(|why| Error::new(ErrorKind::Internal, "can't start the workers").because(why))?;
    let tallies = Mutex::new(BTreeMap::new());
    let (senders, receivers): (Vec<Sender<Packet>>, Vec<Receiver<Packet>>) = way.lanes.iter().map(|_| mpsc::channel()).unzip();

    let results: Vec<Result<Written>> = std::thread::scope(|scope| {
        let writers: Vec<_> = way
            .lanes
            .iter()
            .zip(receivers)
            .map(|(lane, packets)| scope.spawn(move || write_lane(lane, packets, permits)))
            .collect();
        pool.in_place_scope(|workers| {
            let mut seq = 0;
            let unless_cancelled = || if way.cancel.is_cancelled() { Err(Fault::cancelled().error) } else { Ok(()) };
            // A page out of its place would be waited for for ever.
            let in_place = |seq, (page, permit): (Page, Permit)| {
                if page.seq == seq {
                    Ok((page, permit))
                } else {
                    Err(Error::new(ErrorKind::Internal, "the source mixed up its pages"))
                }
            };
            while let Some(next) = guarded("the source", || Ok(pages.next())).unwrap_or_else(|error| Some(Err(error))) {
                match unless_cancelled().and(next).and_then(|next| in_place(seq, next)) {
                    Ok((page, permit)) => {
                        seq += 1;
                        let (senders, tallies) = (senders.clone(), &tallies);
                        workers.spawn(move |_| work(page, permit, way, &senders, tallies));
                    }
                    Err(error) => {
                        senders.iter().for_each(|sender| drop(sender.send((seq, Err(error.clone().on_page(seq))))));
                        break;
                    }
                }
            }
        });
        drop(senders);
        let panicked = || Err(Error::new(ErrorKind::Internal, "a writer stopped"));
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| panicked())).collect()
    });

    let mut written = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(done) => written.push(done),
            Err(error) => errors.push(error),
        }
    }
    // The first in page order is the one that the user can act on.
    if let Some(error) = errors.into_iter().min_by_key(|error| error.place().page) {
        return Err(error);
    }
    if permits.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "the work was stopped"));
    }
    let evidence = guarded("the source", || pages.finish())?;
    let (mut losses, mut clipped, mut added) = (Losses::default(), Clipped::default(), 0);
    for (page_losses, page_clipped, page_added) in tallies.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
        losses.append(page_losses);
        clipped.add(page_clipped);
        added += page_added;
    }
    Ok(Hauled { evidence, losses, clipped, added, written })
}

/// Does a step whose panic is an error like any other.
fn guarded<T>(who: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Internal, format!("{who} stopped")).hint("please report this with the page's data"))
    })
}

/// One page on a worker: parsed once, then encoded for each lane. Never blocks.
fn work(
    page: Page,
    permit: Permit,
    way: &Way<'_>,
    senders: &[Sender<Packet>],
    tallies: &Mutex<BTreeMap<u64, (Losses, Clipped, u64)>>,
) {
    let (seq, permit) = (page.seq, Arc::new(permit));
    let parsed = guarded("a worker", || {
        let (batch, mut losses) = convert::parse_page(&page, way.header, way.read)?;
        let (mut batch, clipped) = match way.clip {
            Some(clip) => clip.apply(batch),
            None => (batch, Clipped::default()),
        };
        if way.options.make_valid {
            convert::make_valid(&mut batch, way.header.object_id, &mut losses);
        }
        if let Some(domains) = way.domains {
            domains.apply(&mut batch, way.header, &mut losses);
        }
        let added = if way.options.explode { convert::explode(&mut batch) } else { 0 };
        tallies.lock().unwrap_or_else(PoisonError::into_inner).insert(seq, (losses, clipped, added));
        Ok(batch)
    });
    drop(page);
    for (lane, sender) in way.lanes.iter().zip(senders) {
        let encoded = match &parsed {
            Ok(batch) => guarded("a worker", || encode(lane, batch)),
            Err(error) => Err(error.clone()),
        };
        let packet = encoded.map(|encoded| (encoded, Arc::clone(&permit))).map_err(|error| error.on_page(seq));
        // A writer that is gone has said why.
        let _ = sender.send((seq, packet));
    }
}

fn encode(lane: &Lane<'_>, batch: &Batch) -> Result<Encoded<AnyChunk>> {
    let plan = &lane.plan.write;
    let (geometry, mut losses) = convert::for_output(batch, plan)?;
    count_dropped_ordinates(plan, batch, &mut losses);
    let mut encoded = lane.format.encode_any(plan, Rows { batch, geometry: &geometry })?;
    losses.append(encoded.losses);
    encoded.losses = losses;
    Ok(encoded)
}

/// Z and m that the output does not write, whether its format can't or the layer did not announce them.
fn count_dropped_ordinates(plan: &WritePlan, batch: &Batch, losses: &mut Losses) {
    let geometry = &batch.geometry;
    for (kept, all, kind) in [(plan.z, &geometry.z, LossKind::ZDropped), (plan.m, &geometry.m, LossKind::MDropped)] {
        if !kept && !all.is_empty() {
            let side = |row: usize| if kind == LossKind::ZDropped { geometry.shape(row).z() } else { geometry.shape(row).m() };
            for row in (0..geometry.rows()).filter(|row| side(*row).iter().any(|value| value.is_finite())) {
                losses.add(kind, None, || Some(batch.feature_words(plan.object_id, row)));
            }
        }
    }
}

/// One writer: takes the packets in page order, and gives a page's permit back once the next one is asked for.
fn write_lane(lane: &Lane<'_>, packets: Receiver<Packet>, permits: &Permits) -> Result<Written> {
    let mut under_way = None;
    let rows = in_order(packets).map(move |packet| {
        drop(under_way.take());
        packet.map(|(encoded, permit)| {
            under_way = Some(permit);
            Event::Rows(encoded)
        })
    });
    let begin = std::iter::once(Ok(Event::Begin(Arc::clone(&lane.plan.write))));
    let mut events = begin.chain(rows).chain(std::iter::once(Ok(Event::End)));
    let unless_done = CancelOnDrop(permits);
    let written = lane.format.write_any(lane.stage, &mut events)?;
    std::mem::forget(unless_done);
    Ok(written)
}

/// Stops the pager when a writer ends early, by an error or a panic.
struct CancelOnDrop<'a>(&'a Permits);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
