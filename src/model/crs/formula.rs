//! What needs no library: WGS 84 and spherical web mercator, in which most layers are.

use std::f64::consts::{FRAC_PI_2, PI};

use super::Crs;
#[cfg(not(feature = "gdal"))]
use super::{Dialect, SpatialReference, Transform, tables, unknown};
#[cfg(not(feature = "gdal"))]
use crate::error::{Error, ErrorKind, Result};

/// Radius of the sphere of web mercator, in metres.
const RADIUS_M: f64 = 6_378_137.0;

pub(super) fn wgs84() -> Crs {
    Crs {
        name: "WGS 84".to_owned(),
        authority: Some(("EPSG".to_owned(), 4326)),
        geographic: true,
        definition: "EPSG:4326".to_owned(),
        esri_wkt: Some(
            concat!(
                r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],"#,
                r#"PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#
            )
            .to_owned(),
        ),
    }
}

/// The system of a current code of EPSG, where it is one of the two.
pub(super) fn by_epsg_code(code: u32) -> Option<Crs> {
    match code {
        4326 => Some(wgs84()),
        3857 => Some(web_mercator()),
        _ => None,
    }
}

fn web_mercator() -> Crs {
    Crs {
        name: "WGS 84 / Pseudo-Mercator".to_owned(),
        authority: Some(("EPSG".to_owned(), 3857)),
        geographic: false,
        definition: "EPSG:3857".to_owned(),
        esri_wkt: Some(
            concat!(
                r#"PROJCS["WGS_1984_Web_Mercator_Auxiliary_Sphere",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984","#,
                r#"SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],"#,
                r#"UNIT["Degree",0.0174532925199433]],PROJECTION["Mercator_Auxiliary_Sphere"],"#,
                r#"PARAMETER["False_Easting",0.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",0.0],"#,
                r#"PARAMETER["Standard_Parallel_1",0.0],PARAMETER["Auxiliary_Sphere_Type",0.0],UNIT["Meter",1.0]]"#
            )
            .to_owned(),
        ),
    }
}

/// EPSG:3785 (Esri's 102113) is its predecessor: declared on a sphere, but the same numbers for the same place.
pub(super) fn is_web_mercator(crs: &Crs) -> bool {
    crs.is("EPSG", 3857) || crs.is("EPSG", 3785)
}

/// x = R·λ, y = R·ln tan(π/4 + φ/2), inverted.
pub(super) fn web_mercator_to_wgs84(xy: &mut [[f64; 2]]) {
    for [x, y] in xy {
        *x = (*x / RADIUS_M).to_degrees();
        *y = (FRAC_PI_2 - 2.0 * (-*y / RADIUS_M).exp().atan()).to_degrees();
        // The poles lie at infinity: what comes out at one was no place ("can't be transformed").
        if y.abs() >= 90.0 {
            [*x, *y] = [f64::NAN; 2];
        }
    }
}

pub(super) fn wgs84_to_web_mercator(xy: &mut [[f64; 2]]) {
    for [x, y] in xy {
        *x = x.to_radians() * RADIUS_M;
        // The poles lie at infinity: they become NaN, "can't be transformed".
        *y = if y.abs() < 90.0 { (PI / 4.0 + y.to_radians() / 2.0).tan().ln() * RADIUS_M } else { f64::NAN };
    }
}

#[cfg(not(feature = "gdal"))]
pub(super) fn crs_of(sr: &SpatialReference) -> Result<Crs> {
    let code = match sr.code() {
        Some(3785 | 102_100 | 102_113 | 900_913) => Some(3857),
        code => code,
    };
    code.and_then(by_epsg_code).map_or_else(|| listed(sr), Ok)
}

#[cfg(not(feature = "gdal"))]
fn listed(sr: &SpatialReference) -> Result<Crs> {
    let listed = [sr.latest_wkid, sr.wkid].into_iter().flatten().find_map(|code| Some((code, tables::geographic(code)?)));
    listed.map(geographic).ok_or_else(|| without_gdal(unknown(&sr.to_string())))
}

