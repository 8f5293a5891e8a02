//! The demo server as a process of its own, which ends with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running demo server on a free port.
pub(crate) struct Demo {
    pub(crate) process: Child,
    /// Host and port.
    pub(crate) host: String,
}

#[allow(dead_code, reason = "each test takes what it needs")]
impl Demo {
    /// Cargo builds examples along with tests, beside them.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let tests = std::env::current_exe().expect("a test has a path");
        let program = tests.ancestors().nth(2).expect("tests stand in a folder").join("examples").join("demo_server");
        let mut process =
            Command::new(&program).arg("0").args(arguments).stdout(Stdio::piped()).spawn().expect("the demo server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line");
        let host = line.trim().strip_prefix("listening on http://").expect("the address").to_owned();
        Self { process, host }
    }

    /// The address of something in its services folder, such as `FeatureServer/0`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/arcgis/rest/services/Demo/{path}", self.host)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
