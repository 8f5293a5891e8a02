//! Dated copies of outputs: a folder per run, the newest few of them.

use std::fs;
use std::path::{Path, PathBuf};

use super::JobRecord;
use crate::error::{Error, Result};
use crate::write::safe_file_stem;

/// Copies the files of a job into `folder/JOB/RUN`, and removes all but the `keep` newest runs of the job. Outputs are
/// replaced whole and never written into, so a copy may be a link to the same file.
///
/// # Errors
/// Where that can't be written.
pub fn keep_copies(record: &JobRecord, folder: &Path, run: &str, keep: usize) -> Result<()> {
    let of_job = folder.join(safe_file_stem(&record.name));
    let failed = |path: &Path, why: &std::io::Error| Error::file("can't keep a copy", path, why);
    for layer in &record.layers {
        for output in &layer.outputs {
            let beside = output.path.parent().unwrap_or(Path::new(""));
            for file in output.files.iter().chain(&layer.receipt) {
                let copy =
                    of_job.join(run).join(file.strip_prefix(beside).unwrap_or(file.file_name().unwrap_or_default().as_ref()));
                if let Some(parent) = copy.parent() {
                    fs::create_dir_all(parent).map_err(|why| failed(parent, &why))?;
                }
                // A run that is gone on with copies again.
                let _ = fs::remove_file(&copy);
                fs::hard_link(file, &copy).or_else(|_| fs::copy(file, &copy).map(drop)).map_err(|why| failed(&copy, &why))?;
            }
        }
    }
    let mut runs: Vec<PathBuf> = match fs::read_dir(&of_job) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_run(path)).collect(),
        Err(_) => return Ok(()),
    };
    // Their names are times.
    runs.sort();
    runs.truncate(runs.len().saturating_sub(keep));
    runs.iter().try_for_each(|old| fs::remove_dir_all(old).map_err(|why| failed(old, &why)))
}

/// Nothing else is removed.
fn is_run(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.is_dir() && name.len() == "20260131T235959Z".len() && name.ends_with('Z') && name.as_bytes().get(8) == Some(&b'T')
}

#[cfg(test)]
mod tests {
    use super::super::{LayerRecord, Outcome, OutputRecord};
    use super::*;

    #[test]
    fn the_newest_copies_stay_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roads.csv");
        let output = OutputRecord {
            path: file.clone(),
            files: vec![file.clone()],
            format: "csv".to_owned(),
            rows: 1,
            bytes: 1,
            losses: Vec::new(),
        };
        let layer =
            LayerRecord { name: "Roads".to_owned(), rows: 1, missing: 0, unchanged: false, outputs: vec![output], receipt: None };
        let record = JobRecord { layers: vec![layer], ..JobRecord::new("a/b", "export", "x", Outcome::Done) };
        let kept = folder.path().join("kept");
        fs::create_dir_all(kept.join("a_b/mine")).unwrap();
        for day in 1..=4 {
            fs::write(&file, day.to_string()).unwrap();
            keep_copies(&record, &kept, &format!("2026010{day}T000000Z"), 2).unwrap();
            // As a stage does it.
            fs::remove_file(&file).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(kept.join("a_b")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["20260103T000000Z", "20260104T000000Z", "mine"]);
        assert_eq!(fs::read_to_string(kept.join("a_b/20260103T000000Z/roads.csv")).unwrap(), "3");
    }
}
