"""The alignment of two sides: tried in several orders of their branches, and the best of them taken.

An alignment of sequences hangs on the order in which branches are written down. Each order misleads
somewhere: the longer branch first where a layer is gone from one of two of a length, operands as they are
numbered where converters number them otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.differ.align import Matching, match
from edgekit.differ.changes import burden
from edgekit.differ.cross import uncrossed
from edgekit.differ.draft import Draft
from edgekit.differ.sides import Side
from edgekit.differ.similarity import CHEAPLY_FED, FED
from edgekit.differ.slide import slid
from edgekit.differ.structure import Structure, Walk
from edgekit.differ.widths import wider
from edgekit.differ.wiring import rewired

Start = tuple[Structure, Structure, Mapping[int, int]]
"""Both structures, and which input operation of the left is which of the right."""

_WALKS = (Walk(longest_first=True), Walk(longest_first=False))


def best_alignment(
    sides: tuple[Side, Side], drafts: tuple[Draft, Draft], partners: Mapping[str, str]
) -> Matching:
    """Return the best alignment; `partners` are the input blobs that belong together.

    A layer that is fed by something else is rather taken for another layer than one that gives something
    else, and branches of a sum that look alike come in the order of its operands. Where this leaves
    operations that are wired elsewhere, it may be the other way round: then the alignment is taken that
    leaves least to be said.
    """
    starts = [_start(sides, drafts, partners, (walk, walk)) for walk in _WALKS]
    widened = next((each for start in starts if (each := wider(*start))), None)
    if widened is not None:
        return widened
    ways = sorted((_aligned(start) for start in starts), key=lambda each: -each.quality)
    if not rewired(ways[0]):
        return ways[0]
    exchanged = [_start(sides, drafts, partners, (walk, walk.exchanged())) for walk in _WALKS]
    ways += [_aligned(start) for start in exchanged]
    ways += [_aligned(start, CHEAPLY_FED) for start in (*starts, *exchanged)]
    return min(ways, key=burden)


def _aligned(start: Start, fed: float = FED) -> Matching:
    return slid(uncrossed(match(*start, fed)))


def _start(
    sides: tuple[Side, Side],
    drafts: tuple[Draft, Draft],
    partners: Mapping[str, str],
    walks: tuple[Walk, Walk],
) -> Start:
    mine = {blob: rank for rank, blob in enumerate(partners)}
    theirs = {partners[blob]: rank for blob, rank in mine.items()}
    left = sides[0].structure(drafts[0], mine, walks[0])
    right = sides[1].structure(drafts[1], theirs, walks[1])
    return left, right, _input_pairs(left, right, partners)


def _input_pairs(left: Structure, right: Structure, partners: Mapping[str, str]) -> dict[int, int]:
    mine = {op.facts["name"]: op.index for op in left.inputs}
    theirs = {op.facts["name"]: op.index for op in right.inputs}
    return {mine[a]: theirs[b] for a, b in partners.items() if a in mine and b in theirs}
