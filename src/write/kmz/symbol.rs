//! Esri's symbols as the parts of a KML style. Colours are `aabbggrr`; sizes are points, of which 3 are 4 pixels.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;

use super::marker::{self, Color};

/// An icon at scale 1 has this many pixels.
const ICON_PX: f64 = 32.0;
const PX_OF_POINT: f64 = 4.0 / 3.0;

/// What holds for all symbols of a layer.
pub(super) struct Look {
    /// Of the layer, 0 to 1.
    opacity: f64,
    /// The colour and size of labels, where the layer has any.
    label: Option<(Color, f64)>,
    /// The field whose values are the labels.
    pub(super) label_field: Option<String>,
}

impl Look {
    pub(super) fn of(info: &Json) -> Self {
        let transparency = info.get("transparency").and_then(Json::as_f64).unwrap_or(0.0);
        let class = info.pointer("/labelingInfo/0");
        let symbol = class.and_then(|class| class.get("symbol"));
        let size = symbol.and_then(|symbol| symbol.pointer("/font/size")).and_then(Json::as_f64).unwrap_or(10.0);
        let expression = class.and_then(|class| class.get("labelExpression")).and_then(Json::as_str).unwrap_or_default();
        let arcade = class.and_then(|class| class.pointer("/labelExpressionInfo/expression")).and_then(Json::as_str);
        let field = arcade
            .and_then(|text| text.trim().strip_prefix("$feature."))
            .or_else(|| expression.trim().strip_prefix('[')?.strip_suffix(']'))
            .filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.'));
        Self {
            opacity: (1.0 - transparency / 100.0).clamp(0.0, 1.0),
            label: class.map(|_| (color(symbol.and_then(|symbol| symbol.get("color"))).unwrap_or([0, 0, 0, 255]), size)),
            label_field: field.map(str::to_owned),
        }
    }
}

/// An image that stands for a point.
pub(super) struct Icon {
    pub(super) bytes: Vec<u8>,
    pub(super) ending: &'static str,
    scale: f64,
    heading: f64,
    /// What a pin that stands for the image is coloured with.
    color: Color,
}

const WHITE: Color = [255; 4];

/// A symbol.
pub(super) struct Symbol {
    pub(super) icon: Option<Icon>,
    line: Option<(Color, f64)>,
    /// The filling; `None` inside where there is none.
    fill: Option<Option<Color>>,
    look: (f64, Option<(Color, f64)>),
}

impl Symbol {
    /// What can be shown of a symbol; of a kind that is not known, nothing, which leaves the viewer's own.
    pub(super) fn of(symbol: &Json, look: &Look) -> Self {
        let kind = symbol.get("type").and_then(Json::as_str).unwrap_or_default();
        let style = symbol.get("style").and_then(Json::as_str).unwrap_or_default();
        let own = color(symbol.get("color"));
        let mut made = Self { icon: None, line: None, fill: None, look: (look.opacity, look.label) };
        match kind {
            "esriSLS" => made.line = Some(stroke(symbol).unwrap_or(([0, 0, 0, 0], 0.0))),
            "esriSFS" | "esriPFS" => {
                let hatched = kind == "esriPFS" || !matches!(style, "esriSFSSolid" | "" | "esriSFSNull");
                let half = |[r, g, b, a]: Color| if hatched { [r, g, b, a / 2] } else { [r, g, b, a] };
                let own = if kind == "esriPFS" { Some([128, 128, 128, 255]) } else { own };
                made.fill = Some(own.filter(|_| style != "esriSFSNull").map(half));
                made.line = Some(symbol.get("outline").and_then(stroke).unwrap_or(([0, 0, 0, 0], 0.0)));
            }
            "esriSMS" => {
                let size = number(symbol, "size").unwrap_or(8.0);
                let outline = symbol.get("outline").and_then(stroke);
                let bytes = marker::png(style, own, outline.map(|(color, width)| (color, width / (size * PX_OF_POINT).max(1.0))));
                let color = own.filter(|color| color[3] > 0).or(outline.map(|(color, _)| color)).unwrap_or(WHITE);
                made.icon =
                    Some(Icon { bytes, ending: "png", scale: size * PX_OF_POINT / ICON_PX, heading: heading(symbol), color });
            }
            "esriPMS" => {
                let image = symbol.get("imageData").and_then(Json::as_str).and_then(|text| BASE64.decode(text.trim()).ok());
                let ending = match symbol.get("contentType").and_then(Json::as_str) {
                    Some("image/jpeg" | "image/jpg") => "jpg",
                    Some("image/gif") => "gif",
                    _ => "png",
                };
                let size = number(symbol, "height").or_else(|| number(symbol, "width")).unwrap_or(12.0);
                let (scale, heading) = (size * PX_OF_POINT / ICON_PX, heading(symbol));
                made.icon = image.map(|bytes| Icon { bytes, ending, scale, heading, color: WHITE });
            }
            _ => {}
        }
        made
    }

