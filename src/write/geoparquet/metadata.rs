//! The `geo` metadata: what the geometries are, where they are, and what their coordinates mean.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::schema::GeometryNames;
use crate::model::WritePlan;
use crate::model::crs::Dialect;

/// What was seen of the geometries.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// Codes of WKB types.
    types: BTreeSet<u32>,
    /// Least x and y, greatest x and y.
    bounds: [f64; 4],
    /// Least and greatest z.
    pub(super) z: [f64; 2],
}

impl Default for Seen {
    fn default() -> Self {
        let (least, greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { types: BTreeSet::new(), bounds: [least, least, greatest, greatest], z: [least, greatest] }
    }
}

impl Seen {
    /// Adds a geometry by its WKB and its box.
    pub(super) fn add(&mut self, wkb: &[u8], bounds: &[f64; 4]) {
        if let Some(Ok(code)) = wkb.get(1..5).map(<[u8; 4]>::try_from) {
            self.types.insert(u32::from_le_bytes(code));
        }
        self.widen(bounds);
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.types.extend(&other.types);
        self.widen(&other.bounds);
        self.z = [self.z[0].min(other.z[0]), self.z[1].max(other.z[1])];
    }

    fn widen(&mut self, other: &[f64; 4]) {
        let [x0, y0, x1, y1] = self.bounds;
        self.bounds = [x0.min(other[0]), y0.min(other[1]), x1.max(other[2]), y1.max(other[3])];
    }

    /// The names of the types: `MultiPolygon Z`.
    fn type_names(&self) -> Vec<String> {
        const NAMES: [&str; 6] = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"];
        let name = |code: &u32| {
            let base = (code % 1000).checked_sub(1).and_then(|at| NAMES.get(at as usize))?;
            Some(format!("{base}{}", if *code >= 1000 { " Z" } else { "" }))
        };
        self.types.iter().filter_map(name).collect()
    }

    /// Least ordinates, then greatest; `None` where there is none, or one that JSON can't hold.
    fn bbox(&self, with_z: bool) -> Option<Vec<f64>> {
        let [x0, y0, x1, y1] = self.bounds;
        let all = if with_z { vec![x0, y0, self.z[0], x1, y1, self.z[1]] } else { vec![x0, y0, x1, y1] };
        all.iter().all(|ordinate| ordinate.is_finite()).then_some(all)
    }
}

/// The value of the key `geo`.
pub(super) fn geo(plan: &WritePlan, names: &GeometryNames, seen: &Seen, warnings: &mut Vec<String>) -> String {
    let edge = |name: &str| json!([names.bbox, name]);
    let covering = json!({"xmin": edge("xmin"), "ymin": edge("ymin"), "xmax": edge("xmax"), "ymax": edge("ymax")});
    let mut column = json!({
        "encoding": "WKB",
        "geometry_types": seen.type_names(),
        "orientation": "counterclockwise",
        "covering": {"bbox": covering},
    });
    if let Some(bbox) = seen.bbox(plan.z) {
        column["bbox"] = json!(bbox);
    }
    match &plan.crs {
        // Absent, it is OGC:CRS84.
        Some(crs) if crs.is_wgs84() => {}
        Some(crs) => {
            let projjson = crs.written_as(Dialect::ProjJson).and_then(|text| serde_json::from_str::<Value>(&text).ok());
            if projjson.is_none() {
                warnings.push(format!("the file does not say its spatial reference: {crs} can't be written as PROJJSON"));
            }
            column["crs"] = projjson.unwrap_or(Value::Null);
        }
        None => column["crs"] = Value::Null,
    }
    let mut columns = serde_json::Map::new();
    columns.insert(names.geometry.clone(), column);
    json!({"version": "1.1.0", "primary_column": names.geometry, "columns": columns}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pages_saw_adds_up() {
        let mut all = Seen::default();
        assert_eq!((all.type_names().len(), all.bbox(false)), (0, None));
        let mut page = Seen::default();
        page.add(&[1, 6, 0, 0, 0], &[1.0, 2.0, 3.0, 4.0]);
        page.add(&[1, 0xEB, 0x03, 0, 0], &[-1.0, 2.0, 3.0, 9.0]);
        page.z = [5.0, 6.0];
        all.join(&page);
        assert_eq!(all.type_names(), ["MultiPolygon", "Polygon Z"]);
        assert_eq!(all.bbox(false), Some(vec![-1.0, 2.0, 3.0, 9.0]));
        assert_eq!(all.bbox(true), Some(vec![-1.0, 2.0, 5.0, 3.0, 9.0, 6.0]));
        all.join(&Seen { bounds: [f64::NEG_INFINITY, 0.0, 0.0, 0.0], ..Seen::default() });
        assert_eq!(all.bbox(false), None);
    }
}
