//! A whole answer without its rows: the [`Scanner`] cuts every `features` array out of a JSON document, so that
//! what remains is small enough for `serde_json`, and the rows stay raw bytes until a worker has them.
//!
//! It takes the document piece by piece, so a file of any size passes through a small buffer, and any key order
//! is the same to it: the schema may stand behind the rows. What real servers get wrong is mended on the way:
//! a byte order mark, bare `NaN`, raw control characters and wrong escapes in strings, trailing commas.

use bytes::Bytes;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::model::PageFacts;

/// The key of the object that stands where a `features` array stood: `{"$features": 0}`.
const PLACEHOLDER: &str = "$features";

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Containers may nest this deep outside `features`.
const DEEPEST: usize = 100;

/// Some whole features of one array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRange {
    /// First byte in the document.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// Number of features.
    pub rows: u64,
}

/// One `features` array: its rows in ranges of whole features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureArray {
    /// The ranges in order.
    pub pages: Vec<PageRange>,
}

impl FeatureArray {
    /// Number of features.
    pub fn rows(&self) -> u64 {
        self.pages.iter().map(|page| page.rows).sum()
    }
}

/// A document without its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Skeleton {
    /// The document; each `features` array is replaced by a placeholder, see [`Skeleton::features_of`].
    pub value: Value,
    arrays: Vec<FeatureArray>,
    /// What was mended, in words.
    pub mended: Vec<&'static str>,
}

impl Skeleton {
    /// The rows of an object of the document that had a `features` array.
    pub fn features_of(&self, object: &Value) -> Option<&FeatureArray> {
        let index = object.get("features")?.get(PLACEHOLDER)?.as_u64()?;
        self.arrays.get(usize::try_from(index).ok()?)
    }

    /// Number of features in all arrays.
    pub fn rows(&self) -> u64 {
        self.arrays.iter().map(FeatureArray::rows).sum()
    }

    /// What there is to know of the rows of one page, scanned as a whole: with pages of `u64::MAX` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] where the document holds more than one `features` array.
    pub fn page_facts(&self) -> Result<PageFacts> {
        let (rows, features) = match self.arrays.as_slice() {
            [] => (0, 0..0),
            [array] => match array.pages.as_slice() {
                [] => (0, 0..0),
                // One range per array, as no page is ever full; offsets are those of the body.
                [page, ..] => (page.rows as usize, page.offset as usize..(page.offset + page.len) as usize),
            },
            _ => return Err(Error::new(ErrorKind::Input, "the answer holds several lists of features where one was asked for")),
        };
        Ok(PageFacts { rows, features, exceeded: exceeded_transfer_limit(&self.value), ..PageFacts::default() })
    }
}

/// Takes a document in pieces: see the module.
#[derive(Debug)]
pub struct Scanner {
    page_bytes: u64,
    offset: u64,
    /// The document so far, without rows.
    text: Vec<u8>,
    stack: Vec<u8>,
    string: StringState,
    string_start: usize,
    word_start: Option<usize>,
    key_is_features: bool,
    rows: Option<Rows>,
    arrays: Vec<FeatureArray>,
    done: bool,
    mended: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StringState {
    Outside,
    Inside,
    Escape,
}

/// Where the scanner is inside a `features` array.
#[derive(Debug)]
struct Rows {
    /// Open braces.
    depth: usize,
    string: StringState,
    page_start: Option<u64>,
    page_rows: u64,
    pages: Vec<PageRange>,
}

impl Scanner {
    /// A scanner that ends a range of features once it has `page_bytes` bytes.
    pub fn new(page_bytes: u64) -> Self {
        Self {
            page_bytes,
            offset: 0,
            text: Vec::new(),
            stack: Vec::new(),
            string: StringState::Outside,
            string_start: 0,
            word_start: None,
            key_is_features: false,
            rows: None,
            arrays: Vec::new(),
            done: false,
            mended: Vec::new(),
        }
    }

    /// Takes the next piece of the document.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] where the document is no JSON.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        let mut at = 0;
        while self.text.is_empty()
            && let Some(mark) = BYTE_ORDER_MARK.get(self.offset as usize + at)
            && piece.get(at) == Some(mark)
        {
            self.mend("byte order mark removed");
            at += 1;
        }
        while at < piece.len() {
            at = if self.rows.is_some() { self.push_rows(piece, at)? } else { self.push_byte(piece[at], at)? };
        }
        self.offset += piece.len() as u64;
        Ok(())
    }

