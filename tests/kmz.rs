//! KMZ, judged by a zip and an XML reader (Python's) and by GDAL's two KML drivers.
#![allow(clippy::unwrap_used)] // in a test, to panic is to report

#[path = "support/rows.rs"]
mod rows;

use std::path::Path;

use geohaul::model::{FieldType, GeometryKind, ShapeKind};
use geohaul::report::LossKind;
use geohaul::write::kmz::{Kml, Kmz};
use rows::{Layer, judge, write};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Opens the archive, parses `doc.kml` and says what is in it as JSON.
const READ: &str = r#"
import json, sys, zipfile, xml.etree.ElementTree as ET
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
entries = [[e.filename, e.compress_type] for e in archive.infolist()]
root = ET.fromstring(archive.read("doc.kml"))
ns = "{http://www.opengis.net/kml/2.2}"
assert root.tag == ns + "kml", root.tag
for element in root.iter():
    assert element.tag.startswith(ns), element.tag
    element.tag = element.tag[len(ns):]
def shape(e):
    return [e.tag] + ([e.text] if len(e) == 0 else [shape(c) for c in e])
def placemark(p):
    data = {d.get("name"): d.text or "" for d in p.iter("SimpleData")}
    geometry = [shape(c) for c in p if c.tag not in ("name", "ExtendedData")]
    return {"tags": [c.tag for c in p], "name": p.findtext("name"), "data": data, "geometry": geometry[0] if geometry else None,
            "schema": [s.get("schemaUrl") for s in p.iter("SchemaData")]}
def layer(d):
    return {"tags": [c.tag for c in d if c.tag != "Placemark"], "name": d.findtext("name"), "placemarks": [placemark(p) for p in d.findall("Placemark")],
            "schemas": [{"id": s.get("id"), "name": s.get("name"), "fields": [[f.get("name"), f.get("type"), f.findtext("displayName")] for f in s]}
                        for s in d.findall("Schema")]}
outer, = root
print(json.dumps({"entries": entries, **layer(outer), "layers": [layer(d) for d in outer.findall("Document")]}))
"#;

fn read(path: &Path) -> Value {
    serde_json::from_str(&judge("python3", &["-c", READ, path.to_str().unwrap()], &[])).unwrap()
}

/// Writes one layer: the document, and what the writer says.
fn written(layer: Layer) -> (Value, geohaul::write::Written) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("out.kmz");
    let written = write(&Kmz, &[layer], &path).unwrap();
    (read(&path), written)
}

/// The geometry of one row.
fn geometry(kind: GeometryKind, shape_kind: ShapeKind, shape: &str) -> Value {
    written(Layer::new("L", Some(kind)).row(shape_kind, shape, &[])).0["placemarks"][0]["geometry"].take()
}

/// What GDAL makes of it: GeoJSON features of one layer, by LIBKML.
fn features(path: &Path, layer: &str) -> Vec<Value> {
    let text = judge("ogr2ogr", &["-f", "GeoJSON", "/vsistdout/", path.to_str().unwrap(), layer], &[]);
    let mut collection: Value = serde_json::from_str(&text).unwrap();
    collection["features"].take().as_array().unwrap().clone()
}

#[test]
fn the_archive_holds_one_deflated_doc_kml() {
    let (document, written) = written(Layer::new("Roads & ways", Some(GeometryKind::Point)));
    assert_eq!(document["entries"], json!([["doc.kml", 8]]));
    assert_eq!(document["name"], "Roads & ways");
    assert_eq!(document["placemarks"], json!([]));
    assert_eq!(written.rows, 0);
}

