"""Activations and elementwise arithmetic: parameters as ncnn's `load_param` reads them."""

from __future__ import annotations

from edgekit.ops.layouts import vectors
from edgekit.ops.spec import LayerSpec, array, choice, f, i

_FLOAT_MAX = 3.4028234663852886e38

BINARY_OPS = (
    "add", "sub", "mul", "div", "max", "min", "pow", "rsub", "rdiv", "rpow", "atan2", "ratan2", "fmod",
    "rfmod", "logaddexp", "floor_divide", "rfloor_divide", "remainder", "rremainder",
)  # fmt: skip
UNARY_OPS = (
    "abs", "neg", "floor", "ceil", "square", "sqrt", "rsqrt", "exp", "log", "sin", "cos", "tan", "asin",
    "acos", "atan", "reciprocal", "tanh", "log10", "round", "trunc", "sign", "expm1", "sinh", "asinh",
    "cosh", "acosh", "atanh", "log1p",
)  # fmt: skip

REDUCTIONS = ("sum", "asum", "sumsq", "mean", "max", "min", "prod", "l1", "l2", "logsum", "logsumexp")

ACTIVATIONS = (
    LayerSpec("AbsVal", "absolute value"),
    LayerSpec("BNLL", "log(1 + exp(x))"),
    LayerSpec("CELU", "continuously differentiable exponential linear unit", (f(0, "alpha", 1.0),)),
    LayerSpec("Clip", "min(max(x, min), max)", (f(0, "min", -_FLOAT_MAX), f(1, "max", _FLOAT_MAX))),
    LayerSpec("Dropout", "x * scale", (f(0, "scale", 1.0),)),
    LayerSpec("ELU", "exponential linear unit", (f(0, "alpha", 0.1),)),
    LayerSpec("Erf", "error function"),
    LayerSpec("GELU", "Gaussian error linear unit", (i(0, "fast_gelu", 0, "1: tanh approximation"),)),
    LayerSpec("GLU", "first half * sigmoid(second half) along an axis", (i(0, "axis"),)),
    LayerSpec("HardSigmoid", "min(max(alpha * x + beta, 0), 1)", (f(0, "alpha", 0.2), f(1, "beta", 0.5))),
    LayerSpec("HardSwish", "x * hard sigmoid(x)", (f(0, "alpha", 0.2), f(1, "beta", 0.5))),
    LayerSpec("Mish", "x * tanh(log(1 + exp(x)))"),
    LayerSpec(
        "PReLU",
        "x, or slope * x below 0, slopes by channel",
        (i(0, "num_slope"),),
        vectors("slope_data", size="num_slope"),
    ),
    LayerSpec("ReLU", "x, or slope * x below 0", (f(0, "slope"),)),
    LayerSpec(
        "SELU", "scaled exponential linear unit", (f(0, "alpha", 1.67326324), f(1, "lambda", 1.050700987))
    ),
    LayerSpec("Shrink", "soft or hard shrinkage", (f(0, "bias"), f(1, "lambd", 0.5))),
    LayerSpec("Sigmoid", "1 / (1 + exp(-x))"),
    LayerSpec("Softmax", "softmax along an axis", (i(0, "axis"), i(1, "fixbug0"))),
    LayerSpec("Softplus", "log(1 + exp(x))"),
    LayerSpec("Swish", "x * sigmoid(x)"),
    LayerSpec("TanH", "hyperbolic tangent"),
    LayerSpec("Threshold", "1 above the threshold, else 0", (f(0, "threshold"),)),
)

ARITHMETIC = (
    LayerSpec(
        "BinaryOp",
        "two blobs, or a blob and a scalar",
        (choice(0, "op_type", *BINARY_OPS), i(1, "with_scalar"), f(2, "b", 0.0, "the scalar")),
    ),
    LayerSpec("UnaryOp", "function of one blob", (choice(0, "op_type", *UNARY_OPS),)),
    LayerSpec(
        "Eltwise",
        "product, weighted sum or maximum of blobs",
        (choice(0, "op_type", "prod", "sum", "max"), array(1, "coeffs", "floats")),
    ),
    LayerSpec("Exp", "base ** (scale * x + shift)", (f(0, "base", -1.0), f(1, "scale", 1.0), f(2, "shift"))),
    LayerSpec(
        "Log", "logarithm of scale * x + shift", (f(0, "base", -1.0), f(1, "scale", 1.0), f(2, "shift"))
    ),
    LayerSpec(
        "Power", "(scale * x + shift) ** power", (f(0, "power", 1.0), f(1, "scale", 1.0), f(2, "shift"))
    ),
    LayerSpec("CumulativeSum", "running sum along an axis", (i(0, "axis"),)),
    LayerSpec("ArgMax", "index of the largest values", (i(0, "out_max_val"), i(1, "topk", 1))),
    LayerSpec(
        "Reduction",
        "reduction over axes",
        (
            choice(0, "operation", *REDUCTIONS),
            i(1, "reduce_all", 1),
            f(2, "coeff", 1.0),
            array(3, "axes", "ints"),
            i(4, "keepdims"),
            i(5, "fixbug0"),
        ),
    ),
)
