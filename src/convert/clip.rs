//! Cuts geometries at an area. What lies inside stays as it is, to the last digit.
//!
//! Lines are cut here, edge by edge. Polygons are cut by the crate `geo`, which rounds to a grid; its vertices are
//! put back to where they are exactly: to a vertex of the geometry or of the area, or to where two edges meet. A vertex
//! that the cut makes takes z and m from the edge it lies on; a corner of the area inside a polygon has none.

use geo::algorithm::bool_ops::{BooleanOps, FillRule, OpType};
use geo::{MultiPolygon, Polygon};

use super::paths::copy_rows;
use crate::error::{Error, ErrorKind, Result};
use crate::model::area::{GRID, Ring, bounds, distance, in_box, line_string};
use crate::model::edges::{Edge, Edges};
use crate::model::geometry::{Role, Shape, signed_area2};
use crate::model::{Area, Batch, Crs, Geometries, ShapeKind, Transform};
use crate::report::Clipped;

/// An area in the spatial reference of a layer, ready to cut.
pub struct Clip {
    rings: Vec<Ring>,
    edges: Edges,
    low: [f64; 2],
    high: [f64; 2],
}

/// A vertex with z and m; NaN is "none".
pub(super) type Vertex = [f64; 4];

/// What is left of a geometry.
enum Left {
    All,
    /// Each part with its role.
    Parts(Vec<(Role, Vec<Vertex>)>),
    Nothing,
}

impl Clip {
    /// Brings the corners of an area into `crs`, in which its edges run straight.
    ///
    /// # Errors
    /// [`ErrorKind::SpatialReference`] where `crs` is not known, or can't be reached.
    pub fn new(area: &Area, crs: Option<&Crs>) -> Result<Self> {
        let unplaced = |why: &str| {
            Error::new(ErrorKind::SpatialReference, "the area can't be brought into the spatial reference of the layer")
                .because(why)
        };
        let crs = crs.ok_or_else(|| unplaced("the layer names none").hint("say what it is with --assume-crs"))?;
        let mut rings = area.rings.clone();
        if let Some(transform) = Transform::between(&Crs::of(&area.spatial_reference)?, crs)? {
            for ring in &mut rings {
                transform.apply(ring)?;
            }
        }
        if rings.iter().flatten().flatten().any(|ordinate| !ordinate.is_finite()) {
            return Err(unplaced("a corner of it has no place there"));
        }
        let (low, high) = bounds(rings.iter().flatten());
        let edges = Edges::of(rings.iter().map(Vec::as_slice));
        Ok(Self { rings, edges, low, high })
    }

    /// Cuts the geometries of a batch, and takes out the rows that lie outside.
    pub fn apply(&self, mut batch: Batch) -> (Batch, Clipped) {
        let left: Vec<Left> = (0..batch.rows()).map(|row| self.cut(batch.geometry.shape(row))).collect();
        let count = |is: fn(&Left) -> bool| left.iter().filter(|left| is(left)).count() as u64;
        let clipped = Clipped {
            inside: count(|left| matches!(left, Left::All)),
            cut: count(|left| matches!(left, Left::Parts(_))),
            outside: count(|left| matches!(left, Left::Nothing)),
        };
        if clipped.inside < left.len() as u64 {
            let (columns, mut row) = (batch.columns.max(1), 0);
            batch.cells.retain(|_| {
                row += 1;
                !matches!(left.get((row - 1) / columns), Some(Left::Nothing))
            });
            batch.geometry = rebuilt(&batch.geometry, left);
        }
        (batch, clipped)
    }

    fn cut(&self, shape: Shape<'_>) -> Left {
        let (low, high) = bounds(shape.xy().iter());
        let apart = (0..2).any(|axis| low[axis] > self.high[axis] || high[axis] < self.low[axis]);
        if shape.is_null() || apart {
            return Left::Nothing;
        }
        let finite = low.iter().chain(&high).all(|ordinate| ordinate.is_finite());
        if !finite {
            // Nobody knows where it is; the server chose it.
            return Left::All;
        }
        if self.edges.in_box(low, high).next().is_none() {
            // No border passes by, so one vertex speaks for all.
            return if self.edges.enclose(shape.xy()[0]) { Left::All } else { Left::Nothing };
        }
        match shape.kind {
            ShapeKind::Null => Left::Nothing,
            ShapeKind::Point | ShapeKind::Multipoint => self.points(shape),
            ShapeKind::Polyline => self.lines(shape),
            ShapeKind::Polygon => self.polygon(shape, low, high),
        }
    }

    /// The polygon of all that any of the rings surrounds, but for holes: without rings that cross.
    pub(super) fn mended(shape: Shape<'_>) -> Vec<(Role, Vec<Vertex>)> {
        let (low, high) = bounds(shape.xy().iter());
        let wide = [high[0] - low[0], high[1] - low[1]].map(|side| side.max(1e-9));
        let ([west, south], [east, north]) = ([low[0] - wide[0], low[1] - wide[1]], [high[0] + wide[0], high[1] + wide[1]]);
        let around = vec![[west, south], [west, north], [east, north], [east, south], [west, south]];
        let edges = Edges::of(std::iter::once(around.as_slice()));
        let clip = Self { rings: vec![around], edges, low: [west, south], high: [east, north] };
        let (parts, _) = clip.intersection(shape, low, high);
        parts
    }

