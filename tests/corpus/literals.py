"""Makes feature sets of single geometries, so that `check.py` can judge them.

    python3 tests/corpus/literals.py literals.jsonl FOLDER

Each line has the text of an Esri JSON geometry out of another project's tests. Geometries of one kind and spatial
reference become the features of one file. What is left out is counted by its reason.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

KINDS = {
    "rings": "Polygon",
    "curveRings": "Polygon",
    "paths": "Polyline",
    "curvePaths": "Polyline",
    "points": "Multipoint",
    "xmin": "Envelope",
    "x": "Point",
}


def kind_of(geometry):
    return next((KINDS[key] for key in geometry if key in KINDS), None)


def is_announced(geometry):
    """Whether the geometry says what third and fourth numbers of its vertices are."""
    parts = [part for key in ("rings", "paths") for part in geometry.get(key) or []] + [geometry.get("points") or []]
    return "hasZ" in geometry or "hasM" in geometry or all(len(vertex) < 3 for part in parts for vertex in part)


def main():
    sets, left_out = defaultdict(list), Counter()
    for line in Path(sys.argv[1]).read_text().splitlines():
        try:
            geometry = json.loads(json.loads(line)["text"])
        except ValueError:
            left_out["no strict JSON"] += 1
            continue
        kind = kind_of(geometry) if isinstance(geometry, dict) else None
        if kind is None:
            left_out["no geometry (a spatial reference, or a word)"] += 1
            continue
        if not is_announced(geometry):
            left_out["third numbers that nobody announces (hasZs, hasMs): the judge has no rule for them"] += 1
            continue
        reference = geometry.pop("spatialReference", None)
        sets[kind, json.dumps(reference, sort_keys=True)].append(geometry)
    for number, ((kind, reference), geometries) in enumerate(sorted(sets.items())):
        feature_set = {
            "geometryType": "esriGeometry" + kind,
            "spatialReference": json.loads(reference),
            "fields": [{"name": "FID", "type": "esriFieldTypeOID"}],
            "features": [{"attributes": {"FID": at + 1}, "geometry": g} for at, g in enumerate(geometries)],
        }
        (Path(sys.argv[2]) / f"{number:02}-{kind}.json").write_text(json.dumps(feature_set))
    print(f"{sum(map(len, sets.values()))} geometries in {len(sets)} feature sets")
    for reason, count in left_out.items():
        print(f"left out: {count}: {reason}")


if __name__ == "__main__":
    main()
