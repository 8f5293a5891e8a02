//! A layer or table on a server as a [`Source`]: what it is, how its rows can be asked for, and its pages.
//!
//! Before the first page a probe of one row finds the form of question that the server takes (ordered offsets,
//! plain offsets, object ids, one query), and what its answers say of the spatial reference: not what the layer
//! claims, but what the answer names, is what the coordinates are in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use url::Url;

use super::paging::{Ask, Pager, Situation};
use super::retry::{Cause, Refused};
use super::selection::{IdRanges, Selection, names};
use super::session::{Answer, Session};
use super::spool::{Kind, Spool};
use super::{Pages, Source};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::esri::layer::{LayerInfo, likely_object_id};
use crate::esri::service::{LayerEntry, ServiceInfo};
use crate::esri::{fields_of, object_ids};
use crate::model::{Carriage, FieldType, GeometryKind, Header, Origin, ReadPlan, SpatialReference};
use crate::pipe::Permits;
use crate::report::Progress;

mod estimate;
mod fetcher;
mod outside;
mod pages;
mod probe;
mod query;
mod twin;
mod wire;

pub use estimate::{Estimate, Sample};
use fetcher::Fetcher;
use pages::LayerPages;
use probe::Probed;
use query::Query;
pub(crate) use query::{count_in, ids_in};
pub use wire::WireChoice;

/// Rows to ask for at once, where the server allows as many.
const PAGE_SIZE: u64 = 2000;

/// The same where the server does not say what it allows.
const CAUTIOUS_PAGE_SIZE: u64 = 1000;

/// What that may grow to where pages are light and the server allows it.
const LARGEST_PAGE: u64 = 10_000;

/// What to take of a layer, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerOptions {
    /// Which rows and which parts of them.
    pub selection: Selection,
    /// The spatial reference to ask the server for; by default the layer's own.
    pub out_sr: Option<SpatialReference>,
    /// Rows to ask for at once; by default what the layer allows, at most 2,000.
    pub page_size: Option<u64>,
    /// What to ask for rows in.
    pub wire: WireChoice,
}

impl Default for LayerOptions {
    fn default() -> Self {
        Self { selection: Selection::default(), out_sr: None, page_size: None, wire: WireChoice::Auto }
    }
}

/// A layer or table on a server, opened: its header is known, no page is asked for yet.
pub struct LayerSource {
    session: Session,
    query: Query,
    header: Header,
    situation: Situation,
    /// The id list, where opening needed it already.
    ids: Option<Vec<i64>>,
    /// The attribute that holds the object id.
    id_key: Option<String>,
    /// The server's count of all rows that the conditions choose.
    counted: Option<u64>,
    /// When the layer was last edited, as far as it says.
    last_edit: Option<i64>,
    /// Where raw pages are kept.
    kept_in: Option<PathBuf>,
    wire: WireChoice,
    carriage: Carriage,
    /// No more rows than this are wanted.
    most: Option<u64>,
    /// The ids that were asked for, where nothing else chooses rows.
    wanted: Option<IdRanges>,
    warnings: Vec<String>,
}

impl LayerSource {
    /// Asks a layer what it is, then, with a few questions at once, how it can be read.
    ///
    /// # Errors
    /// Where the address is no layer or table, is a group or another kind without rows, or can't be asked; with
    /// the server's own words.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use geohaul::fetch::{Source, layer::{LayerOptions, LayerSource}, session::Session};
    /// use geohaul::report::Silent;
    ///
    /// let url = "https://h.example/arcgis/rest/services/Roads/FeatureServer/0".parse().unwrap();
    /// let layer = LayerSource::open(&Session::online(), &url, LayerOptions::default(), Arc::new(Silent))?;
    /// println!("{} rows", layer.header().count.unwrap_or(0));
    /// # Ok::<(), geohaul::Error>(())
    /// ```
    pub fn open(session: &Session, url: &Url, options: LayerOptions, progress: Arc<dyn Progress>) -> Result<Self> {
        let session = session.watched_by(progress);
        let (info, query) = ask_what_it_is(&session, url, &options)?;
        let name = name_of(&info);
        let opening = Opening { session: &session, query, info: &info };
        let source = opening.finish(&name, &options).map_err(|error| error.in_layer(&name))?;
        Ok(Self { session, ..source })
    }
}

