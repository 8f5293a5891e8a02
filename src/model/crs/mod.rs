//! Spatial references: what the wire says ([`SpatialReference`]), what it means ([`Crs`]), and how to get from
//! one to another ([`Transform`]).
//!
//! With the feature `gdal` the meaning comes from GDAL's OSR and PROJ (`osr.rs`); without it only WGS 84 and
//! web mercator are known, by formula (`formula.rs`). Axis order is always longitude (or east) first.

use serde::Serialize;
use serde_json::{Value, json};

#[cfg(feature = "gdal")]
use crate::error::nearest;
use crate::error::{Error, ErrorKind, Result};

mod formula;
mod known;
#[cfg(feature = "gdal")]
mod osr;
mod tables;
mod vertical;
#[cfg(not(feature = "gdal"))]
use formula as osr;

pub use vertical::Vertical;

/// A spatial reference as ArcGIS writes it. Nothing is filled in: what the server did not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpatialReference {
    /// The code under which it was created.
    pub wkid: Option<u32>,
    /// The current code.
    pub latest_wkid: Option<u32>,
    /// The vertical code under which it was created.
    pub vcs_wkid: Option<u32>,
    /// The current vertical code.
    pub latest_vcs_wkid: Option<u32>,
    /// WKT 1 in Esri's dialect.
    pub wkt: Option<String>,
    /// WKT 2.
    pub wkt2: Option<String>,
    /// The tolerance of x and y, in the units of the coordinates.
    pub xy_tolerance: Option<f64>,
}

impl SpatialReference {
    /// A spatial reference by code.
    pub fn from_wkid(wkid: u32) -> Self {
        Self { wkid: Some(wkid), ..Self::default() }
    }

    /// From the wire: an object, or a bare number. `None` where it says nothing: `null`, `{}`, code 0 or -1.
    ///
    /// ```
    /// use geohaul::SpatialReference;
    /// use serde_json::json;
    ///
    /// let sr = SpatialReference::from_json(&json!({"wkid": 102100, "latestWkid": 3857})).unwrap();
    /// assert_eq!(sr.code(), Some(3857));
    /// assert_eq!(SpatialReference::from_json(&json!({"wkid": -1})), None);
    /// ```
    pub fn from_json(value: &Value) -> Option<Self> {
        if value.is_number() || value.is_string() {
            return code_of(value).map(Self::from_wkid);
        }
        let code = |key: &str| value.get(key).and_then(code_of);
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let found = Self {
            wkid: code("wkid"),
            latest_wkid: code("latestWkid"),
            vcs_wkid: code("vcsWkid"),
            latest_vcs_wkid: code("latestVcsWkid"),
            wkt: text("wkt"),
            wkt2: text("wkt2"),
            xy_tolerance: value.get("xyTolerance").and_then(Value::as_f64),
        };
        (found.code().is_some() || found.wkt.is_some() || found.wkt2.is_some()).then_some(found)
    }

    /// To the wire, as a request parameter.
    pub fn to_json(&self) -> Value {
        let mut object = serde_json::Map::new();
        let codes = [
            ("wkid", self.wkid),
            ("latestWkid", self.latest_wkid),
            ("vcsWkid", self.vcs_wkid),
            ("latestVcsWkid", self.latest_vcs_wkid),
        ];
        object.extend(codes.into_iter().filter_map(|(key, code)| Some((key.to_owned(), json!(code?)))));
        if self.code().is_none() {
            let texts = [("wkt", &self.wkt), ("wkt2", &self.wkt2)];
            object.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text.as_ref()?)))));
        }
        Value::Object(object)
    }

    /// To the wire as text: a plain code where that says all, since old servers take nothing else.
    pub fn to_wire(&self) -> String {
        match self.wkid.or(self.latest_wkid) {
            Some(code) if self.vcs_wkid.is_none() && self.latest_vcs_wkid.is_none() => code.to_string(),
            _ => self.to_json().to_string(),
        }
    }

    /// The current code: `latestWkid` where there is one, else `wkid`.
    pub fn code(&self) -> Option<u32> {
        self.latest_wkid.or(self.wkid)
    }

    /// Whether both name the same horizontal system, by any of their codes or their WKT.
    pub fn same_as(&self, other: &Self) -> bool {
        let codes = |sr: &Self| [sr.latest_wkid, sr.wkid].into_iter().flatten().collect::<Vec<_>>();
        let (ours, theirs) = (codes(self), codes(other));
        if ours.is_empty() && theirs.is_empty() {
            return self.wkt == other.wkt && self.wkt2 == other.wkt2;
        }
        ours.iter().any(|code| theirs.contains(code))
    }
}

fn code_of(value: &Value) -> Option<u32> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    u32::try_from(number).ok().filter(|code| *code > 0)
}

impl std::fmt::Display for SpatialReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.wkid, self.latest_wkid) {
            (Some(wkid), Some(latest)) if wkid != latest => write!(f, "wkid {wkid} (now {latest})"),
            (Some(code), _) | (None, Some(code)) => write!(f, "wkid {code}"),
            (None, None) => {
                let wkt = self.wkt.as_deref().or(self.wkt2.as_deref()).unwrap_or("nothing");
                write!(f, "WKT {}", wkt.split(',').next().unwrap_or(wkt))
            }
        }
    }
}

