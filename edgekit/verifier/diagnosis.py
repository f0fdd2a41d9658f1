"""Why is a layer wrong? Compare what it gave with what it should have given and name the relation.

Each test is a hypothesis with a residual; the first one that explains all but a hundredth of the error
is the diagnosis. A wrong diagnosis would mislead, so anything less is left unsaid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.verifier.lost import LOST, lost_activation

Array = npt.NDArray[Any]

_WAYS = {(0, -1): "up", (0, 1): "down", (1, -1): "to the left", (1, 1): "to the right"}
_EXPLAINED = 0.01
_MOST_CHANNELS = 4096
_ACTIVATION = "an activation"
_Test = Callable[[Array, Array], tuple[float, str] | None]


def diagnose(actual: Array | None, reference: Array) -> str | None:
    """Return one sentence on how `actual` differs from `reference` (ncnn's order of axes), or None.

    Channels are the outermost axis. Arrays of several million elements take a fraction of a second.
    """
    if actual is None:
        return "ncnn gives no result for this blob"
    if actual.shape != reference.shape:
        return f"the shape is {_times(actual.shape)} instead of {_times(reference.shape)}"
    y, r = actual.astype(np.float64), reference.astype(np.float64)
    broken = ~np.isfinite(y) & np.isfinite(r)
    if broken.any():
        return _not_finite(y, broken)
    if not np.isfinite(y).all():
        return None
    if not np.isfinite(r).all():
        return f"the reference is not finite in {float(np.mean(~np.isfinite(r))):.1%} of the numbers"
    error = _norm(y - r)
    if error == 0:
        return None
    if not y.any():
        return "every number is zero"
    for test in _TESTS:
        found = test(y, r)
        if found is not None and found[0] <= _EXPLAINED * error:
            return found[1]
    return _where(y, r)


def is_lost_activation(sentence: str | None) -> bool:
    """Whether a sentence of `diagnose` names an activation that has no layer."""
    return sentence is not None and sentence.startswith(LOST)


def without_guess(sentence: str) -> str | None:
    """Return what a sentence of `diagnose` saw, without what that would mean of the layer's parameters."""
    if is_lost_activation(sentence):
        return sentence
    return None if sentence.startswith(_ACTIVATION) else sentence.partition(": ")[0]


def _not_finite(y: Array, broken: Array) -> str:
    kind = "NaN" if np.isnan(y).any() else "infinity"
    share = float(broken.mean())
    return f"{kind} in {share:.1%} of the numbers" if share < 1 else f"every number is {kind}"


def _activation(y: Array, r: Array) -> tuple[float, str] | None:
    """One of the two is a bounded version of the other."""
    missing = _norm(np.clip(y, r.min(), r.max()) - r)
    surplus = _norm(np.clip(r, y.min(), y.max()) - y)
    if missing <= surplus:
        words = f"{_ACTIVATION} is missing or has other bounds: the reference lies in {_range(r)}"
        return missing, words
    return surplus, f"{_ACTIVATION} too many or with other bounds: the result lies in {_range(y)}"


def _scaled(y: Array, r: Array) -> tuple[float, str] | None:
    """Y = a r."""
    factor = float(np.vdot(r, y) / np.vdot(r, r)) if r.any() else 1.0
    return _norm(y - factor * r), f"everything is multiplied by {factor:.6g}"


def _affine(y: Array, r: Array) -> tuple[float, str] | None:
    """Y = a r + b."""
    spread = float(r.var())
    if spread == 0:
        return _norm(y - r - (y.mean() - r.mean())), f"everything is shifted by {y.mean() - r.mean():.6g}"
    factor = float(((y - y.mean()) * (r - r.mean())).mean() / spread)
    offset = float(y.mean() - factor * r.mean())
    if abs(factor - 1) < 1e-6:
        return _norm(y - r - offset), f"everything is shifted by {offset:.6g}"
    sign = "plus" if offset >= 0 else "minus"
    words = f"the result is {factor:.6g} times the reference {sign} {abs(offset):.6g}"
    return _norm(y - factor * r - offset), words


def _few_channels(y: Array, r: Array) -> tuple[float, str] | None:
    """Only some channels differ at all."""
    if y.ndim < 2 or y.shape[0] < 2:
        return None
    errors = _per_channel(y - r)
    order = np.argsort(errors)[::-1]
    total = float(np.sum(errors**2))
    count = int(np.searchsorted(np.cumsum(errors[order] ** 2), 0.99999 * total)) + 1
    if count > max(1, y.shape[0] // 4):
        return None
    rest = float(np.sqrt(np.sum(errors[order[count:]] ** 2)))
    names = ", ".join(str(index) for index in sorted(order[:count])[:6]) + (", ..." if count > 6 else "")
    what, end = (_slice(y), "s") if count == 1 else (f"{_slice(y)}s", "")
    return rest, f"only {what} {names} of {y.shape[0]} differ{end}"


def _channel_order(y: Array, r: Array) -> tuple[float, str] | None:
    """The channels of the result are those of the reference in another order."""
    if y.ndim < 1 or not 2 <= y.shape[0] <= _MOST_CHANNELS:
        return None
    mine, theirs = y.reshape(y.shape[0], -1), r.reshape(r.shape[0], -1)
    key_y, key_r = _fingerprint(mine), _fingerprint(theirs)
    order_y, order_r = np.argsort(key_y, kind="stable"), np.argsort(key_r, kind="stable")
    source = np.empty(y.shape[0], np.intp)
    source[order_y] = order_r
    moved = int(np.sum(source != np.arange(y.shape[0])))
    if moved == 0:
        return None
    pairs = [f"{index}<-{source[index]}" for index in np.flatnonzero(source != np.arange(y.shape[0]))[:4]]
    more = ", ..." if moved > 4 else ""
    words = f"{moved} {_slice(y)}s stand in another order ({', '.join(pairs)}{more})"
    return _norm(mine - theirs[source]), words


def _channel_affine(y: Array, r: Array) -> tuple[float, str] | None:
    """Every channel is scaled and shifted for itself: a norm's or a bias's doing."""
    if y.ndim < 2 or y[0].size < 4:
        return None
    mine, theirs = y.reshape(y.shape[0], -1), r.reshape(r.shape[0], -1)
    centred_y = mine - mine.mean(1, keepdims=True)
    centred_r = theirs - theirs.mean(1, keepdims=True)
    variance = np.maximum((centred_r**2).sum(1), 1e-300)
    factor = (centred_y * centred_r).sum(1) / variance
    residual = _norm(centred_y - factor[:, None] * centred_r)
    low, high = float(factor.min()), float(factor.max())
    if np.allclose(factor, 1, atol=1e-5):
        return residual, f"each {_slice(y)} is shifted by a constant of its own: the bias is wrong"
    if high - low < 1e-4 * abs(high):
        return residual, f"each {_slice(y)} is multiplied by {high:.6g} and shifted by a constant of its own"
    return residual, f"each {_slice(y)} is scaled by a factor of its own, {low:.4g} to {high:.4g}"


def _moved(y: Array, r: Array) -> tuple[float, str] | None:
    """The picture is the reference moved by a pixel or mirrored: padding or an axis is wrong."""
    if y.ndim < 3 or min(y.shape[-2:]) < 4:
        return None
    inner = (..., slice(1, -1), slice(1, -1))
    inside_error = _norm((y - r)[inner])
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if (down, right) == (0, 0):
                continue
            residual = _norm((y - np.roll(r, (down, right), (-2, -1)))[inner])
            if residual <= _EXPLAINED * inside_error:
                ways = [_WAYS[axis, step] for axis, step in enumerate((down, right)) if step]
                return 0.0, f"the picture is moved by a pixel {' and '.join(ways)}: padding or stride"
    for axis, name in ((-1, "left to right"), (-2, "top to bottom")):
        if _norm(y - np.flip(r, axis)) <= _EXPLAINED * _norm(y - r):
            return 0.0, f"the picture is mirrored {name}"
    return None


def _border(y: Array, r: Array) -> tuple[float, str] | None:
    """Only the border differs: another padding value or mode."""
    if y.ndim < 3 or min(y.shape[-2:]) < 5:
        return None
    for width in (1, 2, 3):
        inner = (..., slice(width, -width), slice(width, -width))
        if min(y.shape[-2:]) > 2 * width and y[inner].size > y.size // 4:
            residual = _norm((y - r)[inner])
            if residual <= _EXPLAINED * _norm(y - r):
                what = "outermost pixel" if width == 1 else f"outer {width} pixels"
                verb = "differs" if width == 1 else "differ"
                return 0.0, f"only the {what} on each side {verb}: the padding's value or mode"
    return None


_TESTS: tuple[_Test, ...] = (
    lost_activation,
    _scaled,
    _channel_order,
    _few_channels,
    _border,
    _moved,
    _activation,
    _affine,
    _channel_affine,
)


def _where(y: Array, r: Array) -> str | None:
    """No relation found: say how much of the result differs."""
    size = np.abs(y - r)
    share = float(np.mean(size > 0.01 * size.max()))
    return f"the error sits in {share:.1%} of the numbers" if share < 0.05 else None


def _slice(array: Array) -> str:
    """What ncnn calls the outermost axis: channels of a picture, rows of a matrix, numbers of a vector."""
    return "channel" if array.ndim > 2 else "row" if array.ndim == 2 else "number"


def _fingerprint(rows: Array) -> Array:
    """One number per row that tells rows apart: a fixed random projection."""
    weights = np.random.default_rng(0).standard_normal(rows.shape[1])
    projected: Array = rows @ weights
    return projected


def _per_channel(difference: Array) -> Array:
    flat = difference.reshape(difference.shape[0], -1)
    norms: Array = np.sqrt(np.einsum("ij,ij->i", flat, flat))
    return norms


def _norm(array: Array) -> float:
    flat = array.reshape(-1)
    return float(np.sqrt(np.einsum("i,i->", flat, flat)))


def _range(array: Array) -> str:
    low, high = float(array.min()), float(array.max())
    tiny = 1e-5 * max(abs(low), abs(high))
    low, high = (0.0 if abs(bound) <= tiny else bound for bound in (low, high))
    return f"[{low:.4g}, {high:.4g}]"


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
