"""Damage to one member of an npz: its header, its numbers, its name; pickles and bombs in its place."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np


def archive(path: Path, random: Random) -> str:
    """Change one member of an npz: its header, its dtype, its name; a pickle, a bomb, a second copy."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    name = random.choice(list(members))
    kind = random.choice(_ARRAYS)
    compression = zipfile.ZIP_STORED
    if kind == "bomb":
        members[name] = _npy("float32", (1 << 28,)) + bytes(1 << 24)  # a GiB announced, 16 MiB of zeros there
        compression = zipfile.ZIP_DEFLATED
    elif kind == "big bomb":
        members[name] = _npy("float32", (1 << 25,)) + bytes(1 << 27)
        compression = zipfile.ZIP_DEFLATED
    elif kind == "pickle":
        members[name] = _npy("object", (1,)) + b"cos\nsystem\n(S'touch /tmp/edgekit-was-here'\ntR."
    elif kind in ("drop", "rename"):
        content = members.pop(name)
        if kind == "rename":
            members[random.choice(("../x.npy", "/x.npy", "x", "", "a/b/c.npy", "x" * 300))] = content
    elif kind == "header":
        members[name] = random.choice(_headers()) + members[name][128:]
    elif kind == "values":
        array = np.lib.format.read_array(io.BytesIO(members[name]))
        members[name] = _array(array, random)
    elif kind == "lzma":
        compression = zipfile.ZIP_LZMA
    with zipfile.ZipFile(path, "w", compression) as file:
        for each, content in members.items():
            with contextlib.suppress(ValueError):
                file.writestr(each or "empty", content)
        if kind == "double":
            file.writestr(zipfile.ZipInfo(name), members[name][:-4])
    return f"npz {name}: {kind}"


def bomb(path: Path, random: Random) -> str:
    """Let one member of a zip archive unpack to far more than the archive is long."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    name, size = random.choice(list(members)), random.choice((1 << 24, 1 << 28))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for each, content in members.items():
            file.writestr(each, bytes(size) if each == name else content)
    return f"{name} unpacks to {size} zeros"


_ARRAYS = (
    "bomb", "big bomb", "pickle", "drop", "rename", "header", "header", "values", "values", "lzma", "double"
)  # fmt: skip


def _npy(dtype: str, shape: tuple[int, ...]) -> bytes:
    descr = "|O" if dtype == "object" else np.dtype(dtype).str
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


def _headers() -> list[bytes]:
    texts = [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }",
        "{'descr': '<f4', 'fortran_order': 7, 'shape': (1, 3, 8, 8), }",
        "{'descr': [('a', '<f4'), ('b', 'O')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<U9999999', 'fortran_order': False, 'shape': (99999,), }",
        "{'descr': '<c16', 'fortran_order': True, 'shape': (1, 3, 8, 8), }",
        "{'descr': 'garbage', 'fortran_order': False, 'shape': (1, 3, 8, 8), }",
        "__import__('os').system('touch /tmp/edgekit-was-here')",
        "(" * 200,
        "{'shape': (1,)}",
        "",
    ]
    return [
        b"\x93NUMPY\x01\x00" + struct.pack("<H", max(118, len(t) + 1)) + t.ljust(117).encode() + b"\n"
        for t in texts
    ] + [b"\x93NUMPY\x09\x00\x10\x00", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f"]


def _array(array: np.ndarray[Any, Any], random: Random) -> bytes:
    new = random.choice(
        (
            lambda: array.astype(np.float64), lambda: array.astype(np.complex64), lambda: array * np.nan,
            lambda: array * np.inf, lambda: array[..., :0], lambda: array.reshape(-1), lambda: array * 1e30,
            lambda: array.astype("S3"), lambda: array.astype(bool), lambda: array.astype(np.int64),
            lambda: np.asfortranarray(array), lambda: array.astype(">f4"), lambda: array[None].repeat(100, 0),
        )
    )()  # fmt: skip
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(new), allow_pickle=False)
    return buffer.getvalue()
