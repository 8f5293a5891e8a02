//! Layers that are served in JSON and PBF: which of the two is asked for, and what comes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use geohaul::convert::{CrsChoice, PlanOptions};
use geohaul::export::{ExportOptions, ExportedLayer, Output, export_layer};
use geohaul::fetch::clock::Clock;
use geohaul::fetch::http::HttpTransport;
use geohaul::fetch::layer::{LayerOptions, LayerSource, WireChoice};
use geohaul::fetch::retry::{Retry, RetryPolicy};
use geohaul::fetch::saved::Saved;
use geohaul::fetch::session::Session;
use geohaul::model::Wire;
use geohaul::report::Silent;
use serde_json::{Value, json};

use super::layer::Layer;
use super::pbf::{GridSpec, twin};
use super::server::{Call, Reply, Server};

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

/// A file written from a layer, and what was said of it.
struct Written {
    text: String,
    layer: ExportedLayer,
}

impl Written {
    fn wire(&self) -> Wire {
        self.layer.report.evidence.carriage.wire
    }

    fn why(&self) -> String {
        self.layer.report.evidence.carriage.why.clone().unwrap_or_default()
    }
}

fn export(server: &Server, wire: WireChoice, file: &str) -> Result<Written, geohaul::Error> {
    let url = server.url("/arcgis/rest/services/Roads/FeatureServer/0");
    let retry = Retry::new(Arc::new(HttpTransport::default()), RetryPolicy::default());
    let session = Session::with_retry(retry.with_clock(Arc::new(Asleep::default())));
    let options = LayerOptions { page_size: Some(10), wire, ..LayerOptions::default() };
    let source = LayerSource::open(&session, &url, options, Arc::new(Silent))?;
    let folder = tempfile::tempdir().unwrap();
    let output = Output::new(folder.path().join(file), None).unwrap();
    let plan = PlanOptions { crs: CrsChoice::Native, ..PlanOptions::default() };
    let options = ExportOptions { plan, ..ExportOptions::default() };
    let progress: Arc<dyn geohaul::report::Progress> = Arc::new(Silent);
    let layer = export_layer(Box::new(source), std::slice::from_ref(&output), &options, &progress)?;
    Ok(Written { text: String::from_utf8_lossy(&std::fs::read(&output.path).unwrap()).into_owned(), layer })
}

/// Puts an answer with rows into PBF where that is asked for.
fn in_pbf(call: &Call, reply: Reply, grid: &GridSpec) -> Reply {
    let mut page: Value = serde_json::from_slice(&reply.body).unwrap();
    let Some(features) = page.get_mut("features").and_then(Value::as_array_mut) else { return reply };
    for feature in features {
        // Rows of large ids stand on Earth as well.
        if let Some(x) = feature["geometry"]["x"].as_i64().filter(|x| *x > 1_000_000) {
            feature["geometry"] = json!({"x": (x % 99_999_999) as f64 / 10_000.0, "y": x % 1_000});
        }
    }
    if call.param("f") == "pbf" { Reply::bytes("application/x-protobuf", twin(&page, grid)) } else { Reply::json(&page) }
}

fn offering(layer: Layer) -> Layer {
    Layer { json: json!({"supportedQueryFormats": "JSON, geoJSON, PBF"}), ..layer }
}

fn serve(layer: Layer, grid: GridSpec) -> Server {
    Server::start(move |call| in_pbf(call, layer.reply(call), &grid))
}

fn pages_in_pbf(server: &Server) -> usize {
    server.pages().iter().filter(|call| call.param("f") == "pbf").count()
}

