//! One suite over all formats of the registry: what goes in comes out, read by GDAL, and GeoParquet by pyarrow.
//!
//! Each case is a layer as Esri JSON. A format that says that it can't hold a case must refuse it and leave nothing.
#![cfg(feature = "gdal")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

#[path = "support/tools.rs"]
#[allow(dead_code, reason = "the clone's files are not asked for")]
mod tools;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use geohaul::model::GeometryKind;
use geohaul::report::{LossKind, silent};
use geohaul::write::csv::{Csv, CsvGeometry};
use geohaul::write::{AnyFormat, FORMATS};
use geohaul::{Destination, ErrorKind, ExportOptions, Output, Report, Saved, export};
use serde_json::{Value, json};

/// Reads by pyarrow and geopandas.
const READ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/read.py");

static WKT: Csv = Csv { geometry: CsvGeometry::Wkt, delimiter: b',', bom: false };

/// All formats, and CSV with WKT.
fn formats() -> Vec<&'static dyn AnyFormat> {
    FORMATS.iter().copied().chain([&WKT as &dyn AnyFormat]).collect()
}

/// A layer in WGS 84.
struct Case {
    kind: Option<GeometryKind>,
    layer: Value,
}

impl Case {
    /// `geometries` are one a row; each row has a number N from 1 on, and the attributes of `more`.
    fn new(kind: Option<GeometryKind>, dimensions: &str, geometries: &[Value], more: &[(&str, &str, Value)]) -> Self {
        let mut fields =
            vec![json!({"name": "OBJECTID", "type": "esriFieldTypeOID"}), json!({"name": "N", "type": "esriFieldTypeInteger"})];
        fields.extend(more.iter().map(|(name, kind, _)| json!({"name": name, "type": format!("esriFieldType{kind}")})));
        let feature = |(at, geometry): (usize, &Value)| {
            let mut attributes = json!({"OBJECTID": 10 + at, "N": at + 1});
            for (name, _, value) in more {
                attributes[*name] = value.clone();
            }
            json!({"attributes": attributes, "geometry": geometry})
        };
        let mut layer = json!({
            "objectIdFieldName": "OBJECTID", "spatialReference": {"wkid": 4326}, "fields": fields,
            "hasZ": dimensions.contains('z'), "hasM": dimensions.contains('m'),
            "features": geometries.iter().enumerate().map(feature).collect::<Vec<_>>(),
        });
        if let Some(kind) = kind {
            layer["geometryType"] = json!(kind.esri_name());
        }
        Self { kind, layer }
    }

    fn points(count: usize, more: &[(&str, &str, Value)]) -> Self {
        let points: Vec<Value> = (0..count).map(|at| json!({"x": at % 170, "y": (at * 7) % 80})).collect();
        Self::new(Some(GeometryKind::Point), "", &points, more)
    }

    /// Writes it; the report where the format holds it.
    fn write(&self, format: &'static dyn AnyFormat, path: &Path) -> Option<Report> {
        let mut input = Saved::from_bytes("layer", self.layer.to_string().into()).unwrap();
        let destination = Destination::Files(vec![Output { path: path.to_owned(), format }]);
        let done = export(&mut input, &destination, &ExportOptions::default(), &silent());
        let info = format.info();
        let holds = match self.kind {
            None => info.tables,
            Some(GeometryKind::Mixed) => info.mixed_kinds,
            Some(kind) => info.kinds.contains(&kind),
        };
        if holds {
            let report = done.unwrap_or_else(|error| panic!("{}: {error}", info.name));
            assert!(report.is_complete(), "{}", info.name);
            Some(report)
        } else {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::Format, "{}", info.name);
            assert!(!path.exists());
            None
        }
    }

    /// Writes it in every format, and hands over what GDAL reads.
    fn each(&self, check: impl Fn(&'static dyn AnyFormat, &Report, Read)) {
        for format in formats() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(format!("layer.{}", format.info().endings[0]));
            if let Some(report) = self.write(format, &path) {
                check(format, &report, Read::of(format.info().name, &path));
            }
        }
    }
}

/// What GDAL reads: its rows in the order of N.
struct Read {
    rows: Vec<BTreeMap<String, String>>,
}

