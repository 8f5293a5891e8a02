//! Pictures of what was written, drawn by programs that are not ours: a GeoPackage and a Shapefile by `gdal_rasterize`,
//! a KMZ by a browser from its own styles. Their pixels are compared with the renderer's colours.
//!
//! `GEOHAUL_KEEP_PICTURES=folder` keeps the PNG files, to look at.
#![cfg(all(feature = "cli", feature = "geopackage"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/rows.rs"]
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geohaul::model::{Drawing, FieldType, GeometryKind, ShapeKind};
use geohaul::write::AnyFormat;
use geohaul::write::geopackage::GeoPackage;
use geohaul::write::kmz::Kmz;
use geohaul::write::shapefile::Shapefile;
use rows::{Layer, judge, write};
use serde_json::{Value, json};

/// The drawn square: 0 to 10 degrees both ways.
const SIDE: usize = 200;
const PIXELS_PER_DEGREE: usize = 20;

type Rgb = [u8; 3];

const WHITE: Rgb = [255; 3];
const RED: Rgb = [230, 10, 20];
const GREEN: Rgb = [56, 168, 0];
const BLUE: Rgb = [0, 77, 168];
/// Of 255.
const GREEN_ALPHA: u8 = 102;

/// A picture of three bytes a pixel, row by row from the north.
struct Picture(Vec<u8>);

impl Picture {
    /// Reads any raster through GDAL, which makes a PPM of its first three bands: a head of three lines, then the pixels.
    fn read(raster: &Path) -> Self {
        let ppm = raster.with_extension("ppm");
        let bands = ["-q", "-of", "PNM", "-b", "1", "-b", "2", "-b", "3"];
        let size = SIDE.to_string();
        let window = ["-srcwin", "0", "0", &size, &size];
        judge("gdal_translate", &[&bands[..], &window, &[text(raster), text(&ppm)]].concat(), &[]);
        let bytes = std::fs::read(ppm).unwrap();
        assert!(bytes.starts_with(b"P6"));
        Self(bytes[bytes.len() - SIDE * SIDE * 3..].to_vec())
    }

    /// The colour at a place in degrees.
    fn at(&self, x: f64, y: f64) -> Rgb {
        let column = (x * PIXELS_PER_DEGREE as f64) as usize;
        let row = ((10.0 - y) * PIXELS_PER_DEGREE as f64) as usize;
        let start = (row * SIDE + column) * 3;
        self.0[start..start + 3].try_into().unwrap()
    }

    fn assert_at(&self, places: &[(f64, f64, Rgb)]) {
        for (x, y, wanted) in places {
            let found = self.at(*x, *y);
            assert!(near(&found, wanted), "at {x} {y}: {found:?}, not {wanted:?}");
        }
    }
}

/// Rounding apart.
fn near(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(*other) <= 2)
}

