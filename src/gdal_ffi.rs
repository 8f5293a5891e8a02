//! The C functions of GDAL and PROJ that the crate `gdal` has no call for. The only file with `unsafe`.
//!
//! PROJ is called directly because GDAL tells neither the name nor the accuracy of the operation that it picks, and
//! because it transforms arrays without stopping at a bad point. It is the same library that GDAL itself uses:
//! `libgdal-dev` and Homebrew's `gdal` depend on it, and a static GDAL brings it along (see `build.rs`).

#![allow(unsafe_code)] // This file exists to keep it in one place.

pub(crate) mod vector;

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use gdal::spatial_ref::SpatialRef;
use gdal_sys::OGRErr;

/// Runs `work` without GDAL printing to stderr. The second result is the last thing that GDAL said.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> (T, Option<String>) {
    struct Quiet;
    impl Drop for Quiet {
        fn drop(&mut self) {
            // SAFETY: takes off the handler of this thread that was put on below; nothing in between leaves one.
            unsafe { gdal_sys::CPLPopErrorHandler() };
        }
    }
    // SAFETY: both act on this thread only, and the handler is a function of GDAL that lives for ever.
    unsafe {
        gdal_sys::CPLPushErrorHandler(Some(gdal_sys::CPLQuietErrorHandler));
        gdal_sys::CPLErrorReset();
    }
    let _quiet = Quiet;
    let result = work();
    // SAFETY: the text belongs to this thread and stays until the next GDAL call; it is copied at once.
    let said = unsafe { text_of(gdal_sys::CPLGetLastErrorMsg()) };
    (result, said.filter(|text| !text.is_empty()))
}

/// WKT in a dialect of GDAL's, such as `WKT1_ESRI` or `WKT2_2019`, on one line.
pub(crate) fn export_wkt(srs: &SpatialRef, dialect: &str) -> Option<String> {
    let option = CString::new(format!("FORMAT={dialect}")).ok()?;
    let options = [option.as_ptr(), ptr::null()];
    let mut wkt = ptr::null_mut();
    // SAFETY: the handle is alive while `srs` is, the options end with null, and the result is ours to free.
    unsafe {
        let status = gdal_sys::OSRExportToWktEx(srs.to_c_hsrs(), &raw mut wkt, options.as_ptr());
        let text = text_of(wkt);
        gdal_sys::VSIFree(wkt.cast());
        text.filter(|text| status == OGRErr::OGRERR_NONE && !text.is_empty())
    }
}

/// PROJJSON on one line.
pub(crate) fn export_projjson(srs: &SpatialRef) -> Option<String> {
    let options = [c"MULTILINE=NO".as_ptr(), ptr::null()];
    let mut json = ptr::null_mut();
    // SAFETY: the handle is alive while `srs` is, the options end with null, and the result is ours to free.
    unsafe {
        let status = gdal_sys::OSRExportToPROJJSON(srs.to_c_hsrs(), &raw mut json, options.as_ptr());
        let text = text_of(json);
        gdal_sys::VSIFree(json.cast());
        text.filter(|text| status == OGRErr::OGRERR_NONE && !text.is_empty())
    }
}

/// Takes the vertical part off a compound or three-dimensional system.
pub(crate) fn make_horizontal(srs: &mut SpatialRef) -> bool {
    // SAFETY: the handle is alive while `srs` is, and the exclusive borrow is the only way to it. No name: it keeps its own.
    unsafe { gdal_sys::OSRDemoteTo2D(srs.to_c_hsrs(), ptr::null()) == OGRErr::OGRERR_NONE }
}

