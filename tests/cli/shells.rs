//! Completions, manual pages, `docs/cli.md`: all made of the arguments.

use std::process::Command;

use clap::CommandFactory;
use geohaul::cli::Args;

use super::{Desk, in_clone, manual};

#[test]
fn completions_are_given_for_four_shells_and_bash_takes_its_own() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let run = desk.run(&["completions", shell]);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{shell}");
        for word in ["whoami", "promote-multi", "server-kmz"] {
            assert!(run.stdout.contains(word), "{shell}: {word}");
        }
        desk.write(shell, &run.stdout);
    }
    let words = "source ./bash; COMP_WORDS=(geohaul exp); COMP_CWORD=1; _geohaul geohaul exp geohaul; echo ${COMPREPLY[@]}";
    let output = Command::new("bash").args(["-c", words]).current_dir(desk.path(".")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "export", "{output:?}");
}

#[test]
fn the_manual_has_a_page_for_each_verb_with_all_of_its_options() {
    let desk = Desk::new();
    assert!(desk.run(&["man"]).stdout.contains(".TH geohaul 1"));
    assert_eq!(desk.run(&["man", "--dir", "man1"]).status, 0);
    let mut pages = 0;
    for (path, command) in manual::verbs(&Args::command()) {
        let page = desk.read(&format!("man1/{}.1", path.replace(' ', "-")));
        pages += 1;
        for option in command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| arg.get_long()) {
            let written = format!("\\-\\-{}", option.replace('-', "\\-"));
            assert!(page.contains(&written), "{path}: --{option}");
        }
    }
    assert_eq!(pages, desk.names("man1").len());
}

#[test]
fn the_document_of_the_command_line_is_that_of_the_arguments() {
    let ours = manual::text(Args::command());
    let path = in_clone("docs/cli.md");
    if std::env::var("GEOHAUL_DOCS").is_ok_and(|wish| wish == "write") {
        std::fs::write(path, ours).unwrap();
        return;
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == ours, "docs/cli.md is out of date: GEOHAUL_DOCS=write cargo test --test cli document_of_the_command_line");
}
