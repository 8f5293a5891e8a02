//! A page of PBF to a batch. Values are what their own tags say; text is copied into the batch's text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::esri::pbf::{self, Datum, Feature, Quantized, Shape, VertexSink};
use crate::esri::scan::is_plain;
use crate::esri::{Feature as Place, Syntax};
use crate::model::geometry::Role;
use crate::model::{Batch, Cell, Geometries, GeometryKind, Header, Page, ReadPlan, ShapeKind, Span};
use crate::report::{LossKind, Losses};

use super::fault::{Fault, Unfit};
use super::rings;
use super::shapes::{PATHS, Shapes, VERTICES, even_out};
use super::tally::{row_words, tally_absent, tally_shapes, too_large};

/// A page of few bytes may claim a great many rows and fields, but real rows hold their values: so many cells are
/// always allowed, and so many more for each byte.
const CELLS: usize = 1 << 22;
const CELLS_PER_BYTE: usize = 8;

/// Parses the rows of a page of PBF; see [`super::parse_page`].
pub(super) fn parse(page: &Page, header: &Header, read: &ReadPlan) -> Result<(Batch, Losses)> {
    let bytes = &page.bytes[..];
    let broken = |why: Syntax| Error::new(ErrorKind::Input, "the page can't be read").because(why).on_page(page.seq);
    if u32::try_from(bytes.len()).is_err() {
        return Err(too_large(page));
    }
    let answer = pbf::rows(bytes, page.facts.features.clone()).map_err(broken)?;
    let columns = header.fields.len();
    if answer.rows.saturating_mul(columns) > bytes.len().saturating_mul(CELLS_PER_BYTE).max(CELLS) {
        return Err(Error::new(ErrorKind::Input, "the page can't be read")
            .because(format!("{} rows of {columns} fields are more than its {} bytes can hold", answer.rows, bytes.len()))
            .on_page(page.seq));
    }
    let mut rows = Rows {
        header,
        answer: &answer,
        columns: answer.fields.iter().map(|field| header.field_index(&field.name)).collect(),
        present: vec![0; columns],
        batch: Batch {
            page: page.seq,
            rows_before: page.rows_before,
            columns,
            cells: Vec::with_capacity(answer.rows.saturating_mul(columns).min(bytes.len())),
            ..Batch::default()
        },
        shapes: Shapes::new(header, read),
        quantized: Quantized::default(),
        not_utf8: None,
        lost: BTreeMap::new(),
    };
    for (row, feature) in answer.features(bytes).enumerate() {
        let feature = feature.map_err(broken)?;
        if page.drop_rows.binary_search(&row).is_ok() {
            continue;
        }
        let start = rows.batch.cells.len();
        if let Err(fault) = rows.add(&feature, row) {
            let place = Place { row, at: feature.at() };
            return Err(fault.explain(place).of_feature(rows.words(start, page, row)).on_page(page.seq));
        }
    }
    let Rows { batch, shapes, not_utf8, lost, present, .. } = rows;
    let mut losses = Losses::default();
    if u32::try_from(batch.text.len()).is_err() {
        return Err(too_large(page));
    }
    if let Some((count, row)) = not_utf8 {
        losses.add_many(LossKind::BytesReplaced, None, count, None, || Some(row_words(page, row)));
    }
    tally_shapes(&shapes, page, &mut losses);
    tally_absent(&present, batch.rows(), header, page, &mut losses);
    for ((kind, name), (count, row)) in lost {
        losses.add_many(kind, Some(&name), count, None, || Some(row_words(page, row)));
    }
    Ok((batch, losses))
}

/// Builds the batch, row by row.
struct Rows<'a> {
    header: &'a Header,
    answer: &'a pbf::Rows,
    /// Per field of the answer, the column it goes to.
    columns: Vec<Option<usize>>,
    /// Per column of the batch, the rows that hold it, be it as null.
    present: Vec<u64>,
    batch: Batch,
    shapes: Shapes,
    quantized: Quantized,
    /// How many texts were no UTF-8, and the first row.
    not_utf8: Option<(u64, usize)>,
    /// Values without a column or of a kind that is not known: how often, and the first row.
    lost: BTreeMap<(LossKind, String), (u64, usize)>,
}