    fn broken(&self, at: usize, why: &str) -> Error {
        Error::new(ErrorKind::Input, "the JSON is broken").because(format!("{why} at byte {}", self.offset + at as u64))
    }

    fn mend(&mut self, what: &'static str) {
        if !self.mended.contains(&what) {
            self.mended.push(what);
        }
    }

    /// One byte outside `features` arrays.
    fn push_byte(&mut self, byte: u8, at: usize) -> Result<usize> {
        match self.string {
            StringState::Outside => self.push_structure(byte, at)?,
            StringState::Inside => match byte {
                b'"' => {
                    self.text.push(byte);
                    self.string = StringState::Outside;
                }
                b'\\' => self.string = StringState::Escape,
                0..0x20 => {
                    self.mend("raw control characters in text escaped");
                    self.text.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                }
                _ => self.text.push(byte),
            },
            StringState::Escape => {
                let known = matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u');
                if !known {
                    self.mend("wrong escapes in text mended");
                    self.text.push(b'\\');
                }
                self.text.extend_from_slice(&[b'\\', byte]);
                self.string = StringState::Inside;
            }
        }
        Ok(at + 1)
    }

    fn push_structure(&mut self, byte: u8, at: usize) -> Result<()> {
        if !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'+' | b'.') {
            self.end_word();
        }
        if self.done && !byte.is_ascii_whitespace() && byte != 0 {
            return Err(self.broken(at, "more text after the end of the document").hint("give each document a file of its own"));
        }
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return Ok(()),
            // Some servers pad with it.
            0 if self.done => return Ok(()),
            0 | 0xFE | 0xFF => {
                return Err(Error::new(ErrorKind::Input, "the JSON can't be read")
                    .because("it is UTF-16, or no text at all")
                    .hint("save it as UTF-8: iconv -f UTF-16 -t UTF-8"));
            }
            b'"' => {
                self.string = StringState::Inside;
                self.string_start = self.text.len();
            }
            b':' => {
                self.key_is_features = &self.text[self.string_start..] == b"\"features\"";
                self.text.push(byte);
                return Ok(());
            }
            b'[' if self.key_is_features => {
                self.key_is_features = false;
                self.rows =
                    Some(Rows { depth: 0, string: StringState::Outside, page_start: None, page_rows: 0, pages: Vec::new() });
                return Ok(());
            }
            b'{' | b'[' => {
                if self.stack.len() == DEEPEST {
                    return Err(self.broken(at, "nested too deep"));
                }
                self.stack.push(byte);
            }
            b'}' | b']' => {
                let open = if byte == b'}' { b'{' } else { b'[' };
                if self.stack.pop() != Some(open) {
                    return Err(self.broken(at, "a bracket closes nothing"));
                }
                if self.text.last() == Some(&b',') {
                    self.mend("trailing commas removed");
                    self.text.pop();
                }
                self.done = self.stack.is_empty();
            }
            b',' => {}
            _ => {
                if byte == b'<' && self.text.is_empty() {
                    return Err(Error::new(ErrorKind::Input, "the answer is a web page or XML, not JSON")
                        .hint("save the answer that the server gives with f=json; a page may be its sign-in or an error"));
                }
                if self.stack.is_empty() {
                    return Err(self.broken(at, "expected { or [").hint("is this a saved answer of an ArcGIS server (f=json)?"));
                }
                self.word_start.get_or_insert(self.text.len());
            }
        }
        self.key_is_features = false;
        self.text.push(byte);
        Ok(())
    }

    /// Ends a bare word or number; what JSON does not know (`NaN`) becomes `null`.
    fn end_word(&mut self) {
        let Some(start) = self.word_start.take() else { return };
        let word = &self.text[start..];
        let is_json = matches!(word, b"null" | b"true" | b"false") || super::scan::is_json_number(word);
        if !is_json {
            let known = [&b"NaN"[..], b"nan", b"Infinity", b"-Infinity", b"-NaN", b"inf", b"-inf"].contains(&word);
            if known {
                self.text.truncate(start);
                self.text.extend_from_slice(b"null");
                self.mend("bare NaN or Infinity read as null");
            }
        }
    }

    /// Bytes inside a `features` array: only strings and braces matter.
    fn push_rows(&mut self, piece: &[u8], mut at: usize) -> Result<usize> {
        let Some(rows) = &mut self.rows else { return Ok(at) };
        while at < piece.len() {
            match rows.string {
                StringState::Inside => match memchr::memchr2(b'"', b'\\', &piece[at..]) {
                    None => return Ok(piece.len()),
                    Some(found) => {
                        at += found;
                        rows.string = if piece[at] == b'"' { StringState::Outside } else { StringState::Escape };
                    }
                },
                StringState::Escape => rows.string = StringState::Inside,
                // Inside a feature braces tell where it ends; whoever reads it looks at all of its brackets.
                StringState::Outside if rows.depth > 0 => match memchr::memchr3(b'"', b'{', b'}', &piece[at..]) {
                    None => return Ok(piece.len()),
                    Some(found) => {
                        at += found;
                        match piece[at] {
                            b'"' => rows.string = StringState::Inside,
                            b'{' => rows.depth += 1,
                            _ => rows.close(self.offset + at as u64 + 1, self.page_bytes),
                        }
                    }
                },
                StringState::Outside => match piece[at] {
                    b'{' => {
                        rows.page_start.get_or_insert(self.offset + at as u64);
                        rows.depth = 1;
                    }
                    b']' => {
                        rows.end_page(self.offset + at as u64);
                        let pages = std::mem::take(&mut rows.pages);
                        self.rows = None;
                        self.text.extend_from_slice(format!("{{\"{PLACEHOLDER}\":{}}}", self.arrays.len()).as_bytes());
                        self.arrays.push(FeatureArray { pages });
                        return Ok(at + 1);
                    }
                    b',' | b' ' | b'\n' | b'\r' | b'\t' => {}
                    b'}' => return Err(self.broken(at, "a bracket closes nothing")),
                    _ => return Err(self.broken(at, "a feature is no object")),
                },
            }
            at += 1;
        }
        Ok(at)
    }

    /// The document is over.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] where it is empty, ends early, or is no JSON.
    pub fn finish(mut self) -> Result<Skeleton> {
        self.end_word();
        if self.text.is_empty() && self.rows.is_none() {
            return Err(Error::new(ErrorKind::Input, "the answer is empty").hint("fetch it again, with f=json"));
        }
        if !self.done || self.rows.is_some() {
            return Err(Error::new(ErrorKind::Input, "the JSON ends in the middle")
                .because(format!(
                    "after {} bytes, {} brackets are still open",
                    self.offset,
                    self.stack.len() + usize::from(self.rows.is_some())
                ))
                .hint("the file or answer was cut off; fetch it again"));
        }
        let text = match String::from_utf8(self.text) {
            Ok(text) => text,
            Err(wrong) => {
                self.mended.push("bytes that are no UTF-8 replaced");
                String::from_utf8_lossy(wrong.as_bytes()).into_owned()
            }
        };
        let value = serde_json::from_str(&text).map_err(|why| Error::new(ErrorKind::Input, "the JSON is broken").because(why))?;
        Ok(Skeleton { value, arrays: self.arrays, mended: self.mended })
    }
}

