"""Constants that a module makes for itself: in the binary, but in no state dict to carry them back."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from edgekit.differ.align import Matching
from edgekit.graph import Layer
from edgekit.restorer.origins import Origins
from edgekit.runtimes.trace import Array


def rounded_constants(
    found: Matching,
    binary: Sequence[Layer],
    converted: Sequence[Layer],
    origins: Origins,
    module: nn.Module,
) -> dict[str, Array]:
    """Return the buffers outside the state dict that the binary holds rounded to fp16, with those numbers.

    A filter bank made in `__init__` is such a buffer: the module has it in fp32 whatever is loaded. Only
    what equals the module's own numbers after rounding counts; a constant with other numbers is no match.
    """
    own = {name: tensor.detach().numpy() for name, tensor in _unsaved(module)}
    result: dict[str, Array] = {}
    for mine, theirs in _constants(found, binary, converted, origins):
        if np.array_equal(mine, theirs) or not np.array_equal(mine, theirs.astype(np.float16)):
            continue
        for name, values in own.items():
            if np.array_equal(np.sort(values, axis=None), np.sort(theirs, axis=None)):
                result[name] = values.astype(np.float16).astype(np.float32)
    return result


def with_buffers(module: nn.Module, buffers: Mapping[str, Array]) -> nn.Module:
    """Return a copy of a module with other numbers in some of its buffers."""
    clone = copy.deepcopy(module)
    for name, tensor in clone.named_buffers():
        if name in buffers:
            tensor.copy_(torch.from_numpy(buffers[name]))
    return clone


def _unsaved(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    saved = module.state_dict().keys()
    for name, tensor in module.named_buffers():
        if name not in saved and tensor.dtype == torch.float32:
            yield name, tensor


def _constants(
    found: Matching, binary: Sequence[Layer], converted: Sequence[Layer], origins: Origins
) -> Iterator[tuple[Array, Array]]:
    """Yield weights made of no tensor of the state dict, as the binary and the conversion have them."""
    for left, right in found.pairs.items():
        mine, theirs = found.left.ops[left].layers[0], found.right.ops[right].layers[0]
        stored = {each.name: each.values() for each in binary[mine].weights}
        for weight in converted[theirs].weights:
            key, own = (theirs, weight.name), weight.values()
            value = stored.get(weight.name)
            if value is None or value.shape != own.shape or key in origins.values or key in origins.shifts:
                continue
            yield value, own
