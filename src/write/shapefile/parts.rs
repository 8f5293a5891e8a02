//! The parts of a data set: one for each kind of geometry where the layer has several, and a further one where a file
//! would pass the size limit.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::place::Place;
use super::shapes::ShapeType;
use super::{Piece, dbf, metadata, shp};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{GeometryKind, ShapeKind, WritePlan};
use crate::write::Stage;

/// Endings of the files of a part, the main one last.
const ENDINGS: [&str; 7] = ["cpg", "dbf", "names.csv", "prj", "shp.xml", "shx", "shp"];

/// A part that grows with its rows.
struct Part<'s> {
    place: Place<'s>,
    shapes: shp::Writer<'s>,
    table: dbf::Writer<'s>,
}

impl Part<'_> {
    /// The ending of the file that would pass the limit with this piece; `None` where it fits.
    fn too_large(&self, piece: &Piece, limit: u64) -> Option<&'static str> {
        let shapes = self.shapes.length_with(&piece.shapes) > limit;
        let table = self.table.length_with(&piece.cells) > limit;
        if shapes { Some("shp") } else { table.then_some("dbf") }
    }
}

/// The parts of one kind of geometry.
struct Series<'s> {
    kind: ShapeKind,
    /// Of the part under way, from 1 on.
    number: usize,
    part: Part<'s>,
}

/// All parts of a data set.
pub(super) struct Parts<'s> {
    stage: &'s Stage,
    plan: Arc<WritePlan>,
    /// The greatest length of a file.
    limit: u64,
    directory: PathBuf,
    stem: OsString,
    series: Vec<Series<'s>>,
    /// Rows without geometry that came before there was a part to take them.
    waiting: Vec<Piece>,
    done: Vec<Place<'s>>,
    warnings: Vec<String>,
}

impl<'s> Parts<'s> {
    /// Parts in `directory`, whose names begin with `stem`.
    pub(super) fn new(stage: &'s Stage, plan: Arc<WritePlan>, limit: u64, directory: &Path, stem: OsString) -> Result<Self> {
        let (directory, series, waiting, done) = (directory.to_owned(), Vec::new(), Vec::new(), Vec::new());
        let mut parts = Self { stage, plan, limit, directory, stem, series, waiting, done, warnings: Vec::new() };
        if !parts.is_mixed() {
            let kind = ShapeType::of(&parts.plan)?.kind;
            parts.begin(kind)?;
        }
        Ok(parts)
    }

    fn is_mixed(&self) -> bool {
        self.plan.geometry == Some(GeometryKind::Mixed)
    }

    /// Adds rows.
    ///
    /// # Errors
    /// Where a part may not be written, and where a page alone is larger than a file may be.
    pub(super) fn append(&mut self, piece: Piece) -> Result<()> {
        let at = self.series.iter().position(|series| series.kind == piece.kind);
        match (at, piece.kind) {
            (Some(at), _) => self.append_to(at, &piece),
            // Any part holds rows without geometry.
            (None, ShapeKind::Null) if self.series.is_empty() => {
                self.waiting.push(piece);
                Ok(())
            }
            (None, ShapeKind::Null) => self.append_to(0, &piece),
            (None, kind) => {
                self.begin(kind)?;
                self.append_to(self.series.len() - 1, &piece)
            }
        }
    }

    /// Begins the first part of a kind.
    fn begin(&mut self, kind: ShapeKind) -> Result<()> {
        if let [first] = self.series.as_slice() {
            self.stage.refuse_beside(&first.part.place.path("shp"))?;
        }
        let part = self.open(kind, 1, !self.series.is_empty())?;
        self.series.push(Series { kind, number: 1, part });
        for piece in std::mem::take(&mut self.waiting) {
            self.append_to(0, &piece)?;
        }
        Ok(())
    }

    fn append_to(&mut self, at: usize, piece: &Piece) -> Result<()> {
        let Series { kind, number, part } = &self.series[at];
        if part.too_large(piece, self.limit).is_some() && part.table.rows() > 0 {
            let number = number + 1;
            let next = Series { kind: *kind, number, part: self.open(*kind, number, true)? };
            let full = std::mem::replace(&mut self.series[at], next);
            self.finish_part(full.part)?;
        }
        let part = &mut self.series[at].part;
        if let Some(ending) = part.too_large(piece, self.limit) {
            return Err(super::too_large(ending));
        }
        part.shapes.append(&piece.shapes)?;
        part.table.append(&piece.cells)
    }

