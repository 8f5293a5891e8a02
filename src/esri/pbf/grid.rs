//! From the integers of a PBF geometry to coordinates.
//!
//! x and y are differences inside a part and begin anew with each part; the points of a multipoint are one part
//! whatever `lengths` says; z and m are never differences. So Esri's JavaScript SDK decodes them.

use std::ops::Range;

use super::wire::{Raw, Reader, Result, zig_zag};
use crate::esri::scan::Syntax;
use crate::model::GeometryKind;

/// Doubles name every integer up to here.
const EXACT: u64 = 1 << 53;

/// One axis: `translate + scale * q`.
///
/// The decimals that a server writes into JSON are those of `translate` and `scale`, so the sum is computed in
/// decimals where it fits: then 1234567.8901 is the very double that the text 1234567.8901 stands for, and not one
/// beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    translate: f64,
    scale: f64,
    /// `translate` and `scale` as integers over a power of ten.
    decimal: Option<(i64, i64, f64)>,
}

impl Axis {
    /// An axis; a scale of 0 is one that was left out.
    pub fn new(translate: f64, scale: f64) -> Self {
        let scale = if scale == 0.0 { 1.0 } else { scale };
        Self { translate, scale, decimal: decimal(translate, scale) }
    }

    /// The distance between neighbouring values; negative where the axis runs down.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The coordinate of a grid position.
    ///
    /// ```
    /// use geohaul::esri::pbf::Axis;
    ///
    /// assert_eq!(Axis::new(-20_037_700.0, 0.0001).at(212_722_678_901), 1_234_567.8901);
    /// ```
    #[inline]
    pub fn at(&self, q: i64) -> f64 {
        if let Some((translate, scale, one)) = self.decimal
            && let Some(sum) = scale.checked_mul(q).and_then(|steps| translate.checked_add(steps))
            && sum.unsigned_abs() <= EXACT
        {
            return sum as f64 / one;
        }
        self.translate + self.scale * q as f64
    }
}

/// Both numbers over the least power of ten under which both are whole.
fn decimal(translate: f64, scale: f64) -> Option<(i64, i64, f64)> {
    let (a, b) = (digits(translate)?, digits(scale)?);
    let places = a.1.max(b.1);
    let whole = |(digits, own): (i64, u32)| digits.checked_mul(10_i64.checked_pow(places - own)?);
    // Powers of ten up to 10^22 are doubles.
    Some((whole(a)?, whole(b)?, 10_f64.powi(i32::try_from(places).ok().filter(|places| *places <= 18)?)))
}

/// The shortest digits that stand for `value`, and how many of them are decimals.
fn digits(value: f64) -> Option<(i64, u32)> {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let digits: i64 = mantissa.replace('.', "").parse().ok()?;
    let places = i32::try_from(fraction).ok()? - exponent;
    match u32::try_from(places) {
        Ok(places) => Some((digits, places)),
        Err(_) => Some((digits.checked_mul(10_i64.checked_pow(places.unsigned_abs())?)?, 0)),
    }
}

/// The grid of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// From left to right.
    pub x: Axis,
    /// From bottom to top; its scale is negative where the origin is the upper left corner.
    pub y: Axis,
    /// Heights, where there are any.
    pub z: Option<Axis>,
    /// Measures, where there are any.
    pub m: Option<Measures>,
}

/// The axis of m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    axis: Axis,
    /// A server writes "no m" as the lowest value of the grid, which is 0; where that lies at m = 0, it may as well
    /// be an m of 0.
    zero_is_none: bool,
}

impl Measures {
    fn at(&self, q: i64) -> f64 {
        if q == 0 && self.zero_is_none { f64::NAN } else { self.axis.at(q) }
    }
}

/// Reads a `Transform` message, absent ones included.
pub(super) fn transform(bytes: &[u8], range: Option<Range<usize>>, has_z: bool, has_m: bool) -> Result<Grid> {
    let mut lower_left = false;
    // x, y, m, z: as they are numbered.
    let (mut scale, mut translate) = ([1.0; 4], [0.0; 4]);
    if let Some(range) = range.clone() {
        let mut reader = Reader::new(bytes, range);
        while let Some(field) = reader.field()? {
            match field {
                (1, Raw::Varint(origin)) => lower_left = origin == 1,
                (2, Raw::Bytes(range)) => doubles(bytes, range, &mut scale)?,
                (3, Raw::Bytes(range)) => doubles(bytes, range, &mut translate)?,
                _ => {}
            }
        }
    }
    if scale.iter().chain(&translate).any(|number| !number.is_finite()) {
        return Err(Syntax { at: range.map_or(0, |range| range.start), expected: "a transform of finite numbers" });
    }
    // Left out, the scale is 1, which is also the way down.
    let axis = |at: usize| Axis::new(translate[at], scale[at]);
    let down = if scale[1] == 0.0 { -1.0 } else { -scale[1] };
    Ok(Grid {
        x: axis(0),
        y: if lower_left { axis(1) } else { Axis::new(translate[1], down) },
        z: has_z.then(|| axis(3)),
        m: has_m.then(|| Measures { axis: axis(2), zero_is_none: translate[2] != 0.0 }),
    })
}

fn doubles(bytes: &[u8], range: Range<usize>, into: &mut [f64; 4]) -> Result<()> {
    let mut reader = Reader::new(bytes, range);
    while let Some(field) = reader.field()? {
        if let (number @ 1..=4, Raw::Fixed64(bits)) = field {
            into[number as usize - 1] = f64::from_bits(bits);
        }
    }
    Ok(())
}

