//! The pager against servers that keep their word, and servers that do not.

mod by_parts;
mod by_spans;

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::fetch::id_set::IdSpan;
use crate::fetch::paging::Region;

const ALL: IdSpan = IdSpan::ALL;

/// What is known of a layer that tells its count.
fn situation(start: Start, page_size: u64, count: Option<u64>) -> Situation {
    Situation {
        start,
        has_ids: true,
        page_size,
        most_rows: page_size,
        count,
        spans: true,
        windows: false,
        parts: false,
        tells_edits: false,
        resumed: false,
    }
}

/// A layer and the ways of its server.
#[derive(Debug, Clone)]
struct Server {
    ids: Vec<i64>,
    /// Rows that the server counts in offsets and never sends, before the row of that position.
    ghosts: BTreeSet<usize>,
    /// The most rows in one answer.
    cap: u64,
    /// Sets `exceededTransferLimit`.
    flags: bool,
    /// Honours `resultOffset`.
    offsets: bool,
    counts: bool,
    lists: bool,
    /// Honours conditions on the object id.
    conditions: bool,
    /// Honours the order of object ids.
    orders: bool,
    /// The answers with these numbers are cut to half, flagged.
    short: BTreeSet<usize>,
    /// Manages no more than this at once.
    strength: u64,
    asked: usize,
}

impl Server {
    fn of(ids: impl IntoIterator<Item = i64>) -> Self {
        Self {
            ids: ids.into_iter().collect(),
            ghosts: BTreeSet::new(),
            cap: 1000,
            flags: true,
            offsets: true,
            counts: true,
            lists: true,
            conditions: true,
            orders: true,
            short: BTreeSet::new(),
            strength: u64::MAX,
            asked: 0,
        }
    }

    /// Rows as offsets see them: a ghost is `None`.
    fn positions(&self) -> Vec<Option<i64>> {
        let row = |(at, id): (usize, &i64)| self.ghosts.contains(&at).then_some(None).into_iter().chain([Some(*id)]);
        self.ids.iter().enumerate().flat_map(row).collect()
    }

    fn answer(&mut self, ask: &Ask) -> Outcome {
        self.asked += 1;
        match ask {
            Ask::Count(span) => {
                let count = self.ids.iter().filter(|id| (span.from..=span.to).contains(id)).count();
                Outcome::Count(self.counts.then_some(count as u64))
            }
            Ask::IdList(span) if self.lists => {
                Outcome::IdList(Some(self.ids.iter().rev().filter(|id| (span.from..=span.to).contains(id)).copied().collect()))
            }
            Ask::IdList(_) => Outcome::Refused,
            Ask::Edits => Outcome::Edited(false),
            Ask::Everything => self.window(0, self.cap),
            Ask::Span { span, limit } => self.span(*span, *limit),
            Ask::Part(_) => Outcome::Refused,
            Ask::Window { offset, limit } => self.window(if self.offsets { *offset } else { 0 }, *limit),
            Ask::Objects(asked) if asked.len() as u64 > self.strength => Outcome::TooMuch,
            Ask::Objects(asked) => {
                let found: Vec<i64> = self.ids.iter().copied().filter(|id| asked.contains(id)).collect();
                let sent = found.len().min(self.cap as usize);
                rows(&found[..sent], self.flags && sent < found.len())
            }
        }
    }

    fn span(&self, span: IdSpan, limit: u64) -> Outcome {
        let mut found: Vec<i64> =
            self.ids.iter().copied().filter(|id| !self.conditions || (span.from..=span.to).contains(id)).collect();
        if self.orders {
            found.sort_unstable();
        }
        let limit = limit.min(self.cap);
        if limit.min(found.len() as u64) > self.strength {
            return Outcome::TooMuch;
        }
        let cut = self.short.contains(&self.asked) && found.len() > 1;
        let limit = if cut { limit / 2 } else { limit };
        let sent = found.len().min(limit as usize);
        rows(&found[..sent], (self.flags || cut) && sent < found.len())
    }