/// A layer of one page, with these rows.
fn page_layer(geometry_type: &str, flags: Value, fields: Value, features: Value) -> impl Fn(&Call) -> Reply + Clone {
    let sr = json!({"wkid": 102_100, "latestWkid": 3857, "xyTolerance": 0.001});
    let mut page = json!({"objectIdFieldName": "OBJECTID", "geometryType": geometry_type, "fields": fields,
        "spatialReference": sr, "features": features});
    let mut layer = json!({"id": 0, "name": "Roads", "type": "Feature Layer", "geometryType": geometry_type, "fields": fields,
        "objectIdField": "OBJECTID", "extent": {"spatialReference": sr}, "supportedQueryFormats": "JSON,PBF",
        "advancedQueryCapabilities": {"supportsPagination": true}});
    for (key, value) in flags.as_object().unwrap() {
        page[key] = value.clone();
        layer[key] = value.clone();
    }
    move |call: &Call| match () {
        () if !call.path.ends_with("/query") => Reply::json(&layer),
        () if call.param("returnCountOnly") == "true" => {
            Reply::json(&json!({"count": page["features"].as_array().unwrap().len()}))
        }
        () => {
            // Z and m come only where they are asked for.
            let mut page = page.clone();
            for (key, param) in [("hasZ", "returnZ"), ("hasM", "returnM")] {
                if call.param(param) == "false" {
                    page.as_object_mut().unwrap().remove(key);
                }
            }
            let offset: usize = call.param("resultOffset").parse().unwrap_or(0);
            let limit = call.param("resultRecordCount").parse().unwrap_or(usize::MAX);
            let rows: Vec<Value> = page["features"].as_array().unwrap().iter().skip(offset).take(limit).cloned().collect();
            page["features"] = json!(rows);
            Reply::json(&page)
        }
    }
}

#[test]
fn a_layer_that_offers_pbf_is_read_in_it_and_gives_the_same_file_as_in_json() {
    let ids = [7, 3, 9_007_199_254_740_993, -5, 1_000_000_007, 5_000_000_000];
    let layer = offering(Layer { cap: 2, ..Layer::of(ids.into_iter().chain(100..=140)) });
    let (in_pbf, in_json) = (serve(layer.clone(), GridSpec::default()), serve(layer, GridSpec::default()));
    for file in ["roads.geojson", "roads.csv"] {
        let binary = export(&in_pbf, WireChoice::Auto, file).unwrap();
        let text = export(&in_json, WireChoice::Json, file).unwrap();
        assert_eq!((binary.wire(), text.wire()), (Wire::Pbf, Wire::Json));
        assert_eq!(binary.text, text.text);
        assert!(binary.text.contains("9007199254740993"));
        let (evidence, other) = (binary.layer.report.evidence, text.layer.report.evidence);
        assert_eq!((evidence.rows, evidence.missing(), evidence.duplicates), (47, 0, other.duplicates));
        assert_eq!((evidence.carriage.scale, evidence.carriage.why, other.carriage.scale), (Some(0.0001), None, None));
    }
    assert!(pages_in_pbf(&in_json) == 0 && pages_in_pbf(&in_pbf) > 40);
}