/// Registered systems that are like this one, with GDAL's confidence in per cent, the best first.
pub(crate) fn matches(srs: &SpatialRef) -> Vec<(SpatialRef, i32)> {
    let mut count: c_int = 0;
    let mut confidences = ptr::null_mut();
    // SAFETY: the handle is alive while `srs` is; GDAL gives two arrays of `count` elements, which are read within
    // that bound, cloned, and freed by the functions that its documentation names.
    unsafe {
        let found = gdal_sys::OSRFindMatches(srs.to_c_hsrs(), ptr::null_mut(), &raw mut count, &raw mut confidences);
        let mut list = Vec::new();
        if !found.is_null() && !confidences.is_null() {
            for at in 0..usize::try_from(count).unwrap_or(0) {
                if let Ok(candidate) = SpatialRef::from_c_obj(*found.add(at)) {
                    list.push((candidate, *confidences.add(at)));
                }
            }
        }
        gdal_sys::OSRFreeSRSArray(found);
        gdal_sys::VSIFree(confidences.cast());
        list
    }
}

/// A copy of a C text; `None` for null.
///
/// # Safety
/// `text` is null or a text that ends with a null byte.
unsafe fn text_of(text: *const c_char) -> Option<String> {
    // SAFETY: the caller promises it.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// PROJ's C interface, as in `proj.h`; all of it is in PROJ 8 and later.
mod c {
    use std::ffi::{c_char, c_double, c_int, c_void};

    #[repr(C)]
    pub(super) struct Context([u8; 0]);
    #[repr(C)]
    pub(super) struct Object([u8; 0]);
    #[repr(C)]
    pub(super) struct Search([u8; 0]);
    #[repr(C)]
    pub(super) struct List([u8; 0]);

    pub(super) const FORWARD: c_int = 1;
    pub(super) const INVERSE: c_int = -1;
    pub(super) const LOG_NONE: c_int = 0;
    pub(super) const CONVERSION: c_int = 21;
    pub(super) const PARTIAL_INTERSECTION: c_int = 1;

    #[link(name = "proj")]
    unsafe extern "C" {
        pub(super) fn proj_context_create() -> *mut Context;
        pub(super) fn proj_context_destroy(context: *mut Context) -> *mut Context;
        pub(super) fn proj_log_level(context: *mut Context, level: c_int) -> c_int;
        pub(super) fn proj_context_errno(context: *mut Context) -> c_int;
        pub(super) fn proj_context_errno_string(context: *mut Context, number: c_int) -> *const c_char;
        pub(super) fn proj_create(context: *mut Context, definition: *const c_char) -> *mut Object;
        pub(super) fn proj_destroy(object: *mut Object) -> *mut Object;
        pub(super) fn proj_create_crs_to_crs_from_pj(
            context: *mut Context,
            from: *const Object,
            to: *const Object,
            area: *mut c_void,
            options: *const *const c_char,
        ) -> *mut Object;
        pub(super) fn proj_normalize_for_visualization(context: *mut Context, object: *const Object) -> *mut Object;
        pub(super) fn proj_trans_generic(
            object: *mut Object,
            direction: c_int,
            x: *mut c_double,
            x_stride: usize,
            x_count: usize,
            y: *mut c_double,
            y_stride: usize,
            y_count: usize,
            z: *mut c_double,
            z_stride: usize,
            z_count: usize,
            t: *mut c_double,
            t_stride: usize,
            t_count: usize,
        ) -> usize;
        pub(super) fn proj_create_operation_factory_context(context: *mut Context, authority: *const c_char) -> *mut Search;
        pub(super) fn proj_operation_factory_context_destroy(search: *mut Search);
        pub(super) fn proj_operation_factory_context_set_spatial_criterion(
            context: *mut Context,
            search: *mut Search,
            criterion: c_int,
        );
        pub(super) fn proj_create_operations(
            context: *mut Context,
            from: *const Object,
            to: *const Object,
            search: *const Search,
        ) -> *mut List;
        pub(super) fn proj_list_get_count(list: *const List) -> c_int;
        pub(super) fn proj_list_get(context: *mut Context, list: *const List, index: c_int) -> *mut Object;
        pub(super) fn proj_list_destroy(list: *mut List);
        pub(super) fn proj_get_type(object: *const Object) -> c_int;
        pub(super) fn proj_get_name(object: *const Object) -> *const c_char;
        pub(super) fn proj_get_area_of_use(
            context: *mut Context,
            object: *const Object,
            west: *mut c_double,
            south: *mut c_double,
            east: *mut c_double,
            north: *mut c_double,
            name: *mut *const c_char,
        ) -> c_int;
        pub(super) fn proj_coordoperation_get_accuracy(context: *mut Context, operation: *const Object) -> c_double;
        pub(super) fn proj_coordoperation_has_ballpark_transformation(context: *mut Context, operation: *const Object) -> c_int;
        pub(super) fn proj_coordoperation_get_grid_used_count(context: *mut Context, operation: *const Object) -> c_int;
        pub(super) fn proj_coordoperation_get_grid_used(
            context: *mut Context,
            operation: *const Object,
            index: c_int,
            short_name: *mut *const c_char,
            full_name: *mut *const c_char,
            package: *mut *const c_char,
            url: *mut *const c_char,
            direct_download: *mut c_int,
            open_license: *mut c_int,
            available: *mut c_int,
        ) -> c_int;
    }
}

/// A rectangle in degrees, west to east and south to north; it crosses the 180th meridian where west > east.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) west: f64,
    pub(crate) south: f64,
    pub(crate) east: f64,
    pub(crate) north: f64,
}

