//! What of a page that may be cut is asked for once more, so that no id is cut apart.

use super::{Pager, Phase};
use crate::fetch::paging::Ask;

/// What of a page is asked for once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Nothing,
    /// The rows of its last id: more rows may share it.
    From(i64),
    /// All: the rows come in no order, so any id may lack some.
    All,
}

impl Pager {
    pub(super) fn comes_again(&self, ask: &Ask, full: bool, exceeded: bool, ids: Option<&[Option<i64>]>) -> Again {
        let Some(ids) = ids.filter(|ids| !ids.is_empty()) else { return Again::Nothing };
        match (ask, &self.phase) {
            (Ask::Span { span, .. }, Phase::Spans(spans)) if full => match last_of_several(ids) {
                Some(last) => Again::From(last),
                None if spans.halves(*span).is_some() => Again::All,
                None => Again::Nothing,
            },
            (Ask::Objects(asked), _) if exceeded && self.repeats => match asked.as_slice() {
                [_, _, ..] => Again::All,
                _ => Again::Nothing,
            },
            // That ids repeat may not have shown yet.
            (Ask::Objects(asked), _) if exceeded && asked.len() > 1 && ids.len() > 1 => {
                ids[ids.len() - 1].map_or(Again::Nothing, Again::From)
            }
            _ => Again::Nothing,
        }
    }
}

/// One id stands on several of these rows.
pub(super) fn holds_twins(ids: &[Option<i64>]) -> bool {
    let mut sorted: Vec<i64> = ids.iter().flatten().copied().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// The last of ids that ascend and are not all the same.
fn last_of_several(ids: &[Option<i64>]) -> Option<i64> {
    let last = ids.last().copied().flatten()?;
    (ids.is_sorted() && ids.first()?.is_some_and(|first| first < last)).then_some(last)
}
