//! Shapefiles, judged by pyshp, GDAL and the crate `shapefile`.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test, in a helper as well as in a test")]

mod attributes;
mod data_set;
mod geometry;
mod parts;
mod readers;
#[path = "../support/rows.rs"]
mod rows;
