//! Which form of question a server takes, found out with one row: the best first.

use std::panic::resume_unwind;
use std::thread::ScopedJoinHandle;

use serde_json::Value;

use super::query::{GREATEST, LEAST, Query};
use super::{LayerOptions, Opening, wire};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::id_set::IdSpan;
use crate::fetch::paging::{Ask, Start};
use crate::fetch::retry::Refused;
use crate::fetch::selection::{Selection, names};
use crate::fetch::session::{Answer, PbfAnswer};
use crate::model::{Crs, Wire};

/// From so many pages on a layer is read by spans of object ids: servers pass over all rows before an offset, each time.
const MANY_PAGES: u64 = 25;

/// Spans of ids are not worth their while where pages are this small.
const LEAST_PAGE: u64 = 5;

/// The first row by position.
const FIRST_ROW: Ask = Ask::Window { offset: 0, limit: 1 };

/// What a server says before it is known how to ask for rows.
pub(super) struct Scouted {
    /// The count; `None` where it does not count.
    pub(super) counted: Option<u64>,
    /// The ends of the object ids, where they may be of use.
    extremes: Option<IdSpan>,
    /// The first row, where the layer knows offsets.
    row: Option<Result<Answer, Refused>>,
    /// The same in PBF, where that may be the choice.
    row_in_pbf: Option<Result<PbfAnswer, Refused>>,
}

/// What the probe found.
pub(super) struct Probed {
    pub(super) start: Start,
    /// The form of question that the server takes.
    pub(super) query: Query,
    /// The id list, where it was needed.
    pub(super) ids: Option<Vec<i64>>,
    /// The question for one row that was answered.
    pub(super) asked: Option<Ask>,
    /// The answer with at most one row; `None` where there was nothing to ask for.
    pub(super) answer: Option<Answer>,
    /// The same in PBF, where it was asked for already.
    pub(super) in_pbf: Option<Result<PbfAnswer, Refused>>,
}

