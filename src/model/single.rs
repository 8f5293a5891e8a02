//! One geometry of its own, for programs: to and from the types of the crate `geo`, and WKB.

use geo::{Coord, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon};

use super::geometry::{Part, Role, signed_area2};
use super::wkb::{self, Dimensions, Kinds};
use super::{Geometries, Shape, ShapeKind};
use crate::error::{Error, ErrorKind, Result};

/// One geometry: points, paths or polygons, with z and m where there are any.
///
/// ```
/// use geohaul::model::Geometry;
///
/// let square = geo::Geometry::Rect(geo::Rect::new((0.0, 0.0), (2.0, 2.0)));
/// let geometry = Geometry::from_geo(&square).unwrap();
/// assert_eq!(geo::Area::unsigned_area(&geometry.to_geo().unwrap()), 4.0);
/// assert_eq!(Geometry::from_wkb(&geometry.to_wkb()).unwrap(), geometry);
/// ```
#[derive(Debug, Clone)]
pub struct Geometry(Geometries);

impl PartialEq for Geometry {
    fn eq(&self, other: &Self) -> bool {
        // NaN is "none", and equal to itself.
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let (a, b) = (&self.0, &other.0);
        (a.kinds == b.kinds && a.part_ends == b.part_ends && a.roles == b.roles && a.xy == b.xy)
            && (bits(&a.z), bits(&a.m)) == (bits(&b.z), bits(&b.m))
    }
}

impl Geometry {
    /// A copy of a row's geometry.
    pub fn of(shape: Shape<'_>) -> Self {
        let mut all = Geometries::default();
        for part in shape.parts() {
            push_part(&mut all, part.xy, part.z, part.m, part.role);
        }
        all.end_row(shape.kind);
        Self(all)
    }

    /// Its kind, parts and vertices: shells clockwise, each before its holes.
    pub fn shape(&self) -> Shape<'_> {
        self.0.shape(0)
    }

    /// As a type of the crate `geo` (those of `geo-types`), without z and m; `None` for null.
    pub fn to_geo(&self) -> Option<geo::Geometry> {
        let shape = self.shape();
        let line = |part: Part<'_>| -> LineString { part.xy.iter().map(|[x, y]| Coord { x: *x, y: *y }).collect() };
        let mut parts = shape.parts();
        Some(match shape.kind {
            ShapeKind::Null => return None,
            ShapeKind::Point => Point::from((shape.xy()[0][0], shape.xy()[0][1])).into(),
            ShapeKind::Multipoint => MultiPoint::new(shape.xy().iter().map(|[x, y]| Point::new(*x, *y)).collect()).into(),
            ShapeKind::Polyline if shape.part_count() == 1 => line(parts.next()?).into(),
            ShapeKind::Polyline => MultiLineString::new(parts.map(line).collect()).into(),
            ShapeKind::Polygon => {
                let mut polygons: Vec<Polygon> = Vec::new();
                for size in shape.polygon_sizes() {
                    let mut rings = parts.by_ref().take(size).map(line).map(|mut ring| {
                        ring.0.reverse();
                        ring
                    });
                    polygons.extend(rings.next().map(|shell| Polygon::new(shell, rings.collect())));
                }
                match polygons.len() {
                    1 => polygons.remove(0).into(),
                    _ => MultiPolygon::new(polygons).into(),
                }
            }
        })
    }

    /// From a type of the crate `geo`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a collection of several kinds.
    pub fn from_geo(geometry: &geo::Geometry) -> Result<Self> {
        let mut all = Geometries::default();
        let xy = |line: &LineString| line.coords().map(|at| [at.x, at.y]).collect::<Vec<_>>();
        let polygon = |all: &mut Geometries, polygon: &Polygon| {
            for (at, ring) in std::iter::once(polygon.exterior()).chain(polygon.interiors()).enumerate() {
                push_ring(all, xy(ring), &[], &[], if at == 0 { Role::Shell } else { Role::Hole });
            }
        };
        let kind = match geometry {
            geo::Geometry::Point(point) => {
                push_part(&mut all, &[[point.x(), point.y()]], &[], &[], Role::Shell);
                ShapeKind::Point
            }
            geo::Geometry::MultiPoint(points) => {
                let points: Vec<[f64; 2]> = points.iter().map(|point| [point.x(), point.y()]).collect();
                push_part(&mut all, &points, &[], &[], Role::Shell);
                ShapeKind::Multipoint
            }
            geo::Geometry::Line(line) => {
                push_part(&mut all, &[[line.start.x, line.start.y], [line.end.x, line.end.y]], &[], &[], Role::Shell);
                ShapeKind::Polyline
            }
            geo::Geometry::LineString(line) => {
                push_part(&mut all, &xy(line), &[], &[], Role::Shell);
                ShapeKind::Polyline
            }
            geo::Geometry::MultiLineString(lines) => {
                lines.iter().for_each(|line| push_part(&mut all, &xy(line), &[], &[], Role::Shell));
                ShapeKind::Polyline
            }
            geo::Geometry::Polygon(one) => {
                polygon(&mut all, one);
                ShapeKind::Polygon
            }
            geo::Geometry::MultiPolygon(several) => {
                several.iter().for_each(|one| polygon(&mut all, one));
                ShapeKind::Polygon
            }
            geo::Geometry::Rect(rect) => {
                polygon(&mut all, &rect.to_polygon());
                ShapeKind::Polygon
            }
            geo::Geometry::Triangle(triangle) => {
                polygon(&mut all, &triangle.to_polygon());
                ShapeKind::Polygon
            }
            geo::Geometry::GeometryCollection(_) => {
                return Err(Error::new(ErrorKind::Unsupported, "a collection of geometries of several kinds is no one geometry"));
            }
        };
        all.end_row(if all.xy.is_empty() { ShapeKind::Null } else { kind });
        Ok(Self(all))
    }

    /// As ISO WKB, little-endian, with z and m where it has any; empty for null.
    pub fn to_wkb(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let dimensions = Dimensions { z: !self.0.z.is_empty(), m: !self.0.m.is_empty() };
        wkb::push(&mut out, self.shape(), dimensions, Kinds::AsIs);
        out
    }

    /// From ISO WKB or EWKB of either byte order; from no bytes, null.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] for broken bytes, [`ErrorKind::Unsupported`] for collections and curves.
    pub fn from_wkb(bytes: &[u8]) -> Result<Self> {
        let mut all = Geometries::default();
        if bytes.is_empty() {
            all.end_row(ShapeKind::Null);
            return Ok(Self(all));
        }
        let mut reader = Reader { bytes, little: true, z: false, m: false };
        let kind = reader.geometry(&mut all, None)?;
        if !reader.bytes.is_empty() {
            return Err(broken("bytes follow the geometry"));
        }
        all.end_row(if all.xy.is_empty() { ShapeKind::Null } else { kind });
        Ok(Self(all))
    }
}

