//! `geohaul completions` and `geohaul man`: what shells and readers of manuals need, made of the arguments.

use clap::CommandFactory;

use super::args::{Args, CompletionsArgs, ManArgs};
use super::printer;
use super::status::Status;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn completions(args: &CompletionsArgs) -> Result<Status> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "geohaul", &mut text);
    printer::data(&String::from_utf8_lossy(&text))?;
    Ok(Status::Complete)
}

pub(super) fn man(args: &ManArgs) -> Result<Status> {
    match &args.dir {
        Some(dir) => {
            let made = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Args::command(), dir));
            made.map_err(|why| Error::file("can't write the manual", dir, &why))?;
        }
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Args::command()).render(&mut page);
            rendered.map_err(|why| Error::new(ErrorKind::Internal, "can't make the manual").because(why))?;
            printer::data(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Status::Complete)
}
