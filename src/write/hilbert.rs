//! The order along Hilbert's curve, in which boxes are packed into a spatial index: what is near stands near.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Result, Seek, Write};

use super::sorter::{Sorted, Sorter};
use super::typed::{NOWHERE, join};

/// The curve has 2^16 steps in each direction.
const STEPS: f64 = 65_535.0;

/// Records that stand at boxes. They wait in a file: the curve fills the box around all of them, which the last may widen.
pub(crate) struct Boxed {
    waiting: BufWriter<File>,
    count: usize,
    extent: [f64; 4],
}

impl Boxed {
    /// None yet, that are to wait in an empty file which is nobody else's.
    pub(crate) fn new(scratch: File) -> Self {
        Self { waiting: BufWriter::with_capacity(1 << 20, scratch), count: 0, extent: NOWHERE }
    }

    /// Number of records.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The box around all.
    pub(crate) fn extent(&self) -> [f64; 4] {
        self.extent
    }

    /// Takes a record of less than 4 GiB that stands at a box.
    pub(crate) fn push(&mut self, bounds: &[f64; 4], record: &[u8]) -> Result<()> {
        self.count += 1;
        self.extent = join(self.extent, *bounds);
        self.waiting.write_all(&(record.len() as u32).to_le_bytes())?;
        for side in bounds {
            self.waiting.write_all(&side.to_le_bytes())?;
        }
        self.waiting.write_all(record)
    }

    /// All records along the curve, those at one place as they came; `scratch` is another empty file.
    pub(crate) fn sorted(self, scratch: File) -> Result<AlongCurve> {
        let mut waiting = self.waiting.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        waiting.rewind()?;
        let mut waiting = BufReader::with_capacity(1 << 20, waiting);
        let mut sorter = Sorter::new(scratch);
        let (mut length, mut record) = ([0; 4], Vec::new());
        for _ in 0..self.count {
            waiting.read_exact(&mut length)?;
            record.resize(BOX + u32::from_le_bytes(length) as usize, 0);
            waiting.read_exact(&mut record)?;
            sorter.push(u64::from(place(&split(&record).0, &self.extent)), &record)?;
        }
        Ok(AlongCurve(sorter.sorted()?))
    }
}

/// Bytes of a box.
const BOX: usize = 32;

/// A box, and the record that stands at it.
fn split(bytes: &[u8]) -> ([f64; 4], &[u8]) {
    let (sides, record) = bytes.split_at(BOX);
    let mut bounds = NOWHERE;
    for (bound, side) in bounds.iter_mut().zip(sides.chunks_exact(8)) {
        *bound = side.try_into().map_or(f64::NAN, f64::from_le_bytes);
    }
    (bounds, record)
}

/// Records with their boxes, along the curve.
pub(crate) struct AlongCurve(Sorted);

impl AlongCurve {
    /// The next one.
    pub(crate) fn next(&mut self) -> Result<Option<([f64; 4], &[u8])>> {
        Ok(self.0.next()?.map(|(_, bytes)| split(bytes)))
    }
}

/// The place on the curve of the middle of a box (least x and y, greatest x and y) within `extent`.
fn place(bounds: &[f64; 4], extent: &[f64; 4]) -> u32 {
    let at = |low: usize, high: usize| {
        let width = extent[high] - extent[low];
        let middle = (bounds[low] + bounds[high]) / 2.0;
        // A cast takes NaN to 0 and what is too great to the greatest.
        if width > 0.0 { (STEPS * (middle - extent[low]) / width) as u16 } else { 0 }
    };
    along(u32::from(at(0, 2)), u32::from(at(1, 3)))
}

/// The distance along the curve of a cell (both below 2^16).
fn along(x: u32, y: u32) -> u32 {
    let (mut x, mut y, mut distance) = (x, y, 0_u32);
    let mut side = 1_u32 << 15;
    while side > 0 {
        let (right, up) = (u32::from(x & side > 0), u32::from(y & side > 0));
        distance += side * side * ((3 * right) ^ up);
        // Turns the quadrant so that the curve goes on in it.
        if up == 0 {
            if right == 1 {
                x = 65_535 - x;
                y = 65_535 - y;
            }
            std::mem::swap(&mut x, &mut y);
        }
        side /= 2;
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::along;

    #[test]
    fn neighbours_on_the_curve_are_neighbours_on_the_ground() {
        let mut cells: Vec<(u32, u32, u32)> = (0..32).flat_map(|x| (0..32).map(move |y| (along(x, y), x, y))).collect();
        cells.sort_unstable();
        assert_eq!(cells[0].0, 0);
        for pair in cells.windows(2) {
            assert_eq!(pair[0].0 + 1, pair[1].0);
            assert_eq!(pair[0].1.abs_diff(pair[1].1) + pair[0].2.abs_diff(pair[1].2), 1);
        }
    }
}
