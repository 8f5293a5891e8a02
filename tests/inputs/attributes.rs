//! Attributes, whatever stands in them.

use geohaul::report::LossKind;
use serde_json::{Value, json};

use super::{convert, convert_with, options};

#[test]
fn a_key_with_an_escape_is_not_the_key_that_its_bytes_spell() {
    let collection = convert(r#"{"features":[{"attributes":{"\\n":1}},{"attributes":{"\n":2}}]}"#);
    assert_eq!(collection["features"][0]["properties"], json!({"\\n": 1, "\n": null}));
    assert_eq!(collection["features"][1]["properties"], json!({"\\n": null, "\n": 2}));
}

#[test]
fn null_is_not_the_empty_text_and_not_zero() {
    let collection = convert(r#"{"features":[{"attributes":{"a":null,"b":"","c":0,"d":false}}]}"#);
    assert_eq!(collection["features"][0]["properties"], json!({"a": null, "b": "", "c": 0, "d": false}));
}

#[test]
fn text_with_anything_in_it_comes_through() {
    let collection = convert("{\"features\":[{\"attributes\":{\"t\":\"a\\\"b\\\\c\\u00e9\\ud83d\\ude00\u{1}\tß\\q\"}}]}");
    assert_eq!(collection["features"][0]["properties"]["t"], "a\"b\\cé😀\u{1}\tß\\q");
}

#[test]
fn an_attribute_that_neither_the_list_nor_the_sampled_pages_name_is_reported() {
    let filler = "x".repeat(10_000);
    let mut features = vec![format!(r#"{{"attributes":{{"A":"{filler}"}}}}"#); 1100];
    // On the second of eleven pages, where nobody looked.
    for row in [150, 151] {
        features[row] = format!(r#"{{"attributes":{{"A":"{filler}","HIDDEN":2}}}}"#);
    }
    let json = format!(
        r#"{{"geometryType":"esriGeometryPoint","fields":[{{"name":"A","type":"esriFieldTypeString"}}],"features":[{}]}}"#,
        features.join(",")
    );
    let (_, report) = convert_with(&json, &options()).unwrap();
    let losses: Vec<_> = report.layers[0].losses.iter().map(|loss| (loss.kind, loss.field.as_deref(), loss.count)).collect();
    assert_eq!(losses, [(LossKind::UnknownAttribute, Some("HIDDEN"), 2)]);
    assert_eq!(report.layers[0].losses.iter().next().unwrap().first.as_deref(), Some("row 150"));
}

#[test]
fn keys_find_their_field_whatever_their_case_or_qualifier() {
    let json = r#"{"fields":[{"name":"DB.O.T.NAME","type":"esriFieldTypeString"}],"features":[{"attributes":{"name":"a"}},{"attributes":{"db.o.t.Name":"b"}}]}"#;
    let collection = convert(json);
    assert_eq!(collection["features"][0]["properties"]["DB.O.T.NAME"], "a");
    assert_eq!(collection["features"][1]["properties"]["DB.O.T.NAME"], "b");
}

#[test]
fn dates_are_iso_8601_in_utc_and_wall_clock_where_the_zone_is_unknown() {
    let json = |zone: &str| {
        format!(
            r#"{{"fields":[{{"name":"D","type":"esriFieldTypeDate"}}],{zone}"features":[{{"attributes":{{"D":-86400001}}}},{{"attributes":{{"D":"1/2/2020"}}}},{{"attributes":{{"D":null}}}}]}}"#
        )
    };
    let dates = |zone: &str| {
        convert(&json(zone))["features"].as_array().unwrap().iter().map(|f| f["properties"]["D"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(dates(""), [json!("1969-12-30T23:59:59.999Z"), json!("1/2/2020"), Value::Null]);
    assert_eq!(dates(r#""datesInUnknownTimezone":true,"#)[0], "1969-12-30T23:59:59.999");
}

#[test]
fn nested_values_that_are_no_json_are_kept_as_text() {
    let collection = convert(r#"{"features":[{"attributes":{"A":{"x":[1,NaN]},"B":{"x":[1,null]},"C":["a	b"]}}]}"#);
    assert_eq!(
        collection["features"][0]["properties"],
        json!({"A": "{\"x\":[1,NaN]}", "B": {"x": [1, null]}, "C": "[\"a\tb\"]"})
    );
}

#[test]
fn attributes_that_the_field_list_leaves_out_are_kept() {
    let json = r#"{"fields":[{"name":"A","type":"esriFieldTypeInteger"}],"features":[{"attributes":{"A":1}},{"attributes":{"A":1,"EXTRA":2.5,"NOTHING":null}}]}"#;
    let (collection, report) = convert_with(json, &options()).unwrap();
    assert_eq!(collection["features"][1]["properties"], json!({"A": 1, "EXTRA": 2.5}));
    assert!(report.layers[0].losses.is_empty());
    assert!(report.warnings.iter().any(|warning| warning.contains("EXTRA")), "{:?}", report.warnings);
}

#[test]
fn fields_of_the_same_name_from_two_tables_are_never_mixed_up() {
    let json = r#"{"fields":[{"name":"T1.NAME","type":"esriFieldTypeString"}],"features":[{"attributes":{"T1.NAME":"right","T2.NAME":"other"}}]}"#;
    assert_eq!(convert(json)["features"][0]["properties"], json!({"T1.NAME": "right", "T2.NAME": "other"}));
    // Two keys of one field: the last stays, as JSON has it, and the other is counted.
    for keys in [r#""NAME":"a","T.NAME":"b""#, r#""NAME":"a","NAME":"b""#] {
        let json =
            format!(r#"{{"fields":[{{"name":"NAME","type":"esriFieldTypeString"}}],"features":[{{"attributes":{{{keys}}}}}]}}"#);
        let (collection, report) = convert_with(&json, &options()).unwrap();
        assert_eq!(collection["features"][0]["properties"], json!({"NAME": "b"}));
        assert_eq!(report.layers[0].losses.iter().map(|loss| loss.count).collect::<Vec<_>>(), [1]);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// What `serde_json` writes comes out as `serde_json` reads it: any text, any number, in rows of any keys.
    #[test]
    fn attributes_come_out_as_another_parser_reads_them(
        rows in proptest::collection::vec(
            proptest::collection::btree_map("[a-zé\"\\\\\n]{1,4}", (0..5, proptest::prelude::any::<(String, f64, i64)>()), 0..5),
            1..6,
        )
    ) {
        let value = |(kind, (text, real, integer)): &(i32, (String, f64, i64))| match kind {
            0 => Value::Null,
            1 => json!(text),
            2 => json!(real),
            3 => json!(integer),
            _ => json!({"t": text, "n": [real, null]}),
        };
        let rows: Vec<Value> = rows.iter().map(|row| row.iter().map(|(key, cell)| (key.clone(), value(cell))).collect()).collect();
        let features: Vec<Value> = rows.iter().map(|row| json!({"attributes": row})).collect();
        let collection = convert(&json!({"features": features}).to_string());
        for (feature, row) in collection["features"].as_array().unwrap().iter().zip(&rows) {
            let properties = feature["properties"].as_object().unwrap();
            for (key, value) in properties {
                assert_eq!(row.get(key).unwrap_or(&Value::Null), value, "{key}");
            }
            assert!(row.as_object().unwrap().keys().all(|key| properties.contains_key(key)));
        }
    }
}