impl Source for LayerSource {
    fn header(&self) -> &Header {
        &self.header
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn origin(&self) -> Option<Origin> {
        Some(origin(&self.query, self.most, self.last_edit))
    }

    fn estimate(&self) -> Result<Option<Estimate>> {
        self.guess().map(Some)
    }

    fn keep_pages_in(&mut self, directory: &Path) -> Result<()> {
        self.kept_in = Some(directory.to_owned());
        Ok(())
    }

    fn open(self: Box<Self>, read: &ReadPlan, permits: &Permits, progress: Arc<dyn Progress>) -> Result<Box<dyn Pages>> {
        let Self { session, mut query, header, situation, ids, id_key, counted, most, wanted, last_edit, .. } = *self;
        let mut carriage = self.carriage;
        query.narrow(read);
        if header.has_m && read.m {
            carriage = self.wire.for_measures(carriage);
        }
        if read.keep_curves {
            carriage = wire::for_curves(carriage);
        }
        let spool = match &self.kept_in {
            Some(directory) => {
                let content = query.content(carriage.wire).into_iter().map(|(key, value)| (key.to_owned(), value));
                let kind = Kind {
                    layer: redact(&query.layer_url()),
                    query: content.collect(),
                    page_size: situation.page_size,
                    count: situation.count,
                    last_edit,
                    fields: json!(header.fields),
                };
                Some(Spool::open(directory, &kind)?)
            }
            None => None,
        };
        let resumed = spool.as_ref().is_some_and(Spool::has_pages);
        let situation = Situation { resumed, ..situation };
        let session_of_pages = session.watched_by(Arc::clone(&progress));
        let fetcher = Fetcher::new(session_of_pages, query, id_key, carriage).keeping(spool).edited_at(last_edit);
        let fetcher = fetcher.expecting(header.spatial_reference.clone());
        let mut pages = LayerPages::new(fetcher, Pager::new(situation), permits.clone(), progress);
        pages.expected = header.spatial_reference;
        pages.layer = header.name;
        pages.count_before = counted;
        pages.ids = ids;
        pages.opening = session;
        pages.most = most;
        pages.wanted = wanted;
        Ok(Box::new(pages))
    }
}

/// What a layer says of itself and of its rows without sending one: in two requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Its name.
    pub name: String,
    /// The question for its rows, and its last edit.
    pub origin: Origin,
    /// The server's count.
    pub count: Option<u64>,
}

impl Glance {
    /// Asks a layer for it.
    ///
    /// # Errors
    /// As [`LayerSource::open`].
    pub fn of(session: &Session, url: &Url, options: &LayerOptions) -> Result<Self> {
        let (info, query) = ask_what_it_is(session, url, options)?;
        let origin = origin(&query, options.selection.limit, info.last_edit);
        let count = Opening { session, query, info: &info }.count()?;
        Ok(Self { name: name_of(&info), origin, count })
    }
}

/// What the server says of a layer, and how to ask for its rows.
fn ask_what_it_is(session: &Session, url: &Url, options: &LayerOptions) -> Result<(LayerInfo, Query)> {
    let json = match session.ask(&session.request(url, &[]), false) {
        Ok(answer) => answer.skeleton.value,
        Err(refused) => {
            let missing = no_layer_there(session, url, &refused);
            return Err(missing.unwrap_or_else(|| refused.error.hint("`geohaul info` on the service shows what is there")));
        }
    };
    let info = LayerInfo::of(&json);
    let name = name_of(&info);
    refuse_what_has_no_rows(&info, &json).map_err(|error| error.in_layer(&name).at_url(url))?;
    let query = Query::new(url, &info, options).map_err(|error| error.in_layer(&name))?;
    let object_id = info.object_id.as_deref().or_else(|| likely_object_id(&info.fields));
    let query = query.with_object_id(object_id);
    Ok((info, query))
}

