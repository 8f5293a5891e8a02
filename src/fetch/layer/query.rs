//! The parameters of a layer's queries.

use serde_json::Value;
use url::Url;

use super::LayerOptions;
use crate::esri::layer::LayerInfo;
use crate::fetch::http::Request;
use crate::fetch::id_set::IdSpan;
use crate::fetch::paging::Ask;
use crate::fetch::session::Session;
use crate::model::{ReadPlan, SpatialReference};

/// What all queries of one export share.
#[derive(Debug, Clone)]
pub(super) struct Query {
    url: Url,
    condition: Option<String>,
    /// The name of the object id, for conditions.
    id_field: Option<String>,
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
            id_field: info.object_id.clone(),
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

    /// Conditions on the object id can be asked.
    pub(super) fn spans(&self) -> bool {
        self.id_field.is_some()
    }

    /// The layer or table itself.
    pub(super) fn layer_url(&self) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop();
        }
        url
    }

    /// The parameters that choose the rows.
    pub(super) fn selection(&self) -> Vec<(String, String)> {
        let all = self.params(&Ask::Count(IdSpan::ALL));
        all.into_iter().filter(|(key, _)| *key != "returnCountOnly").map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Everything that the content of a page depends on, beside its place.
    pub(super) fn content(&self) -> Vec<(&'static str, String)> {
        self.params(&Ask::Everything)
    }

    /// The condition for rows in a span of object ids.
    fn condition(&self, span: IdSpan) -> String {
        let all = || self.condition.clone().unwrap_or_else(|| "1=1".to_owned());
        let Some(field) = &self.id_field else { return all() };
        let own = self.condition.as_ref().map(|condition| format!("({condition})"));
        let from = (span.from > i64::MIN).then(|| format!("{field} >= {}", span.from));
        let to = (span.to < i64::MAX).then(|| format!("{field} <= {}", span.to));
        if from.is_none() && to.is_none() {
            return all();
        }
        own.into_iter().chain(from).chain(to).collect::<Vec<_>>().join(" AND ")
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

    /// The request that asks `ask`.
    pub(super) fn request(&self, session: &Session, ask: &Ask) -> Request {
        if *ask == Ask::Edits {
            return session.request(&self.layer_url(), &[]);
        }
        let params = self.params(ask);
        let params: Vec<(&str, &str)> = params.iter().map(|(key, value)| (*key, value.as_str())).collect();
        session.request(&self.url, &params)
    }

    fn params(&self, ask: &Ask) -> Vec<(&'static str, String)> {
        let condition = |span| ("where", self.condition(span));
        let mut params = match ask {
            Ask::Count(span) => return vec![condition(*span), ("returnCountOnly", "true".to_owned())],
            Ask::IdList(span) => return vec![condition(*span), ("returnIdsOnly", "true".to_owned())],
            Ask::Edits => return Vec::new(),
            Ask::Objects(ids) => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                vec![("objectIds", ids.join(","))]
            }
            Ask::Window { .. } | Ask::Everything => vec![condition(IdSpan::ALL)],
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
