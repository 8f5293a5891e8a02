//! Answers to `f=pbf`: Esri's `FeatureCollectionPBuffer`, read in place from untrusted bytes.
//!
//! [`read`] says what an answer is and holds its schema; its rows stay bytes until [`Rows::features`] walks over
//! them. Nothing is allocated by a length that the answer only claims. The field numbers are those of Esri's
//! `FeatureCollection.proto`; the rules for coordinates are in [`Grid`].

use std::ops::Range;

use super::fields::domain_of;
use super::scan::Syntax;
use crate::model::{Field, FieldType, GeometryKind, Header, PageFacts, SpatialReference, Wire};

mod feature;
mod grid;
mod wire;

pub use feature::{Datum, Feature, Features, Shape};
pub use grid::{Axis, Grid, Measures, Quantized, VertexSink};
use wire::{Raw, Reader, Result, text};

/// What an answer holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Rows.
    Rows(Box<Rows>),
    /// The answer to `returnCountOnly`.
    Count(u64),
    /// The answer to `returnIdsOnly`.
    Ids(Vec<i64>),
}

/// The rows of an answer and what it says of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Where the `FeatureResult` stands in the answer.
    pub range: Range<usize>,
    /// Number of features.
    pub rows: usize,
    /// From the first feature to the end of the last.
    pub feature_bytes: Range<usize>,
    /// The server says that there is more.
    pub exceeded: bool,
    /// The name of the object id field.
    pub object_id: Option<String>,
    /// The fields, in the order of every row's attributes.
    pub fields: Vec<Field>,
    /// The geometry kind. A point is the default of the wire and may as well be "none": ask the layer.
    pub geometry: Option<GeometryKind>,
    /// The spatial reference of the coordinates.
    pub spatial_reference: Option<SpatialReference>,
    /// Where the coordinates lie.
    pub grid: Grid,
}

/// Whether a file or body looks like PBF rather than JSON, by its first bytes.
///
/// ```
/// assert!(geohaul::esri::pbf::looks_like(b"\x12\x05\x12\x03\x08\xc7\x18"));
/// assert!(!geohaul::esri::pbf::looks_like(b"\n{\"features\":[]}"));
/// ```
pub fn looks_like(bytes: &[u8]) -> bool {
    const RESULT: u8 = 2 << 3 | 2;
    match bytes {
        [RESULT, ..] => true,
        // A version before the result; its tag is also a line break.
        [b'\n', length, rest @ ..] => *length < 0x80 && rest.get(usize::from(*length)) == Some(&RESULT),
        _ => false,
    }
}

/// Reads an answer but for its rows.
///
/// # Errors
/// Where the bytes are no such answer, or end early.
pub fn read(bytes: &[u8]) -> Result<Answer> {
    let mut reader = Reader::new(bytes, 0..bytes.len());
    let mut found = None;
    while let Some(field) = reader.field()? {
        if let (2, Raw::Bytes(range)) = field {
            found = result(bytes, range)?.or(found);
        }
    }
    found.ok_or(Syntax { at: bytes.len(), expected: "rows, a count or ids" })
}

fn result(bytes: &[u8], range: Range<usize>) -> Result<Option<Answer>> {
    let mut reader = Reader::new(bytes, range);
    let mut found = None;
    while let Some(field) = reader.field()? {
        match field {
            (1, Raw::Bytes(range)) => found = Some(Answer::Rows(Box::new(rows(bytes, range)?))),
            (2, Raw::Bytes(range)) => found = Some(Answer::Count(count(bytes, range)?)),
            (3, Raw::Bytes(range)) => found = Some(Answer::Ids(ids(bytes, range)?)),
            _ => {}
        }
    }
    Ok(found)
}

