//! Rows as `Placemark` text.

use std::borrow::Cow;

use super::schema::Schema;
use super::style::Styles;
use crate::model::plan::ColumnKind;
use crate::model::{Column, Domain, Part, Shape, ShapeKind, Value, WritePlan, time};
use crate::report::{LossKind, Losses};
use crate::write::number::{push_coordinate, push_xy};
use crate::write::{Rows, cell, feature_words, typed, xml};

/// One page as text, and what was lost. The elements stand in the order that the KML schema wants.
pub(super) fn encode(plan: &WritePlan, rows: Rows<'_>) -> (Vec<u8>, Losses) {
    let count = rows.batch.rows();
    let capacity = rows.batch.text.len() + rows.geometry.xy.len() * 24 + count * 128;
    let styles = Styles::of(plan);
    let mut page = Page {
        plan,
        rows,
        styles: styles.as_ref(),
        schema: Schema::of(plan),
        out: Vec::with_capacity(capacity),
        losses: Losses::default(),
    };
    for row in 0..count {
        page.push("<Placemark>");
        page.name(row);
        page.hidden(row);
        page.labels(row);
        page.time(row);
        page.style(row);
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
    styles: Option<&'a Styles>,
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
        let Some(display) = self.styles.and_then(Styles::label).or(plan.display) else { return };
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

    /// What the renderer does not draw is there, and not shown.
    fn hidden(&mut self, row: usize) {
        if self.styles.is_some_and(|styles| styles.id(self.rows.batch, row).is_none()) {
            self.push("<visibility>0</visibility>");
        }
    }

    fn style(&mut self, row: usize) {
        if let Some(id) = self.styles.and_then(|styles| styles.id(self.rows.batch, row)) {
            self.push("<styleUrl>#");
            self.push(&id);
            self.push("</styleUrl>");
        }
    }

    /// The balloon of a layer with coded values: a table of aliases and of labels in place of codes. A viewer makes the
    /// balloon of others from the attributes.
    fn labels(&mut self, row: usize) {
        let plan = self.plan;
        let label_of = |column: &Column, value: &Value<'_>| match &column.field.domain {
            Some(Domain::Coded { codes, .. }) => {
                let text = value.to_text()?;
                let is = |code: &serde_json::Value| code.as_str().map_or_else(|| code.to_string() == text, |code| code == text);
                codes.iter().find(|(code, _)| is(code)).map(|(_, label)| label.clone())
            }
            _ => None,
        };
        if !plan.columns.iter().any(|column| matches!(column.field.domain, Some(Domain::Coded { .. }))) {
            return;
        }
        let mut table = b"<table>".to_vec();
        for column in &plan.columns {
            let value = self.rows.batch.value(row, column.from);
            let text = label_of(column, &value).or_else(|| cell::text(plan, column, &value).map(Cow::into_owned));
            table.extend_from_slice(b"<tr><th>");
            xml::push_text(&mut table, column.field.alias.as_deref().unwrap_or(&column.name));
            table.extend_from_slice(b"</th><td>");
            xml::push_text(&mut table, text.as_deref().unwrap_or_default());
            table.extend_from_slice(b"</td></tr>");
        }
        table.extend_from_slice(b"</table>");
        self.push("<description>");
        // HTML within XML: it is escaped once more.
        xml::push_text(&mut self.out, &String::from_utf8_lossy(&table));
        self.push("</description>");
    }

    /// When the row is: from one time to another, or at one.
    fn time(&mut self, row: usize) {
        let plan = self.plan;
        let Some(drawing) = plan.drawing.as_deref() else { return };
        let moment = |field: &Option<String>| {
            let column = drawing.column(field.as_deref()?)?;
            let millis = self.rows.batch.value(row, column).as_i64()?;
            // A KML time without zone is local to the viewer.
            let written = plan.columns.iter().find(|written| written.from == column);
            time::iso(millis, written.map_or(plan.dates_are_utc, |column| typed::is_utc(plan, column)))
        };
        let [begin, end] = [0, 1].map(|at| moment(&drawing.time_fields[at]));
        let element =
            |name: &str, text: &Option<String>| text.as_ref().map_or(String::new(), |text| format!("<{name}>{text}</{name}>"));
        let text = match (&begin, &drawing.time_fields[1]) {
            (None, _) if end.is_none() => return,
            (Some(_), None) => format!("<TimeStamp>{}</TimeStamp>", element("when", &begin)),
            _ => format!("<TimeSpan>{}{}</TimeSpan>", element("begin", &begin), element("end", &end)),
        };
        self.push(&text);
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
        let integer = match (&value, column.kind) {
            // Readers take `1.0` and `1E2` as far as they are digits: for 1.
            (Value::Number(digits), ColumnKind::Integer { .. }) if digits.contains(['.', 'e', 'E']) => value.as_i64(),
            _ => None,
        };
        let text = integer.map(|integer| Cow::Owned(integer.to_string()));
        let Some(text) = text.or_else(|| cell::text(self.plan, column, &value)) else {
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

    /// In metres.
    fn height(&mut self, z: f64) {
        let unit = self.plan.drawing.as_ref().map_or(1.0, |drawing| drawing.height_unit_m);
        let decimals = if unit == 1.0 { None } else { Some(4) };
        push_coordinate(&mut self.out, z * unit, decimals);
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
                self.height(part.z[vertex]);
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
