//! The benchmarks' input, the same in every run: seven columns (object id, a name with an umlaut, an integer, a double of
//! 6 decimals, a date with nulls, a small integer, a GUID in braces), coordinates in web mercator with 4 decimals.
//! Polygons have about 60 vertices, a fifth of them holes, a tenth several parts; lines have 20 vertices.

use std::io::Write;

/// A small generator of random numbers (SplitMix64): its numbers are the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `from` up to `to`.
    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn whole(&mut self, from: usize, to: usize) -> usize {
        from + (self.next() % (to - from) as u64) as usize
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Points,
    Lines,
    Polygons,
    /// One polygon of so many vertices.
    Giant,
    /// One polygon with a shell of 5,000 vertices and so many holes.
    Sieve,
}

impl Kind {
    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "points" => Self::Points,
            "lines" => Self::Lines,
            "polygons" => Self::Polygons,
            "giant" => Self::Giant,
            "sieve" => Self::Sieve,
            _ => return None,
        })
    }

    fn esri(self) -> &'static str {
        match self {
            Self::Points => "esriGeometryPoint",
            Self::Lines => "esriGeometryPolyline",
            Self::Polygons | Self::Giant | Self::Sieve => "esriGeometryPolygon",
        }
    }
}

/// Writes a feature set.
pub(crate) fn write(out: &mut impl Write, kind: Kind, count: usize) -> std::io::Result<()> {
    write!(
        out,
        r#"{{"objectIdFieldName":"OBJECTID","geometryType":"{}","spatialReference":{{"wkid":102100,"latestWkid":3857}},"fields":[{}],"features":["#,
        kind.esri(),
        concat!(
            r#"{"name":"OBJECTID","type":"esriFieldTypeOID","alias":"OBJECTID"},"#,
            r#"{"name":"NAME","type":"esriFieldTypeString","alias":"Name","length":50},"#,
            r#"{"name":"COUNT_","type":"esriFieldTypeInteger","alias":"Count"},"#,
            r#"{"name":"VAL","type":"esriFieldTypeDouble","alias":"Value"},"#,
            r#"{"name":"DT","type":"esriFieldTypeDate","alias":"Date","length":8},"#,
            r#"{"name":"CODE","type":"esriFieldTypeSmallInteger","alias":"Code"},"#,
            r#"{"name":"GUID","type":"esriFieldTypeGUID","alias":"GUID","length":38}"#
        )
    )?;
    let mut random = Random(1);
    let rows = if matches!(kind, Kind::Giant | Kind::Sieve) { 1 } else { count };
    for row in 0..rows {
        if row > 0 {
            out.write_all(b",")?;
        }
        write!(
            out,
            r#"{{"attributes":{{"OBJECTID":{},"NAME":"Straße Nr. {row:06}","COUNT_":{},"VAL":{:.6},"DT":"#,
            row + 1,
            row * 3,
            random.between(0.0, 1000.0)
        )?;
        match row % 7 {
            0 => out.write_all(b"null")?,
            _ => write!(out, "{}", 1_500_000_000_000_u64 + row as u64 * 1000)?,
        }
        write!(out, r#","CODE":{},"GUID":"{{{row:08X}-0000-4000-8000-{row:012X}}}"}},"geometry":"#, row % 5)?;
        geometry(out, kind, row, count, &mut random)?;
        out.write_all(b"}")?;
    }
    out.write_all(b"]}")
}

fn geometry(out: &mut impl Write, kind: Kind, row: usize, count: usize, random: &mut Random) -> std::io::Result<()> {
    let (x, y) = (random.between(-1.9e7, 1.9e7), random.between(-1e7, 1e7));
    match kind {
        Kind::Points => write!(out, r#"{{"x":{x:.4},"y":{y:.4}}}"#),
        Kind::Lines => {
            out.write_all(br#"{"paths":[["#)?;
            let (mut x, mut y) = (x, y);
            for vertex in 0..20 {
                write!(out, "{}[{x:.4},{y:.4}]", if vertex > 0 { "," } else { "" })?;
                x += random.between(-100.0, 300.0);
                y += random.between(-200.0, 200.0);
            }
            out.write_all(b"]]}")
        }
        Kind::Polygons => {
            out.write_all(br#"{"rings":["#)?;
            let vertices = random.whole(35, 85);
            ring(out, (x, y), 5000.0, vertices, true, random)?;
            if row.is_multiple_of(5) {
                out.write_all(b",")?;
                ring(out, (x, y), 1000.0, 15, false, random)?;
            }
            if row.is_multiple_of(10) {
                out.write_all(b",")?;
                ring(out, (x + 20_000.0, y), 3000.0, 20, true, random)?;
            }
            out.write_all(b"]}")
        }
        Kind::Giant => {
            out.write_all(br#"{"rings":["#)?;
            ring(out, (0.0, 0.0), 5e6, count, true, random)?;
            out.write_all(b"]}")
        }
        Kind::Sieve => {
            out.write_all(br#"{"rings":["#)?;
            ring(out, (0.0, 0.0), 5e6, 5000, true, random)?;
            let columns = (count as f64).sqrt().ceil() as usize;
            let step = 5e6 / columns as f64;
            for hole in 0..count {
                let at = |index: usize| -2.5e6 + step * (index as f64 + 0.5);
                out.write_all(b",")?;
                ring(out, (at(hole % columns), at(hole / columns)), step / 3.0, 8, false, random)?;
            }
            out.write_all(b"]}")
        }
    }
}

/// A closed ring around a centre.
fn ring(
    out: &mut impl Write,
    centre: (f64, f64),
    radius: f64,
    vertices: usize,
    clockwise: bool,
    random: &mut Random,
) -> std::io::Result<()> {
    let turn = if clockwise { -std::f64::consts::TAU } else { std::f64::consts::TAU };
    let mut first = String::new();
    out.write_all(b"[")?;
    for vertex in 0..vertices {
        let (sine, cosine) = (turn * vertex as f64 / vertices as f64).sin_cos();
        let radius = radius * random.between(0.8, 1.0);
        let text = format!("[{:.4},{:.4}]", centre.0 + radius * cosine, centre.1 + radius * sine);
        write!(out, "{text},")?;
        if vertex == 0 {
            first = text;
        }
    }
    write!(out, "{first}]")
}
