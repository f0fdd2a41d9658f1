"""What would make a culprit right: run every variant of it alone and keep the first that agrees with PyTorch.

All variants of all culprits lie in one net that no layer of them shares, so that one worker tries them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edgekit import scratch
from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.alignment.scaled import ScaledCase
from edgekit.devices import WorkerCrashed, WorkerError
from edgekit.errors import UserError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.numerics.floors import floor
from edgekit.numerics.metrics import Array, compare
from edgekit.runtimes.ncnn import PRECISIONS, Case, Feed, run_cases
from edgekit.verifier.affine import refitted
from edgekit.verifier.exchanged import exchanged
from edgekit.verifier.limits import Limits, limits_of
from edgekit.verifier.refit import refits
from edgekit.verifier.run import Artefact
from edgekit.verifier.variant import Variant
from edgekit.verifier.variants import variants

_UNCHANGED = ""
"""The words of the layer as it is: where that agrees in a net of its own, no change of it is a remedy."""

_MOST_BYTES = 64 << 20
"""Of weights in the net of all variants."""


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """One variant of one culprit in the net, its blobs named after it."""

    name: str
    entry: LayerAlignment
    variant: Variant


def find_remedies(
    artefact: Artefact, alignment: Alignment, samples: Sequence[Sample], culprits: Mapping[int, int]
) -> dict[int, str]:
    """Return layer index -> the words of the variant that is right; nothing where none is.

    `culprits` maps the layer's index to the sample on which it is worst. A variant has to agree on that
    sample and, where the layer has one, on its scaled input.
    """
    first = list(_trials(artefact, alignment, samples, culprits))
    tensors = _run(artefact, alignment, samples, culprits, first)
    limits = limits_of(artefact, alignment, samples)
    found: dict[int, str] = {}
    _keep_right(found, first, tensors, samples, culprits, limits)
    refitted = list(
        _refits([trial for trial in first if trial.entry.index not in found], tensors, samples, culprits)
    )
    tensors = _run(artefact, alignment, samples, culprits, refitted)
    _keep_right(found, refitted, tensors, samples, culprits, limits)
    return {index: words for index, words in found.items() if words != _UNCHANGED}


def _keep_right(
    found: dict[int, str],
    trials: Sequence[_Trial],
    tensors: Mapping[str, Array],
    samples: Sequence[Sample],
    culprits: Mapping[int, int],
    limits: Limits,
) -> None:
    """Add the words of each culprit's first variant that is right to `found`."""
    for trial in trials:
        index = trial.entry.index
        if index not in found and _agrees(trial, tensors, samples, culprits[index], limits):
            found[index] = trial.variant.words


def _run(
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    culprits: Mapping[int, int],
    trials: Sequence[_Trial],
) -> Mapping[str, Array]:
    """Run all trials in one net; where ncnn cannot load or run that, ever fewer, without those it cannot."""
    if not trials:
        return {}
    with scratch.folder() as folder:
        param, weights = folder / "variants.param", folder / "variants.bin"
        cases = [case for trial in trials for case in _cases(trial, alignment, samples, culprits)]
        try:
            ncnn.write(_net(trials), param, weights)
            reply = run_cases(artefact.device, param, weights, cases, PRECISIONS[artefact.precision])
            reply.close()
            return reply.tensors
        except (WorkerCrashed, WorkerError, UserError) as error:
            halved = isinstance(error, WorkerError)  # a worker that hangs is waited for only once a culprit
    found: dict[str, Array] = {}
    for part in _apart(trials, halved):
        found |= _run(artefact, alignment, samples, culprits, part)
    return found


def _apart(trials: Sequence[_Trial], halved: bool) -> list[Sequence[_Trial]]:
    """Return each culprit's trials for themselves; those of one culprit in halves, or not at all."""
    groups = itertools.groupby(trials, lambda trial: trial.entry.index)
    apart: list[Sequence[_Trial]] = [list(group) for _, group in groups]
    if len(apart) > 1:
        return apart
    half = len(trials) // 2 if halved else 0
    return [trials[:half], trials[half:]] if half else []


