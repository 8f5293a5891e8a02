//! The command line: arguments in, one call of the library, a report or a complaint out. Data goes to stdout,
//! talk to stderr.

use std::process::ExitCode;

use clap::Parser;

mod access;
mod args;
mod batch;
mod complaint;
mod convert;
mod explain;
mod export;
mod formats;
mod info;
mod interrupt;
mod job;
mod keyring;
mod login;
mod ls;
mod outputs;
mod plan;
mod printer;
mod run;
mod selection;
mod setting;
mod status;
mod verify;

pub use args::Args;
pub use status::Status;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let status = match dispatch(args.verb) {
        Ok(status) => status,
        Err(error) => {
            complaint::print(&error);
            Status::of(&error)
        }
    };
    status.into()
}

fn dispatch(verb: args::Verb) -> crate::Result<Status> {
    match verb {
        args::Verb::Convert(args) => convert::run(&args),
        args::Verb::Export(args) => export::run(&args),
        args::Verb::Run(args) => run::run(&args),
        args::Verb::Batch(args) => batch::run(&args),
        args::Verb::Plan(args) => plan::run(&args),
        args::Verb::Job(args) => job::run(&args),
        args::Verb::Ls(args) => ls::run(&args),
        args::Verb::Info(args) => info::run(&args),
        args::Verb::Verify(args) => verify::run(&args),
        args::Verb::Login(args) => login::login(&args),
        args::Verb::Logout(args) => login::logout(&args),
        args::Verb::Whoami(args) => login::whoami(&args),
        args::Verb::Formats(args) => formats::run(&args),
    }
}
