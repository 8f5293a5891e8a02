//! The only place that prints: data to stdout, reports and news to stderr.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use indicatif::MultiProgress;
use serde_json::{Value, json};

use super::args::ProgressKind;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Evidence, GeometryKind};
use crate::report::{Clipped, LayerReport, Loss, Losses, OutputReport, Report};

/// Prints what the user asked to see. A reader that closes the pipe ends the program quietly.
pub(super) fn data(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(harmless(text).as_bytes()) {
        Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::File, "can't write to standard output").because(why))
        }
        _ => Ok(()),
    }
}

/// The text without control characters, with which a server could steer the terminal: they become escapes such as
/// `\u001b`, which in JSON mean the same. Line ends and tabs stay.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    let escaped = |c: char| if is_harmful(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// How this process talks.
pub(super) enum Manner {
    /// In lines, above bars.
    Bars(MultiProgress),
    /// In lines.
    Lines,
    /// In JSON objects.
    Json,
    /// In lines, but not of what goes on.
    Silent,
}

/// Set once, before anything is said.
static TALK: OnceLock<(Manner, bool)> = OnceLock::new();

/// Settles how this process talks. `quiet`: of errors only.
pub(super) fn talk(kind: ProgressKind, quiet: bool) {
    let terminal = std::io::stderr().is_terminal();
    let can_draw = terminal && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb");
    let manner = match kind {
        ProgressKind::Auto if can_draw => Manner::Bars(MultiProgress::new()),
        ProgressKind::Bars if terminal => Manner::Bars(MultiProgress::new()),
        ProgressKind::Auto | ProgressKind::Bars | ProgressKind::Lines => Manner::Lines,
        ProgressKind::Json => Manner::Json,
        ProgressKind::None => Manner::Silent,
    };
    // A second word would come too late.
    let _ = TALK.set((manner, quiet));
}

/// How this process talks.
pub(super) fn manner() -> &'static Manner {
    TALK.get().map_or(&Manner::Lines, |(manner, _)| manner)
}

/// Whether only errors are told.
pub(super) fn is_quiet() -> bool {
    TALK.get().is_some_and(|(_, quiet)| *quiet)
}

/// Prints to stderr; nobody is left to hear that it failed.
fn write(text: &str) {
    let _ = std::io::stderr().lock().write_all(harmless(text).as_bytes());
}

/// Prints lines to stderr, above bars; to a program each is a note.
pub(super) fn say(text: &str) {
    match manner() {
        Manner::Bars(screen) => screen.suspend(|| write(text)),
        Manner::Json => text.lines().for_each(|line| event("note", json!({"text": line}))),
        Manner::Lines | Manner::Silent => write(text),
    }
}

/// Tells a program of an event: its name and what belongs to it, as one line.
pub(super) fn event(name: &str, mut what: Value) {
    let mut line = json!({"event": name});
    if let (Some(line), Some(what)) = (line.as_object_mut(), what.as_object_mut()) {
        line.append(what);
    }
    write(&format!("{line}\n"));
}

/// Prints what the user should know beside the data.
pub(super) fn warnings(warnings: &[String]) {
    for warning in warnings.iter().filter(|_| !is_quiet()) {
        say(&format!("warning: {warning}\n"));
    }
}

/// The report in short; to a program whole.
pub(super) fn print_report(report: &Report) {
    match manner() {
        _ if is_quiet() && report.failures.is_empty() => {}
        _ if is_quiet() => say(&failures_text(report)),
        Manner::Json => event("report", json!({"report": report})),
        _ => say(&report_text(report)),
    }
}

fn report_text(report: &Report) -> String {
    let mut text = String::new();
    for layer in &report.layers {
        layer_text(&mut text, layer);
    }
    for file in &report.files {
        text.push_str(&format!("wrote {}\n", file.display()));
    }
    for warning in &report.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text + &failures_text(report)
}

fn failures_text(report: &Report) -> String {
    let mut text = String::new();
    for failure in &report.failures {
        text.push_str(&format!("failed: {}\n", failure.message));
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("  hint: {hint}\n"));
        }
    }
    text
}

