//! A cursor over JSON bytes: the hot path of the conversion. It moves forward only, copies nothing, and never
//! recurses, so that a hostile body can't exhaust the stack.

use std::fmt;

use crate::model::Span;

/// Where and how a text stops being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syntax {
    /// Byte position.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}

type Result<T> = std::result::Result<T, Syntax>;

/// Values may nest this deep.
const DEEPEST: u32 = u128::BITS;

/// A position in JSON bytes.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A JSON string: the bytes between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// Where they are.
    pub span: Span,
    /// They are the text itself: no escapes, no control characters.
    pub plain: bool,
}

impl<'a> Cursor<'a> {
    /// Starts at byte `at`. The bytes must be fewer than 4 GiB, so that a [`Span`] can name each of them.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        debug_assert!(u32::try_from(bytes.len()).is_ok());
        Self { bytes, at }
    }

    /// The position.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The bytes of a span.
    pub fn slice(&self, span: Span) -> &'a [u8] {
        &self.bytes[span.range()]
    }

    /// The span from `start` to here.
    pub fn span_from(&self, start: usize) -> Span {
        Span { start: start as u32, len: (self.at - start) as u32 }
    }

    /// An error at this position.
    pub fn syntax(&self, expected: &'static str) -> Syntax {
        Syntax { at: self.at, expected }
    }

    /// The next byte that is no white space, not consumed; `None` at the end.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Consumes `byte` if it is next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Consumes `byte`, which must be next.
    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax(expected)) }
    }

    /// Consumes a string.
    #[inline]
    pub fn string(&mut self) -> Result<Quoted> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        while self.bytes[self.at..].first_chunk().is_some_and(|word| is_plain_word(*word)) {
            self.at += WORD;
        }
        let mut plain = true;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let span = self.span_from(start);
                    self.at += 1;
                    return Ok(Quoted { span, plain });
                }
                Some(b'\\') => {
                    plain = false;
                    self.at += 2;
                }
                Some(byte) => {
                    plain &= *byte >= 0x20;
                    self.at += 1;
                }
                None => return Err(Syntax { at: self.bytes.len(), expected: "the end of a string" }),
            }
        }
    }

    /// Consumes an object's next key and its colon; `None` at the object's end, which is consumed. `first` is
    /// `true` before the first member and is set to `false`.
    #[inline]
    pub fn key(&mut self, first: &mut bool) -> Result<Option<Quoted>> {
        if !self.next_member(first, b'}')? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':', "a colon")?;
        Ok(Some(key))
    }

    /// Consumes `text` if it is what an object's next member begins with: its key and colon. See [`Cursor::key`].
    #[inline]
    pub fn member_that_begins(&mut self, text: &[u8], first: &mut bool) -> bool {
        let start = self.at;
        let there = (*first || self.take(b',')) && self.peek().is_some() && self.bytes[self.at..].starts_with(text);
        if there {
            self.at += text.len();
            *first = false;
        } else {
            self.at = start;
        }
        there
    }

    /// Moves to an array's next element; `false` at the array's end, which is consumed. See [`Cursor::key`].
    #[inline]
    pub fn element(&mut self, first: &mut bool) -> Result<bool> {
        self.next_member(first, b']')
    }

    #[inline]
    fn next_member(&mut self, first: &mut bool, close: u8) -> Result<bool> {
        if self.take(close) {
            return Ok(false);
        }
        if !std::mem::replace(first, false) {
            self.expect(b',', "a comma or the end")?;
            // A trailing comma is a known slip of hand-made files.
            return Ok(!self.take(close));
        }
        Ok(true)
    }

    /// Consumes a number (also a bare `NaN` or `Infinity`, `null`, or a number in quotes, all of which occur
    /// among coordinates). `null`, `"NaN"` and the empty text are NaN.
    #[inline]
    pub fn ordinate(&mut self) -> Result<f64> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9' | b'N' | b'I' | b'n' | b'i' | b'+' | b'.') => {
                if self.bytes[self.at..].starts_with(b"null") {
                    self.at += 4;
                    return Ok(f64::NAN);
                }
                match fast_float2::parse_partial::<f64, _>(&self.bytes[self.at..]) {
                    Ok((value, length)) if length > 0 => {
                        self.at += length;
                        Ok(value)
                    }
                    _ => Err(self.syntax("a number")),
                }
            }
            Some(b'"') => {
                let start = self.at;
                let text = self.string()?;
                match self.slice(text.span) {
                    b"" | b"null" => Ok(f64::NAN),
                    text => fast_float2::parse(text).map_err(|_| Syntax { at: start, expected: "a number" }),
                }
            }
            _ => Err(self.syntax("a number")),
        }
    }

    /// Consumes a number as [`Cursor::ordinate`] does, and tells its text where that is a JSON number.
    #[inline]
    pub fn ordinate_text(&mut self) -> Result<(f64, Option<Span>)> {
        self.peek();
        let start = self.at;
        if let Some((value, length)) = short_decimal(&self.bytes[start..]) {
            self.at += length;
            return Ok((value, Some(self.span_from(start))));
        }
        let value = self.ordinate()?;
        let span = self.span_from(start);
        Ok((value, is_json_number(self.slice(span)).then_some(span)))
    }

    /// Consumes a JSON number without exponent, if one is next.
    #[inline]
    pub fn decimal(&mut self) -> Option<Span> {
        self.peek();
        let start = self.at;
        let digits = |from: usize| self.bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let first = start + usize::from(self.bytes.get(start) == Some(&b'-'));
        let whole = digits(first);
        let mut end = first + whole;
        if whole == 0 || (whole > 1 && self.bytes[first] == b'0') {
            return None;
        }
        if self.bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            if fraction == 0 {
                return None;
            }
            end += 1 + fraction;
        }
        if self.bytes.get(end).is_some_and(|byte| is_bare(*byte)) {
            return None;
        }
        self.at = end;
        Some(self.span_from(start))
    }

    /// Consumes a bare word or number, if one is next.
    #[inline]
    pub fn bare(&mut self) -> Option<Span> {
        self.peek();
        let start = self.at;
        let length = self.bytes[start..].iter().position(|byte| !is_bare(*byte)).unwrap_or(self.bytes.len() - start);
        self.at += length;
        (length > 0).then(|| self.span_from(start))
    }

    /// Consumes one value of any kind. Its brackets match; what stands between them is not looked at closely.
    pub fn skip(&mut self) -> Result<Span> {
        self.peek();
        let start = self.at;
        // The open brackets, the innermost in the lowest bit: 1 is a brace.
        let (mut open, mut depth) = (0_u128, 0);
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if depth == DEEPEST {
                        return Err(self.syntax("a value that is not nested so deep"));
                    }
                    open = open << 1 | u128::from(bracket == b'{');
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                Some(bracket @ (b'}' | b']')) if depth > 0 => {
                    if (bracket == b'}') != (open & 1 == 1) {
                        return Err(self.syntax("the bracket that was opened last to be closed"));
                    }
                    open >>= 1;
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(b'"') => {
                    self.string()?;
                }
                Some(byte) if is_bare(byte) => drop(self.bare()),
                _ => return Err(self.syntax("a value")),
            }
            if depth == 0 {
                return Ok(self.span_from(start));
            }
        }
    }
}

