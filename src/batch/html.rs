//! A run as one page of HTML that needs nothing but itself: no script, no other file, no request.

use std::fmt::Write as _;

use super::junit::escaped;
use super::picture::SIZE;
use super::{JobRecord, LayerRecord, Summary};

/// What the page looks like, by day and by night.
const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn page(summary: &Summary) -> String {
    let (batch, run) = (escaped(&summary.batch), escaped(&summary.run.id));
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{batch}: run {run}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{batch}</h1>\n\
         <p class=\"when\">Run {run}, from {} to {}, {}</p>\n",
        time(&summary.run.started),
        time(&summary.finished),
        span(summary.seconds)
    );
    totals(&mut text, summary);
    text.push_str(
        "<div class=\"table\">\n<table>\n<thead><tr><th>Status</th><th>Job</th><th>Data</th><th class=\"number\">Rows</th>\
         <th class=\"number\">Fetched</th><th class=\"number\">Time</th></tr></thead>\n<tbody>\n",
    );
    summary.jobs.iter().for_each(|job| row(&mut text, job));
    let _ = write!(
        text,
        "</tbody>\n</table>\n</div>\n<footer>geohaul {}. Rows are as the server counts them; what was fetched is decompressed. \
         The pictures show some of the rows.</footer>\n</main>\n</body>\n</html>\n",
        escaped(&summary.geohaul)
    );
    text
}

fn totals(text: &mut String, summary: &Summary) {
    let of_jobs = |number: fn(&JobRecord) -> u64| summary.jobs.iter().map(number).sum::<u64>();
    text.push_str("<ul class=\"totals\">");
    for (count, outcome) in summary.totals.words() {
        let _ =
            write!(text, "<li><b class=\"{}\">{count}</b><span>{}</span></li>", class(outcome.describe()), outcome.describe());
    }
    let _ = writeln!(
        text,
        "<li><b>{}</b><span>rows</span></li><li><b>{}</b><span>fetched in {} requests</span></li></ul>",
        grouped(of_jobs(|job| job.rows)),
        size(of_jobs(|job| job.bytes)),
        grouped(of_jobs(|job| job.requests))
    );
    text.push_str("<div class=\"bar\" aria-hidden=\"true\">");
    for (count, outcome) in summary.totals.words() {
        let _ = write!(text, "<i class=\"{}\" style=\"flex:{count}\"></i>", class(outcome.describe()));
    }
    text.push_str("</div>\n");
}

fn row(text: &mut String, job: &JobRecord) {
    let outcome = job.outcome.describe();
    let _ = write!(
        text,
        "<tr class=\"job\"><td><span class=\"badge {}\">{outcome}</span></td>\
         <td><div class=\"name\">{}</div><div class=\"soft\">{} of {}</div>",
        class(outcome),
        escaped(&job.name),
        escaped(&job.kind),
        escaped(&job.source)
    );
    for failure in &job.failures {
        let hint = failure.hint.as_ref().map_or(String::new(), |hint| format!("<p>{}</p>", escaped(hint)));
        let _ = write!(text, "<div class=\"failure\">{}{hint}</div>", escaped(&failure.message));
    }
    let losses = job.layers.iter().flat_map(|layer| &layer.outputs).flat_map(|output| &output.losses);
    let warnings: Vec<&str> = job.warnings.iter().chain(losses).map(String::as_str).collect();
    list(text, "warnings", &counted(warnings.len(), "warning"), warnings.into_iter().map(str::to_owned));
    let files: Vec<String> =
        job.layers.iter().flat_map(written).chain(job.files.iter().map(|p| p.display().to_string())).collect();
    list(text, "files", &counted(files.len(), "output"), files);
    text.push_str("</td><td class=\"picture\">");
    if let Some(picture) = &job.picture {
        let kind = match (picture.filled, picture.path.contains("h0")) {
            (true, _) => "filled",
            (false, true) => "dots",
            (false, false) => "lines",
        };
        let [width, height] = SIZE;
        let (name, path) = (escaped(&job.name), escaped(&picture.path));
        let _ = write!(
            text,
            "<svg class=\"{kind}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Data of {name}\"><path d=\"{path}\"/></svg>"
        );
    }
    let again = if job.retries > 0 { format!(", {} again", job.retries) } else { String::new() };
    let fetched = match job.requests {
        0 => "\u{2013}".to_owned(),
        requests => {
            let requests = counted(usize::try_from(requests).unwrap_or(usize::MAX), "request");
            format!("{}<div class=\"soft\">{requests}{again}</div>", size(job.bytes))
        }
    };
    let (rows, seconds) = (grouped(job.rows), span(job.seconds));
    let _ = writeln!(
        text,
        "</td><td class=\"number\">{rows}</td><td class=\"number\">{fetched}</td><td class=\"number\">{seconds}</td></tr>"
    );
}

fn written(layer: &LayerRecord) -> impl Iterator<Item = String> + '_ {
    layer.outputs.iter().map(|output| {
        let rows = grouped(output.rows);
        let unchanged = if layer.unchanged { ", unchanged" } else { "" };
        format!("{} ({}, {rows} rows, {}{unchanged})", output.path.display(), output.format, size(output.bytes))
    })
}

fn list(text: &mut String, class: &str, title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = write!(text, "<details class=\"{class}\"><summary>{title}</summary><ul>");
    for line in lines {
        let _ = write!(text, "<li>{}</li>", escaped(&line));
    }
    text.push_str("</ul></details>");
}

fn class(outcome: &str) -> String {
    outcome.replace(' ', "-")
}

fn counted(count: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(count as u64), if count == 1 { "" } else { "s" })
}

/// `1 234 567`, with spaces that don't break.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn span(seconds: f64) -> String {
    match seconds {
        ..60.0 => format!("{seconds:.1} s"),
        ..3600.0 => format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), (seconds % 60.0).floor()),
        _ => format!("{:.0} h {:02.0} min", (seconds / 3600.0).floor(), (seconds % 3600.0 / 60.0).floor()),
    }
}

/// A time as people write it, in UTC.
fn time(iso: &str) -> String {
    escaped(&iso.replace('T', " ").replace('Z', " UTC"))
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, Run};
    use super::*;
    use crate::report::Failure;

    #[test]
    fn nothing_of_the_data_is_taken_for_markup_and_nothing_is_asked_for() {
        let nasty = "</td><script>alert(1)</script>&\"'";
        let mut job = JobRecord::new(nasty, nasty, nasty, Outcome::Failed);
        job.warnings.push(nasty.to_owned());
        let kind = crate::ErrorKind::Server;
        job.failures.push(Failure { kind, message: nasty.to_owned(), hint: Some(nasty.to_owned()) });
        let run = Run { id: nasty.to_owned(), started: nasty.to_owned() };
        let page = page(&Summary::of(nasty.to_owned(), run, 1.0, vec![job]));
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("</td>").count(), 6);
        for outside in ["http:", "https:", "//", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn numbers_are_as_people_read_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([1.25, 61.9, 3725.0].map(span), ["1.2 s", "1 min 01 s", "1 h 02 min"]);
        assert_eq!([12, 1200, 5_000_000].map(size), ["12 B", "1.2 kB", "5.0 MB"]);
    }
}
