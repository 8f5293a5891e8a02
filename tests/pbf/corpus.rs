//! Recorded answers of real servers. Those with a twin in JSON agree with it within half of their grid.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use geohaul::esri::pbf::{Answer, read};
use geohaul::model::{Batch, GeometryKind, Header, ShapeKind, Value};
use serde_json::Value as Json;

use super::decoding::parse;

/// The folder of recorded answers; `None` where it is not there, which is said aloud. It is not ours to copy.
fn corpus(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("GEOHAUL_CORPUS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    use std::io::Write as _;
    // A terminal that is gone is no reason to fail.
    let _ = writeln!(std::io::stderr(), "\nLEFT OUT: {test}, for want of {}", folder.display());
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "pbf") {
            found.push(path);
        }
    }
}

#[test]
fn every_recorded_answer_is_read() {
    let Some(corpus) = corpus("the recorded PBF") else { return };
    let mut found = Vec::new();
    files(&corpus, &mut found);
    assert!(found.len() >= 24, "{} files", found.len());
    for path in found {
        let body = std::fs::read(&path).unwrap();
        assert!(geohaul::esri::pbf::looks_like(&body), "{}", path.display());
        match read(&body).unwrap_or_else(|why| panic!("{}: {why}", path.display())) {
            Answer::Count(count) => assert_eq!(count, 3143),
            Answer::Ids(ids) => assert!(matches!(BTreeSet::from_iter(ids).len(), 3 | 3143)),
            Answer::Rows(rows) => {
                let (batch, header, losses) = parse(&body).unwrap();
                // Koop leaves vertices out, so that one ring of Russia falls flat.
                let whole = losses.is_empty() || path.ends_with("koop-live-recorded/ne-lowres-all.pbf");
                assert!(batch.rows() == rows.rows && rows.rows > 0 && whole, "{}: {losses:?}", path.display());
                let ids = header.object_id.map(|column| rows.object_ids(&body, &header.fields[column].name).unwrap());
                assert!(ids.is_none_or(|ids| ids.iter().all(Option::is_some)), "{}", path.display());
                let shapes = batch.geometry.kinds.iter().filter(|kind| **kind != ShapeKind::Null).count();
                assert_eq!(shapes, if header.geometry.is_some() { rows.rows } else { 0 }, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_table_and_a_quantised_answer_are_what_they_were_recorded_as() {
    let Some(corpus) = corpus("the recorded table") else { return };
    let (batch, header, _) = parse(&std::fs::read(corpus.join("R-ArcGIS-arcpbf/inst/small-table.pbf")).unwrap()).unwrap();
    assert_eq!((header.geometry, header.spatial_reference.clone(), batch.rows()), (None, None, 3));
    assert_eq!(text(&batch, &header, 0, "Accreditation_or_Approval_Statu"), "Accredited/Approved – In Process");
    assert_eq!(text(&batch, &header, 1, "DBA"), "null");
    let multipoint = parse(&std::fs::read(corpus.join("R-ArcGIS-arcpbf/inst/pbfs/multipoint.pbf")).unwrap()).unwrap();
    assert_eq!(multipoint.1.geometry, Some(GeometryKind::Multipoint));
    assert_eq!(multipoint.0.geometry.shape(0).xy().len(), 17);
}

fn text(batch: &Batch, header: &Header, row: usize, name: &str) -> String {
    batch.value(row, header.field_index(name).unwrap()).to_text().map_or("null".to_owned(), |text| text.into_owned())
}

/// One row as its twin has it: attributes, and vertices of all parts with z (NaN where there is none).
struct Row {
    attributes: serde_json::Map<String, Json>,
    vertices: Vec<[f64; 3]>,
}

fn vertices(value: &Json, into: &mut Vec<[f64; 3]>) {
    match value.as_array().map(Vec::as_slice) {
        Some(list @ [Json::Number(_), Json::Number(_), ..]) => {
            into.push([0, 1, 2].map(|at| list.get(at).and_then(Json::as_f64).unwrap_or(f64::NAN)));
        }
        Some(list) => list.iter().for_each(|value| vertices(value, into)),
        None => {}
    }
}

fn esri_rows(json: &Json) -> Vec<Row> {
    let row = |feature: &Json| {
        let mut list = Vec::new();
        let geometry = &feature["geometry"];
        if geometry["x"].is_number() {
            list.push(["x", "y", "z"].map(|key| geometry[key].as_f64().unwrap_or(f64::NAN)));
        }
        ["points", "paths", "rings"].iter().for_each(|key| vertices(&geometry[*key], &mut list));
        Row { attributes: feature["attributes"].as_object().unwrap().clone(), vertices: list }
    };
    json["features"].as_array().unwrap().iter().map(row).collect()
}

fn geojson_rows(json: &Json) -> Vec<Row> {
    let collection = if json["featureCollection"].is_object() { &json["featureCollection"] } else { json };
    let row = |feature: &Json| {
        let mut list = Vec::new();
        vertices(&feature["geometry"]["coordinates"], &mut list);
        Row { attributes: feature["properties"].as_object().unwrap().clone(), vertices: list }
    };
    collection["features"].as_array().unwrap().iter().map(row).collect()
}

/// What a comparison needs to know beyond the files.
#[derive(Clone, Copy)]
struct Twin {
    /// The twin's rings begin elsewhere, run the other way or repeat vertices, so vertices are compared as a set.
    as_set: bool,
    /// The field by which rows are found; `None` is by position.
    key: Option<&'static str>,
    /// Attributes that differ for a known reason.
    but: &'static [&'static str],
}

const PLAIN: Twin = Twin { as_set: false, key: None, but: &[] };

fn compare(pbf: &Path, twins: &[Row], how: Twin) {
    let body = std::fs::read(pbf).unwrap();
    let Ok(Answer::Rows(rows)) = read(&body) else { panic!("{}", pbf.display()) };
    let (batch, header, _) = parse(&body).unwrap();
    assert_eq!(batch.rows(), twins.len(), "{}", pbf.display());
    let by_key: HashMap<String, usize> = how.key.map_or_else(HashMap::new, |key| {
        twins.iter().enumerate().map(|(at, row)| (row.attributes[key].to_string().trim_matches('"').to_owned(), at)).collect()
    });
    let half = rows.grid.x.scale().abs() / 2.0 * 1.000_001;
    let half_z = rows.grid.z.map_or(0.0, |z| z.scale() / 2.0 * 1.000_001);
    let mut compared = 0;
    for row in 0..batch.rows() {
        let twin = &twins[how.key.map_or(row, |key| by_key[&text(&batch, &header, row, key)])];
        for (column, field) in header.fields.iter().enumerate().filter(|(_, field)| !how.but.contains(&field.name.as_str())) {
            // GeoJSON may leave the id out of the properties.
            let Some(expected) = twin.attributes.get(&field.name) else {
                assert!(Some(column) == header.object_id, "{}: {} is not in the twin", pbf.display(), field.name);
                continue;
            };
            let value = batch.value(row, column);
            let same = match (&value, expected) {
                (Value::Null, Json::Null) => true,
                (Value::Text(text), Json::String(other)) => text == other,
                (Value::Integer(value), Json::Number(other)) => other.as_f64() == Some(*value as f64),
                (Value::Real(value), Json::Number(other)) => other.as_f64() == Some(*value),
                _ => false,
            };
            assert!(same, "{}: {} is {value:?}, not {expected}", pbf.display(), field.name);
            compared += 1;
        }
        let z = batch.geometry.shape(row).z();
        let ours: Vec<[f64; 3]> = batch
            .geometry
            .shape(row)
            .xy()
            .iter()
            .enumerate()
            .map(|(at, [x, y])| [*x, *y, z.get(at).copied().unwrap_or(f64::NAN)])
            .collect();
        let theirs = &twin.vertices;
        let near = |a: &[f64; 3], b: &[f64; 3]| {
            (a[0] - b[0]).abs() <= half && (a[1] - b[1]).abs() <= half && (z.is_empty() || (a[2] - b[2]).abs() <= half_z)
        };
        let all_near = if how.as_set {
            ours.iter().all(|a| theirs.iter().any(|b| near(a, b))) && theirs.iter().all(|b| ours.iter().any(|a| near(a, b)))
        } else {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| near(a, b))
        };
        assert!(all_near, "{}: row {row}: {ours:?}, not {theirs:?}", pbf.display());
    }
    assert!(compared > 0);
}

fn json(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn answers_in_web_mercator_agree_with_their_json() {
    let Some(corpus) = corpus("PBF beside JSON") else { return };
    let mocks = corpus.join("Esri-arcgis-rest-js/packages/arcgis-rest-feature-service/test/mocks");
    for (pbf, twin) in [
        ("PBFLineHasZ", "LineHasZ"),
        ("PBFPointHasZ", "PointHasZ"),
        ("PBFPointHasM", "PointHasM"),
        ("PBFPointResponse", "arcGISPointResponse"),
        ("PBFLineResponse", "arcGISLineResponse"),
        ("PBFPolygonResponse", "arcGISPolygonResponse"),
    ] {
        let rows = esri_rows(&json(&mocks.join(format!("arcgis/{twin}.json"))));
        compare(&mocks.join(format!("pbf/CRS3857/{pbf}.pbf")), &rows, PLAIN);
    }
}

#[test]
fn no_m_and_the_lowest_m_are_the_same_in_pbf() {
    let Some(corpus) = corpus("m in PBF") else { return };
    let mocks = corpus.join("Esri-arcgis-rest-js/packages/arcgis-rest-feature-service/test/mocks");
    let (batch, ..) = parse(&std::fs::read(mocks.join("pbf/CRS3857/PBFPointHasM.pbf")).unwrap()).unwrap();
    let m: Vec<Option<f64>> = batch.geometry.m.iter().map(|m| m.is_finite().then_some(*m)).collect();
    assert_eq!(m, [None, Some(0.0), Some(12.34), Some(67.89), None]);
    let twin = json(&mocks.join("arcgis/PointHasM.json"));
    assert_eq!(
        (&twin["features"][0]["geometry"]["m"], &twin["features"][4]["geometry"]["m"]),
        (&Json::Null, &Json::from(-100_000))
    );
}

#[test]
fn answers_in_degrees_agree_with_their_geojson() {
    let Some(corpus) = corpus("PBF beside GeoJSON") else { return };
    let mocks = corpus.join("Esri-arcgis-rest-js/packages/arcgis-rest-feature-service/test/mocks");
    for (pbf, twin) in [
        ("PBFLineHasZCRS4326", "geoJSONLineHasZCRS4326"),
        ("PBFPointHasZCRS4326", "geoJSONPointHasZCRS4326"),
        ("PBFPointResponseCRS4326", "geoJSONPointResponse"),
        ("PBFLineResponseCRS4326", "geoJSONLineResponse"),
        ("PBFPolygonResponseCRS4326", "geoJSONPolygonResponse"),
    ] {
        let rows = geojson_rows(&json(&mocks.join(format!("geojson/{twin}.json"))));
        compare(&mocks.join(format!("pbf/CRS4326/{pbf}.pbf")), &rows, Twin { as_set: pbf.contains("Polygon"), ..PLAIN });
    }
}

#[test]
fn answers_agree_with_what_another_parser_made_of_them() {
    let Some(corpus) = corpus("PBF beside another parser's output") else { return };
    let test = corpus.join("rowanwins-arcgis-pbf-parser/test");
    for name in ["pbf-points", "pbf-lines-quantization"] {
        let rows = geojson_rows(&json(&test.join(format!("decoded/{name}.json"))));
        // The same integers: nothing is rounded but the sums.
        compare(&test.join(format!("encoded/{name}.pbf")), &rows, PLAIN);
    }
}

#[test]
fn koops_answer_agrees_with_the_data_that_koop_was_given() {
    let Some(corpus) = corpus("Koop's PBF beside its source") else { return };
    let source = geojson_rows(&json(&corpus.join("naturalearth-lowres-pyogrio/ne-lowres-attrs.geojson")));
    // The object id is Koop's own hash; it cuts the decimals off a column that is declared as integer.
    let how = Twin { as_set: true, key: Some("name"), but: &["OBJECTID", "gdp_md_est", "pop_est"] };
    compare(&corpus.join("koop-live-recorded/ne-lowres-all.pbf"), &source, how);
}
