//! True curves to vertices: circular arcs, elliptic arcs and cubic Béziers, densified to a chord tolerance.
//!
//! The end point of a segment is always emitted as it was given, and the radius of an arc goes evenly from what it
//! is at the start to what it is at the end: servers round the centre, so the two differ a little, and neither end
//! may move. Everything is computed from the start point, so that large coordinates keep their precision.

use std::f64::consts::{PI, TAU};

/// A segment has at most this many pieces, whatever the tolerance.
const MOST_PIECES: f64 = 100_000.0;

type Point = [f64; 2];

/// One curved segment; it begins where the segment before it ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Segment {
    /// `c`: a circular arc through a point.
    Through { end: Point, interior: Point },
    /// `b`: a cubic Bézier.
    Bezier { end: Point, controls: [Point; 2] },
    /// `a` with four items: a circular arc around a centre. Start and end in one place are a full circle.
    Around { end: Point, centre: Point, clockwise: bool },
    /// `a` with seven items: an elliptic arc. `rotation` of the major axis in radians, counter-clockwise; `axis` is
    /// the major semi-axis, `ratio` the minor one's part of it.
    Elliptic { end: Point, centre: Point, clockwise: bool, rotation: f64, axis: f64, ratio: f64 },
}

impl Segment {
    /// Where it ends.
    pub(super) fn end(&self) -> Point {
        match self {
            Self::Through { end, .. } | Self::Bezier { end, .. } | Self::Around { end, .. } | Self::Elliptic { end, .. } => *end,
        }
    }

    /// A point that tells a circular arc together with its ends; `None` for any other curve, and for a straight line.
    pub(super) fn middle(&self, start: Point) -> Option<Point> {
        let local = |point: Point| [point[0] - start[0], point[1] - start[1]];
        let middle = match *self {
            Self::Through { end, interior } => circle_through(local(interior), local(end)).map(|_| interior),
            Self::Around { end, centre, clockwise } => {
                let circle = Ellipse { centre: local(centre), rotation: 0.0, axis: 1.0, ratio: 1.0 };
                let ((from, radius), (to, other)) = (circle.polar([0.0, 0.0]), circle.polar(local(end)));
                let half = sweep(from, to, !clockwise, end == start) / 2.0;
                let [x, y] = circle.at(from + half, (radius + other) / 2.0);
                (half != 0.0).then(|| [x + start[0], y + start[1]])
            }
            Self::Bezier { .. } | Self::Elliptic { .. } => None,
        };
        middle.filter(|point| *point != start && *point != self.end() && point.iter().all(|value| value.is_finite()))
    }

    /// Hands out the vertices behind `start` with the fraction of the way, the end last with 1. No chord is farther
    /// than `tolerance` from the curve (in the units of the coordinates).
    pub(super) fn densify(&self, start: Point, tolerance: f64, emit: &mut dyn FnMut(Point, f64)) {
        let local = |point: Point| [point[0] - start[0], point[1] - start[1]];
        let mut emit_local = |point: Point, fraction: f64| emit([point[0] + start[0], point[1] + start[1]], fraction);
        match *self {
            Self::Through { end, interior } => match circle_through(local(interior), local(end)) {
                Some((centre, ccw)) => {
                    let circle = Ellipse { centre, rotation: 0.0, axis: 1.0, ratio: 1.0 };
                    circle.densify(local(end), ccw, tolerance, &mut emit_local);
                }
                // The three lie on a line: it is one.
                None if interior != start && interior != end => emit_local(local(interior), 0.5),
                None => {}
            },
            Self::Around { end, centre, clockwise } => {
                let circle = Ellipse { centre: local(centre), rotation: 0.0, axis: 1.0, ratio: 1.0 };
                circle.densify(local(end), !clockwise, tolerance, &mut emit_local);
            }
            Self::Elliptic { end, centre, clockwise, rotation, axis, ratio } => {
                // Without axes it is no ellipse, and a straight line is all that is known.
                if axis > 0.0 && ratio > 0.0 && rotation.is_finite() {
                    let ellipse = Ellipse { centre: local(centre), rotation, axis, ratio };
                    ellipse.densify(local(end), !clockwise, tolerance, &mut emit_local);
                }
            }
            Self::Bezier { end, controls } => {
                bezier(local(controls[0]), local(controls[1]), local(end), tolerance, &mut emit_local)
            }
        }
        emit(self.end(), 1.0);
    }
}

