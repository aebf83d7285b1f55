//! Arguments of the commands that show exact worlds.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use npg::exact::lqr::Lqr;

use super::{count, seed};

/// `npg convergence`
#[derive(Args)]
#[command(after_help = "\
In FrozenLake, a random MDP, a linear-quadratic regulator and a bandit, batches of 1000 to N transitions are sampled: 6 \
of each size, and 24 of the sizes up to a tenth of N. On each batch, the trainer's own functions compute the gradient g, F v \
for a fixed v, and (F + 0.01 I)^-1 g. Their error, the root mean square of ||estimate - exact|| / ||exact||, must fall as \
N^-1/2: the exponent, fitted over all sizes, must be -0.5 within 4 standard errors and 0.02. \"Worst z\" is the largest \
distance of a component's mean over the largest batches from the exact value, in standard errors. It must not exceed the \
limit, which one of the twelve exceeds by chance in 0.27 % of runs.

The exit code is 1 if an estimate does not converge. Results do not depend on the number of threads.")]
pub(crate) struct ConvergenceArgs {
    /// Transitions of the largest batches, from 10,000 to 10,000,000
    #[arg(long, value_name = "N", default_value = "1e6", value_parser = count, allow_negative_numbers = true)]
    pub(crate) samples: i64,
    /// Seed of the samples; worlds and policies do not depend on it
    #[arg(long, value_name = "S", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// File of the figure, .svg or .png [default: convergence.svg, none with --json]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `npg field`
#[derive(Args)]
#[command(after_help = "\
The regulator is s' = a s + b u + w with reward -1/2 (q s^2 + r u^2), and the policy is u ~ N(k s, sigma^2). The defaults are \
figure 1 of Peters and Schaal 2008, whose optimum is at k = -1, sigma = 0. This is a world with noise and the same optimum:

  npg field --a 1 --b 1 --r 0 --gamma 0.9 --noise 0.01 --start-mean 0.3 --start-var 0.01")]
pub(crate) struct FieldArgs {
    #[command(flatten)]
    pub(crate) world: WorldArgs,
    /// Gains k of the arrows: N numbers from LOW to HIGH, both included
    #[arg(long, value_name = "LOW:HIGH:N", default_value = "-1.875:-0.125:8", value_parser = range)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) k_range: Spaced,
    /// Standard deviations of the arrows, in the same form
    #[arg(long, value_name = "LOW:HIGH:N", default_value = "0.05:0.5:10", value_parser = range)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) sigma_range: Spaced,
    /// Draw the paths of learners at unit speed too; in a GIF they move
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

/// `npg mdp`
#[derive(Args)]
#[command(after_help = "\
FILE.json: {\"gamma\": G, \"transition\": [S][A][S] or a list of [s, a, s', p], \"reward\": [S][A], \"start\": [S], \
\"logits\": [S][A] (optional)}. In an environment, a step that ends the episode leads nowhere, and time limits are ignored.

All numbers have double precision. d is the normalized discounted state distribution, and pi is the policy.")]
pub(crate) struct MdpArgs {
    /// JSON file, or a tabular environment such as FrozenLake-v1
    #[arg(value_name = "FILE|ENV")]
    pub(crate) world: String,
    /// uniform, optimal, a JSON file with `policy` or `logits`, or the directory of a run [default: the file's logits, else uniform]
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: Option<String>,
    /// Discount, instead of the file's or the one of the environment's preset
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    pub(crate) gamma: Option<f64>,
    /// An option of the environment, such as env.is_slippery=false; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Improve the policy with exact steps
    #[arg(long, value_name = "METHOD", value_parser = PossibleValuesParser::new(npg::exact::mdp::Method::NAMES))]
    pub(crate) ascent: Option<String>,
    /// Size of each step: eta of the natural methods, alpha of the vanilla gradient
    #[arg(long, value_name = "ETA", requires = "ascent", conflicts_with = "kl", allow_negative_numbers = true)]
    pub(crate) step: Option<f64>,
    /// Predicted KL of each step in nats, instead of its size
    #[arg(long, value_name = "EPS", requires = "ascent", allow_negative_numbers = true)]
    pub(crate) kl: Option<f64>,
    /// Number of steps
    #[arg(long, value_name = "T", default_value_t = 100, requires = "ascent", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) iterations: u32,
    /// Add the dense Fisher matrix to the JSON object
    #[arg(long, requires = "json")]
    pub(crate) fisher: bool,
    /// Print one JSON object on one line, and draw nothing
    #[arg(long)]
    pub(crate) json: bool,
    /// File of the figure, .svg or .png
    #[arg(long, short, value_name = "FILE", default_value = "mdp.svg", conflicts_with = "json")]
    pub(crate) output: PathBuf,
}

/// `npg theory`
#[derive(Args)]
#[command(after_help = "\
Each claim has a sentence, its source, and one number that is measured now on fixed random instances. \"beware\" marks \
a well-known statement that is wrong, and the number shows how wrong it is. The exit code is 0 only if every claim \
holds.")]
pub(crate) struct TheoryArgs {
    /// Check only this claim, by its name in brackets
    #[arg(value_name = "CLAIM")]
    pub(crate) claim: Option<String>,
    /// Print a JSON line for each claim
    #[arg(long)]
    pub(crate) json: bool,
}

/// Evenly spaced numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spaced {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: usize,
}

/// The most numbers in a range.
const MAX_NUMBERS: usize = 1000;

/// Reads `LOW:HIGH:N`.
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
        0 => Err("0 numbers are too few; use 1 or more".into()),
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
