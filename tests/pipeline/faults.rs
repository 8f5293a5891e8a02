//! Formats and sources that fail, panic or break their promises.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use geohaul::export::{ExportOptions, Output, export_layer};
use geohaul::fetch::{Pages, Source};
use geohaul::model::plan::FormatInfo;
use geohaul::model::{Evidence, Header, Page, ReadPlan, WritePlan};
use geohaul::pipe::{Permit, Permits};
use geohaul::report::{Progress, Silent};
use geohaul::write::{Encoded, Event, Format, Rows, Stage, Written};
use geohaul::{Error, ErrorKind, Result};

use super::{INFO, Made, MadePages, Watching};

/// What is asked of a faulty part, within a time.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::thread::Result<T> {
    let thread = std::thread::spawn(work);
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while !thread.is_finished() {
        assert!(std::time::Instant::now() < until, "it hangs");
        std::thread::sleep(Duration::from_millis(5));
    }
    thread.join()
}

/// A format that fails in one of many ways.
struct Faulty(&'static str);

impl Format for Faulty {
    type Chunk = ();

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, _: &WritePlan, rows: Rows<'_>) -> Result<Encoded<()>> {
        match self.0 {
            "encode panics" if rows.batch.page == 3 => panic!("encode"),
            "encode fails" if rows.batch.page == 3 => Err(Error::new(ErrorKind::Format, "no")),
            _ => Ok(Encoded { chunk: (), rows: rows.batch.rows(), losses: Default::default() }),
        }
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<()>>>) -> Result<Written> {
        let mut written = Written::default();
        match self.0 {
            "write fails at once" => return Err(Error::new(ErrorKind::File, "no")),
            "write panics at once" => panic!("write"),
            "write ends early" => return Ok(written),
            _ => {}
        }
        for event in events {
            let event = match (event, self.0) {
                (Err(_), "write swallows errors") => continue,
                (event, _) => event?,
            };
            if let Event::Rows(encoded) = event {
                written.rows += encoded.rows as u64;
                if self.0 == "write panics" && written.rows == 5 {
                    panic!("write");
                }
            }
        }
        std::fs::write(stage.main_file(), "").map_err(|why| stage.write_error(&why))?;
        Ok(written)
    }
}

#[test]
fn a_format_that_panics_fails_or_ends_early_is_an_error_and_nothing_hangs_or_stands() {
    static GOOD: Watching = Watching::new();
    for (fault, page) in [
        ("encode panics", Some(3)),
        ("encode fails", Some(3)),
        ("write fails at once", None),
        ("write panics at once", None),
        ("write panics", None),
        ("write ends early", None),
    ] {
        for (threads, pages) in [(1, 300), (4, 300), (2, 5)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().to_owned();
            let faulty: &'static Faulty = Box::leak(Box::new(Faulty(fault)));
            let error = in_time(move || {
                let outputs = [
                    Output { path: path.join("good.txt"), format: &GOOD },
                    Output { path: path.join("faulty.txt"), format: faulty },
                ];
                let options = ExportOptions { threads, ..ExportOptions::default() };
                export_layer(Box::new(Made::new(pages)), &outputs, &options, &(Arc::new(Silent) as Arc<dyn Progress>)).err()
            });
            let error = error.expect(fault).expect(fault);
            assert_eq!(error.place().page, page, "{fault}: {error}");
            // An output that holds many layers takes back one that is not whole.
            assert_eq!(GOOD.whole.swap(0, Ordering::SeqCst) > 0, fault == "write ends early", "{fault}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{fault}");
        }
    }
}

#[test]
fn a_format_that_swallows_an_error_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let done = in_time(move || {
        let output = Output { path: path.join("a.txt"), format: &Faulty("write swallows errors") };
        let source = Made { broken: Some(2), ..Made::new(9) };
        export_layer(Box::new(source), &[output], &ExportOptions::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).err()
    });
    assert!(done.unwrap().is_some());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A source that is at fault itself.
struct FaultySource(Header, &'static str);

impl FaultySource {
    fn new(fault: &'static str) -> Self {
        Self(Made::new(0).header, fault)
    }
}

impl Source for FaultySource {
    fn header(&self) -> &Header {
        &self.0
    }

    fn open(self: Box<Self>, _: &ReadPlan, permits: &Permits, _: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        Ok(Box::new(FaultyPages {
            made: MadePages { next: 0, pages: 20, broken: None, permits: permits.clone() },
            fault: self.1,
        }))
    }
}

struct FaultyPages {
    made: MadePages,
    fault: &'static str,
}

impl Pages for FaultyPages {
    fn next(&mut self) -> Option<Result<(Page, Permit)>> {
        match (self.made.next, self.fault) {
            (0, "the first page fails") => return Some(Err(Error::new(ErrorKind::Server, "no"))),
            (5, "next panics") => panic!("next"),
            (5, "the permits are cancelled") => self.made.permits.cancel(),
            (5, "a page is left out") => {
                let mut next = self.made.next()?;
                if let Ok((page, _)) = &mut next {
                    page.seq += 1;
                }
                return Some(next);
            }
            _ => {}
        }
        self.made.next()
    }

    fn finish(self: Box<Self>) -> Result<Evidence> {
        match self.fault {
            "finish panics" => panic!("finish"),
            "finish fails" => Err(Error::new(ErrorKind::Server, "no")),
            _ => Ok(Evidence { rows: self.made.next, pages: self.made.next, ..Evidence::default() }),
        }
    }
}

#[test]
fn a_source_that_panics_or_breaks_its_promises_is_an_error_and_nothing_hangs_or_stands() {
    static GOOD: Watching = Watching::new();
    for (fault, kind) in [
        ("the first page fails", ErrorKind::Server),
        ("next panics", ErrorKind::Internal),
        ("the permits are cancelled", ErrorKind::Cancelled),
        ("a page is left out", ErrorKind::Internal),
        ("finish panics", ErrorKind::Internal),
        ("finish fails", ErrorKind::Server),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let error = in_time(move || {
            let output = Output { path, format: &GOOD };
            let source = Box::new(FaultySource::new(fault));
            export_layer(source, &[output], &ExportOptions::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).err()
        });
        let error = error.expect(fault).expect(fault);
        assert_eq!(error.kind(), kind, "{fault}: {error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{fault}");
    }
}
