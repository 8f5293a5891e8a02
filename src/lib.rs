//! geohaul takes geodata out of ArcGIS REST servers and puts it into local files, completely and correctly.

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

pub use error::{Error, ErrorKind, Result, redact};
pub use model::{Crs, SpatialReference};
