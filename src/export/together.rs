//! Several layers and tables into data sets that hold many: all of them, or nothing is put in place.

use std::collections::HashSet;
use std::sync::Arc;

use super::layer::{ExportedLayer, FilledLayer, bytes_of, fill, one_name_for, open_stages};
use super::{ExportOptions, Output, Placed, Receipt, add_layer, forget_pages, not_fetched, receipt};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::{Input, Item};
use crate::report::{Failure, OutputReport, Progress, Report};
use crate::write::{Stage, unique_file_stem};

/// Whether each of the outputs holds any number of layers.
pub(super) fn can_hold_many(outputs: &[Output]) -> bool {
    !outputs.is_empty() && outputs.iter().all(|output| output.format.info().many_layers)
}

/// Exports all layers and tables of an input into each output. What it holds beside them is told in the report.
///
/// # Errors
/// The first layer that fails, unless a part is allowed; then where none of them came.
pub(super) fn export(
    input: &mut dyn Input,
    outputs: &[Output],
    options: &ExportOptions,
    progress: &Arc<dyn Progress>,
    report: &mut Report,
) -> Result<()> {
    let kept = outputs.first().and_then(|output| options.kept_pages(&output.path));
    let (stages, _) = open_stages(outputs, options, None)?;
    let (mut filled, mut taken, mut failed) = (Vec::<(FilledLayer, String)>::new(), HashSet::new(), None);
    for item in input.items() {
        let done = match item {
            Ok(Item::Value(scalar)) => {
                report.warnings.push(format!("\"{}\" is a value and is in the report only", scalar.name));
                report.values.insert(scalar.name, scalar.value);
                continue;
            }
            Ok(Item::File(download)) => {
                report.warnings.push(not_fetched(&download));
                continue;
            }
            Ok(Item::Layer(layer)) => {
                if let (Some(_), Some((first, _))) = (&options.plan.layer_name, filled.first()) {
                    return Err(one_name_for(&[&first.report.name, &layer.header().name]));
                }
                let stem = unique_file_stem(&layer.header().name, &mut taken);
                let kept = kept.as_ref().map(|directory| directory.join(&stem));
                fill(layer, outputs, &stages, kept.as_deref(), options, progress).map(|layer| (layer, stem))
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(layer) => filled.push(layer),
            Err(error) if !options.allow_partial || options.cancel.is_cancelled() => return Err(error),
            // It stands in an output, perhaps in part, and nothing takes it out: a loss under --strict, an output that
            // fails when it is closed.
            Err(error) if stages.iter().any(|stage| stage.layers() > filled.len()) => return Err(error),
            Err(error) => {
                report.failures.push(Failure::from(&error));
                failed.get_or_insert(error);
            }
        }
    }
    if filled.is_empty() {
        return Err(failed.unwrap_or_else(|| {
            Error::new(ErrorKind::Input, "there are no features in the input")
                .because("it holds values or files only")
                .hint("give a directory, which gets them all: -o results/")
        }));
    }
    for (at, (output, stage)) in outputs.iter().zip(&stages).enumerate() {
        let placed = filled.iter().map(|(layer, _)| &layer.placed[at]);
        let placed: Vec<_> = placed.map(|(plan, table)| (&**plan, table.as_str())).collect();
        report.warnings.extend(output.format.relate_any(stage, &placed).map_err(|error| stage.explained(error))?);
    }
    let failures = commit(stages, &mut filled, &options.placed.clone().unwrap_or_default())?;
    report.failures.extend(failures.iter().map(Failure::from));
    for (layer, stem) in filled {
        let FilledLayer { report: mut layer, warnings, shortfall, started, placed: _ } = layer;
        if let Some(first) = outputs.first().filter(|_| options.receipt) {
            let mut path = first.path.clone().into_os_string();
            path.push(format!(".{stem}"));
            let stage = Stage::open(receipt::target(path.as_ref(), options.overwrite || options.append))?;
            layer.receipt = Some(receipt::write(&Receipt::of(&layer, &warnings, &started)?, stage)?);
        }
        add_layer(ExportedLayer { report: layer, warnings, shortfall, failures: Vec::new(), kept_pages: None }, report);
    }
    forget_pages(kept);
    Ok(())
}

/// Puts all outputs in place, and tells each layer's report of its files. The first output that can't be is an error; a
/// later one is a failure beside what stands already.
fn commit(stages: Vec<Stage>, filled: &mut [(FilledLayer, String)], placed: &Placed) -> Result<Vec<Error>> {
    let (mut standing, mut failures) = (Vec::new(), Vec::new());
    for stage in stages {
        match placed.commit(stage) {
            Ok(files) => standing.push(Some(files)),
            Err(error) if standing.iter().all(Option::is_none) => return Err(error),
            Err(error) => {
                failures.push(error);
                standing.push(None);
            }
        }
    }
    for (layer, _) in filled {
        let written = std::mem::take(&mut layer.report.outputs);
        let in_place = |(output, files): (OutputReport, &Option<Vec<_>>)| {
            let files = files.clone()?;
            let bytes = bytes_of(&files);
            Some(OutputReport { files, bytes, ..output })
        };
        layer.report.outputs = written.into_iter().zip(&standing).filter_map(in_place).collect();
    }
    Ok(failures)
}
