//! GDAL's vector drivers: File Geodatabase by OpenFileGDB, and any other by name. One writer for all; what a driver
//! can't do shows when its layer and fields are made, and is told then.

use gdal::spatial_ref::{AxisMappingStrategy, SpatialRef};

use super::related::{Table, related};
use super::tables::{table_name, taken_words, unused_name};
use super::typed::{self, CellType, Datum, TypedRows, TypedShape};
use super::{AnyFormat, Encoded, Event, Format, Rows, Stage, Written, not_related};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::gdal_ffi::quietly;
use crate::gdal_ffi::vector::{DataSet, Driver, Feature, FieldKind, Layer, NewField, geometry_type, version};
use crate::model::plan::{ColumnKind, CrsRule, FormatInfo};
use crate::model::{Column, Crs, Domain, FieldType, GeometryKind, WritePlan, time};
use crate::report::{LossKind, Losses};

mod cells;
mod ordinates;
mod relationships;

/// A driver of GDAL as a format.
pub struct OgrFormat {
    driver: &'static str,
    info: &'static FormatInfo,
    layer_options: Vec<(String, String)>,
    data_set_options: Vec<(String, String)>,
}

const OPEN_FILE_GDB: &str = "OpenFileGDB";

/// File Geodatabase.
pub static FILE_GEODATABASE: OgrFormat = OgrFormat {
    driver: OPEN_FILE_GDB,
    info: &FormatInfo {
        name: "filegdb",
        title: "File Geodatabase",
        endings: &["gdb"],
        kinds: FormatInfo::ALL_KINDS,
        tables: true,
        z: true,
        m: true,
        mixed_kinds: false,
        curves: true,
        many_layers: true,
        streams: false,
        time_zones: false,
        crs: CrsRule::Native,
        longest_field_name: Some(64),
        plain_field_names: true,
        ignores_case: true,
        most_fields: None,
        longest_text: None,
        limits: "needs GDAL 3.6; below GDAL 3.9, 64-bit integers are text; object ids are 31 bits",
    },
    layer_options: Vec::new(),
    data_set_options: Vec::new(),
};

/// The driver that writes files with this ending, as `--driver` takes it.
pub(crate) fn driver_for(ending: &str) -> Option<String> {
    let writes = |name: &String| {
        let endings = Driver::named(name).map(|driver| driver.endings()).unwrap_or_default();
        endings.iter().any(|one| one.eq_ignore_ascii_case(ending))
    };
    let name = Driver::names().into_iter().find(writes)?;
    Some(if name.contains(' ') { format!("\"{name}\"") } else { name })
}

impl OgrFormat {
    /// A driver by GDAL's name for it, with options for layers and data sets. It lives as long as the program.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where GDAL has no driver of this name that writes vector data.
    pub fn of_driver(
        name: &str,
        layer_options: Vec<(String, String)>,
        data_set_options: Vec<(String, String)>,
    ) -> Result<&'static dyn AnyFormat> {
        let Some(driver) = Driver::named(name) else {
            let names = Driver::names();
            let meant = did_you_mean(name, names.iter().map(String::as_str));
            return Err(Error::new(ErrorKind::Usage, format!("GDAL has no driver \"{name}\" that writes vector data"))
                .hint(format!("{meant}those that it has here are: {}", names.join(", "))));
        };
        let own = name.eq_ignore_ascii_case(OPEN_FILE_GDB);
        let name: &'static str = if own { OPEN_FILE_GDB } else { name.to_owned().leak() };
        let ending: &'static str = driver.endings().into_iter().next().unwrap_or_else(|| "out".to_owned()).leak();
        let any = FormatInfo {
            name,
            title: name,
            endings: vec![ending].leak(),
            kinds: FormatInfo::ALL_KINDS,
            tables: true,
            z: true,
            m: true,
            mixed_kinds: true,
            curves: false,
            many_layers: false,
            streams: false,
            time_zones: false,
            crs: CrsRule::Native,
            longest_field_name: None,
            plain_field_names: false,
            ignores_case: true,
            most_fields: None,
            longest_text: None,
            limits: "those of the driver",
        };
        let info: &'static FormatInfo = if own { FILE_GEODATABASE.info } else { Box::leak(Box::new(any)) };
        Ok(Box::leak(Box::new(Self { driver: name, info, layer_options, data_set_options })))
    }

    fn is_file_geodatabase(&self) -> bool {
        self.driver == OPEN_FILE_GDB
    }
}

