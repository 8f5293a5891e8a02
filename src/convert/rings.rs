//! Rings to polygons: which ring is a shell, which a hole, and in which shell.
//!
//! Esri puts the rings of all polygons of a feature into one list, in any order: a clockwise ring is a shell, a
//! counter-clockwise one a hole. A hole belongs to the smallest shell that contains it. Where no ring is
//! clockwise the orientation says nothing, and nesting decides. Rings of thousands are searched through an
//! R-tree of their boxes and, per ring, bands of edges, so the work stays near-linear.

use std::cell::OnceCell;

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use crate::model::Geometries;
use crate::model::geometry::{Role, signed_area2};

/// One ring's new place: the part it was, what it is, and whether its vertices turn around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) part: usize,
    pub(super) role: Role,
    pub(super) reverse: bool,
}

/// Brings the rings of the row under construction, which are the parts from `first_part` on, into canonical
/// order and orientation. The rings are closed and have an area that is not 0.
pub(super) fn arrange(geometry: &mut Geometries, first_part: usize) {
    let count = geometry.part_ends.len() - first_part;
    let areas: Vec<f64> = (first_part..first_part + count).map(|part| signed_area2(vertices(geometry, part))).collect();
    if areas.iter().all(|area| *area < 0.0) {
        return;
    }
    let placed = if count == 1 {
        vec![Placed { part: first_part, role: Role::Shell, reverse: true }]
    } else {
        let rings =
            (first_part..first_part + count).zip(&areas).map(|(part, area)| Ring::new(vertices(geometry, part), *area)).collect();
        let mut placed = Nesting::new(rings).place();
        placed.iter_mut().for_each(|ring| ring.part += first_part);
        placed
    };
    let settled = placed.iter().enumerate().all(|(at, ring)| ring.part == first_part + at && !ring.reverse);
    if settled {
        geometry.roles.truncate(first_part);
        geometry.roles.extend(placed.iter().map(|ring| ring.role));
    } else {
        geometry.rearrange(first_part, placed.iter().map(|ring| (ring.part, ring.role, ring.reverse)));
    }
}

fn vertices(geometry: &Geometries, part: usize) -> &[[f64; 2]] {
    let start = if part == 0 { 0 } else { geometry.part_ends[part - 1] as usize };
    &geometry.xy[start..geometry.part_ends[part] as usize]
}

struct Ring<'a> {
    xy: &'a [[f64; 2]],
    /// Twice the signed area.
    area: f64,
    low: [f64; 2],
    high: [f64; 2],
    bands: OnceCell<Bands>,
    inner_point: OnceCell<[f64; 2]>,
}

impl<'a> Ring<'a> {
    fn new(xy: &'a [[f64; 2]], area: f64) -> Self {
        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        for vertex in xy {
            for axis in 0..2 {
                low[axis] = low[axis].min(vertex[axis]);
                high[axis] = high[axis].max(vertex[axis]);
            }
        }
        Self { xy, area, low, high, bands: OnceCell::new(), inner_point: OnceCell::new() }
    }

    fn holds_box_of(&self, other: &Ring<'_>) -> bool {
        (0..2).all(|axis| self.low[axis] <= other.low[axis] && self.high[axis] >= other.high[axis])
    }

    /// Whether `other` lies inside, given that the two do not cross. Rings may touch in vertices and edges, so a
    /// point strictly inside `other` is asked, which lies on neither boundary.
    fn contains(&self, other: &Ring<'_>) -> bool {
        if self.area.abs() < other.area.abs() || !self.holds_box_of(other) {
            return false;
        }
        let bands = self.bands.get_or_init(|| Bands::new(self));
        bands.side(self, other.inner_point()) != Side::Outside
    }

