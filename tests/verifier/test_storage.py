"""Weights stored in half precision: no fault where the whole file is, a fault where one layer is."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import edgekit
from edgekit.exporter.fp16 import with_fp16_weights
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.verifier.storage import narrow_weights, narrowest


@pytest.fixture
def half(bundle: Path, tmp_path: Path) -> Path:
    """The bundle with all its weights stored as fp16, as plain pnnx writes them."""
    return rewritten(bundle, tmp_path / "half", with_fp16_weights)


def rewritten(bundle: Path, target: Path, change: Callable[[Graph], Graph]) -> Path:
    shutil.copytree(bundle, target)
    param, weights = target / "model.ncnn.param", target / "model.ncnn.bin"
    ncnn.write(change(ncnn.read(param, weights)), param, weights)
    return target


def test_a_file_of_half_precision_weights_is_the_same_model(half: Path) -> None:
    report = edgekit.verify(half)
    assert report.passed, report.culprits
    assert report.weights == {"fp16": 4}
    assert report.to_json()["weights"] == {"fp16": 4}
    weighted = [layer for layer in report.layers if layer.type.startswith(("Convolution", "InnerProduct"))]
    for layer in weighted:
        assert layer.isolated is not None
        assert layer.floor is not None
        assert layer.isolated.max_abs > 1e-5, "rounding to fp16 is there to be seen"
        assert layer.floor < 60 * layer.isolated.max_abs, "and the floor is of its size"


def test_a_fault_among_half_precision_weights_is_named(half: Path, swap_channels, name_of) -> None:
    param, weights = half / "model.ncnn.param", half / "model.ncnn.bin"
    graph = ncnn.read(param, weights)
    layers = [swap_channels(layer) if layer.type == "ConvolutionDepthWise" else layer for layer in graph]
    ncnn.write(dataclasses.replace(graph, layers=tuple(layers)), param, weights)
    assert edgekit.verify(half).culprits == (name_of("ConvolutionDepthWise"),)


def test_one_layer_of_half_precision_weights_is_a_change(bundle: Path, tmp_path: Path, name_of) -> None:
    def first_only(graph: Graph) -> Graph:
        rounded = {layer.name: layer for layer in with_fp16_weights(graph) if layer.type == "Convolution"}
        name = name_of("Convolution")
        layers = tuple(rounded[name] if layer.name == name else layer for layer in graph)
        return dataclasses.replace(graph, layers=layers)

    report = edgekit.verify(rewritten(bundle, tmp_path / "one", first_only))
    assert report.culprits == (name_of("Convolution"),)
    assert report.weights == {}


def test_what_counts_as_stored_narrowly(bundle: Path) -> None:
    graph = ncnn.read(bundle / "model.ncnn.param", bundle / "model.ncnn.bin")
    half = with_fp16_weights(graph)
    assert narrow_weights(graph) == narrow_weights(graph, "fp32") == {}
    stored = narrow_weights(half)
    assert stored == narrow_weights(half, "fp32") == narrow_weights(half, "fp16")
    assert {half.layers[index].type for index in stored} == {
        "Convolution",
        "ConvolutionDepthWise",
        "InnerProduct",
    }
    mixed = dataclasses.replace(graph, layers=(*half.layers[:-1], graph.layers[-1]))
    assert narrow_weights(mixed, "fp32") == {}
    assert set(narrow_weights(mixed)) == set(narrow_weights(mixed, "fp16")) == set(stored) - {len(graph) - 1}
    assert narrowest({}) == "fp32"
    assert narrowest({1: "fp16", 2: "bf16"}) == "bf16"
    assert narrow_weights(Graph((Layer("Input", "in0", (), ("in0",)),)), "fp32") == {}
