//! The arguments. The doc comments here are the help texts.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use jiff::tz::TimeZone;

use crate::convert::DomainText;
use crate::fetch;
use crate::fetch::layer::WireChoice;
use crate::model::plan;
use crate::write::csv::CsvGeometry;

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
    /// Of a service, only the layers and tables of these names or numbers; * stands for any text.
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
    #[arg(long, value_name = "N", default_value_t = fetch::MOST_CONNECTIONS as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
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

/// What to take of a layer.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Only the rows for which this SQL condition holds.
    #[arg(long = "where", value_name = "SQL")]
    pub where_clause: Option<String>,
    /// Only these attributes, in this order. The object id is written only where it is listed.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub fields: Option<Vec<String>>,
    /// Only rows with these object ids: 1,2,5-9, or @file with ids.
    #[arg(long, value_name = "IDS", allow_hyphen_values = true)]
    pub ids: Option<String>,
    /// Only rows that meet this box, in longitude and latitude, or in the spatial reference named behind it. West
    /// may be greater than east: across the 180th meridian.
    #[arg(long, value_name = "W,S,E,N[,CRS]", allow_hyphen_values = true, group = "area")]
    pub bbox: Option<String>,
    /// Only rows that meet these polygons: GeoJSON, a Shapefile or Esri JSON, as a file or in line.
    #[arg(long, value_name = "FILE|JSON", group = "area")]
    pub intersects: Option<String>,
    /// The same, and cut geometries at their border.
    #[arg(long, value_name = "FILE|JSON", group = "area", conflicts_with = "no_geometry")]
    pub clip: Option<String>,
    /// Only rows of this time, on layers that know one: a day, a time, or two of them; nothing is an open end.
    #[arg(long, value_name = "FROM,TO", allow_hyphen_values = true)]
    pub time: Option<String>,
    /// Sort the rows: NAME DESC,AGE. Equal ones by object id.
    #[arg(long, value_name = "FIELDS")]
    pub order_by: Option<String>,
    /// At most so many rows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Attributes only.
    #[arg(long)]
    pub no_geometry: bool,
    /// Let the server generalise geometries by up to this distance, in units of the coordinates that it sends.
    #[arg(long, value_name = "UNITS", conflicts_with = "no_geometry")]
    pub max_offset: Option<f64>,
    /// The datum transformation for --project server: a wkid, or JSON.
    #[arg(long, value_name = "WKID|JSON")]
    pub datum_transformation: Option<String>,
    /// The geodatabase version to read.
    #[arg(long, value_name = "NAME")]
    pub gdb_version: Option<String>,
    /// The state at this moment, on layers that keep a history.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub as_of: Option<String>,
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
    /// The longest to wait: 90s, 30m, 12h. A job goes on at the server, and geohaul export brings its results later.
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
    /// Ask for true curves, which are densified here to --curve-tolerance and not by the server.
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

/// Arguments of `job`.
#[derive(Debug, clap::Args)]
pub struct JobArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: JobAction,
}

/// What to do with a job.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum JobAction {
    /// Say how a job is.
    Status(JobTarget),
    /// Print its messages.
    Messages(JobTarget),
    /// Print the inputs that the server received, as JSON.
    Inputs(JobTarget),
    /// List its results; geohaul export brings them.
    Results(JobTarget),
    /// Ask the server to cancel it.
    Cancel(JobTarget),
    /// Follow it to its end.
    Wait(JobTarget),
}

/// Which job.
#[derive(Debug, clap::Args)]
pub struct JobTarget {
    /// The job's address (.../GPServer/TASK/jobs/ID), or the folder that geohaul run wrote job.json into.
    #[arg(value_name = "URL|DIR")]
    pub target: String,
    /// The longest to wait: 90s, 30m, 12h.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}

/// A span of time: 90, 90s, 30m, 12h, 2d.
fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds: u64 = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("write 90s, 30m, 12h or 2d".to_owned()),
    };
    let count: u64 = number.parse().map_err(|_| "write 90s, 30m, 12h or 2d".to_owned())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

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
    #[arg(long, value_name = "URL", help_heading = "Network")]
    pub proxy: Option<Hidden>,
    /// Trust the authorities in this PEM file besides those of the system.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    pub ca_bundle: Option<PathBuf>,
    /// Show this certificate to the server: a PEM file with the certificate and its key.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    pub client_cert: Option<PathBuf>,
    /// Take any certificate. The report says so.
    #[arg(long, help_heading = "Network")]
    pub insecure: bool,
}

