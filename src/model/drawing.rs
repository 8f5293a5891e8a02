//! How a layer is drawn, in the server's own words, and what its rows say of time and height.

use serde_json::Value;

/// What a layer's JSON says of its looks. The format that draws reads it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawing {
    /// `drawingInfo`: renderer, transparency, labels; null where there is none.
    pub info: Value,
    /// The fields with the time at which a row begins and ends to be.
    pub time_fields: [Option<String>; 2],
    /// Metres in a unit of z.
    pub height_unit_m: f64,
    /// The names of the batch's columns, which the renderer names its fields by.
    pub fields: Vec<String>,
}

impl Drawing {
    /// Reads a layer resource; `None` where it says nothing of the kind.
    ///
    /// ```
    /// use geohaul::model::Drawing;
    /// use serde_json::json;
    ///
    /// let drawing = Drawing::of(&json!({"heightModelInfo": {"heightUnit": "foot"}})).unwrap();
    /// assert_eq!(drawing.height_unit_m, 0.3048);
    /// assert_eq!(Drawing::of(&json!({"drawingInfo": null})), None);
    /// ```
    pub fn of(layer: &Value) -> Option<Self> {
        let text = |path: &str| layer.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let drawing = Self {
            info: layer.get("drawingInfo").cloned().unwrap_or_default(),
            time_fields: ["/timeInfo/startTimeField", "/timeInfo/endTimeField"].map(text),
            height_unit_m: match text("/heightModelInfo/heightUnit").as_deref() {
                Some("foot") => 0.3048,
                Some("us-foot") => 1200.0 / 3937.0,
                Some("yard") => 0.9144,
                _ => 1.0,
            },
            fields: Vec::new(),
        };
        let says_something = drawing.info.is_object() || drawing.time_fields[0].is_some() || drawing.height_unit_m != 1.0;
        says_something.then_some(drawing)
    }

    /// The batch's column of a field.
    pub fn column(&self, field: &str) -> Option<usize> {
        self.fields.iter().position(|name| name.eq_ignore_ascii_case(field))
    }
}