/// One way from a system to another, as PROJ's database describes it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// In metres.
    pub(crate) accuracy: Option<f64>,
    pub(crate) ballpark: bool,
    /// Grids that it needs and that are not installed.
    pub(crate) missing_grids: Vec<String>,
    pub(crate) area: Option<Area>,
}

/// PROJ's state of one thread. The raw pointer keeps it in its thread.
struct Context(*mut c::Context);

impl Context {
    fn new() -> Result<Self, String> {
        // SAFETY: creates a context that only this value has; PROJ allows it in any thread.
        let context = unsafe { c::proj_context_create() };
        if context.is_null() {
            return Err("PROJ does not start".to_owned());
        }
        // SAFETY: the context was just created.
        unsafe { c::proj_log_level(context, c::LOG_NONE) };
        Ok(Self(context))
    }

    fn last_error(&self) -> String {
        // SAFETY: the context is alive; the text belongs to it and is copied at once.
        let text = unsafe { text_of(c::proj_context_errno_string(self.0, c::proj_context_errno(self.0))) };
        text.unwrap_or_else(|| "PROJ gives no reason".to_owned())
    }

    /// Takes over an object that PROJ has just made in this context.
    fn own(&self, object: *mut c::Object) -> Result<Object, String> {
        if object.is_null() { Err(self.last_error()) } else { Ok(Object(object)) }
    }

    fn create(&self, definition: &str) -> Result<Object, String> {
        let definition = CString::new(definition).map_err(|_| "the definition holds a null character".to_owned())?;
        // SAFETY: the context is alive and the text ends with a null byte.
        self.own(unsafe { c::proj_create(self.0, definition.as_ptr()) })
    }

    fn area_of_use(&self, object: &Object) -> Option<Area> {
        let mut area = Area { west: 0.0, south: 0.0, east: 0.0, north: 0.0 };
        // SAFETY: context and object are alive, the targets are valid, the name is not asked for.
        let known = unsafe {
            c::proj_get_area_of_use(
                self.0,
                object.0,
                &raw mut area.west,
                &raw mut area.south,
                &raw mut area.east,
                &raw mut area.north,
                ptr::null_mut(),
            )
        };
        // PROJ says -1000 where it knows the area by name only.
        (known != 0 && area.west >= -180.0 && area.south >= -90.0).then_some(area)
    }

