//! XML text: escaping, and what XML 1.0 can't hold.

/// Appends `<name>text</name>` and a line end.
pub(crate) fn push_element(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    push_text(out, text);
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b">\n");
}

/// Appends ` name="value"`.
pub(crate) fn push_attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for (n, line) in value.split(['\n', '\t']).enumerate() {
        // A reader takes any raw white space in an attribute for a space: write what it will read.
        if n > 0 {
            out.push(b' ');
        }
        push_text(out, line);
    }
    out.push(b'"');
}

/// Appends text, escaped, without the characters that XML 1.0 can't hold even escaped; returns how many those were.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut left_out = 0;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let (instead, len): (&[u8], usize) = match bytes[at] {
            b'&' => (b"&amp;", 1),
            b'<' => (b"&lt;", 1),
            b'>' => (b"&gt;", 1),
            b'"' => (b"&quot;", 1),
            b'\'' => (b"&apos;", 1),
            // Raw, it would be read as a line feed.
            b'\r' => (b"&#13;", 1),
            b'\t' | b'\n' => (b"", 0),
            0..0x20 => (b"", 1),
            // U+FFFE and U+FFFF
            0xEF if matches!(bytes[at..], [_, 0xBF, 0xBE | 0xBF, ..]) => (b"", 3),
            _ => (b"", 0),
        };
        if len == 0 {
            at += 1;
            continue;
        }
        left_out += usize::from(instead.is_empty());
        out.extend_from_slice(&bytes[copied..at]);
        out.extend_from_slice(instead);
        at += len;
        copied = at;
    }
    out.extend_from_slice(&bytes[copied..]);
    left_out
}

#[cfg(test)]
mod tests {
    use super::{push_attribute, push_text};

    fn text(text: &str) -> (String, usize) {
        let mut out = Vec::new();
        let left_out = push_text(&mut out, text);
        (String::from_utf8(out).unwrap(), left_out)
    }

    #[test]
    fn what_has_a_meaning_in_xml_is_escaped() {
        assert_eq!(text(r#"a<b> & "c" 'd'"#), ("a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;".to_owned(), 0));
        assert_eq!(text("line\r\n\tnext"), ("line&#13;\n\tnext".to_owned(), 0));
        assert_eq!(text("äöü 漢字 😀 \u{FEFF}\u{FFFD}"), ("äöü 漢字 😀 \u{FEFF}\u{FFFD}".to_owned(), 0));
    }

    #[test]
    fn characters_that_xml_cannot_hold_are_left_out_and_counted() {
        assert_eq!(text("a\0b\u{1}\u{8}\u{B}\u{C}\u{E}\u{1F}c"), ("abc".to_owned(), 7));
        assert_eq!(text("\u{FFFE}<\u{FFFF}"), ("&lt;".to_owned(), 2));
        assert_eq!(text(""), (String::new(), 0));
    }

    #[test]
    fn white_space_in_an_attribute_is_a_space() {
        let mut out = Vec::new();
        push_attribute(&mut out, "name", "a\tb\n\"c\"");
        assert_eq!(out, b" name=\"a b &quot;c&quot;\"");
    }
}
