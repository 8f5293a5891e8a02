//! Relationships between the tables of a file: the related tables extension (OGC 18-000). For each there is a mapping
//! table with the ids of the rows that belong together.

use rusqlite::{Connection, params};

use super::{quoted, schema};
use crate::model::WritePlan;
use crate::write::related::{KeyColumn, Related, Side, Table, related};
use crate::write::tables::table_name;

const TABLE: &str = "\
CREATE TABLE IF NOT EXISTS gpkgext_relations (id INTEGER PRIMARY KEY AUTOINCREMENT, base_table_name TEXT NOT NULL,
 base_primary_column TEXT NOT NULL DEFAULT 'id', related_table_name TEXT NOT NULL,
 related_primary_column TEXT NOT NULL DEFAULT 'id', relation_name TEXT NOT NULL, mapping_table_name TEXT NOT NULL UNIQUE);";

/// Keeps what the layers are to each other, and to those that stand in the file. Returns what can't be kept, in words.
pub(super) fn create(file: &Connection, layers: &[(&WritePlan, &str)]) -> rusqlite::Result<Vec<String>> {
    let mut tables: Vec<_> = layers.iter().filter_map(|(plan, name)| Table::of(plan, name)).collect();
    tables.extend(standing(file, layers)?);
    let (all, notes) = related(&tables);
    all.iter().try_for_each(|one| add(file, one))?;
    Ok(notes)
}

/// The tables that layers of earlier runs became, as their metadata tells it.
fn standing(file: &Connection, layers: &[(&WritePlan, &str)]) -> rusqlite::Result<Vec<Table>> {
    let said = "SELECT r.table_name, m.metadata, EXISTS (SELECT 1 FROM gpkg_geometry_columns g WHERE g.table_name = r.table_name)
                FROM gpkg_metadata_reference r JOIN gpkg_metadata m ON m.id = r.md_file_id
                WHERE r.reference_scope = 'table' AND m.mime_type = 'application/ld+json'
                AND EXISTS (SELECT 1 FROM pragma_table_info(r.table_name) WHERE pk = 1)";
    let mut tables = Vec::new();
    for row in file.prepare(said)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
        let (name, metadata, has_geometry): (String, String, bool) = row?;
        let Ok(metadata) = serde_json::from_str::<serde_json::Value>(&metadata) else { continue };
        let Some(url) = metadata.get("url").and_then(|url| url.as_str()) else { continue };
        if layers.iter().all(|(_, new)| *new != name) {
            let columns = columns_of(file, &name)?;
            tables.extend(Table::standing(name, url, &metadata[schema::RELATIONSHIPS], columns, has_geometry));
        }
    }
    Ok(tables)
}

fn columns_of(file: &Connection, table: &str) -> rusqlite::Result<Vec<KeyColumn>> {
    let key = |row: &rusqlite::Row<'_>| {
        let column: String = row.get(0)?;
        Ok(KeyColumn { field: column.clone(), column, is_guid: false })
    };
    file.prepare("SELECT name FROM pragma_table_info(?1)")?.query_map([table], key)?.collect()
}

fn add(file: &Connection, one: &Related<'_>) -> rusqlite::Result<()> {
    file.execute_batch(TABLE)?;
    let mapping = table_name(one.name, &schema::taken(file)?);
    let (origin, destination) = (&one.origin, &one.destination);
    let (base_id, related_id) = (primary_key(file, origin.table)?, primary_key(file, destination.table)?);
    // A foreign key is no part of the extension, and programs that delete rows do not expect one.
    file.execute_batch(&format!(
        "CREATE TABLE {} (base_id INTEGER NOT NULL, related_id INTEGER NOT NULL, PRIMARY KEY (base_id, related_id))",
        quoted(&mapping)
    ))?;
    let same = |a: &str, left: &Side<'_>, b: &str, right: &Side<'_>| {
        let collation = if left.is_guid || right.is_guid { "COLLATE NOCASE" } else { "" };
        format!("{a}.{} = {b}.{} {collation}", quoted(left.column), quoted(right.column))
    };
    let joined = match &one.through {
        None => format!("{} d ON {}", quoted(destination.table), same("o", origin, "d", destination)),
        Some([from, to]) => {
            let pairs = format!("{} t ON {}", quoted(from.table), same("o", origin, "t", from));
            format!("{pairs} JOIN {} d ON {}", quoted(destination.table), same("d", destination, "t", to))
        }
    };
    file.execute_batch(&format!(
        "INSERT OR IGNORE INTO {} SELECT o.{}, d.{} FROM {} o JOIN {joined} ORDER BY 1, 2",
        quoted(&mapping),
        quoted(&base_id),
        quoted(&related_id),
        quoted(origin.table),
    ))?;
    file.execute(
        "INSERT INTO gpkgext_relations (base_table_name, base_primary_column, related_table_name, related_primary_column,
         relation_name, mapping_table_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            origin.table,
            base_id,
            destination.table,
            related_id,
            if destination.has_geometry { "features" } else { "attributes" },
            mapping
        ],
    )?;
    ["gpkgext_relations", &mapping].into_iter().try_for_each(|table| {
        schema::extension(file, table, None, "gpkg_related_tables", "http://www.geopackage.org/18-000.html")
    })
}

fn primary_key(file: &Connection, table: &str) -> rusqlite::Result<String> {
    file.query_row("SELECT name FROM pragma_table_info(?1) WHERE pk = 1", [table], |row| row.get(0))
}
