//! Where a job comes from, and the way to what its results refer to.

use std::sync::{Arc, OnceLock};

use url::Url;

use super::told::Told;
use super::{Session, Wanted, child, parent};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::task::{Service, Task as TaskInfo};
use crate::fetch::layer::{LayerOptions, LayerSource};
use crate::fetch::retry::{Cause, Refused};
use crate::report::Progress;

/// What a job comes from, and what its results are asked through.
pub(super) struct Origin {
    pub(super) session: Session,
    pub(super) task_url: Url,
    pub(super) task: Arc<TaskInfo>,
    /// Asked for where somebody wants to know.
    pub(super) service: Arc<OnceLock<Service>>,
    pub(super) progress: Arc<dyn Progress>,
    pub(super) wanted: Wanted,
}

impl Origin {
    /// The service of the task; without any facts where it can't be asked.
    pub(super) fn service(&self) -> &Service {
        service(&self.session, &self.task_url, &self.service)
    }

    /// `url`, or where it is seen from outside the server's own network.
    pub(super) fn reachable(&self, url: &Url) -> Url {
        let Some(outside) = outside(url, &self.task_url) else { return url.clone() };
        let mut request = self.session.request(url, &[]);
        request.repeatable = false;
        match self.session.ask(&request, false) {
            Err(refused) if refused.is_unreachable() => outside,
            _ => url.clone(),
        }
    }

    /// A layer that a result refers to, under the name of its parameter.
    pub(super) fn open_layer(&self, name: &str, url: &Url) -> Result<Told> {
        let Self { session, progress, .. } = self;
        let layer = LayerSource::open(session, &self.reachable(url), LayerOptions::default(), Arc::clone(progress))?;
        Ok(Told::new(Box::new(layer)).named(name))
    }
}

/// The service above a task, asked once; what it does not tell is never worth a failure.
pub(super) fn service<'a>(session: &Session, task: &Url, known: &'a OnceLock<Service>) -> &'a Service {
    known.get_or_init(|| {
        let mut request = session.request(&parent(task), &[]);
        request.repeatable = false;
        session.ask(&request, false).map_or_else(|_| Service::default(), |answer| Service::from_json(&answer.skeleton.value))
    })
}

/// The error of a job that does not answer: servers forget jobs some hours after they ended.
pub(super) fn expired(refused: Refused, url: &Url) -> Error {
    let gone = match &refused.cause {
        Cause::Failure(failure) => {
            let words = failure.words.to_lowercase();
            let unknown = ["invalid url", "does not exist", "not found", "inaccessible", "no such job", "expired"];
            matches!(failure.code, Some(400 | 404 | 410 | 500)) && unknown.iter().any(|word| words.contains(word))
                || matches!(failure.code, Some(404 | 410))
        }
        Cause::Fault(_) => false,
    };
    if !gone {
        return refused.error;
    }
    let why = refused.error.why().unwrap_or("it is not there").to_owned();
    Error::new(ErrorKind::Server, "the job has expired, or was never there")
        .because(why)
        .at_url(url)
        .hint("servers remove a job and its results some hours after it ended; run the task again")
}

/// The place of a parameter in its task; what the task does not declare comes last.
pub(super) fn place(task: &TaskInfo, name: &str) -> usize {
    task.parameters.iter().position(|parameter| parameter.name == name).unwrap_or(usize::MAX)
}

/// The address of a result or input, which servers write relative to the job's.
pub(super) fn address_in(job: &Url, list: &str, name: &str, address: &str) -> Url {
    let mut folder = job.clone();
    folder.set_path(&format!("{}/", job.path()));
    match folder.join(address) {
        Ok(url) if !address.is_empty() => url,
        _ => child(job, &[list, name]),
    }
}

/// Where `url` is seen from outside, if its host is not that of the task: servers write the name that their own
/// machine has inside.
pub(super) fn outside(url: &Url, task: &Url) -> Option<Url> {
    if url.origin() == task.origin() {
        return None;
    }
    let root = |url: &Url| url.path().split_once("/rest/").map(|(root, rest)| (root.to_owned(), rest.to_owned()));
    let (Some((_, rest)), Some((root, _))) = (root(url), root(task)) else { return None };
    let mut seen = task.clone();
    seen.set_path(&format!("{root}/rest/{rest}"));
    seen.set_query(url.query());
    Some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_addresses_are_relative_to_the_job_however_they_are_written() {
        let job: Url = "https://h.example/arcgis/rest/services/A/GPServer/T/jobs/j1".parse().unwrap();
        let url = |name: &str, address: &str| address_in(&job, "results", name, address).to_string();
        let expected = format!("{job}/results/Out%20put");
        assert_eq!(url("Out put", "results/Out put"), expected);
        assert_eq!(url("Out put", "results/Out%20put"), expected);
        assert_eq!(url("Out put", ""), expected);
        assert_eq!(url("Out put", &expected), expected);
    }

    #[test]
    fn an_address_inside_the_servers_network_is_seen_at_the_host_of_the_task() {
        let task = "https://gis.example/server/rest/services/A/GPServer/T".parse().unwrap();
        let seen = |url: &str| outside(&url.parse().unwrap(), &task).map(String::from);
        let inside = "http://machine7:6080/arcgis/rest/directories/arcgisjobs/a/j1/scratch/o.zip?x=1";
        assert_eq!(seen(inside).unwrap(), "https://gis.example/server/rest/directories/arcgisjobs/a/j1/scratch/o.zip?x=1");
        assert_eq!(seen("https://gis.example/server/rest/directories/o.zip"), None);
        assert_eq!(seen("https://bucket.example/o.zip"), None);
    }
}
