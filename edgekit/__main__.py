"""`edgekit` and `python -m edgekit`: the command; a signal that comes early is answered as any other."""

import _signal  # type: ignore[import-not-found]  # `signal` is slow enough to be interrupted itself
import os
import sys

_ANSWERS = {_signal.SIGINT: "interrupted", _signal.SIGTERM: "terminated"}


def main() -> int:
    """Run the command line of this process and return its exit code."""
    for number in _ANSWERS:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _end)
    from edgekit.cli.main import main as run  # which heeds signals in its own way

    return run()


def _end(number: int, frame: object) -> None:
    """End at once, while modules are being imported: nothing has been made that would have to be removed."""
    os.write(2, f"edgekit: {_ANSWERS[number]}\n".encode("ascii"))
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
