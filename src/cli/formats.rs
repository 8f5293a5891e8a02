//! `geohaul formats`: the registry as a table.

use super::args::FormatsArgs;
use super::printer;
use super::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::{CrsRule, FormatInfo};
use crate::write::FORMATS;

pub(super) fn run(args: &FormatsArgs) -> Result<Status> {
    let infos: Vec<&FormatInfo> = FORMATS.iter().map(|format| format.info()).collect();
    let text = if args.json {
        serde_json::to_string_pretty(&infos).map_err(|why| Error::new(ErrorKind::Internal, "can't write JSON").because(why))?
            + "\n"
    } else {
        table(&infos)
    };
    printer::data(&text)?;
    Ok(Status::Complete)
}

fn table(infos: &[&FormatInfo]) -> String {
    let mut rows =
        vec![["NAME", "ENDINGS", "GEOMETRY", "TABLES", "Z", "M", "SPATIAL REFERENCE", "LIMITS"].map(str::to_owned).to_vec()];
    for info in infos {
        let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
        let kinds = info.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let crs = match info.crs {
            CrsRule::Wgs84Only => "always WGS 84",
            CrsRule::Wgs84Default => "WGS 84 unless --crs",
            CrsRule::Native => "the layer's own",
        };
        let endings = info.endings.iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(" ");
        rows.push(vec![
            info.name.to_owned(),
            endings,
            kinds,
            yes(info.tables),
            yes(info.z),
            yes(info.m),
            crs.to_owned(),
            info.limits.to_owned(),
        ]);
    }
    printer::aligned(&rows)
}
