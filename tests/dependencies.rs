//! What may come in with a dependency: licences that let geohaul be given away under MIT or Apache-2.0, from
//! crates.io only, and none of the crates that the design rules out. Reads `cargo metadata`, offline.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::collections::BTreeSet;
use std::process::Command;

const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crate and the reason.
const BANNED: &[(&str, &str)] = &[
    ("native-tls", "TLS is rustls's: no system library beside GDAL"),
    ("openssl-sys", "TLS is rustls's: no system library beside GDAL"),
    ("async-std", "the library is blocking"),
];

#[test]
fn dependencies_have_licences_and_sources_that_we_may_use() {
    let mut wrong = BTreeSet::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("none");
        if !allows(licence) {
            wrong.insert(format!("{name}: licence {licence}"));
        }
        // Our own package has no source.
        if let Some(source) = package["source"].as_str()
            && source != "registry+https://github.com/rust-lang/crates.io-index"
        {
            wrong.insert(format!("{name}: from {source}"));
        }
        if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            wrong.insert(format!("{name} is banned: {reason}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    assert!(allows("MIT OR GPL-3.0"));
    assert!(allows("MIT/Apache-2.0"));
    assert!(allows("(MIT OR GPL-3.0) AND Unicode-3.0"));
    assert!(allows("Apache-2.0 WITH LLVM-exception OR GPL-2.0"));
    assert!(!allows("GPL-3.0"));
    assert!(!allows("MIT AND GPL-3.0"));
    assert!(!allows("(MIT AND GPL-3.0) OR MPL-2.0"));
    assert!(!allows("MIT WITH Commons-Clause"));
    assert!(!allows("none"));
}

fn packages() -> Vec<serde_json::Value> {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let host = String::from_utf8(rustc.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--features",
            "geoparquet",
            "--filter-platform",
            host,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// `true` where the SPDX expression can be met with licences of the list. An old `/` means OR.
fn allows(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = any(&mut words);
    allowed && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>) -> bool {
    let mut allowed = all(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all(words);
    }
    allowed
}

fn all(words: &mut Words<'_>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Words<'_>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let allowed = any(words);
        return words.next_if_eq(&")").is_some() && allowed;
    }
    let Some(name) = words.next() else { return false };
    match words.next_if_eq(&"WITH") {
        Some(_) => LICENCES.contains(&format!("{name} WITH {}", words.next().unwrap_or_default()).as_str()),
        None => LICENCES.contains(&name),
    }
}
