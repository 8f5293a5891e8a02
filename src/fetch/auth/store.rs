//! [`Store`]: logins that are kept from run to run, in a file that nobody else may read.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::login::{Credential, Login};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::secret::{ExposeSecret, SecretString};

/// A file of logins.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// A store in this file, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
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

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All logins in it; none where it does not exist.
    ///
    /// # Errors
    /// Where it can't be read, is broken, or others may read it.
    pub fn load(&self) -> Result<Vec<Login>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => SecretString::from(text),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(Error::file("can't read the kept logins", &self.path, &why)),
        };
        self.refuse_what_others_read()?;
        let broken = || {
            Error::new(ErrorKind::File, "the kept logins are broken").in_file(&self.path).hint("remove the file and log in again")
        };
        let value: Value = serde_json::from_str(text.expose_secret()).map_err(|_| broken())?;
        value.get("logins").and_then(Value::as_array).ok_or_else(broken)?.iter().map(|one| read(one).ok_or_else(broken)).collect()
    }

    /// Keeps a login, in place of one for the same site.
    ///
    /// # Errors
    /// Where the file can't be read or written.
    pub fn keep(&self, login: &Login) -> Result<()> {
        let mut logins = self.load()?;
        logins.retain(|kept| !same_site(kept, login));
        logins.push(login.clone());
        self.save(&logins)
    }

    /// Forgets the logins that `which` names, and says which they were.
    ///
    /// # Errors
    /// Where the file can't be read or written.
    pub fn forget(&self, which: impl Fn(&Login) -> bool) -> Result<Vec<Login>> {
        let (gone, kept): (Vec<Login>, Vec<Login>) = self.load()?.into_iter().partition(which);
        if !gone.is_empty() {
            self.save(&kept)?;
        }
        Ok(gone)
    }

    /// Written whole under another name, which only the owner may read from the beginning, then renamed.
    fn save(&self, logins: &[Login]) -> Result<()> {
        let fail = |why: &std::io::Error| Error::file("can't keep the login", &self.path, why);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|why| fail(&why))?;
        let mut file = tempfile::Builder::new().prefix(".logins").tempfile_in(folder).map_err(|why| fail(&why))?;
        let logins: Vec<Value> = logins.iter().map(write).collect();
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

fn same_site(one: &Login, other: &Login) -> bool {
    one.is_portal == other.is_portal && super::site::key(&one.site) == super::site::key(&other.site)
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
    use super::*;

    fn login(site: &str, token: &str) -> Login {
        Login::new(&site.parse().unwrap(), Credential::Token(token.into()))
    }

    fn sites(store: &Store) -> Vec<String> {
        store.load().unwrap().iter().map(|login| login.site.to_string()).collect()
    }

    #[test]
    fn a_login_is_kept_for_its_site_replaced_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("geohaul/logins.json"));
        assert!(store.load().unwrap().is_empty());
        let (a, b) = ("https://a.example/arcgis/rest/services", "https://b.example/portal/sharing/rest");
        store.keep(&login(a, "one")).unwrap();
        store.keep(&login(b, "two").with_referer(Some("https://app.example".to_owned()))).unwrap();
        store.keep(&login(a, "three")).unwrap();
        assert_eq!(sites(&store), ["https://b.example/portal", "https://a.example/arcgis"]);
        let kept = store.load().unwrap();
        assert!(kept[0].is_portal && !kept[1].is_portal);
        assert_eq!(kept[0].referer.as_deref(), Some("https://app.example"));
        assert!(matches!(&kept[1].credential, Credential::Token(token) if token.expose_secret() == "three"));
        assert_eq!(store.forget(|login| login.is_portal).unwrap().len(), 1);
        assert_eq!(sites(&store), ["https://a.example/arcgis"]);
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_may_read_the_file_and_a_looser_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("logins.json"));
        store.keep(&login("https://a.example", "one")).unwrap();
        let mode = std::fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(store.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(store.load().unwrap_err().hint_text().unwrap().contains("chmod 600"));
    }
}
