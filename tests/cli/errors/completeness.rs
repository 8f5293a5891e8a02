//! What is not whole, and what a format can't hold.

use super::{ROOT, broken_site};
use crate::layer::Layer;
use crate::server::{Call, Server};
use crate::{Desk, saved};

#[test]
fn missing_rows_fail_and_are_named() {
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}/Holes/FeatureServer/0"));
    desk.refuses(
        &["export", url.as_str(), "-o", "a.geojson"],
        1,
        r#"
        reading "Roads", 3 rows
        error: rows are missing
        cause: 2 rows came of the 3 that the server counts; 1 missing, object id 2
        where: "Roads"
        hint: run the same command again; or write what there is with --allow-partial
    "#,
    );
}

#[test]
fn a_count_that_ignores_the_conditions_is_named_as_the_likely_cause() {
    let (all, chosen) = (Layer::of(1..=5), Layer::of(1..=2));
    let server = Server::start(move |call| {
        let ignored = call.param("returnCountOnly") == "true" || call.param("where") == "1=1";
        if ignored { all.reply(call) } else { chosen.reply(call) }
    });
    let desk = Desk::beside(server.url(ROOT).as_str());
    let url = server.url(&format!("{ROOT}/Roads/FeatureServer/0"));
    desk.refuses(
        &["export", url.as_str(), "-o", "a.geojson", "--where", "NAME < 'row 3'"],
        1,
        r#"
        reading "Roads", 5 rows
        error: rows are missing
        cause: 2 rows came of the 5 that the server counts; it counts as many without the conditions, and lists no object ids that did not come, so its count may ignore them, and then nothing tells whether 2 are all
        where: "Roads"
        hint: export all rows and choose from the file (ogr2ogr -where, -spat); or write what there is with --allow-partial
    "#,
    );
}

#[test]
fn a_server_that_ignores_the_condition_is_told_at_once() {
    let layer = Layer::of(1..=5);
    let server = Server::start(move |call| {
        let params = call.params.iter().filter(|(key, _)| key != "where").cloned().collect();
        layer.reply(&Call { params, ..call.clone() })
    });
    let desk = Desk::beside(server.url(ROOT).as_str());
    let url = server.url(&format!("{ROOT}/Roads/FeatureServer/0"));
    desk.refuses(
        &["export", url.as_str(), "-o", "a.geojson", "--where", "NAME = 'row 3'"],
        1,
        r#"
        error: the server ignores the condition (where)
        cause: it sends rows that meet 1=0 as well
        where: "Roads"
        hint: export all rows and choose from the file: ogr2ogr -where
    "#,
    );
}

#[test]
fn a_result_that_its_server_cut_off_fails_and_leaves_nothing() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", &saved("cut-off-by-its-server.json"), "-o", "a.geojson"],
        1,
        r#"
        reading "cut-off-by-its-server", 2 rows
        error: rows are missing
        cause: the server cut the result off after 2 rows (exceededTransferLimit), and there is no way to ask for the rest
        where: SAVED/cut-off-by-its-server.json, "cut-off-by-its-server"
        hint: export the layer itself, or run the task on less; --allow-partial writes what there is
    "#,
    );
}

#[test]
fn the_first_loss_under_strict_is_an_error() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", &saved("m-points.json"), "-o", "a.geojson", "--strict"],
        1,
        r#"
        reading "m-points", 4 rows
        error: m not written (2 times)
        cause: --strict allows no loss
        where: SAVED/m-points.json, "m-points"
        hint: choose another format, or leave --strict out
    "#,
    );
}

#[test]
fn a_format_that_cannot_hold_the_layer_says_so() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", &saved("table.json"), "-o", "a.kmz"],
        2,
        r#"
        error: KMZ (zipped KML 2.2) can't hold a table without geometry
        cause: it holds point, multipoint, polyline, polygon, envelope layers
        where: SAVED/table.json, "table"
        hint: write CSV or GeoJSON
    "#,
    );
    desk.refuses(
        &["convert", &saved("web-mercator.json"), "-o", "a.csv"],
        2,
        r#"
        error: CSV can't hold polygon geometry
        cause: it holds point layers and tables
        where: SAVED/web-mercator.json, "web-mercator"
        hint: add --geometry wkt, or write GeoJSON, Shapefile or KMZ
    "#,
    );
}
