"""One trial: put a fault in, ask who is guilty, and ask what the usual checks would have said."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from effect import PART_OF_SPREAD, Effect, Tensors, effects
from kinds import KINDS
from stated import STATED
from subjects import Subject

from edgekit.errors import EdgekitError
from edgekit.graph import Graph
from edgekit.numerics.metrics import compare
from edgekit.runtimes.trace import Array, finite_scale
from edgekit.verifier import Status, VerifyReport

COUNTED = ("single", "subtle", "fp16", "unreached", "double")
"""Groups of faults that are tried before alignment too, and whose misses are told."""
HIDDEN_BY_BOUNDS = ("bound", "slope", "activation_lost", "activation_other")
ALLCLOSE = 1e-3  # rtol and atol
COSINE = 0.999
_PLACES = {"bound": 12, "slope": 3}
"""Layers of a model that get such a fault, one for others: few models have bounds that nothing reaches."""
_MOST_STATED = 6
"""Kinds of fault in what layers state that are tried in one model, drawn from those that it offers."""


@dataclass(frozen=True, slots=True)
class Site:
    """A fault to put in: what, and where."""

    kind: str
    layer: int


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a trial. `size` is the change of the faulty layer's own result in units of its spread.

    `group` is single, subtle, fp16, unreached, double or subtle_double; rounding where rounding alone may do
    as much, none where nothing changes. `absorbed` says that the next layers undo a fault. `when` is after or
    before alignment. `allclose` and `cosine` say whether these checks of the outputs would have passed,
    `first_differing` whether the first layer that differs in a whole run is the faulty one.
    """

    model: str
    faults: tuple[Site, ...]
    group: str
    when: str
    size: float
    absorbed: bool
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


def sites(subject: Subject) -> Iterator[Site]:
    """Choose layers at random for every kind of fault that a model offers, and for some of what is stated."""
    stated = [fault.__name__ for fault in STATED]
    _random(subject.name, "stated").shuffle(stated)
    kinds = [kind for kind in KINDS if kind not in stated]
    yield from _sites_of(subject, kinds)
    yield from itertools.islice(_sites_of(subject, stated), _MOST_STATED)


def _sites_of(subject: Subject, kinds: Iterable[str]) -> Iterator[Site]:
    for kind in kinds:
        fault = KINDS[kind]
        places = np.arange(len(subject.graph.layers))
        _random(subject.name, kind).shuffle(places)
        found = 0
        for place in places:
            site = Site(kind, int(place))
            if (
                found < _PLACES.get(kind, 1)
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


def after(subject: Subject, faults: tuple[Site, ...], graph: Graph, clean: Tensors) -> Record:
    """Try a fault in an artefact that was aligned while it was clean."""
    try:
        report: VerifyReport | None = subject.verify(graph)
        error = ""
    except EdgekitError as problem:
        report, error = None, str(problem)
    named = set() if report is None else culprits(report)
    measured = effects(subject, graph, [site.layer for site in faults], clean)
    passes = _outputs_pass(subject, subject.outputs(graph))
    return Record(
        subject.name,
        faults,
        group(faults, measured),
        "after",
        min(effect.size for effect in measured),
        any(effect.absorbed for effect in measured),
        named == {site.layer for site in faults},
        tuple(sorted(named)),
        error,
        allclose=passes[0],
        cosine=passes[1],
        first_differing=report is not None
        and _first_differing(subject, report) == min(site.layer for site in faults),
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
        known.model, known.faults, known.group, "before", known.size, known.absorbed, exact,
        tuple(sorted(found)), error, types=known.types,
    )  # fmt: skip


def group(faults: Sequence[Site], measured: Sequence[Effect]) -> str:
    """Sort a fault by what it does to its own layer, as measured without `edgekit verify`."""
    size = min(effect.size for effect in measured)
    if size == 0 and len(faults) == 1 and faults[0].kind in HIDDEN_BY_BOUNDS:
        return "unreached"
    if any(effect.rounding for effect in measured):
        return "none" if size == 0 else "rounding"
    if len(faults) > 1:
        return "double" if size > PART_OF_SPREAD else "subtle_double"
    if faults[0].kind == "weight_fp16":
        return "fp16"
    return "single" if size > PART_OF_SPREAD else "subtle"


def culprits(report: VerifyReport) -> set[int]:
    """Indices of the layers that are named guilty (names are not unique in ncnn)."""
    return {layer.index for layer in report.layers if layer.status is Status.FAIL}


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
