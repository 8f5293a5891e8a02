//! What a user may ask of geometries: one row for each part, or polygons that keep to the rules of OGC.

use geo::algorithm::Validation;
use geo::{LineString, MultiPolygon, Polygon};

use super::clip::{Clip, rebuilt_as};
use super::paths::copy_rows;
use crate::model::geometry::Role;
use crate::model::{Batch, Geometries, Shape, ShapeKind};
use crate::report::{LossKind, Losses};

/// One row for each point, path or polygon (with its holes); the attributes are repeated. Returns the number of rows
/// that came to it.
pub fn explode(batch: &mut Batch) -> u64 {
    let before = batch.rows();
    let pieces = |shape: Shape<'_>| match shape.kind {
        ShapeKind::Null | ShapeKind::Point => 1,
        ShapeKind::Multipoint => shape.xy().len(),
        ShapeKind::Polyline => shape.part_count(),
        ShapeKind::Polygon => shape.polygon_sizes().count(),
    };
    let has_multipoints = batch.geometry.kinds.contains(&ShapeKind::Multipoint);
    if !has_multipoints && (0..before).all(|row| pieces(batch.geometry.shape(row)) == 1) {
        return 0;
    }
    let (source, columns) = (std::mem::take(&mut batch.geometry), batch.columns);
    let (mut geometry, mut cells) = (Geometries::default(), Vec::with_capacity(batch.cells.len()));
    for row in 0..before {
        let shape = source.shape(row);
        let sizes: Vec<usize> = match shape.kind {
            ShapeKind::Polygon => shape.polygon_sizes().collect(),
            _ => vec![1; shape.part_count()],
        };
        let rows = match shape.kind {
            ShapeKind::Multipoint => {
                points(&mut geometry, shape);
                shape.xy().len()
            }
            ShapeKind::Polyline | ShapeKind::Polygon if sizes.len() > 1 => {
                let mut parts = shape.parts();
                for size in &sizes {
                    for part in parts.by_ref().take(*size) {
                        geometry.xy.extend(part.xy);
                        geometry.z.extend(part.z);
                        geometry.m.extend(part.m);
                        geometry.end_part(part.role);
                    }
                    geometry.end_row(shape.kind);
                }
                sizes.len()
            }
            _ => {
                copy_rows(&mut geometry, &source, row..row + 1);
                1
            }
        };
        for _ in 0..rows {
            cells.extend_from_slice(&batch.cells[row * columns..(row + 1) * columns]);
        }
    }
    (batch.geometry, batch.cells) = (geometry, cells);
    (batch.rows() - before) as u64
}

fn points(into: &mut Geometries, shape: Shape<'_>) {
    for (at, xy) in shape.xy().iter().enumerate() {
        into.xy.push(*xy);
        into.z.extend(shape.z().get(at));
        into.m.extend(shape.m().get(at));
        into.end_part(Role::Shell);
        into.end_row(ShapeKind::Point);
    }
}

/// Mends polygons whose rings cross or touch themselves or each other: what any ring surrounds is inside, but for holes.
/// Valid ones stay as they are. Mended ones are counted.
pub fn make_valid(batch: &mut Batch, object_id: Option<usize>, losses: &mut Losses) {
    let invalid: Vec<usize> = (0..batch.rows()).filter(|row| is_invalid(batch.geometry.shape(*row))).collect();
    if invalid.is_empty() {
        return;
    }
    let mut geometry = Geometries::default();
    let mut copied = 0;
    for row in invalid {
        copy_rows(&mut geometry, &batch.geometry, copied..row);
        rebuilt_as(&mut geometry, &batch.geometry, row, Clip::mended(batch.geometry.shape(row)));
        losses.add(LossKind::MadeValid, None, || Some(batch.feature_words(object_id, row)));
        copied = row + 1;
    }
    copy_rows(&mut geometry, &batch.geometry, copied..batch.rows());
    batch.geometry = geometry;
}

fn is_invalid(shape: Shape<'_>) -> bool {
    if shape.kind != ShapeKind::Polygon || !shape.xy().iter().flatten().all(|ordinate| ordinate.is_finite()) {
        return false;
    }
    let mut parts = shape.parts();
    let ring = |xy: &[[f64; 2]]| LineString::from(xy.to_vec());
    let polygons = shape.polygon_sizes().map(|size| {
        let mut rings = parts.by_ref().take(size).map(|part| ring(part.xy));
        let shell = rings.next().unwrap_or_else(|| LineString::new(Vec::new()));
        Polygon::new(shell, rings.collect())
    });
    !MultiPolygon(polygons.collect()).is_valid()
}