    /// A point strictly inside: on a height between the vertices, the middle of the widest stretch inside.
    fn inner_point(&self) -> [f64; 2] {
        *self.inner_point.get_or_init(|| {
            let mut heights: Vec<f64> = self.xy.iter().map(|vertex| vertex[1]).collect();
            heights.sort_by(f64::total_cmp);
            let widest_gap = heights.windows(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
            let y = widest_gap.map_or(self.xy[0][1], |gap| f64::midpoint(gap[0], gap[1]));
            let crossing = |edge: &[[f64; 2]]| {
                let ([ax, ay], [bx, by]) = (edge[0], edge[1]);
                ((ay > y) != (by > y)).then(|| ax + (y - ay) / (by - ay) * (bx - ax))
            };
            let mut crossings: Vec<f64> = self.xy.windows(2).filter_map(crossing).collect();
            crossings.sort_by(f64::total_cmp);
            let widest = crossings.chunks_exact(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
            widest.map_or(self.xy[0], |stretch| [f64::midpoint(stretch[0], stretch[1]), y])
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
    Boundary,
}

/// The edges of a ring by horizontal band, so that a point is compared with the few edges at its height.
struct Bands {
    per_unit: f64,
    /// Per band, the edges (by their first vertex) that touch it: `edges[starts[b]..starts[b + 1]]`.
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl Bands {
    fn new(ring: &Ring<'_>) -> Self {
        let edges = ring.xy.len() - 1;
        let count = (edges / 4).clamp(1, 1 << 20);
        let height = ring.high[1] - ring.low[1];
        let per_unit = if height > 0.0 { count as f64 / height } else { 0.0 };
        let mut bands = Self { per_unit, starts: vec![0; count + 1], edges: Vec::new() };
        let span = |bands: &Self, edge: usize| {
            let (a, b) = (ring.xy[edge][1], ring.xy[edge + 1][1]);
            bands.band(ring, a.min(b))..=bands.band(ring, a.max(b))
        };
        for edge in 0..edges {
            for band in span(&bands, edge) {
                bands.starts[band + 1] += 1;
            }
        }
        for band in 0..count {
            bands.starts[band + 1] += bands.starts[band];
        }
        let mut next = bands.starts.clone();
        bands.edges = vec![0; bands.starts[count] as usize];
        for edge in 0..edges {
            for band in span(&bands, edge) {
                bands.edges[next[band] as usize] = edge as u32;
                next[band] += 1;
            }
        }
        bands
    }

    fn band(&self, ring: &Ring<'_>, y: f64) -> usize {
        (((y - ring.low[1]) * self.per_unit) as usize).min(self.starts.len() - 2)
    }

    fn side(&self, ring: &Ring<'_>, [x, y]: [f64; 2]) -> Side {
        if !(ring.low[0]..=ring.high[0]).contains(&x) || !(ring.low[1]..=ring.high[1]).contains(&y) {
            return Side::Outside;
        }
        let band = self.band(ring, y);
        let mut inside = false;
        for edge in &self.edges[self.starts[band] as usize..self.starts[band + 1] as usize] {
            let ([ax, ay], [bx, by]) = (ring.xy[*edge as usize], ring.xy[*edge as usize + 1]);
            if (ay > y) == (by > y) {
                // No crossing, but a horizontal edge or an end may lie on the point.
                let on_ends = (ax == x && ay == y) || (bx == x && by == y);
                if on_ends || (ay == y && by == y && (ax.min(bx)..=ax.max(bx)).contains(&x)) {
                    return Side::Boundary;
                }
                continue;
            }
            let cross = (bx - ax) * (y - ay) - (x - ax) * (by - ay);
            if cross == 0.0 {
                return Side::Boundary;
            }
            inside ^= (cross > 0.0) == (by > ay);
        }
        if inside { Side::Inside } else { Side::Outside }
    }
}

type Entry = GeomWithData<Rectangle<[f64; 2]>, usize>;

struct Nesting<'a> {
    rings: Vec<Ring<'a>>,
}

impl<'a> Nesting<'a> {
    fn new(rings: Vec<Ring<'a>>) -> Self {
        Self { rings }
    }

    fn place(&self) -> Vec<Placed> {
        let some_clockwise = self.rings.iter().any(|ring| ring.area < 0.0);
        let parents = if some_clockwise {
            let tree = self.tree(|ring| ring.area < 0.0);
            let parent = |ring: usize| if self.rings[ring].area < 0.0 { None } else { self.smallest_around(&tree, ring) };
            (0..self.rings.len()).map(parent).collect()
        } else {
            self.parents_by_depth()
        };
        self.order(&parents)
    }

    /// The rings for which `keep` holds, by their boxes.
    fn tree(&self, keep: impl Fn(&Ring<'_>) -> bool) -> RTree<Entry> {
        let kept = self.rings.iter().enumerate().filter(|(_, ring)| keep(ring));
        RTree::bulk_load(kept.map(|(index, ring)| Entry::new(Rectangle::from_corners(ring.low, ring.high), index)).collect())
    }

    /// The smallest ring of the tree that contains `ring`.
    fn smallest_around(&self, tree: &RTree<Entry>, ring: usize) -> Option<usize> {
        let inner = &self.rings[ring];
        let at = AABB::from_point(inner.inner_point());
        let mut around: Vec<usize> = tree.locate_in_envelope_intersecting(at).map(|entry| entry.data).collect();
        around.retain(|outer| *outer != ring && self.is_larger(*outer, ring));
        around.sort_by(|a, b| self.rings[*a].area.abs().total_cmp(&self.rings[*b].area.abs()).then(b.cmp(a)));
        around.into_iter().find(|outer| self.rings[*outer].contains(inner))
    }

    /// Of two equal rings the earlier one counts as larger.
    fn is_larger(&self, outer: usize, inner: usize) -> bool {
        let (a, b) = (self.rings[outer].area.abs(), self.rings[inner].area.abs());
        a > b || (a == b && outer < inner)
    }

    /// Even nesting depth is a shell, odd a hole of the ring around it.
    fn parents_by_depth(&self) -> Vec<Option<usize>> {
        let tree = self.tree(|_| true);
        let around: Vec<Option<usize>> = (0..self.rings.len()).map(|ring| self.smallest_around(&tree, ring)).collect();
        let mut is_hole = vec![false; around.len()];
        // From large to small, so that the ring around is known first.
        let mut by_size: Vec<usize> = (0..around.len()).collect();
        by_size.sort_by(|a, b| self.rings[*b].area.abs().total_cmp(&self.rings[*a].area.abs()).then(a.cmp(b)));
        for ring in by_size {
            is_hole[ring] = around[ring].is_some_and(|outer| !is_hole[outer]);
        }
        around.into_iter().zip(is_hole).map(|(outer, hole)| outer.filter(|_| hole)).collect()
    }

    /// Shells in their order, each followed by its holes in theirs. A hole without a shell is a shell.
    fn order(&self, parents: &[Option<usize>]) -> Vec<Placed> {
        let mut holes: Vec<(usize, usize)> =
            parents.iter().enumerate().filter_map(|(hole, shell)| Some(((*shell)?, hole))).collect();
        holes.sort_unstable();
        let mut holes = holes.into_iter().peekable();
        let mut placed = Vec::with_capacity(parents.len());
        for shell in (0..parents.len()).filter(|ring| parents[*ring].is_none()) {
            placed.push(Placed { part: shell, role: Role::Shell, reverse: self.rings[shell].area > 0.0 });
            while let Some((_, hole)) = holes.next_if(|(parent, _)| *parent == shell) {
                placed.push(Placed { part: hole, role: Role::Hole, reverse: self.rings[hole].area < 0.0 });
            }
        }
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ShapeKind;

    /// A square of side `2r` around `(x, y)`, clockwise.
    fn square(x: f64, y: f64, r: f64) -> Vec<[f64; 2]> {
        vec![[x - r, y - r], [x - r, y + r], [x + r, y + r], [x + r, y - r], [x - r, y - r]]
    }

    fn reversed(mut ring: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
        ring.reverse();
        ring
    }

    /// Arranges rings, and gives per polygon the half side of each ring: the shell, then its holes.
    fn arranged(rings: &[Vec<[f64; 2]>]) -> Vec<Vec<f64>> {
        let mut geometry = Geometries::default();
        for ring in rings {
            geometry.xy.extend(ring);
            geometry.end_part(Role::Shell);
        }
        arrange(&mut geometry, 0);
        geometry.end_row(ShapeKind::Polygon);
        let shape = geometry.shape(0);
        for part in shape.parts() {
            assert_eq!(signed_area2(part.xy) < 0.0, part.role == Role::Shell, "shells are clockwise, holes are not");
            assert_eq!(part.xy.first(), part.xy.last());
        }
        let radius: Vec<f64> = shape.parts().map(|part| (signed_area2(part.xy).abs() / 8.0).sqrt()).collect();
        let mut rest = radius.as_slice();
        let polygons = shape.polygon_sizes().map(|size| {
            let (polygon, after) = rest.split_at(size);
            rest = after;
            polygon.to_vec()
        });
        polygons.collect()
    }

    #[test]
    fn a_hole_listed_before_its_shell_is_kept() {
        assert_eq!(arranged(&[reversed(square(0.0, 0.0, 1.0)), square(0.0, 0.0, 5.0)]), [[5.0, 1.0]]);
    }

    #[test]
    fn a_second_island_stays_an_island() {
        assert_eq!(arranged(&[square(0.0, 0.0, 5.0), square(20.0, 0.0, 4.0)]), [[5.0], [4.0]]);
    }

    #[test]
    fn a_hole_goes_to_the_smallest_shell_around_it_and_not_to_the_shell_before_it() {
        let rings = [
            square(0.0, 0.0, 9.0),
            reversed(square(0.0, 0.0, 8.0)),
            square(0.0, 0.0, 7.0),
            square(50.0, 0.0, 3.0),
            reversed(square(0.0, 0.0, 2.0)),
        ];
        assert_eq!(arranged(&rings), [vec![9.0, 8.0], vec![7.0, 2.0], vec![3.0]]);
    }

    #[test]
    fn where_no_ring_is_clockwise_nesting_decides() {
        let rings = [9.0, 8.0, 7.0, 6.0].map(|r| reversed(square(0.0, 0.0, r)));
        assert_eq!(arranged(&rings), [[9.0, 8.0], [7.0, 6.0]]);
    }

    #[test]
    fn a_hole_without_a_shell_becomes_a_shell() {
        assert_eq!(arranged(&[square(0.0, 0.0, 1.0), reversed(square(50.0, 0.0, 2.0))]), [[1.0], [2.0]]);
    }

    #[test]
    fn a_hole_that_touches_its_shell_is_a_hole_of_it() {
        let hole = vec![[5.0, 0.0], [0.0, -2.0], [-5.0, 0.0], [0.0, 2.0], [5.0, 0.0]];
        let mut geometry = Geometries::default();
        for ring in [square(0.0, 0.0, 5.0), reversed(hole)] {
            geometry.xy.extend(&ring);
            geometry.end_part(Role::Shell);
        }
        arrange(&mut geometry, 0);
        assert_eq!(geometry.roles, [Role::Shell, Role::Hole]);
    }

    #[test]
    fn ten_thousand_holes_in_a_shell_of_five_thousand_vertices_and_fifty_thousand_islands_are_quick() {
        let circle = |n: usize, r: f64| {
            let mut ring: Vec<[f64; 2]> =
                (0..n).map(|i| (i as f64 / n as f64 * std::f64::consts::TAU).sin_cos()).map(|(s, c)| [r * s, r * c]).collect();
            ring.push(ring[0]);
            ring
        };
        let mut rings: Vec<_> =
            (0..10_000).map(|i| reversed(square(f64::from(i % 100) - 50.0, f64::from(i / 100) - 50.0, 0.3))).collect();
        rings.push(circle(5_000, 1_000.0));
        assert_eq!(arranged(&rings).len(), 1);
        let islands: Vec<_> = (0..50_000)
            .flat_map(|i| {
                [
                    square(f64::from(i % 250), f64::from(i / 250), 0.4),
                    reversed(square(f64::from(i % 250), f64::from(i / 250), 0.2)),
                ]
            })
            .rev()
            .collect();
        assert_eq!(arranged(&islands).len(), 50_000);
    }
}
