//! What a layer says of itself for people.

use serde::Serialize;
use serde_json::Value;

/// The words that come with a layer, where it has any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// What it is.
    pub description: Option<String>,
    /// Whose it is.
    pub copyright: Option<String>,
    /// The address that it came from, without secrets; known once its rows are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl About {
    /// From a layer resource.
    ///
    /// ```
    /// use geohaul::model::About;
    /// use serde_json::json;
    ///
    /// let about = About::of(&json!({"description": " Wells ", "copyrightText": ""}));
    /// assert_eq!((about.description.as_deref(), about.copyright), (Some("Wells"), None));
    /// ```
    pub fn of(layer: &Value) -> Self {
        let text = |key: &str| layer.get(key).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        Self { description: text("description"), copyright: text("copyrightText"), source: None }
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
