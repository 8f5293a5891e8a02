//! A run as JUnit's XML, which build servers read: a job is a test case.

use std::fmt::Write as _;

use super::{JobRecord, Outcome, Summary};

/// The whole file.
pub(super) fn xml(summary: &Summary) -> String {
    let count = |which: fn(Outcome) -> bool| summary.jobs.iter().filter(|job| which(job.outcome)).count();
    let failed = count(|outcome| !outcome.is_good() && outcome != Outcome::NotRun);
    let totals = format!(
        r#"tests="{}" failures="{failed}" errors="0" skipped="{}" time="{:.3}""#,
        summary.jobs.len(),
        count(|outcome| outcome == Outcome::NotRun),
        summary.seconds
    );
    let name = escaped(&summary.batch);
    let started = escaped(summary.run.started.trim_end_matches('Z'));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"geohaul batch\" {totals}>\n  \
         <testsuite name=\"{name}\" timestamp=\"{started}\" {totals}>\n"
    );
    summary.jobs.iter().for_each(|job| case(&mut text, job, &name));
    text + "  </testsuite>\n</testsuites>\n"
}

fn case(text: &mut String, job: &JobRecord, suite: &str) {
    let (name, seconds) = (escaped(&job.name), job.seconds);
    let _ = writeln!(text, r#"    <testcase classname="{suite}.{}" name="{name}" time="{seconds:.3}">"#, escaped(&job.kind));
    if job.outcome == Outcome::NotRun {
        text.push_str("      <skipped message=\"not run\"/>\n");
    } else if !job.outcome.is_good() {
        let first = job.failures.first().map_or(job.outcome.describe(), |failure| failure.message.as_str());
        let _ = write!(text, r#"      <failure type="{}" message="{}">"#, job.outcome.describe(), escaped(first));
        for failure in &job.failures {
            let hint = failure.hint.as_ref().map_or(String::new(), |hint| format!("hint: {hint}\n"));
            text.push_str(&escaped(&format!("{}\n{hint}", failure.message)));
        }
        text.push_str("</failure>\n");
    }
    let rows = format!("{}: {} rows from {}\n", job.outcome.describe(), job.rows, job.source);
    let warnings = job.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    let said: String = std::iter::once(rows).chain(warnings).collect();
    let _ = writeln!(text, "      <system-out>{}</system-out>\n    </testcase>", escaped(&said));
}

/// Text for XML and HTML. Characters that XML can't hold become the sign for that.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_written_can_end_its_place() {
        assert_eq!(escaped("<a b='\"&\u{1}\u{ffff}é\n"), "&lt;a b=&#39;&quot;&amp;\u{fffd}\u{fffd}é\n");
    }
}
