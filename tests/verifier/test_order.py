"""Inputs of one shape that nothing but their order in the file tells apart, where it is another order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.sources.inputs import InputSpec
from edgekit.verifier.model import VerifyReport

PLANE = (1, 3, 8, 8)
STATE = (1, 1, 6)


class Chain(nn.Module):
    """Each input meets what was made of those before it, by the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        for conv in self.convs:
            conv.load_state_dict(self.convs[0].state_dict())

    def forward(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        x = a
        for conv, other in zip(self.convs, (b, c, b), strict=True):
            x = conv(x - other * 0.5).tanh()
        return x


class Sum(nn.Module):
    """Either input may be the other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        result: Tensor = self.conv(a + b)
        return result


class States(nn.Module):
    """Two layers that read two states each, and show nothing before both are right."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.LSTM(6, 6), nn.LSTM(6, 6)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, k: Tensor, d: Tensor) -> Tensor:
        y = self.one(x, (h, c))[0]
        result: Tensor = self.two(y, (k, d))[0]
        return result


class Crossed(nn.Module):
    """Nothing but the names of the outputs tells which input is which."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return a.tanh(), b.tanh()


class Twice(nn.Module):
    """Two outputs with the same numbers."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.relu(), x.clamp(min=0.0)


SHAPES: dict[type[nn.Module], dict[str, tuple[int, ...]]] = {
    Chain: dict.fromkeys("abc", PLANE),
    Sum: dict.fromkeys("ab", PLANE),
    States: {"x": (5, 1, 6)} | dict.fromkeys("hckd", STATE),
    Crossed: dict.fromkeys("ab", PLANE),
    Twice: {"x": PLANE},
}

Change = Callable[[Graph], Graph]
Verify = Callable[..., VerifyReport]


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Verify a file whose inputs stand in some order, without names that say which is which."""

    def run(
        kind: type[nn.Module], order: Sequence[int], change: Change = lambda graph: graph
    ) -> VerifyReport:
        torch.manual_seed(0)
        module = kind().eval()
        edgekit.export(module, tmp_path / "net", inputs=SHAPES[kind])
        graph = ncnn.read(tmp_path / "net" / "model.ncnn.param", tmp_path / "net" / "model.ncnn.bin")
        inputs = [layer for layer in graph.layers if layer.type == "Input"]
        rest = [layer for layer in graph.layers if layer.type != "Input"]
        layers = [_renamed(layer) for layer in (*(inputs[place] for place in order), *rest)]
        param = tmp_path / "shipped.param"
        ncnn.write(change(Graph(tuple(layers))), param, param.with_suffix(".bin"))
        specs = [InputSpec(name, shape) for name, shape in SHAPES[kind].items()]
        return edgekit.verify(param, model=module, input_specs=specs)

    return run


def _renamed(layer: Layer) -> Layer:
    inputs, outputs = (
        tuple(blob.replace("in", "data_") for blob in each) for each in (layer.inputs, layer.outputs)
    )
    name = layer.name.replace("in", "data_") if layer.type == "Input" else layer.name
    return dataclasses.replace(layer, name=name, inputs=inputs, outputs=outputs, text=None)


def told(report: VerifyReport) -> Mapping[str, str]:
    """What the report says each input was taken for, and by what."""
    line = next(each for each in report.warnings if "inputs apart" in each)
    taken = line.partition("took ")[2].partition(";")[0].replace("'", "").split(", ")
    return dict(each.split(" for ") for each in taken)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_numbers_tell_inputs_in_any_order(verify: Verify, order: tuple[int, ...]) -> None:
    report = verify(Chain, order)
    assert report.passed
    assert told(report) == {f"data_{place}": f"{name} (by its numbers)" for place, name in enumerate("abc")}


def test_a_fault_behind_inputs_in_another_order_is_named(verify: Verify) -> None:
    guilty = []

    def change(graph: Graph) -> Graph:
        layer = [layer for layer in graph.layers if layer.weights][1]
        guilty.append(layer.name)
        weights = [
            dataclasses.replace(weight, data=np.asarray(weight.data) * np.float32(1.01))
            for weight in layer.weights[:1]
        ]
        faulty = dataclasses.replace(layer, weights=(*weights, *layer.weights[1:]))
        return Graph(tuple(faulty if each is layer else each for each in graph.layers))

    report = verify(Chain, (2, 1, 0), change)
    assert list(report.culprits) == guilty


def test_inputs_that_may_be_each_other_are_no_fault(verify: Verify) -> None:
    assert verify(Sum, (1, 0)).passed


def test_states_that_one_layer_reads_are_found_together(verify: Verify) -> None:
    report = verify(States, (4, 3, 2, 1, 0))
    assert report.passed
    assert told(report)["data_4"].startswith("d ")


def test_named_outputs_tell_inputs(verify: Verify) -> None:
    report = verify(Crossed, (1, 0))
    assert report.passed
    assert told(report) == {"data_0": "a (by its numbers)", "data_1": "b (by its numbers)"}


def test_outputs_of_the_same_numbers_are_told_by_them(verify: Verify) -> None:
    def change(graph: Graph) -> Graph:
        names = {"out0": "p", "out1": "q"}
        layers = [
            dataclasses.replace(
                layer, outputs=tuple(names.get(blob, blob) for blob in layer.outputs), text=None
            )
            for layer in graph.layers
        ]
        return Graph(tuple(layers))

    report = verify(Twice, (0,), change)
    assert report.passed
    line = next(each for each in report.warnings if "outputs apart" in each)
    assert line.count("(by its numbers)") == 2
