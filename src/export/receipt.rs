//! The receipt of an export: what came from where, when and how, with digests, so that both the files and the server
//! can be asked again later whether they still agree with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::fetch::id_set::{IdSet, digest, hex};
use crate::fetch::layer::{Glance, count_in, ids_in};
use crate::fetch::session::Session;
use crate::model::{Origin, Wire};
use crate::report::LayerReport;
use crate::write::{Stage, Target};

/// What was exported, and proof of it. Holds no secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The version of geohaul.
    pub geohaul: String,
    /// When the export of the layer began and ended, UTC.
    pub started: String,
    /// See [`Receipt::started`].
    pub finished: String,
    /// The time between.
    pub seconds: f64,
    /// The layer's name.
    pub layer: String,
    /// Its address and the query that chose the rows; `None` for files.
    pub source: Option<Origin>,
    /// The spatial reference of the layer.
    pub spatial_reference: Option<String>,
    /// Rows that came.
    pub rows: u64,
    /// The server's count before the first page and after the last.
    pub count_before: Option<u64>,
    /// See [`Receipt::count_before`].
    pub count_after: Option<u64>,
    /// The SHA-256 of the object ids in ascending order, each followed by a line feed.
    pub object_ids_sha256: Option<String>,
    /// Object ids that the server has and did not send.
    pub missing_ids: Vec<i64>,
    /// Rows that came twice and were dropped.
    pub duplicates: u64,
    /// The layer was edited meanwhile.
    pub edited: bool,
    /// How the pages were asked for.
    pub strategy: String,
    /// What the rows came in.
    pub wire: Wire,
    /// Pages, requests, how many of those were repetitions, and the bytes that came.
    pub pages: u64,
    /// See [`Receipt::pages`].
    pub requests: u64,
    /// See [`Receipt::pages`].
    pub retries: u64,
    /// See [`Receipt::pages`].
    pub bytes: u64,
    /// All files of all outputs.
    pub files: Vec<ReceiptFile>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// A written file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptFile {
    /// Where it is; relative paths begin at the receipt.
    pub path: PathBuf,
    /// The format of the output that it belongs to.
    pub format: String,
    /// The spatial reference of the coordinates in it.
    pub spatial_reference: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// One thing that was compared with a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was compared.
    pub what: String,
    /// How it differs; `None` where it agrees.
    pub differs: Option<String>,
}

impl Receipt {
    /// The receipt of a layer whose files stand.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub fn of(layer: &LayerReport, warnings: &[String], started: &str) -> Result<Self> {
        let evidence = &layer.evidence;
        let beside = layer.outputs.first().and_then(|output| output.path.parent()).unwrap_or(Path::new(""));
        let mut files = Vec::new();
        for output in &layer.outputs {
            for path in &output.files {
                let (sha256, bytes) = sha256(path).map_err(|why| Error::file("can't read the output again", path, &why))?;
                files.push(ReceiptFile {
                    path: path.strip_prefix(beside).unwrap_or(path).to_owned(),
                    format: output.format.to_owned(),
                    spatial_reference: output.spatial_reference.clone(),
                    bytes,
                    sha256,
                });
            }
        }
        let of_outputs = layer.outputs.iter().flat_map(|output| &output.warnings);
        Ok(Self {
            geohaul: env!("CARGO_PKG_VERSION").to_owned(),
            started: started.to_owned(),
            finished: crate::model::time::now(),
            seconds: layer.seconds,
            layer: layer.name.clone(),
            source: layer.origin.clone(),
            spatial_reference: layer.spatial_reference.clone(),
            rows: evidence.rows,
            count_before: evidence.count_before,
            count_after: evidence.count_after,
            object_ids_sha256: evidence.ids_digest.clone(),
            missing_ids: evidence.missing_ids.clone(),
            duplicates: evidence.duplicates,
            edited: evidence.edited,
            strategy: evidence.strategy.clone(),
            wire: evidence.carriage.wire,
            pages: evidence.pages,
            requests: evidence.requests,
            retries: evidence.retries,
            bytes: evidence.bytes,
            files,
            warnings: warnings.iter().chain(of_outputs).cloned().collect(),
        })
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// Where the file can't be read or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|why| Error::file("can't read the receipt", path, &why))?;
        serde_json::from_slice(&text).map_err(|why| {
            let error = Error::new(ErrorKind::Input, "the file is no receipt").because(why).in_file(path);
            error.hint("a receipt is written by geohaul export --receipt, and is called NAME.receipt.json")
        })
    }
}

