//! All jobs of a file, checked as far as that goes without asking anybody.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::document::{Document, Fault};
use super::order::{Kind, Order};
use super::variables::Variables;
use crate::batch::Run;
use crate::cli::args::Verb;
use crate::cli::{outputs, run, selection};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::target::Target;
use crate::write::{place_of, safe_file_stem};

/// Reads a jobs file for a run.
///
/// # Errors
/// What is wrong with the file, every fault with its line.
pub(super) fn read(path: &Path, text: &str, run: &Run) -> Result<Vec<Order>> {
    let (orders, faults) = looked_over(path, text, run);
    told(path, orders, faults)
}

/// The same for a check: what a job reads must be there by now, or be made by another one. In a run the jobs that have
/// what they need are done.
///
/// # Errors
/// As [`read`].
pub(super) fn check_all(path: &Path, text: &str, run: &Run) -> Result<Vec<Order>> {
    let (orders, mut faults) = looked_over(path, text, run);
    for order in &orders {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let others = || orders.iter().filter(|other| other.name != order.name).flat_map(Order::outputs);
        for (input, line) in order.inputs() {
            if !input.exists() && !others().any(|made| absolute(&input).starts_with(absolute(&made))) {
                faults.push(Fault::new(line, format!("there is no file {}", input.display())));
            }
        }
    }
    told(path, orders, faults)
}

fn looked_over(path: &Path, text: &str, run: &Run) -> (Vec<Order>, Vec<Fault>) {
    match Document::read(path, text) {
        Ok(document) => checked(&document, run),
        Err(faults) => (Vec::new(), faults),
    }
}

/// The orders, or what is wrong with them.
fn told(path: &Path, orders: Vec<Order>, mut faults: Vec<Fault>) -> Result<Vec<Order>> {
    if faults.is_empty() {
        return Ok(orders);
    }
    faults.sort();
    faults.dedup();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {file}:{}: {}", fault.line, fault.what)).collect();
    let count = if faults.len() == 1 { "a fault".to_owned() } else { format!("{} faults", faults.len()) };
    Err(Error::new(ErrorKind::Usage, format!("the batch has {count}"))
        .because(lines.concat())
        .hint("docs/batch.md has the keys, and so has --help of export, run and convert"))
}

/// The orders of a file as far as they can be read, and what is wrong with it.
fn checked(document: &Document, run: &Run) -> (Vec<Order>, Vec<Fault>) {
    let mut faults = Vec::new();
    let began: Timestamp = run.started.parse().unwrap_or_else(|_| Timestamp::now());
    let date = began.to_zoned(TimeZone::system());
    let variables = Variables::new(&document.variables, date, run.id.clone(), &mut faults);
    let orders: Vec<Order> =
        document.jobs.iter().filter_map(|job| Order::read(job, &document.defaults, &variables, &mut faults)).collect();
    let (mut names, mut places) = (HashMap::<String, &Order>::new(), HashMap::<PathBuf, &str>::new());
    for order in &orders {
        // Copies are kept in a folder of the job's name.
        if let Some(other) = names.insert(safe_file_stem(&order.name).to_lowercase(), order) {
            let (line, name) = (other.line, &other.name);
            let what = match *name == order.name {
                true => format!("the job in line {line} is called \"{name}\" too"),
                false => format!("the job in line {line} is called \"{name}\", which is the same as the name of a folder"),
            };
            faults.push(Fault::new(order.line, what));
        }
        match order.verb().and_then(|verb| check(order, &verb)) {
            Ok(()) => {}
            Err(fault) => faults.push(fault),
        }
        // A folder may take what several jobs bring.
        for output in order.outputs().into_iter().filter(|path| path.extension().is_some()) {
            if let Some(other) = places.insert(place_of(&output), &order.name) {
                let what = format!("\"{other}\" and \"{}\" write the same file, {}", order.name, output.display());
                faults.push(Fault::new(order.line_of("output"), what));
            }
        }
    }
    (orders, faults)
}

/// What the verb itself would find before it asks anybody.
fn check(order: &Order, verb: &Verb) -> Result<(), Fault> {
    let line = |key: &str| order.line_of(key);
    let fault = |key: &str, error: &Error| {
        let hint = error.hint_text().map_or(String::new(), |hint| format!(" ({hint})"));
        Fault::new(order.line_in(&error.to_string(), key), format!("{error}{hint}"))
    };
    if order.outputs().iter().any(|path| path.as_os_str() == "-") {
        return Err(Fault::new(line("output"), "a job writes files, and not to standard output"));
    }
    let outputs = match verb {
        Verb::Export(args) => {
            let target = Target::parse(&order.sources[0]).map_err(|error| fault("source", &error))?;
            match (order.services.is_empty(), matches!(target, Target::Catalog { .. })) {
                (true, true) => {
                    return Err(Fault::new(
                        order.line,
                        "the source is a services directory: name services, such as services = [\"*\"]",
                    ));
                }
                (false, false) => {
                    return Err(Fault::new(order.line, "services are those of a services directory, and the source is none"));
                }
                (false, true) if !order.outputs().iter().all(|path| path.to_string_lossy().ends_with('/')) => {
                    return Err(Fault::new(line("output"), "several services go into a directory: end the output with '/'"));
                }
                _ => {}
            }
            selection::read(&args.selection).map_err(|error| fault("", &error))?;
            &args.outputs
        }
        Verb::Run(args) => {
            run::asked(args).map_err(|error| fault("params", &error))?;
            &args.outputs
        }
        Verb::Convert(args) => &args.outputs,
        _ => return Ok(()),
    };
    let destination = match verb {
        Verb::Run(_) => outputs::results(outputs),
        _ => outputs::destination(outputs),
    };
    destination.map_err(|error| fault("output", &error))?;
    outputs::options(outputs).map_err(|error| fault("crs", &error))?;
    match order.kind {
        Kind::Convert if order.sources.iter().any(|source| source == "-") => {
            Err(Fault::new(order.line, "a job reads files, and not from standard input"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_that_would_share_a_folder_are_a_fault() {
        let job = |name: &str| format!("[[job]]\nname='{name}'\nsource='a.json'\noutput='{}.csv'\n", name.len());
        let told = |other: &str| read(Path::new("a.toml"), &(job("a/b") + &job(other)), &Run::begin());
        assert!(told("a/b c").is_ok());
        let error = told("A_b ").err().unwrap().to_string();
        assert!(error.contains("a.toml:5: the job in line 1 is called \"a/b\", which is the same"), "{error}");
    }
}
