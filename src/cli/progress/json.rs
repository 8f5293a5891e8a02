//! A JSON object a line, for programs: `docs/progress.md` has them all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::super::printer::event;
use super::meter::Meter;
use crate::report::{MessageKind, Progress};

#[derive(Default)]
pub(crate) struct Json {
    /// The job of a batch that the news are of.
    job: Option<String>,
    /// The layer under way.
    meter: Mutex<Option<Meter>>,
}

impl Json {
    /// The news of a job of a batch.
    pub(crate) fn of_job(name: &str) -> Self {
        Self { job: Some(name.to_owned()), ..Self::default() }
    }

    fn meter(&self) -> MutexGuard<'_, Option<Meter>> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, name: &str, mut what: Value) {
        if let (Some(job), Some(what)) = (&self.job, what.as_object_mut()) {
            what.insert("job".to_owned(), json!(job));
        }
        event(name, what);
    }

    fn tell(&self, name: &str, change: impl FnOnce(&mut Meter)) {
        if let Some(meter) = &mut *self.meter() {
            change(meter);
            self.event(name, numbers(meter));
        }
    }
}

fn numbers(meter: &Meter) -> Value {
    json!({
        "layer": meter.name,
        "count": meter.count,
        "rows": meter.rows,
        "bytes": meter.bytes,
        "retries": meter.retries,
        "seconds": meter.began.elapsed().as_millis() as f64 / 1000.0,
    })
}

impl Progress for Json {
    fn layer(&self, name: &str, count: Option<u64>) {
        self.event("layer", json!({"layer": name, "count": count}));
        *self.meter() = Some(Meter::new(name, count));
    }

    fn page(&self, rows: u64, bytes: u64) {
        self.tell("progress", |meter| meter.add(rows, bytes));
    }

    fn layer_end(&self) {
        self.tell("layer-end", |_| ());
        *self.meter() = None;
    }

    fn job_status(&self, status: &str) {
        self.event("job", json!({"status": status}));
    }

    fn job_progress(&self, percent: Option<f64>, text: &str) {
        self.event("job", json!({"percent": percent, "text": text}));
    }

    fn message(&self, kind: MessageKind, text: &str) {
        self.event("message", json!({"kind": kind, "text": text}));
    }

    fn retry(&self, why: &str) {
        if let Some(meter) = &mut *self.meter() {
            meter.retries += 1;
        }
        self.event("retry", json!({"why": why}));
    }
}
