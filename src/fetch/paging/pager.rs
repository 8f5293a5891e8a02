//! The decisions. Each way of paging has its method; all of them end in [`Pager::check`].

use std::collections::{HashSet, VecDeque};

mod again;
mod by_spans;
mod by_windows;

use again::{Again, holds_twins};
use by_spans::{SpanPage, is_crowded};
use by_windows::Seen;

use super::parts::{Part, Parts};
use super::search::Search;
use super::size::Size;
use super::spans::Spans;
use super::{Ask, Cost, Outcome, Situation, Start, Step, Then};
use crate::fetch::id_set::{IdSet, IdSpan};

/// The most ids in one question, whatever the page size.
const MOST_IDS: u64 = 1000;

/// After this many pages in a row that bring nothing new, and nothing that was asked for, that way is given up.
const MOST_BARREN: u32 = 20;

/// After this many single rows in a row that can't be had, the server is taken for broken and not the rows.
const MOST_LOST: u32 = 5;

/// How often missing ids are searched for: once, and once more for what was added meanwhile.
const MOST_SEARCHES: u32 = 2;

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Offsets,
    Spans(Spans),
    OneQuery,
    Parts(Parts),
    /// The id list is wanted: without it there are no rows.
    List,
    Objects {
        left: Vec<i64>,
        next: usize,
    },
    /// All rows are in; these questions are left.
    Closing(VecDeque<Ask>),
    Search(Search),
    Done,
}

/// Decides what to ask. Outcomes are handed in by page order.
#[derive(Debug)]
pub struct Pager {
    situation: Situation,
    phase: Phase,
    size: Size,
    /// All windows before this position have been asked for.
    horizon: u64,
    /// There are rows beyond the horizon, as far as is known.
    more: bool,
    flag_seen: bool,
    largest: u64,
    /// Rows of the last short page, and how many in a row were that short.
    short: (u64, u32),
    /// The beginning of what follows a page that may have been cut without a word, that page's rows, and how many of them
    /// were to come again.
    suspected: Option<(i64, u64, u64)>,
    /// Pages that may have been cut were none.
    trusted: bool,
    barren: u32,
    first_print: Option<u64>,
    /// Hashes of the pages so far, where rows have no ids.
    prints: HashSet<u64>,
    refused: Option<Ask>,
    /// The layer was edited while it was read.
    edited: bool,
    /// The layer was asked at the end, and says that it was not edited.
    denies_edits: bool,
    /// Pages of rows that came by offset.
    windows: u32,
    /// Hashes of rows without ids that came so, and how many were like one of another page.
    row_prints: HashSet<u64>,
    alike: u64,
    /// Every id that came was compared with the server's list of them.
    compared: bool,
    /// Ids came that the server does not list at the end, so that the number of rows proves nothing.
    strange: bool,
    /// The id list was the way to go on.
    listed: bool,
    /// Rows were asked for by lists of ids.
    by_lists: bool,
    /// The map was divided.
    divided: bool,
    searches: u32,
    /// Rows at the last search.
    rows_then: Option<u64>,
    /// Single rows in a row that could not be had.
    lost: u32,
    seen: IdSet,
    repeats: bool,
    rows: u64,
    duplicates: u64,
    missing: Vec<i64>,
    count_after: Option<u64>,
    counted_early: bool,
    cut_off: bool,
}

impl Pager {
    /// Begins.
    pub fn new(situation: Situation) -> Self {
        Self {
            situation,
            phase: match situation.start {
                Start::Offsets => Phase::Offsets,
                Start::IdSpans(inhabited) => Phase::Spans(Spans::new(inhabited, situation.count, situation.page_size)),
                Start::ObjectIds => Phase::List,
                Start::OneQuery => Phase::OneQuery,
            },
            size: Size::new(situation.page_size, situation.most_rows),
            horizon: 0,
            more: true,
            flag_seen: false,
            largest: 0,
            short: (0, 0),
            suspected: None,
            trusted: false,
            barren: 0,
            first_print: None,
            prints: HashSet::new(),
            refused: None,
            edited: false,
            denies_edits: false,
            windows: 0,
            row_prints: HashSet::new(),
            alike: 0,
            compared: false,
            strange: false,
            listed: false,
            by_lists: false,
            divided: false,
            searches: 0,
            rows_then: None,
            lost: 0,
            seen: IdSet::default(),
            repeats: false,
            rows: 0,
            duplicates: 0,
            missing: Vec::new(),
            count_after: None,
            counted_early: false,
            cut_off: false,
        }
    }

