//! The results of a job as an [`Input`]. What a value is shows in its shape; the declared type comes second.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::wait::{Done, kind};
use super::{Session, child, post};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::esri::job::Message;
use crate::esri::skeleton::exceeded_transfer_limit;
use crate::esri::task::Task as TaskInfo;
use crate::fetch::layer::{LayerOptions, LayerSource};
use crate::fetch::saved::Saved;
use crate::fetch::session::Answer;
use crate::fetch::{Download, Input, Item, Pages, Scalar, Source};
use crate::model::{Header, ReadPlan};
use crate::pipe::Permits;
use crate::report::{MessageKind, Progress};

/// A task that has run: its outputs, in the order in which the task declares them.
///
/// Results are asked for one by one as [`Input::items`] goes on, and each is handed out once.
pub struct Job {
    origin: Origin,
    url: Url,
    id: Option<String>,
    messages: Vec<Message>,
    pending: VecDeque<Pending>,
    ready: VecDeque<Result<Item>>,
}

/// What a job comes from, and what its results are asked through.
pub(super) struct Origin {
    pub(super) session: Session,
    pub(super) task: Arc<TaskInfo>,
    pub(super) progress: Arc<dyn Progress>,
}

/// Results that are still to be opened.
enum Pending {
    /// All results of `execute`, in one answer.
    Executed(Answer),
    /// One result of a job, at its own address.
    Result { name: String, url: Url },
}

impl Job {
    /// What `execute` answered.
    pub(super) fn executed(origin: Origin, url: Url, answer: Answer, messages: Vec<Message>) -> Self {
        let pending = VecDeque::from([Pending::Executed(answer)]);
        Self { origin, url, id: None, messages, pending, ready: VecDeque::new() }
    }

    /// A job that succeeded.
    pub(super) fn submitted(origin: Origin, done: Done) -> Self {
        let Done { url, id, messages, results } = done;
        // A server that lists nothing is asked for everything; what it does not have becomes an error, not a gap.
        let mut results =
            results.unwrap_or_else(|| origin.task.outputs().map(|output| (output.name.clone(), String::new())).collect());
        results.sort_by_key(|(name, _)| place(&origin.task, name));
        let pending = results.into_iter().map(|(name, address)| Pending::Result { url: result_url(&url, &name, &address), name });
        let pending = pending.collect();
        Self { origin, url, id: Some(id), messages, pending, ready: VecDeque::new() }
    }

