//! The poles, for outputs in WGS 84.
//!
//! On a map around a pole (polar stereographic, say) the pole is a place like others; in longitude and latitude it is
//! a line along the edge. So before longitudes run on, edges there get more vertices ([`refined`]), and afterwards a
//! ring that winds around a pole is cut at the 180th meridian and closed along the pole ([`around`]), which keeps what
//! is inside inside.

use std::collections::BTreeSet;

use super::paths::{copy_rows, lines, vertices, winds};
use super::split::{self, Vertex};
use crate::error::Result;
use crate::model::{Geometries, ShapeKind, Transform};

/// An edge over more degrees of longitude than this is looked at, since it may bend.
const WIDE: f64 = 45.0;

/// Edges that bend are halved until they are no wider. One through the pole never is: it gets so many vertices.
const NARROW: f64 = 5.0;
const MOST_HALVINGS: u32 = 128;

/// Farther than this from the middle of its ends in degrees, the middle of an edge shows that the edge bends.
const BENDS: f64 = 0.01;

/// A latitude this close to 90 degrees is a pole.
const AT_POLE: f64 = 1e-9;

/// The source with more vertices where straight edges bend widely in degrees, or where a vertex is a pole itself,
/// which has no longitude: there it is repeated, with those of its neighbours. `None` where nothing is to be done,
/// otherwise the source's geometries and the transformed vertices.
///
/// # Errors
/// As [`Transform::apply`].
pub(super) fn refined(
    source: &Geometries,
    transform: &Transform,
    xy: &[[f64; 2]],
) -> Result<Option<(Geometries, Vec<[f64; 2]>)>> {
    let refiner = Refiner { source, transform, xy };
    let wide: Vec<usize> = lines(source)
        .flat_map(|(range, _)| range.skip(1))
        .filter(|at| is_pole(xy[*at]) || is_pole(xy[at - 1]) || is_wide(xy[at - 1][0], xy[*at][0]))
        .collect();
    let mut affected = BTreeSet::new();
    for at in wide {
        if refiner.bends(at)? {
            // The row that owns the vertex.
            let part = source.part_ends.partition_point(|end| *end as usize <= at);
            affected.insert(source.row_ends.partition_point(|end| *end as usize <= part));
        }
    }
    if affected.is_empty() {
        return Ok(None);
    }
    let (mut out, mut out_xy, mut copied) = (Geometries::default(), Vec::new(), 0);
    let vertex_of = |row: usize| {
        let part = if row == 0 { 0 } else { source.row_ends[row - 1] as usize };
        if part == 0 { 0 } else { source.part_ends[part - 1] as usize }
    };
    for row in affected {
        copy_rows(&mut out, source, copied..row);
        out_xy.extend_from_slice(&xy[vertex_of(copied)..vertex_of(row)]);
        refiner.row(row, vertex_of(row), &mut out, &mut out_xy)?;
        copied = row + 1;
    }
    copy_rows(&mut out, source, copied..source.rows());
    out_xy.extend_from_slice(&xy[vertex_of(copied)..]);
    Ok(Some((out, out_xy)))
}

/// Degrees from one longitude to another, the short way.
fn turn(from: f64, to: f64) -> f64 {
    (to - from + 180.0).rem_euclid(360.0) - 180.0
}

fn is_wide(from: f64, to: f64) -> bool {
    (to - from).abs() >= WIDE && turn(from, to).abs() >= WIDE
}

pub(super) fn is_pole(vertex: [f64; 2]) -> bool {
    (vertex[1].abs() - 90.0).abs() < AT_POLE
}

struct Refiner<'a> {
    source: &'a Geometries,
    transform: &'a Transform,
    /// The source's vertices, transformed.
    xy: &'a [[f64; 2]],
}

