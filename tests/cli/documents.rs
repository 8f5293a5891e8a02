//! What the documents say holds: their commands run, their tables are those of the code, what they name exists.

use std::path::Path;
use std::process::Command;

use clap::Parser;

use super::demo::Demo;
use super::layer::Layer;
use super::server::Server;
use super::{Desk, facts, tools::in_clone};

fn read(path: &str) -> String {
    std::fs::read_to_string(in_clone(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// A block of commands in a document.
struct Block {
    place: String,
    commands: String,
    /// Why it can't run here.
    not_run: Option<String>,
}

/// The blocks of `sh` in a document. A comment before one, `<!-- not run: REASON -->`, leaves it at the arguments.
fn blocks(path: &str) -> Vec<Block> {
    let document = read(path);
    let mut lines = document.lines().enumerate().peekable();
    let (mut blocks, mut not_run) = (Vec::new(), None);
    while let Some((number, line)) = lines.next() {
        if line == "```sh" {
            let commands = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect::<Vec<_>>().join("\n");
            blocks.push(Block { place: format!("{path}:{}", number + 1), commands, not_run: not_run.take() });
        } else {
            let reason = line.strip_prefix("<!-- not run: ").and_then(|rest| rest.strip_suffix(" -->"));
            not_run = reason.map(str::to_owned);
        }
    }
    blocks
}

/// The lines of a block that are ours, with those that end in a backslash joined.
fn ours(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", " ");
    joined.lines().filter(|line| line.starts_with("geohaul ")).map(str::to_owned).collect()
}

fn documents() -> Vec<String> {
    let docs = std::fs::read_dir(in_clone("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut docs: Vec<String> = docs.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    docs.push("README.md".to_owned());
    docs.sort();
    docs
}

/// The servers of the examples: `Parcels` is a layer that can choose by area, everything else is the demo server.
struct Site {
    demo: Demo,
    parcels: Server,
}

impl Site {
    fn start() -> Self {
        let layer = Layer::of(1..=25);
        Self { demo: Demo::start(), parcels: Server::start(move |call| layer.reply(call)) }
    }

    /// Commands with addresses that answer, in place of those on `https://host`.
    fn put_into(&self, commands: &str) -> String {
        let demo = format!("http://{}/arcgis/rest/services", self.demo.host);
        let parcels = self.parcels.url("/arcgis/rest/services/Parcels/");
        let mut parts = commands.split("https://host/arcgis/rest/services");
        let mut here = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match part.strip_prefix('/').and_then(|part| part.split_once('/')) {
                Some(("Parcels", rest)) => here.push_str(&format!("{parcels}{rest}")),
                Some((name, rest)) if !name.contains(char::is_whitespace) => here.push_str(&format!("{demo}/Demo/{rest}")),
                _ => here.push_str(&format!("{demo}{part}")),
            }
        }
        here
    }
}

/// Runs commands as a shell reads them, with the files of the clone for those of the examples. The first that fails ends
/// it, also in the middle of a pipe.
fn run_as_written(site: &Site, desk: &Desk, commands: &str, place: &str) {
    let here = site.put_into(commands);
    let program = Path::new(env!("CARGO_BIN_EXE_geohaul")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = Command::new("bash")
        .args(["-xeuo", "pipefail", "-c", &here])
        .current_dir(desk.dir.path())
        .env("PATH", path.unwrap())
        .env("XDG_CONFIG_HOME", desk.path("settings"))
        // Where a password would be asked for.
        .env("GEOHAUL_PASSWORD", "not asked for by a public service")
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{place}: {here}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A desk with the files that the examples name.
fn desk_of_the_examples(site: &Site) -> Desk {
    let desk = Desk::new();
    desk.write("points.geojson", &read("examples/points.geojson"));
    desk.write("wells.geojson", &read("examples/points.geojson"));
    desk.write("answer.json", &read("testdata/geometry/web-mercator.json"));
    let area = r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}"#;
    desk.write("area.geojson", area);
    let job = |name: &str, layer: u8| {
        let source = format!("https://host/arcgis/rest/services/City/FeatureServer/{layer}");
        format!("[[job]]\nname = \"{name}\"\nsource = \"{source}\"\noutput = \"{name}.gpkg\"\n")
    };
    desk.write("nightly.toml", &site.put_into(&[job("nightly-stations", 1), job("nightly-readings", 2)].concat()));
    desk
}

#[test]
fn every_command_of_the_documents_runs_or_says_why_not() {
    let site = Site::start();
    let (mut run, mut not_run) = (0, Vec::new());
    for path in documents() {
        let desk = desk_of_the_examples(&site);
        for block in blocks(&path) {
            let commands = ours(&block.commands);
            if let Some(why) = block.not_run {
                commands.iter().for_each(|command| parses(command, &block.place));
                not_run.push(format!("{}: {} commands: {why}", block.place, commands.len()));
            } else if !commands.is_empty() {
                run_as_written(&site, &desk, &block.commands, &block.place);
                run += commands.len();
            }
        }
        // One that stands outside of a block would not be seen.
        assert!(!read(&path).contains("\n    geohaul ") || path == "docs/cli.md", "{path}: an indented command");
    }
    assert!(run > 40, "{run}");
    assert_eq!(not_run.len(), 4, "a block that is not run needs a good reason: {not_run:#?}");
}

/// The arguments of a command, as a shell reads them, are arguments of ours.
fn parses(command: &str, place: &str) {
    let script = format!("geohaul() {{ printf '%s\\0' \"$@\"; }}; {command}");
    let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    let text = String::from_utf8(output.stdout).unwrap();
    let words = std::iter::once("geohaul").chain(text.trim_end_matches('\0').split('\0'));
    geohaul::cli::Args::try_parse_from(words).unwrap_or_else(|why| panic!("{place}: {command}: {why}"));
}

#[test]
fn every_target_of_make_that_the_readme_names_is_there() {
    let makefile = read("Makefile");
    let all: Vec<String> = blocks("README.md").into_iter().map(|block| block.commands).collect();
    let targets: Vec<&str> = all.iter().flat_map(|block| block.lines()).filter_map(|line| line.strip_prefix("make ")).collect();
    assert!(targets.len() >= 2, "{all:?}");
    for target in targets.iter().filter_map(|words| words.split_whitespace().next()) {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
}

#[test]
fn every_example_of_the_help_runs() {
    let site = Site::start();
    for verb in ["", "convert", "export", "run", "ls", "info", "formats", "batch", "plan", "completions", "man"] {
        let desk = desk_of_the_examples(&site);
        let args: Vec<&str> = [verb, "--help"].into_iter().filter(|arg| !arg.is_empty()).collect();
        let help = desk.run(&args).stdout;
        let example = help.trim_end().rsplit("\n\n").next().unwrap().replace('\n', " ");
        run_as_written(&site, &desk, example.strip_prefix("Example: ").unwrap(), verb);
    }
}

#[test]
fn every_option_that_the_readme_names_exists() {
    let desk = Desk::new();
    let help: String = ["convert", "export", "run", "ls", "info", "formats", "batch", "plan"]
        .map(|verb| desk.run(&[verb, "--help"]).stdout)
        .concat();
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
        table.push_str(&facts::row(info));
    }
    table
}

#[test]
fn the_table_of_formats_is_that_of_the_registry_and_every_format_has_its_section() {
    const BEGIN: &str =
        "<!-- from the registry: GEOHAUL_DOCS=write cargo test --features geoparquet --test cli table_of_formats -->\n";
    const END: &str = "<!-- end -->\n";
    let document = read("docs/formats.md");
    let (before, rest) = document.split_once(BEGIN).expect("the table's beginning");
    let (table, after) = rest.split_once(END).expect("the table's end");
    let ours = formats_table();
    // The table is of a build with all formats; tests/geoparquet.rs compares this row.
    let here = |line: &&str| cfg!(feature = "geoparquet") || !line.contains("`geoparquet`");
    let table: String = table.split_inclusive('\n').filter(here).collect();
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
