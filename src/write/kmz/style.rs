//! The layer's renderer as KML styles: one `Style` for each symbol, and which of them a row has.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::symbol::{Look, Symbol};
use crate::model::{Batch, Drawing, WritePlan};
use crate::write::xml;

/// The styles of a layer.
pub(super) struct Styles {
    /// Begins the ids: a hash of the drawing, so that the workers and the writer agree on them without a word.
    prefix: String,
    symbols: Vec<Symbol>,
    rule: Rule,
    /// The field whose values are the labels, where the layer has any.
    label: Option<usize>,
}

/// Which symbol a row has, by its number.
enum Rule {
    One(usize),
    Unique { columns: Vec<usize>, delimiter: String, values: HashMap<String, usize>, otherwise: Option<usize> },
    Breaks { column: usize, norm: Norm, least: f64, breaks: Vec<(Option<f64>, f64, usize)>, otherwise: Option<usize> },
}

/// What the values of class breaks are divided by.
enum Norm {
    None,
    Field(usize),
    Log,
    PercentOf(f64),
}

impl Styles {
    /// The styles of a layer, where its renderer is one that can be drawn.
    pub(super) fn of(plan: &WritePlan) -> Option<Self> {
        let drawing = plan.drawing.as_deref()?;
        let renderer = drawing.info.get("renderer")?;
        let look = Look::of(&drawing.info);
        let mut symbols = Vec::new();
        let mut add = |symbol: Option<&Json>| {
            symbols.push(Symbol::of(symbol.filter(|symbol| symbol.is_object())?, &look));
            Some(symbols.len() - 1)
        };
        let rule = rule(drawing, renderer, &mut add)?;
        let mut text = drawing.info.to_string();
        text.push_str(&plan.layer);
        let label = look.label_field.as_deref().and_then(|field| drawing.column(field));
        Some(Self { prefix: format!("s{:016x}", super::schema::fnv1a(text.as_bytes())), symbols, rule, label })
    }

    /// The id of a row's style; `None` where the renderer does not draw it.
    pub(super) fn id(&self, batch: &Batch, row: usize) -> Option<String> {
        let number = |column: usize| batch.value(row, column).as_f64();
        let symbol = match &self.rule {
            Rule::One(symbol) => Some(*symbol),
            Rule::Unique { columns, delimiter, values, otherwise } => {
                let texts: Vec<String> =
                    columns.iter().map(|column| key_of(batch.value(row, *column).to_text().as_deref())).collect();
                values.get(&texts.join(delimiter)).copied().or(*otherwise)
            }
            Rule::Breaks { column, norm, least, breaks, otherwise } => {
                let value = number(*column).and_then(|value| match norm {
                    Norm::None => Some(value),
                    Norm::Field(by) => number(*by).filter(|by| *by != 0.0).map(|by| value / by),
                    Norm::Log => (value > 0.0).then(|| value.log10()),
                    Norm::PercentOf(total) => Some(value / total * 100.0),
                });
                let found = value.filter(|value| value >= least).and_then(|value| {
                    breaks.iter().find(|(min, max, _)| value <= *max && min.is_none_or(|min| value >= min)).map(|found| found.2)
                });
                found.or(*otherwise)
            }
        };
        symbol.map(|symbol| format!("{}-{symbol}", self.prefix))
    }

    /// The column whose value is a row's label.
    pub(super) fn label(&self) -> Option<usize> {
        self.label
    }

    /// The id that tells these styles from others.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The `Style` elements, with the images or without.
    pub(super) fn to_kml(&self, pictures: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, symbol) in self.symbols.iter().enumerate() {
            out.extend_from_slice(b"<Style");
            xml::push_attribute(&mut out, "id", &format!("{}-{at}", self.prefix));
            out.extend_from_slice(b">");
            let icon = symbol.icon.as_ref().filter(|_| pictures).map(|icon| self.icon_name(at, icon.ending));
            out.extend_from_slice(symbol.to_kml(icon.as_deref()).as_bytes());
            out.extend_from_slice(b"</Style>\n");
        }
        out
    }

    /// The images of the symbols, by their names in the archive.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.symbols.iter().enumerate().filter_map(|(at, symbol)| {
            let icon = symbol.icon.as_ref()?;
            Some((self.icon_name(at, icon.ending), icon.bytes.as_slice()))
        })
    }

    fn icon_name(&self, symbol: usize, ending: &str) -> String {
        format!("files/{}-{symbol}.{ending}", self.prefix)
    }
}

