"""The five MobileNet V4 networks as tables of stages (Qin et al. 2024, arXiv:2404.10518).

Conv S, M and L follow the block specifications of the authors' TensorFlow models
(tensorflow/models, `mobilenet.py`); the two hybrids the paper's appendix, with the block
details (head counts, key and value widths, where attention stands) of timm's `mobilenetv3.py`.
A re-implementation that builds the fused stage from a plain inverted residual misses the published
parameter counts; the paper's fused block is a full 3x3 expansion, then 1x1.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.models.blocks import Activation


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution, BatchNorm, activation."""

    channels: int
    kernel: int
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Fused:
    """Fused inverted bottleneck: 3x3 expansion, 1x1 projection."""

    channels: int
    stride: int
    expansion: int


@dataclass(frozen=True, slots=True)
class Uib:
    """Universal inverted bottleneck: depthwise kernels before and after the expansion, 0 for none."""

    channels: int
    start: int
    middle: int
    stride: int
    expansion: int


@dataclass(frozen=True, slots=True)
class Mqa:
    """Multi-query attention with `heads` queries of `key` channels, keys reduced by `reduction`."""

    channels: int
    heads: int
    key: int
    reduction: int = 1


Row = Conv | Fused | Uib | Mqa


@dataclass(frozen=True, slots=True)
class Table:
    """Stem channels, stages, activation, and whether residual branches are scaled per channel."""

    stem: int
    rows: tuple[Row, ...]
    act: Activation = "relu"
    layer_scale: bool = False


CONV_SMALL = Table(
    32,  # 112x112
    (
        Conv(32, 3, 2),  # 56x56
        Conv(32, 1),
        Conv(96, 3, 2),  # 28x28
        Conv(64, 1),
        Uib(96, 5, 5, 2, 3),  # 14x14
        Uib(96, 0, 3, 1, 2),
        Uib(96, 0, 3, 1, 2),
        Uib(96, 0, 3, 1, 2),
        Uib(96, 0, 3, 1, 2),
        Uib(96, 3, 0, 1, 4),
        Uib(128, 3, 3, 2, 6),  # 7x7
        Uib(128, 5, 5, 1, 4),
        Uib(128, 0, 5, 1, 4),
        Uib(128, 0, 5, 1, 3),
        Uib(128, 0, 3, 1, 4),
        Uib(128, 0, 3, 1, 4),
        Conv(960, 1),
    ),
)

CONV_MEDIUM = Table(
    32,  # 128x128
    (
        Fused(48, 2, 4),  # 64x64
        Uib(80, 3, 5, 2, 4),  # 32x32
        Uib(80, 3, 3, 1, 2),
        Uib(160, 3, 5, 2, 6),  # 16x16
        Uib(160, 3, 3, 1, 4),
        Uib(160, 3, 3, 1, 4),
        Uib(160, 3, 5, 1, 4),
        Uib(160, 3, 3, 1, 4),
        Uib(160, 3, 0, 1, 4),
        Uib(160, 0, 0, 1, 2),
        Uib(160, 3, 0, 1, 4),
        Uib(256, 5, 5, 2, 6),  # 8x8
        Uib(256, 5, 5, 1, 4),
        Uib(256, 3, 5, 1, 4),
        Uib(256, 3, 5, 1, 4),
        Uib(256, 0, 0, 1, 4),
        Uib(256, 3, 0, 1, 4),
        Uib(256, 3, 5, 1, 2),
        Uib(256, 5, 5, 1, 4),
        Uib(256, 0, 0, 1, 4),
        Uib(256, 0, 0, 1, 4),
        Uib(256, 5, 0, 1, 2),
        Conv(960, 1),
    ),
)

