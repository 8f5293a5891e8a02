//! `geohaul.toml`: other defaults, by the same rules as what is typed.

use super::layer::Layer;
use super::server::Server;
use super::{Desk, Run, saved};

const PATH: &str = "/arcgis/rest/services/Roads/FeatureServer/0";

/// A run with this configuration in the user's folder for settings.
fn run(desk: &Desk, toml: &str, args: &[&str], variables: &[(&str, &str)]) -> Run {
    std::fs::create_dir_all(desk.path("settings/geohaul")).unwrap();
    desk.write("settings/geohaul/geohaul.toml", toml);
    let mut command = desk.command(args);
    command.env("XDG_CONFIG_HOME", desk.path("settings")).env_remove("GEOHAUL_NO_CONFIG").envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&desk.path("settings").display().to_string(), "SETTINGS");
    Run { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[track_caller]
fn refused(toml: &str, stderr: &str) {
    let desk = Desk::new();
    let run = run(&desk, toml, &["convert", &saved("z-points.json"), "-o", "a.csv"], &[]);
    assert_eq!(run.stderr, super::unindented(stderr));
    assert_eq!((run.status, desk.path("a.csv").exists()), (2, false));
}

#[test]
fn what_is_typed_goes_before_the_environment_and_that_before_the_file() {
    let layer = Layer::of(1..=40);
    let server = Server::start(move |call| layer.reply(call));
    let desk = Desk::new();
    let url = server.url(PATH).to_string();
    let file = "page_size = 7\nprogress = 'none'\n[export]\noutput = ['a.csv', 'a.geojson']\noverwrite = true\n";
    let done = run(&desk, file, &["export", &url], &[]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(desk.path("a.csv").exists() && desk.path("a.geojson").exists());
    assert!(!done.stderr.contains("reading"), "{}", done.stderr);
    assert!(server.pages().iter().any(|call| call.param("resultRecordCount") == "7"));

    let done = run(&desk, file, &["export", &url, "-o", "b.csv", "--page-size", "9"], &[("GEOHAUL_PROGRESS", "lines")]);
    assert!(done.stderr.starts_with("reading"), "{}", done.stderr);
    assert!(server.pages().iter().any(|call| call.param("resultRecordCount") == "9"));
    let done = run(&desk, file, &["export", &url, "-o", "b.csv", "--progress", "json"], &[("GEOHAUL_PROGRESS", "lines")]);
    assert!(done.stderr.starts_with("{\"event\""), "{}", done.stderr);
}

#[test]
fn the_table_of_a_verb_goes_before_what_is_for_all() {
    let desk = Desk::new();
    let file = "precision = 1\nquiet = true\n[convert]\nprecision = 3\n[ls]\njson = true\n";
    let convert = ["convert", &saved("web-mercator.json"), "-o", "a.geojson", "--overwrite"];
    let written = |args: &[&str]| {
        assert_eq!(run(&desk, file, args, &[]).status, 0);
        desk.read("a.geojson")
    };
    let three = written(&convert);
    assert_eq!(three, written(&[&convert[..], &["--precision", "3", "--no-config"]].concat()));
    assert_ne!(three, written(&[&convert[..], &["--precision", "1"]].concat()));
}

#[test]
fn what_the_typed_options_rule_out_is_left_out() {
    let desk = Desk::new();
    let file = "[convert]\noverwrite = true\nexplode = true\n";
    desk.write("a.gpkg", "");
    // --promote-multi rules out --explode, and --append --overwrite.
    let done = run(&desk, file, &["convert", &saved("z-points.json"), "-o", "b.csv", "--promote-multi"], &[]);
    assert_eq!(done.status, 0, "{}", done.stderr);
}

#[test]
fn the_ending_of_a_typed_output_goes_before_a_format_of_the_file() {
    let desk = Desk::new();
    let file = "[convert]\nformat = ['shapefile', 'kmz']\n";
    let convert = |outputs: &[&str]| {
        let done = run(&desk, file, &[&["convert", &saved("z-points.json")], outputs].concat(), &[]);
        assert_eq!(done.status, 0, "{}", done.stderr);
    };
    convert(&["-o", "a.geojson"]);
    convert(&["-o", "b.csv", "-o", "b.kmz"]);
    convert(&["-o", "all/"]);
    assert_eq!(desk.names("."), ["a.geojson", "all", "b.csv", "b.kmz", "settings"]);
    assert!(desk.names("all").iter().any(|name| name.ends_with(".kmz")), "{:?}", desk.names("all"));
}

#[test]
fn another_file_can_be_named_and_none_wished_for() {
    let desk = Desk::new();
    let other = desk.write("other.toml", "[convert]\noutput = 'other.csv'\n").display().to_string();
    let input = saved("z-points.json");
    assert_eq!(run(&desk, "nonsense", &["convert", &input, "--config", &other], &[]).status, 0);
    assert!(desk.path("other.csv").exists());
    assert_eq!(run(&desk, "nonsense", &["convert", &input, "--overwrite"], &[("GEOHAUL_CONFIG", &other)]).status, 0);
    let none = run(&desk, "nonsense", &["convert", &input, "--no-config"], &[("GEOHAUL_CONFIG", &other)]);
    assert!(none.status == 2 && none.stderr.contains("--output <PATH>"), "{}", none.stderr);
    let gone = run(&desk, "", &["convert", &input, "-o", "x.csv", "--config", "gone.toml"], &[]);
    assert!(gone.status == 1 && gone.stderr.starts_with("error: can't read the configuration\n"), "{}", gone.stderr);
    // Help does not depend on it.
    assert_eq!(run(&desk, "nonsense", &["convert", "--help"], &[]).status, 0);
}

#[test]
fn a_key_that_is_none_gets_the_nearest_name() {
    refused(
        "reciept = true",
        r#"
        error: the configuration names no option: "reciept"
        where: SETTINGS/geohaul/geohaul.toml
        hint: did you mean "receipt"? a key is the long name of an option, and [VERB] begins those of one verb
        "#,
    );
    refused(
        "[exprot]\nreceipt = true",
        r#"
        error: the configuration names no verb: "exprot"
        where: SETTINGS/geohaul/geohaul.toml
        hint: did you mean "export"? a key is the long name of an option, and [VERB] begins those of one verb
        "#,
    );
    refused(
        "[formats]\nreceipt = true",
        r#"
        error: the configuration names no option: "receipt"
        where: SETTINGS/geohaul/geohaul.toml
        hint: a key is the long name of an option, and [VERB] begins those of one verb
        "#,
    );
}

#[test]
fn a_secret_a_wrong_value_and_broken_toml_are_refused() {
    refused(
        "[export]\ntoken = 'abc'",
        r#"
        error: the configuration holds a secret: token
        where: SETTINGS/geohaul/geohaul.toml
        hint: geohaul login keeps sign-ins; token-file, password-file and header = "@FILE" name files with secrets
        "#,
    );
    refused(
        "[convert]\nprecision = 99",
        "
        error: the configuration gives an option what it can't take
        cause: invalid value '99' for '--precision <N>': 99 is not in 0..=17
        where: SETTINGS/geohaul/geohaul.toml
        hint: correct it there, or leave it out of this run with --no-config
        ",
    );
    refused(
        "overwrite = 'yes'",
        "
        error: the configuration can't have overwrite so
        cause: it takes true, false or a number of times
        where: SETTINGS/geohaul/geohaul.toml
        ",
    );
    let desk = Desk::new();
    let run = run(&desk, "quiet = true\nthis is no TOML", &["convert", &saved("z-points.json"), "-o", "a.csv"], &[]);
    assert!(run.stderr.starts_with("error: the configuration is no TOML\ncause: line 2: "), "{}", run.stderr);
}