#[test]
fn plain_kml_is_the_document_of_the_kmz() {
    let dir = TempDir::new().unwrap();
    let layer = || Layer::new("Roads", Some(GeometryKind::Point)).column("NAME", FieldType::String).point(1.0, 2.0, &["\"a\""]);
    let [kmz, kml] = ["a.kmz", "a.kml"].map(|name| dir.path().join(name));
    write(&Kmz, &[layer().page().point(3.0, 4.0, &["null"])], &kmz).unwrap();
    let said = write(&Kml, &[layer().page().point(3.0, 4.0, &["null"])], &kml).unwrap();
    assert_eq!((said.rows, said.warnings.len()), (2, 0));
    let script = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('doc.kml') == open(sys.argv[2], 'rb').read())";
    assert_eq!(judge("python3", &["-c", script, kmz.to_str().unwrap(), kml.to_str().unwrap()], &[]), "True\n");
    assert_eq!(features(&kml, "Roads").len(), 2);
    let two = write(&Kml, &[layer(), layer()], &dir.path().join("b.kml")).unwrap_err();
    assert!(two.to_string().contains("holds one layer"), "{two}");
    assert!(!dir.path().join("b.kml").exists());
}

#[test]
fn columns_become_a_schema_with_kml_types() {
    let mut layer = Layer::new("A <b> & \"c\"", Some(GeometryKind::Point))
        .column("OBJECTID", FieldType::ObjectId)
        .column("SMALL", FieldType::SmallInteger)
        .column("BIG", FieldType::BigInteger)
        .column("SINGLE", FieldType::Single)
        .column("DOUBLE", FieldType::Double)
        .column("WHEN", FieldType::Date)
        .column("a<&>\"'", FieldType::String);
    layer.plan.columns[4].field.alias = Some("Length & width".to_owned());
    let (layer, _) = written(layer);
    assert_eq!(layer["name"], "A <b> & \"c\"");
    assert_eq!(layer["schemas"][0]["name"], "A <b> & \"c\"");
    assert_eq!(
        layer["schemas"][0]["fields"],
        json!([
            ["OBJECTID", "int", null],
            ["SMALL", "short", null],
            ["BIG", "string", null],
            ["SINGLE", "float", null],
            ["DOUBLE", "double", "Length & width"],
            ["WHEN", "string", null],
            ["a<&>\"'", "string", null],
        ])
    );
}