const WORD: usize = size_of::<u64>();

/// Whether text may stand between the quotes of a JSON string as it is: it holds no quote, backslash or control character.
#[inline]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<WORD>();
    words.iter().all(|word| is_plain_word(*word)) && rest.iter().all(|byte| *byte >= 0x20 && !matches!(byte, b'"' | b'\\'))
}

#[inline]
fn is_plain_word(word: [u8; WORD]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(word);
    // The top bit of a byte is set where the byte is below the number, at least in the lowest such byte.
    let below = |word: u64, number: u8| word.wrapping_sub(EACH * u64::from(number)) & !word & (EACH << 7);
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    is(b'"') | is(b'\\') | below(word, 0x20) == 0
}

/// The powers of ten that are doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
    1e22,
];

/// The number at the beginning of `text` and its length, where it is a JSON number without exponent whose digits fit a
/// double: such are most coordinates. One division of two exact doubles is rounded correctly, so it is exact.
#[inline]
fn short_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut digits, mut point, mut at) = (0_u64, None, start);
    let end = loop {
        let byte = *text.get(at)?;
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            digits = digits * 10 + u64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            break at;
        }
        at += 1;
        // More would not fit 64 bits.
        if at - start > 18 {
            return None;
        }
    };
    let whole = point.unwrap_or(end) - start;
    let fraction = point.map_or(0, |point| end - point - 1);
    let is_json = whole > 0 && (whole == 1 || text[start] != b'0') && (point.is_none() || fraction > 0);
    if !is_json || digits > 1 << f64::MANTISSA_DIGITS || is_bare(text[end]) {
        return None;
    }
    let value = digits as f64 / POWERS[fraction];
    Some((if negative { -value } else { value }, end))
}

