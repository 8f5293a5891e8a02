//! The geometries of a batch as flat arrays: vertices, the parts they form, the rows that own the parts.
//!
//! Polygons are canonical: a shell comes clockwise (y up), its holes follow it counter-clockwise, and every
//! ring is closed. That is Esri's own orientation, so a Shapefile copies it and RFC 7946 reverses it.

use super::{OnArc, Span};

/// What a row's geometry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShapeKind {
    /// No geometry: null, empty, or NaN.
    Null,
    /// One vertex in one part.
    Point,
    /// Any number of vertices in one part.
    Multipoint,
    /// Each part is a path of two or more vertices.
    Polyline,
    /// Each part is a closed ring of four or more vertices.
    Polygon,
}

/// What a part is to its polygon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The exterior ring of a polygon, clockwise; every part of what is no polygon.
    Shell,
    /// A hole in the shell before it, counter-clockwise.
    Hole,
}

/// One geometry per row, in flat arrays.
#[derive(Debug, Clone, Default)]
pub struct Geometries {
    /// The kind, per row.
    pub kinds: Vec<ShapeKind>,
    /// Per row, the end of its parts in `part_ends`.
    pub row_ends: Vec<u32>,
    /// Per part, the end of its vertices in `xy`.
    pub part_ends: Vec<u32>,
    /// Per part.
    pub roles: Vec<Role>,
    /// Per vertex, in the units of the spatial reference; longitude first.
    pub xy: Vec<[f64; 2]>,
    /// Per vertex, or empty where the layer has no z. NaN is "none".
    pub z: Vec<f64>,
    /// Per vertex, or empty where the layer has no m. NaN is "none".
    pub m: Vec<f64>,
    /// Per vertex, the texts of x and y as they came, all of them valid JSON numbers. Empty where the numbers did
    /// not come as such text, or where the coordinates were computed.
    pub text: Vec<[Span; 2]>,
    /// Per vertex, or empty where no arcs are kept.
    pub arcs: Vec<OnArc>,
}

impl Geometries {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.kinds.len()
    }

    /// Empties all arrays and keeps their memory.
    pub fn clear(&mut self) {
        self.kinds.clear();
        self.row_ends.clear();
        self.part_ends.clear();
        self.roles.clear();
        self.xy.clear();
        self.z.clear();
        self.m.clear();
        self.text.clear();
        self.arcs.clear();
    }

    /// Says of all vertices that came since the last arc that they are on none, where any arcs are kept.
    pub fn level_arcs(&mut self) {
        if !self.arcs.is_empty() {
            self.arcs.resize(self.xy.len(), OnArc::No);
        }
    }

    /// Takes back the vertices from `start` on; they belong to no part yet.
    pub fn truncate_vertices(&mut self, start: usize) {
        self.xy.truncate(start);
        self.z.truncate(start);
        self.m.truncate(start);
        self.text.truncate(start);
        self.arcs.truncate(start);
    }

    /// Ends a row of `kind` that owns all parts since the row before.
    pub fn end_row(&mut self, kind: ShapeKind) {
        self.kinds.push(kind);
        self.row_ends.push(index(self.part_ends.len()));
    }

    /// Ends a part that owns all vertices since the part before.
    pub fn end_part(&mut self, role: Role) {
        self.part_ends.push(index(self.xy.len()));
        self.roles.push(role);
    }

    /// The geometry of one row.
    pub fn shape(&self, row: usize) -> Shape<'_> {
        let first = if row == 0 { 0 } else { self.row_ends[row - 1] as usize };
        Shape { all: self, kind: self.kinds[row], first, end: self.row_ends[row] as usize }
    }
}

/// Counts stay below 2^32: a page is at most 4 GiB of text, and a vertex takes more than one byte of it.
fn index(count: usize) -> u32 {
    u32::try_from(count).expect("a page holds fewer than 2^32 vertices")
}

/// The geometry of one row.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    all: &'a Geometries,
    /// What it is.
    pub kind: ShapeKind,
    first: usize,
    end: usize,
}

impl<'a> Shape<'a> {
    /// `true` where the row has no geometry.
    pub fn is_null(&self) -> bool {
        self.kind == ShapeKind::Null
    }

    /// Number of parts.
    pub fn part_count(&self) -> usize {
        self.end - self.first
    }

