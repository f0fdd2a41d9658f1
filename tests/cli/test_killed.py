"""A command that is ended at any moment: the earlier bundle is whole, nothing runs on, nothing is left."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.killing import EXPORT, SIGNALS, kill, run

pytestmark = pytest.mark.slow

_COMMANDS = {
    "export": ([*EXPORT, "--seed", "1"], 6.0),
    "verify": (["verify", "bundle"], 3.0),
    "bench": (["bench", "bundle"], 5.0),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a bundle; after all the kills, one more run leaves nothing but the bundle."""
    folder = tmp_path_factory.mktemp("killed")
    run(EXPORT, folder)
    yield folder
    run(EXPORT, folder)
    assert [path.name for path in folder.iterdir() if path.name != "tmp"] == ["bundle"]
    assert not [path for path in (folder / "tmp").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("command", _COMMANDS)
def test_killed(place: Path, command: str, number: signal.Signals) -> None:
    arguments, longest_s = _COMMANDS[command]
    kill(place, arguments, number, longest_s)
