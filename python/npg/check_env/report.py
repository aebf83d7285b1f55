"""The result of a check: findings, facts, and their text."""

import json
import math
import textwrap
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from npg.check_env.codes import CODES, Level

WIDTH = 100  # columns of the text at most


@dataclass(frozen=True)
class Finding:
    """One fault of an environment."""

    code: str
    """A short stable name, a key of `codes.CODES`."""
    level: Level
    """"error": training would be wrong or fail; "warning": it is likely to hurt."""
    message: str
    """What was seen, where (episode, step, part of the observation), and the value."""
    remedy: str
    """One thing to do about it."""


@dataclass
class Facts:
    """Facts about an environment other than faults. None means that it is not known."""

    environment: str
    """The id, or the class of the argument."""
    gymnasium: str
    """The version of Gymnasium."""
    observation_space: str | None = None
    """A short description; for a vector environment, that of a single sub-environment."""
    action_space: str | None = None
    """A short description, in the same way."""
    num_envs: int | None = None
    """Sub-environments of a vector environment."""
    autoreset_mode: str | None = None
    """NEXT_STEP, SAME_STEP or DISABLED, for a vector environment."""
    action_masks: str | None = None
    """Where action masks are; None if there are none."""
    time_limit: int | None = None
    """Steps after which episodes are truncated."""
    steps: int = 0
    """Steps played in the main rollout, of all sub-environments together."""
    steps_per_second: float | None = None
    """Steps of all sub-environments divided by the time spent in `step`."""
    episodes: int = 0
    """Episodes that ended in the main rollout."""
    terminated: int = 0
    """The number of episodes that terminated."""
    truncated: int = 0
    """The number of episodes that were truncated."""
    mean_episode_length: float | None = None
    """Mean number of steps of the episodes that ended."""
    reward_least: float | None = None
    """Over all steps."""
    reward_greatest: float | None = None
    """Over all steps."""
    observations_reused: bool | None = None
    """A vector environment returns one buffer again and again (npg copies, so it does no harm)."""
    skipped: list[str] = field(default_factory=list)
    """What was not checked, with the reason."""


@dataclass(frozen=True)
class Report:
    """The result of `check_env`."""

    findings: list[Finding]
    """Errors first, each group in the order in which they were seen."""
    facts: Facts
    """Other facts."""

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return all(finding.level != "error" for finding in self.findings)

    def to_json(self) -> str:
        """One JSON object with `ok`, `findings` and `facts`; numbers that are not finite become strings."""
        whole = {"ok": self.ok, "findings": [asdict(f) for f in self.findings], "facts": asdict(self.facts)}
        return json.dumps(_finite(whole), indent=2, allow_nan=False)

    def __str__(self) -> str:
        """A table for the terminal, at most 100 columns wide."""
        facts = "".join(f"{_fact(name, text)}\n" for name, text in _facts(self.facts))
        findings = "".join(f"\n{_finding(finding)}\n" for finding in self.findings)
        return f"{self.facts.environment} (Gymnasium {self.facts.gymnasium})\n{facts}{findings}\n{self._verdict()}"

    def _verdict(self) -> str:
        errors = sum(finding.level == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        counts = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
        return f"not ok: {counts}" if errors else f"ok: {counts}"


class Notes:
    """Findings while they are collected. The same fault in the same place is reported once, with a count."""

    def __init__(self) -> None:
        """Nothing found yet."""
        self._found: dict[tuple[str, str], tuple[Finding, int]] = {}

    def add(self, code: str, message: str, part: str = "", remedy: str | None = None) -> None:
        """Records a fault. `part` is what it is about, such as one key of the observation.

        `remedy` replaces the remedy of the code.
        """
        first = Finding(code, CODES[code].level, message, remedy or CODES[code].remedy)
        kept, count = self._found.get((code, part), (first, 0))
        self._found[code, part] = (kept, count + 1)

    def has(self, *codes: str) -> bool:
        """Whether any of these was noted."""
        return any(code in codes for code, _ in self._found)

    def findings(self) -> list[Finding]:
        """All findings, errors first."""
        found = [_counted(finding, count) for finding, count in list(self._found.values())]
        return sorted(found, key=lambda finding: finding.level)


def _counted(finding: Finding, count: int) -> Finding:
    """The finding, saying how often it was seen."""
    times = "once more" if count == 2 else f"{count - 1} more times"
    return finding if count == 1 else replace(finding, message=f"{finding.message} (and {times})")


def _finite(value: Any) -> Any:
    """`value` with every number that JSON does not know as a string."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _facts(facts: Facts) -> list[tuple[str, str]]:
    """The lines of the head: name and text, without unknown facts."""
    if facts.observation_space is None:
        return []  # nothing was played
    lines = [("observation", facts.observation_space), ("action", facts.action_space)]
    if facts.num_envs is not None:
        lines.append(("vector", f"{facts.num_envs} sub-environments, autoreset {facts.autoreset_mode or 'unknown'}"))
    if facts.observations_reused:
        lines.append(("", "observations share one buffer (npg copies them)"))
    if facts.action_masks is not None:
        lines.append(("masks", facts.action_masks))
    lines.append(("time limit", "none" if facts.time_limit is None else f"{facts.time_limit} steps"))
    lines.append(("played", _played(facts)))
    if facts.reward_least is not None:
        lines.append(("rewards", f"{facts.reward_least:.6g} to {facts.reward_greatest:.6g}"))
    if facts.steps_per_second is not None:
        lines.append(("speed", f"{facts.steps_per_second:,.0f} steps/s"))
    lines += [("not checked", text) for text in facts.skipped]
    return [(name, text) for name, text in lines if text]


def _played(facts: Facts) -> str:
    """Steps and episodes in words."""
    if facts.mean_episode_length is None:
        return f"{facts.steps} steps, no episode ended"
    episodes = f"{facts.episodes} episode{'s' * (facts.episodes != 1)}"
    ends = f"{facts.terminated} terminated, {facts.truncated} truncated"
    return f"{facts.steps} steps, {episodes} ({ends}), mean length {facts.mean_episode_length:.1f}"


def _fact(name: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=f"  {name:<13}", subsequent_indent=" " * 15)


def _finding(finding: Finding) -> str:
    """Code and meaning, message, remedy, each wrapped."""
    heading = f"{finding.code}: {CODES[finding.code].meaning}"
    texts = [(f"{finding.level:<9}", heading), (" " * 9, finding.message), (" " * 9, f"Remedy: {finding.remedy}.")]
    return "\n".join(
        textwrap.fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * 9, break_on_hyphens=False)
        for start, text in texts
    )
