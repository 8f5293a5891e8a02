//! Rows as `Placemark` text.

use super::schema::Schema;
use super::xml;
use crate::model::plan::ColumnKind;
use crate::model::{Column, Part, Shape, ShapeKind, Value, WritePlan};
use crate::report::{LossKind, Losses};
use crate::write::number::{push_coordinate, push_xy};
use crate::write::{Rows, cell, feature_words};

/// One page as text, and what was lost. The elements stand in the order that the KML schema wants.
pub(super) fn encode(plan: &WritePlan, rows: Rows<'_>) -> (Vec<u8>, Losses) {
    let count = rows.batch.rows();
    let capacity = rows.batch.text.len() + rows.geometry.xy.len() * 24 + count * 128;
    let mut page = Page { plan, rows, schema: Schema::of(plan), out: Vec::with_capacity(capacity), losses: Losses::default() };
    for row in 0..count {
        page.push("<Placemark>");
        page.name(row);
        page.attributes(row);
        page.geometry(row);
        page.push("</Placemark>\n");
    }
    (page.out, page.losses)
}

/// One page on its way to text.
struct Page<'a> {
    plan: &'a WritePlan,
    rows: Rows<'a>,
    schema: Option<Schema>,
    out: Vec<u8>,
    losses: Losses,
}

impl<'a> Page<'a> {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn lose(&mut self, kind: LossKind, field: Option<&str>, row: usize) {
        self.losses.add(kind, field, || Some(feature_words(self.plan, self.rows.batch, row)));
    }

    /// The display field, where it is not null.
    fn name(&mut self, row: usize) {
        let plan = self.plan;
        let Some(display) = plan.display else { return };
        let value = self.rows.batch.value(row, display);
        let text = match plan.columns.iter().find(|column| column.from == display) {
            Some(column) => cell::text(plan, column, &value),
            None => value.to_text(),
        };
        if let Some(text) = text {
            self.push("<name>");
            // What can't be written is counted where the column is written.
            xml::push_text(&mut self.out, &text);
            self.push("</name>");
        }
    }

    /// All values that are not null; an empty text is there, empty.
    fn attributes(&mut self, row: usize) {
        let Some(schema) = &self.schema else { return };
        self.out.extend_from_slice(b"<ExtendedData><SchemaData schemaUrl=\"#");
        self.out.extend_from_slice(schema.id.as_bytes());
        self.out.extend_from_slice(b"\">");
        let plan = self.plan;
        for column in &plan.columns {
            self.attribute(row, column);
        }
        self.push("</SchemaData></ExtendedData>");
    }

    fn attribute(&mut self, row: usize, column: &Column) {
        let value = self.rows.batch.value(row, column.from);
        if value.is_null() {
            return;
        }
        let field = Some(column.field.name.as_str());
        let Some(text) = cell::text(self.plan, column, &value) else {
            return self.lose(LossKind::ValueDropped, field, row);
        };
        if !is_of_kind(&value, column.kind) {
            self.lose(LossKind::TypeWidened, field, row);
        }
        self.push("<SimpleData");
        xml::push_attribute(&mut self.out, "name", &column.name);
        self.push(">");
        if xml::push_text(&mut self.out, &text) > 0 {
            self.lose(LossKind::CharactersReplaced, field, row);
        }
        self.push("</SimpleData>");
    }

    /// The geometry, several points, lines or polygons as one `MultiGeometry`; nothing for null.
    fn geometry(&mut self, row: usize) {
        let shape = self.rows.geometry.shape(row);
        let members = match shape.kind {
            ShapeKind::Null => 0,
            ShapeKind::Point | ShapeKind::Multipoint => shape.xy().len(),
            ShapeKind::Polyline => shape.part_count(),
            ShapeKind::Polygon => shape.polygon_sizes().count(),
        };
        let with_z = self.has_z(shape, row);
        if members > usize::from(!self.plan.promote_multi) {
            self.push("<MultiGeometry>");
        }
        match shape.kind {
            ShapeKind::Null => {}
            ShapeKind::Point | ShapeKind::Multipoint => self.points(shape, with_z),
            ShapeKind::Polyline => self.lines(shape, with_z),
            ShapeKind::Polygon => self.polygons(shape, with_z),
        }
        if members > usize::from(!self.plan.promote_multi) {
            self.push("</MultiGeometry>");
        }
    }

