"""Reports of real runs: a small net, as it is and with faults written into its files."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.bencher import BenchReport
from edgekit.formats import ncnn
from edgekit.graph import Layer
from edgekit.verifier import VerifyReport
from tests.report.browser import Browser, find_chromium
from tests.report.measured import BRIEF, NET, SUITE


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(channels, 16, 1), nn.BatchNorm2d(16), nn.ReLU6())
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.project = nn.Conv2d(16, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.project(torch.relu(self.depthwise(self.expand(x))))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(3)))
        self.left, self.right = nn.Linear(8, 4), nn.Linear(8, 2)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.blocks(torch.sigmoid(self.stem(image)))
        x = x.mean((2, 3))
        return self.left(x), torch.tanh(self.right(x))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "net"
    torch.manual_seed(0)
    edgekit.export(Net(), folder, inputs={"image": (1, 3, 24, 24)})
    return folder


Edit = Callable[[Layer], Layer]


def scaled(layer: Layer) -> Layer:
    """All weights times 1.05."""
    weight, *others = layer.weights
    values = (np.asarray(weight.data, np.float32) * 1.05).astype(np.float32)
    return replace(layer, weights=(replace(weight, data=values), *others))


def not_a_number(layer: Layer) -> Layer:
    """One weight is NaN."""
    weight, *others = layer.weights
    values = np.array(weight.data, np.float32)
    values.reshape(-1)[0] = np.nan
    return replace(layer, weights=(replace(weight, data=values), *others))


def unpadded(layer: Layer) -> Layer:
    """A convolution without its padding."""
    return replace(layer, params={**layer.params, "4": 0, "14": 0})


def layer_of(bundle: Path, kind: str, number: int) -> str:
    """The name of the layer of a type that stands at `number` among them."""
    return [layer.name for layer in ncnn.read(bundle / "model.ncnn.param") if layer.type == kind][number]


def broken(bundle: Path, folder: Path, edits: dict[str, Edit]) -> Path:
    """Copy a bundle and change some of its layers."""
    shutil.copytree(bundle, folder)
    param, weights = folder / "model.ncnn.param", folder / "model.ncnn.bin"
    graph = ncnn.read(param, weights)
    layers = tuple(edits[layer.name](layer) if layer.name in edits else layer for layer in graph)
    ncnn.write(replace(graph, layers=layers), param, weights)
    return folder


@pytest.fixture(scope="session")
def passing(bundle: Path) -> VerifyReport:
    report = edgekit.verify(bundle)
    assert report.passed
    return report


@pytest.fixture(scope="session")
def broken_bundle(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The depthwise convolution of the second block is wrong."""
    folder = tmp_path_factory.mktemp("broken") / "net"
    return broken(bundle, folder, {layer_of(bundle, "ConvolutionDepthWise", 1): scaled})


@pytest.fixture(scope="session")
def failing(broken_bundle: Path) -> VerifyReport:
    report = edgekit.verify(broken_bundle)
    assert report.culprits == (layer_of(broken_bundle, "ConvolutionDepthWise", 1),)
    return report


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with Browser(chromium, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="session")
def layered(tmp_path_factory: pytest.TempPathFactory) -> BenchReport:
    path = tmp_path_factory.mktemp("net") / "net.param"
    path.write_text(NET)
    return edgekit.bench(path, protocol=BRIEF, layers=True)


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> BenchReport:
    path = tmp_path_factory.mktemp("suite") / "small.toml"
    path.write_text(SUITE)
    return edgekit.bench(path, protocol=BRIEF)
