//! A page of JSON to a batch: attributes become spans of its text, coordinates flat arrays.

use std::collections::HashMap;

use crate::error::Result;
use crate::esri::features::Walked;
use crate::esri::scan::Quoted;
use crate::esri::{Cursor, Feature, FeatureVisitor, Key, Token, walk};
use crate::model::batch::unescape;
use crate::model::{Batch, Cell, Geometries, Header, Page, ReadPlan};
use crate::report::{LossKind, Losses};

use super::fault::Fault;
use super::shapes::Shapes;
use super::tally::{row_words, tally_absent, tally_shapes, too_large};

/// Parses the rows of a page of JSON; see [`super::parse_page`].
pub(super) fn parse(mut page: Page, header: &Header, read: &ReadPlan) -> Result<(Batch, Losses)> {
    let (bytes, mut range) = (std::mem::take(&mut page.bytes), page.facts.features.clone());
    let page = &page;
    if u32::try_from(bytes.len()).is_err() {
        return Err(too_large(page));
    }
    let mut losses = Losses::default();
    // Nothing is copied where nobody else holds the bytes.
    let text = match String::from_utf8(Vec::from(bytes)) {
        Ok(text) => text,
        Err(wrong) => {
            let raw = &wrong.as_bytes()[range];
            let count = raw.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count() as u64;
            let first = || Some(format!("the page that begins with {}", row_words(page, 0)));
            losses.add_many(LossKind::BytesReplaced, None, count, None, first);
            let text = String::from_utf8_lossy(raw).into_owned();
            range = 0..text.len();
            text
        }
    };
    let mut rows = Rows::new(text.as_bytes(), page, header, read);
    let walked = walk(text.as_bytes(), range, &mut rows);
    let Rows { mut cells, geometry, shapes, unplaced, present, .. } = rows;
    if let Err((fault, feature)) = walked {
        let words = feature_words(&text, header, page, feature);
        return Err(fault.explain(feature).of_feature(words).on_page(page.seq));
    }
    // The last row began another one.
    cells.truncate(geometry.rows() * header.fields.len());
    tally_shapes(&shapes, page, &mut losses);
    for (name, Unplaced { count, first, why }) in unplaced {
        losses.add_many(LossKind::UnknownAttribute, Some(&name), count, why.map(str::to_owned), || Some(row_words(page, first)));
    }
    tally_absent(&present, geometry.rows(), header, page, &mut losses);
    let batch = Batch { page: page.seq, rows_before: page.rows_before, text, columns: header.fields.len(), cells, geometry };
    Ok((batch, losses))
}

/// A feature by its object id, or by its row where it has none.
fn feature_words(text: &str, header: &Header, page: &Page, feature: Feature) -> String {
    let id = header.object_id.and_then(|column| {
        // The feature may be broken behind its attributes; they alone are looked for.
        let rest = &text[feature.at..];
        let name = format!("\"{}\"", header.fields[column].name);
        let value = rest[rest.find(&name)? + name.len()..].trim_start_matches([':', ' ']);
        let digits = value.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(value.len());
        (digits > 0).then(|| value[..digits].to_owned())
    });
    match id {
        Some(id) => format!("object id {id}"),
        None => row_words(page, feature.row),
    }
}

/// Builds the batch while the walk goes on.
struct Rows<'a> {
    drop_rows: &'a [usize],
    row: usize,
    /// The current row is one of them.
    dropped: bool,
    names: Names<'a>,
    /// Per column, the rows that hold it, be it as null.
    present: Vec<u64>,
    cells: Vec<Cell>,
    columns: usize,
    geometry: Geometries,
    shapes: Shapes,
    /// Per attribute without a place.
    unplaced: HashMap<String, Unplaced>,
    /// The first cell of the current row.
    start: usize,
    has_shape: bool,
}

/// Values of an attribute that no cell takes.
struct Unplaced {
    count: u64,
    first: usize,
    /// More than that no field has its name.
    why: Option<&'static str>,
}

