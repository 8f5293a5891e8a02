//! FlatGeobuf 3 (flatgeobuf.org): features as flatbuffers behind a packed spatial index.
//!
//! The index stands before the features and its leaves are in their order, so features go to a scratch file as they
//! come, and are copied along Hilbert's curve at the end. What stays in memory is a box and a place for each.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

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
pub struct Features {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a feature is among those that were written, and its box: least x and y, greatest x and y; for one without
/// geometry, a box that meets none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: u64,
    length: u32,
    pub(super) bounds: [f64; 4],
}

/// Meets no other box, and widens none that it is joined with.
pub(super) const NOWHERE: [f64; 4] = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];

impl Format for FlatGeobuf {
    type Chunk = Features;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Features>> {
        let mut losses = Losses::default();
        let mut features = Features { bytes: Vec::with_capacity(rows.batch.text.len()), places: Vec::new() };
        feature::encode(plan, rows, &mut losses, |feature, bounds| {
            let start = features.bytes.len() as u64;
            features.bytes.extend_from_slice(feature);
            // One that does not fit 32 bits was refused by the builder, which has no longer buffers.
            features.places.push(Place { start, length: feature.len() as u32, bounds });
        })?;
        Ok(Encoded { chunk: features, rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Features>>>) -> Result<Written> {
        let failed = |why: std::io::Error| stage.write_error(&why);
        let mut written = Written::default();
        let mut scratch = BufWriter::with_capacity(1 << 20, stage.scratch()?);
        let mut places: Vec<Place> = Vec::new();
        let (mut layer, mut length) = (None, 0_u64);
        for event in events {
            match event? {
                Event::Begin(plan) if layer.is_some() => {
                    return Err(Error::new(ErrorKind::Format, "a FlatGeobuf can't hold a second layer").in_layer(&plan.layer));
                }
                Event::Begin(plan) => layer = Some(plan),
                Event::Rows(Encoded { chunk, rows, losses }) => {
                    scratch.write_all(&chunk.bytes).map_err(failed)?;
                    places.extend(chunk.places.iter().map(|place| Place { start: place.start + length, ..*place }));
                    length += chunk.bytes.len() as u64;
                    written.rows += rows as u64;
                    written.losses.append(losses);
                }
                Event::End => {}
            }
        }
        let scratch = scratch.into_inner().map_err(|why| failed(why.into_error()))?;
        let plan = layer.ok_or_else(|| Error::new(ErrorKind::Internal, "a FlatGeobuf without a layer"))?;
        let extent = places.iter().fold(NOWHERE, |all, place| index::join(all, place.bounds));
        if plan.geometry.is_some() {
            index::sort(&mut places, &extent);
        }
        let mut file = stage.create(&stage.main_file())?;
        file.write_all(&MAGIC).map_err(failed)?;
        let indexed = plan.geometry.is_some() && !places.is_empty();
        file.write_all(&header::encode(&plan, places.len() as u64, &extent, indexed)).map_err(failed)?;
        if indexed {
            index::write(&places.iter().map(|place| (place.bounds, place.length)).collect::<Vec<_>>(), &mut file)
                .map_err(failed)?;
        }
        copy(scratch, &places, &mut file).map_err(failed)?;
        file.flush().map_err(failed)?;
        Ok(written)
    }
}

/// So many bytes of features are gathered at once, in memory.
const GATHERED: u64 = 16 << 20;

/// Read at once: a feature may stand alone between others that come much later.
const NEARBY: usize = 8 << 10;

/// Copies the features in the order of their places: a run of them at a time, each by one way forward through the scratch
/// file, since neighbours on the ground may stand far apart in it.
fn copy(scratch: File, places: &[Place], file: &mut impl Write) -> std::io::Result<()> {
    let mut scratch = BufReader::with_capacity(NEARBY, scratch);
    let (mut gathered, mut size) = (Vec::new(), 0);
    // Where it stands in the file, where it goes, and its length.
    let mut run: Vec<(u64, u64, u32)> = Vec::new();
    for (index, place) in places.iter().enumerate() {
        run.push((place.start, size, place.length));
        size += u64::from(place.length);
        if size < GATHERED && index + 1 < places.len() {
            continue;
        }
        run.sort_unstable();
        gathered.resize(size as usize, 0);
        let mut at = scratch.stream_position()?;
        for (start, to, length) in run.drain(..) {
            scratch.seek_relative(start.wrapping_sub(at) as i64)?;
            scratch.read_exact(&mut gathered[to as usize..][..length as usize])?;
            at = start + u64::from(length);
        }
        file.write_all(&gathered)?;
        size = 0;
    }
    Ok(())
}
