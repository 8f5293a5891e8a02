//! Batches and plans by hand, so that a format can be tested without a server, a parser or a planner.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geohaul::model::geometry::Role;
use geohaul::model::plan::{Column, ColumnKind};
use geohaul::model::{Batch, Cell, Crs, Field, FieldType, GeometryKind, ShapeKind, Span, WritePlan};
use geohaul::write::{Encoded, Event, Format, Rows, Stage, Target, Written};
use geohaul::{Error, Result};

/// A vertex: x, y, z, m. What the layer does not have is ignored.
pub(crate) type Vertex = [f64; 4];

/// A plan and the pages that it is for.
pub(crate) struct Layer {
    pub(crate) plan: WritePlan,
    pub(crate) pages: Vec<Batch>,
}

impl Layer {
    /// A layer in WGS 84 without columns and rows, z and m as `dimensions` (`""`, `"z"`, `"m"`, `"zm"`) says.
    pub(crate) fn new(geometry: Option<GeometryKind>, dimensions: &str) -> Self {
        let plan = WritePlan {
            layer: "Parcels".to_owned(),
            columns: Vec::new(),
            geometry,
            z: dimensions.contains('z'),
            m: dimensions.contains('m'),
            crs: Some(Crs::wgs84()),
            transform: None,
            decimals: None,
            object_id: None,
            display: None,
            dates_are_utc: true,
            rfc7946: false,
            antimeridian: Default::default(),
        };
        Self { plan, pages: vec![Batch::default()] }
    }

    /// Adds a column; the first one of the type object id is the object id.
    pub(crate) fn column(mut self, name: &str, kind: ColumnKind, field: Field) -> Self {
        let from = self.plan.columns.len();
        if field.field_type == FieldType::ObjectId {
            self.plan.object_id.get_or_insert(from);
        }
        self.plan.columns.push(Column { from, name: name.to_owned(), kind, field });
        self.pages[0].columns = from + 1;
        self
    }

    /// Adds a column of that name and kind, whose field has the same name.
    pub(crate) fn plain(self, name: &str, kind: ColumnKind) -> Self {
        self.column(name, kind, Field::new(name, FieldType::Double))
    }

    /// Adds a 32-bit object id of that name.
    pub(crate) fn object_id(self, name: &str) -> Self {
        self.column(name, ColumnKind::Integer { bits: 32 }, Field::new(name, FieldType::ObjectId))
    }

    /// Adds a row: a geometry as parts of vertices, and one JSON token per column.
    pub(crate) fn row(mut self, kind: ShapeKind, parts: &[(Role, &[Vertex])], cells: &[&str]) -> Self {
        let (z, m) = (self.plan.z, self.plan.m);
        let page = self.pages.last_mut().unwrap();
        assert_eq!(cells.len(), page.columns);
        for token in cells {
            let cell = cell(&mut page.text, token);
            page.cells.push(cell);
        }
        for (role, vertices) in parts {
            for vertex in *vertices {
                page.geometry.xy.push([vertex[0], vertex[1]]);
                page.geometry.z.extend(z.then_some(vertex[2]));
                page.geometry.m.extend(m.then_some(vertex[3]));
            }
            page.geometry.end_part(*role);
        }
        page.geometry.end_row(kind);
        self
    }

    /// Adds a row with a point.
    pub(crate) fn point(self, x: f64, y: f64, cells: &[&str]) -> Self {
        self.row(ShapeKind::Point, &[(Role::Shell, &[[x, y, 0.0, 0.0]])], cells)
    }

    /// Adds a row without geometry.
    pub(crate) fn null(self, cells: &[&str]) -> Self {
        self.row(ShapeKind::Null, &[], cells)
    }

    /// The rows that follow are on the next page.
    pub(crate) fn next_page(mut self) -> Self {
        let page = self.pages.len() as u64;
        self.pages.push(Batch { page, columns: self.plan.columns.len(), ..Batch::default() });
        self
    }

    /// Writes the layer to `path`. Returns what the writer says, and the files.
    pub(crate) fn write(&self, format: &impl Format, path: &Path, overwrite: bool) -> Result<(Written, Vec<PathBuf>)> {
        let stage = Stage::open(Target { path: path.to_owned(), overwrite })?;
        let written = self.write_into(format, &stage, None)?;
        Ok((written, stage.commit()?))
    }

    /// Writes the layer into a stage; `broken` is an error that comes after the last page.
    pub(crate) fn write_into(&self, format: &impl Format, stage: &Stage, broken: Option<Error>) -> Result<Written> {
        let plan = Arc::new(self.plan.clone());
        let encode = |batch: &Batch| -> Result<Encoded<_>> { format.encode(&plan, Rows { batch, geometry: &batch.geometry }) };
        let begin = std::iter::once(Ok(Event::Begin(Arc::clone(&plan))));
        let rows = self.pages.iter().map(|page| Ok(Event::Rows(encode(page)?)));
        let end = std::iter::once(broken.map_or(Ok(Event::End), Err));
        format.write(stage, &mut begin.chain(rows).chain(end))
    }
}

/// A JSON token, or a bare `NaN` or `Infinity`, as a parser would leave it.
fn cell(page: &mut String, token: &str) -> Cell {
    let mut keep = |text: &str| {
        let start = page.len() as u32;
        page.push_str(text);
        Span { start, len: text.len() as u32 }
    };
    match token {
        "null" => Cell::Null,
        "true" | "false" => Cell::Bool(token == "true"),
        "NaN" => Cell::Real(f64::NAN),
        "Infinity" => Cell::Real(f64::INFINITY),
        _ if token.starts_with(['{', '[']) => Cell::Json(keep(token)),
        _ => match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(text) if text.contains('\\') => Cell::Escaped(keep(text)),
            Some(text) => Cell::Text(keep(text)),
            None => Cell::Number(keep(token)),
        },
    }
}
