//! The JSON of one layer or table: its schema, and what its server says it can do.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{fields_of, mark_edit_dates, subtypes_of};
use crate::model::{About, Drawing, Field, FieldType, GeometryKind, Relations, SpatialReference, Subtypes};

/// Names that object ids go by where nothing says which field it is, the likeliest first.
const OBJECT_ID_NAMES: [&str; 4] = ["OBJECTID", "FID", "OID", "ID"];

/// What a layer resource says. Absent means unknown or "no"; nothing is filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayerInfo {
    /// The number in the service.
    pub id: Option<i64>,
    /// The name.
    pub name: Option<String>,
    /// The `type`, such as `Feature Layer`, `Table`, `Group Layer`.
    pub layer_type: Option<String>,
    /// The geometry kind; `None` where there is none or it is unknown.
    pub geometry: Option<GeometryKind>,
    /// The name of a geometry type that is not known.
    pub unknown_geometry: Option<String>,
    /// The attribute fields, without geometry fields.
    pub fields: Vec<Field>,
    /// The name of the object id field, where one is stated or a field has that type.
    pub object_id: Option<String>,
    /// The name of the display field.
    pub display: Option<String>,
    /// Vertices carry z.
    pub has_z: bool,
    /// Vertices carry m.
    pub has_m: bool,
    /// The spatial reference of the stored data.
    pub source_sr: Option<SpatialReference>,
    /// The spatial reference of the layer or of its extent.
    pub extent_sr: Option<SpatialReference>,
    /// West, south, east and north of the layer, in the spatial reference of its extent.
    pub extent: Option<[f64; 4]>,
    /// The name of the geometry field.
    pub geometry_field: Option<String>,
    /// The most features in one answer, as advertised.
    pub max_record_count: Option<u64>,
    /// `resultOffset` is understood.
    pub supports_pagination: bool,
    /// `orderByFields` is understood; `None` where the server does not say.
    pub supports_order_by: Option<bool>,
    /// `outStatistics` is understood.
    pub supports_statistics: bool,
    /// What the layer allows, such as `Query`; `None` where the server does not say.
    pub capabilities: Option<Vec<String>>,
    /// When a row was last added, changed or removed, in milliseconds since 1970; `None` where the server does not say.
    pub last_edit: Option<i64>,
    /// The field that keeps when a row was last added or changed (editor tracking).
    pub edit_date: Option<String>,
    /// The name of the time zone in which conditions on that field are read, where it is another than UTC.
    pub edit_zone: Option<String>,
    /// Dates are wall-clock times of an unknown zone.
    pub dates_in_unknown_time_zone: bool,
    /// How it is drawn, and what its rows say of time and height.
    pub drawing: Option<Box<Drawing>>,
    /// What its rows are to those of other layers.
    pub relations: Option<Arc<Relations>>,
    /// What it says of itself.
    pub about: Box<About>,
    /// Subtypes or feature types.
    pub subtypes: Option<Subtypes>,
    /// `f=pbf` is among the formats of its queries.
    pub offers_pbf: bool,
    /// Rows have a time (`time` is understood).
    pub knows_time: bool,
    /// Earlier states can be read (`historicMoment` is understood).
    pub keeps_history: bool,
    /// `datumTransformation` is understood.
    pub knows_datum_transformations: bool,
    /// There are versions (`gdbVersion` is understood).
    pub is_versioned: bool,
    /// `(id, name)` of the layers in a group.
    pub sub_layers: Vec<(i64, String)>,
}

