//! From the keys of a job to the arguments of the verb that does it. The keys are the verb's own long options, so an
//! option that the command line learns is a key at once.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, CommandFactory as _, Parser as _};
use serde_json::Value;
use url::Url;

use super::document::{Entry, Fault, Table, meant};
use super::secrets::{SECRETS, refuse_secret};
use super::variables::Variables;
use crate::batch;
use crate::cli::args::{Args, Verb};
use crate::cli::config;
use crate::cli::outputs::says_format;
use crate::error::redact;
use crate::fetch::pasted::Pasted;
use crate::fetch::target::Target;

/// Keys that are no options: what a job is, and what the batch does with it.
pub(super) const OWN_KEYS: [&str; 5] = ["name", "kind", "source", "services", "keep"];

/// Options that belong to a command by itself.
pub(super) const NOT_IN_A_BATCH: [&str; 8] = ["help", "version", "quiet", "verbose", "progress", "explain", "dry-run", "resume"];

/// Options whose value may be the name of a file without an '@' before it.
const OF_FILES: [&str; 2] = ["clip", "intersects"];

/// Values, by their names in the help, that no number can be.
pub(super) const TEXTS: [&str; 6] = ["SQL", "PATH", "FILE", "FILE|JSON", "URL", "ZONE"];

/// What a job is done by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Export,
    Run,
    Convert,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Export, Self::Run, Self::Convert];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Run => "run",
            Self::Convert => "convert",
        }
    }

    /// The kind that a source speaks of.
    fn of(source: &str) -> Self {
        match Target::parse(source) {
            Ok(Target::GpTask { .. } | Target::GpService { .. }) => Self::Run,
            // The folder of a run is a job that is brought home.
            Ok(Target::File(path)) if !path.join("job.json").is_file() => Self::Convert,
            _ => Self::Export,
        }
    }
}

/// A job with its options as a command line has them.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// Addresses or files.
    pub(super) sources: Vec<String>,
    /// Of a services directory, the services.
    pub(super) services: Vec<String>,
    /// Runs whose copies are kept.
    pub(super) keep: Option<usize>,
    /// Long options and values, with their lines; no value is a switch.
    options: Vec<(String, Option<String>, usize)>,
    /// Switches that are off.
    off: Vec<String>,
    /// The lines of keys that are no options.
    lines: Vec<(String, usize)>,
}

