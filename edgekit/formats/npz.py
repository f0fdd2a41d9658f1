"""Reading `.npz` and `.npy` files that anybody may have written: no pickles, no bombs, one kind of error.

numpy reads an array as its header announces it, whatever the archive holds; here header and archive have to
agree before anything is allocated, and the caller sees shape and dtype before the numbers are read.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from edgekit.errors import EdgekitError, FormatError
from edgekit.files import Buffer, read_buffer

_PLAIN_KINDS = "biufc"
_CHUNK_BYTES = 1 << 20
_LENGTHS = struct.Struct("<HH")
_LENGTHS_AT = 26  # in the header of an entry: APPNOTE.TXT 6.3.10, section 4.3.7
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One array of an archive, not read yet."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool

    @property
    def nbytes(self) -> int:
        """Its size in memory."""
        return prod(self.shape) * self.dtype.itemsize


class Archive:
    """An open `.npz`: `entries` by name without `.npy`, `read` or `map` for the numbers of one."""

    def __init__(self, file: zipfile.ZipFile, content: Buffer) -> None:
        self._file = file
        self._bytes = content
        self._names = {info.filename.removesuffix(".npy"): info for info in file.infolist()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return tuple(self._names)

    def entry(self, name: str) -> Entry:
        """Return shape and dtype of an array.

        Raises:
            ValueError: there is no such array, or it is none of plain numbers.
        """
        with self._open(name) as file:
            return self._header(name, file)

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return an array.

        Raises:
            ValueError: there is no such array, or it is none of plain numbers, or cut off.
        """
        with self._open(name) as file:
            entry = self._header(name, file)
            data = file.read()
        if len(data) != entry.nbytes:
            raise ValueError(f"the array '{name}' has {len(data)} bytes instead of {entry.nbytes}")
        return _shaped(np.frombuffer(bytearray(data), entry.dtype), entry)

    def map(self, name: str) -> npt.NDArray[Any]:
        """Return an array without a copy, read-only; of a large archive it stays in the file until used.

        Raises:
            ValueError: as `read` does.
        """
        info = self._names.get(name)
        if info is None or info.compress_type != zipfile.ZIP_STORED:
            return self.read(name)
        with self._open(name) as file:
            entry = self._header(name, file)
            begin = _begin(self._bytes, info) + file.tell()
            while file.read(_CHUNK_BYTES):
                pass  # at its end the checksum is compared
        if begin % entry.dtype.itemsize or begin + entry.nbytes > len(self._bytes):
            return self.read(name)
        count = prod(entry.shape)
        return _shaped(np.frombuffer(self._bytes, entry.dtype, count, begin), entry)

    def _open(self, name: str) -> IO[bytes]:
        if name not in self._names:
            raise ValueError(f"the array '{name}' is missing")
        return self._file.open(self._names[name])

    def _header(self, name: str, file: IO[bytes]) -> Entry:
        return _entry(name, file, self._names[name].file_size)


def read_npy(path: Path, remedy: str) -> npt.NDArray[Any]:
    """Return the array of an `.npy`.

    Raises:
        UserError: the file cannot be read.
        FormatError: it is damaged, or holds no plain numbers.
    """
    content = read_buffer(path)
    file = io.BytesIO(content)
    try:
        entry = _entry(path.name, file, len(content))
    except Exception as error:  # the parser of array headers has many
        raise FormatError(f"'{path}' is damaged: {error or type(error).__name__}", remedy) from None
    return _shaped(np.frombuffer(content, entry.dtype, prod(entry.shape), file.tell()), entry)


def _entry(name: str, file: IO[bytes], size: int) -> Entry:
    """Read the header of an array and hold it to the bytes that are there."""
    shape, fortran_order, dtype = _parsed(file)
    if dtype.kind not in _PLAIN_KINDS:
        raise ValueError(f"the array '{name}' holds {dtype} instead of plain numbers")
    entry = Entry(tuple(int(size) for size in shape), dtype, bool(fortran_order))
    left = size - file.tell()
    if min(entry.shape, default=0) < 0 or entry.nbytes != left:
        raise ValueError(f"the array '{name}' announces {entry.nbytes} bytes and has {left}")
    return entry


def _shaped(numbers: npt.NDArray[Any], entry: Entry) -> npt.NDArray[Any]:
    order: Literal["F", "C"] = "F" if entry.fortran_order else "C"
    return numbers.reshape(entry.shape, order=order)


def _begin(content: Buffer, info: zipfile.ZipInfo) -> int:
    """Where the data of an entry begin: behind its header, its name and its extra field."""
    name, extra = _LENGTHS.unpack_from(content, info.header_offset + _LENGTHS_AT)
    return int(info.header_offset + _LENGTHS_AT + _LENGTHS.size + name + extra)


def _parsed(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether in Fortran's order, and dtype."""
    version = np.lib.format.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"arrays of version {version} are not read")
    return _READERS[version](file)


@contextmanager
def open_npz(path: Path, remedy: str) -> Iterator[Archive]:
    """Open an archive; whatever goes wrong with its content in the block is a `FormatError` with this remedy.

    Raises:
        UserError: the file cannot be read.
        FormatError: it is damaged.
    """
    content = read_buffer(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else path) as file:
            yield Archive(file, content)
    except (EdgekitError, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib, and the parser of array headers have dozens between them
        raise FormatError(f"'{path}' is damaged: {error or type(error).__name__}", remedy) from None
