//! Plans: the one place that names columns, chooses spatial references and says what will be lost.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::error::{Error, ErrorKind, Result};
use crate::model::crs::Vertical;
use crate::model::plan::{Antimeridian, ColumnKind, CrsRule, FormatInfo};
use crate::model::{Column, Crs, Drawing, Field, FieldType, GeometryKind, Header, ReadPlan, Transform, WritePlan};
use crate::report::{LossKind, Losses};

use super::domains::{Domains, labelled};

/// Decimals of reprojected degrees: a tenth of a millimetre.
const DECIMALS_DEGREES: u8 = 9;

/// Decimals of reprojected metres or feet.
const DECIMALS_METRES: u8 = 4;

/// Which spatial reference the outputs are to have.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum CrsChoice {
    /// Each format's own rule: GeoJSON and KMZ in WGS 84, the others in the layer's own.
    #[default]
    Default,
    /// The layer's own, where the format can say so.
    Native,
    /// This one, where the format can say so.
    To(Crs),
}

/// How the values of fields with codes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DomainText {
    /// The codes.
    #[default]
    Code,
    /// The labels instead; a value without label stays itself, as text.
    Label,
    /// The codes, and the labels in a column `NAME_label` behind each.
    Both,
}

/// What the caller wants of the outputs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanOptions {
    /// The spatial reference of the outputs.
    pub crs: CrsChoice,
    /// The spatial reference of a layer that does not name its own.
    pub assume_crs: Option<Crs>,
    /// Decimals of x and y; the default copies what is not reprojected.
    pub decimals: Option<u8>,
    /// Take a transformation without datum shift where no better one is known.
    pub allow_ballpark: bool,
    /// What becomes of geometries across the 180th meridian.
    pub antimeridian: Antimeridian,
    /// The farthest that a straight segment may be from the curve that it replaces, in the source's units; the
    /// default is ten times the spatial reference's own tolerance, or a centimetre.
    pub curve_tolerance: Option<f64>,
    /// Ask for true curves, and write circular arcs as such where format and spatial reference allow it.
    pub keep_curves: bool,
    /// How the values of fields with codes are written.
    pub domains: DomainText,
    /// The layer's name in the outputs; the default is its own.
    pub layer_name: Option<String>,
    /// Columns are named by the alias of their field.
    pub aliases: bool,
    /// A row for each part of a geometry.
    pub explode: bool,
    /// Polygons that break the rules of OGC are mended.
    pub make_valid: bool,
    /// Lines and polygons are written as multi geometries, whatever they have.
    pub promote_multi: bool,
    /// The transformation to take, by its name or code (`EPSG:1314`); the default is the best for the area.
    pub transformation: Option<String>,
    /// The time zone that dates are written in, where theirs is known; the default is UTC.
    pub time_zone: Option<TimeZone>,
}

/// What to ask of the source, and what each output writes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// For the source.
    pub read: ReadPlan,
    /// One per output, in the order of the formats.
    pub outputs: Vec<OutputPlan>,
    /// What the rows' domains ask for, where they do: applied to each batch before it is encoded.
    pub domains: Option<Arc<Domains>>,
    /// The layer's spatial reference, where it is known.
    pub source_crs: Option<Crs>,
    /// What the user should know, whatever the output.
    pub warnings: Vec<String>,
}

