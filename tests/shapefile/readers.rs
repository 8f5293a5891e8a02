//! The independent readers: pyshp, GDAL's tools, and the crate `shapefile`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Everything pyshp sees: `{type, bbox, z, m, fields, rows, shapes}`; a float is written so that it keeps its bits.
const PYSHP: &str = r#"
import json, shapefile, sys
r = shapefile.Reader(sys.argv[1])
def shape(s):
    return {"type": s.shapeType, "points": [list(p[:2]) for p in getattr(s, "points", [])], "parts": list(getattr(s, "parts", [])),
            "z": list(getattr(s, "z", [])), "m": list(getattr(s, "m", [])), "bbox": list(getattr(s, "bbox", None) or [])}
print(json.dumps({
    "type": r.shapeType, "bbox": list(r.bbox), "z": list(r.zbox or []), "m": list(r.mbox or []),
    "fields": [[f.name, str(f.field_type), f.size, f.decimal] for f in r.fields if f.name != "DeletionFlag"],
    "rows": [list(row) for row in r.records()], "shapes": [shape(s) for s in r.shapes()]}))
"#;

pub(crate) fn pyshp(path: &Path) -> Value {
    let text = run(Command::new("python3").arg("-c").arg(PYSHP).arg(path));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// What `ogrinfo -al` prints. GDAL must have nothing to complain about.
pub(crate) fn ogrinfo(path: &Path) -> String {
    run(Command::new("ogrinfo").args(["-ro", "-al", "-oo", "ADJUST_TYPE=YES"]).arg(path))
}

/// The attributes that GDAL reads, one object a row, through a GeoPackage: GDAL's text formats round doubles.
pub(crate) fn ogr_rows(path: &Path) -> Vec<Value> {
    const SQLITE: &str = r#"
import json, sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.row_factory = sqlite3.Row
rows = [dict(row) for row in c.execute("select * from t order by fid")]
print(json.dumps([{k: v for k, v in row.items() if k not in ("fid", "geom")} for row in rows]))
"#;
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.gpkg");
    run(Command::new("ogr2ogr").args(["-f", "GPKG", "-nln", "t", "-oo", "ADJUST_TYPE=YES"]).arg(&copy).arg(path));
    let text = run(Command::new("python3").args(["-c", SQLITE]).arg(&copy));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// The lines of `ogr2ogr -f CSV`.
pub(crate) fn ogr_csv(path: &Path) -> Vec<String> {
    run(Command::new("ogr2ogr").args(["-f", "CSV", "/vsistdout/"]).arg(path)).lines().map(str::to_owned).collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}
