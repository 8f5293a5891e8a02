//! Spatial references through GDAL's OSR, reprojection through PROJ.

use super::{Crs, SpatialReference, Transform, unknown};
use crate::error::Result;

pub(super) fn crs_of(sr: &SpatialReference) -> Result<Crs> {
    Err(unknown(&sr.to_string()))
}

pub(super) fn crs_from_user(text: &str) -> Result<Crs> {
    Err(unknown(text))
}

pub(super) fn transform_between(from: &Crs, _to: &Crs) -> Result<Transform> {
    Err(unknown(&from.to_string()))
}

pub(super) fn apply(transform: &Transform, _xy: &mut [[f64; 2]]) -> Result<()> {
    Err(unknown(&transform.from.to_string()))
}
