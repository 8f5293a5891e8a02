//! Polygons and lines around a pole, from polar projections to longitude and latitude: cut at the 180th meridian and
//! closed along the pole. GDAL judges: it finds the files valid, and what it projects back has the area it had.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

type Ring = Vec<[f64; 2]>;

/// Clockwise, in steps of two degrees, from due east on.
fn circle([x, y]: [f64; 2], radius: f64) -> Ring {
    let at = |step: i32| {
        let (sin, cos) = (-f64::from(step % 180) * TAU / 180.0).sin_cos();
        [x + radius * cos, y + radius * sin]
    };
    (0..=180).map(at).collect()
}

fn hole(centre: [f64; 2], radius: f64) -> Ring {
    circle(centre, radius).into_iter().rev().collect()
}

fn area(rings: &[Ring]) -> f64 {
    let twice = |ring: &Ring| ring.windows(2).map(|e| e[0][0] * e[1][1] - e[1][0] * e[0][1]).sum::<f64>();
    -rings.iter().map(twice).sum::<f64>() / 2.0
}

/// What `geohaul convert` makes of one polygon or line.
struct Outcome {
    folder: tempfile::TempDir,
    geometry: Value,
    report: Value,
}

impl Outcome {
    fn of(key: &str, wkid: u32, parts: &[Ring], args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kind = if key == "rings" { "esriGeometryPolygon" } else { "esriGeometryPolyline" };
        let set = json!({
            "geometryType": kind, "spatialReference": {"wkid": wkid}, "fields": [{"name": "FID", "type": "esriFieldTypeOID"}],
            "features": [{"attributes": {"FID": 1}, "geometry": {key: parts}}]
        });
        std::fs::write(folder.path().join("shape.json"), set.to_string()).unwrap();
        let mut geohaul = Command::new(env!("CARGO_BIN_EXE_geohaul"));
        geohaul.args(["convert", "shape.json", "-o", "out.geojson", "--report", "report.json"]).args(args);
        let done = geohaul.current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let read =
            |name: &str| -> Value { serde_json::from_str(&std::fs::read_to_string(folder.path().join(name)).unwrap()).unwrap() };
        let geometry = read("out.geojson")["features"][0]["geometry"].clone();
        Self { geometry, report: read("report.json"), folder }
    }

    fn losses(&self) -> Vec<&str> {
        let losses = self.report["layers"][0]["outputs"][0]["losses"].as_array().unwrap();
        losses.iter().map(|loss| loss["kind"].as_str().unwrap()).collect()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("out.geojson")
    }

    /// All positions, of whatever parts.
    fn positions(&self) -> Ring {
        fn gather(value: &Value, into: &mut Ring) {
            let list = value.as_array().unwrap();
            match list[0].as_f64() {
                Some(x) => into.push([x, list[1].as_f64().unwrap()]),
                None => list.iter().for_each(|inner| gather(inner, into)),
            }
        }
        let mut positions = Vec::new();
        gather(&self.geometry["coordinates"], &mut positions);
        positions
    }

    fn reaches_pole(&self) -> bool {
        self.positions().iter().any(|[_, lat]| lat.abs() == 90.0)
    }

    /// Number of rings of each polygon.
    fn rings(&self) -> Vec<usize> {
        let coordinates = self.geometry["coordinates"].as_array().unwrap();
        if self.geometry["type"] == "Polygon" {
            return vec![coordinates.len()];
        }
        coordinates.iter().map(|polygon| polygon.as_array().unwrap().len()).collect()
    }

    /// GDAL finds no fault, no longitude is beyond ±180, and the area back in the source's system is what it was.
    fn keeps_area(&self, wkid: u32, before: f64) {
        assert!(self.positions().iter().all(|[lon, lat]| lon.abs() <= 180.0 && lat.abs() <= 90.0), "{}", self.geometry);
        let valid = answer(&self.path(), "SELECT ST_IsValid(geometry) AS answer FROM shape", "SQLite");
        assert_eq!(valid, "1", "{}", self.geometry);
        let back = self.folder.path().join("back.gpkg");
        let mut ogr2ogr = Command::new("ogr2ogr");
        ogr2ogr.arg("-t_srs").arg(format!("EPSG:{wkid}")).args(["-nln", "shape"]).arg(&back).arg(self.path());
        let done = ogr2ogr.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let after: f64 = answer(&back, "SELECT OGR_GEOM_AREA AS answer FROM shape", "OGRSQL").parse().unwrap();
        // Each edge of two degrees is straight before and after, but not the same line.
        assert!((after / before - 1.0).abs() < 1e-3, "{after} and not {before}: {}", self.geometry);
    }
}

