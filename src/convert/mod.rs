//! Stage 2: from raw pages to batches, from headers to plans, from one spatial reference to another.

pub mod plan;
mod rings;
mod rows;
mod shapes;

pub use plan::{CrsChoice, OutputPlan, Plan, PlanOptions, plan};
pub use rows::parse_page;
