"""Operations and their facts in words, as people write them in a comparison: `3x3`, `1 -> 16`, `TanH`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgekit.differ.draft import AFFINE, PIECE
from edgekit.differ.structure import Op
from edgekit.units import format_shape

_ACTIVATIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leakyrelu": "LeakyReLU",
    "clip": "Clip",
    "sigmoid": "Sigmoid",
    "tanh": "TanH",
    "mish": "Mish",
    "hardswish": "HardSwish",
    "hardsigmoid": "HardSigmoid",
    "softmax": "Softmax",
    "gelu": "GELU",
    "swish": "Swish",
    "prelu": "PReLU",
    "elu": "ELU",
    "celu": "CELU",
    "selu": "SELU",
    "glu": "GLU",
    "softplus": "Softplus",
}
_KINDS = {"conv": "Conv", "deconv": "ConvTranspose", "linear": "Linear"}


def title(op: Op) -> str:
    """Return what an operation is, with all that tells it from others: `Conv 1 -> 16, 3x3, stride 2`."""
    say = _TITLES.get(op.kind)
    return str(op.facts.get("type", op.type)) if say is None else say(op)


def _linear(op: Op) -> str:
    return f"Linear {op.facts['in']} -> {op.facts['out']}"


def _padding(op: Op) -> str:
    mode = "" if op.facts["mode"] == "constant" else f", {op.facts['mode']}"
    return f"Padding {pads(op.facts['pads'])}{mode}"


def _recurrent(op: Op) -> str:
    direction = "" if op.facts["direction"] == "forward" else f", {op.facts['direction']}"
    return f"{op.facts['type']} {op.facts['in']} -> {op.facts['hidden']}{direction}"


def _attention(op: Op) -> str:
    return f"attention {op.facts['out']}, {op.facts['heads']} heads"


def _input(op: Op) -> str:
    return "input" if op.shape is None else f"input {format_shape(op.shape)}"


def _convolution(op: Op) -> str:
    facts = op.facts
    words = [
        f"{'depthwise ' if is_depthwise(op) else ''}{_KINDS[op.kind]} {facts['in'] or '?'} -> {facts['out']}"
    ]
    words.append(size(facts["kernel"]))
    if set(facts["stride"]) != {1}:
        words.append(f"stride {each(facts['stride'])}")
    if pads(facts["pads"]) != "0":
        words.append(f"padding {padding(op)}")
    if set(facts["dilation"]) != {1}:
        words.append(f"dilation {each(facts['dilation'])}")
    if facts["groups"] != 1 and not is_depthwise(op):
        words.append(f"{facts['groups']} groups")
    return ", ".join(words)


def is_depthwise(op: Op) -> bool:
    """Whether a convolution has one filter (or more) for each single input channel."""
    groups = op.facts.get("groups", 1)
    return bool(groups != 1 and groups == op.facts.get("in"))


def groups(op: Op) -> str:
    """Return the groups of a convolution."""
    return "depthwise" if is_depthwise(op) else str(op.facts["groups"])


def size(sizes: Sequence[int]) -> str:
    """Return a window: `3x3`."""
    return format_shape(sizes)


def each(sizes: Sequence[int]) -> str:
    """Return a number for all axes where it is the same, else one for each: `2`, `1x2`."""
    return str(sizes[0]) if len(set(sizes)) == 1 else format_shape(sizes)


def pads(amounts: Any) -> str:
    """Return padding: `1`, `1x2` by axis, or all sides when they differ."""
    if isinstance(amounts, str):
        return amounts
    while len(amounts) > 1 and not any(amounts[0]) and len(set(amounts[-1])) > 1:
        amounts = amounts[1:]
    if len({side for axis in amounts for side in axis}) == 1:
        return str(amounts[0][0])
    if all(low == high for low, high in amounts):
        return "x".join(str(low) for low, _ in amounts)
    names = (("front", "behind"), ("top", "bottom"), ("left", "right"))[-len(amounts) :]
    sides = [
        f"{name} {amount}"
        for axis, both in zip(names, amounts, strict=True)
        for name, amount in zip(axis, both, strict=True)
    ]
    return ", ".join(sides)


def padding(op: Op) -> str:
    """Return how a convolution pads: `1`, `1, reflect`."""
    amounts, mode = pads(op.facts["pads"]), op.facts["mode"]
    return amounts if mode == "zeros" or amounts == "0" else f"{amounts}, {mode}"


def border(op: Op) -> str:
    """Return all that a convolution pads, that of the output too: `1, output 1`."""
    more = op.facts.get("output_padding", ())
    return padding(op) + (f", output {each(more)}" if any(more) else "")


def activation(op: Op) -> str:
    """Return an activation's name, with its numbers where it has any."""
    name = _ACTIVATIONS.get(op.facts["type"], str(op.facts["type"]))
    numbers = op.facts["params"]
    if op.facts["type"] in ("prelu", "softmax") or not numbers:
        return name
    if op.facts["type"] == "glu":
        return f"{name} over axis {int(numbers[0])}"
    return f"{name}({', '.join(f'{each:g}' if isinstance(each, float) else str(each) for each in numbers)})"


