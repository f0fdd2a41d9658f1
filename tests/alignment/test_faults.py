"""A slice of the benchmark of faults: two nets, every kind that they offer, single and in pairs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2]
REQUIRED = {
    ("single", "after"): 0.99,
    ("double", "after"): 0.99,
    ("fp16", "after"): 0.95,
    ("unreached", "after"): 0.95,
    ("single", "before"): 0.95,
    ("double", "before"): 0.90,
}
"""The share of faults that has to be named exactly: no layer too few, none too many."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("faults")
    command = [sys.executable, str(_ROOT / "benchmarks" / "faults" / "run.py"), "--quick"]
    options = ["--models", "norms bounded", "--folder", str(folder), "--json", str(folder / "faults.json")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *options], check=True, env=environment, stdout=subprocess.DEVNULL)
    document: dict[str, Any] = json.loads((folder / "faults.json").read_text("utf-8"))
    return document


@pytest.mark.slow
@pytest.mark.parametrize(("group", "when"), REQUIRED)
def test_faults_are_named_exactly(results: dict[str, Any], group: str, when: str) -> None:
    (row,) = [row for row in results["rows"] if (row["group"], row["when"]) == (group, when)]
    assert row["trials"] > 0
    misses = [miss for miss in results["misses"] if miss["when"] == when]
    assert row["exact"] >= REQUIRED[group, when] * row["trials"], misses


@pytest.mark.slow
def test_clean_bundles_raise_no_alarm(results: dict[str, Any]) -> None:
    assert results["clean"]["bundles"] >= 6
    assert results["clean"]["alarms"] == []


@pytest.mark.slow
def test_outputs_alone_miss_what_the_layers_show(results: dict[str, Any]) -> None:
    (row,) = [row for row in results["rows"] if (row["group"], row["when"]) == ("unreached", "after")]
    assert row["allclose"] == row["cosine"] == row["trials"]
    assert len(results["kinds"]) >= 15
