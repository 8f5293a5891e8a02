//! Systems that were looked up before. PROJ takes some 30 ms for the first of each thread, which small exports and
//! batches of them would spend again and again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Crs, SpatialReference, osr};
use crate::error::Result;

/// More than that are forgotten: a service that gives each layer a WKT of its own must not fill the memory.
const MOST: usize = 64;

/// What the meaning of a spatial reference depends on: its codes and its texts.
type Key = (Option<u32>, Option<u32>, Option<String>, Option<String>);

static KNOWN: Mutex<Option<HashMap<Key, Crs>>> = Mutex::new(None);

/// The meaning of a spatial reference: see [`Crs::of`].
pub(super) fn crs_of(sr: &SpatialReference) -> Result<Crs> {
    let key = (sr.wkid, sr.latest_wkid, sr.wkt.clone(), sr.wkt2.clone());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(crs) = known().as_ref().and_then(|known| known.get(&key)) {
        return Ok(crs.clone());
    }
    let crs = osr::crs_of(sr)?;
    let mut known = known();
    let known = known.get_or_insert_default();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(key, crs.clone());
    Ok(crs)
}
