//! `geohaul verify`: whether files, and the server, still agree with a receipt.

use std::path::Path;

use super::access;
use super::args::VerifyArgs;
use super::interrupt::cancel;
use super::printer;
use super::status::Status;
use crate::error::Result;
use crate::export::{Receipt, check_files, check_server};

pub(super) fn run(args: &VerifyArgs) -> Result<Status> {
    let receipt = Receipt::read(&args.receipt)?;
    let mut checks = check_files(&receipt, args.receipt.parent().unwrap_or(Path::new("")));
    if args.against_server {
        let source = receipt.source.as_ref().map_or("", |origin| origin.url.as_str());
        let opened = access::open(&args.access, source)?;
        printer::warnings(&opened.warnings);
        checks.extend(check_server(&receipt, &opened.session.stopped_by(&cancel()))?);
    }
    let mut text = String::new();
    for check in &checks {
        text.push_str(&match &check.differs {
            None => format!("agrees   {}\n", check.what),
            Some(how) => format!("DIFFERS  {}: {how}\n", check.what),
        });
    }
    if receipt.missing > 0 {
        text.push_str(&format!("NOT complete: {} rows came, at least {} missing\n", receipt.rows, receipt.missing));
    }
    printer::data(&text)?;
    let agrees = checks.iter().all(|check| check.differs.is_none());
    Ok(match (agrees, receipt.missing) {
        (true, 0) => Status::Complete,
        (true, _) => Status::Partial,
        (false, _) => Status::Failed,
    })
}
