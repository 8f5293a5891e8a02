//! Geometry through the library, judged by the crate `geo`: areas and points in polygons, mended and exploded
//! geometries, WKB.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use geo::{Area, Contains, LineString, MultiPolygon, Point, Polygon, Validation};
use geohaul::PlanOptions;
use geohaul::convert::{Feature, Geometry, features};
use geohaul::model::ShapeKind;
use geohaul::report::LossKind;
use proptest::prelude::*;
use serde_json::{Value, json};

type Ring = Vec<[f64; 2]>;

/// Rows of these geometries in metres.
fn set(kind: &str, geometries: &[Value]) -> String {
    let rows: Vec<Value> =
        geometries.iter().enumerate().map(|(at, geometry)| json!({"attributes": {"FID": at}, "geometry": geometry})).collect();
    let fields = json!([{"name": "FID", "type": "esriFieldTypeOID"}]);
    json!({"geometryType": kind, "spatialReference": {"wkid": 3857}, "fields": fields, "features": rows}).to_string()
}

fn read(text: String, options: &PlanOptions) -> (Vec<Feature>, Vec<(LossKind, u64)>) {
    let mut rows = features(text, options).unwrap();
    let all = rows.by_ref().collect::<geohaul::Result<Vec<_>>>().unwrap();
    (all, rows.losses().iter().map(|loss| (loss.kind, loss.count)).collect())
}

fn polygons(feature: &Feature) -> MultiPolygon {
    match feature.geometry.as_ref().unwrap().to_geo().unwrap() {
        geo::Geometry::Polygon(polygon) => MultiPolygon::new(vec![polygon]),
        geo::Geometry::MultiPolygon(polygons) => polygons,
        other => panic!("{other:?}"),
    }
}

/// A star around a place: one vertex for each length.
fn star([x, y]: [f64; 2], reach: f64, lengths: &[f64]) -> Ring {
    let turn = std::f64::consts::TAU / lengths.len() as f64;
    let mut ring: Ring = lengths
        .iter()
        .enumerate()
        .map(|(at, length)| {
            let (sin, cos) = (-turn * at as f64).sin_cos();
            [x + reach * length * cos, y + reach * length * sin]
        })
        .collect();
    ring.push(ring[0]);
    ring
}