    fn window(&self, offset: u64, limit: u64) -> Outcome {
        let mut limit = limit.min(self.cap);
        if limit > self.strength {
            return Outcome::TooMuch;
        }
        let cut = self.short.contains(&self.asked);
        if cut {
            // Without id lists nothing could bring back what an empty page passes over.
            limit = if self.lists { limit / 2 } else { limit.div_ceil(2) };
        }
        let positions = self.positions();
        let from = positions.len().min(offset as usize);
        let to = positions.len().min(from + limit as usize);
        let sent: Vec<i64> = positions[from..to].iter().flatten().copied().collect();
        rows(&sent, (self.flags || cut) && to < positions.len())
    }
}

fn rows(ids: &[i64], exceeded: bool) -> Outcome {
    let print = ids.iter().fold(17_u64, |hash, id| hash.wrapping_mul(31).wrapping_add(*id as u64));
    let ids: Vec<Option<i64>> = ids.iter().copied().map(Some).collect();
    Outcome::Rows { rows: ids.len() as u64, exceeded, ids: Some(ids), print, prints: Vec::new(), cost: Cost::default() }
}

/// Runs a pager to its end, with up to `ahead` questions under way; the ids that were kept, and the pager.
fn export(server: &mut Server, start: Start, page_size: u64, ahead: usize) -> Result<(Vec<i64>, Pager), Then> {
    let count = server.counts.then_some(server.ids.len() as u64);
    let mut pager = Pager::new(situation(start, page_size, count));
    let mut under_way: VecDeque<Ask> = VecDeque::new();
    let mut kept = Vec::new();
    for _ in 0..100_000 {
        while under_way.len() < ahead {
            match pager.next_ask(under_way.len()) {
                Some(ask) => under_way.push_back(ask),
                None => break,
            }
        }
        let Some(ask) = under_way.pop_front() else { return Ok((kept, pager)) };
        let outcome = server.answer(&ask);
        let step = pager.outcome(&ask, outcome.clone());
        if let Outcome::Rows { ids: Some(ids), .. } = outcome {
            kept.extend(ids.iter().enumerate().filter(|(row, _)| !step.drop_rows.contains(row)).filter_map(|(_, id)| *id));
        }
        match step.then {
            Then::GoOn => {}
            Then::Discard => under_way.clear(),
            other => return Err(other),
        }
        step.first.into_iter().rev().for_each(|ask| under_way.push_front(ask));
    }
    panic!("the pager does not end: {pager:?}");
}

/// Asserts that every id came once, and hands out the pager.
fn whole(mut server: Server, start: Start, page_size: u64, ahead: usize) -> (Pager, usize) {
    let (mut kept, pager) = export(&mut server, start, page_size, ahead).expect("a whole layer");
    let mut truth = server.ids.clone();
    kept.sort_unstable();
    truth.sort_unstable();
    assert_eq!(kept, truth);
    assert_eq!((pager.rows(), pager.missing()), (truth.len() as u64, &[][..]));
    (pager, server.asked)
}

#[test]
fn a_plain_layer_takes_one_question_per_page_a_count_and_a_list_unless_it_tells_edits_or_is_one_page() {
    let (pager, asked) = whole(Server::of(0..25), Start::Offsets, 10, 4);
    assert_eq!((asked, pager.describe().as_str(), pager.shifts_unseen()), (5, "offsets", false));
    let (pager, asked) = whole(Server::of(0..9), Start::Offsets, 10, 4);
    assert_eq!((asked, pager.shifts_unseen()), (2, false));
    let mut pager = Pager::new(Situation { tells_edits: true, ..situation(Start::Offsets, 10, Some(25)) });
    let mut asked = Vec::new();
    while let Some(ask) = pager.next_ask(0) {
        pager.outcome(&ask, Server::of(0..25).answer(&ask));
        asked.push(ask);
    }
    assert_eq!((asked.len(), &asked[3..]), (5, &[Ask::Count(ALL), Ask::Edits][..]));
}

#[test]
fn a_list_that_can_not_be_had_leaves_it_open_whether_rows_moved() {
    let (pager, _) = whole(Server { lists: false, ..Server::of(0..25) }, Start::Offsets, 10, 4);
    assert!(pager.shifts_unseen());
    let (pager, _) = whole(Server { lists: false, ..Server::of(0..25) }, Start::OneQuery, 10, 4);
    assert!(!pager.shifts_unseen());
}