    fn points(&self, shape: Shape<'_>) -> Left {
        let vertices = vertices(shape);
        let kept: Vec<Vertex> = vertices.iter().copied().filter(|vertex| self.edges.enclose([vertex[0], vertex[1]])).collect();
        match kept.len() {
            0 => Left::Nothing,
            count if count == vertices.len() => Left::All,
            _ => Left::Parts(vec![(Role::Shell, kept)]),
        }
    }

    fn lines(&self, shape: Shape<'_>) -> Left {
        let (vertices, mut first, mut whole) = (vertices(shape), 0, true);
        let mut paths: Vec<Vec<Vertex>> = Vec::new();
        for part in shape.parts() {
            let path = &vertices[first..first + part.xy.len()];
            first += part.xy.len();
            let mut open = false;
            for pair in path.windows(2) {
                for [from, to] in self.pieces(pair[0], pair[1]) {
                    let middle = [f64::midpoint(from[0], to[0]), f64::midpoint(from[1], to[1])];
                    let inside = self.edges.enclose(middle) || self.along_border(from, to);
                    whole &= inside;
                    match paths.last_mut() {
                        _ if !inside => {}
                        Some(path) if open => path.push(to),
                        _ => paths.push(vec![from, to]),
                    }
                    open = inside;
                }
            }
        }
        match paths.is_empty() {
            true => Left::Nothing,
            false if whole => Left::All,
            false => Left::Parts(paths.into_iter().map(|path| (Role::Shell, path)).collect()),
        }
    }

    /// An edge in pieces between the places where it meets the border.
    fn pieces(&self, from: Vertex, to: Vertex) -> Vec<[Vertex; 2]> {
        let edge = Edge { index: 0, from: [from[0], from[1]], to: [to[0], to[1]] };
        if edge.from == edge.to {
            return vec![[from, to]];
        }
        let (low, high) = bounds([edge.from, edge.to].iter());
        let mut cuts = vec![(0.0, from), (1.0, to)];
        for border in self.edges.in_box(low, high) {
            cuts.extend(edge.meets(&border).map(|share| (share, between(from, to, share, edge.at(share)))));
            // Where the two run along each other, the corners of the border.
            let corners = [border.from, border.to].into_iter().filter(|corner| edge.holds(*corner));
            cuts.extend(
                corners.map(|corner| edge.share_of(corner)).map(|share| (share, between(from, to, share, edge.at(share)))),
            );
        }
        cuts.sort_by(|a, b| a.0.total_cmp(&b.0));
        cuts.dedup_by(|b, a| a.1[..2] == b.1[..2]);
        cuts.windows(2).map(|pair| [pair[0].1, pair[1].1]).collect()
    }

    /// A piece of a line that runs on the border may have a middle that is rounded off it.
    fn along_border(&self, from: Vertex, to: Vertex) -> bool {
        let (low, high) = bounds([[from[0], from[1]], [to[0], to[1]]].iter());
        let mut borders = self.edges.in_box(low, high);
        borders.any(|border| border.holds([from[0], from[1]]) && border.holds([to[0], to[1]]))
    }

    fn polygon(&self, shape: Shape<'_>, low: [f64; 2], high: [f64; 2]) -> Left {
        let (parts, kept) = self.intersection(shape, low, high);
        let tolerance = (high[0] - low[0]).max(high[1] - low[1]) * GRID;
        let (mut area, mut border) = (0.0, 0.0);
        for part in shape.parts() {
            area -= signed_area2(part.xy) / 2.0;
            border += length(part.xy);
        }
        match parts.is_empty() {
            true => Left::Nothing,
            false if (area - kept).abs() <= tolerance * border => Left::All,
            false => Left::Parts(parts),
        }
    }