/// What a service says of a number that none of its layers has. `None` where it has it, or is not there itself.
fn no_layer_there(session: &Session, url: &Url, refused: &Refused) -> Option<Error> {
    let absent = matches!(&refused.cause, Cause::Failure(failure) if matches!(failure.code, Some(400 | 404)));
    let id: i64 = url.path_segments()?.next_back().filter(|_| absent)?.parse().ok()?;
    let mut service = url.clone();
    service.path_segments_mut().ok()?.pop();
    let known = ServiceInfo::of(&session.json(&service, &[]).ok()?);
    let listed: Vec<&LayerEntry> = known.layers.iter().chain(&known.tables).collect();
    if listed.is_empty() || listed.iter().any(|entry| entry.id == id || entry.members.contains(&id)) {
        return None;
    }
    let names: Vec<String> = listed.iter().map(|entry| format!("{} ({})", entry.id, entry.name)).collect();
    let said = refused.error.why().unwrap_or("it is in no list of the service");
    let error = Error::new(ErrorKind::Usage, format!("there is no layer {id}")).because(said).at_url(&service);
    Some(error.hint(format!("the layers are: {}", names.join(", "))))
}

/// The header of a layer whose rows can't be asked for: by its own words alone.
///
/// # Errors
/// As [`LayerSource::open`] for what the options choose.
pub(super) fn header_by_its_words(session: &Session, url: &Url, info: &LayerInfo, options: &LayerOptions) -> Result<Header> {
    let opening = Opening { session, query: Query::new(url, info, options)?, info };
    let (header, _) = opening.header(&name_of(info), None, None, &options.selection, &mut Vec::new())?;
    Ok(header)
}

fn name_of(info: &LayerInfo) -> String {
    info.name.clone().unwrap_or_else(|| "layer".to_owned())
}

fn origin(query: &Query, most: Option<u64>, last_edit: Option<i64>) -> Origin {
    let exact = most.is_none() && !query.picks_ids();
    Origin { url: redact(&query.layer_url()), query: query.selection(), exact, last_edit }
}

/// Groups, rasters and the like are refused by name; so is what is no layer at all.
fn refuse_what_has_no_rows(info: &LayerInfo, json: &Value) -> Result<()> {
    let unsupported = |what: String| Error::new(ErrorKind::Unsupported, what);
    if let Some(kind) = info.not_queryable() {
        let error = unsupported(format!("layers of the type {kind} have no rows of their own"));
        let names: Vec<String> = info.sub_layers.iter().map(|(id, name)| format!("{id} ({name})")).collect();
        return Err(match names.as_slice() {
            [] => error.hint("choose a feature layer or a table of the service; `geohaul info` on the service lists them"),
            _ => error.hint(format!("choose one of its layers: {}; its name in place of its number takes all", names.join(", "))),
        });
    }
    if let Some(kind) = &info.unknown_geometry {
        return Err(unsupported(format!("geometries of the type {kind} are not known")));
    }
    let service = json.get("layers").is_some() || json.get("services").is_some() || json.get("tasks").is_some();
    if service || (info.fields.is_empty() && info.layer_type.is_none() && info.geometry.is_none()) {
        return Err(Error::new(ErrorKind::Usage, "the address names no layer or table")
            .hint("a layer's address ends in a number, such as FeatureServer/0; `geohaul info` on the service lists them"));
    }
    Ok(())
}

/// A layer while it is being opened.
struct Opening<'a> {
    session: &'a Session,
    query: Query,
    info: &'a LayerInfo,
}

