//! Esri JSON to features one by one, for programs that want rows and not files.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use geojson::JsonValue;

use super::geojson::{json_value, only_set};
use super::{Domains, PlanOptions, explode, for_output, make_valid, parse_page, plan};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::document::{FeatureSet, contents};
use crate::esri::{PageRange, Scanner};
use crate::model::plan::{CrsRule, FormatInfo};
use crate::model::{Column, Crs, Geometry, Header, Page, PageFacts, ReadPlan, ShapeKind, WritePlan};
use crate::report::Losses;

/// Rows are read in pages of about this many bytes.
const PAGE_BYTES: u64 = 1 << 20;

/// Rows in memory: everything as it is, in the layer's own spatial reference.
static IN_MEMORY: FormatInfo = FormatInfo {
    name: "memory",
    title: "features in memory",
    endings: &[],
    m: true,
    crs: CrsRule::Native,
    limits: "",
    ..FormatInfo::GEOJSON
};

/// One row.
#[derive(Debug, Clone)]
pub struct Feature {
    /// The geometry; `None` is null or empty.
    pub geometry: Option<Geometry>,
    /// The attributes by column name, in their order. Dates are ISO 8601 text.
    pub properties: serde_json::Map<String, JsonValue>,
}

/// The features of one feature set. Only a page of them is in memory at a time.
pub struct Features {
    body: RefCell<Box<dyn ReadSeek>>,
    header: Header,
    read: ReadPlan,
    write: Arc<WritePlan>,
    domains: Option<Arc<Domains>>,
    options: PlanOptions,
    pages: std::vec::IntoIter<PageRange>,
    seq: u64,
    rows_before: u64,
    ready: VecDeque<Feature>,
    losses: Losses,
}

trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// The features of a text: a layer query answer, a feature set, `{layerDefinition, featureSet}`, or a geoprocessing
/// result with one feature set.
///
/// Coordinates stay as they are unless `options` name a spatial reference.
///
/// # Errors
/// As [`super::to_geojson`].
///
/// ```
/// use geohaul::PlanOptions;
///
/// let json = r#"{"features": [{"attributes": {"A": 1}, "geometry": {"x": 3, "y": 4}}], "spatialReference": {"wkid": 4326}}"#;
/// for feature in geohaul::convert::features(json, &PlanOptions::default()).unwrap() {
///     let feature = feature.unwrap();
///     assert_eq!(feature.properties["A"], 1);
///     assert_eq!(feature.geometry.unwrap().shape().xy(), [[3.0, 4.0]]);
/// }
/// ```
pub fn features(esri_json: impl Into<Bytes>, options: &PlanOptions) -> Result<Features> {
    Features::read(Cursor::new(esri_json.into()), options)
}

impl Features {
    /// The features of a file or another stream that can be read twice: for the places of its rows, then for the rows.
    ///
    /// # Errors
    /// As [`features`], and where it can't be read.
    pub fn read(body: impl Read + Seek + 'static, options: &PlanOptions) -> Result<Self> {
        let failed = |why: std::io::Error| Error::new(ErrorKind::File, "can't read the input").because(why);
        let mut body: Box<dyn ReadSeek> = Box::new(body);
        let mut scanner = Scanner::new(PAGE_BYTES);
        let mut buffer = vec![0; 1 << 18];
        loop {
            match body.read(&mut buffer).map_err(failed)? {
                0 => break,
                count => scanner.push(&buffer[..count])?,
            }
        }
        let skeleton = scanner.finish()?;
        let body = RefCell::new(body);
        let found = contents(&skeleton, "features", &|range| read_range(&body, range))?;
        let FeatureSet { header, rows, .. } = only_set(found)?;
        let plan = plan(&header, &[&IN_MEMORY], options)?;
        let output = plan.outputs.into_iter().next();
        let output = output.ok_or_else(|| Error::new(ErrorKind::Internal, "a plan without output"))?;
        Ok(Self {
            body,
            read: plan.read,
            write: output.write,
            domains: plan.domains,
            options: options.clone(),
            pages: rows.pages.into_iter(),
            seq: 0,
            rows_before: 0,
            ready: VecDeque::new(),
            losses: output.losses,
            header,
        })
    }

    /// What the source says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The columns of the features.
    pub fn columns(&self) -> &[Column] {
        &self.write.columns
    }

    /// The spatial reference of the features' coordinates; `None` is unknown.
    pub fn crs(&self) -> Option<&Crs> {
        self.write.crs.as_ref()
    }

    /// What was lost or changed so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    fn turn_page(&mut self, range: PageRange) -> Result<()> {
        let bytes = read_range(&self.body, range)?;
        let facts = PageFacts { rows: range.rows as usize, features: 0..bytes.len(), ..PageFacts::default() };
        let page = Page { seq: self.seq, bytes, facts, drop_rows: Vec::new(), rows_before: self.rows_before };
        (self.seq, self.rows_before) = (self.seq + 1, self.rows_before + range.rows);
        let (mut batch, losses) = parse_page(page, &self.header, &self.read)?;
        self.losses.append(losses);
        if self.options.make_valid {
            make_valid(&mut batch, self.header.object_id, &mut self.losses);
        }
        if let Some(domains) = &self.domains {
            domains.apply(&mut batch, &self.header, &mut self.losses);
        }
        if self.options.explode {
            explode(&mut batch);
        }
        let (geometry, losses) = for_output(&batch, &self.write)?;
        self.losses.append(losses);
        let feature = |row: usize| {
            let shape = geometry.shape(row);
            let property =
                |column: &Column| (column.name.clone(), json_value(batch.value(row, column.from), column, &self.write));
            Feature {
                geometry: (shape.kind != ShapeKind::Null).then(|| Geometry::of(shape)),
                properties: self.write.columns.iter().map(property).collect(),
            }
        };
        self.ready.extend((0..batch.rows()).map(feature));
        Ok(())
    }
}

fn read_range(body: &RefCell<Box<dyn ReadSeek>>, range: PageRange) -> Result<Bytes> {
    let mut body = body.borrow_mut();
    // The length is that of bytes which the scan has read, so it is no claim to be distrusted.
    let mut bytes = vec![0; range.len as usize];
    let read = body.seek(SeekFrom::Start(range.offset)).and_then(|_| body.read_exact(&mut bytes));
    read.map_err(|why| Error::new(ErrorKind::File, "can't read the input").because(why))?;
    Ok(Bytes::from(bytes))
}

impl Iterator for Features {
    type Item = Result<Feature>;

    /// The next row. An error is the last item.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(feature) = self.ready.pop_front() {
                return Some(Ok(feature));
            }
            let range = self.pages.next()?;
            if let Err(error) = self.turn_page(range) {
                self.pages = Vec::new().into_iter();
                return Some(Err(error));
            }
        }
    }
}