impl Format for OgrFormat {
    /// Typed cells and WKB.
    type Chunk = TypedRows;

    fn info(&self) -> &'static FormatInfo {
        self.info
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<TypedRows>> {
        let mut losses = Losses::default();
        let filled = self.is_file_geodatabase().then(|| ordinates::filled(plan, rows, &mut losses)).flatten();
        let rows = Rows { geometry: filled.as_ref().unwrap_or(rows.geometry), ..rows };
        let mut chunk = typed::encode(plan, rows, typed::kinds(plan), &mut losses, |_, _, _| {});
        cells::fit(&mut chunk, plan, rows, self.is_file_geodatabase(), &mut losses);
        Ok(Encoded { chunk, rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<TypedRows>>>) -> Result<Written> {
        quietly(|| self.write_all(stage, events)).0
    }

    fn relate(&self, stage: &Stage, layers: &[(&WritePlan, &str)]) -> Result<Vec<String>> {
        if !self.is_file_geodatabase() {
            return Ok(not_related(self.info, layers));
        }
        let tables: Vec<_> = layers.iter().filter_map(|(plan, name)| Table::of(plan, name)).collect();
        let (all, mut notes) = related(&tables);
        if !all.is_empty() {
            let failed = |why: String| stage.write_error(&std::io::Error::other(why));
            notes.extend(quietly(|| relationships::add(&stage.main_file(), &all)).0.map_err(failed)?);
        }
        Ok(notes)
    }
}

impl OgrFormat {
    fn write_all(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<TypedRows>>>) -> Result<Written> {
        let failed = |why: String| stage.write_error(&std::io::Error::other(why));
        let path = stage.main_file();
        let file = if path.exists() {
            DataSet::open_to_add(&path).map_err(failed)?
        } else {
            let driver = Driver::named(self.driver).ok_or_else(|| {
                Error::new(ErrorKind::Unsupported, format!("this GDAL can't write {}", self.info.title))
                    .hint("it takes GDAL 3.6 or newer; a GeoPackage holds as much")
            })?;
            driver.create(&path, &self.data_set_options).map_err(failed)?
        };
        let mut written = Written::default();
        written.warnings.extend(self.unknown_options());
        while let Some(event) = events.next() {
            if let Event::Begin(plan) = event? {
                let before = file.layer_names().len();
                let done = self.write_layer(&file, &plan, events, stage, &mut written);
                if done.is_err() && self.info.many_layers {
                    // Others that are in the file stay, and further ones may come.
                    file.take_back(before);
                }
                done.map_err(|error| error.in_layer(&plan.layer))?;
            }
        }
        file.close().map_err(failed)?;
        // Many drivers ignore that the disk is full, in GDAL 3.6 at least those of GML, CSV, KML and MIF.
        stage.has_room()?;
        Ok(written)
    }

    /// What to say of options that the driver has not.
    fn unknown_options(&self) -> Vec<String> {
        let Some(driver) = Driver::named(self.driver) else { return Vec::new() };
        let named = |of_layers, options| {
            let what = if of_layers { "layers" } else { "data sets" };
            let told = move |name| format!("{} has no option {name} for {what}; it was not used", self.driver);
            driver.unknown(of_layers, options).into_iter().map(told)
        };
        named(true, &self.layer_options).chain(named(false, &self.data_set_options)).collect()
    }

    fn write_layer(
        &self,
        file: &DataSet,
        plan: &WritePlan,
        events: &mut dyn Iterator<Item = Result<Event<TypedRows>>>,
        stage: &Stage,
        written: &mut Written,
    ) -> Result<()> {
        let failed = |why: String| stage.write_error(&std::io::Error::other(why));
        let id = self.id_column(plan);
        let mut name = plan.layer.clone();
        if self.is_file_geodatabase() {
            name = table_name(&name, &file.layer_names().iter().map(|name| name.to_lowercase()).collect());
            written.warnings.extend(taken_words(&plan.layer, &name));
        }
        let layer = self.add_layer(file, &name, plan, id.map(|at| &plan.columns[at])).map_err(failed)?;
        if let Some(made) = file.layer_names().pop().filter(|made| self.is_file_geodatabase() && *made != name) {
            // A digit in front, or a word of SQL.
            written.warnings.push(format!("no layer can be called \"{name}\" there, so it is \"{made}\""));
            name = made;
        }
        let fields = self.add_fields(file, &layer, plan, id, &mut written.losses);
        let ids = typed::object_id_column(plan);
        let holds_geometry = layer.has_geometry();
        let mut feature = layer.feature();
        let (mut waiting, mut told) = (TypedRows::default(), Told::default());
        file.begin();
        for event in events {
            match event? {
                Event::Begin(_) => return Err(Error::new(ErrorKind::Internal, "a layer begins inside another")),
                Event::Rows(Encoded { chunk, rows, losses }) => {
                    written.losses.append(losses);
                    for (at, (cells, shape)) in chunk.rows().enumerate() {
                        let row = Row { page: &chunk, cells, shape };
                        let words = || row.words(ids).unwrap_or_else(|| format!("row {}", written.rows + at as u64));
                        if shape.is_some() && !holds_geometry {
                            written.losses.add(LossKind::GeometryDropped, None, || Some(words()));
                        }
                        for ((cell, field), column) in cells.iter().zip(&fields).zip(&plan.columns) {
                            if field.as_ref().is_some_and(|field| !field.holds(cell)) {
                                written.losses.add(LossKind::ValueDropped, Some(&column.field.name), || Some(words()));
                            }
                        }
                        let wanted = id.and_then(|at| row.integer(at));
                        let mut add = |wanted| add_row(&mut feature, &row, &fields, wanted, plan, &mut told);
                        // An id may be taken, or none that the driver can hold.
                        let added = match (id, wanted) {
                            (Some(_), Some(_)) => add(wanted).is_ok(),
                            (Some(_), None) => false,
                            (None, _) => add(None).map(|()| true).map_err(|why| failed(why).of_feature(words()))?,
                        };
                        if added || waiting.keep(&chunk, cells, shape) {
                            continue;
                        }
                        add(None).map_err(|why| failed(why).of_feature(words()))?;
                        count_other_id(&row, id, plan, &mut written.losses);
                    }
                    written.rows += rows as u64;
                }
                Event::End => break,
            }
        }
        for (cells, shape) in waiting.rows() {
            let row = Row { page: &waiting, cells, shape };
            let words = || row.words(ids).unwrap_or_else(|| "a row without object id".to_owned());
            add_row(&mut feature, &row, &fields, None, plan, &mut told).map_err(|why| failed(why).of_feature(words()))?;
            count_other_id(&row, id, plan, &mut written.losses);
        }
        file.commit();
        written.losses.append(told.losses);
        written.warnings.extend(told.warnings);
        written.table = Some(name);
        Ok(())
    }

    /// The column whose values become the ids of features, where the driver lets one name them.
    fn id_column(&self, plan: &WritePlan) -> Option<usize> {
        typed::object_id_column(plan).filter(|_| Driver::named(self.driver).is_some_and(|driver| driver.has_layer_option("FID")))
    }

    fn add_layer<'a>(
        &self,
        file: &'a DataSet,
        name: &str,
        plan: &WritePlan,
        id: Option<&Column>,
    ) -> std::result::Result<Layer<'a>, String> {
        let mut options = self.layer_options.clone();
        let mut default = |key: &str, value: &str| {
            if !options.iter().any(|(given, _)| given.eq_ignore_ascii_case(key)) {
                options.push((key.to_owned(), value.to_owned()));
            }
        };
        if let Some(column) = id {
            default("FID", &column.name);
        }
        if self.is_file_geodatabase() {
            default("LAYER_ALIAS", &plan.layer);
        }
        let srs = plan.crs.as_ref().and_then(srs_of);
        file.add_layer(name, srs.as_ref(), geometry_type(wkb_base(plan), plan.z, plan.m), &options)
    }

