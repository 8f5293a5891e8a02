//! A jobs file as it is written: tables of keys and values, each with its line. TOML and JSON look alike from here on.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::error::did_you_mean;

/// What is wrong with the file, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// The name that was meant, to stand behind what is wrong; nothing where none is near.
pub(super) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match did_you_mean(name, known).trim() {
        "" => String::new(),
        words => format!("; {words}"),
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) line: usize,
}

impl Entry {
    /// The option that the key names: `page_size` and `page-size` are one.
    pub(super) fn option(&self) -> String {
        self.key.replace('_', "-")
    }
}

/// The entries of a table, in the order of the file, and the line that it begins on.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table {
    pub(super) line: usize,
    pub(super) entries: Vec<Entry>,
}

/// The whole file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Document {
    pub(super) variables: Table,
    pub(super) defaults: Table,
    pub(super) jobs: Vec<Table>,
}

/// The tables of a file.
const TABLES: &str = "the tables are [variables], [defaults] and [[job]]";

impl Document {
    /// Reads a file by its ending: JSON, or else TOML.
    pub(super) fn read(path: &Path, text: &str) -> Result<Self, Vec<Fault>> {
        let text = text.trim_start_matches('\u{feff}');
        let document = match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("json") => of_json(text),
            _ => of_toml(text),
        }?;
        match document.jobs.as_slice() {
            [] => Err(vec![Fault::new(1, "there are no jobs: begin one with [[job]]")]),
            _ => Ok(document),
        }
    }
}

/// The number of the line that a byte is on.
fn line_at(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

fn of_toml(text: &str) -> Result<Document, Vec<Fault>> {
    let parsed = DeTable::parse(text).map_err(|why| {
        let line = line_at(text, why.span().map_or(0, |span| span.start));
        vec![Fault::new(line, format!("this is no TOML: {}", why.message()))]
    })?;
    let (mut document, mut faults) = (Document::default(), Vec::new());
    let table = |table: &DeTable<'_>, start: usize| {
        let entry = |(key, value): (&toml::Spanned<Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| Entry {
            key: key.get_ref().to_string(),
            value: plain(value.get_ref()),
            line: line_at(text, key.span().start),
        };
        let mut entries: Vec<Entry> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.line);
        Table { line: line_at(text, start), entries }
    };
    for (key, value) in parsed.get_ref() {
        let (line, start) = (line_at(text, key.span().start), value.span().start);
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("variables", DeValue::Table(found)) => document.variables = table(found, start),
            ("defaults", DeValue::Table(found)) => document.defaults = table(found, start),
            ("job", DeValue::Array(jobs)) => {
                for job in jobs.iter() {
                    match job.get_ref() {
                        DeValue::Table(found) => document.jobs.push(table(found, job.span().start)),
                        _ => faults.push(Fault::new(line_at(text, job.span().start), "a job is a table: begin it with [[job]]")),
                    }
                }
            }
            ("job", _) => faults.push(Fault::new(line, "a job begins with [[job]], in two pairs of brackets")),
            (other, _) => faults.push(Fault::new(line, format!("'{other}' does not belong here; {TABLES}"))),
        }
    }
    if faults.is_empty() { Ok(document) } else { Err(faults) }
}

/// The value without its place. Numbers that JSON can't hold, and times, become text.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(number.as_str().into(), Value::from)
        }
        DeValue::Float(number) => {
            let float = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            float.map_or(number.as_str().into(), Value::Number)
        }
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| plain(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let pair = |(key, value): (&toml::Spanned<Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
                (key.get_ref().to_string(), plain(value.get_ref()))
            };
            Value::Object(table.iter().map(pair).collect::<Map<_, _>>())
        }
    }
}

