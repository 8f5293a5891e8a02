//! Made answers, decoded: each rule of the wire by itself.

use bytes::Bytes;
use geohaul::convert::parse_page;
use geohaul::esri::pbf::{Answer, read};
use geohaul::model::{Batch, Field, FieldType, GeometryKind, Header, Page, ReadPlan, ShapeKind, Value};
use geohaul::report::{LossKind, Losses};
use proptest::prelude::*;

use super::pbf::{GridSpec, Message, answer, feature, field, geometry, twin};

const EVERYTHING: ReadPlan = ReadPlan { geometry: true, z: true, m: true, curve_tolerance: 0.01, keep_curves: false };

/// The first page of an answer, and its schema.
pub(crate) fn page(body: &[u8]) -> Result<(Page, Header), String> {
    let Answer::Rows(rows) = read(body).map_err(|why| why.to_string())? else { return Err("no rows".to_owned()) };
    let header = rows.header(body, "made").map_err(|why| why.to_string())?;
    let bytes = Bytes::copy_from_slice(body);
    Ok((Page { seq: 0, bytes, facts: rows.facts(), drop_rows: Vec::new(), rows_before: 0 }, header))
}

pub(crate) fn parse(body: &[u8]) -> Result<(Batch, Header, Losses), String> {
    let (page, header) = page(body)?;
    let (batch, losses) = parse_page(page.clone(), &header, &EVERYTHING).map_err(|error| error.to_string())?;
    Ok((batch, header, losses))
}

/// A grid of halves that begins at (100, 200) in the upper left.
fn halves() -> Message {
    let pair = |x, y| Message::default().double(1, x).double(2, y);
    Message::default().message(2, pair(0.5, 0.5)).message(3, pair(100.0, 200.0))
}

fn web_mercator() -> Message {
    Message::default().varint(1, 102_100).varint(2, 3857)
}

/// An answer with one feature for each geometry.
fn shapes(kind: u64, transform: Option<Message>, geometries: impl IntoIterator<Item = Option<Message>>) -> Message {
    let result = Message::default().varint(7, kind).message(8, web_mercator());
    let result = transform.into_iter().fold(result, |result, transform| result.message(12, transform));
    result.messages(15, geometries.into_iter().map(|geometry| feature([], geometry)))
}

/// Per row, its parts.
fn parts(batch: &Batch) -> Vec<Vec<Vec<[f64; 2]>>> {
    (0..batch.rows()).map(|row| batch.geometry.shape(row).parts().map(|part| part.xy.to_vec()).collect()).collect()
}

#[test]
fn deltas_run_within_a_ring_and_y_runs_down_from_the_upper_left() {
    let body = answer(shapes(3, Some(halves()), [Some(geometry(&[5], &[0, 0, 4, 0, 0, 4, -4, 0, 0, -4]))]));
    let (batch, ..) = parse(&body).unwrap();
    assert_eq!(parts(&batch), [[[[100.0, 200.0], [102.0, 200.0], [102.0, 198.0], [100.0, 198.0], [100.0, 200.0]]]]);
}

#[test]
fn y_runs_up_from_the_lower_left() {
    let body = answer(shapes(0, Some(halves().varint(1, 1)), [Some(geometry(&[], &[2, 6]))]));
    assert_eq!(parts(&parse(&body).unwrap().0), [[[[101.0, 203.0]]]]);
}

#[test]
fn deltas_begin_anew_with_each_path() {
    let body = answer(shapes(2, Some(halves()), [Some(geometry(&[2, 3], &[0, 0, 2, 2, 20, 40, 2, 0, 2, 0]))]));
    let expected = [[vec![[100.0, 200.0], [101.0, 199.0]], vec![[110.0, 180.0], [111.0, 180.0], [112.0, 180.0]]]];
    assert_eq!(parts(&parse(&body).unwrap().0), expected);
}

#[test]
fn a_multipoint_is_one_run_of_deltas_whatever_its_lengths_say() {
    for lengths in [&[3][..], &[1, 2], &[]] {
        let body = answer(shapes(1, Some(halves()), [Some(geometry(lengths, &[0, 0, 2, 2, 2, 2]))]));
        let (batch, ..) = parse(&body).unwrap();
        assert_eq!(parts(&batch), [[[[100.0, 200.0], [101.0, 199.0], [102.0, 198.0]]]]);
        assert_eq!(batch.geometry.kinds, [ShapeKind::Multipoint]);
    }
}

#[test]
fn z_and_m_are_no_deltas_and_stand_in_this_order() {
    let scale = Message::default().double(1, 0.5).double(2, 0.5).double(3, 0.25).double(4, 0.1);
    let zero = Message::default().double(1, 100.0).double(2, 200.0).double(3, -50.0).double(4, -10.0);
    let transform = Message::default().message(2, scale).message(3, zero);
    let line = geometry(&[3], &[0, 0, 150, 208, 2, 2, 150, 0, 2, 2, 153, 212]);
    let body = answer(shapes(2, Some(transform), [Some(line)]).varint(10, 1).varint(11, 1));
    let (batch, header, _) = parse(&body).unwrap();
    assert!(header.has_z && header.has_m);
    assert_eq!(batch.geometry.z, [5.0, 5.0, 5.3]);
    let m = &batch.geometry.m;
    assert!(m[0] == 2.0 && m[1].is_nan() && m[2] == 3.0, "0 is no m where the grid begins below 0: {m:?}");
}

