"""Pages of docs/ as scripts: their files are written, their commands typed, their outputs compared.

    python -m tests.docs.pages [--write] PAGE.md ...

A fenced block after a line that ends with `` `NAME`: `` is the content of that file. In a `console` block a
line after `$ ` is typed, and what follows it is what it prints: numbers, units of time and grades may differ,
`[...]` stands for anything in a line, and a line `[...]` for any lines. `$ COMMAND  # exit 1` says what
status it ends with, 0 where it says nothing.
`--write` puts what was printed into the page where it is not what the page says.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ANYTHING = "[...]"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"`([\w./-]+)`:\s*\Z")
_STATUS = re.compile(r"\s+# exit (\d+)$")
_NUMBER = re.compile(r"[-+]?\d[\d,.]*(?:e[-+]?\d+)?")
_TIME = re.compile(r"(?<=# )(?:ns|us|ms|s)\b")
_GRADE = re.compile(r"(?<=grade )[A-D]|(?<=\s)[A-D]$")
_MACHINE = re.compile(
    r"(?<=local: ).*|(?<=^  system     ).*"
)  # a page is not about the machine that it was written on
_LONGEST_S = 900


@dataclass(frozen=True)
class File:
    """A file that a page shows."""

    name: str
    content: str


@dataclass(frozen=True)
class Command:
    """A command that a page types, what it says that it prints, and where that stands in the page."""

    line: str
    status: int
    expected: str
    start: int
    end: int


def steps(page: str) -> Iterator[File | Command]:
    """Yield the files and commands of a page in their order."""
    for block in _BLOCK.finditer(page):
        named = _FILE_NAME.search(page[: block.start()])
        if named:
            yield File(named[1], block[2])
        elif block[1] == "console":
            yield from _commands(block[2], block.start(2))


def _commands(block: str, offset: int) -> Iterator[Command]:
    starts = [match.start() for match in re.finditer(r"^\$ ", block, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        typed, newline, expected = block[start + 2 : end].partition("\n")
        while typed.endswith("\\"):
            more, newline, expected = expected.partition("\n")
            typed = f"{typed[:-1]} {more.strip()}"
        status = _STATUS.search(typed)
        first = offset + end - len(expected)
        yield Command(_STATUS.sub("", typed), int(status[1]) if status else 0, expected, first, offset + end)
        assert newline


def run(command: Command, folder: Path) -> str:
    """Type a command as a user in that folder would and return what it prints, stderr after stdout."""
    scripts = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", command.line],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "COLUMNS": "100"},
    )
    printed = done.stdout + done.stderr
    assert done.returncode == command.status, f"$ {command.line}\nexit {done.returncode}\n{printed}"
    return printed


def agrees(expected: str, printed: str) -> bool:
    """Whether a command printed what the page says, up to numbers and what the page leaves out."""
    return _matches(_plain(expected), _plain(printed))


def _plain(text: str) -> list[str]:
    lines = [_NUMBER.sub("#", _GRADE.sub("#", line.rstrip())) for line in text.splitlines()]
    return [" ".join(_TIME.sub("s", line).split()) for line in lines if line]


def _matches(expected: list[str], printed: list[str]) -> bool:
    if not expected:
        return not printed
    if expected[0] == ANYTHING:
        return any(_matches(expected[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    pattern = ".*".join(re.escape(part) for part in expected[0].split(ANYTHING))
    return bool(printed and re.fullmatch(pattern, printed[0])) and _matches(expected[1:], printed[1:])


def played(page: str, folder: Path, *, strict: bool) -> str:
    """Follow a page in an empty folder and return it with what was printed.

    Raises:
        AssertionError: a command ends otherwise, or, where `strict`, prints something else.
    """
    found, shift = page, 0
    for step in steps(page):
        if isinstance(step, File):
            path = folder / step.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.content, encoding="utf-8")
            continue
        printed = run(step, folder)
        if agrees(step.expected, printed):
            continue
        assert not strict, f"$ {step.line}\nprinted:\n{printed}\nthe page says:\n{step.expected}"
        text = "".join(f"{_MACHINE.sub(ANYTHING, line).rstrip()}\n" for line in printed.splitlines())
        found = found[: step.start + shift] + text + found[step.end + shift :]
        shift += len(text) - (step.end - step.start)
    return found


def main(arguments: list[str]) -> int:
    """Play pages; with `--write` mend them."""
    write = "--write" in arguments
    for name in arguments:
        if name == "--write":
            continue
        path = Path(name)
        with tempfile.TemporaryDirectory(prefix="page-") as folder:
            text = played(path.read_text("utf-8"), Path(folder), strict=not write)
        if write:
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
