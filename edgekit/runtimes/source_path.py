"""How reports name a source file."""

from __future__ import annotations

import functools
from pathlib import Path

_PACKAGE_PARENT = Path(__file__).absolute().parents[2]


@functools.cache
def shown_path(file: str) -> str:
    """Return a source file as reports name it: from the package's or the working folder on, else whole.

    A bundle then holds no path of the machine that made it, as far as the model lies below one of the two.
    """
    if file.startswith("<"):
        return file
    path = Path(file).absolute()
    for root in (_PACKAGE_PARENT, Path.cwd()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return str(path)