    /// Rows kept so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows dropped so far.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Ids that the server lists and does not send.
    pub fn missing(&self) -> &[i64] {
        &self.missing
    }

    /// The count at the end.
    pub fn count_after(&self) -> Option<u64> {
        self.count_after
    }

    /// The layer was edited while it was read.
    pub fn edited(&self) -> bool {
        self.edited
    }

    /// The server listed all object ids, and those that had not come were looked for.
    pub fn listed(&self) -> bool {
        self.listed
    }

    /// Rows came by offset over several pages, of a layer that does not say when it was edited: a row that was removed
    /// meanwhile moves another one between two pages, and a row that was added makes up the number. So it may be between
    /// two runs. Rows without ids have no order that would last from page to page.
    fn may_have_shifted(&self) -> bool {
        let quiet = self.situation.tells_edits;
        (self.windows > 1 && (!quiet || self.seen.runs() == 0)) || (self.situation.resumed && !quiet)
    }

    /// Rows may have shifted, and the ids that came could not be compared with the server's list.
    pub fn shifts_unseen(&self) -> bool {
        self.may_have_shifted() && !self.compared
    }

    /// The counts at the beginning and at the end differ, and the layer says that it was not edited.
    pub fn unexplained(&self) -> bool {
        self.denies_edits && self.count_after.is_some_and(|count| self.situation.count != Some(count))
    }

    /// The question under way only makes sure of what nothing speaks against.
    pub fn can_do_without(&self) -> bool {
        matches!(&self.phase, Phase::Search(search) if search.is_wary())
    }

    /// Rows without ids that are like rows of other pages.
    pub fn alike(&self) -> u64 {
        self.alike
    }

    /// All object ids that came.
    pub fn ids(&self) -> &IdSet {
        &self.seen
    }

    /// The server said that there is more, and there was no way to ask for it.
    pub fn cut_off(&self) -> bool {
        self.cut_off
    }

    /// The same object id stood on several rows of one page, so ids can't tell duplicates.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// How the rows were asked for.
    pub fn describe(&self) -> String {
        let start = match self.situation.start {
            Start::Offsets => "offsets",
            Start::IdSpans(_) => "spans of object ids",
            Start::ObjectIds => "lists of object ids",
            Start::OneQuery => "one query",
        };
        let divided = if self.divided { ", then parts of the map" } else { "" };
        let mended = self.by_lists && self.situation.start != Start::ObjectIds;
        format!("{start}{divided}{}", if mended { ", then lists of object ids" } else { "" })
    }

