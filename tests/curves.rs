//! True curves kept in a GeoPackage and a File Geodatabase, judged by GDAL and SQLite: the arcs that came, not what they were
//! densified to.
#![cfg(all(feature = "cli", feature = "geopackage"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::f64::consts::PI;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

fn judge(dir: &Path, program: &str, args: &[&str]) -> String {
    let run = Command::new(program).current_dir(dir).args(args).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&run.stderr));
    text
}

/// Converts a feature set of these geometries to `a.gpkg` and further outputs; the folder and the report.
fn convert(kind: &str, geometries: &[Value], further: &[&str]) -> (TempDir, Value) {
    let dir = tempfile::tempdir().unwrap();
    let rows = geometries.iter().enumerate().map(|(at, geometry)| json!({"attributes": {"ID": at + 1}, "geometry": geometry}));
    let set = json!({"geometryType": kind, "hasZ": true, "spatialReference": {"wkid": 25832},
        "fields": [{"name": "ID", "type": "esriFieldTypeOID"}], "features": rows.collect::<Vec<_>>()});
    std::fs::write(dir.path().join("a.json"), set.to_string()).unwrap();
    let program = env!("CARGO_BIN_EXE_geohaul");
    let own = ["convert", "a.json", "-o", "a.gpkg", "--keep-curves", "--report", "report.json"];
    judge(dir.path(), program, &[&own[..], further].concat());
    let report = serde_json::from_slice(&std::fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    (dir, report)
}

/// The geometries as GDAL reads them.
fn wkt(dir: &Path) -> Vec<String> {
    wkt_of(dir, "a.gpkg")
}

fn wkt_of(dir: &Path, file: &str) -> Vec<String> {
    let text = judge(dir, "ogrinfo", &["-q", "-al", file]);
    text.lines().map(str::trim).filter(|line| line.contains('(') && !line.contains("OGRFeature")).map(str::to_owned).collect()
}

/// The vertices of a WKT, x, y and z.
fn numbers(wkt: &str) -> Vec<[f64; 3]> {
    let numbers: Vec<f64> = wkt.split([' ', ',', '(', ')']).filter_map(|word| word.parse().ok()).collect();
    numbers.chunks(3).map(|vertex| vertex.try_into().unwrap()).collect()
}

fn sql(dir: &Path, query: &str) -> String {
    judge(dir, "sqlite3", &["a.gpkg", query])
}

#[test]
fn arcs_of_lines_are_kept_with_straight_segments_between_them_and_other_curves_are_counted() {
    let lines = [
        json!({"curvePaths": [[[0, 0, 1], {"c": [[2, 0, 2], [1, 1]]}, {"c": [[4, 0, 4], [3, -1]]}, [5, 0, 5], [6, 1, 6]]]}),
        json!({"curvePaths": [[[0, 0, 1], {"c": [[2, 0, 2], [1, 1]]}]]}),
        json!({"paths": [[[0, 0, 1], [1, 1, 1]]]}),
        json!({"curvePaths": [[[0, 0, 1], {"b": [[8, 0, 1], [6, 1], [7, 1]]}]]}),
    ];
    let (dir, report) = convert("esriGeometryPolyline", &lines, &[]);
    let found = wkt(dir.path());
    let compound = "MULTICURVE Z (COMPOUNDCURVE Z (CIRCULARSTRING Z (0 0 1,1 1 ";
    assert!(found[0].starts_with(compound), "{}", found[0]);
    assert!(found[0].contains(",2 0 2,3 -1 ") && found[0].ends_with(",4 0 4),(4 0 4,5 0 5,6 1 6)))"), "{}", found[0]);
    assert!(found[1].starts_with("MULTICURVE Z (CIRCULARSTRING Z (0 0 1,1 1 1.5,2 0 2))"), "{}", found[1]);
    assert_eq!(found[2], "MULTILINESTRING Z ((0 0 1,1 1 1))");
    assert!(found[3].starts_with("MULTILINESTRING Z ((0 0 1,"), "{}", found[3]);
    assert_eq!(report["layers"][0]["losses"][0]["count"], 1, "the Bezier: {}", report["layers"][0]["losses"]);
    assert_eq!(sql(dir.path(), "SELECT geometry_type_name FROM gpkg_geometry_columns"), "MULTICURVE\n");
    let extensions = "SELECT extension_name FROM gpkg_extensions WHERE extension_name LIKE 'gpkg_geom_%' ORDER BY 1";
    let kinds = "gpkg_geom_CIRCULARSTRING\ngpkg_geom_COMPOUNDCURVE\ngpkg_geom_MULTICURVE\n";
    assert_eq!(sql(dir.path(), extensions), kinds);
}

#[test]
fn circles_and_holes_of_polygons_keep_their_area_and_the_index_holds_the_whole_bulge() {
    let polygons = [
        // A circle of radius 10 around (100, 100), anticlockwise, as a shell; then one with a circular hole.
        json!({"curveRings": [[[110, 100, 0], {"a": [[110, 100, 0], [100, 100], 0, 0]}]]}),
        json!({"curveRings": [[[0, 0, 0], [0, 20, 0], [20, 20, 0], [20, 0, 0], [0, 0, 0]],
                              [[15, 10, 0], {"a": [[15, 10, 0], [10, 10], 0, 0]}]]}),
        // A quarter of a circle, whose bulge is west of all its vertices' box.
        json!({"curveRings": [[[-7, -7, 0], {"c": [[-7, 7, 0], [-9.899494936611665, 0]]}, [0, 0, 0], [-7, -7, 0]]]}),
    ];
    let (dir, report) = convert("esriGeometryPolygon", &polygons, &["--curve-tolerance", "0.5"]);
    let found = wkt(dir.path());
    // Two halves, so that the circle has a direction.
    let circle = numbers(&found[0]);
    assert!(
        found[0].starts_with("MULTISURFACE Z (CURVEPOLYGON Z (CIRCULARSTRING Z (90 100 0,") && circle.len() == 5,
        "{found:?}"
    );
    assert!(circle[1][1] < 99.0 && circle[2] == [110.0, 100.0, 0.0] && circle[3][1] > 101.0, "{circle:?}");
    assert!(circle.iter().all(|[x, y, _]| ((x - 100.0).hypot(y - 100.0) - 10.0).abs() < 1e-9), "{circle:?}");
    assert!(found[1].contains("CURVEPOLYGON Z ((0 0 0,20 0 0,20 20 0,0 20 0,0 0 0),CIRCULARSTRING Z ("), "{}", found[1]);
    assert!(found[2].contains("COMPOUNDCURVE Z ("), "{}", found[2]);
    assert!(report["layers"][0].get("losses").is_none_or(|losses| losses.as_array().unwrap().is_empty()), "{report}");
    let areas = "SELECT OGR_GEOM_AREA FROM a";
    let areas = judge(dir.path(), "ogrinfo", &["-q", "-dialect", "OGRSQL", "-sql", areas, "a.gpkg"]);
    let areas: Vec<f64> = areas
        .lines()
        .filter(|line| line.contains("(Real) ="))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!((areas[0] - PI * 100.0).abs() < 1e-6 && (areas[1] - (400.0 - PI * 25.0)).abs() < 1e-6, "{areas:?}");
    // The box of the third, in floats that round outward.
    let least: f64 = sql(dir.path(), "SELECT minx FROM rtree_a_geom WHERE id = 3").trim().parse().unwrap();
    assert!((least + 98f64.sqrt()).abs() < 1e-5 && least <= -98f64.sqrt(), "{least}");
    assert_eq!(sql(dir.path(), "SELECT min_x, max_x FROM gpkg_contents"), "-9.89949493661167|110.0\n");
    assert_eq!(sql(dir.path(), "SELECT rtreecheck('rtree_a_geom')"), "ok\n");
}

#[test]
fn other_outputs_of_the_same_run_have_straight_segments_which_are_counted_in_them() {
    let line = [json!({"curvePaths": [[[0, 0, 1], {"c": [[2, 0, 2], [1, 1]]}]]})];
    let (_dir, report) = convert("esriGeometryPolyline", &line, &["-o", "a.fgb"]);
    let outputs = &report["layers"][0]["outputs"];
    assert_eq!(outputs[1]["losses"][0]["count"], 1, "{outputs}");
    let warning = outputs[1]["warnings"][0].as_str().unwrap();
    assert!(warning.contains("curves are not kept in FlatGeobuf"), "{warning}");
    let (dir, report) = convert("esriGeometryPolyline", &line, &["--crs", "EPSG:4326"]);
    assert!(wkt(dir.path())[0].starts_with("MULTILINESTRING Z"), "reprojected");
    assert_eq!(report["layers"][0]["losses"][0]["count"], 1, "{report}");
}

/// Lengths (of polygons: of all rings) and areas of the features of a GeoJSON file without arcs.
#[cfg(feature = "gdal")]
fn lengths_and_areas(dir: &Path, file: &str) -> Vec<[f64; 2]> {
    let json: Value = serde_json::from_slice(&std::fs::read(dir.join(file)).unwrap()).unwrap();
    fn parts(coordinates: &Value, into: &mut Vec<Vec<[f64; 2]>>) {
        let list = coordinates.as_array().unwrap();
        if list[0][0].is_number() {
            into.push(list.iter().map(|vertex| [0, 1].map(|axis: usize| vertex[axis].as_f64().unwrap())).collect());
        } else {
            list.iter().for_each(|part| parts(part, into));
        }
    }
    let measure = |feature: &Value| {
        let mut all = Vec::new();
        parts(&feature["geometry"]["coordinates"], &mut all);
        let edges = || all.iter().flat_map(|part| part.windows(2));
        // Holes go round the other way than shells; which way that is differs.
        let area: f64 = edges().map(|edge| edge[0][0] * edge[1][1] - edge[1][0] * edge[0][1]).sum::<f64>() / 2.0;
        [edges().map(|edge| (edge[1][0] - edge[0][0]).hypot(edge[1][1] - edge[0][1])).sum(), area.abs()]
    };
    json["features"].as_array().unwrap().iter().map(measure).collect()
}

/// GDAL's own straight segments for the arcs of `a.gdb` against ours for what came. (GDAL 3.6 calls the layer a linear one,
/// and makes straight segments where it is told to only.)
#[cfg(feature = "gdal")]
fn assert_same_size(dir: &Path, linear: &str) {
    let fine = ["--config", "OGR_ARC_STEPSIZE", "0.2"];
    judge(dir, "ogr2ogr", &[&fine[..], &["-nlt", linear, "-f", "GeoJSON", "theirs.geojson", "a.gdb"]].concat());
    let (ours, theirs) = (lengths_and_areas(dir, "a.geojson"), lengths_and_areas(dir, "theirs.geojson"));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        // The grid of the file is a tenth of a millimetre; a ring that is no hole any more would make a far larger difference.
        let tolerance = 1e-3 + 2e-3 * ours[0];
        assert!((0..2).all(|which| (ours[which] - theirs[which]).abs() < tolerance), "{ours:?} {theirs:?}");
    }
}

