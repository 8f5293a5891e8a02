//! One layer into its outputs: opened, filled and put in place, or nothing of it stands.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::haul::{Lane, Way, haul};
use super::{Destination, ExportOptions, Output, Placed, Receipt, receipt};
use crate::convert::{self, OutputPlan, PlanOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::http::Fault;
use crate::fetch::{MOST_CONNECTIONS, Source};
use crate::model::crs::Vertical;
use crate::model::{Evidence, Header, Sketch, WritePlan, codebook};
use crate::pipe::Permits;
use crate::report::{LayerReport, Losses, OutputReport, Progress};
use crate::write::{AnyFormat, Stage, Target, Written, place_of, table_name};

/// Pages under way at least, so that as many connections as there may be have something to do.
const PAGES_UNDER_WAY: usize = 2 * MOST_CONNECTIONS;

/// Raw pages under way hold at most about this many bytes, and so many more for each worker. What is parsed and encoded
/// of them takes twice as much again, where a disk keeps the writer waiting.
const BYTES_UNDER_WAY: usize = 8 << 20;
const BYTES_OF_A_WORKER: usize = 4 << 20;

/// More workers than that are a slip of the keyboard.
const MOST_THREADS: usize = 256;

/// A file among kept pages that says that outputs which stand are ours.
const PLACED: &str = "placed";

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
    let kept = first.and_then(|output| options.kept_pages(output));
    let (stages, overwrite) = open_stages(outputs, options, kept.as_deref())?;
    let receipt = first.filter(|_| options.receipt).map(|path| Stage::open(receipt::target(path, overwrite))).transpose()?;
    let mut filled = fill(source, outputs, &stages, kept.as_deref(), options, progress)?;
    if let Some(directory) = &kept {
        mark_placed(directory)?;
    }
    let (standing, failures) = commit(stages, filled.report.outputs, &options.placed.clone().unwrap_or_default())?;
    filled.report.outputs = standing;
    if let Some(stage) = receipt {
        filled.report.receipt = Some(receipt::write(&Receipt::of(&filled.report, &filled.warnings, &filled.started)?, stage)?);
    }
    let FilledLayer { report, warnings, shortfall, .. } = filled;
    Ok(ExportedLayer { report, warnings, shortfall, failures, kept_pages: kept })
}

/// A layer that is whole in the stages of its outputs.
pub(super) struct FilledLayer {
    /// As it will be when the outputs are in place.
    pub(super) report: LayerReport,
    pub(super) warnings: Vec<String>,
    pub(super) shortfall: Option<Error>,
    pub(super) started: String,
    /// Per output, what was written and the name that the layer got in a data set of many.
    pub(super) placed: Vec<(Arc<WritePlan>, String)>,
}