#[test]
fn values_keep_their_digits_and_null_is_not_empty_is_not_zero() {
    let layer = Layer::new("L", Some(GeometryKind::Point))
        .column("OBJECTID", FieldType::ObjectId)
        .column("NAME", FieldType::String)
        .column("BIG", FieldType::BigInteger)
        .column("DOUBLE", FieldType::Double)
        .column("WHEN", FieldType::Date)
        .row(ShapeKind::Point, "1,2", &["1", r#""<Zoë> & 'Co'\r\n""#, "9007199254740993", "1.50", "-1"])
        .row(ShapeKind::Point, "1,2", &["2", "\"\"", "0", "0", "0"])
        .row(ShapeKind::Point, "1,2", &["3", "null", "null", "null", "null"]);
    let (layer, written) = written(layer);
    let rows = layer["placemarks"].as_array().unwrap();
    assert_eq!(rows[0]["name"], "<Zoë> & 'Co'\r\n");
    assert_eq!(
        rows[0]["data"],
        json!({"OBJECTID": "1", "NAME": "<Zoë> & 'Co'\r\n", "BIG": "9007199254740993", "DOUBLE": "1.50", "WHEN": "1969-12-31T23:59:59.999Z"})
    );
    assert_eq!(rows[1]["name"], "");
    assert_eq!(rows[1]["data"], json!({"OBJECTID": "2", "NAME": "", "BIG": "0", "DOUBLE": "0", "WHEN": "1970-01-01T00:00:00Z"}));
    assert_eq!(rows[2]["name"], Value::Null);
    assert_eq!(rows[2]["data"], json!({"OBJECTID": "3"}));
    assert_eq!(rows[0]["tags"], json!(["name", "ExtendedData", "Point"]));
    assert_eq!(rows[0]["schema"], json!([format!("#{}", layer["schemas"][0]["id"].as_str().unwrap())]));
    assert_eq!(written.rows, 3);
    assert!(written.losses.is_empty());
}

#[test]
fn what_kml_cannot_hold_is_counted_with_its_first_feature() {
    let layer = Layer::new("L", Some(GeometryKind::Point))
        .column("OBJECTID", FieldType::ObjectId)
        .column("NAME", FieldType::String)
        .column("DOUBLE", FieldType::Double)
        .column("WHEN", FieldType::Date)
        .row(ShapeKind::Null, "", &["17", r#""a\u0000b\u0001""#, "NaN", "99999999999999999"])
        .page()
        .row(ShapeKind::Null, "", &["18", r#""\uffff""#, "\"seven\"", "\"8/2/2020\""]);
    let (layer, written) = written(layer);
    assert_eq!(layer["placemarks"][0]["data"], json!({"OBJECTID": "17", "NAME": "ab"}));
    assert_eq!(layer["placemarks"][1]["data"], json!({"OBJECTID": "18", "NAME": "", "DOUBLE": "seven", "WHEN": "8/2/2020"}));
    let losses: Vec<_> = written
        .losses
        .iter()
        .map(|loss| (loss.kind, loss.field.as_deref().unwrap(), loss.count, loss.first.as_deref().unwrap()))
        .collect();
    assert_eq!(
        losses,
        [
            (LossKind::ValueDropped, "DOUBLE", 1, "object id 17"),
            (LossKind::ValueDropped, "WHEN", 1, "object id 17"),
            (LossKind::TypeWidened, "DOUBLE", 1, "object id 18"),
            (LossKind::CharactersReplaced, "NAME", 2, "object id 17"),
        ]
    );
}

#[test]
fn a_row_without_geometry_is_kept() {
    let (layer, _) = written(Layer::new("L", Some(GeometryKind::Polygon)).row(ShapeKind::Null, "", &[]));
    assert_eq!(layer["placemarks"][0]["geometry"], Value::Null);
    assert_eq!(layer["schemas"], json!([]));
    assert_eq!(layer["placemarks"][0]["tags"], json!([]));
}

#[test]
fn points_and_lines_keep_their_order() {
    assert_eq!(geometry(GeometryKind::Point, ShapeKind::Point, "0,-0.5"), json!(["Point", ["coordinates", "0,-0.5"]]));
    assert_eq!(
        geometry(GeometryKind::Multipoint, ShapeKind::Multipoint, "1,2 3,4"),
        json!(["MultiGeometry", ["Point", ["coordinates", "1,2"]], ["Point", ["coordinates", "3,4"]]])
    );
    assert_eq!(geometry(GeometryKind::Multipoint, ShapeKind::Multipoint, "1,2"), json!(["Point", ["coordinates", "1,2"]]));
    assert_eq!(
        geometry(GeometryKind::Polyline, ShapeKind::Polyline, "0,0 1,1.5; 2,2 3,3 4,2"),
        json!([
            "MultiGeometry",
            ["LineString", ["tessellate", "1"], ["coordinates", "0,0 1,1.5"]],
            ["LineString", ["tessellate", "1"], ["coordinates", "2,2 3,3 4,2"]]
        ])
    );
}

#[test]
fn shells_turn_counter_clockwise_and_holes_clockwise() {
    let two = "0,0 0,9 9,9 9,0 0,0; 1,1 2,1 2,2 1,2 1,1; 3,3 4,3 4,4 3,4 3,3; 20,0 20,9 29,9 29,0 20,0";
    assert_eq!(
        geometry(GeometryKind::Polygon, ShapeKind::Polygon, two),
        json!([
            "MultiGeometry",
            [
                "Polygon",
                ["tessellate", "1"],
                ["outerBoundaryIs", ["LinearRing", ["coordinates", "0,0 9,0 9,9 0,9 0,0"]]],
                ["innerBoundaryIs", ["LinearRing", ["coordinates", "1,1 1,2 2,2 2,1 1,1"]]],
                ["innerBoundaryIs", ["LinearRing", ["coordinates", "3,3 3,4 4,4 4,3 3,3"]]]
            ],
            ["Polygon", ["tessellate", "1"], ["outerBoundaryIs", ["LinearRing", ["coordinates", "20,0 29,0 29,9 20,9 20,0"]]]]
        ])
    );
}

#[test]
fn heights_are_absolute_and_a_partial_height_is_a_loss() {
    let layer = Layer::new("L", Some(GeometryKind::Polyline))
        .plan(|plan| plan.z = true)
        .row(ShapeKind::Polyline, "0,0,10 1,1,20.5", &[])
        .row(ShapeKind::Polyline, "0,0,NaN 1,1,NaN", &[])
        .row(ShapeKind::Polyline, "0,0,NaN 1,1,5", &[])
        .row(ShapeKind::Point, "0,0,-3", &[])
        .row(ShapeKind::Polygon, "0,0,1 0,1,2 1,1,3 0,0,1", &[]);
    let (layer, written) = written(layer);
    let shapes: Vec<&Value> = layer["placemarks"].as_array().unwrap().iter().map(|p| &p["geometry"]).collect();
    assert_eq!(*shapes[0], json!(["LineString", ["altitudeMode", "absolute"], ["coordinates", "0,0,10 1,1,20.5"]]));
    assert_eq!(*shapes[1], json!(["LineString", ["tessellate", "1"], ["coordinates", "0,0 1,1"]]));
    assert_eq!(*shapes[2], *shapes[1]);
    assert_eq!(*shapes[3], json!(["Point", ["altitudeMode", "absolute"], ["coordinates", "0,0,-3"]]));
    assert_eq!(
        *shapes[4],
        json!([
            "Polygon",
            ["altitudeMode", "absolute"],
            ["outerBoundaryIs", ["LinearRing", ["coordinates", "0,0,1 1,1,3 0,1,2 0,0,1"]]]
        ])
    );
    let losses: Vec<_> = written.losses.iter().map(|loss| (loss.kind, loss.count, loss.first.as_deref().unwrap())).collect();
    assert_eq!(losses, [(LossKind::ZDropped, 1, "row 2")]);
}

#[test]
fn coordinates_are_copied_or_rounded() {
    let coordinates = |layer: Layer| {
        let (layer, _) = written(layer.row(ShapeKind::Point, "12.3456789012345,-0.10", &[]));
        layer["placemarks"][0]["geometry"][1][1].as_str().unwrap().to_owned()
    };
    let layer = || Layer::new("L", Some(GeometryKind::Point));
    assert_eq!(coordinates(layer().keep_text()), "12.3456789012345,-0.10");
    assert_eq!(coordinates(layer()), "12.3456789012345,-0.1");
    assert_eq!(coordinates(layer().keep_text().plan(|plan| plan.decimals = Some(9))), "12.345678901,-0.1");
}

#[test]
fn both_drivers_of_gdal_read_every_layer_with_its_holes() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("out.kmz");
    let parcels = Layer::new("Parcels", Some(GeometryKind::Polygon))
        .column("OBJECTID", FieldType::ObjectId)
        .column("NAME", FieldType::String)
        .column("AREA", FieldType::Double)
        .row(
            ShapeKind::Polygon,
            "0,0 0,9 9,9 9,0 0,0; 1,1 2,1 2,2 1,2 1,1; 20,0 20,9 29,9 29,0 20,0",
            &["1", "\"a & b\"", "80.5"],
        )
        .page()
        .row(ShapeKind::Polygon, "0,0 0,1 1,1 0,0", &["2", "\"\"", "null"]);
    let stations = Layer::new("Stations", Some(GeometryKind::Point)).column("CODE", FieldType::SmallInteger).row(
        ShapeKind::Point,
        "0,51.5",
        &["7"],
    );
    let written = write(&Kmz, &[parcels, stations], &path).unwrap();
    assert_eq!(written.rows, 3);
    assert!(written.warnings.is_empty());

    let found = features(&path, "Parcels");
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0]["geometry"]["coordinates"],
        json!([
            [
                [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0], [0.0, 0.0]],
                [[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 1.0]]
            ],
            [[[20.0, 0.0], [29.0, 0.0], [29.0, 9.0], [20.0, 9.0], [20.0, 0.0]]]
        ])
    );
    assert_eq!(found[0]["properties"]["Name"], "a & b");
    assert_eq!(found[0]["properties"]["OBJECTID"], 1);
    assert_eq!(found[0]["properties"]["AREA"], 80.5);
    assert_eq!(found[1]["properties"]["AREA"], Value::Null);
    let found = features(&path, "Stations");
    assert_eq!(found[0]["geometry"]["coordinates"], json!([0.0, 51.5]));
    assert_eq!(found[0]["properties"]["CODE"], 7);

    let inside = format!("/vsizip/{}/doc.kml", path.display());
    for (path, other) in [(path.to_str().unwrap(), "KML"), (&inside, "KML"), (&inside, "LIBKML")] {
        let text = judge("ogrinfo", &["-ro", "-al", path], &[("GDAL_SKIP", other)]);
        let counts: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Feature Count: ")).collect();
        assert_eq!(counts, ["2", "1"], "{path} without {other}");
        assert!(text.contains("(1 1,1 2,2 2,2 1,1 1)") || text.contains("(1 1 0,1 2 0,2 2 0,2 1 0,1 1 0)"), "{text}");
    }
}

#[test]
fn several_layers_are_a_document_each_with_their_own_schema() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a & b.kmz");
    let layer = |name: &str, column: &str| {
        Layer::new(name, Some(GeometryKind::Point)).column(column, FieldType::Integer).row(ShapeKind::Point, "1,2", &["5"])
    };
    write(&Kmz, &[layer("One", "A"), layer("Two", "A"), layer("Two", "B"), layer("Two", "A")], &path).unwrap();
    let document = read(&path);
    assert_eq!(document["tags"], json!(["name", "Document", "Document", "Document", "Document"]));
    assert_eq!(document["name"], "a & b");
    let layers = document["layers"].as_array().unwrap();
    let names: Vec<&str> = layers.iter().map(|layer| layer["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["One", "Two", "Two", "Two"]);
    // An id may stand only once in a file: the fourth layer, which is like the second, refers to its schema.
    let ids: Vec<String> =
        [0, 1, 2, 1].iter().map(|n| format!("#{}", layers[*n]["schemas"][0]["id"].as_str().unwrap())).collect();
    assert_eq!(layers[3]["schemas"], json!([]));
    for (layer, id) in layers.iter().zip(&ids) {
        assert_eq!(layer["placemarks"][0]["schema"], json!([id]));
        assert_eq!(layer["placemarks"].as_array().unwrap().len(), 1);
    }
    assert_eq!(std::collections::BTreeSet::from_iter(&ids).len(), 3);
}

#[test]
fn more_than_ten_thousand_features_are_a_warning() {
    let many = |count: usize| {
        let dir = TempDir::new().unwrap();
        let layer =
            (0..count).fold(Layer::new("L", Some(GeometryKind::Point)), |layer, _| layer.row(ShapeKind::Point, "1,2", &[]));
        write(&Kmz, &[layer], &dir.path().join("out.kmz")).unwrap().warnings
    };
    assert!(many(10_000).is_empty());
    assert_eq!(many(10_001), ["10001 features in one KMZ: Google Earth becomes slow above 10000"]);
}

#[test]
fn a_failed_export_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("out.kmz");
    let stage = geohaul::write::Stage::open(geohaul::write::Target { path: path.clone(), overwrite: false }).unwrap();
    let layer = Layer::new("L", Some(GeometryKind::Point));
    let lost = geohaul::Error::new(geohaul::ErrorKind::Network, "the server went away");
    let mut events = [Ok(geohaul::write::Event::Begin(layer.plan.into())), Err(lost)].into_iter();
    let error = geohaul::write::Format::write(&Kmz, &stage, &mut events).unwrap_err();
    assert_eq!(error.what(), "the server went away");
    drop(stage);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}
