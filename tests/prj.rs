//! Every code to a `.prj`, read back by OGR as the same system.
//!
//! The default run takes every fortieth projected code; `GEOHAUL_ALL_CODES=1` takes them all (some minutes).
#![cfg(feature = "gdal")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::process::Command;

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use geohaul::model::crs::Vertical;
use geohaul::{Crs, SpatialReference};

/// Rows of a query to the installed proj.db, as `EPSG:4326`.
fn codes(table: &str) -> Vec<String> {
    let program = format!(
        "import sqlite3, subprocess\n\
         folder = subprocess.run(['pkg-config', '--variable=datadir', 'proj'], capture_output=True, text=True).stdout.strip()\n\
         import os\n\
         path = next(p for p in [os.path.join(folder, 'proj.db'), os.path.join(folder, 'proj', 'proj.db'), '/usr/share/proj/proj.db'] if os.path.exists(p))\n\
         query = \"select auth_name, code from {table} where auth_name in ('EPSG', 'ESRI') order by 1, cast(code as integer)\"\n\
         for authority, code in sqlite3.connect(path).execute(query): print(f'{{authority}}:{{code}}')"
    );
    let done = Command::new("python3").args(["-c", &program]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Works through a list on all cores.
fn on_all_cores(list: &[String], work: impl Fn(&str) -> Result<(), String> + Sync) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let share = list.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let run = |part: &[String]| {
            part.iter().filter_map(|code| work(code).err().map(|why| format!("{code}: {why}"))).collect::<Vec<_>>()
        };
        let threads: Vec<_> = list.chunks(share).map(|part| scope.spawn(move || run(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn opened(definition: &str) -> SpatialRef {
    let mut srs = SpatialRef::from_definition(definition).unwrap();
    srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    srs
}

/// Whether OGR takes a `.prj` for the system: either it says so, or datum and ellipsoid are of the same name and size
/// and every place has the same coordinates (what is left is the order of the axes, which Esri's WKT does not say).
fn same(original: &SpatialRef, prj: &str) -> Result<(), String> {
    let mut back = SpatialRef::from_esri(prj).map_err(|why| format!("{why}: {prj}"))?;
    back.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    if *original == back {
        return Ok(());
    }
    let differ = |what: &str| Err(format!("another {what}: {prj}"));
    for node in ["DATUM", "PRIMEM"] {
        if original.get_attr_value(node, 0).ok() != back.get_attr_value(node, 0).ok() {
            return differ(node);
        }
    }
    let size = |srs: &SpatialRef| (srs.semi_major().unwrap(), srs.semi_minor().unwrap());
    let ((a, b), (c, d)) = (size(original), size(&back));
    // Esri's WKT has 15 digits.
    if (a - c).abs() > 1e-6 || (b - d).abs() > 1e-6 {
        return differ("ellipsoid");
    }
    let mut base = original.geog_cs().unwrap();
    base.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let area = original.area_of_use().ok_or("no area")?;
    let east = if area.east_lon_degree < area.west_lon_degree { area.east_lon_degree + 360.0 } else { area.east_lon_degree };
    let mut compared = 0;
    for (x, y) in [(0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)] {
        let lon = area.west_lon_degree + (east - area.west_lon_degree) * x;
        let lat = area.south_lat_degree + (area.north_lat_degree - area.south_lat_degree) * y;
        let unit = base.angular_units() / 1_f64.to_radians();
        let project = |to: &SpatialRef| {
            let (mut xs, mut ys) = ([lon / unit], [lat / unit]);
            CoordTransform::new(&base, to).ok()?.transform_coords(&mut xs, &mut ys, &mut []).ok()?;
            (xs[0].is_finite() && ys[0].is_finite()).then_some([xs[0], ys[0]])
        };
        let (Some(there), Some(here)) = (project(original), project(&back)) else { continue };
        compared += 1;
        if (0..2).any(|axis| (there[axis] - here[axis]).abs() > 1e-3) {
            return Err(format!("{there:?} is at {here:?}: {prj}"));
        }
    }
    if compared == 0 { Err(format!("no place could be compared: {prj}")) } else { Ok(()) }
}

fn prj_of(code: &str) -> Result<(), String> {
    let crs = Crs::parse(code).map_err(|why| why.to_string())?;
    let Some(prj) = crs.esri_wkt else {
        // The writer says so; what it would have to write means another place, or nothing.
        return if WITHOUT_PRJ.contains(&code) { Ok(()) } else { Err("no WKT in Esri's dialect".to_owned()) };
    };
    match same(&opened(code), &prj) {
        Err(why) if RENAMED_DATUM.contains(&code) && why.starts_with("another DATUM") => Ok(()),
        Err(_) if UNREADABLE.contains(&code) => Ok(()),
        said => said,
    }
}

/// Their methods or axes have no words in Esri's dialect: no `.prj` is written, and a warning says so.
const WITHOUT_PRJ: [&str; 36] = [
    "EPSG:2218",
    "EPSG:2221",
    "EPSG:2296",
    "EPSG:2297",
    "EPSG:2298",
    "EPSG:2299",
    "EPSG:2300",
    "EPSG:2301",
    "EPSG:2302",
    "EPSG:2303",
    "EPSG:2304",
    "EPSG:2305",
    "EPSG:2306",
    "EPSG:2307",
    "EPSG:2963",
    "EPSG:2985",
    "EPSG:2986",
    "EPSG:3052",
    "EPSG:3053",
    "EPSG:3139",
    "EPSG:3144",
    "EPSG:3145",
    "EPSG:3173",
    "EPSG:3993",
    "EPSG:5017",
    "EPSG:5224",
    "EPSG:5225",
    "EPSG:5482",
    "EPSG:5515",
    "EPSG:5516",
    "EPSG:8044",
    "EPSG:8045",
    "EPSG:7082",
    "EPSG:22700",
    "EPSG:32600",
    "EPSG:32700",
];

/// PROJ knows Esri's name of the datum as another name of EPSG's, and reads it as that.
const RENAMED_DATUM: [&str; 8] =
    ["EPSG:2979", "ESRI:102060", "ESRI:102166", "ESRI:102557", "ESRI:102558", "ESRI:102559", "ESRI:102560", "ESRI:102561"];

/// Right for Esri's programs, but this test can't tell: PROJ 9.1 does not read `Mercator_Variant_A`, has 3785 on
/// another sphere than Esri, and writes no WKT 1 of the three-dimensional 9895.
const UNREADABLE: [&str; 3] = ["EPSG:3752", "EPSG:3785", "EPSG:9895"];

/// Every how manieth code is tried.
fn step() -> usize {
    if std::env::var_os("GEOHAUL_ALL_CODES").is_some() { 1 } else { 40 }
}

#[test]
fn every_projected_code_of_the_database_goes_to_a_prj_and_back() {
    gdal::config::set_config_option("OSR_USE_NON_DEPRECATED", "NO").unwrap();
    let list = codes("projected_crs");
    assert!(list.len() > 7_000);
    let tried: Vec<String> = list.into_iter().step_by(step()).collect();
    let wrong = on_all_cores(&tried, prj_of);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), tried.len(), wrong.join("\n"));
}

/// Esri's own lists: code and WKT of all systems of a kind (`G` or `V`).
fn listed(kind: &str) -> Vec<(u32, String)> {
    let program = format!(
        "import zlib\nfor line in zlib.decompress(open('src/model/crs/esri.tsv.zz', 'rb').read()).decode().splitlines():\n \
         kind, code, _, wkt = line.split('\\t')\n if kind == '{kind}': print(code + '\\t' + wkt)"
    );
    let done = Command::new("python3").current_dir(env!("CARGO_MANIFEST_DIR")).args(["-c", &program]).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().filter_map(|line| line.split_once('\t')).map(|(code, wkt)| (code.parse().unwrap(), wkt.to_owned())).collect()
}

#[test]
fn every_geographic_code_that_esri_lists_goes_to_a_prj_and_back() {
    gdal::config::set_config_option("OSR_USE_NON_DEPRECATED", "NO").unwrap();
    let list = listed("G");
    assert_eq!(list.len(), 1365);
    let (mut wrong, mut without_code) = (Vec::new(), 0);
    for (code, wkt) in list.iter().step_by(if step() == 1 { 1 } else { 5 }) {
        let crs = Crs::of(&SpatialReference::from_wkid(*code)).unwrap();
        assert!(crs.geographic || !wkt.contains(r#"UNIT["Degree""#), "{code}");
        without_code += usize::from(crs.authority.is_none());
        // The .prj says the horizontal part.
        let flat = wkt.rfind(",LINUNIT[").map_or(wkt.clone(), |at| format!("{}]", &wkt[..at]));
        let mut listed = SpatialRef::from_esri(&flat).unwrap();
        listed.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        let prj = crs.esri_wkt.unwrap_or_default();
        if let Err(why) = same(&listed, &prj) {
            wrong.push(format!("{code}: {why}\n    listed: {wkt}"));
        }
    }
    assert!(without_code < 120, "{without_code}");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), list.len(), wrong.join("\n"));
}

#[test]
fn every_vertical_code_that_esri_lists_stands_behind_the_horizontal_system() {
    let list = listed("V");
    assert_eq!(list.len(), 562);
    let horizontal = Crs::parse("26910").unwrap().esri_wkt.unwrap();
    for (code, wkt) in &list {
        let sr = SpatialReference { vcs_wkid: Some(*code), ..SpatialReference::from_wkid(26_910) };
        let vertical = Vertical::of(&sr).unwrap();
        assert_eq!((vertical.wkid, vertical.esri_wkt.as_ref()), (Some(*code), Some(wkt)));
        let back = SpatialRef::from_esri(&format!("{horizontal},{wkt}")).unwrap();
        let text = back.to_wkt().unwrap_or_else(|_| back.to_projjson().unwrap());
        assert!(
            back.is_compound() || text.contains("ellipsoidal height") || text.contains("Ellipsoidal height"),
            "{code}: {text}"
        );
        // The same unit: the number behind it is that of the list.
        let unit = |text: &str, node: &str| -> f64 {
            let rest = &text[text.rfind(node).unwrap()..];
            rest.split(',').nth(1).unwrap().trim_end_matches(']').parse().unwrap()
        };
        let (part, node) = match text.find("VERT_CS") {
            Some(at) => (&text[at..], "UNIT["),
            // Ellipsoidal heights make it one three-dimensional system.
            None => (text.as_str(), "LENGTHUNIT["),
        };
        let there = unit(wkt, "UNIT[");
        assert!((unit(part, node) - there).abs() < 1e-12 * there, "{code}: {text}");
    }
}

/// Geographic systems as Esri's servers answer them: key, name, datum, ellipsoid.
const BASES: [(&str, &str, &str, &str); 16] = [
    ("WGS", "GCS_WGS_1984", "D_WGS_1984", r#"WGS_1984",6378137.0,298.257223563"#),
    ("N83", "GCS_North_American_1983", "D_North_American_1983", r#"GRS_1980",6378137.0,298.257222101"#),
    ("N27", "GCS_North_American_1927", "D_North_American_1927", r#"Clarke_1866",6378206.4,294.9786982"#),
    ("ETRS", "GCS_ETRS_1989", "D_ETRS_1989", r#"GRS_1980",6378137.0,298.257222101"#),
    ("OSGB", "GCS_OSGB_1936", "D_OSGB_1936", r#"Airy_1830",6377563.396,299.3249646"#),
    ("IRENET", "GCS_IRENET95", "D_IRENET95", r#"GRS_1980",6378137.0,298.257222101"#),
    ("NZGD", "GCS_NZGD_2000", "D_NZGD_2000", r#"GRS_1980",6378137.0,298.257222101"#),
    ("SWEREF", "GCS_SWEREF99", "D_SWEREF99", r#"GRS_1980",6378137.0,298.257222101"#),
    ("GDA94", "GCS_GDA_1994", "D_GDA_1994", r#"GRS_1980",6378137.0,298.257222101"#),
    ("ED50", "GCS_European_1950", "D_European_1950", r#"International_1924",6378388.0,297.0"#),
    ("SIRGAS", "GCS_SIRGAS_2000", "D_SIRGAS_2000", r#"GRS_1980",6378137.0,298.257222101"#),
    ("RGF", "GCS_RGF_1993", "D_RGF_1993", r#"GRS_1980",6378137.0,298.257222101"#),
    ("AMERS", "GCS_Amersfoort", "D_Amersfoort", r#"Bessel_1841",6377397.155,299.1528128"#),
    ("SJTSK", "GCS_S_JTSK", "D_S_JTSK", r#"Bessel_1841",6377397.155,299.1528128"#),
    ("CH1903", "GCS_CH1903", "D_CH1903", r#"Bessel_1841",6377397.155,299.1528128"#),
    ("CH1903+", "GCS_CH1903+", "D_CH1903+", r#"Bessel_1841",6377397.155,299.1528128"#),
];

#[test]
fn the_geographic_part_of_what_esris_servers_answer_is_that_of_esris_own_list() {
    let list = listed("G");
    for (_, name, datum, ellipsoid) in BASES {
        let wkt = format!(
            r#"GEOGCS["{name}",DATUM["{datum}",SPHEROID["{ellipsoid}]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#
        );
        assert!(list.iter().any(|(_, listed)| *listed == wkt), "{wkt}");
    }
}

#[test]
fn the_answers_of_esris_own_library_are_what_a_prj_says() {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let corpus = std::env::var_os("GEOHAUL_CORPUS").map_or(beside, std::path::PathBuf::from);
    let file = corpus.join("Esri-geometry-api-java/src/test/resources/com/esri/core/geometry/savedSpatialReference.txt");
    let Ok(bytes) = std::fs::read(&file) else {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "\nLEFT OUT: Esri's own WKT, for want of {}", file.display());
        return;
    };
    let ours = Crs::parse("3857").unwrap().esri_wkt.unwrap();
    assert!(bytes.windows(ours.len()).any(|window| window == ours.as_bytes()), "{ours}");
}

/// The words of a WKT, and its numbers in ascending order: the two parallels of a cone come in either order, angles
/// once around, and EPSG rounds what Esri computes (feet to a thousandth).
fn apart(wkt: &str) -> (String, Vec<f64>) {
    let (mut words, mut numbers) = (Vec::new(), Vec::new());
    for piece in wkt.split(',') {
        match piece.trim_end_matches(']').parse::<f64>() {
            Ok(number) => numbers.push(number),
            Err(_) => words.push(piece),
        }
    }
    // An azimuth of 337 degrees is one of -23; no flattening or meridian of the list is in this range.
    numbers.iter_mut().filter(|number| (300.0..360.0).contains(*number)).for_each(|azimuth| *azimuth -= 360.0);
    numbers.sort_by(f64::total_cmp);
    (words.join(","), numbers)
}

#[test]
fn what_esris_servers_answer_for_projected_codes_is_what_a_prj_says() {
    let list = std::fs::read_to_string("testdata/crs/esri_projected.tsv").unwrap();
    let mut wrong = Vec::new();
    for line in list.lines() {
        let [code, name, base, method, parameters, unit] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (_, gcs, datum, ellipsoid) = BASES.iter().find(|(key, ..)| *key == base).unwrap();
        let parameter =
            |pair: &str| pair.split_once('=').map(|(name, value)| format!(r#"PARAMETER["{name}",{value}],"#)).unwrap();
        let unit = match unit {
            "M" => r#"UNIT["Meter",1.0]"#,
            "F" => r#"UNIT["Foot_US",0.3048006096012192]"#,
            _ => r#"UNIT["Foot",0.3048]"#,
        };
        let expected = format!(
            r#"PROJCS["{name}",GEOGCS["{gcs}",DATUM["{datum}",SPHEROID["{ellipsoid}]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["{method}"],{}{unit}]"#,
            parameters.split(';').map(parameter).collect::<String>()
        );
        let ours = Crs::parse(code).unwrap().esri_wkt.unwrap();
        let ((words, numbers), (our_words, our_numbers)) = (apart(&expected), apart(&ours));
        let close =
            numbers.len() == our_numbers.len() && numbers.iter().zip(&our_numbers).all(|(a, b)| (a - b).abs() <= 2e-9 * a.abs());
        if words != our_words || !close {
            wrong.push(format!("{code}\n    {expected}\n    {ours}"));
        }
    }
    assert!(list.lines().count() >= 60 && wrong.is_empty(), "{}", wrong.join("\n"));
}
