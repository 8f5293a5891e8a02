//! The wire shapes of the ArcGIS REST API: what the JSON says, no decisions.

pub mod job;
pub mod task;
