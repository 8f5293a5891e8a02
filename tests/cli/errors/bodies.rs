//! Answers and files that are cut short, empty, or something else.

use super::execute_says;
use crate::Desk;

// `execute` is never repeated, so an answer that is cut short is told at once.

#[test]
fn truncated_json_is_no_data() {
    execute_says(
        "{\"results\":[{\"paramName\":",
        "
        error: it is not known whether the server ran the task T
        cause: the server's answer is broken: after 25 bytes, 3 brackets are still open
        where: SERVER/G/GPServer/T/execute
        hint: the request was sent once and is not repeated, since the tool might run twice; run it again if that does no harm
    ",
    );
    let desk = Desk::new();
    desk.write("cut.json", "{\"features\":[{\"attributes\":{\"A\":1}},{\"attr");
    desk.refuses(
        &["convert", "cut.json", "-o", "a.geojson"],
        1,
        "
        error: the JSON ends in the middle
        cause: after 42 bytes, 2 brackets are still open
        where: cut.json
        hint: the file or answer was cut off; fetch it again
    ",
    );
}

#[test]
fn an_empty_body_is_no_data() {
    execute_says(
        "",
        "
        error: it is not known whether the server ran the task T
        cause: the server answered with nothing
        where: SERVER/G/GPServer/T/execute
        hint: the request was sent once and is not repeated, since the tool might run twice; run it again if that does no harm
    ",
    );
    let desk = Desk::new();
    desk.write("empty.json", "");
    desk.refuses(
        &["convert", "empty.json", "-o", "a.geojson"],
        1,
        "
        error: the answer is empty
        where: empty.json
        hint: fetch it again, with f=json
    ",
    );
}

#[test]
fn files_that_hold_something_else_say_what_it_is() {
    let desk = Desk::new();
    desk.write("page.json", "\n<html><title>Sign in</title></html>");
    desk.refuses(
        &["convert", "page.json", "-o", "a.geojson"],
        1,
        "
        error: the answer is a web page or XML, not JSON
        where: page.json
        hint: save the answer that the server gives with f=json; a page may be its sign-in or an error
    ",
    );
    desk.write("error.json", r#"{"error":{"code":498,"message":"Invalid token."}}"#);
    desk.refuses(
        &["convert", "error.json", "-o", "a.geojson"],
        1,
        "
        error: the server wants a sign-in
        cause: 498 Invalid token.
        where: error.json
        hint: the token is invalid or has expired; get a new one
    ",
    );
    desk.write("other.json", r#"{"a":1}"#);
    desk.refuses(
        &["convert", "other.json", "-o", "a.geojson"],
        1,
        "
        error: the file holds no features
        where: other.json
        hint: geohaul reads the answers of layer queries and geoprocessing tasks (f=json)
    ",
    );
    desk.write(
        "related.json",
        r#"{"fields":[],"relatedRecordGroups":[{"objectId":1,"relatedRecords":[{"attributes":{"A":1}}]}]}"#,
    );
    desk.refuses(
        &["convert", "related.json", "-o", "a.geojson"],
        1,
        "
        error: the file holds no features
        cause: it is an answer with related rows, which stand in groups
        where: related.json
        hint: export the related table itself with geohaul export
    ",
    );
    desk.write("points.geojson", r#"{"type":"FeatureCollection","features":[]}"#);
    desk.refuses(
        &["convert", "points.geojson", "-o", "a.geojson"],
        2,
        "
        error: the input is GeoJSON, not Esri JSON
        where: points.geojson
        hint: geohaul reads f=json answers; ogr2ogr converts from GeoJSON
    ",
    );
    desk.write("number.json", r#"{"paramName":"N","dataType":"GPLong","value":3}"#);
    desk.refuses(
        &["convert", "number.json", "-o", "a.geojson"],
        1,
        "
        error: there are no features in the input
        cause: it holds values or files only
        where: number.json
        hint: give a directory, which gets them all: -o results/
    ",
    );
}
