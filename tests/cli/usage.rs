//! Help, version, wrong usage and exit statuses.

use super::demo::Demo;
use super::{Desk, saved};

const VERBS: [&str; 6] = ["convert", "export", "run", "ls", "info", "formats"];

#[test]
fn the_help_of_every_verb_ends_in_an_example_of_it() {
    let desk = Desk::new();
    let help = desk.run(&["--help"]);
    let verbs: Vec<&str> = help
        .stdout
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for verb in VERBS {
        assert!(verbs.contains(&verb), "{verbs:?}");
    }
    for verb in verbs {
        for help in ["--help", "-h"] {
            let run = desk.run(&[verb, help]);
            assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{verb}");
            let paragraphs = run.stdout.trim_end().split("\n\n");
            let example = paragraphs.last().unwrap().replace('\n', " ");
            assert!(example.starts_with(&format!("Example: geohaul {verb}")), "{verb} {help}: {example}");
        }
    }
}

#[test]
fn every_option_has_a_help_text() {
    let desk = Desk::new();
    for verb in VERBS {
        let help = desk.run(&[verb, "-h"]).stdout;
        let lines: Vec<&str> = help.lines().map(str::trim_start).collect();
        for (line, next) in lines.iter().zip(&lines[1..]).filter(|(line, _)| line.starts_with('-')) {
            // A long option has its text on the next line.
            let text = line.split_once("  ").map_or(*next, |(_, text)| text.trim_start());
            assert!(text.starts_with(char::is_uppercase), "{verb}: {line}");
        }
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let run = Desk::new().run(&["--version"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, concat!("geohaul ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn an_option_that_is_none_is_not_said_to_be_a_value() {
    let desk = Desk::new();
    for args in [&["ls", "https://h/", "-x"][..], &["convert", "a.json", "--outptu", "a.shp"], &["info", "a.json", "--jsn"]] {
        let run = desk.run(args);
        assert!(run.status == 2 && run.stderr.contains("unexpected argument"), "{}", run.stderr);
        assert!(!run.stderr.contains("as a value"), "{}", run.stderr);
    }
    assert!(desk.run(&["info", "a.json", "--jsn"]).stderr.contains("a similar argument exists: '--json'"));
}

#[test]
fn a_wrong_value_in_the_environment_names_its_variable() {
    let desk = Desk::new();
    for (name, args) in [
        ("GEOHAUL_CONNECTIONS", &["export", "https://h/arcgis/rest/services/A/FeatureServer/0", "-o", "a.csv"][..]),
        ("GEOHAUL_PROGRESS", &["formats"]),
        ("GEOHAUL_THREADS", &["convert", "a.json", "-o", "a.csv"]),
    ] {
        let output = desk.command(args).env_remove("GEOHAUL_NO_CONFIG").env(name, "x").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(&format!("invalid value 'x' for '{name} (--")), "{said}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    let desk = Desk::new();
    for (args, words) in [
        (&[][..], "Usage: geohaul"),
        (&["explode"], "unrecognized subcommand 'explode'"),
        (&["convert", "-o", "a.shp"], "<FILE>"),
        (&["convert", "a.json"], "--output <PATH>"),
        (&["export", "-o", "a.shp"], "<URL>"),
        (&["export", "x", "-o", "a.shp", "--page-size", "0"], "--page-size"),
        (&["export", "x", "-o", "a.shp", "--precision", "18"], "--precision"),
        (&["export", "x", "-o", "a.shp", "--project", "nobody"], "local, server"),
        (&["convert", "a.json", "-o", "a.shp", "--overwrit"], "--overwrite"),
        (&["export", "", "-o", "a.shp"], "the target is empty"),
    ] {
        let run = desk.run(args);
        assert_eq!(run.status, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{args:?}: {}", run.stderr);
        assert!(run.stdout.is_empty() && desk.names(".").is_empty());
    }
}

#[test]
fn the_exit_status_tells_complete_failed_and_partial_apart() {
    let desk = Desk::new();
    let cut_off = saved("cut-off-by-its-server.json");
    assert_eq!(desk.run(&["convert", &saved("z-points.json"), "-o", "a.geojson"]).status, 0);
    assert_eq!(desk.run(&["convert", &cut_off, "-o", "b.geojson"]).status, 1);
    assert_eq!(desk.run(&["convert", &cut_off, "-o", "c.geojson", "--allow-partial"]).status, 3);
    assert_eq!(desk.names("."), ["a.geojson", "c.geojson"]);
}

/// `docs/messages.md` has the rule.
#[test]
fn the_exit_status_is_2_where_another_command_is_needed_and_1_where_the_work_failed() {
    let demo = Demo::start();
    let desk = Desk::beside(&format!("http://{}", demo.host));
    let (stations, service) = (demo.url("FeatureServer/1"), demo.url("FeatureServer"));
    let [polygons, table, no_place] = ["zm-polygons.json", "table.json", "no-spatial-reference.json"].map(saved);
    for (status, args) in [
        // More than the format, the layer or the build can do.
        (2, &["convert", &polygons, "-o", "a.csv"][..]),
        (2, &["convert", &table, "-o", "a.shp"]),
        (2, &["export", &stations, "-o", "a.csv", "--as-of", "2024"]),
        (2, &["export", &stations, "-o", "a.csv", "--driver", "none"]),
        // Names that are none.
        (2, &["export", &stations, "-o", "a.csv", "--fields", "none"]),
        (2, &["export", &service, "-o", "a/", "--layers", "none"]),
        (2, &["export", &format!("{service}/99"), "-o", "a.csv"]),
        // The data, the disk, the server.
        (1, &["convert", &saved("zm-polygons.json"), "-o", "a.geojson", "--strict"]),
        (1, &["convert", &no_place, "-o", "a.geojson"]),
        (1, &["convert", "none.json", "-o", "a.geojson"]),
        (1, &["convert", &table, "-o", "none/a.csv"]),
        (1, &["export", &demo.url("None/FeatureServer/0"), "-o", "a.csv"]),
    ] {
        let run = desk.run(args);
        assert_eq!(run.status, status, "{args:?}: {}", run.stderr);
        assert!(desk.names(".").is_empty(), "{args:?}");
    }
}

#[test]
fn a_reader_that_closes_the_pipe_ends_the_program_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Desk::new().command(&["formats"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn formats_lists_every_format_of_the_registry_as_a_table_and_as_json() {
    let desk = Desk::new();
    let names: Vec<&str> = geohaul::write::FORMATS.iter().map(|format| format.info().name).collect();
    let table = desk.run(&["formats"]).stdout;
    assert!(table.starts_with("NAME"), "{table}");
    let listed: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, names);
    let json: serde_json::Value = serde_json::from_str(&desk.run(&["formats", "--json"]).stdout).unwrap();
    let in_json: Vec<&str> = json.as_array().unwrap().iter().map(|info| info["name"].as_str().unwrap()).collect();
    assert_eq!(in_json, names);
    for info in json.as_array().unwrap() {
        assert!(info["endings"].is_array() && info["z"].is_boolean() && info["limits"].is_string(), "{info}");
    }
}
