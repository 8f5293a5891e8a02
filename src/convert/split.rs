//! Cuts paths and polygons along the 180th meridian.
//!
//! Longitudes run on beyond ±180 here, so the meridian is a row of lines at 180 + 360·k. World k lies between two of
//! them, its bounds included; what lies in it is folded by -360·k into ±180. Coordinates are longitude, latitude, z, m.

/// Longitude, latitude, z, m; NaN is "none".
pub(super) type Vertex = [f64; 4];

/// The western bound of a world; the eastern one is that of the next.
fn west(world: i32) -> f64 {
    360.0 * f64::from(world) - 180.0
}

/// The world that holds a longitude; on a line it is the eastern one.
fn world(x: f64) -> i32 {
    let world = ((x + 180.0) / 360.0).floor() as i32;
    // The sum may have been rounded across the line.
    if x < west(world) {
        world - 1
    } else if x >= west(world + 1) {
        world + 1
    } else {
        world
    }
}

/// The worlds that a range of longitudes lies in, the first and the last. A range that only touches a line does not
/// reach beyond it.
fn worlds(low: f64, high: f64) -> [i32; 2] {
    let (first, last) = (world(low), if high == west(world(high)) { world(high) - 1 } else { world(high) });
    if first <= last {
        [first, last]
    } else {
        // All on one line: the world nearer to ours.
        let near = if first > 0 { last } else { first };
        [near, near]
    }
}

fn folded(vertex: Vertex, world: i32) -> Vertex {
    let [x, y, z, m] = vertex;
    [if world == 0 { x } else { x - 360.0 * f64::from(world) }, y, z, m]
}

/// Folds one longitude; ±180 stay.
pub(super) fn fold(x: f64) -> f64 {
    let [world, _] = worlds(x, x);
    folded([x, 0.0, 0.0, 0.0], world)[0]
}

/// The point of an edge at a longitude. The same from both ends, so that neighbours still share it.
fn at(line: f64, a: Vertex, b: Vertex) -> Vertex {
    let (a, b) = if (a[0], a[1]) <= (b[0], b[1]) { (a, b) } else { (b, a) };
    if a[0] == line {
        return a;
    }
    if b[0] == line {
        return b;
    }
    let share = (line - a[0]) / (b[0] - a[0]);
    let between = |axis: usize| a[axis] + (b[axis] - a[axis]) * share;
    [line, between(1), between(2), between(3)]
}

/// The pieces of a path, folded, in its order.
pub(super) fn path(path: &[Vertex]) -> Vec<Vec<Vertex>> {
    let Some(first) = path.first() else { return Vec::new() };
    let ahead = path.iter().find(|vertex| vertex[0] != first[0]).unwrap_or(first);
    let mut here = towards(first[0], ahead[0], 0);
    let mut pieces = vec![vec![folded(*first, here)]];
    for edge in path.windows(2) {
        let ([mut from, to], [a, b]) = ([edge[0], edge[1]], [edge[0], edge[1]]);
        loop {
            let next = towards(from[0], to[0], here);
            if next != here {
                here = next;
                pieces.push(vec![folded(from, here)]);
            }
            let line = if to[0] > west(here + 1) { west(here + 1) } else { west(here) };
            let beyond = to[0] > west(here + 1) || to[0] < west(here);
            let reached = if beyond { at(line, a, b) } else { to };
            if let Some(piece) = pieces.last_mut() {
                piece.push(folded(reached, here));
            }
            if !beyond {
                break;
            }
            from = reached;
        }
    }
    pieces
}

/// The world of an edge from `x` on. On a line the direction decides; along it, the world that we are in.
fn towards(x: f64, to: f64, here: i32) -> i32 {
    let east = world(x);
    if x == west(east) && (to < x || (to == x && here < east)) { east - 1 } else { east }
}

/// The rings of the pieces of one polygon, folded, in no order. The rings come closed, with the interior to their
/// right: the shell clockwise, holes counter-clockwise. So do the results.
pub(super) fn polygon(rings: Vec<Vec<Vertex>>) -> Vec<Vec<Vertex>> {
    let mut pieces = Vec::new();
    let longitudes = || rings.iter().flatten().map(|vertex| vertex[0]);
    let [first, last] = worlds(longitudes().fold(f64::INFINITY, f64::min), longitudes().fold(f64::NEG_INFINITY, f64::max));
    let mut fold_into = |rings: Vec<Vec<Vertex>>, world| {
        pieces.extend(rings.into_iter().map(|ring| ring.into_iter().map(|vertex| folded(vertex, world)).collect::<Vec<_>>()));
    };
    let mut rest = rings;
    for world in first..last {
        fold_into(clip(&rest, west(world + 1), Side::West), world);
        rest = clip(&rest, west(world + 1), Side::East);
    }
    fold_into(rest, last);
    pieces
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    West,
    East,
}

