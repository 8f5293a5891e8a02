//! Recorded answers of real services, replayed whole. They are not ours to copy, so a machine may be without them.

use std::path::PathBuf;

use geohaul::ErrorKind;
use geohaul::fetch::Item;
use serde_json::{Value, json};

use crate::script::*;

/// A recorded answer of the LANDFIRE product service; `None` where the corpus is not there.
fn recorded(name: &str) -> Option<Value> {
    let clone = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let corpus = std::env::var_os("GEOHAUL_CORPUS").map_or_else(|| clone.join("../shared/corpus"), PathBuf::from);
    let text = std::fs::read(corpus.join("FireSci-landfire-python").join(name)).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

const ID: &str = "j2c9bd85a11324adb8b763747f2eafebb";

/// The task of the recorded job, with what it answers to a submission and to polls.
fn landfire(submitted: Value, polls: Vec<Value>) -> Script {
    let inputs = ["Layer_List", "Area_of_Interest", "Output_Projection", "Resample_Resolution", "Edit_Rule", "Edit_Mask"];
    let mut parameters: Vec<Value> = inputs.iter().map(|name| parameter(name, "GPString", "Optional")).collect();
    parameters.extend(outputs(&[("Output_File", "GPDataFile")]));
    Script::default()
        .on("/T", [task("Asynchronous", &parameters)])
        .on("/T/submitJob", [submitted])
        .on(&format!("/T/jobs/{ID}"), polls)
}

#[test]
fn the_recorded_jobs_of_landfire_replay_whole() {
    let Some(submitted) = recorded("00_submit.json") else {
        use std::io::Write as _;
        writeln!(std::io::stderr(), "\nLEFT OUT: the recorded jobs, for want of the corpus").unwrap();
        return;
    };
    let answer = |name: &str| recorded(name).unwrap();
    let file = answer("07_result_Output_File.json");

    // Succeeded, by way of a poll that names no status.
    let polls = vec![answer("02_submit.json"), answer("05_other5.json"), answer("04_job_succeeded_1msgs.json")];
    let script = landfire(submitted.clone(), polls).on(&format!("/T/jobs/{ID}/results/Output_File"), [file.clone()]);
    let (script, ear, job) = run(script);
    let found = items(&mut job.unwrap()).remove(0);
    let Ok(Item::File(download)) = found else { panic!("a file") };
    assert_eq!(Some(download.url.as_str()), file["value"]["url"].as_str());
    assert_eq!((download.name.as_str(), download.ending().as_deref()), ("Output_File", Some("zip")));
    assert_eq!(*ear.messages.lock().unwrap(), ["Job Finished"]);
    assert_eq!(script.asked("/T/submitJob"), 1);

    // Failed.
    let (_, _, job) = run(landfire(answer("03_submit.json"), vec![answer("06_job_failed_1msgs.json")]));
    let error = job.err().unwrap();
    assert_eq!((error.kind(), error.why()), (ErrorKind::Server, Some("Sad failure")));

    // A submission that names no job, and an answer that is something else.
    let (_, _, job) = run(landfire(answer("01_submit.json"), vec![]));
    assert!(job.err().unwrap().to_string().contains("names no job"));
    let (_, _, job) = run(landfire(answer("08_other8.json"), vec![json!({})]));
    assert!(job.is_err());
}
