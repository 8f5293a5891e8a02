//! The edges of rings and paths in an R-tree: what is near a point, what meets a box, what encloses a point.

use rstar::primitives::{GeomWithData, Line};
use rstar::{AABB, PointDistance, RTree};

/// Edges, each with the index of its first vertex.
#[derive(Debug, Clone, Default)]
pub struct Edges(RTree<GeomWithData<Line<[f64; 2]>, usize>>);

/// One edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The index of `from` among all vertices; `to` is the next.
    pub index: usize,
    /// Where it begins.
    pub from: [f64; 2],
    /// Where it ends.
    pub to: [f64; 2],
}

impl Edge {
    /// The point a share of the way from its beginning to its end.
    pub fn at(&self, share: f64) -> [f64; 2] {
        [0, 1].map(|axis| self.from[axis] + (self.to[axis] - self.from[axis]) * share)
    }

    /// The share of the way at which `point`, or the place nearest to it, lies.
    pub fn share_of(&self, point: [f64; 2]) -> f64 {
        let along = minus(self.to, self.from);
        (dot(minus(point, self.from), along) / dot(along, along)).clamp(0.0, 1.0)
    }

    /// The share of the way at which this edge meets `other`; `None` where it does not, or runs along it.
    pub fn meets(&self, other: &Self) -> Option<f64> {
        let (ours, theirs, between) = (minus(self.to, self.from), minus(other.to, other.from), minus(other.from, self.from));
        let turn = cross(ours, theirs);
        let (share, their_share) = (cross(between, theirs) / turn, cross(between, ours) / turn);
        let unit = 0.0..=1.0;
        (turn != 0.0 && unit.contains(&share) && unit.contains(&their_share)).then_some(share)
    }

    /// `true` where `point` lies on the edge, exactly.
    pub fn holds(&self, point: [f64; 2]) -> bool {
        let within = |axis: usize| {
            let (a, b) = (self.from[axis], self.to[axis]);
            (a.min(b)..=a.max(b)).contains(&point[axis])
        };
        within(0) && within(1) && cross(minus(self.to, self.from), minus(point, self.from)) == 0.0
    }
}

fn minus(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] - b[0], a[1] - b[1]]
}

fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

fn cross(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

impl Edges {
    /// The edges of paths or closed rings, whose vertices are counted through. Coordinates must be finite; edges
    /// without length are left out.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a [[f64; 2]]>) -> Self {
        let (mut edges, mut first) = (Vec::new(), 0);
        for line in lines {
            let pairs = line.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]);
            edges.extend(pairs.map(|(at, pair)| GeomWithData::new(Line::new(pair[0], pair[1]), first + at)));
            first += line.len();
        }
        Self(RTree::bulk_load(edges))
    }

    /// The edges whose boxes meet a box.
    pub fn in_box(&self, low: [f64; 2], high: [f64; 2]) -> impl Iterator<Item = Edge> + '_ {
        self.0.locate_in_envelope_intersecting(AABB::from_corners(low, high)).map(edge)
    }

    /// The edge nearest to a point, no farther away than `tolerance`.
    pub fn nearest(&self, point: [f64; 2], tolerance: f64) -> Option<Edge> {
        self.0.nearest_neighbor(point).filter(|found| found.distance_2(&point) <= tolerance * tolerance).map(edge)
    }

    /// `true` where closed rings enclose a point: they wind around it, or it lies on one of them.
    pub fn enclose(&self, point: [f64; 2]) -> bool {
        let mut winding = 0;
        for edge in self.in_box(point, [f64::MAX, point[1]]) {
            if edge.holds(point) {
                return true;
            }
            let (up, down) =
                (edge.from[1] <= point[1] && edge.to[1] > point[1], edge.to[1] <= point[1] && edge.from[1] > point[1]);
            let side = cross(minus(edge.to, edge.from), minus(point, edge.from));
            winding += i32::from(up && side > 0.0) - i32::from(down && side < 0.0);
        }
        winding != 0
    }
}

fn edge(found: &GeomWithData<Line<[f64; 2]>, usize>) -> Edge {
    let Line { from, to } = *found.geom();
    Edge { index: found.data, from, to }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: [[f64; 2]; 5] = [[0.0, 0.0], [0.0, 4.0], [4.0, 4.0], [4.0, 0.0], [0.0, 0.0]];
    const HOLE: [[f64; 2]; 5] = [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0], [1.0, 1.0]];

    #[test]
    fn a_point_is_in_the_ring_or_on_it_but_not_in_the_hole() {
        let edges = Edges::of([&RING[..], &HOLE[..]]);
        for inside in [[3.0, 3.0], [0.0, 0.0], [4.0, 2.0], [1.0, 1.5], [0.5, 1.0], [0.5, 2.0]] {
            assert!(edges.enclose(inside), "{inside:?}");
        }
        for outside in [[1.5, 1.5], [5.0, 1.0], [-1.0, 0.0], [-1.0, 4.0], [2.0, 4.5]] {
            assert!(!edges.enclose(outside), "{outside:?}");
        }
    }

    #[test]
    fn the_nearest_edge_says_where_a_point_is_on_it() {
        let edges = Edges::of([&RING[..]]);
        let edge = edges.nearest([1.0, 4.001], 0.01).unwrap();
        assert_eq!((edge.index, edge.share_of([1.0, 4.001])), (1, 0.25));
        assert_eq!(edges.nearest([2.0, 2.0], 0.5), None);
    }
}
