//! Arguments of the verbs that look and change nothing: `ls`, `info`, `verify`, `formats`.

use std::path::PathBuf;

use super::AccessArgs;

/// Arguments of `ls`.
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// A services directory (.../rest/services), a folder in it, or a service.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Only what has this name, with all that is in it; * stands for any text.
    #[arg(long, value_name = "GLOB")]
    pub name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}

/// Arguments of `info`.
#[derive(Debug, clap::Args)]
pub struct InfoArgs {
    /// A services directory, service, layer, task or job by its URL, or a saved file.
    #[arg(value_name = "URL|FILE")]
    pub target: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The receipt. The files are looked for beside it.
    #[arg(value_name = "RECEIPT")]
    pub receipt: PathBuf,
    /// Ask the server for its count and object ids as well.
    #[arg(long)]
    pub against_server: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}

/// Arguments of `formats`.
#[derive(Debug, clap::Args)]
pub struct FormatsArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
