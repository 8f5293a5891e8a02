//! Esri JSON: one feature set with the rows of all pages, as a query answers it. Nothing is lost: attributes and
//! coordinates are copied by their own texts, and `geohaul convert` reads it as what it came from.

use std::io::Write;

use serde_json::{Value as Json, json};

use super::number::{push_coordinate, push_xy};
use super::{Encoded, Event, Format, Rows, Stage, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::{CrsRule, FormatInfo};
use crate::model::value::real_text;
use crate::model::{Batch, Cell, Column, Domain, GeometryKind, Part, Shape, ShapeKind, SpatialReference, WritePlan};
use crate::report::Losses;

/// The Esri JSON format.
pub struct EsriJson;

static INFO: FormatInfo = FormatInfo {
    name: "esrijson",
    title: "Esri JSON",
    endings: &["esrijson"],
    kinds: FormatInfo::ALL_KINDS,
    tables: true,
    z: true,
    m: true,
    mixed_kinds: false,
    curves: false,
    many_layers: false,
    streams: true,
    time_zones: false,
    crs: CrsRule::Native,
    longest_field_name: None,
    plain_field_names: false,
    ignores_case: false,
    most_fields: None,
    longest_text: None,
    limits: "none: a feature set as a query answers it, of all pages",
};

impl Format for EsriJson {
    /// Features separated by `,\n`, nothing before the first or after the last.
    type Chunk = Vec<u8>;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Vec<u8>>> {
        let mut encoder = Encoder { plan, batch: rows.batch, out: Vec::with_capacity(rows.batch.text.len() * 5 / 4) };
        let keys: Vec<String> = plan.columns.iter().map(|column| format!("{}:", Json::from(column.name.as_str()))).collect();
        for row in 0..rows.batch.rows() {
            if row > 0 {
                encoder.out.extend_from_slice(b",\n");
            }
            encoder.feature(&keys, rows.geometry.shape(row), row);
        }
        Ok(Encoded { chunk: encoder.out, rows: rows.batch.rows(), losses: Losses::default() })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Vec<u8>>>>) -> Result<Written> {
        let failed = |why: std::io::Error| stage.write_error(&why);
        let mut file = stage.create(&stage.main_file())?;
        let mut written = Written::default();
        let mut begun = false;
        for event in events {
            match event? {
                Event::Begin(plan) if begun => {
                    return Err(Error::new(ErrorKind::Format, "a feature set can't hold a second layer").in_layer(&plan.layer));
                }
                Event::Begin(plan) => {
                    begun = true;
                    let mut head = head(&plan).to_string();
                    head.truncate(head.len() - 1);
                    write!(file, "{head},\"features\":[").map_err(failed)?;
                }
                Event::Rows(encoded) => {
                    if encoded.rows > 0 {
                        file.write_all(if written.rows > 0 { b",\n" } else { b"\n" }).map_err(failed)?;
                        file.write_all(&encoded.chunk).map_err(failed)?;
                        stage.flush_stream(&mut file)?;
                    }
                    written.rows += encoded.rows as u64;
                }
                Event::End => file.write_all(b"\n]}\n").map_err(failed)?,
            }
        }
        file.flush().map_err(failed)?;
        Ok(written)
    }
}

/// Everything before the features.
fn head(plan: &WritePlan) -> Json {
    let name_of = |from: Option<usize>| plan.columns.iter().find(|column| Some(column.from) == from).map(|column| &column.name);
    let mut head = json!({"name": plan.layer});
    if let Some(name) = name_of(plan.display) {
        head["displayFieldName"] = json!(name);
    }
    if let Some(name) = name_of(plan.object_id) {
        head["objectIdFieldName"] = json!(name);
    }
    if let Some(kind) = plan.geometry {
        // A box is written as the polygon that it is.
        let kind = if kind == GeometryKind::Envelope { GeometryKind::Polygon } else { kind };
        head["geometryType"] = json!(kind.esri_name());
        head["hasZ"] = json!(plan.z);
        head["hasM"] = json!(plan.m);
        if let Some(crs) = &plan.crs {
            let vcs_wkid = plan.vertical.as_ref().and_then(|vertical| vertical.wkid);
            head["spatialReference"] = SpatialReference { vcs_wkid, ..crs.spatial_reference() }.to_json();
        }
    }
    if !plan.dates_are_utc {
        head["datesInUnknownTimezone"] = json!(true);
        // A tracker has at most two dates, and they are UTC all the same.
        let tracked = plan.columns.iter().filter(|column| column.field.always_utc);
        for (key, column) in ["editDateField", "creationDateField"].into_iter().zip(tracked) {
            head["editFieldsInfo"][key] = json!(column.name);
        }
    }
    head["fields"] = plan.columns.iter().map(field).collect();
    head
}

fn field(column: &Column) -> Json {
    let field = &column.field;
    let mut json =
        json!({"name": column.name, "type": field.field_type.esri_name(), "alias": field.alias.as_ref().unwrap_or(&column.name)});
    if let Some(length) = field.length {
        json["length"] = json!(length);
    }
    match &field.domain {
        Some(Domain::Coded { name, codes }) => {
            let codes: Vec<Json> = codes.iter().map(|(code, label)| json!({"name": label, "code": code})).collect();
            json["domain"] = json!({"type": "codedValue", "name": name, "codedValues": codes});
        }
        Some(Domain::Range { name, min, max }) => json["domain"] = json!({"type": "range", "name": name, "range": [min, max]}),
        Some(Domain::Inherited) => json["domain"] = json!({"type": "inherited"}),
        None => {}
    }
    json
}

struct Encoder<'a> {
    plan: &'a WritePlan,
    batch: &'a Batch,
    out: Vec<u8>,
}