/// `None` where the renderer is of another kind, or has nothing to draw with.
fn rule(drawing: &Drawing, renderer: &Json, add: &mut dyn FnMut(Option<&Json>) -> Option<usize>) -> Option<Rule> {
    let text = |key: &str| renderer.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    let list = |key: &str| renderer.get(key).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    match text("type")? {
        "simple" => Some(Rule::One(add(renderer.get("symbol"))?)),
        "uniqueValue" | "unique-value" => {
            let fields = ["field1", "field2", "field3", "field"].into_iter().filter_map(text);
            let columns: Vec<usize> = fields.filter_map(|field| drawing.column(field)).collect();
            let delimiter = renderer.get("fieldDelimiter").and_then(Json::as_str).unwrap_or(",").to_owned();
            let mut values = HashMap::new();
            for info in list("uniqueValueInfos") {
                let Some(symbol) = add(info.get("symbol")) else { continue };
                let value = info.get("value").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                values.insert(key_of_parts(&value.unwrap_or_default(), &delimiter), symbol);
            }
            for class in
                list("uniqueValueGroups").iter().flat_map(|group| group.get("classes").and_then(Json::as_array)).flatten()
            {
                let rows = class
                    .get("values")
                    .and_then(Json::as_array)
                    .filter(|_| values.is_empty() || list("uniqueValueInfos").is_empty());
                let Some(rows) = rows else { continue };
                let Some(symbol) = add(class.get("symbol")) else { continue };
                for parts in rows.iter().filter_map(Json::as_array) {
                    let parts: Vec<String> = parts.iter().map(|part| key_of(part.as_str())).collect();
                    values.insert(parts.join(&delimiter), symbol);
                }
            }
            let otherwise = add(renderer.get("defaultSymbol"));
            Some(Rule::Unique { columns, delimiter, values, otherwise })
        }
        "classBreaks" | "class-breaks" => {
            let column = drawing.column(text("field")?)?;
            let number = |json: &Json, key: &str| json.get(key).and_then(Json::as_f64);
            let norm = match text("normalizationType") {
                Some("esriNormalizeByField") => Norm::Field(drawing.column(text("normalizationField")?)?),
                Some("esriNormalizeByLog") => Norm::Log,
                Some("esriNormalizeByPercentOfTotal") => Norm::PercentOf(number(renderer, "normalizationTotal")?),
                _ => Norm::None,
            };
            let breaks = list("classBreakInfos").iter().filter_map(|info| {
                Some((number(info, "classMinValue"), number(info, "classMaxValue")?, add(info.get("symbol"))?))
            });
            let breaks: Vec<_> = breaks.collect();
            let otherwise = add(renderer.get("defaultSymbol"));
            Some(Rule::Breaks {
                column,
                norm,
                least: number(renderer, "minValue").unwrap_or(f64::NEG_INFINITY),
                breaks,
                otherwise,
            })
        }
        _ => None,
    }
}

/// A value as the renderer's values are compared: numbers by what they are, null by its name.
fn key_of(value: Option<&str>) -> String {
    let Some(text) = value else { return "<Null>".to_owned() };
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && text.len() < 16 => number.to_string(),
        _ => text.to_owned(),
    }
}

fn key_of_parts(value: &str, delimiter: &str) -> String {
    if delimiter.is_empty() {
        return key_of(Some(value));
    }
    value.split(delimiter).map(|part| key_of(Some(part))).collect::<Vec<_>>().join(delimiter)
}
