//! Arguments of the verbs for kept sign-ins: `login`, `logout`, `whoami`.

use super::{AccessArgs, Hidden};

/// Arguments of `login`.
#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// A portal (https://HOST/portal, https://ORG.maps.arcgis.com), a server, or any service on it.
    #[arg(value_name = "URL")]
    pub url: Hidden,
    /// Keep the secret in a file that only you may read, and not in the system's keyring: jobs that run while nobody is
    /// signed in at the desktop can't open that.
    #[arg(long)]
    pub in_file: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}

/// Arguments of `logout`.
#[derive(Debug, clap::Args)]
pub struct LogoutArgs {
    /// The portal or server, or any service on it.
    #[arg(value_name = "URL", required_unless_present = "all")]
    pub url: Option<Hidden>,
    /// Forget all sign-ins.
    #[arg(long, conflicts_with = "url")]
    pub all: bool,
}

/// Arguments of `whoami`.
#[derive(Debug, clap::Args)]
pub struct WhoamiArgs {
    /// Ask this portal or server. Without it, the kept sign-ins are listed and nobody is asked.
    #[arg(value_name = "URL")]
    pub url: Option<Hidden>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}
