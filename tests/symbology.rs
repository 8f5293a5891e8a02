//! A KMZ that looks like the layer: its styles, as GDAL's reader of KML understands them, against the renderer.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/demo.rs"]
mod demo;
#[path = "support/rows.rs"]
mod rows;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use demo::Demo;
use geohaul::model::plan::ColumnKind;
use geohaul::model::{Domain, Drawing, Field, FieldType, GeometryKind, ShapeKind};
use geohaul::write::kmz::{Kml, Kmz};
use rows::{Layer, judge, write};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How often each style occurs among the features.
fn styles(path: &Path) -> BTreeMap<String, usize> {
    let text = judge("ogrinfo", &["-al", path.to_str().unwrap()], &[("LIBKML_RESOLVE_STYLE", "YES")]);
    let mut found = BTreeMap::new();
    for style in text.lines().filter_map(|line| line.trim().strip_prefix("Style = ")) {
        *found.entry(style.to_owned()).or_insert(0) += 1;
    }
    found
}

/// `doc.kml`, and the names of the other entries, by Python's zip reader.
fn archive(path: &Path) -> (String, Vec<String>) {
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nprint('\\n'.join(z.namelist()))\nprint('---')\nprint(z.read('doc.kml').decode())";
    let text = judge("python3", &["-c", script, path.to_str().unwrap()], &[]);
    let (names, kml) = text.split_once("\n---\n").unwrap();
    let mut names = names.lines().map(str::to_owned);
    assert_eq!(names.next().as_deref(), Some("doc.kml"), "it comes first");
    (kml.to_owned(), names.collect())
}

/// A layer whose drawing is this.
fn drawn(layer: Layer, json: Value) -> Layer {
    layer.plan(|plan| {
        let fields = plan.columns.iter().map(|column| column.field.name.clone()).collect();
        plan.drawing = Drawing::of(&json).map(|drawing| Arc::new(Drawing { fields, ..drawing }));
    })
}

fn written(layer: Layer) -> (TempDir, std::path::PathBuf, geohaul::write::Written) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.kmz");
    let written = write(&Kmz, &[layer], &path).unwrap();
    (dir, path, written)
}

fn marker(red: u8) -> Value {
    json!({"type": "esriSMS", "style": "esriSMSSquare", "color": [red, 0, 0, 255], "size": 12})
}

