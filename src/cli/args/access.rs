//! Arguments of sign-in and network.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

use super::values::web_address;

/// What every verb that asks servers takes. No secret stands in an argument, where the list of processes shows it.
#[derive(Debug, clap::Args)]
pub struct AccessArgs {
    /// A token or API key from standard input: `-`. Otherwise GEOHAUL_TOKEN.
    #[arg(long, value_name = "-", help_heading = "Sign-in", conflicts_with_all = ["token_file", "user", "client_id"])]
    pub token: Option<Hidden>,
    /// A token or API key from a file.
    #[arg(long, value_name = "FILE", help_heading = "Sign-in", conflicts_with_all = ["user", "client_id"])]
    pub token_file: Option<PathBuf>,
    /// Sign in as this user. The password comes from --password-file, GEOHAUL_PASSWORD, or a prompt. Otherwise
    /// GEOHAUL_USER.
    #[arg(long, value_name = "NAME", help_heading = "Sign-in", conflicts_with = "client_id")]
    pub user: Option<String>,
    /// The password from a file.
    #[arg(long, value_name = "FILE", help_heading = "Sign-in")]
    pub password_file: Option<PathBuf>,
    /// Sign in as an application that is registered with the portal. The secret comes from --client-secret-file or
    /// GEOHAUL_CLIENT_SECRET. Otherwise GEOHAUL_CLIENT_ID.
    #[arg(long, value_name = "ID", help_heading = "Sign-in")]
    pub client_id: Option<String>,
    /// The client secret from a file.
    #[arg(long, value_name = "FILE", help_heading = "Sign-in")]
    pub client_secret_file: Option<PathBuf>,
    /// The portal of an item that is given by its id; and that which the sign-in is for, where it is not that of the
    /// server: the server must name it as its own.
    #[arg(long, value_name = "URL", help_heading = "Sign-in", value_parser = web_address)]
    pub portal: Option<url::Url>,
    /// The Referer that the token is bound to.
    #[arg(long, value_name = "TEXT", help_heading = "Sign-in")]
    pub referer: Option<String>,
    /// The user and password are for the web server (HTTP basic), not for a token.
    #[arg(long, help_heading = "Sign-in")]
    pub basic: bool,
    /// A header for the requests to the host of the URL: 'Name: value', or @FILE with one in each line.
    #[arg(long, value_name = "HEADER|@FILE", help_heading = "Network")]
    pub header: Vec<Hidden>,
    /// The proxy: http://HOST:PORT, socks5h://HOST:PORT. Otherwise HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY.
    #[arg(long, value_name = "URL", help_heading = "Network", env = "GEOHAUL_PROXY", hide_env_values = true)]
    pub proxy: Option<Hidden>,
    /// Trust the authorities in this PEM file besides those of the system.
    #[arg(long, value_name = "FILE", help_heading = "Network", env = "GEOHAUL_CA_BUNDLE", hide_env_values = true)]
    pub ca_bundle: Option<PathBuf>,
    /// Show this certificate to the server: a PEM file with the certificate and its key.
    #[arg(long, value_name = "FILE", help_heading = "Network", env = "GEOHAUL_CLIENT_CERT", hide_env_values = true)]
    pub client_cert: Option<PathBuf>,
    /// Take any certificate. The report says so.
    #[arg(long, help_heading = "Network", env = "GEOHAUL_INSECURE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub insecure: bool,
}

/// An argument that may hold a secret, and is never printed.
#[derive(Clone)]
pub struct Hidden(String);

impl Hidden {
    /// What was written.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}