impl Opening<'_> {
    fn finish(mut self, name: &str, options: &LayerOptions) -> Result<LayerSource> {
        let selection = &options.selection;
        let mut warnings = selection.doubts(self.info);
        if self.info.denies_queries() {
            warnings.push("the layer says that it can't be queried; it was tried nevertheless".to_owned());
        }
        let most = selection.limit;
        let at_most = |count: u64| most.map_or(count, |most| count.min(most));
        let allowed = self.info.max_record_count.unwrap_or(CAUTIOUS_PAGE_SIZE);
        let page_size = at_most(options.page_size.unwrap_or(allowed.min(PAGE_SIZE))).max(1);
        let scouted = self.scout(options, page_size)?;
        let counted = scouted.counted;
        let count = counted.map(at_most);
        if count.is_none() {
            warnings
                .push("the server does not count the rows, so nothing but its own word says that all of them came".to_owned());
        }
        if let (Some(0), Some(area)) = (count, &selection.area) {
            warnings.extend(outside::lies_outside(area, self.info).map(|words| format!("\"{name}\": {words}")));
        }
        let probed = self.probe(selection, page_size, scouted);
        let Probed { start, query, ids, asked, answer, in_pbf } = probed.map_err(|error| match &self.info.capabilities {
            Some(list) if self.info.denies_queries() => error.hint(no_queries(list)),
            _ => error,
        })?;
        self.query = query;
        let (header, id_key) = self.header(name, count, answer.as_ref(), selection, &mut warnings)?;
        let known = wire::Known { info: self.info, header: &header, probe: answer.as_ref() };
        let windows = matches!(asked, Some(Ask::Window { .. }));
        let in_pbf = || in_pbf.or_else(|| Some(self.ask_pbf(&asked?)));
        let carriage = wire::choose(options.wire, &known, in_pbf, &mut warnings)?;
        if let (Some(asked), Some(named)) = (&options.out_sr, &header.spatial_reference) {
            let own = self.info.source_sr.as_ref().or(self.info.extent_sr.as_ref());
            if !named.same_as(asked) {
                warnings.push(format!("the server was asked for {asked} and answers in {named}"));
            } else if own.is_none_or(|own| !own.same_as(asked)) {
                let way = match &selection.datum_transformation {
                    Some(way) => format!("asked to use the transformation {way}"),
                    None => "by a transformation that it does not name".to_owned(),
                };
                warnings.push(format!("the server brought the coordinates into {asked}, {way}"));
            }
        }
        let situation = Situation {
            start,
            // What is asked for by id comes in no order, so an order that was wished for allows no such way out.
            has_ids: id_key.is_some() && selection.order_by.is_empty(),
            page_size,
            most_rows: at_most(options.page_size.unwrap_or(allowed.min(LARGEST_PAGE))),
            count,
            spans: self.query.spans(),
            windows,
            parts: self.query.can_be_divided(),
            tells_edits: self.info.last_edit.is_some(),
            resumed: false,
        };
        Ok(LayerSource {
            session: self.session.clone(),
            query: self.query,
            header,
            situation,
            ids,
            id_key,
            counted,
            last_edit: self.info.last_edit,
            kept_in: None,
            wire: options.wire,
            carriage,
            most,
            wanted: selection.ids.clone().filter(|_| selection.only_ids()),
            warnings,
        })
    }

    /// The header, and the attribute that holds the object ids.
    fn header(
        &self,
        name: &str,
        count: Option<u64>,
        answer: Option<&Answer>,
        selection: &Selection,
        warnings: &mut Vec<String>,
    ) -> Result<(Header, Option<String>)> {
        let info = self.info;
        let said = answer.map_or(&Value::Null, |answer| &answer.skeleton.value);
        let mut header = Header { count, dates_in_unknown_time_zone: info.dates_in_unknown_time_zone, ..Header::new(name) };
        header.fields = info.fields.clone();
        header.subtypes = info.subtypes.clone();
        header.drawing = info.drawing.clone();
        header.relations = info.relations.clone();
        header.about = info.about.clone();
        let told = said.get("fields").map(fields_of).unwrap_or_default();
        for field in told.into_iter().filter(|field| field.field_type != FieldType::Geometry) {
            // The layer's own list knows more (domains); the answer's may hold more.
            if header.field_index(&field.name).is_none() {
                header.fields.push(field);
            }
        }
        if let Some(wanted) = &selection.fields {
            sort_fields(&mut header, wanted);
        }
        header.geometry = info.geometry.filter(|_| self.query.wants_geometry());
        if self.query.wants_geometry() && header.geometry.is_none() && info.layer_type.as_deref() != Some("Table") {
            header.geometry = said.get("geometryType").and_then(Value::as_str).and_then(GeometryKind::from_esri);
        }
        let is_multipatch = header.geometry == Some(GeometryKind::Multipatch);
        if is_multipatch {
            header.geometry = Some(GeometryKind::Polygon);
            warnings
                .push(format!("\"{name}\" holds multipatches (3D surfaces); what comes is their footprints, without heights"));
        }
        let flag = |key: &str, claimed: bool| said.get(key).and_then(Value::as_bool).map_or(claimed, |told| told && claimed);
        header.has_z = header.geometry.is_some() && flag("hasZ", info.has_z && !is_multipatch);
        header.z_is_due = header.has_z;
        header.has_m = header.geometry.is_some() && flag("hasM", info.has_m);
        if header.geometry.is_some() {
            header.spatial_reference = said.get("spatialReference").and_then(SpatialReference::from_json);
            if header.spatial_reference.is_none() {
                header.spatial_reference = self.query.out_sr.clone();
                if let Some(sr) = &header.spatial_reference
                    && count != Some(0)
                {
                    warnings.push(format!("the answers name no spatial reference; the layer's is taken: {sr}"));
                }
            }
        }
        let told = said.get("objectIdFieldName").and_then(Value::as_str).filter(|name| !name.is_empty());
        let object_id = info.object_id.as_deref().or(told).or_else(|| likely_object_id(&header.fields)).map(str::to_owned);
        header.object_id = object_id.as_deref().and_then(|name| header.field_index(name));
        header.display = info.display.as_deref().and_then(|name| header.field_index(name));
        let field = header.object_id.map(|index| header.fields[index].name.clone());
        let short = header.object_id.map(|index| header.fields[index].short_name().to_owned());
        let candidates = [told.map(str::to_owned), field, object_id, short].into_iter().flatten();
        Ok((header, id_key(answer, candidates)?))
    }
}

