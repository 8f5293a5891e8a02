//! How many rows to ask for at once: less where pages are too much or heavy, more where they are light. Offsets stay
//! exact, since each window is asked for by its own position and length.

use std::time::Duration;

use super::Cost;

/// A page of more than this is heavy.
const HEAVY: Cost = Cost { bytes: 16 << 20, time: Duration::from_secs(20) };

/// A page of less than this is light.
const LIGHT: Cost = Cost { bytes: 2 << 20, time: Duration::from_secs(4) };

/// The size is doubled after so many light pages.
const LIGHT_PAGES: u32 = 10;

/// The page size.
#[derive(Debug)]
pub(super) struct Size {
    now: u64,
    most: u64,
    light_pages: u32,
}

impl Size {
    pub(super) fn new(rows: u64, most: u64) -> Self {
        let now = rows.max(1);
        Self { now, most: most.max(now), light_pages: 0 }
    }

    /// Rows to ask for.
    pub(super) fn rows(&self) -> u64 {
        self.now
    }

    /// A page of `rows` rows came whole.
    pub(super) fn whole(&mut self, rows: u64, cost: Cost) {
        if cost.bytes > HEAVY.bytes || cost.time > HEAVY.time {
            self.too_much(rows);
        } else if cost.bytes <= LIGHT.bytes && cost.time <= LIGHT.time && rows >= self.now {
            self.light_pages += 1;
            if self.light_pages >= LIGHT_PAGES {
                self.now = self.now.saturating_mul(2).min(self.most);
                self.light_pages = 0;
            }
        }
    }

    /// `rows` rows at once were too much.
    pub(super) fn too_much(&mut self, rows: u64) {
        self.light_pages = 0;
        self.now = self.now.min(rows / 2).max(1);
    }

    /// A page came short.
    pub(super) fn short(&mut self) {
        self.light_pages = 0;
    }

    /// The server never sends more than `rows` rows.
    pub(super) fn cap(&mut self, rows: u64) {
        self.most = self.most.min(rows).max(1);
        self.now = self.now.min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(bytes: u64, seconds: u64) -> Cost {
        Cost { bytes, time: Duration::from_secs(seconds) }
    }

    #[test]
    fn light_pages_grow_to_what_the_server_allows_and_middling_ones_stay() {
        let mut size = Size::new(1000, 3000);
        for (pages, rows) in [(10, 2000), (10, 3000), (100, 3000)] {
            (0..pages).for_each(|_| size.whole(size.rows(), cost(1000, 0)));
            assert_eq!(size.rows(), rows);
        }
        let mut size = Size::new(1000, 3000);
        (0..100).for_each(|_| size.whole(1000, cost(5 << 20, 0)));
        assert_eq!(size.rows(), 1000);
    }

    #[test]
    fn a_page_that_is_heavy_by_bytes_or_by_time_halves_the_next() {
        for heavy in [cost(20 << 20, 1), cost(1000, 30)] {
            let mut size = Size::new(1000, 3000);
            size.whole(1000, heavy);
            assert_eq!(size.rows(), 500);
            // The pages under way were asked for before that.
            size.whole(1000, heavy);
            assert_eq!(size.rows(), 500);
            (0..20).for_each(|_| size.whole(size.rows(), heavy));
            assert_eq!(size.rows(), 1);
        }
    }
}