    /// All ways from one system to another, in PROJ's order.
    fn operations(&self, from: &Object, to: &Object) -> Result<Vec<Object>, String> {
        let mut found = Vec::new();
        // SAFETY: context and objects are alive; search and list are used within this block and destroyed once; every
        // index is below the count.
        unsafe {
            let search = c::proj_create_operation_factory_context(self.0, ptr::null());
            if search.is_null() {
                return Err(self.last_error());
            }
            c::proj_operation_factory_context_set_spatial_criterion(self.0, search, c::PARTIAL_INTERSECTION);
            let list = c::proj_create_operations(self.0, from.0, to.0, search);
            c::proj_operation_factory_context_destroy(search);
            if list.is_null() {
                return Err(self.last_error());
            }
            found.extend((0..c::proj_list_get_count(list)).filter_map(|at| self.own(c::proj_list_get(self.0, list, at)).ok()));
            c::proj_list_destroy(list);
        }
        Ok(found)
    }

    fn describe(&self, operation: &Object) -> Candidate {
        // SAFETY: context and operation are alive; the name belongs to the operation and is copied at once.
        unsafe {
            // A conversion (a map projection and the like) is exact by definition; PROJ gives no number for it. 999 is
            // EPSG's way to say that nobody knows.
            let exact = c::proj_get_type(operation.0) == c::CONVERSION;
            let accuracy = if exact { 0.0 } else { c::proj_coordoperation_get_accuracy(self.0, operation.0) };
            let grids = c::proj_coordoperation_get_grid_used_count(self.0, operation.0);
            Candidate {
                name: text_of(c::proj_get_name(operation.0)).unwrap_or_default(),
                accuracy: (0.0..999.0).contains(&accuracy).then_some(accuracy),
                ballpark: c::proj_coordoperation_has_ballpark_transformation(self.0, operation.0) != 0,
                missing_grids: (0..grids).filter_map(|index| self.missing_grid(operation, index)).collect(),
                area: self.area_of_use(operation),
            }
        }
    }

    fn missing_grid(&self, operation: &Object, index: c_int) -> Option<String> {
        let mut name = ptr::null();
        let mut available: c_int = 0;
        // SAFETY: context and operation are alive, the index is below the count, null is allowed for what is not
        // asked for, and the name belongs to the operation and is copied at once.
        unsafe {
            let known = c::proj_coordoperation_get_grid_used(
                self.0,
                operation.0,
                index,
                &raw mut name,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                &raw mut available,
            );
            if known != 0 && available == 0 { text_of(name) } else { None }
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: created in `new`, and every object made in it is gone by now.
        unsafe { c::proj_context_destroy(self.0) };
    }
}

/// A PROJ object; its context outlives it.
struct Object(*mut c::Object);

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: taken over in `Context::own` and destroyed once.
        unsafe { c::proj_destroy(self.0) };
    }
}

/// All ways from one system to another in PROJ's order (the best first, those with missing grids behind), and the
/// area of use of the source's system.
pub(crate) fn candidates(from: &str, to: &str) -> Result<(Vec<Candidate>, Option<Area>), String> {
    let context = Context::new()?;
    let (from, to) = (context.create(from)?, context.create(to)?);
    let found = context.operations(&from, &to)?.iter().map(|operation| context.describe(operation)).collect();
    Ok((found, context.area_of_use(&from)))
}

/// The name of an operation by its code, such as `EPSG:1314`.
pub(crate) fn operation_name(code: &str) -> Option<String> {
    let (authority, number) = code.split_once(':')?;
    let context = Context::new().ok()?;
    let urn = format!("urn:ogc:def:coordinateOperation:{}::{number}", authority.to_ascii_uppercase());
    let operation = context.create(&urn).ok()?;
    // SAFETY: the operation is alive; the name belongs to it and is copied at once.
    unsafe { text_of(c::proj_get_name(operation.0)) }
}

/// In metres; in other units it only says which points are looked at twice.
const HALF_AROUND_THE_EARTH: f64 = 2.1e7;

/// A transformation that is ready to run in this thread: for each point PROJ takes the most accurate operation
/// whose area holds it and whose grids are installed.
pub(crate) struct Pipeline {
    // Dropped before its context: fields are dropped in this order.
    object: Object,
    _context: Context,
}

