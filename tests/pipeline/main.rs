//! The pipeline: bounded pages, parallel encoding, order, and the same bytes whatever the threads.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

mod faults;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use bytes::Bytes;
use geohaul::convert::{CrsChoice, PlanOptions};
use geohaul::export::{ExportOptions, Output, export_layer};
use geohaul::fetch::saved::Saved;
use geohaul::fetch::{Input, Item, Pages, Source};
use geohaul::model::plan::FormatInfo;
use geohaul::model::{Evidence, Field, FieldType, GeometryKind, Header, Page, PageFacts, ReadPlan, SpatialReference, WritePlan};
use geohaul::pipe::{Permit, Permits};
use geohaul::report::{Progress, Silent};
use geohaul::write::{Encoded, Event, FORMATS, Format, Rows, Stage, Written};
use geohaul::{Error, ErrorKind, Result};

/// A layer of made-up pages that keeps the permits of the pages, so that a test can count them.
struct Made {
    header: Header,
    pages: u64,
    /// This page is an error instead.
    broken: Option<u64>,
    seen: Arc<Mutex<Option<Permits>>>,
}

impl Made {
    fn new(pages: u64) -> Self {
        let mut header = Header::new("made");
        header.geometry = Some(GeometryKind::Point);
        header.spatial_reference = Some(SpatialReference::from_wkid(4326));
        header.fields = vec![Field::new("ID", FieldType::ObjectId)];
        header.object_id = Some(0);
        Self { header, pages, broken: None, seen: Arc::default() }
    }
}

impl Source for Made {
    fn header(&self) -> &Header {
        &self.header
    }

    fn open(self: Box<Self>, _: &ReadPlan, permits: &Permits, _: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        *self.seen.lock().unwrap() = Some(permits.clone());
        Ok(Box::new(MadePages { next: 0, pages: self.pages, broken: self.broken, permits: permits.clone() }))
    }
}

struct MadePages {
    next: u64,
    pages: u64,
    broken: Option<u64>,
    permits: Permits,
}

impl Pages for MadePages {
    fn next(&mut self) -> Option<Result<(Page, Permit)>> {
        if self.next == self.pages {
            return None;
        }
        let permit = self.permits.take()?;
        let seq = self.next;
        self.next += 1;
        let text = if self.broken == Some(seq) {
            "{\"attributes\":".to_owned()
        } else {
            format!(r#"{{"attributes":{{"ID":{seq}}},"geometry":{{"x":{seq},"y":0}}}}"#)
        };
        let facts = PageFacts { rows: 1, features: 0..text.len(), ..PageFacts::default() };
        Some(Ok((Page { seq, bytes: Bytes::from(text), facts, drop_rows: Vec::new(), rows_before: seq }, permit)))
    }

    fn finish(self: Box<Self>) -> Result<Evidence> {
        Ok(Evidence { rows: self.next, pages: self.next, ..Evidence::default() })
    }
}

/// A format that watches how it is called, and writes the rows' ids.
struct Watching {
    encoding: AtomicUsize,
    most_encoding: AtomicUsize,
    both: Option<Barrier>,
    slow_write: Duration,
    fail_at: Option<usize>,
    /// How many layers were said to be whole.
    whole: AtomicUsize,
}

impl Watching {
    const fn new() -> Self {
        Self {
            encoding: AtomicUsize::new(0),
            most_encoding: AtomicUsize::new(0),
            both: None,
            slow_write: Duration::ZERO,
            fail_at: None,
            whole: AtomicUsize::new(0),
        }
    }
}

static INFO: FormatInfo = FormatInfo {
    name: "watching",
    title: "Watching",
    endings: &["txt"],
    kinds: &[GeometryKind::Point],
    tables: true,
    z: false,
    m: false,
    mixed_kinds: false,
    curves: false,
    many_layers: false,
    streams: false,
    time_zones: false,
    crs: geohaul::model::plan::CrsRule::Native,
    longest_field_name: None,
    plain_field_names: false,
    ignores_case: false,
    most_fields: None,
    longest_text: None,
    limits: "",
};

impl Format for Watching {
    type Chunk = String;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, _: &WritePlan, rows: Rows<'_>) -> Result<Encoded<String>> {
        let now = self.encoding.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_encoding.fetch_max(now, Ordering::SeqCst);
        if let Some(both) = &self.both {
            both.wait();
        }
        let chunk = (0..rows.batch.rows()).map(|row| rows.batch.value(row, 0).to_text().unwrap().into_owned() + "\n").collect();
        self.encoding.fetch_sub(1, Ordering::SeqCst);
        Ok(Encoded { chunk, rows: rows.batch.rows(), losses: Default::default() })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<String>>>) -> Result<Written> {
        let (mut text, mut written) = (String::new(), Written::default());
        for event in events {
            let event = event?;
            self.whole.fetch_add(usize::from(matches!(event, Event::End)), Ordering::SeqCst);
            if let Event::Rows(encoded) = event {
                std::thread::sleep(self.slow_write);
                text.push_str(&encoded.chunk);
                written.rows += encoded.rows as u64;
                if self.fail_at == Some(written.rows as usize) {
                    return Err(Error::new(ErrorKind::File, "the disk is full"));
                }
            }
        }
        std::fs::write(stage.main_file(), text).map_err(|why| stage.write_error(&why))?;
        Ok(written)
    }
}