impl Read {
    fn of(format: &str, path: &Path) -> Self {
        let path = path.to_str().unwrap();
        let source = match format {
            "geojsonseq" => format!("GeoJSONSeq:{path}"),
            "esrijson" => format!("ESRIJSON:{path}"),
            _ => path.to_owned(),
        };
        // An empty sequence is nothing that GDAL can open.
        if format == "geojsonseq" && std::fs::metadata(path).unwrap().len() == 0 {
            return Self { rows: Vec::new() };
        }
        if format == "geoparquet" {
            return Self::of_csv(format, Command::new("python3").args([READ, "csv", path]));
        }
        let mut args =
            vec!["-f", "CSV", "/vsistdout/", &source, "-lco", "GEOMETRY=AS_WKT", "--config", "OGR_WKT_PRECISION", "15"];
        if format == "csv" {
            args.extend(["-oo", "X_POSSIBLE_NAMES=x", "-oo", "Y_POSSIBLE_NAMES=y", "-oo", "Z_POSSIBLE_NAMES=z"]);
            args.extend(["-oo", "GEOM_POSSIBLE_NAMES=wkt", "-oo", "KEEP_GEOM_COLUMNS=NO"]);
        }
        Self::of_csv(format, Command::new("ogr2ogr").args(&args))
    }

    /// What a program prints.
    fn of_csv(format: &str, program: &mut Command) -> Self {
        let run = program.output().expect("ogr2ogr and python3 are installed");
        assert!(run.status.success(), "{format}: {}", String::from_utf8_lossy(&run.stderr));
        let mut records = records(std::str::from_utf8(&run.stdout).unwrap()).into_iter();
        let names = records.next().unwrap_or_default();
        let mut rows: Vec<BTreeMap<String, String>> = records.map(|record| names.iter().cloned().zip(record).collect()).collect();
        rows.sort_by_key(|row| row["N"].parse::<i64>().unwrap());
        Self { rows }
    }

    /// The geometry of a row: its kind without MULTI, its dimensions, and its vertices in some order.
    fn geometry(&self, row: usize) -> (String, Vec<Vec<f64>>) {
        shape_of(self.rows[row].get("WKT").map_or("", String::as_str))
    }
}

fn shape_of(wkt: &str) -> (String, Vec<Vec<f64>>) {
    let (head, rest) = wkt.split_once('(').unwrap_or((wkt, ""));
    let number = |text: &str| text.parse::<f64>().map(|number| (number * 1e6).round() / 1e6);
    let vertex = |text: &str| text.split_whitespace().map(|text| number(text).unwrap_or(f64::NAN)).collect::<Vec<_>>();
    let mut vertices: Vec<Vec<f64>> = rest.split([',', '(', ')']).map(vertex).filter(|vertex| !vertex.is_empty()).collect();
    vertices.sort_by(|a, b| a.partial_cmp(b).unwrap());
    (head.trim().trim_start_matches("MULTI").to_owned(), vertices)
}

/// RFC 4180.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut record, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                all.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    all
}

/// The names of a format's fields, shortened as its report says.
fn name_in(report: &Report, name: &str) -> String {
    let renamed =
        report.layers[0].outputs[0].losses.iter().find(|loss| loss.field.as_deref() == Some(name) && loss.detail.is_some());
    renamed.and_then(|loss| loss.detail.clone()).unwrap_or_else(|| name.to_owned())
}

const KINDS: [GeometryKind; 4] = [GeometryKind::Point, GeometryKind::Multipoint, GeometryKind::Polyline, GeometryKind::Polygon];

#[test]
fn an_empty_layer_has_no_rows() {
    for kind in KINDS.into_iter().map(Some).chain([None]) {
        Case::new(kind, "", &[], &[]).each(|format, _, read| assert_eq!(read.rows.len(), 0, "{}", format.info().name));
    }
}

#[test]
fn one_row_and_many_rows_all_arrive() {
    for count in [1, 3000] {
        Case::points(count, &[]).each(|format, report, read| {
            assert_eq!((read.rows.len(), report.layers[0].outputs[0].rows), (count, count as u64), "{}", format.info().name);
            for row in 0..count {
                let (kind, vertices) = read.geometry(row);
                let expected = vec![vec![(row % 170) as f64, ((row * 7) % 80) as f64]];
                // GDAL gives every point of a KML file a z.
                let vertices: Vec<Vec<f64>> = vertices.iter().map(|vertex| vertex[..2].to_vec()).collect();
                assert!(kind.starts_with("POINT") && vertices == expected, "{} {row}: {kind} {vertices:?}", format.info().name);
            }
        });
    }
}

#[test]
fn a_table_has_rows_without_geometry() {
    Case::new(None, "", &[Value::Null, Value::Null], &[("TEXT", "String", json!("a"))]).each(|format, _, read| {
        assert_eq!(read.rows.len(), 2, "{}", format.info().name);
        assert_eq!(read.rows[1]["TEXT"], "a");
        assert_eq!(read.geometry(0).1.len(), 0);
    });
}

