//! Arguments that choose rows, fields and geometry.

/// What to take of a layer.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Only the rows for which this SQL condition holds.
    #[arg(long = "where", value_name = "SQL")]
    pub where_clause: Option<String>,
    /// Only these attributes, in this order; * is all. The object id is written only where it is listed.
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
    /// Only rows of this time, on layers that know one: a day, a year, a time, or two of them; nothing is an open end.
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
    /// Only rows that were added or changed since this time, on layers that keep the dates of edits; of others all
    /// rows come, with a warning. What was deleted can't be seen.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
}
