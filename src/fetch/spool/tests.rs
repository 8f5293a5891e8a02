use std::sync::Arc;

use serde_json::json;

use super::*;

/// What happened to the two files, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Append(Part, Vec<u8>),
    Sync(Part),
}

/// A disk in memory that notes what is done to it.
#[derive(Default)]
struct Noted {
    pages: Vec<u8>,
    manifest: Vec<u8>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Noted {
    fn file(&mut self, part: Part) -> &mut Vec<u8> {
        match part {
            Part::Pages => &mut self.pages,
            Part::Manifest => &mut self.manifest,
        }
    }
}

impl Disk for Noted {
    fn append(&mut self, part: Part, bytes: &[u8]) -> io::Result<()> {
        self.file(part).extend_from_slice(bytes);
        self.events.lock().unwrap().push(Event::Append(part, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self, part: Part) -> io::Result<()> {
        self.events.lock().unwrap().push(Event::Sync(part));
        Ok(())
    }

    fn read(&mut self, part: Part, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
        Ok(self.file(part).iter().skip(at as usize).take(bytes.min(1 << 20) as usize).copied().collect())
    }

    fn truncate(&mut self, part: Part, bytes: u64) -> io::Result<()> {
        self.file(part).truncate(bytes as usize);
        Ok(())
    }
}

fn kind() -> Kind {
    Kind {
        layer: "http://h.example/0".to_owned(),
        query: vec![("where".to_owned(), "1=1".to_owned())],
        page_size: 10,
        count: Some(30),
        last_edit: Some(1),
        fields: json!([]),
    }
}

fn window(offset: u64) -> Ask {
    Ask::Window { offset, limit: 10 }
}

fn page(text: &'static str) -> Kept {
    Kept::Page(Bytes::from_static(text.as_bytes()), Duration::from_millis(7))
}

/// Keeps three pages; what happened.
fn kept() -> Vec<Event> {
    let disk = Noted::default();
    let events = Arc::clone(&disk.events);
    let spool = Spool::on(Box::new(disk), &kind()).unwrap();
    spool.keep(&window(10), &page("second")).unwrap();
    spool.keep(&window(20), &Kept::TooMuch).unwrap();
    spool.keep(&window(0), &page("first")).unwrap();
    let events = events.lock().unwrap();
    events.clone()
}

#[test]
fn data_are_synced_before_the_manifest_names_them() {
    let events = kept();
    let parts: Vec<(bool, Part)> = events
        .iter()
        .map(|event| match event {
            Event::Append(part, _) => (false, *part),
            Event::Sync(part) => (true, *part),
        })
        .collect();
    use Part::{Manifest, Pages};
    let manifest = [(false, Manifest), (true, Manifest)];
    let page = [(false, Pages), (true, Pages), (false, Manifest), (true, Manifest)];
    assert_eq!(parts, [&manifest[..], &page, &manifest, &page].concat());
}

#[test]
fn whatever_the_manifest_names_after_a_power_cut_is_whole() {
    let events = kept();
    let known = [(window(0), page("first")), (window(10), page("second")), (window(20), Kept::TooMuch)];
    for cut in 0..=events.len() {
        // What was not synced may be lost wholly, or in part, or not at all.
        for (lost_of_pages, lost_of_manifest) in [(0, 0), (0, 3), (3, 0), (100, 0), (0, 100), (100, 100)] {
            let (mut disk, mut durable) = (Noted::default(), (0, 0));
            for event in &events[..cut] {
                match event {
                    Event::Append(part, bytes) => disk.file(*part).extend_from_slice(bytes),
                    Event::Sync(Part::Pages) => durable.0 = disk.pages.len(),
                    Event::Sync(Part::Manifest) => durable.1 = disk.manifest.len(),
                }
            }
            let pages = durable.0.max(disk.pages.len().saturating_sub(lost_of_pages));
            let manifest = durable.1.max(disk.manifest.len().saturating_sub(lost_of_manifest));
            disk.pages.truncate(pages);
            disk.manifest.truncate(manifest);
            let named = disk.manifest.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
            let spool = Spool::on(Box::new(disk), &kind()).unwrap();
            let found: Vec<bool> = known
                .iter()
                .map(|(ask, kept)| spool.take(ask).map(|found| found == *kept))
                .map(|found| {
                    assert_ne!(found, Some(false));
                    found.is_some()
                })
                .collect();
            assert_eq!(found.iter().filter(|found| **found).count(), named, "cut after {cut}");
            // And it can be gone on with.
            spool.keep(&window(30), &page("more")).unwrap();
        }
    }
}

#[test]
fn a_page_that_rotted_on_the_disk_is_asked_for_again() {
    let mut disk = Noted::default();
    for event in kept() {
        if let Event::Append(part, bytes) = event {
            disk.file(part).extend_from_slice(&bytes);
        }
    }
    disk.pages[0] ^= 1;
    let spool = Spool::on(Box::new(disk), &kind()).unwrap();
    assert_eq!((spool.take(&window(10)), spool.take(&window(0))), (None, Some(page("first"))));
}

#[test]
fn another_export_or_a_changed_layer_is_refused_with_the_reason() {
    type Change = fn(&mut Kind);
    let reasons: [(Change, &str); 6] = [
        (|kind| kind.layer.push('1'), "of another layer, http://h.example/0"),
        (|kind| kind.query[0].1 = "A > 1".to_owned(), "where was 1=1 and is A > 1"),
        (|kind| kind.page_size = 20, "page size was 10 and is 20"),
        (|kind| kind.count = Some(31), "had 30 rows and has 31"),
        (|kind| kind.last_edit = Some(2), "edited since"),
        (|kind| kind.fields = json!(["A"]), "fields have changed"),
    ];
    let folder = tempfile::tempdir().unwrap();
    drop(Spool::open(folder.path(), &kind()).unwrap());
    for (change, words) in reasons {
        let mut other = kind();
        change(&mut other);
        let error = Spool::open(folder.path(), &other).err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.hint_text().unwrap().contains("remove"), "{error:?}");
    }
    Spool::open(folder.path(), &kind()).unwrap();
}

#[test]
fn two_exports_do_not_share_pages() {
    let folder = tempfile::tempdir().unwrap();
    let first = Spool::open(folder.path(), &kind()).unwrap();
    assert!(Spool::open(folder.path(), &kind()).err().unwrap().to_string().contains("another export"));
    drop(first);
    Spool::open(folder.path(), &kind()).unwrap();
}
