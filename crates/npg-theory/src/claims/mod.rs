//! The theory, claim by claim, each with a check that runs now. `npg theory` prints them.
//!
//! A [`Claim`] is a sentence, its source, and a function that measures one number. The claim holds if the number is in the
//! demanded range. Some claims are about statements that circulate and are wrong: their number says by how much the statement
//! fails, and it must be large. Random instances come from fixed streams, so every run measures the same.

mod ascent;
mod bounds;
mod classics;
mod difference;
mod divergence;
mod fishers;
mod instances;
mod network;
mod regulator;
mod sampled;
mod steps;

use std::time::Instant;

/// A claim of the theory.
#[derive(Debug)]
pub struct Claim {
    /// The unique name of the claim.
    pub name: &'static str,
    /// The claim in a sentence.
    pub sentence: &'static str,
    /// The source of the claim.
    pub source: &'static str,
    /// What the number measures.
    pub measured: &'static str,
    /// The range that the number must be in.
    pub demand: Demand,
    /// Whether the sentence is about an error that circulates.
    pub is_about_error: bool,
    measure: fn() -> f64,
}

/// The range in which a number must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// At most this number.
    AtMost(f64),
    /// At least this number.
    AtLeast(f64),
    /// From the first number to the second.
    Within(f64, f64),
}

impl Demand {
    /// Whether `value` is in the range; NaN is in none.
    pub fn is_met_by(self, value: f64) -> bool {
        match self {
            Demand::AtMost(high) => value <= high,
            Demand::AtLeast(low) => value >= low,
            Demand::Within(low, high) => (low..=high).contains(&value),
        }
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// The measured number.
    pub value: f64,
    /// Whether the claim holds.
    pub holds: bool,
    /// How long the check took.
    pub seconds: f64,
}

/// Claims that belong together: a section of the book's chapter on theory.
#[derive(Debug)]
pub struct Section {
    /// The title of the section.
    pub title: &'static str,
    /// The claims, in reading order.
    pub claims: &'static [Claim],
}

/// The sections of the chapter, in reading order.
pub static SECTIONS: &[Section] = &[
    Section { title: "The gradient, and soft policy iteration", claims: ascent::CLAIMS },
    Section { title: "Performance difference", claims: difference::CLAIMS },
    Section { title: "The surrogate", claims: difference::SURROGATE },
    Section { title: "How far the states drift", claims: bounds::DRIFT },
    Section { title: "Lower bounds on improvement", claims: bounds::CLAIMS },
    Section { title: "Total variation and KL", claims: divergence::CLAIMS },
    Section { title: "Constrained steps", claims: steps::CONSTRAINED },
    Section { title: "The step size", claims: steps::CLAIMS },
    Section { title: "Invariance and compatible approximation", claims: fishers::INVARIANCE },
    Section { title: "The Fisher matrix", claims: fishers::CLAIMS },
    Section { title: "The regulator with one state", claims: regulator::CLAIMS },
    Section { title: "Kakade's experiments", claims: classics::CLAIMS },
    Section { title: "From exact to sampled", claims: sampled::CLAIMS },
];

impl Claim {
    /// Runs the check.
    pub fn check(&self) -> Finding {
        let begin = Instant::now();
        let value = (self.measure)();
        Finding { value, holds: self.demand.is_met_by(value), seconds: begin.elapsed().as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    fn claims() -> Vec<&'static Claim> {
        SECTIONS.iter().flat_map(|section| section.claims).collect()
    }

    #[test]
    fn every_claim_holds() {
        let failed: Vec<String> = claims()
            .par_iter()
            .filter_map(|claim| {
                let Finding { value, holds, .. } = claim.check();
                (!holds).then(|| format!("{}: {value:e}, but {:?}", claim.name, claim.demand))
            })
            .collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }

    #[test]
    fn names_are_unique_and_sentences_end() {
        let mut names: Vec<&str> = claims().iter().map(|claim| claim.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), claims().len());
        assert!(claims().iter().all(|claim| claim.sentence.ends_with('.') && !claim.source.is_empty()));
    }

    #[test]
    fn nothing_holds_for_nan() {
        for demand in [Demand::AtMost(f64::INFINITY), Demand::AtLeast(0.0), Demand::Within(-1.0, 1.0)] {
            assert!(!demand.is_met_by(f64::NAN));
        }
    }
}
