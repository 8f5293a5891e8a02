//! Rows as typed cells and WKB, for the formats whose columns have types: GeoPackage, GDAL's drivers, FlatGeobuf and
//! GeoParquet. What does not fit its column is left null and counted.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Rows, feature_words};
#[cfg(any(feature = "geopackage", feature = "gdal"))]
use crate::model::GeometryKind;
use crate::model::plan::ColumnKind;
#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
use crate::model::wkb::{self, Dimensions, Kinds};
use crate::model::{Column, FieldType, Value, WritePlan, time};
#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
use crate::model::{OnArc, ShapeKind, arcs};
use crate::report::{LossKind, Losses};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellType {
    /// Integers of 16, 32 or 64 bits.
    Integer { bits: u8 },
    /// 32-bit floats.
    Single,
    /// 64-bit floats.
    Double,
    /// Milliseconds since 1970.
    DateTime,
    /// Days since 1970.
    Date,
    /// Text.
    Text,
    /// Bytes.
    Binary,
}

impl CellType {
    /// The type of a column's values.
    pub(crate) fn of(column: &Column) -> Self {
        match (column.kind, &column.field.field_type) {
            // One of 32 bits and one of 64 look alike in many answers.
            (ColumnKind::Integer { .. }, FieldType::ObjectId) => Self::Integer { bits: 64 },
            (ColumnKind::Integer { bits }, _) => Self::Integer { bits },
            (ColumnKind::Single, _) => Self::Single,
            (ColumnKind::Double, _) => Self::Double,
            (ColumnKind::DateTime, _) => Self::DateTime,
            (ColumnKind::Text { .. }, FieldType::DateOnly) => Self::Date,
            (ColumnKind::Text { .. }, FieldType::Blob) => Self::Binary,
            (ColumnKind::Text { .. }, _) => Self::Text,
        }
    }
}

/// One cell. Texts and bytes are ranges of [`TypedRows::bytes`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    Null,
    Integer(i64),
    Real(f64),
    /// Milliseconds since 1970.
    Millis(i64),
    /// Days since 1970.
    Days(i32),
    Text(Range<usize>),
    Binary(Range<usize>),
}

/// A geometry: where its WKB is, and its box: least x and y, greatest x and y.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypedShape {
    pub(crate) wkb: Range<usize>,
    pub(crate) bounds: [f64; 4],
}

/// A page of typed rows.
#[derive(Debug, Default)]
pub struct TypedRows {
    /// What the ranges point into.
    pub(crate) bytes: Vec<u8>,
    /// Row by row, one per column of the plan.
    pub(crate) cells: Vec<Datum>,
    /// Number of columns.
    pub(crate) columns: usize,
    /// One per row.
    pub(crate) shapes: Vec<Option<TypedShape>>,
}

impl TypedRows {
    /// The cells and the geometry of each row.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[Datum], Option<&TypedShape>)> {
        let columns = self.columns;
        self.shapes.iter().enumerate().map(move |(row, shape)| (&self.cells[row * columns..(row + 1) * columns], shape.as_ref()))
    }
}

#[cfg(feature = "gdal")]
impl TypedRows {
    /// The text of a range of this page.
    pub(crate) fn text(&self, range: &Range<usize>) -> &str {
        // It was written from a `str`.
        std::str::from_utf8(&self.bytes[range.clone()]).unwrap_or_default()
    }
}

/// What becomes of a row whose id is taken, or none that the format can hold.
#[cfg(any(feature = "geopackage", feature = "gdal"))]
pub(crate) const OTHER_ID: &str = "the row has another id";

/// Rows whose ids are taken, or null, wait for the end of their layer: an id that they got before would be taken from
/// a row that comes. So many bytes of them, since they wait in memory; further ones get theirs at once.
#[cfg(any(feature = "geopackage", feature = "gdal"))]
const MOST_WAITING: usize = 64 << 20;

#[cfg(any(feature = "geopackage", feature = "gdal"))]
impl TypedRows {
    /// Takes a copy of a row of another page, to be written at the end; `false` where it holds enough.
    pub(crate) fn keep(&mut self, from: &Self, cells: &[Datum], shape: Option<&TypedShape>) -> bool {
        if self.bytes.len() + self.cells.len() * size_of::<Datum>() > MOST_WAITING {
            return false;
        }
        self.columns = from.columns;
        let bytes = &mut self.bytes;
        let mut copy = |range: &Range<usize>| append(bytes, &from.bytes[range.clone()]);
        self.cells.extend(cells.iter().map(|cell| match cell {
            Datum::Text(range) => Datum::Text(copy(range)),
            Datum::Binary(range) => Datum::Binary(copy(range)),
            other => other.clone(),
        }));
        self.shapes.push(shape.map(|shape| TypedShape { wkb: copy(&shape.wkb), bounds: shape.bounds }));
        true
    }
}

