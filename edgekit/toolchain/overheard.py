"""What compiled code prints past Python, caught so that it goes into the log and not onto the terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STREAMS = (1, 2)


@contextmanager
def overheard(lines: list[str]) -> Iterator[None]:
    """Append to `lines` what is written to stdout and stderr inside the block, by whatever code."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with tempfile.TemporaryFile() as file:
        saved = [os.dup(each) for each in _STREAMS]
        try:
            for each in _STREAMS:
                os.dup2(file.fileno(), each)
            yield
        finally:
            for each, copy in zip(_STREAMS, saved, strict=True):
                os.dup2(copy, each)
                os.close(copy)
            file.seek(0)
            lines.extend(line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip())