impl Rows {
    /// A brace closes before `end`: perhaps a feature, perhaps a page of at least `page_bytes` bytes.
    fn close(&mut self, end: u64, page_bytes: u64) {
        self.depth -= 1;
        if self.depth == 0 {
            self.page_rows += 1;
            if self.page_start.is_some_and(|start| end - start >= page_bytes) {
                self.end_page(end);
            }
        }
    }

    fn end_page(&mut self, end: u64) {
        if let Some(offset) = self.page_start.take() {
            self.pages.push(PageRange { offset, len: end - offset, rows: self.page_rows });
            self.page_rows = 0;
        }
    }
}

/// One answer of a layer query: the document without its rows, and what there is to know of the rows.
///
/// # Errors
/// [`ErrorKind::Input`] where it is no JSON, or holds more than one `features` array.
///
/// ```
/// use bytes::Bytes;
///
/// let body = Bytes::from_static(br#"{"features":[{"attributes":{"A":1}}],"exceededTransferLimit":true}"#);
/// let (skeleton, facts) = geohaul::esri::peek(&body).unwrap();
/// assert_eq!((facts.rows, facts.exceeded), (1, true));
/// assert_eq!(&body[facts.features], br#"{"attributes":{"A":1}}"#);
/// assert!(skeleton.value.get("exceededTransferLimit").is_some());
/// ```
pub fn peek(body: &Bytes) -> Result<(Skeleton, PageFacts)> {
    let mut scanner = Scanner::new(u64::MAX);
    scanner.push(body)?;
    let skeleton = scanner.finish()?;
    let facts = skeleton.page_facts()?;
    Ok((skeleton, facts))
}

