"""The sentences that text, HTML and JUnit share."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.numerics.metrics import Finding
from edgekit.report.verify import words
from edgekit.report.verify.html import verify_html
from edgekit.report.verify.junit import verify_junit
from edgekit.report.verify.text import verify_text
from edgekit.runtimes.trace import Source
from edgekit.verifier import LayerResult, Status, VerifyReport
from edgekit.verifier.stream import StreamResult


@pytest.fixture
def culprit(failing: VerifyReport) -> LayerResult:
    return next(layer for layer in failing.layers if layer.status is Status.FAIL)


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (1.04, "1.0"),
        (9.96, "10"),
        (120.0, "120"),
        (312_345.0, "310,000"),
        (9.96e6, "1.0e+07"),
        (2e9, "2.0e+09"),
    ],
)
def test_factors_have_two_digits(times: float, text: str) -> None:
    assert words.multiple(times) == text


def test_an_exact_layer_that_is_not_exact(culprit: LayerResult) -> None:
    exact = replace(culprit, floor=0.0, why=None)
    assert words.excess(exact) == math.inf
    assert words.wrong(exact).endswith(", where it has nothing to round and must be exact.")


def test_findings_are_told_in_words(culprit: LayerResult) -> None:
    other = replace(culprit, isolated=None, finding=Finding.SHAPE, ncnn_shape=(16, 10, 10), why=None)
    assert words.wrong(other) == (
        "Alone, on the inputs that PyTorch has, it gives 16x10x10 where PyTorch has 16x12x12."
    )
    nan = replace(culprit, isolated=None, finding=Finding.NAN, why=None)
    assert words.wrong(nan) == "Alone, on the inputs that PyTorch has, it gives NaN."
    told = replace(nan, why="NaN in 3% of the numbers; wrong on every path of ncnn")
    assert words.wrong(told) == (
        "Alone, on the inputs that PyTorch has: NaN in 3% of the numbers; wrong on every path of ncnn."
    )


def test_every_finding_has_its_words(culprit: LayerResult) -> None:
    for finding in Finding:
        text = words.wrong(replace(culprit, isolated=None, finding=finding, why=None))
        assert text.startswith("Alone, on the inputs that PyTorch has, it gives ")


def test_the_effect_follows_the_graph(failing: VerifyReport, culprit: LayerResult) -> None:
    assert {output.name for output in words.reached(failing, culprit)} == {"out0", "out1"}
    left = next(layer for layer in failing.layers if layer.outputs == ("out0",))
    assert [output.name for output in words.reached(failing, left)] == ["out0"]
    passing = tuple(replace(output, status=Status.PASS) for output in failing.outputs)
    hidden = words.effect(replace(failing, outputs=passing), culprit)
    assert hidden.endswith("a check of the outputs alone would pass.")
    unused = replace(culprit, outputs=("nobody reads this",))
    assert words.effect(failing, unused) == "No output of the model depends on it."


def test_places_are_relative_to_the_folder_that_holds_them() -> None:
    source = Source("a.b", "aten.relu", "/home/me/net.py", 12)
    assert words.place(source) == "/home/me/net.py:12"
    assert words.place(source, Path("/home/me")) == "net.py:12"
    assert words.place(source, Path("/home/you")) == "/home/me/net.py:12"
    assert words.place(Source("", "input x")) == ""
    assert words.origin(Source("", "aten.cat", "net.py", 3)) == "the model itself, aten.cat, net.py:3"
    assert words.origin(None) == "origin unknown"


def test_a_report_without_any_comparison_says_so(passing: VerifyReport) -> None:
    warning = "no layer could be compared: this is no pass"
    report = replace(passing, verdict=Status.FAIL, warnings=(warning,))
    assert words.verdict(report) == warning


def test_states_that_drift_away_are_the_finding(passing: VerifyReport) -> None:
    metrics = passing.outputs[0].metrics
    assert metrics is not None
    drifting = StreamResult("mask", 63, replace(metrics, max_abs=0.25), 40, 1e-5, False)
    report = replace(passing, verdict=Status.FAIL, extra={"stream": (drifting,)})
    clause = "mask over 63 frames: off by 2.5e-01 where rounding explains 1.0e-05, worst at frame 40"
    assert words.verdict(report) == f"frame by frame it is right, but states drift away: {clause}"
    assert f"stream {clause}: fail" in " ".join(verify_text(report).split())
    assert clause in verify_html(report)
    assert verify_junit(report).count("<failure") == 2
