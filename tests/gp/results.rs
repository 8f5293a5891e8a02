//! Results of every type and shape, cut-off ones too.

use geohaul::ErrorKind;
use geohaul::fetch::gp::{Options, Parameters, Wanted};
use geohaul::fetch::{Item, Scalar};
use serde_json::{Value, json};

use crate::script::*;

/// The items of a job whose only result is `value`.
fn one_result(data_type: &str, value: Value) -> Vec<geohaul::Result<Item>> {
    let script = job_of(&outputs(&[("Out", data_type)]), status("esriJobSubmitted"), [succeeded(&["Out"])])
        .on("/T/jobs/j1/results/Out", [result("Out", data_type, value)]);
    items(&mut run(script).2.unwrap())
}

#[test]
fn rows_come_in_every_shape_and_are_named_after_the_parameter() {
    let collection = json!({"layerDefinition": {"name": "Other", "geometryType": "esriGeometryPoint"}, "featureSet": points(3)});
    let record_set = json!({"fields": [{"name": "A", "type": "esriFieldTypeInteger"}], "features": [{"attributes": {"A": 1}}]});
    for (data_type, value, rows) in [
        ("GPFeatureRecordSetLayer", points(2), 2),
        ("GPFeatureRecordSetLayer", collection.clone(), 3),
        ("GPString", collection, 3),
        ("GPRecordSet", record_set, 1),
        ("GPFeatureRecordSetLayer", points(0), 0),
    ] {
        let mut found = one_result(data_type, value);
        let source = layer(found.remove(0));
        assert_eq!(source.header().name, "Out");
        let evidence = read(source);
        assert_eq!((evidence.rows, evidence.missing()), (rows, 0), "{data_type}");
        assert!(found.is_empty());
    }
}

#[test]
fn values_that_are_no_rows_stay_as_the_server_wrote_them() {
    for (data_type, value) in [
        ("GPDouble", json!(2.5)),
        ("GPString", json!("text")),
        ("GPString", Value::Null),
        ("GPLinearUnit", json!({"distance": 8.5, "units": "esriMiles"})),
        ("GPMultiValue:GPString", json!(["a", "b"])),
        ("GPFeatureRecordSetLayer", Value::Null),
        ("GPNovelty", json!({"anything": [1]})),
    ] {
        let found = scalar(one_result(data_type, value.clone()).remove(0));
        assert_eq!(found, Scalar { name: "Out".to_owned(), data_type: data_type.to_owned(), value });
    }
}

#[test]
fn file_addresses_become_downloads_and_relative_ones_are_resolved() {
    let urls = |value: Value| -> Vec<String> {
        let url = |item: geohaul::Result<Item>| match item.unwrap() {
            Item::File(download) => download.url.to_string(),
            _ => panic!("a file"),
        };
        one_result("GPDataFile", value).into_iter().map(url).collect()
    };
    assert_eq!(urls(json!({"url": "https://files.example/a.zip"})), ["https://files.example/a.zip"]);
    assert_eq!(urls(json!({"url": "/arcgis/x/a.zip"})), ["http://h.example/arcgis/x/a.zip"]);
    assert_eq!(urls(json!([{"url": "http://h/1"}, {"url": "http://h/2"}])), ["http://h/1", "http://h/2"]);
}

/// A job whose only output is `Out`, of points, and is cut off after `came` rows.
fn cut_off_job(came: usize, more: Value) -> Script {
    let mut cut = points(came);
    cut["exceededTransferLimit"] = json!(true);
    cut.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job_of(&outputs(&[("Out", "GPFeatureRecordSetLayer")]), status("esriJobSubmitted"), [succeeded(&["Out"])])
        .on("/T/jobs/j1/results/Out", [result("Out", "GPFeatureRecordSetLayer", cut)])
}

/// What a layer of points says of itself, and its answers: rows and their count in one, whatever is asked.
fn layer_of_points(script: Script, path: &str, count: usize) -> Script {
    let info = json!({
        "id": 0, "name": "L", "type": "Feature Layer", "geometryType": "esriGeometryPoint", "maxRecordCount": 1000,
        "objectIdField": "OBJECTID", "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
        "advancedQueryCapabilities": {"supportsPagination": true, "supportsOrderBy": true},
        "extent": {"spatialReference": {"wkid": 4326}},
    });
    let mut answer = points(count);
    answer["count"] = json!(count);
    script.on(path, [info]).on(&format!("{path}/query"), vec![answer; 4])
}

const MAPS: &str = "/arcgis/rest/services/Tools/MapServer/jobs/j1";

fn service(map: &str) -> Value {
    json!({"tasks": ["T"], "maximumRecords": 2, "resultMapServerName": map, "executionType": "esriExecutionTypeAsynchronous"})
}

