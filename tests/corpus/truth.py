"""The truth: Esri JSON as Python's own JSON reader sees it, and what an output must therefore hold.

Rules (Esri's REST reference): null, "NaN" and NaN are no ordinate; a vertex without x or y is none; a path needs
two vertices, a ring three different ones and something that it encloses; z and m count only where hasZ and hasM say so, m being the
third number without z. Nothing here knows how geohaul works.
"""

import math
from collections import Counter
from dataclasses import dataclass

KINDS = {
    "esrigeometrypoint": "point",
    "esrigeometrymultipoint": "multipoint",
    "esrigeometrypolyline": "polyline",
    "esrigeometryline": "polyline",
    "esrigeometrypolygon": "polygon",
    "esrigeometryenvelope": "envelope",
}
PART_KEYS = {"points": "multipoint", "paths": "polyline", "rings": "polygon"}
CURVE_KEYS = {"curvePaths": "polyline", "curveRings": "polygon"}


@dataclass
class Shape:
    """Parts of vertices (x, y, z, m); z and m are None where there is none. Rings are closed."""

    kind: str
    parts: list
    dropped: int = 0  # parts that are none
    curved: bool = False  # parts hold the ends of the segments only


@dataclass
class Row:
    id: object
    attributes: dict
    shape: Shape | None


@dataclass
class Layer:
    rows: list
    kind: str | None  # None is a table
    types: dict  # column name -> Esri type ("esriFieldTypeDate"), or None where nothing declares it
    wkid: object = None  # a number, WKT, or None where unknown
    cut_off: bool = False
    dropped: int = 0  # rings and paths that are none