#[test]
fn an_m_of_zero_is_kept_where_the_grid_begins_there() {
    let line = geometry(&[2], &[0, 0, 0, 2, 2, 7]);
    let (batch, ..) = parse(&answer(shapes(2, None, [Some(line)]).varint(11, 1))).unwrap();
    assert_eq!(batch.geometry.m, [0.0, 7.0]);
}

#[test]
fn an_absent_scale_is_one_and_an_absent_translation_nothing() {
    for transform in [None, Some(Message::default()), Some(Message::default().message(2, Message::default()))] {
        let (batch, ..) = parse(&answer(shapes(0, transform, [Some(geometry(&[], &[3, -4]))]))).unwrap();
        assert_eq!(parts(&batch), [[[[3.0, 4.0]]]]);
    }
}

#[test]
fn rings_are_closed_arranged_and_left_out_where_they_have_no_area() {
    // A counter-clockwise hole before its clockwise shell, both unclosed, and a ring that fell flat on the grid.
    let rings = geometry(&[4, 4, 3], &[2, -4, 2, 0, 0, 2, -2, 0, 0, 0, 8, 0, 0, -8, -8, 0, 1, 1, 2, 2, 2, 2]);
    let (batch, _, losses) = parse(&answer(shapes(3, Some(halves().varint(1, 1)), [Some(rings)]))).unwrap();
    let shape = batch.geometry.shape(0);
    assert_eq!(shape.polygon_sizes().collect::<Vec<_>>(), [2]);
    assert!(shape.parts().all(|part| part.xy.len() == 5 && part.xy.first() == part.xy.last()));
    assert_eq!(shape.parts().next().unwrap().xy[0], [100.0, 200.0], "the shell comes first");
    assert_eq!(losses.iter().map(|loss| (loss.kind, loss.count)).collect::<Vec<_>>(), [(LossKind::RingDropped, 1)]);
}

#[test]
fn rows_without_geometry_are_kept_among_rows_with_one() {
    let rows = [None, Some(geometry(&[], &[1, 1])), Some(Message::default())];
    let (batch, header, _) = parse(&answer(shapes(0, Some(halves()), rows))).unwrap();
    assert_eq!(header.geometry, Some(GeometryKind::Point));
    assert_eq!(batch.geometry.kinds, [ShapeKind::Null, ShapeKind::Point, ShapeKind::Null]);
}

#[test]
fn a_table_is_no_layer_of_points() {
    let result = Message::default().message(13, field("A", 1)).message(15, feature([Message::default().varint(5, 1)], None));
    let (batch, header, _) = parse(&answer(result)).unwrap();
    assert_eq!((header.geometry, header.spatial_reference, batch.rows()), (None, None, 1));
}

#[test]
fn values_are_what_their_tags_say_and_not_what_the_field_says() {
    let value = Message::default;
    let names = ["oid", "small", "big", "huge", "float", "double", "date", "only", "bool", "text", "null", "odd"];
    let types = [6, 0, 13, 13, 2, 3, 5, 14, 0, 4, 4, 4];
    let values = [
        value().varint(7, 9_007_199_254_740_993),
        value().text(1, "not so small"),
        value().sint(8, -9_007_199_254_740_993),
        value().varint(7, u64::MAX),
        value().float(2, 0.19),
        value().double(3, 0.1 + 0.2),
        value().sint(8, -86_400_000),
        value().text(1, "2023-05-03"),
        value().varint(9, 1),
        value().text(1, "a \"b\"\\\n\u{1}ß"),
        value(),
        value().varint(77, 5),
    ];
    let fields = names.iter().zip(types).map(|(name, number)| field(name, number));
    let body = answer(Message::default().messages(13, fields).message(15, feature(values, None)));
    let (batch, header, losses) = parse(&body).unwrap();
    let told: Vec<String> =
        (0..12).map(|column| batch.value(0, column).to_text().map_or("null".to_owned(), |text| text.into_owned())).collect();
    assert_eq!(
        told,
        [
            "9007199254740993",
            "not so small",
            "-9007199254740993",
            "18446744073709551615",
            "0.19",
            "0.30000000000000004",
            "-86400000",
            "2023-05-03",
            "true",
            "a \"b\"\\\n\u{1}ß",
            "null",
            "null"
        ]
    );
    assert_eq!(batch.value(0, 3), Value::Number("18446744073709551615"));
    assert_eq!(header.fields[7].field_type, FieldType::DateOnly);
    assert_eq!(
        losses.iter().map(|loss| (loss.kind, loss.field.as_deref())).collect::<Vec<_>>(),
        [(LossKind::ValueDropped, Some("odd"))]
    );
}

