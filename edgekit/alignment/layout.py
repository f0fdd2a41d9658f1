"""How a PyTorch tensor lies in an ncnn blob: which axes are permuted, which shape it takes.

ncnn keeps the batch outside the shape (`Mat.n`) and drops it when it is 1, so a blob holds a PyTorch
tensor's numbers in an order that a permutation of its non-unit axes describes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

HIGHEST_RANK = 4
"""What a Mat holds besides its batch: a tensor of higher rank cannot be injected."""

_MOST_AXES = 5  # 120 permutations


@dataclass(frozen=True, slots=True)
class Layout:
    """`array.transpose(permute).reshape(shape)` turns the PyTorch tensor into the ncnn blob.

    `permute` is None for the identity. `batch_axis` is the axis of `shape` that ncnn holds as
    `Mat.n`, None where the blob has no batch.
    """

    shape: tuple[int, ...]
    permute: tuple[int, ...] | None = None
    batch_axis: int | None = None

    def apply(self, array: Array) -> Array:
        """Return the numbers of a PyTorch tensor in ncnn's order (a view where numpy can make one)."""
        if self.permute is not None:
            array = array.transpose(self.permute)
        return array.reshape(self.shape)

    @property
    def is_identity(self) -> bool:
        """Whether the order of the numbers is unchanged."""
        return self.permute is None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape without axes of one element, which ncnn adds and drops freely."""
        return tuple(size for size in self.shape if size > 1)

    def regroups(self, shape: Sequence[int]) -> bool:
        """Whether a blob has other axes than a tensor of this shape, though it could hold the tensor's own.

        A tensor whose two sizes were exchanged has its numbers in their order, and is wrong all the same.
        """
        order = self.permute or range(len(shape))
        sizes = tuple(shape[axis] for axis in order if shape[axis] > 1)
        return len(sizes) <= HIGHEST_RANK and sizes != self.sizes


def permutations(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield every permutation of the axes that changes the order of the numbers, the identity left out.

    Axes of size 1 stay where they are; tensors with more than five other axes yield nothing.
    """
    movable = [axis for axis, size in enumerate(shape) if size > 1]
    if len(movable) > _MOST_AXES:
        return
    for order in itertools.permutations(movable):
        if list(order) == movable:
            continue
        permuted = list(range(len(shape)))
        for place, axis in zip(movable, order, strict=True):
            permuted[place] = axis
        yield tuple(permuted)


def mat_layout(shape: Sequence[int], batch_axis: int | None) -> Layout:
    """Return the layout of a model input or output of PyTorch `shape` whose `batch_axis` ncnn holds as batch.

    A batch of 1 vanishes; a larger one moves to the front, where the worker puts `Mat.n`.
    """
    sizes = tuple(shape)
    if batch_axis is None:
        return Layout(sizes or (1,))
    if sizes[batch_axis] == 1:
        rest = tuple(size for axis, size in enumerate(sizes) if axis != batch_axis)
        return Layout(rest or (1,))
    order = (batch_axis, *(axis for axis in range(len(sizes)) if axis != batch_axis))
    permute = None if order == tuple(range(len(sizes))) else order
    return Layout(tuple(sizes[axis] for axis in order), permute, batch_axis=0)


def contiguous(array: Array) -> Array:
    """Return the array C-contiguous, in the dtypes that ncnn reads: float32 or int32."""
    dtype = np.int32 if array.dtype.kind in "iub" else np.float32
    return np.ascontiguousarray(array, dtype)
