//! Field lists and domains.

use serde_json::Value;

use crate::model::{Domain, Field, FieldType, Subtype, Subtypes};

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
        always_utc: false,
        listed: true,
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

/// The subtypes or feature types of a layer resource; `None` where it has none.
///
/// ```
/// use serde_json::json;
///
/// let layer = json!({"typeIdField": "KIND", "types": [{"id": 1, "name": "Main", "domains": {"DIAM": {"type": "inherited"}}}]});
/// let subtypes = geohaul::esri::subtypes_of(&layer).unwrap();
/// assert_eq!((subtypes.field.as_str(), subtypes.list[0].name.as_str()), ("KIND", "Main"));
/// ```
pub fn subtypes_of(layer: &Value) -> Option<Subtypes> {
    let list = |key: &str| layer.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
    let field = |keys: &[&str]| {
        let mut named = keys.iter().filter_map(|key| layer.get(*key)?.as_str()).filter(|name| !name.is_empty());
        named.next().map(str::to_owned)
    };
    // A layer may say the same in both ways.
    let (field, list, code) = match (field(&["subtypeField", "subtypeFieldName"]), list("subtypes")) {
        (Some(field), Some(list)) => (field, list, "code"),
        _ => (field(&["typeIdField"])?, list("types")?, "id"),
    };
    let subtype = |entry: &Value| {
        let domains = entry.get("domains").and_then(Value::as_object).into_iter().flatten();
        Some(Subtype {
            code: entry.get(code)?.clone(),
            name: entry.get("name")?.as_str()?.to_owned(),
            domains: domains.filter_map(|(field, domain)| Some((field.clone(), domain_of(domain)?))).collect(),
        })
    };
    Some(Subtypes { field, list: list.iter().filter_map(subtype).collect() })
}

/// Marks the dates that an edit tracker writes: they are UTC whatever the others are.
pub fn mark_edit_dates(fields: &mut [Field], layer: &Value) {
    for key in ["creationDateField", "editDateField"] {
        let name = layer.get("editFieldsInfo").and_then(|info| info.get(key)?.as_str()).filter(|name| !name.is_empty());
        for field in fields.iter_mut().filter(|field| name.is_some_and(|name| field.name.eq_ignore_ascii_case(name))) {
            field.always_utc = true;
        }
    }
}
