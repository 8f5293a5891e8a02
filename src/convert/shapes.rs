//! One geometry object to flat arrays: points, multipoints, paths, rings, envelopes.

use std::collections::HashMap;

use crate::esri::scan::{Cursor, Syntax};
use crate::model::geometry::{Role, signed_area2};
use crate::model::{Geometries, GeometryKind, Header, OnArc, ReadPlan, ShapeKind, Span, SpatialReference};

use super::curves::Segment;
use super::fault::{Fault, Unfit};
use super::rings;
use super::tuple::{Tuple, read_segment, read_tuple};
use crate::report::LossKind;

/// Reads geometries of one layer.
pub(super) struct Shapes {
    has_z: bool,
    has_m: bool,
    /// Every geometry should have z.
    wants_z: bool,
    /// A vertex of the row had a third number, or `null` in its place.
    third: bool,
    multipoint: bool,
    multipatch: bool,
    /// Some number was no JSON text, so texts are given up for this page.
    text_unfit: bool,
    /// In the units of the coordinates.
    curve_tolerance: f64,
    keep_curves: bool,
    reference: Option<SpatialReference>,
    /// The last text of a geometry's own spatial reference that was found to be the layer's.
    known_reference: Vec<u8>,
    /// What was left out or changed: how many, and the first row. See [`COUNTED`].
    pub(super) counts: [(u64, usize); COUNTED.len()],
}

/// What [`Shapes::counts`] counts: vertices, paths and rings left out; geometries whose third or fourth numbers nobody
/// announced; curved segments; geometries without z.
pub(super) const COUNTED: [LossKind; 7] = [
    LossKind::VertexDropped,
    LossKind::PathDropped,
    LossKind::RingDropped,
    LossKind::ZDropped,
    LossKind::MDropped,
    LossKind::Densified,
    LossKind::ZAbsent,
];
pub(super) const VERTICES: usize = 0;
pub(super) const PATHS: usize = 1;
const RINGS: usize = 2;
const Z: usize = 3;
const M: usize = 4;
const CURVES: usize = 5;
const WITHOUT_Z: usize = 6;

/// What a geometry object says about itself, in any key order.
#[derive(Default)]
struct Said {
    x: Option<(f64, Option<Span>)>,
    y: Option<(f64, Option<Span>)>,
    z: Option<f64>,
    m: Option<f64>,
    corners: [Option<f64>; 4],
    list: Option<ShapeKind>,
    has_z: Option<bool>,
    has_m: Option<bool>,
    unknown_key: bool,
}

impl Shapes {
    pub(super) fn new(header: &Header, read: &ReadPlan) -> Self {
        Self {
            has_z: header.has_z,
            has_m: header.has_m,
            wants_z: header.z_is_due && read.z,
            third: false,
            multipoint: header.geometry == Some(GeometryKind::Multipoint),
            multipatch: header.geometry == Some(GeometryKind::Multipatch),
            text_unfit: false,
            curve_tolerance: read.curve_tolerance,
            keep_curves: read.keep_curves,
            reference: header.spatial_reference.clone(),
            known_reference: Vec::new(),
            counts: Default::default(),
        }
    }

