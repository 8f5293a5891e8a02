//! The `.dbf`: cells are spooled while rows come, and laid out when the width of every column is known.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use rayon::prelude::*;

use super::cells::{Cells, Facts, LONGEST_NUMBER};
use super::place::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::model::WritePlan;
use crate::model::plan::{Column, ColumnKind};
use crate::write::Stage;

/// The greatest number of columns. With texts of 254 bytes they fill a record of 64,771 bytes, so the format's
/// limit of 65,535 is never met.
pub(super) const MOST_FIELDS: usize = 255;

/// Decimals of a real column: at least what others declare, so that edits are not cut, and at most what leaves
/// room for a digit and the point.
const DECIMALS: std::ops::RangeInclusive<usize> = 15..=LONGEST_NUMBER - 2;

/// Writes the table.
pub(super) struct Writer<'s> {
    stage: &'s Stage,
    plan: Arc<WritePlan>,
    spool: BufWriter<File>,
    facts: Vec<Facts>,
    rows: u64,
    /// Rows and bytes of each page in the spool.
    pages: Vec<(usize, usize)>,
}

impl<'s> Writer<'s> {
    /// # Errors
    /// [`ErrorKind::Format`] for too many columns, and when the spool can't be made.
    pub(super) fn create(stage: &'s Stage, plan: Arc<WritePlan>) -> Result<Self> {
        if plan.columns.len() > MOST_FIELDS {
            return Err(Error::new(ErrorKind::Format, format!("a Shapefile can't hold {} fields", plan.columns.len()))
                .because(format!("a .dbf holds {MOST_FIELDS}"))
                .in_layer(&plan.layer)
                .hint("choose the fields with --fields"));
        }
        let spool = BufWriter::with_capacity(1 << 20, stage.scratch()?);
        let facts = vec![Facts::default(); plan.columns.len()];
        Ok(Self { stage, plan, spool, facts, rows: 0, pages: Vec::new() })
    }

    /// Number of rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The length of the file with the rows of a page more.
    pub(super) fn length_with(&self, cells: &Cells) -> u64 {
        let layout = layout(&self.plan, &self.joined(cells));
        let record = record(&layout) as u64;
        (self.rows + cells.rows as u64).saturating_mul(record).saturating_add(header(&layout) as u64 + 1)
    }

    /// Adds the rows of the next page, which fit.
    pub(super) fn append(&mut self, cells: &Cells) -> Result<()> {
        self.rows += cells.rows as u64;
        self.facts = self.joined(cells);
        self.pages.push((cells.rows, cells.bytes.len()));
        self.spool.write_all(&cells.bytes).map_err(|why| self.stage.write_error(&why))
    }

    fn joined(&self, cells: &Cells) -> Vec<Facts> {
        self.facts.iter().zip(&cells.facts).map(|(all, page)| all.join(*page)).collect()
    }

