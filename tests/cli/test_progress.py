"""The status line: what a terminal receives, and that nothing else receives anything."""

import io

import pytest

from edgekit.cli.progress import StatusLine


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


def test_steps_are_drawn_over_each_other_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with StatusLine("verify", terminal) as status:
        status("running ncnn")
        status("isolating", 3, 75)
    clear = "\r\x1b[2K"
    assert terminal.shown() == f"{clear}verify: running ncnn{clear}verify: isolating 3/75{clear}"


def test_many_steps_are_drawn_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with StatusLine("verify", terminal) as status:
        for done in range(10_000):
            status("isolating", done, 10_000)
    assert terminal.shown().count("isolating") < 1000


def test_long_lines_are_cut_and_foreign_letters_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal("ascii")
    with StatusLine("export", terminal) as status:
        status("\u00e9" * 30)
    line = terminal.shown().split("\r\x1b[2K")[1]
    assert line == "export: ????????..."


@pytest.mark.parametrize("term", ["dumb", None])
def test_nobody_watching_nothing_written(monkeypatch: pytest.MonkeyPatch, term: str | None) -> None:
    stream: io.TextIOBase = io.StringIO()
    if term is not None:
        monkeypatch.setenv("TERM", term)
        stream = Terminal()
    with StatusLine("bench", stream) as status:  # type: ignore[arg-type]
        status("running", 1, 2)
    stream.seek(0)
    assert stream.read() == ""