fn web_address(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|why| why.to_string())?;
    match (url.scheme(), url.password()) {
        ("http" | "https", None) => Ok(url),
        (_, Some(_)) => Err("it may not hold a password".to_owned()),
        _ => Err("it must begin with https://".to_owned()),
    }
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

/// What every verb that writes files takes.
#[derive(Debug, clap::Args)]
pub struct OutputArgs {
    /// The file to write, in the format of its ending; repeat it for several formats from one fetch. A directory
    /// (existing, or with a slash at the end) gets one file per layer, table or result. `-` is standard output, for text
    /// formats.
    #[arg(short, long = "output", value_name = "PATH", required = true, help_heading = "Output")]
    pub output: Vec<PathBuf>,
    /// The format, where the ending does not tell; repeat it for a directory. See `geohaul formats`.
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub format: Vec<String>,
    /// Replace existing outputs.
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,
    /// A vector driver of GDAL by its name, such as MapInfo File, for what is no format of our own.
    #[arg(long, value_name = "NAME", help_heading = "Output", conflicts_with = "format")]
    pub driver: Option<String>,
    /// An option for the layers of a GDAL driver (File Geodatabase, or --driver).
    #[arg(long, value_name = "K=V", value_parser = key_value, help_heading = "Output")]
    pub lco: Vec<(String, String)>,
    /// An option for the data set of a GDAL driver.
    #[arg(long, value_name = "K=V", value_parser = key_value, help_heading = "Output")]
    pub dsco: Vec<(String, String)>,
    /// Geometry in CSV: points as x and y, WKT, or none.
    #[arg(long, value_enum, default_value = "xy", help_heading = "Output")]
    pub geometry: Geometry,
    /// What stands between the columns of CSV: an ASCII character, or `tab`.
    #[arg(long, value_name = "CHAR", default_value = ",", value_parser = delimiter, help_heading = "Output")]
    pub delimiter: u8,
    /// Begin CSV with a byte order mark, for Excel.
    #[arg(long, help_heading = "Output")]
    pub bom: bool,
    /// Put a record separator before each feature of a GeoJSON text sequence, as RFC 8142 wants it.
    #[arg(long, help_heading = "Output")]
    pub rs: bool,
    /// Add layers to what an existing output holds (GeoPackage).
    #[arg(long, help_heading = "Output", conflicts_with = "overwrite")]
    pub append: bool,
    /// Spatial reference of the outputs: `native` (the layer's own), EPSG:n, ESRI:n, a wkid, or @file.prj. The
    /// default is the format's rule: WGS 84 for GeoJSON and KMZ, the layer's own for the others.
    #[arg(long, value_name = "CRS", help_heading = "Spatial reference")]
    pub crs: Option<String>,
    /// Spatial reference of a layer that does not name its own.
    #[arg(long, value_name = "CRS", help_heading = "Spatial reference")]
    pub assume_crs: Option<String>,
    /// Decimals of x and y. The default keeps the digits of what is not reprojected, and gives reprojected degrees
    /// 9 decimals, metres 4.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=17), help_heading = "Spatial reference")]
    pub precision: Option<u8>,
    /// Accept a transformation without datum shift where no better one is known.
    #[arg(long, help_heading = "Spatial reference")]
    pub allow_ballpark: bool,
    /// The transformation to take where PROJ knows several: its name, a part of it, or its code (EPSG:1314). The report
    /// names the one that was taken.
    #[arg(long, value_name = "NAME|CODE", help_heading = "Spatial reference")]
    pub transformation: Option<String>,
    /// Geometries across the 180th meridian and around the poles, in outputs of longitude and latitude.
    #[arg(long, value_enum, default_value = "fold", help_heading = "Spatial reference")]
    pub antimeridian: Antimeridian,
    /// The farthest that a straight segment may be from the true curve that it replaces, in the layer's units. The
    /// default is ten times the spatial reference's own tolerance, or a centimetre.
    #[arg(long, value_name = "UNITS", value_parser = positive, help_heading = "Spatial reference")]
    pub curve_tolerance: Option<f64>,
    /// A row for each part of a geometry, with its attributes repeated.
    #[arg(long, help_heading = "Geometry")]
    pub explode: bool,
    /// Mend polygons whose rings cross or touch themselves or each other; valid ones stay as they are.
    #[arg(long, help_heading = "Geometry")]
    pub make_valid: bool,
    /// Write every line and polygon as a multi geometry, so that all features are of one type.
    #[arg(long, conflicts_with = "explode", help_heading = "Geometry")]
    pub promote_multi: bool,
    /// Values of fields that have a list of codes: the code, its label, or both (NAME and NAME_label).
    #[arg(long, value_enum, default_value = "code", help_heading = "Attributes")]
    pub domains: Domains,
    /// Write the domains of all fields to this CSV file: codes with their labels, ranges, for each subtype.
    #[arg(long, value_name = "FILE", help_heading = "Attributes")]
    pub codebook: Option<PathBuf>,
    /// Name the columns by the aliases of their fields.
    #[arg(long, help_heading = "Attributes")]
    pub aliases: bool,
    /// Write dates by the clocks of this time zone, such as Europe/Berlin, with their offset. The default is UTC.
    #[arg(long, value_name = "ZONE", value_parser = time_zone, help_heading = "Attributes")]
    pub time_zone: Option<TimeZone>,
    /// Write what there is even if rows are missing (exit status 3).
    #[arg(long, help_heading = "Completeness")]
    pub allow_partial: bool,
    /// Fail at the first loss: a text cut, a value that does not fit, z or m that the format can't hold.
    #[arg(long, help_heading = "Completeness")]
    pub strict: bool,
    /// Write the whole report to this file, as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub report: Option<PathBuf>,
    /// Write a receipt beside the first output of each layer (`roads.geojson.receipt.json`): source, counts, digests of
    /// files and object ids. `geohaul verify` checks it.
    #[arg(long, help_heading = "Report")]
    pub receipt: bool,
    /// Say nothing but errors.
    #[arg(short, long, help_heading = "Report")]
    pub quiet: bool,
    /// Workers that convert; 0 is one per core.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "Speed")]
    pub threads: usize,
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "no such time zone; its name is like Europe/Berlin".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it must be like KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text.eq_ignore_ascii_case("tab") => Ok(b'\t'),
        [byte] if !matches!(byte, b'"' | b'\n' | b'\r' | 0) && byte.is_ascii() && !byte.is_ascii_alphanumeric() => Ok(*byte),
        _ => Err("one ASCII character that is no letter, digit, quote or line end, or the word tab".to_owned()),
    }
}

