//! Rows by spans of object ids.

use super::*;

#[test]
fn even_ids_take_about_a_question_per_page_and_come_in_order() {
    let mut server = Server::of((0..100_000).map(|id| id * 7 + 3));
    let start = ends(&server.ids);
    let (kept, pager) = export(&mut server, start, 1000, 8).unwrap();
    assert_eq!(kept, server.ids);
    assert!(server.asked < 140, "{}", server.asked);
    assert_eq!(pager.describe(), "spans of object ids");
}

#[test]
fn ids_without_gaps_take_a_question_per_page() {
    let asked = in_spans(Server::of(1..=100_000), 1000, 8);
    assert!(asked < 110, "{asked}");
}

#[test]
fn deserts_are_crossed_in_leaps_and_crowded_spans_are_split() {
    let crowds = (0..20_000).chain(1_000_000_000..1_000_020_000).chain([i64::MAX - 1, i64::MIN + 1]);
    let asked = in_spans(Server::of(crowds), 1000, 8);
    assert!(asked < 300, "{asked}");
}

#[test]
fn ids_beyond_the_stated_ends_come_all_the_same() {
    let mut server = Server::of(-50..5000);
    let (mut kept, _) = export(&mut server, Start::IdSpans(IdSpan { from: 100, to: 2000 }), 100, 4).unwrap();
    kept.sort_unstable();
    assert_eq!(kept, server.ids);
}

#[test]
fn an_id_on_several_rows_is_not_cut_apart_by_a_page() {
    let ids = (0..500).flat_map(|id| vec![id; (id % 4 + 1) as usize]);
    in_spans(Server { cap: 10, ..Server::of(ids) }, 10, 3);
}

#[test]
fn ids_on_several_rows_that_the_server_does_not_sort_come_whole() {
    let ids: Vec<i64> = (0..500).flat_map(|id| vec![id * 7919 % 503; (id % 4 + 1) as usize]).collect();
    in_spans(Server { orders: false, cap: 10, ..Server::of(ids.clone()) }, 10, 3);
    whole(Server { cap: 10, ..Server::of(ids) }, Start::ObjectIds, 10, 3);
}

#[test]
fn as_many_rows_as_ids_are_no_proof_where_an_id_stands_on_several() {
    let ids = (1..=20).flat_map(|id| [id, id]);
    let (pager, _) =
        whole(Server { cap: 10, flags: false, ..Server::of(ids) }, Start::IdSpans(IdSpan { from: 1, to: 20 }), 10, 1);
    assert_eq!(pager.describe(), "spans of object ids");
}

#[test]
fn rows_of_an_id_that_come_again_are_no_sign_of_a_cap() {
    // Two short pages of six rows in a row; of the second, the four of id 20 are asked for again.
    let ids: Vec<i64> = [vec![1; 6], vec![10; 2], vec![20; 4], (30..50).collect()].concat();
    let mut pager = Pager::new(situation(ends(&ids), 8, Some(ids.len() as u64)));
    let first = Ask::Span { span: IdSpan { from: i64::MIN, to: 9 }, limit: 8 };
    pager.outcome(&first, rows(&[1; 6], false));
    let again = pager.outcome(&Ask::Span { span: IdSpan { from: 10, to: 29 }, limit: 8 }, rows(&ids[6..12], false)).first;
    pager.outcome(&again[0], rows(&[20; 4], false));
    assert!(matches!(pager.next_ask(0), Some(Ask::Span { limit: 8, .. })), "{pager:?}");
}

#[test]
fn rows_of_one_id_that_are_too_many_for_an_answer_are_no_endless_loop() {
    let ids = (0..5).flat_map(|id| vec![id; if id == 3 { 30 } else { 1 }]);
    for start in [Start::ObjectIds, Start::IdSpans(IdSpan { from: 0, to: 4 })] {
        let mut server = Server { cap: 10, ..Server::of(ids.clone()) };
        let (kept, pager) = export(&mut server, start, 10, 2).unwrap();
        assert_eq!(kept.len(), 14, "ten of the thirty, once, and the others");
        assert!(pager.count_after() > Some(pager.rows()), "the count tells");
    }
}

#[test]
fn spans_that_are_refused_in_the_middle_lead_to_lists() {
    let mut server = Server::of(0..100);
    let mut pager = Pager::new(situation(ends(&server.ids), 10, Some(100)));
    let (mut asks, mut kept) = (VecDeque::new(), Vec::new());
    while let Some(ask) = asks.pop_front().or_else(|| pager.next_ask(asks.len())) {
        let outcome = match ask {
            Ask::Span { .. } if server.asked > 3 => Outcome::Refused,
            _ => server.answer(&ask),
        };
        let step = pager.outcome(&ask, outcome.clone());
        if let Outcome::Rows { ids: Some(ids), .. } = outcome {
            kept.extend(ids.iter().enumerate().filter(|(row, _)| !step.drop_rows.contains(row)).filter_map(|(_, id)| *id));
        }
        if step.then == Then::Discard {
            asks.clear();
        }
        step.first.into_iter().rev().for_each(|ask| asks.push_front(ask));
    }
    kept.sort_unstable();
    assert_eq!((kept, pager.describe().as_str()), (server.ids, "spans of object ids, then lists of object ids"));
}