    /// Makes the fields: one for each column, or none where it is the id or the driver can't hold it.
    fn add_fields(
        &self,
        file: &DataSet,
        layer: &Layer<'_>,
        plan: &WritePlan,
        id: Option<usize>,
        losses: &mut Losses,
    ) -> Vec<Option<Field>> {
        let mut add = |at: usize, column: &Column| {
            if id == Some(at) {
                return None;
            }
            let mut lose = |kind, detail: String| losses.add_many(kind, Some(&column.field.name), 1, Some(detail), || None);
            let wanted = self.field_kind(column);
            match (CellType::of(column), wanted) {
                (CellType::Integer { .. }, FieldKind::Text) => {
                    lose(LossKind::ColumnChanged, "64-bit integers are text below GDAL 3.9".to_owned());
                }
                (CellType::Date, FieldKind::DateTime) => {
                    lose(LossKind::ColumnChanged, "dates have a time below GDAL 3.9".to_owned());
                }
                _ => {}
            }
            let domain = column.field.domain.as_ref().and_then(|domain| add_domain(file, domain, wanted));
            let width = column.field.length.filter(|_| column.field.field_type == FieldType::String).unwrap_or(0);
            let alias = column.field.alias.as_deref().filter(|alias| *alias != column.name);
            let is_column = |name: &str| plan.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
            let other_name = unused_name(&column.name, is_column);
            // A name may be one that the driver keeps for itself, as File Geodatabase does SHAPE.
            let add = |kind| {
                let field = |name| NewField { name, kind, width, alias, domain: domain.as_deref() };
                let made = layer.add_field(&field(&column.name));
                made.or_else(|why| layer.add_field(&field(&other_name)).map_err(|_| why))
            };
            // An object id that is not declared with 64 bits has 32 for those that know no more.
            let narrower = wanted == FieldKind::Long && column.kind == ColumnKind::Integer { bits: 32 };
            let narrower = narrower.then_some(FieldKind::Integer);
            let mut refusal = None;
            let made = [Some(wanted), narrower, Some(FieldKind::Text)].into_iter().flatten().find_map(|kind| {
                let made = add(kind).map_err(|why| refusal = refusal.take().or(Some(why)));
                Some((kind, made.ok()?))
            });
            let Some((kind, made)) = made else {
                lose(LossKind::FieldDropped, refusal.unwrap_or_default());
                return None;
            };
            if let (FieldKind::Text, Some(why)) = (kind, refusal) {
                lose(LossKind::ColumnChanged, format!("text, since the driver says: {why}"));
            }
            if made.name != column.name {
                lose(LossKind::Renamed, made.name);
            }
            if let Some(other) = made.other_type {
                lose(LossKind::ColumnChanged, format!("the driver made it {other}"));
            }
            Some(Field { index: made.index, narrow: narrower == Some(kind) })
        };
        plan.columns.iter().enumerate().map(|(at, column)| add(at, column)).collect()
    }

