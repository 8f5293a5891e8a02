//! Cuts every `features` array out of a JSON document, so that what remains is small enough for `serde_json`, and the
//! rows stay raw bytes until a worker has them.
//!
//! It takes the document piece by piece, so a file of any size passes through a small buffer, and any key order
//! is the same to it: the schema may stand behind the rows. A large array can be looked at in parts at once, see
//! `Scanner::fork`. What real servers get wrong is mended on the way: a byte order mark, bare `NaN`, raw control
//! characters and wrong escapes in strings, trailing commas.

use serde_json::Value;

use super::braces::{BLOCK, Braces};
use super::skeleton::{FeatureArray, PLACEHOLDER, PageRange, Skeleton};
use crate::error::{Error, ErrorKind, Result};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Containers may nest this deep outside `features`.
const DEEPEST: usize = 100;

/// Takes a document in pieces: see the module.
#[derive(Debug, Clone)]
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

/// A scanner that began ahead of another.
#[derive(Debug)]
pub(crate) struct Fork {
    /// Takes the bytes from there on.
    pub(crate) scanner: Scanner,
    from: u64,
    /// Which array it is in.
    array: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum StringState {
    #[default]
    Outside,
    Inside,
    Escape,
}

/// Where the scanner is inside a `features` array.
#[derive(Debug, Clone, Default)]
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

    /// Where the first feature of the array begins that it is in; `None` outside of arrays, or before their first.
    pub(crate) fn first_feature(&self) -> Option<u64> {
        let rows = self.rows.as_ref()?;
        rows.pages.first().map(|page| page.offset).or(rows.page_start)
    }

    /// The last value under this key before the array that it is in: a clue, for the document may name others.
    pub(crate) fn clue(&self, key: &str) -> Option<Value> {
        let key = format!("\"{key}\":");
        let at = memchr::memmem::rfind(&self.text, key.as_bytes())? + key.len();
        serde_json::Deserializer::from_slice(&self.text[at..]).into_iter().next()?.ok()
    }

    /// A scanner that goes on at byte `from`, ahead in the array that this one is in, as if a feature began there.
    /// Whether one does shows when this one comes there: see [`Scanner::join`].
    pub(crate) fn fork(&self, from: u64) -> Fork {
        let scanner = Self { offset: from, rows: Some(Rows::default()), ..self.clone() };
        Fork { scanner, from, array: self.arrays.len() }
    }

    /// Goes on with what a fork found; `false`, and nothing is changed, where the fork began in the wrong place.
    pub(crate) fn join(&mut self, fork: Fork) -> bool {
        let Fork { scanner, from, array } = fork;
        let rows = match &mut self.rows {
            Some(rows) if rows.depth == 0 && rows.string == StringState::Outside => rows,
            _ => return false,
        };
        if self.offset != from || self.arrays.len() != array {
            return false;
        }
        rows.end_page(from);
        let mut pages = std::mem::take(&mut rows.pages);
        let mended = std::mem::replace(self, scanner).mended;
        mended.into_iter().for_each(|what| self.mend(what));
        // The fork is in the same array still, or has come to its end.
        let later = match self.arrays.get_mut(array) {
            Some(ended) => &mut ended.pages,
            None => &mut self.rows.get_or_insert_default().pages,
        };
        pages.append(later);
        *later = pages;
        true
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
            return Err(self
                .broken(at, "more text after the end of the document")
                .hint("give each answer of a server a file of its own; single features, one a line, are none"));
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
                self.rows = Some(Rows::default());
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
            // Inside a feature braces tell where it ends; whoever reads it looks at all of its brackets.
            if rows.depth > 0
                && rows.string != StringState::Escape
                && let Some(block) = piece[at..].first_chunk()
                && let Some(braces) = Braces::of(block, rows.string == StringState::Inside)
            {
                at += rows.pass(braces, self.offset + at as u64, self.page_bytes);
                continue;
            }
            match rows.string {
                StringState::Inside => match memchr::memchr2(b'"', b'\\', &piece[at..]) {
                    None => return Ok(piece.len()),
                    Some(found) => {
                        at += found;
                        rows.string = if piece[at] == b'"' { StringState::Outside } else { StringState::Escape };
                    }
                },
                StringState::Escape => rows.string = StringState::Inside,
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
    /// Passes over a block that begins at `offset`, at most to the end of a feature; how many bytes that is.
    #[inline]
    fn pass(&mut self, braces: Braces, offset: u64, page_bytes: u64) -> usize {
        let mut left = braces.open | braces.close;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            if braces.open >> at & 1 == 1 {
                self.depth += 1;
            } else {
                let end = at as usize + 1;
                self.close(offset + end as u64, page_bytes);
                if self.depth == 0 {
                    self.string = StringState::Outside;
                    return end;
                }
            }
        }
        self.string = if braces.in_string { StringState::Inside } else { StringState::Outside };
        BLOCK
    }

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

#[cfg(test)]
mod tests;
