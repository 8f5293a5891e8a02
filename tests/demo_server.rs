//! The demo server does what a demonstration needs: it pages, and its tools compute from what they are given.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/demo.rs"]
mod demo;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use demo::Demo as Server;
use geohaul::fetch::gp::{Given, Options, Parameters, Polling, Task};
use geohaul::fetch::http::{Fault, HttpTransport, Request, Response, Transport};
use geohaul::fetch::session::Session;
use geohaul::fetch::{Input, Item};
use geohaul::model::ReadPlan;
use geohaul::pipe::Permits;
use geohaul::report::{Progress, Silent};
use serde_json::{Value, json};

impl Server {
    /// The body of an answer, by a client that knows nothing of ours.
    fn ask(&self, method: &str, path: &str, params: &[(&str, &str)]) -> String {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let path = format!("/arcgis/rest/services/Demo/{path}");
        let request = match method {
            "GET" => format!("GET {path}?{form} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host),
            _ => format!(
                "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {}\r\n\r\n{form}",
                self.host,
                form.len()
            ),
        };
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn json(&self, path: &str, params: &[(&str, &str)]) -> Value {
        let params = [&[("f", "json")], params].concat();
        let [get, post] = ["GET", "POST"].map(|method| self.ask(method, path, &params));
        if !path.contains("/jobs/") && !path.ends_with("submitJob") {
            assert_eq!(get, post, "GET and POST answer alike");
        }
        serde_json::from_str(&post).unwrap()
    }

    fn post(&self, path: &str, params: &[(&str, &str)]) -> Value {
        serde_json::from_str(&self.ask("POST", path, &[&[("f", "json")], params].concat())).unwrap()
    }

    /// Submits a `Buffer`, polls it to its end, and gives its last status and its polygons.
    fn buffer(&self, points: &Value, distance: &str, more: &[(&str, &str)]) -> (Value, Value) {
        let points = points.to_string();
        let params = [&[("Input_Features", points.as_str()), ("Distance", distance)], more].concat();
        let job = self.post("GPServer/Buffer/submitJob", &params);
        assert_eq!(job["jobStatus"], "esriJobSubmitted");
        let path = format!("GPServer/Buffer/jobs/{}", job["jobId"].as_str().unwrap());
        let mut statuses = Vec::new();
        let job = loop {
            let job = self.post(&path, &[]);
            let status = job["jobStatus"].as_str().unwrap().to_owned();
            statuses.push(status.clone());
            if !status.ends_with("Executing") {
                break job;
            }
        };
        assert_eq!(statuses.len(), 3, "{statuses:?}");
        (job, self.post(&format!("{path}/results/Buffers"), &[]))
    }
}

fn points(wkid: u32, places: &[[f64; 2]]) -> Value {
    let feature = |[x, y]: &[f64; 2]| json!({"attributes": {"NAME": format!("{x}")}, "geometry": {"x": x, "y": y}});
    json!({
        "geometryType": "esriGeometryPoint", "spatialReference": {"wkid": wkid},
        "fields": [{"name": "NAME", "type": "esriFieldTypeString", "length": 20}],
        "features": places.iter().map(feature).collect::<Vec<_>>(),
    })
}

/// The greatest extent of the first polygon of a result, in the units of its spatial reference.
fn height(result: &Value) -> f64 {
    let ring = result["value"]["features"][0]["geometry"]["rings"][0].as_array().unwrap();
    let y = || ring.iter().map(|vertex| vertex[1].as_f64().unwrap());
    y().fold(f64::MIN, f64::max) - y().fold(f64::MAX, f64::min)
}

#[test]
fn every_row_of_a_layer_comes_through_its_pages_and_only_the_last_page_says_so() {
    let server = Server::start();
    for (layer, rows) in [(0, 432), (1, 1234), (2, 257)] {
        let query = format!("FeatureServer/{layer}/query");
        let count = server.json(&query, &[("where", "1=1"), ("returnCountOnly", "true")]);
        assert_eq!(count, json!({"count": rows}));
        let mut ids = Vec::new();
        loop {
            let offset = ids.len().to_string();
            let params = [("where", "1=1"), ("outFields", "*"), ("orderByFields", "OBJECTID"), ("resultOffset", offset.as_str())];
            let page = server.json(&query, &params);
            ids.extend(page["features"].as_array().unwrap().iter().map(|f| f["attributes"]["OBJECTID"].as_u64().unwrap()));
            let more = page["exceededTransferLimit"] == true;
            assert_eq!(more, ids.len() < rows);
            if !more {
                break;
            }
            assert!(ids.len().is_multiple_of(100));
        }
        assert_eq!(ids, (1..=rows as u64).collect::<Vec<_>>());
        let all = server.json(&query, &[("where", "1=1"), ("returnIdsOnly", "true")]);
        assert_eq!(all["objectIds"], json!(ids));
    }
}

#[test]
fn queries_filter_sort_and_choose_fields() {
    let server = Server::start();
    let query = "FeatureServer/1/query";
    let some = server.json(query, &[("objectIds", "3,700,9999"), ("outFields", "NAME"), ("returnGeometry", "false")]);
    let features = some["features"].as_array().unwrap();
    assert_eq!(features.len(), 2);
    assert!(features.iter().all(|f| f.get("geometry").is_none() && f["attributes"].as_object().unwrap().len() == 1));
    let last = server.json(query, &[("where", "OBJECTID >= 1200 AND KIND='W'"), ("orderByFields", "OBJECTID DESC")]);
    let ids: Vec<_> =
        last["features"].as_array().unwrap().iter().map(|f| f["attributes"]["OBJECTID"].as_u64().unwrap()).collect();
    assert!(ids.len() > 5 && ids.is_sorted_by(|a, b| a > b) && ids.iter().all(|id| *id >= 1200), "{ids:?}");
    let layer = server.json("FeatureServer/1", &[]);
    assert_eq!(layer["extent"]["spatialReference"], json!({"wkid": 102100, "latestWkid": 3857}));
}

#[test]
fn mistakes_are_answered_as_arcgis_does() {
    let server = Server::start();
    let code = |path: &str, params: &[(&str, &str)]| server.json(path, params)["error"]["code"].clone();
    assert_eq!(code("FeatureServer/7", &[]), 400);
    assert_eq!(code("MapServer", &[]), 404);
    assert_eq!(code("FeatureServer/0/query", &[]), 400);
    assert_eq!(code("FeatureServer/0/query", &[("where", "1=1; DROP TABLE x")]), 400);
    assert_eq!(code("FeatureServer/0/query", &[("where", "1=1"), ("outSR", "4326")]), 400);
    assert_eq!(code("FeatureServer/0/query", &[("where", "1=1"), ("geometry", "0,0,1,1")]), 400);
    assert_eq!(code("GPServer/Buffer/jobs/j0", &[]), 400);
    assert_eq!(code("GPServer/Buffer/execute", &[]), 400);
    assert_eq!(code("GPServer/Viewshed/execute", &[]), 400);
    let page = server.ask("GET", "FeatureServer/0", &[]);
    assert!(page.starts_with("<!DOCTYPE html>"), "HTML is the default, as on real servers");
}

#[test]
fn another_input_gives_another_viewshed() {
    let server = Server::start();
    let run = |points: Value, more: &[(&str, &str)]| {
        let points = points.to_string();
        server.json("GPServer/Viewshed/execute", &[&[("Input_Observation_Point", points.as_str())], more].concat())
    };
    let polygons = |answer: &Value| answer["results"][0]["value"].clone();
    let one = run(points(4326, &[[7.0, 47.0]]), &[]);
    assert_eq!(one, run(points(4326, &[[7.0, 47.0]]), &[]), "the same input gives the same output");
    assert_eq!(polygons(&one)["features"][0]["attributes"]["NAME"], "7");

    let elsewhere = run(points(4326, &[[7.3, 47.1]]), &[]);
    assert_ne!(one["results"][1]["value"], elsewhere["results"][1]["value"], "the terrain differs from place to place");
    let two = run(points(4326, &[[7.0, 47.0], [7.3, 47.1]]), &[]);
    let area = |answer: &Value| answer["results"][1]["value"].as_f64().unwrap();
    assert_eq!(polygons(&two)["features"].as_array().unwrap().len(), 2);
    assert!((area(&two) - area(&one) - area(&elsewhere)).abs() < 1e-6);

    let near = run(points(4326, &[[7.0, 47.0]]), &[("Viewshed_Distance", r#"{"distance":1,"units":"esriKilometers"}"#)]);
    assert!(area(&near) < area(&one));
    let coarse = run(points(4326, &[[7.0, 47.0]]), &[("Directions", "8")]);
    assert_eq!(polygons(&coarse)["features"][0]["geometry"]["rings"][0].as_array().unwrap().len(), 9);

    let mercator = run(points(102_100, &[[779236.4356, 5942074.0722]]), &[]);
    assert_eq!(polygons(&mercator)["spatialReference"]["latestWkid"], 3857);
    assert!((area(&mercator) - area(&one)).abs() < 0.01, "the same place in another spatial reference sees the same");
    let asked = run(points(4326, &[[7.0, 47.0]]), &[("env:outSR", "102100")]);
    let vertex = |answer: &Value| polygons(answer)["features"][0]["geometry"]["rings"][0][3][0].as_f64().unwrap();
    assert!((vertex(&asked) - vertex(&mercator)).abs() < 0.01);
}

#[test]
fn another_input_gives_another_buffer_and_the_job_takes_its_steps() {
    let server = Server::start();
    let mile = r#"{"distance":1,"units":"esriMiles"}"#;
    let (job, one) = server.buffer(&points(4326, &[[7.0, 47.0]]), mile, &[]);
    assert_eq!(job["jobStatus"], "esriJobSucceeded");
    assert_eq!(job["results"].as_object().unwrap().len(), 3);
    assert_eq!(job["messages"].as_array().unwrap().len(), 3);
    let degrees = 2.0 * 1609.344 / 111_195.0;
    assert!((height(&one) - degrees).abs() < 1e-4, "{}", height(&one));

    let (_, wide) = server.buffer(&points(4326, &[[7.0, 47.0]]), r#"{"distance":2,"units":"esriMiles"}"#, &[]);
    assert!((height(&wide) - 2.0 * degrees).abs() < 1e-4);
    let (_, square) = server.buffer(&points(4326, &[[7.0, 47.0]]), mile, &[("Segments", "4")]);
    assert_eq!(square["value"]["features"][0]["geometry"]["rings"][0].as_array().unwrap().len(), 5);
    let (_, mercator) = server.buffer(&points(102_100, &[[0.0, 0.0], [1e5, 1e5]]), mile, &[]);
    assert_eq!(mercator["value"]["spatialReference"]["wkid"], 102_100);
    assert_eq!(mercator["value"]["features"].as_array().unwrap().len(), 2);
    assert!((height(&mercator) - 2.0 * 1609.344).abs() < 10.0);
}

#[test]
fn wrong_inputs_fail_the_job_with_messages_and_too_many_rows_are_cut_off() {
    let server = Server::start();
    let mile = r#"{"distance":1}"#;
    let mut lines = points(4326, &[[0.0, 0.0]]);
    lines["geometryType"] = json!("esriGeometryPolyline");
    let (job, result) = server.buffer(&lines, mile, &[]);
    assert_eq!(job["jobStatus"], "esriJobFailed");
    assert!(job["messages"].to_string().contains("esriGeometryPolyline, not points"), "{job}");
    assert_eq!(result["error"]["code"], 400);

    let many: Vec<[f64; 2]> = (0..1001).map(|i| [f64::from(i) / 100.0, 0.0]).collect();
    let (_, result) = server.buffer(&points(4326, &many), mile, &[("Segments", "3")]);
    assert_eq!((&result["value"]["exceededTransferLimit"], &result["value"]["features"]), (&json!(true), &json!([])));
}

#[test]
fn the_library_runs_both_tasks() {
    let server = Server::start();
    let session = Session::online();
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    let polling = Polling { first: Duration::from_millis(5), ..Polling::default() };
    let names = |task: &str, inputs: &Parameters| -> Vec<String> {
        let task = Task::open(&session, &server.url(&format!("GPServer/{task}")).parse().unwrap()).unwrap();
        let mut job = task.run(inputs, &Options::default(), &silent).unwrap();
        job.wait(&polling).unwrap();
        let name = |item| match item {
            Item::Layer(source) => format!("{} of {} rows", source.header().name, source.header().count.unwrap()),
            Item::Value(scalar) => format!("{} = {}", scalar.name, scalar.value),
            _ => panic!("no file"),
        };
        job.results(None).unwrap().items().map(|item| name(item.unwrap())).collect()
    };
    let places = Given::Json(points(4326, &[[7.0, 47.0], [8.0, 47.0]]));
    let seen = names("Viewshed", &Parameters::default().with("Input_Observation_Point", places.clone()));
    assert_eq!((seen.len(), seen[0].as_str()), (2, "Viewshed_Result of 2 rows"));
    let inputs = Parameters::parse([r#"Distance={"distance":1,"units":"esriMiles"}"#]).unwrap().with("Input_Features", places);
    assert_eq!(names("Buffer", &inputs), ["Buffers of 2 rows", "Buffer_Count = 2", "Statistics of 2 rows"]);
}

#[test]
fn the_example_runs_a_task_and_writes_its_results() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples").join("run_task");
    let output = Command::new(program).arg(server.url("GPServer/Buffer")).arg(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        said.contains("job: succeeded\n") && said.ends_with("Buffers: 1 rows\nStatistics: 1 rows\nBuffer_Count = 1\n"),
        "{said}"
    );
    assert!(folder.path().join("Buffers.geojson").is_file());
}

/// Answers for a task whose result is a layer of its own, and sends everything else on.
struct Referring {
    layer: String,
    http: HttpTransport,
}

impl Transport for Referring {
    fn send(&self, request: &Request) -> Result<Response, Fault> {
        let results = json!([{"paramName": "Out", "dataType": "GPString", "value": {"url": self.layer, "itemId": "i1"}}]);
        let body = match request.url.path() {
            "/GPServer/T" => json!({"name": "T", "executionType": "esriExecutionTypeSynchronous", "parameters": []}),
            "/GPServer/T/execute" => json!({"results": results, "messages": []}),
            _ => return self.http.send(request),
        };
        let url = request.url.clone();
        Ok(Response { status: 200, url, content_type: None, retry_after: None, server_time: None, body: body.to_string().into() })
    }
}

#[test]
fn a_result_that_is_a_layer_of_its_own_is_paged_under_the_parameters_name() {
    let server = Server::start();
    let transport = Referring { layer: server.url("FeatureServer/0"), http: HttpTransport::default() };
    let task = Task::open(&Session::new(Arc::new(transport)), &"http://h.example/GPServer/T".parse().unwrap()).unwrap();
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    let job = task.run(&Parameters::default(), &Options::default(), &silent).unwrap();
    let Some(Ok(Item::Layer(layer))) = job.results(None).unwrap().items().next() else { panic!("a layer") };
    assert_eq!((layer.header().name.as_str(), layer.header().count), ("Out", Some(432)));
    let plan = ReadPlan { geometry: true, z: false, m: false, curve_tolerance: 0.01, keep_curves: false };
    let mut pages = layer.open(&plan, &Permits::new(8, 1 << 24), silent).unwrap();
    let rows: usize = std::iter::from_fn(|| pages.next()).map(|page| page.unwrap().0.facts.rows).sum();
    assert_eq!((rows, pages.finish().unwrap().missing()), (432, 0));
}

#[test]
fn a_terminated_server_quits() {
    let mut server = Server::start();
    let told = Command::new("kill").args(["-TERM", &server.process.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(!server.process.wait().unwrap().success());
}
