"""Sizes and branches that were wrong when the artefact was first seen: a cut, a reshape, a skip."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import edgekit
from edgekit.sources.inputs import InputSpec

X = (InputSpec("x", (1, 4, 6, 10)),)


class Cut(nn.Module):
    """A block of two halves, a skip around it, attention-like products of a reshaped tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.block, self.after = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = torch.tanh(self.stem(x))
        left, right = first.chunk(2, 1)
        second = torch.cat([torch.sigmoid(self.left(left)), right], 1)
        third = second + self.block(second)
        flat = torch.tanh(self.after(third)).reshape(8, 60)
        return torch.softmax(flat * 0.5, 0) @ flat.transpose(0, 1)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Cut().eval()


@pytest.fixture(scope="module")
def bundle(net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sizes") / "cut"
    edgekit.export(net, target, inputs={"x": (1, 4, 6, 10)}, seed=0)
    return target


SLICE = {"-23300=2,-233,-233": "-23300=2,5,3"}
RESHAPE = {"0=60 1=8": "0=8 1=60"}
SKIP = {
    "16 19": "17 20",
    "chunk_0 1 2 2 3 4": "copied 1 2 2 20 21\nSlice chunk_0 1 2 20 3 4",
    "Slice copied": "Split copied",
    "splitncnn_0 1 2 6 7 8": "splitncnn_0 1 1 6 8",
    "add_0 2 1 7 9 10": "add_0 2 1 21 9 10",
}


@pytest.mark.parametrize(
    ("edits", "guilty"),
    [({}, ()), (SLICE, ("chunk_0",)), (RESHAPE, ("reshape_8",)), (SKIP, ("add_0",))],
    ids=["none", "slice", "reshape", "skip"],
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


class Swapped(nn.Module):
    """An output of two axes that a blob may hold the other way round, number by number."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.conv(x)).reshape(1, 8, 60)


def test_an_output_in_other_sizes_is_wrong_though_its_numbers_agree(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = Swapped().eval()
    edgekit.export(net, tmp_path / "b", inputs={"x": (1, 4, 6, 10)}, seed=0)
    param = tmp_path / "b" / "model.ncnn.param"
    text = param.read_text("utf-8")
    assert text.count("0=60 1=8") == 1
    (tmp_path / "m.param").write_text(text.replace("0=60 1=8", "0=8 1=60"), "utf-8")
    shutil.copy(param.with_suffix(".bin"), tmp_path / "m.bin")
    (guilty,) = edgekit.verify(tmp_path / "m.param", model=net, input_specs=X).culprits
    assert guilty.startswith("reshape")
