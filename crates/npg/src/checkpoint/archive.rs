//! The container of a checkpoint: named tensors and a JSON header in one safetensors file.
//!
//! A file is `length (8 bytes) · JSON · tensor data`, as every safetensors reader expects. `__metadata__` holds `format`,
//! `version`, `crc32` and `header`. The checksum is the CRC-32 of the *whole file* in which the eight digits of the checksum
//! itself are set to 0, so an altered bit is found anywhere, in the JSON as well as in the numbers. Equal contents give equal
//! bytes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorInfo};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic::write_atomically;
use crate::regular::{self, Links};
use crate::{Error, FileFault, Result};

const FORMAT: &str = "npg-checkpoint";
/// The version is raised when an older npg could misread the file. The place and the algorithm of the checksum never change,
/// so that an older npg can distinguish a newer file from a damaged one.
const VERSION: u32 = 1;
const FOREIGN: FileFault = FileFault::Foreign { expected: "a checkpoint of npg" };
/// `FORMAT` appears within this many bytes of the start of a file.
const MARK_WITHIN: usize = 64;
/// Larger files are refused without being read. A million parameters with Adam moments take 24 MB.
const MAX_BYTES: u64 = 32 << 30;
/// A longer header is refused. This is safetensors' own limit.
const MAX_HEADER: u64 = 100_000_000;
/// The text before the eight digits of the checksum. Quotes inside JSON strings are escaped, so nothing else in the JSON can
/// look like this.
const CHECKSUM_KEY: &[u8] = br#""crc32":""#;
const CHECKSUM_DIGITS: usize = 8;

/// Named tensors and a JSON header: the content of a checkpoint file.
///
/// Floating-point tensors keep their bits (`-0.0`, subnormals, even NaN payloads), and 64-bit integers are exact. In the
/// header, JSON keeps `f64` exactly but turns non-finite numbers into null, so put those in tensors.
///
/// ```
/// use npg::checkpoint::Archive;
/// let mut archive = Archive::new();
/// archive.header = serde_json::json!({ "steps": 4096 });
/// archive.insert_f64("policy/theta", &[2], &[1.5, -0.0]);
/// let read = Archive::from_bytes(&archive.to_bytes())?;
/// assert_eq!(read.f64("policy/theta", &[2])?, [1.5, -0.0]);
/// assert_eq!(read.field::<u64>("steps")?, 4096);
/// # Ok::<(), npg::FileFault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Archive {
    /// Everything that is not a tensor: an object, or null if there is nothing.
    pub header: serde_json::Value,
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>, // little endian, row-major
}

/// The JSON of the file, in the order in which it is written.
#[derive(Serialize)]
struct Preamble<'a> {
    #[serde(rename = "__metadata__")]
    metadata: Metadata<'a>,
    #[serde(flatten)]
    tensors: BTreeMap<&'a str, TensorInfo>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    format: &'a str,
    version: String,
    crc32: &'a str,
    header: String,
}