#[test]
fn each_kind_of_geometry_arrives_with_the_ordinates_that_the_format_holds() {
    for (z, m) in [(false, false), (true, false), (false, true), (true, true)] {
        let dimensions = format!("{}{}", if z { "z" } else { "" }, if m { "m" } else { "" });
        let vertex = |x: i32, y: i32| {
            let mut vertex = vec![f64::from(x), f64::from(y)];
            vertex.extend(z.then_some(f64::from(x) + 0.5));
            vertex.extend(m.then_some(f64::from(y) + 0.25));
            vertex
        };
        let ring = |corners: &[(i32, i32)]| corners.iter().map(|(x, y)| vertex(*x, *y)).collect::<Vec<_>>();
        let shell = ring(&[(0, 0), (0, 9), (9, 9), (9, 0), (0, 0)]);
        let hole = ring(&[(1, 1), (2, 1), (2, 2), (1, 1)]);
        let island = ring(&[(20, 20), (20, 29), (29, 29), (20, 20)]);
        let mut point = json!({"x": 1, "y": 2});
        let end = vertex(1, 2);
        if z {
            point["z"] = json!(end[2]);
        }
        if m {
            point["m"] = json!(end[end.len() - 1]);
        }
        let cases: [(GeometryKind, &str, Value, Vec<Vec<f64>>); 6] = [
            (GeometryKind::Point, "POINT", point, vec![end.clone()]),
            (GeometryKind::Multipoint, "POINT", json!({"points": shell[..3]}), shell[..3].to_vec()),
            (GeometryKind::Polyline, "LINESTRING", json!({"paths": [shell]}), shell.clone()),
            (GeometryKind::Polyline, "LINESTRING", json!({"paths": [shell, hole]}), [shell.clone(), hole.clone()].concat()),
            (GeometryKind::Polygon, "POLYGON", json!({"rings": [shell, hole]}), [shell.clone(), hole.clone()].concat()),
            (
                GeometryKind::Polygon,
                "POLYGON",
                json!({"rings": [hole, shell, island]}),
                [shell.clone(), hole.clone(), island.clone()].concat(),
            ),
        ];
        for (kind, word, geometry, mut expected) in cases {
            expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
            Case::new(Some(kind), &dimensions, &[geometry, Value::Null], &[]).each(|format, report, read| {
                let info = format.info();
                let name = info.name;
                let (got_kind, got) = read.geometry(0);
                assert!(
                    got_kind.starts_with(word) || (name.starts_with("km") && got_kind.starts_with("GEOMETRYCOLLECTION")),
                    "{name}: {got_kind}"
                );
                // Ordinates that the format or GDAL's reader for it has.
                let reads_m = m && info.m && !["csv", "esrijson"].contains(&name);
                let kept: Vec<Vec<f64>> = expected
                    .iter()
                    .map(|vertex| {
                        let mut kept = vertex[..2].to_vec();
                        kept.extend((z && info.z).then(|| vertex[2]));
                        kept.extend(reads_m.then(|| vertex[vertex.len() - 1]));
                        kept
                    })
                    .collect();
                if name == "csv" || name == "esrijson" || name.starts_with("km") {
                    let plane = |list: &[Vec<f64>]| list.iter().map(|vertex| vertex[..2].to_vec()).collect::<Vec<_>>();
                    assert_eq!(plane(&got).len(), plane(&kept).len(), "{name} {kind} {dimensions}");
                    plane(&kept).iter().for_each(|vertex| {
                        assert!(plane(&got).contains(vertex), "{name} {kind} {dimensions}: {vertex:?} {got:?}")
                    });
                } else {
                    assert_eq!(got, kept, "{name} {kind} {dimensions}");
                }
                assert_eq!(read.geometry(1).1.len(), 0, "{name}: a null stays one");
                let lost: Vec<_> = report.layers[0].outputs[0].losses.iter().map(|loss| format!("{:?}", loss.kind)).collect();
                assert_eq!(lost.contains(&"MDropped".to_owned()), m && !info.m, "{name}: {lost:?}");
                assert_eq!(lost.contains(&"ZDropped".to_owned()), z && !info.z, "{name}: {lost:?}");
            });
        }
    }
}

