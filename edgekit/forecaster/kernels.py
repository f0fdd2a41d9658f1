"""How ncnn computes a layer in half precision on an ARM core with fp16 arithmetic.

Read off ncnn 1.0.20261020, `src/layer/arm`. Three ways:

WIDE    the type has no fp16 kernels: it is handed float32 and hands on float32
STORED  blobs and weights are 16 bits wide, sums and functions are float32 (bf16 storage; fp16 storage
        without arithmetic; the norms, which add up in float32 whatever the options say)
HALF    sums, too, are rounded to 11 bits after every step (`fmla.8h`)

MOVED layers round numbers once, where they come in. A layer behind others that stand for no PyTorch tensor
runs with them, as a CHAIN.
"""

from __future__ import annotations

from enum import StrEnum

from edgekit.graph import Layer
from edgekit.ops import decode, spec_of
from edgekit.ops.half import mask_of, stores_half


class Kernel(StrEnum):
    """What arithmetic a layer gets."""

    WIDE = "wide"
    STORED = "stored"
    HALF = "half"
    MOVED = "moved"
    CHAIN = "chain"


MOVES = frozenset(
    "Input Split Reshape Flatten Slice Crop Concat ShuffleChannel PixelShuffle Noop Padding Packing "
    "Cast".split()
)
"""Types whose kernels copy halves as they are."""

_SUMS_WIDE = frozenset("LayerNorm GroupNorm RMSNorm".split())
"""Types that convert every number to float32 first (`vcvt_f32_f16`), in all precisions."""


def kernel_of(layer: Layer, precision: str) -> Kernel:
    """Return how ncnn computes a layer in `fp16`, `fp16-storage` or `bf16`, its own feature mask included."""
    bits = mask_of(layer)
    off = bits & (4 if precision == "bf16" else 2)
    if off or not stores_half(layer.type) or _adaptive(layer):
        return Kernel.WIDE
    if layer.type in MOVES:
        return Kernel.MOVED
    if precision != "fp16" or bits & 1 or layer.type in _SUMS_WIDE or _pools_wide(layer):
        return Kernel.STORED
    return Kernel.HALF


def _adaptive(layer: Layer) -> bool:
    """Adaptive pooling has no fp16 kernel of its own."""
    return layer.type == "Pooling" and bool(decode(spec_of(layer.type), layer).integer("adaptive_pooling"))


def _pools_wide(layer: Layer) -> bool:
    """A global average is added up in float32 always, a smaller window in fp16; a maximum adds nothing up."""
    if layer.type != "Pooling":
        return False
    params = decode(spec_of(layer.type), layer)
    return bool(params.integer("global_pooling")) or params.integer("pooling_type") == 0
