//! Results that the server cut off. It hands out no page of them, and often not even the first rows, but they may
//! stand whole in the map service that shows the job, or in a service that the result names.

use serde_json::Value;
use url::Url;

use super::origin::Origin;
use super::told::Told;
use super::{child, reference};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::service::{LayerEntry, ServiceInfo};
use crate::fetch::Source;
use crate::model::Header;

/// Rows that are not all.
pub(super) struct CutOff<'a> {
    /// What came of them.
    pub(super) layer: Box<dyn Source>,
    /// What the server sent for it.
    pub(super) value: &'a Value,
    /// What an address in it is relative to.
    pub(super) base: &'a Url,
}

/// The rows from where they are whole. Otherwise those that came, which say that they are not all; without any, the
/// error that says so.
pub(super) fn recover(origin: &Origin, job: &Url, cut: CutOff<'_>) -> Result<Box<dyn Source>> {
    let header = cut.layer.header().clone();
    let came = header.count.unwrap_or(0);
    let mut tried = Vec::new();
    for way in [in_map_service, in_named_service] {
        match way(origin, job, &header, &cut) {
            Ok(Some((source, place))) => {
                let warning = format!(
                    "\"{}\": the server cut the result off after {came} rows; all of them were read from {place}",
                    header.name
                );
                return Ok(Box::new(source.warning(warning)));
            }
            Ok(None) => {}
            Err(error) => tried.push(error.to_string()),
        }
    }
    let most = origin.service().most_records.map_or(String::new(), |most| format!(", its maximum is {most}"));
    let mut why = format!("the server hands out {came} rows and says that there are more{most}");
    for failure in tried {
        why.push_str(&format!("; {failure}"));
    }
    if came == 0 {
        let what = format!("the result {} is cut off", header.name);
        return Err(Error::new(ErrorKind::Incomplete, what)
            .because(why)
            .in_layer(&header.name)
            .at_url(job)
            .hint(advice(origin, job)));
    }
    Ok(Box::new(Told::new(cut.layer).remedy(format!("{}; --allow-partial writes what there is", advice(origin, job)))))
}

/// What helps against the limit.
pub(super) fn advice(origin: &Origin, job: &Url) -> String {
    let limit = origin.service().most_records.map_or(String::new(), |most| format!(" (now {most})"));
    match is_job(origin, job) {
        true => format!(
            "run the task with --out-service NAME (on federated servers) or on parts of the input; or ask the publisher for a \
             greater maximumRecords{limit} or a result map service"
        ),
        false => format!("run the task on parts of the input, or ask the publisher for a greater maximumRecords{limit}"),
    }
}

/// A synchronous task leaves nothing at the server.
fn is_job(origin: &Origin, job: &Url) -> bool {
    *job != origin.task_url
}

type Found = Option<(Told, String)>;

/// In the map service of the job, whose layers come in the order of the outputs.
fn in_map_service(origin: &Origin, job: &Url, header: &Header, cut: &CutOff<'_>) -> Result<Found> {
    let Some(name) = &origin.service().result_map_service else { return Ok(None) };
    let Some(id) = job.path_segments().and_then(|mut path| path.next_back()).filter(|_| is_job(origin, job)) else {
        return Ok(None);
    };
    let mut failure = None;
    for service in map_services(&origin.task_url, name) {
        let url = child(&service, &["jobs", id]);
        let info = match origin.session.json(&url, &[]) {
            Ok(json) => ServiceInfo::of(&json),
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        let entry = layer_of(origin, &header.name, &info)
            .ok_or_else(|| Error::new(ErrorKind::Server, "the job's map service has no layer for it").at_url(&url))?;
        let layer = origin.open_layer(&header.name, &child(&url, &[&entry.id.to_string()]))?;
        agree(header, cut, layer.header()).map_err(|error| error.at_url(&url))?;
        return Ok(Some((layer, "the job's map service".to_owned())));
    }
    failure.map_or(Ok(None), Err)
}

/// Where the map service of this name may be: beside the task's service, in its folder, or at the root.
fn map_services(task: &Url, name: &str) -> Vec<Url> {
    let segments: Vec<&str> = task.path_segments().into_iter().flatten().collect();
    let Some(server) = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("GPServer")) else { return Vec::new() };
    let Some(root) = segments.windows(2).position(|pair| pair == ["rest", "services"]).map(|at| at + 2) else {
        return Vec::new();
    };
    let at = |count: usize, more: &[&str]| {
        let mut url = task.clone();
        url.set_path(&segments[..count].join("/"));
        child(&url, more)
    };
    let parts: Vec<&str> = name.split('/').chain(["MapServer"]).collect();
    let mut places = vec![at(root, &parts), at(server.saturating_sub(1).max(root), &parts), at(server, &["MapServer"])];
    let mut seen = std::collections::HashSet::new();
    places.retain(|url| seen.insert(url.clone()));
    places
}