/// The centre of the circle through the origin, `interior` and `end`, and whether it goes counter-clockwise; `None`
/// where they lie on a line.
fn circle_through([ax, ay]: Point, [bx, by]: Point) -> Option<(Point, bool)> {
    let (a2, b2) = (ax * ax + ay * ay, bx * bx + by * by);
    if b2 == 0.0 && a2 > 0.0 {
        // A full circle; the interior point lies across, and says nothing of the direction.
        return Some(([ax / 2.0, ay / 2.0], true));
    }
    let d = 2.0 * (ax * by - ay * bx);
    if d.abs() <= 1e-12 * (a2 + b2) || !d.is_finite() {
        return None;
    }
    let centre = [(by * a2 - ay * b2) / d, (ax * b2 - bx * a2) / d];
    Some((centre, ax * (by - ay) - ay * (bx - ax) > 0.0))
}

/// An ellipse whose arc starts at the origin. A circle has axis and ratio 1: the scale makes it its size.
struct Ellipse {
    centre: Point,
    rotation: f64,
    axis: f64,
    ratio: f64,
}

impl Ellipse {
    /// The angle of a point on the ellipse of its size, and that size.
    fn polar(&self, [x, y]: Point) -> (f64, f64) {
        let (sin, cos) = self.rotation.sin_cos();
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let u = (cos * dx + sin * dy) / self.axis;
        let v = (cos * dy - sin * dx) / (self.axis * self.ratio);
        (v.atan2(u), u.hypot(v))
    }

    fn at(&self, angle: f64, scale: f64) -> Point {
        let ((sin, cos), (s, c)) = (self.rotation.sin_cos(), angle.sin_cos());
        let (u, v) = (scale * self.axis * c, scale * self.axis * self.ratio * s);
        [self.centre[0] + u * cos - v * sin, self.centre[1] + u * sin + v * cos]
    }

    /// The vertices between the origin and `end`, both left out.
    fn densify(&self, end: Point, ccw: bool, tolerance: f64, emit: &mut dyn FnMut(Point, f64)) {
        let ((from, scale_from), (to, scale_to)) = (self.polar([0.0, 0.0]), self.polar(end));
        let sweep = sweep(from, to, ccw, end == [0.0, 0.0]);
        let radius = self.axis * self.ratio.max(1.0) * scale_from.max(scale_to);
        let pieces = pieces_of_arc(radius, sweep, tolerance);
        for piece in 1..pieces {
            let fraction = f64::from(piece) / f64::from(pieces);
            emit(self.at(from + sweep * fraction, scale_from + (scale_to - scale_from) * fraction), fraction);
        }
    }
}

/// The signed angle from `from` to `to`; a full turn where both ends are one point.
fn sweep(from: f64, to: f64, ccw: bool, closed: bool) -> f64 {
    let turn = if closed {
        TAU
    } else if ccw {
        (to - from).rem_euclid(TAU)
    } else {
        (from - to).rem_euclid(TAU)
    };
    if ccw { turn } else { -turn }
}

/// How many chords keep within `tolerance` of an arc. At least one per quarter turn, so that a circle is never a line.
fn pieces_of_arc(radius: f64, sweep: f64, tolerance: f64) -> u32 {
    let cosine = (1.0 - tolerance / radius).clamp(-1.0, 1.0);
    let step = (2.0 * cosine.acos()).min(PI / 2.0);
    let pieces = (sweep.abs() / step).ceil();
    if pieces.is_finite() { pieces.clamp(1.0, MOST_PIECES) as u32 } else { 1 }
}

