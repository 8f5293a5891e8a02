//! Spatial references from a saved answer to files: what the files say of their coordinates, transformations by name,
//! heights, rows that have no place in the new system. GDAL reads the files.

#![cfg(all(feature = "cli", feature = "gdal"))]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::process::{Command, Output};

use serde_json::{Value, json};

/// Converts one layer in a folder of its own.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with(kind: &str, reference: Value, has_z: bool, geometries: &[Value]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let row = |(at, geometry)| json!({"attributes": {"FID": at + 1}, "geometry": geometry});
        let rows: Vec<Value> = geometries.iter().enumerate().map(row).collect();
        let fields = json!([{"name": "FID", "type": "esriFieldTypeOID"}]);
        let set = json!({"geometryType": kind, "hasZ": has_z, "spatialReference": reference, "fields": fields, "features": rows});
        std::fs::write(desk.0.path().join("in.json"), set.to_string()).unwrap();
        desk
    }

    /// Points, as x, y and perhaps z.
    fn of_points(reference: Value, points: &[&[f64]]) -> Self {
        let point = |at: &&[f64]| {
            if at.len() > 2 { json!({"x": at[0], "y": at[1], "z": at[2]}) } else { json!({"x": at[0], "y": at[1]}) }
        };
        let points_: Vec<Value> = points.iter().map(point).collect();
        Self::with("esriGeometryPoint", reference, points[0].len() > 2, &points_)
    }

    fn convert(&self, args: &[&str]) -> Output {
        let mut geohaul = Command::new(env!("CARGO_BIN_EXE_geohaul"));
        geohaul.current_dir(self.0.path()).args(["convert", "in.json", "--report", "report.json", "--overwrite"]).args(args);
        geohaul.output().unwrap()
    }

    fn report(&self, args: &[&str]) -> Value {
        let done = self.convert(args);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_str(&self.read("report.json")).unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn geometries(&self, name: &str) -> Vec<Value> {
        let collection: Value = serde_json::from_str(&self.read(name)).unwrap();
        collection["features"].as_array().unwrap().iter().map(|feature| feature["geometry"].clone()).collect()
    }

    fn ogrinfo(&self, name: &str) -> String {
        let done = Command::new("ogrinfo").current_dir(self.0.path()).args(["-ro", "-so", "-al", name]).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    }
}

/// The code that GDAL finds for the layer as a whole.
fn code(ogrinfo: &str) -> Option<String> {
    let system = ogrinfo.split("Layer SRS WKT:").nth(1)?.split("Data axis to CRS axis mapping").next()?;
    let id = system.rsplit("ID[").next()?.split(']').next()?;
    Some(id.replace('"', "").replace(',', ":"))
}

#[test]
fn geojson_that_can_not_say_what_its_coordinates_are_warns_of_it() {
    let local = "PROJCS[\"Site\",GEOGCS[\"GCS_WGS_1984\",DATUM[\"D_WGS_1984\",SPHEROID[\"WGS_1984\",6378137.0,298.257223563]],\
        PRIMEM[\"Greenwich\",0.0],UNIT[\"Degree\",0.0174532925199433]],PROJECTION[\"Transverse_Mercator\"],PARAMETER[\"False_Easting\",7.0],\
        PARAMETER[\"False_Northing\",8.0],PARAMETER[\"Central_Meridian\",10.5],PARAMETER[\"Scale_Factor\",0.9999],\
        PARAMETER[\"Latitude_Of_Origin\",50.0],UNIT[\"Meter\",1.0]]";
    for (reference, crs, expected) in [
        (json!({"wkt": local}), "native", [1, 1]),
        (json!({"wkid": 25_832}), "native", [0, 1]),
        (json!({"wkid": 25_832}), "EPSG:4326", [0, 0]),
        (json!({"wkt": local}), "EPSG:4326", [0, 0]),
    ] {
        let desk = Desk::of_points(reference, &[&[500_000.0, 5_000_000.0]]);
        let report = desk.report(&["-o", "a.geojson", "-o", "a.geojsonl", "--crs", crs]);
        let warned = |at: usize| {
            let warnings = report["layers"][0]["outputs"][at]["warnings"].as_array().unwrap();
            warnings.iter().filter(|words| words.as_str().unwrap().contains("readers take them for WGS 84")).count()
        };
        assert_eq!([0, 1].map(warned), expected, "{crs}: {report}");
    }
}

