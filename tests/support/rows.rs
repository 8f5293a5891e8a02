//! Layers built by hand, so that a format can be tested without a server, a parser or a planner, and any format's
//! way from there to a finished file.

#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geohaul::Crs;
use geohaul::model::batch::Span;
use geohaul::model::geometry::{Role, signed_area2};
use geohaul::model::plan::ColumnKind;
use geohaul::model::{Batch, Cell, Column, Field, FieldType, GeometryKind, ShapeKind, WritePlan};
use geohaul::write::{AnyFormat, Event, Rows, Stage, Target, Written};
use geohaul::{Error, Result};

/// A vertex: x, y, z, m. What the layer does not have is ignored.
pub(crate) type Vertex = [f64; 4];

/// A layer with its rows, page by page.
pub(crate) struct Layer {
    pub(crate) plan: WritePlan,
    pub(crate) pages: Vec<Batch>,
    /// Coordinates keep the text they came as.
    pub(crate) keep_text: bool,
}

impl Layer {
    /// A layer of `geometry` (`None` is a table) in WGS 84, without columns and rows.
    pub(crate) fn new(name: &str, geometry: Option<GeometryKind>) -> Self {
        let plan = WritePlan {
            layer: name.to_owned(),
            columns: Vec::new(),
            geometry,
            crs: Some(Crs::wgs84()),
            dates_are_utc: true,
            rfc7946: true,
            ..WritePlan::default()
        };
        Self { plan, pages: vec![Batch::default()], keep_text: false }
    }

    /// A layer whose spatial reference is no format's rule, z and m as `dimensions` (`""`, `"z"`, `"m"`, `"zm"`) says.
    pub(crate) fn of(geometry: Option<GeometryKind>, dimensions: &str) -> Self {
        Self::new("Parcels", geometry).plan(|plan| {
            (plan.z, plan.m) = (dimensions.contains('z'), dimensions.contains('m'));
            plan.rfc7946 = false;
        })
    }

    /// Adds a column. The first object id and the first field called NAME become what they are called.
    pub(crate) fn column(mut self, name: &str, field_type: FieldType) -> Self {
        let kind = match field_type {
            FieldType::SmallInteger => ColumnKind::Integer { bits: 16 },
            FieldType::Integer | FieldType::ObjectId => ColumnKind::Integer { bits: 32 },
            FieldType::BigInteger => ColumnKind::Integer { bits: 64 },
            FieldType::Single => ColumnKind::Single,
            FieldType::Double => ColumnKind::Double,
            FieldType::Date => ColumnKind::DateTime,
            _ => ColumnKind::Text { length: None },
        };
        if name == "NAME" {
            self.plan.display.get_or_insert(self.plan.columns.len());
        }
        self.column_of(name, kind, Field::new(name, field_type))
    }

    /// Adds a column of this kind for a field, whose name may be another; the first object id becomes the object id.
    pub(crate) fn column_of(mut self, name: &str, kind: ColumnKind, field: Field) -> Self {
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
        self.column_of(name, kind, Field::new(name, FieldType::Double))
    }

    /// Adds a 32-bit object id of that name.
    pub(crate) fn object_id(self, name: &str) -> Self {
        self.column(name, FieldType::ObjectId)
    }

    /// Changes the plan.
    pub(crate) fn plan(mut self, change: impl FnOnce(&mut WritePlan)) -> Self {
        change(&mut self.plan);
        self
    }

    /// Coordinates keep the text they came as from here on.
    pub(crate) fn keep_text(mut self) -> Self {
        self.keep_text = true;
        self
    }

    /// Begins another page.
    pub(crate) fn page(mut self) -> Self {
        let (page, columns) = (self.pages.len() as u64, self.plan.columns.len());
        self.pages.push(Batch { page, columns, ..Batch::default() });
        self
    }

