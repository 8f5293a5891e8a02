//! A saved document: which feature sets and values it holds, and the schema of each.
//!
//! What it is shows in its shape, never in its name: a layer query answer, a feature set, a record set,
//! `{layerDefinition, featureSet}`, a feature collection, a geoprocessing result, or several of them.

use bytes::Bytes;
use serde_json::Value;

use super::failure;
use super::fields::{fields_of, mark_edit_dates, subtypes_of};
use super::skeleton::{FeatureArray, PageRange, Skeleton, exceeded_transfer_limit};
use super::survey::Survey;
use crate::error::{Error, ErrorKind, Result, redact};
use crate::model::{FieldType, GeometryKind, Header, SpatialReference};

/// One thing that a document holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A feature set or record set.
    Rows(Box<FeatureSet>),
    /// A geoprocessing result that is no rows.
    Value {
        /// The parameter.
        name: String,
        /// The declared data type, such as `GPLong`.
        data_type: String,
        /// The value.
        value: Value,
    },
}

/// A feature set: its schema, and where its rows are in the document.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSet {
    /// The schema.
    pub header: Header,
    /// The rows.
    pub rows: FeatureArray,
    /// The server said that there is more than this.
    pub cut_off: bool,
    /// The document holds rows of nothing else, and names nothing else that has rows.
    pub alone: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// So many pages tell what an incomplete schema leaves out, where not all have to be read for it.
const SAMPLE: usize = 8;

/// Reads a range of the document's bytes.
pub type ReadRange<'a> = &'a dyn Fn(PageRange) -> Result<Bytes>;

/// Everything that a document holds, in its order. `name` is for rows that have none of their own.
///
/// # Errors
/// The server's error where the document states one; [`ErrorKind::Input`] where it holds nothing of use, or rows in a
/// place where they would be lost.
pub fn contents(skeleton: &Skeleton, name: &str, read: ReadRange<'_>) -> Result<Vec<Found>> {
    let mut contents = Contents { skeleton, read, found: Vec::new(), left: Vec::new() };
    contents.collect(&skeleton.value, name)?;
    if contents.found.is_empty() {
        return Err(explain(&skeleton.value));
    }
    let rows = |found: &Found| if let Found::Rows(set) = found { set.rows.rows() } else { 0 };
    let (read, all) = (contents.found.iter().map(rows).sum::<u64>(), skeleton.rows());
    if read < all {
        return Err(Error::new(ErrorKind::Input, "the file holds several lists of features where there should be one")
            .because(format!("{} of {all} features would be lost: is \"features\" in an object twice?", all - read)));
    }
    let Contents { mut found, left, .. } = contents;
    let mut sets: Vec<&mut FeatureSet> =
        found.iter_mut().filter_map(|found| if let Found::Rows(set) = found { Some(&mut **set) } else { None }).collect();
    let alone = sets.len() == 1 && left.is_empty();
    sets.iter_mut().for_each(|set| set.alone = alone);
    if let (Some(set), false) = (sets.first_mut(), left.is_empty()) {
        set.warnings.push(format!("\"{name}\" names more than the rows that were taken: {}", left.join(", ")));
    }
    Ok(found)
}

struct Contents<'a> {
    skeleton: &'a Skeleton,
    read: ReadRange<'a>,
    found: Vec<Found>,
    /// What has rows that are not taken, in words.
    left: Vec<String>,
}

impl Contents<'_> {
    fn collect(&mut self, value: &Value, name: &str) -> Result<()> {
        if let Some(error) = failure::of(value) {
            return Err(error);
        }
        if let Value::Array(entries) = value {
            return entries.iter().try_for_each(|entry| self.collect(entry, name));
        }
        if let Some(name) = value.get("paramName").and_then(Value::as_str) {
            return self.collect_result(value, name);
        }
        if value.get("type").and_then(Value::as_str) == Some("FeatureCollection") {
            return Err(Error::new(ErrorKind::Usage, "the input is GeoJSON, not Esri JSON")
                .hint("geohaul reads f=json answers; ogr2ogr converts from GeoJSON"));
        }
        if self.skeleton.features_of(value).is_some() {
            self.rows(name, &Value::Null, value)?;
        } else if let Some(set) = value.get("featureSet") {
            let definition = value.get("layerDefinition").unwrap_or(&Value::Null);
            let name = definition.get("name").and_then(Value::as_str).unwrap_or(name);
            self.rows(name, definition, set)?;
        } else {
            // `layers`, `results`, `value`, `featureCollection`, and whatever else wraps them.
            let before = (self.found.len(), self.left.len());
            let members = value.as_object().into_iter().flatten().filter(|(key, _)| *key != "baseMap").map(|(_, member)| member);
            members.filter(|member| member.is_object() || member.is_array()).try_for_each(|inner| self.collect(inner, name))?;
            if before == (self.found.len(), self.left.len()) {
                self.left.extend(layer_without_rows(value));
            }
        }
        Ok(())
    }

    /// A geoprocessing result: rows if its value looks like rows, whatever the declared type says.
    fn collect_result(&mut self, result: &Value, name: &str) -> Result<()> {
        let value = result.get("value").unwrap_or(&Value::Null);
        let before = self.found.len();
        if let Some(set) = value.get("featureSet") {
            // The parameter's name is the one that its user knows, not that of the layer definition.
            self.rows(name, value.get("layerDefinition").unwrap_or(&Value::Null), set)?;
        } else if value.is_object() || value.is_array() {
            self.collect(value, name)?;
        }
        if self.found.len() == before {
            let data_type = result.get("dataType").and_then(Value::as_str).unwrap_or_default().to_owned();
            self.found.push(Found::Value { name: name.to_owned(), data_type, value: value.clone() });
        }
        Ok(())
    }

    fn rows(&mut self, name: &str, definition: &Value, set: &Value) -> Result<()> {
        let rows = self.skeleton.features_of(set).cloned().unwrap_or_default();
        let mut warnings = Vec::new();
        let header = header(name, definition, set, &rows, self.read, &mut warnings)?;
        let cut_off = exceeded_transfer_limit(set) || exceeded_transfer_limit(&self.skeleton.value);
        self.found.push(Found::Rows(Box::new(FeatureSet { header, rows, cut_off, alone: true, warnings })));
        let members = set.as_object().into_iter().flatten().filter(|(_, member)| member.is_array());
        let left = members.map(|(key, member)| (key, rows_in(member))).filter(|(_, rows)| *rows > 0);
        self.left.extend(left.map(|(key, rows)| format!("{rows} rows in \"{key}\"")));
        Ok(())
    }
}

