//! The system's keyring: the Keychain, the Credential Manager, or the Secret Service of the desktop.

use keyring::{Entry, Error};

use crate::error::Result;
use crate::fetch::auth::Keyring;
use crate::fetch::secret::{ExposeSecret, SecretString};

/// What our secrets stand under.
const SERVICE: &str = "geohaul";

/// The keyring of whoever runs this.
pub(super) struct SystemKeyring;

fn entry(name: &str) -> Result<Entry, String> {
    Entry::new(SERVICE, name).map_err(words)
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn words(why: Error) -> String {
    // Some errors hold what they could not decode.
    match why {
        Error::BadEncoding(_) => "what it holds is no text".to_owned(),
        why => why.to_string(),
    }
}

impl Keyring for SystemKeyring {
    fn put(&self, name: &str, secret: &SecretString) -> Result<(), String> {
        // As bytes: Windows would store text with two bytes a letter, and has room for few.
        entry(name)?.set_secret(secret.expose_secret().as_bytes()).map_err(words)
    }

    fn get(&self, name: &str) -> Result<SecretString, String> {
        let secret = entry(name)?.get_secret().map_err(words)?;
        String::from_utf8(secret).map(SecretString::from).map_err(|_| "what it holds is no text".to_owned())
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        match entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(why) => Err(words(why)),
        }
    }
}
