//! The tables of a GeoPackage: those that every file has, and those of a layer.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use serde_json::{Value as Json, json};

use super::{quoted, rtree, sqlite_error, srs};
use crate::error::Result;
use crate::model::schema::Domain;
use crate::model::{Column, Crs, FieldType, GeometryKind, Relationship, WritePlan, time};
use crate::write::Stage;
use crate::write::hilbert::Boxed;
use crate::write::tables::{table_name, unused_name};
use crate::write::typed::{CellType, object_id_column};

/// `GPKG`.
pub(super) const APPLICATION_ID: i64 = 0x4750_4B47;

const TABLES: &str = "\
CREATE TABLE IF NOT EXISTS gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
 organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT,
 definition_12_063 TEXT NOT NULL DEFAULT 'undefined');
CREATE TABLE IF NOT EXISTS gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
 identifier TEXT UNIQUE, description TEXT DEFAULT '',
 last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
 min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
 CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE IF NOT EXISTS gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
 geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
 CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
 CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
 CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
 definition TEXT NOT NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE IF NOT EXISTS gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT,
 description TEXT, mime_type TEXT, constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
 CONSTRAINT gdc_tn UNIQUE (table_name, name));
CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints (constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL,
 value TEXT, min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
 CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
CREATE TABLE IF NOT EXISTS gpkg_metadata (id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
 md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml',
 metadata TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS gpkg_metadata_reference (reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT,
 row_id_value INTEGER, timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
 md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
 CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
 CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id));
";

/// Extensions that concern tables of the file itself.
const EXTENSIONS: [(&str, Option<&str>, &str, &str); 5] = [
    ("gpkg_spatial_ref_sys", Some("definition_12_063"), "gpkg_crs_wkt", "http://www.geopackage.org/spec120/#extension_crs_wkt"),
    ("gpkg_data_columns", None, "gpkg_schema", "http://www.geopackage.org/spec121/#extension_schema"),
    ("gpkg_data_column_constraints", None, "gpkg_schema", "http://www.geopackage.org/spec121/#extension_schema"),
    ("gpkg_metadata", None, "gpkg_metadata", "http://www.geopackage.org/spec121/#extension_metadata"),
    ("gpkg_metadata_reference", None, "gpkg_metadata", "http://www.geopackage.org/spec121/#extension_metadata"),
];

/// Creates the tables that a file needs; in one of another program, those that are missing.
pub(super) fn create(file: &Connection, new: bool) -> rusqlite::Result<()> {
    if new {
        file.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 10300;"))?;
    }
    file.execute_batch(TABLES)?;
    let has_wkt2 =
        file.prepare("SELECT 1 FROM pragma_table_info('gpkg_spatial_ref_sys') WHERE name = 'definition_12_063'")?.exists([])?;
    if !has_wkt2 {
        file.execute_batch("ALTER TABLE gpkg_spatial_ref_sys ADD COLUMN definition_12_063 TEXT NOT NULL DEFAULT 'undefined'")?;
    }
    file.execute_batch(srs::REQUIRED)?;
    srs::id_of(file, Some(&Crs::wgs84()))?;
    EXTENSIONS.iter().try_for_each(|(table, column, name, definition)| extension(file, table, *column, name, definition))
}

pub(super) fn extension(
    file: &Connection,
    table: &str,
    column: Option<&str>,
    name: &str,
    definition: &str,
) -> rusqlite::Result<()> {
    // NULLs are all different to a UNIQUE constraint.
    let there = "SELECT 1 FROM gpkg_extensions WHERE table_name = ?1 AND column_name IS ?2 AND extension_name = ?3";
    if !file.prepare(there)?.exists(params![table, column, name])? {
        let scope = if name == "gpkg_rtree_index" { "write-only" } else { "read-write" };
        file.execute("INSERT INTO gpkg_extensions VALUES (?1, ?2, ?3, ?4, ?5)", params![table, column, name, definition, scope])?;
    }
    Ok(())
}

/// Names that no further table may have, in lower case.
pub(super) fn taken(file: &Connection) -> rusqlite::Result<HashSet<String>> {
    file.prepare(
        "SELECT lower(name) FROM sqlite_master UNION SELECT lower(identifier) FROM gpkg_contents WHERE identifier NOTNULL",
    )?
    .query_map([], |row| row.get(0))?
    .collect()
}

/// A layer's table.
pub(super) struct Table {
    pub(super) name: String,
    id: String,
    /// The column of the geometry, where there is one.
    geometry: Option<String>,
    /// Among the plan's columns, the one whose values are the row ids.
    pub(super) id_column: Option<usize>,
}

impl Table {
    /// Creates the table of a layer, with all that the file says of it but for what the rows tell.
    pub(super) fn create(file: &Connection, plan: &WritePlan, srs_id: Option<i64>) -> rusqlite::Result<Self> {
        let taken = taken(file)?;
        let is_column = |name: &str| plan.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let id_column = object_id_column(plan);
        let table = Self {
            name: table_name(&plan.layer, &taken),
            id: id_column.map_or_else(|| unused_name("fid", is_column), |at| plan.columns[at].name.clone()),
            geometry: plan.geometry.map(|_| unused_name("geom", is_column)),
            id_column,
        };
        let mut columns = vec![format!("{} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL", quoted(&table.id))];
        columns.extend(table.geometry.iter().map(|name| format!("{} {}", quoted(name), geometry_type(plan))));
        let others = plan.columns.iter().enumerate().filter(|(at, _)| id_column != Some(*at));
        columns.extend(others.map(|(_, column)| format!("{} {}", quoted(&column.name), sql_type(column))));
        file.execute_batch(&format!("CREATE TABLE {} ({})", quoted(&table.name), columns.join(", ")))?;

        let identifier = if taken.contains(&plan.layer.to_lowercase()) { &table.name } else { &plan.layer };
        let data_type = if table.geometry.is_some() { "features" } else { "attributes" };
        file.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id, description) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![table.name, data_type, identifier, srs_id, plan.about.description.as_deref().unwrap_or_default()],
        )?;
        if !plan.about.is_empty() {
            table.add_metadata(file, plan)?;
        }
        if let Some(geometry) = &table.geometry {
            file.execute(
                "INSERT INTO gpkg_geometry_columns VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![table.name, geometry, geometry_type(plan), srs_id, plan.z, plan.m],
            )?;
        }
        if let Some(geometry) = table.geometry.as_deref().filter(|_| plan.keep_curves) {
            let all = ["CIRCULARSTRING", "COMPOUNDCURVE", "MULTICURVE", "CURVEPOLYGON", "MULTISURFACE"];
            let used = if plan.geometry == Some(GeometryKind::Polyline) { &all[..3] } else { &all };
            for kind in used {
                let definition = "http://www.geopackage.org/spec121/#extension_geometry_types";
                extension(file, &table.name, Some(geometry), &format!("gpkg_geom_{kind}"), definition)?;
            }
        }
        plan.columns.iter().try_for_each(|column| table.describe(file, column))?;
        Ok(table)
    }

    /// What the layer says of itself: the metadata extension, in the words of schema.org.
    fn add_metadata(&self, file: &Connection, plan: &WritePlan) -> rusqlite::Result<()> {
        let mut json = json!({"@context": "https://schema.org/", "@type": "Dataset", "name": plan.layer});
        if let Some(relations) = plan.relations.as_ref().filter(|relations| !relations.all.is_empty()) {
            json["@context"] = json!(["https://schema.org/", {"esri": "https://developers.arcgis.com/rest/services-reference/"}]);
            json[RELATIONSHIPS] = relations.all.iter().map(|side| in_columns(side, plan).to_json()).collect();
        }
        for (key, text) in
            [("description", &plan.about.description), ("copyrightNotice", &plan.about.copyright), ("url", &plan.about.source)]
        {
            if let Some(text) = text {
                json[key] = json!(text);
            }
        }
        file.execute(
            "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)
             VALUES ('dataset', 'https://schema.org/', 'application/ld+json', ?1)",
            [json.to_string()],
        )?;
        file.execute(
            "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, timestamp, md_file_id) VALUES ('table', ?1, ?2, ?3)",
            params![self.name, moment_now(), file.last_insert_rowid()],
        )?;
        Ok(())
    }

    /// The alias and domain of a column: the schema extension.
    fn describe(&self, file: &Connection, column: &Column) -> rusqlite::Result<()> {
        let alias = column.field.alias.as_deref().filter(|alias| *alias != column.name);
        let constraint = column.field.domain.as_ref().map(|domain| constraint(file, domain)).transpose()?.flatten();
        if alias.is_none() && constraint.is_none() {
            return Ok(());
        }
        // GDAL takes the alias from `name`, which must be unique in a table.
        file.execute(
            "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, constraint_name)
             SELECT ?1, ?2, CASE WHEN EXISTS (SELECT 1 FROM gpkg_data_columns WHERE table_name = ?1 AND name = ?3) THEN NULL ELSE ?3 END,
             ?3, ?4",
            params![self.name, column.name, alias, constraint],
        )?;
        Ok(())
    }

    /// The statement that adds a row: the id, the geometry, the other columns.
    pub(super) fn insert_sql(&self, plan: &WritePlan) -> String {
        let others = plan.columns.len() - usize::from(self.id_column.is_some());
        let parameters = 1 + usize::from(self.geometry.is_some()) + others;
        let marks = vec!["?"; parameters].join(",");
        // A taken id is a matter of the caller; what else can be wrong is no conflict that is ignored.
        format!("INSERT OR IGNORE INTO {} VALUES ({marks})", quoted(&self.name))
    }

    /// After the last row: the extent, and the spatial index over the boxes of all rows.
    pub(super) fn finish(&self, file: &Connection, stage: &Stage, boxes: Boxed) -> Result<()> {
        let failed = |why: rusqlite::Error| sqlite_error(stage, why);
        file.execute("UPDATE gpkg_contents SET last_change = ?2 WHERE table_name = ?1", params![self.name, moment_now()])
            .map_err(failed)?;
        let Some(geometry) = &self.geometry else { return Ok(()) };
        if boxes.count() > 0 {
            let [min_x, min_y, max_x, max_y] = boxes.extent();
            file.execute(
                "UPDATE gpkg_contents SET min_x = ?2, min_y = ?3, max_x = ?4, max_y = ?5 WHERE table_name = ?1",
                params![self.name, min_x, min_y, max_x, max_y],
            )
            .map_err(failed)?;
        }
        let index = format!("rtree_{}_{geometry}", self.name);
        rtree::create(file, stage, &index, boxes)?;
        file.execute_batch(&rtree::triggers(&index, &self.name, geometry, &self.id)).map_err(failed)?;
        let definition = "http://www.geopackage.org/spec120/#extension_rtree";
        extension(file, &self.name, Some(geometry), "gpkg_rtree_index", definition).map_err(failed)
    }
}

