//! A small ArcGIS-like server on loopback, to try geohaul against: feature services with paging (`Demo`, and `Atlas`
//! of five layers and two tables) and a geoprocessing service with a synchronous task (`Viewshed`) and an asynchronous one (`Buffer`).
//!
//! ```text
//! cargo run --example demo_server -- 6080      # 0, or nothing, takes any free port
//! cargo run --example demo_server -- 6080 --delay 50 --log requests.log     # each answer after 50 ms
//! ```
//!
//! Its data come from a seeded generator, so every run serves the same. Both tasks compute from the posted
//! geometry, parameters and spatial reference. It knows 4326 and web mercator, and no sign-in.

mod atlas;
mod buffer;
mod data;
mod failure;
mod geo;
mod gp;
mod http;
mod jobs;
mod query;
mod viewshed;

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use failure::Failure;
use http::{Request, Response};

/// Everything that is served.
struct Site {
    layers: Vec<data::Layer>,
    atlas: Vec<data::Layer>,
    jobs: jobs::Jobs,
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody is left to tell when stderr is closed too.
            let _ = writeln!(std::io::stderr(), "demo_server: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let Arguments { port, delay, mut log } = arguments()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|why| format!("can't listen on port {port}: {why}"))?;
    let address = listener.local_addr().map_err(|why| why.to_string())?;
    let site = Arc::new(Site { layers: data::layers().into(), atlas: atlas::atlas(), jobs: jobs::Jobs::default() });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{address}").and_then(|()| stdout.flush()).map_err(|why| why.to_string())?;
    let log = Mutex::new(log.take());
    http::serve(&listener, move |request| {
        if let Some(log) = &mut *log.lock().unwrap_or_else(PoisonError::into_inner) {
            // A log that can't be written is no reason to refuse anybody.
            let _ = writeln!(log, "{request}");
        }
        std::thread::sleep(delay);
        respond(&site, request)
    });
    Ok(())
}

/// What the command line says.
struct Arguments {
    port: u16,
    /// How long an answer is kept back.
    delay: Duration,
    /// Gets a line for each request: its path and parameters.
    log: Option<File>,
}

fn arguments() -> Result<Arguments, String> {
    const USAGE: &str = "usage: demo_server [PORT] [--delay MILLISECONDS] [--log FILE]";
    let (mut words, mut arguments) = (std::env::args().skip(1), Arguments { port: 0, delay: Duration::ZERO, log: None });
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value; {USAGE}"));
        match word.as_str() {
            "--delay" => {
                let millis = value()?.parse().map_err(|_| format!("--delay takes a number; {USAGE}"))?;
                arguments.delay = Duration::from_millis(millis);
            }
            "--log" => {
                let path = value()?;
                let file = File::options().append(true).create(true).open(&path);
                arguments.log = Some(file.map_err(|why| format!("can't write {path}: {why}"))?);
            }
            port => arguments.port = port.parse().map_err(|_| format!("'{port}' is no port; {USAGE}"))?,
        }
    }
    Ok(arguments)
}

/// ArcGIS answers with status 200 whatever happened; the body says what did.
fn respond(site: &Site, request: &Request) -> Response {
    let answer = route(site, request).unwrap_or_else(|failure| failure.to_json());
    match request.param("f") {
        Some("json" | "pjson") => Response::json(&answer),
        None | Some("html" | "") => Response::html(&request.path, &answer),
        Some(_) => Response::json(&Failure::bad_parameter("Output format not supported.").to_json()),
    }
}

fn route(site: &Site, request: &Request) -> Result<Value, Failure> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let Some(["arcgis", "rest", rest @ ..]) = segments.get(..) else { return Err(Failure::not_found("Not Found")) };
    match rest {
        ["info"] => Ok(json!({"currentVersion": 11.1, "fullVersion": "11.1.0", "authInfo": {"isTokenBasedSecurity": false}})),
        ["services"] => Ok(json!({"currentVersion": 11.1, "folders": [], "services": [
            {"name": "Atlas", "type": "FeatureServer"}, {"name": "Demo", "type": "FeatureServer"}, {"name": "Demo", "type": "GPServer"},
        ]})),
        ["services", "Demo", "FeatureServer", path @ ..] => features(&site.layers, path, request),
        ["services", "Atlas", "FeatureServer", path @ ..] => features(&site.atlas, path, request),
        ["services", "Demo", "GPServer", path @ ..] => gp::route(&site.jobs, path, request),
        ["services", name, kind, ..] => Err(Failure::not_found(&format!("Service {name}/{kind} not found"))),
        _ => Err(Failure::invalid_url()),
    }
}

/// A feature service, its layers, and their queries.
fn features(layers: &[data::Layer], path: &[&str], request: &Request) -> Result<Value, Failure> {
    let [id, operation @ ..] = path else { return Ok(data::service(layers)) };
    let layer = layers.iter().find(|layer| layer.id.to_string() == *id).ok_or_else(Failure::invalid_url)?;
    match operation {
        [] => Ok(layer.describe()),
        ["query"] => query::answer(layer, request),
        _ => Err(Failure::invalid_url()),
    }
}
