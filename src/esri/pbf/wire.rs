//! The protobuf wire format, read in place: fields of a message one after the other. Nothing is allocated, and a
//! length is believed only as far as there are bytes.

use std::ops::Range;

use crate::esri::scan::Syntax;

pub(super) type Result<T> = std::result::Result<T, Syntax>;

/// The value of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// An integer, boolean or enum, not yet zig-zag decoded.
    Varint(u64),
    /// The bits of a `double` or 64-bit integer.
    Fixed64(u64),
    /// The bits of a `float` or 32-bit integer.
    Fixed32(u32),
    /// A text, message or packed list, by its place.
    Bytes(Range<usize>),
}

/// A position in a message, which may lie inside another one.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    /// Ends where the message ends.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Stands at the beginning of the message in `range`, which lies within `bytes`.
    pub(super) fn new(bytes: &'a [u8], range: Range<usize>) -> Self {
        Self { bytes: &bytes[..range.end], at: range.start }
    }

    /// The next field: its number and value; `None` at the end. Inlined, it need not build what its caller takes apart.
    #[inline(always)]
    pub(super) fn field(&mut self) -> Result<Option<(u64, Raw)>> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let at = self.at;
        let key = self.varint()?;
        let raw = match key & 7 {
            0 => Raw::Varint(self.varint()?),
            1 => Raw::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                let left = self.bytes.len() - self.at;
                match usize::try_from(length) {
                    Ok(length) if length <= left => {
                        self.at += length;
                        Raw::Bytes(self.at - length..self.at)
                    }
                    _ => return Err(Syntax { at, expected: "a field no longer than its message" }),
                }
            }
            5 => Raw::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Syntax { at, expected: "a field of a known wire type" }),
        };
        Ok(Some((key >> 3, raw)))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.bytes[self.at..].first_chunk() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(Syntax { at: self.at, expected: "a number of fixed length" }),
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for (count, byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7F) << (7 * count);
            if *byte < 0x80 {
                self.at += count + 1;
                return Ok(value);
            }
        }
        Err(Syntax { at: self.at, expected: "a whole number of at most 64 bits" })
    }

    /// The next integer of a packed list; `None` at its end.
    #[inline]
    pub(super) fn packed(&mut self) -> Result<Option<u64>> {
        if self.at == self.bytes.len() { Ok(None) } else { self.varint().map(Some) }
    }
}

/// `sint32` and `sint64`: small numbers of either sign in few bytes.
#[inline]
pub(super) fn zig_zag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

/// Text that should be UTF-8.
pub(super) fn text(bytes: &[u8], range: Range<usize>) -> String {
    String::from_utf8_lossy(&bytes[range]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, Raw)>> {
        let mut reader = Reader::new(bytes, 0..bytes.len());
        std::iter::from_fn(|| reader.field().transpose()).collect()
    }

    #[test]
    fn every_wire_type_is_read() {
        let bytes = b"\x08\x96\x01\x12\x02ab\x19\0\0\0\0\0\0\xf0\x3f\x25\0\0\x80\x3f";
        let values = [
            (1, Raw::Varint(150)),
            (2, Raw::Bytes(5..7)),
            (3, Raw::Fixed64(1.0_f64.to_bits())),
            (4, Raw::Fixed32(1.0_f32.to_bits())),
        ];
        assert_eq!(fields(bytes), Ok(values.to_vec()));
        assert_eq!([0, 1, 2, 3, u64::MAX, u64::MAX - 1].map(zig_zag), [0, -1, 1, -2, i64::MIN, i64::MAX]);
    }

    #[test]
    fn a_message_that_ends_early_or_claims_too_much_is_an_error() {
        for bytes in [
            &b"\x08"[..],
            b"\x08\x80",
            b"\x12\x03ab",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x19\0",
            b"\x0b",
            b"\x25",
        ] {
            assert!(fields(bytes).is_err(), "{bytes:?}");
        }
        assert!(fields(&[0x80; 20]).is_err());
    }
}
