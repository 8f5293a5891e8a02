//! What the documents say holds: their commands run, their tables are those of the code, what they name exists.

use std::path::Path;
use std::process::Command;

use geohaul::model::plan::{CrsRule, FormatInfo};

use super::demo::Demo;
use super::{Desk, tools::in_clone};

fn read(path: &str) -> String {
    std::fs::read_to_string(in_clone(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Runs a command as a shell reads it, with the demo server for the services on `https://host`, and for the files
/// of the examples those of the clone.
fn run_as_written(demo: &Demo, desk: &Desk, command: &str) {
    let services = format!("http://{}/arcgis/rest/services/Demo", demo.host);
    let command = command.replace("https://host/arcgis/rest/services ", &format!("http://{}/arcgis/rest/services ", demo.host));
    let mut here = String::new();
    for (index, part) in command.split("https://host/arcgis/rest/services/").enumerate() {
        match part.split_once('/') {
            Some((_name, rest)) if index > 0 => here.push_str(&format!("{services}/{rest}")),
            _ => here.push_str(part),
        }
    }
    let program = Path::new(env!("CARGO_BIN_EXE_geohaul")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = Command::new("bash")
        .args(["-c", &here])
        .current_dir(desk.dir.path())
        .env("PATH", path.unwrap())
        // Where a password would be asked for.
        .env("GEOHAUL_PASSWORD", "not asked for by a public service")
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{here}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A desk with the files that the examples name.
fn desk_of_the_examples() -> Desk {
    let desk = Desk::new();
    desk.write("points.geojson", &read("examples/points.geojson"));
    desk.write("wells.geojson", &read("examples/points.geojson"));
    desk.write("answer.json", &read("testdata/geometry/web-mercator.json"));
    desk
}

/// The indented command lines of a document, with lines that end in a backslash joined.
fn commands(document: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in document.lines().filter_map(|line| line.strip_prefix("    ")) {
        let (text, more) = line.strip_suffix('\\').map_or((line, false), |text| (text, true));
        match commands.last_mut() {
            Some(command) if goes_on => command.push_str(text.trim_start()),
            _ => commands.push(text.to_owned()),
        }
        goes_on = more;
    }
    commands.retain(|command| !command.trim_start().starts_with('#'));
    commands
}

#[test]
fn every_command_of_the_readme_runs() {
    let (demo, desk) = (Demo::start(), desk_of_the_examples());
    let all = commands(&read("README.md"));
    let ours: Vec<&String> = all.iter().filter(|command| command.starts_with("geohaul ")).collect();
    assert!(ours.len() >= 5, "{all:?}");
    for command in ours {
        run_as_written(&demo, &desk, command);
    }
    let makefile = read("Makefile");
    for target in all.iter().filter_map(|command| command.strip_prefix("make ")?.split_whitespace().next()) {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
}

#[test]
fn every_example_of_the_help_runs() {
    let demo = Demo::start();
    for verb in ["", "convert", "export", "run", "ls", "info", "formats"] {
        let desk = desk_of_the_examples();
        let args: Vec<&str> = [verb, "--help"].into_iter().filter(|arg| !arg.is_empty()).collect();
        let help = desk.run(&args).stdout;
        let example = help.trim_end().rsplit("\n\n").next().unwrap().replace('\n', " ");
        run_as_written(&demo, &desk, example.strip_prefix("Example: ").unwrap());
    }
}

#[test]
fn every_option_that_the_readme_names_exists() {
    let desk = Desk::new();
    let help: String =
        ["convert", "export", "run", "ls", "info", "formats"].map(|verb| desk.run(&[verb, "--help"]).stdout).concat();
    let readme = read("README.md");
    for command in readme.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("geohaul ")) {
        let verb = command.split_whitespace().next().unwrap();
        assert!(verb == "VERB" || desk.run(&[verb, "--help"]).status == 0, "geohaul {command}");
    }
    for word in readme.split(['`', ' ', '\n']).filter(|word| word.starts_with("--")) {
        let cargo = ["--no-default-features", "--features", "--path"];
        assert!(cargo.contains(&word) || help.contains(&format!("{word} ")) || help.contains(&format!("{word}\n")), "{word}");
    }
}

/// The table of `docs/formats.md`, from the registry.
fn formats_table() -> String {
    let mut table =
        "| format | `--format` | endings | geometry | tables | z | m | names | fields | text | coordinates |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for info in geohaul::write::FORMATS.iter().map(|format| format.info()) {
        table.push_str(&row(info));
    }
    table
}

fn row(info: &FormatInfo) -> String {
    let yes = |flag| if flag { "yes" } else { "no" }.to_owned();
    let most = |limit: Option<String>| limit.unwrap_or_else(|| "any".to_owned());
    let crs = match info.crs {
        CrsRule::Wgs84Only => "WGS 84",
        CrsRule::Wgs84Default => "WGS 84, or as `--crs` says",
        CrsRule::Native => "the layer's own, or as `--crs` says",
    };
    let mut kinds = info.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if info.mixed_kinds {
        kinds.push_str(", mixed");
    }
    let cells = [
        info.title.to_owned(),
        format!("`{}`", info.name),
        info.endings.iter().map(|ending| format!("`.{ending}`")).collect::<Vec<_>>().join(" "),
        kinds,
        yes(info.tables),
        yes(info.z),
        yes(info.m),
        most(info.longest_field_name.map(|bytes| format!("{bytes} bytes"))),
        most(info.most_fields.map(|count| count.to_string())),
        most(info.longest_text.map(|bytes| format!("{bytes} bytes"))),
        crs.to_owned(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn the_table_of_formats_is_that_of_the_registry_and_every_format_has_its_section() {
    const BEGIN: &str = "<!-- from the registry: GEOHAUL_DOCS=write cargo test --test cli table_of_formats -->\n";
    const END: &str = "<!-- end -->\n";
    let document = read("docs/formats.md");
    let (before, rest) = document.split_once(BEGIN).expect("the table's beginning");
    let (table, after) = rest.split_once(END).expect("the table's end");
    let ours = formats_table();
    if table != ours && std::env::var("GEOHAUL_DOCS").is_ok_and(|wish| wish == "write") {
        std::fs::write(in_clone("docs/formats.md"), format!("{before}{BEGIN}{ours}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(table, ours, "docs/formats.md is out of date: GEOHAUL_DOCS=write writes it anew");
    for info in geohaul::write::FORMATS.iter().map(|format| format.info()) {
        let ending = format!("`.{}`", info.endings[0]);
        assert!(after.lines().any(|line| line.starts_with("## ") && line.contains(&ending)), "no section for {}", info.name);
    }
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let document = read("docs/architecture.md");
    let mut found = 0;
    for name in document.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs") || name.ends_with('/')) {
        if name.contains(char::is_whitespace) {
            continue;
        }
        let there = [in_clone(name), in_clone("src").join(name)].iter().any(|path| path.exists());
        assert!(there, "{name}");
        found += 1;
    }
    assert!(found > 15, "{found}");
}
