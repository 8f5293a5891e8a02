use super::*;

fn names(dir: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn stage(path: &Path, overwrite: bool, endings: &[&str]) -> Stage {
    let stage = Stage::open(Target { path: path.to_owned(), overwrite }).unwrap();
    for ending in endings {
        fs::write(stage.main_file().with_extension(ending), "new").unwrap();
    }
    stage
}

#[test]
fn runs_that_begin_at_once_do_not_take_each_others_stages_for_abandoned() {
    let dir = tempfile::tempdir().unwrap();
    let begin = || (0..200).for_each(|_| drop(stage(&dir.path().join("a.csv"), true, &["csv"])));
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(begin))));
}

#[test]
fn a_stage_that_is_dropped_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    drop(stage(&dir.path().join("a.shp"), false, &["shp", "dbf"]));
    assert!(names(dir.path()).is_empty());
}

#[test]
#[cfg(unix)]
fn a_stage_that_a_killed_run_left_is_removed_by_the_next_and_one_in_use_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let [killed, with_old, other] =
        [".geohaul-a_shp-1", ".geohaul-a_shp-2", ".geohaul-b_shp-1"].map(|name| dir.path().join(name));
    fs::create_dir_all(killed.join("in")).unwrap();
    fs::create_dir_all(with_old.join(".geohaul-old-1")).unwrap();
    fs::create_dir(&other).unwrap();
    let one = stage(&dir.path().join("a.shp"), false, &["shp"]);
    let two = stage(&dir.path().join("a.shp"), false, &["shp"]);
    assert!(!killed.exists() && with_old.exists() && other.exists());
    assert!(one.main_file().exists() && two.main_file().exists());
}

#[test]
fn the_main_file_is_named_first_and_nothing_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let files = stage(&dir.path().join("a.shp"), false, &["cpg", "dbf", "shp"]).commit().unwrap();
    assert_eq!(files, ["a.shp", "a.dbf", "a.cpg"].map(|name| dir.path().join(name)));
    assert_eq!(names(dir.path()), ["a.cpg", "a.dbf", "a.shp"]);
}

#[test]
fn an_output_that_appeared_meanwhile_is_not_replaced_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.geojson");
    let late = stage(&path, false, &["geojson"]);
    fs::write(&path, "theirs").unwrap();
    assert!(late.commit().unwrap_err().what().contains("exists already"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    stage(&path, true, &["geojson"]).commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(dir.path()), ["a.geojson"]);
}

#[test]
fn an_existing_main_file_is_seen_whatever_the_case_of_its_ending() {
    let dir = tempfile::tempdir().unwrap();
    for (there, wanted) in [("a.SHP", "a.SHP"), ("b.DBF", "b.shp"), ("c.OID.atx", "c.shp")] {
        fs::write(dir.path().join(there), "").unwrap();
        let target = Target { path: dir.path().join(wanted), overwrite: false };
        assert!(Stage::open(target).is_err(), "{there}");
    }
}

#[test]
fn renames_are_taken_back_and_what_could_not_be_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| dir.path().join(name));
    fs::write(&a, "1").unwrap();
    let mut moves = Moves::default();
    moves.rename(&a, &b).unwrap();
    moves.rename(&b, &c).unwrap();
    assert!(moves.rename(&a, &b).is_err());
    assert!(moves.undo());
    assert_eq!(fs::read_to_string(&a).unwrap(), "1");
    moves.rename(&a, &b).unwrap();
    fs::remove_file(&b).unwrap();
    assert!(!moves.undo());
}
