//! The log of `-v` and `-vv`, on standard error.

use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

use super::printer;

/// Listens to the library from here on: `verbose` times.
pub(super) fn listen(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    // Ours alone: what the layers below write of headers and bodies is not cleared of secrets.
    let ours = Targets::new().with_target("geohaul", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Stderr)
        .with_ansi(false)
        .with_target(false)
        .with_timer(tracing_subscriber::fmt::time::uptime());
    // Another one that listens already was first.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(ours).with(lines));
}

/// Where lines go: above the bars, and as notes where a program listens.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        printer::say(&String::from_utf8_lossy(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
