//! Arguments of `plan`.

use super::{AccessArgs, SelectionArgs};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// What `export` takes: a layer, a service, an item of a portal; or the file of a batch (.toml, .json).
    #[arg(value_name = "URL|FILE")]
    pub source: String,
    /// Of a service, only the layers and tables of these names or numbers; * stands for any text.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub layers: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub selection: SelectionArgs,
    /// Rows to ask for at once. The default is what the layer allows, at most 2000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Speed")]
    pub page_size: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}