fn push_part(all: &mut Geometries, xy: &[[f64; 2]], z: &[f64], m: &[f64], role: Role) {
    if xy.is_empty() {
        return;
    }
    all.xy.extend(xy);
    all.z.extend(z);
    all.m.extend(m);
    all.end_part(role);
}

/// A closed ring in the orientation of its role.
fn push_ring(all: &mut Geometries, mut xy: Vec<[f64; 2]>, z: &[f64], m: &[f64], role: Role) {
    if (signed_area2(&xy) < 0.0) == (role == Role::Shell) {
        return push_part(all, &xy, z, m, role);
    }
    xy.reverse();
    let turned = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
    push_part(all, &xy, &turned(z), &turned(m), role);
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::Input, "the WKB can't be read").because(why)
}

/// Takes WKB apart from the front.
struct Reader<'a> {
    bytes: &'a [u8],
    little: bool,
    z: bool,
    m: bool,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(|| broken("it ends too early"))?;
        self.bytes = rest;
        Ok(*head)
    }

    fn integer(&mut self) -> Result<u32> {
        let bytes = self.take()?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn real(&mut self) -> Result<f64> {
        let bytes = self.take()?;
        Ok(if self.little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    /// A geometry; the members of a multi geometry must be of the kind `inside`.
    fn geometry(&mut self, all: &mut Geometries, inside: Option<u32>) -> Result<ShapeKind> {
        self.little = self.take::<1>()?[0] == 1;
        let code = self.integer()?;
        // EWKB has flags, ISO WKB thousands.
        let (flags, iso) = (code >> 29, (code & 0x1FFF_FFFF) / 1000);
        (self.z, self.m) = (flags & 4 != 0 || iso == 1 || iso == 3, flags & 2 != 0 || iso == 2 || iso == 3);
        if flags & 1 != 0 {
            self.integer()?; // The SRID.
        }
        let base = (code & 0x1FFF_FFFF) % 1000;
        if inside.is_some_and(|kind| kind != base) {
            return Err(broken("a part is of another kind than the whole"));
        }
        Ok(match base {
            1 => {
                let (xy, z, m) = self.vertices(1)?;
                // An empty point is one of NaN.
                if xy[0].iter().all(|ordinate| ordinate.is_finite()) {
                    push_part(all, &xy, &z, &m, Role::Shell);
                }
                ShapeKind::Point
            }
            2 => {
                let count = self.integer()?;
                let (xy, z, m) = self.vertices(count)?;
                push_part(all, &xy, &z, &m, Role::Shell);
                ShapeKind::Polyline
            }
            3 => {
                for at in 0..self.integer()? {
                    let count = self.integer()?;
                    let (xy, z, m) = self.vertices(count)?;
                    push_ring(all, xy, &z, &m, if at == 0 { Role::Shell } else { Role::Hole });
                }
                ShapeKind::Polygon
            }
            4..=6 if inside.is_none() => {
                for _ in 0..self.integer()? {
                    self.geometry(all, Some(base - 3))?;
                }
                match base {
                    4 => {
                        // The points are one part.
                        all.part_ends.drain(..all.part_ends.len().saturating_sub(1));
                        all.roles.truncate(all.part_ends.len());
                        ShapeKind::Multipoint
                    }
                    5 => ShapeKind::Polyline,
                    _ => ShapeKind::Polygon,
                }
            }
            _ => return Err(Error::new(ErrorKind::Unsupported, format!("WKB of type {code} is not read"))),
        })
    }

    fn vertices(&mut self, count: u32) -> Result<(Vec<[f64; 2]>, Vec<f64>, Vec<f64>)> {
        let size = 16 + 8 * (usize::from(self.z) + usize::from(self.m));
        if self.bytes.len() / size < count as usize {
            return Err(broken("it ends too early"));
        }
        let (mut xy, mut z, mut m) = (Vec::with_capacity(count as usize), Vec::new(), Vec::new());
        for _ in 0..count {
            xy.push([self.real()?, self.real()?]);
            for (wanted, values) in [(self.z, &mut z), (self.m, &mut m)] {
                if wanted {
                    let bytes = self.bytes.split_first_chunk::<8>().ok_or_else(|| broken("it ends too early"))?;
                    self.bytes = bytes.1;
                    values.push(if self.little { f64::from_le_bytes(*bytes.0) } else { f64::from_be_bytes(*bytes.0) });
                }
            }
        }
        Ok((xy, z, m))
    }
}
