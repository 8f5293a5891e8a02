//! The formats and their options from the command line: text sequences, Esri JSON, CSV with WKT, GDAL's drivers.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/tools.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod tools;

use std::path::Path;
use std::process::Command;

const LAYER: &str = r#"{"displayFieldName":"NAME","objectIdFieldName":"OBJECTID","geometryType":"esriGeometryPolygon","hasZ":true,
"hasM":true,"spatialReference":{"wkid":27700},"fields":[{"name":"OBJECTID","type":"esriFieldTypeOID","alias":"OBJECTID"},
{"name":"NAME","type":"esriFieldTypeString","alias":"Der Name","length":50},{"name":"SEEN","type":"esriFieldTypeDate","alias":"SEEN"},
{"name":"KIND","type":"esriFieldTypeSmallInteger","alias":"KIND","domain":{"type":"codedValue","name":"Kind",
"codedValues":[{"name":"Copper","code":1}]}},{"name":"BIG","type":"esriFieldTypeBigInteger","alias":"BIG"},
{"name":"LEN","type":"esriFieldTypeDouble","alias":"LEN","domain":{"type":"range","name":"Len","range":[0.5,10]}}],"features":[
{"attributes":{"OBJECTID":7,"NAME":"Zo\u00eb \"Z\",\n;","SEEN":1700000000001,"KIND":1,"BIG":9007199254740993,"LEN":1.50},
"geometry":{"rings":[[[0,0,1.5,null],[0,10.10,2,3],[10,10,3,4],[10,0,4,5],[0,0,1.5,null]],[[2,2,1,1],[4,2,1,1],[4,4,1,1],[2,4,1,1],[2,2,1,1]]]}},
{"attributes":{"OBJECTID":3,"NAME":null,"SEEN":null,"KIND":null,"BIG":null,"LEN":null}},
{"attributes":{"OBJECTID":5000000000,"NAME":"","SEEN":0,"KIND":2,"BIG":1,"LEN":-1e300},"geometry":{"rings":[
[[0,0,1,1],[0,1,1,1],[1,1,1,1],[0,0,1,1]],[[5,5,1,1],[5,6,1,1],[6,6,1,1],[5,5,1,1]]]}}]}"#;

/// A directory with the layer in it.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("layer.json"), LAYER).unwrap();
    dir
}

/// What goes to standard output where all goes well.
fn ok(dir: &Path, args: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_geohaul")).current_dir(dir).args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn refused(dir: &Path, args: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_geohaul")).current_dir(dir).args(args).output().unwrap();
    assert_eq!(done.status.code(), Some(2), "{args:?}");
    String::from_utf8(done.stderr).unwrap()
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

fn judge(dir: &Path, program: &str, args: &[&str]) -> String {
    let run = Command::new(program).current_dir(dir).args(args).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&run.stderr));
    text
}

#[test]
fn a_text_sequence_is_a_feature_a_line_and_streams_to_standard_output() {
    let dir = directory();
    let text = ok(dir.path(), &["convert", "layer.json", "-o", "-", "--format", "geojsonseq"]);
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        let feature: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(feature["type"], "Feature");
    }
    for ending in ["geojsonl", "ndjson"] {
        let file = format!("a.{ending}");
        ok(dir.path(), &["convert", "layer.json", "-o", &file]);
        assert_eq!(read(dir.path(), &file), text);
    }
    ok(dir.path(), &["convert", "layer.json", "-o", "rs.geojsonl", "--rs"]);
    let separated: String = text.lines().map(|line| format!("\u{1e}{line}\n")).collect();
    assert_eq!(read(dir.path(), "rs.geojsonl"), separated);
    for file in ["a.geojsonl", "rs.geojsonl"] {
        let path = format!("GeoJSONSeq:{file}");
        assert!(judge(dir.path(), "ogrinfo", &["-al", "-so", &path]).contains("Feature Count: 3"), "{file}");
    }
}

