//! Every fault that a server is known for, one test each: the file, read back by GDAL, holds all rows once, or the
//! error is the right one and no file stands. `docs/arcgis.md` names these tests.

#![cfg(feature = "gdal")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/haul.rs"]
mod haul;
#[path = "support/layer.rs"]
mod layer;
#[path = "support/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use geohaul::ErrorKind;
use geohaul::export::ExportOptions;
use geohaul::report::LossKind;
use haul::{Haul, Row};
use layer::Layer;
use serde_json::{Value, json};
use server::{Call, Manner, Reply, Server};

const LAYER: &str = "/arcgis/rest/services/Roads/FeatureServer/0";

/// Exports a layer of ten rows, by four, from a server that first answers the page from row 4 by `fault`, `times`
/// times.
fn fault_in_the_middle(times: usize, fault: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Haul {
    let (layer, seen) = (Layer::of(1..=10), AtomicUsize::new(0));
    haul(4, move |call| {
        let reply = layer.reply(call);
        let hit = call.param("resultOffset") == "4" && seen.fetch_add(1, Ordering::SeqCst) < times;
        if hit { fault(reply) } else { reply }
    })
}

/// Exports from a server that answers every page of rows by `fault`.
fn fault_in_every_page(fault: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Haul {
    let layer = Layer::of(1..=10);
    haul(4, move |call| {
        let reply = layer.reply(call);
        if is_page(call) { fault(reply) } else { reply }
    })
}

fn haul(page_size: u64, handler: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Haul {
    let server = Server::start(handler);
    Haul::of(&server.url(LAYER), page_size)
}

/// A call for rows, but for the probe.
fn is_page(call: &Call) -> bool {
    let only = ["returnCountOnly", "returnIdsOnly"].iter().any(|key| !call.param(key).is_empty());
    call.path.ends_with("/query") && !only && (call.param("resultOffset"), call.param("resultRecordCount")) != ("0", "1")
}

fn change(mut reply: Reply, from: &str, to: &str) -> Reply {
    reply.body = String::from_utf8(reply.body).unwrap().replace(from, to).into_bytes();
    reply
}

#[test]
fn a_503_passes() {
    let haul = fault_in_the_middle(2, |_| Reply::html("<h1>busy</h1>").status(503));
    haul.is_whole(1..=10);
    assert_eq!(haul.slept, Duration::from_secs(1 + 2));
}

#[test]
fn a_503_that_stays_is_an_error() {
    fault_in_every_page(|_| Reply::html("<h1>busy</h1>").status(503)).failed(ErrorKind::Server, &["503", "busy", "6 tries"]);
}

#[test]
fn a_429_with_seconds_is_waited_for() {
    let haul = fault_in_the_middle(1, |_| Reply::error(429, "slow down").status(429).header("Retry-After", "7"));
    haul.is_whole(1..=10);
    assert!((7..=8).contains(&haul.slept.as_secs()), "{:?}", haul.slept);
}

#[test]
fn a_429_with_a_date_is_waited_for() {
    let haul = fault_in_the_middle(1, |_| {
        let reply = Reply::error(429, "slow down").status(429).header("Date", "Wed, 21 Oct 2015 07:28:00 GMT");
        reply.header("Retry-After", "Wed, 21 Oct 2015 07:28:07 GMT")
    });
    haul.is_whole(1..=10);
    assert!((7..=8).contains(&haul.slept.as_secs()), "{:?}", haul.slept);
}

#[test]
fn a_reset_connection_is_asked_again() {
    fault_in_the_middle(2, |reply| reply.manner(Manner::Hangup)).is_whole(1..=10);
}

#[test]
fn a_cut_body_is_asked_again() {
    fault_in_the_middle(2, |reply| reply.manner(Manner::CutAfter(150))).is_whole(1..=10);
}

#[test]
fn a_body_cut_in_the_middle_of_json_with_the_right_length_is_asked_again() {
    let cut = |mut reply: Reply| {
        reply.body.truncate(150);
        reply
    };
    fault_in_the_middle(1, cut).is_whole(1..=10);
    fault_in_every_page(cut).failed(ErrorKind::Server, &["broken"]);
}

#[test]
fn a_slow_body_is_waited_for() {
    fault_in_the_middle(1, |reply| reply.manner(Manner::Slow(40, Duration::from_millis(20)))).is_whole(1..=10);
}

#[test]
fn html_with_200_is_no_data() {
    let page = |_| Reply::html("<html><head><title>Sign in to GIS</title></head></html>");
    fault_in_the_middle(1, page).is_whole(1..=10);
    fault_in_every_page(page).failed(ErrorKind::Server, &["web page", "Sign in to GIS"]);
}

#[test]
fn an_error_in_json_with_200_is_no_data() {
    let error = |_| Reply::error(400, "Failed to execute query.");
    // Hosted layers have such moods.
    fault_in_the_middle(1, error).is_whole(1..=10);
    fault_in_every_page(error).failed(ErrorKind::Server, &["400 Failed to execute query."]);
}

#[test]
fn an_error_that_is_a_string_is_no_data() {
    let error = |_| Reply::json(&json!({"error": "job failed", "error_description": "no workers"}));
    fault_in_the_middle(1, error).is_whole(1..=10);
    fault_in_every_page(error).failed(ErrorKind::Server, &["job failed", "no workers"]);
}

#[test]
fn an_empty_body_is_asked_again() {
    fault_in_the_middle(1, |_| Reply::bytes("application/json", "")).is_whole(1..=10);
    fault_in_every_page(|_| Reply::bytes("application/json", "")).failed(ErrorKind::Server, &["nothing"]);
}

#[test]
fn an_answer_without_features_is_no_empty_page() {
    fault_in_the_middle(1, |_| Reply::json(&json!({}))).is_whole(1..=10);
    fault_in_every_page(|_| Reply::json(&json!({}))).failed(ErrorKind::Server, &["no features"]);
}

#[test]
fn a_wanted_sign_in_in_the_middle_leaves_no_file() {
    for code in [498, 499] {
        let haul = fault_in_the_middle(99, move |_| Reply::error(code, "Token"));
        haul.failed(ErrorKind::SignIn, &[&code.to_string(), "Roads"]);
    }
}

#[test]
fn an_ignored_offset_is_noticed() {
    let layer = Layer { offsets: false, cap: 10, ..Layer::of(1..=35) };
    haul(10, move |call| layer.reply(call)).is_whole(1..=35);
}

#[test]
fn a_lying_cap_loses_nothing() {
    for flags in [true, false] {
        let layer = Layer { cap: 3, flags, max_record_count: 1000, ..Layer::of(1..=20) };
        haul(10, move |call| layer.reply(call)).is_whole(1..=20);
    }
}

#[test]
fn a_missing_flag_is_not_the_end() {
    for counts in [true, false] {
        let layer = Layer { flags: false, counts, cap: 4, ..Layer::of(1..=30) };
        haul(10, move |call| layer.reply(call)).is_whole(1..=30);
    }
}

#[test]
fn a_count_that_is_too_low_is_not_the_end() {
    for count in [0, 7, 10, 15] {
        let layer = Layer { flags: false, cap: 10, ..Layer::of(1..=35) };
        let haul = haul(10, move |call| match call.param("returnCountOnly") {
            "true" => Reply::json(&json!({"count": count})),
            _ => layer.reply(call),
        });
        let got: Vec<Row> = haul.rows();
        assert_eq!(got, (1..=35).map(Row::of).collect::<Vec<_>>(), "{count} counted");
    }
}

#[test]
fn ignored_object_ids_are_no_endless_loop_and_rows_that_were_not_asked_for_are_left_out() {
    for (cap, whole) in [(1000, true), (10, false)] {
        let layer = Layer { paging: false, cap, ..Layer::of(1..=35) };
        let haul = haul(10, move |call| {
            let params = call.params.iter().filter(|(key, _)| key != "objectIds").cloned().collect();
            layer.reply(&Call { params, ..call.clone() })
        });
        if whole {
            haul.is_whole(1..=35);
        } else {
            haul.failed(ErrorKind::Incomplete, &["10 rows came of the 35", "object id 11, 12"]);
        }
    }
}

#[test]
fn a_list_of_ids_that_is_cut_off_or_empty_is_not_the_whole_where_nothing_is_counted() {
    let exported = |ids: Value| {
        let layer = Layer { paging: false, counts: false, ..Layer::of(1..=35) };
        haul(10, move |call| match call.param("returnIdsOnly") {
            "true" => Reply::json(&ids),
            _ => layer.reply(call),
        })
    };
    let haul = exported(json!({"objectIdFieldName": "OBJECTID", "objectIds": [1, 2, 3], "exceededTransferLimit": true}));
    haul.is_whole(1..=35);
    for none in [json!([]), json!(null)] {
        exported(json!({"objectIdFieldName": "OBJECTID", "objectIds": none})).is_whole(1..=35);
    }
}

#[test]
fn fields_that_differ_in_case_only_are_told_apart() {
    let json = json!({"objectIdField": "OBJECTID", "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"},
        {"name": "ObjectId", "type": "esriFieldTypeInteger"}, {"name": "NAME", "type": "esriFieldTypeString"}]});
    let layer = Layer { json, ..Layer::of(1..=10) };
    let haul = haul(4, move |call| {
        let reply = layer.reply(call);
        // Rows of two pages share the other field's value.
        let mut page: Value = serde_json::from_slice(&reply.body).unwrap();
        for row in page.get_mut("features").and_then(Value::as_array_mut).into_iter().flatten() {
            let id = row["attributes"]["OBJECTID"].as_i64().unwrap();
            row["attributes"]["ObjectId"] = json!(id % 5);
        }
        if page.get("features").is_some() { Reply::json(&page) } else { reply }
    });
    assert_eq!(haul.report().layers[0].evidence.rows, 10);
}

/// Per field, the rows that lack it.
fn absent(haul: &Haul) -> Vec<(&str, u64)> {
    let losses = haul.report().layers[0].losses.iter().filter(|loss| loss.kind == LossKind::AttributeAbsent);
    losses.map(|loss| (loss.field.as_deref().unwrap(), loss.count)).collect()
}

#[test]
fn fields_of_the_layer_that_are_not_sent_are_named() {
    let json = json!({"fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "NAME", "type": "esriFieldTypeString"},
        {"name": "OWNER", "type": "esriFieldTypeString"}, {"name": "PHOTO", "type": "esriFieldTypeBlob"}]});
    let layer = Layer { json, ..Layer::of(1..=10) };
    let haul = haul(4, move |call| layer.reply(call));
    assert_eq!(absent(&haul), [("OWNER", 10)]);
}

