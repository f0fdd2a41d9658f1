"""What a layer costs: multiply-accumulates, parameters, bytes. Pure rules, nothing is measured.

One MAC (a multiplication and an addition) is two FLOP. Counted are the MACs of the algorithm as
written, whatever kernel ncnn picks (Winograd does fewer), without the activation, bias and
scaling around them. Shapes are ncnn's, outermost axis first: (c, h, w).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from edgekit.errors import FormatError
from edgekit.graph import Layer
from edgekit.ops.spec import Params, WeightSpec, decode
from edgekit.ops.table import spec_of
from edgekit.ops.weights import is_scale, weight_layout

Shape = tuple[int, ...]
Shapes = Sequence[Shape]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of running one layer once.

    `parameters` counts learned numbers (no quantisation scales); `weight_bytes` is their size as
    stored, scales included; `activation_bytes` is what is read and written of blobs.
    """

    macs: int
    parameters: int
    weight_bytes: int
    activation_bytes: int

    @property
    def flops(self) -> int:
        """Floating-point operations: two per MAC."""
        return 2 * self.macs

    @property
    def bytes(self) -> int:
        """All memory traffic of a run that finds nothing in a cache."""
        return self.weight_bytes + self.activation_bytes

    @property
    def intensity(self) -> float:
        """FLOP per byte of traffic; 0 for a layer without traffic."""
        return self.flops / self.bytes if self.bytes else 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a rule sees: decoded parameters, weights, and the shapes of all blobs."""

    params: Params
    weights: tuple[WeightSpec, ...]
    inputs: Shapes
    outputs: Shapes

    def weight(self, name: str) -> WeightSpec | None:
        """Return a weight by name."""
        return next((weight for weight in self.weights if weight.name == name), None)

    def input(self, index: int = 0) -> Shape:
        """Return the shape of an input.

        Raises:
            FormatError: there is no such input, or it has no axes.
        """
        if index >= len(self.inputs) or not self.inputs[index]:
            raise FormatError(
                f"{self.params.owner}: the shape of input {index} is missing", "give all shapes"
            )
        return self.inputs[index]


Rule = Callable[[Work], int]


def cost(layer: Layer, input_shapes: Shapes, output_shapes: Shapes, *, value_bytes: int = 4) -> Cost:
    """Return the cost of a layer whose blobs have the given shapes.

    `value_bytes` is the size of an activation: 4, or 2 when ncnn stores them in half precision.

    Raises:
        UnknownLayerType: ncnn registers no such layer type.
        FormatError: parameters or shapes contradict each other, or a shape is missing.
    """
    spec = spec_of(layer.type, layer.name)
    weights = weight_layout(layer)
    work = Work(decode(spec, layer), weights, input_shapes, output_shapes)
    rule = _RULES.get(layer.type)
    moved = 0 if layer.type in _WITHOUT_COPY else sum(map(prod, (*input_shapes, *output_shapes)))
    return Cost(
        macs=0 if rule is None else rule(work),
        parameters=sum(_elements(weight, work) for weight in weights if not is_scale(weight)),
        weight_bytes=_stored_bytes(layer) if layer.weights else sum(map(_bytes_of, weights)),
        activation_bytes=moved * value_bytes,
    )


def _elements(weight: WeightSpec, work: Work) -> int:
    """Return the number of elements; of a packed weight, those that its bytes hold."""
    if weight.storage != "bytes":
        return weight.size
    bits = work.params.integer("quantize_term") // 100
    return weight.size * 8 // bits


def _bytes_of(weight: WeightSpec) -> int:
    return weight.size * (1 if weight.storage == "bytes" else 4)


def _stored_bytes(layer: Layer) -> int:
    """Return the bytes of the numbers in the `.bin`, without tags and padding."""
    tables = sum(weight.table.nbytes for weight in layer.weights if weight.table is not None)
    return sum(weight.data.nbytes for weight in layer.weights) + tables


def convolution(work: Work) -> int:
    """Return out_c * out_h * out_w * (in_c / group) * kernel_h * kernel_w (1-D and 3-D alike).

    A weight that comes in as the second blob has the shape of the stored one.
    """
    weight = work.weight("weight_data")
    shape = weight.shape if weight is not None else work.input(1)
    return prod(work.outputs[0]) * prod(shape[1:])


def deconvolution(work: Work) -> int:
    """Return in_h * in_w * in_c * (out_c / group) * kernel_h * kernel_w.

    Each input value meets all weights of its channel; results outside of a cropped output are
    counted too. The weight holds in_c * (out_c / group) * kernel numbers.
    """
    weight = work.weight("weight_data")
    return prod(work.input()[1:]) * (weight.size if weight is not None else prod(work.input(1)))


def inner_product(work: Work) -> int:
    """Return rows * in * out; an input that is not a matrix is one row."""
    weight = work.weight("weight_data")
    assert weight is not None
    shape = work.input()
    rows = shape[0] if len(shape) == 2 and shape[1] == weight.shape[1] else 1
    return rows * weight.size


def matmul(work: Work) -> int:
    """Return batch * M * N * K, K being the innermost axis of the left operand."""
    return prod(work.outputs[0]) * work.input()[-1]


def gemm(work: Work) -> int:
    """Return M * N * K; a blob of rank 3 has its rows in the channels."""
    if work.params.integer("constantA") or work.params.integer("constantB"):
        depth = work.params.integer("constantK")
    else:
        shape = work.input()
        depth = shape[0] if work.params.integer("transA") else shape[-1]
    return prod(work.outputs[0]) * depth


def recurrent(work: Work) -> int:
    """Return steps * directions * (gates * hidden * (in + out) [+ out * hidden with a projection]).

    That is every weight once a step. The steps are the outermost axis of the input (steps, in).
    """
    roles = ("weight_xc_data", "weight_hc_data", "weight_hr_data")
    return work.input()[0] * sum(weight.size for weight in work.weights if weight.name in roles)


def multi_head_attention(work: Work) -> int:
    """Return the four projections, and 2 * len_q * len_k * embed_dim for scores and weighted sum.

    Blobs are (length, features): q, then k and v unless they are the same, mask, cached k and v.
    With a cache, self-attention appends the new keys to it and cross-attention replaces them.
    """
    params = work.params
    cached = 2 if params.integer("kv_cache") else 0
    operands = len(work.inputs) - cached - (1 if params.integer("attn_mask") else 0)
    q, k = work.input(), work.input(min(1, operands - 1))
    v = work.input(min(2, operands - 1))
    embed_dim = params.positive("embed_dim")
    query_dim = params.quotient("weight_data_size", embed_dim)
    past = work.inputs[-2][0] if cached and work.inputs[-2] else 0
    appends = not past or operands == 1
    keys = past + k[0] if operands == 1 else past or k[0]
    projections = q[0] * 2 * query_dim
    if appends:
        projections += k[0] * params.integer("kdim") + v[0] * params.integer("vdim")
    return embed_dim * (projections + 2 * q[0] * keys)


def sdpa(work: Work) -> int:
    """Return heads * len_q * len_k * (dim_k + dim_v); blobs are (heads, length, dim), a cache adds keys."""
    q, k, v = work.input(0), work.input(1), work.input(2)
    past = work.inputs[-2][-2] if work.params.integer("kv_cache") and work.inputs[-2] else 0
    return prod(q[:-1]) * (k[-2] + past) * (q[-1] + v[-1])


def einsum(work: Work) -> int:
    """Return the product of the sizes of all indices that occur, per product of two operands."""
    text = "".join(map(chr, work.params.ints("equation")))
    terms = text.partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for index, term in enumerate(terms):
        sizes |= dict(zip(term, work.input(index), strict=False))
    return prod(sizes.values()) * max(len(terms) - 1, 0)


def fourier(work: Work) -> int:
    """Return 2 * n_fft * bins * frames: ncnn computes the transform by its definition."""
    n_fft = work.params.integer("n_fft")
    return 2 * n_fft * (n_fft // 2 + 1) * work.outputs[0][1]


def inverse_fourier(work: Work) -> int:
    """Return 4 * n_fft * n_fft * frames: a complex sum over all bins for every sample of every frame."""
    return 4 * work.params.integer("n_fft") ** 2 * work.input()[1]


_RULES: dict[str, Rule] = {
    **{f"Convolution{kind}": convolution for kind in ("", "1D", "3D")},
    **{f"ConvolutionDepthWise{kind}": convolution for kind in ("", "1D", "3D")},
    **{f"Deconvolution{kind}": deconvolution for kind in ("", "1D", "3D")},
    **{f"DeconvolutionDepthWise{kind}": deconvolution for kind in ("", "1D", "3D")},
    "DeformableConv2D": convolution,
    "InnerProduct": inner_product,
    "MatMul": matmul,
    "Gemm": gemm,
    "Einsum": einsum,
    "RNN": recurrent,
    "GRU": recurrent,
    "LSTM": recurrent,
    "MultiHeadAttention": multi_head_attention,
    "SDPA": sdpa,
    "Spectrogram": fourier,
    "InverseSpectrogram": inverse_fourier,
}

# They hand on the memory of their input, or hold it already.
_WITHOUT_COPY = frozenset({"Input", "MemoryData", "Split", "Noop", "Squeeze", "ExpandDims"})
