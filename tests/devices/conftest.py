"""What the device tests share: the arm64 Python, made once, and small bundles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit.devices.setup.native import build_runner, toolchain
from edgekit.errors import UserError
from tests.devices.sshd import Board, missing, start


class Block(nn.Module):
    """An inverted residual block and one with stride 2, as in a MobileNet V2, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _unit(3, 16, 3, stride=2)
        self.expand, self.depthwise, self.project = (
            _unit(16, 48, 1),
            _unit(48, 48, 3, groups=48),
            _plain(48, 16),
        )
        self.widen, self.down, self.narrow = (
            _unit(16, 48, 1),
            _unit(48, 48, 3, stride=2, groups=48),
            _plain(48, 24),
        )
        self.fc = nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.project(self.depthwise(self.expand(x)))
        x = self.narrow(self.down(self.widen(x)))
        return self.fc(x.mean((2, 3)))


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())


def _plain(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


@pytest.fixture(scope="session")
def block() -> nn.Module:
    torch.manual_seed(0)
    return Block().eval()


@pytest.fixture(scope="session")
def bundle(block: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32x32: the stride-2 depthwise convolution makes 8x8 of 16x16."""
    path = tmp_path_factory.mktemp("bundles") / "even"
    edgekit.export(block, path, inputs={"x": (1, 3, 32, 32)})
    return path


@pytest.fixture(scope="session")
def odd_bundle(block: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """28x28: the stride-2 depthwise convolution makes 7x7 of 14x14, as at the end of a MobileNet V2."""
    path = tmp_path_factory.mktemp("bundles") / "odd"
    edgekit.export(block, path, inputs={"x": (1, 3, 28, 28)})
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    board = start(tmp_path_factory.mktemp("board"))
    yield board
    board.process.terminate()
    board.process.wait()


@pytest.fixture
def board(running: Board, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """The board, with the `ssh` that finds it first in PATH; clean again after each test."""
    monkeypatch.setenv("PATH", f"{running.folder / 'client'}:{os.environ['PATH']}")
    yield running
    assert running.leftovers() == []


@pytest.fixture(scope="session")
def runner() -> Path:
    """The native program for aarch64, in the user's cache: it is compiled once."""
    return native_runner("aarch64-linux")


def native_runner(target: str) -> Path:
    """The native program, compiled where it is missing; a skip where the compilers cannot be had."""
    try:
        toolchain(target)
    except UserError as error:
        pytest.skip(str(error))
    return build_runner(target)
