use proptest::prelude::*;
use serde_json::json;

use super::*;

fn scan_in_pieces(text: &[u8], piece: usize, page_bytes: u64) -> Result<Skeleton> {
    let mut scanner = Scanner::new(page_bytes);
    for piece in text.chunks(piece) {
        scanner.push(piece)?;
    }
    scanner.finish()
}

#[test]
fn any_split_into_pieces_gives_the_same_skeleton() {
    let text = "\u{feff}{\"a\":\"\\\"features\\\":[\",\"features\" : [ {\"attributes\":{\"t\":\"]}\\\\\"}} , {} ],\"n\":[NaN,-Infinity,1.5,],\"features2\":[1],\"x\":{\"features\":[]}}";
    let whole = scan_in_pieces(text.as_bytes(), text.len(), u64::MAX).unwrap();
    assert_eq!(
        whole.value,
        json!({"a": "\"features\":[", "features": {"$features": 0}, "n": [null, null, 1.5], "features2": [1], "x": {"features": {"$features": 1}}})
    );
    assert_eq!(whole.features_of(&whole.value).unwrap().rows(), 2);
    assert_eq!(whole.features_of(&whole.value["x"]).unwrap().rows(), 0);
    for piece in [1, 2, 3, 7] {
        let pieces = scan_in_pieces(text.as_bytes(), piece, u64::MAX).unwrap();
        assert_eq!((&pieces.value, &pieces.mended), (&whole.value, &whole.mended), "pieces of {piece}");
    }
}

#[test]
fn parts_that_are_scanned_apart_give_what_the_whole_gives_wherever_they_begin() {
    let text = r#"{"a":[NaN],"features":[{"attributes":{"t":"},{"}}, {"attributes":{}} ,{"g":{}}],"b":{"features":[{},{}]}}"#;
    let whole = scan_in_pieces(text.as_bytes(), text.len(), u64::MAX).unwrap();
    let mut joined = 0;
    for from in 22..text.len() {
        let mut scanner = Scanner::new(u64::MAX);
        scanner.push(&text.as_bytes()[..22]).unwrap();
        let mut fork = scanner.fork(from as u64);
        let ahead = fork.scanner.push(&text.as_bytes()[from..]);
        scanner.push(&text.as_bytes()[22..from]).unwrap();
        if ahead.is_ok() && scanner.join(fork) {
            joined += 1;
        } else {
            scanner.push(&text.as_bytes()[from..]).unwrap();
        }
        let skeleton = scanner.finish().unwrap();
        assert_eq!((&skeleton.value, &skeleton.mended, skeleton.rows()), (&whole.value, &whole.mended, 5), "{from}");
        let first = skeleton.features_of(&skeleton.value).unwrap();
        assert_eq!(first.rows(), 3);
        for page in &first.pages {
            let page = &text[page.offset as usize..(page.offset + page.len) as usize];
            assert!(page.starts_with('{') && page.matches("attributes").count() <= 2, "{page}");
        }
    }
    assert!(joined > 5, "{joined}");
}

/// In parts, as a large file is: all of them begin where they are told to, once the first feature has begun.
fn scan_in_parts(text: &[u8], piece: usize, page_bytes: u64, starts: &[usize]) -> Result<Skeleton> {
    let feed = |scanner: &mut Scanner, part: &[u8]| part.chunks(piece).try_for_each(|piece| scanner.push(piece));
    let mut scanner = Scanner::new(page_bytes);
    let mut at = 0;
    while at < text.len() && scanner.first_feature().is_none() {
        let next = (at + piece).min(text.len());
        scanner.push(&text[at..next])?;
        at = next;
    }
    let starts: Vec<usize> = starts.iter().copied().filter(|start| (at..text.len()).contains(start)).collect();
    let ends: Vec<usize> = starts.iter().copied().skip(1).chain([text.len()]).collect();
    let forks: Vec<Fork> = starts.iter().map(|start| scanner.fork(*start as u64)).collect();
    feed(&mut scanner, &text[at..starts.first().copied().unwrap_or(text.len())])?;
    for ((mut fork, start), end) in forks.into_iter().zip(starts).zip(ends) {
        let taken = feed(&mut fork.scanner, &text[start..end]).is_ok();
        if !(taken && scanner.join(fork)) {
            feed(&mut scanner, &text[start..end])?;
        }
    }
    scanner.finish()
}