/// Bytes of numbers and of bare words.
#[inline]
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// Whether these bytes are a number by the JSON grammar, so that they may be copied into JSON as they are.
///
/// ```
/// use geohaul::esri::scan::is_json_number;
///
/// assert!(is_json_number(b"-1.5e-3") && is_json_number(b"0"));
/// assert!(!is_json_number(b"01") && !is_json_number(b"1.") && !is_json_number(b"+1") && !is_json_number(b"NaN"));
/// ```
#[inline]
pub fn is_json_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let [b'.', fraction @ ..] = rest {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', rest @ ..] => rest,
            rest => rest,
        };
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_passes_over_any_value_and_nothing_more() {
        for (text, length) in
            [(r#"{"a":[1,{"b":"]}"}],"c":null} ,"#, 29), (r#""q\"uote" x"#, 9), ("-1.5e3,", 6), ("NaN]", 3), ("[]", 2)]
        {
            let mut cursor = Cursor::new(text.as_bytes(), 0);
            assert_eq!(cursor.skip().map(|span| span.len), Ok(length), "{text}");
        }
    }

    #[test]
    fn a_value_that_ends_early_is_an_error_and_not_a_panic() {
        for text in ["", "{", r#"{"a"#, r#"{"a":"#, r#""a\"#, "[1,", "[1,2", "}", "-", "\\"] {
            let mut cursor = Cursor::new(text.as_bytes(), 0);
            let skipped = cursor.skip();
            assert!(skipped.is_err() || text == "-", "{text}: {skipped:?}");
        }
    }

    #[test]
    fn a_string_is_plain_without_escapes_and_control_characters_wherever_they_stand() {
        for at in 0..20 {
            for (odd, plain) in [("é", true), ("\u{1f}", false), ("\\\"", false), (" ", true), ("\u{7f}", true), ("\u{80}", true)]
            {
                let text = format!("\"{}{odd}{}\" ,", "x".repeat(at), "\u{ff}y".repeat(20 - at));
                let quoted = Cursor::new(text.as_bytes(), 0).string().unwrap();
                assert_eq!((quoted.plain, quoted.span.len as usize), (plain, text.len() - 4), "{text}");
            }
        }
    }

    #[test]
    fn short_decimals_are_read_as_the_standard_library_reads_them() {
        for text in ["0", "-0", "-0.0", "12.5", "9344151.0407", "-122.4194155", "0.1", "9007199254740992", "123456789012345.6789"]
        {
            let (value, span) = Cursor::new(format!("{text}]").as_bytes(), 0).ordinate_text().unwrap();
            assert_eq!(
                (value.to_bits(), span.map(|span| span.len as usize)),
                (text.parse::<f64>().unwrap().to_bits(), Some(text.len()))
            );
        }
        for text in ["01", "1.", ".5", "+1", "1e5x", "--1", "1.5.5", "00.5"] {
            let read = Cursor::new(format!("{text},").as_bytes(), 0).ordinate_text();
            assert!(read.is_err() || read.unwrap().1.is_none_or(|span| is_json_number(&text.as_bytes()[span.range()])), "{text}");
        }
    }

    #[test]
    fn a_decimal_is_a_json_number_without_exponent_and_nothing_else() {
        for text in ["0", "-0", "12", "-1.5", "0.25", "01", "1.", ".5", "-", "+1", "1e5", "1x", "null", "1.5.5", "1-2", ""] {
            for end in ["", ",", "}", " "] {
                let text = format!("{text}{end}");
                let number = text.trim_end_matches([',', '}', ' ']);
                let expected = is_json_number(number.as_bytes()) && !number.contains('e');
                let mut cursor = Cursor::new(text.as_bytes(), 0);
                assert_eq!(cursor.decimal().map(|span| span.len as usize), expected.then_some(number.len()), "{text}");
                let left = if expected { end } else { &text };
                assert_eq!(text[cursor.at()..].trim_start(), left.trim_start(), "{text}");
            }
        }
    }

    #[test]
    fn ordinates_may_be_null_nan_or_in_quotes() {
        for (text, value) in
            [("1.5", Some(1.5)), ("-0", Some(-0.0)), ("null", None), ("NaN", None), ("\"NaN\"", None), ("\"2.5\"", Some(2.5))]
        {
            let got = Cursor::new(text.as_bytes(), 0).ordinate().expect(text);
            assert!(value.map_or(got.is_nan(), |v| got == v), "{text}: {got}");
        }
        assert!(Cursor::new(b"true", 0).ordinate().is_err());
    }
}