/// Brings one layer into the stages of all outputs with one fetch. Pages are kept in the directory, where there is one.
pub(super) fn fill(
    mut source: Box<dyn Source>,
    outputs: &[Output],
    stages: &[Stage],
    kept: Option<&Path>,
    options: &ExportOptions,
    progress: &Arc<dyn Progress>,
) -> Result<FilledLayer> {
    let (began, started) = (Instant::now(), crate::model::time::now());
    let mut header = source.header().clone();
    header.about.source = source.origin().map(|origin| origin.url);
    let formats: Vec<_> = outputs.iter().map(|output| output.format.info()).collect();
    // A clipped arc is another arc, or none.
    let keep_curves = options.plan.keep_curves && options.clip.is_none();
    let plan = convert::plan(&header, &formats, &PlanOptions { keep_curves, ..options.plan.clone() })?;
    let clip = options.clip.as_ref().filter(|_| header.geometry.is_some());
    let clip = clip.map(|area| convert::Clip::new(area, plan.source_crs.as_ref())).transpose();
    let clip = clip.map_err(|error| error.in_layer(&header.name))?;
    if let Some(directory) = kept {
        match source.keep_pages_in(directory) {
            Err(error) if error.kind() == ErrorKind::Unsupported && options.pages_in.is_some() => {}
            kept => kept?,
        }
    }
    let origin = source.origin();
    progress.layer(&header.name, header.count);
    tracing::info!("layer \"{}\": {} fields, {} outputs", header.name, header.fields.len(), outputs.len());

    let mut warnings = source.warnings();
    let remedy = source.remedy();
    warnings.extend(plan.warnings.iter().cloned());
    let threads = if options.threads > 0 { options.threads } else { std::thread::available_parallelism().map_or(2, usize::from) };
    let threads = threads.min(MOST_THREADS);
    let bytes = BYTES_UNDER_WAY + threads * BYTES_OF_A_WORKER;
    let permits = Permits::new((2 * threads).max(PAGES_UNDER_WAY), bytes);
    let pages = source.open(&plan.read, &permits, Arc::clone(progress))?;
    let lanes =
        outputs.iter().zip(&plan.outputs).zip(stages).map(|((output, plan), stage)| Lane { format: output.format, plan, stage });
    let domains = plan.domains.as_deref();
    let (clip_area, cancel) = (clip.as_ref(), &options.cancel);
    let sketch = options.sketch.then(|| Mutex::new(Sketch::default()));
    let way = Way {
        header: &header,
        read: &plan.read,
        clip: clip_area,
        domains,
        options: &options.plan,
        lanes: lanes.collect(),
        sketch: sketch.as_ref(),
        cancel,
    };
    let hauled = haul(pages, &way, threads, &permits).map_err(|error| error.in_layer(&header.name))?;
    progress.layer_end();

    let fallback = hauled.evidence.carriage.fallback.as_ref();
    warnings.extend(fallback.map(|why| format!("PBF was given up, and further rows came as JSON: {why}")));

    warnings.extend(hauled.evidence.not_there.as_ref().map(|ids| format!("not there: {ids}")));

    warnings.extend(hauled.evidence.repeated.as_ref().map(|ids| {
        format!(
            "\"{}\": more than one file holds {ids}; all of their rows are kept, so the output may hold rows twice",
            header.name
        )
    }));

    warnings.extend(hauled.evidence.gap.as_ref().map(|ids| {
        format!(
            "\"{}\": none of the files holds {ids}, and the one before says that there is more: a page may be missing",
            header.name
        )
    }));

    let alike = Some(hauled.evidence.alike).filter(|alike| *alike > 0);
    warnings.extend(alike.map(|alike| {
        format!(
            "\"{}\": {alike} rows are like rows of other pages in everything, and no ids tell whether rows came twice and others not",
            header.name
        )
    }));

    let shortfall = shortfall(&header, &hauled.evidence, remedy.as_deref(), options.allow_partial);
    if let Some(error) = &shortfall
        && !options.allow_partial
    {
        return Err(error.clone());
    }
    let (mut written, mut placed) = (Vec::new(), Vec::new());
    for ((output, plan), mut done) in outputs.iter().zip(&plan.outputs).zip(hauled.written) {
        placed.push((Arc::clone(&plan.write), done.table.take().unwrap_or_default()));
        written.push(output_report(output, plan, done, hauled.evidence.rows - hauled.clipped.outside + hauled.added)?);
    }
    if options.strict {
        refuse_losses(&hauled.losses, &written).map_err(|error| error.in_layer(&header.name))?;
    }
    if let (true, Some(before), Some(after)) =
        (hauled.evidence.unexplained, hauled.evidence.count_before, hauled.evidence.count_after)
    {
        warnings.push(format!(
            "\"{}\": the server counted {before} rows and then {after}, and says that nothing was edited; rights that ended, or a \
             condition on the time, may hide rows",
            header.name
        ));
    } else if hauled.evidence.edited {
        warnings.push(format!(
            "\"{}\" was edited while it was exported: all rows came that the server lists at the end, perhaps beside some that it \
             removed meanwhile",
            header.name
        ));
    }
    if options.cancel.is_cancelled() {
        return Err(Fault::cancelled().error);
    }
    let report = LayerReport {
        codebook: codebook::entries(&header),
        sketch: sketch.map(|sketch| sketch.into_inner().unwrap_or_else(PoisonError::into_inner)),
        origin,
        seconds: began.elapsed().as_secs_f64(),
        name: header.name,
        geometry: header.geometry,
        without_geometry: if header.geometry.is_some() { hauled.without_geometry } else { 0 },
        vertical_reference: header.spatial_reference.as_ref().and_then(Vertical::of).map(|vertical| vertical.to_string()),
        spatial_reference: plan.source_crs.map(|crs| crs.to_string()).or(header.spatial_reference.map(|sr| sr.to_string())),
        evidence: hauled.evidence,
        losses: hauled.losses,
        clipped: clip.map(|_| hauled.clipped),
        outputs: written,
        receipt: None,
    };
    Ok(FilledLayer { report, warnings, shortfall, started, placed })
}

