//! The choice of the instruction set. It is made once, at the first call.

#[cfg(target_arch = "aarch64")]
use super::simd::neon::Neon;
use super::simd::{Simd, scalar::Scalar};
#[cfg(target_arch = "x86_64")]
use super::simd::{avx2::Avx2, avx512::Avx512};
use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set for which the kernels are compiled. All of them give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// AVX-512 (F, VL, DQ), on x86-64.
    Avx512,
    /// AVX2 and FMA, on x86-64.
    Avx2,
    /// NEON, on 64-bit ARM.
    Neon,
    /// Plain Rust, for any CPU.
    Scalar,
}

impl Path {
    /// All instruction sets, the fastest first.
    pub const ALL: [Path; 4] = [Path::Avx512, Path::Avx2, Path::Neon, Path::Scalar];

    /// Whether this CPU has the instruction set.
    pub fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && Path::Avx2.available()
            }
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Path::Neon => true,
            Path::Scalar => true,
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }
}

/// Index in [`Path::ALL`] of the path in use, or `UNKNOWN`. It only ever holds the index of an available path.
static IN_USE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

/// The instruction set in use: the fastest that this CPU has, unless [`force_path`] chose another.
#[inline]
pub fn path() -> Path {
    match Path::ALL.get(usize::from(IN_USE.load(Ordering::Relaxed))) {
        Some(path) => *path,
        None => detect(),
    }
}

#[cold]
fn detect() -> Path {
    let path = Path::ALL.into_iter().find(|path| path.available()).expect("the scalar path is always available");
    force_path(path);
    path
}

/// Makes all threads use `path`, for tests and measurements. Results do not change. Panics if the CPU lacks it.
#[doc(hidden)]
pub fn force_path(path: Path) {
    assert!(path.available(), "this CPU lacks {path:?}");
    let index = Path::ALL.iter().position(|p| *p == path).expect("ALL holds every path");
    IN_USE.store(index as u8, Ordering::Relaxed);
}

/// A computation that is written once for all instruction sets.
pub(super) trait Task {
    /// The result of the computation.
    type Output;

    /// # Safety
    /// The CPU has the instruction set `S`.
    unsafe fn run<S: Simd>(self) -> Self::Output;
}

/// Runs `task` with the instruction set in use.
#[inline]
pub(super) fn run<T: Task>(task: T) -> T::Output {
    match path() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `path` gives only what the CPU has.
        Path::Avx512 => unsafe { run_avx512(task) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `path` gives only what the CPU has.
        Path::Avx2 => unsafe { run_avx2(task) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: every CPU of this architecture has NEON.
        Path::Neon => unsafe { task.run::<Neon>() },
        // SAFETY: needs nothing of the CPU.
        _ => unsafe { task.run::<Scalar>() },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
fn run_avx512<T: Task>(task: T) -> T::Output {
    // SAFETY: the caller guarantees that the CPU has the features.
    unsafe { task.run::<Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<T: Task>(task: T) -> T::Output {
    // SAFETY: the caller guarantees that the CPU has the features.
    unsafe { task.run::<Avx2>() }
}

/// Runs `test` once with every available path, one such test at a time.
#[cfg(test)]
pub(super) fn on_every_path<R>(mut test: impl FnMut() -> R) -> Vec<(Path, R)> {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = path();
    let results = Path::ALL
        .into_iter()
        .filter(|path| path.available())
        .map(|path| {
            force_path(path);
            (path, test())
        })
        .collect();
    force_path(before);
    results
}