#[test]
fn a_cap_below_the_asked_size_loses_nothing_and_is_learned() {
    let (_, asked) = whole(Server { cap: 3, ..Server::of(0..100) }, Start::Offsets, 10, 1);
    assert!(asked < 45, "{asked}");
    let (_, asked) = whole(Server { cap: 10, ..Server::of(0..177) }, Start::Offsets, 2000, 4);
    assert!(asked < 25, "{asked}");
}

#[test]
fn a_flag_on_an_empty_page_is_gone_past() {
    let ghosts = (10..30).collect();
    whole(Server { ghosts, ..Server::of(0..40) }, Start::Offsets, 5, 1);
    let all_first = Server { counts: false, lists: false, ghosts: BTreeSet::from([0, 1, 2, 3]), ..Server::of(0..8) };
    whole(all_first, Start::Offsets, 1, 1);
}

#[test]
fn a_server_that_never_sets_the_flag_is_read_to_its_count_or_to_an_empty_page() {
    whole(Server { flags: false, cap: 4, ..Server::of(0..30) }, Start::Offsets, 10, 3);
    whole(Server { flags: false, counts: false, cap: 4, ..Server::of(0..30) }, Start::Offsets, 10, 3);
}

#[test]
fn an_ignored_offset_leads_to_lists_of_ids() {
    let (pager, _) = whole(Server { offsets: false, cap: 10, ..Server::of(0..35) }, Start::Offsets, 10, 4);
    assert_eq!(pager.describe(), "offsets, then lists of object ids");
}

#[test]
fn an_ignored_offset_without_ids_or_where_an_order_forbids_to_ask_by_them_is_an_error() {
    for page in [without_ids(&[1, 2], true), rows(&[1, 2], true)] {
        let mut pager = Pager::new(Situation { has_ids: false, ..situation(Start::Offsets, 2, Some(4)) });
        let first = pager.next_ask(0).unwrap();
        assert_eq!(pager.outcome(&first, page.clone()).then, Then::GoOn);
        let second = pager.next_ask(0).unwrap();
        assert!(matches!(pager.outcome(&second, page).then, Then::Stop(_)));
    }
}

/// A page of rows that are told apart by their text only.
fn without_ids(prints: &[u64], exceeded: bool) -> Outcome {
    let print = prints.iter().fold(0, |hash: u64, print| hash.wrapping_mul(31).wrapping_add(*print));
    Outcome::Rows { rows: prints.len() as u64, exceeded, ids: None, print, prints: prints.to_vec(), cost: Cost::default() }
}

/// Pages of two rows without ids, one after another; what follows from the last of them.
fn last_of(pages: [[u64; 2]; 3]) -> Then {
    let mut pager = Pager::new(Situation { has_ids: false, ..situation(Start::Offsets, 2, Some(6)) });
    let asked = pages.map(|page| {
        let ask = pager.next_ask(0).unwrap();
        pager.outcome(&ask, without_ids(&page, false)).then
    });
    assert_eq!(asked[..2], [Then::GoOn; 2]);
    asked[2]
}

#[test]
fn a_later_page_that_comes_twice_without_ids_is_an_error_and_rows_that_are_all_alike_are_none() {
    assert!(matches!(last_of([[1, 2], [3, 4], [3, 4]]), Then::Stop(_)));
    assert_eq!(last_of([[1, 2], [3, 4], [4, 3]]), Then::GoOn);
    assert_eq!(last_of([[1, 1], [1, 1], [1, 1]]), Then::GoOn);
}

/// Reads a layer by offsets whose server counts otherwise than it holds.
fn miscounted(mut server: Server, count: u64) -> (Vec<i64>, usize) {
    let mut pager = Pager::new(situation(Start::Offsets, 10, Some(count)));
    let mut kept = Vec::new();
    while let Some(ask) = pager.next_ask(0) {
        let outcome = if matches!(ask, Ask::Count(_)) { Outcome::Count(Some(count)) } else { server.answer(&ask) };
        let step = pager.outcome(&ask, outcome.clone());
        assert_eq!(step.then, Then::GoOn);
        if let Outcome::Rows { ids: Some(ids), .. } = outcome {
            kept.extend(ids.iter().enumerate().filter(|(row, _)| !step.drop_rows.contains(row)).filter_map(|(_, id)| *id));
        }
    }
    kept.sort_unstable();
    (kept, server.asked)
}

