//! Spatial references through GDAL's OSR, reprojection through PROJ.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gdal::config::{clear_thread_local_config_option, set_thread_local_config_option};
use gdal::errors::GdalError;
use gdal::spatial_ref::{AxisMappingStrategy, SpatialRef};

use super::{Crs, Dialect, Method, SpatialReference, Transform, did_you_mean_code, first_system, formula, tables, unknown};
use crate::error::{Error, ErrorKind, Result};
use crate::gdal_ffi::{self, Area, Candidate, Pipeline};

/// Why GDAL does not know something, in its words.
type Cause = String;

const HOW_TO_NAME: &str = "write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj";

pub(super) fn crs_of(sr: &SpatialReference) -> Result<Crs> {
    let mut causes = Vec::new();
    let mut keep = |cause| causes.push(cause);
    let known = [sr.latest_wkid, sr.wkid].into_iter().flatten().find_map(|code| by_code(code).map_err(&mut keep).ok());
    // Esri's own list has more geographic systems than PROJ.
    let known = known.or_else(|| {
        [sr.latest_wkid, sr.wkid].into_iter().flatten().find_map(|code| by_wkt(tables::geographic(code)?).map_err(&mut keep).ok())
    });
    let known = known.or_else(|| [&sr.wkt, &sr.wkt2].into_iter().flatten().find_map(|wkt| by_wkt(wkt).map_err(&mut keep).ok()));
    known.ok_or_else(|| not_known(&sr.to_string(), causes.into_iter().next()))
}

pub(super) fn crs_from_user(text: &str) -> Result<Crs> {
    if text.contains('[') {
        return crs_of(&SpatialReference { wkt: Some(text.to_owned()), ..SpatialReference::default() });
    }
    let code = text.split_once(':').and_then(|(authority, code)| Some((authority.to_ascii_uppercase(), code.parse().ok()?)));
    match code {
        Some((authority, code)) if authority == "EPSG" || authority == "ESRI" => {
            let known = if current(code) == code { by_authority(&authority, code) } else { by_code(code) };
            known.map_err(|cause| not_known(text, Some(cause)))
        }
        _ => Err(unknown(text).hint(format!("{}{HOW_TO_NAME}", did_you_mean_code(text)))),
    }
}

fn not_known(what: &str, cause: Option<Cause>) -> Error {
    let error = unknown(what).hint(HOW_TO_NAME);
    match cause {
        Some(cause) => error.because(cause),
        None => error,
    }
}

/// A wkid does not name its authority: Esri took over EPSG's codes and gave its own above them, with exceptions
/// (4305), so the other authority is asked as well.
fn by_code(code: u32) -> Result<Crs, Cause> {
    let code = current(code);
    let [first, second] = match code {
        // EPSG gave this one to a projected system later; to Esri it is geographic.
        4812 => ["ESRI"; 2],
        ..=32_767 => ["EPSG", "ESRI"],
        _ => ["ESRI", "EPSG"],
    };
    by_authority(first, code).or_else(|cause| by_authority(second, code).map_err(|_| cause))
}

/// The codes of web mercator that stand for another.
fn current(code: u32) -> u32 {
    match code {
        102_100 | 900_913 => 3857,
        102_113 => 3785,
        code => code,
    }
}

fn by_authority(authority: &str, code: u32) -> Result<Crs, Cause> {
    // PROJ takes some 30 ms to open its registry.
    match formula::by_epsg_code(code).filter(|_| authority == "EPSG") {
        Some(crs) => Ok(crs),
        None => in_registry(authority, code),
    }
}

fn in_registry(authority: &str, code: u32) -> Result<Crs, Cause> {
    let definition = format!("{authority}:{code}");
    let srs = horizontal(|| SpatialRef::from_definition(&definition))?;
    let mut crs = describe(&srs, registered(&srs).or_else(|| identify(&srs)))?;
    if let Some(listed) = tables::geographic(code).filter(|_| srs.is_geographic()) {
        // Esri's own words.
        crs.esri_wkt = Some(without_height_unit(listed));
    }
    if crs.is("EPSG", 3785) {
        // The registry's method for it has no name in Esri's dialect; Esri's own entry does.
        let esri = horizontal(|| SpatialRef::from_definition("ESRI:102113"))?;
        return Ok(Crs { esri_wkt: esri_wkt(&esri), ..crs });
    }
    Ok(crs)
}