    fn open(&mut self, kind: ShapeKind, number: usize, beside: bool) -> Result<Part<'s>> {
        let mut stem = self.stem.clone();
        if self.is_mixed() {
            stem.push(suffix(kind));
        }
        if number > 1 {
            stem.push(format!("_{number}"));
        }
        let place = Place { stage: self.stage, directory: self.directory.clone(), stem };
        if beside {
            self.stage.refuse_beside(&place.path("shp"))?;
        }
        let shapes = shp::Writer::create(&place, ShapeType { kind, z: self.plan.z, m: self.plan.m })?;
        let table = dbf::Writer::create(self.stage, Arc::clone(&self.plan))?;
        self.describe(&place)?;
        Ok(Part { place, shapes, table })
    }

    /// The small files that say what the others mean.
    fn describe(&mut self, place: &Place<'_>) -> Result<()> {
        let plan = &self.plan;
        let mut warning = None;
        match plan.crs.as_ref().map(|crs| (crs, &crs.esri_wkt)) {
            Some((_, Some(wkt))) => match plan.vertical.as_ref().map(|vertical| (vertical, &vertical.esri_wkt)) {
                // ArcGIS sets the vertical system behind the horizontal one, and GDAL reads that.
                Some((_, Some(vertical))) => place.write_whole("prj", &format!("{wkt},{vertical}"))?,
                Some((vertical, None)) => {
                    warning = Some(format!("the .prj does not say what z are measured from: {vertical}"));
                    place.write_whole("prj", wkt)?;
                }
                None => place.write_whole("prj", wkt)?,
            },
            Some((crs, None)) => warning = Some(format!("no .prj was written: {crs} has no WKT in Esri's dialect")),
            None => warning = Some("no .prj was written: the spatial reference is unknown".to_owned()),
        }
        place.write_whole("cpg", "UTF-8")?;
        if plan.columns.iter().any(|column| column.name != column.field.name) {
            place.write_whole("names.csv", &names_csv(plan))?;
        }
        // The same for every part.
        self.warnings.extend(warning.filter(|warning| !self.warnings.contains(warning)));
        Ok(())
    }

    fn finish_part(&mut self, part: Part<'s>) -> Result<()> {
        let Part { place, shapes, table } = part;
        let rows = table.rows();
        shapes.finish()?;
        table.finish(&place, &mut self.warnings)?;
        place.write_whole("shp.xml", &metadata::of(&self.plan, &place.stem.to_string_lossy(), rows))?;
        self.done.push(place);
        Ok(())
    }

    /// Writes what is known at the end only. Returns the files, each part's main one last, and what the user should know.
    pub(super) fn finish(mut self) -> Result<(Vec<PathBuf>, Vec<String>)> {
        if self.series.is_empty() {
            self.begin(ShapeKind::Point)?;
        }
        let of_one_kind = self.is_mixed() && self.series.len() == 1;
        for series in std::mem::take(&mut self.series) {
            self.finish_part(series.part)?;
        }
        if of_one_kind {
            self.drop_kind()?;
        }
        self.warn_of_others();
        if self.done.len() > 1 {
            let mut names: Vec<_> = self.done.iter().map(|place| place.path("shp")).collect();
            names.sort();
            let names = names.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect::<Vec<_>>();
            self.warnings.push(format!("the layer is in {} Shapefiles: {}", names.len(), names.join(", ")));
        }
        let files = self.done.iter().flat_map(|place| ENDINGS.map(|ending| place.path(ending)));
        Ok((files.filter(|path| path.exists()).collect(), self.warnings))
    }

    /// Parts of an earlier, larger export are no longer of this one, and are not ours to remove.
    fn warn_of_others(&mut self) {
        let ours: Vec<_> = self.done.iter().filter_map(|place| place.path("shp").file_name().map(ToOwned::to_owned)).collect();
        let named = |suffix: &str| {
            let mut name = self.stem.clone();
            name.push(suffix);
            name.push(".shp");
            name
        };
        let next = format!("_{}", self.done.len() + 1);
        let suffixes = KINDS.map(suffix).into_iter().chain([next.as_str()]);
        let others = suffixes.map(named).filter(|name| !ours.contains(name) && self.stage.has_beside(name));
        let others: Vec<_> = others.map(|name| name.to_string_lossy().into_owned()).collect();
        if !others.is_empty() && self.stage.main_file().parent() == Some(&self.directory) {
            self.warnings.push(format!("there before, and no part of this export: {}", others.join(", ")));
        }
    }

    /// The kind is no part of the names where it proved to be the only one.
    fn drop_kind(&mut self) -> Result<()> {
        for (number, place) in self.done.iter_mut().enumerate() {
            let mut stem = self.stem.clone();
            if number > 0 {
                stem.push(format!("_{}", number + 1));
            }
            let plain = Place { stage: self.stage, directory: self.directory.clone(), stem };
            for ending in ENDINGS.iter().filter(|ending| place.path(ending).exists()) {
                fs::rename(place.path(ending), plain.path(ending)).map_err(|why| self.stage.write_error(&why))?;
            }
            *place = plain;
        }
        Ok(())
    }
}

const KINDS: [ShapeKind; 4] = [ShapeKind::Point, ShapeKind::Multipoint, ShapeKind::Polyline, ShapeKind::Polygon];

/// What the name of a kind's part ends with.
fn suffix(kind: ShapeKind) -> &'static str {
    match kind {
        ShapeKind::Null | ShapeKind::Point => "_point",
        ShapeKind::Multipoint => "_multipoint",
        ShapeKind::Polyline => "_line",
        ShapeKind::Polygon => "_polygon",
    }
}

/// Which column each field became.
fn names_csv(plan: &WritePlan) -> String {
    let mut csv = "field,column\n".to_owned();
    for column in &plan.columns {
        let field = &column.field.name;
        if field.contains([',', '"', '\n', '\r']) {
            csv.push_str(&format!("\"{}\"", field.replace('"', "\"\"")));
        } else {
            csv.push_str(field);
        }
        csv.push_str(&format!(",{}\n", column.name));
    }
    csv
}

/// The error for a data set with a second layer.
pub(super) fn second_layer(plan: &WritePlan) -> Error {
    Error::new(ErrorKind::Format, "a Shapefile holds one layer")
        .in_layer(&plan.layer)
        .hint("write each layer to a file of its own")
}