#[test]
fn a_field_that_later_pages_leave_out_or_rename_is_counted() {
    let gone = fault_in_the_middle(1, |reply| {
        let mut page: Value = serde_json::from_slice(&reply.body).unwrap();
        for row in page["features"].as_array_mut().unwrap() {
            row["attributes"].as_object_mut().unwrap().remove("NAME");
        }
        Reply::json(&page)
    });
    assert_eq!(absent(&gone), [("NAME", 4)]);
    assert_eq!(gone.rows()[4], Row { name: String::new(), ..Row::of(5) });
    let renamed = fault_in_the_middle(1, |reply| change(reply, "\"NAME\":\"row", "\"TITLE\":\"row"));
    assert_eq!(absent(&renamed), [("NAME", 4)]);
    // Case alone does no harm.
    let other_case = fault_in_the_middle(1, |reply| change(reply, "\"NAME\":\"row", "\"name\":\"row"));
    assert_eq!(absent(&other_case), []);
    other_case.is_whole(1..=10);
}

#[test]
fn a_page_without_the_z_of_its_layer_is_counted_and_one_without_geometry_is_told() {
    let layer = |with_z: bool| Layer { json: json!({"hasZ": with_z}), ..Layer::of(1..=10) };
    let z = |with_z: bool, without: fn(Reply) -> Reply| {
        let layer = layer(with_z);
        haul(4, move |call| {
            let reply = change(layer.reply(call), "\"x\":", "\"z\":7,\"x\":");
            if call.param("resultOffset") == "4" { without(reply) } else { reply }
        })
    };
    let counted = |haul: &Haul| {
        let losses = haul.report().layers[0].losses.iter().filter(|loss| loss.kind == LossKind::ZAbsent);
        losses.map(|loss| loss.count).sum::<u64>()
    };
    assert_eq!(counted(&z(true, |reply| change(reply, "\"z\":7,", ""))), 4);
    assert_eq!(counted(&z(true, |reply| change(reply, "\"z\":7,", "\"z\":null,"))), 0);
    assert_eq!(counted(&z(false, |reply| change(reply, "\"z\":7,", ""))), 0);
    let bare = z(true, |reply| change(reply, "\"geometry\":", "\"shape\":"));
    assert_eq!((bare.report().layers[0].without_geometry, counted(&bare)), (4, 0));
}

