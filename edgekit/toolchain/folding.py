"""What a model computes from constants alone: grids, masks, positions, normalised weights.

In a trace it would be operations on integers and on tensors without a batch, which converters misread or
compute in another order. Where such a value meets a tensor that depends on an input, a copy of its numbers
takes its place, and the operations that made it are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import _disable_current_modes

from edgekit.toolchain.substitution import tensors_in, untraced

_TAKEN_WHOLE = frozenset(
    {F.multi_head_attention_forward, torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu}
)
"""The insides of layers that pnnx takes as one, with a mask or a first state among their inputs."""

FILLED = frozenset(
    {
        *(getattr(torch.Tensor, name) for name in ("new_zeros", "new_ones", "new_full")),
        *(getattr(torch, name) for name in ("zeros_like", "ones_like", "full_like")),
    }
)
"""What looks at the shape of a tensor and at none of its numbers."""


class ComputedConstants:
    """Tensors that the run has made of nothing but numbers and the `known` parameters and buffers."""

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        self._known = {id(each): each for each in known}
        self._made: dict[int, torch.Tensor] = {}  # keeps them, so that an id stays its own
        self._copies: dict[int, torch.Tensor] = {}

    def add(self, results: Iterable[torch.Tensor], arguments: Any) -> None:
        """Note results of a function, where it is known what they were made of.

        A tensor that nobody has seen before may come from code that works unseen: a scripted function.
        Scalars are sizes, most of them: as arguments they are constants, as results they are left alone.
        """
        given = tensors_in(arguments)
        if all(each.dim() == 0 or id(each) in self._made or id(each) in self._known for each in given):
            self._made.update((id(each), each) for each in results if each.dim() > 0)

    def folded(self, func: Any, arguments: Any) -> Any:
        """Return a tree of arguments with copies in the place of computed constants."""
        return (
            pytree.tree_map(self._folded, arguments) if self._made and func not in _TAKEN_WHOLE else arguments
        )

    def all_zeros(self, value: Any) -> bool:
        """Whether a value holds tensors, all of them computed and nothing but zeros."""
        with untraced(), _disable_current_modes():
            leaves = list(tensors_in(value))
            return bool(leaves) and all(id(each) in self._made and not bool(each.any()) for each in leaves)

    def _folded(self, leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or id(leaf) not in self._made or id(leaf) in self._known:
            return leaf
        if id(leaf) not in self._copies:
            with untraced():
                self._copies[id(leaf)] = leaf.detach().clone()
        return self._copies[id(leaf)]

    def forget_copies(self) -> None:
        """A constant is overwritten: what was copied before is out of date."""
        self._copies.clear()

    def taken(self) -> list[torch.Tensor]:
        """Give up all that was noted, and return it."""
        made = list(self._made.values())
        self._made.clear()
        self._copies.clear()
        return made