impl Pipeline {
    /// Both definitions are what `proj_create` reads. Coordinates are longitude (or east) first, in degrees or the
    /// units of the system.
    pub(crate) fn new(from: &str, to: &str, ballpark: bool) -> Result<Self, String> {
        let context = Context::new()?;
        let (from, to) = (context.create(from)?, context.create(to)?);
        let option = if ballpark { c"ALLOW_BALLPARK=YES" } else { c"ALLOW_BALLPARK=NO" };
        let options = [option.as_ptr(), ptr::null()];
        // SAFETY: context and objects are alive, no area is given, and the options end with null.
        let object = context
            .own(unsafe { c::proj_create_crs_to_crs_from_pj(context.0, from.0, to.0, ptr::null_mut(), options.as_ptr()) })?;
        // SAFETY: context and object are alive.
        let object = context.own(unsafe { c::proj_normalize_for_visualization(context.0, object.0) })?;
        Ok(Self { object, _context: context })
    }

    /// The same by the one operation of this name.
    pub(crate) fn named(from: &str, to: &str, name: &str) -> Result<Self, String> {
        let context = Context::new()?;
        let (from, to) = (context.create(from)?, context.create(to)?);
        let operations = context.operations(&from, &to)?;
        // SAFETY: the operation is alive; the name belongs to it and is copied at once.
        let is_it = |operation: &&Object| unsafe { text_of(c::proj_get_name(operation.0)) }.as_deref() == Some(name);
        let operation = operations.iter().find(is_it).ok_or_else(|| format!("PROJ has no operation \"{name}\""))?;
        // SAFETY: context and operation are alive.
        let object = context.own(unsafe { c::proj_normalize_for_visualization(context.0, operation.0) })?;
        drop((from, to, operations));
        Ok(Self { object, _context: context })
    }

    /// Transforms in place. A point that can't be transformed becomes NaN; the others are not touched by it.
    ///
    /// PROJ takes numbers that are no place at all, such as a northing of -1e30, without complaint. What lies beyond
    /// the size of the Earth must therefore come back to where it was.
    pub(crate) fn run(&mut self, xy: &mut [[f64; 2]]) {
        let is_far = |point: &[f64; 2]| point.iter().any(|number| number.abs() > HALF_AROUND_THE_EARTH);
        let far: Vec<(usize, [f64; 2])> = xy.iter().copied().enumerate().filter(|(_, point)| is_far(point)).collect();
        self.transform(c::FORWARD, xy);
        let mut back: Vec<[f64; 2]> = far.iter().map(|(at, _)| xy[*at]).collect();
        self.transform(c::INVERSE, &mut back);
        for ((at, was), is) in far.into_iter().zip(back) {
            // Datum shifts are not the same there and back; a NaN is not back either.
            let is_back = (0..2).all(|axis| (is[axis] - was[axis]).abs() <= 1.0 + 1e-6 * was[axis].abs());
            if !is_back {
                xy[at] = [f64::NAN; 2];
            }
        }
    }

    fn transform(&mut self, direction: c_int, xy: &mut [[f64; 2]]) {
        const STRIDE: usize = size_of::<[f64; 2]>();
        if xy.is_empty() {
            return;
        }
        let first = xy.as_mut_ptr().cast::<f64>();
        // SAFETY: x and y are the even and the odd doubles of one array of `len` pairs; z and t are absent. The
        // object is alive and used by this thread only.
        unsafe {
            c::proj_trans_generic(
                self.object.0,
                direction,
                first,
                STRIDE,
                xy.len(),
                first.add(1),
                STRIDE,
                xy.len(),
                ptr::null_mut(),
                0,
                0,
                ptr::null_mut(),
                0,
                0,
            );
        }
        for point in xy {
            if !(point[0].is_finite() && point[1].is_finite()) {
                *point = [f64::NAN; 2];
            }
        }
    }
}