#[test]
fn every_format_says_what_its_coordinates_are_and_gdal_reads_that() {
    for (wkid, x, y) in [
        (27_700, 530_000.0, 180_000.0),
        (28_992, 155_000.0, 463_000.0),
        (2225, 6_000_000.0, 2_000_000.0),
        (5514, -740_000.0, -1_040_000.0),
        (102_039, 0.0, 1_500_000.0),
        (102_100, 1_500_000.0, 6_900_000.0),
        (54_003, 1_000_000.0, 2_000_000.0),
        (2193, 1_750_000.0, 5_900_000.0),
        (3338, 0.0, 1_000_000.0),
        (2222, 700_000.0, 500_000.0),
        (21_781, 600_000.0, 200_000.0),
        (4269, -100.0, 40.0),
    ] {
        let desk = Desk::of_points(json!({"wkid": wkid}), &[&[x, y]]);
        desk.report(&["-o", "a.shp", "-o", "a.gpkg"]);
        desk.report(&["-o", "a.geojson", "--crs", "native"]);
        let expected = match wkid {
            102_100 => "EPSG:3857".to_owned(),
            wkid if wkid > 32_767 => format!("ESRI:{wkid}"),
            wkid => format!("EPSG:{wkid}"),
        };
        for file in ["a.shp", "a.gpkg", "a.geojson"] {
            assert_eq!(code(&desk.ogrinfo(file)).as_deref(), Some(expected.as_str()), "{file} of {wkid}: {}", desk.ogrinfo(file));
        }
        desk.report(&["-o", "b.geojson", "-o", "b.kmz", "--allow-ballpark"]);
        assert_eq!(code(&desk.ogrinfo("b.geojson")).as_deref(), Some("EPSG:4326"));
        assert_eq!(code(&desk.ogrinfo("b.kmz")).as_deref(), Some("EPSG:4326"));
    }
}

#[test]
fn heights_say_what_they_are_measured_from() {
    let desk =
        Desk::of_points(json!({"wkid": 26_910, "vcsWkid": 105_703, "latestVcsWkid": 6360}), &[&[500_000.0, 4_000_000.0, 12.5]]);
    let report = desk.report(&["-o", "a.shp"]);
    assert_eq!(report["layers"][0]["verticalReference"], "NAVD88_height_(ftUS) (vertical wkid 6360)");
    let seen = desk.ogrinfo("a.shp");
    assert!(
        seen.contains("COMPOUNDCRS[") && seen.contains("NAVD88 height (ftUS)") && seen.contains("NAD83 / UTM zone 10N"),
        "{seen}"
    );
    let unknown = Desk::of_points(json!({"wkid": 26_910, "vcsWkid": 7}), &[&[500_000.0, 4_000_000.0, 12.5]]);
    let report = unknown.report(&["-o", "a.shp"]);
    let warning = report["layers"][0]["outputs"][0]["warnings"][0].as_str().unwrap();
    assert!(warning.contains("vertical wkid 7"), "{warning}");
    assert_eq!(code(&unknown.ogrinfo("a.shp")).as_deref(), Some("EPSG:26910"));
}

#[test]
fn heights_stay_as_they_are_whatever_becomes_of_x_and_y() {
    let desk =
        Desk::of_points(json!({"wkid": 26_910, "vcsWkid": 105_703, "latestVcsWkid": 6360}), &[&[500_000.0, 4_000_000.0, 12.5]]);
    desk.report(&["-o", "a.geojson"]);
    assert_eq!(desk.geometries("a.geojson")[0]["coordinates"][2], 12.5);
    desk.report(&["-o", "a.esrijson"]);
    let set: Value = serde_json::from_str(&desk.read("a.esrijson")).unwrap();
    assert_eq!(set["spatialReference"], json!({"wkid": 26_910, "vcsWkid": 6360}));
}

