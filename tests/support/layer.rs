//! A layer as ArcGIS serves it, with the ways of good and bad servers as fields.

#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(unreachable_pub, reason = "the modules of a test are private by nature")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::server::{Call, Reply};

/// A layer of points; row `id` stands at `(id, 2 id)`.
#[derive(Debug, Clone)]
pub struct Layer {
    pub ids: Vec<i64>,
    /// Named in the layer JSON.
    pub max_record_count: u64,
    /// The most rows that one answer really has.
    pub cap: u64,
    /// Sets `exceededTransferLimit`.
    pub flags: bool,
    /// Sets it under `properties` instead.
    pub flag_in_properties: bool,
    /// Says that it supports pagination.
    pub paging: bool,
    /// Honours `resultOffset`.
    pub offsets: bool,
    pub counts: bool,
    /// Rows that are never sent, though counted and listed.
    pub withheld: BTreeSet<i64>,
    /// The spatial reference that answers name.
    pub answers_in: Value,
    /// Merged into the layer JSON.
    pub json: Value,
}

impl Layer {
    pub fn of(ids: impl IntoIterator<Item = i64>) -> Self {
        Self {
            ids: ids.into_iter().collect(),
            max_record_count: 1000,
            cap: 1000,
            flags: true,
            flag_in_properties: false,
            paging: true,
            offsets: true,
            counts: true,
            withheld: BTreeSet::new(),
            answers_in: json!({"wkid": 102100, "latestWkid": 3857}),
            json: json!({}),
        }
    }

    /// Answers a call for the layer or its `query`.
    pub fn reply(&self, call: &Call) -> Reply {
        if !call.path.ends_with("/query") {
            return Reply::json(&self.describe());
        }
        if call.param("returnCountOnly") == "true" && self.counts {
            return Reply::json(&json!({"count": self.ids.len()}));
        }
        if call.param("returnCountOnly") == "true" {
            return Reply::error(400, "Invalid or missing input parameters.");
        }
        if call.param("returnIdsOnly") == "true" {
            let ids: Vec<i64> = self.ids.iter().rev().copied().collect();
            return Reply::json(&json!({"objectIdFieldName": "OBJECTID", "objectIds": ids}));
        }
        if !call.param("resultOffset").is_empty() && !self.paging {
            return Reply::error(400, "Pagination is not supported.");
        }
        let number = |name: &str, default: u64| call.param(name).parse().unwrap_or(default);
        let offset = if self.offsets { number("resultOffset", 0) } else { 0 };
        let limit = number("resultRecordCount", u64::MAX).min(self.cap);
        let asked: Vec<i64> = call.param("objectIds").split(',').filter_map(|id| id.parse().ok()).collect();
        let mut rows: Vec<i64> = self.ids.clone();
        if !asked.is_empty() {
            rows.retain(|id| asked.contains(id));
        }
        if call.param("where") == "1=0" {
            rows.clear();
        }
        let left = rows.into_iter().skip(offset as usize).collect::<Vec<_>>();
        let exceeded = left.len() as u64 > limit;
        let sent: Vec<i64> = left.into_iter().take(limit as usize).filter(|id| !self.withheld.contains(id)).collect();
        Reply::json(&self.page(&sent, exceeded && self.flags))
    }

    /// An answer with these rows.
    pub fn page(&self, ids: &[i64], exceeded: bool) -> Value {
        let feature =
            |id: &i64| json!({"attributes": {"OBJECTID": id, "NAME": format!("row {id}")}, "geometry": {"x": id, "y": 2 * id}});
        let features: Vec<Value> = ids.iter().map(feature).collect();
        let mut page = json!({"objectIdFieldName": "OBJECTID", "features": features, "geometryType": "esriGeometryPoint",
            "spatialReference": self.answers_in, "fields": self.fields()});
        if exceeded && self.flag_in_properties {
            page["properties"] = json!({"exceededTransferLimit": true});
        } else if exceeded {
            page["exceededTransferLimit"] = json!(true);
        }
        page
    }

    fn fields(&self) -> Value {
        json!([{"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID"},
            {"name": "NAME", "type": "esriFieldTypeString", "alias": "Name", "length": 50}])
    }

    fn describe(&self) -> Value {
        let mut layer = json!({"id": 0, "name": "Roads", "type": "Feature Layer", "geometryType": "esriGeometryPoint",
            "objectIdField": "OBJECTID", "displayField": "NAME", "fields": self.fields(), "maxRecordCount": self.max_record_count,
            "extent": {"xmin": 0, "spatialReference": {"wkid": 102100, "latestWkid": 3857}}, "capabilities": "Query",
            "advancedQueryCapabilities": {"supportsPagination": self.paging, "supportsOrderBy": true}});
        for (key, value) in self.json.as_object().unwrap() {
            layer[key] = value.clone();
        }
        layer
    }
}
