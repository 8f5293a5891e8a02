//! Relationships between the tables of a data set, which GDAL knows since 3.6.

#[cfg(gdal_relationships)]
use std::ffi::c_void;
#[cfg(gdal_relationships)]
use std::ptr;

use gdal_sys::OGRFieldType;

use super::{DataSet, c_text, text_of};
#[cfg(gdal_relationships)]
use super::{TextList, said};

/// A relationship to add: what stands left is the origin.
#[cfg_attr(not(gdal_relationships), allow(dead_code, reason = "GDAL knows none"))]
pub(crate) struct NewRelationship<'a> {
    pub(crate) name: &'a str,
    pub(crate) tables: [&'a str; 2],
    pub(crate) keys: [&'a str; 2],
    /// The table that holds the pairs, and its fields with the keys of both.
    pub(crate) through: Option<(&'a str, [&'a str; 2])>,
    pub(crate) many: Many,
    pub(crate) composite: bool,
}

/// On which sides of a relationship there may be many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Many {
    Neither,
    Right,
    Both,
}

impl DataSet {
    /// GDAL's type of a field of a table; of its ids, that of integers. `None` where there is no such field.
    pub(crate) fn type_of(&self, table: &str, field: &str) -> Option<OGRFieldType::Type> {
        let (table, name) = (c_text(table), c_text(field));
        // SAFETY: the data set is open and outlives the layer; texts end with null bytes, and what is read is copied at once.
        // The index is that of a field.
        unsafe {
            let layer = gdal_sys::GDALDatasetGetLayerByName(self.0, table.as_ptr());
            if layer.is_null() {
                return None;
            }
            let at = gdal_sys::OGR_L_FindFieldIndex(layer, name.as_ptr(), 1);
            if at >= 0 {
                let all = gdal_sys::OGR_L_GetLayerDefn(layer);
                return Some(gdal_sys::OGR_Fld_GetType(gdal_sys::OGR_FD_GetFieldDefn(all, at)));
            }
            (text_of(gdal_sys::OGR_L_GetFIDColumn(layer)).as_deref() == Some(field)).then_some(OGRFieldType::OFTInteger)
        }
    }

    /// Adds a relationship between tables. It must be another one's open data set that made them.
    #[cfg(gdal_relationships)]
    pub(crate) fn add_relationship(&self, new: &NewRelationship<'_>) -> Result<(), String> {
        use gdal_sys::GDALRelationshipCardinality::{GRC_MANY_TO_MANY, GRC_ONE_TO_MANY, GRC_ONE_TO_ONE};
        use gdal_sys::GDALRelationshipType::{GRT_ASSOCIATION, GRT_COMPOSITE};

        let [name, left, right] = [new.name, new.tables[0], new.tables[1]].map(c_text);
        let list = |field: &str| TextList::new(vec![c_text(field)]);
        let (keys, through) = (new.keys.map(list), new.through.map(|(table, fields)| (c_text(table), fields.map(list))));
        let cardinality = match new.many {
            Many::Neither => GRC_ONE_TO_ONE,
            Many::Right => GRC_ONE_TO_MANY,
            Many::Both => GRC_MANY_TO_MANY,
        };
        let kind = if new.composite { GRT_COMPOSITE } else { GRT_ASSOCIATION };
        let mut why = ptr::null_mut();
        // SAFETY: the data set is open; texts end with null bytes, lists with null, and GDAL copies them. The relationship
        // is ours to destroy, since the data set takes a copy; so is the reason, which is copied before.
        unsafe {
            gdal_sys::CPLErrorReset();
            let made = gdal_sys::GDALRelationshipCreate(name.as_ptr(), left.as_ptr(), right.as_ptr(), cardinality);
            if made.is_null() {
                return Err(said("create the relationship"));
            }
            gdal_sys::GDALRelationshipSetType(made, kind);
            gdal_sys::GDALRelationshipSetLeftTableFields(made, keys[0].as_ptr());
            gdal_sys::GDALRelationshipSetRightTableFields(made, keys[1].as_ptr());
            if let Some((table, fields)) = &through {
                gdal_sys::GDALRelationshipSetMappingTableName(made, table.as_ptr());
                gdal_sys::GDALRelationshipSetLeftMappingTableFields(made, fields[0].as_ptr());
                gdal_sys::GDALRelationshipSetRightMappingTableFields(made, fields[1].as_ptr());
            }
            let added = gdal_sys::GDALDatasetAddRelationship(self.0, made, &raw mut why);
            let reason = text_of(why);
            gdal_sys::VSIFree(why.cast::<c_void>());
            gdal_sys::GDALDestroyRelationship(made);
            if added { Ok(()) } else { Err(reason.unwrap_or_else(|| said("add the relationship"))) }
        }
    }

    /// The same, where GDAL knows none.
    #[cfg(not(gdal_relationships))]
    #[allow(clippy::unused_self, reason = "the same call as where GDAL knows them")]
    pub(crate) fn add_relationship(&self, _: &NewRelationship<'_>) -> Result<(), String> {
        Err("it takes GDAL 3.6 or newer".to_owned())
    }
}
