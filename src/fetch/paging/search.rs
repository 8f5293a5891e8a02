//! Which ids did not come: counts over halves of the id space lead to the spans that lack something, and only there
//! the ids are listed.

use super::Ask;
use crate::fetch::id_set::{IdSet, IdSpan};

/// A span of so many rows is listed and not halved: the answer has some hundred kilobytes.
const MOST_LISTED: u64 = 20_000;

/// The same where everything is listed anyway.
const MOST_LISTED_OF_ALL: u64 = 100_000;

/// A longer list is not asked for in one piece where nothing says that rows are missing: it may bring a server down.
const LONGEST: u64 = 1_000_000;

/// A search under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    /// Spans still to compare, with the server's count of each once that is known; the next one last.
    todo: Vec<(IdSpan, Option<u64>)>,
    /// Compare ids even where the counts agree: after edits, a row that was added may stand for one that did not come.
    thorough: bool,
    /// The server has shown that it lists or counts no spans.
    whole_only: bool,
    missing: Vec<i64>,
    /// Ids came that the server does not list.
    strange: bool,
    /// A list has fewer ids than the server counts rows.
    partial: bool,
    /// Nothing says that rows are missing, so that lists which disagree with the count are not believed: the server may
    /// list ids whatever the condition is.
    wary: bool,
    /// The server's count of all.
    count: Option<u64>,
}

impl Search {
    /// `spans`: conditions on the object id can be asked.
    pub(super) fn new(count: Option<u64>, spans: bool, thorough: bool) -> Self {
        Self {
            todo: vec![(IdSpan::ALL, count)],
            thorough,
            whole_only: !spans || count.is_none(),
            missing: Vec::new(),
            strange: false,
            partial: false,
            wary: false,
            count,
        }
    }

    /// The same where nothing says that rows are missing.
    pub(super) fn wary(self, wary: bool) -> Self {
        Self { wary, ..self }
    }

    /// Nothing says that rows are missing.
    pub(super) fn is_wary(&self) -> bool {
        self.wary
    }

    /// Every id that came was compared with a list that is as long as the server's count.
    pub(super) fn is_proof(&self) -> bool {
        (self.thorough || self.whole_only) && !self.partial
    }

    /// Ids came that the server does not list, as far as was looked and lists can be trusted.
    pub(super) fn is_strange(&self) -> bool {
        self.strange && !self.partial
    }

    /// The next question; `None` at the end.
    pub(super) fn next_ask(&mut self, seen: &IdSet) -> Option<Ask> {
        loop {
            let (span, count) = *self.todo.last()?;
            if self.whole_only {
                if self.wary && self.count.is_none_or(|count| count > LONGEST) {
                    self.give_up();
                    return None;
                }
                return Some(Ask::IdList(IdSpan::ALL));
            }
            let Some(count) = count else { return Some(Ask::Count(span)) };
            let ours = seen.count(span);
            self.strange |= count < ours;
            if count == 0 || (!self.thorough && count <= ours) {
                self.todo.pop();
                continue;
            }
            // Where most is missing, its list is what is needed.
            let most = if self.thorough { MOST_LISTED_OF_ALL } else { MOST_LISTED };
            let middle = if count <= most || ours < count / 2 { None } else { seen.nth(span, ours / 2) };
            let Some(middle) = middle.filter(|middle| *middle < span.to) else { return Some(Ask::IdList(span)) };
            self.todo.pop();
            self.todo.push((IdSpan { from: middle + 1, to: span.to }, None));
            self.todo.push((IdSpan { from: span.from, to: middle }, None));
        }
    }

    /// Takes the count of the last span.
    pub(super) fn counted(&mut self, count: Option<u64>) {
        match (count, self.todo.last_mut()) {
            (Some(count), Some(last)) => last.1 = Some(count),
            _ => self.only_whole(),
        }
    }

    /// Takes the list of the last span; `false` where there is no list at all.
    pub(super) fn listed(&mut self, ids: Option<Vec<i64>>, seen: &IdSet) -> bool {
        match ids {
            Some(ids) => {
                let (span, count) = self.todo.pop().unwrap_or((IdSpan::ALL, None));
                let listed = ids.len() as u64;
                self.partial |= count.is_some_and(|count| listed < count || (self.wary && listed != count));
                if self.wary && self.partial {
                    return true;
                }
                let listed: IdSet = ids.into_iter().filter(|id| (span.from..=span.to).contains(id)).collect();
                let before = self.missing.len();
                self.missing.extend(listed.iter().filter(|id| !seen.contains(*id)));
                let found = (self.missing.len() - before) as u64;
                self.strange |= listed.count(IdSpan::ALL) - found < seen.count(span);
                true
            }
            None if self.wary => {
                self.give_up();
                true
            }
            None if self.whole_only => false,
            None => {
                self.only_whole();
                true
            }
        }
    }

    /// Ends without a proof.
    fn give_up(&mut self) {
        self.partial = true;
        self.todo.clear();
    }

    fn only_whole(&mut self) {
        self.whole_only = true;
        self.todo = vec![(IdSpan::ALL, self.count)];
        self.strange = false;
        self.missing.clear();
    }