/// From WKT of any dialect. It gets a code only where it *is* the system of that code; otherwise it stays itself.
fn by_wkt(text: &str) -> Result<Crs, Cause> {
    let text = first_system(text);
    let in_esris = is_esris(&text);
    let srs = horizontal(|| if in_esris { SpatialRef::from_esri(&text) } else { SpatialRef::from_wkt(&text) })?;
    let claimed = registered(&srs).filter(|(authority, code)| {
        horizontal(|| SpatialRef::from_definition(&format!("{authority}:{code}"))).is_ok_and(|there| there == srs)
    });
    let mut crs = describe(&srs, claimed.or_else(|| identify(&srs)))?;
    if in_esris && !srs.is_compound() {
        crs.esri_wkt = Some(without_height_unit(&text));
    }
    Ok(crs)
}

/// Whether WKT is in Esri's dialect, and not in OGC's, which has other names for nodes, units and parameters.
fn is_esris(text: &str) -> bool {
    let others = ["AUTHORITY[", "AXIS[", "TOWGS84[", ",ID[", "UNIT[\"degree\"", "UNIT[\"metre\"", "PARAMETER[\"latitude_of"];
    ["PROJCS[", "GEOGCS["].iter().any(|start| text.starts_with(start)) && !others.iter().any(|node| text.contains(node))
}

/// The horizontal part of a geographic system with heights, in Esri's dialect.
fn without_height_unit(wkt: &str) -> String {
    match wkt.rfind(",LINUNIT[") {
        Some(at) if wkt.starts_with("GEOGCS[") => format!("{}]", &wkt[..at]),
        _ => wkt.to_owned(),
    }
}

/// Opens a system and takes its vertical part off.
fn horizontal(open: impl FnOnce() -> gdal::errors::Result<SpatialRef>) -> Result<SpatialRef, Cause> {
    let (opened, said) = gdal_ffi::quietly(|| {
        // GDAL replaces a deprecated system by its successor, which may lie elsewhere. Esri's codes live on.
        let deprecated = "OSR_USE_NON_DEPRECATED";
        set_thread_local_config_option(deprecated, "NO")?;
        let opened = open().map(|mut srs| {
            gdal_ffi::make_horizontal(&mut srs);
            srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
            srs
        });
        clear_thread_local_config_option(deprecated)?;
        opened
    });
    opened.map_err(|error| match error {
        GdalError::NullPointer { msg, .. } | GdalError::CplError { msg, .. } if !msg.is_empty() => msg,
        error => said.unwrap_or_else(|| error.to_string()),
    })
}

/// The authority and code that the system itself names.
fn registered(srs: &SpatialRef) -> Option<(String, u32)> {
    let (name, _) = gdal_ffi::quietly(|| srs.authority());
    let name = name.ok()?;
    let (authority, code) = name.split_once(':')?;
    if (authority, code) == ("OGC", "CRS84") {
        return Some(("EPSG".to_owned(), 4326));
    }
    Some((authority.to_owned(), code.parse().ok()?))
}

/// The registered system that this one is. At 90 the parameters are the same and the names differ in spelling;
/// below that it is another system, or one of several.
fn identify(srs: &SpatialRef) -> Option<(String, u32)> {
    let (matches, _) = gdal_ffi::quietly(|| gdal_ffi::matches(srs));
    let sure = matches.iter().filter(|(_, confidence)| *confidence >= 90);
    sure.max_by_key(|(srs, confidence)| (!srs.name().is_some_and(|name| name.ends_with("(deprecated)")), *confidence))
        .and_then(|(found, _)| registered(found))
}

fn describe(srs: &SpatialRef, authority: Option<(String, u32)>) -> Result<Crs, Cause> {
    if !(srs.is_geographic() || srs.is_projected() || srs.is_local()) {
        return Err("it is no horizontal system".to_owned());
    }
    let (wkt2, said) = gdal_ffi::quietly(|| gdal_ffi::export_wkt(srs, "WKT2_2019"));
    let unsayable = authority.as_ref().is_some_and(|(_, code)| AXES_UNSAID.contains(code));
    let definition = match &authority {
        Some((name, code)) => format!("{name}:{code}"),
        None => wkt2.or_else(|| srs.to_wkt().ok()).ok_or_else(|| said.unwrap_or_else(|| "it has no WKT".to_owned()))?,
    };
    Ok(Crs {
        name: srs.name().unwrap_or_else(|| "unnamed".to_owned()),
        authority,
        geographic: srs.is_geographic() && (srs.angular_units() - 1_f64.to_radians()).abs() < 1e-12,
        definition,
        esri_wkt: if unsayable { None } else { esri_wkt(srs) },
    })
}

