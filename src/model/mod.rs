//! What the stages hand to each other: schema, values, geometry, spatial references, plans, pages, batches.
//!
//! Nothing here fetches, decides or writes. Imports go down: `fetch`, `convert` and `write` all know this
//! module, and never each other.

pub mod about;
pub mod arcs;
pub mod area;
pub mod batch;
pub mod codebook;
pub mod crs;
pub mod drawing;
pub mod edges;
pub mod geometry;
pub mod page;
pub mod plan;
pub mod relations;
pub mod schema;
pub mod single;
pub mod sketch;
pub mod time;
pub mod value;
pub(crate) mod wkb;

pub use about::About;
pub use arcs::OnArc;
pub use area::Area;
pub use batch::{Batch, Cell, Span};
pub use crs::{Crs, SpatialReference, Transform};
pub use drawing::Drawing;
pub use geometry::{Geometries, Part, Shape, ShapeKind};
pub use page::{Carriage, Evidence, Origin, Page, PageFacts, Wire};
pub use plan::{Column, ReadPlan, WritePlan};
pub use relations::{Cardinality, Relations, Relationship};
pub use schema::{Domain, Field, FieldType, GeometryKind, Header, Subtype, Subtypes};
pub use single::Geometry;
pub use sketch::Sketch;
pub use value::Value;
