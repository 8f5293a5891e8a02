//! `job.json`: what is kept of a job in the folder of its results, so that it can be found again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::esri::job::{Phase, Status};
use crate::model::time;

/// A remembered job. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Record {
    /// The address of the task.
    pub task: Url,
    /// The address of the job.
    pub job: Url,
    /// The job's id.
    pub job_id: String,
    /// When it was submitted, UTC.
    pub submitted: String,
    /// The last status that was seen, as the server writes it.
    pub status: String,
}

impl Record {
    /// The record of a job; `None` for a synchronous task, of which nothing stays at the server.
    pub fn of(job: &Job) -> Option<Self> {
        Some(Self {
            task: job.task_url().clone(),
            job: job.url().clone(),
            job_id: job.id()?.to_owned(),
            submitted: time::now(),
            status: job.status().esri_name().to_owned(),
        })
    }

    /// The same with the status that the job has now.
    #[must_use]
    pub fn now(self, job: &Job) -> Self {
        Self { status: job.status().esri_name().to_owned(), ..self }
    }

    /// Its file in a folder.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("job.json")
    }

    /// The record in a folder; `None` where there is none.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = Self::path(folder);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|why| Error::new(ErrorKind::Input, "the file remembers no job").because(why).in_file(&path)),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(Error::file("can't read the remembered job", &path, &why)),
        }
    }

    /// Writes it into a folder, which is made where it is missing, in place of one that is there.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where that is not possible.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = Self::path(folder);
        let failed = |why: std::io::Error| Error::file("can't remember the job", &path, &why);
        let text =
            serde_json::to_string_pretty(self).map_err(|why| Error::new(ErrorKind::Internal, "can't write JSON").because(why))?;
        fs::create_dir_all(folder).map_err(failed)?;
        // Renamed into place, so that no half of it is ever read.
        let part = folder.join("job.json.part");
        fs::write(&part, text + "\n").and_then(|()| fs::rename(&part, &path)).map_err(|why| {
            let _ = fs::remove_file(&part);
            failed(why)
        })
    }

    /// The job may go on at the server, by what was seen last.
    pub fn may_be_running(&self) -> bool {
        matches!(Status::from_esri(&self.status).phase(), Phase::Running | Phase::Unknown)
    }
}
