//! Values of every type, from what people have to what a task receives.

use std::path::{Path, PathBuf};
use std::process::Command;

use geohaul::fetch::gp::{Given, Options, Parameters};
use geohaul::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::script::*;

/// What a task receives for `In=VALUE`, as JSON.
fn received(data_type: &str, value: &str) -> Result<Value, Error> {
    let parameters = [parameter("In", data_type, "Required")];
    let script = Script::default().on("/T", [task("Synchronous", &parameters)]).on("/T/execute", [json!({"results": []})]);
    let inputs = Parameters::parse([format!("In={value}")]).unwrap();
    let (script, _, job) = run_with(script, &inputs, &Options::default());
    job.map(|_| serde_json::from_str(&script.sent("/T/execute", "In").unwrap()).unwrap())
}

fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

const GEOJSON: &str = r#"{"type":"FeatureCollection","features":[
    {"type":"Feature","properties":{"NAME":"Łódź","N":7,"D":1.25},"geometry":{"type":"Polygon","coordinates":
        [[[0,0],[10,0],[10,10],[0,10],[0,0]],[[1,1],[1,2],[2,2],[2,1],[1,1]]]}},
    {"type":"Feature","properties":{"NAME":null,"N":null,"D":null},"geometry":{"type":"MultiPolygon","coordinates":
        [[[[20,0],[30,0],[30,10],[20,0]]],[[[40,0],[50,0],[50,10],[40,0]]]]}}
]}"#;

const RINGS: [&str; 2] = [
    "[[[0.0,0.0],[0.0,10.0],[10.0,10.0],[10.0,0.0],[0.0,0.0]],[[1.0,1.0],[2.0,1.0],[2.0,2.0],[1.0,2.0],[1.0,1.0]]]",
    "[[[20.0,0.0],[30.0,10.0],[30.0,0.0],[20.0,0.0]],[[40.0,0.0],[50.0,10.0],[50.0,0.0],[40.0,0.0]]]",
];

fn ring_text(set: &Value, row: usize) -> String {
    set["features"][row]["geometry"]["rings"].to_string()
}

#[test]
fn a_geojson_file_arrives_as_an_esri_feature_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "areas.geojson", GEOJSON);
    let set = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolygon");
    assert_eq!(set["spatialReference"], json!({"wkid": 4326}));
    let fields: Vec<_> = set["fields"].as_array().unwrap().iter().map(|f| (f["name"].clone(), f["type"].clone())).collect();
    assert_eq!(
        fields,
        [("NAME", "String"), ("N", "Integer"), ("D", "Double")]
            .map(|(name, kind)| (json!(name), json!(format!("esriFieldType{kind}"))))
    );
    assert_eq!([ring_text(&set, 0), ring_text(&set, 1)], RINGS);
    assert_eq!(set["features"][0]["attributes"], json!({"NAME": "Łódź", "N": 7, "D": 1.25}));
    assert_eq!(set["features"][1]["attributes"], json!({"NAME": null, "N": null, "D": null}));
}

/// A Shapefile that GDAL makes of [`GEOJSON`].
fn shapefile(folder: &Path, options: &[&str]) -> PathBuf {
    let source = file(folder, "areas.geojson", GEOJSON);
    let path = folder.join("areas.shp");
    let made = Command::new("ogr2ogr").args(options).arg(&path).arg(&source).status().unwrap();
    assert!(made.success());
    path
}

#[test]
fn a_shapefile_arrives_as_an_esri_feature_set_in_its_own_spatial_reference() {
    let folder = tempfile::tempdir().unwrap();
    let path = shapefile(folder.path(), &["-lco", "ENCODING=UTF-8"]);
    let set = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolygon");
    let expected = if cfg!(feature = "gdal") { json!({"wkid": 4326}) } else { set["spatialReference"].clone() };
    assert_eq!(set["spatialReference"], expected);
    let names: Vec<_> = set["fields"].as_array().unwrap().iter().map(|field| field["name"].clone()).collect();
    assert_eq!(names, ["NAME", "N", "D"]);
    assert_eq!(set["features"][0]["attributes"], json!({"NAME": "Łódź", "N": 7, "D": 1.25}));
    assert_eq!(set["features"][1]["attributes"], json!({"NAME": null, "N": null, "D": null}));
    assert_eq!([ring_text(&set, 0), ring_text(&set, 1)], RINGS);
}

