//! How far a layer is, in numbers and in words.

use std::time::{Duration, Instant};

use super::super::printer::size;

/// A layer under way.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    pub(super) name: String,
    /// Rows that are expected.
    pub(super) count: Option<u64>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) retries: u64,
    pub(super) began: Instant,
}

impl Meter {
    pub(super) fn new(name: &str, count: Option<u64>) -> Self {
        Self { name: name.to_owned(), count, rows: 0, bytes: 0, retries: 0, began: Instant::now() }
    }

    pub(super) fn add(&mut self, rows: u64, bytes: u64) {
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Rows, bytes, rate, what remains, repeated requests.
    pub(super) fn words(&self, elapsed: Duration) -> String {
        let of = self.count.map_or(String::new(), |count| format!(" of {count}"));
        let mut parts = vec![format!("{}{of} rows", self.rows), size(self.bytes)];
        let rate = self.rows as f64 / elapsed.as_secs_f64().max(0.001);
        if self.rows > 0 {
            parts.push(format!("{rate:.0} rows/s"));
        }
        if let Some(left) = self.count.and_then(|count| count.checked_sub(self.rows)).filter(|left| *left > 0 && self.rows > 0) {
            parts.push(format!("{} left", span(left as f64 / rate)));
        }
        match self.retries {
            0 => {}
            1 => parts.push("1 retry".to_owned()),
            many => parts.push(format!("{many} retries")),
        }
        parts.join(", ")
    }
}

/// Seconds in words.
fn span(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_rows_bytes_rate_what_remains_and_retries() {
        let mut meter = Meter::new("Parcels", Some(500_000));
        assert_eq!(meter.words(Duration::ZERO), "0 of 500000 rows, 0 bytes");
        meter.add(120_000, 34_000_000);
        meter.retries = 2;
        assert_eq!(meter.words(Duration::from_secs(10)), "120000 of 500000 rows, 34 MB, 12000 rows/s, 32 s left, 2 retries");
        meter.count = None;
        assert_eq!(meter.words(Duration::from_secs(10)), "120000 rows, 34 MB, 12000 rows/s, 2 retries");
    }

    #[test]
    fn what_remains_is_told_in_the_unit_that_people_would_choose() {
        assert_eq!([0.2, 119.0, 600.0, 9_000.0].map(span), ["1 s", "119 s", "10 min", "2 h 30 min"]);
        assert_eq!(span(f64::MAX), "5124095576030431 h 0 min");
    }
}
