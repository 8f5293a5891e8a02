"""Compares `geohaul convert` with the WKT that GDAL's own tests expect of its files (EXPECTED.json).

    python3 tests/corpus/expected.py path/to/geohaul OSGeo-gdal-esrijson

`ogr2ogr` reads what geohaul wrote. Rings are compared from any vertex on and in both directions.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path


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
            if canonical(found) != canonical(wanted):
                failures.append(f"{name}: {found.strip()} and not {wanted}")
    print(f"{compared} files compared")
    for failure in failures:
        print("FAIL", failure)
    sys.exit(1 if failures or not compared else 0)


if __name__ == "__main__":
    main()
