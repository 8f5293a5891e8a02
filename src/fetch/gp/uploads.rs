//! Files that a task takes are uploaded to its service first: in one piece, or in parts where they are large.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use super::{child, post};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::http::FilePart;
use crate::fetch::session::{Answer, Session};

/// What is longer goes in parts of this size.
const PART_BYTES: u64 = 8 << 20;

/// Uploads a file to the service at `service` and gives the id of the item that it became there.
///
/// # Errors
/// Where the file can't be read, or the server does not take it.
pub(super) fn upload(session: &Session, service: &Url, path: &Path) -> Result<String> {
    let failed = |why: std::io::Error| Error::file("can't read the parameter's file", path, &why);
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let uploads = child(service, &["uploads"]);
    let mut piece = || -> Result<Bytes> {
        let mut bytes = Vec::new();
        file.by_ref().take(PART_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes.into())
    };
    if size <= PART_BYTES {
        let mut request = post(session, &child(&uploads, &["upload"]), Vec::new());
        request.file = Some(FilePart { field: "file", name, bytes: piece()? });
        request.repeatable = false;
        return item_id(&session.ask(&request, false)?).map_err(|error| error.in_file(path));
    }
    let register = post(session, &child(&uploads, &["register"]), vec![("itemName".to_owned(), name.clone())]);
    let id = item_id(&session.ask(&register, false)?).map_err(|error| error.in_file(path))?;
    let item = child(&uploads, &[&id]);
    let mut parts = Vec::new();
    loop {
        let bytes = piece()?;
        if bytes.is_empty() {
            break;
        }
        let number = (parts.len() + 1).to_string();
        let mut request = post(session, &child(&item, &["uploadPart"]), vec![("partId".to_owned(), number.clone())]);
        // A part that comes twice takes the place of itself.
        request.file = Some(FilePart { field: "file", name: name.clone(), bytes });
        session.ask(&request, false)?;
        parts.push(number);
    }
    let mut commit = post(session, &child(&item, &["commit"]), vec![("parts".to_owned(), parts.join(","))]);
    commit.repeatable = false;
    session.ask(&commit, false)?;
    Ok(id)
}

fn item_id(answer: &Answer) -> Result<String> {
    let json = &answer.skeleton.value;
    let id = json.pointer("/item/itemID").or_else(|| json.pointer("/item/itemId")).and_then(Value::as_str);
    id.filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(|| {
        Error::new(ErrorKind::Server, "the server did not take the file")
            .because("its answer names no item")
            .at_url(&answer.url)
            .hint("the service may allow no files of this type or size; its publisher sets that")
    })
}
