//! Domains: the labels of coded values as columns of their own, and values outside of their range.
//!
//! A batch gets a column more for each field whose labels the outputs write, behind those of the header, so that
//! formats know nothing of domains. A subtype's domain goes before the field's own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::model::{Batch, Cell, Domain, Header, Span, Value};
use crate::report::{LossKind, Losses};

/// The fields that have labels, by their index: those with codes, in any subtype, and the one that holds the subtype.
pub(super) fn labelled(header: &Header) -> Vec<usize> {
    let has_codes = |rules: &Rules| std::iter::once(&rules.own).chain(rules.by_subtype.values()).any(Rule::has_codes);
    rules_of(header).iter().filter(|rules| has_codes(rules)).map(|rules| rules.column).collect()
}

/// What the domains of a layer ask of its rows.
#[derive(Debug)]
pub struct Domains {
    rules: Vec<Rules>,
    /// The column that holds the subtype, and the subtypes by code.
    subtypes: Option<(usize, Codes)>,
    /// The columns that get a label, in the order of the columns that hold them.
    labels: Vec<usize>,
    /// What has no label is its own.
    instead: bool,
    object_id: Option<usize>,
}

impl Domains {
    /// For outputs that write the labels of these columns: beside the codes, or `instead` of them. `None` where rows
    /// can pass as they are.
    pub fn new(header: &Header, labels: &[usize], instead: bool) -> Option<Self> {
        let mut rules = rules_of(header);
        rules.retain(|rules| labels.contains(&rules.column) || rules.has_range());
        if rules.is_empty() {
            return None;
        }
        let subtypes = header.subtypes.as_ref().and_then(|subtypes| {
            let codes = subtypes.list.iter().map(|subtype| (&subtype.code, subtype.name.as_str()));
            Some((header.field_index(&subtypes.field)?, Codes::new(codes)))
        });
        Some(Self { rules, subtypes, labels: labels.to_vec(), instead, object_id: header.object_id })
    }

    /// Adds the labels to the rows. Counts codes that no domain knows, and values outside of their range; both stay.
    pub fn apply(&self, batch: &mut Batch, header: &Header, losses: &mut Losses) {
        let (rows, columns, width) = (batch.rows(), batch.columns, batch.columns + self.labels.len());
        let mut cells = Vec::with_capacity(rows * width);
        let mut texts = Texts::default();
        for row in 0..rows {
            cells.extend_from_slice(&batch.cells[row * columns..(row + 1) * columns]);
            let first_label = cells.len();
            cells.resize(first_label + self.labels.len(), Cell::Null);
            let subtype = self.subtypes.as_ref().and_then(|(column, codes)| codes.find(&batch.value(row, *column)));
            for rules in &self.rules {
                let value = batch.value(row, rules.column);
                if value.is_null() {
                    continue;
                }
                let rule = subtype.and_then(|subtype| rules.by_subtype.get(&subtype)).unwrap_or(&rules.own);
                let label = self.labels.iter().position(|column| *column == rules.column);
                let mut lose = |kind| {
                    let words = || Some(batch.feature_words(self.object_id, row));
                    losses.add(kind, Some(&header.fields[rules.column].name), words);
                };
                let known = match rule {
                    Rule::Codes(codes) if label.is_some() => {
                        let known = codes.find(&value).map(|code| codes.labels[code].as_str());
                        if known.is_none() {
                            lose(LossKind::UnknownCode);
                        }
                        known
                    }
                    Rule::Range { min, max } => {
                        if is_outside(&value, min, max) {
                            lose(LossKind::OutOfRange);
                        }
                        None
                    }
                    Rule::Codes(_) | Rule::None => None,
                };
                if let Some(at) = label {
                    cells[first_label + at] = match known {
                        Some(label) => texts.cell(label, batch.text.len()),
                        None if self.instead => match batch.cells[row * columns + rules.column] {
                            // The same characters, as text.
                            Cell::Number(span) => Cell::Text(span),
                            Cell::Json(_) | Cell::Bool(_) | Cell::Integer(_) | Cell::Real(_) => {
                                texts.cell(&value.to_text().unwrap_or_default(), batch.text.len())
                            }
                            cell => cell,
                        },
                        None => Cell::Null,
                    };
                }
            }
        }
        batch.text.push_str(&texts.added);
        (batch.cells, batch.columns) = (cells, width);
    }
}

