//! Several layers and tables in one data set: a whole service, judged by SQLite and GDAL.
#![cfg(all(feature = "cli", feature = "geopackage"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/demo.rs"]
mod demo;
#[path = "support/rows.rs"]
mod rows;

use std::path::Path;
use std::process::{Command, Output};

use demo::Demo;
use serde_json::Value;

fn geohaul(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geohaul")).current_dir(dir).args(args).output().unwrap()
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let done = geohaul(dir, args);
    let words = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{args:?}: {words}");
    words
}

fn judge(dir: &Path, program: &str, args: &[&str]) -> String {
    let run = Command::new(program).current_dir(dir).args(args).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&run.stderr));
    text
}

impl Demo {
    /// The service of five layers and two tables.
    fn atlas(&self, path: &str) -> String {
        self.url(&format!("FeatureServer{path}")).replace("/Demo/", "/Atlas/")
    }
}

const ATLAS: [(&str, u64); 7] = [
    ("Communes", 432),
    ("Stations", 1234),
    ("Rivers", 120),
    ("Trees___shrubs", 120),
    ("STATIONS_2", 120),
    ("Readings", 257),
    ("Sources", 120),
];

#[test]
fn a_service_of_five_layers_and_two_tables_is_one_geopackage() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["export", &demo.atlas(""), "-o", "all.gpkg", "--report", "report.json", "--receipt"]);
    for (table, rows) in ATLAS {
        let text = judge(dir.path(), "ogrinfo", &["-so", "all.gpkg", table]);
        assert!(text.contains(&format!("Feature Count: {rows}\n")), "{table}: {text}");
        assert!(text.contains("FID Column = OBJECTID"), "{text}");
    }
    let sql = "SELECT rtreecheck('rtree_Communes_geom'), rtreecheck('rtree_Stations_geom'), rtreecheck('rtree_Rivers_geom'); PRAGMA integrity_check; PRAGMA foreign_key_check;";
    assert_eq!(judge(dir.path(), "sqlite3", &["all.gpkg", sql]), "ok|ok|ok\nok\n");
    let labels = "SELECT description FROM gpkg_data_column_constraints WHERE constraint_name =
                  (SELECT constraint_name FROM gpkg_data_columns WHERE column_name = 'KIND') ORDER BY rowid";
    assert_eq!(judge(dir.path(), "sqlite3", &["all.gpkg", labels]), "Wetter\nPegel\n");

    let report: Value = serde_json::from_slice(&std::fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    let rows: Vec<u64> = report["layers"].as_array().unwrap().iter().map(|l| l["outputs"][0]["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, ATLAS.map(|(_, rows)| rows));
    for name in ["Communes", "STATIONS_2"] {
        ok(dir.path(), &["verify", &format!("all.gpkg.{name}.receipt.json")]);
    }
}

#[test]
fn relationships_between_layers_of_a_service_are_related_tables_of_the_geopackage() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["export", &demo.atlas(""), "-o", "all.gpkg", "--report", "report.json"]);
    let relation = "SELECT base_table_name, base_primary_column, related_table_name, related_primary_column, relation_name,
                    mapping_table_name FROM gpkgext_relations";
    let sqlite = |sql: &str| judge(dir.path(), "sqlite3", &["all.gpkg", sql]);
    assert_eq!(sqlite(relation), "Stations|OBJECTID|Readings|OBJECTID|attributes|Station_Readings\n");
    // Each reading has one station, and they are the pairs.
    assert_eq!(sqlite("SELECT count(*), count(DISTINCT related_id) FROM Station_Readings"), "257|257\n");
    let wrong =
        "SELECT count(*) FROM Station_Readings p JOIN Readings r ON r.OBJECTID = p.related_id WHERE r.STATION_ID != p.base_id";
    assert_eq!(sqlite(wrong), "0\n");
    let extensions = "SELECT table_name, extension_name, scope FROM gpkg_extensions WHERE extension_name LIKE '%related%'";
    assert_eq!(
        sqlite(extensions),
        "gpkgext_relations|gpkg_related_tables|read-write\nStation_Readings|gpkg_related_tables|read-write\n"
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/relationships.py");
    assert_eq!(
        judge(dir.path(), "python3", &[script, "all.gpkg"]),
        "Stations_Readings_attributes Stations Readings Station_Readings attributes OBJECTID OBJECTID base_id related_id 3 1\n"
    );

    let warnings = |path: &str| -> Vec<String> {
        let report: Value = serde_json::from_slice(&std::fs::read(dir.path().join(path)).unwrap()).unwrap();
        serde_json::from_value(report["warnings"].clone()).unwrap()
    };
    assert!(!warnings("report.json").iter().any(|words| words.contains("relationship")));
    let alone = ["export", &demo.atlas(""), "--layers", "Readings,Rivers", "-o", "two.gpkg", "--report", "two.json"];
    ok(dir.path(), &alone);
    let note = "the relationship \"Station_Readings\" of \"Readings\" is not kept: its other table is not in the output";
    assert!(warnings("two.json").contains(&note.to_owned()), "{:?}", warnings("two.json"));
    let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'gpkgext_relations'";
    assert_eq!(judge(dir.path(), "sqlite3", &["two.gpkg", tables]), "0\n");
}

#[test]
fn a_relationship_is_made_when_its_second_table_is_appended_to_a_geopackage() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    for (first, second) in [("/1", "/5"), ("/5", "/1")] {
        ok(dir.path(), &["export", &demo.atlas(first), "-o", "all.gpkg", "--aliases", "--overwrite"]);
        let words = ok(dir.path(), &["export", &demo.atlas(second), "-o", "all.gpkg", "--append", "--aliases"]);
        assert!(!words.contains("relationship"), "{words}");
        let relations = "SELECT base_table_name, related_table_name, mapping_table_name FROM gpkgext_relations";
        let sqlite = |sql: &str| judge(dir.path(), "sqlite3", &["all.gpkg", sql]);
        assert_eq!(sqlite(relations), "Stations|Readings|Station_Readings\n");
        assert_eq!(sqlite("SELECT count(*), count(DISTINCT related_id) FROM Station_Readings"), "257|257\n");
        // What has nothing to do with it makes none anew.
        ok(dir.path(), &["export", &demo.atlas("/2"), "-o", "all.gpkg", "--append"]);
        assert_eq!(sqlite("SELECT count(*) FROM gpkgext_relations"), "1\n");
        // A table that another program took away is in nobody's way.
        sqlite("DROP TABLE Readings");
        ok(dir.path(), &["export", &demo.atlas("/6"), "-o", "all.gpkg", "--append"]);
    }
}