    fn field_kind(&self, column: &Column) -> FieldKind {
        // Before it knows ArcGIS Pro 3.2's types, OpenFileGDB makes doubles of 64-bit integers and times of dates.
        let old = self.is_file_geodatabase() && version() < 3_090_000;
        match CellType::of(column) {
            CellType::Integer { bits: 16 } => FieldKind::Small,
            CellType::Integer { bits: 32 } => FieldKind::Integer,
            CellType::Integer { .. } if old => FieldKind::Text,
            CellType::Integer { .. } => FieldKind::Long,
            CellType::Single => FieldKind::Single,
            CellType::Double => FieldKind::Double,
            CellType::DateTime => FieldKind::DateTime,
            CellType::Date if old => FieldKind::DateTime,
            CellType::Date => FieldKind::Date,
            CellType::Text => FieldKind::Text,
            CellType::Binary => FieldKind::Binary,
        }
    }
}

/// A field as it was made.
struct Field {
    index: i32,
    /// It has 32 bits, though values may have 64.
    narrow: bool,
}

impl Field {
    fn holds(&self, cell: &Datum) -> bool {
        !self.narrow || !matches!(cell, Datum::Integer(value) if i32::try_from(*value).is_err())
    }
}

/// How OpenFileGDB begins to say that a coordinate, a z or an m is beyond what its grid can hold, such as -3.4e38.
const BEYOND_THE_GRID: &str = "Cannot encode";

/// Adds one row, with this id or one that the driver chooses. A geometry that the file can't hold is left out, and counted.
fn add_row(
    feature: &mut Feature<'_>,
    row: &Row<'_>,
    fields: &[Option<Field>],
    id: Option<i64>,
    plan: &WritePlan,
    told: &mut Told,
) -> std::result::Result<(), String> {
    for ((cell, field), column) in row.cells.iter().zip(fields).zip(&plan.columns) {
        if let Some(field) = field {
            let cell = if field.holds(cell) { cell } else { &Datum::Null };
            set(feature, field.index, row.page, cell, typed::is_utc(plan, column));
        }
    }
    feature.set_geometry(row.shape.map(|shape| &row.page.bytes[shape.wkb.clone()]))?;
    feature.set_id(id);
    let words = || row.words(typed::object_id_column(plan));
    let warning = match feature.add() {
        Err(why) if row.shape.is_some() && why.starts_with(BEYOND_THE_GRID) => {
            feature.set_geometry(None)?;
            feature.set_id(id);
            let warning = feature.add()?;
            let detail = Some("coordinates beyond the file's grid".to_owned());
            told.losses.add_many(LossKind::GeometryDropped, None, 1, detail, words);
            warning
        }
        added => added?,
    };
    if let Some(warning) = warning.filter(|_| told.warnings.len() < MOST_WARNINGS) {
        let warning = format!("GDAL says of {}: {warning}", words().unwrap_or_else(|| "a row".to_owned()));
        if !told.warnings.contains(&warning) {
            told.warnings.push(warning);
        }
    }
    Ok(())
}

