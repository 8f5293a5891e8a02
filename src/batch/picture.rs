//! A sketch of a layer as the path of an SVG.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::model::Sketch;

/// The size of a picture, in its own units.
pub(super) const SIZE: [f64; 2] = [120.0, 80.0];

/// What a stroke keeps from the border.
const MARGIN: f64 = 3.0;

/// Vertices in a picture: it has to be small.
const VERTICES: usize = 2500;

/// A stroke of so many vertices keeps its form, also where there are too many of them.
const PLAIN: usize = 12;

/// A small drawing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// The `d` of a path, in a box of 120 by 80.
    pub path: String,
    /// The path bounds areas.
    pub filled: bool,
}

impl Picture {
    /// Draws a sketch; `None` where there is nothing to draw.
    pub fn of(sketch: &Sketch) -> Option<Self> {
        let all = || sketch.strokes().flat_map(|stroke| &stroke.points);
        let side = |axis: usize, start: f64, pick: fn(f64, f64) -> f64| all().map(|point| point[axis]).fold(start, pick);
        let [west, south] = [0, 1].map(|axis| side(axis, f64::INFINITY, f64::min));
        let [east, north] = [0, 1].map(|axis| side(axis, f64::NEG_INFINITY, f64::max));
        if !(west <= east && south <= north) {
            return None;
        }
        let [width, height] = SIZE.map(|size| size - 2.0 * MARGIN);
        let scale = (width / (east - west)).min(height / (north - south));
        // A single point stands in the middle.
        let scale = if scale.is_finite() { scale } else { 0.0 };
        let [left, top] = [SIZE[0] - (east - west) * scale, SIZE[1] - (north - south) * scale].map(|free| free / 2.0);
        let place = |point: &[f64; 2]| [left + (point[0] - west) * scale, top + (north - point[1]) * scale];
        let thin = all().count().div_ceil(VERTICES).max(1);
        let (mut path, mut filled) = (String::new(), false);
        for stroke in sketch.strokes() {
            filled |= stroke.closed;
            let (mut pen, mut before) = ('M', None);
            let step = thin.min(stroke.points.len() / PLAIN).max(1);
            for point in stroke.points.iter().step_by(step) {
                let [x, y] = place(point).map(|side| (side * 10.0).round() / 10.0);
                if before.replace([x, y]) != Some([x, y]) {
                    let _ = write!(path, "{pen}{x} {y}");
                    pen = 'L';
                }
            }
            // A line without length is a dot, by its round ends.
            path.push_str(if stroke.closed {
                "Z"
            } else if stroke.points.len() == 1 {
                "h0"
            } else {
                ""
            });
        }
        Some(Self { path, filled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::geometry::{Geometries, Role, ShapeKind};

    fn drawn(kind: ShapeKind, xy: &[[f64; 2]]) -> Option<Picture> {
        let mut rows = Geometries { xy: xy.to_vec(), ..Geometries::default() };
        rows.end_part(Role::Shell);
        rows.end_row(kind);
        let mut sketch = Sketch::default();
        sketch.add(0, &rows);
        Picture::of(&sketch)
    }

    #[test]
    fn north_is_up_and_the_box_is_filled() {
        let square = [[0.0, 0.0], [0.0, 10.0], [10.0, 10.0], [10.0, 0.0], [0.0, 0.0]];
        let picture = drawn(ShapeKind::Polygon, &square).unwrap();
        assert_eq!(picture, Picture { path: "M23 77L23 3L97 3L97 77L23 77Z".to_owned(), filled: true });
    }

    #[test]
    fn a_point_is_a_dot_in_the_middle_and_nothing_is_no_picture() {
        assert_eq!(drawn(ShapeKind::Point, &[[7e6, 5.0]]).unwrap().path, "M60 40h0");
        assert_eq!(drawn(ShapeKind::Point, &[[f64::NAN, 5.0]]), None);
    }
}