/// What lies on one side of a line. Rings that reach across it are cut into chains, and the ends of the chains are
/// joined along the line.
fn clip(rings: &[Vec<Vertex>], line: f64, side: Side) -> Vec<Vec<Vertex>> {
    let keeps = |vertex: Vertex| if side == Side::West { vertex[0] < line } else { vertex[0] > line };
    let (mut whole, mut chains) = (Vec::new(), Vec::new());
    for ring in rings {
        let Some(start) = ring.iter().position(|vertex| !keeps(*vertex)) else {
            whole.push(ring.clone());
            continue;
        };
        let count = ring.len() - 1;
        let mut chain = Vec::new();
        for step in 0..count {
            let (a, b) = (ring[(start + step) % count], ring[(start + step + 1) % count]);
            match (keeps(a), keeps(b)) {
                (false, true) => chain = vec![at(line, a, b), b],
                (true, true) => chain.push(b),
                (true, false) => {
                    chain.push(at(line, a, b));
                    chains.push(std::mem::take(&mut chain));
                }
                (false, false) => {}
            }
        }
    }
    whole.extend(joined(chains, side));
    whole
}

/// Joins chains that begin and end on the line into rings.
///
/// The interior is to the right of a chain. On the western side it lies above where a chain begins and below where
/// one ends, so from the south on each end belongs to the last free beginning; on the eastern side, from the north.
fn joined(chains: Vec<Vec<Vertex>>, side: Side) -> Vec<Vec<Vertex>> {
    let height = |vertex: &Vertex| if side == Side::West { vertex[1] } else { -vertex[1] };
    let mut ends: Vec<(f64, bool, usize)> = Vec::with_capacity(2 * chains.len());
    for (index, chain) in chains.iter().enumerate() {
        ends.extend(chain.first().map(|vertex| (height(vertex), false, index)));
        ends.extend(chain.last().map(|vertex| (height(vertex), true, index)));
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut next = vec![usize::MAX; chains.len()];
    let (mut free, mut left) = (Vec::new(), Vec::new());
    for (_, is_end, chain) in ends {
        match (is_end, free.pop()) {
            (false, last) => {
                free.extend(last);
                free.push(chain);
            }
            (true, Some(beginning)) => next[chain] = beginning,
            (true, None) => left.push(chain),
        }
    }
    // Of a ring that crosses itself an end may be left over, and then a beginning is too.
    for (chain, beginning) in left.into_iter().zip(free) {
        next[chain] = beginning;
    }
    let mut chains: Vec<Option<Vec<Vertex>>> = chains.into_iter().map(Some).collect();
    let mut rings = Vec::new();
    for first in 0..chains.len() {
        let (mut ring, mut at) = (Vec::new(), first);
        while let Some(chain) = chains.get_mut(at).and_then(Option::take) {
            ring.extend(chain);
            at = next[at];
        }
        ring.dedup_by(|b, a| a[..2] == b[..2]);
        if ring.first().map(|vertex| &vertex[..2]) == ring.last().map(|vertex| &vertex[..2]) {
            ring.pop();
        }
        if ring.len() >= 3 {
            ring.push(ring[0]);
            rings.push(ring);
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(points: &[[f64; 2]]) -> Vec<Vertex> {
        points.iter().map(|[x, y]| [*x, *y, f64::NAN, f64::NAN]).collect()
    }

    fn plain(pieces: Vec<Vec<Vertex>>) -> Vec<Vec<[f64; 2]>> {
        pieces.iter().map(|piece| piece.iter().map(|v| [v[0], v[1]]).collect()).collect()
    }

    #[test]
    fn a_path_is_cut_where_it_crosses_and_both_pieces_have_the_point() {
        assert_eq!(
            plain(path(&flat(&[[170.0, 0.0], [190.0, 10.0]]))),
            [[[170.0, 0.0], [180.0, 5.0]], [[-180.0, 5.0], [-170.0, 10.0]]]
        );
    }

    #[test]
    fn a_path_through_several_worlds_has_a_piece_in_each() {
        let pieces = plain(path(&flat(&[[-190.0, 0.0], [550.0, 74.0]])));
        assert_eq!(
            pieces,
            [
                [[170.0, 0.0], [180.0, 1.0]],
                [[-180.0, 1.0], [180.0, 37.0]],
                [[-180.0, 37.0], [180.0, 73.0]],
                [[-180.0, 73.0], [-170.0, 74.0]]
            ]
        );
    }

    #[test]
    fn a_path_that_touches_or_follows_the_line_is_not_cut() {
        let touching = [[170.0, 0.0], [180.0, 1.0], [180.0, 2.0], [170.0, 3.0]];
        assert_eq!(plain(path(&flat(&touching))), [touching]);
        let along = [[180.0, 0.0], [180.0, 1.0]];
        assert_eq!(plain(path(&flat(&along))), [along]);
        let beyond = [[180.0, 0.0], [180.0, 1.0], [185.0, 1.0]];
        assert_eq!(plain(path(&flat(&beyond))), [[[-180.0, 0.0], [-180.0, 1.0], [-175.0, 1.0]]]);
    }

    #[test]
    fn z_and_m_are_cut_as_well() {
        assert_eq!(path(&[[170.0, 0.0, 100.0, 1.0], [190.0, 10.0, 200.0, 2.0]])[1][0], [-180.0, 5.0, 150.0, 1.5]);
    }

    #[test]
    fn a_longitude_next_to_the_line_stays_on_its_side() {
        let below = 180.0_f64.next_down();
        assert_eq!([fold(below), fold(180.0), fold(-180.0), fold(540.0), fold(-190.0)], [below, 180.0, -180.0, 180.0, 170.0]);
    }

    #[test]
    fn a_hole_across_the_line_becomes_part_of_both_outlines() {
        let shell = flat(&[[170.0, 0.0], [170.0, 9.0], [190.0, 9.0], [190.0, 0.0], [170.0, 0.0]]);
        let hole = flat(&[[175.0, 3.0], [185.0, 3.0], [185.0, 6.0], [175.0, 6.0], [175.0, 3.0]]);
        let pieces = plain(polygon(vec![shell, hole]));
        assert_eq!(pieces.len(), 2);
        assert!(pieces.iter().all(|ring| ring.len() == 9), "{pieces:?}");
    }

    #[test]
    fn a_comb_whose_teeth_cross_the_line_falls_into_its_teeth() {
        let mut comb = vec![[170.0, 0.0], [170.0, 30.0]];
        for tooth in (0..3).rev() {
            let y = f64::from(tooth) * 10.0;
            comb.extend([[190.0, y + 10.0], [190.0, y + 5.0], [175.0, y + 5.0], [175.0, y]]);
        }
        comb.push(comb[0]);
        let pieces = plain(polygon(vec![flat(&comb)]));
        assert_eq!(pieces.iter().filter(|ring| ring[0][0] < 0.0).count(), 3);
        assert_eq!(pieces.len(), 4, "{pieces:?}");
    }

    #[test]
    fn a_vertex_or_an_edge_on_the_line_leaves_no_sliver() {
        let edge = flat(&[[170.0, 0.0], [180.0, 9.0], [180.0, 5.0], [190.0, 4.0], [180.0, 0.0], [170.0, 0.0]]);
        let pieces = plain(polygon(vec![edge]));
        assert_eq!(pieces.len(), 2, "{pieces:?}");
        let touching = flat(&[[200.0, 0.0], [180.0, 5.0], [200.0, 10.0], [200.0, 0.0]]);
        assert_eq!(plain(polygon(vec![touching])), [[[-160.0, 0.0], [-180.0, 5.0], [-160.0, 10.0], [-160.0, 0.0]]]);
    }

    #[test]
    fn a_ring_that_crosses_itself_or_runs_the_wrong_way_is_cut_without_a_panic() {
        let bow = flat(&[[170.0, 0.0], [190.0, 10.0], [190.0, 0.0], [170.0, 10.0], [170.0, 0.0]]);
        assert!(!polygon(vec![bow]).is_empty());
        let wrong = flat(&[[170.0, 0.0], [190.0, 0.0], [190.0, 9.0], [170.0, 9.0], [170.0, 0.0]]);
        assert_eq!(polygon(vec![wrong]).len(), 2);
    }
}
