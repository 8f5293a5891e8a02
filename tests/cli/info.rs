//! `geohaul info`: what is there, for people and for programs.

use serde_json::{Value, json};

use super::demo::Demo;
use super::server::{Reply, Server};
use super::{Desk, saved, unindented};

fn shows(target: &str, expected: &str) {
    let run = Desk::new().run(&["info", target]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert_eq!(run.stdout, unindented(expected));
}

fn in_json(target: &str) -> Value {
    let run = Desk::new().run(&["info", target, "--json"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_file_of_another_format_is_told_by_its_name() {
    let desk = Desk::new();
    desk.ok(&["convert", &saved("no-spatial-reference.json"), "-o", "a.shp", "-o", "a.gdb", "-o", "a.csv"]);
    for (file, what) in
        [("a.shp", "a Shapefile"), ("a.dbf", "a Shapefile"), ("a.gdb", "a File Geodatabase"), ("a.csv", "a table")]
    {
        let words = format!(
            "error: the input is {what}, and no Esri JSON\nwhere: {file}\nhint: geohaul reads what ArcGIS servers send \
             (f=json, f=pbf); GDAL's ogrinfo and ogr2ogr read other formats\n"
        );
        desk.says(&["info", file], 2, &words);
        desk.says(&["convert", file, "-o", "b.csv"], 2, &words);
    }
}

#[test]
fn a_catalog_lists_its_services() {
    let demo = Demo::start();
    let url = demo.url("").replace("/Demo/", "");
    shows(
        &url,
        "
        version: 11.1
        NAME   TYPE
        Atlas  FeatureServer
        Demo   FeatureServer
        Demo   GPServer
    ",
    );
    assert_eq!(in_json(&url)["services"], json!([["Atlas", "FeatureServer"], ["Demo", "FeatureServer"], ["Demo", "GPServer"]]));
}

#[test]
fn a_service_lists_its_layers_and_tables() {
    let demo = Demo::start();
    shows(
        &demo.url("FeatureServer"),
        "
        service: Generated data
        version: 11.1
        most rows in an answer: 100
        spatial reference of the map: wkid 102100 (now 3857)
        ID  NAME      KIND
        0   Communes  polygon layer
        1   Stations  point layer
        2   Readings  table
    ",
    );
    let json = in_json(&demo.url("FeatureServer"));
    assert_eq!((&json["kind"], &json["maxRecordCount"]), (&json!("service"), &json!(100)));
    assert_eq!(json["layers"][1]["name"], "Stations");
    assert_eq!(json["tables"][0]["id"], 2);
}

#[test]
fn a_layer_shows_fields_geometry_spatial_reference_count_and_limits() {
    let demo = Demo::start();
    shows(
        &demo.url("FeatureServer/0"),
        "
        polygon layer: Communes
        rows: 432
        spatial reference: wkid 102100 (now 3857), EPSG:3857 (WGS 84 / Pseudo-Mercator)
        FIELD       TYPE          LENGTH  ALIAS  DOMAIN
        OBJECTID    OID
        NAME        String        120
        LAND_USE    SmallInteger                 LandUse: 3 codes
        POPULATION  Integer
        DENSITY     Double
        FOUNDED     Date
        NOTE        String        120
        most rows in an answer: 100
        pagination: yes
        capabilities: Query
    ",
    );
    let json = in_json(&demo.url("FeatureServer/0"));
    let header = &json["header"];
    assert_eq!((&json["kind"], &header["geometry"], &header["count"]), (&json!("layer"), &json!("polygon"), &json!(432)));
    assert_eq!((&header["spatialReference"]["wkid"], &header["spatialReference"]["latestWkid"]), (&json!(102_100), &json!(3857)));
    assert_eq!((&header["fields"][0]["name"], &header["fields"][0]["fieldType"]), (&json!("OBJECTID"), &json!("ObjectId")));
    assert_eq!(header["fields"][2]["domain"]["coded"]["codes"][0], json!([1, "Forêt"]));
    assert_eq!((&header["fields"].as_array().unwrap().len(), &header["objectId"]), (&7, &json!(0)));
    assert_eq!((&json["maxRecordCount"], &json["supportsPagination"]), (&json!(100), &json!(true)));
}

#[test]
fn a_table_has_no_geometry_and_no_spatial_reference() {
    let demo = Demo::start();
    shows(
        &demo.url("FeatureServer/2"),
        "
        table: Readings
        rows: 257
        FIELD       TYPE     LENGTH  ALIAS  DOMAIN
        OBJECTID    OID
        NAME        String   120
        STATION_ID  Integer
        MEASURED    Date
        VALUE       Double
        most rows in an answer: 100
        pagination: yes
        capabilities: Query
    ",
    );
    assert_eq!(in_json(&demo.url("FeatureServer/2"))["header"]["geometry"], Value::Null);
}

#[test]
fn a_geoprocessing_service_lists_its_tasks_and_a_task_its_parameters() {
    let demo = Demo::start();
    shows(
        &demo.url("GPServer"),
        "
        geoprocessing service: 2 tasks
        runs: asynchronously, as a job
        uploads: no
        most rows in a result: 1000
        task: Viewshed
        task: Buffer
    ",
    );
    shows(
        &demo.url("GPServer/Buffer"),
        "
        geoprocessing task: Buffer
        runs: asynchronously, as a job
        PARAMETER       DIRECTION  TYPE                     NEED      DEFAULT              CHOICES OR FILTER
        Input_Features  input      GPFeatureRecordSetLayer  required  (empty feature set)  point
        Distance        input      GPLinearUnit             required
        Segments        input      GPLong                   optional  36
        Buffers         output     GPFeatureRecordSetLayer  derived
        Buffer_Count    output     GPLong                   derived
        Statistics      output     GPRecordSet              derived
    ",
    );
    let json = in_json(&demo.url("GPServer/Buffer"));
    assert_eq!((&json["kind"], &json["execution"]), (&json!("gpTask"), &json!("asynchronous")));
    let distance = &json["parameters"][1];
    assert_eq!((&distance["dataType"], &distance["need"]), (&json!("GPLinearUnit"), &json!("required")));
}

#[test]
fn a_job_shows_its_status_messages_and_results() {
    let server = Server::start(|_| {
        Reply::json(&json!({"jobId": "j1", "jobStatus": "esriJobSucceeded", "results": {"Out": {"paramUrl": "results/Out"}},
            "messages": [{"type": "esriJobMessageTypeInformative", "description": "Buffering."}]}))
    });
    let url = server.url("/arcgis/rest/services/G/GPServer/T/jobs/j1").to_string();
    shows(
        &url,
        "
        job: j1
        status: succeeded
        message: Buffering.
        result: Out
    ",
    );
    let json = in_json(&url);
    assert_eq!((&json["kind"], &json["id"]), (&json!("gpJob"), &json!("j1")));
}

#[test]
fn a_saved_file_shows_what_it_holds() {
    shows(
        &saved("web-mercator.json"),
        "
        polygon layer: web-mercator
        rows: 1
        spatial reference: wkid 102100 (now 3857), EPSG:3857 (WGS 84 / Pseudo-Mercator)
        FIELD     TYPE  LENGTH  ALIAS  DOMAIN
        OBJECTID  OID
    ",
    );
    shows(
        &saved("no-spatial-reference.json"),
        "
        point layer: no-spatial-reference
        rows: 2
        spatial reference: none is named
        FIELD     TYPE  LENGTH  ALIAS  DOMAIN
        OBJECTID  OID
    ",
    );
    let json = in_json(&saved("gp-execute-answer.json"));
    assert_eq!((&json["kind"], &json["layers"][0]["count"]), (&json!("file"), &json!(2)));
}
