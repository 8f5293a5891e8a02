"""Compares what an output holds with the truth: rows in order, ids, attributes by value and type, every vertex."""

import json
import math
import re
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from truth import area2

MOST_FAULTS = 5
DEGREES = 1e-7


class Said:
    """What the report says of the fields of the first layer in its first output. A column that has another name, a text
    that was cut or changed without a word here is a fault."""

    def __init__(self, report=None):
        losses = report["layers"][0]["losses"] + report["layers"][0]["outputs"][0]["losses"] if report else []
        self.names = {loss["field"]: loss["detail"] for loss in losses if loss["kind"] == "renamed"}
        self.lost = {(loss["kind"], loss.get("field")) for loss in losses}


def compare(layer, output, said, form, expected_shapes, tolerance):
    """The differences, in words. `form` says how values look: "json" typed, "dbf" text where blank is null, "kml" text
    where absent is null, "csv" text where bare empty is null."""
    faults = list(output.faults)
    if len(layer.rows) != len(output.rows):
        return faults + [f"{len(output.rows)} rows, not {len(layer.rows)}"]
    for at, (want, got, shape) in enumerate(zip(layer.rows, output.rows, expected_shapes)):
        where = f"row {at}" if want.id is None else f"id {want.id}"
        if form == "json":
            if want.id is not None and not same_json(want.id, got.id):
                faults.append(f"{where}: id {got.id!r}")
            extra = set(got.attributes) - set(layer.types)
            if extra:
                faults.append(f"{where}: attributes that the source has not: {sorted(extra)}")
        for name, kind in layer.types.items():
            value = want.attributes[name]
            column = said.names.get(name, name)
            if form != "kml" and column not in got.attributes:
                if form == "dbf" or value is not None:
                    faults.append(f"{where}: {name} is not there")
            elif not same_value(allowed(value, got.attributes.get(column), name, said), got.attributes.get(column), kind, form):
                faults.append(f"{where}: {name} is {got.attributes.get(column)!r}, not {value!r}")
        if form != "dbf" and ("z-dropped", None) in said.lost:
            shape = without_partial_z(shape)
        faults += [f"{where}: {fault}" for fault in shape_faults(shape, got.shape, tolerance, form)]
        if output.polygons is not None and shape and got.shape and shape.kind == "polygon" and not shape.curved:
            faults += [f"{where}: {fault}" for fault in role_faults(shape, got.shape, output.polygons[at], tolerance)]
        if len(faults) > MOST_FAULTS:
            return faults[:MOST_FAULTS] + ["..."]
    return faults


def without_partial_z(shape):
    """A geometry that has z in some vertices only goes without, if the report says so: a position has two numbers or
    three throughout."""
    if shape is None or all(v[2] is not None for part in shape.parts for v in part):
        return shape
    return type(shape)(shape.kind, [[(v[0], v[1], None, v[3]) for v in part] for part in shape.parts])


def allowed(want, got, name, said):
    """The value to expect, where the report says that a text was changed."""
    if isinstance(want, str) and isinstance(got, str):
        if ("characters-replaced", name) in said.lost:
            kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", want)
            return got if re.sub("[ \ufffd]", "", got) == kept.replace(" ", "") else want
        if ("text-cut", name) in said.lost and want.startswith(got) and 0 <= 254 - len(got.encode()) < 4:
            return got
    return want


def same_json(want, got):
    """Equal in value and type; 12 and 12.0 are one number, True and 1 are not."""
    number = lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)
    if number(want) and number(got):
        return want == got
    return type(want) is type(got) and want == got


def same_value(want, got, kind, form):
    nan = isinstance(want, float) and math.isnan(want)
    if nan or (want == "NaN" and kind in ("esriFieldTypeDouble", "esriFieldTypeSingle")):
        return got in (None, "", "NaN")
    if want is None:
        return got is None or (got == "" and form == "dbf")
    if kind == "esriFieldTypeDate" and isinstance(want, (int, float)):
        return same_time(want, got)
    if isinstance(want, (dict, list)):
        try:
            return want == (got if form == "json" else json.loads(got))
        except (TypeError, ValueError):
            return False
    if form == "json":
        return same_json(want, got)
    if isinstance(want, bool):
        return str(got).lower() in (str(want).lower(), str(int(want)))
    if isinstance(want, (int, float)):
        try:
            return int(got) == want if isinstance(want, int) else float(got) == want
        except (TypeError, ValueError):
            # 12 may be written as 12.0 in a column of doubles.
            return got is not None and same_float(want, got)
    # A DBF pads with blanks.
    return want.rstrip(" ") == (got or "") if form == "dbf" else want == got


def same_float(want, got):
    try:
        return float(got) == want
    except ValueError:
        return False


def same_time(want, got):
    try:
        time = datetime.fromisoformat(got.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return False
    time = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
    return time == datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=want)


def same_vertex(want, got, tolerance, form):
    if tolerance is None:
        xy = want[0] == got[0] and want[1] == got[1]
    else:
        xy = abs(want[0] - got[0]) <= tolerance and abs(want[1] - got[1]) <= tolerance
    # A Shapefile has a number wherever the layer has z; GeoJSON and KML hold no m.
    z = want[2] == got[2] or (want[2] is None and got[2] in (None, 0))
    m = want[3] == got[3] or form != "dbf"
    return xy and z and m


