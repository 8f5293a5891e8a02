//! Arguments of `job`.

use std::time::Duration;

use clap::Subcommand;

use super::AccessArgs;
use super::values::duration;

/// Arguments of `job`.
#[derive(Debug, clap::Args)]
pub struct JobArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: JobAction,
}

/// What to do with a job.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum JobAction {
    /// Say how a job is.
    Status(JobTarget),
    /// Print its messages.
    Messages(JobTarget),
    /// Print the inputs that the server received, as JSON.
    Inputs(JobTarget),
    /// List its results; geohaul export brings them.
    Results(JobTarget),
    /// Ask the server to cancel it.
    Cancel(JobWait),
    /// Follow it to its end.
    Wait(JobWait),
}

/// Which job.
#[derive(Debug, clap::Args)]
pub struct JobTarget {
    /// The job's address (.../GPServer/TASK/jobs/ID), or the folder that geohaul run wrote job.json into.
    #[arg(value_name = "URL|DIR")]
    pub target: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub access: AccessArgs,
}

/// Which job, and how long to wait for it.
#[derive(Debug, clap::Args)]
pub struct JobWait {
    #[command(flatten)]
    #[allow(missing_docs, reason = "the doc comment would become the help text")]
    pub job: JobTarget,
    /// The longest to wait: 90s, 30m, 12h. The default is 10s for cancel, and no end for wait.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
}