#[test]
fn text_goes_to_standard_output_and_what_can_not_is_refused() {
    let dir = directory();
    ok(dir.path(), &["convert", "layer.json", "-o", "a.geojson", "-o", "a.esrijson"]);
    for (format, file) in [("geojson", "a.geojson"), ("esrijson", "a.esrijson")] {
        assert_eq!(ok(dir.path(), &["convert", "layer.json", "-o", "-", "--format", format]), read(dir.path(), file));
    }
    let words = refused(dir.path(), &["convert", "layer.json", "-o", "-", "--format", "shapefile"]);
    assert!(words.contains("Shapefile can't be written to standard output"), "{words}");
    let words = refused(dir.path(), &["convert", "layer.json", "-o", "-"]);
    assert!(words.contains("--format geojsonseq"), "{words}");
}

#[test]
fn esri_json_reads_back_to_what_it_came_from() {
    let dir = directory();
    ok(dir.path(), &["convert", "layer.json", "-o", "one.esrijson", "--strict"]);
    ok(dir.path(), &["convert", "layer.json", "-o", "one.geojson"]);
    ok(dir.path(), &["convert", "one.esrijson", "-o", "two.esrijson", "-o", "two.geojson", "--codebook", "two.csv"]);
    ok(dir.path(), &["convert", "layer.json", "-o", "three.geojson", "--codebook", "three.csv", "--overwrite"]);
    let renamed =
        |text: String| text.replace("\"name\":\"two\"", "\"name\":\"one\"").replace("\"name\":\"layer\"", "\"name\":\"one\"");
    assert_eq!(renamed(read(dir.path(), "one.esrijson")), renamed(read(dir.path(), "two.esrijson")));
    assert_eq!(renamed(read(dir.path(), "one.geojson")), renamed(read(dir.path(), "two.geojson")));
    let labels = |name: &str| read(dir.path(), name).replace("one,", "layer,");
    assert_eq!(labels("two.csv"), labels("three.csv"));

    let one: serde_json::Value = serde_json::from_str(&read(dir.path(), "one.esrijson")).unwrap();
    let came: serde_json::Value = serde_json::from_str(LAYER).unwrap();
    for key in ["objectIdFieldName", "geometryType", "hasZ", "hasM", "spatialReference", "fields"] {
        assert_eq!(one[key], came[key], "{key}");
    }
    for (row, feature) in came["features"].as_array().unwrap().iter().enumerate() {
        assert_eq!(one["features"][row]["attributes"], feature["attributes"]);
        assert_eq!(one["features"][row]["geometry"]["rings"], feature["geometry"]["rings"]);
    }
    assert!(read(dir.path(), "one.esrijson").contains("[0,10.10,2,3]"), "digits are copied");
    assert!(judge(dir.path(), "ogrinfo", &["-al", "-so", "ESRIJSON:one.esrijson"]).contains("Feature Count: 3"));
}

#[test]
fn csv_holds_wkt_or_no_geometry_with_any_delimiter_and_a_byte_order_mark() {
    let dir = directory();
    let convert = |file: &str, more: &[&str]| {
        ok(dir.path(), &[&["convert", "layer.json", "-o", file], more].concat());
        read(dir.path(), file)
    };
    assert_eq!(
        convert("a.csv", &["--geometry", "wkt", "--delimiter", ";", "--bom"]),
        "\u{feff}wkt;OBJECTID;NAME;SEEN;KIND;BIG;LEN\n\
         POLYGON ZM ((0 0 1.5 0,10 0 4 5,10 10 3 4,0 10.10 2 3,0 0 1.5 0),(2 2 1 1,2 4 1 1,4 4 1 1,4 2 1 1,2 2 1 1));\
         7;\"Zoë \"\"Z\"\",\n;\";2023-11-14T22:13:20.001Z;1;9007199254740993;1.50\n\
         ;3;;;;;\n\
         MULTIPOLYGON ZM (((0 0 1 1,1 1 1 1,0 1 1 1,0 0 1 1)),((5 5 1 1,6 6 1 1,5 6 1 1,5 5 1 1)));\
         5000000000;\"\";1970-01-01T00:00:00Z;2;1;-1e300\n"
    );
    assert!(
        convert("b.csv", &["--geometry", "none", "--delimiter", "tab"]).starts_with("OBJECTID\tNAME\tSEEN\tKIND\tBIG\tLEN\n7\t")
    );
    let text = convert("c.csv", &["--geometry", "wkt"]);
    assert!(text.contains(",5000000000,\"\",") && text.starts_with("wkt,OBJECTID"), "{text}");
    let options = ["-oo", "GEOM_POSSIBLE_NAMES=wkt", "-oo", "KEEP_GEOM_COLUMNS=NO"];
    let read = judge(dir.path(), "ogrinfo", &[&["-al", "c.csv"], &options[..]].concat());
    assert!(
        read.contains("POLYGON ZM ((0 0 1.5 0,")
            && read.contains("MULTIPOLYGON ZM (((0 0 1 1,")
            && read.contains("Feature Count: 3"),
        "{read}"
    );
    let words = refused(dir.path(), &["convert", "layer.json", "-o", "d.csv", "--delimiter", "\""]);
    assert!(words.contains("ASCII"), "{words}");
}

