//! `geohaul export`: a layer or table to files.

use std::sync::Arc;

use super::access;
use super::args::{ExportArgs, Project};
use super::status::Status;
use super::{interrupt, outputs};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::export::ExportOptions;
use crate::fetch::Single;
use crate::fetch::layer::{LayerOptions, LayerSource};
use crate::fetch::selection::Selection;
use crate::fetch::target::Target;

pub(super) fn run(args: &ExportArgs) -> Result<Status> {
    let opened = access::open(&args.access, &args.url)?;
    let (url, pasted_where) = match opened.target {
        Target::Layer { url, where_clause, .. } => (url, where_clause),
        Target::Service { url } => {
            return Err(Error::new(ErrorKind::Usage, "the address names a service, not a layer of it")
                .at_url(&url)
                .hint("append the number of a layer, such as /0; geohaul info on this address lists them"));
        }
        Target::File(_) | Target::Stdin => {
            return Err(Error::new(ErrorKind::Usage, "export reads layers on servers, not files")
                .hint("for saved files there is geohaul convert"));
        }
        Target::GpTask { url } | Target::GpService { url } => {
            return Err(Error::new(ErrorKind::Usage, "the address names a geoprocessing task, not a layer")
                .at_url(&url)
                .hint("run it with geohaul run; geohaul info shows what it takes"));
        }
        _ => {
            return Err(Error::new(ErrorKind::Usage, "the address names no layer or table")
                .hint("a layer's address ends in a number, such as FeatureServer/0"));
        }
    };
    let out_sr = match (args.project, args.outputs.crs.as_deref()) {
        (Project::Local, _) => None,
        (Project::Server, Some(crs)) if !crs.eq_ignore_ascii_case("native") => {
            Some(outputs::crs("--crs", crs)?.spatial_reference())
        }
        (Project::Server, _) => {
            return Err(Error::new(ErrorKind::Usage, "--project server does not say into which spatial reference")
                .hint("name it: --project server --crs EPSG:4326"));
        }
    };
    // Bad outputs fail before anything is asked.
    outputs::check(&outputs::destination(&args.outputs)?, &args.outputs)?;
    let options = LayerOptions {
        selection: Selection { where_clause: args.where_clause.clone().or(pasted_where), ..Selection::default() },
        out_sr,
        page_size: args.page_size,
        connections: usize::try_from(args.connections).unwrap_or(1),
        wire: args.wire.into(),
    };
    let progress = outputs::progress(&args.outputs);
    let session = opened.session.with_connections(options.connections).stopped_by(&interrupt::cancel());
    let layer = LayerSource::open(&session, &url, options, Arc::clone(&progress))?;
    let input = &mut Single::new(Box::new(layer), redact(&url));
    let options = ExportOptions { resume: args.resume, ..outputs::options(&args.outputs)? };
    outputs::deliver(input, &outputs::destination(&args.outputs)?, options, &args.outputs, opened.warnings).map_err(|error| {
        match error.kind() {
            ErrorKind::Cancelled if args.resume => error.hint("run the same command again: it goes on from here"),
            ErrorKind::Cancelled => error.hint("with --resume the same command goes on where it was stopped"),
            _ => error,
        }
    })
}
