//! [`Target`]: what people paste, and what it is. URLs come with `?f=html`, with a whole query, with a slash or
//! a `#` at the end; the words after the service type say what they name.

use std::path::PathBuf;

use url::Url;

use super::asked::Asked;
use crate::error::{Error, ErrorKind, Result};

/// What to read from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Standard input (`-`).
    Stdin,
    /// A local file.
    File(PathBuf),
    /// A services directory or a folder in it: `.../rest/services/Water`.
    Catalog {
        /// Its address.
        url: Url,
    },
    /// A service with layers: `.../FeatureServer` or `.../MapServer`.
    Service {
        /// Its address.
        url: Url,
    },
    /// A layer or table: `.../FeatureServer/3`.
    Layer {
        /// Its address.
        url: Url,
        /// What a pasted query asks of it.
        asked: Asked,
    },
    /// Layers of a service by name, perhaps with wildcards: `.../FeatureServer/Road*`.
    NamedLayers {
        /// The address of the service.
        url: Url,
        /// The name; `*` stands for any text.
        name: String,
        /// What a pasted query asks of it.
        asked: Asked,
    },
    /// An item of a portal: a service, a web map, a feature collection, a file.
    Item {
        /// The address of the portal.
        portal: Url,
        /// The item's id.
        id: String,
        /// The layer that its page shows.
        layer: Option<u32>,
    },
    /// A geoprocessing service: `.../GPServer`.
    GpService {
        /// Its address.
        url: Url,
    },
    /// A geoprocessing task: `.../GPServer/Buffer`.
    GpTask {
        /// Its address.
        url: Url,
    },
    /// A job that somebody submitted: `.../GPServer/Buffer/jobs/j1a2b3`.
    GpJob {
        /// The address of the job.
        url: Url,
        /// The address of its task.
        task_url: Url,
        /// The result parameter that the address names.
        result: Option<String>,
    },
    /// A service of another type, such as an `ImageServer`.
    OtherService {
        /// Its address.
        url: Url,
        /// Its type.
        service_type: String,
    },
}

/// Service types other than those that hold layers or tasks.
const OTHER_TYPES: [&str; 14] = [
    "ImageServer",
    "GeocodeServer",
    "GeometryServer",
    "NAServer",
    "SceneServer",
    "VectorTileServer",
    "GeoDataServer",
    "StreamServer",
    "GlobeServer",
    "MobileServer",
    "WFSServer",
    "WMSServer",
    "WCSServer",
    "OGCFeatureServer",
];

/// What stands behind a service's address and is no layer: its operations and resources.
const OPERATIONS: [&str; 29] = [
    "query",
    "layers",
    "info",
    "legend",
    "export",
    "identify",
    "find",
    "generateKml",
    "exts",
    "tile",
    "exportTiles",
    "estimateExportTilesSize",
    "dynamicLayer",
    "queryDomains",
    "queryLegends",
    "relationships",
    "dataElements",
    "replicas",
    "createReplica",
    "synchronizeReplica",
    "unRegisterReplica",
    "extractChanges",
    "applyEdits",
    "uploads",
    "jobs",
    "estimates",
    "getEstimates",
    "queryContingentValues",
    "metadata",
];

