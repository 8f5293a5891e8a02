//! Each refusal says what, why, where and what next, in these words; nothing is left behind.

mod answers;
mod bodies;
mod completeness;
mod network;
mod paths;
mod spatial;
mod tasks;

use serde_json::json;

use super::Desk;
use super::layer::Layer;
use super::server::{Reply, Server};

pub(super) const ROOT: &str = "/arcgis/rest/services";

/// A server on which everything goes wrong in its own way.
pub(super) fn broken_site() -> (Server, Desk) {
    let layer = Layer::of(1..=3);
    let server = Server::start(move |call| {
        let path = call.path.strip_prefix(ROOT).unwrap_or_default();
        match path.trim_end_matches("/query") {
            "/Refused/FeatureServer/0" => Reply::error(400, "Unable to complete operation."),
            "/Gone/FeatureServer/0" => Reply::error(400, "Invalid URL"),
            "/Stopped/FeatureServer/0" => Reply::error(500, "Service Stopped/FeatureServer not started"),
            "/Removed/FeatureServer/0" => Reply::error(404, "Service Removed/FeatureServer not found"),
            "/Crashed/FeatureServer/0" => Reply::error(500, "Error exporting map"),
            "/Members/FeatureServer/0" => Reply::error(403, "You do not have permissions to access this resource."),
            "/Windows/FeatureServer/0" => {
                let page = Reply::html("<title>401 - Unauthorized</title>").status(401);
                page.header("WWW-Authenticate", "Negotiate").header("WWW-Authenticate", "NTLM")
            }
            "/Listed/FeatureServer" => Reply::json(&json!({"layers": [{"id": 0, "name": "Roads"}, {"id": 2, "name": "Rails"}],
                "tables": [{"id": 5, "name": "Owners"}]})),
            "/Listed/FeatureServer/7" => Reply::error(400, "Invalid URL"),
            "/Edited/FeatureServer/0" if call.path.ends_with("/query") => {
                Reply::error(400, "Requested operation is not supported.")
            }
            "/Edited/FeatureServer/0" => {
                Layer { json: json!({"name": "Edited", "capabilities": "Create,Editing"}), ..layer.clone() }.reply(call)
            }
            "/Secret/FeatureServer/0" => Reply::error(499, "Token Required"),
            "/Page/FeatureServer/0" => Reply::html("<html><head><title>Sign in to the city's GIS</title></head></html>"),
            "/Group/MapServer/0" => Reply::json(&json!({"id": 0, "name": "Transport", "type": "Group Layer",
                "subLayers": [{"id": 1, "name": "Roads"}, {"id": 2, "name": "Rails"}]})),
            "/Service/FeatureServer/0" => Reply::json(&json!({"layers": [], "serviceDescription": ""})),
            "/Sphere/FeatureServer/0" => {
                Layer { answers_in: json!({"wkid": 53003}), json: json!({"name": "Sphere"}), ..layer.clone() }.reply(call)
            }
            "/Nowhere/FeatureServer/0" => {
                let json = json!({"name": "Nowhere", "extent": null});
                Layer { answers_in: json!(null), json, ..layer.clone() }.reply(call)
            }
            "/Local/FeatureServer/0" => {
                Layer { answers_in: json!({"wkid": 999_999}), json: json!({"name": "Local"}), ..layer.clone() }.reply(call)
            }
            "/Holes/FeatureServer/0" => Layer { withheld: [2].into(), ..layer.clone() }.reply(call),
            "/Whole/FeatureServer/0" => layer.reply(call),
            _ => Reply::error(404, "Not Found"),
        }
    });
    let desk = Desk::beside(server.url(ROOT).as_str());
    (server, desk)
}

/// The error of an export from the broken site, which leaves nothing.
#[track_caller]
pub(super) fn export_says(address: &str, more: &[&str], status: i32, stderr: &str) {
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}{address}"));
    desk.refuses(&[&["export", url.as_str(), "-o", "a.geojson"], more].concat(), status, stderr);
}

#[track_caller]
pub(super) fn execute_says(body: &'static str, stderr: &str) {
    let server = Server::start(move |call| match call.path.ends_with("/execute") {
        true => Reply::bytes("application/json", body),
        false => Reply::json(&json!({"name": "T", "executionType": "esriExecutionTypeSynchronous", "parameters": []})),
    });
    let desk = Desk::beside(server.url(ROOT).as_str());
    desk.refuses(&["run", server.url(&format!("{ROOT}/G/GPServer/T")).as_str(), "-o", "out"], 1, stderr);
}

/// The refusals of outputs come before anything is asked: the address is one that nobody answers.
#[track_caller]
pub(super) fn output_says(desk: &Desk, outputs: &[&str], status: i32, stderr: &str) {
    let url = "http://127.0.0.1:1/arcgis/rest/services/A/FeatureServer/0";
    desk.refuses(&[&["export", url], outputs].concat(), status, stderr);
}
