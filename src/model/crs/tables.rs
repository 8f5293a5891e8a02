//! Esri's own lists of geographic and vertical systems, so that their WKT is known without GDAL, and that of those
//! which PROJ does not know.
//!
//! Made by `scripts/esri_tables` from <https://github.com/Esri/projection-engine-db-doc> (Apache-2.0; see NOTICE).

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::ZlibDecoder;

/// A line each: `G` or `V`, the code, the current code, WKT 1 in Esri's dialect.
static LINES: &[u8] = include_bytes!("esri.tsv.zz");

/// The WKT of a geographic system.
pub(super) fn geographic(code: u32) -> Option<&'static str> {
    find("G", code)
}

/// The WKT of a vertical system.
pub(super) fn vertical(code: u32) -> Option<&'static str> {
    find("V", code)
}

fn find(kind: &str, code: u32) -> Option<&'static str> {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let mut text = String::new();
        // The bytes are our own; a test reads them.
        let _ = ZlibDecoder::new(LINES).read_to_string(&mut text);
        text
    });
    let start = format!("{kind}\t{code}\t");
    text.lines().find_map(|line| line.strip_prefix(&start)?.split('\t').nth(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_whole() {
        assert!(geographic(3819).unwrap().starts_with(r#"GEOGCS["GCS_HD1909""#));
        assert!(geographic(104_999).unwrap().ends_with(r#"UNIT["Degree",0.0174532925199433]]"#));
        assert!(vertical(115_953).unwrap().starts_with(r#"VERTCS["PAL-GRF2023""#));
        assert_eq!((geographic(3857), vertical(4326)), (None, None));
    }
}
