//! GeoParquet, read by pyarrow and geopandas.
#![cfg(feature = "geoparquet")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/facts.rs"]
mod facts;
#[path = "support/rows.rs"]
mod rows;

use std::path::Path;

use geohaul::ErrorKind;
use geohaul::model::FieldType::{
    BigInteger, Blob, Date, DateOnly, Double, Guid, Integer, ObjectId, Single, SmallInteger, String as Text, TimeOnly,
};
use geohaul::model::GeometryKind::{Mixed, Point, Polygon, Polyline};
use geohaul::model::ShapeKind;
use geohaul::write::Format;
use geohaul::write::geoparquet::GeoParquet;
use rows::{Layer, judge};
use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/read.py");

fn read(path: &Path) -> Value {
    serde_json::from_str(&judge("python3", &[SCRIPT, "json", path.to_str().unwrap()], &[])).unwrap()
}

/// What the readers find in a layer's file.
fn written(layer: &Layer) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layer.parquet");
    let (_, files) = layer.write(&GeoParquet, &path, false).unwrap();
    assert_eq!(files, std::slice::from_ref(&path));
    read(&path)
}

#[test]
fn every_field_type_arrives_as_itself() {
    let fields = [
        ("OID", ObjectId, "7", "int64", json!(7)),
        ("BIG", BigInteger, "9007199254740993", "int64", json!(9_007_199_254_740_993_i64)),
        ("INT", Integer, "-2147483648", "int32", json!(i32::MIN)),
        ("SMALL", SmallInteger, "-32768", "int16", json!(-32768)),
        ("SINGLE", Single, "0.5", "float", json!(0.5)),
        ("DOUBLE", Double, "0.1", "double", json!(0.1)),
        ("NAME", Text, "\"Zoë 東京 🗼\"", "string", json!("Zoë 東京 🗼")),
        ("SEEN", Date, "1700000000001", "timestamp[ms, tz=UTC]", json!("2023-11-14T22:13:20.001000Z")),
        ("DAY", DateOnly, "\"2023-05-03\"", "date32[day]", json!("2023-05-03")),
        ("AT", TimeOnly, "\"15:54:36\"", "time32[ms]", json!("15:54:36")),
        ("ID", Guid, "\"{A}\"", "string", json!("{A}")),
        ("BLOB", Blob, "\"AAE=\"", "binary", json!("0001")),
    ];
    let layer = fields.iter().fold(Layer::of(Some(Point), ""), |layer, field| layer.column(field.0, field.1.clone()));
    let cells: Vec<&str> = fields.iter().map(|field| field.2).collect();
    let nulls = vec!["null"; fields.len()];
    let found = written(&layer.point(1.0, 2.0, &cells).point(3.0, 4.0, &nulls));
    for (name, _, _, arrow, value) in &fields {
        assert_eq!((&found["types"][name], &found["rows"][0][name]), (&json!(arrow), value), "{name}");
        assert_eq!(found["rows"][1][name], Value::Null, "{name}");
    }
    assert_eq!(found["types"]["geometry"], "binary");
    assert!(found["created_by"].as_str().unwrap().starts_with("geohaul "));
}

