//! A set of object ids that stays small: ids mostly come in runs, so it keeps the runs.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Object ids, as runs from first to last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdSet {
    runs: BTreeMap<i64, i64>,
}

impl IdSet {
    /// `true` where `id` is in it.
    pub fn contains(&self, id: i64) -> bool {
        self.runs.range(..=id).next_back().is_some_and(|(_, last)| *last >= id)
    }

    /// Adds `id`; `false` where it was in it.
    ///
    /// ```
    /// use geohaul::fetch::id_set::IdSet;
    ///
    /// let mut ids = IdSet::default();
    /// assert!(ids.insert(1) && ids.insert(3) && ids.insert(2) && !ids.insert(2));
    /// assert!(ids.contains(3) && !ids.contains(4));
    /// assert_eq!(ids.runs(), 1);
    /// ```
    pub fn insert(&mut self, id: i64) -> bool {
        let before = self.runs.range(..=id).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| last >= id) {
            return false;
        }
        let first = match before {
            Some((first, last)) if last.checked_add(1) == Some(id) => first,
            _ => id,
        };
        let last = id.checked_add(1).and_then(|next| self.runs.remove(&next)).unwrap_or(id);
        self.runs.insert(first, last);
        true
    }

    /// Number of runs, which is what it costs.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The runs within a span, ascending, cut at its ends.
    pub fn within(&self, span: IdSpan) -> impl Iterator<Item = (i64, i64)> {
        let before = self.runs.range(..span.from).next_back().filter(|(_, last)| **last >= span.from);
        let inside = if span.from <= span.to { Some(self.runs.range(span.from..=span.to)) } else { None };
        let all = before.into_iter().chain(inside.into_iter().flatten());
        all.map(move |(first, last)| ((*first).max(span.from), (*last).min(span.to))).filter(|(first, last)| first <= last)
    }

    /// How many ids there are within a span.
    ///
    /// ```
    /// use geohaul::fetch::id_set::{IdSet, IdSpan};
    ///
    /// let ids: IdSet = [1, 2, 3, 10].into_iter().collect();
    /// assert_eq!(ids.count(IdSpan::ALL), 4);
    /// assert_eq!(ids.count(IdSpan { from: 2, to: 9 }), 2);
    /// assert_eq!(ids.nth(IdSpan::ALL, 3), Some(10));
    /// ```
    pub fn count(&self, span: IdSpan) -> u64 {
        self.within(span).map(|(first, last)| last.abs_diff(first).saturating_add(1)).fold(0, u64::saturating_add)
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.runs.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// The id that has `before` smaller ones within the span.
    pub fn nth(&self, span: IdSpan, before: u64) -> Option<i64> {
        let mut left = before;
        for (first, last) in self.within(span) {
            let gap = last.abs_diff(first);
            if left <= gap {
                return first.checked_add_unsigned(left);
            }
            left -= gap + 1;
        }
        None
    }
}

/// The hash takes many lines at once, which is faster than one by one.
const TAKEN_AT_ONCE: usize = 1 << 12;

/// An id of 64 bits with its sign and line feed.
const LONGEST_LINE: usize = 21;

/// The SHA-256 of the ids in ascending order, each followed by a line feed, in hexadecimal.
///
/// ```
/// use geohaul::fetch::id_set::{IdSet, digest};
///
/// let ids: IdSet = [3, 1].into_iter().collect();
/// // printf '1\n3\n' | sha256sum
/// assert_eq!(digest(&ids), "8391e9ff91c3c6402f9596a8c9e82d4ceaa7815687f5854f7e1a23b194be4968");
/// ```
pub fn digest(ids: &IdSet) -> String {
    let (mut hash, mut text) = (Sha256::new(), Vec::with_capacity(TAKEN_AT_ONCE));
    for id in ids.iter() {
        if text.len() + LONGEST_LINE > TAKEN_AT_ONCE {
            hash.update(&text);
            text.clear();
        }
        text.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
        text.push(b'\n');
    }
    hash.update(&text);
    hex(&hash.finalize())
}

/// So many ids are named one by one.
const MOST_NAMED: usize = 10;

/// Ids in words, of which there are `count`: a few by name, and how many more.
///
/// ```
/// use geohaul::fetch::id_set::in_words;
///
/// assert_eq!(in_words(2, [5, 7]), "object id 5, 7");
/// assert!(in_words(100, 1..=100).ends_with("9, 10 and 90 more"));
/// ```
pub fn in_words(count: u64, ids: impl IntoIterator<Item = i64>) -> String {
    let most = usize::try_from(count).map_or(MOST_NAMED, |count| count.min(MOST_NAMED));
    let named: Vec<String> = ids.into_iter().take(most).map(|id| id.to_string()).collect();
    let more = match count.saturating_sub(named.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("object id {}{more}", named.join(", "))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FromIterator<i64> for IdSet {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        let mut set = Self::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

/// Object ids from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdSpan {
    /// The smallest.
    pub from: i64,
    /// The greatest.
    pub to: i64,
}

impl IdSpan {
    /// All ids that there can be.
    pub const ALL: Self = Self { from: i64::MIN, to: i64::MAX };
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_any_set_would_hold(ids in prop::collection::vec(prop_oneof![-20..20_i64, Just(i64::MAX), Just(i64::MIN), Just(i64::MAX - 1)], 0..60)) {
            let (mut ours, mut plain) = (IdSet::default(), HashSet::new());
            for id in ids {
                prop_assert_eq!(ours.insert(id), plain.insert(id));
            }
            for id in (-22..22).chain([i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1]) {
                prop_assert_eq!(ours.contains(id), plain.contains(&id));
            }
        }

        #[test]
        fn a_span_counts_and_finds_what_a_sorted_list_would(ids in prop::collection::btree_set(-20..20_i64, 0..30), from in -25..25_i64, to in -25..25_i64) {
            let (ours, span): (IdSet, _) = (ids.iter().copied().collect(), IdSpan { from, to });
            let plain: Vec<i64> = ids.into_iter().filter(|id| (from..=to).contains(id)).collect();
            prop_assert_eq!(ours.count(span), plain.len() as u64);
            for at in 0..plain.len() + 2 {
                prop_assert_eq!(ours.nth(span, at as u64), plain.get(at).copied());
            }
        }
    }
}
