//! The two spatial references of this server, and steps on the sphere.

use serde_json::{Value, json};

use crate::failure::Failure;

/// The mean radius of the earth, metres.
pub(crate) const EARTH_M: f64 = 6_371_008.8;
/// The radius that web mercator works with, metres.
const MERCATOR_M: f64 = 6_378_137.0;

/// A position: longitude and latitude in degrees.
pub(crate) type LonLat = [f64; 2];

/// A spatial reference that this server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sr {
    Wgs84,
    WebMercator,
}

impl Sr {
    /// From a parameter: a code, or JSON with one.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let value = serde_json::from_str(text).unwrap_or(Value::Null);
        Self::of(&value).ok_or_else(|| Failure::bad_parameter(&format!("'{text}' is not 4326, 3857 or 102100")))
    }

    /// From JSON: a code, or an object with one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let code = value.as_u64().or_else(|| value.get("latestWkid").or_else(|| value.get("wkid"))?.as_u64());
        match code? {
            4326 => Some(Self::Wgs84),
            3857 | 102_100 | 102_113 | 900_913 => Some(Self::WebMercator),
            _ => None,
        }
    }

    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Wgs84 => json!({"wkid": 4326, "latestWkid": 4326}),
            Self::WebMercator => json!({"wkid": 102100, "latestWkid": 3857}),
        }
    }

    /// The position of coordinates in this reference.
    pub(crate) fn to_lon_lat(self, [x, y]: [f64; 2]) -> LonLat {
        match self {
            Self::Wgs84 => [x, y],
            Self::WebMercator => [(x / MERCATOR_M).to_degrees(), (y / MERCATOR_M).sinh().atan().to_degrees()],
        }
    }

    /// The coordinates of a position in this reference, to a tenth of a millimetre.
    pub(crate) fn of_lon_lat(self, [lon, lat]: LonLat) -> [f64; 2] {
        let round = |value: f64, unit: f64| (value * unit).round() / unit;
        match self {
            Self::Wgs84 => [round(lon, 1e9), round(lat, 1e9)],
            Self::WebMercator => {
                let y = lat.clamp(-89.0, 89.0).to_radians().tan().asinh();
                [round(lon.to_radians() * MERCATOR_M, 1e4), round(y * MERCATOR_M, 1e4)]
            }
        }
    }
}

/// Where `distance_m` in the direction `azimuth` (degrees from north, clockwise) leads to. The longitude runs
/// on beyond 180, so that a ring around the antimeridian stays one ring.
pub(crate) fn destination([lon, lat]: LonLat, azimuth: f64, distance_m: f64) -> LonLat {
    let (lat, azimuth, angle) = (lat.to_radians(), azimuth.to_radians(), distance_m / EARTH_M);
    let to_lat = (lat.sin() * angle.cos() + lat.cos() * angle.sin() * azimuth.cos()).clamp(-1.0, 1.0).asin();
    let turn = (azimuth.sin() * angle.sin() * lat.cos()).atan2(angle.cos() - lat.sin() * to_lat.sin());
    [lon + turn.to_degrees(), to_lat.to_degrees()]
}

/// The area of the ring of [`ring_around`] as on a plane, in square kilometres.
pub(crate) fn area_km2(distances_m: &[f64]) -> f64 {
    let next = distances_m.iter().cycle().skip(1);
    let step = std::f64::consts::TAU / distances_m.len() as f64;
    distances_m.iter().zip(next).map(|(one, other)| one * other).sum::<f64>() * step.sin() / 2e6
}

/// The closed ring around a place, clockwise from north, that lies `distances_m` away, one per equal step.
pub(crate) fn ring_around(centre: LonLat, distances_m: &[f64]) -> Vec<LonLat> {
    let step = 360.0 / distances_m.len() as f64;
    let mut ring: Vec<_> = distances_m.iter().zip(0..).map(|(d, i)| destination(centre, step * f64::from(i), *d)).collect();
    ring.extend(ring.first().copied());
    ring
}
