"""Networks that are alike but for their width: the same operations wired alike, other numbers of channels.

Aligned by what their layers have in common, such networks would be shifted against each other, since the
layers of one are as wide as later ones of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from edgekit.differ import words
from edgekit.differ.align import Matching
from edgekit.differ.change import Change
from edgekit.differ.structure import Op, Structure

_FEWEST = 3
_MOST_OTHERS = 0.2  # numbers of channels are rounded to multiples, and the classes stay as they are
_WIDTHS = frozenset({"in", "out", "hidden", "channels", "groups", "keys", "values", "cuts", "size", "scale"})


def wider(left: Structure, right: Structure, inputs: Mapping[int, int]) -> Matching | None:
    """Return the alignment one to one, if it leaves only numbers of channels, nearly all in one ratio."""
    if len(left) != len(right):
        return None
    pairs = dict(inputs)
    for mine, theirs in zip(left, right, strict=True):
        if mine.kind == "input" or theirs.kind == "input":
            if pairs.get(mine.index) != theirs.index:
                return None
            continue
        fed = [(pairs.get(producer), slot) for producer, slot in mine.inputs]
        if not _alike(mine, theirs) or fed != list(theirs.inputs):
            return None
        pairs[mine.index] = theirs.index
    ratios = [ratio for mine, theirs in zip(left, right, strict=True) if (ratio := _ratio(mine, theirs)) != 1]
    told = [ratio for ratio in ratios if ratio is not None]
    common = Counter(told).most_common(1)
    if len(told) < _FEWEST or common[0][1] < (1 - _MOST_OTHERS) * len(told):
        return None
    return Matching(left, right, pairs)


def _alike(left: Op, right: Op) -> bool:
    if left.kind != right.kind or words.is_depthwise(left) != words.is_depthwise(right):
        return False
    names = (left.facts.keys() | right.facts.keys()) - _WIDTHS
    return all(left.facts.get(name) == right.facts.get(name) for name in names)


def _ratio(left: Op, right: Op) -> Fraction | None:
    """Return how many times as wide the left is; None of what has no width."""
    mine, theirs = left.facts.get("out"), right.facts.get("out")
    return Fraction(mine, theirs) if isinstance(mine, int) and isinstance(theirs, int) and theirs else None


def said_once(changes: Sequence[Change]) -> list[Change]:
    """Give the changes of width that are in one ratio that ratio, by which they are one difference."""
    ratios = [_ratio_of(change) for change in changes]
    counts = Counter(ratio for ratio in ratios if ratio is not None)
    return [
        change if ratio is None or counts[ratio] < _FEWEST else _told(change, ratio)
        for change, ratio in zip(changes, ratios, strict=True)
    ]


def _ratio_of(change: Change) -> Fraction | None:
    if change.kind != "channels" or change.left is None or change.right is None:
        return None
    return _ratio(change.left, change.right)


def _told(change: Change, ratio: Fraction) -> Change:
    wide, side = (ratio, "left") if ratio > 1 else (1 / ratio, "right")
    impact = f"{change.impact}; the {side} is {float(wide):.3g} times as wide"
    return replace(change, ratio=ratio, impact=impact)
