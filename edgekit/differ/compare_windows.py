"""What differs between two layers with weights or windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.differ import words
from edgekit.differ.change import Found
from edgekit.differ.draft import PADS_FOLLOW
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op
from edgekit.differ.window_pads import window_stays

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3


def convolution(left: Op, right: Op) -> Iterator[Found]:
    """Channels, groups, stride, window, padding and bias."""
    mine, theirs = left.facts, right.facts
    both_depthwise = words.is_depthwise(left) and words.is_depthwise(right)
    if mine["out"] != theirs["out"] and not both_depthwise:
        yield "channels", _channels(left), _channels(right), P1, "the weights of this layer do not fit"
    if words.is_depthwise(left) != words.is_depthwise(right) or (
        not both_depthwise and mine["groups"] != theirs["groups"]
    ):
        impact = "channels are mixed in other groups, and the weights do not fit"
        yield "groups", words.groups(left), words.groups(right), P1, impact
    if mine["stride"] != theirs["stride"]:
        values = words.each(mine["stride"]), words.each(theirs["stride"])
        yield "stride", *values, P1, "another resolution from here on"
    yield from _window(left, right)
    if mine["bias"] != theirs["bias"]:
        yield _bias(left, right)


def _bias(left: Op, right: Op) -> Found:
    mine, theirs = ("bias" if op.facts["bias"] else "no bias" for op in (left, right))
    return "bias", mine, theirs, P2, "a bias has no place on the other side; where it is zero nothing differs"


def _window(left: Op, right: Op) -> Iterator[Found]:
    """Kernel, dilation and padding.

    Padding that follows a changed window (see `window_stays`) belongs to the window. A Padding layer that
    the other side has nothing against is a layer that somebody forgot, whatever the window.
    """
    mine, theirs = left.facts, right.facts
    padded = _padded_otherwise(left, right)
    trimmed = mine.get("output_padding") != theirs.get("output_padding")
    follows = (padded or trimmed) and window_stays(left, right) and not _padding_layer_alone(left, right)
    explained = False
    for kind, say, impact in (
        ("kernel", words.size, "the weights do not fit, and another neighbourhood is seen"),
        ("dilation", words.each, "the weights fit, but they meet other pixels: the receptive field differs"),
    ):
        if mine[kind] == theirs[kind]:
            continue
        with_pads = follows and not explained
        values = [
            say(op.facts[kind]) + (f" (padding {words.border(op)})" if with_pads else "")
            for op in (left, right)
        ]
        yield kind, values[0], values[1], P1, impact
        explained = explained or follows
    if padded and not explained:
        impact = (
            "the border is computed from other values"
            if left.kind == "conv"
            else "the result is cut elsewhere"
        )
        yield "padding", words.padding(left), words.padding(right), P2, impact
    if trimmed and not explained:
        values = [f"output {words.each(op.facts['output_padding'])}" for op in (left, right)]
        yield "padding", values[0], values[1], P2, "the size or the border of the result differs"


def _padded_otherwise(left: Op, right: Op) -> bool:
    """Whether pads differ, where they do not follow on both sides from what is fed."""
    alike = _follow(left) == _follow(right) != set()
    return not alike and (not _same_pads(left, right) or words.padding(left) != words.padding(right))


def _padding_layer_alone(left: Op, right: Op) -> bool:
    for op, other in ((left, right), (right, left)):
        if any(kind == "Padding" for kind, _ in op.written) and words.padding(other) == "0":
            return True
    return False


def _follow(op: Op) -> set[str]:
    return {mark for mark in op.marks if mark.startswith(PADS_FOLLOW)}


def _same_pads(left: Op, right: Op) -> bool:
    mine, theirs = left.facts["pads"], right.facts["pads"]
    if "same" in (mine, theirs):
        other = right if mine == "same" else left
        return bool(mine == theirs or _keeps_size(other.facts))
    return bool(mine == theirs)


def _keeps_size(facts: Mapping[str, Any]) -> bool:
    """Whether a convolution pads so that its stride alone sets the size: dilation * (kernel - 1) in all."""
    if facts["pads"] == "same":
        return True
    windows = zip(facts["pads"], facts["kernel"], facts["dilation"], strict=True)
    return all(low + high == dilation * (kernel - 1) for (low, high), kernel, dilation in windows)


def _channels(op: Op) -> str:
    return f"{op.facts['in'] or '?'} -> {op.facts['out']}"


def linear(left: Op, right: Op) -> Iterator[Found]:
    """Channels and bias."""
    if left.facts["out"] != right.facts["out"]:
        yield "channels", _channels(left), _channels(right), P1, "the weights of this layer do not fit"
    if left.facts["bias"] != right.facts["bias"]:
        yield _bias(left, right)


def pool(left: Op, right: Op) -> Iterator[Found]:
    """Kind, window and target of a pooling."""
    if _same_pooling(left, right):
        return
    yield "pooling", words.pool(left), words.pool(right), P2, _pooling_impact(left, right)


_TAKEN = {"max": "the largest value", "average": "the mean"}


def _pooling_impact(left: Op, right: Op) -> str:
    mine, theirs = (_TAKEN.get(str(op.facts["type"])) for op in (left, right))
    if mine == theirs or mine is None or theirs is None:
        return "other neighbourhoods are summed up"
    return f"{mine} of each neighbourhood is taken on the left, {theirs} on the right"


def _same_pooling(left: Op, right: Op) -> bool:
    """Whether two poolings do the same: of max pooling, padding at the far side only sets the size."""
    mine, theirs = left.facts, right.facts
    if mine == theirs:
        return True
    if "size" in mine or "size" in theirs or mine["type"] != theirs["type"]:
        return False
    if (mine["kernel"], mine["stride"]) != (theirs["kernel"], theirs["stride"]):
        return False
    near = [[low for low, _ in facts["pads"]] for facts in (mine, theirs)]
    numbered = not any(str(facts["rounding"]).startswith("same") for facts in (mine, theirs))
    alike = left.shape is not None and left.shape == right.shape and near[0] == near[1]
    unpadded = all(words.pads(facts["pads"]) == "0" for facts in (mine, theirs))
    return alike and numbered and (mine["type"] == "max" or unpadded)


def resize(left: Op, right: Op) -> Iterator[Found]:
    """Target and interpolation of a resampling."""
    mine, theirs = left.facts, right.facts
    target = mine.get("scale") == theirs.get("scale") and mine.get("size") == theirs.get("size")
    if not target and left.shape is not None and right.shape is not None:
        target = left.shape[1:] == right.shape[1:]
    if not target or (mine["mode"], mine["align_corners"]) != (theirs["mode"], theirs["align_corners"]):
        yield (
            "resampling",
            words.resize(left),
            words.resize(right),
            P2,
            "values are interpolated in another way",
        )


def pad(left: Op, right: Op) -> Iterator[Found]:
    """Amounts and values of a border."""
    if left.facts != right.facts:
        yield "padding", words.title(left), words.title(right), P2, "the border is made of other values"


def recurrent(left: Op, right: Op) -> Iterator[Found]:
    """Cell, width and direction of a recurrent layer."""
    mine, theirs = left.facts, right.facts
    if mine["type"] != theirs["type"]:
        yield "layer", mine["type"], theirs["type"], P1, "another kind of layer: its weights do not fit"
    elif (mine["hidden"], mine["out"]) != (theirs["hidden"], theirs["out"]):
        yield (
            "channels",
            str(mine["hidden"]),
            str(theirs["hidden"]),
            P1,
            "the weights of this layer do not fit",
        )
    if mine["direction"] != theirs["direction"]:
        yield (
            "parameters",
            mine["direction"],
            theirs["direction"],
            P1,
            "the sequence is read in another direction",
        )


def attention(left: Op, right: Op) -> Iterator[Found]:
    """Widths, heads, mask and scale of an attention."""
    mine, theirs = left.facts, right.facts
    if any(mine[name] != theirs[name] for name in ("out", "keys", "values")):
        widths = ("/".join(str(op.facts[name]) for name in ("out", "keys", "values")) for op in (left, right))
        yield "channels", next(widths), next(widths), P1, "the weights of this layer do not fit"
    if mine["heads"] != theirs["heads"]:
        impact = "the weights fit, but channels meet in other groups"
        yield "groups", f"{mine['heads']} heads", f"{theirs['heads']} heads", P1, impact
    for name in ("mask", "scale"):
        if mine[name] != theirs[name]:
            values = [words.parameters(op, [name]) for op in (left, right)]
            yield "parameters", values[0], values[1], P1, "the attention weighs its values otherwise"


def embed(left: Op, right: Op) -> Iterator[Found]:
    """Words and width of an embedding."""
    if left.facts != right.facts:
        yield "channels", words.title(left), words.title(right), P1, "the weights of this layer do not fit"
