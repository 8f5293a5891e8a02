//! Hosted analysis, from the sign-in at the portal to the file.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::Desk;
use super::server::{Call, Reply, Server};

const PASSWORD: &str = "correct horse";

/// A portal with a federated analysis server, which keeps its results as items.
fn organization() -> (Server, Desk) {
    let rows = |call: &Call| super::layer::Layer::of(1..=3).reply(call);
    let deleted = Mutex::new(false);
    let server = Server::start(move |call| {
        let root = format!("http://{}", call.header("host"));
        let header = call.header("x-esri-authorization").trim_start_matches("Bearer ");
        let token = if header.is_empty() { call.param("token") } else { header };
        let token = token.to_owned();
        let path = call.path.as_str();
        if path.ends_with("/rest/info") {
            return match path.starts_with("/portal") {
                true => Reply::json(
                    &json!({"currentVersion": 11.3, "authInfo": {"isTokenBasedSecurity": true, "tokenServicesUrl": format!("{root}/portal/sharing/rest/generateToken")}}),
                ),
                false => Reply::json(
                    &json!({"currentVersion": 11.3, "owningSystemUrl": format!("{root}/portal"), "authInfo": {"isTokenBasedSecurity": true, "tokenServicesUrl": format!("{root}/portal/sharing/rest/generateToken")}}),
                ),
            };
        }
        if path.ends_with("/generateToken") {
            let known = call.param("password") == PASSWORD || !call.param("token").is_empty();
            return match known {
                true => Reply::json(
                    &json!({"token": "portal-token-0123456789", "expires": jiff::Timestamp::now().as_millisecond() + 3_600_000}),
                ),
                false => Reply::error(400, "Unable to generate token."),
            };
        }
        if token != "portal-token-0123456789" {
            return Reply::error(499, "Token Required");
        }
        match path {
            "/portal/sharing/rest/portals/self" => Reply::json(&json!({
                "name": "Org", "availableCredits": 120.5, "user": {"username": "ann"},
                "helperServices": {
                    "analysis": {"url": format!("{root}/analysis/rest/services/tasks/GPServer")},
                    "creditEstimation": {"url": format!("{root}/analysis/rest/services/Estimate/GPServer")},
                },
            })),
            "/analysis/rest/services/Estimate/GPServer/EstimateCredits/execute" => {
                let inputs: Value = serde_json::from_str(call.param("taskParameters")).unwrap();
                assert_eq!((call.param("taskName"), &inputs["distances"]), ("CreateBuffers", &json!([1, 2])));
                Reply::json(
                    &json!({"results": [{"paramName": "creditEstimate", "dataType": "GPString", "value": {"cost": 0.3, "totalRecords": 3}}], "messages": []}),
                )
            }
            "/analysis/rest/services/tasks/GPServer/CreateBuffers" => {
                let text = |name: &str, direction: &str| json!({"name": name, "dataType": "GPString", "direction": format!("esriGPParameterDirection{direction}"), "parameterType": "esriGPParameterTypeOptional"});
                Reply::json(&json!({"name": "CreateBuffers", "executionType": "esriExecutionTypeAsynchronous",
                    "parameters": [text("inputLayer", "Input"), text("distances", "Input"), text("outputName", "Input"), text("bufferLayer", "Output")]}))
            }
            "/analysis/rest/services/tasks/GPServer/CreateBuffers/submitJob" => {
                let input: Value = serde_json::from_str(call.param("inputLayer")).unwrap();
                let set = &input["featureSet"];
                assert_eq!(input["layerDefinition"]["geometryType"], "esriGeometryPoint");
                assert_eq!(set["features"].as_array().unwrap().len(), 3);
                Reply::json(&json!({"jobId": "j7", "jobStatus": "esriJobSubmitted"}))
            }
            "/analysis/rest/services/tasks/GPServer/CreateBuffers/jobs/j7" => Reply::json(&json!({
                "jobId": "j7", "jobStatus": "esriJobSucceeded", "messages": [], "results": {"bufferLayer": {"paramUrl": "results/bufferLayer"}},
            })),
            "/analysis/rest/services/tasks/GPServer/CreateBuffers/jobs/j7/results/bufferLayer" => Reply::json(&json!({
                "paramName": "bufferLayer", "dataType": "GPString",
                "value": {"url": format!("{root}/hosted/rest/services/Buffers/FeatureServer/0"), "itemId": "abc123"},
            })),
            "/portal/sharing/rest/content/users/ann/items/abc123/delete" => {
                *deleted.lock().unwrap() = true;
                Reply::json(&json!({"success": true, "itemId": "abc123"}))
            }
            path if path.starts_with("/hosted/rest/services/Buffers/FeatureServer/0") => rows(call),
            _ => Reply::error(400, "Invalid URL"),
        }
    });
    let desk = Desk::beside(server.url("").as_str());
    desk.write("password", PASSWORD);
    (server, desk)
}

fn run(server: &Server, desk: &Desk, more: &[&str]) -> super::Run {
    let portal = server.url("/portal").to_string();
    let points = format!("inputLayer=@{}", super::in_clone("examples/points.geojson").display());
    let base = [
        "run",
        "--portal",
        &portal,
        "CreateBuffers",
        "--user",
        "ann",
        "--password-file",
        "password",
        "-p",
        &points,
        "-p",
        "distances=[1,2]",
        "-p",
        r#"outputName={"serviceProperties":{"name":"Buffers"}}"#,
        "-o",
        "out",
    ];
    desk.run(&[&base, more].concat())
}

#[test]
fn hosted_analysis_goes_from_the_sign_in_to_the_file() {
    let (server, desk) = organization();
    let run = run(&server, &desk, &[]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("credits: about 0.3, of 120.5 that are left\n"), "{}", run.stderr);
    assert_eq!(desk.names("out"), ["bufferLayer.geojson", "job.json"]);
    assert_eq!(desk.json("out/bufferLayer.geojson")["features"].as_array().unwrap().len(), 3);
    let calls = server.calls();
    assert!(calls.iter().all(|call| !call.path.ends_with("/delete")), "an item is deleted only where that is asked for");
    assert!(calls.iter().all(|call| !call.query.contains("token=")), "no token in an address");
    assert_eq!(calls.iter().filter(|call| call.path.ends_with("/submitJob")).count(), 1);
    assert!(!desk.read("out/job.json").contains("token"));
}

#[test]
fn the_item_of_a_hosted_analysis_is_deleted_where_that_is_asked_for() {
    let (server, desk) = organization();
    let run = run(&server, &desk, &["--delete-output-item"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("deleted the item abc123 of the portal\n"), "{}", run.stderr);
    assert_eq!(server.calls().iter().filter(|call| call.path.ends_with("/items/abc123/delete")).count(), 1);
}

#[test]
fn a_portal_without_a_sign_in_offers_no_analysis() {
    let server = Server::start(|_| Reply::json(&json!({"name": "Org", "helperServices": {}})));
    let desk = Desk::beside(server.url("").as_str());
    let run = desk.run(&["run", "--portal", server.url("/portal").as_str(), "CreateBuffers", "-o", "out"]);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("the portal wants a sign-in for its analysis tasks"), "{}", run.stderr);
}
