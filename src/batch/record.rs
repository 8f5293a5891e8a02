//! What came of a job, in the form in which it is kept and told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Picture;
use crate::model::time;
use crate::report::{Failure, LayerReport, Loss, OutputReport, Report};

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All that was asked for is there.
    Done,
    /// It was there before, and nothing has changed since.
    Unchanged,
    /// Something was written, but not all.
    Partial,
    /// Nothing came of it.
    Failed,
    /// It was stopped.
    Interrupted,
    /// It was not begun.
    NotRun,
}

impl Outcome {
    /// All that was asked for is there.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::Unchanged)
    }

    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::NotRun => "not run",
        }
    }
}

/// What came of a job. Holds no secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRecord {
    /// Its name.
    pub name: String,
    /// What it does: `export`, `run`, `convert`.
    pub kind: String,
    /// Where its data comes from, without secrets.
    pub source: String,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began, UTC.
    pub started: String,
    /// The same by the clock of the server, where it shows it. Of what was gone on with in a later part of a run, when the
    /// run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Rows that came, or are there unchanged.
    pub rows: u64,
    /// Requests sent, with repetitions.
    pub requests: u64,
    /// How many of them were repetitions.
    pub retries: u64,
    /// Bytes received, decompressed.
    pub bytes: u64,
    /// What was read.
    pub layers: Vec<LayerRecord>,
    /// Files that hold no features.
    pub files: Vec<PathBuf>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// Its data in small.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
}

/// A layer, table or result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerRecord {
    /// Its name.
    pub name: String,
    /// Rows that came, or are there unchanged.
    pub rows: u64,
    /// Rows that are missing.
    pub missing: u64,
    /// Nothing has changed since an earlier run, whose files stand.
    pub unchanged: bool,
    /// Where it was written.
    pub outputs: Vec<OutputRecord>,
    /// Its receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<PathBuf>,
}

/// A written data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputRecord {
    /// The main file.
    pub path: PathBuf,
    /// All files.
    pub files: Vec<PathBuf>,
    /// The format's name.
    pub format: String,
    /// Rows written.
    pub rows: u64,
    /// Bytes in all files.
    pub bytes: u64,
    /// What was lost or changed, in words.
    pub losses: Vec<String>,
}

impl JobRecord {
    /// A job of which nothing came yet.
    pub fn new(name: &str, kind: &str, source: &str, outcome: Outcome) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            source: source.to_owned(),
            outcome,
            started: time::now(),
            server_time: None,
            seconds: 0.0,
            rows: 0,
            requests: 0,
            retries: 0,
            bytes: 0,
            layers: Vec::new(),
            files: Vec::new(),
            warnings: Vec::new(),
            failures: Vec::new(),
            picture: None,
        }
    }

    /// The files of its data.
    pub fn written(&self) -> impl Iterator<Item = &PathBuf> {
        self.layers.iter().flat_map(|layer| &layer.outputs).flat_map(|output| &output.files).chain(&self.files)
    }

    /// Takes in what a report says.
    pub fn take(&mut self, report: Report) {
        // The layer with the most rows is what one knows a job by.
        let drawn = report.layers.iter().filter_map(|layer| Some((layer.evidence.rows, Picture::of(layer.sketch.as_ref()?)?)));
        self.picture = drawn.max_by_key(|(rows, _)| *rows).map(|(_, picture)| picture);
        let clocks: Option<Vec<i64>> = report.layers.iter().map(|layer| layer.evidence.server_time).collect();
        let first = clocks.and_then(|clocks| clocks.into_iter().min());
        self.server_time = first.and_then(|seconds| time::iso(seconds.saturating_mul(1000), true));
        for layer in &report.layers {
            self.rows += layer.evidence.rows;
            self.requests += layer.evidence.requests;
            self.retries += layer.evidence.retries;
            self.bytes += layer.evidence.bytes;
            let of_outputs = layer.outputs.iter().flat_map(|output| &output.warnings);
            self.warnings.extend(of_outputs.cloned());
        }
        self.layers.extend(report.layers.iter().map(LayerRecord::of));
        self.files.extend(report.files);
        self.warnings.extend(report.warnings);
        self.failures.extend(report.failures);
    }
}

impl LayerRecord {
    fn of(layer: &LayerReport) -> Self {
        Self {
            name: layer.name.clone(),
            rows: layer.evidence.rows,
            missing: layer.evidence.missing(),
            unchanged: false,
            outputs: layer.outputs.iter().map(|output| OutputRecord::of(output, layer)).collect(),
            receipt: layer.receipt.clone(),
        }
    }
}

impl OutputRecord {
    fn of(output: &OutputReport, layer: &LayerReport) -> Self {
        let losses = layer.losses.iter().chain(output.losses.iter()).filter(|loss| loss.kind.is_loss());
        Self {
            path: output.path.clone(),
            files: output.files.clone(),
            format: output.format.to_owned(),
            rows: output.rows,
            bytes: output.bytes,
            losses: losses.map(words).collect(),
        }
    }
}

fn words(loss: &Loss) -> String {
    let field = loss.field.as_ref().map_or(String::new(), |field| format!("{field}: "));
    format!("{field}{}, {} times", loss.kind.describe(), loss.count)
}
