//! [`Store`]: logins that are kept from run to run, in a file that nobody else may read. Their secrets stand in the
//! system's keyring where there is one, and in the file otherwise.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use url::Url;

use super::login::{Credential, Login};
use super::site;
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::secret::{ExposeSecret, SecretString};

/// Keeps secrets under names, as the keyring of a desktop does. Errors are in words.
pub trait Keyring: Send + Sync {
    /// Keeps a secret, in place of one of the same name.
    ///
    /// # Errors
    /// Where there is no keyring, or it is locked.
    fn put(&self, name: &str, secret: &SecretString) -> Result<(), String>;

    /// The secret of this name.
    ///
    /// # Errors
    /// Where there is none, or the keyring can't be opened.
    fn get(&self, name: &str) -> Result<SecretString, String>;

    /// Forgets the secret of this name, which need not be there.
    ///
    /// # Errors
    /// Where the keyring can't be opened.
    fn remove(&self, name: &str) -> Result<(), String>;
}

/// A kept login without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The root of a server or of a portal.
    pub site: Url,
    /// The site is a portal.
    pub is_portal: bool,
    /// Who it is, in words.
    pub who: String,
    /// The secret stands in the keyring.
    pub in_keyring: bool,
}

impl Kept {
    /// As [`Login::covers`].
    pub fn covers(&self, url: &Url) -> bool {
        site::covers(&self.site, url) || site::covers(url, &self.site)
    }

    /// The name of its secret in a keyring.
    fn secret_name(&self) -> String {
        format!("{} {}", if self.is_portal { "portal" } else { "server" }, site::key(&self.site))
    }
}

/// A kept login whose secret the keyring does not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The login.
    pub kept: Kept,
    /// The keyring's words.
    pub why: String,
}

/// A file of logins, and a keyring for their secrets.
#[derive(Clone)]
pub struct Store {
    path: PathBuf,
    keyring: Option<Arc<dyn Keyring>>,
}