/// The plan's column that holds the object ids, where they can be the ids of rows.
#[cfg(any(feature = "geopackage", feature = "gdal"))]
pub(crate) fn object_id_column(plan: &WritePlan) -> Option<usize> {
    let from = plan.object_id.filter(|_| !plan.ids_repeat)?;
    plan.columns.iter().position(|column| column.from == from && matches!(column.kind, ColumnKind::Integer { .. }))
}

/// Whether the dates of a column are UTC, and no wall-clock times of an unknown zone.
pub(crate) fn is_utc(plan: &WritePlan, column: &Column) -> bool {
    plan.dates_are_utc || column.field.always_utc
}

/// Encodes the cells of a page and no geometry.
pub(crate) fn encode_cells(plan: &WritePlan, rows: Rows<'_>, losses: &mut Losses) -> TypedRows {
    let mut page = TypedRows { bytes: Vec::with_capacity(rows.batch.text.len() / 4), ..TypedRows::default() };
    fill(&mut page, plan, rows, losses, |_, _, _| None);
    page
}

/// The types of a layer's geometries, where they are either multi types or any: see [`Kinds`].
#[cfg(any(feature = "geopackage", feature = "gdal"))]
pub(crate) fn kinds(plan: &WritePlan) -> Kinds {
    if plan.keep_curves {
        return Kinds::Curves;
    }
    if plan.geometry == Some(GeometryKind::Mixed) && !plan.promote_multi { Kinds::AsIs } else { Kinds::Multi }
}

/// Encodes a page. `before` writes what stands before the WKB of a geometry in this format, from its box.
#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
pub(crate) fn encode(
    plan: &WritePlan,
    rows: Rows<'_>,
    kinds: Kinds,
    losses: &mut Losses,
    before: impl Fn(&mut Vec<u8>, &[f64; 4], bool),
) -> TypedRows {
    let dimensions = Dimensions { z: plan.z, m: plan.m };
    let vertex = 16 + 8 * (usize::from(plan.z) + usize::from(plan.m));
    let capacity = rows.batch.text.len() / 4 + rows.geometry.xy.len() * vertex + rows.batch.rows() * 64;
    let mut page = TypedRows { bytes: Vec::with_capacity(capacity), ..TypedRows::default() };
    fill(&mut page, plan, rows, losses, |bytes, losses, row| {
        let shape = rows.geometry.shape(row);
        let start = bytes.len();
        (plan.geometry.is_some() && !shape.is_null()).then(|| {
            let mut bounds = bounds(shape.xy());
            if plan.keep_curves {
                shape.parts().for_each(|part| arcs::widen(&mut bounds, part));
            }
            before(bytes, &bounds, shape.kind == ShapeKind::Point);
            let misleads = || shape.kind == ShapeKind::Polygon && !shape.parts().all(arcs::tell_direction);
            let kinds = if plan.keep_curves && misleads() {
                let arcs = shape.parts().flat_map(|part| part.arcs).filter(|place| **place == OnArc::Middle).count() as u64;
                let detail = "an arc by a point far from its middle".to_owned();
                let first = || Some(feature_words(plan, rows.batch, row));
                losses.add_many(LossKind::Densified, None, arcs, Some(detail), first);
                Kinds::Multi
            } else {
                kinds
            };
            wkb::push(bytes, shape, dimensions, kinds);
            TypedShape { wkb: start..bytes.len(), bounds }
        })
    });
    page
}

/// Fills a page row by row; `shape` writes the geometry of a row.
fn fill(
    page: &mut TypedRows,
    plan: &WritePlan,
    rows: Rows<'_>,
    losses: &mut Losses,
    shape: impl Fn(&mut Vec<u8>, &mut Losses, usize) -> Option<TypedShape>,
) {
    let count = rows.batch.rows();
    page.columns = plan.columns.len();
    page.cells.reserve(count * page.columns);
    page.shapes.reserve(count);
    let types: Vec<CellType> = plan.columns.iter().map(CellType::of).collect();
    for row in 0..count {
        for (column, cell_type) in plan.columns.iter().zip(&types) {
            let value = rows.batch.value(row, column.from);
            let datum = datum(&mut page.bytes, &value, *cell_type).unwrap_or_else(|| {
                losses.add(LossKind::ValueDropped, Some(&column.field.name), || Some(feature_words(plan, rows.batch, row)));
                Datum::Null
            });
            page.cells.push(datum);
        }
        let shape = shape(&mut page.bytes, losses, row);
        page.shapes.push(shape);
    }
}

/// A box that meets no other, and widens none that it is joined with.
pub(crate) const NOWHERE: [f64; 4] = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];

