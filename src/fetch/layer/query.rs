//! The parameters of a layer's queries.

use serde_json::{Value, json};
use url::Url;

use super::LayerOptions;
use crate::error::Result;
use crate::esri::layer::LayerInfo;
use crate::esri::skeleton::exceeded_transfer_limit;
use crate::fetch::http::Request;
use crate::fetch::id_set::IdSpan;
use crate::fetch::paging::{Ask, Part, Region};
use crate::fetch::selection::Checked;
use crate::fetch::session::Session;
use crate::model::{GeometryKind, ReadPlan, SpatialReference, Wire};

/// What the statistics of [`Query::extremes`] are called.
pub(super) const LEAST: &str = "least_id";
/// The other one.
pub(super) const GREATEST: &str = "greatest_id";

/// What all queries of one export share.
#[derive(Debug, Clone)]
pub(super) struct Query {
    url: Url,
    selection: Checked,
    /// The name of the object id, for conditions.
    id_field: Option<String>,
    pub(super) out_sr: Option<SpatialReference>,
    /// `resultRecordCount` is understood.
    pages: bool,
    /// West, south, east and north of the layer, and in what.
    extent: Option<([f64; 4], Option<SpatialReference>)>,
    /// The name of the geometry field.
    geometry_field: Option<String>,
    geometry: bool,
    z: bool,
    m: bool,
    /// What the server is to do to geometries.
    treatment: Vec<(&'static str, String)>,
    unknown_time_zone: bool,
}

impl Query {
    /// All rows of a layer that the options take.
    ///
    /// # Errors
    /// Where the selection does not fit the layer.
    pub(super) fn new(layer: &Url, info: &LayerInfo, options: &LayerOptions) -> Result<Self> {
        let mut url = layer.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("query");
        }
        let selection = &options.selection;
        let table = info.is_table();
        let offset = selection.max_offset.map(|distance| ("maxAllowableOffset", distance.to_string()));
        let datum = selection.datum_transformation.as_ref().map(|way| ("datumTransformation", way.clone()));
        // Nothing here reads a three-dimensional surface, but its outline on the ground is a polygon.
        let is_multipatch = info.geometry == Some(GeometryKind::Multipatch);
        let footprint = is_multipatch.then(|| ("multipatchOption", "xyFootprint".to_owned()));
        Ok(Self {
            url,
            selection: selection.check(info)?,
            id_field: info.object_id.clone(),
            out_sr: [&options.out_sr, &info.source_sr, &info.extent_sr].into_iter().flatten().next().cloned().filter(|_| !table),
            pages: info.supports_pagination,
            extent: info.extent.map(|extent| (extent, info.extent_sr.clone())),
            geometry_field: info.geometry_field.clone(),
            geometry: !table && !selection.no_geometry,
            z: info.has_z && !is_multipatch,
            m: info.has_m,
            treatment: offset.into_iter().chain(datum).chain(footprint).collect(),
            unknown_time_zone: info.dates_in_unknown_time_zone,
        })
    }

    /// Asks for no more than a plan wants.
    pub(super) fn narrow(&mut self, read: &ReadPlan) {
        self.geometry &= read.geometry;
        self.z &= read.z;
        self.m &= read.m;
        if read.keep_curves {
            self.treatment.push(("returnTrueCurves", "true".to_owned()));
        }
    }

    /// Asks for geometries.
    pub(super) fn wants_geometry(&self) -> bool {
        self.geometry
    }

    /// The names of the attributes to ask for; `None` is all.
    pub(super) fn fields(&self) -> Option<&[String]> {
        self.selection.fields.as_deref()
    }

    pub(super) fn has_order(&self) -> bool {
        self.selection.order.is_some()
    }

    /// Rows are chosen by ids that are too many for a condition.
    pub(super) fn picks_ids(&self) -> bool {
        self.selection.ids.is_some()
    }

    /// Conditions on the object id can be asked.
    pub(super) fn spans(&self) -> bool {
        self.id_field.is_some() && !self.picks_ids()
    }

    /// Parts of the map can be asked for: nothing else chooses by place.
    pub(super) fn can_be_divided(&self) -> bool {
        self.extent.is_some() && !self.selection.conditions.iter().any(|(key, _)| *key == "geometry")
    }

