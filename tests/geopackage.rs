//! GeoPackage, judged by SQLite and by GDAL.
#![cfg(feature = "geopackage")]
#![allow(clippy::unwrap_used)] // in a test, to panic is to report

#[path = "support/rows.rs"]
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geohaul::model::plan::ColumnKind;
use geohaul::model::{About, Domain, Field, FieldType, GeometryKind, Relations, ShapeKind};
use geohaul::report::LossKind;
use geohaul::write::geopackage::GeoPackage;
use geohaul::write::{Format, Stage, Target, Written};
use geohaul::{Crs, Error, ErrorKind};
use rows::{Layer, judge, write, write_into};
use serde_json::{Value, json};
use tempfile::TempDir;

const SQUARE: &str = "0,0 0,10 10,10 10,0 0,0";

/// Writes layers into a file of a fresh directory.
fn written(layers: &[Layer]) -> (TempDir, PathBuf, Written) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("out.gpkg");
    let written = write(&GeoPackage, layers, &path).unwrap();
    (dir, path, written)
}

/// What SQLite's own program answers, a line for each row, cells with `|` between them.
fn sql(path: &Path, query: &str) -> String {
    judge("sqlite3", &[path.to_str().unwrap(), query], &[])
}

fn gdal(path: &Path) -> String {
    judge("ogrinfo", &["-al", "-q", path.to_str().unwrap()], &[])
}

fn parcels() -> Layer {
    Layer::new("Parcels", Some(GeometryKind::Polygon)).object_id("OBJECTID").column("NAME", FieldType::String)
}

