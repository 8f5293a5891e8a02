"""Compares `geohaul convert` with the coordinates that arcgis2geojson's own tests expect.

    python3 tests/corpus/pairs.py path/to/geohaul pairs.json

Rings are compared from any vertex on and without repeated vertices. Pairs that are left out are listed with the reason.
"""

import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path

LEFT_OUT = {
    "test_parse_arcgis_multipoint_to_geojson_multipoint": "its points are nested one level too deep for any reader",
    "test_warning_if_crs_not_4326": "geohaul reprojects to WGS 84 where the neighbour warns",
    "test_warning_if_true_curve_element": "geohaul densifies curves where the neighbour gives null",
    "test_do_not_modify_original_arcgis_geometry": "it is about Python objects",
}


def expected(pair):
    """Coordinates that the pair asserts, where it asserts any as a literal."""
    for check in pair["asserts"]:
        wanted = [a for a in check["args"] if isinstance(a, str) and a.endswith("['coordinates']")]
        literal = [a for a in check["args"] if isinstance(a, str) and a.startswith("[")]
        if check["assert"] == "assertEqual" and wanted and literal:
            return ast.literal_eval(literal[0])
    return None


def plain(coordinates):
    """The same for rings that differ in their first vertex and their order only."""
    if not coordinates or not isinstance(coordinates[0], list):
        return coordinates
    if isinstance(coordinates[0][0], list):
        parts = [plain(part) for part in coordinates]
        # Holes and polygons come in any order.
        is_polygon = isinstance(parts[0][0], list) and not isinstance(parts[0][0][0], list)
        return parts[:1] + sorted(parts[1:]) if is_polygon else sorted(parts)
    once = [v for at, v in enumerate(coordinates) if at == 0 or v != coordinates[at - 1]]
    if len(once) > 3 and once[0] == once[-1]:
        ring = once[:-1]
        start = ring.index(min(ring))
        return ring[start:] + ring[:start]
    return once


def main():
    geohaul, pairs = Path(sys.argv[1]).resolve(), json.loads(Path(sys.argv[2]).read_text())
    compared, failures = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        for number, pair in enumerate(pairs):
            name, wanted = pair["test"], expected(pair)
            if name in LEFT_OUT:
                print(f"left out: {name}: {LEFT_OUT[name]}")
                continue
            if wanted is None:
                continue
            given = pair["input"]
            given = given if isinstance(given, dict) else ast.literal_eval(given)
            geometry = given.get("geometry", given)
            feature_set = {"spatialReference": {"wkid": 4326}, "features": [{"attributes": {}, "geometry": geometry}]}
            source, out = Path(scratch) / f"{number}.json", Path(scratch) / f"{number}.geojson"
            source.write_text(json.dumps(feature_set))
            done = subprocess.run([geohaul, "convert", source, "-o", out], capture_output=True, text=True)
            if done.returncode:
                failures.append(f"{name}: {done.stderr}")
                continue
            found = json.loads(out.read_text())["features"][0]["geometry"]["coordinates"]
            compared += 1
            if plain(found) != plain(wanted):
                failures.append(f"{name}: {found} and not {wanted}")
    print(f"{compared} pairs compared")
    for failure in failures:
        print("FAIL", failure)
    sys.exit(1 if failures or compared < 10 else 0)


if __name__ == "__main__":
    main()
