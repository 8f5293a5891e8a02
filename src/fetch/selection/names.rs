//! Fields by name, and the name that was meant.

use crate::error::{Error, ErrorKind, Result};
use crate::model::Field;

/// A field by its exact name, else regardless of case, else by the last segment of a qualified name.
///
/// # Errors
/// [`ErrorKind::Usage`] where the layer has none, with the nearest name and the list of all.
pub(in crate::fetch) fn find<'a>(fields: &'a [Field], name: &str) -> Result<&'a Field> {
    let by = |same: &dyn Fn(&&Field) -> bool| fields.iter().find(same);
    by(&|field| field.name == name)
        .or_else(|| by(&|field| field.name.eq_ignore_ascii_case(name)))
        .or_else(|| by(&|field| field.short_name().eq_ignore_ascii_case(name)))
        .ok_or_else(|| {
            let error = Error::new(ErrorKind::Usage, format!("there is no field \"{name}\""));
            let meant = nearest(name, fields.iter().map(Field::short_name));
            let meant = meant.map_or(String::new(), |meant| format!("did you mean \"{meant}\"? "));
            error.hint(format!("{meant}the fields are: {}", list(fields)))
        })
}

/// The names of fields, for a message.
pub(in crate::fetch) fn list(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The candidate that differs least from `name`; `None` where all are quite different.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &'a str| (edits(&name.to_lowercase(), &candidate.to_lowercase()), candidate);
    let (edits, candidate) = candidates.map(near).min_by_key(|(edits, _)| *edits)?;
    (edits <= (name.chars().count() / 2).max(1)).then_some(candidate)
}

/// How many letters must be changed, put in or left out.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, target) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *target);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldType;

    #[test]
    fn a_field_is_found_and_a_wrong_name_gets_the_nearest() {
        let fields: Vec<Field> =
            ["OBJECTID", "A.B.NAME", "Lanes"].into_iter().map(|name| Field::new(name, FieldType::String)).collect();
        for (name, found) in [("name", "A.B.NAME"), ("a.b.name", "A.B.NAME"), ("lanes", "Lanes")] {
            assert_eq!(find(&fields, name).unwrap().name, found);
        }
        let hint = |name: &str| find(&fields, name).unwrap_err().hint_text().unwrap().to_owned();
        assert_eq!(hint("Lnaes"), "did you mean \"Lanes\"? the fields are: OBJECTID, A.B.NAME, Lanes");
        assert_eq!(hint("NMAE"), "did you mean \"NAME\"? the fields are: OBJECTID, A.B.NAME, Lanes");
        assert_eq!(hint("zzz"), "the fields are: OBJECTID, A.B.NAME, Lanes");
    }
}