#[test]
fn spans_that_bring_nothing_from_the_beginning_give_way_to_offsets() {
    for refused in [true, false] {
        let mut server = Server::of(0..35);
        let windows = Situation { windows: true, ..situation(ends(&server.ids), 10, Some(35)) };
        let mut pager = Pager::new(windows);
        let mut asks = VecDeque::new();
        while let Some(ask) = asks.pop_front().or_else(|| pager.next_ask(asks.len())) {
            let outcome = match ask {
                Ask::Span { .. } if refused => Outcome::Refused,
                Ask::Span { .. } => rows(&[], false),
                _ => server.answer(&ask),
            };
            let step = pager.outcome(&ask, outcome);
            asks.extend(step.first);
        }
        assert_eq!((pager.rows(), pager.describe().as_str()), (35, "offsets"));
    }
}

#[test]
fn a_count_from_before_offsets_took_over_is_not_that_of_the_end() {
    let windows = Situation { windows: true, ..situation(ends(&[0, 34]), 40, Some(35)) };
    let mut pager = Pager::new(windows);
    let spans: Vec<Ask> = std::iter::successors(pager.next_ask(0), |_| pager.next_ask(1)).collect();
    let (count, spans) = spans.split_last().unwrap();
    assert_eq!(*count, Ask::Count(ALL));
    for span in spans {
        pager.outcome(span, rows(&[], false));
    }
    pager.outcome(count, Outcome::Count(Some(35)));
    let window = pager.next_ask(0).unwrap();
    pager.outcome(&window, rows(&(0..35).collect::<Vec<_>>(), false));
    let asked: Vec<Ask> = std::iter::from_fn(|| pager.next_ask(0)).take(3).collect();
    assert!(asked.contains(&Ask::Count(ALL)), "rows shift behind offsets: {asked:?}");
}

#[test]
fn the_last_questions_are_asked_at_once() {
    let mut pager = Pager::new(Situation { tells_edits: true, ..situation(Start::Offsets, 3, Some(2)) });
    let page = pager.next_ask(0).unwrap();
    assert_eq!(pager.next_ask(1), None, "not before all rows are in");
    pager.outcome(&page, rows(&[1, 2], false));
    assert_eq!((pager.next_ask(0), pager.next_ask(1), pager.next_ask(2)), (Some(Ask::Count(ALL)), Some(Ask::Edits), None));
    pager.outcome(&Ask::Count(ALL), Outcome::Count(Some(2)));
    pager.outcome(&Ask::Edits, Outcome::Edited(false));
    assert_eq!((pager.next_ask(0), pager.rows()), (None, 2));
}

#[test]
fn a_count_from_before_the_last_page_stands_only_where_it_is_that_of_the_rows() {
    for (early, again) in [(10, false), (9, true)] {
        let mut pager = Pager::new(situation(ends(&(0..10).collect::<Vec<_>>()), 10, Some(10)));
        let pages = [pager.next_ask(0).unwrap(), pager.next_ask(1).unwrap()];
        assert_eq!(pager.next_ask(2), Some(Ask::Count(ALL)), "while two pages are under way");
        assert_eq!(pager.next_ask(3), None);
        pager.outcome(&pages[0], rows(&(0..9).collect::<Vec<_>>(), false));
        pager.outcome(&pages[1], rows(&[9], false));
        pager.outcome(&Ask::Count(ALL), Outcome::Count(Some(early)));
        assert_eq!(pager.next_ask(0), again.then_some(Ask::Count(ALL)));
    }
}

#[test]
fn spans_that_the_server_does_not_sort_are_halved() {
    let shuffled = (0..2000).map(|id| id * 7919 % 2003);
    in_spans(Server { orders: false, cap: 10, ..Server::of(shuffled) }, 100, 3);
}

#[test]
fn a_span_that_says_more_and_sends_nothing_is_listed() {
    // Every other answer is cut to nothing.
    let short = (0..400).filter(|number| number % 2 == 1).collect();
    in_spans(Server { short, ..Server::of(0..40) }, 1, 2);
}

#[test]
fn a_server_that_ignores_the_condition_is_asked_by_lists() {
    let mut server = Server { conditions: false, cap: 10, ..Server::of(0..300) };
    let (mut kept, pager) = export(&mut server, ends(&(0..300).collect::<Vec<_>>()), 10, 4).unwrap();
    kept.sort_unstable();
    assert_eq!(kept, server.ids);
    assert_eq!(pager.describe(), "spans of object ids, then lists of object ids");
}

#[test]
fn a_span_that_is_too_much_is_halved_down_to_the_row_that_can_not_be_had() {
    in_spans(Server { strength: 3, ..Server::of(0..200) }, 16, 2);
}
