//! [`Pasted`]: what a user wrote for a target, with the secrets taken out of it and kept apart.

use url::Url;

use super::secret::SecretString;
use super::target::{Target, behind_resource_proxy};
use crate::error::{Error, ErrorKind, Result, is_secret_key, redact};

/// A target and what came with its address.
#[derive(Debug, Clone)]
pub struct Pasted {
    /// What to read from.
    pub target: Target,
    /// The address proper, where the target is on a server; without query.
    pub address: Option<Url>,
    /// The `token=` of the address.
    pub token: Option<SecretString>,
    /// The `user:password@` of the address.
    pub user: Option<(String, SecretString)>,
    /// The Esri resource proxy that the address goes through.
    pub resource_proxy: Option<Url>,
    /// The names of its other secrets, such as the key of a gateway, which are not sent.
    pub left_out: Vec<String>,
}

impl Pasted {
    /// Takes apart what a user wrote. No secret is left in the target, nor in an error.
    ///
    /// # Errors
    /// Those of [`Target::parse`].
    ///
    /// ```
    /// use geohaul::fetch::pasted::Pasted;
    ///
    /// let pasted = Pasted::parse("https://ann:pw@h.example/arcgis/rest/services/A/MapServer/0?f=html&token=abc").unwrap();
    /// assert_eq!(pasted.address.unwrap().as_str(), "https://h.example/arcgis/rest/services/A/MapServer/0");
    /// assert!(pasted.token.is_some() && pasted.user.is_some());
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let (text, token) = without_token(text.trim());
        let (url, user) = match Url::parse(&text) {
            Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
                let user = take_user(&mut url)?;
                (Some(url), user)
            }
            _ => (None, None),
        };
        let target = Target::parse(url.as_ref().map_or(text.as_str(), Url::as_str))?;
        let resource_proxy = url.as_ref().and_then(behind_resource_proxy).map(|(proxy, _)| proxy);
        let names = url.iter().flat_map(Url::query_pairs).map(|(name, _)| name.into_owned());
        let left_out = names.filter(|name| is_secret_key(name)).collect();
        Ok(Self { address: target.url().cloned(), target, token, user, resource_proxy, left_out })
    }
}

/// The text without its `token=`, and the token.
fn without_token(text: &str) -> (String, Option<SecretString>) {
    let (text, fragment) = text.split_once('#').map_or((text, None), |(text, fragment)| (text, Some(fragment)));
    let mut token = None;
    let mut kept = String::with_capacity(text.len());
    for (place, part) in text.split_inclusive(['?', '&']).enumerate() {
        let pair = part.trim_end_matches(['?', '&']);
        let value =
            pair.split_once('=').filter(|(key, _)| place > 0 && key.eq_ignore_ascii_case("token")).map(|(_, value)| value);
        match value {
            Some(value) => {
                let value = value.replace('+', " ");
                let value = percent_encoding::percent_decode_str(&value).decode_utf8_lossy();
                token = Some(SecretString::from(value.as_ref())).filter(|_| !value.trim().is_empty()).or(token);
            }
            None => kept.push_str(part),
        }
    }
    let kept = kept.trim_end_matches(['?', '&']);
    (fragment.map_or_else(|| kept.to_owned(), |fragment| format!("{kept}#{fragment}")), token)
}

fn take_user(url: &mut Url) -> Result<Option<(String, SecretString)>> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = match (url.username(), url.password()) {
        ("", None) => return Ok(None),
        (_, None) => {
            return Err(Error::new(ErrorKind::Usage, "the address names a user without a password")
                .because(redact(url))
                .hint("leave the user out of the address, and name it with --user"));
        }
        (user, Some(password)) => (decoded(user), SecretString::from(decoded(password))),
    };
    // An address of http always takes these.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(Some(user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::secret::ExposeSecret;

    fn token(text: &str) -> (String, Option<String>) {
        let (text, token) = without_token(text);
        (text, token.map(|token| token.expose_secret().to_owned()))
    }

    #[test]
    fn a_token_is_taken_out_wherever_it_stands() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(token("https://h/x?f=json&token=a%2Bb&g=1"), ("https://h/x?f=json&g=1".to_owned(), some("a+b")));
        assert_eq!(token("https://h/x?TOKEN=abc"), ("https://h/x".to_owned(), some("abc")));
        assert_eq!(token("https://h/x?token=abc#top"), ("https://h/x#top".to_owned(), some("abc")));
        assert_eq!(token("https://h/p?https://t/x?f=json&token=abc"), ("https://h/p?https://t/x?f=json".to_owned(), some("abc")));
        assert_eq!(token("https://h/x?token="), ("https://h/x".to_owned(), None));
        assert_eq!(token("https://h/token=x"), ("https://h/token=x".to_owned(), None));
        assert_eq!(token("no address?token=abc"), ("no address".to_owned(), some("abc")));
    }

    #[test]
    fn no_error_about_an_address_shows_its_secrets() {
        for text in [
            "https://ann:s3cret@h.example/nothing?token=s3cret",
            "h.example/rest/services/A?token=s3cret",
            "ftp://h.example/?token=s3cret",
            "https://ann@h.example/rest/services?token=s3cret",
        ] {
            let error = Pasted::parse(text).unwrap_err();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_user_and_a_resource_proxy_are_told_from_the_address() {
        let proxied =
            Pasted::parse("https://p.example/proxy.ashx?https://h.example/rest/services/A/MapServer/0?f=html&token=t").unwrap();
        assert_eq!(proxied.address.unwrap().as_str(), "https://h.example/rest/services/A/MapServer/0");
        assert_eq!(proxied.resource_proxy.unwrap().as_str(), "https://p.example/proxy.ashx");
        let pasted = Pasted::parse("https://a%40b:p%20w@h.example/rest/services").unwrap();
        let (user, password) = pasted.user.unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("a@b", "p w"));
    }
}
