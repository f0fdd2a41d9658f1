"""What is repaired, and all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import Bundle
from edgekit.forecaster import LayerForecast, forecast_graph
from edgekit.graph import Graph
from edgekit.verifier.storage import narrow_weights


@dataclass(frozen=True, eq=False)
class Subject:
    """A bundle, its graph, and the reference that it is held to."""

    bundle: Bundle
    graph: Graph
    alignment: Alignment
    samples: Sequence[Sample]
    fingerprint: str

    @property
    def outputs(self) -> dict[str, str]:
        """Blob -> name of the model's outputs."""
        return {output.blob: output.name for output in self.bundle.manifest.outputs}


def told_by(subject: Subject, precision: str) -> Mapping[int, LayerForecast]:
    """Return the forecast of every layer that could be told, by index."""
    stored = narrow_weights(subject.graph, subject.bundle.manifest.precision)
    found = forecast_graph(subject.graph, subject.alignment, subject.samples, precision, stored)
    return {layer.index: layer for layer in found.layers}