#[test]
fn a_cut_off_result_never_looks_whole() {
    let mut cut = points(0);
    cut["exceededTransferLimit"] = json!(true);
    let collection = json!({"layerDefinition": {}, "featureSet": cut.clone()});
    for value in [cut, collection, json!({"exceededTransferLimit": true})] {
        let error = one_result("GPFeatureRecordSetLayer", value).remove(0).err().unwrap();
        assert_eq!((error.kind(), error.place().layer.as_deref()), (ErrorKind::Incomplete, Some("Out")));
        assert!(error.hint_text().unwrap().contains("--out-service NAME"), "{error:?}");
    }
    let source = layer(items(&mut run(cut_off_job(2, json!({}))).2.unwrap()).remove(0));
    assert!(source.remedy().unwrap().contains("--allow-partial"));
    let evidence = read(source);
    assert!(evidence.cut_off && evidence.missing() > 0);
}

#[test]
fn the_error_of_a_cut_off_result_says_how_many_rows_the_server_admits() {
    let (_, _, job) = run(cut_off_job(0, json!({})).on("", [service("")]));
    let error = items(&mut job.unwrap()).remove(0).err().unwrap();
    assert_eq!(error.why().unwrap(), "the server hands out 0 rows and says that there are more, its maximum is 2");
    assert!(error.hint_text().unwrap().contains("a greater maximumRecords (now 2)"), "{error:?}");
}

#[test]
fn a_cut_off_result_is_read_whole_from_the_jobs_map_service() {
    let maps = json!({"layers": [{"id": 7, "name": "Something"}, {"id": 8, "name": "OUT", "geometryType": "esriGeometryPoint"}]});
    let script = cut_off_job(0, json!({})).on("", [service("Tools")]).on(MAPS, [maps]);
    let (asked, _, job) = run(layer_of_points(script, &format!("{MAPS}/8"), 5));
    let source = layer(items(&mut job.unwrap()).remove(0));
    assert_eq!((source.header().name.as_str(), source.header().count), ("Out", Some(5)));
    assert!(source.warnings().iter().any(|warning| warning.contains("read from the job's map service")));
    let evidence = read(source);
    assert_eq!((evidence.rows, evidence.missing(), evidence.cut_off), (5, 0, false));
    assert_eq!(asked.asked(&format!("{MAPS}/7")), 0);
}

#[test]
fn a_map_service_whose_layer_is_another_one_is_not_taken_for_the_result() {
    let maps = json!({"layers": [{"id": 0, "name": "L"}]});
    // As many rows as came already can't be all of them.
    let script = cut_off_job(2, json!({})).on("", [service("Tools")]).on(MAPS, [maps]);
    let (_, _, job) = run(layer_of_points(script, &format!("{MAPS}/0"), 2));
    assert!(read(layer(items(&mut job.unwrap()).remove(0))).cut_off);
}

#[test]
fn a_cut_off_result_is_read_whole_from_the_service_that_it_names() {
    let named = "/arcgis/rest/services/Hosted/Out/FeatureServer/0";
    let (_, _, job) = run(layer_of_points(cut_off_job(0, json!({"url": named})), named, 3));
    let source = layer(items(&mut job.unwrap()).remove(0));
    assert!(source.warnings().iter().any(|warning| warning.contains("the service that it names")));
    assert_eq!(source.header().name, "Out");
    assert_eq!(read(source).rows, 3);
}

#[test]
fn rows_that_are_just_the_services_maximum_are_doubted() {
    let doubts = |rows: usize| {
        let script = job_of(&outputs(&[("Out", "GPFeatureRecordSetLayer")]), status("esriJobSubmitted"), [succeeded(&["Out"])])
            .on("", [service("")])
            .on("/T/jobs/j1/results/Out", [result("Out", "GPFeatureRecordSetLayer", points(rows))]);
        layer(items(&mut run(script).2.unwrap()).remove(0)).warnings()
    };
    assert!(doubts(2)[0].contains("possibly cut off"));
    assert_eq!(doubts(1), [""; 0]);
}

#[test]
fn the_servers_own_kmz_is_kept_where_it_is_asked_for() {
    let script = job_of(
        &outputs(&[("Out", "GPFeatureRecordSetLayer"), ("N", "GPLong")]),
        status("esriJobSubmitted"),
        [succeeded(&["Out", "N"])],
    )
    .on("/T/jobs/j1/results/Out", [result("Out", "GPFeatureRecordSetLayer", points(1))])
    .on("/T/jobs/j1/results/N", [result("N", "GPLong", json!(1))]);
    let wanted = Wanted { server_kmz: true, ..Wanted::default() };
    let (_, _, job) = run_with(script, &Parameters::default(), &Options { wanted, ..Options::default() });
    let mut found = items(&mut job.unwrap());
    assert_eq!(found.len(), 3);
    let Ok(Item::File(kmz)) = found.remove(1) else { panic!("a file") };
    assert_eq!((kmz.name.as_str(), kmz.ending().as_deref()), ("Out_server", Some("kmz")));
    assert!(kmz.url.as_str().ends_with("/results/Out?f=kmz"), "{}", kmz.url);
}

