//! Rows by parts of the map.

use super::*;

/// Points on a line, read without ids or offsets.
fn by_parts(places: &[u32], cap: usize, count: Option<u64>) -> (Vec<u32>, Pager) {
    let situation = Situation { has_ids: false, parts: true, spans: false, ..situation(Start::OneQuery, 10, count) };
    let mut pager = Pager::new(situation);
    let (mut asks, mut kept) = (VecDeque::new(), Vec::new());
    while let Some(ask) = asks.pop_front().or_else(|| pager.next_ask(0)) {
        let within = |place: &&u32| match ask {
            // The extent reaches from 0 to 1024; both edges belong to a part.
            Ask::Part(Part::Cell { of: Region::Extent, level, x, y: 0 }) => {
                let side = 1024.0 / f64::from(1_u32 << level);
                (f64::from(x) * side..=f64::from(x + 1) * side).contains(&f64::from(**place))
            }
            Ask::Part(Part::Cell { of: Region::East, level: 0, .. }) => **place >= 1024,
            Ask::Everything => true,
            _ => false,
        };
        let found: Vec<u32> = places.iter().filter(within).copied().collect();
        let sent = &found[..found.len().min(cap)];
        let prints: Vec<u64> = sent.iter().map(|place| u64::from(*place)).collect();
        let outcome = match &ask {
            Ask::Count(_) => Outcome::Count(count),
            _ => {
                let (rows, exceeded) = (sent.len() as u64, sent.len() < found.len());
                Outcome::Rows { rows, exceeded, ids: None, print: rows, prints, cost: Cost::default() }
            }
        };
        let step = pager.outcome(&ask, outcome);
        assert_eq!(step.then, Then::GoOn);
        if ask.is_page() {
            kept.extend(sent.iter().enumerate().filter(|(row, _)| !step.drop_rows.contains(row)).map(|(_, place)| *place));
        }
        step.first.into_iter().rev().for_each(|ask| asks.push_front(ask));
    }
    kept.sort_unstable();
    (kept, pager)
}

#[test]
fn a_map_without_ids_and_offsets_is_divided_until_its_parts_fit() {
    let places: Vec<u32> = (0..1024).step_by(3).chain([5, 5, 5, 512, 512]).collect();
    let mut truth = places.clone();
    truth.sort_unstable();
    for count in [None, Some(places.len() as u64)] {
        let (kept, pager) = by_parts(&places, 10, count);
        assert_eq!((kept, pager.cut_off()), (truth.clone(), false));
        assert_eq!(pager.describe(), "one query, then parts of the map");
    }
}

#[test]
fn rows_beyond_the_stated_extent_are_looked_for_where_the_count_misses_them() {
    let places: Vec<u32> = (1000..1030).collect();
    assert_eq!(by_parts(&places, 10, Some(30)).0, places);
}

#[test]
fn more_rows_in_one_place_than_an_answer_holds_are_said_to_be_cut_off() {
    let (kept, pager) = by_parts(&[7; 30], 10, Some(30));
    assert_eq!((kept.len(), pager.cut_off()), (10, true));
}
