//! The whole way from an opened input to finished files: the only place that knows all three stages.
//!
//! Pages go through the pipeline of [`crate::pipe`]: this thread takes them from the source, workers convert and
//! encode them, one writer thread per output puts them into the stage in order. Only when the source has said
//! that nothing is missing are the stages renamed into place.

mod haul;
mod layer;
mod receipt;
mod together;
mod workers;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::convert::PlanOptions;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::fetch::http::Cancel;
use crate::fetch::{Download, Input, Item, Source};
use crate::model::Area;
use crate::report::{Failure, Progress, Report};
use crate::write::{AnyFormat, Stage, Target, format_by_name, unique_file_stem, unzip};

pub(crate) use layer::check_layer_name;
pub use layer::{ExportedLayer, export_layer};
#[cfg(feature = "cli")]
pub(crate) use layer::{one_name_for, refuse_archives, refuse_to_add};
pub use receipt::{Check, Receipt, check_files, check_server, is_unchanged};

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
    /// Keep them in this directory instead, and do without where a source can't keep any.
    pub pages_in: Option<PathBuf>,
    /// What is put in place is noted here, and none of it is replaced, whatever `overwrite` says. Exports that share it
    /// are one run; without it each is one.
    pub placed: Option<Placed>,
    /// Draw a [`Sketch`](crate::model::Sketch) of each layer.
    pub sketch: bool,
    /// Unpack the ZIP archives among the files into folders beside them.
    pub unzip: bool,
    /// Write a receipt beside the first output: `roads.geojson.receipt.json`.
    pub receipt: bool,
    /// Stops the work: pages, conversion and writing end soon, and no output appears.
    pub cancel: Cancel,
}

impl ExportOptions {
    /// Where the raw pages of an export to this file are kept; `None` where they are not.
    fn kept_pages(&self, output: &Path) -> Option<PathBuf> {
        self.resume.then(|| match &self.pages_in {
            Some(directory) => directory.join(output.file_name().unwrap_or_default()),
            None => layer::kept_pages(output),
        })
    }
}

/// The files that a run has put in place.
#[derive(Debug, Clone, Default)]
pub struct Placed(Arc<Mutex<HashSet<PathBuf>>>);

impl Placed {
    /// Counts files that stand already among those of the run.
    pub fn add<'a>(&self, files: impl IntoIterator<Item = &'a PathBuf>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(files.into_iter().cloned());
    }

    /// Puts a stage in place, unless it would replace one of them.
    fn commit(&self, stage: Stage) -> Result<Vec<PathBuf>> {
        // Held while files are renamed: another output may want the same names.
        let mut placed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let files = stage.commit_beside(|path| placed.contains(path))?;
        placed.extend(files.iter().cloned());
        Ok(files)
    }
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
                // A device is refused by its own name.
                if !path.exists() || path.is_file() || path.is_dir() {
                    path.set_extension(format.info().endings[0]);
                }
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
        if cfg!(not(feature = "geoparquet")) && ["parquet", "geoparquet"].contains(&name.to_ascii_lowercase().as_str()) {
            return Error::new(ErrorKind::Usage, "this build can't write GeoParquet")
                .hint("take a release of geohaul, or build it with --features geoparquet");
        }
        let infos = || crate::write::FORMATS.iter().map(|format| format.info());
        let known = infos().map(|info| info.name).collect::<Vec<_>>().join(", ");
        if let Some(driver) = driver_for(name) {
            return Error::new(ErrorKind::Usage, format!("\"{name}\" is no format of geohaul's own"))
                .hint(format!("GDAL writes it: add --driver {driver}; see geohaul formats for what is there without it"));
        }
        let meant = did_you_mean(name, infos().flat_map(|info| info.endings.iter().chain([&info.name])).copied());
        Error::new(ErrorKind::Usage, format!("there is no format \"{name}\""))
            .hint(format!("{meant}the formats are: {known}; see geohaul formats"))
    })
}

#[cfg(feature = "gdal")]
use crate::write::ogr::driver_for;

#[cfg(not(feature = "gdal"))]
fn driver_for(_: &str) -> Option<String> {
    None
}

