//! Features: `feature.fbs` of FlatGeobuf. Shells are counter-clockwise and holes clockwise.

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::header::{declared, geometry_type as types};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{GeometryKind, Part, Shape, ShapeKind, WritePlan};
use crate::report::Losses;
use crate::write::typed::{self, Datum, NOWHERE, TypedRows};
use crate::write::{Rows, feature_words};

type Table = WIPOffset<flatbuffers::TableFinishedWIPOffset>;

/// Hands over each feature of a page, with its length before it, and its box.
///
/// # Errors
/// [`ErrorKind::Format`] where a row is of another kind than the layer; it names the row.
pub(super) fn encode(plan: &WritePlan, rows: Rows<'_>, losses: &mut Losses, mut each: impl FnMut(&[u8], [f64; 4])) -> Result<()> {
    let cells = typed::encode_cells(plan, rows, losses);
    let mut builder = FlatBufferBuilder::new();
    let mut encoder = Encoder { plan, vertices: Vertices::default(), properties: Vec::new() };
    for (row, (cells_of_row, _)) in cells.rows().enumerate() {
        let shape = rows.geometry.shape(row);
        let shape = (plan.geometry.is_some() && !shape.is_null()).then_some(shape);
        if shape.is_some_and(|shape| !is_declared(plan, shape)) {
            return Err(Error::new(
                ErrorKind::Format,
                "a geometry is of another kind than its layer, and a FlatGeobuf holds one kind",
            )
            .in_layer(&plan.layer)
            .of_feature(feature_words(plan, rows.batch, row))
            .hint("write GeoJSON, which holds every kind"));
        }
        builder.reset();
        let geometry = shape.map(|shape| encoder.geometry(&mut builder, shape));
        encoder.put_properties(&cells, cells_of_row);
        let properties = (!encoder.properties.is_empty()).then(|| builder.create_vector(&encoder.properties));
        let table = builder.start_table();
        if let Some(geometry) = geometry {
            builder.push_slot_always(4, geometry);
        }
        if let Some(properties) = properties {
            builder.push_slot_always(6, properties);
        }
        let table = builder.end_table(table);
        builder.finish_size_prefixed(table, None);
        each(builder.finished_data(), shape.map_or(NOWHERE, |shape| typed::bounds(shape.xy())));
    }
    Ok(())
}

/// Whether readers take a geometry for what it is: a header that names a type names it for all features.
fn is_declared(plan: &WritePlan, shape: Shape<'_>) -> bool {
    match (declared(plan), shape.kind) {
        (types::UNKNOWN, _) | (types::POINT, ShapeKind::Point) | (types::MULTIPOINT, ShapeKind::Multipoint) => true,
        (types::POINT, ShapeKind::Multipoint) => shape.xy().len() == 1,
        (code, kind) => {
            matches!((code, kind), (types::MULTILINE, ShapeKind::Polyline) | (types::MULTIPOLYGON, ShapeKind::Polygon))
        }
    }
}

struct Encoder<'a> {
    plan: &'a WritePlan,
    vertices: Vertices,
    properties: Vec<u8>,
}

/// The vertices of a geometry, as its table takes them.
#[derive(Default)]
struct Vertices {
    ends: Vec<u32>,
    xy: Vec<f64>,
    z: Vec<f64>,
    m: Vec<f64>,
}

