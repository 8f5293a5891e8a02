//! `geohaul plan`: what an export would fetch, as an estimate.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::args::{AccessArgs, PlanArgs, SelectionArgs, Verb};
use super::printer;
use super::status::Status;
use super::{access, batch, interrupt, selection};
use crate::error::{ErrorKind, Result};
use crate::fetch::layer::{Estimate, LayerOptions};
use crate::fetch::layers::Layers;
use crate::fetch::{Input as _, Item};
use crate::report::{Failure, Silent};

/// What a layer would take.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    /// The job of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    layer: String,
    #[serde(flatten)]
    estimate: Option<Estimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

/// What is asked for.
struct Wanted<'a> {
    source: &'a str,
    layers: &'a [String],
    selection: &'a SelectionArgs,
    page_size: Option<u64>,
    access: &'a AccessArgs,
}

pub(super) fn run(args: &PlanArgs) -> Result<Status> {
    let file = Path::new(&args.source);
    let is_batch = file.extension().is_some_and(|ending| ["toml", "json"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
    let (mut planned, mut jobs) = (Vec::new(), batch::Jobs::default());
    if is_batch && !args.source.contains("://") {
        jobs = batch::jobs(file)?;
        for (job, verb) in &jobs.exports {
            let Verb::Export(export) = verb else { continue };
            let wanted = Wanted {
                source: &export.url,
                layers: &export.layers,
                selection: &export.selection,
                page_size: export.page_size,
                access: &export.access,
            };
            let layers = plan(&wanted, Some(job)).unwrap_or_else(|error| {
                let failure = Some(Failure::from(&error));
                vec![Planned { job: Some(job.clone()), layer: String::new(), estimate: None, failure }]
            });
            planned.extend(layers);
        }
    } else {
        let PlanArgs { source, layers, selection, page_size, access, .. } = args;
        planned = plan(&Wanted { source, layers, selection, page_size: *page_size, access }, None)?;
    }
    let text = if args.json {
        let json = serde_json::json!({"estimate": true, "layers": planned, "notEstimated": jobs.others});
        format!("{json:#}\n")
    } else {
        in_words(&planned, &jobs.others)
    };
    printer::data(&text)?;
    let failed = planned.iter().filter(|layer| layer.failure.is_some()).count();
    Ok(match failed {
        0 => Status::Complete,
        _ if failed == planned.len() => Status::Failed,
        _ => Status::Partial,
    })
}

fn plan(wanted: &Wanted<'_>, job: Option<&String>) -> Result<Vec<Planned>> {
    let opened = access::open(wanted.access, wanted.source)?;
    printer::warnings(&opened.warnings);
    let (selection, _) = selection::read(wanted.selection)?;
    let options = LayerOptions { selection, page_size: wanted.page_size, ..LayerOptions::default() };
    let session = opened.session.stopped_by(&interrupt::cancel());
    let mut layers = Layers::open(&session, &opened.target, options, wanted.layers, Arc::new(Silent))?;
    printer::warnings(layers.left_out());
    let names: Vec<String> = layers.names().iter().map(|name| (*name).to_owned()).collect();
    let mut planned = Vec::new();
    for (at, item) in layers.items().enumerate() {
        let named = || names.get(at).cloned().unwrap_or_default();
        let estimate = item.and_then(|item| match item {
            Item::Layer(layer) => Ok((layer.header().name.clone(), layer.estimate()?)),
            Item::File(file) => Ok((file.name, None)),
            _ => Ok((named(), None)),
        });
        let job = job.cloned();
        planned.push(match estimate {
            Ok((layer, estimate)) => Planned { job, layer, estimate, failure: None },
            // No table of nothing where one thing was asked for.
            Err(error) if error.kind() == ErrorKind::Cancelled || (names.len() == 1 && job.is_none()) => return Err(error),
            Err(error) => Planned { job, layer: named(), estimate: None, failure: Some(Failure::from(&error)) },
        });
    }
    Ok(planned)
}

fn in_words(planned: &[Planned], others: &[String]) -> String {
    let with_jobs = planned.iter().any(|layer| layer.job.is_some());
    let row = |first: &str, cells: [String; 6]| {
        let first = with_jobs.then(|| first.to_owned());
        first.into_iter().chain(cells).collect::<Vec<String>>()
    };
    let head = ["layer", "rows", "page", "requests", "bytes", "time"].map(str::to_owned);
    let mut rows = vec![row("job", head)];
    for layer in planned.iter().filter(|layer| layer.failure.is_none()) {
        let job = layer.job.as_deref().unwrap_or_default();
        let number = |value: Option<u64>| value.map_or("?".to_owned(), |value| value.to_string());
        let cells = match &layer.estimate {
            Some(guess) => [
                layer.layer.clone(),
                number(guess.rows),
                guess.page_size.to_string(),
                number(guess.requests),
                guess.bytes.map_or("?".to_owned(), printer::size),
                guess.seconds.map_or("?".to_owned(), |seconds| format!("{seconds:.1} s")),
            ],
            None => [&layer.layer, "?", "?", "?", "?", "?"].map(str::to_owned),
        };
        rows.push(row(job, cells));
    }
    if planned.len() > 1 {
        let sum = |of: fn(&Estimate) -> Option<u64>| planned.iter().filter_map(|layer| of(layer.estimate.as_ref()?)).sum::<u64>();
        let seconds: f64 = planned.iter().filter_map(|layer| layer.estimate.as_ref()?.seconds).sum();
        let cells = [
            "in all".to_owned(),
            sum(|guess| guess.rows).to_string(),
            String::new(),
            sum(|guess| guess.requests).to_string(),
            printer::size(sum(|guess| guess.bytes)),
            format!("{seconds:.1} s"),
        ];
        rows.push(row("", cells));
    }
    let mut text = printer::aligned(&rows);
    for layer in planned {
        if let Some(failure) = &layer.failure {
            let names: Vec<&str> = [layer.job.as_deref(), Some(layer.layer.as_str())].into_iter().flatten().collect();
            text.push_str(&format!("failed: {}: {}\n", names.join(" ").trim(), failure.message));
        }
    }
    for other in others {
        text.push_str(&format!("not estimated: {other}\n"));
    }
    text + "An estimate: rows as the server counts them, bytes (decompressed) and time from one page of each layer.\n"
}
