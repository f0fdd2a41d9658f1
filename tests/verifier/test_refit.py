"""Weights that one relation explains: told by the relation, proven by a run; all others stay unexplained."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.graph import Layer, Weight
from edgekit.numerics.metrics import Array
from edgekit.sources.inputs import InputSpec

Change = Callable[[Weight], Array]
_STD = (0.229, 0.224, 0.225)


def times(factor: object) -> Change:
    return lambda each: (
        np.asarray(each.data * factor, np.float32) if each.name == "weight_data" else each.data
    )


def no_bias(each: Weight) -> Array:
    return np.zeros_like(each.data) if each.name == "bias_data" else each.data


def by_channel(each: Weight) -> Array:
    factor = np.linspace(0.8, 1.25, len(each.data)).reshape(-1, *(1,) * (each.data.ndim - 1))
    return np.asarray(each.data * factor, np.float32)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("Convolution", times(1 / 0.226), "It is right with its weights times 0.226"),
        ("InnerProduct", times(1.25), "t is right with its weights times 0.8"),
        (
            "Convolution",
            times(1 / np.asarray(_STD)[:, None, None]),
            "its weights times 0.229, 0.224, 0.225, input channel by input channel",
        ),
        ("ConvolutionDepthWise", no_bias, "instead of nothing but zeros"),
        (
            "Convolution",
            by_channel,
            "a factor of its own (0.8 to 1.25) and another bias, as of a norm folded",
        ),
        ("InnerProduct", no_bias, "are at fault, and all of its biases are zero"),
    ],
)
def test_weights_off_by_one_relation(spoil, kind: str, change: Change, said: str) -> None:
    def fault(layer: Layer) -> Layer:
        weights = tuple(dataclasses.replace(each, data=change(each)) for each in layer.weights)
        return dataclasses.replace(layer, weights=weights)

    report = edgekit.verify(spoil(kind, fault))
    (culprit,) = [layer for layer in report.layers if layer.status == "fail"]
    assert culprit.type == kind
    assert culprit.why is not None
    assert said.lower() in culprit.why.lower()


class Normalising(nn.Module):
    """A model that scales its image itself, which the file beside it does not."""

    def __init__(self, module: nn.Module, factor: tuple[float, ...], shift: tuple[float, ...]) -> None:
        super().__init__()
        self.module = module
        self.factor = nn.Buffer(torch.tensor(factor).view(1, -1, 1, 1))
        self.shift = nn.Buffer(torch.tensor(shift).view(1, -1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.module(x * self.factor + self.shift)
        return y


@pytest.mark.parametrize(
    ("factor", "shift", "said"),
    [
        ((2.0,), (-1.0,), "its input times 2 minus 1: the model normalises it, the .param does not"),
        (
            (4.0, 5.0, 6.0),
            (-2.0, -1.0, 1.5),
            "its input channels times 4, 5, 6 plus -2, -1, 1.5: a normalisation that the .param does not",
        ),
    ],
)
def test_an_input_that_only_the_model_normalises(
    bundle: Path,
    module: nn.Module,
    tmp_path: Path,
    factor: tuple[float, ...],
    shift: tuple[float, ...],
    said: str,
) -> None:
    for suffix in ("param", "bin"):
        shutil.copy(bundle / f"model.ncnn.{suffix}", tmp_path / f"shipped.{suffix}")
    model = Normalising(module, factor, shift).eval()
    specs = (InputSpec("x", (1, 3, 24, 24)),)
    report = edgekit.verify(tmp_path / "shipped.param", model=model, input_specs=specs)
    (culprit,) = [layer for layer in report.layers if layer.status == "fail"]
    assert culprit.remedy is not None
    assert culprit.remedy.startswith(said)
    assert culprit.why is not None
    assert f"he model's mul, add at {Path(__file__).name}:" in culprit.why
    assert "have no layers in the .param" in culprit.why
