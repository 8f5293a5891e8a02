//! Saved Esri JSON: files, standard input, and answers that are in memory already (the results of a job).
//!
//! What the document is shows in its shape, never in its name: a layer query answer, a feature set, a record
//! set, `{layerDefinition, featureSet}`, a feature collection, a geoprocessing result, or several of them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use super::survey::Survey;
use super::{Input, Item, Pages, Scalar, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::skeleton::exceeded_transfer_limit;
use crate::esri::{FeatureArray, PageRange, Scanner, Skeleton, failure, fields_of};
use crate::model::{Evidence, FieldType, GeometryKind, Header, Page, PageFacts, ReadPlan, SpatialReference};
use crate::pipe::{Permit, Permits};
use crate::report::Progress;

/// Rows of a saved file go to the workers in pages of about this many bytes.
const PAGE_BYTES: u64 = 1 << 20;

/// Saved Esri JSON, opened.
pub struct Saved {
    items: Vec<Item>,
    origin: String,
}

impl Saved {
    /// Opens files that hold the pages of one query, or one file that holds anything; `-` is standard input.
    ///
    /// # Errors
    /// Where a file can't be read, is no Esri JSON, or the files do not belong together.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let origin = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        if let [path] = paths {
            return Ok(Self { items: document_of(path)?.items().map_err(|error| error.in_file(path))?, origin });
        }
        let mut merged: Option<SavedLayer> = None;
        for path in paths {
            let page = single_layer(document_of(path)?).map_err(|error| error.in_file(path))?;
            match &mut merged {
                None => merged = Some(page),
                Some(layer) => layer.append(page).map_err(|error| error.in_file(path))?,
            }
        }
        let layer = merged.ok_or_else(|| Error::new(ErrorKind::Usage, "no file is given"))?;
        Ok(Self { items: vec![Item::Layer(Box::new(layer))], origin })
    }

    /// Opens a document that is in memory. `name` is the name of its layer where the document has none.
    ///
    /// # Errors
    /// Where it is no Esri JSON.
    ///
    /// ```
    /// use geohaul::fetch::{Input, Item, saved::Saved};
    ///
    /// let json = r#"{"features":[{"attributes":{"A":1},"geometry":{"x":0,"y":0}}],"spatialReference":{"wkid":4326}}"#;
    /// let mut saved = Saved::from_bytes("points", json.into()).unwrap();
    /// let Some(Ok(Item::Layer(layer))) = saved.items().next() else { panic!("one layer") };
    /// assert_eq!(layer.header().fields[0].name, "A");
    /// ```
    pub fn from_bytes(name: &str, bytes: Bytes) -> Result<Self> {
        let document = Document::scan(name.to_owned(), Body::Memory(bytes))?;
        Ok(Self { items: document.items()?, origin: name.to_owned() })
    }

    /// The items, for an input that is made of several documents.
    pub fn into_items(self) -> Vec<Item> {
        self.items
    }
}

impl Input for Saved {
    fn items(&mut self) -> Box<dyn Iterator<Item = Result<Item>> + Send + '_> {
        Box::new(self.items.drain(..).map(Ok))
    }

    fn describe(&self) -> String {
        self.origin.clone()
    }
}

/// Where the bytes are.
enum Body {
    Memory(Bytes),
    File(Mutex<File>),
}

impl Body {
    fn read(&self, range: PageRange) -> std::io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.slice(range.offset as usize..(range.offset + range.len) as usize)),
            Self::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(range.offset))?;
                // The length is that of bytes which the scan has read, so it is no claim to be distrusted.
                let mut bytes = vec![0; range.len as usize];
                file.read_exact(&mut bytes)?;
                Ok(Bytes::from(bytes))
            }
        }
    }
}

/// A scanned document: everything but its rows, and where those are.
struct Document {
    name: String,
    skeleton: Skeleton,
    body: Arc<Body>,
}

