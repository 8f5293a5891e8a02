//! From selection arguments to what a layer is asked for.

use super::args::SelectionArgs;
use super::outputs;
use crate::error::Result;
use crate::fetch::areas;
use crate::fetch::selection::{IdRanges, Selection, TimeSpan, parse_moment};
use crate::model::Area;

/// What the arguments say, and the area to cut at.
pub(super) fn read(args: &SelectionArgs) -> Result<(Selection, Option<Area>)> {
    let clip = args.clip.as_deref().map(areas::of_polygons).transpose()?;
    let area = match (&args.bbox, &args.intersects) {
        (Some(sides), _) => Some(areas::of_box(sides).map_err(|error| outputs::named_by("--bbox", error))?),
        (None, Some(polygons)) => Some(areas::of_polygons(polygons)?),
        (None, None) => clip.clone(),
    };
    let selection = Selection {
        where_clause: args.where_clause.clone(),
        // `*` is all of them, as in a query.
        fields: args
            .fields
            .as_ref()
            .filter(|names| *names != &["*"])
            .map(|names| names.iter().map(|name| name.trim().to_owned()).collect()),
        ids: args.ids.as_deref().map(IdRanges::read).transpose()?,
        area,
        time: args.time.as_deref().map(TimeSpan::parse).transpose()?,
        order_by: args.order_by.as_deref().map(Selection::parse_order).transpose()?.unwrap_or_default(),
        limit: args.limit,
        max_offset: args.max_offset,
        datum_transformation: args.datum_transformation.clone(),
        no_geometry: args.no_geometry,
        gdb_version: args.gdb_version.clone(),
        as_of: args.as_of.as_deref().map(parse_moment).transpose()?,
        edited_since: args.since.as_deref().map(parse_moment).transpose()?,
    };
    Ok((selection, clip))
}
