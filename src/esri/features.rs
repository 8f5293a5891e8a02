//! Features as they stand in a `features` array: a walk that hands each attribute and geometry to a visitor.

use super::scan::{Cursor, Quoted, Syntax, is_json_number};
use crate::model::Span;

/// A visitor's answer: `Ok`, or where the text is not what it should be.
pub type Walked<E> = std::result::Result<(), E>;

/// One attribute value, unparsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number by the JSON grammar.
    Number(Span),
    /// A number that JSON has no text for (`NaN`, `Infinity`) or that is written in another way (`.5`).
    Real(f64),
    /// A string.
    Text(Quoted),
    /// An object or array.
    Json(Span),
}

/// A feature's place, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Position in the walk, from 0.
    pub row: usize,
    /// Where the feature begins.
    pub at: usize,
}

impl Syntax {
    /// In words, with the byte counted from the beginning of the feature: where the feature stands in its file or
    /// answer says nothing to people.
    pub fn within(self, feature: Feature) -> String {
        let within = Self { at: self.at.saturating_sub(feature.at), ..self };
        format!("{within} of the feature")
    }
}

/// The key of an attribute.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// What stands between its quotes.
    pub name: &'a [u8],
    /// Its place in the feature, where other features of the walk have the same key there: what a visitor found out
    /// about it once holds for all of them.
    pub usual: Option<usize>,
}

/// Takes what a walk meets. `E` is made from a [`Syntax`].
pub trait FeatureVisitor<E> {
    /// An attribute.
    fn attribute(&mut self, key: Key<'_>, token: Token) -> Walked<E>;

    /// The geometry: the cursor stands before its value and must be left behind it.
    ///
    /// # Errors
    /// What the visitor makes of a geometry that it can't take.
    fn geometry(&mut self, cursor: &mut Cursor<'_>) -> Walked<E>;

    /// The feature is over.
    fn end(&mut self) -> Walked<E>;
}

/// Walks over the features between `from` and `to` of `bytes`: objects with `attributes` and `geometry` in any
/// order. `on_error` adds the place of the feature in which an error occurred.
///
/// # Errors
/// The first error, of the text or of the visitor.
pub fn walk<E: From<Syntax>, V: FeatureVisitor<E>>(
    bytes: &[u8],
    range: std::ops::Range<usize>,
    visitor: &mut V,
) -> std::result::Result<(), (E, Feature)> {
    let mut cursor = Cursor::new(&bytes[..range.end], range.start);
    let (mut row, mut usual) = (0, Vec::new());
    while cursor.peek().is_some() {
        let mut place = Feature { row, at: cursor.at() };
        let walked = (|| {
            if row > 0 {
                cursor.expect(b',', "a comma between features")?;
                if cursor.peek().is_none() {
                    return Ok(());
                }
                place.at = cursor.at();
            }
            feature(&mut cursor, &mut usual, visitor)
        })();
        walked.map_err(|error| (error, place))?;
        row += 1;
    }
    Ok(())
}

/// A key that the attributes of a feature had at one place: most features have it there.
struct UsualKey<'a> {
    name: &'a [u8],
    /// From its first quote to behind its colon.
    text: &'a [u8],
}

fn feature<'a, E: From<Syntax>, V: FeatureVisitor<E>>(
    cursor: &mut Cursor<'a>,
    usual: &mut Vec<UsualKey<'a>>,
    visitor: &mut V,
) -> Walked<E> {
    cursor.expect(b'{', "a feature")?;
    let mut first = true;
    loop {
        // As servers write them; with a space before the colon they are keys all the same.
        let key = if cursor.member_that_begins(br#""attributes":"#, &mut first) {
            b"attributes"
        } else if cursor.member_that_begins(br#""geometry":"#, &mut first) {
            b"geometry"
        } else if let Some(Quoted { span, .. }) = cursor.key(&mut first)? {
            cursor.slice(span)
        } else {
            break;
        };
        match key {
            b"attributes" => attributes(cursor, usual, visitor)?,
            b"geometry" => visitor.geometry(cursor)?,
            _ => {
                cursor.skip()?;
            }
        }
    }
    visitor.end()
}

