"""What happens during an export: steps with their times, warnings, the converter's log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from edgekit.bundle import ConverterWarning
from edgekit.exporter.result import ExportError, Finding

Progress = Callable[[str], None]


class Ledger:
    """Collects what the result and the errors of one export report."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._warnings: list[ConverterWarning] = []
        self._log: list[str] = []
        self.timings_s: dict[str, float] = {}

    def time(self, name: str, elapsed_s: float) -> None:
        """Add a time that was taken elsewhere, beside other steps, to `timings_s[name]`."""
        self.timings_s[name] = self.timings_s.get(name, 0.0) + elapsed_s

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        """Show `text` as progress and add the time of the block to `timings_s[name]`."""
        self._progress(text)
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self.time(name, time.perf_counter() - began_s)

    def warn(self, warnings: Iterable[ConverterWarning]) -> None:
        """Keep warnings for the result, or for the error if it comes to one."""
        self._warnings.extend(warnings)

    def write(self, text: str) -> None:
        """Append to the converter's log."""
        if text.strip():
            self._log.append(text.rstrip())

    @property
    def warnings(self) -> tuple[ConverterWarning, ...]:
        """Every warning once."""
        return tuple(dict.fromkeys(self._warnings))

    @property
    def log(self) -> str:
        """The whole log."""
        return "\n".join(self._log) + "\n"

    def demand(self, findings: Sequence[Finding], kind: type[ExportError] = ExportError) -> None:
        """Raise when there is any finding."""
        if findings:
            raise kind(tuple(findings), log=self.log, warnings=self.warnings)
