"""Versioned JSON documents: from typed results to JSON, to a file whole or not at all, and back.

A document names its schema in the key "schema", as `edgekit.verify/1`. Readers refuse a document of
another schema or version. JSON has no NaN and no Inf: both become null, and the result that holds
them says beside it, in a status or a reason, why there is no number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePath
from typing import Any, TypeVar

from edgekit import scratch
from edgekit.errors import FormatError, UserError
from edgekit.files import read_text_bytes

Json = dict[str, Any]
T = TypeVar("T")


def schema_id(name: str, version: int) -> str:
    """Return the value of the key "schema": `schema_id("edgekit.verify", 1)` is `edgekit.verify/1`."""
    return f"{name}/{version}"


def to_json(value: object) -> Any:
    """Return `value` in the types that JSON has.

    Dataclasses become objects, enums their values, paths text with forward slashes, tuples and sets
    lists (sets sorted), numpy scalars and arrays plain numbers and nested lists; NaN and Inf null.

    Raises:
        TypeError: a type that has no place in JSON.
    """
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if isinstance(value, str):
        return _unicode(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_to_key(key): to_json(item) for key, item in value.items()}
    if isinstance(value, PurePath):
        return _unicode(value.as_posix())
    if isinstance(value, Set):
        return sorted(to_json(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [to_json(item) for item in value]
    # numpy's scalars and arrays, recognised by their method so that numpy is not imported for it
    tolist = getattr(value, "tolist", None)
    if callable(tolist) and not isinstance(value, bytes | bytearray | memoryview):
        return to_json(tolist())
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _to_key(key: object) -> str:
    plain = to_json(key)
    if isinstance(plain, bool) or not isinstance(plain, str | int):
        raise TypeError(f"{key!r} cannot be a key in JSON")
    return str(plain)


def _unicode(text: str) -> str:
    """Return text that UTF-8 has: names of files may hold bytes that the locale could not decode."""
    if text.isascii():
        return text
    with contextlib.suppress(UnicodeEncodeError):  # half a character, from somebody's JSON
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text.encode("utf-8", "replace").decode("utf-8")


def dumps(value: object) -> str:
    """Return `value` as indented JSON text with a final newline, in strict JSON (no NaN, no Inf)."""
    return json.dumps(to_json(value), indent=2, allow_nan=False, ensure_ascii=True) + "\n"


def write_json(value: object, path: str | os.PathLike[str]) -> Path:
    """Write `value` as JSON to `path`, whole or not at all."""
    return write_text(dumps(value), path)


def write_text(text: str, path: str | os.PathLike[str]) -> Path:
    """Write `text` as UTF-8 to `path`; see `write_bytes`."""
    return write_bytes(_unicode(text).encode("utf-8"), path)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a path before the work for it is done: a folder, or something below a file.

    Raises:
        UserError: nothing can be written there.
    """
    target = Path(path)
    if target.is_dir():
        raise UserError(f"'{target}' is a folder", "name a file")
    if target.exists() and not target.is_file():
        return  # a device or a pipe, written in place
    above = next(each for each in target.absolute().parents if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UserError(f"cannot write '{target}' in '{above}'", "name a file that can be written")


def write_bytes(data: bytes, path: str | os.PathLike[str]) -> Path:
    """Write `data` to `path`, whole or not at all, and return the path.

    The folder is made where it is missing. A path that is no regular file (`/dev/null`, a pipe) is
    written in place, because a rename would replace it.

    Raises:
        UserError: the path is a folder, or cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise UserError(f"'{target}' is a folder", "name a file")
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            _replace(data, Path(os.path.realpath(target)))
    except OSError as error:
        raise UserError(
            f"cannot write '{target}': {error.strerror or error}", "name a file that can be written"
        ) from error
    return target


def _replace(data: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch.part_of(target) as (part, file):
        file.write(data)
        file.flush()
        part.replace(target)


def load_json(path: str | os.PathLike[str], wanted: str) -> Json:
    """Read the JSON document at `path` and check that it is of schema `wanted`, as in `edgekit.verify/1`.

    Raises:
        UserError: the file cannot be read, or another version wrote it.
        FormatError: it is no JSON object, or of another schema.
    """
    text = read_text_bytes(Path(path))
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"'{path}' is not JSON: {error}", f"write the {wanted} document again") from error
    return check_schema(document, wanted, str(path))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], remedy: str) -> Iterator[None]:
    """Turn what comes of a value that is missing, of another type or out of range into a `FormatError`.

    Wrap nothing in it but the conversion of a document's values into typed ones.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FormatError(f"'{path}' is damaged: {what}", remedy) from None


def typed(value: object, kind: type[T], what: str) -> T:
    """Return a value of a document that has to be of one type; True is no number here.

    Raises:
        TypeError: it is of another; to be turned into a `FormatError` by `reading`.
    """
    if type(value) is not kind:
        raise TypeError(f"{what} is {value!r:.40}, expected {kind.__name__}")
    return value


def optional(value: object, kind: type[T], what: str) -> T | None:
    """Return a value that is of one type or null; see `typed`."""
    return None if value is None else typed(value, kind, what)


def check_schema(document: object, wanted: str, where: str) -> Json:
    """Return `document` when it is an object of schema `wanted`; `where` names it in errors.

    Raises:
        UserError: another version wrote it.
        FormatError: it is no object, or of another schema.
    """
    if not isinstance(document, dict):
        raise FormatError(f"'{where}' holds no JSON object", f"give a document of {wanted}")
    found = document.get("schema")
    if not isinstance(found, str):
        raise FormatError(f"'{where}' names no schema", f"give a document of {wanted}")
    if found == wanted:
        return document
    name, _, version = wanted.rpartition("/")
    found_name, _, found_version = found.rpartition("/")
    if found_name != name or not (found_version.isascii() and found_version.isdigit()):
        raise FormatError(f"'{where}' is of schema '{found}'", f"give a document of {wanted}")
    if int(found_version) > int(version):
        raise UserError(f"'{where}' was written by a newer edgekit ({found})", "install that edgekit")
    raise UserError(f"'{where}' was written by an older edgekit ({found})", "write it again")
