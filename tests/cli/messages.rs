//! The style of messages (`docs/messages.md`): of those in `testdata/messages.txt`, which are what these commands say,
//! and of all that stand in the source.

use std::path::Path;

use super::demo::Demo;
use super::{Desk, in_clone, saved};

/// The commands of a snapshot, each behind `$ `, with what they print below.
fn said_today(snapshot: &str) -> String {
    let demo = Demo::start();
    let desk = Desk::beside(&format!("http://{}", demo.host));
    for name in ["z-points.json", "cut-off-by-its-server.json", "no-spatial-reference.json"] {
        desk.write(name, &std::fs::read_to_string(saved(name)).unwrap());
    }
    desk.write("broken.json", "{\"features\": [");
    // Which formats there are depends on the features of the build.
    let formats: Vec<&str> = geohaul::write::FORMATS.iter().map(|format| format.info().name).collect();
    let mut text = String::new();
    for line in snapshot.lines().filter_map(|line| line.strip_prefix("$ geohaul ")) {
        let words: Vec<String> = line.split(' ').map(|word| word.replace("SERVER", &desk.server)).collect();
        let run = desk.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        text.push_str(&format!("$ geohaul {line}\n{}{}[{}]\n\n", run.stdout, run.stderr, run.status));
    }
    text.replace(&formats.join(", "), "FORMATS")
}

#[test]
fn commands_say_what_the_snapshot_has() {
    let path = in_clone("testdata/messages.txt");
    let snapshot = std::fs::read_to_string(&path).unwrap();
    let today = said_today(&snapshot);
    if std::env::var("GEOHAUL_DOCS").is_ok_and(|wish| wish == "write") {
        std::fs::write(path, today).unwrap();
        return;
    }
    assert_eq!(snapshot, today, "if that is meant: GEOHAUL_DOCS=write cargo test --test cli commands_say");
}

#[test]
fn every_error_of_the_snapshot_keeps_to_the_style() {
    let snapshot = std::fs::read_to_string(in_clone("testdata/messages.txt")).unwrap();
    let mut errors = 0;
    for answer in snapshot.split("$ geohaul ").skip(1).filter(|answer| answer.contains("\nerror: ")) {
        let lines: Vec<&str> = answer.lines().skip(1).take_while(|line| !line.starts_with('[')).collect();
        let names: Vec<&str> = lines.iter().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        let order = ["error", "cause", "where", "hint"];
        let own = names.iter().filter(|name| order.contains(name)).copied().collect::<Vec<_>>();
        let expected: Vec<&str> = order.into_iter().filter(|name| own.contains(name)).collect();
        assert_eq!(own, expected, "{answer}");
        lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| order.contains(name))
            .for_each(|(_, text)| good(text, answer));
        errors += 1;
    }
    assert!(errors > 8, "{errors}");
}

#[test]
fn every_message_of_the_source_keeps_to_the_style() {
    let mut messages = 0;
    for file in rust_files(&in_clone("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for before in ["Error::new(ErrorKind::", ".hint(", ".because("] {
            for (_, rest) in text.match_indices(before).map(|(at, _)| text.split_at(at + before.len())) {
                let rest = if before.starts_with("Error") { rest.split_once(", ").map_or("", |(_, rest)| rest) } else { rest };
                let rest = rest.strip_prefix("format!(").unwrap_or(rest);
                let Some(literal) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
                good(literal.trim_end_matches('\\'), &file.display().to_string());
                messages += 1;
            }
        }
    }
    assert!(messages > 150, "{messages}");
}

fn good(text: &str, place: &str) {
    let told = |what: &str| format!("{place}: {what}: {text}");
    assert!(!text.ends_with('.') || text.ends_with("..."), "{}", told("no full stop at the end"));
    assert!(!text.contains('!') || text.contains("!="), "{}", told("no exclamation"));
    for word in
        ["Failed", "failed to", "Unable", "unable to", "Could not", "could not", "Cannot", "cannot", "Please", "sorry", "illegal"]
    {
        assert!(!text.starts_with(word), "{}", told("another word"));
    }
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}
