//! How fast each stage is by itself, on one thread, in bytes of the input a second: `cargo bench --bench stages`.
//!
//! `scan` finds the rows of a page, `parse` brings their attributes to cells and their rings into order, `encode` makes
//! a page's bytes of each format, `write` is a whole small export.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't run has nothing to tell")]

use std::sync::Arc;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use geohaul::convert::{self, PlanOptions};
use geohaul::esri::peek;
use geohaul::fetch::{Item, saved::Saved};
use geohaul::model::{Header, Page};
use geohaul::report::{Progress, Silent};
use geohaul::write::csv::{Csv, CsvGeometry};
use geohaul::write::{AnyFormat, Rows, format_by_name};
use geohaul::{CrsChoice, Destination, ExportOptions, Input, Output};

#[allow(dead_code, reason = "the input files need all of it")]
mod generator;

use generator::Kind;

/// About a page of the pipeline each: 1 MB.
const INPUTS: [(&str, usize); 2] = [("polygons", 500), ("points", 5000)];

fn main() {
    divan::main();
}

fn text(input: (&str, usize)) -> Bytes {
    let mut text = Vec::new();
    generator::write(&mut text, Kind::named(input.0).unwrap(), input.1).unwrap();
    text.into()
}

/// The header of a feature set, and its rows as one page.
fn page(text: &Bytes) -> (Header, Page) {
    let mut saved = Saved::from_bytes("layer", text.clone()).unwrap();
    let Some(Ok(Item::Layer(layer))) = saved.items().next() else { panic!("one layer") };
    let (_, facts) = peek(text).unwrap();
    (layer.header().clone(), Page { seq: 0, bytes: text.clone(), facts, drop_rows: Vec::new(), rows_before: 0 })
}

#[divan::bench(args = INPUTS)]
fn scan(bencher: Bencher<'_, '_>, input: (&str, usize)) {
    let text = text(input);
    bencher.counter(BytesCount::of_slice(&text)).bench(|| peek(&text).unwrap());
}

#[divan::bench(args = INPUTS)]
fn parse(bencher: Bencher<'_, '_>, input: (&str, usize)) {
    let text = text(input);
    let (header, page) = page(&text);
    let info = format_by_name("geojson").unwrap().info();
    let plan = convert::plan(&header, &[info], &PlanOptions::default()).unwrap();
    bencher.counter(BytesCount::of_slice(&text)).bench(|| convert::parse_page(page.clone(), &header, &plan.read).unwrap());
}

/// Polygons have no columns x and y.
static WKT: Csv = Csv { geometry: CsvGeometry::Wkt, delimiter: b',', bom: false };

#[divan::bench(args = ["geojson native", "geojson wgs84", "shapefile", "kmz", "csv", "geopackage", "flatgeobuf"])]
fn encode(bencher: Bencher<'_, '_>, case: &str) {
    let text = text(INPUTS[0]);
    let (header, page) = page(&text);
    let (name, crs) = match case.split_once(' ') {
        Some((name, "native")) => (name, CrsChoice::Native),
        Some((name, _)) => (name, CrsChoice::Default),
        None => (case, CrsChoice::Default),
    };
    let format: &dyn AnyFormat = if name == "csv" { &WKT } else { format_by_name(name).unwrap() };
    let options = PlanOptions { crs, ..PlanOptions::default() };
    let plan = convert::plan(&header, &[format.info()], &options).unwrap();
    let (batch, _) = convert::parse_page(page, &header, &plan.read).unwrap();
    let write = &plan.outputs[0].write;
    bencher.counter(BytesCount::of_slice(&text)).bench(|| {
        let (geometry, _) = convert::for_output(&batch, write).unwrap();
        format.encode_any(write, Rows { batch: &batch, geometry: &geometry }).unwrap()
    });
}

#[divan::bench(args = ["geojson", "csv", "kmz", "geopackage", "flatgeobuf"])]
fn write(bencher: Bencher<'_, '_>, name: &str) {
    let text = text(INPUTS[1]);
    let folder = tempfile::tempdir().unwrap();
    let destination = Destination::Files(vec![Output::new(folder.path().join("out"), Some(name)).unwrap()]);
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    let options = ExportOptions { threads: 1, overwrite: true, ..ExportOptions::default() };
    bencher.counter(BytesCount::of_slice(&text)).bench(|| {
        let mut input = Saved::from_bytes("layer", text.clone()).unwrap();
        geohaul::export(&mut input, &destination, &options, &silent).unwrap()
    });
}
