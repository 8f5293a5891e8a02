//! [`Area`]: polygons that a user chose, in a spatial reference of their own.

use geo::{LineString, Polygon, unary_union};
use serde_json::{Value, json};

use super::edges::{Edge, Edges};
use super::geometry::signed_area2;
use super::{Crs, SpatialReference};
use crate::error::{Error, ErrorKind, Result};

/// A closed ring: shells are clockwise, holes counter-clockwise.
pub type Ring = Vec<[f64; 2]>;

/// Boolean operations round to a grid of about 2^-30 of the extent; vertices within this share of it are the same.
pub const GRID: f64 = 1.0 / (1 << 27) as f64;

/// Longitudes this close to the 180th meridian lie on it.
const CLOSE: f64 = 1e-9;

/// Longitudes beyond this are no turn more or less, but no longitudes.
const FARTHEST: f64 = 540.0;

/// Polygons in a spatial reference. They do not overlap. Longitudes are within ±180.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// The rings of all polygons.
    pub rings: Vec<Ring>,
    /// West, south, east and north, where it was given as one box.
    pub envelope: Option<[f64; 4]>,
    /// What the coordinates are in.
    pub spatial_reference: SpatialReference,
}

impl Area {
    /// A box. Where west is greater than east, or a longitude lies beyond ±180, it reaches across the 180th meridian, and
    /// becomes two.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where a number is none or no place on earth, south lies north of north, or west lies east of
    /// east in coordinates that are no degrees.
    ///
    /// ```
    /// use geohaul::model::{Area, Crs};
    ///
    /// assert_eq!(Area::of_box([170.0, -50.0, -170.0, -30.0], &Crs::wgs84()).unwrap().rings.len(), 2);
    /// assert_eq!(Area::of_box([170.0, -50.0, 190.0, -30.0], &Crs::wgs84()).unwrap().rings.len(), 2);
    /// assert_eq!(Area::of_box([5.0, 45.0, 11.0, 48.0], &Crs::wgs84()).unwrap().rings.len(), 1);
    /// ```
    pub fn of_box(sides: [f64; 4], crs: &Crs) -> Result<Self> {
        let [west, south, east, north] = sides;
        let wrong = |why: &str| {
            Error::new(ErrorKind::Usage, "the box can't be used")
                .because(why)
                .hint("give west,south,east,north, such as 5.9,45.8,10.5,47.8")
        };
        if !sides.iter().all(|side| side.is_finite()) {
            return Err(wrong("a side is no number"));
        }
        if south > north {
            return Err(wrong("its south lies north of its north"));
        }
        let is_far = |longitude: f64| longitude.abs() > 180.0 + CLOSE;
        let (mut west, mut east) = (west, east);
        if crs.geographic {
            if [south, north].iter().any(|latitude| latitude.abs() > 90.0 + CLOSE) {
                return Err(wrong("a latitude lies beyond a pole"));
            }
            if is_far(west) || is_far(east) {
                if !(0.0..=360.0).contains(&(east - west)) || west.abs().max(east.abs()) > FARTHEST {
                    return Err(wrong("its longitudes lie beyond ±180, and reach around the world"));
                }
                (west, east) = if east - west == 360.0 { (-180.0, 180.0) } else { (folded(west), folded(east)) };
            }
        }
        let sides = [west, south, east, north];
        let spatial_reference = crs.spatial_reference();
        let ring = |west, east| vec![[west, south], [west, north], [east, north], [east, south], [west, south]];
        match (west > east, crs.geographic) {
            (false, _) => Ok(Self { rings: vec![ring(west, east)], envelope: Some(sides), spatial_reference }),
            (true, false) => Err(wrong("its west lies east of its east")),
            (true, true) => Ok(Self { rings: vec![ring(west, 180.0), ring(-180.0, east)], envelope: None, spatial_reference }),
        }
    }

