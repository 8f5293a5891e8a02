//! [`Layers`]: the layers that a target names, opened one after the other: one layer, some of a service, all of
//! it, or what a portal item holds.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use super::glob::Glob;
use super::layer::{Glance, LayerOptions, LayerSource};
use super::saved::Saved;
use super::selection::Selection;
use super::session::Session;
use super::target::Target;
use super::{Download, Input, Item, portal};
use crate::error::{Error, ErrorKind, Result, did_you_mean, redact};
use crate::esri::layer::LayerInfo;
use crate::esri::service::{LayerEntry, ServiceInfo};
use crate::report::Progress;

/// Groups in groups; a server that makes a circle of them does no harm.
const DEEPEST_GROUP: usize = 50;

/// What a target names, as an [`Input`]. A layer that can't be opened does not keep the others away.
pub struct Layers {
    opener: Opener,
    origin: String,
    pending: VecDeque<Pending>,
    ready: VecDeque<Item>,
    left_out: Vec<String>,
    several: bool,
}

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

impl Layers {
    /// Finds out what a target holds. `only` are names (with wildcards) or numbers of layers; none is
    /// all, and those behind a `!` are left out.
    ///
    /// # Errors
    /// Where the target can't be asked, holds no layers, or none that `only` names.
    pub fn open(
        session: &Session,
        target: &Target,
        mut options: LayerOptions,
        only: &[String],
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let session = session.watched_by(Arc::clone(&progress));
        if let (Some(asked), Some(url)) = (target.asked(), target.url()) {
            asked.join(&mut options).map_err(|error| error.at_url(url))?;
        }
        let opener = Opener { session, options, progress };
        let (origin, mut pending) = opener.find(target)?;
        pending = choose(pending, only).map_err(|error| error.because(redact(&origin)))?;
        let plain: Vec<Glob> = only.iter().map(|name| name.trim()).filter(|name| !name.contains('*')).map(Glob::new).collect();
        let goes = |layer: &Pending| layer.lacks().is_none() || plain.iter().any(|glob| layer.is_called(glob));
        let mut left_out = Vec::new();
        // Of a service that has nothing else, the first says why.
        if pending.iter().any(goes) {
            let (go, stay): (Vec<_>, Vec<_>) = pending.into_iter().partition(goes);
            pending = go;
            left_out =
                stay.iter().filter_map(|layer| Some(format!("\"{}\" is left out: {}", layer.name, layer.lacks()?))).collect();
        }
        let several = pending.len() > 1;
        Ok(Self { opener, origin: redact(&origin), pending: pending.into(), ready: VecDeque::new(), left_out, several })
    }

    /// The names of the layers that are still to come.
    pub fn names(&self) -> Vec<&str> {
        self.pending.iter().map(|layer| layer.name.as_str()).collect()
    }

    /// In words, what of a service is no layer or table with rows to give.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What each layer that is still to come says without sending a row; `None` for one that can't be asked, which
    /// says why once it is opened.
    pub fn glances(&self) -> Vec<Option<Glance>> {
        let glance = |layer: &Pending| match &layer.what {
            What::Layer { url, condition, .. } => {
                Glance::of(&self.opener.session, url, &self.opener.options_with(condition.as_deref())).ok()
            }
            _ => None,
        };
        self.pending.iter().map(glance).collect()
    }

    /// Leaves out those of the layers to come for which `out` holds `true`.
    pub fn leave_out(&mut self, out: &[bool]) {
        let mut out = out.iter();
        self.pending.retain(|_| out.next() != Some(&true));
    }

    fn next_item(&mut self) -> Option<Result<Item>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            let Pending { name, what } = self.pending.pop_front()?;
            match self.opener.open(&name, what) {
                Ok(items) => self.ready.extend(items),
                Err(error) if name.is_empty() => return Some(Err(error)),
                Err(error) if self.several => return Some(Err(error.in_layer(&name).hint("--layers chooses the others"))),
                Err(error) => return Some(Err(error.in_layer(&name))),
            }
        }
    }
}

