"""Which blob of a file of other make is which input or output of the model, and by what that is told.

Names and pnnx's numbers (`in0`, `out1`) say it; then nothing else is asked, so that an exchange inside the
net stays a fault. Where they say nothing it is inferred, from the strongest evidence to the weakest, and
the result says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from edgekit.errors import UserError
from edgekit.graph import Graph, Layer
from edgekit.runtimes.trace import Trace
from edgekit.verifier.beside import inputs_beside_weights, outputs_beside_weights


class Means(Enum):
    """What told a pair; the value is how a report says it."""

    TOLD = "by its name"
    WEIGHTS = "by the weights next to it"
    SHAPE = "by its shape"
    NUMBERS = "by its numbers"
    LAST = "as the only one left"
    ORDER = "by its place in the file"


@dataclass(frozen=True, slots=True)
class Pair:
    """A blob, the model's input or output that it is taken for, and by what."""

    blob: str
    name: str
    means: Means


Pairs = dict[str, Pair]
"""By blob, while they are being found."""


def pair_inputs(graph: Graph, trace: Trace) -> tuple[Pair, ...]:
    """Pair the file's input blobs with the model's inputs, in the model's order.

    Raises:
        UserError: they differ in number.
    """
    blobs, names = graph.input_blobs, tuple(trace.inputs)
    _check_count("input", blobs, names)
    found = _told(graph, blobs, names, "in")
    if not found:
        _add(found, _one_to_one(inputs_beside_weights(graph, trace, blobs)), Means.WEIGHTS)
        shapes = {blob: _stated_shape(graph.layers[graph.blobs[blob].producer]) for blob in blobs}
        sizes = {name: _sizes(trace.values[value].shape) for name, value in trace.inputs.items()}
        _add_last(found, blobs, names)
        _add(found, _by_shape(*_left(found, blobs, names), shapes, sizes), Means.SHAPE)
    return _completed(found, blobs, names)


def settled_pairs(
    pairs: Sequence[Pair], names: Mapping[str, str], decided: Collection[str]
) -> tuple[Pair, ...]:
    """Pair input blobs in the model's order with what they were taken for in the end.

    What another name was found for, or is `decided` for the one it had, is told by its numbers.
    """
    order = [pair.name for pair in pairs]
    settled = [
        Pair(pair.blob, names[pair.blob], Means.NUMBERS)
        if pair.blob in decided or names[pair.blob] != pair.name
        else pair
        for pair in pairs
    ]
    return tuple(sorted(settled, key=lambda pair: order.index(pair.name)))


def told_outputs(graph: Graph, trace: Trace) -> dict[str, int]:
    """Return the trace values of the output blobs, where the file itself says which is which."""
    blobs, names = graph.output_blobs, tuple(trace.outputs)
    if len(blobs) != len(names):
        return {}
    return {blob: trace.outputs[pair.name] for blob, pair in _told(graph, blobs, names, "out").items()}


def pair_outputs(graph: Graph, trace: Trace, same: Callable[[str, int], bool]) -> tuple[Pair, ...]:
    """Pair the file's output blobs with the model's outputs, in the model's order.

    `same(blob, value)` tells whether a run of ncnn gave a blob the numbers of a trace value; it is asked only
    where names and weights tell nothing, or where the file has more blobs that nothing reads than outputs.

    Raises:
        UserError: they differ in number.
    """
    blobs, names = _ends(graph, trace, same), tuple(trace.outputs)
    _check_count("output", blobs, names)
    found = _told(graph, blobs, names, "out")
    if not found:
        _add(found, _one_to_one(outputs_beside_weights(graph, trace, blobs)), Means.WEIGHTS)
        _add_last(found, blobs, names)
        rest, open_names = _left(found, blobs, names)
        alike = {blob: {name for name in open_names if same(blob, trace.outputs[name])} for blob in rest}
        _add(found, _one_to_one(alike), Means.NUMBERS)
        _add(found, _interchangeable(*_left(found, blobs, names), alike), Means.NUMBERS)
    return _completed(found, blobs, names)


def _ends(graph: Graph, trace: Trace, same: Callable[[str, int], bool]) -> tuple[str, ...]:
    """The outputs among the blobs that nothing reads; others are there where a layer has lost an input.

    They are those that are named like outputs, or that lie next to an output's weights, or have its numbers.
    """
    blobs = tuple(
        blob for blob in graph.output_blobs if graph.layers[graph.blobs[blob].producer].type != "Input"
    )
    if len(blobs) <= len(trace.outputs):
        return blobs
    named = {blob for blob in blobs if blob in trace.outputs or re.fullmatch(r"out\d+", blob)}
    weighted = _one_to_one(outputs_beside_weights(graph, trace, blobs))
    right = {blob for blob in blobs if any(same(blob, value) for value in trace.outputs.values())}
    for told in (named, weighted, right):
        if len(told) == len(trace.outputs):
            return tuple(blob for blob in blobs if blob in told)
    return blobs


