"""Two culprits that have each other's weights: a .bin written in another order than its .param."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from edgekit.graph import Layer
from edgekit.verifier.variant import Variant


def exchanged(layer: Layer, others: Iterable[Layer]) -> Iterator[Variant]:
    """Yield the layer with the weights of each other one that has weights of the same names and shapes."""
    if not layer.weights:
        return
    for other in others:
        if other is not layer and _sizes(other) == _sizes(layer):
            yield Variant(replace(layer, weights=other.weights), f"the weights of {other.name}")


def _sizes(layer: Layer) -> list[tuple[str, tuple[int, ...]]]:
    return [(weight.name, weight.data.shape) for weight in layer.weights]
