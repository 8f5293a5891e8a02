//! `geohaul convert`: saved Esri JSON to files.

use super::args::ConvertArgs;
use super::outputs;
use super::status::Status;
use crate::error::Result;
use crate::fetch::saved::Saved;

pub(super) fn run(args: &ConvertArgs) -> Result<Status> {
    let done = outputs::deliver(&mut Saved::open(&args.files)?, &args.outputs, Vec::new());
    // Of several files nobody knows any more which one a row came from.
    match args.files.as_slice() {
        [file] => done.map_err(|error| if error.place().page.is_some() { error.in_file(file) } else { error }),
        _ => done,
    }
}
