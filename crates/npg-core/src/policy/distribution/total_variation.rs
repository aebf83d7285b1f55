//! The total variation distance, and bounds on it.

/// A total variation distance, or an upper bound on it if it has no closed form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TotalVariation {
    /// 1/2 sum |p - q|.
    Exact(f64),
    /// The smaller one of Pinsker's and Bretagnolle and Huber's bounds, over both directions of KL.
    Bound(f64),
}

impl TotalVariation {
    /// The bound that follows from KL in both directions, in nats.
    pub fn bound(kl: f64, kl_reverse: f64) -> Self {
        let kl = kl.min(kl_reverse);
        TotalVariation::Bound(pinsker(kl).min(bretagnolle_huber(kl)))
    }

    /// The distance or the bound.
    pub fn value(self) -> f64 {
        match self {
            TotalVariation::Exact(value) | TotalVariation::Bound(value) => value,
        }
    }
}

/// TV <= sqrt(KL / 2) (Pinsker), capped at 1. The root is concave, so it also bounds the mean of TV by the mean of KL.
pub fn pinsker(kl: f64) -> f64 {
    if kl < 0.0 { 0.0 } else { (kl / 2.0).sqrt().min(1.0) }
}

/// TV <= sqrt(1 - exp(-KL)) (Bretagnolle & Huber 1979). This is tighter than Pinsker's bound if KL is above about 1.6 nats.
pub fn bretagnolle_huber(kl: f64) -> f64 {
    if kl < 0.0 { 0.0 } else { (-libm::expm1(-kl)).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For p = (.5, .5) and q = (.6, .4), TV = .1 is above KL = .0204, but below both bounds.
    #[test]
    fn total_variation_is_bounded_by_the_root_of_kl() {
        let kl = 0.5 * (0.5f64 / 0.6).ln() + 0.5 * (0.5f64 / 0.4).ln();
        assert!(0.1 > kl && 0.1 <= pinsker(kl) && pinsker(kl) < bretagnolle_huber(kl));
        assert!(bretagnolle_huber(2.0) < pinsker(2.0) && pinsker(50.0) == 1.0);
        assert!(pinsker(-1e-17) == 0.0 && bretagnolle_huber(-1e-17) == 0.0 && bretagnolle_huber(f64::NAN).is_nan());
    }
}
