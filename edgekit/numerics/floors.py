"""The noise floor: the largest error that the arithmetic itself explains. The one place of the rule.

A layer is compared with float32 PyTorch on the same inputs y = f(x). Both are rounded results of one exact
function, so their distance is bounded by what rounding does to that function:

E_t   max|f32(x) - f64(x)|   how far PyTorch's own float32 is from float64 on these very inputs: another
                             order of summation (ncnn's) is wrong by about as much. A maximum over few
                             elements can be lucky, and orders differ by a factor, hence ACCUMULATION.
u max|y|                     half a unit in the last place of the largest result: E_t can be 0 by luck.
E_c   max|f64(x(1 ± u)) - f64(x)|  what rounding the inputs and weights once does: the conditioning. A layer
                             that subtracts large numbers (a norm over nearly constant input) amplifies
                             every earlier rounding by this, whoever did it. What a function holds on the way
                             to a smaller result is rounded too: the 1 in exp(x) - 1 and in log(1 + exp(x)),
                             x in a Mish or GELU far below zero. CONDITIONING allows for BN folding, which
                             rounds each weight and bias once or twice more.
E_c of a softmax p of x      is at least u/2 max p_i (|x_i| (1 - p_i) + sum_{j != i} p_j |x_j|), half of what
                             the worst rounding of x does to it. Where logits are large, few rows move at all,
                             and one draw of E_c may miss them.
2 u sqrt(N) max|y|           a plain float32 sum of N like terms random-walks by u sqrt(N) of its result
                             (Higham, Accuracy and Stability of Numerical Algorithms, ch. 4): poolings
                             and norms, whose E_t PyTorch keeps small by summing in blocks or in double.

2 or 4 u16 max|y|             the input and the result are rounded; a function in fp16 arithmetic (a tanh is
                             an exponential and a division) rounds in between too: up to 2.7 were measured.
2 u16 sqrt(K) max|y|         the same of the K products behind an element, where ncnn sums them in fp16
                             registers (`fmla.8h`): fp16 arithmetic only. fp16 and bf16 *storage* sum in fp32.
                             Winograd kernels sum transformed inputs that cancel, hence WINOGRAD; what that
                             loses does not shrink with K, which counts as WINOGRAD_PRODUCTS or more. The
                             worst of convolutions of 1 to 64 channels came to 0.6 of this.

2^-15 max|y|                 a reciprocal or reciprocal square root that ncnn's ARM kernels estimate
                             (`frsqrte`) and refine once: 1.6e-5 off at worst, in every precision.

max(2^-24, min(2^-14, max|y|))  fp16 fades out: its subnormal numbers are steps of 2^-24, and ncnn's scalar
                             conversion (`float32_to_float16`, which takes what is left of a row when the
                             vectors are through) makes everything below the smallest normal number zero.
2^-126                       float32 and bf16 fade out there: ncnn flushes subnormal numbers to zero, and its
                             exponential goes no lower than e^-88.4, which is one of them.

Layers that only move numbers, ReLU and clip are exact: their floor is 0, or all that they hold where that is
subnormal.

Half precision multiplies the unit of rounding: u = 2^-11 (fp16, 10 bits after the leading one) or 2^-8
(bf16). E_c is linear in u to first order, so the same measured value serves every precision. Weights that the
file stores in half precision were rounded by that u before the first run, in whatever precision ncnn
computes: their layer is allowed 4 E_c at the larger of the two units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

UNITS = {"fp32": 2.0**-24, "fp16": 2.0**-11, "fp16-storage": 2.0**-11, "bf16": 2.0**-8}
"""Unit of rounding (half the spacing of numbers near 1) of each precision."""

SMALLEST = {"fp32": 2.0**-126, "fp16": 2.0**-14, "fp16-storage": 2.0**-14, "bf16": 2.0**-126}
"""The smallest normal number of a precision: what is below may become 0."""

STEP = {"fp32": 2.0**-126, "fp16": 2.0**-24, "fp16-storage": 2.0**-24, "bf16": 2.0**-126}
"""Distance between the numbers below `SMALLEST`, where they are kept."""

SUMS_IN_FP16 = "fp16"
"""The precision whose sums are rounded to 11 bits after every step."""

STEPS_IN_FP16 = 4.0
ESTIMATE = 2.0**-15
WINOGRAD = 8.0
WINOGRAD_PRODUCTS = 144
ACCUMULATION = 64.0
CONDITIONING = 4.0


@dataclass(frozen=True, slots=True)
class Noise:
    """What was measured of one layer on one sample: see the module's docstring.

    `rounding` is E_t, `conditioning` E_c, `peak` max|y|, `terms` N. `exact` layers have no noise at all.
    """

    rounding: float
    conditioning: float
    peak: float
    terms: int = 1
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """How ncnn sums one element: of how many products, with a winograd kernel or not, weights stored how.

    `estimated` says that it takes a reciprocal which ARM kernels estimate, `winograd_above` that what comes
    in was rounded by a winograd kernel: in a run of the whole net its error is handed on.
    """

    products: int = 1
    winograd: bool = False
    weights: str = "fp32"
    estimated: bool = False
    winograd_above: bool = False


def floor(noise: Noise, precision: str = "fp32", sums: Sums | None = None) -> float:
    """Return the largest max|ncnn - PyTorch| that is no error; the rule of this module.

    `sums` says how an element comes about. Of the model as a whole its `weights` are the narrowest of all.
    """
    if noise.exact and precision == "fp32":
        return noise.peak if noise.peak < SMALLEST[precision] else 0.0
    u32, u = UNITS["fp32"], UNITS[precision]
    if noise.exact:
        return max(u * noise.peak, _faded(noise, precision))
    stored = UNITS["fp32" if sums is None else sums.weights]
    return max(
        ACCUMULATION * max(noise.rounding, u32 * noise.peak),
        CONDITIONING * noise.conditioning * max(u, stored) / u32,
        2 * u32 * float(np.sqrt(noise.terms)) * noise.peak,
        _of_results(precision) * u * noise.peak,
        0.0 if sums is None or precision != SUMS_IN_FP16 else _of_fp16_sums(noise, sums),
        ESTIMATE * noise.peak if sums is not None and sums.estimated else 0.0,
        _faded(noise, precision),
    )


def _faded(noise: Noise, precision: str) -> float:
    """What is lost of numbers too small for the precision: at most the largest of them, all of it."""
    return max(STEP[precision], min(SMALLEST[precision], noise.peak))


def _of_results(precision: str) -> float:
    """How many roundings stand behind a number that is stored in half precision."""
    if precision == "fp32":
        return 0.0
    return STEPS_IN_FP16 if precision == SUMS_IN_FP16 else 2.0


def _of_fp16_sums(noise: Noise, sums: Sums) -> float:
    u = UNITS[SUMS_IN_FP16]
    products = max(sums.products, WINOGRAD_PRODUCTS if sums.winograd else 1)
    walked = 2 * u * float(np.sqrt(products)) * noise.peak
    handed_on = WINOGRAD * CONDITIONING * noise.conditioning * u / UNITS["fp32"]
    if sums.winograd:
        return max(WINOGRAD * walked, handed_on)
    return max(walked, handed_on) if sums.winograd_above else walked


def of_softmax(x: Array, y: Array) -> float:
    """Return the least E_c of a softmax: `x` its input, `y` its result of the same shape.

    The axis is the one along which `y` adds up to one; 0.0 where there is none.
    """
    x, y = np.abs(x, dtype=np.float64), y.astype(np.float64)
    x[~np.isfinite(x)] = 0.0  # masked: its y is 0 and stays so
    found = [0.0]
    for axis in range(y.ndim):
        if not np.allclose(y.sum(axis), 1.0, atol=1e-3):
            continue
        mean = (y * x).sum(axis, keepdims=True)
        found.append(UNITS["fp32"] * largest(y * (x * (1 - y) + mean - y * x)) / 2)
    return max(found)


def largest(array: Array) -> float:
    """Return max|x| of the finite elements, 0 for an empty array."""
    if array.size == 0:
        return 0.0
    peak = max(float(array.max()), -float(array.min()))
    if np.isfinite(peak):
        return peak
    finite = array[np.isfinite(array)]
    return float(np.max(np.abs(finite))) if finite.size else 0.0
