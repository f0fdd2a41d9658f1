"""The command line: typing mistakes, exit codes, signals, pipes."""

import argparse
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.cli import doctor
from edgekit.cli.args import Parser
from edgekit.cli.main import build_parser, main
from edgekit.errors import EdgekitError, UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _keep_signals(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def error_of(capsys: pytest.CaptureFixture[str], *argv: str) -> list[str]:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize(
    ("argv", "message", "remedy"),
    [
        (["verfiy", "b"], "'verfiy' is not a command", "did you mean 'verify'?"),
        (
            ["zzz"],
            "'zzz' is not a command",
            "choose from export, verify, bench, diff, weights, inspect, models, doctor",
        ),
        (["repair", "b"], "'repair' is not a command", "it is: edgekit verify BUNDLE --repair fp16 -o NEW"),
        ([], "the following arguments are required: COMMAND", "see: edgekit --help"),
        (["--versoin"], "edgekit has no option '--versoin'", "did you mean '--version'?"),
        (
            ["export", "m", "--out", "x"],
            "edgekit export has no option '--out'",
            "did you mean '--output'?",
        ),
        (
            ["verify", "b", "--precison=fp16"],
            "edgekit verify has no option '--precison'",
            "did you mean '--precision'",
        ),
        (
            ["export", "m", "-o", "x", "--route", "onxx"],
            "'onxx' is not a value of --route",
            "did you mean 'onnx'",
        ),
        (["export", "m"], "the following arguments are required: -o/--output", "see: edgekit export --help"),
        (["bench", "b", "--threads", "0"], "'0' is not a list of positive numbers", "write it as in 1,2,4"),
        (["export", "m", "-o", "x", "--input", "1x3"], "'1x3' does not name an input", "NAME=1x3x224x224"),
        (["export", "m", "-o", "x", "--seed", "-1"], "'-1' is not a seed", "give a whole number"),
        (["export", "m", "-o", "x", "--seed", "x"], "'x' is not a seed", "give a whole number"),
    ],
)
def test_a_typing_mistake_is_one_line_and_a_remedy(
    capsys: pytest.CaptureFixture[str], argv: list[str], message: str, remedy: str
) -> None:
    first, second = error_of(capsys, *argv)
    assert first == f"edgekit: error: {message}"
    assert second.startswith("  remedy: ")
    assert remedy in second


def test_options_after_a_double_dash_are_no_options() -> None:
    args = build_parser().parse_args(["verify", "--", "--strange-folder"])
    assert args.bundle == "--strange-folder"


def test_defaults_of_the_commands() -> None:
    parse = build_parser().parse_args
    export = parse(["export", "m", "-o", "out", "--input", "a=1x3", "--input", "b=1x2x2"])
    assert export.input == ["a=1x3", "b=1x2x2"]
    assert (export.route, export.precision, export.weights, export.seed) == (None, None, None, None)
    verify = parse(["verify", "b"])
    assert (verify.device, verify.precision, verify.inputs, verify.ladder) == (None, "fp32", None, False)
    bench = parse(["bench", "a", "b", "--threads", "1,2"])
    assert (bench.targets, bench.device) == (["a", "b"], None)
    assert bench.threads == (1, 2)


def raising(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Make `edgekit doctor` do `act`, as a command that fails."""

    def run(args: argparse.Namespace) -> int:
        act()
        return 0

    def add_parser(subparsers: "argparse._SubParsersAction[Parser]") -> None:
        subparsers.add_parser("doctor").set_defaults(run=run)

    monkeypatch.setattr(doctor, "add_parser", add_parser)


def throw(error: BaseException) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


def test_a_user_error_is_two_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, throw(UserError("a\nb is wrong", "mend it")))
    assert error_of(capsys, "doctor") == ["edgekit: error: a b is wrong", "  remedy: mend it"]


def test_an_error_with_the_users_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class TooSlow(EdgekitError):
        exit_code = 2

    raising(monkeypatch, throw(TooSlow("no answer")))
    assert error_of(capsys, "doctor") == ["edgekit: error: no answer"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "/x"), "'/x': Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ModuleNotFoundError("No module", name="torch.nn"), "package 'torch' is not installed"),
    ],
)
def test_the_machine_can_be_mended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, message: str
) -> None:
    raising(monkeypatch, throw(error))
    assert error_of(capsys, "doctor")[0] == f"edgekit: error: {message}"


def test_a_bug_says_so_and_keeps_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("EDGEKIT_DEBUG", raising=False)
    raising(monkeypatch, throw(KeyError("lost")))
    assert main(["doctor"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "edgekit: this is a bug of edgekit: KeyError: 'lost'"
    (saved,) = tmp_path.iterdir()
    assert str(saved) in lines[1]
    assert len(lines) == 2
    assert "in throw" in saved.read_text() or "in act" in saved.read_text()


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("EDGEKIT_DEBUG", "1")
    raising(monkeypatch, throw(KeyError("lost")))
    assert main(["doctor"]) == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err


class _InAClass:
    """Python before 3.12 wraps what arrives here into a RuntimeError."""

    def __set_name__(self, owner: type, name: str) -> None:
        signal.raise_signal(signal.SIGINT)


def _in_a_failed_import() -> None:
    """What numpy makes of it: the import of its part in C fails."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as error:
        raise ImportError("the C-extensions failed") from error


class _InADestructor:
    """Python itself would print a traceback and go on."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def _wait_after_a_destructor() -> None:
    _InADestructor()
    time.sleep(60)


@pytest.mark.parametrize(
    "work",
    [lambda: type("Made", (), {"field": _InAClass()}), _in_a_failed_import, _wait_after_a_destructor],
    ids=["class", "import", "destructor"],
)
def test_an_interrupt_is_one_whatever_it_meets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], work: Callable[[], object]
) -> None:
    monkeypatch.setattr(doctor, "run", lambda args: work() and 0)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "edgekit: interrupted\n"


def test_an_interrupt_during_the_import_of_a_library_in_cpp_ends_at_once(tmp_path: Path) -> None:
    """An exception that meets PyTorch's own set-up aborts the process."""
    (tmp_path / "torch.py").write_text(f"import signal\nsignal.raise_signal({int(signal.SIGINT)})\n")
    code = (
        "import sys\n"
        "from edgekit import scratch\n"
        "from edgekit.cli import doctor\n"
        "from edgekit.cli.main import main\n"
        "def run(args):\n"
        "    with scratch.folder():\n"
        "        import torch\n"
        "doctor.add_parser = lambda subparsers: subparsers.add_parser('doctor').set_defaults(run=run)\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "sys.exit(main(['doctor']))\n"
    )
    (tmp_path / "tmp").mkdir()
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (130, "edgekit: interrupted\n")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_interrupt_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, throw(KeyboardInterrupt()))
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "edgekit: interrupted\n"


_SLEEPER = """
import sys, time, pathlib
from edgekit.cli import doctor
from edgekit.cli.main import main
def run(args):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        pathlib.Path(sys.argv[1]).write_text("cleaned up")
doctor.add_parser = lambda subparsers: subparsers.add_parser("doctor").set_defaults(run=run)
sys.exit(main(["doctor"]))
"""


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGTERM, 143, "edgekit: terminated"), (signal.SIGINT, 130, "edgekit: interrupted")],
)
def test_a_signal_lets_the_command_clean_up(tmp_path: Path, number: int, code: int, line: str) -> None:
    mark = tmp_path / "mark"
    process = subprocess.Popen(
        [sys.executable, "-c", _SLEEPER, str(mark)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert stderr.splitlines() == [line]
    assert mark.read_text() == "cleaned up"


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGTERM, 143, "edgekit: terminated\n"), (signal.SIGINT, 130, "edgekit: interrupted\n")],
)
def test_a_signal_during_the_first_imports(number: int, code: int, line: str) -> None:
    early = (
        "import os, sys\n"
        "from edgekit.__main__ import main\n"
        "class Early:\n"
        "    def find_spec(name, *rest):\n"
        f"        if name == 'edgekit.cli.main': os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Early)\n"
        "sys.exit(main())\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", early], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (code, line)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_after_the_answer_changes_nothing(number: int) -> None:
    code = (
        "import atexit, os, sys\n"
        "from edgekit.cli.main import main\n"
        f"atexit.register(os.kill, os.getpid(), {int(number)})\n"
        "sys.argv = ['edgekit', 'verify', '/no/bundle']\n"
        "sys.exit(main())\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 2
    assert [line.partition(":")[0].strip() for line in process.stderr.splitlines()] == ["edgekit", "remedy"]


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_closed_pipe_is_silent(size: int) -> None:
    code = (
        "import sys\n"
        "from edgekit.cli import doctor\n"
        "from edgekit.cli.main import main\n"
        f"run = lambda args: print('x' * {size}) or 0\n"
        "doctor.add_parser = lambda subparsers: subparsers.add_parser('doctor').set_defaults(run=run)\n"
        "sys.exit(main(['doctor']))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert process.stderr == ""
    assert process.returncode == 141


def test_a_terminal_without_unicode_is_no_error() -> None:
    code = "import sys\nfrom edgekit.cli.main import main\nsys.exit(main(['verify', 'b', '--\\u00e9']))\n"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert process.returncode == 2
    assert b"has no option '--?'" in process.stderr


def test_progress_is_shown_on_a_terminal_only() -> None:
    command = [sys.executable, "-m", "edgekit", "doctor", "--json", "-"]
    silent = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert silent.stderr == ""
    master, slave = pty.openpty()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=slave) as process:
        process.wait()
    os.close(slave)
    time.sleep(0.05)
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert "doctor: starting pnnx and ncnn" in shown
    assert shown.endswith("\x1b[2K")
