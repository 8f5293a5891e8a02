//! [`Asked`]: what a pasted query asks of its layer. It is taken over where there is an option for the same; what else
//! changes which rows or values come is refused by name, so that nothing is exported that the address does not say.

use serde_json::Value;
use url::Url;

use super::areas;
use super::layer::LayerOptions;
use super::selection::{IdRanges, Selection, TimeSpan};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Area, Crs, SpatialReference};

/// What is taken over, and the option that asks for the same.
const TAKEN: [(&str, &str); 11] = [
    ("where", "--where"),
    ("outFields", "--fields"),
    ("objectIds", "--ids"),
    ("geometry", "--bbox, --intersects or --clip"),
    ("time", "--time"),
    ("orderByFields", "--order-by"),
    ("returnGeometry", "--no-geometry"),
    ("maxAllowableOffset", "--max-offset"),
    ("outSR", "--crs"),
    ("gdbVersion", "--gdb-version"),
    ("historicMoment", "--as-of"),
];

/// Those of them that choose rows.
const CHOOSING: [&str; 6] = ["where", "objectIds", "geometry", "time", "gdbVersion", "historicMoment"];

/// What says how `geometry` is meant.
const OF_GEOMETRY: [&str; 3] = ["geometryType", "inSR", "spatialRel"];

/// What is refused, under what to do instead.
const REFUSED: [(&str, &[&str]); 10] = [
    ("leave it out: all rows come, page by page; --limit N takes the first N", &["resultRecordCount", "resultOffset"]),
    ("leave it out: export takes the rows themselves; geohaul info counts them", &["returnCountOnly"]),
    (
        "leave it out: export takes the rows themselves",
        &[
            "returnIdsOnly",
            "returnUniqueIdsOnly",
            "returnExtentOnly",
            "returnDistinctValues",
            "returnCentroid",
            "returnEnvelope",
            "outStatistics",
            "groupByFieldsForStatistics",
            "having",
            "outAnalytics",
            "topFilter",
            "bin",
            "relationshipId",
        ],
    ),
    ("use a condition: --where", &["text", "fullText", "definitionExpression", "parameterValues", "rangeValues", "uniqueIds"]),
    ("give the address of one layer, and a condition: --where", &["layerDefs", "layer"]),
    ("give an area: --bbox or --intersects", &["distance", "relationParam"]),
    ("leave it out: --keep-curves keeps curves", &["returnTrueCurves"]),
    ("leave it out: --precision N rounds coordinates in the files that take it", &["geometryPrecision"]),
    ("name inSR and outSR in its place", &["defaultSR"]),
    ("use --datum-transformation, with --project server and --crs", &["datumTransformation"]),
];

const LEAVE_OUT: &str = "leave it out";

/// Parameters of a pasted address, as they stand there: those that change which rows or values come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked(Vec<(&'static str, String)>);