impl LayerInfo {
    /// Reads a layer resource, whatever is missing or `null` in it.
    ///
    /// ```
    /// use geohaul::esri::layer::LayerInfo;
    /// use serde_json::json;
    ///
    /// let info = LayerInfo::of(&json!({"name": "Pipes", "geometryType": "esriGeometryPolyline", "fields": null,
    ///     "advancedQueryCapabilities": {"supportsPagination": true}}));
    /// assert!(info.supports_pagination && info.fields.is_empty() && info.object_id.is_none());
    /// ```
    pub fn of(json: &Value) -> Self {
        let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let flag = |key: &str| json.get(key).and_then(as_bool).unwrap_or(false);
        let sr = |value: Option<&Value>| value.and_then(SpatialReference::from_json);
        let all_fields = json.get("fields").map(fields_of).unwrap_or_default();
        let is_attribute = |field: &&Field| field.field_type != FieldType::Geometry;
        let mut fields: Vec<Field> = all_fields.iter().filter(is_attribute).cloned().collect();
        mark_edit_dates(&mut fields, json);
        let typed = || fields.iter().find(|field| field.field_type == FieldType::ObjectId).map(|field| field.name.clone());
        let geometry_type = text("geometryType");
        let geometry = geometry_type.as_deref().and_then(GeometryKind::from_esri);
        let unknown = geometry_type.filter(|name| geometry.is_none() && name != "esriGeometryNull" && name != "esriGeometryNone");
        Self {
            id: json.get("id").and_then(Value::as_i64),
            name: text("name"),
            layer_type: text("type"),
            geometry,
            unknown_geometry: unknown,
            object_id: text("objectIdField").or_else(typed),
            display: text("displayField"),
            has_z: flag("hasZ"),
            has_m: flag("hasM"),
            source_sr: sr(json.get("sourceSpatialReference")),
            extent_sr: sr(json.get("spatialReference")).or_else(|| sr(json.get("extent")?.get("spatialReference"))),
            extent: json.get("extent").and_then(extent_of),
            geometry_field: all_fields
                .iter()
                .find(|field| field.field_type == FieldType::Geometry)
                .map(|field| field.name.clone()),
            max_record_count: json.get("maxRecordCount").and_then(as_count).filter(|count| *count > 0),
            supports_pagination: capability(json, "supportsPagination").unwrap_or(false),
            supports_order_by: capability(json, "supportsOrderBy").or_else(|| capability(json, "supportsAdvancedQueries")),
            supports_statistics: capability(json, "supportsStatistics").unwrap_or(false),
            capabilities: text("capabilities").map(|list| list.split(',').map(|one| one.trim().to_owned()).collect()),
            edit_date: json
                .get("editFieldsInfo")
                .and_then(|info| info.get("editDateField")?.as_str())
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            last_edit: json.get("editingInfo").and_then(|info| info.get("lastEditDate")).and_then(Value::as_i64),
            edit_zone: edit_zone(json),
            dates_in_unknown_time_zone: flag("datesInUnknownTimezone"),
            drawing: Drawing::of(json).map(Box::new),
            relations: Relations::of(json).map(Arc::new),
            about: Box::new(About::of(json)),
            subtypes: subtypes_of(json),
            offers_pbf: text("supportedQueryFormats")
                .is_some_and(|list| list.split(',').any(|format| format.trim().eq_ignore_ascii_case("PBF"))),
            knows_time: json.get("timeInfo").is_some_and(|info| info.get("startTimeField").is_some_and(Value::is_string)),
            keeps_history: capability(json, "supportsQueryWithHistoricMoment").unwrap_or(false)
                || json.pointer("/archivingInfo/supportsQueryWithHistoricMoment").and_then(as_bool).unwrap_or(false),
            knows_datum_transformations: ["supportsQueryWithDatumTransformation", "supportsDatumTransformation"]
                .iter()
                .any(|key| capability(json, key).unwrap_or(false)),
            is_versioned: flag("isDataVersioned") || flag("isDataBranchVersioned"),
            sub_layers: json.get("subLayers").and_then(Value::as_array).into_iter().flatten().filter_map(id_and_name).collect(),
            fields,
        }
    }

