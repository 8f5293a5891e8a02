//! Plain KML: the document of a KMZ as a file of its own. It has no place for pictures.

use std::io::Write;

use super::{DOCUMENT_END, KML_END, KML_START, Seen, layer_start, placemark, warn_of_many};
use crate::error::{Error, ErrorKind, Result};
use crate::model::WritePlan;
use crate::model::plan::FormatInfo;
use crate::write::{Encoded, Event, Format, Rows, Stage, Written};

/// The KML format: one layer, its markers as the viewer's own pin in their colour and size.
pub struct Kml;

static INFO: FormatInfo = FormatInfo {
    name: "kml",
    title: "KML 2.2",
    endings: &["kml"],
    streams: true,
    time_zones: true,
    limits: "as KMZ, and it holds no pictures: markers are the viewer's own pin in their colour",
    ..super::INFO
};

impl Format for Kml {
    /// Placemarks.
    type Chunk = Vec<u8>;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Vec<u8>>> {
        let (chunk, losses) = placemark::encode(plan, rows);
        Ok(Encoded { chunk, rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Vec<u8>>>>) -> Result<Written> {
        let failed = |why: std::io::Error| stage.write_error(&why);
        let mut file = stage.create(&stage.main_file())?;
        let (mut written, mut layers) = (Written::default(), 0);
        for event in events {
            match event? {
                Event::Begin(plan) if layers > 0 => {
                    return Err(Error::new(ErrorKind::Format, "a KML file holds one layer").in_layer(&plan.layer));
                }
                Event::Begin(plan) => {
                    layers += 1;
                    let mut seen = Seen { without_pictures: true, ..Seen::default() };
                    let start = layer_start(&plan, &mut seen);
                    file.write_all(KML_START).and_then(|()| file.write_all(&start)).map_err(failed)?;
                    written.warnings.append(&mut seen.warnings);
                }
                Event::Rows(Encoded { chunk, rows, losses }) => {
                    file.write_all(&chunk).map_err(failed)?;
                    stage.flush_stream(&mut file)?;
                    written.rows += rows as u64;
                    written.losses.append(losses);
                }
                Event::End => file.write_all(DOCUMENT_END).and_then(|()| file.write_all(KML_END)).map_err(failed)?,
            }
        }
        file.flush().map_err(failed)?;
        warn_of_many(&mut written, "KML");
        Ok(written)
    }
}
