//! What one Shapefile can't hold: several kinds of geometry, and more than a file's limit; archives; metadata.

use std::fs;
use std::path::Path;

use geohaul::ErrorKind;
use geohaul::model::GeometryKind::{Mixed, Point, Polyline};
use geohaul::model::plan::ColumnKind::Text;
use geohaul::model::{About, Field, FieldType, ShapeKind};
use geohaul::write::shapefile::Shapefile;
use serde_json::json;

use crate::readers::{ogrinfo, pyshp};
use crate::rows::{Layer, judge};

const LINE: &str = "0,0 5,5";
const SQUARE: &str = "0,0 0,9 9,9 9,0 0,0";

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The names of the files with this ending.
fn with_ending(dir: &Path, ending: &str) -> Vec<String> {
    names(dir).into_iter().filter(|name| name.ends_with(ending)).collect()
}

fn mixed() -> Layer {
    Layer::of(Some(Mixed), "")
        .object_id("OID")
        .null(&["1"])
        .point(1.0, 2.0, &["2"])
        .row(ShapeKind::Polyline, LINE, &["3"])
        .page()
        .row(ShapeKind::Polygon, SQUARE, &["4"])
        .point(3.0, 4.0, &["5"])
        .null(&["6"])
        .row(ShapeKind::Multipoint, "1,1 2,2", &["7"])
}

#[test]
fn each_kind_of_geometry_goes_into_a_part_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (written, files) = mixed().write(&Shapefile::default(), &dir.path().join("a.shp"), false).unwrap();
    let parts = ["a_line.shp", "a_multipoint.shp", "a_point.shp", "a_polygon.shp"];
    assert_eq!(with_ending(dir.path(), ".shp"), parts);
    assert_eq!((written.rows, files.len(), names(dir.path()).len()), (7, 24, 24));
    assert_eq!(written.warnings, [format!("the layer is in 4 Shapefiles: {}", parts.join(", "))]);
    let rows = |part: &str| pyshp(&dir.path().join(part))["rows"].clone();
    assert_eq!(rows("a_point.shp"), json!([[1], [2], [5], [6]]), "a row without geometry stands with the one before");
    assert_eq!((rows("a_line.shp"), rows("a_polygon.shp"), rows("a_multipoint.shp")), (json!([[3]]), json!([[4]]), json!([[7]])));
    assert!(ogrinfo(&dir.path().join("a_polygon.shp")).contains("POLYGON ((0 0,0 9,9 9,9 0,0 0))"));
    assert_eq!(pyshp(&dir.path().join("a_point.shp"))["shapes"][0]["type"], 0);
}

#[test]
fn a_layer_that_proves_to_be_of_one_kind_has_the_plain_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    let layer = Layer::of(Some(Mixed), "").object_id("OID").null(&["1"]).row(ShapeKind::Polyline, LINE, &["2"]);
    let (written, files) = layer.write(&Shapefile::default(), &path, false).unwrap();
    assert_eq!((with_ending(dir.path(), ".shp"), &files[0], written.warnings.len()), (vec!["a.shp".to_owned()], &path, 0));
    assert_eq!(pyshp(&path)["rows"], json!([[1], [2]]));
    for (name, layer) in [("b.shp", Layer::of(Some(Mixed), "")), ("c.shp", Layer::of(Some(Mixed), "").null(&[]))] {
        layer.write(&Shapefile::default(), &dir.path().join(name), false).unwrap();
        assert_eq!(pyshp(&dir.path().join(name))["rows"].as_array().unwrap().len(), layer.pages[0].rows(), "{name}");
    }
}

/// Points in pages of 10.
fn points(count: u32, name: &str) -> Layer {
    let layer = Layer::of(Some(Point), "").object_id("OID").plain("NAME", Text { length: None });
    (0..count).fold(layer, |layer, row| {
        let layer = if row > 0 && row % 10 == 0 { layer.page() } else { layer };
        layer.point(row.into(), 0.0, &[&row.to_string(), &format!("\"{name}\"")])
    })
}