#[test]
fn a_shapefile_without_a_spatial_reference_or_in_a_strange_code_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = shapefile(folder.path(), &["-lco", "ENCODING=ISO-8859-2"]);
    let error = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err();
    assert!(error.hint_text().unwrap().contains("ENCODING=UTF-8"), "{error:?}");
    std::fs::remove_file(path.with_extension("prj")).unwrap();
    let error = received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err();
    assert!(error.to_string().contains("no .prj"), "{error}");
}

#[test]
fn esri_json_arrives_as_it_is_with_what_it_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let whole = points(2);
    let path = file(folder.path(), "layer.json", &whole.to_string());
    assert_eq!(received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap(), whole);

    let bare = json!({"features": [{"attributes": {"A": 1}, "geometry": {"paths": [[[0, 0], [1, 1]]], "spatialReference": {"wkid": 2056}}}]});
    let set = received("GPFeatureRecordSetLayer", &bare.to_string()).unwrap();
    assert_eq!(set["geometryType"], "esriGeometryPolyline");
    assert_eq!(set["spatialReference"], json!({"wkid": 2056}));
    assert_eq!(set["fields"][0]["type"], "esriFieldTypeInteger");
    assert_eq!(set["features"], bare["features"]);

    let result = file(folder.path(), "result.json", &result("Out", "GPFeatureRecordSetLayer", points(2)).to_string());
    assert_eq!(received("GPFeatureRecordSetLayer", &format!("@{}", result.display())).unwrap(), whole);
    let reference = json!({"url": "https://h/rest/services/X/FeatureServer/0"});
    assert_eq!(received("GPFeatureRecordSetLayer", &reference.to_string()).unwrap(), reference);
}

#[test]
fn a_record_set_takes_the_attributes_of_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "areas.geojson", GEOJSON);
    let set = received("GPRecordSet", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["features"][0], json!({"attributes": {"NAME": "Łódź", "N": 7, "D": 1.25}}));
    assert_eq!(set.get("geometryType"), None);
}

