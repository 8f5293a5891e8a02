//! `geohaul run`: a geoprocessing task, from its inputs to its results as files.

use super::args::RunArgs;
use super::status::Status;
use super::{interrupt, outputs};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::gp::{Inputs, Options, Task};
use crate::fetch::session::Session;
use crate::fetch::target::Target;
use crate::model::Crs;

pub(super) fn run(args: &RunArgs) -> Result<Status> {
    let url = match Target::parse(&args.url)? {
        Target::GpTask { url } | Target::GpService { url } => url,
        _ => {
            return Err(Error::new(ErrorKind::Usage, "the address names no geoprocessing task")
                .hint("a task's address looks like https://HOST/arcgis/rest/services/NAME/GPServer/TASK"));
        }
    };
    let inputs = Inputs::parse(&args.parameter)?;
    let out_sr = args.out_sr.as_deref().map(Crs::parse).transpose()?.map(|crs| crs.spatial_reference());
    let options = Options { out_sr, ..Options::default() };
    // Bad outputs fail before the task runs.
    let destination = outputs::directory(&args.outputs)?;
    let way = outputs::options(&args.outputs)?;
    let progress = outputs::progress(&args.outputs);
    let task = Task::open(&Session::online()?.stopped_by(&interrupt::cancel()), &url)?;
    let mut job = task.run(&inputs, &options, &progress)?;
    outputs::deliver_to(&mut job, &destination, way, &args.outputs)
}
