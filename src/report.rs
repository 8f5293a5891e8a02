//! What was done, what was lost, what to know: the [`Report`] that every run returns, and [`Progress`] while it runs.
//!
//! The library never prints. The command line shows the report in short, and writes it whole with `--report`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::model::{Evidence, GeometryKind, Origin, Sketch, codebook, time};

/// Calls back while work goes on. Every method has a default that does nothing.
pub trait Progress: Send + Sync {
    /// A layer begins; `count` rows are expected, where that is known.
    fn layer(&self, _name: &str, _count: Option<u64>) {}
    /// A page of the layer came: so many rows, in so many bytes after decompression.
    fn page(&self, _rows: u64, _bytes: u64) {}
    /// All rows of the layer are written.
    fn layer_end(&self) {}
    /// A geoprocessing job changed its status.
    fn job_status(&self, _status: &str) {}
    /// A geoprocessing job says how far it is, in per cent and in its own words.
    fn job_progress(&self, _percent: Option<f64>, _text: &str) {}
    /// The server said something.
    fn message(&self, _kind: MessageKind, _text: &str) {}
    /// A request is about to be repeated.
    fn retry(&self, _why: &str) {}
}

/// The level of a server's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// For information.
    Informative,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

/// Does nothing.
pub struct Silent;

impl Progress for Silent {}

/// [`Silent`], ready to be handed over.
pub fn silent() -> Arc<dyn Progress> {
    Arc::new(Silent)
}

/// What can be lost or changed on the way into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossKind {
    /// The field has another name in the file; the detail is the new name.
    Renamed,
    /// The field is not in the file.
    FieldDropped,
    /// Text was cut to the format's width.
    TextCut,
    /// The value does not fit the column and was left null.
    ValueDropped,
    /// The value is no number of the declared type; it was kept, in a wider column.
    TypeWidened,
    /// The column has another type in the file than the field has, which holds its values all the same.
    ColumnChanged,
    /// Bytes of the source that are no UTF-8 were replaced.
    BytesReplaced,
    /// Characters that the format can't hold were removed or replaced.
    CharactersReplaced,
    /// The format holds moments to the second.
    MillisecondsDropped,
    /// The format holds no geometry, or none of this driver's layers does.
    GeometryDropped,
    /// Z values were not written.
    ZDropped,
    /// M values were not written.
    MDropped,
    /// A vertex had no z or no m, which the format can't say; it has 0 there.
    OrdinateFilled,
    /// A ring of fewer than three different vertices, or without area, was left out.
    RingDropped,
    /// A path of fewer than two vertices was left out.
    PathDropped,
    /// A vertex without x or y was left out.
    VertexDropped,
    /// The geometry could not be brought into the output's spatial reference and is null.
    NotTransformed,
    /// An attribute that the field list does not name is not in the file.
    UnknownAttribute,
    /// A row lacks an attribute that the field list names, even as null; it is null in the file.
    AttributeAbsent,
    /// A geometry came without the z that its layer has.
    ZAbsent,
    /// A geometry that lies across the 180th meridian was cut there.
    CutAtAntimeridian,
    /// Longitudes beyond ±180 were folded into range.
    Folded,
    /// A curved segment became straight ones, none farther from the curve than the tolerance.
    Densified,
    /// An edge longer than 180 degrees of longitude was kept as it is.
    LongEdge,
    /// The coordinates are no longitude and latitude; they were kept as they are.
    NotOnEarth,
    /// A value lies outside of its domain's range; it was kept.
    OutOfRange,
    /// A value is none of its domain's codes, so it has no label.
    UnknownCode,
    /// A polygon whose rings crossed was mended, as was asked for.
    MadeValid,
}