#[test]
fn the_demo_servers_layers_have_the_colours_of_their_renderers() {
    let demo = Demo::start();
    let dir = TempDir::new().unwrap();
    for layer in 0..3 {
        let url = demo.url(&format!("FeatureServer/{layer}")).replace("/Demo/", "/Atlas/");
        let path = dir.path().join(format!("{layer}.kmz"));
        let run = Command::new(env!("CARGO_BIN_EXE_geohaul")).args(["export", &url, "-o"]).arg(&path).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let communes = styles(&dir.path().join("0.kmz"));
    let fills: Vec<_> = communes.keys().map(|style| style.split("BRUSH(fc:").nth(1).unwrap()[..9].to_owned()).collect();
    // A quarter of transparency leaves 191 of 255.
    assert_eq!(fills, ["#38A800BF", "#E60000BF", "#FFEBAFBF"]);
    assert_eq!(communes.values().sum::<usize>(), 432);
    assert!(styles(&dir.path().join("2.kmz")).keys().all(|style| style.contains("PEN(c:#004DA8FF,w:2.67")));
    let (kml, images) = archive(&dir.path().join("1.kmz"));
    assert_eq!(images.len(), 2);
    assert!(images.iter().all(|image| image.ends_with(".png") && kml.contains(image)));
    // Each seventeenth has no elevation and no class: it is there, and not shown.
    assert_eq!(kml.matches("<visibility>0</visibility>").count(), 1234 / 17);
}

#[test]
fn values_are_matched_as_what_they_are_and_classes_end_with_their_greatest_value() {
    let unique = json!({"drawingInfo": {"renderer": {"type": "uniqueValue", "field1": "KIND", "field2": "name", "fieldDelimiter": ", ",
        "defaultSymbol": marker(9), "uniqueValueInfos": [
            {"value": "1, a", "symbol": marker(1)}, {"value": "<Null>, b", "symbol": marker(2)}]}}});
    let layer = Layer::new("L", Some(GeometryKind::Point)).column("KIND", FieldType::Double).column("NAME", FieldType::String);
    let layer = layer.point(0.0, 0.0, &["1.0", "\"a\""]).point(0.0, 0.0, &["null", "\"b\""]).point(0.0, 0.0, &["2", "\"a\""]);
    let (_dir, path, _) = written(drawn(layer, unique));
    let (kml, images) = archive(&path);
    let used: Vec<&str> = kml.split("<styleUrl>#").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(used.iter().map(|id| id.rsplit('-').next().unwrap()).collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!(images.len(), 3);

    let breaks = json!({"drawingInfo": {"renderer": {"type": "classBreaks", "field": "V", "minValue": 0, "classBreakInfos": [
        {"classMaxValue": 10, "symbol": marker(1)}, {"classMaxValue": 20, "symbol": marker(2)}]}}});
    let mut layer = Layer::new("L", Some(GeometryKind::Point)).column("V", FieldType::Double);
    for value in ["0", "10", "10.5", "20", "21", "-1", "null"] {
        layer = layer.point(0.0, 0.0, &[value]);
    }
    let (_dir, path, _) = written(drawn(layer, breaks));
    let (kml, _) = archive(&path);
    let used: Vec<String> = kml
        .lines()
        .filter(|line| line.starts_with("<Placemark>"))
        .map(|line| line.split("<styleUrl>#").nth(1).map_or("none", |rest| rest.split(['-', '<']).nth(1).unwrap()).to_owned())
        .collect();
    assert_eq!(used, ["0", "0", "1", "1", "none", "none", "none"]);
}

#[test]
fn a_picture_marker_is_in_the_archive_as_it_came() {
    let picture = json!({"drawingInfo": {"renderer": {"type": "simple", "symbol": {"type": "esriPMS", "imageData": "R0lGODlh",
        "contentType": "image/gif", "width": 24, "height": 24, "angle": 90}}}});
    let layer = Layer::new("L", Some(GeometryKind::Point)).object_id("ID").point(1.0, 2.0, &["1"]);
    let (_dir, path, _) = written(drawn(layer, picture));
    let (kml, images) = archive(&path);
    assert!(images[0].ends_with(".gif"));
    assert!(kml.contains(&format!("<scale>1.000</scale><heading>270</heading><Icon><href>{}</href></Icon>", images[0])), "{kml}");
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(z.read(z.namelist()[1]))";
    assert_eq!(judge("python3", &["-c", script, path.to_str().unwrap()], &[]), "b'GIF89a'\n");
}

#[test]
fn the_balloon_has_aliases_and_labels_and_time_and_height_are_the_layers() {
    let mut field = Field::new("KIND", FieldType::Integer);
    field.alias = Some("Kind of <thing>".to_owned());
    field.domain = Some(Domain::Coded { name: "Kind".to_owned(), codes: vec![(json!(1), "Copper & tin".to_owned())] });
    let layer = Layer::of(Some(GeometryKind::Polyline), "z")
        .column_of("KIND", ColumnKind::Integer { bits: 32 }, field)
        .column("FROM", FieldType::Date)
        .column("TO", FieldType::Date)
        .row(ShapeKind::Polyline, "0,0,100 1,1,200", &["1", "0", "86400000"])
        .row(ShapeKind::Polyline, "0,0,100 1,1,200", &["7", "0", "null"]);
    let json = json!({"timeInfo": {"startTimeField": "FROM", "endTimeField": "TO"}, "heightModelInfo": {"heightUnit": "foot"}});
    let (_dir, path, _) = written(drawn(layer, json));
    let (kml, _) = archive(&path);
    assert!(kml.contains("&lt;th&gt;Kind of &amp;lt;thing&amp;gt;&lt;/th&gt;&lt;td&gt;Copper &amp;amp; tin&lt;/td&gt;"), "{kml}");
    assert!(kml.contains("<SimpleData name=\"KIND\">1</SimpleData>"), "the code stays the value");
    assert!(kml.contains("<TimeSpan><begin>1970-01-01T00:00:00Z</begin><end>1970-01-02T00:00:00Z</end></TimeSpan>"), "{kml}");
    assert!(kml.contains("<TimeSpan><begin>1970-01-01T00:00:00Z</begin></TimeSpan>"), "{kml}");
    assert!(kml.contains("<altitudeMode>absolute</altitudeMode>") && kml.contains("0,0,30.48 1,1,60.96"), "{kml}");
}

#[test]
fn a_renderer_that_can_not_be_drawn_is_told() {
    let heat = json!({"drawingInfo": {"renderer": {"type": "heatmap"}}});
    let layer = Layer::new("L", Some(GeometryKind::Point)).object_id("ID").point(1.0, 2.0, &["1"]);
    let (_dir, path, written) = written(drawn(layer, heat));
    assert!(written.warnings[0].contains("heatmap"), "{:?}", written.warnings);
    assert!(!archive(&path).0.contains("<Style"));
}

#[test]
fn without_pictures_a_marker_is_the_viewers_pin_in_its_colour() {
    let layer = drawn(
        Layer::new("L", Some(GeometryKind::Point)).point(1.0, 2.0, &[]),
        json!({"drawingInfo": {"renderer": {"type": "simple", "symbol": marker(255)}}}),
    );
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.kml");
    let written = write(&Kml, &[layer], &path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("<IconStyle><color>ff0000ff</color><scale>0.500</scale></IconStyle>"), "{text}");
    assert_eq!(written.warnings.len(), 1);
    assert!(written.warnings[0].contains("KMZ holds the pictures"), "{:?}", written.warnings);
}