fn run(source: Made, format: &'static Watching, threads: usize, path: &Path) -> Result<String> {
    let output = Output { path: path.to_owned(), format };
    let options = ExportOptions { threads, ..ExportOptions::default() };
    export_layer(Box::new(source), &[output], &options, &(Arc::new(Silent) as Arc<dyn Progress>))?;
    Ok(std::fs::read_to_string(path).unwrap())
}

#[test]
fn a_bounded_number_of_pages_is_alive_at_once() {
    static SLOW: Watching = Watching { slow_write: Duration::from_millis(1), ..Watching::new() };
    let dir = tempfile::tempdir().unwrap();
    let source = Made::new(200);
    let seen = Arc::clone(&source.seen);
    let text = run(source, &SLOW, 2, &dir.path().join("out.txt")).unwrap();
    assert_eq!(text, (0..200).map(|id| format!("{id}\n")).collect::<String>(), "all pages, in their order");
    let permits = seen.lock().unwrap().take().unwrap();
    assert!((2..=32).contains(&permits.high_water()), "{} pages at once", permits.high_water());
    assert_eq!(permits.under_way(), 0, "every permit came back");
}

#[test]
fn two_workers_encode_at_the_same_time() {
    // Each encoder waits for another one: with one worker this would never end.
    static BOTH: std::sync::LazyLock<Watching> =
        std::sync::LazyLock::new(|| Watching { both: Some(Barrier::new(2)), ..Watching::new() });
    let dir = tempfile::tempdir().unwrap();
    run(Made::new(20), &BOTH, 2, &dir.path().join("out.txt")).unwrap();
    assert_eq!(BOTH.most_encoding.load(Ordering::SeqCst), 2);
}