    /// The type that keeps this from being queried, such as `Group Layer`; `None` for layers and tables.
    pub fn not_queryable(&self) -> Option<&str> {
        self.layer_type.as_deref().filter(|kind| is_without_rows(kind, self.geometry))
    }

    /// It has no geometry, and says so.
    pub fn is_table(&self) -> bool {
        self.geometry.is_none() && self.layer_type.as_deref() == Some("Table")
    }

    /// The layer says that it answers no queries. Some that say so do answer.
    pub fn denies_queries(&self) -> bool {
        self.capabilities.as_ref().is_some_and(|list| !list.iter().any(|one| one.eq_ignore_ascii_case("Query")))
    }
}

/// Whether layers of a type answer no queries. Annotation has rows where it has geometries.
pub(super) fn is_without_rows(kind: &str, geometry: Option<GeometryKind>) -> bool {
    let known = ["Group Layer", "Raster Layer", "Mosaic Layer", "Utility Network Layer", "Topology Layer", "Trace Network Layer"];
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    known.into_iter().chain(["Parcel Fabric Layer", "Raster Catalog Layer", "Image Layer"]).any(is)
        || (is("Annotation Layer") && geometry.is_none())
}

/// The field that is most likely the object id where none is stated: an integer under a usual name, perhaps
/// qualified (`DB.OWNER.T.OBJECTID`).
pub fn likely_object_id(fields: &[Field]) -> Option<&str> {
    let integer = |field: &&Field| matches!(field.field_type, FieldType::Integer | FieldType::BigInteger | FieldType::ObjectId);
    OBJECT_ID_NAMES.iter().find_map(|name| {
        let found = fields.iter().filter(integer).find(|field| field.short_name().eq_ignore_ascii_case(name))?;
        Some(found.name.as_str())
    })
}

/// A capability in either of its places; `true` in one of them is enough.
fn capability(json: &Value, key: &str) -> Option<bool> {
    let places = [json.get("advancedQueryCapabilities").and_then(|advanced| advanced.get(key)), json.get(key)];
    places.into_iter().flatten().filter_map(as_bool).reduce(|a, b| a || b)
}

/// The zone of the edit dates, else that of all dates; `None` where it is UTC or none is named.
fn edit_zone(json: &Value) -> Option<String> {
    let places = ["/editFieldsInfo/dateFieldsTimeReference/timeZone", "/dateFieldsTimeReference/timeZone"];
    let zone = places.iter().find_map(|place| json.pointer(place)?.as_str().map(str::trim))?;
    let is_utc =
        zone.is_empty() || ["UTC", "Etc/UTC", "Coordinated Universal Time"].iter().any(|utc| utc.eq_ignore_ascii_case(zone));
    (!is_utc).then(|| zone.to_owned())
}

/// West, south, east and north of an envelope that is none of the empty ones.
fn extent_of(value: &Value) -> Option<[f64; 4]> {
    let side = |key: &str| value.get(key).and_then(Value::as_f64).filter(|side| side.is_finite());
    let sides = [side("xmin")?, side("ymin")?, side("xmax")?, side("ymax")?];
    (sides[0] <= sides[2] && sides[1] <= sides[3]).then_some(sides)
}

fn id_and_name(value: &Value) -> Option<(i64, String)> {
    Some((value.get("id")?.as_i64()?, value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()))
}

pub(super) fn as_bool(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| match value.as_str()? {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    })
}

