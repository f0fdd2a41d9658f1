"""Ctrl-C and SIGTERM as exceptions that unwind, and that no library turns into something else."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from edgekit import scratch

_AGAIN_S = 0.02
_FRAGILE = {"matplotlib", "numpy", "onnx", "onnxruntime", "onnxsim", "PIL", "safetensors", "sympy", "torch"}


class Terminated(BaseException):
    """SIGTERM arrived: unwinds like an interrupt, so that temporary folders and workers go away."""


WORDS: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_EXCEPTIONS: dict[int, type[BaseException]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
}
_arrived: list[int] = []


def raise_on_signals() -> None:
    """Turn SIGINT and SIGTERM into `KeyboardInterrupt` and `Terminated`, and remember that they came."""
    _arrived.clear()
    for number in _EXCEPTIONS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)
    sys.unraisablehook = _raise_again


def _raise(number: int, frame: FrameType | None) -> None:
    _arrived.append(number)
    if _imports_what_is_fragile(frame):
        _end(number)
    raise _EXCEPTIONS[number]


def _imports_what_is_fragile(frame: FrameType | None) -> bool:
    """Whether a library is being imported whose C++ aborts the process when an exception meets it there."""
    while frame is not None:
        if (
            frame.f_code.co_name == "_find_and_load"
            and frame.f_globals.get("__name__") == "importlib._bootstrap"
        ):
            name: str = frame.f_locals["name"]
            if name.partition(".")[0] in _FRAGILE:
                return True
        frame = frame.f_back
    return False


def _end(number: int) -> None:
    """End the process here; the programs that it has started end with it."""
    scratch.remove_all()
    line = "\r\x1b[2K" if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else ""
    os.write(2, f"{line}edgekit: {WORDS[number]}\n".encode("ascii"))
    os._exit(128 + number)


def interrupt_behind(error: BaseException) -> BaseException:
    """Return the interrupt that an error came of, or the error itself.

    Code in C that is interrupted says that something else failed, and Python before 3.12 wraps what arrives
    while a class is being made: the signal counts, not what was made of it.
    """
    if isinstance(error, KeyboardInterrupt | Terminated) or not _arrived:
        return error
    return _EXCEPTIONS[_arrived[0]]()


def _raise_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Raise an interrupt that met a destructor or a callback once more, where something can come of it."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt | Terminated):
        sys.__unraisablehook__(unraisable)
    elif _arrived:
        signal.signal(signal.SIGALRM, lambda number, frame: _raise(_arrived[0], frame))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)


def let_the_answer_stand() -> None:
    """Ignore interrupts from here on: nothing is left but Python's own end, which cannot answer them."""
    for number in (*_EXCEPTIONS, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
