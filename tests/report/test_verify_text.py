"""A verification as text: the finding first, then culprits, a folded table, and what it rests on."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.report.terminal import Terminal, printable
from edgekit.report.verify.text import verify_text
from edgekit.verifier import Label, Status, VerifyReport
from edgekit.verifier.model import Unmatched

HERE = Path(__file__).parent


def test_a_passing_report_says_so_in_its_first_line(passing: VerifyReport) -> None:
    lines = verify_text(passing).splitlines()
    count = len(passing.layers)
    assert lines[0] == f"PASS: all {count} layers compute what PyTorch computes, to within rounding"
    assert "nearest to their floors" in lines
    assert f"coverage  {count} of {count} layers compared; matched" in "\n".join(lines)
    assert "ncnn 1.0." in lines[-1]


def test_a_failing_report_names_layer_module_op_and_line(failing: VerifyReport) -> None:
    text = verify_text(failing, folder=HERE)
    (culprit,) = failing.culprits
    assert text.splitlines()[0] == f"FAIL: 1 of {len(failing.layers)} layers is wrong: {culprit}"
    source = Path(HERE / "conftest.py").read_text().splitlines()
    line = next(number for number, text in enumerate(source, 1) if "self.depthwise(self.expand(x))" in text)
    assert re.search(rf"from blocks\.1, aten\.relu, \S*conftest\.py:{line}\n", text)
    paragraph = " ".join(text.split())
    assert re.search(r"it is off by \S+, [\d,]+ times what rounding explains \(\S+\)\.", paragraph)
    assert re.search(r"In the whole run out0 is off by \S+ \(\S+ of its largest value\)", paragraph)
    assert "warning: model.ncnn.bin was changed after the export" in paragraph


def test_entire_and_single_stand_side_by_side_and_runs_are_folded(failing: VerifyReport) -> None:
    lines = verify_text(failing).splitlines()
    (culprit,) = failing.culprits
    head = next(line for line in lines if "entire" in line)
    assert (
        head.split()[:7] == ["#", "layer", "type", "entire", "single", "floor", "label"] or "type" not in head
    )
    row = next(line for line in lines if line.split()[1:2] == [culprit] and "created" in line)
    assert row.split()[0] == str(next(layer.index for layer in failing.layers if layer.name == culprit))
    clean = sum(layer.label is Label.CLEAN for layer in failing.layers)
    assert f"... {clean} clean layers" in lines
    assert any(re.fullmatch(r"\.\.\. \d+ inheriting layers", line) for line in lines)


def test_all_shows_every_layer_and_folds_nothing(failing: VerifyReport) -> None:
    text = verify_text(failing, everything=True)
    rows = [line.split() for line in text.splitlines()]
    for layer in failing.layers:
        assert any(row[:2] == [str(layer.index), layer.name] for row in rows), layer.name
    assert "clean layers" not in text


@pytest.mark.parametrize("width", [72, 80, 100, 160])
@pytest.mark.parametrize("everything", [False, True])
def test_no_line_is_wider_than_the_terminal(failing: VerifyReport, width: int, everything: bool) -> None:
    report = replace(
        failing,
        layers=tuple(
            replace(layer, name=layer.name + "_of_a_very_long_name" * 3) for layer in failing.layers
        ),
    )
    for each in (failing, report):
        text = verify_text(each, Terminal(width), everything=everything)
        assert max(len(line) for line in text.splitlines()) <= width


def test_plain_text_is_ascii_without_colour_codes(failing: VerifyReport) -> None:
    text = verify_text(failing)
    assert text.isascii()
    assert "\x1b" not in text


def test_a_terminal_gets_colours_that_change_nothing_else(failing: VerifyReport) -> None:
    coloured = verify_text(failing, Terminal(80, colour=True))
    assert "\x1b[1;31mFAIL" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == verify_text(failing, Terminal(80))


def test_what_a_stream_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "123")
    assert Terminal.of(Screen(io.BytesIO(), encoding="utf-8")) == Terminal(123, True, True)
    assert Terminal.of(Screen(io.BytesIO(), encoding="latin-1")) == Terminal(123, True, False)
    assert Terminal.of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == Terminal(123, False, True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Terminal.of(Screen(io.BytesIO(), encoding="utf-8")).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not Terminal.of(Screen(io.BytesIO(), encoding="utf-8")).colour
    monkeypatch.setenv("COLUMNS", "0")
    assert Terminal.of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")).width >= 40


def test_names_cannot_steer_the_terminal(failing: VerifyReport) -> None:
    nasty = "conv\x1b[2J\r\n\x07\u202e_1"
    layers = tuple(
        replace(layer, name=nasty, type=nasty) if layer.status is Status.FAIL else layer
        for layer in failing.layers
    )
    text = verify_text(replace(failing, layers=layers, warnings=(nasty,)))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text
    assert printable(nasty) == "conv?[2J ??_1"


def test_layers_without_a_counterpart_are_listed_by_reason(passing: VerifyReport) -> None:
    reason = "ncnn splits here what PyTorch computes in one operation"
    layers = tuple(
        replace(layer, status=Status.UNMATCHED, isolated=None, propagated=None, method=None, reason=reason)
        if layer.index in (3, 5)
        else layer
        for layer in passing.layers
    )
    unmatched = tuple(Unmatched(layers[index].name, reason) for index in (3, 5))
    text = " ".join(verify_text(replace(passing, layers=layers, unmatched=unmatched)).split())
    count = len(layers)
    assert f"PASS: {count - 2} of {count} layers compared, all right to within rounding; 2 without" in text
    assert f"not compared {layers[3].name}, {layers[5].name}: {reason}" in text
    assert "unmatched" in text


def test_an_output_that_is_off_without_a_culprit_is_said(passing: VerifyReport) -> None:
    outputs = (replace(passing.outputs[0], status=Status.FAIL), *passing.outputs[1:])
    text = verify_text(replace(passing, verdict=Status.FAIL, outputs=outputs))
    assert text.startswith("FAIL: every compared layer is right alone, yet 'out0' is off")


def test_the_ladder_is_shown_when_there_is_one(passing: VerifyReport) -> None:
    rungs = [
        {"rung": "torch", "status": "pass", "max_abs": 0.0, "note": None},
        {"rung": "ncnn fp16", "status": "fail", "max_abs": 0.25, "note": "the first rung that breaks"},
    ]
    extra = {"ladder": rungs, "ladder_sentence": "the first stage that breaks is ncnn fp16"}
    text = verify_text(replace(passing, extra=extra))
    assert "\nladder: the first stage that breaks is ncnn fp16\n" in text
    assert "  torch      pass        0\n" in text
    assert "  ncnn fp16  fail  2.5e-01\n" in text
    assert "  the first rung that breaks\n" in text


def test_many_culprits_stay_readable(failing: VerifyReport) -> None:
    (guilty,) = (layer for layer in failing.layers if layer.status is Status.FAIL)
    layers = tuple(replace(guilty, index=number, name=f"conv_{number}") for number in range(300))
    report = replace(failing, layers=layers, culprits=tuple(layer.name for layer in layers))
    lines = verify_text(report).splitlines()
    assert lines[0].startswith("FAIL: 300 of 300 layers are wrong: conv_0, conv_1, conv_2, conv_3 and 296")
    assert any(line.strip().startswith("so in 300 places: conv_0") for line in lines)
    assert sum("Alone, on the inputs" in line for line in lines) == 1
    own = tuple(replace(layer, remedy=f"axis {layer.index}") for layer in layers)
    assert "and 292 more, see the table" in verify_text(replace(report, layers=own)).splitlines()
    assert "... 260 failing layers" in lines
    assert len(lines) < 120