impl Asked {
    /// Reads the query of an address. What asks for nothing special (`where=1=1`, `outFields=*`, an empty field of a form)
    /// is left out, and so is what only says how to send the answer (`f`, `cacheHint`, `resultType`, ...).
    pub fn of(url: &Url) -> Self {
        let refused = REFUSED.iter().flat_map(|(_, names)| names.iter());
        let known: Vec<&'static str> = TAKEN.iter().map(|(name, _)| name).chain(&OF_GEOMETRY).chain(refused).copied().collect();
        let pair = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            let name = known.iter().copied().find(|name| name.eq_ignore_ascii_case(&key))?;
            Some((name, value.trim().to_owned())).filter(|(name, value)| !asks_nothing(name, value))
        };
        let mut pairs: Vec<_> = url.query_pairs().filter_map(pair).collect();
        if !pairs.iter().any(|(name, _)| *name == "geometry") {
            pairs.retain(|(name, _)| !OF_GEOMETRY.contains(name));
        }
        Self(pairs)
    }

    /// The same for one row, as in the address `.../FeatureServer/0/123`.
    #[must_use]
    pub(super) fn with_id(mut self, id: u64) -> Self {
        self.0.push(("objectIds", id.to_string()));
        self
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// The name of a parameter, where there is any.
    pub(super) fn any(&self) -> Option<&'static str> {
        self.0.first().map(|(name, _)| *name)
    }

    /// In words, what chooses rows: `where KIND=1, objectIds 2,4`; `None` where nothing does.
    pub fn rows(&self) -> Option<String> {
        let choosing = self.0.iter().filter(|(name, _)| CHOOSING.contains(name));
        let words: Vec<String> = choosing.map(|(name, value)| format!("{name} {value}")).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// Adds it to the options for a layer.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where the options say something of the same kind, where a value is none, and for what can't
    /// be taken over.
    pub fn join(&self, options: &mut LayerOptions) -> Result<()> {
        for (at, (name, value)) in self.0.iter().enumerate() {
            if self.0[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(usage(format!("{name} stands twice in the address")).hint("leave one of them out"));
            }
            let chosen = &mut options.selection;
            match *name {
                "where" => put(&mut chosen.where_clause, value.clone(), name),
                "outFields" => put(&mut chosen.fields, fields(value), name),
                "objectIds" => put(&mut chosen.ids, IdRanges::parse(value)?, name),
                "geometry" => put(&mut chosen.area, self.area(value)?, name),
                "time" => put(&mut chosen.time, TimeSpan::of_wire(value)?, name),
                "orderByFields" if chosen.order_by.is_empty() => {
                    chosen.order_by = Selection::parse_order(value)?;
                    Ok(())
                }
                "orderByFields" => Err(Self::twice(name)),
                "returnGeometry" => {
                    chosen.no_geometry = true;
                    Ok(())
                }
                "maxAllowableOffset" => put(&mut chosen.max_offset, number(name, value)?, name),
                "outSR" => put(&mut options.out_sr, spatial_reference(name, value)?, name),
                "gdbVersion" => put(&mut chosen.gdb_version, value.clone(), name),
                "historicMoment" => put(&mut chosen.as_of, number(name, value)?, name),
                name if OF_GEOMETRY.contains(&name) => Ok(()),
                name => Err(refused(name)),
            }?;
        }
        Ok(())
    }

    /// The error for a parameter whose option is given too.
    pub fn twice(name: &str) -> Error {
        let option = TAKEN.iter().find(|(taken, _)| *taken == name).map_or("its option", |(_, option)| *option);
        usage(format!("{name} stands in the address, and {option} is given too")).hint("leave one of them out")
    }

    /// The area that `geometry` and what belongs to it describe.
    fn area(&self, text: &str) -> Result<Area> {
        let hint = "use --bbox or --intersects";
        if let Some(relation) = self.get("spatialRel").filter(|relation| *relation != "esriSpatialRelIntersects") {
            return Err(usage(format!("the address asks for {relation}, which can't be taken over"))
                .hint("export takes rows that meet an area: spatialRel=esriSpatialRelIntersects"));
        }
        let wrong = || usage("geometry in the address is no box and no polygon".to_owned()).because(text).hint(hint);
        let mut shape = match self.get("geometryType") {
            None | Some("esriGeometryEnvelope" | "esriGeometryPolygon") => of_text(text).ok_or_else(wrong)?,
            Some(_) => return Err(wrong()),
        };
        let own = shape.get("spatialReference").and_then(SpatialReference::from_json);
        let reference = match (own, self.get("inSR")) {
            (Some(own), _) => own,
            (None, Some(given)) => spatial_reference("inSR", given)?,
            (None, None) => {
                return Err(usage("geometry in the address does not say what its coordinates are in".to_owned())
                    .hint("add inSR to the address, or use --bbox"));
            }
        };
        let sides = ["xmin", "ymin", "xmax", "ymax"].map(|side| shape.get(side).and_then(Value::as_f64));
        if let [Some(west), Some(south), Some(east), Some(north)] = sides {
            return Area::of_box([west, south, east, north], &Crs::of(&reference)?);
        }
        shape.as_object_mut().filter(|shape| shape.contains_key("rings")).ok_or_else(wrong)?;
        shape["spatialReference"] = reference.to_json();
        areas::of_polygons(&shape.to_string())
    }
}

/// Esri JSON, or the four sides of a box.
fn of_text(text: &str) -> Option<Value> {
    if text.starts_with('{') {
        return serde_json::from_str(text).ok().filter(Value::is_object);
    }
    let sides: Option<Vec<f64>> = text.split(',').map(|side| side.trim().parse().ok()).collect();
    match sides?.as_slice() {
        [west, south, east, north] => Some(serde_json::json!({"xmin": west, "ymin": south, "xmax": east, "ymax": north})),
        _ => None,
    }
}

fn asks_nothing(name: &str, value: &str) -> bool {
    value.is_empty()
        || match name {
            "where" => value == "1=1",
            "outFields" => value.contains('*'),
            "resultOffset" => value == "0",
            "returnGeometry" => !value.eq_ignore_ascii_case("false"),
            name => name.starts_with("return") && value.eq_ignore_ascii_case("false"),
        }
}

fn put<T>(place: &mut Option<T>, value: T, name: &str) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Asked::twice(name)),
    }
}

fn fields(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| usage(format!("{name} in the address is no number")).because(value).hint(LEAVE_OUT))
}

/// A code, or JSON.
fn spatial_reference(name: &str, value: &str) -> Result<SpatialReference> {
    let json = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    SpatialReference::from_json(&json).ok_or_else(|| {
        usage(format!("{name} in the address is no spatial reference")).because(value).hint("give it as a wkid, such as 4326")
    })
}

fn refused(name: &str) -> Error {
    let hint = REFUSED.iter().find(|(_, names)| names.contains(&name)).map(|(hint, _)| *hint);
    usage(format!("the address asks for {name}, which can't be taken over")).hint(hint.unwrap_or(LEAVE_OUT))
}