#[test]
fn a_file_that_would_pass_the_limit_goes_on_in_another_part() {
    // A point takes 28 bytes of the .shp; of the .dbf, 11 and its name.
    for (name, largest_file, parts) in [("x", 1000, 2), ("a name of some length, more than that of the shape", 1000, 5)] {
        let dir = tempfile::tempdir().unwrap();
        let (written, _) = points(50, name).write(&Shapefile { largest_file }, &dir.path().join("a.shp"), false).unwrap();
        let shapefiles = with_ending(dir.path(), ".shp");
        assert_eq!((shapefiles.len(), written.rows), (parts, 50), "{shapefiles:?}");
        assert!(written.warnings[0].starts_with(&format!("the layer is in {parts} Shapefiles: a.shp, a_2.shp")));
        let mut ids = Vec::new();
        for part in 1..=parts {
            let file = if part == 1 { "a.shp".to_owned() } else { format!("a_{part}.shp") };
            let read = pyshp(&dir.path().join(&file));
            ids.extend(read["rows"].as_array().unwrap().iter().map(|row| row[0].as_u64().unwrap()));
            assert_eq!(read["rows"].as_array().unwrap().len(), read["shapes"].as_array().unwrap().len());
            for ending in ["shp", "dbf"] {
                assert!(fs::metadata(dir.path().join(&file).with_extension(ending)).unwrap().len() <= largest_file);
            }
            assert!(dir.path().join(&file).with_extension("prj").exists());
        }
        assert_eq!(ids, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn a_page_that_no_file_holds_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let error = points(50, "x").write(&Shapefile { largest_file: 300 }, &dir.path().join("a.shp"), false).unwrap_err();
    assert_eq!((error.kind(), error.why()), (ErrorKind::Format, Some("its .shp would pass 2 GB within one page")));
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_part_replaces_nothing_unless_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.shp");
    for name in ["a_2.dbf", "a_2.qix", "a_3.shp", "a_point.shp"] {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    let layer = points(50, "x");
    let limited = Shapefile { largest_file: 1000 };
    let error = layer.write(&limited, &path, false).unwrap_err();
    assert!(error.what().contains("exists"), "{error}");
    assert!(mixed().write(&limited, &path, false).unwrap_err().what().contains("exists"));
    assert_eq!(names(dir.path()), ["a_2.dbf", "a_2.qix", "a_3.shp", "a_point.shp"]);
    let (written, _) = layer.write(&limited, &path, true).unwrap();
    assert_eq!(written.warnings[0], "there before, and no part of this export: a_point.shp, a_3.shp");
    assert_eq!(with_ending(dir.path(), ".shp"), ["a.shp", "a_2.shp", "a_3.shp", "a_point.shp"]);
    assert!(!dir.path().join("a_2.qix").exists(), "a stale index");
    assert_eq!(fs::read_to_string(dir.path().join("a_3.shp")).unwrap(), "mine");
}

#[test]
fn an_archive_holds_the_whole_data_set_and_gdal_reads_it_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(z.testzip(), *sorted(z.namelist()))";
    for name in ["roads.zip", "roads.shp.zip"] {
        let path = dir.path().join(name);
        let (_, files) = points(50, "x").write(&Shapefile::default(), &path, false).unwrap();
        assert_eq!(files, std::slice::from_ref(&path));
        let listed = judge("python3", &["-c", script, path.to_str().unwrap()], &[]);
        let endings = ["cpg", "dbf", "prj", "shp", "shp.xml", "shx"].map(|ending| format!("roads.{ending}"));
        assert_eq!(listed.trim(), format!("None {}", endings.join(" ")));
        assert!(ogrinfo(Path::new(&format!("/vsizip/{}", path.display()))).contains("Feature Count: 50"));
    }
    let bytes = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert_eq!(bytes("roads.zip"), bytes("roads.shp.zip"), "no clock in it");
    let path = dir.path().join("kinds.ZIP");
    mixed().write(&Shapefile::default(), &path, false).unwrap();
    let seen = judge("ogrinfo", &[&format!("/vsizip/{}", path.display())], &[]);
    assert!(["kinds_point", "kinds_multipoint", "kinds_line", "kinds_polygon"].iter().all(|part| seen.contains(part)), "{seen}");
    assert_eq!(names(dir.path()), ["kinds.ZIP", "roads.shp.zip", "roads.zip"]);
}

#[test]
fn the_metadata_say_what_the_layer_says_of_itself_and_what_columns_were_called() {
    let dir = tempfile::tempdir().unwrap();
    let mut population = Field::new("POPULATION_2020", FieldType::Integer);
    population.alias = Some("People <2020>".to_owned());
    let layer = Layer::of(Some(Polyline), "").column_of("POPULATION", Text { length: None }, population);
    let layer = layer.column_of("NAME_OF_TH", Text { length: None }, Field::new("NAME_OF_THE_ROAD", FieldType::String));
    let layer = layer.row(ShapeKind::Polyline, LINE, &["1", "\"a\""]).plan(|plan| {
        plan.about = About {
            description: Some("Roads & ways\u{1}".to_owned()),
            copyright: Some("© Town".to_owned()),
            source: Some("https://host/rest/services/Roads/FeatureServer/0".to_owned()),
        };
    });
    layer.write(&Shapefile::default(), &dir.path().join("roads.shp"), false).unwrap();
    let file = dir.path().join("roads.shp.xml");
    let file = file.to_str().unwrap();
    judge("xmllint", &["--noout", file], &[]);
    let at = |path: &str| judge("xmllint", &["--xpath", &format!("string({path})"), file], &[]).trim().to_owned();
    assert_eq!(at("/metadata/dataIdInfo/idCitation/resTitle"), "Parcels");
    assert_eq!((at("//idAbs"), at("//idCredit")), ("Roads & ways".to_owned(), "© Town".to_owned()));
    assert_eq!(at("//onLineSrc/linkage"), "https://host/rest/services/Roads/FeatureServer/0");
    assert_eq!((at("//identCode/@code"), at("//idCodeSpace")), ("4326".to_owned(), "EPSG".to_owned()));
    assert_eq!((at("//enttypl"), at("//enttypc")), ("roads".to_owned(), "1".to_owned()));
    assert_eq!((at("//attr[1]/attrlabl"), at("//attr[1]/attalias")), ("POPULATION".to_owned(), "People <2020>".to_owned()));
    assert_eq!((at("//attr[2]/attalias"), at("//attr[2]/attrtype")), ("NAME_OF_THE_ROAD".to_owned(), "String".to_owned()));
}
