//! Whether an area that chose no row lies outside the layer: most often its x and y are swapped, or it is in another
//! spatial reference than it says.

use crate::esri::layer::LayerInfo;
use crate::model::area::bounds;
use crate::model::{Area, Crs, Transform};

/// Points on each side of an extent, whose sides are bent in another spatial reference.
const STEPS: u32 = 32;

type Corners = ([f64; 2], [f64; 2]);

/// In words, that an area lies wholly outside a layer, both in the area's spatial reference. `None` where it does not, and
/// where nobody can tell.
pub(super) fn lies_outside(area: &Area, info: &LayerInfo) -> Option<String> {
    let crs = Crs::of(&area.spatial_reference).ok()?;
    let mut outline = outline(info.extent?);
    if let Some(transform) = Transform::between(&Crs::of(info.extent_sr.as_ref()?).ok()?, &crs).ok()? {
        transform.apply(&mut outline).ok()?;
    }
    let is_place = |[x, y]: &[f64; 2]| x.is_finite() && y.is_finite() && !(crs.geographic && x.abs() > 180.0);
    if !outline.iter().all(is_place) {
        return None;
    }
    let layer = bounds(outline.iter());
    let parts = || area.rings.iter().map(|ring| bounds(ring.iter()));
    if parts().any(|part| meet(part, layer)) {
        return None;
    }
    let swapped = parts().any(|(low, high)| meet(([low[1], low[0]], [high[1], high[0]]), layer));
    let hint = if swapped { "; its x and y seem to be swapped" } else { "" };
    let sides = |(low, high): Corners| {
        let digits = if crs.geographic { 1e4 } else { 1.0 };
        [low[0], low[1], high[0], high[1]].map(|side| ((side * digits).round() / digits).to_string()).join(",")
    };
    Some(format!(
        "no row was found, since the area lies wholly outside the layer{hint}: west,south,east,north are {} of the area and {} of \
         the layer, in {crs}",
        sides(bounds(area.rings.iter().flatten())),
        sides(layer)
    ))
}

fn outline([west, south, east, north]: [f64; 4]) -> Vec<[f64; 2]> {
    let between = |from: f64, to: f64, step: u32| from + (to - from) * f64::from(step) / f64::from(STEPS);
    let sides = |step| {
        let (x, y) = (between(west, east, step), between(south, north, step));
        [[x, south], [x, north], [west, y], [east, y]]
    };
    (0..=STEPS).flat_map(sides).collect()
}

fn meet((low, high): Corners, (least, greatest): Corners) -> bool {
    (0..2).all(|axis| low[axis] <= greatest[axis] && least[axis] <= high[axis])
}
