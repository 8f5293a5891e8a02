//! `geohaul run --explain`: what a task takes, and a command line that is ready but for the values.

use crate::fetch::gp::{Direction, Execution, Need, Parameter, Task, example};

/// The text: comments for people, then the command.
pub(super) fn text(task: &Task, portal: Option<&str>) -> String {
    let info = task.info();
    let title = info.display_name.as_deref().unwrap_or(&info.name);
    let how = match task.execution() {
        Execution::Synchronous => "synchronous",
        Execution::Asynchronous => "asynchronous",
    };
    let mut text = format!("# {title} ({how})\n");
    if let Some(description) = info.description.as_deref().map(without_markup).filter(|words| !words.is_empty()) {
        text.push_str(&format!("# {description}\n"));
    }
    for parameter in &info.parameters {
        text.push_str(&format!("#   {}\n", line(parameter)));
    }
    match portal {
        Some(portal) => text.push_str(&format!("geohaul run --portal {} {}", quoted(portal), quoted(&info.name))),
        None => text.push_str(&format!("geohaul run {}", quoted(task.url().as_str()))),
    }
    for input in info.inputs() {
        text.push_str(&format!(" \\\n  -p {}", quoted(&format!("{}={}", input.name, value(input)))));
    }
    text.push_str(" \\\n  -o results/\n");
    text
}

/// The default where there is one, else an example.
fn value(input: &Parameter) -> String {
    match &input.default {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) if !input.is_rows() => value.to_string(),
        _ => example(input),
    }
}

fn line(parameter: &Parameter) -> String {
    let mut line = match parameter.direction {
        Direction::Output => format!("gives {}: {}", parameter.name, parameter.data_type),
        Direction::Input => format!("{}: {}, {}", parameter.name, parameter.data_type, parameter.need),
    };
    if parameter.direction == Direction::Input && parameter.need == Need::Required && parameter.may_be_left_out() {
        line.push_str(", may be left out");
    }
    if !parameter.choices.is_empty() {
        line.push_str(&format!(", one of: {}", parameter.choices.join(", ")));
    }
    if !parameter.filter.geometry_types.is_empty() && parameter.direction == Direction::Input {
        line.push_str(&format!(", takes {}", parameter.filter.geometry_types.join(", ")));
    }
    if let Some((least, most)) = parameter.filter.range {
        line.push_str(&format!(", from {least} to {most}"));
    }
    if let Some(description) = parameter.description.as_deref().map(without_markup).filter(|words| !words.is_empty()) {
        line.push_str(&format!(" - {description}"));
    }
    line
}

/// Words in one line, without HTML.
fn without_markup(text: &str) -> String {
    let mut inside = false;
    let plain = text.chars().filter(|c| {
        inside = (inside || *c == '<') && *c != '>';
        !inside && *c != '>'
    });
    plain.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_where_they_must_be() {
        assert_eq!(quoted("https://h.example/a%20b"), "https://h.example/a%20b");
        assert_eq!(quoted("Größe (m)=it's"), r"'Größe (m)=it'\''s'");
        assert_eq!(without_markup("<p>Draws  <b>areas</b>.</p>"), "Draws areas.");
    }
}
