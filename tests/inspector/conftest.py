"""A bundle of a small network, exported once."""

from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.depthwise = nn.Conv2d(4, 4, 3, 1, 1, groups=4)
        self.head = nn.Linear(4, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(image))
        x = self.depthwise(x)
        return self.head(x.mean((2, 3)))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("bundles") / "small"
    edgekit.export(Small().eval(), path, inputs={"image": (1, 3, 20, 20)})
    return path