#[test]
fn rows_without_ids_that_come_again_on_another_page_are_told_and_it_is_not_called_complete() {
    // The second page begins with the last row of the first, and the fifth row is nowhere.
    let (layer, drop_id) = (Layer { cap: 4, ..Layer::of(1..=8) }, |row: &mut Value| {
        drop(row["attributes"].as_object_mut().unwrap().remove("OBJECTID"));
    });
    let haul = without_object_ids_by(drop_id, move |call| {
        let ids = if call.param("resultOffset") == "4" { vec![1, 2, 3, 5, 4, 6, 7, 8] } else { (1..=8).collect() };
        (Layer { ids, ..layer.clone() }, call.clone())
    });
    let evidence = &haul.report().layers[0].evidence;
    assert_eq!((evidence.rows, evidence.alike, evidence.shifts_unseen), (8, 1, true));
    let told = haul.report().warnings.iter().any(|warning| warning.contains("1 rows are like rows of other pages"));
    assert!(told, "{:?}", haul.report().warnings);
}

#[test]
fn a_field_that_some_rows_lack_is_counted_and_null_is_there() {
    let haul = fault_in_the_middle(1, |reply| change(change(reply, "\"NAME\":\"row 6\",", ""), ",\"NAME\":\"row 6\"", ""));
    assert_eq!(absent(&haul), [("NAME", 1)]);
    let null = fault_in_the_middle(1, |reply| change(reply, "\"NAME\":\"row 6\"", "\"NAME\":null"));
    assert_eq!(absent(&null), []);
}