    /// Whether a geometry is written with z: all of its vertices have one, or none has.
    fn has_z(&mut self, shape: Shape<'_>, row: usize) -> bool {
        let z = shape.z();
        if !self.plan.z || z.is_empty() {
            return false;
        }
        let known = z.iter().filter(|z| z.is_finite()).count();
        if known > 0 && known < z.len() {
            self.lose(LossKind::ZDropped, None, row);
        }
        known == z.len()
    }

    fn points(&mut self, shape: Shape<'_>, with_z: bool) {
        for part in shape.parts() {
            for vertex in 0..part.xy.len() {
                self.push(if with_z { "<Point><altitudeMode>absolute</altitudeMode>" } else { "<Point>" });
                self.coordinates(part, std::iter::once(vertex), with_z);
                self.push("</Point>");
            }
        }
    }

    fn lines(&mut self, shape: Shape<'_>, with_z: bool) {
        for part in shape.parts() {
            self.push("<LineString>");
            self.push(surface_mode(with_z));
            self.coordinates(part, 0..part.xy.len(), with_z);
            self.push("</LineString>");
        }
    }

    fn polygons(&mut self, shape: Shape<'_>, with_z: bool) {
        let mut rings = shape.parts();
        for size in shape.polygon_sizes() {
            self.push("<Polygon>");
            self.push(surface_mode(with_z));
            for (n, ring) in rings.by_ref().take(size).enumerate() {
                let (start, end) = if n == 0 {
                    ("<outerBoundaryIs><LinearRing>", "</LinearRing></outerBoundaryIs>")
                } else {
                    ("<innerBoundaryIs><LinearRing>", "</LinearRing></innerBoundaryIs>")
                };
                self.push(start);
                // KML wants shells counter-clockwise; ours are clockwise, as Esri's.
                self.coordinates(ring, (0..ring.xy.len()).rev(), with_z);
                self.push(end);
            }
            self.push("</Polygon>");
        }
    }

    fn coordinates(&mut self, part: Part<'_>, vertices: impl Iterator<Item = usize>, with_z: bool) {
        self.push("<coordinates>");
        for (n, vertex) in vertices.enumerate() {
            if n > 0 {
                self.out.push(b' ');
            }
            push_xy(&mut self.out, self.rows.batch, &part, vertex, self.plan.decimals);
            if with_z {
                self.out.push(b',');
                push_coordinate(&mut self.out, part.z[vertex], None);
            }
        }
        self.push("</coordinates>");
    }
}

/// How a line or a polygon lies: at its own height, or along the ground.
fn surface_mode(with_z: bool) -> &'static str {
    if with_z { "<altitudeMode>absolute</altitudeMode>" } else { "<tessellate>1</tessellate>" }
}

/// Whether a reader that trusts the schema's type will read the value as it is.
fn is_of_kind(value: &Value<'_>, kind: ColumnKind) -> bool {
    match (kind, value) {
        (ColumnKind::Single | ColumnKind::Double, Value::Bool(_)) => false,
        (ColumnKind::Single | ColumnKind::Double, Value::Number(_)) => true,
        (ColumnKind::Single | ColumnKind::Double, _) => value.as_f64().is_some(),
        (ColumnKind::Integer { bits: 16 | 32 }, Value::Bool(_)) => false,
        (ColumnKind::Integer { bits: 16 }, _) => value.as_i64().is_some_and(|value| i16::try_from(value).is_ok()),
        (ColumnKind::Integer { bits: 32 }, _) => value.as_i64().is_some_and(|value| i32::try_from(value).is_ok()),
        (ColumnKind::Integer { .. } | ColumnKind::DateTime | ColumnKind::Text { .. }, _) => true,
    }
}
