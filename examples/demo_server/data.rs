//! The served layers: generated from a seed, so that every run holds the same.

use serde_json::{Map, Value, json};

use crate::geo::Sr;

/// The most rows of one answer.
pub(crate) const MOST_RECORDS: usize = 100;
/// All layers are in web mercator.
pub(crate) const SR: Sr = Sr::WebMercator;

const COLUMNS: i32 = 24;
const LINES: i32 = 18;
const CELL_M: f64 = 5_000.0;
const ORIGIN: [f64; 2] = [200_000.0, 6_000_000.0];
const STATIONS: u32 = 1_234;
const READINGS: u32 = 257;
const DAY_MS: i64 = 86_400_000;

/// One layer or table with all its rows.
pub(crate) struct Layer {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    /// The wire name of the geometry kind; `None` is a table.
    pub(crate) geometry_type: Option<&'static str>,
    /// The field descriptions; the first is the object id.
    pub(crate) fields: Vec<Value>,
    /// In the order of the object ids.
    pub(crate) rows: Vec<Row>,
    /// How it is drawn; null says nothing.
    pub(crate) drawing: Value,
    /// Its relationships to others; null says nothing.
    pub(crate) relationships: Value,
}

/// One row; the geometry may be missing.
pub(crate) struct Row {
    pub(crate) attributes: Map<String, Value>,
    pub(crate) geometry: Option<Value>,
}

impl Row {
    /// The object id.
    pub(crate) fn id(&self) -> i64 {
        self.attributes.get("OBJECTID").and_then(Value::as_i64).unwrap_or_default()
    }
}

/// When all layers were last edited: nobody can edit them.
const LAST_EDIT_MS: i64 = 1_735_689_600_000;

impl Layer {
    /// The layer resource.
    pub(crate) fn describe(&self) -> Value {
        let mut layer = json!({
            "currentVersion": 11.1, "id": self.id, "name": self.name, "description": "Generated; shows nothing real.",
            "type": if self.geometry_type.is_some() { "Feature Layer" } else { "Table" },
            "displayField": "NAME", "objectIdField": "OBJECTID", "hasZ": false, "hasM": false, "hasAttachments": false,
            "maxRecordCount": MOST_RECORDS, "capabilities": "Query", "supportedQueryFormats": "JSON", "fields": self.fields,
            "editingInfo": {"lastEditDate": LAST_EDIT_MS},
            "advancedQueryCapabilities": {"supportsPagination": true, "supportsOrderBy": true, "supportsStatistics": false},
        });
        if !self.drawing.is_null() {
            layer["drawingInfo"] = self.drawing.clone();
        }
        if !self.relationships.is_null() {
            layer["relationships"] = self.relationships.clone();
        }
        if let Some(kind) = self.geometry_type {
            let [x, y] = ORIGIN;
            layer["geometryType"] = json!(kind);
            layer["sourceSpatialReference"] = SR.to_json();
            layer["extent"] = json!({
                "xmin": x - CELL_M, "ymin": y - CELL_M, "xmax": x + f64::from(COLUMNS + 1) * CELL_M,
                "ymax": y + f64::from(LINES + 1) * CELL_M, "spatialReference": SR.to_json(),
            });
        }
        layer
    }
}

/// The feature service resource.
pub(crate) fn service(layers: &[Layer]) -> Value {
    let list = |tables: bool| -> Vec<Value> {
        let wanted = layers.iter().filter(|layer| layer.geometry_type.is_none() == tables);
        wanted.map(|layer| json!({"id": layer.id, "name": layer.name, "geometryType": layer.geometry_type})).collect()
    };
    json!({
        "currentVersion": 11.1, "serviceDescription": "Generated data", "capabilities": "Query", "maxRecordCount": MOST_RECORDS,
        "spatialReference": SR.to_json(), "layers": list(false), "tables": list(true),
    })
}

/// All layers and tables.
pub(crate) fn layers() -> [Layer; 3] {
    [communes(), stations(), readings()]
}

/// Polygons that share their edges; some with a lake, some with an exclave, some with the lake listed first.
fn communes() -> Layer {
    let land_use = json!({"type": "codedValue", "name": "LandUse", "codedValues": [
        {"code": 1, "name": "Forêt"}, {"code": 2, "name": "Cultures"}, {"code": 3, "name": "Zone bâtie"},
    ]});
    let mut random = Random(1);
    let cells = (0..LINES).flat_map(|line| (0..COLUMNS).map(move |column| (column, line)));
    let rows = cells.zip(1_i64..).map(|((column, line), id)| {
        let shell = vec![node(column, line), node(column, line + 1), node(column + 1, line + 1), node(column + 1, line)];
        let [x, y] = node(column, line);
        let mut rings = vec![closed(shell)];
        if id % 7 == 0 {
            let lake = [[0.4, 0.4], [0.7, 0.45], [0.6, 0.7], [0.45, 0.65]];
            rings.push(closed(lake.map(|[u, v]| [cm(x + u * CELL_M), cm(y + v * CELL_M)]).to_vec()));
        }
        if id % 14 == 0 {
            rings.reverse();
        }
        if id % 11 == 0 {
            let away = f64::from(COLUMNS + 2) * CELL_M;
            let exclave = [[0.2, 0.2], [0.2, 0.8], [0.8, 0.8], [0.8, 0.2]];
            rings.push(closed(exclave.map(|[u, v]| [cm(x + away + u * CELL_M), cm(y + v * CELL_M)]).to_vec()));
        }
        let population = random.below(90_000);
        let attributes = [
            ("OBJECTID", json!(id)),
            ("NAME", json!(place_name(&mut random))),
            ("LAND_USE", json!(1 + random.below(3))),
            ("POPULATION", if id % 13 == 0 { Value::Null } else { json!(population) }),
            ("DENSITY", json!(population as f64 / 25.0)),
            ("FOUNDED", if id % 9 == 0 { Value::Null } else { json!(random.day(-60_000, 18_000)) }),
            ("NOTE", note(id)),
        ];
        Row { attributes: named(attributes), geometry: Some(json!({"rings": rings})) }
    });
    Layer {
        id: 0,
        name: "Communes",
        geometry_type: Some("esriGeometryPolygon"),
        rows: rows.collect(),
        drawing: Value::Null,
        relationships: Value::Null,
        fields: vec![
            field("OBJECTID", "OID", Value::Null),
            field("NAME", "String", Value::Null),
            field("LAND_USE", "SmallInteger", land_use),
            field("POPULATION", "Integer", Value::Null),
            field("DENSITY", "Double", Value::Null),
            field("FOUNDED", "Date", Value::Null),
            field("NOTE", "String", Value::Null),
        ],
    }
}

