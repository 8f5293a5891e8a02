//! Fields by name, and the name that was meant.

use crate::error::{Error, ErrorKind, Result, did_you_mean};
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
            let called = fields.iter().find(|field| field.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(name)));
            let meant = match called {
                Some(field) => format!("did you mean \"{}\", whose alias it is? ", field.short_name()),
                None => did_you_mean(name, fields.iter().map(Field::short_name)),
            };
            error.hint(format!("{meant}the fields are: {}", list(fields)))
        })
}

/// The names of fields, for a message.
pub(in crate::fetch) fn list(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldType;

    #[test]
    fn a_field_is_found_and_a_wrong_name_gets_the_nearest() {
        let mut fields: Vec<Field> =
            ["OBJECTID", "A.B.NAME", "Lanes"].into_iter().map(|name| Field::new(name, FieldType::String)).collect();
        for (name, found) in [("name", "A.B.NAME"), ("a.b.name", "A.B.NAME"), ("lanes", "Lanes")] {
            assert_eq!(find(&fields, name).unwrap().name, found);
        }
        let hint = |name: &str| find(&fields, name).unwrap_err().hint_text().unwrap().to_owned();
        assert_eq!(hint("Lnaes"), "did you mean \"Lanes\"? the fields are: OBJECTID, A.B.NAME, Lanes");
        assert_eq!(hint("NMAE"), "did you mean \"NAME\"? the fields are: OBJECTID, A.B.NAME, Lanes");
        assert_eq!(hint("zzz"), "the fields are: OBJECTID, A.B.NAME, Lanes");
        fields[2].alias = Some("Number of lanes".to_owned());
        let error = find(&fields, "number of Lanes").unwrap_err();
        assert!(error.hint_text().unwrap().starts_with("did you mean \"Lanes\", whose alias it is? "), "{error:?}");
    }
}
