//! The table: numbers that keep their bits, types that give way rather than lose a value, texts, dates, nulls.

use geohaul::model::GeometryKind::Point;
use geohaul::model::plan::ColumnKind::{self, DateTime, Double, Integer, Single, Text};
use geohaul::report::{LossKind, Losses};
use geohaul::write::shapefile::Shapefile;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::readers::{ogr_csv, ogr_rows, ogrinfo, pyshp};
use crate::rows::Layer;

const I16: ColumnKind = Integer { bits: 16 };
const I32: ColumnKind = Integer { bits: 32 };
const I64: ColumnKind = Integer { bits: 64 };
const TEXT: ColumnKind = Text { length: None };

/// A written table of points: one column per kind, named A, B, C ..., beside the object ids 100, 101, ...
struct Table {
    dir: TempDir,
    losses: Losses,
}

impl Table {
    fn write(kinds: &[ColumnKind], rows: &[&[&str]]) -> Self {
        let mut layer = Layer::of(Some(Point), "").object_id("OID");
        for (index, kind) in kinds.iter().enumerate() {
            layer = layer.plain(&char::from(b'A' + index as u8).to_string(), *kind);
        }
        for (index, row) in rows.iter().enumerate() {
            let id = (100 + index).to_string();
            layer = layer.point(0.0, 0.0, &[&[id.as_str()], *row].concat());
        }
        let dir = tempfile::tempdir().unwrap();
        let (written, _) = layer.write(&Shapefile::default(), &dir.path().join("t.shp"), false).unwrap();
        Self { dir, losses: written.losses }
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("t.shp")
    }

    /// `[name, type, width, decimals]` of a column by pyshp.
    fn field(&self, name: &str) -> Value {
        let fields = pyshp(&self.path())["fields"].take();
        fields.as_array().unwrap().iter().find(|field| field[0] == name).unwrap().clone()
    }

    /// The values of a column by pyshp and by GDAL.
    fn column(&self, index: usize) -> [Vec<Value>; 2] {
        let by_pyshp = pyshp(&self.path())["rows"].as_array().unwrap().iter().map(|row| row[index + 1].clone()).collect();
        let name = char::from(b'A' + index as u8).to_string();
        [by_pyshp, ogr_rows(&self.path()).iter().map(|row| row[&name].clone()).collect()]
    }

    fn loss(&self, kind: LossKind, field: &str) -> (u64, Option<&str>) {
        let loss = self.losses.iter().find(|loss| loss.kind == kind && loss.field.as_deref() == Some(field)).unwrap();
        (loss.count, loss.first.as_deref())
    }
}

#[test]
fn doubles_read_back_to_the_same_bits() {
    let texts = [
        "1e-20",
        "1.7e300",
        "0.1",
        "1.25",
        "9007199254740993",
        "-0.0",
        "-1.7976931348623157e308",
        "-2.2250738585072014e-308",
        "5e-324",
        "0.30000000000000004",
        "123456789.123456789",
        "0.1000000000000000055511151231257827021181583404541015625",
        "-10000000000000000000000000000000000000000",
        "0.00",
        "1E+2",
    ];
    let rows: Vec<[&str; 2]> = texts.iter().map(|text| [*text, *text]).collect();
    let table = Table::write(&[Double, Single], &rows.iter().map(<[_; 2]>::as_slice).collect::<Vec<_>>());
    for index in [0, 1] {
        let [by_pyshp, by_gdal] = table.column(index);
        for (row, text) in texts.iter().enumerate() {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(by_pyshp[row].as_f64().map(f64::to_bits), Some(expected.to_bits()), "{text}: {}", by_pyshp[row]);
            // SQLite, which stands between, has no negative zero.
            assert_eq!(by_gdal[row].as_f64(), Some(expected), "{text}: {}", by_gdal[row]);
        }
    }
    assert!(table.losses.is_empty());
    assert!(ogrinfo(&table.path()).contains("A: Real (24."));
}

#[test]
fn doubles_of_whole_numbers_are_still_a_real_column() {
    let table = Table::write(&[Double], &[&["1"], &["2"], &["null"]]);
    assert_eq!(table.field("A"), json!(["A", "N", 24, 15]));
    assert!(ogrinfo(&table.path()).contains("A: Real (24.15)"));
    assert_eq!(table.column(0)[1], [json!(1.0), json!(2.0), json!(null)]);
}