fn is_in_ring(ring: &Ring, at: [f64; 2]) -> bool {
    Polygon::new(LineString::from(ring.clone()), Vec::new()).contains(&Point::from((at[0], at[1])))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Stars in stars in stars: shell, hole, island in the hole. In any order, from any vertex on, closed or not; all
    /// of them oriented by Esri's rule, or none clockwise.
    #[test]
    fn area_and_points_in_polygons_are_kept_whatever_the_order_of_the_rings(
        lengths in prop::collection::vec(0.7..1.0_f64, 3..20),
        islands in 1..5_usize,
        order in any::<u64>(),
        oriented in any::<bool>(),
        closed in any::<bool>(),
        probes in prop::collection::vec((-1.2..5.2_f64, -1.2..1.2_f64), 40),
    ) {
        let mut rings = Vec::new();
        let mut expected = 0.0;
        for island in 0..islands {
            let centre = [island as f64 * 2.5, 0.0];
            for (depth, reach) in [1.0, 0.6, 0.3, 0.1].into_iter().enumerate() {
                let mut ring = star(centre, reach, &lengths);
                let area = Polygon::new(LineString::from(ring.clone()), Vec::new()).unsigned_area();
                expected += if depth % 2 == 0 { area } else { -area };
                if !oriented || depth % 2 == 1 {
                    ring.reverse();
                }
                rings.push(ring);
            }
        }
        let all = rings.clone();
        let mut state = order | 1;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % below
        };
        for at in (1..rings.len()).rev() {
            rings.swap(at, random(at + 1));
        }
        for ring in &mut rings {
            ring.pop();
            let turn = random(ring.len());
            ring.rotate_left(turn);
            if closed {
                ring.push(ring[0]);
            }
        }
        let (rows, losses) = read(set("esriGeometryPolygon", &[json!({"rings": rings})]), &PlanOptions::default());
        prop_assert_eq!(losses, []);
        let result = polygons(&rows[0]);
        prop_assert!((result.unsigned_area() - expected).abs() < 1e-9, "{} {expected}", result.unsigned_area());
        prop_assert_eq!(result.0.len(), 2 * islands);
        for (x, y) in probes {
            let inside = all.iter().filter(|ring| is_in_ring(ring, [x, y])).count() % 2 == 1;
            prop_assert_eq!(result.contains(&Point::from((x, y))), inside, "{} {}", x, y);
        }
    }

    #[test]
    fn geometries_come_back_from_geo_and_from_wkb(
        vertices in prop::collection::vec((-1e7..1e7_f64, -1e7..1e7_f64), 2..30),
        lengths in prop::collection::vec(0.5..1.0_f64, 3..12),
    ) {
        let line: Ring = vertices.iter().map(|(x, y)| [*x, *y]).collect();
        let (shell, mut hole) = (star([5.0, 5.0], 9.0, &lengths), star([5.0, 5.0], 3.0, &lengths));
        hole.reverse();
        let with_z: Vec<Vec<f64>> = line.iter().map(|[x, y]| vec![*x, *y, x + y]).collect();
        for (kind, geometry) in [
            ("esriGeometryPoint", json!({"x": line[0][0], "y": line[0][1]})),
            ("esriGeometryMultipoint", json!({"points": line})),
            ("esriGeometryPolyline", json!({"paths": [line, line]})),
            ("esriGeometryPolyline", json!({"paths": [with_z], "hasZ": true})),
            ("esriGeometryPolygon", json!({"rings": [shell, hole, star([100.0, 0.0], 2.0, &lengths)]})),
        ] {
            let (rows, _) = read(set(kind, &[geometry]), &PlanOptions::default());
            let geometry = rows[0].geometry.clone().unwrap();
            prop_assert_eq!(&Geometry::from_wkb(&geometry.to_wkb()).unwrap(), &geometry);
            let flat = Geometry::from_geo(&geometry.to_geo().unwrap()).unwrap();
            prop_assert_eq!(flat.shape().xy(), geometry.shape().xy());
            prop_assert_eq!(flat.to_geo(), geometry.to_geo());
        }
    }

    #[test]
    fn bytes_that_are_no_wkb_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in 0..20_u8) {
        let _ = Geometry::from_wkb(&bytes);
        let _ = Geometry::from_wkb(&[&[1, kind, 0, 0, 0], &bytes[..]].concat());
    }
}

#[test]
fn wkb_of_other_programs_is_read_in_either_byte_order_and_with_an_srid() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    // SELECT ST_AsEWKB(ST_SetSRID(ST_MakePoint(1, 2, 3), 4326)) in PostGIS.
    let point = Geometry::from_wkb(&hex("01010000A0E6100000000000000000F03F00000000000000400000000000000840")).unwrap();
    assert_eq!((point.shape().xy(), point.shape().z()), ([[1.0, 2.0]].as_slice(), [3.0].as_slice()));
    let big_endian = Geometry::from_wkb(&hex("00000000013FF00000000000004000000000000000")).unwrap();
    assert_eq!(big_endian.shape().xy(), [[1.0, 2.0]]);
    assert!(Geometry::from_wkb(&hex("0101000000000000000000F03F")).is_err());
    assert!(Geometry::from_wkb(&hex("01030000000100000000000080")).is_err(), "a count beyond the bytes");
}

#[test]
fn a_figure_of_eight_is_kept_although_its_area_is_zero_and_a_path_there_and_back_is_counted() {
    let eight = json!({"rings": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]});
    let there_and_back = json!({"rings": [[[0, 0], [2, 2], [5, 0], [2, 2], [0, 0]]]});
    let (rows, losses) = read(set("esriGeometryPolygon", &[eight, there_and_back]), &PlanOptions::default());
    assert_eq!(rows[0].geometry.as_ref().unwrap().shape().xy().len(), 5);
    assert!(rows[1].geometry.is_none());
    assert_eq!(losses, [(LossKind::RingDropped, 1)]);
}

#[test]
fn a_figure_of_eight_is_cut_from_the_square_around_it_and_not_from_a_smaller_one_inside() {
    let square = |r: i64| json!([[-r, -r], [-r, r], [r, r], [r, -r], [-r, -r]]);
    let eight = json!([[-9, -9], [9, 9], [-9, 9], [9, -9], [-9, -9]]);
    let (rows, _) =
        read(set("esriGeometryPolygon", &[json!({"rings": [square(10), eight, square(1)]})]), &PlanOptions::default());
    assert_eq!(rows[0].geometry.as_ref().unwrap().shape().xy()[5], [-9.0, -9.0], "the hole follows its shell");
}

