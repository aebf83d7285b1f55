//! Arguments of the commands that show exact worlds.

use std::path::PathBuf;

use clap::Args;
use npg::exact::lqr::Lqr;

/// `npg field`
#[derive(Args)]
#[command(after_help = "\
The regulator is s' = a s + b u + w with reward -1/2 (q s^2 + r u^2), the policy u ~ N(k s, sigma^2). The defaults are \
figure 1 of Peters and Schaal 2008, whose optimum is at k = -1, sigma = 0. A world with noise and the same optimum:

  npg field --a 1 --b 1 --r 0 --gamma 0.9 --noise 0.01 --start-mean 0.3 --start-var 0.01")]
pub(crate) struct FieldArgs {
    #[command(flatten)]
    pub(crate) world: WorldArgs,
    /// Gains k of the arrows: N numbers from LOW to HIGH, both included
    #[arg(long, value_name = "LOW:HIGH:N", default_value = "-1.875:-0.125:8", value_parser = range)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) k_range: Spaced,
    /// Standard deviations of the arrows, likewise
    #[arg(long, value_name = "LOW:HIGH:N", default_value = "0.05:0.5:10", value_parser = range)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) sigma_range: Spaced,
    /// Draw the ways of learners at unit speed too; in a GIF they walk
    #[arg(long)]
    pub(crate) flow: bool,
    /// File to write, .svg, .png, or with --flow .gif [default: field.svg, none with --json]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object: J, gradient, Fisher matrix and natural gradient at each point
    #[arg(long)]
    pub(crate) json: bool,
}

/// A regulator with one state.
#[derive(Args)]
pub(crate) struct WorldArgs {
    /// Gain of the state
    #[arg(long, value_name = "A", default_value_t = Lqr::published().a, allow_negative_numbers = true)]
    pub(crate) a: f64,
    /// Gain of the action
    #[arg(long, value_name = "B", default_value_t = Lqr::published().b, allow_negative_numbers = true)]
    pub(crate) b: f64,
    /// Cost of the state
    #[arg(long, value_name = "Q", default_value_t = Lqr::published().q, allow_negative_numbers = true)]
    pub(crate) q: f64,
    /// Cost of the action
    #[arg(long, value_name = "R", default_value_t = Lqr::published().r, allow_negative_numbers = true)]
    pub(crate) r: f64,
    /// Discount
    #[arg(long, value_name = "G", default_value_t = Lqr::published().gamma, allow_negative_numbers = true)]
    pub(crate) gamma: f64,
    /// Variance of the noise w
    #[arg(long, value_name = "W", default_value_t = Lqr::published().noise, allow_negative_numbers = true)]
    pub(crate) noise: f64,
    /// Mean of the first state
    #[arg(long, value_name = "M", default_value_t = Lqr::published().start_mean, allow_negative_numbers = true)]
    pub(crate) start_mean: f64,
    /// Variance of the first state
    #[arg(long, value_name = "V", default_value_t = Lqr::published().start_var, allow_negative_numbers = true)]
    pub(crate) start_var: f64,
}

/// `npg kakade`
#[derive(Args)]
pub(crate) struct KakadeArgs {
    /// File to write, .svg or .png [default: kakade.svg, none with --json]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Numbers at equal distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spaced {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: usize,
}

/// Most numbers of a range.
const MAX_NUMBERS: usize = 1000;

/// `LOW:HIGH:N`.
fn range(text: &str) -> Result<Spaced, String> {
    let bad = || "expected LOW:HIGH:N, such as -2:0:9 for 9 numbers from -2 to 0".to_owned();
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let [low, high, count] = parts[..] else { return Err(bad()) };
    let (Ok(low), Ok(high), Ok(count)) = (low.parse::<f64>(), high.parse::<f64>(), count.parse::<usize>()) else {
        return Err(bad());
    };
    match count {
        _ if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) => {
            Err("its ends must be finite".into())
        }
        _ if low > high => Err(format!("{low} is more than {high}; the smaller number comes first")),
        0 => Err("0 numbers are none; use 1 or more".into()),
        1 if low < high => Err(format!("1 number cannot be both {low} and {high}; use 2 or more, or equal ends")),
        2.. if low == high => Err(format!("{count} numbers from {low} to {high} would be the same; use 1")),
        count if count > MAX_NUMBERS => Err(format!("{count} numbers are more than {MAX_NUMBERS}")),
        count => Ok(Spaced { low, high, count }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_two_ends_and_a_number() {
        assert_eq!(range("-2:0:9"), Ok(Spaced { low: -2.0, high: 0.0, count: 9 }));
        assert_eq!(range("1:1:1"), Ok(Spaced { low: 1.0, high: 1.0, count: 1 }));
        for text in ["", "1:2", "1:2:3:4", "a:2:3", "1:2:-3", "1:2:1", "1:1:2", "2:1:3", "1:2:0", "1:2:1001", "nan:1:2"]
        {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