/// A colour over white.
fn over_white(colour: Rgb, alpha: u8) -> Rgb {
    let part = f64::from(alpha) / 255.0;
    colour.map(|value| (f64::from(value) * part + 255.0 * (1.0 - part)).round() as u8)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A copy for who wants to look at it.
fn keep(png: &Path) {
    if let Some(folder) = std::env::var_os("GEOHAUL_KEEP_PICTURES") {
        std::fs::copy(png, PathBuf::from(folder).join(png.file_name().unwrap())).unwrap();
    }
}

fn drawn(layer: Layer, renderer: Value) -> Layer {
    layer.plan(|plan| {
        let fields = plan.columns.iter().map(|column| column.field.name.clone()).collect();
        let drawing = Drawing::of(&json!({"drawingInfo": {"renderer": renderer}})).unwrap();
        plan.drawing = Some(Arc::new(Drawing { fields, ..drawing }));
    })
}

fn fill([red, green, blue]: Rgb, alpha: u8) -> Value {
    json!({"type": "esriSFS", "style": "esriSFSSolid", "color": [red, green, blue, alpha]})
}

/// A square with a hole, two squares in one row, and a triangle that no value of the renderer names.
fn zones() -> Layer {
    let layer = Layer::new("Zones", Some(GeometryKind::Polygon))
        .column("KIND", FieldType::String)
        .row(ShapeKind::Polygon, "1,1 1,5 5,5 5,1 1,1;2,2 4,2 4,4 2,4 2,2", &["\"ring\""])
        .row(ShapeKind::Polygon, "6,1 6,3 9,3 9,1 6,1;6,4 6,5 9,5 9,4 6,4", &["\"pair\""])
        .row(ShapeKind::Polygon, "1,6 3,9 5,6 1,6", &["\"other\""]);
    let renderer = json!({"type": "uniqueValue", "field1": "KIND", "defaultSymbol": fill(BLUE, 255), "uniqueValueInfos": [
        {"value": "ring", "symbol": fill(RED, 255)}, {"value": "pair", "symbol": fill(GREEN, GREEN_ALPHA)}]});
    drawn(layer, renderer)
}

/// What a picture of the zones has where: the ring and its hole, the pair and what is between, the triangle, and nothing.
fn zones_in(green: Rgb) -> Vec<(f64, f64, Rgb)> {
    vec![
        (1.5, 1.5, RED),
        (4.5, 3.0, RED),
        (3.0, 4.5, RED),
        (3.0, 3.0, WHITE),
        (2.1, 3.9, WHITE),
        (7.5, 2.0, green),
        (8.9, 4.9, green),
        (7.5, 3.5, WHITE),
        (3.0, 7.0, BLUE),
        (3.0, 8.5, BLUE),
        (1.2, 8.5, WHITE),
        (0.5, 0.5, WHITE),
        (9.5, 9.5, WHITE),
    ]
}

/// The zones in a file, burnt by GDAL in the renderer's colours: `name.png` in the folder.
fn rasterized(format: &dyn AnyFormat, file: &Path, name: &str) -> Picture {
    write(format, &[zones()], file).unwrap();
    let (tif, png) = (file.with_file_name(format!("{name}.tif")), file.with_file_name(format!("{name}.png")));
    let new = ["-of", "GTiff", "-ot", "Byte", "-init", "255", "-te", "0", "0", "10", "10", "-ts", "200", "200"];
    let green = over_white(GREEN, GREEN_ALPHA);
    for (at, (rows, colour)) in
        [("KIND = 'ring'", RED), ("KIND = 'pair'", green), ("KIND NOT IN ('ring', 'pair')", BLUE)].into_iter().enumerate()
    {
        let burn = colour.map(|value| value.to_string());
        let burn = burn.iter().flat_map(|value| ["-burn", value]).collect::<Vec<_>>();
        let new: &[&str] = if at == 0 { &new } else { &["-b", "1", "-b", "2", "-b", "3"] };
        judge("gdal_rasterize", &[&["-q", "-where", rows], &burn[..], new, &[text(file), text(&tif)]].concat(), &[]);
    }
    judge("gdal_translate", &["-q", "-of", "PNG", text(&tif), text(&png)], &[]);
    keep(&png);
    Picture::read(&png)
}

/// KMZ files in one picture, drawn by a browser from what their KML says.
fn browsed(dir: &Path, files: &[PathBuf], name: &str) -> Picture {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kml/draw.py");
    let files: Vec<&str> = files.iter().map(|file| text(file)).collect();
    let page = judge("python3", &[&[script, "0", "0", "10", "10", "20"], &files[..]].concat(), &[]);
    let (html, png) = (dir.join("page.html"), dir.join(format!("{name}.png")));
    std::fs::write(&html, page).unwrap();
    let profile = format!("--user-data-dir={}", dir.join("profile").display());
    let (shot, address) = (format!("--screenshot={}", png.display()), format!("file://{}", html.display()));
    let still = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"];
    judge("chromium", &[&still[..], &["--window-size=400,400", &profile, &shot, &address]].concat(), &[]);
    keep(&png);
    Picture::read(&png)
}

#[test]
fn a_geopackage_a_shapefile_and_a_kmz_of_one_layer_look_the_same_in_the_renderers_colours() {
    let dir = tempfile::tempdir().unwrap();
    let places = zones_in(over_white(GREEN, GREEN_ALPHA));
    let package = rasterized(&GeoPackage, &dir.path().join("zones.gpkg"), "geopackage");
    package.assert_at(&places);
    let shapefile = rasterized(&Shapefile::default(), &dir.path().join("zones.shp"), "shapefile");
    assert!(shapefile.0 == package.0, "the two pictures differ");

    let kmz = dir.path().join("zones.kmz");
    write(&Kmz, &[zones()], &kmz).unwrap();
    let browser = browsed(dir.path(), &[kmz], "kmz");
    browser.assert_at(&places);
    // Beside slanting edges, which a browser draws soft, every pixel is the same.
    let differ = browser.0.chunks(3).zip(package.0.chunks(3)).filter(|(one, other)| !near(one, other)).count();
    assert!(differ < 300, "{differ} pixels of {} differ", SIDE * SIDE);
}

#[test]
fn lines_and_markers_of_a_kmz_have_their_colours_and_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let line =
        json!({"type": "simple", "symbol": {"type": "esriSLS", "style": "esriSLSSolid", "color": [0, 77, 168, 255], "width": 6}});
    let roads = Layer::new("Roads", Some(GeometryKind::Polyline)).row(ShapeKind::Polyline, "1,5 9,5", &[]);
    let marker = json!({"type": "simple", "symbol": {"type": "esriSMS", "style": "esriSMSSquare", "color": [230, 10, 20, 255], "size": 18}});
    let posts = Layer::new("Posts", Some(GeometryKind::Point)).point(3.0, 8.0, &[]).point(7.0, 2.0, &[]);
    let files = [("roads.kmz", drawn(roads, line)), ("posts.kmz", drawn(posts, marker))].map(|(name, layer)| {
        let path = dir.path().join(name);
        write(&Kmz, &[layer], &path).unwrap();
        path
    });
    let picture = browsed(dir.path(), &files, "lines-and-markers");
    // 6 points are 8 pixels, 4 of them on each side; 18 are 24, which is 0.6 degrees on each side.
    picture.assert_at(&[
        (2.0, 5.0, BLUE),
        (8.9, 5.1, BLUE),
        (5.0, 4.85, BLUE),
        (5.0, 5.4, WHITE),
        (5.0, 4.6, WHITE),
        (9.5, 5.0, WHITE),
        (3.0, 8.0, RED),
        (7.0, 2.0, RED),
        (7.4, 2.4, RED),
        (8.0, 2.0, WHITE),
        (3.0, 7.0, WHITE),
    ]);
}
