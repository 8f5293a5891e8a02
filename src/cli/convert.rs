//! `geohaul convert`: saved Esri JSON to files.

use super::args::ConvertArgs;
use super::outputs;
use super::setting::{Delivered, Setting};
use super::status::Status;
use crate::error::Result;
use crate::export::ExportOptions;
use crate::fetch::saved::Saved;

pub(super) fn run(args: &ConvertArgs) -> Result<Status> {
    Ok(work(args, &Setting::alone())?.tell())
}

/// Converts, in a setting.
pub(super) fn work(args: &ConvertArgs, setting: &Setting<'_>) -> Result<Delivered> {
    // Wrong options are no fault of the file.
    let destination = outputs::destination(&args.outputs)?;
    let options = ExportOptions { sketch: setting.job.is_some(), ..outputs::options(&args.outputs)? };
    let done = outputs::deliver(&mut Saved::open(&args.files)?, &destination, options, &args.outputs, Vec::new(), setting);
    // Of several files nobody knows any more which one a row came from.
    match args.files.as_slice() {
        [file] => done.map_err(|error| error.in_file(file)),
        _ => done,
    }
}
