//! Vertices without z or m. OpenFileGDB refuses the whole feature for one of them (GDAL 3.6), so that they get 0.

use crate::model::{Geometries, WritePlan};
use crate::report::{LossKind, Losses};
use crate::write::{Rows, feature_words};

/// The geometries with 0 for each z and m that the layer has and a vertex lacks; `None` where none lacks any.
pub(super) fn filled(plan: &WritePlan, rows: Rows<'_>, losses: &mut Losses) -> Option<Geometries> {
    let geometry = rows.geometry;
    let lacks = |values: &[f64], vertices: usize| values.len() < vertices || values.iter().any(|value| value.is_nan());
    let [z, m] = [(plan.z, &geometry.z), (plan.m, &geometry.m)].map(|(has, side)| has && lacks(side, geometry.xy.len()));
    if !(z || m) {
        return None;
    }
    for row in 0..geometry.rows() {
        let shape = geometry.shape(row);
        let vertices = shape.xy().len();
        if (z && lacks(shape.z(), vertices)) || (m && lacks(shape.m(), vertices)) {
            losses.add(LossKind::OrdinateFilled, None, || Some(feature_words(plan, rows.batch, row)));
        }
    }
    let mut filled = geometry.clone();
    for side in [(z, &mut filled.z), (m, &mut filled.m)].into_iter().filter_map(|(lacks, side)| lacks.then_some(side)) {
        side.resize(geometry.xy.len(), 0.0);
        side.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
    }
    Some(filled)
}
