//! Stage 2: from raw pages to batches, from headers to plans, from one spatial reference to another.

mod antimeridian;
mod clip;
mod curves;
mod domains;
mod fault;
mod features;
mod geojson;
mod json_rows;
mod paths;
mod pbf_rows;
pub mod plan;
mod poles;
mod reproject;
mod reshape;
mod rings;
mod rows;
mod shapes;
mod split;
mod stabbing;
mod tally;
mod tuple;

pub use clip::Clip;
pub use domains::Domains;
pub use features::{Feature, Features, features};
pub use geojson::to_geojson;

pub use crate::model::Geometry;
pub use plan::{CrsChoice, DomainText, OutputPlan, Plan, PlanOptions, plan};
pub use reproject::for_output;
pub use reshape::{explode, make_valid};
pub use rows::parse_page;
