"""Real bundles, broken in known places: status, label, gain and culprits of every layer, by name."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Layer
from edgekit.numerics.metrics import Finding
from edgekit.verifier import Label, Status, VerifyReport
from tests.verifier.conftest import lively

Edits = Mapping[str, Callable[[Layer], Layer]]


class Branches(nn.Module):
    """Two branches of one stem: one leads to the head, one is multiplied by 100 and drowned in 10^6."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.left = nn.Conv2d(8, 8, 3, 1, 1)
        self.right = nn.Conv2d(8, 8, 3, 1, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.stem(x)
        left, right = torch.relu(self.left(x)), torch.relu(self.right(x) * 100)
        return self.head(left.mean((2, 3))), (right + 1e6).mean((2, 3))


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("verdict") / "branches"
    edgekit.export(lively(Branches()), path, inputs={"x": (1, 3, 16, 16)})
    return path


def broken(source: Path, target: Path, edits: Edits) -> Path:
    shutil.copytree(source, target)
    param, weights = target / "model.ncnn.param", target / "model.ncnn.bin"
    graph = ncnn.read(param, weights)
    assert set(edits) <= {layer.name for layer in graph}
    layers = tuple(edits[layer.name](layer) if layer.name in edits else layer for layer in graph)
    ncnn.write(dataclasses.replace(graph, layers=layers), param, weights)
    return target


def scaled(factor: float) -> Callable[[Layer], Layer]:
    def fault(layer: Layer) -> Layer:
        weight, *others = layer.weights
        data = (np.asarray(weight.data) * factor).astype(np.float32)
        return dataclasses.replace(layer, weights=(dataclasses.replace(weight, data=data), *others))

    return fault


def name_from(report: VerifyReport, module: str) -> str:
    """The convolution or linear layer that a module became."""
    return next(
        layer.name
        for layer in report.layers
        if layer.source is not None
        and layer.source.module == module
        and layer.type.startswith(("Convolution", "InnerProduct"))
    )


@pytest.fixture(scope="module")
def clean(branches: Path) -> VerifyReport:
    return edgekit.verify(branches)


def test_a_clean_bundle_is_clean_in_every_layer(clean: VerifyReport) -> None:
    assert clean.passed
    assert clean.culprits == ()
    assert {layer.label for layer in clean.layers} == {Label.CLEAN}
    assert {layer.status for layer in clean.layers} == {Status.PASS}
    assert clean.compared == len(clean.layers)
    for layer in clean.layers:
        assert layer.isolated is not None
        assert layer.floor is not None
        assert layer.isolated.max_abs <= layer.floor
        assert layer.remedy is None and layer.why is None


def test_labels_follow_an_error_through_the_net(branches: Path, clean: VerifyReport, tmp_path: Path) -> None:
    guilty = name_from(clean, "right")
    report = edgekit.verify(broken(branches, tmp_path / "net", {guilty: scaled(1.001)}))
    assert report.culprits == (guilty,)
    layers = {layer.name: layer for layer in report.layers}
    culprit = layers[guilty]
    assert (culprit.status, culprit.label) == (Status.FAIL, Label.CREATED)
    assert culprit.source is not None
    assert culprit.source.module == "right"
    assert culprit.source.line is not None
    assert Path(culprit.source.file or "").name == "test_verdict.py"
    after = [layer for layer in report.layers if layer.index > culprit.index]
    following = [layer for layer in after if layer.label in (Label.INHERITED, Label.AMPLIFIED)]
    assert following, "the error is handed on"
    for layer in following:
        assert layer.status is Status.PASS, "right alone"
        assert layer.propagated is not None and layer.floor is not None
        assert layer.gain is not None
    absorbing = [layer for layer in after if layer.label is Label.ABSORBED]
    assert [layer.type for layer in absorbing] == ["BinaryOp"], "added to a number that drowns it"
    left = layers[name_from(report, "left")]
    assert (left.status, left.label) == (Status.PASS, Label.CLEAN), "beside it"
    assert [output.status for output in report.outputs] == [Status.PASS, Status.PASS]
    assert not report.passed, "what no output shows is wrong all the same"


def test_gain_is_relative_error_out_over_in(branches: Path, clean: VerifyReport, tmp_path: Path) -> None:
    """A multiplication by 100 leaves the relative error as it is: its gain is 1."""
    guilty = name_from(clean, "right")
    report = edgekit.verify(broken(branches, tmp_path / "net", {guilty: scaled(1.01)}))
    times = next(layer for layer in report.layers if layer.type == "BinaryOp")
    assert times.propagated is not None
    assert times.propagated.max_abs > 1
    assert times.gain == pytest.approx(1.0, rel=1e-3)


def test_several_culprits_are_all_named_and_nothing_else(
    branches: Path, clean: VerifyReport, tmp_path: Path
) -> None:
    names = {name_from(clean, module) for module in ("stem", "left", "head")}
    report = edgekit.verify(broken(branches, tmp_path / "net", dict.fromkeys(names, scaled(1.001))))
    assert set(report.culprits) == names
    assert report.culprits == tuple(layer.name for layer in report.layers if layer.name in names), (
        "in file order"
    )


def test_not_a_number_is_a_finding_and_blames_its_source_alone(
    branches: Path, clean: VerifyReport, tmp_path: Path
) -> None:
    guilty = name_from(clean, "stem")
    report = edgekit.verify(broken(branches, tmp_path / "net", {guilty: scaled(np.nan)}))
    assert report.culprits == (guilty,)
    layers = {layer.name: layer for layer in report.layers}
    assert layers[guilty].finding is Finding.NAN
    assert layers[guilty].isolated is None
    inherited = layers[name_from(report, "left")]
    assert inherited.propagated_finding is Finding.NAN
    assert (inherited.status, inherited.label) == (Status.PASS, Label.INHERITED)
    assert report.to_json()["layers"][layers[guilty].index]["finding"] == "nan"


@pytest.mark.parametrize(("factor", "finding"), [(np.inf, {Finding.NAN, Finding.INF}), (0.0, {None})])
def test_infinity_and_weights_of_zero(
    branches: Path, clean: VerifyReport, tmp_path: Path, factor: float, finding: set[Finding | None]
) -> None:
    guilty = name_from(clean, "left")
    report = edgekit.verify(broken(branches, tmp_path / "net", {guilty: scaled(factor)}))
    assert report.culprits == (guilty,)
    assert next(layer for layer in report.layers if layer.name == guilty).finding in finding


def test_nothing_but_zeros_is_a_finding(branches: Path, clean: VerifyReport, tmp_path: Path) -> None:
    def silent(layer: Layer) -> Layer:
        weights = tuple(
            dataclasses.replace(weight, data=np.zeros_like(np.asarray(weight.data)))
            for weight in layer.weights
        )
        return dataclasses.replace(layer, weights=weights)

    guilty = name_from(clean, "left")
    report = edgekit.verify(broken(branches, tmp_path / "net", {guilty: silent}))
    assert report.culprits == (guilty,)
    assert next(layer for layer in report.layers if layer.name == guilty).finding is Finding.ALL_ZERO


def test_zeros_for_numbers_too_small_for_fp16_are_honest_rounding(tmp_path: Path) -> None:
    """In fp16 zeros say nothing of numbers near 1e-9; in fp32, and of numbers near 1e-3, they do."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.Tanh(), nn.Conv2d(4, 4, 1, bias=False))
    for size, name in ((1e-9, "faint"), (1e-3, "small")):
        nn.init.uniform_(net[2].weight, size / 2, size)
        edgekit.export(net, tmp_path / name, inputs={"input": (1, 3, 4, 4)})
        graph = ncnn.read(tmp_path / name / "model.ncnn.param", tmp_path / name / "model.ncnn.bin")
        broken(tmp_path / name, tmp_path / f"{name}_zero", {graph.layers[-1].name: scaled(0.0)})
    assert edgekit.verify(tmp_path / "faint_zero", precision="fp16").verdict is Status.PASS
    for name, precision in (("faint_zero", "fp32"), ("small_zero", "fp16")):
        report = edgekit.verify(tmp_path / name, precision=precision)
        assert report.culprits == (report.layers[-1].name,), precision
        assert report.layers[-1].finding is Finding.ALL_ZERO


def test_another_shape_is_a_finding(branches: Path, clean: VerifyReport, tmp_path: Path) -> None:
    def wide(layer: Layer) -> Layer:
        return dataclasses.replace(layer, params={**layer.params, "3": 1, "13": 1}, text=None)

    guilty = name_from(clean, "stem")
    report = edgekit.verify(broken(branches, tmp_path / "net", {guilty: wide}))
    assert report.culprits == (guilty,)
    layer = next(layer for layer in report.layers if layer.name == guilty)
    assert layer.finding is Finding.SHAPE
    assert (layer.shape, layer.ncnn_shape) == ((8, 8, 8), (8, 16, 16))


def test_a_changed_artefact_is_verified_with_a_warning(
    branches: Path, clean: VerifyReport, tmp_path: Path
) -> None:
    assert clean.warnings == ()
    report = edgekit.verify(broken(branches, tmp_path / "net", {name_from(clean, "left"): scaled(1.0)}))
    assert report.passed, "the same numbers in another spelling"
    touched = broken(branches, tmp_path / "other", {name_from(clean, "left"): scaled(1 + 2e-7)})
    report = edgekit.verify(touched)
    assert report.passed, "moved by less than rounding explains"
    assert report.warnings == (
        "model.ncnn.bin was changed after the export (its sha256 differs from the manifest)",
    )


def test_it_works_where_torch_is_not_installed(branches: Path, tmp_path: Path) -> None:
    """The reference is in the bundle: a process in which torch, onnx and pnnx cannot be imported."""
    blocked = tmp_path / "blocked"
    for name in ("torch", "onnx", "onnxruntime", "pnnx"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text(f"raise ImportError('{name} is blocked')\n")
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", "verify", branches, "--html", tmp_path / "r.html", "--json", "-"],
        env={**os.environ, "PYTHONPATH": str(blocked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"verdict": "pass"' in done.stdout
    assert (tmp_path / "r.html").stat().st_size > 10_000


def test_the_cost_of_memory_is_bounded_by_files_that_stay_mapped(branches: Path) -> None:
    """What ncnn gave is compared as it lies in the worker's answer: a view of a file, no copy."""
    from edgekit.alignment import store
    from edgekit.bundle import open_bundle
    from edgekit.devices import open_device
    from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases

    bundle = open_bundle(branches)
    alignment, (sample, *_), _ = store.read(bundle.path)
    feeds = {"in0": Feed(sample.blobs["in0"], alignment.blobs["in0"].layout.batch_axis)}
    case = Case("whole", feeds, tuple(blob for blob in alignment.blobs if blob != "in0"))
    reply = run_cases(open_device("local"), bundle.param, bundle.bin, [case], FP32)
    for array in reply.tensors.values():
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        assert isinstance(base, np.memmap) or not base.flags.owndata
    reply.close()
