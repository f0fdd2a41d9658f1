"""The rules that say why a convolution is slow."""

from __future__ import annotations

import pytest

from edgekit.bencher.fastpath import slow_reason
from edgekit.graph import Layer, Param


def _depthwise(
    channels: int,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    groups: int | None = None,
    **more: Param,
) -> Layer:
    groups = groups or channels
    params: dict[str, Param] = {
        "0": channels,
        "1": kernel,
        "2": dilation,
        "3": stride,
        "5": 1,
        "6": channels * (channels // groups) * kernel * kernel,
        "7": groups,
    }
    return Layer("ConvolutionDepthWise", "dw", ("x",), ("y",), {**params, **more})


def _dense(inputs: int, outputs: int) -> Layer:
    return Layer("Convolution", "conv", ("x",), ("y",), {"0": outputs, "1": 1, "5": 1, "6": inputs * outputs})


@pytest.mark.parametrize(
    ("layer", "precision", "reason"),
    [
        (_depthwise(32), "fp32", None),
        (_depthwise(32, 5, 2), "fp32", None),
        (_depthwise(32, 7), "fp32", "7x7 depthwise"),
        (_depthwise(32, dilation=2), "fp32", "dilation 2x2"),
        (_depthwise(32, stride=3), "fp32", "stride 3x3"),
        (_depthwise(22), "fp32", "22 channels are no multiple of 4: 24"),
        (_depthwise(20), "fp32", None),
        (_depthwise(20), "fp16", "20 channels are no multiple of 8: 24"),
        (_depthwise(32, groups=8), "fp32", "8 groups"),
        (_depthwise(32, **{"8": 1}), "fp32", None),
        (_depthwise(32, **{"8": 1, "9": 1}), "fp32", None),
        (_depthwise(32, **{"8": 1, "9": 3, "10": (0.0, 6.0)}), "fp32", "ReLU6 in an int8"),
        (_depthwise(32, 5, **{"8": 1}), "fp32", "5x5 depthwise in int8"),
        (_dense(3, 32), "fp32", None),
        (_dense(32, 64), "fp32", None),
        (_dense(22, 32), "fp32", "22 input channels"),
        (_dense(32, 30), "fp32", "30 output channels"),
        (Layer("ReLU", "relu", ("x",), ("y",)), "fp32", None),
    ],
)  # fmt: skip
def test_reason(layer: Layer, precision: str, reason: str | None) -> None:
    found = slow_reason(layer, precision, "aarch64")
    assert found == reason if reason is None else found is not None and found.startswith(reason)


@pytest.mark.parametrize(
    ("kind", "arch", "plain"),
    [
        ("Convolution3D", "x86_64", True),
        ("Convolution3D", "aarch64", True),
        ("GRU", "x86_64", True),
        ("GRU", "aarch64", False),
        ("GridSample", "aarch64", True),
        ("GridSample", "x86_64", False),
        ("Softmax", "x86_64", False),
    ],
)
def test_plain_loops(kind: str, arch: str, plain: bool) -> None:
    found = slow_reason(Layer(kind, "layer", ("x",), ("y",)), "fp32", arch)
    assert found == (f"ncnn has only a plain loop for {kind}" if plain else None)
