//! Geometries as ISO WKB, little-endian: shells counter-clockwise and holes clockwise, so canonical rings are written
//! backwards.

use super::{OnArc, Part, Shape, ShapeKind, arcs};

/// Which geometry types a layer's rows get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(any(feature = "geopackage", feature = "gdal")), allow(dead_code, reason = "a lone geometry is what it is"))]
pub(crate) enum Kinds {
    /// Lines and polygons are always of the multi type, so that all rows of a layer have one type.
    #[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
    Multi,
    /// As above; a row with arcs is of the type that holds them.
    Curves,
    /// A single line or polygon is of the single type.
    AsIs,
}

/// Which ordinates follow x and y; one that a vertex lacks is NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dimensions {
    pub(crate) z: bool,
    pub(crate) m: bool,
}

const POINT: u32 = 1;
const LINE: u32 = 2;
const POLYGON: u32 = 3;
const MULTIPOINT: u32 = 4;
const MULTILINE: u32 = 5;
const MULTIPOLYGON: u32 = 6;
const CIRCULARSTRING: u32 = 8;
const COMPOUNDCURVE: u32 = 9;
const CURVEPOLYGON: u32 = 10;
const MULTICURVE: u32 = 11;
const MULTISURFACE: u32 = 12;

/// Appends a geometry; nothing for null. `true` where there is one.
pub(crate) fn push(out: &mut Vec<u8>, shape: Shape<'_>, dimensions: Dimensions, kinds: Kinds) -> bool {
    let mut writer = Writer { out, dimensions };
    let single = |parts: usize| parts == 1 && kinds == Kinds::AsIs;
    let curved = kinds == Kinds::Curves && shape.parts().any(|part| part.arcs.contains(&OnArc::Middle));
    match shape.kind {
        ShapeKind::Null => return false,
        ShapeKind::Point => {
            writer.kind(POINT);
            shape.parts().take(1).for_each(|part| writer.vertex(part, 0));
        }
        ShapeKind::Multipoint => {
            writer.kind(MULTIPOINT);
            writer.count(shape.xy().len());
            for part in shape.parts() {
                for at in 0..part.xy.len() {
                    writer.kind(POINT);
                    writer.vertex(part, at);
                }
            }
        }
        ShapeKind::Polyline => {
            if !single(shape.part_count()) {
                writer.kind(if curved { MULTICURVE } else { MULTILINE });
                writer.count(shape.part_count());
            }
            for part in shape.parts() {
                if !(curved && writer.curve(part, false)) {
                    writer.kind(LINE);
                    writer.vertices(part, 0..part.xy.len());
                }
            }
        }
        ShapeKind::Polygon => {
            let polygons = shape.polygon_sizes().count();
            if !single(polygons) {
                writer.kind(if curved { MULTISURFACE } else { MULTIPOLYGON });
                writer.count(polygons);
            }
            let mut parts = shape.parts();
            for rings in shape.polygon_sizes() {
                let curved = curved && parts.clone().take(rings).any(|ring| ring.arcs.contains(&OnArc::Middle));
                writer.kind(if curved { CURVEPOLYGON } else { POLYGON });
                writer.count(rings);
                for ring in parts.by_ref().take(rings) {
                    if curved && writer.curve(ring, true) {
                        continue;
                    }
                    if curved {
                        writer.kind(LINE);
                    }
                    writer.vertices(ring, (0..ring.xy.len()).rev());
                }
            }
        }
    }
    true
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    dimensions: Dimensions,
}

impl Writer<'_> {
    /// The byte order and the type.
    fn kind(&mut self, base: u32) {
        let Dimensions { z, m } = self.dimensions;
        self.out.push(1);
        self.out.extend_from_slice(&(base + 1000 * u32::from(z) + 2000 * u32::from(m)).to_le_bytes());
    }

    /// Counts of a page are below 2^32: see [`crate::model::Geometries`].
    fn count(&mut self, count: usize) {
        self.out.extend_from_slice(&(count as u32).to_le_bytes());
    }

    /// A part with arcs, a ring from its end where it is to be `reversed`; `false` where it has none.
    fn curve(&mut self, part: Part<'_>, reversed: bool) -> bool {
        let mut runs = arcs::runs(part, reversed);
        if reversed {
            runs.reverse();
            runs.iter_mut().for_each(|run| run.vertices.reverse());
        }
        if runs.len() > 1 {
            self.kind(COMPOUNDCURVE);
            self.count(runs.len());
        }
        for run in &runs {
            self.kind(if run.arcs { CIRCULARSTRING } else { LINE });
            self.vertices(part, run.vertices.iter().copied());
        }
        !runs.is_empty()
    }

    fn vertices(&mut self, part: Part<'_>, order: impl ExactSizeIterator<Item = usize>) {
        self.count(order.len());
        self.out.reserve(order.len() * 32);
        order.for_each(|at| self.vertex(part, at));
    }

    #[inline]
    fn vertex(&mut self, part: Part<'_>, at: usize) {
        let [x, y] = part.xy[at];
        self.out.extend_from_slice(&x.to_le_bytes());
        self.out.extend_from_slice(&y.to_le_bytes());
        for (wanted, values) in [(self.dimensions.z, part.z), (self.dimensions.m, part.m)] {
            if wanted {
                self.out.extend_from_slice(&values.get(at).copied().unwrap_or(f64::NAN).to_le_bytes());
            }
        }
    }
}