/// Where the receipt of an output goes.
pub(super) fn target(output: &Path, overwrite: bool) -> Target {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".receipt.json");
    Target { path: output.with_file_name(name), overwrite }
}

/// Writes it, and says where.
pub(super) fn write(receipt: &Receipt, stage: Stage) -> Result<PathBuf> {
    let text = serde_json::to_string_pretty(receipt)
        .map_err(|why| Error::new(ErrorKind::Internal, "can't write the receipt").because(why))?;
    std::fs::write(stage.main_file(), text + "\n").map_err(|why| stage.write_error(&why))?;
    Ok(stage.commit()?.into_iter().next().unwrap_or_default())
}

/// Whether what a receipt tells of is still so, by what the layer says of itself: the same question, the same last edit,
/// as many rows. A layer that does not say when it was edited may have changed.
pub fn is_unchanged(receipt: &Receipt, now: &Glance) -> bool {
    let whole = receipt.missing_ids.is_empty() && !receipt.edited && now.origin.exact;
    let dated = now.origin.last_edit.is_some() && receipt.source.as_ref() == Some(&now.origin);
    whole && dated && now.count == Some(receipt.rows)
}

/// Compares the files of a receipt with it; `beside` is the receipt's own directory.
pub fn check_files(receipt: &Receipt, beside: &Path) -> Vec<Check> {
    let check = |file: &ReceiptFile| {
        let path = beside.join(&file.path);
        let differs = match sha256(&path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Some("it is not there".to_owned()),
            Err(why) => Some(format!("it can't be read: {why}")),
            Ok((_, bytes)) if bytes != file.bytes => Some(format!("it has {bytes} bytes and had {}", file.bytes)),
            Ok((sha256, _)) => (sha256 != file.sha256).then(|| "its content has changed".to_owned()),
        };
        Check { what: path.display().to_string(), differs }
    };
    receipt.files.iter().map(check).collect()
}

/// Compares the server's count and object ids with a receipt.
///
/// # Errors
/// Where the receipt names no server, or the server can't be asked.
pub fn check_server(receipt: &Receipt, session: &Session) -> Result<Vec<Check>> {
    let usage = |what| Err(Error::new(ErrorKind::Usage, what).hint("leave --against-server out"));
    let Some(origin) = &receipt.source else { return usage("the receipt names no server to ask") };
    if !origin.exact {
        return usage("the export was of a number of rows or of a long list of ids, which can't be asked for again");
    }
    let bad_url = |why: url::ParseError| Error::new(ErrorKind::Input, "the receipt's address is none").because(why);
    let mut url: url::Url = origin.url.parse().map_err(bad_url)?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("query");
    }
    let ask = |only: &'static str| {
        let mut params: Vec<(&str, &str)> = origin.query.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        params.push((only, "true"));
        session.json(&url, &params)
    };
    let differs = match count_in(&ask("returnCountOnly")?) {
        None => Some("the server does not count the rows".to_owned()),
        Some(count) => (count != receipt.rows).then(|| format!("the server counts {count}, and {} came", receipt.rows)),
    };
    let mut checks = vec![Check { what: "count of rows".to_owned(), differs }];
    if let Some(known) = &receipt.object_ids_sha256 {
        let ids = ids_in(&ask("returnIdsOnly")?);
        let differs = match ids.map(IdSet::from_iter) {
            None => Some("the server lists no object ids".to_owned()),
            Some(ids) => (digest(&ids) != *known).then(|| "rows were added and removed since".to_owned()),
        };
        checks.push(Check { what: "object ids".to_owned(), differs });
    }
    Ok(checks)
}

/// The SHA-256 of a file in hexadecimal, and its length.
fn sha256(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((hex(&hash.finalize()), bytes)),
            count => {
                hash.update(&piece[..count]);
                bytes += count as u64;
            }
        }
    }
}