/// The plan of one output.
#[derive(Debug, Clone)]
pub struct OutputPlan {
    /// For the writer.
    pub write: Arc<WritePlan>,
    /// What is lost or changed already.
    pub losses: Losses,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Plans the way of a layer into outputs of these formats.
///
/// Each output is planned for itself: another output changes nothing in it.
///
/// # Errors
/// [`ErrorKind::Format`] where a format can't hold the layer, [`ErrorKind::SpatialReference`] where a format's
/// spatial reference can't be reached.
pub fn plan(header: &Header, formats: &[&'static FormatInfo], options: &PlanOptions) -> Result<Plan> {
    let mut warnings = Vec::new();
    let source_crs = source_crs(header, options, &mut warnings)?;
    let labels = if options.domains == DomainText::Code { Vec::new() } else { labelled(header) };
    let outputs = formats
        .iter()
        .map(|format| output(header, format, options, source_crs.as_ref(), &labels))
        .collect::<Result<Vec<_>>>()
        .map_err(|error| error.in_layer(&header.name))?;
    let read = ReadPlan {
        geometry: header.geometry.is_some(),
        z: outputs.iter().any(|output| output.write.z),
        m: outputs.iter().any(|output| output.write.m),
        curve_tolerance: options.curve_tolerance.unwrap_or_else(|| curve_tolerance(header, source_crs.as_ref())),
        keep_curves: outputs.iter().any(|output| output.write.keep_curves),
    };
    if options.time_zone.is_some() && header.dates_in_unknown_time_zone {
        warnings.push(
            "the layer's dates are in an unknown time zone, so they stay as they are; --time-zone does not apply".to_owned(),
        );
    }
    let domains = Domains::new(header, &labels, options.domains == DomainText::Label).map(Arc::new);
    Ok(Plan { read, outputs, domains, source_crs, warnings })
}

/// Ten times the tolerance that the server itself gives x and y; about a centimetre where it gives none.
fn curve_tolerance(header: &Header, source: Option<&Crs>) -> f64 {
    let own = header.spatial_reference.as_ref().and_then(|sr| sr.xy_tolerance).filter(|tolerance| *tolerance > 0.0);
    let usual = if source.is_some_and(|crs| crs.geographic) { 1e-7 } else { 0.01 };
    own.map_or(usual, |tolerance| tolerance * 10.0)
}

fn source_crs(header: &Header, options: &PlanOptions, warnings: &mut Vec<String>) -> Result<Option<Crs>> {
    if header.geometry.is_none() {
        return Ok(None);
    }
    match (&header.spatial_reference, &options.assume_crs) {
        (None, assumed) => Ok(assumed.clone()),
        (Some(sr), assumed) => match Crs::of(sr) {
            Ok(crs) => {
                if assumed.as_ref().is_some_and(|assumed| *assumed != crs) {
                    warnings.push(format!("the layer names its own spatial reference, {crs}; --assume-crs was not used"));
                }
                Ok(Some(crs))
            }
            Err(_) if assumed.is_some() => {
                warnings.push(format!("the layer's own spatial reference, {sr}, is not known; --assume-crs was used instead"));
                Ok(assumed.clone())
            }
            // Formats that keep the layer's own can still be written; the others fail with this very reason.
            Err(_) => {
                warnings.push(format!("the layer's spatial reference, {sr}, is not known here"));
                Ok(None)
            }
        },
    }
}

fn output(
    header: &Header,
    format: &'static FormatInfo,
    options: &PlanOptions,
    source: Option<&Crs>,
    labels: &[usize],
) -> Result<OutputPlan> {
    let (mut losses, mut warnings) = (Losses::default(), Vec::new());
    check_geometry(header, format)?;
    let crs = target_crs(header, format, options, source, &mut warnings)?;
    let transform = match (source, &crs) {
        (Some(from), Some(to)) => match &options.transformation {
            Some(name) => Transform::by_name(from, to, name)?,
            None => Transform::between(from, to)?,
        },
        _ => None,
    };
    if let Some(transform) = &transform {
        if transform.ballpark && !options.allow_ballpark {
            return Err(Error::new(
                ErrorKind::SpatialReference,
                format!("no exact way is known from {} to {}", transform.from, transform.to),
            )
            .because("only a ballpark transformation without datum shift, which may be off by hundreds of metres")
            .hint("keep the layer's own with --crs native, or accept it with --allow-ballpark"));
        }
        if !transform.missing_grids.is_empty() {
            warnings.push(format!(
                "a better transformation needs grids that are not installed: {}",
                transform.missing_grids.join(", ")
            ));
        }
    }
    let to_degrees = crs.as_ref().is_some_and(|crs| crs.geographic);
    let reprojected = transform.as_ref().map(|_| if to_degrees { DECIMALS_DEGREES } else { DECIMALS_METRES });
    let by_rule = format.crs != CrsRule::Native && (options.crs == CrsChoice::Default || format.crs == CrsRule::Wgs84Only);
    let curved = matches!(header.geometry, Some(GeometryKind::Polyline | GeometryKind::Polygon));
    let folded = matches!(&options.crs, CrsChoice::To(crs) if crs.is_wgs84());
    let untouched = transform.is_none() && !folded && !options.explode && !options.make_valid;
    if options.keep_curves && curved && !(format.curves && untouched) {
        let why = if format.curves { "curves that are moved, cut or mended" } else { "curves" };
        warnings.push(format!("{why} are not kept in {}: they become straight segments", format.title));
    }
    let has_dates = header.fields.iter().any(|field| field.field_type == FieldType::Date);
    if options.time_zone.is_some() && has_dates && !header.dates_in_unknown_time_zone && !format.time_zones {
        warnings.push(format!("dates are UTC in {}; --time-zone does not apply to it", format.title));
    }
    let write = WritePlan {
        keep_curves: options.keep_curves && curved && format.curves && untouched,
        layer: options.layer_name.as_ref().unwrap_or(&header.name).clone(),
        columns: columns(header, format, options, labels, &mut losses),
        geometry: match header.geometry {
            Some(GeometryKind::Multipoint) if options.explode => Some(GeometryKind::Point),
            kind => kind,
        },
        promote_multi: options.promote_multi,
        z: header.has_z && format.z,
        vertical: header.spatial_reference.as_ref().filter(|_| header.has_z && format.z).and_then(Vertical::of),
        m: header.has_m && format.m,
        rfc7946: by_rule && crs.as_ref().is_none_or(Crs::is_wgs84),
        crs,
        transform,
        decimals: options.decimals.or(reprojected),
        object_id: header.object_id.filter(|column| !header.unwritten.contains(column)),
        ids_repeat: options.explode && !matches!(header.geometry, None | Some(GeometryKind::Point)),
        display: header.display.filter(|column| !header.unwritten.contains(column)).map(|column| match options.domains {
            DomainText::Code => column,
            DomainText::Label | DomainText::Both => label_column(header, labels, column).unwrap_or(column),
        }),
        dates_are_utc: !header.dates_in_unknown_time_zone,
        time_zone: options.time_zone.clone(),
        about: (*header.about).clone(),
        relations: header.relations.clone(),
        drawing: header.drawing.as_ref().map(|drawing| {
            let fields = header.fields.iter().map(|field| field.name.clone()).collect();
            Arc::new(Drawing { fields, ..(**drawing).clone() })
        }),
        // Who asks for WGS 84 wants longitudes within ±180, and no polygon around the world.
        antimeridian: if by_rule || matches!(&options.crs, CrsChoice::To(crs) if crs.is_wgs84()) {
            options.antimeridian
        } else {
            Antimeridian::Off
        },
    };
    Ok(OutputPlan { write: Arc::new(write), losses, warnings })
}

fn check_geometry(header: &Header, format: &FormatInfo) -> Result<()> {
    let refuse = |what: &str, hint: &str| {
        let kinds = format.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let tables = if format.tables { " and tables" } else { "" };
        let wkt = if format.name == "csv" { "add --geometry wkt, or " } else { "" };
        Err(Error::new(ErrorKind::Format, format!("{} can't hold {what}", format.title))
            .because(format!("it holds {kinds} layers{tables}"))
            .hint(format!("{wkt}{hint}")))
    };
    match header.geometry {
        None if !format.tables => refuse("a table without geometry", "write CSV or GeoJSON"),
        Some(GeometryKind::Multipatch) => Err(Error::new(ErrorKind::Unsupported, "multipatch geometry can't be converted")
            .hint("ask the server for footprints: multipatchOption=xyFootprint")),
        Some(GeometryKind::Mixed) if !format.mixed_kinds => {
            refuse("points, lines and polygons in one file", "write GeoJSON, Shapefile or KMZ")
        }
        Some(kind) if kind != GeometryKind::Mixed && !format.kinds.contains(&kind) => {
            refuse(&format!("{kind} geometry"), "write GeoJSON, Shapefile or KMZ")
        }
        _ => Ok(()),
    }
}

fn target_crs(
    header: &Header,
    format: &FormatInfo,
    options: &PlanOptions,
    source: Option<&Crs>,
    warnings: &mut Vec<String>,
) -> Result<Option<Crs>> {
    if header.geometry.is_none() {
        return Ok(None);
    }
    let wanted = match (format.crs, &options.crs) {
        (CrsRule::Native, CrsChoice::Default) | (CrsRule::Native | CrsRule::Wgs84Default, CrsChoice::Native) => None,
        (CrsRule::Wgs84Default, CrsChoice::Default) => Some(Crs::wgs84()),
        (CrsRule::Native | CrsRule::Wgs84Default, CrsChoice::To(crs)) => Some(crs.clone()),
        (CrsRule::Wgs84Only, choice) => {
            if !matches!(choice, CrsChoice::Default) && !matches!(choice, CrsChoice::To(crs) if crs.is_wgs84()) {
                warnings.push(format!("{} is always WGS 84; --crs does not apply to it", format.title));
            }
            Some(Crs::wgs84())
        }
    };
    match (wanted, source) {
        (None, None) => {
            warnings.push("the coordinates have no spatial reference, and neither has the file".to_owned());
            Ok(None)
        }
        (None, Some(own)) => Ok(Some(own.clone())),
        (Some(wanted), Some(_)) => Ok(Some(wanted)),
        (Some(wanted), None) => {
            let error = match &header.spatial_reference {
                None => Error::new(ErrorKind::SpatialReference, "the layer names no spatial reference"),
                Some(sr) => Error::new(ErrorKind::SpatialReference, format!("the layer's spatial reference, {sr}, is not known")),
            };
            let keep =
                if format.crs == CrsRule::Wgs84Only { "" } else { ", or keep the coordinates as they are with --crs native" };
            Err(error
                .because(format!("{} needs it to give {}", format.title, wanted.name))
                .hint(format!("say what it is with --assume-crs, such as --assume-crs EPSG:25832{keep}")))
        }
    }
}

/// Where the labels of a field stand: behind the columns of the header.
fn label_column(header: &Header, labels: &[usize], field: usize) -> Option<usize> {
    Some(header.fields.len() + labels.iter().position(|labelled| *labelled == field)?)
}

/// Names for all fields that the format can hold: within its rules and unique.
fn columns(header: &Header, format: &FormatInfo, options: &PlanOptions, labels: &[usize], losses: &mut Losses) -> Vec<Column> {
    let mut columns = Columns { format, taken: HashSet::new(), list: Vec::new() };
    let wanted = |field| wanted_name(field, format, options);
    // A column that is made here gives way to those of the layer.
    let own: HashSet<String> = header.fields.iter().map(|field| columns.key(columns.allowed(wanted(field)))).collect();
    for (from, field) in header.fields.iter().enumerate().filter(|(from, _)| !header.unwritten.contains(from)) {
        let drop_reason = match field.field_type {
            FieldType::Raster => Some("a raster is no attribute value"),
            FieldType::Blob if format.longest_text.is_some() => Some("binary data"),
            _ if columns.is_full() => Some("more fields than the format can hold"),
            _ => None,
        };
        if let Some(reason) = drop_reason {
            losses.add_many(LossKind::FieldDropped, Some(&field.name), 1, Some(reason.to_owned()), || None);
            continue;
        }
        let wanted = wanted(field);
        let name = columns.unique_name(wanted, &HashSet::new());
        if name != field.name {
            losses.add_many(LossKind::Renamed, Some(&field.name), 1, Some(name.clone()), || None);
        }
        let label = label_column(header, labels, from);
        let text = ColumnKind::Text { length: None };
        match (label, options.domains) {
            (Some(label), DomainText::Label) => {
                let field = Field { field_type: FieldType::String, length: None, domain: None, ..field.clone() };
                columns.list.push(Column { from: label, name, kind: text, field });
            }
            (Some(label), _) => {
                let labels_name = format!("{wanted}_label");
                columns.list.push(Column { from, name, kind: column_kind(field), field: field.clone() });
                let mut labels_field = Field::new(format!("{}_label", field.name), FieldType::String);
                labels_field.alias = field.alias.as_ref().map(|alias| format!("{alias} (label)"));
                if columns.is_full() {
                    let reason = Some("more fields than the format can hold".to_owned());
                    losses.add_many(LossKind::FieldDropped, Some(&labels_field.name), 1, reason, || None);
                    continue;
                }
                let name = columns.unique_name(&labels_name, &own);
                if name != labels_field.name {
                    losses.add_many(LossKind::Renamed, Some(&labels_field.name), 1, Some(name.clone()), || None);
                }
                columns.list.push(Column { from: label, name, kind: text, field: labels_field });
            }
            (None, _) => columns.list.push(Column { from, name, kind: column_kind(field), field: field.clone() }),
        }
    }
    columns.list
}

/// The name of a field, before the format's rules.
fn wanted_name<'a>(field: &'a Field, format: &FormatInfo, options: &PlanOptions) -> &'a str {
    let alias = field.alias.as_deref().map(str::trim).filter(|alias| options.aliases && !alias.is_empty());
    alias.unwrap_or(if format.plain_field_names { field.short_name() } else { &field.name })
}