impl Order {
    /// Reads a job; what is wrong with it goes to the faults.
    pub(super) fn read(job: &Table, defaults: &Table, variables: &Variables, faults: &mut Vec<Fault>) -> Option<Self> {
        let before = faults.len();
        let own = |one: &Entry| job.entries.iter().any(|entry| entry.option() == one.option());
        let inherited = defaults.entries.iter().filter(|entry| !own(entry)).map(|entry| (entry, true));
        let mut filled = Vec::new();
        for (entry, inherited) in inherited.chain(job.entries.iter().map(|entry| (entry, false))) {
            match refuse_secret(entry).map_or_else(|| variables.fill(&entry.value), |what| Err((None, what))) {
                Ok(value) => filled.push((Entry { key: entry.option(), value, line: entry.line }, inherited)),
                Err((line, what)) => faults.push(Fault::new(line.unwrap_or(entry.line), what)),
            }
        }
        let find = |key: &str| filled.iter().map(|(entry, _)| entry).find(|entry| entry.key == key);
        let mut texts = |key: &str| {
            let entry = find(key)?;
            let texts = texts(&entry.value).filter(|texts| !texts.is_empty());
            if texts.is_none() {
                faults.push(Fault::new(entry.line, format!("'{key}' is a text or a list of texts")));
            }
            Some((texts.unwrap_or_default(), entry.line))
        };
        let (names, sources, services, kinds) = (texts("name"), texts("source"), texts("services"), texts("kind"));
        // What is written and can't be used was told already.
        let is_written = |key: &str| job.entries.iter().chain(&defaults.entries).any(|entry| entry.option() == key);
        let mut lacks = |key: &str| {
            if !is_written(key) {
                faults.push(Fault::new(job.line, format!("the job has no {key}")));
            }
        };
        let name = match names {
            Some((names, _)) => names.into_iter().next().unwrap_or_default(),
            None => {
                lacks("name");
                String::new()
            }
        };
        let sources = sources.unwrap_or_else(|| {
            lacks("source");
            (Vec::new(), job.line)
        });
        let kind = match kinds {
            None if sources.0.len() > 1 => Kind::Convert,
            None => Kind::of(sources.0.first().map_or("", String::as_str)),
            Some((kinds, line)) => {
                let named = Kind::ALL.into_iter().find(|kind| kinds.first().is_some_and(|name| name == kind.name()));
                if named.is_none() {
                    faults.push(Fault::new(line, "a kind is export, run or convert"));
                }
                named.unwrap_or(Kind::Export)
            }
        };
        if kind != Kind::Convert && sources.0.len() > 1 {
            faults.push(Fault::new(sources.1, format!("{} takes one source", kind.name())));
        }
        let services = services.map_or_else(Vec::new, |(services, line)| {
            if kind != Kind::Export {
                faults.push(Fault::new(line, "services are exported, and the job is no export"));
            }
            services
        });
        let keep = find("keep").and_then(|entry| {
            let number = entry.value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
            if number.is_none() {
                faults.push(Fault::new(entry.line, "'keep' is a number of runs"));
            }
            number
        });
        let (sources, line) = (sources.0, job.line);
        let (own, options): (Vec<_>, Vec<_>) = filled.into_iter().partition(|(entry, _)| OWN_KEYS.contains(&entry.key.as_str()));
        let lines = own.into_iter().map(|(entry, _)| (entry.key, entry.line)).collect();
        let mut order = Self { name, line, kind, sources, services, keep, options: Vec::new(), off: Vec::new(), lines };
        let (inherited, own): (Vec<_>, Vec<_>) = options.into_iter().partition(|(_, inherited)| *inherited);
        for (entry, inherited) in own.into_iter().chain(inherited) {
            let mut with = order.clone();
            match with.take(&entry, inherited) {
                Ok(()) if inherited && order.rules_out(&entry.key, &with) => {}
                Ok(()) => order = with,
                Err(what) => faults.push(Fault::new(entry.line, what)),
            }
        }
        (faults.len() == before).then_some(order)
    }

    /// Whether what the job says itself leaves no room for this default, with which it would be `with`.
    fn rules_out(&self, key: &str, with: &Self) -> bool {
        let is_conflict = |why: clap::Error| why.kind() == clap::error::ErrorKind::ArgumentConflict;
        let said = config::FORMAT.contains(&key) && self.outputs().iter().any(|path| says_format(path));
        said || Args::try_parse_from(with.words()).is_err_and(is_conflict)
    }

    /// Takes a key as an option. A default is for the kinds that know it.
    fn take(&mut self, entry: &Entry, inherited: bool) -> Result<(), String> {
        let key = entry.key.as_str();
        let command = command(self.kind);
        match options(&command).find(|arg| arg.get_long() == Some(key)) {
            Some(arg) => {
                if entry.value == Value::Bool(false) {
                    self.off.push(key.to_owned());
                }
                for value in values(arg, &entry.value)? {
                    self.options.push((key.to_owned(), value, entry.line));
                }
                Ok(())
            }
            None if inherited && Kind::ALL.into_iter().any(|kind| is_known(kind, key)) => Ok(()),
            None if NOT_IN_A_BATCH.contains(&key) => Err(format!("'{key}' is for a command by itself, and no key of a job")),
            None => {
                let longs: Vec<String> = options(&command).filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
                let known = longs.iter().map(String::as_str).chain(OWN_KEYS);
                let meant = meant(key, known);
                let others: Vec<&str> = Kind::ALL.into_iter().filter(|kind| is_known(*kind, key)).map(Kind::name).collect();
                Err(match others.as_slice() {
                    [] => format!("there is no key '{key}'{meant}"),
                    others => {
                        format!("'{key}' is a key of {}, and the job is of the kind {}", others.join(" and "), self.kind.name())
                    }
                })
            }
        }
    }

