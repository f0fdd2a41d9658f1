"""Find the smallest set of layers to keep out of half precision.

1. A layer that fails alone fails the verdict whatever its neighbours do, so it is in every repair. It gets
   the weakest mask with which it is right alone: no winograd kernel where it has one (it stays in fp16 then),
   float32 sums, float32 storage.
2. If the outputs are right with these masks, the set is the smallest there is: none of it can be left out.
3. If they are not, small errors add up. Then all other layers are masked, as weakly as will do, and the set
   is halved for as long as the outputs stay right (Zeller and Hildebrandt, Simplifying and Isolating
   Failure-Inducing Input, 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edgekit.alignment.model import Alignment
from edgekit.graph import Graph
from edgekit.ops.half import stores_half, takes_winograd
from edgekit.repairer.model import Keep
from edgekit.repairer.probe import Prober
from edgekit.units import counted

_TRIED = {Keep.DIRECT: "no winograd", Keep.SUMS: "float32 sums", Keep.ALL: "float32 storage"}


class Hopeless(Exception):
    """No set of masks makes the model right; the message says which layers, or outputs, stay wrong."""


def search(prober: Prober, culprits: Collection[int], beyond: Collection[int]) -> dict[int, Keep]:
    """Return the masks by layer index.

    `culprits` are the layers that failed alone; `beyond` those of them that handle numbers that fp16 cannot
    hold, for which float32 sums alone need not be tried.

    Raises:
        Hopeless: some layer, or an output, is wrong with every mask.
    """
    masks = _for_culprits(prober, culprits, frozenset(beyond))
    what = "the outputs with these masks" if masks else "the outputs without a mask"
    if not prober.whole(what, masks):
        return masks
    return _for_outputs(prober, masks)


def _for_culprits(prober: Prober, culprits: Collection[int], beyond: frozenset[int]) -> dict[int, Keep]:
    graph = prober.artefact.graph
    groups = {index: _made_of(prober.alignment, graph, index) for index in culprits}
    winograd = {index for index in groups if len(groups[index]) == 1 and takes_winograd(graph.layers[index])}
    eligible = {Keep.DIRECT: winograd - beyond, Keep.SUMS: set(groups) - beyond, Keep.ALL: set(groups)}
    masks: dict[int, Keep] = {}
    left = set(groups)
    for keep in Keep:
        wanted = eligible[keep] & left
        if not wanted:
            continue
        tried = {member: keep for index in wanted for member in groups[index]}
        what = _TRIED[keep] + (" in the culprits" if left == set(groups) else " in those still wrong")
        right = wanted - prober.alone(what, {**masks, **tried}, wanted)
        masks |= {member: keep for index in right for member in groups[index]}
        left -= right
    if left:
        names = ", ".join(prober.alignment.layers[index].name for index in sorted(left))
        raise Hopeless(f"{names}: wrong in float32 too, so no mask helps")
    return masks


def _made_of(alignment: Alignment, graph: Graph, index: int) -> tuple[int, ...]:
    """A layer with those before it that stand for no tensor: they ran with it when it ran alone."""
    entry = alignment.layers[index]
    members, wanted = [index], set(graph.layers[index].inputs) - set(entry.anchors)
    while wanted:
        producer = graph.blobs[wanted.pop()].producer
        if producer not in members and graph.layers[producer].type != "Input":
            members.append(producer)
            wanted |= set(graph.layers[producer].inputs) - set(entry.anchors)
    return tuple(sorted(members))


def _for_outputs(prober: Prober, masks: dict[int, Keep]) -> dict[int, Keep]:
    """Widen the set until the outputs are right, then halve what was added."""
    layers = prober.artefact.graph.layers
    others = [index for index, layer in enumerate(layers) if index not in masks and stores_half(layer.type)]
    others = [index for index in others if layers[index].type not in ("Input", "Split")]
    winograd = [index for index in others if takes_winograd(layers[index])]
    for keep, candidates in ((Keep.DIRECT, winograd), (Keep.SUMS, others), (Keep.ALL, others)):
        everything = {**masks, **dict.fromkeys(candidates, keep)}
        if not candidates or prober.whole(f"the outputs with {_TRIED[keep]} in every layer", everything):
            continue

        def holds(chosen: Sequence[int], keep: Keep = keep) -> bool:
            tried = {**masks, **dict.fromkeys(chosen, keep)}
            return not prober.whole(
                f"the outputs with {_TRIED[keep]} in {counted(len(chosen), 'more layer')}", tried
            )

        return {**masks, **dict.fromkeys(minimal(candidates, holds), keep)}
    raise Hopeless("the outputs are wrong with every layer in float32 too")


def minimal(candidates: Sequence[int], holds: Callable[[Sequence[int]], bool]) -> list[int]:
    """Return a subset of `candidates` that holds and of which no single member can be left out.

    `holds` is true for all of `candidates`. Chunks are left out, the largest first, while that works.
    """
    kept = list(candidates)
    size = max(1, len(kept) // 2)
    while kept:
        start, shrunk = 0, False
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if holds(fewer):
                kept, shrunk = fewer, True
            else:
                start += size
        if size == 1 and not shrunk:
            break
        size = max(1, min(size, len(kept)) // 2)
    return kept
