//! The only place that prints: data to stdout, reports and news to stderr.

use std::io::Write;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Evidence, GeometryKind};
use crate::report::{Clipped, LayerReport, Loss, Losses, MessageKind, OutputReport, Progress, Report};

/// Prints what the user asked to see. A reader that closes the pipe ends the program quietly.
pub(super) fn data(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::File, "can't write to standard output").because(why))
        }
        _ => Ok(()),
    }
}

/// Prints to stderr; nobody is left to hear that it failed.
pub(super) fn say(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints what the user should know beside the data.
pub(super) fn warnings(warnings: &[String]) {
    for warning in warnings {
        say(&format!("warning: {warning}\n"));
    }
}

/// News as plain lines.
pub(super) struct Lines;

impl Progress for Lines {
    fn layer(&self, name: &str, count: Option<u64>) {
        let count = count.map_or(String::new(), |count| format!(", {count} rows"));
        say(&format!("reading \"{name}\"{count}\n"));
    }

    fn job_status(&self, status: &str) {
        say(&format!("job: {status}\n"));
    }

    fn job_progress(&self, percent: Option<f64>, text: &str) {
        let percent = percent.map(|percent| format!("{percent:.0} %"));
        let parts: Vec<&str> = percent.as_deref().into_iter().chain([text]).filter(|part| !part.is_empty()).collect();
        say(&format!("job: {}\n", parts.join(", ")));
    }

    fn message(&self, kind: MessageKind, text: &str) {
        let kind = match kind {
            MessageKind::Informative => "server",
            MessageKind::Warning => "server warning",
            MessageKind::Error => "server error",
        };
        say(&format!("{kind}: {text}\n"));
    }

    fn retry(&self, why: &str) {
        say(&format!("again: {why}\n"));
    }
}

/// The report in short.
pub(super) fn print_report(report: &Report) {
    say(&report_text(report));
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
    text.push_str(&format!("\"{}\": {} {what}{crs}; {}\n", layer.name, layer.evidence.rows, completeness(&layer.evidence)));
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
        (0, Some(count)) if count == evidence.rows => format!("complete, the server counts {count}"),
        (0, Some(count)) => format!("complete, the server counted {count} (rows were removed meanwhile)"),
        (0, None) => "complete".to_owned(),
        (missing, _) => format!("NOT complete, at least {missing} missing"),
    }
}

fn output_text(text: &mut String, output: &OutputReport) {
    text.push_str(&format!("  wrote {}: {} rows, {}", output.path.display(), output.rows, size(output.bytes)));
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

/// Bytes as people read them.
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