fn document_of(path: &Path) -> Result<Document> {
    let failed = |why: std::io::Error| Error::file("can't read the input", path, &why);
    let (name, file) = if path == Path::new("-") {
        ("stdin".to_owned(), spool_stdin().map_err(failed)?)
    } else {
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(Error::new(ErrorKind::Usage, "the input is a directory").in_file(path).hint("name the JSON files in it"));
        }
        (path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(), file)
    };
    Document::scan(name, Body::File(Mutex::new(file))).map_err(|error| error.in_file(path))
}

/// Rows are read twice (for their places, then for themselves), so a stream is kept in a temporary file.
fn spool_stdin() -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
    file.flush()?;
    file.rewind()?;
    Ok(file)
}

impl Document {
    fn scan(name: String, body: Body) -> Result<Self> {
        let mut scanner = Scanner::new(PAGE_BYTES);
        match &body {
            Body::Memory(bytes) => scanner.push(bytes)?,
            Body::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let mut buffer = vec![0; 1 << 18];
                loop {
                    match file.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(count) => scanner.push(&buffer[..count])?,
                        Err(why) if why.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(why) => return Err(Error::new(ErrorKind::File, "can't read the input").because(why)),
                    }
                }
            }
        }
        Ok(Self { name, skeleton: scanner.finish()?, body: Arc::new(body) })
    }

    /// Everything in the document, in its order.
    fn items(&self) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        self.collect(&self.skeleton.value, &self.name, &mut items)?;
        if items.is_empty() {
            return Err(self.explain());
        }
        Ok(items)
    }

    fn collect(&self, value: &Value, name: &str, items: &mut Vec<Item>) -> Result<()> {
        if let Some(error) = failure::of(value) {
            return Err(error);
        }
        if let Value::Array(entries) = value {
            return entries.iter().try_for_each(|entry| self.collect(entry, name, items));
        }
        if let Some(name) = value.get("paramName").and_then(Value::as_str) {
            return self.collect_result(value, name, items);
        }
        if value.get("type").and_then(Value::as_str) == Some("FeatureCollection") {
            return Err(Error::new(ErrorKind::Input, "the file is GeoJSON, not Esri JSON")
                .hint("ogr2ogr converts from GeoJSON; geohaul reads f=json"));
        }
        if self.skeleton.features_of(value).is_some() {
            items.push(self.layer(name, &Value::Null, value)?);
        } else if let Some(set) = value.get("featureSet") {
            let definition = value.get("layerDefinition").unwrap_or(&Value::Null);
            let name = definition.get("name").and_then(Value::as_str).unwrap_or(name);
            items.push(self.layer(name, definition, set)?);
        } else {
            for key in ["featureCollection", "layers", "results", "value"] {
                if let Some(inner) = value.get(key) {
                    self.collect(inner, name, items)?;
                }
            }
        }
        Ok(())
    }

    /// A geoprocessing result: rows if its value looks like rows, whatever the declared type says.
    fn collect_result(&self, result: &Value, name: &str, items: &mut Vec<Item>) -> Result<()> {
        let value = result.get("value").unwrap_or(&Value::Null);
        let before = items.len();
        if value.is_object() {
            self.collect(value, name, items)?;
        }
        if items.len() == before {
            let data_type = result.get("dataType").and_then(Value::as_str).unwrap_or_default().to_owned();
            items.push(Item::Value(Scalar { name: name.to_owned(), data_type, value: value.clone() }));
        }
        Ok(())
    }

    /// Why there is nothing in it that could be converted.
    fn explain(&self) -> Error {
        let value = &self.skeleton.value;
        let has = |key: &str| value.get(key).is_some();
        let error = Error::new(ErrorKind::Input, "the file holds no features");
        if has("jobStatus") {
            error
                .because("it is the status of a geoprocessing job")
                .hint("fetch the job's results, or give the task to geohaul run")
        } else if has("objectIds") || has("count") {
            error
                .because("it is an answer with ids or a count only")
                .hint("query the layer without returnIdsOnly and returnCountOnly")
        } else if has("fields") {
            error.because("it describes a layer").hint("give the layer's URL to geohaul export")
        } else {
            error.hint("geohaul reads the answers of layer queries and geoprocessing tasks (f=json)")
        }
    }

    fn layer(&self, name: &str, definition: &Value, set: &Value) -> Result<Item> {
        Ok(Item::Layer(Box::new(self.saved_layer(name, definition, set)?)))
    }

    fn saved_layer(&self, name: &str, definition: &Value, set: &Value) -> Result<SavedLayer> {
        let array = self.skeleton.features_of(set).cloned().unwrap_or_default();
        let header = self.header(name, definition, set, &array)?;
        let part = Part { body: Arc::clone(&self.body), pages: array.pages };
        let warnings = self.skeleton.mended.iter().map(|what| format!("\"{}\": {what}", self.name)).collect();
        let cut_off = exceeded_transfer_limit(set) || exceeded_transfer_limit(&self.skeleton.value);
        Ok(SavedLayer { header, parts: vec![part], cut_off, warnings })
    }

    /// The schema: what the set says, what the layer definition says, and what the rows tell where both are silent.
    fn header(&self, name: &str, definition: &Value, set: &Value, array: &FeatureArray) -> Result<Header> {
        let said = |key: &str| [set, definition].into_iter().find_map(|from| from.get(key).filter(|value| !value.is_null()));
        let text = |key: &str| said(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let flag = |key: &str| said(key).and_then(Value::as_bool);
        let mut header = Header::new(name);
        header.geometry = text("geometryType").and_then(GeometryKind::from_esri);
        header.spatial_reference = said("spatialReference")
            .or_else(|| said("extent").and_then(|extent| extent.get("spatialReference")))
            .and_then(SpatialReference::from_json);
        header.fields = [set, definition]
            .into_iter()
            .filter_map(|from| from.get("fields"))
            .map(fields_of)
            .find(|f| !f.is_empty())
            .unwrap_or_default();
        header.fields.retain(|field| field.field_type != FieldType::Geometry);
        header.has_z = flag("hasZ").unwrap_or(false);
        header.has_m = flag("hasM").unwrap_or(false);
        header.count = Some(array.rows());

        let is_table = header.geometry.is_none() && definition.get("type").and_then(Value::as_str) == Some("Table");
        let whole = header.fields.is_empty() || (header.geometry.is_none() && !is_table);
        let part = header.spatial_reference.is_none() || (flag("hasZ").is_none() && flag("hasM").is_none());
        if whole || part {
            let mut survey = Survey::default();
            for page in array.pages.iter().take(if whole { usize::MAX } else { 1 }) {
                let bytes =
                    self.body.read(*page).map_err(|why| Error::new(ErrorKind::File, "can't read the input").because(why))?;
                survey.look(&bytes)?;
            }
            if header.fields.is_empty() {
                header.fields = survey.fields();
            }
            if !is_table {
                header.geometry = header.geometry.or(survey.geometry);
            }
            header.spatial_reference = header.spatial_reference.or(survey.spatial_reference);
            if flag("hasZ").is_none() && flag("hasM").is_none() {
                (header.has_z, header.has_m) = (survey.has_z, survey.has_m);
            }
        }
        header.object_id = text("objectIdFieldName")
            .or_else(|| text("objectIdField"))
            .and_then(|name| header.field_index(name))
            .or_else(|| header.fields.iter().position(|field| field.field_type == FieldType::ObjectId));
        header.display = text("displayFieldName").or_else(|| text("displayField")).and_then(|name| header.field_index(name));
        header.dates_in_unknown_time_zone = flag("datesInUnknownTimezone").unwrap_or(false);
        Ok(header)
    }
}

