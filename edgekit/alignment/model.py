"""The alignment as a value: for each ncnn blob its PyTorch tensor, for each layer its source lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edgekit.alignment.layout import Layout
from edgekit.runtimes.trace import Source


class Method(StrEnum):
    """How an alignment was found, from strongest to weakest."""

    INPUT = "input"
    OUTPUT = "output"
    VALUES = "values"
    TOPOLOGY = "topology"
    LOOKAHEAD = "lookahead"
    STRUCTURE = "structure"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class BlobAlignment:
    """One ncnn blob and the trace value that it stands for.

    `confidence` is 1 where the numbers alone decide, lower where topology, look-ahead or structure had
    to. `error` is the root mean square distance in units of the tensor's scale when it was found.
    """

    blob: str
    value: int
    layout: Layout
    method: Method
    confidence: float
    error: float
    scale: float = 1.0
    """What the blob holds over what PyTorch's tensor holds: see `multiples`; repairs change it too."""


@dataclass(frozen=True, slots=True)
class LayerAlignment:
    """One ncnn layer: the piece of the trace that it stands for and where that stands in the user's code.

    `segment` are the trace nodes between the aligned inputs and outputs; `source` sums them up,
    `operations` names each. `anchors` are the blobs at which the reference is injected to run the layer
    alone: its own inputs, or, through unmatched layers, the nearest aligned blobs above.
    """

    index: int
    name: str
    type: str
    outputs: tuple[str, ...]
    anchors: tuple[str, ...]
    segment: tuple[int, ...] = ()
    source: Source | None = None
    operations: tuple[Source, ...] = ()
    reason: str | None = None

    @property
    def aligned(self) -> bool:
        """Whether at least one output stands for a PyTorch tensor."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Alignment:
    """All layers in file order and all aligned blobs by name."""

    layers: tuple[LayerAlignment, ...]
    blobs: Mapping[str, BlobAlignment]
    suspects: tuple[str, ...] = ()
    """Blobs whose numbers did not match when they were aligned (by look-ahead or structure)."""

    @property
    def coverage(self) -> float:
        """Share of layers that are aligned."""
        return sum(layer.aligned for layer in self.layers) / max(len(self.layers), 1)
