//! JSON or PBF: chosen before the first page, from what the layer offers and from one row in both.
//!
//! PBF is smaller and quicker for both sides, but its coordinates lie on a grid. `auto` takes it only where that
//! grid is as fine as the layer itself, and where the server's own JSON bears it out.

use serde_json::Value;

use super::twin;
use crate::error::Result;
use crate::esri::layer::LayerInfo;
use crate::fetch::retry::{Cause, Refused};
use crate::fetch::session::{Answer, PbfAnswer};
use crate::model::{Carriage, Crs, Header, SpatialReference, Wire};

/// A tenth of a millimetre, in metres and, about so, in degrees.
const FINE_METRES: f64 = 1e-4;
const FINE_DEGREES: f64 = 1e-9;

/// Limits are round numbers, and grids come near them: 0.1 mm in feet, or 1e-9 degrees for a tolerance of 8.98e-9.
const LEEWAY: f64 = 1.25;

/// What to ask for rows in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WireChoice {
    /// PBF where it is offered and as good as JSON, else JSON.
    #[default]
    Auto,
    /// PBF, as long as the server gives it.
    Pbf,
    /// JSON.
    Json,
}

impl WireChoice {
    /// What speaks for JSON where m is wanted: no m comes as the lowest m of the grid, so the two are one.
    /// (In a recorded answer with its twin, 0 stands once for null and once for -100,000.)
    pub(super) fn for_measures(self, carriage: Carriage) -> Carriage {
        match (self, carriage.wire) {
            (Self::Auto, Wire::Pbf) => json("in PBF no m can't be told from the lowest m"),
            _ => carriage,
        }
    }
}

/// True curves come in PBF as bytes that only Esri's own programs read.
pub(super) fn for_curves(carriage: Carriage) -> Carriage {
    if carriage.wire == Wire::Pbf { json("true curves are kept") } else { carriage }
}

fn json(why: impl Into<String>) -> Carriage {
    Carriage { why: Some(why.into()), ..Carriage::default() }
}

/// What is known when the choice is made.
pub(super) struct Known<'a> {
    pub(super) info: &'a LayerInfo,
    pub(super) header: &'a Header,
    /// One row in JSON, where there was one to ask for.
    pub(super) probe: Option<&'a Answer>,
}

/// PBF may be the choice, so that a row in it is wanted.
pub(super) fn may_be_pbf(choice: WireChoice, info: &LayerInfo) -> bool {
    match choice {
        WireChoice::Auto => info.offers_pbf,
        WireChoice::Pbf => true,
        WireChoice::Json => false,
    }
}

/// Chooses. `ask` asks for the probe's row in PBF.
///
/// # Errors
/// Where that row can't be asked for at all.
pub(super) fn choose(
    choice: WireChoice,
    known: &Known<'_>,
    ask: impl FnOnce() -> Option<Result<PbfAnswer, Refused>>,
    warnings: &mut Vec<String>,
) -> Result<Carriage> {
    let auto = choice == WireChoice::Auto;
    if !may_be_pbf(choice, known.info) {
        return Ok(if auto { json("the layer does not offer PBF") } else { Carriage::default() });
    }
    let Some((row, asked)) = known.probe.and_then(first_row).and_then(|row| Some((row, ask()?))) else {
        let blind = Carriage { wire: Wire::Pbf, ..Carriage::default() };
        return Ok(if auto { json("there is no row to compare PBF with JSON by") } else { blind });
    };
    let (body, rows) = match asked {
        Ok(PbfAnswer::Pbf { body, rows }) => (body, rows),
        Ok(PbfAnswer::Json(_)) => {
            let why = "PBF was asked for, and the server answered in JSON";
            warnings.push(format!("{why}; the rows come as JSON"));
            return Ok(json(why));
        }
        Err(refused) if refused.is_refusal() || refused.is_heavy() => {
            let why = format!("PBF was asked for, and {}", refused.error);
            warnings.push(format!("{why}; the rows come as JSON"));
            return Ok(json(why));
        }
        Err(refused) => return Err(refused.into()),
    };
    let scale = known.header.geometry.map(|_| rows.grid.x.scale().abs().max(rows.grid.y.scale().abs()));
    if let (true, Some(scale)) = (auto, scale) {
        match coarsest(known) {
            Some(coarsest) if scale <= coarsest => {}
            Some(coarsest) => return Ok(json(format!("the grid of PBF, {scale}, is coarser than {coarsest}"))),
            None => return Ok(json("it is not known how fine the grid of PBF must be")),
        }
    }
    if let Err(difference) = twin::compare(&rows, &body, known.header.geometry, &row) {
        if auto {
            return Ok(json(format!("a row in PBF is not the same as in JSON: {difference}")));
        }
        warnings.push(format!("a row in PBF is not the same as in JSON: {difference}"));
    }
    Ok(Carriage { wire: Wire::Pbf, scale, ..Carriage::default() })
}

