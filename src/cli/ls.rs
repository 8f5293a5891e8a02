//! `geohaul ls`: what a server has, as a tree.

use super::access;
use super::args::LsArgs;
use super::printer;
use super::progress::progress;
use super::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::glob::Glob;
use crate::fetch::listing::{Node, NodeKind, list};

pub(super) fn run(args: &LsArgs) -> Result<Status> {
    let name = args.name.as_deref().map(Glob::new);
    let opened = access::open(&args.access, &args.url)?;
    let root = list(&opened.session, &opened.target, name.as_ref(), &progress())?;
    let text = if args.json {
        serde_json::to_string_pretty(&root).map_err(|why| Error::new(ErrorKind::Internal, "can't write JSON").because(why))?
            + "\n"
    } else {
        root.children.iter().map(|node| tree(node, 0)).collect()
    };
    printer::warnings(&opened.warnings);
    printer::data(&text)?;
    // A folder that refuses is no end, but it is not all either.
    Ok(if root.failures() > 0 { Status::Partial } else { Status::Complete })
}

fn tree(node: &Node, depth: usize) -> String {
    let number = node.id.map_or(String::new(), |id| format!("{id}  "));
    let kind = match (node.kind, node.type_name.as_deref()) {
        (NodeKind::Folder, _) => "/".to_owned(),
        (NodeKind::Service, Some(kind)) => format!(" ({kind})"),
        (NodeKind::Layer, Some(kind)) => format!(" ({kind} layer)").replace("Layer layer", "Layer"),
        (NodeKind::Layer, None) => " (layer)".to_owned(),
        (NodeKind::Group, _) => " (group)".to_owned(),
        (NodeKind::Table, _) => " (table)".to_owned(),
        _ => String::new(),
    };
    let refused = node.failure.as_ref().map_or(String::new(), |failure| format!(": {}", failure.message));
    let mut text = format!("{:width$}{number}{}{kind}{refused}\n", "", node.name, width = 2 * depth);
    text.extend(node.children.iter().map(|child| tree(child, depth + 1)));
    text
}
