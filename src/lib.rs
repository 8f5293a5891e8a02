//! geohaul takes geodata out of ArcGIS REST servers and puts it into local files, completely and correctly: an export
//! is complete and says so, or it fails and says what is missing.
//!
//! The library does what the command line does. It never prints, it blocks, and it needs no async runtime.
//!
//! # From a target to files
//!
//! Open an input, say where it goes, read the report:
//!
//! ```
//! use geohaul::report::silent;
//! use geohaul::{Destination, ExportOptions, Output, Saved, export};
//!
//! // An answer that is in memory; a file or a layer on a server opens with `geohaul::open`.
//! let answer = r#"{
//!     "geometryType": "esriGeometryPoint",
//!     "spatialReference": {"wkid": 102100, "latestWkid": 3857},
//!     "fields": [{"name": "FID", "type": "esriFieldTypeOID"}, {"name": "A_LONG_NAME", "type": "esriFieldTypeString"}],
//!     "features": [{"attributes": {"FID": 7, "A_LONG_NAME": "Spring"}, "geometry": {"x": 1113194.9, "y": 0}}]
//! }"#;
//! let mut input = Saved::from_bytes("wells", answer.into())?;
//!
//! // Two files from one reading. Each is planned for itself: names, spatial reference, what it can't hold.
//! # let directory = tempfile::tempdir().unwrap();
//! # let directory = directory.path();
//! let outputs = ["wells.geojson", "wells.shp"].map(|name| Output::new(directory.join(name), None));
//! let destination = Destination::Files(outputs.into_iter().collect::<geohaul::Result<_>>()?);
//! let report = export(&mut input, &destination, &ExportOptions::default(), &silent())?;
//!
//! assert!(report.is_complete());
//! let [geojson, shapefile] = report.layers[0].outputs.as_slice() else { panic!("two outputs") };
//! assert_eq!((geojson.rows, shapefile.rows), (1, 1));
//! let renamed = shapefile.losses.iter().next().unwrap();
//! assert_eq!((renamed.field.as_deref(), renamed.detail.as_deref()), (Some("A_LONG_NAME"), Some("A_LONG_NAM")));
//! # Ok::<(), geohaul::Error>(())
//! ```
//!
//! To get GeoJSON as Rust types and write nothing, there is [`to_geojson`].
//!
//! # The modules
//!
//! The way of the data is `fetch`, `convert`, `write`, three stages that do not know each other:
//!
//! - [`fetch`] reads: a [`Target`] (an address or a path) opens as an [`Input`], whose items are layers, files and
//!   values; it pages, repeats what failed, and knows at the end whether rows are missing.
//! - [`convert`] plans what each output writes, and turns raw pages into batches of rows.
//! - [`write`](mod@write) holds the formats, and the stage that makes files appear whole or not at all.
//! - [`export`](mod@export) joins the three, in parallel and in order; [`pipe`] bounds what is under way.
//!
//! [`batch`] is what is kept and told of many exports as one run.
//!
//! Around them: [`model`] is what the stages hand to each other (schema, values, geometry, spatial references, plans),
//! [`esri`] the wire, [`report`] what was done and lost, [`error`](mod@error) what went wrong, and `cli` (with the
//! feature of that name) the command line.
//!
//! # Features
//!
//! All are on by default. `gdal` knows every spatial reference, and writes File Geodatabases and by other drivers of
//! GDAL; without it there are WGS 84 and web mercator. `geopackage` writes GeoPackages, `cli` is the command line.

pub mod batch;
#[cfg(feature = "cli")]
pub mod cli;
pub mod convert;
pub mod error;
pub mod esri;
pub mod export;
pub mod fetch;
#[cfg(feature = "gdal")]
mod gdal_ffi;
pub mod model;
pub mod pipe;
pub mod report;
pub mod write;

pub use convert::{CrsChoice, PlanOptions, to_geojson};
pub use error::{Error, ErrorKind, Result, redact};
pub use export::{Destination, ExportOptions, Output, export, export_to};
pub use fetch::saved::Saved;
pub use fetch::session::Session;
pub use fetch::target::Target;
pub use fetch::{Input, open};
pub use model::{Crs, SpatialReference};
pub use report::{Progress, Report};
