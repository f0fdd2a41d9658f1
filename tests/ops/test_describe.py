"""Parameters in words."""

from __future__ import annotations

import pytest

from edgekit.errors import FormatError
from edgekit.graph import Layer, Param
from edgekit.ops import SPECS, Activation, UnknownLayerType, activation, describe


def layer(type: str, params: dict[str, Param]) -> Layer:
    return Layer(type, "x", ("a",), ("b",), params)


def test_convolution() -> None:
    params = {
        "0": 8,
        "1": 3,
        "11": 5,
        "3": 2,
        "4": 1,
        "14": 2,
        "2": 1,
        "5": 1,
        "6": 8 * 4 * 15,
        "9": 3,
        "10": (0.0, 6.0),
    }
    described = describe(layer("Convolution", params))
    assert described["kernel"] == (5, 3)
    assert described["stride"] == (2, 2)
    assert described["dilation"] == (1, 1)
    assert described["pads"] == ((2, 2), (1, 1))
    assert described["num_output"] == 8 and described["in_channels"] == 4
    assert described["activation"] == Activation("clip", (0.0, 6.0))
    assert "weight_data_size" not in described and "featmask" not in described


def test_grouped_convolution_counts_all_input_channels() -> None:
    described = describe(layer("ConvolutionDepthWise1D", {"0": 6, "1": 3, "6": 6 * 2 * 3, "7": 3}))
    assert described["in_channels"] == 6 and described["group"] == 3
    assert described["kernel"] == (3,) and described["pads"] == ((0, 0),)


def test_pooling_and_enumerations() -> None:
    described = describe(layer("Pooling", {"0": 1, "1": 2, "2": 2, "5": 1}))
    assert described["pooling_type"] == "average" and described["pad_mode"] == "valid"
    assert described["kernel"] == (2, 2) and described["stride"] == (2, 2)
    assert describe(layer("BinaryOp", {"0": 2}))["op_type"] == "mul"
    assert describe(layer("UnaryOp", {"0": 27}))["op_type"] == "log1p"
    assert describe(layer("UnaryOp", {"0": 99}))["op_type"] == 99


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "relu"), (2, "leakyrelu"), (3, "clip"), (4, "sigmoid"), (5, "mish"), (6, "hardswish")],
)
def test_activations(number: int, name: str) -> None:
    params: dict[str, Param] = {"0": 4, "1": 1, "6": 4, "9": number, "10": (0.5, 1.5)}
    assert activation(layer("Convolution", params)) == Activation(name, (0.5, 1.5))


def test_no_activation() -> None:
    assert activation(layer("Convolution", {"0": 4})) is None
    assert activation(layer("ReLU", {})) is None
    assert "activation" not in describe(layer("InnerProduct", {"0": 1, "2": 1}))


def test_an_unknown_activation_is_an_error() -> None:
    with pytest.raises(FormatError, match=r"layer 'x'.*activation_type is 7"):
        activation(layer("InnerProduct", {"9": 7}))


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(UnknownLayerType, match="layer 'x'"):
        describe(layer("Nonsense", {}))


@pytest.mark.parametrize("kind", sorted(set(SPECS) - {"Convolution"}))
def test_every_type_can_be_described(kind: str) -> None:
    params: dict[str, Param] = {"0": 2, "1": 1, "6": 2} if "onv" in kind else {}
    assert isinstance(dict(describe(layer(kind, params))), dict)
