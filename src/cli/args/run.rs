//! Arguments of `run`.

use std::time::Duration;

use super::values::duration;
use super::{AccessArgs, OutputArgs};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The task: .../GPServer/TASK. With --portal the name of one of its analysis tasks: CreateBuffers.
    #[arg(value_name = "TASK URL|NAME")]
    pub url: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub inputs: InputArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub environment: EnvironmentArgs,
    /// The longest to wait: 90s, 30m, 12h; by default until the job ends. A job goes on at the server, and geohaul export
    /// brings its results later.
    #[arg(long, help_heading = "Running", value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Say what the task takes, with a command line that is ready but for the values; run nothing.
    #[arg(long, help_heading = "Running")]
    pub explain: bool,
    /// Check the values and print the request, without secrets; send nothing.
    #[arg(long, help_heading = "Running", conflicts_with = "explain")]
    pub dry_run: bool,
    /// Delete the item that a hosted analysis made in the portal, once its rows are in files.
    #[arg(long, help_heading = "Running", requires = "portal")]
    pub delete_output_item: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub results: ResultArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub outputs: OutputArgs,
}

/// What a task is given.
#[derive(Debug, clap::Args)]
pub struct InputArgs {
    /// An input of the task. VALUE is text (8.5 miles, 2025-01-31), JSON, @FILE (Esri JSON, GeoJSON or a Shapefile for
    /// features, a file to upload), or the address of a layer (with ?where= and its own token=). Repeat it for several
    /// values of one input.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// Inputs as a JSON object of names and values, in line or as @FILE. -p goes before it.
    #[arg(long, value_name = "JSON|@FILE")]
    pub params: Option<String>,
}

/// What a task runs under.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Environment of the task")]
pub struct EnvironmentArgs {
    /// The spatial reference to ask the results in; the default leaves it to the task.
    #[arg(long, value_name = "CRS")]
    pub out_sr: Option<String>,
    /// A setting of the environment: outSR=4326, processSR=2056.
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// The parameter `context`: JSON, or @FILE with it. What --out-sr and --env say is added.
    #[arg(long, value_name = "JSON|@FILE")]
    pub context: Option<String>,
    /// Ask for true curves, which are kept (--keep-curves) or densified here, to --curve-tolerance, and not by the server.
    #[arg(long)]
    pub true_curves: bool,
    /// Have the server write the results into a new feature service of this name, which has no limit of rows. JSON with
    /// its properties is passed on as it is: one that overwrites a service deletes all of its layers.
    #[arg(long, value_name = "NAME|JSON")]
    pub out_service: Option<String>,
}

/// What to take of a job's results.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Results of a task")]
pub struct ResultArgs {
    /// Unpack the ZIP archives among the results into folders.
    #[arg(long)]
    pub unzip: bool,
    /// Also keep the KMZ that the server makes of each result with features (NAME_server.kmz).
    #[arg(long)]
    pub server_kmz: bool,
    /// Ask for z.
    #[arg(long)]
    pub return_z: bool,
    /// Ask for m.
    #[arg(long)]
    pub return_m: bool,
}
