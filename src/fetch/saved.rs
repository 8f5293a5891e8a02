//! Saved Esri JSON and PBF: files, standard input, and answers that are in memory already (the results of a job).

mod ids;
mod look;

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{Input, Item, Pages, Scalar, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::document::{FeatureSet, Found, contents};
use crate::esri::{PageRange, Scanner, Skeleton, Syntax, pbf};
use crate::model::{Carriage, Evidence, GeometryKind, Header, Page, PageFacts, ReadPlan, Wire};
use crate::pipe::{Permit, Permits};
use crate::report::Progress;
use ids::PageIds;

/// Rows of a saved file go to the workers in pages of about this many bytes: a page, its batch and its text in the output
/// fit into a processor's own cache together, and the allocator keeps memory of this size instead of giving it back.
const PAGE_BYTES: u64 = 1 << 18;

/// So many bytes tell PBF from JSON.
const PBF_PREFIX: u64 = 256;

/// Formats that hold geodata and are read elsewhere.
const OTHER_FORMATS: [(&[&str], &str); 7] = [
    (&["shp", "shx", "dbf"], "a Shapefile"),
    (&["gpkg"], "a GeoPackage"),
    (&["gdb"], "a File Geodatabase"),
    (&["kml", "kmz"], "KML"),
    (&["fgb"], "FlatGeobuf"),
    (&["csv", "xlsx", "parquet"], "a table"),
    (&["zip"], "an archive"),
];

/// Saved answers, opened.
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
            return Ok(Self { items: items_of_file(path)?, origin });
        }
        refuse_twice(paths)?;
        let mut merged: Option<SavedLayer> = None;
        for path in paths {
            let page = page_of_query(path)?;
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
        Ok(Self { items: items_of(Body::Memory(bytes), name)?, origin: name.to_owned() })
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
    fn read(&self, range: PageRange) -> Result<Bytes> {
        self.read_range(range).map_err(|why| Error::new(ErrorKind::File, "can't read the input").because(why))
    }

    fn read_range(&self, range: PageRange) -> std::io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.slice(range.offset as usize..(range.offset + range.len) as usize)),
            Self::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(range.offset))?;
                // The length is that of bytes which the scan has read, so it is no claim to be distrusted.
                let mut bytes = Vec::with_capacity(range.len as usize);
                match (&mut *file).take(range.len).read_to_end(&mut bytes)? as u64 == range.len {
                    true => Ok(Bytes::from(bytes)),
                    false => Err(std::io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }

    /// All bytes, where they look like PBF: an answer is a page, which is handled as a whole.
    fn pbf(&self) -> Result<Option<Bytes>> {
        let file = match self {
            Self::Memory(bytes) => return Ok(pbf::looks_like(bytes).then(|| bytes.clone())),
            Self::File(file) => file,
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        let read = (&mut *file).take(PBF_PREFIX).read_to_end(&mut bytes).and_then(|_| {
            if pbf::looks_like(&bytes) {
                file.read_to_end(&mut bytes)?;
                return Ok(true);
            }
            file.rewind().map(|()| false)
        });
        match read {
            Ok(is_pbf) => Ok(is_pbf.then(|| Bytes::from(bytes))),
            Err(why) => Err(Error::new(ErrorKind::File, "can't read the input").because(why)),
        }
    }

    fn scan(&self, scanner: Scanner) -> Result<Skeleton> {
        match self {
            Self::Memory(bytes) => {
                let mut scanner = scanner;
                scanner.push(bytes)?;
                scanner.finish()
            }
            Self::File(file) => look::scan(&file.lock().unwrap_or_else(PoisonError::into_inner), scanner)?.finish(),
        }
    }
}

fn items_of(body: Body, name: &str) -> Result<Vec<Item>> {
    let item = |found| match found {
        Content::Layer(layer) => Item::Layer(layer),
        Content::Value(scalar) => Item::Value(scalar),
    };
    Ok(contents_of(body, name)?.into_iter().map(item).collect())
}

fn items_of_file(path: &Path) -> Result<Vec<Item>> {
    let (name, body) = open_file(path)?;
    items_of(body, &name).map_err(|error| explained(error, path))
}

/// A file that could be read but is no Esri JSON may be of a kind that geohaul does not read.
fn explained(error: Error, path: &Path) -> Error {
    let other = if error.kind() == ErrorKind::Input { another_format(path) } else { None };
    other.unwrap_or(error).in_file(path)
}

/// For a file that is no Esri JSON, by its ending: people try what they have.
fn another_format(path: &Path) -> Option<Error> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let (_, what) = OTHER_FORMATS.iter().find(|(endings, _)| endings.contains(&ending.as_str()))?;
    let error = Error::new(ErrorKind::Usage, format!("the input is {what}, and no Esri JSON"));
    Some(error.hint("geohaul reads what ArcGIS servers send (f=json, f=pbf); GDAL's ogrinfo and ogr2ogr read other formats"))
}