impl Encoder<'_> {
    /// A layer of one kind has one type, so lines and polygons are of the multi type.
    fn geometry(&mut self, builder: &mut FlatBufferBuilder<'_>, shape: Shape<'_>) -> Table {
        if shape.kind != ShapeKind::Polygon {
            self.vertices.clear();
            shape.parts().for_each(|part| self.put(part, 0..part.xy.len()));
        }
        let mixed = self.plan.geometry == Some(GeometryKind::Mixed);
        let code = |code: u8| if mixed { code } else { types::UNKNOWN };
        match shape.kind {
            ShapeKind::Null | ShapeKind::Point => self.vertices.encode(builder, code(types::POINT), false),
            ShapeKind::Multipoint => self.vertices.encode(builder, code(types::MULTIPOINT), false),
            ShapeKind::Polyline => self.vertices.encode(builder, code(types::MULTILINE), true),
            ShapeKind::Polygon => {
                let (mut polygons, mut rings) = (Vec::new(), shape.parts());
                for size in shape.polygon_sizes() {
                    self.vertices.clear();
                    rings.by_ref().take(size).for_each(|ring| self.put(ring, (0..ring.xy.len()).rev()));
                    polygons.push(self.vertices.encode(builder, types::POLYGON, true));
                }
                let polygons = builder.create_vector(&polygons);
                let table = builder.start_table();
                builder.push_slot(16, code(types::MULTIPOLYGON), types::UNKNOWN);
                builder.push_slot_always(18, polygons);
                let table = builder.end_table(table);
                WIPOffset::new(table.value())
            }
        }
    }

    fn put(&mut self, part: Part<'_>, order: impl Iterator<Item = usize>) {
        let of = |values: &[f64], at: usize| values.get(at).copied().unwrap_or(f64::NAN);
        for at in order {
            self.vertices.xy.extend_from_slice(&part.xy[at]);
            self.vertices.z.extend(self.plan.z.then(|| of(part.z, at)));
            self.vertices.m.extend(self.plan.m.then(|| of(part.m, at)));
        }
        // A page has fewer than 2^32 vertices.
        self.vertices.ends.push((self.vertices.xy.len() / 2) as u32);
    }

    /// The values that are not null: the number of the field, then the value.
    fn put_properties(&mut self, page: &TypedRows, cells: &[Datum]) {
        let out = &mut self.properties;
        out.clear();
        for (at, (cell, column)) in cells.iter().zip(&self.plan.columns).enumerate() {
            let text = |out: &mut Vec<u8>, text: &[u8]| {
                out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                out.extend_from_slice(text);
            };
            if *cell != Datum::Null {
                out.extend_from_slice(&(at as u16).to_le_bytes());
            }
            match cell {
                Datum::Null => {}
                Datum::Integer(value) => match typed::CellType::of(column) {
                    typed::CellType::Integer { bits: 16 } => out.extend_from_slice(&(*value as i16).to_le_bytes()),
                    typed::CellType::Integer { bits: 32 } => out.extend_from_slice(&(*value as i32).to_le_bytes()),
                    _ => out.extend_from_slice(&value.to_le_bytes()),
                },
                Datum::Real(value) if typed::CellType::of(column) == typed::CellType::Single => {
                    out.extend_from_slice(&(*value as f32).to_le_bytes());
                }
                Datum::Real(value) => out.extend_from_slice(&value.to_le_bytes()),
                Datum::Millis(millis) => {
                    let moment = self.plan.iso(&column.field, *millis).unwrap_or_default();
                    text(out, moment.as_bytes());
                }
                Datum::Days(days) => text(out, typed::date(*days).map_or(String::new(), |date| date.to_string()).as_bytes()),
                Datum::Text(range) | Datum::Binary(range) => text(out, &page.bytes[range.clone()]),
            }
        }
    }
}

impl Vertices {
    fn clear(&mut self) {
        self.ends.clear();
        self.xy.clear();
        self.z.clear();
        self.m.clear();
    }

    fn encode(&self, builder: &mut FlatBufferBuilder<'_>, code: u8, with_ends: bool) -> Table {
        let ends = with_ends.then(|| builder.create_vector(&self.ends));
        let xy = builder.create_vector(&self.xy);
        let z = (!self.z.is_empty()).then(|| builder.create_vector(&self.z));
        let m = (!self.m.is_empty()).then(|| builder.create_vector(&self.m));
        let table = builder.start_table();
        if let Some(ends) = ends {
            builder.push_slot_always(4, ends);
        }
        builder.push_slot_always(6, xy);
        if let Some(z) = z {
            builder.push_slot_always(8, z);
        }
        if let Some(m) = m {
            builder.push_slot_always(10, m);
        }
        builder.push_slot(16, code, types::UNKNOWN);
        let table = builder.end_table(table);
        WIPOffset::new(table.value())
    }
}
