//! Outputs that can't be: the program says why, and leaves no half of anything.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::path::Path;
use std::process::{Command, Output};

const POINTS: &str = r#"{"geometryType":"esriGeometryPoint","spatialReference":{"wkid":4326},"fields":[{"name":"FID","type":"esriFieldTypeOID"}],"features":[{"attributes":{"FID":1},"geometry":{"x":1,"y":2}}]}"#;

/// A directory with `points.json` in it.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("points.json"), POINTS).unwrap();
    dir
}

fn geohaul(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geohaul")).current_dir(dir).args(args).output().unwrap()
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs what must fail as wrong usage or by a file error, and leave nothing; its words.
fn refused(dir: &Path, args: &[&str]) -> String {
    let before = files(dir);
    let done = geohaul(dir, args);
    let words = String::from_utf8(done.stderr).unwrap();
    assert!(matches!(done.status.code(), Some(1 | 2)), "{args:?}: {:?} {words}", done.status);
    assert_eq!(files(dir), before, "{args:?}");
    assert!(words.starts_with("error: ") && words.contains("hint: "), "{args:?}: {words}");
    words
}

#[test]
fn one_file_is_never_two_outputs_however_it_is_spelled() {
    let dir = directory();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    for second in ["./a.geojson", "sub/../a.geojson", "A.GeoJSON"] {
        for overwrite in [&[][..], &["--overwrite"]] {
            let words = refused(dir.path(), &[&["convert", "points.json", "-o", "a.geojson", "-o", second], overwrite].concat());
            assert!(words.contains("given twice"), "{second}: {words}");
        }
    }
    let words = refused(dir.path(), &["convert", "points.json", "-o", "a.geojson", "--report", "./a.geojson", "--overwrite"]);
    assert!(words.contains("the report and an output are the same file"), "{words}");
}

#[test]
fn a_shapefile_stands_beside_a_csv_of_its_name() {
    let dir = directory();
    for _ in 0..2 {
        let done = geohaul(dir.path(), &["convert", "points.json", "-o", "a.csv", "-o", "a.shp", "--overwrite"]);
        assert!(done.status.success());
        assert_eq!(files(dir.path()), ["a.cpg", "a.csv", "a.dbf", "a.prj", "a.shp", "a.shp.xml", "a.shx", "points.json"]);
    }
}

#[test]
fn paths_that_can_not_be_written_to_are_refused_with_a_hint() {
    let dir = directory();
    for (args, words) in [
        (&["-o", "-"][..], "standard output"),
        (&["-o", "-", "--format", "kmz"], "standard output"),
        (&["-o", "missing/a.csv"], "does not exist"),
        (&["-o", "points.json/a.csv"], "directory is a file"),
        (&["-o", "points.json"], "the output is the input"),
        (&["-o", "a"], "no ending"),
        (&["-o", "a.xyz"], "no format"),
        (&["-o", "a.csv", "--report", "missing/r.json"], "does not exist"),
    ] {
        let said = refused(dir.path(), &[&["convert", "points.json"], args].concat());
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn a_device_or_pipe_is_no_output_and_stays_what_it_is() {
    let dir = directory();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("full.csv")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path().join("pipe.csv")).status().unwrap().success());
    for out in ["full.csv", "pipe.csv"] {
        let words = refused(dir.path(), &["convert", "points.json", "-o", out, "--overwrite"]);
        assert!(words.contains("device or pipe"), "{words}");
    }
    assert!(std::fs::metadata("/dev/full").is_ok_and(|there| !there.is_file()), "the device is still one");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_what_it_points_to_is_replaced() {
    let dir = directory();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    std::fs::write(dir.path().join("data/real.csv"), "old").unwrap();
    std::os::unix::fs::symlink("data/real.csv", dir.path().join("link.csv")).unwrap();
    refused(dir.path(), &["convert", "points.json", "-o", "link.csv"]);
    assert!(geohaul(dir.path(), &["convert", "points.json", "-o", "link.csv", "--overwrite"]).status.success());
    assert!(dir.path().join("link.csv").is_symlink());
    assert_eq!(std::fs::read_to_string(dir.path().join("data/real.csv")).unwrap(), "x,y,FID\n1,2,1\n");
    refused(dir.path(), &["convert", "points.json", "-o", "link.csv", "-o", "data/real.csv", "--overwrite"]);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_the_old_file_and_nothing_new() {
    let dir = directory();
    let row = r#"{"attributes":{"FID":1},"geometry":{"x":1,"y":2}}"#;
    std::fs::write(dir.path().join("many.json"), POINTS.replace(row, &[row; 20_000].join(","))).unwrap();
    for ending in ["geojson", "csv", "shp", "kmz", "gpkg", "fgb", "geojsonl", "esrijson", "kml", "zip"] {
        let out = format!("a.{ending}");
        std::fs::write(dir.path().join(&out), "old").unwrap();
        let before = files(dir.path());
        let program = env!("CARGO_BIN_EXE_geohaul");
        // A limit on the size of a file fails a write as a full disk does.
        let script = format!("trap '' XFSZ; ulimit -f 8; exec '{program}' convert many.json -o {out} --overwrite");
        let done = Command::new("sh").current_dir(dir.path()).args(["-c", &script]).output().unwrap();
        let words = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{out}: {words}");
        assert!(words.contains("can't write the output") && words.contains(&out), "{out}: {words}");
        assert!(words.contains("hint: the file system, or a limit"), "{out}: {words}");
        assert_eq!(files(dir.path()), before, "{out}");
        assert_eq!(std::fs::read_to_string(dir.path().join(&out)).unwrap(), "old");
    }
}

#[test]
fn a_report_goes_into_the_directory_of_the_results_but_never_over_one_of_them() {
    let dir = directory();
    let done = geohaul(dir.path(), &["convert", "points.json", "-o", "out/", "--report", "out/report.json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(files(&dir.path().join("out")), ["points.geojson", "report.json"]);
    let args = ["convert", "points.json", "-o", "out/", "--report", "out/points.geojson", "--overwrite"];
    let done = geohaul(dir.path(), &args);
    assert_eq!(done.status.code(), Some(3));
    assert!(std::fs::read_to_string(dir.path().join("out/points.geojson")).unwrap().contains("FeatureCollection"));
}

#[test]
fn an_error_in_a_saved_file_names_the_file() {
    let dir = directory();
    std::fs::write(dir.path().join("broken.json"), POINTS.replace("\"y\":2", "\"y\":[]")).unwrap();
    let done = geohaul(dir.path(), &["convert", "broken.json", "-o", "a.csv"]);
    let words = String::from_utf8(done.stderr).unwrap();
    assert!(words.contains("where: broken.json") && words.contains("object id 1"), "{words}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_hands_its_permissions_on() {
    use std::os::unix::fs::PermissionsExt;
    let dir = directory();
    let mode = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o7777;
    let usual = {
        std::fs::write(dir.path().join("usual"), "").unwrap();
        mode("usual")
    };
    for (out, other) in [("a.csv", None), ("a.shp", Some("a.dbf")), ("a.gpkg", None)] {
        assert!(geohaul(dir.path(), &["convert", "points.json", "-o", out]).status.success());
        assert_eq!(mode(out), usual, "{out}");
        for name in [Some(out), other].into_iter().flatten() {
            std::fs::set_permissions(dir.path().join(name), PermissionsExt::from_mode(0o664)).unwrap();
        }
        assert!(geohaul(dir.path(), &["convert", "points.json", "-o", out, "--overwrite"]).status.success());
        assert_eq!((mode(out), mode(other.unwrap_or(out))), (0o664, 0o664), "{out}");
    }
}

#[cfg(all(unix, feature = "gdal"))]
#[test]
fn a_full_disk_is_told_where_gdal_does_not_say_so() {
    let dir = directory();
    let program = env!("CARGO_BIN_EXE_geohaul");
    for out in ["a.gdb", "a.tab --driver 'MapInfo File'", "a.gml --driver GML", "a.mif --driver 'MapInfo File'"] {
        let script = format!("trap '' XFSZ; ulimit -f 1; exec '{program}' convert points.json -o {out}");
        let done = Command::new("sh").current_dir(dir.path()).args(["-c", &script]).output().unwrap();
        let words = String::from_utf8(done.stderr).unwrap();
        assert!(words.contains("cause: file too large\n") && words.contains("hint: the file system"), "{out}: {words}");
        assert_eq!(files(dir.path()), ["points.json"]);
    }
}

#[test]
fn layers_are_never_added_to_an_output_that_holds_one_since_it_would_be_replaced() {
    let dir = directory();
    for out in ["a.geojson", "a.csv", "a.fgb", "a.shp"] {
        std::fs::write(dir.path().join(out), "theirs").unwrap();
        let words = refused(dir.path(), &["convert", "points.json", "-o", out, "--append"]);
        assert!(words.contains("holds one layer, so none can be added"), "{words}");
        assert_eq!(std::fs::read_to_string(dir.path().join(out)).unwrap(), "theirs");
    }
}

#[cfg(feature = "geopackage")]
#[test]
fn what_is_no_geopackage_is_named_and_stays_where_layers_are_to_be_added() {
    let dir = directory();
    std::fs::write(dir.path().join("a.gpkg"), "").unwrap();
    let words = refused(dir.path(), &["convert", "points.json", "-o", "a.gpkg", "--append", "-q"]);
    assert!(words.contains("the file is no GeoPackage") && words.contains("where: a.gpkg"), "{words}");
    assert_eq!(std::fs::read(dir.path().join("a.gpkg")).unwrap(), b"");
}

/// Saves layers, each of a name with its geometries, as `layers.json`. Their kinds are left to be found out.
fn save_layers(dir: &Path, layers: &[(&str, &[&str])]) {
    let layer = |(name, geometries): &(&str, &[&str])| {
        let row = |geometry: &&str| format!(r#"{{"attributes":{{"FID":1}},"geometry":{geometry}}}"#);
        let rows = geometries.iter().map(row).collect::<Vec<_>>().join(",");
        format!(
            r#"{{"layerDefinition":{{"name":"{name}","spatialReference":{{"wkid":4326}},
            "fields":[{{"name":"FID","type":"esriFieldTypeInteger"}}]}},"featureSet":{{"features":[{rows}]}}}}"#
        )
    };
    let layers = layers.iter().map(layer).collect::<Vec<_>>().join(",");
    std::fs::write(dir.join("layers.json"), format!(r#"{{"layers":[{layers}]}}"#)).unwrap();
}

#[test]
fn no_output_of_a_run_replaces_another_of_the_same_run() {
    const POINT: &str = r#"{"x":1,"y":2}"#;
    const LINE: &str = r#"{"paths":[[[0,0],[1,1]]]}"#;
    let dir = directory();
    let mixed = ("roads", &[POINT, LINE][..]);
    let points = ("roads_point", &[POINT, POINT, POINT][..]);
    let args = ["convert", "layers.json", "-o", "out/", "--format", "shapefile", "--overwrite"];
    let count = |name: &str| std::fs::metadata(dir.path().join("out").join(name)).map_or(0, |shx| (shx.len() - 100) / 8);

    // The parts of one layer are there first, and another gets their name.
    save_layers(dir.path(), &[mixed, points]);
    let done = geohaul(dir.path(), &args);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(["roads_point.shx", "roads_line.shx", "roads_point_2.shx"].map(count), [1, 1, 3]);

    // A part would get the name of a layer that is there.
    std::fs::remove_dir_all(dir.path().join("out")).unwrap();
    save_layers(dir.path(), &[points, mixed]);
    let done = geohaul(dir.path(), &args);
    let words = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(3), "{words}");
    assert!(words.contains("failed: the file is another output of this run") && words.contains("roads_point.shp"), "{words}");
    assert_eq!(["roads_point.shx", "roads_line.shx"].map(count), [3, 0]);

    let named = POINTS.replace("\"FID\"", "\"a name of more than ten bytes\"");
    std::fs::write(dir.path().join("named.json"), named).unwrap();
    let done = geohaul(dir.path(), &["convert", "named.json", "-o", "a.shp", "-o", "a.names.csv", "--overwrite"]);
    assert_eq!(done.status.code(), Some(3));
    assert!(std::fs::read_to_string(dir.path().join("a.names.csv")).unwrap().starts_with("field,column\n"));
}

#[cfg(all(unix, feature = "geopackage"))]
#[test]
fn what_another_program_left_beside_a_database_is_not_read_into_the_one_that_replaces_it() {
    let dir = directory();
    assert!(geohaul(dir.path(), &["convert", "points.json", "-o", "a.gpkg"]).status.success());
    // As QGIS has it open, or a crash leaves it: the changes stand in a log beside the file.
    let program = "import sqlite3, os\n\
         c = sqlite3.connect('a.gpkg', isolation_level=None)\n\
         c.execute('PRAGMA journal_mode = WAL'); c.execute('PRAGMA wal_autocheckpoint = 0')\n\
         c.execute('CREATE TABLE theirs (a)'); c.executemany('INSERT INTO theirs VALUES (?)', [('x' * 500,)] * 500)\n\
         os._exit(0)";
    assert!(Command::new("python3").current_dir(dir.path()).args(["-c", program]).status().unwrap().success());
    assert!(files(dir.path()).contains(&"a.gpkg-wal".to_owned()));
    let words = refused(dir.path(), &["convert", "points.json", "-o", "a.gpkg", "--append"]);
    assert!(words.contains("another program has changes") && words.contains("a.gpkg-wal"), "{words}");

    assert!(geohaul(dir.path(), &["convert", "points.json", "-o", "a.gpkg", "--overwrite"]).status.success());
    assert_eq!(files(dir.path()), ["a.gpkg", "points.json"]);
    let sql = "PRAGMA integrity_check; SELECT table_name FROM gpkg_contents; SELECT count(*) FROM points";
    let read = Command::new("sqlite3").current_dir(dir.path()).args(["a.gpkg", sql]).output().unwrap();
    assert_eq!(String::from_utf8(read.stdout).unwrap(), "ok\npoints\n1\n");
}

#[cfg(all(unix, feature = "gdal"))]
#[test]
fn a_file_or_a_link_to_nothing_gives_way_to_a_file_geodatabase() {
    let dir = directory();
    std::fs::write(dir.path().join("a.gdb"), "old").unwrap();
    std::os::unix::fs::symlink("nothing.gdb", dir.path().join("b.gdb")).unwrap();
    for out in ["a.gdb", "b.gdb"] {
        refused(dir.path(), &["convert", "points.json", "-o", out]);
        let done = geohaul(dir.path(), &["convert", "points.json", "-o", out, "--overwrite"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let read = Command::new("ogrinfo").current_dir(dir.path()).args(["-so", "-al", out]).output().unwrap();
        assert!(String::from_utf8(read.stdout).unwrap().contains("Feature Count: 1\n"), "{out}");
    }
    assert_eq!(files(dir.path()), ["a.gdb", "b.gdb", "points.json"]);
}

#[test]
fn a_name_as_long_as_the_file_system_takes_is_a_name() {
    let dir = directory();
    let out = format!("{}.csv", "ü".repeat(125));
    assert!(geohaul(dir.path(), &["convert", "points.json", "-o", &out]).status.success());
    assert_eq!(files(dir.path()), ["points.json".to_owned(), out]);
}

#[cfg(feature = "gdal")]
#[test]
fn a_layer_that_can_no_more_be_taken_out_of_its_file_ends_the_run_even_where_a_part_is_allowed() {
    let dir = directory();
    // z is found in the first vertex only, and a File Geodatabase has 0 for the other: told when the layer is in the file.
    let half: &[&str] = &[r#"{"paths":[[[0,0,1],[1,1]]]}"#];
    save_layers(dir.path(), &[("whole", &[r#"{"x":1,"y":2}"#]), ("lossy", half)]);
    let args = ["convert", "layers.json", "-o", "a.gdb", "--allow-partial"];
    assert_eq!(geohaul(dir.path(), &[&args[..], &["--strict"]].concat()).status.code(), Some(1));
    assert_eq!(files(dir.path()), ["layers.json", "points.json"]);
    assert!(geohaul(dir.path(), &args).status.success());
}
