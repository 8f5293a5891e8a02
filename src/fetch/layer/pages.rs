//! The pages of a layer: asks what the [`Pager`] wants, a few requests ahead, and hands out pages in order.
//!
//! Each request runs on a plain thread of its own. A permit is taken before a page is asked for; the first page
//! in line waits for one, those behind it take one only if it is free, so the line always moves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::fetcher::{Body, Fetched, Fetcher};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::Pages;
use crate::fetch::http::{Cancel, Fault};
use crate::fetch::id_set::{IdSpan, digest};
use crate::fetch::paging::{Ask, Outcome, Pager, Then};
use crate::fetch::selection::IdRanges;
use crate::fetch::session::Session;
use crate::model::{Evidence, Page, SpatialReference};
use crate::pipe::{Permit, Permits};
use crate::report::Progress;

/// Bodies that are read ahead hold about this many bytes, however many connections there are.
const BYTES_AHEAD: u64 = 64 << 20;

/// And they are so few until it is known how large one is.
const FIRST_AHEAD: u64 = 8;

/// A question in line; with its request once that is under way.
struct Slot {
    ask: Ask,
    request: Option<UnderWay>,
}

/// A request under way. Dropping it ends it.
struct UnderWay {
    answer: Receiver<Fetched>,
    permit: Option<Permit>,
    _end: CancelOnDrop,
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The [`Pages`] of a layer.
pub(super) struct LayerPages {
    fetcher: Arc<Fetcher>,
    pager: Pager,
    permits: Permits,
    progress: Arc<dyn Progress>,
    pub(super) layer: String,
    pub(super) count_before: Option<u64>,
    /// The spatial reference that every page must name, where one is known.
    pub(super) expected: Option<SpatialReference>,
    /// The id list, where it is known already.
    pub(super) ids: Option<Vec<i64>>,
    /// The session that opened the layer, for what it has sent.
    pub(super) opening: Session,
    /// The largest body so far.
    largest: u64,
    /// The last failure that was gone on from, and the last of a single row.
    last_failure: Option<Error>,
    alone: Option<Error>,
    /// No more rows than this are wanted.
    pub(super) most: Option<u64>,
    /// The ids that were asked for, where nothing else chooses rows.
    pub(super) wanted: Option<IdRanges>,
    line: VecDeque<Slot>,
    pages: u64,
    rows_before: u64,
    /// Rows handed out, without dropped ones.
    rows: u64,
    over: bool,
}

impl LayerPages {
    pub(super) fn new(fetcher: Fetcher, pager: Pager, permits: Permits, progress: Arc<dyn Progress>) -> Self {
        Self {
            opening: fetcher.session.clone(),
            fetcher: Arc::new(fetcher),
            pager,
            permits,
            progress,
            layer: String::new(),
            count_before: None,
            expected: None,
            ids: None,
            largest: 0,
            last_failure: None,
            alone: None,
            most: None,
            wanted: None,
            line: VecDeque::new(),
            pages: 0,
            rows_before: 0,
            rows: 0,
            over: false,
        }
    }

    /// Questions at once: as many as the host may be asked, and so many again that are being read or wait for their turn,
    /// so that no connection waits for us.
    fn most_asked(&self) -> usize {
        self.fetcher.session.connections().saturating_mul(2)
    }

    /// Lines up what the pager wants.
    fn line_up(&mut self) {
        // Known from the pages alone, so that a resumed export asks the same questions.
        let ahead = BYTES_AHEAD.checked_div(self.largest).unwrap_or(FIRST_AHEAD);
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX).max(2);
        while self.line.len() < self.most_asked().min(ahead) {
            match self.pager.next_ask(self.line.len()) {
                // The id list that opening the layer needed is as good as a new one.
                Some(ask @ Ask::IdList(IdSpan::ALL)) if self.ids.is_some() => {
                    self.pager.outcome(&ask, Outcome::IdList(self.ids.take()));
                }
                Some(ask) => self.line.push_back(Slot { ask, request: None }),
                None => break,
            }
        }
    }