    /// The next question while `under_way` others have no outcome yet; `None` where one of those must come
    /// first, or where there is none under way and all is done.
    pub fn next_ask(&mut self, under_way: usize) -> Option<Ask> {
        loop {
            if under_way > 0 && matches!(self.phase, Phase::OneQuery | Phase::List | Phase::Search(_)) {
                return None;
            }
            match &mut self.phase {
                Phase::Offsets => {
                    let known = self.situation.count.is_some_and(|count| self.horizon < count) && self.more;
                    if under_way > 0 && !known {
                        return None;
                    }
                    if !self.more {
                        self.phase = self.closing();
                        continue;
                    }
                    let ask = Ask::Window { offset: self.horizon, limit: self.size.rows() };
                    self.horizon = self.horizon.saturating_add(self.size.rows());
                    return Some(ask);
                }
                Phase::Spans(spans) => {
                    if let Some(span) = spans.next() {
                        return Some(self.span_ask(span));
                    }
                    if under_way > 0 {
                        // Rows don't shift here as they do behind offsets, so the count need not wait for the last of
                        // them. An edit would show only after them.
                        let early = !self.counted_early && self.situation.count.is_some() && !self.situation.tells_edits;
                        self.counted_early |= early;
                        return early.then_some(Ask::Count(IdSpan::ALL));
                    }
                    if self.spans_failed() {
                        self.turn_to_offsets();
                    } else {
                        self.phase = self.closing();
                    }
                }
                Phase::OneQuery => return Some(Ask::Everything),
                Phase::Parts(parts) => {
                    if let Some(part) = parts.next() {
                        return Some(Ask::Part(part));
                    }
                    if under_way > 0 {
                        return None;
                    }
                    let short = self.situation.count.is_none_or(|count| self.rows < count);
                    if !short || !parts.look_beyond() {
                        self.phase = self.closing();
                    }
                }
                Phase::List => return Some(Ask::IdList(IdSpan::ALL)),
                Phase::Objects { left, next } => {
                    if *next < left.len() {
                        let end = left.len().min(*next + usize::try_from(self.size.rows().min(MOST_IDS)).unwrap_or(1));
                        let chunk = left[*next..end].to_vec();
                        *next = end;
                        return Some(Ask::Objects(chunk));
                    }
                    if under_way > 0 {
                        return None;
                    }
                    self.phase = self.closing();
                }
                Phase::Closing(left) => {
                    if let Some(ask) = left.pop_front() {
                        return Some(ask);
                    }
                    if under_way > 0 {
                        return None;
                    }
                    self.check();
                }
                Phase::Search(search) => match search.next_ask(&self.seen) {
                    Some(ask) => return Some(ask),
                    None => self.found(),
                },
                Phase::Done => return None,
            }
        }
    }

    /// Takes the outcome of `ask`.
    pub fn outcome(&mut self, ask: &Ask, outcome: Outcome) -> Step {
        if outcome != Outcome::Refused {
            self.refused = None;
        }
        match (ask, outcome) {
            (Ask::IdList(span), outcome) => self.id_list(*span, if let Outcome::IdList(ids) = outcome { ids } else { None }),
            (Ask::Count(_), outcome) => {
                let count = if let Outcome::Count(count) = outcome { count } else { None };
                if let Phase::Search(search) = &mut self.phase {
                    search.counted(count);
                } else {
                    self.count_after = count;
                }
                Step::default()
            }
            (Ask::Edits, outcome) => {
                self.edited |= outcome == Outcome::Edited(true);
                self.denies_edits = outcome == Outcome::Edited(false);
                Step::default()
            }
            (ask, Outcome::Rows { rows, exceeded, ids, print, prints, cost }) => {
                // Rows that came without ids must not be asked for again by id.
                self.situation.has_ids &= ids.is_some() || rows == 0;
                let full = exceeded || self.is_full(ask, rows, ids.as_deref());
                self.repeats |= ids.as_deref().is_some_and(holds_twins);
                let again = self.comes_again(ask, full, exceeded, ids.as_deref());
                let (drop_rows, new) = match &mut self.phase {
                    Phase::Parts(parts) if ids.is_none() => {
                        let drop_rows = parts.keep(&prints);
                        self.count_rows(rows, drop_rows)
                    }
                    _ => {
                        let asked = if let Ask::Objects(asked) = ask { Some(asked.as_slice()) } else { None };
                        self.keep(rows, ids.as_deref(), again, asked)
                    }
                };
                self.flag_seen |= exceeded;
                if rows > 0 && matches!(ask, Ask::Window { .. }) {
                    self.windows += 1;
                    self.alike += prints.iter().filter(|print| self.row_prints.contains(print)).count() as u64;
                    self.row_prints.extend(&prints);
                }
                self.lost = if rows > 0 { 0 } else { self.lost };
                let step = match ask {
                    Ask::Window { offset, limit } => {
                        self.window(*offset, *limit, Seen { rows, exceeded, new, print, prints: &prints, cost })
                    }
                    Ask::Objects(asked) if again == Again::All => Step { first: halves(asked), ..Step::default() },
                    Ask::Objects(asked) => self.objects(asked, exceeded, ids.as_deref(), cost),
                    Ask::Span { span, limit } => {
                        let ids = ids.unwrap_or_default();
                        self.span(*span, *limit, &SpanPage { ids: &ids, rows, full, exceeded, new, again, cost })
                    }
                    Ask::Part(part) => self.part(*part, full),
                    _ => self.everything(exceeded, &prints),
                };
                Step { drop_rows, ..step }
            }
            (ask, Outcome::TooMuch) => self.too_much(ask),
            (ask, _) => self.refused(ask),
        }
    }