    /// The rings of what lies inside, each with its role, and their area.
    fn intersection(&self, shape: Shape<'_>, low: [f64; 2], high: [f64; 2]) -> (Vec<(Role, Vec<Vertex>)>, f64) {
        // Only what is near counts: the grid becomes as fine as the geometry allows.
        let extent = (high[0] - low[0]).max(high[1] - low[1]);
        let around = ([low[0] - extent / 8.0, low[1] - extent / 8.0], [high[0] + extent / 8.0, high[1] + extent / 8.0]);
        let near: Vec<Ring> = self.rings.iter().map(|ring| in_box(ring, around.0, around.1)).collect();
        let subject = polygons(shape.parts().map(|part| part.xy));
        let cut =
            subject.boolean_op_with_fill_rule(&polygons(near.iter().map(Vec::as_slice)), OpType::Intersection, FillRule::NonZero);
        let tolerance = extent * GRID;
        let original = Original { vertices: vertices(shape), edges: Edges::of(shape.parts().map(|part| part.xy)) };
        let mut parts = Vec::new();
        let mut kept = 0.0;
        for polygon in &cut.0 {
            for (at, ring) in std::iter::once(polygon.exterior()).chain(polygon.interiors()).enumerate() {
                // The crate's shells run counter-clockwise.
                let exact = ring.coords().rev().map(|c| self.settle([c.x, c.y], &original, tolerance)).collect();
                let ring = without_repeats(exact);
                let xy: Vec<[f64; 2]> = ring.iter().map(|vertex| [vertex[0], vertex[1]]).collect();
                let area = signed_area2(&xy) / -2.0;
                let role = if at == 0 { Role::Shell } else { Role::Hole };
                // What only touches the area leaves slivers as thin as the grid.
                if area.abs() <= tolerance * length(&xy) {
                    if role == Role::Shell { break } else { continue }
                }
                kept += area;
                parts.push((role, if (area > 0.0) == (role == Role::Shell) { ring } else { ring.into_iter().rev().collect() }));
            }
        }
        (parts, kept)
    }

    /// A computed vertex where it is exactly.
    fn settle(&self, at: [f64; 2], original: &Original, tolerance: f64) -> Vertex {
        let near = |edge: Edge, end: [f64; 2], index: usize| (distance(end, at) <= tolerance).then_some((edge, index));
        let own = original.edges.nearest(at, tolerance);
        if let Some((_, index)) = own.and_then(|e| near(e, e.from, e.index).or_else(|| near(e, e.to, e.index + 1))) {
            return original.vertices[index];
        }
        let border = self.edges.nearest(at, tolerance);
        let corner = border.and_then(|e| [e.from, e.to].into_iter().find(|end| distance(*end, at) <= tolerance));
        let crossing = own.zip(border).and_then(|(own, border)| Some(own.at(own.meets(&border)?)));
        let exact = corner.or(crossing.filter(|place| distance(*place, at) <= 4.0 * tolerance)).unwrap_or(at);
        match own {
            Some(edge) => {
                let [from, to] = [original.vertices[edge.index], original.vertices[edge.index + 1]];
                between(from, to, edge.share_of(exact), exact)
            }
            None => [exact[0], exact[1], f64::NAN, f64::NAN],
        }
    }
}

/// A geometry before it was cut.
struct Original {
    vertices: Vec<Vertex>,
    edges: Edges,
}

/// A vertex at `xy`, with the z and m of a share of the way.
fn between(from: Vertex, to: Vertex, share: f64, xy: [f64; 2]) -> Vertex {
    let [z, m] = [2, 3].map(|axis| from[axis] + (to[axis] - from[axis]) * share);
    [xy[0], xy[1], z, m]
}

/// Each ring as a polygon of its own: which is a hole shows in its orientation.
fn polygons<'a>(rings: impl Iterator<Item = &'a [[f64; 2]]>) -> MultiPolygon {
    MultiPolygon(rings.map(|ring| Polygon::new(line_string(ring), Vec::new())).collect())
}

fn vertices(shape: Shape<'_>) -> Vec<Vertex> {
    let ordinate = |values: &[f64], at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    let (z, m) = (shape.z(), shape.m());
    shape.xy().iter().enumerate().map(|(at, [x, y])| [*x, *y, ordinate(z, at), ordinate(m, at)]).collect()
}

fn without_repeats(mut vertices: Vec<Vertex>) -> Vec<Vertex> {
    vertices.dedup_by(|b, a| a[..2] == b[..2]);
    vertices
}

fn length(line: &[[f64; 2]]) -> f64 {
    line.windows(2).map(|pair| distance(pair[0], pair[1])).sum()
}

fn rebuilt(source: &Geometries, left: Vec<Left>) -> Geometries {
    let mut geometry = Geometries::default();
    for (row, left) in left.into_iter().enumerate() {
        match left {
            Left::All => copy_rows(&mut geometry, source, row..row + 1),
            Left::Parts(parts) => rebuilt_as(&mut geometry, source, row, parts),
            Left::Nothing => {}
        }
    }
    geometry
}

/// Adds a row of `source`, of these parts.
pub(super) fn rebuilt_as(into: &mut Geometries, source: &Geometries, row: usize, parts: Vec<(Role, Vec<Vertex>)>) {
    let (has_z, has_m) = (!source.z.is_empty(), !source.m.is_empty());
    let kind = if parts.is_empty() { ShapeKind::Null } else { source.kinds[row] };
    for (role, vertices) in parts {
        into.xy.extend(vertices.iter().map(|vertex| [vertex[0], vertex[1]]));
        into.z.extend(vertices.iter().filter(|_| has_z).map(|vertex| vertex[2]));
        into.m.extend(vertices.iter().filter(|_| has_m).map(|vertex| vertex[3]));
        into.end_part(role);
    }
    into.end_row(kind);
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
