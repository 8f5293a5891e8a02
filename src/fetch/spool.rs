//! Raw pages on disk, so that an interrupted export goes on where it was.
//!
//! Two files in one directory: `pages` holds the bodies one after another, `manifest.jsonl` names what the export is
//! and then, a line each, which question a body answers and where it stands. A body is on the disk before the manifest
//! names it, so whatever the manifest names after a crash is whole. Pages are found by their question: what was asked
//! for otherwise than this time is merely not used.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::paging::Ask;
use crate::error::{Error, ErrorKind, Result};

/// The version of the files.
const VERSION: u32 = 1;

/// What an export is, so that its pages are not taken for those of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kind {
    /// The layer's address, without secrets.
    pub layer: String,
    /// What the content of a page depends on.
    pub query: Vec<(String, String)>,
    /// Rows asked for at once.
    pub page_size: u64,
    /// The server's count.
    pub count: Option<u64>,
    /// When the layer was last edited, as far as it says.
    pub last_edit: Option<i64>,
    /// The fields.
    pub fields: Value,
}

impl Kind {
    /// Why pages of `before` can't be used for this export; `None` where they can.
    fn differs_from(&self, before: &Self) -> Option<String> {
        let count = |count: Option<u64>| count.map_or("an unknown number of".to_owned(), |count| count.to_string());
        if self.layer != before.layer {
            Some(format!("the pages there are of another layer, {}", before.layer))
        } else if self.query != before.query {
            let other = |(key, value): &&(String, String)| !self.query.iter().any(|(k, v)| k == key && v == value);
            let changed = before.query.iter().find(other).or_else(|| self.query.iter().find(|pair| !before.query.contains(pair)));
            Some(changed.map_or("the query is another one".to_owned(), |(key, value)| {
                let now = self.query.iter().find(|(k, _)| k == key).map_or("absent", |(_, value)| value.as_str());
                format!("the query is another one: {key} was {value} and is {now}")
            }))
        } else if self.page_size != before.page_size {
            Some(format!("the page size was {} and is {}", before.page_size, self.page_size))
        } else if self.fields != before.fields {
            Some("the layer's fields have changed".to_owned())
        } else if self.count != before.count {
            Some(format!("the layer had {} rows and has {}", count(before.count), count(self.count)))
        } else if self.last_edit != before.last_edit {
            Some("the layer was edited since".to_owned())
        } else {
            None
        }
    }
}

/// The first line of the manifest.
#[derive(Serialize, Deserialize)]
struct Head {
    geohaul_spool: u32,
    export: Kind,
}

/// Each further line.
#[derive(Serialize, Deserialize)]
struct Entry {
    ask: String,
    /// Where the body stands; `None` where the question was too much for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Place>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Place {
    at: u64,
    bytes: u64,
    crc: u32,
    /// How long the request took.
    millis: u64,
}

/// What an interrupted run knows of a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// Its answer, and how long the request took.
    Page(Bytes, Duration),
    /// It was too much, and less was asked for.
    TooMuch,
}

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The bodies.
    Pages,
    /// The list of them.
    Manifest,
}

/// Where the two files are kept: the file system, or a test's own.
pub trait Disk: Send {
    /// Appends to a file.
    ///
    /// # Errors
    /// Where it can't be written.
    fn append(&mut self, part: Part, bytes: &[u8]) -> io::Result<()>;

    /// Waits until all that was appended to a file would survive a power cut.
    ///
    /// # Errors
    /// Where the disk says that it did not.
    fn sync(&mut self, part: Part) -> io::Result<()>;

    /// Reads from a file; fewer bytes where it ends.
    ///
    /// # Errors
    /// Where it can't be read.
    fn read(&mut self, part: Part, at: u64, bytes: u64) -> io::Result<Vec<u8>>;

    /// Cuts a file off after so many bytes.
    ///
    /// # Errors
    /// Where it can't be written.
    fn truncate(&mut self, part: Part, bytes: u64) -> io::Result<()>;
}

/// The kept pages of one export.
pub struct Spool {
    state: Mutex<State>,
}

struct State {
    disk: Box<dyn Disk>,
    found: HashMap<String, VecDeque<Entry>>,
    /// The length of `pages`.
    end: u64,
}

