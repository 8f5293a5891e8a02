//! Writes `f=pbf` answers: the wire format by hand, and whole pages from their JSON.

#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(unreachable_pub, reason = "the modules of a test are private by nature")]

use serde_json::Value;

/// A protobuf message under construction.
#[derive(Debug, Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn varint(mut self, field: u64, value: u64) -> Self {
        push_varint(&mut self.0, field << 3);
        push_varint(&mut self.0, value);
        self
    }

    pub fn sint(self, field: u64, value: i64) -> Self {
        self.varint(field, zig_zag(value))
    }

    pub fn double(mut self, field: u64, value: f64) -> Self {
        push_varint(&mut self.0, field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn float(mut self, field: u64, value: f32) -> Self {
        push_varint(&mut self.0, field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        push_varint(&mut self.0, field << 3 | 2);
        push_varint(&mut self.0, value.len() as u64);
        self.0.extend(value);
        self
    }

    pub fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub fn message(self, field: u64, value: Message) -> Self {
        self.bytes(field, &value.0)
    }

    pub fn packed(self, field: u64, values: &[u64]) -> Self {
        let mut list = Vec::new();
        values.iter().for_each(|value| push_varint(&mut list, *value));
        self.bytes(field, &list)
    }

    pub fn packed_sint(self, field: u64, values: &[i64]) -> Self {
        self.packed(field, &values.iter().map(|value| zig_zag(*value)).collect::<Vec<_>>())
    }

    /// The messages in order.
    pub fn messages(self, field: u64, values: impl IntoIterator<Item = Message>) -> Self {
        values.into_iter().fold(self, |message, value| message.message(field, value))
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zig_zag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// A whole answer around a `FeatureResult`.
pub fn answer(feature_result: Message) -> Vec<u8> {
    Message::default().message(2, Message::default().message(1, feature_result)).0
}

/// A field: its name and the number of its type.
pub fn field(name: &str, field_type: u64) -> Message {
    Message::default().text(1, name).varint(2, field_type)
}

/// A feature of attributes and, where there is one, a geometry.
pub fn feature(attributes: impl IntoIterator<Item = Message>, geometry: Option<Message>) -> Message {
    let feature = Message::default().messages(1, attributes);
    geometry.into_iter().fold(feature, |feature, geometry| feature.message(2, geometry))
}

/// A geometry of these lengths and coordinates.
pub fn geometry(lengths: &[u64], coords: &[i64]) -> Message {
    let start = if lengths.is_empty() { Message::default() } else { Message::default().packed(2, lengths) };
    start.packed_sint(3, coords)
}

/// The grid of a page.
#[derive(Debug, Clone, Copy)]
pub struct GridSpec {
    pub scale: f64,
    pub origin: [f64; 2],
    pub lower_left: bool,
}

impl Default for GridSpec {
    /// That of web mercator on ArcGIS Online.
    fn default() -> Self {
        Self { scale: 0.0001, origin: [-20_037_700.0, -30_241_100.0], lower_left: true }
    }
}

impl GridSpec {
    pub fn message(&self) -> Message {
        let pair = |x, y| Message::default().double(1, x).double(2, y).double(3, self.scale).double(4, self.scale);
        let zero =
            Message::default().double(1, self.origin[0]).double(2, self.origin[1]).double(3, -100_000.0).double(4, -100_000.0);
        let grid = if self.lower_left { Message::default().varint(1, 1) } else { Message::default() };
        grid.message(2, pair(self.scale, self.scale)).message(3, zero)
    }

    fn quantize(&self, [x, y]: [f64; 2]) -> [i64; 2] {
        let up = if self.lower_left { y - self.origin[1] } else { self.origin[1] - y };
        [((x - self.origin[0]) / self.scale).round() as i64, (up / self.scale).round() as i64]
    }
}

/// The PBF twin of a page in JSON.
pub fn twin(page: &Value, grid: &GridSpec) -> Vec<u8> {
    let text = |key: &str| page[key].as_str().unwrap_or_default();
    let kind = ["esriGeometryPoint", "esriGeometryMultipoint", "esriGeometryPolyline", "esriGeometryPolygon"];
    let kind = kind.iter().position(|name| *name == text("geometryType")).unwrap_or(127) as u64;
    let (has_z, has_m) = (page["hasZ"] == true, page["hasM"] == true);
    let fields = page["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = fields.iter().filter_map(|field| field["name"].as_str()).collect();
    let field_message = |described: &Value| {
        let number = match described["type"].as_str().unwrap_or_default() {
            "esriFieldTypeSmallInteger" => 0,
            "esriFieldTypeInteger" => 1,
            "esriFieldTypeSingle" => 2,
            "esriFieldTypeDouble" => 3,
            "esriFieldTypeDate" => 5,
            "esriFieldTypeOID" => 6,
            "esriFieldTypeGUID" => 10,
            "esriFieldTypeBigInteger" => 13,
            "esriFieldTypeDateOnly" => 14,
            _ => 4,
        };
        field(described["name"].as_str().unwrap_or_default(), number)
    };
    let code = |key: &str| page["spatialReference"][key].as_u64().unwrap_or(0);
    let mut result = Message::default()
        .text(1, text("objectIdFieldName"))
        .varint(7, kind)
        .message(8, Message::default().varint(1, code("wkid")).varint(2, code("latestWkid")))
        .varint(9, u64::from(page["exceededTransferLimit"] == true));
    if has_z {
        result = result.varint(10, 1);
    }
    if has_m {
        result = result.varint(11, 1);
    }
    result = result.message(12, grid.message()).messages(13, fields.iter().map(field_message));
    for row in page["features"].as_array().map_or(&[][..], Vec::as_slice) {
        let values = names.iter().map(|name| value(&row["attributes"][*name]));
        result = result.message(15, feature(values, place(&row["geometry"], grid, has_z, has_m)));
    }
    answer(result)
}

fn value(json: &Value) -> Message {
    let message = Message::default();
    match json {
        Value::Null | Value::Array(_) | Value::Object(_) => message,
        Value::Bool(value) => message.varint(9, u64::from(*value)),
        Value::String(text) => message.text(1, text),
        Value::Number(number) => match number.as_i64() {
            // Every tag that servers use for integers.
            Some(value @ 0..1_000) => message.varint(5, value as u64),
            Some(value @ -1_000_000..1_000_000) => message.sint(4, value),
            Some(value) if value % 2 == 0 => message.varint(6, value as u64),
            Some(value) => message.sint(8, value),
            None => message.double(3, number.as_f64().unwrap_or(f64::NAN)),
        },
    }
}

fn place(json: &Value, grid: &GridSpec, has_z: bool, has_m: bool) -> Option<Message> {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let parts: Vec<Vec<Vec<f64>>> = if json["x"].is_number() {
        vec![vec![["x", "y", "z", "m"].map(|key| number(&json[key])).to_vec()]]
    } else {
        let list = ["paths", "rings"].iter().find_map(|key| json[*key].as_array());
        let tuples = |part: &Value| -> Vec<Vec<f64>> {
            part.as_array()
                .into_iter()
                .flatten()
                .map(|tuple| tuple.as_array().into_iter().flatten().map(number).collect())
                .collect()
        };
        list?.iter().map(tuples).collect()
    };
    let mut coords = Vec::new();
    for part in &parts {
        let mut before = [0, 0];
        for vertex in part {
            let here = grid.quantize([vertex[0], vertex[1]]);
            coords.extend([here[0] - before[0], here[1] - before[1]]);
            before = here;
            // z before m; the third number is m where there is no z.
            let height = |value: f64| ((value + 100_000.0) / grid.scale).round() as i64;
            let point = json["x"].is_number();
            if has_z {
                coords.push(height(vertex[2]));
            }
            if has_m {
                coords.push(height(vertex[if has_z || point { 3 } else { 2 }]));
            }
        }
    }
    let lengths: Vec<u64> = if json["x"].is_number() { Vec::new() } else { parts.iter().map(|part| part.len() as u64).collect() };
    Some(geometry(&lengths, &coords))
}
