"""MobileNet V4: universal inverted bottlenecks and mobile multi-query attention.

The networks are tables in `mobilenet_v4_tables`, where their sources are given.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgekit.models import mobilenet_v4_tables as tables
from edgekit.models.blocks import Activation, ConvNormAct, depthwise, pointwise, round_channels
from edgekit.models.mobilenet_v4_tables import Conv, Fused, Mqa, Row, Table, Uib

HEAD = 1280


class LayerScale(nn.Module):
    """One learned factor per channel (Touvron et al. 2021, arXiv:2103.17239)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.gamma
        return x


class FusedInvertedBottleneck(nn.Module):
    """Full 3x3 expansion, 1x1 linear projection (V4 paper, section 3.1)."""

    def __init__(self, in_channels: int, row: Fused, act: Activation) -> None:
        super().__init__()
        hidden = round_channels(in_channels * row.expansion)
        self.expand = ConvNormAct(in_channels, hidden, 3, row.stride, act)
        self.project = pointwise(hidden, row.channels, "none")

    def forward(self, x: Tensor) -> Tensor:
        x = self.expand(x)
        x = self.project(x)
        return x


class UniversalInvertedBottleneck(nn.Module):
    """Optional depthwise, expansion, optional depthwise, linear projection, skip.

    The stride falls on the middle depthwise convolution where there is one, else on the first.
    """

    def __init__(self, in_channels: int, row: Uib, act: Activation, layer_scale: bool) -> None:
        super().__init__()
        hidden = round_channels(in_channels * row.expansion)
        self.start: nn.Module = nn.Identity()
        self.middle: nn.Module = nn.Identity()
        self.scale: nn.Module = nn.Identity()
        if row.start:
            stride = 1 if row.middle else row.stride
            self.start = depthwise(in_channels, row.start, stride, "none")
        self.expand = pointwise(in_channels, hidden, act)
        if row.middle:
            self.middle = depthwise(hidden, row.middle, row.stride, act)
        self.project = pointwise(hidden, row.channels, "none")
        if layer_scale:
            self.scale = LayerScale(row.channels)
        self.skip = row.stride == 1 and in_channels == row.channels

    @property
    def residual_end(self) -> nn.Module | None:
        """The normalisation that scales the residual branch, where no layer scale does."""
        return self.project.norm if self.skip and isinstance(self.scale, nn.Identity) else None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.start(x)
        y = self.expand(y)
        y = self.middle(y)
        y = self.project(y)
        y = self.scale(y)
        if self.skip:
            y = x + y
        return y


class MobileAttention(nn.Module):
    """Multi-query attention over the positions of a plane, with a skip around it.

    All heads share one key and one value, so the heads' queries are simply more rows of one
    matrix product. `reduction` 2 takes keys and values from a plane of half the size.
    """

    def __init__(self, row: Mqa, layer_scale: bool) -> None:
        super().__init__()
        self.heads = row.heads
        self.key_channels = row.key
        self.norm = nn.BatchNorm2d(row.channels)
        self.query = nn.Conv2d(row.channels, row.heads * row.key, 1, bias=False)
        self.reduce_key: nn.Module = nn.Identity()
        self.reduce_value: nn.Module = nn.Identity()
        self.scale: nn.Module = nn.Identity()
        if row.reduction > 1:
            self.reduce_key = depthwise(row.channels, 3, row.reduction, "none")
            self.reduce_value = depthwise(row.channels, 3, row.reduction, "none")
        self.key = nn.Conv2d(row.channels, row.key, 1, bias=False)
        self.value = nn.Conv2d(row.channels, row.key, 1, bias=False)
        self.output = nn.Conv2d(row.heads * row.key, row.channels, 1, bias=False)
        if layer_scale:
            self.scale = LayerScale(row.channels)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        heads, depth = self.heads, self.key_channels
        y: Tensor = self.norm(x)
        query = self.query(y).reshape(n, heads, depth, height * width)
        query = query.transpose(2, 3).reshape(n, heads * height * width, depth)
        key = self.key(self.reduce_key(y)).flatten(2)  # (N, depth, positions)
        value = self.value(self.reduce_value(y)).flatten(2).transpose(1, 2)  # (N, positions, depth)
        scores = torch.matmul(query * (1.0 / math.sqrt(depth)), key)
        weights = torch.softmax(scores, dim=-1)
        mixed = torch.matmul(weights, value)  # (N, heads * H * W, depth)
        mixed = mixed.reshape(n, heads, height * width, depth).transpose(2, 3)
        mixed = mixed.reshape(n, heads * depth, height, width)
        y = self.output(mixed)
        y = self.scale(y)
        y = x + y
        return y


class MobileNetV4(nn.Module):
    """Images (N, 3, H, W) to logits (N, classes)."""

    def __init__(self, table: Table, classes: int) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, table.stem, 3, 2, table.act)
        blocks: list[nn.Module] = []
        channels = table.stem
        for row in table.rows:
            blocks.append(_block(channels, row, table))
            channels = row.channels
        self.blocks = nn.Sequential(*blocks)
        self.head = pointwise(channels, HEAD, table.act)
        self.classifier = nn.Linear(HEAD, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        x = F.adaptive_avg_pool2d(x, 1)
        x = self.head(x)
        x = x.flatten(1)
        x = self.classifier(x)
        return x


def _block(in_channels: int, row: Row, table: Table) -> nn.Module:
    match row:
        case Conv():
            return ConvNormAct(in_channels, row.channels, row.kernel, row.stride, table.act)
        case Fused():
            return FusedInvertedBottleneck(in_channels, row, table.act)
        case Uib():
            return UniversalInvertedBottleneck(in_channels, row, table.act, table.layer_scale)
        case Mqa():
            return MobileAttention(row, table.layer_scale)


def build_conv_small(classes: int) -> MobileNetV4:
    """Make MNv4-Conv-S."""
    return MobileNetV4(tables.CONV_SMALL, classes)


def build_conv_medium(classes: int) -> MobileNetV4:
    """Make MNv4-Conv-M."""
    return MobileNetV4(tables.CONV_MEDIUM, classes)


def build_conv_large(classes: int) -> MobileNetV4:
    """Make MNv4-Conv-L."""
    return MobileNetV4(tables.CONV_LARGE, classes)


def build_hybrid_medium(classes: int) -> MobileNetV4:
    """Make MNv4-Hybrid-M."""
    return MobileNetV4(tables.HYBRID_MEDIUM, classes)


def build_hybrid_large(classes: int) -> MobileNetV4:
    """Make MNv4-Hybrid-L."""
    return MobileNetV4(tables.HYBRID_LARGE, classes)
