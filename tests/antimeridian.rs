//! What an output gets of a batch's geometries: reprojected, cut at the 180th meridian, or as they are.
#![cfg(feature = "gdal")]
#![allow(clippy::unwrap_used)] // A test may, in its helpers too.

use geohaul::convert::{self, CrsChoice, PlanOptions};
use geohaul::model::geometry::{Role, signed_area2};
use geohaul::model::plan::Antimeridian;
use geohaul::model::{Batch, Geometries, GeometryKind, Header, ShapeKind, Transform, WritePlan};
use geohaul::report::LossKind;
use geohaul::{Crs, SpatialReference};
use proptest::prelude::*;

fn plan_for(sr: &str, kind: GeometryKind, format: &str, options: &PlanOptions) -> WritePlan {
    let mut header = Header::new("layer");
    header.geometry = Some(kind);
    header.spatial_reference = Some(if sr.contains('[') {
        SpatialReference { wkt: Some(sr.to_owned()), ..SpatialReference::default() }
    } else {
        SpatialReference::from_wkid(sr.parse().unwrap())
    });
    let format = geohaul::write::format_by_name(format).unwrap();
    let plan = convert::plan(&header, &[format.info()], options).unwrap();
    WritePlan::clone(&plan.outputs[0].write)
}

fn geojson(sr: &str, kind: ShapeKind, parts: &[Vec<[f64; 2]>]) -> (Geometries, Vec<LossKind>) {
    with_mode(sr, kind, parts, Antimeridian::Fold)
}

/// One row through the plan of a GeoJSON output. A counter-clockwise ring is a hole.
fn with_mode(sr: &str, kind: ShapeKind, parts: &[Vec<[f64; 2]>], antimeridian: Antimeridian) -> (Geometries, Vec<LossKind>) {
    let mut batch = Batch::default();
    add_row(&mut batch.geometry, kind, parts);
    let kind = if kind == ShapeKind::Polygon { GeometryKind::Polygon } else { GeometryKind::Polyline };
    let plan = plan_for(sr, kind, "geojson", &PlanOptions { antimeridian, ..PlanOptions::default() });
    let (geometry, losses) = convert::for_output(&batch, &plan).unwrap();
    (geometry.into_owned(), losses.iter().map(|loss| loss.kind).collect())
}

fn add_row(geometry: &mut Geometries, kind: ShapeKind, parts: &[Vec<[f64; 2]>]) {
    for part in parts {
        geometry.xy.extend(part);
        let hole = kind == ShapeKind::Polygon && signed_area2(part) > 0.0;
        geometry.end_part(if hole { Role::Hole } else { Role::Shell });
    }
    geometry.end_row(kind);
}

fn rings(geometry: &Geometries) -> Vec<Vec<[f64; 2]>> {
    geometry.shape(0).parts().map(|part| part.xy.to_vec()).collect()
}

/// Clockwise.
fn boxed(west: f64, south: f64, east: f64, north: f64) -> Vec<[f64; 2]> {
    vec![[west, south], [west, north], [east, north], [east, south], [west, south]]
}

fn area(geometry: &Geometries) -> f64 {
    geometry.shape(0).parts().map(|part| -signed_area2(part.xy) / 2.0).sum()
}

fn longitudes_fit(geometry: &Geometries) -> bool {
    geometry.xy.iter().all(|[x, _]| x.abs() <= 180.0)
}

#[test]
fn what_an_output_wants_as_it_is_is_borrowed() {
    let mut batch = Batch::default();
    add_row(&mut batch.geometry, ShapeKind::Polygon, &[boxed(10.0, 0.0, 180.0, 5.0)]);
    let plan = plan_for("4326", GeometryKind::Polygon, "geojson", &PlanOptions::default());
    let (geometry, losses) = convert::for_output(&batch, &plan).unwrap();
    assert!(matches!(geometry, std::borrow::Cow::Borrowed(_)) && losses.is_empty());
    let native = PlanOptions { crs: CrsChoice::Native, ..PlanOptions::default() };
    let plan = plan_for("27700", GeometryKind::Polygon, "geojson", &native);
    assert!(matches!(convert::for_output(&batch, &plan).unwrap().0, std::borrow::Cow::Borrowed(_)));
}

