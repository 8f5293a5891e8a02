//! A layer on loopback for the benchmarks of fetching: `cargo bench --bench server -- points.json --delay 50`.
//!
//! It serves the rows of a file that `input.rs` wrote, whose object ids are 1, 2, 3 ..., with pages rendered once and
//! kept: what is measured is the client. `--delay MS` waits before each answer, `--rate BYTES` shares so many bytes a
//! second among all answers, `--plain` compresses nothing, `--log FILE` names each page that was asked for.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

#[path = "../tests/support/pbf.rs"]
mod pbf;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use geohaul::esri::feature_texts;
use pbf::{GridSpec, twin};
use serde_json::{Value, json};

const PAGE: usize = 2000;

/// Bytes that are sent at once where the rate is limited.
const PIECE: usize = 16 << 10;

/// The rows of a page, whether it is in PBF, and whether it is compressed.
type PageKey = (Range<usize>, bool, bool);

struct Layer {
    text: Vec<u8>,
    /// Where each row stands.
    rows: Vec<Range<usize>>,
    /// Everything before the first row.
    head: Value,
    delay: Duration,
    /// Bytes a second, and when the next of them may go.
    rate: Option<(f64, Mutex<Instant>)>,
    plain: bool,
    log: Option<Mutex<File>>,
    pages: Mutex<HashMap<PageKey, Arc<Vec<u8>>>>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.is_empty() {
        // `cargo bench` alone runs every benchmark, and this is none.
        return ExitCode::SUCCESS;
    }
    let served = open(&words).and_then(|layer| serve(Arc::new(layer)));
    if let Err(why) = served {
        eprintln!("server: {why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn open(words: &[String]) -> Result<Layer, Box<dyn std::error::Error>> {
    let option = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let text = std::fs::read(&words[0])?;
    let start = find(&text, b"\"features\":[").ok_or("no features")? + 12;
    let end = text.iter().rposition(|byte| *byte == b']').ok_or("no end")?;
    let rows = feature_texts(&text, start..end).map_err(|why| why.to_string())?.iter().map(|span| span.range()).collect();
    let head = serde_json::from_slice(&[&text[..start], b"]}"].concat())?;
    Ok(Layer {
        rows,
        head,
        plain: words.iter().any(|word| word == "--plain"),
        delay: Duration::from_millis(option("--delay").map_or(Ok(0), |text| text.parse())?),
        rate: option("--rate").map(|text| text.parse()).transpose()?.map(|rate| (rate, Mutex::new(Instant::now()))),
        log: option("--log").map(File::create).transpose()?.map(Mutex::new),
        pages: Mutex::default(),
        text,
    })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn serve(layer: Arc<Layer>) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}/arcgis/rest/services/Bench/FeatureServer/0", listener.local_addr()?);
    for stream in listener.incoming() {
        let (layer, stream) = (Arc::clone(&layer), stream?);
        std::thread::spawn(move || layer.answer_all(stream));
    }
    Ok(())
}

impl Layer {
    /// Answers the requests of one connection until it closes.
    fn answer_all(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut lines = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (mut request, mut gzip, mut posted) = (String::new(), false, 0);
            loop {
                let mut line = String::new();
                if lines.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                if line.trim().is_empty() {
                    break;
                }
                if request.is_empty() {
                    request = line;
                    continue;
                }
                let (name, value) = line.split_once(':')?;
                match name.to_ascii_lowercase().as_str() {
                    "accept-encoding" => gzip = value.contains("gzip"),
                    "content-length" => posted = value.trim().parse().ok()?,
                    _ => {}
                }
            }
            let mut form = vec![0; posted];
            lines.read_exact(&mut form).ok()?;
            let address = url::Url::parse("http://127.0.0.1").ok()?.join(request.split(' ').nth(1)?).ok()?;
            let params = address.query_pairs().into_owned().chain(url::form_urlencoded::parse(&form).into_owned()).collect();
            std::thread::sleep(self.delay);
            let (body, kind, gzip) = self.answer(&address, &params, gzip && !self.plain);
            let encoding = if gzip { "Content-Encoding: gzip\r\n" } else { "" };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{encoding}Content-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).ok()?;
            self.send(&mut stream, &body)?;
        }
    }

    fn send(&self, stream: &mut TcpStream, body: &[u8]) -> Option<()> {
        let Some((rate, next)) = &self.rate else { return stream.write_all(body).ok() };
        for piece in body.chunks(PIECE) {
            let mine = {
                let mut next = next.lock().ok()?;
                let mine = (*next).max(Instant::now());
                *next = mine + Duration::from_secs_f64(piece.len() as f64 / rate);
                mine
            };
            std::thread::sleep(mine.saturating_duration_since(Instant::now()));
            stream.write_all(piece).ok()?;
        }
        Some(())
    }

    /// A body, its media type, and whether it is compressed.
    fn answer(&self, address: &url::Url, params: &HashMap<String, String>, gzip: bool) -> (Arc<Vec<u8>>, &'static str, bool) {
        let param = |name: &str| params.get(name).map_or("", String::as_str);
        let plain = |value: Value| (Arc::new(value.to_string().into_bytes()), "application/json", false);
        if !address.path().ends_with("/query") {
            return plain(self.describe());
        }
        let chosen = self.chosen(param("where"));
        if param("returnCountOnly") == "true" {
            return plain(json!({"count": chosen.len()}));
        }
        if param("returnIdsOnly") == "true" {
            let ids: Vec<usize> = chosen.map(|row| row + 1).collect();
            return plain(json!({"objectIdFieldName": "OBJECTID", "objectIds": ids}));
        }
        if let Ok(Value::Array(wanted)) = serde_json::from_str(param("outStatistics")) {
            let end = |one: &Value| if one["statisticType"] == "min" { chosen.start + 1 } else { chosen.end };
            let ends = wanted.iter().filter_map(|one| Some((one["outStatisticFieldName"].as_str()?.to_owned(), json!(end(one)))));
            return plain(json!({"features": [{"attributes": ends.collect::<serde_json::Map<_, _>>()}]}));
        }
        let number = |name: &str, default: usize| param(name).parse().unwrap_or(default);
        let start = (chosen.start + number("resultOffset", 0)).min(chosen.end);
        let end = (start + number("resultRecordCount", PAGE).min(PAGE)).min(chosen.end);
        let binary = param("f") == "pbf";
        if let Some(log) = &self.log
            && end - start > 1
        {
            let _ = writeln!(log.lock().unwrap_or_else(|broken| broken.into_inner()), "{address}");
        }
        let kind = if binary { "application/x-protobuf" } else { "application/json" };
        (self.page(start..end, end < chosen.end, binary, gzip), kind, gzip)
    }

    /// The rows of `OBJECTID >= a AND OBJECTID <= b`, either of them, or all.
    fn chosen(&self, condition: &str) -> Range<usize> {
        let mut chosen = 0..self.rows.len();
        for part in condition.split(" AND ") {
            let number = |text: &str| text.parse::<i64>().unwrap_or(0);
            if let Some(from) = part.strip_prefix("OBJECTID >= ") {
                chosen.start = usize::try_from(number(from) - 1).unwrap_or(0).min(chosen.end);
            } else if let Some(to) = part.strip_prefix("OBJECTID <= ") {
                chosen.end = usize::try_from(number(to)).unwrap_or(0).clamp(chosen.start, chosen.end);
            }
        }
        chosen
    }

    fn page(&self, rows: Range<usize>, more: bool, binary: bool, gzip: bool) -> Arc<Vec<u8>> {
        let key = (rows.clone(), binary, gzip);
        if let Some(page) = self.pages.lock().ok().and_then(|pages| pages.get(&key).cloned()) {
            return page;
        }
        let mut head = self.head.clone();
        head["exceededTransferLimit"] = json!(more);
        head["features"] = json!([]);
        let head = head.to_string();
        let at = find(head.as_bytes(), b"\"features\":[").map_or(0, |at| at + 12);
        let texts = if rows.is_empty() { 0..0 } else { self.rows[rows.start].start..self.rows[rows.end - 1].end };
        let mut page = [&head.as_bytes()[..at], &self.text[texts], &head.as_bytes()[at..]].concat();
        if binary {
            page = serde_json::from_slice(&page).map_or(Vec::new(), |page| twin(&page, &GridSpec::default()));
        }
        if gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            page = encoder.write_all(&page).and_then(|()| encoder.finish()).unwrap_or_default();
        }
        let page = Arc::new(page);
        if let Ok(mut pages) = self.pages.lock() {
            pages.insert(key, Arc::clone(&page));
        }
        page
    }

    fn describe(&self) -> Value {
        let mut layer = json!({"id": 0, "name": "Bench", "type": "Feature Layer", "objectIdField": "OBJECTID",
            "displayField": "NAME", "maxRecordCount": PAGE, "capabilities": "Query", "supportedQueryFormats": "JSON, PBF",
            "extent": {"xmin": -2e7, "ymin": -2e7, "xmax": 2e7, "ymax": 2e7, "spatialReference": {"wkid": 102100, "latestWkid": 3857}},
            "advancedQueryCapabilities": {"supportsPagination": true, "supportsOrderBy": true, "supportsStatistics": true}});
        for key in ["geometryType", "fields"] {
            layer[key] = self.head[key].clone();
        }
        layer
    }
}
