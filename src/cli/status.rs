//! Exit statuses: what a script learns from a run.

use std::process::ExitCode;

use crate::error::{Error, ErrorKind};
use crate::report::Report;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 0: everything that was asked for is there.
    Complete,
    /// 1: the work failed, and no output was renamed into place. The same command may pass another time.
    Failed,
    /// 2: the command must be changed: it makes no sense, names what is not there, or asks for more than the layer, the
    /// task, the format or this build can do.
    Usage,
    /// 3: something was written, but not all. Each file that stands is whole.
    Partial,
    /// 130: interrupted.
    Interrupted,
}

impl Status {
    /// The status of a run that ended with an error.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage | ErrorKind::Format | ErrorKind::Unsupported => Self::Usage,
            ErrorKind::Cancelled => Self::Interrupted,
            // As `head` ends whoever writes to it: all that was wanted came.
            ErrorKind::Closed => Self::Complete,
            _ => Self::Failed,
        }
    }

    /// The status of a run that ended with a report.
    pub fn of_report(report: &Report) -> Self {
        match (report.is_complete(), report.wrote_something()) {
            (true, _) => Self::Complete,
            (false, true) => Self::Partial,
            (false, false) => Self::Failed,
        }
    }
}

impl Status {
    /// The number that the program exits with.
    pub fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        status.code().into()
    }
}
