"""Finished worker runs on disk, so that an interrupted bench goes on where it stopped.

One JSON object per line, appended when its process has ended: a line that was cut off by a crash is skipped,
and so is one from another day, when the machine was another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from edgekit.errors import UserError

_FRESH_S = 12 * 3600.0


class Journal:
    """Keyed records of one bench; `path` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._records = {} if path is None else _load(path)

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return the record of that key, or None."""
        return self._records.get(key)

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record; it is on disk when this returns.

        Raises:
            UserError: the file cannot be written.
        """
        if self._path is None:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("a", encoding="utf-8")
            self._file.write(json.dumps({"key": key, "at_s": time.time(), "record": record}) + "\n")
            self._file.flush()
        except OSError as error:
            raise UserError(f"cannot write '{self._path}': {error.strerror}", "name another file") from None

    def close(self) -> None:
        """Close the file and leave it for the next time."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> None:
        """Close and remove the file: nothing is left to resume."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _load(path: Path) -> dict[str, Mapping[str, Any]]:
    records: dict[str, Mapping[str, Any]] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return records
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read '{path}': {error}", "remove it") from None
    for line in lines:
        try:
            entry = json.loads(line)
            if time.time() - float(entry["at_s"]) < _FRESH_S:
                records[entry["key"]] = entry["record"]
        except (ValueError, KeyError, TypeError):
            continue
    return records
