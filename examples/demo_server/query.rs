//! Layer queries: `where`, ids, order, pages, and what a query may return instead of features.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::data::{Layer, MOST_RECORDS, Row, SR};
use crate::failure::Failure;
use crate::geo::Sr;
use crate::http::Request;

/// Parameters that would change the answer and that this server can't honour.
const REFUSED: [&str; 5] = ["geometry", "outStatistics", "groupByFieldsForStatistics", "having", "uniqueIds"];

/// The answer to a query.
pub(crate) fn answer(layer: &Layer, request: &Request) -> Result<Value, Failure> {
    for name in REFUSED {
        if request.filled(name).is_some() {
            return Err(Failure::bad_parameter(&format!("'{name}' is not supported by the demo server")));
        }
    }
    if let Some(sr) = request.filled("outSR")
        && Sr::parse(sr)? != SR
    {
        return Err(Failure::bad_parameter("'outSR' is invalid: the demo server answers in 102100 only"));
    }
    if request.filled("where").is_none() && request.filled("objectIds").is_none() {
        return Err(Failure::bad_parameter("'where' clause is missing"));
    }
    let mut rows = select(layer, request)?;
    if request.is_on("returnCountOnly") == Some(true) {
        return Ok(json!({"count": rows.len()}));
    }
    sort(&mut rows, layer, request.filled("orderByFields").unwrap_or_default())?;
    if request.is_on("returnIdsOnly") == Some(true) {
        let ids: Vec<i64> = rows.iter().map(|row| row.id()).collect();
        return Ok(json!({"objectIdFieldName": "OBJECTID", "objectIds": ids}));
    }
    let offset = number(request, "resultOffset")?.unwrap_or(0);
    let limit = number(request, "resultRecordCount")?.unwrap_or(MOST_RECORDS).min(MOST_RECORDS);
    let exceeded = rows.len() > offset.saturating_add(limit);
    let page: Vec<&Row> = rows.into_iter().skip(offset).take(limit).collect();

    let fields = chosen_fields(layer, request.filled("outFields").unwrap_or("*"))?;
    let names: Vec<&str> = fields.iter().map(|field| name_of(field)).collect();
    let with_geometry = layer.geometry_type.is_some() && request.is_on("returnGeometry") != Some(false);
    let feature = |row: &Row| {
        let attributes: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), row.attributes[*name].clone())).collect();
        let mut feature = json!({"attributes": attributes});
        if let (true, Some(geometry)) = (with_geometry, &row.geometry) {
            feature["geometry"] = geometry.clone();
        }
        feature
    };
    let mut answer = json!({"objectIdFieldName": "OBJECTID", "globalIdFieldName": ""});
    if let Some(kind) = layer.geometry_type {
        answer["geometryType"] = json!(kind);
        answer["spatialReference"] = SR.to_json();
    }
    answer["fields"] = json!(fields);
    if exceeded {
        answer["exceededTransferLimit"] = json!(true);
    }
    answer["features"] = page.into_iter().map(feature).collect();
    Ok(answer)
}

fn number(request: &Request, name: &str) -> Result<Option<usize>, Failure> {
    let parse = |text: &str| text.parse().map_err(|_| Failure::bad_parameter(&format!("'{name}' is no number: {text}")));
    request.filled(name).map(parse).transpose()
}

fn name_of(field: &Value) -> &str {
    field["name"].as_str().unwrap_or_default()
}

/// The layer's own spelling of a field name.
fn field_name<'a>(layer: &'a Layer, name: &str) -> Result<&'a str, Failure> {
    let found = layer.fields.iter().map(name_of).find(|own| own.eq_ignore_ascii_case(name.trim()));
    found.ok_or_else(|| Failure::bad_parameter(&format!("'{}' is no field of {}", name.trim(), layer.name)))
}

fn chosen_fields<'a>(layer: &'a Layer, wanted: &str) -> Result<Vec<&'a Value>, Failure> {
    if wanted.split(',').any(|name| name.trim() == "*") {
        return Ok(layer.fields.iter().collect());
    }
    let names = wanted.split(',').map(|name| field_name(layer, name)).collect::<Result<HashSet<_>, _>>()?;
    Ok(layer.fields.iter().filter(|field| names.contains(name_of(field))).collect())
}

/// The rows that `objectIds` and `where` leave.
fn select<'a>(layer: &'a Layer, request: &Request) -> Result<Vec<&'a Row>, Failure> {
    let mut rows: Vec<&Row> = layer.rows.iter().collect();
    if let Some(ids) = request.filled("objectIds") {
        let id = |text: &str| text.trim().parse().map_err(|_| Failure::bad_parameter("'objectIds' is no list of numbers"));
        let ids = ids.split(',').map(id).collect::<Result<HashSet<i64>, _>>()?;
        rows.retain(|row| ids.contains(&row.id()));
    }
    for condition in request.filled("where").unwrap_or("1=1").split(" AND ") {
        let condition = Condition::parse(layer, condition)?;
        rows.retain(|row| condition.holds(row));
    }
    Ok(rows)
}

/// Whether the order of a value and a literal is the wanted one.
type Wanted = fn(Ordering) -> bool;

/// `1=1`, or `FIELD op literal`.
enum Condition<'a> {
    Always,
    Compare { field: &'a str, wanted: Wanted, literal: Value },
}

impl<'a> Condition<'a> {
    fn parse(layer: &'a Layer, text: &str) -> Result<Self, Failure> {
        const OPERATORS: [(&str, Wanted); 6] = [
            ("<>", Ordering::is_ne),
            ("<=", Ordering::is_le),
            (">=", Ordering::is_ge),
            ("=", Ordering::is_eq),
            ("<", Ordering::is_lt),
            (">", Ordering::is_gt),
        ];
        if text.split_whitespace().collect::<String>() == "1=1" {
            return Ok(Self::Always);
        }
        let broken = || Failure::unable(&format!("the demo server does not understand the where clause '{}'", text.trim()));
        let split = |(sign, wanted)| text.split_once(sign).map(|(field, literal)| (field, wanted, literal.trim()));
        let (field, wanted, literal) = OPERATORS.into_iter().find_map(split).ok_or_else(broken)?;
        let quoted = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let literal = match quoted {
            Some(text) => json!(text.replace("''", "'")),
            None => json!(literal.parse::<f64>().map_err(|_| broken())?),
        };
        Ok(Self::Compare { field: field_name(layer, field)?, wanted, literal })
    }

    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Always => true,
            Self::Compare { field, wanted, literal } => compare(&row.attributes[*field], literal).is_some_and(wanted),
        }
    }
}

/// `None` where the values can't be compared: one is null, or the types differ.
fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Sorts by `FIELD [ASC|DESC], ...`; nulls first, equal rows stay in the order of their ids.
fn sort(rows: &mut [&Row], layer: &Layer, order: &str) -> Result<(), Failure> {
    let keys: Vec<&str> = order.split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
    for key in keys.into_iter().rev() {
        let (name, descending) = match key.rsplit_once(' ') {
            Some((name, word)) if word.eq_ignore_ascii_case("DESC") => (name, true),
            Some((name, word)) if word.eq_ignore_ascii_case("ASC") => (name, false),
            _ => (key, false),
        };
        let name = field_name(layer, name)?;
        rows.sort_by(|one, other| {
            let (one, other) = (&one.attributes[name], &other.attributes[name]);
            let by_value = compare(one, other).unwrap_or_else(|| other.is_null().cmp(&one.is_null()));
            if descending { by_value.reverse() } else { by_value }
        });
    }
    Ok(())
}
