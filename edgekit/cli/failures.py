"""What a failure looks like on the command line: a line, a remedy, an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import tempfile
import traceback

from edgekit.cli.signals import WORDS, Terminated, interrupt_behind
from edgekit.errors import EXIT_BUG, EXIT_USER_ERROR, EdgekitError, UserError, missing_package

DEBUG_VARIABLE = "EDGEKIT_DEBUG"
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE

_MENDABLE_ERRNOS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE,
    errno.ENFILE, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO,
}  # fmt: skip
_TORCH_HAS_NO_MEMORY = "DefaultCPUAllocator: can't allocate memory"
_LONGEST_LINE = 400


def exit_code_of(error: BaseException) -> int:
    """Tell the user about `error` on stderr and return the exit code that it means."""
    error = interrupt_behind(error)
    if isinstance(error, EdgekitError) and error.exit_code == EXIT_USER_ERROR:
        return _user_error(error)
    if isinstance(error, ModuleNotFoundError) and (missing := missing_package(error)):
        return _user_error(missing)
    if isinstance(error, KeyboardInterrupt):
        _say(f"edgekit: {WORDS[signal.SIGINT]}")
        return EXIT_INTERRUPTED
    if isinstance(error, Terminated):
        _say(f"edgekit: {WORDS[signal.SIGTERM]}")
        return EXIT_TERMINATED
    if isinstance(error, BrokenPipeError) and _stdout_is_broken():
        return EXIT_BROKEN_PIPE
    if isinstance(error, OSError) and error.errno in _MENDABLE_ERRNOS:
        name = error.filename if error.filename2 is None else error.filename2  # of a copy: where it goes
        place = f"'{name}': " if name is not None else ""
        return _user_error(UserError(f"{place}{error.strerror}", "mend the permissions or free some space"))
    if _lacks_memory(error):
        what = f"there is not enough memory: {error}" if str(error) else "there is not enough memory"
        return _user_error(UserError(what, "use smaller shapes, or close other programs"))
    return _bug(error)


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and _TORCH_HAS_NO_MEMORY in str(error)
    )


def _user_error(error: EdgekitError) -> int:
    message, remedy = (error.message, error.remedy) if isinstance(error, UserError) else (str(error), None)
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    _say(f"edgekit: error: {_one_line(message)}")
    if remedy is not None:
        _say(f"  remedy: {_one_line(remedy)}")
    return EXIT_USER_ERROR


def _bug(error: BaseException) -> int:
    details = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG_VARIABLE):
        _say(details.rstrip())
    _say(f"edgekit: this is a bug of edgekit: {type(error).__name__}: {_one_line(str(error))}")
    try:
        descriptor, path = tempfile.mkstemp(prefix="edgekit-", suffix=".traceback.txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{' '.join(sys.argv)}\n\n{details}")
    except OSError:
        _say(f"  remedy: run it again with {DEBUG_VARIABLE}=1 and report the traceback")
    else:
        _say(f"  remedy: report it with the traceback in {path}")
    return EXIT_BUG


def _one_line(text: str) -> str:
    """Return a text on one line of bearable length, without what could steer a terminal."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    if len(line) <= _LONGEST_LINE:
        return line
    half = _LONGEST_LINE // 2
    return f"{line[: half - 3]} ... {line[-half + 2 :]}"


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # stderr is closed: the exit code still tells
        print(line, file=sys.stderr, flush=True)


def _stdout_is_broken() -> bool:
    """Whether stdout's reader is gone; if so, point it elsewhere so that the flush at exit is silent."""
    poll = select.poll()
    poll.register(sys.stdout, select.POLLOUT)
    broken = any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
    if broken:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return broken
