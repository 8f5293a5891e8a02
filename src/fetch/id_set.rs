//! A set of object ids that stays small: ids mostly come in runs, so it keeps the runs.

use std::collections::BTreeMap;

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
    }
}