/// The layer of an output: by its name, else by its place among the outputs that make layers.
fn layer_of(origin: &Origin, name: &str, info: &ServiceInfo) -> Option<LayerEntry> {
    let entries: Vec<&LayerEntry> = info.layers.iter().chain(&info.tables).filter(|entry| !entry.is_group).collect();
    let outputs = || origin.task.outputs().filter(|output| output.is_rows() || output.is_raster());
    let shown = outputs().find(|output| output.name == name).and_then(|output| output.display_name.as_deref());
    let plain = |text: &str| text.replace([' ', '_'], "").to_lowercase();
    let named = |entry: &&&LayerEntry| [Some(name), shown].into_iter().flatten().any(|name| plain(name) == plain(&entry.name));
    let by_place = || {
        let place = outputs().position(|output| output.name == name)?;
        (outputs().count() == entries.len()).then(|| entries[place])
    };
    entries.iter().find(named).copied().or_else(by_place).cloned()
}

/// In the service that the value names beside its rows.
fn in_named_service(origin: &Origin, _: &Url, header: &Header, cut: &CutOff<'_>) -> Result<Found> {
    let Some(address) = reference(cut.value).or_else(|| reference(cut.value.get("featureSet")?)) else { return Ok(None) };
    let Ok(url) = cut.base.join(address) else { return Ok(None) };
    let layer = origin.open_layer(&header.name, &url)?;
    agree(header, cut, layer.header()).map_err(|error| error.at_url(&url))?;
    Ok(Some((layer, "the service that it names".to_owned())))
}

/// A layer that can't hold the result is another one.
fn agree(header: &Header, cut: &CutOff<'_>, found: &Header) -> Result<()> {
    let other = |why: String| Err(Error::new(ErrorKind::Server, "the layer that should hold it is another one").because(why));
    if let (Some(ours), Some(theirs)) = (header.geometry, found.geometry)
        && ours != theirs
    {
        return other(format!("it holds {theirs}s, and the result {ours}s"));
    }
    let came = cut.layer.header().count.unwrap_or(0);
    match found.count {
        Some(count) if count <= came => other(format!("it has {count} rows, and {came} came already")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_service_is_looked_for_at_the_root_in_the_folder_and_beside_the_task() {
        let task = "https://h/arcgis/rest/services/Water/Tools/GPServer/Drain".parse().unwrap();
        let places = |name: &str| map_services(&task, name).iter().map(|url| url.path().to_owned()).collect::<Vec<_>>();
        let root = "/arcgis/rest/services";
        assert_eq!(places("Tools"), [format!("{root}/Tools/MapServer"), format!("{root}/Water/Tools/MapServer")]);
        assert_eq!(places("Water/Shown")[0], format!("{root}/Water/Shown/MapServer"));
        assert!(map_services(&"https://h/x".parse().unwrap(), "A").is_empty());
    }
}
