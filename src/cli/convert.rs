//! `geohaul convert`: saved Esri JSON to files.

use super::args::ConvertArgs;
use super::outputs;
use super::status::Status;
use crate::error::Result;
use crate::fetch::saved::Saved;

pub(super) fn run(args: &ConvertArgs) -> Result<Status> {
    let done = outputs::deliver(&mut Saved::open(&args.files)?, &args.outputs);
    match args.files.as_slice() {
        [file] => done.map_err(|error| error.in_file(file)),
        _ => done,
    }
}