#[test]
fn gdal_prints_all_decimals_that_a_column_has() {
    let table = Table::write(&[Double], &[&["0.12345678901234567"], &["1.5e-21"]]);
    assert_eq!(table.field("A")[3], 22);
    assert_eq!(ogr_csv(&table.path())[2], "\"101\",0.0000000000000000000015");
}

#[test]
fn integers_are_exact_up_to_64_bits_and_readers_see_their_type() {
    let least = ["-32768", "-2147483648", "-9223372036854775808"];
    let most = ["32767", "2147483647", "9223372036854775807"];
    let table = Table::write(
        &[I16, I32, I64, I32, I64],
        &[&[least[0], least[1], least[2], "7", "9007199254740993"], &[most[0], most[1], most[2], "-7", "null"]],
    );
    let rows = pyshp(&table.path())["rows"].take();
    assert_eq!(rows[0], json!([100, -32768, -2147483648_i64, i64::MIN, 7, 9007199254740993_i64]));
    assert_eq!(rows[1], json!([101, 32767, 2147483647, i64::MAX, -7, null]));
    let seen = ogrinfo(&table.path());
    for line in ["A: Integer (6.0)", "B: Integer (11.0)", "C: Integer64 (20.0)", "D: Integer (9.0)", "E: Integer64 (18.0)"] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    for value in ["= -9223372036854775808", "= 9223372036854775807", "= 9007199254740993", "= -2147483648"] {
        assert!(seen.contains(value), "{value}: {seen}");
    }
    assert!(table.losses.is_empty());
}

#[test]
fn integers_of_more_than_18_digits_come_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let layer = Layer::of(Some(Point), "").plain("A", I64).point(0.0, 0.0, &["9223372036854775807"]);
    let (written, _) = layer.write(&Shapefile::default(), &dir.path().join("t.shp"), false).unwrap();
    assert!(written.warnings[0].contains("ADJUST_TYPE=YES"), "{:?}", written.warnings);
}

#[test]
fn null_is_not_zero_and_zero_is_not_null() {
    let table = Table::write(
        &[I32, Double, TEXT, DateTime],
        &[&["0", "0", "\"0\"", "0"], &["null", "null", "null", "null"], &["\"\"", "\"\"", "\"\"", "\"\""]],
    );
    let rows = ogr_rows(&table.path());
    assert_eq!(rows[0], json!({"OID": 100, "A": 0, "B": 0.0, "C": "0", "D": "1970-01-01T00:00:00Z"}));
    assert_eq!(rows[1], json!({"OID": 101, "A": null, "B": null, "C": null, "D": null}));
    // The format has no empty text beside null.
    assert_eq!(rows[2], json!({"OID": 102, "A": null, "B": null, "C": null, "D": null}));
    assert_eq!(pyshp(&table.path())["rows"][1], json!([101, null, null, "", ""]));
}

#[test]
fn a_decimal_in_an_integer_column_makes_it_real_and_is_reported() {
    let table = Table::write(&[I32], &[&["5"], &["2.5"], &["7.0"], &["0.25"]]);
    assert_eq!(table.field("A"), json!(["A", "N", 24, 15]));
    assert_eq!(table.column(0)[0], [5.0, 2.5, 7.0, 0.25]);
    assert_eq!(table.loss(LossKind::TypeWidened, "A"), (2, Some("object id 101")));

    let exact = Table::write(&[I64], &[&["9007199254740993"], &["2.5"]]);
    assert_eq!(exact.column(0)[1], ["9007199254740993", "2.5"]);
}

#[test]
fn an_integer_beyond_its_declared_size_is_kept_and_reported() {
    let table = Table::write(&[I16, I32, I64], &[&["70000", "5000000000", "1"], &["1", "2", "18446744073709551616"]]);
    assert_eq!(pyshp(&table.path())["rows"][0], json!([100, 70000, 5000000000_i64, "1"]));
    assert_eq!(table.column(2)[1], ["1", "18446744073709551616"]);
    for column in ["A", "B", "C"] {
        assert_eq!(table.loss(LossKind::TypeWidened, column).0, 1);
    }
}

