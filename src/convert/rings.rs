//! Rings to polygons: which ring is a shell, which a hole, and in which shell.
//!
//! Esri puts the rings of all polygons of a feature into one list, in any order: a clockwise ring is a shell, a
//! counter-clockwise one a hole. A hole belongs to the smallest shell that contains it. Where no ring is
//! clockwise the orientation says nothing, and nesting decides. Rings of thousands are searched by size through R-trees of
//! their boxes (`stabbing.rs`) and, per ring, bands of edges, so the work stays near-linear.

use std::cell::OnceCell;

use super::stabbing::Stabbing;
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
/// order and orientation. The rings are closed and surround something.
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
        let height = ring.high[1] - ring.low[1];
        // An edge is listed in every band that it climbs through, and a ring may go up and down all the time: the
        // lists together hold each edge about five times.
        let climbed: f64 = ring.xy.windows(2).map(|edge| (edge[1][1] - edge[0][1]).abs()).sum();
        let most = (4.0 * edges as f64 * (height / climbed)) as usize;
        let count = (edges / 4).min(most).clamp(1, 1 << 20);
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

struct Nesting<'a> {
    rings: Vec<Ring<'a>>,
}

/// The rings that others may lie in, from small to large; of equal ones the later first.
struct Around {
    order: Vec<usize>,
    boxes: Stabbing,
}

impl<'a> Nesting<'a> {
    fn new(rings: Vec<Ring<'a>>) -> Self {
        Self { rings }
    }

    fn place(&self) -> Vec<Placed> {
        let some_clockwise = self.rings.iter().any(|ring| ring.area < 0.0);
        let parents = if some_clockwise {
            let shells = self.around(|ring| ring.area < 0.0);
            let shell_of = |ring: usize| self.smallest_around(&shells, ring, |_| true);
            (0..self.rings.len()).map(|ring| if self.rings[ring].area < 0.0 { None } else { shell_of(ring) }).collect()
        } else {
            self.parents_by_depth()
        };
        self.order(&parents)
    }