def ordinate(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return value


def vertex(numbers, z, m):
    at = [ordinate(n) for n in numbers] + [None] * 4
    if at[0] is None or at[1] is None:
        return None
    return (at[0], at[1], at[2] if z else None, (at[3] if z else at[2]) if m else None)


def area2(ring):
    """Twice the signed area; negative is clockwise."""
    x0, y0 = ring[0][:2]
    total, before = 0.0, (0.0, 0.0)
    for v in ring[1:]:
        here = (v[0] - x0, v[1] - y0)
        total += before[0] * here[1] - here[0] * before[1]
        before = here
    return total


def is_ring(closed):
    return len(closed) >= 4 and len({v[:2] for v in closed}) >= 3 and (area2(closed) != 0 or encloses(closed))


def encloses(closed):
    """Whether a ring of no signed area encloses something all the same, as a figure of eight does: edges that are
    gone there and back cancel out, and what is left does not lie on one line."""
    edges = Counter(frozenset((a[:2], b[:2])) for a, b in zip(closed, closed[1:]) if a[:2] != b[:2])
    left = [vertex for edge, times in edges.items() if times % 2 for vertex in edge]
    if not left:
        return False
    x0, y0 = left[0]
    x1, y1 = max(left, key=lambda v: abs(v[0] - x0) + abs(v[1] - y0))
    return any((x1 - x0) * (y - y0) != (x - x0) * (y1 - y0) for x, y in left)


def read_part(kind, numbers, z, m):
    part = [v for v in (vertex(n, z, m) for n in numbers) if v is not None]
    if kind == "polyline":
        return part if len(part) >= 2 else None
    if kind == "polygon" and part:
        if part[0][:2] != part[-1][:2]:
            part.append(part[0])
        return part if is_ring(part) else None
    return part or None


def read_shape(geometry, layer_z, layer_m):
    if not geometry:
        return None
    z = bool(geometry.get("hasZ", layer_z))
    m = bool(geometry.get("hasM", layer_m))
    if "xmin" in geometry:
        box = [ordinate(geometry.get(k)) for k in ("xmin", "ymin", "xmax", "ymax")]
        if None in box:
            return None
        x0, y0, x1, y1 = box
        ring = read_part("polygon", [(x0, y0), (x0, y1), (x1, y1), (x1, y0), (x0, y0)], False, False)
        return Shape("polygon", [ring]) if ring else None
    for key, kind in CURVE_KEYS.items():
        if geometry.get(key):
            # The ends of all segments must be there; how a curve goes between them is judged in tests/inputs/geometry.rs.
            ends = lambda part: [element if isinstance(element, list) else next(iter(element.values()))[0] for element in part]
            return Shape(kind, [[vertex(end, z, m) for end in ends(part)] for part in geometry[key]], curved=True)
    for key, kind in PART_KEYS.items():
        if key in geometry:
            numbers = [geometry[key]] if kind == "multipoint" else geometry[key]
            parts = [read_part(kind, part, z, m) for part in numbers or []]
            kept = [part for part in parts if part]
            return Shape(kind, kept, 0 if kind == "multipoint" else len(parts) - len(kept))
    if "x" in geometry or "y" in geometry:
        at = vertex([geometry.get("x"), geometry.get("y"), geometry.get("z"), geometry.get("m")], True, True)
        return Shape("point", [[at]]) if at else None
    return None


def kind_of(geometry):
    for key, kind in {**PART_KEYS, **CURVE_KEYS, "xmin": "envelope", "x": "point"}.items():
        if key in geometry:
            return kind
    return None


def read(feature_set):
    """The layer that a feature set (a dict with `features`) holds."""
    features = feature_set["features"]
    geometries = [f.get("geometry") or {} for f in features]
    kind = KINDS.get(str(feature_set.get("geometryType")).lower())
    if kind is None:
        kind = next((k for k in map(kind_of, geometries) if k), None)
    declared = feature_set.get("fields")
    if declared:
        types = {f["name"]: f.get("type") for f in declared if f.get("type") != "esriFieldTypeGeometry"}
    else:
        types = {name: None for f in features for name in f.get("attributes") or {}}
    named = feature_set.get("objectIdFieldName")
    oid = next((n for n, t in types.items() if t == "esriFieldTypeOID"), named if named in types else None)

    sr = feature_set.get("spatialReference") or next((g["spatialReference"] for g in geometries if "spatialReference" in g), {})
    wkid = sr.get("latestWkid") or sr.get("wkid") or sr.get("wkt") or None
    layer = Layer([], kind, types, wkid, bool(feature_set.get("exceededTransferLimit")))
    for feature, geometry in zip(features, geometries):
        attributes = feature.get("attributes") or {}
        ident = attributes.get(oid) if oid else None
        shape = read_shape(geometry, bool(feature_set.get("hasZ")), bool(feature_set.get("hasM")))
        if shape:
            layer.dropped += shape.dropped
            shape = shape if shape.parts else None
        layer.rows.append(Row(ident, {name: attributes.get(name) for name in types}, shape))
    return layer


def from_geojson(collection, types, oid=None):
    """The layer that GeoJSON features make, for a server that was given them. Rings turn the way Esri has them."""
    layer = Layer([], None, types, 4326)
    for feature in collection["features"]:
        geometry = feature["geometry"]
        shape = geojson_shape(geometry)
        layer.kind = layer.kind or (shape and shape.kind)
        if shape and shape.kind == "polygon":
            polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
            shells = [at == 0 for polygon in polygons for at in range(len(polygon))]
            turned = [r if (area2(r) < 0) == shell else r[::-1] for r, shell in zip(shape.parts, shells)]
            shape.parts = [ring for ring in turned if is_ring(ring)]
        properties = feature["properties"]
        layer.rows.append(Row(properties.get(oid), {n: properties.get(n) for n in types}, shape))
    return layer


def geojson_shape(geometry):
    """A GeoJSON geometry as a shape; a polygon's rings in one list."""
    if geometry is None:
        return None
    at = geometry["coordinates"]
    pad = lambda position: (position + [None, None])[:3] + [None]
    part = lambda positions: [tuple(pad(list(p))) for p in positions]
    match geometry["type"]:
        case "Point":
            return Shape("point", [part([at])])
        case "MultiPoint":
            return Shape("multipoint", [part(at)])
        case "LineString":
            return Shape("polyline", [part(at)])
        case "MultiLineString":
            return Shape("polyline", [part(p) for p in at])
        case "Polygon":
            return Shape("polygon", [part(r) for r in at])
        case "MultiPolygon":
            return Shape("polygon", [part(r) for polygon in at for r in polygon])
    raise ValueError(f"a geometry of type {geometry['type']}")