#[test]
fn a_field_that_rows_lack_is_a_loss() {
    let layer = Layer::of(1..=10);
    let server = Server::start(move |call| change(layer.reply(call), "\"NAME\":\"row 6\"", "\"TITLE\":null"));
    let options = ExportOptions { strict: true, ..ExportOptions::default() };
    Haul::with(&server.url(LAYER), 4, &options).failed(ErrorKind::Incomplete, &["absent from the row", "NAME"]);
}

#[test]
fn a_page_that_comes_twice_is_an_error_where_rows_have_no_ids() {
    let rename = |row: &mut Value| {
        let id = row["attributes"]["OBJECTID"].to_string();
        row["attributes"]["OBJECTID"] = json!(format!("id-{id}"));
    };
    let layer = Layer::of(1..=12);
    let haul = without_object_ids_by(rename, move |call| {
        let mut call = call.clone();
        for (key, value) in &mut call.params {
            // The third page is the second again.
            if (key.as_str(), value.as_str()) == ("resultOffset", "8") {
                "4".clone_into(value);
            }
        }
        (layer.clone(), call)
    });
    haul.failed(ErrorKind::Server, &["ignores resultOffset"]);
}

#[test]
fn a_flag_with_an_empty_page_is_not_the_end() {
    let layer = Layer { counts: false, ..Layer::of(1..=9) };
    haul(3, move |call| match call.param("resultOffset") {
        "3" if call.param("resultRecordCount") == "3" => Reply::json(&layer.page(&[], true)),
        _ => layer.reply(call),
    })
    .is_whole(1..=9);
}

#[test]
fn pages_without_order_are_mended() {
    // In one order for the first page and in another for the rest, as databases do.
    let (forth, back) = (Layer::of(1..=20), Layer::of((1..=20).rev()));
    let haul = haul(6, move |call| match call.param("resultOffset") {
        "" | "0" => forth.reply(call),
        _ => back.reply(call),
    });
    let report = haul.is_whole(1..=20);
    assert!(report.layers[0].evidence.duplicates > 0);
}

#[test]
fn sparse_ids_arrive_whole() {
    let ids = [-3, 1, 17, 1_000_000_000, 9_007_199_254_740_993];
    for paging in [true, false] {
        let layer = Layer { paging, ..Layer::of(ids) };
        let haul = haul(2, move |call| layer.reply(call));
        let got: Vec<String> = haul.rows().into_iter().map(|row| row.id).collect();
        assert_eq!(got, ids.map(|id| id.to_string()));
    }
}

