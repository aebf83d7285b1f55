"""The snippets of README.md and docs/python.md run as they are printed, with fewer steps."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_snippets_run_as_printed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("Box2D")
    file = ROOT / page
    if not file.exists():
        pytest.skip("the package is tested apart from its repository")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", file.read_text(encoding="utf-8"), re.MULTILINE)
    blocks = [textwrap.dedent(block) for block in blocks]
    of_python = [block for block in blocks if re.match(r"\s*(import|from|def|class|agent)\b", block)]
    assert of_python
    names: dict[str, Any] = {}
    for block in of_python:
        exec(block.replace("500_000", "4_096").replace("n_eval_episodes=20", "n_eval_episodes=1"), names)  # noqa: S102
