//! Spatial references and reprojection, judged by `gdaltransform` and by what Esri's servers answer.
#![cfg(feature = "gdal")]
#![allow(clippy::unwrap_used)] // A test may, in its helpers too.

use std::io::Write;
use std::process::{Command, Stdio};

use geohaul::model::Transform;
use geohaul::{Crs, ErrorKind, SpatialReference};

const WEB_MERCATOR: &str = concat!(
    r#"PROJCS["WGS_1984_Web_Mercator_Auxiliary_Sphere",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984","#,
    r#"SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],"#,
    r#"PROJECTION["Mercator_Auxiliary_Sphere"],PARAMETER["False_Easting",0.0],PARAMETER["False_Northing",0.0],"#,
    r#"PARAMETER["Central_Meridian",0.0],PARAMETER["Standard_Parallel_1",0.0],PARAMETER["Auxiliary_Sphere_Type",0.0],"#,
    r#"UNIT["Meter",1.0]]"#
);

/// Nobody has registered this one.
const OWN_ALBERS: &str = concat!(
    r#"PROJCS["Our_Albers",GEOGCS["GCS_North_American_1983",DATUM["D_North_American_1983","#,
    r#"SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],"#,
    r#"PROJECTION["Albers"],PARAMETER["False_Easting",1234.0],PARAMETER["False_Northing",0.0],"#,
    r#"PARAMETER["Central_Meridian",-96.5],PARAMETER["Standard_Parallel_1",29.5],PARAMETER["Standard_Parallel_2",45.5],"#,
    r#"PARAMETER["Latitude_Of_Origin",37.5],UNIT["Meter",1.0]]"#
);

fn by_wkt(wkt: &str) -> geohaul::Result<Crs> {
    Crs::of(&SpatialReference { wkt: Some(wkt.to_owned()), ..SpatialReference::default() })
}

fn authority(crs: &Crs) -> String {
    crs.authority.as_ref().map_or("none".to_owned(), |(authority, code)| format!("{authority}:{code}"))
}

#[test]
fn a_wkid_is_found_with_the_authority_that_it_belongs_to() {
    let expected = [
        ("4326", "EPSG:4326", "WGS 84"),
        ("102100", "EPSG:3857", "WGS 84 / Pseudo-Mercator"),
        ("900913", "EPSG:3857", "WGS 84 / Pseudo-Mercator"),
        ("102113", "EPSG:3785", "Popular Visualisation CRS / Mercator"),
        ("ESRI:102100", "EPSG:3857", "WGS 84 / Pseudo-Mercator"),
        ("54003", "ESRI:54003", "World_Miller_Cylindrical"),
        ("102039", "ESRI:102039", "USA_Contiguous_Albers_Equal_Area_Conic_USGS_version"),
        ("4305", "ESRI:4305", "GCS_Voirol_Unifie_1960"),
        ("4812", "ESRI:4812", "GCS_Voirol_Unifie_1960_Paris"),
        ("epsg:27700", "EPSG:27700", "OSGB36 / British National Grid"),
    ];
    for (text, code, name) in expected {
        let crs = Crs::parse(text).unwrap();
        assert_eq!((authority(&crs).as_str(), crs.name.as_str()), (code, name), "{text}");
    }
}

#[test]
fn the_current_code_may_be_one_of_esris_own() {
    let sr = SpatialReference { latest_wkid: Some(104_026), ..SpatialReference::from_wkid(4305) };
    assert_eq!(authority(&Crs::of(&sr).unwrap()), "ESRI:104026");
}

#[test]
fn where_the_current_code_is_too_new_the_old_one_counts() {
    let sr = SpatialReference { latest_wkid: Some(999_999), ..SpatialReference::from_wkid(27_700) };
    assert_eq!(authority(&Crs::of(&sr).unwrap()), "EPSG:27700");
}

