"""One trial: a change or a rewrite of a network, and what `edgekit diff` makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from net import Net, refitted
from rewrites import DISGUISE, Rewrite
from subjects import Subject
from windows import Keys

import edgekit
from edgekit.differ import Difference, DiffReport
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer

Change = Callable[[Net, int, np.random.Generator], Keys]


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: was the layer named by the right key, and what else was said.

    `wanted` are the layer and the kinds of which one is right (none of a rewrite); `rows` is all that was
    said, `invented` the part of it that is not wanted.
    """

    subject: str
    change: str
    layer: str | None
    wanted: Keys
    named: bool
    rows: tuple[str, ...] = ()
    invented: tuple[str, ...] = field(default=())

    @property
    def exact(self) -> bool:
        """Whether what is wanted was said, and nothing else."""
        return self.named and not self.invented


def try_change(
    subject: Subject, change: Change, index: int, seed: int, folder: Path, *, disguised: bool
) -> Outcome | None:
    """Change one layer of a network and compare; None where the change does not apply there."""
    rng = np.random.default_rng(seed)
    net = Net(subject.graph, subject.inputs)
    name = net.layers[index].name
    before = {layer.name for layer in net.layers}
    keys = change(net, index, rng)
    if not keys or not refitted(net):
        return None
    if all(layer.type == "Input" for layer in net.layers):
        return None  # it was the only layer: nothing is left to compare
    new = {layer.name for layer in net.layers} - before
    if disguised:
        for rewrite in DISGUISE:
            rewrite(net, rng)
    report = compare(subject, net, folder)
    layers = new if keys[0] == "extra" or (new and change.__name__.endswith("_added")) else {name}
    if change.__name__ == "dropped":
        layers = layers | twins(subject.graph, index)
    if keys == ("shape",):
        layers = layers | set(subject.graph.layers[index].outputs)
    if change.__name__ == "activation_added":
        layers = layers | {layer.name for layer in net.layers} - before  # it may be a layer of its own by now
    return judged(
        subject.name, change.__name__ + (" disguised" if disguised else ""), name, keys, layers, report
    )


def twins(graph: Graph, index: int) -> set[str]:
    """Return the layers that come in a row with one like them: which of these is gone cannot be told."""
    own = graph.layers[index]
    names, above, below = {own.name}, own, own
    while (before := graph.layers[graph.blobs[above.inputs[0]].producer]) and _alike(graph, before, above):
        above = before
        names.add(above.name)
    while len(readers := graph.blobs[below.outputs[0]].consumers) == 1 and _alike(
        graph, below, graph.layers[readers[0]]
    ):
        below = graph.layers[readers[0]]
        names.add(below.name)
    return names


def _alike(graph: Graph, before: Layer, after: Layer) -> bool:
    """Whether a layer is read by nothing but another of the same type and parameters."""
    same = (before.type, before.params) == (after.type, after.params)
    return same and len(before.outputs) == 1 and len(graph.blobs[before.outputs[0]].consumers) == 1


def try_rewrite(subject: Subject, rewrite: Rewrite, seed: int, folder: Path) -> Outcome | None:
    """Rewrite a network and compare; None where there is nothing to rewrite."""
    net = Net(subject.graph, subject.inputs)
    if not rewrite(net, np.random.default_rng(seed)):
        return None
    return judged(subject.name, rewrite.__name__, None, (), set(), compare(subject, net, folder))


def compare(subject: Subject, net: Net, folder: Path) -> DiffReport:
    """Write both sides and compare them as `edgekit diff` does."""
    path = folder / "changed.param"
    ncnn.write(net.graph(), path)
    return edgekit.diff(subject.param, path, inputs=dict(subject.inputs))


def judged(
    subject: str, change: str, layer: str | None, keys: Keys, layers: set[str], report: DiffReport
) -> Outcome:
    """Hold what was said against what is wanted."""
    rows = tuple(_row(each) for each in report.differences)
    right = [
        each for each in report.differences if each.kind in keys and each.count == 1 and _names(each) & layers
    ]
    invented = tuple(_row(each) for each in report.differences if each not in right)
    return Outcome(subject, change, layer, keys, bool(right) or not keys, rows, invented)


def _names(difference: Difference) -> set[str]:
    sides = (difference.left, difference.right)
    places = {side.place.layer for side in sides if side.place is not None}
    return places | {side.name for side in sides if side.name is not None}


def _row(each: Difference) -> str:
    sides = " | ".join(f"{side.name}: {side.value}" for side in (each.left, each.right))
    return f"{each.severity} {each.kind} {sides}" + (f" x{each.count}" if each.count > 1 else "")