#[test]
fn text_in_a_number_column_is_read_as_a_number_where_it_is_one_and_kept_where_not() {
    let table = Table::write(&[Double, Double, I32], &[&["\" 1.5 \"", "1.5", "\"17\""], &["2", "\"n/a\"", "true"]]);
    assert_eq!(table.column(0)[1], [1.5, 2.0]);
    assert_eq!(table.column(1)[1], ["1.5", "n/a"]);
    assert_eq!(table.column(2)[1], [17, 1]);
    assert_eq!(table.loss(LossKind::TypeWidened, "B"), (1, Some("object id 101")));
    assert_eq!(table.loss(LossKind::TypeWidened, "C"), (1, Some("object id 101")));
}

#[test]
fn what_is_no_finite_number_is_null_and_counted() {
    let table =
        Table::write(&[Double, I32], &[&["NaN", "NaN"], &["Infinity", "1"], &["\"NaN\"", "2"], &["1e400", "3"], &["1", "4"]]);
    assert_eq!(table.column(0)[1], [json!(null), json!(null), json!(null), json!(null), json!(1.0)]);
    assert_eq!(table.loss(LossKind::ValueDropped, "A"), (4, Some("object id 100")));
    assert_eq!(table.loss(LossKind::ValueDropped, "B").0, 1);
    assert!(ogrinfo(&table.path()).contains("B: Integer (9.0)"));
}

#[test]
fn a_text_column_is_as_wide_as_its_widest_text_in_bytes() {
    let table =
        Table::write(&[TEXT, TEXT], &[&["\"Åre\"", "null"], &["\"a\\\"b\"", "null"], &["12.50", "null"], &["true", "null"]]);
    assert_eq!(table.field("A"), json!(["A", "C", 5, 0]));
    assert_eq!(table.field("B"), json!(["B", "C", 1, 0]));
    assert_eq!(table.column(0)[0], ["Åre", "a\"b", "12.50", "true"]);
    assert_eq!(table.column(0)[1], ["Åre", "a\"b", "12.50", "true"]);
    assert!(table.losses.is_empty());
}

#[test]
fn long_text_is_cut_at_a_character_and_counted() {
    // 253 bytes, then a letter of two: byte 254 is in its middle.
    let long = format!("\"{}é and more\"", "x".repeat(253));
    let fits = format!("\"{}é\"", "x".repeat(252));
    let table = Table::write(&[TEXT], &[&[&fits], &[&long], &[&long]]);
    assert_eq!(table.field("A"), json!(["A", "C", 254, 0]));
    let expected = ["x".repeat(252) + "é", "x".repeat(253), "x".repeat(253)];
    assert_eq!(table.column(0)[0], expected);
    assert_eq!(table.column(0)[1], expected);
    assert_eq!(table.loss(LossKind::TextCut, "A"), (2, Some("object id 101")));
}

#[test]
fn characters_that_end_a_text_or_a_file_are_replaced_and_counted() {
    let table = Table::write(&[TEXT], &[&[r#""a\u0000b\u001ac\nd""#], &["\"z\""]]);
    assert_eq!(table.column(0)[0], ["a b c\nd", "z"]);
    assert_eq!(table.column(0)[1], ["a b c\nd", "z"]);
    assert_eq!(table.loss(LossKind::CharactersReplaced, "A"), (1, Some("object id 100")));
}

#[test]
fn dates_are_iso_text_and_odd_ones_are_kept() {
    let dates = ["951782400000", "-1", "1700000000123", "\"8/2/2020\"", "99999999999999999", "null"];
    let rows: Vec<[&str; 1]> = dates.iter().map(|date| [*date]).collect();
    let table = Table::write(&[DateTime], &rows.iter().map(<[_; 1]>::as_slice).collect::<Vec<_>>());
    assert_eq!(table.field("A"), json!(["A", "C", 24, 0]));
    assert_eq!(
        table.column(0)[0][..5],
        ["2000-02-29T00:00:00Z", "1969-12-31T23:59:59.999Z", "2023-11-14T22:13:20.123Z", "8/2/2020", "99999999999999999"]
    );
    assert_eq!(table.loss(LossKind::TypeWidened, "A"), (1, Some("object id 104")));
}

#[test]
fn dates_of_an_unknown_time_zone_have_no_z() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.shp");
    let mut layer = Layer::of(Some(Point), "").plain("A", DateTime).point(0.0, 0.0, &["0"]);
    layer.plan.dates_are_utc = false;
    layer.write(&Shapefile::default(), &path, false).unwrap();
    assert_eq!(ogr_rows(&path)[0]["A"], "1970-01-01T00:00:00");
}
