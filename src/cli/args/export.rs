//! Arguments of the verbs that write layers: `convert`, `export`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{AccessArgs, OutputArgs, ResultArgs, SelectionArgs};
use crate::fetch;
use crate::fetch::layer::WireChoice;

/// Arguments of `convert`.
#[derive(Debug, clap::Args)]
pub struct ConvertArgs {
    /// Saved Esri JSON (or a query answer in PBF): a layer query answer, a feature set, a feature collection, a geoprocessing result. Several
    /// files are the pages of one query. `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub outputs: OutputArgs,
}

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// A layer or table by number or name (.../FeatureServer/0, .../FeatureServer/Road*), also as a pasted query; a
    /// whole FeatureServer or MapServer; the page of a portal item, or with --portal its id; a geoprocessing job, one of
    /// its results (.../jobs/ID/results/NAME), or the folder of one that geohaul run left.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Of a service, only the layers and tables of these names or numbers; * stands for any text, and a ! before one leaves
    /// it out: '!3,!Old*' is all others.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub layers: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub selection: SelectionArgs,
    /// Rows to ask for at once. The default is what the layer allows, at most 2000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Speed")]
    pub page_size: Option<u64>,
    /// The most requests under way at once. It begins with 4, takes more while the server answers well, and fewer
    /// when it slows down or fails.
    #[arg(
        long,
        value_name = "N",
        default_value_t = fetch::MOST_CONNECTIONS as u64,
        value_parser = clap::value_parser!(u64).range(1..=64),
        help_heading = "Speed",
        env = "GEOHAUL_CONNECTIONS",
        hide_env_values = true
    )]
    pub connections: u64,
    /// Keep what has come in a folder beside the first output until all is done. The same command then goes on after an
    /// interruption, without asking for that again: layers that were done already are written again from there.
    #[arg(long, help_heading = "Completeness")]
    pub resume: bool,
    /// What to ask for rows in: PBF is quicker, and its coordinates are within half of the server's grid of those in
    /// JSON. `auto` takes PBF where that grid is as fine as the layer. The report says what it was.
    #[arg(long, value_enum, default_value = "auto", help_heading = "Speed")]
    pub wire: Wire,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub results: ResultArgs,
    /// Who brings the coordinates into --crs: PROJ here, or the server.
    #[arg(long, value_enum, default_value = "local", help_heading = "Spatial reference")]
    pub project: Project,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub outputs: OutputArgs,
}

/// [`WireChoice`], with help texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wire {
    /// PBF where the layer offers it, its grid is fine enough and a row is the same in both; else JSON.
    Auto,
    /// PBF; JSON only where the server gives no PBF.
    Pbf,
    /// JSON.
    Json,
}

impl From<Wire> for WireChoice {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Auto => Self::Auto,
            Wire::Pbf => Self::Pbf,
            Wire::Json => Self::Json,
        }
    }
}

/// Who reprojects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Project {
    /// PROJ on this machine.
    Local,
    /// The server, by its own transformation; the report says so.
    Server,
}
