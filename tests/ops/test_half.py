"""Which layers fp16 arithmetic gives a winograd kernel."""

from __future__ import annotations

import pytest

from edgekit.graph import Layer, Param
from edgekit.ops.half import takes_winograd


def convolution(inputs: int, outputs: int, **changed: Param) -> Layer:
    params: dict[str, Param] = {"0": outputs, "1": 3, "4": 1, "6": inputs * outputs * 9}
    return Layer(
        "Convolution", "c", ("0",), ("1",), {**params, **{key[1:]: value for key, value in changed.items()}}
    )


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 16), (16, 3), (64, 64)])
def test_3x3_with_16_channels_on_a_side(inputs: int, outputs: int) -> None:
    assert takes_winograd(convolution(inputs, outputs))


@pytest.mark.parametrize(
    "layer",
    [
        convolution(8, 8),
        convolution(16, 16, p3=2),
        convolution(16, 16, p2=2),
        convolution(16, 16, p1=1, p6=256),
        convolution(16, 16, p31=64),
        Layer("ReLU", "r", ("0",), ("1",)),
    ],
)
def test_no_other(layer: Layer) -> None:
    assert not takes_winograd(layer)
