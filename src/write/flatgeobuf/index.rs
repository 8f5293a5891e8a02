//! The packed Hilbert R-tree: all nodes of 16 items but the last of a level, the root first, the leaves last.

use std::io::Write;

use super::{NOWHERE, Place};
use crate::write::hilbert;

/// Items of a node.
pub(super) const NODE_SIZE: u16 = 16;

/// Puts features in the order of the index.
pub(super) fn sort(places: &mut [Place], extent: &[f64; 4]) {
    places.sort_by_cached_key(|place| hilbert::place(&place.bounds, extent));
}

/// The box around two boxes.
pub(super) fn join(one: [f64; 4], other: [f64; 4]) -> [f64; 4] {
    [one[0].min(other[0]), one[1].min(other[1]), one[2].max(other[2]), one[3].max(other[3])]
}

/// Writes the index over features in order, each with its box and its length in bytes. An item is a box and a number:
/// of a leaf, where its feature begins behind the index; above, which item is the first of the node below.
pub(super) fn write(features: &[([f64; 4], u32)], out: &mut impl Write) -> std::io::Result<()> {
    let node = usize::from(NODE_SIZE);
    // Boxes level by level, the leaves first.
    let mut levels: Vec<Vec<[f64; 4]>> = vec![features.iter().map(|feature| feature.0).collect()];
    while let Some(below) = levels.last().filter(|level| level.len() > 1 || levels.len() == 1) {
        let above = below.chunks(node).map(|boxes| boxes.iter().copied().fold(NOWHERE, join)).collect();
        levels.push(above);
    }
    let mut first_below = 0_u64;
    for level in levels[1..].iter().rev() {
        // Where the level below begins among all items, the root's first.
        first_below += level.len() as u64;
        for (at, bounds) in level.iter().enumerate() {
            item(out, bounds, first_below + (at * node) as u64)?;
        }
    }
    let mut start = 0_u64;
    for (bounds, length) in features {
        item(out, bounds, start)?;
        start += u64::from(*length);
    }
    Ok(())
}

fn item(out: &mut impl Write, bounds: &[f64; 4], number: u64) -> std::io::Result<()> {
    for value in bounds {
        out.write_all(&value.to_le_bytes())?;
    }
    out.write_all(&number.to_le_bytes())
}
