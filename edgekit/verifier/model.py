"""The report of a verification: typed values, and the JSON that other programs rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from edgekit import schema
from edgekit.devices import DeviceInfo
from edgekit.numerics.histogram import Histogram
from edgekit.numerics.metrics import Finding, Metrics
from edgekit.runtimes.trace import Source

VERIFY_SCHEMA = "edgekit.verify/1"


class Status(StrEnum):
    """Of a layer: does it compute what PyTorch computes; of an output: is it the right tensor."""

    PASS = "pass"
    FAIL = "fail"
    UNMATCHED = "unmatched"


class Label(StrEnum):
    """What a layer does to the error that flows through the net.

    CLEAN      no error came in, none goes out
    CREATED    the layer itself is wrong: alone, on reference inputs, it misses the reference
    AMPLIFIED  the layer is right, an error came in, and twice as much or more goes out
    INHERITED  the layer is right and hands on an error that came in
    ABSORBED   an error came in and none goes out
    """

    CLEAN = "clean"
    CREATED = "created"
    AMPLIFIED = "amplified"
    INHERITED = "inherited"
    ABSORBED = "absorbed"


@dataclass(frozen=True, slots=True)
class ScaledResult:
    """A layer with a bound, alone, on its input scaled up: where the sample itself never reaches the bound.

    `floor` is the largest max_abs that rounding explains there.
    """

    factor: float
    status: Status
    metrics: Metrics | None
    floor: float
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One ncnn layer. Of several samples the metrics are those of the worst one.

    `floor` is the largest isolated max_abs that rounding explains, `gain` the layer's relative error
    (RMSE over the reference's scale) out over in, None where nothing came in.
    """

    index: int
    name: str
    type: str
    blob: str
    shape: tuple[int, ...]
    source: Source | None
    status: Status
    label: Label
    propagated: Metrics | None = None
    isolated: Metrics | None = None
    floor: float | None = None
    gain: float | None = None
    finding: Finding | None = None
    reason: str | None = None
    method: str | None = None
    confidence: float | None = None
    typical: float | None = None
    """Median over the samples of the isolated max_abs."""
    ncnn_shape: tuple[int, ...] | None = None
    """The shape that ncnn gave in the whole run."""
    propagated_finding: Finding | None = None
    """Why there are no propagated metrics, or what is wrong in spite of them."""
    histogram: Histogram | None = None
    """Values of PyTorch and of ncnn's whole run in the same bins; left out of the JSON."""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """All blobs that the layer reads and writes."""
    scaled: ScaledResult | None = None
    """The same layer beyond the range of the sample; None where it has no bound or was not tried."""
    sample: int = 0
    """Which sample the metrics are of: the worst one for this layer."""
    why: str | None = None
    """Of a culprit: how its result differs, and whether a kernel path of ncnn is to blame."""
    remedy: str | None = None
    """Of a culprit: the one change of it that was tried and makes it right."""


@dataclass(frozen=True, slots=True)
class OutputResult:
    """One output of the model in the whole run; `floor` is what rounding explains of its max_abs."""

    name: str
    blob: str
    status: Status
    metrics: Metrics | None
    floor: float | None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A layer that has no PyTorch tensor to be compared with, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The verdict on one bundle on one device in one precision."""

    target: str
    verdict: Status
    precision: str
    device: DeviceInfo
    layers: tuple[LayerResult, ...]
    outputs: tuple[OutputResult, ...]
    culprits: tuple[str, ...]
    unmatched: tuple[Unmatched, ...]
    samples: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    """How many layers' weights are stored in less than float32, by precision."""
    conclusion: str | None = None
    """What explains all culprits together, where one cause does."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the model is the same one within what the arithmetic allows."""
        return self.verdict is Status.PASS

    @property
    def compared(self) -> int:
        """Number of layers that were compared."""
        return sum(layer.status is not Status.UNMATCHED for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """Return the object of `verify --json`, schema edgekit.verify/1."""
        return {
            "schema": VERIFY_SCHEMA,
            "target": self.target,
            "verdict": self.verdict.value,
            "precision": self.precision,
            "device": schema.to_json(self.device),
            "coverage": {
                "layers": len(self.layers),
                "compared": self.compared,
                "unmatched": schema.to_json(self.unmatched),
            },
            "layers": [_layer_json(layer) for layer in self.layers],
            "outputs": [_output_json(output) for output in self.outputs],
            "culprits": list(self.culprits),
            "conclusion": self.conclusion,
            "samples": list(self.samples),
            "weights": dict(self.weights),
            "warnings": list(self.warnings),
            **schema.to_json(self.extra),
        }


def _layer_json(layer: LayerResult) -> dict[str, Any]:
    plain: dict[str, Any] = schema.to_json(layer)
    plain.pop("histogram")
    return plain


def _output_json(output: OutputResult) -> dict[str, Any]:
    flat: dict[str, Any] = schema.to_json(output)
    metrics = flat.pop("metrics") or {}
    return {**flat, "max_abs": None, **metrics}
