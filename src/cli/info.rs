//! `geohaul info`: what a URL or file holds.

use super::access;
use super::args::InfoArgs;
use super::printer;
use super::progress::progress;
use super::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::describe::{Description, LayerDescription, describe};
use crate::fetch::gp::{Execution, Parameter};
use crate::model::{Crs, Domain, Field, Header};
use std::fmt::Write;

pub(super) fn run(args: &InfoArgs) -> Result<Status> {
    let opened = access::open(&args.access, &args.target)?;
    let description = describe(&opened.session, &opened.target, &progress())?;
    let text = if args.json {
        serde_json::to_string_pretty(&description)
            .map_err(|why| Error::new(ErrorKind::Internal, "can't write JSON").because(why))?
            + "\n"
    } else {
        text(&description)
    };
    printer::warnings(&opened.warnings);
    printer::data(&text)?;
    Ok(Status::Complete)
}

fn text(description: &Description) -> String {
    let mut text = String::new();
    match description {
        Description::Layer(layer) => layer_text(&mut text, layer),
        Description::File { layers, values } => {
            for header in layers {
                header_text(&mut text, header);
            }
            for value in values {
                line(&mut text, &value.name, &format!("{} ({})", value.value, value.data_type));
            }
        }
        Description::Service(service) => {
            line(&mut text, "service", service.description.as_deref().unwrap_or("without description"));
            optional(&mut text, "version", service.version.as_deref());
            optional(&mut text, "most rows in an answer", service.max_record_count.map(|count| count.to_string()).as_deref());
            optional(
                &mut text,
                "spatial reference of the map",
                service.spatial_reference.as_ref().map(ToString::to_string).as_deref(),
            );
            let mut rows = vec![["ID", "NAME", "KIND"].map(str::to_owned).to_vec()];
            for (entries, what) in [(&service.layers, "layer"), (&service.tables, "table")] {
                for entry in entries {
                    let kind = match (entry.is_group, entry.geometry) {
                        (true, _) => "group".to_owned(),
                        (false, Some(kind)) => format!("{kind} {what}"),
                        (false, None) => what.to_owned(),
                    };
                    rows.push(vec![entry.id.to_string(), entry.name.clone(), kind]);
                }
            }
            text.push_str(&printer::aligned(&rows));
        }
        Description::Catalog(catalog) => {
            optional(&mut text, "version", catalog.version.as_deref());
            let folders = catalog.folders.iter().map(|folder| vec![format!("{folder}/"), "folder".to_owned()]);
            let services = catalog.services.iter().map(|(name, kind)| vec![name.clone(), kind.clone()]);
            let head = std::iter::once(["NAME", "TYPE"].map(str::to_owned).to_vec());
            text.push_str(&printer::aligned(&head.chain(folders).chain(services).collect::<Vec<_>>()));
        }
        Description::GpService(service) => {
            line(&mut text, "geoprocessing service", &format!("{} tasks", service.tasks.len()));
            optional(&mut text, "runs", service.execution.map(how));
            line(&mut text, "uploads", if service.uploads { "yes" } else { "no" });
            optional(&mut text, "most rows in a result", service.most_records.map(|count| count.to_string()).as_deref());
            optional(&mut text, "result map service", service.result_map_service.as_deref());
            for task in &service.tasks {
                line(&mut text, "task", task);
            }
        }
        Description::GpTask(task) => {
            line(&mut text, "geoprocessing task", task.display_name.as_deref().unwrap_or(&task.name));
            optional(&mut text, "runs", task.execution.map(how));
            let mut rows =
                vec![["PARAMETER", "DIRECTION", "TYPE", "NEED", "DEFAULT", "CHOICES OR FILTER"].map(str::to_owned).to_vec()];
            for parameter in &task.parameters {
                let default = parameter.default.as_ref().map_or(String::new(), |value| match value {
                    serde_json::Value::String(text) => text.clone(),
                    other if other.get("features").is_some() => "(empty feature set)".to_owned(),
                    other => other.to_string(),
                });
                rows.push(vec![
                    parameter.name.clone(),
                    parameter.direction.to_string(),
                    parameter.data_type.clone(),
                    parameter.need.to_string(),
                    default,
                    choices_or_filter(parameter),
                ]);
            }
            text.push_str(&printer::aligned(&rows));
        }
        Description::GpJob(job) => {
            line(&mut text, "job", &job.id);
            line(&mut text, "status", job.status.describe());
            for message in &job.messages {
                line(&mut text, "message", &message.text);
            }
            for (name, _) in job.results.iter().flatten() {
                line(&mut text, "result", name);
            }
        }
    }
    text
}

