//! News as plain lines: for logs, and for terminals that can't do more.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::printer::say;
use super::meter::Meter;
use crate::report::Progress;

/// A layer tells how far it is this often.
const EVERY: Duration = Duration::from_secs(10);

/// The layer under way, and when it was last told of.
#[derive(Default)]
pub(super) struct Lines(Mutex<Option<(Meter, Instant)>>);

impl Lines {
    fn change(&self, change: impl FnOnce(&mut Meter, &mut Instant)) {
        if let Some((meter, told)) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            change(meter, told);
        }
    }
}

impl Progress for Lines {
    fn layer(&self, name: &str, count: Option<u64>) {
        let rows = count.map_or(String::new(), |count| format!(", {count} rows"));
        say(&format!("reading \"{name}\"{rows}\n"));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Meter::new(name, count), Instant::now()));
    }

    fn page(&self, rows: u64, bytes: u64) {
        self.change(|meter, told| {
            meter.add(rows, bytes);
            if told.elapsed() >= EVERY {
                *told = Instant::now();
                say(&format!("reading \"{}\": {}\n", meter.name, meter.words(meter.began.elapsed())));
            }
        });
    }

    fn retry(&self, _why: &str) {
        self.change(|meter, _| meter.retries += 1);
    }
}