pub(super) fn first_row(answer: &Answer) -> Option<Value> {
    let facts = answer.skeleton.page_facts().ok()?;
    serde_json::Deserializer::from_slice(&answer.body[facts.features]).into_iter().next()?.ok()
}

/// The coarsest grid that is as good as JSON: a tenth of the layer's tolerance, which is how fine it stores, and
/// never more than a tenth of a millimetre. `None` where neither is known.
fn coarsest(known: &Known<'_>) -> Option<f64> {
    let own = known.header.spatial_reference.as_ref()?;
    let tolerance = |sr: &SpatialReference| sr.xy_tolerance.filter(|tolerance| *tolerance > 0.0 && sr.same_as(own));
    let tolerance = [&known.info.source_sr, &known.info.extent_sr].into_iter().flatten().find_map(tolerance);
    let fine = Crs::of(own).ok().and_then(|crs| {
        if crs.geographic { Some(FINE_DEGREES) } else { Some(FINE_METRES / metres_per_unit(crs.esri_wkt.as_deref()?)?) }
    });
    let limits = [tolerance.map(|tolerance| tolerance / 10.0), fine];
    limits.into_iter().flatten().reduce(f64::min).map(|limit| limit * LEEWAY)
}

/// The linear unit of a projected system: that behind its parameters.
fn metres_per_unit(esri_wkt: &str) -> Option<f64> {
    let horizontal = esri_wkt.split(",VERT").next()?;
    let behind = &horizontal[horizontal.rfind("PARAMETER[").or_else(|| horizontal.rfind("PROJECTION["))?..];
    let unit = &behind[behind.find("UNIT[\"")?..];
    let number = unit.split(['[', ',', ']']).nth(2)?;
    number.trim().parse().ok().filter(|metres| *metres > 0.0)
}

/// JSON may bring what PBF did not: an answer that is no PBF, or a refusal. What is merely too much is first asked
/// for in smaller pieces.
pub(super) fn json_may_help(refused: &Refused, shrinkable: bool) -> bool {
    match &refused.cause {
        Cause::Fault(_) => !shrinkable && refused.is_heavy(),
        Cause::Failure(failure) => refused.is_refusal() && !(shrinkable && failure.code.is_some() && failure.is_heavy()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GeometryKind;

    fn known(wkid: u32, tolerance: Option<f64>) -> Option<f64> {
        let mut header = Header::new("layer");
        header.geometry = Some(GeometryKind::Point);
        header.spatial_reference = Some(SpatialReference::from_wkid(wkid));
        let source_sr = Some(SpatialReference { xy_tolerance: tolerance, ..SpatialReference::from_wkid(wkid) });
        let info = LayerInfo { source_sr, ..LayerInfo::default() };
        coarsest(&Known { info: &info, header: &header, probe: None })
    }

    #[test]
    fn the_usual_grid_of_the_usual_layer_is_fine_enough() {
        assert!(known(3857, Some(0.001)).is_some_and(|limit| (0.0001..0.000_2).contains(&limit)));
        assert!(known(4326, Some(8.983_152_841_195_215e-9)).is_some_and(|limit| (1e-9..2e-9).contains(&limit)));
        assert!(known(4326, None).is_some_and(|limit| (1e-9..2e-9).contains(&limit)));
    }

    #[test]
    fn a_layer_that_stores_finer_wants_a_finer_grid_and_a_coarser_one_no_more_than_a_tenth_of_a_millimetre() {
        assert!(known(3857, Some(0.000_1)).is_some_and(|limit| limit < 0.000_1));
        assert!(known(3857, Some(1.0)).is_some_and(|limit| limit < 0.000_2));
        assert_eq!(known(999_999, None), None);
    }

    #[test]
    fn the_unit_is_that_of_the_projected_system() {
        let feet = r#"PROJCS["x",GEOGCS["y",UNIT["Degree",0.0174532925199433]],PROJECTION["z"],PARAMETER["p",1.0],UNIT["Foot_US",0.3048006096012192]],VERTCS["h",PARAMETER["Vertical_Shift",0.0],UNIT["Meter",1.0]]"#;
        assert_eq!(metres_per_unit(feet), Some(0.304_800_609_601_219_2));
        assert_eq!(metres_per_unit(r#"GEOGCS["y",UNIT["Degree",0.0174532925199433]]"#), None);
    }
}