    /// Asks for the least and the greatest object id.
    pub(super) fn extremes(&self, session: &Session) -> Option<Request> {
        let field = self.id_field.as_ref()?;
        let statistic =
            |kind: &str, name: &str| json!({"statisticType": kind, "onStatisticField": field, "outStatisticFieldName": name});
        let wanted = json!([statistic("min", LEAST), statistic("max", GREATEST)]).to_string();
        let mut params = self.selection.state.clone();
        params.extend(self.conditions(IdSpan::ALL));
        params.push(("outStatistics", wanted));
        params.push(("returnGeometry", "false".to_owned()));
        let params: Vec<(&str, &str)> = params.iter().map(|(key, value)| (*key, value.as_str())).collect();
        Some(session.request(&self.url, &params))
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
        all.into_iter().filter(|(key, _)| !key.starts_with("return")).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Everything that the content of a page depends on, beside its place.
    pub(super) fn content(&self, wire: Wire) -> Vec<(&'static str, String)> {
        let mut content = self.params(&Ask::Everything);
        content.push(("f", if wire == Wire::Pbf { "pbf" } else { "json" }.to_owned()));
        content
    }

    /// The conditions for rows in a span of object ids.
    fn conditions(&self, span: IdSpan) -> Vec<(&'static str, String)> {
        let mut conditions = self.selection.conditions.clone();
        let Some(field) = &self.id_field else { return conditions };
        let from = (span.from > i64::MIN).then(|| format!("{field} >= {}", span.from));
        let to = (span.to < i64::MAX).then(|| format!("{field} <= {}", span.to));
        let ends: Vec<String> = from.into_iter().chain(to).collect();
        for (_, condition) in conditions.iter_mut().filter(|(key, _)| *key == "where" && !ends.is_empty()) {
            *condition = and(condition, ends.iter().cloned());
        }
        conditions
    }

    /// The conditions for rows in a part of the map.
    fn conditions_of_part(&self, part: Part) -> Vec<(&'static str, String)> {
        let mut conditions = self.selection.conditions.clone();
        let Some((extent, spatial_reference)) = &self.extent else { return conditions };
        match (part, &self.geometry_field) {
            (Part::Shapeless, Some(field)) => {
                for (_, condition) in conditions.iter_mut().filter(|(key, _)| *key == "where") {
                    *condition = and(condition, [format!("{field} IS NULL")]);
                }
            }
            (Part::Shapeless, None) => return self.clone().without_rows().selection.conditions,
            (part, _) => {
                let envelope = envelope_of(part, *extent).map(|side| side.to_string()).join(",");
                conditions.push(("geometry", envelope));
                conditions.push(("geometryType", "esriGeometryEnvelope".to_owned()));
                conditions.push(("spatialRel", "esriSpatialRelIntersects".to_owned()));
                conditions.extend(spatial_reference.as_ref().map(|sr| ("inSR", sr.to_wire())));
            }
        }
        conditions
    }

    /// The same without an order.
    pub(super) fn unordered(&self) -> Self {
        Self { selection: Checked { order: None, ..self.selection.clone() }, ..self.clone() }
    }

    /// The same for all attributes: some servers can't page through a list of them.
    pub(super) fn with_all_fields(&self) -> Self {
        Self { selection: Checked { fields: None, ..self.selection.clone() }, ..self.clone() }
    }

    /// Asks for this attribute too, where others are listed.
    pub(super) fn with_object_id(mut self, name: Option<&str>) -> Self {
        if let (Some(fields), Some(name)) = (&mut self.selection.fields, name)
            && !fields.iter().any(|field| field == name)
        {
            fields.push(name.to_owned());
        }
        self
    }

    /// The same for all rows; `None` where that is what it asks for.
    pub(super) fn without_conditions(&self) -> Option<Self> {
        let conditions = vec![("where", "1=1".to_owned())];
        let chosen = !self.picks_ids() && self.selection.conditions != conditions;
        chosen.then(|| Self { selection: Checked { conditions, ..self.selection.clone() }, ..self.clone() })
    }

    /// A condition of its own chooses rows.
    pub(super) fn has_condition(&self) -> bool {
        self.selection.conditions.iter().any(|(key, value)| *key == "where" && value != "1=1")
    }

    /// The same with a condition that no row meets.
    pub(super) fn without_rows(mut self) -> Self {
        for (_, condition) in self.selection.conditions.iter_mut().filter(|(key, _)| *key == "where") {
            *condition = and(condition, ["1=0".to_owned()]);
        }
        self
    }

    /// The request that asks `ask`; counts and ids are always asked for in JSON.
    pub(super) fn request(&self, session: &Session, ask: &Ask, wire: Wire) -> Request {
        if *ask == Ask::Edits {
            return session.request(&self.layer_url(), &[]);
        }
        let mut params = self.params(ask);
        if wire == Wire::Pbf && ask.is_page() {
            params.push(("f", "pbf".to_owned()));
        }
        let params: Vec<(&str, &str)> = params.iter().map(|(key, value)| (*key, value.as_str())).collect();
        session.request(&self.url, &params)
    }

    fn params(&self, ask: &Ask) -> Vec<(&'static str, String)> {
        let mut params = self.selection.state.clone();
        if self.unknown_time_zone {
            params.push(("timeReferenceUnknownClient", "true".to_owned()));
        }
        match ask {
            Ask::Objects(ids) => {
                // Ids come from a list that met the conditions.
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                params.push(("objectIds", ids.join(",")));
            }
            Ask::Count(span) | Ask::IdList(span) | Ask::Span { span, .. } => params.extend(self.conditions(*span)),
            Ask::Part(part) => params.extend(self.conditions_of_part(*part)),
            _ => params.extend(self.conditions(IdSpan::ALL)),
        }
        match ask {
            Ask::Count(_) if !self.picks_ids() => params.push(("returnCountOnly", "true".to_owned())),
            Ask::Count(_) | Ask::IdList(_) => params.push(("returnIdsOnly", "true".to_owned())),
            Ask::Window { .. } | Ask::Span { .. } | Ask::Everything | Ask::Part(_) | Ask::Objects(_) => {
                self.add_page(ask, &mut params);
            }
            Ask::Edits => params.clear(),
        }
        params
    }

    fn add_page(&self, ask: &Ask, params: &mut Vec<(&'static str, String)>) {
        params.push(("outFields", self.fields().map_or("*".to_owned(), |names| names.join(","))));
        params.push(("returnGeometry", self.geometry.to_string()));
        if self.geometry {
            params.extend(self.out_sr.as_ref().map(|sr| ("outSR", sr.to_wire())));
            params.push(("returnZ", self.z.to_string()));
            params.push(("returnM", self.m.to_string()));
            params.extend(self.treatment.iter().cloned());
        }
        params.extend(self.selection.order.as_ref().map(|order| ("orderByFields", order.clone())));
        match ask {
            Ask::Window { offset, limit } => {
                params.push(("resultOffset", offset.to_string()));
                params.push(("resultRecordCount", limit.to_string()));
            }
            Ask::Span { limit, .. } if self.pages => params.push(("resultRecordCount", limit.to_string())),
            _ => {}
        }
    }

    /// The count in an answer to [`Ask::Count`]; `None` where the server did not understand that.
    pub(super) fn count_in(&self, answer: &Value) -> Option<u64> {
        if self.picks_ids() { Some(self.ids_in(answer)?.len() as u64) } else { count_in(answer) }
    }

    /// The chosen ids in an answer to [`Ask::IdList`]; `None` where it holds no list of integers.
    pub(super) fn ids_in(&self, answer: &Value) -> Option<Vec<i64>> {
        let mut ids = ids_in(answer)?;
        if let Some(wanted) = &self.selection.ids {
            ids.retain(|id| wanted.contains(*id));
        }
        Some(ids)
    }
}

/// A condition and others.
fn and(condition: &str, others: impl IntoIterator<Item = String>) -> String {
    let own = (condition != "1=1").then(|| format!("({condition})"));
    own.into_iter().chain(others).collect::<Vec<_>>().join(" AND ")
}

/// The corners of a part of the map: west, south, east, north.
fn envelope_of(part: Part, extent: [f64; 4]) -> [f64; 4] {
    let [west, south, east, north] = extent;
    // As far away as anything on Earth is, in degrees or in metres.
    let far = if [west, south, east, north].iter().all(|side| side.abs() <= 400.0) { 400.0 } else { 1e8 };
    let Part::Cell { of, level, x, y } = part else { return extent };
    let [west, south, east, north] = match of {
        Region::Extent => extent,
        Region::West => [-far, -far, west, far],
        Region::East => [east, -far, far, far],
        Region::South => [west, -far, east, south],
        Region::North => [west, north, east, far],
    };
    let cells = f64::from(level).exp2();
    let side = |from: f64, to: f64, at: u32| from + (to - from) * f64::from(at) / cells;
    [side(west, east, x), side(south, north, y), side(west, east, x + 1), side(south, north, y + 1)]
}

/// The count in an answer to `returnCountOnly`.
pub(crate) fn count_in(answer: &Value) -> Option<u64> {
    let count = answer.get("count").or_else(|| answer.get("properties")?.get("count"))?;
    count.as_u64().or_else(|| count.as_str()?.trim().parse().ok())
}

/// The ids in an answer to `returnIdsOnly`. One that says that there are more is no list of them.
pub(crate) fn ids_in(answer: &Value) -> Option<Vec<i64>> {
    match answer.get("objectIds").filter(|_| !exceeded_transfer_limit(answer))? {
        Value::Null => Some(Vec::new()),
        Value::Array(ids) => ids.iter().map(Value::as_i64).collect(),
        _ => None,
    }
}
