"""check_env finds what is wrong with broken environments, and nothing wrong with good ones."""

import contextlib
import contextvars
import decimal
import importlib.util
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import broken_envs
import broken_vectors
import good_envs
import gymnasium
import masked_envs
import numpy as np
import pytest
from gymnasium import spaces, wrappers

from npg.check_env import Report, check_env, main
from npg.check_env.codes import CODES

NEW = not gymnasium.__version__.startswith("0.")
MODES = hasattr(gymnasium.vector, "AutoresetMode")
DOCUMENT = Path(__file__).parents[2] / "docs" / "check-env.md"


def codes(report: Report) -> set[str]:
    """The codes found."""
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize(("make", "expected"), broken_envs.BROKEN + broken_vectors.BROKEN)
def test_exactly_the_fault_is_found(make: Any, expected: set[str]) -> None:
    """The expected codes and no other, in a message that stands on its own."""
    report = check_env(make, steps=40 if make is broken_envs.Slow else 400)
    assert codes(report) == expected, str(report)
    assert report.ok == all(CODES[code].level == "warning" for code in expected)
    assert len(report.findings) == len(expected), str(report)


def test_every_code_is_provoked() -> None:
    """No code without an environment that has it."""
    provoked: set[str] = set()
    for _, expected in broken_envs.BROKEN + broken_vectors.ALL_BROKEN:
        provoked |= expected
    assert provoked | {"timeout", "close-raised"} == set(CODES)


@pytest.mark.parametrize("place", ["method", "info", "observation"])
def test_a_check_plays_allowed_actions_only(place: str) -> None:
    """A forbidden action raises there, and everything that is checked obeys the masks."""
    choice = "info" if place == "info" else "auto"
    for action in masked_envs.ACTIONS:
        report = check_env(partial(masked_envs.Forbidding, place, action), action_masks=choice, steps=200)
        assert report.findings == [] and "action_mask" in str(report.facts.action_masks), str(report)
    makers = [partial(masked_envs.Forbidding, place, lane=lane) for lane in range(2)]
    for mode in getattr(gymnasium.vector, "AutoresetMode", ()):
        report = check_env(
            partial(gymnasium.vector.SyncVectorEnv, makers, autoreset_mode=mode), action_masks=choice, steps=200
        )
        assert report.findings == [] and "action_mask" in str(report.facts.action_masks), str(report)
    if place == "info":
        report = check_env(partial(masked_envs.Forbidding, place))
        assert codes(report) == {"step-raised"} and "only with action_masks='info'" in str(report.facts.action_masks)
        assert check_env("Taxi-v4", action_masks="info", steps=300).ok


def wrapped(name: str, wrapper: Any, **arguments: Any) -> Any:
    """A callable that makes a wrapped environment."""
    return partial(lambda: wrapper(gymnasium.make(name), **arguments))


def latest(name: str) -> str:
    """The newest version that this Gymnasium has."""
    return f"{name}-v{gymnasium.envs.registration.find_highest_version(None, name)}"


STACK = getattr(wrappers, "FrameStackObservation", None) or wrappers.FrameStack
STACK_SIZE = {"stack_size": 4} if NEW else {"num_stack": 4}
BOX2D = importlib.util.find_spec("Box2D") is not None
MUJOCO = importlib.util.find_spec("mujoco") is not None
MUJOCO_VERSION = "v5" if NEW else "v4"

# Gymnasium 0.29: its wrappers return f64 where they declare f32, and LunarLander spins faster than it declares.
OLD_DTYPE = set() if NEW else {"observation-dtype-converted"}
OLD_BOUNDS = set() if NEW else {"observation-bounds"}

