//! Items of a portal: what they stand for, and the layers in them.

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use super::opener::{Opener, Pending, What};
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};

/// Items that name items that name items: no real one goes deeper.
const DEEPEST: u32 = 4;

/// The types of items that are files.
const FILES: [&str; 8] =
    ["Shapefile", "CSV", "KML", "GeoJson", "File Geodatabase", "GeoPackage", "Microsoft Excel", "Layer Package"];

/// The address of an item.
pub(super) fn item_url(portal: &Url, id: &str) -> Url {
    let mut url = portal.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["sharing", "rest", "content", "items", id]);
    }
    url
}

/// What an item holds; `layer` is the one that its page shows.
pub(super) fn find(opener: &Opener, portal: &Url, id: &str, layer: Option<u32>, depth: u32) -> Result<Vec<Pending>> {
    let url = item_url(portal, id);
    let item = opener.session.json(&url, &[])?;
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let kind = text("type").unwrap_or("item without a type");
    let title = text("title").unwrap_or("item");
    let refuse = |why: String| {
        let error = Error::new(ErrorKind::Unsupported, format!("the item \"{title}\" holds no layers"));
        error.because(why).at_url(&url)
    };
    let mut data = url.clone();
    if let Ok(mut path) = data.path_segments_mut() {
        path.push("data");
    }
    match (kind, text("url")) {
        ("Web Map", _) if depth < DEEPEST => {
            let map = opener.session.ask(&opener.session.request(&data, &[]), false)?;
            let map: Value = serde_json::from_slice(&map.body)
                .map_err(|why| Error::new(ErrorKind::Server, "the web map is no JSON").because(why).at_url(&data))?;
            let found = web_map(opener, portal, &map, depth);
            if found.is_empty() { Err(refuse("the web map has no layers of its own".to_owned())) } else { Ok(found) }
        }
        ("Feature Collection", _) => {
            let collection = opener.session.ask(&opener.session.request(&data, &[]), false)?;
            Ok(vec![Pending { name: title.to_owned(), what: What::Collection(collection.body) }])
        }
        (kind, _) if FILES.contains(&kind) => {
            // The name of the file, with its ending.
            let name = text("name").unwrap_or(title).to_owned();
            Ok(vec![Pending { name, what: What::File(data) }])
        }
        // An application has the address of its page.
        (kind, Some(address)) if Target::parse(address).is_err() => Err(refuse(format!("it is a {kind}"))),
        (_, Some(address)) => of_address(opener, title, address, layer, None),
        (kind, None) => Err(refuse(format!("it is a {kind}"))),
    }
}

/// What the address in an item or a web map names.
fn of_address(opener: &Opener, name: &str, address: &str, layer: Option<u32>, condition: Option<&str>) -> Result<Vec<Pending>> {
    match Target::parse(address)? {
        Target::Layer { url, .. } => Ok(vec![Pending {
            name: name.to_owned(),
            what: What::Layer { url, condition: condition.map(str::to_owned), lacks: None },
        }]),
        Target::Service { mut url } => match layer {
            Some(number) => {
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().push(&number.to_string());
                }
                Ok(vec![Pending { name: name.to_owned(), what: What::Layer { url, condition: None, lacks: None } }])
            }
            None => opener.service(&url, condition),
        },
        Target::GpService { url } | Target::GpTask { url } => {
            Err(Error::new(ErrorKind::Usage, format!("\"{name}\" is a geoprocessing service"))
                .at_url(&url)
                .hint("run its tasks with geohaul run"))
        }
        _ => Err(Error::new(ErrorKind::Unsupported, format!("\"{name}\" has no layers that can be read")).because(address)),
    }
}

/// The operational layers and tables of a web map, those in groups too.
fn web_map(opener: &Opener, portal: &Url, map: &Value, depth: u32) -> Vec<Pending> {
    let list = |key: &str| map.get(key).and_then(Value::as_array).into_iter().flatten();
    let (mut waiting, mut found): (Vec<&Value>, Vec<Pending>) =
        (list("operationalLayers").chain(list("tables")).collect(), vec![]);
    waiting.reverse();
    while let Some(layer) = waiting.pop() {
        let text = |key: &str| layer.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        let name = text("title").unwrap_or("layer");
        let condition = layer.pointer("/layerDefinition/definitionExpression").and_then(Value::as_str);
        let grouped = layer.get("layers").and_then(Value::as_array).filter(|_| text("layerType") == Some("GroupLayer"));
        if let Some(members) = grouped {
            waiting.extend(members.iter().rev());
            continue;
        }
        let inside = match (layer.get("featureCollection"), text("url"), text("itemId")) {
            (Some(collection), ..) => {
                Ok(vec![Pending { name: name.to_owned(), what: What::Collection(Bytes::from(collection.to_string())) }])
            }
            (_, Some(address), _) => of_address(opener, name, address, None, condition),
            (_, None, Some(id)) => find(opener, portal, id, None, depth + 1),
            _ => Err(Error::new(ErrorKind::Unsupported, "a layer of the web map has no address")),
        };
        match inside {
            Ok(inside) => found.extend(inside),
            Err(error) => found.push(Pending { name: name.to_owned(), what: What::Lost(error) }),
        }
    }
    found
}