    /// The rings for which `keep` holds.
    fn around(&self, keep: impl Fn(&Ring<'_>) -> bool) -> Around {
        let mut order: Vec<usize> = (0..self.rings.len()).filter(|ring| keep(&self.rings[*ring])).collect();
        order.sort_by(|a, b| self.size(*a).total_cmp(&self.size(*b)).then(b.cmp(a)));
        let boxes = Stabbing::new(order.iter().map(|ring| [self.rings[*ring].low, self.rings[*ring].high]).collect());
        Around { order, boxes }
    }

    fn size(&self, ring: usize) -> f64 {
        self.rings[ring].area.abs()
    }

    /// The smallest ring that contains `ring`, of those for which `may` holds. One of just its size comes last: an island
    /// that fills a hole is not what the hole was cut from.
    fn smallest_around(&self, around: &Around, ring: usize, may: impl Fn(usize) -> bool) -> Option<usize> {
        let inner = &self.rings[ring];
        let size = self.size(ring);
        let alike = size * (1.0 + 1e-9);
        let first_larger = |size: f64| around.order.partition_point(|outer| self.size(*outer) <= size);
        let larger = first_larger(alike);
        let no_smaller = around.order.partition_point(|outer| self.size(*outer) < size).min(larger);
        let mut contains = |at: usize| {
            let outer = around.order[at];
            // The loops of a figure of eight cancel each other, so its area says nothing of its size.
            let is_large_enough = inner.area != 0.0 || self.rings[outer].holds_box_of(inner);
            outer != ring && is_large_enough && may(outer) && self.rings[outer].contains(inner)
        };
        let point = inner.inner_point();
        let found = around.boxes.first(larger..around.order.len(), point, &mut contains);
        found.or_else(|| around.boxes.first(no_smaller..larger, point, &mut contains)).map(|at| around.order[at])
    }

    /// Whether `inner` may lie in `outer` where orientation says nothing: its box does. Of two equal rings the earlier
    /// one counts as larger.
    fn may_hold(&self, outer: usize, inner: usize) -> bool {
        let (a, b) = (self.size(outer), self.size(inner));
        (a > b || (a == b && outer < inner)) && self.rings[outer].holds_box_of(&self.rings[inner])
    }

    /// Even nesting depth is a shell, odd a hole of the ring around it.
    fn parents_by_depth(&self) -> Vec<Option<usize>> {
        let all = self.around(|_| true);
        let around: Vec<Option<usize>> =
            (0..self.rings.len()).map(|ring| self.smallest_around(&all, ring, |outer| self.may_hold(outer, ring))).collect();
        let mut is_hole = vec![false; around.len()];
        // From large to small, so that the ring around is known first.
        let mut by_size: Vec<usize> = (0..around.len()).collect();
        by_size.sort_by(|a, b| self.size(*b).total_cmp(&self.size(*a)).then(a.cmp(b)));
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
    fn a_clockwise_ring_inside_another_is_a_shell_of_its_own() {
        assert_eq!(arranged(&[square(0.0, 0.0, 5.0), square(0.0, 0.0, 1.0)]), [[5.0], [1.0]]);
        let counter = reversed(square(20.0, 0.0, 2.0));
        assert_eq!(arranged(&[square(0.0, 0.0, 5.0), square(0.0, 0.0, 1.0), counter]), [[5.0], [1.0], [2.0]]);
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

    #[test]
    fn an_island_that_fills_a_hole_leaves_the_hole_to_the_shell_around_both() {
        let (shell, hole, island) = (square(0.0, 0.0, 9.0), reversed(square(0.0, 0.0, 5.0)), square(0.0, 0.0, 5.0));
        for rings in [[&shell, &hole, &island], [&island, &hole, &shell], [&hole, &island, &shell], [&shell, &island, &hole]] {
            let mut polygons = arranged(&rings.map(Clone::clone));
            polygons.sort_by_key(Vec::len);
            assert_eq!(polygons, [vec![5.0], vec![9.0, 5.0]]);
        }
    }

    #[test]
    fn a_hole_that_sticks_out_of_its_shell_by_a_rounding_is_a_hole() {
        let mut hole = reversed(square(0.0, 0.0, 5.0));
        hole.iter_mut().filter(|vertex| vertex[0] > 0.0).for_each(|vertex| vertex[0] += 4.000_001);
        let mut geometry = Geometries::default();
        for ring in [square(0.0, 0.0, 9.0), hole] {
            geometry.xy.extend(&ring);
            geometry.end_part(Role::Shell);
        }
        arrange(&mut geometry, 0);
        assert_eq!(geometry.roles, [Role::Shell, Role::Hole]);
    }

    #[test]
    fn islands_that_overlap_a_little_stay_islands_where_no_ring_is_clockwise() {
        assert_eq!(arranged(&[reversed(square(0.0, 0.0, 9.0)), reversed(square(8.0, 0.0, 2.0))]), [[9.0], [2.0]]);
    }

    #[test]
    fn infinite_areas_and_vertices_that_are_all_alike_do_not_panic() {
        let far = 1.7e308;
        let huge = |low: f64, high: f64| vec![[low, low], [low, high], [high, high], [high, low], [low, low]];
        for rings in [
            vec![huge(-far, far), reversed(huge(-far, far)), huge(0.0, far), reversed(huge(-1.0, 1.0))],
            vec![reversed(huge(-far, far)), reversed(huge(-1.0, far)), reversed(huge(5e-324, 1e-323))],
            vec![huge(f64::NEG_INFINITY, f64::INFINITY), reversed(huge(f64::NAN, 1.0)), huge(1.0, 1.0)],
        ] {
            let mut geometry = Geometries::default();
            for ring in &rings {
                geometry.xy.extend(ring);
                geometry.end_part(Role::Shell);
            }
            arrange(&mut geometry, 0);
            assert_eq!(geometry.part_ends.len(), rings.len());
        }
    }

    #[test]
    fn a_comb_of_two_hundred_thousand_vertices_and_a_ring_of_two_million_are_quick() {
        let teeth = 100_000;
        let mut comb: Vec<[f64; 2]> = Vec::new();
        for tooth in 0..teeth {
            comb.extend([[f64::from(tooth), 0.0], [f64::from(tooth) + 0.5, 100.0]]);
        }
        comb.extend([[f64::from(teeth), 0.0], [f64::from(teeth), -100.0], [0.0, -100.0], [0.0, 0.0]]);
        let holes = (0..20).map(|i| reversed(square(f64::from(i * 1000 + 500), -50.0, 1.0)));
        assert_eq!(arranged(&std::iter::once(comb).chain(holes).collect::<Vec<_>>())[0].len(), 21);
        let turn = |i: u32| (-f64::from(i) / 2e6 * std::f64::consts::TAU).sin_cos();
        let mut circle: Vec<[f64; 2]> = (0..2_000_000).map(turn).map(|(sin, cos)| [1e7 * cos, 1e7 * sin]).collect();
        circle.push(circle[0]);
        assert_eq!(arranged(&[reversed(square(0.0, 0.0, 1.0)), circle]).len(), 1);
    }

    /// Boxes in boxes that may touch but never cross, with the index of the box around each.
    fn nested(random: &mut impl FnMut(u32) -> u32) -> Vec<([f64; 4], Option<usize>)> {
        let mut boxes: Vec<([f64; 4], Option<usize>)> = Vec::new();
        for island in 0..=random(3) {
            boxes.push(([f64::from(island) * 1024.0, 0.0, f64::from(island + 1) * 1024.0, 1024.0], None));
        }
        let mut at = 0;
        while at < boxes.len() && boxes.len() < 60 {
            let ([west, south, east, north], _) = boxes[at];
            let (width, height) = ((east - west) / 4.0, (north - south) / 4.0);
            for cell in 0..16 {
                if width >= 1.0 && random(4) == 0 {
                    let (x, y) = (west + f64::from(cell % 4) * width, south + f64::from(cell / 4) * height);
                    boxes.push(([x, y, x + width, y + height], Some(at)));
                }
            }
            at += 1;
        }
        boxes
    }

    #[test]
    fn rings_in_any_order_come_out_as_they_are_nested() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = |below: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as u32 % below
        };
        for oriented in [true, false] {
            for _ in 0..200 {
                let boxes = nested(&mut random);
                let depth = |mut at: usize| std::iter::from_fn(|| boxes[at].1.inspect(|up| at = *up)).count();
                let mut order: Vec<usize> = (0..boxes.len()).collect();
                for at in (1..order.len()).rev() {
                    order.swap(at, random(at as u32 + 1) as usize);
                }
                let mut geometry = Geometries::default();
                for at in &order {
                    let [west, south, east, north] = boxes[*at].0;
                    let clockwise = [[west, south], [west, north], [east, north], [east, south], [west, south]];
                    let is_shell = depth(*at) % 2 == 0;
                    let turn = random(4) as usize;
                    let mut ring: Vec<_> = (0..=4).map(|i| clockwise[(i + turn) % 4]).collect();
                    if !oriented || !is_shell {
                        ring.reverse();
                    }
                    geometry.xy.extend(ring);
                    geometry.end_part(Role::Shell);
                }
                arrange(&mut geometry, 0);
                geometry.end_row(ShapeKind::Polygon);
                let mut shell = None;
                for part in geometry.shape(0).parts() {
                    let low = |axis: usize| part.xy.iter().map(|v| v[axis]).fold(f64::INFINITY, f64::min);
                    let high = |axis: usize| part.xy.iter().map(|v| v[axis]).fold(f64::NEG_INFINITY, f64::max);
                    let bounds = [low(0), low(1), high(0), high(1)];
                    let at = boxes.iter().position(|(other, _)| *other == bounds).unwrap();
                    match part.role {
                        Role::Shell => {
                            assert_eq!(depth(at) % 2, 0);
                            shell = Some(at);
                        }
                        Role::Hole => assert_eq!(boxes[at].1, shell, "the hole is in the box around it"),
                    }
                }
            }
        }
    }
}
