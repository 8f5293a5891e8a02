//! [`Layers`]: the layers that a target names, opened one after the other: one layer, some of a service, all of
//! it, or what a portal item holds.

use std::collections::VecDeque;
use std::sync::Arc;

use url::Url;

use super::glob::Glob;
use super::layer::{Glance, LayerOptions};
use super::opener::{Opener, Pending, What, no_layer};
use super::session::Session;
use super::target::Target;
use super::{Input, Item, portal};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::report::Progress;

/// What a target names, as an [`Input`]. A layer that can't be opened does not keep the others away.
pub struct Layers {
    opener: Opener,
    origin: String,
    pending: VecDeque<Pending>,
    ready: VecDeque<Item>,
    left_out: Vec<String>,
    several: bool,
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
        let (origin, mut pending) = find(&opener, target)?;
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

/// Where a target is, and what it holds.
fn find(opener: &Opener, target: &Target) -> Result<(Url, Vec<Pending>)> {
    match target {
        Target::Layer { url, .. } => {
            // Its name is known once it is open.
            let layer = What::Layer { url: url.clone(), condition: None, lacks: None };
            Ok((url.clone(), vec![Pending { name: String::new(), what: layer }]))
        }
        Target::NamedLayers { url, name, .. } => Ok((url.clone(), opener.named(url, name)?)),
        Target::Service { url } => Ok((url.clone(), opener.service(url, None)?)),
        Target::Item { portal, id, layer } => {
            let found = portal::find(opener, portal, id, *layer, 0)?;
            Ok((portal::item_url(portal, id), found))
        }
        _ => Err(Error::new(ErrorKind::Usage, "the address names no layer or table")
            .hint("give a layer, a FeatureServer, a MapServer or a portal item; geohaul ls lists what a server has")),
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
