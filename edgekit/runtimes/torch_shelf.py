"""Keep the tensors of a large run on disk, each in memory only while somebody looks at it.

A tape holds every tensor of a run: 1.6 GB for MobileNet V2 at 1024 x 1024. What follows asks for one or two
of them at a time.
"""

from __future__ import annotations

import ctypes
import mmap
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import numpy as np
import torch

from edgekit.runtimes.trace import Array

MOST_BYTES = 256 << 20
"""Of the tensors of one run that stay in memory: at their usual sizes most networks are well below."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a storage begins in the file and its size; how a tensor lies in it, in bytes."""

    begin: int
    size: int
    offset: int
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Shelf(Mapping[int, torch.Tensor]):
    """Tensors by number, mapped anew whenever they are asked for; those without a place are in memory.

    What is done to a tensor in place stays with whoever did it.
    """

    def __init__(
        self, tensors: Mapping[int, torch.Tensor], places: Mapping[int, _Place], file: IO[bytes]
    ) -> None:
        self._order = tuple(tensors)
        self._held = {key: tensor for key, tensor in tensors.items() if key not in places}
        self._places = places
        self._file = file

    def __getitem__(self, key: int) -> torch.Tensor:
        return torch.from_numpy(self.numbers(key)) if key in self._places else self._held[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def numbers(self, key: int) -> Array:
        """Return a tensor's numbers as an array with the strides that it had."""
        place = self._places.get(key)
        if place is None:
            return numbers(self._held[key])
        mapped = mmap.mmap(self._file.fileno(), place.size, access=mmap.ACCESS_COPY, offset=place.begin)
        return np.ndarray(place.shape, place.dtype, mapped, place.offset, place.strides)


class Numbers(Mapping[int, Array]):
    """The tensors of a shelf as arrays."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def __getitem__(self, key: int) -> Array:
        return self._shelf.numbers(key)

    def __iter__(self) -> Iterator[int]:
        return iter(self._shelf)

    def __len__(self) -> int:
        return len(self._shelf)


def shelved(
    tensors: Mapping[int, torch.Tensor], large: frozenset[int], most_bytes: int = MOST_BYTES
) -> Shelf | None:
    """Put the `large` ones among some tensors on disk; None where memory is the better place.

    That is where they take no more than `most_bytes`, or where the disk has no room for them.
    """
    movable = {key: tensors[key] for key in large if tensors[key].dtype is not torch.bfloat16}
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage() for each in movable.values()}
    if sum(each.nbytes() for each in storages.values()) <= most_bytes:
        return None
    file = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the shelf is there)
    begins = {}
    try:
        for address, storage in storages.items():
            if storage.nbytes():
                begins[address] = file.seek(-file.tell() % mmap.ALLOCATIONGRANULARITY, 1)
                file.write(torch.empty(0, dtype=torch.uint8).set_(storage).numpy().data)
        file.flush()
    except OSError:
        with suppress(OSError):
            file.close()
        return None
    places = {
        key: _place(tensor, begins[tensor.untyped_storage().data_ptr()])
        for key, tensor in movable.items()
        if tensor.untyped_storage().nbytes()
    }
    return Shelf(tensors, places, file)


def _place(tensor: torch.Tensor, begin: int) -> _Place:
    array = numbers(tensor)
    return _Place(
        begin,
        tensor.untyped_storage().nbytes(),
        int(tensor.storage_offset()) * array.itemsize,
        array.dtype,
        array.shape,
        array.strides,
    )


def give_back() -> None:
    """Return freed memory to the system: the C library keeps a large run's tensors in its heap otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
    if trim is not None:
        trim(0)


def numbers(tensor: torch.Tensor) -> Array:
    """Return a tensor's numbers as a numpy view (a copy only for bfloat16)."""
    plain = tensor.detach()
    if plain.dtype is torch.bfloat16:
        plain = plain.float()
    array: Array = np.asarray(plain.numpy())
    return array