impl Encoder<'_> {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn feature(&mut self, keys: &[String], shape: Shape<'_>, row: usize) {
        self.push("{\"attributes\":{");
        for (at, (column, key)) in self.plan.columns.iter().zip(keys).enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.push(key);
            self.value(self.batch.cells[row * self.batch.columns + column.from], row, column.from);
        }
        self.out.push(b'}');
        if self.plan.geometry.is_some() && !shape.is_null() {
            self.push(",\"geometry\":");
            self.geometry(shape);
        }
        self.out.push(b'}');
    }

    fn value(&mut self, cell: Cell, row: usize, column: usize) {
        let batch = self.batch;
        match cell {
            Cell::Null => self.push("null"),
            Cell::Bool(value) => self.push(if value { "true" } else { "false" }),
            Cell::Number(span) | Cell::Json(span) => self.push(batch.slice(span)),
            Cell::Text(span) => {
                self.out.push(b'"');
                self.push(batch.slice(span));
                self.out.push(b'"');
            }
            Cell::Escaped(_) => {
                let text = batch.value(row, column).to_text().unwrap_or_default().into_owned();
                self.push(&Json::from(text).to_string());
            }
            Cell::Integer(value) => self.push(itoa::Buffer::new().format(value)),
            // As ArcGIS itself writes what JSON has no number for.
            Cell::Real(value) if !value.is_finite() => self.push(&format!("\"{}\"", real_text(value))),
            Cell::Real(value) => self.push(&real_text(value)),
        }
    }

    fn geometry(&mut self, shape: Shape<'_>) {
        let (z, m) = (self.plan.z && !shape.z().is_empty(), self.plan.m && !shape.m().is_empty());
        let key = match shape.kind {
            ShapeKind::Null => return,
            ShapeKind::Point => return self.point(shape, z, m),
            ShapeKind::Multipoint => "points",
            ShapeKind::Polyline => "paths",
            ShapeKind::Polygon => "rings",
        };
        self.out.push(b'{');
        if z {
            self.push("\"hasZ\":true,");
        }
        if m {
            self.push("\"hasM\":true,");
        }
        self.push(&format!("\"{key}\":"));
        if shape.kind == ShapeKind::Multipoint {
            shape.parts().take(1).for_each(|part| self.vertices(part, z, m));
        } else {
            self.list(shape.parts(), |encoder, part| encoder.vertices(part, z, m));
        }
        self.out.push(b'}');
    }

    fn point(&mut self, shape: Shape<'_>, z: bool, m: bool) {
        let Some(part) = shape.parts().next() else { return };
        let mut xy = Vec::new();
        push_xy(&mut xy, self.batch, &part, 0, self.plan.decimals);
        let xy = String::from_utf8_lossy(&xy).replace(',', ",\"y\":");
        self.push(&format!("{{\"x\":{xy}"));
        for (key, written, values) in [("z", z, part.z), ("m", m, part.m)] {
            if let Some(value) = values.first().filter(|value| written && value.is_finite()) {
                self.push(&format!(",\"{key}\":"));
                push_coordinate(&mut self.out, *value, None);
            }
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

    fn vertices(&mut self, part: Part<'_>, z: bool, m: bool) {
        self.list(0..part.xy.len(), |encoder, at| {
            encoder.out.push(b'[');
            push_xy(&mut encoder.out, encoder.batch, &part, at, encoder.plan.decimals);
            let of = |written: bool, values: &[f64]| values.get(at).copied().filter(|value| written && value.is_finite());
            let known = [of(z, part.z), of(m, part.m)];
            // GDAL reads no geometry with a null in it, so a vertex that has none is written without. Of a vertex that has
            // one of two, the place says which.
            if known.iter().any(Option::is_some) {
                let written = known.into_iter().zip([z, m]).filter(|(_, written)| *written);
                written.for_each(|(value, _)| encoder.ordinate(value));
            }
            encoder.out.push(b']');
        });
    }

    /// With a comma before it.
    fn ordinate(&mut self, value: Option<f64>) {
        self.out.push(b',');
        match value {
            Some(value) => push_coordinate(&mut self.out, value, None),
            None => self.push("null"),
        }
    }
}