/// Drivers warn of values that they cut or can't encode, most of them once a layer.
const MOST_WARNINGS: usize = 10;

/// What was lost in adding rows, and what the driver said of it.
#[derive(Default)]
struct Told {
    losses: Losses,
    warnings: Vec<String>,
}

/// Counts a row that got another id than its own.
fn count_other_id(row: &Row<'_>, id: Option<usize>, plan: &WritePlan, losses: &mut Losses) {
    if let Some(column) = id.filter(|at| row.integer(*at).is_some()) {
        let field = &plan.columns[column].field.name;
        losses.add_many(LossKind::ValueDropped, Some(field), 1, Some(typed::OTHER_ID.to_owned()), || row.words(id));
    }
}

/// One row of a page.
struct Row<'a> {
    page: &'a TypedRows,
    cells: &'a [Datum],
    shape: Option<&'a TypedShape>,
}

impl Row<'_> {
    fn integer(&self, column: usize) -> Option<i64> {
        if let Datum::Integer(integer) = self.cells[column] { Some(integer) } else { None }
    }

    /// The row by its object id, where it has one.
    fn words(&self, ids: Option<usize>) -> Option<String> {
        ids.and_then(|at| self.integer(at)).map(|id| format!("object id {id}"))
    }
}

fn set(feature: &mut Feature<'_>, field: i32, page: &TypedRows, cell: &Datum, utc: bool) {
    match cell {
        Datum::Null => feature.set_null(field),
        Datum::Integer(value) => feature.set_integer(field, *value),
        Datum::Real(value) => feature.set_real(field, *value),
        Datum::Text(range) => feature.set_text(field, page.text(range)),
        Datum::Binary(range) => feature.set_binary(field, &page.bytes[range.clone()]),
        Datum::Days(days) => match typed::date(*days) {
            Some(date) => {
                feature.set_moment(field, [date.year().into(), date.month().into(), date.day().into(), 0, 0], 0.0, false)
            }
            None => feature.set_null(field),
        },
        Datum::Millis(millis) => match time::civil(*millis) {
            Some(at) => {
                let whole = [at.year().into(), at.month().into(), at.day().into(), at.hour().into(), at.minute().into()];
                let seconds = f32::from(at.second()) + f32::from(at.millisecond()) / 1000.0;
                feature.set_moment(field, whole, seconds, utc);
            }
            None => feature.set_null(field),
        },
    }
}

/// The domain's name, where the driver has it now. One of this name that is there already is taken for the same.
fn add_domain(file: &DataSet, domain: &Domain, kind: FieldKind) -> Option<String> {
    let (name, codes) = match domain {
        Domain::Inherited => return None,
        Domain::Range { name, min, max } => {
            let added = || Some(file.add_range(name, kind, min.as_f64()?, max.as_f64()?));
            return (file.has_domain(name) || added().unwrap_or(false)).then(|| name.clone());
        }
        Domain::Coded { name, codes } => (name, codes),
    };
    let text = |code: &serde_json::Value| code.as_str().map_or_else(|| code.to_string(), str::to_owned);
    let codes: Vec<(String, String)> = codes.iter().map(|(code, label)| (text(code), label.clone())).collect();
    (file.has_domain(name) || file.add_domain(name, kind, &codes)).then(|| name.clone())
}

fn srs_of(crs: &Crs) -> Option<SpatialRef> {
    let mut srs = SpatialRef::from_definition(&crs.definition).ok()?;
    srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Some(srs)
}

/// The type of a layer's geometries in WKB, 0 for any.
fn wkb_base(plan: &WritePlan) -> Option<u32> {
    Some(match plan.geometry? {
        GeometryKind::Point => 1,
        GeometryKind::Multipoint => 4,
        GeometryKind::Polyline if plan.keep_curves => 11,
        GeometryKind::Polyline => 5,
        GeometryKind::Polygon if plan.keep_curves => 12,
        GeometryKind::Polygon | GeometryKind::Envelope => 6,
        GeometryKind::Multipatch | GeometryKind::Mixed => 0,
    })
}