impl<'a> Rows<'a> {
    fn new(text: &'a [u8], page: &'a Page, header: &'a Header, read: &ReadPlan) -> Self {
        let mut rows = Self {
            drop_rows: &page.drop_rows,
            row: 0,
            dropped: false,
            names: Names::new(header),
            present: vec![0; header.fields.len()],
            cells: Vec::with_capacity(page.facts.rows.saturating_mul(header.fields.len()).min(text.len())),
            columns: header.fields.len(),
            geometry: Geometries::default(),
            shapes: Shapes::new(header, read),
            unplaced: HashMap::new(),
            start: 0,
            has_shape: false,
        };
        rows.begin();
        rows
    }

    fn begin(&mut self) {
        self.start = self.cells.len();
        self.cells.resize(self.start + self.columns, Cell::Null);
        self.has_shape = false;
        self.dropped = self.drop_rows.binary_search(&self.row).is_ok();
        self.names.next = 0;
    }

    fn unplaced(&mut self, key: &[u8], why: Option<&'static str>) {
        let name = unescape(&String::from_utf8_lossy(key));
        self.unplaced.entry(name).or_insert(Unplaced { count: 0, first: self.row, why }).count += 1;
    }
}

impl FeatureVisitor<Fault> for Rows<'_> {
    #[inline]
    fn attribute(&mut self, key: Key<'_>, token: Token) -> Walked<Fault> {
        if self.dropped {
            return Ok(());
        }
        let Some(column) = self.names.column(key) else {
            if token != Token::Null {
                self.unplaced(key.name, None);
            }
            return Ok(());
        };
        self.present[column] += 1;
        if token == Token::Null {
            // A cell is null until something else is known of it.
            return Ok(());
        }
        let at = self.start + column;
        if !matches!(self.cells[at], Cell::Null) {
            self.unplaced(key.name, Some("the row has another value for the same field"));
        }
        self.cells[at] = match token {
            Token::Null => Cell::Null,
            Token::Bool(value) => Cell::Bool(value),
            Token::Number(span) => Cell::Number(span),
            Token::Real(value) => Cell::Real(value),
            Token::Text(Quoted { span, plain: true }) => Cell::Text(span),
            Token::Text(Quoted { span, plain: false }) => Cell::Escaped(span),
            Token::Json(span) => Cell::Json(span),
        };
        Ok(())
    }

    fn geometry(&mut self, cursor: &mut Cursor<'_>) -> Walked<Fault> {
        // A key that comes twice, or a row that another page holds already.
        if self.has_shape || self.dropped {
            cursor.skip()?;
            return Ok(());
        }
        self.has_shape = true;
        self.shapes.read(cursor, &mut self.geometry, self.row)
    }

    fn end(&mut self) -> Walked<Fault> {
        if self.dropped {
            self.cells.truncate(self.start);
        } else if !self.has_shape {
            self.geometry.end_row(crate::model::ShapeKind::Null);
        }
        self.row += 1;
        self.begin();
        Ok(())
    }
}

/// Which column an attribute key is. Servers repeat their key order, so the next field is tried first.
struct Names<'a> {
    header: &'a Header,
    next: usize,
    /// Of the keys at their usual places.
    usual: Vec<Option<usize>>,
    known: HashMap<Vec<u8>, Option<usize>>,
}

impl<'a> Names<'a> {
    fn new(header: &'a Header) -> Self {
        Self { header, next: 0, usual: Vec::new(), known: HashMap::new() }
    }

    #[inline]
    fn column(&mut self, Key { name, usual }: Key<'_>) -> Option<usize> {
        let column = match usual.and_then(|place| self.usual.get(place)) {
            Some(column) => *column,
            None => {
                let column = match self.header.fields.get(self.next) {
                    // A key with escapes is not the name that its bytes spell.
                    Some(field) if field.name.as_bytes() == name && memchr::memchr(b'\\', name).is_none() => Some(self.next),
                    _ => self.look_up(name),
                };
                if usual == Some(self.usual.len()) {
                    self.usual.push(column);
                }
                column
            }
        };
        if let Some(column) = column {
            self.next = column + 1;
        }
        column
    }

    fn look_up(&mut self, key: &[u8]) -> Option<usize> {
        if let Some(column) = self.known.get(key) {
            return *column;
        }
        let column = self.header.field_index(&unescape(&String::from_utf8_lossy(key)));
        self.known.insert(key.to_vec(), column);
        column
    }
}
