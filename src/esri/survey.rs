//! A look at all rows of an input whose schema is missing or has gaps.

use std::collections::HashMap;

use super::features::{FeatureVisitor, Key, Token, Walked, walk};
use super::scan::{Cursor, Syntax};
use crate::error::{Error, ErrorKind};
use crate::model::batch::unescape;
use crate::model::{Field, FieldType, GeometryKind, SpatialReference};

/// What the rows themselves tell of their schema.
#[derive(Debug, Default)]
pub(super) struct Survey {
    columns: Vec<(String, Seen)>,
    index: HashMap<Vec<u8>, usize>,
    /// The kind of the geometries; `None` where no row has one.
    pub(super) geometry: Option<GeometryKind>,
    /// A vertex has a third number (or a `z`).
    pub(super) has_z: bool,
    /// A vertex has an `m`, or a fourth number.
    pub(super) has_m: bool,
    /// The first spatial reference that stands in a geometry.
    pub(super) spatial_reference: Option<SpatialReference>,
}

/// What the values of one column were so far, from narrow to wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Nothing,
    Integer,
    BigInteger,
    Double,
    Text,
}

impl Survey {
    /// Looks at the features in `bytes`, which hold nothing else; `rows_before` stand before them.
    pub(super) fn look(&mut self, bytes: &[u8], rows_before: u64) -> crate::Result<()> {
        let mut visitor = Look { bytes, survey: self };
        walk::<Syntax, _>(bytes, 0..bytes.len(), &mut visitor).map_err(|(why, feature)| {
            Error::new(ErrorKind::Input, "a feature can't be read")
                .because(why.within(feature))
                .of_feature(format!("row {}", rows_before + feature.row as u64))
        })
    }

    /// The fields in the order of their first appearance.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> {
        self.columns.iter().map(|(name, seen)| {
            let field_type = match seen {
                Seen::Integer => FieldType::Integer,
                Seen::BigInteger => FieldType::BigInteger,
                Seen::Double => FieldType::Double,
                Seen::Nothing | Seen::Text => FieldType::String,
            };
            Field { listed: false, ..Field::new(name.clone(), field_type) }
        })
    }

    /// The same without those that no row has a value for.
    pub(super) fn filled_fields(&self) -> impl Iterator<Item = Field> {
        self.fields().zip(&self.columns).filter(|(_, (_, seen))| *seen != Seen::Nothing).map(|(field, _)| field)
    }

    fn see_geometry(&mut self, kind: GeometryKind) {
        self.geometry = Some(match self.geometry {
            None => kind,
            Some(before) if before == kind => kind,
            // A multipoint layer may answer single points.
            Some(GeometryKind::Point | GeometryKind::Multipoint)
                if matches!(kind, GeometryKind::Point | GeometryKind::Multipoint) =>
            {
                GeometryKind::Multipoint
            }
            Some(_) => GeometryKind::Mixed,
        });
    }
}

struct Look<'a> {
    bytes: &'a [u8],
    survey: &'a mut Survey,
}

impl FeatureVisitor<Syntax> for Look<'_> {
    fn attribute(&mut self, Key { name: key, .. }: Key<'_>, token: Token) -> Walked<Syntax> {
        let column = match self.survey.index.get(key) {
            Some(column) => *column,
            None => {
                let column = self.survey.columns.len();
                self.survey.columns.push((unescape(&String::from_utf8_lossy(key)), Seen::Nothing));
                self.survey.index.insert(key.to_vec(), column);
                column
            }
        };
        let seen = match token {
            Token::Null => Seen::Nothing,
            Token::Number(span) => match std::str::from_utf8(&self.bytes[span.range()]) {
                Ok(text) if text.parse::<i32>().is_ok() => Seen::Integer,
                Ok(text) if text.parse::<i64>().is_ok() => Seen::BigInteger,
                _ => Seen::Double,
            },
            Token::Real(_) => Seen::Double,
            Token::Bool(_) | Token::Text(_) | Token::Json(_) => Seen::Text,
        };
        let column = &mut self.survey.columns[column].1;
        *column = (*column).max(seen);
        Ok(())
    }

    fn geometry(&mut self, cursor: &mut Cursor<'_>) -> Walked<Syntax> {
        if cursor.peek() != Some(b'{') {
            return cursor.skip().map(drop);
        }
        cursor.expect(b'{', "a geometry")?;
        let (mut first, mut kind, mut empty, mut flags, mut ordinates) = (true, None, false, [None; 2], 0);
        while let Some(key) = cursor.key(&mut first)? {
            let key = cursor.slice(key.span);
            if matches!(key, b"paths" | b"rings" | b"points") {
                ordinates = longest_tuple(&mut cursor.clone())?;
            }
            let value = cursor.skip()?;
            let value = cursor.slice(value);
            match key {
                b"x" => {
                    kind = Some(GeometryKind::Point);
                    empty = value == b"null";
                }
                b"z" | b"hasZ" => flags[0] = Some(value != b"null" && value != b"false"),
                b"m" | b"hasM" => flags[1] = Some(value != b"null" && value != b"false"),
                b"points" => kind = Some(GeometryKind::Multipoint),
                b"paths" | b"curvePaths" => kind = Some(GeometryKind::Polyline),
                b"rings" | b"curveRings" => kind = Some(GeometryKind::Polygon),
                b"xmin" => kind = Some(GeometryKind::Envelope),
                b"spatialReference" if self.survey.spatial_reference.is_none() => {
                    let value = serde_json::from_slice(value).unwrap_or_default();
                    self.survey.spatial_reference = SpatialReference::from_json(&value);
                }
                _ => {}
            }
        }
        if let (Some(kind), false) = (kind, empty) {
            self.survey.see_geometry(kind);
        }
        // Where the geometry says nothing, the third number is z and the fourth m.
        let (z, m) = match flags {
            [None, None] => (ordinates > 2, ordinates > 3),
            [z, m] => (z == Some(true), m == Some(true)),
        };
        self.survey.has_z |= z;
        self.survey.has_m |= m;
        Ok(())
    }

    fn end(&mut self) -> Walked<Syntax> {
        Ok(())
    }
}

/// The most numbers in one innermost array of nested arrays.
fn longest_tuple(cursor: &mut Cursor<'_>) -> Result<usize, Syntax> {
    let mut longest = 0;
    let mut counts: Vec<usize> = Vec::new();
    loop {
        if cursor.take(b'[') {
            counts.push(0);
        } else if counts.is_empty() {
            // `null`, or what is no list at all.
            cursor.skip()?;
        } else if cursor.take(b']') {
            longest = longest.max(counts.pop().unwrap_or(0));
        } else if !cursor.take(b',') {
            cursor.skip()?;
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
        }
        if counts.is_empty() {
            return Ok(longest);
        }
    }
}
