"""Judges an export from Koop (serve.mjs): the countries in each output are those that Koop was given.

    python3 tests/koop/compare.py SOURCE.geojson FOLDER hashed|numbered json|pbf

FOLDER holds NAME.geojson, NAME.shp and NAME.kmz of one run, in this order, and its report NAME.report.json. Ends with status 1 and says
where they differ.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "corpus"))
import outputs
import truth
from compare import Said, compare

GRID = 0.6e-9
TYPES = {"fid": "esriFieldTypeInteger", "name": None, "iso_n3": None, "note": None, "share": None, "big": None}


def main():
    source, folder, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    layer = truth.from_geojson(json.loads(source.read_text()), TYPES, "fid" if name == "numbered" else None)
    files = [
        (outputs.geojson(folder / f"{name}.geojson", rfc7946=True), "json"),
        (outputs.shp(folder / f"{name}.shp"), "dbf"),
        (outputs.kmz(folder / f"{name}.kmz"), "kml"),
    ]
    faults = []
    if name == "hashed":
        # Only Koop knows its hashes: they must be different, and the same in every output.
        hashes = {row.attributes["fid"]: row.id for row in files[0][0].rows}
        if len(set(hashes.values())) != len(layer.rows):
            faults.append("object ids are missing or come twice")
        layer.types = {"OBJECTID": "esriFieldTypeOID", **TYPES}
        for row in layer.rows:
            row.id = row.attributes["OBJECTID"] = hashes.get(row.attributes["fid"])
    # Coordinates in PBF lie on a grid of 1e-9 degrees.
    tolerance = GRID if sys.argv[4] == "pbf" else None
    for at, (output, form) in enumerate(files):
        # The order of the rows is the server's.
        order = sorted(range(len(output.rows)), key=lambda row: int(output.rows[row].attributes["fid"]))
        output.rows = [output.rows[row] for row in order]
        output.polygons = output.polygons and [output.polygons[row] for row in order]
        report = json.loads((folder / f"{name}.report.json").read_text())
        report["layers"][0]["outputs"] = report["layers"][0]["outputs"][at:]
        faults += [f"{form}: {fault}" for fault in compare(layer, output, Said(report), form, [r.shape for r in layer.rows], tolerance)]
    for fault in faults:
        print(f"FAIL {name}, {fault}")
    print(f"{name}: {len(layer.rows)} countries, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