/// A layer that a map or a collection names, and of whose rows it holds none.
fn layer_without_rows(value: &Value) -> Option<String> {
    let definition = value.get("layerDefinition");
    let url = value.get("url").and_then(Value::as_str);
    let name = definition.and_then(|definition| definition.get("name")).or_else(|| value.get("title")).and_then(Value::as_str);
    let url = url.map(|url| url.parse().map_or_else(|_| url.to_owned(), |url| redact(&url)));
    match (name, url) {
        (Some(name), Some(url)) => Some(format!("\"{name}\" ({url})")),
        (Some(name), None) => definition.map(|_| format!("\"{name}\"")),
        (None, url) => definition.map(|_| url.unwrap_or_else(|| "a layer without name".to_owned())),
    }
}

/// How many objects in it look like rows.
fn rows_in(value: &Value) -> usize {
    match value {
        Value::Array(entries) => entries.iter().map(rows_in).sum(),
        Value::Object(members) if members.get("attributes").is_some_and(Value::is_object) => 1,
        // Templates for new rows have attributes, too.
        Value::Object(members) => members.iter().filter(|(key, _)| *key != "prototype").map(|(_, member)| rows_in(member)).sum(),
        _ => 0,
    }
}

/// The schema: what the set says, what the layer definition says, and what the rows tell where both are silent.
fn header(
    name: &str,
    definition: &Value,
    set: &Value,
    array: &FeatureArray,
    read: ReadRange<'_>,
    warnings: &mut Vec<String>,
) -> Result<Header> {
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
    header.z_is_due = header.has_z;
    header.has_m = flag("hasM").unwrap_or(false);
    header.count = Some(array.rows());

    let is_table = header.geometry.is_none() && definition.get("type").and_then(Value::as_str) == Some("Table");
    let whole = header.fields.is_empty() || (header.geometry.is_none() && !is_table);
    let survey = survey(array, whole, read)?;
    if header.fields.is_empty() {
        header.fields = survey.fields().collect();
    } else {
        let unlisted: Vec<_> = survey.filled_fields().filter(|field| header.field_index(&field.name).is_none()).collect();
        if !unlisted.is_empty() {
            let names = unlisted.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
            warnings.push(format!("\"{name}\": attributes that the list of fields leaves out were kept: {names}"));
        }
        header.fields.extend(unlisted);
    }
    if !is_table {
        header.geometry = header.geometry.or(survey.geometry);
    }
    header.spatial_reference = header.spatial_reference.or(survey.spatial_reference);
    if flag("hasZ").is_none() && flag("hasM").is_none() {
        (header.has_z, header.has_m) = (survey.has_z, survey.has_m);
    }
    header.object_id = text("objectIdFieldName")
        .or_else(|| text("objectIdField"))
        .and_then(|name| header.field_index(name))
        .or_else(|| header.fields.iter().position(|field| field.field_type == FieldType::ObjectId));
    header.display = text("displayFieldName").or_else(|| text("displayField")).and_then(|name| header.field_index(name));
    header.dates_in_unknown_time_zone = flag("datesInUnknownTimezone").unwrap_or(false);
    header.subtypes = [set, definition].into_iter().find_map(subtypes_of);
    [set, definition].into_iter().for_each(|from| mark_edit_dates(&mut header.fields, from));
    Ok(header)
}

/// A look at the rows: at all of them, or at pages from the first to the last.
fn survey(array: &FeatureArray, whole: bool, read: ReadRange<'_>) -> Result<Survey> {
    let step = if whole { 1 } else { array.pages.len().div_ceil(SAMPLE).max(1) };
    let (mut survey, mut rows_before) = (Survey::default(), 0);
    for (index, page) in array.pages.iter().enumerate() {
        if index % step == 0 || index + 1 == array.pages.len() {
            survey.look(&read(*page)?, rows_before)?;
        }
        rows_before += page.rows;
    }
    Ok(survey)
}

/// Why there is nothing in it that could be converted.
fn explain(value: &Value) -> Error {
    let has = |key: &str| value.get(key).is_some();
    let error = Error::new(ErrorKind::Input, "the file holds no features");
    if has("jobStatus") {
        error.because("it is the status of a geoprocessing job").hint("fetch the job's results, or give the task to geohaul run")
    } else if has("objectIds") || has("count") {
        error
            .because("it is an answer with ids or a count only")
            .hint("query the layer without returnIdsOnly and returnCountOnly")
    } else if has("relatedRecordGroups") {
        error
            .because("it is an answer with related rows, which stand in groups")
            .hint("export the related table itself with geohaul export")
    } else if has("fields") {
        error.because("it describes a layer").hint("give the layer's URL to geohaul export")
    } else {
        error.hint("geohaul reads the answers of layer queries and geoprocessing tasks (f=json)")
    }
}