fn attributes<'a, E: From<Syntax>, V: FeatureVisitor<E>>(
    cursor: &mut Cursor<'a>,
    usual: &mut Vec<UsualKey<'a>>,
    visitor: &mut V,
) -> Walked<E> {
    if cursor.peek() == Some(b'n') {
        cursor.skip()?;
        return Ok(());
    }
    cursor.expect(b'{', "the attributes")?;
    let mut first = true;
    for place in 0.. {
        let key = match usual.get(place) {
            Some(UsualKey { name, text }) if cursor.member_that_begins(text, &mut first) => Key { name, usual: Some(place) },
            _ => {
                let Some(Quoted { span, .. }) = cursor.key(&mut first)? else { break };
                let name = cursor.slice(span);
                let is_first = place == usual.len();
                if is_first {
                    usual.push(UsualKey { name, text: cursor.slice(cursor.span_from(span.start as usize - 1)) });
                }
                Key { name, usual: is_first.then_some(place) }
            }
        };
        let token = token(cursor)?;
        visitor.attribute(key, token)?;
    }
    Ok(())
}

#[inline]
fn token(cursor: &mut Cursor<'_>) -> Result<Token, Syntax> {
    Ok(match cursor.peek() {
        Some(b'"') => Token::Text(cursor.string()?),
        Some(b'{' | b'[') => Token::Json(cursor.skip()?),
        _ => {
            let at = cursor.at();
            if let Some(span) = cursor.decimal() {
                return Ok(Token::Number(span));
            }
            let span = cursor.bare().ok_or_else(|| cursor.syntax("a value"))?;
            match cursor.slice(span) {
                b"null" => Token::Null,
                b"true" => Token::Bool(true),
                b"false" => Token::Bool(false),
                text if is_json_number(text) => Token::Number(span),
                text => Token::Real(fast_float2::parse(text).map_err(|_| Syntax { at, expected: "a value" })?),
            }
        }
    })
}

/// The integer object ids of the features in `range`, in their order; `None` where a feature has none.
/// The field is found by name regardless of case; one that is written just so goes before others.
///
/// # Errors
/// Where the text is no list of features.
pub fn object_ids(bytes: &[u8], range: std::ops::Range<usize>, field: &str) -> Result<Vec<Option<i64>>, Syntax> {
    struct Ids<'a> {
        bytes: &'a [u8],
        field: &'a str,
        current: Option<i64>,
        exact: bool,
        ids: Vec<Option<i64>>,
    }
    impl FeatureVisitor<Syntax> for Ids<'_> {
        fn attribute(&mut self, key: Key<'_>, token: Token) -> Walked<Syntax> {
            let exact = key.name == self.field.as_bytes();
            if exact || (!self.exact && key.name.eq_ignore_ascii_case(self.field.as_bytes())) {
                self.exact |= exact;
                self.current = match token {
                    Token::Number(span) => std::str::from_utf8(&self.bytes[span.range()]).ok().and_then(|text| text.parse().ok()),
                    _ => None,
                };
            }
            Ok(())
        }
        fn geometry(&mut self, cursor: &mut Cursor<'_>) -> Walked<Syntax> {
            cursor.skip().map(drop)
        }
        fn end(&mut self) -> Walked<Syntax> {
            self.ids.push(self.current.take());
            self.exact = false;
            Ok(())
        }
    }
    let mut visitor = Ids { bytes, field, current: None, exact: false, ids: Vec::new() };
    walk(bytes, range, &mut visitor).map_err(|(error, _)| error)?;
    Ok(visitor.ids)
}