CONV_LARGE = Table(
    24,  # 192x192
    (
        Fused(48, 2, 4),  # 96x96
        Uib(96, 3, 5, 2, 4),  # 48x48
        Uib(96, 3, 3, 1, 4),
        Uib(192, 3, 5, 2, 4),  # 24x24
        Uib(192, 3, 3, 1, 4),
        Uib(192, 3, 3, 1, 4),
        Uib(192, 3, 3, 1, 4),
        Uib(192, 3, 5, 1, 4),
        Uib(192, 5, 3, 1, 4),
        Uib(192, 5, 3, 1, 4),
        Uib(192, 5, 3, 1, 4),
        Uib(192, 5, 3, 1, 4),
        Uib(192, 5, 3, 1, 4),
        Uib(192, 3, 0, 1, 4),
        Uib(512, 5, 5, 2, 4),  # 12x12
        Uib(512, 5, 5, 1, 4),
        Uib(512, 5, 5, 1, 4),
        Uib(512, 5, 5, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 3, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 3, 1, 4),
        Uib(512, 5, 5, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Conv(960, 1),
    ),
)

HYBRID_MEDIUM = Table(
    32,  # 128x128
    (
        Fused(48, 2, 4),  # 64x64
        Uib(80, 3, 5, 2, 4),  # 32x32
        Uib(80, 3, 3, 1, 2),
        Uib(160, 3, 5, 2, 6),  # 16x16
        Uib(160, 0, 0, 1, 2),
        Uib(160, 3, 3, 1, 4),
        Uib(160, 3, 5, 1, 4),
        Mqa(160, 4, 64, 2),
        Uib(160, 3, 3, 1, 4),
        Mqa(160, 4, 64, 2),
        Uib(160, 3, 0, 1, 4),
        Mqa(160, 4, 64, 2),
        Uib(160, 3, 3, 1, 4),
        Mqa(160, 4, 64, 2),
        Uib(160, 3, 0, 1, 4),
        Uib(256, 5, 5, 2, 6),  # 8x8
        Uib(256, 5, 5, 1, 4),
        Uib(256, 3, 5, 1, 4),
        Uib(256, 3, 5, 1, 4),
        Uib(256, 0, 0, 1, 2),
        Uib(256, 3, 5, 1, 2),
        Uib(256, 0, 0, 1, 2),
        Uib(256, 0, 0, 1, 4),
        Mqa(256, 4, 64),
        Uib(256, 3, 0, 1, 4),
        Mqa(256, 4, 64),
        Uib(256, 5, 5, 1, 4),
        Mqa(256, 4, 64),
        Uib(256, 5, 0, 1, 4),
        Mqa(256, 4, 64),
        Uib(256, 5, 0, 1, 4),
        Conv(960, 1),
    ),
    layer_scale=True,
)

HYBRID_LARGE = Table(
    24,  # 192x192
    (
        Fused(48, 2, 4),  # 96x96
        Uib(96, 3, 5, 2, 4),  # 48x48
        Uib(96, 3, 3, 1, 4),
        Uib(192, 3, 5, 2, 4),  # 24x24
        Uib(192, 3, 3, 1, 4),
        Uib(192, 3, 3, 1, 4),
        Uib(192, 3, 3, 1, 4),
        Uib(192, 3, 5, 1, 4),
        Uib(192, 5, 3, 1, 4),
        Uib(192, 5, 3, 1, 4),
        Mqa(192, 8, 48, 2),
        Uib(192, 5, 3, 1, 4),
        Mqa(192, 8, 48, 2),
        Uib(192, 5, 3, 1, 4),
        Mqa(192, 8, 48, 2),
        Uib(192, 5, 3, 1, 4),
        Mqa(192, 8, 48, 2),
        Uib(192, 3, 0, 1, 4),
        Uib(512, 5, 5, 2, 4),  # 12x12
        Uib(512, 5, 5, 1, 4),
        Uib(512, 5, 5, 1, 4),
        Uib(512, 5, 5, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 3, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 0, 1, 4),
        Uib(512, 5, 3, 1, 4),
        Uib(512, 5, 5, 1, 4),
        Mqa(512, 8, 64),
        Uib(512, 5, 0, 1, 4),
        Mqa(512, 8, 64),
        Uib(512, 5, 0, 1, 4),
        Mqa(512, 8, 64),
        Uib(512, 5, 0, 1, 4),
        Mqa(512, 8, 64),
        Uib(512, 5, 0, 1, 4),
        Conv(960, 1),
    ),
    act="gelu",
    layer_scale=True,
)
