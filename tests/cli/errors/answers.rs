//! Answers that are no data, and addresses of something else.

use super::{ROOT, broken_site, export_says};
use crate::Desk;

#[test]
fn an_arcgis_error_in_http_200_gives_the_servers_words() {
    export_says(
        "/Refused/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 400 Unable to complete operation.
        where: SERVER/Refused/FeatureServer/0?f=json
        hint: `geohaul info` on the service shows what is there
    ",
    );
}

#[test]
fn a_layer_that_is_not_there_is_told_with_the_way_to_find_it() {
    export_says(
        "/Gone/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 400 Invalid URL
        where: SERVER/Gone/FeatureServer/0?f=json
        hint: check the address; `geohaul ls` on the service, its folder or .../rest/services shows what is there
    ",
    );
    export_says(
        "/Missing/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 404 Not Found
        where: SERVER/Missing/FeatureServer/0?f=json
        hint: check the address; `geohaul ls` on the service, its folder or .../rest/services shows what is there
    ",
    );
}

#[test]
fn a_number_that_no_layer_has_is_told_with_the_list_of_those_there_are() {
    export_says(
        "/Listed/FeatureServer/7",
        &[],
        2,
        "
        error: there is no layer 7
        cause: 400 Invalid URL
        where: SERVER/Listed/FeatureServer
        hint: the layers are: 0 (Roads), 2 (Rails), 5 (Owners)
    ",
    );
}

#[test]
fn a_service_that_is_stopped_is_told_at_once_and_no_page_size_is_blamed() {
    export_says(
        "/Stopped/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 500 Service Stopped/FeatureServer not started
        where: SERVER/Stopped/FeatureServer/0?f=json
        hint: the service is stopped; ask whoever runs the server to start it
    ",
    );
    export_says(
        "/Removed/FeatureServer/0",
        &[],
        1,
        "
        error: the server answered with an error
        cause: 404 Service Removed/FeatureServer not found
        where: SERVER/Removed/FeatureServer/0?f=json
        hint: check the address; `geohaul ls` on the service, its folder or .../rest/services shows what is there
    ",
    );
}

#[test]
fn a_layer_without_the_capability_to_query_is_told_as_that_and_info_shows_its_fields() {
    let edited = "/Edited/FeatureServer/0";
    export_says(
        edited,
        &[],
        1,
        "
        error: the server answered with an error
        cause: 400 Requested operation is not supported.
        where: \"Edited\", SERVER/Edited/FeatureServer/0/query?where=1%3D1&outFields=*&returnGeometry=true&outSR=102100&returnZ=false&returnM=false&orderByFields=OBJECTID+ASC&resultOffset=0&resultRecordCount=1&f=json
        hint: the layer allows no queries (its capabilities are: Create, Editing); ask its owner for Query
    ",
    );
    let (server, desk) = broken_site();
    let run = desk.run(&["info", server.url(&format!("{ROOT}{edited}")).as_str()]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for words in ["point layer: Edited", "NAME", "the layer allows no queries"] {
        assert!(run.stdout.contains(words) || run.stderr.contains(words), "{words}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_service_that_wants_a_sign_in_says_so() {
    export_says(
        "/Members/FeatureServer/0",
        &[],
        1,
        "
        error: the server does not allow this
        cause: 403 You do not have permissions to access this resource.
        where: SERVER/Members/FeatureServer/0?f=json
        hint: sign in with --user NAME or geohaul login; where you did, the account lacks the right: ask the owner
    ",
    );
    export_says(
        "/Windows/FeatureServer/0",
        &[],
        1,
        "
        error: the web server wants a Windows sign-in
        cause: 401, and it offers Negotiate, NTLM
        where: SERVER/Windows/FeatureServer/0?f=json
        hint: NTLM and Kerberos are not built in; --proxy names a local proxy that speaks them
    ",
    );
    export_says(
        "/Secret/FeatureServer/0",
        &[],
        1,
        "
        error: the server wants a sign-in
        cause: 499 Token Required
        where: SERVER/Secret/FeatureServer/0?f=json
        hint: this service is not public; sign in with --user NAME or --token-file FILE
    ",
    );
}

#[test]
fn a_web_page_in_place_of_data_is_named_by_its_title() {
    export_says(
        "/Page/FeatureServer/0",
        &[],
        1,
        r#"
        error: the server answered with a web page, not with data
        cause: "Sign in to the city's GIS"
        where: SERVER/Page/FeatureServer/0?f=json
        hint: open the address in a browser to see what it says; a proxy or a sign-in page may stand in between
    "#,
    );
}

#[test]
fn a_group_layer_names_its_members() {
    export_says(
        "/Group/MapServer/0",
        &[],
        2,
        r#"
        error: layers of the type Group Layer have no rows of their own
        where: "Transport", SERVER/Group/MapServer/0
        hint: choose one of its layers: 1 (Roads), 2 (Rails); its name in place of its number takes all
    "#,
    );
}

#[test]
fn an_address_that_answers_as_a_service_is_no_layer() {
    export_says(
        "/Service/FeatureServer/0",
        &[],
        2,
        r#"
        error: the address names no layer or table
        where: "layer", SERVER/Service/FeatureServer/0
        hint: a layer's address ends in a number, such as FeatureServer/0; `geohaul info` on the service lists them
    "#,
    );
}

#[test]
fn a_task_is_nothing_to_export_and_a_layer_nothing_to_run() {
    export_says(
        "/Tools/GPServer/Buffer",
        &[],
        2,
        "
        error: the address names a geoprocessing task, not a layer
        where: SERVER/Tools/GPServer/Buffer
        hint: run it with geohaul run; geohaul info shows what it takes
    ",
    );
    let (server, desk) = broken_site();
    let layer = server.url(&format!("{ROOT}/Whole/FeatureServer/0"));
    desk.refuses(
        &["run", layer.as_str(), "-o", "out"],
        2,
        "
        error: the address names no geoprocessing task
        where: SERVER/Whole/FeatureServer/0
        hint: a task's address looks like https://HOST/arcgis/rest/services/NAME/GPServer/TASK
    ",
    );
}

#[test]
fn a_file_is_nothing_to_export() {
    let desk = Desk::new();
    desk.refuses(
        &["export", "roads.json", "-o", "a.geojson"],
        2,
        "
        error: export reads layers on servers, not files
        hint: for saved files there is geohaul convert
    ",
    );
}

#[test]
fn an_address_of_something_else_is_no_arcgis_address() {
    let desk = Desk::new();
    desk.refuses(
        &["export", "https://www.example.com/data?token=hush", "-o", "a.geojson"],
        2,
        "
        error: this address names no ArcGIS REST service
        where: https://www.example.com/data
        hint: it should look like https://HOST/arcgis/rest/services/NAME/FeatureServer/0
    ",
    );
}