/// Whether the server says that there is more, in either of the places where it does.
pub fn exceeded_transfer_limit(value: &Value) -> bool {
    let flag = |object: Option<&Value>| match object.and_then(|o| o.get("exceededTransferLimit")) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    flag(Some(value)) || flag(value.get("properties"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scan_in_pieces(text: &[u8], piece: usize, page_bytes: u64) -> Result<Skeleton> {
        let mut scanner = Scanner::new(page_bytes);
        for piece in text.chunks(piece) {
            scanner.push(piece)?;
        }
        scanner.finish()
    }

    #[test]
    fn any_split_into_pieces_gives_the_same_skeleton() {
        let text = "\u{feff}{\"a\":\"\\\"features\\\":[\",\"features\" : [ {\"attributes\":{\"t\":\"]}\\\\\"}} , {} ],\"n\":[NaN,-Infinity,1.5,],\"features2\":[1],\"x\":{\"features\":[]}}";
        let whole = scan_in_pieces(text.as_bytes(), text.len(), u64::MAX).unwrap();
        assert_eq!(
            whole.value,
            json!({"a": "\"features\":[", "features": {"$features": 0}, "n": [null, null, 1.5], "features2": [1], "x": {"features": {"$features": 1}}})
        );
        assert_eq!(whole.features_of(&whole.value).unwrap().rows(), 2);
        assert_eq!(whole.features_of(&whole.value["x"]).unwrap().rows(), 0);
        for piece in [1, 2, 3, 7] {
            let pieces = scan_in_pieces(text.as_bytes(), piece, u64::MAX).unwrap();
            assert_eq!((&pieces.value, &pieces.mended), (&whole.value, &whole.mended), "pieces of {piece}");
        }
    }

    #[test]
    fn pages_hold_whole_features_and_all_of_them() {
        let feature = r#"{"attributes":{"a":"x"}}"#;
        let text = format!(r#"{{"features":[{}]}}"#, [feature; 10].join(", "));
        let skeleton = scan_in_pieces(text.as_bytes(), 5, 60).unwrap();
        let array = skeleton.features_of(&skeleton.value).unwrap();
        assert_eq!((array.rows(), array.pages.len()), (10, 4));
        for page in &array.pages {
            let part = &text[page.offset as usize..(page.offset + page.len) as usize];
            assert!(part.starts_with(r#"{"attributes""#) && part.ends_with("}}"), "{part}");
        }
    }

    #[test]
    fn control_characters_wrong_escapes_and_invalid_utf8_are_mended_and_said() {
        let skeleton = scan_in_pieces(b"{\"a\":\"x\ty\\q\xff\"}", 100, 1).unwrap();
        assert_eq!(skeleton.value, json!({"a": "x\ty\\q\u{fffd}"}));
        assert_eq!(skeleton.mended.len(), 3);
    }

    #[test]
    fn a_document_that_ends_early_or_is_none_is_an_error() {
        for text in [
            "",
            "  ",
            "{",
            r#"{"features":[{"attributes":{}}"#,
            r#"{"a":"#,
            "<html>",
            "{}}",
            r#"{"features":[1]}"#,
            r#"{"features":[}"#,
            "hello",
        ] {
            assert!(scan_in_pieces(text.as_bytes(), 1, 1).is_err(), "{text}");
        }
        assert!(scan_in_pieces("[".repeat(100_000).as_bytes(), 1000, 1).is_err());
    }
}
