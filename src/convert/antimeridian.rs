//! Longitudes beyond ±180, for outputs in WGS 84: RFC 7946 wants geometries cut at the 180th meridian (3.1.9).
//!
//! Two points 340 degrees apart may be the ends of a short edge across the meridian, or of a real long edge: a box
//! around the world is a common extent of a geoprocessing task. The source decides. Its own longitudes are taken at
//! their word; after a projection, which wraps what it gives into ±180, the edge's middle is projected too, and shows
//! which way the edge goes. So longitudes are first made to run on ([`run_on`]), and then cut ([`cut`]).
//!
//! A ring that winds around a pole ends a turn from where it began, and is closed along the pole (`poles.rs`).

use std::borrow::Cow;

use super::paths::{copy_rows, lines, vertices, winds};
use super::{poles, rings, split};
use crate::error::Result;
use crate::model::geometry::Role;
use crate::model::plan::Antimeridian;
use crate::model::{Geometries, Shape, ShapeKind, Transform};
use crate::report::{LossKind, Losses};
use split::Vertex;

/// Longitudes this far out are no map that goes around and around, but projected coordinates that are called degrees.
/// Only a track (a satellite's) may go farther, in steps of less than half a turn.
const FARTHEST: f64 = 1080.0;

/// Computed longitudes this close to the meridian (a tenth of a millimetre) lie on it.
const CLOSE: f64 = 1e-9;

/// Undoes the wrapping of longitudes that were transformed from `source`, vertex by vertex the same.
///
/// # Errors
/// As [`Transform::apply`].
pub(super) fn run_on(source: &Geometries, transform: &Transform, mode: Antimeridian, xy: &mut [[f64; 2]]) -> Result<()> {
    if transform.from.geographic {
        for (to, from) in xy.iter_mut().zip(&source.xy) {
            to[0] += 360.0 * ((from[0] - to[0]) / 360.0).round();
        }
    } else if mode == Antimeridian::Fold {
        let crossings = crossings(source, transform, xy)?;
        if !crossings.is_empty() {
            for (range, closed) in lines(source) {
                let start = range.start;
                unwrap(&mut xy[range], closed, |vertex| crossings.binary_search(&(start + vertex)).is_ok());
            }
        }
    }
    for [x, _] in xy {
        if (x.abs() - 180.0).abs() < CLOSE {
            *x = 180_f64.copysign(*x);
        }
    }
    Ok(())
}

/// The edges, by their second vertex, that cross the meridian: their ends are far apart, and their middle is not
/// where the way around the world would have it.
fn crossings(source: &Geometries, transform: &Transform, xy: &[[f64; 2]]) -> Result<Vec<usize>> {
    let vertices = lines(source).flat_map(|(range, _)| range.skip(1));
    let mut jumps: Vec<usize> = vertices.filter(|at| is_long(xy[at - 1][0], xy[*at][0])).collect();
    let middle = |at: &usize| [0, 1].map(|axis| f64::midpoint(source.xy[at - 1][axis], source.xy[*at][axis]));
    let mut middles: Vec<[f64; 2]> = jumps.iter().map(middle).collect();
    transform.apply(&mut middles)?;
    let mut middles = middles.into_iter();
    jumps.retain(|at| {
        let there = middles.next().map_or(f64::NAN, |[x, _]| x);
        if poles::is_pole(xy[at - 1]) && poles::is_pole(xy[*at]) {
            return true; // The way along a pole is short, and its middle has no longitude.
        }
        let around = f64::midpoint(xy[at - 1][0], xy[*at][0]);
        let apart = ((there - around + 180.0).rem_euclid(360.0) - 180.0).abs();
        // Where the middle has no place, the short way is the likely one.
        !apart.is_finite() || apart > 90.0
    });
    Ok(jumps)
}

fn is_long(a: f64, b: f64) -> bool {
    (b - a).abs() > 180.0
}