/// Texts that a batch gets, each once.
#[derive(Default)]
struct Texts {
    added: String,
    known: HashMap<String, Cell>,
}

impl Texts {
    /// The cell of a text, which will stand behind the `before` bytes that the batch has already.
    fn cell(&mut self, text: &str, before: usize) -> Cell {
        if let Some(cell) = self.known.get(text) {
            return *cell;
        }
        let quoted = serde_json::Value::from(text).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        let (start, len) = (u32::try_from(before + self.added.len()), u32::try_from(inner.len()));
        // A page of 4 GiB has no room for labels; it is refused before it comes here.
        let (Ok(start), Ok(len)) = (start, len) else { return Cell::Null };
        self.added.push_str(inner);
        let span = Span { start, len };
        let cell = if inner.len() == text.len() { Cell::Text(span) } else { Cell::Escaped(span) };
        self.known.insert(text.to_owned(), cell);
        cell
    }
}

/// The rules of one field.
#[derive(Debug)]
struct Rules {
    column: usize,
    own: Rule,
    /// Where a subtype has another, by its place in the list.
    by_subtype: HashMap<usize, Rule>,
}

impl Rules {
    fn has_range(&self) -> bool {
        std::iter::once(&self.own).chain(self.by_subtype.values()).any(|rule| matches!(rule, Rule::Range { .. }))
    }
}

#[derive(Debug)]
enum Rule {
    None,
    Codes(Codes),
    Range { min: serde_json::Value, max: serde_json::Value },
}

impl Rule {
    fn of(domain: Option<&Domain>) -> Self {
        match domain {
            Some(Domain::Coded { codes, .. }) => Self::Codes(Codes::new(codes.iter().map(|(code, name)| (code, name.as_str())))),
            Some(Domain::Range { min, max, .. }) => Self::Range { min: min.clone(), max: max.clone() },
            Some(Domain::Inherited) | None => Self::None,
        }
    }

    fn has_codes(&self) -> bool {
        matches!(self, Self::Codes(_))
    }
}

/// The fields that have a domain, in their order.
fn rules_of(header: &Header) -> Vec<Rules> {
    let subtypes = header.subtypes.as_ref();
    let subtype_field = subtypes.and_then(|subtypes| header.field_index(&subtypes.field));
    let written = (0..header.fields.len()).filter(|column| !header.unwritten.contains(column));
    let rules = written.map(|column| {
        let field = &header.fields[column];
        let mut own = Rule::of(field.domain.as_ref());
        if let (Some(subtypes), true, Rule::None) = (subtypes, Some(column) == subtype_field, &own) {
            own = Rule::Codes(Codes::new(subtypes.list.iter().map(|subtype| (&subtype.code, subtype.name.as_str()))));
        }
        let mut by_subtype = HashMap::new();
        for (index, subtype) in subtypes.into_iter().flat_map(|subtypes| &subtypes.list).enumerate() {
            for (_, domain) in subtype.domains.iter().filter(|(name, _)| header.field_index(name) == Some(column)) {
                if *domain != Domain::Inherited {
                    by_subtype.insert(index, Rule::of(Some(domain)));
                }
            }
        }
        Rules { column, own, by_subtype }
    });
    rules.filter(|rules| !matches!(rules.own, Rule::None) || !rules.by_subtype.is_empty()).collect()
}

