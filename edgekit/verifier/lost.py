"""A layer's result and the reference one function apart: an activation that was lost, or is one too many."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgekit.numerics.metrics import Array

LOST = "an activation is missing behind it"
_CLEARLY = 0.1
"""Part of what a mere factor leaves unexplained: near zero silu is but a half, and tanh nothing at all."""


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))))


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, x))


_FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "softplus": _softplus,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "abs": np.abs,
}


def lost_activation(y: Array, r: Array) -> tuple[float, str] | None:
    """Return what is left and the words where the reference r is f(y), or the result y is f(r).

    The best of the functions counts. Both arrays are float64 and of one shape.
    """
    factor = float(np.vdot(r, y) / np.vdot(r, r)) if r.any() else 1.0
    limit = _CLEARLY * float(np.linalg.norm(y - factor * r))
    found = []
    for name, function in _FUNCTIONS.items():
        missing = float(np.linalg.norm(function(y) - r))
        surplus = float(np.linalg.norm(function(r) - y))
        found.append((missing, f"{LOST}: PyTorch has {name} of what it gives"))
        found.append((surplus, f"an activation too many: it gives {name} of what PyTorch has"))
    best = min(found)
    return best if best[0] < limit else None
