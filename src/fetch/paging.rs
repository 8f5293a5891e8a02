//! How the pages of a layer are asked for, as a pure decision: answers in, next questions out. No network here.
//!
//! A server's word is taken for little. `exceededTransferLimit` means that there is more, also on short and on
//! empty pages; its absence means the end only on servers that have shown that they set it. A short page is
//! asked on from the offset plus the rows that came. Large layers are read by spans of object ids, since far offsets
//! are slow and shift under edits; a span that holds more than a page is asked on from its last id. Where the first way
//! turns out not to work (refused, ignored, or empty pages without end), the list of all object ids is fetched and what
//! has not come is asked for by id. Without ids and offsets the map is divided until its parts fit into an answer. Every
//! way ends in the same check: where rows are missing, a search by counts over spans of object ids names them, and
//! they are asked for again.

use std::time::Duration;

use super::id_set::IdSpan;

mod pager;
mod parts;
mod search;
mod size;
mod spans;

pub use pager::Pager;
pub use parts::{Part, Region};

/// How to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// By `resultOffset`.
    Offsets,
    /// By spans of object ids; the span where the server says that they are.
    IdSpans(IdSpan),
    /// By lists of object ids.
    ObjectIds,
    /// By one query without paging.
    OneQuery,
}

/// What is known before the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// How to begin.
    pub start: Start,
    /// Rows carry object ids, so that the list of ids can help.
    pub has_ids: bool,
    /// Rows to ask for at once to begin with; at least 1.
    pub page_size: u64,
    /// What that may grow to where pages are light.
    pub most_rows: u64,
    /// The server's count.
    pub count: Option<u64>,
    /// Conditions on the object id can be asked.
    pub spans: bool,
    /// A question by offset was answered, so that offsets can take the place of spans that bring nothing.
    pub windows: bool,
    /// Parts of the map can be asked for.
    pub parts: bool,
    /// The server says when the layer was last edited.
    pub tells_edits: bool,
    /// Pages were kept of a run before.
    pub resumed: bool,
}

/// A question to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Rows by position.
    Window {
        /// Rows to pass over.
        offset: u64,
        /// The most rows to send.
        limit: u64,
    },
    /// Rows in a span of object ids, ascending.
    Span {
        /// The ids.
        span: IdSpan,
        /// The most rows to send.
        limit: u64,
    },
    /// All rows, without paging.
    Everything,
    /// Rows in a part of the map.
    Part(Part),
    /// Rows by object id.
    Objects(Vec<i64>),
    /// The list of the object ids in a span.
    IdList(IdSpan),
    /// The number of rows in a span of object ids.
    Count(IdSpan),
    /// Whether the layer was edited since it was opened.
    Edits,
}

impl Ask {
    /// The answer is a page of rows.
    pub fn is_page(&self) -> bool {
        !matches!(self, Self::IdList(_) | Self::Count(_) | Self::Edits)
    }

    /// Less can be asked for.
    pub fn is_shrinkable(&self) -> bool {
        match self {
            Self::Window { limit, .. } => *limit > 1,
            Self::Objects(ids) => ids.len() > 1,
            Self::Span { span, .. } => span.from < span.to,
            Self::Part(part) => part.quarters().is_some(),
            Self::Everything | Self::IdList(_) | Self::Count(_) | Self::Edits => false,
        }
    }
}

/// What came of an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A page.
    Rows {
        /// Number of rows.
        rows: u64,
        /// The server says that there is more.
        exceeded: bool,
        /// The object id of each row, where rows have ids.
        ids: Option<Vec<Option<i64>>>,
        /// A hash of the rows' bytes.
        print: u64,
        /// The same for each row by itself, where rows have no ids.
        prints: Vec<u64>,
        /// What the page cost.
        cost: Cost,
    },
    /// The ids; `None` where the answer held no list of integers.
    IdList(Option<Vec<i64>>),
    /// The number of rows; `None` where the answer held none.
    Count(Option<u64>),
    /// Whether the layer was edited.
    Edited(bool),
    /// The server could not manage it; less of it may pass.
    TooMuch,
    /// The server does not want the question in this form.
    Refused,
}

/// What a page cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// The bytes of its body.
    pub bytes: u64,
    /// The time of the request that brought it.
    pub time: Duration,
}

/// What follows from an [`Outcome`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Rows of the page that came before, ascending.
    pub drop_rows: Vec<usize>,
    /// Questions to ask next, before all that are under way.
    pub first: Vec<Ask>,
    /// And then.
    pub then: Then,
}

/// The second half of a [`Step`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Then {
    /// Go on.
    #[default]
    GoOn,
    /// Go on, but without the answers to what is under way.
    Discard,
    /// There is no other way: give up with the server's refusal.
    Fail,
    /// There is no other way: give up for this reason.
    Stop(&'static str),
}