fn usage(what: String) -> Error {
    Error::new(ErrorKind::Usage, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::of(&format!("https://h.example/arcgis/rest/services/A/FeatureServer/0/query?{query}").parse().unwrap())
    }

    fn join(query: &str) -> Result<LayerOptions> {
        let mut options = LayerOptions::default();
        asked(query).join(&mut options).map(|()| options)
    }

    #[test]
    fn a_form_that_nobody_filled_in_asks_for_nothing() {
        let form = "where=1%3D1&text=&objectIds=&time=&geometry=&geometryType=esriGeometryEnvelope&inSR=&distance=\
            &spatialRel=esriSpatialRelIntersects&relationParam=&outFields=*&returnGeometry=true&returnTrueCurves=false\
            &maxAllowableOffset=&geometryPrecision=&outSR=&having=&returnIdsOnly=false&returnCountOnly=false&orderByFields=\
            &groupByFieldsForStatistics=&outStatistics=&returnZ=false&returnM=false&gdbVersion=&historicMoment=\
            &returnDistinctValues=false&resultOffset=&resultRecordCount=&returnExtentOnly=false&sqlFormat=none\
            &datumTransformation=&cacheHint=false&resultType=none&returnExceededLimitFeatures=true&featureEncoding=esriDefault&f=html";
        assert_eq!(asked(form), Asked::default());
    }

    #[test]
    fn what_has_an_option_is_taken_over() {
        let query = "where=A%3D1&objectIds=4,2&time=0,null&OUTSR=25832&orderByFields=A+DESC&returnGeometry=false&outFields=A,+B";
        let options = join(query).unwrap();
        let chosen = options.selection;
        assert_eq!((chosen.where_clause.as_deref(), chosen.ids), (Some("A=1"), Some(IdRanges::parse("2,4").unwrap())));
        assert_eq!((chosen.time, chosen.no_geometry), (Some(TimeSpan { from: Some(0), to: None }), true));
        assert_eq!((chosen.order_by, options.out_sr), (vec![("A".to_owned(), true)], Some(SpatialReference::from_wkid(25832))));
        assert_eq!(chosen.fields, Some(vec!["A".to_owned(), "B".to_owned()]));
        assert_eq!(asked(query).rows().as_deref(), Some("where A=1, objectIds 4,2, time 0,null"));
    }

    #[test]
    fn a_box_and_a_polygon_are_areas_in_what_they_or_the_address_name() {
        let area = |query: &str| join(query).map(|options| options.selection.area.unwrap());
        let plain = area("geometry=1,2,3,4&inSR=3857").unwrap();
        assert_eq!((plain.envelope, plain.spatial_reference.wkid), (Some([1.0, 2.0, 3.0, 4.0]), Some(3857)));
        let json = r#"geometry={"xmin":1,"ymin":2,"xmax":3,"ymax":4,"spatialReference":{"wkid":3857}}&inSR=4326"#;
        assert_eq!(area(json).unwrap(), plain);
        let polygon = r#"geometry={"rings":[[[0,0],[0,1],[1,1],[0,0]]]}&geometryType=esriGeometryPolygon&inSR={"wkid":3857}"#;
        assert_eq!(area(polygon).unwrap().rings.len(), 1);
        for (query, why) in [
            ("geometry=1,2,3,4", "does not say"),
            ("geometry=1,2&geometryType=esriGeometryPoint&inSR=4326", "no box"),
            (r#"geometry={"paths":[]}&inSR=4326"#, "no box"),
            ("geometry=@/etc/passwd&inSR=4326", "no box"),
            ("geometry=1,2,3,4&inSR=4326&spatialRel=esriSpatialRelWithin", "esriSpatialRelWithin"),
            ("geometry=1,2,3,4&inSR=4326&distance=5", "distance"),
        ] {
            assert!(area(query).unwrap_err().to_string().contains(why), "{query}");
        }
    }

    #[test]
    fn what_has_no_option_is_refused_by_name() {
        let all = REFUSED.iter().flat_map(|(_, names)| names.iter());
        for name in all {
            let error = join(&format!("{name}=true")).unwrap_err();
            assert!(error.kind() == ErrorKind::Usage && error.what().contains(name) && error.hint_text().is_some(), "{error}");
        }
        for query in ["objectIds=@/etc/passwd", "time=2021-01-01", "outSR=x", "historicMoment=now", "where=A&where=B"] {
            let error = join(query).unwrap_err();
            assert!(error.kind() == ErrorKind::Usage && error.hint_text().is_some(), "{query}: {error}");
        }
    }

    #[test]
    fn an_option_and_the_address_do_not_both_choose() {
        let selection = Selection { where_clause: Some("B=2".to_owned()), ..Selection::default() };
        let mut options = LayerOptions { selection, ..LayerOptions::default() };
        let error = asked("where=A%3D1").join(&mut options).unwrap_err();
        assert_eq!(error.what(), "where stands in the address, and --where is given too");
    }
}