#[cfg(feature = "gdal")]
#[test]
fn relationships_between_layers_of_a_service_are_relationship_classes_of_the_file_geodatabase() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["export", &demo.atlas(""), "-o", "all.gdb", "--report", "report.json"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/relationships.py");
    let one_to_many = "Station_Readings Stations Readings - feature OBJECTID STATION_ID - - 1 1\n";
    assert_eq!(judge(dir.path(), "python3", &[script, "all.gdb"]), one_to_many);
    let sql = "SELECT Definition FROM GDB_Items WHERE Name = 'Station_Readings'";
    let definition = judge(dir.path(), "ogrinfo", &["-q", "all.gdb", "-sql", sql]);
    assert!(definition.contains("<Cardinality>esriRelCardinalityOneToMany</Cardinality>"), "{definition}");
    let report: Value = serde_json::from_slice(&std::fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    assert!(!report["warnings"].to_string().contains("relationship"), "{}", report["warnings"]);
}

#[cfg(feature = "gdal")]
#[test]
fn a_file_geodatabase_keeps_every_kind_of_relationship_and_says_which_it_can_not() {
    use std::sync::Arc;

    use geohaul::model::{FieldType, GeometryKind, Relations};
    use geohaul::write::ogr::FILE_GEODATABASE;
    use geohaul::write::{Format as _, Stage, Target};
    use rows::{Layer, write_into};
    use serde_json::json;

    let related = |layer: Layer, number: u32, all: Value| {
        layer.plan(|plan| {
            plan.relations = Relations::of(&json!({"id": number, "relationships": all})).map(Arc::new);
            plan.about.source = Some(format!("http://a/FeatureServer/{number}"));
        })
    };
    let side = |id: u32, role: &str, many: &str, other: u32, key: &str| {
        json!({"id": id, "name": format!("R {id}"), "relatedTableId": other, "role": format!("esriRelRole{role}"),
               "cardinality": format!("esriRelCardinality{many}"), "keyField": key, "composite": id == 1})
    };
    let through = |mut side: Value, table: u32, key: &str| {
        side["relationshipTableId"] = json!(table);
        side["keyFieldInRelationshipTable"] = json!(key);
        side
    };
    let owners = Layer::new("Owners", None).object_id("ID").column("GUID", FieldType::GlobalId).null(&["7", "\"{AB}\""]);
    let houses = Layer::new("Houses", Some(GeometryKind::Point)).object_id("ID").column("OWNER", FieldType::Guid);
    let houses = houses.point(0.0, 0.0, &["1", "\"{ab}\""]);
    let pairs = Layer::new("Pairs", None).column("H", FieldType::Integer).column("O", FieldType::Integer).null(&["1", "7"]);
    let shares = Layer::new("Shares", None).column("H", FieldType::Integer).column("O", FieldType::Integer).null(&["1", "7"]);
    let layers = [
        related(
            owners,
            1,
            json!([
                side(0, "Origin", "OneToMany", 2, "GUID"),
                side(1, "Origin", "OneToMany", 2, "GUID"),
                side(2, "Origin", "OneToOne", 2, "GUID"),
                through(side(3, "Destination", "ManyToMany", 2, "ID"), 3, "O"),
                side(4, "Origin", "ManyToMany", 2, "ID"),
                through(side(5, "Origin", "OneToMany", 2, "ID"), 4, "O"),
                side(6, "Origin", "OneToMany", 9, "ID"),
                side(7, "Origin", "OneToMany", 2, "ID"),
            ]),
        ),
        related(
            houses,
            2,
            json!([
                side(0, "Destination", "OneToMany", 1, "OWNER"),
                side(1, "Destination", "OneToMany", 1, "OWNER"),
                side(2, "Destination", "OneToOne", 1, "OWNER"),
                through(side(3, "Origin", "ManyToMany", 1, "ID"), 3, "H"),
                side(4, "Destination", "ManyToMany", 1, "ID"),
                through(side(5, "Destination", "OneToMany", 1, "ID"), 4, "H"),
                side(7, "Destination", "OneToMany", 1, "OWNER"),
            ]),
        ),
        related(pairs, 3, json!([])),
        related(shares, 4, json!([])),
    ];
    let dir = tempfile::tempdir().unwrap();
    let stage = Stage::open(Target { path: dir.path().join("a.gdb"), overwrite: false }).unwrap();
    write_into(&FILE_GEODATABASE, &layers, &stage, None).unwrap();
    let placed: Vec<_> = layers.iter().map(|layer| (&layer.plan, layer.plan.layer.as_str())).collect();
    let notes = FILE_GEODATABASE.relate(&stage, &placed).unwrap();
    stage.commit().unwrap();
    assert_eq!(
        notes,
        [
            "the relationship \"R 4\" of \"Owners\" is not kept: it is many to many, and the service names no table that holds its pairs",
            "the relationship \"R 6\" of \"Owners\" is not kept: its other table is not in the output",
            "the relationship \"R 5\" of \"Owners\" is many to many in the file, since a table holds its pairs",
            "the relationship \"R 7\" of \"Owners\" is not kept: its keys ID and OWNER are of different types in the file",
        ]
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/relationships.py");
    assert_eq!(
        judge(dir.path(), "python3", &[script, "a.gdb"]),
        "Pairs Houses Owners Pairs feature ID ID H O 3 1\n\
         R_0 Owners Houses - feature GUID OWNER - - 1 1\n\
         R_1 Owners Houses - feature GUID OWNER - - 1 0\n\
         R_2 Owners Houses - feature GUID OWNER - - 0 1\n\
         Shares Owners Houses Shares feature ID ID O H 3 1\n"
    );
    assert!(judge(dir.path(), "ogrinfo", &["-q", "-al", "a.gdb"]).contains("O (Integer) = 7"));
}

#[cfg(feature = "gdal")]
#[test]
fn a_name_that_a_file_geodatabase_does_not_take_is_told_and_relationships_follow_it() {
    use geohaul::write::ogr::FILE_GEODATABASE;
    use geohaul::write::{Stage, Target};
    use rows::{Layer, write_into};

    for (name, table) in [("Select", "Select_"), ("2020", "_2020"), ("Roads", "Roads")] {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::open(Target { path: dir.path().join("a.gdb"), overwrite: false }).unwrap();
        let layer = Layer::new(name, None).object_id("ID").null(&["7"]);
        let written = write_into(&FILE_GEODATABASE, &[layer], &stage, None).unwrap();
        stage.commit().unwrap();
        assert_eq!(written.table.as_deref(), Some(table));
        assert_eq!(judge(dir.path(), "ogrinfo", &["-q", "a.gdb"]).split(' ').nth(1).unwrap(), table);
        let told: &[String] = &written.warnings;
        match name {
            "Roads" => assert!(told.is_empty(), "{told:?}"),
            _ => assert_eq!(told, [format!("no layer can be called \"{name}\" there, so it is \"{table}\"")]),
        }
    }
}

#[cfg(feature = "gdal")]
#[test]
fn a_service_of_five_layers_and_two_tables_is_one_file_geodatabase() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    let export = ["export", &demo.atlas(""), "-o", "all.gdb"];
    ok(dir.path(), &export);
    for (table, rows) in ATLAS {
        let text = judge(dir.path(), "ogrinfo", &["-so", "all.gdb", table]);
        assert!(text.contains(&format!("Feature Count: {rows}\n")), "{table}: {text}");
        assert!(text.contains("FID Column = OBJECTID"), "{text}");
    }
    let domain = judge(dir.path(), "ogrinfo", &["-fielddomain", "Kind", "all.gdb"]);
    assert!(domain.contains("W: Wetter") && domain.contains("P: Pegel"), "{domain}");
    let first = judge(dir.path(), "ogrinfo", &["-q", "all.gdb", "Communes", "-fid", "14"]);
    assert!(first.contains("OGRFeature(Communes):14") && first.contains("MULTIPOLYGON ((("), "{first}");

    // It is a folder, and is replaced or refused as a file is.
    let words = geohaul(dir.path(), &export);
    assert!(String::from_utf8_lossy(&words.stderr).contains("exists already"));
    ok(dir.path(), &["export", &demo.atlas("/6"), "-o", "all.gdb", "--overwrite"]);
    assert_eq!(judge(dir.path(), "ogrinfo", &["-q", "all.gdb"]).lines().count(), 1);
    ok(dir.path(), &["export", &demo.atlas("/2"), "-o", "all.gdb", "--append", "--receipt"]);
    assert_eq!(judge(dir.path(), "ogrinfo", &["-q", "all.gdb"]).lines().count(), 2);
    ok(dir.path(), &["verify", "all.gdb.Rivers.receipt.json"]);
    std::fs::create_dir(dir.path().join("photos.gdb")).unwrap();
    let words = geohaul(dir.path(), &["export", &demo.atlas("/6"), "-o", "photos.gdb", "--overwrite"]);
    assert_eq!(words.status.code(), Some(2), "{words:?}");
}

#[test]
fn a_layer_that_fails_leaves_no_file_unless_a_part_is_allowed() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    let url = demo.atlas("");
    // A field that only one of the layers has.
    let args = ["export", &url, "-o", "all.gpkg", "--where", "POPULATION > 10", "--layers", "Communes,Rivers"];
    assert_eq!(geohaul(dir.path(), &args).status.code(), Some(1));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(geohaul(dir.path(), &[&args[..], &["--allow-partial"]].concat()).status.code(), Some(3));
    assert_eq!(judge(dir.path(), "sqlite3", &["all.gpkg", "SELECT table_name FROM gpkg_contents"]), "Communes\n");
}

