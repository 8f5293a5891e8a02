//! Shapes as record contents, on the workers.
//!
//! Geometries come as Shapefile wants them (shells clockwise, each before its holes, rings closed), so vertices
//! are copied in their order.

use super::check_size;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{GeometryKind, Shape, ShapeKind, WritePlan};
use crate::report::{LossKind, Losses};
use crate::write::{Rows, feature_words};

/// "No m": readers take every value below -1e38 for it.
const NO_M: f64 = f64::MIN;

/// What the records of a file hold. A measure-less Z file leaves out the M block, which is optional, except in
/// points.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShapeType {
    pub(super) kind: ShapeKind,
    pub(super) z: bool,
    pub(super) m: bool,
}

impl ShapeType {
    /// The one shape type that holds a layer of one kind.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] where there is none.
    pub(super) fn of(plan: &WritePlan) -> Result<Self> {
        let refused = |what: String, hint| Err(Error::new(ErrorKind::Format, what).in_layer(&plan.layer).hint(hint));
        let kind = match plan.geometry {
            Some(GeometryKind::Point) => ShapeKind::Point,
            Some(GeometryKind::Multipoint) => ShapeKind::Multipoint,
            Some(GeometryKind::Polyline) => ShapeKind::Polyline,
            Some(GeometryKind::Polygon | GeometryKind::Envelope) => ShapeKind::Polygon,
            Some(other) => return refused(format!("a Shapefile can't hold {other} geometries"), "write GeoJSON"),
            None => return refused("a Shapefile can't hold a table, which has no geometry".to_owned(), "write CSV"),
        };
        Ok(Self { kind, z: plan.z, m: plan.m })
    }

    /// The format's number for it.
    pub(super) fn code(self) -> i32 {
        let plain = match self.kind {
            ShapeKind::Null => return 0,
            ShapeKind::Point => 1,
            ShapeKind::Polyline => 3,
            ShapeKind::Polygon => 5,
            ShapeKind::Multipoint => 8,
        };
        match (self.z, self.m) {
            (true, _) => plain + 10,
            (false, true) => plain + 20,
            (false, false) => plain,
        }
    }
}

/// Least and greatest value; the empty range is the wrong way round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    min: f64,
    max: f64,
}

impl Range {
    const EMPTY: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY };

    fn of(values: impl Iterator<Item = f64>) -> Self {
        values.fold(Self::EMPTY, |range, value| Self { min: range.min.min(value), max: range.max.max(value) })
    }

    fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// `[min, max]`, or twice `value` where the range is empty.
    pub(super) fn or(self, value: f64) -> [f64; 2] {
        if self.min <= self.max { [self.min, self.max] } else { [value; 2] }
    }
}

/// The extent of shapes. `m` is over what is measured only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) x: Range,
    pub(super) y: Range,
    pub(super) z: Range,
    pub(super) m: Range,
}

impl Bounds {
    pub(super) const EMPTY: Self = Self { x: Range::EMPTY, y: Range::EMPTY, z: Range::EMPTY, m: Range::EMPTY };

    pub(super) fn join(self, other: Self) -> Self {
        Self { x: self.x.join(other.x), y: self.y.join(other.y), z: self.z.join(other.z), m: self.m.join(other.m) }
    }
}

/// The record contents of one page, without record headers.
pub(super) struct Shapes {
    pub(super) bytes: Vec<u8>,
    /// Bytes per record.
    pub(super) lengths: Vec<u32>,
    pub(super) bounds: Bounds,
}

/// Encodes the geometries of selected rows of a page.
///
/// # Errors
/// [`ErrorKind::Format`] where a row is of another kind than the layer, or too large; it names the row.
pub(super) fn encode(
    plan: &WritePlan,
    shape_type: ShapeType,
    rows: Rows<'_>,
    selected: &[usize],
    losses: &mut Losses,
) -> Result<Shapes> {
    let Rows { batch, geometry } = rows;
    let ordinates = 2 + usize::from(plan.z) + usize::from(plan.m);
    let guess = geometry.rows() * 76 + geometry.part_ends.len() * 4 + geometry.xy.len() * 8 * ordinates;
    let mut encoder = Encoder {
        shape_type,
        scale: plan.decimals.filter(|decimals| *decimals <= 15).map(|decimals| 10f64.powi(i32::from(decimals))),
        bytes: Vec::with_capacity(guess),
        bounds: Bounds::EMPTY,
    };
    let mut lengths = Vec::with_capacity(selected.len());
    for &row in selected {
        let begin = encoder.bytes.len();
        let name = || feature_words(plan, batch, row);
        let fate = encoder.row(&geometry.shape(row)).map_err(|e| e.in_layer(&plan.layer).of_feature(name()))?;
        let (kind, count, detail) = match fate {
            Fate::Kept => (LossKind::OrdinateFilled, 0, None),
            Fate::WithoutZ => (LossKind::OrdinateFilled, 1, None),
            Fate::NotFinite => (LossKind::ValueDropped, 1, Some("infinite x or y")),
        };
        if count > 0 {
            losses.add_many(kind, None, count, detail.map(str::to_owned), || Some(name()));
        }
        // `row` refused what is larger than a file may be.
        lengths.push((encoder.bytes.len() - begin) as u32);
    }
    Ok(Shapes { bytes: encoder.bytes, lengths, bounds: encoder.bounds })
}

