//! The schema of one layer or table: its fields, its geometry kind and its spatial reference.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{About, Drawing, Relations, SpatialReference};

/// A field type of the ArcGIS REST API. An unknown type is kept by name and written as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum FieldType {
    /// `esriFieldTypeOID`: 32 or 64 bits.
    ObjectId,
    /// `esriFieldTypeSmallInteger`: 16 bits.
    SmallInteger,
    /// `esriFieldTypeInteger`: 32 bits.
    Integer,
    /// `esriFieldTypeBigInteger`: 64 bits.
    BigInteger,
    /// `esriFieldTypeSingle`: 32-bit float.
    Single,
    /// `esriFieldTypeDouble`: 64-bit float.
    Double,
    /// `esriFieldTypeString`.
    String,
    /// `esriFieldTypeDate`: milliseconds since 1970, UTC.
    Date,
    /// `esriFieldTypeDateOnly`: `2023-05-03`.
    DateOnly,
    /// `esriFieldTypeTimeOnly`: `15:54:36`.
    TimeOnly,
    /// `esriFieldTypeTimestampOffset`: `2023-05-03T11:44:08-07:00`.
    TimestampOffset,
    /// `esriFieldTypeGUID`.
    Guid,
    /// `esriFieldTypeGlobalID`.
    GlobalId,
    /// `esriFieldTypeBlob`: base64.
    Blob,
    /// `esriFieldTypeXML`.
    Xml,
    /// `esriFieldTypeRaster`.
    Raster,
    /// `esriFieldTypeGeometry`: listed among the fields, never an attribute.
    Geometry,
    /// A type that this version does not know, by its name.
    Other(String),
}

impl FieldType {
    /// From the wire name, `esriFieldTypeString`.
    pub fn from_esri(name: &str) -> Self {
        match name {
            "esriFieldTypeOID" => Self::ObjectId,
            "esriFieldTypeSmallInteger" => Self::SmallInteger,
            "esriFieldTypeInteger" => Self::Integer,
            "esriFieldTypeBigInteger" => Self::BigInteger,
            "esriFieldTypeSingle" => Self::Single,
            "esriFieldTypeDouble" => Self::Double,
            "esriFieldTypeString" => Self::String,
            "esriFieldTypeDate" => Self::Date,
            "esriFieldTypeDateOnly" => Self::DateOnly,
            "esriFieldTypeTimeOnly" => Self::TimeOnly,
            "esriFieldTypeTimestampOffset" => Self::TimestampOffset,
            "esriFieldTypeGUID" => Self::Guid,
            "esriFieldTypeGlobalID" => Self::GlobalId,
            "esriFieldTypeBlob" => Self::Blob,
            "esriFieldTypeXML" => Self::Xml,
            "esriFieldTypeRaster" => Self::Raster,
            "esriFieldTypeGeometry" => Self::Geometry,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The wire name.
    pub fn esri_name(&self) -> &str {
        match self {
            Self::ObjectId => "esriFieldTypeOID",
            Self::SmallInteger => "esriFieldTypeSmallInteger",
            Self::Integer => "esriFieldTypeInteger",
            Self::BigInteger => "esriFieldTypeBigInteger",
            Self::Single => "esriFieldTypeSingle",
            Self::Double => "esriFieldTypeDouble",
            Self::String => "esriFieldTypeString",
            Self::Date => "esriFieldTypeDate",
            Self::DateOnly => "esriFieldTypeDateOnly",
            Self::TimeOnly => "esriFieldTypeTimeOnly",
            Self::TimestampOffset => "esriFieldTypeTimestampOffset",
            Self::Guid => "esriFieldTypeGUID",
            Self::GlobalId => "esriFieldTypeGlobalID",
            Self::Blob => "esriFieldTypeBlob",
            Self::Xml => "esriFieldTypeXML",
            Self::Raster => "esriFieldTypeRaster",
            Self::Geometry => "esriFieldTypeGeometry",
            Self::Other(name) => name,
        }
    }
}

/// One field (column) of a layer or table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// The name as the server writes it, possibly qualified (`DB.OWNER.TABLE.FIELD`).
    pub name: String,
    /// The type.
    pub field_type: FieldType,
    /// The name for people, where it differs.
    pub alias: Option<String>,
    /// The declared length in characters; `None` where absent or "no limit".
    pub length: Option<u32>,
    /// The coded-value or range domain.
    pub domain: Option<Domain>,
    /// Its dates are UTC even where the layer's time zone is unknown: an edit tracker writes them.
    pub always_utc: bool,
    /// A list of fields names it, so that a row without it lacks something; if not, rows alone tell of it.
    #[serde(skip)]
    pub listed: bool,
}

impl Field {
    /// A field of `name` and `field_type`, nothing else known.
    pub fn new(name: impl Into<String>, field_type: FieldType) -> Self {
        Self { name: name.into(), field_type, alias: None, length: None, domain: None, always_utc: false, listed: true }
    }

