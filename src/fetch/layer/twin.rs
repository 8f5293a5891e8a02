//! Whether a row is the same in PBF as in JSON: attributes equal, coordinates within half of the grid.

use serde_json::Value;

use crate::esri::pbf::{Datum, Grid, Quantized, Rows, Shape, VertexSink};
use crate::model::GeometryKind;

/// A number of JSON may be written with fewer digits than a double has.
const DIGITS: f64 = 1e-14;

/// x, y, and z or NaN.
type Vertex = [f64; 3];

/// Compares the first feature of an answer with that of its JSON twin. Measures are not compared.
///
/// # Errors
/// The difference, in words.
pub(super) fn compare(rows: &Rows, body: &[u8], kind: Option<GeometryKind>, twin: &Value) -> Result<(), String> {
    let broken = |why: crate::esri::Syntax| why.to_string();
    let feature = rows.features(body).next().ok_or("it is missing")?.map_err(broken)?;
    let attributes = twin.get("attributes").and_then(Value::as_object);
    let (mut index, mut different) = (0, None);
    let shape = feature.members(|datum| {
        let name = rows.fields.get(index).map_or("", |field| field.name.as_str());
        let expected = attributes.and_then(|attributes| attributes.get(name)).unwrap_or(&Value::Null);
        if different.is_none() && !same(&datum, expected) {
            different = Some(format!("{name} is {expected} in JSON"));
        }
        index += 1;
    });
    let shape = shape.map_err(broken)?;
    if let Some(different) = different {
        return Err(different);
    }
    let left_out = |(name, value): &(&String, &Value)| !value.is_null() && !rows.fields.iter().any(|field| field.name == **name);
    if let Some((name, _)) = attributes.into_iter().flatten().find(left_out) {
        return Err(format!("{name} is missing"));
    }
    let Some(kind) = kind else { return Ok(()) };
    let mut parts = Parts::default();
    match shape {
        Shape::Null => {}
        Shape::Quantized(range) => {
            let mut quantized = Quantized::default();
            feature.quantized(range, &mut quantized).map_err(broken)?;
            rows.grid.place(kind, &quantized, &mut parts).map_err(broken)?;
        }
        Shape::Curve | Shape::Buffer => return Err("it is not a plain geometry".to_owned()),
    }
    same_place(parts.0, parts_of(twin.get("geometry").unwrap_or(&Value::Null)), &rows.grid)
}

fn same(datum: &Datum<'_>, twin: &Value) -> bool {
    match (datum, twin) {
        (Datum::Null, Value::Null) => true,
        (Datum::Bool(value), Value::Bool(other)) => value == other,
        (Datum::Integer(value), Value::Number(other)) => {
            other.as_i64().map_or(other.as_f64() == Some(*value as f64), |other| other == *value)
        }
        (Datum::Unsigned(value), Value::Number(other)) => other.as_u64() == Some(*value),
        (Datum::Real(value), Value::Number(other)) => {
            other.as_f64().is_some_and(|other| (value - other).abs() <= DIGITS * other.abs())
        }
        (Datum::Real(value), Value::Null) => value.is_nan(),
        (Datum::Text(bytes), Value::String(other)) => *bytes == other.as_bytes(),
        _ => false,
    }
}

#[derive(Default)]
struct Parts(Vec<Vec<Vertex>>, Vec<Vertex>);

impl VertexSink for Parts {
    fn vertex(&mut self, [x, y]: [f64; 2], z: Option<f64>, _m: Option<f64>) {
        self.1.push([x, y, z.unwrap_or(f64::NAN)]);
    }

    fn end_part(&mut self) {
        self.0.push(std::mem::take(&mut self.1));
    }
}

/// The parts of a geometry in JSON; empty where it has none.
fn parts_of(geometry: &Value) -> Vec<Vec<Vertex>> {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(f64::NAN);
    let tuple = |value: &Value| [0, 1, 2].map(|at| number(value.get(at)));
    let part = |value: &Value| value.as_array().into_iter().flatten().map(tuple).collect::<Vec<Vertex>>();
    if geometry.get("x").is_some_and(Value::is_number) {
        return vec![vec![["x", "y", "z"].map(|key| number(geometry.get(key)))]];
    }
    let list = ["paths", "rings"].iter().find_map(|key| geometry.get(key)?.as_array());
    let parts: Vec<Vec<Vertex>> = match (list, geometry.get("points")) {
        (Some(list), _) => list.iter().map(part).collect(),
        (None, Some(points)) => vec![part(points)],
        (None, None) => Vec::new(),
    };
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

fn same_place(ours: Vec<Vec<Vertex>>, theirs: Vec<Vec<Vertex>>, grid: &Grid) -> Result<(), String> {
    if ours.len() != theirs.len() {
        return Err(format!("its geometry has {} parts, in JSON {}", ours.len(), theirs.len()));
    }
    let near = |a: f64, b: f64, scale: f64| (a - b).abs() <= 0.5001 * scale.abs() + 4.0 * f64::EPSILON * b.abs();
    for (mut ours, mut theirs) in ours.into_iter().zip(theirs) {
        // A ring may come unclosed.
        for part in [&mut ours, &mut theirs] {
            if part.len() > 1 && part[0][..2] == part[part.len() - 1][..2] {
                part.pop();
            }
        }
        if ours.len() != theirs.len() {
            return Err("its geometry has another number of vertices".to_owned());
        }
        for (a, b) in ours.iter().zip(&theirs) {
            let flat = near(a[0], b[0], grid.x.scale()) && near(a[1], b[1], grid.y.scale());
            let high = grid.z.is_none_or(|z| b[2].is_nan() || near(a[2], b[2], z.scale()));
            if !flat || !high {
                return Err(format!("a vertex at {}, {} is at {}, {} in JSON", a[0], a[1], b[0], b[1]));
            }
        }
    }
    Ok(())
}
