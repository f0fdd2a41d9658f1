"""What a layer makes of infinity: which give NaN, which stop it.

sums of products      infinity times weights of both signs, or zero, is NaN
norms, softmax        infinity minus infinity, or over infinity, is NaN
functions with bounds of infinity are finite: clip, sigmoid, tanh
everything else       hands on what it is given; nothing makes NaN finite again
"""

from __future__ import annotations

from edgekit.forecaster.outcome import State
from edgekit.graph import Layer
from edgekit.ops import describe

_TO_NAN = frozenset(
    "Convolution Convolution1D ConvolutionDepthWise Deconvolution DeconvolutionDepthWise InnerProduct Gemm "
    "MatMul Softmax LayerNorm GroupNorm InstanceNorm RMSNorm BatchNorm MultiHeadAttention SDPA GRU LSTM "
    "RNN".split()
)
_BOUNDED = frozenset("Clip Sigmoid TanH HardSigmoid Erf".split())


def handed_on(layer: Layer, given: State) -> State:
    """Return the worst number that a layer gives when the worst that it reads is `given`."""
    if given is State.FINITE:
        return State.FINITE
    if given is State.NAN:
        return State.NAN
    if layer.type in _BOUNDED:
        return State.FINITE
    if layer.type in _TO_NAN:
        return State.NAN
    if layer.type == "BinaryOp" and describe(layer)["op_type"] in ("sub", "div", "rsub", "rdiv"):
        return State.NAN
    return State.INF
