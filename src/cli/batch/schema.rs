//! The JSON Schema of a jobs file, made from the options of the command line.

use clap::{Arg, ArgAction};
use serde_json::{Map, Value, json};

use super::order::{Kind, TEXTS, command, options, value_names};
use crate::error::{Error, ErrorKind, Result};

/// The schema, as text.
pub(super) fn text() -> Result<String> {
    let text = serde_json::to_string_pretty(&schema());
    text.map(|text| text + "\n").map_err(|why| Error::new(ErrorKind::Internal, "can't write the schema").because(why))
}

fn schema() -> Value {
    let mut keys = Map::new();
    for (arg, kinds) in all_options() {
        let (key, help) = (arg.get_long().unwrap_or_default(), arg.get_help().map(ToString::to_string).unwrap_or_default());
        let mut of = key_of(&arg);
        of["description"] = json!(format!("{help} ({})", kinds.join(", ")));
        // Snake case is the same key.
        keys.insert(key.replace('-', "_"), of.clone());
        keys.insert(key.to_owned(), of);
    }
    let texts = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]});
    let about = |value: &Value, words: &str| {
        let mut value = value.clone();
        value["description"] = json!(words);
        value
    };
    let mut job = Map::new();
    job.insert(
        "name".into(),
        json!({"type": "string", "minLength": 1, "description": "What the job is called. No two have one name."}),
    );
    job.insert("source".into(), about(&texts, "What export and run take as their URL, or the files that convert takes."));
    job.insert(
        "kind".into(),
        json!({"enum": Kind::ALL.map(Kind::name), "description": "What does it. Without it the source tells."}),
    );
    job.insert("services".into(), about(&texts, "Of a services directory, the services by name; * stands for any text."));
    job.insert("keep".into(), json!({"type": "integer", "minimum": 1, "description": "Keep dated copies of so many runs."}));
    job.extend(keys);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Jobs of geohaul batch",
        "type": "object",
        "additionalProperties": false,
        "required": ["job"],
        "properties": {
            "$schema": {"type": "string"},
            "variables": {
                "type": "object", "description": "What ${NAME} stands for in values.",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
            "defaults": {
                "type": "object", "description": "Keys for every job that does not have them itself.",
                "additionalProperties": false, "properties": job,
            },
            "job": {
                "type": "array", "minItems": 1,
                "items": {
                    "type": "object", "additionalProperties": false, "properties": job,
                    "required": ["name"],
                },
            },
        },
    })
}

/// The options of all kinds of jobs, each with the kinds that know it.
fn all_options() -> Vec<(Arg, Vec<&'static str>)> {
    let mut all: Vec<(Arg, Vec<&str>)> = Vec::new();
    for kind in Kind::ALL {
        for arg in options(&command(kind)) {
            match all.iter_mut().find(|(known, _)| known.get_long() == arg.get_long()) {
                Some((_, kinds)) => kinds.push(kind.name()),
                None => all.push((arg.clone(), vec![kind.name()])),
            }
        }
    }
    all
}

/// What a key may hold, by its option.
fn key_of(arg: &Arg) -> Value {
    let names = value_names(arg);
    let choices: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let one = match choices.as_slice() {
        _ if matches!(arg.get_action(), ArgAction::SetTrue) => return json!({"type": "boolean"}),
        [] if TEXTS.contains(&names.as_str()) => json!({"type": "string"}),
        [] => json!({"type": ["string", "number"]}),
        choices => json!({"enum": choices}),
    };
    let mut forms = vec![one.clone()];
    let many = matches!(arg.get_action(), ArgAction::Append);
    if many || names.contains(',') || names == "FIELDS" || names == "IDS" {
        forms.push(json!({"type": "array", "items": one}));
    }
    if names.contains("JSON") || (many && names.contains('=')) {
        forms.push(json!({"type": "object"}));
    }
    if forms.len() == 1 { one } else { json!({"anyOf": forms}) }
}