impl Target {
    /// The item of a portal, by the portal's address and the item's id.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where one of them is none.
    ///
    /// ```
    /// use geohaul::fetch::target::Target;
    ///
    /// let item = Target::item("https://h.example/portal/home/", "0123456789abcdef0123456789ABCDEF").unwrap();
    /// let Target::Item { portal, .. } = item else { panic!() };
    /// assert_eq!(portal.as_str(), "https://h.example/portal");
    /// ```
    pub fn item(portal: &str, id: &str) -> Result<Self> {
        let wrong = |what: &str, given: &str| Error::new(ErrorKind::Usage, what).because(given);
        let url = Url::parse(portal.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let mut url = url.ok_or_else(|| {
            wrong("the portal's address is none", portal).hint("such as https://www.arcgis.com or https://HOST/portal")
        })?;
        let segments = segments(&url).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let end = segments.iter().position(|s| PORTAL_PAGES.iter().any(|page| s.eq_ignore_ascii_case(page)));
        url.set_path(&segments[..end.unwrap_or(segments.len())].join("/"));
        url.set_query(None);
        url.set_fragment(None);
        let id = id.trim();
        if !is_item_id(id) {
            return Err(wrong("the item's id is none", id).hint("it has 32 digits and letters from a to f"));
        }
        Ok(Self::Item { portal: url, id: id.to_owned(), layer: None })
    }

    /// Reads what a user wrote: an ArcGIS REST address, a path, or `-`. Nothing is asked of the network or the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is a web address that names nothing of ArcGIS REST.
    ///
    /// ```
    /// use geohaul::fetch::target::Target;
    ///
    /// let pasted = "https://h.example/arcgis/rest/services/Roads/FeatureServer/0/query?where=KIND%3D1&outFields=*&f=html#top";
    /// let Target::Layer { url, asked } = Target::parse(pasted).unwrap() else { panic!() };
    /// assert_eq!(url.as_str(), "https://h.example/arcgis/rest/services/Roads/FeatureServer/0");
    /// assert_eq!((asked.get("where"), asked.get("outFields")), (Some("KIND=1"), None));
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the target is empty").hint("give an ArcGIS REST address, a file, or -"));
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Self::of_url(&url),
            Ok(url) if url.scheme() == "file" => match url.to_file_path() {
                Ok(path) => Ok(Self::File(path)),
                Err(()) => Err(Error::new(ErrorKind::Usage, "the file address names no file").because(text)),
            },
            // A one-letter scheme is a drive: `C:\data\roads.json`.
            Ok(url) if text.contains("://") && url.scheme().len() > 1 => {
                let what = format!("addresses with {}: can't be read", url.scheme());
                Err(Error::new(ErrorKind::Usage, what).hint("use http: or https:"))
            }
            _ if text.to_ascii_lowercase().contains("/rest/services") => {
                Err(Error::new(ErrorKind::Usage, "the address has no scheme")
                    .because(text.split('?').next().unwrap_or(text))
                    .hint("put https:// in front of it"))
            }
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }

    /// What a pasted query asks of its layers.
    pub fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Layer { asked, .. } | Self::NamedLayers { asked, .. } => Some(asked),
            _ => None,
        }
    }

    /// Its address; `None` where it is on this machine.
    pub fn url(&self) -> Option<&Url> {
        match self {
            Self::Stdin | Self::File(_) => None,
            Self::Catalog { url }
            | Self::Service { url }
            | Self::Layer { url, .. }
            | Self::NamedLayers { url, .. }
            | Self::Item { portal: url, .. }
            | Self::GpService { url }
            | Self::GpTask { url }
            | Self::GpJob { url, .. }
            | Self::OtherService { url, .. } => Some(url),
        }
    }

    fn of_url(pasted: &Url) -> Result<Self> {
        if let Some((_, proper)) = behind_resource_proxy(pasted) {
            return Self::of_url(&proper);
        }
        let segments = segments(pasted);
        let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
        let known = |segment: &&str| {
            ["FeatureServer", "MapServer", "GPServer"].iter().chain(&OTHER_TYPES).any(|known| is(segment, known))
        };
        // The address of the first `count` segments, without query and fragment.
        let cut = |count: usize| {
            let mut url = pasted.clone();
            url.set_query(None);
            url.set_fragment(None);
            url.set_path(&segments[..count].join("/"));
            url
        };
        let Some(at) = segments.iter().position(known) else {
            if let Some(item) = item_of_page(pasted, &segments) {
                return Ok(item);
            }
            return match segments.windows(2).position(|pair| is(pair[0], "rest") && is(pair[1], "services")) {
                Some(_) => Ok(Self::Catalog { url: cut(segments.len()) }),
                None => Err(no_arcgis(pasted, segments.last().copied())),
            };
        };
        let rest = &segments[at + 1..];
        Ok(match (segments[at], rest) {
            (kind, []) if is(kind, "GPServer") => Self::GpService { url: cut(at + 1) },
            (kind, [_, jobs, _, more @ ..]) if is(kind, "GPServer") && is(jobs, "jobs") => {
                let result = match more {
                    [results, name, ..] if is(results, "results") => Some(decoded(name)),
                    _ => None,
                };
                Self::GpJob { url: cut(at + 4), task_url: cut(at + 2), result }
            }
            (kind, [..]) if is(kind, "GPServer") => Self::GpTask { url: cut(at + 2) },
            (kind, _) if !is(kind, "FeatureServer") && !is(kind, "MapServer") => {
                Self::OtherService { url: cut(at + 1), service_type: kind.to_owned() }
            }
            (_, [id, ..]) if !OPERATIONS.iter().any(|operation| is(id, operation)) => {
                let row = rest.get(1).and_then(|row| row.parse::<u64>().ok());
                let asked = Asked::of(pasted);
                let asked = row.map_or(asked.clone(), |row| asked.with_id(row));
                match id.parse::<u32>() {
                    Ok(_) => Self::Layer { url: cut(at + 2), asked },
                    Err(_) => Self::NamedLayers { url: cut(at + 1), name: decoded(id), asked },
                }
            }
            _ => match Asked::of(pasted).any() {
                None => Self::Service { url: cut(at + 1) },
                Some(name) => {
                    return Err(Error::new(ErrorKind::Usage, format!("the address asks a whole service for {name}"))
                        .at_url(&cut(at + 1))
                        .hint("give the address of a layer, whose conditions are taken over, or leave them out"));
                }
            },
        })
    }
}