#[test]
fn columns_are_found_by_name_and_values_without_one_are_counted() {
    let value = |n| Message::default().varint(5, n);
    let result = Message::default().messages(13, [field("db.t.B", 1), field("stray", 1)]);
    let body = answer(result.message(15, feature([value(2), value(3), value(4)], None)));
    let (page, mut header) = page(&body).unwrap();
    header.fields = vec![Field::new("A", FieldType::Integer), Field::new("DB.T.b", FieldType::Integer)];
    let (batch, losses) = parse_page(page.clone(), &header, &EVERYTHING).unwrap();
    assert_eq!((batch.value(0, 0), batch.value(0, 1)), (Value::Null, Value::Integer(2)));
    let lost: Vec<_> = losses.iter().map(|loss| (loss.kind, loss.field.as_deref().unwrap())).collect();
    let [third, stray] = ["attribute 3", "stray"].map(|name| (LossKind::UnknownAttribute, name));
    assert_eq!(lost, [third, stray, (LossKind::AttributeAbsent, "A")]);
}

#[test]
fn dropped_rows_are_left_out_of_all_arrays() {
    let body = answer(shapes(0, Some(halves()), [1, 2, 3].map(|n| Some(geometry(&[], &[n, n])))));
    let (mut page, header) = page(&body).unwrap();
    page.drop_rows = vec![0, 2];
    let (batch, _) = parse_page(page.clone(), &header, &EVERYTHING).unwrap();
    assert_eq!(parts(&batch), [[[[101.0, 199.0]]]]);
}

#[test]
fn what_can_not_be_right_is_an_error_that_names_the_feature() {
    for (kind, wrong, words) in [
        (2, geometry(&[2], &[0, 0, 1]), "whole vertices"),
        (2, geometry(&[3], &[0, 0, 1, 1]), "lengths"),
        (2, geometry(&[2], &[0, 0, 1, 1, 2, 2]), "lengths"),
        (2, geometry(&[u64::MAX], &[0, 0, 1, 1]), "lengths"),
        (2, geometry(&[2], &[i64::MAX, 0, 1, 1]), "64 bits"),
        (0, geometry(&[], &[0, 0, 1, 1]), "one vertex"),
    ] {
        let result = Message::default().varint(7, kind).message(8, web_mercator()).message(13, field("ID", 6));
        let body = answer(result.text(1, "ID").message(15, feature([Message::default().varint(5, 17)], Some(wrong))));
        let error = parse(&body).unwrap_err();
        assert!(error.contains(words) && error.contains("17"), "{words}: {error}");
    }
    let curve =
        Message::default().message(8, web_mercator()).varint(7, 2).message(15, Message::default().message(7, Message::default()));
    assert!(parse(&answer(curve)).unwrap_err().contains("curve"));
}

#[test]
fn rows_that_take_no_bytes_take_no_memory_either() {
    let fields = (0..2_000).map(|n| field(&format!("f{n}"), 1));
    let result = Message::default().messages(13, fields).messages(15, (0..100_000).map(|_| Message::default()));
    assert!(parse(&answer(result)).unwrap_err().contains("more than its"));
}

/// A page with a bit of everything.
fn rich_page() -> Vec<u8> {
    let page = serde_json::json!({
        "objectIdFieldName": "ID", "geometryType": "esriGeometryPolygon", "hasZ": true, "hasM": true,
        "exceededTransferLimit": true, "spatialReference": {"wkid": 102100, "latestWkid": 3857},
        "fields": [{"name": "ID", "type": "esriFieldTypeOID"}, {"name": "N", "type": "esriFieldTypeString"},
            {"name": "D", "type": "esriFieldTypeDouble"}],
        "features": [
            {"attributes": {"ID": 1, "N": "ä\"", "D": 1.5}, "geometry": {"rings": [
                [[0, 0, 1, 2], [0, 9, 1, 2], [9, 9, 1, 2], [0, 0, 1, 2]], [[1, 2, 1, 2], [3, 4, 1, 2], [1, 4, 1, 2], [1, 2, 1, 2]]]}},
            {"attributes": {"ID": 5_000_000_001_i64, "N": null, "D": -1e300}, "geometry": null}]
    });
    twin(&page, &GridSpec::default())
}

#[test]
fn a_page_cut_anywhere_is_an_error() {
    let body = rich_page();
    assert_eq!(parse(&body).unwrap().0.rows(), 2);
    for length in 0..body.len() {
        assert!(parse(&body[..length]).is_err(), "the first {length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn damaged_pages_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut body = rich_page();
        for (place, byte) in changes {
            let at = place.index(body.len());
            body[at] = byte;
        }
        let _ = parse(&body);
    }

    #[test]
    fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&body);
        let _ = parse(&answer(Message(body)));
    }

    #[test]
    fn any_coordinates_never_panic(kind in 0_u64..5, lengths in prop::collection::vec(0_u64..6, 0..5),
        coords in prop::collection::vec(any::<i64>(), 0..24), scale in any::<f64>(), zero in any::<f64>()) {
        let pair = |n| Message::default().double(1, n).double(2, n);
        let transform = Message::default().message(2, pair(scale)).message(3, pair(zero));
        let _ = parse(&answer(shapes(kind, Some(transform), [Some(geometry(&lengths, &coords))])));
    }
}