#[cfg(feature = "gdal")]
#[test]
fn a_layer_that_fails_after_its_first_rows_leaves_none_in_a_file_geodatabase() {
    use geohaul::write::{Format as _, Stage, Target, ogr::FILE_GEODATABASE};
    use rows::{Layer, write_into};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gdb");
    let stage = Stage::open(Target { path: path.clone(), overwrite: false }).unwrap();
    let layer = |name: &str| Layer::new(name, None).object_id("OBJECTID").null(&["1"]).null(&["2"]);
    write_into(&FILE_GEODATABASE, &[layer("Whole")], &stage, None).unwrap();
    let broken = geohaul::Error::new(geohaul::ErrorKind::Server, "the server is gone");
    assert!(write_into(&FILE_GEODATABASE, &[layer("Broken")], &stage, Some(broken)).is_err());
    write_into(&FILE_GEODATABASE, &[layer("Last")], &stage, None).unwrap();
    assert!(FILE_GEODATABASE.info().many_layers);
    stage.commit().unwrap();
    let listed = judge(dir.path(), "ogrinfo", &["-q", "a.gdb"]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["Layer: Whole (None)", "Layer: Last (None)"]);
    assert!(judge(dir.path(), "ogrinfo", &["-so", "a.gdb", "Whole"]).contains("Feature Count: 2\n"));
}

