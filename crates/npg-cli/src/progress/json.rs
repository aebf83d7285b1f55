//! The display for programs: one JSON object per line. Numbers that are not finite are null.

use serde_json::Value;

use super::{Done, Evaluation, Start};
use crate::text;

pub(super) fn start(start: &Start) -> String {
    object(
        "start",
        identity(start).chain([("steps", start.steps.into()), ("version", env!("CARGO_PKG_VERSION").into())]),
    )
}

pub(super) fn iteration(iteration: u64, steps: u64, metrics: &[(&str, f64)]) -> String {
    let head: [(&str, Value); 2] = [("iteration", iteration.into()), ("steps", steps.into())];
    object("iteration", head.into_iter().chain(metrics.iter().map(|(name, value)| (*name, Value::from(*value)))))
}

pub(super) fn evaluation(evaluation: &Evaluation) -> String {
    let Evaluation { steps, return_mean, return_std, length_mean, episodes } = *evaluation;
    object(
        "eval",
        [
            ("steps", steps.into()),
            ("return_mean", return_mean.into()),
            ("return_std", return_std.into()),
            ("length_mean", length_mean.into()),
            ("episodes", episodes.into()),
        ],
    )
}

pub(super) fn done(done: &Done) -> String {
    object(
        "done",
        identity(&done.start).chain([
            ("steps", done.steps.into()),
            ("seconds", done.seconds.into()),
            ("steps_per_second", (done.steps as f64 / done.seconds).into()),
            ("final_return_mean", done.final_return_mean.into()),
            ("best_return_mean", done.best_return_mean.into()),
        ]),
    )
}

/// The fields that start and done have in common.
fn identity(start: &Start) -> impl Iterator<Item = (&'static str, Value)> {
    let Start { env, algo, seed, run_dir, .. } = start.clone();
    [("env", env.into()), ("algo", algo.into()), ("seed", seed.into()), ("run_dir", run_dir.into())].into_iter()
}

fn object<'f>(event: &'f str, fields: impl IntoIterator<Item = (&'f str, Value)>) -> String {
    text::json_line([("event", event.into())].into_iter().chain(fields))
}