    /// The command line that does it.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec!["geohaul".to_owned(), self.kind.name().to_owned()];
        for (key, value, _) in &self.options {
            words.push(value.as_ref().map_or(format!("--{key}"), |value| format!("--{key}={value}")));
        }
        // Outputs are replaced, and each layer has its receipt.
        let has = |name: &str| self.options.iter().any(|(key, ..)| key == name) || self.off.iter().any(|key| key == name);
        if !has("overwrite") && !has("append") {
            words.push("--overwrite".to_owned());
        }
        if !has("receipt") {
            words.push("--receipt".to_owned());
        }
        words.push("--".to_owned());
        words.extend(self.sources.iter().cloned());
        words
    }

    /// What tells it from another order: its words, and what is in the files that they name. Secrets are no part of it:
    /// a token is often another one in each run, and a digest is kept.
    pub(super) fn digest(&self) -> String {
        let mut words = self.words();
        words.truncate(words.len() - self.sources.len());
        words.extend(self.sources.iter().map(|source| redacted(source)));
        let named = self.options.iter().filter(|(key, ..)| key != "header").filter_map(|(key, value, _)| {
            let value = value.as_deref()?;
            let path = value.strip_prefix('@').or(OF_FILES.contains(&key.as_str()).then_some(value))?;
            Some(Path::new(path)).filter(|path| path.is_file())
        });
        // What can't be read fails when the order is done.
        words.extend(named.filter_map(|path| Some(String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned())));
        batch::digest(&words)
    }

    /// Where its data comes from, without secrets.
    pub(super) fn source(&self) -> String {
        let shown = |source: &String| match Pasted::parse(source).map(|pasted| pasted.address) {
            Ok(Some(address)) => redact(&address),
            Ok(None) => source.clone(),
            // What is no good address may hold a token all the same.
            Err(_) => redacted(source).split('?').next().unwrap_or_default().to_owned(),
        };
        self.sources.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// The arguments, read as those of a command line are.
    pub(super) fn verb(&self) -> Result<Verb, Fault> {
        Args::try_parse_from(self.words()).map(|args| args.verb).map_err(|why| self.fault(&why))
    }

    /// The paths of the outputs.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        self.options
            .iter()
            .filter(|(key, ..)| key == "output")
            .filter_map(|(_, value, _)| value.as_ref().map(PathBuf::from))
            .collect()
    }

    /// The line of a key, or that of the job.
    pub(super) fn line_of(&self, name: &str) -> usize {
        let mut lines =
            self.options.iter().map(|(key, _, line)| (key, line)).chain(self.lines.iter().map(|(key, line)| (key, line)));
        lines.find(|(key, _)| *key == name).map_or(self.line, |(_, line)| *line)
    }

    /// The line of the option that an error speaks of, by its name or its value; else that of a key, or of the job.
    pub(super) fn line_in(&self, error: &str, otherwise: &str) -> usize {
        let by_name = self.options.iter().find(|(key, ..)| error.contains(&format!("--{key}")));
        let is_told = |value: &String| value.len() > 2 && error.contains(value.trim_start_matches('@'));
        let spoken_of = by_name.or_else(|| self.options.iter().find(|(_, value, _)| value.as_ref().is_some_and(is_told)));
        spoken_of.map_or_else(|| self.line_of(otherwise), |(_, _, line)| *line)
    }

    /// Files that it reads and that the check of its options leaves alone, with their lines.
    pub(super) fn inputs(&self) -> Vec<(PathBuf, usize)> {
        let mut inputs = Vec::new();
        if self.kind == Kind::Convert {
            inputs.extend(self.sources.iter().map(|source| (PathBuf::from(source), self.line_of("source"))));
        }
        for (key, value, line) in &self.options {
            let value = value.as_deref().unwrap_or_default();
            // Two of them begin a text with one.
            let file = |text: &str| text.strip_prefix('@').filter(|path| !path.starts_with('@')).map(str::to_owned);
            if let ("params", Ok(Value::Object(members))) = (key.as_str(), serde_json::from_str(value)) {
                let named = members.values().filter_map(|member| file(member.as_str()?));
                inputs.extend(named.map(|path| (PathBuf::from(path), *line)));
            }
            let named = match key.as_str() {
                "parameter" => value.split_once('=').and_then(|(_, given)| file(given)),
                "header" => value.strip_prefix('@').map(str::to_owned),
                "ca-bundle" | "client-cert" => Some(value.to_owned()),
                key if key.ends_with("-file") => Some(value.to_owned()),
                _ => None,
            };
            inputs.extend(named.map(|path| (PathBuf::from(path), *line)));
        }
        inputs
    }

    /// The same with other outputs.
    pub(super) fn with_outputs(mut self, change: impl Fn(&str) -> String) -> Self {
        for (_, value, _) in self.options.iter_mut().filter(|(key, ..)| key == "output") {
            *value = value.as_deref().map(&change);
        }
        self
    }

    /// The same with one more option.
    pub(super) fn with_option(mut self, key: &str, value: String) -> Self {
        self.options.retain(|(other, ..)| other != key);
        self.options.push((key.to_owned(), Some(value), self.line));
        self
    }

    /// The export that brings home the job which this run left in its folder.
    pub(super) fn bring_home(&self, folder: &str) -> Self {
        let mut export = Self { kind: Kind::Export, sources: vec![folder.to_owned()], ..self.clone() };
        export.options.retain(|(key, ..)| is_known(Kind::Export, key));
        export
    }

    /// What the command line's own parser has against the arguments, as a fault of a line.
    fn fault(&self, why: &clap::Error) -> Fault {
        let named = match why.get(clap::error::ContextKind::InvalidArg) {
            Some(clap::error::ContextValue::String(arg)) => {
                arg.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default()
            }
            _ => "",
        };
        let text = why.to_string();
        // What follows is of use at a command line only.
        let said = text.split("\n\n").take_while(|part| !part.starts_with("Usage:") && !part.starts_with("For more"));
        let what = said.flat_map(str::lines).map(str::trim).collect::<Vec<_>>().join(" ");
        let what = what.trim_start_matches("error: ");
        Fault::new(self.line_of(named), what)
    }
}