/// The one value that a query of GDAL's gives.
fn answer(file: &Path, query: &str, dialect: &str) -> String {
    let done = Command::new("ogrinfo").args(["-ro", "-q", "-dialect", dialect, "-sql", query]).arg(file).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let line = text.lines().find(|line| line.trim_start().starts_with("answer (")).unwrap_or_else(|| panic!("{text}"));
    line.rsplit(" = ").next().unwrap().trim().to_owned()
}

fn polygon(wkid: u32, rings: &[Ring]) -> Outcome {
    let outcome = Outcome::of("rings", wkid, rings, &[]);
    outcome.keeps_area(wkid, area(rings));
    outcome
}

#[test]
fn a_cap_is_closed_along_its_pole() {
    for (wkid, pole) in [(3031, -90.0), (3995, 90.0), (3413, 90.0), (3571, 90.0)] {
        for centre in [[0.0, 0.0], [8e5, -3e5]] {
            let cap = polygon(wkid, &[circle(centre, 2e6)]);
            assert_eq!((cap.rings(), cap.losses()), (vec![1], vec!["cut-at-antimeridian"]), "{wkid}");
            let corners = cap.positions();
            assert!(corners.contains(&[180.0, pole]) && corners.contains(&[-180.0, pole]), "{wkid}: {}", cap.geometry);
        }
    }
}

#[test]
fn a_cap_keeps_its_holes_wherever_they_lie() {
    // Beside the meridian, and across it: there it becomes part of the outline.
    let beside = polygon(3031, &[circle([0.0, 0.0], 2e6), hole([1e6, 0.0], 2e5)]);
    assert_eq!(beside.rings(), [2]);
    let across = polygon(3031, &[circle([0.0, 0.0], 2e6), hole([0.0, -1e6], 2e5), hole([1e6, 0.0], 2e5)]);
    assert_eq!(across.rings(), [2]);
    let north = polygon(3995, &[circle([0.0, 0.0], 2e6), hole([0.0, 1e6], 2e5)]);
    assert_eq!(north.rings(), [1]);
}

#[test]
fn a_ring_around_the_pole_does_not_reach_it() {
    for wkid in [3031, 3995] {
        let annulus = polygon(wkid, &[circle([0.0, 0.0], 2e6), hole([1e5, 1e5], 9e5)]);
        assert_eq!((annulus.rings(), annulus.losses()), (vec![1], vec!["cut-at-antimeridian"]));
        assert!(!annulus.reaches_pole());
        // An island in the hole is a cap again.
        let island = polygon(wkid, &[circle([0.0, 0.0], 2e6), hole([1e5, 1e5], 9e5), circle([0.0, 0.0], 3e5)]);
        assert_eq!(island.rings(), [1, 1]);
        assert!(island.reaches_pole());
    }
}

#[test]
fn a_ring_that_just_misses_the_pole_is_none_around_it() {
    for (wkid, centre) in [(3031, [1e6, 0.0]), (3031, [0.0, 1e6]), (3031, [0.0, -1e6]), (3995, [0.0, 1e6]), (3995, [-7e5, 7e5])] {
        let beside = polygon(wkid, &[circle(centre, 9.8e5)]);
        assert!(!beside.reaches_pole());
        let over = polygon(wkid, &[circle(centre, 1.02e6)]);
        assert!(over.reaches_pole(), "{wkid} {centre:?}");
    }
}

#[test]
fn a_ring_that_touches_the_pole_follows_it_from_one_longitude_to_the_other() {
    // A pole has no longitude of its own. Sectors of a third and of two thirds, in every direction.
    let arc = |from: i32, to: i32| -> Ring {
        let at = |degree: i32| f64::from(degree).to_radians().sin_cos();
        let arc = (0..=(from - to) / 2).map(|step| at(from - 2 * step)).map(|(sin, cos)| [cos * 2e6, sin * 2e6]);
        std::iter::once([0.0, 0.0]).chain(arc).chain([[0.0, 0.0]]).collect()
    };
    for wkid in [3031, 3995] {
        for start in [0, 60, 90, 210, 301] {
            for width in [120, 180, 300] {
                let sector = polygon(wkid, &[arc(start + width, start)]);
                assert!(sector.reaches_pole());
            }
        }
    }
}

#[test]
fn a_box_around_a_pole_is_as_large_as_it_was() {
    // Straight edges between few vertices bend in degrees.
    let square = |half: f64| vec![[-half, -half], [-half, half], [half, half], [half, -half], [-half, -half]];
    for wkid in [3031, 3995] {
        polygon(wkid, &[square(3e6)]);
        polygon(wkid, &[square(3e6), square(1e6).into_iter().rev().collect()]);
    }
    // One edge goes through the pole.
    let half = vec![[-3e6, 0.0], [-3e6, 3e6], [3e6, 3e6], [3e6, 0.0], [-3e6, 0.0]];
    polygon(3031, &[half]);
}

