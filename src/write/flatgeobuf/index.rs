//! The packed Hilbert R-tree: all nodes of 16 items but the last of a level, the root first, the leaves last.

use std::io::{Result, Seek, SeekFrom, Write};

use crate::write::typed::{NOWHERE, join};

/// Items of a node.
pub(super) const NODE_SIZE: u16 = 16;

/// Bytes of an item: a box and a number. That of a leaf is where its feature begins behind the index; above, which item
/// is the first of the node below.
const ITEM: u64 = 40;

/// Bytes of the index over so many features.
pub(super) fn length(features: usize) -> u64 {
    ITEM * (features as u64 + above(features))
}

/// Number of items that are no leaves. There is a root, even above a single leaf.
fn above(features: usize) -> u64 {
    let (mut items, mut level) = (0, features);
    loop {
        level = level.div_ceil(usize::from(NODE_SIZE));
        items += level as u64;
        if level <= 1 {
            return items;
        }
    }
}

/// An index that grows by its leaves, which stand last in the file: what is above them is kept, and written at the end.
pub(super) struct Index<W> {
    out: W,
    start: u64,
    /// The boxes of the level above the leaves.
    nodes: Vec<[f64; 4]>,
    leaves: usize,
    /// Where the next feature begins.
    feature: u64,
}

impl<W: Write + Seek> Index<W> {
    /// Of so many features, from `start` in a file.
    pub(super) fn create(mut out: W, start: u64, features: usize) -> Result<Self> {
        out.seek(SeekFrom::Start(start + ITEM * above(features)))?;
        Ok(Self { out, start, nodes: Vec::new(), leaves: 0, feature: 0 })
    }

    /// Adds the leaf of the next feature.
    pub(super) fn push(&mut self, bounds: [f64; 4], length: usize) -> Result<()> {
        if self.leaves.is_multiple_of(usize::from(NODE_SIZE)) {
            self.nodes.push(NOWHERE);
        }
        if let Some(node) = self.nodes.last_mut() {
            *node = join(*node, bounds);
        }
        self.leaves += 1;
        item(&mut self.out, bounds, self.feature)?;
        self.feature += length as u64;
        Ok(())
    }

    /// Writes what is above the leaves, the root first.
    pub(super) fn finish(mut self) -> Result<()> {
        let node = usize::from(NODE_SIZE);
        let mut levels = vec![self.nodes];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks(node).map(|boxes| boxes.iter().copied().fold(NOWHERE, join)).collect();
            levels.push(above);
        }
        self.out.seek(SeekFrom::Start(self.start))?;
        let mut first_below = 0_u64;
        for level in levels.iter().rev() {
            // Where the level below begins among all items, the root's first.
            first_below += level.len() as u64;
            for (at, bounds) in level.iter().enumerate() {
                item(&mut self.out, *bounds, first_below + (at * node) as u64)?;
            }
        }
        self.out.flush()
    }
}

fn item(out: &mut impl Write, bounds: [f64; 4], number: u64) -> Result<()> {
    for value in bounds {
        out.write_all(&value.to_le_bytes())?;
    }
    out.write_all(&number.to_le_bytes())
}
