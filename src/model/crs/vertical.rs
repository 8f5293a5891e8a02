//! The vertical part of a spatial reference: what heights are measured from.

use serde::Serialize;

use super::{SpatialReference, first_system, tables};

/// A vertical system. Heights are never transformed: it says what they were and still are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vertical {
    /// The name, such as `NAVD_1988`; of an unknown one, what is known of it.
    pub name: String,
    /// The code, where it has one.
    pub wkid: Option<u32>,
    /// WKT 1 in Esri's dialect on one line, for a `.prj`; `None` is unknown.
    pub esri_wkt: Option<String>,
}

impl Vertical {
    /// The vertical part; `None` where there is none.
    ///
    /// ```
    /// use geohaul::SpatialReference;
    /// use geohaul::model::crs::Vertical;
    /// use serde_json::json;
    ///
    /// let of = |json| Vertical::of(&SpatialReference::from_json(&json).unwrap());
    /// assert_eq!(of(json!({"wkid": 26910, "vcsWkid": 105703, "latestVcsWkid": 6360})).unwrap().name, "NAVD88_height_(ftUS)");
    /// assert_eq!(of(json!({"wkid": 26910, "vcsWkid": 1})).unwrap().esri_wkt, None);
    /// assert_eq!(of(json!({"wkid": 26910})), None);
    /// ```
    pub fn of(sr: &SpatialReference) -> Option<Self> {
        let codes = [sr.latest_vcs_wkid, sr.vcs_wkid];
        let known = codes.into_iter().flatten().find_map(|code| Some((code, tables::vertical(code)?)));
        if let Some((code, wkt)) = known {
            return Some(Self { name: name_of(wkt), wkid: Some(code), esri_wkt: Some(wkt.to_owned()) });
        }
        if let Some(at) = sr.wkt.as_deref().and_then(|wkt| wkt.find(",VERTCS[")) {
            let wkt = first_system(&sr.wkt.as_deref()?[at + 1..]);
            return Some(Self { name: name_of(&wkt), wkid: None, esri_wkt: Some(wkt) });
        }
        if let Some(code) = codes.into_iter().flatten().next() {
            return Some(Self { name: "an unknown vertical system".to_owned(), wkid: Some(code), esri_wkt: None });
        }
        let wkt2 = sr.wkt2.as_deref()?;
        let at = ["VERTCRS[", "VERTICALCRS["].iter().find_map(|node| wkt2.find(node))?;
        Some(Self { name: name_of(&wkt2[at..]), wkid: None, esri_wkt: None })
    }
}

/// What stands in the first quotes.
fn name_of(wkt: &str) -> String {
    wkt.split('"').nth(1).unwrap_or("unnamed").to_owned()
}

impl std::fmt::Display for Vertical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.wkid {
            Some(code) => write!(f, "{} (vertical wkid {code})", self.name),
            None => f.write_str(&self.name),
        }
    }
}
