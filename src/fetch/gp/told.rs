//! A source with more to tell than it knows itself.

use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::fetch::{Pages, Source};
use crate::model::{Header, Origin, ReadPlan};
use crate::pipe::Permits;
use crate::report::Progress;

/// The source, what is to be told of it, and under which name.
pub(super) struct Told {
    header: Header,
    source: Box<dyn Source>,
    warnings: Vec<String>,
    remedy: Option<String>,
}

impl Told {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self { header: source.header().clone(), source, warnings: Vec::new(), remedy: None }
    }

    pub(super) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.header.name);
        self
    }

    pub(super) fn warning(mut self, warning: String) -> Self {
        self.warnings.push(warning);
        self
    }

    pub(super) fn remedy(self, remedy: String) -> Self {
        Self { remedy: Some(remedy), ..self }
    }
}

impl Source for Told {
    fn header(&self) -> &Header {
        &self.header
    }

    fn warnings(&self) -> Vec<String> {
        self.source.warnings().into_iter().chain(self.warnings.iter().cloned()).collect()
    }

    fn remedy(&self) -> Option<String> {
        self.remedy.clone().or_else(|| self.source.remedy())
    }

    fn origin(&self) -> Option<Origin> {
        self.source.origin()
    }

    fn keep_pages_in(&mut self, directory: &Path) -> Result<()> {
        self.source.keep_pages_in(directory)
    }

    fn open(self: Box<Self>, read: &ReadPlan, permits: &Permits, progress: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        self.source.open(read, permits, progress)
    }
}
