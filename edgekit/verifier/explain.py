"""Say of every culprit why it is wrong: how its result differs, which path of ncnn, which parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.graph import Graph, Layer
from edgekit.numerics.metrics import Finding
from edgekit.verifier.attribution import Attribution, attribute
from edgekit.verifier.conclusion import conclude
from edgekit.verifier.diagnosis import is_lost_activation, without_guess
from edgekit.verifier.model import LayerResult, Status, VerifyReport
from edgekit.verifier.refit import zero_bias
from edgekit.verifier.remedy import find_remedies
from edgekit.verifier.run import Artefact
from edgekit.verifier.spoilt import rounded_weights, spoilt

_MOST_EXPLAINED = 16
_ELEMENTWISE = frozenset(
    "UnaryOp BinaryOp Sigmoid TanH Swish GELU HardSwish HardSigmoid Mish Softplus ELU SELU Softmax".split()
)
_WEIGHTED = ("convolution", "addmm", "mm", "bmm", "linear")
_NO_FAULT = ("Split", "Input")
_ARITHMETIC = ("add", "sub", "rsub", "mul", "div", "pow")


def explain(
    verdict: VerifyReport,
    artefact: Artefact,
    alignment: Alignment,
    samples: Sequence[Sample],
    *,
    remedies: bool = True,
) -> VerifyReport:
    """Run the first culprits alone, in several ways, and add what that shows.

    `remedies` tries what could have been meant in place of a layer that is wrong on every path.
    """
    guilty = [layer for layer in verdict.layers if layer.status is Status.FAIL][:_MOST_EXPLAINED]
    if not guilty:
        return verdict
    found = {each.index: each for each in _attributions(guilty, artefact, alignment, samples)}
    own = {
        layer.index: layer.sample
        for layer in guilty
        if layer.index not in found or not found[layer.index].blamed
    }
    mended = find_remedies(artefact, alignment, samples, own) if remedies and own else {}
    rounded = rounded_weights(artefact.graph)
    layers = tuple(
        replace(
            layer,
            why=_why(
                artefact.graph.layers[layer.index],
                found.get(layer.index),
                mended.get(layer.index),
                _before_weights(alignment.layers[layer.index]),
                _between(artefact.graph, alignment.layers[layer.index]),
                layer.finding,
                _own_cause(artefact.graph, alignment.layers[layer.index], rounded),
            ),
            remedy=mended.get(layer.index),
        )
        for layer in verdict.layers
    )
    extra: Mapping[str, object] = {**verdict.extra, "attribution": tuple(found.values())}
    paths = any(each.blamed for each in found.values())
    shared = None if paths else conclude(layers, artefact.graph, alignment)
    return replace(verdict, layers=layers, conclusion=shared, extra=extra)


def _attributions(
    guilty: Sequence[LayerResult], artefact: Artefact, alignment: Alignment, samples: Sequence[Sample]
) -> list[Attribution]:
    return [
        each
        for number in sorted({layer.sample for layer in guilty})
        for each in attribute(
            artefact,
            alignment,
            samples[number],
            [layer.index for layer in guilty if layer.sample == number],
        )
    ]


def _why(
    layer: Layer,
    found: Attribution | None,
    remedy: str | None,
    missing: str | None,
    between: Sequence[Layer] = (),
    finding: Finding | None = None,
    bad: Sequence[str] = (),
) -> str | None:
    """Return the sentences, without the first one's capital and the last one's full stop.

    `between` are the layers without a tensor of PyTorch's that run together with it. What a `finding`
    of zeros says already is not said again. `bad` is what can be seen in the layer itself.
    """
    if found is None:
        return None
    seen = found.diagnosis
    elementwise = layer.type in _ELEMENTWISE  # has no activation, window or bias to guess at
    if seen is not None and (found.blamed or elementwise):  # a guess at parameters would contradict the path
        seen = without_guess(seen)
    parts = [] if seen is None or finding is Finding.ALL_ZERO else [seen]
    if found.blamed:
        parts.append(found.sentence)
    elif remedy is not None:
        parts.append(f"it is right with {remedy}")
    elif found.sentence and not bad and not is_lost_activation(seen):
        at_fault = f"its {_parts_of(layer)}{_or_those_of(between)} are at fault"
        zeros = ", and all of its biases are zero" if zero_bias(layer) else ""
        parts.append(f"it is wrong whichever kernel of ncnn computes it: {at_fault}{zeros}")
    parts += [] if found.blamed or is_lost_activation(seen) else bad
    if missing is not None and not found.blamed:
        parts.append(missing)
    if not parts:
        return None
    return ". ".join([parts[0], *(part[:1].upper() + part[1:] for part in parts[1:])])


def _before_weights(entry: LayerAlignment) -> str | None:
    """Name the arithmetic of the model that stands before a layer's weights and has no layer of its own."""
    operations = [(each, each.op.rpartition(".")[2]) for each in entry.operations]
    heavy = next((at for at, (_, name) in enumerate(operations) if name in _WEIGHTED), 0)
    missing = [(each, name) for each, name in operations[:heavy] if name in _ARITHMETIC]
    if not missing:
        return None
    source = missing[0][0]
    names = ", ".join(dict.fromkeys(name for _, name in missing))
    where = "" if source.file is None else f" at {Path(source.file).name}:{source.line}"
    lack = "have no layers" if len(missing) > 1 else "has no layer"
    return f"the model's {names}{where} {lack} in the .param: edgekit diff shows whether more is missing"


def _own_cause(graph: Graph, entry: LayerAlignment, rounded: Mapping[int, Sequence[str]]) -> list[str]:
    """Name what can be seen to be wrong in a layer or in those that run with it."""
    layer = graph.layers[entry.index]
    found = [f"its {words}" for words in (*spoilt(layer), *rounded.get(entry.index, ()))]
    found += [f"{each.name}'s {words}" for each in _between(graph, entry) for words in spoilt(each)]
    if layer.type == "Noop" and entry.operations:
        meant = entry.operations[-1].op.rpartition(".")[2].strip("_").removesuffix("_kernel")
        found.append(f"it does nothing where the model computes {meant}")
    return found


def _between(graph: Graph, entry: LayerAlignment) -> list[Layer]:
    """Return the layers between a layer and the blobs at which the reference is put in to run it alone."""
    found: set[int] = set()
    pending = [blob for blob in graph.layers[entry.index].inputs if blob not in entry.anchors]
    while pending:
        above = graph.blobs[pending.pop()].producer
        if above not in found:
            found.add(above)
            pending += [blob for blob in graph.layers[above].inputs if blob not in entry.anchors]
    return [graph.layers[index] for index in sorted(found) if graph.layers[index].type not in _NO_FAULT]


def _or_those_of(between: Sequence[Layer]) -> str:
    if not between:
        return ""
    which = "which has" if len(between) == 1 else "which have"
    names = " and ".join(each.name for each in between)
    return f", or those of {names}, {which} no tensor of PyTorch's and run with it,"


def _parts_of(layer: Layer) -> str:
    parts = ["weights"] if layer.weights else []
    parts += ["inputs"] if len(layer.inputs) > 1 else []
    return " or ".join([*parts, "parameters"])
