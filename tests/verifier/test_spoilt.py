"""Weights that hold NaN, infinity or nothing but zeros are named as such: which tensor, how many, where."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.graph import Layer, Weight
from edgekit.report.verify.words import wrong
from edgekit.verifier.spoilt import spoilt

Spoil = Callable[[str, Callable[[Layer], Layer]], Path]


def with_number(layer: Layer, name: str, index: int | slice, number: float) -> Layer:
    """Return the layer with numbers of one weight (counted flat) replaced."""
    weights = []
    for weight in layer.weights:
        data = np.array(weight.data)
        if weight.name == name:
            data.reshape(-1)[index] = number
        weights.append(dataclasses.replace(weight, data=data))
    return dataclasses.replace(layer, weights=tuple(weights))


@pytest.mark.parametrize(
    ("kind", "name", "index", "number", "said"),
    [
        ("Convolution", "weight_data", 28, np.nan, "Its weight_data is NaN in 1 of its 432 numbers"),
        ("InnerProduct", "bias_data", slice(1, 3), -np.inf, "Its bias_data is infinite in 2 of its 5"),
        ("ConvolutionDepthWise", "weight_data", slice(None), 0.0, "Its weight_data is zero in all of its"),
    ],
)
def test_weights_that_are_no_weights(
    spoil: Spoil,
    name_of: Callable[[str], str],
    kind: str,
    name: str,
    index: int | slice,
    number: float,
    said: str,
) -> None:
    report = edgekit.verify(spoil(kind, lambda layer: with_number(layer, name, index, number)))
    (culprit,) = [layer for layer in report.layers if layer.status == "fail"]
    assert culprit.name == name_of(kind)
    assert said in wrong(culprit)
    assert "weights or parameters" not in wrong(culprit)


def test_a_layer_of_zeros_is_told_once(spoil: Spoil) -> None:
    def erased(layer: Layer) -> Layer:
        for weight in layer.weights:
            layer = with_number(layer, weight.name, slice(None), 0.0)
        return layer

    report = edgekit.verify(spoil("InnerProduct", erased))
    (culprit,) = [layer for layer in report.layers if layer.status == "fail"]
    assert wrong(culprit) == (
        "Alone, on the inputs that PyTorch has, it gives nothing but zeros. "
        "Its weight_data is zero in all of its 80 numbers."
    )


def test_a_constant_may_be_infinite_and_a_bias_zero() -> None:
    mask = Weight("data", np.asarray([0, -np.inf], np.float32))
    assert spoilt(Layer("MemoryData", "mask", (), ("m",), weights=(mask,))) == []
    bias = Weight("bias_data", np.zeros(4, np.float32))
    assert spoilt(Layer("Convolution", "conv", ("x",), ("y",), weights=(bias,))) == []
    gaps = Weight("data", np.asarray([[0, 1], [np.nan, np.nan]], np.float32))
    (words,) = spoilt(Layer("MemoryData", "mask", (), ("m",), weights=(gaps,)))
    assert words == "data is NaN in 2 of its 4 numbers, first at [1, 0]"