/// The one layer of a document that is a page of a query.
fn single_layer(document: Document) -> Result<SavedLayer> {
    let set = &document.skeleton.value;
    if let Some(error) = failure::of(set) {
        return Err(error);
    }
    if document.skeleton.features_of(set).is_none() {
        return Err(Error::new(ErrorKind::Input, "the file is no page of a layer query")
            .hint("several files are read as the pages of one query; convert other files one by one"));
    }
    document.saved_layer(&document.name, &Value::Null, set)
}

/// Pages of rows in one body.
struct Part {
    body: Arc<Body>,
    pages: Vec<PageRange>,
}

/// A layer whose rows are on disk or in memory.
struct SavedLayer {
    header: Header,
    parts: Vec<Part>,
    cut_off: bool,
    warnings: Vec<String>,
}

impl SavedLayer {
    /// Adds a further page of the same query.
    fn append(&mut self, page: SavedLayer) -> Result<()> {
        let differs = |what: &str, one: String, other: String| {
            Err(Error::new(ErrorKind::Input, format!("the files are not pages of one query: the {what} differs"))
                .because(format!("{one} before, {other} here"))
                .hint("convert them one by one"))
        };
        let empty = page.header.count == Some(0);
        let words = |value: &dyn std::fmt::Debug| format!("{value:?}");
        let (ours, theirs) = (&self.header.geometry, &page.header.geometry);
        if ours != theirs && !empty {
            return differs("geometry kind", words(ours), words(theirs));
        }
        match (&self.header.spatial_reference, &page.header.spatial_reference) {
            (Some(ours), Some(theirs)) if !ours.same_as(theirs) => {
                return differs("spatial reference", ours.to_string(), theirs.to_string());
            }
            (None, Some(theirs)) if !empty => return differs("spatial reference", "none".to_owned(), theirs.to_string()),
            _ => {}
        }
        for field in page.header.fields {
            match self.header.fields.iter().find(|ours| ours.name == field.name) {
                None => self.header.fields.push(field),
                Some(ours) if ours.field_type != field.field_type && !empty => {
                    return differs(&format!("type of field {}", field.name), words(&ours.field_type), words(&field.field_type));
                }
                Some(_) => {}
            }
        }
        self.header.has_z |= page.header.has_z;
        self.header.has_m |= page.header.has_m;
        self.header.count = self.header.count.zip(page.header.count).map(|(before, here)| before + here);
        self.header.object_id = self.header.object_id.or(page.header.object_id);
        self.parts.extend(page.parts);
        // Every page of a query but the last says that there is more.
        self.cut_off &= page.cut_off;
        self.warnings.extend(page.warnings);
        Ok(())
    }
}

