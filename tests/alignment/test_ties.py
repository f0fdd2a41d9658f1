"""Where numbers cannot tell tensors apart, the place in the graph does: never luck."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.alignment import Alignment, store
from edgekit.alignment.families import is_view
from edgekit.devices import LocalDevice
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.report.verify.words import origin
from edgekit.sources.inputs import InputSpec
from edgekit.verifier.foreign import align_foreign
from tests.alignment.nets import (
    DeadBranches,
    DeadOrAlive,
    DeadParts,
    Repeated,
    Residuals,
    TwinBranches,
    TwinQueries,
    TwinTowers,
    UnreachedBounds,
    UnreachedSlopes,
)

Exported = Callable[[type[nn.Module]], Path]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Export a net once for all tests of this file."""
    folder = tmp_path_factory.mktemp("ties")

    def bundle(net: type[nn.Module]) -> Path:
        path = folder / net.__name__
        if not path.is_dir():
            torch.manual_seed(3)
            edgekit.export(net().eval(), path, inputs={"x": (1, 4, 8, 8)})
        return path

    return bundle


def opened(path: Path) -> tuple[Graph, Alignment]:
    """The graph and the alignment of a bundle."""
    return ncnn.read(path / "model.ncnn.param", path / "model.ncnn.bin"), store.read(path)[0]


def modules(path: Path, type: str) -> dict[str, str]:
    """Name of every layer of a type -> the module it was made from."""
    _, alignment = opened(path)
    return {
        layer.name: layer.source.module for layer in alignment.layers if layer.type == type and layer.source
    }


def above(graph: Graph, name: str) -> str:
    """The layer, no Split, that makes the first input of a layer."""
    layer = next(layer for layer in graph.layers if layer.name == name)
    while True:
        layer = graph.layers[graph.blobs[layer.inputs[0]].producer]
        if layer.type != "Split":
            return layer.name


def test_permuted_branches_are_told_apart(exported: Exported) -> None:
    path = exported(TwinBranches)
    graph, _ = opened(path)
    origin = modules(path, "Convolution")
    assert sorted(origin.values()) == ["last", "left", "of_left", "of_right", "right"]
    for name, module in origin.items():
        if module.startswith("of_"):
            assert origin[above(graph, name)] == module.removeprefix("of_")
    concat = next(layer for layer in graph.layers if layer.type == "Concat")
    makers = []
    for blob in concat.inputs:
        maker = graph.layers[graph.blobs[blob].producer]
        makers.append(origin[maker.name if maker.type != "Split" else above(graph, maker.name)])
    assert makers == ["right", "left"]


def test_behind_dead_activations_every_layer_keeps_its_branch(exported: Exported) -> None:
    path = exported(DeadBranches)
    graph, alignment = opened(path)
    assert alignment.coverage == 1.0
    origin = modules(path, "Convolution")
    assert sorted(origin.values()) == ["a", "after_a", "after_b", "b"]
    for name, module in origin.items():
        if module.startswith("after_"):
            assert origin[above(graph, name)] == module.removeprefix("after_")


def test_parts_of_nothing_are_told_apart_as_those_of_something(tmp_path: Path) -> None:
    """What a layer stands for is no matter of the numbers: the same net, once alive and once dead."""
    computed = {}
    for name, bias in (("alive", 0.5), ("dead", -100.0)):
        torch.manual_seed(3)
        edgekit.export(DeadParts(bias).eval(), tmp_path / name, inputs={"x": (1, 4, 8, 8)})
        _, alignment = opened(tmp_path / name)
        assert alignment.coverage == 1.0
        computed[name] = {
            layer.name: [
                (node, source.line)
                for node, source in zip(layer.segment, layer.operations, strict=True)
                if not is_view(source.op)
            ]
            for layer in alignment.layers
        }
    assert computed["dead"] == computed["alive"]


def test_blocks_that_add_nothing_stay_in_order(exported: Exported) -> None:
    path = exported(Residuals)
    _, alignment = opened(path)
    assert alignment.coverage == 1.0
    expected = ["blocks.0", "blocks.1", "blocks.2", "blocks.3", "last"]
    assert list(modules(path, "Convolution").values()) == expected
    sums = [alignment.blobs[layer.outputs[0]].value for layer in alignment.layers if layer.type == "BinaryOp"]
    assert len(set(sums)) == 4
    assert sums == sorted(sums)


def test_repeated_blocks_stay_in_order(exported: Exported) -> None:
    found = list(modules(exported(Repeated), "Convolution").values())
    assert found == [name for number in range(4) for name in (f"blocks.{number}", f"blocks.{number}.2")]


@pytest.mark.parametrize("number", range(4))
def test_of_equal_blocks_the_faulty_one_is_named(exported: Exported, tmp_path: Path, number: int) -> None:
    """Aligned anew, from the faulty files alone, and with other weights in one of the four copies."""
    path = exported(Repeated)
    graph, _ = opened(path)
    convolutions = [index for index, layer in enumerate(graph.layers) if layer.type == "Convolution"]
    guilty = convolutions[2 * number]
    layer = graph.layers[guilty]
    weight = dataclasses.replace(
        layer.weights[0], data=np.ascontiguousarray(np.asarray(layer.weights[0].data)[..., ::-1])
    )
    layers = list(graph.layers)
    layers[guilty] = dataclasses.replace(layer, weights=(weight, *layer.weights[1:]))
    ncnn.write(dataclasses.replace(graph, layers=tuple(layers)), tmp_path / "m.param", tmp_path / "m.bin")
    torch.manual_seed(3)
    specs = (InputSpec("x", (1, 4, 8, 8)),)
    report = edgekit.verify(tmp_path / "m.param", model=Repeated().eval(), input_specs=specs)
    assert list(report.culprits) == [layer.name]


