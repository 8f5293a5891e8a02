//! CSV, judged by its bytes, by Python's csv module and by GDAL.
#![allow(clippy::unwrap_used)] // in a test, to panic is to report

#[path = "support/rows.rs"]
mod rows;

use geohaul::ErrorKind;
use geohaul::model::{FieldType, GeometryKind, ShapeKind};
use geohaul::report::LossKind;
use geohaul::write::csv::Csv;
use rows::{Layer, judge, write};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Writes one layer: the file's text, and what the writer says.
fn written(layer: Layer) -> (String, geohaul::write::Written) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("out.csv");
    let written = write(&Csv::default(), &[layer], &path).unwrap();
    (std::fs::read_to_string(path).unwrap(), written)
}

fn people() -> Layer {
    Layer::new("People", None)
        .column("OBJECTID", FieldType::ObjectId)
        .column("NAME", FieldType::String)
        .column("BIG", FieldType::BigInteger)
        .column("LEN, m", FieldType::Double)
        .column("SEEN", FieldType::Date)
}

#[test]
fn a_table_keeps_digits_and_null_is_not_empty() {
    let layer = people()
        .row(ShapeKind::Null, "", &["1", r#""Zoë \"Z\", née O\nX""#, "9007199254740993", "1.50", "1700000000001"])
        .page()
        .row(ShapeKind::Null, "", &["2", "\"\"", "0", "-0.0", "0"])
        .row(ShapeKind::Null, "", &["3", "null", "null", "null", "null"])
        .row(ShapeKind::Null, "", &["4", r#"{"a":[1,2]}"#, "true", "1e400", "\"8/2/2020\""]);
    let (text, written) = written(layer);
    assert_eq!(
        text,
        "OBJECTID,NAME,BIG,\"LEN, m\",SEEN\n\
         1,\"Zoë \"\"Z\"\", née O\nX\",9007199254740993,1.50,2023-11-14T22:13:20.001Z\n\
         2,\"\",0,-0.0,1970-01-01T00:00:00Z\n\
         3,,,,\n\
         4,\"{\"\"a\"\":[1,2]}\",true,1e400,8/2/2020\n"
    );
    assert_eq!(written.rows, 4);
    assert!(written.losses.is_empty());
}

#[test]
fn dates_of_an_unknown_zone_have_no_z() {
    let layer = people().plan(|plan| plan.dates_are_utc = false).row(ShapeKind::Null, "", &["1", "null", "null", "null", "0"]);
    assert!(written(layer).0.ends_with("\n1,,,,1970-01-01T00:00:00\n"));
}

#[test]
fn what_has_no_text_is_empty_and_counted() {
    let layer = people().row(ShapeKind::Null, "", &["17", r#""a\u0000b""#, "null", "NaN", "99999999999999999"]).row(
        ShapeKind::Null,
        "",
        &["18", "null", "null", "NaN", "null"],
    );
    let (text, written) = written(layer);
    assert!(text.ends_with("\n17,\"ab\",,,\n18,,,,\n"), "{text}");
    let losses: Vec<_> = written
        .losses
        .iter()
        .map(|loss| (loss.kind, loss.field.as_deref().unwrap(), loss.count, loss.first.as_deref().unwrap()))
        .collect();
    assert_eq!(
        losses,
        [
            (LossKind::ValueDropped, "LEN, m", 2, "object id 17"),
            (LossKind::ValueDropped, "SEEN", 1, "object id 17"),
            (LossKind::CharactersReplaced, "NAME", 1, "object id 17"),
        ]
    );
}

#[test]
fn points_lead_with_their_coordinates() {
    let layer = Layer::new("P", Some(GeometryKind::Point))
        .column("A", FieldType::Integer)
        .row(ShapeKind::Point, "0,-1.250", &["1"])
        .row(ShapeKind::Null, "", &["2"]);
    assert_eq!(written(layer).0, "x,y,A\n0,-1.25,1\n,,2\n");
}

#[test]
fn z_and_m_stand_beside_x_and_y_where_planned() {
    let layer = Layer::new("P", Some(GeometryKind::Point))
        .column("A", FieldType::Integer)
        .plan(|plan| (plan.z, plan.m) = (true, true))
        .row(ShapeKind::Point, "1,2,3.5,4", &["1"])
        .row(ShapeKind::Point, "1,2,NaN,NaN", &["2"])
        .row(ShapeKind::Null, "", &["3"]);
    assert_eq!(written(layer).0, "x,y,z,m,A\n1,2,3.5,4,1\n1,2,,,2\n,,,,3\n");
}

#[test]
fn coordinate_columns_give_way_to_attributes() {
    let layer = Layer::new("P", Some(GeometryKind::Point)).column("X", FieldType::Double).column("x_1", FieldType::Double).row(
        ShapeKind::Point,
        "1,2",
        &["3", "4"],
    );
    let (text, written) = written(layer);
    assert_eq!(text, "x_2,y,X,x_1\n1,2,3,4\n");
    let renamed = written.losses.iter().next().unwrap();
    assert_eq!((renamed.field.as_deref(), renamed.detail.as_deref()), (Some("geometry column x"), Some("x_2")));
}

#[test]
fn coordinates_are_copied_or_rounded() {
    let layer = || Layer::new("P", Some(GeometryKind::Point)).keep_text();
    assert_eq!(written(layer().row(ShapeKind::Point, "1.10,2e1", &[])).0, "x,y\n1.10,2e1\n");
    let rounded = layer().plan(|plan| plan.decimals = Some(2)).row(ShapeKind::Point, "1.105,2e1", &[]);
    assert_eq!(written(rounded).0, "x,y\n1.1,20\n");
}

#[test]
fn the_only_null_of_a_row_is_no_empty_line() {
    let layer = Layer::new("T", None).column("A", FieldType::String).row(ShapeKind::Null, "", &["null"]).row(
        ShapeKind::Null,
        "",
        &["\"b\""],
    );
    assert_eq!(written(layer).0, "A\n\"\"\nb\n");
}

#[test]
fn lines_are_refused_by_name_of_the_feature() {
    let layer = Layer::new("Roads", Some(GeometryKind::Polyline)).row(ShapeKind::Polyline, "0,0 1,1", &[]);
    let dir = TempDir::new().unwrap();
    let error = write(&Csv::default(), &[layer], &dir.path().join("out.csv")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert_eq!(error.place().feature.as_deref(), Some("row 0"));
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_second_layer_is_refused() {
    let dir = TempDir::new().unwrap();
    let error = write(&Csv::default(), &[people(), people()], &dir.path().join("out.csv")).unwrap_err();
    assert_eq!((error.kind(), error.place().layer.as_deref()), (ErrorKind::Format, Some("People")));
}

#[test]
fn other_readers_find_the_same_rows() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("out.csv");
    let layer = Layer::new("P", Some(GeometryKind::Point))
        .column("NAME", FieldType::String)
        .column("N", FieldType::Integer)
        .row(ShapeKind::Point, "0,51.5", &[r#""a, \"b\"\r\nc""#, "7"])
        .row(ShapeKind::Null, "", &["\"漢\"", "null"]);
    write(&Csv::default(), &[layer], &path).unwrap();
    let path = path.to_str().unwrap();

    let script = "import csv, json, sys\nprint(json.dumps(list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8')))))";
    let rows: Value = serde_json::from_str(&judge("python3", &["-c", script, path], &[])).unwrap();
    assert_eq!(rows, json!([["x", "y", "NAME", "N"], ["0", "51.5", "a, \"b\"\r\nc", "7"], ["", "", "漢", ""]]));

    let options = [
        "-f",
        "GeoJSON",
        "/vsistdout/",
        path,
        "-oo",
        "X_POSSIBLE_NAMES=x",
        "-oo",
        "Y_POSSIBLE_NAMES=y",
        "-oo",
        "AUTODETECT_TYPE=YES",
    ];
    let found: Value = serde_json::from_str(&judge("ogr2ogr", &options, &[])).unwrap();
    let features = found["features"].as_array().unwrap();
    assert_eq!(features.len(), 2);
    assert_eq!(features[0]["geometry"]["coordinates"], json!([0.0, 51.5]));
    assert_eq!(features[0]["properties"]["N"], 7);
    assert_eq!(features[1]["geometry"], Value::Null);
    assert_eq!(features[1]["properties"]["N"], Value::Null);
}
