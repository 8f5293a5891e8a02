//! The `.shp` and its index, the `.shx`: records in order behind a header that is known only at the end.
//!
//! Headers, record numbers and lengths are big-endian and count 16-bit words; what is inside is little-endian.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use super::place::Place;
use super::shapes::{Bounds, ShapeType, Shapes};
use crate::error::Result;
use crate::write::Stage;

const HEADER: usize = 100;

/// Writes both files, on one thread.
pub(super) struct Writer<'s> {
    stage: &'s Stage,
    shape_type: ShapeType,
    shp: BufWriter<File>,
    shx: BufWriter<File>,
    /// Bytes in the `.shp` so far.
    length: u64,
    records: u32,
    bounds: Bounds,
}

impl<'s> Writer<'s> {
    pub(super) fn create(place: &Place<'s>, shape_type: ShapeType) -> Result<Self> {
        let stage = place.stage;
        let (mut shp, mut shx) = (place.create("shp")?, place.create("shx")?);
        shp.write_all(&[0; HEADER]).and_then(|()| shx.write_all(&[0; HEADER])).map_err(|why| stage.write_error(&why))?;
        Ok(Self { stage, shape_type, shp, shx, length: HEADER as u64, records: 0, bounds: Bounds::EMPTY })
    }

    /// The length of the `.shp` with the records of a page more (the `.shx` is always the smaller one).
    pub(super) fn length_with(&self, shapes: &Shapes) -> u64 {
        self.length + 8 * shapes.lengths.len() as u64 + shapes.bytes.len() as u64
    }

    /// Adds the records of the next page, which fit.
    pub(super) fn append(&mut self, shapes: &Shapes) -> Result<()> {
        self.bounds = self.bounds.join(shapes.bounds);
        self.records(shapes).map_err(|why| self.stage.write_error(&why))
    }

    fn records(&mut self, shapes: &Shapes) -> io::Result<()> {
        let mut rest = shapes.bytes.as_slice();
        for &length in &shapes.lengths {
            let (content, after) = rest.split_at(length as usize);
            rest = after;
            self.records += 1;
            // Below the size limit, so all of these fit.
            let offset = (self.length / 2) as u32;
            self.shx.write_all(&offset.to_be_bytes())?;
            self.shx.write_all(&(length / 2).to_be_bytes())?;
            self.shp.write_all(&self.records.to_be_bytes())?;
            self.shp.write_all(&(length / 2).to_be_bytes())?;
            self.shp.write_all(content)?;
            self.length += 8 + u64::from(length);
        }
        Ok(())
    }

    /// Writes the headers.
    pub(super) fn finish(mut self) -> Result<()> {
        let index_length = HEADER as u64 + 8 * u64::from(self.records);
        let mut header = self.header();
        let mut end = |file: &mut BufWriter<File>, length: u64| {
            header[24..28].copy_from_slice(&((length / 2) as u32).to_be_bytes());
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
            file.flush()
        };
        end(&mut self.shp, self.length)
            .and_then(|()| end(&mut self.shx, index_length))
            .map_err(|why| self.stage.write_error(&why))
    }

    /// The header of both files, but for the length.
    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&9994_u32.to_be_bytes());
        header[28..32].copy_from_slice(&1000_u32.to_le_bytes());
        header[32..36].copy_from_slice(&self.shape_type.code().to_le_bytes());
        let [x, y, z, m] = [self.bounds.x, self.bounds.y, self.bounds.z, self.bounds.m].map(|range| range.or(0.0));
        let extent = [x[0], y[0], x[1], y[1], z[0], z[1], m[0], m[1]];
        for (place, value) in header[36..].chunks_exact_mut(8).zip(extent) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        header
    }
}