impl Spool {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// The pages there are of another export, or the layer has changed since: then nothing of them is touched.
    /// Another process has it open, or it can't be written.
    pub fn open(directory: &Path, kind: &Kind) -> Result<Self> {
        let failed = |why: &io::Error| Error::file("can't keep pages for --resume", directory, why);
        let disk = Files::open(directory).map_err(|why| failed(&why))?;
        match disk.manifest.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(ErrorKind::File, "another export keeps its pages here")
                    .in_file(directory)
                    .hint("wait for it, or choose another output"));
            }
            // A file system without locks; two exports to one output are the user's own doing.
            Err(TryLockError::Error(_)) => {}
        }
        Self::on(Box::new(disk), kind).map_err(|refusal| match refusal {
            Refusal::Io(why) => failed(&why),
            Refusal::Other(why) => Error::new(ErrorKind::Usage, "the interrupted export can't be resumed")
                .because(why)
                .in_file(directory)
                .hint(format!("start anew: remove {} and run the command again", directory.display())),
        })
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As for [`Spool::open`].
    pub fn on(mut disk: Box<dyn Disk>, kind: &Kind) -> Result<Self, Refusal> {
        let manifest = disk.read(Part::Manifest, 0, u64::MAX)?;
        // A line without its end was being written when the run was killed.
        let whole = manifest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = manifest[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (mut found, mut end) = (HashMap::<String, VecDeque<Entry>>::new(), 0);
        match lines.next().map(serde_json::from_slice::<Head>) {
            Some(Ok(head)) if head.geohaul_spool == VERSION => {
                if let Some(why) = kind.differs_from(&head.export) {
                    return Err(Refusal::Other(why));
                }
                for entry in lines.map_while(|line| serde_json::from_slice::<Entry>(line).ok()) {
                    if let Some(place) = &entry.body {
                        end = end.max(place.at.saturating_add(place.bytes));
                    }
                    found.entry(entry.ask.clone()).or_default().push_back(entry);
                }
                disk.truncate(Part::Manifest, whole as u64)?;
                disk.truncate(Part::Pages, end)?;
            }
            Some(_) => return Err(Refusal::Other("another version of geohaul kept the pages there".to_owned())),
            None => {
                disk.truncate(Part::Manifest, 0)?;
                disk.truncate(Part::Pages, 0)?;
                let head = Head { geohaul_spool: VERSION, export: kind.clone() };
                disk.append(Part::Manifest, &line(&head)?)?;
                disk.sync(Part::Manifest)?;
            }
        }
        Ok(Self { state: Mutex::new(State { disk, found, end }) })
    }

    /// Pages were kept before it was opened, and have not been taken.
    pub fn has_pages(&self) -> bool {
        !self.lock().found.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a question. Asked again, it gives what was known of its second time, if it had one.
    pub fn take(&self, ask: &Ask) -> Option<Kept> {
        let mut state = self.lock();
        let entry = state.found.get_mut(&key(ask))?.pop_front()?;
        let Some(place) = entry.body else { return Some(Kept::TooMuch) };
        let body = state.disk.read(Part::Pages, place.at, place.bytes).ok()?;
        let whole = body.len() as u64 == place.bytes && crc32fast::hash(&body) == place.crc;
        whole.then(|| Kept::Page(Bytes::from(body), Duration::from_millis(place.millis)))
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn keep(&self, ask: &Ask, kept: &Kept) -> io::Result<()> {
        let mut state = self.lock();
        let state = &mut *state;
        let body = match kept {
            Kept::TooMuch => None,
            Kept::Page(body, took) => {
                let (at, bytes, crc) = (state.end, body.len() as u64, crc32fast::hash(body));
                state.disk.append(Part::Pages, body)?;
                state.end += bytes;
                state.disk.sync(Part::Pages)?;
                Some(Place { at, bytes, crc, millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) })
            }
        };
        state.disk.append(Part::Manifest, &line(&Entry { ask: key(ask), body })?)?;
        state.disk.sync(Part::Manifest)
    }
}

/// Why kept pages can't be used.
#[derive(Debug)]
pub enum Refusal {
    /// The disk.
    Io(io::Error),
    /// They are of something else.
    Other(String),
}

impl From<io::Error> for Refusal {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// A question in short.
fn key(ask: &Ask) -> String {
    match ask {
        Ask::Window { offset, limit } => format!("{limit} from {offset}"),
        Ask::Objects(ids) => {
            let mut hash = DefaultHasher::new();
            ids.hash(&mut hash);
            let ends = ids.first().zip(ids.last()).map_or(String::new(), |(first, last)| format!(" from {first} to {last}"));
            format!("{} ids{ends}, {:016x}", ids.len(), hash.finish())
        }
        Ask::Span { span, limit } => format!("{limit} of ids {} to {}", span.from, span.to),
        Ask::Part(part) => format!("{part:?}"),
        Ask::Everything => "everything".to_owned(),
        Ask::IdList(_) | Ask::Count(_) | Ask::Edits => "none".to_owned(),
    }
}

/// The two files.
struct Files {
    pages: File,
    manifest: File,
}

impl Files {
    fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let open = |name: &str| OpenOptions::new().read(true).append(true).create(true).open(directory.join(name));
        let files = Self { pages: open("pages")?, manifest: open("manifest.jsonl")? };
        // The names are data as well; where directories can't be synced, they need not be.
        for directory in [Some(directory), directory.parent()].into_iter().flatten() {
            let _ = File::open(directory).and_then(|directory| directory.sync_all());
        }
        Ok(files)
    }

    fn file(&mut self, part: Part) -> &mut File {
        match part {
            Part::Pages => &mut self.pages,
            Part::Manifest => &mut self.manifest,
        }
    }
}

impl Disk for Files {
    fn append(&mut self, part: Part, bytes: &[u8]) -> io::Result<()> {
        self.file(part).write_all(bytes)
    }

    fn sync(&mut self, part: Part) -> io::Result<()> {
        self.file(part).sync_data()
    }

    fn read(&mut self, part: Part, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let file = self.file(part);
        file.seek(SeekFrom::Start(at))?;
        let mut read = Vec::new();
        file.take(bytes).read_to_end(&mut read)?;
        Ok(read)
    }

    fn truncate(&mut self, part: Part, bytes: u64) -> io::Result<()> {
        self.file(part).set_len(bytes)
    }
}

#[cfg(test)]
#[path = "spool/tests.rs"]
mod tests;