    /// Counts rows; which of them came before, come `again` or were not `asked` for, by their id, and how many are new.
    fn keep(&mut self, rows: u64, ids: Option<&[Option<i64>]>, again: Again, asked: Option<&[i64]>) -> (Vec<usize>, u64) {
        let Some(ids) = ids else {
            self.rows += rows;
            return (Vec::new(), rows);
        };
        let later = |id: &Option<i64>| match again {
            Again::Nothing => false,
            Again::From(last) => *id == Some(last),
            Again::All => true,
        } || is_strange(asked, id);
        let (mut drop_rows, mut old, mut postponed) = (Vec::new(), 0, 0);
        for (row, id) in ids.iter().enumerate() {
            let came = id.is_some_and(|id| self.seen.contains(id));
            old += u64::from(came);
            postponed += u64::from(later(id));
            // Where one id may stand on many rows, a second one is no duplicate.
            if later(id) || (came && !self.repeats) {
                drop_rows.push(row);
            }
        }
        for id in ids.iter().filter(|id| !later(id)).flatten() {
            self.seen.insert(*id);
        }
        let dropped = drop_rows.len() as u64;
        self.rows += rows.saturating_sub(dropped);
        self.duplicates += dropped - postponed;
        (drop_rows, rows.saturating_sub(old))
    }

    /// Counts rows of which some came before.
    fn count_rows(&mut self, rows: u64, drop_rows: Vec<usize>) -> (Vec<usize>, u64) {
        let new = rows - drop_rows.len() as u64;
        self.rows += new;
        (drop_rows, new)
    }

    /// A page holds all that the server sends at once, flag or no flag.
    fn is_full(&mut self, ask: &Ask, rows: u64, ids: Option<&[Option<i64>]>) -> bool {
        match (ask, &self.phase) {
            (Ask::Span { span, limit }, Phase::Spans(_)) => {
                let crowded = is_crowded(*span, rows) && !ids.is_some_and(holds_twins);
                self.may_be_cut(*span, *limit, rows, crowded)
            }
            (Ask::Part(_), Phase::Parts(parts)) => parts.is_full(rows),
            _ => false,
        }
    }

    fn part(&mut self, part: Part, full: bool) -> Step {
        let quarters = if full { part.quarters() } else { None };
        self.cut_off |= full && quarters.is_none();
        Step { first: quarters.into_iter().flatten().map(Ask::Part).collect(), ..Step::default() }
    }

    fn objects(&mut self, asked: &[i64], exceeded: bool, ids: Option<&[Option<i64>]>, cost: Cost) -> Step {
        let Some(ids) = ids else {
            // Which of them came can't be told.
            self.cut_off |= exceeded;
            return Step::default();
        };
        if !ids.is_empty() && ids.iter().all(|id| is_strange(Some(asked), id)) {
            self.barren += 1;
            if self.barren > MOST_BARREN {
                let why = "the server sends other rows than those whose object ids are asked for";
                return Step { then: Then::Stop(why), ..Step::default() };
            }
            self.missing.extend(asked);
            return Step::default();
        }
        let rest: Vec<i64> = asked.iter().copied().filter(|id| !self.seen.contains(*id)).collect();
        if rest.is_empty() {
            self.size.whole(asked.len() as u64, cost);
            return Step::default();
        }
        let came = asked.len() - rest.len();
        if came > 0 {
            if exceeded {
                self.size.cap(came as u64);
            }
            return Step { first: vec![Ask::Objects(rest)], ..Step::default() };
        }
        if exceeded && rest.len() > 1 {
            return Step { first: halves(&rest), ..Step::default() };
        }
        self.missing.extend(rest);
        Step::default()
    }

