"""`edgekit verify` as a user runs it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.cli.main import main
from edgekit.formats import ncnn


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))
    path = tmp_path_factory.mktemp("verify") / "net"
    edgekit.export(net, path, inputs={"input": (1, 3, 10, 10)})
    return path


@pytest.fixture(scope="module")
def broken(bundle: Path) -> Path:
    path = bundle.parent / "broken"
    shutil.copytree(bundle, path)
    param, weights = path / "model.ncnn.param", path / "model.ncnn.bin"
    graph = ncnn.read(param, weights)
    last = graph.layers[-1]
    values = (np.asarray(last.weights[0].data, np.float32) * 1.5).astype(np.float32)
    changed = replace(last, weights=(replace(last.weights[0], data=values), *last.weights[1:]))
    ncnn.write(replace(graph, layers=(*graph.layers[:-1], changed)), param, weights)
    return path


def test_a_good_bundle_passes(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("PASS: all 3 layers compute what PyTorch computes")
    assert captured.err == ""


def test_a_broken_bundle_fails_and_names_the_layer(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guilty = ncnn.read(broken / "model.ncnn.param").layers[-1].name
    assert main(["verify", str(broken)]) == 1
    assert capsys.readouterr().out.startswith(f"FAIL: 1 of 3 layers is wrong: {guilty}\n")


def test_json_on_stdout_is_all_that_stdout_holds(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(broken), "--json", "-"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "edgekit.verify/1"
    assert document["verdict"] == "fail"
    assert document["coverage"] == {"layers": 3, "compared": 3, "unmatched": []}
    assert len(document["culprits"]) == 1
    layer = document["layers"][-1]
    assert (layer["status"], layer["label"]) == ("fail", "created")
    assert layer["isolated"]["max_abs"] > layer["floor"]
    assert layer["source"].keys() == {"module", "op", "file", "line", "also"}
    assert "histogram" not in layer


def test_every_file_that_is_asked_for_is_written(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {kind: tmp_path / "new" / f"report.{kind}" for kind in ("json", "html", "junit")}
    options = [text for kind, path in files.items() for text in (f"--{kind}", str(path))]
    assert main(["verify", str(broken), *options]) == 1
    assert capsys.readouterr().out.startswith("FAIL")
    assert json.loads(files["json"].read_text())["verdict"] == "fail"
    assert files["html"].read_text(encoding="utf-8").startswith("<!doctype html>")
    assert ElementTree.parse(files["junit"]).getroot().get("failures") == "3"


def test_all_shows_each_layer(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle), "--all", "--threads", "2"]) == 0
    out = capsys.readouterr().out
    for layer in ncnn.read(bundle / "model.ncnn.param"):
        assert layer.name in out


def test_the_worst_culprit_is_written_as_a_case_of_its_own(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(broken), "--repro", str(tmp_path / "case")]) == 1
    assert (tmp_path / "case" / "repro.py").is_file()
    text = " ".join(capsys.readouterr().out.split())
    assert "the worst culprit alone, runnable with ncnn and numpy" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "fp8"], "'fp8' is not a value of --precision"),
        (["--threads", "0"], "'0' is not a number of threads"),
        (["--threads", "many"], "'many' is not a number of threads"),
        (["--json", "-", "--html", "-"], "--json and --html cannot both be stdout"),
        (["--device", "moon"], "unknown device 'moon'"),
        (["--input", "x=1x3x10x10"], "--input describes the inputs of a .param of other make"),
        (["more"], "nothing takes the argument 'more'"),
    ],
)
def test_what_cannot_be_is_refused(
    bundle: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["verify", str(bundle), *options]) == 2
    assert f"edgekit: error: {message}" in capsys.readouterr().err


def test_a_missing_bundle_is_a_line_and_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "nothing")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no bundle at" in captured.err
    assert "remedy: make one with: edgekit export" in captured.err


@pytest.mark.parametrize(
    ("model", "place"),
    [("mobilenet_v2:width=0.5", "mobilenet_v2"), ("nets/my.py:Net", "my"), ("mobilenet_v2", "mobilenet_v2")],
)
def test_a_model_in_the_place_of_a_bundle_is_told_how_to_become_one(
    model: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", model]) == 2
    assert f"remedy: that is a model: edgekit export {model} -o build/{place}\n" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--repro", "{}"], ["--repair", "fp16", "-o", "{}"]])
def test_what_is_not_ours_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    empty = tmp_path / "empty"  # no bundle, and nobody has come to notice it
    assert main(["verify", str(empty), *(each.format(tmp_path / "letters") for each in options)]) == 2
    assert "letters' exists and holds no" in capsys.readouterr().err


def test_files_of_other_make_are_refused_for_a_reason(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in ("param", "bin"):
        shutil.copy(bundle / f"model.ncnn.{suffix}", tmp_path / f"net.ncnn.{suffix}")
    (tmp_path / "net.py").write_text("")
    for arguments, error, remedy in (
        (["net.ncnn.param", "--ladder"], "--ladder needs a bundle", "edgekit export MODEL -o BUNDLE"),
        (["net.ncnn.param"], "says nothing of its PyTorch model", "name it with: --model SPEC"),
        (["net.ncnn.bin"], "net.ncnn.param' says nothing of its PyTorch model", "--model SPEC"),
        (["lost.param", "--model", "nets.py:Net"], "no file", "lie beside each other"),
        (["net.py"], "net.py' is a file and no bundle", "net.py:CLASS -o"),
        ([""], "is not a bundle", f"name the .param itself: {tmp_path}/net.ncnn.param"),
    ):
        target, *options = arguments
        assert main(["verify", str(tmp_path / target), *options]) == 2
        told = capsys.readouterr().err
        assert error in told
        assert remedy in told