    /// Starts what may start, from the front of the line; `None` once the permits are cancelled.
    fn start(&mut self) -> Option<Result<()>> {
        let most = self.most_asked();
        let running = self.line.iter().filter(|slot| slot.request.is_some()).count();
        let waiting = self.line.iter_mut().enumerate().filter(|(_, slot)| slot.request.is_none());
        for ((place, slot), running) in waiting.zip(running..) {
            // What stands before pages that are under way must start all the same.
            if place > 0 && running >= most {
                break;
            }
            let permit = if !slot.ask.is_page() {
                None
            } else if place == 0 {
                Some(self.permits.take()?)
            } else {
                match self.permits.try_take() {
                    Some(permit) => Some(permit),
                    None => break,
                }
            };
            match request(&self.fetcher, &slot.ask) {
                Ok((answer, end)) => slot.request = Some(UnderWay { answer, permit, _end: CancelOnDrop(end) }),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(()))
    }

    /// Waits for an answer; `None` once the permits are cancelled.
    fn wait(&self, answer: &Receiver<Fetched>) -> Option<Result<Fetched>> {
        loop {
            match answer.recv_timeout(Duration::from_millis(100)) {
                Ok(fetched) => return Some(Ok(fetched)),
                Err(RecvTimeoutError::Timeout) if self.permits.is_cancelled() => return None,
                Err(RecvTimeoutError::Timeout) if self.fetcher.session.stop().is_cancelled() => {
                    return Some(Err(Fault::cancelled().error));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Some(Err(Error::new(ErrorKind::Internal, "a request thread broke down")));
                }
            }
        }
    }

    /// The next page; `Ok(None)` where there is none.
    fn advance(&mut self) -> Result<Option<(Page, Permit)>> {
        loop {
            self.line_up();
            match self.start() {
                None => return Ok(None),
                Some(started) => started?,
            }
            let Some(Slot { ask, request: Some(UnderWay { answer, permit, _end }) }) = self.line.pop_front() else {
                return Ok(None);
            };
            let Some(fetched) = self.wait(&answer) else { return Ok(None) };
            let (outcome, body) = match fetched? {
                Ok((outcome, body)) => (outcome, body),
                Err(refused)
                    if refused.is_heavy()
                        || refused.is_refusal()
                        || (self.pager.can_do_without() && refused.error.kind() != ErrorKind::Cancelled) =>
                {
                    let outcome = if refused.is_heavy() { Outcome::TooMuch } else { Outcome::Refused };
                    if !ask.is_shrinkable() {
                        self.alone = Some(refused.error.clone());
                    }
                    self.last_failure = Some(refused.error);
                    (outcome, None)
                }
                Err(refused) => return Err(refused.error),
            };
            if let Outcome::Rows { cost, .. } = &outcome {
                self.largest = self.largest.max(cost.bytes);
            }
            let step = self.pager.outcome(&ask, outcome);
            match step.then {
                Then::GoOn => {}
                Then::Discard => self.line.clear(),
                Then::Stop(why) => {
                    let error = Error::new(ErrorKind::Server, "the rows can't be read to their end").because(why);
                    return Err(error.hint("leave --order-by out, or export parts with --where that fit into one answer each"));
                }
                Then::Fail => {
                    let no_list = || Error::new(ErrorKind::Server, "the server lists no object ids");
                    return Err(self.last_failure.take().unwrap_or_else(no_list));
                }
            }
            for ask in step.first.into_iter().rev() {
                self.line.push_front(Slot { ask, request: None });
            }
            if let (Some(body), Some(permit)) = (body, permit)
                && body.facts.rows > 0
            {
                return self.page(body, step.drop_rows, permit).map(Some);
            }
        }
    }

    fn explain(&self, error: Error) -> Error {
        let error = error.on_page(self.pages).in_layer(&self.layer);
        match error.kind() {
            // Whoever stopped it knows what to say.
            ErrorKind::Cancelled => error,
            _ => error.hint("run the same command again later; with --resume it keeps what has come and goes on from there"),
        }
    }

    /// All rows that were wanted are out.
    fn is_sated(&self) -> bool {
        self.most.is_some_and(|most| self.rows >= most)
    }

    /// Adds to the rows to drop those beyond the last one wanted.
    fn within_limit(&self, rows: usize, mut drop_rows: Vec<usize>) -> Vec<usize> {
        let left = self.most.map_or(u64::MAX, |most| most - self.rows.min(most));
        let mut kept = (0..rows).filter(|row| drop_rows.binary_search(row).is_err());
        if let Some(first) = usize::try_from(left).ok().and_then(|left| kept.nth(left)) {
            drop_rows.retain(|row| *row < first);
            drop_rows.extend(first..rows);
        }
        drop_rows
    }

    fn page(&mut self, body: Body, drop_rows: Vec<usize>, mut permit: Permit) -> Result<(Page, Permit)> {
        if let Some(named) = &body.spatial_reference {
            match &self.expected {
                None => self.expected = Some(named.clone()),
                Some(expected) if expected.same_as(named) => {}
                Some(expected) => {
                    return Err(Error::new(ErrorKind::Server, "the spatial reference changes from page to page")
                        .because(format!("this page is in {named}, not in {expected}"))
                        .hint("the server does not keep to outSR; try again, or export a smaller part of the layer"));
                }
            }
        }
        permit.hold_bytes(body.bytes.len());
        let rows = body.facts.rows as u64;
        let drop_rows = self.within_limit(body.facts.rows, drop_rows);
        let kept = rows - drop_rows.len() as u64;
        self.rows += kept;
        self.progress.page(kept, body.bytes.len() as u64);
        let page = Page { seq: self.pages, bytes: body.bytes, facts: body.facts, drop_rows, rows_before: self.rows_before };
        self.pages += 1;
        self.rows_before += rows;
        Ok((page, permit))
    }
}

/// Asks on a thread of its own.
fn request(fetcher: &Arc<Fetcher>, ask: &Ask) -> Result<(Receiver<Fetched>, Cancel)> {
    let (sender, answer) = channel();
    let (fetcher, ask, cancel) = (Arc::clone(fetcher), ask.clone(), fetcher.session.stop().child());
    let end = cancel.clone();
    let work = move || {
        // Nobody listens once the pages were dropped.
        let _ = sender.send(fetcher.fetch(&ask, &cancel));
    };
    match std::thread::Builder::new().name("fetch".to_owned()).spawn(work) {
        Ok(_) => Ok((answer, end)),
        Err(why) => Err(Error::new(ErrorKind::Internal, "no thread for a request").because(why)),
    }
}

impl Pages for LayerPages {
    fn next(&mut self) -> Option<Result<(Page, Permit)>> {
        if self.over || self.permits.is_cancelled() {
            return None;
        }
        if self.is_sated() {
            // What is under way goes beyond what was wanted.
            self.over = true;
            self.line.clear();
            self.fetcher.session.cancel();
            return None;
        }
        let advanced = self.advance().map_err(|error| self.explain(error)).transpose();
        if !matches!(advanced, Some(Ok(_))) {
            self.over = true;
            self.line.clear();
        }
        advanced
    }

