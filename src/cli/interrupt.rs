//! Ctrl-C: once ends the work cleanly, twice ends the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

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
                say(&words().1);
                std::process::exit(i32::from(Status::Interrupted.code()));
            }
            ours.cancel();
            say(&words().0);
        };
        // Where signals can't be had, Ctrl-C ends the program as it always does.
        let _ = ctrlc::set_handler(stop);
        cancel
    };
    CANCEL.get_or_init(listen).clone()
}

/// What is said at the first Ctrl-C and at the second.
static WORDS: Mutex<Option<(String, String)>> = Mutex::new(None);

fn words() -> (String, String) {
    let words = WORDS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    words.unwrap_or_else(|| ("stopping; Ctrl-C again stops at once\n".to_owned(), String::new()))
}

/// Changes what is said: `None` for what is always said.
pub(super) fn say_instead(new: Option<(String, String)>) {
    *WORDS.lock().unwrap_or_else(PoisonError::into_inner) = new;
}
