//! GeoJSON (RFC 7946): one `FeatureCollection`, one feature a line.
//!
//! Exterior rings are counter-clockwise and holes clockwise, so every canonical ring is written backwards. The
//! number texts of the source are copied where nothing was computed.

use std::io::Write;

use super::number::{push_coordinate, push_xy};
use super::{Encoded, Event, Format, Rows, Stage, Written, feature_words};
use crate::error::Result;
use crate::model::geometry::Part;
use crate::model::plan::{Column, ColumnKind, CrsRule, FormatInfo};
use crate::model::{Batch, Cell, Crs, Shape, ShapeKind, Value, WritePlan};
use crate::report::{LossKind, Losses};

/// GeoJSON.
pub struct GeoJson;

static INFO: FormatInfo = FormatInfo::GEOJSON;

impl Format for GeoJson {
    /// Features separated by `,\n`, nothing before the first or after the last.
    type Chunk = Vec<u8>;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Vec<u8>>> {
        let mut encoded = encode(plan, rows, b"", b",\n");
        encoded.chunk.truncate(encoded.chunk.len().saturating_sub(2));
        Ok(encoded)
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Vec<u8>>>>) -> Result<Written> {
        let failed = |why: std::io::Error| stage.write_error(&why);
        let mut file = stage.create(&stage.main_file())?;
        let mut written = Written::default();
        for event in events {
            match event? {
                Event::Begin(plan) => {
                    written.warnings.extend(unsaid(&plan).filter(|_| plan.crs.as_ref().and_then(Crs::urn).is_none()));
                    file.write_all(opening(&plan).as_bytes()).map_err(failed)?;
                }
                Event::Rows(encoded) => {
                    if encoded.rows > 0 {
                        file.write_all(if written.rows > 0 { b",\n" } else { b"\n" }).map_err(failed)?;
                        file.write_all(&encoded.chunk).map_err(failed)?;
                    }
                    stage.flush_stream(&mut file)?;
                    written.rows += encoded.rows as u64;
                    written.losses.append(encoded.losses);
                }
                Event::End => file.write_all(b"\n]}\n").map_err(failed)?,
            }
        }
        file.flush().map_err(failed)?;
        Ok(written)
    }
}

/// GeoJSON text sequences: a feature a line (newline-delimited GeoJSON), or RFC 8142.
#[derive(Debug, Clone, Copy, Default)]
pub struct GeoJsonSeq {
    /// A record separator (0x1E) stands before each feature, as RFC 8142 wants it.
    pub record_separators: bool,
}

static SEQUENCE: FormatInfo = FormatInfo {
    name: "geojsonseq",
    title: "GeoJSON text sequence",
    endings: &["geojsonl", "ndjson", "geojsons"],
    limits: "it holds no m values, no field types, no spatial reference and no layer name",
    crs: CrsRule::Wgs84Default,
    ..INFO
};

const RECORD_SEPARATOR: u8 = 0x1E;

impl Format for GeoJsonSeq {
    /// Features, each with a line feed behind it.
    type Chunk = Vec<u8>;

    fn info(&self) -> &'static FormatInfo {
        &SEQUENCE
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Vec<u8>>> {
        let start: &[u8] = if self.record_separators { &[RECORD_SEPARATOR] } else { &[] };
        Ok(encode(plan, rows, start, b"\n"))
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Vec<u8>>>>) -> Result<Written> {
        let mut file = stage.create(&stage.main_file())?;
        let mut written = Written::default();
        for event in events {
            match event? {
                Event::Begin(plan) => written.warnings.extend(unsaid(&plan)),
                Event::Rows(encoded) => {
                    file.write_all(&encoded.chunk).map_err(|why| stage.write_error(&why))?;
                    stage.flush_stream(&mut file)?;
                    written.rows += encoded.rows as u64;
                    written.losses.append(encoded.losses);
                }
                Event::End => {}
            }
        }
        file.flush().map_err(|why| stage.write_error(&why))?;
        Ok(written)
    }
}

/// What to say where nothing in the file names the spatial reference of its coordinates, which is not that of GeoJSON.
fn unsaid(plan: &WritePlan) -> Option<String> {
    let crs = plan.crs.as_ref().filter(|crs| !crs.is_wgs84())?;
    Some(format!("the file can't say that its coordinates are in {crs}: readers take them for WGS 84"))
}