/// Codes whose axes point south and west, or along meridians of a pole, which their WKT in Esri's dialect would not
/// say: coordinates would be taken for others.
const AXES_UNSAID: [u32; 3] = [5482, 8044, 8045];

pub(super) fn written_as(crs: &Crs, dialect: Dialect) -> Option<String> {
    let srs = horizontal(|| SpatialRef::from_definition(&crs.definition)).ok()?;
    let (text, _) = gdal_ffi::quietly(|| match dialect {
        Dialect::Wkt1 => gdal_ffi::export_wkt(&srs, "WKT1_GDAL"),
        Dialect::Wkt2 => gdal_ffi::export_wkt(&srs, "WKT2_2015"),
        Dialect::ProjJson => gdal_ffi::export_projjson(&srs),
    });
    text
}

/// Units that PROJ leaves under EPSG's names, as Esri writes them.
const ESRI_UNITS: [(&str, &str); 19] = [
    (r#"UNIT["US survey foot",0.304800609601219]"#, r#"UNIT["Foot_US",0.3048006096012192]"#),
    (r#"UNIT["degree minute second hemisphere","#, r#"UNIT["Degree","#),
    (r#"UNIT["foot","#, r#"UNIT["Foot","#),
    (r#"UNIT["link","#, r#"UNIT["Link","#),
    (r#"UNIT["chain","#, r#"UNIT["Chain","#),
    (r#"UNIT["kilometre","#, r#"UNIT["Kilometer","#),
    (r#"UNIT["Clarke's foot","#, r#"UNIT["Foot_Clarke","#),
    (r#"UNIT["Clarke's link","#, r#"UNIT["Link_Clarke","#),
    (r#"UNIT["Clarke's yard","#, r#"UNIT["Yard_Clarke","#),
    (r#"UNIT["British foot (Sears 1922)","#, r#"UNIT["Foot_Sears","#),
    (r#"UNIT["British yard (Sears 1922)","#, r#"UNIT["Yard_Sears","#),
    (r#"UNIT["British chain (Sears 1922)","#, r#"UNIT["Chain_Sears","#),
    (r#"UNIT["British chain (Sears 1922 truncated)","#, r#"UNIT["Chain_Sears_1922_Truncated","#),
    (r#"UNIT["British chain (Benoit 1895 B)","#, r#"UNIT["Chain_Benoit_1895_B","#),
    (r#"UNIT["German legal metre","#, r#"UNIT["Meter_German","#),
    (r#"UNIT["Gold Coast foot","#, r#"UNIT["Foot_Gold_Coast","#),
    (r#"UNIT["Indian foot","#, r#"UNIT["Foot_Indian","#),
    (r#"UNIT["Indian yard (1937)","#, r#"UNIT["Yard_Indian_1937","#),
    (r#"UNIT["Indian yard","#, r#"UNIT["Yard_Indian","#),
];

/// WKT in Esri's dialect; `None` where Esri has no name for the method, since PROJ then writes EPSG's, which neither
/// Esri's programs nor PROJ read.
fn esri_wkt(srs: &SpatialRef) -> Option<String> {
    let (wkt, _) = gdal_ffi::quietly(|| gdal_ffi::export_wkt(srs, "WKT1_ESRI"));
    let is_foreign = |node: &str| {
        let name = node.split('"').next().unwrap_or_default();
        name.contains(['(', ' '])
    };
    let nodes = |wkt: &str, node: &str| wkt.split(node).skip(1).any(is_foreign);
    let wkt = wkt.filter(|wkt| !nodes(wkt, "PROJECTION[\"") && !nodes(wkt, "PARAMETER[\""));
    let esri = |wkt: String, (epsg, esri): &(&str, &str)| if wkt.contains(epsg) { wkt.replace(epsg, esri) } else { wkt };
    Some(ESRI_UNITS.iter().fold(wkt?, esri))
}

pub(super) fn transform_between(from: &Crs, to: &Crs) -> Result<Transform> {
    let no_way =
        |cause: String| Error::new(ErrorKind::SpatialReference, format!("no way is known from {from} to {to}")).because(cause);
    let (candidates, area) = gdal_ffi::candidates(&from.definition, &to.definition).map_err(no_way)?;
    let Some(choice) = Choice::of(&candidates, area) else { return Err(no_way("PROJ has no operation for it".to_owned())) };
    Ok(Transform {
        from: from.clone(),
        to: to.clone(),
        operation: choice.describe(),
        accuracy_m: choice.accuracy(),
        ballpark: choice.main().ballpark,
        missing_grids: choice.missing_grids.into_iter().collect(),
        named: None,
        method: Method::Proj,
    })
}

pub(super) fn transform_by_name(from: &Crs, to: &Crs, name: &str) -> Result<Transform> {
    let error = |kind, cause: String| {
        Error::new(kind, format!("no transformation \"{name}\" is known from {from} to {to}")).because(cause)
    };
    let no_way = |cause| error(ErrorKind::SpatialReference, cause);
    let no_name = |cause| error(ErrorKind::Usage, cause).hint("give a name that PROJ knows between the two, or a part of it");
    let (candidates, _) = gdal_ffi::candidates(&from.definition, &to.definition).map_err(no_way)?;
    let is_code = name.split_once(':').is_some_and(|(_, code)| code.parse::<u32>().is_ok());
    let wanted = if is_code {
        gdal_ffi::operation_name(name).ok_or_else(|| no_name("PROJ does not know the code".to_owned()))?
    } else {
        name.to_owned()
    };
    let key = |name: &str| name.to_lowercase();
    let exact = candidates.iter().find(|candidate| key(&candidate.name) == key(&wanted));
    let found = exact.or_else(|| candidates.iter().find(|candidate| key(&candidate.name).contains(&key(&wanted))));
    let Some(found) = found else {
        let names = candidates.iter().take(20).map(|candidate| format!("\"{}\"", candidate.name)).collect::<Vec<_>>().join(", ");
        return Err(no_name(format!("PROJ knows {names}")));
    };
    if !found.missing_grids.is_empty() {
        return Err(no_way(format!("it needs grids that are not installed: {}", found.missing_grids.join(", "))));
    }
    Ok(Transform {
        from: from.clone(),
        to: to.clone(),
        operation: plain_name(&found.name).to_owned(),
        accuracy_m: found.accuracy,
        ballpark: found.ballpark,
        missing_grids: Vec::new(),
        named: Some(found.name.clone()),
        method: Method::Proj,
    })
}

/// The order of the axes is no part of an operation: coordinates go in and come out with longitude first.
fn plain_name(name: &str) -> &str {
    name.trim_end_matches(" + axis order change (2D)")
}

/// The operations that PROJ will take within the source's area of use: for each point the most accurate of those
/// whose area holds it.
struct Choice<'a> {
    /// With the number of sample points, the most first.
    taken: Vec<(&'a Candidate, usize)>,
    missing_grids: BTreeSet<String>,
}

impl<'a> Choice<'a> {
    fn of(candidates: &'a [Candidate], area: Option<Area>) -> Option<Self> {
        let exact: Vec<&Candidate> = candidates.iter().filter(|c| !c.ballpark).collect();
        let usable: Vec<&Candidate> = exact.iter().copied().filter(|c| c.missing_grids.is_empty()).collect();
        let mut choice = Self { taken: Vec::new(), missing_grids: BTreeSet::new() };
        for [lon, lat] in samples(area) {
            let (Some(wished), taken) = (best_at(&exact, lon, lat), best_at(&usable, lon, lat)) else { continue };
            if taken.is_none_or(|taken| rank(wished) < rank(taken)) {
                choice.missing_grids.extend(wished.missing_grids.iter().cloned());
            }
            let Some(taken) = taken else { continue };
            match choice.taken.iter_mut().find(|(candidate, _)| std::ptr::eq(*candidate, taken)) {
                Some((_, points)) => *points += 1,
                None => choice.taken.push((taken, 1)),
            }
        }
        if choice.taken.is_empty() {
            // A ballpark operation is the last resort; PROJ lists it whether or not there is a better one.
            let last = usable.first().copied().or_else(|| candidates.iter().find(|c| c.missing_grids.is_empty()))?;
            choice.taken.push((last, 1));
        }
        choice.taken.sort_by_key(|(_, points)| std::cmp::Reverse(*points));
        Some(choice)
    }

    fn main(&self) -> &'a Candidate {
        self.taken[0].0
    }

    fn describe(&self) -> String {
        let name = plain_name(&self.main().name);
        match self.taken.len() {
            1 => name.to_owned(),
            several => format!("the best of {several} operations for each place, mostly {name}"),
        }
    }

    /// That of the least accurate; unknown where one is unknown.
    fn accuracy(&self) -> Option<f64> {
        self.taken.iter().map(|(candidate, _)| candidate.accuracy).try_fold(0.0, |worst: f64, a| Some(worst.max(a?)))
    }
}

/// Smaller is better: accuracy, unknown last.
fn rank(candidate: &Candidate) -> f64 {
    candidate.accuracy.unwrap_or(f64::INFINITY)
}

/// PROJ's own rule: among the operations whose area holds the point the most accurate, then the one for the
/// smallest area.
fn best_at<'a>(candidates: &[&'a Candidate], lon: f64, lat: f64) -> Option<&'a Candidate> {
    let holds = |area: Area| {
        let within =
            if area.west <= area.east { lon >= area.west && lon <= area.east } else { lon >= area.west || lon <= area.east };
        within && lat >= area.south && lat <= area.north
    };
    let size = |c: &Candidate| c.area.map_or(f64::INFINITY, |area| width(area) * (area.north - area.south));
    let here = candidates.iter().copied().filter(|c| c.area.is_some_and(holds));
    here.min_by(|a, b| rank(a).total_cmp(&rank(b)).then(size(a).total_cmp(&size(b))))
}

fn width(area: Area) -> f64 {
    if area.west <= area.east { area.east - area.west } else { area.east + 360.0 - area.west }
}

/// Points spread over an area, in degrees; over the world where it is not known.
fn samples(area: Option<Area>) -> impl Iterator<Item = [f64; 2]> {
    const STEPS: i32 = 20;
    let area = area.unwrap_or(Area { west: -180.0, south: -90.0, east: 180.0, north: 90.0 });
    let step = |at: i32| (f64::from(at) + 0.5) / f64::from(STEPS);
    (0..STEPS).flat_map(move |column| {
        let lon = area.west + width(area) * step(column);
        let lon = if lon > 180.0 { lon - 360.0 } else { lon };
        (0..STEPS).map(move |row| [lon, area.south + (area.north - area.south) * step(row)])
    })
}

/// From, to, ballpark or not, and the operation that was named.
type Key = (String, String, bool, Option<String>);

pub(super) fn apply(transform: &Transform, xy: &mut [[f64; 2]]) -> Result<()> {
    /// More than a run needs: one for each output that reprojects.
    const MOST: usize = 16;
    thread_local! {
        // PROJ's objects can't cross threads, and one takes milliseconds to make.
        static READY: RefCell<Vec<(Key, Pipeline)>> = const { RefCell::new(Vec::new()) };
    }
    let (from, to) = (&transform.from.definition, &transform.to.definition);
    let is_it = |key: &Key| key.0 == *from && key.1 == *to && key.2 == transform.ballpark && key.3 == transform.named;
    READY.with_borrow_mut(|ready| {
        let at = match ready.iter().position(|(key, _)| is_it(key)) {
            Some(at) => at,
            None => {
                let pipeline = match &transform.named {
                    Some(name) => Pipeline::named(from, to, name),
                    None => Pipeline::new(from, to, transform.ballpark),
                };
                let pipeline = pipeline.map_err(|cause| {
                    Error::new(
                        ErrorKind::SpatialReference,
                        format!("can't reproject from {} to {}", transform.from, transform.to),
                    )
                    .because(cause)
                })?;
                if ready.len() == MOST {
                    ready.remove(0);
                }
                ready.push(((from.clone(), to.clone(), transform.ballpark, transform.named.clone()), pipeline));
                ready.len() - 1
            }
        };
        ready[at].1.run(xy);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_without_the_registry_is_what_the_registry_says() {
        for code in [4326, 3857] {
            assert_eq!(formula::by_epsg_code(code).unwrap(), in_registry("EPSG", code).unwrap());
        }
        assert_eq!(formula::by_epsg_code(27_700), None);
    }
}
