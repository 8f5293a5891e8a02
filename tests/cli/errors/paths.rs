//! Paths that can't be read or written, and outputs that make no sense.

use std::io::Write;

use super::output_says;
use crate::Desk;

#[test]
fn a_bad_input_path_is_told() {
    let desk = Desk::new();
    desk.refuses(
        &["convert", "nope.json", "-o", "a.geojson"],
        1,
        "
        error: can't read the input
        cause: no such file or directory
        where: nope.json
        hint: check the path
    ",
    );
    std::fs::create_dir(desk.path("folder")).unwrap();
    desk.refuses(
        &["convert", "folder", "-o", "a.geojson"],
        2,
        "
        error: the input is a directory
        where: folder
        hint: name the JSON files in it
    ",
    );
}

#[test]
fn a_missing_output_directory_is_told_before_anything_is_asked() {
    output_says(
        &Desk::new(),
        &["-o", "maps/a.geojson"],
        1,
        "
        error: the output's directory does not exist
        where: maps
        hint: make it first: mkdir -p maps
    ",
    );
}

#[test]
fn an_output_directory_that_is_a_file_is_told_before_anything_is_asked() {
    let desk = Desk::new();
    desk.write("maps", "");
    output_says(
        &desk,
        &["-o", "maps/a.geojson"],
        1,
        "
        error: the output's directory is a file
        where: maps
        hint: choose another directory
    ",
    );
    output_says(
        &desk,
        &["-o", "maps/new/"],
        1,
        "
        error: the output's directory is a file
        where: maps
        hint: choose another directory
    ",
    );
    let task = "http://127.0.0.1:1/arcgis/rest/services/A/GPServer/T";
    desk.refuses(
        &["run", task, "-o", "maps/new"],
        1,
        "
        error: the output's directory is a file
        where: maps
        hint: choose another directory
    ",
    );
    desk.refuses(
        &["run", task, "-o", "maps"],
        2,
        "
        error: the output is a file, and results go into a directory
        where: maps
        hint: give a directory: -o results/
    ",
    );
}

#[test]
fn a_directory_without_permission_is_told_before_anything_is_asked() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    std::fs::create_dir(desk.path("locked")).unwrap();
    std::fs::set_permissions(desk.path("locked"), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(desk.path("locked/probe"), "").is_ok() {
        // Root writes where it likes; only the file in place of a directory above stops it.
        let _ = writeln!(std::io::stderr(), "\nLEFT OUT: a directory without permission, for want of a user who is not root");
        return;
    }
    output_says(
        &desk,
        &["-o", "locked/a.geojson"],
        1,
        "
        error: can't write to the output's directory
        cause: permission denied
        where: locked
        hint: choose a place you may write to, or change its permissions
    ",
    );
}

#[test]
fn an_existing_file_is_refused_before_anything_is_asked() {
    let desk = Desk::new();
    desk.write("a.geojson", "mine");
    desk.write("b.dbf", "mine");
    desk.write("r.json", "mine");
    output_says(
        &desk,
        &["-o", "a.geojson"],
        1,
        "
        error: the output exists already
        where: a.geojson
        hint: choose another name, or replace it with --overwrite
    ",
    );
    output_says(
        &desk,
        &["-o", "b.shp"],
        1,
        "
        error: the output exists already
        where: b.dbf
        hint: choose another name, or replace it with --overwrite
    ",
    );
    output_says(
        &desk,
        &["-o", "c.kmz", "--report", "r.json"],
        1,
        "
        error: the output exists already
        where: r.json
        hint: choose another name, or replace it with --overwrite
    ",
    );
    assert_eq!(desk.read("a.geojson"), "mine");
}

#[test]
fn outputs_that_make_no_sense_are_told() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("folder")).unwrap();
    output_says(
        &desk,
        &["-o", "a.xyz"],
        2,
        r#"
        error: there is no format "xyz"
        where: a.xyz
        hint: the formats are: FORMATS; see geohaul formats
    "#,
    );
    output_says(
        &desk,
        &["-o", "a"],
        2,
        "
        error: the output's name has no ending to tell the format by
        where: a
        hint: give it one, such as .geojson, or say --format NAME
    ",
    );
    output_says(
        &desk,
        &["-o", "a.shp", "--format", "nonsense"],
        2,
        r#"
        error: there is no format "nonsense"
        hint: the formats are: FORMATS; see geohaul formats
    "#,
    );
    output_says(
        &desk,
        &["-o", "a.shp", "-o", "b.kmz", "--format", "kmz"],
        2,
        "
        error: --format does not say which output it is for
        hint: give each output an ending that tells its format, or give one directory
    ",
    );
    output_says(
        &desk,
        &["-o", "a.shp", "-o", "folder"],
        2,
        "
        error: a directory is given beside another output
        where: folder
        hint: give one directory, or files only
    ",
    );
}
