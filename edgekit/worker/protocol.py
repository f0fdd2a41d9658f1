"""The worker protocol, version 1: JSON for what is said, one raw file for what is counted.

A message is a folder holding `message.json` and `tensors.bin`. The JSON lists the tensors:

    {"protocol": 1, ..., "tensors": [{"key": "in0", "dtype": "float32", "shape": [3, 224, 224],
                                      "batch_axis": null, "offset": 0, "nbytes": 602112}, ...]}

Shapes are outermost axis first, in the order of ncnn's numpy view ((n,) c, d, h, w without the axes
that a Mat lacks). `batch_axis` is the axis that ncnn keeps as `Mat.n`, or null. Offsets are
multiples of 64 bytes; data is C-contiguous and little-endian. Readers map the file, they do not copy it.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

PROTOCOL = 1
MESSAGE_FILE = "message.json"
TENSOR_FILE = "tensors.bin"
PROGRESS_FILE = "progress"
_ALIGNMENT = 64

Array = npt.NDArray[Any]


class TensorWriter:
    """Appends tensors to the `tensors.bin` of a message folder as they come."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file = open(os.path.join(folder, TENSOR_FILE), "wb")
        self._entries: list[dict[str, Any]] = []

    def add(self, key: str, array: Array, batch_axis: int | None = None) -> None:
        """Write one array under a key that is unique in the message."""
        array = np.ascontiguousarray(array)
        self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT))
        self._entries.append(
            {
                "key": key,
                "dtype": str(array.dtype),
                "shape": list(array.shape),
                "batch_axis": batch_axis,
                "offset": self._file.tell(),
                "nbytes": array.nbytes,
            }
        )
        self._file.write(array.data)

    def close(self, message: Mapping[str, Any]) -> None:
        """Finish the folder: the JSON is written last, so its presence means a whole message."""
        self._file.close()
        path = os.path.join(self._folder, MESSAGE_FILE)
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump({"protocol": PROTOCOL, **message, "tensors": self._entries}, file)
        os.replace(path + ".part", path)


class Progress:
    """The last step that the worker began, on disk before it begins, so that a crash can be placed."""

    def __init__(self, folder: str) -> None:
        self._descriptor = os.open(os.path.join(folder, PROGRESS_FILE), os.O_CREAT | os.O_WRONLY, 0o600)
        self.step = ""

    def begin(self, step: str) -> None:
        """Note the step (`layer 12 convclip_7`); one short write, no flush to disk needed."""
        self.step = step
        data = step.encode("utf-8", "replace")
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))


def let_go(array: Array) -> None:
    """Let the memory of a mapped array go; its numbers are read from the file again when they are asked for.

    Who goes through a mapped file would hold all of it in the end. An array that is not mapped stays.
    """
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    owner = owner.obj if isinstance(owner, memoryview) else owner
    if not isinstance(owner, mmap.mmap) or not array.flags.c_contiguous or not array.nbytes:
        return
    start = _address(array) - _address(np.frombuffer(owner, np.uint8))
    first = start - start % mmap.PAGESIZE
    owner.madvise(mmap.MADV_DONTNEED, first, start + array.nbytes - first)


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def write_message(
    folder: str, message: Mapping[str, Any], tensors: Iterable[tuple[str, Array, int | None]] = ()
) -> None:
    """Write a whole message: `tensors` yields (key, array, batch axis)."""
    writer = TensorWriter(folder)
    for key, array, batch_axis in tensors:
        writer.add(key, array, batch_axis)
        let_go(array)
    writer.close(message)


def read_message(folder: str) -> tuple[dict[str, Any], dict[str, Array], dict[str, int | None]]:
    """Read a message: the JSON, the tensors as read-only maps of the file, their batch axes.

    Raises:
        ValueError: another protocol version, or a tensor outside the file.
    """
    with open(os.path.join(folder, MESSAGE_FILE), encoding="utf-8") as file:
        message: dict[str, Any] = json.load(file)
    if message.get("protocol") != PROTOCOL:
        raise ValueError(f"worker protocol {message.get('protocol')!r}, expected {PROTOCOL}")
    path = os.path.join(folder, TENSOR_FILE)
    data = np.memmap(path, np.uint8, "r") if os.path.getsize(path) else np.empty(0, np.uint8)
    tensors: dict[str, Array] = {}
    batch_axes: dict[str, int | None] = {}
    for entry in message.pop("tensors"):
        start, stop = entry["offset"], entry["offset"] + entry["nbytes"]
        if not 0 <= start <= stop <= data.size:
            raise ValueError(f"tensor {entry['key']!r} lies outside {TENSOR_FILE}")
        raw: Array = data[start:stop]
        tensors[entry["key"]] = raw.view(entry["dtype"]).reshape(entry["shape"])
        batch_axes[entry["key"]] = entry["batch_axis"]
    return message, tensors, batch_axes
