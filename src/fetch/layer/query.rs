//! The parameters of a layer's queries.

use serde_json::Value;
use url::Url;

use super::LayerOptions;
use crate::esri::layer::LayerInfo;
use crate::fetch::http::Request;
use crate::fetch::paging::Ask;
use crate::fetch::session::Session;
use crate::model::{ReadPlan, SpatialReference, Wire};

/// What all queries of one export share.
#[derive(Debug, Clone)]
pub(super) struct Query {
    url: Url,
    condition: Option<String>,
    pub(super) order: Option<String>,
    pub(super) out_sr: Option<SpatialReference>,
    geometry: bool,
    z: bool,
    m: bool,
    unknown_time_zone: bool,
}

impl Query {
    /// All rows of a layer that the options take.
    pub(super) fn new(layer: &Url, info: &LayerInfo, options: &LayerOptions) -> Self {
        let mut url = layer.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("query");
        }
        let table = info.geometry.is_none() && info.layer_type.as_deref() == Some("Table");
        Self {
            url,
            condition: options.where_clause.as_deref().map(str::trim).filter(|clause| !clause.is_empty()).map(str::to_owned),
            order: info.object_id.clone().filter(|_| info.supports_order_by != Some(false)),
            out_sr: [&options.out_sr, &info.source_sr, &info.extent_sr].into_iter().flatten().next().cloned().filter(|_| !table),
            geometry: !table,
            z: info.has_z,
            m: info.has_m,
            unknown_time_zone: info.dates_in_unknown_time_zone,
        }
    }

    /// Asks for no more than a plan wants.
    pub(super) fn narrow(&mut self, read: &ReadPlan) {
        self.geometry &= read.geometry;
        self.z &= read.z;
        self.m &= read.m;
    }

    pub(super) fn has_condition(&self) -> bool {
        self.condition.is_some()
    }

    /// The same without an order.
    pub(super) fn unordered(&self) -> Self {
        Self { order: None, ..self.clone() }
    }

    /// The same with a condition that no row meets.
    pub(super) fn without_rows(self) -> Self {
        let condition = self.condition.as_ref().map_or("1=0".to_owned(), |condition| format!("({condition}) AND 1=0"));
        Self { condition: Some(condition), ..self }
    }

    /// The request that asks `ask`; counts and ids are always asked for in JSON.
    pub(super) fn request(&self, session: &Session, ask: &Ask, wire: Wire) -> Request {
        let mut params = self.params(ask);
        if wire == Wire::Pbf && ask.is_page() {
            params.push(("f", "pbf".to_owned()));
        }
        let params: Vec<(&str, &str)> = params.iter().map(|(key, value)| (*key, value.as_str())).collect();
        session.request(&self.url, &params)
    }

    fn params(&self, ask: &Ask) -> Vec<(&'static str, String)> {
        let condition = ("where", self.condition.clone().unwrap_or_else(|| "1=1".to_owned()));
        let mut params = match ask {
            Ask::Count => return vec![condition, ("returnCountOnly", "true".to_owned())],
            Ask::IdList => return vec![condition, ("returnIdsOnly", "true".to_owned())],
            Ask::Objects(ids) => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                vec![("objectIds", ids.join(","))]
            }
            Ask::Window { .. } | Ask::Everything => vec![condition],
        };
        params.push(("outFields", "*".to_owned()));
        params.push(("returnGeometry", self.geometry.to_string()));
        if self.geometry {
            params.extend(self.out_sr.as_ref().map(|sr| ("outSR", wire(sr))));
            params.push(("returnZ", self.z.to_string()));
            params.push(("returnM", self.m.to_string()));
        }
        if self.unknown_time_zone {
            params.push(("timeReferenceUnknownClient", "true".to_owned()));
        }
        params.extend(self.order.as_ref().map(|field| ("orderByFields", format!("{field} ASC"))));
        if let Ask::Window { offset, limit } = ask {
            params.push(("resultOffset", offset.to_string()));
            params.push(("resultRecordCount", limit.to_string()));
        }
        params
    }
}

/// A plain code where that says all: old servers take nothing else.
fn wire(sr: &SpatialReference) -> String {
    match sr.wkid.or(sr.latest_wkid) {
        Some(code) if sr.vcs_wkid.is_none() && sr.latest_vcs_wkid.is_none() => code.to_string(),
        _ => sr.to_json().to_string(),
    }
}

/// The count in an answer to `returnCountOnly`; `None` where the server did not understand that.
pub(super) fn count_in(answer: &Value) -> Option<u64> {
    let count = answer.get("count").or_else(|| answer.get("properties")?.get("count"))?;
    count.as_u64().or_else(|| count.as_str()?.trim().parse().ok())
}

/// The ids in an answer to `returnIdsOnly`; `None` where it holds no list of integers.
pub(super) fn ids_in(answer: &Value) -> Option<Vec<i64>> {
    match answer.get("objectIds")? {
        Value::Null => Some(Vec::new()),
        Value::Array(ids) => ids.iter().map(Value::as_i64).collect(),
        _ => None,
    }
}
