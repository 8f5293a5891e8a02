//! Writing vector data through GDAL's drivers. The crate `gdal` can't set feature ids, milliseconds, aliases, domains
//! and data set options, and these need the raw handles.
//!
//! Nothing here crosses threads: a handle keeps its value in the thread that made it.

mod relationships;

use std::ffi::{CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr;

use gdal::spatial_ref::SpatialRef;
use gdal_sys::{OGRErr, OGRFieldSubType, OGRFieldType, OGRwkbGeometryType};
pub(crate) use relationships::{Many, NewRelationship};

use super::text_of;

/// `GDAL_OF_VECTOR | GDAL_OF_UPDATE` of `gdal.h`: macros, which the bindings lack.
const OPEN_VECTOR_UPDATE: u32 = 0x04 | 0x01;

/// What GDAL said last, or what was tried.
fn said(tried: &str) -> String {
    // SAFETY: the text belongs to this thread and is copied at once.
    let text = unsafe { text_of(gdal_sys::CPLGetLastErrorMsg()) };
    let on_one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.map(on_one_line).filter(|text| !text.is_empty()).unwrap_or_else(|| format!("GDAL can't {tried}"))
}

fn c_text(text: &str) -> CString {
    // A null character ends a C text; nothing that GDAL can hold is lost with it.
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

fn c_path(path: &Path) -> CString {
    c_text(&path.to_string_lossy())
}

/// Texts as GDAL wants them: a list that ends with null. The texts must outlive it.
struct TextList {
    _texts: Vec<CString>,
    list: Vec<*mut c_char>,
}

impl TextList {
    /// `KEY=VALUE` options.
    fn of_options(options: &[(String, String)]) -> Self {
        Self::new(options.iter().map(|(key, value)| c_text(&format!("{key}={value}"))).collect())
    }

    fn new(texts: Vec<CString>) -> Self {
        let list = texts.iter().map(|text| text.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect();
        Self { _texts: texts, list }
    }

    fn as_ptr(&self) -> *mut *mut c_char {
        self.list.as_ptr().cast_mut()
    }
}

/// A driver of GDAL that writes vector data.
pub(crate) struct Driver(gdal_sys::GDALDriverH);

impl Driver {
    /// The driver of a name, such as `FlatGeobuf`; `None` where there is none that makes vector data.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = c_text(name);
        // SAFETY: registering twice does no harm; the name ends with a null byte; drivers live for ever.
        let driver = unsafe {
            gdal_sys::GDALAllRegister();
            gdal_sys::GDALGetDriverByName(name.as_ptr())
        };
        let driver = Self(driver);
        (!driver.0.is_null() && driver.makes_vectors()).then_some(driver)
    }

    /// The names of all that make vector data.
    pub(crate) fn names() -> Vec<String> {
        // SAFETY: registering twice does no harm; the numbers are those of registered drivers, which live for ever; the
        // texts are copied at once.
        let drivers = unsafe {
            gdal_sys::GDALAllRegister();
            (0..gdal_sys::GDALGetDriverCount()).map(|number| Self(gdal_sys::GDALGetDriver(number))).collect::<Vec<_>>()
        };
        let drivers = drivers.into_iter().filter(|driver| !driver.0.is_null() && driver.makes_vectors());
        // SAFETY: as above.
        drivers.filter_map(|driver| unsafe { text_of(gdal_sys::GDALGetDriverShortName(driver.0)) }).collect()
    }

    fn makes_vectors(&self) -> bool {
        self.says("DCAP_VECTOR") && self.says("DCAP_CREATE")
    }

    fn metadata(&self, key: &str) -> Option<String> {
        let key = c_text(key);
        // SAFETY: the driver lives for ever, the key ends with a null byte, the text is copied at once.
        unsafe { text_of(gdal_sys::GDALGetMetadataItem(self.0, key.as_ptr(), ptr::null())) }
    }

    fn says(&self, key: &str) -> bool {
        self.metadata(key).as_deref() == Some("YES")
    }

    /// The file endings, without the dot, the usual one first.
    pub(crate) fn endings(&self) -> Vec<String> {
        let lists = ["DMD_EXTENSION", "DMD_EXTENSIONS"].into_iter().filter_map(|key| self.metadata(key));
        lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Whether there is such an option for layers.
    pub(crate) fn has_layer_option(&self, name: &str) -> bool {
        let name = format!("name='{name}'");
        self.metadata("DS_LAYER_CREATIONOPTIONLIST").is_some_and(|list| list.replace('"', "'").contains(&name))
    }

    /// Those of the options that the driver has not, where it says which it has: of layers, or of data sets.
    pub(crate) fn unknown<'o>(&self, of_layers: bool, options: &'o [(String, String)]) -> Vec<&'o str> {
        let key = if of_layers { "DS_LAYER_CREATIONOPTIONLIST" } else { "DMD_CREATIONOPTIONLIST" };
        let Some(list) = self.metadata(key) else { return Vec::new() };
        let list = list.replace('"', "'").to_ascii_uppercase();
        let is_unknown = |name: &&str| !list.contains(&format!("NAME='{}'", name.to_ascii_uppercase()));
        options.iter().map(|(name, _)| name.as_str()).filter(is_unknown).collect()
    }

    /// Makes a data set.
    pub(crate) fn create(&self, path: &Path, options: &[(String, String)]) -> Result<DataSet, String> {
        let (path, options) = (c_path(path), TextList::of_options(options));
        // SAFETY: all texts end with null bytes and outlive the call; the list ends with null.
        let handle = unsafe {
            gdal_sys::CPLErrorReset();
            gdal_sys::GDALCreate(self.0, path.as_ptr(), 0, 0, 0, gdal_sys::GDALDataType::GDT_Unknown, options.as_ptr())
        };
        if handle.is_null() { Err(said("create the data set")) } else { Ok(DataSet(handle)) }
    }
}

/// An open data set.
pub(crate) struct DataSet(gdal_sys::GDALDatasetH);

impl Drop for DataSet {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the handle is ours and is closed once. Layers borrow the data set, so none is left.
            unsafe { gdal_sys::GDALClose(self.0) };
        }
    }
}