def _refits(
    trials: Sequence[_Trial],
    tensors: Mapping[str, Array],
    samples: Sequence[Sample],
    culprits: Mapping[int, int],
) -> Iterator[_Trial]:
    """Other weights for the culprits that no other parameter makes right, from what they gave unchanged."""
    left = _MOST_BYTES
    for trial in trials:
        actual = tensors.get(f"{trial.name}:{trial.name}")
        if trial.variant.words != _UNCHANGED or actual is None:
            continue
        layer, (blob,) = trial.variant.layer, trial.entry.outputs
        blobs = samples[culprits[trial.entry.index]].blobs
        fitted = (
            *refits(layer, blobs[layer.inputs[0]], actual, blobs[blob]),
            *refitted(layer, actual, blobs[blob]),
        )
        for count, variant in enumerate(fitted):
            left -= sum(weight.data.nbytes for weight in variant.layer.weights)
            if left < 0:
                return
            yield _Trial(f"{trial.entry.index}r{count}", trial.entry, variant)


def _trials(
    artefact: Artefact, alignment: Alignment, samples: Sequence[Sample], culprits: Mapping[int, int]
) -> Iterator[_Trial]:
    """Every variant that can be run: of layers that run on inputs of their own."""
    left = _MOST_BYTES
    for index, number in culprits.items():
        entry, layer = alignment.layers[index], artefact.graph.layers[index]
        own = bool(layer.inputs) and sorted(entry.anchors) == sorted(layer.inputs)
        if not own or len(entry.outputs) != 1:
            continue
        size = sum(weight.data.nbytes for weight in layer.weights)
        given, wanted = _range(samples[number], entry, layer.inputs[0])
        others = [artefact.graph.layers[other] for other in culprits]
        meant = itertools.chain(exchanged(layer, others), variants(layer, given, wanted))
        tried = itertools.chain([Variant(layer, _UNCHANGED)], meant)
        for count, variant in enumerate(tried):
            left -= size
            if left < 0:
                return
            yield _Trial(f"{index}v{count}", entry, variant)


def _range(sample: Sample, entry: LayerAlignment, first: str) -> tuple[Array, Array]:
    """The layer's first input and its output, where its bounds show: scaled up if it has that."""
    (blob,) = entry.outputs
    for case in _scaled(sample, entry):
        return case.inputs[first], case.outputs[blob]
    return sample.blobs[first], sample.blobs[blob]


def _scaled(sample: Sample, entry: LayerAlignment) -> list[ScaledCase]:
    return [case for case in sample.scaled if case.layer == entry.index]


def _net(trials: Sequence[_Trial]) -> Graph:
    layers: list[Layer] = []
    for trial in trials:
        names = [f"{trial.name}_{blob}" for blob in trial.entry.anchors]
        layers += [Layer("Input", name, (), (name,)) for name in names]
        layer = trial.variant.layer
        read = tuple(f"{trial.name}_{blob}" for blob in layer.inputs)
        layers.append(replace(layer, name=trial.name, inputs=read, outputs=(trial.name,), text=None))
    return Graph(tuple(layers))


def _cases(
    trial: _Trial, alignment: Alignment, samples: Sequence[Sample], culprits: Mapping[int, int]
) -> Iterator[Case]:
    sample = samples[culprits[trial.entry.index]]
    yield _case(trial.name, trial, alignment, sample.blobs)
    for case in _scaled(sample, trial.entry):
        yield _case(f"{trial.name}s", trial, alignment, case.inputs)


def _case(name: str, trial: _Trial, alignment: Alignment, blobs: Mapping[str, Array]) -> Case:
    first = trial.variant.layer.inputs[0]
    feeds = {
        f"{trial.name}_{blob}": Feed(
            trial.variant.feed(blobs[blob]) if blob == first else blobs[blob],
            alignment.blobs[blob].layout.batch_axis,
        )
        for blob in trial.entry.anchors
    }
    return Case(name, feeds, (trial.name,))


def _agrees(
    trial: _Trial, tensors: Mapping[str, Array], samples: Sequence[Sample], number: int, limits: Limits
) -> bool:
    (blob,) = trial.entry.outputs
    sample = samples[number]
    wanted = [(trial.name, sample.blobs[blob], limits.isolated(blob, number))]
    wanted += [
        (f"{trial.name}s", case.outputs[blob], floor(case.noise[blob], limits.precision, limits.sums(blob)))
        for case in _scaled(sample, trial.entry)
    ]
    return all(
        _within(tensors.get(f"{name}:{trial.name}"), expected, limit) for name, expected, limit in wanted
    )


def _within(actual: Array | None, expected: Array, limit: float) -> bool:
    if actual is None:
        return False
    found = compare(actual, expected)
    return found.metrics is not None and found.finding is None and found.metrics.max_abs <= limit