#[test]
fn a_row_whose_id_is_taken_or_null_takes_none_from_the_rows_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    // Each row has its place in N.
    let ids = ["1", "1", "2", "null", "3", "4"];
    let rows: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| format!(r#"{{"attributes":{{"OBJECTID":{id},"N":{n},"T":"row {n}"}},"geometry":{{"x":{n},"y":0}}}}"#))
        .collect();
    let text = format!(
        r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":4326}},"fields":[
        {{"name":"OBJECTID","type":"esriFieldTypeOID"}},{{"name":"N","type":"esriFieldTypeInteger"}},
        {{"name":"T","type":"esriFieldTypeString"}}],"features":[{}]}}"#,
        rows.join(",")
    );
    std::fs::write(dir.path().join("plots.json"), text).unwrap();
    for out in ["a.gpkg"].into_iter().chain(cfg!(feature = "gdal").then_some("a.gdb")) {
        let words = ok(dir.path(), &["convert", "plots.json", "-o", out]);
        assert!(
            words.contains("OBJECTID: value does not fit, left null (the row has another id), first in object id 1"),
            "{words}"
        );
        let text = judge(dir.path(), "ogrinfo", &["-q", out, "plots"]);
        let line = |prefix: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.trim().strip_prefix(prefix));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(line("OGRFeature(plots):"), ["1", "2", "3", "4", "5", "6"], "{out}");
        assert_eq!(line("N (Integer) = "), ["0", "2", "4", "5", "1", "3"], "{out}");
        assert_eq!(line("T (String) = row "), ["0", "2", "4", "5", "1", "3"], "{out}");
        assert_eq!(line("POINT ("), ["0 0)", "2 0)", "4 0)", "5 0)", "1 0)", "3 0)"], "{out}");
    }
}

