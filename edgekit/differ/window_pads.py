"""Does padding differ only because the window does?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.differ import words
from edgekit.differ.structure import Op

Ends = tuple[int, int]
"""What is padded at the near and at the far end of an axis."""


def window_stays(left: Op, right: Op) -> bool:
    """Whether the padding of two windows differs by no more than their lengths make necessary.

    On every axis the middle of the first and of the last window lies where it does on the other side; or both
    sides pad at one end only, and the window reaches as far over it (causal). Numbers have to be put into the
    border in the same way.
    """
    if left.facts["mode"] != right.facts["mode"] and "0" not in (words.padding(left), words.padding(right)):
        return False
    axes = zip(_ends(left.facts), _ends(right.facts), _spans(left.facts), _spans(right.facts), strict=True)
    return all(
        _middle_stays(mine, theirs, span, other) or _reaches_as_far(mine, theirs, span - other)
        for mine, theirs, span, other in axes
    )


def _spans(facts: Mapping[str, Any]) -> list[int]:
    """Return how far apart the first and the last pixel of a window are, by axis."""
    return [dilation * (size - 1) for size, dilation in zip(facts["kernel"], facts["dilation"], strict=True)]


def _ends(facts: Mapping[str, Any]) -> list[Ends]:
    """Return the padding by axis; output padding of a transposed convolution takes from the far end."""
    if facts["pads"] == "same":
        return [(span // 2, span - span // 2) for span in _spans(facts)]
    taken = facts.get("output_padding") or [0 for _ in facts["pads"]]
    return [(low, high - less) for (low, high), less in zip(facts["pads"], taken, strict=True)]


def _middle_stays(mine: Ends, theirs: Ends, span: int, other: int) -> bool:
    """Compare how far outside the middle of a window lies at both ends.

    A window of even length has no pixel in its middle: against one of odd length it may be half a pixel off.
    """
    leeway = 0.5 if (span - other) % 2 else 0.0
    return all(
        abs((own - span / 2) - (another - other / 2)) <= leeway
        for own, another in zip(mine, theirs, strict=True)
    )


def _reaches_as_far(mine: Ends, theirs: Ends, longer: int) -> bool:
    """Whether one end has no padding on both sides, and the other as much more as the window is longer."""
    return any(mine[1 - end] == theirs[1 - end] == 0 and mine[end] - theirs[end] == longer for end in (0, 1))