impl Store {
    /// A store in this file, which need not exist, without a keyring.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), keyring: None }
    }

    /// The user's own: `geohaul/logins.json` in the folder that the system has for settings (`XDG_CONFIG_HOME`,
    /// `APPDATA`, else `~/.config`).
    pub fn of_user() -> Option<Self> {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let settings = folder("XDG_CONFIG_HOME")
            .or_else(|| folder("APPDATA").filter(|_| cfg!(windows)))
            .or_else(|| Some(std::env::home_dir()?.join(".config")))?;
        Some(Self::at(settings.join("geohaul").join("logins.json")))
    }

    /// The same with a keyring for secrets.
    #[must_use]
    pub fn with_keyring(self, keyring: Arc<dyn Keyring>) -> Self {
        Self { keyring: Some(keyring), ..self }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept, without asking the keyring.
    ///
    /// # Errors
    /// Where the file can't be read, is broken, or others may read it.
    pub fn list(&self) -> Result<Vec<Kept>> {
        Ok(self.entries()?.into_iter().map(|entry| entry.kept).collect())
    }

    /// All logins, and those whose secrets the keyring does not give, with its words; none where there is no file.
    ///
    /// # Errors
    /// Those of [`Store::list`].
    pub fn load(&self) -> Result<(Vec<Login>, Vec<Locked>)> {
        let (mut logins, mut locked) = (Vec::new(), Vec::new());
        for mut entry in self.entries()? {
            if entry.kept.in_keyring {
                match self.secret_of(&entry.kept) {
                    Ok(secret) => {
                        let key = secret_key(&entry.value);
                        entry.value[key] = secret.expose_secret().into();
                    }
                    Err(why) => {
                        locked.push(Locked { kept: entry.kept, why });
                        continue;
                    }
                }
            }
            logins.push(read(&entry.value).ok_or_else(|| self.broken())?);
        }
        Ok((logins, locked))
    }

    fn secret_of(&self, kept: &Kept) -> Result<SecretString, String> {
        self.keyring.as_ref().ok_or("no keyring is at hand")?.get(&kept.secret_name())
    }

    /// Keeps a login, in place of one for the same site: its secret in the keyring, or in the file where there is no
    /// keyring that gives it back.
    ///
    /// # Errors
    /// Where the file can't be read or written.
    pub fn keep(&self, login: &Login) -> Result<Kept> {
        self.keep_with(login, self.keyring.as_ref())
    }

    /// The same with the secret in the file in any case.
    ///
    /// # Errors
    /// Those of [`Store::keep`].
    pub fn keep_in_file(&self, login: &Login) -> Result<Kept> {
        self.keep_with(login, None)
    }

    fn keep_with(&self, login: &Login, keyring: Option<&Arc<dyn Keyring>>) -> Result<Kept> {
        let mut entry = Entry::of(write(login)).ok_or_else(|| self.broken())?;
        let mut entries = self.entries()?;
        entries.retain(|other| other.kept.secret_name() != entry.kept.secret_name());
        let (name, key) = (entry.kept.secret_name(), secret_key(&entry.value));
        let secret = SecretString::from(entry.value[key].as_str().unwrap_or_default());
        let given_back = |keyring: &Arc<dyn Keyring>| {
            keyring.put(&name, &secret)?;
            keyring.get(&name).map(|back| back.expose_secret() == secret.expose_secret())
        };
        entry.kept.in_keyring = keyring.is_some_and(|keyring| given_back(keyring) == Ok(true));
        if entry.kept.in_keyring {
            entry.value[key] = Value::Null;
            entry.value["keyring"] = true.into();
        } else if let Some(keyring) = &self.keyring {
            // An older one would come back with the keyring.
            let _ = keyring.remove(&name);
        }
        let kept = entry.kept.clone();
        entries.push(entry);
        self.save(&entries)?;
        Ok(kept)
    }

    /// Forgets the logins that `which` names, and says which they were.
    ///
    /// # Errors
    /// Where the file can't be read or written, or the keyring does not let go of a secret.
    pub fn forget(&self, which: impl Fn(&Kept) -> bool) -> Result<Vec<Kept>> {
        let (gone, left): (Vec<Entry>, Vec<Entry>) = self.entries()?.into_iter().partition(|entry| which(&entry.kept));
        for kept in gone.iter().map(|entry| &entry.kept).filter(|kept| kept.in_keyring) {
            let removed =
                self.keyring.as_ref().map_or(Err("no keyring is at hand".to_owned()), |k| k.remove(&kept.secret_name()));
            removed.map_err(|why| {
                Error::new(ErrorKind::File, format!("the system's keyring keeps the secret for {}", kept.site))
                    .because(why)
                    .hint("unlock it (on most systems by signing in at the desktop), and run this again")
            })?;
        }
        if !gone.is_empty() {
            self.save(&left)?;
        }
        Ok(gone.into_iter().map(|entry| entry.kept).collect())
    }

    /// What stands in the file; nothing where it does not exist.
    fn entries(&self) -> Result<Vec<Entry>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => SecretString::from(text),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(Error::file("can't read the kept logins", &self.path, &why)),
        };
        self.refuse_what_others_read()?;
        let mut value: Value = serde_json::from_str(text.expose_secret()).map_err(|_| self.broken())?;
        let Some(Value::Array(logins)) = value.get_mut("logins").map(Value::take) else { return Err(self.broken()) };
        logins.into_iter().map(|one| Entry::of(one).ok_or_else(|| self.broken())).collect()
    }

    fn broken(&self) -> Error {
        Error::new(ErrorKind::File, "the kept logins are broken").in_file(&self.path).hint("remove the file and log in again")
    }

    /// Written whole under another name, which only the owner may read from the beginning, then renamed.
    fn save(&self, entries: &[Entry]) -> Result<()> {
        let fail = |why: &std::io::Error| Error::file("can't keep the login", &self.path, why);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|why| fail(&why))?;
        let mut file = tempfile::Builder::new().prefix(".logins").tempfile_in(folder).map_err(|why| fail(&why))?;
        let logins: Vec<&Value> = entries.iter().map(|entry| &entry.value).collect();
        let text = SecretString::from(format!("{:#}\n", json!({ "logins": logins })));
        file.write_all(text.expose_secret().as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|why| fail(&why))?;
        file.persist(&self.path).map_err(|why| fail(&why.error))?;
        Ok(())
    }

    #[cfg(unix)]
    fn refuse_what_others_read(&self) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&self.path).map_err(|why| Error::file("can't read the kept logins", &self.path, &why))?;
        if mode.permissions().mode() & 0o077 != 0 {
            return Err(Error::new(ErrorKind::File, "other users may read the kept logins")
                .in_file(&self.path)
                .hint(format!("chmod 600 {}, and change what may have been read", self.path.display())));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn refuse_what_others_read(&self) -> Result<()> {
        // The folder of settings belongs to the user alone there.
        Ok(())
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).field("keyring", &self.keyring.is_some()).finish()
    }
}