#[cfg(feature = "gdal")]
#[test]
fn a_field_of_a_name_that_a_file_geodatabase_keeps_gets_another() {
    use geohaul::model::plan::ColumnKind;
    use geohaul::model::{Field, FieldType, GeometryKind, ShapeKind};
    use geohaul::write::ogr::FILE_GEODATABASE;
    use rows::{Layer, write};

    let integer = ColumnKind::Integer { bits: 32 };
    let column = |layer: Layer, name: &str| layer.column_of(name, integer, Field::new(name, FieldType::Integer));
    let names = ["SHAPE", "SHAPE_2", "OBJECTID", "Shape_Length", "Shape_Area"];
    let layer = names.into_iter().fold(Layer::new("Plots", Some(GeometryKind::Point)), column);
    let layer = layer.row(ShapeKind::Point, "1,2", &["1", "2", "3", "4", "5"]);
    let dir = tempfile::tempdir().unwrap();
    let written = write(&FILE_GEODATABASE, &[layer], &dir.path().join("a.gdb")).unwrap();
    let kinds: Vec<_> = written.losses.iter().map(|loss| (loss.kind, loss.field.clone(), loss.detail.clone())).collect();
    assert!(kinds.iter().all(|(kind, ..)| *kind == geohaul::report::LossKind::Renamed), "{kinds:?}");
    let text = judge(dir.path(), "ogrinfo", &["-q", "a.gdb", "Plots"]);
    for line in ["SHAPE_3 (Integer) = 1", "SHAPE_2 (Integer) = 2"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(["= 3", "= 4", "= 5"].iter().all(|value| text.contains(value)), "{text}");
}

#[cfg(feature = "gdal")]
#[test]
fn vertices_without_z_or_m_have_0_in_a_file_geodatabase_which_is_counted() {
    use geohaul::model::{GeometryKind, ShapeKind};
    use geohaul::report::LossKind;
    use geohaul::write::ogr::FILE_GEODATABASE;
    use rows::{Layer, write};

    let line = |layer: Layer, shape: &str, id: &str| layer.row(ShapeKind::Polyline, shape, &[id]);
    let layer = Layer::of(Some(GeometryKind::Polyline), "zm").object_id("ID");
    let layer = line(layer, "1,2,3,4 5,6,7,8", "1").null(&["2"]);
    let mut layer = line(line(layer, "1,2,3,NaN 5,6,7,8", "3"), "1,2,NaN,4 5,6,7,NaN", "4").page();
    layer = line(layer, "1,2,3,4 5,6,7,8", "5");
    layer.pages[1].geometry.m.clear();
    let dir = tempfile::tempdir().unwrap();
    let written = write(&FILE_GEODATABASE, &[layer], &dir.path().join("a.gdb")).unwrap();
    let losses: Vec<_> = written.losses.iter().map(|loss| (loss.kind, loss.count, loss.first.clone())).collect();
    assert_eq!(losses, [(LossKind::OrdinateFilled, 3, Some("object id 3".to_owned()))]);
    let text = judge(dir.path(), "ogrinfo", &["-q", "-al", "a.gdb"]);
    let found: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("MULTILINESTRING ZM ")).collect();
    let z_and_m = |wkt: &&str| -> Vec<f64> {
        let numbers: Vec<f64> = wkt.split([' ', ',', '(', ')']).filter_map(|word| word.parse().ok()).collect();
        numbers.chunks(4).flat_map(|vertex| [vertex[2], vertex[3]]).collect()
    };
    let expected = [[3.0, 4.0, 7.0, 8.0], [3.0, 0.0, 7.0, 8.0], [0.0, 4.0, 7.0, 0.0], [3.0, 0.0, 7.0, 0.0]];
    assert_eq!(found.iter().map(z_and_m).collect::<Vec<_>>(), expected, "{text}");
}