    /// The ids that the server has and that did not come, ascending.
    pub(super) fn into_missing(self) -> Vec<i64> {
        let mut missing = self.missing;
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The ids that are found, the questions, and the ids that were listed on the way.
    fn search(server: &BTreeSet<i64>, seen: &IdSet, thorough: bool) -> (Vec<i64>, usize, usize) {
        let mut search = Search::new(Some(server.len() as u64), true, thorough);
        let (mut asked, mut listed) = (0, 0);
        while let Some(ask) = search.next_ask(seen) {
            asked += 1;
            match ask {
                Ask::Count(span) => search.counted(Some(server.range(span.from..=span.to).count() as u64)),
                Ask::IdList(span) => {
                    let ids: Vec<i64> = server.range(span.from..=span.to).copied().collect();
                    listed += ids.len();
                    assert!(search.listed(Some(ids), seen));
                }
                other => panic!("{other:?}"),
            }
        }
        (search.into_missing(), asked, listed)
    }

    #[test]
    fn a_row_that_is_missing_among_a_million_is_found_without_listing_them_all() {
        let server: BTreeSet<i64> = (0..1_000_000).map(|id| id * 3).collect();
        let seen: IdSet = server.iter().copied().filter(|id| *id != 777_777).collect();
        let (missing, asked, listed) = search(&server, &seen, false);
        assert_eq!(missing, [777_777]);
        assert!(asked < 20 && listed <= 20_000, "{asked} questions, {listed} ids");
    }

    #[test]
    fn a_small_layer_is_listed_at_once() {
        let server: BTreeSet<i64> = (0..1000).collect();
        assert_eq!(search(&server, &(0..990).collect(), false), ((990..1000).collect(), 1, 1000));
    }

    #[test]
    fn after_edits_the_same_count_is_no_proof() {
        let server: BTreeSet<i64> = (1..100_001).collect();
        // 0 was deleted after it came, and 100,000 was added, or shifted behind our back.
        let seen: IdSet = (0..100_000).collect();
        assert_eq!(search(&server, &seen, false).0, [0; 0]);
        assert_eq!(search(&server, &seen, true).0, [100_000]);
    }

    #[test]
    fn a_server_that_counts_no_spans_is_asked_for_the_whole_list() {
        let seen: IdSet = (0..49_999).collect();
        let mut search = Search::new(Some(50_000), true, false);
        assert!(matches!(search.next_ask(&seen), Some(Ask::Count(_))));
        search.counted(None);
        assert_eq!(search.next_ask(&seen), Some(Ask::IdList(IdSpan::ALL)));
        assert!(search.listed(Some((0..50_000).rev().collect()), &seen));
        assert_eq!(search.next_ask(&seen), None);
        assert_eq!(search.into_missing(), [49_999]);
    }

    #[test]
    fn a_list_that_is_shorter_than_the_count_proves_nothing_and_ids_that_it_lacks_tell_of_removed_rows() {
        let seen: IdSet = (0..100).collect();
        let compared = |ids: std::ops::Range<i64>, count| {
            let mut search = Search::new(Some(count), true, true);
            assert_eq!(search.next_ask(&seen), Some(Ask::IdList(IdSpan::ALL)));
            assert!(search.listed(Some(ids.collect()), &seen));
            (search.is_proof(), search.is_strange(), search.into_missing())
        };
        assert_eq!(compared(0..100, 100), (true, false, vec![]));
        assert_eq!(compared(1..101, 100), (true, true, vec![100]));
        assert_eq!(compared(0..50, 100), (false, false, vec![]));
        // Of all rows, and not of those that were chosen.
        let mut search = Search::new(Some(100), true, true).wary(true);
        search.next_ask(&seen);
        assert!(search.listed(Some((0..500).collect()), &seen));
        assert!(!search.is_proof() && search.into_missing().is_empty());
    }

    #[test]
    fn where_nothing_says_that_rows_are_missing_no_endless_list_is_asked_for() {
        let seen: IdSet = (0..3_000_000).collect();
        // Conditions can't be asked, or the server refuses its first list.
        let mut whole = Search::new(Some(3_000_000), false, true).wary(true);
        assert_eq!((whole.next_ask(&seen), whole.is_proof()), (None, false));
        let mut refused = Search::new(Some(50_000), true, true).wary(true);
        assert_eq!(refused.next_ask(&seen), Some(Ask::IdList(IdSpan::ALL)));
        assert!(refused.listed(None, &seen));
        assert_eq!((refused.next_ask(&seen), refused.is_proof()), (None, false));
    }

    #[test]
    fn a_server_that_ignores_the_span_is_no_endless_loop() {
        let seen: IdSet = (0..49_000).collect();
        let mut search = Search::new(Some(50_000), true, false);
        for _ in 0..1000 {
            match search.next_ask(&seen) {
                Some(Ask::Count(_)) => search.counted(Some(50_000)),
                Some(Ask::IdList(_)) => assert!(search.listed(Some((0..50_000).collect()), &seen)),
                _ => return assert_eq!(search.into_missing(), (49_000..50_000).collect::<Vec<_>>()),
            }
        }
        panic!("it does not end");
    }

    proptest! {
        #[test]
        fn whatever_is_missing_is_found(ids in prop::collection::btree_set(any::<i64>(), 0..60), come in prop::collection::vec(any::<bool>(), 60)) {
            let seen: IdSet = ids.iter().zip(&come).filter(|(_, come)| **come).map(|(id, _)| *id).collect();
            let missing: Vec<i64> = ids.iter().copied().filter(|id| !seen.contains(*id)).collect();
            prop_assert_eq!(search(&ids, &seen, false).0, missing.clone());
            prop_assert_eq!(search(&ids, &seen, true).0, missing);
        }
    }
}
