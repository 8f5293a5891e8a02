//! `${NAME}` in the values of a jobs file: its own variables, the date, the environment.

use std::collections::BTreeMap;

use jiff::Zoned;
use serde_json::Value;

use super::document::{Fault, Table, meant};

/// What is wrong with a text: the words, and the line where that is not the text's own.
type Wrong = (Option<usize>, String);

/// The directives of strftime, with those that C and GNU's date know.
const DIRECTIVES: &str = "aAbBcCdDeFfgGhHIjklmMnNpPrRsStTuUVwWxXyYzZ%";

/// What names stand for.
pub(super) struct Variables {
    /// Each with its text, or with its own fault.
    own: BTreeMap<String, Result<String, Fault>>,
    /// When the run began, by the clocks of this machine.
    date: Zoned,
    run: String,
}

impl Variables {
    /// The variables of a file. Each may use those above it.
    pub(super) fn new(table: &Table, date: Zoned, run: String, faults: &mut Vec<Fault>) -> Self {
        let mut variables = Self { own: BTreeMap::new(), date, run };
        for entry in &table.entries {
            let text = match &entry.value {
                Value::String(text) => variables.expand(text),
                Value::Number(_) | Value::Bool(_) => Ok(entry.value.to_string()),
                _ => Err((None, "a variable is a text or a number".to_owned())),
            };
            let text = text.map_err(|(line, what)| Fault::new(line.unwrap_or(entry.line), what));
            faults.extend(text.as_ref().err().cloned());
            variables.own.insert(entry.key.clone(), text);
        }
        variables
    }

    /// A value with everything put in. Names of members stay as they are.
    pub(super) fn fill(&self, value: &Value) -> Result<Value, Wrong> {
        Ok(match value {
            Value::String(text) => Value::String(self.expand(text)?),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?),
            Value::Object(members) => {
                let fill = |(key, value): (&String, &Value)| Ok::<_, Wrong>((key.clone(), self.fill(value)?));
                Value::Object(members.iter().map(fill).collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }

    /// A text with everything put in. `$${` stands for `${`.
    fn expand(&self, text: &str) -> Result<String, Wrong> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                out.push_str(&rest[..at]);
                out.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let (name, after) = rest[at + 2..].split_once('}').ok_or((None, "a '${' is not closed with '}'".to_owned()))?;
            out.push_str(&self.value(name)?);
            rest = after;
        }
        Ok(out + rest)
    }

    fn value(&self, name: &str) -> Result<String, Wrong> {
        match (name.strip_prefix("env:"), name.split_once(':')) {
            (Some(name), _) => std::env::var(name).map_err(|_| (None, format!("the environment has no {name}"))),
            (None, Some(("DATE", format))) => {
                self.date(format).map_err(|why| (None, format!("'{format}' is no form of a date: {why}")))
            }
            (None, None) if name == "DATE" => self.date("%Y-%m-%d").map_err(|why| (None, why)),
            (None, None) if name == "RUN" => Ok(self.run.clone()),
            _ => match self.own.get(name) {
                Some(text) => text.clone().map_err(|fault| (Some(fault.line), fault.what)),
                None => {
                    let known = self.own.keys().map(String::as_str).chain(["DATE", "RUN"]);
                    Err((None, format!("there is no variable ${{{name}}}{}", meant(name, known))))
                }
            },
        }
    }

    /// The date in a form of strftime.
    fn date(&self, format: &str) -> Result<String, String> {
        let mut letters = format.chars();
        while letters.any(|letter| letter == '%') {
            let directive = letters.find(|letter| !letter.is_ascii_digit() && !"-_^#:.".contains(*letter));
            if let Some(unknown) = directive.filter(|directive| !DIRECTIVES.contains(*directive)) {
                return Err(format!("strftime has no %{unknown}"));
            }
        }
        jiff::fmt::strtime::format(format, &self.date).map_err(|why| why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Entry;
    use super::*;
    use serde_json::json;

    fn variables(faults: &mut Vec<Fault>) -> Variables {
        let entry = |(key, value): (&str, Value)| Entry { key: key.to_owned(), value, line: 7 };
        let entries = [("host", json!("h")), ("url", json!("https://${host}")), ("n", json!(3)), ("bad", json!("${hots}"))];
        let table = Table { line: 6, entries: entries.into_iter().map(entry).collect() };
        Variables::new(&table, "2026-02-03T04:05:06[UTC]".parse().unwrap(), "R1".to_owned(), faults)
    }

    #[test]
    fn variables_dates_and_the_environment_are_put_in_wherever_text_stands() {
        let variables = variables(&mut Vec::new());
        let value = json!(["${url}/${n}", {"${n}": "${DATE}"}, "${DATE:%Y%m}-${RUN}", "$${n} $ {", 5]);
        let filled = json!(["https://h/3", {"${n}": "2026-02-03"}, "202602-R1", "${n} $ {", 5]);
        assert_eq!(variables.fill(&value).unwrap(), filled);
        let path = std::env::var("PATH").unwrap();
        assert_eq!(variables.fill(&json!("${env:PATH}")).unwrap(), json!(path));
    }

    #[test]
    fn a_form_of_a_date_is_one_of_strftime() {
        let variables = variables(&mut Vec::new());
        assert_eq!(variables.expand("${DATE:%Y%%Q %-d %H}").unwrap(), "2026%Q 3 04");
        for wrong in ["%Q", "%q", "%Y-%L", "%"] {
            let (_, what) = variables.expand(&format!("${{DATE:{wrong}}}")).unwrap_err();
            assert!(what.starts_with(&format!("'{wrong}' is no form of a date")), "{what}");
        }
    }

    #[test]
    fn what_stands_for_nothing_is_a_fault() {
        let mut faults = Vec::new();
        let variables = variables(&mut faults);
        assert_eq!(faults, [Fault::new(7, "there is no variable ${hots}; did you mean \"host\"?")]);
        let told = (Some(7), "there is no variable ${hots}; did you mean \"host\"?".to_owned());
        assert_eq!(variables.expand("${bad}/x").unwrap_err(), told, "the same fault");
        for wrong in ["${", "${}", "${env:GEOHAUL_NOT_THERE}", "${DATE:%!}"] {
            assert!(variables.expand(wrong).is_err(), "{wrong}");
        }
    }
}
