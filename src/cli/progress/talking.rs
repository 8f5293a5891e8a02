//! What is told in lines wherever progress is shown to people: jobs, what servers say, requests that are repeated.

use super::super::printer::say;
use super::Repeats;
use crate::report::{MessageKind, Progress};

/// Tells it beside something that shows how far a layer is.
pub(super) struct Talking<P> {
    shown: P,
    repeats: Repeats,
}

impl<P> Talking<P> {
    pub(super) fn beside(shown: P) -> Self {
        Self { shown, repeats: Repeats::default() }
    }

    fn tell_repeats(&self) {
        self.repeats.rest().iter().for_each(|words| say(&format!("{words}\n")));
    }
}

impl<P: Progress> Progress for Talking<P> {
    fn layer(&self, name: &str, count: Option<u64>) {
        self.shown.layer(name, count);
    }

    fn page(&self, rows: u64, bytes: u64) {
        self.shown.page(rows, bytes);
    }

    fn layer_end(&self) {
        self.shown.layer_end();
        self.tell_repeats();
    }

    fn job_status(&self, status: &str) {
        say(&format!("job: {status}\n"));
    }

    fn job_progress(&self, percent: Option<f64>, text: &str) {
        let percent = percent.map(|percent| format!("{percent:.0} %"));
        let parts: Vec<&str> = percent.as_deref().into_iter().chain([text]).filter(|part| !part.is_empty()).collect();
        say(&format!("job: {}\n", parts.join(", ")));
    }

    fn message(&self, kind: MessageKind, text: &str) {
        let kind = match kind {
            MessageKind::Informative => "server",
            MessageKind::Warning => "server warning",
            MessageKind::Error => "server error",
        };
        say(&format!("{kind}: {text}\n"));
    }

    fn retry(&self, why: &str) {
        self.shown.retry(why);
        self.repeats.one_more(why).iter().for_each(|words| say(&format!("{words}\n")));
    }
}

impl<P> Drop for Talking<P> {
    /// The layer may have failed.
    fn drop(&mut self) {
        self.tell_repeats();
    }
}