impl Source for SavedLayer {
    fn header(&self) -> &Header {
        &self.header
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn open(self: Box<Self>, _read: &ReadPlan, permits: &Permits, progress: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        let ranges =
            self.parts.into_iter().flat_map(|part| part.pages.into_iter().map(move |page| (Arc::clone(&part.body), page)));
        Ok(Box::new(SavedPages {
            ranges: Box::new(ranges),
            permits: permits.clone(),
            progress,
            evidence: Evidence { cut_off: self.cut_off, strategy: "saved file".to_owned(), ..Evidence::default() },
        }))
    }
}

struct SavedPages {
    ranges: Box<dyn Iterator<Item = (Arc<Body>, PageRange)> + Send>,
    permits: Permits,
    progress: Arc<dyn Progress>,
    evidence: Evidence,
}

impl Pages for SavedPages {
    fn next(&mut self) -> Option<Result<(Page, Permit)>> {
        let (body, range) = self.ranges.next()?;
        let mut permit = self.permits.take()?;
        let bytes = match body.read(range) {
            Ok(bytes) => bytes,
            Err(why) => {
                return Some(Err(Error::new(ErrorKind::File, "can't read the input").because(why).on_page(self.evidence.pages)));
            }
        };
        permit.hold_bytes(bytes.len());
        let facts = PageFacts { rows: range.rows as usize, features: 0..bytes.len(), exceeded: false };
        let page = Page { seq: self.evidence.pages, bytes, facts, drop_rows: Vec::new(), rows_before: self.evidence.rows };
        self.evidence.pages += 1;
        self.evidence.rows += range.rows;
        self.progress.rows(range.rows);
        Some(Ok((page, permit)))
    }

    fn finish(self: Box<Self>) -> Result<Evidence> {
        Ok(self.evidence)
    }
}
