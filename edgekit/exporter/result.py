"""What an export leaves behind: the result of one that holds, the findings of one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from edgekit.bundle import ConverterWarning, TensorSpec
from edgekit.errors import EXIT_CHECK_FAILED, UserError
from edgekit.runtimes.trace import Source
from edgekit.verifier.model import Unmatched

EXPORT_SCHEMA = "edgekit.export/1"


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """One output of the fresh artefact against the reference, for one probe input.

    `max_abs` is the largest difference, `scale` the spread of the reference (max(std, 1e-3 max|y|)) and
    `tolerance` the difference that is still explained by rounding, all in the output's own unit.
    """

    output: str
    probe: int
    max_abs: float
    scale: float
    tolerance: float
    reason: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the output has the right shape, is finite and lies within the tolerance."""
        return self.reason is None

    @property
    def relative(self) -> float:
        """The largest difference in units of the reference's spread."""
        return self.max_abs / self.scale


@dataclass(frozen=True, slots=True)
class Fp16Cost:
    """What fp16 weights change: the worst output difference against fp32 weights, in units of its spread."""

    output: str
    relative: float
    bin_bytes_fp32: int


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A bundle that was checked before it was put in place.

    `timings_s` are wall times of its steps; `convert` is the converter's own, beside which the steps
    `reference` and `rounding` run, and `wait` what was left of it after them.
    """

    path: Path
    model: str
    route: str
    precision: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    layers: int
    parameters: int
    param_bytes: int
    bin_bytes: int
    checks: tuple[OutputCheck, ...]
    warnings: tuple[ConverterWarning, ...] = ()
    rewrites: tuple[str, ...] = ()
    fp16: Fp16Cost | None = None
    aligned_layers: int | None = None
    unmatched: tuple[Unmatched, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)


class FindingKind(StrEnum):
    """Why an export does not hold."""

    CONVERTER = "converter"
    UNKNOWN_LAYER = "unknown-layer"
    DATA_DEPENDENT = "data-dependent"
    RANDOM = "random"
    STATE = "state"
    UNUSED_INPUT = "unused-input"
    INPUTS = "inputs"
    OUTPUTS = "outputs"
    NCNN = "ncnn"
    SHAPE = "shape"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why the conversion is not accepted, the user's line it comes from, and the remedy."""

    kind: FindingKind
    message: str
    remedy: str | None = None
    sources: tuple[Source, ...] = ()


_OTHERWISE = "rewrite that part of the model with other operations"


class ExportError(UserError):
    """The model cannot be converted as it is: exit code 2, every finding with its remedy.

    Nothing was written. `log` is all that the converter said, `warnings` the lines of it that may be
    the reason.
    """

    def __init__(
        self,
        findings: tuple[Finding, ...],
        *,
        log: str = "",
        warnings: tuple[ConverterWarning, ...] = (),
    ) -> None:
        self.findings = findings
        self.log = log
        self.warnings = warnings
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        remedies = [each.remedy for each in findings if each.remedy]
        super().__init__(findings[0].message + more, remedies[0] if remedies else _OTHERWISE)


class ExportMismatch(ExportError):
    """The model was converted, but what arrived computes something else: exit code 1, a failed check."""

    exit_code = EXIT_CHECK_FAILED
