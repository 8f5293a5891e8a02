//! The command line from outside: what it prints, how it ends, and which files stand then.
//!
//! Servers are scripted or the demo server, both on loopback. The expected texts stand in the tests, with the
//! server's address as `SERVER`.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test, in a helper as well as in a test")]

mod config;
mod convert;
mod documents;
mod errors;
mod export;
mod hosted;
mod info;
mod jobs;
mod manual;
mod map_server;
mod messages;
mod options;
mod pipes;
mod progress;
mod reports;
mod run;
mod shells;
mod usage;

#[path = "../support/demo.rs"]
mod demo;
#[path = "../support/facts.rs"]
mod facts;
#[path = "../support/layer.rs"]
mod layer;
#[path = "../support/server.rs"]
mod server;
#[allow(dead_code, reason = "nothing is left out here")]
#[path = "../support/tools.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tools::in_clone;

/// An empty directory to run commands in.
struct Desk {
    dir: TempDir,
    /// What is shown as `SERVER`.
    server: String,
}

/// How a command ended.
#[derive(Debug)]
struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        Self::beside("http://nobody")
    }

    /// A desk whose commands talk to a server; texts show it as `SERVER`.
    fn beside(server: &str) -> Self {
        let server = server.trim_end_matches('/').to_owned();
        Self { dir: TempDir::new().expect("a temporary directory"), server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the desk takes files");
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// The names of everything in a directory of the desk, hidden files too.
    fn names(&self, dir: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(dir)).unwrap_or_else(|why| panic!("{dir}: {why}"));
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The command, in this directory.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geohaul"));
        command.args(args).current_dir(self.dir.path()).env("COLUMNS", "200").env("GEOHAUL_NO_CONFIG", "1");
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, "")
    }

    /// The same with a text on standard input.
    fn run_with(&self, args: &[&str], stdin: &str) -> Run {
        let mut command = assert_cmd::Command::from_std(self.command(args));
        let output = command.write_stdin(stdin).output().expect("geohaul starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace(&self.server, "SERVER");
        Run { status: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The same, which must end well; gives what it said.
    fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.status, 0, "{args:?}: {}{}", run.stdout, run.stderr);
        run.stderr
    }

    /// Asserts how a command ends, and every word of what it says.
    #[track_caller]
    fn says(&self, args: &[&str], status: i32, stderr: &str) {
        let run = self.run(args);
        assert_eq!(run.stderr, unindented(stderr), "{args:?}");
        assert_eq!(run.status, status, "{args:?}");
    }

    /// [`Desk::says`] of an error that leaves nothing behind: the names in the desk are those from before.
    #[track_caller]
    fn refuses(&self, args: &[&str], status: i32, stderr: &str) {
        let before = self.names(".");
        self.says(args, status, stderr);
        assert_eq!(self.names("."), before, "{args:?}");
    }
}

/// A text without the indentation of its first line; `SAVED/` is the folder of [`saved`], `FORMATS` the
/// names of all formats.
fn unindented(text: &str) -> String {
    let formats: Vec<&str> = geohaul::write::FORMATS.iter().map(|format| format.info().name).collect();
    let text = &text.replace("SAVED/", &saved("")).replace("FORMATS", &formats.join(", "));
    let text = text.strip_prefix('\n').unwrap_or(text);
    let indent = text.len() - text.trim_start_matches(' ').len();
    let line = |line: &str| line.get(indent..).unwrap_or("").to_owned() + "\n";
    text.trim_end().lines().map(line).collect()
}

/// What an independent reader says.
fn judged_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("make test installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// `ogrinfo` on a file: its summary.
fn ogrinfo(path: &Path) -> String {
    judged_by("ogrinfo", &["-so", "-al", &path.display().to_string()])
}

/// A saved answer of `testdata/geometry`.
fn saved(name: &str) -> String {
    in_clone("testdata/geometry").join(name).display().to_string()
}