#[test]
fn gdal_reads_the_wkt_of_geometries_without_z_in_a_layer_that_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let row = |at: &str| format!(r#"{{"attributes":{{"A":7}},"geometry":{at}}}"#);
    let rows = [r#"{"x":1,"y":2,"z":3}"#, r#"{"x":4,"y":5}"#].map(row);
    let text = format!(
        r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":4326}},"hasZ":true,"fields":[{{"name":"A","type":"esriFieldTypeInteger"}}],"features":[{}]}}"#,
        rows.join(",")
    );
    std::fs::write(dir.path().join("in.json"), text).unwrap();
    ok(dir.path(), &["convert", "in.json", "-o", "a.csv", "--geometry", "wkt"]);
    assert_eq!(read(dir.path(), "a.csv"), "wkt,A\nPOINT Z (1 2 3),7\nPOINT (4 5),7\n");
    let read =
        judge(dir.path(), "ogrinfo", &["-q", "-al", "a.csv", "-oo", "GEOM_POSSIBLE_NAMES=wkt", "-oo", "KEEP_GEOM_COLUMNS=NO"]);
    assert!(read.contains("POINT Z (1 2 3)") && read.contains("POINT (4 5)"), "{read}");
}

#[test]
fn integers_are_what_they_are_however_they_are_written_and_singles_are_never_infinite() {
    let dir = tempfile::tempdir().unwrap();
    let row = |n: &str, s: &str| format!(r#"{{"attributes":{{"N":{n},"S":{s}}},"geometry":{{"x":1,"y":2}}}}"#);
    let text = format!(
        r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":4326}},"fields":[
        {{"name":"N","type":"esriFieldTypeInteger"}},{{"name":"S","type":"esriFieldTypeSingle"}}],"features":[{},{},{}]}}"#,
        row("1E2", "0.5"),
        row("7.0", "1e39"),
        row("-3", "null")
    );
    std::fs::write(dir.path().join("in.json"), text).unwrap();
    ok(dir.path(), &["convert", "in.json", "-o", "a.kml", "-o", "a.fgb"]);
    for file in ["a.kml", "a.fgb"] {
        let read = judge(dir.path(), "ogrinfo", &["-q", "-al", file]);
        let values =
            |name: &str| read.lines().filter_map(|line| line.trim().strip_prefix(name)).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(values("N (Integer) = "), ["100", "7", "-3"], "{file}: {read}");
    }
    let read = judge(dir.path(), "ogrinfo", &["-q", "-al", "a.fgb"]);
    assert!(read.contains("= 0.5") && !read.contains("inf"), "{read}");
}

#[test]
fn a_flatgeobuf_takes_no_geometry_of_another_kind_than_its_layer_says() {
    let dir = tempfile::tempdir().unwrap();
    let convert = |geometry: &str| {
        let text = format!(
            r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":4326}},"fields":[],
            "features":[{{"attributes":{{}},"geometry":{{"x":1,"y":2}}}},{{"attributes":{{}},"geometry":{geometry}}}]}}"#
        );
        std::fs::write(dir.path().join("in.json"), text).unwrap();
    };
    for geometry in [r#"{"paths":[[[3,4],[5,6]]]}"#, r#"{"points":[[3,4],[5,6]]}"#, r#"{"rings":[[[0,0],[0,1],[1,1],[0,0]]]}"#] {
        convert(geometry);
        let done = Command::new(env!("CARGO_BIN_EXE_geohaul"))
            .current_dir(dir.path())
            .args(["convert", "in.json", "-o", "a.fgb"])
            .output();
        let words = String::from_utf8(done.unwrap().stderr).unwrap();
        assert!(words.contains("of another kind than its layer") && words.contains("row 1"), "{words}");
    }
    convert(r#"{"points":[[3,4]]}"#);
    ok(dir.path(), &["convert", "in.json", "-o", "a.fgb"]);
    let read = judge(dir.path(), "ogrinfo", &["-q", "-al", "a.fgb"]);
    assert!(read.contains("POINT (1 2)") && read.contains("POINT (3 4)"), "{read}");
}