    /// The union of polygons, each of one or more closed rings with their holes.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] where there is no area, or a coordinate is no number, or no longitude.
    pub fn of_polygons(mut polygons: Vec<Vec<Ring>>, spatial_reference: SpatialReference) -> Result<Self> {
        let wrong = |why: &str| Err(Error::new(ErrorKind::Input, "the area can't be used").because(why));
        polygons.iter_mut().for_each(|rings| rings.retain(|ring| signed_area2(ring) != 0.0));
        polygons.retain(|rings| !rings.is_empty());
        let vertices = || polygons.iter().flatten().flatten();
        if vertices().flatten().any(|ordinate| !ordinate.is_finite()) {
            return wrong("a coordinate is no number");
        }
        if vertices().next().is_none() {
            return wrong("it holds no polygon");
        }
        let farthest = vertices().map(|[x, _]| x.abs()).fold(0.0, f64::max);
        let is_far = farthest > 180.0 + CLOSE && Crs::of(&spatial_reference).is_ok_and(|crs| crs.geographic);
        if is_far && farthest > FARTHEST {
            return wrong("its longitudes lie far beyond ±180").map_err(|error| {
                error.hint("cut it at ±180 into a MultiPolygon, or name the spatial reference that its coordinates are in")
            });
        }
        let rings = match (is_far, polygons.len()) {
            (true, _) => union(&polygons.iter().flatten().flat_map(|ring| cut_at_antimeridian(ring)).collect::<Vec<_>>()),
            (false, 1) => polygons.concat(),
            (false, _) => union(&polygons.concat()),
        };
        Ok(Self { rings, envelope: None, spatial_reference })
    }

    /// As an Esri geometry, with its spatial reference.
    pub fn to_esri(&self) -> Value {
        let reference = self.spatial_reference.to_json();
        match self.envelope {
            Some([west, south, east, north]) => {
                json!({"xmin": west, "ymin": south, "xmax": east, "ymax": north, "spatialReference": reference})
            }
            None => json!({"rings": self.rings, "spatialReference": reference}),
        }
    }
}

/// What of a ring lies in a box. Where it leaves the box and comes back, the ring runs along the box.
pub fn in_box(ring: &[[f64; 2]], low: [f64; 2], high: [f64; 2]) -> Ring {
    let mut ring = ring.to_vec();
    for (axis, side, sign) in [(0, low, 1.0), (0, high, -1.0), (1, low, 1.0), (1, high, -1.0)] {
        let depth = |at: &[f64; 2]| sign * (at[axis] - side[axis]);
        let mut kept = Ring::new();
        for pair in ring.windows(2) {
            let (from, to) = (depth(&pair[0]), depth(&pair[1]));
            if from >= 0.0 {
                kept.push(pair[0]);
            }
            if (from >= 0.0) != (to >= 0.0) {
                let edge = Edge { index: 0, from: pair[0], to: pair[1] };
                let mut crossing = edge.at(from / (from - to));
                crossing[axis] = side[axis];
                kept.push(crossing);
            }
        }
        kept.extend(kept.first().copied());
        ring = kept;
    }
    ring
}

/// A longitude within ±180.
fn folded(longitude: f64) -> f64 {
    if longitude.abs() <= 180.0 { longitude } else { (longitude + 180.0).rem_euclid(360.0) - 180.0 }
}

/// The parts of a ring a turn west of the map, on it and a turn east, brought onto it.
fn cut_at_antimeridian(ring: &[[f64; 2]]) -> Vec<Ring> {
    let ([_, south], [_, north]) = bounds(ring.iter());
    let part = |turn: f64| {
        let mut part = in_box(ring, [turn - 180.0, south], [turn + 180.0, north]);
        part.iter_mut().for_each(|[x, _]| *x -= turn);
        part
    };
    [-360.0, 0.0, 360.0].into_iter().map(part).filter(|part| signed_area2(part) != 0.0).collect()
}

/// Overlapping polygons as one; every vertex that it keeps is exactly where it was.
fn union(rings: &[Ring]) -> Vec<Ring> {
    let edges = Edges::of(rings.iter().map(Vec::as_slice));
    let tolerance = extent(rings.iter().flatten()) * GRID;
    let exact = |at: [f64; 2]| match edges.nearest(at, tolerance) {
        Some(edge) => [edge.from, edge.to].into_iter().find(|end| distance(*end, at) <= tolerance).unwrap_or(at),
        None => at,
    };
    let polygons: Vec<Polygon> = rings.iter().map(|ring| Polygon::new(line_string(ring), Vec::new())).collect();
    let joined = unary_union(&polygons);
    let rings = joined.0.iter().flat_map(|polygon| std::iter::once(polygon.exterior()).chain(polygon.interiors()));
    // The crate's shells run counter-clockwise.
    rings.map(|ring| ring.coords().rev().map(|c| exact([c.x, c.y])).collect()).collect()
}

