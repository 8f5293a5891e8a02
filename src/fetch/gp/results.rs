//! The results of a job as an [`Input`]. What a value is shows in its shape; the declared type comes second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use url::Url;

use super::image;
use super::origin::{Origin, address_in, outside, place};
use super::recovery::{self, CutOff};
use super::told::Told;
use super::wait::kind;
use super::{post, reference};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::esri::job::{Job as JobStatus, Message};
use crate::esri::skeleton::exceeded_transfer_limit;
use crate::fetch::saved::Saved;
use crate::fetch::session::Answer;
use crate::fetch::{Download, Input, Item, Scalar, Source};
use crate::report::MessageKind;

/// The outputs of a job, in the order in which the task declares them.
///
/// They are asked for one by one as [`Input::items`] goes on, and each is handed out once.
pub struct Results {
    origin: Arc<Origin>,
    url: Url,
    messages: Vec<Message>,
    pending: VecDeque<Pending>,
    ready: VecDeque<Result<Item>>,
    /// The items of a portal that hold results.
    items: Mutex<Vec<String>>,
}

/// Results that are still to be opened.
enum Pending {
    /// All results of `execute`, in one answer.
    Executed(Box<Answer>),
    /// One result of a job, at its own address.
    Result { name: String, url: Url },
}

impl Results {
    /// What `execute` answered.
    pub(super) fn executed(origin: Arc<Origin>, answer: Answer, messages: Vec<Message>) -> Self {
        let pending = VecDeque::from([Pending::Executed(Box::new(answer))]);
        Self { url: origin.task_url.clone(), origin, messages, pending, ready: VecDeque::new(), items: Mutex::default() }
    }

    /// Those of a job that succeeded.
    pub(super) fn submitted(origin: Arc<Origin>, url: Url, job: JobStatus) -> Self {
        let JobStatus { messages, results, .. } = job;
        // A server that lists nothing is asked for everything; what it does not have becomes an error, not a gap.
        let mut results =
            results.unwrap_or_else(|| origin.task.outputs().map(|output| (output.name.clone(), String::new())).collect());
        results.sort_by_key(|(name, _)| place(&origin.task, name));
        let open =
            |(name, address): (String, String)| Pending::Result { url: address_in(&url, "results", &name, &address), name };
        let pending = results.into_iter().map(open).collect();
        Self { origin, url, messages, pending, ready: VecDeque::new(), items: Mutex::default() }
    }

    /// Leaves out all results but one.
    pub(super) fn keep(&mut self, name: &str, listed: bool) -> Result<()> {
        let names: Vec<String> = self.pending.iter().filter_map(Pending::name).map(str::to_owned).collect();
        if listed && !names.iter().any(|known| known == name) {
            let error = Error::new(ErrorKind::Usage, format!("the job has no result {name}")).at_url(&self.url);
            return Err(if names.is_empty() { error } else { error.hint(format!("its results are: {}", names.join(", "))) });
        }
        self.pending.retain(|pending| pending.name().is_none_or(|known| known == name));
        Ok(())
    }

