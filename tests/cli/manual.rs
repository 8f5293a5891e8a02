//! `docs/cli.md`, from the arguments.

use std::fmt::Write;

use clap::{Arg, Command};

/// All commands with their words, `geohaul` first.
pub(super) fn verbs(root: &Command) -> Vec<(String, Command)> {
    let mut root = root.clone();
    root.build();
    let mut all = Vec::new();
    gather(&root, root.get_name().to_owned(), &mut all);
    all
}

fn gather(command: &Command, path: String, all: &mut Vec<(String, Command)>) {
    all.push((path.clone(), command.clone()));
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        gather(verb, format!("{path} {}", verb.get_name()), all);
    }
}

/// The whole document.
pub(super) fn text(root: Command) -> String {
    let mut text = "# The command line\n\n<!-- from the arguments: GEOHAUL_DOCS=write cargo test --test cli document_of_the_command_line -->\n"
        .to_owned();
    let general: Vec<String> = root.get_arguments().map(|arg| arg.get_id().to_string()).collect();
    for (path, mut command) in verbs(&root) {
        let is_root = path == "geohaul";
        write!(text, "\n## `{path}`\n\n").unwrap();
        let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
        let about = about.trim();
        write!(text, "{about}{}\n\n", if about.ends_with('.') { "" } else { "." }).unwrap();
        let usage = command.render_usage().to_string();
        writeln!(text, "    {}", usage.trim_start_matches("Usage: ").trim()).unwrap();
        let wanted = |arg: &&Arg| {
            let id = arg.get_id().as_str();
            !arg.is_hide_set() && !matches!(id, "help" | "version") && (is_root || !general.iter().any(|known| known == id))
        };
        let args: Vec<&Arg> = command.get_arguments().filter(wanted).collect();
        let mut headings: Vec<Option<&str>> = Vec::new();
        args.iter().for_each(|arg| {
            if !headings.contains(&arg.get_help_heading()) {
                headings.push(arg.get_help_heading())
            }
        });
        for heading in headings {
            write!(text, "\n| {} | |\n|---|---|\n", heading.unwrap_or("Arguments")).unwrap();
            for arg in args.iter().filter(|arg| arg.get_help_heading() == heading) {
                writeln!(text, "| {} | {} |", cell(&name(arg)), cell(&help(arg))).unwrap();
            }
        }
        if let Some(after) = command.get_after_help() {
            write!(text, "\n{}\n", after.to_string().replace("<", "\\<")).unwrap();
        }
    }
    text
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn name(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default().iter().map(|name| format!(" {name}")).collect::<String>();
    let values = if arg.get_action().takes_values() { values } else { String::new() };
    match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("`-{short}`, `--{long}{values}`"),
        (None, Some(long)) => format!("`--{long}{values}`"),
        _ => format!("`{}`", values.trim()),
    }
}

fn help(arg: &Arg) -> String {
    let mut help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    if !help.ends_with('.') {
        help.push('.');
    }
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values();
        for value in values.iter().filter(|value| !value.is_hide_set()) {
            let meaning = value.get_help().map(|help| format!(": {help}")).unwrap_or_default();
            write!(help, " `{}`{meaning};", value.get_name()).unwrap();
        }
        if help.ends_with(';') {
            help.pop();
            help.push('.');
        }
        let default: Vec<String> = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        if !default.is_empty() && !arg.is_hide_default_value_set() {
            write!(help, " Default: `{}`.", default.join(",")).unwrap();
        }
    }
    if let Some(variable) = arg.get_env() {
        write!(help, " Environment: `{}`.", variable.to_string_lossy()).unwrap();
    }
    help
}
