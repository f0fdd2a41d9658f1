"""One trial: put a fault in, ask who is guilty, and ask what the usual checks would have said."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from kinds import KINDS
from subjects import Subject

from edgekit.errors import EdgekitError
from edgekit.graph import Graph
from edgekit.numerics.metrics import compare
from edgekit.runtimes.trace import Array, finite_scale
from edgekit.verifier import LayerResult, Status, VerifyReport

PART_OF_SPREAD = 1e-3
"""A fault counts as such when it changes its own layer by more than this part of its spread."""

HIDDEN_BY_BOUNDS = ("bound", "slope", "activation_lost", "activation_other")
ALLCLOSE = 1e-3  # rtol and atol
COSINE = 0.999


@dataclass(frozen=True, slots=True)
class Site:
    """A fault to put in: what, and where."""

    kind: str
    layer: int


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a trial. `size` is the change of the faulty layer's own result in units of its spread.

    `group` is single, subtle, fp16, unreached or double, or rounding where rounding alone may do as much;
    `when` is after or before alignment. `allclose` and `cosine` say whether these checks of the outputs would
    have passed, `first_differing` whether the first layer that differs in a whole run is the faulty one.
    """

    model: str
    faults: tuple[Site, ...]
    group: str
    when: str
    size: float
    exact: bool
    culprits: tuple[int, ...]
    error: str = ""
    allclose: bool | None = None
    cosine: bool | None = None
    first_differing: bool | None = None
    types: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return a plain object."""
        return asdict(self)


def sites(subject: Subject, per_kind: int) -> Iterator[Site]:
    """Choose some layers for every kind of fault that a model offers."""
    for kind, fault in KINDS.items():
        places = np.arange(len(subject.graph.layers))
        _random(subject.name, kind).shuffle(places)
        found = 0
        for place in places:
            site = Site(kind, int(place))
            if (
                found < per_kind
                and fault(subject.graph, site.layer, _random(subject.name, kind, place)) is not None
            ):
                found += 1
                yield site


def inject(subject: Subject, faults: Sequence[Site]) -> Graph | None:
    """Return the graph with the faults, None where one does not apply beside another."""
    graph: Graph | None = subject.graph
    for site in faults:
        if graph is not None:
            graph = KINDS[site.kind](graph, site.layer, _random(subject.name, site.kind, site.layer))
    return graph


def _random(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr([str(part) for part in key]).encode()))


def after(subject: Subject, faults: tuple[Site, ...], graph: Graph) -> Record:
    """Try a fault in an artefact that was aligned while it was clean."""
    report = subject.verify(graph)
    size = min(_size(subject, report.layers[site.layer]) for site in faults)
    passes = _outputs_pass(subject, subject.outputs(graph))
    return Record(
        subject.name,
        faults,
        group(faults, size, visible=all(_is_visible(report.layers[site.layer]) for site in faults)),
        "after",
        size,
        culprits(report) == {site.layer for site in faults},
        tuple(sorted(culprits(report))),
        allclose=passes[0],
        cosine=passes[1],
        first_differing=_first_differing(subject, report) == min(site.layer for site in faults),
        types=tuple(subject.graph.layers[site.layer].type for site in faults),
    )


def before(subject: Subject, known: Record, graph: Graph) -> Record:
    """Try the same fault where alignment sees nothing but the faulty artefact."""
    found: set[int] = set()
    error = ""
    try:
        found = culprits(subject.verify_anew(graph))
    except EdgekitError as problem:
        error = str(problem)
    exact = not error and found == {site.layer for site in known.faults}
    return Record(
        known.model, known.faults, known.group, "before", known.size, exact, tuple(sorted(found)), error,
        types=known.types,
    )  # fmt: skip


def group(faults: Sequence[Site], size: float, *, visible: bool) -> str:
    """Sort a fault by what it does to its own layer; `visible` says whether rounding cannot explain it."""
    if not visible:
        hidden = len(faults) == 1 and faults[0].kind in HIDDEN_BY_BOUNDS
        return "unreached" if hidden else "rounding"
    if len(faults) > 1:
        return "double" if size > PART_OF_SPREAD else "rounding"
    if faults[0].kind == "weight_fp16":
        return "fp16"
    return "single" if size > PART_OF_SPREAD else "subtle"


def culprits(report: VerifyReport) -> set[int]:
    """Indices of the layers that are named guilty (names are not unique in ncnn)."""
    return {layer.index for layer in report.layers if layer.status is Status.FAIL}


def _size(subject: Subject, layer: LayerResult) -> float:
    if layer.isolated is None:
        return float("inf")
    return layer.isolated.max_abs / finite_scale(subject.samples[layer.sample].blobs[layer.blob])


def _is_visible(layer: LayerResult) -> bool:
    """Whether a layer's own result on the sample is off by more than rounding explains."""
    return (
        layer.isolated is None or layer.finding is not None or layer.isolated.max_abs > (layer.floor or 0.0)
    )


def _outputs_pass(subject: Subject, outputs: dict[str, Array | None]) -> tuple[bool, bool]:
    """Whether `allclose` and the cosine of every output would let the artefact pass."""
    allclose = cosine = True
    for blob, actual in outputs.items():
        reference = subject.samples[0].blobs[blob]
        metrics = None if actual is None else compare(actual, reference).metrics
        if actual is None or metrics is None:
            return False, False
        allclose &= bool(np.allclose(actual, reference, rtol=ALLCLOSE, atol=ALLCLOSE))
        cosine &= metrics.cosine > COSINE
    return allclose, cosine


def _first_differing(subject: Subject, report: VerifyReport) -> int | None:
    """The first layer whose result in a whole run differs by more than a thousandth of its spread."""
    for layer in report.layers:
        if layer.status is Status.UNMATCHED or layer.type == "Input":
            continue
        if layer.propagated is None:
            return layer.index
        scale = finite_scale(subject.samples[layer.sample].blobs[layer.blob])
        if layer.propagated.max_abs > PART_OF_SPREAD * scale:
            return layer.index
    return None