    /// Reads the geometry under the cursor and ends a row.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>, into: &mut Geometries, row: usize) -> Result<(), Fault> {
        if cursor.peek() != Some(b'{') {
            let value = cursor.skip()?;
            if cursor.slice(value) != b"null" {
                return Err(Unfit::Unknown.into());
            }
            into.end_row(ShapeKind::Null);
            return Ok(());
        }
        if self.multipatch {
            return Err(Unfit::Multipatch.into());
        }
        let (first_part, first_vertex) = (into.part_ends.len(), into.xy.len());
        let said = self.members(cursor, into, first_part, row)?;
        let kind = self.build(&said, into, first_part, row)?;
        self.settle_ordinates(&said, into, first_vertex, row);
        into.level_arcs();
        if kind == ShapeKind::Polygon {
            let before = arcs_from(into, first_vertex);
            rings::arrange(into, first_part);
            into.level_arcs();
            // Rings that cross are made anew, of straight segments.
            (arcs_from(into, first_vertex)..before).for_each(|_| self.count(CURVES, row));
        }
        self.end_row(into, kind, row);
        Ok(())
    }

    /// Ends a row, and counts it where its z did not come.
    pub(super) fn end_row(&mut self, into: &mut Geometries, kind: ShapeKind, row: usize) {
        into.end_row(kind);
        let third = std::mem::take(&mut self.third);
        if self.wants_z && !third && kind != ShapeKind::Null {
            self.count(WITHOUT_Z, row);
        }
    }

    fn members(&mut self, cursor: &mut Cursor<'_>, into: &mut Geometries, first_part: usize, row: usize) -> Result<Said, Fault> {
        let mut said = Said::default();
        cursor.expect(b'{', "a geometry")?;
        let mut first = true;
        // Points as servers write them.
        if cursor.member_that_begins(br#""x":"#, &mut first) {
            said.x = Some(cursor.ordinate_text()?);
            if cursor.member_that_begins(br#""y":"#, &mut first) {
                said.y = Some(cursor.ordinate_text()?);
            }
        }
        while let Some(key) = cursor.key(&mut first)? {
            match cursor.slice(key.span) {
                b"x" => said.x = Some(cursor.ordinate_text()?),
                b"y" => said.y = Some(cursor.ordinate_text()?),
                b"z" => said.z = Some(cursor.ordinate()?),
                b"m" => said.m = Some(cursor.ordinate()?),
                b"xmin" => said.corners[0] = Some(cursor.ordinate()?),
                b"ymin" => said.corners[1] = Some(cursor.ordinate()?),
                b"xmax" => said.corners[2] = Some(cursor.ordinate()?),
                b"ymax" => said.corners[3] = Some(cursor.ordinate()?),
                b"hasZ" => said.has_z = Some(flag(cursor)?),
                b"hasM" => said.has_m = Some(flag(cursor)?),
                name @ (b"points" | b"paths" | b"rings" | b"curvePaths" | b"curveRings")
                    if said.list.is_none() || name.starts_with(b"curve") =>
                {
                    if is_empty(cursor) {
                        cursor.skip()?;
                        continue;
                    }
                    // Where both lists come, the plain one is the server's own densified copy.
                    Self::forget(into, first_part);
                    said.list = Some(match name {
                        b"points" => ShapeKind::Multipoint,
                        b"paths" | b"curvePaths" => ShapeKind::Polyline,
                        _ => ShapeKind::Polygon,
                    });
                    if name == b"points" {
                        self.vertices(cursor, into, row)?;
                        into.end_part(Role::Shell);
                    } else {
                        self.parts(cursor, into, said.list == Some(ShapeKind::Polygon), row)?;
                    }
                }
                b"spatialReference" => {
                    let value = cursor.skip()?;
                    self.check_reference(cursor.slice(value))?;
                }
                b"ids" => drop(cursor.skip()?),
                _ => {
                    cursor.skip()?;
                    said.unknown_key = true;
                }
            }
        }
        Ok(said)
    }

    /// A geometry may repeat its layer's spatial reference. Coordinates in another would end up in the wrong place.
    fn check_reference(&mut self, text: &[u8]) -> Result<(), Unfit> {
        if self.known_reference == text {
            return Ok(());
        }
        let own = serde_json::from_slice(text).ok().and_then(|value| SpatialReference::from_json(&value));
        if let (Some(own), Some(layers)) = (own, &self.reference)
            && own.code().is_some()
            && layers.code().is_some()
            && !own.same_as(layers)
        {
            return Err(Unfit::Elsewhere);
        }
        self.known_reference = text.to_vec();
        Ok(())
    }

    /// Ends the parts that are not ended yet, and says what the row is.
    fn build(&mut self, said: &Said, into: &mut Geometries, first_part: usize, row: usize) -> Result<ShapeKind, Fault> {
        if let Some(kind) = said.list {
            let first_vertex = if first_part == 0 { 0 } else { into.part_ends[first_part - 1] as usize };
            if into.xy.len() > first_vertex {
                return Ok(kind);
            }
            // Nothing remains of it: no part may.
            into.part_ends.truncate(first_part);
            into.roles.truncate(first_part);
            return Ok(ShapeKind::Null);
        }
        if said.x.is_some() || said.y.is_some() {
            let [(x, x_text), (y, y_text)] = [said.x, said.y].map(|ordinate| ordinate.unwrap_or((f64::NAN, None)));
            if !x.is_finite() || !y.is_finite() {
                // An empty point says so by an x of null or NaN; of any other, half is lost.
                if !said.x.is_some_and(|(x, _)| x.is_nan()) {
                    self.count(VERTICES, row);
                }
                return Ok(ShapeKind::Null);
            }
            self.vertex(into, [x, y], x_text.zip(y_text), said.z, said.m);
            into.end_part(Role::Shell);
            return Ok(if self.multipoint { ShapeKind::Multipoint } else { ShapeKind::Point });
        }
        match said.corners {
            [Some(west), Some(south), Some(east), Some(north)] => {
                let corners = [[west, south], [west, north], [east, north], [east, south], [west, south]];
                if corners.iter().flatten().any(|ordinate| !ordinate.is_finite()) {
                    return Ok(ShapeKind::Null);
                }
                for corner in corners {
                    self.vertex(into, corner, None, None, None);
                }
                if self.end_ring(into, into.xy.len() - 5, row) { Ok(ShapeKind::Polygon) } else { Ok(ShapeKind::Null) }
            }
            [Some(_), ..] => Ok(ShapeKind::Null),
            _ if said.unknown_key => Err(Unfit::Unknown.into()),
            _ => Ok(ShapeKind::Null),
        }
    }

    /// Paths or rings.
    fn parts(&mut self, cursor: &mut Cursor<'_>, into: &mut Geometries, rings: bool, row: usize) -> Result<(), Fault> {
        cursor.expect(b'[', "a list of parts")?;
        let mut first = true;
        while cursor.element(&mut first)? {
            let start = into.xy.len();
            self.vertices(cursor, into, row)?;
            if rings {
                self.end_ring(into, start, row);
            } else if into.xy.len() - start >= 2 {
                into.end_part(Role::Shell);
            } else {
                self.leave_out(into, start, PATHS, row);
            }
        }
        Ok(())
    }

    /// Closes the ring of the vertices from `start` on; one without area is left out.
    pub(super) fn end_ring(&mut self, into: &mut Geometries, start: usize, row: usize) -> bool {
        if into.xy.len() > start && into.xy[start] != into.xy[into.xy.len() - 1] {
            into.xy.push(into.xy[start]);
            for side in [&mut into.z, &mut into.m] {
                if !side.is_empty() {
                    side.push(side[start]);
                }
            }
            if !into.text.is_empty() {
                into.text.push(into.text[start]);
            }
        }
        let ring = &into.xy[start..];
        let fits = ring.len() >= 4 && (signed_area2(ring) != 0.0 || is_figure_of_eight(ring));
        if fits {
            into.end_part(Role::Shell);
        } else {
            self.leave_out(into, start, RINGS, row);
        }
        fits
    }

    /// Takes back the parts of this row.
    fn forget(into: &mut Geometries, first_part: usize) {
        let start = if first_part == 0 { 0 } else { into.part_ends[first_part - 1] as usize };
        into.part_ends.truncate(first_part);
        into.roles.truncate(first_part);
        into.truncate_vertices(start);
    }

    pub(super) fn leave_out(&mut self, into: &mut Geometries, start: usize, what: usize, row: usize) {
        // An empty part held nothing that could be lost.
        if into.xy.len() > start {
            self.count(what, row);
        }
        into.truncate_vertices(start);
    }

    pub(super) fn count(&mut self, what: usize, row: usize) {
        let (count, first) = &mut self.counts[what];
        if *count == 0 {
            *first = row;
        }
        *count += 1;
    }

    /// A list of vertices, with curved segments between them: `[[x, y], [x, y, z, m], {"c": ...}, ...]`.
    #[inline]
    fn vertices(&mut self, cursor: &mut Cursor<'_>, into: &mut Geometries, row: usize) -> Result<(), Fault> {
        if cursor.peek() == Some(b'n') {
            cursor.skip()?;
            return Ok(());
        }
        cursor.expect(b'[', "a list of vertices")?;
        let part_start = into.xy.len();
        let mut first = true;
        while cursor.element(&mut first)? {
            if cursor.peek() == Some(b'{') {
                let (segment, extra) = read_segment(cursor)?;
                self.curve(into, part_start, &segment, extra, row);
                continue;
            }
            match read_tuple(cursor)? {
                Some(Tuple { xy, text, extra }) if xy[0].is_finite() && xy[1].is_finite() => {
                    self.vertex(into, xy, text, extra[0], extra[1]);
                }
                _ => self.count(VERTICES, row),
            }
        }
        Ok(())
    }

    /// The vertices of a curved segment; z and m go evenly from those of the vertex before to those at its end.
    fn curve(&mut self, into: &mut Geometries, part_start: usize, segment: &Segment, extra: [Option<f64>; 2], row: usize) {
        let end = segment.end();
        if !(end[0].is_finite() && end[1].is_finite()) {
            return self.count(VERTICES, row);
        }
        if into.xy.len() == part_start {
            // Nothing before it that it could start from.
            return self.vertex(into, end, None, extra[0], extra[1]);
        }
        let last = into.xy.len() - 1;
        let start = into.xy[last];
        let middle = segment.middle(start).filter(|_| self.keep_curves);
        if middle.is_none() {
            self.count(CURVES, row);
        }
        let before = [&into.z, &into.m].map(|side| side.get(last).copied());
        let mut vertices = Vec::new();
        segment.densify(start, self.curve_tolerance, &mut |xy, fraction| vertices.push((xy, fraction)));
        let middle = middle.map(|middle| put_middle(&mut vertices, middle));
        // Absurd radii and controls are beyond what floats hold; the end of the segment is finite.
        for (xy, fraction) in vertices.into_iter().filter(|([x, y], _)| x.is_finite() && y.is_finite()) {
            let between = |side: usize| {
                let to = extra[side]?;
                if fraction == 1.0 { Some(to) } else { before[side].map(|from| from + (to - from) * fraction).or(Some(f64::NAN)) }
            };
            self.vertex(into, xy, None, between(0), between(1));
        }
        if let Some(middle) = middle {
            into.arcs.resize(last + 1, OnArc::No);
            into.arcs.resize(into.xy.len() - 1, OnArc::Between);
            if let Some(place) = into.arcs.get_mut(last + 1 + middle) {
                *place = OnArc::Middle;
            }
            into.arcs.push(OnArc::No);
        }
    }

    /// Appends a vertex. Side arrays stay empty until a first value comes.
    #[inline]
    pub(super) fn vertex(
        &mut self,
        into: &mut Geometries,
        xy: [f64; 2],
        text: Option<(Span, Span)>,
        third: Option<f64>,
        fourth: Option<f64>,
    ) {
        let before = into.xy.len();
        into.xy.push(xy);
        self.third |= third.is_some();
        for (side, value) in [(&mut into.z, third), (&mut into.m, fourth)] {
            match value {
                // Most layers have neither: nothing is stored until a first value comes.
                None if side.is_empty() => {}
                None => side.push(f64::NAN),
                Some(value) => {
                    side.resize(before, f64::NAN);
                    side.push(value);
                }
            }
        }
        match text {
            Some((x, y)) if !self.text_unfit => into.text.push([x, y]),
            _ => {
                self.text_unfit = true;
                into.text.clear();
            }
        }
    }

    /// Which numbers behind x and y are z and m: what the geometry says of itself, else what the layer says; where
    /// neither says anything the third is z and the fourth m. A number that nobody announced is none of them.
    fn settle_ordinates(&mut self, said: &Said, into: &mut Geometries, first_vertex: usize, row: usize) {
        if said.list.is_some() {
            let own = said.has_z.is_some() || said.has_m.is_some();
            let (has_z, has_m) = if own {
                (said.has_z.unwrap_or(false), said.has_m.unwrap_or(false))
            } else if self.has_z || self.has_m {
                (self.has_z, self.has_m)
            } else {
                (true, true)
            };
            let is_there = |side: &[f64]| side.iter().skip(first_vertex).any(|value| value.is_finite());
            if has_m && !has_z && into.z.len() > first_vertex && !is_there(&into.m) {
                into.m.resize(first_vertex, f64::NAN);
                into.m.extend(into.z.drain(first_vertex..));
            }
            for (has, side, what) in [(has_z, &mut into.z, Z), (has_m, &mut into.m, M)] {
                if !has && is_there(side) {
                    side[first_vertex..].fill(f64::NAN);
                    self.count(what, row);
                }
            }
        }
        even_out(into);
    }
}

