"""A ladder as a value: rungs from the PyTorch model to the precision that runs on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from edgekit import schema
from edgekit.verifier import VerifyReport


class RungStatus(StrEnum):
    """Whether a stage computes what the stage before it computes."""

    PASS = "pass"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage compared with the nearest one below that ran.

    `max_abs` is the largest difference over all outputs in the unit of the worst one, `relative` the same
    in units of that output's scale, `floor` what rounding explains of `max_abs`.
    """

    name: str
    rung: str
    status: RungStatus
    max_abs: float | None = None
    relative: float | None = None
    floor: float | None = None
    output: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rungs, lowest first, and one sentence that names the first that breaks."""

    rungs: tuple[Rung, ...]
    sentence: str

    @property
    def broken(self) -> Rung | None:
        """The first rung that fails, None when the ladder holds."""
        return next((rung for rung in self.rungs if rung.status is RungStatus.FAIL), None)


def with_ladder(report: VerifyReport, ladder: Ladder) -> VerifyReport:
    """Add a ladder to a report; it explains the verdict and does not change it."""
    rungs = schema.to_json(ladder.rungs)
    return replace(report, extra={**report.extra, "ladder": rungs, "ladder_sentence": ladder.sentence})
