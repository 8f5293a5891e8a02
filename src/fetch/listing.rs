//! What a server has, as a tree: folders, services, and the layers, tables and tasks in them.

use std::sync::Arc;

use serde::Serialize;
use url::Url;

use super::glob::Glob;
use super::session::Session;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result, redact};
use crate::esri::service::{CatalogInfo, LayerEntry, ServiceInfo};
use crate::esri::task;
use crate::report::{Failure, Progress};

/// Folders in folders: servers have one level, and one that lists itself is no endless one.
const DEEPEST: usize = 4;

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NodeKind {
    /// A folder, or the services directory itself.
    Folder,
    /// A service.
    Service,
    /// A group of layers.
    Group,
    /// A layer.
    Layer,
    /// A table.
    Table,
    /// A geoprocessing task.
    Task,
}

/// One thing that a server has, with what is in it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name, without that of its folder.
    pub name: String,
    /// The type of a service (`FeatureServer`), the geometry kind or type of a layer.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// The number of a layer in its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Its address, without secrets.
    pub url: String,
    /// What is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
    /// Why it could not be looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Node {
    fn new(kind: NodeKind, name: &str, url: &Url) -> Self {
        let (name, url) = (name.to_owned(), redact(url));
        Self { kind, name, type_name: None, id: None, url, children: Vec::new(), failure: None }
    }

    /// How many nodes of the tree could not be looked into.
    pub fn failures(&self) -> usize {
        usize::from(self.failure.is_some()) + self.children.iter().map(Self::failures).sum::<usize>()
    }

    /// Keeps what a pattern names, with all that is in it, and the way to it. What could not be looked into stays.
    fn keep(&mut self, name: &Glob) -> bool {
        if name.matches(&self.name) {
            return true;
        }
        self.children.retain_mut(|child| child.keep(name));
        !self.children.is_empty() || self.failure.is_some()
    }
}

/// Lists a services directory, a folder of it, or a service. It goes on after what refuses to be listed, and says
/// so in the node. `name` leaves only what it matches.
///
/// # Errors
/// Where the target itself can't be listed.
pub fn list(session: &Session, target: &Target, name: Option<&Glob>, progress: &Arc<dyn Progress>) -> Result<Node> {
    let walk = Walk { session: session.watched_by(Arc::clone(progress)) };
    let mut root = match target {
        Target::Catalog { url } => walk.folder(url, &services_root(url), 0)?,
        Target::Service { url } | Target::GpService { url } => {
            let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
            let [.., name, kind] = segments.as_slice() else { return Err(nothing_to_list()) };
            let mut node = Node::new(NodeKind::Service, &super::target::decoded(name), url);
            node.type_name = Some((*kind).to_owned());
            node.children = walk.service(url, kind)?;
            node
        }
        _ => return Err(nothing_to_list()),
    };
    if let Some(name) = name {
        root.children.retain_mut(|child| child.keep(name));
    }
    Ok(root)
}

/// The services with layers in a services directory or a folder of it, by patterns: their names, with folders, and
/// addresses. Where a MapServer and a FeatureServer have one name, the latter stands for both.
///
/// # Errors
/// Where the directory can't be listed, or holds none of a pattern.
pub fn services(session: &Session, directory: &Url, names: &[String]) -> Result<Vec<(String, Url)>> {
    let listed = CatalogInfo::of(&session.json(directory, &[])?);
    let listed = listed.ok_or_else(|| Error::new(ErrorKind::Server, "the address is no services directory").at_url(directory))?;
    let (root, mut found) = (services_root(directory), Vec::new());
    for (name, kind) in &listed.services {
        let twin = |other: &str| listed.services.iter().any(|(n, k)| n == name && k.eq_ignore_ascii_case(other));
        if kind.eq_ignore_ascii_case("FeatureServer") || (kind.eq_ignore_ascii_case("MapServer") && !twin("FeatureServer")) {
            found.push((name.clone(), below(&root, &[name, kind])));
        }
    }
    let own = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let fits = |pattern: &String, name: &str| Glob::new(pattern).matches(name) || Glob::new(pattern).matches(&own(name));
    if let Some(pattern) = names.iter().find(|pattern| !found.iter().any(|(name, _)| fits(pattern, name))) {
        let given = found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Error::new(ErrorKind::Usage, format!("there is no service \"{pattern}\""))
            .at_url(directory)
            .hint(format!("the services with layers are: {given}")));
    }
    found.retain(|(name, _)| names.iter().any(|pattern| fits(pattern, name)));
    Ok(found)
}

