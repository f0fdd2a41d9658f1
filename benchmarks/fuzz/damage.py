"""Damage to files: one seeded change of a kind that the file's format can suffer, and what it was."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from arrays import archive, bomb
from graphs import wiring

Change = Callable[[Path, Random], str]

_INTEGERS = (0, -1, 1, 2, 7, 255, 65535, 2**31 - 1, -(2**31), 2**31, 2**32, 2**53, 2**63, 10**30)
_WORDS = (
    "",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "nan",
    "NaN",
    "inf",
    "-",
    "\x1b[2J",
    "a b",
    "ü",
    "<b>",
    "0",
)
_VALUES: tuple[Any, ...] = (
    None, True, False, "", "x", "nan", [], {}, [[]], [None], {"a": 1}, 0.5, -0.0, 1e308, float("nan"),
    float("inf"), -float("inf"), *_INTEGERS, "../x", "\x00", "\ud800", "x" * 5000, [1] * 2000,
)  # fmt: skip


# --- any file: bytes -------------------------------------------------------------------------------------


def truncate(path: Path, random: Random) -> str:
    data = path.read_bytes()
    size = random.randrange(len(data) + 1) if data else 0
    path.write_bytes(data[:size])
    return f"cut off at {size} of {len(data)} bytes"


def flip(path: Path, random: Random) -> str:
    data = bytearray(path.read_bytes())
    places = [random.randrange(len(data)) for _ in range(random.choice((1, 1, 2, 8, 64)))] if data else []
    for place in places:
        data[place] ^= 1 << random.randrange(8)
    path.write_bytes(data)
    return f"bits flipped at {places[:8]}"


def overwrite(path: Path, random: Random) -> str:
    """Put an awkward number over four or eight bytes: a size, an offset, a float."""
    data = bytearray(path.read_bytes())
    form, value = random.choice(
        (("<I", 0xFFFFFFFF), ("<I", 0x7FFFFFFF), ("<I", 0), ("<q", -1), ("<q", 1 << 62), ("<f", float("nan")))
    )
    raw = struct.pack(form, value)
    place = random.randrange(max(1, len(data) - len(raw)))
    data[place : place + len(raw)] = raw
    path.write_bytes(data)
    return f"{form} {value} at byte {place}"


def shuffle(path: Path, random: Random) -> str:
    """Remove, repeat or move a slice."""
    data = path.read_bytes()
    start = random.randrange(len(data) + 1)
    stop = min(len(data), start + random.choice((1, 4, 16, 100, 5000)))
    rest, piece = data[:start] + data[stop:], data[start:stop]
    where = random.randrange(len(rest) + 1)
    copies = random.choice((0, 0, 1, 2, 100))
    path.write_bytes(rest[:where] + piece * copies + rest[where:])
    return f"bytes {start} to {stop} taken out and put in {copies} times at {where}"


def noise(path: Path, random: Random) -> str:
    size = random.choice((0, 1, 2, 16, 1000, 70000))
    path.write_bytes(random.randbytes(size))
    return f"{size} random bytes"


_FOREIGN = (
    b"\0" * 4096, b"\xff\xfe{\0}\0", b"PK\x03\x04" + bytes(60), b"\x80\x02}q\0.", b"NaN", b"null", b"<html>",
    b"\x93NUMPY\x01\0\xff\xff{", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000, b"\xef\xbb\xbf{}",
    b"\x89PNG\r\n\x1a\n" + bytes(30), b"\r\n" * 3000, b"7767517\n999999999 999999999\n",
    b"7767517\n1 1\nInput a 0 1 a",
)  # fmt: skip


def foreign(path: Path, random: Random) -> str:
    """Another format altogether under this name."""
    data = random.choice(_FOREIGN)
    path.write_bytes(data)
    return f"foreign content {data[:16]!r}"


BYTES: tuple[Change, ...] = (truncate, truncate, flip, flip, overwrite, shuffle, noise, foreign)


# --- any file: what is at its place ----------------------------------------------------------------------


def misplace(path: Path, random: Random) -> str:
    """Put something at the path that is no such file."""
    kind = random.choice(
        ("missing", "folder", "fifo", "dangling", "loop", "device", "empty", "symlink", "sparse")
    )
    content = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "device":
        path.symlink_to(random.choice(("/dev/zero", "/dev/null", "/dev/full")))
    elif kind == "empty":
        path.touch()
    elif kind == "symlink":
        other = path.with_name("elsewhere")
        other.write_bytes(content)
        path.symlink_to(other)
    elif kind == "sparse":
        path.write_bytes(content)
        os.truncate(path, 1 << 33)
    return f"the file is {kind}"


# --- text formats ----------------------------------------------------------------------------------------


def tokens(path: Path, random: Random) -> str:
    """Change words of a text: numbers to awkward ones, words to others of the file, or swap, or drop."""
    text = path.read_text("utf-8")
    words = _split(text)
    places = [index for index, word in enumerate(words) if word.strip() and word not in '=,()[]"']
    said = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        place = random.choice(places)
        old = words[place]
        if old.lstrip("-").replace(".", "", 1).isdigit():
            new = str(random.choice((*_INTEGERS, "1e999", "0.5", "-0", "", "x")))
        else:
            new = random.choice((*_WORDS, words[random.choice(places)], old + old, old[:-1], old.swapcase()))
        words[place] = new
        said.append(f"{old!r} -> {new!r}")
    path.write_text("".join(words), "utf-8", errors="surrogatepass")
    return ", ".join(said)


def _split(text: str) -> list[str]:
    words, word = [], ""
    for char in text:
        if char in ' \t\n=,()[]"':
            words += [word, char] if word else [char]
            word = ""
        else:
            word += char
    return [*words, word]


def lines(path: Path, random: Random) -> str:
    """Drop, repeat, swap or cross lines."""
    found = path.read_text("utf-8").split("\n")
    first, second = random.randrange(len(found)), random.randrange(len(found))
    kind = random.choice(("drop", "repeat", "swap", "copy", "many"))
    if kind == "drop":
        del found[first]
    elif kind == "repeat":
        found.insert(second, found[first])
    elif kind == "swap":
        found[first], found[second] = found[second], found[first]
    elif kind == "copy":
        found[first] = found[second]
    else:
        found[first:first] = [found[first]] * 3000
    path.write_text("\n".join(found), "utf-8")
    return f"lines: {kind} {first} {second}"


# --- JSON ------------------------------------------------------------------------------------------------


def tree(path: Path, random: Random) -> str:
    """Change values anywhere in a JSON document: of another type, missing, doubled, deep, with NaN."""
    document = json.loads(path.read_text("utf-8"))
    said = []
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        holder, key = _somewhere(document, random)
        if holder is None:
            return "nothing to change"
        said.append(_change(holder, key, random))
    raw = _DEEPENED.sub(lambda match: "[" * int(match[1]) + "]" * int(match[1]), json.dumps(document))
    if random.random() < 0.05:
        raw = raw.replace("{", '{"schema": "edgekit.other/1", ', 1)
        said.append("a second schema")
    path.write_bytes(raw.encode("utf-8", "surrogatepass"))
    return "; ".join(said)


_DEEP = "nested lists: "
_DEEPENED = re.compile(rf'"{_DEEP}(\d+)"')


def _somewhere(document: Any, random: Random) -> tuple[Any, Any]:
    """Return a container and a key of it, deeper ones as likely as high ones."""
    holder, key, steps = None, None, random.randrange(1, 8)
    node = document
    for _ in range(steps):
        if not isinstance(node, dict | list) or not node:
            break
        holder = node
        key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
        node = node[key]
    return holder, key


def _change(holder: Any, key: Any, random: Random) -> str:
    old = holder[key]
    kind = random.choice(("value", "value", "value", "drop", "wrap", "deep", "swap", "add"))
    if kind == "value":
        holder[key] = copy.deepcopy(random.choice(_VALUES))
    elif kind == "drop":
        del holder[key]
    elif kind == "wrap":
        holder[key] = random.choice(([old], {"value": old}, str(old)))
    elif kind == "deep":
        holder[key] = f"{_DEEP}{random.choice((5, 500, 100_000))}"
    elif kind == "swap":
        others = list(holder) if isinstance(holder, dict) else range(len(holder))
        other = random.choice(list(others))
        holder[key], holder[other] = holder[other], old
    elif isinstance(holder, dict):
        holder[random.choice((*_WORDS, "schema", "shape", str(key) + "x"))] = copy.deepcopy(
            random.choice(_VALUES)
        )
    else:
        holder.insert(key, copy.deepcopy(random.choice(_VALUES)))
    new = "gone" if kind == "drop" else repr(holder[key] if _has(holder, key) else None)
    return f"{key}: {old!r:.60} -> {kind} {new:.60}"


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


# --- folders ---------------------------------------------------------------------------------------------


def entries(folder: Path, random: Random) -> str:
    """Change which files a folder holds."""
    files = sorted(folder.iterdir())
    first, second = random.choice(files), random.choice(files)
    kind = random.choice(("swap", "copy", "remove", "extra", "link out", "link", "moved"))
    if kind == "swap" and first != second:
        aside = folder.with_name("aside")
        first.rename(aside)
        second.rename(first)
        aside.rename(second)
    elif kind == "copy" and first != second:
        shutil.copyfile(first, second)
    elif kind == "remove":
        first.unlink()
    elif kind == "extra":
        (folder / random.choice(("a b", "ü", "\x1b[2J", "-x", "x" * 200))).write_text("x")
    elif kind == "link out":
        first.unlink()
        first.symlink_to(random.choice(("/etc/passwd", "..", "/", f"../{folder.name}", first.name)))
    elif kind in ("link", "moved"):
        folder.rename(folder.with_name("moved"))
        if kind == "link":
            folder.symlink_to(
                random.choice(("moved", "moved/../moved", "..", folder.name, "nowhere", "/dev"))
            )
    return f"folder: {kind} {first.name} {second.name}"


CONTENTS: dict[str, tuple[Change, ...]] = {
    "text": (*BYTES, *[tokens] * 8, *[lines] * 4),
    "param": (*BYTES, *[tokens] * 8, *[lines] * 4, *[wiring] * 12),
    "json": (*BYTES, *[tree] * 16),
    "npz": (*BYTES, *[archive] * 12),
    "raw": BYTES,
    "zip": (*BYTES, bomb),
}
"""Changes of a file's content, by its kind."""

KINDS: dict[str, tuple[Change, ...]] = {
    **{kind: (*changes, misplace) for kind, changes in CONTENTS.items()},
    **{f"packed {kind}": changes for kind, changes in CONTENTS.items()},  # an app's assets are always files
    "folder": (entries,),
}