/// Lets the longitudes of a path or ring run on where the edge to a vertex `crosses`.
fn unwrap<const N: usize>(path: &mut [[f64; N]], closed: bool, crosses: impl Fn(usize) -> bool) {
    let turn = |path: &[[f64; N]], at: usize| {
        let step = path[at][0] - path[at - 1][0];
        if step.abs() > 180.0 && crosses(at) { -360.0 * step.signum() } else { 0.0 }
    };
    let turns: Vec<f64> = (1..path.len()).map(|at| turn(path, at)).collect();
    let runs = turns.iter().scan(0.0, |shift, turn| {
        *shift += turn;
        Some(*shift)
    });
    let (last, farthest) = runs.fold((0.0, 0.0_f64), |(_, farthest), shift| (shift, farthest.max(shift.abs())));
    if closed && (last.abs() > 360.0 || farthest > FARTHEST) {
        return; // No ring that does not cross itself winds around twice.
    }
    let mut shift = 0.0;
    for (vertex, turn) in path.iter_mut().skip(1).zip(turns) {
        shift += turn;
        vertex[0] += shift;
    }
}

/// Cuts what reaches across the 180th meridian into several parts and folds longitudes into ±180. What needs nothing
/// passes through untouched.
pub(super) fn cut<'a>(
    geometry: Cow<'a, Geometries>,
    mode: Antimeridian,
    losses: &mut Losses,
    feature: &dyn Fn(usize) -> String,
) -> Cow<'a, Geometries> {
    if mode == Antimeridian::Off {
        return geometry;
    }
    let mut note = |kind, row| losses.add(kind, None, || Some(feature(row)));
    let mut rows = Vec::new();
    for row in 0..geometry.rows() {
        match Need::of(geometry.shape(row), mode) {
            Need::Nothing => {}
            Need::Note(kind) => note(kind, row),
            Need::Work => rows.push(row),
        }
    }
    if rows.is_empty() {
        return geometry;
    }
    let mut out = Geometries::default();
    let mut copied = 0;
    for row in rows {
        copy_rows(&mut out, &geometry, copied..row);
        note(cut_row(geometry.shape(row), mode, &mut out), row);
        copied = row + 1;
    }
    copy_rows(&mut out, &geometry, copied..geometry.rows());
    Cow::Owned(out)
}

enum Need {
    Nothing,
    Note(LossKind),
    Work,
}

impl Need {
    fn of(shape: Shape<'_>, mode: Antimeridian) -> Self {
        let (mut farthest, mut on_earth) = (0.0_f64, true);
        for [x, y] in shape.xy() {
            farthest = farthest.max(x.abs());
            // A little more than a pole: rounding.
            on_earth &= x.is_finite() && y.abs() <= 90.000_001;
        }
        let has_edges = matches!(shape.kind, ShapeKind::Polyline | ShapeKind::Polygon);
        let long = has_edges && shape.parts().any(|part| part.xy.windows(2).any(|edge| is_long(edge[0][0], edge[1][0])));
        let winds = shape.kind == ShapeKind::Polygon && shape.parts().any(|part| winds(part.xy));
        let is_track = shape.kind == ShapeKind::Polyline && !long && farthest < 1e9;
        on_earth &= farthest <= FARTHEST || is_track;
        match (on_earth, farthest > 180.0, long) {
            (false, ..) => Self::Note(LossKind::NotOnEarth),
            _ if winds => Self::Work,
            (_, true, _) => Self::Work,
            (_, _, true) if mode == Antimeridian::Jump => Self::Work,
            (_, _, true) => Self::Note(LossKind::LongEdge),
            _ => Self::Nothing,
        }
    }
}