#[test]
fn a_line_over_the_pole_is_cut_where_it_crosses_the_meridian_only() {
    let line = |wkid, path: &[[f64; 2]]| Outcome::of("paths", wkid, &[path.to_vec()], &[]);
    let beside = line(3031, &[[-1e5, -2e6], [0.0, -1.9e6], [1e5, -2e6]]);
    // In the south, the 180th meridian goes down from the pole.
    assert_eq!((beside.geometry["type"].as_str(), beside.losses()), (Some("MultiLineString"), vec!["cut-at-antimeridian"]));
    assert_eq!(line(3031, &[[-1e5, 2e6], [1e5, 2e6]]).geometry["type"], "LineString");
    // Past the pole on the side of the meridian, on the other side, and over it.
    assert_eq!(line(3031, &[[-2e6, -1e5], [2e6, -1e5]]).geometry["coordinates"].as_array().unwrap().len(), 2);
    assert_eq!(line(3031, &[[-2e6, 1e5], [2e6, 1e5]]).geometry["type"], "LineString");
    for path in [[[-2e6, 0.0], [2e6, 0.0]], [[0.0, 2e6], [0.0, -2e6]]] {
        let over = line(3031, &path);
        assert!(over.positions().iter().any(|[_, lat]| *lat < -89.999), "{}", over.geometry);
        assert!(over.positions().iter().all(|[lon, _]| lon.abs() <= 180.0));
    }
    let through = line(3995, &[[-1e6, 0.0], [0.0, 0.0], [1e6, 0.0]]);
    assert!(through.positions().contains(&[-90.0, 90.0]) && through.positions().contains(&[90.0, 90.0]), "{}", through.geometry);
}

#[test]
fn longitudes_that_wind_around_once_are_closed_along_the_pole_when_jumps_are_crossings() {
    let coast = |lon: f64| [lon, -72.0 + 3.0 * (lon / 20.0).sin()];
    let open: Ring = (-17..=17).map(|step| coast(f64::from(step) * 10.0)).chain([coast(-170.0)]).collect();
    let naive: Ring = (-18..=18)
        .map(|step| f64::from(step) * 10.0)
        .map(|lon| [lon, coast(lon.abs())[1]])
        .chain([[-180.0, coast(180.0)[1]]])
        .collect();
    for ring in [&open, &naive] {
        for ring in [ring.clone(), ring.iter().rev().copied().collect()] {
            let kept = Outcome::of("rings", 4326, std::slice::from_ref(&ring), &[]);
            assert_eq!((kept.losses(), kept.reaches_pole()), (vec!["long-edge"], false));
            let closed = Outcome::of("rings", 4326, std::slice::from_ref(&ring), &["--antimeridian", "jump"]);
            assert_eq!((closed.losses(), closed.rings()), (vec!["cut-at-antimeridian"], vec![1]));
            // In square degrees: the strip between the coast and the pole.
            let found: f64 = answer(&closed.path(), "SELECT OGR_GEOM_AREA AS answer FROM shape", "OGRSQL").parse().unwrap();
            let wanted: f64 = ring
                .windows(2)
                .map(|e| (e[1][0] - e[0][0], f64::midpoint(e[0][1], e[1][1]) + 90.0))
                .map(|(wide, high)| {
                    let wide = if wide.abs() > 180.0 { wide - 360.0 * wide.signum() } else { wide };
                    wide * high
                })
                .sum();
            assert!((found - wanted.abs()).abs() < 1e-6, "{found} and not {wanted}");
        }
    }
}

#[test]
fn what_is_closed_along_the_pole_already_stays() {
    let mut flat: Ring = (-18..=18).map(|step| f64::from(step) * 10.0).map(|lon| [lon, -72.0 + (lon / 20.0).cos()]).collect();
    flat.extend([[180.0, -90.0], [-180.0, -90.0], flat[0]]);
    let world = vec![[-180.0, -90.0], [-180.0, 90.0], [180.0, 90.0], [180.0, -90.0], [-180.0, -90.0]];
    for ring in [flat, world] {
        for mode in ["fold", "jump"] {
            let outcome = Outcome::of("rings", 4326, std::slice::from_ref(&ring), &["--antimeridian", mode]);
            let mut positions = outcome.positions();
            positions.reverse();
            let (mut ours, mut theirs) = (positions.clone(), ring.clone());
            for list in [&mut ours, &mut theirs] {
                list.pop();
                list.sort_by(|a, b| a.partial_cmp(b).unwrap());
            }
            assert_eq!(ours, theirs, "{mode}");
        }
    }
}
