//! Rows by spans of object ids: a full page is asked on from its last id.

use super::again::Again;
use super::{MOST_BARREN, Pager, Phase};
use crate::fetch::id_set::IdSpan;
use crate::fetch::paging::{Ask, Cost, Step, Then};

/// What a span's page was.
pub(super) struct SpanPage<'a> {
    pub(super) ids: &'a [Option<i64>],
    pub(super) rows: u64,
    pub(super) full: bool,
    pub(super) exceeded: bool,
    pub(super) new: u64,
    pub(super) again: Again,
    pub(super) cost: Cost,
}

impl Pager {
    /// A page of the length that was asked for, or two short pages of the same length in a row: spans of the same width
    /// often hold the same number of rows, and some servers cut at a number that they don't tell, and don't say so. What
    /// follows the last id tells which. `crowded`: there is no room for more.
    pub(super) fn may_be_cut(&mut self, span: IdSpan, limit: u64, rows: u64, crowded: bool) -> bool {
        if let Some((from, cap, known)) = self.suspected
            && from == span.from
        {
            self.suspected = None;
            if rows <= known {
                self.trusted = true;
            } else {
                self.size.cap(cap);
            }
        }
        let again = rows > 1 && rows == self.largest && !self.flag_seen && !self.trusted;
        self.largest = self.largest.max(rows);
        !crowded && (rows >= limit.min(self.span_limit()) || again)
    }

    pub(super) fn span(&mut self, span: IdSpan, limit: u64, page: &SpanPage<'_>) -> Step {
        let limit = limit.min(self.span_limit());
        let Phase::Spans(spans) = &mut self.phase else { return Step::default() };
        if page.rows > 0 && !self.situation.has_ids {
            return Step { then: Then::Stop("rows that were asked for by object id have none"), ..Step::default() };
        }
        self.barren = if page.exceeded && page.new == 0 { self.barren + 1 } else { 0 };
        let strange = page.ids.iter().flatten().any(|id| !(span.from..=span.to).contains(id));
        if strange || self.barren > MOST_BARREN {
            // The condition is ignored, or empty pages say "more" for ever.
            return self.turn_to_list();
        }
        match page.again {
            _ if !page.full => {
                spans.came_whole(span, page.rows, limit);
                self.size.whole(limit, page.cost);
                Step::default()
            }
            Again::From(next) => {
                if !page.exceeded && page.rows < limit {
                    let known = page.ids.iter().filter(|id| **id == Some(next)).count() as u64;
                    self.suspected = Some((next, page.rows, known));
                }
                spans.came_in_part(span, next, page.rows, limit);
                let rest = spans.again(IdSpan { from: next, to: span.to });
                self.spans_first(rest)
            }
            // More is said to be there, but nothing came that says where to go on.
            _ if page.rows == 0 => Step { first: vec![Ask::IdList(span)], ..Step::default() },
            _ => self.halve(span),
        }
    }

    /// Of a single row it can't be told whether another has its id.
    pub(super) fn span_limit(&self) -> u64 {
        self.size.rows().max(2)
    }

    /// The question for a span. A single id can't be divided, so all of its rows are asked for at once.
    pub(super) fn span_ask(&self, span: IdSpan) -> Ask {
        let least = if span.from == span.to { self.situation.page_size } else { 0 };
        Ask::Span { span, limit: self.span_limit().max(least) }
    }

    fn spans_first(&self, spans: impl IntoIterator<Item = IdSpan>) -> Step {
        Step { first: spans.into_iter().map(|span| self.span_ask(span)).collect(), ..Step::default() }
    }

    /// Asks for both halves of a span; of a single id, more can't be had.
    pub(super) fn halve(&mut self, span: IdSpan) -> Step {
        let halves = if let Phase::Spans(spans) = &self.phase { spans.halves(span) } else { None };
        self.spans_first(halves.into_iter().flatten())
    }
}

/// There are as many rows as ids in the span, so there can be no more.
pub(super) fn is_crowded(span: IdSpan, rows: u64) -> bool {
    span.to.abs_diff(span.from).checked_add(1) == Some(rows)
}
