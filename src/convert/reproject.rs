//! From the source's coordinates to those of an output: reprojected, cut at the 180th meridian, or as they are.

use std::borrow::Cow;

use super::paths::{copy_rows, winds};
use super::{antimeridian, poles};
use crate::error::Result;
use crate::model::geometry::{Role, signed_area2};
use crate::model::plan::Antimeridian;
use crate::model::{Batch, Crs, Geometries, ShapeKind, Transform, WritePlan};
use crate::report::{LossKind, Losses};

/// The batch's geometries as this output wants them. Where it wants them as they are, they are borrowed, with the
/// texts of their numbers; otherwise they have no texts.
///
/// # Errors
/// [`crate::ErrorKind::SpatialReference`] where the transformation can't be set up. A geometry that can't be
/// transformed becomes null, and is counted.
pub fn for_output<'a>(batch: &'a Batch, plan: &WritePlan) -> Result<(Cow<'a, Geometries>, Losses)> {
    let mut losses = Losses::default();
    let feature = |row| batch.feature_words(plan.object_id, row);
    let in_degrees = plan.crs.as_ref().is_some_and(Crs::is_wgs84);
    let mode = if in_degrees { plan.antimeridian } else { Antimeridian::Off };
    let geometry = match &plan.transform {
        Some(transform) => Cow::Owned(reproject(&batch.geometry, transform, mode, &mut losses, &feature)?),
        None => Cow::Borrowed(&batch.geometry),
    };
    Ok((antimeridian::cut(geometry, mode, &mut losses, &feature), losses))
}

/// Transforms all geometries at once. Unless `mode` is off, longitudes run on beyond ±180 where the source does.
fn reproject(
    source: &Geometries,
    transform: &Transform,
    mode: Antimeridian,
    losses: &mut Losses,
    feature: &dyn Fn(usize) -> String,
) -> Result<Geometries> {
    let mut xy = source.xy.clone();
    transform.apply(&mut xy)?;
    let refined =
        if mode == Antimeridian::Off || transform.from.geographic { None } else { poles::refined(source, transform, &xy)? };
    let source = match &refined {
        Some((refined, places)) => {
            xy.clone_from(places);
            refined
        }
        None => source,
    };
    if mode != Antimeridian::Off {
        antimeridian::run_on(source, transform, mode, &mut xy)?;
    }
    let whole = xy.iter().all(|[x, y]| x.is_finite() && y.is_finite());
    let mut geometry = Geometries {
        kinds: source.kinds.clone(),
        row_ends: source.row_ends.clone(),
        part_ends: source.part_ends.clone(),
        roles: source.roles.clone(),
        xy,
        z: source.z.clone(),
        m: source.m.clone(),
        text: Vec::new(),
        arcs: Vec::new(),
    };
    if !whole {
        geometry = without_lost_rows(&geometry, |row| losses.add(LossKind::NotTransformed, None, || Some(feature(row))));
    }
    turn_mirrored_rings(&mut geometry, transform.to.geographic);
    Ok(geometry)
}

/// A geometry with a vertex that has no place in the new system is no geometry there.
fn without_lost_rows(geometry: &Geometries, mut lost: impl FnMut(usize)) -> Geometries {
    let mut kept = Geometries::default();
    for row in 0..geometry.rows() {
        if geometry.shape(row).xy().iter().all(|[x, y]| x.is_finite() && y.is_finite()) {
            copy_rows(&mut kept, geometry, row..row + 1);
        } else {
            kept.end_row(ShapeKind::Null);
            lost(row);
        }
    }
    kept
}

/// Between systems whose axes point to different sides (west and north to east and north) a picture is mirrored, and
/// shells would turn into holes. A ring across the 180th meridian that was not let run on says nothing, nor one
/// around a pole.
fn turn_mirrored_rings(geometry: &mut Geometries, degrees: bool) {
    let Geometries { kinds, row_ends, part_ends, roles, xy, z, m, .. } = geometry;
    let (mut part, mut start) = (0, 0);
    for (kind, row_end) in kinds.iter().zip(row_ends) {
        while part < *row_end as usize {
            let range = start..part_ends[part] as usize;
            if *kind == ShapeKind::Polygon {
                let ring = &mut xy[range.clone()];
                let area = signed_area2(ring);
                let mirrored = if roles[part] == Role::Shell { area > 0.0 } else { area < 0.0 };
                let says = !degrees || !(winds(ring) || ring.windows(2).any(|edge| (edge[1][0] - edge[0][0]).abs() > 180.0));
                if mirrored && says {
                    ring.reverse();
                    [&mut *z, &mut *m].into_iter().filter(|values| !values.is_empty()).for_each(|v| v[range.clone()].reverse());
                }
            }
            start = range.end;
            part += 1;
        }
    }
}
