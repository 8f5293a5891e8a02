//! What a verb runs in: a terminal of its own, or a batch among other jobs.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::complaint;
use super::printer;
use super::progress::progress;
use super::status::Status;
use crate::error::Error;
use crate::export::{ExportOptions, Placed};
use crate::fetch::Pace;
use crate::fetch::layer::Glance;
use crate::fetch::layers::Layers;
use crate::fetch::session::Session;
use crate::report::{Progress, Report};
use crate::write::safe_file_stem;

/// What a verb runs in.
pub(super) struct Setting<'a> {
    pub(super) progress: Arc<dyn Progress>,
    pub(super) job: Option<Job<'a>>,
}

/// What a job of a batch has besides.
pub(super) struct Job<'a> {
    /// The pace that all jobs share.
    pub(super) pace: &'a Pace,
    /// Where raw pages are kept until the job is done.
    pub(super) pages: PathBuf,
    /// What the jobs have put in place: none replaces a file of another.
    pub(super) placed: &'a Placed,
    /// Layers that need not be fetched.
    pub(super) is_unchanged: Option<&'a (dyn Fn(&Glance) -> bool + Sync)>,
    /// One of several layers may be left out, and the others fetched.
    pub(super) layer_by_layer: bool,
}

impl Job<'_> {
    /// Leaves out the layers that need not be fetched, and tells which they are.
    pub(super) fn leave_out(&self, layers: &mut Layers) -> Vec<Glance> {
        let Some(is_unchanged) = self.is_unchanged else { return Vec::new() };
        let glances = layers.glances();
        let out: Vec<bool> = glances.iter().map(|glance| glance.as_ref().is_some_and(is_unchanged)).collect();
        // Files are named by their layers, and of two layers of one name the second is called otherwise.
        let names: HashSet<String> = layers.names().iter().map(|name| safe_file_stem(name).to_lowercase()).collect();
        let apart = self.layer_by_layer && names.len() == out.len();
        if !apart && out.contains(&false) {
            return Vec::new();
        }
        layers.leave_out(&out);
        glances.into_iter().zip(out).filter_map(|(glance, out)| glance.filter(|_| out)).collect()
    }

    /// The options of an export, with what a batch adds.
    pub(super) fn options(&self, options: ExportOptions) -> ExportOptions {
        ExportOptions { resume: true, pages_in: Some(self.pages.clone()), sketch: true, ..options }
    }
}

impl Setting<'_> {
    /// A verb by itself.
    pub(super) fn alone() -> Self {
        Self { progress: progress(), job: None }
    }

    /// A session at the pace of the batch, or with so many connections of its own.
    pub(super) fn paced(&self, session: Session, connections: usize) -> Session {
        match &self.job {
            Some(job) => session.at_pace(job.pace),
            None => session.with_connections(connections),
        }
    }
}

/// What came of a verb that writes files.
pub(super) struct Delivered {
    pub(super) report: Report,
    pub(super) status: Status,
    /// A file beside the outputs that could not be written.
    pub(super) complaint: Option<Error>,
    /// Layers that need not be fetched.
    pub(super) unchanged: Vec<Glance>,
    /// What was done besides.
    pub(super) notes: Vec<String>,
}

impl Delivered {
    /// Nothing had to be done.
    pub(super) fn unchanged(report: Report, unchanged: Vec<Glance>) -> Self {
        Self { report, status: Status::Complete, complaint: None, unchanged, notes: Vec::new() }
    }

    /// Prints the report.
    pub(super) fn tell(self) -> Status {
        printer::print_report(&self.report);
        if let Some(error) = &self.complaint {
            complaint::print(error);
        }
        self.notes.iter().for_each(|note| printer::say(&format!("{note}\n")));
        self.status
    }
}
