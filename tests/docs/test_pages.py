"""Every tutorial is followed as it is written: its files, its commands, what they print."""

import re
from pathlib import Path

import pytest

from edgekit.devices.qemu import find_program
from tests.docs.pages import Command, File, agrees, played, steps

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=[page.stem for page in TUTORIALS])
def test_a_tutorial_is_true(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    if "qemu:" in text and find_program() is None:
        pytest.skip("qemu is not installed: apt-get install qemu-user-static")
    played(text, tmp_path, strict=True)


def test_there_is_a_tutorial_for_every_job() -> None:
    assert {page.stem for page in TUTORIALS} == {
        "add-a-device",
        "add-a-model",
        "compare-with-a-shipped-binary",
        "find-the-guilty-layer",
        "how-fast-is-it",
        "nan-on-the-phone",
        "port-a-model",
    }


PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("benchmarks/**/*.md"),
    *ROOT.glob("*/README.md"),
]


@pytest.mark.parametrize("page", sorted(set(PAGES)), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads], (
                target
            )


def test_a_page_is_read_as_a_script() -> None:
    shown = "Save `a.py`:\n\n```python\nx = 1\n```\n\n"
    text = f"{shown}```console\n$ one  # exit 1\nout 3\n$ two \\\n    more\n```\n"
    file, one, two = steps(text)
    assert file == File("a.py", "x = 1\n")
    assert isinstance(one, Command) and isinstance(two, Command)
    assert (one.line, one.status, one.expected) == ("one", 1, "out 3\n")
    assert (two.line.split(), two.status, two.expected) == (["two", "more"], 0, "")
    assert text[one.start : one.end] == "out 3\n"


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("took 3.1 s\n", "took 12 s\n", True),
        ("took 3.1 s\n", "took 3.1 ms\n", True),
        ("took 3.1 s\n", "took 3.1 MB\n", False),
        ("a\n[...]\nz\n", "a\nb\nc\nz\n", True),
        ("a\n[...]\nz\n", "a\nz\n", True),
        ("a\n[...]\nz\n", "a\nb\n", False),
        ("1.2 ms, grade A\n", "3.4 ms, grade C\n", True),
        ("cpu [...], 4 cores\n", "cpu A (R), 2 cores\n", True),
        ("a\n", "a\nb\n", False),
        ("", "anything\n", False),
    ],
)
def test_numbers_may_differ_and_words_may_not(expected: str, printed: str, same: bool) -> None:
    assert agrees(expected, printed) is same
