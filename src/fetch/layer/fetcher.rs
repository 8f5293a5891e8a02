//! One question of a layer's pages to its [`Outcome`]: asked in JSON or PBF, or taken from what an interrupted run kept.

use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use super::query::Query;
use super::wire::json_may_help;
use crate::error::{Error, ErrorKind, Result};
use crate::esri::failure::{Failure, Shape};
use crate::esri::features::check;
use crate::esri::layer::LayerInfo;
use crate::esri::{Syntax, feature_texts, object_ids, pbf};
use crate::fetch::http::{Cancel, FaultKind, Request};
use crate::fetch::id_set::IdSpan;
use crate::fetch::paging::{Ask, Cost, Outcome};
use crate::fetch::retry::{Cause, Refused};
use crate::fetch::session::{Answer, PbfAnswer, Session};
use crate::fetch::spool::{Kept, Spool};
use crate::model::{Carriage, PageFacts, SpatialReference, Wire};

/// What a request thread needs.
pub(super) struct Fetcher {
    pub(super) session: Session,
    query: Query,
    /// The attribute that holds the object ids.
    id_key: Option<String>,
    carriage: Carriage,
    /// Set once PBF was given up, with the reason.
    fallback: OnceLock<String>,
    /// When the layer was last edited, as it said at the beginning.
    last_edit: Option<i64>,
    /// Where raw pages are kept for a later run.
    spool: Option<Spool>,
    /// The spatial reference that every page must name, where one is known.
    expected: Option<SpatialReference>,
}

/// A page as it came.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) facts: PageFacts,
    pub(super) spatial_reference: Option<SpatialReference>,
}

/// What came of a question, with the body where it was for a page.
pub(super) type PageOutcome = (Outcome, Option<Body>);

pub(super) type Fetched = Result<PageOutcome, Refused>;

impl Fetcher {
    pub(super) fn new(session: Session, query: Query, id_key: Option<String>, carriage: Carriage) -> Self {
        Self { session, query, id_key, carriage, fallback: OnceLock::new(), last_edit: None, spool: None, expected: None }
    }

    /// Keeps raw pages there.
    pub(super) fn keeping(self, spool: Option<Spool>) -> Self {
        Self { spool, ..self }
    }

    /// Knows the spatial reference that every page must name.
    pub(super) fn expecting(self, expected: Option<SpatialReference>) -> Self {
        Self { expected, ..self }
    }

    /// Knows when the layer was last edited.
    pub(super) fn edited_at(self, last_edit: Option<i64>) -> Self {
        Self { last_edit, ..self }
    }

    /// Rows without ids are told apart by their text: those that parts of the map share, and those of a page that comes twice.
    fn wants_prints(&self, ask: &Ask) -> bool {
        self.id_key.is_none() && matches!(ask, Ask::Everything | Ask::Part(_) | Ask::Window { .. })
    }

    /// What pages came in.
    pub(super) fn carriage(&self) -> Carriage {
        Carriage { fallback: self.fallback.get().cloned(), ..self.carriage.clone() }
    }

    fn request(&self, ask: &Ask, wire: Wire, cancel: &Cancel) -> Request {
        Request { cancel: cancel.clone(), ..self.query.request(&self.session, ask, wire) }
    }

    /// The server's count of all rows, where conditions choose among them and it can be had.
    pub(super) fn count_of_all(&self) -> Option<u64> {
        let query = self.query.without_conditions()?;
        let answer = self.session.ask(&query.request(&self.session, &Ask::Count(IdSpan::ALL), Wire::Json), false).ok()?;
        query.count_in(&answer.skeleton.value)
    }

    pub(super) fn fetch(&self, ask: &Ask, cancel: &Cancel) -> Fetched {
        if ask.is_page() {
            return self.kept(ask).unwrap_or_else(|| self.fetch_page(ask, cancel));
        }
        let answer = self.session.ask(&self.request(ask, Wire::Json, cancel), false)?;
        let value = &answer.skeleton.value;
        let outcome = match ask {
            Ask::IdList(_) => Outcome::IdList(self.query.ids_in(value)),
            Ask::Edits => Outcome::Edited(LayerInfo::of(value).last_edit != self.last_edit),
            _ => Outcome::Count(self.query.count_in(value)),
        };
        Ok((outcome, None))
    }

