//! `geohaul.toml`: the user's own defaults for options. A key becomes an option behind what was typed, so that it is
//! read by the same rules; one that was typed, is in the environment, or is ruled out by what was typed is left out: a
//! format, where the ending of a typed output says another.
//!
//! ```toml
//! connections = 4                 # for each verb that has the option
//!
//! [export]                        # for one
//! output = ["out/"]
//! format = ["shapefile", "kmz"]
//! receipt = true
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind as Wrong};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use toml::{Table, Value};

use super::args::Args;
use super::outputs::says_format;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::fetch::auth::Store;

/// Keys that would keep a secret where it is read by chance.
const SECRET: [&str; 5] = ["token", "password", "client-secret", "api-key", "header"];

/// Keys that say where the file is.
const OF_THE_FILE: [&str; 2] = ["config", "no-config"];

/// Keys that say how outputs are written whose names may say it.
pub(super) const FORMAT: [&str; 2] = ["format", "driver"];

/// Options of a sign-in, and what the environment says of one in their place.
const SIGN_IN: [&str; 3] = ["user", "client-id", "token-file"];
const SIGN_IN_VARIABLES: [&str; 3] = ["GEOHAUL_USER", "GEOHAUL_CLIENT_ID", "GEOHAUL_TOKEN"];

/// Why there are no arguments.
pub(super) enum Stop {
    /// Help, version or wrong usage, in clap's words.
    Clap(clap::Error),
    /// The file is wrong.
    File(Error),
}

/// The arguments of a command line, with the defaults of the user.
pub(super) fn arguments(words: Vec<OsString>) -> Result<Args, Stop> {
    let typed = Args::command().try_get_matches_from(&words);
    if let Err(error) = &typed
        && !error.use_stderr()
    {
        // Help and version need no file.
        return Err(Stop::Clap(typed.err().unwrap_or_else(|| clap::Error::new(Wrong::DisplayHelp))));
    }
    // Something may be missing that the file has.
    let Ok(known) = Args::command().ignore_errors(true).try_get_matches_from(&words) else { return finish(typed) };
    let Some((path, table)) = read(&known).map_err(Stop::File)? else { return finish(typed) };
    let added = Defaults { table: &table, path: &path }.add(&words, &known).map_err(Stop::File)?;
    match (Args::command().try_get_matches_from(added), &typed) {
        (Err(error), Ok(_)) => Err(Stop::File(
            Error::new(ErrorKind::Usage, "the configuration gives an option what it can't take")
                .because(first_line(&error))
                .in_file(&path)
                .hint("correct it there, or leave it out of this run with --no-config"),
        )),
        (all, _) => finish(all),
    }
}

fn finish(matches: Result<ArgMatches, clap::Error>) -> Result<Args, Stop> {
    matches.and_then(|matches| Args::from_arg_matches(&matches)).map_err(|error| Stop::Clap(with_variable(without_dashes(error))))
}

