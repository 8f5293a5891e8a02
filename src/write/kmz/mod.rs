//! KMZ: a zip archive with one `doc.kml`, KML 2.2 (OGC 07-147r2), WGS 84; and the same as plain KML (`plain.rs`).
//!
//! One layer is the `Document`. Several are a `Document` each inside an outer one, which viewers show as folders:
//! a `Schema` may stand only at the start of a `Document`, and GDAL finds only those of the layer's own. Which of
//! the two it is shows at the end, so the document is put together then.

use std::collections::BTreeSet;

use super::{Encoded, Event, Format, Rows, Stage, Written, xml};
use crate::error::Result;
use crate::model::WritePlan;
use crate::model::plan::{CrsRule, FormatInfo};

mod archive;
mod marker;
mod placemark;
mod plain;
mod schema;
mod style;
mod symbol;

use archive::{Body, Piece};
pub use plain::Kml;
use schema::Schema;
use style::Styles;

/// The KMZ format.
pub struct Kmz;

static INFO: FormatInfo = FormatInfo {
    name: "kmz",
    title: "KMZ (zipped KML 2.2)",
    endings: &["kmz"],
    kinds: FormatInfo::ALL_KINDS,
    tables: false,
    z: true,
    m: false,
    mixed_kinds: true,
    curves: false,
    many_layers: false,
    streams: false,
    time_zones: true,
    crs: CrsRule::Wgs84Only,
    longest_field_name: None,
    plain_field_names: false,
    ignores_case: false,
    most_fields: None,
    longest_text: None,
    limits: "64-bit integers and dates are text, no m, control characters are left out; viewers slow down above 10,000 features",
};

/// Above this many features Google Earth becomes slow.
const MANY_FEATURES: u64 = 10_000;

impl Format for Kmz {
    /// Placemarks, deflated.
    type Chunk = Piece;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Piece>> {
        let (text, losses) = placemark::encode(plan, rows);
        Ok(Encoded { chunk: Piece::of(&text), rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Piece>>>) -> Result<Written> {
        let mut layers = 0_usize;
        let mut first_start = Vec::new();
        let mut seen = Seen::default();
        let mut body = Body::new(stage.scratch()?);
        let mut written = Written::default();
        for event in events {
            let appended = match event? {
                Event::Begin(plan) => {
                    layers += 1;
                    let start = layer_start(&plan, &mut seen);
                    if layers == 1 {
                        first_start = start;
                        Ok(())
                    } else {
                        body.append(&Piece::of(&start))
                    }
                }
                Event::Rows(Encoded { chunk, rows, losses }) => {
                    written.rows += rows as u64;
                    written.losses.append(losses);
                    body.append(&chunk)
                }
                Event::End => body.append(&Piece::of(DOCUMENT_END)),
            };
            appended.map_err(|why| stage.write_error(&why))?;
        }

        let mut head = KML_START.to_vec();
        let mut tail = Vec::new();
        if layers != 1 {
            head.extend_from_slice(DOCUMENT_START);
            xml::push_element(&mut head, "name", &stage.stem().to_string_lossy());
            tail.extend_from_slice(DOCUMENT_END);
        }
        head.extend_from_slice(&first_start);
        tail.extend_from_slice(KML_END);
        let mut file = stage.create(&stage.main_file())?;
        body.finish("doc.kml", &Piece::of(&head), &Piece::of(&tail), &seen.images, &mut file)
            .map_err(|why| stage.write_error(&why))?;

        written.warnings.append(&mut seen.warnings);
        warn_of_many(&mut written, "KMZ");
        Ok(written)
    }
}

fn warn_of_many(written: &mut Written, what: &str) {
    if written.rows > MANY_FEATURES {
        let rows = written.rows;
        written.warnings.push(format!("{rows} features in one {what}: Google Earth becomes slow above {MANY_FEATURES}"));
    }
}

const KML_START: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<kml xmlns=\"http://www.opengis.net/kml/2.2\">\n";
const KML_END: &[u8] = b"</kml>\n";
const DOCUMENT_START: &[u8] = b"<Document>\n";
const DOCUMENT_END: &[u8] = b"</Document>\n";

/// What the layers so far have in the file.
#[derive(Default)]
struct Seen {
    /// Of schemas and styles.
    ids: BTreeSet<String>,
    /// By their names in the archive.
    images: Vec<(String, Vec<u8>)>,
    /// There is no place for images.
    without_pictures: bool,
    warnings: Vec<String>,
}

/// The start of a layer's document. An id may stand only once in a file, so a layer that is like one before it in
/// name and columns refers to that one's schema.
fn layer_start(plan: &WritePlan, seen: &mut Seen) -> Vec<u8> {
    let mut text = DOCUMENT_START.to_vec();
    xml::push_element(&mut text, "name", &plan.layer);
    match Styles::of(plan) {
        Some(styles) => {
            if seen.ids.insert(styles.prefix().to_owned()) {
                text.extend_from_slice(&styles.to_kml(!seen.without_pictures));
                if !seen.without_pictures {
                    seen.images.extend(styles.files().map(|(name, bytes)| (name, bytes.to_vec())));
                } else if styles.files().next().is_some() {
                    seen.warnings.push(
                        "KML holds no pictures: markers are the viewer's own pin in their colour; KMZ holds the pictures"
                            .to_owned(),
                    );
                }
            }
        }
        None => {
            let kind =
                plan.drawing.as_ref().and_then(|drawing| drawing.info.pointer("/renderer/type")?.as_str().map(str::to_owned));
            seen.warnings.extend(
                kind.map(|kind| format!("the layer's renderer ({kind}) can't be drawn in KML; it has the viewer's own style")),
            );
        }
    }
    if let Some(schema) = Schema::of(plan)
        && seen.ids.insert(schema.id.clone())
    {
        text.extend_from_slice(&schema.to_kml());
    }
    text
}
