//! Pictures of the simple markers: a PNG of 64 by 64 pixels, drawn by the distance to the shape's border.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Red, green, blue, alpha, each 0 to 255.
pub(super) type Color = [u8; 4];

const SIDE: usize = 64;

/// The picture of a marker (`esriSMSCircle` and so on): its colour, and its outline with its width as a share of the
/// marker's size.
pub(super) fn png(style: &str, fill: Option<Color>, outline: Option<(Color, f64)>) -> Vec<u8> {
    let (border, width) = outline.unwrap_or(([0; 4], 0.0));
    let width = width.clamp(0.0, 0.4) * SIDE as f64;
    let mut rows = Vec::with_capacity(SIDE * (1 + 4 * SIDE));
    for row in 0..SIDE {
        rows.push(0); // no filter
        for column in 0..SIDE {
            let middle = (SIDE as f64 - 1.0) / 2.0;
            let (x, y) = ((column as f64 - middle) / middle, (middle - row as f64) / middle);
            // In pixels; negative inside. Two pixels are left for the soft border.
            let distance = outside(style, x * 1.06, y * 1.06) * middle;
            let cover = (0.5 - distance).clamp(0.0, 1.0);
            let inner = (0.5 - distance - width).clamp(0.0, 1.0);
            let mut pixel = fill.unwrap_or([0; 4]);
            if width > 0.0 {
                pixel = blend(border, pixel, inner);
            }
            pixel[3] = (f64::from(pixel[3]) * cover).round() as u8;
            rows.extend_from_slice(&pixel);
        }
    }
    encode(&rows)
}

/// How far a place is outside of a shape that fills the square from -1 to 1; negative inside.
fn outside(style: &str, x: f64, y: f64) -> f64 {
    const ARM: f64 = 0.15;
    let bar = |x: f64, y: f64| (x.abs() - 1.0).max(y.abs() - ARM);
    match style {
        "esriSMSSquare" => x.abs().max(y.abs()) - 1.0,
        "esriSMSDiamond" => (x.abs() + y.abs() - 1.0) * std::f64::consts::FRAC_1_SQRT_2,
        "esriSMSTriangle" => (2.0 * x.abs() + y - 1.0).max(-5_f64.sqrt() * (y + 1.0)) / 5_f64.sqrt(),
        "esriSMSCross" => bar(x, y).min(bar(y, x)),
        "esriSMSX" => {
            let (u, v) = ((x + y) * std::f64::consts::FRAC_1_SQRT_2, (x - y) * std::f64::consts::FRAC_1_SQRT_2);
            bar(u, v).min(bar(v, u))
        }
        _ => x.hypot(y) - 1.0,
    }
}

/// `share` of one colour over the rest of another.
fn blend(one: Color, other: Color, share: f64) -> Color {
    std::array::from_fn(|at| (f64::from(other[at]) * share + f64::from(one[at]) * (1.0 - share)).round() as u8)
}

fn encode(rows: &[u8]) -> Vec<u8> {
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::new(6));
    // Writing to a vector can't fail.
    let _ = deflated.write_all(rows);
    let deflated = deflated.finish().unwrap_or_default();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = (SIDE as u32).to_be_bytes();
    // 8 bits a channel, red, green, blue and alpha.
    chunk(&mut out, b"IHDR", &[&side[..], &side[..], &[8, 6, 0, 0, 0]].concat());
    chunk(&mut out, b"IDAT", &deflated);
    chunk(&mut out, b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    let crc = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&crc.to_be_bytes());
}
