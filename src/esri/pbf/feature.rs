//! One feature after the other, and what each holds.

use std::ops::Range;

use super::Quantized;
use super::wire::{Raw, Reader, Result, zig_zag};

/// One attribute value, as its own tag says; the field's type need not be the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum<'a> {
    /// Null.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// An integer beyond 63 bits.
    Unsigned(u64),
    /// A float; one of 32 bits by its shortest decimals, as JSON has it.
    Real(f64),
    /// Text that should be UTF-8.
    Text(&'a [u8]),
    /// A value of a kind that is not known, by its tag.
    Unknown(u64),
}

/// What stands where a feature's geometry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// No geometry.
    Null,
    /// A `Geometry` message: see [`Feature::quantized`].
    Quantized(Range<usize>),
    /// True curves.
    Curve,
    /// A geometry in Esri's shape buffer format.
    Buffer,
}

/// Walks over features.
#[derive(Debug, Clone)]
pub struct Features<'a> {
    bytes: &'a [u8],
    reader: Reader<'a>,
}

impl<'a> Features<'a> {
    pub(super) fn new(bytes: &'a [u8], range: Range<usize>) -> Self {
        Self { bytes, reader: Reader::new(bytes, range) }
    }
}

impl<'a> Iterator for Features<'a> {
    type Item = Result<Feature<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reader.field() {
                Ok(None) => return None,
                Ok(Some((15, Raw::Bytes(range)))) => return Some(Ok(Feature { bytes: self.bytes, range })),
                Ok(Some(_)) => {}
                Err(why) => {
                    // What comes behind a broken field has no meaning.
                    self.reader = Reader::new(self.bytes, self.bytes.len()..self.bytes.len());
                    return Some(Err(why));
                }
            }
        }
    }
}

/// A feature, unread.
#[derive(Debug, Clone)]
pub struct Feature<'a> {
    bytes: &'a [u8],
    range: Range<usize>,
}

impl<'a> Feature<'a> {
    /// Where it begins.
    pub fn at(&self) -> usize {
        self.range.start
    }

    /// Its bytes.
    pub fn raw(&self) -> &'a [u8] {
        &self.bytes[self.range.clone()]
    }

    /// Hands its attributes to `attribute`, in the order of the fields, and gives its geometry.
    ///
    /// # Errors
    /// Where it is broken.
    #[inline]
    pub fn members(&self, mut attribute: impl FnMut(Datum<'a>)) -> Result<Shape> {
        let mut reader = Reader::new(self.bytes, self.range.clone());
        let mut shape = Shape::Null;
        while let Some(field) = reader.field()? {
            match field {
                (1, Raw::Bytes(range)) => attribute(datum(self.bytes, range)?),
                (2, Raw::Bytes(range)) => shape = Shape::Quantized(range),
                (3, Raw::Bytes(_)) => shape = Shape::Buffer,
                (7, Raw::Bytes(_)) => shape = Shape::Curve,
                _ => {}
            }
        }
        Ok(shape)
    }

    /// One attribute, by its position; `None` where it has fewer.
    ///
    /// # Errors
    /// Where the feature is broken up to there.
    pub fn attribute(&self, index: usize) -> Result<Option<Datum<'a>>> {
        let mut reader = Reader::new(self.bytes, self.range.clone());
        let mut at = 0;
        while let Some(field) = reader.field()? {
            if let (1, Raw::Bytes(range)) = field {
                if at == index {
                    return datum(self.bytes, range).map(Some);
                }
                at += 1;
            }
        }
        Ok(None)
    }

    /// Whether it has a geometry of any kind.
    ///
    /// # Errors
    /// Where it is broken.
    pub fn has_shape(&self) -> Result<bool> {
        Ok(self.members(|_| ())? != Shape::Null)
    }

    /// Reads the integers of a [`Shape::Quantized`] of this feature.
    ///
    /// # Errors
    /// Where they are broken.
    pub fn quantized(&self, shape: Range<usize>, into: &mut Quantized) -> Result<()> {
        into.read(self.bytes, shape)
    }
}

#[inline]
fn datum(bytes: &[u8], range: Range<usize>) -> Result<Datum<'_>> {
    let mut reader = Reader::new(bytes, range);
    let mut datum = Datum::Null;
    while let Some(field) = reader.field()? {
        datum = match field {
            (1, Raw::Bytes(range)) => Datum::Text(&bytes[range]),
            (2, Raw::Fixed32(bits)) => Datum::Real(shortest(f32::from_bits(bits))),
            (3, Raw::Fixed64(bits)) => Datum::Real(f64::from_bits(bits)),
            (4 | 8, Raw::Varint(raw)) => Datum::Integer(zig_zag(raw)),
            // Plain `int64`: negative ones come as their two's complement.
            (6, Raw::Varint(raw)) => Datum::Integer(raw as i64),
            (5 | 7, Raw::Varint(raw)) => i64::try_from(raw).map_or(Datum::Unsigned(raw), Datum::Integer),
            (9, Raw::Varint(raw)) => Datum::Bool(raw != 0),
            (10, Raw::Varint(_)) => Datum::Null,
            (tag, _) => Datum::Unknown(tag),
        };
    }
    Ok(datum)
}

/// The double whose shortest decimals are those of `value`: 0.19 stays 0.19.
fn shortest(value: f32) -> f64 {
    let text = zmij::Buffer::new().format(value).to_owned();
    fast_float2::parse(text).unwrap_or(f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> Datum<'_> {
        datum(bytes, 0..bytes.len()).unwrap()
    }

    #[test]
    fn a_value_is_what_its_tag_says() {
        assert_eq!(value(b""), Datum::Null);
        assert_eq!(value(b"\x0a\x02ab"), Datum::Text(b"ab"));
        assert_eq!(value(b"\x0a\x00"), Datum::Text(b""));
        assert_eq!(value(b"\x15\x5c\x8f\x42\x3e"), Datum::Real(0.19));
        assert!(matches!(value(b"\x19\0\0\0\0\0\0\xf8\x7f"), Datum::Real(real) if real.is_nan()));
        assert_eq!(value(b"\x20\x03"), Datum::Integer(-2));
        assert_eq!(value(b"\x28\x03"), Datum::Integer(3));
        assert_eq!(value(b"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Datum::Integer(-1));
        assert_eq!(value(b"\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Datum::Unsigned(u64::MAX));
        assert_eq!(value(b"\x40\x81\x80\x80\x80\x80\x80\x80\x20"), Datum::Integer(-9_007_199_254_740_993));
        assert_eq!(value(b"\x48\x01"), Datum::Bool(true));
        assert_eq!(value(b"\x50\x01"), Datum::Null);
        assert_eq!(value(b"\x58\x04"), Datum::Unknown(11));
    }
}
