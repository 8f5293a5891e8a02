//! The schema: a column for each field, then the geometry and its box, all of which may be null.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::Result;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use crate::model::{Column, FieldType, WritePlan};
use crate::write::tables::unused_name;
use crate::write::typed::{CellType, is_utc};

/// What the file's columns are.
pub(super) struct Layout {
    pub(super) schema: TypePtr,
    pub(super) properties: WriterPropertiesPtr,
    /// Of the plan's columns.
    pub(super) types: Vec<Physical>,
    /// `None` for a table.
    pub(super) geometry: Option<GeometryNames>,
}

/// The names of the columns that no field has.
pub(super) struct GeometryNames {
    pub(super) geometry: String,
    pub(super) bbox: String,
}

/// The sides of a box, in the order of [`crate::write::typed::TypedShape::bounds`].
const SIDES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

impl Layout {
    pub(super) fn of(plan: &WritePlan) -> Result<Self> {
        let unused =
            |name: &str| unused_name(name, |name| plan.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)));
        let geometry = plan.geometry.map(|_| GeometryNames { geometry: unused("geometry"), bbox: unused("bbox") });
        let typed: Vec<_> = plan.columns.iter().map(|column| type_of(plan, column)).collect();
        let mut fields = Vec::new();
        for (column, (physical, logical)) in plan.columns.iter().zip(&typed) {
            fields.push(optional(&column.name, *physical, logical.clone())?);
        }
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("geohaul version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()));
        if let Some(names) = &geometry {
            fields.push(optional(&names.geometry, Physical::BYTE_ARRAY, None)?);
            let sides = SIDES.iter().map(|side| required(side)).collect::<Result<_>>()?;
            let bbox = Type::group_type_builder(&names.bbox).with_repetition(Repetition::OPTIONAL).with_fields(sides);
            fields.push(Arc::new(bbox.build()?));
            // Geometries hardly repeat, and their order as bytes means nothing.
            let column = ColumnPath::from(names.geometry.as_str());
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_statistics_enabled(column, EnabledStatistics::None);
            for side in SIDES {
                let column = ColumnPath::from(vec![names.bbox.clone(), side.to_owned()]);
                properties = properties.set_column_dictionary_enabled(column, false);
            }
        }
        let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
        let types = typed.into_iter().map(|(physical, _)| physical).collect();
        Ok(Self { schema, properties: Arc::new(properties.build()), types, geometry })
    }
}

fn optional(name: &str, physical: Physical, logical: Option<LogicalType>) -> Result<TypePtr> {
    let built = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL).with_logical_type(logical);
    built.build().map(Arc::new)
}

/// A box is there whole or not at all.
fn required(side: &str) -> Result<TypePtr> {
    Type::primitive_type_builder(side, Physical::DOUBLE).with_repetition(Repetition::REQUIRED).build().map(Arc::new)
}

/// A GUID is text: readers hand out the UUID type as bare bytes, and servers put braces around theirs.
fn type_of(plan: &WritePlan, column: &Column) -> (Physical, Option<LogicalType>) {
    match CellType::of(column) {
        CellType::Integer { bits: 16 } => (Physical::INT32, Some(LogicalType::integer(16, true))),
        CellType::Integer { bits: 32 } => (Physical::INT32, None),
        CellType::Integer { .. } => (Physical::INT64, None),
        CellType::Single => (Physical::FLOAT, None),
        CellType::Double => (Physical::DOUBLE, None),
        CellType::DateTime => (Physical::INT64, Some(LogicalType::timestamp(is_utc(plan, column), TimeUnit::MILLIS))),
        CellType::Date => (Physical::INT32, Some(LogicalType::Date)),
        CellType::Text if column.field.field_type == FieldType::TimeOnly => {
            (Physical::INT32, Some(LogicalType::time(false, TimeUnit::MILLIS)))
        }
        CellType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        CellType::Binary => (Physical::BYTE_ARRAY, None),
    }
}
