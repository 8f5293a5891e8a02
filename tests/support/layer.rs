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
    /// Tells the least and the greatest object id.
    pub statistics: bool,
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
            statistics: false,
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
        let rows: Vec<i64> = self.ids.iter().copied().filter(|id| is_chosen(*id, call.param("where"))).collect();
        if call.param("returnCountOnly") == "true" && self.counts {
            return Reply::json(&json!({"count": rows.len()}));
        }
        if !call.param("outStatistics").is_empty() {
            return match self.statistics {
                true => Reply::json(&extremes(&rows, call.param("outStatistics"))),
                false => Reply::error(400, "Statistics are not supported."),
            };
        }
        if call.param("returnCountOnly") == "true" {
            return Reply::error(400, "Invalid or missing input parameters.");
        }
        if call.param("returnIdsOnly") == "true" {
            let ids: Vec<i64> = rows.iter().rev().copied().collect();
            return Reply::json(&json!({"objectIdFieldName": "OBJECTID", "objectIds": ids}));
        }
        if !self.paging && ["resultOffset", "resultRecordCount"].iter().any(|name| !call.param(name).is_empty()) {
            return Reply::error(400, "Pagination is not supported.");
        }
        let number = |name: &str, default: u64| call.param(name).parse().unwrap_or(default);
        let offset = if self.offsets { number("resultOffset", 0) } else { 0 };
        let limit = number("resultRecordCount", u64::MAX).min(self.cap);
        let asked: Vec<i64> = call.param("objectIds").split(',').filter_map(|id| id.parse().ok()).collect();
        let mut rows = rows;
        if !asked.is_empty() {
            rows.retain(|id| asked.contains(id));
        }
        if let [west, south, east, north] =
            call.param("geometry").split(',').filter_map(|side| side.parse().ok()).collect::<Vec<f64>>()[..]
        {
            rows.retain(|id| (west..=east).contains(&(*id as f64)) && (south..=north).contains(&(2.0 * *id as f64)));
        }
        if call.param("orderByFields") == "OBJECTID ASC" && self.statistics {
            rows.sort_unstable();
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
            "advancedQueryCapabilities": {"supportsPagination": self.paging, "supportsOrderBy": true,
                "supportsStatistics": self.statistics}});
        for (key, value) in self.json.as_object().unwrap() {
            layer[key] = value.clone();
        }
        layer
    }
}

/// Whether a row meets the ends of a span of object ids, or `1=0`; other conditions are met.
fn is_chosen(id: i64, condition: &str) -> bool {
    condition.split(" AND ").all(|part| match part.split_once(' ') {
        Some(("OBJECTID", end)) => match end.split_once(' ').map(|(sign, number)| (sign, number.parse::<i64>())) {
            Some((">=", Ok(from))) => id >= from,
            Some(("<=", Ok(to))) => id <= to,
            _ => true,
        },
        _ => part != "1=0",
    })
}

/// The least and the greatest id under the names that were asked for.
fn extremes(ids: &[i64], wanted: &str) -> Value {
    let wanted: Vec<Value> = serde_json::from_str(wanted).unwrap();
    let mut attributes = json!({});
    for statistic in &wanted {
        let value = if statistic["statisticType"] == "min" { ids.iter().min() } else { ids.iter().max() };
        // Some databases answer in capitals.
        attributes[statistic["outStatisticFieldName"].as_str().unwrap().to_uppercase()] = json!(value);
    }
    json!({"features": [{"attributes": attributes}]})
}