    fn everything(&mut self, exceeded: bool, prints: &[u64]) -> Step {
        let short = exceeded || self.situation.count.is_some_and(|count| self.rows < count);
        self.phase = if exceeded && self.situation.has_ids {
            Phase::List
        } else if short && self.situation.parts && !prints.is_empty() && !self.situation.has_ids {
            self.divided = true;
            Phase::Parts(Parts::after(prints))
        } else {
            self.cut_off |= exceeded;
            self.closing()
        };
        Step::default()
    }

    fn too_much(&mut self, ask: &Ask) -> Step {
        let first = match ask {
            Ask::Window { offset, limit } if *limit > 1 => {
                self.size.too_much(*limit);
                return self.again_from(*offset, offset.saturating_add(*limit));
            }
            Ask::Objects(ids) if ids.len() > 1 => {
                self.size.too_much(ids.len() as u64);
                halves(ids)
            }
            Ask::Span { span, limit } if span.from < span.to => {
                self.size.too_much(*limit);
                return self.halve(*span);
            }
            Ask::Part(part) if part.quarters().is_some() => return self.part(*part, true),
            Ask::Everything if self.situation.has_ids => return self.turn_to_list(),
            _ => return self.lose(ask),
        };
        Step { first, ..Step::default() }
    }

    /// Goes on without a single row that can't be had. The check at the end will miss it, and name it.
    fn lose(&mut self, ask: &Ask) -> Step {
        self.lost += 1;
        let goes_on = self.situation.has_ids && self.lost <= MOST_LOST;
        match ask {
            Ask::Objects(ids) if goes_on => self.missing.extend(ids),
            Ask::Span { .. } if goes_on => {}
            // Perhaps the condition is ignored, and each span is the whole layer.
            Ask::Span { .. } if self.situation.has_ids => {
                self.lost = 0;
                return self.turn_to_list();
            }
            // There is mostly nothing there, and the count tells if there was.
            Ask::Part(part) if part.is_doubtful() => {}
            Ask::Window { offset, .. } if goes_on => {
                let next = offset.saturating_add(1);
                if next == self.horizon {
                    self.more = self.situation.count.is_none_or(|count| next < count);
                }
            }
            _ => return Step { then: Then::Fail, ..Step::default() },
        }
        Step::default()
    }

    /// A refusal may be a passing mood, so the same is asked once more; then in another way.
    fn refused(&mut self, ask: &Ask) -> Step {
        if self.refused.as_ref() != Some(ask) {
            self.refused = Some(ask.clone());
            return Step { first: vec![ask.clone()], ..Step::default() };
        }
        match ask {
            Ask::Span { .. } if self.spans_failed() => {
                self.turn_to_offsets();
                Step { then: Then::Discard, ..Step::default() }
            }
            Ask::Window { .. } | Ask::Span { .. } | Ask::Everything if self.situation.has_ids => self.turn_to_list(),
            Ask::Part(_) => self.lose(ask),
            Ask::Objects(ids) if ids.len() > 1 => Step { first: halves(ids), ..Step::default() },
            Ask::Objects(_) => self.lose(ask),
            _ => Step { then: Then::Fail, ..Step::default() },
        }
    }

    fn give_up_offsets(&mut self, why: &'static str) -> Step {
        if self.situation.has_ids { self.turn_to_list() } else { Step { then: Then::Stop(why), ..Step::default() } }
    }

    /// What is left to ask when all rows are in: a count from before the last of them is enough where it is theirs.
    fn closing(&self) -> Phase {
        let counted = self.count_after == Some(self.rows);
        let count = (self.situation.count.is_some() && !counted).then_some(Ask::Count(IdSpan::ALL));
        let edits = self.situation.tells_edits.then_some(Ask::Edits);
        Phase::Closing(count.into_iter().chain(edits).collect())
    }

