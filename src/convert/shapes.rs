//! One geometry object to flat arrays: points, multipoints, paths, rings, envelopes.

use crate::esri::scan::{Cursor, Syntax};
use crate::model::geometry::{Role, signed_area2};
use crate::model::{Geometries, GeometryKind, Header, ShapeKind, Span};

use super::rings;
use super::rows::Fault;

/// A geometry that can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// `curvePaths` or `curveRings`.
    Curve,
    /// A multipatch.
    Multipatch,
    /// An object of no known shape.
    Unknown,
    /// Esri's shape buffer, in PBF.
    Buffer,
}

impl Unfit {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Curve => "it holds true curves, which this version does not convert",
            Self::Multipatch => "it is a multipatch",
            Self::Unknown => "it is an object without x, points, paths, rings or xmin",
            Self::Buffer => "it is written in Esri's shape buffer format",
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Curve => "ask the server for densified geometry: returnTrueCurves=false",
            Self::Multipatch => "ask the server for footprints: multipatchOption=xyFootprint",
            Self::Unknown => "check the saved file",
            Self::Buffer => "ask for JSON: --wire json",
        }
    }
}

/// Reads geometries of one layer.
pub(super) struct Shapes {
    has_z: bool,
    has_m: bool,
    multipoint: bool,
    multipatch: bool,
    /// Some number was no JSON text, so texts are given up for this page.
    text_unfit: bool,
    /// Vertices, paths and rings left out: how many, and the first row.
    pub(super) counts: [(u64, usize); 3],
}

pub(super) const VERTICES: usize = 0;
pub(super) const PATHS: usize = 1;
const RINGS: usize = 2;

/// What a geometry object says about itself, in any key order.
#[derive(Default)]
struct Said {
    x: Option<(f64, Option<Span>)>,
    y: Option<(f64, Option<Span>)>,
    z: Option<f64>,
    m: Option<f64>,
    corners: [Option<f64>; 4],
    list: Option<ShapeKind>,
    curve: bool,
    has_z: Option<bool>,
    has_m: Option<bool>,
    unknown_key: bool,
}