/// The error with the name of the variable whose value it is about: nobody typed it.
fn with_variable(mut error: clap::Error) -> clap::Error {
    let (Some(ContextValue::String(arg)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return error;
    };
    let root = Args::command();
    let all = || std::iter::once(&root).chain(root.get_subcommands()).flat_map(Command::get_arguments);
    let is_meant = |found: &&Arg| {
        let said = found.get_long().and_then(|long| arg.strip_prefix("--")?.strip_prefix(long));
        said.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    let variable =
        all().filter(is_meant).find_map(Arg::get_env).filter(|name| std::env::var_os(name).is_some_and(|set| set == **value));
    if let Some(variable) = variable {
        let named = format!("{} ({arg})", variable.to_string_lossy());
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    error
}

/// The error without the tip to put `--` before an option that is none: nobody means it as a file or an address.
fn without_dashes(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().contains(" as a value, use "));
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    error
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// The file that was named, or that of the user; `None` where there is none or none is wanted.
fn read(known: &ArgMatches) -> Result<Option<(PathBuf, Table)>> {
    // What can't be read of the other words may leave none.
    if known.try_get_one("no_config").is_ok_and(|no_config| no_config == Some(&true)) {
        return Ok(None);
    }
    let named = known.get_one::<PathBuf>("config").filter(|path| !path.as_os_str().is_empty()).cloned();
    let of_user = || Some(Store::of_user()?.path().with_file_name("geohaul.toml")).filter(|path| path.exists());
    let Some(path) = named.or_else(of_user) else { return Ok(None) };
    let text = std::fs::read_to_string(&path).map_err(|why| Error::file("can't read the configuration", &path, &why))?;
    let table: Table = text.parse().map_err(|why: toml::de::Error| {
        let line = why
            .span()
            .map_or(1, |span| 1 + text.as_bytes()[..span.start.min(text.len())].iter().filter(|b| **b == b'\n').count());
        Error::new(ErrorKind::Usage, "the configuration is no TOML")
            .because(format!("line {line}: {}", why.message()))
            .in_file(&path)
    })?;
    Ok(Some((path, dashed(table))))
}

/// Keys with dashes, as options are typed; a jobs file has them with underscores, and so may this one.
fn dashed(table: Table) -> Table {
    let value = |value| match value {
        Value::Table(own) => Value::Table(dashed(own)),
        value => value,
    };
    table.into_iter().map(|(key, one)| (key.replace('_', "-"), value(one))).collect()
}

/// What a file says.
struct Defaults<'a> {
    table: &'a Table,
    path: &'a Path,
}

impl Defaults<'_> {
    /// The words with those of the file before a `--`, or at the end.
    fn add(&self, words: &[OsString], known: &ArgMatches) -> Result<Vec<OsString>> {
        let root = Args::command();
        self.check(&root)?;
        let (mut command, mut matches, mut verb) = (&root, known, None);
        while let Some((name, below)) = matches.subcommand() {
            let Some(found) = command.find_subcommand(name) else { break };
            verb = verb.or(Some(name));
            (command, matches) = (found, below);
        }
        let own = verb.and_then(|verb| self.table.get(verb)?.as_table());
        let keys =
            own.into_iter().flatten().chain(self.table.iter().filter(|(key, _)| !own.is_some_and(|own| own.contains_key(*key))));
        let mut all = words.to_vec();
        for (key, value) in keys.filter(|(_, value)| !value.is_table()) {
            let Some(arg) = option(&root, command, key) else { continue };
            let given = matches.value_source(arg.get_id().as_str());
            let signed_in =
                SIGN_IN.contains(&key.as_str()) && SIGN_IN_VARIABLES.iter().any(|name| std::env::var_os(name).is_some());
            let outputs = matches.try_get_many("output").ok().flatten().into_iter().flatten();
            let several = value.as_array().is_some_and(|formats| formats.len() > 1);
            let said = FORMAT.contains(&key.as_str())
                && matches!(verb, Some("export" | "convert" | "run"))
                && outputs.into_iter().any(|path: &PathBuf| says_format(path) || several && path.as_os_str() == "-");
            if matches!(given, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) || signed_in || said {
                continue;
            }
            let mut more = all.clone();
            let end = more.iter().position(|word| word == "--").unwrap_or(more.len());
            more.splice(end..end, option_words(arg, key, value).ok_or_else(|| self.wrong(key, kind_of(arg)))?);
            let ruled_out = |error: clap::Error| error.kind() == Wrong::ArgumentConflict;
            if !Args::command().try_get_matches_from(&more).is_err_and(ruled_out) {
                all = more;
            }
        }
        Ok(all)
    }

    /// Every key is an option of a verb, and none is a secret.
    fn check(&self, root: &Command) -> Result<()> {
        for (key, value) in self.table {
            match (value.as_table(), root.find_subcommand(key)) {
                (Some(own), Some(verb)) => {
                    let options = || names(root).chain(names(verb)).chain(verb.get_subcommands().flat_map(names));
                    own.iter().try_for_each(|(key, value)| self.check_key(key, value, &options().collect::<Vec<_>>(), &[]))?;
                }
                (Some(_), None) => {
                    let verbs: Vec<&str> = root.get_subcommands().map(Command::get_name).collect();
                    return Err(self.wrong_name("verb", key, &verbs));
                }
                (None, _) => {
                    let verbs = || root.get_subcommands().flat_map(|verb| std::iter::once(verb).chain(verb.get_subcommands()));
                    let options: Vec<&str> = names(root).chain(verbs().flat_map(names)).collect();
                    let verbs: Vec<&str> = root.get_subcommands().map(Command::get_name).collect();
                    self.check_key(key, value, &options, &verbs)?;
                }
            }
        }
        Ok(())
    }

    fn check_key(&self, key: &str, value: &Value, options: &[&str], verbs: &[&str]) -> Result<()> {
        // A file of headers is fine.
        let of_file = |value: &Value| value.as_str().is_some_and(|text| text.starts_with('@'));
        let is_file = key == "header" && (of_file(value) || value.as_array().is_some_and(|list| list.iter().all(of_file)));
        if SECRET.contains(&key) && !is_file {
            return Err(Error::new(ErrorKind::Usage, format!("the configuration holds a secret: {key}"))
                .in_file(self.path)
                .hint("geohaul login keeps sign-ins; token-file, password-file and header = \"@FILE\" name files with secrets"));
        }
        if OF_THE_FILE.contains(&key) {
            return Err(self.wrong(key, "it says where the configuration is, and belongs on the command line"));
        }
        if options.contains(&key) { Ok(()) } else { Err(self.wrong_name("option", key, &[options, verbs].concat())) }
    }

    fn wrong_name(&self, what: &str, name: &str, known: &[&str]) -> Error {
        let meant = did_you_mean(name, known.iter().copied());
        Error::new(ErrorKind::Usage, format!("the configuration names no {what}: \"{name}\""))
            .in_file(self.path)
            .hint(format!("{meant}a key is the long name of an option, and [VERB] begins those of one verb"))
    }

    fn wrong(&self, key: &str, why: &str) -> Error {
        Error::new(ErrorKind::Usage, format!("the configuration can't have {key} so")).because(why).in_file(self.path)
    }
}

/// The long names of a command's options.
fn names(command: &Command) -> impl Iterator<Item = &str> {
    command.get_arguments().filter_map(Arg::get_long)
}

fn option<'a>(root: &'a Command, command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().chain(root.get_arguments()).find(|arg| arg.get_long() == Some(key))
}

/// What an option takes.
fn kind_of(arg: &Arg) -> &'static str {
    match arg.get_action().takes_values() {
        true => "it takes text, a number, or a list of them",
        false => "it takes true, false or a number of times",
    }
}

/// An option with its value, or several times where it is a list; none for `false`.
fn option_words(arg: &Arg, key: &str, value: &Value) -> Option<Vec<OsString>> {
    let times = |count: usize| vec![OsString::from(format!("--{key}")); count];
    match (arg.get_action().takes_values(), value) {
        (false, Value::Boolean(on)) => Some(times(usize::from(*on))),
        (false, Value::Integer(count)) => Some(times(usize::try_from(*count).ok()?.min(9))),
        (false, _) => None,
        (true, Value::Array(list)) => list.iter().map(|one| Some(format!("--{key}={}", text(one)?).into())).collect(),
        (true, one) => Some(vec![format!("--{key}={}", text(one)?).into()]),
    }
}

fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Datetime(time) => time.to_string(),
        _ => return None,
    })
}
