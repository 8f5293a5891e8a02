//! The `.shp.xml`: what the layer says of itself, in ArcGIS's own metadata format.

use crate::model::plan::ColumnKind;
use crate::model::{Column, FieldType, WritePlan};
use crate::write::xml::push_element;

/// The metadata of a file of that name and number of rows.
pub(super) fn of(plan: &WritePlan, name: &str, rows: u64) -> String {
    let mut out = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xml:lang=\"en\">\n".to_vec();
    let element = |tag: &str, inside: &dyn Fn(&mut Vec<u8>), out: &mut Vec<u8>| {
        out.extend_from_slice(format!("<{tag}>\n").as_bytes());
        inside(out);
        let name = tag.split(' ').next().unwrap_or(tag);
        out.extend_from_slice(format!("</{name}>\n").as_bytes());
    };
    element("Esri", &|out| push_element(out, "ArcGISFormat", "1.0"), &mut out);
    let about = &plan.about;
    element(
        "dataIdInfo",
        &|out| {
            element("idCitation", &|out| push_element(out, "resTitle", &plan.layer), out);
            for (tag, text) in [("idAbs", &about.description), ("idCredit", &about.copyright)] {
                if let Some(text) = text {
                    push_element(out, tag, text);
                }
            }
        },
        &mut out,
    );
    if let Some(source) = &about.source {
        let linkage = |out: &mut Vec<u8>| push_element(out, "linkage", source);
        element("distInfo", &|out| element("distTranOps", &|out| element("onLineSrc", &linkage, out), out), &mut out);
    }
    if let Some(crs) = &plan.crs {
        let identity = |out: &mut Vec<u8>| match &crs.authority {
            Some((authority, code)) => {
                out.extend_from_slice(format!("<identCode code=\"{code}\"/>\n").as_bytes());
                push_element(out, "idCodeSpace", authority);
            }
            None => push_element(out, "idCodeSpace", &crs.name),
        };
        element("refSysInfo", &|out| element("RefSystem", &|out| element("refSysID", &identity, out), out), &mut out);
    }
    let entity = |out: &mut Vec<u8>| {
        element(
            "enttyp",
            &|out| {
                push_element(out, "enttypl", name);
                push_element(out, "enttypc", &rows.to_string());
            },
            out,
        );
        for column in &plan.columns {
            element("attr", &|out| attribute(out, column), out);
        }
    };
    element("eainfo", &|out| element("detailed", &entity, out), &mut out);
    out.extend_from_slice(b"</metadata>\n");
    // It was put together of texts.
    String::from_utf8(out).unwrap_or_default()
}

/// The name in the file, and beside it what it was before it was shortened, unless the field has a name for people.
fn attribute(out: &mut Vec<u8>, column: &Column) {
    push_element(out, "attrlabl", &column.name);
    push_element(out, "attalias", column.field.alias.as_deref().unwrap_or(&column.field.name));
    let kind = match (column.kind, &column.field.field_type) {
        (_, FieldType::ObjectId) => "OID",
        (ColumnKind::Integer { bits: 16 }, _) => "SmallInteger",
        (ColumnKind::Integer { bits: 32 }, _) => "Integer",
        (ColumnKind::Integer { .. }, _) => "BigInteger",
        (ColumnKind::Single, _) => "Single",
        (ColumnKind::Double, _) => "Double",
        (ColumnKind::DateTime | ColumnKind::Text { .. }, _) => "String",
    };
    push_element(out, "attrtype", kind);
    push_element(out, "attrdef", &column.field.name);
}