impl LossKind {
    /// In words, for the short report.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::FieldDropped => "field left out",
            Self::TextCut => "text cut",
            Self::ValueDropped => "value does not fit, left null",
            Self::TypeWidened => "value is not of the declared type, kept as it is",
            Self::ColumnChanged => "column of another type",
            Self::BytesReplaced => "bytes that are no UTF-8 replaced by U+FFFD",
            Self::CharactersReplaced => "characters that the format can't hold replaced",
            Self::MillisecondsDropped => "milliseconds not written",
            Self::GeometryDropped => "geometry not written",
            Self::ZDropped => "z not written",
            Self::MDropped => "m not written",
            Self::OrdinateFilled => "0 written for z or m that a vertex lacks",
            Self::RingDropped => "ring without area left out",
            Self::PathDropped => "path with fewer than two vertices left out",
            Self::VertexDropped => "vertex without x or y left out",
            Self::NotTransformed => "geometry could not be reprojected, left null",
            Self::UnknownAttribute => "attribute is not among the layer's fields, left out",
            Self::AttributeAbsent => "absent from the row, left null",
            Self::ZAbsent => "geometry without the z that its layer has",
            Self::CutAtAntimeridian => "geometry cut at the 180th meridian",
            Self::Densified => "curved segment made of straight ones",
            Self::Folded => "longitudes beyond 180 degrees folded into range",
            Self::LongEdge => "edge longer than 180 degrees of longitude kept as it is",
            Self::NotOnEarth => "coordinates are no longitude and latitude, kept as they are",
            Self::OutOfRange => "value outside of its domain's range kept as it is",
            Self::MadeValid => "polygon made valid",
            Self::UnknownCode => "value is none of its domain's codes and has no label",
        }
    }

    /// `false` for what changes the form but loses nothing that was in the data.
    pub fn is_loss(self) -> bool {
        use LossKind::{
            ColumnChanged, CutAtAntimeridian, Folded, LongEdge, MadeValid, NotOnEarth, OutOfRange, Renamed, TypeWidened,
            UnknownCode,
        };
        let form_only =
            matches!(self, Renamed | TypeWidened | ColumnChanged | CutAtAntimeridian | Folded | LongEdge | NotOnEarth);
        !form_only && !matches!(self, OutOfRange | UnknownCode | MadeValid)
    }
}

/// One kind of loss in one field (or in the geometry), counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// What happened.
    pub kind: LossKind,
    /// The field, by its name at the source; `None` concerns the geometry or the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// More about it: the new name, the width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How many times.
    pub count: u64,
    /// The first feature it happened to, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Further ones, at most a hundred, where each is a geometry that is not in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<String>,
}

/// So many features are named one by one.
const MOST_NAMED: usize = 100;

impl Loss {
    fn join(&mut self, later: Self) {
        self.count += later.count;
        if self.kind == LossKind::NotTransformed {
            self.further.extend(later.first.into_iter().chain(later.further));
            self.further.truncate(MOST_NAMED);
        }
    }
}

/// Losses while they are being counted. Adding the tallies of pages in page order gives the same result
/// whatever the threads did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Losses(BTreeMap<(LossKind, Option<String>), Loss>);

impl Losses {
    /// Counts one more. `first` is asked only for the first of its kind.
    pub fn add(&mut self, kind: LossKind, field: Option<&str>, first: impl FnOnce() -> Option<String>) {
        self.add_many(kind, field, 1, None, first);
    }

    /// Counts `count` more, with a detail.
    pub fn add_many(
        &mut self,
        kind: LossKind,
        field: Option<&str>,
        count: u64,
        detail: Option<String>,
        first: impl FnOnce() -> Option<String>,
    ) {
        if count == 0 {
            return;
        }
        let loss = |first| Loss { kind, field: field.map(str::to_owned), detail, count, first, further: Vec::new() };
        match self.0.entry((kind, field.map(str::to_owned))) {
            Entry::Vacant(place) => drop(place.insert(loss(first()))),
            Entry::Occupied(mut before) => {
                let named = kind == LossKind::NotTransformed && before.get().further.len() < MOST_NAMED;
                before.get_mut().join(loss(if named { first() } else { None }));
            }
        }
    }

