//! The JSON of a service with layers, and of a services directory.

use serde::Serialize;
use serde_json::Value;

use super::layer::{as_count, is_without_rows};
use crate::model::{GeometryKind, SpatialReference};

/// What a FeatureServer or MapServer says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInfo {
    /// The description, where there is one.
    pub description: Option<String>,
    /// The version of the server's software.
    pub version: Option<String>,
    /// Layers, groups among them, in the server's order. Their ids have gaps.
    pub layers: Vec<LayerEntry>,
    /// Tables.
    pub tables: Vec<LayerEntry>,
    /// The spatial reference of the map.
    pub spatial_reference: Option<SpatialReference>,
    /// The most features in one answer; a layer's own limit goes before it.
    pub max_record_count: Option<u64>,
    /// Formats that queries can answer in, lower case.
    pub query_formats: Vec<String>,
    /// What the service allows, such as `Query`.
    pub capabilities: Vec<String>,
}

/// One layer or table in a service's list.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerEntry {
    /// The number in the service.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The type, where the list says it.
    pub layer_type: Option<String>,
    /// The geometry kind, where the list says it.
    pub geometry: Option<GeometryKind>,
    /// The group that it is in.
    pub parent: Option<i64>,
    /// It is a group of others.
    pub is_group: bool,
    /// The numbers of those others, where the list says them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<i64>,
}

impl LayerEntry {
    /// The type that keeps this from being queried, such as `Raster Layer`; `None` where the list says no such thing.
    pub fn not_queryable(&self) -> Option<&str> {
        self.layer_type.as_deref().filter(|kind| is_without_rows(kind, self.geometry))
    }

    /// It has no geometry, and says so.
    pub fn is_table(&self) -> bool {
        self.geometry.is_none() && self.layer_type.as_deref() == Some("Table")
    }
}

impl ServiceInfo {
    /// Reads a service resource.
    ///
    /// ```
    /// use geohaul::esri::service::ServiceInfo;
    /// use serde_json::json;
    ///
    /// let info = ServiceInfo::of(&json!({"layers": [{"id": 3, "name": "Roads", "parentLayerId": -1}], "tables": null}));
    /// assert_eq!((info.layers[0].id, info.layers[0].parent), (3, None));
    /// ```
    pub fn of(json: &Value) -> Self {
        let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty());
        let list = |key: &str| text(key).map(|list| list.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>());
        let entries = |key: &str| json.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(entry).collect();
        Self {
            description: text("serviceDescription").or_else(|| text("description")).map(str::to_owned),
            version: version(json),
            layers: entries("layers"),
            tables: entries("tables"),
            spatial_reference: json.get("spatialReference").and_then(SpatialReference::from_json),
            max_record_count: json.get("maxRecordCount").and_then(as_count),
            query_formats: list("supportedQueryFormats").unwrap_or_default().iter().map(|one| one.to_ascii_lowercase()).collect(),
            capabilities: list("capabilities").unwrap_or_default(),
        }
    }
}

fn entry(json: &Value) -> Option<LayerEntry> {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let layer_type = text("type").map(str::to_owned);
    let members = json.get("subLayerIds").and_then(Value::as_array).into_iter().flatten();
    let members: Vec<i64> = members.filter_map(Value::as_i64).collect();
    Some(LayerEntry {
        id: json.get("id")?.as_i64()?,
        name: text("name").unwrap_or_default().to_owned(),
        geometry: text("geometryType").and_then(GeometryKind::from_esri),
        parent: json.get("parentLayerId").and_then(Value::as_i64).filter(|id| *id >= 0),
        is_group: !members.is_empty() || layer_type.as_deref() == Some("Group Layer"),
        members,
        layer_type,
    })
}

/// A services directory or one of its folders.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogInfo {
    /// The version of the server's software.
    pub version: Option<String>,
    /// Folders, by name.
    pub folders: Vec<String>,
    /// `(name, type)` of the services; the name carries its folder (`Water/Hydrants`).
    pub services: Vec<(String, String)>,
}

impl CatalogInfo {
    /// Reads a directory; `None` where it is none.
    pub fn of(json: &Value) -> Option<Self> {
        let services = json.get("services")?.as_array()?;
        let pair = |service: &Value| Some((service.get("name")?.as_str()?.to_owned(), service.get("type")?.as_str()?.to_owned()));
        let folders = json.get("folders").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            version: version(json),
            folders: folders.filter_map(|folder| Some(folder.as_str()?.to_owned())).collect(),
            services: services.iter().filter_map(pair).collect(),
        })
    }
}

/// The server's version as people write it: 10.91 is 10.9.1, 11.3 is 11.3.
fn version(json: &Value) -> Option<String> {
    let text = json.get("currentVersion")?.to_string();
    let text = text.trim_matches('"');
    match text.strip_prefix("10.").filter(|tail| tail.len() == 2 && tail.bytes().all(|b| b.is_ascii_digit())) {
        Some(tail) => Some(format!("10.{}.{}", &tail[..1], &tail[1..])),
        None => Some(text.to_owned()).filter(|text| !text.is_empty() && text != "null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_lists_layers_groups_and_tables() {
        let info = ServiceInfo::of(&json!({
            "currentVersion": 10.91, "serviceDescription": " ", "description": "Pipes", "supportedQueryFormats": "JSON, geoJSON, PBF",
            "layers": [{"id": 0, "name": "Group", "subLayerIds": [500_001], "parentLayerId": -1},
                       {"id": 500_001, "name": "Pipes", "parentLayerId": 0, "subLayerIds": null, "geometryType": "esriGeometryPolyline"}],
            "tables": [{"id": 9, "name": "Owners"}],
        }));
        assert_eq!(info.version.as_deref(), Some("10.9.1"));
        assert_eq!(info.description.as_deref(), Some("Pipes"));
        assert!(info.layers[0].is_group && !info.layers[1].is_group);
        assert_eq!((info.layers[1].parent, info.layers[1].geometry), (Some(0), Some(GeometryKind::Polyline)));
        assert_eq!(info.tables[0].name, "Owners");
        assert_eq!(info.query_formats, ["json", "geojson", "pbf"]);
    }

    #[test]
    fn a_catalog_has_folders_and_services() {
        let json = json!({"currentVersion": 11.3, "folders": ["Water"], "services": [{"name": "Water/A", "type": "GPServer"}, {"name": 1}]});
        let catalog = CatalogInfo::of(&json).unwrap();
        assert_eq!(catalog.version.as_deref(), Some("11.3"));
        assert_eq!(catalog.services, [("Water/A".to_owned(), "GPServer".to_owned())]);
        assert_eq!(CatalogInfo::of(&json!({"layers": []})), None);
    }
}
