//! What is shown while work goes on: bars on a terminal, lines in a log, JSON for programs.

use std::sync::Arc;

use super::printer::{self, Manner};
use crate::report::{Progress, Silent};

mod bars;
mod json;
mod lines;
mod meter;
mod repeats;
mod talking;

use bars::Bars;
pub(super) use json::Json;
use lines::Lines;
pub(super) use repeats::Repeats;
use talking::Talking;

/// The one that goes with how this process talks.
pub(super) fn progress() -> Arc<dyn Progress> {
    match printer::manner() {
        _ if printer::is_quiet() => Arc::new(Silent),
        Manner::Bars(screen) => Arc::new(Talking::beside(Bars::on(screen))),
        Manner::Lines => Arc::new(Talking::beside(Lines::default())),
        Manner::Json => Arc::new(Json::default()),
        Manner::Silent => Arc::new(Silent),
    }
}
