//! Field lists and domains.

use serde_json::Value;

use crate::model::{Domain, Field, FieldType};

/// "No limit" on the wire.
const NO_LENGTH_LIMIT: u64 = i32::MAX as u64;

/// The fields of a `fields` array, in order, the geometry field included; what is no array gives none.
///
/// ```
/// use serde_json::json;
///
/// let fields = geohaul::esri::fields_of(&json!([{"name": "DIAM", "type": "esriFieldTypeDouble", "alias": "Diameter"}]));
/// assert_eq!(fields[0].alias.as_deref(), Some("Diameter"));
/// ```
pub fn fields_of(list: &Value) -> Vec<Field> {
    list.as_array().into_iter().flatten().filter_map(field_of).collect()
}

fn field_of(value: &Value) -> Option<Field> {
    let name = value.get("name")?.as_str()?.to_owned();
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
    let length = value.get("length").and_then(Value::as_u64).filter(|length| (1..NO_LENGTH_LIMIT).contains(length));
    Some(Field {
        field_type: FieldType::from_esri(value.get("type").and_then(Value::as_str).unwrap_or("esriFieldTypeString")),
        alias: text("alias").filter(|alias| *alias != name),
        length: length.and_then(|length| u32::try_from(length).ok()),
        domain: value.get("domain").and_then(domain_of),
        name,
    })
}

/// A domain object; `None` for `null` and for kinds that are not known.
pub fn domain_of(value: &Value) -> Option<Domain> {
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    match value.get("type")?.as_str()? {
        "codedValue" => {
            let codes = value.get("codedValues")?.as_array()?;
            let pair = |entry: &Value| Some((entry.get("code")?.clone(), entry.get("name")?.as_str()?.to_owned()));
            Some(Domain::Coded { name, codes: codes.iter().filter_map(pair).collect() })
        }
        "range" => match value.get("range")?.as_array()?.as_slice() {
            [min, max] => Some(Domain::Range { name, min: min.clone(), max: max.clone() }),
            _ => None,
        },
        "inherited" => Some(Domain::Inherited),
        _ => None,
    }
}