#[test]
fn a_picture_of_a_result_is_kept_beside_the_data_which_is_asked_for_again() {
    let picture = result("Out", "GPFeatureRecordSetLayer", json!({"mapImage": {"href": "http://h.example/a.png", "width": 4}}));
    let script = |answers: Vec<Value>| {
        job_of(&outputs(&[("Out", "GPFeatureRecordSetLayer")]), status("esriJobSubmitted"), [succeeded(&["Out"])])
            .on("/T/jobs/j1/results/Out", answers)
    };
    let data = result("Out", "GPFeatureRecordSetLayer", points(4));
    let (asked, _, job) = run(script(vec![picture.clone(), data]));
    let mut found = items(&mut job.unwrap());
    let Item::File(image) = found.pop().unwrap().unwrap() else { panic!("a picture") };
    assert_eq!((image.url.as_str(), image.ending().as_deref()), ("http://h.example/a.png", Some("png")));
    assert_eq!(read(layer(found.pop().unwrap())).rows, 4);
    let second = &asked.requests("/T/jobs/j1/results/Out")[1];
    assert!(second.params.contains(&("returnType".to_owned(), "data".to_owned())));

    let (_, _, job) = run(script(vec![picture]));
    let found = items(&mut job.unwrap());
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].as_ref().err().unwrap().kind(), ErrorKind::Server, "the data is missing");
}

#[test]
fn a_raster_in_an_image_service_becomes_geotiff() {
    let image = "/arcgis/rest/services/Slope/ImageServer";
    let info = json!({
        "extent": {"xmin": 0, "ymin": 0, "xmax": 30, "ymax": 20, "spatialReference": {"wkid": 2056}},
        "pixelSizeX": 10, "pixelSizeY": 10, "maxImageWidth": 2, "maxImageHeight": 100,
    });
    let script = |body: &[u8]| {
        job_of(&outputs(&[("Slope", "GPRasterDataLayer")]), status("esriJobSubmitted"), [succeeded(&["Slope"])])
            .on("/T/jobs/j1/results/Slope", [result("Slope", "GPRasterDataLayer", json!({"url": image, "type": "ImageService"}))])
            .on(image, [info.clone()])
            .file(&format!("{image}/exportImage"), body)
    };
    let tiles = |body: &[u8]| -> (std::sync::Arc<Script>, Vec<_>) {
        let (asked, _, job) = run(script(body));
        let file = |item| match item {
            Ok(Item::File(tile)) => (tile.name.clone(), tile.ending(), tile.fetch()),
            _ => panic!("a file"),
        };
        (asked, items(&mut job.unwrap()).into_iter().map(file).collect())
    };
    let (asked, found) = tiles(b"II*\0pixels");
    let names: Vec<_> = found.iter().map(|(name, ending, _)| format!("{name}.{}", ending.clone().unwrap())).collect();
    assert_eq!(names, ["Slope_r1_c1.tif", "Slope_r1_c2.tif"]);
    assert!(found.iter().all(|(_, _, body)| body.as_ref().unwrap().starts_with(b"II*")));
    let sent = &asked.requests(&format!("{image}/exportImage"))[1].params;
    for (key, value) in
        [("bbox", "20,0,30,20"), ("size", "1,2"), ("bboxSR", "2056"), ("format", "tiff"), ("adjustAspectRatio", "false")]
    {
        assert!(sent.contains(&(key.to_owned(), value.to_owned())), "{key}: {sent:?}");
    }
    assert!(tiles(b"\x89PNG").1[0].2.is_err(), "a picture is no raster");
}

#[test]
fn an_address_inside_the_servers_network_is_asked_for_at_the_tasks_host() {
    let file = "/arcgis/rest/directories/arcgisjobs/t/j1/scratch/out.zip";
    let script = job_of(&outputs(&[("Out", "GPDataFile")]), status("esriJobSubmitted"), [succeeded(&["Out"])])
        .on("/T/jobs/j1/results/Out", [result("Out", "GPDataFile", json!({"url": format!("http://machine7:6080{file}")}))])
        .hides("machine7")
        .file(file, b"PK\x03\x04");
    let Ok(Item::File(found)) = items(&mut run(script).2.unwrap()).remove(0) else { panic!("a file") };
    assert_eq!(found.fetch().unwrap(), &b"PK\x03\x04"[..]);
}

#[test]
fn one_bad_result_does_not_end_the_others() {
    let names = [("A", "GPLong"), ("B", "GPLong"), ("C", "GPLong")];
    let script = job_of(&outputs(&names), status("esriJobSubmitted"), [succeeded(&["C", "B", "A"])])
        .on("/T/jobs/j1/results/A", [result("A", "GPLong", json!(1))])
        .on("/T/jobs/j1/results/C", [result("C", "GPLong", json!(3))]);
    let mut found = items(&mut run(script).2.unwrap());
    assert_eq!(found.len(), 3);
    assert_eq!(scalar(found.remove(0)).name, "A");
    assert_eq!(found.remove(0).err().unwrap().place().layer.as_deref(), Some("B"));
    assert_eq!(scalar(found.remove(0)).name, "C");
}