#[test]
fn the_first_error_in_page_order_wins_and_nothing_stands() {
    static PLAIN: Watching = Watching::new();
    let dir = tempfile::tempdir().unwrap();
    for threads in [1, 2, 8] {
        let source = Made { broken: Some(7), ..Made::new(50) };
        let error = run(source, &PLAIN, threads, &dir.path().join("out.txt")).unwrap_err();
        assert_eq!((error.kind(), error.place().page), (ErrorKind::Input, Some(7)));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no output and no stage is left");
}

#[test]
fn a_writer_that_fails_stops_the_fetch() {
    static FULL: Watching = Watching { fail_at: Some(3), ..Watching::new() };
    let dir = tempfile::tempdir().unwrap();
    let source = Made::new(u64::MAX);
    let error = run(source, &FULL, 2, &dir.path().join("out.txt")).unwrap_err();
    assert_eq!(error.what(), "the disk is full");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Several megabytes of polygons, points in text and numbers, so that there are several pages.
fn large_feature_set(kind: &str) -> String {
    let feature = |i: usize| {
        let (x, y) = (f64::from(i as u32 % 300) - 150.0, f64::from(i as u32 % 160) - 80.0);
        let geometry = match kind {
            "esriGeometryPoint" => format!(r#"{{"x":{x}.25,"y":{y}.5}}"#).replace(".0.", "."),
            _ => format!(
                r#"{{"rings":[[[{x},{y}],[{x},{}],[{},{}],[{x},{y}]],[[{x},{y}],[{},{}],[{x},{}],[{x},{y}]]]}}"#,
                y + 3.0,
                x + 3.0,
                y + 3.0,
                x + 0.5,
                y + 2.0,
                y + 2.0
            ),
        };
        format!(
            r#"{{"attributes":{{"FID":{i},"NAME":"Straße {i}","V":{i}.125,"D":{}}},"geometry":{geometry}}}"#,
            i as i64 * 86_400_000
        )
    };
    let features: Vec<String> = (0..20_000).map(feature).collect();
    format!(
        r#"{{"geometryType":"{kind}","spatialReference":{{"wkid":4326}},"fields":[{{"name":"FID","type":"esriFieldTypeOID"}},{{"name":"NAME","type":"esriFieldTypeString","length":30}},{{"name":"V","type":"esriFieldTypeDouble"}},{{"name":"D","type":"esriFieldTypeDate"}}],"features":[{}]}}"#,
        features.join(",")
    )
}

fn layer_of(json: &str) -> Box<dyn Source> {
    let mut saved = Saved::from_bytes("layer", Bytes::copy_from_slice(json.as_bytes())).unwrap();
    match saved.items().next() {
        Some(Ok(Item::Layer(layer))) => layer,
        _ => panic!("a layer"),
    }
}

/// Bytes in which moments of today, such as a GeoPackage must name, are blank.
fn without_moments(mut bytes: Vec<u8>) -> Vec<u8> {
    let today = &geohaul::model::time::now()[..11];
    let length = "2026-01-01T00:00:00.000Z".len();
    let named = |start: &usize| bytes[*start..].starts_with(today.as_bytes());
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(length)).filter(named).collect();
    starts.into_iter().for_each(|start| bytes[start..start + length].fill(b' '));
    bytes
}

/// The files of a directory by name, with their bytes.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), without_moments(std::fs::read(entry.path()).unwrap())))
        .collect();
    files.sort();
    files
}

#[test]
fn one_two_and_eight_threads_give_the_same_bytes_in_every_format_and_an_output_more_changes_no_other() {
    for kind in ["esriGeometryPoint", "esriGeometryPolygon"] {
        let json = large_feature_set(kind);
        // GDAL puts ids that it makes up into a File Geodatabase.
        let wanted = |info: &FormatInfo| info.name != "filegdb" && info.kinds.iter().any(|k| k.esri_name() == Some(kind));
        let formats: Vec<_> = FORMATS.iter().filter(|format| wanted(format.info())).copied().collect();
        let outputs = |dir: &Path| -> Vec<Output> {
            formats
                .iter()
                .map(|format| Output { path: dir.join(format!("layer.{}", format.info().endings[0])), format: *format })
                .collect()
        };
        let run = |threads: usize, outputs: &[Output]| {
            let options = ExportOptions {
                threads,
                plan: PlanOptions { crs: CrsChoice::Default, ..PlanOptions::default() },
                ..ExportOptions::default()
            };
            let done = export_layer(layer_of(&json), outputs, &options, &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
            assert_eq!(done.report.evidence.rows, 20_000);
            assert!(done.report.evidence.pages > 1, "several pages");
        };
        let dirs: Vec<_> = [1, 2, 8]
            .map(|threads| {
                let dir = tempfile::tempdir().unwrap();
                run(threads, &outputs(dir.path()));
                dir
            })
            .into();
        let one = files(dirs[0].path());
        for dir in &dirs[1..] {
            let other = files(dir.path());
            assert_eq!(one.len(), other.len());
            for ((name, bytes), (other_name, other_bytes)) in one.iter().zip(&other) {
                assert_eq!(name, other_name);
                assert!(bytes == other_bytes, "{kind}: {name} depends on the number of threads");
            }
        }
        let alone = tempfile::tempdir().unwrap();
        for output in outputs(alone.path()) {
            run(2, &[output]);
        }
        for ((name, bytes), (other_name, other_bytes)) in one.iter().zip(&files(alone.path())) {
            assert_eq!(name, other_name);
            assert!(bytes == other_bytes, "{kind}: {name} depends on the other outputs");
        }
    }
}

#[test]
fn an_empty_layer_is_a_whole_file_in_every_format() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let output = Output { path: dir.path().join(format!("a.{}", format.info().endings[0])), format: *format };
        let options = ExportOptions { threads: usize::MAX, ..ExportOptions::default() };
        let done = export_layer(Box::new(Made::new(0)), &[output], &options, &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
        assert_eq!(done.report.outputs[0].rows, 0);
        // A sequence of nothing is nothing.
        assert!(done.report.outputs[0].bytes > 0 || format.info().name == "geojsonseq");
    }
}

/// One page whose rows are given, some of which another page has already.
struct OnePage(Header, String, Vec<usize>);

impl Source for OnePage {
    fn header(&self) -> &Header {
        &self.0
    }

    fn open(self: Box<Self>, _: &ReadPlan, permits: &Permits, _: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        let permit = permits.take().unwrap();
        let facts = PageFacts { rows: 0, features: 0..self.1.len(), ..PageFacts::default() };
        let page = Page { seq: 0, bytes: Bytes::from(self.1), facts, drop_rows: self.2, rows_before: 0 };
        struct Once(Option<(Page, Permit)>, u64);
        impl Pages for Once {
            fn next(&mut self) -> Option<Result<(Page, Permit)>> {
                self.0.take().map(Ok)
            }
            fn finish(self: Box<Self>) -> Result<Evidence> {
                Ok(Evidence { rows: self.1, ..Evidence::default() })
            }
        }
        Ok(Box::new(Once(Some((page, permit)), 3)))
    }
}

#[test]
fn rows_that_are_dropped_from_the_middle_take_their_geometry_and_nothing_else_along() {
    let line = |id: u32, geometry: &str| format!(r#"{{"attributes":{{"ID":{id}}},"geometry":{geometry}}}"#);
    let rows = [
        line(0, r#"{"paths":[[[0,0],[0,1.50]]]}"#),
        line(1, r#"{"paths":[[[1,0,7],[1,1,7]]],"hasZ":true}"#),
        line(2, r#"{"paths":[[[2.0,0,8],[2,1,8],[2,2]]],"hasZ":true}"#),
        r#"{"geometry":{"paths":[[[9,9],[9,9]]],"odd":"]}"},"attributes":{"ID":9,"OTHER":1}}"#.to_owned(),
        line(4, "null"),
    ];
    let mut header = Made::new(0).header;
    header.geometry = Some(GeometryKind::Polyline);
    header.has_z = true;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.geojson");
    let source = Box::new(OnePage(header, rows.join(","), vec![1, 3]));
    let output = Output::new(&path, None).unwrap();
    let done = export_layer(source, &[output], &ExportOptions::default(), &(Arc::new(Silent) as Arc<dyn Progress>)).unwrap();
    assert!(done.report.losses.is_empty(), "a dropped row loses nothing: {:?}", done.report.losses);
    let text = std::fs::read_to_string(path).unwrap();
    let features: Vec<_> = text.lines().filter(|line| line.contains("Feature\",")).collect();
    assert_eq!(features.len(), 3);
    for (feature, words) in features.iter().zip(["[[0,0],[0,1.50]]", "[[2.0,0,8],[2,1,8],[2,2]]", "\"geometry\":null"]) {
        assert!(feature.contains(words), "{words} in {feature}");
    }
}