/// What keeps the rows of a layer without the capability `Query`.
pub(super) fn no_queries(capabilities: &[String]) -> String {
    let list = capabilities.join(", ");
    format!("the layer allows no queries (its capabilities are: {list}); ask its owner for Query")
}

/// Puts the listed fields in front, in the order of the list; the others are read and not written.
fn sort_fields(header: &mut Header, listed: &[String]) {
    let mut fields = std::mem::take(&mut header.fields);
    for name in listed {
        if let Ok(field) = names::find(&fields, name).cloned() {
            fields.retain(|other| other.name != field.name);
            header.fields.push(field);
        }
    }
    header.unwritten = header.fields.len()..header.fields.len() + fields.len();
    header.fields.extend(fields);
}

/// The first of `candidates` that the probe's row has an integer under.
fn id_key(answer: Option<&Answer>, mut candidates: impl Iterator<Item = String>) -> Result<Option<String>> {
    let Some(answer) = answer else { return Ok(candidates.next()) };
    let facts = answer.skeleton.page_facts()?;
    if facts.rows == 0 {
        return Ok(candidates.next());
    }
    let holds_ids = |name: &String| {
        let ids = object_ids(&answer.body, facts.features.clone(), name).unwrap_or_default();
        !ids.is_empty() && ids.iter().all(Option::is_some)
    };
    Ok(candidates.find(holds_ids))
}