#[cfg(feature = "geopackage")]
#[test]
fn an_index_over_more_rows_than_are_sorted_in_memory_finds_each_of_them() {
    const ROWS: usize = 200_000;
    let dir = tempfile::tempdir().unwrap();
    let place = |row: usize| (row * 7919 % 199_999, row * 104_729 % 199_967);
    let rows: Vec<String> = (1..=ROWS)
        .map(|row| format!(r#"{{"attributes":{{"ID":{row}}},"geometry":{{"x":{},"y":{}}}}}"#, place(row).0, place(row).1))
        .collect();
    let text = format!(
        r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":3857}},"fields":[
        {{"name":"ID","type":"esriFieldTypeOID"}}],"features":[{}]}}"#,
        rows.join(",")
    );
    std::fs::write(dir.path().join("in.json"), text).unwrap();
    ok(dir.path(), &["convert", "in.json", "-o", "a.gpkg", "-o", "a.fgb"]);
    let checked = judge(dir.path(), "sqlite3", &["a.gpkg", "SELECT rtreecheck('rtree_in_geom'), count(*) FROM rtree_in_geom"]);
    assert_eq!(checked, format!("ok|{ROWS}\n"));
    let (low, high) = (50_000, 90_000);
    let inside = |at: usize| (low..=high).contains(&at);
    let expected = (1..=ROWS).map(place).filter(|(x, y)| inside(*x) && inside(*y)).count();
    let (low, high) = (low.to_string(), high.to_string());
    for file in ["a.gpkg", "a.fgb"] {
        let all = judge(dir.path(), "ogrinfo", &["-al", "-so", file]);
        assert!(all.contains(&format!("Feature Count: {ROWS}\n")), "{all}");
        let found = judge(dir.path(), "ogrinfo", &["-al", "-so", file, "-spat", &low, &low, &high, &high]);
        assert!(found.contains(&format!("Feature Count: {expected}\n")), "{expected}: {found}");
    }
}

#[cfg(feature = "gdal")]
#[test]
fn any_driver_of_gdal_writes_with_its_options_and_its_limits_are_told() {
    let dir = directory();
    let gml = ["--driver", "GML", "--dsco", "FORMAT=GML3.2", "--lco", "GEOMETRY_NAME=shape"];
    ok(dir.path(), &[&["convert", "layer.json", "-o", "a.gml"], &gml[..]].concat());
    let text = read(dir.path(), "a.gml");
    assert!(text.contains("http://www.opengis.net/gml/3.2") && text.contains("Zoë"), "{text}");
    ok(dir.path(), &["convert", "layer.json", "-o", "a.tab", "--driver", "MapInfo File", "--report", "report.json"]);
    let report: serde_json::Value = serde_json::from_str(&read(dir.path(), "report.json")).unwrap();
    let output = &report["layers"][0]["outputs"][0];
    assert_eq!((&output["rows"], &output["files"].as_array().unwrap().len()), (&serde_json::json!(3), &4));
    let lost = |kind: &str| {
        let losses: Vec<_> = output["losses"].as_array().unwrap().iter().filter(|loss| loss["kind"] == kind).collect();
        losses.iter().map(|loss| (loss["field"].as_str().unwrap(), loss["detail"].as_str())).collect::<Vec<_>>()
    };
    let changed = lost("column-changed");
    assert!(changed.len() == 1 && changed[0].0 == "BIG", "{changed:?}");
    let detail = changed[0].1.unwrap();
    assert!(detail.starts_with("text, since the driver says: ") && !detail.contains('\n'), "{detail}");
    let read = judge(dir.path(), "ogrinfo", &["-al", "a.tab"]);
    assert!(read.contains("BIG (String) = 9007199254740993") && read.contains("OBJECTID (Integer) = 7"), "{read}");
    // A greater one is not clamped.
    assert_eq!(lost("value-dropped"), [("OBJECTID", None)]);
    assert!(!read.contains("2147483647"), "{read}");
    for (output, hint) in
        [("b.tab", "add --driver \"MapInfo File\""), ("b.GML", "add --driver GML"), ("b.dxf", "add --driver DXF")]
    {
        let words = refused(dir.path(), &["convert", "layer.json", "-o", output]);
        assert!(words.contains("is no format of geohaul's own") && words.contains(hint), "{words}");
    }
    let words = refused(dir.path(), &["convert", "layer.json", "-o", "a.xyz", "--driver", "Nope"]);
    assert!(words.contains("no driver \"Nope\"") && words.contains("hint:"), "{words}");
}