/// Whether a ring surrounds something although its area is 0: the areas of its loops cancel each other, and its edges
/// do not.
fn is_figure_of_eight(ring: &[[f64; 2]]) -> bool {
    let mut edges: HashMap<[u64; 4], i32> = HashMap::new();
    let bits = |vertex: [f64; 2]| vertex.map(|ordinate| (ordinate + 0.0).to_bits());
    for edge in ring.windows(2).filter(|edge| edge[0] != edge[1]) {
        let ([a, b], [c, d]) = (bits(edge[0]), bits(edge[1]));
        let (key, way) = if (a, b) < (c, d) { ([a, b, c, d], 1) } else { ([c, d, a, b], -1) };
        *edges.entry(key).or_default() += way;
    }
    let [x0, y0] = ring[0];
    let far = ring.iter().find(|vertex| **vertex != ring[0]).copied().unwrap_or(ring[0]);
    let on_a_line = |[x, y]: &[f64; 2]| (far[0] - x0) * (y - y0) == (x - x0) * (far[1] - y0);
    edges.values().any(|ways| *ways != 0) && !ring.iter().all(on_a_line)
}

/// Side arrays are as long as `xy` or empty.
pub(super) fn even_out(into: &mut Geometries) {
    let vertices = into.xy.len();
    for side in [&mut into.z, &mut into.m] {
        if !side.is_empty() {
            side.resize(vertices, f64::NAN);
        }
    }
}

/// Puts the point that tells an arc among its vertices, in place of the nearest, and returns where it stands. The last
/// vertex is the end, which stays.
fn put_middle(vertices: &mut Vec<([f64; 2], f64)>, middle: [f64; 2]) -> usize {
    let distance = |([x, y], _): &([f64; 2], f64)| (x - middle[0]).hypot(y - middle[1]);
    let between = &vertices[..vertices.len().saturating_sub(1)];
    match between.iter().enumerate().min_by(|(_, one), (_, other)| distance(one).total_cmp(&distance(other))) {
        Some((nearest, _)) => {
            vertices[nearest].0 = middle;
            nearest
        }
        None => {
            vertices.insert(0, (middle, 0.5));
            0
        }
    }
}

/// How many arcs there are from a vertex on.
fn arcs_from(geometry: &Geometries, vertex: usize) -> usize {
    geometry.arcs.iter().skip(vertex).filter(|place| **place == OnArc::Middle).count()
}

/// `null` or `[]`, not consumed.
fn is_empty(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    ahead.peek() == Some(b'n') || (ahead.take(b'[') && ahead.peek() == Some(b']'))
}

fn flag(cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
    let value = cursor.skip()?;
    Ok(cursor.slice(value) == b"true")
}
