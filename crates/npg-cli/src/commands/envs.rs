//! `npg envs`: the environments that can be trained on.

use npg::env::{Space, registry};

use crate::text;

/// A table of all native environments.
pub(crate) fn envs() -> String {
    let mut rows = vec![["id", "observation", "action", "time limit", "threshold"].map(String::from)];
    let mut notes = String::from("\n");
    let mut missing = None;
    for entry in registry::entries() {
        match registry::make(entry.id, &toml::Table::new()) {
            Ok(source) => {
                let spec = source.spec();
                let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
                rows.push([
                    spec.id,
                    space(&spec.observation),
                    space(&spec.action),
                    or_dash(spec.max_episode_steps.map(|steps| steps.to_string())),
                    or_dash(spec.reward_threshold.map(|threshold| threshold.to_string())),
                ]);
            }
            Err(npg::Error::Library { name, reason }) => {
                rows.push([entry.id.into(), format!("needs {name}"), "".into(), "".into(), "".into()]);
                missing = Some(reason); // there is one library, so it is the same for all
            }
            Err(error) => notes.push_str(&format!("{}: {error}\n", entry.id)),
        }
    }
    notes.push_str(&missing.unwrap_or_else(found));
    format!("{}{notes}\n", text::columns(&rows))
}

/// The libmujoco in use.
fn found() -> String {
    match npg::env::mujoco::library() {
        Ok(library) => format!("MuJoCo {}: {}", library.version, library.path.display()),
        Err(error) => error.to_string(),
    }
}

/// A space in a word or two.
fn space(of: &Space) -> String {
    match of {
        Space::Box { low, high } => {
            let same = |bounds: &[f64]| bounds.first().copied().filter(|first| bounds.iter().all(|x| x == first));
            match (same(low), same(high)) {
                (Some(low), Some(high)) if low.is_finite() && high.is_finite() => {
                    format!("box {} in {}..{}", of.len(), bound(low), bound(high))
                }
                _ => format!("box {}", of.len()),
            }
        }
        Space::Image(image) => {
            let [first, second, third] = image.shape();
            format!("image {first}x{second}x{third} in {}..{}", bound(image.low), bound(image.high))
        }
        Space::Discrete(n) => format!("discrete {n}"),
        Space::MultiDiscrete(sizes) => {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            format!("multi-discrete {}", sizes.join("x"))
        }
        Space::MultiBinary(bits) => format!("multi-binary {bits}"),
        Space::Tuple(_) | Space::Dict(_) => format!("({})", of.parts().map(space).collect::<Vec<_>>().join(", ")),
        Space::Parametrized(boxes) => format!("one of ({})", boxes.iter().map(space).collect::<Vec<_>>().join(" | ")),
    }
}

/// A bound with as few digits as possible, because many are f32 numbers.
fn bound(x: f64) -> String {
    if f64::from(x as f32) == x { (x as f32).to_string() } else { x.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_in_words() {
        let spaces = [
            Space::uniform_box(3, -1.0, 1.0),
            Space::uniform_box(2, -0.3, f64::from(0.4_f32)),
            Space::uniform_box(11, f64::NEG_INFINITY, f64::INFINITY),
            Space::Box { low: vec![-1.0, -8.0], high: vec![1.0, 8.0] },
            Space::Discrete(2),
            Space::MultiDiscrete(vec![3, 2]),
            Space::MultiBinary(8),
        ];
        let expected = [
            "box 3 in -1..1",
            "box 2 in -0.3..0.4",
            "box 11",
            "box 2",
            "discrete 2",
            "multi-discrete 3x2",
            "multi-binary 8",
        ];
        assert_eq!(spaces.map(|s| space(&s)), expected);
    }
}
