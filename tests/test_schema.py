"""Versioned JSON: what goes in, how it is written, and what is refused on the way back."""

import enum
import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import FormatError, UserError
from edgekit.schema import check_schema, dumps, load_json, schema_id, to_json, write_json, write_text


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Inner:
    shape: tuple[int, ...]
    error: float


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    inner: Inner
    path: PurePosixPath
    extra: dict[int, Any]


def test_results_become_plain_json() -> None:
    value = Outer("a", Inner((1, 2), math.nan), PurePosixPath("b/c"), {3: Colour.RED, 4: Level.HIGH})
    assert to_json(value) == {
        "name": "a",
        "inner": {"shape": [1, 2], "error": None},
        "path": "b/c",
        "extra": {"3": "red", "4": 3},
    }


def test_numpy_becomes_plain_numbers() -> None:
    value = {
        "scalar": np.float32(0.5),
        "integer": np.int64(2**40),
        "flag": np.bool_(True),
        "array": np.array([[1.0, np.inf], [np.nan, -2.0]], np.float16),
        "empty": np.zeros((0, 3)),
        "double": np.float64("nan"),
    }
    plain = to_json(value)
    assert plain == {
        "scalar": 0.5,
        "integer": 2**40,
        "flag": True,
        "array": [[1.0, None], [None, -2.0]],
        "empty": [],
        "double": None,
    }
    assert type(plain["flag"]) is bool
    assert type(plain["integer"]) is int


def test_sets_are_sorted() -> None:
    assert to_json(frozenset({"b", "a", "c"})) == ["a", "b", "c"]


@pytest.mark.parametrize("value", [b"bytes", object(), 1j, {1.5: "key"}, {None: "key"}, Inner])
def test_what_json_has_no_place_for_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_the_text_is_strict_json_of_the_same_value(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(dumps(value), parse_constant=refuse) == to_json(value)


def test_a_file_is_written_whole_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "result.json"
    assert write_json({"a": 1}, path) == path
    assert json.loads(path.read_text()) == {"a": 1}
    assert [each.name for each in path.parent.iterdir()] == ["result.json"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"
    write_text("old", path)

    def full_disk(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(UserError, match="No space left"):
        write_text("new", path)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


def test_modes_follow_the_umask_and_the_old_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_text("x", tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    write_text("y", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_text("new", link)
    assert link.is_symlink()
    assert target.read_text() == "new"
    write_text("gone", "/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        write_text("x", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_text("x", tmp_path / "file" / "below")


def test_a_document_reads_back(tmp_path: Path) -> None:
    document = {"schema": schema_id("edgekit.verify", 1), "verdict": "pass"}
    path = write_json(document, tmp_path / "v.json")
    assert load_json(path, "edgekit.verify/1") == document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "no JSON object"),
        ({}, "names no schema"),
        ({"schema": 1}, "names no schema"),
        ({"schema": "edgekit.bench/1"}, "of schema 'edgekit.bench/1'"),
        ({"schema": "edgekit.verify/x"}, "of schema 'edgekit.verify/x'"),
        ({"schema": "edgekit.verify"}, "of schema 'edgekit.verify'"),
        ({"schema": "edgekit.verify/3"}, "newer edgekit"),
        ({"schema": "edgekit.verify/1"}, "older edgekit"),
    ],
)
def test_other_documents_are_refused(document: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        check_schema(document, "edgekit.verify/2", "v.json")
    assert caught.value.remedy
    assert "v.json" in caught.value.message


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_damaged_files_are_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "v.json"
    path.write_bytes(text)
    with pytest.raises(FormatError, match="is not JSON"):
        load_json(path, "edgekit.verify/1")


def test_a_missing_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        load_json(tmp_path / "none.json", "edgekit.verify/1")
