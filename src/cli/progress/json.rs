//! A JSON object a line, for programs: `docs/progress.md` has them all.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::super::printer::event;
use super::meter::Meter;
use crate::report::{MessageKind, Progress};

/// The layer under way.
#[derive(Default)]
pub(super) struct Json(Mutex<Option<Meter>>);

impl Json {
    fn tell(&self, name: &str, change: impl FnOnce(&mut Meter)) {
        if let Some(meter) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            change(meter);
            event(name, numbers(meter));
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
        event("layer", json!({"layer": name, "count": count}));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Meter::new(name, count));
    }

    fn page(&self, rows: u64, bytes: u64) {
        self.tell("progress", |meter| meter.add(rows, bytes));
    }

    fn layer_end(&self) {
        self.tell("layer-end", |_| ());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn job_status(&self, status: &str) {
        event("job", json!({"status": status}));
    }

    fn job_progress(&self, percent: Option<f64>, text: &str) {
        event("job", json!({"percent": percent, "text": text}));
    }

    fn message(&self, kind: MessageKind, text: &str) {
        event("message", json!({"kind": kind, "text": text}));
    }

    fn retry(&self, why: &str) {
        if let Some(meter) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            meter.retries += 1;
        }
        event("retry", json!({"why": why}));
    }
}
