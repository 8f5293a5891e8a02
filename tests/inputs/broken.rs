//! Documents that are cut off, changed, or no feature sets at all.

use std::sync::Arc;

use bytes::Bytes;
use geohaul::export::{Destination, ExportOptions, Output, export};
use geohaul::fetch::saved::Saved;
use geohaul::report::{LossKind, Progress, Silent};
use geohaul::{Error, ErrorKind};
use serde_json::Value;

use super::{convert, convert_with, error_of, options};

#[test]
fn what_is_no_feature_set_says_what_it_is() {
    for (json, words) in [
        ("", "empty"),
        ("<html>", "web page"),
        ("{\"features\":[{\"attributes\":{}}", "ends in the middle"),
        (r#"{"type":"FeatureCollection","features":[]}"#, "GeoJSON"),
        (r#"{"count":3}"#, "no features"),
        (r#"{"jobId":"j1","jobStatus":"esriJobSucceeded"}"#, "no features"),
        (r#"{"fields":[],"type":"Feature Layer"}"#, "no features"),
        (r#"{"error":{"code":400,"message":"Invalid query"}}"#, "error"),
        (r#"{"features":[{"attributes":{"a":1},"geometry":{"q":1}}]}"#, "can't be converted"),
        (r#"{"features":[{"attributes":{"a":tru}}]}"#, "can't be read"),
    ] {
        let error = error_of(json);
        assert!(error.to_string().contains(words), "{json}: {error}");
    }
}

/// A feature set with everything in it that a truncation or a mutation could fall into.
const RICH: &str = r#"{"objectIdFieldName":"FID","geometryType":"esriGeometryPolygon","hasZ":true,"spatialReference":{"wkid":102100,"latestWkid":3857},"fields":[{"name":"FID","type":"esriFieldTypeOID"},{"name":"T","type":"esriFieldTypeString","length":20},{"name":"D","type":"esriFieldTypeDate"}],"features":[{"attributes":{"FID":1,"T":"a\"\\\u00e9","D":-1},"geometry":{"rings":[[[0,0,1],[0,9,2],[9,9.5e0,3],[9,0,4],[0,0,1]],[[1,1],[2,1],[2,2],[1,1]]]}},{"geometry":null,"attributes":{"FID":2,"T":null,"D":{"odd":[1,"]"]}}}],"exceededTransferLimit":false}"#;

#[test]
fn a_document_cut_off_at_any_byte_is_an_error() {
    convert(RICH);
    for end in 0..RICH.len() {
        let error = convert_with(&RICH[..end], &options()).err().unwrap_or_else(|| panic!("{}", &RICH[..end]));
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    }
}

#[test]
fn a_document_with_any_byte_changed_is_converted_or_refused_and_never_a_panic() {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let bytes = b"{}[],:\"\\0-+eEnx. \t\x00\xff\xc3NIt";
    let bare = RICH.replace(r#""geometryType":"esriGeometryPolygon","hasZ":true,"#, "").replace(r#""fields":["#, r#""x":["#);
    for round in 0..3000 {
        let mut text = if round % 2 == 0 { RICH } else { &bare }.as_bytes().to_vec();
        for _ in 0..=next() % 3 {
            let at = next() % text.len();
            match next() % 3 {
                0 => text[at] = bytes[next() % bytes.len()],
                1 => drop(text.remove(at)),
                _ => text.insert(at, bytes[next() % bytes.len()]),
            }
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        let done = std::panic::catch_unwind(|| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("out.geojson");
            let mut saved = Saved::from_bytes("layer", Bytes::from(text))?;
            let destination = Destination::Files(vec![Output::new(&path, None)?]);
            let options = ExportOptions { threads: 1, ..options() };
            export(&mut saved, &destination, &options, &(Arc::new(Silent) as Arc<dyn Progress>))?;
            let written: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).expect("what is written is JSON");
            Ok::<_, Error>(written)
        });
        match done {
            Err(_) => panic!("{shown}"),
            Ok(Err(error)) => assert_ne!(error.kind(), ErrorKind::Internal, "{shown}: {error}"),
            Ok(Ok(_)) => {}
        }
    }
}

#[test]
fn brackets_that_do_not_match_are_an_error() {
    for attributes in [r#"{"A":[1}]}"#, r#"{"A":{"b":[}]}}"#] {
        let error = error_of(&format!(r#"{{"features":[{{"attributes":{attributes}}}]}}"#));
        assert_eq!(error.kind(), ErrorKind::Input, "{attributes}: {error}");
    }
    let deep = format!(r#"{{"features":[{{"attributes":{{"A":{}1{}}}}}]}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert!(error_of(&deep).to_string().contains("deep"));
}

#[test]
fn text_in_utf_16_is_refused_by_name() {
    for (bom, encode) in [
        (true, u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (false, u16::to_le_bytes),
        (true, u16::to_be_bytes),
        (false, u16::to_be_bytes),
    ] {
        let mut bytes = if bom { encode(0xFEFF).to_vec() } else { Vec::new() };
        bytes.extend(r#"{"features":[]}"#.encode_utf16().flat_map(encode));
        let error = Saved::from_bytes("x", Bytes::from(bytes)).err().unwrap();
        assert!(error.to_string().contains("UTF-16"), "{bom}: {error}");
    }
}

#[test]
fn windows_line_ends_two_documents_and_long_texts() {
    assert_eq!(
        convert("{\r\n\"features\" : [\r\n{\"attributes\":{\r\n\"A\" : 1\r\n}}\r\n]\r\n}\r\n")["features"][0]["properties"]["A"],
        1
    );
    let two = error_of("{\"features\":[]}\n{\"features\":[]}");
    assert!(two.to_string().contains("more text after the end") && two.hint_text().is_some(), "{two}");
    let long = "x".repeat(10 << 20);
    let collection = convert(&format!(r#"{{"features":[{{"attributes":{{"A":"{long}"}}}},{{"attributes":{{"A":"b"}}}}]}}"#));
    assert_eq!(collection["features"][0]["properties"]["A"].as_str().unwrap().len(), long.len());
}

#[test]
fn bytes_that_are_no_utf8_are_counted_one_by_one() {
    let mut json = br#"{"features":[{"attributes":{"A":"x?y?"}}]}"#.to_vec();
    json.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xE9);
    let dir = tempfile::tempdir().unwrap();
    let destination = Destination::Files(vec![Output::new(dir.path().join("a.geojson"), None).unwrap()]);
    let mut saved = Saved::from_bytes("x", Bytes::from(json)).unwrap();
    let report = export(&mut saved, &destination, &options(), &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
    assert_eq!(
        report.layers[0].losses.iter().map(|loss| (loss.kind, loss.count)).collect::<Vec<_>>(),
        [(LossKind::BytesReplaced, 2)]
    );
}

#[test]
fn a_syntax_error_says_the_byte_of_its_feature() {
    let error = error_of(r#"{"features":[{"attributes":{"a":1}},{"attributes":{"a":tru}}]}"#);
    assert!(
        error.to_string().contains("expected a value at byte 19 of the feature") && error.to_string().contains("row 1"),
        "{error}"
    );
}
