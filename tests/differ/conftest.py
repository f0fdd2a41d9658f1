"""Comparisons of small `.param` texts, and the networks of the porting case, exported once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import edgekit
from edgekit.differ import DiffReport

Compare = Callable[..., DiffReport]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Return a function that compares two `.param` texts."""

    def run(left: str, right: str) -> DiffReport:
        paths = []
        for name, text in (("a", left), ("b", right)):
            path = tmp_path / f"{name}.param"
            path.write_text(counted(text), encoding="ascii")
            paths.append(path)
        return edgekit.diff(*paths)

    return run


def sections(text: str) -> list[tuple[str, str]]:
    """Split a file of cases at its `## name` lines."""
    return [
        (name.strip(), body.strip("\n"))
        for name, _, body in (part.partition("\n") for part in text.split("## ") if part.strip())
    ]


def counted(text: str) -> str:
    """Put the head of a `.param` before layer lines, with the numbers of layers and blobs."""
    lines = [line.strip() for line in text.strip().splitlines()]
    blobs = sum(int(line.split()[3]) for line in lines)
    return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines, ""])


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
