//! Arguments of every verb.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

/// Arguments of every verb.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Every verb")]
pub struct GlobalArgs {
    /// Say nothing but errors.
    #[arg(short, long, global = true, env = "GEOHAUL_QUIET", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Log to standard error: -v what is decided and repeated, -vv also each request, without secrets.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "GEOHAUL_VERBOSE", hide_env_values = true)]
    pub verbose: u8,
    /// How to show what goes on, on standard error.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "HOW",
        env = "GEOHAUL_PROGRESS",
        hide_env_values = true
    )]
    pub progress: ProgressKind,
    /// Take defaults for options from this file. Without it: geohaul/geohaul.toml in the folder for settings.
    #[arg(long, global = true, value_name = "FILE", env = "GEOHAUL_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Take no defaults from any file.
    #[arg(long, global = true, env = "GEOHAUL_NO_CONFIG", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_config: bool,
}

/// How to show what goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressKind {
    /// Bars on a terminal, else lines.
    Auto,
    /// A bar for each layer.
    Bars,
    /// A line when a layer begins and every ten seconds.
    Lines,
    /// A JSON object a line, for programs; all that is said is one then (docs/progress.md).
    Json,
    /// Nothing.
    None,
}
