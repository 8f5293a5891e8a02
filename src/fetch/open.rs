//! From a target to the input behind it.

use std::sync::Arc;

use super::layer::{LayerOptions, LayerSource};
use super::saved::Saved;
use super::selection::Selection;
use super::session::Session;
use super::target::Target;
use super::{Input, Single};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::report::Progress;

/// Opens a saved file or a layer: what is there is known afterwards, and no row is read yet.
///
/// A geoprocessing task takes inputs before it has results: see [`crate::fetch::gp::Task::run`], whose job is an input.
///
/// # Errors
/// Where the target can't be read, or is no file and no layer ([`ErrorKind::Usage`]).
///
/// ```no_run
/// use geohaul::report::silent;
/// use geohaul::{Session, Target, open};
///
/// let target = Target::parse("https://host/arcgis/rest/services/Roads/FeatureServer/0?where=KIND%3D1")?;
/// let mut input = open(&Session::online()?, &target, &silent())?;
/// for item in input.items() {
///     if let geohaul::fetch::Item::Layer(layer) = item? {
///         println!("{}: {:?} rows", layer.header().name, layer.header().count);
///     }
/// }
/// # Ok::<(), geohaul::Error>(())
/// ```
pub fn open(session: &Session, target: &Target, progress: &Arc<dyn Progress>) -> Result<Box<dyn Input>> {
    let refuse = |url, what: &str, hint: &str| Err(Error::new(ErrorKind::Usage, what).at_url(url).hint(hint));
    match target {
        Target::Stdin => Ok(Box::new(Saved::open(&["-".into()])?)),
        Target::File(path) => Ok(Box::new(Saved::open(std::slice::from_ref(path))?)),
        Target::Layer { url, where_clause, fields } => {
            let selection = Selection { where_clause: where_clause.clone(), fields: fields.clone(), ..Selection::default() };
            let options = LayerOptions { selection, ..LayerOptions::default() };
            let layer = LayerSource::open(session, url, options, Arc::clone(progress))?;
            Ok(Box::new(Single::new(Box::new(layer), redact(url))))
        }
        Target::GpService { url } | Target::GpTask { url } | Target::GpJob { url, .. } => {
            refuse(url, "the target is geoprocessing, not rows", "open its task, and run it")
        }
        Target::Catalog { url } | Target::Service { url } | Target::OtherService { url, .. } => {
            refuse(url, "the target is no layer or table", "describe it to see what it holds")
        }
    }
}
