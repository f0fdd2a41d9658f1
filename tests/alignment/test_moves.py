"""Layers that only move numbers, wrong when first seen: those behind them match all the same."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import edgekit
from edgekit.alignment import Artefact, Port, align, store
from edgekit.bundle import open_bundle
from edgekit.devices import LocalDevice
from edgekit.formats import ncnn
from edgekit.sources.inputs import InputSpec, probe
from edgekit.sources.rebuild import rebuild

X = (InputSpec("x", (1, 4, 6, 10)),)


class Moved(nn.Module):
    """Axes turned before a new axis and before a product, a stack, a sum around a norm; x is 1x4x6x10."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix = nn.Conv2d(4, 8, 3, padding=1), nn.Linear(8, 8)
        self.norm, self.up, self.gate = nn.LayerNorm(10), nn.Linear(10, 10), nn.Linear(10, 10)

    def forward(self, x: Tensor) -> Tensor:
        first = torch.tanh(self.stem(x))
        weight = torch.sigmoid(self.mix(first.mean(3).transpose(1, 2)))
        scaled = first * weight.transpose(1, 2).unsqueeze(3)
        stacked = torch.stack([scaled, first], 2).view(1, 16, 6, 10)
        normed = self.norm(stacked)
        added = stacked + torch.tanh(self.up(normed)) * torch.sigmoid(self.gate(normed))
        rows = added.view(1, 4, 24, 10).transpose(2, 3).reshape(1, 40, 24) * 0.5
        return torch.softmax(rows, 2) @ added.view(1, 24, 40)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Moved().eval()


@pytest.fixture(scope="module")
def bundle(net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("moves") / "moved"
    edgekit.export(net, target, inputs={"x": (1, 4, 6, 10)}, seed=0)
    return target


@pytest.mark.parametrize(
    ("edits", "guilty"),
    [
        ({}, ()),
        ({"transpose_18 1 1 9 10 0=1": "transpose_18 1 1 9 10 0=0"}, ("transpose_18",)),
        ({"transpose_19 1 1 35 36 0=1": "transpose_19 1 1 35 36 0=0"}, ("transpose_19",)),
        ({"stack_0 2 1 12 3 13 0=1": "stack_0 2 1 12 3 13 0=2"}, ("stack_0",)),
    ],
    ids=["none", "before an axis", "before a product", "stack"],
)
def test_the_faulty_layer_and_no_other_is_named(
    net: nn.Module, bundle: Path, tmp_path: Path, edits: dict[str, str], guilty: tuple[str, ...]
) -> None:
    lines = (bundle / "model.ncnn.param").read_text("utf-8").splitlines()
    text = "\n".join(" ".join(line.split()) for line in lines) + "\n"
    for old, new in edits.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "m.param").write_text(text, "utf-8")
    shutil.copy(bundle / "model.ncnn.bin", tmp_path / "m.bin")
    assert edgekit.verify(tmp_path / "m.param", model=net, input_specs=X).culprits == guilty


def test_a_sum_that_reads_another_branch_still_stands_for_the_sum(
    net: nn.Module, bundle: Path, tmp_path: Path
) -> None:
    clean, _, _ = store.read(bundle)
    graph = ncnn.read(bundle / "model.ncnn.param", bundle / "model.ncnn.bin")
    place = {layer.name: index for index, layer in enumerate(graph.layers)}
    norm, total = place["splitncnn_2"], place["add_2"]
    layers = list(graph.layers)
    layers[norm] = replace(layers[norm], outputs=(*layers[norm].outputs, "copied"))
    layers[total] = replace(layers[total], inputs=(layers[total].inputs[0], "copied"))
    faulty = replace(graph, layers=tuple(layers), shapes={})
    ncnn.write(faulty, tmp_path / "m.param", tmp_path / "m.bin")
    manifest = open_bundle(bundle).manifest
    inputs, outputs = (
        tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in specs)
        for specs in (manifest.inputs, manifest.outputs)
    )
    artefact = Artefact(faulty, tmp_path / "m.param", tmp_path / "m.bin", inputs, outputs, LocalDevice())
    model = rebuild(manifest, net)
    found = align(artefact, [model.record(probe(X, 0, number)) for number in (0, 1)])
    assert found.blobs["32"].value == clean.blobs["32"].value
    assert found.coverage == clean.coverage == 1


class Fed(nn.Module):
    """An activation that only a recurrent layer reads, axes turned around one of length 1; x is 1x4x12."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.side = nn.Conv1d(4, 8, 3, padding=1), nn.Conv1d(4, 8, 3, padding=1)
        self.lstm = nn.LSTM(8, 6, batch_first=True)
        self.mix, self.last = nn.Linear(6, 8), nn.Conv2d(8, 3, (1, 3))

    def forward(self, x: Tensor) -> Tensor:
        first = torch.nn.functional.leaky_relu(self.front(x), 0.3)
        steps = torch.tanh(self.mix(self.lstm(first.transpose(1, 2))[0]))
        turned = steps.view(1, 1, 12, 8).permute(0, 3, 1, 2)
        return self.last(turned + torch.tanh(self.side(x)).view(1, 8, 1, 12))


@pytest.mark.parametrize(
    ("old", "new", "guilty"),
    [
        ("-23310=1,0.3 2=1 3=1 4=1 5=1 6=96 9=2", "2=1 3=1 4=1 5=1 6=96", "conv1drelu_0"),
        ("0=4", "0=5", "permute_8"),
    ],
    ids=["activation", "axes of length 1"],
)
def test_what_the_next_layers_cannot_read_is_not_their_fault(
    tmp_path: Path, old: str, new: str, guilty: str
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = Fed().eval()
    edgekit.export(net, tmp_path / "b", inputs={"x": (1, 4, 12)}, seed=0)
    param = tmp_path / "b" / "model.ncnn.param"
    text = param.read_text("utf-8")
    assert text.count(f" {old}\n") == 1
    (tmp_path / "m.param").write_text(text.replace(f" {old}\n", f" {new}\n"), "utf-8")
    shutil.copy(param.with_suffix(".bin"), tmp_path / "m.bin")
    inputs = (InputSpec("x", (1, 4, 12)),)
    assert edgekit.verify(tmp_path / "m.param", model=net, input_specs=inputs).culprits == (guilty,)