#[test]
fn esris_wkt_is_what_esris_own_servers_answer() {
    let esri_wkt = |text: &str| Crs::parse(text).unwrap().esri_wkt.unwrap();
    assert_eq!(esri_wkt("3857"), WEB_MERCATOR);
    assert_eq!(esri_wkt("4326"), Crs::wgs84().esri_wkt.unwrap());
    let expected = [
        ("27700", "British_National_Grid", "GCS_OSGB_1936", "Transverse_Mercator", r#"UNIT["Meter",1.0]]"#),
        (
            "2225",
            "NAD_1983_StatePlane_California_I_FIPS_0401_Feet",
            "GCS_North_American_1983",
            "Lambert_Conformal_Conic",
            r#"UNIT["Foot_US",0.3048006096012192]]"#,
        ),
        ("28992", "RD_New", "GCS_Amersfoort", "Double_Stereographic", r#"UNIT["Meter",1.0]]"#),
        ("54003", "World_Miller_Cylindrical", "GCS_WGS_1984", "Miller_Cylindrical", r#"UNIT["Meter",1.0]]"#),
        (
            "102039",
            "USA_Contiguous_Albers_Equal_Area_Conic_USGS_version",
            "GCS_North_American_1983",
            "Albers",
            r#"UNIT["Meter",1.0]]"#,
        ),
        ("5514", "S-JTSK_Krovak_East_North", "GCS_S_JTSK", "Krovak", r#"UNIT["Meter",1.0]]"#),
        ("102113", "WGS_1984_Web_Mercator", "GCS_WGS_1984_Major_Auxiliary_Sphere", "Mercator", r#"UNIT["Meter",1.0]]"#),
        ("2222", "NAD_1983_StatePlane_Arizona_East_FIPS_0201_Feet_Intl", "", "Transverse_Mercator", r#"UNIT["Foot",0.3048]]"#),
    ];
    for (code, name, base, method, end) in expected {
        let wkt = esri_wkt(code);
        assert!(wkt.starts_with(&format!(r#"PROJCS["{name}",GEOGCS["{base}"#)), "{wkt}");
        assert!(wkt.contains(&format!(r#"PROJECTION["{method}"],PARAMETER["False_Easting""#)), "{wkt}");
        assert!(wkt.ends_with(end), "{wkt}");
        assert!(!["AUTHORITY", "AXIS", "TOWGS84", "\n", ", "].iter().any(|text| wkt.contains(text)), "{wkt}");
    }
}

#[test]
fn wkt_of_a_registered_system_gets_its_code_and_keeps_its_text() {
    let crs = by_wkt(WEB_MERCATOR).unwrap();
    assert_eq!((authority(&crs).as_str(), crs.esri_wkt.as_deref()), ("EPSG:3857", Some(WEB_MERCATOR)));
    let utm = Crs::parse("26910").unwrap().esri_wkt.unwrap();
    let with_height = format!(r#"{utm},VERTCS["NAVD_1988",VDATUM["North_American_Vertical_Datum_1988"],UNIT["Meter",1.0]]"#);
    let crs = by_wkt(&with_height).unwrap();
    assert_eq!((authority(&crs).as_str(), crs.esri_wkt), ("EPSG:26910", Some(utm)));
    assert!(by_wkt(&Crs::wgs84().esri_wkt.unwrap()).unwrap().is_wgs84());
}

#[test]
fn wkt_that_is_like_a_registered_system_and_not_the_same_gets_no_code() {
    let crs = by_wkt(OWN_ALBERS).unwrap();
    assert_eq!((crs.authority.as_ref(), crs.name.as_str(), crs.esri_wkt.as_deref()), (None, "Our_Albers", Some(OWN_ALBERS)));
    let lies = OWN_ALBERS.replace(r#"UNIT["Meter",1.0]]"#, r#"UNIT["Meter",1.0],AUTHORITY["EPSG","5070"]]"#);
    let crs = by_wkt(&lies).unwrap();
    assert_eq!(crs.authority, None);
    assert!(!crs.esri_wkt.unwrap().contains("AUTHORITY"));
}

#[test]
fn a_prj_file_of_several_lines_is_read_and_written_on_one() {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&path, OWN_ALBERS.replace(',', ",\r\n    ")).unwrap();
    let crs = Crs::parse(&format!("@{}", path.path().display())).unwrap();
    assert_eq!(crs.esri_wkt.as_deref(), Some(OWN_ALBERS));
    let error = Crs::parse("@no/such/file.prj").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::File);
}

#[test]
fn wkt_2_and_compound_systems_give_their_horizontal_part() {
    let wkt2 = Command::new("gdalsrsinfo").args(["-o", "wkt2_2019", "EPSG:7405"]).output().unwrap().stdout;
    let sr = SpatialReference { wkt2: Some(String::from_utf8(wkt2).unwrap()), ..SpatialReference::default() };
    assert_eq!(authority(&Crs::of(&sr).unwrap()), "EPSG:27700");
    assert_eq!(authority(&Crs::parse("EPSG:7405").unwrap()), "EPSG:27700");
    assert!(Crs::parse("EPSG:4979").unwrap().is_wgs84());
}

#[test]
fn what_nobody_knows_is_an_error_with_code_cause_and_hint() {
    let error = Crs::of(&SpatialReference::from_wkid(999_999)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SpatialReference);
    assert!(error.what().contains("999999") && error.why().is_some(), "{error}");
    assert!(error.hint_text().unwrap().contains("EPSG:27700"));
    for text in ["EPSG:1", "EPSG:5703", "EPSG:4978", "moon", "http://example.com/", "/etc/passwd", "PROJCS[\"", "[", "EPSG:\0"] {
        assert_eq!(Crs::parse(text).unwrap_err().kind(), ErrorKind::SpatialReference, "{text}");
    }
}

#[test]
fn a_transformation_is_named_with_its_accuracy_and_the_grids_it_lacks() {
    let to_wgs84 = |text: &str| Transform::between(&Crs::parse(text).unwrap(), &Crs::wgs84()).unwrap().unwrap();
    let utm = to_wgs84("32633");
    assert_eq!((utm.operation.as_str(), utm.accuracy_m, utm.ballpark), ("Inverse of UTM zone 33N", Some(0.0), false));
    let rd = to_wgs84("28992");
    assert_eq!((rd.operation.as_str(), rd.accuracy_m), ("Inverse of RD New + Amersfoort to WGS 84 (4)", Some(1.0)));
    let britain = to_wgs84("27700");
    // Debian's PROJ comes without the grid for Britain.
    assert!(britain.accuracy_m.unwrap() <= 1.0 || britain.missing_grids == ["uk_os_OSTN15_NTv2_OSGBtoETRS.tif"], "{britain:?}");
    let sphere = to_wgs84("53003");
    assert!(sphere.ballpark && sphere.accuracy_m.is_none(), "{sphere:?}");
    let wide = to_wgs84("4267");
    assert!(wide.operation.contains("operations for each place") && !wide.ballpark, "{wide:?}");
}

/// Asks GDAL's own program.
fn gdaltransform(from: &str, to: &str, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let args = ["-s_srs", from, "-t_srs", to, "-output_xy"];
    let mut child = Command::new("gdaltransform")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let input: String = points.iter().map(|[x, y]| format!("{x} {y}\n")).collect();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let answer = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let pair = |line: &str| {
        let mut numbers = line.split(' ').map(|number| number.parse().unwrap());
        [numbers.next().unwrap(), numbers.next().unwrap()]
    };
    answer.lines().map(pair).collect()
}

#[test]
fn coordinates_come_out_as_gdals_own_program_has_them() {
    let cases = [
        ("EPSG:27700", [[530_000.0, 180_000.0], [250_000.0, 900_000.0]]),
        ("EPSG:28992", [[155_000.0, 463_000.0], [120_000.5, 487_000.25]]),
        ("EPSG:2225", [[6_000_000.0, 2_000_000.0], [6_700_000.0, 2_400_000.0]]),
        ("EPSG:32633", [[500_000.0, 5_800_000.0], [400_000.0, 6_100_000.0]]),
        ("EPSG:5514", [[-740_000.0, -1_040_000.0], [-500_000.0, -1_200_000.0]]),
        ("EPSG:2193", [[1_750_000.0, 5_900_000.0], [1_200_000.0, 4_900_000.0]]),
        ("EPSG:3857", [[1_500_000.0, 6_900_000.0], [-13_000_000.0, 4_000_000.0]]),
        ("EPSG:3338", [[0.0, 1_000_000.0], [-1_800_000.0, 400_000.0]]),
        ("ESRI:102039", [[0.0, 1_500_000.0], [-2_000_000.0, 1_900_000.0]]),
        ("ESRI:54003", [[1_000_000.0, 2_000_000.0], [-9_000_000.0, -3_000_000.0]]),
        ("EPSG:4267", [[-100.0, 40.0], [-75.0, 45.0]]),
        ("EPSG:4807", [[0.5, 54.0], [4.0, 50.0]]),
    ];
    for (code, points) in cases {
        let crs = Crs::parse(code).unwrap();
        let expected = gdaltransform(code, "EPSG:4326", &points);
        let mut there = points;
        Transform::between(&crs, &Crs::wgs84()).unwrap().unwrap().apply(&mut there).unwrap();
        assert!(near(&there, &expected, 1e-9), "{code}: {there:?} {expected:?}");
        let mut back = there;
        Transform::between(&Crs::wgs84(), &crs).unwrap().unwrap().apply(&mut back).unwrap();
        let tolerance = if crs.geographic { 1e-6 } else { 0.01 };
        assert!(near(&back, &gdaltransform("EPSG:4326", code, &there), tolerance), "{code}: {back:?}");
    }
}

fn near(a: &[[f64; 2]], b: &[[f64; 2]], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn one_bad_point_does_not_spoil_the_others() {
    let transform = Transform::between(&Crs::parse("32633").unwrap(), &Crs::wgs84()).unwrap().unwrap();
    let good = [500_000.0, 5_800_000.0];
    let mut points = [good, [f64::NAN, 0.0], good, [f64::INFINITY, 0.0], [1e300, -1e300], good];
    transform.apply(&mut points).unwrap();
    assert_eq!([points[2], points[5]], [points[0]; 2]);
    assert!(points[0][1] > 52.0);
    assert!([1, 3, 4].iter().all(|at| points[*at][0].is_nan() && points[*at][1].is_nan()), "{points:?}");
}

#[test]
fn eight_threads_transform_at_once_and_agree() {
    let codes = ["27700", "28992", "3338", "4267"];
    let transforms: Vec<Transform> =
        codes.iter().map(|code| Transform::between(&Crs::parse(code).unwrap(), &Crs::wgs84()).unwrap().unwrap()).collect();
    let run = || -> Vec<u64> {
        let mut bits = Vec::new();
        for round in 0..50 {
            for transform in &transforms {
                let scale = if transform.from.geographic { 1e-4 } else { 1.0 };
                let mut points: Vec<[f64; 2]> =
                    (0..200).map(|i| [f64::from(i * 1000 + round) * scale, f64::from(400_000 + i * 100) * scale]).collect();
                transform.apply(&mut points).unwrap();
                bits.extend(points.iter().flatten().map(|number| number.to_bits()));
            }
            assert!(Crs::parse("2193").is_ok());
        }
        bits
    };
    let alone = run();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            assert!(thread.join().unwrap() == alone);
        }
    });
}

#[test]
#[ignore = "run by the next one, in a process of its own"]
fn provoke_gdal_and_proj() {
    for text in ["EPSG:1", "PROJCS[\"broken\"", "102113", "EPSG:4978"] {
        let _ = Crs::parse(text);
    }
    let transform = Transform::between(&Crs::parse("2193").unwrap(), &Crs::wgs84()).unwrap().unwrap();
    transform.apply(&mut [[1e30, 1e30]]).unwrap();
    let _ = Transform::between(
        &Crs { definition: "nonsense".to_owned(), ..Crs::parse("2193").unwrap() },
        &Crs::parse("27700").unwrap(),
    );
}

#[test]
fn gdal_and_proj_print_nothing() {
    let args = ["--exact", "provoke_gdal_and_proj", "--ignored", "--nocapture"];
    let output = Command::new(std::env::current_exe().unwrap()).args(args).env("PROJ_DEBUG", "3").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
