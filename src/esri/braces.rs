//! The braces of JSON that stand outside strings, 64 bytes at a time: what tells where a feature ends.

use wide::u8x16;

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

/// The braces of a block outside its strings: bit `i` is byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Braces {
    pub(super) open: u64,
    pub(super) close: u64,
    /// A string is open behind the block.
    pub(super) in_string: bool,
}

impl Braces {
    /// Those of a block that begins inside a string or not; `None` where a backslash in it wants a closer look.
    #[inline]
    pub(super) fn of(block: &[u8; BLOCK], in_string: bool) -> Option<Self> {
        let [mut quotes, mut backslashes, mut open, mut close] = [0; 4];
        let (lanes, _) = block.as_chunks();
        for (lane, shift) in lanes.iter().zip((0..BLOCK).step_by(16)) {
            let lane = u8x16::new(*lane);
            let find = |byte| u64::from(lane.simd_eq(u8x16::splat(byte)).to_bitmask()) << shift;
            quotes |= find(b'"');
            backslashes |= find(b'\\');
            open |= find(b'{');
            close |= find(b'}');
        }
        if backslashes != 0 {
            return None;
        }
        // Each bit becomes the parity of the quotes up to it.
        let mut inside = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        if in_string {
            inside = !inside;
        }
        Some(Self { open: open & !inside, close: close & !inside, in_string: inside >> (BLOCK - 1) == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_strings_do_not_count_wherever_the_strings_begin_and_end() {
        for start in 0..BLOCK {
            for end in start..BLOCK {
                for in_string in [false, true] {
                    let mut block = [b'{'; BLOCK];
                    block[BLOCK / 2..].fill(b'}');
                    (block[start], block[end]) = (b'"', b'"');
                    let (mut open, mut close, mut inside) = (0_u64, 0_u64, in_string);
                    for (at, byte) in block.into_iter().enumerate() {
                        match byte {
                            b'"' => inside = !inside,
                            b'{' if !inside => open |= 1 << at,
                            b'}' if !inside => close |= 1 << at,
                            _ => {}
                        }
                    }
                    assert_eq!(Braces::of(&block, in_string), Some(Braces { open, close, in_string: inside }));
                    block[end] = b'\\';
                    assert_eq!(Braces::of(&block, in_string), None);
                }
            }
        }
    }
}
