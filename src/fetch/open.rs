//! From a target to the input behind it.

use std::sync::Arc;

use super::Input;
use super::gp::{Job, Wanted};
use super::layer::LayerOptions;
use super::layers::Layers;
use super::saved::Saved;
use super::session::Session;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::report::Progress;

/// Opens a saved file, a layer, the results of a geoprocessing job, or what else holds layers: a service, an item of a
/// portal. No row is read yet.
///
/// A geoprocessing task takes inputs before it has results: see [`crate::fetch::gp::Task::run`], whose results are an input.
///
/// # Errors
/// Where the target can't be read, or holds no layers ([`ErrorKind::Usage`]).
///
/// ```no_run
/// use geohaul::report::silent;
/// use geohaul::{Session, Target, open};
///
/// let target = Target::parse("https://host/arcgis/rest/services/Roads/FeatureServer/0?where=KIND%3D1")?;
/// let mut input = open(&Session::online(), &target, &silent())?;
/// for item in input.items() {
///     if let geohaul::fetch::Item::Layer(layer) = item? {
///         println!("{}: {:?} rows", layer.header().name, layer.header().count);
///     }
/// }
/// # Ok::<(), geohaul::Error>(())
/// ```
pub fn open(session: &Session, target: &Target, progress: &Arc<dyn Progress>) -> Result<Box<dyn Input>> {
    match target {
        Target::Stdin => Ok(Box::new(Saved::open(&["-".into()])?)),
        Target::File(path) => Ok(Box::new(Saved::open(std::slice::from_ref(path))?)),
        Target::GpJob { url, result, .. } => {
            let job = Job::attach(session, url, Wanted::default(), progress)?;
            Ok(Box::new(job.results(result.as_deref())?))
        }
        Target::GpService { url } | Target::GpTask { url } => {
            let error = Error::new(ErrorKind::Usage, "the target is geoprocessing, not rows").at_url(url);
            Err(error.hint("open its task, and run it"))
        }
        _ => Ok(Box::new(Layers::open(session, target, LayerOptions::default(), &[], Arc::clone(progress))?)),
    }
}
