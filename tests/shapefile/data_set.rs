//! The data set as a whole: its files, many columns, many pages, replacing an older one, failing.

use std::fs;
use std::path::Path;

use geohaul::model::GeometryKind::{Point, Polygon};
use geohaul::model::plan::ColumnKind::Text;
use geohaul::model::{Field, FieldType};
use geohaul::write::shapefile::Shapefile;
use geohaul::write::{Format, Stage, Target, format_by_name};
use geohaul::{Error, ErrorKind};
use serde_json::json;

use crate::readers::{ogrinfo, pyshp};
use crate::rows::{Layer, write_into};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_empty_layer_has_all_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roads.shp");
    let mut layer = Layer::of(Some(Polygon), "z").object_id("OID").plain("NAME", Text { length: None });
    let wkt = "GEOGCS[\"GCS_WGS_1984\",DATUM[\"D_WGS_1984\",SPHEROID[\"WGS_1984\",6378137.0,298.257223563]],\
               PRIMEM[\"Greenwich\",0.0],UNIT[\"Degree\",0.0174532925199433]]";
    layer.plan.crs.as_mut().unwrap().esri_wkt = Some(wkt.to_owned());
    let (written, files) = layer.write(&Shapefile::default(), &path, false).unwrap();
    assert_eq!(names(dir.path()), ["roads.cpg", "roads.dbf", "roads.prj", "roads.shp", "roads.shp.xml", "roads.shx"]);
    assert_eq!((files.len(), &files[0]), (6, &path));
    assert_eq!(fs::read_to_string(dir.path().join("roads.prj")).unwrap(), wkt);
    assert_eq!(fs::read_to_string(dir.path().join("roads.cpg")).unwrap(), "UTF-8");
    let seen = ogrinfo(&path);
    assert!(seen.contains("Feature Count: 0") && seen.contains("Polygon") && seen.contains("WGS 84"), "{seen}");
    assert_eq!(pyshp(&path)["rows"], json!([]));
    assert!(written.warnings.is_empty() && written.losses.is_empty());
}

#[test]
fn without_a_spatial_reference_there_is_no_prj_but_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roads.shp");
    let mut layer = Layer::of(Some(Point), "").point(1.0, 2.0, &[]);
    layer.plan.crs = None;
    let (written, _) = layer.write(&Shapefile::default(), &path, false).unwrap();
    assert!(!dir.path().join("roads.prj").exists());
    assert_eq!(written.warnings, ["no .prj was written: the spatial reference is unknown"]);
}

#[test]
fn renamed_columns_are_listed_beside_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roads.shp");
    let text = Text { length: None };
    let layer = Layer::of(Some(Point), "").column_of("POPULATION", text, Field::new("POPULATION", FieldType::String)).column_of(
        "POPULATI_1",
        text,
        Field::new("POPULATION, \"2020\"", FieldType::String),
    );
    layer.write(&Shapefile::default(), &path, false).unwrap();
    let listed = fs::read_to_string(dir.path().join("roads.names.csv")).unwrap();
    assert_eq!(listed, "field,column\nPOPULATION,POPULATION\n\"POPULATION, \"\"2020\"\"\",POPULATI_1\n");
    assert!(ogrinfo(&path).contains("POPULATI_1: String"));
}

#[test]
fn a_layer_without_fields_gets_row_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roads.shp");
    Layer::of(Some(Point), "").point(1.0, 2.0, &[]).point(3.0, 4.0, &[]).write(&Shapefile::default(), &path, false).unwrap();
    let read = pyshp(&path);
    assert_eq!((&read["fields"], &read["rows"]), (&json!([["FID", "N", 9, 0]]), &json!([[0], [1]])));
}

