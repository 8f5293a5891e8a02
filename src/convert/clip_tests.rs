use super::*;
use proptest::prelude::*;

const NONE: f64 = f64::NAN;

fn area(rings: &[&[[f64; 2]]]) -> Clip {
    let rings = rings.iter().map(|ring| ring.to_vec()).collect();
    let area = Area::of_polygons(vec![rings], crate::SpatialReference::from_wkid(4326)).unwrap();
    Clip::new(&area, Some(&Crs::wgs84())).unwrap()
}

fn square(x: f64, y: f64, side: f64) -> Vec<[f64; 2]> {
    vec![[x, y], [x, y + side], [x + side, y + side], [x + side, y], [x, y]]
}

fn reversed(mut ring: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    ring.reverse();
    ring
}

/// A batch of one row with one attribute.
fn batch(kind: ShapeKind, parts: &[(Role, Vec<Vertex>)]) -> Batch {
    let mut geometry = Geometries::default();
    for (role, vertices) in parts {
        for [x, y, z, m] in vertices {
            geometry.xy.push([*x, *y]);
            geometry.z.push(*z);
            geometry.m.push(*m);
        }
        geometry.end_part(*role);
    }
    geometry.end_row(kind);
    Batch { columns: 1, cells: vec![crate::model::Cell::Integer(7)], geometry, ..Batch::default() }
}

fn flat(ring: &[[f64; 2]]) -> Vec<Vertex> {
    ring.iter().map(|[x, y]| [*x, *y, NONE, NONE]).collect()
}

fn polygon(rings: &[(Role, Vec<[f64; 2]>)]) -> Batch {
    let parts: Vec<_> = rings.iter().map(|(role, ring)| (*role, flat(ring))).collect();
    batch(ShapeKind::Polygon, &parts)
}

fn area_of(geometry: &Geometries) -> f64 {
    (0..geometry.rows()).flat_map(|row| geometry.shape(row).parts()).map(|part| signed_area2(part.xy) / -2.0).sum()
}

#[test]
fn a_polygon_is_cut_and_keeps_its_corners_exactly() {
    let odd = 0.1 + 0.2;
    let (left, clipped) = area(&[&square(1.0, 1.0, 4.0)]).apply(polygon(&[(Role::Shell, square(odd, odd, 2.0))]));
    assert_eq!(clipped, Clipped { cut: 1, ..Clipped::default() });
    let mut corners = left.geometry.xy.clone();
    corners.sort_by(|a, b| a.partial_cmp(b).unwrap());
    corners.dedup();
    assert_eq!(corners, [[1.0, 1.0], [1.0, odd + 2.0], [odd + 2.0, 1.0], [odd + 2.0, odd + 2.0]]);
    assert!(signed_area2(&left.geometry.xy) < 0.0, "a shell is clockwise");
}

#[test]
fn holes_of_the_polygon_and_of_the_area_stay_holes() {
    let clip = area(&[&square(0.0, 0.0, 10.0), &reversed(square(4.0, 4.0, 2.0))]);
    let subject = polygon(&[(Role::Shell, square(-5.0, 1.0, 8.0)), (Role::Hole, reversed(square(1.0, 2.0, 1.0)))]);
    let (left, _) = clip.apply(subject);
    assert_eq!(left.geometry.roles, [Role::Shell, Role::Hole]);
    assert!((area_of(&left.geometry) - (3.0 * 8.0 - 1.0)).abs() < 1e-12);
    let (left, _) = clip.apply(polygon(&[(Role::Shell, square(3.0, 3.0, 20.0))]));
    assert!((area_of(&left.geometry) - (7.0 * 7.0 - 4.0)).abs() < 1e-12);
}

#[test]
fn what_lies_inside_is_untouched_and_what_lies_outside_or_only_touches_is_gone() {
    let clip = area(&[&square(0.0, 0.0, 10.0)]);
    let inside = polygon(&[(Role::Shell, square(0.0, 0.0, 10.0))]);
    let texts = vec![[crate::model::Span::default(); 2]; 5];
    let (left, clipped) = clip.apply(Batch { geometry: Geometries { text: texts, ..inside.geometry }, ..inside });
    assert_eq!((clipped.inside, left.geometry.text.len()), (1, 5), "the texts of its numbers are kept");
    for outside in [square(10.0, 0.0, 5.0), square(20.0, 20.0, 1.0), square(10.0, 10.0, 1.0)] {
        let (left, clipped) = clip.apply(polygon(&[(Role::Shell, outside)]));
        assert_eq!((clipped.outside, left.rows(), left.cells.len()), (1, 0, 0));
    }
    let (left, clipped) = clip.apply(polygon(&[]));
    assert_eq!((clipped.outside, left.rows()), (1, 0), "a geometry that is null lies nowhere");
}

