//! Rows of `gpkg_spatial_ref_sys`, with WKT 1 and WKT 2.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::Crs;
use crate::model::crs::Dialect;

/// Coordinates whose system nobody knows.
const UNDEFINED_CARTESIAN: i64 = -1;
/// Ids from here on are for systems without a code of EPSG.
const FIRST_OF_OURS: i64 = 100_000;

/// The rows that every file has.
pub(super) const REQUIRED: &str = "\
INSERT OR IGNORE INTO gpkg_spatial_ref_sys VALUES
 ('Undefined Cartesian SRS', -1, 'NONE', -1, 'undefined', 'undefined Cartesian coordinate reference system', 'undefined'),
 ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system', 'undefined');";

/// The id of a system; its row is added where it is missing.
pub(super) fn id_of(file: &Connection, crs: Option<&Crs>) -> rusqlite::Result<i64> {
    let Some(crs) = crs else { return Ok(UNDEFINED_CARTESIAN) };
    let wkt1 = crs.written_as(Dialect::Wkt1).unwrap_or_else(|| "undefined".to_owned());
    let wkt2 = crs.written_as(Dialect::Wkt2).unwrap_or_else(|| "undefined".to_owned());
    let known = match &crs.authority {
        Some((authority, code)) => file
            .query_row(
                "SELECT srs_id FROM gpkg_spatial_ref_sys WHERE lower(organization) = lower(?1) AND organization_coordsys_id = ?2",
                params![authority, code],
                |row| row.get(0),
            )
            .optional()?,
        None => file
            .query_row("SELECT srs_id FROM gpkg_spatial_ref_sys WHERE definition = ?1 AND srs_id > 0", [&wkt1], |row| row.get(0))
            .optional()?,
    };
    if let Some(id) = known {
        return Ok(id);
    }
    let free: i64 =
        file.query_row("SELECT max(?1, max(srs_id) + 1) FROM gpkg_spatial_ref_sys", [FIRST_OF_OURS], |row| row.get(0))?;
    let (organization, code) = match &crs.authority {
        Some((authority, code)) => (authority.as_str(), i64::from(*code)),
        None => ("NONE", free),
    };
    let taken = file.query_row("SELECT 1 FROM gpkg_spatial_ref_sys WHERE srs_id = ?1", [code], |_| Ok(())).optional()?.is_some();
    let id = if taken { free } else { code };
    file.execute(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6)",
        params![crs.name, id, organization, code, wkt1, wkt2],
    )?;
    Ok(id)
}