#[test]
fn a_geometry_without_a_place_is_null_counted_and_named_and_its_neighbours_stay() {
    let mut batch = Batch { rows_before: 40, ..Batch::default() };
    let good = boxed(500_000.0, 5_800_000.0, 500_100.0, 5_800_100.0);
    for ring in [&good, &boxed(1e30, 0.0, 2e30, 5.0), &good] {
        add_row(&mut batch.geometry, ShapeKind::Polygon, std::slice::from_ref(ring));
    }
    batch.geometry.z = (0..15).map(f64::from).collect();
    let plan = plan_for("32633", GeometryKind::Polygon, "geojson", &PlanOptions::default());
    let (geometry, losses) = convert::for_output(&batch, &plan).unwrap();
    assert_eq!(geometry.kinds, [ShapeKind::Polygon, ShapeKind::Null, ShapeKind::Polygon]);
    assert_eq!(geometry.shape(0).xy(), geometry.shape(2).xy());
    assert_eq!(geometry.shape(2).z(), [10.0, 11.0, 12.0, 13.0, 14.0]);
    let losses: Vec<_> = losses.iter().map(|loss| (loss.kind, loss.count, loss.first.as_deref())).collect();
    assert_eq!(losses, [(LossKind::NotTransformed, 1, Some("row 41"))]);
}

#[test]
fn rings_stay_clockwise_where_the_axes_point_to_other_sides() {
    // Krovak's own axes point south and west.
    let mut ring = [[15.0, 49.0], [15.0, 50.0], [16.0, 50.0], [16.0, 49.0], [15.0, 49.0]];
    let krovak = Crs::parse("EPSG:5513").unwrap();
    Transform::between(&Crs::wgs84(), &krovak).unwrap().unwrap().apply(&mut ring).unwrap();
    assert!(signed_area2(&ring) > 0.0, "mirrored: {ring:?}");
    ring.reverse();
    let (geometry, _) = geojson("5513", ShapeKind::Polygon, &[ring.to_vec()]);
    assert!(area(&geometry) > 0.9, "{geometry:?}");
}

#[test]
fn a_box_around_the_world_survives_and_is_counted() {
    let world = boxed(-180.0, -90.0, 180.0, 90.0);
    let (geometry, losses) = geojson("4326", ShapeKind::Polygon, std::slice::from_ref(&world));
    assert_eq!((rings(&geometry), losses), (vec![world], vec![LossKind::LongEdge]));
    for (sr, x, y) in
        [("102100", 20_037_508.342_789_244, 15e6), ("102100", 20_037_508.342_8, 15e6), ("54003", 20_015_109.356_056, 12e6)]
    {
        let (geometry, losses) = geojson(sr, ShapeKind::Polygon, &[boxed(-x, -y, x, y)]);
        let xs: Vec<f64> = geometry.xy.iter().map(|[x, _]| *x).collect();
        assert_eq!((xs, losses), (vec![-180.0, -180.0, 180.0, 180.0, -180.0], vec![LossKind::LongEdge]), "{sr}");
    }
}

#[test]
fn a_box_from_170_to_190_is_cut_into_two() {
    let expected = [boxed(170.0, 0.0, 180.0, 9.0), boxed(-180.0, 0.0, -170.0, 9.0)];
    let (geometry, losses) = geojson("4326", ShapeKind::Polygon, &[boxed(170.0, 0.0, 190.0, 9.0)]);
    assert_eq!(losses, [LossKind::CutAtAntimeridian]);
    assert_eq!((area(&geometry), geometry.roles.as_slice()), (180.0, [Role::Shell, Role::Shell].as_slice()));
    let bounds = |ring: &[[f64; 2]]| ring.iter().fold([f64::MAX, f64::MIN], |[low, high], [x, _]| [low.min(*x), high.max(*x)]);
    for (ring, expected) in rings(&geometry).iter().zip(&expected) {
        assert_eq!(bounds(ring), bounds(expected));
        assert_eq!((ring.first(), ring.len()), (ring.last(), 5));
    }
    // The same through another datum, whose transformation wraps longitudes, and beyond web mercator's edge.
    let (geometry, losses) = geojson("4269", ShapeKind::Polygon, &[boxed(170.0, 50.0, 190.0, 59.0)]);
    assert!((area(&geometry) - 180.0).abs() < 1e-3 && losses == [LossKind::CutAtAntimeridian], "{geometry:?}");
    let metre = 111_319.490_793_273_57;
    let (geometry, _) = geojson("102100", ShapeKind::Polygon, &[boxed(170.0 * metre, 0.0, 190.0 * metre, 1e6)]);
    assert!(geometry.row_ends == [2] && longitudes_fit(&geometry));
}