impl Archive {
    /// An archive without tensors and with a null header.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the file at `path`. Files that are not checkpoints are recognized before they are read whole.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, and [`Error::File`] for the faults of [`Archive::from_bytes`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io = |source| Error::Io { doing: "read", path: path.to_path_buf(), source };
        let fault = |fault| Error::File { path: path.to_path_buf(), fault };
        let file = match regular::open(path, OpenOptions::new().read(true), Links::Follow) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(fault(FOREIGN)),
            other => other.map_err(io)?,
        };
        let length = file.metadata().map_err(io)?.len();
        let mut start = Start { file, bytes: Vec::new() };
        start.extend_to(MARK_WITHIN as u64).map_err(io)?;
        if !is_marked(&start.bytes) {
            return Err(fault(FOREIGN));
        }
        // The header says how long the file is. The rest is read only if that is true.
        let header = u64::from_le_bytes(*start.bytes.first_chunk().expect("the mark is longer than that"));
        if header > MAX_HEADER || header.saturating_add(8) > length {
            return Err(fault(FileFault::Damaged("invalid header length".into())));
        }
        start.extend_to(8 + header).map_err(io)?;
        let promised = promised_length(&start.bytes).map_err(fault)?;
        if promised != length {
            let message = format!("it has {length} bytes, but its header says {promised}");
            return Err(fault(FileFault::Damaged(message)));
        }
        if length > MAX_BYTES {
            let message = format!("it has {length} bytes, and at most {MAX_BYTES} are read");
            return Err(fault(FileFault::Damaged(message)));
        }
        start.extend_to(length).map_err(io)?;
        Self::from_bytes(&start.bytes).map_err(fault)
    }

    /// Writes the file in one piece; see [`write_atomically`].
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path, &self.to_bytes())
    }

    /// The content of the file. Equal archives give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Tensors of the widest types come first, so that every tensor is aligned in the file. Within a type they are sorted
        // by name.
        let mut order: Vec<_> = self.tensors.iter().collect();
        order.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype.bitsize()));
        let mut end = 0;
        let infos = order.iter().map(|(name, tensor)| {
            let start = end;
            end += tensor.bytes.len();
            let (dtype, shape) = (tensor.dtype, tensor.shape.clone());
            (name.as_str(), TensorInfo { dtype, shape, data_offsets: (start, end) })
        });
        let preamble = Preamble {
            tensors: infos.collect(),
            metadata: Metadata {
                format: FORMAT,
                version: VERSION.to_string(),
                crc32: "00000000",
                header: self.header.to_string(),
            },
        };
        let mut json = serde_json::to_vec(&preamble).expect("strings and integers always serialize");
        json.resize(json.len().next_multiple_of(8), b' ');
        let mut bytes = Vec::with_capacity(8 + json.len() + end);
        bytes.extend((json.len() as u64).to_le_bytes());
        bytes.extend(json);
        order.iter().for_each(|(_, tensor)| bytes.extend(&tensor.bytes));
        let (digits, checksum) = checksum(&bytes).expect("the checksum's place was written above");
        bytes[digits..digits + CHECKSUM_DIGITS].copy_from_slice(&checksum);
        bytes
    }

    /// Reads the content of a file. Any bytes give an archive or a fault, and the memory used is proportional to `bytes`.
    ///
    /// # Errors
    /// [`FileFault::Foreign`] if it is not a checkpoint, [`FileFault::Damaged`] if it was cut short or altered, and
    /// [`FileFault::Mismatch`] if a newer npg wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileFault> {
        if !is_marked(&bytes[..bytes.len().min(MARK_WITHIN)]) {
            return Err(FOREIGN);
        }
        let damaged = |what: String| FileFault::Damaged(what);
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
        let metadata = metadata.metadata().as_ref().ok_or(FOREIGN)?;
        let field = |key: &str| metadata.get(key).ok_or_else(|| damaged(format!("`{key}` is missing")));
        let (digits, expected) = checksum(bytes).ok_or_else(|| damaged("the checksum is missing".into()))?;
        if bytes[digits..digits + CHECKSUM_DIGITS] != expected {
            return Err(damaged("its content does not match its checksum".into()));
        }
        if field("format")? != FORMAT {
            return Err(FOREIGN);
        }
        let version = field("version")?;
        if *version != VERSION.to_string() {
            return Err(FileFault::Mismatch(format!(
                "it has version {version} of the format, and this npg reads version {VERSION}; use a newer npg"
            )));
        }
        let header = serde_json::from_str(field("header")?).map_err(|error| damaged(format!("header: {error}")))?;
        let views = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let tensor = |view: safetensors::tensor::TensorView| Tensor {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        };
        Ok(Self { header, tensors: views.iter().map(|(name, view)| (name.to_string(), tensor(view))).collect() })
    }

    /// The value at `key` in the header, as a `T`.
    ///
    /// # Errors
    /// [`FileFault::Mismatch`] if it is missing or has another type.
    pub fn field<T: DeserializeOwned>(&self, key: &str) -> Result<T, FileFault> {
        let value = self.header.get(key).ok_or_else(|| FileFault::Mismatch(format!("it has no `{key}`")))?;
        T::deserialize(value).map_err(|error| FileFault::Mismatch(format!("`{key}`: {error}")))
    }

    /// The names of the environment's options that the archive could not store, such as functions in Python.
    ///
    /// # Errors
    /// If the field has another type.
    pub fn unsaved_options(&self) -> Result<Vec<String>, FileFault> {
        if self.header.get("unsaved_options").is_none() { Ok(Vec::new()) } else { self.field("unsaved_options") }
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of the tensor `name`.
    ///
    /// # Errors
    /// [`FileFault::Mismatch`] if there is no such tensor.
    pub fn shape(&self, name: &str) -> Result<&[usize], FileFault> {
        Ok(&self.tensor(name)?.shape)
    }

    fn tensor(&self, name: &str) -> Result<&Tensor, FileFault> {
        self.tensors.get(name).ok_or_else(|| FileFault::Mismatch(format!("it has no tensor `{name}`")))
    }
}