/// Where a table's metadata says what its server says of relationships: layers that are added later may be the other sides.
pub(super) const RELATIONSHIPS: &str = "esri:relationships";

/// A relationship whose key is a column of the table.
fn in_columns(side: &Relationship, plan: &WritePlan) -> Relationship {
    let column = plan.columns.iter().find(|column| column.field.name.eq_ignore_ascii_case(&side.key));
    Relationship { key: column.map_or_else(|| side.key.clone(), |column| column.name.clone()), ..side.clone() }
}

/// Now, as the standard wants it.
fn moment_now() -> String {
    time::now().replace('Z', ".000Z")
}

fn geometry_type(plan: &WritePlan) -> &'static str {
    match plan.geometry {
        Some(GeometryKind::Point) => "POINT",
        Some(GeometryKind::Multipoint) => "MULTIPOINT",
        Some(GeometryKind::Polyline) if plan.keep_curves => "MULTICURVE",
        Some(GeometryKind::Polyline) => "MULTILINESTRING",
        Some(GeometryKind::Polygon) if plan.keep_curves => "MULTISURFACE",
        Some(GeometryKind::Polygon | GeometryKind::Envelope) => "MULTIPOLYGON",
        Some(GeometryKind::Multipatch | GeometryKind::Mixed) | None => "GEOMETRY",
    }
}