/// The same file as two pages would give each of its rows twice.
fn refuse_twice(paths: &[PathBuf]) -> Result<()> {
    let mut seen = HashSet::new();
    for path in paths {
        // What can't be resolved can't be opened either, and that error says more.
        if !seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            return Err(Error::new(ErrorKind::Usage, "the same input is given twice").in_file(path));
        }
    }
    Ok(())
}

/// The one layer of a file that is a page of a query.
fn page_of_query(path: &Path) -> Result<SavedLayer> {
    let (name, body) = open_file(path)?;
    let mut found = contents_of(body, &name).map_err(|error| explained(error, path))?;
    match (found.pop(), found.is_empty()) {
        (Some(Content::Layer(layer)), true) => Ok(*layer),
        _ => Err(Error::new(ErrorKind::Input, "the file is no page of a layer query")
            .in_file(path)
            .hint("several files are read as the pages of one query; convert other files one by one")),
    }
}

enum Content {
    Layer(Box<SavedLayer>),
    Value(Scalar),
}

fn contents_of(body: Body, name: &str) -> Result<Vec<Content>> {
    if let Some(bytes) = body.pbf()? {
        return pbf_layer(bytes, name).map(|layer| vec![Content::Layer(Box::new(layer))]);
    }
    let skeleton = body.scan(Scanner::new(PAGE_BYTES))?;
    let body = Arc::new(body);
    let warnings: Vec<String> = skeleton.mended.iter().map(|what| format!("\"{name}\": {what}")).collect();
    let found = contents(&skeleton, name, &|range| body.read(range))?;
    let content = |found| match found {
        Found::Value { name, data_type, value } => Content::Value(Scalar { name, data_type, value }),
        Found::Rows(set) => {
            let FeatureSet { header, rows, cut_off, alone, warnings: own } = *set;
            let part = Part { body: Arc::clone(&body), wire: Wire::Json, pages: rows.pages, exceeded: cut_off };
            let warnings = warnings.iter().cloned().chain(own).collect();
            let carriage = Carriage::default();
            Content::Layer(Box::new(SavedLayer { header, parts: vec![part], cut_off, alone, carriage, warnings }))
        }
    };
    Ok(found.into_iter().map(content).collect())
}

/// The layer of an answer in PBF.
fn pbf_layer(bytes: Bytes, name: &str) -> Result<SavedLayer> {
    let broken = |why: Syntax| {
        Error::new(ErrorKind::Input, "the PBF is broken")
            .because(why)
            .hint("the file was cut off, or is no f=pbf answer; fetch it again")
    };
    let pbf::Answer::Rows(rows) = pbf::read(&bytes).map_err(broken)? else {
        return Err(Error::new(ErrorKind::Input, "the file holds no features")
            .because("it is an answer with ids or a count only")
            .hint("query the layer without returnIdsOnly and returnCountOnly"));
    };
    let header = rows.header(&bytes, name).map_err(broken)?;
    let offset = rows.range.start as u64;
    let page = PageRange { offset, len: rows.range.end as u64 - offset, rows: rows.rows as u64 };
    let part = Part { body: Arc::new(Body::Memory(bytes)), wire: Wire::Pbf, pages: vec![page], exceeded: rows.exceeded };
    let scale = header.geometry.map(|_| rows.grid.x.scale());
    let carriage = Carriage { wire: Wire::Pbf, scale, ..Carriage::default() };
    Ok(SavedLayer { header, parts: vec![part], cut_off: rows.exceeded, alone: true, carriage, warnings: Vec::new() })
}

fn open_file(path: &Path) -> Result<(String, Body)> {
    let failed = |why: std::io::Error| Error::file("can't read the input", path, &why);
    if path == Path::new("-") {
        return Ok(("stdin".to_owned(), Body::File(Mutex::new(spool_stdin().map_err(failed)?))));
    }
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        let error = || Error::new(ErrorKind::Usage, "the input is a directory").hint("name the JSON files in it");
        return Err(another_format(path).unwrap_or_else(error).in_file(path));
    }
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok((name, Body::File(Mutex::new(file))))
}

/// Rows are read twice (for their places, then for themselves), so a stream is kept in a temporary file.
fn spool_stdin() -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
    file.flush()?;
    file.rewind()?;
    Ok(file)
}