#[test]
fn a_count_that_is_too_low_is_not_the_end() {
    for flags in [true, false] {
        for count in [0, 5, 10, 12, 20] {
            let (kept, asked) = miscounted(Server { flags, ..Server::of(0..35) }, count);
            assert_eq!(kept, (0..35).collect::<Vec<_>>(), "{count} counted");
            // One for the list of ids where the count is wrong, and one for an empty page where no flag says that there is no more.
            assert!(asked <= 6, "{asked} questions");
        }
    }
    // The flag says where the end is, and the ids are compared.
    assert_eq!(miscounted(Server { flags: true, ..Server::of(0..40) }, 40).1, 5);
}

#[test]
fn where_nothing_is_counted_the_ids_are_compared() {
    // The flag is set once, and then no more.
    let short = BTreeSet::from([2]);
    let (pager, _) = whole(Server { flags: false, counts: false, cap: 4, short, ..Server::of(0..30) }, Start::Offsets, 4, 1);
    assert_eq!(pager.describe(), "offsets, then lists of object ids");
}

#[test]
fn a_count_that_rows_have_passed_does_not_excuse_ids_that_are_listed_and_not_sent() {
    let mut pager = Pager::new(situation(Start::ObjectIds, 10, Some(0)));
    while let Some(ask) = pager.next_ask(0) {
        let outcome = match &ask {
            Ask::IdList(_) => Outcome::IdList(Some(vec![1, 2, 3])),
            Ask::Count(_) => Outcome::Count(Some(0)),
            Ask::Objects(asked) if asked.contains(&1) => rows(&[1], false),
            _ => rows(&[], false),
        };
        for ask in pager.outcome(&ask, outcome).first {
            pager.outcome(&ask, rows(&[], false));
        }
    }
    assert_eq!((pager.rows(), pager.missing()), (1, &[2, 3][..]));
}

#[test]
fn a_count_that_rows_have_passed_is_none_and_the_ids_are_compared() {
    let mut server = Server { flags: false, cap: 5, ..Server::of(0..35) };
    let mut pager = Pager::new(situation(Start::OneQuery, 10, Some(2)));
    while let Some(ask) = pager.next_ask(0) {
        let outcome = if matches!(ask, Ask::Count(_)) { Outcome::Count(Some(2)) } else { server.answer(&ask) };
        let mut first = VecDeque::from(pager.outcome(&ask, outcome).first);
        while let Some(ask) = first.pop_front() {
            let outcome = server.answer(&ask);
            first.extend(pager.outcome(&ask, outcome).first);
        }
    }
    assert_eq!((pager.rows(), pager.missing()), (35, &[][..]));
}

#[test]
fn a_server_whose_last_page_comes_for_every_later_offset_is_left_after_a_while() {
    let mut pager = Pager::new(situation(Start::Offsets, 10, None));
    for _ in 0..100 {
        let Some(ask) = pager.next_ask(0) else { return };
        let outcome = match &ask {
            Ask::Window { offset: 0, .. } => rows(&(0..10).collect::<Vec<_>>(), false),
            Ask::Window { .. } => rows(&(10..20).collect::<Vec<_>>(), false),
            Ask::IdList(_) => Outcome::IdList(Some((0..20).collect())),
            other => panic!("{other:?}"),
        };
        pager.outcome(&ask, outcome);
    }
    panic!("it goes on");
}

/// Reads `rows` rows by lists of object ids from a server that sends the first `cap` rows whatever it is asked for.
fn by_ignored_ids(count: i64, cap: i64) -> (Vec<i64>, Result<Vec<i64>, Then>) {
    let mut pager = Pager::new(situation(Start::ObjectIds, 10, Some(count as u64)));
    let (mut asks, mut kept) = (VecDeque::new(), Vec::new());
    for _ in 0..200 {
        let Some(ask) = asks.pop_front().or_else(|| pager.next_ask(0)) else { return (kept, Ok(pager.missing().to_vec())) };
        let outcome = match &ask {
            Ask::IdList(_) => Outcome::IdList(Some((0..count).collect())),
            Ask::Count(_) => Outcome::Count(Some(count as u64)),
            _ => rows(&(0..cap).collect::<Vec<_>>(), cap < count),
        };
        let step = pager.outcome(&ask, outcome.clone());
        if step.then != Then::GoOn {
            return (kept, Err(step.then));
        }
        if let Outcome::Rows { ids: Some(ids), .. } = outcome {
            kept.extend(ids.iter().enumerate().filter(|(row, _)| !step.drop_rows.contains(row)).filter_map(|(_, id)| *id));
        }
        step.first.into_iter().rev().for_each(|ask| asks.push_front(ask));
    }
    panic!("it does not end");
}

