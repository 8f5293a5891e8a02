//! Which tables of a data set belong together: the two sides of each relationship, which a service tells apart.

use std::sync::Arc;

use crate::model::{Cardinality, FieldType, Relations, Relationship, WritePlan};

/// A table of a data set, and what its service says of it.
pub(crate) struct Table {
    /// Its name in the data set.
    name: String,
    /// The layer's own name.
    layer: String,
    service: String,
    relations: Arc<Relations>,
    columns: Vec<KeyColumn>,
    has_geometry: bool,
    /// It came with this run, and does not stand in the data set from an earlier one.
    new: bool,
}

/// A column that may hold keys.
pub(crate) struct KeyColumn {
    /// The field at the service.
    pub(crate) field: String,
    /// Its name in the table.
    pub(crate) column: String,
    /// Servers write the same one in capitals and in small letters.
    pub(crate) is_guid: bool,
}

impl Table {
    /// The table of a layer that was written; `None` where nothing tells which layer it is.
    pub(crate) fn of(plan: &WritePlan, name: &str) -> Option<Self> {
        let is_guid = |kind: &FieldType| matches!(kind, FieldType::Guid | FieldType::GlobalId);
        let columns = plan.columns.iter().map(|column| KeyColumn {
            field: column.field.name.clone(),
            column: column.name.clone(),
            is_guid: is_guid(&column.field.field_type),
        });
        Some(Self {
            name: name.to_owned(),
            layer: plan.layer.clone(),
            service: service_and_number(plan.about.source.as_ref()?)?.0.to_owned(),
            relations: plan.relations.clone()?,
            columns: columns.collect(),
            has_geometry: plan.geometry.is_some(),
            new: true,
        })
    }

    /// A table that stands in the data set: where its layer is, what that said of its relationships, its columns.
    #[cfg(feature = "geopackage")]
    pub(crate) fn standing(
        name: String,
        url: &str,
        said: &serde_json::Value,
        columns: Vec<KeyColumn>,
        has_geometry: bool,
    ) -> Option<Self> {
        let (service, number) = service_and_number(url)?;
        let relations = Arc::new(Relations::of(&serde_json::json!({"id": number, "relationships": said}))?);
        let (layer, service) = (name.clone(), service.to_owned());
        Some(Self { name, layer, service, relations, columns, has_geometry, new: false })
    }

    /// The layer of this number in the same service; of several, one that is new.
    fn neighbour<'a>(&self, all: &'a [Table], number: i64) -> Option<&'a Table> {
        let is_it = |table: &&Table| table.relations.layer == number && table.service == self.service;
        all.iter().filter(is_it).max_by_key(|table| table.new)
    }

    fn side(&self, field: &str) -> Option<Side<'_>> {
        let key = self.columns.iter().find(|key| key.field.eq_ignore_ascii_case(field))?;
        Some(Side {
            table: &self.name,
            layer: &self.layer,
            column: &key.column,
            is_guid: key.is_guid,
            has_geometry: self.has_geometry,
        })
    }
}

/// The address of a layer's service, and the layer's number.
fn service_and_number(url: &str) -> Option<(&str, i64)> {
    let (service, number) = url.rsplit_once('/')?;
    Some((service, number.parse().ok()?))
}

/// A table and its column with the keys.
pub(crate) struct Side<'a> {
    pub(crate) table: &'a str,
    pub(crate) layer: &'a str,
    pub(crate) column: &'a str,
    pub(crate) is_guid: bool,
    pub(crate) has_geometry: bool,
}

/// A relationship whose tables are all there.
pub(crate) struct Related<'a> {
    pub(crate) name: &'a str,
    pub(crate) origin: Side<'a>,
    pub(crate) destination: Side<'a>,
    /// The table that holds the pairs, by its columns with the keys of the origin and of the destination.
    pub(crate) through: Option<[Side<'a>; 2]>,
    pub(crate) cardinality: Option<Cardinality>,
    pub(crate) composite: bool,
}

/// The relationships that can be kept since this run, and in words those that can't.
pub(crate) fn related(tables: &[Table]) -> (Vec<Related<'_>>, Vec<String>) {
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for table in tables {
        for side in &table.relations.all {
            match find(tables, table, side) {
                Ok(one) => found.extend(one),
                Err(why) if table.new => {
                    notes.push(format!("the relationship \"{}\" of \"{}\" is not kept: {why}", side.name, table.layer));
                }
                Err(_) => {}
            }
        }
    }
    (found, notes)
}

/// Finds the tables of a relationship; none where it is the other side's to tell it, and where it stands already.
fn find<'a>(tables: &'a [Table], this: &'a Table, side: &'a Relationship) -> Result<Option<Related<'a>>, &'static str> {
    let other = this.neighbour(tables, side.related).ok_or("its other table is not in the output")?;
    let theirs = other.relations.other_side(side, this.relations.layer).ok_or("its other table does not say what its key is")?;
    if !side.origin {
        return Ok(None);
    }
    let missing = "a field with its keys is not in the output";
    let between = match (&side.through, &theirs.through) {
        (Some((number, from)), Some((_, to))) => {
            let table = this.neighbour(tables, *number).ok_or("the table that holds its pairs is not in the output")?;
            Some((table, [table.side(from).ok_or(missing)?, table.side(to).ok_or(missing)?]))
        }
        _ if side.cardinality == Some(Cardinality::ManyToMany) => {
            return Err("it is many to many, and the service names no table that holds its pairs");
        }
        _ => None,
    };
    if ![Some(this), Some(other), between.as_ref().map(|(table, _)| *table)].into_iter().flatten().any(|table| table.new) {
        return Ok(None);
    }
    Ok(Some(Related {
        name: &side.name,
        origin: this.side(&side.key).ok_or(missing)?,
        destination: other.side(&theirs.key).ok_or(missing)?,
        through: between.map(|(_, sides)| sides),
        cardinality: side.cardinality,
        composite: side.composite,
    }))
}
