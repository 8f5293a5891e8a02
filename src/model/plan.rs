//! Plans: what to ask of the source, and what each output writes. Made in one place, `convert::plan`.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::crs::Vertical;
use super::{About, Crs, Drawing, Field, GeometryKind, Relations, Transform, time};

/// What to ask of a source: the union of what all outputs want.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPlan {
    /// Ask for geometries.
    pub geometry: bool,
    /// Ask for z.
    pub z: bool,
    /// Ask for m.
    pub m: bool,
    /// The farthest that a straight segment may be from the curve that it replaces, in the source's units.
    pub curve_tolerance: f64,
    /// Ask for true curves, and keep circular arcs beside the vertices that they are made of.
    pub keep_curves: bool,
}

/// What a format can hold: facts, no decisions.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FormatInfo {
    /// The name for `--format`, lower case.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// File endings without the dot, the usual one first.
    pub endings: &'static [&'static str],
    /// Geometry kinds it can hold; empty where it holds tables only.
    pub kinds: &'static [GeometryKind],
    /// Rows without geometry columns (tables) make sense in it.
    pub tables: bool,
    /// Holds z.
    pub z: bool,
    /// Holds m.
    pub m: bool,
    /// Rows of several geometry kinds may stand in one file.
    pub mixed_kinds: bool,
    /// Holds circular arcs.
    pub curves: bool,
    /// Several layers and tables may stand in one file.
    pub many_layers: bool,
    /// It is written from the first byte to the last, so it may go to standard output.
    pub streams: bool,
    /// Its dates have an offset, so that they may be those of a time zone.
    pub time_zones: bool,
    /// What it says about spatial references.
    pub crs: CrsRule,
    /// The longest field name in bytes.
    pub longest_field_name: Option<usize>,
    /// Field names are case-insensitive ASCII letters, digits and `_`.
    pub plain_field_names: bool,
    /// Field names that differ in case only are the same to it.
    pub ignores_case: bool,
    /// The greatest number of fields.
    pub most_fields: Option<usize>,
    /// The longest text in bytes.
    pub longest_text: Option<u32>,
    /// A sentence on what it can't hold.
    pub limits: &'static str,
}

impl FormatInfo {
    /// All geometry kinds that the rows of a layer may be of; multipatches come as their footprints.
    pub const ALL_KINDS: &'static [GeometryKind] =
        &[GeometryKind::Point, GeometryKind::Multipoint, GeometryKind::Polyline, GeometryKind::Polygon, GeometryKind::Envelope];

    /// GeoJSON, which is written as a file and handed out as the `geojson` crate's types.
    pub const GEOJSON: Self = Self {
        name: "geojson",
        title: "GeoJSON",
        endings: &["geojson", "json"],
        kinds: Self::ALL_KINDS,
        tables: true,
        z: true,
        m: false,
        mixed_kinds: true,
        curves: false,
        many_layers: false,
        streams: true,
        time_zones: true,
        crs: CrsRule::Wgs84Default,
        longest_field_name: None,
        plain_field_names: false,
        ignores_case: false,
        most_fields: None,
        longest_text: None,
        limits: "it holds no m values and no field types",
    };
}

/// A format's rule for spatial references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrsRule {
    /// Always WGS 84 longitude and latitude.
    Wgs84Only,
    /// WGS 84 unless another is asked for.
    Wgs84Default,
    /// The layer's own unless another is asked for.
    Native,
}

/// What one output writes of one layer. The writer trusts it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WritePlan {
    /// The layer's name for people.
    pub layer: String,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The geometry kind to declare; `None` is a table.
    pub geometry: Option<GeometryKind>,
    /// Write lines and polygons as multi geometries, whatever they have.
    pub promote_multi: bool,
    /// Write z.
    pub z: bool,
    /// Write m.
    pub m: bool,
    /// Write circular arcs as such.
    pub keep_curves: bool,
    /// The spatial reference of the written coordinates; `None` is unknown.
    pub crs: Option<Crs>,
    /// What written z are measured from, where that is known.
    pub vertical: Option<Vertical>,
    /// How the source's coordinates become the written ones; `None` copies them.
    pub transform: Option<Transform>,
    /// Decimals of x and y; `None` writes each number so that it reads back to the same double.
    pub decimals: Option<u8>,
    /// Batch column of the object id.
    pub object_id: Option<usize>,
    /// Several rows may have the same object id: the parts of one feature.
    pub ids_repeat: bool,
    /// Batch column of the display field.
    pub display: Option<usize>,
    /// Dates are UTC and get a `Z`; otherwise wall-clock times.
    pub dates_are_utc: bool,
    /// The time zone that UTC dates are written in, with their offset; `None` is UTC.
    pub time_zone: Option<TimeZone>,
    /// RFC 7946 holds: WGS 84, right-hand rule, no `crs` member.
    pub rfc7946: bool,
    /// What becomes of geometries across the 180th meridian.
    pub antimeridian: Antimeridian,
    /// How the layer is drawn, where that is known.
    pub drawing: Option<Arc<Drawing>>,
    /// What its rows are to those of other layers, where that is known.
    pub relations: Option<Arc<Relations>>,
    /// What the layer says of itself.
    pub about: About,
}

impl WritePlan {
    /// A date of a field (milliseconds since 1970) as ISO 8601 text; `None` beyond the years -9999 to 9999.
    pub fn iso(&self, field: &Field, epoch_ms: i64) -> Option<String> {
        let mut text = Vec::new();
        self.push_iso(&mut text, field, epoch_ms).then(|| String::from_utf8(text).ok())?
    }

    /// Appends [`WritePlan::iso`]; `false` where there is none.
    pub(crate) fn push_iso(&self, out: &mut Vec<u8>, field: &Field, epoch_ms: i64) -> bool {
        match (&self.time_zone, self.dates_are_utc || field.always_utc) {
            (Some(zone), true) => time::iso_in(epoch_ms, zone).map(|text| out.extend_from_slice(text.as_bytes())).is_some(),
            (_, utc) => time::push_iso(out, epoch_ms, utc),
        }
    }
}

/// What becomes of geometries that reach across the 180th meridian, in outputs of longitude and latitude.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Antimeridian {
    /// Cut there, and longitudes folded into ±180; an edge longer than 180 degrees in the source's own longitudes
    /// is a real long edge and stays.
    #[default]
    Fold,
    /// The same, but such an edge counts as a crossing.
    Jump,
    /// Left as it is.
    Off,
}

/// One column of an output.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Batch column that it takes its values from.
    pub from: usize,
    /// The name in the file, unique and within the format's rules.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// The field it comes from.
    pub field: Field,
}

/// What the values of a column are, by the declared field type. Values may differ from it: a writer keeps
/// what it finds, or counts it as a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// An integer of 16, 32 or 64 bits.
    Integer {
        /// 16, 32 or 64.
        bits: u8,
    },
    /// A 32-bit float.
    Single,
    /// A 64-bit float.
    Double,
    /// Milliseconds since 1970.
    DateTime,
    /// Text, with the declared length in characters.
    Text {
        /// The declared length, where there is one.
        length: Option<u32>,
    },
}