/// A source as it was given, without secrets.
fn redacted(source: &str) -> String {
    Url::parse(source.trim()).map_or_else(|_| source.to_owned(), |url| redact(&url))
}

/// The verb of a kind, as the parser knows it.
pub(super) fn command(kind: Kind) -> Command {
    let mut all = Args::command();
    all.build();
    all.find_subcommand(kind.name()).cloned().unwrap_or_default()
}

/// The options of a verb that a job may have.
pub(super) fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    let fits = |arg: &&Arg| {
        let long = arg.get_long().unwrap_or_default();
        !long.is_empty() && !arg.is_global_set() && !NOT_IN_A_BATCH.contains(&long) && !SECRETS.contains(&long)
    };
    command.get_arguments().filter(fits)
}

fn is_known(kind: Kind, key: &str) -> bool {
    options(&command(kind)).any(|arg| arg.get_long() == Some(key))
}

/// The names of an option's value, such as `K=V`.
pub(super) fn value_names(arg: &Arg) -> String {
    arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ")
}

/// A value as the values of an option.
fn values(arg: &Arg, value: &Value) -> Result<Vec<Option<String>>, String> {
    let key = arg.get_long().unwrap_or_default();
    let names = value_names(arg);
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return match value {
            Value::Bool(true) => Ok(vec![None]),
            Value::Bool(false) => Ok(Vec::new()),
            _ => Err(format!("'{key}' is true or false")),
        };
    }
    let many = matches!(arg.get_action(), ArgAction::Append);
    match value {
        Value::Object(_) if names.contains("JSON") => Ok(vec![Some(value.to_string())]),
        Value::Object(members) if many && names.contains('=') => {
            let pair = |(name, value): (&String, &Value)| match scalar(value).or_else(|| Some(value.to_string())) {
                Some(value) => Ok(Some(format!("{name}={value}"))),
                None => Err(format!("'{key}' holds a value that is none")),
            };
            members.iter().map(pair).collect()
        }
        Value::Array(_) => match texts(value) {
            Some(texts) if many => Ok(texts.into_iter().map(Some).collect()),
            Some(texts) => Ok(vec![Some(texts.join(","))]),
            None => Err(format!("'{key}' is a list of texts or numbers")),
        },
        Value::Number(_) if TEXTS.contains(&names.as_str()) => Err(format!("'{key}' is a text ({names}), and this is a number")),
        value => match scalar(value) {
            Some(text) => Ok(vec![Some(text)]),
            None => Err(format!("'{key}' takes {}", if names.is_empty() { "a value" } else { &names })),
        },
    }
}

/// One text, or a list of them.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        value => scalar(value).map(|text| vec![text]),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
