//! A bar for each layer, at the lower end of a terminal. What is said goes above it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::super::printer::harmless;
use super::meter::Meter;
use crate::report::Progress;

/// How often a bar is drawn anew though nothing came.
const TICK: Duration = Duration::from_millis(250);

/// Letters of a layer's name that are shown.
const LONGEST_NAME: usize = 24;

pub(super) struct Bars {
    screen: MultiProgress,
    shown: Mutex<Option<(Meter, ProgressBar)>>,
}

impl Bars {
    pub(super) fn on(screen: &MultiProgress) -> Self {
        Self { screen: screen.clone(), shown: Mutex::default() }
    }

    fn show(&self, meter: Meter) {
        let bar = match meter.count {
            Some(count) => ProgressBar::new(count).with_style(style("{prefix} [{bar:20}] {wide_msg}")),
            None => ProgressBar::new_spinner().with_style(style("{prefix} {spinner} {wide_msg}")),
        };
        let name = harmless(&meter.name).chars().take(LONGEST_NAME).collect::<String>();
        let bar = self.screen.add(bar.with_prefix(name));
        bar.enable_steady_tick(TICK);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some((meter, bar));
    }

    fn change(&self, change: impl FnOnce(&mut Meter)) {
        if let Some((meter, bar)) = &mut *self.shown.lock().unwrap_or_else(PoisonError::into_inner) {
            change(meter);
            bar.set_position(meter.rows);
            bar.set_message(meter.words(meter.began.elapsed()));
        }
    }

    fn clear(&self) {
        if let Some((_, bar)) = self.shown.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// Without colours; the bar is of ASCII.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "))
}

impl Progress for Bars {
    fn layer(&self, name: &str, count: Option<u64>) {
        self.clear();
        self.show(Meter::new(name, count));
    }

    fn page(&self, rows: u64, bytes: u64) {
        self.change(|meter| meter.add(rows, bytes));
    }

    fn layer_end(&self) {
        self.clear();
    }

    fn retry(&self, _why: &str) {
        self.change(|meter| meter.retries += 1);
    }
}

impl Drop for Bars {
    /// The layer may have failed.
    fn drop(&mut self) {
        self.clear();
    }
}