/// A login as the file has it.
struct Entry {
    kept: Kept,
    value: Value,
}

impl Entry {
    fn of(value: Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let kept = Kept {
            site: text("site")?.parse().ok()?,
            is_portal: value.get("portal")?.as_bool()?,
            who: match (text("user"), text("clientId")) {
                (Some(user), _) => format!("user {user}"),
                (None, Some(id)) => format!("application {id}"),
                (None, None) => "a token".to_owned(),
            },
            in_keyring: value.get("keyring").and_then(Value::as_bool).unwrap_or(false),
        };
        Some(Self { kept, value })
    }
}

/// Where the secret of an entry stands.
fn secret_key(entry: &Value) -> &'static str {
    match (entry.get("user"), entry.get("clientId")) {
        (Some(_), _) => "password",
        (None, Some(_)) => "clientSecret",
        (None, None) => "token",
    }
}

fn write(login: &Login) -> Value {
    let mut value = json!({"site": login.site.as_str(), "portal": login.is_portal});
    match &login.credential {
        Credential::Token(token) => value["token"] = token.expose_secret().into(),
        Credential::Password { user, password } => {
            value["user"] = user.as_str().into();
            value["password"] = password.expose_secret().into();
        }
        Credential::App { id, secret } => {
            value["clientId"] = id.as_str().into();
            value["clientSecret"] = secret.expose_secret().into();
        }
    }
    if let Some(referer) = &login.referer {
        value["referer"] = referer.as_str().into();
    }
    value
}

