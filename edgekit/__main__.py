"""`edgekit` and `python -m edgekit`: the command; a signal that comes early is answered as any other."""

import os
import signal
import sys
from types import FrameType

_ANSWERS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def main() -> int:
    """Run the command line of this process and return its exit code."""
    earlier = {number: signal.getsignal(number) for number in _ANSWERS}
    heeded = [number for number, handler in earlier.items() if handler is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, _end)
    from edgekit.cli.main import main as run

    for number in heeded:
        signal.signal(number, earlier[number])
    return run()


def _end(number: int, frame: FrameType | None) -> None:
    """End at once, while modules are being imported: nothing has been made that would have to be removed."""
    os.write(2, f"edgekit: {_ANSWERS[signal.Signals(number)]}\n".encode("ascii"))
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