    /// The address of the job; of a synchronous task, that of the task.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The job's id; `None` for a synchronous task.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The next item: `None` when all results are out.
    fn next_item(&mut self) -> Option<Result<Item>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let items = match self.pending.pop_front()? {
                Pending::Executed(answer) => self.open_executed(&answer),
                Pending::Result { name, url } => {
                    self.open_result(&name, &url).map_err(|error| error.in_layer(&name).at_url(&url))
                }
            };
            match items {
                Ok(items) => self.ready.extend(items),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn open_executed(&self, answer: &Answer) -> Result<Vec<Result<Item>>> {
        let results = answer.skeleton.value.get("results").and_then(Value::as_array);
        if results.is_none_or(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let mut items = Saved::from_bytes(&self.origin.task.name, answer.body.clone())?.into_items();
        items.sort_by_key(|item| place(&self.origin.task, name_of(item)));
        Ok(items.into_iter().flat_map(|item| self.resolve(item, &answer.url)).collect())
    }

    fn open_result(&self, name: &str, url: &Url) -> Result<Vec<Result<Item>>> {
        let mut answer = self.origin.session.ask(&post(&self.origin.session, url, Vec::new()), false)?;
        if answer.skeleton.value.pointer("/value/mapImage").is_some() {
            // A result map service answers with a picture unless it is asked for the data.
            let params = vec![("returnType".to_owned(), "data".to_owned())];
            answer = self.origin.session.ask(&post(&self.origin.session, url, params), false)?;
        }
        let items = Saved::from_bytes(name, answer.body)?.into_items();
        Ok(items.into_iter().flat_map(|item| self.resolve(item, &answer.url)).collect())
    }

    /// What a value stands for: rows come as they are, references are followed.
    fn resolve(&self, item: Item, base: &Url) -> Vec<Result<Item>> {
        let Item::Value(scalar) = item else { return vec![Ok(item)] };
        if let Value::Array(entries) = &scalar.value
            && !entries.is_empty()
            && entries.iter().all(|entry| reference(entry).is_some())
        {
            let entry = |value: &Value| self.follow(Scalar { value: value.clone(), ..scalar.clone() }, base);
            return entries.iter().map(entry).collect();
        }
        vec![self.follow(scalar, base)]
    }

    fn follow(&self, scalar: Scalar, base: &Url) -> Result<Item> {
        let fail = |kind, why: &str| {
            Error::new(kind, format!("the result {} can't be had", scalar.name))
                .because(why)
                .in_layer(&scalar.name)
                .at_url(&self.url)
        };
        if exceeded_transfer_limit(&scalar.value) {
            return Err(fail(ErrorKind::Incomplete, "it has more rows than the service hands out")
                .hint("ask the publisher for a higher maximumRecords, or run the task on parts of the input"));
        }
        if scalar.value.get("mapImage").is_some() {
            return Err(fail(ErrorKind::Unsupported, "the server gives a picture of it only"));
        }
        let Some(address) = reference(&scalar.value) else { return Ok(Item::Value(scalar)) };
        let url =
            base.join(address).map_err(|why| fail(ErrorKind::Server, &format!("its address '{address}' is broken: {why}")))?;
        match end_of(&url) {
            End::Layer => Ok(Item::Layer(self.open_layer(&scalar.name, &url)?)),
            End::ImageService => {
                Err(fail(ErrorKind::Unsupported, "it is an image service").hint(format!("see {}", redact(&url))))
            }
            End::File => {
                let (session, address) = (self.origin.session.clone(), url.clone());
                Ok(Item::File(Download::new(scalar.name, url, move || session.file(&address))))
            }
        }
    }

    fn open_layer(&self, name: &str, url: &Url) -> Result<Box<dyn Source>> {
        let Origin { session, progress, .. } = &self.origin;
        let layer = LayerSource::open(session, url, LayerOptions::default(), Arc::clone(progress))?;
        let header = Header { name: name.to_owned(), ..layer.header().clone() };
        Ok(Box::new(Named { header, layer }))
    }
}

/// A layer that a result refers to, under the name of its parameter.
struct Named {
    header: Header,
    layer: LayerSource,
}

impl Source for Named {
    fn header(&self) -> &Header {
        &self.header
    }

    fn warnings(&self) -> Vec<String> {
        self.layer.warnings()
    }

    fn open(self: Box<Self>, read: &ReadPlan, permits: &Permits, progress: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        Box::new(self.layer).open(read, permits, progress)
    }
}

impl Input for Job {
    fn items(&mut self) -> Box<dyn Iterator<Item = Result<Item>> + Send + '_> {
        Box::new(std::iter::from_fn(|| self.next_item()))
    }

    fn describe(&self) -> String {
        redact(&self.url)
    }

    fn messages(&self) -> Vec<(MessageKind, String)> {
        self.messages.iter().map(|message| (kind(message.level), message.text.clone())).collect()
    }
}

/// The place of an output in its task; what the task does not declare comes last.
fn place(task: &TaskInfo, name: &str) -> usize {
    task.parameters.iter().position(|parameter| parameter.name == name).unwrap_or(usize::MAX)
}

fn name_of(item: &Item) -> &str {
    match item {
        Item::Layer(source) => &source.header().name,
        Item::File(download) => &download.name,
        Item::Value(scalar) => &scalar.name,
    }
}

/// The address of a result, which servers write relative to the job's.
fn result_url(job: &Url, name: &str, address: &str) -> Url {
    let mut folder = job.clone();
    folder.set_path(&format!("{}/", job.path()));
    match folder.join(address) {
        Ok(url) if !address.is_empty() => url,
        _ => child(job, &["results", name]),
    }
}

/// The address in `{"url": "..."}`.
fn reference(value: &Value) -> Option<&str> {
    value.get("url")?.as_str().filter(|url| !url.is_empty())
}

/// What the path of a reference leads to.
enum End {
    Layer,
    ImageService,
    File,
}

fn end_of(url: &Url) -> End {
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        [.., "FeatureServer" | "MapServer", id] if id.parse::<u32>().is_ok() => End::Layer,
        [.., "ImageServer"] => End::ImageService,
        _ => End::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_addresses_are_relative_to_the_job_however_they_are_written() {
        let job: Url = "https://h.example/arcgis/rest/services/A/GPServer/T/jobs/j1".parse().unwrap();
        let url = |name: &str, address: &str| result_url(&job, name, address).to_string();
        let expected = format!("{job}/results/Out%20put");
        assert_eq!(url("Out put", "results/Out put"), expected);
        assert_eq!(url("Out put", "results/Out%20put"), expected);
        assert_eq!(url("Out put", ""), expected);
        assert_eq!(url("Out put", &expected), expected);
    }

    #[test]
    fn addresses_of_layers_and_files_are_told_apart() {
        let end = |text: &str| end_of(&text.parse().unwrap());
        assert!(matches!(end("https://h/rest/services/X/FeatureServer/0/"), End::Layer));
        assert!(matches!(end("https://h/rest/services/X/MapServer/12?token=a"), End::Layer));
        assert!(matches!(end("https://h/rest/services/X/ImageServer"), End::ImageService));
        assert!(matches!(end("https://h/rest/directories/arcgisjobs/x/scratch/out.zip"), End::File));
    }
}