    /// Adds the losses of a later page.
    pub fn append(&mut self, later: Losses) {
        for (key, loss) in later.0 {
            match self.0.entry(key) {
                Entry::Vacant(place) => drop(place.insert(loss)),
                Entry::Occupied(mut before) => before.get_mut().join(loss),
            }
        }
    }

    /// All of them, by kind, then by field.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.values()
    }

    /// `true` where nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Losses {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Everything there is to say about a finished run.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of geohaul.
    pub geohaul: String,
    /// When the run began, UTC.
    pub started: String,
    /// When it ended, UTC.
    pub finished: String,
    /// Where the data came from: a URL without secrets, or files.
    pub source: String,
    /// One per layer, table or result that was read.
    pub layers: Vec<LayerReport>,
    /// Scalar results by name.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Files that hold no features: scalar results, downloads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
    /// The server's messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<(MessageKind, String)>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What failed beside what was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

impl Report {
    /// A report that begins now.
    pub fn begin(source: String) -> Self {
        let geohaul = env!("CARGO_PKG_VERSION").to_owned();
        Self { geohaul, started: time::now(), source, ..Self::default() }
    }

    /// `true` where everything that was asked for is there.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }

    /// `true` where something was written.
    pub fn wrote_something(&self) -> bool {
        !self.files.is_empty() || self.layers.iter().any(|layer| !layer.outputs.is_empty())
    }
}

/// Something that failed while other things were written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The kind, for programs.
    pub kind: ErrorKind,
    /// What failed and why.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self { kind: error.kind(), message: error.to_string(), hint: error.hint_text().map(str::to_owned) }
    }
}

/// What was read of one layer, and where it went.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// The layer's name.
    pub name: String,
    /// Where its rows can be asked for again; `None` where nobody can be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// How long it took.
    pub seconds: f64,
    /// Its geometry kind; `None` is a table.
    pub geometry: Option<GeometryKind>,
    /// Rows without geometry, where it has geometries.
    #[serde(skip_serializing_if = "is_zero")]
    pub without_geometry: u64,
    /// Its spatial reference, in words; `None` is unknown.
    pub spatial_reference: Option<String>,
    /// What its heights are measured from, in words, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vertical_reference: Option<String>,
    /// The ground for "complete".
    pub evidence: Evidence,
    /// What the parser met, whatever the output.
    pub losses: Losses,
    /// What cutting at an area did, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clipped: Option<Clipped>,
    /// One per output.
    pub outputs: Vec<OutputReport>,
    /// Its receipt, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<PathBuf>,
    /// What its domains say.
    #[serde(skip)]
    pub codebook: Vec<codebook::Entry>,
    /// A small picture of its rows, where that was asked for.
    #[serde(skip)]
    pub sketch: Option<Sketch>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Rows by what cutting at an area did to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clipped {
    /// They lie inside and stay as they are.
    pub inside: u64,
    /// They were cut.
    pub cut: u64,
    /// They lie outside, though the server chose them, and are not written.
    pub outside: u64,
}

impl Clipped {
    /// Adds those of another page.
    pub fn add(&mut self, page: Self) {
        self.inside += page.inside;
        self.cut += page.cut;
        self.outside += page.outside;
    }
}

/// One written file or data set.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputReport {
    /// The main file.
    pub path: PathBuf,
    /// All files of the data set.
    pub files: Vec<PathBuf>,
    /// The format's name.
    pub format: &'static str,
    /// Rows written.
    pub rows: u64,
    /// Bytes in all files.
    pub bytes: u64,
    /// The spatial reference of the written coordinates, in words; `None` is unknown.
    pub spatial_reference: Option<String>,
    /// How the coordinates were brought into it; `None` is unchanged.
    pub reprojection: Option<String>,
    /// What was lost or changed in this output.
    pub losses: Losses,
    /// What the user should know about this output.
    pub warnings: Vec<String>,
}