/// Where the pages of a portal begin, behind its own address.
const PORTAL_PAGES: [&str; 3] = ["home", "apps", "sharing"];

fn segments(url: &Url) -> Vec<&str> {
    url.path_segments().map(|all| all.filter(|s| !s.is_empty()).collect()).unwrap_or_default()
}

fn is_item_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The item that a portal's page shows: `home/item.html?id=`, a map viewer, or its resource.
fn item_of_page(pasted: &Url, segments: &[&str]) -> Option<Target> {
    segments.iter().find(|segment| PORTAL_PAGES.iter().any(|page| segment.eq_ignore_ascii_case(page)))?;
    let asked = |name: &str| {
        let (_, value) = pasted.query_pairs().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.into_owned())
    };
    let in_path = || Some((*segments.windows(2).find(|pair| pair[0].eq_ignore_ascii_case("items"))?.get(1)?).to_owned());
    let id = ["id", "webmap", "layers"].iter().find_map(|name| asked(name)).or_else(in_path)?;
    let Ok(Target::Item { portal, id, .. }) = Target::item(pasted.as_str(), &id) else { return None };
    let layer = asked("sublayer").and_then(|number| number.parse().ok());
    Some(Target::Item { portal, id, layer })
}

/// The proxy and the address proper of `https://h/proxy.ashx?https://target/arcgis/rest/...`.
pub(super) fn behind_resource_proxy(pasted: &Url) -> Option<(Url, Url)> {
    let query = pasted.query()?;
    let encoded = query.get(..9).is_some_and(|start| start.to_ascii_lowercase().contains("%3a"));
    let proper = if encoded { decoded(query) } else { query.to_owned() };
    let proper: Url = proper.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    let mut proxy = pasted.clone();
    proxy.set_query(None);
    proxy.set_fragment(None);
    Some((proxy, proper))
}

