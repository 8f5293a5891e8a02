"""Judges `geohaul convert` on every Esri feature set under a folder: converts each to every core format, reads source and output with readers that are not geohaul's, and compares counts, ids, attributes by
value and type, and coordinates vertex by vertex.

    python3 tests/corpus/check.py path/to/geohaul FOLDER

Prints a table (ok, refused as expected, FAIL) and ends with status 1 if anything failed. Sets without spatial
reference must be refused where one is needed, tables where the format can't hold them, with a reason.
Every other JSON file must be refused or converted without a panic.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import outputs
import truth
from compare import Said, compare, to_wgs84

TIMEOUT_S = 120
# column of the table, ending, further arguments
FORMATS = [
    ("geojson", ".geojson", []),
    ("native", ".geojson", ["--crs", "native"]),
    ("shp", ".shp", []),
    ("kmz", ".kmz", []),
    ("csv", ".csv", []),
]


class Fault(Exception):
    pass


def feature_sets(value, path=()):
    """Every Esri feature set inside a JSON value, with the way to it."""
    if isinstance(value, dict):
        if "layerDefinition" in value and "featureSet" in value:
            definition = value["layerDefinition"]
            said = {key: definition[key] for key in ("geometryType", "fields", "hasZ", "hasM") if key in definition}
            yield path, {"objectIdFieldName": definition.get("objectIdField")} | said | value["featureSet"]
            return
        if isinstance(value.get("features"), list) and value.get("type") != "FeatureCollection":
            yield path, value
            return
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    else:
        return
    for key, child in children:
        yield from feature_sets(child, path + (key,))


def bare_geometries(values):
    """The geometries that stand alone in a list, as feature sets: (label, feature set) for each kind and spatial
    reference."""
    groups = {}
    for at, value in enumerate(values):
        kind = isinstance(value, dict) and "features" not in value and truth.kind_of(value)
        if not kind:
            continue
        lists = next((value[key] for key in ("paths", "rings", "points") if key in value), None) or []
        tuples = lists if kind == "multipoint" else [t for part in lists for t in part]
        if not all(isinstance(t, list) and not any(isinstance(n, list) for n in t) for t in tuples):
            continue
        reference = value.get("spatialReference")
        # Numbers beyond x and y mean nothing without these.
        flags = {key: True for key, size in (("hasZ", 3), ("hasM", 4)) if any(len(t) >= size for t in tuples)}
        geometry = flags | {key: part for key, part in value.items() if key not in ("spatialReference", "attributes")}
        groups.setdefault((kind, json.dumps(reference)), []).append(geometry)
    for number, ((kind, reference), geometries) in enumerate(groups.items()):
        yield f"{kind} {number}", {
            "geometryType": f"esriGeometry{kind.capitalize()}",
            "spatialReference": json.loads(reference),
            "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
            "features": [{"attributes": {"OBJECTID": at + 1}, "geometry": g} for at, g in enumerate(geometries)],
        }


def cases(folder, scratch):
    """(name, file, feature set) for each set; one that stands in a file of another shape is written to scratch."""
    for file in sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".jsonl")):
        name = str(file.relative_to(folder))
        value = read_json(file)
        found = list(feature_sets(value))
        if not isinstance(value, list):
            if len(found) == 1:
                yield name, file, found[0][1]
            continue
        apart = [("/".join(map(str, way)), each) for way, each in found]
        apart += bare_geometries(value) if file.suffix == ".jsonl" else bare_geometries([inner(entry) for entry in value])
        for label, each in apart:
            path = scratch / f"{file.stem}-{label.replace('/', '-').replace(' ', '-')}.json"
            path.write_text(json.dumps(each), encoding="utf-8")
            yield f"{name} {label}", path, each


def inner(entry):
    """Test pairs keep the geometry in their input, alone or in a feature."""
    entry = entry.get("input", entry) if isinstance(entry, dict) else entry
    return entry.get("geometry", entry) if isinstance(entry, dict) else entry


def read_json(file):
    """The value of a file, or a list of the JSON texts that its lines hold; None where it is no JSON."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix == ".json":
            return json.loads(text, strict=False)
        lines = [json.loads(line) for line in text.splitlines()]
        return [json.loads(line["text"]) for line in lines if line.get("valid_strict_json")]
    except ValueError:
        return None


