"""Episodes of Gymnasium's MuJoCo tasks with random actions, for crates/npg/tests/mujoco.rs, which plays them again.

    mujoco_episodes.py CASES FOLDER

CASES is a JSON list of {"id", "options", "episodes", "steps", "resets"}. For case k, FOLDER/k.f64 gets one row for each
step (little-endian f64): MuJoCo's integration state before the step, the position whose velocity is rewarded, the
action, the observation after it, the reward, terminated. Then follow `resets` rows of first observations. FOLDER/index.json
says how many columns and rows there are, and which libmujoco it was. Needs gymnasium 1.4 and mujoco.
"""

import json
import pathlib
import sys

import gymnasium
import mujoco
import numpy as np
from gymnasium.envs.mujoco.humanoid_v5 import mass_center

STATE = mujoco.mjtState.mjSTATE_INTEGRATION
FORWARD = ("HalfCheetah", "Hopper", "Walker2d", "Swimmer")


def position(env, name):
    """The position along x whose velocity the task rewards; 0 if it rewards none."""
    if name == "Ant":
        return env.data.body(env._main_body).xpos[0]
    if name == "Humanoid":
        return mass_center(env.model, env.data)[0]
    return env.data.qpos[0] if name in FORWARD else 0.0


def state(env):
    values = np.empty(mujoco.mj_stateSize(env.model, STATE))
    mujoco.mj_getState(env.model, env.data, values, STATE)
    return values


def record(case):
    name = case["id"].split("-")[0]
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in case["options"].items()}
    spec = gymnasium.spec(case["id"])
    env = gymnasium.make(case["id"], disable_env_checker=True, **options).unwrapped
    env.action_space.seed(7)
    low, high = env.action_space.low.astype(float), env.action_space.high.astype(float)
    random = np.random.default_rng(7)
    rows, lengths = [], []
    for episode in range(case["episodes"]):
        env.reset(seed=episode)
        for step in range(min(case["steps"], spec.max_episode_steps)):
            action = random.uniform(low, high)
            before = [*state(env), position(env, name), *action]
            observation, reward, terminated, _, _ = env.step(action)
            rows.append([*before, *observation, reward, terminated])
            if terminated:
                break
        lengths.append(step + 1)
    firsts = [env.reset(seed=1000 + k)[0] for k in range(case["resets"])]
    columns = {"state": len(state(env)), "action": len(low), "observation": len(env._get_obs())}
    limits = {"limit": spec.max_episode_steps, "threshold": spec.reward_threshold}
    numbers = np.concatenate([np.array(rows, dtype="<f8").ravel(), np.array(firsts, dtype="<f8").ravel()])
    bounds = {"low": low.tolist(), "high": high.tolist()}
    return numbers, {**columns, **limits, **bounds, "lengths": lengths}


def main():
    cases = json.loads(pathlib.Path(sys.argv[1]).read_text())
    folder = pathlib.Path(sys.argv[2])
    index = []
    for number, case in enumerate(cases):
        numbers, facts = record(case)
        numbers.astype("<f8").tofile(folder / f"{number}.f64")
        index.append(facts)
    library = next(pathlib.Path(mujoco.__file__).parent.glob("*mujoco.*[sd][oyl]*"))
    facts = {"library": str(library), "mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__, "cases": index}
    (folder / "index.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
