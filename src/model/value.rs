//! One attribute value, borrowed from its batch.

use std::borrow::Cow;

/// An attribute value as it came: numbers keep their text, so nothing is rounded on the way through.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`, or the attribute is absent.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A JSON number, by its text (valid JSON).
    Number(&'a str),
    /// An integer from a binary page.
    Integer(i64),
    /// A float from a binary page; or a bare `NaN` or `Infinity`, which JSON has no text for.
    Real(f64),
    /// Text, unescaped.
    Text(Cow<'a, str>),
    /// An object or array, by its text. Its brackets match; inside it may hold what JSON does not know, such as `NaN`.
    Json(&'a str),
}

impl Value<'_> {
    /// `true` for [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as a 64-bit integer, if it is one exactly; integer text (`"17"`, `17.0`) counts.
    ///
    /// ```
    /// use geohaul::model::Value;
    ///
    /// assert_eq!(Value::Number("9007199254740993").as_i64(), Some(9_007_199_254_740_993)); // 2^53 + 1
    /// assert_eq!(Value::Number("5.0").as_i64(), Some(5));
    /// assert_eq!(Value::Number("5.5").as_i64(), None);
    /// ```
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Real(value) => whole(*value),
            Self::Number(text) => text.parse().ok().or_else(|| whole(fast_float2::parse(text).ok()?)),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Null | Self::Json(_) => None,
        }
    }

    /// The value as a double; text that reads as a number counts.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            Self::Number(text) => fast_float2::parse(text).ok(),
            Self::Text(text) => fast_float2::parse(text.trim()).ok(),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Null | Self::Json(_) => None,
        }
    }

    /// The value as text: numbers by their own digits, JSON by its text; `None` is null.
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Number(text) | Self::Json(text) => Cow::Borrowed(text),
            Self::Integer(value) => Cow::Owned(itoa::Buffer::new().format(*value).to_owned()),
            Self::Real(value) => Cow::Owned(real_text(*value)),
            Self::Text(text) => Cow::Borrowed(text),
        })
    }
}

/// The shortest text that reads back to the same double; `NaN`, `Infinity` and `-Infinity` by name.
pub fn real_text(value: f64) -> String {
    if value.is_finite() {
        zmij::Buffer::new().format_finite(value).to_owned()
    } else if value.is_nan() {
        "NaN".to_owned()
    } else if value > 0.0 {
        "Infinity".to_owned()
    } else {
        "-Infinity".to_owned()
    }
}

fn whole(value: f64) -> Option<i64> {
    // Beyond 2^53 a double no longer names one integer.
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}
