//! What the benches share.

use std::time::{Duration, Instant};

/// Seconds that one call takes: the best of many batches, so that a busy machine disturbs little.
pub fn seconds(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < Duration::from_millis(5) {
        call();
        calls += 1;
    }
    let batch = 1 + calls / 50; // about 0.1 ms
    let time = |_| {
        let start = Instant::now();
        (0..batch).for_each(|_| call());
        start.elapsed().as_secs_f64() / f64::from(batch)
    };
    (0..500).map(time).fold(f64::INFINITY, f64::min)
}
