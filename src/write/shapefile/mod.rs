//! Shapefile: `.shp` and `.shx` (`shapes.rs`, `shp.rs`), `.dbf` (`cells.rs`, `dbf.rs`), `.prj`, `.cpg`, and `.names.csv` where
//! fields had to be renamed.
//!
//! Workers make record contents and attribute cells; the writer numbers the records and, since a `.dbf` needs
//! its column widths before its first row, spools the cells and writes the table at the end.
//!
//! Source: Esri, "ESRI Shapefile Technical Description" (1998), and how GDAL, pyshp and ArcGIS read the files.

use std::io::Write;
use std::sync::Arc;

use super::{Encoded, Event, Format, Rows, Stage, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::model::WritePlan;
use crate::model::plan::{CrsRule, FormatInfo};
use crate::report::Losses;

mod cells;
mod dbf;
mod shapes;
mod shp;

/// The Shapefile format. One layer a data set, one kind of geometry.
pub struct Shapefile;

static INFO: FormatInfo = FormatInfo {
    name: "shapefile",
    title: "Shapefile",
    endings: &["shp"],
    kinds: FormatInfo::ALL_KINDS,
    tables: false,
    z: true,
    m: true,
    mixed_kinds: false,
    many_layers: false,
    streams: false,
    crs: CrsRule::Native,
    longest_field_name: Some(10),
    plain_field_names: true,
    ignores_case: true,
    most_fields: Some(dbf::MOST_FIELDS),
    longest_text: Some(cells::LONGEST as u32),
    limits: "2 GB a file; null text and empty text are the same, as are texts that differ only in blanks at the ends; dates are text",
};

/// No reader opens a larger file: offsets are 31 bits in most of them.
const LARGEST_FILE: u64 = i32::MAX as u64;

/// One page: shape records without their headers, and attribute cells.
pub struct Chunk {
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
        let shapes = shapes::encode(plan, rows, &mut losses)?;
        let cells = cells::encode(plan, rows.batch, &mut losses);
        Ok(Encoded { chunk: Chunk { shapes, cells }, rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Chunk>>>) -> Result<Written> {
        if !stage.main_file().extension().is_some_and(|ending| ending.eq_ignore_ascii_case("shp")) {
            let name = stage.file_name().display();
            return Err(Error::new(ErrorKind::Usage, format!("a Shapefile can't be named {name}"))
                .because("readers find it by the ending .shp")
                .hint(format!("name it {}.shp", stage.stem().display())));
        }
        let mut open = None;
        let mut written = Written::default();
        for event in events {
            match event? {
                Event::Begin(plan) if open.is_none() => open = Some(DataSet::create(stage, plan, &mut written.warnings)?),
                Event::Begin(plan) => {
                    return Err(Error::new(ErrorKind::Format, "a Shapefile holds one layer")
                        .in_layer(&plan.layer)
                        .hint("write each layer to a file of its own"));
                }
                Event::Rows(page) => {
                    let Some(data_set) = &mut open else { return Err(out_of_order()) };
                    data_set.shapes.append(&page.chunk.shapes)?;
                    data_set.table.append(&page.chunk.cells)?;
                    written.rows += page.rows as u64;
                    written.losses.append(page.losses);
                }
                Event::End => {}
            }
        }
        let DataSet { shapes, table } = open.ok_or_else(out_of_order)?;
        shapes.finish()?;
        table.finish(&mut written.warnings)?;
        Ok(written)
    }
}

/// The files of a data set that grow with its rows.
struct DataSet<'s> {
    shapes: shp::Writer<'s>,
    table: dbf::Writer<'s>,
}

impl<'s> DataSet<'s> {
    fn create(stage: &'s Stage, plan: Arc<WritePlan>, warnings: &mut Vec<String>) -> Result<Self> {
        let shapes = shp::Writer::create(stage, shapes::ShapeType::of(&plan)?)?;
        match plan.crs.as_ref().map(|crs| (crs, &crs.esri_wkt)) {
            Some((_, Some(wkt))) => match plan.vertical.as_ref().map(|vertical| (vertical, &vertical.esri_wkt)) {
                // ArcGIS sets the vertical system behind the horizontal one, and GDAL reads that.
                Some((_, Some(vertical))) => write_whole(stage, "prj", &format!("{wkt},{vertical}"))?,
                Some((vertical, None)) => {
                    warnings.push(format!("the .prj does not say what z are measured from: {vertical}"));
                    write_whole(stage, "prj", wkt)?;
                }
                None => write_whole(stage, "prj", wkt)?,
            },
            Some((crs, None)) => warnings.push(format!("no .prj was written: {crs} has no WKT in Esri's dialect")),
            None => warnings.push("no .prj was written: the spatial reference is unknown".to_owned()),
        }
        write_whole(stage, "cpg", "UTF-8")?;
        if plan.columns.iter().any(|column| column.name != column.field.name) {
            write_whole(stage, "names.csv", &names_csv(&plan))?;
        }
        Ok(Self { shapes, table: dbf::Writer::create(stage, plan)? })
    }
}

fn write_whole(stage: &Stage, ending: &str, text: &str) -> Result<()> {
    let mut file = stage.create(&stage.with_ending(ending))?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(|why| stage.write_error(&why))
}

/// Which column each field became.
fn names_csv(plan: &WritePlan) -> String {
    let mut csv = "field,column\n".to_owned();
    for column in &plan.columns {
        let field = &column.field.name;
        if field.contains([',', '"', '\n', '\r']) {
            csv.push_str(&format!("\"{}\"", field.replace('"', "\"\"")));
        } else {
            csv.push_str(field);
        }
        csv.push_str(&format!(",{}\n", column.name));
    }
    csv
}

fn out_of_order() -> Error {
    Error::new(ErrorKind::Internal, "a Shapefile was given no layer to write")
}

/// Refuses a file that would pass the format's size limit.
fn check_size(ending: &str, bytes: u64) -> Result<()> {
    if bytes <= LARGEST_FILE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Format, "the layer is too large for a Shapefile")
        .because(format!("its .{ending} would pass 2 GB"))
        .hint("write GeoJSON, or split the layer with --where"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_gigabytes_is_the_limit() {
        assert!(check_size("shp", 2_147_483_647).is_ok());
        let error = check_size("dbf", 2_147_483_648).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert_eq!(error.why(), Some("its .dbf would pass 2 GB"));
        assert!(error.hint_text().unwrap().contains("--where"));
    }
}