impl DataSet {
    /// Opens an existing one to add to it.
    pub(crate) fn open_to_add(path: &Path) -> Result<Self, String> {
        let path = c_path(path);
        // SAFETY: the path ends with a null byte; the lists are absent.
        let handle = unsafe {
            gdal_sys::GDALAllRegister();
            gdal_sys::CPLErrorReset();
            gdal_sys::GDALOpenEx(path.as_ptr(), OPEN_VECTOR_UPDATE, ptr::null(), ptr::null(), ptr::null())
        };
        if handle.is_null() { Err(said("open the data set")) } else { Ok(Self(handle)) }
    }

    /// The names of its layers.
    pub(crate) fn layer_names(&self) -> Vec<String> {
        // SAFETY: the data set is open; indexes are below the count; the names are copied at once.
        unsafe {
            let count = gdal_sys::GDALDatasetGetLayerCount(self.0);
            let layer = |at| gdal_sys::GDALDatasetGetLayer(self.0, at);
            (0..count)
                .map(layer)
                .filter(|layer| !layer.is_null())
                .filter_map(|layer| text_of(gdal_sys::OGR_L_GetName(layer)))
                .collect()
        }
    }

    /// Adds a layer. The geometry type is that of [`geometry_type`].
    pub(crate) fn add_layer(
        &self,
        name: &str,
        srs: Option<&SpatialRef>,
        geometry_type: u32,
        options: &[(String, String)],
    ) -> Result<Layer<'_>, String> {
        let (name, options) = (c_text(name), TextList::of_options(options));
        let srs = srs.map_or(ptr::null_mut(), SpatialRef::to_c_hsrs);
        // SAFETY: the data set is open; texts end with null bytes and outlive the call, as does the system, of which
        // GDAL keeps a copy or a counted reference.
        let handle = unsafe {
            gdal_sys::CPLErrorReset();
            gdal_sys::GDALDatasetCreateLayer(self.0, name.as_ptr(), srs, geometry_type, options.as_ptr())
        };
        if handle.is_null() { Err(said("create the layer")) } else { Ok(Layer { handle, data_set: PhantomData }) }
    }

    /// Whether there is a domain of this name.
    pub(crate) fn has_domain(&self, name: &str) -> bool {
        let name = c_text(name);
        // SAFETY: the data set is open and the name ends with a null byte; only whether there is one is looked at.
        unsafe { !gdal_sys::GDALDatasetGetFieldDomain(self.0, name.as_ptr()).is_null() }
    }

    /// Adds a coded-value domain. `false` where the driver has none, or one of this name.
    pub(crate) fn add_domain(&self, name: &str, kind: FieldKind, codes: &[(String, String)]) -> bool {
        let texts: Vec<[CString; 2]> = codes.iter().map(|(code, label)| [c_text(code), c_text(label)]).collect();
        let value = |[code, label]: &[CString; 2]| gdal_sys::OGRCodedValue {
            pszCode: code.as_ptr().cast_mut(),
            pszValue: label.as_ptr().cast_mut(),
        };
        let end = gdal_sys::OGRCodedValue { pszCode: ptr::null_mut(), pszValue: ptr::null_mut() };
        let list: Vec<_> = texts.iter().map(value).chain([end]).collect();
        let (name, (field_type, sub_type)) = (c_text(name), kind.ogr());
        // SAFETY: the list ends with a null code; GDAL copies it and all texts. The domain is ours to destroy, since
        // the data set takes a copy.
        unsafe {
            let domain = gdal_sys::OGR_CodedFldDomain_Create(name.as_ptr(), ptr::null(), field_type, sub_type, list.as_ptr());
            if domain.is_null() {
                return false;
            }
            let added = gdal_sys::GDALDatasetAddFieldDomain(self.0, domain, ptr::null_mut());
            gdal_sys::OGR_FldDomain_Destroy(domain);
            added
        }
    }

    /// Adds a domain of what lies between two bounds, themselves included. `false` as above, and where the bounds are no
    /// values of the kind.
    pub(crate) fn add_range(&self, name: &str, kind: FieldKind, min: f64, max: f64) -> bool {
        let (name, (field_type, sub_type)) = (c_text(name), kind.ogr());
        let bound = |value: f64| {
            let whole = |least: i32, most: i32| {
                (value.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(&value)).then_some(value as c_int)
            };
            Some(match kind {
                FieldKind::Small => gdal_sys::OGRField { Integer: whole(i16::MIN.into(), i16::MAX.into())? },
                FieldKind::Integer => gdal_sys::OGRField { Integer: whole(i32::MIN, i32::MAX)? },
                FieldKind::Single | FieldKind::Double => gdal_sys::OGRField { Real: value },
                _ => return None,
            })
        };
        let (Some(min), Some(max)) = (bound(min), bound(max)) else { return false };
        // SAFETY: the unions hold what the type says, and GDAL copies them and the name. The domain is ours to destroy,
        // since the data set takes a copy.
        unsafe {
            let domain =
                gdal_sys::OGR_RangeFldDomain_Create(name.as_ptr(), ptr::null(), field_type, sub_type, &min, true, &max, true);
            if domain.is_null() {
                return false;
            }
            let added = gdal_sys::GDALDatasetAddFieldDomain(self.0, domain, ptr::null_mut());
            gdal_sys::OGR_FldDomain_Destroy(domain);
            added
        }
    }

    /// Takes back what came since the transaction began, and all layers from this number on, as far as the driver can.
    pub(crate) fn take_back(&self, first: usize) {
        // SAFETY: the data set is open; no handle of a layer is used behind this.
        unsafe {
            gdal_sys::GDALDatasetRollbackTransaction(self.0);
            for at in (first..self.layer_names().len()).rev() {
                gdal_sys::GDALDatasetDeleteLayer(self.0, c_int::try_from(at).unwrap_or(c_int::MAX));
            }
        }
    }

    /// Begins a transaction, where the driver knows any.
    pub(crate) fn begin(&self) {
        // SAFETY: the data set is open.
        let _ = unsafe { gdal_sys::GDALDatasetStartTransaction(self.0, 0) };
    }

    /// Ends it; nothing where none was begun.
    pub(crate) fn commit(&self) {
        // SAFETY: the data set is open.
        let _ = unsafe { gdal_sys::GDALDatasetCommitTransaction(self.0) };
    }

    /// Writes what is not written yet.
    pub(crate) fn close(mut self) -> Result<(), String> {
        let handle = std::mem::replace(&mut self.0, ptr::null_mut());
        // SAFETY: the handle is ours and was taken out, so that it is closed once.
        unsafe {
            gdal_sys::CPLErrorReset();
            gdal_sys::GDALClose(handle);
            if gdal_sys::CPLGetLastErrorType() >= gdal_sys::CPLErr::CE_Failure { Err(said("close the data set")) } else { Ok(()) }
        }
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Small,
    Integer,
    Long,
    Single,
    Double,
    DateTime,
    Date,
    Text,
    Binary,
}

