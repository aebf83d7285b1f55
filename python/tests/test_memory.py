"""What training keeps of observations, in bytes."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: 84 x 84 x 4 pixels, a byte each.
ROW = 84 * 84 * 4

TRAINED = """
import sys
import gymnasium, numpy, npg

class Images(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 4), numpy.uint8)
    action_space = gymnasium.spaces.Discrete(2)
    shown = numpy.random.default_rng(0).integers(0, 256, (84, 84, 4)).astype(numpy.uint8)
    def reset(self, *, seed=None, options=None):
        self.step_count = 0
        return self.shown, {}
    def step(self, action):
        self.step_count += 1
        return self.shown, float(action), False, self.step_count >= 100, {}

steps = int(sys.argv[1])
settings = {"policy.hidden": [2], "value.hidden": [2], "value.epochs": 1, "rollout.threads": 1}
agent = npg.NPG("MlpPolicy", Images(), n_steps=steps, settings=settings, preset=False, seed=0)
agent.learn(3 * steps)
assert agent.metrics["npg/kl"] > 0.0
batch = numpy.zeros((steps, 84, 84, 4), numpy.uint8)
assert agent.predict(batch)[0].shape == (steps,)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak(count: int, script: str = TRAINED) -> int:
    """The most bytes that a process has had that trained on, or acted on, batches of so many images."""
    trained = subprocess.run([sys.executable, "-c", script, str(count)], capture_output=True, text=True, check=True)
    return int(trained.stdout) * 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for the peak")
def test_a_batch_of_images_is_kept_in_bytes_and_at_most_twice() -> None:
    """A batch, and the next one that is sampled meanwhile; a copy that a network reads would be four more alone."""
    few, many = 256, 1280
    growth = (peak(many) - peak(few)) / ((many - few) * ROW)
    assert growth < 3.5, f"{growth:.1f} bytes a pixel"  # two, the array of predict, and what the allocator keeps


PREDICTED = """
import sys
import gymnasium, numpy, npg

class Camera(gymnasium.Env):
    observation_space = gymnasium.spaces.Dict(
        image=gymnasium.spaces.Box(0, 255, (84, 84, 4), numpy.uint8), speed=gymnasium.spaces.Box(-1, 1, (2,), numpy.float32)
    )
    action_space = gymnasium.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}
    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}

agent = npg.NPG("MultiInputPolicy", Camera(), n_steps=8, settings={"policy.hidden": [2], "value.hidden": [2]}, preset=False)
count = int(sys.argv[1])
images = numpy.random.default_rng(0).integers(0, 256, (count, 84, 84, 4), numpy.uint8)
speeds = numpy.zeros((count, 2), numpy.float32)
actions, _ = agent.predict({"image": images, "speed": speeds}, deterministic=True)
one_by_one = [agent.predict({"image": i, "speed": s}, deterministic=True)[0] for i, s in zip(images[-3:], speeds)]
assert actions.shape == (count,) and actions[-3:].tolist() == one_by_one
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for the peak")
def test_predict_makes_no_wide_copy_of_a_batch_of_dictionaries_with_images() -> None:
    few, many = 300, 1200
    growth = (peak(many, PREDICTED) - peak(few, PREDICTED)) / ((many - few) * ROW)
    assert growth < 2.5, f"{growth:.1f} bytes a pixel"


STATES = """
import resource
import gymnasium, npg

class Many(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Discrete(10**6), gymnasium.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        return 999_999, {}
    def step(self, action):
        return 3, 1.0, False, False, {}

resource.setrlimit(resource.RLIMIT_AS, (3_000_000_000, 3_000_000_000))
try:
    one_hot = {"policy.embedding": 0, "value.embedding": 0}
    npg.NPG("MlpPolicy", Many(), n_steps=64, preset=False, seed=0, settings=one_hot)
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not limit memory so")
def test_what_does_not_fit_into_memory_is_an_error_not_an_abort() -> None:
    ran = subprocess.run([sys.executable, "-c", STATES], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "for 64004354 parameters" in ran.stdout and "of memory is free" in ran.stdout