impl Opening<'_> {
    /// Asks at once what does not wait for one another: far servers take their time with each answer.
    pub(super) fn scout(&self, options: &LayerOptions, page_size: u64) -> Result<Scouted> {
        let selection = &options.selection;
        let may_span = page_size >= LEAST_PAGE && selection.limit.is_none() && selection.order_by.is_empty();
        let windows = self.info.supports_pagination && !self.query.picks_ids();
        let may_be_pbf = windows && wire::may_be_pbf(options.wire, self.info);
        std::thread::scope(|scope| {
            let counted = scope.spawn(|| self.count());
            let blind = self.query.has_condition().then(|| scope.spawn(|| self.ignores_conditions(windows)));
            let extremes = may_span.then(|| scope.spawn(|| self.extremes()));
            let in_pbf = may_be_pbf.then(|| scope.spawn(|| self.ask_pbf(&FIRST_ROW)));
            // PROJ takes its time as well. Where the system is not known, whoever needs it says so.
            let known = scope.spawn(|| drop(self.query.out_sr.as_ref().map(Crs::of)));
            let row = windows.then(|| self.ask(&self.query, &FIRST_ROW));
            // Rows can be had without the ends of the ids, so a server that breaks down over them is no reason to stop.
            let (row_in_pbf, extremes) = (in_pbf.map(joined), extremes.and_then(|ends| joined(ends).ok()).flatten());
            // The scope alone does not wait until PROJ has put away what is that thread's own.
            joined(known);
            if blind.is_some_and(joined) {
                return Err(Error::new(ErrorKind::Server, "the server ignores the condition (where)")
                    .because("it sends rows that meet 1=0 as well")
                    .hint("export all rows and choose from the file: ogr2ogr -where"));
            }
            Ok(Scouted { counted: joined(counted)?, extremes, row, row_in_pbf })
        })
    }

    /// Whether rows come that meet a condition which none can meet.
    fn ignores_conditions(&self, windows: bool) -> bool {
        let ask = if windows { FIRST_ROW } else { Ask::Everything };
        let answer = self.ask(&self.query.clone().without_rows(), &ask);
        answer.is_ok_and(|answer| answer.skeleton.page_facts().is_ok_and(|facts| facts.rows > 0))
    }

    /// Tries the forms of question from the best to the plainest with one row.
    pub(super) fn probe(&self, selection: &Selection, page_size: u64, scouted: Scouted) -> Result<Probed> {
        let Scouted { counted: count, extremes, row, row_in_pbf } = scouted;
        let must_order = !selection.order_by.is_empty();
        let mut queries = vec![self.query.clone()];
        if self.query.has_order() && !must_order {
            queries.push(self.query.unordered());
        }
        if self.query.fields().is_some() {
            queries.extend(queries.clone().iter().map(Query::with_all_fields));
        }
        let found = |start, asked: Ask, (query, answer): (Query, Answer)| Probed {
            start,
            query,
            ids: None,
            asked: Some(asked),
            answer: Some(answer),
            in_pbf: None,
        };
        let mut refusal = None;
        let has_row = |answer: &Answer| answer.skeleton.page_facts().is_ok_and(|facts| facts.rows > 0);
        if let Some(inhabited) = extremes.filter(|_| count.is_some_and(|count| count / page_size > MANY_PAGES)) {
            let start = Start::IdSpans(inhabited);
            if let Some(Ok(answer)) = row.as_ref().filter(|row| row.as_ref().is_ok_and(has_row)) {
                let taken = (self.query.clone(), answer.clone());
                return Ok(Probed { in_pbf: row_in_pbf, ..found(start, FIRST_ROW, taken) });
            }
            let ask = Ask::Span { span: IdSpan { from: inhabited.from, to: inhabited.from }, limit: 1 };
            if let Some(taken) = self.first_taken(&queries, &ask, &mut None)?.filter(|(_, answer)| has_row(answer)) {
                return Ok(found(start, ask, taken));
            }
        }
        match row {
            Some(Ok(answer)) => {
                let taken = (self.query.clone(), answer);
                return Ok(Probed { in_pbf: row_in_pbf, ..found(Start::Offsets, FIRST_ROW, taken) });
            }
            Some(Err(refused)) if refused.is_refusal() => {
                refusal = Some(refused.error);
                if let Some(taken) = self.first_taken(&queries[1..], &FIRST_ROW, &mut refusal)? {
                    return Ok(found(Start::Offsets, FIRST_ROW, taken));
                }
            }
            Some(Err(refused)) => return Err(refused.into()),
            None => {}
        }
        let ids = if must_order { None } else { self.id_list(&mut refusal)? };
        // A list of none, where there may be rows, is how servers say that rows have no ids.
        let is_list = |ids: &Vec<i64>| !ids.is_empty() || count == Some(0);
        if let Some(ids) = ids.filter(is_list) {
            let Some(first) = ids.iter().min().copied() else {
                let query = self.query.clone();
                return Ok(Probed { start: Start::ObjectIds, query, ids: Some(ids), asked: None, answer: None, in_pbf: None });
            };
            let ask = Ask::Objects(vec![first]);
            if let Some(taken) = self.first_taken(&queries, &ask, &mut refusal)? {
                return Ok(Probed { ids: Some(ids), ..found(Start::ObjectIds, ask, taken) });
            }
        }
        // One row can't be asked for here, but none can.
        let plain = self.query.unordered();
        match self.ask(&plain.clone().without_rows(), &Ask::Everything) {
            Ok(_) if must_order || self.query.picks_ids() => {}
            Ok(answer) => return Ok(Probed { asked: None, ..found(Start::OneQuery, Ask::Everything, (plain, answer)) }),
            Err(refused) => drop(refusal.get_or_insert(refused.error)),
        }
        let error = refusal.unwrap_or_else(|| Error::new(ErrorKind::Server, "the server lists no object ids"));
        Err(match (&selection.where_clause, self.info.fields.as_slice()) {
            (None, _) => error,
            (Some(_), []) => error.hint("check the condition (where)"),
            (Some(_), fields) => error.hint(format!("check the condition (where); the fields are: {}", names::list(fields))),
        })
    }

    /// The first of `queries` that the server takes, with its answer; keeps the first refusal.
    fn first_taken(&self, queries: &[Query], ask: &Ask, refusal: &mut Option<Error>) -> Result<Option<(Query, Answer)>> {
        for query in queries {
            match self.ask(query, ask) {
                Ok(answer) => return Ok(Some((query.clone(), answer))),
                Err(refused) if refused.is_refusal() => drop(refusal.get_or_insert(refused.error)),
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(None)
    }

    fn id_list(&self, refusal: &mut Option<Error>) -> Result<Option<Vec<i64>>> {
        match self.ask(&self.query, &Ask::IdList(IdSpan::ALL)) {
            Ok(answer) => Ok(self.query.ids_in(&answer.skeleton.value)),
            Err(refused) if refused.is_refusal() => {
                refusal.get_or_insert(refused.error);
                Ok(None)
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// The server's count; `None` where it does not count.
    pub(super) fn count(&self) -> Result<Option<u64>> {
        match self.ask(&self.query, &Ask::Count(IdSpan::ALL)) {
            Ok(answer) => Ok(self.query.count_in(&answer.skeleton.value)),
            // Where the condition is wrong, the probe is refused as well and says so.
            Err(refused) if refused.is_refusal() => Ok(None),
            Err(refused) => Err(refused.into()),
        }
    }

    fn ask(&self, query: &Query, ask: &Ask) -> Result<Answer, Refused> {
        self.session.ask(&query.request(self.session, ask, Wire::Json), true)
    }

    /// A row in PBF.
    pub(super) fn ask_pbf(&self, ask: &Ask) -> Result<PbfAnswer, Refused> {
        let request = self.query.request(self.session, ask, Wire::Pbf);
        self.session.ask_pbf(&request, true).map(|(answer, _)| answer)
    }

    /// The least and the greatest object id, where the layer says that it can tell, and does.
    fn extremes(&self) -> Result<Option<IdSpan>> {
        if !self.info.supports_statistics || !self.query.spans() || !self.query.has_order() {
            return Ok(None);
        }
        let Some(request) = self.query.extremes(self.session) else { return Ok(None) };
        match self.session.ask(&request, true) {
            Ok(answer) => Ok(extremes_in(&answer)),
            Err(refused) if refused.is_refusal() => Ok(None),
            Err(refused) => Err(refused.into()),
        }
    }
}

/// What a thread found.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// The least and the greatest id in an answer to [`Query::extremes`].
fn extremes_in(answer: &Answer) -> Option<IdSpan> {
    let facts = answer.skeleton.page_facts().ok().filter(|facts| facts.rows == 1)?;
    let row: Value = serde_json::from_slice(&answer.body[facts.features]).ok()?;
    let attributes = row.get("attributes")?.as_object()?;
    let extreme = |name: &str| {
        let value = attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1;
        let whole = |value: f64| (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64);
        value.as_i64().or_else(|| value.as_f64().and_then(whole))
    };
    let span = IdSpan { from: extreme(LEAST)?, to: extreme(GREATEST)? };
    (span.from <= span.to).then_some(span)
}