# Each with the warnings that it deserves.
GOOD: list[tuple[Any, set[str]]] = [
    ("CartPole-v1", set()),
    ("MountainCar-v0", set()),
    ("MountainCarContinuous-v0", set()),
    ("Acrobot-v1", set()),
    ("gym:Pendulum-v1", set()),
    ("FrozenLake-v1", set()),
    (latest("Taxi"), set()),
    ("Blackjack-v1", set()),
    # Random actions do not reach the goal in 1000 steps, and Gymnasium registers it without a time limit.
    (latest("CliffWalking"), {"never-ends"}),
    (wrapped("CartPole-v1", STACK, **STACK_SIZE), set()),
    (wrapped("CartPole-v1", wrappers.TimeAwareObservation), OLD_DTYPE),
    # Gymnasium 0.29 keeps the bounds of the observations as they were.
    (wrapped("CartPole-v1", wrappers.NormalizeObservation), OLD_DTYPE | OLD_BOUNDS),
    (wrapped("CartPole-v1", wrappers.NormalizeReward), set()),
    (wrapped("CartPole-v1", wrappers.RecordEpisodeStatistics), set()),
    (wrapped("Pendulum-v1", wrappers.RescaleAction, min_action=-1.0, max_action=1.0), set()),
    (wrapped("Pendulum-v1", wrappers.ClipAction), set() if not NEW else {"action-unbounded"}),
    (wrapped("Blackjack-v1", wrappers.FlattenObservation), set()),
    (wrapped("FrozenLake-v1", wrappers.FlattenObservation), set()),
    (good_envs.Walk, set()),
    (good_envs.DictObservation, set()),
    (good_envs.MultiDiscreteAction, set()),
    (good_envs.MultiBinaryAction, set()),
    (good_envs.DiscreteFromOne, set()),
    (good_envs.ScalarObservation, set()),
    (good_envs.OneStart, set()),
    (good_envs.FiveRounds, set()),
]
if BOX2D:
    GOOD += [
        (latest("LunarLander"), OLD_BOUNDS),
        (partial(gymnasium.make, latest("LunarLander"), continuous=True), OLD_BOUNDS),
        ("BipedalWalker-v3", set()),
    ]
if MUJOCO:
    GOOD += [(f"{name}-{MUJOCO_VERSION}", set()) for name in ("HalfCheetah", "Hopper", "InvertedPendulum", "Reacher")]


@pytest.mark.parametrize(("env", "warnings"), GOOD)
def test_good_environments_are_found_good(env: Any, warnings: set[str]) -> None:
    """No error, and only the warnings listed."""
    report = check_env(env)
    assert report.ok, str(report)
    assert codes(report) == warnings, str(report)
    assert report.facts.skipped == []


def vector_of(env: Any, **arguments: Any) -> Any:
    """Three copies side by side."""
    return gymnasium.vector.SyncVectorEnv([env] * 3, **arguments)


@pytest.mark.skipif(not MODES, reason="Gymnasium before 1.1 has one mode only")
@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP", "DISABLED"])
@pytest.mark.parametrize("env", [good_envs.Walk, good_envs.DictObservation, partial(gymnasium.make, "Blackjack-v1")])
def test_vectors_in_each_mode_are_good(env: Any, mode: str) -> None:
    """No finding at all, and rows of resets are no steps."""
    report = check_env(lambda: vector_of(env, autoreset_mode=getattr(gymnasium.vector.AutoresetMode, mode)), steps=300)
    assert report.findings == [], str(report)
    facts = report.facts
    assert (facts.num_envs, facts.autoreset_mode, facts.observations_reused) == (3, mode, False)
    between = 3 * 300 - facts.steps
    assert facts.episodes > 3
    # Each end but those of the last step is followed by a step that only resets.
    assert facts.episodes - 3 <= between <= facts.episodes if mode == "NEXT_STEP" else between == 0


def test_vector_of_any_version_is_good() -> None:
    """The default mode, whatever it is; AsyncVectorEnv as well."""
    report = check_env(lambda: vector_of(good_envs.Walk), steps=300)
    assert report.findings == [], str(report)
    assert report.facts.autoreset_mode == ("NEXT_STEP" if NEW else "SAME_STEP")
    apart = check_env(lambda: gymnasium.vector.AsyncVectorEnv([good_envs.Walk] * 2), steps=100)
    assert apart.findings == [], str(apart)


@pytest.mark.parametrize("env", broken_vectors.GOOD)
def test_own_vectors_are_good(env: Any) -> None:
    """What the broken vectors break is itself good."""
    report = check_env(env, steps=300)
    assert report.findings == [], str(report)


def test_shared_buffer_of_a_vector_is_a_fact_only() -> None:
    """With copy=False SyncVectorEnv returns its buffer."""
    report = check_env(vector_of(good_envs.Walk, copy=False), steps=50)
    assert report.findings == []
    assert report.facts.observations_reused
    assert "share one buffer" in str(report)


def test_given_object_is_played_and_left_open() -> None:
    """Without copies seeding is not checked, and the report says so."""
    env = gymnasium.make("CartPole-v1")
    report = check_env(env, steps=50)
    assert report.ok
    assert report.facts.environment == "CartPole-v1"
    assert report.facts.skipped == ["seeding and copies, which need an id or a callable that makes the environment"]
    env.step(0)