fn nothing_to_list() -> Error {
    Error::new(ErrorKind::Usage, "there is nothing to list at this address").hint(
        "give a services directory, such as https://HOST/arcgis/rest/services, or a service; geohaul info tells of the rest",
    )
}

/// `.../rest/services` of the address of a folder.
fn services_root(url: &Url) -> Url {
    let mut root = url.clone();
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let end =
        segments.windows(2).position(|pair| pair[0].eq_ignore_ascii_case("rest") && pair[1].eq_ignore_ascii_case("services"));
    root.set_path(&segments[..end.map_or(segments.len(), |at| at + 2)].join("/"));
    root
}

fn below(url: &Url, names: &[&str]) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(names.iter().flat_map(|name| name.split('/')));
    }
    url
}

struct Walk {
    session: Session,
}

impl Walk {
    fn folder(&self, url: &Url, root: &Url, depth: usize) -> Result<Node> {
        let catalog = CatalogInfo::of(&self.session.json(url, &[])?);
        let catalog = catalog.ok_or_else(|| Error::new(ErrorKind::Server, "the address is no services directory").at_url(url))?;
        let own = url.path().rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default();
        let mut node = Node::new(NodeKind::Folder, &super::target::decoded(own), url);
        for folder in catalog.folders.iter().filter(|_| depth < DEEPEST) {
            let url = below(url, &[folder]);
            node.children.push(self.folder(&url, root, depth + 1).unwrap_or_else(|error| Node {
                failure: Some(Failure::from(&error)),
                ..Node::new(NodeKind::Folder, folder, &url)
            }));
        }
        for (name, kind) in &catalog.services {
            // A name carries its folder.
            let url = below(root, &[name, kind]);
            let mut service = Node::new(NodeKind::Service, name.rsplit('/').next().unwrap_or(name), &url);
            service.type_name = Some(kind.clone());
            match self.service(&url, kind) {
                Ok(children) => service.children = children,
                Err(error) => service.failure = Some(Failure::from(&error)),
            }
            node.children.push(service);
        }
        Ok(node)
    }

    fn service(&self, url: &Url, kind: &str) -> Result<Vec<Node>> {
        if kind.eq_ignore_ascii_case("GPServer") {
            let tasks = task::Service::from_json(&self.session.json(url, &[])?).tasks;
            return Ok(tasks.iter().map(|name| Node::new(NodeKind::Task, name, &below(url, &[name]))).collect());
        }
        if !kind.eq_ignore_ascii_case("FeatureServer") && !kind.eq_ignore_ascii_case("MapServer") {
            return Ok(Vec::new());
        }
        let info = ServiceInfo::of(&self.session.json(url, &[])?);
        let node = |entry: &LayerEntry, kind: NodeKind| Node {
            id: Some(entry.id),
            type_name: entry.geometry.map(|kind| kind.to_string()).or_else(|| entry.layer_type.clone()),
            ..Node::new(if entry.is_group { NodeKind::Group } else { kind }, &entry.name, &below(url, &[&entry.id.to_string()]))
        };
        // A group comes before its members, so from the end on each node finds its group still to come.
        let mut nodes: Vec<(Option<i64>, Node)> =
            info.layers.iter().map(|entry| (entry.parent, node(entry, NodeKind::Layer))).collect();
        let mut roots = Vec::new();
        while let Some((parent, mut node)) = nodes.pop() {
            node.children.reverse();
            match nodes.iter_mut().find(|(_, group)| parent.is_some() && group.id == parent) {
                Some((_, group)) => group.children.push(node),
                None => roots.push(node),
            }
        }
        roots.reverse();
        roots.extend(info.tables.iter().map(|entry| node(entry, NodeKind::Table)));
        Ok(roots)
    }
}
