"""What pyarrow and geopandas find in files.

read.py csv FILE    the rows of a Parquet file, the geometry as WKT in a first column: what `ogr2ogr -f CSV -lco
                    GEOMETRY=AS_WKT` would print
read.py json FILE   all there is in one: types, metadata, row groups, rows, and what geopandas makes of it
read.py frame FILE  the same as csv, of any file that geopandas reads
"""
import csv
import datetime
import json
import sys

import shapely


def plain(value):
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def wkt(wkb):
    return None if wkb is None else shapely.to_wkt(shapely.from_wkb(wkb), rounding_precision=-1)


def as_csv(table, geo):
    names = table.column_names
    shape = geo and geo["primary_column"]
    hidden = {shape, geo and geo["columns"][shape]["covering"]["bbox"]["xmin"][0]}
    out = csv.writer(sys.stdout, lineterminator="\n")
    kept = [name for name in names if name not in hidden]
    out.writerow((["WKT"] if geo else []) + kept)
    for row in table.to_pylist():
        cells = [plain(row[name]) for name in kept]
        out.writerow(([wkt(row[shape])] if geo else []) + ["" if cell is None else cell for cell in cells])


def as_json(path, file, table, geo):
    meta = file.metadata
    groups = [meta.row_group(at) for at in range(meta.num_row_groups)]
    found = {
        "types": {field.name: str(field.type) for field in table.schema},
        "geo": geo,
        "created_by": meta.created_by,
        "groups": [group.num_rows for group in groups],
        "compression": sorted({group.column(at).compression for group in groups for at in range(group.num_columns)}),
    }
    if geo:
        import geopandas

        frame = geopandas.read_parquet(path)
        found["crs"] = frame.crs and frame.crs.to_string()
        found["kinds"] = sorted(frame.geom_type.dropna().unique())
        found["total_bounds"] = [float(side) for side in frame.total_bounds] if len(frame) else None
        if frame.crs:
            found["lon_lat"] = [[point.x, point.y] for point in frame.to_crs("OGC:CRS84").representative_point() if point]
            within = geopandas.read_parquet(path, bbox=(0, 0, 1.5, 2.5))
            found["within"] = len(within)
    shape = geo and geo["primary_column"]
    if table.num_rows < 1000:
        rows = table.to_pylist()
        found["rows"] = [{k: wkt(v) if k == shape else plain(v) for k, v in row.items()} for row in rows]
    json.dump(found, sys.stdout)


def as_frame(path):
    import geopandas

    frame = geopandas.read_parquet(path) if path.endswith(".parquet") else geopandas.read_file(path)
    names = [name for name in frame.columns if name not in (frame.geometry.name, "bbox")]
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["WKT"] + names)
    for shape, *cells in zip(frame.geometry, *(frame[name] for name in names)):
        out.writerow([shape.wkt if shape else ""] + ["" if cell is None else cell for cell in cells])


what, path = sys.argv[1:]
if what == "frame":
    sys.exit(as_frame(path))

import pyarrow.parquet as parquet

file = parquet.ParquetFile(path)
table = file.read()
geo = json.loads((file.metadata.metadata or {}).get(b"geo", b"null"))
if what == "csv":
    as_csv(table, geo)
else:
    as_json(path, file, table, geo)
