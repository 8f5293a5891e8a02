//! The wire shapes of a geoprocessing job (`<task>/jobs/<id>?f=json`), its statuses and messages.

use serde::Serialize;
use serde_json::Value;

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// `esriJobNew`.
    New,
    /// `esriJobWaiting`.
    Waiting,
    /// `esriJobSubmitted`.
    Submitted,
    /// `esriJobExecuting`.
    Executing,
    /// `esriJobCancelling`.
    Cancelling,
    /// `esriJobDeleting`.
    Deleting,
    /// `esriJobSucceeded`.
    Succeeded,
    /// `esriJobFailed`.
    Failed,
    /// `esriJobTimedOut`.
    TimedOut,
    /// `esriJobCancelled`.
    Cancelled,
    /// `esriJobDeleted`.
    Deleted,
    /// `expectedFailure`: how notebook services say that a job failed.
    ExpectedFailure,
    /// A status that this version does not know, or none at all (empty).
    Unknown(String),
}

/// What a status means for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Ask again.
    Running,
    /// The results are there.
    Succeeded,
    /// There will be no results.
    Failed,
    /// Nobody knows: ask again, but not for ever.
    Unknown,
}

const STATUSES: [(&str, Status); 12] = [
    ("esriJobNew", Status::New),
    ("esriJobWaiting", Status::Waiting),
    ("esriJobSubmitted", Status::Submitted),
    ("esriJobExecuting", Status::Executing),
    ("esriJobCancelling", Status::Cancelling),
    ("esriJobDeleting", Status::Deleting),
    ("esriJobSucceeded", Status::Succeeded),
    ("esriJobFailed", Status::Failed),
    ("esriJobTimedOut", Status::TimedOut),
    ("esriJobCancelled", Status::Cancelled),
    ("esriJobDeleted", Status::Deleted),
    ("expectedFailure", Status::ExpectedFailure),
];

impl Status {
    /// From the wire name.
    pub fn from_esri(name: &str) -> Self {
        let known = STATUSES.into_iter().find(|(wire, _)| *wire == name);
        known.map_or_else(|| Self::Unknown(name.to_owned()), |(_, status)| status)
    }

    /// The wire name.
    pub fn esri_name(&self) -> &str {
        match self {
            Self::Unknown(name) => name,
            known => STATUSES.iter().find(|(_, status)| status == known).map_or("", |(wire, _)| wire),
        }
    }

    /// What it means for whoever waits.
    pub fn phase(&self) -> Phase {
        match self {
            Self::New | Self::Waiting | Self::Submitted | Self::Executing | Self::Cancelling | Self::Deleting => Phase::Running,
            Self::Succeeded => Phase::Succeeded,
            Self::Failed | Self::TimedOut | Self::Cancelled | Self::Deleted | Self::ExpectedFailure => Phase::Failed,
            Self::Unknown(_) => Phase::Unknown,
        }
    }

    /// In words, for people.
    pub fn describe(&self) -> &str {
        match self {
            Self::New => "new",
            Self::Waiting => "waiting",
            Self::Submitted => "submitted",
            Self::Executing => "executing",
            Self::Cancelling => "being cancelled",
            Self::Deleting => "being deleted",
            Self::Succeeded => "succeeded",
            Self::Failed | Self::ExpectedFailure => "failed",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::Deleted => "deleted",
            Self::Unknown(name) if name.is_empty() => "without a status",
            Self::Unknown(name) => name,
        }
    }
}

/// How grave a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// For information; also what has an unknown type.
    Informative,
    /// A warning.
    Warning,
    /// An error, or the end of the tool.
    Error,
}

/// One message of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// How grave it is.
    pub level: Level,
    /// The text.
    pub text: String,
}

impl Message {
    /// The `messages` of a job or of an `execute` answer, without the empty ones.
    pub fn list(json: &Value) -> Vec<Self> {
        let all = json.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(Self::from_json).collect()
    }

    fn from_json(json: &Value) -> Option<Self> {
        let text = json.get("description")?.as_str().filter(|text| !text.is_empty())?;
        let level = match json.get("type").and_then(Value::as_str) {
            Some("esriJobMessageTypeWarning") => Level::Warning,
            Some("esriJobMessageTypeError" | "esriJobMessageTypeAbort") => Level::Error,
            _ => Level::Informative,
        };
        Some(Self { level, text: text.to_owned() })
    }
}