/// Reads the `FeatureResult` in `range`, which [`Rows::range`] of an answer named.
///
/// # Errors
/// Where it is broken.
pub fn rows(bytes: &[u8], range: Range<usize>) -> Result<Rows> {
    let mut reader = Reader::new(bytes, range.clone());
    let (mut count, mut feature_bytes, mut exceeded, mut has_z, mut has_m) = (0, None::<Range<usize>>, false, false, false);
    let (mut object_id, mut spatial_reference, mut transform) = (None, None, None);
    let (mut kind, mut fields) = (0, Vec::new());
    while let Some(field) = reader.field()? {
        match field {
            (1, Raw::Bytes(range)) => object_id = Some(text(bytes, range)).filter(|name| !name.is_empty()),
            (7, Raw::Varint(number)) => kind = number,
            (8, Raw::Bytes(range)) => spatial_reference = reference(bytes, range)?,
            (9, Raw::Varint(flag)) => exceeded = flag != 0,
            (10, Raw::Varint(flag)) => has_z = flag != 0,
            (11, Raw::Varint(flag)) => has_m = flag != 0,
            (12, Raw::Bytes(range)) => transform = Some(range),
            (13, Raw::Bytes(range)) => fields.push(field_of(bytes, range)?),
            (15, Raw::Bytes(feature)) => {
                count += 1;
                feature_bytes.get_or_insert(feature.clone()).end = feature.end;
            }
            _ => {}
        }
    }
    let grid = grid::transform(bytes, transform, has_z, has_m)?;
    let feature_bytes = feature_bytes.unwrap_or_default();
    Ok(Rows { range, rows: count, feature_bytes, exceeded, object_id, fields, geometry: kind_of(kind), spatial_reference, grid })
}

fn kind_of(number: u64) -> Option<GeometryKind> {
    Some(match number {
        0 => GeometryKind::Point,
        1 => GeometryKind::Multipoint,
        2 => GeometryKind::Polyline,
        3 => GeometryKind::Polygon,
        4 => GeometryKind::Multipatch,
        5 => GeometryKind::Envelope,
        _ => return None,
    })
}

fn reference(bytes: &[u8], range: Range<usize>) -> Result<Option<SpatialReference>> {
    let mut reader = Reader::new(bytes, range);
    let mut sr = SpatialReference::default();
    let code = |number: u64| u32::try_from(number).ok().filter(|code| *code > 0);
    let words = |range| Some(text(bytes, range)).filter(|text| !text.trim().is_empty());
    while let Some(field) = reader.field()? {
        match field {
            (1, Raw::Varint(number)) => sr.wkid = code(number),
            (2, Raw::Varint(number)) => sr.latest_wkid = code(number),
            (3, Raw::Varint(number)) => sr.vcs_wkid = code(number),
            (4, Raw::Varint(number)) => sr.latest_vcs_wkid = code(number),
            (5, Raw::Bytes(range)) => sr.wkt = words(range),
            (6, Raw::Bytes(range)) => sr.wkt2 = words(range),
            _ => {}
        }
    }
    Ok(Some(sr).filter(|sr| sr.code().is_some() || sr.wkt.is_some() || sr.wkt2.is_some()))
}

fn field_of(bytes: &[u8], range: Range<usize>) -> Result<Field> {
    let mut reader = Reader::new(bytes, range);
    // The wire leaves the first type of its list out.
    let mut field = Field::new("", FieldType::SmallInteger);
    while let Some(member) = reader.field()? {
        match member {
            (1, Raw::Bytes(range)) => field.name = text(bytes, range),
            (2, Raw::Varint(number)) => field.field_type = field_type(number),
            (3, Raw::Bytes(range)) => field.alias = Some(text(bytes, range)),
            (5, Raw::Bytes(range)) => field.domain = serde_json::from_slice(&bytes[range]).ok().as_ref().and_then(domain_of),
            _ => {}
        }
    }
    field.alias = field.alias.filter(|alias| !alias.is_empty() && *alias != field.name);
    Ok(field)
}

fn field_type(number: u64) -> FieldType {
    match number {
        0 => FieldType::SmallInteger,
        1 => FieldType::Integer,
        2 => FieldType::Single,
        3 => FieldType::Double,
        4 => FieldType::String,
        5 => FieldType::Date,
        6 => FieldType::ObjectId,
        7 => FieldType::Geometry,
        8 => FieldType::Blob,
        9 => FieldType::Raster,
        10 => FieldType::Guid,
        11 => FieldType::GlobalId,
        12 => FieldType::Xml,
        13 => FieldType::BigInteger,
        14 => FieldType::DateOnly,
        15 => FieldType::TimeOnly,
        16 => FieldType::TimestampOffset,
        other => FieldType::Other(format!("PBF field type {other}")),
    }
}