def pairing_warnings(what: str, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Say in one line which blob was taken for which `what`, "input" or "output", where that was inferred."""
    inferred = [pair for pair in pairs if pair.means is not Means.TOLD]
    if not inferred:
        return ()
    taken = ", ".join(f"'{pair.blob}' for '{pair.name}' ({pair.means.value})" for pair in inferred)
    if all(pair.means is Means.ORDER for pair in inferred):
        limit = f"if they stand in another order, {what}s that were exchanged look like wrong layers"
    else:
        limit = "an exchange inside the file could not be told from another order"
    return (f"no names tell the file's {what}s apart: took {taken}; {limit}",)


def _check_count(what: str, blobs: Sequence[str], names: Sequence[str]) -> None:
    if len(blobs) != len(names):
        raise UserError(
            f"the .param has {len(blobs)} {what}s ({', '.join(blobs)}), the model {len(names)} "
            f"({', '.join(names)})",
            "name the model that the file was made from",
        )


def _told(graph: Graph, blobs: Sequence[str], names: Sequence[str], stem: str) -> Pairs:
    """Pair by what the file itself says: the model's names or pnnx's numbers; a single one is no question."""
    layers = [graph.layers[graph.blobs[blob].producer].name for blob in blobs]
    for labels in (blobs, layers):
        if sorted(labels) == sorted(names):
            return {blob: Pair(blob, name, Means.TOLD) for blob, name in zip(blobs, labels, strict=True)}
    if len(blobs) > 1 and not all(re.fullmatch(rf"{stem}\d+", blob) for blob in blobs):
        return {}
    ordered = sorted(blobs, key=lambda blob: int(blob.removeprefix(stem))) if len(blobs) > 1 else blobs
    return {blob: Pair(blob, name, Means.TOLD) for blob, name in zip(ordered, names, strict=True)}


def _stated_shape(layer: Layer) -> tuple[int, ...] | None:
    """The sizes above 1 that an Input layer states (channels, depth, height, width), None if it does not."""
    sizes = [layer.params.get(key) for key in ("2", "11", "1", "0")]  # ncnn: 0=w 1=h 11=d 2=c
    stated = tuple(size for size in sizes if isinstance(size, int))
    return _sizes(stated) if stated and all(size > 0 for size in stated) else None


def _sizes(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _by_shape(
    blobs: Sequence[str],
    names: Sequence[str],
    stated: Mapping[str, tuple[int, ...] | None],
    sizes: Mapping[str, tuple[int, ...]],
) -> dict[str, str]:
    """Pair those whose shape fits no other; a blob that states none fits all."""
    fits = {blob: {name for name in names if stated[blob] in (None, sizes[name])} for blob in blobs}
    return _one_to_one(fits)


def _one_to_one(candidates: Mapping[str, Collection[str]]) -> dict[str, str]:
    """The blobs with one candidate that is no other blob's."""
    return {
        blob: next(iter(names))
        for blob, names in candidates.items()
        if len(names) == 1
        and not any(other != blob and set(names) & set(rest) for other, rest in candidates.items())
    }


def _interchangeable(
    blobs: Sequence[str], names: Sequence[str], candidates: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Pair the rest in order where each may be any: the model gives the same numbers several times."""
    same = len(blobs) == len(names) and all(set(names) <= set(candidates[blob]) for blob in blobs)
    return dict(zip(blobs, names, strict=True)) if same else {}


def _add(found: Pairs, pairs: Mapping[str, str], means: Means) -> None:
    found.update({blob: Pair(blob, name, means) for blob, name in pairs.items()})


def _add_last(found: Pairs, blobs: Sequence[str], names: Sequence[str]) -> None:
    left, open_names = _left(found, blobs, names)
    if len(left) == 1:
        _add(found, {left[0]: open_names[0]}, Means.LAST)


def _left(found: Pairs, blobs: Sequence[str], names: Sequence[str]) -> tuple[list[str], list[str]]:
    taken = {pair.name for pair in found.values()}
    return [blob for blob in blobs if blob not in found], [name for name in names if name not in taken]


def _completed(found: Pairs, blobs: Sequence[str], names: Sequence[str]) -> tuple[Pair, ...]:
    """Pair the rest by order, and put all in the model's order."""
    _add_last(found, blobs, names)
    _add(found, dict(zip(*_left(found, blobs, names), strict=True)), Means.ORDER)
    return tuple(sorted(found.values(), key=lambda pair: names.index(pair.name)))
