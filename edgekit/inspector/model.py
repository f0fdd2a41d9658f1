"""What an inspection finds: one row for each layer, totals, and what is unusual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit import schema

INSPECT_SCHEMA = "edgekit.inspect/1"
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer. What depends on shapes is None where they are not known.

    `facts` are the parameters in words (`kernel`, `stride`, ...); `precision` is how the weights are
    stored ("fp32", "fp16", "int8", ...), None without weights (without a `.bin`: "int8" where scales tell
    it); `turned_off` are the features that the layer's mask (31=) turns off; `module` is the place in the
    PyTorch model, where a bundle knows it.
    """

    index: int
    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_shapes: tuple[Shape | None, ...]
    output_shapes: tuple[Shape | None, ...]
    parameters: int | None
    macs: int | None
    weight_bytes: int | None
    activation_bytes: int | None
    precision: str | None
    turned_off: tuple[str, ...]
    facts: Mapping[str, Any]
    registered: bool
    module: str | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: its blob, its name in PyTorch where a bundle knows it, its shape."""

    blob: str
    name: str | None
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class PrecisionShare:
    """How many weights, and bytes of them, are stored in one way."""

    weights: int
    parameters: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Remark:
    """Something unusual: which layer, of what kind, and what to do about it.

    Kinds: "unknown" (ncnn has no such layer), "parameter" (ignored or misread), "dead" (computed for
    nothing), "weights" (not finite, all zero, beyond fp16), "slow" (off the fast kernels), "unfused",
    "shape" (cannot be told, or the file's hint is wrong), "file".
    """

    kind: str
    message: str
    layer: int | None = None
    name: str | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class BlobPeak:
    """An estimate of the memory that blobs take at most, and where: by liveness, not measured.

    Counted are the blobs that later layers still need, with ncnn's padding of channels, as in the
    `blob_peak_bytes` that a bench measures; not counted are the inputs, which the caller holds, the
    weights and the scratch memory of the kernels.
    """

    bytes_fp32: int
    bytes_half: int
    layer: int
    name: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the layers. `macs` is None when the shapes of too much are unknown.

    `macs_unknown` counts layers with weights whose MACs are not in the sum.
    """

    layers: int
    parameters: int
    macs: int | None
    macs_unknown: int
    weight_bytes: int
    param_file_bytes: int
    bin_file_bytes: int | None


@dataclass(frozen=True, slots=True)
class InspectReport:
    """A whole inspection."""

    name: str
    kind: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[LayerSummary, ...]
    totals: Totals
    memory: BlobPeak | None
    precision: Mapping[str, PrecisionShare]
    types: Mapping[str, int]
    remarks: tuple[Remark, ...]
    ncnn: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the document of `inspect --json`."""
        return {"schema": INSPECT_SCHEMA, **schema.to_json(self)}
