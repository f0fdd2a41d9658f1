"""Which path of ncnn is to blame, and what observing changes: faults put into the runs of a real worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.devices import Device, DeviceInfo, Reply, open_device
from edgekit.verifier import LayerResult, VerifyReport
from edgekit.verifier.diagnosis import without_guess

Wrong = Callable[[Mapping[str, Any], str], bool]
"""Of a request and a tensor `CASE:BLOB` of its reply: is it computed by the faulty path?"""


class FaultyDevice:
    """The local device, its results wrong wherever a path of ncnn is taken that is said to be faulty."""

    spec = "local"
    emulated = False

    def __init__(self, wrong: Wrong) -> None:
        self._real: Device = open_device("local")
        self._wrong = wrong

    def info(self) -> DeviceInfo:
        return self._real.info()

    def call(self, message: Mapping[str, Any], tensors: Iterable[Any] = (), **more: Any) -> Reply:
        reply = self._real.call(message, tensors, **more)
        for key, array in list(reply.tensors.items()):
            if self._wrong(message, key):
                reply.tensors[key] = array + np.float32(0.5)
        return reply


def on(option: str, blob: str) -> Wrong:
    """Wrong in one blob wherever an option of ncnn is on."""
    return lambda message, key: key.endswith(f":{blob}") and message["options"].get(option, True)


@pytest.fixture(scope="module")
def clean(bundle: Path) -> VerifyReport:
    return edgekit.verify(bundle)


@pytest.fixture(scope="module")
def pointwise(clean: VerifyReport) -> LayerResult:
    return next(layer for layer in clean.layers if layer.source and layer.source.module == "pointwise")


def why(report: VerifyReport, layer: LayerResult) -> str:
    assert report.culprits == (layer.name,)
    found = report.layers[layer.index].why
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("precision", "option", "words"),
    [
        ("fp32", "use_winograd_convolution", "the winograd convolution"),
        ("fp32", "use_sgemm_convolution", "the matrix-product convolution (sgemm)"),
        ("fp32", "use_packing_layout", "the packed channel layout"),
        ("fp16", "use_fp16_arithmetic", "half-precision arithmetic, half-precision storage"),
        ("fp16-storage", "use_fp16_storage", "half-precision storage"),
        ("bf16", "use_bf16_storage", "bfloat16 storage"),
        ("bf16", "use_winograd_convolution", "the winograd convolution"),
    ],
)
def test_the_path_without_which_a_layer_is_right_is_blamed(
    bundle: Path, pointwise: LayerResult, precision: str, option: str, words: str
) -> None:
    device = FaultyDevice(on(option, pointwise.blob))
    found = why(edgekit.verify(bundle, device=device, precision=precision), pointwise)
    one = f"t is right without {words}: the fault is in that path of ncnn"
    several = f"ach of these, switched off alone, makes it right: {words}; the fault is where they meet"
    assert (several if ", " in words else one) in found


class LargeLogits(nn.Module):
    """A softmax of logits that bf16 holds no two neighbours of."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Linear(16, 64)
        with torch.no_grad():
            self.logits.weight.mul_(1e5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.logits(x), -1)


def test_what_rounding_its_inputs_does_is_no_fault_of_ncnn(tmp_path: Path) -> None:
    """Of two logits that round to one number each gets a half: the softmax of float32 does the same."""
    torch.manual_seed(0)
    edgekit.export(LargeLogits().eval(), tmp_path / "net", inputs={"x": (1, 200, 16)})
    report = edgekit.verify(tmp_path / "net", precision="bf16")
    softmax = next(layer for layer in report.layers if layer.type == "Softmax")
    assert report.culprits == (softmax.name,)
    assert softmax.why is not None
    assert "t is right without bfloat16 storage: rounding what it reads makes that error in float32" in (
        softmax.why
    )
    assert "apart" in softmax.why


def test_without_fp16_arithmetic_a_pass_is_told_to_be_none_for_a_phone(bundle: Path) -> None:
    report = edgekit.verify(bundle, precision="fp16")
    assert report.passed
    on_arm = report.device.features.get("arm_asimdhp", False)
    said = [each for each in report.warnings if "has no fp16 arithmetic" in each]
    assert len(said) == (0 if on_arm else 1)
    assert not any("arithmetic" in each for each in edgekit.verify(bundle, precision="bf16").warnings)


def test_several_threads_are_blamed(bundle: Path, pointwise: LayerResult) -> None:
    device = FaultyDevice(
        lambda message, key: key.endswith(f":{pointwise.blob}") and message["options"]["num_threads"] > 1
    )
    found = why(edgekit.verify(bundle, device=device, threads=2), pointwise)
    assert "t is right without running on several threads: the fault is in that path" in found


def test_a_layer_that_is_wrong_on_every_path_is_blamed_itself(bundle: Path, pointwise: LayerResult) -> None:
    device = FaultyDevice(lambda _, key: key.endswith(f":{pointwise.blob}"))
    report = edgekit.verify(bundle, device=device)
    assert why(report, pointwise) == (
        "everything is shifted by 0.5. "
        "It is wrong whichever kernel of ncnn computes it: its weights or parameters are at fault"
    )
    (found,) = report.extra["attribution"]
    assert found.blamed == ()
    assert set(found.errors) == {"winograd", "sgemm", "packing"}
    assert all(error == pytest.approx(0.5, abs=1e-3) for error in found.errors.values())


def test_an_output_that_changes_in_light_mode_is_a_finding(bundle: Path) -> None:
    report = edgekit.verify(bundle, device=FaultyDevice(lambda _, key: ".light:" in key or ".again:" in key))
    assert not report.passed
    assert report.culprits == ()
    assert report.warnings == (
        "output blob 'out0' changes when light mode is on: what was observed is not what runs",
    )


def test_an_output_that_differs_between_two_runs_is_a_finding(bundle: Path) -> None:
    report = edgekit.verify(bundle, device=FaultyDevice(lambda _, key: ".again:" in key))
    assert not report.passed
    assert report.warnings == ("output blob 'out0' differs between two runs of the same input",)


def test_a_path_to_blame_leaves_no_guess_at_parameters() -> None:
    assert without_guess("only the outer 2 pixels on each side differ: the padding's value or mode") == (
        "only the outer 2 pixels on each side differ"
    )
    assert without_guess("an activation is missing or has other bounds: the reference lies in [0, 6]") is None
    assert without_guess("only channels 3, 4 of 16 differ") == "only channels 3, 4 of 16 differ"
