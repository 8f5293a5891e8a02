//! Who may import whom: the table of `docs/architecture.md`, read off the paths in `src/`. Imports go down, so that
//! a stage can be read, tested and replaced without its neighbours.
//!
//! Reads `crate::`, `super::` and (in the command line) `geohaul::` paths, in `use` and in code. Test modules may
//! import what they like.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The more special rule comes first: (path under `src/`, modules it may import, `true` where it may call GDAL).
/// Every module may import itself.
const RULES: &[(&str, &[&str], bool)] = &[
    ("error", &[], false),
    ("gdal_ffi", &["error"], true),
    ("model/crs", &["error", "gdal_ffi"], true),
    ("model", &["error"], false),
    ("pipe", &["error"], false),
    ("report", &["error", "model"], false),
    ("esri", &["error", "model"], false),
    ("fetch", &["error", "report", "model", "esri", "pipe"], false),
    ("convert", &["error", "report", "model", "esri"], false),
    ("write/ogr", &["error", "report", "model", "pipe", "gdal_ffi"], true),
    ("write", &["error", "report", "model", "pipe"], false),
    ("export", &["error", "report", "model", "pipe", "esri", "fetch", "convert", "write"], false),
    ("batch", &["error", "report", "model", "fetch", "write", "export"], false),
    ("cli", &["batch", "error", "report", "model", "fetch", "convert", "write", "export"], false),
    ("main", &["cli", "error", "report", "model", "fetch", "convert", "write", "export"], false),
];

