//! Values of tasks, failed jobs, and targets that are none.

use crate::Desk;
use crate::demo::Demo;

#[test]
fn values_are_checked_before_the_task_runs() {
    let demo = Demo::start();
    let desk = Desk::beside(&format!("http://{}", demo.host));
    let url = demo.url("GPServer/Buffer");
    let base = ["run", url.as_str(), "-o", "out"];
    desk.refuses(
        &base,
        2,
        "
        error: the task Buffer needs a value for Input_Features, Distance
        hint: for example: -p 'Input_Features=@points.geojson'
    ",
    );
    desk.refuses(
        &[&base[..], &["-p", "Distnce=1"]].concat(),
        2,
        r#"
        error: the task Buffer has no parameter "Distnce"
        hint: did you mean "Distance"? the parameters are: Input_Features, Distance, Segments
    "#,
    );
    desk.refuses(
        &[&base[..], &["-p", "Distance=2 leagues"]].concat(),
        2,
        r#"
        error: '2 leagues' is no distance with a unit (GPLinearUnit)
        cause: the units are esriMeters, esriKilometers, esriMiles, esriFeet, esriYards, esriNauticalMiles, esriInches, esriMillimeters, esriCentimeters, esriDecimeters, esriDecimalDegrees, esriPoints, esriIntInches, esriIntFeet, esriIntYards, esriIntMiles, esriIntNauticalMiles, esriUnknownUnits
        where: "Distance"
        hint: for example: -p 'Distance=8.5 miles'
    "#,
    );
    desk.refuses(
        &[&base[..], &["-p", "Distance"]].concat(),
        2,
        "
        error: 'Distance' is no parameter
        hint: write NAME=VALUE, with NAME=@FILE for the contents of a file
    ",
    );
    desk.refuses(
        &[&base[..], &["-p", "Segments=many"]].concat(),
        2,
        r#"
        error: 'many' is no whole number (GPLong)
        where: "Segments"
        hint: for example: -p 'Segments=10'
    "#,
    );
    desk.refuses(
        &[&base[..], &["-p", "Buffers=1"]].concat(),
        2,
        "
        error: Buffers is an output of the task Buffer
        hint: leave it out: every output is fetched
    ",
    );
    desk.refuses(
        &[&base[..], &["-p", "Input_Features=@none.geojson"]].concat(),
        1,
        r#"
        error: can't read the features
        cause: no such file or directory
        where: none.geojson, "Input_Features"
        hint: check the path
    "#,
    );
    desk.refuses(
        &["run", &demo.url("GPServer"), "-o", "out"],
        2,
        "
        error: there is no geoprocessing task at this address
        cause: it is a service with the tasks Viewshed, Buffer
        where: SERVER/arcgis/rest/services/Demo/GPServer
        hint: append the task's name
    ",
    );
    desk.refuses(
        &["run", &demo.url("GPServer/Erase"), "-o", "out"],
        1,
        "
        error: the server answered with an error
        cause: 400 Invalid URL
        where: SERVER/arcgis/rest/services/Demo/GPServer/Erase?f=json
        hint: check the address; `geohaul ls` on the service, its folder or .../rest/services shows what is there
    ",
    );
}

#[test]
fn a_failed_job_ends_with_the_servers_messages() {
    let demo = Demo::start();
    let desk = Desk::beside(&format!("http://{}", demo.host));
    let points = r#"Input_Features={"x":7,"y":47,"spatialReference":{"wkid":4326}}"#;
    let distance = r#"Distance={"distance":-2,"units":"esriMiles"}"#;
    let run = desk.run(&["run", &demo.url("GPServer/Buffer"), "-o", "out", "-p", points, "-p", distance]);
    let (text, id) = run.stderr.rsplit_once("/jobs/").unwrap();
    let (_, rest) = id.split_once('\n').unwrap();
    assert_eq!(
        format!("{text}/jobs/ID\n{rest}"),
        crate::unindented(
            "
        job: submitted
        job: executing
        job: 33 %
        server: Executing (Buffer): Buffer
        job: 66 %
        server error: ERROR 000735: Distance: The distance is out of range
        job: failed
        server error: Failed to execute (Buffer).
        error: the job of the task Buffer failed
        cause: ERROR 000735: Distance: The distance is out of range; Failed to execute (Buffer).
        where: SERVER/arcgis/rest/services/Demo/GPServer/Buffer/jobs/ID
        hint: mend what the messages name; `geohaul info` on the task shows what it takes
    "
        )
    );
    // `geohaul job messages out` shows them again.
    assert_eq!((run.status, desk.names("out")), (1, vec!["job.json".to_owned()]));
}

#[test]
fn a_missing_target_says_what_info_can_show() {
    let desk = Desk::new();
    desk.refuses(
        &["info", "nope.json"],
        1,
        "
        error: can't read the input
        cause: no such file or directory
        where: nope.json
        hint: check the path
    ",
    );
    desk.refuses(
        &["info", "https://h.example/arcgis/rest/services/I/ImageServer"],
        2,
        "
        error: geohaul does not read services of the type ImageServer
        where: https://h.example/arcgis/rest/services/I/ImageServer
        hint: it reads FeatureServer, MapServer and GPServer
    ",
    );
}