/// Pages of rows in one body.
struct Part {
    body: Arc<Body>,
    wire: Wire,
    pages: Vec<PageRange>,
    /// The server says that there is more.
    exceeded: bool,
}

/// A layer whose rows are on disk or in memory.
struct SavedLayer {
    header: Header,
    parts: Vec<Part>,
    cut_off: bool,
    /// All rows of its documents are here.
    alone: bool,
    carriage: Carriage,
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
        // A page without rows knows too little of them to differ.
        let empty = page.header.count == Some(0);
        if self.header.count == Some(0) {
            let name = std::mem::take(&mut self.header.name);
            self.header = Header { name, ..page.header.clone() };
            self.header.count = Some(0);
        }
        let object_id = page.header.object_id.map(|index| page.header.fields[index].name.clone());
        let (ours, theirs) = (self.header.geometry, page.header.geometry);
        if ours != theirs && !empty {
            let words = |kind: Option<GeometryKind>| kind.map_or("none".to_owned(), |kind| kind.to_string());
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
                    let [ours, theirs] = [ours, &field].map(|field| field.field_type.esri_name().to_owned());
                    return differs(&format!("type of field {}", field.name), ours, theirs);
                }
                Some(_) => {}
            }
        }
        self.header.has_z |= page.header.has_z;
        self.header.z_is_due |= page.header.z_is_due;
        self.header.has_m |= page.header.has_m;
        self.header.count = self.header.count.zip(page.header.count).map(|(before, here)| before + here);
        self.header.object_id = self.header.object_id.or_else(|| self.header.field_index(&object_id?));
        self.parts.extend(page.parts);
        // Every page of a query but the last says that there is more.
        self.cut_off &= page.cut_off;
        self.alone &= page.alone;
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

    fn keep_pages_in(&mut self, _directory: &Path) -> Result<()> {
        // They are here already.
        Ok(())
    }

    fn open(self: Box<Self>, _read: &ReadPlan, permits: &Permits, progress: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        let in_memory = self.parts.iter().all(|part| matches!(*part.body, Body::Memory(_)));
        let several = self.parts.len() > 1;
        let strategy = match (self.alone, in_memory, several) {
            (false, _, false) => "feature set",
            (false, _, true) => "feature sets",
            (true, true, _) => "answer",
            (true, false, false) => "saved file",
            (true, false, true) => "saved files",
        };
        let object_id = self.header.object_id.and_then(|index| self.header.fields.get(index)).filter(|_| several);
        let ids = object_id.map(|field| PageIds::of(&field.name));
        let ranges = self.parts.into_iter().enumerate().flat_map(|(file, Part { body, wire, pages, exceeded })| {
            pages.into_iter().map(move |range| SavedPage { file, exceeded, body: Arc::clone(&body), wire, range })
        });
        Ok(Box::new(SavedPages {
            ranges: Box::new(ranges),
            permits: permits.clone(),
            progress,
            ids,
            evidence: Evidence {
                cut_off: self.cut_off,
                strategy: strategy.to_owned(),
                carriage: self.carriage,
                ..Evidence::default()
            },
        }))
    }
}

struct SavedPage {
    /// Which of the files it stands in.
    file: usize,
    /// Of which the server says that there is more.
    exceeded: bool,
    body: Arc<Body>,
    wire: Wire,
    range: PageRange,
}

struct SavedPages {
    ranges: Box<dyn Iterator<Item = SavedPage> + Send>,
    permits: Permits,
    progress: Arc<dyn Progress>,
    /// Where there are several files.
    ids: Option<PageIds>,
    evidence: Evidence,
}

impl Pages for SavedPages {
    fn next(&mut self) -> Option<Result<(Page, Permit)>> {
        let SavedPage { file, exceeded, body, wire, range } = self.ranges.next()?;
        let mut permit = self.permits.take()?;
        let bytes = match body.read(range) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error.on_page(self.evidence.pages))),
        };
        permit.hold_bytes(bytes.len());
        if let Some(ids) = &mut self.ids {
            ids.look(file, exceeded, wire, &bytes);
        }
        self.progress.page(range.rows, bytes.len() as u64);
        let facts = PageFacts { rows: range.rows as usize, features: 0..bytes.len(), exceeded: false, wire };
        let page = Page { seq: self.evidence.pages, bytes, facts, drop_rows: Vec::new(), rows_before: self.evidence.rows };
        self.evidence.pages += 1;
        self.evidence.rows += range.rows;
        Some(Ok((page, permit)))
    }

    fn finish(self: Box<Self>) -> Result<Evidence> {
        let (repeated, gap) = self.ids.map(PageIds::finish).unwrap_or_default();
        Ok(Evidence { repeated, gap, ..self.evidence })
    }
}