/// A coordinate reference system that is known to this build. Plain text inside, so it crosses threads.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Crs {
    /// The name, such as `WGS 84 / Pseudo-Mercator`.
    pub name: String,
    /// Authority and code, such as `("EPSG", 3857)`, where there is one.
    pub authority: Option<(String, u32)>,
    /// Coordinates are degrees.
    pub geographic: bool,
    /// What GDAL reads it from again: `EPSG:3857`, or WKT.
    pub definition: String,
    /// WKT 1 in Esri's dialect on one line, for a `.prj`.
    pub esri_wkt: Option<String>,
}

/// A way to write a system down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// WKT 1 as OGC 01-009 has it.
    Wkt1,
    /// WKT 2 of 2015 (OGC 12-063r5).
    Wkt2,
    /// PROJJSON.
    ProjJson,
}

impl Crs {
    /// The system in a dialect, on one line; `None` where it can't be written in it, or this build knows no way.
    ///
    /// ```
    /// use geohaul::Crs;
    /// use geohaul::model::crs::Dialect;
    ///
    /// assert!(Crs::wgs84().written_as(Dialect::Wkt2).unwrap().contains("WGS 84"));
    /// ```
    pub fn written_as(&self, dialect: Dialect) -> Option<String> {
        osr::written_as(self, dialect)
    }

    /// WGS 84, longitude and latitude in degrees.
    pub fn wgs84() -> Self {
        formula::wgs84()
    }

    /// The meaning of a spatial reference: its current code in the EPSG or ESRI registry, else its WKT.
    ///
    /// # Errors
    /// [`ErrorKind::SpatialReference`] where nobody knows it; it is never replaced by a guess.
    pub fn of(sr: &SpatialReference) -> Result<Self> {
        known::crs_of(sr)
    }

    /// From what a user writes: `EPSG:27700`, `ESRI:102001`, a bare wkid, WKT, or `@file.prj`.
    ///
    /// # Errors
    /// [`ErrorKind::SpatialReference`] where nobody knows it, [`ErrorKind::File`] where the file can't be read.
    ///
    /// ```
    /// use geohaul::Crs;
    ///
    /// assert!(Crs::parse("EPSG:4326").unwrap().is_wgs84());
    /// assert_eq!(Crs::parse("102100").unwrap().authority, Some(("EPSG".to_owned(), 3857)));
    /// assert!(Crs::parse("EPSG:1").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix('@') {
            let path = std::path::Path::new(path);
            let wkt = std::fs::read_to_string(path).map_err(|why| Error::file("can't read the spatial reference", path, &why))?;
            let sr = SpatialReference { wkt: Some(wkt.trim().to_owned()), ..SpatialReference::default() };
            return Self::of(&sr).map_err(|error| error.in_file(path));
        }
        if let Ok(wkid) = text.parse() {
            return Self::of(&SpatialReference::from_wkid(wkid));
        }
        osr::crs_from_user(text)
    }

    /// As ArcGIS writes it: by code where there is one, else by WKT.
    ///
    /// ```
    /// assert_eq!(geohaul::Crs::wgs84().spatial_reference().wkid, Some(4326));
    /// ```
    pub fn spatial_reference(&self) -> SpatialReference {
        match &self.authority {
            Some((_, code)) => SpatialReference::from_wkid(*code),
            None => SpatialReference { wkt: self.esri_wkt.clone(), ..SpatialReference::default() },
        }
    }

    /// `true` for WGS 84 longitude and latitude.
    pub fn is_wgs84(&self) -> bool {
        self.is("EPSG", 4326) || self.is("OGC", 84)
    }

    fn is(&self, authority: &str, code: u32) -> bool {
        self.authority.as_ref().is_some_and(|(a, c)| a == authority && *c == code)
    }

    /// The URN for GeoJSON's legacy `crs` member: `urn:ogc:def:crs:EPSG::3857`.
    pub fn urn(&self) -> Option<String> {
        let (authority, code) = self.authority.as_ref()?;
        Some(if self.is_wgs84() {
            "urn:ogc:def:crs:OGC:1.3:CRS84".to_owned()
        } else {
            format!("urn:ogc:def:crs:{authority}::{code}")
        })
    }
}