    /// Whether each row should hold it, be it as null. Pictures and the like are sent by no query.
    pub fn is_due(&self) -> bool {
        self.listed && !matches!(self.field_type, FieldType::Blob | FieldType::Raster)
    }

    /// The last segment of a qualified name: `FIELD` of `DB.OWNER.TABLE.FIELD`.
    pub fn short_name(&self) -> &str {
        match self.name.rsplit('.').next() {
            Some(last) if !last.is_empty() => last,
            _ => &self.name,
        }
    }
}

/// What the values of a field may be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Domain {
    /// A list of codes, each with its label.
    Coded {
        /// The domain's name.
        name: String,
        /// `(code, label)`; a code is a JSON number or string.
        codes: Vec<(serde_json::Value, String)>,
    },
    /// A range, both ends included.
    Range {
        /// The domain's name.
        name: String,
        /// The least value.
        min: serde_json::Value,
        /// The greatest value.
        max: serde_json::Value,
    },
    /// The field's own domain, in a subtype.
    Inherited,
}

/// The subtypes (or feature types) of a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subtypes {
    /// The name of the field that holds their codes.
    pub field: String,
    /// All of them.
    pub list: Vec<Subtype>,
}

/// One subtype: the rows of one code, for which fields may have domains of their own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subtype {
    /// A JSON number or string.
    pub code: serde_json::Value,
    /// The name for people.
    pub name: String,
    /// By field name; a field that is not named keeps its own.
    pub domains: Vec<(String, Domain)>,
}

/// What kind of geometry a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GeometryKind {
    /// One position.
    Point,
    /// Many positions.
    Multipoint,
    /// One or more paths.
    Polyline,
    /// One or more rings.
    Polygon,
    /// A box; written as a polygon.
    Envelope,
    /// A 3D surface; refused by name.
    Multipatch,
    /// More than one of the others, in a saved file that names none.
    Mixed,
}

impl GeometryKind {
    /// From the wire name, `esriGeometryPoint`, in any case (`esriGeometryMultiPoint` occurs).
    pub fn from_esri(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().strip_prefix("esrigeometry")? {
            "point" => Self::Point,
            "multipoint" => Self::Multipoint,
            "polyline" | "line" => Self::Polyline,
            "polygon" => Self::Polygon,
            "envelope" => Self::Envelope,
            "multipatch" => Self::Multipatch,
            _ => return None,
        })
    }

    /// The wire name; `None` for [`GeometryKind::Mixed`], which the wire does not know.
    pub fn esri_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Point => "esriGeometryPoint",
            Self::Multipoint => "esriGeometryMultipoint",
            Self::Polyline => "esriGeometryPolyline",
            Self::Polygon => "esriGeometryPolygon",
            Self::Envelope => "esriGeometryEnvelope",
            Self::Multipatch => "esriGeometryMultiPatch",
            Self::Mixed => return None,
        })
    }
}

