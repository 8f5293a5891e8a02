//! Ctrl-C: once ends the work cleanly, twice ends the program.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::printer::say;
use super::status::Status;
use crate::fetch::http::Cancel;

/// What ends the work of this process. The first call begins to listen to Ctrl-C, SIGTERM and SIGHUP.
pub(super) fn cancel() -> Cancel {
    static CANCEL: OnceLock<Cancel> = OnceLock::new();
    let listen = || {
        let cancel = Cancel::default();
        let (ours, again) = (cancel.clone(), AtomicBool::new(false));
        let stop = move || {
            if again.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(Status::Interrupted.code()));
            }
            ours.cancel();
            say("stopping; Ctrl-C again stops at once\n");
        };
        // Where signals can't be had, Ctrl-C ends the program as it always does.
        let _ = ctrlc::set_handler(stop);
        cancel
    };
    CANCEL.get_or_init(listen).clone()
}