#[test]
fn make_valid_mends_what_is_broken_and_leaves_the_rest_as_it_is() {
    let eight = json!({"rings": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]});
    let overlap = json!({"rings": [[[0, 0], [0, 4], [4, 4], [4, 0], [0, 0]], [[2, 2], [2, 6], [6, 6], [6, 2], [2, 2]]]});
    let touching = json!({"rings": [[[0, 0], [0, 4], [2, 4], [1, 2], [2, 4], [4, 4], [4, 0], [0, 0]]]});
    let fine = json!({"rings": [[[0.1, 0.2], [0, 4], [4, 4], [4, 0], [0.1, 0.2]], [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]]});
    let all = [eight, overlap, touching, fine.clone()];
    let options = PlanOptions { make_valid: true, ..PlanOptions::default() };
    let (rows, losses) = read(set("esriGeometryPolygon", &all), &options);
    assert_eq!(losses, [(LossKind::MadeValid, 3)]);
    for (row, area) in rows.iter().zip([2.0, 28.0, 16.0, 14.4]) {
        let polygons = polygons(row);
        assert!(polygons.is_valid(), "{polygons:?}");
        assert!((polygons.unsigned_area() - area).abs() < 1e-6, "{} {area}", polygons.unsigned_area());
    }
    assert_eq!(polygons(&rows[0]).0.len(), 2);
    let (untouched, _) = read(set("esriGeometryPolygon", &[fine]), &PlanOptions::default());
    assert_eq!(rows[3].geometry, untouched[0].geometry);
}

#[test]
fn explode_gives_each_part_a_row_with_the_attributes() {
    let options = PlanOptions { explode: true, ..PlanOptions::default() };
    let island = |x: i32| json!([[x, 0], [x, 4], [x + 4, 4], [x + 4, 0], [x, 0]]);
    let hole = json!([[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]);
    let (rows, _) = read(set("esriGeometryPolygon", &[json!({"rings": [island(0), island(10), hole]}), Value::Null]), &options);
    assert_eq!(rows.iter().map(|row| row.properties["FID"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!([polygons(&rows[0]).unsigned_area(), polygons(&rows[1]).unsigned_area()], [15.0, 16.0]);
    assert!(rows[2].geometry.is_none());
    let (rows, _) = read(set("esriGeometryMultipoint", &[json!({"points": [[1, 2], [3, 4], [5, 6]]})]), &options);
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.geometry.as_ref().unwrap().shape().kind == ShapeKind::Point));
    let (rows, _) =
        read(set("esriGeometryPolyline", &[json!({"paths": [[[0, 0], [1, 1]], [[2, 2], [3, 3], [4, 4]]]})]), &options);
    assert_eq!(rows[1].geometry.as_ref().unwrap().shape().xy(), [[2.0, 2.0], [3.0, 3.0], [4.0, 4.0]]);
}

#[test]
fn a_hundred_thousand_rings_in_one_polygon_are_nested_in_seconds() {
    let square = |x: f64, y: f64, r: f64, clockwise: bool| -> Ring {
        let mut ring = vec![[x - r, y - r], [x - r, y + r], [x + r, y + r], [x + r, y - r], [x - r, y - r]];
        if !clockwise {
            ring.reverse();
        }
        ring
    };
    let apart: Vec<Ring> = (0..100_000)
        .map(|at| square(f64::from(at / 2 % 250), f64::from(at / 500), if at % 2 == 0 { 0.4 } else { 0.2 }, at % 2 == 0))
        .collect();
    let (rows, _) = read(set("esriGeometryPolygon", &[json!({"rings": apart})]), &PlanOptions::default());
    assert_eq!(rows[0].geometry.as_ref().unwrap().shape().polygon_sizes().filter(|rings| *rings == 2).count(), 50_000);
    // One in another, each in all before it.
    let nested: Vec<Ring> = (0..100_000).map(|at| square(0.0, 0.0, f64::from(at + 1), at % 2 == 1)).collect();
    let (rows, _) = read(set("esriGeometryPolygon", &[json!({"rings": nested})]), &PlanOptions::default());
    assert_eq!(rows[0].geometry.as_ref().unwrap().shape().polygon_sizes().collect::<Vec<_>>(), vec![2; 50_000]);
}
