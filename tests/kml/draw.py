"""Draws KMZ files by what their KML says, as an HTML page with one SVG: an independent reading of styles and colours.

    python3 tests/kml/draw.py WEST SOUTH EAST NORTH PIXELS_PER_DEGREE FILE.kmz... > page.html
"""

import base64
import struct
import sys
import zipfile
import xml.etree.ElementTree as xml

K = "{http://www.opengis.net/kml/2.2}"
west, south, east, north, scale = map(float, sys.argv[1:6])


def paint(element, what, default="ffffffff"):
    """A colour of KML is aabbggrr."""
    text = element.findtext(K + "color", default) if element is not None else default
    alpha, blue, green, red = (int(text[at : at + 2], 16) for at in (0, 2, 4, 6))
    return f'{what}="rgb({red},{green},{blue})" {what}-opacity="{alpha / 255:.4f}"'


def place(text):
    x, y = map(float, text.split(",")[:2])
    return (x - west) * scale, (north - y) * scale


def path(element, closed):
    points = [place(one) for one in element.findtext(f".//{K}coordinates").split()]
    return "M" + " L".join(f"{x:.4f},{y:.4f}" for x, y in points) + (" Z" if closed else "")


def draw(file):
    archive = zipfile.ZipFile(file)
    root = xml.fromstring(archive.read("doc.kml"))
    styles = {style.get("id"): style for style in root.iter(K + "Style")}
    for mark in root.iter(K + "Placemark"):
        if mark.findtext(K + "visibility") == "0":
            continue
        style = styles[mark.findtext(K + "styleUrl").lstrip("#")]
        line, poly, icon = (style.find(K + kind) for kind in ("LineStyle", "PolyStyle", "IconStyle"))
        width = float(line.findtext(K + "width", "1")) if line is not None else 1
        stroke = paint(line, "stroke") + f' stroke-width="{width}"'
        for polygon in mark.iter(K + "Polygon"):
            rings = " ".join(path(ring, True) for ring in polygon.iter(K + "LinearRing"))
            filled = paint(poly, "fill") if poly is None or poly.findtext(K + "fill", "1") == "1" else 'fill="none"'
            outlined = stroke if poly is None or poly.findtext(K + "outline", "1") == "1" else 'stroke="none"'
            yield f'<path fill-rule="evenodd" {filled} {outlined} d="{rings}"/>'
        for one in mark.iter(K + "LineString"):
            yield f'<path fill="none" {stroke} d="{path(one, False)}"/>'
        for point in mark.iter(K + "Point"):
            x, y = place(point.findtext(K + "coordinates"))
            picture = archive.read(icon.findtext(f"{K}Icon/{K}href"))
            wide, high = struct.unpack(">II", picture[16:24])
            # An icon of scale 1 has 32 pixels on its longer side.
            factor = float(icon.findtext(K + "scale", "1")) * 32 / max(wide, high)
            wide, high = wide * factor, high * factor
            data = base64.b64encode(picture).decode()
            yield (
                f'<image x="{x - wide / 2}" y="{y - high / 2}" width="{wide}" height="{high}" '
                f'href="data:image/png;base64,{data}"/>'
            )


print('<!DOCTYPE html><body style="margin:0;background:white">')
print(f'<svg width="{(east - west) * scale}" height="{(north - south) * scale}" style="display:block">')
for file in sys.argv[6:]:
    print("\n".join(draw(file)))
print("</svg></body>")
