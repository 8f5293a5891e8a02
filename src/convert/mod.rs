//! Stage 2: from raw pages to batches, from headers to plans, from one spatial reference to another.

mod antimeridian;
mod clip;
mod curves;
mod domains;
mod geojson;
mod pbf_rows;
pub mod plan;
mod reproject;
mod rings;
mod rows;
mod shapes;
mod split;

pub use clip::Clip;
pub use domains::Domains;
pub use geojson::to_geojson;
pub use plan::{CrsChoice, DomainText, OutputPlan, Plan, PlanOptions, plan};
pub use reproject::for_output;
pub use rows::parse_page;
