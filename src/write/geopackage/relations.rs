//! Relationships between the tables of a file: the related tables extension (OGC 18-000). For each there is a mapping
//! table with the ids of the rows that belong together.

use rusqlite::{Connection, params};

use super::{quoted, schema};
use crate::model::{FieldType, Relations, Relationship, WritePlan};
use crate::write::tables::table_name;

const TABLE: &str = "\
CREATE TABLE IF NOT EXISTS gpkgext_relations (id INTEGER PRIMARY KEY AUTOINCREMENT, base_table_name TEXT NOT NULL,
 base_primary_column TEXT NOT NULL DEFAULT 'id', related_table_name TEXT NOT NULL,
 related_primary_column TEXT NOT NULL DEFAULT 'id', relation_name TEXT NOT NULL, mapping_table_name TEXT NOT NULL UNIQUE);";

/// A layer and its table in the file.
pub(super) type Placed<'a> = (&'a WritePlan, &'a str);

/// Keeps what the layers are to each other. Returns what can't be kept, in words.
pub(super) fn create(file: &Connection, layers: &[Placed<'_>]) -> rusqlite::Result<Vec<String>> {
    let mut notes = Vec::new();
    for (plan, table) in layers {
        let Some(relations) = &plan.relations else { continue };
        for side in &relations.all {
            match find(layers, (plan, table), relations, side) {
                Ok(Some(found)) => found.create(file)?,
                Ok(None) => {}
                Err(why) => notes.push(format!("the relationship \"{}\" of \"{}\" is not kept: {why}", side.name, plan.layer)),
            }
        }
    }
    Ok(notes)
}

/// A table and its column with the keys.
struct Side<'a> {
    table: &'a str,
    key: &'a str,
    collation: &'static str,
    has_geometry: bool,
}

/// A relationship whose tables are all there.
struct Found<'a> {
    name: &'a str,
    origin: Side<'a>,
    destination: Side<'a>,
    /// The table that holds the pairs, by its columns with the keys of the origin and of the destination.
    through: Option<[Side<'a>; 2]>,
}

/// Finds the tables of a relationship; none where it is the other side's to make it.
fn find<'a>(
    layers: &[Placed<'a>],
    this: Placed<'a>,
    relations: &'a Relations,
    side: &'a Relationship,
) -> Result<Option<Found<'a>>, &'static str> {
    let other = layer_of(layers, this.0, side.related).ok_or("its other table is not in the output")?;
    if !side.origin {
        return Ok(None);
    }
    let theirs = other.0.relations.as_ref().and_then(|theirs| theirs.other_side(side, relations.layer));
    let theirs = theirs.ok_or("its other table does not say what its key is")?;
    let missing = "a field with its keys is not in the output";
    let through = match (&side.through, &theirs.through) {
        (Some((table, from)), Some((_, to))) => {
            let table = layer_of(layers, this.0, *table).ok_or("the table that holds its pairs is not in the output")?;
            Some([key_of(table, from).ok_or(missing)?, key_of(table, to).ok_or(missing)?])
        }
        _ => None,
    };
    let (origin, destination) = (key_of(this, &side.key).ok_or(missing)?, key_of(other, &theirs.key).ok_or(missing)?);
    Ok(Some(Found { name: &side.name, origin, destination, through }))
}

/// The layer of this number in the service of another.
fn layer_of<'a>(layers: &[Placed<'a>], of: &WritePlan, number: i64) -> Option<Placed<'a>> {
    let service = |plan: &WritePlan| Some(plan.about.source.as_ref()?.rsplit_once('/')?.0.to_owned());
    let here = service(of);
    let is_it = |plan: &WritePlan| plan.relations.as_ref().is_some_and(|known| known.layer == number) && service(plan) == here;
    layers.iter().copied().find(|(plan, _)| is_it(plan))
}

fn key_of<'a>((plan, table): Placed<'a>, field: &str) -> Option<Side<'a>> {
    let column = plan.columns.iter().find(|column| column.field.name.eq_ignore_ascii_case(field))?;
    // Servers write the same id in capitals and in small letters.
    let collation = match column.field.field_type {
        FieldType::Guid | FieldType::GlobalId => "COLLATE NOCASE",
        _ => "",
    };
    Some(Side { table, key: &column.name, collation, has_geometry: plan.geometry.is_some() })
}

impl Found<'_> {
    fn create(&self, file: &Connection) -> rusqlite::Result<()> {
        file.execute_batch(TABLE)?;
        let mapping = table_name(self.name, &schema::taken(file)?);
        let (origin, destination) = (&self.origin, &self.destination);
        let (base_id, related_id) = (primary_key(file, origin.table)?, primary_key(file, destination.table)?);
        // A foreign key is no part of the extension, and programs that delete rows do not expect one.
        file.execute_batch(&format!(
            "CREATE TABLE {} (base_id INTEGER NOT NULL, related_id INTEGER NOT NULL, PRIMARY KEY (base_id, related_id))",
            quoted(&mapping)
        ))?;
        let same = |a: &str, left: &Side<'_>, b: &str, right: &Side<'_>| {
            format!("{a}.{} = {b}.{} {}", quoted(left.key), quoted(right.key), left.collation)
        };
        let joined = match &self.through {
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
}

fn primary_key(file: &Connection, table: &str) -> rusqlite::Result<String> {
    file.query_row("SELECT name FROM pragma_table_info(?1) WHERE pk = 1", [table], |row| row.get(0))
}
