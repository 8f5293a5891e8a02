//! Attribute cells as the text that the `.dbf` will hold, on the workers.
//!
//! A column's type and width follow from all its cells, so what a page says about them travels with it.

use crate::model::plan::ColumnKind;
use crate::model::{Batch, Value, WritePlan};
use crate::report::{LossKind, Losses};
use crate::write::feature_words;

/// The longest text in bytes.
pub(super) const LONGEST: usize = 254;
/// The longest number in bytes: room for every double in its shortest form, `-1.7976931348623157e+308`.
pub(super) const LONGEST_NUMBER: usize = 24;

/// The cells of one page, row by row: for each its length in one byte, then its text. Null is the empty text.
pub(super) struct Cells {
    pub(super) bytes: Vec<u8>,
    pub(super) rows: usize,
    pub(super) facts: Vec<Facts>,
}

/// What the cells of a column have in them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// The longest cell in bytes.
    pub(super) widest: usize,
    /// Most digits behind the decimal point, had all numbers been written without exponent.
    pub(super) decimals: usize,
    /// A number column holds a number that is no integer.
    pub(super) fractions: bool,
    /// An integer column holds integers that not every double can tell apart.
    pub(super) beyond_doubles: bool,
    /// A number column holds text that is no number.
    pub(super) words: bool,
}

impl Facts {
    pub(super) fn join(self, other: Self) -> Self {
        Self {
            widest: self.widest.max(other.widest),
            decimals: self.decimals.max(other.decimals),
            fractions: self.fractions || other.fractions,
            beyond_doubles: self.beyond_doubles || other.beyond_doubles,
            words: self.words || other.words,
        }
    }
}

/// Encodes the attributes of selected rows of a page.
pub(super) fn encode(plan: &WritePlan, batch: &Batch, selected: &[usize], losses: &mut Losses) -> Cells {
    let mut bytes = Vec::with_capacity(selected.len() * plan.columns.len() * 16);
    let mut tallies = vec![Tally::default(); plan.columns.len()];
    for &row in selected {
        for (column, tally) in plan.columns.iter().zip(&mut tallies) {
            let mut cell = Cell { bytes: &mut bytes, row, tally };
            let value = batch.value(row, column.from);
            match column.kind {
                ColumnKind::Integer { bits } => cell.integer(&value, bits),
                ColumnKind::Single | ColumnKind::Double => cell.number(&value, false),
                ColumnKind::DateTime => cell.date(&value, |epoch_ms| plan.iso(&column.field, epoch_ms)),
                ColumnKind::Text { .. } => cell.text(&value),
            }
        }
    }
    for (column, tally) in plan.columns.iter().zip(&tallies) {
        for &(kind, count, row) in &tally.losses {
            let detail = (kind == LossKind::TextCut).then(|| format!("to {LONGEST} bytes"));
            losses.add_many(kind, Some(&column.field.name), count, detail, || Some(feature_words(plan, batch, row)));
        }
    }
    Cells { bytes, rows: selected.len(), facts: tallies.into_iter().map(|tally| tally.facts).collect() }
}

/// What a column of a page has in it, and what it lost: kind, how often, first row.
#[derive(Clone, Default)]
struct Tally {
    facts: Facts,
    losses: Vec<(LossKind, u64, usize)>,
}

/// Where the next cell goes.
struct Cell<'a> {
    bytes: &'a mut Vec<u8>,
    row: usize,
    tally: &'a mut Tally,
}