impl std::fmt::Display for Crs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.authority {
            Some((authority, code)) => write!(f, "{authority}:{code} ({})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The way from one system to another. Plain text inside, so it crosses threads; each worker keeps what it
/// needs to run it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Transform {
    /// The source's system.
    pub from: Crs,
    /// The output's system.
    pub to: Crs,
    /// The operation, in words.
    pub operation: String,
    /// The operation's accuracy in metres, where it is known.
    pub accuracy_m: Option<f64>,
    /// Only a ballpark operation is known: no datum shift, tens or hundreds of metres off.
    pub ballpark: bool,
    /// Grids that a better operation would need and that are not installed.
    pub missing_grids: Vec<String>,
    /// The full name of the one operation to take, where one was named.
    named: Option<String>,
    method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Method {
    WebMercatorToWgs84,
    Wgs84ToWebMercator,
    #[cfg(feature = "gdal")]
    Proj,
}

impl Transform {
    /// The best known way from `from` to `to`; `None` where they are the same system.
    ///
    /// # Errors
    /// [`ErrorKind::SpatialReference`] where this build knows no way.
    pub fn between(from: &Crs, to: &Crs) -> Result<Option<Self>> {
        if from == to || (from.is_wgs84() && to.is_wgs84()) || (from.authority.is_some() && from.authority == to.authority) {
            return Ok(None);
        }
        let by_formula = |method| Self {
            from: from.clone(),
            to: to.clone(),
            operation: "spherical web mercator, closed formula".to_owned(),
            accuracy_m: Some(0.0),
            ballpark: false,
            missing_grids: Vec::new(),
            named: None,
            method,
        };
        if formula::is_web_mercator(from) && to.is_wgs84() {
            return Ok(Some(by_formula(Method::WebMercatorToWgs84)));
        }
        if from.is_wgs84() && formula::is_web_mercator(to) {
            return Ok(Some(by_formula(Method::Wgs84ToWebMercator)));
        }
        osr::transform_between(from, to).map(Some)
    }

    /// The way that is called so, in whole or in part, or has this code (`EPSG:1314`); `None` where the two are the same
    /// system.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where PROJ knows none of that name between the two; it lists those that it knows.
    /// [`ErrorKind::SpatialReference`] where it lacks what that takes.
    pub fn by_name(from: &Crs, to: &Crs, name: &str) -> Result<Option<Self>> {
        match Self::between(from, to)? {
            None => Ok(None),
            Some(_) => osr::transform_by_name(from, to, name).map(Some),
        }
    }

    /// Transforms the vertices in place. A vertex that can't be transformed becomes NaN.
    ///
    /// # Errors
    /// [`ErrorKind::SpatialReference`] where the operation can't be set up in this thread.
    pub fn apply(&self, xy: &mut [[f64; 2]]) -> Result<()> {
        match self.method {
            Method::WebMercatorToWgs84 => formula::web_mercator_to_wgs84(xy),
            Method::Wgs84ToWebMercator => formula::wgs84_to_web_mercator(xy),
            #[cfg(feature = "gdal")]
            Method::Proj => osr::apply(self, xy)?,
        }
        Ok(())
    }

    /// For the report: `WGS 84 / UTM zone 33N to WGS 84 by inverse UTM zone 33N, accuracy 0 m`.
    pub fn describe(&self) -> String {
        let accuracy = match self.accuracy_m {
            Some(metres) if metres >= 0.0 => format!("accuracy {metres} m"),
            _ => "accuracy unknown".to_owned(),
        };
        let ballpark = if self.ballpark { ", ballpark: no datum shift" } else { "" };
        format!("reprojected from {} to {} by {}, {accuracy}{ballpark}", self.from, self.to, self.operation)
    }
}

/// The first of several systems that stand side by side (Esri puts `,VERTCS[...]` behind the horizontal one), on
/// one line.
fn first_system(text: &str) -> String {
    let (mut depth, mut quoted, mut line) = (0_usize, false, String::with_capacity(text.len()));
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted => depth = depth.saturating_sub(1),
            c if !quoted && c.is_whitespace() => continue,
            _ => {}
        }
        line.push(c);
        if depth == 0 && !quoted && matches!(c, ']' | ')') {
            break;
        }
    }
    line
}

/// What people call systems that have a code.
#[cfg(feature = "gdal")]
const NAMED: [(&str, &str); 7] = [
    ("WGS84", "EPSG:4326"),
    ("CRS84", "EPSG:4326"),
    ("web mercator", "EPSG:3857"),
    ("ETRS89", "EPSG:4258"),
    ("NAD83", "EPSG:4269"),
    ("NAD27", "EPSG:4267"),
    ("native", "native"),
];

/// `did you mean "EPSG:4326"? ` for a misspelt authority (`EPGS:4326`) or a name; nothing where none is near.
#[cfg(feature = "gdal")]
fn did_you_mean_code(text: &str) -> String {
    let meant = match text.split_once(':') {
        Some((authority, code)) => nearest(authority, ["EPSG", "ESRI"])
            .filter(|known| !known.eq_ignore_ascii_case(authority) && code.parse::<u32>().is_ok())
            .map(|known| format!("{known}:{code}")),
        None => nearest(text, NAMED.map(|(name, _)| name))
            .and_then(|name| NAMED.iter().find(|(known, _)| *known == name))
            .map(|(_, code)| (*code).to_owned()),
    };
    meant.map_or(String::new(), |meant| format!("did you mean \"{meant}\"? "))
}

fn unknown(what: &str) -> Error {
    Error::new(ErrorKind::SpatialReference, format!("the spatial reference {what} is not known"))
}
