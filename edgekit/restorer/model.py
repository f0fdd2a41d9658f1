"""What bringing weights back leaves behind, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit import schema
from edgekit.differ import DiffReport
from edgekit.errors import EXIT_CHECK_FAILED, UserError
from edgekit.exporter.result import OutputCheck
from edgekit.verifier import VerifyReport

WEIGHTS_SCHEMA = "edgekit.weights/1"


@dataclass(frozen=True, slots=True)
class Restored:
    """Weights that were brought back into a module and verified there.

    `carried` are the names in the state dict that got numbers of the binary, `neutral` those that were set
    to do nothing (the statistics of a BatchNorm that is folded in the binary), `kept` those of which the
    converted network holds nothing, with the values that the module had.
    """

    path: Path
    ncnn: str
    model: str
    parameters: int
    carried: tuple[str, ...]
    neutral: tuple[str, ...]
    kept: tuple[str, ...]
    stored: tuple[str, ...]
    checks: tuple[OutputCheck, ...]
    layers: int
    layers_compared: int
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> OutputCheck | None:
        """The output that differs most from the binary's, in units of its spread."""
        return max(self.checks, key=lambda check: check.relative, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the document of `weights --json`."""
        document: dict[str, Any] = schema.to_json(self)
        document["checks"] = [
            {**schema.to_json(check), "passed": check.passed, "relative": schema.to_json(check.relative)}
            for check in self.checks
        ]
        return {"schema": WEIGHTS_SCHEMA, "restored": True, **document}


class StructuresDiffer(UserError):
    """The binary and the module are different networks: exit code 1, with the differences."""

    exit_code = EXIT_CHECK_FAILED

    def __init__(self, report: DiffReport) -> None:
        self.report = report
        count = len(report.differences)
        super().__init__(
            f"'{report.a}' and '{report.b}' are different networks: {count} "
            f"difference{'s' if count != 1 else ''}",
            f"make the changes that are listed, or see: edgekit diff {report.a} {report.b}",
        )


class NotRestored(UserError):
    """The loaded module does not compute what the binary computes: exit code 1. Nothing was written."""

    exit_code = EXIT_CHECK_FAILED

    def __init__(self, checks: tuple[OutputCheck, ...], verdict: VerifyReport | None) -> None:
        self.checks = checks
        self.verdict = verdict
        culprits = () if verdict is None else verdict.culprits
        failed = [check for check in checks if not check.passed]
        what = (
            f"output '{failed[0].output}': {failed[0].reason}" if failed else f"layer '{culprits[0]}' differs"
        )
        more = f"; the layers {', '.join(culprits[:3])} differ" if failed and culprits else ""
        super().__init__(
            f"the module with the binary's weights computes something else than the binary ({what}{more})",
            "check that the model is the one that the binary was made from, with the same arguments",
        )
