//! A page after parsing: attribute cells as spans into the page's text, geometry as flat arrays.

use std::borrow::Cow;

use super::{Geometries, Value};

/// A byte range of a batch's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Span {
    /// The range for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// One attribute cell: where its text is, or the value itself (binary pages).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Cell {
    /// `null` or absent.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that is valid JSON.
    Number(Span),
    /// Text without escapes or control characters: the characters between the quotes, as they are.
    Text(Span),
    /// Text whose JSON escapes are still to be resolved, or which holds raw control characters.
    Escaped(Span),
    /// An object or array. Its brackets match; inside it may hold what JSON does not know, such as `NaN`.
    Json(Span),
    /// An integer of a binary page.
    Integer(i64),
    /// A float of a binary page, or a bare `NaN` or infinity.
    Real(f64),
}

/// The rows of one page. `cells` is a grid, row by row: cell `(r, c)` is `cells[r * columns + c]`.
///
/// Every format of the foundation writes rows, so the grid keeps a row's cells together; a format that wants
/// columns steps through the grid by `columns`.
#[derive(Debug, Default)]
pub struct Batch {
    /// The page it came from, counted from 0.
    pub page: u64,
    /// Rows of the layer before this page; for messages.
    pub rows_before: u64,
    /// The page's rows as text, which the spans point into.
    pub text: String,
    /// Number of columns; column `i` is field `i` of the header.
    pub columns: usize,
    /// The attribute grid.
    pub cells: Vec<Cell>,
    /// One geometry a row, in the source's spatial reference.
    pub geometry: Geometries,
}

impl Batch {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.geometry.rows()
    }

    /// The text that a span covers.
    pub fn slice(&self, span: Span) -> &str {
        &self.text[span.range()]
    }

    /// A row in words, for messages: `object id 17`, or `row 3` (of the layer, counted from 0) where it has no id.
    pub fn feature_words(&self, object_id: Option<usize>, row: usize) -> String {
        match object_id.and_then(|column| self.value(row, column).to_text().map(Cow::into_owned)) {
            Some(id) => format!("object id {id}"),
            None => format!("row {}", self.rows_before + row as u64),
        }
    }

    /// The value of one cell.
    pub fn value(&self, row: usize, column: usize) -> Value<'_> {
        match self.cells[row * self.columns + column] {
            Cell::Null => Value::Null,
            Cell::Bool(value) => Value::Bool(value),
            Cell::Number(span) => Value::Number(self.slice(span)),
            Cell::Text(span) => Value::Text(Cow::Borrowed(self.slice(span))),
            Cell::Escaped(span) => Value::Text(Cow::Owned(unescape(self.slice(span)))),
            Cell::Json(span) => Value::Json(self.slice(span)),
            Cell::Integer(value) => Value::Integer(value),
            Cell::Real(value) => Value::Real(value),
        }
    }
}

/// Resolves JSON escapes; what is no valid escape stays as it is, a lone surrogate becomes U+FFFD.
///
/// ```
/// use geohaul::model::batch::unescape;
///
/// assert_eq!(unescape(r"a\u00e9\n\ud83d\ude00"), "aé\n😀");
/// assert_eq!(unescape(r"C:\temp\q"), "C:\temp\\q");
/// ```
pub fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else {
            text.push('\\');
            break;
        };
        rest = &rest[escape.len_utf8()..];
        match escape {
            '"' | '\\' | '/' => text.push(escape),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => match take_unit(&mut rest) {
                Some(high @ 0xD800..0xDC00) => {
                    let mut ahead = rest;
                    let low = ahead.strip_prefix("\\u").and_then(|r| {
                        ahead = r;
                        take_unit(&mut ahead)
                    });
                    match low {
                        Some(low @ 0xDC00..0xE000) => {
                            rest = ahead;
                            let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                            text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                        }
                        _ => text.push(char::REPLACEMENT_CHARACTER),
                    }
                }
                Some(unit) => text.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
                None => text.push_str("\\u"),
            },
            other => {
                text.push('\\');
                text.push(other);
            }
        }
    }
    text.push_str(rest);
    text
}

/// Four hexadecimal digits off the front.
fn take_unit(rest: &mut &str) -> Option<u32> {
    let digits = rest.get(..4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let unit = u32::from_str_radix(digits, 16).ok()?;
    *rest = &rest[4..];
    Some(unit)
}
