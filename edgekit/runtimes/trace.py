"""What one run of a reference runtime leaves behind: operations, the values they made, where they came from.

A trace knows nothing of PyTorch or ONNX: values are numbered, their numbers are numpy arrays, and a
`Replay` can run a piece of the trace again in float64 from other inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Source:
    """Where an operation stands in the user's model: module path, op, file and line of the call.

    `also` are other modules that compute the same from the same: a converter makes one layer of them all.
    """

    module: str
    op: str
    file: str | None = None
    line: int | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One executed operation. `hidden` values live and die inside one composite call (a GRU's steps).

    `numbers` are the single numbers among its arguments: the bounds of a hardtanh.
    """

    index: int
    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    source: Source
    call: int | None = None
    numbers: tuple[float, ...] = ()


class Replay(Protocol):
    """Runs nodes of a trace again, in float64 or in the precision of the trace."""

    def run(
        self,
        nodes: Sequence[int],
        given: Mapping[int, Array],
        targets: Sequence[int],
        jitter: int | None,
        *,
        wide: bool = True,
    ) -> dict[int, Array]:
        """Return the values of `targets` when `nodes` run on the `given` values.

        With `jitter`, a seed, every given value and every constant is multiplied element by element by
        1 + d or 1 - d at random: what the rounding of its inputs does to a result. So is what a function
        holds on the way where less is left of it (the 1 in exp(x) - 1). d is `JITTER` in float64 and
        `NARROW_JITTER` with `wide` off, where it has to stand out of the rounding of float32 itself.
        """
        return self.reduce(nodes, given, targets, jitter, lambda _, numbers: numbers, wide=wide)

    def reduce(
        self,
        nodes: Sequence[int],
        given: Mapping[int, Array],
        targets: Sequence[int],
        jitter: int | None,
        measure: Callable[[int, Array], Measured],
        *,
        wide: bool = True,
    ) -> dict[int, Measured]:
        """Return `measure(value, numbers)` of each target, taken as soon as it is there and not kept."""
        ...


JITTER = 2.0**-24
NARROW_JITTER = 2.0**-19


@dataclass(frozen=True, eq=False)
class Trace:
    """One run: nodes in execution order; value ids of inputs, outputs and constants; the numbers."""

    nodes: tuple[Node, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    constants: Mapping[int, str]
    values: Mapping[int, Array]
    replay: Replay | None = None
    notes: tuple[str, ...] = ()
    hidden: frozenset[int] = field(default_factory=frozenset)

    @cached_property
    def producers(self) -> Mapping[int, int]:
        """Value id -> index of the node that made it."""
        return {value: node.index for node in self.nodes for value in node.outputs}

    @cached_property
    def consumers(self) -> Mapping[int, tuple[int, ...]]:
        """Value id -> indices of the nodes that read it."""
        readers: dict[int, list[int]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                readers.setdefault(value, []).append(node.index)
        return {value: tuple(indices) for value, indices in readers.items()}

    @cached_property
    def live(self) -> frozenset[int]:
        """Values that depend on an input of the model: what is not a constant or made of constants."""
        live = set(self.inputs.values())
        for node in self.nodes:
            if any(value in live for value in node.inputs):
                live.update(node.outputs)
        return frozenset(live)

    def order(self, value: int) -> int:
        """Position of a value in execution order; inputs and constants come before every node."""
        return self.producers.get(value, -1)


def finite_scale(values: Array) -> float:
    """Return max(std, 1e-3 max|y|) of the finite numbers: the unit in which two tensors are called near.

    In float64, and in pieces, so that nothing of their size is allocated.
    """
    count, total, peak, square = 0, 0.0, 0.0, 0.0
    for piece in _finite_pieces(values):
        count, total = count + piece.size, total + float(piece.sum())
        peak = max(peak, -float(piece.min()), float(piece.max()))
    if count == 0:
        return 1.0
    for piece in _finite_pieces(values):
        around = piece - total / count
        square += float(np.einsum("i,i->", around, around))
    return max(float(np.sqrt(square / count)), 1e-3 * peak, 1e-30)


_PIECE = 1 << 18


def _finite_pieces(values: Array) -> Iterator[Array]:
    """Yield copies of the finite numbers as float64, none of them empty."""
    numbers = values.reshape(-1)
    for start in range(0, numbers.size, _PIECE):
        piece = numbers[start : start + _PIECE].astype(np.float64)
        finite = np.isfinite(piece)
        if not finite.all():  # picking costs several times as much as looking
            piece = piece[finite]
        if piece.size:
            yield piece
