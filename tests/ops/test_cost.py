"""Cost rules against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import FormatError
from edgekit.graph import Layer, Param, Weight
from edgekit.ops import SPECS, Cost, UnknownLayerType, cost, infer_shapes

Shape = tuple[int, ...]


def cost_of(kind: str, params: dict[str, Param], *shapes: Shape, outputs: int = 1) -> Cost:
    layer = Layer(kind, "layer", tuple("abcdef"[: len(shapes)]), tuple("uvw"[:outputs]), params)
    results = infer_shapes(layer, shapes)
    assert isinstance(results, tuple), results
    return cost(layer, shapes, results)


def test_convolution() -> None:
    params: dict[str, Param] = {"0": 8, "1": 3, "3": 2, "4": 1, "5": 1, "6": 8 * 3 * 9}
    assert cost_of("Convolution", params, (3, 224, 224)) == Cost(
        macs=8 * 112 * 112 * 27,
        parameters=8 * 27 + 8,
        weight_bytes=4 * (8 * 27 + 8),
        activation_bytes=4 * (3 * 224 * 224 + 8 * 112 * 112),
    )


def test_derived_figures() -> None:
    value = Cost(macs=600, parameters=3, weight_bytes=100, activation_bytes=200)
    assert (value.flops, value.bytes, value.intensity) == (1200, 300, 4.0)
    assert Cost(0, 0, 0, 0).intensity == 0.0


@pytest.mark.parametrize(
    ("kind", "params", "shapes", "macs"),
    [
        ("ConvolutionDepthWise", {"0": 8, "1": 3, "4": 1, "6": 72, "7": 8}, [(8, 14, 14)], 8 * 196 * 9),
        ("ConvolutionDepthWise", {"0": 8, "1": 3, "4": 1, "6": 144, "7": 4}, [(8, 14, 14)], 8 * 196 * 2 * 9),
        ("Convolution1D", {"0": 6, "1": 3, "6": 72}, [(4, 12)], 6 * 10 * 12),
        ("Convolution3D", {"0": 5, "1": 3, "6": 5 * 2 * 27}, [(2, 5, 6, 7)], 5 * 3 * 4 * 5 * 54),
        ("Convolution", {"0": 5, "19": 1}, [(4, 8, 8), (5, 4, 3, 3)], 5 * 36 * 36),
        ("Deconvolution", {"0": 6, "1": 2, "3": 2, "6": 96}, [(4, 7, 7)], 49 * 4 * 6 * 4),
        ("DeconvolutionDepthWise", {"0": 4, "1": 2, "3": 2, "6": 16, "7": 4}, [(4, 7, 7)], 49 * 4 * 4),
        ("DeformableConv2D", {"0": 6, "1": 3, "4": 1, "6": 216}, [(4, 9, 9), (18, 9, 9)], 6 * 81 * 36),
        ("InnerProduct", {"0": 10, "2": 200}, [(20,)], 200),
        ("InnerProduct", {"0": 10, "2": 200}, [(7, 20)], 1400),
        ("Gemm", {"3": 1, "5": 1, "6": 1, "8": 6, "9": 5, "10": 4}, [(7, 5)], 7 * 6 * 5),
        ("Gemm", {"2": 1}, [(5, 3), (5, 4)], 3 * 4 * 5),
        ("MatMul", {}, [(2, 3, 5), (2, 5, 4)], 2 * 3 * 4 * 5),
        ("Einsum", {"0": tuple(map(ord, "ijl,ilk->ijk"))}, [(2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
        ("RNN", {"0": 4, "1": 12}, [(7, 3)], 7 * (12 + 16)),
        ("GRU", {"0": 4, "1": 72, "2": 2}, [(7, 3)], 7 * 2 * 3 * 4 * (3 + 4)),
        ("LSTM", {"0": 4, "1": 72, "3": 6}, [(7, 3)], 7 * (4 * 6 * (3 + 4) + 4 * 6)),
        ("MultiHeadAttention", {"0": 8, "1": 2, "2": 64}, [(5, 8)], 4 * 5 * 64 + 2 * 25 * 8),
        (
            "MultiHeadAttention",
            {"0": 8, "1": 2, "2": 48, "3": 5, "4": 7},
            [(3, 6), (4, 5), (4, 7)],
            3 * 48 + 4 * 40 + 4 * 56 + 3 * 48 + 2 * 3 * 4 * 8,
        ),
        ("MultiHeadAttention", {"0": 8, "1": 2, "2": 64, "7": 1}, [(1, 8), (9, 8), (9, 8)], 256 + 160),
        ("SDPA", {}, [(4, 3, 8), (2, 5, 8), (2, 5, 6)], 4 * 3 * 5 * (8 + 6)),
        ("Spectrogram", {"0": 16, "1": 2, "2": 4, "5": 0}, [(48,)], 2 * 16 * 9 * 9),
        ("InverseSpectrogram", {"0": 16, "1": 1, "2": 4}, [(9, 13, 2)], 4 * 256 * 13),
        ("Pooling", {"1": 2, "2": 2}, [(8, 8, 8)], 0),
        ("ReLU", {}, [(8, 8, 8)], 0),
        ("BatchNorm", {"0": 8}, [(8, 8, 8)], 0),
    ],
)  # fmt: skip
def test_macs(kind: str, params: dict[str, Param], shapes: list[Shape], macs: int) -> None:
    assert cost_of(kind, params, *shapes).macs == macs


def test_pooling_moves_bytes_and_split_none() -> None:
    assert cost_of("Pooling", {"4": 1}, (8, 4, 4)).activation_bytes == 4 * (128 + 8)
    assert cost_of("Split", {}, (8, 4, 4), outputs=2).activation_bytes == 0


def test_half_precision_activations() -> None:
    layer = Layer("ReLU", "r", ("a",), ("b",))
    assert cost(layer, [(8,)], [(8,)], value_bytes=2).activation_bytes == 32


def test_scales_are_no_parameters_but_bytes() -> None:
    value = cost_of("InnerProduct", {"0": 4, "1": 1, "2": 32, "8": 2}, (8,))
    assert value.parameters == 36
    assert value.weight_bytes == 4 * (36 + 4 + 1)


def test_stored_weights_count_as_they_are_stored() -> None:
    weights = (Weight("weight_data", np.zeros((4, 8), np.int8)), Weight("bias_data", np.zeros(4, np.float32)))
    layer = Layer("InnerProduct", "f", ("a",), ("b",), {"0": 4, "1": 1, "2": 32}, weights)
    assert cost(layer, [(8,)], [(4,)]).weight_bytes == 32 + 16


def test_packed_weights_count_their_elements() -> None:
    params: dict[str, Param] = {"3": 1, "5": 1, "6": 1, "8": 8, "9": 64, "10": -1, "18": 400}
    value = cost_of("Gemm", params, (1, 64))
    assert value.parameters == 512
    assert value.weight_bytes == 256 + 4 * 8 * 2


def test_a_missing_shape_is_an_error() -> None:
    with pytest.raises(FormatError, match="shape of input 0 is missing"):
        cost(Layer("MatMul", "m", (), ("x",)), [], [(3,)])
    with pytest.raises(UnknownLayerType):
        cost(Layer("Mine", "m", (), ()), [], [])


@pytest.mark.parametrize("kind", [kind for kind in SPECS if "onv" not in kind])
def test_every_type_has_a_cost_or_says_what_is_missing(kind: str) -> None:
    params: dict[str, Param] = {} if kind != "Einsum" else {"0": tuple(map(ord, "ij,jk->ik"))}
    try:
        value = cost(Layer(kind, "x", ("a",), ("b",), params), [(2, 3), (3, 2), (2, 2)], [(2, 3)])
    except FormatError as error:
        assert "layer 'x'" in error.message
    else:
        assert value.macs >= 0
