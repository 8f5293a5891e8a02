//! What a target holds, without its rows: the ground of `geohaul info`.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use url::Url;

use super::layer::{LayerOptions, LayerSource, WireChoice, header_by_its_words, no_queries};
use super::layers::Layers;
use super::saved::Saved;
use super::session::Session;
use super::target::Target;
use super::{Input, Item, Scalar, Source, gp};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::esri::job::Job;
use crate::esri::layer::LayerInfo;
use crate::esri::service::{CatalogInfo, ServiceInfo};
use crate::esri::task;
use crate::model::Header;
use crate::report::Progress;

/// What a target is and holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum Description {
    /// A services directory or folder.
    Catalog(CatalogInfo),
    /// A service with layers.
    Service(ServiceInfo),
    /// A layer or table.
    Layer(Box<LayerDescription>),
    /// A geoprocessing service.
    GpService(task::Service),
    /// A geoprocessing task.
    GpTask(task::Task),
    /// A geoprocessing job.
    GpJob(Job),
    /// A saved file, layers by name, or an item of a portal.
    File {
        /// The feature sets in it.
        layers: Vec<Header>,
        /// The other results in it.
        values: Vec<Scalar>,
    },
}

/// A layer on a server.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerDescription {
    /// Its schema, as its answers bear it out.
    pub header: Header,
    /// The most features in one answer, as advertised.
    pub max_record_count: Option<u64>,
    /// `resultOffset` is understood.
    pub supports_pagination: bool,
    /// What it allows, such as `Query`.
    pub capabilities: Option<Vec<String>>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Describes a target.
///
/// # Errors
/// Where it can't be asked or read, or is of a kind that geohaul does not know.
pub fn describe(session: &Session, target: &Target, progress: &Arc<dyn Progress>) -> Result<Description> {
    let json = |url: &Url| session.watched_by(Arc::clone(progress)).json(url, &[]);
    Ok(match target {
        Target::Stdin => file(PathBuf::from("-"))?,
        Target::File(path) => file(path.clone())?,
        Target::Catalog { url } => {
            let catalog = CatalogInfo::of(&json(url)?);
            Description::Catalog(
                catalog.ok_or_else(|| Error::new(ErrorKind::Server, "the address is no services directory").at_url(url))?,
            )
        }
        Target::Service { url } => Description::Service(ServiceInfo::of(&json(url)?)),
        Target::Layer { url, asked } => {
            let mut options = LayerOptions { wire: WireChoice::Json, ..LayerOptions::default() };
            asked.join(&mut options).map_err(|error| error.at_url(url))?;
            let info = LayerInfo::of(&json(url)?);
            let (header, warnings) = match LayerSource::open(session, url, options.clone(), Arc::clone(progress)) {
                Ok(source) => (source.header().clone(), source.warnings()),
                // It has no rows to give, but fields to show.
                Err(error) if info.denies_queries() && error.kind() == ErrorKind::Server => {
                    let list = info.capabilities.as_deref().unwrap_or_default();
                    (header_by_its_words(session, url, &info, &options)?, vec![no_queries(list)])
                }
                Err(error) => return Err(error),
            };
            Description::Layer(Box::new(LayerDescription {
                header,
                max_record_count: info.max_record_count,
                supports_pagination: info.supports_pagination,
                capabilities: info.capabilities,
                warnings,
            }))
        }
        Target::NamedLayers { .. } | Target::Item { .. } => {
            contents(&mut Layers::open(session, target, LayerOptions::default(), &[], Arc::clone(progress))?)?
        }
        Target::GpService { url } => Description::GpService(task::Service::from_json(&json(url)?)),
        Target::GpTask { url } => Description::GpTask(gp::description(&session.watched_by(Arc::clone(progress)), url)?.1),
        Target::GpJob { url, .. } => Description::GpJob(Job::from_json(&json(url)?)),
        Target::OtherService { url, service_type } => {
            return Err(not_read(service_type).at_url(url));
        }
    })
}

/// What is said of a service of another type.
pub fn not_read(service_type: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("geohaul does not read services of the type {service_type}"))
        .hint("it reads FeatureServer, MapServer and GPServer")
}

fn file(path: PathBuf) -> Result<Description> {
    contents(&mut Saved::open(&[path])?)
}

fn contents(input: &mut dyn Input) -> Result<Description> {
    let (mut layers, mut values) = (Vec::new(), Vec::new());
    for item in input.items() {
        match item? {
            Item::Layer(layer) => layers.push(layer.header().clone()),
            Item::Value(scalar) => values.push(scalar),
            Item::File(download) => values.push(Scalar {
                name: download.name,
                data_type: "GPDataFile".to_owned(),
                value: redact(&download.url).into(),
            }),
        }
    }
    Ok(Description::File { layers, values })
}