impl Cell<'_> {
    fn integer(&mut self, value: &Value<'_>, bits: u8) {
        let Some(integer) = value.as_i64() else { return self.number(value, true) };
        let declared = match bits {
            16 => i16::try_from(integer).is_ok(),
            32 => i32::try_from(integer).is_ok(),
            _ => true,
        };
        if !declared || matches!(value, Value::Bool(_)) {
            self.lose(LossKind::TypeWidened);
        }
        self.tally.facts.beyond_doubles |= integer.unsigned_abs() > 1 << 53;
        self.put(itoa::Buffer::new().format(integer));
    }

    /// A number that may have decimals, in a column that is declared to hold `integers`, or doubles.
    fn number(&mut self, value: &Value<'_>, integers: bool) {
        match value {
            Value::Null => self.put(""),
            Value::Integer(integer) => self.put(itoa::Buffer::new().format(*integer)),
            Value::Real(real) => self.shortest(*real, integers),
            Value::Number(text) => self.digits(text, integers),
            Value::Bool(flag) => {
                self.lose(LossKind::TypeWidened);
                self.put(if *flag { "1" } else { "0" });
            }
            Value::Text(text) => match text.trim() {
                "" => self.put(""),
                text if fast_float2::parse::<f64, _>(text).is_ok() => self.digits(text, integers),
                _ => self.word(text),
            },
            Value::Json(text) => self.word(text),
        }
    }

    /// A number by its own digits where they fit, else by the shortest that read back to the same double.
    fn digits(&mut self, text: &str, integers: bool) {
        let digits_only = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+'));
        if integers && digits_only {
            // Beyond 64 bits: no number type of the format keeps it.
            return self.word(text);
        }
        let plain = text.len() <= LONGEST_NUMBER && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'));
        if plain {
            return self.put_real(text, integers);
        }
        match fast_float2::parse::<f64, _>(text) {
            Ok(real) if real.is_finite() && text.len() <= LONGEST_NUMBER => self.put_real(text, integers),
            Ok(real) => self.shortest(real, integers),
            Err(_) => self.word(text),
        }
    }

    fn shortest(&mut self, real: f64, integers: bool) {
        if real.is_finite() {
            self.put_real(zmij::Buffer::new().format_finite(real), integers);
        } else {
            self.lose(LossKind::ValueDropped);
            self.put("");
        }
    }

    fn put_real(&mut self, text: &str, integers: bool) {
        if integers {
            self.lose(LossKind::TypeWidened);
            self.tally.facts.fractions = true;
        }
        self.tally.facts.decimals = self.tally.facts.decimals.max(decimals(text));
        self.put(text);
    }

    /// What is no number, in a number column.
    fn word(&mut self, text: &str) {
        self.lose(LossKind::TypeWidened);
        self.tally.facts.words = true;
        self.put(text);
    }

    fn date(&mut self, value: &Value<'_>, iso: impl Fn(i64) -> Option<String>) {
        match value {
            Value::Null | Value::Text(_) => self.text(value),
            Value::Real(real) if !real.is_finite() => self.shortest(*real, false),
            Value::Bool(_) | Value::Json(_) => self.undated(value),
            Value::Number(_) | Value::Integer(_) | Value::Real(_) => match value.as_i64().and_then(iso) {
                Some(text) => self.put(&text),
                None => self.undated(value),
            },
        }
    }

    /// What is no date of the calendar, in a date column.
    fn undated(&mut self, value: &Value<'_>) {
        self.lose(LossKind::TypeWidened);
        self.text(value);
    }

    fn text(&mut self, value: &Value<'_>) {
        self.put(value.to_text().as_deref().unwrap_or(""));
    }

    /// Appends the cell, cut to what the format holds.
    fn put(&mut self, text: &str) {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        if end < text.len() {
            self.lose(LossKind::TextCut);
        }
        self.tally.facts.widest = self.tally.facts.widest.max(end);
        self.bytes.push(end as u8);
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&text.as_bytes()[..end]);
        if memchr::memchr2(ENDS_TEXT, ENDS_FILE, &self.bytes[begin..]).is_some() {
            self.lose(LossKind::CharactersReplaced);
            for byte in &mut self.bytes[begin..] {
                if matches!(*byte, ENDS_TEXT | ENDS_FILE) {
                    *byte = b' ';
                }
            }
        }
    }

    fn lose(&mut self, kind: LossKind) {
        match self.tally.losses.iter_mut().find(|loss| loss.0 == kind) {
            Some(loss) => loss.1 += 1,
            None => self.tally.losses.push((kind, 1, self.row)),
        }
    }
}

/// Readers end a text here.
const ENDS_TEXT: u8 = 0;
/// Some readers end the file here.
const ENDS_FILE: u8 = 0x1A;

/// Digits behind the point of a number that was written without exponent: 2 of `1.25`, 22 of `1.25e-20`.
fn decimals(number: &str) -> usize {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let behind = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
    let exponent: i32 = exponent.parse().unwrap_or(0);
    usize::try_from(behind.saturating_sub(exponent)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_counted_as_if_there_were_no_exponent() {
        let counted = ["7", "1.25", "1.25e-20", "1.25e1", "1.25e+300", "1e-99999999999"].map(decimals);
        assert_eq!(counted, [0, 2, 22, 1, 0, 0]);
    }
}