fn read(value: &Value) -> Option<Login> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let credential = match (text("token"), text("user"), text("clientId")) {
        (Some(token), ..) => Credential::Token(token.into()),
        (None, Some(user), _) => Credential::Password { user: user.to_owned(), password: text("password")?.into() },
        (None, None, Some(id)) => Credential::App { id: id.to_owned(), secret: text("clientSecret")?.into() },
        (None, None, None) => return None,
    };
    let site = text("site")?.parse().ok()?;
    let is_portal = value.get("portal")?.as_bool()?;
    Some(Login { site, is_portal, credential, referer: text("referer").map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;

    /// A keyring in memory; `None` is a locked one.
    struct Memory(Mutex<Option<HashMap<String, String>>>);

    impl Memory {
        fn new() -> Arc<Self> {
            Arc::new(Self(Mutex::new(Some(HashMap::new()))))
        }

        fn lock(&self) -> HashMap<String, String> {
            self.0.lock().unwrap().take().unwrap()
        }

        fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, String>) -> T) -> Result<T, String> {
            self.0.lock().unwrap().as_mut().map(work).ok_or_else(|| "locked".to_owned())
        }
    }

    impl Keyring for Memory {
        fn put(&self, name: &str, secret: &SecretString) -> Result<(), String> {
            self.with(|kept| drop(kept.insert(name.to_owned(), secret.expose_secret().to_owned())))
        }

        fn get(&self, name: &str) -> Result<SecretString, String> {
            self.with(|kept| kept.get(name).cloned())?.map(SecretString::from).ok_or_else(|| "nothing there".to_owned())
        }

        fn remove(&self, name: &str) -> Result<(), String> {
            self.with(|kept| drop(kept.remove(name)))
        }
    }

    fn login(site: &str, token: &str) -> Login {
        Login::new(&site.parse().unwrap(), Credential::Token(token.into()))
    }

    fn ann(site: &str) -> Login {
        Login::new(&site.parse().unwrap(), Credential::Password { user: "ann".to_owned(), password: "correct-horse".into() })
    }

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::at(folder.path().join("geohaul/logins.json"))
    }

    fn sites(store: &Store) -> Vec<String> {
        store.list().unwrap().iter().map(|kept| kept.site.to_string()).collect()
    }

    #[test]
    fn a_login_is_kept_for_its_site_replaced_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert!(store.list().unwrap().is_empty());
        let (a, b) = ("https://a.example/arcgis/rest/services", "https://b.example/portal/sharing/rest");
        store.keep(&login(a, "one")).unwrap();
        store.keep(&login(b, "two").with_referer(Some("https://app.example".to_owned()))).unwrap();
        store.keep(&login(a, "three")).unwrap();
        assert_eq!(sites(&store), ["https://b.example/portal", "https://a.example/arcgis"]);
        let (kept, locked) = store.load().unwrap();
        assert!(kept[0].is_portal && !kept[1].is_portal && locked.is_empty());
        assert_eq!(kept[0].referer.as_deref(), Some("https://app.example"));
        assert!(matches!(&kept[1].credential, Credential::Token(token) if token.expose_secret() == "three"));
        assert_eq!(store.forget(|kept| kept.is_portal).unwrap().len(), 1);
        assert_eq!(sites(&store), ["https://a.example/arcgis"]);
    }

    #[test]
    fn a_keyring_keeps_the_secrets_and_the_file_none() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Memory::new();
        let store = store(&folder).with_keyring(keyring.clone());
        let site = "https://a.example/arcgis";
        assert!(store.keep(&ann(site)).unwrap().in_keyring);
        let text = std::fs::read_to_string(store.path()).unwrap();
        assert!(text.contains("ann") && !text.contains("horse"), "{text}");
        let (logins, _) = store.load().unwrap();
        assert!(
            matches!(&logins[0].credential, Credential::Password { password, .. } if password.expose_secret() == "correct-horse")
        );
        assert_eq!(store.forget(|_| true).unwrap()[0].who, "user ann");
        assert_eq!(keyring.lock(), HashMap::new());
    }

    #[test]
    fn a_keyring_that_is_locked_leaves_the_secret_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Memory::new();
        keyring.lock();
        let store = store(&folder).with_keyring(keyring);
        assert!(!store.keep(&ann("https://a.example/arcgis")).unwrap().in_keyring);
        assert_eq!(store.load().unwrap().0.len(), 1);
        assert_eq!(store.forget(|_| true).unwrap().len(), 1);
    }

    #[test]
    fn what_the_keyring_does_not_give_is_told_and_not_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Memory::new();
        let store = store(&folder).with_keyring(keyring.clone());
        store.keep(&ann("https://a.example/arcgis")).unwrap();
        keyring.lock();
        let (logins, locked) = store.load().unwrap();
        assert!(logins.is_empty());
        assert_eq!((locked[0].kept.who.as_str(), locked[0].why.as_str()), ("user ann", "locked"));
        assert!(store.forget(|_| true).unwrap_err().what().contains("keyring keeps the secret"));
        assert_eq!(sites(&store), ["https://a.example/"]);
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_may_read_the_file_and_a_looser_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.keep(&login("https://a.example", "one")).unwrap();
        let mode = std::fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(store.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(store.list().unwrap_err().hint_text().unwrap().contains("chmod 600"));
    }
}