#[cfg(feature = "gdal")]
#[test]
fn a_geometry_beyond_the_grid_of_a_file_geodatabase_is_left_out_and_counted_and_its_row_stays() {
    use geohaul::model::{GeometryKind, ShapeKind};
    use geohaul::report::LossKind;
    use geohaul::write::ogr::FILE_GEODATABASE;
    use rows::{Layer, write};

    let line = |layer: Layer, shape: &str, id: &str| layer.row(ShapeKind::Polyline, shape, &[id]);
    let layer = Layer::of(Some(GeometryKind::Polyline), "z").object_id("ID");
    let layer = line(layer, "1,2,3 5,6,7", "1");
    // No data, as rasters have it.
    let layer = line(layer, "1,2,-3.4e38 5,6,7", "2");
    let layer = line(line(layer, "1e300,2,3 5,6,7", "3"), "1,2,3 5,6,7", "4");
    let dir = tempfile::tempdir().unwrap();
    let written = write(&FILE_GEODATABASE, &[layer], &dir.path().join("a.gdb")).unwrap();
    let losses: Vec<_> = written.losses.iter().map(|loss| (loss.kind, loss.count, loss.first.clone())).collect();
    assert_eq!(losses, [(LossKind::GeometryDropped, 2, Some("object id 2".to_owned()))]);
    let text = judge(dir.path(), "ogrinfo", &["-al", "a.gdb"]);
    assert_eq!(text.matches("OGRFeature(").count(), 4, "{text}");
    assert_eq!(text.matches("MULTILINESTRING Z ((1 2 3,5 6 7))").count(), 2, "{text}");
    assert!(text.contains("Extent: (1.000000, 2.000000) - (5.000000, 6.000000)"), "{text}");
}

