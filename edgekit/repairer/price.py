"""What a repair costs: memory by rule, instructions on an emulated device, milliseconds on a real one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path

from edgekit.alignment.sample import Sample
from edgekit.bencher import BenchReport, bench
from edgekit.devices import Device
from edgekit.errors import UserError
from edgekit.graph import Graph, Layer
from edgekit.ops.half import mask_of, stores_half
from edgekit.repairer.masking import Masked
from edgekit.repairer.model import Cost, Keep, Price

_STORAGE = Keep.ALL & ~Keep.SUMS  # the bit of the mask that turns 16-bit storage off
_NO_WORK = ("Input", "Split", "Noop")


def price(
    before: tuple[Graph, Path],
    after: tuple[Masked, Path],
    sample: Sample,
    device: Device,
    timed_on: Device | None,
) -> Price:
    """Compare two bundles, each given as its graph and folder.

    `device` is the one that the repair was proven on: where it is emulated it counts instructions.
    `timed_on` is a real device to take times on, where one was given.
    """
    sizes = {blob: prod(array.shape) for blob, array in sample.blobs.items()}
    sizes |= {copy: sizes.get(blob, 0) for copy, blob in after[0].widened.items()}
    plain = _static(before[0], sizes, before[1])
    masked = _static(after[0].graph, sizes, after[1])
    folders = [before[1], after[1]]
    counted, note = _bench(folders, device) if device.emulated else (None, None)
    place = timed_on if timed_on is not None else (None if device.emulated else device)
    timed, why_not = _bench(folders, place) if place is not None else (None, None)
    return Price(
        _with(plain, counted, timed, 0),
        _with(masked, counted, timed, 1),
        None if place is None or timed is None else place.spec,
        note or why_not,
    )


def _static(graph: Graph, sizes: Mapping[str, int], folder: Path) -> Cost:
    """What follows from the graph: bytes of weights and of activations at 2 or 4 bytes each."""
    half = [stores_half(layer.type) and not mask_of(layer) & _STORAGE for layer in graph]
    working = [layer.type not in _NO_WORK for layer in graph]
    return Cost(
        layers=len(graph),
        half_layers=sum(
            one and two and not mask_of(layer) & Keep.ALL
            for one, two, layer in zip(half, working, graph, strict=True)
        ),
        file_bytes=sum(path.stat().st_size for path in folder.glob("model.ncnn.*")),
        weight_bytes=sum(_weights(layer) * (2 if one else 4) for layer, one in zip(graph, half, strict=True)),
        activation_bytes=sum(
            sum(sizes.get(blob, 0) for blob in (*layer.inputs, *layer.outputs)) * (2 if one else 4)
            for layer, one, two in zip(graph, half, working, strict=True)
            if two
        ),
    )


def _weights(layer: Layer) -> int:
    return sum(weight.data.size for weight in layer.weights)


def _bench(folders: list[Path], device: Device) -> tuple[BenchReport | None, str | None]:
    """Measure both; what cannot be measured is left out and said, for the repair stands without it."""
    try:
        return bench(
            [os.fspath(each) for each in folders], precision="fp16", device=device, memory=False
        ), None
    except UserError as error:
        return None, f"not measured: {error.message}"


def _with(cost: Cost, counted: BenchReport | None, timed: BenchReport | None, which: int) -> Cost:
    instructions = None if counted is None else counted.results[which].instructions
    latency = None if timed is None else timed.results[which].latency
    return Cost(
        cost.layers,
        cost.half_layers,
        cost.file_bytes,
        cost.weight_bytes,
        cost.activation_bytes,
        instructions,
        None if latency is None else latency.median_s,
    )
