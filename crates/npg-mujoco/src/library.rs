//! libmujoco itself: its version, and the functions that npg calls.

use std::ffi::{c_char, c_int, c_void};
use std::fmt;
use std::path::{Path, PathBuf};

/// A version of MuJoCo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The first version with the batch API.
    pub const OLDEST: Version = Version(3, 17, 0);

    /// The version that `mj_version()` returns as a number: 3017000 is 3.17.0. Before the batch API, the number had other
    /// forms, all of which are smaller.
    fn of(number: c_int) -> Self {
        let number = number.unsigned_abs();
        Version(number / 1_000_000, number / 1000 % 1000, number % 1000)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The library libmujoco. It is opened once and never closed, because models and simulations need it as long as they live.
pub struct Library {
    /// The path where it was found.
    pub path: PathBuf,
    /// The version of the library.
    pub version: Version,
    pub(crate) api: Api,
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("path", &self.path).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Declares `mjModel`, `mjData`, `mjSpec` and `mjBatch`, whose layouts only MuJoCo knows.
macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub(crate) struct $name {
            _opaque: [u8; 0],
        }
    )*};
}

opaque! { RawModel RawData RawSpec RawBatch }

/// `mjBatchConfig` of mjbatch.h, with room for fields that later versions may append.
#[repr(C)]
pub(crate) struct BatchConfig {
    /// The number of threads, including the caller's.
    pub(crate) nthread: c_int,
    /// Whether each simulation has its own `mjData`.
    pub(crate) persistent: bool,
    pub(crate) later: [u64; 16],
}

/// `mjWarningStat` of mjdata.h.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct WarningStat {
    pub(crate) lastinfo: c_int,
    pub(crate) number: c_int,
}

/// `mjfBatchFunc`. It is "C-unwind", here and below, because MuJoCo's errors pass through such functions.
pub(crate) type BatchFunc =
    unsafe extern "C-unwind" fn(model: *const RawModel, data: *mut RawData, sim: c_int, arg: *mut c_void);

/// Declares the functions of libmujoco that npg uses, and how they are looked up.
macro_rules! api {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions that npg uses, as declared in mujoco.h and mjbatch.h.
        #[allow(non_snake_case)] // MuJoCo's names
        pub(crate) struct Api {
            $(pub(crate) $name: unsafe extern "C-unwind" fn($($argument),*) $(-> $result)?,)*
        }

        impl Api {
            /// Looks up all functions, or says which one is missing.
            #[allow(non_snake_case)]
            fn load(library: &libloading::Library) -> Result<Self, String> {
                $(
                    let name = concat!(stringify!($name), "\0");
                    // SAFETY: the type is that of the function's declaration in the headers of 3.17.0 and 4.0.0, and
                    // the library is never closed, so the copied pointer stays valid.
                    let $name = *unsafe { library.get(name.as_bytes()) }
                        .map_err(|_| format!("it has no function {}", stringify!($name)))?;
                )*
                Ok(Self { $($name),* })
            }
        }
    };
}