impl Refiner<'_> {
    fn transformed(&self, vertex: Vertex) -> Result<[f64; 2]> {
        let mut xy = [[vertex[0], vertex[1]]];
        self.transform.apply(&mut xy)?;
        Ok(xy[0])
    }

    /// Whether the edge to a vertex is to be refined.
    fn bends(&self, at: usize) -> Result<bool> {
        for end in [at - 1, at] {
            if is_pole(self.xy[end]) {
                return self.is_point(self.source.xy[end]);
            }
        }
        let [a, b] = [self.source.xy[at - 1], self.source.xy[at]];
        let middle = self.transformed([f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1]), 0.0, 0.0])?;
        Ok(strays(self.xy[at - 1], middle, self.xy[at]))
    }

    /// Whether the pole is a point of the source's map, around which longitudes turn, and no line of points.
    fn is_point(&self, [x, y]: [f64; 2]) -> Result<bool> {
        let mut near = [[x + 1.0, y], [x, y + 1.0], [x - 1.0, y], [x, y - 1.0], [x + 1.0, y]];
        self.transform.apply(&mut near)?;
        let turned: f64 = near.windows(2).map(|pair| turn(pair[0][0], pair[1][0])).sum();
        Ok((turned.abs() - 360.0).abs() < 1.0)
    }

    /// Adds a row with more vertices.
    fn row(&self, row: usize, first: usize, out: &mut Geometries, out_xy: &mut Vec<[f64; 2]>) -> Result<()> {
        let shape = self.source.shape(row);
        let (has_z, has_m, mut start) = (!shape.z().is_empty(), !shape.m().is_empty(), first);
        for part in shape.parts() {
            let of = &self.xy[start..start + part.xy.len()];
            start += part.xy.len();
            let mut line: Vec<(Vertex, [f64; 2])> = Vec::with_capacity(2 * of.len());
            for (vertex, place) in vertices(&part).into_iter().zip(of) {
                if let Some((before, there)) = line.last().copied() {
                    let mut halvings = MOST_HALVINGS;
                    self.parted(before, there, vertex, *place, &mut halvings, &mut line)?;
                }
                line.push((vertex, *place));
            }
            for (vertex, place) in poles_spread(line, shape.kind == ShapeKind::Polygon) {
                out.xy.push([vertex[0], vertex[1]]);
                out.z.extend(has_z.then_some(vertex[2]));
                out.m.extend(has_m.then_some(vertex[3]));
                out_xy.push(place);
            }
            out.end_part(part.role);
        }
        out.end_row(shape.kind);
        Ok(())
    }

    /// Pushes the vertices between two, neither of them included.
    fn parted(
        &self,
        a: Vertex,
        there: [f64; 2],
        b: Vertex,
        here: [f64; 2],
        halvings: &mut u32,
        line: &mut Vec<(Vertex, [f64; 2])>,
    ) -> Result<()> {
        // Along a meridian, and to the pole on it, nothing bends.
        if *halvings == 0 || is_pole(there) || is_pole(here) || turn(there[0], here[0]).abs() < NARROW {
            return Ok(());
        }
        *halvings -= 1;
        let middle: Vertex = std::array::from_fn(|axis| f64::midpoint(a[axis], b[axis]));
        let between = self.transformed(middle)?;
        if !between[0].is_finite() || !strays(there, between, here) {
            return Ok(());
        }
        self.parted(a, there, middle, between, halvings, line)?;
        line.push((middle, between));
        self.parted(middle, between, b, here, halvings, line)
    }
}

/// Whether the middle of an edge is neither halfway between its ends the short way, nor the long way round.
fn strays(a: [f64; 2], middle: [f64; 2], b: [f64; 2]) -> bool {
    let halfway = a[0] + turn(a[0], b[0]) / 2.0;
    let aside = turn(halfway, middle[0]).abs();
    let aside = if (b[0] - a[0]).abs() > 180.0 { aside.min(180.0 - aside) } else { aside };
    aside > BENDS || (middle[1] - f64::midpoint(a[1], b[1])).abs() > BENDS
}

/// A pole in a line becomes the way along it from the longitude before to the one behind. In a ring the interior is
/// to the right, so along the south pole the way goes west and along the north pole east; in a path it is the short one.
fn poles_spread(line: Vec<(Vertex, [f64; 2])>, closed: bool) -> Vec<(Vertex, [f64; 2])> {
    let Some(first) = line.iter().position(|(_, place)| !is_pole(*place)) else { return line };
    if !line.iter().any(|(_, place)| is_pole(*place)) {
        return line;
    }
    // A ring is turned to begin at a vertex that has a longitude.
    let line: Vec<_> = if closed {
        let count = line.len() - 1;
        (0..=count).map(|step| line[(first + step) % count]).collect()
    } else {
        line
    };
    let mut out: Vec<(Vertex, [f64; 2])> = Vec::with_capacity(line.len() + 8);
    let mut at = 0;
    while at < line.len() {
        let (vertex, place) = line[at];
        if !is_pole(place) {
            out.push(line[at]);
            at += 1;
            continue;
        }
        let next = line[at..].iter().position(|(_, place)| !is_pole(*place)).map(|steps| at + steps);
        let (before, behind) = (out.last().map(|(_, place)| place[0]), next.map(|next| line[next].1[0]));
        let [Some(from), Some(to)] = [before.or(behind), behind.or(before)] else { break };
        let way = match (closed, place[1] > 0.0) {
            (false, _) => turn(from, to),
            (true, true) => (to - from).rem_euclid(360.0),
            (true, false) => -(from - to).rem_euclid(360.0),
        };
        let steps = (way.abs() / 90.0).ceil().max(1.0);
        for step in 0..=steps as u32 {
            let lon = turn(0.0, from + way * f64::from(step) / steps);
            out.push((vertex, [lon, 90_f64.copysign(place[1])]));
        }
        at = next.unwrap_or(line.len());
    }
    out
}