impl Input for Layers {
    fn items(&mut self) -> Box<dyn Iterator<Item = Result<Item>> + Send + '_> {
        Box::new(std::iter::from_fn(|| self.next_item()))
    }

    fn describe(&self) -> String {
        self.origin.clone()
    }
}

impl Pending {
    fn lacks(&self) -> Option<&str> {
        match &self.what {
            What::Layer { lacks, .. } => lacks.as_deref(),
            _ => None,
        }
    }

    /// Whether a pattern stands for its name or its number.
    fn is_called(&self, glob: &Glob) -> bool {
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
    /// Where a target is, and what it holds.
    fn find(&self, target: &Target) -> Result<(Url, Vec<Pending>)> {
        match target {
            Target::Layer { url, .. } => {
                // Its name is known once it is open.
                let layer = What::Layer { url: url.clone(), condition: None, lacks: None };
                Ok((url.clone(), vec![Pending { name: String::new(), what: layer }]))
            }
            Target::NamedLayers { url, name, .. } => Ok((url.clone(), self.named(url, name)?)),
            Target::Service { url } => Ok((url.clone(), self.service(url, None)?)),
            Target::Item { portal, id, layer } => {
                let found = portal::find(self, portal, id, *layer, 0)?;
                Ok((portal::item_url(portal, id), found))
            }
            _ => Err(Error::new(ErrorKind::Usage, "the address names no layer or table")
                .hint("give a layer, a FeatureServer, a MapServer or a portal item; geohaul ls lists what a server has")),
        }
    }

    /// All layers and tables of a service.
    pub(super) fn service(&self, url: &Url, condition: Option<&str>) -> Result<Vec<Pending>> {
        let found = rows_of(&self.info(url)?).map(|entry| self.pending(url, entry, condition)).collect::<Vec<_>>();
        if found.is_empty() {
            return Err(Error::new(ErrorKind::Input, "the service has no layers or tables").at_url(url));
        }
        Ok(found)
    }

    /// The layers of this name, or in the groups of this name.
    fn named(&self, url: &Url, name: &str) -> Result<Vec<Pending>> {
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
    fn options_with(&self, condition: Option<&str>) -> LayerOptions {
        let mut options = self.options.clone();
        let wanted = &mut options.selection.where_clause;
        *wanted = match (wanted.take(), condition) {
            (Some(wanted), Some(condition)) => Some(format!("({condition}) AND ({wanted})")),
            (wanted, condition) => wanted.or(condition.map(str::to_owned)),
        };
        options
    }

    fn open(&self, name: &str, what: What) -> Result<Vec<Item>> {
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

/// Those that names or numbers choose: all where there are none, but for what stands behind a `!`.
fn choose(pending: Vec<Pending>, names: &[String]) -> Result<Vec<Pending>> {
    let given = || pending.iter().map(|layer| layer.name.as_str());
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for name in names.iter().map(|name| name.trim()) {
        let (name, globs) = name.strip_prefix('!').map_or((name, &mut kept), |name| (name, &mut left_out));
        let glob = Glob::new(name);
        if !pending.iter().any(|layer| layer.is_called(&glob)) {
            return Err(no_layer(name, given()));
        }
        globs.push(glob);
    }
    let is_one = |globs: &[Glob], layer: &Pending| globs.iter().any(|glob| layer.is_called(glob));
    let goes = |layer: &&Pending| (kept.is_empty() || is_one(&kept, layer)) && !is_one(&left_out, layer);
    if !pending.is_empty() && !pending.iter().any(|layer| goes(&layer)) {
        let all = given().collect::<Vec<_>>().join(", ");
        return Err(Error::new(ErrorKind::Usage, "no layer is left").hint(format!("the layers are: {all}")));
    }
    Ok(pending.into_iter().filter(|layer| goes(&layer)).collect())
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

fn no_layer<'a>(name: &str, given: impl Iterator<Item = &'a str> + Clone) -> Error {
    let meant = did_you_mean(name, given.clone());
    Error::new(ErrorKind::Usage, format!("there is no layer \"{name}\""))
        .hint(format!("{meant}the layers are: {}", given.collect::<Vec<_>>().join(", ")))
}
