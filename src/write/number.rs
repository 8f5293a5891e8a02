//! Coordinates as text, fast: formatting numbers is what limits the text formats.

use std::io::Write;

use crate::model::{Batch, Part};

/// Ten to the power of 0 to 19: all that fit 64 bits.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// Appends `x,y` of a vertex: the source's own text where there is one and nothing is to be rounded.
#[inline]
pub(crate) fn push_xy(out: &mut Vec<u8>, batch: &Batch, part: &Part<'_>, at: usize, decimals: Option<u8>) {
    let text = batch.text.as_bytes();
    match part.text.get(at).map(|[x, y]| (x.range(), y.range())) {
        // Most stand as they are wanted, with a comma between.
        Some((x, y)) if decimals.is_none() && x.end + 1 == y.start && text[x.end] == b',' => {
            out.extend_from_slice(&text[x.start..y.end]);
        }
        _ => push_xy_apart(out, batch, part, at, decimals, b','),
    }
}

/// The same with this byte between the two.
#[inline]
pub(crate) fn push_xy_apart(out: &mut Vec<u8>, batch: &Batch, part: &Part<'_>, at: usize, decimals: Option<u8>, between: u8) {
    match (part.text.get(at), decimals) {
        (Some([x, y]), None) => {
            let text = batch.text.as_bytes();
            out.extend_from_slice(&text[x.range()]);
            out.push(between);
            out.extend_from_slice(&text[y.range()]);
        }
        _ => {
            let [x, y] = part.xy[at];
            push_coordinate(out, x, decimals);
            out.push(between);
            push_coordinate(out, y, decimals);
        }
    }
}

/// Appends `value`. With `decimals`, it is rounded to that many (exactly; halves to even) and trailing zeros are
/// left out; without, the text is the shortest that reads back to the same double. Zero never has a sign.
///
/// The text is a valid JSON number for every finite value. What is not finite has no such text and comes as
/// `NaN`, `inf` or `-inf`; the caller keeps it out.
pub(crate) fn push_coordinate(out: &mut Vec<u8>, value: f64, decimals: Option<u8>) {
    match decimals {
        Some(decimals) => push_rounded(out, value, usize::from(decimals)),
        None => push_shortest(out, value),
    }
}

