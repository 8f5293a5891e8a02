//! The tools that a test needs and that a machine may lack.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Says past the test runner's capture that `test` does nothing here, since `missing` is. CI sets
/// `GEOHAUL_TESTS=all`, and there it is a failure.
pub(crate) fn leave_out(test: &str, missing: &str) {
    let all = std::env::var("GEOHAUL_TESTS").is_ok_and(|tests| tests == "all");
    assert!(!all, "{test} needs {missing}: make test installs it");
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(std::io::stderr(), "\nLEFT OUT: {test}, for want of {missing}");
}

/// `true` where `program` starts and ends well.
pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// A file or folder of the clone.
pub(crate) fn in_clone(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