#[cfg(feature = "gdal")]
const WITH_GEODATABASE: [&str; 8] = ["-o", "a.gdb", "-o", "a.geojson", "--crs", "native", "--curve-tolerance", "0.00001"];

#[cfg(feature = "gdal")]
#[test]
fn a_file_geodatabase_keeps_arcs_of_lines_with_their_control_points_and_length() {
    let lines = [
        json!({"curvePaths": [[[0, 0, 1], {"c": [[2, 0, 2], [1, 1]]}, {"c": [[4, 0, 4], [3, -1]]}, [5, 0, 5], [6, 1, 6]]]}),
        json!({"curvePaths": [[[0, 0, 1], {"c": [[2, 0, 2], [1, 1]]}], [[10, 10, 1], [11, 11, 2]]]}),
        json!({"paths": [[[0, 0, 1], [1, 1, 1]]]}),
        json!({"curvePaths": [[[0, 0, 1], {"b": [[8, 0, 1], [6, 1], [7, 1]]}]]}),
    ];
    let (dir, report) = convert("esriGeometryPolyline", &lines, &WITH_GEODATABASE);
    let found = wkt_of(dir.path(), "a.gdb");
    let shape = |wkt: &str| wkt.chars().filter(|c| !(c.is_ascii_digit() || ".- ".contains(*c))).collect::<String>();
    assert_eq!(shape(&found[0]), "MULTICURVEZ(COMPOUNDCURVEZ(CIRCULARSTRINGZ(,,),CIRCULARSTRINGZ(,,),(,,)))");
    assert_eq!(shape(&found[1]), "MULTICURVEZ(COMPOUNDCURVEZ(CIRCULARSTRINGZ(,,)),(,))");
    assert!(found[2].starts_with("MULTILINESTRING Z ((") && found[3].starts_with("MULTILINESTRING Z (("), "{found:?}");
    // The file has no z for the middle of an arc, which is none that came.
    let expected = [[0.0, 0.0, 1.0], [1.0, 1.0, f64::NAN], [2.0, 0.0, 2.0], [2.0, 0.0, 2.0], [3.0, -1.0, f64::NAN]];
    for (found, expected) in numbers(&found[0]).iter().zip(expected) {
        assert!((0..3).all(|axis| expected[axis].is_nan() || (found[axis] - expected[axis]).abs() < 1e-3), "{found:?}");
    }
    assert_same_size(dir.path(), "MULTILINESTRING");
    let outputs = report["layers"][0]["outputs"].as_array().unwrap();
    let warnings = |at: usize| outputs[at]["warnings"].to_string();
    assert!(!warnings(1).contains("curve") && warnings(2).contains("curves are not kept in GeoJSON"), "{outputs:?}");
}

