//! `geohaul export`: layers and tables to files.

use std::sync::Arc;

use super::args::{ExportArgs, Project};
use super::setting::{Delivered, Setting};
use super::status::Status;
use super::{access, interrupt, job, outputs, selection};
use crate::error::{Error, ErrorKind, Result};
use crate::export::{Destination, ExportOptions};
use crate::fetch::Input as _;
use crate::fetch::asked::Asked;
use crate::fetch::describe::not_read;
use crate::fetch::layer::LayerOptions;
use crate::fetch::layers::Layers;
use crate::fetch::target::Target;
use crate::report::Report;

pub(super) fn run(args: &ExportArgs) -> Result<Status> {
    Ok(work(args, &Setting::alone())?.tell())
}

/// Exports, in a setting.
pub(super) fn work(args: &ExportArgs, setting: &Setting<'_>) -> Result<Delivered> {
    if let Some(done) = job::export(args, setting)? {
        return Ok(done);
    }
    let access::Opened { target, session, mut warnings } = access::open(&args.access, &args.url)?;
    refuse_what_has_no_layers(&target)?;
    if !args.layers.is_empty() && matches!(target, Target::Layer { .. }) {
        return Err(Error::new(ErrorKind::Usage, "--layers chooses from a service, and the address names a layer")
            .hint("leave out --layers, or the number at the end of the address"));
    }
    let out_sr = match (args.project, args.outputs.crs.as_deref()) {
        (Project::Local, _) => None,
        (Project::Server, Some(crs)) if !crs.eq_ignore_ascii_case("native") => {
            Some(outputs::crs("--crs", crs)?.spatial_reference())
        }
        (Project::Server, _) => {
            return Err(Error::new(ErrorKind::Usage, "--project server does not say into which spatial reference")
                .hint("name it: --project server --crs EPSG:4326"));
        }
    };
    // Bad outputs fail before anything is asked.
    outputs::check(&outputs::destination(&args.outputs)?, &args.outputs, args.resume)?;
    if args.selection.datum_transformation.is_some() && args.project == Project::Local {
        return Err(Error::new(ErrorKind::Usage, "--datum-transformation is for the server, and PROJ reprojects here")
            .hint("add --project server and --crs"));
    }
    refuse_what_the_address_says_too(&target, args)?;
    let (selection, clip) = selection::read(&args.selection)?;
    warnings.extend(chosen_by_the_address(&target));
    let options = LayerOptions { selection, out_sr, page_size: args.page_size, wire: args.wire.into() };
    let connections = usize::try_from(args.connections).unwrap_or(usize::MAX);
    let session = setting.paced(session, connections).stopped_by(&interrupt::cancel());
    let mut layers = Layers::open(&session, &target, options, &args.layers, Arc::clone(&setting.progress))?;
    warnings.extend(layers.left_out().iter().cloned());
    let destination = outputs::destination(&args.outputs)?;
    outputs::refuse_one_name_for_many(&args.outputs, &layers.names())?;
    if let (Destination::Files(outputs), names @ [_, _, ..]) = (&destination, layers.names().as_slice())
        && !outputs.iter().all(|output| output.format.info().many_layers)
    {
        return Err(Error::new(ErrorKind::Usage, format!("there are {} layers, and the output is one file", names.len()))
            .because(names.join(", "))
            .hint("give a directory, which gets a file for each: -o results/ --format geojson; a GeoPackage, which holds them all: -o all.gpkg; or choose with --layers"));
    }
    // A report that is gone is made again only with the rows that it tells of.
    let reported = outputs::side_files(&args.outputs).all(|(_, path)| path.exists());
    let unchanged = setting.job.as_ref().filter(|_| reported).map_or_else(Vec::new, |job| job.leave_out(&mut layers));
    if !unchanged.is_empty() && layers.names().is_empty() {
        return Ok(Delivered::unchanged(Report::begin(layers.describe()), unchanged));
    }
    let options = ExportOptions { clip, resume: args.resume, unzip: args.results.unzip, ..outputs::options(&args.outputs)? };
    let options = setting.job.as_ref().map_or(options.clone(), |job| job.options(options));
    let delivered = outputs::deliver(&mut layers, &destination, options, &args.outputs, warnings, setting);
    if setting.job.is_some() {
        return delivered.map(|delivered| Delivered { unchanged, ..delivered });
    }
    let (not_begun, hint) = (not_begun(&layers), how_to_go_on(args.resume));
    match delivered {
        Ok(mut delivered) if delivered.status == Status::Interrupted => {
            delivered.notes.extend(not_begun.into_iter().chain([format!("hint: {hint}")]));
            Ok(delivered)
        }
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(not_begun.into_iter().fold(error, Error::because).hint(hint)),
        delivered => delivered,
    }
}

/// The layers that a stopped export has not come to.
fn not_begun(layers: &Layers) -> Option<String> {
    let names = layers.names();
    (!names.is_empty()).then(|| format!("not begun: {}", names.join(", ")))
}

fn how_to_go_on(resume: bool) -> &'static str {
    match resume {
        true => "run the same command again: it goes on from here",
        false => "with --resume the same command goes on where it was stopped",
    }
}

/// A pasted query may hold a condition that nobody thought of any more.
fn chosen_by_the_address(target: &Target) -> Option<String> {
    let rows = target.asked()?.rows()?;
    Some(format!("the address chooses rows, and only those are exported: {rows}"))
}

/// What the options of the output say against a pasted query. Options that choose rows are compared where layers are opened.
fn refuse_what_the_address_says_too(target: &Target, args: &ExportArgs) -> Result<()> {
    let Some(asked) = target.asked() else { return Ok(()) };
    if asked.get("outSR").is_some() && args.outputs.crs.is_some() {
        return Err(Asked::twice("outSR"));
    }
    match asked.get("returnGeometry").is_some() && args.selection.clip.is_some() {
        true => Err(Error::new(ErrorKind::Usage, "the address asks for no geometry, and --clip cuts geometries")
            .hint("leave out returnGeometry=false, or use --intersects")),
        false => Ok(()),
    }
}

fn refuse_what_has_no_layers(target: &Target) -> Result<()> {
    Err(match target {
        Target::Layer { .. } | Target::NamedLayers { .. } | Target::Service { .. } | Target::Item { .. } => return Ok(()),
        Target::File(id) if Target::item("https://www.arcgis.com", &id.to_string_lossy()).is_ok() => {
            Error::new(ErrorKind::Usage, "this is the id of a portal's item, and the portal is not named")
                .hint("add --portal https://www.arcgis.com, or that of your organisation: --portal https://HOST/portal")
        }
        Target::OtherService { url, service_type } => not_read(service_type).at_url(url),
        Target::File(_) | Target::Stdin => Error::new(ErrorKind::Usage, "export reads layers on servers, not files")
            .hint("for saved files there is geohaul convert"),
        Target::GpTask { url } | Target::GpService { url } => {
            Error::new(ErrorKind::Usage, "the address names a geoprocessing task, not a layer")
                .at_url(url)
                .hint("run it with geohaul run; geohaul info shows what it takes")
        }
        Target::Catalog { url } => Error::new(ErrorKind::Usage, "the address names a services directory, not a layer")
            .at_url(url)
            .hint("geohaul ls lists what is in it"),
        _ => Error::new(ErrorKind::Usage, "the address names no layer or table")
            .hint("a layer's address ends in a number, such as FeatureServer/0"),
    })
}
