"""Real ncnn in a process of its own, where a crash is an answer and not the end of the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Probe = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def probe() -> Probe:
    """Return a function that hands requests to ncnn and returns an answer for each."""

    def ask(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        while len(answers) < len(requests):
            result = subprocess.run(
                [sys.executable, Path(__file__).parent / "ncnn_probe.py"],
                input=json.dumps(requests[len(answers) :]),
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            answers += [json.loads(line) for line in result.stdout.splitlines()]
            if result.returncode:
                answers.append({"crash": result.returncode, "stderr": result.stderr[-500:]})
        return answers

    return ask