pub(super) fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn no_arcgis(url: &Url, last: Option<&str>) -> Error {
    let error = Error::new(ErrorKind::Usage, "this address names no ArcGIS REST service").at_url(url);
    let hint = match last {
        Some(last) if last.eq_ignore_ascii_case("item.html") || last.eq_ignore_ascii_case("webmap") => {
            "this is a portal page, but it names no item; the address of an item's page has an id of 32 characters"
        }
        _ => "it should look like https://HOST/arcgis/rest/services/NAME/FeatureServer/0",
    };
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "https://h.example/arcgis/rest/services";

    fn url(tail: &str) -> Url {
        format!("{ROOT}{tail}").parse().unwrap()
    }

    fn parse(tail: &str) -> Target {
        Target::parse(&format!("{ROOT}{tail}")).expect(tail)
    }

    #[test]
    fn a_layer_is_found_in_every_shape_that_people_paste() {
        let plain = Target::Layer { url: url("/A/FeatureServer/3"), asked: Asked::default() };
        for tail in ["", "/", "?f=html", "/query", "/query?where=1%3D1&outFields=*&f=json", "/#top", "/?token=abc", "//"] {
            assert_eq!(parse(&format!("/A/FeatureServer/3{tail}")), plain, "{tail}");
        }
        assert!(matches!(parse("/A/mapserver/500001/query"), Target::Layer { .. }));
        let row = parse("/A/FeatureServer/3/17?f=html");
        assert_eq!((row.url(), row.asked().and_then(|asked| asked.get("objectIds"))), (plain.url(), Some("17")));
    }

    #[test]
    fn layers_are_named_with_wildcards_and_operations_are_none() {
        let named =
            |name: &str| Target::NamedLayers { url: url("/A/FeatureServer"), name: name.to_owned(), asked: Asked::default() };
        assert_eq!(parse("/A/FeatureServer/Main%20Roads"), named("Main Roads"));
        assert_eq!(parse("/A/FeatureServer/Road*/query?where=1=1"), named("Road*"));
        assert_eq!(parse("/A/FeatureServer/queryDomains"), Target::Service { url: url("/A/FeatureServer") });
    }

    #[test]
    fn items_of_portals_are_found_in_the_addresses_of_their_pages() {
        let id = "0123456789abcdef0123456789abcdef";
        for (page, portal, layer) in [
            (format!("https://o.example/home/item.html?id={id}#overview"), "https://o.example/", None),
            (format!("https://h.example/portal/home/item.html?id={id}&sublayer=3"), "https://h.example/portal", Some(3)),
            (format!("https://h.example/portal/home/webmap/viewer.html?webmap={id}"), "https://h.example/portal", None),
            (format!("https://h.example/portal/apps/mapviewer/index.html?layers={id}"), "https://h.example/portal", None),
            (format!("https://h.example/portal/sharing/rest/content/items/{id}/data?f=json"), "https://h.example/portal", None),
        ] {
            let item = Target::Item { portal: portal.parse().unwrap(), id: id.to_owned(), layer };
            assert_eq!(Target::parse(&page).unwrap(), item, "{page}");
        }
        assert!(Target::item("portal", id).is_err() && Target::item("https://h.example", "short").is_err());
    }

    #[test]
    fn the_hints_of_a_pasted_query_are_kept() {
        let target = parse("/A/MapServer/0/query?where=NAME+%3D+%27x%27&OUTFIELDS=a,+b&f=pjson");
        assert_eq!(target.url(), Some(&url("/A/MapServer/0")));
        let asked = target.asked().unwrap();
        assert_eq!((asked.get("where"), asked.get("outFields")), (Some("NAME = 'x'"), Some("a, b")));
    }

    #[test]
    fn a_query_of_a_whole_service_is_refused() {
        for tail in ["/A/FeatureServer/query?layerDefs=%7B%7D", "/A/MapServer/identify?geometry=1,2&f=json"] {
            assert_eq!(Target::parse(&format!("{ROOT}{tail}")).unwrap_err().kind(), ErrorKind::Usage, "{tail}");
        }
    }

    #[test]
    fn services_catalogs_tasks_and_jobs_are_told_apart() {
        assert_eq!(parse(""), Target::Catalog { url: url("") });
        assert_eq!(parse("/Water/?f=json"), Target::Catalog { url: url("/Water") });
        assert_eq!(parse("/A/FeatureServer/"), Target::Service { url: url("/A/FeatureServer") });
        assert_eq!(parse("/A/FeatureServer/layers"), Target::Service { url: url("/A/FeatureServer") });
        assert_eq!(parse("/G/GPServer"), Target::GpService { url: url("/G/GPServer") });
        let task = url("/G/GPServer/911%20Calls");
        assert_eq!(parse("/G/GPServer/911%20Calls/submitJob?x=1"), Target::GpTask { url: task.clone() });
        assert_eq!(parse("/G/GPServer/911 Calls"), Target::GpTask { url: task.clone() });
        let job = url("/G/GPServer/911%20Calls/jobs/j1");
        assert_eq!(
            parse("/G/GPServer/911%20Calls/jobs/j1/?f=json"),
            Target::GpJob { url: job.clone(), task_url: task.clone(), result: None }
        );
        let result = Some("Out A".to_owned());
        assert_eq!(parse("/G/GPServer/911%20Calls/jobs/j1/results/Out%20A"), Target::GpJob { url: job, task_url: task, result });
        assert!(
            matches!(parse("/I/ImageServer/query"), Target::OtherService { service_type, .. } if service_type == "ImageServer")
        );
    }

    #[test]
    fn paths_and_standard_input_are_no_addresses() {
        assert_eq!(Target::parse("-").unwrap(), Target::Stdin);
        for path in ["roads.json", "../x/FeatureServer/0.json", "C:\\data\\roads.json", "a:b"] {
            assert_eq!(Target::parse(path).unwrap(), Target::File(PathBuf::from(path)));
        }
        assert_eq!(Target::parse("file:///tmp/a%20b.json").unwrap(), Target::File(PathBuf::from("/tmp/a b.json")));
    }

    #[test]
    fn an_address_behind_a_resource_proxy_is_the_address_proper() {
        let layer = Target::Layer { url: url("/A/FeatureServer/3"), asked: Asked::default() };
        for query in [
            format!("{ROOT}/A/FeatureServer/3/query?f=html"),
            "https%3A%2F%2Fh.example%2Farcgis%2Frest%2Fservices%2FA%2FFeatureServer%2F3".to_owned(),
        ] {
            assert_eq!(Target::parse(&format!("https://p.example/x/proxy.ashx?{query}")).unwrap(), layer);
        }
    }

    #[test]
    fn what_is_no_arcgis_address_is_refused_with_a_hint() {
        for (text, hint) in [
            ("https://www.example.com/data", "FeatureServer/0"),
            ("https://www.arcgis.com/home/item.html?id=1", "portal page"),
            ("h.example/arcgis/rest/services/A/FeatureServer/0", "https://"),
            ("ftp://h.example/x", "https:"),
            ("", "address"),
        ] {
            let error = Target::parse(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.hint_text().is_some_and(|h| h.contains(hint)), "{text}: {error:?}");
        }
    }
}