/// The box around two boxes.
pub(crate) fn join(one: [f64; 4], other: [f64; 4]) -> [f64; 4] {
    [one[0].min(other[0]), one[1].min(other[1]), one[2].max(other[2]), one[3].max(other[3])]
}

/// The box around vertices: least x and y, greatest x and y.
pub(crate) fn bounds(xy: &[[f64; 2]]) -> [f64; 4] {
    xy.iter().fold(NOWHERE, |all, &[x, y]| join(all, [x, y, x, y]))
}

/// The value as its column's type; `None` where it is none.
fn datum(bytes: &mut Vec<u8>, value: &Value<'_>, cell_type: CellType) -> Option<Datum> {
    let blank = matches!(value, Value::Text(text) if text.trim().is_empty());
    if value.is_null() || (blank && cell_type != CellType::Text) {
        return Some(Datum::Null);
    }
    Some(match cell_type {
        CellType::Integer { bits } => Datum::Integer(value.as_i64().filter(|integer| fits(*integer, bits))?),
        CellType::Single => Datum::Real(value.as_f64().filter(|real| (*real as f32).is_finite())?),
        CellType::Double => Datum::Real(value.as_f64().filter(|real| real.is_finite())?),
        CellType::DateTime => Datum::Millis(millis(value)?),
        CellType::Date => Datum::Days(days(value)?),
        CellType::Text => {
            let text = value.to_text()?;
            Datum::Text(append(bytes, text.as_bytes()))
        }
        CellType::Binary => {
            let Value::Text(text) = value else { return None };
            Datum::Binary(append(bytes, &BASE64.decode(text.trim()).ok()?))
        }
    })
}

fn append(bytes: &mut Vec<u8>, more: &[u8]) -> Range<usize> {
    let start = bytes.len();
    bytes.extend_from_slice(more);
    start..bytes.len()
}

fn fits(integer: i64, bits: u8) -> bool {
    match bits {
        16 => i16::try_from(integer).is_ok(),
        32 => i32::try_from(integer).is_ok(),
        _ => true,
    }
}

/// Old servers send dates as ISO text.
fn millis(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Bool(_) | Value::Json(_) | Value::Null => None,
        Value::Text(text) => match text.trim().parse::<Timestamp>() {
            Ok(moment) => Some(moment.as_millisecond()),
            Err(_) => {
                let text = text.trim();
                time::epoch_ms(text.strip_suffix('Z').unwrap_or(text).parse().ok()?)
            }
        },
        _ => value.as_i64().filter(|number| time::civil(*number).is_some()),
    }
}

fn days(value: &Value<'_>) -> Option<i32> {
    let date = match value {
        Value::Text(text) => text.trim().parse::<Date>().ok()?,
        _ => time::civil(millis(value)?)?.date(),
    };
    let since = date.since(Date::constant(1970, 1, 1)).ok()?;
    Some(since.get_days())
}

/// The day that is so many days after the first of 1970.
pub(crate) fn date(days: i32) -> Option<Date> {
    Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_no_value_of_its_column_is_none() {
        let typed = |value: Value<'_>, cell_type| datum(&mut Vec::new(), &value, cell_type);
        let text = |text: &'static str| Value::Text(text.into());
        assert_eq!(
            typed(Value::Number("9007199254740993"), CellType::Integer { bits: 64 }),
            Some(Datum::Integer(9_007_199_254_740_993))
        );
        assert_eq!(typed(Value::Number("40000"), CellType::Integer { bits: 16 }), None);
        assert_eq!(typed(text("x"), CellType::Integer { bits: 32 }), None);
        assert_eq!(typed(text(" "), CellType::Double), Some(Datum::Null));
        assert_eq!(typed(Value::Real(f64::NAN), CellType::Double), None);
        assert_eq!(typed(Value::Number("1e39"), CellType::Single), None);
        assert_eq!(typed(text("2023-05-03"), CellType::Date), Some(Datum::Days(19_480)));
        assert_eq!(typed(text("2023-05-03T11:44:08Z"), CellType::DateTime), Some(Datum::Millis(1_683_114_248_000)));
        assert_eq!(typed(Value::Number("-1"), CellType::DateTime), Some(Datum::Millis(-1)));
        assert_eq!(typed(Value::Number("9e18"), CellType::DateTime), None);
        assert_eq!(typed(text("!"), CellType::Binary), None);
        assert_eq!(typed(text("AAE="), CellType::Binary), Some(Datum::Binary(0..2)));
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(date(19_480), Some(Date::constant(2023, 5, 3)));
        assert_eq!(date(-1), Some(Date::constant(1969, 12, 31)));
        assert_eq!(date(i32::MAX), None);
    }
}
