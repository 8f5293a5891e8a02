//! Tells the linker where PROJ is; `src/gdal_ffi.rs` calls it beside GDAL, and what GDAL knows. And keeps our SQLite to
//! ourselves.
//!
//! Linux keeps it on the default path. Homebrew and conda do not, and `gdal-sys` names GDAL's own directory only, so
//! `pkg-config` is asked. A build that brings its own PROJ (`proj-sys`, below `gdal-src`) names its directory itself.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(gdal_relationships)");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|there| there == value);
    if std::env::var_os("CARGO_FEATURE_GEOPACKAGE").is_some() && is("CARGO_CFG_TARGET_OS", "linux") {
        // The linker would export what GDAL and PROJ also call, and they would mix our SQLite with the system's.
        println!("cargo:rustc-link-arg=-Wl,--exclude-libs,ALL");
    }
    if std::env::var_os("CARGO_FEATURE_GDAL").is_none() {
        return;
    }
    // Relationships came with GDAL 3.6; `gdal-sys` says what it is built for, as 1,000,000 x major + 10,000 x minor + ...
    let gdal = std::env::var("DEP_GDAL_VERSION_NUMBER").ok().and_then(|number| number.parse::<u64>().ok());
    if gdal.is_some_and(|number| number >= 3_060_000) {
        println!("cargo:rustc-cfg=gdal_relationships");
    }
    let Ok(answer) = Command::new("pkg-config").args(["--libs-only-L", "proj"]).output() else { return };
    for directory in String::from_utf8_lossy(&answer.stdout).split_whitespace().filter_map(|word| word.strip_prefix("-L")) {
        println!("cargo:rustc-link-search=native={directory}");
    }
}
