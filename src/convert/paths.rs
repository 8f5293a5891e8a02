//! Paths and rings as they are taken apart and put together again.

use std::ops::Range;

use super::split::Vertex;
use crate::model::{Geometries, Part, ShapeKind};

/// The vertices of each path and ring; `true` is a ring.
pub(super) fn lines(geometry: &Geometries) -> impl Iterator<Item = (Range<usize>, bool)> {
    let end = |ends: &[u32], index: usize| if index == 0 { 0 } else { ends[index - 1] as usize };
    let rows = (0..geometry.rows()).filter(|row| matches!(geometry.kinds[*row], ShapeKind::Polyline | ShapeKind::Polygon));
    rows.flat_map(move |row| {
        let parts = end(&geometry.row_ends, row)..end(&geometry.row_ends, row + 1);
        let closed = geometry.kinds[row] == ShapeKind::Polygon;
        parts.map(move |part| (end(&geometry.part_ends, part)..end(&geometry.part_ends, part + 1), closed))
    })
}

/// The vertices of a path or ring; without z or m they are NaN.
pub(super) fn vertices(part: &Part<'_>) -> Vec<Vertex> {
    let of = |values: &[f64], at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    part.xy.iter().enumerate().map(|(at, [x, y])| [*x, *y, of(part.z, at), of(part.m, at)]).collect()
}

/// Whether a ring ends a turn from where it began.
pub(super) fn winds<const N: usize>(ring: &[[f64; N]]) -> bool {
    ring.first().zip(ring.last()).is_some_and(|(first, last)| (first[0] - last[0]).abs() > 180.0)
}

/// Adds rows of `from`, as they are but for the texts.
pub(super) fn copy_rows(into: &mut Geometries, from: &Geometries, rows: Range<usize>) {
    let end = |ends: &[u32], index: usize| if index == 0 { 0 } else { ends[index - 1] as usize };
    let parts = end(&from.row_ends, rows.start)..end(&from.row_ends, rows.end);
    let vertices = end(&from.part_ends, parts.start)..end(&from.part_ends, parts.end);
    let moved = |ends: &[u32], before: usize, now: usize| -> Vec<u32> {
        // Both are counts of one page, below 2^32.
        ends.iter().map(|end| (*end as usize - before + now) as u32).collect()
    };
    into.row_ends.extend(moved(&from.row_ends[rows.clone()], parts.start, into.part_ends.len()));
    into.part_ends.extend(moved(&from.part_ends[parts.clone()], vertices.start, into.xy.len()));
    into.kinds.extend(&from.kinds[rows]);
    into.roles.extend(&from.roles[parts]);
    into.xy.extend(&from.xy[vertices.clone()]);
    for (into, from) in [(&mut into.z, &from.z), (&mut into.m, &from.m)] {
        if !from.is_empty() {
            into.extend(&from[vertices.clone()]);
        }
    }
}
