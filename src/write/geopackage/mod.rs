//! GeoPackage 1.3 (OGC 12-128r17) through SQLite: any number of layers and tables in one file.
//!
//! The row id is the object id. Domains and aliases stand in the schema extension, spatial references with WKT 1 and
//! WKT 2. The spatial index is packed in bulk from the boxes of all rows (`rtree.rs`). A file that is in the stage
//! already gets the layer added to what it holds.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement};

use super::hilbert::Boxed;
use super::tables::taken_words;
use super::typed::{self, Datum, TypedRows};
use super::{Encoded, Event, Format, Rows, Stage, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::{CrsRule, FormatInfo};
use crate::model::{WritePlan, time};
use crate::report::{LossKind, Losses};

mod relations;
mod rtree;
mod schema;
mod srs;

/// The GeoPackage format.
pub struct GeoPackage;

static INFO: FormatInfo = FormatInfo {
    name: "geopackage",
    title: "GeoPackage",
    endings: &["gpkg"],
    kinds: FormatInfo::ALL_KINDS,
    tables: true,
    z: true,
    m: true,
    mixed_kinds: true,
    curves: true,
    many_layers: true,
    streams: false,
    time_zones: false,
    crs: CrsRule::Native,
    longest_field_name: None,
    plain_field_names: false,
    ignores_case: true,
    // SQLite's own limit, less the row id and the geometry.
    most_fields: Some(1998),
    longest_text: None,
    limits: "a value that is none of its field's type is left null",
};

impl Format for GeoPackage {
    /// Typed cells, and geometries as GeoPackage blobs.
    type Chunk = TypedRows;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<TypedRows>> {
        let mut losses = Losses::default();
        let chunk = typed::encode(plan, rows, typed::kinds(plan), &mut losses, push_blob_header);
        Ok(Encoded { chunk, rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<TypedRows>>>) -> Result<Written> {
        let failed = |why: rusqlite::Error| sqlite_error(stage, why);
        let mut file = open(stage)?;
        let mut written = Written::default();
        while let Some(event) = events.next() {
            if let Event::Begin(plan) = event? {
                // Dropped without commit, the layer is taken back; others in the file stay.
                let layer = file.transaction().map_err(failed)?;
                write_layer(&layer, &plan, events, stage, &mut written)?;
                layer.commit().map_err(failed)?;
            }
        }
        file.close().map_err(|(_, why)| failed(why))?;
        Ok(written)
    }

    fn relate(&self, stage: &Stage, layers: &[(&WritePlan, &str)]) -> Result<Vec<String>> {
        if layers.iter().all(|(plan, _)| plan.relations.is_none()) {
            return Ok(Vec::new());
        }
        let failed = |why: rusqlite::Error| sqlite_error(stage, why);
        let mut file = open(stage)?;
        let all = file.transaction().map_err(failed)?;
        let notes = relations::create(&all, layers).map_err(failed)?;
        all.commit().map_err(failed)?;
        file.close().map_err(|(_, why)| failed(why))?;
        Ok(notes)
    }
}

/// The header of a geometry blob: little-endian, with the box where it is not a point. The id of the spatial
/// reference is the file's matter and is set by the writer.
fn push_blob_header(out: &mut Vec<u8>, bounds: &[f64; 4], point: bool) {
    let with_box = 0b0000_0010;
    out.extend_from_slice(&[b'G', b'P', 0, if point { 1 } else { 1 | with_box }]);
    out.extend_from_slice(&[0; 4]);
    if !point {
        let [min_x, min_y, max_x, max_y] = bounds;
        [min_x, max_x, min_y, max_y].iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    }
}

/// Where the id of the spatial reference stands in a blob.
const SRS_ID_IN_BLOB: std::ops::Range<usize> = 4..8;

/// Opens the staged file, or makes it with the tables that every GeoPackage has.
fn open(stage: &Stage) -> Result<Connection> {
    let failed = |why| sqlite_error(stage, why);
    let path = stage.main_file();
    let new = !path.exists();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags).map_err(failed)?;
    if !new {
        let id: i64 = file.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(failed)?;
        if id != schema::APPLICATION_ID {
            let why = std::io::Error::other("the file is no GeoPackage");
            return Err(stage.write_error(&why).hint("choose another name for the output"));
        }
    }
    // The stage is nobody else's, and a crash leaves no output: no need to wait for the disk. The journal in memory
    // takes a layer back that fails.
    file.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;")
        .map_err(failed)?;
    schema::create(&file, new).map_err(failed)?;
    Ok(file)
}

fn sqlite_error(stage: &Stage, why: rusqlite::Error) -> Error {
    stage.write_error(&std::io::Error::other(why))
}

/// Writes one layer or table, up to its end among the events.
fn write_layer(
    file: &Connection,
    plan: &WritePlan,
    events: &mut dyn Iterator<Item = Result<Event<TypedRows>>>,
    stage: &Stage,
    written: &mut Written,
) -> Result<()> {
    let failed = |why: rusqlite::Error| sqlite_error(stage, why).in_layer(&plan.layer);
    let srs_id = match plan.geometry {
        Some(_) => Some(srs::id_of(file, plan.crs.as_ref()).map_err(failed)?),
        None => None,
    };
    let table = schema::Table::create(file, plan, srs_id).map_err(failed)?;
    let mut insert = Insert {
        file,
        statement: file.prepare(&table.insert_sql(plan)).map_err(failed)?,
        id_column: table.id_column,
        blob_srs_id: srs_id.map(|id| (id as i32).to_le_bytes()),
        plan,
        blob: Vec::new(),
    };
    let disk = |why: std::io::Error| stage.write_error(&why);
    let (mut boxes, mut waiting) = (Boxed::new(stage.scratch()?), TypedRows::default());
    for event in events {
        match event? {
            Event::Begin(_) => return Err(Error::new(ErrorKind::Internal, "a layer begins inside another")),
            Event::Rows(Encoded { chunk, rows, mut losses }) => {
                for (cells, shape) in chunk.rows() {
                    let id = match insert.row(&chunk, cells, shape).map_err(failed)? {
                        None if waiting.keep(&chunk, cells, shape) => continue,
                        None => insert.row_anew(&chunk, cells, shape, &mut losses).map_err(failed)?,
                        Some(id) => id,
                    };
                    if let Some(shape) = shape {
                        boxes.push(&shape.bounds, &id.to_le_bytes()).map_err(disk)?;
                    }
                }
                written.rows += rows as u64;
                written.losses.append(losses);
            }
            Event::End => break,
        }
    }
    for (cells, shape) in waiting.rows() {
        let id = insert.row_anew(&waiting, cells, shape, &mut written.losses).map_err(failed)?;
        if let Some(shape) = shape {
            boxes.push(&shape.bounds, &id.to_le_bytes()).map_err(disk)?;
        }
    }
    drop(insert);
    table.finish(file, stage, boxes).map_err(|error| error.in_layer(&plan.layer))?;
    written.warnings.extend(taken_words(&plan.layer, &table.name));
    written.table = Some(table.name);
    Ok(())
}

/// The statement that adds a row.
struct Insert<'a> {
    file: &'a Connection,
    statement: Statement<'a>,
    /// Among the plan's columns, where the row id is one of them.
    id_column: Option<usize>,
    blob_srs_id: Option<[u8; 4]>,
    plan: &'a WritePlan,
    blob: Vec<u8>,
}

impl Insert<'_> {
    /// Adds a row; its id, or none where that is null or a row before has it.
    fn row(&mut self, page: &TypedRows, cells: &[Datum], shape: Option<&typed::TypedShape>) -> rusqlite::Result<Option<i64>> {
        if self.id_column.is_some_and(|at| cells[at] == Datum::Null) {
            return Ok(None);
        }
        self.bind_row(page, cells, shape)?;
        Ok((self.statement.raw_execute()? > 0).then(|| self.file.last_insert_rowid()))
    }

    /// Adds a row with the next id.
    fn row_anew(
        &mut self,
        page: &TypedRows,
        cells: &[Datum],
        shape: Option<&typed::TypedShape>,
        losses: &mut Losses,
    ) -> rusqlite::Result<i64> {
        self.bind_row(page, cells, shape)?;
        self.statement.raw_bind_parameter(1, rusqlite::types::Null)?;
        self.statement.raw_execute()?;
        if let Some((at, Datum::Integer(id))) = self.id_column.map(|at| (at, &cells[at])) {
            let field = &self.plan.columns[at].field.name;
            losses.add_many(LossKind::ValueDropped, Some(field), 1, Some(typed::OTHER_ID.to_owned()), || {
                Some(format!("object id {id}"))
            });
        }
        Ok(self.file.last_insert_rowid())
    }

    /// Parameter 1 is the id, 2 the geometry of a layer, then come the other columns.
    fn bind_row(&mut self, page: &TypedRows, cells: &[Datum], shape: Option<&typed::TypedShape>) -> rusqlite::Result<()> {
        self.statement.raw_bind_parameter(1, rusqlite::types::Null)?;
        let mut parameter = 2;
        if let Some(srs_id) = self.blob_srs_id {
            match shape {
                Some(shape) => {
                    self.blob.clear();
                    self.blob.extend_from_slice(&page.bytes[shape.wkb.clone()]);
                    self.blob[SRS_ID_IN_BLOB].copy_from_slice(&srs_id);
                    self.statement.raw_bind_parameter(parameter, ToSqlOutput::Borrowed(ValueRef::Blob(&self.blob)))?;
                }
                None => self.statement.raw_bind_parameter(parameter, rusqlite::types::Null)?,
            }
            parameter += 1;
        }
        for (at, cell) in cells.iter().enumerate() {
            if self.id_column == Some(at) {
                self.bind(1, page, cell, at)?;
            } else {
                self.bind(parameter, page, cell, at)?;
                parameter += 1;
            }
        }
        Ok(())
    }

    fn bind(&mut self, parameter: usize, page: &TypedRows, cell: &Datum, column: usize) -> rusqlite::Result<()> {
        let bound = |value| ToSqlOutput::Borrowed(value);
        match cell {
            Datum::Null => self.statement.raw_bind_parameter(parameter, rusqlite::types::Null),
            Datum::Integer(integer) => self.statement.raw_bind_parameter(parameter, integer),
            Datum::Real(real) => self.statement.raw_bind_parameter(parameter, real),
            Datum::Millis(millis) => {
                let utc = typed::is_utc(self.plan, &self.plan.columns[column]);
                self.statement.raw_bind_parameter(parameter, moment(*millis, utc))
            }
            Datum::Days(days) => self.statement.raw_bind_parameter(parameter, typed::date(*days).map(|date| date.to_string())),
            Datum::Text(range) => self.statement.raw_bind_parameter(parameter, bound(ValueRef::Text(&page.bytes[range.clone()]))),
            Datum::Binary(range) => {
                self.statement.raw_bind_parameter(parameter, bound(ValueRef::Blob(&page.bytes[range.clone()])))
            }
        }
    }
}

/// A moment as the standard wants it, to the millisecond; without `Z` where the zone is unknown.
fn moment(millis: i64, utc: bool) -> Option<String> {
    let at = time::civil(millis)?;
    let mut text = match time::stamp(at) {
        Some(stamp) => String::from_utf8(stamp.to_vec()).ok()?,
        None => at.to_string(),
    };
    if utc {
        text.push('Z');
    }
    Some(text)
}

/// A name as SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
