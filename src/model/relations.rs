//! What the rows of a layer are to those of other layers and tables of its service.

use serde_json::Value;

/// A layer's relationships, as its server describes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relations {
    /// The layer's own number in its service.
    pub layer: i64,
    /// One per relationship and side: one of a layer with itself is there twice.
    pub all: Vec<Relationship>,
}

/// One side of a relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// Its number, the same on both sides.
    pub id: i64,
    /// Its name for people.
    pub name: String,
    /// The number of the layer or table on the other side.
    pub related: i64,
    /// This side is the origin; otherwise the destination.
    pub origin: bool,
    /// The field of this side that pairs are found by.
    pub key: String,
    /// The number of the table that holds the pairs, and its field with this side's keys: many are related to many, or
    /// pairs have attributes.
    pub through: Option<(i64, String)>,
}

impl Relations {
    /// Reads a layer resource; `None` where it has no number. A relationship without keys is left out.
    ///
    /// ```
    /// use geohaul::model::Relations;
    /// use serde_json::json;
    ///
    /// let relations = Relations::of(&json!({"id": 1, "relationships": [
    ///     {"id": 0, "name": "Readings", "relatedTableId": 5, "role": "esriRelRoleOrigin", "keyField": "STATION"}]})).unwrap();
    /// assert_eq!((relations.layer, relations.all[0].related, relations.all[0].origin), (1, 5, true));
    /// ```
    pub fn of(layer: &Value) -> Option<Self> {
        let listed = layer.get("relationships").and_then(Value::as_array).into_iter().flatten();
        Some(Self { layer: layer.get("id")?.as_i64()?, all: listed.filter_map(Relationship::of).collect() })
    }

    /// The other side of a relationship of a layer of this number.
    pub fn other_side(&self, of: &Relationship, layer: i64) -> Option<&Relationship> {
        let fits = |side: &&Relationship| side.origin != of.origin && side.related == layer;
        // Older map services number the sides apart.
        self.all.iter().filter(fits).find(|side| side.id == of.id).or_else(|| self.all.iter().find(fits))
    }
}

impl Relationship {
    fn of(json: &Value) -> Option<Self> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let number = |key: &str| json.get(key).and_then(Value::as_i64);
        let id = number("id")?;
        Some(Self {
            id,
            name: text("name").unwrap_or_else(|| format!("relationship {id}")),
            related: number("relatedTableId")?,
            origin: text("role")? == "esriRelRoleOrigin",
            key: text("keyField")?,
            through: number("relationshipTableId").zip(text("keyFieldInRelationshipTable")),
        })
    }
}
