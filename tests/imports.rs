//! Who may import whom: the table of `docs/architecture.md`, read off the paths in `src/`. Imports go down, so that
//! a stage can be read, tested and replaced without its neighbours. Within a folder any order will do that has no circle.
//!
//! Reads `crate::`, `super::` and (in the command line) `geohaul::` paths, in `use` and in code. Test modules may
//! import what they like.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
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

/// The import of a circle that is there: a token may be made with another token.
const SELF_MADE: (&str, &str) = ("fetch/auth/mint", "fetch/auth/cell");

#[test]
fn imports_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let public = reexports(&fs::read_to_string(source.join("lib.rs")).unwrap());
    let mut wrong = String::new();
    for (module, (file, text)) in modules() {
        if module != "lib" {
            for fault in faults(&module, &text, &public) {
                writeln!(wrong, "src/{file}:{fault}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the table of docs/architecture.md:\n{wrong}");
}

#[test]
fn no_two_modules_of_a_folder_import_each_other() {
    let texts = modules().into_iter().map(|(module, (_, text))| (module, text)).collect();
    let mut imports = siblings(&texts);
    assert!(imports.get_mut(SELF_MADE.0).is_some_and(|those| those.remove(SELF_MADE.1)), "this circle is gone: say so here");
    assert_eq!(circle(&imports), None);
}

#[test]
fn a_circle_is_found_through_folders_and_groups_of_names() {
    let texts = |texts: &[(&str, &str)]| texts.iter().map(|(module, text)| (module.to_string(), text.to_string())).collect();
    let found = |those| circle(&siblings(&texts(those)));
    let ring = [
        ("a", "mod one; mod two; mod three;"),
        ("a/one", "use super::{Error, two::{self, Two}};"),
        ("a/two", "fn f() { crate::a::three::inner::go::<u8>() }"),
        ("a/three/inner", "use super::super::one::One as Other;"),
        ("a/three", "use inner::go;"),
    ];
    assert_eq!(found(&ring).unwrap(), "a/one, a/two, a/three, a/one");
    assert_eq!(found(&ring[..3]), None);
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
        let target = public.get(&path[0]).unwrap_or(&path[0]).as_str();
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

/// Where paths into this crate or GDAL begin, and their segments below the crate's root.
fn paths(text: &str, module: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("::") {
        let start = text[..at].rfind(|c| !is_of_a_word(c)).map_or(0, |before| before + 1);
        if text[..start].ends_with("::") {
            continue;
        }
        match &text[start..at] {
            "crate" | "geohaul" => found.extend(tails(text, at + 2).0),
            root @ ("gdal" | "gdal_sys") => found.push((start, vec![root.to_owned()])),
            "super" => {
                let mut here: Vec<String> = module.split('/').map(str::to_owned).collect();
                let mut rest = at + 2;
                here.pop();
                while text[rest..].starts_with("super::") {
                    here.pop();
                    rest += "super::".len();
                }
                found.extend(tails(text, rest).0.into_iter().map(|(at, tail)| (at, [here.clone(), tail].concat())));
            }
            _ => {}
        }
    }
    found
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths that begin at `at`, each with its place, and where they end: `a::{b, c::{d, e}}` gives `a::b`, `a::c::d` and
/// `a::c::e`.
fn tails(text: &str, at: usize) -> (Vec<(usize, Vec<String>)>, usize) {
    if text[at..].starts_with('{') {
        let (mut found, mut next) = (Vec::new(), at + 1);
        while let Some(c) = text[next..].chars().next().filter(|c| *c != '}') {
            if is_of_a_word(c) && !text[..next].ends_with(" as ") {
                let (inner, end) = tails(text, next);
                found.extend(inner);
                next = end;
            } else {
                next += c.len_utf8();
            }
        }
        return (found, next + 1);
    }
    let end = text[at..].find(|c| !is_of_a_word(c)).map_or(text.len(), |length| at + length);
    let name = text[at..end].to_owned();
    let goes_on = |rest: &str| rest.starts_with(|c| is_of_a_word(c) || c == '{');
    match text[end..].strip_prefix("::") {
        Some(rest) if goes_on(rest) => {
            let (inner, end) = tails(text, end + 2);
            (inner.into_iter().map(|(_, tail)| (at, [vec![name.clone()], tail].concat())).collect(), end)
        }
        _ => (vec![(at, vec![name])], end),
    }
}

/// Which modules each module imports of those that stand beside it. What stands below one counts as the one.
fn siblings(texts: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, text) in texts {
        let here: Vec<&str> = module.split('/').collect();
        for (_, path) in paths(&without_tests(&blank_comments_and_literals(text)), module) {
            let same = here.iter().zip(&path).take_while(|(ours, theirs)| *ours == theirs).count();
            if same < here.len() && same < path.len() {
                let theirs = path[..=same].join("/");
                if texts.contains_key(&theirs) {
                    imports.entry(here[..=same].join("/")).or_default().insert(theirs);
                }
            }
        }
    }
    imports
}

/// A way of imports that ends where it began.
fn circle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    fn walk<'a>(
        module: &'a str,
        imports: &'a BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<String> {
        if let Some(at) = way.iter().position(|passed| *passed == module) {
            return Some([&way[at..], &[module]].concat().join(", "));
        }
        if !done.insert(module) {
            return None;
        }
        way.push(module);
        let found = imports.get(module).into_iter().flatten().find_map(|next| walk(next, imports, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|module| walk(module, imports, &mut Vec::new(), &mut done))
}

/// Each module of the crate, its file below `src/`, and its text.
fn modules() -> BTreeMap<String, (String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module = |file: PathBuf| {
        let name = file.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        let module = name.trim_end_matches(".rs").trim_end_matches("/mod").to_owned();
        (module, (name, fs::read_to_string(file).unwrap()))
    };
    rust_files(&source).into_iter().map(module).collect()
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
