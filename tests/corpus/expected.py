"""Compares `geohaul convert` with the WKT that GDAL's own tests expect of its files (EXPECTED.json).

    python3 tests/corpus/expected.py path/to/geohaul OSGeo-gdal-esrijson

`ogrinfo` reads what geohaul wrote. Rings are compared from any vertex on and in both directions, and so is which of them
is a hole of which.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path


# What is another polygon on purpose, of the same rings.
NESTED_OTHERWISE = {
    "esripolygon.json": "a clockwise ring is a shell in Esri JSON, also inside another; GDAL makes it a hole",
}


def vertex(text):
    return tuple(float(number) for number in text.split())


def canonical(wkt):
    """The dimensions, and the vertices of all parts, however they are turned and ordered."""
    wkt = wkt.strip()
    kind = re.match(r"(?:MULTI)?([A-Z]+)(?: (Z|M|ZM))?", wkt)
    parts = [[vertex(v) for v in part.split(",")] for part in re.findall(r"\(([^()]+)\)", wkt)]
    if kind[1] == "POLYGON":
        parts = [min(turned(part[:-1]), turned(part[-2::-1])) for part in parts]
    elif kind[1] == "POINT":
        parts = [sorted(v for part in parts for v in part)]
    return kind[1], kind[2], sorted(parts)


def nesting(wkt):
    """The rings of each polygon: the shell, and its holes in any order."""
    wkt = wkt.strip()
    if "POLYGON" not in wkt.split("(")[0]:
        return []
    body = re.sub(r"^(MULTI)?POLYGON[ ZM]*", "", wkt)
    body = body if wkt.startswith("MULTI") else f"({body})"
    polygons = re.findall(r"\((\([^()]+\)(?:\s*,\s*\([^()]+\))*)\)", body)
    found = []
    for polygon in polygons:
        shell, *holes = [canonical(f"POLYGON ({ring})")[2][0] for ring in re.findall(r"\([^()]+\)", polygon)]
        found.append((shell, sorted(holes)))
    return sorted(found)


def turned(ring):
    start = ring.index(min(ring))
    return ring[start:] + ring[:start]


def main():
    geohaul, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    compared, failures = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        for name, wanted in json.loads((folder / "EXPECTED.json").read_text()).items():
            source, out = folder / name, Path(scratch) / f"{name}.gpkg"
            if name == "note" or not source.is_file():
                print(f"left out: {name}: " + ("it is a note" if name == "note" else "the file is not in the corpus"))
                continue
            done = subprocess.run([geohaul, "convert", source, "-o", out], capture_output=True, text=True)
            if done.returncode:
                failures.append(f"{name}: {done.stderr}")
                continue
            info = subprocess.run(["ogrinfo", "-ro", "-q", "-al", out], capture_output=True, text=True).stdout
            found = next(line for line in info.splitlines() if re.match(r"  (MULTI)?(POINT|LINESTRING|POLYGON)", line))
            compared += 1
            alike = nesting(found) == nesting(wanted)
            if canonical(found) != canonical(wanted) or alike == (name in NESTED_OTHERWISE):
                failures.append(f"{name}: {found.strip()} and not {wanted}")
            elif not alike:
                print(f"nested otherwise: {name}: {NESTED_OTHERWISE[name]}")
    print(f"{compared} files compared")
    for failure in failures:
        print("FAIL", failure)
    sys.exit(1 if failures or not compared else 0)


if __name__ == "__main__":
    main()