def shape_faults(want, got, tolerance, form):
    if want is None or got is None:
        return [] if want is got else [f"geometry is {'null' if got is None else got.kind}, not {'null' if want is None else want.kind}"]
    if want.kind != got.kind and not (form == "kml" and {want.kind, got.kind} == {"point", "multipoint"}):
        # KML does not tell a point from a multipoint of one.
        return [f"geometry is {got.kind}, not {want.kind}"]
    if len(want.parts) != len(got.parts):
        return [f"{len(got.parts)} parts, not {len(want.parts)}"]
    if want.curved:
        there = [v for part in got.parts for v in part]
        gone = [v for part in want.parts for v in part if not any(same_vertex(v, w, tolerance, form) for w in there)]
        return [f"the ends {gone} of curved segments are not there"] if gone or len(there) < 10 else []
    if want.kind == "polygon":
        unmatched = [at for at, match in enumerate(match_rings(want, got, tolerance, form)) if match is None]
        return [f"rings {unmatched} are not there as they were"] if unmatched else []
    for part, (a, b) in enumerate(zip(want.parts, got.parts)):
        if len(a) != len(b):
            return [f"part {part} has {len(b)} vertices, not {len(a)}"]
        for at, (v, w) in enumerate(zip(a, b)):
            if not same_vertex(v, w, tolerance, form):
                return [f"part {part}, vertex {at} is {w}, not {v}"]
    return []


def match_rings(want, got, tolerance, form):
    """For each ring of `want`, the index of the same ring in `got`, whatever its orientation and place."""
    free = set(range(len(got.parts)))
    found = []
    for ring in want.parts:
        same = lambda other: len(ring) == len(other) and any(
            all(same_vertex(v, w, tolerance, form) for v, w in zip(ring, way)) for way in (other, other[::-1])
        )
        at = next((at for at in sorted(free) if same(got.parts[at])), None)
        free.discard(at)
        found.append(at)
    return found


def role_faults(want, got, polygons, tolerance):
    """Each hole is in the smallest shell around it, each ring that lies in no other is a shell. What the rings leave
    open (overlaps, rings with all vertices on another, orientation that contradicts the nesting) is not judged."""
    match = match_rings(want, got, tolerance, "json")
    if None in match:
        return []
    polygon_of = {ring: at for at, rings in enumerate(polygons) for ring in rings}
    shells = {rings[0] for rings in polygons}
    clockwise = [area2(ring) < 0 for ring in want.parts]
    if not any(clockwise):
        return []
    faults = []
    for at, ring in enumerate(want.parts):
        others = [o for o in range(len(want.parts)) if o != at]
        if any(sides(ring, want.parts[o]) == {0} for o in others):
            continue
        if not any(touches_inside(ring, want.parts[o]) for o in others):
            if match[at] not in shells:
                faults.append(f"ring {at} lies in no other and became a hole")
        elif not clockwise[at]:
            around = [o for o in others if clockwise[o] and lies_inside(ring, want.parts[o])]
            if around and len(around) == sum(touches_inside(ring, want.parts[o]) for o in others if clockwise[o]):
                smallest = min(around, key=lambda o: abs(area2(want.parts[o])))
                if match[at] in shells:
                    faults.append(f"hole {at} became a shell")
                elif polygon_of[match[at]] != polygon_of[match[smallest]]:
                    faults.append(f"hole {at} went to another shell than {smallest}")
    return faults


def side(point, ring):
    """1 inside, 0 on the boundary, -1 outside."""
    x, y = point[:2]
    inside = False
    for (x0, y0, *_), (x1, y1, *_) in zip(ring, ring[1:]):
        cross = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
        if cross == 0 and min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1):
            return 0
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            inside = not inside
    return 1 if inside else -1


def sides(ring, other):
    return {side(v, other) for v in ring}


def touches_inside(ring, other):
    return 1 in sides(ring, other)


def lies_inside(ring, other):
    return sides(ring, other) <= {0, 1} and touches_inside(ring, other)


def to_wgs84(layer):
    """The rows' shapes in WGS 84 by an independent way, and the tolerance in degrees; None is exact."""
    if layer.wkid in (4326, None):
        return [row.shape for row in layer.rows], None
    points = [v[:2] for row in layer.rows if row.shape for part in row.shape.parts for v in part]
    moved = iter(web_mercator(points) if layer.wkid in (3857, 102100) else gdaltransform(layer.wkid, points))
    shapes = []
    for row in layer.rows:
        if row.shape is None:
            shapes.append(None)
            continue
        parts = [[(*next(moved), *v[2:]) for v in part] for part in row.shape.parts]
        shapes.append(replace(row.shape, parts=parts))
    return shapes, DEGREES


def web_mercator(points):
    radius = 6378137.0
    turn = lambda y: math.degrees(2 * math.atan(math.exp(y / radius)) - math.pi / 2)
    return [(math.degrees(x / radius), turn(y)) for x, y in points]


def gdaltransform(wkid, points):
    source = wkid if isinstance(wkid, str) else f"{'ESRI' if wkid > 32767 else 'EPSG'}:{wkid}"
    lines = "".join(f"{x!r} {y!r}\n" for x, y in points)
    command = ["gdaltransform", "-output_xy", "-s_srs", source, "-t_srs", "EPSG:4326"]
    answer = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    return [tuple(float(n) for n in line.split()) for line in answer.splitlines()]
