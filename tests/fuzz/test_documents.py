"""Documents with parts of other types, and archives made up: read as typed values, or refused."""

from __future__ import annotations

import copy
import json
import struct
import tomllib
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.alignment import store
from edgekit.bencher.load import load_report
from edgekit.bencher.result import Latency
from edgekit.bencher.suite import load_suite
from edgekit.errors import FormatError, UserError
from edgekit.formats.npz import open_npz
from edgekit.sources.recipe import read_recipe

_once = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["", "..", "../x", "nan", "-1", "float32"])
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def changed(draw: st.DataObject, document: Any) -> Any:
    """Return a document with one to three values of it exchanged, doubled or gone, at any depth."""
    document = copy.deepcopy(document)
    for _ in range(draw.draw(st.integers(1, 3))):
        holder = document
        while True:
            keys = sorted(holder) if isinstance(holder, dict) else range(len(holder))
            if not keys:
                break
            key = draw.draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and draw.draw(st.integers(0, 3)):
                holder = holder[key]
                continue
            if draw.draw(st.integers(0, 4)) == 0:
                del holder[key]
            else:
                holder[key] = draw.draw(_VALUES)
            break
    return document


def refused_or(error: type[UserError], read: Any, *arguments: Any) -> Any:
    """What was read, or None where it is refused in two lines."""
    try:
        return read(*arguments)
    except error as refusal:
        assert refusal.message and refusal.remedy
        return None


@_once
@given(st.data())
def test_any_alignment(material: Path, tmp_path: Path, data: st.DataObject) -> None:
    document = changed(data, json.loads((material / "bundle" / "alignment.json").read_text()))
    (tmp_path / "alignment.json").write_text(json.dumps(document))
    alignment = refused_or(UserError, store.read_alignment, tmp_path)
    assert alignment is None or all(isinstance(layer.name, str) for layer in alignment.layers)


@pytest.fixture(scope="module")
def bench(material: Path) -> Any:
    """A document with one sample of each process, and the figures of these."""
    document = json.loads((material / "bench.json").read_text())
    for result in document["results"]:
        latency = result["latency_s"]
        starts = np.cumsum([0, *latency["rounds"][:-1]])
        rounds = [np.array([latency["samples"][start]]) for start in starts]
        short = Latency.of(rounds, document["seed"])
        latency["samples"], latency["rounds"] = [float(each[0]) for each in rounds], [1] * len(rounds)
        for key in ("median", "p90", "min", "mean", "std", "mad"):
            latency[key] = getattr(short, f"{key}_s")
    return document


@_once
@given(st.data())
def test_any_bench_document(bench: Any, tmp_path: Path, data: st.DataObject) -> None:
    document = changed(data, bench)
    (tmp_path / "bench.json").write_text(json.dumps(document))
    report = refused_or(UserError, load_report, tmp_path / "bench.json")
    assert report is None or json.dumps(report.to_json(), allow_nan=False)


def toml(value: Any) -> str:
    """A value in TOML's words; what JSON alone has (null) becomes a text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return str(value)
    return json.dumps("" if value is None else value)


def write_toml(document: Any, path: Path) -> Path:
    lines = (f"{json.dumps(key)} = {toml(value)}\n" for key, value in document.items())
    path.write_text("".join(lines), "utf-8", errors="replace")
    return path


@_once
@given(st.data())
def test_any_recipe(material: Path, tmp_path: Path, data: st.DataObject) -> None:
    document = changed(data, tomllib.loads((material / "net.toml").read_text()))
    recipe = refused_or(UserError, read_recipe, write_toml(document, tmp_path / "net.toml"))
    for each in recipe.inputs if recipe else ():
        assert all(type(size) is int and size > 0 for size in each.shape)


@_once
@given(st.data())
def test_any_suite(material: Path, tmp_path: Path, data: st.DataObject) -> None:
    document = changed(data, tomllib.loads((material / "suite.toml").read_text()))
    targets = refused_or(UserError, load_suite, write_toml(document, tmp_path / "suite.toml"), tmp_path)
    assert targets is None or all(target.param.is_file() for target in targets)


_SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, -1, 2**31, 2**63]), max_size=4).map(tuple)
_DTYPES = st.sampled_from(["<f4", ">f8", "|b1", "<i8", "|O", "<U3", "<U9999999", "<M8[s]", "<c8", "x", "|V4"])
_HEADERS = st.builds(
    lambda dtype, order, shape: f"{{'descr': {dtype!r}, 'fortran_order': {order}, 'shape': {shape}, }}",
    _DTYPES,
    st.sampled_from([True, False, 7]),
    _SHAPES,
) | st.text(max_size=40)
_MEMBERS = st.tuples(
    st.sampled_from(["a.npy", "a", "../a.npy", "/a.npy", "b.npy", ""]),
    st.sampled_from([(1, 0), (2, 0), (3, 0), (0, 0), (255, 255)]),
    _HEADERS,
    st.sampled_from([0, 1, 4, 24, 96, 1 << 16]),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)


@_once
@given(st.lists(_MEMBERS, max_size=3))
def test_any_npz(tmp_path: Path, members: list[tuple[str, tuple[int, int], str, int, int]]) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there already
        for name, version, header, length, method in members:
            text = header.encode("utf-8", "replace")
            size = struct.pack("<I" if version[0] > 1 else "<H", len(text))
            file.writestr(name or "_", b"\x93NUMPY" + bytes(version) + size + text + bytes(length), method)

    def read() -> list[Any]:
        with open_npz(tmp_path / "x.npz", "write it again") as archive:
            return [archive.read(name) for name in archive.names]

    for array in refused_or(FormatError, read) or ():
        assert array.dtype.kind in "biufc" and not np.any(array)


def test_what_unpacks_to_more_than_it_announces_is_not_unpacked(tmp_path: Path) -> None:
    """16 MiB of zeros in an archive of 16 KiB, where an array of one number is announced."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n"
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(
            "a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(1 << 24)
        )
    with (
        pytest.raises(FormatError, match="announces 4 bytes and has 16777216"),
        open_npz(tmp_path / "x.npz", "write it again") as archive,
    ):
        archive.read("a")