    /// Adds a row. `cells` are JSON texts (and bare `NaN`). `shape` lists vertices `x,y[,z][,m]` (z and m as the
    /// plan says) with spaces between them and `;` between parts; a ring that is not clockwise is a hole.
    pub(crate) fn row(mut self, kind: ShapeKind, shape: &str, cells: &[&str]) -> Self {
        let (z, m, keep_text) = (self.plan.z, self.plan.m, self.keep_text);
        let batch = self.with_cells(cells);
        for part in shape.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let start = batch.geometry.xy.len();
            for vertex in part.split_whitespace() {
                let mut ordinates = vertex.split(',').map(|text| text.parse::<f64>().expect("a number"));
                let mut next = || ordinates.next().expect("enough ordinates");
                batch.geometry.xy.push([next(), next()]);
                if z {
                    batch.geometry.z.push(next());
                }
                if m {
                    batch.geometry.m.push(next());
                }
                if keep_text {
                    let mut texts = vertex.split(',');
                    let spans = [(); 2].map(|()| append(&mut batch.text, texts.next().expect("x and y")));
                    batch.geometry.text.push(spans);
                }
            }
            let hole = kind == ShapeKind::Polygon && signed_area2(&batch.geometry.xy[start..]) > 0.0;
            batch.geometry.end_part(if hole { Role::Hole } else { Role::Shell });
        }
        batch.geometry.end_row(kind);
        self
    }

    /// Adds a row of parts by their roles and vertices.
    pub(crate) fn parts(mut self, kind: ShapeKind, parts: &[(Role, &[Vertex])], cells: &[&str]) -> Self {
        let (z, m) = (self.plan.z, self.plan.m);
        let geometry = &mut self.with_cells(cells).geometry;
        for (role, vertices) in parts {
            for vertex in *vertices {
                geometry.xy.push([vertex[0], vertex[1]]);
                geometry.z.extend(z.then_some(vertex[2]));
                geometry.m.extend(m.then_some(vertex[3]));
            }
            geometry.end_part(*role);
        }
        geometry.end_row(kind);
        self
    }

    /// Adds a row with a point.
    pub(crate) fn point(self, x: f64, y: f64, cells: &[&str]) -> Self {
        self.parts(ShapeKind::Point, &[(Role::Shell, &[[x, y, 0.0, 0.0]])], cells)
    }

    /// Adds a row without geometry.
    pub(crate) fn null(self, cells: &[&str]) -> Self {
        self.row(ShapeKind::Null, "", cells)
    }

    /// The page under way, with the attributes of one row more.
    fn with_cells(&mut self, cells: &[&str]) -> &mut Batch {
        let batch = self.pages.last_mut().expect("a layer has a page");
        assert_eq!(cells.len(), batch.columns, "one cell a column");
        for json in cells {
            let cell = cell(&mut batch.text, json);
            batch.cells.push(cell);
        }
        batch
    }

    /// Writes the layer to `path`. Returns what the writer says, and the files.
    pub(crate) fn write(&self, format: &dyn AnyFormat, path: &Path, overwrite: bool) -> Result<(Written, Vec<PathBuf>)> {
        let stage = Stage::open(Target { path: path.to_owned(), overwrite })?;
        let written = write_into(format, std::slice::from_ref(self), &stage, None)?;
        Ok((written, stage.commit()?))
    }
}

fn cell(text: &mut String, json: &str) -> Cell {
    match json.as_bytes() {
        b"null" => Cell::Null,
        b"true" => Cell::Bool(true),
        b"false" => Cell::Bool(false),
        b"NaN" => Cell::Real(f64::NAN),
        b"Infinity" => Cell::Real(f64::INFINITY),
        [b'"', inner @ .., b'"'] if inner.contains(&b'\\') => Cell::Escaped(append(text, &json[1..json.len() - 1])),
        [b'"', .., b'"'] => Cell::Text(append(text, &json[1..json.len() - 1])),
        [b'{' | b'[', ..] => Cell::Json(append(text, json)),
        _ => Cell::Number(append(text, json)),
    }
}

fn append(text: &mut String, piece: &str) -> Span {
    let start = text.len() as u32;
    text.push_str(piece);
    Span { start, len: piece.len() as u32 }
}

/// Writes layers into `path`, all or nothing.
pub(crate) fn write(format: &dyn AnyFormat, layers: &[Layer], path: &Path) -> Result<Written> {
    let stage = Stage::open(Target { path: path.to_owned(), overwrite: false })?;
    let written = write_into(format, layers, &stage, None)?;
    stage.commit()?;
    Ok(written)
}

/// Writes layers into a stage; `broken` is an error in place of the end of the last one.
pub(crate) fn write_into(format: &dyn AnyFormat, layers: &[Layer], stage: &Stage, broken: Option<Error>) -> Result<Written> {
    let last = layers.len().saturating_sub(1);
    let mut events = layers.iter().enumerate().flat_map(|(index, layer)| {
        let plan = Arc::new(layer.plan.clone());
        let encode = {
            let plan = Arc::clone(&plan);
            move |batch| format.encode_any(&plan, Rows { batch, geometry: &batch.geometry }).map(Event::Rows)
        };
        let pages = layer.pages.iter().map(encode);
        let end = broken.clone().filter(|_| index == last).map_or(Ok(Event::End), Err);
        std::iter::once(Ok(Event::Begin(plan))).chain(pages).chain([end])
    });
    format.write_any(stage, &mut events)
}

/// Runs a program of the system that judges our files; its output.
pub(crate) fn judge(program: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let run =
        std::process::Command::new(program).args(args).envs(env.iter().copied()).output().expect("the program is installed");
    let text = String::from_utf8(run.stdout).expect("UTF-8");
    assert!(run.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&run.stderr));
    text
}