/// The rings of a polygon of which some wind around a pole: they end a turn from where they began. The rings come with
/// the interior to their right; so do the results, which are closed and lie within ±180.
///
/// The rings are cut at the meridian into chains. From the end of each, the outline goes on clockwise along the edge
/// of the map, over the poles where they are inside, to the next beginning.
pub(super) fn around(rings: &[Vec<Vertex>]) -> Vec<Vec<Vertex>> {
    let (mut whole, mut chains) = (Vec::new(), Vec::new());
    for ring in rings {
        let mut pieces = split::path(ring);
        if pieces.len() == 1 && !winds(ring) {
            whole.append(&mut pieces);
            continue;
        }
        // The ring's own beginning is no place to cut.
        let apart = pieces.len() > 1 && pieces[0][0][0].abs() == 180.0;
        if pieces.len() > 1 && !apart {
            let beginning = pieces.remove(0);
            if let Some(end) = pieces.last_mut() {
                end.pop();
                end.extend(beginning);
            }
        }
        chains.extend(pieces.into_iter().filter(|piece| piece.iter().any(|vertex| vertex[0].abs() < 180.0)));
    }
    whole.extend(joined(chains));
    whole
}

/// How far a place on the edge of the map is from its north-eastern corner, clockwise.
fn along(vertex: &Vertex) -> f64 {
    if vertex[0] > 0.0 { 90.0 - vertex[1] } else { 450.0 + vertex[1] }
}

/// From the east down to the south pole and along it to the west.
const SOUTH: f64 = 180.0;
/// From the west up to the north pole and along it to the east.
const NORTH: f64 = 540.0;

fn joined(chains: Vec<Vec<Vertex>>) -> Vec<Vec<Vertex>> {
    let mut marks: Vec<(f64, bool, usize)> = Vec::with_capacity(2 * chains.len());
    for (index, chain) in chains.iter().enumerate() {
        marks.extend(chain.last().map(|vertex| (along(vertex), false, index)));
        marks.extend(chain.first().map(|vertex| (along(vertex), true, index)));
    }
    marks.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    // Each beginning takes the last free end; twice around, since the edge has no beginning itself.
    let mut next = vec![usize::MAX; chains.len()];
    let (mut free, mut taken) = (Vec::new(), vec![false; chains.len()]);
    for (lap, (_, begins, chain)) in marks.iter().map(|mark| (0, mark)).chain(marks.iter().map(|mark| (1, mark))) {
        match (begins, lap) {
            (false, 0) => free.push(*chain),
            (true, _) if !taken[*chain] => {
                if let Some(end) = free.pop() {
                    (next[end], taken[*chain]) = (*chain, true);
                }
            }
            _ => {}
        }
    }
    let mut chains: Vec<Option<Vec<Vertex>>> = chains.into_iter().map(Some).collect();
    let mut rings = Vec::new();
    for first in 0..chains.len() {
        let (mut ring, mut at) = (Vec::<Vertex>::new(), first);
        while let Some(chain) = chains.get_mut(at).and_then(Option::take) {
            if let (Some(end), Some(beginning)) = (ring.last().copied(), chain.first()) {
                ring.extend(corners(end, beginning));
            }
            ring.extend(chain);
            at = next[at];
        }
        if let (Some(end), Some(beginning)) = (ring.last().copied(), ring.first()) {
            let corners = corners(end, beginning);
            ring.extend(corners);
        }
        ring.dedup_by(|b, a| a[..2] == b[..2]);
        if ring.len() > 3 && ring[0][..2] == ring[ring.len() - 1][..2] {
            ring.pop();
        }
        if ring.len() >= 3 {
            ring.push(ring[0]);
            rings.push(ring);
        }
    }
    rings
}

/// The corners of the map that are passed on the way from an end to a beginning, clockwise; z and m are those of the end.
fn corners([x, y, z, m]: Vertex, beginning: &Vertex) -> Vec<Vertex> {
    let (from, to) = (along(&[x, y, z, m]), along(beginning));
    let to = if to < from { to + 720.0 } else { to };
    let south = [[180.0, -90.0, z, m], [-180.0, -90.0, z, m]];
    let north = [[-180.0, 90.0, z, m], [180.0, 90.0, z, m]];
    let passed = |corner: f64| from <= corner && to > corner;
    let mut list = Vec::new();
    for (corner, pair) in [(SOUTH, south), (NORTH, north), (SOUTH + 720.0, south)] {
        if passed(corner) {
            list.extend(pair);
        }
    }
    list
}
