//! [`Area`]: polygons that a user chose, in a spatial reference of their own.

use geo::{LineString, Polygon, unary_union};
use serde_json::{Value, json};

use super::edges::Edges;
use super::geometry::signed_area2;
use super::{Crs, SpatialReference};
use crate::error::{Error, ErrorKind, Result};

/// A closed ring: shells are clockwise, holes counter-clockwise.
pub type Ring = Vec<[f64; 2]>;

/// Boolean operations round to a grid of about 2^-30 of the extent; vertices within this share of it are the same.
pub const GRID: f64 = 1.0 / (1 << 27) as f64;

/// Polygons in a spatial reference. They do not overlap.
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
    /// A box. Where west is greater than east it reaches across the 180th meridian, and becomes two.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where a number is none, south lies north of north, or west lies east of east in
    /// coordinates that are no degrees.
    ///
    /// ```
    /// use geohaul::model::{Area, Crs};
    ///
    /// assert_eq!(Area::of_box([170.0, -50.0, -170.0, -30.0], &Crs::wgs84()).unwrap().rings.len(), 2);
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
    /// [`ErrorKind::Input`] where there is no area, or a coordinate is no number.
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
        let rings = if polygons.len() == 1 { polygons.concat() } else { union(&polygons.concat()) };
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
    fn a_box_without_sense_is_refused() {
        let mercator = Crs::parse("EPSG:3857").unwrap();
        assert!(Area::of_box([0.0, 2.0, 1.0, 1.0], &mercator).is_err());
        assert!(Area::of_box([2.0, 0.0, 1.0, 1.0], &mercator).is_err());
        assert!(Area::of_box([f64::NAN, 0.0, 1.0, 1.0], &mercator).is_err());
        assert!(Area::of_polygons(vec![vec![vec![[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]], SpatialReference::default()).is_err());
    }
}