#[cfg(feature = "gdal")]
#[test]
fn range_domains_are_kept_in_a_file_geodatabase() {
    use geohaul::model::plan::ColumnKind;
    use geohaul::model::{Domain, Field, FieldType};
    use geohaul::write::ogr::FILE_GEODATABASE;
    use rows::{Layer, write};
    use serde_json::json;

    let ranged = |name: &str, field_type, min: Value, max: Value| {
        let mut field = Field::new(name, field_type);
        field.domain = Some(Domain::Range { name: format!("{name}s"), min, max });
        field
    };
    let layer = Layer::new("Wells", None)
        .object_id("OBJECTID")
        .column_of("DEPTH", ColumnKind::Double, ranged("DEPTH", FieldType::Double, json!(-0.5), json!(120.25)))
        .column_of("YIELD", ColumnKind::Integer { bits: 32 }, ranged("YIELD", FieldType::Integer, json!(0), json!(40)))
        .column_of("RANK", ColumnKind::Integer { bits: 16 }, ranged("RANK", FieldType::SmallInteger, json!(1), json!(1e9)))
        .null(&["1", "3.5", "7", "2"]);
    let dir = tempfile::tempdir().unwrap();
    write(&FILE_GEODATABASE, &[layer], &dir.path().join("a.gdb")).unwrap();
    let domain = |name: &str| judge(dir.path(), "ogrinfo", &["-fielddomain", name, "a.gdb"]);
    for (name, min, max) in [("DEPTHs", "-0.5", "120.25"), ("YIELDs", "0", "40")] {
        let text = domain(name);
        assert!(text.contains("Type: range") && text.contains(&format!("Minimum value: {min}")), "{text}");
        assert!(text.contains(&format!("Maximum value: {max}")), "{text}");
    }
    let fields = judge(dir.path(), "ogrinfo", &["-so", "a.gdb", "Wells"]);
    assert!(fields.contains("DEPTH: Real (0.0), domain name=DEPTHs"), "{fields}");
    assert!(!fields.contains("RANKs"), "a bound beyond its field's type is none: {fields}");
}

#[test]
fn layers_are_added_to_a_file_that_stands_and_a_failure_leaves_it_as_it_was() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["export", &demo.atlas("/2"), "-o", "all.gpkg"]);
    let before = std::fs::read(dir.path().join("all.gpkg")).unwrap();
    assert_eq!(geohaul(dir.path(), &["export", &demo.atlas("/6"), "-o", "all.gpkg"]).status.code(), Some(1));
    assert_eq!(geohaul(dir.path(), &["export", &demo.atlas("/9"), "-o", "all.gpkg", "--append"]).status.code(), Some(2));
    assert_eq!(std::fs::read(dir.path().join("all.gpkg")).unwrap(), before);
    ok(dir.path(), &["export", &demo.atlas("/6"), "-o", "all.gpkg", "--append"]);
    let said = geohaul(dir.path(), &["export", &demo.atlas("/2"), "-o", "all.gpkg", "--append"]);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("warning: there is a table \"Rivers\" already, so this layer is the table \"Rivers_2\""), "{said}");
    assert_eq!(
        judge(
            dir.path(),
            "sqlite3",
            &["all.gpkg", "SELECT table_name FROM gpkg_contents ORDER BY rowid; PRAGMA integrity_check"]
        ),
        "Rivers\nSources\nRivers_2\nok\n"
    );
    // GDAL's files take them as well.
    judge(dir.path(), "ogr2ogr", &["theirs.gpkg", "all.gpkg", "Rivers"]);
    ok(dir.path(), &["export", &demo.atlas("/6"), "-o", "theirs.gpkg", "--append"]);
    assert_eq!(judge(dir.path(), "ogrinfo", &["-q", "theirs.gpkg"]).lines().count(), 2);
    let words = geohaul(dir.path(), &["export", &demo.atlas("/6"), "-o", "a.csv", "--append"]);
    assert_eq!(words.status.code(), Some(2));
}
