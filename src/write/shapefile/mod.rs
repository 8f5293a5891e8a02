//! Shapefile: `.shp` and `.shx` (`shapes.rs`, `shp.rs`), `.dbf` (`cells.rs`, `dbf.rs`), `.prj`, `.cpg`, `.shp.xml`
//! (`metadata.rs`), and `.names.csv` where fields had to be renamed; in several parts where one file can't hold the layer
//! (`parts.rs`), and in one zip archive on request (`archive.rs`).
//!
//! Workers make record contents and attribute cells; the writer numbers the records and, since a `.dbf` needs
//! its column widths before its first row, spools the cells and writes the table at the end.
//!
//! Source: Esri, "ESRI Shapefile Technical Description" (1998), and how GDAL, pyshp and ArcGIS read the files.

use std::ffi::OsString;
use std::path::Path;

use super::{Encoded, Event, Format, Rows, Stage, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::{CrsRule, FormatInfo};
use crate::model::{GeometryKind, ShapeKind, WritePlan};
use crate::report::Losses;

mod archive;
mod cells;
mod dbf;
mod metadata;
mod parts;
mod place;
mod shapes;
mod shp;

use parts::Parts;
use shapes::ShapeType;

/// The Shapefile format. One layer a data set; a part of it for each kind of geometry.
#[derive(Debug, Clone, Copy)]
pub struct Shapefile {
    /// The greatest length of a `.shp` and a `.dbf` in bytes: what is longer goes on in a further part.
    pub largest_file: u64,
}

impl Default for Shapefile {
    fn default() -> Self {
        Self { largest_file: LARGEST_FILE }
    }
}

static INFO: FormatInfo = FormatInfo {
    name: "shapefile",
    title: "Shapefile",
    endings: &["shp", "zip"],
    kinds: FormatInfo::ALL_KINDS,
    tables: false,
    z: true,
    m: true,
    // Each in a part of its own.
    mixed_kinds: true,
    curves: false,
    many_layers: false,
    streams: false,
    time_zones: true,
    crs: CrsRule::Native,
    longest_field_name: Some(10),
    plain_field_names: true,
    ignores_case: true,
    most_fields: Some(dbf::MOST_FIELDS),
    longest_text: Some(cells::LONGEST as u32),
    limits: "several kinds and more than 2 GB go into parts; null text and empty text are the same, as are texts that differ only in blanks at the ends; dates are text",
};

/// No reader opens a larger file: offsets are 31 bits in most of them.
pub const LARGEST_FILE: u64 = i32::MAX as u64;

/// One page, in pieces by kind.
pub struct Chunk(Vec<Piece>);

/// Rows of one kind: shape records without their headers, and attribute cells.
struct Piece {
    /// Of the part that they go to; null for rows of a layer of several kinds that any part takes.
    kind: ShapeKind,
    shapes: shapes::Shapes,
    cells: cells::Cells,
}

impl Format for Shapefile {
    type Chunk = Chunk;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Chunk>> {
        let mut losses = Losses::default();
        let mut piece = |kind: ShapeKind, selected: &[usize]| {
            let shape_type = ShapeType { kind, z: plan.z, m: plan.m };
            let shapes = shapes::encode(plan, shape_type, rows, selected, &mut losses)?;
            Ok(Piece { kind, shapes, cells: cells::encode(plan, rows.batch, selected, &mut losses) })
        };
        let all: Vec<usize> = (0..rows.batch.rows()).collect();
        let pieces = if plan.geometry == Some(GeometryKind::Mixed) {
            let kinds = kinds_of_rows(&rows.geometry.kinds);
            let of_kind = |kind| all.iter().copied().filter(|row| kinds[*row] == kind).collect::<Vec<_>>();
            let selections = PARTS.map(|kind| (kind, of_kind(kind)));
            selections
                .iter()
                .filter(|(_, rows)| !rows.is_empty())
                .map(|(kind, rows)| piece(*kind, rows))
                .collect::<Result<_>>()?
        } else {
            vec![piece(ShapeType::of(plan)?.kind, &all)?]
        };
        Ok(Encoded { chunk: Chunk(pieces), rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Chunk>>>) -> Result<Written> {
        let has_ending = |wanted: &str| {
            let main = stage.main_file();
            main.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(wanted))
        };
        let zipped = has_ending("zip");
        if !zipped && !has_ending("shp") {
            let name = stage.file_name().display();
            return Err(Error::new(ErrorKind::Usage, format!("a Shapefile can't be named {name}"))
                .because("readers find it by the ending .shp, or in an archive with the ending .zip")
                .hint(format!("name it {}.shp", stage.stem().display())));
        }
        let scratch = if zipped { Some(stage.scratch_directory()?) } else { None };
        let main = stage.main_file();
        let directory = scratch.as_ref().map_or(main.parent().unwrap_or(Path::new("")), |scratch| scratch.path());
        let mut parts = None;
        let mut written = Written::default();
        for event in events {
            match event? {
                Event::Begin(plan) if parts.is_none() => {
                    parts = Some(Parts::new(stage, plan, self.largest_file, directory, stem_of(stage, zipped))?);
                }
                Event::Begin(plan) => return Err(parts::second_layer(&plan)),
                Event::Rows(page) => {
                    let Some(parts) = &mut parts else { return Err(out_of_order()) };
                    page.chunk.0.into_iter().try_for_each(|piece| parts.append(piece))?;
                    written.rows += page.rows as u64;
                    written.losses.append(page.losses);
                }
                Event::End => {}
            }
        }
        let (files, warnings) = parts.ok_or_else(out_of_order)?.finish()?;
        written.warnings = warnings;
        if zipped {
            archive::pack(&files, stage.create(&main)?).map_err(|why| stage.write_error(&why))?;
        }
        Ok(written)
    }
}

/// The kind whose part each row goes to. A row without geometry stands with the one before, the first ones with the one
/// behind.
fn kinds_of_rows(kinds: &[ShapeKind]) -> Vec<ShapeKind> {
    let mut last = kinds.iter().copied().find(|kind| *kind != ShapeKind::Null).unwrap_or(ShapeKind::Null);
    let kind_of_row = |kind: &ShapeKind| {
        last = if *kind == ShapeKind::Null { last } else { *kind };
        last
    };
    kinds.iter().map(kind_of_row).collect()
}

/// Kinds of geometry in the order of their parts; a page without any goes to the first part.
const PARTS: [ShapeKind; 5] = [ShapeKind::Point, ShapeKind::Multipoint, ShapeKind::Polyline, ShapeKind::Polygon, ShapeKind::Null];

/// The name that the files have in common: `roads` for `roads.shp`, `roads.zip` and `roads.shp.zip`.
fn stem_of(stage: &Stage, zipped: bool) -> OsString {
    let stem = Path::new(stage.stem());
    let inner = stem.extension().filter(|ending| zipped && ending.eq_ignore_ascii_case("shp")).and_then(|_| stem.file_stem());
    inner.unwrap_or(stage.stem()).to_owned()
}

fn out_of_order() -> Error {
    Error::new(ErrorKind::Internal, "a Shapefile was given no layer to write")
}

/// Refuses a shape that no file could hold.
fn check_size(ending: &'static str, bytes: u64) -> Result<()> {
    if bytes <= LARGEST_FILE { Ok(()) } else { Err(too_large(ending)) }
}

fn too_large(ending: &str) -> Error {
    Error::new(ErrorKind::Format, "the layer is too large for a Shapefile")
        .because(format!("its .{ending} would pass 2 GB within one page"))
        .hint("write GeoJSON or GeoPackage")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_gigabytes_is_the_limit() {
        assert!(check_size("shp", 2_147_483_647).is_ok());
        let error = check_size("dbf", 2_147_483_648).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert_eq!(error.why(), Some("its .dbf would pass 2 GB within one page"));
    }
}
