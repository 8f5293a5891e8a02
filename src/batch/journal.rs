//! The journal of a run: which jobs are done, kept on the disk as each of them ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{JobRecord, LayerRecord, Picture, replace};
use crate::error::{Error, ErrorKind, Result};
use crate::model::time;

/// The version of the file.
const VERSION: u32 = 1;

/// One run of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id: when it began, `20260131T235959Z`.
    pub id: String,
    /// When it began, UTC.
    pub started: String,
}

impl Run {
    /// A run that begins now.
    pub fn begin() -> Self {
        let started = time::now();
        Self { id: started.replace(['-', ':'], ""), started }
    }
}

/// When a job was last done whole, by this run or by one before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Last {
    /// The digest of what it was told to do.
    pub digest: String,
    /// When it began, UTC, by the clock of the server where it shows it: edits since are not in it.
    pub started: String,
    /// What it left of each layer.
    pub layers: Vec<LayerRecord>,
    /// Its data in small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    geohaul_batch: u32,
    run: Run,
    jobs: BTreeMap<String, JobState>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct JobState {
    /// What this run has made of it; `None` where it was not begun, or was under way when the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<JobRecord>,
    /// The digest of what the record is of.
    #[serde(default)]
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Last>,
}

/// A run's journal, shared by its jobs.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    state: Mutex<State>,
}

impl Journal {
    /// A new run. What is known of earlier ones is kept.
    ///
    /// # Errors
    /// Where the file is that of a newer geohaul, or can't be written.
    pub fn begin(path: &Path, run: Run) -> Result<Self> {
        let mut jobs = read(path)?.map_or_else(BTreeMap::new, |state| state.jobs);
        jobs.values_mut().for_each(|job| job.record = None);
        let journal = Self { path: path.to_owned(), state: Mutex::new(State { geohaul_batch: VERSION, run, jobs }) };
        journal.save(&journal.lock())?;
        Ok(journal)
    }

    /// Goes on with the last run.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where there was none.
    pub fn resume(path: &Path) -> Result<Self> {
        let state = read(path)?.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "there is no run to go on with").in_file(path).hint("leave --resume out")
        })?;
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The run.
    pub fn run(&self) -> Run {
        self.lock().run.clone()
    }

    /// What this run has made of a job that was told to do just this.
    pub fn record(&self, name: &str, digest: &str) -> Option<JobRecord> {
        let state = self.lock();
        let job = state.jobs.get(name).filter(|job| job.digest == digest)?;
        job.record.clone()
    }

    /// When a job was last done whole.
    pub fn last(&self, name: &str) -> Option<Last> {
        self.lock().jobs.get(name)?.last.clone()
    }

    /// Notes how a job ended: the digest of what it is told, and of what it was told in this run.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn note(&self, record: &JobRecord, digest: &str, told: &str) -> Result<()> {
        let mut state = self.lock();
        let job = state.jobs.entry(record.name.clone()).or_default();
        if record.outcome.is_good() {
            let (layers, picture) = (record.layers.clone(), record.picture.clone());
            let last = job.last.take();
            // Of what was not fetched, nobody knows the edits since it was.
            let before = last.as_ref().filter(|_| layers.iter().any(|layer| layer.unchanged)).map(|last| last.started.clone());
            let started = before.or_else(|| record.server_time.clone()).unwrap_or_else(|| record.started.clone());
            // The edits since a time stand beside the whole, which a later run may leave as it is.
            let whole = last.filter(|last| told != digest && last.digest == digest);
            job.last = Some(match whole {
                Some(last) => Last { started, ..last },
                None => Last { digest: told.to_owned(), started, layers, picture },
            });
        }
        job.record = Some(record.clone());
        job.digest = digest.to_owned();
        self.save(&state)
    }

    fn save(&self, state: &State) -> Result<()> {
        let text = serde_json::to_string_pretty(state)
            .map_err(|why| Error::new(ErrorKind::Internal, "can't write the state of the batch").because(why))?;
        replace(&self.path, &(text + "\n"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Option<State>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(Error::file("can't read the state of the batch", path, &why)),
    };
    let wrong = |why: &dyn std::fmt::Display| {
        let error = Error::new(ErrorKind::Input, "the state of the batch can't be read").because(why).in_file(path);
        error.hint("remove the file to begin anew; what it tells of earlier runs is lost")
    };
    let state: State = serde_json::from_slice(&text).map_err(|why| wrong(&why))?;
    match state.geohaul_batch {
        VERSION => Ok(Some(state)),
        _ => Err(wrong(&"another version of geohaul wrote it")),
    }
}

/// The SHA-256 of what a job is told to do.
pub fn digest(words: &[String]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    crate::fetch::id_set::hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    #[test]
    fn a_run_that_is_gone_on_with_knows_what_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.state.json");
        assert_eq!(Journal::resume(&path).unwrap_err().kind(), ErrorKind::Usage);
        let run = Run { id: "1".to_owned(), started: "then".to_owned() };
        let journal = Journal::begin(&path, run.clone()).unwrap();
        journal.note(&JobRecord::new("a", "export", "x", Outcome::Done), "d1", "d1").unwrap();
        let journal = Journal::resume(&path).unwrap();
        assert_eq!(journal.run(), run);
        assert!(journal.record("a", "d1").is_some());
        assert!(journal.record("a", "d2").is_none(), "another order is another job");
        assert!(journal.record("b", "d1").is_none());
        let journal = Journal::begin(&path, Run::begin()).unwrap();
        assert!(journal.record("a", "d1").is_none());
        assert_eq!(journal.last("a").unwrap().digest, "d1");
    }

    #[test]
    fn edits_since_the_last_run_are_those_since_its_beginning_by_the_servers_clock() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::begin(&folder.path().join("s.json"), Run::begin()).unwrap();
        let layer = LayerRecord { name: "l".into(), rows: 1, missing: 0, unchanged: true, outputs: Vec::new(), receipt: None };
        let last = |server_time: Option<&str>, layers: &[LayerRecord]| {
            let mut record = JobRecord::new("a", "export", "x", Outcome::Done);
            (record.started, record.server_time) = ("here".to_owned(), server_time.map(str::to_owned));
            record.layers = layers.to_vec();
            journal.note(&record, "d", "d").unwrap();
            journal.last("a").unwrap().started
        };
        assert_eq!(last(Some("there"), &[]), "there");
        assert_eq!(last(Some("later"), &[layer]), "there", "what is unchanged was not fetched");
        assert_eq!(last(None, &[]), "here", "the server shows no clock");
    }

    #[test]
    fn edits_since_a_time_do_not_take_the_place_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::begin(&folder.path().join("s.json"), Run::begin()).unwrap();
        let note = |began: &str, told: &str| {
            let mut record = JobRecord::new("a", "export", "x", Outcome::Done);
            record.started = began.to_owned();
            journal.note(&record, "d", told).unwrap();
            let last = journal.last("a").unwrap();
            (last.digest, last.started)
        };
        let told = |digest: &str, started: &str| (digest.to_owned(), started.to_owned());
        assert_eq!(note("first", "d"), told("d", "first"));
        assert_eq!(note("then", "d --since first"), told("d", "then"));
    }

    #[test]
    fn a_file_of_another_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.state.json");
        std::fs::write(&path, r#"{"geohaul_batch": 2, "run": {"id": "1", "started": "x"}, "jobs": {}}"#).unwrap();
        assert_eq!(Journal::begin(&path, Run::begin()).unwrap_err().kind(), ErrorKind::Input);
        assert!(std::fs::read_to_string(&path).unwrap().contains(": 2"));
    }
}