impl Shapes {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            has_z: header.has_z,
            has_m: header.has_m,
            multipoint: header.geometry == Some(GeometryKind::Multipoint),
            multipatch: header.geometry == Some(GeometryKind::Multipatch),
            text_unfit: false,
            counts: [(0, 0); 3],
        }
    }

    /// Reads the geometry under the cursor and ends a row.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>, into: &mut Geometries, row: usize) -> Result<(), Fault> {
        if cursor.peek() != Some(b'{') {
            cursor.skip()?;
            into.end_row(ShapeKind::Null);
            return Ok(());
        }
        if self.multipatch {
            return Err(Unfit::Multipatch.into());
        }
        let (first_part, first_vertex) = (into.part_ends.len(), into.xy.len());
        let said = self.members(cursor, into, row)?;
        let kind = self.build(&said, into, first_part, row)?;
        self.settle_ordinates(&said, into, first_vertex);
        if kind == ShapeKind::Polygon {
            rings::arrange(into, first_part);
        }
        into.end_row(kind);
        Ok(())
    }

    fn members(&mut self, cursor: &mut Cursor<'_>, into: &mut Geometries, row: usize) -> Result<Said, Fault> {
        let mut said = Said::default();
        cursor.expect(b'{', "a geometry")?;
        let mut first = true;
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
                name @ (b"points" | b"paths" | b"rings") if said.list.is_none() && cursor.peek() == Some(b'[') => {
                    said.list = Some(match name {
                        b"points" => ShapeKind::Multipoint,
                        b"paths" => ShapeKind::Polyline,
                        _ => ShapeKind::Polygon,
                    });
                    if name == b"points" {
                        self.vertices(cursor, into, row)?;
                        into.end_part(Role::Shell);
                    } else {
                        self.parts(cursor, into, said.list == Some(ShapeKind::Polygon), row)?;
                    }
                }
                b"curvePaths" | b"curveRings" => {
                    let value = cursor.skip()?;
                    said.curve = cursor.slice(value) != b"[]" && cursor.slice(value) != b"null";
                }
                b"ids" | b"spatialReference" => drop(cursor.skip()?),
                _ => {
                    cursor.skip()?;
                    said.unknown_key = true;
                }
            }
        }
        Ok(said)
    }

    /// Ends the parts that are not ended yet, and says what the row is.
    fn build(&mut self, said: &Said, into: &mut Geometries, first_part: usize, row: usize) -> Result<ShapeKind, Fault> {
        if let Some(kind) = said.list {
            let first_vertex = if first_part == 0 { 0 } else { into.part_ends[first_part - 1] as usize };
            if into.xy.len() > first_vertex {
                // Where curves come beside it, the plain list is the server's own densified copy.
                return Ok(kind);
            }
        }
        if said.curve {
            return Err(Unfit::Curve.into());
        }
        if said.list.is_some() {
            // Nothing remains of it: no part may.
            into.part_ends.truncate(first_part);
            into.roles.truncate(first_part);
            return Ok(ShapeKind::Null);
        }
        if let (Some((x, x_text)), Some((y, y_text))) = (said.x, said.y) {
            // An empty point says so by null or NaN; z and m alone are no place.
            if !x.is_finite() || !y.is_finite() {
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
            _ if said.unknown_key && said.x.is_none() && said.y.is_none() => Err(Unfit::Unknown.into()),
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
        let fits = into.xy.len() - start >= 4 && signed_area2(&into.xy[start..]) != 0.0;
        if fits {
            into.end_part(Role::Shell);
        } else {
            self.leave_out(into, start, RINGS, row);
        }
        fits
    }

    pub(super) fn leave_out(&mut self, into: &mut Geometries, start: usize, what: usize, row: usize) {
        // An empty part held nothing that could be lost.
        if into.xy.len() > start {
            self.count(what, row);
        }
        into.xy.truncate(start);
        into.z.truncate(start);
        into.m.truncate(start);
        into.text.truncate(start);
    }

    pub(super) fn count(&mut self, what: usize, row: usize) {
        let (count, first) = &mut self.counts[what];
        if *count == 0 {
            *first = row;
        }
        *count += 1;
    }

    /// A list of tuples: `[[x, y], [x, y, z, m], ...]`.
    #[inline]
    fn vertices(&mut self, cursor: &mut Cursor<'_>, into: &mut Geometries, row: usize) -> Result<(), Fault> {
        if cursor.peek() == Some(b'n') {
            cursor.skip()?;
            return Ok(());
        }
        cursor.expect(b'[', "a list of vertices")?;
        let mut first = true;
        while cursor.element(&mut first)? {
            if !cursor.take(b'[') {
                if cursor.peek() == Some(b'{') {
                    return Err(Unfit::Curve.into());
                }
                return Err(Syntax { at: cursor.at(), expected: "a vertex" }.into());
            }
            let mut inner = false;
            if cursor.take(b']') {
                self.count(VERTICES, row);
                continue;
            }
            let (x, x_text) = cursor.ordinate_text()?;
            cursor.expect(b',', "a comma and y")?;
            let (y, y_text) = cursor.ordinate_text()?;
            let mut extra = [None; 2];
            let mut index = 0;
            while cursor.element(&mut inner)? {
                let ordinate = cursor.ordinate()?;
                if let Some(slot) = extra.get_mut(index) {
                    *slot = Some(ordinate);
                }
                index += 1;
            }
            if x.is_finite() && y.is_finite() {
                self.vertex(into, [x, y], x_text.zip(y_text), extra[0], extra[1]);
            } else {
                self.count(VERTICES, row);
            }
        }
        Ok(())
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
    fn settle_ordinates(&self, said: &Said, into: &mut Geometries, first_vertex: usize) {
        if said.list.is_some() {
            let own = said.has_z.is_some() || said.has_m.is_some();
            let (has_z, has_m) = if own {
                (said.has_z.unwrap_or(false), said.has_m.unwrap_or(false))
            } else if self.has_z || self.has_m {
                (self.has_z, self.has_m)
            } else {
                (true, true)
            };
            if has_m && !has_z && into.z.len() > first_vertex {
                into.m.resize(first_vertex, f64::NAN);
                into.m.extend_from_slice(&into.z[first_vertex..]);
            }
            for (has, side) in [(has_z, &mut into.z), (has_m, &mut into.m)] {
                if !has && side.len() > first_vertex {
                    side[first_vertex..].fill(f64::NAN);
                }
            }
        }
        even_out(into);
    }
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

fn flag(cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
    let value = cursor.skip()?;
    Ok(cursor.slice(value) == b"true")
}