#[cfg(feature = "gdal")]
#[test]
fn what_a_driver_of_gdal_cuts_is_told_in_its_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(300);
    let text = format!(
        r#"{{"geometryType":"esriGeometryPoint","spatialReference":{{"wkid":4326}},"fields":[
        {{"name":"ID","type":"esriFieldTypeOID"}},{{"name":"T","type":"esriFieldTypeString","length":300}}],"features":[
        {{"attributes":{{"ID":1,"T":"short"}}}},{{"attributes":{{"ID":2,"T":"{long}"}}}},{{"attributes":{{"ID":3,"T":"漢"}}}}]}}"#
    );
    std::fs::write(dir.path().join("in.json"), text).unwrap();
    ok(dir.path(), &["convert", "in.json", "-o", "a.shp", "--driver", "ESRI Shapefile", "--report", "report.json"]);
    let report: serde_json::Value = serde_json::from_str(&read(dir.path(), "report.json")).unwrap();
    let warnings = report["layers"][0]["outputs"][0]["warnings"].to_string();
    for words in
        ["GDAL says of object id 2: ", "has been truncated to 254", "GDAL says of object id 3: ", "couldn't be converted"]
    {
        assert!(warnings.contains(words), "{warnings}");
    }
}

#[cfg(feature = "gdal")]
#[test]
fn spreadsheets_of_gdal_are_whole_and_say_that_they_hold_no_geometry() {
    let dir = directory();
    let table = r#"{"fields":[{"name":"NAME","type":"esriFieldTypeString"},{"name":"N","type":"esriFieldTypeInteger"}],
        "features":[{"attributes":{"NAME":"Zo\u00eb","N":7}},{"attributes":{"NAME":null,"N":-1}}]}"#;
    std::fs::write(dir.path().join("table.json"), table).unwrap();
    for driver in ["XLSX", "ODS"] {
        if !judge(dir.path(), "ogrinfo", &["--formats"]).contains(&format!("  {driver} -")) {
            tools::leave_out("spreadsheets_of_gdal_are_whole", &format!("GDAL's driver {driver}"));
            continue;
        }
        let [layer, rows] = ["layer", "table"].map(|name| format!("{name}.{}", driver.to_lowercase()));
        ok(dir.path(), &["convert", "table.json", "-o", &rows, "--driver", driver, "--strict"]);
        let text = judge(dir.path(), "ogrinfo", &["-q", "-al", &rows]);
        assert!(text.contains("NAME (String) = Zoë") && text.contains("N (Integer) = -1"), "{text}");
        ok(dir.path(), &["convert", "layer.json", "-o", &layer, "--driver", driver, "--report", "report.json", "--overwrite"]);
        let report: serde_json::Value = serde_json::from_str(&read(dir.path(), "report.json")).unwrap();
        let losses = report["layers"][0]["outputs"][0]["losses"].as_array().unwrap();
        let geometry = losses.iter().find(|loss| loss["kind"] == "geometry-dropped");
        assert_eq!(geometry.map(|loss| &loss["count"]), Some(&serde_json::json!(2)), "{losses:?}");
        assert!(judge(dir.path(), "ogrinfo", &["-q", "-al", &layer]).contains("LEN (Real) = 1.5"));
    }
}

#[cfg(feature = "gdal")]
#[test]
fn a_driver_of_gdal_gives_the_files_of_a_directory_its_ending() {
    let dir = directory();
    for (driver, file) in [("MapInfo File", "layer.tab"), ("GML", "layer.gml")] {
        ok(dir.path(), &["convert", "layer.json", "-o", "out/", "--driver", driver]);
        assert!(dir.path().join("out").join(file).is_file(), "{file}");
    }
}