class Geohaul:
    def __init__(self, binary):
        self.binary = binary

    def __call__(self, *arguments):
        done = subprocess.run(
            [self.binary, *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
        )
        if "panicked at" in done.stderr or done.returncode not in (0, 1, 2, 3):
            raise Fault(f"status {done.returncode}: {done.stderr.strip()[-200:]}")
        return done.returncode, done.stderr

    def convert(self, file, out, *arguments):
        """Status, stderr and the report of one conversion."""
        report = out.with_suffix(out.suffix + ".report.json")
        status, stderr = self("convert", file, "-o", out, "--report", report, *arguments)
        return status, stderr, json.loads(report.read_text()) if status in (0, 3) else None


def refusal(layer, form):
    """A word that the refusal must hold; None where the set must convert. What shows without the rows comes first."""
    if form == "csv" and layer.kind not in (None, "point"):
        return layer.kind
    if form in ("geojson", "kmz") and layer.wkid is None and layer.kind:
        return "--assume-crs"
    if form == "shp" and any(row.shape and row.shape.kind != layer.kind for row in layer.rows) and layer.kind != "envelope":
        return "can't hold"
    return None


def judge(geohaul, file, layer, form, ending, arguments, folder):
    out = folder / f"{form}{ending}"
    word = refusal(layer, form)
    if layer.cut_off:
        # The set says itself that rows are missing: without leave it is no success. What the format can't hold is told
        # first, as a command that must be changed.
        status, stderr, _ = geohaul.convert(file, out, *arguments)
        if status != (1 if word is None else 2) or out.exists():
            raise Fault(f"cut off by its server, and yet status {status}: {stderr.strip()[-200:]}")
        arguments = [*arguments, "--allow-partial"]
    status, stderr, report = geohaul.convert(file, out, *arguments)
    # A format may refuse tables; that is no loss.
    may_refuse = layer.kind is None and form in ("shp", "kmz")
    if word is not None or (may_refuse and status):
        if status not in (1, 2) or out.exists():
            raise Fault(f"to be refused, and yet status {status}")
        if "error:" not in stderr or (word or "") not in stderr:
            raise Fault(f"refused without naming {word!r}: {stderr.strip()[-200:]}")
        if word == "--assume-crs" and form == "geojson" and in_degrees(layer):
            judge(geohaul, file, replace(layer, wkid=4326), form, ending, [word, "EPSG:4326"], folder)
        return "refused"
    if status != (3 if layer.cut_off else 0):
        raise Fault(f"status {status}: {stderr.strip()[-300:]}")
    faults = compare_output(layer, form, out, Said(report)) + report_faults(layer, report)
    if faults:
        raise Fault("; ".join(faults))
    return "ok"


def in_degrees(layer):
    points = [v for row in layer.rows if row.shape for part in row.shape.parts for v in part]
    return all(abs(v[0]) <= 180 and abs(v[1]) <= 90 for v in points)


def compare_output(layer, form, out, said):
    own = [row.shape for row in layer.rows]
    match form:
        case "geojson":
            return compare(layer, outputs.geojson(out, rfc7946=True), said, "json", *to_wgs84(layer))
        case "native":
            return compare(layer, outputs.geojson(out, rfc7946=False), said, "json", own, None)
        case "shp":
            return compare(layer, outputs.shp(out), said, "dbf", own, None) + gdal_faults(out, len(own))
        case "kmz":
            return compare(layer, outputs.kmz(out), said, "kml", *to_wgs84(layer))
        case "csv":
            return compare(layer, outputs.table(out, layer.types), said, "csv", own, None)


def gdal_faults(out, rows):
    summary = subprocess.run(["ogrinfo", "-ro", "-so", "-al", str(out)], capture_output=True, text=True)
    if summary.returncode or f"Feature Count: {rows}" not in summary.stdout or "ERROR" in summary.stderr:
        return [f"GDAL: {(summary.stderr or summary.stdout)[:200]}"]
    return []


def report_faults(layer, report):
    """What was written and what was lost must stand in the report."""
    read = report["layers"][0]
    written = read["outputs"][0]
    faults = []
    if written["rows"] != len(layer.rows):
        faults.append(f"the report counts {written['rows']} rows, not {len(layer.rows)}")
    lost = [loss["kind"] for loss in read["losses"] + written["losses"]]
    if layer.dropped and not {"ring-dropped", "path-dropped"} & set(lost):
        faults.append(f"{layer.dropped} rings or paths left out, and the report is silent")
    return faults


def same_bytes_faults(geohaul, file, folder, alone):
    """Several outputs of one run are what each run alone gave."""
    together = folder / "together"
    together.mkdir()
    arguments = [a for out in alone for a in ("-o", together / out.name)]
    status, stderr = geohaul("convert", file, *arguments)
    if status:
        return [f"together: status {status}: {stderr.strip()[-200:]}"]
    return [
        f"together: {path.name} differs"
        for out in alone
        for path in folder.glob(f"{out.stem}.*")
        if "report" not in path.suffixes[-2:][0] and path.read_bytes() != (together / path.name).read_bytes()
    ]


def judge_all(geohaul, root, scratch):
    """Prints the table's rows for one folder; returns the cells and what failed."""
    cells, failures, judged = Counter(), [], set()
    for number, (name, file, feature_set) in enumerate(cases(root, scratch)):
        judged.add(file)
        layer = truth.read(feature_set)
        folder = scratch / str(number)
        folder.mkdir()
        row = {}
        for form, ending, arguments in FORMATS:
            try:
                row[form] = judge(geohaul, file, layer, form, ending, arguments, folder)
            except Exception as fault:  # whatever a reader stumbles over is a fault of the file
                row[form] = "FAIL"
                failures.append(f"{name}, {form}: {type(fault).__name__}: {fault}")
        alone = [folder / f"{form}{ending}" for form, ending, more in FORMATS if row[form] == "ok" and not more]
        if len(alone) > 1 and not layer.cut_off:
            failures += [f"{name}: {fault}" for fault in same_bytes_faults(geohaul, file, folder, alone)]
        cells.update(row.values())
        print(f"| {name} | {len(layer.rows)} | " + " | ".join(row.values()) + " |", flush=True)
    return cells, failures, judged


def judge_others(geohaul, files, scratch):
    """What is no feature set is refused or converted, never a panic and never a silent failure."""
    for number, file in enumerate(files):
        try:
            status, stderr = geohaul("convert", file, "-o", scratch / f"other-{number}.geojson")
            if status and "error:" not in stderr:
                yield f"{file}: status {status} without an error message"
        except (Fault, subprocess.SubprocessError) as fault:
            yield f"{file}: {fault}"


def main():
    geohaul = Geohaul(Path(sys.argv[1]).resolve())
    root = Path(sys.argv[2])
    print("| feature set | rows | " + " | ".join(name for name, *_ in FORMATS) + " |")
    print("|---|---:|" + "---|" * len(FORMATS))
    with tempfile.TemporaryDirectory() as scratch:
        cells, failures, judged = judge_all(geohaul, root, Path(scratch))
        others = [file for file in sorted(root.rglob("*.json")) if file not in judged]
        failures += judge_others(geohaul, others, Path(scratch))
    print(f"\n{len(others)} other JSON files: refused or converted, no panic" if others else "")
    for failure in failures:
        print(f"FAIL {failure}")
    print(", ".join(f"{count} {cell}" for cell, count in sorted(cells.items())) + f"; {len(failures)} failures")
    sys.exit(1 if failures or not cells else 0)


if __name__ == "__main__":
    main()