impl FieldKind {
    fn ogr(self) -> (OGRFieldType::Type, OGRFieldSubType::Type) {
        use OGRFieldSubType::{OFSTFloat32, OFSTInt16, OFSTNone};
        match self {
            Self::Small => (OGRFieldType::OFTInteger, OFSTInt16),
            Self::Integer => (OGRFieldType::OFTInteger, OFSTNone),
            Self::Long => (OGRFieldType::OFTInteger64, OFSTNone),
            Self::Single => (OGRFieldType::OFTReal, OFSTFloat32),
            Self::Double => (OGRFieldType::OFTReal, OFSTNone),
            Self::DateTime => (OGRFieldType::OFTDateTime, OFSTNone),
            Self::Date => (OGRFieldType::OFTDate, OFSTNone),
            Self::Text => (OGRFieldType::OFTString, OFSTNone),
            Self::Binary => (OGRFieldType::OFTBinary, OFSTNone),
        }
    }
}

/// A field to add.
pub(crate) struct NewField<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: FieldKind,
    /// Characters; 0 is any number.
    pub(crate) width: u32,
    pub(crate) alias: Option<&'a str>,
    pub(crate) domain: Option<&'a str>,
}

/// A field as the driver made it.
pub(crate) struct MadeField {
    pub(crate) index: c_int,
    pub(crate) name: String,
    /// The name of another type that the driver took instead.
    pub(crate) other_type: Option<String>,
}

