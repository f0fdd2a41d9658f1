"""A command that is ended while ncnn runs on a device: nothing runs on there, and nothing is left there."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.devices.sshd import Board
from tests.killing import SIGNALS, kill

pytestmark = pytest.mark.slow


@pytest.fixture
def place(bundle: Path, tmp_path: Path) -> Path:
    (tmp_path / "bundle").symlink_to(bundle)
    return tmp_path


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_under_qemu(qemu: object, place: Path, number: signal.Signals) -> None:
    kill(place, ["verify", "bundle", "--device", "qemu:cortex-a53"], number, 6.0)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_over_ssh(board: Board, place: Path, number: signal.Signals) -> None:
    kill(place, ["verify", "bundle", "--device", "ssh:board"], number, 4.0)
    assert board.leftovers() == []
