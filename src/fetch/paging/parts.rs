//! Parts of the map, for layers that know neither pages nor object ids: a part that holds more than the server sends at
//! once is divided into four. A feature that reaches into several parts comes with each, so features are told apart by
//! their text: where the same text comes several times in one part, the layer holds that many of it.

use std::collections::{HashMap, VecDeque};

/// A part of this level is about a billionth of its region wide, and is not divided any further.
const DEEPEST: u8 = 30;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A cell of a grid over a region, of 2^level columns and rows.
    Cell {
        /// The region.
        of: Region,
        /// 0 is the whole region.
        level: u8,
        /// The column, from the west.
        x: u32,
        /// The row, from the south.
        y: u32,
    },
    /// Rows without geometry.
    Shapeless,
}

/// The stated extent of a layer, or what lies on a side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// The extent.
    Extent,
    /// All west of it.
    West,
    /// All east of it.
    East,
    /// What is south of it, between west and east.
    South,
    /// What is north of it, between west and east.
    North,
}

impl Part {
    /// A whole region.
    pub fn all_of(region: Region) -> Self {
        Self::Cell { of: region, level: 0, x: 0, y: 0 }
    }

    /// There should be nothing there.
    pub fn is_doubtful(self) -> bool {
        !matches!(self, Self::Cell { of: Region::Extent, .. })
    }

    /// The four parts of it; `None` where it can't be divided.
    pub fn quarters(self) -> Option<[Self; 4]> {
        match self {
            Self::Cell { of, level, x, y } if level < DEEPEST => {
                Some([(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, up)| Self::Cell {
                    of,
                    level: level + 1,
                    x: 2 * x + right,
                    y: 2 * y + up,
                }))
            }
            _ => None,
        }
    }
}

/// The parts still to ask for, and the features that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    todo: VecDeque<Part>,
    /// How many features of a text came, by its hash.
    came: HashMap<u64, u32>,
    /// Rows that the server sends at once.
    cap: u64,
    /// Everything has been looked for within the extent only.
    inside: bool,
}

impl Parts {
    /// After an answer that was cut off: these features came.
    pub(super) fn after(prints: &[u64]) -> Self {
        let mut parts = Self {
            todo: Part::all_of(Region::Extent).quarters().into_iter().flatten().collect(),
            came: HashMap::new(),
            cap: prints.len() as u64,
            inside: true,
        };
        parts.keep(prints);
        parts
    }

    pub(super) fn next(&mut self) -> Option<Part> {
        self.todo.pop_front()
    }

    /// Looks where nothing should be, once; `false` where that was done.
    pub(super) fn look_beyond(&mut self) -> bool {
        if std::mem::take(&mut self.inside) {
            self.todo = [Region::West, Region::East, Region::South, Region::North].map(Part::all_of).into();
            self.todo.push_back(Part::Shapeless);
            return true;
        }
        false
    }

    /// A page holds as many rows as the server sends.
    pub(super) fn is_full(&self, rows: u64) -> bool {
        rows > 0 && rows >= self.cap
    }

    /// The rows of a page that came before, ascending.
    pub(super) fn keep(&mut self, prints: &[u64]) -> Vec<usize> {
        let mut here: HashMap<u64, u32> = HashMap::new();
        let mut drop_rows = Vec::new();
        for (row, print) in prints.iter().enumerate() {
            let (here, came) = (here.entry(*print).or_default(), self.came.entry(*print).or_default());
            *here += 1;
            if *here <= *came {
                drop_rows.push(row);
            } else {
                *came = *here;
            }
        }
        drop_rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_reaches_into_two_parts_is_kept_once_and_twins_in_one_part_are_kept_both() {
        let mut parts = Parts::after(&[1, 2]);
        assert_eq!(parts.keep(&[2, 3, 3]), [0]);
        assert_eq!(parts.keep(&[3, 3, 4]), [0, 1]);
        assert_eq!(parts.keep(&[3, 3, 3]), [0, 1]);
    }

    #[test]
    fn parts_are_divided_to_a_billionth_and_no_further() {
        let mut part = Part::all_of(Region::Extent);
        let mut depth = 0;
        while let Some([_, _, _, corner]) = part.quarters() {
            (part, depth) = (corner, depth + 1);
        }
        assert_eq!((part, depth), (Part::Cell { of: Region::Extent, level: 30, x: (1 << 30) - 1, y: (1 << 30) - 1 }, 30));
        assert_eq!(Part::Shapeless.quarters(), None);
    }
}
