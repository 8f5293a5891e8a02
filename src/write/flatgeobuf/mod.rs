//! FlatGeobuf 3 (flatgeobuf.org): features as flatbuffers behind a packed spatial index.
//!
//! The index stands before the features and its leaves are in their order, so features wait in a scratch file, and are
//! sorted along Hilbert's curve at the end.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use index::Index;

use super::hilbert::Boxed;
use super::{Encoded, Event, Format, Rows, Stage, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::model::WritePlan;
use crate::model::plan::{CrsRule, FormatInfo};
use crate::report::Losses;

mod feature;
mod header;
mod index;

/// The FlatGeobuf format.
pub struct FlatGeobuf;

static INFO: FormatInfo = FormatInfo {
    name: "flatgeobuf",
    title: "FlatGeobuf",
    endings: &["fgb"],
    kinds: FormatInfo::ALL_KINDS,
    tables: true,
    z: true,
    m: true,
    mixed_kinds: true,
    curves: false,
    many_layers: false,
    streams: false,
    time_zones: true,
    crs: CrsRule::Native,
    longest_field_name: None,
    plain_field_names: false,
    ignores_case: false,
    // A field is named by 16 bits.
    most_fields: Some(65_535),
    longest_text: None,
    limits: "rows stand in the order of the spatial index; dates without time are text; domains are left out",
};

const MAGIC: [u8; 8] = [0x66, 0x67, 0x62, 3, 0x66, 0x67, 0x62, 1];

/// The features of a page, one after another, each with its length before it.
#[derive(Default)]
pub struct Features {
    bytes: Vec<u8>,
    /// The length of each, and its box; for one without geometry, a box that meets none.
    places: Vec<(usize, [f64; 4])>,
}

impl Format for FlatGeobuf {
    type Chunk = Features;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Features>> {
        let mut losses = Losses::default();
        let mut features = Features { bytes: Vec::with_capacity(rows.batch.text.len()), ..Features::default() };
        feature::encode(plan, rows, &mut losses, |feature, bounds| {
            features.bytes.extend_from_slice(feature);
            features.places.push((feature.len(), bounds));
        })?;
        Ok(Encoded { chunk: features, rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Features>>>) -> Result<Written> {
        let failed = |why: std::io::Error| stage.write_error(&why);
        let mut written = Written::default();
        let mut features = Boxed::new(stage.scratch()?);
        let mut layer = None;
        for event in events {
            match event? {
                Event::Begin(plan) if layer.is_some() => {
                    return Err(Error::new(ErrorKind::Format, "a FlatGeobuf can't hold a second layer").in_layer(&plan.layer));
                }
                Event::Begin(plan) => layer = Some(plan),
                Event::Rows(Encoded { chunk, rows, losses }) => {
                    let mut bytes = chunk.bytes.as_slice();
                    for (length, bounds) in &chunk.places {
                        let (feature, rest) = bytes.split_at(*length);
                        // One that does not fit 32 bits was refused by the builder, which has no longer buffers.
                        features.push(bounds, feature).map_err(failed)?;
                        bytes = rest;
                    }
                    written.rows += rows as u64;
                    written.losses.append(losses);
                }
                Event::End => {}
            }
        }
        let plan = layer.ok_or_else(|| Error::new(ErrorKind::Internal, "a FlatGeobuf without a layer"))?;
        let (count, extent) = (features.count(), features.extent());
        let indexed = plan.geometry.is_some() && count > 0;
        let head = [&MAGIC[..], &header::encode(&plan, count as u64, &extent, indexed)].concat();
        let mut file = stage.create(&stage.main_file())?;
        file.write_all(&head).map_err(failed)?;
        let mut index = None;
        if indexed {
            let start = head.len() as u64;
            file.seek(SeekFrom::Start(start + index::length(count))).map_err(failed)?;
            // Leaves and features are written at once, in two places.
            let leaves = File::options().write(true).open(stage.main_file()).map_err(failed)?;
            index = Some(Index::create(BufWriter::with_capacity(1 << 20, leaves), start, count).map_err(failed)?);
        }
        let mut sorted = features.sorted(stage.scratch()?).map_err(failed)?;
        while let Some((bounds, feature)) = sorted.next().map_err(failed)? {
            file.write_all(feature).map_err(failed)?;
            if let Some(index) = &mut index {
                index.push(bounds, feature.len()).map_err(failed)?;
            }
        }
        index.map_or(Ok(()), Index::finish).map_err(failed)?;
        file.flush().map_err(failed)?;
        Ok(written)
    }
}