#[cfg(feature = "gdal")]
#[test]
fn a_file_geodatabase_keeps_circles_as_shells_and_holes_and_its_index_holds_their_bulge() {
    let circle = |x: f64, y: f64, radius: f64, clockwise: u8| {
        let start = [x + radius, y, 0.0];
        json!([start, {"a": [start, [x, y], 0, clockwise]}])
    };
    let square = |x: f64, size: f64| json!([[x, 0, 0], [x, size, 0], [x + size, size, 0], [x + size, 0, 0], [x, 0, 0]]);
    let polygons = [
        json!({"curveRings": [circle(100.0, 100.0, 10.0, 1)]}),
        json!({"curveRings": [square(0.0, 20.0), circle(10.0, 10.0, 5.0, 0)]}),
        json!({"curveRings": [[[-7, -7, 0], {"c": [[-7, 7, 0], [-9.899494936611665, 0]]}, [0, 0, 0], [-7, -7, 0]]]}),
        // Shells apart from each other, one with a hole in which there is an island.
        json!({"curveRings": [circle(100.0, 100.0, 10.0, 1), square(0.0, 1.0), circle(100.0, 100.0, 5.0, 0), circle(100.0, 100.0, 2.0, 1)]}),
    ];
    let (dir, report) = convert("esriGeometryPolygon", &polygons, &WITH_GEODATABASE);
    let found = wkt_of(dir.path(), "a.gdb");
    assert!(found.iter().all(|wkt| wkt.starts_with("MULTISURFACE Z (CURVEPOLYGON Z (")), "{found:?}");
    assert!(found.iter().all(|wkt| wkt.contains("CIRCULARSTRING Z (")), "{found:?}");
    assert_eq!(found[3].matches("CURVEPOLYGON").count(), 3, "{}", found[3]);
    for [x, y, _] in numbers(&found[0]) {
        assert!(((x - 100.0).hypot(y - 100.0) - 10.0).abs() < 2e-4, "{}", found[0]);
    }
    assert_same_size(dir.path(), "MULTIPOLYGON");
    let areas = lengths_and_areas(dir.path(), "theirs.geojson");
    for (area, expected) in areas.iter().zip([PI * 100.0, 400.0 - PI * 25.0, f64::NAN, PI * 79.0 + 1.0]) {
        assert!(expected.is_nan() || (area[1] - expected).abs() < 1e-2, "{areas:?}");
    }
    let at_bulge = judge(dir.path(), "ogrinfo", &["-q", "a.gdb", "a", "-spat", "-9.89", "-0.1", "-9.8", "0.1"]);
    assert!(at_bulge.contains("OGRFeature(a):3") && at_bulge.matches("OGRFeature").count() == 1, "{at_bulge}");
    let outputs = report["layers"][0]["outputs"].as_array().unwrap();
    assert!(outputs[1]["losses"].as_array().unwrap().is_empty(), "{outputs:?}");
}

