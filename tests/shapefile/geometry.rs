//! Shapes: every type, null shapes, holes, parts, and what a layer can't hold.

use geohaul::ErrorKind;
use geohaul::model::GeometryKind::{self, Multipatch, Multipoint, Point, Polygon, Polyline};
use geohaul::model::ShapeKind;
use geohaul::model::geometry::Role::{Hole, Shell};
use geohaul::report::LossKind;
use geohaul::write::shapefile::Shapefile;
use serde_json::json;

use crate::readers::{ogrinfo, pyshp};
use crate::rows::{Layer, Vertex};

const SHELL: &[Vertex] = &[[0., 0., 1., 5.], [0., 9., 2., 6.], [9., 9., 3., 7.], [9., 0., 4., 8.], [0., 0., 1., 5.]];
const HOLE: &[Vertex] = &[[1., 1., 1., 1.], [2., 1., 1., 1.], [2., 2., 1., 1.], [1., 2., 1., 1.], [1., 1., 1., 1.]];
const ISLAND: &[Vertex] = &[[20., 0., 0., 0.], [20., 1., 0., 0.], [21., 0., 0., 0.], [20., 0., 0., 0.]];

fn shape_of(kind: GeometryKind) -> ShapeKind {
    match kind {
        Point => ShapeKind::Point,
        Multipoint => ShapeKind::Multipoint,
        Polyline => ShapeKind::Polyline,
        _ => ShapeKind::Polygon,
    }
}

/// The coordinates of a vertex as WKT writes them, with the dimensions that the file has.
fn wkt(vertices: &[Vertex], dimensions: &str) -> String {
    let text = |[x, y, z, m]: &Vertex| match dimensions {
        "z" => format!("{x} {y} {z}"),
        "m" => format!("{x} {y} {m}"),
        "zm" => format!("{x} {y} {z} {m}"),
        _ => format!("{x} {y}"),
    };
    vertices.iter().map(text).collect::<Vec<_>>().join(",")
}

#[test]
fn every_kind_is_written_plain_with_z_with_m_and_with_both() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, code) in [(Point, 1), (Polyline, 3), (Polygon, 5), (GeometryKind::Envelope, 5), (Multipoint, 8)] {
        for (dimensions, offset, tag) in [("", 0, " "), ("z", 10, " Z "), ("m", 20, " M "), ("zm", 10, " ZM ")] {
            let vertices = if kind == Point { &SHELL[1..2] } else { SHELL };
            let layer = Layer::of(Some(kind), dimensions)
                .object_id("OID")
                .parts(shape_of(kind), &[(Shell, vertices)], &["1"])
                .null(&["2"]);
            let path = dir.path().join(format!("{kind}{dimensions}.shp"));
            layer.write(&Shapefile::default(), &path, false).unwrap();

            let read = pyshp(&path);
            assert_eq!(read["type"], code + offset, "{kind} {dimensions}");
            assert_eq!(read["shapes"][0]["type"], code + offset);
            assert_eq!(read["shapes"][1]["type"], 0);
            assert_eq!(read["rows"], json!([[1], [2]]));
            let all = |axis: usize| json!(vertices.iter().map(|v| v[axis]).collect::<Vec<_>>());
            assert_eq!(read["shapes"][0]["points"], json!(vertices.iter().map(|v| [v[0], v[1]]).collect::<Vec<_>>()));
            if dimensions.contains('z') {
                assert_eq!(read["shapes"][0]["z"], all(2), "{kind} {dimensions}");
            }
            if dimensions.contains('m') {
                assert_eq!(read["shapes"][0]["m"], all(3), "{kind} {dimensions}");
            }
            if kind != Point {
                assert_eq!(read["bbox"], json!([0.0, 0.0, 9.0, 9.0]));
                assert_eq!(read["shapes"][0]["bbox"], json!([0.0, 0.0, 9.0, 9.0]));
                assert_eq!(read["z"], if dimensions.contains('z') { json!([1.0, 4.0]) } else { read["z"].clone() });
                assert_eq!(read["m"], if dimensions.contains('m') { json!([5.0, 8.0]) } else { read["m"].clone() });
            }

            let seen = ogrinfo(&path);
            assert!(seen.contains("Feature Count: 2"), "{seen}");
            assert!(seen.contains(&format!("{tag}(")) || seen.contains(&format!("{tag}((")), "{kind} {dimensions}: {seen}");
            assert!(seen.contains(&wkt(&vertices[..1], dimensions)), "{kind} {dimensions}: {seen}");

            let shapes = shapefile::read_shapes(&path).unwrap();
            assert_eq!(shapes.len(), 2);
            assert_ne!(shapes[0].shapetype(), shapefile::ShapeType::NullShape);
        }
    }
}

#[test]
fn holes_and_islands_keep_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let parts: [(_, &[Vertex]); 3] = [(Shell, SHELL), (Hole, HOLE), (Shell, ISLAND)];
    Layer::of(Some(Polygon), "")
        .object_id("OID")
        .parts(ShapeKind::Polygon, &parts, &["1"])
        .write(&Shapefile::default(), &path, false)
        .unwrap();
    assert_eq!(pyshp(&path)["shapes"][0]["parts"], json!([0, 5, 10]));
    assert_eq!(pyshp(&path)["bbox"], json!([0.0, 0.0, 21.0, 9.0]));
    let expected = format!("MULTIPOLYGON ((({}),({})),(({})))", wkt(SHELL, ""), wkt(HOLE, ""), wkt(ISLAND, ""));
    assert!(ogrinfo(&path).contains(&expected), "{}", ogrinfo(&path));
}

