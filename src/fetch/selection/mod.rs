//! [`Selection`]: which rows and which parts of them a caller wants of a layer. Every condition goes into every
//! question (count, ids, pages), so that what comes can be compared with what was asked for.

use crate::error::{Error, ErrorKind, Result};
use crate::esri::layer::{LayerInfo, likely_object_id};
use crate::model::Area;

mod ids;
mod moment;
pub(super) mod names;

pub use ids::IdRanges;
pub use moment::{TimeSpan, parse_moment};

/// A condition on ids that is longer than this is not sent: the ids are compared with the server's list of them.
const LONGEST_ID_CONDITION: usize = 20_000;

/// What to take of a layer. The default is everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Only the rows that this SQL condition holds for.
    pub where_clause: Option<String>,
    /// Only these attributes, in this order. The object id is asked for in any case, and written where it is listed.
    pub fields: Option<Vec<String>>,
    /// Only rows with these object ids.
    pub ids: Option<IdRanges>,
    /// Only rows whose geometry meets this area.
    pub area: Option<Area>,
    /// Only rows of this time, on layers that know one.
    pub time: Option<TimeSpan>,
    /// Fields to sort by, each with `true` where it descends.
    pub order_by: Vec<(String, bool)>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// Let the server generalise geometries by up to this distance, in units of the coordinates asked for.
    pub max_offset: Option<f64>,
    /// The datum transformation that the server uses: a wkid, or JSON.
    pub datum_transformation: Option<String>,
    /// Attributes only.
    pub no_geometry: bool,
    /// The geodatabase version to read.
    pub gdb_version: Option<String>,
    /// The state at this moment, in milliseconds since 1970.
    pub as_of: Option<i64>,
    /// Only rows that were added or changed since this moment, in milliseconds since 1970: on layers that keep the dates
    /// of edits. Of others all rows are taken.
    pub edited_since: Option<i64>,
}

/// The milliseconds that the westernmost time zone is behind UTC.
const FURTHEST_BEHIND: i64 = 12 * 3_600_000;