def test_hanging_call_is_reported_with_its_line() -> None:
    """The report comes although the call does not return, and names the line."""

    class Hangs(good_envs.Walk):
        def step(self, action: Any) -> Any:
            if self.x > 1.0:
                time.sleep(6.0)  # the line that hangs
            return super().step(action)

    report = check_env(Hangs, timeout=1.0)
    assert codes(report) == {"timeout"}
    (finding,) = report.findings
    assert "`step` has not returned after 1 s" in finding.message
    assert "# the line that hangs" in finding.message
    assert re.match(r"episode \d+, step \d+: ", finding.message)
    assert not report.ok


def test_environment_is_checked_on_its_callers_thread_and_in_its_context() -> None:
    """As `learn` calls it: what belongs to the thread or the context of whoever made it is there."""
    variable = contextvars.ContextVar("variable", default="")

    class Bound(good_envs.Walk):
        def __init__(self) -> None:
            super().__init__()
            self.database = sqlite3.connect(":memory:")
            self.database.execute("create table steps (number)")

        def step(self, action: Any) -> Any:
            self.database.execute("insert into steps values (1)")
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)
            assert (variable.get(), np.geterr()["divide"], decimal.getcontext().prec) == ("mine", "raise", 7)
            return super().step(action)

    variable.set("mine")
    with np.errstate(divide="raise"), decimal.localcontext() as context:
        context.prec = 7
        for timeout in (60.0, None):
            assert check_env(Bound(), timeout=timeout).findings == []
            assert check_env(Bound, timeout=timeout).findings == []


def test_environment_that_needs_the_main_thread_is_told_so_elsewhere() -> None:
    """Signals can only be set there."""

    class Signals(good_envs.Walk):
        def __init__(self) -> None:
            super().__init__()
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)

    reports: list[Report] = []
    thread = threading.Thread(target=lambda: reports.append(check_env(Signals)))
    thread.start()
    thread.join()
    (finding,) = reports[0].findings
    assert finding.code == "cannot-make"
    assert "on the main thread" in finding.remedy


def test_hanging_call_that_swallows_its_end_is_reported() -> None:
    """An environment may catch whatever is raised in it; the check ends all the same, and the handler is put back."""

    class Swallows(good_envs.Walk):
        def step(self, action: Any) -> Any:
            with contextlib.suppress(Exception):
                while self.x < 10.0:
                    time.sleep(0.01)
            return super().step(action)

    before = signal.getsignal(signal.SIGURG)
    assert codes(check_env(Swallows, timeout=0.2)) == {"timeout"}
    assert signal.getsignal(signal.SIGURG) is before


