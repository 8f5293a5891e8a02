//! What the rows of a layer are to those of other layers and tables of its service.

use serde_json::{Value, json};

/// A layer's relationships, as its server describes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relations {
    /// The layer's own number in its service.
    pub layer: i64,
    /// One per relationship and side: one of a layer with itself is there twice.
    pub all: Vec<Relationship>,
}

/// How many rows of two tables belong to each other, the origin first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// One to one.
    OneToOne,
    /// One to many.
    #[default]
    OneToMany,
    /// Many to many.
    ManyToMany,
}

const CARDINALITIES: [(Cardinality, &str); 3] = [
    (Cardinality::OneToOne, "esriRelCardinalityOneToOne"),
    (Cardinality::OneToMany, "esriRelCardinalityOneToMany"),
    (Cardinality::ManyToMany, "esriRelCardinalityManyToMany"),
];

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
    /// How many rows of the origin and of the destination belong to each other, where that is told.
    pub cardinality: Option<Cardinality>,
    /// The destination's rows are parts of the origin's, and go with them.
    pub composite: bool,
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
    /// let again = json!({"id": 1, "relationships": [relations.all[0].to_json()]});
    /// assert_eq!(Relations::of(&again), Some(relations));
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
    /// As a server describes it: what [`Relations::of`] reads.
    pub fn to_json(&self) -> Value {
        let role = if self.origin { "esriRelRoleOrigin" } else { "esriRelRoleDestination" };
        let cardinality = CARDINALITIES.iter().find(|(cardinality, _)| Some(*cardinality) == self.cardinality);
        let (table, key) = self.through.as_ref().map(|(table, key)| (*table, key)).unzip();
        json!({
            "id": self.id, "name": self.name, "relatedTableId": self.related, "role": role, "keyField": self.key,
            "cardinality": cardinality.map(|(_, esri)| *esri), "composite": self.composite,
            "relationshipTableId": table, "keyFieldInRelationshipTable": key,
        })
    }

    fn of(json: &Value) -> Option<Self> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let number = |key: &str| json.get(key).and_then(Value::as_i64);
        let id = number("id")?;
        Some(Self {
            id,
            name: text("name").unwrap_or_else(|| format!("relationship {id}")),
            related: number("relatedTableId")?,
            origin: text("role")? == "esriRelRoleOrigin",
            cardinality: text("cardinality")
                .and_then(|name| CARDINALITIES.iter().find(|(_, esri)| *esri == name).map(|(cardinality, _)| *cardinality)),
            composite: json.get("composite").and_then(Value::as_bool).unwrap_or(false),
            key: text("keyField")?,
            through: number("relationshipTableId").zip(text("keyFieldInRelationshipTable")),
        })
    }
}
