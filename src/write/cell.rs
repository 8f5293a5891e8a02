//! An attribute value as the text formats write it.

use std::borrow::Cow;

use crate::model::plan::ColumnKind;
use crate::model::{Column, Value, WritePlan};

/// The text of a value: numbers by their own digits, dates in ISO 8601. `None` for null, and for what no text
/// stands for: NaN, infinities, dates beyond the years -9999 to 9999.
///
/// A value that is no date in a date column is kept as it is.
pub(crate) fn text<'a>(plan: &WritePlan, column: &Column, value: &'a Value<'_>) -> Option<Cow<'a, str>> {
    match value {
        Value::Real(real) if !real.is_finite() => None,
        Value::Number(_) | Value::Integer(_) | Value::Real(_) if column.kind == ColumnKind::DateTime => match value.as_i64() {
            Some(epoch_ms) => plan.iso(&column.field, epoch_ms).map(Cow::Owned),
            None => value.to_text(),
        },
        _ => value.to_text(),
    }
}
