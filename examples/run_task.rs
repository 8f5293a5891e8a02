//! Runs a geoprocessing task from Rust and writes its results.
//!
//! ```sh
//! cargo run --example demo_server 8085 &
//! cargo run --example run_task http://127.0.0.1:8085/arcgis/rest/services/Demo/GPServer/Buffer results/
//! ```

#![allow(clippy::print_stdout, reason = "it shows what it did")]

use std::path::PathBuf;
use std::sync::Arc;

use geohaul::export::{Destination, ExportOptions, export, format_named};
use geohaul::fetch::gp::{Options, Parameters, Polling, Task};
use geohaul::report::{MessageKind, Progress};
use geohaul::{Error, ErrorKind, Session};
use serde_json::json;

/// Shows what the job says.
struct Say;

impl Progress for Say {
    fn job_status(&self, status: &str) {
        println!("job: {status}");
    }

    fn message(&self, _kind: MessageKind, text: &str) {
        println!("server: {text}");
    }
}

fn main() -> geohaul::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err(Error::new(ErrorKind::Usage, "usage: run_task TASK_URL FOLDER"));
    };
    let url = url.parse().map_err(|why| Error::new(ErrorKind::Usage, "the address is none").because(why))?;
    let progress: Arc<dyn Progress> = Arc::new(Say);

    let task = Task::open(&Session::online(), &url)?;
    let wells = json!({"x": 7.44, "y": 46.95, "spatialReference": {"wkid": 4326}});
    let parameters = Parameters::default().with("Input_Features", wells).with("Distance", "2 km").with("Segments", 12);

    let mut job = task.run(&parameters, &Options::default(), &progress)?;
    job.wait(&Polling::default())?;

    let destination = Destination::Directory { path: PathBuf::from(folder), formats: vec![format_named("geojson")?] };
    let report = export(&mut job.results(None)?, &destination, &ExportOptions::default(), &progress)?;
    for layer in &report.layers {
        println!("{}: {} rows", layer.name, layer.evidence.rows);
    }
    for (name, value) in &report.values {
        println!("{name} = {value}");
    }
    Ok(())
}