/// Labels by code. Servers mix up types, so `1` is also `"1"` and `1.0`; but `"01"` is not `"1"` where codes are text.
#[derive(Debug)]
struct Codes {
    labels: Vec<String>,
    by_text: HashMap<String, usize>,
    by_number: HashMap<Number, usize>,
    /// Codes that are text and read as a number, for values that are numbers.
    by_text_as_number: HashMap<Number, usize>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Number {
    Whole(i64),
    /// By its bits.
    Real(u64),
}

impl Number {
    fn of(value: &Value<'_>) -> Option<Self> {
        let real = || value.as_f64().map(|real| Self::Real(real.to_bits()));
        value.as_i64().map(Self::Whole).or_else(real)
    }
}

impl Codes {
    fn new<'a>(codes: impl Iterator<Item = (&'a serde_json::Value, &'a str)>) -> Self {
        let mut all =
            Self { labels: Vec::new(), by_text: HashMap::new(), by_number: HashMap::new(), by_text_as_number: HashMap::new() };
        for (code, label) in codes {
            let at = all.labels.len();
            all.labels.push(label.to_owned());
            let number = |text: &str| Number::of(&Value::Text(text.into()));
            match code {
                serde_json::Value::String(text) => {
                    insert_first(&mut all.by_text, text.clone(), at);
                    number(text).into_iter().for_each(|number| insert_first(&mut all.by_text_as_number, number, at));
                }
                serde_json::Value::Number(text) => {
                    number(&text.to_string()).into_iter().for_each(|number| insert_first(&mut all.by_number, number, at));
                }
                _ => {}
            }
        }
        all
    }

    /// The place of a value among the codes.
    fn find(&self, value: &Value<'_>) -> Option<usize> {
        if let Value::Text(text) = value {
            let exact = self.by_text.get(text.as_ref());
            return exact.or_else(|| self.by_number.get(&Number::of(value)?)).copied();
        }
        let number = Number::of(value)?;
        self.by_number.get(&number).or_else(|| self.by_text_as_number.get(&number)).copied()
    }
}

/// The first of two equal codes counts.
fn insert_first<K: Eq + std::hash::Hash>(map: &mut HashMap<K, usize>, key: K, at: usize) {
    if let Entry::Vacant(entry) = map.entry(key) {
        entry.insert(at);
    }
}

/// Whether a value lies outside of a range. Numbers are compared as such; text (a date) with text.
fn is_outside(value: &Value<'_>, min: &serde_json::Value, max: &serde_json::Value) -> bool {
    let limit = |limit: &serde_json::Value| match limit {
        serde_json::Value::String(text) => Value::Text(text.clone().into()).as_f64(),
        limit => limit.as_f64(),
    };
    match (value.as_f64(), limit(min), limit(max)) {
        (Some(value), Some(min), Some(max)) => !(min..=max).contains(&value),
        _ => match (value, min.as_str(), max.as_str()) {
            (Value::Text(text), Some(min), Some(max)) => text.as_ref() < min || text.as_ref() > max,
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_are_compared_across_types_and_text_codes_among_themselves_exactly() {
        let codes = [json!(1), json!("01"), json!("1"), json!(2.5), json!("A")];
        let codes = Codes::new(codes.iter().zip(["one", "zero one", "text one", "two and a half", "letter"]));
        let label = |value: Value<'_>| codes.find(&value).map(|at| codes.labels[at].as_str());
        assert_eq!(label(Value::Number("1")), Some("one"));
        assert_eq!(label(Value::Number("1.0")), Some("one"));
        assert_eq!(label(Value::Integer(1)), Some("one"));
        assert_eq!(label(Value::Text("1".into())), Some("text one"));
        assert_eq!(label(Value::Text("01".into())), Some("zero one"));
        assert_eq!(label(Value::Text("2.50".into())), Some("two and a half"));
        assert_eq!(label(Value::Text("a".into())), None);
        assert_eq!(label(Value::Number("3")), None);
    }

    #[test]
    fn a_range_holds_both_of_its_ends_and_dates_may_be_text() {
        let outside = |value, min, max| is_outside(&value, &min, &max);
        assert!(!outside(Value::Number("1"), json!(1), json!(2)) && !outside(Value::Number("2"), json!(1), json!(2)));
        assert!(outside(Value::Real(2.000_001), json!(1), json!("2")));
        assert!(outside(Value::Text("2021-01-01".into()), json!("2019-01-01"), json!("2020-12-31")));
        assert!(!outside(Value::Text("n/a".into()), json!(1), json!(2)));
    }
}