#[test]
fn a_server_that_ignores_the_object_ids_asked_for_is_no_endless_loop() {
    let ids = |from: i64, to: i64| (from..to).collect::<Vec<_>>();
    assert_eq!(by_ignored_ids(35, 35), (ids(0, 35), Ok(Vec::new())));
    for cap in [10, 7] {
        assert_eq!(by_ignored_ids(35, cap), (ids(0, cap), Ok(ids(cap, 35))));
    }
    let (kept, ended) = by_ignored_ids(1000, 10);
    assert_eq!(kept, ids(0, 10));
    assert!(matches!(ended, Err(Then::Stop(why)) if why.contains("object ids are asked for")), "{ended:?}");
}

#[test]
fn a_page_that_is_too_much_is_halved_and_grows_again() {
    let (pager, asked) = whole(Server { strength: 3, ..Server::of(0..64) }, Start::Offsets, 16, 2);
    assert!(asked < 100, "{asked}");
    assert_eq!(pager.describe(), "offsets");
    whole(Server { strength: 3, ..Server::of(0..64) }, Start::ObjectIds, 16, 2);
    let mut weak = Server { strength: 0, ..Server::of(0..3) };
    assert_eq!(export(&mut weak, Start::Offsets, 16, 2).unwrap_err(), Then::Fail);
}

#[test]
fn refused_paging_leads_to_lists_of_ids_and_their_refusal_to_an_error() {
    for lists in [true, false] {
        let mut pager = Pager::new(situation(Start::Offsets, 10, Some(3)));
        let ask = pager.next_ask(0).unwrap();
        assert_eq!(pager.outcome(&ask, Outcome::Refused).first, std::slice::from_ref(&ask), "once more, as a refusal may pass");
        assert_eq!(pager.outcome(&ask, Outcome::Refused).then, Then::Discard);
        assert_eq!(pager.next_ask(0), Some(Ask::IdList(ALL)));
        let outcome = if lists { Outcome::IdList(Some(vec![3, 1, 2])) } else { Outcome::Refused };
        assert_eq!(pager.outcome(&Ask::IdList(ALL), outcome).then, if lists { Then::GoOn } else { Then::Fail });
        assert!(!lists || pager.next_ask(0) == Some(Ask::Objects(vec![1, 2, 3])));
    }
}

#[test]
fn ids_that_are_listed_and_not_sent_are_named() {
    let mut pager = Pager::new(situation(Start::ObjectIds, 10, Some(3)));
    let mut sent = [vec![1, 3], vec![], vec![], vec![]].into_iter();
    while let Some(ask) = pager.next_ask(0) {
        let mut asks = VecDeque::from([ask]);
        while let Some(ask) = asks.pop_front() {
            let outcome = match &ask {
                Ask::IdList(_) => Outcome::IdList(Some(vec![1, 2, 3])),
                Ask::Count(_) => Outcome::Count(Some(3)),
                _ => rows(&sent.next().unwrap(), false),
            };
            asks.extend(pager.outcome(&ask, outcome).first);
        }
    }
    assert_eq!((pager.rows(), pager.missing()), (2, &[2][..]));
}

#[test]
fn rows_of_a_join_that_share_an_id_are_kept() {
    let mut pager = Pager::new(situation(Start::Offsets, 3, Some(5)));
    let first = pager.next_ask(0).unwrap();
    assert!(pager.outcome(&first, rows(&[1, 1, 2], true)).drop_rows.is_empty());
    let second = pager.next_ask(0).unwrap();
    assert!(pager.outcome(&second, rows(&[2, 3], false)).drop_rows.is_empty());
    assert_eq!((pager.rows(), pager.repeats()), (5, true));
}

