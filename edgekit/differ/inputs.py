"""Which input of one network is which of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from edgekit.differ.draft import Shape

_MOST_PERMUTED = 5


@dataclass(frozen=True, slots=True)
class InputPort:
    """An input: its blob, its name in PyTorch where that is known, its shape, and who reads it.

    `readers` are descriptions of the operations that read it, such as the channels of a convolution.
    """

    blob: str
    name: str
    shape: Shape | None
    readers: tuple[str, ...] = ()


def match_inputs(left: Sequence[InputPort], right: Sequence[InputPort]) -> dict[str, str]:
    """Return left blob -> right blob: by name where all names are the same, else by shape, readers, order."""
    if {port.name for port in left} == {port.name for port in right}:
        by_name = {port.name: port.blob for port in right}
        return {port.blob: by_name[port.name] for port in left}
    if len(left) > _MOST_PERMUTED or len(right) > _MOST_PERMUTED:
        return {mine.blob: theirs.blob for mine, theirs in zip(left, right, strict=False)}
    count = min(len(left), len(right))
    orders = [
        (chosen, others)
        for chosen in permutations(range(len(left)), count)
        if list(chosen) == sorted(chosen)
        for others in permutations(range(len(right)), count)
    ]
    best = max(orders, key=lambda order: _agreement(left, right, order))
    return {left[mine].blob: right[theirs].blob for mine, theirs in zip(*best, strict=True)}


def _agreement(
    left: Sequence[InputPort], right: Sequence[InputPort], order: tuple[tuple[int, ...], tuple[int, ...]]
) -> tuple[float, int]:
    """Return how well an assignment fits; of equal ones, that in the order of the files."""
    fit = sum(_likeness(left[mine], right[theirs]) for mine, theirs in zip(*order, strict=True))
    kept = sum(mine == theirs for mine, theirs in zip(*order, strict=True))
    return fit, kept


def _likeness(left: InputPort, right: InputPort) -> float:
    fit = 3.0 if left.name == right.name else 0.0
    if left.shape is not None and right.shape is not None:
        if left.shape == right.shape:
            fit += 2.0
        elif len(left.shape) == len(right.shape) and left.shape[0] == right.shape[0]:
            fit += 1.0
    if left.readers and set(left.readers) & set(right.readers):
        fit += 1.5
    return fit