/// Writes one row cut and folded, and says what became of it.
fn cut_row(shape: Shape<'_>, mode: Antimeridian, out: &mut Geometries) -> LossKind {
    let first_part = out.part_ends.len();
    let jump = |path: &mut [Vertex]| {
        if mode == Antimeridian::Jump {
            let closed = shape.kind == ShapeKind::Polygon;
            let stay: Vec<usize> = (1..path.len()).filter(|at| goes_around_the_world(path, closed, *at)).collect();
            unwrap(path, closed, |at| stay.binary_search(&at).is_err());
        }
    };
    let (mut pieces, mut closed_at_pole) = (Vec::new(), false);
    match shape.kind {
        ShapeKind::Polyline => {
            for part in shape.parts() {
                let mut path = vertices(&part);
                jump(&mut path);
                pieces.extend(split::path(&path));
            }
        }
        ShapeKind::Polygon => {
            let mut parts = shape.parts();
            for size in shape.polygon_sizes() {
                let mut polygon: Vec<Vec<Vertex>> = parts.by_ref().take(size).map(|part| vertices(&part)).collect();
                polygon.iter_mut().for_each(|ring| jump(ring));
                if polygon.iter().any(|ring| winds(ring)) {
                    if mode == Antimeridian::Jump {
                        face_the_nearest_pole(&mut polygon);
                    }
                    pieces.extend(poles::around(&polygon));
                    closed_at_pole = true;
                    continue;
                }
                gather(&mut polygon);
                pieces.extend(split::polygon(polygon));
            }
        }
        ShapeKind::Null | ShapeKind::Point | ShapeKind::Multipoint => {
            for part in shape.parts() {
                pieces.push(vertices(&part).into_iter().map(|[x, y, z, m]| [split::fold(x), y, z, m]).collect());
            }
        }
    }
    let (has_z, has_m) = (!shape.z().is_empty(), !shape.m().is_empty());
    for piece in &pieces {
        for [x, y, z, m] in piece {
            out.xy.push([*x, *y]);
            out.z.extend(has_z.then_some(*z));
            out.m.extend(has_m.then_some(*m));
        }
        out.end_part(Role::Shell);
    }
    if shape.kind == ShapeKind::Polygon {
        rings::arrange(out, first_part);
    }
    out.end_row(shape.kind);
    match (closed_at_pole || pieces.len() > shape.part_count(), shape.xy().iter().any(|[x, _]| x.abs() > 180.0)) {
        (true, _) => LossKind::CutAtAntimeridian,
        (false, true) => LossKind::Folded,
        (false, false) => LossKind::LongEdge,
    }
}

/// Whether an edge, by its second vertex, goes from ±180 to ∓180 where the outline follows the meridian on: the side
/// of a box around the world, or the edge of a flat map along a pole. Elsewhere it joins a place with itself.
fn goes_around_the_world(path: &[Vertex], closed: bool, at: usize) -> bool {
    let last = path.len() - 1;
    let before = if at >= 2 { Some(at - 2) } else { closed.then(|| last.saturating_sub(1)) };
    let behind = if at < last { Some(at + 1) } else { closed.then_some(1) };
    let follows = |vertex: Option<usize>, end: usize| vertex.is_some_and(|vertex| path[vertex][0] == path[end][0]);
    (path[at][0] - path[at - 1][0]).abs() == 360.0 && (follows(before, at - 1) || follows(behind, at))
}

/// Turns rings around whose orientation on the flat map says nothing, since their jumps were taken for long edges: the
/// pole nearest to the shell is inside of it, and outside of the holes.
fn face_the_nearest_pole(polygon: &mut [Vec<Vertex>]) {
    let Some(shell) = polygon.first() else { return };
    let north = shell.iter().map(|vertex| vertex[1]).sum::<f64>() > 0.0;
    for (at, ring) in polygon.iter_mut().enumerate().filter(|(_, ring)| winds(ring)) {
        // The interior is to the right: under way to the east, south.
        let eastward = ring.last().map(|vertex| vertex[0]) > ring.first().map(|vertex| vertex[0]);
        if eastward == (north == (at == 0)) {
            ring.reverse();
        }
    }
}

/// Moves the holes by whole turns to where their shell is: each ring runs on from its own first vertex.
fn gather(polygon: &mut [Vec<Vertex>]) {
    let range = |ring: &[Vertex]| {
        ring.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], [x, ..]| [low.min(*x), high.max(*x)])
    };
    let Some((shell, holes)) = polygon.split_first_mut() else { return };
    let [west, east] = range(shell);
    for hole in holes {
        let [low, high] = range(hole);
        if low < west || high > east {
            let turns = ((f64::midpoint(west, east) - f64::midpoint(low, high)) / 360.0).round();
            hole.iter_mut().for_each(|vertex| vertex[0] += 360.0 * turns);
        }
    }
}