#[test]
fn a_large_layer_is_read_by_spans_of_its_object_ids() {
    for (paging, flags, cap) in [(true, true, 20), (false, true, 20), (true, false, 20), (true, true, 7), (false, false, 20)] {
        // Sparse, with a crowd far away, and out of order on the disk.
        let ids = (1..=400).map(|id| id * 1000).chain(5_000_000..5_000_200);
        let mut stored: Vec<i64> = ids.clone().collect();
        stored.sort_by_key(|id| id % 17);
        let layer = Layer { statistics: true, paging, flags, cap, max_record_count: 20, ..Layer::of(stored) };
        let haul = haul(20, move |call| {
            assert!(call.param("returnIdsOnly").is_empty(), "no list of all ids");
            layer.reply(call)
        });
        let report = haul.is_whole(ids);
        assert_eq!(report.layers[0].evidence.strategy, "spans of object ids");
    }
}

#[test]
fn a_span_with_rows_that_it_does_not_send_is_listed_and_they_are_named() {
    let withheld = (101..=120).collect();
    let layer = Layer { statistics: true, withheld, ..Layer::of(1..=1000) };
    haul(10, move |call| layer.reply(call)).failed(ErrorKind::Incomplete, &["980 rows", "of the 1000", "101, 102"]);
}

#[test]
fn statistics_that_are_claimed_and_refused_lead_to_offsets() {
    let layer = Layer { json: json!({"supportsStatistics": true}), ..Layer::of(1..=300) };
    let haul = haul(10, move |call| layer.reply(call));
    assert_eq!(haul.is_whole(1..=300).layers[0].evidence.strategy, "offsets");
}

#[test]
fn a_server_that_breaks_down_over_statistics_is_read_without_them() {
    let layer = Layer { json: json!({"supportsStatistics": true}), ..Layer::of(1..=20) };
    let haul = haul(10, move |call| match call.param("outStatistics") {
        "" => layer.reply(call),
        _ => Reply::error(500, "Internal Server Error"),
    });
    assert_eq!(haul.is_whole(1..=20).layers[0].evidence.strategy, "offsets");
}

#[test]
fn a_layer_without_ids_and_offsets_is_read_by_parts_of_its_map() {
    let json = json!({"extent": {"xmin": 0, "ymin": 0, "xmax": 90, "ymax": 200, "spatialReference": {"wkid": 3857}}});
    // The last ten are outside of the extent that the layer names.
    let layer = Layer { cap: 10, ..Layer::of(1..=100) };
    let haul = without_object_ids_on(Layer { paging: false, json, ..layer }, |row| {
        drop(row["attributes"].as_object_mut().unwrap().remove("OBJECTID"));
    });
    let mut got: Vec<_> = haul.rows().into_iter().map(|row| row.xy.unwrap().0).collect();
    got.sort_by(f64::total_cmp);
    assert_eq!(got, (1..=100).map(f64::from).collect::<Vec<_>>());
    assert_eq!(haul.report().layers[0].evidence.strategy, "one query, then parts of the map");
}

/// A layer whose rows have no integer ids, only what `rename` makes of them.
fn without_object_ids(rename: impl Fn(&mut Value) + Send + Sync + 'static) -> Haul {
    without_object_ids_on(Layer { cap: 3, ..Layer::of(1..=10) }, rename)
}

fn without_object_ids_on(layer: Layer, rename: impl Fn(&mut Value) + Send + Sync + 'static) -> Haul {
    without_object_ids_by(rename, move |call| (layer.clone(), call.clone()))
}

