//! Secrets that stand in a jobs file, where they don't belong.

use serde_json::Value;

use super::document::Entry;

/// Names under which people write secrets.
pub(super) const SECRETS: [&str; 9] =
    ["token", "password", "client-secret", "secret", "api-key", "apikey", "access-token", "refresh-token", "authorization"];

/// Secrets stand in no file that is shared and kept: they are named. Before variables are put in.
pub(super) fn refuse_secret(entry: &Entry) -> Option<String> {
    let key = entry.option().to_lowercase();
    if SECRETS.contains(&key.as_str()) {
        return Some(format!(
            "'{}' is a secret, which does not belong into the file: name a file (token-file, password-file, client-secret-file), \
             set GEOHAUL_TOKEN or GEOHAUL_PASSWORD, or use geohaul login",
            entry.key
        ));
    }
    match &entry.value {
        Value::String(text) if key == "header" && !text.starts_with('@') => {
            Some("a header may be a secret: write it into a file and name that, '@FILE'".to_owned())
        }
        Value::Array(items) if key == "header" => {
            let is_file = |item: &Value| item.as_str().is_some_and(|text| text.starts_with('@'));
            (!items.iter().all(is_file)).then(|| "a header may be a secret: write it into a file and name that, '@FILE'".to_owned())
        }
        value => holds_secret(value).then(|| {
            "the address holds a token or a password, which does not belong into the file: write ${env:NAME} for it, or use geohaul login"
                .to_owned()
        }),
    }
}

/// A `token=` that is written out, or `user:password@`.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let lower = text.to_ascii_lowercase();
            let token = lower.match_indices("token=").any(|(at, key)| {
                let value = &text[at + key.len()..];
                let begins = at == 0 || matches!(lower.as_bytes()[at - 1], b'?' | b'&');
                begins && !value.is_empty() && !value.starts_with("${env:")
            });
            let authority = lower.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
            let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
            token || user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.starts_with("${env:"))
        }
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(members) => members.values().any(holds_secret),
        _ => false,
    }
}