#[test]
fn a_file_that_is_missing_or_holds_no_features_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, content: &str| {
        let path = file(folder.path(), name, content);
        received("GPFeatureRecordSetLayer", &format!("@{}", path.display())).unwrap_err().to_string()
    };
    assert!(refused("a.json", "{\"features\":").contains("a.json"));
    assert!(refused("b.json", "{\"some\":1}").contains("no feature set"));
    assert!(refused("c.geojson", r#"{"type":"FeatureCollection","features":[]}"#).contains("no features"));
    assert!(refused("d.geojson", r#"{"type":"GeometryCollection","geometries":[]}"#).contains("GeometryCollection"));
    assert!(refused("e.shp", "no shapefile").contains("e.shp"));
    let missing = received("GPFeatureRecordSetLayer", "@/nowhere/x.geojson").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::File);
}

#[test]
fn nothing_is_sent_before_all_values_are_right() {
    let parameters = [parameter("In", "GPLong", "Required"), parameter("Mode", "GPString", "Optional")];
    for (inputs, expected) in [
        (Parameters::parse(["In=x"]).unwrap(), "no whole number"),
        (Parameters::default(), "needs a value for In"),
        (Parameters::parse(["In=1", "Moed=a"]).unwrap(), "has no parameter \"Moed\""),
    ] {
        let script = Script::default().on("/T", [task("Synchronous", &parameters)]);
        let (script, _, job) = run_with(script, &inputs, &Options::default());
        let error = job.err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!((error.kind(), script.asked("/T/execute")), (ErrorKind::Usage, 0));
    }
    let script = Script::default().on("/T", [task("Synchronous", &parameters)]).on("/T/execute", [json!({"results": []})]);
    let (script, _, _) = run_with(script, &Parameters::default().with("In", Given::Json(json!(5))), &Options::default());
    assert_eq!(script.sent("/T/execute", "In").as_deref(), Some("5"));
}

/// The text that a task receives for `In=VALUE`, given with all of these.
fn text_received(description: &Value, values: &[&str]) -> Result<String, Error> {
    let mut input = description.clone();
    input.as_object_mut().unwrap().insert("name".to_owned(), json!("In"));
    input["direction"] = json!("esriGPParameterDirectionInput");
    let script = Script::default().on("/T", [task("Synchronous", &[input])]).on("/T/execute", [json!({"results": []})]);
    let parameters = Parameters::parse(values.iter().map(|value| format!("In={value}")))?;
    let (script, _, job) = run_with(script, &parameters, &Options::default());
    job.map(|_| script.sent("/T/execute", "In").unwrap())
}

fn sent(data_type: &str, value: &str) -> String {
    text_received(&json!({"dataType": data_type}), &[value]).unwrap_or_else(|why| panic!("{data_type} {value}: {why:?}"))
}

fn refused(data_type: &str, value: &str) -> Error {
    text_received(&json!({"dataType": data_type}), &[value]).expect_err(value)
}

#[test]
fn numbers_units_and_dates_are_converted_from_what_people_write() {
    for (data_type, value, wire) in [
        ("GPLinearUnit", "8.5 miles", r#"{"distance":8.5,"units":"esriMiles"}"#),
        ("GPLinearUnit", r#"{"distance":1}"#, r#"{"distance":1}"#),
        ("GPArealUnit", "50 ha", r#"{"area":50,"units":"esriHectares"}"#),
        ("GPTimeUnit", "1 Week", r#"{"time":1,"units":"esriTimeUnitsWeeks"}"#),
        ("GPDate", "1970-01-02", "86400000"),
        ("GPDate", "1970-01-01T01:00:00+01:00", "0"),
        ("GPDate", "1700000000000", "1700000000000"),
        ("GPDate", r#"{"date":"1.2.2024","format":"d.M.yyyy"}"#, r#"{"date":"1.2.2024","format":"d.M.yyyy"}"#),
        ("GPBoolean", "Yes", "true"),
        ("GPLong", "-7", "-7"),
        ("GPDouble", "2.50", "2.50"),
        ("GPString", "8.5 miles", "8.5 miles"),
        ("GPSQLExpression", "A > 5", "A > 5"),
        ("GPStringHidden", "sesame", "sesame"),
        (
            "GPExtent",
            "5.9,45.8,10.5,47.8,4326",
            r#"{"xmin":5.9,"ymin":45.8,"xmax":10.5,"ymax":47.8,"spatialReference":{"wkid":4326}}"#,
        ),
        ("GPSpatialReference", "EPSG:4326", r#"{"wkid":4326}"#),
        ("GPCoordinateSystem", r#"{"wkt":"X"}"#, r#"{"wkt":"X"}"#),
        ("GPComposite", "anything", "anything"),
        ("GPField", r#"{"name":"A","type":"esriFieldTypeString"}"#, r#"{"name":"A","type":"esriFieldTypeString"}"#),
    ] {
        assert_eq!(sent(data_type, value), wire, "{data_type} {value}");
    }
    for (data_type, value) in [
        ("GPLinearUnit", "8.5"),
        ("GPArealUnit", "8 miles"),
        ("GPDate", "soon"),
        ("GPExtent", "1,2,3"),
        ("GPTimeUnit", "1 score"),
    ] {
        assert_eq!(refused(data_type, value).kind(), ErrorKind::Usage, "{data_type} {value}");
    }
}

#[test]
fn several_values_come_as_a_list_as_text_with_semicolons_or_one_by_one() {
    assert_eq!(sent("GPMultiValue:GPLong", "1;2;3"), "[1,2,3]");
    assert_eq!(sent("GPMultiValue:GPLong", "[1,2]"), "[1,2]");
    assert_eq!(sent("GPMultiValue:GPString", "one, two; three"), r#"["one, two","three"]"#);
    assert_eq!(sent("GPMultiValue", "a"), r#"["a"]"#);
    assert_eq!(
        sent("GPMultiValue:GPLinearUnit", "1 km;2 mi"),
        r#"[{"distance":1,"units":"esriKilometers"},{"distance":2,"units":"esriMiles"}]"#
    );
    assert_eq!(text_received(&json!({"dataType": "GPMultiValue:GPString"}), &["a", "b;c"]).unwrap(), r#"["a","b","c"]"#);
    let choices = json!({"dataType": "GPMultiValue:GPString", "choiceList": ["Forest", "Water"]});
    assert_eq!(text_received(&choices, &["Forest;Water"]).unwrap(), r#"["Forest","Water"]"#);
    assert!(text_received(&choices, &["Forest;Watre"]).unwrap_err().hint_text().unwrap().starts_with("did you mean \"Water\"?"));
    assert!(refused("GPMultiValue:GPLong", "1;two").to_string().contains("'two' is no whole number"));
    assert!(text_received(&json!({"dataType": "GPLong"}), &["1", "2"]).unwrap_err().to_string().contains("given twice"));
}

#[test]
fn a_value_table_comes_as_rows_or_as_csv_and_its_columns_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let description = json!({"dataType": "GPValueTable", "parameterInfos": [
        {"name": "Field", "dataType": "GPString"}, {"name": "Weight", "dataType": "GPDouble"},
    ]});
    let received = |value: &str| text_received(&description, &[value]);
    assert_eq!(received(r#"[["A", 1.5], ["", null]]"#).unwrap(), r#"[["A",1.5],["",null]]"#);
    assert_eq!(received(r#"[{"Field": "A"}]"#).unwrap(), r#"[{"Field":"A"}]"#);
    let path = file(folder.path(), "table.csv", "Weight,Field\n1.5,A\n,\"B, C\"\n");
    assert_eq!(received(&format!("@{}", path.display())).unwrap(), r#"[["A",1.5],["B, C",null]]"#);
    assert!(received(r#"[["A"]]"#).unwrap_err().to_string().contains("row 1"));
    assert!(received(r#"[{"Feld": "A"}]"#).unwrap_err().to_string().contains("no column Feld"));
    assert!(received("A 1.5").is_err());
}

#[test]
fn what_the_task_says_of_its_values_is_checked() {
    let range = json!({"dataType": "GPDouble", "filter": {"type": "range", "minimum": 0, "maximum": 90}});
    assert_eq!(text_received(&range, &["90"]).unwrap(), "90");
    assert_eq!(text_received(&range, &["90.5"]).unwrap_err().hint_text(), Some("from 0 to 90"));
    let coded = json!({"dataType": "GPString", "filter": {"type": "codedValue", "list": [{"dataType": "GPString", "name": "a", "value": "A1"}]}});
    assert!(text_received(&coded, &["A1"]).is_ok() && text_received(&coded, &["A2"]).is_err());

    let areas =
        json!({"dataType": "GPFeatureRecordSetLayer", "filter": {"type": "featureClass", "list": ["esriGeometryPolygon"]}});
    let point = r#"{"x":1,"y":2,"spatialReference":{"wkid":4326}}"#;
    let error = text_received(&areas, &[point]).unwrap_err();
    assert_eq!(error.what(), "the features are of the wrong kind: point");
    assert_eq!(error.hint_text(), Some("In takes: polygon"));
    let schema =
        json!({"dataType": "GPFeatureRecordSetLayer", "defaultValue": {"geometryType": "esriGeometryPoint", "features": []}});
    assert!(text_received(&schema, &[point]).is_ok());
}

#[test]
fn a_layer_is_given_by_its_address_with_a_filter_and_a_token_of_its_own() {
    let layer = "https://h.example/arcgis/rest/services/A/FeatureServer/0";
    for (value, wire) in [
        (layer.to_owned(), json!({"url": layer})),
        (format!("{layer}/query?where=A%3E5&f=html"), json!({"url": layer, "filter": "A>5"})),
        (format!("{layer}?token=sesame"), json!({"url": layer, "token": "sesame"})),
        ("https://h.example/data/points.json?x=1".to_owned(), json!({"url": "https://h.example/data/points.json?x=1"})),
    ] {
        let received: Value = serde_json::from_str(&sent("GPFeatureRecordSetLayer", &value)).unwrap();
        assert_eq!(received, wire);
    }
    assert_eq!(sent("GPRasterDataLayer", "https://h.example/a.tif"), r#"{"url":"https://h.example/a.tif"}"#);
    assert_eq!(sent("GPDataFile", r#"{"portalItemID":"abc"}"#), r#"{"portalItemID":"abc"}"#);
}

#[test]
fn a_csv_file_becomes_a_record_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "table.csv", "NAME,N\nŁódź,7\n");
    let set = received("GPRecordSet", &format!("@{}", path.display())).unwrap();
    assert_eq!(set["features"], json!([{"attributes": {"NAME": "Łódź", "N": 7}}]));
    assert_eq!(set["fields"][1]["type"], "esriFieldTypeInteger");
}

#[test]
fn all_values_come_from_one_json_file_and_single_ones_go_before_it() {
    let parameters = [
        parameter("A", "GPLong", "Required"),
        parameter("B", "GPLinearUnit", "Required"),
        parameter("C", "GPMultiValue:GPLong", "Optional"),
    ];
    let script = Script::default().on("/T", [task("Synchronous", &parameters)]).on("/T/execute", [json!({"results": []})]);
    let file = Parameters::from_json(&json!({"a": 1, "B": "2 km", "C": [1, 2]})).unwrap();
    let given = Parameters::parse(["A=5"]).unwrap().or(file);
    let (script, _, _) = run_with(script, &given, &Options::default());
    let sent = |name: &str| script.sent("/T/execute", name).unwrap();
    assert_eq!(
        (sent("A"), sent("B"), sent("C")),
        ("5".into(), r#"{"distance":2,"units":"esriKilometers"}"#.into(), "[1,2]".into())
    );
    assert!(Parameters::from_json(&json!([1])).is_err());
}

/// A task that takes a file, at a service that takes uploads.
fn takes_files(filter: Value) -> Script {
    let mut input = parameter("In", "GPDataFile", "Required");
    input["filter"] = filter;
    let item = json!({"success": true, "item": {"itemID": "i7", "itemName": "x", "committed": false}});
    Script::default()
        .on("", [json!({"tasks": ["T"], "capabilities": "Uploads"})])
        .on("/T", [task("Synchronous", &[input])])
        .on("/T/execute", [json!({"results": []})])
        .on("/uploads/upload", [item.clone()])
        .on("/uploads/register", [item.clone()])
        .on("/uploads/i7/uploadPart", [item.clone()])
        .on("/uploads/i7/commit", [item])
}

#[test]
fn a_file_is_uploaded_and_named_by_its_item() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "data.zip", "PK");
    let inputs = Parameters::default().with("In", path);
    let (script, _, job) = run_with(takes_files(Value::Null), &inputs, &Options::default());
    job.unwrap();
    assert_eq!(script.sent("/T/execute", "In").as_deref(), Some(r#"{"itemID":"i7"}"#));
    let upload = &script.requests("/uploads/upload")[0];
    let part = upload.file.as_ref().unwrap();
    assert_eq!((part.field, part.name.as_str(), &part.bytes[..], upload.repeatable), ("file", "data.zip", &b"PK"[..], false));

    // What can't be taken is not sent.
    let text = file(folder.path(), "data.txt", "x");
    let inputs = Parameters::default().with("In", text);
    let (script, _, job) = run_with(takes_files(json!({"type": "file", "list": ["zip"]})), &inputs, &Options::default());
    assert!(job.err().unwrap().to_string().contains("takes no .txt here"));
    assert_eq!((script.asked("/uploads/upload"), script.asked("/T/execute")), (0, 0));
    let closed = takes_files(Value::Null).on("", [json!({"tasks": ["T"], "capabilities": ""})]);
    let (_, _, job) = run_with(closed, &inputs, &Options::default());
    assert!(job.err().unwrap().to_string().contains("the service takes no uploads"));
}

#[test]
fn a_large_file_is_uploaded_in_parts_and_committed_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.tif");
    std::fs::write(&path, vec![7; (8 << 20) + 3]).unwrap();
    let (script, _, job) = run_with(takes_files(Value::Null), &Parameters::default().with("In", path), &Options::default());
    job.unwrap();
    assert_eq!(script.sent("/T/execute", "In").as_deref(), Some(r#"{"itemID":"i7"}"#));
    assert_eq!(script.sent("/uploads/register", "itemName").as_deref(), Some("large.tif"));
    let parts = script.requests("/uploads/i7/uploadPart");
    let part = |at: usize| (parts[at].params[0].1.as_str(), parts[at].file.as_ref().unwrap().bytes.len(), parts[at].repeatable);
    assert_eq!((parts.len(), part(0), part(1)), (2, ("1", 8 << 20, true), ("2", 3, true)));
    assert_eq!(script.sent("/uploads/i7/commit", "parts").as_deref(), Some("1,2"));
    assert!(!script.requests("/uploads/i7/commit")[0].repeatable, "a commit is never sent twice");
    assert_eq!(script.asked("/uploads/upload"), 0);
}