/// Pieces of answers, whole or not, most of them harmless.
fn answers() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        r#"\""#,
        r"\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        r#",{\"a\":1}"#,
        "é",
        "x",
        "and a text that is longer than a block of 64 bytes, all in all",
    ]);
    let feature = prop::collection::vec(text, 0..6)
        .prop_map(|words| format!(r#"{{"attributes":{{"a":"{}","b":{{"c":[{{}}]}}}},"geometry":null}}"#, words.concat()));
    let between = prop_oneof![8 => Just(","), 2 => Just(" ,\n"), 1 => Just(""), 1 => Just(",,")];
    let stray = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        ",",
        "1",
        "\0",
        "{}",
        r#"],"more":{"features":["#,
        r#"],"n":NaN,"features":[],"#,
        r#"],"features":["#,
    ]);
    let part = prop_oneof![20 => (feature, between).prop_map(|(feature, between)| feature + between), 1 => stray.prop_map(str::to_owned)];
    let end = prop::sample::select(vec![r#"],"n":[NaN,1,],"t":"\t"}"#, "]}", "]}}", "]", "", "]} {}"]);
    (prop::collection::vec(part, 0..25), end).prop_map(|(parts, end)| format!(r#"{{"a":1,"features":[{}{end}"#, parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_in_any_parts_and_pieces_is_what_it_is_byte_by_byte(
        text in answers(),
        piece in 1_usize..300,
        page_bytes in prop_oneof![Just(u64::MAX), 1..500_u64],
        starts in prop::collection::vec(0..1000_usize, 0..4),
    ) {
        // Half of them where a feature does begin.
        let near = |start: &usize| {
            let at = start * text.len() / 1000;
            if at.is_multiple_of(2) { text.as_bytes()[at..].windows(7).position(|w| w == b"{\"attri").map_or(at, |next| at + next) } else { at }
        };
        let mut starts: Vec<usize> = starts.iter().map(near).collect();
        starts.sort_unstable();
        starts.dedup();
        let whole = scan_in_pieces(text.as_bytes(), 1, u64::MAX);
        let parts = scan_in_parts(text.as_bytes(), piece, page_bytes, &starts);
        match (whole, parts) {
            (Err(whole), Err(parts)) => prop_assert_eq!(whole.to_string(), parts.to_string()),
            (Ok(whole), Ok(parts)) => {
                prop_assert_eq!((&whole.value, &whole.mended), (&parts.value, &parts.mended));
                let rows = |skeleton: &Skeleton| skeleton.arrays.iter().map(FeatureArray::rows).collect::<Vec<_>>();
                prop_assert_eq!(rows(&whole), rows(&parts));
                for (whole, parts) in whole.arrays.iter().zip(&parts.arrays) {
                    let mut behind = whole.pages.first().map_or(0, |page| page.offset);
                    for page in &parts.pages {
                        let (start, end) = (page.offset as usize, (page.offset + page.len) as usize);
                        let between = &text[behind as usize..start];
                        prop_assert!(between.chars().all(|c| ", \n".contains(c)), "{}", between);
                        let alone = scan_in_pieces(format!(r#"{{"features":[{}]}}"#, &text[start..end]).as_bytes(), 1, u64::MAX);
                        prop_assert_eq!(alone.unwrap().rows(), page.rows);
                        behind = end as u64;
                    }
                }
            }
            (whole, parts) => prop_assert!(false, "{:?} but {:?}", whole, parts),
        }
    }
}

#[test]
fn pages_hold_whole_features_and_all_of_them() {
    let feature = r#"{"attributes":{"a":"x"}}"#;
    let text = format!(r#"{{"features":[{}]}}"#, [feature; 10].join(", "));
    let skeleton = scan_in_pieces(text.as_bytes(), 5, 60).unwrap();
    let array = skeleton.features_of(&skeleton.value).unwrap();
    assert_eq!((array.rows(), array.pages.len()), (10, 4));
    for page in &array.pages {
        let part = &text[page.offset as usize..(page.offset + page.len) as usize];
        assert!(part.starts_with(r#"{"attributes""#) && part.ends_with("}}"), "{part}");
    }
}

#[test]
fn control_characters_wrong_escapes_and_invalid_utf8_are_mended_and_said() {
    let skeleton = scan_in_pieces(b"{\"a\":\"x\ty\\q\xff\"}", 100, 1).unwrap();
    assert_eq!(skeleton.value, json!({"a": "x\ty\\q\u{fffd}"}));
    assert_eq!(skeleton.mended.len(), 3);
}

#[test]
fn a_document_that_ends_early_or_is_none_is_an_error() {
    for text in [
        "",
        "  ",
        "{",
        r#"{"features":[{"attributes":{}}"#,
        r#"{"a":"#,
        "<html>",
        "{}}",
        r#"{"features":[1]}"#,
        r#"{"features":[}"#,
        "hello",
    ] {
        assert!(scan_in_pieces(text.as_bytes(), 1, 1).is_err(), "{text}");
    }
    assert!(scan_in_pieces("[".repeat(100_000).as_bytes(), 1000, 1).is_err());
}