#[test]
fn polygons_and_lines_with_z_and_dates_are_the_same_from_either() {
    let fields = json!([{"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "WHEN", "type": "esriFieldTypeDate"},
        {"name": "DAY", "type": "esriFieldTypeDateOnly"}, {"name": "SIZE", "type": "esriFieldTypeDouble"},
        {"name": "TEXT", "type": "esriFieldTypeString"}]);
    let attributes =
        |id: i64| json!({"OBJECTID": id, "WHEN": -1_234_567_890_123_i64, "DAY": "2023-05-03", "SIZE": 0.1, "TEXT": "a\"b\\ß\n"});
    let rings = json!({"rings": [[[1.25, 2.5, 7], [1.25, 9.0001, 7.5], [9.0003, 9.0001, 8], [1.25, 2.5, 7]],
        [[-1000000.1234, 5, 1], [-1000000.1234, 6, 1], [-999999, 6, 1], [-1000000.1234, 5, 1]]]});
    let paths = json!({"paths": [[[1.5, 2, 3], [3.0001, 4, 5]], [[100, 200, 300], [0.0001, -0.0001, 0]]]});
    for (kind, geometry) in [("esriGeometryPolygon", rings), ("esriGeometryPolyline", paths)] {
        let features = json!([{"attributes": attributes(1), "geometry": geometry}, {"attributes": attributes(2), "geometry": null},
            {"attributes": {"OBJECTID": 3}, "geometry": geometry}]);
        for lower_left in [true, false] {
            let answer = page_layer(kind, json!({"hasZ": true}), fields.clone(), features.clone());
            let grid =
                GridSpec { lower_left, origin: [-20_037_700.0, if lower_left { -1e7 } else { 1e7 }], ..GridSpec::default() };
            let server = Server::start(move |call| in_pbf(call, answer(call), &grid));
            let binary = export(&server, WireChoice::Auto, "roads.geojson").unwrap();
            assert_eq!(binary.wire(), Wire::Pbf, "{}", binary.why());
            assert_eq!(binary.text, export(&server, WireChoice::Json, "roads.geojson").unwrap().text);
        }
    }
}

#[test]
fn auto_takes_json_where_pbf_is_not_offered_or_there_is_nothing_to_compare() {
    let export = export(&serve(Layer::of(1..=5), GridSpec::default()), WireChoice::Auto, "a.geojson").unwrap();
    assert_eq!((export.wire(), export.why().as_str()), (Wire::Json, "the layer does not offer PBF"));
    let empty = serve(offering(Layer::of([])), GridSpec::default());
    assert!(self::export(&empty, WireChoice::Auto, "a.geojson").unwrap().why().contains("no row"));
    assert_eq!(pages_in_pbf(&empty), 1, "the row that is asked for beside the count");
}

#[test]
fn auto_takes_json_where_the_grid_is_coarse_and_pbf_is_taken_where_it_is_asked_for() {
    let grid = GridSpec { scale: 0.001, ..GridSpec::default() };
    let server = serve(offering(Layer::of(1..=25)), grid);
    let auto = export(&server, WireChoice::Auto, "a.geojson").unwrap();
    assert_eq!(auto.wire(), Wire::Json);
    assert!(auto.why().contains("0.001") && auto.why().contains("coarser"), "{}", auto.why());
    let forced = export(&server, WireChoice::Pbf, "a.geojson").unwrap();
    assert_eq!((forced.wire(), forced.layer.report.evidence.carriage.scale), (Wire::Pbf, Some(0.001)));
    assert_eq!(forced.text, auto.text);
}

#[test]
fn auto_takes_json_where_m_is_wanted_and_only_there() {
    let fields = json!([{"name": "OBJECTID", "type": "esriFieldTypeOID"}]);
    let features = json!([{"attributes": {"OBJECTID": 1}, "geometry": {"x": 1, "y": 2, "m": 3}}]);
    let answer = page_layer("esriGeometryPoint", json!({"hasM": true}), fields, features);
    let server = Server::start(move |call| in_pbf(call, answer(call), &GridSpec::default()));
    let with_m = export(&server, WireChoice::Auto, "a.shp").unwrap();
    assert!(with_m.wire() == Wire::Json && with_m.why().contains("lowest m"), "{}", with_m.why());
    assert_eq!(export(&server, WireChoice::Auto, "a.geojson").unwrap().wire(), Wire::Pbf, "GeoJSON holds no m");
    assert_eq!(export(&server, WireChoice::Pbf, "a.shp").unwrap().wire(), Wire::Pbf);
}

#[test]
fn auto_takes_json_where_a_row_is_not_the_same_in_both() {
    for (wrong, words) in [
        (json!({"attributes": {"OBJECTID": 1, "NAME": "row one"}, "geometry": {"x": 1, "y": 2}}), "NAME"),
        (json!({"attributes": {"OBJECTID": 1, "NAME": "row 1"}, "geometry": {"x": 1, "y": 2.001}}), "2.001"),
        (json!({"attributes": {"OBJECTID": 1, "NAME": "row 1"}, "geometry": null}), "parts"),
        (json!({"attributes": {"OBJECTID": 2, "NAME": "row 1"}, "geometry": {"x": 1, "y": 2}}), "OBJECTID"),
    ] {
        let layer = offering(Layer::of(1..=3));
        let server = Server::start(move |call| {
            let mut reply = layer.reply(call);
            if call.param("f") == "pbf" {
                let mut page: Value = serde_json::from_slice(&reply.body).unwrap();
                page["features"][0] = wrong.clone();
                reply = Reply::json(&page);
            }
            in_pbf(call, reply, &GridSpec::default())
        });
        let export = export(&server, WireChoice::Auto, "a.geojson").unwrap();
        assert!(export.wire() == Wire::Json && export.why().contains(words), "{words}: {}", export.why());
        assert!(export.layer.warnings.is_empty(), "{:?}", export.layer.warnings);
        let forced = self::export(&server, WireChoice::Pbf, "a.geojson").unwrap();
        assert!(forced.wire() == Wire::Pbf && forced.layer.warnings.iter().any(|warning| warning.contains(words)));
    }
}

#[test]
fn a_server_that_answers_pbf_by_json_or_an_error_is_read_in_json_and_that_is_said() {
    type Answer = fn(&Layer, &Call) -> Reply;
    let answers: [Answer; 4] = [
        |layer, call| layer.reply(call),
        |_, _| Reply::error(400, "Output format not supported."),
        |_, _| Reply::bytes("text/html", "<html><title>Services Directory</title></html>"),
        |_, _| Reply::bytes("application/x-protobuf", *b"\x12\x7f\x0a\x7d"),
    ];
    for answer in answers {
        for wire in [WireChoice::Auto, WireChoice::Pbf] {
            let layer = offering(Layer::of(1..=25));
            let server =
                Server::start(move |call| if call.param("f") == "pbf" { answer(&layer, call) } else { layer.reply(call) });
            let export = export(&server, wire, "a.geojson").unwrap();
            assert_eq!((export.wire(), export.layer.report.evidence.rows), (Wire::Json, 25));
            assert!(
                export.layer.warnings.iter().any(|warning| warning.contains("PBF was asked for")),
                "{:?}",
                export.layer.warnings
            );
            assert!(pages_in_pbf(&server) <= 2, "PBF is not asked for again but for a retry");
        }
    }
}

#[test]
fn pbf_that_fails_midway_is_gone_on_with_in_json_and_that_is_said() {
    type Answer = fn(&Layer, &Call) -> Reply;
    let answers: [Answer; 4] = [
        |layer, call| layer.reply(call),
        |_, _| Reply::error(500, "Error performing query operation"),
        |_, _| Reply::error(400, "Failed to execute query."),
        |layer, call| {
            let whole = in_pbf(call, layer.reply(call), &GridSpec::default());
            Reply::bytes("application/x-protobuf", &whole.body[..whole.body.len() - 1])
        },
    ];
    let truth = export(&serve(Layer::of(1..=95), GridSpec::default()), WireChoice::Json, "a.geojson").unwrap();
    for answer in answers {
        let layer = offering(Layer::of(1..=95));
        let server = Server::start(move |call| match call.param("resultOffset").parse::<u64>() {
            Ok(30..) if call.param("f") == "pbf" => answer(&layer, call),
            _ => in_pbf(call, layer.reply(call), &GridSpec::default()),
        });
        let export = export(&server, WireChoice::Auto, "a.geojson").unwrap();
        assert_eq!(export.text, truth.text);
        let evidence = &export.layer.report.evidence;
        assert_eq!((evidence.carriage.wire, evidence.rows, evidence.missing()), (Wire::Pbf, 95, 0));
        assert!(evidence.carriage.fallback.is_some());
        assert!(export.layer.warnings.iter().any(|warning| warning.contains("came as JSON")), "{:?}", export.layer.warnings);
    }
}

#[test]
fn a_later_page_whose_grid_is_coarser_than_that_of_the_first_row_is_asked_for_in_json() {
    let truth = export(&serve(Layer::of(1..=95), GridSpec::default()), WireChoice::Json, "a.geojson").unwrap();
    let layer = offering(Layer::of(1..=95));
    let server = Server::start(move |call| {
        let scale = if call.param("resultOffset") == "30" { 10.0 } else { 0.0001 };
        in_pbf(call, layer.reply(call), &GridSpec { scale, ..GridSpec::default() })
    });
    for wire in [WireChoice::Auto, WireChoice::Pbf] {
        let export = export(&server, wire, "a.geojson").unwrap();
        assert_eq!(export.text, truth.text);
        assert!(export.layer.warnings.iter().any(|warning| warning.contains("coarser")), "{:?}", export.layer.warnings);
    }
}

#[test]
fn flags_ignored_offsets_and_id_lists_are_handled_in_pbf_as_in_json() {
    for layer in [
        Layer { cap: 3, max_record_count: 1000, ..Layer::of(1..=40) },
        Layer { flags: false, cap: 4, ..Layer::of(1..=30) },
        Layer { offsets: false, cap: 10, ..Layer::of(1..=35) },
        Layer { paging: false, ..Layer::of([5, 1_000_000_000, 17, -3, 9_007_199_254_740_993]) },
        Layer { counts: false, ..Layer::of(1..=31) },
    ] {
        let count = layer.ids.len() as u64;
        let server = serve(offering(layer), GridSpec::default());
        let export = export(&server, WireChoice::Auto, "a.geojson").unwrap();
        let evidence = &export.layer.report.evidence;
        assert_eq!((evidence.carriage.wire, evidence.rows, evidence.missing()), (Wire::Pbf, count, 0), "{}", export.why());
        assert_eq!(export.text.matches("\"Feature\"").count() as u64, count);
    }
}

#[test]
fn a_page_in_another_spatial_reference_is_refused_in_pbf_too() {
    let layer = offering(Layer::of(1..=30));
    let server = Server::start(move |call| {
        let mut layer = layer.clone();
        if call.param("resultOffset") == "20" {
            layer.answers_in = json!({"wkid": 4326});
        }
        in_pbf(call, layer.reply(call), &GridSpec::default())
    });
    let error = export(&server, WireChoice::Pbf, "a.geojson").err().unwrap();
    assert!(error.to_string().contains("spatial reference changes"), "{error}");
}

#[test]
fn saved_answers_in_pbf_are_converted_one_or_many() {
    let layer = Layer::of(1..=30);
    let folder = tempfile::tempdir().unwrap();
    let (mut binary, mut text) = (Vec::new(), Vec::new());
    for (at, ids) in [&layer.ids[..20], &layer.ids[20..]].into_iter().enumerate() {
        let page = layer.page(ids, at == 0);
        let (pbf, json) = (folder.path().join(format!("page{at}.pbf")), folder.path().join(format!("page{at}.json")));
        std::fs::write(&pbf, twin(&page, &GridSpec::default())).unwrap();
        std::fs::write(&json, page.to_string()).unwrap();
        binary.push(pbf);
        text.push(json);
    }
    let convert = |paths: &[std::path::PathBuf], to: &str| {
        let output = Output::new(folder.path().join(to), None).unwrap();
        let progress: Arc<dyn geohaul::report::Progress> = Arc::new(Silent);
        let options = ExportOptions { overwrite: true, ..ExportOptions::default() };
        let destination = geohaul::export::Destination::Files(vec![output.clone()]);
        let report = geohaul::export::export(&mut Saved::open(paths)?, &destination, &options, &progress)?;
        match report.failures.first() {
            Some(failure) => panic!("{failure:?}"),
            None => {
                let repeated = report.layers[0].evidence.repeated.clone().unwrap_or_default();
                Ok::<_, geohaul::Error>((std::fs::read_to_string(output.path).unwrap(), repeated))
            }
        }
    };
    let (rows, repeated) = convert(&binary, "a.geojson").unwrap();
    assert_eq!((rows.matches("\"Feature\"").count(), repeated.as_str()), (30, ""));
    assert_eq!(rows.replace("page0", ""), convert(&text, "b.geojson").unwrap().0.replace("page0", ""));
    let (rows, repeated) = convert(&[&binary[..], &text[1..]].concat(), "c.geojson").unwrap();
    assert_eq!(rows.matches("\"Feature\"").count(), 40, "a page that was saved in both forms");
    assert_eq!(repeated, "object id 21, 22, 23, 24, 25, 26, 27, 28, 29, 30");
    let cut_off = convert(&binary[..1], "c.geojson").unwrap_err();
    assert_eq!(cut_off.kind(), geohaul::ErrorKind::Incomplete);
    for (bytes, words) in
        [(&b"\x12\x05\x12\x03\x08\xc7\x18"[..], "count only"), (b"\x12\x05\x0a", "broken"), (b"\x12\x00", "broken")]
    {
        std::fs::write(&binary[0], bytes).unwrap();
        let error = convert(&binary[..1], "c.geojson").unwrap_err();
        assert!(error.to_string().contains(words) && error.hint_text().is_some(), "{error}");
    }
}