    /// Writes the file.
    pub(super) fn finish(self, place: &Place<'_>, warnings: &mut Vec<String>) -> Result<()> {
        let layout = layout(&self.plan, &self.facts);
        for slot in layout.iter().filter(|slot| slot.decimals == 0 && slot.is_number() && slot.width > 18) {
            let warning = format!(
                "column {} holds integers of {} characters, which GDAL reads exactly only with -oo ADJUST_TYPE=YES",
                slot.name, slot.width
            );
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        let numbered = self.plan.columns.is_empty();
        let (record, header) = (record(&layout), header(&layout));

        let stage = self.stage;
        let mut out = place.create("dbf")?;
        let write = || -> io::Result<()> {
            write_header(&mut out, &layout, self.rows, header, record)?;
            let mut spool = self.spool.into_inner()?;
            spool.seek(SeekFrom::Start(0))?;
            let mut row = 0;
            for group in self.pages.chunks(rayon::current_num_threads()) {
                let mut pages = Vec::with_capacity(group.len());
                for &(rows, bytes) in group {
                    let mut cells = vec![0; bytes];
                    spool.read_exact(&mut cells)?;
                    pages.push((row, rows, cells));
                    row += rows;
                }
                let lines = |(first, rows, cells): &(usize, usize, Vec<u8>)| lay_out(cells, *first, *rows, &layout, numbered);
                for lines in pages.par_iter().map(lines).collect::<Vec<_>>() {
                    out.write_all(&lines?)?;
                }
            }
            out.write_all(&[0x1A])?;
            out.flush()
        };
        write().map_err(|why| stage.write_error(&why))
    }
}

/// The columns. A layer without fields has its rows numbered: more than nine digits can count would pass the limit.
fn layout(plan: &WritePlan, facts: &[Facts]) -> Vec<Slot> {
    if plan.columns.is_empty() {
        return vec![Slot { name: "FID".to_owned(), code: b'N', width: 9, decimals: 0 }];
    }
    plan.columns.iter().zip(facts).map(|(column, facts)| Slot::of(column, facts)).collect()
}

/// Bytes of a record.
fn record(layout: &[Slot]) -> usize {
    1 + layout.iter().map(|slot| slot.width).sum::<usize>()
}

/// Bytes before the first record.
fn header(layout: &[Slot]) -> usize {
    32 + 32 * layout.len() + 1
}

/// A column as the `.dbf` declares it.
struct Slot {
    name: String,
    /// `N` or `C`.
    code: u8,
    width: usize,
    decimals: usize,
}

impl Slot {
    /// The narrowest type that holds all cells of the column, with room for edits.
    ///
    /// GDAL reads N without decimals as 32 bits below a width of 10 and as 64 bits below 19, so integers start
    /// with those widths and grow only where they must.
    fn of(column: &Column, facts: &Facts) -> Self {
        let text = |least: usize| (b'C', facts.widest.max(least), 0);
        let real = (b'N', LONGEST_NUMBER, facts.decimals.clamp(*DECIMALS.start(), *DECIMALS.end()));
        let (code, width, decimals) = match column.kind {
            ColumnKind::Text { .. } => text(1),
            ColumnKind::DateTime => text(24),
            _ if facts.words => text(1),
            ColumnKind::Single | ColumnKind::Double => real,
            // Doubles would blur the integers.
            ColumnKind::Integer { .. } if facts.fractions && facts.beyond_doubles => text(1),
            ColumnKind::Integer { .. } if facts.fractions => real,
            ColumnKind::Integer { bits: 16 } => (b'N', facts.widest.max(6), 0),
            ColumnKind::Integer { bits: 32 } => (b'N', facts.widest.max(9), 0),
            ColumnKind::Integer { .. } => (b'N', facts.widest.max(18), 0),
        };
        Self { name: column.name.clone(), code, width, decimals }
    }

    fn is_number(&self) -> bool {
        self.code == b'N'
    }
}

/// The header. Its date is fixed, so that the same rows give the same file on every day; 0 for the language
/// leaves the encoding to the `.cpg`.
fn write_header(out: &mut impl Write, layout: &[Slot], rows: u64, header: usize, record: usize) -> io::Result<()> {
    let mut start = [0; 32];
    start[..4].copy_from_slice(&[3, 70, 1, 1]);
    // Below the size limit and the most fields, so all of these fit.
    start[4..8].copy_from_slice(&(rows as u32).to_le_bytes());
    start[8..10].copy_from_slice(&(header as u16).to_le_bytes());
    start[10..12].copy_from_slice(&(record as u16).to_le_bytes());
    out.write_all(&start)?;
    for slot in layout {
        let mut field = [0; 32];
        // The last of the 11 bytes ends the name.
        for (place, byte) in field[..10].iter_mut().zip(slot.name.bytes()) {
            *place = byte;
        }
        field[11] = slot.code;
        field[16] = slot.width as u8;
        field[17] = slot.decimals as u8;
        out.write_all(&field)?;
    }
    out.write_all(b"\r")
}

/// The records of a page: numbers to the right, text to the left. `numbered`: without columns, their numbers from `first`
/// on.
fn lay_out(cells: &[u8], first: usize, rows: usize, layout: &[Slot], numbered: bool) -> io::Result<Vec<u8>> {
    let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "the temporary file was changed");
    let record = record(layout);
    let mut lines = vec![b' '; rows * record];
    let mut rest = cells;
    for (row, line) in lines.chunks_exact_mut(record).enumerate() {
        if numbered {
            write!(&mut line[1..], "{:>9}", first + row)?;
            continue;
        }
        let mut at = 1;
        for slot in layout {
            let (length, cell) = rest.split_first().ok_or_else(broken)?;
            let (cell, behind) = cell.split_at_checked(usize::from(*length)).ok_or_else(broken)?;
            let indent = if slot.is_number() { slot.width.saturating_sub(cell.len()) } else { 0 };
            line.get_mut(at + indent..at + indent + cell.len()).ok_or_else(broken)?.copy_from_slice(cell);
            at += slot.width;
            rest = behind;
        }
    }
    Ok(lines)
}