/// A ring around a place, clockwise, of arcs and straight segments, beginning at any of its vertices.
#[cfg(feature = "gdal")]
fn ring(centre: [f64; 2], radius: f64, clockwise: bool, random: &mut impl FnMut() -> f64) -> Value {
    let corners = 3 + (random() * 5.0) as usize;
    let first = random() * corners as f64;
    let place = |turn: f64, radius: f64| {
        let angle = if clockwise { -turn } else { turn } * 2.0 * PI / corners as f64;
        [centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin(), 0.0]
    };
    let points: Vec<[f64; 3]> = (0..corners).map(|at| place(at as f64 + first, radius * (0.8 + 0.2 * random()))).collect();
    let mut ring = vec![json!(points[0])];
    for at in 0..corners {
        let (from, to) = (points[at], points[(at + 1) % corners]);
        let out = 1.02 + 0.2 * random();
        let middle = [0, 1].map(|axis| centre[axis] + ((from[axis] + to[axis]) / 2.0 - centre[axis]) * out);
        ring.push(if random() < 0.6 { json!({"c": [to, middle]}) } else { json!(to) });
    }
    json!(ring)
}

#[cfg(feature = "gdal")]
#[test]
fn no_shell_with_arcs_becomes_a_hole_in_a_file_geodatabase_nor_the_other_way_round() {
    let mut state = 42_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let polygon = |_| {
        let mut rings = Vec::new();
        for shell in 0..1 + (random() * 3.0) as usize {
            let centre = [500.0 + 100.0 * shell as f64, 500.0];
            rings.push(ring(centre, 40.0, true, &mut random));
            for hole in 0..(random() * 3.0) as usize {
                rings.push(ring([centre[0] - 7.0 + 14.0 * hole as f64, 500.0], 4.0, false, &mut random));
            }
        }
        json!({"curveRings": rings})
    };
    let polygons: Vec<Value> = (0..150).map(polygon).collect();
    let (dir, report) = convert("esriGeometryPolygon", &polygons, &WITH_GEODATABASE);
    assert_same_size(dir.path(), "MULTIPOLYGON");
    let (ours, theirs) = (wkt(dir.path()), wkt_of(dir.path(), "a.gdb"));
    let shells = |all: &[String]| all.iter().map(|wkt| wkt.matches("CURVEPOLYGON").count()).sum::<usize>();
    assert!(ours.iter().any(|wkt| wkt.matches("CIRCULARSTRING").count() > 3) && shells(&theirs) > 250);
    assert!(report["layers"][0]["outputs"][1]["losses"].as_array().unwrap().is_empty(), "{report}");

    // A crescent whose arcs are told by points near their ends: the points alone go round the other way.
    let point = |radius: f64, degrees: f64| [radius * f64::to_radians(degrees).cos(), radius * f64::to_radians(degrees).sin()];
    let crescent = json!({"curveRings": [[[-1, -10, 0], {"c": [[1, -10, 0], point(101f64.sqrt(), 178.0)]},
        {"c": [[-1, -10, 0], point(9.0, -30.0)]}]]});
    let (dir, report) = convert("esriGeometryPolygon", &[crescent], &WITH_GEODATABASE);
    assert_same_size(dir.path(), "MULTIPOLYGON");
    let losses = &report["layers"][0]["outputs"][1]["losses"];
    assert_eq!((&losses[0]["kind"], &losses[0]["count"]), (&json!("densified"), &json!(2)), "{report}");
    assert!(wkt_of(dir.path(), "a.gdb")[0].starts_with("MULTIPOLYGON"));
}