/// Points; every hundredth has no geometry.
fn stations() -> Layer {
    let kind = json!({"type": "codedValue", "name": "Kind", "codedValues": [
        {"code": "W", "name": "Wetter"}, {"code": "P", "name": "Pegel"},
    ]});
    let mut random = Random(2);
    let rows = (1..=i64::from(STATIONS)).map(|id| {
        let place = json!({
            "x": cm(ORIGIN[0] + random.share() * f64::from(COLUMNS) * CELL_M),
            "y": cm(ORIGIN[1] + random.share() * f64::from(LINES) * CELL_M),
        });
        let attributes = [
            ("OBJECTID", json!(id)),
            ("NAME", json!(place_name(&mut random))),
            ("KIND", json!(if random.below(2) == 0 { "W" } else { "P" })),
            ("ELEVATION", if id % 17 == 0 { Value::Null } else { json!(cm(random.share() * 900.0)) }),
            ("INSTALLED", json!(random.day(-10_000, 19_000) + 3_723_004)),
        ];
        Row { attributes: named(attributes), geometry: (id % 100 != 0).then_some(place) }
    });
    Layer {
        id: 1,
        name: "Stations",
        geometry_type: Some("esriGeometryPoint"),
        rows: rows.collect(),
        drawing: Value::Null,
        relationships: Value::Null,
        fields: vec![
            field("OBJECTID", "OID", Value::Null),
            field("NAME", "String", Value::Null),
            field("KIND", "String", kind),
            field("ELEVATION", "Double", Value::Null),
            field("INSTALLED", "Date", Value::Null),
        ],
    }
}

/// A table.
fn readings() -> Layer {
    let mut random = Random(3);
    let rows = (1..=i64::from(READINGS)).map(|id| {
        let attributes = [
            ("OBJECTID", json!(id)),
            ("NAME", json!(format!("Messung {id}"))),
            ("STATION_ID", json!(1 + random.below(STATIONS))),
            ("MEASURED", json!(random.day(18_000, 19_700))),
            ("VALUE", if id % 10 == 0 { Value::Null } else { json!(random.share() * 40.0 - 10.0) }),
        ];
        Row { attributes: named(attributes), geometry: None }
    });
    Layer {
        id: 2,
        name: "Readings",
        geometry_type: None,
        rows: rows.collect(),
        drawing: Value::Null,
        relationships: Value::Null,
        fields: vec![
            field("OBJECTID", "OID", Value::Null),
            field("NAME", "String", Value::Null),
            field("STATION_ID", "Integer", Value::Null),
            field("MEASURED", "Date", Value::Null),
            field("VALUE", "Double", Value::Null),
        ],
    }
}

/// A field description.
pub(crate) fn field(name: &str, kind: &str, domain: Value) -> Value {
    let mut field = json!({"name": name, "type": format!("esriFieldType{kind}"), "alias": name, "domain": domain});
    if kind == "String" {
        field["length"] = json!(120);
    }
    field
}

fn named<const N: usize>(attributes: [(&str, Value); N]) -> Map<String, Value> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A corner that the cells around it share.
fn node(column: i32, line: i32) -> [f64; 2] {
    let mut random = Random((u64::from(column.unsigned_abs()) << 32) | u64::from(line.unsigned_abs()));
    let mut jitter = || (random.share() - 0.5) * CELL_M * 0.3;
    [cm(ORIGIN[0] + f64::from(column) * CELL_M + jitter()), cm(ORIGIN[1] + f64::from(line) * CELL_M + jitter())]
}

fn closed(mut ring: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    ring.extend(ring.first().copied());
    ring
}

/// To the centimetre.
fn cm(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn place_name(random: &mut Random) -> String {
    const FIRST: [&str; 8] = ["Saint-", "Neu", "Châ", "Øster", "Łód", "Peña", "Île-", "東"];
    const SECOND: [&str; 8] = ["Étienne", "münster", "teauvert", "brønd", "zica", "blanca", "d'Or", "京\u{1f5fc}"];
    let pick = |list: [&'static str; 8], random: &mut Random| list[random.below(8) as usize];
    format!("{}{}", pick(FIRST, random), pick(SECOND, random))
}

fn note(id: i64) -> Value {
    match id % 5 {
        0 => Value::Null,
        1 => json!(""),
        2 => json!("\"quoted\", <tagged> & cut,\nin two lines"),
        _ => json!(format!("Commune n° {id}")),
    }
}

/// A seeded generator (splitmix64): the same numbers on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 up to, not including, 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }

    /// Midnight of a day between two days since 1970, in milliseconds.
    fn day(&mut self, first: i64, last: i64) -> i64 {
        let days = u32::try_from(last - first).unwrap_or(1);
        (first + i64::from(self.below(days))) * DAY_MS
    }
}
