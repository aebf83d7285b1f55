//! Special functions that give the same bits on every machine. They build on `libm`, which has no polygamma functions.

/// log(1 + e^x) without overflow.
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// log B(a, b) = log Gamma(a) + log Gamma(b) - log Gamma(a + b).
pub(super) fn log_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// From this argument on, six terms of the asymptotic series give all digits of an f64.
const LARGE: f64 = 12.0;

/// The derivative of log Gamma at x > 0 (Abramowitz & Stegun 1964, 6.3.5 and 6.3.18).
pub(super) fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < LARGE {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    // B_2k / 2k for k from 1 to 6, with alternating signs.
    let series = y
        * (1.0 / 12.0
            - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y * (1.0 / 132.0 - y * 691.0 / 32760.0)))));
    sum + libm::log(x) - 0.5 / x - series
}

/// The second derivative of log Gamma at x > 0 (Abramowitz & Stegun 1964, 6.4.6 and 6.4.12).
pub(super) fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < LARGE {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    // B_2k for k from 1 to 6.
    let series = y
        * (1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * (5.0 / 66.0 - y * 691.0 / 2730.0)))));
    sum + (1.0 + 0.5 / x + series) / x
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{LN_2, PI};

    /// Euler's constant.
    const EULER: f64 = 0.577_215_664_901_532_9;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 2e-14 * (1.0 + b.abs()), "{a} and {b}");
    }

    #[test]
    fn polygamma_functions_have_their_known_values() {
        close(digamma(1.0), -EULER);
        close(digamma(0.5), -EULER - 2.0 * LN_2);
        close(digamma(2.0), 1.0 - EULER);
        close(trigamma(1.0), PI * PI / 6.0);
        close(trigamma(0.5), PI * PI / 2.0);
        close(trigamma(2.0), PI * PI / 6.0 - 1.0);
    }

    /// psi(x + 1) = psi(x) + 1 / x, including pairs of which only one side starts with the series.
    #[test]
    fn polygamma_functions_keep_their_recurrences() {
        for x in [0.7, 1.3, 5.5, 11.0, 11.9, 12.0, 40.0, 1e6] {
            close(digamma(x + 1.0), digamma(x) + 1.0 / x);
            close(trigamma(x + 1.0), trigamma(x) - 1.0 / (x * x));
        }
    }

    #[test]
    fn softplus_neither_overflows_nor_vanishes() {
        assert_eq!((softplus(800.0), softplus(-800.0)), (800.0, 0.0));
        close(softplus(0.0), LN_2);
        assert!(softplus(-40.0) > 4e-18);
    }
}
