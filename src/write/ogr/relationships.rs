//! Relationships of a File Geodatabase. ArcGIS and GDAL find the rows that belong together by the keys themselves, so
//! nothing but the definition is written.

use std::collections::HashSet;
use std::path::Path;

use crate::gdal_ffi::vector::{DataSet, Many, NewRelationship};
use crate::model::Cardinality;
use crate::write::related::{Related, Side};
use crate::write::tables::table_name;

/// Adds relationships between tables that are whole in the file. Returns what can't be kept, in words.
pub(super) fn add(path: &Path, all: &[Related<'_>]) -> Result<Vec<String>, String> {
    let file = DataSet::open_to_add(path)?;
    // Tables and relationships share their names.
    let mut taken: HashSet<String> = file.layer_names().iter().map(|name| name.to_lowercase()).collect();
    let mut notes = Vec::new();
    for one in all {
        let not_kept = |why: &str| format!("the relationship \"{}\" of \"{}\" is not kept: {why}", one.name, one.origin.layer);
        if let Err(why) = check_keys(&file, one) {
            notes.push(not_kept(&why));
            continue;
        }
        // What holds the pairs has the name of the relationship.
        let name = one.through.as_ref().map_or_else(|| table_name(one.name, &taken), |[from, _]| from.table.to_owned());
        let cardinality = if one.through.is_some() { Cardinality::ManyToMany } else { one.cardinality.unwrap_or_default() };
        let added = file.add_relationship(&NewRelationship {
            name: &name,
            tables: [one.origin.table, one.destination.table],
            keys: [one.origin.column, one.destination.column],
            through: one.through.as_ref().map(|[from, to]| (from.table, [from.column, to.column])),
            many: match cardinality {
                Cardinality::OneToOne => Many::Neither,
                Cardinality::OneToMany => Many::Right,
                Cardinality::ManyToMany => Many::Both,
            },
            composite: one.composite,
        });
        match added {
            Err(why) => notes.push(not_kept(&why)),
            Ok(()) if one.cardinality.is_some_and(|told| told != cardinality) => notes.push(format!(
                "the relationship \"{}\" of \"{}\" is many to many in the file, since a table holds its pairs",
                one.name, one.origin.layer
            )),
            Ok(()) => {}
        }
        taken.insert(name.to_lowercase());
    }
    file.close()?;
    Ok(notes)
}

/// Whether the keys are there, and of one type on both sides, without which nobody finds the rows.
fn check_keys(file: &DataSet, one: &Related<'_>) -> Result<(), String> {
    let kind = |side: &Side<'_>| {
        let missing = || format!("its key {} has another name in \"{}\"", side.column, side.table);
        file.type_of(side.table, side.column).ok_or_else(missing)
    };
    let pairs = match &one.through {
        Some([from, to]) => vec![(&one.origin, from), (&one.destination, to)],
        None => vec![(&one.origin, &one.destination)],
    };
    for (left, right) in pairs {
        if kind(left)? != kind(right)? {
            return Err(format!("its keys {} and {} are of different types in the file", left.column, right.column));
        }
    }
    Ok(())
}
