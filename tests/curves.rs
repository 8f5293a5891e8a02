//! True curves kept in a GeoPackage, judged by GDAL and SQLite: the arcs that came, not what they were densified to.
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
    let text = judge(dir, "ogrinfo", &["-q", "-al", "a.gpkg"]);
    text.lines().map(str::trim).filter(|line| line.contains('(') && !line.contains("OGRFeature")).map(str::to_owned).collect()
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
    assert!(
        found[0].starts_with("MULTISURFACE Z (CURVEPOLYGON Z (CIRCULARSTRING Z (110 100 0,90 100 0,110 100 0)))"),
        "{}",
        found[0]
    );
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
