//! What is shown while work goes on: bars on a terminal, lines in a log, JSON for programs.

use std::sync::Arc;

use super::printer::{self, Manner};
use crate::report::{MessageKind, Progress, Silent};

mod bars;
mod json;
mod lines;
mod meter;

use bars::Bars;
use json::Json;
use lines::Lines;

/// The one that goes with how this process talks.
pub(super) fn progress() -> Arc<dyn Progress> {
    match printer::manner() {
        _ if printer::is_quiet() => Arc::new(Silent),
        Manner::Bars(screen) => Arc::new(Bars::on(screen)),
        Manner::Lines => Arc::new(Lines::default()),
        Manner::Json => Arc::new(Json::default()),
        Manner::Silent => Arc::new(Silent),
    }
}

/// How far a job says that it is.
fn job_words(percent: Option<f64>, text: &str) -> String {
    let percent = percent.map(|percent| format!("{percent:.0} %"));
    let parts: Vec<&str> = percent.as_deref().into_iter().chain([text]).filter(|part| !part.is_empty()).collect();
    format!("job: {}", parts.join(", "))
}

/// What the server said, with who said it.
fn message_words(kind: MessageKind, text: &str) -> String {
    let kind = match kind {
        MessageKind::Informative => "server",
        MessageKind::Warning => "server warning",
        MessageKind::Error => "server error",
    };
    format!("{kind}: {text}")
}