#[test]
fn a_code_that_nobody_knows_is_kept_by_formats_of_the_layers_own_and_never_replaced() {
    let desk = Desk::of_points(json!({"wkid": 2_000_001}), &[&[1.5, 2.5]]);
    let report = desk.report(&["-o", "a.gpkg", "-o", "a.shp"]);
    assert!(report["layers"][0]["spatialReference"].as_str().unwrap().contains("2000001"), "{report}");
    assert!(report["warnings"][0].as_str().unwrap().contains("wkid 2000001, is not known here"), "{report}");
    assert!(!desk.0.path().join("a.prj").exists() && desk.ogrinfo("a.gpkg").contains("Extent: (1.500000, 2.500000)"));
    let refused = desk.convert(&["-o", "b.geojson"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("2000001") && words.contains("--assume-crs"), "{words}");
}

#[test]
fn multipatches_are_refused_by_name_with_the_way_to_footprints() {
    let desk = Desk::with("esriGeometryMultiPatch", json!({"wkid": 4326}), true, &[json!({"rings": []})]);
    let words = String::from_utf8(desk.convert(&["-o", "a.geojson"]).stderr).unwrap();
    assert!(words.contains("multipatch") && words.contains("xyFootprint"), "{words}");
}

#[test]
fn curves_come_within_the_tolerance_that_the_spatial_reference_has_itself() {
    let circle = json!({"curveRings": [[[10, 0], {"a": [[10, 0], [0, 0], 0, 1]}]]});
    let vertices = |reference: Value| {
        let desk = Desk::with("esriGeometryPolygon", reference, false, std::slice::from_ref(&circle));
        desk.report(&["-o", "a.geojson", "--crs", "native"]);
        let ring = desk.geometries("a.geojson")[0]["coordinates"][0].as_array().unwrap().clone();
        // The middle of each edge is as far from the circle as any of its points.
        for edge in ring.windows(2) {
            let middle = [0, 1].map(|axis| f64::midpoint(edge[0][axis].as_f64().unwrap(), edge[1][axis].as_f64().unwrap()));
            assert!(10.0 - middle[0].hypot(middle[1]) <= 0.01);
        }
        ring.len()
    };
    let usual = vertices(json!({"wkid": 3857}));
    let fine = vertices(json!({"wkid": 3857, "xyTolerance": 0.000_01}));
    assert!(fine > 5 * usual, "{fine} and {usual}");
}

#[test]
fn a_system_that_esris_dialect_has_no_words_for_gets_no_prj_and_a_warning() {
    for wkid in [5482, 8044, 2218] {
        let desk = Desk::of_points(json!({"wkid": wkid}), &[&[1000.0, 2000.0]]);
        let report = desk.report(&["-o", "a.shp"]);
        let warning = report["layers"][0]["outputs"][0]["warnings"][0].as_str().unwrap();
        assert!(warning.contains("no .prj was written") && warning.contains(&wkid.to_string()), "{warning}");
        assert!(!desk.0.path().join("a.prj").exists());
    }
}

#[test]
fn geographic_systems_that_proj_does_not_know_come_from_esris_list() {
    // The moon of Pluto.
    let desk = Desk::of_points(json!({"wkid": 104_999, "latestWkid": 104_999}), &[&[10.0, 20.0]]);
    desk.report(&["-o", "a.shp"]);
    assert!(desk.read("a.prj").starts_with(r#"GEOGCS["Charon_2015",DATUM["Charon_2015",SPHEROID["Charon_2015",606000.0,0.0]]"#));
}

#[test]
fn a_transformation_is_taken_by_its_name_or_its_code() {
    let desk = Desk::of_points(json!({"wkid": 4230}), &[&[10.0, 50.0]]);
    let at = |args: &[&str]| {
        let report = desk.report(&[&["-o", "a.geojson"], args].concat());
        let point = desk.geometries("a.geojson").remove(0)["coordinates"].clone();
        let reprojection = report["layers"][0]["outputs"][0]["reprojection"].as_str().unwrap().to_owned();
        ([point[0].as_f64().unwrap(), point[1].as_f64().unwrap()], reprojection)
    };
    let (one, said) = at(&["--transformation", "ED50 to WGS 84 (1)"]);
    assert!(said.contains("by ED50 to WGS 84 (1), accuracy 10 m"), "{said}");
    let (by_code, said) = at(&["--transformation", "EPSG:1133"]);
    assert!(said.contains("ED50 to WGS 84 (1)"), "{said}");
    assert_eq!(one, by_code);
    let (other, said) = at(&["--transformation", "ED50 to WGS 84 (2)"]);
    assert!(said.contains("ED50 to WGS 84 (2)"), "{said}");
    let apart = (0..2).map(|axis| (one[axis] - other[axis]).abs()).fold(0.0, f64::max);
    assert!(apart > 1e-7 && apart < 1e-3, "{one:?} {other:?}");
    // The same by GDAL: the parameters of EPSG:1133 are a shift of the centre.
    let mut gdal = Command::new("gdaltransform");
    let pipeline = "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=push +v_3 +step +proj=cart +ellps=intl \
                    +step +proj=helmert +x=-87 +y=-98 +z=-121 +step +inv +proj=cart +ellps=WGS84 +step +proj=pop +v_3 \
                    +step +proj=unitconvert +xy_in=rad +xy_out=deg";
    let done = gdal.args(["-ct", pipeline, "-output_xy"]).arg("-coord").args(["10", "50"]).output().unwrap();
    let by_gdal: Vec<f64> = String::from_utf8(done.stdout).unwrap().split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert!((by_gdal[0] - one[0]).abs() < 1e-8 && (by_gdal[1] - one[1]).abs() < 1e-8, "{by_gdal:?} {one:?}");
    let refused = desk.convert(&["-o", "b.geojson", "--transformation", "Atlantis 1"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("Atlantis 1") && words.contains("ED50 to WGS 84 (1)"), "{words}");
}

#[test]
fn geometries_without_a_place_in_the_new_system_are_named_one_by_one() {
    let desk =
        Desk::of_points(json!({"wkid": 32_633}), &[&[500_000.0, 5e6], &[1e30, 0.0], &[600_000.0, 5e6], &[500_000.0, -1e30]]);
    let report = desk.report(&["-o", "a.geojson"]);
    let loss = &report["layers"][0]["outputs"][0]["losses"][0];
    assert_eq!((&loss["kind"], &loss["count"]), (&json!("not-transformed"), &json!(2)));
    assert_eq!((&loss["first"], &loss["further"]), (&json!("object id 2"), &json!(["object id 4"])));
    let geometries = desk.geometries("a.geojson");
    assert!(geometries[1].is_null() && !geometries[2].is_null() && geometries[3].is_null());
}

#[test]
fn wgs84_that_is_asked_for_is_cut_at_the_antimeridian_like_wgs84_by_rule() {
    // Alaska Albers, around the 180th meridian at 52 degrees north.
    let ring = json!({"rings": [[[-1_700_000, 400_000], [-1_700_000, 700_000], [-2_300_000, 700_000], [-2_300_000, 400_000], [-1_700_000, 400_000]]]});
    let desk = Desk::with("esriGeometryPolygon", json!({"wkid": 3338}), false, &[ring]);
    desk.report(&["-o", "rule.geojson"]);
    desk.report(&["-o", "asked.geojson", "-o", "asked.shp", "--crs", "EPSG:4326"]);
    let [rule, asked] = ["rule.geojson", "asked.geojson"].map(|name| desk.geometries(name));
    assert_eq!(rule, asked);
    assert_eq!(asked[0]["type"], "MultiPolygon");
    let seen = desk.ogrinfo("asked.shp");
    assert!(seen.contains("Extent: (-180.000000") && seen.contains("- (180.000000"), "{seen}");
}

#[test]
fn promote_multi_makes_all_features_of_one_type() {
    let single = json!({"rings": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]});
    let double = json!({"rings": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]], [[5, 0], [5, 1], [6, 1], [6, 0], [5, 0]]]});
    let desk = Desk::with("esriGeometryPolygon", json!({"wkid": 4326}), false, &[single, double]);
    let types =
        |desk: &Desk| desk.geometries("a.geojson").iter().map(|g| g["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    desk.report(&["-o", "a.geojson"]);
    assert_eq!(types(&desk), ["Polygon", "MultiPolygon"]);
    desk.report(&["-o", "a.geojson", "-o", "a.kmz", "--promote-multi"]);
    assert_eq!(types(&desk), ["MultiPolygon"; 2]);
}

/// The kinds of the geometries of a file, and the values of FID, as GDAL reads them.
fn kinds_and_ids(desk: &Desk, file: &str) -> (Vec<String>, Vec<String>) {
    let done = Command::new("ogrinfo").current_dir(desk.0.path()).args(["-ro", "-q", "-al", file]).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let lines = |starts: &[&str]| -> Vec<String> {
        let trimmed = text.lines().map(str::trim).filter(|line| starts.iter().any(|start| line.starts_with(start)));
        trimmed.map(|line| line.split([' ', '(']).next().unwrap().to_owned()).collect()
    };
    let ids = text.lines().filter(|line| line.trim_start().starts_with("FID (") || line.trim_start().starts_with("FID_1 ("));
    (lines(&["POLYGON", "MULTI", "LINESTRING", "POINT"]), ids.map(|line| line.rsplit(" = ").next().unwrap().to_owned()).collect())
}

#[test]
#[cfg(feature = "geopackage")]
fn promote_multi_and_explode_hold_in_every_format() {
    let single = json!({"paths": [[[0, 0], [0, 1]]]});
    let double = json!({"paths": [[[0, 0], [0, 1]], [[5, 0], [5, 1]]]});
    let desk = Desk::with("esriGeometryPolyline", json!({"wkid": 4326}), false, &[single, double]);
    let all = ["a.gpkg", "a.fgb", "a.gdb", "a.geojson", "a.geojsonl", "a.csv"];
    let outputs: Vec<&str> = all.iter().flat_map(|file| ["-o", file]).chain(["--geometry", "wkt"]).collect();
    desk.report(&[&outputs[..], &["--promote-multi"]].concat());
    for file in all {
        let seen = if file == "a.csv" { desk.read(file) } else { kinds_and_ids(&desk, file).0.join(" ") };
        assert_eq!(seen.matches("MULTILINESTRING").count(), 2, "{file}: {seen}");
        assert_eq!(seen.matches("LINESTRING").count(), 2, "{file}: {seen}");
    }
    let report = desk.report(&[&outputs[..], &["--explode"]].concat());
    for (at, file) in all.iter().enumerate() {
        // The parts of a feature share its object id, so it is a column there and no id of rows.
        let losses = &report["layers"][0]["outputs"][at]["losses"];
        assert!(!losses.to_string().contains("value-dropped"), "{file}: {losses}");
        if *file == "a.csv" {
            assert_eq!(desk.read(file).matches("LINESTRING").count(), 3);
            continue;
        }
        let (kinds, ids) = kinds_and_ids(&desk, file);
        assert_eq!(kinds.len(), 3, "{file}");
        if !file.contains("geojson") {
            assert_eq!(ids, ["1", "2", "2"], "{file}");
        }
    }
    let points = json!({"points": [[1, 2], [3, 4]]});
    let desk = Desk::with("esriGeometryMultipoint", json!({"wkid": 4326}), false, &[points]);
    desk.report(&["-o", "b.gpkg", "-o", "b.fgb", "-o", "b.gdb", "-o", "b.shp", "-o", "b.geojsonl", "--explode"]);
    for file in ["b.gpkg", "b.fgb", "b.gdb", "b.shp", "b.geojsonl"] {
        assert_eq!(kinds_and_ids(&desk, file).0, ["POINT", "POINT"], "{file}");
    }
}
