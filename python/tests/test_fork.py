"""Processes that fork: what the parent used first works in the child, or says what does not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

SCRIPT = """
import os, sys, warnings
import gymnasium, numpy as np, npg
from npg import functional as F
warnings.simplefilter("ignore")

agent = npg.NPG("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8]}, n_steps=64, preset=False, seed=0)
states = np.random.default_rng(0).normal(size=(5000, 4))
vector = gymnasium.make_vec("npg/CartPole-v1", num_envs=200)
vector.reset(seed=0)
actions = np.arange(200) % 2

def use():
    product = F.fisher_product(agent.policy, states, np.ones_like(agent.policy.theta))
    vector.reset(seed=0)
    return [product, vector.step(actions)[0], agent.predict(states, deterministic=True)[0]]

agent.learn(64)
before = use()
children = []
for depth in range(2):
    child = os.fork()
    if child == 0:
        assert all(np.array_equal(a, b) for a, b in zip(use(), before))
        try:
            agent.learn(64)
        except RuntimeError as error:
            assert "another process" in str(error), error
        else:
            raise AssertionError("learn went on")
        other = npg.NPG("MlpPolicy", "CartPole-v1", n_steps=64, preset=False, seed=0).learn(64)
        assert other.num_timesteps == 64
        if depth == 0:
            continue  # a grandchild too
        os._exit(0)
    children.append(child)
statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
assert all(np.array_equal(a, b) for a, b in zip(use(), before))
if statuses and all(status == 0 for status in statuses):
    print("all well", len(statuses))
os._exit(0 if not any(statuses) else 1)
"""


def test_a_forked_child_uses_what_its_parent_used() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("all well") == 2, result.stdout + result.stderr