/// Where the items of an input go.
#[derive(Clone)]
pub enum Destination {
    /// The one layer of the input goes into these files; all of its layers and tables, where every format holds many.
    Files(Vec<Output>),
    /// Every item becomes a file in this directory, named after the item: layers in all of these formats, tables in
    /// those of them that hold tables, files as they are, scalar values together in `results.json`.
    Directory {
        /// The directory; it is made where it is missing.
        path: PathBuf,
        /// The formats. Where there is none, layers become GeoJSON and tables CSV.
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
    check_layer_name(options.plan.layer_name.as_deref(), destination)?;
    let mut report = Report::begin(input.describe());
    let mut first_error = None;
    let mut fail = |error: Error, report: &mut Report| {
        report.failures.push(Failure::from(&error));
        first_error.get_or_insert(error);
    };
    let placed = options.placed.clone().unwrap_or_default();
    let options = &ExportOptions { placed: Some(placed.clone()), ..options.clone() };
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
            if let Err(error) = write_values(path, options.overwrite, &placed, &mut report) {
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
/// The layer is made in a temporary file first, for every format: a caller that gets half a layer can't take it back, and
/// FlatGeobuf, GeoPackage and KMZ have parts in front that are known at the end only. To have rows as they come,
/// without a file, there is [`crate::convert::features`].
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
            let is_table = header.geometry.is_none();
            let outputs = outputs_in(directory, &header.name, is_table, formats, taken)?;
            report.warnings.extend(is_table.then(|| no_table_words(&header.name, formats, &outputs)).flatten());
            let done = export_layer(layer, &outputs, options, progress)?;
            // A Shapefile may have become several, with names that another item would get.
            let written = done.report.outputs.iter().flat_map(|output| &output.files);
            taken.extend(written.filter_map(|file| Some(file.file_stem()?.to_string_lossy().to_lowercase())));
            return Ok(add_layer(done, report));
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
            let written = options.placed.clone().unwrap_or_default().commit(stage)?;
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

/// What to say of a table that some of the formats that were asked for can't hold.
fn no_table_words(name: &str, formats: &[&'static dyn AnyFormat], outputs: &[Output]) -> Option<String> {
    let titles = |formats: &mut dyn Iterator<Item = &'static dyn AnyFormat>| {
        formats.map(|format| format.info().title).collect::<Vec<_>>().join(", ")
    };
    let without = titles(&mut formats.iter().copied().filter(|format| !format.info().tables));
    let instead = titles(&mut outputs.iter().map(|output| output.format));
    (!without.is_empty()).then(|| format!("\"{name}\" is a table, which {without} can't hold: it is {instead}"))
}

/// The files of rows in a directory. Tables go into the formats that hold them, or become CSV.
fn outputs_in(
    directory: &Path,
    name: &str,
    is_table: bool,
    formats: &[&'static dyn AnyFormat],
    taken: &mut HashSet<String>,
) -> Result<Vec<Output>> {
    let stem = unique_file_stem(name, taken);
    let mut formats: Vec<_> = formats.iter().copied().filter(|format| !is_table || format.info().tables).collect();
    if formats.is_empty() {
        formats.push(format_named(if is_table { "csv" } else { "geojson" })?);
    }
    let output =
        |format: &'static dyn AnyFormat| Output { path: directory.join(format!("{stem}.{}", format.info().endings[0])), format };
    Ok(formats.into_iter().map(output).collect())
}

fn not_fetched(download: &Download) -> String {
    format!("\"{}\" is a file and was not fetched, since the output is one file: {}", download.name, crate::redact(&download.url))
}

fn write_values(directory: &Path, overwrite: bool, placed: &Placed, report: &mut Report) -> Result<()> {
    if report.values.is_empty() {
        return Ok(());
    }
    let stage = Stage::open(Target { path: directory.join("results.json"), overwrite })?;
    let text = serde_json::to_string_pretty(&report.values)
        .map_err(|why| Error::new(ErrorKind::Internal, "can't write JSON").because(why))?;
    std::fs::write(stage.main_file(), text + "\n").map_err(|why| stage.write_error(&why))?;
    report.files.extend(placed.commit(stage)?);
    Ok(())
}
