//! A second service, of five layers and two tables: every kind of geometry, the names of two layers differ in case
//! only, and each kind of renderer is there.

use serde_json::{Map, Value, json};

use crate::data::{Layer, Random, Row, field, layers};

/// The layers and tables of the service.
pub(crate) fn atlas() -> Vec<Layer> {
    let [communes, stations, readings] = layers();
    let renamed = |layer: Layer, id: u32, name: &'static str, drawing: Value| Layer { id, name, drawing, ..layer };
    let border = json!({"type": "esriSLS", "style": "esriSLSSolid", "color": [80, 80, 80, 255], "width": 0.75});
    let fill = |color: [u8; 4]| json!({"type": "esriSFS", "style": "esriSFSSolid", "color": color, "outline": border});
    let use_of = |value: &str, label: &str, color| json!({"value": value, "label": label, "symbol": fill(color)});
    let land_use = json!({"transparency": 25, "renderer": {"type": "uniqueValue", "field1": "LAND_USE", "defaultSymbol": fill([200, 200, 200, 255]),
        "uniqueValueInfos": [use_of("1", "Forêt", [56, 168, 0, 255]), use_of("2", "Cultures", [255, 235, 175, 255]),
                             use_of("3", "Zone bâtie", [230, 0, 0, 255])]}});
    let marker = |color: [u8; 4], size: u32| {
        json!({"type": "esriSMS", "style": "esriSMSCircle", "color": color, "size": size,
        "outline": {"color": [0, 0, 0, 255], "width": 1}})
    };
    let height = json!({"renderer": {"type": "classBreaks", "field": "ELEVATION", "minValue": 0, "classBreakInfos": [
        {"classMaxValue": 300, "label": "low", "symbol": marker([0, 112, 255, 255], 6)},
        {"classMaxValue": 900, "label": "high", "symbol": marker([255, 170, 0, 255], 10)}]}});
    let blue = json!({"renderer": {"type": "simple", "symbol": {"type": "esriSLS", "style": "esriSLSSolid", "color": [0, 77, 168, 255], "width": 2}}});
    let side = |role: &str, related: u32, key: &str| {
        json!([{"id": 0, "name": "Station_Readings", "relatedTableId": related, "cardinality": "esriRelCardinalityOneToMany",
                "role": format!("esriRelRole{role}"), "keyField": key, "composite": false}])
    };
    vec![
        renamed(communes, 0, "Communes", land_use),
        Layer { relationships: side("Origin", 5, "OBJECTID"), ..renamed(stations, 1, "Stations", height) },
        made(2, "Rivers", Some("esriGeometryPolyline"), blue, |random| {
            let path = |random: &mut Random| -> Value { (0..6).map(|_| place(random)).collect() };
            Some(json!({"paths": [path(random), path(random)]}))
        }),
        made(3, "Trees & shrubs", Some("esriGeometryMultipoint"), Value::Null, |random| {
            Some(json!({"points": (0..4).map(|_| place(random)).collect::<Vec<_>>()}))
        }),
        made(4, "STATIONS", Some("esriGeometryPoint"), Value::Null, |random| {
            let place = place(random);
            Some(json!({"x": place[0], "y": place[1]}))
        }),
        Layer { relationships: side("Destination", 1, "STATION_ID"), ..renamed(readings, 5, "Readings", Value::Null) },
        made(6, "Sources", None, Value::Null, |_| None),
    ]
}

fn place(random: &mut Random) -> Value {
    json!([200_000 + random.next() % 120_000, 6_000_000 + random.next() % 90_000])
}

/// A layer of 120 rows with nothing but a name.
fn made(
    id: u32,
    name: &'static str,
    geometry_type: Option<&'static str>,
    drawing: Value,
    geometry: impl Fn(&mut Random) -> Option<Value>,
) -> Layer {
    let mut random = Random(u64::from(id));
    let rows = (1..=120_i64).map(|id| {
        let attributes = [("OBJECTID", json!(id)), ("NAME", json!(format!("{name} {id}")))];
        let attributes: Map<String, Value> = attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Row { attributes, geometry: geometry(&mut random) }
    });
    Layer {
        id,
        name,
        geometry_type,
        drawing,
        relationships: Value::Null,
        rows: rows.collect(),
        fields: vec![field("OBJECTID", "OID", Value::Null), field("NAME", "String", Value::Null)],
    }
}
