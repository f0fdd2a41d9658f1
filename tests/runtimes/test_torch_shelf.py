"""A run whose tensors lie on disk is the run whose tensors lie in memory, for less memory."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.runtimes import torch_shelf
from edgekit.runtimes.torch_shelf import shelved
from edgekit.runtimes.torch_tape import record
from edgekit.toolchain.substitutes import Substitutes

_MEGABYTE = 1 << 20


class Views(nn.Module):
    """Has a buffer, views that no array of their own hold, and an operation in place."""

    offset: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offset", torch.arange(6.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        turned = (x + self.offset).transpose(1, 2)
        turned[:, 2:].relu_()
        return turned.unsqueeze(1).expand(-1, 3, -1, -1) * (turned > 0).unsqueeze(1)


def _inputs() -> dict[str, torch.Tensor]:
    return {"x": torch.randn(1, 5, 6, generator=torch.Generator().manual_seed(0))}


def test_a_run_on_disk_has_the_numbers_and_the_strides_of_one_in_memory() -> None:
    module = Views().eval()
    held, moved = (record(module, _inputs(), most_bytes=most) for most in (1 << 20, 0))
    assert isinstance(moved.values, torch_shelf.Numbers)
    assert moved.nodes == held.nodes
    assert list(moved.values) == list(held.values)
    for value, array in held.values.items():
        found = moved.values[value]
        np.testing.assert_array_equal(found, array)
        assert (found.dtype, found.strides) == (array.dtype, array.strides)
    moved.values[moved.outputs["out0"]][:] = 0  # whoever writes to what was given to him changes nothing
    assert moved.replay is not None
    assert held.replay is not None
    targets = [value for node in held.nodes for value in node.outputs]
    given = {value: held.values[value] for value in held.inputs.values()}
    nodes = range(len(held.nodes))
    one, other = (each.replay.run(nodes, given, targets, 7) for each in (held, moved) if each.replay)
    for value in targets:
        np.testing.assert_array_equal(one[value], other[value])
    last = nodes[-1:]  # what it reads is given by nobody and comes from the shelf
    np.testing.assert_array_equal(
        moved.replay.run(last, {}, [targets[-1]], None)[targets[-1]],
        held.replay.run(last, {}, [targets[-1]], None)[targets[-1]],
    )


def test_what_is_on_disk_is_in_memory_only_while_it_is_used() -> None:
    shelf = shelved({1: torch.zeros(8 * _MEGABYTE), 2: torch.ones(3)}, frozenset({1}), most_bytes=_MEGABYTE)
    assert shelf is not None
    before = _resident_bytes()
    array = shelf.numbers(1)
    assert array.sum() == 0
    assert _resident_bytes() - before > 24 * _MEGABYTE
    del array
    assert _resident_bytes() - before < 4 * _MEGABYTE
    assert shelf[2].sum() == 3


def test_memory_is_the_place_for_a_small_run_and_where_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tensors = {1: torch.zeros(1000)}
    assert shelved(tensors, frozenset({1}), most_bytes=4000) is None
    with Path("/dev/full").open("wb") as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
        assert shelved(tensors, frozenset({1}), most_bytes=3999) is None


def test_a_run_with_substitutes_leaves_no_tensors_behind() -> None:
    x = torch.randn(1, 4)
    with Substitutes() as substitutes:
        substitutes.begin([x])
        made = torch.relu(x)
        assert substitutes.is_live(made)
    assert not substitutes.is_live((x, made))


def _resident_bytes() -> int:
    """How much of files is in this process's memory."""
    found = re.search(r"RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) << 10