    fn finish(self: Box<Self>) -> Result<Evidence> {
        let sated = self.is_sated();
        let mut missing_ids = if sated { Vec::new() } else { self.pager.missing().to_vec() };
        missing_ids.sort_unstable();
        let mut there = self.pager.ids().clone();
        for id in &missing_ids {
            there.insert(*id);
        }
        let told = there.runs() > 0 || self.rows == 0;
        let mut evidence = Evidence {
            rows: self.rows,
            pages: self.pages,
            requests: self.opening.sent() + self.fetcher.session.sent(),
            retries: self.opening.repeated() + self.fetcher.session.repeated(),
            bytes: self.opening.bytes() + self.fetcher.session.bytes(),
            server_time: self.opening.server_time(),
            count_before: self.count_before,
            count_after: self.pager.count_after(),
            count_of_all: None,
            duplicates: self.pager.duplicates(),
            missing_because: self.alone.as_ref().filter(|_| !missing_ids.is_empty()).map(ToString::to_string),
            missing_ids,
            repeated: None,
            gap: None,
            listed: self.pager.listed(),
            not_there: self.wanted.as_ref().filter(|_| told).and_then(|wanted| wanted.absent(&there)),
            edited: self.pager.edited(),
            shifts_unseen: self.pager.shifts_unseen() && !sated,
            unexplained: self.pager.unexplained() && !sated && self.most.is_none(),
            alike: self.pager.alike(),
            ids_digest: Some(self.pager.ids()).filter(|ids| ids.runs() > 0 && self.most.is_none()).map(digest),
            cut_off: self.pager.cut_off() && !sated,
            limit: self.most,
            strategy: self.pager.describe(),
            carriage: self.fetcher.carriage(),
        };
        if evidence.missing() > 0 && evidence.missing_ids.is_empty() && !evidence.cut_off {
            evidence.count_of_all = self.fetcher.count_of_all();
            evidence.requests = self.opening.sent() + self.fetcher.session.sent();
        }
        Ok(evidence)
    }
}

impl Drop for LayerPages {
    fn drop(&mut self) {
        self.fetcher.session.cancel();
    }
}