#[test]
fn z_and_m_run_along_the_edges_and_a_corner_of_the_area_has_none() {
    let shell =
        vec![[0.0, 0.0, 0.0, 1.0], [0.0, 4.0, 4.0, 1.0], [4.0, 4.0, 8.0, 1.0], [4.0, 0.0, 4.0, 1.0], [0.0, 0.0, 0.0, 1.0]];
    let (left, _) = area(&[&square(1.0, 1.0, 9.0)]).apply(batch(ShapeKind::Polygon, &[(Role::Shell, shell)]));
    let geometry = &left.geometry;
    let z = |at: [f64; 2]| geometry.z[geometry.xy.iter().position(|xy| *xy == at).unwrap()];
    assert_eq!((z([1.0, 4.0]), z([4.0, 4.0]), z([4.0, 1.0])), (5.0, 8.0, 5.0));
    assert!(z([1.0, 1.0]).is_nan());
    let line = vec![[-2.0, 5.0, 0.0, 100.0], [8.0, 5.0, 10.0, 200.0]];
    let (left, _) = area(&[&square(0.0, 0.0, 6.0)]).apply(batch(ShapeKind::Polyline, &[(Role::Shell, line)]));
    assert_eq!((left.geometry.xy.as_slice(), left.geometry.z.as_slice()), (&[[0.0, 5.0], [6.0, 5.0]][..], &[2.0, 8.0][..]));
    assert_eq!(left.geometry.m, [120.0, 180.0]);
}

#[test]
fn a_line_comes_in_pieces_in_its_own_direction() {
    let clip = area(&[&square(0.0, 0.0, 4.0), &reversed(square(1.0, 1.0, 1.0))]);
    let line = flat(&[[5.0, 1.5], [-1.0, 1.5], [-1.0, 3.0], [1.0, 3.0]]);
    let (left, clipped) = clip.apply(batch(ShapeKind::Polyline, &[(Role::Shell, line)]));
    let parts: Vec<Vec<[f64; 2]>> = left.geometry.shape(0).parts().map(|part| part.xy.to_vec()).collect();
    assert_eq!(parts, [[[4.0, 1.5], [2.0, 1.5]], [[1.0, 1.5], [0.0, 1.5]], [[0.0, 3.0], [1.0, 3.0]]]);
    assert_eq!(clipped.cut, 1);
    let border = flat(&[[0.0, 0.0], [0.0, 4.0]]);
    assert_eq!(clip.apply(batch(ShapeKind::Polyline, &[(Role::Shell, border)])).1.inside, 1, "the border belongs to the area");
}

#[test]
fn points_on_the_border_belong_to_the_area() {
    let clip = area(&[&square(0.0, 0.0, 4.0)]);
    let points = flat(&[[0.0, 2.0], [5.0, 5.0], [2.0, 2.0]]);
    let (left, clipped) = clip.apply(batch(ShapeKind::Multipoint, &[(Role::Shell, points)]));
    assert_eq!((left.geometry.xy.as_slice(), clipped.cut), (&[[0.0, 2.0], [2.0, 2.0]][..], 1));
    assert_eq!(clip.apply(batch(ShapeKind::Point, &[(Role::Shell, flat(&[[4.1, 2.0]]))])).1.outside, 1);
}

#[test]
fn the_area_is_brought_into_the_layers_spatial_reference() {
    let box_of = Area::of_box([0.0, 0.0, 1.0, 1.0], &Crs::wgs84()).unwrap();
    let clip = Clip::new(&box_of, Some(&Crs::parse("EPSG:3857").unwrap())).unwrap();
    assert!((clip.high[0] - 111_319.49).abs() < 0.01);
    assert_eq!(Clip::new(&box_of, None).err().unwrap().kind(), ErrorKind::SpatialReference);
}

proptest! {
    /// A star cut at a box and the rest of it (cut at the box's surroundings) have its area together.
    #[test]
    fn what_is_inside_and_what_is_outside_are_the_whole(radii in prop::collection::vec(0.5..9.0f64, 3..40), x in -6.0..6.0f64, y in -6.0..6.0f64) {
        let count = radii.len() as f64;
        let at = |(i, r): (usize, &f64)| {
            let angle = -std::f64::consts::TAU * i as f64 / count;
            [r * angle.cos(), r * angle.sin()]
        };
        let mut star: Vec<[f64; 2]> = radii.iter().enumerate().map(at).collect();
        star.push(star[0]);
        let whole = signed_area2(&star) / -2.0;
        let window = square(x, y, 4.0);
        let inside = area(&[&window]).apply(polygon(&[(Role::Shell, star.clone())])).0;
        let outside = area(&[&square(-50.0, -50.0, 100.0), &reversed(window)]).apply(polygon(&[(Role::Shell, star)])).0;
        let sum = area_of(&inside.geometry) + area_of(&outside.geometry);
        prop_assert!((sum - whole).abs() < 1e-5, "{sum} instead of {whole}");
    }
}
