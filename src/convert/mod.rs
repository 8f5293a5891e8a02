//! Stage 2: from raw pages to batches, from headers to plans, from one spatial reference to another.

mod geojson;
pub mod plan;
mod rings;
mod rows;
mod shapes;

pub use geojson::to_geojson;
pub use plan::{CrsChoice, OutputPlan, Plan, PlanOptions, plan};
pub use rows::parse_page;

use std::borrow::Cow;

use crate::error::Result;
use crate::model::{Batch, Geometries, WritePlan};
use crate::report::Losses;

/// The batch's geometries as this output wants them.
pub fn for_output<'a>(batch: &'a Batch, plan: &WritePlan) -> Result<(Cow<'a, Geometries>, Losses)> {
    let Some(transform) = &plan.transform else { return Ok((Cow::Borrowed(&batch.geometry), Losses::default())) };
    let mut geometry = batch.geometry.clone();
    geometry.text.clear();
    transform.apply(&mut geometry.xy)?;
    Ok((Cow::Owned(geometry), Losses::default()))
}