#[cfg(feature = "gdal")]
#[test]
fn a_spreadsheet_of_gdal_in_a_directory_called_like_an_archive_is_refused() {
    let dir = directory();
    for driver in ["XLSX", "ODS"] {
        if !judge(dir.path(), "ogrinfo", &["--formats"]).contains(&format!("  {driver} -")) {
            tools::leave_out("a_spreadsheet_of_gdal_in_a_directory", &format!("GDAL's driver {driver}"));
            continue;
        }
        let ending = driver.to_lowercase();
        for folder in ["x.zip", "x.KMZ/y", "x.xlsx"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
            let file = format!("{folder}/a.{ending}");
            for output in [&file, &format!("{folder}/")] {
                let words = refused(dir.path(), &["convert", "layer.json", "-o", output, "--driver", driver]);
                assert!(words.contains("called like an archive") && !words.contains("reading"), "{output}: {words}");
            }
            ok(dir.path(), &["convert", "layer.json", "-o", &format!("{folder}/a.geojson"), "--overwrite"]);
        }
        ok(dir.path(), &["convert", "layer.json", "-o", "sheets/", "--driver", driver]);
        assert!(judge(dir.path(), "ogrinfo", &["-q", "-al", &format!("sheets/layer.{ending}")]).contains("LEN (Real) = 1.5"));
    }
}

#[test]
fn a_shapefile_goes_into_an_archive_by_its_name_and_kml_to_standard_output() {
    let dir = directory();
    ok(dir.path(), &["convert", "layer.json", "-o", "a.zip", "-o", "a.kml"]);
    assert!(judge(dir.path(), "ogrinfo", &["-al", "-so", "/vsizip/a.zip"]).contains("Feature Count: 3"));
    assert_eq!(ok(dir.path(), &["convert", "layer.json", "-o", "-", "--format", "kml"]), read(dir.path(), "a.kml"));
}

#[cfg(not(feature = "geoparquet"))]
#[test]
fn a_build_without_geoparquet_says_how_to_get_it() {
    let words = refused(tempfile::tempdir().unwrap().path(), &["convert", "layer.json", "-o", "a.parquet"]);
    assert!(words.contains("can't write GeoParquet") && words.contains("--features geoparquet"), "{words}");
}

#[cfg(feature = "geoparquet")]
#[test]
fn geoparquet_is_told_by_its_ending() {
    let dir = directory();
    ok(dir.path(), &["convert", "layer.json", "-o", "a.parquet", "--report", "report.json"]);
    let report: serde_json::Value = serde_json::from_str(&read(dir.path(), "report.json")).unwrap();
    let output = &report["layers"][0]["outputs"][0];
    assert_eq!((&output["format"], &output["rows"]), (&serde_json::json!("geoparquet"), &serde_json::json!(3)));
    assert!(output["losses"].as_array().unwrap().iter().any(|loss| loss["kind"] == "m-dropped"), "{output}");
}

#[test]
fn the_report_names_all_parts_of_a_shapefile() {
    let dir = tempfile::tempdir().unwrap();
    let rows = r#"{"spatialReference":{"wkid":4326},"fields":[{"name":"N","type":"esriFieldTypeInteger"}],"features":[
        {"attributes":{"N":1},"geometry":{"x":1,"y":2}},{"attributes":{"N":2},"geometry":{"paths":[[[0,0],[1,1]]]}}]}"#;
    std::fs::write(dir.path().join("layer.json"), rows).unwrap();
    ok(dir.path(), &["convert", "layer.json", "-o", "a.shp", "--report", "report.json"]);
    let report: serde_json::Value = serde_json::from_str(&read(dir.path(), "report.json")).unwrap();
    let output = &report["layers"][0]["outputs"][0];
    let files: Vec<&str> = output["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    for part in ["a_point", "a_line"] {
        for ending in ["shp", "shx", "dbf", "prj", "cpg", "shp.xml"] {
            assert!(files.contains(&format!("{part}.{ending}").as_str()), "{files:?}");
        }
    }
    assert_eq!((files.len(), output["rows"].as_u64()), (12, Some(2)));
    assert_eq!(output["warnings"][0], "the layer is in 2 Shapefiles: a_line.shp, a_point.shp");
}
