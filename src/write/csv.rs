//! CSV (RFC 4180): UTF-8, a header row, LF line ends; points as leading columns `x,y` (`z`, `m`), or geometries as WKT.
//!
//! A null is empty, an empty text is `""`.

use std::io::Write;

use super::number::{push_coordinate, push_xy_apart};
use super::{Encoded, Event, Format, Rows, Stage, Written, cell, feature_words, wkt};
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::{CrsRule, FormatInfo};
use crate::model::{GeometryKind, ShapeKind, WritePlan};
use crate::report::{LossKind, Losses};

/// The CSV format.
#[derive(Debug, Clone, Copy)]
pub struct Csv {
    /// How geometries are written.
    pub geometry: CsvGeometry,
    /// Stands between the columns: an ASCII character that is no quote and no line end.
    pub delimiter: u8,
    /// The file begins with a byte order mark, which makes Excel take it for UTF-8.
    pub bom: bool,
}

/// How a CSV file holds geometries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvGeometry {
    /// Points as columns `x`, `y` (`z`, `m`).
    Xy,
    /// All kinds as WKT in a column `wkt`.
    Wkt,
    /// Not at all.
    None,
}

impl Default for Csv {
    fn default() -> Self {
        Self { geometry: CsvGeometry::Xy, delimiter: b',', bom: false }
    }
}

static INFO: FormatInfo = FormatInfo {
    name: "csv",
    title: "CSV",
    endings: &["csv"],
    kinds: &[GeometryKind::Point],
    tables: true,
    z: true,
    m: true,
    mixed_kinds: false,
    curves: false,
    many_layers: false,
    streams: true,
    time_zones: true,
    crs: CrsRule::Native,
    longest_field_name: None,
    plain_field_names: false,
    ignores_case: false,
    most_fields: None,
    longest_text: None,
    limits: "points as x, y, other geometry with --geometry wkt or none; no types and no spatial reference",
};

static INFO_WKT: FormatInfo = FormatInfo { kinds: FormatInfo::ALL_KINDS, mixed_kinds: true, ..INFO };

impl Format for Csv {
    /// Lines of text.
    type Chunk = Vec<u8>;