    /// Spans of ids brought nothing, and offsets may.
    fn spans_failed(&self) -> bool {
        self.situation.windows && self.rows == 0 && self.situation.count != Some(0)
    }

    fn turn_to_offsets(&mut self) {
        // Rows may shift from here on, which only a count at the end shows.
        self.count_after = None;
        self.situation.start = Start::Offsets;
        self.phase = Phase::Offsets;
    }

    fn turn_to_list(&mut self) -> Step {
        self.barren = 0;
        self.phase = Phase::List;
        Step { then: Then::Discard, ..Step::default() }
    }

    fn id_list(&mut self, span: IdSpan, ids: Option<Vec<i64>>) -> Step {
        if matches!(self.phase, Phase::Spans(_)) {
            let Some(ids) = ids else { return self.halve(span) };
            let size = usize::try_from(self.size.rows().min(MOST_IDS)).unwrap_or(1);
            let left = self.not_seen(ids);
            return Step { first: left.chunks(size).map(|ids| Ask::Objects(ids.to_vec())).collect(), ..Step::default() };
        }
        if let Phase::Search(search) = &mut self.phase {
            if search.listed(ids, &self.seen) {
                self.listed |= span == IdSpan::ALL;
            } else {
                self.phase = Phase::Done;
            }
            return Step::default();
        }
        let Some(ids) = ids else { return Step { then: Then::Fail, ..Step::default() } };
        self.listed = true;
        self.by_lists = true;
        self.phase = Phase::Objects { left: self.not_seen(ids), next: 0 };
        Step::default()
    }

    /// Those of `ids` that have not come, ascending.
    fn not_seen(&self, mut ids: Vec<i64>) -> Vec<i64> {
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !self.seen.contains(*id));
        ids
    }

    /// The search is at its end: asks for what it found.
    fn found(&mut self) {
        let Phase::Search(search) = std::mem::replace(&mut self.phase, Phase::Done) else { return };
        self.compared |= search.is_proof() && !self.repeats;
        self.strange |= search.is_strange();
        // Where a row that came is gone, another one may stand in its place.
        self.edited |= search.is_strange() && !self.repeats;
        let left = search.into_missing();
        if !left.is_empty() {
            self.by_lists = true;
            self.phase = Phase::Objects { left, next: 0 };
        }
    }

    /// All rows are in: whether something is missing, and whether a search can tell what.
    fn check(&mut self) {
        // The counts differ where rows were added or removed, which shifts the offsets of the others.
        self.edited |= self.count_after.is_some() && self.count_after != self.situation.count;
        // One that rows have passed without an edit is none.
        let count = self.count_after.or(self.situation.count).filter(|count| self.rows <= *count || self.edited);
        let short = match count {
            Some(count) => self.rows < count,
            // Nothing else says whether all came.
            None => !self.listed && self.searches == 0,
        };
        let settled = self.rows_then == Some(self.rows) || (self.searches > 0 && !short);
        let thorough = self.edited || self.shifts_unseen();
        if (short || thorough) && !settled && self.situation.has_ids && self.searches < MOST_SEARCHES {
            self.searches += 1;
            self.rows_then = Some(self.rows);
            self.missing.clear();
            self.phase = Phase::Search(Search::new(count, self.situation.spans, thorough).wary(!short && !self.edited));
            return;
        }
        // Listed but deleted before they were asked for: the count says that none is missing.
        if self.count_after == Some(self.rows) && !self.repeats && !self.strange {
            self.missing.clear();
        }
        self.phase = Phase::Done;
    }
}

/// A row that was not asked for. `asked` ascends; `None` is everything.
fn is_strange(asked: Option<&[i64]>, id: &Option<i64>) -> bool {
    asked.zip(*id).is_some_and(|(asked, id)| asked.binary_search(&id).is_err())
}

fn halves(ids: &[i64]) -> Vec<Ask> {
    let (left, right) = ids.split_at(ids.len() / 2);
    vec![Ask::Objects(left.to_vec()), Ask::Objects(right.to_vec())]
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