def test_hanging_call_that_nothing_ends_is_reported_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the command can say it and leave."""
    monkeypatch.setattr("npg._calls._HOPELESS", 0.3)
    is_told = threading.Event()

    class Deaf(good_envs.Walk):
        def step(self, action: Any) -> Any:
            while not is_told.is_set():
                with contextlib.suppress(Exception):
                    is_told.wait(0.1)
            return super().step(action)

    told: list[Report] = []

    def lost(report: Report) -> None:
        told.append(report)
        is_told.set()

    assert codes(check_env(Deaf, timeout=0.1, when_lost=lost)) == {"timeout"}
    assert [codes(report) for report in told] == [{"timeout"}]


def test_close_that_raises_is_a_warning() -> None:
    """And is told once for all copies."""

    class CloseRaises(good_envs.Walk):
        def close(self) -> None:
            raise AttributeError("viewer")

    report = check_env(CloseRaises)
    assert [finding.code for finding in report.findings] == ["close-raised"]
    assert report.ok


def test_global_generators_are_left_as_they_were() -> None:
    """The check seeds them and puts them back."""
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    check_env("CartPole-v1", steps=20)
    assert np.random.random() == expected


def test_message_names_place_value_and_count() -> None:
    """Where it was first, what it was, how often."""
    (finding,) = check_env(broken_envs.OutOfBounds, steps=200).findings
    found = re.fullmatch(
        r"episode 1, step (\d+): observation\[0\] is (-?[\d.]+), the space's bounds are -1 to 1 "
        r"\(and (\d+) more times\)",
        finding.message,
    )
    assert found, finding.message
    assert abs(float(found[2])) > 1.0


def test_exception_is_told_with_its_line() -> None:
    """Of the user's file, not of Gymnasium's."""
    (finding,) = check_env(broken_envs.StepRaises).findings
    message = (
        r".*: `step` raised ZeroDivisionError: division by zero, in change \(.*broken_envs\.py:\d+\): `raise Zero.*`"
    )
    assert re.fullmatch(message, finding.message), finding.message


def test_text_is_at_most_100_columns() -> None:
    """Of all reports, with their long messages."""
    for make, _ in broken_envs.BROKEN:
        if make is not broken_envs.Slow:
            assert max(map(len, str(check_env(make, steps=30)).splitlines())) <= 100


def test_json_has_the_whole_report() -> None:
    """As objects, readable again."""
    report = check_env(broken_envs.RewardInfinite, steps=100)
    whole = json.loads(report.to_json())
    assert whole["ok"] is False
    assert [finding["code"] for finding in whole["findings"]] == ["reward-not-finite"]
    assert whole["facts"]["steps"] == 100


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"timeout": 0.0}, "timeout is 0.0"),
    ],
)
def test_arguments_without_sense_are_refused(arguments: dict[str, Any], expected: str) -> None:
    """With the value in the message."""
    with pytest.raises(ValueError, match=expected):
        check_env("CartPole-v1", **arguments)


def test_what_is_no_environment_is_refused() -> None:
    """A TypeError that lists what can be given; arguments need something to make."""
    with pytest.raises(TypeError, match=r"env is a builtins\.int"):
        check_env(3)
    with pytest.raises(ValueError, match="env_args"):
        check_env(good_envs.Walk(), env_args={"g": 1})


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit codes, arguments of the environment, JSON."""
    assert main(["gym:Pendulum-v1", "--steps", "30", "--env-arg", "g=9.81", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["environment"] == "Pendulum-v1"
    assert main(["Taxi-v4", "--action-masks", "info", "--steps", "30"]) == 0
    assert "masks        info['action_mask']" in capsys.readouterr().out
    assert main(["CartPole-v1", "--action-masks", "method", "--steps", "30"]) == 1
    assert "mask-unusable" in capsys.readouterr().out
    assert main(["NoSuch-v0"]) == 1
    assert "cannot-make" in capsys.readouterr().out
    assert main(["Pendulum-v1", "--env-arg", "gravity=9.81"]) == 1
    assert "gravity" in capsys.readouterr().out
    assert main(["CartPole-v1", "--env-arg", "g"]) == 2
    assert main(["CartPole-v1", "--steps", "0"]) == 2
    assert main(["CartPole-v1", "--seed", "-1"]) == 2
    assert main(["CartPole-v1", "--timeout", "soon"]) == 2
    assert "argument --timeout: soon is not a number of seconds above 0, or none" in capsys.readouterr().err
    assert main([]) == 2
    assert main(["--help"]) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_report_that_cannot_be_written_is_no_success() -> None:
    """Without a traceback; a reader that has gone is no error."""
    for arguments in (["CartPole-v1", "--steps", "10"], ["--help"]):
        command = [sys.executable, "-m", "npg.check_env", *arguments]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        told = "npg check-env: cannot write to standard output: [Errno 28] No space left on device\n"
        assert (done.returncode, done.stderr) == (1, told)
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")


def test_module_is_imported_and_its_output_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`module:NAME` of the working directory; what the environment prints goes to the standard error."""
    (tmp_path / "my_walks.py").write_text(
        "import gymnasium, good_envs\n"
        "class Loud(good_envs.Walk):\n"
        "    def reset(self, **arguments):\n"
        "        print('I reset')\n"
        "        return super().reset(**arguments)\n"
        "gymnasium.register('MyWalk-v0', Loud)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["my_walks:MyWalk-v0", "--json", "--steps", "50"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["ok"]
    assert "I reset" in captured.err


def test_document_has_every_code() -> None:
    """The table of the page is the table of the program."""
    rows = [f"| `{name}` | {code.level} | {code.meaning} | {code.remedy} |" for name, code in CODES.items()]
    assert "\n".join(rows) in DOCUMENT.read_text()


def test_document_session_is_what_the_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment, the command and the report of the page, but for Gymnasium's version and the speed."""
    page = DOCUMENT.read_text()
    (source,) = re.findall(r"```python\n(import gymnasium\n.*?)```", page, re.DOTALL)
    ((arguments, printed),) = re.findall(r"```text\n\$ npg check-env (.*?)\n(.*?)```", page, re.DOTALL)
    (tmp_path / "rooms.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 1

    def steady(text: str) -> str:
        return re.sub(r"Gymnasium [\d.]+|[\d,]+ steps/s", "", text)

    assert steady(capsys.readouterr().out) == steady(printed)


def test_large_unbounded_spaces_cost_no_findings() -> None:
    """A Box without bounds is a good observation."""

    class Unbounded(good_envs.Walk):
        observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    assert check_env(Unbounded).findings == []
