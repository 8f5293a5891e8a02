//! Rows from CSV (RFC 4180): the first line holds the names, numbers are recognised where a whole column is made of them.

use serde_json::{Map, Value};

use super::{FeatureSet, attribute, bad, fields_of};
use crate::error::Result;

/// The lines of a CSV text, each as its cells. Cells may be quoted, and then hold commas, quotes and line ends.
pub(in crate::fetch) fn rows(text: &str) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut letters) = (false, text.chars().peekable());
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.next_if_eq(&'"').is_some() => cell.push('"'),
            ('"', true) => quoted = false,
            ('"', false) if cell.is_empty() => quoted = true,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) if letters.peek() == Some(&'\n') => {}
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (letter, _) => cell.push(letter),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    rows
}

/// A CSV text as rows without geometry. An empty cell is null.
pub(super) fn record_set(text: &str) -> Result<FeatureSet> {
    let mut lines = rows(text).into_iter();
    let names = lines.next().ok_or_else(|| bad("the table is empty"))?;
    let lines: Vec<Vec<String>> = lines.collect();
    if let Some(at) = lines.iter().position(|line| line.len() != names.len()) {
        return Err(bad(format!("line {} has {} cells, and the header {}", at + 2, lines[at].len(), names.len())));
    }
    // `007` is a code and no number.
    let number = |cell: &str| serde_json::from_str::<serde_json::Number>(cell).ok();
    let numeric: Vec<bool> =
        (0..names.len()).map(|at| lines.iter().all(|line| line[at].is_empty() || number(&line[at]).is_some())).collect();
    let value = |(cell, numeric): (&String, &bool)| match (cell.as_str(), numeric) {
        ("", _) => Value::Null,
        (text, true) => number(text).map_or(Value::Null, Value::Number),
        (text, false) => Value::from(text),
    };
    let record = |line: &Vec<String>| names.iter().cloned().zip(line.iter().zip(&numeric).map(value)).collect::<Map<_, _>>();
    let records: Vec<Map<String, Value>> = lines.iter().map(record).collect();
    let fields = fields_of(records.iter());
    let fitted = |record: Map<String, Value>| {
        let fit = |(name, value): (String, Value)| {
            let field = fields.iter().find(|field| field.name == name);
            (name, field.map_or(Value::Null, |field| attribute(&value, &field.field_type)))
        };
        (record.into_iter().map(fit).collect(), None)
    };
    let rows = records.into_iter().map(fitted).collect();
    Ok(FeatureSet { spatial_reference: None, fields, rows })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_may_be_quoted_and_columns_of_numbers_are_numbers() {
        let text = "\u{feff}NAME,N,CODE\r\n\"a, \"\"b\"\"\nc\",1,007\r\n,2.5,\n\n";
        assert_eq!(rows(text).len(), 3);
        let set = record_set(text).unwrap().to_json(false).unwrap();
        assert_eq!(set["features"][0]["attributes"], json!({"NAME": "a, \"b\"\nc", "N": 1, "CODE": "007"}));
        assert_eq!(set["features"][1]["attributes"], json!({"NAME": null, "N": 2.5, "CODE": null}));
        assert_eq!(set["fields"][1]["type"], "esriFieldTypeDouble");
        assert!(record_set("A,B\n1\n").is_err() && record_set("").is_err());
    }
}
