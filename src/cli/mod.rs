//! The command line: arguments in, one call of the library, a report or a complaint out. Data goes to stdout,
//! talk to stderr.

use std::process::ExitCode;

mod access;
mod args;
mod batch;
mod complaint;
mod config;
mod convert;
mod explain;
mod export;
mod formats;
mod info;
mod interrupt;
mod job;
mod keyring;
mod log;
mod login;
mod ls;
mod outputs;
mod plan;
mod printer;
mod progress;
mod run;
mod selection;
mod setting;
mod shells;
mod status;
mod verify;

pub use args::Args;
pub use status::Status;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let args = match config::arguments(std::env::args_os().collect()) {
        Ok(args) => args,
        Err(config::Stop::Clap(error)) => error.exit(),
        Err(config::Stop::File(error)) => {
            complaint::print(&error);
            return Status::of(&error).into();
        }
    };
    printer::talk(args.global.progress, args.global.quiet);
    log::listen(args.global.verbose);
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
        args::Verb::Convert(args) => {
            let files = args.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
            outputs::reported(&args.outputs, &files, false, || convert::run(&args))
        }
        args::Verb::Export(args) => outputs::reported(&args.outputs, &args.url, args.resume, || export::run(&args)),
        args::Verb::Run(args) => outputs::reported(&args.outputs, &args.url, false, || run::run(&args)),
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
        args::Verb::Completions(args) => shells::completions(&args),
        args::Verb::Man(args) => shells::man(&args),
    }
}
