//! The order along Hilbert's curve, in which boxes are packed into a spatial index: what is near stands near.

/// The curve has 2^16 steps in each direction.
const STEPS: f64 = 65_535.0;

/// The place on the curve of the middle of a box (least x and y, greatest x and y) within `extent`.
pub(crate) fn place(bounds: &[f64; 4], extent: &[f64; 4]) -> u32 {
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