#[test]
fn one_query_that_is_cut_off_is_completed_by_ids_or_said_to_be_cut_off() {
    let (pager, _) = whole(Server { cap: 10, ..Server::of(0..35) }, Start::OneQuery, 10, 4);
    assert_eq!(pager.describe(), "one query, then lists of object ids");
    let mut pager = Pager::new(Situation { has_ids: false, ..situation(Start::OneQuery, 10, None) });
    let ask = pager.next_ask(0).unwrap();
    pager.outcome(
        &ask,
        Outcome::Rows { rows: 10, exceeded: true, ids: None, print: 1, prints: Vec::new(), cost: Cost::default() },
    );
    assert_eq!((pager.next_ask(0), pager.cut_off()), (None, true));
}

#[test]
fn a_server_that_says_more_for_ever_is_left_after_a_while() {
    let mut pager = Pager::new(Situation { has_ids: false, ..situation(Start::Offsets, 10, None) });
    for _ in 0..100 {
        let ask = pager.next_ask(0).unwrap();
        if let Then::Stop(why) = pager
            .outcome(
                &ask,
                Outcome::Rows { rows: 0, exceeded: true, ids: None, print: 1, prints: Vec::new(), cost: Cost::default() },
            )
            .then
        {
            assert!(why.contains("nothing new"));
            return;
        }
    }
    panic!("it goes on");
}

#[test]
fn a_row_that_shifted_behind_the_offsets_is_found_whether_or_not_the_edit_is_told_that_moved_it() {
    for (tells_edits, sends) in [(true, true), (false, true), (false, false)] {
        let (kept, pager) = shifted(tells_edits, sends);
        assert_eq!(kept, if sends { vec![1, 2, 3, 5, 6, 10, 4] } else { vec![1, 2, 3, 5, 6, 10] });
        // The number of rows is that of the count, and yet it is no proof.
        assert_eq!((pager.edited(), pager.missing()), (true, if sends { &[][..] } else { &[4] }));
    }
}

/// Row 1 is deleted and row 10 added after the first page, so that row 4 falls between two pages. `sends`: it is sent when
/// it is asked for.
fn shifted(tells_edits: bool, sends: bool) -> (Vec<i64>, Pager) {
    let mut pager = Pager::new(Situation { tells_edits, ..situation(Start::Offsets, 3, Some(6)) });
    let pages = [vec![1, 2, 3], vec![5, 6, 10]];
    let mut kept = Vec::new();
    while let Some(ask) = pager.next_ask(0) {
        let outcome = match &ask {
            Ask::Window { offset, .. } => rows(&pages[*offset as usize / 3], *offset == 0),
            Ask::Count(_) => Outcome::Count(Some(6)),
            Ask::Edits => Outcome::Edited(true),
            Ask::IdList(_) => Outcome::IdList(Some(vec![2, 3, 4, 5, 6, 10])),
            Ask::Objects(ids) => rows(if sends { ids } else { &[] }, false),
            other => panic!("{other:?}"),
        };
        if let Outcome::Rows { ids: Some(ids), .. } = &outcome {
            kept.extend(ids.iter().flatten());
        }
        pager.outcome(&ask, outcome);
    }
    (kept, pager)
}

#[test]
fn a_row_that_is_too_much_alone_is_passed_over_and_named() {
    let mut pager = Pager::new(situation(Start::Offsets, 2, Some(4)));
    let mut asks = VecDeque::new();
    let mut kept = Vec::new();
    while let Some(ask) = asks.pop_front().or_else(|| pager.next_ask(0)) {
        let wanted: Vec<i64> = match &ask {
            Ask::Window { offset, limit } => (1..=4).skip(*offset as usize).take(*limit as usize).collect(),
            Ask::Objects(ids) => ids.clone(),
            _ => Vec::new(),
        };
        let outcome = match &ask {
            Ask::Count(_) => Outcome::Count(Some(4)),
            Ask::IdList(_) => Outcome::IdList(Some(vec![1, 2, 3, 4])),
            _ if wanted.contains(&3) => Outcome::TooMuch,
            _ => rows(&wanted, false),
        };
        if matches!(outcome, Outcome::Rows { .. }) {
            kept.extend(wanted);
        }
        let step = pager.outcome(&ask, outcome);
        assert_eq!(step.then, Then::GoOn);
        step.first.into_iter().rev().for_each(|ask| asks.push_front(ask));
    }
    assert_eq!((kept, pager.missing()), (vec![1, 2, 4], &[3][..]));
}