def is_of_prelu(op: Op) -> bool:
    """Whether a model is known to have made an activation of an nn.PReLU, whatever stands in the file."""
    return any("prelu" in each.op.lower() for each in op.module_ops)


def norm(op: Op) -> str:
    """Return a normalisation without its channels, which follow from what feeds it."""
    facts = op.facts
    name = str(facts["type"])
    if facts["groups"] is not None:
        name += f" with {facts['groups']} group{'s' if facts['groups'] != 1 else ''}"
    return name if facts["affine"] else f"{name} without scale and shift"


def pool(op: Op) -> str:
    """Return a pooling."""
    facts = op.facts
    if "size" in facts:
        if set(facts["size"]) == {1}:
            return f"global {facts['type']} pooling"
        return f"adaptive {facts['type']} pooling to {size(facts['size'])}"
    words = [f"{facts['type']} pooling {size(facts['kernel'])}", f"stride {each(facts['stride'])}"]
    if pads(facts["pads"]) != "0":
        words.append(f"padding {pads(facts['pads'])}")
    if facts["rounding"] == "full":
        words.append("sizes rounded up")
    elif isinstance(facts["rounding"], str) and facts["rounding"].startswith("same"):
        words.append(facts["rounding"].replace("_", " "))
    if facts.get("count_padding"):
        words.append("padding counted")
    return ", ".join(words)


def resize(op: Op) -> str:
    """Return a resampling."""
    facts = op.facts
    target = f"to {size(facts['size'])}" if "size" in facts else f"by {each(_whole(facts['scale']))}"
    return f"{facts['mode']} resize {target}" + (", corners aligned" if facts["align_corners"] else "")


def _whole(scale: Sequence[float]) -> tuple[Any, ...]:
    return tuple(int(number) if float(number).is_integer() else number for number in scale)


REVERSED = {"rsub": "{:g} - x", "rdiv": "{:g} / x", "rpow": "{:g} ** x", "pow": "x ** {:g}"}
"""Operations on a number that have no short name, as a formula."""


def binary(op: Op) -> str:
    """Return an operation on two tensors, or on one and a number."""
    operation, scalar = op.facts["op"], op.facts["scalar"]
    if operation == AFFINE:
        offset = op.facts["offset"]
        return f"x * {scalar:g} {'-' if offset < 0 else '+'} {abs(offset):g}"
    if op.facts.get("coefficients"):
        return f"{operation}, weighted {_listed([f'{number:g}' for number in op.facts['coefficients']])}"
    if scalar is None:
        return str(operation)
    return REVERSED[operation].format(scalar) if operation in REVERSED else f"{operation} {scalar:g}"


def reduction(op: Op) -> str:
    """Return what is made of which axes: `mean over axis 1`."""
    axes, coefficient = op.facts["axes"], op.facts["coefficient"]
    over = (
        f" over ax{'is' if len(axes) == 1 else 'es'} {_listed([str(axis) for axis in axes])}" if axes else ""
    )
    return f"{op.facts['op']}{over}" + (f", times {coefficient:g}" if coefficient != 1 else "")


def _listed(items: Sequence[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def part(op: Op) -> int | None:
    """Return which of the pieces of a Slice an operation takes, counted from 1."""
    found = [mark for mark in op.marks if mark.startswith(PIECE)]
    return int(found[0].removeprefix(PIECE)) + 1 if found else None


def _permute(op: Op) -> str:
    order = op.facts["order"]
    return f"Permute {plain(order)}" if isinstance(order, tuple) else "Permute"


def parameters(op: Op, names: Sequence[str]) -> str:
    """Return some facts by name."""
    shown = [f"{name.replace('_', ' ')} {plain(op.facts.get(name))}" for name in names]
    return ", ".join(shown) or title(op)


def plain(value: Any) -> str:
    """Return a fact as it is."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "(" + ", ".join(plain(item) for item in value) + ")"
    return str(value)


_TITLES: Mapping[str, Callable[[Op], str]] = {
    "activation": activation,
    "attention": _attention,
    "binary": binary,
    "concat": lambda op: "Concat",
    "constant": lambda op: f"constant {format_shape(op.facts['shape'])}",
    "conv": _convolution,
    "crop": lambda op: "Slice" if op.type == "Slice" else "Crop",
    "deconv": _convolution,
    "embed": lambda op: f"Embedding {op.facts['in']} x {op.facts['out']}",
    "input": _input,
    "linear": _linear,
    "norm": norm,
    "pad": _padding,
    "permute": _permute,
    "pool": pool,
    "recurrent": _recurrent,
    "reduce": reduction,
    "resize": resize,
    "shuffle": lambda op: f"channel shuffle of {op.facts['groups']} groups",
    "unary": lambda op: str(op.facts["op"]),
    "view": lambda op: f"Reshape to {format_shape(op.facts['shape'])}",
}
