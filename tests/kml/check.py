"""Judges the KMZ and KML that `geohaul convert` writes of every Esri feature set under some folders: it must be valid against
the schema of KML 2.2 (as the package pykml brings it), and both of GDAL's drivers must find the rows, polygons and holes
that are in the file.

    python3 tests/kml/check.py path/to/geohaul FOLDER...
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pykml
from lxml import etree

KML = "{http://www.opengis.net/kml/2.2}"


def schema():
    return etree.XMLSchema(etree.parse(str(Path(pykml.__file__).parent / "schemas" / "ogckml22.xsd")))


def counts_of(root):
    """Rows, and rings of each role, that stand in the document."""
    count = lambda name: sum(1 for _ in root.iter(KML + name))
    return count("Placemark"), count("outerBoundaryIs"), count("innerBoundaryIs")


def counts_by(driver, path):
    """The same as a driver of GDAL reads them: every layer as GeoJSON."""
    config = ["--config", "OGR_SKIP", "KML" if driver == "LIBKML" else "LIBKML"]
    listed = subprocess.run(["ogrinfo", "-ro", "-q", *config, str(path)], capture_output=True, text=True)
    rows = shells = holes = 0
    for line in listed.stdout.splitlines():
        name = line.split(": ", 1)[1].rsplit(" (", 1)[0]
        done = subprocess.run(
            ["ogr2ogr", *config, "-f", "GeoJSON", "/vsistdout/", str(path), name], capture_output=True, text=True
        )
        if done.returncode:
            raise ValueError(f"{driver}: {done.stderr[:200]}")
        for feature in json.loads(done.stdout)["features"]:
            rows += 1
            for polygon in polygons(feature["geometry"]):
                shells += 1
                holes += len(polygon) - 1
    return rows, shells, holes


def polygons(geometry):
    match geometry and geometry["type"]:
        case "Polygon":
            return [geometry["coordinates"]]
        case "MultiPolygon":
            return geometry["coordinates"]
        case "GeometryCollection":
            return [polygon for member in geometry["geometries"] for polygon in polygons(member)]
    return []


def main():
    geohaul, folders = Path(sys.argv[1]).resolve(), sys.argv[2:]
    valid, failures, judged = schema(), [], 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, file in enumerate(sorted(p for folder in folders for p in Path(folder).rglob("*.json"))):
            kmz = Path(scratch) / f"{number}.kmz"
            more = ["--allow-partial", "--allow-ballpark", "--domains", "both"]
            kml = kmz.with_suffix(".kml")
            done = subprocess.run([geohaul, "convert", file, "-o", kmz, "-o", kml, *more], capture_output=True)
            if not kmz.exists():
                if done.returncode not in (1, 2):
                    failures.append(f"{file}: status {done.returncode}")
                continue
            judged += 1
            root = etree.fromstring(zipfile.ZipFile(kmz).read("doc.kml"), etree.XMLParser(huge_tree=True))
            plain = etree.parse(str(kml), etree.XMLParser(huge_tree=True)).getroot()
            for document in (root, plain):
                if not valid.validate(document):
                    failures.append(f"{file}: {valid.error_log.last_error}")
            if counts_of(plain) != counts_of(root):
                failures.append(f"{file}: KML and KMZ differ")
            there = counts_of(root)
            for driver, path in (("LIBKML", kmz), ("KML", kml)):
                try:
                    read = counts_by(driver, path)
                except ValueError as fault:
                    failures.append(f"{file}: {fault}")
                    continue
                # The driver KML leaves out rows without geometry.
                without = sum(1 for p in root.iter(KML + "Placemark") if next(p.iter(KML + "coordinates"), None) is None)
                expected = (there[0] - without, *there[1:]) if driver == "KML" else there
                if read != expected and not (driver == "KML" and read == there):
                    failures.append(f"{file}: rows, shells, holes {expected}, and {driver} reads {read}")
    print(f"{judged} documents")
    for failure in failures:
        print("FAIL", failure)
    sys.exit(1 if failures or not judged else 0)


if __name__ == "__main__":
    main()
