//! Tells the linker where PROJ is; `src/gdal_ffi.rs` calls it beside GDAL. And keeps our SQLite to ourselves.
//!
//! Linux keeps it on the default path. Homebrew and conda do not, and `gdal-sys` names GDAL's own directory only, so
//! `pkg-config` is asked. A build that brings its own PROJ (`proj-sys`, below `gdal-src`) names its directory itself.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|there| there == value);
    if std::env::var_os("CARGO_FEATURE_GEOPACKAGE").is_some() && is("CARGO_CFG_TARGET_OS", "linux") {
        // The linker would export what GDAL and PROJ also call, and they would mix our SQLite with the system's.
        println!("cargo:rustc-link-arg=-Wl,--exclude-libs,ALL");
    }
    if std::env::var_os("CARGO_FEATURE_GDAL").is_none() {
        return;
    }
    let Ok(answer) = Command::new("pkg-config").args(["--libs-only-L", "proj"]).output() else { return };
    for directory in String::from_utf8_lossy(&answer.stdout).split_whitespace().filter_map(|word| word.strip_prefix("-L")) {
        println!("cargo:rustc-link-search=native={directory}");
    }
}
