"""Shapes and MACs of converted networks: those that ncnn computes, those that torch counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from edgekit.formats import ncnn
from edgekit.ops import cost, infer_graph

PROBE = Path(__file__).parents[1] / "ops" / "ncnn_probe.py"
INPUTS = {
    "convolutions": (4, 9, 11),
    "volumes": (2, 5, 6, 7),
    "sequences": (9,),
    "shapes": (4, 6, 8),
}


@pytest.mark.parametrize("name", INPUTS)
def test_all_shapes_are_inferred(artefacts: Callable, name: str) -> None:
    param, binary = artefacts(name, False).ncnn
    graph = ncnn.read(param, binary)
    request = {
        "param": str(param),
        "bin": str(binary),
        "shapes": {"in0": INPUTS[name]},
        "outputs": list(graph.blobs),
    }
    result = subprocess.run(
        [sys.executable, PROBE],
        input=json.dumps([request]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    real = {blob: tuple(each["shape"]) for blob, each in json.loads(result.stdout)["outputs"].items()}
    inferred = infer_graph(graph, {"in0": INPUTS[name]})
    assert dict(inferred.unknown) == {}
    assert dict(inferred.shapes) == real


@pytest.mark.parametrize("name", ["convolutions", "volumes", "shapes"])
def test_macs_are_those_that_torch_counts(artefacts: Callable, name: str) -> None:
    artefact = artefacts(name, False)
    graph = ncnn.read(artefact.ncnn[0])
    shapes = infer_graph(graph, {"in0": INPUTS[name]}).shapes
    costs = [
        cost(each, [shapes[b] for b in each.inputs], [shapes[b] for b in each.outputs]) for each in graph
    ]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        artefact.module(torch.rand(1, *INPUTS[name]))
    assert sum(each.flops for each in costs) == counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "constants", "merged"),
    [
        ("convolutions", 6, 0),
        ("volumes", 0, 0),
        # ncnn adds up the two biases of a gate; a GRU keeps both of its last gate.
        ("sequences", 0, 6 + 2 * 2 * 5 + 4 * 7 + 4 * 8),
    ],
)
def test_parameters_are_those_of_the_module(
    artefacts: Callable, name: str, constants: int, merged: int
) -> None:
    artefact = artefacts(name, False)
    graph = ncnn.read(artefact.ncnn[0])
    shapes = infer_graph(graph, {"in0": INPUTS[name]}).shapes
    costs = [
        cost(each, [shapes[b] for b in each.inputs], [shapes[b] for b in each.outputs]) for each in graph
    ]
    learned = sum(each.numel() for each in artefact.module.parameters())
    assert sum(each.parameters for each in costs) == learned + constants - merged
