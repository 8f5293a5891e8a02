//! Circular arcs among the vertices of a part. A part with arcs is densified like any other, so that whoever knows
//! nothing of arcs takes it as it is; beside that, each vertex says where on an arc it stands.

use super::Part;

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

/// Segments of one kind, one after the other: the vertices of straight ones, or start, middle, end, middle, end of arcs.
pub(crate) struct Run {
    pub(crate) arcs: bool,
    pub(crate) vertices: Vec<usize>,
}

/// The runs of a part that has arcs; none where it has not.
pub(crate) fn runs(part: Part<'_>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    if !part.arcs.contains(&OnArc::Middle) {
        return runs;
    }
    let last = part.arcs.len() - 1;
    let mut at = 0;
    while at < last {
        let end = (at + 1..last).find(|next| part.arcs[*next] == OnArc::No).unwrap_or(last);
        let middle = (at + 1..end).find(|next| part.arcs[*next] == OnArc::Middle);
        if runs.last().is_none_or(|run| run.arcs != middle.is_some()) {
            runs.push(Run { arcs: middle.is_some(), vertices: vec![at] });
        }
        if let Some(run) = runs.last_mut() {
            match middle {
                Some(middle) => run.vertices.extend([middle, end]),
                None => run.vertices.extend(at + 1..=end),
            }
        }
        at = end;
    }
    runs
}

#[cfg(any(feature = "geopackage", feature = "gdal", feature = "geoparquet"))]
/// Widens a box (least x and y, greatest x and y) to the arcs of a part, which bulge a little beyond their vertices.
pub(crate) fn widen(bounds: &mut [f64; 4], part: Part<'_>) {
    for run in runs(part).iter().filter(|run| run.arcs) {
        for ends in run.vertices.windows(3).step_by(2) {
            for [x, y] in extremes(part.xy[ends[0]], part.xy[ends[1]], part.xy[ends[2]]) {
                *bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
            }
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
    let closed = e2 == 0.0;
    let [x, y] = if closed { [mx / 2.0, my / 2.0] } else { [(ey * m2 - my * e2) / d, (mx * e2 - ex * m2) / d] };
    let radius = x.hypot(y);
    let all = [[x - radius, y], [x, y - radius], [x + radius, y], [x, y + radius]];
    // What is on the middle's side of the chord is on the arc.
    let side = move |[px, py]: [f64; 2]| ex * py - ey * px;
    let is_on = move |point: &[f64; 2]| point[0].is_finite() && (closed || side(*point) * side([mx, my]) > 0.0);
    all.into_iter().filter(is_on).map(move |[x, y]| [x + start[0], y + start[1]])
}