fn count(bytes: &[u8], range: Range<usize>) -> Result<u64> {
    let mut reader = Reader::new(bytes, range);
    let mut count = 0;
    while let Some(field) = reader.field()? {
        if let (1, Raw::Varint(number)) = field {
            count = number;
        }
    }
    Ok(count)
}

fn ids(bytes: &[u8], range: Range<usize>) -> Result<Vec<i64>> {
    let mut reader = Reader::new(bytes, range);
    let mut ids = Vec::new();
    while let Some(field) = reader.field()? {
        // Negative ids come as their two's complement.
        match field {
            (3, Raw::Varint(id)) => ids.push(id as i64),
            (3, Raw::Bytes(range)) => {
                let mut list = Reader::new(bytes, range);
                while let Some(id) = list.packed()? {
                    ids.push(id as i64);
                }
            }
            _ => {}
        }
    }
    Ok(ids)
}

impl Rows {
    /// The features, in their order. `bytes` is the answer that these rows were read from.
    pub fn features<'a>(&self, bytes: &'a [u8]) -> Features<'a> {
        Features::new(bytes, self.range.clone())
    }

    /// What there is to know of a page.
    pub fn facts(&self) -> PageFacts {
        PageFacts { rows: self.rows, exceeded: self.exceeded, wire: Wire::Pbf, features: self.range.clone() }
    }

    /// The position of a field among the attributes, by its name; regardless of case where none is written just so.
    pub fn field_index(&self, name: &str) -> Option<usize> {
        let exact = self.fields.iter().position(|field| field.name == name);
        exact.or_else(|| self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name)))
    }

    /// The integer object ids of the features, in their order; `None` where a feature has none.
    ///
    /// # Errors
    /// Where a feature is broken.
    pub fn object_ids(&self, bytes: &[u8], field: &str) -> Result<Vec<Option<i64>>> {
        let index = self.field_index(field);
        let mut ids = Vec::new();
        for feature in self.features(bytes) {
            let datum = index.map(|index| feature?.attribute(index)).transpose()?.flatten();
            ids.push(match datum {
                Some(Datum::Integer(id)) => Some(id),
                _ => None,
            });
        }
        Ok(ids)
    }

    /// The schema of an answer that nothing else is known of.
    ///
    /// # Errors
    /// Where a feature is broken.
    pub fn header(&self, bytes: &[u8], name: &str) -> Result<Header> {
        let mut header = Header::new(name);
        header.fields = self.fields.iter().filter(|field| field.field_type != FieldType::Geometry).cloned().collect();
        header.object_id = self
            .object_id
            .as_deref()
            .and_then(|name| header.field_index(name))
            .or_else(|| header.fields.iter().position(|field| field.field_type == FieldType::ObjectId));
        header.count = Some(self.rows as u64);
        header.geometry = self.geometry;
        if self.geometry == Some(GeometryKind::Point) && (self.spatial_reference.is_none() || self.rows > 0) {
            let mut shown = false;
            for feature in self.features(bytes) {
                shown |= feature?.has_shape()?;
                if shown {
                    break;
                }
            }
            // Tables are points on the wire.
            header.geometry = self.geometry.filter(|_| shown);
        }
        if header.geometry.is_some() {
            header.spatial_reference = self.spatial_reference.clone();
            header.has_z = self.grid.z.is_some();
            header.has_m = self.grid.m.is_some();
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_nothing_is_an_error() {
        for bytes in [&b""[..], b"\x0a\x00", b"\x12\x00", b"\x12\x02\x0a", b"{\"error\":{}}", b"<html>", b"\x12\x7f\x0a"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(read(b"\x12\x05\x12\x03\x08\xc7\x18"), Ok(Answer::Count(3143)));
        assert_eq!(read(b"\x12\x04\x1a\x02\x18\x07"), Ok(Answer::Ids(vec![7])));
    }

    #[test]
    fn a_field_type_that_is_not_known_is_kept_by_its_number() {
        let field = field_of(b"\x0a\x01A\x10\x63", 0..5).unwrap();
        assert_eq!(field.field_type, FieldType::Other("PBF field type 99".to_owned()));
    }
}
