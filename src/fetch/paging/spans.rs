//! Which spans of object ids to ask for: each as wide as a page is likely to fill, wider where ids are sparse and
//! narrower where they are dense. What lies before and behind the ids that the server told of is asked for as well, so
//! its word is used for the widths and never trusted.

use crate::fetch::id_set::IdSpan;

/// A page is to be filled to this share, so that few spans hold more than a page.
const FILL: f64 = 0.8;

/// Sparse ids make spans wider by at most this factor at once.
const MOST_GROWTH: f64 = 8.0;

/// What is left of a span is asked for in at most so many pieces at once; the last of them may be wide.
const MOST_PIECES: usize = 16;

/// The ids that have not been asked for, and how many to take at once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spans {
    /// Where ids are known to be.
    inhabited: IdSpan,
    left: Option<IdSpan>,
    /// Ids in a span.
    width: f64,
}

impl Spans {
    /// All ids, of which there are `rows` or so within `inhabited`.
    pub(super) fn new(inhabited: IdSpan, rows: Option<u64>, page_size: u64) -> Self {
        let share = rows.map_or(1.0, |rows| page_size as f64 * FILL / rows.max(1) as f64);
        // Of so few ids, each on one row, there are never more rows than a page holds.
        let width = (length(inhabited) * share).max(page_size as f64);
        Self { inhabited, left: Some(IdSpan::ALL), width }
    }

    /// The next span.
    pub(super) fn next(&mut self) -> Option<IdSpan> {
        let (span, rest) = self.cut(self.left?);
        self.left = rest;
        Some(span)
    }

    /// The beginning of a span in the width of the day, and the rest.
    fn cut(&self, span: IdSpan) -> (IdSpan, Option<IdSpan>) {
        let IdSpan { from: first, to: last } = self.inhabited;
        // What lies before and behind is mostly nothing, and comes with the first and the last of what is known.
        let before = span.from < first;
        let width = (self.width as i64 - i64::from(before)).max(1);
        let end = span.from.max(first).saturating_add(width - 1);
        let end = if end >= last && (span.from <= last || span.to == i64::MAX) { span.to } else { end };
        if end >= span.to {
            return (span, None);
        }
        (IdSpan { from: span.from, to: end }, Some(IdSpan { from: end + 1, to: span.to }))
    }

    /// Learns from a span whose rows all came: `rows` of at most `limit`.
    pub(super) fn came_whole(&mut self, span: IdSpan, rows: u64, limit: u64) {
        if span.to < self.inhabited.from || span.from > self.inhabited.to {
            return;
        }
        let wished = match rows {
            0 => f64::INFINITY,
            _ => length(self.within(span)) * (limit as f64 * FILL).max(1.0) / rows as f64,
        };
        self.width = wished.min(self.width.max(length(self.within(span))) * MOST_GROWTH).max(limit as f64);
    }

    /// Learns from a span of which `rows` rows came, up to the id `last`.
    pub(super) fn came_in_part(&mut self, span: IdSpan, last: i64, rows: u64, limit: u64) {
        let covered = length(self.within(IdSpan { from: span.from, to: last }));
        self.width = (covered * limit as f64 * FILL / rows.max(1) as f64).max(1.0).min(self.width);
    }

    /// The rest of a span, in pieces to ask for before anything else; where nothing was asked for beyond it, it is
    /// put back instead.
    pub(super) fn again(&mut self, rest: IdSpan) -> Vec<IdSpan> {
        let beyond = self.left.map_or(Some(i64::MAX), |left| left.from.checked_sub(1));
        if beyond == Some(rest.to) {
            self.left = Some(IdSpan { from: rest.from, to: self.left.map_or(rest.to, |left| left.to) });
            return Vec::new();
        }
        let (mut pieces, mut rest) = (Vec::new(), Some(rest));
        while let Some(span) = rest.take() {
            let (piece, left) = if pieces.len() + 1 < MOST_PIECES { self.cut(span) } else { (span, None) };
            pieces.push(piece);
            rest = left;
        }
        pieces
    }

    /// Two halves of a span by where ids are known to be; `None` for a single id.
    pub(super) fn halves(&self, span: IdSpan) -> Option<[IdSpan; 2]> {
        let known = self.within(span);
        let whole = if known.from < known.to { known } else { span };
        if whole.from >= whole.to {
            return None;
        }
        let middle = ((i128::from(whole.from) + i128::from(whole.to)).div_euclid(2)) as i64;
        Some([IdSpan { from: span.from, to: middle }, IdSpan { from: middle + 1, to: span.to }])
    }

    /// The part of a span where ids are known to be; the span itself where there are none.
    fn within(&self, span: IdSpan) -> IdSpan {
        let part = IdSpan { from: span.from.max(self.inhabited.from), to: span.to.min(self.inhabited.to) };
        if part.from <= part.to { part } else { span }
    }
}

/// Number of ids in a span.
fn length(span: IdSpan) -> f64 {
    span.to.abs_diff(span.from) as f64 + 1.0
}