/// The integers of one geometry; its memory is used again from feature to feature.
#[derive(Debug, Clone, Default)]
pub struct Quantized {
    /// Vertices per part; empty for points.
    lengths: Vec<u64>,
    /// x, y, z, m of all vertices, as far as there are z and m.
    coords: Vec<i64>,
    at: usize,
}

impl Quantized {
    /// Reads a `Geometry` message.
    pub(super) fn read(&mut self, bytes: &[u8], range: Range<usize>) -> Result<()> {
        self.lengths.clear();
        self.coords.clear();
        self.at = range.start;
        let mut reader = Reader::new(bytes, range);
        // A list may come packed, in pieces, or number by number.
        while let Some(field) = reader.field()? {
            match field {
                (2, Raw::Varint(length)) => self.lengths.push(length),
                (3, Raw::Varint(coord)) => self.coords.push(zig_zag(coord)),
                (2, Raw::Bytes(range)) => {
                    let mut list = Reader::new(bytes, range);
                    while let Some(length) = list.packed()? {
                        self.lengths.push(length);
                    }
                }
                (3, Raw::Bytes(range)) => {
                    let mut list = Reader::new(bytes, range);
                    while let Some(coord) = list.packed()? {
                        self.coords.push(zig_zag(coord));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn broken(&self, expected: &'static str) -> Syntax {
        Syntax { at: self.at, expected }
    }
}

/// Takes the vertices of a geometry.
pub trait VertexSink {
    /// The next vertex of the part. An m of NaN is none.
    fn vertex(&mut self, xy: [f64; 2], z: Option<f64>, m: Option<f64>);

    /// The part is over; one without vertices is not told.
    fn end_part(&mut self);
}

impl Grid {
    /// Hands all vertices of a geometry to `sink`: a point and a multipoint are one part.
    ///
    /// # Errors
    /// Where the numbers do not make whole vertices, or are beyond 64 bits.
    pub fn place(&self, kind: GeometryKind, geometry: &Quantized, sink: &mut impl VertexSink) -> Result<()> {
        let stride = 2 + usize::from(self.z.is_some()) + usize::from(self.m.is_some());
        let vertices = geometry.coords.len() / stride;
        if !geometry.coords.len().is_multiple_of(stride) {
            return Err(geometry.broken("whole vertices"));
        }
        let one_part = matches!(kind, GeometryKind::Point | GeometryKind::Multipoint) || geometry.lengths.is_empty();
        let whole = [vertices as u64];
        let lengths = if one_part { &whole[..] } else { &geometry.lengths };
        if kind == GeometryKind::Point && vertices > 1 {
            return Err(geometry.broken("one vertex in a point"));
        }
        let mut rest = geometry.coords.as_slice();
        for length in lengths {
            let count = usize::try_from(*length).ok().and_then(|length| length.checked_mul(stride));
            let Some((part, after)) = count.and_then(|count| rest.split_at_checked(count)) else {
                return Err(geometry.broken("as many vertices as the lengths of the parts say"));
            };
            rest = after;
            self.place_part(part, stride, sink).ok_or_else(|| geometry.broken("positions of at most 64 bits"))?;
        }
        if rest.is_empty() { Ok(()) } else { Err(geometry.broken("no more vertices than the lengths of the parts say")) }
    }

    #[inline]
    fn place_part(&self, part: &[i64], stride: usize, sink: &mut impl VertexSink) -> Option<()> {
        let (mut x, mut y) = (0_i64, 0_i64);
        for vertex in part.chunks_exact(stride) {
            x = x.checked_add(vertex[0])?;
            y = y.checked_add(vertex[1])?;
            let z = self.z.map(|axis| axis.at(vertex[2]));
            let m = self.m.map(|axis| axis.at(vertex[stride - 1]));
            sink.vertex([self.x.at(x), self.y.at(y)], z, m);
        }
        if !part.is_empty() {
            sink.end_part();
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinate_is_the_double_of_its_decimals() {
        for (translate, scale, q, text) in [
            (-20_037_700.0, 0.0001, 63_950_815_412, "-13642618.4588"),
            (-400.0, 1e-9, 281_176_480_316, "-118.823519684"),
            (-400.0, 1e-9, 400_000_000_001, "0.000000001"),
            (-22_041_257.773_878, 0.0001, 1, "-22041257.773778"),
            (0.0, 0.0001, 12_345_678_901, "1234567.8901"),
            (100.0, 0.5, 3, "101.5"),
            (0.0, 1.0, -7, "-7"),
            (1e6, 1000.0, 5, "1005000"),
            (-5_120_900.0, 0.000_1, 56_209_000_003, "500000.0003"),
        ] {
            assert_eq!(Axis::new(translate, scale).at(q), text.parse::<f64>().unwrap(), "{text}");
        }
    }

    #[test]
    fn every_position_of_a_usual_grid_is_exact() {
        let axis = Axis::new(-20_037_700.0, 0.0001);
        for step in 0..20_000_i64 {
            let q = step * 20_037_731;
            let units = q - 200_377_000_000;
            let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
            let text = format!("{sign}{}.{:04}", units / 10_000, units % 10_000);
            assert_eq!(axis.at(q), text.parse::<f64>().unwrap(), "{text}");
        }
    }

    #[test]
    fn what_has_no_short_decimals_is_computed_as_doubles() {
        let axis = Axis::new(-9_901_346.895_948_993, 76.437_028_285_156_32);
        assert_eq!(axis.at(-40), -9_901_346.895_948_993 + 76.437_028_285_156_32 * -40.0);
        assert!(Axis::new(1e300, 1e-300).at(i64::MAX).is_finite());
        assert_eq!(Axis::new(0.0, 0.0001).at(i64::MAX), 0.0001 * i64::MAX as f64);
    }
}
