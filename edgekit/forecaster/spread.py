"""What a layer makes of infinity: which give NaN, which stop it.

sums of products      infinity times weights of both signs, or zero, is NaN
quotients             a number over infinity is zero; infinity over infinity is NaN
norms, softmax        infinity minus infinity, or over infinity, is NaN
functions with bounds of infinity are finite: clip, sigmoid, tanh, a reciprocal
everything else       hands on the worst that it is given; nothing makes NaN finite again
"""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.forecaster.outcome import State
from edgekit.graph import Layer
from edgekit.ops import describe

_TO_NAN = frozenset(
    "Convolution Convolution1D ConvolutionDepthWise Deconvolution DeconvolutionDepthWise InnerProduct Gemm "
    "MatMul Softmax LayerNorm GroupNorm InstanceNorm RMSNorm BatchNorm MultiHeadAttention SDPA GRU LSTM "
    "RNN".split()
)
_BOUNDED = frozenset("Clip Sigmoid TanH HardSigmoid Erf".split())


def handed_on(layer: Layer, given: Sequence[State]) -> State:
    """Return the worst number that a layer gives when the worst that its inputs hold are `given`."""
    worst = max(given, key=lambda state: state.rank, default=State.FINITE)
    if worst is not State.INF:
        return worst
    if layer.type in _BOUNDED or _is_bounded(layer):
        return State.FINITE
    if layer.type in _TO_NAN:
        return State.NAN
    return _of_two(layer, given) if layer.type == "BinaryOp" and len(given) == 2 else State.INF


def _is_bounded(layer: Layer) -> bool:
    """Whether a function of single numbers is finite at infinity."""
    return layer.type == "UnaryOp" and describe(layer)["op_type"] in ("reciprocal", "rsqrt", "tanh")


def _of_two(layer: Layer, given: Sequence[State]) -> State:
    """Infinity and a finite number, or two infinities, which may stand at the same place."""
    name = describe(layer)["op_type"]
    if given[0] is given[1]:
        return State.NAN if name in ("sub", "div", "rsub", "rdiv") else State.INF
    quotient = {"div": given[0], "rdiv": given[1]}
    return quotient.get(str(name), State.INF)
