//! The arguments. The doc comments here are the help texts.

use clap::{Parser, Subcommand};

mod access;
mod batch;
mod export;
mod global;
mod job;
mod login;
mod look;
mod outputs;
mod plan;
mod run;
mod selection;
mod shells;
mod values;

pub(super) use access::{AccessArgs, Hidden};
pub(super) use batch::BatchArgs;
pub(super) use export::{ConvertArgs, ExportArgs, Project};
pub(super) use global::{GlobalArgs, ProgressKind};
pub(super) use job::{JobAction, JobArgs, JobTarget};
pub(super) use login::{LoginArgs, LogoutArgs, WhoamiArgs};
pub(super) use look::{FormatsArgs, InfoArgs, LsArgs, VerifyArgs};
pub(super) use outputs::OutputArgs;
pub(super) use plan::PlanArgs;
pub(super) use run::{EnvironmentArgs, InputArgs, ResultArgs, RunArgs};
pub(super) use selection::SelectionArgs;
pub(super) use shells::{CompletionsArgs, ManArgs};

/// Take geodata out of ArcGIS REST servers and put it into local files, completely and correctly.
///
/// An export is complete and says so, or it fails and says what is missing.
#[derive(Debug, Parser)]
#[command(
    name = "geohaul",
    version,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 complete; 1 the work failed (server, network, disk, data); 2 the command must be changed: it makes no sense, \
names what is not there, or asks for more than the layer, the task, the format or this build can do; 3 something was written but not all; \
130 interrupted.

A request that fails for a reason that may pass is tried 6 times, or for 10 minutes; a server may be silent for 90 seconds.

Example: geohaul export https://host/arcgis/rest/services/Roads/FeatureServer/0 -o roads.geojson -o roads.shp"
)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one value, parsed once")]
#[non_exhaustive]
pub enum Verb {
    /// Convert saved Esri JSON.
    #[command(after_help = "Example: geohaul convert answer.json -o roads.geojson -o roads.shp")]
    Convert(ConvertArgs),
    /// Export layers and tables: all of their rows, or a selection.
    #[command(
        after_help = "Example: geohaul export https://host/arcgis/rest/services/Roads/FeatureServer/0 -o roads.geojson -o roads.shp"
    )]
    Export(ExportArgs),
    /// Run a geoprocessing task and bring home its results.
    #[command(
        after_help = "Example: geohaul run https://host/arcgis/rest/services/Tools/GPServer/Buffer -p Input_Features=@wells.geojson -p 'Distance=2 km' -o results/ --format shapefile --format kmz"
    )]
    #[command(override_usage = "geohaul run [OPTIONS] --output <PATH> <TASK URL|NAME>")]
    #[command(mut_arg("output", |output| output.required(false).required_unless_present_any(["explain", "dry_run"])))]
    Run(RunArgs),
    /// Do many exports, geoprocessing runs and conversions that a file lists.
    #[command(after_help = "Exit status: 0 all jobs are done, 3 some are, 1 none is, 2 the file is wrong, 130 interrupted.

Example: geohaul batch nightly.toml --only-changed")]
    Batch(BatchArgs),
    /// Say what an export, or a batch of them, would fetch: requests, rows, bytes and time, as an estimate.
    #[command(
        after_help = "Example: geohaul plan https://host/arcgis/rest/services/Roads/FeatureServer --where 'OBJECTID > 100'"
    )]
    Plan(PlanArgs),
    /// Look after a geoprocessing job, whoever submitted it.
    #[command(after_help = "Example: geohaul job wait results/ && geohaul export results/ -o results/")]
    Job(JobArgs),
    /// List what a server has: folders, services, layers, tables, tasks.
    #[command(after_help = "Example: geohaul ls https://host/arcgis/rest/services --name '*road*'")]
    Ls(LsArgs),
    /// Say what is at a URL or in a file: services, layers, fields, tasks, jobs.
    #[command(after_help = "Example: geohaul info https://host/arcgis/rest/services/Roads/FeatureServer/0")]
    Info(InfoArgs),
    /// Check files, and the server, against a receipt that `export --receipt` wrote.
    #[command(after_help = "Example: geohaul verify roads.geojson.receipt.json --against-server")]
    Verify(VerifyArgs),
    /// Keep a sign-in for a portal or server, so that later runs use it.
    #[command(after_help = "Example: geohaul login https://host/portal --user ann")]
    Login(LoginArgs),
    /// Forget a sign-in that `login` keeps.
    #[command(after_help = "Example: geohaul logout https://host/portal")]
    Logout(LogoutArgs),
    /// Say which sign-ins are kept, or ask a site who one is there.
    #[command(after_help = "Example: geohaul whoami https://host/arcgis/rest/services/Roads/FeatureServer/0")]
    Whoami(WhoamiArgs),
    /// List the formats and what each can hold.
    #[command(after_help = "Example: geohaul formats --json")]
    Formats(FormatsArgs),
    /// Print what a shell needs to complete geohaul's commands.
    #[command(after_help = "Example: geohaul completions bash > geohaul.bash")]
    Completions(CompletionsArgs),
    /// Print or write the manual pages.
    #[command(after_help = "Example: geohaul man --dir man1")]
    Man(ManArgs),
}