fn sql_type(column: &Column) -> String {
    let text = |length: Option<u32>| length.map_or("TEXT".to_owned(), |length| format!("TEXT({length})"));
    match CellType::of(column) {
        CellType::Integer { bits: 16 } => "SMALLINT".to_owned(),
        CellType::Integer { bits: 32 } => "MEDIUMINT".to_owned(),
        CellType::Integer { .. } => "INTEGER".to_owned(),
        CellType::Single => "FLOAT".to_owned(),
        CellType::Double => "DOUBLE".to_owned(),
        CellType::DateTime => "DATETIME".to_owned(),
        CellType::Date => "DATE".to_owned(),
        CellType::Binary => "BLOB".to_owned(),
        // The length of a text field is that of its characters; of others it means something else.
        CellType::Text => text(column.field.length.filter(|_| column.field.field_type == FieldType::String)),
    }
}

/// The name of a domain's constraint; it is made where it is missing. Domains of one name that differ get several.
fn constraint(file: &Connection, domain: &Domain) -> rusqlite::Result<Option<String>> {
    let (name, rows): (_, Vec<[Option<String>; 5]>) = match domain {
        Domain::Inherited => return Ok(None),
        Domain::Coded { name, codes } => {
            let row = |(code, label): &(Json, String)| ["enum".to_owned(), plain(code), label.clone()];
            (name, codes.iter().map(row).map(|[kind, value, label]| [Some(kind), Some(value), None, None, Some(label)]).collect())
        }
        Domain::Range { name, min, max } => {
            (name, vec![[Some("range".to_owned()), None, Some(plain(min)), Some(plain(max)), None]])
        }
    };
    if rows.is_empty() {
        return Ok(None);
    }
    let here = "SELECT constraint_type, value, CAST(min AS TEXT), CAST(max AS TEXT), description
                FROM gpkg_data_column_constraints WHERE constraint_name = ?1 ORDER BY rowid";
    let mut number = 0;
    let name = loop {
        number += 1;
        let candidate = if number == 1 { name.clone() } else { format!("{name}_{number}") };
        let there = file
            .prepare_cached(here)?
            .query_map([&candidate], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))?
            .collect::<rusqlite::Result<Vec<[Option<String>; 5]>>>()?;
        if there == rows {
            return Ok(Some(candidate));
        }
        if there.is_empty() {
            break candidate;
        }
    };
    let mut insert = file.prepare_cached(
        "INSERT OR IGNORE INTO gpkg_data_column_constraints VALUES (?1, ?2, ?3, CAST(?4 AS NUMERIC), ?6, CAST(?5 AS NUMERIC), ?6, ?7)",
    )?;
    for [kind, value, min, max, label] in &rows {
        let inclusive = min.as_ref().map(|_| 1);
        insert.execute(params![name, kind, value, min, max, inclusive, label])?;
    }
    Ok(Some(name))
}

/// A code or bound as text.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
