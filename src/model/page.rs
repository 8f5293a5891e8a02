//! A page of rows on its way from the source to the workers, and what the source knows at the end.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The form in which rows travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// Esri JSON (`f=json`).
    #[default]
    Json,
    /// Protocol buffers (`f=pbf`), whose coordinates lie on a grid.
    Pbf,
}

/// What a light scan found in a page, without parsing its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// Number of rows.
    pub rows: usize,
    /// What the rows are written in.
    pub wire: Wire,
    /// Where the rows stand: the bytes between the brackets of the `features` array; in PBF the `FeatureResult`.
    pub features: Range<usize>,
    /// The server says that there is more than this (`exceededTransferLimit`).
    pub exceeded: bool,
}

/// Raw rows of one layer, in the order of the source.
#[derive(Debug, Clone)]
pub struct Page {
    /// The position of the page in its layer, from 0 without gaps.
    pub seq: u64,
    /// The body as received, decompressed.
    pub bytes: Bytes,
    /// What the scan found.
    pub facts: PageFacts,
    /// Rows that another page holds already, ascending; they are not written.
    pub drop_rows: Vec<usize>,
    /// Number of rows in the pages before this one; for messages.
    pub rows_before: u64,
}

/// Where the rows of a layer come from, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The layer or table.
    pub url: String,
    /// The parameters of its `query` that choose the rows.
    pub query: Vec<(String, String)>,
    /// They choose just the rows that were wanted. If not, it was the first of them, or those of a long list of ids.
    pub exact: bool,
    /// When the layer was last edited before the first page, in milliseconds since 1970, as far as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_edit: Option<i64>,
}

/// How the rows of a layer travelled.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Carriage {
    /// The form that was chosen.
    pub wire: Wire,
    /// In PBF, the distance between neighbouring values of x, in the units of the coordinates: they are within half
    /// of it of those in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Why JSON was chosen although PBF was allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// PBF was chosen, and pages came as JSON from some point on for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// What the source knows when all pages are out: the ground for saying "complete".
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Rows handed out, without dropped ones.
    pub rows: u64,
    /// Pages handed out.
    pub pages: u64,
    /// Requests sent, retries included; 0 for a file.
    pub requests: u64,
    /// How many of them were repetitions.
    pub retries: u64,
    /// Bytes received, decompressed; 0 for a file.
    pub bytes: u64,
    /// The server's clock when the layer was opened, in seconds since 1970, where it shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_time: Option<i64>,
    /// Rows of the layer, as the server counted them before the first page.
    pub count_before: Option<u64>,
    /// The same after the last page.
    pub count_after: Option<u64>,
    /// The same of all rows, whatever the conditions, where fewer came than it counts with them and nothing says which are
    /// missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_of_all: Option<u64>,
    /// No more rows than this were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Rows that came twice and were dropped.
    pub duplicates: u64,
    /// Object ids that the server has and did not send, as far as they are known.
    pub missing_ids: Vec<i64>,
    /// What the server said when it was asked for them, where it said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_because: Option<String>,
    /// Object ids that were asked for and that the layer has not, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_there: Option<String>,
    /// Object ids that stand in more than one of the files that were read as pages of one query, in words. Their rows
    /// are all kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated: Option<String>,
    /// Object ids that stand in none of the files that were read as pages of one query, in words, where it seems that a
    /// page between two of them is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// The server listed all object ids, and what came was compared with the list.
    pub listed: bool,
    /// The layer was edited while it was read: its last edit is another one, or its count, or its ids.
    pub edited: bool,
    /// The counts before and after differ, and the layer says that it was not edited: rights that ended, or a condition on the
    /// time of day, may hide rows.
    pub unexplained: bool,
    /// Rows came by position over several pages, or in several runs, and neither the dates of edits nor the server's list of
    /// ids tell whether they moved meanwhile: one may be missing although their number is right.
    pub shifts_unseen: bool,
    /// Rows without ids that are, to the byte, like rows of other pages.
    pub alike: u64,
    /// The SHA-256 of all object ids that came, ascending, each with a line feed; `None` where rows have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids_digest: Option<String>,
    /// The source itself says that rows are missing and can't be had.
    pub cut_off: bool,
    /// How the pages were asked for, in words.
    pub strategy: String,
    /// What they travelled in.
    pub carriage: Carriage,
}

impl Evidence {
    /// The server counts as many rows with the conditions as without, so that its count may ignore them.
    pub fn may_count_regardless(&self) -> bool {
        self.count_of_all.is_some() && self.count_of_all == self.count_after.or(self.count_before)
    }

    /// How many rows are known to be missing; 0 is complete as far as the source can tell.
    ///
    /// The count after the last page is what counts: rows added or removed meanwhile are an edit, not a loss.
    ///
    /// ```
    /// use geohaul::model::Evidence;
    ///
    /// let evidence = Evidence { rows: 8, count_before: Some(10), count_after: Some(10), ..Evidence::default() };
    /// assert_eq!(evidence.missing(), 2);
    /// ```
    pub fn missing(&self) -> u64 {
        let wanted = self.count_after.or(self.count_before).unwrap_or(0).min(self.limit.unwrap_or(u64::MAX));
        let counted = wanted.saturating_sub(self.rows);
        counted.max(self.missing_ids.len() as u64).max(u64::from(self.cut_off))
    }
}