    /// What an interrupted run left of the answer. A body that does not pass any more is asked for again, and so is one that
    /// the run may have failed over: the server's next answer may be a better one.
    fn kept(&self, ask: &Ask) -> Option<Fetched> {
        match self.spool.as_ref()?.take(ask)? {
            Kept::TooMuch => Some(Ok((Outcome::TooMuch, None))),
            Kept::Page(body, took) => {
                let page = match PbfAnswer::of_body(body, self.query.layer_url()).ok()? {
                    PbfAnswer::Pbf { body, rows } => self.pbf_page(ask, body, &rows, took).ok()?,
                    PbfAnswer::Json(answer) => {
                        let page = self.json_page(ask, &answer, took).ok()?;
                        let features = page.1.as_ref().map_or(0..0, |body| body.facts.features.clone());
                        check(&answer.body, features).ok()?;
                        self.give_up_pbf("pages that were kept are in JSON");
                        page
                    }
                };
                let named = page.1.as_ref().and_then(|body| body.spatial_reference.as_ref());
                let strange = named.zip(self.expected.as_ref()).is_some_and(|(named, expected)| !expected.same_as(named));
                (!strange).then_some(Ok(page))
            }
        }
    }

    fn fetch_page(&self, ask: &Ask, cancel: &Cancel) -> Fetched {
        let asks_pbf = self.carriage.wire == Wire::Pbf && self.fallback.get().is_none();
        let fetched = if asks_pbf { self.fetch_pbf(ask, cancel) } else { self.fetch_json(ask, cancel) };
        let Some(spool) = &self.spool else { return fetched.map(|(page, _)| page) };
        let kept = match &fetched {
            Ok(((_, Some(body)), took)) => Some(Kept::Page(body.bytes.clone(), *took)),
            Err(refused) if refused.is_heavy() && ask.is_shrinkable() => Some(Kept::TooMuch),
            _ => None,
        };
        if let Some(kept) = kept {
            spool.keep(ask, &kept).map_err(|why| {
                let error = Error::new(ErrorKind::File, "can't keep pages for --resume").because(why);
                let error = error.hint("make room on the disk, or leave --resume out");
                Refused { error, cause: Cause::Fault(FaultKind::Other) }
            })?;
        }
        fetched.map(|(page, _)| page)
    }

    fn fetch_json(&self, ask: &Ask, cancel: &Cancel) -> Result<(PageOutcome, Duration), Refused> {
        let request = self.request(ask, Wire::Json, cancel);
        let (answer, took) = self.session.ask_timed(&request, ask.is_shrinkable())?;
        Ok((self.json_page(ask, &answer, took).map_err(|why| broken(&request, why))?, took))
    }

    /// Asks in PBF; where that brings none, what is asked for later is asked for in JSON.
    fn fetch_pbf(&self, ask: &Ask, cancel: &Cancel) -> Result<(PageOutcome, Duration), Refused> {
        let request = self.request(ask, Wire::Pbf, cancel);
        let fetched = match self.session.ask_pbf(&request, ask.is_shrinkable()) {
            Ok((PbfAnswer::Pbf { body, rows }, took)) => {
                self.pbf_page(ask, body, &rows, took).map(|page| (page, took)).map_err(|why| broken(&request, why))
            }
            Ok((PbfAnswer::Json(answer), took)) => {
                let page = self.json_page(ask, &answer, took).map_err(|why| broken(&request, why))?;
                self.give_up_pbf("the server answered in JSON");
                return Ok((page, took));
            }
            Err(refused) => Err(refused),
        };
        match fetched {
            Err(refused) if json_may_help(&refused, ask.is_shrinkable()) => {
                let page = self.fetch_json(ask, cancel)?;
                self.give_up_pbf(&refused.error.to_string());
                Ok(page)
            }
            fetched => fetched,
        }
    }

