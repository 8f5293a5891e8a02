//! Secrets: how they travel with a request, and how they are kept out of everything else.
//!
//! A [`SecretString`] shows nothing when it is printed and is wiped from memory when dropped. What a server says
//! back may still hold what it was told, so answers pass through [`Secrets::hide_in`] before anybody sees them.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, ErrorKind, Result};

/// Secrets shorter than this are ordinary words, and are not searched for.
const SHORTEST: usize = 4;

/// Secrets from this length on are no words that data hold by chance.
const LONG: usize = 16;

/// A file with a longer line holds no secret.
const LONGEST: u64 = 64 << 10;

/// What a request carries of a sign-in.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Headers.
    pub headers: Vec<(String, SecretString)>,
    /// Fields of a body: a POST sends them behind its parameters, a GET does not send them.
    pub fields: Vec<(&'static str, SecretString)>,
}

impl Secrets {
    /// One secret field of a body.
    pub fn field(name: &'static str, value: SecretString) -> Self {
        Self { headers: Vec::new(), fields: vec![(name, value)] }
    }

    /// `text` with stars in place of the secrets, plain, percent-encoded or in base64.
    pub fn hide(&self, text: &str) -> String {
        let hidden = starred(text.as_bytes(), &self.needles(SHORTEST));
        String::from_utf8_lossy(&hidden).into_owned()
    }

    /// The body of an answer with stars in place of the secrets that it repeats; its length stays. In data only secrets
    /// that are too long to stand there by chance count.
    pub fn hide_in<'a>(&self, body: &'a [u8], is_data: bool) -> Cow<'a, [u8]> {
        starred(body, &self.needles(if is_data { LONG } else { SHORTEST }))
    }

    /// Everything that gives a secret away.
    fn needles(&self, shortest: usize) -> Vec<Vec<u8>> {
        let headers = self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("referer"));
        let values = headers.map(|(_, value)| value).chain(self.fields.iter().map(|(_, value)| value));
        let words = values.flat_map(|value| parts(value.expose_secret()));
        let mut needles: Vec<Vec<u8>> = words.filter(|word| word.len() >= shortest).flat_map(|word| forms(&word)).collect();
        needles.sort_unstable_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.dedup();
        needles
    }
}

/// A value, and the secrets in it: `x` of `Bearer x`, and the password of `Basic x`.
fn parts(value: &str) -> Vec<String> {
    let mut parts = vec![value.to_owned()];
    if let Some((scheme, rest)) = value.split_once(' ').filter(|(scheme, _)| ["Basic", "Bearer"].contains(scheme)) {
        parts.push(rest.to_owned());
        let pair =
            (scheme == "Basic").then(|| STANDARD.decode(rest).ok()).flatten().and_then(|pair| String::from_utf8(pair).ok());
        parts.extend(pair.and_then(|pair| Some(pair.split_once(':')?.1.to_owned())));
    }
    parts
}

/// A secret as it may be written: as it is, percent-encoded in two ways, in base64 at each of the three places
/// where it can begin there.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string().into_bytes(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>().into_bytes(),
    ];
    for skipped in 0..3 {
        let mut bytes = vec![0; skipped];
        bytes.extend_from_slice(secret.as_bytes());
        // Whole characters of the secret alone: the first and last may be shared with its neighbours.
        let from = (skipped * 8).div_ceil(6);
        let to = bytes.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            forms.extend(text.get(from..to).filter(|text| text.len() >= SHORTEST).map(|text| text.as_bytes().to_vec()));
        }
    }
    forms
}

fn starred<'a>(text: &'a [u8], needles: &[Vec<u8>]) -> Cow<'a, [u8]> {
    let mut text = Cow::Borrowed(text);
    for needle in needles {
        let found: Vec<usize> = Finder::new(needle).find_iter(&text).collect();
        for at in found {
            text.to_mut()[at..at + needle.len()].fill(b'*');
        }
    }
    text
}

/// The first line of a file, which is a secret. `what` names it for messages.
///
/// # Errors
/// Where the file can't be read, or holds nothing.
pub fn from_file(path: &Path, what: &str) -> Result<SecretString> {
    let file = File::open(path).map_err(|why| Error::file(format!("can't read the {what}"), path, &why))?;
    from_reader(file, what).map_err(|error| error.in_file(path))
}

/// The first line of what `reader` gives, which is a secret. `what` names it for messages.
///
/// # Errors
/// Where it can't be read, or is empty.
pub fn from_reader(reader: impl Read, what: &str) -> Result<SecretString> {
    let mut text = String::new();
    let read = reader.take(LONGEST).read_to_string(&mut text);
    read.map_err(|why| Error::new(ErrorKind::File, format!("can't read the {what}")).because(why))?;
    let text = SecretString::from(text);
    let line = text.expose_secret().trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    // A password may end in a space, so nothing but the end of the line is taken off.
    if line.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("the {what} is empty")));
    }
    Ok(line.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let headers = vec![("Authorization".to_owned(), SecretString::from("Basic dXNlcjpob3JzZQ=="))];
        Secrets { headers, ..Secrets::field("token", "t0ken/with+signs==and:more".into()) }
    }

    #[test]
    fn what_is_printed_of_secrets_names_them_only() {
        let shown = format!("{:?}", secrets());
        assert!(shown.contains("token") && !shown.contains("t0ken") && !shown.contains("dXNl"), "{shown}");
    }

    #[test]
    fn an_echo_is_starred_in_every_form_and_nothing_else_changes() {
        let token = "t0ken/with+signs==and:more";
        let percent = utf8_percent_encode(token, NON_ALPHANUMERIC).to_string();
        for before in ["", "a", "ab"] {
            let inside = STANDARD_NO_PAD.encode(format!("{before}{token}xyz"));
            let text = format!("{{\"a\": \"{token}\", \"b\": \"{percent}\", \"c\": \"{inside}\", \"d\": \"dXNlcjpob3JzZQ==\"}}");
            let hidden = secrets().hide(&text);
            assert_eq!(hidden.len(), text.len());
            for form in forms(token) {
                assert!(!hidden.contains(std::str::from_utf8(&form).unwrap()), "{hidden}");
            }
            assert!(hidden.starts_with("{\"a\": \"**") && !hidden.contains("dXNl"));
            assert_eq!(secrets().hide("the password of user is horse"), "the password of user is *****");
        }
    }

    #[test]
    fn a_short_secret_is_hidden_in_failures_and_left_in_data() {
        let secrets = Secrets::field("password", "horse".into());
        let data = br#"{"features":[{"attributes":{"ANIMAL":"horse"}}]}"#;
        assert_eq!(*secrets.hide_in(data, true), *data);
        let failure = secrets.hide_in(br#"{"error":{"code":400,"message":"wrong: horse"}}"#, false);
        assert_eq!(*failure, *br#"{"error":{"code":400,"message":"wrong: *****"}}"#);
    }

    #[test]
    fn a_secret_is_the_first_line_of_its_file() {
        let read = |text: &str| from_reader(text.as_bytes(), "password").map(|secret| secret.expose_secret().to_owned());
        assert_eq!(read("\u{feff}pass word \r\nmore").unwrap(), "pass word ");
        assert_eq!(read("\n").unwrap_err().what(), "the password is empty");
    }
}
