//! A raster in an image service, as GeoTIFF: in its own pixels, in as many tiles as the service's limits ask for.

use serde_json::Value;
use url::Url;

use super::child;
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::Download;
use crate::fetch::session::Session;
use crate::model::SpatialReference;

/// The most pixels in a direction where the service does not say.
const MOST_COLUMNS: u64 = 4_000;
const MOST_LINES: u64 = 4_000;

/// More tiles than that are no result that anybody wants in files.
const MOST_TILES: u64 = 2_500;

/// What of an image service decides how it is asked for.
#[derive(Debug, Clone, PartialEq)]
struct Raster {
    west: f64,
    north: f64,
    /// The size of a pixel.
    pixel: [f64; 2],
    columns: u64,
    lines: u64,
    most_columns: u64,
    most_lines: u64,
    spatial_reference: Option<String>,
}

/// The tiles of the image service at `url`, from west to east, then from north to south. One is called as the result,
/// more have their place behind the name.
///
/// # Errors
/// Where the service does not say how large it is, or is too large for files.
pub(super) fn tiles(session: &Session, name: &str, url: &Url) -> Result<Vec<Download>> {
    let raster = Raster::of(&session.json(url, &[])?)?;
    let export = child(url, &["exportImage"]);
    let (across, down) = (raster.columns.div_ceil(raster.most_columns), raster.lines.div_ceil(raster.most_lines));
    if across.saturating_mul(down) > MOST_TILES {
        return Err(Error::new(ErrorKind::Unsupported, "the raster is too large for files")
            .because(format!("it has {} x {} pixels", raster.columns, raster.lines))
            .hint("run the task on a smaller area or with larger cells"));
    }
    let places = (0..down).flat_map(|line| (0..across).map(move |column| (column, line)));
    let tile = |(column, line)| {
        let name = if across * down == 1 { name.to_owned() } else { format!("{name}_r{}_c{}", line + 1, column + 1) };
        let mut request = session.request(&export, &[("f", "image")]);
        request.params.extend(raster.params(column, line));
        let session = session.clone();
        let get = move || {
            let body = session.ask_file(&request)?;
            match body.first_chunk() {
                Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+") => Ok(body),
                _ => Err(Error::new(ErrorKind::Server, "the image service sent no TIFF").at_url(&request.url)),
            }
        };
        Download::new(name, export.clone(), get).with_ending("tif")
    };
    Ok(places.map(tile).collect())
}

impl Raster {
    fn of(json: &Value) -> Result<Self> {
        let missing = || Error::new(ErrorKind::Server, "the image service does not say how large it is");
        let number = |path: &str| json.pointer(path).and_then(Value::as_f64).filter(|number| number.is_finite());
        let side = |low: &str, high: &str, pixel: &str| -> Result<(f64, f64, f64, u64)> {
            let (low, high) = (number(low).ok_or_else(missing)?, number(high).ok_or_else(missing)?);
            let size = number(pixel).filter(|size| *size > 0.0).ok_or_else(missing)?;
            let count = ((high - low) / size).round();
            // Counts beyond this are no raster, and would not fit the arithmetic.
            if !(1.0..=1e9).contains(&count) { Err(missing()) } else { Ok((low, high, size, count as u64)) }
        };
        let (west, _, width, columns) = side("/extent/xmin", "/extent/xmax", "/pixelSizeX")?;
        let (_, north, height, lines) = side("/extent/ymin", "/extent/ymax", "/pixelSizeY")?;
        let most =
            |key: &str, otherwise: u64| json.get(key).and_then(Value::as_u64).filter(|most| *most > 0).unwrap_or(otherwise);
        let sr = json.pointer("/extent/spatialReference").or_else(|| json.get("spatialReference"));
        Ok(Self {
            west,
            north,
            pixel: [width, height],
            columns,
            lines,
            most_columns: most("maxImageWidth", MOST_COLUMNS),
            most_lines: most("maxImageHeight", MOST_LINES),
            spatial_reference: sr.and_then(SpatialReference::from_json).map(|sr| sr.to_wire()),
        })
    }

    /// The question for a tile: its pixels as they are, none resampled.
    fn params(&self, column: u64, line: u64) -> Vec<(String, String)> {
        let (first_column, first_line) = (column * self.most_columns, line * self.most_lines);
        let columns = self.most_columns.min(self.columns - first_column);
        let lines = self.most_lines.min(self.lines - first_line);
        let x = |column: u64| self.west + column as f64 * self.pixel[0];
        let y = |line: u64| self.north - line as f64 * self.pixel[1];
        let bbox = format!("{},{},{},{}", x(first_column), y(first_line + lines), x(first_column + columns), y(first_line));
        let mut params = vec![
            ("bbox", bbox),
            ("size", format!("{columns},{lines}")),
            ("format", "tiff".to_owned()),
            ("interpolation", "RSP_NearestNeighbor".to_owned()),
            // Otherwise the box is silently widened.
            ("adjustAspectRatio", "false".to_owned()),
        ];
        if let Some(sr) = &self.spatial_reference {
            params.extend([("bboxSR", sr.clone()), ("imageSR", sr.clone())]);
        }
        params.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_raster_beyond_the_limits_is_cut_at_whole_pixels() {
        let raster = Raster::of(&json!({
            "extent": {"xmin": 100, "ymin": 0, "xmax": 350, "ymax": 200, "spatialReference": {"wkid": 2056}},
            "pixelSizeX": 10, "pixelSizeY": 20, "maxImageWidth": 20, "maxImageHeight": 8,
        }))
        .unwrap();
        assert_eq!((raster.columns, raster.lines), (25, 10));
        let param = |column, line, key: &str| {
            raster.params(column, line).into_iter().find(|(name, _)| name == key).map(|(_, value)| value).unwrap()
        };
        assert_eq!((param(0, 0, "bbox"), param(0, 0, "size")), ("100,40,300,200".into(), "20,8".into()));
        assert_eq!((param(1, 1, "bbox"), param(1, 1, "size")), ("300,0,350,40".into(), "5,2".into()));
        assert_eq!(param(0, 0, "bboxSR"), "2056");
    }

    #[test]
    fn a_service_that_does_not_say_its_size_is_refused() {
        for strange in
            [json!({}), json!({"extent": {"xmin": 0, "ymin": 0, "xmax": 1e300, "ymax": 1}, "pixelSizeX": 1e-9, "pixelSizeY": 1})]
        {
            assert!(Raster::of(&strange).is_err());
        }
    }
}