    fn give_up_pbf(&self, why: &str) {
        if self.carriage.wire == Wire::Pbf {
            // The first reason is as good as any.
            let _ = self.fallback.set(why.to_owned());
        }
    }

    fn pbf_page(&self, ask: &Ask, bytes: Bytes, rows: &pbf::Rows, time: Duration) -> Result<PageOutcome, String> {
        let words = |why: Syntax| format!("the PBF is broken: {why}");
        if let Some(fine) = self.carriage.scale {
            let scale = rows.grid.x.scale().abs().max(rows.grid.y.scale().abs());
            let mut features = rows.features(&bytes);
            if scale > fine && features.any(|feature| feature.and_then(|feature| feature.has_shape()).unwrap_or(false)) {
                return Err(format!("the grid of the PBF, {scale}, is coarser than that of the first row, {fine}"));
            }
        }
        let ids = self.id_key.as_ref().map(|key| rows.object_ids(&bytes, key)).transpose().map_err(words)?;
        let print = print_of(&bytes[rows.feature_bytes.clone()]);
        let prints = if self.wants_prints(ask) {
            let prints = rows.features(&bytes).map(|feature| Ok(print_of(feature?.raw())));
            prints.collect::<std::result::Result<_, _>>().map_err(words)?
        } else {
            Vec::new()
        };
        let cost = Cost { bytes: bytes.len() as u64, time };
        let outcome = outcome(Rows { rows: rows.rows, exceeded: rows.exceeded, ids, print, prints }, cost);
        let body = Body { facts: rows.facts(), spatial_reference: rows.spatial_reference.clone(), bytes };
        Ok((outcome, Some(body)))
    }

    fn json_page(&self, ask: &Ask, answer: &Answer, time: Duration) -> Result<PageOutcome, String> {
        let value = &answer.skeleton.value;
        if value.get("features").is_none() {
            return Err("it holds no features".to_owned());
        }
        let facts = answer.skeleton.page_facts().map_err(|error| error.what().to_owned())?;
        let rows = &answer.body[facts.features.clone()];
        let ids = match &self.id_key {
            Some(key) => Some(object_ids(&answer.body, facts.features.clone(), key).map_err(|why| why.to_string())?),
            None => None,
        };
        let prints = if self.wants_prints(ask) {
            let texts = feature_texts(&answer.body, facts.features.clone()).map_err(|why| why.to_string())?;
            texts.iter().map(|text| print_of(&answer.body[text.range()])).collect()
        } else {
            Vec::new()
        };
        let cost = Cost { bytes: answer.body.len() as u64, time };
        let outcome = outcome(Rows { rows: facts.rows, exceeded: facts.exceeded, ids, print: print_of(rows), prints }, cost);
        let spatial_reference = value.get("spatialReference").and_then(SpatialReference::from_json);
        Ok((outcome, Some(Body { bytes: answer.body.clone(), facts, spatial_reference })))
    }
}

/// What the rows of a page say of themselves.
struct Rows {
    rows: usize,
    exceeded: bool,
    ids: Option<Vec<Option<i64>>>,
    print: u64,
    prints: Vec<u64>,
}

fn outcome(rows: Rows, cost: Cost) -> Outcome {
    // Rows without a single id come from an answer that left the field out.
    let ids = rows.ids.filter(|ids| ids.is_empty() || ids.iter().any(Option::is_some));
    Outcome::Rows { rows: rows.rows as u64, exceeded: rows.exceeded, ids, print: rows.print, prints: rows.prints, cost }
}

/// Pages and rows are compared within one run only.
fn print_of(bytes: &[u8]) -> u64 {
    foldhash::quality::FixedState::default().hash_one(bytes)
}

/// An answer that is not what it should be.
fn broken(request: &Request, words: String) -> Refused {
    let failure = Failure { shape: Shape::Broken, code: None, words };
    Refused { error: request.locate(failure.to_error()), cause: Cause::Failure(failure) }
}
