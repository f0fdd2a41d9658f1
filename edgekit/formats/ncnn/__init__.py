"""ncnn's `.param` and `.bin`.

A file that is read and written back is the same byte for byte; a layer that was changed in
between is respelled the way pnnx spells, everything else stays as it was.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

from edgekit.files import Buffer, read_buffer, read_text_bytes, write_files
from edgekit.formats.ncnn.bin import dump_bin, parse_bin
from edgekit.formats.ncnn.param import Unknown, dump_param, parse_param
from edgekit.graph import Graph

__all__ = ["Unknown", "dump_bin", "dump_param", "dumps", "loads", "read", "write"]

AnyPath = str | PathLike[str]


def read(
    param: AnyPath, bin: AnyPath | None = None, *, unknown: Unknown = "error", surplus: bool = False
) -> Graph:
    """Read a `.param`, and its `.bin` if one is given; without it no layer has weights.

    The weights are read-only views of the file's bytes. `unknown="keep"` lets layer types pass
    that ncnn does not register, as long as no `.bin` is asked for; `surplus` lets lines pass
    beyond the announced number of layers, which ncnn does not read either.

    Raises:
        FormatError: a file is damaged or of another format.
        UserError: a file cannot be read, or a layer type is unknown.
    """
    text = read_text_bytes(Path(param))
    buffer = None if bin is None else read_buffer(Path(bin))
    return loads(text, buffer, unknown=unknown, surplus=surplus, param_name=str(param), bin_name=str(bin))


def loads(
    param: bytes | str,
    bin: Buffer | None = None,
    *,
    unknown: Unknown = "error",
    surplus: bool = False,
    param_name: str = ".param",
    bin_name: str = ".bin",
) -> Graph:
    """Read a `.param` and a `.bin` that are in memory already; see `read`."""
    data = param.encode() if isinstance(param, str) else param
    kept: Unknown = "error" if bin is not None else unknown
    graph, places = parse_param(data, param_name, kept, surplus=surplus)
    if bin is None:
        return graph
    weights = parse_bin(graph.layers, places, bin, bin_name)
    layers = tuple(replace(layer, weights=own) for layer, own in zip(graph.layers, weights, strict=True))
    return replace(graph, layers=layers)


def write(graph: Graph, param: AnyPath, bin: AnyPath | None = None) -> None:
    """Write the `.param`, and the `.bin` if asked for; no file is touched unless all can be written.

    Raises:
        UserError: a value has no spelling in ncnn, weights and parameters disagree, or a file
            cannot be written.
    """
    files = [(Path(param), iter([dump_param(graph).encode()]))]
    if bin is not None:
        files.append((Path(bin), dump_bin(graph.layers)))
    write_files(files)


def dumps(graph: Graph) -> tuple[bytes, bytes]:
    """Return the bytes of the `.param` and of the `.bin`; see `write`."""
    return dump_param(graph).encode(), b"".join(dump_bin(graph.layers))
