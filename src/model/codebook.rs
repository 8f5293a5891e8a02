//! The code book: what the domains of a layer say, as a table.

use serde_json::Value;

use super::{Domain, Header};

/// One line: a code with its label, or a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The layer.
    pub layer: String,
    /// The field.
    pub field: String,
    /// The subtype for whose rows it holds; `None` is all others.
    pub subtype: Option<String>,
    /// The domain's name.
    pub domain: String,
    /// What it says.
    pub meaning: Meaning,
}

/// What a domain says of values.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// A code stands for something.
    Code {
        /// The code, a number by its digits.
        code: String,
        /// What it stands for.
        label: String,
    },
    /// Values lie between these, both included.
    Range {
        /// The least value.
        min: String,
        /// The greatest value.
        max: String,
    },
}

/// All domains of a layer, by field, the field's own before those of subtypes.
pub fn entries(header: &Header) -> Vec<Entry> {
    let mut entries = Vec::new();
    let subtypes = header.subtypes.as_ref();
    let subtype_field = subtypes.and_then(|subtypes| header.field_index(&subtypes.field));
    for (index, field) in header.fields.iter().enumerate() {
        let mut add = |subtype: Option<&str>, domain: &str, meaning| {
            let (layer, field) = (header.name.clone(), field.name.clone());
            entries.push(Entry { layer, field, subtype: subtype.map(str::to_owned), domain: domain.to_owned(), meaning });
        };
        if let Some(domain) = &field.domain {
            of_domain(domain, None, &mut add);
        } else if let (Some(subtypes), true) = (subtypes, subtype_field == Some(index)) {
            for subtype in &subtypes.list {
                add(None, "subtypes", Meaning::Code { code: text(&subtype.code), label: subtype.name.clone() });
            }
        }
        for subtype in subtypes.into_iter().flat_map(|subtypes| &subtypes.list) {
            for (_, domain) in subtype.domains.iter().filter(|(name, _)| header.field_index(name) == Some(index)) {
                of_domain(domain, Some(&subtype.name), &mut add);
            }
        }
    }
    entries
}

fn of_domain(domain: &Domain, subtype: Option<&str>, add: &mut impl FnMut(Option<&str>, &str, Meaning)) {
    match domain {
        Domain::Coded { name, codes } => {
            for (code, label) in codes {
                add(subtype, name, Meaning::Code { code: text(code), label: label.clone() });
            }
        }
        Domain::Range { name, min, max } => add(subtype, name, Meaning::Range { min: text(min), max: text(max) }),
        Domain::Inherited => {}
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The table as CSV, with a header row.
///
/// ```
/// use geohaul::model::codebook::{entries, to_csv};
/// use geohaul::model::{Domain, Field, FieldType, Header};
/// use serde_json::json;
///
/// let mut header = Header::new("Pipes");
/// let codes = vec![(json!("CU"), "Copper".to_owned())];
/// let domain = Some(Domain::Coded { name: "Material".to_owned(), codes });
/// header.fields = vec![Field { domain, ..Field::new("MAT", FieldType::String) }];
/// assert_eq!(to_csv(&entries(&header)), "layer,field,subtype,domain,code,label,min,max\nPipes,MAT,,Material,CU,Copper,,\n");
/// ```
pub fn to_csv<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut csv = "layer,field,subtype,domain,code,label,min,max\n".to_owned();
    for Entry { layer, field, subtype, domain, meaning } in entries {
        let [code, label, min, max] = match meaning {
            Meaning::Code { code, label } => [code.as_str(), label, "", ""],
            Meaning::Range { min, max } => ["", "", min, max],
        };
        let cells = [layer, field, subtype.as_deref().unwrap_or_default(), domain, code, label, min, max].map(quoted);
        csv.push_str(&cells.join(","));
        csv.push('\n');
    }
    csv
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