/// [`CsvGeometry`], with help texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Geometry {
    /// Points as columns x and y.
    Xy,
    /// All kinds as WKT.
    Wkt,
    /// Attributes only.
    None,
}

impl From<Geometry> for CsvGeometry {
    fn from(geometry: Geometry) -> Self {
        match geometry {
            Geometry::Xy => Self::Xy,
            Geometry::Wkt => Self::Wkt,
            Geometry::None => Self::None,
        }
    }
}

/// [`DomainText`], with help texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Domains {
    /// The code.
    Code,
    /// The label instead; a value without label stays as it is.
    Label,
    /// The code, and the label in a column behind it.
    Both,
}

impl From<Domains> for DomainText {
    fn from(domains: Domains) -> Self {
        match domains {
            Domains::Code => Self::Code,
            Domains::Label => Self::Label,
            Domains::Both => Self::Both,
        }
    }
}

/// [`plan::Antimeridian`], with help texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Antimeridian {
    /// Cut there and fold into ±180; an edge of more than 180 degrees in the source is a real long edge.
    Fold,
    /// The same, but such an edge counts as a crossing.
    Jump,
    /// Leave coordinates as they are.
    Off,
}

impl From<Antimeridian> for plan::Antimeridian {
    fn from(mode: Antimeridian) -> Self {
        match mode {
            Antimeridian::Fold => Self::Fold,
            Antimeridian::Jump => Self::Jump,
            Antimeridian::Off => Self::Off,
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("a number above 0 is needed".to_owned()),
    }
}
