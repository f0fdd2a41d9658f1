"""Faults that are seen in layers themselves: weights exchanged or rounded, a layer left out."""

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.verifier import LayerResult
from edgekit.verifier.spoilt import rounded_weights

Change = Callable[[list[Layer]], None]
Break = Callable[[Change], list[LayerResult]]


class Chain(nn.Module):
    """Three convolutions of one size, one of them depthwise and leaky, and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(8, 8, 3), nn.Conv1d(8, 8, 3)
        self.slow = nn.Conv1d(8, 8, 3, groups=8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return nn.functional.leaky_relu(self.slow(x), 0.1).softmax(1)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("chain") / "chain"
    edgekit.export(Chain().eval(), path, inputs={"x": (1, 8, 24)})
    return path


@pytest.fixture
def broken(chain: Path, tmp_path: Path) -> Break:
    """Change the layers of a copy, and return those that are named guilty."""

    def culprits(change: Change) -> list[LayerResult]:
        copy = Path(shutil.copytree(chain, tmp_path / "copy"))
        param, weights = copy / "model.ncnn.param", copy / "model.ncnn.bin"
        graph = ncnn.read(param, weights)
        layers = list(graph.layers)
        change(layers)
        ncnn.write(dataclasses.replace(graph, layers=tuple(layers)), param, weights)
        return [layer for layer in edgekit.verify(copy).layers if layer.status == "fail"]

    return culprits


def of_type(layers: Sequence[Layer], kind: str) -> list[int]:
    return [index for index, layer in enumerate(layers) if layer.type == kind]


def test_weights_of_two_layers_exchanged_are_given_back(broken: Break) -> None:
    def exchange(layers: list[Layer]) -> None:
        one, other = of_type(layers, "Convolution1D")
        taken = layers[one].weights, layers[other].weights
        layers[other], layers[one] = (
            dataclasses.replace(layers[index], weights=weights)
            for index, weights in zip((other, one), taken, strict=True)
        )

    first, second = broken(exchange)
    assert first.remedy == f"the weights of {second.name}"
    assert second.remedy == f"the weights of {first.name}"


def test_a_layer_that_was_left_out_is_told_by_what_it_should_compute(broken: Break) -> None:
    def leave_out(layers: list[Layer]) -> None:
        (index,) = of_type(layers, "Softmax")
        layers[index] = dataclasses.replace(layers[index], type="Noop", params={})

    (culprit,) = broken(leave_out)
    assert "it does nothing where the model computes softmax" in (culprit.why or "").lower()


def test_weights_of_one_layer_rounded_to_half_are_told(broken: Break) -> None:
    def round_off(layers: list[Layer]) -> None:
        index = of_type(layers, "Convolution1D")[0]
        weight, *others = layers[index].weights
        data = weight.data.astype(np.float16).astype(np.float32)
        layers[index] = dataclasses.replace(
            layers[index], weights=(dataclasses.replace(weight, data=data), *others)
        )

    (culprit,) = broken(round_off)
    assert "its weight_data holds nothing but numbers that fp16 has" in (culprit.why or "").lower()


def test_a_model_of_half_precision_is_no_fault_of_a_layer(chain: Path) -> None:
    graph = ncnn.read(chain / "model.ncnn.param", chain / "model.ncnn.bin")
    assert rounded_weights(graph) == {}
    halves = [
        dataclasses.replace(
            layer,
            weights=tuple(
                dataclasses.replace(each, data=each.data.astype(np.float16).astype(np.float32))
                for each in layer.weights
            ),
        )
        for layer in graph.layers
    ]
    assert rounded_weights(Graph(tuple(halves))) == {}


@pytest.mark.parametrize("lost", ["activation", "bias"])
def test_a_depthwise_layer_of_one_dimension_is_put_right(broken: Break, lost: str) -> None:
    def lose(layers: list[Layer]) -> None:
        (index,) = of_type(layers, "ConvolutionDepthWise1D")
        layer = layers[index]
        if lost == "activation":
            params = {key: value for key, value in layer.params.items() if key not in ("9", "10")}
            layers[index] = dataclasses.replace(layer, params=params, text=None)
        else:
            weight, bias = layer.weights
            empty = dataclasses.replace(bias, data=np.zeros_like(bias.data))
            layers[index] = dataclasses.replace(layer, weights=(weight, empty))

    (culprit,) = broken(lose)
    said = {"activation": "activation leakyrelu(0.1) instead of none", "bias": "instead of nothing but zeros"}
    assert said[lost] in (culprit.remedy or "")


def test_variants_that_have_no_size_do_not_hide_the_right_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    wide = nn.Conv2d(4, 4, 7, padding=3, groups=4).eval()  # without padding, dilated, it does not fit
    path = tmp_path / "wide"
    edgekit.export(wide, path, inputs={"input": (1, 4, 8, 8)})
    graph = ncnn.read(path / "model.ncnn.param", path / "model.ncnn.bin")
    (index,) = of_type(graph.layers, "ConvolutionDepthWise")
    dilated = {**graph.layers[index].params, "2": 2, "12": 2, "4": 6, "14": 6, "15": 6, "16": 6}
    layers = list(graph.layers)
    layers[index] = dataclasses.replace(layers[index], params=dilated, text=None)
    ncnn.write(
        dataclasses.replace(graph, layers=tuple(layers)),
        path / "model.ncnn.param",
        path / "model.ncnn.bin",
    )
    (culprit,) = [layer for layer in edgekit.verify(path).layers if layer.status == "fail"]
    assert (culprit.remedy or "").startswith("padding 3 instead of 6 and dilation 1 instead of 2")