/// `<task>/jobs/<id>?f=json`, and the answer of `submitJob`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// The id in the job's URL; empty where the answer names none.
    pub id: String,
    /// The state.
    pub status: Status,
    /// All messages so far: a server sends the whole list each time.
    pub messages: Vec<Message>,
    /// `(parameter, where its value is)`, the latter relative to the job's URL, in the server's order. `None` where
    /// the answer has no list; an empty one says that there are no outputs.
    pub results: Option<Vec<(String, String)>>,
    /// `(parameter, where its value is)` of the inputs, as the results.
    pub inputs: Vec<(String, String)>,
    /// How far the tool is, where it tells.
    pub progress: Option<Progress>,
}

/// How far a tool is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Per cent that are done.
    pub percent: Option<f64>,
    /// What it does now; empty where it says nothing.
    pub text: String,
}

impl Progress {
    fn from_json(json: &Value) -> Option<Self> {
        let percent = json.get("percent").or_else(|| json.get("percentage")).and_then(Value::as_f64);
        let text = json.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        (percent.is_some() || !text.is_empty()).then_some(Self { percent, text })
    }
}

impl Job {
    /// From the answer.
    pub fn from_json(json: &Value) -> Self {
        let list = |key: &str| {
            let entry = |(name, value): (&String, &Value)| {
                let url = value.get("paramUrl").and_then(Value::as_str);
                (name.clone(), url.map_or_else(|| format!("{key}/{name}"), str::to_owned))
            };
            Some(json.get(key)?.as_object()?.iter().map(entry).collect::<Vec<_>>())
        };
        Self {
            id: json.get("jobId").and_then(Value::as_str).unwrap_or_default().to_owned(),
            status: Status::from_esri(json.get("jobStatus").and_then(Value::as_str).unwrap_or_default()),
            messages: Message::list(json),
            results: list("results"),
            inputs: list("inputs").unwrap_or_default(),
            progress: json.get("progress").and_then(Progress::from_json),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_status_of_the_reference_has_a_phase_and_keeps_its_name() {
        for (name, status) in STATUSES {
            assert_eq!(Status::from_esri(name), status);
            assert_eq!(status.esri_name(), name);
            assert_ne!(status.phase(), Phase::Unknown, "{name}");
        }
        let unknown = Status::from_esri("esriJobPondering");
        assert_eq!((unknown.phase(), unknown.esri_name()), (Phase::Unknown, "esriJobPondering"));
    }

    #[test]
    fn a_job_without_messages_or_results_is_read() {
        let job = Job::from_json(&json!({"jobId": "j1", "jobStatus": "esriJobSucceeded", "results": {}}));
        assert_eq!((job.id.as_str(), job.status, job.results), ("j1", Status::Succeeded, Some(vec![])));
        let silent = Job::from_json(&json!({"jobId": "j1"}));
        assert_eq!((silent.status.phase(), silent.results), (Phase::Unknown, None));
    }

    #[test]
    fn progress_is_read_in_both_spellings() {
        let progress = |json: Value| Job::from_json(&json!({"progress": json})).progress;
        let half = Some(Progress { percent: Some(50.0), text: "step".into() });
        assert_eq!(progress(json!({"type": "step", "message": "step", "percent": 50})), half);
        assert_eq!(progress(json!({"message": "step", "percentage": 50})), half);
        assert_eq!(progress(json!({"type": "default"})), None);
    }

    #[test]
    fn message_types_become_levels_and_empty_messages_vanish() {
        let messages = Message::list(&json!({"messages": [
            {"type": "esriJobMessageTypeEmpty", "description": ""},
            {"type": "esriJobMessageTypeAbort", "description": "stop"},
            {"type": "esriJobMessageTypeWarning", "description": "hm"},
            {"type": "esriJobMessageTypeNovel", "description": "ah"},
        ]}));
        let levels: Vec<_> = messages.iter().map(|m| m.level).collect();
        assert_eq!(levels, [Level::Error, Level::Warning, Level::Informative]);
    }
}
