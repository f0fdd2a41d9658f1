"""Files of other make whose inputs and outputs stand in another order than the model's."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.sources.inputs import InputSpec
from edgekit.verifier.model import VerifyReport


class TwoOfEach(nn.Module):
    """Two inputs of one shape, each with a convolution of its own; two outputs of one shape likewise."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 3, padding=1)
        self.first, self.second = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 1)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.left(a).relu() - self.right(b)
        return self.first(x), self.second(x)


class Bare(nn.Module):
    """No weights tell anything: inputs of two shapes, two of them alike; outputs that differ in numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.right.load_state_dict(self.left.state_dict())

    def forward(
        self, a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x = (self.left(a) - self.right(b)) * scale
        return x.sigmoid(), x.relu()


MODELS: dict[type[nn.Module], dict[str, tuple[int, ...]]] = {
    TwoOfEach: {"a": (1, 3, 12, 12), "b": (1, 3, 12, 12)},
    Bare: {"a": (1, 3, 12, 12), "b": (1, 3, 12, 12), "scale": (1, 3, 1, 1)},
}

Verify = Callable[[type[nn.Module], Callable[[Graph], Graph]], VerifyReport]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[type[nn.Module], tuple[nn.Module, Graph]]:
    found = {}
    for kind, shapes in MODELS.items():
        torch.manual_seed(0)
        module = kind().eval()
        path = tmp_path_factory.mktemp("pairing") / "net"
        edgekit.export(module, path, inputs=shapes)
        found[kind] = (module, ncnn.read(path / "model.ncnn.param", path / "model.ncnn.bin"))
    return found


@pytest.fixture
def verify(made, tmp_path: Path) -> Verify:
    """Verify what a change makes of a model's file."""

    def run(kind: type[nn.Module], change: Callable[[Graph], Graph]) -> VerifyReport:
        module, graph = made[kind]
        param = tmp_path / "shipped.param"
        ncnn.write(change(graph), param, param.with_suffix(".bin"))
        specs = [InputSpec(name, shape) for name, shape in MODELS[kind].items()]
        return edgekit.verify(param, model=module, input_specs=specs)

    return run


def renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Blobs under other names; the layers that make them are called like them."""

    def rename(layer: Layer) -> Layer:
        ins, outs = ([names.get(blob, blob) for blob in each] for each in (layer.inputs, layer.outputs))
        name = names.get(layer.outputs[0], layer.name)
        return dataclasses.replace(layer, name=name, inputs=tuple(ins), outputs=tuple(outs), text=None)

    return Graph(tuple(rename(layer) for layer in graph.layers))


def exchanged(graph: Graph, one: str, two: str) -> Graph:
    """The layers that make two blobs exchanged in the order of the file; who reads what stays."""
    layers = list(graph.layers)
    i, j = graph.blobs[one].producer, graph.blobs[two].producer
    layers[i], layers[j] = layers[j], layers[i]
    return Graph(tuple(layers))


def sized(graph: Graph, sizes: Mapping[str, Sequence[int]]) -> Graph:
    """Input layers that state their width, height and channels."""
    return Graph(
        tuple(
            dataclasses.replace(
                layer, params=dict(zip("012", sizes[layer.outputs[0]], strict=True)), text=None
            )
            if layer.outputs[0] in sizes
            else layer
            for layer in graph.layers
        )
    )


NEUTRAL = {"in0": "data", "in1": "other", "in2": "third", "out0": "p", "out1": "q"}


def test_inputs_of_one_shape_are_told_by_the_weights_that_read_them(verify: Verify) -> None:
    report = verify(TwoOfEach, lambda graph: renamed(exchanged(graph, "in0", "in1"), NEUTRAL))
    assert report.passed
    assert report.compared == len(report.layers)
    told = next(each for each in report.warnings if "inputs apart" in each)
    assert "'data' for 'a' (by the weights next to it), 'other' for 'b'" in told
    assert "an exchange inside the file could not be told" in told


def test_outputs_of_one_shape_are_told_by_the_weights_that_made_them(verify: Verify) -> None:
    report = verify(TwoOfEach, lambda graph: renamed(exchanged(graph, "out0", "out1"), NEUTRAL))
    assert report.passed
    told = next(each for each in report.warnings if "outputs apart" in each)
    assert "'p' for " in told and told.count("by the weights next to it") == 2


@pytest.mark.parametrize("names", [{}, {"in0": "a", "in1": "b"}], ids=["pnnx", "the model's"])
def test_where_names_tell_the_inputs_an_exchange_inside_is_a_fault(
    verify: Verify, names: Mapping[str, str]
) -> None:
    """The two convolutions read each other's input."""

    def change(graph: Graph) -> Graph:
        swap = {"in0": "in1", "in1": "in0"}
        layers = [
            dataclasses.replace(layer, inputs=tuple(swap.get(blob, blob) for blob in layer.inputs), text=None)
            for layer in graph.layers
        ]
        return renamed(Graph(tuple(layers)), names)

    report = verify(TwoOfEach, change)
    assert not report.passed
    assert not any("apart" in warning for warning in report.warnings)


@pytest.mark.parametrize("stated", [True, False], ids=["stated", "open"])
def test_shapes_and_numbers_tell_what_weights_do_not(verify: Verify, stated: bool) -> None:
    """The inputs of one shape have branches of equal weights; where no shape is stated, no input is told."""
    sizes = {"in0": (12, 12, 3), "in1": (12, 12, 3), "in2": (1, 1, 3)} if stated else {}

    def change(graph: Graph) -> Graph:
        graph = exchanged(exchanged(sized(graph, sizes), "in0", "in2"), "in0", "in1")  # scale, a, b
        return renamed(exchanged(graph, "out0", "out1"), NEUTRAL)

    report = verify(Bare, change)
    assert report.passed
    told = next(each for each in report.warnings if "inputs apart" in each)
    assert "'data' for 'a' (by its numbers), 'other' for 'b' (by its numbers)" in told
    assert f"'third' for 'scale' ({'by its shape' if stated else 'by its numbers'})" in told
    told = next(each for each in report.warnings if "outputs apart" in each)
    assert "'p' for " in told and told.count("by its numbers") == 2


def test_weights_of_twins_are_no_evidence_but_their_numbers_are(verify: Verify) -> None:
    """Taken in the order of the file the difference would have the wrong sign."""
    sizes = {"in0": (12, 12, 3), "in1": (12, 12, 3), "in2": (1, 1, 3)}
    report = verify(Bare, lambda graph: renamed(exchanged(sized(graph, sizes), "in0", "in1"), NEUTRAL))
    assert report.passed
    told = next(each for each in report.warnings if "inputs apart" in each)
    assert "'data' for 'a' (by its numbers), 'other' for 'b' (by its numbers)" in told
    assert "weights" not in told


@pytest.mark.parametrize("names", [{}, NEUTRAL], ids=["pnnx", "neutral"])
def test_a_blob_that_nothing_reads_is_no_output(verify: Verify, names: Mapping[str, str]) -> None:
    """A difference that has lost what it takes off: the layer is named, and not the number of outputs."""
    guilty = []

    def change(graph: Graph) -> Graph:
        (layer,) = [layer for layer in graph.layers if layer.type == "BinaryOp"]
        guilty.append(layer.name)
        alone = dataclasses.replace(
            layer, inputs=layer.inputs[:1], params={"0": 1, "1": 1, "2": 0.0}, text=None
        )
        return renamed(Graph(tuple(alone if each is layer else each for each in graph.layers)), names)

    report = verify(TwoOfEach, change)
    assert list(report.culprits) == guilty
    assert len(report.outputs) == 2
