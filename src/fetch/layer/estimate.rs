//! What an export of a layer would take, guessed from its first page.

use serde::Serialize;

use super::LayerSource;
use crate::error::Result;
use crate::fetch::paging::{Ask, Start};
use crate::model::Wire;

/// A pace begins with about so many requests at once.
const USUAL_CONNECTIONS: u64 = 4;

/// A guess at the work of an export. `None` is what nothing is known of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Rows, as the server counts them.
    pub rows: Option<u64>,
    /// Rows to ask for at once.
    pub page_size: u64,
    /// Requests, with those that open the layer and check it at the end.
    pub requests: Option<u64>,
    /// Bytes of the answers, decompressed.
    pub bytes: Option<u64>,
    /// Time, in seconds.
    pub seconds: Option<f64>,
    /// What rows would come in.
    pub wire: Wire,
    /// The page that the guess is made from.
    pub sample: Option<Sample>,
}

/// A page that was fetched to guess from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Its rows.
    pub rows: u64,
    /// Its bytes, decompressed.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

impl LayerSource {
    /// Fetches one page, and guesses.
    pub(super) fn guess(&self) -> Result<Estimate> {
        let (count, page_size) = (self.situation.count, self.situation.page_size);
        let opening = self.session.sent();
        let sample = match self.first_page(page_size).filter(|_| count != Some(0)) {
            Some(ask) => Some(self.sample(&ask, count.map_or(page_size, |count| count.min(page_size)))?),
            None => None,
        };
        let pages = count.map(|count| count.div_ceil(page_size));
        let at_once = USUAL_CONNECTIONS.min(self.session.connections() as u64).max(1);
        let by_sample = |whole: fn(&Sample) -> f64| Some(whole(sample.as_ref()?) / sample.as_ref()?.rows.max(1) as f64);
        let bytes = count.zip(by_sample(|page| page.bytes as f64)).map(|(count, each)| (count as f64 * each).round() as u64);
        let rounds = pages.map(|pages| pages.div_ceil(at_once) as f64);
        let seconds = rounds.zip(sample.as_ref()).map(|(rounds, page)| rounds * page.seconds);
        // The count is asked for once more, and the last edit, or else the ids behind which rows may have shifted.
        let by_offset = matches!(self.situation.start, Start::Offsets) && pages.is_some_and(|pages| pages > 1);
        let closing = 1 + u64::from(self.situation.tells_edits || (by_offset && self.situation.has_ids));
        Ok(Estimate {
            rows: count,
            page_size,
            requests: pages.map(|pages| opening + pages + closing),
            bytes: if count == Some(0) { Some(0) } else { bytes },
            seconds: if count == Some(0) { Some(0.0) } else { seconds },
            wire: self.carriage.wire,
            sample,
        })
    }

    /// `None` where the first page would be all of them.
    fn first_page(&self, limit: u64) -> Option<Ask> {
        match self.situation.start {
            Start::Offsets => Some(Ask::Window { offset: 0, limit }),
            Start::IdSpans(span) => Some(Ask::Span { span, limit }),
            Start::ObjectIds => {
                let most = usize::try_from(limit).unwrap_or(usize::MAX);
                let ids: Vec<i64> = self.ids.iter().flatten().take(most).copied().collect();
                (!ids.is_empty()).then_some(Ask::Objects(ids))
            }
            Start::OneQuery => None,
        }
    }

    fn sample(&self, ask: &Ask, rows: u64) -> Result<Sample> {
        let request = self.query.request(&self.session, ask, self.carriage.wire);
        let before = self.session.bytes();
        let took = match self.carriage.wire {
            Wire::Pbf => self.session.ask_pbf(&request, true)?.1,
            Wire::Json => self.session.ask_timed(&request, true)?.1,
        };
        Ok(Sample { rows, bytes: self.session.bytes() - before, seconds: took.as_secs_f64() })
    }
}