impl fmt::Display for GeometryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Point => "point",
            Self::Multipoint => "multipoint",
            Self::Polyline => "polyline",
            Self::Polygon => "polygon",
            Self::Envelope => "envelope",
            Self::Multipatch => "multipatch",
            Self::Mixed => "mixed",
        })
    }
}

/// Everything known about a layer or table before its first row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The layer's, table's or parameter's name; from a server, so never a path as it is.
    pub name: String,
    /// The geometry kind; `None` is a table.
    pub geometry: Option<GeometryKind>,
    /// Vertices carry z.
    pub has_z: bool,
    /// Its source says that they do, so that a geometry without lacks something; if not, other geometries alone tell of it.
    #[serde(skip)]
    pub z_is_due: bool,
    /// Vertices carry m.
    pub has_m: bool,
    /// The attribute fields in the server's order, without the geometry field. Column `i` of a batch is field `i`.
    pub fields: Vec<Field>,
    /// Those of `fields` that are read (for paging, or since the server sends them anyway) and not written.
    #[serde(skip)]
    pub unwritten: std::ops::Range<usize>,
    /// Index of the object id among `fields`.
    pub object_id: Option<usize>,
    /// Index of the display field among `fields`.
    pub display: Option<usize>,
    /// The spatial reference that the coordinates are in; `None` is unknown, never a default.
    pub spatial_reference: Option<SpatialReference>,
    /// How many rows there are, where the source can tell.
    pub count: Option<u64>,
    /// Dates are wall-clock times of an unknown zone, not UTC.
    pub dates_in_unknown_time_zone: bool,
    /// The subtypes, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtypes: Option<Subtypes>,
    /// How it is drawn, where that is known.
    #[serde(skip)]
    pub drawing: Option<Box<Drawing>>,
    /// What its rows are to those of other layers, where that is known.
    #[serde(skip)]
    pub relations: Option<Arc<Relations>>,
    /// What it says of itself.
    #[serde(skip_serializing_if = "About::is_empty")]
    pub about: Box<About>,
}

impl Header {
    /// A table of `name` with nothing in it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            geometry: None,
            has_z: false,
            z_is_due: false,
            has_m: false,
            fields: Vec::new(),
            unwritten: 0..0,
            object_id: None,
            display: None,
            spatial_reference: None,
            count: None,
            dates_in_unknown_time_zone: false,
            subtypes: None,
            drawing: None,
            relations: None,
            about: Box::default(),
        }
    }

    /// Finds a field: by its exact name, then regardless of case, then with one of the two names less qualified.
    ///
    /// ```
    /// use geohaul::model::{Field, FieldType, Header};
    ///
    /// let mut header = Header::new("Parcels");
    /// header.fields = vec![Field::new("SDE.PARCELS.OBJECTID", FieldType::ObjectId)];
    /// assert_eq!(header.field_index("sde.parcels.objectid"), Some(0));
    /// assert_eq!(header.field_index("OBJECTID"), Some(0));
    /// assert_eq!(header.field_index("SDE.OWNERS.OBJECTID"), None);
    /// assert_eq!(header.field_index("FID"), None);
    /// ```
    pub fn field_index(&self, name: &str) -> Option<usize> {
        let by = |same: &dyn Fn(&Field) -> bool| self.fields.iter().position(same);
        by(&|f| f.name == name)
            .or_else(|| by(&|f| f.name.eq_ignore_ascii_case(name)))
            .or_else(|| by(&|f| is_qualified(&f.name, name) || is_qualified(name, &f.name)))
    }
}

/// Whether `long` is `short` behind the name of a table: `DB.OWNER.TABLE.FIELD` of `TABLE.FIELD` or `FIELD`.
fn is_qualified(long: &str, short: &str) -> bool {
    let (long, short) = (long.as_bytes(), short.as_bytes());
    let Some(dot) = long.len().checked_sub(short.len() + 1) else { return false };
    !short.is_empty() && long[dot] == b'.' && long[dot + 1..].eq_ignore_ascii_case(short)
}