/// The vertices of a cubic from the origin, both ends left out.
fn bezier(c1: Point, c2: Point, end: Point, tolerance: f64, emit: &mut dyn FnMut(Point, f64)) {
    // The second differences of the control points bound how far a chord can be from the curve.
    let bend = |a: Point, b: Point, c: Point| (a[0] - 2.0 * b[0] + c[0]).hypot(a[1] - 2.0 * b[1] + c[1]);
    let most = bend([0.0, 0.0], c1, c2).max(bend(c1, c2, end));
    let pieces = (0.75 * most / tolerance).sqrt().ceil();
    let pieces = if pieces.is_finite() { pieces.clamp(1.0, MOST_PIECES) as u32 } else { 1 };
    for piece in 1..pieces {
        let t = f64::from(piece) / f64::from(pieces);
        let s = 1.0 - t;
        let at = |axis: usize| 3.0 * s * s * t * c1[axis] + 3.0 * s * t * t * c2[axis] + t * t * t * end[axis];
        emit([at(0), at(1)], t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::geometry::signed_area2;

    fn vertices(start: Point, segment: Segment, tolerance: f64) -> Vec<Point> {
        let mut all = vec![start];
        segment.densify(start, tolerance, &mut |point, _| all.push(point));
        all
    }

    fn length(line: &[Point]) -> f64 {
        line.windows(2).map(|edge| (edge[1][0] - edge[0][0]).hypot(edge[1][1] - edge[0][1])).sum()
    }

    #[test]
    fn a_full_circle_has_its_area_and_length_and_its_direction() {
        let far = 5e6;
        for clockwise in [true, false] {
            let start = [far + 10.0, far];
            let ring = vertices(start, Segment::Around { end: start, centre: [far, far], clockwise }, 0.0001);
            assert_eq!(ring.first(), ring.last());
            let area = signed_area2(&ring) / 2.0;
            assert_eq!(area < 0.0, clockwise);
            assert!((area.abs() - PI * 100.0).abs() < 0.0001 * TAU * 10.0, "{area}");
            assert!((length(&ring) - TAU * 10.0).abs() < 0.01);
        }
        let by_interior = vertices([1.0, 0.0], Segment::Through { end: [1.0, 0.0], interior: [-1.0, 0.0] }, 1e-6);
        assert!((signed_area2(&by_interior).abs() / 2.0 - PI).abs() < 1e-5);
    }

    #[test]
    fn an_arc_goes_through_its_interior_point_the_right_way_round() {
        for (interior, expected) in [([0.0, 1.0], PI), ([0.0, -1.0], PI), ([1.0 / 2f64.sqrt(), 1.0 / 2f64.sqrt()], PI)] {
            let line = vertices([1.0, 0.0], Segment::Through { end: [-1.0, 0.0], interior }, 1e-7);
            assert_eq!(line.last(), Some(&[-1.0, 0.0]), "the end is exact");
            assert!((length(&line) - expected).abs() < 1e-4);
            assert!(line.iter().any(|p| (p[1] - interior[1]).abs() < 0.01), "on the side of {interior:?}");
            assert!(line.iter().all(|p| (p[0].hypot(p[1]) - 1.0).abs() < 1e-12), "every vertex is on the circle");
        }
    }

    #[test]
    fn points_on_a_line_stay_a_line() {
        assert_eq!(
            vertices([0.0, 0.0], Segment::Through { end: [4.0, 0.0], interior: [1.0, 0.0] }, 0.1),
            [[0.0, 0.0], [1.0, 0.0], [4.0, 0.0]]
        );
        let flat = Segment::Bezier { end: [3.0, 0.0], controls: [[1.0, 0.0], [2.0, 0.0]] };
        assert_eq!(vertices([0.0, 0.0], flat, 0.1), [[0.0, 0.0], [3.0, 0.0]]);
    }

    #[test]
    fn the_public_sample_of_an_elliptic_arc_keeps_both_ends() {
        // Esri's own sample: centre and axis are rounded, so neither end lies on the ellipse exactly.
        let segment = Segment::Elliptic {
            end: [0.0, 2.0],
            centre: [0.0, 3.0],
            clockwise: false,
            rotation: 2.0944,
            axis: 1.83,
            ratio: 0.3333,
        };
        let line = vertices([1.0, 2.0], segment, 0.0001);
        assert_eq!((line[0], line[line.len() - 1]), ([1.0, 2.0], [0.0, 2.0]));
        // The long way round, about 261 degrees of parameter.
        assert!(line.len() > 50 && length(&line) > 4.0, "{} vertices, {}", line.len(), length(&line));
        let step = line.windows(2).map(|e| (e[1][0] - e[0][0]).hypot(e[1][1] - e[0][1])).fold(0.0, f64::max);
        assert!(step < 0.2, "no jump at either end: {step}");
    }

    #[test]
    fn a_bezier_keeps_within_its_tolerance() {
        let segment = Segment::Bezier { end: [10.0, 0.0], controls: [[0.0, 10.0], [10.0, 10.0]] };
        let coarse = vertices([0.0, 0.0], segment, 0.01);
        let fine = vertices([0.0, 0.0], segment, 1e-6);
        assert!(fine.len() > coarse.len());
        assert!((length(&coarse) - length(&fine)).abs() < 0.05);
        assert!(fine.iter().any(|p| (p[0] - 5.0).abs() < 0.1 && (p[1] - 7.5).abs() < 0.01), "the middle is at (5, 7.5)");
    }

    #[test]
    fn what_is_no_curve_is_a_straight_line_and_never_a_hang() {
        let nan = f64::NAN;
        for segment in [
            Segment::Elliptic { end: [1.0, 1.0], centre: [0.0, 0.0], clockwise: true, rotation: 0.0, axis: 0.0, ratio: 1.0 },
            Segment::Elliptic { end: [1.0, 1.0], centre: [nan, 0.0], clockwise: true, rotation: nan, axis: 1.0, ratio: 1.0 },
            Segment::Around { end: [1.0, 1.0], centre: [0.0, 0.0], clockwise: true },
            Segment::Through { end: [0.0, 0.0], interior: [0.0, 0.0] },
            Segment::Bezier { end: [1.0, 1.0], controls: [[nan, 0.0], [1e300, 1e300]] },
        ] {
            let line = vertices([0.0, 0.0], segment, 1e-9);
            assert_eq!(line.last(), Some(&segment.end()));
            assert!(line.len() < 200_000);
        }
    }
}