api! {
    mju_setLogHandler: fn(Option<unsafe extern "C" fn(*const c_void)>) -> *mut c_void;
    mj_parseXMLString: fn(*const c_char, *const c_void, *mut c_char, c_int) -> *mut RawSpec;
    mj_compile: fn(*mut RawSpec, *const c_void) -> *mut RawModel;
    mjs_getError: fn(*mut RawSpec) -> *const c_char;
    mj_deleteSpec: fn(*mut RawSpec);
    mj_loadXML: fn(*const c_char, *const c_void, *mut c_char, c_int) -> *mut RawModel;
    mj_deleteModel: fn(*mut RawModel);
    mj_name2id: fn(*const RawModel, c_int, *const c_char) -> c_int;
    mj_step: fn(*const RawModel, *mut RawData);
    mj_forward: fn(*const RawModel, *mut RawData);
    mj_rnePostConstraint: fn(*const RawModel, *mut RawData);
    mjb_defaultConfig: fn(*mut BatchConfig);
    mjb_makeBatch: fn(*const RawModel, c_int, *const BatchConfig, *mut c_char, c_int) -> *mut RawBatch;
    mjb_deleteBatch: fn(*mut RawBatch);
    mjb_persistent: fn(*const RawBatch) -> c_int;
    mjb_nthread: fn(*const RawBatch) -> c_int;
    mjb_nstate: fn(*const RawBatch) -> c_int;
    mjb_state: fn(*mut RawBatch) -> *mut f64;
    mjb_stateComponent: fn(*mut RawBatch, c_int, *mut c_int) -> *mut f64;
    mjb_warning: fn(*mut RawBatch) -> *mut WarningStat;
    mjb_reset: fn(*mut RawBatch, *const c_int, c_int, *const c_int, c_int) -> c_int;
    mjb_apply: fn(*mut RawBatch, *const c_int, c_int, BatchFunc, *mut c_void, c_int) -> c_int;
    mjb_forward: fn(*mut RawBatch, *const c_int, c_int, c_int) -> c_int;
    mjb_error: fn(*const RawBatch, c_int) -> *const c_char;
    mjb_output: fn(*mut RawBatch, *const c_char, *mut c_int, *mut c_int) -> *mut c_void;
    mjb_expand: fn(*mut RawBatch, *const c_char, *mut c_int, *mut c_int) -> *mut c_void;
}

/// Discards MuJoCo's messages. By default each warning is printed and appended to a file in the current folder. What matters,
/// which is diverged states and failed calls, is read from counters and return values.
unsafe extern "C" fn silent(_message: *const c_void) {}

impl Library {
    /// Opens the library at `path`, which is a file or a name that the system's loader knows.
    ///
    /// # Errors
    /// A phrase that says why it cannot be used: it is missing, it is not a library, or it is too old.
    pub fn open(path: &Path) -> Result<&'static Library, String> {
        // SAFETY: what runs on opening is the library's own initialization; that the file is libmujoco is up to the user,
        // who named or installed it.
        let library = unsafe { libloading::Library::new(path) }.map_err(|error| reason(path, &error))?;
        // SAFETY: `int mj_version(void)` in every version of MuJoCo.
        let version = unsafe { library.get::<unsafe extern "C" fn() -> c_int>(b"mj_version\0") }
            .map(|version| {
                // SAFETY: as above; it reads a constant.
                Version::of(unsafe { version() })
            })
            .map_err(|_| "it is not libmujoco: it has no function mj_version".to_owned())?;
        if version < Version::OLDEST {
            return Err(format!("it is older than {}", Version::OLDEST));
        }
        let api = Api::load(&library)?;
        // SAFETY: the handler may be called from any thread and touches nothing.
        unsafe { (api.mju_setLogHandler)(Some(silent)) };
        std::mem::forget(library); // never closed
        Ok(Box::leak(Box::new(Library { path: path.to_owned(), version, api })))
    }
}

/// A short form of the loader's error.
fn reason(path: &Path, error: &libloading::Error) -> String {
    if path.components().count() > 1 && !path.exists() {
        return "there is no such file".into();
    }
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let name = format!("{}: ", path.display());
    text.strip_prefix(&name).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(Version::of(3_017_000), Version(3, 17, 0));
        assert_eq!(Version::of(4_000_012).to_string(), "4.0.12");
        assert!(Version::of(337) < Version::OLDEST && Version::of(3_016_009) < Version::OLDEST);
    }

    #[test]
    fn a_file_that_is_no_mujoco_is_refused() {
        assert_eq!(Library::open(Path::new("/no/such/libmujoco.so")).unwrap_err(), "there is no such file");
        #[cfg(target_os = "linux")]
        assert!(Library::open(Path::new("libm.so.6")).unwrap_err().starts_with("it is not libmujoco"));
    }
}
