//! Distances, areas and times with their units: `8.5 miles` and what ArcGIS calls it.

use serde_json::{Value, json};

/// A kind of quantity: the keys of its JSON, the prefix of its units' names, and the units with the words that people use.
pub(super) struct Quantity {
    pub(super) key: &'static str,
    prefix: &'static str,
    units: &'static [(&'static str, &'static [&'static str])],
}

pub(super) const LINEAR: Quantity = Quantity {
    key: "distance",
    prefix: "esri",
    units: &[
        ("esriMeters", &["m", "meter", "meters", "metre", "metres"]),
        ("esriKilometers", &["km", "kilometer", "kilometers", "kilometre", "kilometres"]),
        ("esriMiles", &["mi", "mile", "miles"]),
        ("esriFeet", &["ft", "foot", "feet"]),
        ("esriYards", &["yd", "yard", "yards"]),
        ("esriNauticalMiles", &["nm", "nmi", "nautical mile", "nautical miles"]),
        ("esriInches", &["in", "inch", "inches"]),
        ("esriMillimeters", &["mm", "millimeter", "millimeters", "millimetre", "millimetres"]),
        ("esriCentimeters", &["cm", "centimeter", "centimeters", "centimetre", "centimetres"]),
        ("esriDecimeters", &["dm", "decimeter", "decimeters", "decimetre", "decimetres"]),
        ("esriDecimalDegrees", &["deg", "degree", "degrees", "decimal degrees", "°"]),
        ("esriPoints", &["pt", "point", "points"]),
        ("esriIntInches", &["international inches"]),
        ("esriIntFeet", &["international feet", "international foot"]),
        ("esriIntYards", &["international yards"]),
        ("esriIntMiles", &["international miles"]),
        ("esriIntNauticalMiles", &["international nautical miles"]),
        ("esriUnknownUnits", &["unknown"]),
    ],
};

pub(super) const AREAL: Quantity = Quantity {
    key: "area",
    prefix: "esri",
    units: &[
        ("esriSquareMeters", &["m2", "m²", "sq m", "square meters", "square metres", "square meter"]),
        ("esriSquareKilometers", &["km2", "km²", "sq km", "square kilometers", "square kilometres", "square kilometer"]),
        ("esriHectares", &["ha", "hectare", "hectares"]),
        ("esriAcres", &["ac", "acre", "acres"]),
        ("esriAres", &["are", "ares"]),
        ("esriSquareMiles", &["mi2", "sq mi", "square miles", "square mile"]),
        ("esriSquareFeet", &["ft2", "sq ft", "square feet", "square foot"]),
        ("esriSquareYards", &["yd2", "sq yd", "square yards", "square yard"]),
        ("esriSquareInches", &["in2", "sq in", "square inches", "square inch"]),
        ("esriSquareMillimeters", &["mm2", "square millimeters", "square millimetres"]),
        ("esriSquareCentimeters", &["cm2", "square centimeters", "square centimetres"]),
        ("esriSquareDecimeters", &["dm2", "square decimeters", "square decimetres"]),
        ("esriAcresUS", &[]),
        ("esriSquareMilesUS", &[]),
        ("esriSquareFeetUS", &[]),
        ("esriSquareYardsUS", &[]),
        ("esriSquareInchesUS", &[]),
        ("esriUnknownAreaUnits", &["unknown"]),
    ],
};

pub(super) const TIME: Quantity = Quantity {
    key: "time",
    prefix: "esriTimeUnits",
    units: &[
        ("esriTimeUnitsMilliseconds", &["ms", "millisecond", "milliseconds"]),
        ("esriTimeUnitsSeconds", &["s", "sec", "second", "seconds"]),
        ("esriTimeUnitsMinutes", &["min", "minute", "minutes"]),
        ("esriTimeUnitsHours", &["h", "hour", "hours"]),
        ("esriTimeUnitsDays", &["d", "day", "days"]),
        ("esriTimeUnitsWeeks", &["week", "weeks"]),
        ("esriTimeUnitsMonths", &["month", "months"]),
        ("esriTimeUnitsYears", &["year", "years"]),
        ("esriTimeUnitsDecades", &["decade", "decades"]),
        ("esriTimeUnitsCenturies", &["century", "centuries"]),
        ("esriTimeUnitsUnknown", &["unknown"]),
    ],
};

impl Quantity {
    /// The quantity of a data type.
    pub(super) fn of(data_type: &str) -> Option<&'static Self> {
        match data_type {
            "GPLinearUnit" => Some(&LINEAR),
            "GPArealUnit" => Some(&AREAL),
            "GPTimeUnit" => Some(&TIME),
            _ => None,
        }
    }

    /// `8.5 miles` as `{"distance": 8.5, "units": "esriMiles"}`; `None` where it is no number with a unit of this kind.
    pub(super) fn parse(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        // Of all places where it can be parted, the last one that leaves a number in front.
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
        let (number, unit) = ends.map(|at| text.split_at(at)).find_map(|(number, unit)| {
            let number = number.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
            Some((number, unit.trim()))
        })?;
        let units = self.unit(unit)?;
        let whole = number.fract() == 0.0 && number.abs() < 1e15;
        let number = if whole { json!(number as i64) } else { json!(number) };
        Some(json!({self.key: number, "units": units}))
    }

    /// The wire name of a unit, by that name in any case, with or without its prefix, or by a word of people.
    fn unit(&self, word: &str) -> Option<&'static str> {
        let plain = |text: &str| text.to_lowercase().replace(['_', '.'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        let word = plain(word);
        let bare = word.replace(' ', "");
        let found = self.units.iter().find(|(name, words)| {
            let name = name.to_lowercase();
            bare == name || name.strip_prefix(&self.prefix.to_lowercase()) == Some(&bare) || words.contains(&word.as_str())
        });
        found.map(|(name, _)| *name)
    }

    /// All units, for a message.
    pub(super) fn list(&self) -> String {
        self.units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_read_in_words_and_in_esris_names() {
        let miles = json!({"distance": 8.5, "units": "esriMiles"});
        for text in ["8.5 miles", "8.5mi", " 8.5  esriMiles ", "8.5 Mile", "8.5 MILES", "8.50e0 miles"] {
            assert_eq!(LINEAR.parse(text), Some(miles.clone()), "{text}");
        }
        assert_eq!(LINEAR.parse("2 nautical miles"), Some(json!({"distance": 2, "units": "esriNauticalMiles"})));
        assert_eq!(AREAL.parse("50 sq mi"), Some(json!({"area": 50, "units": "esriSquareMiles"})));
        assert_eq!(AREAL.parse("3 SquareKilometers"), Some(json!({"area": 3, "units": "esriSquareKilometers"})));
        assert_eq!(TIME.parse("1 Week"), Some(json!({"time": 1, "units": "esriTimeUnitsWeeks"})));
        for text in ["miles", "8.5", "8.5 parsecs", "1,5 km", "inf m", "", "8 sq mi"] {
            assert_eq!(LINEAR.parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_unit_is_known_by_its_own_name() {
        for quantity in [&LINEAR, &AREAL, &TIME] {
            for (name, _) in quantity.units {
                let parsed = quantity.parse(&format!("1 {name}")).unwrap();
                assert_eq!(parsed, json!({quantity.key: 1, "units": name}));
                assert_eq!(quantity.unit(name.strip_prefix(quantity.prefix).unwrap()), Some(*name));
            }
        }
    }
}
