"""Steps a second of pure physics: `mujoco.rollout` on two threads, random controls, from starts of the task.

    mujoco_physics.py MODEL.xml FRAME_SKIP LENGTH SECONDS

LENGTH is how many steps of the environment a rollout has before it begins anew: about as long as random episodes are, so
that bodies do not lie on the ground for long. Prints environment steps (FRAME_SKIP steps of the physics) a second.
"""

import sys
import time

import mujoco
import numpy as np
from mujoco import rollout

path, frame_skip, length, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
model = mujoco.MjModel.from_xml_path(path)
count = max(2, 2 * (2000 // (2 * length)))
random = np.random.default_rng(0)
data = [mujoco.MjData(model) for _ in range(2)]
size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
starts = np.zeros((count, size))
for start in starts:
    mujoco.mj_resetData(model, data[0])
    data[0].qpos += random.uniform(-0.005, 0.005, model.nq)
    mujoco.mj_getState(model, data[0], start, mujoco.mjtState.mjSTATE_FULLPHYSICS)
low, high = model.actuator_ctrlrange.T
control = np.repeat(random.uniform(low, high, (count, length, model.nu)), frame_skip, axis=1)
with rollout.Rollout(nthread=2) as pool:
    pool.rollout(model, data, starts, control)  # warm-up
    steps, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        pool.rollout(model, data, starts, control)
        steps += count * length
    print(f"{steps / (time.perf_counter() - begin):.0f}")