pub(super) fn as_count(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|v| *v >= 0.0 && v.fract() == 0.0 && *v < 1e15).map(|v| v as u64))
        .or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn capabilities_are_read_in_either_place() {
        assert!(LayerInfo::of(&json!({"supportsPagination": true})).supports_pagination);
        let both = json!({"supportsPagination": false, "advancedQueryCapabilities": {"supportsPagination": "true"}});
        assert!(LayerInfo::of(&both).supports_pagination);
        assert!(!LayerInfo::of(&json!({})).supports_pagination);
        assert_eq!(LayerInfo::of(&json!({"supportsAdvancedQueries": true})).supports_order_by, Some(true));
        assert_eq!(LayerInfo::of(&json!({})).supports_order_by, None);
    }

    #[test]
    fn the_object_id_is_the_field_of_that_type_and_not_a_column_of_that_name() {
        let fields = json!([{"name": "A.B.FID", "type": "esriFieldTypeOID"}, {"name": "OBJECTID", "type": "esriFieldTypeInteger"},
            {"name": "Shape", "type": "esriFieldTypeGeometry"}]);
        let info = LayerInfo::of(&json!({"fields": fields, "objectIdField": ""}));
        assert_eq!(info.object_id.as_deref(), Some("A.B.FID"));
        assert_eq!(info.fields.len(), 2);
        let integers: Vec<Field> = [("X", FieldType::Integer), ("a.b.Fid", FieldType::Integer), ("OBJECTID", FieldType::String)]
            .into_iter()
            .map(|(name, kind)| Field::new(name, kind))
            .collect();
        assert_eq!(likely_object_id(&integers), Some("a.b.Fid"));
        assert_eq!(likely_object_id(&integers[..1]), None);
    }

    #[test]
    fn spatial_references_come_from_the_data_the_layer_or_the_extent() {
        let info = LayerInfo::of(
            &json!({"sourceSpatialReference": {"wkid": 27700}, "extent": {"xmin": "NaN", "spatialReference": {"wkid": 102100}}}),
        );
        assert_eq!(info.source_sr.and_then(|sr| sr.code()), Some(27700));
        assert_eq!(info.extent_sr.and_then(|sr| sr.code()), Some(102_100));
        let own = LayerInfo::of(&json!({"spatialReference": {"wkid": 4326}, "extent": null}));
        assert_eq!(own.extent_sr.and_then(|sr| sr.code()), Some(4326));
    }

    #[test]
    fn the_zone_of_edit_dates_is_their_own_or_that_of_all_dates() {
        let zone = |json: Value| LayerInfo::of(&json).edit_zone;
        let [utc, pacific] =
            ["UTC", "Pacific Standard Time"].map(|zone| json!({"timeZone": zone, "respectsDaylightSaving": true}));
        assert_eq!(zone(json!({"dateFieldsTimeReference": pacific})).as_deref(), Some("Pacific Standard Time"));
        assert_eq!(zone(json!({"dateFieldsTimeReference": pacific, "editFieldsInfo": {"dateFieldsTimeReference": utc}})), None);
        assert_eq!(zone(json!({"dateFieldsTimeReference": null})), None);
    }

    #[test]
    fn a_group_layer_is_not_queryable_and_a_table_is() {
        let group = LayerInfo::of(
            &json!({"type": "Group Layer", "fields": null, "geometryType": null, "subLayers": [{"id": 4, "name": "Roads"}]}),
        );
        assert_eq!(group.not_queryable(), Some("Group Layer"));
        let annotation = |geometry: Value| LayerInfo::of(&json!({"type": "Annotation Layer", "geometryType": geometry}));
        assert_eq!(annotation(json!("esriGeometryPolygon")).not_queryable(), None);
        assert_eq!(annotation(Value::Null).not_queryable(), Some("Annotation Layer"));
        assert_eq!(group.sub_layers, [(4, "Roads".to_owned())]);
        let table = LayerInfo::of(
            &json!({"type": "Table", "geometryType": "esriGeometryNull", "maxRecordCount": "500", "capabilities": "Map, Data"}),
        );
        assert_eq!((table.not_queryable(), table.geometry, table.unknown_geometry.as_deref()), (None, None, None));
        assert_eq!(table.max_record_count, Some(500));
        assert!(table.denies_queries());
        assert_eq!(
            LayerInfo::of(&json!({"geometryType": "esriGeometryBag"})).unknown_geometry.as_deref(),
            Some("esriGeometryBag")
        );
    }
}
