"""Reads what geohaul wrote, with readers that are not geohaul's: json, pyshp, zipfile with ElementTree, csv.

Each returns an Output: the rows in file order, and how the values are to be compared (text formats hold texts).
"""

import csv
import json
import re
import struct
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import shapefile

from truth import Row, Shape, area2, geojson_shape

KML = "{http://www.opengis.net/kml/2.2}"


@dataclass
class Output:
    rows: list
    polygons: list | None = None  # per row: list of polygons, each the indices of its rings in shape.parts, shell first
    faults: list = field(default_factory=list)  # what is wrong with the file as such


def once(pairs):
    """For json: a key that comes twice is a fault, not the last value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key comes twice: {[k for k, _ in pairs]}")
    return found


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def geojson(path, rfc7946):
    root = json.loads(Path(path).read_bytes().decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    out = Output([], polygons=[])
    if root.get("type") != "FeatureCollection":
        out.faults.append("no FeatureCollection")
    if rfc7946 and "crs" in root:
        out.faults.append("a crs member in RFC 7946")
    for feature in root["features"]:
        if feature.get("type") != "Feature" or "geometry" not in feature or "properties" not in feature:
            out.faults.append(f"no feature: {str(feature)[:80]}")
        shape = geojson_shape(feature["geometry"])
        out.rows.append(Row(feature.get("id"), feature["properties"], shape))
        out.polygons.append(polygon_indices(feature["geometry"]))
        if rfc7946:
            out.faults += winding(shape, out.polygons[-1], out.rows[-1].id)
    return out


def polygon_indices(geometry):
    kind = geometry and geometry["type"]
    sizes = {"Polygon": lambda c: [len(c)], "MultiPolygon": lambda c: [len(p) for p in c]}.get(kind)
    if not sizes:
        return []
    found, at = [], 0
    for size in sizes(geometry["coordinates"]):
        found.append(list(range(at, at + size)))
        at += size
    return found


def winding(shape, polygons, ident):
    """The right-hand rule: shells counter-clockwise, holes clockwise."""
    faults = []
    for rings in polygons:
        for at, ring in enumerate(rings):
            if (area2(shape.parts[ring]) > 0) != (at == 0):
                faults.append(f"feature {ident}: ring {ring} against the right-hand rule")
    return faults


def shp(path):
    path = Path(path)
    out = Output([])
    columns, records = dbf(path.with_suffix(".dbf"))
    for ending in (".shx", ".cpg"):
        if not path.with_suffix(ending).exists():
            out.faults.append(f"no {ending}")
    with shapefile.Reader(str(path), encoding="utf-8") as reader:
        shapes = reader.shapes()
        # pyshp reads the table too, so that a second reader agrees on its form.
        if len(reader.records()) != len(records) or [f[0] for f in reader.fields[1:]] != columns:
            out.faults.append("pyshp reads another table")
    if len(shapes) != len(records):
        out.faults.append(f"{len(shapes)} shapes, {len(records)} records")
    for shape, record in zip(shapes, records):
        out.rows.append(Row(None, record, shp_shape(shape)))
    return out


def shp_shape(shape):
    if shape.shapeType == shapefile.NULL:
        return None
    kind = {1: "point", 3: "polyline", 5: "polygon", 8: "multipoint"}[shape.shapeType % 10]
    count = len(shape.points)
    z = list(getattr(shape, "z", None) or [None] * count)
    m = [None if v is None or v < -1e38 else v for v in getattr(shape, "m", None) or [None] * count]
    vertices = [(x, y, z[i], m[i]) for i, (x, y) in enumerate(p[:2] for p in shape.points)]
    starts = list(shape.parts) if kind in ("polyline", "polygon") else [0]
    return Shape(kind, [vertices[a:b] for a, b in zip(starts, starts[1:] + [count])])


def dbf(path):
    """Column names and rows of raw texts: pyshp would turn 1e300 in an N column into an integer."""
    data = Path(path).read_bytes()
    count, header, size = struct.unpack("<xxxxIHH", data[:12])
    columns = []
    for at in range(32, header - 1, 32):
        name = data[at : at + 11].split(b"\0")[0].decode("utf-8")
        columns.append((name, chr(data[at + 11]), data[at + 16]))
    if 1 + sum(width for _, _, width in columns) != size:
        raise ValueError("the DBF's columns do not add up to its record size")
    if len(data) not in (header + count * size, header + count * size + 1):
        raise ValueError("the DBF's length does not fit its record count")
    rows = []
    for at in range(header, header + count * size, size):
        row, here = {}, at + 1
        for name, kind, width in columns:
            text = data[here : here + width].decode("utf-8").rstrip(" \0")
            row[name] = text if kind == "C" else (text.strip() or None)
            here += width
        rows.append(row)
    return [name for name, _, _ in columns], rows


def kmz(path):
    out = Output([], polygons=[])
    with zipfile.ZipFile(path) as archive:
        if archive.testzip():
            out.faults.append("the archive is damaged")
        names = archive.namelist()
        if names[0] != "doc.kml":
            out.faults.append(f"the first entry is {names[0]}")
        root = ET.fromstring(archive.read("doc.kml"))
    if root.tag != KML + "kml":
        out.faults.append(f"root element {root.tag}")
    schema = {schema_field.get("name") for schema_field in root.iter(KML + "SimpleField")}
    for mark in root.iter(KML + "Placemark"):
        values = {d.get("name"): d.text or "" for d in mark.iter(KML + "SimpleData")}
        unknown = set(values) - schema
        if unknown:
            out.faults.append(f"SimpleData that the Schema does not name: {sorted(unknown)}")
        shape, polygons = kml_shape(mark)
        out.rows.append(Row(mark.get("id"), values, shape))
        out.polygons.append(polygons)
    return out


def kml_shape(mark):
    def vertices(element):
        found = []
        for text in element.findtext(KML + "coordinates").split():
            numbers = [float(n) for n in text.split(",")]
            found.append(tuple((numbers + [None])[:3] + [None]))
        return found

    outer = [child for child in mark if child.tag.removeprefix(KML) in ("Point", "LineString", "Polygon", "MultiGeometry")]
    if not outer:
        return None, []
    multi = outer[0].tag == KML + "MultiGeometry"
    members = list(outer[0]) if multi else outer
    match members[0].tag.removeprefix(KML):
        case "Point":
            points = [v for member in members for v in vertices(member)]
            return Shape("multipoint" if multi else "point", [points]), []
        case "LineString":
            return Shape("polyline", [vertices(member) for member in members]), []
    rings, polygons = [], []
    for polygon in members:
        boundaries = polygon.findall(KML + "outerBoundaryIs") + polygon.findall(KML + "innerBoundaryIs")
        polygons.append(list(range(len(rings), len(rings) + len(boundaries))))
        rings += [vertices(boundary.find(KML + "LinearRing")) for boundary in boundaries]
    return Shape("polygon", rings), polygons


def table(path, types):
    """A CSV file; points stand in the columns x, y, z and m, or x_1 and so on where an attribute has that name."""
    out = Output([])
    text = Path(path).read_bytes().decode("utf-8")
    names, *records = csv_records(text)
    with open(path, newline="", encoding="utf-8") as file:
        if [[cell or "" for cell in record] for record in [names, *records]] != list(csv.reader(file, strict=True)):
            out.faults.append("Python's csv reads other cells")
    if len(set(names)) != len(names):
        out.faults.append(f"columns that share a name: {names}")
    taken = {name.lower() for name in types}
    axes = [axis + "_1" if axis in taken else axis for axis in "xyzm"]
    for record in records:
        if len(record) != len(names):
            out.faults.append(f"a row of {len(record)} cells under {len(names)} names")
        values = dict(zip(names, record))
        at = tuple(float(values[axis]) if values.get(axis) else None for axis in axes)
        out.rows.append(Row(None, values, None if at[0] is None else Shape("point", [[at]])))
    return out


def csv_records(text):
    """Rows of cells; an empty cell without quotes is None, which Python's csv does not tell from an empty text."""
    pattern = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)')
    record, at = [], 0
    while at < len(text):
        match = pattern.match(text, at)
        if not match or match.end() == at:
            raise ValueError(f"no CSV at {text[at:at + 40]!r}")
        quoted, bare, end = match.groups()
        record.append(quoted.replace('""', '"') if quoted is not None else bare or None)
        at = match.end()
        if end != ",":
            yield record
            record = []
    if record:
        yield record + [None]
