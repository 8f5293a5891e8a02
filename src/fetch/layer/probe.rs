//! Which form of question a server takes, found out with one row: the best first.

use serde_json::Value;

use super::Opening;
use super::query::{GREATEST, LEAST, Query};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::id_set::IdSpan;
use crate::fetch::paging::{Ask, Start};
use crate::fetch::selection::{Selection, names};
use crate::fetch::session::Answer;

/// From so many pages on a layer is read by spans of object ids: servers pass over all rows before an offset, each time.
const MANY_PAGES: u64 = 25;

/// Spans of ids are not worth their while where pages are this small.
const LEAST_PAGE: u64 = 5;

/// What the probe found.
pub(super) struct Probed {
    pub(super) start: Start,
    /// The form of question that the server takes.
    pub(super) query: Query,
    /// The id list, where it was needed.
    pub(super) ids: Option<Vec<i64>>,
    /// The answer with at most one row; `None` where there was nothing to ask for.
    pub(super) answer: Option<Answer>,
}

impl Opening<'_> {
    /// Tries the forms of question from the best to the plainest with one row.
    pub(super) fn probe(&self, selection: &Selection, page_size: u64, count: Option<u64>) -> Result<Probed> {
        let must_order = !selection.order_by.is_empty();
        let mut queries = vec![self.query.clone()];
        if self.query.has_order() && !must_order {
            queries.push(self.query.unordered());
        }
        if self.query.fields().is_some() {
            queries.extend(queries.clone().iter().map(Query::with_all_fields));
        }
        let found = |start, (query, answer): (Query, Answer)| Probed { start, query, ids: None, answer: Some(answer) };
        let mut refusal = None;
        let many = page_size >= LEAST_PAGE
            && count.is_some_and(|count| count / page_size > MANY_PAGES)
            && selection.limit.is_none()
            && !must_order;
        if many && let Some(inhabited) = self.extremes()? {
            let ask = Ask::Span { span: IdSpan { from: inhabited.from, to: inhabited.from }, limit: 1 };
            if let Some(taken) = self.first_taken(&queries, &ask, &mut None)?
                && taken.1.skeleton.page_facts().is_ok_and(|facts| facts.rows > 0)
            {
                return Ok(found(Start::IdSpans(inhabited), taken));
            }
        }
        if self.info.supports_pagination
            && !self.query.picks_ids()
            && let Some(taken) = self.first_taken(&queries, &Ask::Window { offset: 0, limit: 1 }, &mut refusal)?
        {
            return Ok(found(Start::Offsets, taken));
        }
        let ids = if must_order { None } else { self.id_list(&mut refusal)? };
        // A list of none, where there are rows, is how servers say that rows have no ids.
        let is_list = |ids: &Vec<i64>| !ids.is_empty() || count.is_none_or(|count| count == 0);
        if let Some(ids) = ids.filter(is_list) {
            let Some(first) = ids.iter().min().copied() else {
                return Ok(Probed { start: Start::ObjectIds, query: self.query.clone(), ids: Some(ids), answer: None });
            };
            if let Some(taken) = self.first_taken(&queries, &Ask::Objects(vec![first]), &mut refusal)? {
                return Ok(Probed { ids: Some(ids), ..found(Start::ObjectIds, taken) });
            }
        }
        // One row can't be asked for here, but none can.
        let plain = self.query.unordered();
        match self.ask(&plain.clone().without_rows(), &Ask::Everything) {
            Ok(_) if must_order || self.query.picks_ids() => {}
            Ok(answer) => return Ok(found(Start::OneQuery, (plain, answer))),
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