#[test]
fn a_value_that_is_none_of_its_type_is_null_and_counted() {
    let layer = Layer::of(None, "").column("AT", TimeOnly).column("N", SmallInteger);
    let layer = layer.null(&["\"noon\"", "40000"]).null(&["\"12:00:00\"", "4"]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let (written, _) = layer.write(&GeoParquet, &path, false).unwrap();
    let losses: Vec<_> = written.losses.iter().map(|loss| (loss.field.as_deref(), loss.count)).collect();
    assert!(losses.contains(&(Some("AT"), 1)) && losses.contains(&(Some("N"), 1)), "{losses:?}");
    assert_eq!(read(&path)["rows"], json!([{"AT": null, "N": null}, {"AT": "12:00:00", "N": 4}]));
}

#[test]
fn dates_of_an_unknown_time_zone_are_no_moments() {
    let layer = Layer::of(None, "").column("SEEN", Date).plan(|plan| plan.dates_are_utc = false);
    let found = written(&layer.null(&["1700000000000"]));
    assert_eq!((&found["types"]["SEEN"], &found["rows"][0]["SEEN"]), (&json!("timestamp[ms]"), &json!("2023-11-14T22:13:20")));
}

#[test]
fn each_row_has_its_box_and_a_row_without_geometry_has_none() {
    let layer = Layer::of(Some(Polyline), "z").row(ShapeKind::Polyline, "1,2,3 4,1,9", &[]);
    let found = written(&layer.null(&[]).row(ShapeKind::Polyline, "9,9,0 8,9,0 ; 7,7,-1 6,7,0", &[]));
    let boxed = |at: usize| &found["rows"][at]["bbox"];
    assert_eq!(boxed(0), &json!({"xmin": 1.0, "ymin": 1.0, "xmax": 4.0, "ymax": 2.0}));
    assert_eq!((&found["rows"][1]["geometry"], boxed(1)), (&Value::Null, &Value::Null));
    assert_eq!(found["rows"][0]["geometry"], "LINESTRING Z (1 2 3, 4 1 9)");
    let column = &found["geo"]["columns"]["geometry"];
    assert_eq!(found["geo"]["version"], "1.1.0");
    assert_eq!(column["geometry_types"], json!(["LineString Z", "MultiLineString Z"]));
    assert_eq!(column["bbox"], json!([1.0, 1.0, -1.0, 9.0, 9.0, 9.0]));
    assert_eq!(column["covering"]["bbox"]["ymax"], json!(["bbox", "ymax"]));
    assert_eq!(found["within"], 1, "geopandas reads by the boxes");
}

#[test]
fn names_of_fields_come_before_those_of_the_geometry() {
    let found = written(&Layer::of(Some(Point), "").column("Geometry", Text).column("bbox", Text).point(1.0, 2.0, &["1", "2"]));
    assert_eq!(found["geo"]["primary_column"], "geometry_2");
    assert_eq!(found["rows"][0]["bbox_2"]["xmin"], 1.0);
    assert_eq!(found["rows"][0]["Geometry"], "1");
}

#[cfg(feature = "gdal")]
#[test]
fn coordinates_lie_where_the_file_says() {
    let mut layer = Layer::of(Some(Point), "").point(448_262.08, 5_411_932.678, &[]);
    layer.plan.crs = Some(geohaul::Crs::parse("EPSG:32632").unwrap());
    let found = written(&layer);
    assert_eq!(
        (&found["crs"], &found["geo"]["columns"]["geometry"]["crs"]["type"]),
        (&json!("EPSG:32632"), &json!("ProjectedCRS"))
    );
    let [x, y] = [0, 1].map(|at| found["lon_lat"][0][at].as_f64().unwrap());
    assert!((x - 8.295).abs() < 0.01 && (y - 48.857).abs() < 0.01, "{x} {y}");
}

#[test]
fn wgs_84_needs_no_word_and_an_unknown_system_is_null() {
    let layer = Layer::of(Some(Point), "").point(1.0, 2.0, &[]);
    let found = written(&layer);
    assert_eq!((&found["crs"], found["geo"]["columns"]["geometry"].get("crs")), (&json!("OGC:CRS84"), None));
    let found = written(&layer.plan(|plan| plan.crs = None));
    assert_eq!((&found["crs"], found["geo"]["columns"]["geometry"].get("crs")), (&Value::Null, Some(&Value::Null)));
}

#[test]
fn polygons_are_counter_clockwise_and_all_multi_on_request() {
    let square = "0,0 0,9 9,9 9,0 0,0 ; 1,1 2,1 2,2 1,1";
    let layer = Layer::of(Some(Polygon), "").row(ShapeKind::Polygon, square, &[]);
    let found = written(&layer);
    assert_eq!(found["rows"][0]["geometry"], "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 2, 2 1, 1 1))");
    assert_eq!(found["geo"]["columns"]["geometry"]["orientation"], "counterclockwise");
    assert_eq!(written(&layer.plan(|plan| plan.promote_multi = true))["kinds"], json!(["MultiPolygon"]));
    let mixed = Layer::of(Some(Mixed), "").point(1.0, 2.0, &[]).row(ShapeKind::Polygon, square, &[]);
    assert_eq!(written(&mixed)["geo"]["columns"]["geometry"]["geometry_types"], json!(["Point", "Polygon"]));
}

#[test]
fn row_groups_are_bounded_and_compressed() {
    let mut layer = Layer::of(Some(Point), "").column("N", Integer);
    for page in 0..3 {
        layer = if page > 0 { layer.page() } else { layer };
        for row in 0..40_000 {
            layer = layer.point(f64::from(row), f64::from(page), &["7"]);
        }
    }
    let found = written(&layer);
    assert_eq!((&found["groups"], &found["compression"]), (&json!([80_000, 40_000]), &json!(["ZSTD"])));
    assert_eq!(found["total_bounds"], json!([0.0, 0.0, 39_999.0, 2.0]));
}

#[test]
fn a_table_is_plain_parquet_and_an_empty_layer_has_its_columns() {
    let found = written(&Layer::of(None, "").column("N", Integer).null(&["1"]));
    assert_eq!((&found["geo"], &found["rows"]), (&Value::Null, &json!([{"N": 1}])));
    let found = written(&Layer::of(Some(Point), "").column("N", Integer));
    assert_eq!((&found["rows"], &found["types"]["N"]), (&json!([]), &json!("int32")));
    assert_eq!(found["geo"]["columns"]["geometry"]["geometry_types"], json!([]));
}

#[test]
fn what_the_format_cannot_hold_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let error = Layer::of(None, "").write(&GeoParquet, &path, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    let layers = [Layer::of(Some(Point), ""), Layer::of(Some(Point), "")];
    assert_eq!(rows::write(&GeoParquet, &layers, &path).unwrap_err().kind(), ErrorKind::Format);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_table_of_formats_has_its_row() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats.md")).unwrap();
    assert!(document.contains(&facts::row(GeoParquet.info())), "{}", facts::row(GeoParquet.info()));
}