#[test]
fn a_hole_stays_a_hole_of_the_piece_it_lies_in() {
    let hole = |west: f64| boxed(west, 3.0, west + 1.0, 4.0).into_iter().rev().collect::<Vec<_>>();
    let (geometry, _) =
        geojson("4326", ShapeKind::Polygon, &[boxed(170.0, 0.0, 190.0, 9.0), hole(171.0), hole(188.0), hole(186.0)]);
    assert_eq!(area(&geometry), 177.0);
    assert_eq!(geometry.shape(0).polygon_sizes().collect::<Vec<_>>(), [2, 3]);
    // The hole's longitudes may be given in the other world than the shell's.
    let (geometry, _) = geojson("4326", ShapeKind::Polygon, &[boxed(170.0, 0.0, 190.0, 9.0), hole(-172.0)]);
    assert_eq!(geometry.shape(0).polygon_sizes().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_long_edge_in_longitude_and_latitude_jumps_only_if_asked() {
    let path = vec![[170.0, 0.0], [-170.0, 10.0]];
    let (geometry, losses) = geojson("4326", ShapeKind::Polyline, std::slice::from_ref(&path));
    assert_eq!((rings(&geometry), losses), (vec![path.clone()], vec![LossKind::LongEdge]));
    let (geometry, losses) = with_mode("4326", ShapeKind::Polyline, std::slice::from_ref(&path), Antimeridian::Jump);
    assert_eq!(rings(&geometry), [[[170.0, 0.0], [180.0, 5.0]], [[-180.0, 5.0], [-170.0, 10.0]]]);
    assert_eq!(losses, [LossKind::CutAtAntimeridian]);
    let beyond = vec![[170.0, 0.0], [190.0, 10.0]];
    let (geometry, losses) = with_mode("4326", ShapeKind::Polyline, std::slice::from_ref(&beyond), Antimeridian::Off);
    assert_eq!((rings(&geometry), losses), (vec![beyond], vec![]));
}

/// Alaska Albers of a box in degrees, whose longitudes may run beyond 180.
fn in_alaska_albers(ring: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut ring = ring.to_vec();
    Transform::between(&Crs::wgs84(), &Crs::parse("3338").unwrap()).unwrap().unwrap().apply(&mut ring).unwrap();
    ring
}

#[test]
fn alaskas_islands_across_the_meridian_are_cut_there() {
    let degrees = boxed(172.0, 51.0, 188.0, 54.0);
    let (geometry, losses) = geojson("3338", ShapeKind::Polygon, &[in_alaska_albers(&degrees)]);
    assert_eq!(losses, [LossKind::CutAtAntimeridian]);
    assert!(longitudes_fit(&geometry) && geometry.row_ends == [2], "{geometry:?}");
    assert!((area(&geometry) - 48.0).abs() < 1e-4, "{}", area(&geometry));
    let path = in_alaska_albers(&[[178.0, 51.0], [-179.0, 52.0], [-178.0, 52.0], [179.0, 53.0]]);
    let (geometry, _) = geojson("3338", ShapeKind::Polyline, &[path]);
    assert_eq!(geometry.row_ends, [3]);
    assert!(longitudes_fit(&geometry));
}

#[test]
fn a_border_along_the_meridian_is_not_cut_into_slivers() {
    let west: Vec<[f64; 2]> =
        in_alaska_albers(&[[175.0, 51.0], [175.0, 54.0], [180.0, 54.0], [180.0, 52.5], [180.0, 51.0], [175.0, 51.0]]);
    let (geometry, losses) = geojson("3338", ShapeKind::Polygon, &[west]);
    assert_eq!((geometry.row_ends.as_slice(), losses), ([1].as_slice(), vec![]));
    assert!((area(&geometry) - 15.0).abs() < 1e-4);
}

#[test]
fn points_beyond_the_meridian_are_folded_with_their_z_and_m() {
    let mut batch = Batch::default();
    add_row(&mut batch.geometry, ShapeKind::Point, &[vec![[10.0, 1.0]]]);
    add_row(&mut batch.geometry, ShapeKind::Null, &[]);
    add_row(&mut batch.geometry, ShapeKind::Multipoint, &[vec![[-190.0, 1.0], [180.0, 2.0], [359.0, 3.0]]]);
    batch.geometry.z = vec![1.0, 2.0, 3.0, 4.0];
    let plan = plan_for("4326", GeometryKind::Point, "geojson", &PlanOptions::default());
    let (geometry, losses) = convert::for_output(&batch, &plan).unwrap();
    assert_eq!(geometry.xy, [[10.0, 1.0], [170.0, 1.0], [180.0, 2.0], [-1.0, 3.0]]);
    assert_eq!((&geometry.z, &geometry.kinds, geometry.m.len()), (&batch.geometry.z, &batch.geometry.kinds, 0));
    let losses: Vec<_> = losses.iter().map(|loss| (loss.kind, loss.first.as_deref())).collect();
    assert_eq!(losses, [(LossKind::Folded, Some("row 2"))]);
}

#[test]
fn a_track_that_winds_around_the_pole_is_cut_at_each_turn() {
    let track: Vec<[f64; 2]> =
        (0..=360).map(|i| f64::from(i * 40).to_radians().sin_cos()).map(|(s, c)| [c * 2e6, s * 2e6]).collect();
    let (geometry, losses) = geojson("3413", ShapeKind::Polyline, &[track]);
    assert_eq!((geometry.row_ends.as_slice(), losses), ([41].as_slice(), vec![LossKind::CutAtAntimeridian]));
    assert!(longitudes_fit(&geometry));
}

#[test]
fn projected_coordinates_that_are_called_degrees_are_left_alone_and_counted() {
    let ring = boxed(500_000.0, 4_649_776.0, 500_100.0, 4_649_876.0);
    let (geometry, losses) = geojson("4326", ShapeKind::Polygon, std::slice::from_ref(&ring));
    assert_eq!((rings(&geometry), losses), (vec![ring], vec![LossKind::NotOnEarth]));
}

#[test]
fn another_crs_than_wgs84_is_not_cut() {
    let mut batch = Batch::default();
    add_row(&mut batch.geometry, ShapeKind::Polygon, &[boxed(170.0, 50.0, 190.0, 59.0)]);
    let options = PlanOptions { crs: CrsChoice::Native, ..PlanOptions::default() };
    let plan = plan_for("4326", GeometryKind::Polygon, "geojson", &options);
    let (geometry, losses) = convert::for_output(&batch, &plan).unwrap();
    assert!(losses.is_empty() && geometry.xy.len() == 5);
}

fn star(centre: f64, reach: f64, spokes: &[f64]) -> Vec<[f64; 2]> {
    let step = -std::f64::consts::TAU / spokes.len() as f64;
    let vertex = |(at, length): (usize, &f64)| {
        let (sin, cos) = (at as f64 * step).sin_cos();
        [centre + cos * length * reach, sin * length * 40.0]
    };
    let mut ring: Vec<[f64; 2]> = spokes.iter().enumerate().map(vertex).collect();
    ring.push(ring[0]);
    ring
}

/// Clockwise, in metres, around a place of a polar map.
fn polar_star([x, y]: [f64; 2], reach: f64, spokes: &[f64]) -> Vec<[f64; 2]> {
    let at = |step: usize| {
        let step = step % spokes.len();
        let (sin, cos) = (-(step as f64) / spokes.len() as f64 * std::f64::consts::TAU).sin_cos();
        [x + cos * reach * spokes[step], y + sin * reach * spokes[step]]
    };
    (0..=spokes.len()).map(at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cutting_a_polygon_keeps_its_area_and_its_holes(
        centre in -500.0..500.0_f64,
        reach in 1.0..120.0_f64,
        spokes in prop::collection::vec(0.2..1.0_f64, 5..40),
    ) {
        let inner: Vec<f64> = spokes.iter().map(|length| length * 0.5).collect();
        let mut hole = star(centre, reach, &inner);
        hole.reverse();
        let rings = [star(centre, reach, &spokes), hole];
        let before: f64 = rings.iter().map(|ring| -signed_area2(ring) / 2.0).sum();
        let (geometry, _) = geojson("4326", ShapeKind::Polygon, &rings);
        prop_assert!(longitudes_fit(&geometry));
        prop_assert!((area(&geometry) - before).abs() < 1e-8 * before, "{} {before}", area(&geometry));
        for part in geometry.shape(0).parts() {
            prop_assert_eq!(part.xy.first(), part.xy.last());
            prop_assert_eq!(signed_area2(part.xy) < 0.0, part.role == Role::Shell);
        }
    }

    #[test]
    fn a_polygon_around_or_beside_a_pole_keeps_its_area_and_its_holes(
        centre in [-1.5e6..1.5e6_f64, -1.5e6..1.5e6_f64],
        sizes in prop::collection::vec(0.8..1.0_f64, 120),
        inner in 0.1..0.7_f64,
        south in any::<bool>(),
    ) {
        let wkid = if south { "3031" } else { "3995" };
        let mut hole = polar_star(centre, 1.5e6 * inner, &sizes);
        hole.reverse();
        let rings = [polar_star(centre, 1.5e6, &sizes), hole];
        let before: f64 = rings.iter().map(|ring| -signed_area2(ring) / 2.0).sum();
        let (mut geometry, _) = geojson(wkid, ShapeKind::Polygon, &rings);
        prop_assert!(longitudes_fit(&geometry));
        for part in geometry.shape(0).parts() {
            prop_assert_eq!(part.xy.first(), part.xy.last());
            prop_assert_eq!(signed_area2(part.xy) < 0.0, part.role == Role::Shell);
        }
        let back = Transform::between(&Crs::wgs84(), &Crs::parse(wkid).unwrap()).unwrap().unwrap();
        back.apply(&mut geometry.xy).unwrap();
        prop_assert!((area(&geometry) / before - 1.0).abs() < 0.01, "{} {before}", area(&geometry));
    }

    #[test]
    fn cutting_a_path_keeps_its_length_and_its_vertices(
        xs in prop::collection::vec(-540.0..540.0_f64, 2..30),
        step in 0.1..5.0_f64,
    ) {
        let path: Vec<[f64; 2]> = xs.iter().enumerate().map(|(i, x)| [*x, i as f64 * step / 2.0]).collect();
        let length = |path: &[[f64; 2]]| path.windows(2).map(|e| (e[1][0] - e[0][0]).abs() + (e[1][1] - e[0][1]).abs()).sum::<f64>();
        let (geometry, _) = geojson("4326", ShapeKind::Polyline, std::slice::from_ref(&path));
        prop_assert!(longitudes_fit(&geometry));
        let after: f64 = geometry.shape(0).parts().map(|part| length(part.xy)).sum();
        prop_assert!((after - length(&path)).abs() < 1e-6, "{after} {}", length(&path));
        for [x, y] in path {
            let found = geometry.xy.iter().any(|[a, b]| *b == y && ((a - x) / 360.0 - ((a - x) / 360.0).round()).abs() < 1e-12);
            prop_assert!(found);
        }
    }

    #[test]
    fn no_coordinates_make_it_panic(
        numbers in prop::collection::vec(any::<f64>(), 8..40),
        polygon in any::<bool>(),
        jump in any::<bool>(),
        sr in prop::sample::select(vec!["4326", "102100", "3338", "4269", "3031"]),
    ) {
        let mut part: Vec<[f64; 2]> = numbers.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
        part.push(part[0]);
        let kind = if polygon { ShapeKind::Polygon } else { ShapeKind::Polyline };
        with_mode(sr, kind, &[part], if jump { Antimeridian::Jump } else { Antimeridian::Fold });
    }

    #[test]
    fn no_jumps_make_it_panic_or_lose_a_ring(
        numbers in prop::collection::vec((-180.0..=180.0_f64, -90.0..=90.0_f64), 3..30),
        jump in any::<bool>(),
        sr in prop::sample::select(vec![("4326", 1.0), ("102100", 111_319.49), ("3338", 30_000.0), ("3031", 50_000.0)]),
    ) {
        let (sr, scale) = sr;
        let mut part: Vec<[f64; 2]> = numbers.iter().map(|(x, y)| [x * scale, y * scale]).collect();
        part.push(part[0]);
        if signed_area2(&part) > 0.0 {
            part.reverse();
        }
        let (geometry, losses) = with_mode(sr, ShapeKind::Polygon, &[part], if jump { Antimeridian::Jump } else { Antimeridian::Fold });
        prop_assert!(geometry.kinds == [ShapeKind::Polygon] && geometry.row_ends[0] > 0 || losses.contains(&LossKind::NotTransformed));
        prop_assert!(longitudes_fit(&geometry));
    }
}