#[test]
fn the_widest_table_has_255_columns_of_254_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wide.shp");
    let wide = |columns: usize| {
        let texts: Vec<String> = (0..columns).map(|column| format!("\"{column:0254}\"")).collect();
        let layer = (0..columns)
            .fold(Layer::of(Some(Point), ""), |layer, column| layer.plain(&format!("C{column}"), Text { length: None }));
        layer.point(0.0, 0.0, &texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    wide(255).write(&Shapefile::default(), &path, false).unwrap();
    let read = pyshp(&path);
    assert_eq!(read["fields"].as_array().unwrap().len(), 255);
    assert_eq!(read["rows"][0][254], format!("{:0254}", 254));
    let error = wide(256).write(&Shapefile::default(), &path, true).unwrap_err();
    assert_eq!((error.kind(), error.why()), (ErrorKind::Format, Some("a .dbf holds 255")));
    assert_eq!(pyshp(&path)["fields"].as_array().unwrap().len(), 255);
}

#[test]
fn pages_follow_each_other_and_how_rows_are_paged_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let build = |rows_a_page: u32| {
        let layer = Layer::of(Some(Point), "").object_id("OID").plain("NAME", Text { length: None });
        (0..100).fold(layer, |layer, row| {
            let layer = if row > 0 && row % rows_a_page == 0 { layer.page() } else { layer };
            let cells = [row.to_string(), format!("\"{}\"", "n".repeat(row as usize % 7))];
            if row % 9 == 0 { layer.null(&[&cells[0], &cells[1]]) } else { layer.point(row.into(), 0.5, &[&cells[0], &cells[1]]) }
        })
    };
    let (one, many) = (dir.path().join("one.shp"), dir.path().join("many.shp"));
    build(1000).write(&Shapefile::default(), &one, false).unwrap();
    assert_eq!(build(7).write(&Shapefile::default(), &many, false).unwrap().0.rows, 100);
    for ending in ["shp", "shx", "dbf"] {
        assert_eq!(fs::read(one.with_extension(ending)).unwrap(), fs::read(many.with_extension(ending)).unwrap(), "{ending}");
    }
    let read = pyshp(&many);
    assert_eq!(read["rows"][99], json!([99, "n"]));
    assert_eq!(read["shapes"][98]["points"], json!([[98.0, 0.5]]));
    let rows = shapefile::Reader::from_path(&many).unwrap().iter_shapes_and_records().filter(|row| row.is_ok()).count();
    assert_eq!(rows, 100);
}

#[test]
fn replacing_a_data_set_takes_stale_side_files_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roads.shp");
    let stale =
        ["roads.SHX", "roads.DBF", "roads.qix", "roads.sbn", "roads.NAME.atx", "roads.shp.xml", "roads.prj", "roads.names.csv"];
    let alien = ["roads.csv", "roads2.qix", "roads.old.shp", "roads.old.OID.atx", "roads.qml", "other.shp"];
    for name in stale.iter().chain(&alien).chain(&["roads.shp"]) {
        fs::write(dir.path().join(name), name).unwrap();
    }
    let mut layer = Layer::of(Some(Point), "").point(1.0, 2.0, &[]);
    layer.plan.crs = None;
    let error = layer.write(&Shapefile::default(), &path, false).unwrap_err();
    assert!(error.what().contains("exists") && error.hint_text().unwrap().contains("--overwrite"));
    layer.write(&Shapefile::default(), &path, true).unwrap();
    let mut expected = [&alien[..], &["roads.cpg", "roads.dbf", "roads.shp", "roads.shp.xml", "roads.shx"]].concat();
    expected.sort_unstable();
    assert_eq!(names(dir.path()), expected);
    assert_eq!(pyshp(&path)["rows"], json!([[0]]));
}

#[test]
fn an_error_among_the_pages_leaves_the_old_data_set_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roads.shp");
    Layer::of(Some(Point), "").point(1.0, 2.0, &[]).write(&Shapefile::default(), &path, false).unwrap();
    let before = names(dir.path());
    let stage = Stage::open(Target { path: path.clone(), overwrite: true }).unwrap();
    let layer = Layer::of(Some(Point), "").point(3.0, 4.0, &[]).point(5.0, 6.0, &[]);
    let error = write_into(&Shapefile::default(), &[layer], &stage, Some(Error::new(ErrorKind::Network, "gone"))).unwrap_err();
    drop(stage);
    assert_eq!(error.what(), "gone");
    assert_eq!(names(dir.path()), before);
    assert_eq!(pyshp(&path)["shapes"][0]["points"], json!([[1.0, 2.0]]));
}

#[test]
fn a_name_that_no_reader_would_find_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = Layer::of(Some(Point), "").write(&Shapefile::default(), &dir.path().join("roads.dbf"), false).unwrap_err();
    assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Usage, Some("name it roads.shp")));
    assert!(
        Layer::of(Some(Point), "")
            .point(0.0, 0.0, &[])
            .write(&Shapefile::default(), &dir.path().join("ROADS.SHP"), false)
            .is_ok()
    );
    assert!(ogrinfo(&dir.path().join("ROADS.SHP")).contains("Feature Count: 1"));
}

#[test]
fn the_registry_knows_the_format_and_its_limits() {
    let info = format_by_name("shp").unwrap().info();
    assert_eq!(info, Format::info(&Shapefile::default()));
    assert_eq!((info.longest_field_name, info.most_fields, info.longest_text), (Some(10), Some(255), Some(254)));
    assert!(info.plain_field_names && info.mixed_kinds && !info.tables);
}