    /// The parts of the style, in the order of the KML schema. `name` is that of the image in the archive; without it,
    /// the viewer's own pin has the colour and the size of the symbol.
    pub(super) fn to_kml(&self, name: Option<&str>) -> String {
        let (opacity, label) = &self.look;
        let mut out = String::new();
        if let Some(icon) = &self.icon {
            let picture = name.map(|name| {
                let heading = if icon.heading == 0.0 { String::new() } else { format!("<heading>{}</heading>", icon.heading) };
                format!("{heading}<Icon><href>{name}</href></Icon>")
            });
            let color = hex(if picture.is_some() { WHITE } else { icon.color }, *opacity);
            let picture = picture.unwrap_or_default();
            out += &format!("<IconStyle><color>{color}</color><scale>{:.3}</scale>{picture}</IconStyle>", icon.scale);
        }
        out += &match label {
            Some((color, size)) => {
                format!("<LabelStyle><color>{}</color><scale>{:.2}</scale></LabelStyle>", hex(*color, *opacity), size / 10.0)
            }
            // A layer without labels shows none.
            None => "<LabelStyle><scale>0</scale></LabelStyle>".to_owned(),
        };
        if let Some((color, width)) = self.line {
            out += &format!("<LineStyle><color>{}</color><width>{width:.2}</width></LineStyle>", hex(color, *opacity));
        }
        if let Some(fill) = self.fill {
            let outline = u8::from(self.line.is_some_and(|(color, _)| color[3] > 0));
            let filled = u8::from(fill.is_some());
            let color = hex(fill.unwrap_or([255, 255, 255, 0]), *opacity);
            out += &format!("<PolyStyle><color>{color}</color><fill>{filled}</fill><outline>{outline}</outline></PolyStyle>");
        }
        out
    }
}

/// The colour and the width in pixels of a line; `None` where it draws nothing.
fn stroke(symbol: &Json) -> Option<(Color, f64)> {
    if symbol.get("style").and_then(Json::as_str) == Some("esriSLSNull") {
        return None;
    }
    Some((color(symbol.get("color"))?, number(symbol, "width").unwrap_or(1.0) * PX_OF_POINT))
}

fn number(symbol: &Json, key: &str) -> Option<f64> {
    symbol.get(key).and_then(Json::as_f64).filter(|number| number.is_finite())
}

/// `[r, g, b, a]`; without a fourth it is opaque.
fn color(json: Option<&Json>) -> Option<Color> {
    let list = json?.as_array()?;
    let part = |at: usize| list.get(at).and_then(Json::as_f64).map(|part| part.round().clamp(0.0, 255.0) as u8);
    Some([part(0)?, part(1)?, part(2)?, part(3).unwrap_or(255)])
}

/// Esri turns a marker against the clock, KML with it.
fn heading(symbol: &Json) -> f64 {
    number(symbol, "angle").map_or(0.0, |angle| (360.0 - angle).rem_euclid(360.0))
}

/// `aabbggrr`.
fn hex([r, g, b, a]: Color, opacity: f64) -> String {
    let alpha = (f64::from(a) * opacity).round() as u8;
    format!("{alpha:02x}{b:02x}{g:02x}{r:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kml(symbol: Json, info: Json) -> String {
        Symbol::of(&symbol, &Look::of(&info)).to_kml(Some("files/a.png"))
    }

    #[test]
    fn colours_are_alpha_blue_green_red_and_the_layers_transparency_is_in_them() {
        let line = json!({"type": "esriSLS", "style": "esriSLSSolid", "color": [255, 0, 16, 255], "width": 3});
        assert!(kml(line.clone(), json!({})).contains("<LineStyle><color>ff1000ff</color><width>4.00</width></LineStyle>"));
        assert!(kml(line, json!({"transparency": 50})).contains("<color>801000ff</color>"));
    }

    #[test]
    fn a_fill_without_colour_is_none_and_an_outline_of_null_is_none() {
        let fill = |style: &str, color: Json, outline: Json| {
            kml(json!({"type": "esriSFS", "style": style, "color": color, "outline": outline}), json!({}))
        };
        let border = json!({"type": "esriSLS", "style": "esriSLSSolid", "color": [1, 2, 3, 255], "width": 0.75});
        assert!(
            fill("esriSFSSolid", json!([1, 2, 3, 4]), Json::Null)
                .contains("<color>04030201</color><fill>1</fill><outline>0</outline>")
        );
        assert!(fill("esriSFSSolid", Json::Null, border.clone()).contains("<fill>0</fill><outline>1</outline>"));
        assert!(fill("esriSFSNull", json!([1, 2, 3, 4]), border.clone()).contains("<fill>0</fill>"));
        assert!(fill("esriSFSCross", json!([1, 2, 3, 200]), border).contains("<color>64030201</color>"));
    }

    #[test]
    fn labels_have_their_own_colour_and_a_layer_without_labels_shows_none() {
        let point = json!({"type": "esriSMS", "style": "esriSMSCircle", "color": [255, 0, 0, 255], "size": 12});
        assert!(kml(point.clone(), json!({})).contains("<LabelStyle><scale>0</scale></LabelStyle>"));
        let info =
            json!({"labelingInfo": [{"labelExpression": "[NAME]", "symbol": {"color": [0, 0, 255, 255], "font": {"size": 15}}}]});
        assert!(kml(point, info.clone()).contains("<LabelStyle><color>ffff0000</color><scale>1.50</scale></LabelStyle>"));
        assert_eq!(Look::of(&info).label_field.as_deref(), Some("NAME"));
    }
}
