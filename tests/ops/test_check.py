"""Oddities of a graph are found, each at its layer and with a remedy."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Graph, Layer, Weight
from edgekit.ops import check_graph


def test_a_clean_graph() -> None:
    bias = Layer("Bias", "b", ("in0",), ("x",), {"0": 2}, (Weight("bias_data", np.float32([1, 2])),))
    assert check_graph(Graph((Layer("Input", "in0", (), ("in0",)), bias))) == ()


def test_every_oddity_is_found_at_its_layer() -> None:
    graph = Graph(
        (
            Layer("Input", "in0", (), ("in0",)),
            Layer("Input", "in1", (), ("in1",)),
            Layer("Clip", "clip", ("in0",), ("a",), {"0": 0.0, "1": 6, "9": 1}),
            Layer("ArgMax", "arg", ("a",), ("b",)),
            Layer("Mine", "mine", ("b",), ("c",)),
            Layer(
                "MemoryData",
                "half",
                (),
                ("d",),
                {"0": 3, "21": 0},
                (Weight("data", np.float16([np.inf, np.nan, 1])),),
            ),
            Layer("Bias", "b", ("c",), ("e",), {"0": 1}, (Weight("bias_data", np.float32([np.nan])),)),
        )
    )
    found = check_graph(graph)
    assert [(each.layer, each.name, each.message) for each in found] == [
        (1, "in1", "input 'in1' is read by no layer"),
        (2, "clip", found[1].message),
        (2, "clip", "parameter 9 is not known to Clip: ncnn ignores it"),
        (3, "arg", "ArgMax is left out of ncnn's own builds"),
        (4, "mine", "ncnn registers no layer type 'Mine'"),
        (5, "half", "2 of 3 values of data are not finite"),
        (6, "b", "1 of 1 values of bias_data are not finite"),
    ]
    assert found[1].message.startswith("parameter 1 (max) is 6")
    assert "fp32" in found[5].remedy and "fp32" not in found[6].remedy
    assert all(each.remedy for each in found)
