//! The header: `header.fbs` of FlatGeobuf. A slot of a table is 4 + 2 times the number of its field.

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::index::NODE_SIZE;
use crate::model::crs::Dialect;
use crate::model::{Column, Crs, GeometryKind, WritePlan};
use crate::write::typed::CellType;

/// Codes of geometry types, as in WKB; 0 is any.
pub(super) mod geometry_type {
    pub(in super::super) const UNKNOWN: u8 = 0;
    pub(in super::super) const POINT: u8 = 1;
    pub(in super::super) const POLYGON: u8 = 3;
    pub(in super::super) const MULTIPOINT: u8 = 4;
    pub(in super::super) const MULTILINE: u8 = 5;
    pub(in super::super) const MULTIPOLYGON: u8 = 6;
}

/// The header with its length before it.
pub(super) fn encode(plan: &WritePlan, features: u64, extent: &[f64; 4], indexed: bool) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let columns: Vec<_> = plan.columns.iter().map(|column| encode_column(&mut builder, column)).collect();
    let columns = builder.create_vector(&columns);
    let name = builder.create_string(&plan.layer);
    let envelope = extent[0].is_finite().then(|| builder.create_vector(extent));
    let crs = plan.crs.as_ref().map(|crs| encode_crs(&mut builder, crs));
    let table = builder.start_table();
    builder.push_slot_always(4, name);
    if let Some(envelope) = envelope {
        builder.push_slot_always(6, envelope);
    }
    builder.push_slot(8, declared(plan), geometry_type::UNKNOWN);
    builder.push_slot(10, plan.z, false);
    builder.push_slot(12, plan.m, false);
    builder.push_slot_always(18, columns);
    builder.push_slot(20, features, 0);
    builder.push_slot_always(22, if indexed { NODE_SIZE } else { 0 });
    if let Some(crs) = crs {
        builder.push_slot_always(24, crs);
    }
    let table = builder.end_table(table);
    builder.finish_size_prefixed(table, None);
    builder.finished_data().to_vec()
}

/// The type of all features; unknown where each says its own.
pub(super) fn declared(plan: &WritePlan) -> u8 {
    match plan.geometry {
        Some(GeometryKind::Point) => geometry_type::POINT,
        Some(GeometryKind::Multipoint) => geometry_type::MULTIPOINT,
        Some(GeometryKind::Polyline) => geometry_type::MULTILINE,
        Some(GeometryKind::Polygon | GeometryKind::Envelope) => geometry_type::MULTIPOLYGON,
        Some(GeometryKind::Multipatch | GeometryKind::Mixed) | None => geometry_type::UNKNOWN,
    }
}

type Table = WIPOffset<flatbuffers::TableFinishedWIPOffset>;

fn encode_column(builder: &mut FlatBufferBuilder<'_>, column: &Column) -> Table {
    let name = builder.create_string(&column.name);
    let alias = column.field.alias.as_deref().filter(|alias| *alias != column.name);
    let title = alias.map(|alias| builder.create_string(alias));
    let (code, width) = match CellType::of(column) {
        CellType::Integer { bits: 16 } => (3_u8, None),
        CellType::Integer { bits: 32 } => (5, None),
        CellType::Integer { .. } => (7, None),
        CellType::Single => (9, None),
        CellType::Double => (10, None),
        CellType::DateTime => (13, None),
        CellType::Text | CellType::Date => (11, column.field.length),
        CellType::Binary => (14, None),
    };
    let table = builder.start_table();
    builder.push_slot_always(4, name);
    builder.push_slot(6, code, 0);
    if let Some(title) = title {
        builder.push_slot_always(8, title);
    }
    builder.push_slot(12, width.and_then(|width| i32::try_from(width).ok()).unwrap_or(-1), -1);
    let table = builder.end_table(table);
    WIPOffset::new(table.value())
}

fn encode_crs(builder: &mut FlatBufferBuilder<'_>, crs: &Crs) -> Table {
    let name = builder.create_string(&crs.name);
    let authority = crs.authority.as_ref().map(|(authority, code)| (builder.create_string(authority), *code));
    let wkt = crs.written_as(Dialect::Wkt2).map(|wkt| builder.create_string(&wkt));
    let table = builder.start_table();
    if let Some((authority, code)) = authority {
        builder.push_slot_always(4, authority);
        builder.push_slot(6, i32::try_from(code).unwrap_or(0), 0);
    }
    builder.push_slot_always(8, name);
    if let Some(wkt) = wkt {
        builder.push_slot_always(12, wkt);
    }
    let table = builder.end_table(table);
    WIPOffset::new(table.value())
}
