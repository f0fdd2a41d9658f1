"""The PyTorch spelling of what has no weights: calls that move, cut, join and sum up numbers.

Axes are counted without the batch in an operation's facts, and with it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgekit.differ import words
from edgekit.differ.draft import AFFINE
from edgekit.differ.structure import Op

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_REDUCTIONS = {
    "sum": "x.sum({dim})",
    "asum": "x.abs().sum({dim})",
    "sumsq": "x.square().sum({dim})",
    "mean": "x.mean({dim})",
    "max": "x.amax({dim})",
    "min": "x.amin({dim})",
    "prod": "x.prod({dim})",
    "l1": "x.abs().sum({dim})",
    "l2": "torch.linalg.vector_norm(x, {dim})",
    "logsum": "x.sum({dim}).log()",
    "logsumexp": "x.logsumexp({dim})",
}
_OTHERS = {
    "CumulativeSum": "x.cumsum(...)",
    "Flip": "x.flip(...)",
    "Fold": "F.fold(...)",
    "GridSample": "F.grid_sample(...)",
    "LRN": "nn.LocalResponseNorm({local_size}, alpha={alpha:g}, beta={beta:g}, k={bias:g})",
    "MatMul": "torch.matmul(x, y)",
    "Normalize": "F.normalize(x)",
    "PixelShuffle": "nn.PixelShuffle({upscale_factor})",
    "Reorg": "nn.PixelUnshuffle({stride})",
    "SDPA": "F.scaled_dot_product_attention(...)",
    "Tile": "x.repeat(...)",
    "Unfold": "F.unfold(...)",
}


def binary(op: Op) -> str:
    """Return an operation on two tensors, or on one and a number (`x * 2 + 1`)."""
    operation, scalar = op.facts["op"], op.facts["scalar"]
    if operation == AFFINE or (scalar is not None and operation in words.REVERSED):
        return words.binary(op)
    symbol = _SYMBOLS.get(operation)
    if symbol == "+" and scalar is not None and scalar < 0:
        symbol, scalar = "-", -scalar
    other = "y" if scalar is None else f"{scalar:g}"
    return f"x {symbol} {other}" if symbol else f"torch.{operation}(x, {other})"


def concat(op: Op) -> str:
    """Return the call that joins."""
    return f"torch.cat(..., dim={_dim(op.facts['axis'])})"


def permute(op: Op) -> str:
    """Return the call that puts axes in another order."""
    order = op.facts["order"]
    if not isinstance(order, tuple):
        return "x.permute(...)"
    return f"x.permute({', '.join(map(str, (0, *map(_dim, order))))})"


def reduction(op: Op) -> str:
    """Return the call that sums up axes."""
    pattern, axes = _REDUCTIONS.get(op.facts["op"]), [_dim(axis) for axis in op.facts["axes"]]
    if pattern is None or not axes:
        return words.title(op)
    call = pattern.format(dim=f"dim={axes[0] if len(axes) == 1 else tuple(axes)}")
    return call if op.facts["coefficient"] == 1 else f"{op.facts['coefficient']:g} * {call}"


def constant(op: Op) -> str:
    """Return a tensor of the model's own."""
    return f"nn.Parameter(torch.empty{(1, *op.facts['shape'])})"


def crop(op: Op) -> str:
    """Return the slice that takes a part, where it is clear which axis is cut."""
    cuts: Sequence[tuple[int | None, ...]] = op.facts.get("cuts", ())
    if len(cuts) != 1 or None in cuts[0] or op.shape is None:
        return "a slice of x"
    axis, start, size, _ = (number or 0 for number in cuts[0])
    longer = [sum(length != 1 for length in op.shape[:place]) for place in range(len(op.shape))]
    found = [place for place, length in enumerate(op.shape) if (length, longer[place]) == (size, axis)]
    if len(found) != 1:
        return "a slice of x"
    return f"x[{':, ' * _dim(found[0])}{start}:{start + size}]"


def shuffle(op: Op) -> str:
    """Return the module that shuffles channels."""
    return f"nn.ChannelShuffle({op.facts['groups']})"


def scale(op: Op) -> str:
    """Return the product and the sum that a scale is."""
    factor = "" if op.facts["type"] == "Bias" else " * weight"
    offset = " + bias" if op.facts["bias"] else ""
    return f"x{factor}{offset}, learned for each of {op.facts['channels']} channels"


def view(op: Op) -> str:
    """Return the call that gives another shape."""
    return f"x.reshape({', '.join(map(str, (-1, *op.facts['shape'])))})"


def other(op: Op) -> str:
    """Return what makes a layer that has no rule of its own."""
    pattern = _OTHERS.get(str(op.facts.get("type", op.type)))
    try:
        return words.title(op) if pattern is None else pattern.format(**op.facts)
    except (KeyError, ValueError):
        return words.title(op)


def _dim(axis: int) -> int:
    return axis + 1 if axis >= 0 else axis


CALLS: Mapping[str, Callable[[Op], str]] = {
    "binary": binary,
    "concat": concat,
    "constant": constant,
    "crop": crop,
    "matmul": other,
    "other": other,
    "permute": permute,
    "reduce": reduction,
    "scale": scale,
    "shuffle": shuffle,
    "unary": lambda op: f"torch.{op.facts['op']}(x)",
    "view": view,
}
