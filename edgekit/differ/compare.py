"""What differs between two matched operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edgekit.differ import words
from edgekit.differ.change import Change
from edgekit.differ.model import Severity
from edgekit.differ.structure import Op

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3

Found = tuple[str, str, str, Severity, str]
"""Kind, left value, right value, severity, impact."""


def compare_pair(left: Op, right: Op) -> tuple[Change, ...]:
    """Return what differs between two matched operations; what follows from their inputs does not count."""
    if left.kind != right.kind:
        found = list(_other_kind(left, right))
    else:
        found = list(_RULES.get(left.kind, _facts)(left, right))
    return tuple(
        Change(kind, left, right, mine, theirs, severity, impact)
        for kind, mine, theirs, severity, impact in found
    )


def _other_kind(left: Op, right: Op) -> Iterator[Found]:
    kinds = {left.kind, right.kind}
    if kinds == {"conv", "linear"} and _same_product(left, right):
        return
    mine, theirs = words.title(left), words.title(right)
    if kinds in ({"pool", "resize"}, {"pool", "reduce"}):
        yield "pooling", mine, theirs, P3, "the same shape is reached in another way, with other numbers"
    else:
        yield (
            "layer",
            mine,
            theirs,
            P1,
            "another kind of layer: its weights do not fit and it computes something else",
        )


def _same_product(left: Op, right: Op) -> bool:
    """Whether a convolution and a linear layer have the same matrix: on one pixel both compute the same."""
    pointwise = _is_pointwise(left if left.kind == "conv" else right)
    return pointwise and all(left.facts[name] == right.facts[name] for name in ("in", "out"))


def _is_pointwise(op: Op) -> bool:
    return set(op.facts["kernel"]) == {1} and op.facts["groups"] == 1 and words.pads(op.facts["pads"]) == "0"


def _convolution(left: Op, right: Op) -> Iterator[Found]:
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
    if mine.get("output_padding") != theirs.get("output_padding"):
        values = words.each(mine["output_padding"]), words.each(theirs["output_padding"])
        yield (
            "padding",
            f"output {values[0]}",
            f"output {values[1]}",
            P2,
            "the size or the border of the result differs",
        )
    if mine["bias"] != theirs["bias"]:
        yield _bias(left, right)


def _bias(left: Op, right: Op) -> Found:
    mine, theirs = ("bias" if op.facts["bias"] else "no bias" for op in (left, right))
    return "bias", mine, theirs, P2, "a bias has no place on the other side; where it is zero nothing differs"


def _window(left: Op, right: Op) -> Iterator[Found]:
    """Kernel, dilation and padding; padding that a window needs to keep the size belongs to the window."""
    mine, theirs = left.facts, right.facts
    padded = not _same_pads(left, right) or words.padding(left) != words.padding(right)
    follows = padded and all(
        _keeps_size(op.facts) and words.pads(op.facts["pads"]) != "0" for op in (left, right)
    )
    explained = False
    for kind, say, impact in (
        ("kernel", words.size, "the weights do not fit, and another neighbourhood is seen"),
        ("dilation", words.each, "the weights fit, but they meet other pixels: the receptive field differs"),
    ):
        if mine[kind] == theirs[kind]:
            continue
        with_pads = follows and not explained
        values = [
            say(op.facts[kind]) + (f" (padding {words.padding(op)})" if with_pads else "")
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


def _linear(left: Op, right: Op) -> Iterator[Found]:
    if left.facts["out"] != right.facts["out"]:
        yield "channels", _channels(left), _channels(right), P1, "the weights of this layer do not fit"
    if left.facts["bias"] != right.facts["bias"]:
        yield _bias(left, right)


def _norm(left: Op, right: Op) -> Iterator[Found]:
    mine, theirs = left.facts, right.facts
    if words.norm(left) != words.norm(right):
        statistics = (mine["type"], mine["groups"]) != (theirs["type"], theirs["groups"])
        impact = (
            "mean and deviation are taken over other values"
            if statistics
            else "learned scale and shift have no place on the other side"
        )
        yield "normalization", words.norm(left), words.norm(right), P2, impact
    elif mine["eps"] != theirs["eps"]:
        impact = "tells only where the deviation is small"
        yield "normalization", f"eps {mine['eps']:g}", f"eps {theirs['eps']:g}", P3, impact


def _activation(left: Op, right: Op) -> Iterator[Found]:
    if _is_learned(left, right):
        return
    mine, theirs = words.activation(left), words.activation(right)
    if left.facts["type"] == "softmax" == right.facts["type"] and left.facts != right.facts:
        mine, theirs = (f"Softmax over axis {op.facts['params'][0]}" for op in (left, right))
    if mine != theirs:
        yield "activation", mine, theirs, P1, _activation_impact(left, right)


def _is_learned(left: Op, right: Op) -> bool:
    """Whether both bend by one slope that is learned: a PReLU, whose slope may stand in the `.param`."""
    slopes = all(
        op.facts["type"] in ("leakyrelu", "prelu") and len(op.facts["params"]) == 1 for op in (left, right)
    )
    learned = any(
        op.facts == {"type": "prelu", "params": (1,)}
        or any("prelu" in each.op.lower() for each in op.module_ops)
        for op in (left, right)
    )
    return slopes and learned


def _activation_impact(left: Op, right: Op) -> str:
    return words.ranges(left, right) or "every value that passes through is computed by another function"


def _pool(left: Op, right: Op) -> Iterator[Found]:
    if _same_pooling(left, right):
        return
    yield "pooling", words.pool(left), words.pool(right), P2, "other neighbourhoods are summed up"


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


def _resize(left: Op, right: Op) -> Iterator[Found]:
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


def _pad(left: Op, right: Op) -> Iterator[Found]:
    if left.facts != right.facts:
        yield "padding", words.title(left), words.title(right), P2, "the border is made of other values"


def _binary(left: Op, right: Op) -> Iterator[Found]:
    if left.facts == right.facts:
        return
    kind = "layer" if left.facts["op"] != right.facts["op"] else "parameters"
    impact = "the branches are joined in another way" if kind == "layer" else "another number is applied"
    yield kind, words.binary(left), words.binary(right), P1, impact


def _recurrent(left: Op, right: Op) -> Iterator[Found]:
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


def _attention(left: Op, right: Op) -> Iterator[Found]:
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


def _embed(left: Op, right: Op) -> Iterator[Found]:
    if left.facts != right.facts:
        yield "channels", words.title(left), words.title(right), P1, "the weights of this layer do not fit"


def _crop(left: Op, right: Op) -> Iterator[Found]:
    mine, theirs = left.facts.get("cuts"), right.facts.get("cuts")
    if left.facts == right.facts or (mine is not None and theirs is not None and _same_cuts(mine, theirs)):
        return
    if mine is not None and theirs is not None:
        values = [f"axis, start, size {words.plain(cuts)}" for cuts in (mine, theirs)]
    else:
        values = [words.parameters(op, sorted(op.facts)) for op in (left, right)]
    yield "parameters", values[0], values[1], P1, "another part of the tensor is taken"


Cuts = tuple[tuple[int, int, int], ...]
"""(axis, start, size) of each axis that is cut."""


def _same_cuts(mine: Cuts, theirs: Cuts) -> bool:
    """Whether the same part is taken; lengths follow from what is fed, and so do cuts at the end alone."""
    starts = [{axis: start for axis, start, _ in cuts if start} for cuts in (mine, theirs)]
    shared = {axis for axis, *_ in mine} & {axis for axis, *_ in theirs}
    sizes = [{axis: size for axis, _, size in cuts if axis in shared} for cuts in (mine, theirs)]
    proportional = starts[0].keys() == starts[1].keys() and sizes[0] != sizes[1]
    return bool(starts[0] == starts[1] or proportional)


def _shuffle(left: Op, right: Op) -> Iterator[Found]:
    if left.facts != right.facts:
        mine, theirs = (f"{op.facts['groups']} groups" for op in (left, right))
        yield "groups", mine, theirs, P1, "channels are put in another order"


def _constant(left: Op, right: Op) -> Iterator[Found]:
    return iter(())


def _concat(left: Op, right: Op) -> Iterator[Found]:
    if left.facts["long_axis"] != right.facts["long_axis"]:
        mine, theirs = (f"axis {op.facts['axis']}" for op in (left, right))
        yield "parameters", mine, theirs, P1, "branches are joined along another axis"


def _permute(left: Op, right: Op) -> Iterator[Found]:
    if left.facts["order"] != right.facts["order"]:
        mine, theirs = (f"order {words.plain(op.facts['order'])}" for op in (left, right))
        yield "parameters", mine, theirs, P1, "axes are put in another order"


def _facts(left: Op, right: Op) -> Iterator[Found]:
    """Any other kind: the facts that differ, by name."""
    names = sorted({*left.facts, *right.facts})
    differing = [name for name in names if left.facts.get(name) != right.facts.get(name)]
    if differing:
        values = [words.parameters(op, differing) for op in (left, right)]
        yield "parameters", values[0], values[1], P1, f"{left.type} computes something else"


def _nothing(left: Op, right: Op) -> Iterator[Found]:
    return iter(())


_RULES: Mapping[str, Callable[[Op, Op], Iterator[Found]]] = {
    "activation": _activation,
    "attention": _attention,
    "binary": _binary,
    "concat": _concat,
    "constant": _constant,
    "conv": _convolution,
    "crop": _crop,
    "deconv": _convolution,
    "embed": _embed,
    "input": _nothing,
    "linear": _linear,
    "norm": _norm,
    "pad": _pad,
    "permute": _permute,
    "pool": _pool,
    "recurrent": _recurrent,
    "resize": _resize,
    "shuffle": _shuffle,
}