#[test]
fn a_vertex_without_z_among_others_is_left_so_or_has_0_which_is_counted() {
    let lines = [json!({"paths": [[[1, 2, 7], [3, 4]]]}), json!({"paths": [[[5, 6, 8], [7, 8, 9]]]})];
    Case::new(Some(GeometryKind::Polyline), "z", &lines, &[]).each(|format, report, read| {
        let name = format.info().name;
        let (kind, vertices) = read.geometry(0);
        let [first, second] = [&vertices[0][..], &vertices[1][..]];
        let lost: Vec<_> =
            report.layers[0].outputs[0].losses.iter().filter(|loss| loss.field.is_none()).map(|loss| loss.kind).collect();
        assert!(kind.starts_with("LINESTRING"), "{name}: {kind}");
        let (z, told): (&[f64], &[LossKind]) = match name {
            // NaN says it.
            "geopackage" | "flatgeobuf" | "geoparquet" => (&[7.0, f64::NAN], &[]),
            // So does a position without; GDAL makes 0 of it.
            "geojson" | "geojsonseq" | "esrijson" => (&[7.0, 0.0], &[]),
            // Heights of some of the vertices would put the line into the ground.
            "kmz" | "kml" => (&[], &[LossKind::ZDropped]),
            _ => (&[7.0, 0.0], &[LossKind::OrdinateFilled]),
        };
        assert_eq!(lost, told, "{name}");
        let same = |vertex: &[f64], at: usize| match z.get(at) {
            Some(z) => vertex.get(2).is_some_and(|found| found == z || (z.is_nan() && found.is_nan())),
            None => vertex.get(2).is_none_or(|found| *found == 0.0),
        };
        assert!(first[..2] == [1.0, 2.0] && second[..2] == [3.0, 4.0], "{name}: {vertices:?}");
        assert!(same(first, 0) && same(second, 1), "{name}: {vertices:?}");
    });
}

#[test]
fn nulls_numbers_dates_and_text_of_all_scripts_arrive() {
    let text = "Zoë \"Z\", 東京 🗼, a;b\tc";
    let columns = [
        ("TEXT", "String", json!(text)),
        ("BIG", "BigInteger", json!(9_007_199_254_740_993_i64)),
        ("SMALL", "SmallInteger", json!(-7)),
        ("REAL", "Double", json!(0.1)),
        ("SEEN", "Date", json!(1_700_000_000_000_i64)),
    ];
    Case::points(2, &columns).each(|format, _, read| {
        let name = format.info().name;
        let row = &read.rows[1];
        assert_eq!(row["TEXT"], text, "{name}");
        assert_eq!(row["BIG"], "9007199254740993", "{name}");
        assert_eq!((row["SMALL"].as_str(), row["REAL"].parse()), ("-7", Ok(0.1)), "{name}");
        let digits: String = row["SEEN"].chars().filter(char::is_ascii_digit).take(14).collect();
        // Esri JSON keeps the milliseconds, which GDAL's reader of 3.6 takes for a time of day in UTC, or a number.
        assert!(
            digits == "20231114221320" || (name == "esrijson" && digits.starts_with("1700000000000")),
            "{name}: {}",
            row["SEEN"]
        );
    });
    let nulls = columns.clone().map(|(name, kind, _)| (name, kind, Value::Null));
    Case::points(1, &nulls).each(|format, _, read| {
        for (field, ..) in &columns {
            let cell = read.rows[0].get(*field).map_or("", String::as_str);
            assert_eq!(cell, "", "{} {field}", format.info().name);
        }
    });
}

#[test]
fn long_names_that_begin_alike_stay_apart() {
    let names = ["population_of_the_year_2020", "population_of_the_year_2021", "population_of_the_year_2022"];
    let columns: Vec<_> = names.iter().enumerate().map(|(at, name)| (*name, "Integer", json!(at))).collect();
    Case::points(1, &columns).each(|format, report, read| {
        for (at, name) in names.iter().enumerate() {
            let in_file = name_in(report, name);
            let cell = read.rows[0].get(&in_file).map(String::as_str);
            assert_eq!(cell, Some(at.to_string().as_str()), "{} {in_file}: {:?}", format.info().name, read.rows[0]);
        }
    });
}

#[test]
fn a_hundred_columns_keep_their_values() {
    let names: Vec<String> = (0..100).map(|at| format!("C{at}")).collect();
    let columns: Vec<_> = names.iter().enumerate().map(|(at, name)| (name.as_str(), "Integer", json!(at * 3))).collect();
    Case::points(3, &columns).each(|format, _, read| {
        for (at, name) in names.iter().enumerate() {
            assert_eq!(read.rows[2][name], (at * 3).to_string(), "{} {name}", format.info().name);
        }
    });
}

