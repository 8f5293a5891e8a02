//! The arguments. The doc comments here are the help texts.

use clap::{Parser, Subcommand};

mod access;
mod export;
mod job;
mod login;
mod look;
mod outputs;
mod run;
mod selection;
mod values;

pub(super) use access::{AccessArgs, Hidden};
pub(super) use export::{ConvertArgs, ExportArgs, Project};
pub(super) use job::{JobAction, JobArgs, JobTarget};
pub(super) use login::{LoginArgs, LogoutArgs, WhoamiArgs};
pub(super) use look::{FormatsArgs, InfoArgs, LsArgs, VerifyArgs};
pub(super) use outputs::OutputArgs;
pub(super) use run::{EnvironmentArgs, InputArgs, ResultArgs, RunArgs};
pub(super) use selection::SelectionArgs;

/// Take geodata out of ArcGIS REST servers and put it into local files, completely and correctly.
///
/// An export is complete and says so, or it fails and says what is missing.
#[derive(Debug, Parser)]
#[command(
    name = "geohaul",
    version,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 complete, 1 nothing usable, 2 wrong usage, 3 something was written but not all, 130 interrupted.

Example: geohaul export https://host/arcgis/rest/services/Roads/FeatureServer/0 -o roads.geojson -o roads.shp"
)]
pub struct Args {
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
    #[command(mut_arg("output", |output| output.required(false).required_unless_present_any(["explain", "dry_run"])))]
    Run(RunArgs),
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
}
