//! Circular arcs among the vertices of a part. A part with arcs is densified like any other, so that whoever knows
//! nothing of arcs takes it as it is; beside that, each vertex says where on an arc it stands.

use super::Part;
#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
use super::geometry::signed_area2;

/// Where a vertex stands on a circular arc. An arc goes from a vertex of its own over others to the next such.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnArc {
    /// On none, or at an end.
    #[default]
    No,
    /// Between the ends: it is left out where the arc is kept.
    Between,
    /// Between the ends, and the one that the arc is told by.
    Middle,
}

/// A segment of a part that has arcs, by its vertices.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from: usize,
    /// Of an arc only.
    middle: Option<usize>,
    to: usize,
}

/// The segments of a part that has arcs; none where it has not. A full circle is two: three points would not say which way
/// round it goes, by which readers know holes.
fn segments(part: Part<'_>) -> Vec<Segment> {
    let mut segments = Vec::new();
    if !part.arcs.contains(&OnArc::Middle) {
        return segments;
    }
    let last = part.arcs.len() - 1;
    let mut from = 0;
    while from < last {
        let to = (from + 1..last).find(|next| part.arcs[*next] == OnArc::No).unwrap_or(last);
        match (from + 1..to).find(|next| part.arcs[*next] == OnArc::Middle) {
            Some(middle) if part.xy[from] == part.xy[to] && middle > from + 1 && to > middle + 1 => {
                let half = |from: usize, to: usize| Segment { from, middle: Some(from.midpoint(to)), to };
                segments.extend([half(from, middle), half(middle, to)]);
            }
            Some(middle) => segments.push(Segment { from, middle: Some(middle), to }),
            None => segments.extend((from..to).map(|from| Segment { from, middle: None, to: from + 1 })),
        }
        from = to;
    }
    segments
}

/// Segments of one kind, one after the other: the vertices of straight ones, or start, middle, end, middle, end of arcs.
pub(crate) struct Run {
    pub(crate) arcs: bool,
    pub(crate) vertices: Vec<usize>,
}

/// The runs of a part that has arcs; none where it has not. A ring begins at its highest vertex: GDAL takes those with arcs
/// that begin at their lowest for holes where they are shells (GDAL's issue 8296).
pub(crate) fn runs(part: Part<'_>, is_ring: bool) -> Vec<Run> {
    let mut segments = segments(part);
    if is_ring {
        let place = |segment: &Segment| part.xy[segment.from];
        let highest = segments.iter().enumerate().max_by(|(_, a), (_, b)| {
            let ([ax, ay], [bx, by]) = (place(a), place(b));
            ay.total_cmp(&by).then(bx.total_cmp(&ax))
        });
        let highest = highest.map_or(0, |(at, _)| at);
        segments.rotate_left(highest);
    }
    let mut runs: Vec<Run> = Vec::new();
    for Segment { from, middle, to } in segments {
        if runs.last().is_none_or(|run| run.arcs != middle.is_some()) {
            runs.push(Run { arcs: middle.is_some(), vertices: vec![from] });
        }
        if let Some(run) = runs.last_mut() {
            run.vertices.extend(middle);
            run.vertices.push(to);
        }
    }
    runs
}

#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
/// Whether the points that tell a ring's arcs go round the way that the ring does. Readers know holes by these points, some
/// by the turn at the lowest, so that an arc by a point far from its middle may mislead them.
pub(crate) fn tell_direction(ring: Part<'_>) -> bool {
    let mut points: Vec<[f64; 2]> = Vec::new();
    for Segment { from, middle, .. } in segments(ring) {
        points.extend([Some(from), middle].into_iter().flatten().map(|at| ring.xy[at]));
    }
    let lower = |a: &usize, b: &usize| {
        let ([ax, ay], [bx, by]) = (points[*a], points[*b]);
        ay.total_cmp(&by).then(bx.total_cmp(&ax))
    };
    let Some(lowest) = (0..points.len()).min_by(lower) else { return true };
    let turn = [points[(lowest + points.len() - 1) % points.len()], points[lowest], points[(lowest + 1) % points.len()]];
    let area = signed_area2(ring.xy);
    [signed_area2(&turn), signed_area2(&points)].iter().all(|other| other * area > 0.0)
}

#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
/// Widens a box (least x and y, greatest x and y) to the arcs of a part, which bulge a little beyond their vertices.
pub(crate) fn widen(bounds: &mut [f64; 4], part: Part<'_>) {
    for Segment { from, middle, to } in segments(part) {
        let Some(middle) = middle else { continue };
        for [x, y] in extremes(part.xy[from], part.xy[middle], part.xy[to]) {
            *bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        }
    }
}

#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
/// Those of the westernmost, southernmost, easternmost and northernmost point of a circle that an arc goes through.
fn extremes(start: [f64; 2], middle: [f64; 2], end: [f64; 2]) -> impl Iterator<Item = [f64; 2]> {
    let local = |point: [f64; 2]| [point[0] - start[0], point[1] - start[1]];
    let ([mx, my], [ex, ey]) = (local(middle), local(end));
    let (m2, e2) = (mx * mx + my * my, ex * ex + ey * ey);
    let d = 2.0 * (mx * ey - my * ex);
    let [x, y] = [(ey * m2 - my * e2) / d, (mx * e2 - ex * m2) / d];
    let radius = x.hypot(y);
    let all = [[x - radius, y], [x, y - radius], [x + radius, y], [x, y + radius]];
    // What is on the middle's side of the chord is on the arc.
    let side = move |[px, py]: [f64; 2]| ex * py - ey * px;
    let is_on = move |point: &[f64; 2]| point[0].is_finite() && side(*point) * side([mx, my]) > 0.0;
    all.into_iter().filter(is_on).map(move |[x, y]| [x + start[0], y + start[1]])
}
