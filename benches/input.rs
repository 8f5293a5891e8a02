//! The benchmarks' input files: `cargo bench --bench input -- polygons 100000 > polygons.json`.

#![allow(clippy::print_stderr, reason = "a program for the terminal")]

use std::io::BufWriter;
use std::process::ExitCode;

mod generator;

use generator::{Kind, write};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let asked = match words.as_slice() {
        // `cargo bench` alone runs every benchmark, and this is none.
        [] => return ExitCode::SUCCESS,
        [kind, count] => Kind::named(kind).zip(count.parse::<usize>().ok()),
        _ => None,
    };
    let Some((kind, count)) = asked else {
        eprintln!("usage: input points|lines|polygons|giant|sieve COUNT");
        return ExitCode::from(2);
    };
    match write(&mut BufWriter::with_capacity(1 << 20, std::io::stdout().lock()), kind, count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("input: {why}");
            ExitCode::FAILURE
        }
    }
}