#[test]
fn every_type_of_field_arrives_as_its_own_and_the_row_id_is_the_object_id() {
    let layer = parcels()
        .column("SMALL", FieldType::SmallInteger)
        .column("BIG", FieldType::BigInteger)
        .column("LEN", FieldType::Double)
        .column("SEEN", FieldType::Date)
        .column("DAY", FieldType::DateOnly)
        .column("DATA", FieldType::Blob)
        .row(
            ShapeKind::Polygon,
            SQUARE,
            &["5000000000", r#""Zoë \"Z\"""#, "-7", "9007199254740993", "1.5", "1700000000001", r#""2023-05-03""#, r#""AAH/""#],
        )
        .page()
        .row(ShapeKind::Null, "", &["3", "null", "null", "null", "null", "0", "null", "null"]);
    let (_dir, path, written) = written(&[layer]);
    assert!(written.losses.is_empty() && written.rows == 2);
    assert_eq!(
        sql(&path, "SELECT OBJECTID, geom IS NULL, NAME, SMALL, BIG, LEN, SEEN, DAY, hex(DATA) FROM Parcels"),
        "3|1|||||1970-01-01T00:00:00.000Z||\n5000000000|0|Zoë \"Z\"|-7|9007199254740993|1.5|2023-11-14T22:13:20.001Z|2023-05-03|0001FF\n"
    );
    let text = gdal(&path);
    for line in [
        "OGRFeature(Parcels):5000000000",
        "SMALL (Integer(Int16)) = -7",
        "BIG (Integer64) = 9007199254740993",
        "SEEN (DateTime) = 2023/11/14 22:13:20.001+00",
        "DAY (Date) = 2023/05/03",
        "DATA (Binary) = 0001FF",
        "MULTIPOLYGON (((0 0,10 0,10 10,0 10,0 0)))",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_value_that_is_none_of_its_type_and_an_id_that_is_taken_are_counted() {
    let row = |layer: Layer, cells: &[&str]| layer.row(ShapeKind::Polygon, SQUARE, cells);
    let layer = parcels().column("SMALL", FieldType::SmallInteger);
    let layer = row(layer, &["7", "null", "40000"]);
    let layer = row(layer, &["7", "null", "\"x\""]);
    let layer = row(layer, &["null", "null", "1"]);
    let (_dir, path, written) = written(&[layer]);
    assert_eq!(sql(&path, "SELECT OBJECTID, SMALL FROM Parcels"), "7|\n8|\n9|1\n");
    let losses: Vec<_> = written.losses.iter().map(|l| (l.kind, l.field.as_deref().unwrap(), l.count)).collect();
    assert_eq!(losses, [(LossKind::ValueDropped, "OBJECTID", 1), (LossKind::ValueDropped, "SMALL", 2)]);
}

#[test]
fn the_packed_index_is_sound_and_finds_what_is_there() {
    for count in [0, 1, 51, 52, 2600, 2700, 12_000] {
        let mut layer = Layer::new("Points", Some(GeometryKind::Point)).object_id("ID");
        for at in 0..count {
            // Spread, with a null now and then.
            let (x, y) = (f64::from(at * 7919 % 1000) / 10.0 + 0.1, f64::from(at * 104_729 % 997) / 10.0 - 40.0);
            let id = (at + 1).to_string();
            layer = if at % 100 == 99 { layer.null(&[&id]) } else { layer.point(x, y, &[&id]) };
        }
        let (_dir, path, _) = written(&[layer]);
        assert_eq!(sql(&path, "SELECT rtreecheck('rtree_Points_geom'); PRAGMA integrity_check;"), "ok\nok\n", "{count}");
        let index =
            sql(&path, "SELECT count(*) FROM rtree_Points_geom WHERE maxx >= 20 AND minx <= 30 AND maxy >= -20 AND miny <= 5");
        let args = ["-al", "-so", "-spat", "20", "-20", "30", "5", path.to_str().unwrap()];
        let text = judge("ogrinfo", &args, &[]);
        let by_gdal = text.lines().find_map(|line| line.strip_prefix("Feature Count: ")).unwrap().to_owned();
        let judged = judge("ogrinfo", &[&args[..], &["--config", "OGR_GPKG_USE_RTREE", "NO"]].concat(), &[]);
        assert!(judged.contains(&format!("Feature Count: {by_gdal}\n")), "{count}");
        assert_eq!(index.trim(), by_gdal, "{count}");
    }
}

#[test]
fn gdal_can_edit_what_was_written_and_the_index_follows() {
    let layer = parcels().row(ShapeKind::Polygon, SQUARE, &["1", "\"a\""]).row(ShapeKind::Polygon, SQUARE, &["2", "\"b\""]);
    let (dir, path, _) = written(&[layer]);
    let path_text = path.to_str().unwrap();
    judge("ogrinfo", &[path_text, "-sql", "DELETE FROM Parcels WHERE OBJECTID = 1"], &[]);
    let more = dir.path().join("more.geojson");
    let shape = r#"{"type":"MultiPolygon","coordinates":[[[[50,50],[60,50],[60,60],[50,50]]]]}"#;
    std::fs::write(&more, format!(r#"{{"type":"Feature","properties":{{"NAME":"c"}},"geometry":{shape}}}"#)).unwrap();
    judge("ogr2ogr", &["-append", path_text, more.to_str().unwrap(), "-nln", "Parcels"], &[]);
    assert_eq!(
        sql(&path, "SELECT rtreecheck('rtree_Parcels_geom'); SELECT id, maxx FROM rtree_Parcels_geom;"),
        "ok\n2|10.0\n3|60.0\n"
    );
}

#[test]
fn each_kind_of_geometry_with_z_and_m_is_the_one_that_came() {
    let kinds = [
        (GeometryKind::Point, ShapeKind::Point, "1,2,3,4", "POINT ZM (1 2 3 4)"),
        (GeometryKind::Multipoint, ShapeKind::Multipoint, "1,2,3,4 5,6,7,8", "MULTIPOINT ZM ((1 2 3 4),(5 6 7 8))"),
        (GeometryKind::Polyline, ShapeKind::Polyline, "1,2,3,4 5,6,7,8", "MULTILINESTRING ZM ((1 2 3 4,5 6 7 8))"),
        (
            GeometryKind::Polygon,
            ShapeKind::Polygon,
            "0,0,1,1 0,9,1,2 9,9,1,3 9,0,1,4 0,0,1,1; 1,1,2,0 2,1,2,0 2,2,2,0 1,1,2,0",
            "MULTIPOLYGON ZM (((0 0 1 1,9 0 1 4,9 9 1 3,0 9 1 2,0 0 1 1),(1 1 2 0,2 2 2 0,2 1 2 0,1 1 2 0)))",
        ),
    ];
    for (geometry, kind, shape, wkt) in kinds {
        let (_dir, path, _) = written(&[Layer::of(Some(geometry), "zm").object_id("ID").row(kind, shape, &["1"])]);
        let text = gdal(&path);
        assert!(text.contains(wkt), "{wkt} in {text}");
        assert_eq!(sql(&path, "SELECT z, m FROM gpkg_geometry_columns"), "1|1\n");
    }
}

#[test]
fn many_layers_and_tables_stand_in_one_file_under_names_of_their_own() {
    let layers = [
        Layer::new("Roads & Paths", Some(GeometryKind::Polyline)).object_id("FID").row(ShapeKind::Polyline, "0,0 1,1", &["1"]),
        Layer::new("roads   paths", None).object_id("FID").null(&["9"]),
        Layer::new("gpkg_contents", Some(GeometryKind::Point))
            .column("geom", FieldType::String)
            .column("fid", FieldType::String)
            .point(1.0, 2.0, &["\"g\"", "\"f\""]),
        Layer::new("Empty", None).column("A", FieldType::String),
    ];
    let (_dir, path, written) = written(&layers);
    assert_eq!(written.rows, 3);
    assert_eq!(
        sql(&path, "SELECT table_name, data_type, identifier FROM gpkg_contents ORDER BY rowid"),
        "Roads___Paths|features|Roads & Paths\nroads___paths_2|attributes|roads   paths\n\
         layer_gpkg_contents|features|layer_gpkg_contents\nEmpty|attributes|Empty\n"
    );
    assert_eq!(sql(&path, "SELECT fid_2, fid, geom FROM layer_gpkg_contents"), "1|f|g\n");
    assert_eq!(judge("ogrinfo", &["-q", path.to_str().unwrap()], &[]).lines().count(), 4);
}

#[test]
fn a_layer_that_fails_is_taken_back_and_the_others_stay() {
    let dir = TempDir::new().unwrap();
    let target = Target { path: dir.path().join("out.gpkg"), overwrite: false };
    let stage = Stage::open(target).unwrap();
    write_into(&GeoPackage, &[parcels().row(ShapeKind::Polygon, SQUARE, &["1", "null"])], &stage, None).unwrap();
    let broken = Layer::new("Broken", None).object_id("ID").null(&["1"]);
    let why = Error::new(ErrorKind::Server, "gone");
    assert_eq!(write_into(&GeoPackage, &[broken], &stage, Some(why)).unwrap_err().what(), "gone");
    write_into(&GeoPackage, &[Layer::new("More", None).object_id("ID").null(&["1"])], &stage, None).unwrap();
    let files = stage.commit().unwrap();
    assert_eq!(sql(&files[0], "SELECT table_name FROM gpkg_contents ORDER BY rowid"), "Parcels\nMore\n");
    assert_eq!(sql(&files[0], "PRAGMA integrity_check; PRAGMA foreign_key_check;"), "ok\n");
}

#[test]
fn aliases_and_domains_stand_in_the_schema_extension() {
    let coded = |labels: [&str; 2]| Domain::Coded {
        name: "Material".to_owned(),
        codes: vec![(json!(1), labels[0].to_owned()), (json!(2), labels[1].to_owned())],
    };
    let field = |name: &str, domain| {
        let mut field = Field::new(name, FieldType::Integer);
        field.alias = Some("The material".to_owned());
        field.domain = Some(domain);
        field
    };
    let number = ColumnKind::Integer { bits: 32 };
    let range = Domain::Range { name: "Length".to_owned(), min: json!(0), max: json!(10) };
    let layer = Layer::new("Pipes", None)
        .column_of("A", number, field("A", coded(["Copper", "Steel"])))
        .column_of("B", number, field("B", coded(["Copper", "Steel"])))
        .column_of("C", number, field("C", coded(["Kupfer", "Stahl"])))
        .column_of("D", number, field("D", range));
    let (_dir, path, _) = written(&[layer]);
    assert_eq!(
        sql(&path, "SELECT column_name, name, title, constraint_name FROM gpkg_data_columns ORDER BY rowid"),
        "A|The material|The material|Material\nB||The material|Material\nC||The material|Material_2\nD||The material|Length\n"
    );
    let domain = |name: &str| judge("ogrinfo", &["-fielddomain", name, path.to_str().unwrap()], &[]);
    assert!(domain("Material").contains("2: Steel") && domain("Material_2").contains("2: Stahl"));
    let length = domain("Length");
    assert!(length.contains("Minimum value: 0") && length.contains("Maximum value: 10"), "{length}");
}

#[test]
fn spatial_references_have_their_definitions_in_both_dialects() {
    let custom = r#"PROJCS["Mine",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",123.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",7.5],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;
    let layer = |name: &str, crs: Option<Crs>| {
        Layer::of(Some(GeometryKind::Point), "").plan(|plan| {
            plan.layer = name.to_owned();
            plan.crs = crs;
        })
    };
    let layers = [
        layer("a", Some(Crs::parse("EPSG:27700").unwrap())),
        layer("b", Some(Crs::parse("ESRI:102001").unwrap())),
        layer("c", Some(Crs::parse(custom).unwrap())),
        layer("d", Some(Crs::parse(custom).unwrap())),
        layer("e", None),
    ];
    let (_dir, path, _) = written(&layers);
    assert_eq!(
        sql(
            &path,
            "SELECT table_name, c.srs_id, organization, organization_coordsys_id, substr(definition, 1, 6), substr(definition_12_063, 1, 7)
             FROM gpkg_contents c JOIN gpkg_spatial_ref_sys USING (srs_id) ORDER BY table_name"
        ),
        "a|27700|EPSG|27700|PROJCS|PROJCRS\nb|102001|ESRI|102001|PROJCS|PROJCRS\nc|102002|NONE|102002|PROJCS|PROJCRS\n\
         d|102002|NONE|102002|PROJCS|PROJCRS\ne|-1|NONE|-1|undefi|undefin\n"
    );
    let text = judge("ogrinfo", &["-al", "-so", path.to_str().unwrap()], &[]);
    assert!(text.contains(r#"ID["EPSG",27700]"#) && text.contains(r#"ID["ESRI",102001]"#), "{text}");
}

#[test]
fn what_a_layer_says_of_itself_is_its_description_and_metadata() {
    let (description, copyright) = (Some("Wells & springs".to_owned()), Some("© them".to_owned()));
    let about = About { description, copyright, source: Some("https://host/0".to_owned()) };
    let layers = [Layer::new("A", None).plan(|plan| plan.about = about), Layer::new("B", None)];
    let (_dir, path, _) = written(&layers);
    let query =
        "SELECT c.table_name, description, metadata FROM gpkg_contents c LEFT JOIN gpkg_metadata_reference r USING (table_name)
                 LEFT JOIN gpkg_metadata m ON m.id = r.md_file_id ORDER BY 1";
    let text = sql(&path, query);
    let expected = "A|Wells & springs|{\"@context\":\"https://schema.org/\",\"@type\":\"Dataset\",\"name\":\"A\",\
                    \"description\":\"Wells & springs\",\"copyrightNotice\":\"© them\",\"url\":\"https://host/0\"}\nB||\n";
    assert_eq!(text, expected);
}

#[test]
fn dates_of_an_unknown_zone_have_no_z() {
    let layer = Layer::new("T", None).column("SEEN", FieldType::Date).plan(|plan| plan.dates_are_utc = false).null(&["0"]);
    let (_dir, path, _) = written(&[layer]);
    assert_eq!(sql(&path, "SELECT SEEN FROM T"), "1970-01-01T00:00:00.000\n");
}

#[test]
fn pairs_of_a_relationship_are_found_by_the_keys_of_both_sides_or_in_a_table_of_their_own() {
    let related = |layer: Layer, number: u32, all: Value| {
        layer.plan(|plan| {
            plan.relations = Relations::of(&json!({"id": number, "relationships": all})).map(Arc::new);
            plan.about.source = Some(format!("http://a/FeatureServer/{number}"));
        })
    };
    let side = |id: u32, role: &str, other: u32, key: &str| json!({"id": id, "name": format!("R{id}"), "relatedTableId": other, "role": format!("esriRelRole{role}"), "keyField": key});
    let through = |mut side: Value, key: &str| {
        side["relationshipTableId"] = json!(3);
        side["keyFieldInRelationshipTable"] = json!(key);
        side
    };
    let owners = Layer::new("Owners", None).object_id("ID").column("GUID", FieldType::GlobalId);
    let owners = owners.null(&["7", "\"{AB}\""]).null(&["8", "\"{CD}\""]).null(&["9", "null"]);
    let houses = Layer::new("Houses", Some(GeometryKind::Point)).object_id("ID").column("OWNER", FieldType::Guid);
    let houses = houses.point(0.0, 0.0, &["1", "\"{ab}\""]).point(0.0, 0.0, &["2", "\"{ab}\""]).point(0.0, 0.0, &["3", "null"]);
    let pairs = Layer::new("Pairs", None).column("H", FieldType::Integer).column("O", FieldType::Integer);
    let pairs = pairs.null(&["1", "7"]).null(&["3", "9"]).null(&["3", "9"]).null(&["3", "99"]);
    let layers = [
        related(
            owners,
            1,
            json!([side(0, "Origin", 2, "GUID"), through(side(5, "Destination", 2, "ID"), "O"), side(6, "Origin", 4, "ID")]),
        ),
        related(houses, 2, json!([side(0, "Destination", 1, "OWNER"), through(side(5, "Origin", 1, "ID"), "H")])),
        related(pairs, 3, json!([])),
    ];
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.gpkg");
    let stage = Stage::open(Target { path: path.clone(), overwrite: false }).unwrap();
    write_into(&GeoPackage, &layers, &stage, None).unwrap();
    let placed: Vec<_> = layers.iter().map(|layer| (&layer.plan, layer.plan.layer.as_str())).collect();
    let notes = Format::relate(&GeoPackage, &stage, &placed).unwrap();
    assert_eq!(notes, ["the relationship \"R6\" of \"Owners\" is not kept: its other table is not in the output"]);
    stage.commit().unwrap();
    assert_eq!(sql(&path, "SELECT * FROM R0"), "7|1\n7|2\n");
    assert_eq!(sql(&path, "SELECT * FROM R5"), "1|7\n3|9\n");
    let relations = "SELECT base_table_name, related_table_name, relation_name FROM gpkgext_relations ORDER BY id";
    assert_eq!(sql(&path, relations), "Owners|Houses|features\nHouses|Owners|attributes\n");
}