fn layer_text(text: &mut String, layer: &LayerReport) {
    let what = match layer.geometry {
        None => "table rows".to_owned(),
        Some(GeometryKind::Mixed) => "features of several kinds".to_owned(),
        Some(kind) => format!("{kind} features"),
    };
    let crs = match (&layer.spatial_reference, layer.geometry) {
        (Some(crs), _) => match &layer.vertical_reference {
            Some(vertical) => format!(" in {crs}, heights {vertical}"),
            None => format!(" in {crs}"),
        },
        (None, Some(_)) => " without spatial reference".to_owned(),
        (None, None) => String::new(),
    };
    let without = match layer.without_geometry {
        0 => String::new(),
        count => format!(" ({count} without geometry)"),
    };
    let proof = completeness(&layer.evidence);
    text.push_str(&format!("\"{}\": {} {what}{without}{crs}; {proof}\n", layer.name, layer.evidence.rows));
    if let Some(Clipped { inside, cut, outside }) = layer.clipped {
        text.push_str(&format!("    cut at the area: {cut} cut, {inside} inside as they are, {outside} outside and left out\n"));
    }
    losses_text(text, &layer.losses);
    for output in &layer.outputs {
        output_text(text, output);
    }
}

fn completeness(evidence: &Evidence) -> String {
    match (evidence.missing(), evidence.count_after.or(evidence.count_before)) {
        (0, _) if evidence.limit == Some(evidence.rows) => "as many as asked for".to_owned(),
        (0, Some(count)) if evidence.unexplained => {
            format!(
                "no fewer than the server counts at the end, {count}; it counted {} before",
                evidence.count_before.unwrap_or(0)
            )
        }
        (0, Some(count)) if count == evidence.rows && evidence.shifts_unseen => {
            format!(
                "as many as the server counts, {count}; by neither edits nor ids does it tell whether a row moved between pages"
            )
        }
        (0, Some(count)) if count == evidence.rows => format!("complete, the server counts {count}"),
        (0, Some(count)) if evidence.count_before == Some(count) && !evidence.edited => {
            format!("complete, although the server counts {count} only, before and after")
        }
        (0, Some(count)) => format!("complete, the server counted {count} (rows were removed meanwhile)"),
        // Only a count or a list of ids proves it.
        (0, None) if evidence.listed => "complete by the server's list of object ids".to_owned(),
        (0, None) if evidence.requests == 0 => format!("all rows of the {}", evidence.strategy),
        (0, None) => "all that the server sent, which does not count them".to_owned(),
        (missing, _) => format!("NOT complete, at least {missing} missing"),
    }
}

fn output_text(text: &mut String, output: &OutputReport) {
    // What went through standard output is not there to be measured.
    text.push_str(&match output.path.as_os_str() == "-" {
        true => format!("  wrote standard output: {} rows", output.rows),
        false => format!("  wrote {}: {} rows, {}", output.path.display(), output.rows, size(output.bytes)),
    });
    match (&output.reprojection, &output.spatial_reference) {
        (Some(reprojection), _) => text.push_str(&format!(", {reprojection}")),
        (None, Some(crs)) => text.push_str(&format!(", {crs}")),
        (None, None) => {}
    }
    text.push('\n');
    losses_text(text, &output.losses);
    for warning in &output.warnings {
        text.push_str(&format!("    warning: {warning}\n"));
    }
}

fn losses_text(text: &mut String, losses: &Losses) {
    for Loss { kind, field, detail, count, first, .. } in losses.iter() {
        let field = field.as_ref().map_or(String::new(), |field| format!("{field}: "));
        let detail = detail.as_ref().map_or(String::new(), |detail| format!(" ({detail})"));
        let times = if *count > 1 { format!(", {count} times") } else { String::new() };
        let first = first.as_ref().map_or(String::new(), |first| format!(", first in {first}"));
        text.push_str(&format!("    {field}{}{detail}{times}{first}\n", kind.describe()));
    }
}

/// Bytes in words.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// Rows of cells as columns of even width.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_server_are_shown_and_never_obeyed() {
        assert_eq!(harmless("Roads\t1\n"), "Roads\t1\n");
        assert_eq!(harmless("\u{1b}[2Ja\u{9b}b\u{7f}\r\nc"), "\\u001b[2Ja\\u009bb\\u007f\nc");
        let json = Value::from("a\u{9b}\u{1b}").to_string();
        assert_eq!(serde_json::from_str::<Value>(&harmless(&json)).unwrap(), Value::from("a\u{9b}\u{1b}"));
    }
}
