"""The `.pnnx.bin`: a zip archive whose entries are stored, with 64-bit sizes in extra fields.

pnnx leaves the classic size fields at their maximum and dates at 0, which general zip tools
read but would not write: hence a reader and a writer of our own (after pnnx's `storezip.cpp`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgekit.errors import FormatError
from edgekit.files import Buffer
from edgekit.formats.text import Where

_LOCAL, _CENTRAL = 0x04034B50, 0x02014B50
_END, _END64, _LOCATOR64 = 0x06054B50, 0x06064B50, 0x07064B50
_LOCAL_HEADER = struct.Struct("<HHHHHIIIHH")
_CENTRAL_HEADER = struct.Struct("<HHHHHHIIIHHHHHII")
_EXTRA64 = struct.Struct("<HHQQQI")
_END64_RECORD = struct.Struct("<QHHIIQQQQ")
_LOCATOR = struct.Struct("<IQI")
_END_RECORD = struct.Struct("<HHHHIIH")
_EXTRA64_ID = 1
_OPEN32, _OPEN16 = 0xFFFFFFFF, 0xFFFF
_DATA_FOLLOWS = 0x08


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored file: its name and where its bytes are in the archive."""

    name: str
    offset: int
    size: int


def read_entries(buffer: Buffer, file: str) -> tuple[Entry, ...]:
    """Return the entries of an archive in the order in which they are stored.

    Raises:
        FormatError: the archive is damaged, compressed, or no archive at all.
    """
    reader = _Reader(buffer, Where(file))
    entries = []
    while (signature := reader.signature()) == _LOCAL:
        entries.append(reader.entry())
    if signature not in (_CENTRAL, _END64, _END):
        raise reader.damaged("the directory at its end is missing")
    return tuple(entries)


@dataclass(slots=True)
class _Reader:
    buffer: Buffer
    where: Where
    offset: int = 0

    def damaged(self, what: str) -> FormatError:
        return self.where.error(
            f"the archive is damaged at offset {self.offset}: {what}", "export the model again"
        )

    def take(self, size: int) -> int:
        if size > len(self.buffer) - self.offset:
            raise self.damaged(f"{size} bytes are announced, {len(self.buffer) - self.offset} are left")
        start = self.offset
        self.offset += size
        return start

    def signature(self) -> int:
        (signature,) = struct.unpack_from("<I", self.buffer, self.take(4))
        return int(signature)

    def entry(self) -> Entry:
        """Return the entry whose local header starts here, and step behind its data."""
        header = _LOCAL_HEADER.unpack_from(self.buffer, self.take(_LOCAL_HEADER.size))
        _, flag, compression, _, _, crc, compressed, size, name_length, extra_length = header
        if compression or flag & _DATA_FOLLOWS or compressed != size:
            raise self.where.error("the archive is compressed", "give the .pnnx.bin as pnnx wrote it")
        start = self.take(name_length)
        try:
            name = self.buffer[start : start + name_length].decode("utf-8")
        except UnicodeDecodeError:
            raise self.damaged("the name of an entry is not UTF-8") from None
        start = self.take(extra_length)
        if size == _OPEN32:
            size = self._size64(self.buffer[start : start + extra_length])
        data = self.take(size)
        with memoryview(self.buffer) as view, view[data : data + size] as content:
            if zlib.crc32(content) != crc:
                raise self.damaged(f"the checksum of '{name}' is wrong")
        return Entry(name, data, size)

    def _size64(self, extra: bytes) -> int:
        position = 0
        while position + 4 <= len(extra):
            kind, length = struct.unpack_from("<HH", extra, position)
            if kind == _EXTRA64_ID and length >= 16 and position + 20 <= len(extra):
                size, compressed = struct.unpack_from("<QQ", extra, position + 4)
                if size != compressed:
                    break
                return int(size)
            position += 4 + length
        raise self.damaged("the size of an entry is missing")


def archive_bytes(files: Sequence[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield an archive of the files, byte for byte as pnnx writes it."""
    directory = []
    offset = 0
    for name, data in files:
        encoded, crc, size = name.encode(), zlib.crc32(data), len(data)
        parts = (
            struct.pack("<I", _LOCAL),
            _LOCAL_HEADER.pack(0, 0, 0, 0, 0, crc, _OPEN32, _OPEN32, len(encoded), _EXTRA64.size),
            encoded,
            _EXTRA64.pack(_EXTRA64_ID, _EXTRA64.size - 4, size, size, 0, 0),
            data,
        )
        yield from parts
        central = _CENTRAL_HEADER.pack(
            0, 0, 0, 0, 0, 0, crc, _OPEN32, _OPEN32, len(encoded), _EXTRA64.size, 0, _OPEN16, 0, 0, _OPEN32
        )  # fmt: skip
        extra = _EXTRA64.pack(_EXTRA64_ID, _EXTRA64.size - 4, size, size, offset, 0)
        directory.append(struct.pack("<I", _CENTRAL) + central + encoded + extra)
        offset += sum(map(len, parts))
    yield from directory
    yield _directory_end(len(files), sum(map(len, directory)), offset)


def _directory_end(count: int, size: int, offset: int) -> bytes:
    record = _END64_RECORD.pack(_END64_RECORD.size - 8, 0, 0, 0, 0, count, count, size, offset)
    return b"".join(
        (
            struct.pack("<I", _END64),
            record,
            struct.pack("<I", _LOCATOR64),
            _LOCATOR.pack(0, offset + size, 1),
            struct.pack("<I", _END),
            _END_RECORD.pack(_OPEN16, _OPEN16, _OPEN16, _OPEN16, _OPEN32, _OPEN32, 0),
        )
    )
