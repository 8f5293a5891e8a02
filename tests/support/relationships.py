"""The relationships of a data set as GDAL reads them, one a line: its name; left, right and mapping table; the type of what
is related; the fields of the four keys; its cardinality and kind, as numbers of GDAL's. What there is none of is `-`. Neither `ogrinfo` of GDAL 3.6 nor the crate lists them, so the library is asked.

    python3 tests/support/relationships.py FILE
"""

import ctypes
import ctypes.util
import sys

gdal = ctypes.CDLL(ctypes.util.find_library("gdal"))
text, texts, handle = ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p


def call(name, kind, *args):
    function = getattr(gdal, name)
    function.restype = kind
    return function(*args)


call("GDALAllRegister", None)
data_set = handle(call("GDALOpenEx", handle, sys.argv[1].encode(), 4, None, None, None))
names = call("GDALDatasetGetRelationshipNames", texts, data_set, None)
at = 0
while names and names[at]:
    one = handle(call("GDALDatasetGetRelationship", handle, data_set, text(names[at])))
    parts = ("LeftTableName", "RightTableName", "MappingTableName", "RelatedTableType")
    tables = [(call(f"GDALRelationshipGet{part}", text, one) or b"-").decode() for part in parts]
    sides = ("Left", "Right", "LeftMapping", "RightMapping")
    fields = [call(f"GDALRelationshipGet{side}TableFields", texts, one) for side in sides]
    keys = [keys[0].decode() if keys else "-" for keys in fields]
    numbers = [call(f"GDALRelationshipGet{what}", ctypes.c_int, one) for what in ("Cardinality", "Type")]
    print(names[at].decode(), *tables, *keys, *numbers)
    at += 1
