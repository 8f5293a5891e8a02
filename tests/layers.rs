//! Layers on a scripted server: every row comes, once, or the error or the evidence says what is missing.

#![allow(clippy::unwrap_used, reason = "a test that can't go on stops")]

#[path = "support/layer.rs"]
mod layer;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geohaul::error::{Error, ErrorKind};
use geohaul::fetch::Source;
use geohaul::fetch::clock::Clock;
use geohaul::fetch::http::HttpTransport;
use geohaul::fetch::layer::{LayerOptions, LayerSource};
use geohaul::fetch::retry::{Retry, RetryPolicy};
use geohaul::fetch::selection::Selection;
use geohaul::fetch::session::Session;
use geohaul::model::{Evidence, GeometryKind, Header, ReadPlan, SpatialReference};
use geohaul::pipe::Permits;
use geohaul::report::{Progress, Silent};
use layer::Layer;
use serde_json::{Value, json};
use server::{Call, Manner, Reply, Server};
use url::Url;

const EVERYTHING: ReadPlan = ReadPlan { geometry: true, z: true, m: true, curve_tolerance: 0.01, keep_curves: false };

/// Time that passes only by sleeping.
#[derive(Default)]
struct Asleep(Mutex<Duration>);

impl Clock for Asleep {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, wait: Duration) {
        *self.0.lock().unwrap() += wait;
    }
    fn jitter(&self) -> f64 {
        1.0
    }
}

fn session(clock: &Arc<Asleep>) -> Session {
    let transport = Arc::new(HttpTransport::default());
    Session::with_retry(Retry::new(transport, RetryPolicy::default()).with_clock(Arc::clone(clock) as Arc<dyn Clock>))
}

/// What came of a layer.
struct Export {
    ids: Vec<i64>,
    header: Header,
    warnings: Vec<String>,
    evidence: Evidence,
    slept: Duration,
}

fn export_with(url: &Url, options: LayerOptions, permits: usize, progress: Arc<dyn Progress>) -> Result<Export, Error> {
    let clock = Arc::new(Asleep::default());
    let source = LayerSource::open(&session(&clock), url, options, Arc::clone(&progress))?;
    let (header, warnings) = (source.header().clone(), source.warnings());
    let permits = Permits::new(permits, 1 << 26);
    let mut pages = Box::new(source).open(&EVERYTHING, &permits, progress)?;
    let (mut ids, mut rows_before) = (Vec::new(), 0);
    while let Some(next) = pages.next() {
        let (page, _permit) = next?;
        assert_eq!(page.rows_before, rows_before);
        let text = format!("[{}]", std::str::from_utf8(&page.bytes[page.facts.features.clone()]).unwrap());
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), page.facts.rows);
        rows_before += rows.len() as u64;
        let kept = rows.iter().enumerate().filter(|(row, _)| !page.drop_rows.contains(row));
        ids.extend(kept.map(|(_, row)| row["attributes"]["OBJECTID"].as_i64().unwrap()));
    }
    let evidence = pages.finish()?;
    assert_eq!(evidence.rows, ids.len() as u64);
    Ok(Export { ids, header, warnings, evidence, slept: clock.now() })
}

fn export(url: &Url, page_size: u64) -> Result<Export, Error> {
    export_with(url, LayerOptions { page_size: Some(page_size), ..LayerOptions::default() }, 8, Arc::new(Silent))
}

fn serve(layer: Layer) -> Server {
    Server::start(move |call| layer.reply(call))
}

fn layer_url(server: &Server) -> Url {
    server.url("/arcgis/rest/services/Roads/FeatureServer/0")
}

/// Asserts that all rows came once, and that the evidence says so.
fn whole(server: &Server, page_size: u64, ids: impl IntoIterator<Item = i64>) -> Export {
    let mut export = export(&layer_url(server), page_size).unwrap();
    export.ids.sort_unstable();
    assert_eq!(export.ids, ids.into_iter().collect::<Vec<_>>());
    assert_eq!(export.evidence.missing(), 0);
    export
}

