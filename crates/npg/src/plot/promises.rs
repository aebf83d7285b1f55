//! The promised and the delivered gains of a run, summed over its updates.

use super::runs::Row;
use super::series::Series;

/// Sums over the updates whose delivered gain was measured, at the steps of these updates. A single gain drowns in noise. In
/// the sum, the noise of a batch's return cancels, because it ends one gain and begins the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    pub(super) promised: Series,
    pub(super) delivered: Series,
    /// The standard error of each delivered sum.
    pub(super) errors: Vec<f64>,
}

impl Ledger {
    /// Computes the sums from all rows of a seed, in order. The gain in a row belongs to the update of the row before.
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut ledger = Self::default();
        let (mut promised, mut delivered) = (0.0, 0.0);
        // The variances of the returns at both ends of each unbroken sequence of gains. `closed` sums those of sequences that
        // are over.
        let (mut closed, mut first, mut last) = (0.0, None, 0.0);
        for pair in rows.windows(2) {
            let [before, after] = pair else { continue };
            let Some((promise, gain)) = before.promised.zip(after.realized) else {
                closed += first.take().map_or(0.0, |first: f64| first + last);
                continue;
            };
            promised += promise;
            delivered += gain;
            let variance = |row: &Row| row.return_se.map_or(0.0, |se| se * se);
            last = variance(after);
            let first = *first.get_or_insert_with(|| variance(before));
            for (series, sum) in [(&mut ledger.promised, promised), (&mut ledger.delivered, delivered)] {
                series.steps.push(before.steps);
                series.values.push(sum);
            }
            ledger.errors.push((closed + first + last).sqrt());
        }
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(steps: f64, promised: Option<f64>, realized: Option<f64>) -> Row {
        Row { steps, promised, realized, return_se: Some(0.5), ..Row::default() }
    }

    #[test]
    fn a_gain_belongs_to_the_update_before_it() {
        let rows = [
            row(10.0, Some(1.0), None),
            row(20.0, Some(3.0), Some(0.5)),
            row(30.0, Some(5.0), None), // too few episodes started, so neither side counts
            row(40.0, Some(7.0), Some(2.0)),
            row(50.0, Some(9.0), Some(-1.0)),
        ];
        let ledger = Ledger::of(&rows);
        assert_eq!(ledger.promised.points().collect::<Vec<_>>(), [(10.0, 1.0), (30.0, 6.0), (40.0, 13.0)]);
        assert_eq!(ledger.delivered.points().collect::<Vec<_>>(), [(10.0, 0.5), (30.0, 2.5), (40.0, 1.5)]);
        // A sequence has the variance of its two ends, 0.25 each. A second update in the same sequence adds nothing.
        let variances: Vec<f64> = ledger.errors.iter().map(|error| error * error).collect();
        assert!(variances.iter().zip([0.5, 1.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{variances:?}");
        assert_eq!(Ledger::of(&rows[..1]), Ledger::default());
    }
}
