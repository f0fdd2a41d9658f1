"""Exact changes of scale: where they can be made, and that they change exponents only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgekit.alignment.sample import Sample
from edgekit.formats.ncnn.bin import TAG_FLOAT32
from edgekit.graph import Graph, Layer, Param, Weight
from edgekit.repairer.rescaling import rescalings, told_of, with_rescaling

LARGE = 3e5


def pointwise(name: str, source: str, target: str, scale: float, **more: Param) -> Layer:
    weight = np.full((1, 1, 1, 1), scale, np.float32)
    params: dict[str, Param] = {"0": 1, "1": 1, "5": 1, "6": 1, **{key[1:]: more[key] for key in more}}
    weights = (Weight("weight_data", weight, TAG_FLOAT32), Weight("bias_data", np.full(1, 3.0, np.float32)))
    return Layer("Convolution", name, (source,), (target,), params, weights)


def chain(between: Sequence[Layer], last: Layer, **more: Param) -> Graph:
    return Graph((Layer("Input", "in", (), ("0",)), pointwise("a", "0", "1", LARGE, **more), *between, last))


def sample(graph: Graph) -> Sample:
    blobs = {blob: np.full((1, 2, 2), 1.0 if blob == "0" else LARGE, np.float32) for blob in graph.blobs}
    return Sample("s", blobs, {})


def found(
    graph: Graph, outputs: Sequence[str] = ("9",)
) -> list[tuple[tuple[int, ...], tuple[str, ...], int]]:
    changes = rescalings(graph, [sample(graph)], dict.fromkeys(outputs, "out"), [1])
    return [(each.consumers, each.blobs, each.exponent) for each in changes]


LAST = pointwise("b", "2", "9", 1e-5)


@pytest.mark.parametrize("kind", ["ReLU", "Reshape", "Pooling", "PReLU"])
def test_it_goes_through_what_keeps_a_factor(kind: str) -> None:
    graph = chain([Layer(kind, "m", ("1",), ("2",))], LAST)
    assert found(graph) == [((3,), ("1", "2"), 9)]


@pytest.mark.parametrize("kind", ["Sigmoid", "Clip", "Softmax", "UnaryOp"])
def test_it_does_not_go_through_what_does_not(kind: str) -> None:
    assert not found(chain([Layer(kind, "m", ("1",), ("2",))], LAST))


def test_a_bound_in_the_layer_itself_forbids_it() -> None:
    relu = Layer("ReLU", "m", ("1",), ("2",))
    assert found(chain([relu], LAST, _9=1))
    assert not found(chain([relu], LAST, _9=3, _10=(0.0, 6.0)))


def test_every_reader_has_to_be_linear() -> None:
    split = Layer("Split", "s", ("1",), ("2", "3"))
    other = pointwise("c", "3", "8", 1e-5)
    assert found(chain([split, other], LAST), ["9", "8"]) == [((3, 4), ("1", "2", "3"), 9)]
    assert not found(chain([split, Layer("TanH", "t", ("3",), ("8",))], LAST), ["9", "8"])


def test_an_output_keeps_its_units() -> None:
    graph = chain([Layer("ReLU", "m", ("1",), ("2",))], LAST)
    assert not found(graph, ["2"])


def test_the_next_weights_have_to_fit() -> None:
    assert not found(chain([Layer("ReLU", "m", ("1",), ("2",))], pointwise("b", "2", "9", 100.0)))


def test_exponents_change_and_nothing_else() -> None:
    graph = chain([Layer("ReLU", "m", ("1",), ("2",))], LAST)
    changes = rescalings(graph, [sample(graph)], {"9": "out"}, [1])
    after = with_rescaling(graph, changes)
    for index, power in ((1, -9), (3, 9)):
        before, now = graph.layers[index].weights, after.layers[index].weights
        assert now[0].data.item() == before[0].data.item() * 2.0**power
        assert now[1].data.item() == before[1].data.item() * (2.0**power if index == 1 else 1)
    assert told_of(graph, changes[0]) == (
        "~Convolution a: weight_data, bias_data times 2^-9",
        "~Convolution b: weight_data times 2^9",
    )
