//! What a service holds, and how each of it is opened.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use super::glob::Glob;
use super::layer::{LayerOptions, LayerSource};
use super::saved::Saved;
use super::selection::Selection;
use super::session::Session;
use super::{Download, Item};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::esri::layer::LayerInfo;
use crate::esri::service::{LayerEntry, ServiceInfo};
use crate::report::Progress;

/// Groups in groups; a server that makes a circle of them does no harm.
const DEEPEST_GROUP: usize = 50;

/// How layers are opened.
#[derive(Clone)]
pub(super) struct Opener {
    pub(super) session: Session,
    pub(super) options: LayerOptions,
    pub(super) progress: Arc<dyn Progress>,
}

/// Something that is still to be opened, under its name.
pub(super) struct Pending {
    pub(super) name: String,
    pub(super) what: What,
}

pub(super) enum What {
    /// A layer or table, with a condition of its own. What its service says already of why it has no rows to give is
    /// what it lacks: it is left out, unless somebody named it.
    Layer { url: Url, condition: Option<String>, lacks: Option<String> },
    /// Features that the server sent already, as a feature collection.
    Collection(Bytes),
    /// A file of a portal.
    File(Url),
    /// What can't be had.
    Lost(Error),
}

impl Pending {
    pub(super) fn lacks(&self) -> Option<&str> {
        match &self.what {
            What::Layer { lacks, .. } => lacks.as_deref(),
            _ => None,
        }
    }

    /// Whether a pattern stands for its name or its number.
    pub(super) fn is_called(&self, glob: &Glob) -> bool {
        glob.matches(&self.name) || self.is_numbered(glob)
    }

    /// Whether a pattern is the number of the layer in its service.
    fn is_numbered(&self, glob: &Glob) -> bool {
        match &self.what {
            What::Layer { url, .. } => url.path().rsplit('/').next().is_some_and(|number| glob == &Glob::new(number)),
            _ => false,
        }
    }
}

impl Opener {
    /// All layers and tables of a service.
    pub(super) fn service(&self, url: &Url, condition: Option<&str>) -> Result<Vec<Pending>> {
        let found = rows_of(&self.info(url)?).map(|entry| self.pending(url, entry, condition)).collect::<Vec<_>>();
        if found.is_empty() {
            return Err(Error::new(ErrorKind::Input, "the service has no layers or tables").at_url(url));
        }
        Ok(found)
    }

    /// The layers of this name, or in the groups of this name.
    pub(super) fn named(&self, url: &Url, name: &str) -> Result<Vec<Pending>> {
        let info = self.info(url)?;
        let glob = Glob::new(name);
        let all: Vec<&LayerEntry> = info.layers.iter().chain(&info.tables).collect();
        let groups = all.iter().flat_map(|group| group.members.iter().map(|member| (*member, group.id)));
        let groups: HashMap<i64, i64> = all.iter().filter_map(|entry| Some((entry.id, entry.parent?))).chain(groups).collect();
        let named: HashSet<i64> = all.iter().filter(|entry| glob.matches(&entry.name)).map(|entry| entry.id).collect();
        let chosen = |id: i64| {
            let and_its_groups = std::iter::successors(Some(id), |id| groups.get(id).copied()).take(DEEPEST_GROUP);
            and_its_groups.into_iter().any(|id| named.contains(&id))
        };
        let found = rows_of(&info).filter(|entry| chosen(entry.id)).map(|entry| {
            let is_meant = !name.contains('*') && glob.matches(&entry.name);
            let mut found = self.pending(url, entry, None);
            if let What::Layer { lacks, .. } = &mut found.what
                && is_meant
            {
                *lacks = None;
            }
            found
        });
        let found: Vec<Pending> = found.collect();
        match found.is_empty() {
            true => Err(no_layer(name, all.iter().map(|entry| entry.name.as_str())).at_url(url)),
            false => Ok(found),
        }
    }

    fn pending(&self, service: &Url, entry: LayerEntry, condition: Option<&str>) -> Pending {
        let mut url = service.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&entry.id.to_string());
        }
        let lacks = match entry.not_queryable() {
            // Its own words tell annotation that can be queried from that which can't.
            Some("Annotation Layer") if self.is_queryable(&url) => None,
            Some(kind) => Some(format!("layers of the type {kind} have no rows of their own")),
            None if entry.is_table() && self.options.selection.area.is_some() => {
                Some("a table has no geometry, so no area can choose its rows".to_owned())
            }
            None => None,
        };
        Pending { name: entry.name, what: What::Layer { url, condition: condition.map(str::to_owned), lacks } }
    }

    /// Whether a layer says that it has rows. One that does not answer says why when it is opened.
    fn is_queryable(&self, layer: &Url) -> bool {
        self.session.json(layer, &[]).map_or(true, |json| LayerInfo::of(&json).not_queryable().is_none())
    }

    fn info(&self, url: &Url) -> Result<ServiceInfo> {
        Ok(ServiceInfo::of(&self.session.json(url, &[])?))
    }

    /// The options for a layer that has a condition of its own.
    pub(super) fn options_with(&self, condition: Option<&str>) -> LayerOptions {
        let mut options = self.options.clone();
        let wanted = &mut options.selection.where_clause;
        *wanted = match (wanted.take(), condition) {
            (Some(wanted), Some(condition)) => Some(format!("({condition}) AND ({wanted})")),
            (wanted, condition) => wanted.or(condition.map(str::to_owned)),
        };
        options
    }

    pub(super) fn open(&self, name: &str, what: What) -> Result<Vec<Item>> {
        match what {
            What::Layer { url, condition, .. } => {
                let options = self.options_with(condition.as_deref());
                let layer = LayerSource::open(&self.session, &url, options, Arc::clone(&self.progress))?;
                Ok(vec![Item::Layer(Box::new(layer))])
            }
            What::Collection(bytes) if self.options.selection == Selection::default() => {
                Ok(Saved::from_bytes(name, bytes)?.into_items())
            }
            What::Collection(_) => Err(Error::new(ErrorKind::Unsupported, "nothing can be selected of features in an item")
                .because("they are no layer on a server that answers queries")
                .hint("export all of them")),
            What::File(url) => {
                let (session, address) = (self.session.clone(), url.clone());
                Ok(vec![Item::File(Download::new(name.to_owned(), url, move || session.file(&address)))])
            }
            What::Lost(error) => Err(error),
        }
    }
}

/// The layers and tables of a service in its order, without groups.
fn rows_of(info: &ServiceInfo) -> impl Iterator<Item = LayerEntry> {
    let table = |entry: &LayerEntry| LayerEntry { layer_type: Some("Table".to_owned()), ..entry.clone() };
    let listed: Vec<LayerEntry> = info.layers.iter().cloned().chain(info.tables.iter().map(table)).collect();
    let unlisted = listed.iter().flat_map(|entry| &entry.members).filter(|id| !listed.iter().any(|entry| entry.id == **id));
    let unlisted = unlisted.map(|id| LayerEntry { id: *id, name: format!("layer {id}"), ..LayerEntry::default() });
    let unlisted: Vec<LayerEntry> = unlisted.collect();
    listed.into_iter().filter(|entry| !entry.is_group).chain(unlisted)
}

pub(super) fn no_layer<'a>(name: &str, given: impl Iterator<Item = &'a str> + Clone) -> Error {
    let meant = did_you_mean(name, given.clone());
    Error::new(ErrorKind::Usage, format!("there is no layer \"{name}\""))
        .hint(format!("{meant}the layers are: {}", given.collect::<Vec<_>>().join(", ")))
}
