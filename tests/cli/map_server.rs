//! A layer of a MapServer: no `sourceSpatialReference`, and answers in the map's spatial reference whatever is
//! asked. What the answer names is what counts.

use serde_json::json;

use super::layer::Layer;
use super::server::Server;
use super::{Desk, ogrinfo};

const PATH: &str = "/arcgis/rest/services/Roads/MapServer/0";

/// The layer's extent is in UTM; the map is in web mercator, and so is every answer.
fn serve() -> (Server, Desk) {
    let json = json!({"extent": {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1, "spatialReference": {"wkid": 32631}},
        "supportsAdvancedQueries": true, "advancedQueryCapabilities": {"supportsPagination": true, "supportsOrderBy": true}});
    let layer = Layer { json, ..Layer::of(1..=12) };
    let server = Server::start(move |call| layer.reply(call));
    let desk = Desk::beside(server.url("").as_str());
    (server, desk)
}

#[test]
fn the_extents_spatial_reference_is_asked_for_and_the_answers_counts() {
    let (server, desk) = serve();
    let said = desk.ok(&["export", server.url(PATH).as_str(), "-o", "a.shp", "-o", "a.geojson"]);
    assert!(server.pages().iter().all(|call| call.param("outSR") == "32631"));
    assert!(said.contains("in EPSG:3857 (WGS 84 / Pseudo-Mercator)"), "{said}");
    assert!(ogrinfo(&desk.path("a.shp")).contains("WGS 84 / Pseudo-Mercator"));
    let x = desk.json("a.geojson")["features"][9]["geometry"]["coordinates"][0].as_f64().unwrap();
    // Ten metres of web mercator, not of UTM zone 31.
    assert!((x - 10.0 / 111_319.490_793).abs() < 1e-8, "{x}");
}

#[test]
fn info_shows_the_spatial_reference_of_the_answers() {
    let (server, desk) = serve();
    let shown = desk.run(&["info", server.url(PATH).as_str()]).stdout;
    assert!(shown.contains("spatial reference: wkid 102100 (now 3857), EPSG:3857"), "{shown}");
}
