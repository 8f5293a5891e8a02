//! Attributes on their way through `geohaul convert` into the core formats: domains, aliases, time zones, every field
//! type, names and texts of every kind. GDAL, pyshp and Python read the results.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// A folder with `in.json` in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with(input: &Value) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::write(desk.path("in.json"), input.to_string()).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn convert(&self, args: &[&str]) -> Output {
        let geohaul = Command::new(env!("CARGO_BIN_EXE_geohaul"))
            .current_dir(self.0.path())
            .args(["convert", "in.json"])
            .args(args)
            .output();
        geohaul.unwrap()
    }

    /// Converts and returns the report.
    fn report(&self, args: &[&str]) -> Value {
        let done = self.convert(&[&["--report", "report.json", "--overwrite"], args].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_str(&self.read("report.json")).unwrap()
    }

    /// The properties of the features of a GeoJSON file.
    fn properties(&self, name: &str) -> Vec<Value> {
        let collection: Value = serde_json::from_str(&self.read(name)).unwrap();
        collection["features"].as_array().unwrap().iter().map(|feature| feature["properties"].clone()).collect()
    }

    /// What a Python program prints, as JSON; it gets the folder as its first argument.
    fn python(&self, program: &str) -> Value {
        let done = Command::new("python3").args(["-c", program]).arg(self.0.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }
}

/// A point layer: a definition beside a feature set, one row per list of attributes.
fn layer(definition: Value, rows: &[Value]) -> Value {
    let features: Vec<Value> =
        rows.iter().enumerate().map(|(at, row)| json!({"attributes": row, "geometry": {"x": at, "y": 0}})).collect();
    json!({
        "layerDefinition": definition,
        "featureSet": {"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326}, "features": features}
    })
}

fn losses(report: &Value, of: &str) -> Vec<(String, String, u64)> {
    let losses = if of == "layer" { &report["layers"][0]["losses"] } else { &report["layers"][0]["outputs"][0]["losses"] };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    losses.as_array().unwrap().iter().map(|l| (text(&l["kind"]), text(&l["field"]), l["count"].as_u64().unwrap())).collect()
}

fn pipes() -> Value {
    let coded = |name: &str, codes: &[(Value, &str)]| {
        let codes: Vec<Value> = codes.iter().map(|(code, name)| json!({"code": code, "name": name})).collect();
        json!({"type": "codedValue", "name": name, "codedValues": codes})
    };
    let material = coded("Material", &[(json!("CU"), "Copper"), (json!("ST"), "Steel, \"hard\"")]);
    let grade = coded("Grade", &[(json!(1), "first"), (json!(2), "second")]);
    let old_grade = coded("Old grade", &[(json!("1"), "good"), (json!("2"), "bad")]);
    let width = json!({"type": "range", "name": "Width", "range": [1, 100]});
    let narrow = json!({"type": "range", "name": "Narrow", "range": [1, 10]});
    layer(
        json!({
            "name": "Pipes",
            "subtypeField": "KIND", "subtypes": [
                {"code": 0, "name": "Main", "domains": {"MAT": {"type": "inherited"}, "GRADE": {"type": "inherited"}}},
                {"code": 1, "name": "House", "domains": {"GRADE": old_grade, "WIDTH": narrow}},
            ],
            "fields": [
                {"name": "FID", "type": "esriFieldTypeOID"},
                {"name": "KIND", "type": "esriFieldTypeSmallInteger", "alias": "Kind of pipe"},
                {"name": "MAT", "type": "esriFieldTypeString", "domain": material},
                {"name": "GRADE", "type": "esriFieldTypeInteger", "domain": grade, "alias": "Güte"},
                {"name": "WIDTH", "type": "esriFieldTypeDouble", "domain": width},
            ],
        }),
        &[
            json!({"FID": 1, "KIND": 0, "MAT": "CU", "GRADE": 1, "WIDTH": 100}),
            json!({"FID": 2, "KIND": "1", "MAT": "ST", "GRADE": 1, "WIDTH": 50.5}),
            json!({"FID": 3, "KIND": 1.0, "MAT": "XX", "GRADE": "2", "WIDTH": 10}),
            json!({"FID": 4, "KIND": 7, "MAT": null, "GRADE": "2", "WIDTH": 0}),
        ],
    )
}

#[test]
fn labels_stand_in_place_of_codes_by_subtype_and_whatever_type_a_code_comes_in() {
    let desk = Desk::with(&pipes());
    let report = desk.report(&["-o", "out.geojson", "--domains", "label"]);
    let rows = desk.properties("out.geojson");
    assert_eq!(rows[0], json!({"FID": 1, "KIND": "Main", "MAT": "Copper", "GRADE": "first", "WIDTH": 100}));
    assert_eq!(rows[1], json!({"FID": 2, "KIND": "House", "MAT": "Steel, \"hard\"", "GRADE": "good", "WIDTH": 50.5}));
    assert_eq!(rows[2], json!({"FID": 3, "KIND": "House", "MAT": "XX", "GRADE": "bad", "WIDTH": 10}));
    assert_eq!(rows[3], json!({"FID": 4, "KIND": "7", "MAT": null, "GRADE": "second", "WIDTH": 0}));
    let expected = [("out-of-range", "WIDTH", 2), ("unknown-code", "KIND", 1), ("unknown-code", "MAT", 1)];
    assert_eq!(losses(&report, "layer"), expected.map(|(kind, field, count)| (kind.to_owned(), field.to_owned(), count)));
}

#[test]
fn codes_and_labels_stand_side_by_side_in_every_format() {
    let desk = Desk::with(&pipes());
    desk.report(&["-o", "out.geojson", "-o", "out.shp", "-o", "out.csv", "-o", "out.kmz", "--domains", "both"]);
    let rows = desk.properties("out.geojson");
    assert_eq!(
        rows[1],
        json!({"FID": 2, "KIND": "1", "KIND_label": "House", "MAT": "ST", "MAT_label": "Steel, \"hard\"", "GRADE": 1,
            "GRADE_label": "good", "WIDTH": 50.5})
    );
    assert_eq!((&rows[2]["MAT"], &rows[2]["MAT_label"]), (&json!("XX"), &json!(null)));
    let by_others = desk.python(
        "import shapefile, json, csv, sys, os; os.chdir(sys.argv[1])\n\
         dbf = [list(r) for r in shapefile.Reader('out.shp').records()]\n\
         table = list(csv.DictReader(open('out.csv', encoding='utf-8', newline='')))\n\
         print(json.dumps([dbf, [f[0] for f in shapefile.Reader('out.shp').fields if f[0] != 'DeletionFlag'], table]))",
    );
    assert_eq!(by_others[0][1], json!([2, 1, "House", "ST", "Steel, \"hard\"", 1, "good", 50.5]));
    let names = ["FID", "KIND", "KIND_label", "MAT", "MAT_label", "GRADE", "GRADE_labe", "WIDTH"];
    assert_eq!(by_others[1], json!(names));
    assert_eq!(by_others[2][1]["MAT_label"], "Steel, \"hard\"");
    assert!(desk.read("out.names.csv").contains("GRADE_label,GRADE_labe"));
    let kml = Command::new("ogrinfo").args(["-ro", "-al"]).arg(desk.path("out.kmz")).output().unwrap();
    assert!(String::from_utf8_lossy(&kml.stdout).contains("MAT_label (String) = Steel, \"hard\""));
}

#[test]
fn codes_stay_codes_by_default_and_ranges_are_checked_all_the_same() {
    let desk = Desk::with(&pipes());
    let report = desk.report(&["-o", "out.geojson"]);
    assert_eq!(desk.properties("out.geojson")[2], json!({"FID": 3, "KIND": 1.0, "MAT": "XX", "GRADE": "2", "WIDTH": 10}));
    assert_eq!(losses(&report, "layer"), [("out-of-range".to_owned(), "WIDTH".to_owned(), 2)]);
    assert_eq!(report["layers"][0]["losses"][0]["first"], "object id 2");
}

#[test]
fn the_code_book_lists_codes_ranges_and_subtypes() {
    let desk = Desk::with(&pipes());
    desk.report(&["-o", "out.geojson", "--codebook", "codes.csv"]);
    let expected = "layer,field,subtype,domain,code,label,min,max\n\
        Pipes,KIND,,subtypes,0,Main,,\n\
        Pipes,KIND,,subtypes,1,House,,\n\
        Pipes,MAT,,Material,CU,Copper,,\n\
        Pipes,MAT,,Material,ST,\"Steel, \"\"hard\"\"\",,\n\
        Pipes,GRADE,,Grade,1,first,,\n\
        Pipes,GRADE,,Grade,2,second,,\n\
        Pipes,GRADE,House,Old grade,1,good,,\n\
        Pipes,GRADE,House,Old grade,2,bad,,\n\
        Pipes,WIDTH,,Width,,,1,100\n\
        Pipes,WIDTH,House,Narrow,,,1,10\n";
    assert_eq!(desk.read("codes.csv"), expected);
    let refused = desk.convert(&["-o", "b.geojson", "--codebook", "b.geojson"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn aliases_name_the_columns_and_the_report_says_which() {
    let desk = Desk::with(&pipes());
    let report = desk.report(&["-o", "out.shp", "--aliases", "--domains", "both"]);
    let names = desk.python(
        "import shapefile, json, sys\n\
         print(json.dumps([f[0] for f in shapefile.Reader(sys.argv[1] + '/out.shp').fields if f[0] != 'DeletionFlag']))",
    );
    assert_eq!(names, json!(["FID", "Kind_of_pi", "Kind_of__1", "MAT", "MAT_label", "G_te", "G_te_label", "WIDTH"]));
    let renamed: Vec<_> =
        losses(&report, "output").into_iter().filter(|(kind, ..)| kind == "renamed").map(|loss| loss.1).collect();
    assert_eq!(renamed, ["GRADE", "GRADE_label", "KIND", "KIND_label"]);
    desk.report(&["-o", "out.geojson", "--aliases"]);
    assert_eq!(desk.properties("out.geojson")[0]["Güte"], 1);
}

fn dated(unknown_zone: bool) -> Value {
    layer(
        json!({
            "name": "Visits", "datesInUnknownTimezone": unknown_zone,
            "editFieldsInfo": {"creationDateField": "", "editDateField": "EDITED"},
            "fields": [
                {"name": "SEEN", "type": "esriFieldTypeDate"}, {"name": "EDITED", "type": "esriFieldTypeDate"},
                {"name": "AT", "type": "esriFieldTypeTimestampOffset"}, {"name": "DAY", "type": "esriFieldTypeDateOnly"},
            ],
        }),
        &[
            json!({"SEEN": 1_700_000_000_123_i64, "EDITED": -1, "AT": "2023-05-03T11:44:08-07:00", "DAY": "2023-05-03"}),
            json!({"SEEN": -62_135_596_800_000_i64, "EDITED": 253_402_207_200_000_i64, "AT": null, "DAY": null}),
        ],
    )
}

#[test]
fn dates_are_utc_and_a_time_zone_renders_them_with_its_offset() {
    let desk = Desk::with(&dated(false));
    desk.report(&["-o", "utc.geojson"]);
    let rows = desk.properties("utc.geojson");
    assert_eq!((&rows[0]["SEEN"], &rows[0]["EDITED"]), (&json!("2023-11-14T22:13:20.123Z"), &json!("1969-12-31T23:59:59.999Z")));
    assert_eq!((&rows[1]["SEEN"], &rows[1]["EDITED"]), (&json!("0001-01-01T00:00:00Z"), &json!("9999-12-30T22:00:00Z")));
    desk.report(&["-o", "here.geojson", "-o", "here.shp", "-o", "here.csv", "--time-zone", "America/New_York"]);
    let rows = desk.properties("here.geojson");
    let expected = json!({"SEEN": "2023-11-14T17:13:20.123-05:00", "EDITED": "1969-12-31T18:59:59.999-05:00",
        "AT": "2023-05-03T11:44:08-07:00", "DAY": "2023-05-03"});
    assert_eq!(rows[0], expected);
    assert!(desk.read("here.csv").contains("2023-11-14T17:13:20.123-05:00"));
    let dbf = desk
        .python("import shapefile, json, sys; print(json.dumps(list(shapefile.Reader(sys.argv[1] + '/here.shp').record(0))))");
    assert_eq!(dbf[0], "2023-11-14T17:13:20.123-05:00");
    let wrong = desk.convert(&["-o", "x.geojson", "--time-zone", "Middle/Earth"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("Europe/Berlin"));
}

#[test]
fn the_last_day_of_the_calendar_is_a_date_in_every_format() {
    // "For ever", as many databases have it.
    let day = json!({"name": "TO", "type": "esriFieldTypeDate"});
    let desk = Desk::with(&layer(json!({"fields": [day]}), &[json!({"TO": 253_402_214_400_000_i64})]));
    let mut files = vec!["a.geojson", "a.csv", "a.kmz", "a.shp", "a.fgb"];
    files.extend(cfg!(feature = "geopackage").then_some("a.gpkg"));
    files.extend(cfg!(feature = "gdal").then_some("a.gdb"));
    for zone in [&[][..], &["--time-zone", "Asia/Tokyo"]] {
        let outputs = files.iter().flat_map(|file| ["-o", file]).collect::<Vec<_>>();
        let report = desk.report(&[&outputs[..], zone].concat());
        assert_eq!(losses(&report, "outputs"), [], "{zone:?}");
        for file in &files {
            let read = std::process::Command::new("ogrinfo").current_dir(desk.0.path()).args(["-q", "-al", file]).output();
            let read = String::from_utf8(read.unwrap().stdout).unwrap().replace('/', "-").replace(' ', "T");
            assert!(read.contains("=T9999-12-31T00:00:00"), "{file} {zone:?}: {read}");
        }
    }
}

#[test]
#[cfg(feature = "gdal")]
fn a_file_geodatabase_holds_moments_to_the_second_and_no_null_characters_which_is_counted() {
    let fields = json!([{"name": "AT", "type": "esriFieldTypeDate"}, {"name": "ODD", "type": "esriFieldTypeString"}]);
    let rows = [json!({"AT": 1_699_999_999_999_i64, "ODD": "a\u{0}b"}), json!({"AT": 1_699_999_999_000_i64, "ODD": "c"})];
    let desk = Desk::with(&layer(json!({"fields": fields}), &rows));
    let report = desk.report(&["-o", "a.gdb"]);
    let expected = [("characters-replaced", "ODD"), ("milliseconds-dropped", "AT")];
    assert_eq!(losses(&report, "outputs"), expected.map(|(kind, field)| (kind.to_owned(), field.to_owned(), 1)));
    let read = std::process::Command::new("ogrinfo").current_dir(desk.0.path()).args(["-q", "-al", "a.gdb"]).output();
    let read = String::from_utf8(read.unwrap().stdout).unwrap();
    assert_eq!(read.matches("AT (DateTime) = 2023/11/14 22:13:19").count(), 2, "{read}");
}

#[test]
fn dates_in_an_unknown_time_zone_stay_wall_clock_but_those_of_the_edit_tracker_are_utc() {
    let desk = Desk::with(&dated(true));
    let report = desk.report(&["-o", "out.geojson", "--time-zone", "Asia/Tokyo"]);
    let row = desk.properties("out.geojson").remove(0);
    assert_eq!((&row["SEEN"], &row["EDITED"]), (&json!("2023-11-14T22:13:20.123"), &json!("1970-01-01T08:59:59.999+09:00")));
    assert!(report["warnings"][0].as_str().unwrap().contains("unknown time zone"), "{report}");
}

#[test]
#[cfg(all(feature = "gdal", feature = "geopackage"))]
fn every_format_writes_the_dates_of_the_edit_tracker_in_utc_and_the_others_by_the_clock() {
    let desk = Desk::with(&dated(true));
    let files = ["a.gpkg", "a.gdb", "a.fgb", "a.shp", "a.kmz", "a.geojson", "a.geojsonl", "a.csv", "a.esrijson"];
    desk.report(&files.iter().flat_map(|file| ["-o", file]).collect::<Vec<_>>());
    for file in files {
        // GDAL says +00 behind what is UTC, where it takes the column for a date. OpenFileGDB of GDAL 3.6 has no zones.
        let seen = std::process::Command::new("ogrinfo").current_dir(desk.0.path()).args(["-ro", "-q", "-al", file]).output();
        let seen = String::from_utf8(seen.unwrap().stdout).unwrap();
        let value = |name: &str| {
            let line = seen
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{name} (")))
                .unwrap_or_else(|| panic!("{file}: {seen}"));
            line.split(" = ").nth(1).unwrap().replace('/', "-").replace(' ', "T").replace("+00", "Z")
        };
        let (by_clock, utc) = match file {
            "a.csv" | "a.esrijson" | "a.gdb" => continue,
            _ => (value("SEEN"), value("EDITED")),
        };
        assert!(by_clock.starts_with("2023-11-14T22:13:20.123") && !by_clock.ends_with('Z'), "{file}: {by_clock}");
        assert_eq!(utc, "1969-12-31T23:59:59.999Z", "{file}");
    }
    assert!(desk.read("a.csv").contains("2023-11-14T22:13:20.123,1969-12-31T23:59:59.999Z"));
    // Esri JSON has the milliseconds, and says so of the two kinds as a layer does.
    let set: Value = serde_json::from_str(&desk.read("a.esrijson")).unwrap();
    assert_eq!((&set["datesInUnknownTimezone"], &set["editFieldsInfo"]["editDateField"]), (&json!(true), &json!("EDITED")));
    std::fs::rename(desk.path("a.esrijson"), desk.path("in.json")).unwrap();
    desk.report(&["-o", "again.geojson"]);
    assert_eq!(desk.properties("again.geojson"), desk.properties("a.geojson"));
}

#[test]
fn every_field_type_comes_through_every_core_format() {
    let types = [
        ("OID", "esriFieldTypeOID", json!(5_000_000_000_i64)),
        ("SMALL", "esriFieldTypeSmallInteger", json!(-32768)),
        ("INT", "esriFieldTypeInteger", json!(2_147_483_647)),
        ("BIG", "esriFieldTypeBigInteger", json!(9_007_199_254_740_993_i64)),
        ("SINGLE", "esriFieldTypeSingle", json!(0.1)),
        ("DOUBLE", "esriFieldTypeDouble", json!(1e-20)),
        ("TEXT", "esriFieldTypeString", json!("Ça \"va\"?\n\u{1F600}")),
        ("DATE", "esriFieldTypeDate", json!(-1)),
        ("DAY", "esriFieldTypeDateOnly", json!("2023-05-03")),
        ("TIME", "esriFieldTypeTimeOnly", json!("15:54:36")),
        ("STAMP", "esriFieldTypeTimestampOffset", json!("2023-05-03T11:44:08.123-07:00")),
        ("GUID", "esriFieldTypeGUID", json!("{3F2504E0-4F89-11D3-9A0C-0305E82C3301}")),
        ("GLOBAL", "esriFieldTypeGlobalID", json!("3f2504e0-4f89-11d3-9a0c-0305e82c3301")),
        ("XML", "esriFieldTypeXML", json!("<a b=\"c\">&amp;</a>")),
        ("NEWTYPE", "esriFieldTypeHologram", json!("as it is")),
        ("BLOB", "esriFieldTypeBlob", json!("AAEC/w==")),
    ];
    let fields: Vec<Value> = types
        .iter()
        .map(|(name, kind, _)| json!({"name": name, "type": kind, "length": if *name == "OID" { 8 } else { 0 }}))
        .collect();
    let row: serde_json::Map<_, _> = types.iter().map(|(name, _, value)| ((*name).to_owned(), value.clone())).collect();
    let nulls: serde_json::Map<_, _> =
        types.iter().map(|(name, ..)| ((*name).to_owned(), if *name == "OID" { json!(2) } else { json!(null) })).collect();
    let desk =
        Desk::with(&layer(json!({"name": "Types", "fields": fields}), &[Value::from(row.clone()), Value::from(nulls.clone())]));
    let report = desk.report(&["-o", "out.shp", "-o", "out.geojson", "-o", "out.csv", "-o", "out.kmz"]);
    assert_eq!(losses(&report, "output"), [("field-dropped".to_owned(), "BLOB".to_owned(), 1)]);

    let mut expected = row;
    expected.insert("DATE".to_owned(), json!("1969-12-31T23:59:59.999Z"));
    assert_eq!(desk.properties("out.geojson"), [Value::from(expected.clone()), Value::from(nulls)]);
    let by_others = desk.python(
        "import shapefile, json, csv, sys, os, zipfile; import xml.etree.ElementTree as E; os.chdir(sys.argv[1])\n\
         dbf = [r.as_dict() for r in shapefile.Reader('out.shp').records()]\n\
         table = list(csv.DictReader(open('out.csv', encoding='utf-8', newline='')))\n\
         kml = E.fromstring(zipfile.ZipFile('out.kmz').read('doc.kml'))\n\
         data = [{d.get('name'): d.text for d in p.iter('{http://www.opengis.net/kml/2.2}SimpleData')}\n\
                 for p in kml.iter('{http://www.opengis.net/kml/2.2}Placemark')]\n\
         print(json.dumps([dbf, table, data]))",
    );
    for (name, value) in &expected {
        if name != "BLOB" {
            assert_eq!(&by_others[0][0][name], value, "DBF {name}");
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (format, at) in [("CSV", 1), ("KML", 2)] {
            assert_eq!(by_others[at][0][name].as_str().unwrap().replace('\r', ""), text, "{format} {name}");
        }
        if name != "OID" {
            assert!(by_others[2][1][name].is_null() && by_others[1][1][name] == "", "{name} is null");
        }
    }
}

#[test]
fn a_text_of_a_million_characters_nul_and_control_characters_come_through_or_are_counted() {
    let long = "Żółw ".repeat(200_000);
    let odd = "a\u{0}b\u{1}c\u{1b}\td\u{fffe}\u{2028}é\u{10FFFF}";
    let fields = json!([{"name": "LONG", "type": "esriFieldTypeString", "length": 1_000_000}, {"name": "ODD", "type": "esriFieldTypeString"}]);
    let desk = Desk::with(&layer(json!({"fields": fields}), &[json!({"LONG": long, "ODD": odd})]));
    let report = desk.report(&["-o", "out.geojson", "-o", "out.csv", "-o", "out.kmz", "-o", "out.shp"]);
    assert_eq!(desk.properties("out.geojson"), [json!({"LONG": long, "ODD": odd})]);
    let by_others = desk.python(
        "import shapefile, json, csv, sys, os, zipfile; import xml.etree.ElementTree as E; os.chdir(sys.argv[1])\n\
         csv.field_size_limit(1 << 30)\n\
         dbf = list(shapefile.Reader('out.shp').record(0))\n\
         table = list(csv.reader(open('out.csv', encoding='utf-8', newline='')))[1]\n\
         kml = E.fromstring(zipfile.ZipFile('out.kmz').read('doc.kml'))\n\
         data = [d.text for d in kml.iter('{http://www.opengis.net/kml/2.2}SimpleData')]\n\
         print(json.dumps([dbf, table, data]))",
    );
    assert_eq!(by_others[1][2], json!(long));
    assert_eq!(by_others[2][0], json!(long));
    assert!(long.starts_with(by_others[0][0].as_str().unwrap().trim_end()));
    assert_eq!(by_others[1][3], json!(odd.replace('\0', "")), "CSV readers take NUL for the end");
    let counted = |output: usize| -> Vec<String> {
        let losses = report["layers"][0]["outputs"][output]["losses"].as_array().unwrap();
        losses.iter().map(|loss| format!("{} {}", loss["kind"].as_str().unwrap(), loss["field"].as_str().unwrap())).collect()
    };
    assert_eq!(counted(0), [""; 0]);
    assert_eq!(counted(1), ["characters-replaced ODD"]);
    assert_eq!(counted(2), ["characters-replaced ODD"]);
    assert_eq!(counted(3), ["text-cut LONG", "characters-replaced ODD"]);
}

#[test]
fn names_of_every_kind_are_kept_or_renamed_and_never_mixed_up() {
    let long = "L".repeat(200);
    let names = [
        "DB.OWNER.ROADS.NAME",
        "DB.OWNER.PARCELS.NAME",
        "name",
        "Name",
        "select",
        "description",
        "Größe",
        "地名",
        "a b",
        "1st",
        &long,
        "x",
        "",
        "FID",
    ];
    let fields: Vec<Value> = names.iter().map(|name| json!({"name": name, "type": "esriFieldTypeString"})).collect();
    let row: serde_json::Map<_, _> =
        names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), json!(format!("v{at}")))).collect();
    let desk = Desk::with(&layer(json!({"fields": fields}), &[Value::from(row.clone())]));
    let report = desk.report(&["-o", "out.shp", "-o", "out.geojson", "-o", "out.csv", "-o", "out.kmz"]);
    let dbf = desk
        .python("import shapefile, json, sys; print(json.dumps(shapefile.Reader(sys.argv[1] + '/out.shp').record(0).as_dict()))");
    let by_gdal = Command::new("ogrinfo").args(["-ro", "-al"]).arg(desk.path("out.shp")).output().unwrap();
    let by_gdal = String::from_utf8(by_gdal.stdout).unwrap();
    let renamed = report["layers"][0]["outputs"][0]["losses"].as_array().unwrap().clone();
    for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let renamed = renamed.iter().find(|loss| loss["kind"] == "renamed" && loss["field"] == *name);
        let column = renamed.map_or(*name, |loss| loss["detail"].as_str().unwrap());
        assert!(column.len() <= 10 && column.is_ascii(), "{column}");
        assert_eq!(dbf[column], format!("v{at}"), "{name} as {column}");
        assert!(by_gdal.contains(&format!("{column} (String) = v{at}\n")), "{name} as {column}: {by_gdal}");
    }
    assert_eq!(dbf.as_object().unwrap().len(), names.len());
    let properties = desk.properties("out.geojson").remove(0);
    for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        assert_eq!(properties[*name], format!("v{at}"));
    }
}

#[test]
fn of_three_hundred_columns_a_dbf_holds_255_and_the_others_are_named() {
    let fields: Vec<Value> = (0..300).map(|n| json!({"name": format!("F{n}"), "type": "esriFieldTypeInteger"})).collect();
    let row: serde_json::Map<_, _> = (0..300).map(|n| (format!("F{n}"), json!(n))).collect();
    let desk = Desk::with(&layer(json!({"fields": fields}), &[Value::from(row.clone())]));
    let report = desk.report(&["-o", "out.shp", "-o", "out.geojson", "-o", "out.csv", "-o", "out.kmz"]);
    let dropped: Vec<_> =
        losses(&report, "output").into_iter().filter(|(kind, ..)| kind == "field-dropped").map(|loss| loss.1).collect();
    assert_eq!(dropped, (255..300).map(|n| format!("F{n}")).collect::<Vec<_>>());
    let dbf = desk
        .python("import shapefile, json, sys; print(json.dumps(shapefile.Reader(sys.argv[1] + '/out.shp').record(0).as_dict()))");
    assert_eq!(dbf.as_object().unwrap().len(), 255);
    assert_eq!(dbf["F254"], 254);
    assert_eq!(desk.properties("out.geojson"), [Value::from(row)]);
}
