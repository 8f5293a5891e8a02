//! A whole export from a server of the test into a GeoJSON file, which GDAL reads back.

#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(unreachable_pub, reason = "the modules of a test are private by nature")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geohaul::convert::{CrsChoice, PlanOptions};
use geohaul::error::{Error, ErrorKind};
use geohaul::export::{Destination, ExportOptions, Output, export};
use geohaul::fetch::Single;
use geohaul::fetch::clock::Clock;
use geohaul::fetch::http::HttpTransport;
use geohaul::fetch::layer::{LayerOptions, LayerSource};
use geohaul::fetch::retry::{Retry, RetryPolicy};
use geohaul::fetch::session::Session;
use geohaul::report::{Progress, Report, Silent};
use url::Url;

/// Time that passes only by sleeping.
#[derive(Default)]
pub struct Asleep(Mutex<Duration>);

impl Clock for Asleep {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, wait: Duration) {
        *self.0.lock().unwrap() += wait;
    }
    fn jitter(&self) -> f64 {
        1.0
    }
}

/// A session whose waits take no time.
pub fn session(clock: &Arc<Asleep>) -> Session {
    let transport = Arc::new(HttpTransport::default());
    Session::with_retry(Retry::new(transport, RetryPolicy::default()).with_clock(Arc::clone(clock) as Arc<dyn Clock>))
}

/// One export and what is left of it.
pub struct Haul {
    folder: tempfile::TempDir,
    pub outcome: Result<Report, Error>,
    pub slept: Duration,
}

/// A row as GDAL reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub xy: Option<(f64, f64)>,
}

impl Row {
    /// The row of this id in `support/layer.rs`.
    pub fn of(id: i64) -> Self {
        Self { id: id.to_string(), name: format!("row {id}"), xy: Some((id as f64, 2.0 * id as f64)) }
    }
}

impl Haul {
    /// Exports the layer at `url`, `page_size` rows at once.
    pub fn of(url: &Url, page_size: u64) -> Self {
        Self::with(url, page_size, &ExportOptions::default())
    }

    pub fn with(url: &Url, page_size: u64, options: &ExportOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Asleep::default());
        let outcome = Self::run(url, page_size, options, &folder.path().join("out.geojson"), &clock);
        Self { folder, outcome, slept: *clock.0.lock().unwrap() }
    }

    fn run(url: &Url, page_size: u64, options: &ExportOptions, file: &Path, clock: &Arc<Asleep>) -> Result<Report, Error> {
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        let layer_options = LayerOptions { page_size: Some(page_size), ..LayerOptions::default() };
        let layer = LayerSource::open(&session(clock), url, layer_options, Arc::clone(&progress))?;
        let plan = PlanOptions { crs: CrsChoice::Native, ..options.plan.clone() };
        let options = ExportOptions { plan, ..options.clone() };
        let destination = Destination::Files(vec![Output::new(file, None)?]);
        export(&mut Single::new(Box::new(layer), url.to_string()), &destination, &options, &progress)
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("out.geojson")
    }

    pub fn report(&self) -> &Report {
        self.outcome.as_ref().unwrap()
    }

    /// The rows in the file, by id.
    pub fn rows(&self) -> Vec<Row> {
        self.report();
        let mut rows = read(&self.file());
        rows.sort_by_key(|row| (row.id.parse::<i64>().ok(), row.id.clone()));
        rows
    }

    /// Asserts that the file holds these rows, each once, and that the report says that nothing is missing.
    pub fn is_whole(&self, ids: impl IntoIterator<Item = i64>) -> &Report {
        let truth: Vec<Row> = ids.into_iter().map(Row::of).collect();
        assert_eq!(self.rows(), truth);
        let report = self.report();
        assert!(report.is_complete(), "{:?}", report.failures);
        assert_eq!(report.layers[0].evidence.missing(), 0);
        report
    }

    /// Asserts that the export failed with such an error and a hint, and that it left nothing behind.
    pub fn failed(&self, kind: ErrorKind, words: &[&str]) -> &Error {
        let error = self.outcome.as_ref().expect_err("an error");
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{error:?}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(error.hint_text().is_some(), "no hint: {text}");
        let left: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
        error
    }
}

/// The rows of a file, by GDAL.
pub fn read(file: &Path) -> Vec<Row> {
    let csv = Command::new("ogr2ogr")
        .args(["-f", "CSV", "/vsistdout/"])
        .arg(file)
        .args(["-lco", "GEOMETRY=AS_XY", "-lco", "STRING_QUOTING=ALWAYS"])
        .output()
        .unwrap();
    assert!(csv.status.success(), "{}", String::from_utf8_lossy(&csv.stderr));
    let text = String::from_utf8(csv.stdout).unwrap();
    let mut lines = text.lines();
    let unquoted = |cell: &str| cell.trim_matches('"').to_owned();
    let header: Vec<String> = lines.next().unwrap_or_default().split(',').map(unquoted).collect();
    let column = |name: &str| header.iter().position(|column| column == name);
    let row = |line: &str| {
        let cells: Vec<String> = line.split(',').map(unquoted).collect();
        let cell = |name: &str| column(name).map(|at| cells[at].clone()).unwrap_or_default();
        let xy = cell("X").parse().ok().zip(cell("Y").parse().ok());
        Row { id: cell("OBJECTID"), name: cell("NAME"), xy }
    };
    lines.map(row).collect()
}