    /// All parts in order: paths, rings, or the one part that holds the points.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = Part<'a>> + Clone + use<'a> {
        let all = self.all;
        (self.first..self.end).map(move |part| all.part(part))
    }

    /// The polygons: per shell, the number of rings (the shell and its holes), which stand together in
    /// [`Shape::parts`].
    pub fn polygon_sizes(&self) -> impl Iterator<Item = usize> + Clone + use<'a> {
        let roles = &self.all.roles[self.first..self.end];
        let mut at = 0;
        std::iter::from_fn(move || {
            if at == roles.len() {
                return None;
            }
            let holes = roles[at + 1..].iter().take_while(|role| **role == Role::Hole).count();
            at += 1 + holes;
            Some(1 + holes)
        })
    }

    /// All vertices of all parts.
    pub fn xy(&self) -> &'a [[f64; 2]] {
        &self.all.xy[self.all.vertices(self.first, self.end)]
    }

    /// The z of all vertices; empty where the layer has none.
    pub fn z(&self) -> &'a [f64] {
        if self.all.z.is_empty() { &[] } else { &self.all.z[self.all.vertices(self.first, self.end)] }
    }

    /// The m of all vertices; empty where the layer has none.
    pub fn m(&self) -> &'a [f64] {
        if self.all.m.is_empty() { &[] } else { &self.all.m[self.all.vertices(self.first, self.end)] }
    }
}

impl Geometries {
    fn vertices(&self, first_part: usize, end_part: usize) -> std::ops::Range<usize> {
        let bound = |part: usize| if part == 0 { 0 } else { self.part_ends[part - 1] as usize };
        bound(first_part)..bound(end_part)
    }

    fn part(&self, part: usize) -> Part<'_> {
        let range = self.vertices(part, part + 1);
        let of = |values: &'_ [f64]| values.len() == self.xy.len() && !values.is_empty();
        Part {
            role: self.roles[part],
            xy: &self.xy[range.clone()],
            z: if of(&self.z) { &self.z[range.clone()] } else { &[] },
            m: if of(&self.m) { &self.m[range.clone()] } else { &[] },
            text: if self.text.len() == self.xy.len() { &self.text[range.clone()] } else { &[] },
            arcs: if self.arcs.len() == self.xy.len() { &self.arcs[range] } else { &[] },
        }
    }
}

/// One path, ring or set of points.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Shell or hole.
    pub role: Role,
    /// The vertices.
    pub xy: &'a [[f64; 2]],
    /// The z of the vertices, or empty.
    pub z: &'a [f64],
    /// The m of the vertices, or empty.
    pub m: &'a [f64],
    /// The texts of x and y of the vertices, or empty: see [`Geometries::text`].
    pub text: &'a [[Span; 2]],
    /// Where on an arc the vertices stand, or empty.
    pub arcs: &'a [OnArc],
}

/// Twice the signed area of a closed ring: negative is clockwise (y up). Computed from the first vertex, so
/// that large coordinates do not drown small rings.
///
/// ```
/// use geohaul::model::geometry::signed_area2;
///
/// let clockwise = [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]];
/// assert_eq!(signed_area2(&clockwise), -2.0);
/// ```
pub fn signed_area2(ring: &[[f64; 2]]) -> f64 {
    let Some(&[x0, y0]) = ring.first() else { return 0.0 };
    let mut area = 0.0;
    let mut before = [0.0, 0.0];
    for &[x, y] in &ring[1..] {
        let here = [x - x0, y - y0];
        area += before[0] * here[1] - here[0] * before[1];
        before = here;
    }
    area
}

impl Geometries {
    /// Puts the parts from `first_part` on, of the row under construction, into another order: each with its
    /// role, and turned around where the flag says so.
    pub fn rearrange(&mut self, first_part: usize, order: impl IntoIterator<Item = (usize, Role, bool)>) {
        let start = if first_part == 0 { 0 } else { self.part_ends[first_part - 1] as usize };
        let ends: Vec<u32> = self.part_ends.split_off(first_part);
        self.roles.truncate(first_part);
        let (xy, z, m, text) =
            (self.xy.split_off(start), cut(&mut self.z, start), cut(&mut self.m, start), cut(&mut self.text, start));
        let arcs = cut(&mut self.arcs, start);
        for (part, role, reverse) in order {
            let part = part - first_part;
            let range = if part == 0 { 0 } else { ends[part - 1] as usize - start }..ends[part] as usize - start;
            extend(&mut self.xy, &xy[range.clone()], reverse);
            // Side arrays are as long as `xy`, or empty.
            for (into, from) in [(&mut self.z, &z), (&mut self.m, &m)] {
                if !from.is_empty() {
                    extend(into, &from[range.clone()], reverse);
                }
            }
            if !text.is_empty() {
                extend(&mut self.text, &text[range.clone()], reverse);
            }
            if !arcs.is_empty() {
                extend(&mut self.arcs, &arcs[range], reverse);
            }
            self.end_part(role);
        }
    }
}

fn cut<T>(values: &mut Vec<T>, start: usize) -> Vec<T> {
    if values.len() > start { values.split_off(start) } else { Vec::new() }
}

fn extend<T: Copy>(into: &mut Vec<T>, from: &[T], reverse: bool) {
    if reverse {
        into.extend(from.iter().rev());
    } else {
        into.extend(from);
    }
}
