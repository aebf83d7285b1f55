//! Compiled models.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;
use std::ptr;
use std::sync::{Arc, Mutex};

use crate::library::{RawBatch, RawModel};
use crate::simulation::make_batch;
use crate::{Error, Library};

/// The types of named objects, with their numbers in `mjtObj`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ObjectType {
    /// A body.
    Body = 1,
    /// A joint.
    Joint = 3,
    /// A site.
    Site = 6,
}

/// A compiled model. It does not change after that, so all its simulations share it.
#[derive(Debug)]
pub struct Model {
    pub(crate) lib: &'static Library,
    pub(crate) raw: *mut RawModel,
}

// SAFETY: nothing writes to the model after compilation, and MuJoCo's functions take it as `const`.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: `raw` came from this library and is not used afterwards: simulations have their own copies.
        unsafe { (self.lib.api.mj_deleteModel)(self.raw) }
    }
}

/// Locked while a model is compiled, because MuJoCo's compiler temporarily sets the locale of the whole process.
static COMPILER: Mutex<()> = Mutex::new(());

/// The length of the buffer for MuJoCo's error messages.
pub(crate) const MESSAGE: usize = 1000;

impl Model {
    /// Compiles MJCF that does not refer to files.
    ///
    /// # Errors
    /// [`Error::Model`] with MuJoCo's message.
    pub fn from_xml(library: &'static Library, xml: &str) -> Result<Arc<Model>, Error> {
        let text = CString::new(xml).map_err(|_| Error::Model("it contains a zero byte".into()))?;
        let mut message = [0; MESSAGE];
        let _compiler = COMPILER.lock();
        // SAFETY: both strings end in 0 and `message` has the length that is given; without a virtual file system.
        let spec = unsafe {
            (library.api.mj_parseXMLString)(text.as_ptr(), ptr::null(), message.as_mut_ptr(), MESSAGE as c_int)
        };
        if spec.is_null() {
            return Err(Error::Model(text_of(&message)));
        }
        // SAFETY: `spec` was made above, and is freed once. The message belongs to it and is copied before.
        unsafe {
            let raw = (library.api.mj_compile)(spec, ptr::null());
            let said = (library.api.mjs_getError)(spec);
            let said = if said.is_null() { String::new() } else { CStr::from_ptr(said).to_string_lossy().into_owned() };
            (library.api.mj_deleteSpec)(spec);
            Self::checked(library, raw, said)
        }
    }

    /// Compiles the MJCF file at `path`. Files that it names are searched for in the same folder.
    ///
    /// # Errors
    /// [`Error::Model`] with MuJoCo's message.
    pub fn from_file(library: &'static Library, path: &Path) -> Result<Arc<Model>, Error> {
        let unreadable = || Error::Model(format!("{} is not a path that MuJoCo can read", path.display()));
        let name = path.to_str().and_then(|path| CString::new(path).ok()).ok_or_else(unreadable)?;
        let mut message = [0; MESSAGE];
        let _compiler = COMPILER.lock();
        // SAFETY: as in `from_xml`.
        let raw =
            unsafe { (library.api.mj_loadXML)(name.as_ptr(), ptr::null(), message.as_mut_ptr(), MESSAGE as c_int) };
        Self::checked(library, raw, text_of(&message))
    }

    fn checked(library: &'static Library, raw: *mut RawModel, said: String) -> Result<Arc<Model>, Error> {
        if raw.is_null() { Err(Error::Model(said)) } else { Ok(Arc::new(Self { lib: library, raw })) }
    }

    /// The library that compiled the model.
    pub fn lib(&self) -> &'static Library {
        self.lib
    }

    /// The index of the object with this name.
    pub fn index(&self, kind: ObjectType, name: &str) -> Option<usize> {
        let name = CString::new(name).ok()?;
        // SAFETY: the model is alive and `name` ends in 0.
        let id = unsafe { (self.lib.api.mj_name2id)(self.raw, kind as c_int, name.as_ptr()) };
        usize::try_from(id).ok()
    }

    /// The values of a field of real numbers in `mjModel`, such as `body_mass`. Those of `mjOption` are named `opt.timestep`
    /// and so on.
    ///
    /// # Errors
    /// [`Error::Field`] if there is no such field, and [`Error::Simulation`] if MuJoCo has no memory.
    pub fn constants(&self, name: &str) -> Result<Vec<f64>, Error> {
        let missing = || Error::Field { name: name.into(), version: self.lib.version };
        let field = CString::new(name).map_err(|_| missing())?;
        let batch = make_batch(self)?; // expanding a field of a batch gives access to it, whatever its layout
        let (mut size, mut width) = (0, 0);
        // SAFETY: `batch` is alive; the field's storage holds `size` numbers of one simulation and is copied before the
        // batch is freed. Eight bytes are an f64: the integers of `mjModel` that are as wide are sizes, not fields.
        unsafe {
            let values = (self.lib.api.mjb_expand)(batch, field.as_ptr(), &mut size, &mut width);
            let copy = (!values.is_null() && width == 8)
                .then(|| std::slice::from_raw_parts(values.cast::<f64>(), length(size)).to_vec());
            self.delete(batch);
            copy.ok_or_else(missing)
        }
    }

    /// # Safety
    /// The batch was made by [`make_batch`] and is not used afterwards.
    unsafe fn delete(&self, batch: *mut RawBatch) {
        // SAFETY: as the caller promises.
        unsafe { (self.lib.api.mjb_deleteBatch)(batch) }
    }
}

/// Converts a size that MuJoCo reports.
pub(crate) fn length(size: c_int) -> usize {
    usize::try_from(size).expect("sizes are not negative")
}

/// The message in a buffer, up to the terminating 0.
pub(crate) fn text_of(message: &[c_char; MESSAGE]) -> String {
    let bytes: Vec<u8> = message.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
