//! Shapefile.

use super::{Encoded, Event, Format, Rows, Stage, Written};
use crate::error::Result;
use crate::model::WritePlan;
use crate::model::plan::{CrsRule, FormatInfo};

/// The Shapefile format.
pub struct Shapefile;

static INFO: FormatInfo = FormatInfo {
    name: "shapefile",
    title: "Shapefile",
    endings: &["shapefile"],
    kinds: &[],
    tables: true,
    z: true,
    m: false,
    mixed_kinds: true,
    crs: CrsRule::Native,
    longest_field_name: None,
    plain_field_names: false,
    most_fields: None,
    longest_text: None,
    limits: "",
};

impl Format for Shapefile {
    type Chunk = Vec<u8>;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, _plan: &WritePlan, _rows: Rows<'_>) -> Result<Encoded<Vec<u8>>> {
        Err(crate::Error::new(crate::ErrorKind::Unsupported, "stub"))
    }

    fn write(&self, _stage: &Stage, _events: &mut dyn Iterator<Item = Result<Event<Vec<u8>>>>) -> Result<Written> {
        Err(crate::Error::new(crate::ErrorKind::Unsupported, "stub"))
    }
}