fn servers() -> impl Strategy<Value = Server> {
    let ids = prop::collection::btree_set(prop_oneof![0..300_i64, -1_000_000_000_000..1_000_000_000_000_i64], 0..120);
    let places = || prop::collection::btree_set(0..120_usize, 0..40);
    (ids, places(), 1..40_u64, any::<[bool; 4]>(), places(), prop_oneof![Just(u64::MAX), 1..10_u64]).prop_map(
        |(ids, ghosts, cap, [flags, offsets, counts, with_ghosts], short, strength)| Server {
            ghosts: if with_ghosts && flags { ghosts } else { BTreeSet::new() },
            short: if flags { short } else { BTreeSet::new() },
            cap,
            flags,
            offsets,
            counts,
            strength,
            ..Server::of(ids)
        },
    )
}

fn ends(ids: &[i64]) -> Start {
    let ends = ids.iter().min().zip(ids.iter().max());
    Start::IdSpans(ends.map_or(ALL, |(from, to)| IdSpan { from: *from, to: *to }))
}

fn in_spans(server: Server, page_size: u64, ahead: usize) -> usize {
    let start = ends(&server.ids);
    whole(server, start, page_size, ahead).1
}

proptest! {
    #[test]
    fn every_id_comes_exactly_once_whatever_the_server_does(server in servers(), size in 1..50_u64, ahead in 1..5_usize, start in 0..3_u8) {
        let start = [Start::Offsets, Start::ObjectIds, Start::OneQuery][usize::from(start)];
        // Where neither flag nor count speaks, nothing tells an ignored offset, or an answer that was cut off,
        // from the end of a small layer.
        let told = server.flags || server.counts || (server.offsets && start != Start::OneQuery);
        let server = Server { counts: server.counts || !told, ..server };
        whole(server, start, size, ahead);
    }

    #[test]
    fn every_id_comes_exactly_once_in_spans(
        server in servers(), conditions: bool, orders: bool, size in 1..50_u64, ahead in 1..5_usize, stretch in 1..1_000_i64,
    ) {
        let ids: Vec<i64> = server.ids.iter().map(|id| id.wrapping_mul(stretch)).collect();
        prop_assume!(ids.iter().collect::<BTreeSet<_>>().len() == ids.len());
        // Rows out of order are asked on from the last by luck, and the lists mend that.
        let server = Server { ids, conditions, orders, lists: true, flags: server.flags || (conditions && orders), counts: true, ..server };
        in_spans(server, size, ahead);
    }

    #[test]
    fn every_row_of_a_join_comes_exactly_once(
        times in prop::collection::vec((0..3000_i64, 1..6_usize), 1..80), mix: u32, orders: bool, by_lists: bool, size in 1..30_u64,
        more in 0..30_u64, ahead in 1..5_usize, flags: bool,
    ) {
        let mut ids: Vec<i64> = times.iter().flat_map(|(id, times)| vec![*id; *times]).collect();
        if !orders {
            ids.sort_by_key(|id| (*id as u32).wrapping_mul(mix | 1).rotate_left(7));
        }
        // An answer holds at least all rows of one id.
        let most = ids.iter().map(|id| ids.iter().filter(|other| *other == id).count()).max().unwrap_or(1) as u64;
        let (size, cap) = (size.max(most + 1), most + 1 + more);
        // A cap that is neither told nor flagged shows in ordered spans only.
        let server = match flags || by_lists || !orders {
            true => Server { orders, cap, ..Server::of(ids) },
            false => Server { orders, cap: cap.max(size), flags: false, ..Server::of(ids) },
        };
        let start = if by_lists { Start::ObjectIds } else { ends(&server.ids) };
        whole(server, start, size, ahead);
    }

    #[test]
    fn without_id_lists_offsets_alone_are_enough_where_they_work(server in servers(), size in 1..50_u64, ahead in 1..5_usize) {
        let ghosts = BTreeSet::new();
        whole(Server { lists: false, offsets: true, ghosts, ..server }, Start::Offsets, size, ahead);
    }
}