fn how(execution: Execution) -> &'static str {
    match execution {
        Execution::Synchronous => "synchronously",
        Execution::Asynchronous => "asynchronously, as a job",
    }
}

/// What a value must be, in words.
fn choices_or_filter(parameter: &Parameter) -> String {
    let filter = &parameter.filter;
    let kinds = filter.geometry_types.iter().map(|kind| kind.trim_start_matches("esriGeometry").to_lowercase());
    let range = filter.range.map(|(least, most)| format!("{least} to {most}"));
    let endings = filter.endings.iter().map(|ending| format!(".{ending}"));
    parameter.choices.iter().cloned().chain(kinds).chain(range).chain(endings).collect::<Vec<_>>().join(", ")
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{name}: {value}");
}

fn optional(text: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        line(text, name, value);
    }
}

fn layer_text(text: &mut String, layer: &LayerDescription) {
    header_text(text, &layer.header);
    optional(text, "most rows in an answer", layer.max_record_count.map(|count| count.to_string()).as_deref());
    line(text, "pagination", if layer.supports_pagination { "yes" } else { "no" });
    optional(text, "capabilities", layer.capabilities.as_ref().map(|list| list.join(", ")).as_deref());
    for warning in &layer.warnings {
        line(text, "warning", warning);
    }
}

fn header_text(text: &mut String, header: &Header) {
    let ordinates = match (header.has_z, header.has_m) {
        (false, false) => "",
        (true, false) => " with z",
        (false, true) => " with m",
        (true, true) => " with z and m",
    };
    let kind = header.geometry.map_or("table".to_owned(), |kind| format!("{kind} layer{ordinates}"));
    line(text, &kind, &header.name);
    optional(text, "rows", header.count.map(|count| count.to_string()).as_deref());
    if header.geometry.is_some() {
        let reference = match &header.spatial_reference {
            None => "none is named".to_owned(),
            Some(sr) => Crs::of(sr).map_or_else(|_| format!("{sr} (not known here)"), |crs| format!("{sr}, {crs}")),
        };
        line(text, "spatial reference", &reference);
    }
    let mut rows = vec![["FIELD", "TYPE", "LENGTH", "ALIAS", "DOMAIN"].map(str::to_owned).to_vec()];
    rows.extend(header.fields.iter().enumerate().map(|(index, field)| field_row(field, header.object_id == Some(index))));
    text.push_str(&printer::aligned(&rows));
}

fn field_row(field: &Field, is_object_id: bool) -> Vec<String> {
    let kind = field.field_type.esri_name().trim_start_matches("esriFieldType");
    let kind = if is_object_id && kind != "OID" { format!("{kind} (object id)") } else { kind.to_owned() };
    let domain = match &field.domain {
        None => String::new(),
        Some(Domain::Coded { name, codes }) => format!("{name}: {} codes", codes.len()),
        Some(Domain::Range { name, min, max }) => format!("{name}: {min} to {max}"),
        Some(Domain::Inherited) => "inherited".to_owned(),
    };
    let length = field.length.map_or(String::new(), |length| length.to_string());
    vec![field.name.clone(), kind, length, field.alias.clone().unwrap_or_default(), domain]
}