/// The same, with the layer and the question that `answer` makes of each call.
fn without_object_ids_by(
    rename: impl Fn(&mut Value) + Send + Sync + 'static,
    answer: impl Fn(&Call) -> (Layer, Call) + Send + Sync + 'static,
) -> Haul {
    let json = json!({"objectIdField": null, "uniqueIdInfo": {"type": "simple", "fields": ["OBJECTID"]},
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeString", "length": 20}, {"name": "NAME", "type": "esriFieldTypeString"}]});
    haul(4, move |call| {
        let (mut layer, call) = answer(call);
        for (key, value) in json.as_object().unwrap() {
            layer.json[key] = value.clone();
        }
        if call.param("returnIdsOnly") == "true" {
            return Reply::json(&json!({"objectIdFieldName": null, "objectIds": null}));
        }
        let reply = layer.reply(&call);
        let mut value: Value = serde_json::from_slice(&reply.body).unwrap();
        if let Some(page) = value.as_object_mut().filter(|page| page.contains_key("features")) {
            page.insert("objectIdFieldName".to_owned(), Value::Null);
            page.remove("fields");
            page["features"].as_array_mut().unwrap().iter_mut().for_each(&rename);
        }
        Reply::json(&value)
    })
}

#[test]
fn ids_that_are_strings_arrive_whole() {
    let haul = without_object_ids(|row| {
        let id = row["attributes"]["OBJECTID"].to_string();
        row["attributes"]["OBJECTID"] = json!(format!("id-{id}"));
    });
    let mut got: Vec<String> = haul.rows().into_iter().map(|row| row.id).collect();
    let mut truth: Vec<String> = (1..=10).map(|id| format!("id-{id}")).collect();
    got.sort();
    truth.sort();
    assert_eq!(got, truth);
}

#[test]
fn rows_without_ids_arrive_whole() {
    let haul = without_object_ids(|row| drop(row["attributes"].as_object_mut().unwrap().remove("OBJECTID")));
    let mut got: Vec<(String, Option<(f64, f64)>)> = haul.rows().into_iter().map(|row| (row.name, row.xy)).collect();
    let mut truth: Vec<_> = (1..=10).map(Row::of).map(|row| (row.name, row.xy)).collect();
    got.sort_by(|a, b| a.0.cmp(&b.0));
    truth.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(got, truth);
}

#[test]
fn a_page_that_is_too_big_comes_in_smaller_ones() {
    let layer = Layer::of(1..=20);
    haul(16, move |call| match call.param("resultRecordCount").parse::<u64>() {
        Ok(size) if size > 3 => Reply::error(500, "Error performing query operation"),
        _ => layer.reply(call),
    })
    .is_whole(1..=20);
}

/// A server that fails whenever row 7 is in the answer.
fn row_7_is_too_much(allow_partial: bool) -> Haul {
    let layer = Layer::of(1..=20);
    let server = Server::start(move |call| {
        let reply = layer.reply(call);
        let asks_7 = String::from_utf8_lossy(&reply.body).contains("row 7\"");
        if asks_7 { Reply::error(500, "Error performing query operation") } else { reply }
    });
    Haul::with(&server.url(LAYER), 8, &ExportOptions { allow_partial, ..ExportOptions::default() })
}

#[test]
fn a_feature_that_can_not_be_had_even_alone_is_named() {
    let haul = row_7_is_too_much(false);
    haul.failed(ErrorKind::Incomplete, &["object id 7", "Error performing query operation"]);
}

#[test]
fn a_feature_that_can_not_be_had_even_alone_may_be_left_out_on_request() {
    let haul = row_7_is_too_much(true);
    assert_eq!(haul.rows(), (1..=6).chain(8..=20).map(Row::of).collect::<Vec<_>>());
    let report = haul.report();
    assert!(!report.is_complete());
    assert_eq!(report.layers[0].evidence.missing_ids, [7]);
    assert!(report.failures[0].message.contains("object id 7"), "{:?}", report.failures);
}

#[test]
fn a_server_that_fails_for_every_single_row_is_soon_given_up() {
    let layer = Layer::of(1..=5000);
    let server =
        Server::start(
            move |call| {
                if is_page(call) { Reply::error(500, "Error performing query operation") } else { layer.reply(call) }
            },
        );
    Haul::of(&server.url(LAYER), 1000).failed(ErrorKind::Server, &["Error performing query operation"]);
    assert!(server.calls().len() < 200, "{}", server.calls().len());
}

#[test]
fn nan_is_null_and_control_characters_stay() {
    let haul = fault_in_the_middle(1, |reply| change(change(reply, "\"x\":5", "\"x\":NaN"), "row 6", "row\u{b}6"));
    let rows = haul.rows();
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[4], Row { xy: None, ..Row::of(5) });
    assert_eq!(rows[5], Row { name: "row\u{b}6".to_owned(), ..Row::of(6) });
}

#[test]
fn invalid_utf_8_is_replaced_and_counted() {
    let haul = fault_in_the_middle(1, |mut reply| {
        let at = reply.body.windows(5).position(|window| window == b"row 6").unwrap();
        reply.body[at + 3] = 0xFF;
        reply
    });
    assert_eq!(haul.rows()[5], Row { name: "row\u{fffd}6".to_owned(), ..Row::of(6) });
    let layer = &haul.report().layers[0];
    let losses: Vec<_> = layer.losses.iter().chain(layer.outputs[0].losses.iter()).map(|loss| loss.kind).collect();
    assert!(losses.contains(&LossKind::BytesReplaced), "{losses:?}");
}

#[test]
fn a_byte_order_mark_does_no_harm() {
    let layer = Layer::of(1..=10);
    haul(4, move |call| {
        let mut reply = layer.reply(call);
        reply.body.splice(0..0, *b"\xEF\xBB\xBF");
        reply
    })
    .is_whole(1..=10);
}

#[test]
fn edits_during_the_export_are_noticed_and_mended() {
    // After the first page row 2 is deleted and row 11 added, which moves row 5 before the second page's offset.
    let (before, after) = (Layer::of(1..=10), Layer::of((1..=11).filter(|id| *id != 2)));
    // Whether or not the layer says when it was edited.
    for (before, after) in [(edited_at(before.clone(), 1000), edited_at(after.clone(), 2000)), (before, after)] {
        let seen = AtomicUsize::new(0);
        let haul = haul(4, move |call| {
            if call.param("resultOffset") == "4" {
                seen.store(1, Ordering::SeqCst);
            }
            let first = seen.load(Ordering::SeqCst) == 0 || call.param("resultOffset") == "0";
            if first { before.reply(call) } else { after.reply(call) }
        });
        let rows = haul.rows();
        assert!((3..=11).all(|id| rows.contains(&Row::of(id))), "{rows:?}");
        assert!(haul.report().layers[0].evidence.edited);
        assert!(haul.report().warnings.iter().any(|warning| warning.contains("was edited")), "{:?}", haul.report().warnings);
    }
}

#[test]
fn a_list_of_ids_that_only_makes_sure_and_can_not_be_had_fails_no_export() {
    for status in [503, 500, 404] {
        let layer = Layer::of(1..=10);
        let haul = haul(4, move |call| match call.param("returnIdsOnly") {
            "true" => Reply::html("<h1>busy</h1>").status(status),
            _ => layer.reply(call),
        });
        let evidence = &haul.is_whole(1..=10).layers[0].evidence;
        assert!(evidence.shifts_unseen && haul.slept < Duration::from_secs(60), "{status}: {:?}", haul.slept);
    }
}

#[test]
fn rows_that_vanish_without_an_edit_are_told() {
    // As where a sign-in ends, and the server goes on with what everybody may see.
    let [all, few] = [1..=10, 1..=6].map(|ids| edited_at(Layer::of(ids), 1000));
    let seen = AtomicUsize::new(0);
    let haul = haul(4, move |call| {
        if call.param("resultOffset") == "4" {
            seen.store(1, Ordering::SeqCst);
        }
        let first = seen.load(Ordering::SeqCst) == 0 || call.param("resultOffset") == "0";
        if first { all.reply(call) } else { few.reply(call) }
    });
    let told: Vec<&String> = haul.report().warnings.iter().filter(|warning| warning.contains("nothing was edited")).collect();
    assert!(matches!(told[..], [told] if told.contains("counted 10 rows and then 6")), "{told:?}");
}

/// The same, saying when it was last edited.
fn edited_at(layer: Layer, millis: i64) -> Layer {
    Layer { json: json!({"editingInfo": {"lastEditDate": millis}}), ..layer }
}

#[test]
fn a_redirect_to_another_origin_is_followed() {
    let layer = Layer::of(1..=10);
    let home = Arc::new(Server::start(move |call| layer.reply(call)));
    let to = home.url("");
    haul(4, move |call| Reply::redirect(302, to.join(&format!("{}?{}", call.path, call.query)).unwrap().as_str()))
        .is_whole(1..=10);
    assert!(!home.calls().is_empty());
}

#[test]
fn a_redirect_in_a_loop_is_told() {
    let haul = haul(4, |call| Reply::redirect(302, &format!("{}?{}", call.path, call.query)));
    haul.failed(ErrorKind::Network, &["loop"]);
}

#[test]
fn two_thousand_ids_go_where_a_get_would_be_refused() {
    let layer = Layer { paging: false, ..Layer::of((1..=2500).map(|id| id * 1000)) };
    haul(2000, move |call| {
        if call.method == "GET" && call.query.len() > 2048 {
            return Reply::html("<h1>404 - File or directory not found.</h1>").status(404);
        }
        layer.reply(call)
    })
    .is_whole((1..=2500).map(|id| id * 1000));
}
