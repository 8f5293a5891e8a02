//! Spatial references that nobody knows, names or may guess.

use super::{ROOT, broken_site, export_says, output_says};
use crate::Desk;

#[test]
fn an_unknown_spatial_reference_in_an_option_is_wrong_usage() {
    let desk = Desk::new();
    output_says(
        &desk,
        &["-o", "a.geojson", "--crs", "EPSG:1"],
        2,
        "
        error: --crs: the spatial reference EPSG:1 is not known
        cause: PROJ: proj_create_from_database: crs not found
        hint: write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--crs", "moon"],
        2,
        "
        error: --crs: the spatial reference moon is not known
        hint: write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--assume-crs", "999999"],
        2,
        "
        error: --assume-crs: the spatial reference wkid 999999 is not known
        cause: PROJ: proj_create_from_database: crs not found
        hint: write EPSG:27700, ESRI:102001, a bare wkid, WKT, or @file.prj
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--crs", "@none.prj"],
        1,
        "
        error: can't read the spatial reference
        cause: no such file or directory
        where: none.prj
        hint: check the path
    ",
    );
    output_says(
        &desk,
        &["-o", "a.geojson", "--project", "server"],
        2,
        "
        error: --project server does not say into which spatial reference
        hint: name it: --project server --crs EPSG:4326
    ",
    );
}

#[test]
fn a_missing_spatial_reference_is_never_guessed() {
    export_says(
        "/Nowhere/FeatureServer/0",
        &[],
        1,
        r#"
        error: the layer names no spatial reference
        cause: GeoJSON needs it to give WGS 84
        where: "Nowhere"
        hint: say what it is with --assume-crs, such as --assume-crs EPSG:25832, or keep the coordinates as they are with --crs native
    "#,
    );
    export_says(
        "/Nowhere/FeatureServer/0",
        &["-o", "a.kmz"],
        1,
        r#"
        error: the layer names no spatial reference
        cause: GeoJSON needs it to give WGS 84
        where: "Nowhere"
        hint: say what it is with --assume-crs, such as --assume-crs EPSG:25832, or keep the coordinates as they are with --crs native
    "#,
    );
}

#[test]
fn a_spatial_reference_that_nobody_knows_is_never_replaced() {
    export_says(
        "/Local/FeatureServer/0",
        &[],
        1,
        r#"
        error: the layer's spatial reference, wkid 999999, is not known
        cause: GeoJSON needs it to give WGS 84
        where: "Local"
        hint: say what it is with --assume-crs, such as --assume-crs EPSG:25832, or keep the coordinates as they are with --crs native
    "#,
    );
}

#[test]
fn a_ballpark_transformation_is_refused_unless_it_is_allowed() {
    export_says(
        "/Sphere/FeatureServer/0",
        &[],
        1,
        r#"
        error: no exact way is known from ESRI:53003 (Sphere_Miller_Cylindrical) to EPSG:4326 (WGS 84)
        cause: only a ballpark transformation without datum shift, which may be off by hundreds of metres
        where: "Sphere"
        hint: keep the layer's own with --crs native, or accept it with --allow-ballpark
    "#,
    );
    let (server, desk) = broken_site();
    let url = server.url(&format!("{ROOT}/Sphere/FeatureServer/0"));
    let said = desk.ok(&["export", url.as_str(), "-o", "a.geojson", "--allow-ballpark"]);
    assert!(said.contains("ballpark: no datum shift"), "{said}");
}