/// Reads the features in `range` value by value, as tolerant as their conversion is.
///
/// # Errors
/// Where the text is no list of features.
pub fn check(bytes: &[u8], range: std::ops::Range<usize>) -> Result<(), Syntax> {
    struct Check;
    impl FeatureVisitor<Syntax> for Check {
        fn attribute(&mut self, _: Key<'_>, _: Token) -> Walked<Syntax> {
            Ok(())
        }
        fn geometry(&mut self, cursor: &mut Cursor<'_>) -> Walked<Syntax> {
            // Bounds the depth.
            cursor.clone().skip()?;
            value(cursor)
        }
        fn end(&mut self) -> Walked<Syntax> {
            Ok(())
        }
    }
    walk(bytes, range, &mut Check).map_err(|(error, _)| error)
}

/// Consumes a value and all that is in it.
fn value(cursor: &mut Cursor<'_>) -> Walked<Syntax> {
    let mut first = true;
    if cursor.take(b'[') {
        while cursor.element(&mut first)? {
            value(cursor)?;
        }
    } else if cursor.take(b'{') {
        while cursor.key(&mut first)?.is_some() {
            value(cursor)?;
        }
    } else {
        token(cursor)?;
    }
    Ok(())
}

/// Where each of the features in `range` stands.
///
/// # Errors
/// Where the text is no list of values.
pub fn feature_texts(bytes: &[u8], range: std::ops::Range<usize>) -> Result<Vec<Span>, Syntax> {
    let mut cursor = Cursor::new(&bytes[..range.end], range.start);
    let mut spans = Vec::new();
    while cursor.peek().is_some() {
        if !spans.is_empty() {
            cursor.expect(b',', "a comma between features")?;
        }
        if cursor.peek().is_some() {
            spans.push(cursor.skip()?);
        }
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_ids_keep_64_bits_and_gaps() {
        let text = br#"{"geometry":{"x":1},"attributes":{"FID":9007199254740993,"a":"}"}},{"attributes":{"a":1}},{"attributes":{"fid":-5}}"#;
        assert_eq!(object_ids(text, 0..text.len(), "fid"), Ok(vec![Some(9_007_199_254_740_993), None, Some(-5)]));
    }

    #[test]
    fn of_fields_that_differ_in_case_only_the_one_that_is_named_holds_the_ids() {
        for text in [
            &br#"{"attributes":{"FID":1,"fid":7}},{"attributes":{"FID":2,"fid":7}}"#[..],
            br#"{"attributes":{"fid":7,"FID":1}},{"attributes":{"fid":7,"FID":2}}"#,
        ] {
            assert_eq!(object_ids(text, 0..text.len(), "FID"), Ok(vec![Some(1), Some(2)]));
        }
    }

    #[test]
    fn what_is_no_json_and_can_be_read_all_the_same_passes_the_check_and_what_can_not_does_not() {
        let passes = |geometry: &str| {
            let text = format!("{{\"attributes\":{{\"a\":\"\u{b}\",\"b\":NaN}},\"geometry\":{geometry}}}");
            check(text.as_bytes(), 0..text.len()).is_ok()
        };
        let good = [r#"{"x":NaN,"y":1}"#, r#"{"x":"NaN","y":.5}"#, "null", r#"{"rings":[[[0,1,],[Infinity,-2e3]]]}"#];
        let bad = [r#"{"x":1 2}"#, r#"{"x":}"#, r#"{"rings":[[[0 1]]]}"#, r#"{"x":1]"#, r#"{"x":tru}"#, "[[1,]", ""];
        assert!(good.iter().all(|text| passes(text)));
        assert!(!bad.iter().any(|text| passes(text)));
        assert!(!passes(&"[".repeat(100_000)));
    }

    #[test]
    fn a_feature_that_is_no_object_is_an_error() {
        assert!(object_ids(b"1", 0..1, "a").is_err());
        assert!(object_ids(br#"{"attributes":{"a":tru}}"#, 0..24, "a").is_err());
    }
}