    /// The address of the job; of a synchronous task, that of the task.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The ids of the portal's items that hold the results which were opened so far.
    pub fn output_items(&self) -> Vec<String> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

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
        let Some(results) = results.filter(|results| !results.is_empty()) else { return Ok(Vec::new()) };
        let mut items = Saved::from_bytes(&self.origin.task.name, answer.body.clone())?.into_items();
        items.sort_by_key(|item| place(&self.origin.task, name_of(item)));
        let value = |name: &str| {
            let named = |result: &&Value| result.get("paramName").and_then(Value::as_str) == Some(name);
            results.iter().find(named).and_then(|result| result.get("value")).unwrap_or(&Value::Null)
        };
        let resolved = items.into_iter().flat_map(|item| {
            let value = value(name_of(&item));
            self.resolve(item, value, &answer.url)
        });
        Ok(resolved.collect())
    }

    fn open_result(&self, name: &str, url: &Url) -> Result<Vec<Result<Item>>> {
        let Origin { session, wanted, .. } = &*self.origin;
        let ask = |more: &[(&str, &str)]| {
            let mut params = wanted.params();
            params.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
            session.ask(&post(session, url, params), false)
        };
        let mut answer = ask(&[])?;
        let mut items = Vec::new();
        if let Some(picture) = picture_of(&answer) {
            // A result map service answers with a picture unless it is asked for the data.
            items.extend(picture.map(|address| self.file(name, &address, &answer.url)));
            answer = match ask(&[("returnType", "data")]) {
                Ok(data) => data,
                Err(refused) => {
                    items.push(Err(Error::from(refused).in_layer(name)));
                    return Ok(items);
                }
            };
        }
        let is_cut = cut_off(&answer);
        let value = answer.skeleton.value.get("value").unwrap_or(&Value::Null).clone();
        let found = Saved::from_bytes(name, answer.body)?.into_items();
        let has_rows = found.iter().any(|item| matches!(item, Item::Layer(_)));
        let value = if is_cut { with_flag(value) } else { value };
        // Pictures come behind the data that they show.
        let found = found.into_iter().flat_map(|item| self.resolve(item, &value, &answer.url)).collect::<Vec<_>>();
        items.splice(0..0, found);
        if has_rows && wanted.server_kmz {
            let mut kmz = url.clone();
            kmz.query_pairs_mut().clear().append_pair("f", "kmz");
            items.push(self.file(&format!("{name}_server"), kmz.as_str(), url).map(|item| ending(item, "kmz")));
        }
        Ok(items)
    }

    /// What a value stands for: whole rows come as they are, cut-off ones from where they are whole, references are
    /// followed. `value` is what the server sent for it.
    fn resolve(&self, item: Item, value: &Value, base: &Url) -> Vec<Result<Item>> {
        match item {
            Item::Layer(layer) if is_cut(value) => {
                vec![recovery::recover(&self.origin, &self.url, CutOff { layer, value, base }).map(Item::Layer)]
            }
            Item::Layer(layer) => vec![Ok(Item::Layer(self.doubted(layer)))],
            Item::Value(scalar) => {
                if let Value::Array(entries) = &scalar.value
                    && !entries.is_empty()
                    && entries.iter().all(|entry| reference(entry).is_some())
                {
                    let entry = |value: &Value| self.follow(Scalar { value: value.clone(), ..scalar.clone() }, base);
                    return entries.iter().flat_map(entry).collect();
                }
                self.follow(scalar, base)
            }
            item => vec![Ok(item)],
        }
    }

    fn follow(&self, scalar: Scalar, base: &Url) -> Vec<Result<Item>> {
        let Some(address) = reference(&scalar.value) else {
            let fail = |kind, why: &str| self.lost(&scalar.name, kind, why);
            return vec![if exceeded_transfer_limit(&scalar.value) {
                Err(fail(ErrorKind::Incomplete, "it has more rows than the service hands out")
                    .hint(recovery::advice(&self.origin, &self.url)))
            } else if scalar.value.get("mapImage").is_some() {
                Err(fail(ErrorKind::Server, "the server gives a picture of it only"))
            } else {
                Ok(Item::Value(scalar))
            }];
        };
        let url = match base.join(address) {
            Ok(url) => url,
            Err(why) => {
                return vec![Err(self.lost(
                    &scalar.name,
                    ErrorKind::Server,
                    &format!("its address '{address}' is broken: {why}"),
                ))];
            }
        };
        if let Some(id) = scalar.value.get("itemId").and_then(Value::as_str) {
            self.items.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
        }
        match end_of(&url) {
            End::Layer => vec![self.origin.open_layer(&scalar.name, &url).map(|layer| Item::Layer(Box::new(layer)))],
            End::ImageService => {
                let url = self.origin.reachable(&url);
                image::tiles(&self.origin.session, &scalar.name, &url).map_or_else(
                    |error| vec![Err(error.in_layer(&scalar.name).at_url(&url))],
                    |tiles| tiles.into_iter().map(|tile| Ok(Item::File(tile))).collect(),
                )
            }
            End::File => vec![self.file(&scalar.name, address, base)],
        }
    }

    pub(super) fn lost(&self, name: &str, kind: ErrorKind, why: &str) -> Error {
        Error::new(kind, format!("the result {name} can't be had")).because(why).in_layer(name).at_url(&self.url)
    }

    /// A file at an address relative to `base`. Where its host is known inside the server's own network only, it is
    /// asked for at the host of the task.
    fn file(&self, name: &str, address: &str, base: &Url) -> Result<Item> {
        let broken = |why| self.lost(name, ErrorKind::Server, &format!("its address '{address}' is broken: {why}"));
        let url = base.join(address).map_err(broken)?;
        let (session, inside) = (self.origin.session.clone(), url.clone());
        let outside = outside(&url, &self.origin.task_url);
        Ok(Item::File(Download::new(name.to_owned(), url, move || {
            let Some(outside) = outside else { return session.file(&inside) };
            let mut request = session.request(&inside, &[]);
            request.params.clear();
            request.repeatable = false;
            match session.ask_file(&request) {
                Err(refused) if refused.is_unreachable() => session.file(&outside),
                first => Ok(first?),
            }
        })))
    }

    /// Rows that are exactly as many as the server hands out may be all, or not.
    fn doubted(&self, layer: Box<dyn Source>) -> Box<dyn Source> {
        let Some(count) = layer.header().count.filter(|count| *count > 0) else { return layer };
        if self.origin.service().most_records != Some(count) {
            return layer;
        }
        let name = layer.header().name.clone();
        Box::new(Told::new(layer).warning(format!(
            "\"{name}\" is possibly cut off: its {count} rows are just the service's maximum, though the server does not say that there are more"
        )))
    }
}