/// A path or ring for the crate `geo`.
pub fn line_string(vertices: &[[f64; 2]]) -> LineString {
    vertices.iter().map(|[x, y]| geo::coord! { x: *x, y: *y }).collect()
}

/// The longer side of the box of these vertices.
pub fn extent<'a>(vertices: impl Iterator<Item = &'a [f64; 2]>) -> f64 {
    let (low, high) = bounds(vertices);
    (high[0] - low[0]).max(high[1] - low[1])
}

/// The lower left and the upper right corner of the box of these vertices.
pub fn bounds<'a>(vertices: impl Iterator<Item = &'a [f64; 2]>) -> ([f64; 2], [f64; 2]) {
    let start = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    vertices.fold(start, |(low, high), [x, y]| ([low[0].min(*x), low[1].min(*y)], [high[0].max(*x), high[1].max(*y)]))
}

/// The distance between two points.
pub fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, y: f64, side: f64) -> Vec<Ring> {
        vec![vec![[x, y], [x, y + side], [x + side, y + side], [x + side, y], [x, y]]]
    }

    fn area(rings: &[Ring]) -> f64 {
        rings.iter().map(|ring| signed_area2(ring)).sum::<f64>() / -2.0
    }

    #[test]
    fn polygons_that_overlap_are_one_area_and_keep_their_exact_corners() {
        let odd = 0.1 + 0.2;
        let joined =
            Area::of_polygons(vec![square(odd, 0.0, 2.0), square(odd + 1.0, 0.0, 2.0)], SpatialReference::from_wkid(4326))
                .unwrap();
        assert!((area(&joined.rings) - 6.0).abs() < 1e-9);
        assert!(joined.rings[0].contains(&[odd, 0.0]) && signed_area2(&joined.rings[0]) < 0.0);
    }

    #[test]
    fn longitudes_beyond_180_are_folded() {
        let wgs84 = SpatialReference::from_wkid(4326);
        let across = Area::of_polygons(vec![square(170.0, 0.0, 20.0)], wgs84.clone()).unwrap();
        let (low, high) = bounds(across.rings.iter().flatten());
        assert_eq!((across.rings.len(), area(&across.rings), low[0], high[0]), (2, 400.0, -180.0, 180.0));
        let hole: Ring = square(185.0, 5.0, 2.0)[0].iter().rev().copied().collect();
        let beyond = Area::of_polygons(vec![vec![square(182.0, 0.0, 10.0).concat(), hole]], wgs84.clone()).unwrap();
        assert_eq!((beyond.rings.len(), area(&beyond.rings)), (2, 96.0));
        assert!(beyond.rings.iter().flatten().all(|[x, _]| (-178.0..=-168.0).contains(x)));
        assert!(Area::of_polygons(vec![square(690_000.0, 0.0, 2.0)], wgs84).is_err());
        let boxed = |sides| Area::of_box(sides, &Crs::wgs84());
        assert_eq!(boxed([-190.0, 0.0, -170.0, 1.0]).unwrap(), boxed([170.0, 0.0, -170.0, 1.0]).unwrap());
        assert_eq!(boxed([185.0, 0.0, 190.0, 1.0]).unwrap().envelope, Some([-175.0, 0.0, -170.0, 1.0]));
        assert_eq!(boxed([0.0, 0.0, 360.0, 1.0]).unwrap().envelope, Some([-180.0, 0.0, 180.0, 1.0]));
    }

    #[test]
    fn a_box_without_sense_is_refused() {
        for sides in
            [[-500.0, -300.0, 1900.0, 800.0], [-500.0, 0.0, 1900.0, 1.0], [0.0, 0.0, 1.0, 95.0], [200.0, 0.0, -170.0, 1.0]]
        {
            assert!(Area::of_box(sides, &Crs::wgs84()).is_err(), "{sides:?}");
        }
        let mercator = Crs::parse("EPSG:3857").unwrap();
        assert!(Area::of_box([0.0, 2.0, 1.0, 1.0], &mercator).is_err());
        assert!(Area::of_box([2.0, 0.0, 1.0, 1.0], &mercator).is_err());
        assert!(Area::of_box([f64::NAN, 0.0, 1.0, 1.0], &mercator).is_err());
        assert!(Area::of_polygons(vec![vec![vec![[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]], SpatialReference::default()).is_err());
    }
}
