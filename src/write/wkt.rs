//! Geometries as WKT (OGC 06-103r4): shells counter-clockwise and holes clockwise, so canonical rings are written
//! backwards.

use super::number::{push_coordinate, push_xy_apart};
use crate::model::{Batch, Part, Shape, ShapeKind, WritePlan};

/// Appends a geometry; nothing for null. `true` where a vertex lacks a z or m that another one of it has: GDAL reads no WKT
/// with a `nan` in it, so 0 stands there.
pub(super) fn push(out: &mut Vec<u8>, plan: &WritePlan, batch: &Batch, shape: Shape<'_>) -> bool {
    // A geometry that has none is written without.
    let has = |values: &[f64]| values.iter().any(|value| value.is_finite());
    let (z, m) = (plan.z && has(shape.z()), plan.m && has(shape.m()));
    let mut writer = Writer { out, batch, decimals: plan.decimals, z, m, filled: false };
    match shape.kind {
        ShapeKind::Null => {}
        ShapeKind::Point => {
            writer.kind("POINT");
            shape.parts().take(1).for_each(|part| writer.list(part, 0..1));
        }
        ShapeKind::Multipoint => {
            writer.kind("MULTIPOINT");
            let points = shape.parts().flat_map(|part| (0..part.xy.len()).map(move |at| (part, at)));
            writer.group(points, |writer, (part, at)| writer.list(part, at..at + 1));
        }
        ShapeKind::Polyline => {
            let single = shape.part_count() == 1 && !plan.promote_multi;
            writer.kind(if single { "LINESTRING" } else { "MULTILINESTRING" });
            if single {
                shape.parts().for_each(|part| writer.list(part, 0..part.xy.len()));
            } else {
                writer.group(shape.parts(), |writer, part| writer.list(part, 0..part.xy.len()));
            }
        }
        ShapeKind::Polygon => {
            let single = shape.polygon_sizes().nth(1).is_none() && !plan.promote_multi;
            writer.kind(if single { "POLYGON" } else { "MULTIPOLYGON" });
            let mut rings = shape.parts();
            let mut polygon = |writer: &mut Writer<'_>, size: usize| {
                let rings = rings.by_ref().take(size);
                writer.group(rings, |writer, ring| writer.list(ring, (0..ring.xy.len()).rev()));
            };
            if single {
                shape.polygon_sizes().for_each(|size| polygon(&mut writer, size));
            } else {
                writer.group(shape.polygon_sizes(), polygon);
            }
        }
    }
    writer.filled
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    batch: &'a Batch,
    decimals: Option<u8>,
    z: bool,
    m: bool,
    filled: bool,
}

impl Writer<'_> {
    fn kind(&mut self, kind: &str) {
        self.out.extend_from_slice(kind.as_bytes());
        let dimensions: &[u8] = match (self.z, self.m) {
            (false, false) => b" ",
            (true, false) => b" Z ",
            (false, true) => b" M ",
            (true, true) => b" ZM ",
        };
        self.out.extend_from_slice(dimensions);
    }

    /// `(a,b,c)`.
    fn group<T>(&mut self, items: impl Iterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        for (at, item) in items.enumerate() {
            self.out.push(if at == 0 { b'(' } else { b',' });
            each(self, item);
        }
        self.out.push(b')');
    }

    /// Vertices in brackets.
    fn list(&mut self, part: Part<'_>, order: impl Iterator<Item = usize>) {
        self.group(order, |writer, at| writer.vertex(part, at));
    }

    fn vertex(&mut self, part: Part<'_>, at: usize) {
        push_xy_apart(self.out, self.batch, &part, at, self.decimals, b' ');
        for (written, values) in [(self.z, part.z), (self.m, part.m)] {
            if written {
                self.out.push(b' ');
                let known = values.get(at).copied().filter(|value| value.is_finite());
                self.filled |= known.is_none();
                push_coordinate(self.out, known.unwrap_or(0.0), None);
            }
        }
    }
}