fn push_shortest(out: &mut Vec<u8>, value: f64) {
    if value == 0.0 {
        return out.push(b'0');
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format(value);
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

fn push_rounded(out: &mut Vec<u8>, value: f64, decimals: usize) {
    match scaled(value, decimals) {
        Some(0) => out.push(b'0'),
        Some(scaled) => {
            if value < 0.0 {
                out.push(b'-');
            }
            let mut buffer = itoa::Buffer::new();
            push_digits(out, buffer.format(scaled).as_bytes(), decimals);
        }
        None => push_by_format(out, value, decimals),
    }
}

/// |value| times 10^decimals as a rounded integer, computed exactly; `None` where that is beyond 64 bits.
fn scaled(value: f64, decimals: usize) -> Option<u64> {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    let power = *POWERS.get(decimals)?;
    let bits = value.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let exponent = (bits >> FRACTION_BITS) as u32 & 0x7FF;
    // |value| = mantissa / 2^shift
    let (mantissa, shift) = match exponent {
        0 => (fraction, 1074),
        _ => (fraction | 1 << FRACTION_BITS, 1075_u32.checked_sub(exponent)?),
    };
    let product = u128::from(mantissa) * u128::from(power); // below 2^(53 + 64)
    if shift == 0 || shift >= 120 {
        return if shift == 0 { u64::try_from(product).ok() } else { Some(0) };
    }
    let whole = product >> shift;
    let rest = product & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    let up = rest > half || (rest == half && whole & 1 == 1);
    u64::try_from(whole + u128::from(up)).ok()
}

/// Appends the number whose last `decimals` digits stand behind the point.
fn push_digits(out: &mut Vec<u8>, digits: &[u8], decimals: usize) {
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
    let kept = fraction.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if kept > 0 {
        out.push(b'.');
        out.resize(out.len() + (decimals - fraction.len()), b'0');
        out.extend_from_slice(&fraction[..kept]);
    }
}

/// The slow way, for what is beyond 64 bits.
fn push_by_format(out: &mut Vec<u8>, value: f64, decimals: usize) {
    let start = out.len();
    // Writing to a vector can't fail.
    let _ = write!(out, "{value:.decimals$}");
    trim_zeros(out, start);
}

/// Takes the trailing zeros of a fraction, and a sign that is left before a lone zero, off the text from `start`.
fn trim_zeros(out: &mut Vec<u8>, start: usize) {
    if out[start..].contains(&b'.') {
        let kept = out.iter().rposition(|byte| *byte != b'0').map_or(start, |last| last + 1);
        out.truncate(kept);
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
    if &out[start..] == b"-0" {
        out.remove(start);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::push_coordinate;

    fn text(value: f64, decimals: Option<u8>) -> String {
        let mut out = b"before 0.00".to_vec();
        push_coordinate(&mut out, value, decimals);
        String::from_utf8(out).unwrap().strip_prefix("before 0.00").unwrap().to_owned()
    }

    /// What the standard library says, without trailing zeros and the sign of zero.
    fn expected(value: f64, decimals: u8) -> String {
        let mut text = format!("{value:.*}", usize::from(decimals));
        if text.contains('.') {
            text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        if text == "-0" { "0".to_owned() } else { text }
    }

    #[test]
    fn decimals_are_rounded_and_trailing_zeros_left_out() {
        assert_eq!(text(12.5, Some(9)), "12.5");
        assert_eq!(text(-0.000_000_001_4, Some(9)), "-0.000000001");
        assert_eq!(text(100.0, Some(4)), "100");
        assert_eq!(text(0.999_96, Some(4)), "1");
        assert_eq!(text(1234.9, Some(0)), "1235");
        assert_eq!(text(1_000_000.000_05, Some(4)), "1000000.0001");
        assert_eq!(text(179.999_999_999_9, Some(9)), "180");
    }

    #[test]
    fn zero_has_no_sign() {
        for decimals in [None, Some(0), Some(4), Some(19), Some(30)] {
            assert_eq!(text(-0.0, decimals), "0");
        }
        assert_eq!(text(-1e-12, Some(9)), "0");
        assert_eq!(text(-1e-40, Some(30)), "0");
        assert_eq!(text(-5e-324, Some(19)), "0");
    }

    #[test]
    fn exact_halves_go_to_the_even_neighbour_as_the_standard_library_does() {
        for value in [0.5, 1.5, 2.5, -0.5, -2.5, 0.125, 0.375, 4_503_599_627_370_495.5] {
            for decimals in 0..4 {
                assert_eq!(text(value, Some(decimals)), expected(value, decimals), "{value} {decimals}");
            }
        }
    }

    #[test]
    fn huge_and_tiny_values_are_written_in_full() {
        for value in [9_007_199_254_740_993.0, 1e15 + 0.3, 1.8e19, -1.9e19, 1e22, f64::MAX, f64::MIN_POSITIVE, 5e-324] {
            for decimals in [0, 1, 4, 9, 15, 19, 20, 200] {
                assert_eq!(text(value, Some(decimals)), expected(value, decimals), "{value} {decimals}");
            }
        }
    }

    #[test]
    fn without_decimals_the_shortest_text_that_reads_back_is_written() {
        assert_eq!(text(5.0, None), "5");
        assert_eq!(text(0.1 + 0.2, None), "0.30000000000000004");
        assert_eq!(text(-122.419_415_5, None), "-122.4194155");
    }

    #[test]
    fn what_is_not_finite_does_not_panic() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for decimals in [None, Some(0), Some(9), Some(255)] {
                assert!(!text(value, decimals).is_empty());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn rounding_agrees_with_the_standard_library(value in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL, decimals in 0..=25_u8) {
            prop_assert_eq!(text(value, Some(decimals)), expected(value, decimals));
        }

        #[test]
        fn rounding_of_coordinates_agrees_with_the_standard_library(value in -2.1e7..2.1e7, decimals in 0..=15_u8) {
            prop_assert_eq!(text(value, Some(decimals)), expected(value, decimals));
        }

        #[test]
        fn rounding_of_decimal_texts_agrees_with_the_standard_library(digits in -400_000_000_i64..400_000_000, places in 0..9_i32, decimals in 0..9_u8) {
            let value = digits as f64 / 10_f64.powi(places);
            prop_assert_eq!(text(value, Some(decimals)), expected(value, decimals));
        }

        #[test]
        fn without_decimals_every_double_reads_back(value in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL) {
            let text = text(value, None);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            let json: f64 = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(json, value);
        }
    }
}