/// Puts all outputs in place. The first that can't be is an error; a later one is a failure beside what stands already.
fn commit(stages: Vec<Stage>, written: Vec<OutputReport>, placed: &Placed) -> Result<(Vec<OutputReport>, Vec<Error>)> {
    let (mut standing, mut failures) = (Vec::new(), Vec::new());
    for (stage, mut report) in stages.into_iter().zip(written) {
        match placed.commit(stage) {
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

pub(super) fn bytes_of(files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// Where the raw pages of an export to this file are kept.
pub(super) fn kept_pages(output: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(output.file_name().unwrap_or_default());
    name.push(".geohaul");
    output.with_file_name(name)
}

/// The stages of outputs, and whether what stands in their places may be replaced: with pages that are kept from a run
/// that put it there, it is made again of them.
pub(super) fn open_stages(outputs: &[Output], options: &ExportOptions, kept: Option<&Path>) -> Result<(Vec<Stage>, bool)> {
    if options.append {
        outputs.iter().try_for_each(refuse_to_add)?;
    }
    let mut seen = HashSet::new();
    for output in outputs {
        refuse_archives(&output.path, output.format)?;
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

/// Refuses a spreadsheet of GDAL in a directory that is called like an archive: the drivers take it for one, and write an
/// empty file or none.
pub(crate) fn refuse_archives(path: &Path, format: &dyn AnyFormat) -> Result<()> {
    let name = format.info().name;
    if !["XLSX", "ODS"].iter().any(|driver| driver.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let is_archive = |folder: &&Path| {
        let ending = folder.extension().unwrap_or_default().to_ascii_lowercase();
        ["zip", "kmz", "dwf", "ods", "xlsx", "xlsm"].iter().any(|archive| ending == *archive)
    };
    match std::path::absolute(path).unwrap_or_default().ancestors().skip(1).find(is_archive) {
        None => Ok(()),
        Some(folder) => {
            Err(Error::new(ErrorKind::Usage, format!("{name} can't be written in a directory that is called like an archive"))
                .because("GDAL's driver takes it for one")
                .in_file(folder)
                .hint("give the directory another name"))
        }
    }
}

/// Refuses to add layers to an output that holds one: it would be replaced.
pub(crate) fn refuse_to_add(output: &Output) -> Result<()> {
    let info = output.format.info();
    if info.many_layers {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, format!("{} holds one layer, so none can be added", info.title))
        .in_file(&output.path)
        .hint("leave out --append, or write a format that holds many, such as GeoPackage"))
}

/// Refuses a name that an output can't give its layer as it is, and one for all layers of a directory.
pub(crate) fn check_layer_name(name: Option<&str>, destination: &Destination) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    let wrong = |what: String, hint: String| Err(Error::new(ErrorKind::Usage, what).hint(hint));
    let outputs = match destination {
        _ if name.trim().is_empty() => {
            return wrong("the layer's name is empty".to_owned(), "give it one: --layer-name roads".to_owned());
        }
        Destination::Directory { .. } => {
            let what = "one name is given for the layers of a directory, where files are named by their layers";
            return wrong(what.to_owned(), "name the file: -o roads.gpkg; or leave out --layer-name".to_owned());
        }
        Destination::Files(outputs) => outputs,
    };
    let table = table_name(name, &HashSet::new());
    match outputs.iter().find(|output| output.format.info().many_layers && table != name) {
        None => Ok(()),
        Some(output) => wrong(
            format!("a layer of a {} can't be called \"{name}\"", output.format.info().title),
            format!("its name has letters, digits and _: --layer-name {table}"),
        ),
    }
}

/// The error of one name that is given for several layers.
pub(crate) fn one_name_for(names: &[&str]) -> Error {
    Error::new(ErrorKind::Usage, "one name is given for several layers")
        .because(names.join(", "))
        .hint("leave out --layer-name, or choose one: --layers NAME of a service, .../jobs/ID/results/NAME of a job")
}

/// Says among kept pages that outputs which stand are ours.
pub(super) fn mark_placed(kept: &Path) -> Result<()> {
    let mark = std::fs::create_dir_all(kept).and_then(|()| File::create(kept.join(PLACED))).and_then(|file| file.sync_all());
    mark.map_err(|why| Error::file("can't keep pages for --resume", kept, &why))
}

/// The error that says which rows are missing; `None` where none is. `allowed`: what there is was written.
fn shortfall(header: &Header, evidence: &Evidence, remedy: Option<&str>, allowed: bool) -> Option<Error> {
    let missing = evidence.missing();
    if missing == 0 {
        return None;
    }
    let error = Error::new(ErrorKind::Incomplete, "rows are missing").in_layer(&header.name);
    let expected = evidence.count_after.or(evidence.count_before);
    if evidence.may_count_regardless() {
        let (rows, count) = (evidence.rows, expected.unwrap_or_default());
        let listed = if evidence.listed { ", and lists no object ids that did not come" } else { "" };
        return Some(
            error
                .because(format!(
                    "{rows} rows came of the {count} that the server counts; it counts as many without the conditions{listed}, so its \
                     count may ignore them, and then nothing tells whether {rows} are all"
                ))
                .hint(match allowed {
                    true => "what there is was written; to be sure, export all rows and choose from the file (ogr2ogr -where, -spat)",
                    false => {
                        "export all rows and choose from the file (ogr2ogr -where, -spat); or write what there is with --allow-partial"
                    }
                }),
        );
    }
    Some(match (evidence.cut_off, expected) {
        (true, _) => error
            .because(format!(
                "the server cut the result off after {} rows (exceededTransferLimit), and there is no way to ask for the rest",
                evidence.rows
            ))
            .hint(match (remedy, allowed) {
                (Some(remedy), _) => remedy,
                (None, true) => "export the layer itself, or run the task on less",
                (None, false) => "export the layer itself, or run the task on less; --allow-partial writes what there is",
            }),
        (false, expected) => {
            let ids = evidence.missing_ids.iter().take(20).map(i64::to_string).collect::<Vec<_>>().join(", ");
            let named = if ids.is_empty() { String::new() } else { format!(", object id {ids}") };
            let said = evidence.missing_because.as_ref().map_or(String::new(), |words| format!("; the server: {words}"));
            let counted = expected.map_or(String::new(), |count| format!(" of the {count} that the server counts"));
            error.because(format!("{} rows came{counted}; {missing} missing{named}{said}", evidence.rows)).hint(match allowed {
                true => "what there is was written; run the same command again with --overwrite for the rest",
                false => "run the same command again; or write what there is with --allow-partial",
            })
        }
    })
}

fn refuse_losses(read: &Losses, written: &[OutputReport]) -> Result<()> {
    let all = read.iter().chain(written.iter().flat_map(|output| output.losses.iter()));
    match all.into_iter().find(|loss| loss.kind.is_loss()) {
        None => Ok(()),
        Some(loss) => {
            let field = loss.field.as_ref().map_or(String::new(), |field| format!(" in field {field}"));
            Err(Error::new(ErrorKind::Incomplete, format!("{} ({} times{field})", loss.kind.describe(), loss.count))
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