impl Rows<'_> {
    fn add(&mut self, feature: &Feature<'_>, row: usize) -> Result<(), Fault> {
        let start = self.batch.cells.len();
        self.batch.cells.resize(start + self.batch.columns, Cell::Null);
        let mut index = 0;
        let shape = feature.members(|datum| {
            self.attribute(start, index, datum, row);
            index += 1;
        })?;
        let kind = match (shape, self.header.geometry) {
            (Shape::Null, _) | (_, None) => ShapeKind::Null,
            (Shape::Curve, _) => return Err(Unfit::Curve.into()),
            (Shape::Quantized(range), Some(kind)) => {
                feature.quantized(range, &mut self.quantized)?;
                self.geometry(kind, row)?
            }
            (Shape::Buffer, _) => return Err(Unfit::Buffer.into()),
        };
        even_out(&mut self.batch.geometry);
        self.shapes.end_row(&mut self.batch.geometry, kind, row);
        Ok(())
    }

    #[inline]
    fn attribute(&mut self, start: usize, index: usize, datum: Datum<'_>, row: usize) {
        let column = self.columns.get(index).copied().flatten();
        let Some(column) = column else {
            if datum != Datum::Null {
                let field = self.answer.fields.get(index);
                let name = field.map_or_else(|| format!("attribute {}", index + 1), |field| field.name.clone());
                self.lose(LossKind::UnknownAttribute, name, row);
            }
            return;
        };
        self.present[column] += 1;
        self.batch.cells[start + column] = match datum {
            Datum::Null => Cell::Null,
            Datum::Bool(value) => Cell::Bool(value),
            Datum::Integer(value) => Cell::Integer(value),
            Datum::Real(value) => Cell::Real(value),
            Datum::Unsigned(value) => Cell::Number(self.push(&value.to_string())),
            Datum::Text(bytes) => self.text(bytes, row),
            Datum::Unknown(_) => {
                self.lose(LossKind::ValueDropped, self.header.fields[column].name.clone(), row);
                Cell::Null
            }
        };
    }

    fn lose(&mut self, kind: LossKind, name: String, row: usize) {
        self.lost.entry((kind, name)).or_insert((0, row)).0 += 1;
    }

    fn text(&mut self, bytes: &[u8], row: usize) -> Cell {
        let text = match std::str::from_utf8(bytes) {
            // The batch's text is what stands between the quotes of JSON.
            Ok(text) if is_plain(bytes) => return Cell::Text(self.push(text)),
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                self.not_utf8.get_or_insert((0, row)).0 += 1;
                String::from_utf8_lossy(bytes)
            }
        };
        let quoted = serde_json::Value::from(text).to_string();
        Cell::Escaped(self.push(&quoted[1..quoted.len() - 1]))
    }

    fn push(&mut self, text: &str) -> Span {
        let start = self.batch.text.len();
        self.batch.text.push_str(text);
        // A batch of more than 4 GiB of text is refused at the end.
        Span { start: start as u32, len: text.len() as u32 }
    }

    fn geometry(&mut self, kind: GeometryKind, row: usize) -> Result<ShapeKind, Fault> {
        let shape = match kind {
            GeometryKind::Point => ShapeKind::Point,
            GeometryKind::Multipoint => ShapeKind::Multipoint,
            GeometryKind::Polyline => ShapeKind::Polyline,
            GeometryKind::Polygon => ShapeKind::Polygon,
            GeometryKind::Multipatch => return Err(Unfit::Multipatch.into()),
            GeometryKind::Envelope | GeometryKind::Mixed => return Err(Unfit::Unknown.into()),
        };
        let into = &mut self.batch.geometry;
        let (first_part, first_vertex) = (into.part_ends.len(), into.xy.len());
        let mut sink = Sink { into, shapes: &mut self.shapes, shape, row, start: first_vertex };
        self.answer.grid.place(kind, &self.quantized, &mut sink)?;
        if self.batch.geometry.xy.len() == first_vertex {
            return Ok(ShapeKind::Null);
        }
        if shape == ShapeKind::Polygon {
            rings::arrange(&mut self.batch.geometry, first_part);
        }
        Ok(shape)
    }

    /// A feature by its object id, or by its row where it has none.
    fn words(&self, start: usize, page: &Page, row: usize) -> String {
        let id = self.header.object_id.and_then(|column| self.batch.cells.get(start + column));
        match id {
            Some(Cell::Integer(id)) => format!("object id {id}"),
            _ => row_words(page, row),
        }
    }
}

/// Puts the vertices of one geometry where they belong.
struct Sink<'a> {
    into: &'a mut Geometries,
    shapes: &'a mut Shapes,
    shape: ShapeKind,
    row: usize,
    /// The first vertex of the part.
    start: usize,
}

impl VertexSink for Sink<'_> {
    #[inline]
    fn vertex(&mut self, xy: [f64; 2], z: Option<f64>, m: Option<f64>) {
        if xy[0].is_finite() && xy[1].is_finite() {
            self.shapes.vertex(self.into, xy, None, z, m);
        } else {
            self.shapes.count(VERTICES, self.row);
        }
    }

    fn end_part(&mut self) {
        let count = self.into.xy.len() - self.start;
        match self.shape {
            ShapeKind::Polygon => drop(self.shapes.end_ring(self.into, self.start, self.row)),
            ShapeKind::Polyline if count < 2 => self.shapes.leave_out(self.into, self.start, PATHS, self.row),
            _ if count == 0 => {}
            _ => self.into.end_part(Role::Shell),
        }
        self.start = self.into.xy.len();
    }
}
