//! Arguments of everything that writes files.

use std::path::PathBuf;

use clap::ValueEnum;
use jiff::tz::TimeZone;

use super::values::{delimiter, key_value, positive, time_zone};
use crate::convert::DomainText;
use crate::model::plan;
use crate::write::csv::CsvGeometry;

/// What every verb that writes files takes.
#[derive(Debug, clap::Args)]
pub struct OutputArgs {
    /// The file to write, in the format of its ending; repeat it for several formats from one fetch. A directory
    /// (existing, or with a slash at the end) gets one file per layer, table or result. `-` is standard output, for text
    /// formats; a name that ends in .zip is a Shapefile in an archive.
    #[arg(short, long = "output", value_name = "PATH", required = true, help_heading = "Output")]
    pub output: Vec<PathBuf>,
    /// The format, where the ending does not tell; repeat it for a directory, which without it gets GeoJSON, and CSV for
    /// tables. See `geohaul formats`.
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub format: Vec<String>,
    /// Replace existing outputs.
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,
    /// A vector driver of GDAL by its name, such as MapInfo File, for what is no format of our own.
    #[arg(long, value_name = "NAME", help_heading = "Output", conflicts_with = "format")]
    pub driver: Option<String>,
    /// An option for the layers of a driver of GDAL: File Geodatabase, or --driver; other formats have none.
    #[arg(long, value_name = "K=V", value_parser = key_value, help_heading = "Output")]
    pub lco: Vec<(String, String)>,
    /// An option for the data set of a driver of GDAL, as --lco.
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
    /// Add layers to what an existing output holds (GeoPackage, File Geodatabase): as new ones, never rows to one that is
    /// there.
    #[arg(long, help_heading = "Output", conflicts_with = "overwrite")]
    pub append: bool,
    /// The layer's name in the output, where one layer is written; the default is its own. In a GeoPackage or File
    /// Geodatabase it has letters, digits and _.
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub layer_name: Option<String>,
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
    /// Ask for true curves, and keep circular arcs in a GeoPackage or File Geodatabase, in the layer's own spatial
    /// reference. Other curves, and those of other formats, become straight segments, which the report counts.
    #[arg(long, conflicts_with_all = ["explode", "make_valid"], help_heading = "Geometry")]
    pub keep_curves: bool,
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
    /// Write dates by the clocks of this time zone, such as Europe/Berlin, with their offset. The default is UTC, and all
    /// that GeoPackage, File Geodatabase, GeoParquet, Esri JSON and --driver have.
    #[arg(long, value_name = "ZONE", value_parser = time_zone, help_heading = "Attributes")]
    pub time_zone: Option<TimeZone>,
    /// Write what there is even if rows are missing (exit status 3).
    #[arg(long, help_heading = "Completeness")]
    pub allow_partial: bool,
    /// Fail at the first loss: a text cut, a value that does not fit, z or m that the format can't hold.
    #[arg(long, help_heading = "Completeness")]
    pub strict: bool,
    /// Write the whole report to this file, as JSON, also where nothing else came of the run. `-` is standard output.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub report: Option<PathBuf>,
    /// Write a receipt beside the first output of each layer (`roads.geojson.receipt.json`): source, counts, digests of
    /// files and object ids. `geohaul verify` checks it.
    #[arg(long, help_heading = "Report")]
    pub receipt: bool,
    /// Workers that convert; 0, the default, is one per core.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Speed",
        env = "GEOHAUL_THREADS",
        hide_env_values = true
    )]
    pub threads: usize,
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
