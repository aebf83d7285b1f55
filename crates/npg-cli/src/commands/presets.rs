//! `npg presets [ENV]`: the settings that come with npg.

use npg::config::{Layers, presets};
use npg::env::registry::{self, GYMNASIUM_SCHEME};

use crate::{program, text};

/// A table of all presets, or the TOML of one.
pub(crate) fn presets(environment: Option<&str>) -> npg::Result<String> {
    if let Some(environment) = environment {
        return Ok(presets::get(environment)?.text.into());
    }
    let mut rows = vec![["preset", "algorithm", "steps", "measured"].map(String::from)];
    for preset in presets::PRESETS {
        let mut layers = Layers::default();
        layers.preset(preset.environment);
        let config = layers.resolve()?;
        let header = preset.header();
        let measured = header.lines().find_map(|line| line.strip_prefix("Measured:")).unwrap_or("-");
        let measured = measured.split(" (").next().unwrap_or(measured).trim(); // how it was measured would be too long
        let is_native = registry::ids().any(|id| id == preset.environment);
        rows.push([
            if is_native { preset.environment.into() } else { format!("{GYMNASIUM_SCHEME}{}", preset.environment) },
            config.algorithm.name.name().into(),
            text::count(config.run.steps as f64),
            measured.into(),
        ]);
    }
    let notes = "\n`npg presets ENV` prints one, and `npg train ENV` uses it. Those with gym: are Gymnasium's and \
                 need\nnpg's Python package (`pip install .` in npg's repository).\n";
    Ok(text::columns(&rows) + &program::runnable(notes))
}