/// Defines how tensors of one element type are written and read: (insert, get, type, dtype, and a second get for finite
/// elements).
macro_rules! element {
    ($insert:ident, $get:ident, $type:ty, $dtype:ident $(, $finite:ident)?) => {
        impl Archive {
            #[doc = concat!("Stores `data`, row-major with `shape`, under `name`; a tensor of that name is replaced.")]
            ///
            /// # Panics
            /// If `data` does not fill `shape`, or if the name is `__metadata__`, which the format reserves.
            pub fn $insert(&mut self, name: &str, shape: &[usize], data: &[$type]) {
                assert_ne!(name, "__metadata__");
                assert_eq!(shape.iter().product::<usize>(), data.len(), "tensor `{name}` of shape {shape:?}");
                let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
                self.tensors.insert(name.into(), Tensor { dtype: Dtype::$dtype, shape: shape.to_vec(), bytes });
            }

            #[doc = concat!("The elements of the `", stringify!($type), "` tensor `name`, row-major")]
            #[doc = concat!("" $(, "; see [`Archive::", stringify!($finite), "`] for finite ones")?, ".")]
            ///
            /// # Errors
            /// [`FileFault::Mismatch`] if it is missing, or has another type or shape.
            pub fn $get(&self, name: &str, shape: &[usize]) -> Result<Vec<$type>, FileFault> {
                let tensor = self.tensor(name)?;
                if tensor.dtype != Dtype::$dtype || tensor.shape != shape {
                    return Err(FileFault::Mismatch(format!(
                        "tensor `{name}` is {} {:?}, and {} {shape:?} is needed",
                        tensor.dtype, tensor.shape, Dtype::$dtype
                    )));
                }
                let (chunks, _) = tensor.bytes.as_chunks();
                Ok(chunks.iter().map(|bytes| <$type>::from_le_bytes(*bytes)).collect())
            }

            $(
                #[doc = concat!("The elements of the `", stringify!($type), "` tensor `name`, row-major, all finite.")]
                ///
                /// # Errors
                /// [`FileFault::Mismatch`] if it is missing, or has another type or shape; [`FileFault::Damaged`] if an
                /// element is not finite.
                pub fn $finite(&self, name: &str, shape: &[usize]) -> Result<Vec<$type>, FileFault> {
                    let data = self.$get(name, shape)?;
                    match data.iter().position(|x| !x.is_finite()) {
                        None => Ok(data),
                        Some(at) => {
                            let value = data[at];
                            Err(FileFault::Damaged(format!("tensor `{name}` has {value} at index {at}")))
                        }
                    }
                }
            )?
        }
    };
}

element!(insert_f64, any_f64, f64, F64, f64);
element!(insert_f32, any_f32, f32, F32, f32);
element!(insert_u64, u64, u64, U64);
element!(insert_i64, i64, i64, I64);

/// The first bytes of a file.
struct Start {
    file: File,
    bytes: Vec<u8>,
}

impl Start {
    /// Reads on until there are `length` bytes, or until the end of the file.
    fn extend_to(&mut self, length: u64) -> std::io::Result<()> {
        let missing = length.saturating_sub(self.bytes.len() as u64);
        self.file.by_ref().take(missing).read_to_end(&mut self.bytes).map(drop)
    }
}

/// The length that a file with this start (8 bytes and the header) should have.
fn promised_length(start: &[u8]) -> Result<u64, FileFault> {
    let json = start.get(8..).unwrap_or_default();
    let metadata: safetensors::tensor::Metadata =
        serde_json::from_slice(json).map_err(|error| FileFault::Damaged(error.to_string()))?;
    Ok(start.len() as u64 + metadata.data_len() as u64)
}

/// Whether the start of a file says that it is a checkpoint.
fn is_marked(start: &[u8]) -> bool {
    start.windows(FORMAT.len()).any(|window| window == FORMAT.as_bytes())
}

/// The position of the checksum's digits, and the digits that should be there. `None` if there is no place for them.
fn checksum(bytes: &[u8]) -> Option<(usize, [u8; CHECKSUM_DIGITS])> {
    let key = bytes.windows(CHECKSUM_KEY.len()).position(|window| window == CHECKSUM_KEY)?;
    let digits = key + CHECKSUM_KEY.len();
    let after = bytes.get(digits + CHECKSUM_DIGITS..)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..digits]);
    hasher.update(&[b'0'; CHECKSUM_DIGITS]);
    hasher.update(after);
    let mut text = [0; CHECKSUM_DIGITS];
    text.copy_from_slice(format!("{:08x}", hasher.finalize()).as_bytes());
    Some((digits, text))
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
