//! The `Schema` of a layer: its columns and their types.

use crate::model::WritePlan;
use crate::model::plan::ColumnKind;
use crate::write::xml;

/// A layer's schema.
pub(super) struct Schema {
    /// The XML id: a hash of the schema's text, so that the workers and the writer agree on it without a word.
    pub id: String,
    /// Everything behind the id.
    rest: Vec<u8>,
}

impl Schema {
    /// The schema of a layer; `None` where it has no columns.
    pub(super) fn of(plan: &WritePlan) -> Option<Self> {
        if plan.columns.is_empty() {
            return None;
        }
        let mut rest = Vec::new();
        xml::push_attribute(&mut rest, "name", &plan.layer);
        rest.extend_from_slice(b">\n");
        for column in &plan.columns {
            rest.extend_from_slice(b"<SimpleField");
            xml::push_attribute(&mut rest, "type", kml_type(column.kind));
            xml::push_attribute(&mut rest, "name", &column.name);
            rest.extend_from_slice(b">");
            if let Some(alias) = column.field.alias.as_deref().filter(|alias| *alias != column.name) {
                xml::push_element(&mut rest, "displayName", alias);
            }
            rest.extend_from_slice(b"</SimpleField>\n");
        }
        Some(Self { id: format!("schema-{:016x}", fnv1a(&rest)), rest })
    }

    /// The element.
    pub(super) fn to_kml(&self) -> Vec<u8> {
        let start = format!("<Schema id=\"{}\"", self.id);
        [start.as_bytes(), &self.rest, b"</Schema>\n"].concat()
    }
}

/// KML has no 64-bit integers and no dates: they are strings, so that no reader cuts them.
fn kml_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Integer { bits: 16 } => "short",
        ColumnKind::Integer { bits: 32 } => "int",
        ColumnKind::Single => "float",
        ColumnKind::Double => "double",
        ColumnKind::Integer { .. } | ColumnKind::DateTime | ColumnKind::Text { .. } => "string",
    }
}

/// The FNV-1a hash: the same in every run and build, which the standard library's hashes do not promise.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