/// A selection, checked against a layer and in the words of the wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Checked {
    /// What chooses the rows: sent with every question but those that name their object ids.
    pub(super) conditions: Vec<(&'static str, String)>,
    /// What chooses the state of the data: sent with every question.
    pub(super) state: Vec<(&'static str, String)>,
    /// `outFields`.
    pub(super) fields: Option<Vec<String>>,
    /// `orderByFields`.
    pub(super) order: Option<String>,
    /// Ids that are too many for a condition.
    pub(super) ids: Option<IdRanges>,
}

impl Selection {
    /// Nothing but object ids, where there are any, chooses the rows.
    pub(super) fn only_ids(&self) -> bool {
        let any = self.where_clause.as_ref().is_none_or(|condition| condition.trim() == "1=1");
        any && self.area.is_none() && self.time.is_none() && self.edited_since.is_none() && self.limit.is_none()
    }

    /// Reads `NAME DESC,AGE`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where a word behind a name is neither `ASC` nor `DESC`.
    ///
    /// ```
    /// use geohaul::fetch::selection::Selection;
    ///
    /// let order = Selection::parse_order("NAME desc, AGE").unwrap();
    /// assert_eq!(order, [("NAME".to_owned(), true), ("AGE".to_owned(), false)]);
    /// ```
    pub fn parse_order(text: &str) -> Result<Vec<(String, bool)>> {
        let one = |part: &str| match part.split_whitespace().collect::<Vec<_>>().as_slice() {
            [name] => Ok(((*name).to_owned(), false)),
            [name, way] if way.eq_ignore_ascii_case("asc") => Ok(((*name).to_owned(), false)),
            [name, way] if way.eq_ignore_ascii_case("desc") => Ok(((*name).to_owned(), true)),
            _ => Err(Error::new(ErrorKind::Usage, format!("'{part}' is no order")).hint("such as \"NAME DESC,AGE\"")),
        };
        text.split(',').map(one).collect()
    }

    /// The condition as the user wrote it; `None` where there is none.
    fn condition(&self) -> Option<&str> {
        self.where_clause.as_deref().map(str::trim).filter(|clause| !clause.is_empty())
    }

    /// Checks the selection against a layer.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for fields that it does not have and for conditions that it can't have,
    /// [`ErrorKind::Unsupported`] for what it does not keep.
    pub(super) fn check(&self, info: &LayerInfo) -> Result<Checked> {
        let object_id = info.object_id.as_deref().or_else(|| likely_object_id(&info.fields));
        let field = |name: &String| match info.fields.as_slice() {
            // Nothing to compare with: the server will say.
            [] => Ok(name.clone()),
            fields => names::find(fields, name).map(|field| field.name.clone()),
        };
        let mut checked = Checked::default();
        let mut condition = self.condition().map(str::to_owned);
        if let Some(ids) = &self.ids {
            let name = object_id.ok_or_else(|| usage("the layer has no object ids to choose rows by"))?;
            let sql = ids.sql(name);
            if sql.len() > LONGEST_ID_CONDITION {
                checked.ids = Some(ids.clone());
            } else {
                condition = Some(condition.map_or(sql.clone(), |own| format!("({own}) AND {sql}")));
            }
        }
        // Rather some rows too many than one too few: no zone is further behind UTC.
        let behind = info.edit_zone.as_ref().map_or(0, |_| FURTHEST_BEHIND);
        let since = self.edited_since.and_then(|since| sql_time(since.saturating_sub(behind)));
        if let (Some(since), Some(field)) = (since, &info.edit_date) {
            let edited = format!("{field} >= {since}");
            condition = Some(condition.map_or(edited.clone(), |own| format!("({own}) AND {edited}")));
        }
        checked.conditions.push(("where", condition.unwrap_or_else(|| "1=1".to_owned())));
        if let Some(area) = &self.area {
            if info.is_table() {
                return Err(usage("a table has no geometry, so no area can choose its rows"));
            }
            let kind = if area.envelope.is_some() { "esriGeometryEnvelope" } else { "esriGeometryPolygon" };
            checked.conditions.extend([
                ("geometry", area.to_esri().to_string()),
                ("geometryType", kind.to_owned()),
                ("inSR", area.spatial_reference.to_wire()),
                ("spatialRel", "esriSpatialRelIntersects".to_owned()),
            ]);
        }
        if let Some(time) = self.time {
            if !info.knows_time {
                return Err(usage("the layer knows no time").hint("use a condition on a date field: --where"));
            }
            checked.conditions.push(("time", time.wire()));
        }
        if let Some(moment) = self.as_of {
            if !info.keeps_history {
                return Err(Error::new(ErrorKind::Unsupported, "the layer keeps no history to read an earlier state from"));
            }
            checked.state.push(("historicMoment", moment.to_string()));
        }
        checked.state.extend(self.gdb_version.as_ref().map(|version| ("gdbVersion", version.clone())));
        if let Some(wanted) = &self.fields {
            let mut names = Vec::new();
            for name in wanted.iter().map(field) {
                let name = name?;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            checked.fields = Some(names);
        }
        checked.order = self.order(info, object_id, &field)?;
        Ok(checked)
    }

    /// Rows that are equal in all that the user sorts by need an order too, or pages overlap.
    fn order(
        &self,
        info: &LayerInfo,
        object_id: Option<&str>,
        field: &dyn Fn(&String) -> Result<String>,
    ) -> Result<Option<String>> {
        if self.order_by.is_empty() {
            return Ok(object_id.filter(|_| info.supports_order_by != Some(false)).map(|name| format!("{name} ASC")));
        }
        if !info.supports_pagination || info.supports_order_by == Some(false) {
            return Err(Error::new(ErrorKind::Unsupported, "the server can't hand out rows in an order"));
        }
        let mut order = Vec::new();
        for (name, descends) in &self.order_by {
            order.push((field(name)?, *descends));
        }
        if let Some(id) = object_id.filter(|id| !order.iter().any(|(name, _)| name == id)) {
            order.push((id.to_owned(), false));
        }
        let words = order.iter().map(|(name, descends)| format!("{name} {}", if *descends { "DESC" } else { "ASC" }));
        Ok(Some(words.collect::<Vec<_>>().join(",")))
    }

    /// What the user should know of this selection on a layer.
    pub(super) fn doubts(&self, info: &LayerInfo) -> Vec<String> {
        let mut doubts = Vec::new();
        if let Some(distance) = self.max_offset.filter(|_| !info.is_table()) {
            doubts.push(format!(
                "the server generalised the geometries: lines may lie up to {distance} units off (maxAllowableOffset)"
            ));
        }
        if self.edited_since.is_some() && info.edit_date.is_none() {
            doubts.push("the layer keeps no dates of edits, so all of its rows came, and not only those since then".to_owned());
        }
        if let (Some(_), Some(_), Some(zone)) = (self.edited_since, &info.edit_date, &info.edit_zone) {
            doubts.push(format!(
                "the layer reads times of edits in the zone \"{zone}\"; so that none is missed, rows may have come that were \
                 edited up to a day before"
            ));
        }
        if self.datum_transformation.is_some() && !info.knows_datum_transformations {
            doubts.push(
                "the layer does not say that it knows datum transformations; whether it used yours can't be told".to_owned(),
            );
        }
        if self.gdb_version.is_some() && !info.is_versioned {
            doubts.push("the layer does not say that it has versions; whether it read yours can't be told".to_owned());
        }
        doubts
    }
}

/// A moment as a literal of SQL, in UTC and whole seconds.
fn sql_time(milliseconds: i64) -> Option<String> {
    let moment = jiff::Timestamp::from_second(milliseconds.div_euclid(1000)).ok()?;
    Some(format!("TIMESTAMP '{}'", moment.strftime("%Y-%m-%d %H:%M:%S")))
}

fn usage(what: &str) -> Error {
    Error::new(ErrorKind::Usage, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn info() -> LayerInfo {
        LayerInfo::of(&json!({"type": "Feature Layer", "geometryType": "esriGeometryPoint", "objectIdField": "FID",
            "fields": [{"name": "FID", "type": "esriFieldTypeOID"}, {"name": "NAME", "type": "esriFieldTypeString"}],
            "advancedQueryCapabilities": {"supportsPagination": true, "supportsOrderBy": true}}))
    }

    #[test]
    fn ids_and_a_condition_hold_together_and_many_ids_are_compared_here() {
        let ids = Some(IdRanges::read("1,3").unwrap());
        let selection = Selection { where_clause: Some("A=1 OR B=2".to_owned()), ids, ..Selection::default() };
        let checked = selection.check(&info()).unwrap();
        assert_eq!(checked.conditions, [("where", "(A=1 OR B=2) AND (FID IN (1,3))".to_owned())]);
        let many: Vec<String> = (0..9000).map(|id| (3 * id).to_string()).collect();
        let selection = Selection { ids: Some(IdRanges::read(&many.join(",")).unwrap()), ..Selection::default() };
        let checked = selection.check(&info()).unwrap();
        assert!(checked.ids.is_some());
        assert_eq!(checked.conditions, [("where", "1=1".to_owned())]);
    }

    #[test]
    fn rows_since_an_edit_are_chosen_where_the_layer_keeps_dates_of_edits_and_else_it_is_told() {
        let since = Selection {
            where_clause: Some("A=1 OR B=2".to_owned()),
            edited_since: Some(1_709_208_000_999),
            ..Selection::default()
        };
        let tracked = LayerInfo { edit_date: Some("EditDate".to_owned()), ..info() };
        let wanted = "(A=1 OR B=2) AND EditDate >= TIMESTAMP '2024-02-29 12:00:00'";
        assert_eq!(since.check(&tracked).unwrap().conditions, [("where", wanted.to_owned())]);
        assert_eq!(since.check(&info()).unwrap().conditions, [("where", "A=1 OR B=2".to_owned())]);
        assert_eq!((since.doubts(&tracked).len(), since.doubts(&info()).len()), (0, 1));
        let western = LayerInfo { edit_zone: Some("Hawaiian Standard Time".to_owned()), ..tracked };
        let wanted = "(A=1 OR B=2) AND EditDate >= TIMESTAMP '2024-02-29 00:00:00'";
        assert_eq!(since.check(&western).unwrap().conditions, [("where", wanted.to_owned())]);
        assert_eq!(since.doubts(&western).len(), 1);
    }

    #[test]
    fn an_order_ends_with_the_object_id() {
        let order = |text: &str| {
            let order_by = Selection::parse_order(text).unwrap();
            Selection { order_by, ..Selection::default() }.check(&info()).unwrap().order.unwrap()
        };
        assert_eq!(order("name desc"), "NAME DESC,FID ASC");
        assert_eq!(order("fid DESC"), "FID DESC");
        assert!(Selection::parse_order("NAME up").is_err());
    }

    #[test]
    fn what_a_layer_can_not_do_is_an_error_and_not_ignored() {
        let refused = |selection: Selection| selection.check(&info()).unwrap_err().kind();
        assert_eq!(refused(Selection { time: Some(TimeSpan::parse("2024").unwrap()), ..Selection::default() }), ErrorKind::Usage);
        assert_eq!(refused(Selection { as_of: Some(0), ..Selection::default() }), ErrorKind::Unsupported);
        assert_eq!(refused(Selection { fields: Some(vec!["NAM".to_owned()]), ..Selection::default() }), ErrorKind::Usage);
    }
}
