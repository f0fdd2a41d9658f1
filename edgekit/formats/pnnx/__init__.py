"""pnnx's own graph: `.pnnx.param` and `.pnnx.bin`, the step before ncnn.

A layer's parameters have names; `$input` and the like in them say which role an input has.
Blob shapes and element types are in `Graph.shapes` and `Graph.dtypes`, with -1 for an open axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from os import PathLike
from pathlib import Path

import numpy as np

from edgekit.errors import UserError
from edgekit.files import Buffer, read_buffer, read_text_bytes, write_files
from edgekit.formats.pnnx.param import (
    ELEMENT_TYPES,
    SPECIAL_TYPES,
    Announced,
    announced_weights,
    dump_param,
    parse_param,
)
from edgekit.formats.pnnx.storezip import Entry, archive_bytes, read_entries
from edgekit.formats.text import Where
from edgekit.graph import Graph, Layer, Weight

__all__ = ["dump_param", "dumps", "loads", "read", "write"]

AnyPath = str | PathLike[str]


def read(param: AnyPath, bin: AnyPath | None = None) -> Graph:
    """Read a `.pnnx.param`, and its `.pnnx.bin` if one is given; without it no layer has weights.

    The weights are read-only views of the file's bytes.

    Raises:
        FormatError: a file is damaged or of another format.
        UserError: a file cannot be read.
    """
    text = read_text_bytes(Path(param))
    buffer = None if bin is None else read_buffer(Path(bin))
    return loads(text, buffer, param_name=str(param), bin_name=str(bin))


def loads(
    param: bytes | str, bin: Buffer | None = None, *, param_name: str = ".param", bin_name: str = ".bin"
) -> Graph:
    """Read files that are in memory already; see `read`."""
    parsed = parse_param(param.encode() if isinstance(param, str) else param, param_name)
    if bin is None:
        return parsed.graph
    archive = _Archive(bin, bin_name, {})
    for entry in read_entries(bin, bin_name):
        archive.entries.setdefault(entry.name, []).append(entry)
    layers = tuple(
        replace(layer, weights=archive.weights(layer, announced, where))
        for layer, announced, where in zip(parsed.graph.layers, parsed.weights, parsed.places, strict=True)
    )
    archive.check_all_used()
    return replace(parsed.graph, layers=layers)


@dataclass(frozen=True, slots=True)
class _Archive:
    """The entries by name; layers of the same name have theirs one after the other."""

    buffer: Buffer
    file: str
    entries: dict[str, list[Entry]]

    def weights(self, layer: Layer, announced: Mapping[str, Announced], where: Where) -> tuple[Weight, ...]:
        return tuple(self._weight(layer, name, what, where) for name, what in announced.items())

    def _weight(self, layer: Layer, name: str, announced: Announced, where: Where) -> Weight:
        key = f"{layer.name}.{name}"
        found = self.entries.get(key)
        if not found:
            raise where.error(
                f"'{key}' is missing from {self.file}",
                "the two files do not belong together: export both again",
            )
        entry = found.pop(0)
        special = SPECIAL_TYPES.get(announced.kind)
        dtype = np.dtype(special[0] if special else ELEMENT_TYPES[announced.kind])
        shape = announced.shape if special is None or special[1] == 1 else (*announced.shape, special[1])
        if announced.kind == "null" and prod(shape) != entry.size:
            shape = (entry.size,)
        if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != entry.size:
            raise where.error(
                f"'{key}' is announced as {announced.shape} {announced.kind}, "
                f"but has {entry.size} bytes in {self.file}",
                "the two files do not belong together: export both again",
            )
        data = np.frombuffer(self.buffer, dtype.newbyteorder("<"), prod(shape), entry.offset).reshape(shape)
        return Weight(name, data, kind=announced.kind if special else None)

    def check_all_used(self) -> None:
        left = [name for name, entries in self.entries.items() if entries]
        if left:
            raise Where(self.file).error(
                f"{len(left)} weights belong to no layer, '{left[0]}' is one of them",
                "the two files do not belong together: export both again",
            )


def write(graph: Graph, param: AnyPath, bin: AnyPath | None = None) -> None:
    """Write the `.pnnx.param`, and the `.pnnx.bin` if asked for; all or nothing.

    Raises:
        UserError: a value has no spelling in pnnx, or a file cannot be written.
    """
    files: list[tuple[Path, Iterator[bytes]]] = [(Path(param), iter([dump_param(graph).encode()]))]
    if bin is not None:
        files.append((Path(bin), _archive(graph)))
    write_files(files)


def dumps(graph: Graph) -> tuple[bytes, bytes]:
    """Return the bytes of the `.pnnx.param` and of the `.pnnx.bin`; see `write`."""
    return dump_param(graph).encode(), b"".join(_archive(graph))


def _archive(graph: Graph) -> Iterator[bytes]:
    for layer in graph.layers:
        if not layer.weights and announced_weights(layer):
            raise UserError(
                f"the weights of layer '{layer.name}' ({layer.type}) were not read",
                "read the .pnnx.bin together with the .pnnx.param",
            )
    return archive_bytes(
        [
            (f"{layer.name}.{weight.name}", np.ascontiguousarray(weight.data).tobytes())
            for layer in graph.layers
            for weight in layer.weights
        ]
    )
