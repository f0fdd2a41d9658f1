"""A slice of the benchmark of faults: two nets, every kind that they offer, single and in pairs."""

from __future__ import annotations

import importlib
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


def holds(document: dict[str, Any], group: str, when: str) -> bool:
    """Whether the required share of a row was named exactly."""
    (row,) = [row for row in document["rows"] if (row["group"], row["when"]) == (group, when)]
    assert row["trials"] > 0
    return bool(row["exact"] >= REQUIRED[group, when] * row["trials"])


def test_the_pages_show_the_committed_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_ROOT / "benchmarks" / "faults"))
    publish = importlib.import_module("publish")
    committed = json.loads((_ROOT / publish.RESULTS).read_text("utf-8"))
    for name, text in publish.pages(committed).items():
        page = (_ROOT / name).read_text("utf-8")
        assert text in page
        assert publish.placed(page, text) == page
    assert committed["clean"]["alarms"] == []
    assert all(holds(committed, group, when) for group, when in REQUIRED)


@pytest.mark.slow
@pytest.mark.parametrize(("group", "when"), REQUIRED)
def test_faults_are_named_exactly(results: dict[str, Any], group: str, when: str) -> None:
    assert holds(results, group, when), [miss for miss in results["misses"] if miss["when"] == when]


@pytest.mark.slow
def test_clean_bundles_raise_no_alarm(results: dict[str, Any]) -> None:
    assert results["clean"]["bundles"] >= 6
    assert results["clean"]["alarms"] == []


@pytest.mark.slow
def test_outputs_alone_miss_what_the_layers_show(results: dict[str, Any]) -> None:
    (row,) = [row for row in results["rows"] if (row["group"], row["when"]) == ("unreached", "after")]
    assert row["allclose"] == row["cosine"] == row["trials"]
    assert len(results["kinds"]) >= 15
