//! Rows by position: a short page is asked on from the rows that came.

use super::{MOST_BARREN, Pager};
use crate::fetch::paging::{Ask, Cost, Step, Then};

/// What a window's page was.
pub(super) struct Seen<'a> {
    pub(super) rows: u64,
    pub(super) exceeded: bool,
    pub(super) new: u64,
    pub(super) print: u64,
    pub(super) prints: &'a [u64],
    pub(super) cost: Cost,
}

impl Pager {
    pub(super) fn window(&mut self, offset: u64, limit: u64, page: Seen<'_>) -> Step {
        let Seen { rows, exceeded, mut new, cost, .. } = page;
        let end = offset.saturating_add(limit);
        // Pages that say "more" beyond the counted end, from rows without ids, are no news.
        if !self.situation.has_ids && self.situation.count.is_some_and(|count| offset >= count) {
            new = 0;
        }
        if self.came_before(offset, &page) {
            // The offset was ignored.
            return self.give_up_offsets("the server ignores resultOffset, and its rows have no object ids to ask for instead");
        }
        self.barren = if new == 0 && (exceeded || rows > 0) { self.barren + 1 } else { 0 };
        if self.barren > MOST_BARREN {
            return self.give_up_offsets("page after page brings nothing new, and none is the last");
        }
        self.largest = self.largest.max(rows);
        if rows > limit {
            // The limit was ignored, and the windows under way overlap this one.
            self.horizon = offset.saturating_add(rows);
            self.more = self.goes_on(self.horizon, rows, true, exceeded);
            return Step { then: Then::Discard, ..Step::default() };
        }
        let position = match rows {
            0 if exceeded => offset.saturating_add(if self.largest > 0 { self.largest.min(limit) } else { limit }),
            _ => offset + rows,
        };
        let goes_on = self.goes_on(position, rows, rows == limit, exceeded);
        if position < end {
            self.learn_cap(rows);
            if goes_on {
                return self.again_from(position, end);
            }
        } else {
            self.size.whole(limit, cost);
        }
        if end == self.horizon {
            self.more = goes_on;
        } else if rows == 0 && !exceeded {
            // Nothing here and no flag: reading further ahead is of no use.
            self.more = false;
        }
        Step::default()
    }

    /// The page is one that came from another offset. Rows without ids that are all alike may come in several such pages.
    fn came_before(&mut self, offset: u64, page: &Seen<'_>) -> bool {
        if !page.prints.is_empty() {
            return page.prints.windows(2).any(|pair| pair[0] != pair[1]) && !self.prints.insert(page.print);
        }
        if offset == 0 {
            self.first_print = Some(page.print);
        }
        offset > 0 && page.rows > 0 && self.first_print == Some(page.print)
    }

    /// Whether there are rows from `position` on, after an answer of `rows` rows that ended there. `full`: it had as many
    /// as were asked for.
    fn goes_on(&self, position: u64, rows: u64, full: bool, exceeded: bool) -> bool {
        // Without a count only a server that is known to set the flag is believed. A count that rows have passed is none,
        // and where a full page ends at it, the server may count no further than it sends.
        let uncounted = self.situation.count.is_none_or(|count| position > count || (position == count && full));
        let counted = self.situation.count.is_some_and(|count| position < count);
        exceeded || (rows > 0 && (counted || (uncounted && !self.flag_seen)))
    }

    /// Two short pages of the same length in a row: the server sends no more than that at once.
    fn learn_cap(&mut self, rows: u64) {
        self.size.short();
        self.short = if rows > 0 && self.short.0 == rows { (rows, self.short.1 + 1) } else { (rows, 1) };
        if rows > 0 && self.short.1 >= 2 && rows == self.largest {
            self.size.cap(rows);
        }
    }

    /// Asks for what is left of a window: as the next in line, in pieces of the page size, or, where nothing was
    /// asked for beyond it, by reading on from there.
    pub(super) fn again_from(&mut self, position: u64, end: u64) -> Step {
        if end == self.horizon {
            self.horizon = position;
            self.more = true;
            return Step::default();
        }
        let mut first = Vec::new();
        let mut offset = position;
        while offset < end {
            let limit = self.size.rows().min(end - offset);
            first.push(Ask::Window { offset, limit });
            offset += limit;
        }
        Step { first, ..Step::default() }
    }
}