def test_a_layer_that_stands_for_two_modules_names_both(exported: Exported) -> None:
    path = exported(TwinTowers)
    _, alignment = opened(path)
    found = [layer.source for layer in alignment.layers if layer.type == "Convolution" and layer.source]
    assert [{source.module, *source.also} for source in found] == [{"left", "right"}, {"left.2", "right.2"}]
    assert "which computes the same" in origin(found[0])


def rewritten(path: Path, folder: Path) -> Path:
    """The same net as another converter may write it: every sum, and every pair of layers in it, turned."""
    lines = (path / "model.ncnn.param").read_text("utf-8").splitlines()
    layers = [line.split() for line in lines[2:]]
    for words in list(layers):
        if words[0] == "BinaryOp" and words[2] == "2":
            made = {each[5]: place for place, each in enumerate(layers) if len(each) > 5}
            one, other = made.get(words[4], 0), made.get(words[5], 0)
            words[4:6] = reversed(words[4:6])
            if abs(one - other) == 1 and layers[one][0] == layers[other][0]:
                layers[one], layers[other] = layers[other], layers[one]
    text = "\n".join([*lines[:2], *(" ".join(words) for words in layers)]) + "\n"
    (folder / "m.param").write_text(text, "utf-8")
    (folder / "m.bin").write_bytes((path / "model.ncnn.bin").read_bytes())
    return folder / "m.param"


def aligned_anew(net: type[nn.Module], path: Path, folder: Path) -> Alignment:
    torch.manual_seed(3)
    specs = (InputSpec("x", (1, 4, 8, 8)),)
    return align_foreign(rewritten(path, folder), LocalDevice(), net().eval(), None, specs).alignment


def test_kinds_and_bounds_decide_where_no_number_reaches_them(exported: Exported, tmp_path: Path) -> None:
    """In whatever order the file has them: what a layer states of itself is not luck."""
    path = exported(UnreachedBounds)
    stated = {"maxpool": "aten.max_pool2d_with_indices", "avgpool": "aten.avg_pool2d"}
    for alignment in (opened(path)[1], aligned_anew(UnreachedBounds, path, tmp_path)):
        assert alignment.coverage == 1.0
        value = {layer.name: alignment.blobs[layer.outputs[0]].value for layer in alignment.layers}
        for kind in ("htanh", "leakyrelu"):  # numbered as PyTorch runs them
            one, other = sorted(name for name in value if name.startswith(kind))
            assert value[one] < value[other]
        for layer in alignment.layers:
            if layer.type == "Pooling" and layer.source is not None:
                assert layer.source.op == stated[layer.name[:7]]


def test_what_nothing_decides_is_left_open_with_its_reason(exported: Exported, tmp_path: Path) -> None:
    path = exported(UnreachedSlopes)
    graph, alignment = opened(path)
    for each in (alignment, aligned_anew(UnreachedSlopes, path, tmp_path)):
        unresolved = [layer for layer in each.layers if not layer.aligned]
        assert [layer.type for layer in unresolved] == ["PReLU", "PReLU"]
        for layer in unresolved:
            assert layer.reason is not None
            assert "in 'a'" in layer.reason
            assert "in 'b'" in layer.reason
    report = edgekit.verify(path)
    assert report.passed
    assert report.compared == len(graph.layers) - 2
    assert {entry.name for entry in report.unmatched} == {layer.name for layer in unresolved}


@pytest.mark.parametrize("route", ["pnnx", "onnx"])
def test_dead_or_alive_a_net_is_aligned_alike(tmp_path: Path, route: str) -> None:
    """Its numbers tell all tensors apart while it is alive: that is the truth for the dead one."""
    found = []
    for alive in (True, False):
        torch.manual_seed(3)
        path = tmp_path / str(alive)
        edgekit.export(DeadOrAlive(alive=alive).eval(), path, inputs={"x": (1, 4, 8, 8)}, route=route)
        graph, alignment = opened(path)
        values = [[alignment.blobs[blob].value for blob in layer.outputs] for layer in alignment.layers]
        found.append((graph.layers, values, [layer.source for layer in alignment.layers]))
        assert alignment.coverage == 1.0
    (alive_layers, *truth), (dead_layers, *dead) = found
    assert [layer.name for layer in dead_layers] == [layer.name for layer in alive_layers]
    assert dead == truth


def test_views_of_what_is_computed_twice_are_one_thing(tmp_path: Path) -> None:
    edgekit.export(TwinQueries().eval(), tmp_path / "bundle", inputs={"x": (1, 5, 6)})
    alignment = opened(tmp_path / "bundle")[1]
    assert alignment.coverage == 1.0
    found = [layer.source for layer in alignment.layers if layer.type == "Gemm" and layer.source]
    assert [{source.module, *source.also} for source in found] == [{"query", "key"}]
