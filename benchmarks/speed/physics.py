"""Steps a second of pure physics: `mujoco.rollout` on two threads takes the actions that training took, from the states
that training was in, so that bodies meet the contacts that they met there.

    physics.py MODEL.xml FRAME_SKIP RECORDING

RECORDING is what record.rs writes. Prints environment steps (FRAME_SKIP steps of the physics) a second, and the part of the
whole pieces that end, to the bit, in the state that another piece begins with: all but those at the end of an episode or of
the recording.
"""

import sys
import time
from collections import defaultdict

import mujoco
import numpy as np
from mujoco import rollout

STATE, WARMSTART = mujoco.mjtState.mjSTATE_FULLPHYSICS, mujoco.mjtState.mjSTATE_WARMSTART


def read(path):
    """{length of pieces: (states, actions)}"""
    numbers = np.fromfile(path, "<f8")
    n_state, n_action = int(numbers[0]), int(numbers[1])
    pieces, at = defaultdict(list), 2
    while at < len(numbers):
        length = int(numbers[at])
        state, actions = numbers[at + 1 :][:n_state], numbers[at + 1 + n_state :][: length * n_action]
        pieces[length].append((state, actions.reshape(length, n_action)))
        at += 1 + n_state + length * n_action
    return {length: [np.array(part) for part in zip(*of_length)] for length, of_length in pieces.items()}


def main():
    path, frame_skip, recording = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    model = mujoco.MjModel.from_xml_path(path)
    data = [mujoco.MjData(model) for _ in range(2)]
    size, warm = mujoco.mj_stateSize(model, STATE), mujoco.mj_stateSize(model, WARMSTART)
    pieces, steps = read(recording), 0
    # What was recorded is the integration state: the physics first, then the warm start of the solver.
    jobs = [(states[:, :size].copy(), np.repeat(actions, frame_skip, axis=1), states[:, size : size + warm].copy())
            for states, actions in pieces.values()]
    with rollout.Rollout(nthread=2) as pool:
        def play(job):
            states, control, warmstart = job
            return pool.rollout(model, data, states, control, initial_warmstart=warmstart)[0]

        play(max(jobs, key=lambda job: job[1].size))  # warm-up
        begin = time.perf_counter()
        for job in jobs:
            play(job)
            steps += job[1].shape[0] * job[1].shape[1] // frame_skip
        rate = steps / (time.perf_counter() - begin)
        longest = max(jobs, key=lambda job: job[1].shape[1])
        begun = {state.tobytes() for states, _, _ in jobs for state in states}
        continued = np.mean([state.tobytes() in begun for state in play(longest)[:, -1]])
    print(f"{rate:.0f} {continued:.3f}")


main()