/// The columns of an output while they are named.
struct Columns<'a> {
    format: &'a FormatInfo,
    taken: HashSet<String>,
    list: Vec<Column>,
}

impl Columns<'_> {
    fn is_full(&self) -> bool {
        self.format.most_fields.is_some_and(|most| self.list.len() >= most)
    }

    /// What two names that the format takes for the same have in common.
    fn key(&self, name: String) -> String {
        if self.format.ignores_case { name.to_lowercase() } else { name }
    }

    /// A name of allowed characters and length.
    fn allowed(&self, wanted: &str) -> String {
        cut(&self.plain(wanted), self.most()).to_owned()
    }

    fn plain(&self, wanted: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        if self.format.plain_field_names { wanted.chars().map(plain).collect() } else { wanted.to_owned() }
    }

    fn most(&self) -> usize {
        self.format.longest_field_name.unwrap_or(usize::MAX)
    }

    /// A name within the format's rules that no other column has, and that is not among those `kept` for others.
    fn unique_name(&mut self, wanted: &str, kept: &HashSet<String>) -> String {
        let (base, most) = (self.plain(wanted), self.most());
        let mut name = self.allowed(wanted);
        let mut number = 0;
        loop {
            let key = self.key(name.clone());
            if !name.is_empty() && !kept.contains(&key) && self.taken.insert(key) {
                return name;
            }
            number += 1;
            let suffix = format!("_{number}");
            name = format!("{}{suffix}", cut(&base, most.saturating_sub(suffix.len())));
        }
    }
}