#[test]
fn imports_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let public = reexports(&fs::read_to_string(source.join("lib.rs")).unwrap());
    let mut wrong = String::new();
    for file in rust_files(&source) {
        let module = file.strip_prefix(&source).unwrap().with_extension("").to_string_lossy().replace('\\', "/");
        let module = module.trim_end_matches("/mod");
        if module != "lib" {
            let text = fs::read_to_string(&file).unwrap();
            for fault in faults(module, &text, &public) {
                writeln!(wrong, "src/{}:{fault}", file.strip_prefix(&source).unwrap().display()).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the table of docs/architecture.md:\n{wrong}");
}

#[test]
fn a_stage_that_imports_its_neighbour_is_found() {
    let public = reexports("pub use error::{Error, Result};\npub use fetch::open;");
    let found = |module: &str, text: &str| faults(module, text, &public);
    assert_eq!(found("write/kmz", "use crate::fetch::layer;\n"), ["1: write may not import fetch"]);
    assert_eq!(
        found("write/kmz", "\nuse crate::{Error, model::{Crs, Batch},\n convert::plan};"),
        ["3: write may not import convert"]
    );
    assert_eq!(found("write/kmz/icons", "fn f() { super::super::super::esri::peek() }"), ["1: write may not import esri"]);
    assert_eq!(found("convert/rows", "fn f() { crate::open() }"), ["1: convert may not import fetch"]);
    assert_eq!(found("convert/rows", "fn f() { gdal::init() }"), ["1: convert may not call GDAL"]);
    assert_eq!(found("cli/run", "use geohaul::pipe::Permits;"), ["1: cli may not import pipe"]);
    assert_eq!(found("astray", ""), ["1: astray has no rule: add one to tests/imports.rs"]);
}

#[test]
fn what_a_module_may_import_is_no_fault() {
    let public = reexports("pub use error::{Error, Result};");
    let text = "\
//! Unlike `crate::fetch`, this writes.
use super::{Encoded, Format}; // not crate::fetch
use crate::{Error, Result};
const HELP: &str = \"crate::fetch::open\";
#[cfg(test)]
mod tests {
    use crate::fetch::open;
    fn f() -> char { '{' }
}
fn after() { crate::model::batch() }
";
    assert_eq!(faults("write/kmz", text, &public), Vec::<String>::new());
}

/// `line: what is wrong`, for each path in `text` that the rule of `module` forbids.
fn faults(module: &str, text: &str, public: &BTreeMap<String, String>) -> Vec<String> {
    let Some((rule, may_import, may_call_gdal)) =
        RULES.iter().find(|(rule, ..)| module == *rule || module.starts_with(&format!("{rule}/")))
    else {
        return vec![format!("1: {module} has no rule: add one to tests/imports.rs")];
    };
    let own = rule.split('/').next().unwrap();
    let text = without_tests(&blank_comments_and_literals(text));
    let mut found = Vec::new();
    for (at, path) in paths(&text, module) {
        let line = text[..at].matches('\n').count() + 1;
        let target = public.get(&path).unwrap_or(&path).as_str();
        if target == "gdal" || target == "gdal_sys" {
            if !may_call_gdal {
                found.push(format!("{line}: {own} may not call GDAL"));
            }
        } else if target != own && !may_import.contains(&target) {
            found.push(format!("{line}: {own} may not import {target}"));
        }
    }
    found
}

/// What `lib.rs` re-exports: the name and the module it comes from.
fn reexports(lib: &str) -> BTreeMap<String, String> {
    let lib = blank_comments_and_literals(lib);
    let mut found = BTreeMap::new();
    for statement in lib.split(';').filter_map(|s| s.split_once("pub use ").map(|(_, path)| path)) {
        let (module, names) = statement.trim().split_once("::").unwrap_or((statement, ""));
        for name in names.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty()) {
            found.insert(name.to_owned(), module.to_owned());
        }
    }
    found
}

/// Where paths into this crate or GDAL begin, and their first segment below the crate's root.
fn paths(text: &str, module: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    for (at, _) in text.match_indices("::") {
        let start = text[..at].rfind(|c| !word(c)).map_or(0, |before| before + 1);
        if text[..start].ends_with("::") {
            continue;
        }
        match &text[start..at] {
            "crate" | "geohaul" => found.extend(first_segments(text, at + 2)),
            root @ ("gdal" | "gdal_sys") => found.push((start, root.to_owned())),
            "super" => {
                let mut here: Vec<&str> = module.split('/').collect();
                let mut rest = at + 2;
                here.pop();
                while text[rest..].starts_with("super::") {
                    here.pop();
                    rest += "super::".len();
                }
                match here.first() {
                    Some(top) => found.push((start, (*top).to_owned())),
                    None => found.extend(first_segments(text, rest)),
                }
            }
            _ => {}
        }
    }
    found
}

/// `a::b` gives `a`; `{a::b, c::{d, e}}` gives `a` and `c`.
fn first_segments(text: &str, at: usize) -> Vec<(usize, String)> {
    let name = |at: usize| {
        let end = text[at..].find(|c: char| !c.is_alphanumeric() && c != '_').map_or(text.len(), |length| at + length);
        (at, text[at..end].to_owned())
    };
    if !text[at..].starts_with('{') {
        return vec![name(at)];
    }
    let mut found = Vec::new();
    let (mut depth, mut expects_name) = (0, false);
    for (offset, c) in text[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match c {
            _ if depth == 0 => break,
            '{' | ',' if depth == 1 => expects_name = true,
            c if expects_name && !c.is_whitespace() => {
                found.push(name(at + offset));
                expects_name = false;
            }
            _ => {}
        }
    }
    found
}

/// Blanks comments, strings and characters, byte for byte, so that lines keep their numbers.
fn blank_comments_and_literals(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut at = 0;
    while at < out.len() {
        let rest = &text.as_bytes()[at..];
        let end = match rest {
            [b'/', b'/', ..] => rest.iter().position(|b| *b == b'\n'),
            [b'/', b'*', ..] => find(rest, b"*/").map(|end| end + 2),
            [b'r', b'"', ..] => find(&rest[2..], b"\"").map(|end| end + 3),
            [b'r', b'#', b'"', ..] => find(rest, b"\"#").map(|end| end + 2),
            [b'"', ..] => end_of_string(rest, b'"'),
            [b'\'', b'\\', ..] | [b'\'', _, b'\'', ..] => end_of_string(rest, b'\''),
            _ => Some(0),
        };
        let end = at + end.unwrap_or(rest.len());
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("whole literals are blanked")
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn end_of_string(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Blanks what stands in the braces after each `#[cfg(test)]` (with whatever else the attribute says).
fn without_tests(text: &str) -> String {
    let mut out = text.to_owned();
    while let Some(start) = out.find("#[cfg(test)]").or_else(|| out.find("#[cfg(all(test")) {
        let statement = out[start..].find([';', '{']).map_or(out.len(), |at| start + at);
        let mut depth = 0;
        let length = out[statement..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let end = length.map_or(out.len(), |length| statement + length + 1);
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
