//! Requests that are repeated, told without a flood: the first in full, those that follow soon by their number. `-v` logs
//! each of them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One of them is told in full this often.
const EVERY: Duration = Duration::from_secs(30);

/// When one was told last, and how many were not since.
#[derive(Default)]
pub(in crate::cli) struct Repeats(Mutex<(Option<Instant>, u64)>);

impl Repeats {
    /// What to say of one more, if anything.
    pub(in crate::cli) fn one_more(&self, why: &str) -> Option<String> {
        self.at(Instant::now(), why)
    }

    fn at(&self, now: Instant, why: &str) -> Option<String> {
        let (told, untold) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.saturating_duration_since(told) < EVERY) {
            *untold += 1;
            return None;
        }
        *told = Some(now);
        Some(match std::mem::take(untold) {
            0 => format!("again: {why}"),
            before => format!("again: {why} ({before} others before it)"),
        })
    }

    /// What to say at the end, where some were not told.
    pub(in crate::cli) fn rest(&self) -> Option<String> {
        let (told, untold) = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        told.filter(|_| untold > 0).map(|_| format!("again: further repeated requests: {untold} (-v tells each)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_burst_is_told_and_the_others_are_counted() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let told: Vec<Option<String>> = (0..40).map(|second| repeats.at(start + Duration::from_secs(second), "504")).collect();
        let told: Vec<&str> = told.iter().flatten().map(String::as_str).collect();
        assert_eq!(told, ["again: 504", "again: 504 (29 others before it)"]);
        assert_eq!(repeats.rest().unwrap(), "again: further repeated requests: 9 (-v tells each)");
        assert_eq!((repeats.rest(), repeats.at(start, "504")), (None, Some("again: 504".to_owned())));
    }
}