/// The first `most` bytes, at a character boundary.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn column_kind(field: &Field) -> ColumnKind {
    match &field.field_type {
        FieldType::SmallInteger => ColumnKind::Integer { bits: 16 },
        FieldType::Integer => ColumnKind::Integer { bits: 32 },
        FieldType::BigInteger => ColumnKind::Integer { bits: 64 },
        // An object id of 32 bits says so by nothing, one of 64 by its length.
        FieldType::ObjectId => ColumnKind::Integer { bits: if field.length == Some(8) { 64 } else { 32 } },
        FieldType::Single => ColumnKind::Single,
        FieldType::Double => ColumnKind::Double,
        FieldType::Date => ColumnKind::DateTime,
        _ => ColumnKind::Text { length: field.length },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NARROW: FormatInfo = FormatInfo {
        name: "narrow",
        title: "Narrow",
        endings: &["nar"],
        kinds: &[GeometryKind::Point],
        tables: true,
        z: false,
        m: false,
        mixed_kinds: false,
        curves: false,
        many_layers: false,
        streams: false,
        time_zones: false,
        crs: CrsRule::Wgs84Default,
        longest_field_name: Some(10),
        plain_field_names: true,
        ignores_case: true,
        most_fields: Some(3),
        longest_text: Some(254),
        limits: "it is narrow",
    };

    fn header(names: &[&str]) -> Header {
        let mut header = Header::new("layer");
        header.fields = names.iter().map(|name| Field::new(*name, FieldType::String)).collect();
        header
    }

    fn names(header: &Header) -> Vec<String> {
        let plan = plan(header, &[&NARROW], &PlanOptions::default()).unwrap();
        plan.outputs[0].write.columns.iter().map(|column| column.name.clone()).collect()
    }

    #[test]
    fn two_columns_never_get_the_same_shortened_name() {
        assert_eq!(
            names(&header(&["population_2020", "population_2021", "POPULATION_2022"])),
            ["population", "populati_1", "POPULATI_2"]
        );
    }

    #[test]
    fn a_column_of_labels_never_takes_the_name_of_a_field() {
        let mut header = header(&["K", "K_label"]);
        let codes = vec![(serde_json::json!("a"), "Oak".to_owned())];
        header.fields[0].domain = Some(crate::model::Domain::Coded { name: "Kinds".to_owned(), codes });
        let options = PlanOptions { domains: DomainText::Both, ..PlanOptions::default() };
        let columns = columns(&header, &NARROW, &options, &labelled(&header), &mut Losses::default());
        let names: Vec<String> = columns.into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["K", "K_label_1", "K_label"]);
    }

    #[test]
    fn a_joined_name_gives_its_last_segment_and_odd_characters_become_underscores() {
        assert_eq!(names(&header(&["DB.OWNER.ROADS.NAME", "Größe", "..."])), ["NAME", "Gr__e", "___"]);
    }

    #[test]
    fn a_field_too_many_is_left_out_and_said() {
        let plan = plan(&header(&["a", "b", "c", "d"]), &[&NARROW], &PlanOptions::default()).unwrap();
        let losses: Vec<_> = plan.outputs[0].losses.iter().map(|loss| (loss.kind, loss.field.as_deref())).collect();
        assert_eq!(losses, [(LossKind::FieldDropped, Some("d"))]);
    }

    #[test]
    fn a_missing_spatial_reference_is_an_error_with_a_hint_and_never_a_guess() {
        let mut header = header(&[]);
        header.geometry = Some(GeometryKind::Point);
        let error = plan(&header, &[&NARROW], &PlanOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SpatialReference);
        assert!(error.hint_text().unwrap().contains("--assume-crs"));
        let native = PlanOptions { crs: CrsChoice::Native, ..PlanOptions::default() };
        let plan = plan(&header, &[&NARROW], &native).unwrap();
        assert_eq!(plan.outputs[0].write.crs, None);
        assert_eq!(plan.outputs[0].warnings.len(), 1);
    }

    #[test]
    fn a_format_that_cannot_hold_the_geometry_says_so() {
        let mut header = header(&[]);
        header.geometry = Some(GeometryKind::Polygon);
        let error = plan(&header, &[&NARROW], &PlanOptions::default()).unwrap_err();
        assert_eq!(error.what(), "Narrow can't hold polygon geometry");
    }
}
