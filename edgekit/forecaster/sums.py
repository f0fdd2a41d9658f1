"""What half precision does to sums of products, added up as ncnn adds them.

STORED  rows and columns are rounded, the sum is float32, the result is rounded.
HALF    s_k = fl16(s_{k-1} + x_k w_k), a fused multiply-add per step, beginning with the bias: the error
        of a sum of K products grows like u sqrt(K) times its largest partial sum (Higham, Accuracy and
        Stability of Numerical Algorithms, ch. 4), and a partial sum beyond 65504 stays infinite.

A part of a layer has fewer elements than the layer, and the largest of fewer errors is smaller: for errors
that are distributed normally it grows like sqrt(2 ln n), by which the result is corrected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.outcome import Outcome, outcome
from edgekit.forecaster.products import Products
from edgekit.numerics.halves import rounded
from edgekit.ops import Activation

Array = npt.NDArray[Any]


def of_products(products: Products, given: Products, kernel: Kernel, precision: str) -> Outcome:
    """Return what the layer's output is off by, and whether it is finite.

    `given` is the same part of the layer with the inputs that ncnn has after its cast.
    """
    exact = np.einsum("gpk,gok->gpo", products.rows, products.columns, dtype=np.float64, optimize=True)
    exact += products.bias[:, None, :]
    rows, columns = rounded(given.rows, precision), rounded(given.columns, precision)
    with np.errstate(all="ignore"):
        if kernel is Kernel.HALF:
            found = _in_halves(rows, columns, rounded(products.bias, precision), products.lanes)
        else:
            found = np.einsum("gpk,gok->gpo", rows, columns, optimize=True) + products.bias[:, None, :]
        wanted = apply(products.activation, exact)
        got = rounded(apply(products.activation, found), precision)
    return outcome(got, wanted, growth(products.taken, products.size))


def growth(taken: int, size: int) -> float:
    """Return sqrt(ln size / ln taken): how much larger the largest of `size` normal errors is."""
    return float(np.sqrt(np.log(max(size, 3)) / np.log(max(min(taken, size), 3))))


def _in_halves(rows: Array, columns: Array, bias: Array, lanes: int) -> Array:
    """Add product after product in fp16: (g, p, K) and (g, o, K) to (g, p, o); the lanes at the end."""
    shape = (rows.shape[0], rows.shape[1], columns.shape[1])
    totals = [np.zeros(shape, np.float16) for _ in range(lanes)]
    totals[0] = np.broadcast_to(bias[:, None, :], shape).astype(np.float16)
    for k in range(rows.shape[2]):
        product = rows[:, :, None, k] * columns[:, None, :, k]  # exact in float32
        totals[k % lanes] = (totals[k % lanes].astype(np.float32) + product).astype(np.float16)
    while len(totals) > 1:
        odd = totals[len(totals) // 2 * 2 :]
        totals = [one + other for one, other in zip(totals[::2], totals[1::2], strict=False)] + odd
    return totals[0].astype(np.float32)


def apply(fused: Activation | None, x: Array) -> Array:
    """Apply the activation that is fused into a layer."""
    if fused is None:
        return x
    first, second = (*fused.params, 0.0, 0.0)[:2]
    if fused.name == "relu":
        return np.maximum(x, 0)
    if fused.name == "leakyrelu":
        return np.where(x < 0, x * first, x)
    if fused.name == "clip":
        return np.clip(x, first, second)
    if fused.name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    if fused.name == "mish":
        return x * np.tanh(np.log1p(np.exp(x)))
    if fused.name == "hardswish":
        return x * np.clip(x * first + second, 0, 1)
    return x