    fn info(&self) -> &'static FormatInfo {
        if self.geometry == CsvGeometry::Xy { &INFO } else { &INFO_WKT }
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Vec<u8>>> {
        let count = rows.batch.rows();
        let mut out = Vec::with_capacity(rows.batch.text.len() + count * 16);
        let mut losses = Losses::default();
        for row in 0..count {
            let start = out.len();
            match self.geometry {
                _ if plan.geometry.is_none() => {}
                CsvGeometry::Xy => self.push_point(&mut out, plan, rows, row)?,
                CsvGeometry::Wkt => self.push_wkt(&mut out, plan, rows, row, &mut losses),
                CsvGeometry::None => {}
            }
            self.push_attributes(&mut out, plan, rows, row, &mut losses);
            // Each cell was written with a delimiter behind it; the last is the line's end.
            if out.len() > start {
                out.pop();
            }
            if out.len() == start {
                // The one null of a single column: readers skip an empty line, and the row would be gone.
                out.extend_from_slice(b"\"\"");
            }
            out.push(b'\n');
        }
        Ok(Encoded { chunk: out, rows: count, losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Vec<u8>>>>) -> Result<Written> {
        let mut file = stage.create(&stage.main_file())?;
        let mut written = Written::default();
        let mut begun = false;
        for event in events {
            let text = match event? {
                Event::Begin(plan) if begun => {
                    return Err(Error::new(ErrorKind::Format, "a CSV file can't hold a second layer").in_layer(&plan.layer));
                }
                Event::Begin(plan) => {
                    begun = true;
                    self.header(&plan, &mut written.losses)
                }
                Event::Rows(Encoded { chunk, rows, losses }) => {
                    written.rows += rows as u64;
                    written.losses.append(losses);
                    chunk
                }
                Event::End => continue,
            };
            file.write_all(&text).map_err(|why| stage.write_error(&why))?;
            stage.flush_stream(&mut file)?;
        }
        file.flush().map_err(|why| stage.write_error(&why))?;
        Ok(written)
    }
}

impl Csv {
    /// The header row. A coordinate column gives way to an attribute of its name: `x_1`.
    fn header(&self, plan: &WritePlan, losses: &mut Losses) -> Vec<u8> {
        let taken = |name: &str| plan.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let columns: &[(&str, bool)] = match self.geometry {
            _ if plan.geometry.is_none() => &[],
            CsvGeometry::Xy => &[("x", true), ("y", true), ("z", plan.z), ("m", plan.m)],
            CsvGeometry::Wkt => &[("wkt", true)],
            CsvGeometry::None => &[],
        };
        let mut out = if self.bom { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
        for (name, _) in columns.iter().filter(|(_, written)| *written) {
            let numbered = |n: usize| if n == 0 { (*name).to_owned() } else { format!("{name}_{n}") };
            let unique = (0..).map(numbered).find(|name| !taken(name)).unwrap_or_default();
            self.push_text(&mut out, &unique);
            if unique != *name {
                losses.add_many(LossKind::Renamed, Some(&format!("geometry column {name}")), 1, Some(unique), || None);
            }
            out.push(self.delimiter);
        }
        for column in &plan.columns {
            self.push_text(&mut out, &column.name);
            out.push(self.delimiter);
        }
        out.pop();
        out.push(b'\n');
        out
    }

    /// The ordinates of a point, each with a comma behind it; all empty where the row has no geometry.
    fn push_point(&self, out: &mut Vec<u8>, plan: &WritePlan, rows: Rows<'_>, row: usize) -> Result<()> {
        let shape = rows.geometry.shape(row);
        let part = match shape.kind {
            ShapeKind::Null => None,
            ShapeKind::Point => shape.parts().next().filter(|part| !part.xy.is_empty()),
            ShapeKind::Multipoint | ShapeKind::Polyline | ShapeKind::Polygon => {
                return Err(Error::new(ErrorKind::Format, "a CSV file can't hold this geometry: it holds points only")
                    .in_layer(&plan.layer)
                    .of_feature(feature_words(plan, rows.batch, row))
                    .hint("write WKT: --geometry wkt; or choose another format, such as GeoJSON"));
            }
        };
        match part {
            None => out.push(self.delimiter),
            Some(part) => {
                push_xy_apart(out, rows.batch, &part, 0, plan.decimals, self.delimiter);
            }
        }
        out.push(self.delimiter);
        for (written, values) in [(plan.z, part.map(|part| part.z)), (plan.m, part.map(|part| part.m))] {
            if written {
                if let Some(value) = values.and_then(|values| values.first()).filter(|value| value.is_finite()) {
                    push_coordinate(out, *value, None);
                }
                out.push(self.delimiter);
            }
        }
        Ok(())
    }

    /// The geometry as WKT, with a delimiter behind it; empty for null.
    fn push_wkt(&self, out: &mut Vec<u8>, plan: &WritePlan, rows: Rows<'_>, row: usize, losses: &mut Losses) {
        let start = out.len();
        out.push(b'"');
        if wkt::push(out, plan, rows.batch, rows.geometry.shape(row)) {
            losses.add(LossKind::OrdinateFilled, None, || Some(feature_words(plan, rows.batch, row)));
        }
        // There is nothing in it that would have to be doubled.
        if memchr::memchr(self.delimiter, &out[start..]).is_some() {
            out.push(b'"');
        } else {
            out.remove(start);
        }
        out.push(self.delimiter);
    }

    /// The attributes of a row, each with a comma behind it.
    fn push_attributes(&self, out: &mut Vec<u8>, plan: &WritePlan, rows: Rows<'_>, row: usize, losses: &mut Losses) {
        for column in &plan.columns {
            let value = rows.batch.value(row, column.from);
            let lost = match cell::text(plan, column, &value) {
                Some(text) => (self.push_text(out, &text) > 0).then_some(LossKind::CharactersReplaced),
                None => (!value.is_null()).then_some(LossKind::ValueDropped),
            };
            if let Some(kind) = lost {
                losses.add(kind, Some(&column.field.name), || Some(feature_words(plan, rows.batch, row)));
            }
            out.push(self.delimiter);
        }
    }

    /// Appends a text, quoted where it must be. NUL is left out, since readers take it for the end; returns how many.
    fn push_text(&self, out: &mut Vec<u8>, text: &str) -> usize {
        let bytes = text.as_bytes();
        if !bytes.is_empty() && !bytes.iter().any(|byte| *byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r' | 0)) {
            out.extend_from_slice(bytes);
            return 0;
        }
        let mut left_out = 0;
        out.push(b'"');
        for byte in bytes {
            match byte {
                0 => left_out += 1,
                b'"' => out.extend_from_slice(b"\"\""),
                byte => out.push(*byte),
            }
        }
        out.push(b'"');
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::Csv;

    #[test]
    fn text_is_quoted_where_it_must_be() {
        let text = |text: &str| {
            let mut out = Vec::new();
            let left_out = Csv::default().push_text(&mut out, text);
            (String::from_utf8(out).unwrap(), left_out)
        };
        assert_eq!(text("plain é 漢"), ("plain é 漢".to_owned(), 0));
        assert_eq!(text("a,b"), ("\"a,b\"".to_owned(), 0));
        assert_eq!(text("say \"hi\""), ("\"say \"\"hi\"\"\"".to_owned(), 0));
        assert_eq!(text("two\r\nlines"), ("\"two\r\nlines\"".to_owned(), 0));
        assert_eq!(text(""), ("\"\"".to_owned(), 0));
        assert_eq!(text("a\0"), ("\"a\"".to_owned(), 1));
    }
}