/// The members of a JSON object with the text of their values, whose places tell the lines.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn of_json<'a>(text: &'a str) -> Result<Document, Vec<Fault>> {
    // A raw value is a piece of the text.
    let start = |raw: &str| (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let line_of = |raw: &RawValue| line_at(text, start(raw.get()));
    let broken = |at: usize, why: serde_json::Error| {
        vec![Fault::new(at + why.line().saturating_sub(1), format!("this is no JSON as a batch has it: {why}"))]
    };
    let members = |raw: &'a str| {
        let line = line_at(text, start(raw));
        serde_json::from_str::<Members<'_>>(raw).map_err(|why| broken(line, why))
    };
    let table = |raw: &'a RawValue| -> Result<Table, Vec<Fault>> {
        let entry = |(key, raw): (String, &RawValue)| {
            let value = serde_json::from_str(raw.get()).map_err(|why| broken(line_of(raw), why))?;
            Ok(Entry { key, value, line: line_of(raw) })
        };
        let entries = members(raw.get())?.0.into_iter().map(entry).collect::<Result<_, Vec<Fault>>>()?;
        Ok(Table { line: line_of(raw), entries })
    };
    let mut document = Document::default();
    for (key, raw) in members(text)?.0 {
        match key.as_str() {
            "$schema" => {}
            "variables" => document.variables = table(raw)?,
            "defaults" => document.defaults = table(raw)?,
            "job" => {
                let jobs: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|why| broken(line_of(raw), why))?;
                document.jobs = jobs.into_iter().map(table).collect::<Result<_, _>>()?;
            }
            other => return Err(vec![Fault::new(line_of(raw), format!("'{other}' does not belong here; {TABLES}"))]),
        }
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(table: &Table) -> Vec<(&str, usize)> {
        table.entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect()
    }

    #[test]
    fn toml_and_json_give_the_same_with_their_lines() {
        let toml = "[defaults]\nunzip = true\n\n[[job]]\nsource = 'a'\nname = \"x\"\n[[job]]\nname = 'y'\nlayers = [\n 'b', 'c']\nn = 0x10\n";
        let toml = Document::read("a.toml".as_ref(), toml).unwrap();
        assert_eq!(lines(&toml.defaults), [("unzip", 2)]);
        assert_eq!(lines(&toml.jobs[0]), [("source", 5), ("name", 6)]);
        assert_eq!(lines(&toml.jobs[1]), [("name", 8), ("layers", 9), ("n", 11)]);
        assert_eq!([toml.jobs[0].line, toml.jobs[1].line], [4, 7]);
        let json = "{\"defaults\": {\"unzip\":\ntrue},\n\"job\": [\n {\"source\": \"a\",\n\"name\": \"x\"},\n{\"name\": \"y\", \"layers\": [\"b\",\n\"c\"], \"n\": 16}]}";
        let json = Document::read("a.JSON".as_ref(), json).unwrap();
        assert_eq!(lines(&json.jobs[0]), [("source", 4), ("name", 5)]);
        assert_eq!(lines(&json.jobs[1]), [("name", 6), ("layers", 6), ("n", 7)]);
        let values = |document: &Document| {
            document.jobs.iter().flat_map(|job| &job.entries).map(|entry| entry.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(values(&toml), values(&json));
    }

    #[test]
    fn what_can_not_be_read_is_told_by_line() {
        let fault = |name: &str, text: &str| Document::read(name.as_ref(), text).unwrap_err().remove(0);
        assert_eq!(fault("a.toml", "[[job]]\nname = 'x'\nname = 'y'\n").line, 3);
        assert_eq!(fault("a.toml", "[[job]]\nname = \n").line, 2);
        assert_eq!(fault("a.toml", "[job]\nname = 'x'\n").what, "a job begins with [[job]], in two pairs of brackets");
        assert_eq!(fault("a.toml", "\n[[jobs]]\n").line, 2);
        assert_eq!(fault("a.json", "{\"job\": [\n{\"name\": \"x\",}]}").line, 2);
        assert_eq!(fault("a.json", "{\"job\": [\n7]}").line, 2);
        assert_eq!(fault("a.json", "{\n\"jobs\": []}").line, 2);
        assert!(fault("a.toml", "").what.starts_with("there are no jobs"));
    }
}
