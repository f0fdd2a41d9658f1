"""The graph classes: who writes and reads a blob, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgekit.errors import FormatError
from edgekit.graph import Graph, Layer, Weight

LAYERS = (
    Layer("Input", "in0", (), ("in0",)),
    Layer("MemoryData", "constant", (), ("c",)),
    Layer("Split", "same", ("in0",), ("a", "b")),
    Layer("BinaryOp", "same", ("a", "c"), ("d",)),
    Layer("BinaryOp", "add", ("d", "b"), ("out0",)),
)


def test_producers_and_consumers() -> None:
    graph = Graph(LAYERS, shapes={"d": (3, 4)})
    assert list(graph.blobs) == ["in0", "c", "a", "b", "d", "out0"]
    assert graph.blobs["d"].producer == 3
    assert graph.blobs["d"].consumers == (4,)
    assert graph.blobs["d"].shape == (3, 4) and graph.blobs["a"].shape is None
    assert graph.input_blobs == ("in0",)
    assert graph.output_blobs == ("out0",)
    assert len(graph) == 5 and list(graph) == list(LAYERS)


def test_a_blob_read_before_it_is_written() -> None:
    with pytest.raises(FormatError, match="layer 0 'same' reads blob 'in0'"):
        Graph(LAYERS[2:])


def test_a_blob_written_twice() -> None:
    with pytest.raises(FormatError, match="layer 2 'x' writes blob 'in0' a second time"):
        Graph((*LAYERS[:2], Layer("ReLU", "x", ("c",), ("in0",))))


def test_weights_by_role() -> None:
    data = np.float32([1, 2])
    layer = Layer("Bias", "b", (), (), weights=(Weight("bias_data", data),))
    assert layer.weight("bias_data") is data
    assert layer.weight("weight_data") is None


def test_values_of_every_way_of_storing() -> None:
    table = np.linspace(0, 1, 256, dtype=np.float32)
    indices = np.uint8([0, 255])
    np.testing.assert_array_equal(Weight("w", indices, 5, table).values(), [0.0, 1.0])
    np.testing.assert_array_equal(Weight("w", np.uint16([0x3F80, 0xC000]), kind="bf16").values(), [1.0, -2.0])
    half = np.float16([0.5])
    assert Weight("w", half).values() is half


def test_everything_is_frozen() -> None:
    for value, field in ((LAYERS[0], "name"), (Graph(LAYERS), "layers"), (Graph(LAYERS).blobs["a"], "name")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field, None)
    with pytest.raises(TypeError):
        Graph(LAYERS).blobs["new"] = None