/// What became of a row's geometry.
enum Fate {
    /// It was written, or is null.
    Kept,
    /// It was written, with 0 for vertices without z.
    WithoutZ,
    /// An x or y is no number that the format may hold: a null shape was written.
    NotFinite,
}

struct Encoder {
    shape_type: ShapeType,
    /// 10 to the power of the decimals to keep.
    scale: Option<f64>,
    bytes: Vec<u8>,
    bounds: Bounds,
}

impl Encoder {
    fn row(&mut self, shape: &Shape<'_>) -> Result<Fate> {
        let ShapeType { kind, z, m } = self.shape_type;
        let vertices = shape.xy().len();
        if shape.is_null() || vertices == 0 {
            self.integer(0);
            return Ok(Fate::Kept);
        }
        let fits = match (shape.kind, kind) {
            (ShapeKind::Point, ShapeKind::Multipoint) => true,
            (ShapeKind::Multipoint, ShapeKind::Point) => vertices == 1,
            (row, layer) => row == layer,
        };
        if !fits {
            let what = format!("a Shapefile of {} can't hold a {}", in_words(kind, true), in_words(shape.kind, false));
            return Err(Error::new(ErrorKind::Format, what).hint("write GeoJSON, which holds every kind"));
        }
        let per_vertex = 16 + 8 * u64::from(z) + 8 * u64::from(m);
        check_size("shp", 200 + 4 * shape.part_count() as u64 + per_vertex * vertices as u64)?;
        if !shape.xy().iter().flatten().all(|ordinate| ordinate.is_finite()) {
            self.integer(0);
            return Ok(Fate::NotFinite);
        }

        self.integer(self.shape_type.code());
        match kind {
            ShapeKind::Point => self.xy(shape),
            ShapeKind::Multipoint => {
                self.extent(shape);
                self.integer(vertices as i32);
                self.xy(shape);
            }
            _ => {
                self.extent(shape);
                self.integer(shape.part_count() as i32);
                self.integer(vertices as i32);
                let mut start = 0;
                for part in shape.parts() {
                    self.integer(start);
                    start += part.xy.len() as i32;
                }
                self.xy(shape);
            }
        }
        let without_z = z && self.z(shape);
        // The M of a point is not optional in a Z file.
        if m || (z && kind == ShapeKind::Point) {
            self.m(shape);
        }
        Ok(if without_z { Fate::WithoutZ } else { Fate::Kept })
    }

    /// The bounding box of x and y.
    fn extent(&mut self, shape: &Shape<'_>) {
        let [x, y] = [0, 1].map(|axis| Range::of(shape.xy().iter().map(|vertex| self.rounded(vertex[axis]))));
        self.reals([x.min, y.min, x.max, y.max]);
    }

    fn xy(&mut self, shape: &Shape<'_>) {
        for vertex in shape.xy() {
            let [x, y] = vertex.map(|ordinate| self.rounded(ordinate));
            self.bounds.x = self.bounds.x.join(Range { min: x, max: x });
            self.bounds.y = self.bounds.y.join(Range { min: y, max: y });
            self.reals([x, y]);
        }
    }

    /// Writes the z block; `true` where a vertex had no z.
    fn z(&mut self, shape: &Shape<'_>) -> bool {
        let clean = |z: f64| if z.is_finite() { z } else { 0.0 };
        let range = Range::of(each(shape.z(), shape).map(clean));
        self.bounds.z = self.bounds.z.join(range);
        if self.shape_type.kind != ShapeKind::Point {
            self.reals([range.min, range.max]);
        }
        let mut missing = false;
        for z in each(shape.z(), shape) {
            missing |= !z.is_finite();
            self.reals([clean(z)]);
        }
        missing
    }

    fn m(&mut self, shape: &Shape<'_>) {
        let range = Range::of(each(shape.m(), shape).filter(|m| m.is_finite()));
        self.bounds.m = self.bounds.m.join(range);
        if self.shape_type.kind != ShapeKind::Point {
            self.reals(range.or(NO_M));
        }
        for m in each(shape.m(), shape) {
            self.reals([if m.is_finite() { m } else { NO_M }]);
        }
    }

    fn rounded(&self, ordinate: f64) -> f64 {
        const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
        match self.scale {
            Some(scale) if (ordinate * scale).abs() < LARGEST_EXACT => (ordinate * scale).round() / scale,
            _ => ordinate,
        }
    }

    fn integer(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn reals<const N: usize>(&mut self, values: [f64; N]) {
        for value in values {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// One value per vertex of the shape: NaN, which is "none", where the layer has none at all.
fn each<'a>(values: &'a [f64], shape: &Shape<'a>) -> impl Iterator<Item = f64> + 'a {
    let absent = shape.xy().len() - values.len().min(shape.xy().len());
    values.iter().copied().chain(std::iter::repeat_n(f64::NAN, absent))
}

fn in_words(kind: ShapeKind, many: bool) -> &'static str {
    match (kind, many) {
        (ShapeKind::Null, _) => "nothing",
        (ShapeKind::Point, false) => "point",
        (ShapeKind::Point, true) => "points",
        (ShapeKind::Multipoint, false) => "multipoint",
        (ShapeKind::Multipoint, true) => "multipoints",
        (ShapeKind::Polyline, false) => "polyline",
        (ShapeKind::Polyline, true) => "polylines",
        (ShapeKind::Polygon, false) => "polygon",
        (ShapeKind::Polygon, true) => "polygons",
    }
}
