//! `geohaul convert`: saved Esri JSON to files.

use std::path::{Path, PathBuf};

use super::args::ConvertArgs;
use super::outputs;
use super::setting::{Delivered, Setting};
use super::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{Destination, ExportOptions};
use crate::fetch::saved::Saved;
use crate::write::place_of;

pub(super) fn run(args: &ConvertArgs) -> Result<Status> {
    Ok(work(args, &Setting::alone())?.tell())
}

/// Converts, in a setting.
pub(super) fn work(args: &ConvertArgs, setting: &Setting<'_>) -> Result<Delivered> {
    refuse_addresses(&args.files)?;
    // Wrong options are no fault of the file.
    let destination = outputs::destination(&args.outputs)?;
    refuse_to_replace_inputs(&args.files, &destination)?;
    let options = ExportOptions { sketch: setting.job.is_some(), ..outputs::options(&args.outputs)? };
    let done = outputs::deliver(&mut Saved::open(&args.files)?, &destination, options, &args.outputs, Vec::new(), setting);
    // Of several files nobody knows any more which one a row came from.
    match args.files.as_slice() {
        [file] => done.map_err(|error| error.in_file(file)),
        _ => done,
    }
}

/// What is on a server is exported.
fn refuse_addresses(inputs: &[PathBuf]) -> Result<()> {
    let is_address = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    match inputs.iter().any(|input| input.to_str().is_some_and(is_address)) {
        false => Ok(()),
        true => Err(Error::new(ErrorKind::Usage, "convert reads saved files, not addresses")
            .hint("for layers on servers there is geohaul export, for tasks geohaul run")),
    }
}

/// An input that becomes its own output would be gone.
fn refuse_to_replace_inputs(inputs: &[PathBuf], destination: &Destination) -> Result<()> {
    let Destination::Files(outputs) = destination else { return Ok(()) };
    let is_input = |path: &Path| path != Path::new("-") && inputs.iter().any(|input| place_of(input) == place_of(path));
    match outputs.iter().find(|output| is_input(&output.path)) {
        None => Ok(()),
        Some(output) => Err(Error::new(ErrorKind::Usage, "the output is the input")
            .in_file(&output.path)
            .hint("give the output another name")),
    }
}