#[test]
fn paths_of_a_line_stay_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let parts: [(_, &[Vertex]); 2] = [(Shell, &SHELL[..2]), (Shell, &SHELL[1..4])];
    Layer::of(Some(Polyline), "m").parts(ShapeKind::Polyline, &parts, &[]).write(&Shapefile::default(), &path, false).unwrap();
    let expected = format!("MULTILINESTRING M (({}),({}))", wkt(&SHELL[..2], "m"), wkt(&SHELL[1..4], "m"));
    assert!(ogrinfo(&path).contains(&expected), "{}", ogrinfo(&path));
}

#[test]
fn coordinates_keep_their_bits_unless_decimals_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let [x, y] = [-0.1 - 0.2, 1.797e300];
    let mut layer = Layer::of(Some(Point), "").point(x, y, &[]).point(0.0, -0.0, &[]);
    layer.write(&Shapefile::default(), &path, false).unwrap();
    assert_eq!(pyshp(&path)["shapes"][0]["points"], json!([[x, y]]));
    assert_eq!(pyshp(&path)["shapes"][1]["points"], json!([[0.0, -0.0]]));
    layer.plan.decimals = Some(4);
    layer.write(&Shapefile::default(), &path, true).unwrap();
    assert_eq!(pyshp(&path)["shapes"][0]["points"], json!([[-0.3, y]]));
}

#[test]
fn a_missing_z_becomes_0_and_is_counted_and_a_missing_m_is_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let line: &[Vertex] = &[[1., 2., f64::NAN, f64::NAN], [3., 4., 7., 8.], [5., 6., f64::INFINITY, f64::NAN]];
    let layer = Layer::of(Some(Polyline), "zm").object_id("OID");
    let layer = layer.parts(ShapeKind::Polyline, &[(Shell, &line[1..]), (Shell, line)], &["17"]);
    let (written, _) = layer.write(&Shapefile::default(), &path, false).unwrap();
    let read = pyshp(&path);
    assert_eq!(read["shapes"][0]["z"], json!([7.0, 0.0, 0.0, 7.0, 0.0]));
    assert_eq!(read["shapes"][0]["m"], json!([8.0, null, null, 8.0, null]));
    assert_eq!((&read["z"], &read["m"]), (&json!([0.0, 7.0]), &json!([8.0, 8.0])));
    let loss = written.losses.iter().next().unwrap();
    assert_eq!((loss.kind, loss.count, loss.first.as_deref()), (LossKind::OrdinateFilled, 1, Some("object id 17")));
}

#[test]
fn a_z_layer_whose_page_has_no_z_at_all_is_written_with_0() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let mut layer = Layer::of(Some(Point), "").point(1.0, 2.0, &[]);
    (layer.plan.z, layer.plan.m) = (true, true);
    let (written, _) = layer.write(&Shapefile::default(), &path, false).unwrap();
    assert_eq!(pyshp(&path)["shapes"][0]["z"], json!([0.0]));
    assert_eq!(written.losses.iter().next().unwrap().first.as_deref(), Some("row 0"));
}

#[test]
fn a_multipoint_layer_that_answers_points_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let two = &SHELL[..2];
    let layer = Layer::of(Some(Multipoint), "").point(1.0, 2.0, &[]).parts(ShapeKind::Multipoint, &[(Shell, two)], &[]);
    layer.parts(ShapeKind::Multipoint, &[(Shell, &[])], &[]).write(&Shapefile::default(), &path, false).unwrap();
    let read = pyshp(&path);
    assert_eq!(read["shapes"][0]["type"], 8);
    assert_eq!(read["shapes"][0]["points"], json!([[1.0, 2.0]]));
    assert_eq!(read["shapes"][2]["type"], 0);

    let points = Layer::of(Some(Point), "").parts(ShapeKind::Multipoint, &[(Shell, &two[..1])], &[]);
    points.write(&Shapefile::default(), &path, true).unwrap();
    assert_eq!(pyshp(&path)["shapes"][0]["type"], 1);
}

#[test]
fn a_row_that_does_not_fit_is_an_error_that_names_it_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let layer = Layer::of(Some(Polygon), "").object_id("OID").parts(ShapeKind::Polygon, &[(Shell, SHELL)], &["1"]);
    let layer = layer.parts(ShapeKind::Polyline, &[(Shell, SHELL)], &["17"]);
    let error = layer.write(&Shapefile::default(), &path, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert_eq!(error.place().feature.as_deref(), Some("object id 17"));
    assert_eq!(error.what(), "a Shapefile of polygons can't hold a polyline");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn an_infinite_coordinate_becomes_a_null_shape_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let layer = Layer::of(Some(Point), "").object_id("OID").point(f64::NAN, 1.0, &["4"]).point(1.0, f64::INFINITY, &["5"]);
    let (written, _) = layer.point(1.0, 1.0, &["6"]).write(&Shapefile::default(), &path, false).unwrap();
    let read = pyshp(&path);
    assert_eq!((&read["shapes"][0]["type"], &read["shapes"][1]["type"]), (&json!(0), &json!(0)));
    assert_eq!(read["bbox"], json!([1.0, 1.0, 1.0, 1.0]));
    let loss = written.losses.iter().next().unwrap();
    assert_eq!((loss.kind, loss.count, loss.first.as_deref()), (LossKind::ValueDropped, 2, Some("object id 4")));
}

#[test]
fn kinds_that_no_shapefile_holds_are_refused_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    for (kind, hint) in [(Some(Multipatch), "write GeoJSON"), (None, "write CSV")] {
        let error = Layer::of(kind, "").write(&Shapefile::default(), &path, false).unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Format, Some(hint)));
    }
}