/// A layer of an open data set.
pub(crate) struct Layer<'a> {
    handle: gdal_sys::OGRLayerH,
    data_set: PhantomData<&'a DataSet>,
}

impl Layer<'_> {
    /// Adds a field; `Err` where the driver has no such.
    pub(crate) fn add_field(&self, field: &NewField<'_>) -> Result<MadeField, String> {
        let (name, (field_type, sub_type)) = (c_text(field.name), field.kind.ogr());
        // SAFETY: the layer is open; the definition is made, used and destroyed here, and GDAL copies it with its
        // texts. The index that is read back is that of the last field.
        unsafe {
            gdal_sys::CPLErrorReset();
            let definition = gdal_sys::OGR_Fld_Create(name.as_ptr(), field_type);
            gdal_sys::OGR_Fld_SetSubType(definition, sub_type);
            gdal_sys::OGR_Fld_SetWidth(definition, c_int::try_from(field.width).unwrap_or(0));
            if let Some(alias) = field.alias {
                gdal_sys::OGR_Fld_SetAlternativeName(definition, c_text(alias).as_ptr());
            }
            if let Some(domain) = field.domain {
                gdal_sys::OGR_Fld_SetDomainName(definition, c_text(domain).as_ptr());
            }
            let all = gdal_sys::OGR_L_GetLayerDefn(self.handle);
            let before = gdal_sys::OGR_FD_GetFieldCount(all);
            let status = gdal_sys::OGR_L_CreateField(self.handle, definition, 1);
            gdal_sys::OGR_Fld_Destroy(definition);
            if status != OGRErr::OGRERR_NONE || gdal_sys::OGR_FD_GetFieldCount(all) != before + 1 {
                return Err(said("create the field"));
            }
            let made = gdal_sys::OGR_FD_GetFieldDefn(all, before);
            let made_type = gdal_sys::OGR_Fld_GetType(made);
            Ok(MadeField {
                index: before,
                name: text_of(gdal_sys::OGR_Fld_GetNameRef(made)).unwrap_or_default(),
                other_type: (made_type != field_type)
                    .then(|| text_of(gdal_sys::OGR_GetFieldTypeName(made_type)).unwrap_or_default()),
            })
        }
    }

    /// Whether its features have geometries: some drivers hold attributes only.
    pub(crate) fn has_geometry(&self) -> bool {
        // SAFETY: the layer is open and so is its definition.
        unsafe { gdal_sys::OGR_FD_GetGeomFieldCount(gdal_sys::OGR_L_GetLayerDefn(self.handle)) > 0 }
    }

    /// An empty feature.
    pub(crate) fn feature(&self) -> Feature<'_> {
        // SAFETY: the layer is open and so is its definition, which the feature refers to.
        Feature { handle: unsafe { gdal_sys::OGR_F_Create(gdal_sys::OGR_L_GetLayerDefn(self.handle)) }, layer: self }
    }
}

/// A feature on its way into a layer.
pub(crate) struct Feature<'a> {
    handle: gdal_sys::OGRFeatureH,
    layer: &'a Layer<'a>,
}

impl Drop for Feature<'_> {
    fn drop(&mut self) {
        // SAFETY: the feature is ours and is destroyed once.
        unsafe { gdal_sys::OGR_F_Destroy(self.handle) };
    }
}

