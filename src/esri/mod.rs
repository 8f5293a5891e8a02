//! The wire: what ArcGIS servers write, read without decisions. Tolerant where real servers are sloppy (any key
//! order, bare `NaN`, raw control characters, a byte order mark), strict about what would lose data.

mod braces;
pub mod document;
pub mod failure;
pub mod features;
pub mod fields;
pub mod job;
pub mod layer;
pub mod pbf;
mod peek;
pub mod scan;
pub mod scanner;
pub mod service;
pub mod skeleton;
mod survey;
pub mod task;

pub use features::{Feature, FeatureVisitor, Key, Token, feature_texts, object_ids, walk};
pub use fields::{fields_of, subtypes_of};
pub use peek::peek;
pub use scan::{Cursor, Syntax};
pub use scanner::Scanner;
pub use skeleton::{FeatureArray, PageRange, Skeleton};
