//! `geohaul run`: a geoprocessing task, from its inputs to its results as files.

use super::access;
use super::args::RunArgs;
use super::status::Status;
use super::{interrupt, outputs};
use crate::error::{Error, ErrorKind, Result};
use crate::export::{Destination, refuse_existing};
use crate::fetch::gp::{Options, Parameters, Polling, Task};
use crate::fetch::target::Target;

pub(super) fn run(args: &RunArgs) -> Result<Status> {
    let opened = access::open(&args.access, &args.url)?;
    let url = match opened.target {
        Target::GpTask { url } | Target::GpService { url } => url,
        other => {
            let error = Error::new(ErrorKind::Usage, "the address names no geoprocessing task")
                .hint("a task's address looks like https://HOST/arcgis/rest/services/NAME/GPServer/TASK");
            return Err(match other {
                Target::Layer { url, .. } | Target::Service { url } | Target::Catalog { url } => error.at_url(&url),
                _ => error,
            });
        }
    };
    let parameters = Parameters::parse(&args.parameter)?;
    let out_sr =
        args.out_sr.as_deref().map(|text| outputs::crs("--out-sr", text)).transpose()?.map(|crs| crs.spatial_reference());
    let options = Options { out_sr, ..Options::default() };
    // Bad outputs fail before the task runs, which may take hours.
    let destination = outputs::directory(&args.outputs)?;
    let way = outputs::options(&args.outputs)?;
    outputs::check(&destination, &args.outputs, false)?;
    let progress = outputs::progress(&args.outputs);
    let task = Task::open(&opened.session.stopped_by(&interrupt::cancel()), &url)?;
    if let Destination::Directory { path, formats } = &destination
        && !args.outputs.overwrite
    {
        let rows = task.info().outputs().filter(|output| output.is_rows());
        refuse_existing(path, formats, rows.map(|output| (output.name.as_str(), output.data_type == "GPRecordSet")))?;
    }
    let mut job = task.run(&parameters, &options, &progress)?;
    job.wait(&Polling::default())?;
    outputs::deliver(&mut job.results(None)?, &destination, way, &args.outputs, opened.warnings)
}