impl Feature<'_> {
    /// The id; `None` lets the driver choose.
    pub(crate) fn set_id(&mut self, id: Option<i64>) {
        const NONE: i64 = -1;
        // SAFETY: the feature is alive.
        let _ = unsafe { gdal_sys::OGR_F_SetFID(self.handle, id.unwrap_or(NONE)) };
    }

    pub(crate) fn set_null(&mut self, field: c_int) {
        // SAFETY: the feature is alive; an index of no field is ignored.
        unsafe { gdal_sys::OGR_F_SetFieldNull(self.handle, field) };
    }

    pub(crate) fn set_integer(&mut self, field: c_int, value: i64) {
        // SAFETY: as above. GDAL clamps what the field can't hold; the caller has seen to that.
        unsafe { gdal_sys::OGR_F_SetFieldInteger64(self.handle, field, value) };
    }

    pub(crate) fn set_real(&mut self, field: c_int, value: f64) {
        // SAFETY: as above.
        unsafe { gdal_sys::OGR_F_SetFieldDouble(self.handle, field, value) };
    }

    pub(crate) fn set_text(&mut self, field: c_int, value: &str) {
        let value = c_text(value);
        // SAFETY: as above; GDAL copies the text.
        unsafe { gdal_sys::OGR_F_SetFieldString(self.handle, field, value.as_ptr()) };
    }

    pub(crate) fn set_binary(&mut self, field: c_int, value: &[u8]) {
        let length = c_int::try_from(value.len()).unwrap_or(0);
        // SAFETY: as above; GDAL copies `length` bytes, which is not more than there are.
        unsafe { gdal_sys::OGR_F_SetFieldBinary(self.handle, field, length, value.as_ptr().cast::<c_void>()) };
    }

    /// Year, month, day, hour, minute; the zone is UTC or not known.
    pub(crate) fn set_moment(&mut self, field: c_int, [year, month, day, hour, minute]: [c_int; 5], seconds: f32, utc: bool) {
        let zone = if utc { 100 } else { 0 };
        // SAFETY: as above.
        unsafe { gdal_sys::OGR_F_SetFieldDateTimeEx(self.handle, field, year, month, day, hour, minute, seconds, zone) };
    }

    /// The geometry, as WKB; none where there is none.
    pub(crate) fn set_geometry(&mut self, wkb: Option<&[u8]>) -> Result<(), String> {
        let mut geometry = ptr::null_mut();
        if let Some(wkb) = wkb {
            let length = c_int::try_from(wkb.len()).map_err(|_| "a geometry has more than 2 GB".to_owned())?;
            // SAFETY: GDAL reads `length` bytes, as many as there are, and makes a geometry of its own.
            let status = unsafe {
                gdal_sys::OGR_G_CreateFromWkb(wkb.as_ptr().cast::<c_void>(), ptr::null_mut(), &raw mut geometry, length)
            };
            if status != OGRErr::OGRERR_NONE {
                return Err(said("read the geometry"));
            }
        }
        // SAFETY: the feature is alive and takes the geometry over.
        let _ = unsafe { gdal_sys::OGR_F_SetGeometryDirectly(self.handle, geometry) };
        Ok(())
    }

    /// Adds it to the layer. What the driver warned of, such as a value that it cut, is returned.
    pub(crate) fn add(&mut self) -> Result<Option<String>, String> {
        // SAFETY: feature and layer are alive, and the one has the definition of the other; the text is copied at once.
        let (status, warning) = unsafe {
            gdal_sys::CPLErrorReset();
            let status = gdal_sys::OGR_L_CreateFeature(self.layer.handle, self.handle);
            (status, text_of(gdal_sys::CPLGetLastErrorMsg()).filter(|text| !text.is_empty()))
        };
        if status == OGRErr::OGRERR_NONE { Ok(warning) } else { Err(said("add the feature")) }
    }
}

/// GDAL's code of a geometry type: the base is that of WKB, 0 is any, `None` is no geometry.
pub(crate) fn geometry_type(base: Option<u32>, z: bool, m: bool) -> u32 {
    let Some(base) = base else { return OGRwkbGeometryType::wkbNone };
    // SAFETY: both compute from a number.
    unsafe {
        let with_z = if z { gdal_sys::OGR_GT_SetZ(base) } else { base };
        if m { gdal_sys::OGR_GT_SetM(with_z) } else { with_z }
    }
}

/// GDAL's version as a number, such as 3060200.
pub(crate) fn version() -> u32 {
    // SAFETY: the key ends with a null byte, the text is copied at once.
    let text = unsafe { text_of(gdal_sys::GDALVersionInfo(c"VERSION_NUM".as_ptr())) };
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
