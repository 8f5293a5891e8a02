//! A small picture of a layer: some of its rows with some of their vertices, enough to recognise it by.

use std::collections::BTreeMap;

use super::geometry::{Geometries, ShapeKind};

/// Rows that are drawn of one of the first pages; later ones give fewer.
const ROWS: usize = 128;

/// So many pages give the same number of rows, the next as many half of it, and so on.
const PAGES: u64 = 32;

/// Vertices that are drawn of one part.
const VERTICES: usize = 48;

/// Parts in the whole picture.
const PARTS: usize = 900;

/// The rows that are drawn, by page. Pages may come in any order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketch(BTreeMap<u64, Vec<Stroke>>);

/// A path, a ring or a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// A ring of a polygon.
    pub closed: bool,
    /// Its vertices, in the units of the layer.
    pub points: Vec<[f64; 2]>,
}

impl Sketch {
    /// Draws some rows of a page.
    pub fn add(&mut self, page: u64, rows: &Geometries) {
        let most = (ROWS >> (page / PAGES).min(16)).max(1);
        let mut strokes = Vec::new();
        for row in (0..rows.rows()).step_by(rows.rows().div_ceil(most).max(1)) {
            let shape = rows.shape(row);
            let closed = shape.kind == ShapeKind::Polygon;
            let of_points = matches!(shape.kind, ShapeKind::Point | ShapeKind::Multipoint);
            for part in shape.parts() {
                let thin = part.xy.iter().step_by(part.xy.len().div_ceil(VERTICES).max(1));
                let points = thin.copied().filter(|point| point.iter().all(|side| side.is_finite()));
                match of_points {
                    true => strokes.extend(points.map(|point| Stroke { closed, points: vec![point] })),
                    false => strokes.push(Stroke { closed, points: points.collect() }),
                }
            }
        }
        strokes.retain(|stroke| !stroke.points.is_empty());
        self.0.insert(page, strokes);
    }

    /// What is drawn, at most some hundred strokes evenly taken of all.
    pub fn strokes(&self) -> impl Iterator<Item = &Stroke> {
        let count: usize = self.0.values().map(Vec::len).sum();
        self.0.values().flatten().step_by(count.div_ceil(PARTS).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::geometry::Role;

    #[test]
    fn many_rows_of_many_vertices_make_a_small_picture() {
        let mut rows = Geometries::default();
        for row in 0..1000 {
            rows.xy.extend((0..500).map(|vertex| [f64::from(row), f64::from(vertex)]));
            rows.end_part(Role::Shell);
            rows.end_row(ShapeKind::Polygon);
        }
        let mut sketch = Sketch::default();
        (0..200).rev().for_each(|page| sketch.add(page, &rows));
        let strokes: Vec<&Stroke> = sketch.strokes().collect();
        assert!((200..=PARTS).contains(&strokes.len()), "{}", strokes.len());
        assert!(strokes.iter().all(|stroke| stroke.closed && stroke.points.len() <= VERTICES));
    }

    #[test]
    fn a_layer_without_geometry_has_no_strokes() {
        let mut rows = Geometries::default();
        rows.end_row(ShapeKind::Null);
        let mut sketch = Sketch::default();
        sketch.add(0, &rows);
        assert_eq!(sketch.strokes().count(), 0);
    }
}
