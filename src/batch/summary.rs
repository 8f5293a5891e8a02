//! A run in one piece: what each job came to, and all of them together.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{JobRecord, Outcome, Run, html, junit, replace};
use crate::error::{Error, ErrorKind, Result};
use crate::model::time;

/// What a run came to. Holds no secrets.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The version of geohaul.
    pub geohaul: String,
    /// The name of the jobs file.
    pub batch: String,
    /// The run.
    pub run: Run,
    /// When it ended, UTC.
    pub finished: String,
    /// How long the jobs of this run were under way together.
    pub seconds: f64,
    /// How the jobs ended.
    pub totals: Totals,
    /// Every job, in the order of the file.
    pub jobs: Vec<JobRecord>,
}

/// Numbers of jobs, by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// See [`Outcome::Done`].
    pub done: usize,
    /// See [`Outcome::Unchanged`].
    pub unchanged: usize,
    /// See [`Outcome::Partial`].
    pub partial: usize,
    /// See [`Outcome::Failed`].
    pub failed: usize,
    /// See [`Outcome::Interrupted`].
    pub interrupted: usize,
    /// See [`Outcome::NotRun`].
    pub not_run: usize,
}

impl Totals {
    fn of(jobs: &[JobRecord]) -> Self {
        let count = |outcome| jobs.iter().filter(|job| job.outcome == outcome).count();
        Self {
            done: count(Outcome::Done),
            unchanged: count(Outcome::Unchanged),
            partial: count(Outcome::Partial),
            failed: count(Outcome::Failed),
            interrupted: count(Outcome::Interrupted),
            not_run: count(Outcome::NotRun),
        }
    }

    /// Numbers with their words, without those that are 0.
    pub fn words(&self) -> Vec<(usize, Outcome)> {
        let all = [
            (self.done, Outcome::Done),
            (self.unchanged, Outcome::Unchanged),
            (self.partial, Outcome::Partial),
            (self.failed, Outcome::Failed),
            (self.interrupted, Outcome::Interrupted),
            (self.not_run, Outcome::NotRun),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

impl Summary {
    /// A run that ends now.
    pub fn of(batch: String, run: Run, seconds: f64, jobs: Vec<JobRecord>) -> Self {
        let (geohaul, finished) = (env!("CARGO_PKG_VERSION").to_owned(), time::now());
        Self { geohaul, batch, run, finished, seconds, totals: Totals::of(&jobs), jobs }
    }

    /// Writes `STEM.report.json`, `STEM.report.html` and `STEM.junit.xml`, and says where the page is.
    ///
    /// # Errors
    /// Where one of them can't be written.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<PathBuf> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|why| Error::new(ErrorKind::Internal, "can't write the report").because(why))?;
        let page = folder.join(format!("{stem}.report.html"));
        replace(&folder.join(format!("{stem}.report.json")), &(json + "\n"))?;
        replace(&folder.join(format!("{stem}.junit.xml")), &junit::xml(self))?;
        replace(&page, &html::page(self))?;
        Ok(page)
    }
}