/// A system of Esri's list.
#[cfg(not(feature = "gdal"))]
fn geographic((code, wkt): (u32, &str)) -> Crs {
    let authority = if code <= 32_767 { "EPSG" } else { "ESRI" };
    Crs {
        name: wkt.split('"').nth(1).unwrap_or("unnamed").to_owned(),
        authority: Some((authority.to_owned(), code)),
        geographic: wkt.contains(r#"UNIT["Degree""#),
        definition: format!("{authority}:{code}"),
        esri_wkt: Some(wkt.to_owned()),
    }
}

#[cfg(not(feature = "gdal"))]
pub(super) fn crs_from_user(text: &str) -> Result<Crs> {
    let (authority, code) = text.split_once(':').unwrap_or(("", ""));
    match (authority.to_ascii_uppercase().as_str(), code.parse().ok()) {
        ("EPSG" | "ESRI", Some(code)) => crs_of(&SpatialReference::from_wkid(code)),
        _ => Err(without_gdal(unknown(text))),
    }
}

/// WGS 84 only.
#[cfg(not(feature = "gdal"))]
pub(super) fn written_as(crs: &Crs, dialect: Dialect) -> Option<String> {
    let text = match dialect {
        Dialect::Wkt1 => concat!(
            r#"GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],"#,
            r#"AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],"#,
            r#"UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]]"#
        ),
        Dialect::Wkt2 => concat!(
            r#"GEOGCRS["WGS 84",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563]],"#,
            r#"CS[ellipsoidal,2],AXIS["geodetic latitude (Lat)",north],AXIS["geodetic longitude (Lon)",east],"#,
            r#"ANGLEUNIT["degree",0.0174532925199433],ID["EPSG",4326]]"#
        ),
        // GeoParquet takes this very system where none is named.
        Dialect::ProjJson => return None,
    };
    crs.is_wgs84().then(|| text.to_owned())
}

#[cfg(not(feature = "gdal"))]
pub(super) fn transform_between(from: &Crs, to: &Crs) -> Result<Transform> {
    Err(without_gdal(Error::new(ErrorKind::SpatialReference, format!("no way is known from {from} to {to}"))))
}

#[cfg(not(feature = "gdal"))]
pub(super) fn transform_by_name(from: &Crs, to: &Crs, _name: &str) -> Result<Transform> {
    transform_between(from, to)
}

#[cfg(not(feature = "gdal"))]
fn without_gdal(error: Error) -> Error {
    error
        .because("this build has no GDAL, so it knows WGS 84 and web mercator only")
        .hint("use a build with GDAL (feature `gdal`), or ask the server for WGS 84: --project server --crs 4326")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_mercator_there_and_back_is_the_same_place_within_a_nanodegree() {
        let there = [[0.0, 0.0], [13.4, 52.5], [-179.9, -85.0], [180.0, 1e-9]];
        let mut xy = there;
        wgs84_to_web_mercator(&mut xy);
        assert!((xy[1][0] - 1_491_681.177).abs() < 1e-3 && (xy[1][1] - 6_891_041.724).abs() < 1e-3, "{:?}", xy[1]);
        web_mercator_to_wgs84(&mut xy);
        for (a, b) in xy.iter().zip(&there) {
            assert!((a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9, "{a:?} {b:?}");
        }
    }

    #[test]
    fn no_height_in_web_mercator_is_a_pole() {
        let mut xy = [[0.0, -1e30], [0.0, 1e9], [0.0, 1e8]];
        web_mercator_to_wgs84(&mut xy);
        assert!(xy[0][1].is_nan() && xy[1][1].is_nan() && xy[2][1] < 90.0, "{xy:?}");
    }

    #[test]
    fn a_pole_has_no_place_in_web_mercator() {
        let mut xy = [[0.0, 90.0]];
        wgs84_to_web_mercator(&mut xy);
        assert!(xy[0][1].is_nan());
    }
}