/// The features of a page, with these texts before and behind each.
fn encode(plan: &WritePlan, rows: Rows<'_>, start: &[u8], end: &[u8]) -> Encoded<Vec<u8>> {
    let batch = rows.batch;
    let keys: Vec<Vec<u8>> = plan.columns.iter().enumerate().map(|(at, column)| key_text(at, &column.name)).collect();
    let mut encoder =
        Encoder { plan, batch, out: Vec::with_capacity(batch.text.len() + batch.text.len() / 4), losses: Losses::default() };
    for row in 0..batch.rows() {
        encoder.out.extend_from_slice(start);
        encoder.feature(&keys, rows.geometry.shape(row), row);
        encoder.out.extend_from_slice(end);
    }
    Encoded { chunk: encoder.out, rows: batch.rows(), losses: encoder.losses }
}

/// Everything up to the first feature. The `crs` member is of the older GeoJSON of 2008: RFC 7946 knows only
/// WGS 84, so any other system must be said where readers of both look for it.
fn opening(plan: &WritePlan) -> String {
    let mut text = r#"{"type":"FeatureCollection","name":"#.to_owned();
    text.push_str(&quoted(&plan.layer));
    if let (false, Some(urn)) = (plan.rfc7946, plan.crs.as_ref().and_then(|crs| crs.urn())) {
        text.push_str(&format!(r#","crs":{{"type":"name","properties":{{"name":{}}}}}"#, quoted(&urn)));
    }
    text.push_str(r#","features":["#);
    text
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `"name":` with a comma before all but the first.
fn key_text(at: usize, name: &str) -> Vec<u8> {
    let comma = if at == 0 { "" } else { "," };
    format!("{comma}{}:", quoted(name)).into_bytes()
}

struct Encoder<'a> {
    plan: &'a WritePlan,
    batch: &'a Batch,
    out: Vec<u8>,
    losses: Losses,
}

impl Encoder<'_> {
    fn feature(&mut self, keys: &[Vec<u8>], shape: Shape<'_>, row: usize) {
        self.out.extend_from_slice(br#"{"type":"Feature""#);
        if let Some(column) = self.plan.object_id {
            match self.batch.value(row, column) {
                Value::Number(text) => self.extend(&[r#","id":"#, text]),
                Value::Integer(id) => self.extend(&[r#","id":"#, itoa::Buffer::new().format(id)]),
                Value::Text(text) => self.extend(&[r#","id":"#, &quoted(&text)]),
                _ => {}
            }
        }
        self.out.extend_from_slice(br#","geometry":"#);
        self.geometry(shape);
        self.out.extend_from_slice(br#","properties":{"#);
        for (column, key) in self.plan.columns.iter().zip(keys) {
            self.out.extend_from_slice(key);
            self.value(column, row);
        }
        self.out.extend_from_slice(b"}}");
    }

    fn extend(&mut self, texts: &[&str]) {
        texts.iter().for_each(|text| self.out.extend_from_slice(text.as_bytes()));
    }

    fn lose(&mut self, kind: LossKind, field: Option<&str>, row: usize) {
        let (plan, batch) = (self.plan, self.batch);
        self.losses.add(kind, field, || Some(feature_words(plan, batch, row)));
    }

    fn value(&mut self, column: &Column, row: usize) {
        let cell = self.batch.cells[row * self.batch.columns + column.from];
        match cell {
            Cell::Null => self.out.extend_from_slice(b"null"),
            Cell::Bool(value) => self.extend(&[if value { "true" } else { "false" }]),
            Cell::Number(_) | Cell::Integer(_) if column.kind == ColumnKind::DateTime => self.date(column, row),
            Cell::Number(span) => self.extend(&[self.batch.slice(span)]),
            Cell::Json(span) => self.nested(self.batch.slice(span), column, row),
            Cell::Text(span) => self.extend(&["\"", self.batch.slice(span), "\""]),
            Cell::Escaped(_) => {
                let text = self.batch.value(row, column.from).to_text().map(|text| quoted(&text));
                self.extend(&[text.as_deref().unwrap_or("null")]);
            }
            Cell::Integer(value) => self.extend(&[itoa::Buffer::new().format(value)]),
            Cell::Real(value) if value.is_finite() => self.extend(&[zmij::Buffer::new().format_finite(value)]),
            Cell::Real(_) => {
                self.out.extend_from_slice(b"null");
                self.lose(LossKind::ValueDropped, Some(&column.field.name), row);
            }
        }
    }

    /// An object or array; one that is no JSON inside its brackets (a nested NaN) is kept as text.
    fn nested(&mut self, text: &str, column: &Column, row: usize) {
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
            self.extend(&[text]);
        } else {
            self.extend(&[&quoted(text)]);
            self.lose(LossKind::TypeWidened, Some(&column.field.name), row);
        }
    }

    /// A date that has no ISO text (a fraction, or beyond year 9999) stays the number that it is.
    fn date(&mut self, column: &Column, row: usize) {
        let value = self.batch.value(row, column.from);
        let start = self.out.len();
        self.out.push(b'"');
        if value.as_i64().is_some_and(|ms| self.plan.push_iso(&mut self.out, &column.field, ms)) {
            self.out.push(b'"');
        } else {
            self.out.truncate(start);
            self.extend(&[value.to_text().as_deref().unwrap_or("null")]);
            self.lose(LossKind::TypeWidened, Some(&column.field.name), row);
        }
    }

    fn geometry(&mut self, shape: Shape<'_>) {
        let z = self.plan.z && !shape.z().is_empty();
        let single = shape.part_count() == 1 && !self.plan.promote_multi;
        match shape.kind {
            ShapeKind::Null => self.out.extend_from_slice(b"null"),
            ShapeKind::Point => {
                self.open("Point");
                shape.parts().for_each(|part| self.vertex(part, 0, z));
                self.out.push(b'}');
            }
            ShapeKind::Multipoint => {
                self.open("MultiPoint");
                shape.parts().for_each(|part| self.vertices(part, z));
                self.out.push(b'}');
            }
            ShapeKind::Polyline if single => {
                self.open("LineString");
                shape.parts().for_each(|part| self.vertices(part, z));
                self.out.push(b'}');
            }
            ShapeKind::Polyline => {
                self.open("MultiLineString");
                self.list(shape.parts(), |encoder, part| encoder.vertices(part, z));
                self.out.push(b'}');
            }
            ShapeKind::Polygon => self.polygons(shape, z),
        }
    }

    fn open(&mut self, kind: &str) {
        self.extend(&[r#"{"type":""#, kind, r#"","coordinates":"#]);
    }

    fn polygons(&mut self, shape: Shape<'_>, z: bool) {
        let mut parts = shape.parts();
        let single = shape.polygon_sizes().nth(1).is_none() && !self.plan.promote_multi;
        self.open(if single { "Polygon" } else { "MultiPolygon" });
        if single {
            self.list(parts, |encoder, ring| encoder.ring(ring, z));
        } else {
            self.list(shape.polygon_sizes(), |encoder, size| {
                encoder.list(parts.by_ref().take(size), |encoder, ring| encoder.ring(ring, z))
            });
        }
        self.out.push(b'}');
    }

    /// `[a,b,c]`.
    fn list<T>(&mut self, items: impl Iterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.out.push(b'[');
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            each(self, item);
        }
        self.out.push(b']');
    }

    fn vertices(&mut self, part: Part<'_>, z: bool) {
        self.list(0..part.xy.len(), |encoder, at| encoder.vertex(part, at, z));
    }

    /// Backwards, for the right-hand rule.
    fn ring(&mut self, part: Part<'_>, z: bool) {
        self.list((0..part.xy.len()).rev(), |encoder, at| encoder.vertex(part, at, z));
    }

    #[inline]
    fn vertex(&mut self, part: Part<'_>, at: usize, z: bool) {
        self.out.push(b'[');
        push_xy(&mut self.out, self.batch, &part, at, self.plan.decimals);
        // A vertex without z beside others that have one goes without: a number would be made up.
        if z && part.z[at].is_finite() {
            self.out.push(b',');
            push_coordinate(&mut self.out, part.z[at], None);
        }
        self.out.push(b']');
    }
}
