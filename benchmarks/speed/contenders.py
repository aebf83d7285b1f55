"""How npg and each peer are started, and what comes back: steps a second after start-up, start-up, memory, phases."""

import json
import pathlib
import tempfile

from store import run

HERE = pathlib.Path(__file__).parent
MATCHED = HERE / "matched.toml"
# Transitions that a measurement takes: npg about a second, the peers ten seconds.
STEPS = {"CartPole-v1": 409_600, "Pendulum-v1": 409_600, "HalfCheetah-v5": 102_400, "Hopper-v5": 102_400,
         "Walker2d-v5": 81_920, "Ant-v5": 40_960, "Humanoid-v5": 40_960}
PEER_STEPS = 10_240
PHASES = {"sampling": "time/sample_seconds", "gradient": "time/gradient_seconds", "solve": "time/solve_seconds",
          "step": "time/step_seconds", "critic": "time/value_seconds", "update": "time/update_seconds"}


class Npg:
    """The program. `extra` are arguments of `npg train`."""

    def __init__(self, program):
        self.program = program

    def train(self, task, *extra, milestones=()):
        phases, reached, starts, last = dict.fromkeys(PHASES, 0.0), {}, [], {}

        def each(line, seconds):
            event = json.loads(line)
            if event["event"] == "iteration":
                starts.append(seconds - event["time/time_elapsed"])
                for phase, name in PHASES.items():
                    phases[phase] += event[name]
                if event["rollout/episodes"] >= 100:
                    for milestone in milestones:
                        if event["rollout/ep_rew_mean"] >= milestone:
                            reached.setdefault(str(milestone), seconds)
            elif event["event"] == "done":
                last.update(event)

        with tempfile.TemporaryDirectory() as out:
            command = [self.program, "train", task, *extra, "--json", "--force", "--out", f"{out}/run"]
            _, usage = run(command, each)
        iterations = len(starts)
        return {"rate": last["steps_per_second"], "steps": last["steps"], "startup": starts[0], "iterations": iterations,
                "phases": phases, "milestones": reached, **usage}

    def matched(self, task, algo, *extra):
        return self.train(task, "--config", MATCHED, "--algo", algo, "--steps", STEPS[task], *extra)


class Peer:
    """A script of a peer, and the arguments that make it this configuration."""

    def __init__(self, python, script, *arguments):
        self.command = [python, HERE / script]
        self.arguments = arguments

    def train(self, task, *extra):
        lines, usage = run([*self.command, task, *self.arguments, *extra])
        return {**json.loads(lines[-1]), **usage}

    def matched(self, task):
        steps = 500_000 if "purejaxrl" in str(self.command[1]) else PEER_STEPS
        return self.train(task, "--steps", steps)


def peers(python, task):
    """{peer: {configuration: Peer}} for a task."""
    classic = task in ("CartPole-v1", "Pendulum-v1")
    configurations = {f"{n} env": ["--n-envs", n] for n in ((1, 8, 16) if classic else (1, 16))}
    if not classic:
        configurations["16 env, processes"] = ["--n-envs", 16, "--processes"]
    found = {
        "sb3-contrib TRPO": {name: Peer(python, "peer_sb3.py", *more) for name, more in configurations.items()},
        "Tianshou NPG": {name: Peer(python, "peer_tianshou.py", "--algo", "npg", *more)
                         for name, more in configurations.items()},
        "Tianshou TRPO": {name: Peer(python, "peer_tianshou.py", "--algo", "trpo", *more)
                          for name, more in configurations.items()},
    }
    if task == "CartPole-v1":
        found["PureJaxRL PPO"] = {f"{n} env": Peer(python, "peer_purejaxrl.py", "--n-envs", n) for n in (4, 64)}
    return found