fn fails(handler: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Error {
    let server = Server::start(handler);
    match export(&layer_url(&server), 10) {
        Err(error) => error,
        Ok(export) => panic!("{} rows came", export.ids.len()),
    }
}

/// Asserts what an error says: its kind, some of its words, and that it has a hint.
fn says(error: &Error, kind: ErrorKind, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{error:?}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(error.hint_text().is_some(), "no hint: {text}");
}

#[test]
fn a_plain_layer_comes_whole_and_in_order_with_a_request_per_page() {
    let server = serve(Layer::of(1..=25));
    let export = export(&layer_url(&server), 10).unwrap();
    assert_eq!(export.ids, (1..=25).collect::<Vec<_>>());
    assert_eq!((export.evidence.pages, export.evidence.requests), (3, 8), "layer, count, probe, 3 pages, count, ids");
    assert_eq!(export.evidence.requests, server.calls().len() as u64);
    assert_eq!(export.slept, Duration::ZERO);
    assert_eq!((export.evidence.count_before, export.evidence.count_after), (Some(25), Some(25)));
    assert_eq!((export.header.name.as_str(), export.header.count), ("Roads", Some(25)));
    assert_eq!((export.header.object_id, export.header.display), (Some(0), Some(1)));
    let page = &server.pages()[1];
    assert_eq!((page.param("orderByFields"), page.param("outSR"), page.param("outFields")), ("OBJECTID ASC", "102100", "*"));
    assert_eq!(page.header("user-agent"), concat!("geohaul/", env!("CARGO_PKG_VERSION")));
    assert!(page.header("accept-encoding").contains("gzip"));
}

#[test]
fn an_empty_layer_has_a_header_and_no_pages() {
    let export = whole(&serve(Layer::of([])), 10, []);
    assert_eq!((export.evidence.pages, export.header.fields.len()), (0, 2));
}

#[test]
fn one_permit_and_many_give_the_same_pages() {
    for permits in [1, 2, 8] {
        let server = serve(Layer { cap: 3, ..Layer::of(1..=50) });
        let options = LayerOptions { page_size: Some(10), ..LayerOptions::default() };
        let export = export_with(&layer_url(&server), options, permits, Arc::new(Silent)).unwrap();
        assert_eq!(export.ids, (1..=50).collect::<Vec<_>>());
    }
}

#[test]
fn a_cap_below_the_asked_size_loses_nothing() {
    whole(&serve(Layer { cap: 3, ..Layer::of(1..=7) }), 10, 1..=7);
    whole(&serve(Layer { cap: 3, max_record_count: 1000, ..Layer::of(1..=100) }), 1000, 1..=100);
}

#[test]
fn the_flag_is_read_in_its_other_place() {
    whole(&serve(Layer { cap: 3, flag_in_properties: true, counts: false, ..Layer::of(1..=7) }), 10, 1..=7);
}

#[test]
fn an_empty_page_with_the_flag_is_not_the_end() {
    let layer = Layer { counts: false, ..Layer::of(1..=9) };
    let server = Server::start(move |call| match call.param("resultOffset") {
        "3" if call.param("resultRecordCount") == "3" => Reply::json(&layer.page(&[], true)),
        _ => layer.reply(call),
    });
    whole(&server, 3, 1..=9);
}

#[test]
fn an_old_server_that_never_sets_the_flag_is_read_to_its_count() {
    whole(&serve(Layer { flags: false, cap: 4, ..Layer::of(1..=30) }), 10, 1..=30);
    let export = whole(&serve(Layer { flags: false, counts: false, cap: 4, ..Layer::of(1..=30) }), 10, 1..=30);
    assert!(export.warnings.iter().any(|warning| warning.contains("does not count")), "{:?}", export.warnings);
}

#[test]
fn an_ignored_offset_leads_to_object_ids_and_not_to_an_endless_loop() {
    let server = serve(Layer { offsets: false, cap: 10, ..Layer::of(1..=35) });
    let export = whole(&server, 10, 1..=35);
    assert_eq!(export.evidence.strategy, "offsets, then lists of object ids");
}

#[test]
fn a_layer_without_pagination_is_read_by_object_ids_in_posts() {
    let ids = [5, 1_000_000_000, 17, -3, 9_007_199_254_740_993];
    let server = serve(Layer { paging: false, ..Layer::of(ids) });
    let mut sorted = ids;
    sorted.sort_unstable();
    let export = whole(&server, 2, sorted);
    assert_eq!(export.evidence.strategy, "lists of object ids");
    let lists: Vec<Call> = server.pages().into_iter().filter(|call| !call.param("objectIds").is_empty()).collect();
    assert!(lists.iter().all(|call| call.method == "POST" && call.query.is_empty()));
    let asked: BTreeSet<&str> = lists.iter().map(|call| call.param("objectIds")).collect();
    assert_eq!(asked, BTreeSet::from(["-3", "-3,5", "17,1000000000", "9007199254740993"]), "the probe, then by number");
    assert_eq!(server.calls().iter().filter(|call| call.param("returnIdsOnly") == "true").count(), 1);
}

#[test]
fn a_layer_that_only_claims_to_page_is_read_by_object_ids() {
    let layer =
        Layer { paging: false, json: json!({"advancedQueryCapabilities": {"supportsPagination": true}}), ..Layer::of(1..=5) };
    assert_eq!(whole(&serve(layer), 2, 1..=5).evidence.strategy, "lists of object ids");
}

#[test]
fn rows_that_come_twice_are_dropped() {
    let layer = Layer::of(1..=6);
    // The second page begins with the last row of the first.
    let server = Server::start(move |call| match (call.param("resultOffset"), call.param("resultRecordCount")) {
        ("3", "3") => Reply::json(&layer.page(&[3, 4, 5], true)),
        _ => layer.reply(call),
    });
    let export = whole(&server, 3, 1..=6);
    assert!(export.evidence.duplicates >= 1);
}

#[test]
fn rows_that_are_missing_at_the_end_are_asked_for_by_id() {
    let layer = Layer::of(1..=6);
    // Unstable order: row 4 falls between two pages.
    let server = Server::start(move |call| match (call.param("resultOffset"), call.param("resultRecordCount")) {
        ("3", "3") => Reply::json(&layer.page(&[3, 5, 6], false)),
        _ => layer.reply(call),
    });
    let export = whole(&server, 3, 1..=6);
    assert_eq!((export.evidence.strategy.as_str(), export.evidence.duplicates), ("offsets, then lists of object ids", 1));
}

#[test]
fn rows_that_can_not_be_had_are_counted_and_named() {
    for paging in [true, false] {
        let server = serve(Layer { paging, withheld: BTreeSet::from([3, 8]), ..Layer::of(1..=10) });
        let export = export(&layer_url(&server), 4).unwrap();
        assert_eq!(export.ids, [1, 2, 4, 5, 6, 7, 9, 10]);
        assert_eq!((export.evidence.missing(), export.evidence.missing_ids.as_slice()), (2, &[3, 8][..]));
    }
}

#[test]
fn a_page_that_is_too_much_is_asked_for_in_halves() {
    let layer = Layer::of(1..=20);
    let server = Server::start(move |call| match call.param("resultRecordCount").parse::<u64>() {
        Ok(size) if size > 3 => Reply::error(500, "Error performing query operation"),
        _ => layer.reply(call),
    });
    assert_eq!(whole(&server, 16, 1..=20).evidence.duplicates, 0);
}

#[test]
fn truncated_json_and_cut_bodies_are_asked_for_again() {
    for manner in [Manner::Whole, Manner::CutAfter(50), Manner::Hangup] {
        let (layer, broken) = (Layer::of(1..=5), AtomicUsize::new(0));
        let server = Server::start(move |call| {
            let mut reply = layer.reply(call);
            if call.param("resultOffset") == "2" && broken.fetch_add(1, Ordering::SeqCst) == 0 {
                reply.body.truncate(60);
                reply.manner = manner;
            }
            reply
        });
        whole(&server, 2, 1..=5);
    }
}

#[test]
fn chunked_and_slow_bodies_come_whole() {
    for manner in [Manner::Chunked(7), Manner::Slow(100, Duration::from_millis(1))] {
        let layer = Layer::of(1..=5);
        let server = Server::start(move |call| layer.reply(call).manner(manner));
        whole(&server, 2, 1..=5);
    }
}

#[test]
fn a_503_passes_and_is_told() {
    struct Told(Mutex<Vec<String>>);
    impl Progress for Told {
        fn retry(&self, why: &str) {
            self.0.lock().unwrap().push(why.to_owned());
        }
    }
    let (layer, tries) = (Layer::of(1..=5), AtomicUsize::new(0));
    let server = Server::start(move |call| {
        let busy = call.param("resultOffset") == "2" && tries.fetch_add(1, Ordering::SeqCst) < 2;
        if busy { Reply::html("<h1>busy</h1>").status(503) } else { layer.reply(call) }
    });
    let told = Arc::new(Told(Mutex::default()));
    let options = LayerOptions { page_size: Some(2), ..LayerOptions::default() };
    let export = export_with(&layer_url(&server), options, 8, Arc::clone(&told) as Arc<dyn Progress>).unwrap();
    assert_eq!(export.ids, [1, 2, 3, 4, 5]);
    assert_eq!(export.slept, Duration::from_secs(1 + 2));
    assert_eq!(export.evidence.requests, server.calls().len() as u64);
    let told = told.0.lock().unwrap();
    assert!(told.len() == 2 && told[0].contains("503") && told[0].contains("busy"), "{told:?}");
}

#[test]
fn the_servers_clock_is_that_of_its_first_answer() {
    let (layer, calls) = (Layer::of(1..=5), AtomicUsize::new(0));
    let server = Server::start(move |call| {
        let second = calls.fetch_add(1, Ordering::SeqCst).min(9);
        layer.reply(call).header("Date", &format!("Wed, 21 Oct 2015 07:28:0{second} GMT"))
    });
    assert_eq!(export(&layer_url(&server), 2).unwrap().evidence.server_time, Some(1_445_412_480));
    assert_eq!(whole(&serve(Layer::of(1..=5)), 2, 1..=5).evidence.server_time, None);
}

#[test]
fn a_429_waits_as_long_as_the_server_says() {
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    for (retry_after, date) in [("7", None), ("Wed, 21 Oct 2015 07:28:07 GMT", Some(date))] {
        let (layer, tries) = (Layer::of(1..=2), AtomicUsize::new(0));
        let server = Server::start(move |call| {
            if tries.fetch_add(1, Ordering::SeqCst) > 0 {
                return layer.reply(call);
            }
            let reply = Reply::json(&json!({"error": {"code": 429}})).status(429).header("Retry-After", retry_after);
            date.map_or(reply.clone(), |date| reply.header("Date", date))
        });
        assert_eq!(whole(&server, 10, 1..=2).slept, Duration::from_secs(7));
    }
}

#[test]
fn an_error_in_http_200_gives_the_servers_words() {
    let error = fails(|_| Reply::error(400, "Invalid or missing input parameters."));
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(error.to_string().contains("400 Invalid or missing input parameters."), "{error}");
    assert!(error.place().url.as_deref().is_some_and(|url| url.ends_with("/FeatureServer/0?f=json")), "{error}");
}

#[test]
fn a_wrong_condition_gives_the_servers_words() {
    let layer = Layer::of(1..=3);
    let server = Server::start(move |call| match call.param("where").contains("NAM = 1") {
        true => Reply::error(400, "'NAM' is not a field"),
        false => layer.reply(call),
    });
    let selection = Selection { where_clause: Some("NAM = 1".to_owned()), ..Selection::default() };
    let options = LayerOptions { selection, ..LayerOptions::default() };
    let error = export_with(&layer_url(&server), options, 8, Arc::new(Silent)).err().unwrap();
    says(&error, ErrorKind::Server, &["'NAM' is not a field", "Roads"]);
}

#[test]
fn a_wanted_sign_in_is_its_own_kind_of_error() {
    says(&fails(|_| Reply::error(499, "Token Required")), ErrorKind::SignIn, &["wants a sign-in", "499 Token Required"]);
    says(&fails(|_| Reply::error(498, "Invalid token.")), ErrorKind::SignIn, &["498"]);
    let layer = Layer::of(1..=30);
    let error = fails(move |call| match call.param("resultOffset") {
        "10" => Reply::error(498, "Invalid token."),
        _ => layer.reply(call),
    });
    says(&error, ErrorKind::SignIn, &["page 1", "Roads"]);
}

#[test]
fn a_web_page_in_http_200_is_no_data() {
    let error = fails(|_| Reply::html("<html><head><title>Sign in to GIS</title></head></html>"));
    says(&error, ErrorKind::Server, &["web page", "Sign in to GIS"]);
}

#[test]
fn an_answer_that_stays_empty_or_broken_is_an_error() {
    says(&fails(|_| Reply::bytes("application/json", "")), ErrorKind::Server, &["nothing", "after 6 tries"]);
    says(&fails(|_| Reply::bytes("application/json", "{\"fields\":[")), ErrorKind::Server, &["broken", "brackets"]);
}

#[test]
fn an_unknown_host_and_a_refused_connection_are_told_at_once() {
    // A label this long is refused by the resolver of this machine, without asking anybody.
    let host = format!("{}.invalid", "x".repeat(64));
    let error = export(&format!("http://{host}/rest/services/A/FeatureServer/0").parse().unwrap(), 10).err().unwrap();
    says(&error, ErrorKind::Network, &[&host, "not known"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = export(&format!("http://127.0.0.1:{port}/0").parse().unwrap(), 10).err().unwrap();
    says(&error, ErrorKind::Network, &["no connection to 127.0.0.1", "refused"]);
    assert!(!error.to_string().contains("os error"), "{error}");
}

#[test]
fn a_server_without_tls_on_an_https_address_is_told() {
    let server = serve(Layer::of([]));
    let mut url = layer_url(&server);
    url.set_scheme("https").unwrap();
    says(&export(&url, 10).err().unwrap(), ErrorKind::Network, &["no secure connection", "127.0.0.1"]);
}

#[test]
fn the_spatial_reference_of_the_answer_counts_and_not_the_layers() {
    let layer = Layer { answers_in: json!({"wkid": 27700}), ..Layer::of(1..=3) };
    let export = whole(&serve(layer), 2, 1..=3);
    assert_eq!(export.header.spatial_reference.and_then(|sr| sr.code()), Some(27700));
}

#[test]
fn a_source_spatial_reference_is_asked_for_before_the_extents() {
    let server = serve(Layer { json: json!({"sourceSpatialReference": {"wkid": 2193}}), ..Layer::of(1..=3) });
    whole(&server, 2, 1..=3);
    assert!(server.pages().iter().all(|call| call.param("outSR") == "2193"));
}

#[test]
fn a_spatial_reference_that_the_caller_wants_is_asked_for_and_a_refusal_of_it_is_said() {
    let server = serve(Layer::of(1..=3));
    let options = LayerOptions { out_sr: Some(SpatialReference::from_wkid(4326)), ..LayerOptions::default() };
    let export = export_with(&layer_url(&server), options, 8, Arc::new(Silent)).unwrap();
    assert!(server.pages().iter().all(|call| call.param("outSR") == "4326"));
    assert_eq!(export.header.spatial_reference.and_then(|sr| sr.code()), Some(3857));
    assert!(export.warnings.iter().any(|warning| warning.contains("4326") && warning.contains("3857")), "{:?}", export.warnings);
}

#[test]
fn a_spatial_reference_that_changes_from_page_to_page_is_an_error() {
    let (layer, other) = (Layer::of(1..=9), Layer { answers_in: json!({"wkid": 4326}), ..Layer::of(1..=9) });
    let error = fails(move |call| {
        let late = call.param("resultRecordCount") == "10";
        if late { other.reply(call) } else { layer.reply(call) }
    });
    says(&error, ErrorKind::Server, &["spatial reference changes", "4326", "3857"]);
}

#[test]
fn a_group_layer_is_refused_by_name_with_its_members() {
    let group = json!({"id": 2, "name": "Transport", "type": "Group Layer", "geometryType": null, "fields": null,
        "subLayers": [{"id": 3, "name": "Roads"}]});
    says(&fails(move |_| Reply::json(&group)), ErrorKind::Unsupported, &["Group Layer", "Transport"]);
    let error = fails(|_| Reply::json(&json!({"id": 2, "name": "Photo", "type": "Raster Layer"})));
    says(&error, ErrorKind::Unsupported, &["Raster Layer", "Photo"]);
    let error = fails(|_| Reply::json(&json!({"layers": [], "tables": [], "serviceDescription": ""})));
    says(&error, ErrorKind::Usage, &["no layer or table"]);
}

#[test]
fn a_table_is_read_without_geometry() {
    let layer = Layer {
        json: json!({"type": "Table", "geometryType": null, "extent": null}),
        answers_in: Value::Null,
        ..Layer::of(1..=5)
    };
    let server = serve(layer);
    let export = whole(&server, 2, 1..=5);
    assert_eq!((export.header.geometry, export.header.spatial_reference), (None, None));
    assert!(server.pages().iter().all(|call| call.param("returnGeometry") == "false" && call.param("outSR").is_empty()));
    assert!(export.warnings.is_empty(), "{:?}", export.warnings);
}

#[test]
fn fields_and_object_id_that_the_layer_does_not_name_come_from_the_answer() {
    let server = serve(Layer { json: json!({"fields": null, "objectIdField": null}), ..Layer::of(1..=5) });
    let export = whole(&server, 2, 1..=5);
    assert_eq!((export.header.fields.len(), export.header.object_id), (2, Some(0)));
    assert_eq!(export.header.geometry, Some(GeometryKind::Point));
}

#[test]
fn redirects_are_followed_with_the_parameters_and_end_in_a_loop() {
    let layer = Layer { paging: false, ..Layer::of(1..=5) };
    let server = Server::start(move |call| {
        let moved = call.path.strip_prefix("/old");
        match moved {
            Some(path) if call.query.is_empty() => Reply::redirect(301, path),
            Some(path) => Reply::redirect(302, &format!("{path}?{}", call.query)),
            None => layer.reply(call),
        }
    });
    let export = export(&server.url("/old/FeatureServer/0"), 2).unwrap();
    assert_eq!(export.ids, [1, 2, 3, 4, 5]);
    assert!(server.calls().iter().any(|call| call.method == "POST" && !call.path.starts_with("/old")));
    let error = fails(|call| Reply::redirect(302, &format!("{}x", call.path)));
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().contains("loop"), "{error}");
}

#[test]
fn a_post_that_is_sent_to_another_origin_carries_nothing_of_ours() {
    let other = Arc::new(Server::start(|_| Reply::html("<title>elsewhere</title>")));
    let (layer, elsewhere) = (Layer { paging: false, cap: 2, ..Layer::of(1..=5) }, other.url("/login"));
    let error = fails(move |call| match call.method.as_str() {
        "POST" => Reply::redirect(307, elsewhere.as_str()),
        _ => layer.reply(call),
    });
    assert_eq!(error.kind(), ErrorKind::Server);
    assert!(error.to_string().contains("elsewhere"), "{error}");
    assert!(!other.calls().is_empty());
    assert!(other.calls().iter().all(|call| call.method == "GET" && call.params.is_empty()));
}

#[test]
fn a_silent_server_is_given_up_after_the_idle_limit() {
    let server = Server::start(|_| Reply::json(&json!({"a": 1})).manner(Manner::Slow(1, Duration::from_secs(5))));
    let session = session(&Arc::new(Asleep::default()));
    let mut request = session.request(&server.url("/x"), &[]);
    request.idle_limit = Duration::from_millis(50);
    request.repeatable = false;
    let error = session.ask(&request, false).unwrap_err().error;
    says(&error, ErrorKind::Network, &["took too long"]);
}

#[test]
fn a_body_that_trickles_is_given_up_after_the_total_limit_and_a_huge_one_at_its_limit() {
    let body = json!({"a": "x".repeat(1000)});
    let server = Server::start(move |call| match call.path.as_str() {
        "/slow" => Reply::json(&body).manner(Manner::Slow(1, Duration::from_millis(5))),
        _ => Reply::json(&body),
    });
    let session = session(&Arc::new(Asleep::default()));
    let mut request = session.request(&server.url("/slow"), &[]);
    request.total_limit = Duration::from_millis(200);
    request.repeatable = false;
    says(&session.ask(&request, false).unwrap_err().error, ErrorKind::Network, &["took too long"]);
    let mut request = session.request(&server.url("/huge"), &[]);
    request.most_bytes = 100;
    says(&session.ask(&request, false).unwrap_err().error, ErrorKind::Server, &["too large"]);
}

#[test]
fn control_characters_a_byte_order_mark_and_nan_do_no_harm() {
    let layer = Layer::of(1..=3);
    let server = Server::start(move |call| {
        let mut reply = layer.reply(call);
        let text = String::from_utf8(reply.body).unwrap().replace("\"xmin\":0", "\"xmin\":NaN");
        reply.body = format!("\u{feff}{text}").into_bytes();
        reply
    });
    whole(&server, 2, 1..=3);
}

#[test]
fn pages_under_way_are_bounded_by_the_permits() {
    let server = serve(Layer::of(1..=100));
    let session = session(&Arc::new(Asleep::default()));
    let options = LayerOptions { page_size: Some(10), ..LayerOptions::default() };
    let source = LayerSource::open(&session, &layer_url(&server), options, Arc::new(Silent)).unwrap();
    let permits = Permits::new(2, 1 << 26);
    let mut pages = Box::new(source).open(&EVERYTHING, &permits, Arc::new(Silent)).unwrap();
    let first = pages.next().unwrap().unwrap();
    assert!(permits.high_water() <= 2);
    permits.cancel();
    drop(first);
    assert!(pages.next().is_none());
    assert!(server.pages().len() <= 1 + 2, "the probe and two pages");
}

#[test]
fn of_multipatches_the_footprints_are_asked_for_and_a_warning_says_so() {
    let server = Server::start(|call| {
        let fields = json!([{"name": "OBJECTID", "type": "esriFieldTypeOID"}]);
        let reference = json!({"wkid": 3857});
        if !call.path.ends_with("/query") {
            return Reply::json(&json!({"id": 0, "name": "Towers", "type": "Feature Layer", "hasZ": true, "fields": fields,
                "geometryType": "esriGeometryMultiPatch", "extent": {"spatialReference": reference}, "objectIdField": "OBJECTID"}));
        }
        if call.param("returnCountOnly") == "true" {
            return Reply::json(&json!({"count": 1}));
        }
        if call.param("returnIdsOnly") == "true" {
            return Reply::json(&json!({"objectIdFieldName": "OBJECTID", "objectIds": [1]}));
        }
        assert_eq!((call.param("multipatchOption"), call.param("returnZ")), ("xyFootprint", "false"));
        let ring = json!([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]);
        Reply::json(&json!({"geometryType": "esriGeometryPolygon", "spatialReference": reference, "fields": fields,
            "objectIdFieldName": "OBJECTID", "features": [{"attributes": {"OBJECTID": 1}, "geometry": {"rings": [ring]}}]}))
    });
    let export = export(&layer_url(&server), 10).unwrap();
    assert_eq!((export.ids, export.header.geometry, export.header.has_z), (vec![1], Some(GeometryKind::Polygon), false));
    assert!(export.warnings.iter().any(|warning| warning.contains("footprints")), "{:?}", export.warnings);
}

#[test]
fn true_curves_are_asked_for_where_they_are_kept_and_only_then() {
    for keep_curves in [true, false] {
        let server = serve(Layer::of(1..=3));
        let session = session(&Arc::new(Asleep::default()));
        let source = LayerSource::open(&session, &layer_url(&server), LayerOptions::default(), Arc::new(Silent)).unwrap();
        let plan = ReadPlan { keep_curves, ..EVERYTHING };
        let mut pages = Box::new(source).open(&plan, &Permits::new(8, 1 << 26), Arc::new(Silent)).unwrap();
        while let Some(page) = pages.next() {
            page.unwrap();
        }
        let asked = server.pages().iter().filter(|call| call.param("returnTrueCurves") == "true").count();
        assert_eq!(asked > 0, keep_curves);
    }
}