impl Pending {
    /// `None` for many results in one.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Executed(_) => None,
            Self::Result { name, .. } => Some(name),
        }
    }
}

impl Input for Results {
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

fn name_of(item: &Item) -> &str {
    match item {
        Item::Layer(source) => &source.header().name,
        Item::File(download) => &download.name,
        Item::Value(scalar) => &scalar.name,
    }
}

fn ending(item: Item, ending: &'static str) -> Item {
    match item {
        Item::File(download) => Item::File(download.with_ending(ending)),
        item => item,
    }
}

/// The address of the picture in an answer; `None` where it is data.
fn picture_of(answer: &Answer) -> Option<Option<String>> {
    let picture = answer.skeleton.value.pointer("/value/mapImage")?;
    Some(picture.get("href").and_then(Value::as_str).filter(|href| !href.is_empty()).map(str::to_owned))
}

/// The server cut off the rows of an answer, wherever it says so.
fn cut_off(answer: &Answer) -> bool {
    let root = &answer.skeleton.value;
    exceeded_transfer_limit(root) || root.get("value").is_some_and(is_cut)
}

fn is_cut(value: &Value) -> bool {
    exceeded_transfer_limit(value) || value.get("featureSet").is_some_and(exceeded_transfer_limit)
}

fn with_flag(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.insert("exceededTransferLimit".to_owned(), true.into());
    }
    value
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
    fn addresses_of_layers_and_files_are_told_apart() {
        let end = |text: &str| end_of(&text.parse().unwrap());
        assert!(matches!(end("https://h/rest/services/X/FeatureServer/0/"), End::Layer));
        assert!(matches!(end("https://h/rest/services/X/MapServer/12?token=a"), End::Layer));
        assert!(matches!(end("https://h/rest/services/X/ImageServer"), End::ImageService));
        assert!(matches!(end("https://h/rest/directories/arcgisjobs/x/scratch/out.zip"), End::File));
    }
}
