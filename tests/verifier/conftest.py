"""One small bundle, exported once, and copies of it with faults."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Layer


class SmallNet(nn.Module):
    """Convolution, depthwise convolution with ReLU6, a residual, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.BatchNorm2d(16), nn.ReLU6())
        self.pointwise = nn.Conv2d(16, 16, 1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.pointwise(self.depthwise(x))
        return self.fc(x.mean((2, 3)))


def lively(module: nn.Module) -> nn.Module:
    """Give every BatchNorm statistics that matter."""
    generator = torch.Generator().manual_seed(1)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.running_mean = torch.randn(child.num_features, generator=generator) * 0.2
            child.running_var = torch.rand(child.num_features, generator=generator) + 0.1
            child.weight.data = torch.rand(child.num_features, generator=generator) * 2 + 0.5
    return module.eval()


@pytest.fixture(scope="session")
def module() -> nn.Module:
    torch.manual_seed(0)
    return lively(SmallNet())


@pytest.fixture(scope="session")
def bundle(module: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "small"
    edgekit.export(module, path, inputs={"x": (1, 3, 24, 24)})
    return path


Fault = Callable[[Layer], Layer]
Spoil = Callable[[str, Fault], Path]


@pytest.fixture
def spoil(bundle: Path, tmp_path: Path) -> Spoil:
    """Copy the bundle and change its first layer of a type; the copy is named after the type."""

    def copy(kind: str, fault: Fault) -> Path:
        target = tmp_path / kind
        shutil.copytree(bundle, target)
        param, weights = target / "model.ncnn.param", target / "model.ncnn.bin"
        graph = ncnn.read(param, weights)
        index = next(index for index, layer in enumerate(graph.layers) if layer.type == kind)
        layers = list(graph.layers)
        layers[index] = fault(layers[index])
        ncnn.write(dataclasses.replace(graph, layers=tuple(layers)), param, weights)
        return target

    return copy


@pytest.fixture(scope="session")
def name_of(bundle: Path) -> Callable[[str], str]:
    """Name of the bundle's first layer of a type."""
    graph = ncnn.read(bundle / "model.ncnn.param")
    return lambda kind: next(layer.name for layer in graph.layers if layer.type == kind)


@pytest.fixture(scope="session")
def swap_channels() -> Fault:
    """Exchange output channels 1 and 2, weights and bias."""

    def fault(layer: Layer) -> Layer:
        weights = []
        for weight in layer.weights:
            data = np.array(weight.data)
            data[[1, 2]] = data[[2, 1]]
            weights.append(dataclasses.replace(weight, data=data))
        return dataclasses.replace(layer, weights=tuple(weights))

    return fault


@pytest.fixture
def other_module() -> nn.Module:
    """The same architecture with other weights."""
    torch.manual_seed(5)
    return lively(SmallNet())