#[test]
fn coordinates_lie_where_the_file_says() {
    // Web mercator: formats with a spatial reference name it, the others hold longitude and latitude.
    let mut case = Case::points(1, &[]);
    case.layer["spatialReference"] = json!({"wkid": 102_100, "latestWkid": 3857});
    case.layer["features"][0]["geometry"] = json!({"x": 1_113_194.907_932_7, "y": 6_446_275.841_017_1});
    for format in formats().into_iter().filter(|format| !["csv", "geoparquet"].contains(&format.info().name)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("layer.{}", format.info().endings[0]));
        case.write(format, &path);
        let path = path.to_str().unwrap();
        let source = match format.info().name {
            "geojsonseq" => format!("GeoJSONSeq:{path}"),
            "esrijson" => format!("ESRIJSON:{path}"),
            _ => path.to_owned(),
        };
        let args = ["-f", "CSV", "/vsistdout/", &source, "-t_srs", "OGC:CRS84", "-lco", "GEOMETRY=AS_WKT"];
        let run = Command::new("ogr2ogr").args(args).output().unwrap();
        let text = String::from_utf8(run.stdout).unwrap();
        let wkt = records(&text)[1][0].clone();
        let (_, vertices) = shape_of(&wkt);
        assert!((vertices[0][0] - 10.0).abs() < 1e-6 && (vertices[0][1] - 50.0).abs() < 1e-6, "{}: {wkt}", format.info().name);
    }
}

#[test]
fn geopandas_finds_the_same() {
    if !tools::runs("python3", &["-c", "import geopandas, pyarrow"]) {
        return tools::leave_out("the reading by geopandas", "python3 with geopandas");
    }
    let text = "Zoë \"Z\", 東京 🗼";
    let columns = [
        ("TEXT", "String", json!(text)),
        ("BIG", "BigInteger", json!(9_007_199_254_740_993_i64)),
        ("REAL", "Double", json!(0.1)),
        ("SEEN", "Date", json!(1_700_000_000_000_i64)),
    ];
    let [shell, hole] =
        [json!([[0, 0, 1], [0, 9, 2], [9, 9, 3], [0, 0, 1]]), json!([[1, 2, 0], [2, 5, 0], [1, 5, 0], [1, 2, 0]])];
    let polygons = [json!({"rings": [hole, shell]}), Value::Null];
    let layers = [Case::points(2, &columns), Case::new(Some(GeometryKind::Polygon), "z", &polygons, &columns)];
    let names = ["geopackage", "flatgeobuf", "shapefile", "geoparquet", "geojson"];
    for format in formats().into_iter().filter(|format| names.contains(&format.info().name)) {
        for layer in &layers {
            let dir = tempfile::tempdir().unwrap();
            let name = format.info().name;
            let path = dir.path().join(format!("layer.{}", format.info().endings[0]));
            layer.write(format, &path);
            let ours = Read::of(name, &path);
            let theirs = Read::of_csv(name, Command::new("python3").args([READ, "frame", path.to_str().unwrap()]));
            assert_eq!(theirs.rows.len(), 2, "{name}");
            for row in 0..2 {
                assert_eq!(ours.geometry(row).1, theirs.geometry(row).1, "{name}");
                let cells = &theirs.rows[row];
                assert_eq!((cells["TEXT"].as_str(), cells["BIG"].as_str()), (text, "9007199254740993"), "{name}");
                assert!(cells["REAL"] == "0.1" && cells["SEEN"].starts_with("2023-11-14"), "{name}: {cells:?}");
            }
        }
    }
}

#[test]
fn rows_of_several_kinds_arrive_where_the_format_holds_them() {
    let point = json!({"x": 1, "y": 2});
    let line = json!({"paths": [[[0, 0], [5, 5]]]});
    let polygon = json!({"rings": [[[0, 0], [0, 9], [9, 9], [0, 0]]]});
    let case = Case::new(Some(GeometryKind::Mixed), "", &[point, line, polygon, Value::Null], &[]);
    for format in formats() {
        let name = format.info().name;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("layer.{}", format.info().endings[0]));
        let Some(report) = case.write(format, &path) else { continue };
        let files = &report.layers[0].outputs[0].files;
        // A Shapefile has a part for each kind.
        let parts = files.iter().filter(|file| file.extension() == path.extension());
        let mut kinds: Vec<(i64, String)> = Vec::new();
        for read in parts.map(|part| Read::of(name, part)) {
            let kind = |row: usize| (read.rows[row]["N"].parse().unwrap(), read.geometry(row).0);
            kinds.extend((0..read.rows.len()).map(kind));
        }
        kinds.sort();
        let words: Vec<&str> = kinds.iter().map(|(_, kind)| kind.split_whitespace().next().unwrap_or_default()).collect();
        assert_eq!(words, ["POINT", "LINESTRING", "POLYGON", ""], "{name}");
    }
}
