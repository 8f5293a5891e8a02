//! [`Target`]: what people paste, and what it is. URLs come with `?f=html`, with a whole query, with a slash or
//! a `#` at the end; the words after the service type say what they name.

use std::path::PathBuf;

use url::Url;

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
        /// The `where` of a pasted query.
        where_clause: Option<String>,
        /// The `outFields` of a pasted query; `None` where it names all.
        fields: Option<Vec<String>>,
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

impl Target {
    /// Reads what a user wrote: an ArcGIS REST address, a path, or `-`. Nothing is asked of the network or the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it is a web address that names nothing of ArcGIS REST.
    ///
    /// ```
    /// use geohaul::fetch::target::Target;
    ///
    /// let pasted = "https://h.example/arcgis/rest/services/Roads/FeatureServer/0/query?where=KIND%3D1&outFields=*&f=html#top";
    /// let Target::Layer { url, where_clause, fields } = Target::parse(pasted).unwrap() else { panic!() };
    /// assert_eq!(url.as_str(), "https://h.example/arcgis/rest/services/Roads/FeatureServer/0");
    /// assert_eq!((where_clause.as_deref(), fields), (Some("KIND=1"), None));
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

    /// Its address; `None` where it is on this machine.
    pub fn url(&self) -> Option<&Url> {
        match self {
            Self::Stdin | Self::File(_) => None,
            Self::Catalog { url }
            | Self::Service { url }
            | Self::Layer { url, .. }
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
        let segments: Vec<&str> = pasted.path_segments().map(|all| all.filter(|s| !s.is_empty()).collect()).unwrap_or_default();
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
            (_, [id, ..]) if id.parse::<u32>().is_ok() => {
                let hint = |name: &str| {
                    let value = pasted.query_pairs().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.trim().to_owned();
                    (!value.is_empty()).then_some(value)
                };
                let names = |list: String| list.split(',').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect();
                Self::Layer {
                    url: cut(at + 2),
                    where_clause: hint("where").filter(|clause| clause != "1=1"),
                    fields: hint("outFields").filter(|list| !list.contains('*')).map(names),
                }
            }
            _ => Self::Service { url: cut(at + 1) },
        })
    }
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

fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn no_arcgis(url: &Url, last: Option<&str>) -> Error {
    let error = Error::new(ErrorKind::Usage, "this address names no ArcGIS REST service").at_url(url);
    let hint = match last {
        Some(last) if last.eq_ignore_ascii_case("item.html") || last.eq_ignore_ascii_case("webmap") => {
            "this is a portal page; open it and copy the address of the layer, which ends in FeatureServer/0 or the like"
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
        let plain = Target::Layer { url: url("/A/FeatureServer/3"), where_clause: None, fields: None };
        for tail in ["", "/", "?f=html", "/query", "/query?where=1%3D1&outFields=*&f=json", "/#top", "/17", "/?token=abc", "//"] {
            assert_eq!(parse(&format!("/A/FeatureServer/3{tail}")), plain, "{tail}");
        }
        assert!(matches!(parse("/A/mapserver/500001/query"), Target::Layer { .. }));
    }

    #[test]
    fn the_hints_of_a_pasted_query_are_kept() {
        let target = parse("/A/MapServer/0/query?where=NAME+%3D+%27x%27&OUTFIELDS=a,+b&f=pjson");
        let fields = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(target, Target::Layer { url: url("/A/MapServer/0"), where_clause: Some("NAME = 'x'".to_owned()), fields });
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
        let layer = Target::Layer { url: url("/A/FeatureServer/3"), where_clause: None, fields: None };
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
